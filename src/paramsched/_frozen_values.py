"""Equality and hash of frozen values, by type and fields.

`dataclass` would generate and compile them for each of our sixty classes, which is a third of the time that importing
the library takes (benchmarks/test_import.py).
"""

from dataclasses import fields
from functools import cache
from typing import Any


def equal_fields(left: Any, right: object) -> bool:
    """Whether two values are of one class and equal field by field."""
    return type(left) is type(right) and compared_fields(left) == compared_fields(right)


def hash_of_fields(value: Any) -> int:
    """The hash that goes with `equal`."""
    return hash((type(value), compared_fields(value)))


def compared_fields(value: Any) -> tuple[Any, ...]:
    """The fields that make a value what it is."""
    return tuple([getattr(value, name) for name, compare in field_names(value.__class__) if compare])


@cache
def field_names(kind: type) -> tuple[tuple[str, bool], ...]:
    """The fields of a dataclass by name, and whether each is compared; looked up once for each class."""
    return tuple((field.name, field.compare) for field in fields(kind))
