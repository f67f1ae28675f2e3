"""The ten classes that schedule any entry of the param groups."""

from collections.abc import Sequence

from paramsched.compat.mmengine.base import _ParamScheduler as _ParamScheduler
from paramsched.compat.mmengine.one_cycle import OneCycleParamScheduler as OneCycleParamScheduler
from paramsched.compat.mmengine.plateau import ReduceOnPlateauParamScheduler as ReduceOnPlateauParamScheduler
from paramsched.compat.mmengine.rule_scheduler import RuleScheduler
from paramsched.compat.mmengine.table_class import set_up_from_table
from paramsched.config.dialects.mmengine.table import INF as INF


@set_up_from_table
class ConstantParamScheduler(RuleScheduler):
    """A window of one tick is never undone."""


@set_up_from_table
class CosineAnnealingParamScheduler(RuleScheduler):
    """With the default `T_max` the window ends one tick before the floor (row 8 of docs/compat/divergences.md)."""


@set_up_from_table
class CosineRestartParamScheduler(RuleScheduler):
    @staticmethod
    def get_position_from_periods(iteration: int, cumulative_periods: Sequence[int]) -> int | None:
        """The index of the period an iteration is in; None past the last.

        >>> CosineRestartParamScheduler.get_position_from_periods(210, [100, 200, 300, 400])
        2
        """
        return next((index for index, end in enumerate(cumulative_periods) if iteration < end), None)


@set_up_from_table
class ExponentialParamScheduler(RuleScheduler): ...


@set_up_from_table
class LinearParamScheduler(RuleScheduler):
    """Without `end` the window has 10**9 ticks and the factor stays at `start_factor`; torch's `LinearLR` takes 5."""


@set_up_from_table
class MultiStepParamScheduler(RuleScheduler): ...


@set_up_from_table
class PolyParamScheduler(RuleScheduler): ...


@set_up_from_table
class StepParamScheduler(RuleScheduler): ...
