"""Keeping the hooks out of `torch.compile`: a compiled step runs them as they are and is not compiled anew for each."""

from collections.abc import Callable
from functools import cache
from typing import ParamSpec, TypeVar

import torch

_P = ParamSpec("_P")
_R = TypeVar("_R")


@cache
def untraced(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function that is run as it is, with all that it calls. The wrapper costs a microsecond: for what is rare.

    Made when first asked for: it imports torch's tracer, which an optimizer has done by then.
    """
    return torch.compiler.disable(function)  # type: ignore[no-any-return,no-untyped-call]  # torch's own annotation is Any


def skip(*functions: Callable[..., object]) -> None:
    """Run these functions as they are, at no cost per call; what they call has to be skipped or untraced too."""
    for function in functions:
        torch.compiler.disable(function, recursive=False)  # type: ignore[no-untyped-call]  # marks the code in place
