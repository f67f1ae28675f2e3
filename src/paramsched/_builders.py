"""Registering the functions that build values from what people write: shapes, rules and curves, each by its name."""

from collections.abc import Callable
from typing import Any, TypeVar

from paramsched._calls import explain_wrong_calls
from paramsched._names_elsewhere import with_other_names
from paramsched.errors import InvalidArgument

Builder = TypeVar("Builder", bound=Callable[..., Any])


def register_builder(table: dict[str, Callable[..., Any]], builder: Builder, *, kind: str, prefix: str) -> Builder:
    """The same function, kept in a table under its own name; its docstring has others' names, and wrong calls are told.

    Args:
        table: where it is kept.
        builder: its return annotation is the class that it builds.
        kind: what it builds, for messages: `shape`.
        prefix: what stands before its name in text: `rules.`.

    Raises:
        InvalidArgument: the name is taken, or the return annotation is missing.
    """
    name = builder.__name__
    if name in table:
        raise InvalidArgument(f"{kind} {name!r}", "the name is taken", "Choose another name")
    if not isinstance(built_class(builder), type):
        made = "Curve" if kind == "curve" else "Schedule"
        raise InvalidArgument(f"{kind} {name!r}", "its return annotation is missing", f"Write def {name}(…) -> {made}:")
    known = explain_wrong_calls(builder, prefix)
    known.__doc__ = with_other_names(known.__doc__, prefix + name)
    table[name] = known
    return known


def built_class(builder: Callable[..., Any]) -> Any:
    """The class that a function says it returns; None where it says nothing."""
    return builder.__annotations__.get("return")  # not by `inspect.signature`, which takes as long as the rest
