"""Warnings that point at the line of the user, however deep in the library the cause was found."""

import sys
import warnings
from typing import final

_PASSED_OVER = ("paramsched", "torch")
"""Packages whose lines the user did not write: this one, and torch, which calls our hooks and schedulers."""


@final
class PlanCaution(UserWarning):
    """A warning about an entry of a config that can be read, and is hardly meant.

    Args:
        path: of the entry.
        found: what it does, and what to write.
        code: of `paramsched check`.
        line, column: in the file, both from 1; None where the path leads there.
    """

    def __init__(self, path: str, found: str, code: str, line: int | None = None, column: int | None = None) -> None:
        UserWarning.__init__(self, f"{path}: {found}" if path else found)
        self.path, self.found, self.code, self.line, self.column = path, found, code, line, column


def warn_user(text: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is neither in this library nor in torch."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _PASSED_OVER:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


def renamed_property(old: str, new: str) -> property:
    """A property under its old name: it gives what the new one gives, and says so."""

    def read(self: object) -> object:
        warn_user(f".{old} is called .{new} now", DeprecationWarning)
        return getattr(self, new)

    return property(read, doc=f"The old name of `{new}`.")
