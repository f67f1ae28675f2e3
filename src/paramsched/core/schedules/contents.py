"""Iterating over the contents of schedules: their parts and lengths."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from paramsched.core.base.frozen_values import field_names
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.own import OfTime
from paramsched.core.time import Duration


def durations_in(value: Any) -> Iterator[Duration]:
    """Yield every length in a schedule; for a function, yield the length of one of its steps.

    >>> from paramsched.core.schedules.anneal import warmup
    >>> [str(length) for length in durations_in(warmup("5 epochs"))]
    ['5 epochs']
    """
    yield from lengths_among(values_inside(value))


def lengths_among(parts: Iterable[Any]) -> Iterator[Duration]:
    """Yield the lengths that `durations_in` yields, of a schedule whose parts are known."""
    for part in parts:
        if isinstance(part, Duration):
            yield part
        elif isinstance(part, OfTime):
            yield Duration.of("1 step")  # what its function counts


def parts_inside(value: Any) -> tuple[Any, ...]:
    """Return the schedules and the lengths in a schedule, recursively, without numbers and text."""
    found: list[Any] = []
    _collect_parts(value, found)
    return tuple(found)


def _collect_parts(value: Any, found: list[Any]) -> None:
    kind = value.__class__
    if kind is Duration:
        found.append(value)
    elif names := _names_inside(kind):
        found.append(value)
        for name in names:
            _collect_parts(getattr(value, name), found)
    elif isinstance(value, tuple):
        for item in value:
            _collect_parts(item, found)


def values_inside(value: Any) -> Iterator[Any]:
    """Return a value and, if it is a tuple or a schedule, every value inside it, recursively."""
    found: list[Any] = []
    _collect(value, found)
    return iter(found)


def _collect(value: Any, found: list[Any]) -> None:
    found.append(value)
    if isinstance(value, tuple):
        for item in value:
            _collect(item, found)
    else:
        for name in _names_inside(value.__class__):
            _collect(getattr(value, name), found)


@cache
def _names_inside(kind: type) -> tuple[str, ...]:
    """Return the fields of a class of schedules; none for any other class."""
    return tuple(name for name, _ in field_names(kind)) if issubclass(kind, Schedule) else ()
