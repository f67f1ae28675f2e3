"""Plateau: reduce when a metric has stopped improving."""

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, final, get_args

import numpy as np

from paramsched._number_checks import finite_number, whole_number
from paramsched.errors import Asked, InvalidArgument, StateError, nearest, shown
from paramsched.feedback.base import MetricRule
from paramsched.schedules.registry import shape

Mode: TypeAlias = Literal["min", "max"]
ThresholdMode: TypeAlias = Literal["rel", "abs"]
Nonfinite: TypeAlias = Literal["count", "ignore", "raise"]


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
    min: float
    eps: float
    nonfinite: Nonfinite

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise InvalidArgument(Asked("plateau", "metric", repr(self.metric)), "no name", 'Write plateau("val_loss")')
        choices = {"mode": Mode, "threshold_mode": ThresholdMode, "nonfinite": Nonfinite}
        for name, choice in choices.items():
            if getattr(self, name) not in get_args(choice):
                raise InvalidArgument(
                    Asked("plateau", name, repr(getattr(self, name))),
                    f"not one of its choices; {nearest(str(getattr(self, name)), get_args(choice))}",
                    f'Write {name}="{get_args(choice)[0]}"',
                ).suggest(get_args(choice)[0])
        for name in ("factor", "threshold", "min", "eps"):
            value = finite_number(Asked("plateau", name), getattr(self, name))
            if value < 0:
                raise InvalidArgument(Asked("plateau", name, str(value)), "below 0", f"Write {name}=0.1").suggest(0.1)
            object.__setattr__(self, name, value)
        if not 0 < self.factor < 1:
            raise InvalidArgument(
                Asked("plateau", "factor", str(self.factor)), "it would not reduce", "Write factor=0.1"
            ).suggest(0.1)
        for name in ("patience", "cooldown"):
            object.__setattr__(self, name, whole_number(Asked("plateau", name), getattr(self, name), least=0))

    def init(self) -> PlateauState:
        return PlateauState()

    def observe(self, state: PlateauState, value: float) -> PlateauState:
        try:
            value = float(value)
        except OverflowError:  # an integer of more than 308 digits
            value = math.inf if value > 0 else -math.inf
        if not math.isfinite(value):
            if self.nonfinite == "raise":
                raise InvalidArgument(
                    f"observe({self.metric}={value})",
                    "not finite",
                    'Write plateau(…, nonfinite="ignore") to pass over it',
                )
            if self.nonfinite == "ignore":
                return state
        better = math.isfinite(value) and self._is_better(value, state.best)
        best, bad = (value, 0) if better else (state.best, state.bad + 1)
        cooling, factor = state.cooling, state.factor
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        if bad > self.patience:
            reduced = max(factor * self.factor, min(self.min, factor))
            factor = reduced if factor - reduced > self.eps else factor
            cooling, bad = self.cooldown, 0
        return PlateauState(best, bad, cooling, factor)

    def apply(self, state: PlateauState, value: Any, base: Any = 1.0) -> Any:
        if state.factor == 1.0:
            return value
        if isinstance(value, (int, float)) and isinstance(base, (int, float)):
            return max(value * state.factor, min(value, self.min * base))
        # A reduction stops at the floor; what the schedule itself takes below it is left alone.
        return np.maximum(value * state.factor, np.minimum(value, self.min * np.asarray(base)))

    def restore(self, data: dict[str, Any]) -> PlateauState:
        kinds = {"best": (float, int, type(None)), "bad": (int,), "cooling": (int,), "factor": (float, int)}
        if not isinstance(data, dict) or set(data) != {field.name for field in fields(PlateauState)}:
            raise StateError(f"state of {self}: {data!r} does not have the keys {', '.join(kinds)}")
        for name, kind in kinds.items():
            value = data[name]
            sound = isinstance(value, kind) and not isinstance(value, bool)
            if sound and isinstance(value, int):
                sound = abs(value) < 10**300  # one of more than 308 digits is no float
            if not sound or (value is not None and not (math.isfinite(value) and (name == "best" or value >= 0))):
                raise StateError(f"state of {self}: {name} is {shown(value)}")
        if data["factor"] > 1:
            raise StateError(f"state of {self}: factor is {data['factor']!r}, and a rule only reduces")
        return PlateauState(**data)

    def _is_better(self, value: float, best: float | None) -> bool:
        if best is None:
            return True
        # The margin is in the direction of improvement also where best is negative (torch's is turned round there).
        sign = -1 if self.mode == "min" else 1
        margin = self.threshold if self.threshold_mode == "abs" else None
        bar = best + sign * margin if margin is not None else best * (1 + math.copysign(self.threshold, sign * best))
        return value < bar if self.mode == "min" else value > bar


@shape
def plateau(
    metric: str = "loss",
    mode: Mode = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: ThresholdMode = "rel",
    cooldown: int = 0,
    min: float = 0.0,
    eps: float = 0.0,
    nonfinite: Nonfinite = "count",
) -> Plateau:
    """Reduce when a metric has stopped improving; it multiplies into a schedule: `cosine() * plateau("val_loss")`.

    value(t) = schedule(t) * factor ** reductions, not below `min * base`

    Args:
        metric: its name, as `scheduler.observe(loss=…)` says it.
        mode: `"min"` where less is better, `"max"` where more is.
        factor: of one reduction, above 0 and below 1.
        patience: values without improvement that are put up with; the one after reduces.
        threshold: what counts as better: by this share of the best value (`threshold_mode="rel"`), or this much
            (`"abs"`).
        cooldown: values after a reduction that do not count.
        min: floor of reductions, a multiple of base.
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
    return Plateau(metric, mode, factor, patience, threshold, threshold_mode, cooldown, min, eps, nonfinite)
