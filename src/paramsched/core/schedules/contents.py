"""Iterating over the contents of schedules: their parts and lengths."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.rules import Rule
from paramsched.core.time import Duration


def durations_in(value: Any) -> Iterator[Duration]:
    """Yield every length in a schedule; for a recurrence rule, yield the length of one of its steps.

    >>> from paramsched.core.schedules.anneal import warmup
    >>> [str(length) for length in durations_in(warmup("5 epochs"))]
    ['5 epochs']
    """
    for part in values_inside(value):
        if isinstance(part, Duration):
            yield part
        elif isinstance(part, Rule):
            yield Duration.of("1 epoch" if part.by == "epoch" else "1 step")


def values_inside(value: Any) -> Iterator[Any]:
    """Yield a value and, if it is a tuple, a schedule or a rule, every value inside it, recursively."""
    yield value
    if isinstance(value, tuple):
        for item in value:
            yield from values_inside(item)
    elif isinstance(value, (Schedule, Rule)):
        for field in fields(value):  # type: ignore[arg-type]  # every schedule and rule is a dataclass
            yield from values_inside(getattr(value, field.name))
