"""The properties of schedules, and `BrokenProperty`, the error that a check raises."""

from typing import Any, final

import numpy as np

from paramsched.core.curves.arrays import Array, Floats
from paramsched.core.schedules import Schedule, parse
from paramsched.core.schedules.span import rows_at


@final
class BrokenProperty(AssertionError):
    """A schedule or a rule breaks a property.

    Args:
        statement: the property, as a sentence.
        what: the schedule or rule, with its arguments.
        where: the time, base or input.
        result: the wrong result.
    """

    def __init__(self, statement: str, what: object, where: str, result: str) -> None:
        self.statement = statement
        self.what = str(what)
        self.where = where
        self.result = result
        super().__init__(statement, self.what, where, result)

    def __str__(self) -> str:
        what = self.what if len(self.what) <= 300 else f"{self.what[:297]}..."
        return f"{what} breaks a property: {self.statement}.\n  {self.where}: {self.result}"


def value_at_each_time(schedule: Schedule, times: Array, base: float) -> None:
    """Check that an array of times gives the same values as each time alone, bit for bit."""
    values = _values(schedule, times, base)
    alone = np.array([schedule(t, base) for t in times.tolist()])
    statement = "an array of times gives the same values as each time alone"
    message = f"alone {{0!r}}, in an array of {times.size} times {{1!r}}"
    _require(_same_numbers(alone, values), statement, schedule, times, base, message, alone, values)


def independent_of_order(schedule: Schedule, times: Array, base: float) -> None:
    """Check that a value does not depend on the order, number or shape of the times."""
    values = _values(schedule, times, base)
    cut = times.size // 3
    evaluations = {
        "backwards": _values(schedule, times[::-1], base)[::-1],
        "in two parts": np.concatenate([_values(schedule, section, base) for section in (times[:cut], times[cut:])]),
        "in three dimensions": _values(schedule, times.reshape(1, -1, 1), base).reshape(-1),
        "a second time": _values(schedule, times, base),
    }
    statement = "a value does not depend on the order of the times or on other times"
    for how, again in evaluations.items():
        message = f"{{0!r}} at first, {how} {{1!r}}"
        _require(_same_numbers(values, again), statement, schedule, times, base, message, values, again)


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
    statement = "a schedule whose `affine` is True is a multiple of base plus an absolute value"
    message = "{0!r}, but the line through the values at base 0 and 1 gives {1!r}"
    _require(holds, statement, schedule, times, base, message, value, line)


def columns_match_values(schedule: Schedule, times: Array, base: float) -> None:
    """Check that the factors and absolute values of an affine schedule, applied to base, give its values."""
    if not schedule.affine:
        return
    values = _values(schedule, times, base)
    applied = rows_at(schedule, times, np.array([base]))[:, 0]
    statement = "the factors and absolute values of a schedule, applied to base, give its values"
    message = "{0!r}, but its factor and absolute value give {1!r}"
    _require(_same_numbers(values, applied), statement, schedule, times, base, message, values, applied)


def text_reads_back(schedule: Schedule) -> None:
    """Check that the text of a serializable schedule reads back as an equal schedule."""
    if not schedule.serializable:
        return
    again = parse(str(schedule))
    if not _are_equal(again, schedule) or str(again) != str(schedule):
        raise BrokenProperty("text reads back as an equal schedule", schedule, "parse(str(schedule))", str(again))


def _are_equal(first: Schedule, second: Schedule) -> bool:
    return first == second and hash(first) == hash(second)


def _require(
    holds: Array, statement: str, schedule: Schedule, times: Array, base: float, message: str, *columns: Floats
) -> None:
    """Raise `BrokenProperty` for the first time at which a property does not hold; `message` shows the columns."""
    broken = np.flatnonzero(~holds)
    if broken.size:
        place = broken[0]
        text = message.format(*(column[place].item() for column in columns))
        raise BrokenProperty(statement, schedule, _at(times[place].item(), base), text)


def _values(schedule: Schedule, times: Array, base: float) -> Floats:
    values: Any = schedule(times, base)
    return np.asarray(values)


def _same_numbers(first: Array, second: Array) -> Array:
    return (first == second) | ((first != first) & (second != second))


def _at(t: float, base: float) -> str:
    return f"at t = {t!r}, base {base!r}"
