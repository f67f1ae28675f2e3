"""Warnings that point at the line of the user, however deep in hooks they are raised."""

import sys
import warnings
from pathlib import Path

import torch

_INSIDE = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent))
"""The library itself, whose adapters stand between as well, and torch."""


def warn(text: str) -> None:
    """Warn at the innermost frame that is neither ours nor torch's."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)
