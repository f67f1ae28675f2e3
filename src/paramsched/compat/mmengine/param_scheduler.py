"""The scheduler classes of MMEngine, for any entry, for the learning rate and for momentum."""

from collections.abc import Sequence

from paramsched.compat.mmengine.base import LRSchedulerMixin as LRSchedulerMixin
from paramsched.compat.mmengine.base import MomentumSchedulerMixin as MomentumSchedulerMixin
from paramsched.compat.mmengine.base import RuleScheduler
from paramsched.compat.mmengine.base import _ParamScheduler as _ParamScheduler
from paramsched.compat.mmengine.one_cycle import OneCycleParamScheduler as OneCycleParamScheduler
from paramsched.compat.mmengine.one_cycle import ReduceOnPlateauParamScheduler as ReduceOnPlateauParamScheduler
from paramsched.compat.mmengine.optimizers import set_up_from_table
from paramsched.peers.mmengine.table import INF as INF


@set_up_from_table
class ConstantParamScheduler(RuleScheduler):
    """If the window has only one step, the factor is never reverted."""


@set_up_from_table
class CosineAnnealingParamScheduler(RuleScheduler):
    """With the default `T_max` the window ends one step before the minimum (row 8 of docs/compat/divergences.md)."""


@set_up_from_table
class CosineRestartParamScheduler(RuleScheduler):
    @staticmethod
    def get_position_from_periods(iteration: int, cumulative_periods: Sequence[int]) -> int | None:
        """Return the index of the period that contains an iteration; None after the last period.

        >>> CosineRestartParamScheduler.get_position_from_periods(210, [100, 200, 300, 400])
        2
        """
        return next((index for index, end in enumerate(cumulative_periods) if iteration < end), None)


@set_up_from_table
class ExponentialParamScheduler(RuleScheduler): ...


@set_up_from_table
class LinearParamScheduler(RuleScheduler):
    """Without `end` the window has 10**9 steps, so that the factor practically stays at `start_factor`.

    The default length of torch's `LinearLR` is 5.
    """


@set_up_from_table
class MultiStepParamScheduler(RuleScheduler): ...


@set_up_from_table
class PolyParamScheduler(RuleScheduler): ...


@set_up_from_table
class StepParamScheduler(RuleScheduler): ...


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
