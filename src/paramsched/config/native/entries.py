"""The entries of a native plan that are no fields, and how a group is named."""

import re
from typing import Final

RESERVED: Final = ("clock", "groups", "horizon", "targets")
"""What a plan has beside its fields."""

SCHEMA: Final = "$schema"
"""What editors look for: the schema that a file follows. A plan does not keep it."""

TARGET_ENTRIES: Final = ("initial", "schedule")
"""What each target has."""

_INDEX: Final = re.compile(r"\[(\d{1,9})\]")


def index_in_name(name: str) -> int | None:
    """The index that a group's name in a file stands for; None for a name.

    >>> index_in_name("[0]"), index_in_name("head")
    (0, None)
    """
    found = _INDEX.fullmatch(name)
    return int(found[1]) if found else None
