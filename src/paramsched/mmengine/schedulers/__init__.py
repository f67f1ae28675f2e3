"""Drop-ins for MMEngine's parameter schedulers: change only the import line.

    from paramsched.mmengine.schedulers import MultiStepLR      # was: mmengine.optim.scheduler

The classes have MMEngine's names and arguments; docs/reference/divergences.md lists the differences. MMEngine itself
is not required.
"""

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

# isort: split
# For the readers of configs and the Runner, in a distribution of their own.
from paramsched.compat.group_values import by_value as by_value
from paramsched.mmengine.schedulers.base import ValuesOnly as ValuesOnly
from paramsched.mmengine.schedulers.base import field_of_group as field_of_group
from paramsched.mmengine.schedulers.base import is_scheduler as is_scheduler
from paramsched.mmengine.schedulers.base import present_value as present_value
from paramsched.mmengine.schedulers.build import CONVERTED as CONVERTED
from paramsched.mmengine.schedulers.build import RunLength as RunLength
from paramsched.mmengine.schedulers.build import build_lists as build_lists
from paramsched.mmengine.schedulers.build import compare_states as compare_states
from paramsched.mmengine.schedulers.optim_wrapper import batches_per_update as batches_per_update
from paramsched.mmengine.schedulers.optim_wrapper import clip_gradients as clip_gradients
from paramsched.mmengine.schedulers.optim_wrapper import count_batch as count_batch
