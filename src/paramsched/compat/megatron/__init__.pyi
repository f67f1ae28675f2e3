from paramsched.compat.megatron._scheduler import OptimizerParamScheduler as OptimizerParamScheduler
from paramsched.compat.megatron.plans import to_plan as to_plan
