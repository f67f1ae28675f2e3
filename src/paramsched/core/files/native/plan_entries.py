"""The entries of a plan file besides its fields, and the placeholder for a value that could not be read."""

import re
from typing import Any, Final

from paramsched.errors import InvalidArgument

MISSING: Any = object()
"""The placeholder for a value that could not be read. Its diagnostic was added."""


def within_float(value: Any) -> float:
    """Return the value. Raise InvalidArgument for an integer that is too large for a float."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
        raise InvalidArgument(
            f"a number of {len(str(abs(value)))} digits", "it is too large for a float", "For example: 0.1"
        )
    return value  # type: ignore[no-any-return]  # other types are checked by the caller


RESERVED: Final = ("clock", "horizon", "note", "groups", "targets")
"""The entries of a plan besides its fields."""

TARGET_ENTRIES: Final = ("initial", "schedule")
"""The entries of a target."""

_INDEX: Final = re.compile(r"\[(\d{1,9})\]")


def index_in_name(name: str) -> int | None:
    """Return the index that a group's name such as `[0]` means in a file; None for other names.

    >>> index_in_name("[0]"), index_in_name("head")
    (0, None)
    """
    found = _INDEX.fullmatch(name)
    return int(found[1]) if found else None
