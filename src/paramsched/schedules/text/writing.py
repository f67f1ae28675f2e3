"""How a schedule is written as one line of text."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from paramsched.base.frozen_values import shown_fields
from paramsched.schedules.affine import Absolute, AffineLevel, NeighborLevel
from paramsched.schedules.registry import BUILDER_OF_CLASS, has_shape
from paramsched.time import Duration

SEQUENCE, SUM, PRODUCT, NEGATIVE, POWER, CALL = range(6)  # how tightly a form binds, as Python's operators do


def call_text(value: Any) -> str:
    """A value as a call of its builder: arguments at their defaults left out, by position until one is.

    A value of a class without a shape is shown as Python shows it; such a text is not read back.
    """
    if not has_shape(value):
        return f"<{shown_fields(value)}>"
    name, builder = BUILDER_OF_CLASS[type(value)]
    arguments = {parameter.name: getattr(value, parameter.name) for parameter in _parameters_of(builder)}
    return write_call(name, builder, arguments)


def write_call(name: str, builder: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    """A call of `builder` with `arguments`, as short as it can be said."""
    given: list[str] = []
    gap = False
    for place, parameter in enumerate(_parameters_of(builder)):
        argument = arguments[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            given += [written_value(item) for item in argument]
            gap = True
            continue
        text = written_value(argument)  # once: twice at each level would double the work with each level
        if argument is None or text == _default_texts(builder)[place]:
            gap = True
        else:
            keyword = gap or parameter.kind is parameter.KEYWORD_ONLY
            given.append(f"{parameter.name}={text}" if keyword else text)
    return f"{name}({', '.join(given)})"


@cache
def _parameters_of(builder: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(builder).parameters.values())


@cache
def _default_texts(builder: Callable[..., Any]) -> tuple[str | None, ...]:
    given = (parameter.default for parameter in _parameters_of(builder))
    return tuple(None if default is inspect.Parameter.empty else written_value(default) for default in given)


def written_value(value: object) -> str:
    """A value as it stands in a line of text."""
    match value:
        case Duration():
            return value.written()
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case tuple() | list():
            return f"[{', '.join(written_value(item) for item in value)}]"
        case bool() | int() | float() | None | Absolute() | AffineLevel() | NeighborLevel():
            return repr(value)
        case _:
            return str(value)


def short_line(value: object) -> str:
    """The beginning of a schedule's text, for a message."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def in_brackets(part: Any, tightness: int) -> str:
    """A part of an operator's form, in brackets where it needs them."""
    return str(part) if part._precedence >= tightness else f"({part})"
