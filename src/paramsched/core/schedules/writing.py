"""Write a schedule as one line of text."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from paramsched.core.base.frozen_values import shown_fields
from paramsched.core.base.printing import printable
from paramsched.core.schedules.affine import Absolute, AffineLevel
from paramsched.core.schedules.registry import BUILDER_OF_CLASS, has_shape
from paramsched.core.time import Duration

SEQUENCE, SUM, PRODUCT, NEGATIVE, POWER, CALL = range(6)  # precedences, in the order of Python's operators


def call_text(value: Any) -> str:
    """Write a schedule or rule as a call of its builder, the registered function that returns it.

    Arguments equal to their defaults are left out. The arguments after an omitted one are passed by keyword. A value
    whose class has no builder is written as `<…>`, which `parse` does not read.
    """
    if not has_shape(value):
        return f"<{shown_fields(value)}>"
    name, builder = BUILDER_OF_CLASS[type(value)]
    arguments = {parameter.name: getattr(value, parameter.name) for parameter, _ in _parameters_of(builder)}
    return write_call(name, builder, arguments)


def write_call(name: str, builder: Callable[..., Any], arguments: Mapping[str, Any], *, by_name: bool = False) -> str:
    """Write the shortest call of `builder` with `arguments`; `by_name` if each of them is written with its name."""
    written: list[str] = []
    gap = by_name
    for parameter, default in _parameters_of(builder):
        argument = arguments[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            written += [written_value(item) for item in argument]
            gap = True
            continue
        text = written_value(argument)  # written once, because writing it twice per level takes exponential time
        if argument is None or text == default:
            gap = True
        else:
            keyword = gap or parameter.kind is parameter.KEYWORD_ONLY
            written.append(f"{parameter.name}={text}" if keyword else text)
    return f"{name}({', '.join(written)})"


@cache
def _parameters_of(builder: Callable[..., Any]) -> tuple[tuple[inspect.Parameter, str | None], ...]:
    """Return the parameters of a builder with the texts of their default values."""
    known = inspect.signature(builder).parameters.values()
    return tuple((one, None if one.default is one.empty else written_value(one.default)) for one in known)


def written_value(value: object) -> str:
    """Write a value as an argument in a line of text."""
    match value:
        case Duration():
            return value.written()
        case str():
            return '"' + printable(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'
        case tuple() | list():
            return f"[{', '.join(written_value(item) for item in value)}]"
        case bool() | int() | float() | None | Absolute() | AffineLevel():
            return repr(value)
        case _:
            return str(value)


def short_line(value: object) -> str:
    """Shorten a schedule's text to 80 characters, for a message."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def in_brackets(part: Any, tightness: int) -> str:
    """Write an operand of an operator, in brackets if the precedence of the operand is lower than `tightness`."""
    return str(part) if part._precedence >= tightness else f"({part})"


_FEW: Final = 128  # operands of one chain; more are written in groups, because Python's tree of a chain is as deep


def chain_depth(count: int) -> int:
    """Return how much a chain of so many operands adds to the depth of a text: 1 for each 16, and for each group."""
    own = (min(count, _FEW) - 1) // 16
    return own if count <= _FEW else own + 1 + chain_depth(-(-count // _FEW))


def chain_text(operands: Sequence[str], join: Callable[[Sequence[str]], str]) -> str:
    """Write the operands of an operator. Those of a long chain are in brackets by groups, which mean the same.

    >>> chain_text(["a", "b", "c"], " >> ".join)
    'a >> b >> c'
    """
    while len(operands) > _FEW:
        groups = [operands[begin : begin + _FEW] for begin in range(0, len(operands), _FEW)]
        operands = [f"({join(group)})" if len(group) > 1 else group[0] for group in groups]
    return join(operands)
