"""The ten classes that schedule the learning rate."""

from paramsched.compat.mmengine.param_scheduler import (
    ConstantParamScheduler,
    CosineAnnealingParamScheduler,
    CosineRestartParamScheduler,
    ExponentialParamScheduler,
    LinearParamScheduler,
    MultiStepParamScheduler,
    OneCycleParamScheduler,
    PolyParamScheduler,
    ReduceOnPlateauParamScheduler,
    StepParamScheduler,
)
from paramsched.compat.mmengine.rule_scheduler import LRSchedulerMixin as LRSchedulerMixin
from paramsched.compat.mmengine.rule_scheduler import set_up_from_table


@set_up_from_table
class ConstantLR(LRSchedulerMixin, ConstantParamScheduler):
    """Multiply the learning rate by `factor`, and undo it at the last tick of the window."""


@set_up_from_table
class CosineAnnealingLR(LRSchedulerMixin, CosineAnnealingParamScheduler):
    """Let the learning rate follow half a cosine wave down to the floor in `T_max` ticks, and up again."""


@set_up_from_table
class CosineRestartLR(LRSchedulerMixin, CosineRestartParamScheduler):
    """Let the learning rate descend as a cosine in each period, beginning at its weight times the base value."""


@set_up_from_table
class ExponentialLR(LRSchedulerMixin, ExponentialParamScheduler):
    """Multiply the learning rate by `gamma` at each tick."""


@set_up_from_table
class LinearLR(LRSchedulerMixin, LinearParamScheduler):
    """Scale the learning rate along a straight line from `start_factor` to `end_factor`."""


@set_up_from_table
class MultiStepLR(LRSchedulerMixin, MultiStepParamScheduler):
    """Multiply the learning rate by `gamma` at each milestone."""


@set_up_from_table
class OneCycleLR(LRSchedulerMixin, OneCycleParamScheduler):
    """Let the learning rate rise to `eta_max` and fall far below its first value."""


@set_up_from_table
class PolyLR(LRSchedulerMixin, PolyParamScheduler):
    """Let the learning rate fall to `eta_min` as a power of the ticks left."""


@set_up_from_table
class ReduceOnPlateauLR(LRSchedulerMixin, ReduceOnPlateauParamScheduler):
    """Multiply the learning rate by `factor` when a metric has stopped improving."""


@set_up_from_table
class StepLR(LRSchedulerMixin, StepParamScheduler):
    """Multiply the learning rate by `gamma` every `step_size` ticks."""
