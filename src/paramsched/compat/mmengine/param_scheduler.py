"""The ten classes that schedule any entry of the param groups."""

from collections.abc import Sequence

from paramsched.compat.mmengine.base import _ParamScheduler as _ParamScheduler
from paramsched.compat.mmengine.one_cycle import OneCycleParamScheduler as OneCycleParamScheduler
from paramsched.compat.mmengine.plateau import ReduceOnPlateauParamScheduler as ReduceOnPlateauParamScheduler
from paramsched.compat.mmengine.rule_scheduler import RuleScheduler, set_up_from_table
from paramsched.config.dialects.mmengine.table import INF as INF


@set_up_from_table
class ConstantParamScheduler(RuleScheduler):
    """Multiply by `factor`, and undo it at the last tick of the window; a window of one tick is never undone."""


@set_up_from_table
class CosineAnnealingParamScheduler(RuleScheduler):
    """Follow half a cosine wave down to the floor in `T_max` ticks, and up again.

    With the default `T_max` the window ends one tick before the floor (row 8 of docs/compat/divergences.md).
    """


@set_up_from_table
class CosineRestartParamScheduler(RuleScheduler):
    """Descend as a cosine to the floor in each period, beginning at its weight times the base value."""

    @staticmethod
    def get_position_from_periods(iteration: int, cumulative_periods: Sequence[int]) -> int | None:
        """The index of the period an iteration is in; None past the last.

        >>> CosineRestartParamScheduler.get_position_from_periods(210, [100, 200, 300, 400])
        2
        """
        return next((index for index, end in enumerate(cumulative_periods) if iteration < end), None)


@set_up_from_table
class ExponentialParamScheduler(RuleScheduler):
    """Multiply by `gamma` at each tick."""


@set_up_from_table
class LinearParamScheduler(RuleScheduler):
    """Scale along a straight line from `start_factor` to `end_factor`, reached at the last tick of the window.

    Without `end` the window has 10**9 ticks and the factor stays at `start_factor`; torch's `LinearLR` takes 5.
    """


@set_up_from_table
class MultiStepParamScheduler(RuleScheduler):
    """Multiply by `gamma` at each milestone, counted from `begin`."""


@set_up_from_table
class PolyParamScheduler(RuleScheduler):
    """Fall to `eta_min` as a power of the ticks left, reached at the last tick of the window."""


@set_up_from_table
class StepParamScheduler(RuleScheduler):
    """Multiply by `gamma` every `step_size` ticks, counted from `begin`."""
