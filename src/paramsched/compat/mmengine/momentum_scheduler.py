"""The nine classes that schedule SGD's momentum or Adam's betas[0]."""

from paramsched.compat.mmengine.param_scheduler import (
    ConstantParamScheduler,
    CosineAnnealingParamScheduler,
    CosineRestartParamScheduler,
    ExponentialParamScheduler,
    LinearParamScheduler,
    MultiStepParamScheduler,
    PolyParamScheduler,
    ReduceOnPlateauParamScheduler,
    StepParamScheduler,
)
from paramsched.compat.mmengine.rule_scheduler import MomentumSchedulerMixin as MomentumSchedulerMixin
from paramsched.compat.mmengine.rule_scheduler import set_up_from_table


@set_up_from_table
class ConstantMomentum(MomentumSchedulerMixin, ConstantParamScheduler):
    """Multiply the momentum by `factor`, and undo it at the last tick of the window."""


@set_up_from_table
class CosineAnnealingMomentum(MomentumSchedulerMixin, CosineAnnealingParamScheduler):
    """Let the momentum follow half a cosine wave down to the floor in `T_max` ticks, and up again."""


@set_up_from_table
class CosineRestartMomentum(MomentumSchedulerMixin, CosineRestartParamScheduler):
    """Let the momentum descend as a cosine in each period, beginning at its weight times the base value."""


@set_up_from_table
class ExponentialMomentum(MomentumSchedulerMixin, ExponentialParamScheduler):
    """Multiply the momentum by `gamma` at each tick."""


@set_up_from_table
class LinearMomentum(MomentumSchedulerMixin, LinearParamScheduler):
    """Scale the momentum along a straight line from `start_factor` to `end_factor`."""


@set_up_from_table
class MultiStepMomentum(MomentumSchedulerMixin, MultiStepParamScheduler):
    """Multiply the momentum by `gamma` at each milestone."""


@set_up_from_table
class PolyMomentum(MomentumSchedulerMixin, PolyParamScheduler):
    """Let the momentum fall to `eta_min` as a power of the ticks left."""


@set_up_from_table
class ReduceOnPlateauMomentum(MomentumSchedulerMixin, ReduceOnPlateauParamScheduler):
    """Multiply the momentum by `factor` when a metric has stopped improving."""


@set_up_from_table
class StepMomentum(MomentumSchedulerMixin, StepParamScheduler):
    """Multiply the momentum by `gamma` every `step_size` ticks."""
