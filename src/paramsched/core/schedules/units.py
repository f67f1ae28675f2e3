"""The units of the lengths in a resolved schedule, which are plain counts of its clock while it is evaluated."""

from fractions import Fraction
from typing import Any

from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time import Duration
from paramsched.core.time.amounts import unit_of_lengths


def with_unit(schedule: Schedule, clock: str) -> Schedule:
    """Return a resolved schedule with the unit of its clock in its lengths, which were plain counts.

    Lengths on the clock of progress are in percent.

    >>> from paramsched.core.schedules.anneal import warmup
    >>> print(with_unit(warmup(375_000_000), "tokens"), with_unit(warmup(2_500_000_000), "seconds"))
    warmup("375M tokens") warmup("2.5 s")
    """
    unit, counts = unit_of_lengths(clock)
    named: Schedule = _renamed(schedule, "updates", unit, Fraction(1, counts))
    return named


def without_unit(schedule: Schedule, clock: str) -> Schedule:
    """Return a schedule with its lengths in the unit of a clock as plain counts, so that it can be evaluated.

    Lengths in other units stay unchanged.

    >>> from paramsched.core.schedules.anneal import warmup
    >>> without_unit(warmup("4 tokens"), "tokens")(3)
    0.75
    """
    unit, counts = unit_of_lengths(clock)
    counted: Schedule = _renamed(schedule, unit, "updates", Fraction(counts))
    return counted


def is_resolved_in(schedule: Schedule, clock: str) -> bool:
    """Return whether every length of a schedule is a count of a clock, and is written with its unit."""
    if clock == "updates":
        return schedule.is_resolved
    return without_unit(schedule, clock).is_resolved and _renamed(schedule, "updates", "samples") is schedule


def _renamed(value: Any, before: str, after: str, count: Fraction = Fraction(1)) -> Any:
    """Replace the unit `before` by `count` units `after` in a value.

    Return `value` itself if `before` does not occur in it.
    """
    if isinstance(value, Duration):
        if not any(unit == before for unit, _ in value.terms):
            return value
        terms = tuple((after, amount * count) if unit == before else (unit, amount) for unit, amount in value.terms)
        return Duration(terms, value.until)
    if isinstance(value, Schedule):
        return value.changed(lambda one: _renamed(one, before, after, count))
    return value
