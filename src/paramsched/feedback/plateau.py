"""Plateau: reduce when a metric has stopped improving."""

from dataclasses import dataclass
from typing import Any, final

from paramsched._number_checks import whole_number
from paramsched.errors import Asked
from paramsched.feedback.base import MetricRule
from paramsched.feedback.checks import (
    Mode,
    Nonfinite,
    ThresholdMode,
    factor_below_one,
    improves_on,
    lowest_level,
    metric_number,
    not_negative,
    require_choices,
    require_metric,
    require_state,
)
from paramsched.feedback.reductions import reduced_factor, reduced_value, require_reduction
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
        for name in ("threshold", "eps"):
            object.__setattr__(self, name, not_negative("plateau", name, getattr(self, name)))
        object.__setattr__(self, "min", lowest_level("plateau", self.min))
        object.__setattr__(self, "factor", factor_below_one("plateau", self.factor))
        for name in ("patience", "cooldown"):
            object.__setattr__(self, name, whole_number(Asked("plateau", name), getattr(self, name), least=0))

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
