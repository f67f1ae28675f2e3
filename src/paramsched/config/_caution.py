"""Warn at the line of the user, however deep in the library the cause was found."""

import sys
import warnings


def warn(message: str) -> None:
    """A UserWarning that points at the innermost line outside this library."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "paramsched":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level + 1 if level > 1 else 2)
