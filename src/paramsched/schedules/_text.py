"""The one-line text of schedules: the table of shapes by name, and how a value is written."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from paramsched._calls import told
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules._level import Absolute
from paramsched.time import Duration

SEQUENCE, SUM, PRODUCT, NEGATIVE, CALL = range(5)  # how tightly a form binds, as Python's operators do

SHAPES: dict[str, Callable[..., Any]] = {}
"""Every function that builds a schedule, by the name it has in text, configs and the command line.

The table belongs to the process, like that of codecs: a text has to mean the same everywhere in it.
"""

RULES: dict[str, Callable[..., Any]] = {}
"""The functions of `rules`, by name."""

_BUILDERS: dict[type, tuple[str, Callable[..., Any]]] = {}
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


def operator(name: str) -> Callable[[_Builder], _Builder]:
    """Register what an operator does: the combinators stand above the base class that has the operators."""

    def keep(function: _Builder) -> _Builder:
        _OPERATORS[name] = function
        return function

    return keep


def combine(name: str, *operands: Any) -> Any:
    """The schedule an operator makes, or NotImplemented for operands it does not know."""
    return _OPERATORS[name](*operands)


def has_shape(value: object) -> bool:
    """Whether a registered function builds values of this class."""
    return type(value) in _BUILDERS


def name_of(value: Any) -> str:
    """The name of the function that builds values of this class; of the class itself where none is registered."""
    return _BUILDERS[type(value)][0] if type(value) in _BUILDERS else type(value).__name__


def call(value: Any) -> str:
    """A value as a call of its builder: arguments at their defaults left out, by position until one is.

    A value of a class without a shape is shown as Python shows it; such a text is not read back.
    """
    if not has_shape(value):
        return f"<{value!r}>"
    name, builder = _BUILDERS[type(value)]
    arguments = {parameter.name: getattr(value, parameter.name) for parameter in _parameters(builder)}
    return write_call(name, builder, arguments)


def write_call(name: str, builder: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """A call of `builder` with `arguments`, as short as it can be said."""
    given: list[str] = []
    gap = False
    for place, parameter in enumerate(_parameters(builder)):
        argument = arguments[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            given += [written(item) for item in argument]
            gap = True
            continue
        text = written(argument)  # once: twice at each level would double the work with each level
        if argument is None or text == _defaults(builder)[place]:
            gap = True
        else:
            keyword = gap or parameter.kind is parameter.KEYWORD_ONLY
            given.append(f"{parameter.name}={text}" if keyword else text)
    return f"{name}({', '.join(given)})"


@cache
def _parameters(builder: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(builder).parameters.values())


@cache
def _defaults(builder: Callable[..., Any]) -> tuple[str | None, ...]:
    """The text of each parameter's default; None where it has none."""
    given = (parameter.default for parameter in _parameters(builder))
    return tuple(None if default is inspect.Parameter.empty else written(default) for default in given)


def written(value: object) -> str:
    """A value as it stands in a line of text."""
    match value:
        case Duration():
            return value.written()
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case tuple() | list():
            return f"[{', '.join(written(item) for item in value)}]"
        case bool() | int() | float() | None | Absolute():
            return repr(value)
        case _:
            return str(value)


def short_line(value: object) -> str:
    """The beginning of a schedule's text, for a message."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def bracketed(part: Any, tightness: int) -> str:
    """A part of an operator's form, in brackets where it binds less tightly than the form."""
    return str(part) if part._precedence >= tightness else f"({part})"


def above_zero(asked: str | Asked, duration: Duration) -> None:
    """Refuse a period of nothing."""
    if not duration.terms:
        raise InvalidArgument(asked, "a period of nothing", 'Write 30, "10 epochs" or "5%"').suggest(30)


def _register(table: dict[str, Callable[..., Any]], builder: _Builder, prefix: str) -> _Builder:
    name = builder.__name__
    if name in table:
        raise InvalidArgument(f"shape {name!r}", "the name is taken", "Choose another name")
    made = builder.__annotations__.get("return")  # not by `inspect.signature`, which takes as long as the rest
    if not isinstance(made, type):
        raise InvalidArgument(
            f"shape {name!r}", "its return annotation is missing", f"Write def {name}(…) -> Schedule:"
        )
    known = told(builder, prefix)
    table[name] = known
    _BUILDERS.setdefault(made, (prefix + name, known))
    return known
