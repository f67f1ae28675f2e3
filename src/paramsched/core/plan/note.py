"""The note of a plan file: who changed the plan, when and why. It is not a part of the plan."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

Note: TypeAlias = dict[str, str]
"""Texts by the keys in `NOTE_KEYS`."""

NOTE_KEYS: Final = ("who", "when", "why")
MOST_NOTE: Final = 200
"""The maximum number of characters in each text."""


def is_note(value: Any) -> bool:
    """Return whether a saved value is a note.

    >>> is_note({"who": "ann", "why": "loss is flat"}), is_note({"what": "lr"}), is_note({})
    (True, False, False)
    """
    return (
        isinstance(value, Mapping)
        and bool(value)
        and value.keys() <= set(NOTE_KEYS)
        and all(isinstance(text, str) and len(text) <= MOST_NOTE for text in value.values())
    )
