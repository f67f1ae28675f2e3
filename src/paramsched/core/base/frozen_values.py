"""Equality, hash and repr of the library's frozen dataclasses, by type and fields.

`dataclass` would generate and compile these methods for each of sixty classes. That would take a third of the time of
`import paramsched` (benchmarks/test_import.py).
"""

import re
from dataclasses import fields
from functools import cache
from textwrap import wrap
from typing import Any, TypeVar

_Kind = TypeVar("_Kind", bound=type)
_COLUMNS, _LINES = 100, 20
_LIST = re.compile(r"\[((?:[-+.\w]+, ){3})(?:[-+.\w]+, ){5,}((?:[-+.\w]+, ){2}[-+.\w]+)\]")


def frozen_value(kind: _Kind) -> _Kind:
    """Define `==` and `hash` by type and fields, and `repr` as `str`, for a class and its subclasses.

    The dataclasses must be declared with `eq=False, repr=False`, so that `dataclass` does not replace these methods.
    """
    made: Any = kind
    made.__eq__, made.__hash__, made.__repr__ = equal_fields, hash_of_fields, text_on_screen
    return kind


def text_on_screen(value: object) -> str:
    r"""Return the text of a value as its `repr`: in lines of at most 100 columns, and without what follows line 20.

    A long list of numbers is shown as its first and last three.

    >>> text_on_screen("cosine()"), len(text_on_screen("word " * 1000)), text_on_screen("word " * 1000)[-8:]
    ('cosine()', 1903, 'word\n...')
    """
    text = str(value)
    if len(text) <= _COLUMNS and "\n" not in text:
        return text
    text = _LIST.sub(r"[\1..., \2]", text)
    if len(text) <= _COLUMNS and "\n" not in text:
        return text
    shown = text[: _COLUMNS * _LINES]  # a longer text is cut anyway
    lines = [row for line in shown.split("\n") for row in wrap(line, _COLUMNS, break_on_hyphens=False) or [""]]
    fits = len(lines) <= _LINES and shown == text
    return "\n".join(lines if fits else [*lines[: _LINES - 1], "..."])


def shown_fields(value: Any) -> str:
    """Return the repr that `dataclass` would generate, for a value whose class has no name in schedule text.

    If the class defines a `__repr__` of its own, that method is called. The `__repr__` from `frozen_value` is not
    called, because it would call this function again.
    """
    kind: Any = type(value)
    if kind.__repr__ is not text_on_screen:
        return repr(value)
    shown = (f"{field.name}={getattr(value, field.name)!r}" for field in fields(value) if field.repr)
    return f"{kind.__qualname__}({', '.join(shown)})"


def only_set_fields(value: Any) -> str:
    """Return a repr with the fields that differ from their defaults, for a dataclass with many optional fields.

    >>> from paramsched.core.time import RunFacts
    >>> only_set_fields(RunFacts(total=10))
    'RunFacts(total=10)'
    """
    entries = ((field.name, getattr(value, field.name), field.default) for field in fields(value))
    shown = (f"{name}={entry!r}" for name, entry, default in entries if entry != default)
    return text_on_screen(f"{type(value).__qualname__}({', '.join(shown)})")


def equal_fields(left: Any, right: object) -> bool:
    """Return whether two values have the same class and equal fields."""
    return type(left) is type(right) and compared_fields(left) == compared_fields(right)


def hash_of_fields(value: Any) -> int:
    """Return a hash by class and fields. It is equal for values that are equal by `equal_fields`."""
    return hash((type(value), compared_fields(value)))


def compared_fields(value: Any) -> tuple[Any, ...]:
    """Return the values of a dataclass's fields, without the fields declared with `compare=False`."""
    return tuple([getattr(value, name) for name, compare in field_names(value.__class__) if compare])


@cache
def field_names(kind: type) -> tuple[tuple[str, bool], ...]:
    """Return a pair (name, compare) for each field of a dataclass; `compare` is True if `==` compares the field.

    The result is cached for each class.
    """
    return tuple((field.name, field.compare) for field in fields(kind))
