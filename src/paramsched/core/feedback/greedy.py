"""Greedy: a metric rule that raises while a metric improves and reduces while it does not."""

from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np

from paramsched.core.builders import constructor
from paramsched.core.feedback.base import (
    HIGHEST,
    LOWEST,
    REDUCTION,
    Against,
    MetricRule,
    Mode,
    Nonfinite,
    ThresholdMode,
    improves_on,
    metric_name,
    metric_number,
    reduced_factor,
    reduced_value,
    require_state,
)
from paramsched.core.number_checks import checked, not_negative, one_of, whole_number
from paramsched.core.schedules.affine import Absolute, Level, split_level
from paramsched.core.schedules.registry import shape
from paramsched.errors import CallSite, InvalidArgument

_MOST, _LEAST = 1e300, 1e-300  # limits of the factor, which can grow or shrink forever if the bounds are absolute


@final
@dataclass(frozen=True, slots=True)
class GreedyState:
    """The state of a greedy rule.

    Args:
        reference: the value that new values are compared with; None if no value was observed.
        good, bad: the number of consecutive better values, and of consecutive values that are not better.
        cooling, warming: the number of values still to skip after the last reduction, and after the last rise.
        floored: the number of reductions at the floor since the last rise.
        factor: the current factor of the schedule.
        low, high: with absolute bounds, the current lower and upper limit of the schedule; None for no upper limit.
        recent: the last values of the metric, if their mean is compared; at most `window`.
        total: the sum of `recent`.
    """

    reference: float | None = None
    good: int = 0
    bad: int = 0
    cooling: int = 0
    warming: int = 0
    floored: int = 0
    factor: float = 1.0
    low: float = 0.0
    high: float | None = None
    recent: tuple[float, ...] = ()
    total: float = 0.0


@final
@dataclass(frozen=True, slots=True, repr=False)
class Greedy(MetricRule[GreedyState]):
    """Raise a schedule while a metric improves, and reduce it while the metric does not: `constant() * greedy()`.

    value(t) = schedule(t) * factor ** (reductions - rises), not below `min` and not above `max`

    Args:
        metric: the name of the metric, as in `scheduler.observe(loss=…)`.
        mode: `"min"` if lower values are better, `"max"` if higher values are better.
        factor: the factor of one reduction, greater than 0 and less than 1. A rise divides by it.
        patience: an integer of at least 0. More than `patience` better values in a row raise the schedule; more than
            `patience` values in a row that are not better reduce it.
        threshold: the minimum improvement of a better value, at least 0.
        threshold_mode: `"abs"` if `threshold` is a difference, `"rel"` if it is a fraction of the value to compare
            with.
        cooldown, warmup: the number of values that are ignored after a reduction, and after a rise.
        min, max: bounds of the value: both multiples of base, or both `absolute(x)`. None sets no upper bound.
        eps: a change of the factor by at most `eps` is skipped. Not allowed with absolute bounds.
        window: the number of values, at least 1, whose mean is compared; 1 compares each value.
        reset: the number of reductions at `min` after which the rule starts again; None never restarts. Not allowed
            with absolute bounds.
        against: the value to compare with: `"best"` for the best so far, `"previous"` for the previous value.
        nonfinite: NaN and infinite values count as not better (`"count"`), are skipped (`"ignore"`), or raise an error
            (`"raise"`).
        after: the time of the run from which on values count, in any unit: `"4 epochs"`, `"5%"`. By default all do.

    Raises:
        InvalidArgument: an argument is out of range, or only one of `min` and `max` is absolute.

    Source: GreedyLR (2512.14527); transformers' `GreedyLR`, whose `min_lr` and `max_lr` are `min=absolute(…)` and
    `max=absolute(…)`, `smooth` and `window_size` are `window`, and `reset_start` is `reset`.

    >>> rule = greedy(patience=1, factor=0.5)
    >>> state = rule.init()
    >>> for loss in (3.0, 2.0, 5.0, 5.0, 5.0, 5.0):
    ...     state = rule.observe(state, loss)
    ...     print(rule.apply(state, 0.2))
    0.2
    0.4
    0.4
    0.2
    0.2
    0.1
    """

    metric: str = field(default="loss", metadata=checked(metric_name))
    mode: Mode = field(default="min", metadata=one_of(Mode))
    factor: float = field(default=0.95, metadata=REDUCTION)
    patience: int = field(default=10, metadata=checked(whole_number, least=0))
    threshold: float = field(default=1e-6, metadata=checked(not_negative))
    threshold_mode: ThresholdMode = field(default="abs", metadata=one_of(ThresholdMode))
    cooldown: int = field(default=0, metadata=checked(whole_number, least=0))
    warmup: int = field(default=0, metadata=checked(whole_number, least=0))
    min: Level = field(default=0.0, metadata=LOWEST)
    max: Level | None = field(default=None, metadata=HIGHEST)
    eps: float = field(default=0.0, metadata=checked(not_negative))
    window: int = field(default=1, metadata=checked(whole_number))
    reset: int | None = field(default=None, metadata=checked(whole_number))
    against: Against = field(default="best", metadata=one_of(Against))
    nonfinite: Nonfinite = field(default="count", metadata=one_of(Nonfinite))

    def check_together(self) -> None:
        if not self._absolute:
            return
        if (isinstance(self.min, float) and self.min > 0) or isinstance(self.max, float):
            found = "min and max must both be multiples of base, or both be absolute"
            raise InvalidArgument(f"greedy(min={self.min}, max={self.max})", found, "Use both as absolute(…)")
        for name, unset in (("reset", None), ("eps", 0.0)):
            if (option := getattr(self, name)) != unset:
                found = f"{name} cannot be combined with absolute bounds, which each group reaches at a different time"
                instead = "Use multiples of base for min and max"
                raise InvalidArgument(CallSite("greedy", name, str(option)), found, instead)

    @property
    def _absolute(self) -> bool:
        return isinstance(self.min, Absolute) or isinstance(self.max, Absolute)

    def init(self) -> GreedyState:
        return GreedyState()

    def observe(self, state: GreedyState, value: float) -> GreedyState:
        number = metric_number("greedy", self.metric, value, self.nonfinite)
        if number is None:
            return state
        if self.window > 1 and abs(number) < float("inf"):
            recent, total = (*state.recent, number), state.total + number
            if len(recent) > self.window:
                recent, total = recent[1:], total - recent[0]
            state, number = replace(state, recent=recent, total=total), total / len(recent)
        better = improves_on(number, state.reference, self.mode, self.threshold, self.threshold_mode)
        finite = abs(number) < float("inf")
        waits = state.cooling > 0 or state.warming > 0
        if finite and (self.against == "previous" or (better and not waits)):
            state = replace(state, reference=number)
        if state.cooling > 0:
            return replace(state, cooling=state.cooling - 1, good=0, bad=0)
        if state.warming > 0:
            return replace(state, warming=state.warming - 1, good=0, bad=0)
        good, bad = (state.good + 1, 0) if better else (0, state.bad + 1)
        if good > self.patience:
            return self._raised(replace(state, good=0, bad=0))
        if bad > self.patience:
            return self._reduced(replace(state, good=0, bad=0))
        return replace(state, good=good, bad=bad)

    def _raised(self, state: GreedyState) -> GreedyState:
        factor = state.factor / self.factor
        if self._absolute:
            most = self.max.value if isinstance(self.max, Absolute) else float("inf")
            high = min(float("inf") if state.high is None else state.high / self.factor, most)
            low = min(state.low / self.factor, most)
            state = replace(state, low=low, high=None if high == float("inf") else high)
        elif isinstance(self.max, float):
            factor = min(factor, max(self.max, state.factor))
        factor = min(factor, _MOST)
        grown = factor if factor - state.factor > self.eps else state.factor
        return replace(state, factor=grown, warming=self.warmup, floored=0)

    def _reduced(self, state: GreedyState) -> GreedyState:
        factor = state.factor * self.factor
        if self._absolute:
            least = self.min.value if isinstance(self.min, Absolute) else 0.0
            high = None if state.high is None else max(state.high * self.factor, least)
            state = replace(state, low=max(state.low * self.factor, least), high=high)
            return replace(state, factor=max(factor, _LEAST), cooling=self.cooldown)
        factor = reduced_factor(state.factor, self.factor, self.min)
        cut = factor if state.factor - factor > self.eps else state.factor
        floored = state.floored + (cut <= (split_level(self.min)[0] or 0.0))
        if self.reset is not None and floored >= self.reset:
            return replace(self.init(), cooling=self.cooldown)
        return replace(state, factor=cut, cooling=self.cooldown, floored=floored)

    def apply(self, state: GreedyState, value: Any, base: Any = 1.0) -> Any:
        if state.factor == 1.0 and state.low == 0 and state.high is None:
            return value
        value = value if isinstance(value, (int, float)) else np.asarray(value)
        changed = value * state.factor
        # The bounds limit the rule only: values of the schedule beyond a bound stay unchanged.
        if self._absolute:
            if isinstance(self.min, Absolute) and self.min.value > 0:
                changed = np.maximum(changed, state.low * np.minimum(1.0, value / self.min.value))
            if isinstance(self.max, Absolute) and state.high is not None:
                changed = np.minimum(changed, state.high * np.maximum(1.0, value / self.max.value))
        elif state.factor < 1:
            return reduced_value(value, state.factor, self.min, base)
        elif isinstance(self.max, float):
            changed = np.minimum(changed, np.maximum(value, self.max * np.asarray(base)))
        return float(changed) if isinstance(value, (int, float)) and np.ndim(changed) == 0 else changed

    def restore(self, data: dict[str, Any]) -> GreedyState:
        require_state(self, data, GreedyState, ("reference", "recent", "total"), self.window)
        return GreedyState(**{**data, "recent": tuple(data["recent"])})


greedy = shape(constructor("greedy", Greedy))
