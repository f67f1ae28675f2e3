"""The metric rule that only reduces: plateau."""

import math
from dataclasses import dataclass, field, replace
from typing import Any, final

from paramsched.core.builders import constructor
from paramsched.core.feedback.base import (
    LOWEST,
    REDUCTION,
    MetricRule,
    Mode,
    Nonfinite,
    ThresholdMode,
    improves_on,
    metric_name,
    metric_number,
    reduced_factor,
    reduced_value,
    require_reduction,
    require_state,
)
from paramsched.core.number_checks import checked, not_negative, one_of, whole_number
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.registry import shape


@final
@dataclass(frozen=True, slots=True)
class PlateauState:
    """The state of a plateau rule.

    Args:
        best: the best value so far; None if no value was observed.
        bad: the number of consecutive values that were not better.
        cooling: the number of values still to skip after the last reduction.
        factor: the current factor of the schedule.
    """

    best: float | None = None
    bad: int = 0
    cooling: int = 0
    factor: float = 1.0


@final
@dataclass(frozen=True, slots=True, repr=False)
class Plateau(MetricRule[PlateauState]):
    """Reduce a schedule when a metric has stopped improving: `cosine() * plateau("val_loss")`.

    value(t) = schedule(t) * factor ** reductions, not below `min`

    Args:
        metric: the name of the metric, as in `scheduler.observe(loss=…)`.
        mode: `"min"` if lower values are better, `"max"` if higher values are better.
        factor: the factor of one reduction, greater than 0 and less than 1.
        patience: the number of values without improvement that are tolerated. One more reduces the schedule.
        threshold: the minimum improvement of a better value, at least 0.
        threshold_mode: `"rel"` if `threshold` is a fraction of the best value, `"abs"` if it is a difference.
        cooldown: the number of values that are ignored after a reduction.
        min: the value below which the rule does not reduce: a multiple of base, or `absolute(1e-6)`.
        eps: a reduction of the factor by at most `eps` is skipped.
        nonfinite: NaN and infinite values are skipped, with one warning (`"ignore"`), count as not better (`"count"`),
            or raise an error (`"raise"`).
        after: the time of the run from which on values count, in any unit: `"4 epochs"`, `"5%"`. By default all do.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: torch `ReduceLROnPlateau`, which counts NaN as not better. For a negative best value torch's threshold has
    the opposite direction; here it always requires an improvement.

    >>> rule = plateau(patience=1, factor=0.5)
    >>> state = rule.init()
    >>> for loss in (1.0, 1.0, 1.0):
    ...     state = rule.observe(state, loss)
    >>> rule.apply(state, 0.2)
    0.1
    """

    metric: str = field(default="loss", metadata=checked(metric_name))
    mode: Mode = field(default="min", metadata=one_of(Mode))
    factor: float = field(default=0.1, metadata=REDUCTION)
    patience: int = field(default=10, metadata=checked(whole_number, least=0))
    threshold: float = field(default=1e-4, metadata=checked(not_negative))
    threshold_mode: ThresholdMode = field(default="rel", metadata=one_of(ThresholdMode))
    cooldown: int = field(default=0, metadata=checked(whole_number, least=0))
    min: Level = field(default=0.0, metadata=LOWEST)
    eps: float = field(default=0.0, metadata=checked(not_negative))
    nonfinite: Nonfinite = field(default="ignore", metadata=one_of(Nonfinite))

    def _advice_if_ignored(self, value: float) -> str | None:
        if math.isfinite(value) or self.nonfinite != "ignore":
            return None
        return f"To count it, write {replace(self, nonfinite='count')}"

    def init(self) -> PlateauState:
        return PlateauState()

    def observe(self, state: PlateauState, value: float) -> PlateauState:
        number = metric_number("plateau", self.metric, value, self.nonfinite)
        if number is None:
            return state
        better = improves_on(number, state.best, self.mode, self.threshold, self.threshold_mode)
        best, bad = (number, 0) if better else (state.best, state.bad + 1)
        cooling, factor = state.cooling, state.factor
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        if bad > self.patience:
            reduced = reduced_factor(factor, self.factor, self.min)
            factor = reduced if factor - reduced > self.eps else factor
            cooling, bad = self.cooldown, 0
        return PlateauState(best, bad, cooling, factor)

    def apply(self, state: PlateauState, value: Any, base: Any = 1.0) -> Any:
        return reduced_value(value, state.factor, self.min, base)

    def restore(self, data: dict[str, Any]) -> PlateauState:
        require_state(self, data, PlateauState, ("best",))
        require_reduction(self, data["factor"])
        return PlateauState(**data)


plateau = shape(constructor("plateau", Plateau))
