from paramsched.mmengine import engine as engine
from paramsched.mmengine import paramwise as paramwise  # this and the registry: for the readers of configs
from paramsched.mmengine import registry as registry
from paramsched.mmengine.runner_distribution import DATASETS as DATASETS
from paramsched.mmengine.runner_distribution import HOOKS as HOOKS
from paramsched.mmengine.runner_distribution import METRICS as METRICS
from paramsched.mmengine.runner_distribution import MODELS as MODELS
from paramsched.mmengine.runner_distribution import AmpOptimWrapper as AmpOptimWrapper
from paramsched.mmengine.runner_distribution import CheckpointHook as CheckpointHook
from paramsched.mmengine.runner_distribution import Hook as Hook
from paramsched.mmengine.runner_distribution import LoggerHook as LoggerHook
from paramsched.mmengine.runner_distribution import Metric as Metric
from paramsched.mmengine.runner_distribution import ParamSchedulerHook as ParamSchedulerHook
from paramsched.mmengine.runner_distribution import ProgressBarHook as ProgressBarHook
from paramsched.mmengine.runner_distribution import RunContext as RunContext
from paramsched.mmengine.runner_distribution import Runner as Runner
from paramsched.mmengine.runner_distribution import simulate as simulate
from paramsched.mmengine.schedulers.base import INF as INF
from paramsched.mmengine.schedulers.base import LRSchedulerMixin as LRSchedulerMixin
from paramsched.mmengine.schedulers.base import MomentumSchedulerMixin as MomentumSchedulerMixin
from paramsched.mmengine.schedulers.base import _ParamScheduler as _ParamScheduler
from paramsched.mmengine.schedulers.build import PARAM_SCHEDULERS as PARAM_SCHEDULERS
from paramsched.mmengine.schedulers.build import build_param_scheduler as build_param_scheduler
from paramsched.mmengine.schedulers.build import restore as restore
from paramsched.mmengine.schedulers.build import scheduled_values as scheduled_values
from paramsched.mmengine.schedulers.build import unmeasured as unmeasured
from paramsched.mmengine.schedulers.families import ConstantLR as ConstantLR
from paramsched.mmengine.schedulers.families import ConstantMomentum as ConstantMomentum
from paramsched.mmengine.schedulers.families import CosineAnnealingLR as CosineAnnealingLR
from paramsched.mmengine.schedulers.families import CosineAnnealingMomentum as CosineAnnealingMomentum
from paramsched.mmengine.schedulers.families import CosineRestartLR as CosineRestartLR
from paramsched.mmengine.schedulers.families import CosineRestartMomentum as CosineRestartMomentum
from paramsched.mmengine.schedulers.families import ExponentialLR as ExponentialLR
from paramsched.mmengine.schedulers.families import ExponentialMomentum as ExponentialMomentum
from paramsched.mmengine.schedulers.families import LinearLR as LinearLR
from paramsched.mmengine.schedulers.families import LinearMomentum as LinearMomentum
from paramsched.mmengine.schedulers.families import MultiStepLR as MultiStepLR
from paramsched.mmengine.schedulers.families import MultiStepMomentum as MultiStepMomentum
from paramsched.mmengine.schedulers.families import OneCycleLR as OneCycleLR
from paramsched.mmengine.schedulers.families import PolyLR as PolyLR
from paramsched.mmengine.schedulers.families import PolyMomentum as PolyMomentum
from paramsched.mmengine.schedulers.families import ReduceOnPlateauLR as ReduceOnPlateauLR
from paramsched.mmengine.schedulers.families import ReduceOnPlateauMomentum as ReduceOnPlateauMomentum
from paramsched.mmengine.schedulers.families import StepLR as StepLR
from paramsched.mmengine.schedulers.families import StepMomentum as StepMomentum
from paramsched.mmengine.schedulers.optim_wrapper import OptimWrapper as OptimWrapper
from paramsched.mmengine.schedulers.param_scheduler import ConstantParamScheduler as ConstantParamScheduler
from paramsched.mmengine.schedulers.param_scheduler import (
    CosineAnnealingParamScheduler as CosineAnnealingParamScheduler,
)
from paramsched.mmengine.schedulers.param_scheduler import CosineRestartParamScheduler as CosineRestartParamScheduler
from paramsched.mmengine.schedulers.param_scheduler import ExponentialParamScheduler as ExponentialParamScheduler
from paramsched.mmengine.schedulers.param_scheduler import LinearParamScheduler as LinearParamScheduler
from paramsched.mmengine.schedulers.param_scheduler import MultiStepParamScheduler as MultiStepParamScheduler
from paramsched.mmengine.schedulers.param_scheduler import OneCycleParamScheduler as OneCycleParamScheduler
from paramsched.mmengine.schedulers.param_scheduler import PolyParamScheduler as PolyParamScheduler
from paramsched.mmengine.schedulers.param_scheduler import (
    ReduceOnPlateauParamScheduler as ReduceOnPlateauParamScheduler,
)
from paramsched.mmengine.schedulers.param_scheduler import StepParamScheduler as StepParamScheduler
