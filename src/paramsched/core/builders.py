"""Registration of the functions that a schedule's text may call, and an example of a call."""

import inspect
from collections.abc import Callable, MutableMapping
from typing import Any, ParamSpec, TypeVar, cast

from paramsched.core.base.params import required_names
from paramsched.errors import InvalidArgument, shown

_Builder = TypeVar("_Builder", bound=Callable[..., Any])
_Class = TypeVar("_Class", bound=type)
_Parameters = ParamSpec("_Parameters")
_Built = TypeVar("_Built")


def example_call(builder: Callable[..., Any], name: str) -> str:
    """Return the first call of a builder in its doctest; without one, a call with its required arguments.

    >>> example_call(cosine, "cosine")
    'cosine(to=0.1, over=100)'
    """
    documented, last = inspect.getdoc(builder) or "", name.rpartition(".")[2]
    for _, _, line in (line.partition(">>> ") for line in documented.splitlines() if line.startswith(">>> ")):
        begin = line.find(f"{last}(")
        if begin >= 0 and (end := _closing_bracket(line, begin)) is not None:
            return name + line[begin + len(last) : end]
    return f"{name}({', '.join(required_names(builder))})"


def _closing_bracket(line: str, begin: int) -> int | None:
    """Return the index after the bracket that closes the first one after `begin`; None if it is not closed."""
    depth = 0
    for place in range(begin, len(line)):
        depth += (line[place] in "([{") - (line[place] in ")]}")
        if line[place] in ")]}" and depth == 0:
            return place + 1
    return None


Builder = TypeVar("Builder", bound=Callable[..., Any])


def register_builder(table: MutableMapping[str, Callable[..., Any]], builder: Builder, *, kind: str) -> Builder:
    """Register a builder in a table by its name.

    Args:
        table: the registry, a dict from name to builder.
        builder: the function to register. Its return annotation is the class that it builds.
        kind: the kind of value that it builds, for messages: `shape`, `curve` or `rule`, the name of its decorator.
    """
    if not inspect.isfunction(builder):
        found = f"expected a function, got {type(builder).__name__}"
        raise InvalidArgument(f"{kind} {shown(builder)}", found, f"Write @ps.extend.{kind} above a def")
    name = builder.__name__
    if name in table:
        raise InvalidArgument(f"{kind} {name!r}", "the name is taken", "Choose another name")
    if not isinstance(built_class(builder), type):
        made = {"curve": "Curve", "rule": "Rule"}.get(kind, "Schedule")
        raise InvalidArgument(
            f"{kind} {name!r}", "its return annotation is missing", f"For example: def {name}(…) -> {made}:"
        )
    table[name] = builder
    return builder


def constructor(name: str, kind: Callable[_Parameters, _Built]) -> Callable[_Parameters, _Built]:
    """Return the constructor of a dataclass as a function called `name`, with the documentation of the class.

    Keywords that the class inherits are the last ones, as in its documentation.
    """

    def build(*positional: _Parameters.args, **named: _Parameters.kwargs) -> _Built:
        return kind(*positional, **named)

    made, known = cast(Any, build), cast(Any, kind)
    made.__name__ = made.__qualname__ = name
    made.__module__, made.__doc__ = known.__module__, known.__doc__
    made.__annotations__ = {**known.__init__.__annotations__, "return": known}
    signature, own = inspect.signature(known), known.__annotations__
    parameters = sorted(
        signature.parameters.values(), key=lambda one: one.kind is one.KEYWORD_ONLY and one.name not in own
    )
    made.__signature__ = signature.replace(parameters=parameters, return_annotation=known)
    return build


def built_class(builder: Callable[..., Any]) -> Any:
    """Return the annotated return type of a function; None if there is none."""
    return builder.__annotations__.get("return")  # `inspect.signature` would double the time
