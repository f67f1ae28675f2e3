"""Warnings that point at the line of the user, however deep in hooks they are raised."""

import sys
import warnings
from pathlib import Path

import torch

_INSIDE = tuple(str(Path(file).parent) for file in (__file__, torch.__file__))


def warn(text: str) -> None:
    """Warn at the innermost frame that is neither ours nor torch's."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)
