"""Levels that are probably a mistake, for `paramsched check` and for the Scheduler."""

from collections.abc import Iterable
from math import prod
from typing import TypeAlias

from paramsched.base.codes import BASE_OF_ZERO, GROWS, LEVEL_AS_VALUE
from paramsched.feedback.base import Guided
from paramsched.fields import Field
from paramsched.plan import Binding, Target
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


def unlikely_level(line: Binding, base: float | None = None) -> Trap | None:
    """Return the trap of a line whose multiples of base were probably meant as values.

    A line of lr never reaches a hundredth of base, or reaches ten times base. A large multiple is a trap in a line for
    all groups only, because a head often learns faster. A line of a field in `_BELOW_ONE` never reaches base.

    Args:
        line: the line.
        base: the base of its first group, if known.
    """
    peak = _highest_level(line.schedule)
    if line.name != "lr":
        return _below_base(line, peak, base)
    if peak is None or peak == 0 or _SMALL <= peak < _LARGE or (peak >= _LARGE and line.groups is not None):
        return None
    if peak < _SMALL:
        found = f"numbers are multiples of the group's own lr, so the lr never exceeds {peak:g} × base"
        return LEVEL_AS_VALUE, found, f"For an absolute value write absolute({peak!r})"
    found = f"numbers are multiples of the group's own lr, so the lr rises to {peak:g} × base"
    return GROWS, found, "For a length write over=…; for an absolute value write absolute(…)"


_BELOW_ONE = ("betas", "momentum", "dampening", "eps", "weight_decay")
"""Fields whose usual values are below 1, so that levels below 1 are probably values."""


def _below_base(line: Binding, peak: float | None, base: float | None) -> Trap | None:
    """Return the trap of a line of a field in `_BELOW_ONE` none of whose levels reaches base."""
    if isinstance(line.field, Target) or Field.of(line.field).key not in _BELOW_ONE or peak is None or not 0 < peak < 1:
        return None
    levels = sorted(_levels(line.schedule)) or [peak]
    low, high = levels[0], levels[-1]
    multiples = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    if base is None:
        found = f"numbers are multiples of base, so {line.name} is {multiples} × base"
    else:
        values = f"is {low * base:g}" if low == high else f"goes from {low * base:g} to {high * base:g}"
        found = f"{line.name} {values} ({multiples} × base {base:g})"
    values = f"the value {multiples}" if low == high else f"the values {multiples}"
    whole = line.schedule.schedule if isinstance(line.schedule, Guided) else line.schedule
    rules = "".join(f" * {rule}" for rule in line.schedule.metric_rules)
    return LEVEL_AS_VALUE, found, f"For {values} write absolute({whole}){rules}"


def _levels(schedule: Schedule) -> set[float]:
    """Return the multiples of base that a line contains as levels of its stages."""
    match schedule:
        case Guided(schedule=inner):
            return _levels(inner)
        case Anneal(start=float(start), to=float(to)):
            return {start, to}
        case Constant(value=float(value)):
            return {value}
        case Table(absolute=False, values=values):
            return {*values.array.tolist()}
        case Sequence(stages=parts):
            return {level for part in parts for level in _levels(part)}
    return set()


def unlikely_values(field: str, lines: Iterable[Binding], slots: Iterable[tuple[Schedule, float]]) -> Trap | None:
    """Return the trap of all values of a field in a run; None if one of them is sound.

    Args:
        field: the name of the field.
        lines: the lines of a plan.
        slots: the schedule and the base of the field in each group.
    """
    found = [*slots]
    base = found[0][1] if found else None
    traps = [unlikely_level(line, base) for line in lines if line.name == field]
    if traps and all(traps):
        return traps[0]
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
