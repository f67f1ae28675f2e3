"""The ranges that an optimizer can use, and the first update at which a schedule leaves one."""

from collections.abc import Callable
from functools import cache
from itertools import islice
from math import ceil, inf
from typing import Any, Final, NamedTuple, final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.fields import Field
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.cost import cost_of_edge, cost_of_value
from paramsched.core.schedules.evaluation import MAX_LENGTH, evaluate
from paramsched.core.schedules.level import split_level
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


_OF_PARTS: Final = ("sequence", "product", "maximum", "minimum", "guided", "absolute")
"""Schedules with no value below 0 if none of their parts has one."""


def is_never_negative(schedule: Schedule) -> bool:
    """Return whether the formula of a resolved schedule shows that no value is below 0, for any base that is not.

    >>> is_never_negative(linear(1, 0.1, over=10)), is_never_negative(linear(1, -0.1, over=10))
    (True, False)
    """
    args = schedule.args
    if schedule.kind in _OF_PARTS:
        return all(map(is_never_negative, schedule.parts()))
    if schedule.kind in ("anneal", "warmup"):
        return args["curve"].monotone and _is_at_least_zero(args["start"]) and _is_at_least_zero(args["to"])
    return schedule.kind == "constant" and _is_at_least_zero(args["value"])


def _is_at_least_zero(level: Any) -> bool:
    """Return whether a level is not below 0 for any base; an open one is that of its neighbor, or the shape's own."""
    return level is None or all((part or 0.0) >= 0 for part in split_level(level))


_MOST_UPDATES: Final = 65_536
"""The updates of a run at which all values are computed."""
_MOST_COST: Final = 8_000_000
"""The cost of all values together: of a costly schedule, fewer are computed."""
_MOST_EDGE_COST: Final = 1_280_000
"""The cost of all edges together, likewise."""
_GRID: Final = 16_384
"""The evenly spaced updates of a longer run at which values are computed, besides its edges."""
_EACH: Final = 32
"""The first and the last updates of a longer run, at which all values are computed."""
_MOST_OF_FUNCTIONS: Final = 16_384  # updates at which a function of the user is called; each call may take microseconds


def first_outside(
    schedule: Schedule,
    allowed: ValueRange,
    base: float,
    times_of: Callable[[Array], Array],
    start: int,
    end: int,
    most_cost: int = _MOST_COST,
) -> tuple[int, float] | None:
    """Return the first update at which a schedule is outside of a range, and its value; None if there is none.

    The values of a run of up to 65,536 updates are computed at each of them. In a longer run they are computed at some
    evenly spaced updates, and beside the updates at which the formula changes. Metric rules are not applied: they may
    change all values but the first.

    Args:
        schedule: a resolved schedule.
        allowed: the range.
        base: the base.
        times_of: returns the times of updates on the clock of the schedule.
        start, end: the first update, and the one after the last.
        most_cost: the cost of the computed values (`cost_of_value`).
    """
    if schedule.metric_rules:
        end = min(end, start + 1)
    if end <= start or (allowed.below == inf and base >= 0 and is_never_negative(schedule)):
        return None
    updates = _updates_to_look_at(schedule, times_of, start, end, most_cost)
    values = evaluate(schedule, times_of(updates), base)
    bad = allowed.outside(values, base)
    if not bad.any():
        return None
    at = int(np.argmax(bad))
    before, found = int(updates[at - 1]) if at else start, int(updates[at])
    if at and found - before > 1:  # an update between them may be outside too
        inside = first_outside(schedule, allowed, base, times_of, before + 1, found, most_cost // 2)
        return inside or (found, float(values[at]))
    return found, float(values[at])


def _updates_to_look_at(
    schedule: Schedule, times_of: Callable[[Array], Array], start: int, end: int, most_cost: int
) -> Array:
    first, last = (int(times_of(np.array([one]))[0]) for one in (start, end - 1))
    affordable = max(most_cost // cost_of_value(schedule, last + 1), _EACH)
    most = min(_MOST_OF_FUNCTIONS if has_own_shape(schedule) else _MOST_UPDATES, affordable)
    if end - start <= most:
        return np.arange(start, end)
    count = min(_GRID, affordable)
    # Three updates are computed at each edge, which costs as much as they do.
    most = min(most, affordable // 6, _MOST_EDGE_COST // cost_of_edge(schedule))
    updates = np.linspace(start, end - 1, count).astype(np.int64)
    edges = np.array([float(min(one, last + 1)) for one in islice(schedule.piece.edges(first, last + 1), most)])
    # The updates just before and after each edge, on any clock: times do not decrease.
    after = np.searchsorted(times_of(updates), edges)
    near = updates[np.clip(after, 0, updates.size - 1)]
    is_counted = np.array_equal(times_of(updates), updates)
    beside = np.ceil(edges).astype(np.int64) if is_counted else near
    # Not np.unique, which hashes integers: that takes ten times as long, and a repeated update does no harm.
    each = np.arange(_EACH)
    several = [updates, beside - 1, beside, beside + 1, start + each, end - 1 - each]
    found = np.sort(np.concatenate(several), kind="stable")
    return found[(found >= start) & (found < end)]


def end_of_values(schedule: Schedule) -> int | None:
    """Return the time after which a resolved schedule is constant, plus 1; None if it never is."""
    try:
        held = schedule.piece.held
    except ParamschedError:
        return None
    return None if held is None else min(ceil(held) + 1, MAX_LENGTH)


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
