"""The registry: every function that builds a schedule or a rule, by the name it has in text, configs and commands."""

from collections.abc import Callable
from typing import Any, TypeVar

from paramsched._calls import explain_wrong_calls
from paramsched.errors import InvalidArgument

SHAPES: dict[str, Callable[..., Any]] = {}
"""Every function that builds a schedule, by the name it has in text, configs and the command line.

The table belongs to the process, like that of codecs: a text has to mean the same everywhere in it.
"""

RULES: dict[str, Callable[..., Any]] = {}
"""The functions of `rules`, by name."""

BUILDER_OF_CLASS: dict[type, tuple[str, Callable[..., Any]]] = {}
_OPERATORS: dict[str, Callable[..., Any]] = {}

_Builder = TypeVar("_Builder", bound=Callable[..., Any])


def shape(builder: _Builder) -> _Builder:
    """Register a function that builds a schedule under its own name.

    Its parameters say what text, configs, the command line and the laws may give it, so they are annotated with
    `Level`, `DurationLike`, `float`, … The class it returns is written by this name.

    Raises:
        InvalidArgument: the name is taken, or the return annotation is missing.
    """
    return _register(SHAPES, builder, prefix="")


def rule(builder: _Builder) -> _Builder:
    """Register a function of `rules`."""
    return _register(RULES, builder, prefix="rules.")


def operator_builder(name: str) -> Callable[[_Builder], _Builder]:
    """Register what an operator does: the combinators stand above the base class that has the operators."""

    def keep(function: _Builder) -> _Builder:
        _OPERATORS[name] = function
        return function

    return keep


def combine_operands(name: str, *operands: Any) -> Any:
    """The schedule an operator makes, or NotImplemented for operands it does not know."""
    return _OPERATORS[name](*operands)


def has_shape(value: object) -> bool:
    """Whether a registered function builds values of this class."""
    return type(value) in BUILDER_OF_CLASS


def builder_name(value: Any) -> str:
    """The name of the function that builds values of this class; of the class itself where none is registered."""
    return BUILDER_OF_CLASS[type(value)][0] if type(value) in BUILDER_OF_CLASS else type(value).__name__


def _register(table: dict[str, Callable[..., Any]], builder: _Builder, prefix: str) -> _Builder:
    name = builder.__name__
    if name in table:
        raise InvalidArgument(f"shape {name!r}", "the name is taken", "Choose another name")
    made = builder.__annotations__.get("return")  # not by `inspect.signature`, which takes as long as the rest
    if not isinstance(made, type):
        raise InvalidArgument(
            f"shape {name!r}", "its return annotation is missing", f"Write def {name}(…) -> Schedule:"
        )
    known = explain_wrong_calls(builder, prefix)
    table[name] = known
    BUILDER_OF_CLASS.setdefault(made, (prefix + name, known))
    return known
