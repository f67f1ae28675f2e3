"""The scheduler classes of MMEngine, for any entry, for the learning rate and for momentum."""

from collections.abc import Sequence

from paramsched.mmengine.reader.arguments import INF as INF
from paramsched.mmengine.reader.arguments import class_names
from paramsched.mmengine.schedulers.base import LRSchedulerMixin as LRSchedulerMixin
from paramsched.mmengine.schedulers.base import MomentumSchedulerMixin as MomentumSchedulerMixin
from paramsched.mmengine.schedulers.base import RuleScheduler
from paramsched.mmengine.schedulers.base import _ParamScheduler as _ParamScheduler
from paramsched.mmengine.schedulers.one_cycle import OneCycleParamScheduler as OneCycleParamScheduler
from paramsched.mmengine.schedulers.one_cycle import ReduceOnPlateauParamScheduler as ReduceOnPlateauParamScheduler
from paramsched.mmengine.schedulers.optimizers import set_up_from_table


class ConstantParamScheduler(RuleScheduler):
    """If the window has only one step, the factor is never reverted."""


class CosineAnnealingParamScheduler(RuleScheduler):
    """With the default `T_max` the window ends one step before the minimum (row 8 of docs/reference/divergences.md)."""


class CosineRestartParamScheduler(RuleScheduler):
    @staticmethod
    def get_position_from_periods(iteration: int, cumulative_periods: Sequence[int]) -> int | None:
        """Return the index of the period that contains an iteration; None after the last period.

        >>> CosineRestartParamScheduler.get_position_from_periods(200, [100, 200, 300, 400])
        2
        """
        return next((index for index, end in enumerate(cumulative_periods) if iteration < end), None)


class ExponentialParamScheduler(RuleScheduler): ...


class LinearParamScheduler(RuleScheduler):
    """Without `end` the window has 10**9 steps, so that the factor practically stays at `start_factor`.

    The default length of torch's `LinearLR` is 5.
    """


class MultiStepParamScheduler(RuleScheduler): ...


class PolyParamScheduler(RuleScheduler): ...


class StepParamScheduler(RuleScheduler): ...


class ConstantLR(LRSchedulerMixin, ConstantParamScheduler): ...


class CosineAnnealingLR(LRSchedulerMixin, CosineAnnealingParamScheduler): ...


class CosineRestartLR(LRSchedulerMixin, CosineRestartParamScheduler): ...


class ExponentialLR(LRSchedulerMixin, ExponentialParamScheduler): ...


class LinearLR(LRSchedulerMixin, LinearParamScheduler): ...


class MultiStepLR(LRSchedulerMixin, MultiStepParamScheduler): ...


class OneCycleLR(LRSchedulerMixin, OneCycleParamScheduler): ...


class PolyLR(LRSchedulerMixin, PolyParamScheduler): ...


class ReduceOnPlateauLR(LRSchedulerMixin, ReduceOnPlateauParamScheduler): ...


class StepLR(LRSchedulerMixin, StepParamScheduler): ...


class ConstantMomentum(MomentumSchedulerMixin, ConstantParamScheduler): ...


class CosineAnnealingMomentum(MomentumSchedulerMixin, CosineAnnealingParamScheduler): ...


class CosineRestartMomentum(MomentumSchedulerMixin, CosineRestartParamScheduler): ...


class ExponentialMomentum(MomentumSchedulerMixin, ExponentialParamScheduler): ...


class LinearMomentum(MomentumSchedulerMixin, LinearParamScheduler): ...


class MultiStepMomentum(MomentumSchedulerMixin, MultiStepParamScheduler): ...


class PolyMomentum(MomentumSchedulerMixin, PolyParamScheduler): ...


class ReduceOnPlateauMomentum(MomentumSchedulerMixin, ReduceOnPlateauParamScheduler): ...


class StepMomentum(MomentumSchedulerMixin, StepParamScheduler): ...


for _name in class_names():
    set_up_from_table(globals()[_name])
