"""The registry: every function that builds a schedule or a rule, by its name in text."""

from collections.abc import Callable
from typing import Any

from paramsched.base.calls import Builder, built_class, register_builder

SHAPES: dict[str, Callable[..., Any]] = {}
"""Every function that builds a schedule, by the name it has in text, configs and the command line.

The table belongs to the process, like that of codecs: a text has to mean the same everywhere in it.
"""

RULES: dict[str, Callable[..., Any]] = {}

BUILDER_OF_CLASS: dict[type, tuple[str, Callable[..., Any]]] = {}
"""For each class the function that builds its values, and the name of it in text."""

_OPERATORS: dict[str, Callable[..., Any]] = {}


def shape(builder: Builder) -> Builder:
    """Register a function that builds a schedule under its own name.

    Its parameters say what text, configs, the command line and the laws may give it, so they are annotated with
    `Level`, `DurationLike`, `float`, … The class it returns is written by this name.

    Raises:
        InvalidArgument: the name is taken, or the return annotation is missing.
    """
    return _keep_class(register_builder(SHAPES, builder, kind="shape", prefix=""), "")


def rule(builder: Builder) -> Builder:
    """Register a function of `rules`."""
    return _keep_class(register_builder(RULES, builder, kind="shape", prefix="rules."), "rules.")


def operator_builder(name: str) -> Callable[[Builder], Builder]:
    """Register what an operator does: combinators stand above the class that has the operators."""

    def keep(function: Builder) -> Builder:
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
    """The name of the function that builds such values, or of their class."""
    return BUILDER_OF_CLASS[type(value)][0] if type(value) in BUILDER_OF_CLASS else type(value).__name__


def _keep_class(builder: Builder, prefix: str) -> Builder:
    """Let values of a class be written as calls of the first function that builds them."""
    BUILDER_OF_CLASS.setdefault(built_class(builder), (prefix + builder.__name__, builder))
    return builder
