"""Rules that reduce: plateau and new-bob."""

import math
from dataclasses import dataclass, replace
from typing import Any, final

from paramsched.base.number_checks import finite_number, keep_checked, whole_number
from paramsched.feedback.base import (
    Against,
    MetricRule,
    Mode,
    Nonfinite,
    ThresholdMode,
    factor_below_one,
    improves_on,
    lowest_level,
    metric_number,
    not_negative,
    reduced_factor,
    reduced_value,
    require_choices,
    require_metric,
    require_reduction,
    require_state,
)
from paramsched.schedules.affine import Absolute, Level
from paramsched.schedules.registry import shape


@final
@dataclass(frozen=True, slots=True)
class PlateauState:
    """What a plateau remembers.

    Args:
        best: best value so far; None before the first.
        bad: values in a row that were not better.
        cooling: values still to wait after a reduction.
        factor: what the schedule is multiplied with now.
    """

    best: float | None = None
    bad: int = 0
    cooling: int = 0
    factor: float = 1.0


@final
@dataclass(frozen=True, slots=True)
class Plateau(MetricRule[PlateauState]):
    """After more than `patience` values without an improvement, multiply by `factor`."""

    metric: str
    mode: Mode
    factor: float
    patience: int
    threshold: float
    threshold_mode: ThresholdMode
    cooldown: int
    min: float | Absolute
    eps: float
    nonfinite: Nonfinite

    def __post_init__(self) -> None:
        require_metric("plateau", self.metric)
        require_choices("plateau", self, {"mode": Mode, "threshold_mode": ThresholdMode, "nonfinite": Nonfinite})
        keep_checked(self, "plateau", not_negative, "threshold", "eps")
        object.__setattr__(self, "min", lowest_level("plateau", self.min))
        keep_checked(self, "plateau", factor_below_one, "factor")
        keep_checked(self, "plateau", whole_number, "patience", "cooldown", least=0)

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
        require_state(
            self,
            data,
            {"best": (float, int, type(None)), "bad": (int,), "cooling": (int,), "factor": (float, int)},
            ("best",),
        )
        require_reduction(self, data["factor"])
        return PlateauState(**data)


@shape
def plateau(
    metric: str = "loss",
    mode: Mode = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: ThresholdMode = "rel",
    cooldown: int = 0,
    min: Level = 0.0,
    eps: float = 0.0,
    nonfinite: Nonfinite = "count",
) -> Plateau:
    """Reduce when a metric has stopped improving; it multiplies into a schedule: `cosine() * plateau("val_loss")`.

    value(t) = schedule(t) * factor ** reductions, not below `min`

    Args:
        metric: its name, as `scheduler.observe(loss=…)` says it.
        mode: `"min"` where less is better, `"max"` where more is.
        factor: of one reduction, above 0 and below 1.
        patience: values without improvement that are put up with; the one after reduces.
        threshold: what counts as better: by this share of the best value (`threshold_mode="rel"`), or this much
            (`"abs"`).
        cooldown: values after a reduction that do not count.
        min: floor of reductions: a multiple of base, or `absolute(1e-6)`.
        eps: reductions of the factor by no more than this are left out.
        nonfinite: NaN and infinities count as not better (`"count"`), are passed over (`"ignore"`), or are an error.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: torch `ReduceLROnPlateau`. Its margin for a negative best is turned round; here it points to improvement.

    >>> rule = plateau(patience=1, factor=0.5)
    >>> state = rule.init()
    >>> for loss in (1.0, 1.0, 1.0):
    ...     state = rule.observe(state, loss)
    >>> rule.apply(state, 0.2)
    0.1
    """
    return Plateau(
        metric,
        mode,
        factor,
        patience,
        threshold,
        threshold_mode,
        cooldown,
        lowest_level("plateau", min),
        eps,
        nonfinite,
    )


@final
@dataclass(frozen=True, slots=True)
class NewBobState:
    """What a new-bob rule remembers.

    Args:
        reference: what the next value is compared with; None before the first.
        waited: values that improved too little since the last reduction.
        factor: what the schedule is multiplied with now.
    """

    reference: float | None = None
    waited: int = 0
    factor: float = 1.0


@final
@dataclass(frozen=True, slots=True)
class NewBob(MetricRule[NewBobState]):
    """Multiply by `factor` where the relative improvement is below `threshold`, `patience` times of which it waits."""

    metric: str
    mode: Mode
    factor: float
    threshold: float
    patience: int
    min: float | Absolute
    against: Against
    nonfinite: Nonfinite

    def __post_init__(self) -> None:
        require_metric("new_bob", self.metric)
        require_choices("new_bob", self, {"mode": Mode, "against": Against, "nonfinite": Nonfinite})
        keep_checked(self, "new_bob", factor_below_one, "factor")
        keep_checked(self, "new_bob", finite_number, "threshold")
        keep_checked(self, "new_bob", whole_number, "patience", least=0)
        object.__setattr__(self, "min", lowest_level("new_bob", self.min))

    def init(self) -> NewBobState:
        return NewBobState()

    def observe(self, state: NewBobState, value: float) -> NewBobState:
        number = metric_number("new_bob", self.metric, value, self.nonfinite)
        if number is None:
            return state
        before, finite = state.reference, math.isfinite(number)
        nearer = before is None or (number < before if self.mode == "min" else number > before)
        if finite and (self.against == "previous" or nearer):
            state = replace(state, reference=number)
        if before is None and finite:
            return state
        if finite and before is not None:
            better = before - number if self.mode == "min" else number - before
            if (better / abs(before) if before else 0.0) >= self.threshold:
                return state
        if state.waited < self.patience:
            return replace(state, waited=state.waited + 1)
        return replace(state, waited=0, factor=reduced_factor(state.factor, self.factor, self.min))

    def apply(self, state: NewBobState, value: Any, base: Any = 1.0) -> Any:
        return reduced_value(value, state.factor, self.min, base)

    def restore(self, data: dict[str, Any]) -> NewBobState:
        kinds = {"reference": (float, int, type(None)), "waited": (int,), "factor": (float, int)}
        require_state(self, data, kinds, ("reference",))
        require_reduction(self, data["factor"])
        return NewBobState(**data)


@shape
def new_bob(
    metric: str = "loss",
    mode: Mode = "min",
    factor: float = 0.5,
    threshold: float = 0.0025,
    patience: int = 0,
    min: Level = 0.0,
    against: Against = "previous",
    nonfinite: Nonfinite = "count",
) -> NewBob:
    """Reduce where a metric has improved by too small a share; it multiplies into a schedule: `constant() * new_bob()`.

    value(t) = schedule(t) * factor ** reductions, not below `min`

    Args:
        metric: its name, as `scheduler.observe(loss=…)` says it.
        mode: `"min"` where less is better, `"max"` where more is.
        factor: of one reduction, above 0 and below 1.
        threshold: the least improvement that does not reduce, a share of the value it is compared with.
        patience: too small improvements that are put up with before each reduction, be others between them.
        min: floor of reductions: a multiple of base, or `absolute(1e-6)`.
        against: `"previous"`: the value before, or `"best"`.
        nonfinite: NaN and infinities are no improvement (`"count"`), are passed over (`"ignore"`), or are an error.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: SpeechBrain's `NewBobScheduler`: `annealing_factor` is `factor`, `improvement_threshold` is `threshold`, and
    `patient` is `patience`. Its share of a negative value is turned round; here it points to improvement.

    >>> rule = new_bob()
    >>> state = rule.init()
    >>> for loss in (1.0, 0.9, 0.899):
    ...     state = rule.observe(state, loss)
    >>> rule.apply(state, 0.2)
    0.1
    """
    return NewBob(metric, mode, factor, threshold, patience, lowest_level("new_bob", min), against, nonfinite)
