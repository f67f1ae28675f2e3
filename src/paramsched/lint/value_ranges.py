"""The ranges that an optimizer can use, and the first update at which a schedule leaves one."""

from collections.abc import Callable
from functools import cache
from math import ceil, inf, isfinite
from typing import Final, NamedTuple, final

import numpy as np

from paramsched.curves.arrays import Array
from paramsched.errors import ParamschedError
from paramsched.feedback.base import Guided
from paramsched.fields import Field
from paramsched.plan.contents import values_inside
from paramsched.schedules import Anneal, Constant, Schedule
from paramsched.schedules.absolute_schedule import AbsoluteSchedule
from paramsched.schedules.affine import Level, NeighborLevel, split_level
from paramsched.schedules.decays import Exponential, InverseTime, PowerLaw
from paramsched.schedules.evaluation import evaluate
from paramsched.schedules.leaves import FromFunction
from paramsched.schedules.pointwise import Clamp, Maximum, Minimum, Product, Sum
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.restarts import Restarts
from paramsched.schedules.retimed import Every, Window
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.schedules.table import Table

_NOT_NEGATIVE: Final = ("lr", "weight_decay", "eps", "alpha", "betas", "momentum", "dampening")
_BELOW_ONE: Final = ("betas", "momentum", "dampening")


@final
class ValueRange(NamedTuple):
    """The values of a field that an optimizer can use: from 0 to less than `below`."""

    below: float

    def outside(self, values: Array, base: float) -> Array:
        """Return which values are outside; a value that rounding moved below 0 is not."""
        rounding = 1e-9 * max(abs(base), float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values))))
        return (values < -rounding) | ((values >= self.below) & (self.below < inf))

    def problem(self, value: float) -> str:
        """Return the words for a value outside."""
        return "falls below 0" if value < 0 else f"reaches {self.below:g}"


@cache
def range_of(name: str) -> ValueRange | None:
    """Return the range of a field; None if every number is accepted.

    >>> range_of("betas[1]"), range_of("lr"), range_of("temperature")
    (ValueRange(below=1.0), ValueRange(below=inf), None)
    """
    key = Field.of(name).key
    return ValueRange(1.0 if key in _BELOW_ONE else inf) if key in _NOT_NEGATIVE else None


_PIECE = 65_536
_MOST_UPDATES = 2**24  # of a run; of a longer one, as many evenly spaced updates are evaluated
_MOST_OF_RULES = 2_000_000  # updates; rules are computed one update after another


def first_outside(
    schedule: Schedule, allowed: ValueRange, base: float, times_of: Callable[[Array], Array], start: int, end: int
) -> tuple[int, float] | None:
    """Return the first update at which a schedule is outside of a range, and its value; None if there is none.

    The bounds of the stages decide in most cases. Only a schedule whose bounds are outside is evaluated. A function of
    the user is not called.

    Args:
        schedule: a resolved schedule.
        allowed: the range.
        base: the base.
        times_of: returns the times of updates on the clock of the schedule.
        start, end: the first update, and the one after the last.
    """
    if _stays_inside(schedule, allowed, base) or end <= start or not _may_be_evaluated(schedule, end - start):
        return None
    stride = -(-(end - start) // _MOST_UPDATES)
    before = start
    for first in range(start, end, _PIECE * stride):
        updates = np.arange(first, min(end, first + _PIECE * stride), stride)
        values = evaluate(schedule, times_of(updates), base)
        if (bad := allowed.outside(values, base)).any():
            at = int(np.argmax(bad))
            if stride > 1 and updates[at] > start:  # between two evaluated updates
                before = int(updates[at - 1]) if at else before
                return first_outside(schedule, allowed, base, times_of, before, int(updates[at]) + 1)
            return int(updates[at]), float(values[at])
        before = int(updates[-1])
    return None


def _may_be_evaluated(schedule: Schedule, count: int) -> bool:
    """Return whether a schedule has no function of the user, and no rules that many updates make slow."""
    parts = [*values_inside(schedule)]
    if any(isinstance(part, FromFunction) for part in parts):
        return False
    return count <= _MOST_OF_RULES or not any(isinstance(part, Recurrence) for part in parts)


def end_of_values(schedule: Schedule) -> int | None:
    """Return the time after which a resolved schedule is constant, plus 1; None if it never is."""
    try:
        held = schedule._held_from()
    except ParamschedError:
        return None
    return None if held is None else ceil(held) + 1


def with_floor(schedule: Schedule) -> str:
    """Return the advice to clamp a schedule at 0.

    >>> with_floor(linear(1, -0.1))
    'Write clamp(linear(to=-0.1), low=0)'
    """
    line = str(schedule)
    if schedule.metric_rules or "<" in line or len(line) > _LONGEST_LINE:
        return "Raise its lowest level to 0"
    return f"Write clamp({line}, low=0)"


_LONGEST_LINE: Final = 80

BELOW_ONE_ADVICE: Final = "Keep it below 1: absolute(0.99)"


@final
class _Bounds(NamedTuple):
    """Each value is `factor * base + offset`: factors from `low` to `high`, offsets from `least` to `most`."""

    low: float
    high: float
    least: float = 0.0
    most: float = 0.0

    def with_base(self, base: float) -> tuple[float, float]:
        ends = self.low * base, self.high * base
        return min(ends) + self.least, max(ends) + self.most

    def around(self, other: "_Bounds") -> "_Bounds":
        return _Bounds(
            min(self.low, other.low),
            max(self.high, other.high),
            min(self.least, other.least),
            max(self.most, other.most),
        )


_FROM_BASE_TO_ZERO = _Bounds(0.0, 1.0)


def _stays_inside(schedule: Schedule, allowed: ValueRange, base: float) -> bool:
    """Return whether the bounds of a schedule show that all of its values are inside of a range."""
    bounds = _bounds(schedule)
    if bounds is None:
        return False
    low, high = bounds.with_base(base)
    return low >= 0 and high < allowed.below


def _bounds(schedule: Schedule) -> _Bounds | None:
    """Return bounds of a resolved schedule from its levels; None if they do not determine any."""
    match schedule:
        case Constant(value=level):
            return _between(level, level)
        case Anneal(start=start, to=to, curve=curve) if curve.monotone:
            return _between(start, to)
        case Table(values=values, curve=curve) if curve is None or curve.monotone:
            low, high = float(values.array.min()), float(values.array.max())
            return _Bounds(0.0, 0.0, low, high) if schedule.absolute else _Bounds(low, high)
        case Exponential(gamma=gamma) | Step(gamma=gamma) | MultiStep(gamma=gamma) if gamma <= 1:
            return _FROM_BASE_TO_ZERO
        case PowerLaw(exponent=exponent) if exponent > 0:
            return _FROM_BASE_TO_ZERO
        case InverseTime():
            return _FROM_BASE_TO_ZERO
        case Restarts(schedule=inner, gamma=1.0) | Every(schedule=inner) | Guided(schedule=inner):  # rules wait
            return _bounds(inner)
        case Window(schedule=inner):
            bounds = _bounds(inner)
            return None if bounds is None else bounds.around(_Bounds(1.0, 1.0))
        case AbsoluteSchedule(schedule=inner):
            bounds = _bounds(inner)
            return None if bounds is None else _Bounds(0.0, 0.0, *bounds.with_base(1.0))
        case Sequence(stages=parts) | Minimum(operands=parts) | Maximum(operands=parts):
            return _around_all(parts)
        case Sum(operands=parts):
            found = [_bounds(part) for part in parts]
            known = [one for one in found if one is not None]
            return None if len(known) < len(found) else _Bounds(*map(sum, zip(*known, strict=True)))
        case Product(operands=parts):
            return _of_product(parts)
        case Clamp(schedule=inner, low=low, high=high):
            return _of_clamp(_bounds(inner), low, high)
    return None


def _between(start: Level, to: Level) -> _Bounds | None:
    if isinstance(start, NeighborLevel) or isinstance(to, NeighborLevel):
        return None
    (factor, offset), (to_factor, to_offset) = ((part or 0.0 for part in split_level(level)) for level in (start, to))
    return _Bounds(factor, factor, offset, offset).around(_Bounds(to_factor, to_factor, to_offset, to_offset))


def _around_all(parts: tuple[Schedule, ...]) -> _Bounds | None:
    around: _Bounds | None = None
    for part in parts:
        bounds = _bounds(part)
        if bounds is None:
            return None
        around = bounds if around is None else around.around(bounds)
    return around


def _of_product(parts: tuple[Schedule, ...]) -> _Bounds | None:
    """Return the bounds of a product; at most one factor has absolute levels, the others are evaluated for base 1."""
    main = next((part for part in parts if part.has_absolute), parts[0])
    found = _bounds(main)
    for part in parts:
        if part is main or found is None:
            continue
        bounds = _bounds(part)
        if bounds is None:
            return None
        ends = bounds.with_base(1.0)
        factors = [one * end for one in found[:2] for end in ends]
        offsets = [one * end for one in found[2:] for end in ends]
        found = _Bounds(min(factors), max(factors), min(offsets), max(offsets))
    return found


def _of_clamp(inner: _Bounds | None, low: Level | None, high: Level | None) -> _Bounds | None:
    """Return the bounds of a clamp whose limits are multiples of base, as all levels in it are; else None."""
    lower, upper = -inf if low is None else low, inf if high is None else high
    if not isinstance(lower, float) or not isinstance(upper, float):
        return None
    if inner is None:
        return _Bounds(lower, upper) if isfinite(lower) and isfinite(upper) else None
    if inner.least or inner.most:
        return None
    return _Bounds(min(max(inner.low, lower), upper), min(max(inner.high, lower), upper))
