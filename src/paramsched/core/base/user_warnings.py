"""Warnings that point to the line of the user's code, however deep in the library they are raised."""

import sys
import warnings
from typing import final

from paramsched.core.base.diagnostic import Diagnostic, printable_lines

_PASSED_OVER = ("paramsched", "torch")
"""Packages whose frames are skipped: this one, and torch, which calls its hooks and schedulers."""


@final
class DiagnosticWarning(UserWarning):
    """A warning about an entry of a config. `diagnostic` contains its location and code."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        UserWarning.__init__(self, diagnostic)
        self.diagnostic = diagnostic

    def __str__(self) -> str:
        return self.diagnostic.path_and_message


def warn_user(about: str | Diagnostic, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the innermost frame outside of this library and torch."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _PASSED_OVER:
        level, frame = level + 1, frame.f_back
    warning = DiagnosticWarning(about) if isinstance(about, Diagnostic) else printable_lines(about)
    warnings.warn(warning, category, stacklevel=level)
