from paramsched.compat.megatron._installation import install as install
from paramsched.compat.megatron._scheduler import OptimizerParamScheduler as OptimizerParamScheduler
