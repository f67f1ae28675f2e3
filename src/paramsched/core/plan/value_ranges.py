"""The ranges that an optimizer can use, and the first update at which a schedule leaves one."""

from collections.abc import Callable
from functools import cache
from math import ceil, inf
from typing import Final, NamedTuple, final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.fields import Field
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.affine import Bounds
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.own import has_own_shape
from paramsched.errors import ParamschedError

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
_MOST_UPDATES = 2**20  # of a run; of a longer one, as many evenly spaced updates are evaluated
_MOST_OF_FUNCTIONS = 16_384  # updates at which a function of the user is called; each call may take microseconds


def first_outside(
    schedule: Schedule, allowed: ValueRange, base: float, times_of: Callable[[Array], Array], start: int, end: int
) -> tuple[int, float] | None:
    """Return the first update at which a schedule is outside of a range, and its value; None if there is none.

    The bounds of the stages decide in most cases. Only a schedule whose bounds are outside is evaluated. A function of
    the user is called at some updates only. Metric rules are not applied: they may change all values but the first.

    Args:
        schedule: a resolved schedule.
        allowed: the range.
        base: the base.
        times_of: returns the times of updates on the clock of the schedule.
        start, end: the first update, and the one after the last.
    """
    if schedule.metric_rules:
        end = min(end, start + 1)
    if end <= start or stays_inside(schedule, allowed, Bounds(base, base)):
        return None
    most = _MOST_OF_FUNCTIONS if has_own_shape(schedule) else _MOST_UPDATES
    stride = -(-(end - start) // most)
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


def stays_inside(schedule: Schedule, allowed: ValueRange, bases: Bounds) -> bool:
    """Return whether the bounds of a schedule show that all of its values are inside of a range."""
    bounds = schedule.bounds(bases)
    return bounds is not None and bounds.low >= 0 and bounds.high < allowed.below


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
    'For example: clamp(linear(1.0, -0.1), low=0)'
    """
    line = str(schedule)
    if schedule.metric_rules or "<" in line or len(line) > _LONGEST_LINE:
        return "Raise its lowest level to 0"
    return f"For example: clamp({line}, low=0)"


_LONGEST_LINE: Final = 80

BELOW_ONE_ADVICE: Final = "Keep it below 1: absolute(0.99)"
