"""What values of the library have in common: equality, hash and text by type and fields.

`dataclass` would generate and compile them for each of our sixty classes, which is a third of the time that importing
the library takes (benchmarks/test_import.py).
"""

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

_Kind = TypeVar("_Kind", bound=type)


def frozen_value(kind: _Kind) -> _Kind:
    """Let values of a class, and of those that inherit from it, be equal by type and fields, and shown as their text.

    Its dataclasses say `eq=False, repr=False`, so that they keep what stands here.
    """
    made: Any = kind
    made.__eq__, made.__hash__, made.__repr__ = equal_fields, hash_of_fields, _repr_as_text
    return kind


def _repr_as_text(value: object) -> str:
    return str(value)


def shown_fields(value: Any) -> str:
    """A value as dataclasses show it, by class and fields: for one whose class has no name in text.

    A `repr` of its own is kept; the one of `frozen_value` would ask for this text again.
    """
    kind: Any = type(value)
    if kind.__repr__ is not _repr_as_text:
        return repr(value)
    shown = (f"{field.name}={getattr(value, field.name)!r}" for field in fields(value) if field.repr)
    return f"{kind.__qualname__}({', '.join(shown)})"


def equal_fields(left: Any, right: object) -> bool:
    """Whether two values are of one class and equal field by field."""
    return type(left) is type(right) and compared_fields(left) == compared_fields(right)


def hash_of_fields(value: Any) -> int:
    """The hash that goes with `equal_fields`."""
    return hash((type(value), compared_fields(value)))


def compared_fields(value: Any) -> tuple[Any, ...]:
    """The fields that make a value what it is."""
    return tuple([getattr(value, name) for name, compare in field_names(value.__class__) if compare])


@cache
def field_names(kind: type) -> tuple[tuple[str, bool], ...]:
    """The fields of a dataclass by name, and whether each is compared; looked up once for each class."""
    return tuple((field.name, field.compare) for field in fields(kind))
