"""Operators on real values and methods of texts, with the size of the result known before it is made."""

import ast
import operator
import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from paramsched.config.python_config.values import (
    ATOMS,
    MOST_BITS,
    MOST_LENGTH,
    MOST_WIDTH,
    MUTABLE,
    OPAQUE,
    TOO_LARGE,
    BaseDict,
    Memory,
    NotKnown,
    Produced,
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
_NUMBERS: Final = (bool, int, float, complex)
_SEQUENCES: Final = (str, bytes, list, tuple)
_SINGLE: Final = (type(None), bool, type(...))


def apply_binary(op: ast.operator, left: Any, right: Any, memory: Memory) -> Any:
    """`left op right`."""
    kind, other = type(left), type(right)
    if kind in _NUMBERS and other in _NUMBERS:
        return within_digits(_apply_to_numbers(op, left, right))
    if isinstance(op, ast.Mod) and kind is str:
        return percent_format(left, right, memory)
    if isinstance(op, ast.Add) and kind is other and kind in _SEQUENCES:
        _room_for_sequence(len(left) + len(right), left, memory)
        return left + right
    if isinstance(op, ast.Mult):
        if kind in _SEQUENCES and other in (int, bool):
            _room_for_sequence(len(left) * max(right, 0), left, memory)
            return left * right
        if other in _SEQUENCES and kind in (int, bool):
            _room_for_sequence(len(right) * max(left, 0), right, memory)
            return left * right
    if isinstance(op, ast.BitOr) and kind is dict and other is dict:
        memory.budget.spend((len(left) + len(right)) // 4)
        return left | right
    if kind in (set, frozenset) and other in (set, frozenset) and type(op) in _BINARY:
        memory.budget.spend((len(left) + len(right)) // 4)
        return _BINARY[type(op)](left, right)
    raise NotKnown


def _apply_to_numbers(op: ast.operator, left: Any, right: Any) -> Any:
    """An operator on two numbers, refused before the result grows too large."""
    whole = isinstance(left, int) and isinstance(right, int)
    if isinstance(op, ast.Mult) and whole and left.bit_length() + right.bit_length() > MOST_BITS:
        raise NotKnown(TOO_LARGE)
    if isinstance(op, ast.Pow) and whole and right > 0 and abs(left) > 1 and left.bit_length() * right > MOST_BITS:
        raise NotKnown(TOO_LARGE)
    if isinstance(op, ast.LShift) and whole and right > MOST_BITS:
        raise NotKnown(TOO_LARGE)
    if type(op) not in _BINARY:
        raise TypeError("no operator of numbers")
    return _BINARY[type(op)](left, right)


def _room_for_sequence(length: int, like: Any, memory: Memory) -> None:
    """Pay for a text or a list of this length, or refuse it."""
    if isinstance(like, (str, bytes)):
        if length > MOST_LENGTH:
            raise NotKnown(TOO_LARGE)
        memory.budget.spend(length >> 6)
    else:
        if length > memory.budget.largest:
            raise NotKnown(TOO_LARGE)
        memory.budget.spend(length >> 3)


def within_digits(value: Any) -> Any:
    """The value, unless it is an integer that no schedule can use."""
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise NotKnown(TOO_LARGE)
    return value


def apply_unary(op: ast.unaryop, value: Any) -> Any:
    """`op value`; as `apply_binary`. `not` is `known_truth`'s."""
    if type(value) in ATOMS and type(op) in _UNARY:
        return within_digits(_UNARY[type(op)](value))
    raise NotKnown


def known_truth(value: Any) -> bool | None:
    """Whether a value counts as true; None where that is not known."""
    return None if type(value) in OPAQUE else bool(value)


def apply_comparison(op: ast.cmpop, left: Any, right: Any, memory: Memory) -> bool:
    """`left op right`; as `apply_binary`."""
    if type(left) in OPAQUE or type(right) in OPAQUE:
        raise NotKnown
    if isinstance(op, (ast.Is, ast.IsNot)):
        single = type(left) in _SINGLE or type(right) in _SINGLE
        if not single and not (type(left) in MUTABLE and type(right) in MUTABLE):
            raise NotKnown  # whether equal numbers and texts are one is Python's own affair
        return (left is right) is isinstance(op, ast.Is)
    if isinstance(op, (ast.In, ast.NotIn)):
        return _is_in(right, left, memory) is isinstance(op, ast.In)
    if (type(left) in ATOMS) is not (type(right) in ATOMS) and isinstance(op, (ast.Eq, ast.NotEq)):
        return isinstance(op, ast.NotEq)
    if not (memory.is_known(left) and memory.is_known(right)):
        raise NotKnown
    return bool(_ORDER[type(op)](left, right))


def _is_in(holder: Any, item: Any, memory: Memory) -> bool:
    """`item in holder`."""
    kind = type(holder)
    if kind not in (str, bytes, list, tuple, dict, BaseDict, set, frozenset, range) or not memory.is_known(item):
        raise NotKnown
    if kind is range and type(item) not in (int, bool):
        raise NotKnown  # Python would look at each of its numbers
    if kind in (list, tuple) and not memory.is_known(holder):
        raise NotKnown
    if kind in (str, bytes):
        memory.budget.spend(len(holder) >> 6)
    return item in holder


_SPEC: Final = re.compile(r"(?:[^{}]?[<>=^])?[-+ ]?z?#?0?(\d{0,4})[,_]?(?:\.(\d{1,4}))?[bcdeEfFgGnosxX%]?")
_PERCENT: Final = re.compile(r"%(?:\((\w*)\))?[-+ #0]*(\d{0,4})(?:\.(\d{0,4}))?[diouxXeEfFgGcrsa%]")
_FIELD: Final = re.compile(r"\w*")
_CONVERSIONS: Final[Mapping[int, type | Any]] = {-1: None, ord("s"): str, ord("r"): repr, ord("a"): ascii}

PLAIN_METHODS: Final = frozenset(
    {
        *("strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "casefold", "swapcase"),
        *("startswith", "endswith", "find", "rfind", "index", "rindex", "count", "removeprefix", "removesuffix"),
        *("isdigit", "isnumeric", "isdecimal", "isalpha", "isalnum", "isupper", "islower", "isspace", "isidentifier"),
        *("split", "rsplit", "splitlines", "partition", "rpartition", "istitle", "isascii", "isprintable"),
    }
)
"""Methods of texts whose result is at most as long as the text, a few times."""

_PADDING: Final = ("zfill", "ljust", "rjust", "center")


def format_value(value: Any, conversion: int, spec: str, memory: Memory) -> str:
    """A value inside an f-string."""
    if not memory.is_printable(value) or conversion not in _CONVERSIONS:
        raise NotKnown
    _check_spec(spec)
    convert = _CONVERSIONS[conversion]
    return format(value if convert is None else convert(value), spec)


def _check_spec(spec: str) -> None:
    found = _SPEC.fullmatch(spec)
    if found is None or any(int(width or 0) > MOST_WIDTH for width in found.groups()):
        raise NotKnown


def percent_format(text: str, value: Any, memory: Memory) -> str:
    """`text % value`; as `format_value`."""
    if not memory.is_printable(value):
        raise NotKnown
    rest = _PERCENT.sub("", text)
    if "%" in rest or any(int(width or 0) > MOST_WIDTH for one in _PERCENT.findall(text) for width in one[1:]):
        raise NotKnown
    values = value if isinstance(value, tuple) else value.values() if isinstance(value, dict) else (value,)
    _text_room(sum(map(_width_of, values)) * max(1, text.count("%")) + len(text) + MOST_WIDTH * text.count("%"), memory)
    made: str = text % value
    return made


def _width_of(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(repr(value))


def _text_room(length: int, memory: Memory) -> None:
    if length > MOST_LENGTH:
        raise NotKnown(TOO_LARGE)
    memory.budget.spend(length >> 6)


def call_text_method(
    text: str, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory
) -> Any:
    """`text.name(…)`; an iterable is given as a list."""
    arguments = [list(one) if type(one) is Produced else one for one in arguments]
    if not all(memory.is_known(one) for one in (*arguments, *keywords.values())):
        raise NotKnown
    memory.budget.spend(len(text) >> 4)
    if name == "format":
        return _format_text(text, arguments, keywords, memory)
    if name == "join":
        (pieces,) = arguments
        if isinstance(pieces, (set, frozenset, dict)) or keywords:
            raise NotKnown
        pieces = list(pieces)
        _text_room(sum(map(len, pieces)) + len(text) * len(pieces), memory)
        return text.join(pieces)
    if name == "replace":
        old, new = arguments[:2]
        times = text.count(old)
        _text_room(len(text) + times * len(new), memory)
    elif name in _PADDING:
        if not isinstance(arguments[0], int) or arguments[0] > MOST_WIDTH + len(text):
            raise NotKnown
    elif name not in PLAIN_METHODS:
        raise NotKnown
    return getattr(text, name)(*arguments, **keywords)


def _format_text(text: str, arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> str:
    """`text.format(…)`, with plain fields only."""
    values = (*arguments, *keywords.values())
    if not all(memory.is_printable(one) for one in values):
        raise NotKnown
    fields = 0
    for _, name, spec, _ in string.Formatter().parse(text):
        if name is None:
            continue
        fields += 1
        if not _FIELD.fullmatch(name):
            raise NotKnown
        _check_spec(spec or "")
    _text_room(len(text) + fields * (MOST_WIDTH + max(map(_width_of, values), default=0)), memory)
    return text.format(*arguments, **keywords)
