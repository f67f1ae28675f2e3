"""Warnings that point at the line of the user, however deep in the library the cause was found."""

import sys
import warnings
from typing import final

from paramsched.base.diagnostic import Diagnostic

_PASSED_OVER = ("paramsched", "torch")
"""Packages whose lines the user did not write: this one, and torch, which calls our hooks and schedulers."""


@final
class DiagnosticWarning(UserWarning):
    """A warning about an entry of a config; `diagnostic` has its location and its code."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        UserWarning.__init__(self, diagnostic)
        self.diagnostic = diagnostic

    def __str__(self) -> str:
        return self.diagnostic.path_and_message


def warn_user(about: str | Diagnostic, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is neither in this library nor in torch."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _PASSED_OVER:
        level, frame = level + 1, frame.f_back
    warning = DiagnosticWarning(about) if isinstance(about, Diagnostic) else about
    warnings.warn(warning, category, stacklevel=level)


def renamed_property(old: str, new: str) -> property:
    """A property under its old name: it gives what the new one gives, and says so."""

    def read(self: object) -> object:
        warn_user(f".{old} is called .{new} now", DeprecationWarning)
        return getattr(self, new)

    return property(read, doc=f"The old name of `{new}`.")
