"""The texts of values, as a prompt shows them."""

import re
from dataclasses import fields
from textwrap import wrap
from typing import Any

_COLUMNS, _LINES = 100, 20
_LIST = re.compile(r"\[((?:[-+.\w]+, ){3})(?:[-+.\w]+, ){5,}((?:[-+.\w]+, ){2}[-+.\w]+)\]")


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

    If the class defines a `__repr__` of its own, that method is called.
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
