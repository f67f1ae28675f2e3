"""Check arguments that are passed to torch by the types in its signatures, because torch checks few types itself."""

import inspect
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from torch import Tensor

from paramsched.core.base.codes import WRONG_TYPE
from paramsched.core.base.printing import child_path
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json

_NAMES: Final[Mapping[Any, str]] = {
    float: "a number",
    int: "an integer",
    bool: "True or False",
    str: "text",
    Tensor: "a tensor",
    NoneType: "None",
}


def check_types(
    function: Callable[..., Any], arguments: Mapping[str, Any], path: str, diagnostics: DiagnosticCollector
) -> None:
    r"""Report each argument whose type is not that in the signature of one of torch's functions or classes.

    A function of the user is not checked, because its annotations may be wrong.

    >>> import torch
    >>> diagnostics = DiagnosticCollector()
    >>> check_types(torch.optim.Adam, {"lr": "0.1", "betas": [0.9], "amsgrad": 1, "fused": None}, "$", diagnostics)
    >>> print(*diagnostics.problems(), sep="\n")
    $.lr: expected a number or a tensor, got "0.1"
    $.betas: expected a list of 2 numbers, got [0.9]
    $.amsgrad: expected True or False, got 1
    """
    if not str(getattr(function, "__module__", "")).startswith("torch."):
        return
    kinds = get_type_hints(vars(function)["__init__"] if isinstance(function, type) else inspect.unwrap(function))
    for name, value in arguments.items():
        if name in kinds and not _fits(value, kinds[name]):
            found = f"expected {_name_of(kinds[name])}, got {short_json(value)}"
            diagnostics.add(child_path(path, name), found, code=WRONG_TYPE)


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a value has a type of a signature."""
    parts = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if get_origin(kind) is tuple:
        return isinstance(value, (list, tuple)) and len(value) == len(parts) and all(map(_fits, value, parts))
    if kind in (float, int):
        return isinstance(value, Real if kind is float else Integral) and not isinstance(value, bool)
    return kind not in _NAMES or isinstance(value, kind)


def _name_of(kind: Any) -> str:
    """Return a description of a type of a signature."""
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(map(_name_of, get_args(kind)))
    return f"a list of {len(get_args(kind))} numbers" if get_origin(kind) is tuple else _NAMES[kind]
