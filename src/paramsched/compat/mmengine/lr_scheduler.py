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
from paramsched.compat.mmengine.table_class import set_up_from_table


@set_up_from_table
class ConstantLR(LRSchedulerMixin, ConstantParamScheduler): ...


@set_up_from_table
class CosineAnnealingLR(LRSchedulerMixin, CosineAnnealingParamScheduler): ...


@set_up_from_table
class CosineRestartLR(LRSchedulerMixin, CosineRestartParamScheduler): ...


@set_up_from_table
class ExponentialLR(LRSchedulerMixin, ExponentialParamScheduler): ...


@set_up_from_table
class LinearLR(LRSchedulerMixin, LinearParamScheduler): ...


@set_up_from_table
class MultiStepLR(LRSchedulerMixin, MultiStepParamScheduler): ...


@set_up_from_table
class OneCycleLR(LRSchedulerMixin, OneCycleParamScheduler): ...


@set_up_from_table
class PolyLR(LRSchedulerMixin, PolyParamScheduler): ...


@set_up_from_table
class ReduceOnPlateauLR(LRSchedulerMixin, ReduceOnPlateauParamScheduler): ...


@set_up_from_table
class StepLR(LRSchedulerMixin, StepParamScheduler): ...
