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
from paramsched.compat.mmengine.table_class import set_up_from_table


@set_up_from_table
class ConstantMomentum(MomentumSchedulerMixin, ConstantParamScheduler): ...


@set_up_from_table
class CosineAnnealingMomentum(MomentumSchedulerMixin, CosineAnnealingParamScheduler): ...


@set_up_from_table
class CosineRestartMomentum(MomentumSchedulerMixin, CosineRestartParamScheduler): ...


@set_up_from_table
class ExponentialMomentum(MomentumSchedulerMixin, ExponentialParamScheduler): ...


@set_up_from_table
class LinearMomentum(MomentumSchedulerMixin, LinearParamScheduler): ...


@set_up_from_table
class MultiStepMomentum(MomentumSchedulerMixin, MultiStepParamScheduler): ...


@set_up_from_table
class PolyMomentum(MomentumSchedulerMixin, PolyParamScheduler): ...


@set_up_from_table
class ReduceOnPlateauMomentum(MomentumSchedulerMixin, ReduceOnPlateauParamScheduler): ...


@set_up_from_table
class StepMomentum(MomentumSchedulerMixin, StepParamScheduler): ...
