"""Operators on real values, with the size of the result checked before it is made."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final

from paramsched.config.python_config.memory import Memory
from paramsched.config.python_config.values import (
    ATOMS,
    MOST_BITS,
    MOST_LENGTH,
    MUTABLE,
    NUMBERS,
    OPAQUE,
    BaseDict,
    Iteration,
    NotFollowed,
    Unknown,
)

_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_ORDER: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_TOO_LARGE: Final = "is larger than a config may hold"
_SINGLE: Final = (NoneType, bool)
_SEQUENCES: Final = (str, bytes, list, tuple)
_SPEC: Final = re.compile(r"(?:[^{}]?[<>=^])?[-+ ]?z?#?0?\d{0,3}[,_]?(?:\.\d{1,3})?[bcdeEfFgGnosxX%]?")
_PERCENT: Final = re.compile(r"%(?:\(\w*\))?[-+ #0]*\d{0,3}(?:\.\d{0,3})?[diouxXeEfFgGcrsa%]")
_FIELD: Final = re.compile(r"\{\{|\{\w*(?:![rsa])?(?::([^{}]*))?\}")
MOST_WIDTH: Final = 1_000
"""More than any width that a format may ask for."""


def binary(op: ast.operator, left: Any, right: Any, memory: Memory) -> Any:
    """Return `left op right`."""
    kind, other, apply = type(left), type(right), _BINARY.get(type(op))
    if apply is None:
        raise Unknown
    if kind in NUMBERS and other in NUMBERS:
        if isinstance(left, int) and isinstance(right, int):
            _require_small(op, left, right)
        return within_digits(apply(left, right))
    if isinstance(op, ast.Mod) and kind is str:
        return percent_format(left, right, memory)
    if isinstance(op, ast.Mult) and other in _SEQUENCES:
        left, right, kind, other = right, left, other, kind
    if isinstance(op, ast.Mult) and kind in _SEQUENCES and other in (int, bool):
        require_room(len(left) * max(right, 0), left, memory)
    elif kind is other and kind in {ast.Add: _SEQUENCES, ast.BitOr: (dict, set)}.get(type(op), (set,)):
        require_room(len(left) + len(right), left, memory)
    else:
        raise Unknown
    return apply(left, right)


def _require_small(op: ast.operator, left: int, right: int) -> None:
    """Require that an operator of two integers gives no huge one."""
    bits = {
        ast.Mult: left.bit_length() + right.bit_length(),
        ast.Pow: left.bit_length() * right if right > 0 and abs(left) > 1 else 0,
        ast.LShift: left.bit_length() + right,
    }
    if bits.get(type(op), 0) > MOST_BITS:
        raise Unknown(_TOO_LARGE)


def require_room(length: int, like: Any, memory: Memory) -> None:
    """Spend steps on a text or a container of this length.

    Raises:
        Unknown: it would be too long.
    """
    text = isinstance(like, (str, bytes))
    if length > (MOST_LENGTH if text else memory.budget.largest):
        raise Unknown(_TOO_LARGE)
    memory.budget.spend(length >> (6 if text else 2))


def within_digits(value: Any) -> Any:
    """Return the value, unless it is an integer that is too large for any schedule."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise Unknown(_TOO_LARGE)
    return value


def unary(op: ast.unaryop, value: Any) -> Any:
    """Return `op value`."""
    if isinstance(op, ast.Not):
        return not truth(value)
    if type(value) not in ATOMS:
        raise Unknown
    return within_digits(_UNARY[type(op)](value))


def truth(value: Any) -> bool:
    """Return whether a value counts as true, which decides what code runs."""
    if type(value) in OPAQUE or type(value) is Iteration:
        raise NotFollowed
    return bool(value)


def compare(op: ast.cmpop, left: Any, right: Any, memory: Memory) -> bool:
    """Return `left op right`."""
    if type(left) in OPAQUE or type(right) in OPAQUE:
        raise Unknown
    if isinstance(op, (ast.Is, ast.IsNot)):
        single = type(left) in _SINGLE or type(right) in _SINGLE
        if not single and not (type(left) in MUTABLE and type(right) in MUTABLE):
            raise Unknown  # Python may share equal numbers and texts
        return (left is right) is isinstance(op, ast.Is)
    if isinstance(op, (ast.In, ast.NotIn)):
        return _contains(right, left, memory) is isinstance(op, ast.In)
    memory.require_plain(left, right)
    return bool(_ORDER[type(op)](left, right))


def _contains(holder: Any, item: Any, memory: Memory) -> bool:
    """Return `item in holder`."""
    kind = type(holder)
    if kind is Iteration and iter(holder.iterable) is not holder.iterable:  # a view, not an iterator
        holder, kind = list(memory.items(holder)), list
    memory.require_plain(item)
    if kind in (list, tuple):
        memory.require_plain(holder)
    elif kind not in (str, bytes, dict, BaseDict, set, range) or (kind is range and type(item) not in (int, bool)):
        raise Unknown
    memory.budget.spend(len(holder) >> 6)
    return item in holder


def format_value(value: Any, conversion: int, spec: str, memory: Memory) -> str:
    """Return the text of a value in an f-string."""
    memory.require_plain(value, sets=False)
    if _SPEC.fullmatch(spec) is None:
        raise Unknown
    convert = {ord("s"): str, ord("r"): repr, ord("a"): ascii}.get(conversion)
    return format(convert(value) if convert else value, spec)


def percent_format(text: str, value: Any, memory: Memory) -> str:
    """Return `text % value`."""
    memory.require_plain(value, sets=False)
    if "%" in _PERCENT.sub("", text):
        raise Unknown
    fields = text.count("%")
    require_room(len(text) + fields * (MOST_WIDTH + len(repr(value))), text, memory)
    made: str = text % value
    return made


def format_text(memory: Memory, text: str, /, *values: Any, **named: Any) -> str:
    """Return `text.format(…)`, with plain fields only."""
    memory.require_plain(*values, *named.values(), sets=False)
    specs = _FIELD.findall(text)
    if "{" in _FIELD.sub("", text) or not all(map(_SPEC.fullmatch, specs)):
        raise Unknown
    longest = max((len(repr(one)) for one in (*values, *named.values())), default=0)
    require_room(len(text) + len(specs) * (MOST_WIDTH + longest), text, memory)
    return text.format(*values, **named)
