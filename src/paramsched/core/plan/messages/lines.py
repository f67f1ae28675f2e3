"""The errors of the lines of a plan in the groups of an optimizer, and what keeps their values in a range."""

from collections.abc import Iterator
from math import isnan
from typing import Final

from paramsched.core.schedules.schedule import Schedule
from paramsched.errors import PlanError

# ---------------------------------------------------------------- the lines of a group


def field_is_scheduled_twice(group: str, name: str, second: str, field: str) -> PlanError:
    """Return the error for two names of one field in a group, such as momentum and `betas[0]`.

    Args:
        group: the text of the group.
        name: one of the names.
        second: the other one.
        field: the field of the group.
    """
    return PlanError(f"{name} and {second} in {group}", f"both are {field} in this group", "Schedule one of them")


def two_selectors_match(name: str, label: str | int, groups: str, other_groups: str) -> PlanError:
    """Return the error for a group that two lines of a field select, by the texts of their selectors."""
    message = f"two selectors match it: {groups} and {other_groups}"
    return PlanError(f"{name} in {named_group(label)}", message, "Select each group only once")


def named_group(label: str | int) -> str:
    """Return the text by which an error names a group."""
    return f"group {label!r}"


# ---------------------------------------------------------------- the range of values


def value_is_outside(field: str, problem: str, value: float, update: int) -> PlanError:
    """Return the error for a value outside of the range of its field.

    Args:
        field: the name of the field.
        problem: the words for the value, as `ValueRange.problem` returns them.
        value: the value.
        update: its update.
    """
    return PlanError(field, f"it {problem}: it is {value:g} at update {update}")


FLOOR_ADVICE: Final = "Raise its lowest level to 0, for example clamp(linear(1, -0.1), low=0)"

BELOW_ONE_ADVICE: Final = "Keep it below 1: absolute(0.99)"

_SHORT: Final = 80
"""Characters of a part that fits into an answer."""


def limit_advice(schedule: Schedule, value: float) -> str:
    """Return the fragment that keeps the values of a schedule finite.

    Args:
        schedule: the schedule as written.
        value: its first value that is not finite.

    >>> from math import inf
    >>> from paramsched.core.schedules import constant
    >>> limit_advice(constant(4) ** -1, inf)
    'Keep what is divided by above 0: maximum(constant(4.0), 0.05)'
    >>> limit_advice(constant(4), inf)
    'Limit what grows: minimum(constant(4.0), 2)'
    """
    for power in _parts_within(schedule):
        if power.kind == "power" and _is_short(power):
            if power.args["exponent"] < 0:
                return f"Keep what is divided by above 0: maximum({power.args['schedule']}, 0.05)"
            if isnan(value):
                return f"Keep it at 0 or more: maximum({power.args['schedule']}, 0)"
    if isnan(value) or schedule.metric_rules or not _is_short(schedule):
        return "Limit what grows, for example minimum(exponential(1.5), 2)"
    return f"Limit what grows: minimum({schedule}, 2)"


def _is_short(schedule: Schedule) -> bool:
    """Return whether the text of a schedule fits into an answer, and can be read back."""
    text = str(schedule)
    return "<" not in text and len(text) <= _SHORT


def _parts_within(schedule: Schedule) -> Iterator[Schedule]:
    """Yield a schedule and all of its parts."""
    yield schedule
    for part in schedule.parts():
        yield from _parts_within(part)
