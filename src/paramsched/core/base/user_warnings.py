"""Warnings that point to the line of the user's code, however deep in the library they are raised."""

import sys
import warnings
from typing import final

from paramsched.core.base.diagnostic import Diagnostic, printable_lines
from paramsched.core.base.problem import Problem

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


def warn_user(about: Problem | Diagnostic, category: type[Warning] = UserWarning) -> None:
    """Issue a warning at the innermost frame outside of this library and torch. Its text is the printed problem."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in _PASSED_OVER:
        level, frame = level + 1, frame.f_back
    if isinstance(about, Diagnostic):
        warnings.warn(DiagnosticWarning(about), stacklevel=level)
    else:
        code = f" [{about.code}]" if about.code else ""
        warnings.warn(printable_lines(f"{about}{code}"), category, stacklevel=level)
