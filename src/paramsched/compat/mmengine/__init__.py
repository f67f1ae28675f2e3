"""Drop-ins for MMEngine's parameter schedulers: change only the import line.

    from paramsched.compat.mmengine import MultiStepLR      # was: mmengine.optim.scheduler

The classes have MMEngine's names and arguments; docs/compat/divergences.md lists the differences. MMEngine itself
is not required.
"""

from paramsched.compat.mmengine.base import LRSchedulerMixin as LRSchedulerMixin
from paramsched.compat.mmengine.base import MomentumSchedulerMixin as MomentumSchedulerMixin
from paramsched.compat.mmengine.base import _ParamScheduler as _ParamScheduler
from paramsched.compat.mmengine.build import build_param_scheduler as build_param_scheduler
from paramsched.compat.mmengine.build import restore as restore
from paramsched.compat.mmengine.build import scheduled_values as scheduled_values
from paramsched.compat.mmengine.build import unmeasured as unmeasured
from paramsched.compat.mmengine.optim_wrapper import OptimWrapper as OptimWrapper
from paramsched.compat.mmengine.param_scheduler import INF as INF
from paramsched.compat.mmengine.param_scheduler import ConstantLR as ConstantLR
from paramsched.compat.mmengine.param_scheduler import ConstantMomentum as ConstantMomentum
from paramsched.compat.mmengine.param_scheduler import ConstantParamScheduler as ConstantParamScheduler
from paramsched.compat.mmengine.param_scheduler import CosineAnnealingLR as CosineAnnealingLR
from paramsched.compat.mmengine.param_scheduler import CosineAnnealingMomentum as CosineAnnealingMomentum
from paramsched.compat.mmengine.param_scheduler import CosineAnnealingParamScheduler as CosineAnnealingParamScheduler
from paramsched.compat.mmengine.param_scheduler import CosineRestartLR as CosineRestartLR
from paramsched.compat.mmengine.param_scheduler import CosineRestartMomentum as CosineRestartMomentum
from paramsched.compat.mmengine.param_scheduler import CosineRestartParamScheduler as CosineRestartParamScheduler
from paramsched.compat.mmengine.param_scheduler import ExponentialLR as ExponentialLR
from paramsched.compat.mmengine.param_scheduler import ExponentialMomentum as ExponentialMomentum
from paramsched.compat.mmengine.param_scheduler import ExponentialParamScheduler as ExponentialParamScheduler
from paramsched.compat.mmengine.param_scheduler import LinearLR as LinearLR
from paramsched.compat.mmengine.param_scheduler import LinearMomentum as LinearMomentum
from paramsched.compat.mmengine.param_scheduler import LinearParamScheduler as LinearParamScheduler
from paramsched.compat.mmengine.param_scheduler import MultiStepLR as MultiStepLR
from paramsched.compat.mmengine.param_scheduler import MultiStepMomentum as MultiStepMomentum
from paramsched.compat.mmengine.param_scheduler import MultiStepParamScheduler as MultiStepParamScheduler
from paramsched.compat.mmengine.param_scheduler import OneCycleLR as OneCycleLR
from paramsched.compat.mmengine.param_scheduler import OneCycleParamScheduler as OneCycleParamScheduler
from paramsched.compat.mmengine.param_scheduler import PolyLR as PolyLR
from paramsched.compat.mmengine.param_scheduler import PolyMomentum as PolyMomentum
from paramsched.compat.mmengine.param_scheduler import PolyParamScheduler as PolyParamScheduler
from paramsched.compat.mmengine.param_scheduler import ReduceOnPlateauLR as ReduceOnPlateauLR
from paramsched.compat.mmengine.param_scheduler import ReduceOnPlateauMomentum as ReduceOnPlateauMomentum
from paramsched.compat.mmengine.param_scheduler import ReduceOnPlateauParamScheduler as ReduceOnPlateauParamScheduler
from paramsched.compat.mmengine.param_scheduler import StepLR as StepLR
from paramsched.compat.mmengine.param_scheduler import StepMomentum as StepMomentum
from paramsched.compat.mmengine.param_scheduler import StepParamScheduler as StepParamScheduler
from paramsched.compat.mmengine.registry import PARAM_SCHEDULERS as PARAM_SCHEDULERS
