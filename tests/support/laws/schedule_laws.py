"""The laws of schedules, and `check_shape`, which checks all of them."""

import math
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from paramsched.core.curves import Curve
from paramsched.core.curves.arrays import Array, Floats
from paramsched.core.plan import resolve
from paramsched.core.schedules import Schedule, parse
from paramsched.core.schedules.evaluation import columns
from paramsched.core.time import Calendar, Duration
from paramsched.errors import InvalidArgument, shown
from support.laws.curve_laws import BrokenLaw
from support.laws.drawing import for_drawn_schedules


def value_at_each_time(schedule: Schedule, times: Array, base: float) -> None:
    """Check that an array of times gives the same values as each time alone, bit for bit."""
    values = _values(schedule, times, base)
    alone = np.array([schedule(t, base) for t in times.tolist()])
    law = "an array of times gives the same values as each time alone"
    found = f"alone {{0!r}}, in an array of {times.size} times {{1!r}}"
    _require(_same_numbers(alone, values), law, schedule, times, base, found, alone, values)


def independent_of_order(schedule: Schedule, times: Array, base: float) -> None:
    """Check that a value does not depend on the order, number or shape of the times."""
    values = _values(schedule, times, base)
    cut = times.size // 3
    others = {
        "backwards": _values(schedule, times[::-1], base)[::-1],
        "in two parts": np.concatenate([_values(schedule, part, base) for part in (times[:cut], times[cut:])]),
        "in three dimensions": _values(schedule, times.reshape(1, -1, 1), base).reshape(-1),
        "a second time": _values(schedule, times, base),
    }
    law = "a value does not depend on the order of the times or on other times"
    for how, again in others.items():
        found = f"{{0!r}} at first, {how} {{1!r}}"
        _require(_same_numbers(values, again), law, schedule, times, base, found, values, again)


def finite_values(schedule: Schedule, times: Array, base: float) -> None:
    """Check that every value is a finite number."""
    values = _values(schedule, times, base)
    _require(np.isfinite(values), "every value is a finite number", schedule, times, base, "{0!r}", values)


def affine_in_base(schedule: Schedule, times: Array, base: float) -> None:
    """Check that a schedule that is `affine` has values of the form A(t) * base + C(t)."""
    if not schedule.affine:
        return
    at_zero, at_one, value = (_values(schedule, times, b) for b in (0.0, 1.0, base))
    with np.errstate(over="ignore", invalid="ignore"):
        scale = np.maximum.reduce([np.abs(at_zero), np.abs(at_one), np.abs(value)]) * max(abs(base), 1.0)
        line = at_zero + base * (at_one - at_zero)
        # The tolerance is a few rounding errors of the largest number.
        holds = ~(np.isfinite(scale) & (np.abs(value - line) > 1e-15 * 8 * scale + 1e-300))
    law = "a schedule whose `affine` is True is a multiple of base plus an absolute value"
    found = "{0!r}, but the line through the values at base 0 and 1 gives {1!r}"
    _require(holds, law, schedule, times, base, found, value, line)


def zero_at_base_zero(schedule: Schedule, times: Array) -> None:
    """Check that a schedule without absolute levels is 0 if base is 0."""
    values = _values(schedule, times, 0.0)
    law = "a schedule without absolute levels is 0 if base is 0"
    _require((values == 0) | schedule.has_absolute, law, schedule, times, 0.0, "{0!r}", values)


def columns_match_values(schedule: Schedule, times: Array, base: float) -> None:
    """Check that the factors and offsets of an affine schedule, applied to base, give its values."""
    if not schedule.affine:
        return
    values = _values(schedule, times, base)
    applied = np.broadcast_to(columns(schedule, times).apply(base), times.shape)
    law = "the factors and offsets of a schedule, applied to base, give its values"
    found = "{0!r}, but its factor and offset give {1!r}"
    _require(_same_numbers(values, applied), law, schedule, times, base, found, values, applied)


def held_after_end(schedule: Schedule, base: float) -> None:
    """Check that a schedule holds its last value after its end."""
    if schedule.length is None:
        return
    end = math.ceil(schedule.length)
    times = np.array([end, end + 1, end + 7, 2 * end + 1000])
    values = _values(schedule, times, base)
    last = np.full_like(values, values[0])
    law = "a schedule holds its last value after its end"
    found = f"{{0!r}}, but {{1!r}} at its end, {end}"
    _require(_same_numbers(values, last), law, schedule, times, base, found, values, last)


def breakpoints_in_order(schedule: Schedule, until: int) -> None:
    """Check that breakpoints are sorted, unique integers that include 0 and the end."""
    points = schedule.breakpoints(until)
    end = until if schedule.length is None else min(until, math.ceil(schedule.length))
    law = "breakpoints are sorted, unique integers that include 0 and the end"
    if list(points) != sorted(set(points)) or not all(isinstance(point, int) for point in points):
        raise BrokenLaw(law, schedule, f"breakpoints({until})", str(points[:10]))
    if points[0] != 0 or (schedule.length is not None and points[-1] != end):
        found = f"from {points[0]} to {points[-1]}, but the end is {end}"
        raise BrokenLaw(law, schedule, f"breakpoints({until})", found)


def text_reads_back(schedule: Schedule) -> None:
    """Check that the text of a serializable schedule reads back as an equal schedule."""
    if not schedule.serializable:
        return
    again = parse(str(schedule))
    if not _are_equal(again, schedule) or str(again) != str(schedule):
        raise BrokenLaw("text reads back as an equal schedule", schedule, "parse(str(schedule))", str(again))


def _are_equal(one: Schedule, other: Schedule) -> bool:
    return one == other and hash(one) == hash(other)


def copies_are_equal(schedule: Schedule) -> None:
    """Check that a pickled schedule is restored as an equal schedule."""
    try:
        again = pickle.loads(pickle.dumps(schedule))  # pickled in the same line
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        found = f"{type(error).__name__}: {error}"
        raise BrokenLaw("a schedule can be pickled", schedule, "pickle.dumps(schedule)", found) from error
    if not _are_equal(again, schedule):
        law = "a pickled schedule is restored as an equal schedule"
        raise BrokenLaw(law, schedule, "pickle.loads(pickle.dumps(…))", str(again))


def _require(
    holds: Array, law: str, schedule: Schedule, times: Array, base: float, found: str, *columns: Floats
) -> None:
    """Raise `BrokenLaw` for the first time at which a law does not hold; `found` shows the values of the columns."""
    broken = np.flatnonzero(~holds)
    if broken.size:
        place = broken[0]
        text = found.format(*(column[place].item() for column in columns))
        raise BrokenLaw(law, schedule, _at(times[place].item(), base), text)


def _values(schedule: Schedule, times: Array, base: float) -> Floats:
    values: Any = schedule(times, base)
    return np.asarray(values)


def _same_numbers(one: Array, other: Array) -> Array:
    return (one == other) | ((one != one) & (other != other))


def _at(t: float, base: float) -> str:
    return f"at t = {t!r}, base {base!r}"


_BASES = (0.1, 3e-4, 7.5)


def check_shape(
    shape: Callable[..., Schedule] | Schedule,
    calendar: Calendar | None = None,
    *,
    examples: int = 30,
    arguments: Mapping[str, Any] | None = None,
) -> None:
    """Check every law of schedules on a schedule, or on schedules that a function builds from random arguments.

    - An array of times gives the same values as each time alone.
    - A value does not depend on the order of the times or on other times.
    - Every value is finite.
    - An affine schedule is a multiple of base plus an absolute value. Without absolute levels it is 0 if base is 0.
    - After its end a schedule holds its last value.
    - Breakpoints are sorted, unique integers that include 0 and the end.
    - The text reads back as an equal schedule, and a pickled copy is equal.
    - Resolving a resolved schedule does not change it.

    Args:
        shape: a schedule, or a function with annotated parameters that builds schedules.
        calendar: the run facts for a schedule. By default 1000 updates, 20 per epoch.
        examples: the number of schedules to generate.
        arguments: Hypothesis strategies by parameter name, for parameters whose annotation has none.

    Raises:
        BrokenLaw: a schedule breaks a law.
        InvalidArgument: `shape` is neither a schedule nor a function, for example a module or a curve.

    >>> from paramsched.core.schedules.decays import exponential
    >>> check_shape(exponential(0.9))
    >>> check_shape(exponential(9.0))
    Traceback (most recent call last):
        ...
    support.laws.curve_laws.BrokenLaw: exponential(9.0)
      breaks a law: every value ...
      at t = ..., base ...: inf
    """
    if isinstance(shape, Schedule):
        run = Calendar(total=1000, steps_per_epoch=20) if calendar is None else calendar
        _check_schedule(shape, run)
        return
    if not callable(shape) or isinstance(shape, Curve):
        found = f"expected a schedule, or a function that returns schedules, got {type(shape).__name__}"
        raise InvalidArgument(f"check_shape({shown(shape)})", found, "For example check_shape(ps.exponential(0.9))")
    for_drawn_schedules(shape, _check_schedule, examples, arguments or {})


def _check_schedule(written: Schedule, calendar: Calendar) -> None:
    """Check each law on one schedule."""
    resolved = resolve(written, calendar)
    total = 1000 if calendar.total is None else Duration.of(calendar.total).updates
    if resolve(resolved, calendar) != resolved:
        found = str(resolve(resolved, calendar))
        raise BrokenLaw("resolving a resolved schedule does not change it", resolved, "resolved again", found)
    for one in (written, resolved):
        text_reads_back(one)
    if written.serializable:
        copies_are_equal(resolved)
    breakpoints_in_order(resolved, min(total, 5000))
    # Integer times around the breakpoints, across the run, and after the end.
    points = np.array(resolved.breakpoints(min(total, 5000))[:12])
    everywhere = np.linspace(0, total + 3, 15).astype(np.int64)
    times = np.concatenate([points - 1, points, points + 1, everywhere, [5, total]])
    times = np.unique(np.clip(times, 0, None)).astype(np.int64)
    zero_at_base_zero(resolved, times)
    for base in _BASES:
        value_at_each_time(resolved, times, base)
        independent_of_order(resolved, times, base)
        finite_values(resolved, times, base)
        affine_in_base(resolved, times, base)
        columns_match_values(resolved, times, base)
        held_after_end(resolved, base)
