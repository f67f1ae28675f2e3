"""The unit of a clock in a schedule's lengths: written in once they are resolved, and taken off to evaluate.

Inside the kernel a resolved length is a plain count, whatever it counts. So no shape has to know of clocks.
"""

from dataclasses import fields, replace
from typing import Any

from paramsched.schedules.base import Schedule
from paramsched.schedules.rules import Rule
from paramsched.time import Duration


def with_unit(schedule: Schedule, unit: str) -> Schedule:
    """A resolved schedule whose counts say what they count.

    >>> from paramsched.schedules import warmup
    >>> print(with_unit(warmup(375_000_000), "tokens"))
    warmup("375000000 tokens")
    """
    named: Schedule = _renamed(schedule, "updates", unit)
    return named


def without_unit(schedule: Schedule, unit: str) -> Schedule:
    """The same schedule as plain counts of a unit, which the kernel evaluates; other units stay as they are.

    >>> from paramsched.schedules import warmup
    >>> without_unit(warmup("4 tokens"), "tokens")(3)
    0.75
    """
    counted: Schedule = _renamed(schedule, unit, "updates")
    return counted


def is_resolved_in(schedule: Schedule, unit: str) -> bool:
    """Whether every length of a schedule is a count of one unit, and says so."""
    if unit == "updates":
        return schedule.is_resolved
    return without_unit(schedule, unit).is_resolved and _renamed(schedule, "updates", "epochs") is schedule


def _renamed(value: Any, before: str, after: str) -> Any:
    """A value with one unit in place of another in each of its lengths; the same object where it has none."""
    if isinstance(value, Duration):
        if not any(unit == before for unit, _ in value.terms):
            return value
        return Duration(tuple((after if unit == before else unit, amount) for unit, amount in value.terms), value.until)
    if isinstance(value, tuple):
        items = tuple(_renamed(item, before, after) for item in value)
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    if isinstance(value, (Schedule, Rule)):
        old = {field.name: getattr(value, field.name) for field in fields(value)}  # type: ignore[arg-type]  # dataclasses
        new = {name: _renamed(one, before, after) for name, one in old.items()}
        if isinstance(value, Rule):
            new["by"] = _renamed_tick(value.by, before, after)
        changed = {name: one for name, one in new.items() if one is not old[name]}
        return replace(value, **changed) if changed else value  # type: ignore[type-var]  # every one is a dataclass
    return value


def _renamed_tick(by: Any, before: str, after: str) -> Any:
    """What a rule ticks by, with one unit in place of another; an epoch has none yet."""
    if by == "epoch":
        return by
    ticks = Duration.of(1 if by == "update" else by)
    renamed = _renamed(ticks, before, after)
    if renamed is ticks:
        return by
    if renamed.is_resolved:
        return "update" if renamed.updates == 1 else renamed.updates
    return str(renamed)
