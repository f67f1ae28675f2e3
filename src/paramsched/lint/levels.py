"""Levels of the learning rate that are probably a mistake, for `paramsched check` and for the Scheduler."""

from collections.abc import Iterable
from math import prod
from typing import TypeAlias

from paramsched.base.codes import BASE_OF_ZERO, GROWS, LEVEL_AS_VALUE
from paramsched.feedback.base import Guided
from paramsched.plan import Binding
from paramsched.schedules import Anneal, Constant, Schedule
from paramsched.schedules.decays import Exponential
from paramsched.schedules.pointwise import Product
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep, Step
from paramsched.schedules.table import Table

Trap: TypeAlias = tuple[str, str, str]
"""A code, the effect of the line, and the line to write instead."""

_SMALL = 0.01
"""A learning rate that never reaches this multiple of base probably means an absolute value."""

_LARGE = 10.0
"""A learning rate that reaches this multiple of base is probably a length or an absolute value."""


def unlikely_level(line: Binding) -> Trap | None:
    """Return the trap of a line of lr that never reaches a hundredth of base, or reaches ten times base.

    A large multiple is a trap in a line for all groups only, because a head often learns faster.
    """
    peak = _highest_level(line.schedule)
    if peak is None or peak == 0 or _SMALL <= peak < _LARGE or (peak >= _LARGE and line.groups is not None):
        return None
    if peak < _SMALL:
        found = f"numbers are multiples of the group's own lr, so the lr never exceeds {peak:g} × base"
        return LEVEL_AS_VALUE, found, f"For an absolute value write absolute({peak!r})"
    found = f"numbers are multiples of the group's own lr, so the lr rises to {peak:g} × base"
    return GROWS, found, "For a length write over=…; for an absolute value write absolute(…)"


def unlikely_values(field: str, lines: Iterable[Binding], slots: Iterable[tuple[Schedule, float]]) -> Trap | None:
    """Return the trap of all values of a field in a run; None if one of them is sound.

    Args:
        field: the name of the field.
        lines: the lines of a plan.
        slots: the schedule and the base of the field in each group.
    """
    traps = [unlikely_level(line) for line in lines if line.name == field == "lr"]
    if traps and all(traps):
        return traps[0]
    found = [*slots]
    return base_is_zero(field) if found and not any(base or one.has_absolute for one, base in found) else None


def base_is_zero(field: str) -> Trap:
    """Return the trap of a field that is 0 in the optimizer."""
    found = f"{field} of the optimizer is 0, so every multiple of it is 0"
    return BASE_OF_ZERO, found, "Set it in the optimizer, or write absolute(0.01)"


def _highest_level(schedule: Schedule) -> float | None:
    """Return the highest multiple of base that a schedule reaches; None if it cannot be determined from the levels."""
    match schedule:
        case Guided(schedule=inner):
            return _highest_level(inner)
        case Anneal(start=float(start), to=float(to)):
            return max(abs(start), abs(to))
        case Constant(value=float(value)):
            return abs(value)
        case Table(absolute=False, values=values):
            return float(abs(values.array).max())
        case Step() | MultiStep():
            return 1.0
        case Exponential(gamma=gamma) if gamma <= 1:
            return 1.0
        case Sequence(stages=parts) | Product(operands=parts):
            peaks = [peak for part in parts if (peak := _highest_level(part)) is not None]
            if len(peaks) == len(parts):
                return max(peaks) if isinstance(schedule, Sequence) else prod(peaks)
    return None
