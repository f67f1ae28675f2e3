"""Write a schedule as one line of text."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from paramsched.core.base.params import Param, params_of
from paramsched.core.base.printing import printable
from paramsched.core.base.shown_values import shown_fields
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.registry import BUILDER_OF_CLASS
from paramsched.core.time import Duration

SEQUENCE, SUM, PRODUCT, NEGATIVE, POWER, CALL = range(6)  # precedences, in the order of Python's operators


def call_of_rule(value: Any) -> str:
    """Write a rule as a call of its builder, the registered function that returns it.

    A value whose class has no builder is written as `<…>`, which `parse` does not read.
    """
    if type(value) not in BUILDER_OF_CLASS:
        return f"<{shown_fields(value)}>"
    name, builder = BUILDER_OF_CLASS[type(value)]
    params = params_of(builder)
    return write_call(name, params, {key: getattr(value, key) for key in params})


def write_call(name: str, params: Mapping[str, Param], arguments: Mapping[str, Any], *, by_name: bool = False) -> str:
    """Write the shortest call of a function with `arguments`; `by_name` if each of them is written with its name.

    Arguments equal to their defaults are left out. The arguments after an omitted one are passed by keyword.
    """
    written: list[str] = []
    gap = by_name
    for key, param in params.items():
        argument = arguments[key]
        if param.several:
            written += [written_value(item) for item in argument]
            gap = True
            continue
        text = written_value(argument)  # written once, because writing it twice per level takes exponential time
        if argument is None or (not param.required and text == written_value(param.default)):
            gap = True
        else:
            keyword = gap or param.form is inspect.Parameter.KEYWORD_ONLY
            written.append(f"{key}={text}" if keyword else text)
    return f"{name}({', '.join(written)})"


def written_value(value: object) -> str:
    """Write a value as an argument in a line of text."""
    match value:
        case Duration():
            return value.written()
        case str():
            return '"' + printable(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'
        case tuple() | list():
            return f"[{', '.join(written_value(item) for item in value)}]"
        case bool() | int() | float() | None | Absolute():
            return repr(value)
        case _:
            return str(value)


def short_line(value: object) -> str:
    """Shorten a schedule's text to 80 characters, for a message."""
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def in_brackets(part: Any, tightness: int) -> str:
    """Write an operand of an operator, in brackets if the precedence of the operand is lower than `tightness`."""
    return str(part) if part.shape.precedence >= tightness else f"({part})"


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
