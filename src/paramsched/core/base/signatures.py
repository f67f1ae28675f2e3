"""Signatures to read in help(), Jupyter and the documentation: short names, and the run facts one by one."""

import inspect
from collections.abc import Callable
from types import NoneType
from typing import (
    Annotated,
    Any,
    Literal,
    Never,
    TypeVar,
    Unpack,
    final,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from paramsched.core.base.params import union_members

_NAMES: dict[str, frozenset[Any]] = {}
"""The short name of each union that arguments have, such as `Level`; the largest union first."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def short_name(name: str, union: Any) -> None:
    """Write a union by its name in every signature that is made later. The module that defines the union calls this."""
    _NAMES[name] = frozenset(union_members(union))
    for one in sorted(_NAMES, key=lambda known: -len(_NAMES[known])):
        _NAMES[one] = _NAMES.pop(one)


@final
class _Text(str):
    """An annotation that is shown without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def readable(function: _Function, of: Callable[..., Any] | None = None) -> _Function:
    """Give a function a signature to read; its annotations stay as they are. Arguments of type `Never` are left out.

    Args:
        function: the function or method, or a class.
        of: the `__init__` of the class.
    """
    signature = inspect.signature(of or function)
    shown: list[inspect.Parameter] = []
    for one in signature.parameters.values():
        facts = next(iter(get_args(one.annotation)), None) if get_origin(one.annotation) is Unpack else None
        if one.annotation is Never:  # it is there to answer a call of a wrong form
            continue
        if one.name == "self":
            # A class is called without it. inspect removes it from the signature of a bound method.
            shown += [] if of is not None else [one]
        elif facts is not None and is_typeddict(facts):
            shown += [
                inspect.Parameter(name, one.KEYWORD_ONLY, default=None, annotation=_Text(annotation_text(hint)))
                for name, hint in get_type_hints(facts).items()
            ]
        else:
            shown.append(one.replace(annotation=_Text(annotation_text(one.annotation))))
    returns = signature.empty if of is not None else _Text(annotation_text(signature.return_annotation))
    function.__signature__ = inspect.Signature(shown, return_annotation=returns)  # type: ignore[attr-defined]  # inspect reads it
    return function


def annotation_text(annotation: Any) -> str:
    """Return the short text of an annotation.

    >>> annotation_text(int | None), annotation_text(Literal["a", "b"]), annotation_text(list[int])
    ('int | None', '"a" | "b"', 'list[int]')
    """
    if get_origin(annotation) is Annotated:
        return annotation_text(get_args(annotation)[0])
    if isinstance(annotation, str):
        return annotation
    members, words = list(union_members(annotation)), list[str]()
    for name, union in _NAMES.items():
        if union <= {*members}:
            words.append(name)
            members = [one for one in members if one not in union]
    words += [_text_of_one(one) for one in members if one not in (None, NoneType)]
    return " | ".join(words + ["None"] * any(one in (None, NoneType) for one in members))


def _text_of_one(one: Any) -> str:
    """Return the text of an annotation that is not a union."""
    if one is ...:
        return "..."
    if isinstance(one, list):  # the arguments of a Callable
        return f"[{', '.join(map(annotation_text, one))}]"
    arguments = get_args(one)
    if get_origin(one) is Literal:
        return " | ".join(f'"{choice}"' for choice in arguments)
    name = getattr(one, "__name__", None) or str(one).rpartition(".")[2]
    if not arguments:
        return name
    inner = (
        _text_of_one(each) if each is ... or isinstance(each, list) else annotation_text(each) for each in arguments
    )
    return f"{name}[{', '.join(inner)}]"
