"""What schedules and plans contain: their parts, lengths and units."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from paramsched.plan.plan import Plan
from paramsched.schedules import Schedule
from paramsched.schedules.rules import Rule
from paramsched.time import Duration


def durations_in(value: Any) -> Iterator[Duration]:
    """Every length in a schedule; a rule counts as one of its ticks.

    >>> from paramsched.schedules import warmup
    >>> [str(length) for length in durations_in(warmup("5 epochs"))]
    ['5 epochs']
    """
    for part in values_inside(value):
        if isinstance(part, Duration):
            yield part
        elif isinstance(part, Rule):
            yield Duration.of("1 epoch" if part.by == "epoch" else "1 step")


def units_of_plan(plan: Plan) -> frozenset[str]:
    """The units a plan uses, its horizon included.

    >>> sorted(units_of_plan(Plan(lr="warmup('5%') >> cosine()", horizon="20 epochs")))
    ['epochs', 'percent']
    """
    lengths = [length for binding in plan.bindings for length in durations_in(binding.schedule)]
    lengths += [plan.horizon] if plan.horizon is not None else []
    return frozenset(unit for length in lengths for unit, _ in length.terms)


def values_inside(value: Any) -> Iterator[Any]:
    """The value itself, and every value that a schedule or a rule holds, however deep."""
    yield value
    if isinstance(value, tuple):
        for item in value:
            yield from values_inside(item)
    elif isinstance(value, (Schedule, Rule)):
        for field in fields(value):  # type: ignore[arg-type]  # every schedule and rule is a dataclass
            yield from values_inside(getattr(value, field.name))
