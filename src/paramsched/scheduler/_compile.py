"""Keeping the hooks out of `torch.compile`: a compiled step runs them as they are and is not compiled anew for each."""

from collections.abc import Callable
from functools import cache
from typing import Any, ParamSpec, TypeVar

import torch

_P = ParamSpec("_P")
_R = TypeVar("_R")


@cache
def run_uncompiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """A function that is run as it is, with all that it calls. The wrapper costs a microsecond: for what is rare.

    Made when first asked for: it imports torch's tracer, which an optimizer has done by then.
    """
    return torch.compiler.disable(function)  # type: ignore[no-any-return,no-untyped-call]  # torch's own annotation is Any


def mark_uncompiled(*functions: Callable[..., Any]) -> None:
    """Run these functions as they are, at no cost per call; what they call has to be marked or wrapped too.

    It marks their code in place. `torch.compiler.disable(recursive=False)` is no way to that: in torch 2.13 it makes a
    wrapper, which costs as much as the hooks.
    """
    from torch._dynamo.decorators import skip as mark_code

    for function in functions:
        mark_code(function)


def expect_changing_number(key: str) -> None:
    """Let torch's compiler take a number that the first group holds for one that changes, from the first graph on.

    It compiles a second graph otherwise, when it sees the number change. Torch's own setting for that
    (`TORCH_COMPILE_DYNAMIC_SOURCES`) is added to; torch before 2.8 has none.
    """
    config = getattr(torch.compiler, "config", None)
    known = getattr(config, "dynamic_sources", None)
    pattern = rf".*\.param_groups\[0\]\['{key}'\]"
    if isinstance(known, str) and pattern not in known:
        config.dynamic_sources = f"{known},{pattern}" if known else pattern  # type: ignore[union-attr]  # it has the one above
