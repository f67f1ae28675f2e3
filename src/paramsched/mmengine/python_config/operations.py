"""The operators, methods and functions that a config may use. They only compute a result or change their object."""

import ast
import copy
import math
import operator
import os
import re
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final

from paramsched.mmengine.python_config.values import (
    ATOMS,
    MOST_BITS,
    MOST_LENGTH,
    MUTABLE,
    NUMBERS,
    OPAQUE,
    BaseDict,
    Iteration,
    Memory,
    Unknown,
)

_CONVERSIONS: Final[Mapping[int, Callable[[Any], Any]]] = {
    -1: lambda value: value,
    ord("s"): str,
    ord("r"): repr,
    ord("a"): ascii,
}
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
_TOO_LARGE: Final = "is too large for a config"
_SINGLE: Final = (NoneType, bool)
_SEQUENCES: Final = (str, bytes, list, tuple)
_SPEC: Final = re.compile(r"(?:[^{}]?[<>=^])?[-+ ]?z?#?0?\d{0,3}[,_]?(?:\.\d{1,3})?[bcdeEfFgGnosxX%]?")
_FIELD: Final = re.compile(r"\{\{|\{\w*(?:![rsa])?(?::([^{}]*))?\}")
MOST_WIDTH: Final = 1_000
"""The largest width in a format specification, rounded up; a width has at most three digits, as in `{:999}`."""


def binary(op: ast.operator, left: Any, right: Any, memory: Memory) -> Any:
    """Return `left op right`."""
    kind, other, apply = type(left), type(right), _BINARY.get(type(op))
    if apply is None:
        raise Unknown
    if kind in NUMBERS and other in NUMBERS:
        if isinstance(left, int) and isinstance(right, int):
            bits = {
                ast.Mult: left.bit_length() + right.bit_length(),
                ast.Pow: left.bit_length() * right if right > 0 and abs(left) > 1 else 0,
                ast.LShift: left.bit_length() + right,
            }
            if bits.get(type(op), 0) > MOST_BITS:
                raise Unknown(_TOO_LARGE)
        return within_digits(apply(left, right))
    if isinstance(op, ast.Mult) and other in _SEQUENCES:
        left, right, kind, other = right, left, other, kind
    if isinstance(op, ast.Mult) and kind in _SEQUENCES and other in (int, bool):
        require_room(len(left) * max(right, 0), left, memory)
    elif kind is other and kind in {ast.Add: _SEQUENCES, ast.BitOr: (dict,)}.get(type(op), ()):
        require_room(len(left) + len(right), left, memory)
    else:
        raise Unknown
    return apply(left, right)


def require_room(length: int, like: Any, memory: Memory) -> None:
    """Spend steps of the budget on a new text or container of this length, whose type is that of `like`.

    Raises:
        Unknown: the text or container would be too long.
    """
    text = isinstance(like, (str, bytes))
    if length > (MOST_LENGTH if text else memory.budget.largest):
        raise Unknown(_TOO_LARGE)
    memory.budget.spend(length >> (6 if text else 2))


def within_digits(value: Any) -> Any:
    """Return the value. Raise Unknown for an integer that is too large for any schedule."""
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
    """Return the truth value of a value. Raise Unknown if the value is not known."""
    if type(value) in OPAQUE or type(value) is Iteration:
        raise Unknown
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
        kind = type(right)
        if kind is Iteration and iter(right.iterable) is not right.iterable:  # a view, not an iterator
            right, kind = list(memory.items(right)), list
        memory.require_plain(left)
        if kind in (list, tuple):
            memory.require_plain(right)
        elif kind not in (str, bytes, dict, BaseDict, range) or (kind is range and type(left) not in (int, bool)):
            raise Unknown
        memory.budget.spend(len(right) >> 6)
        return (left in right) is isinstance(op, ast.In)
    memory.require_plain(left, right)
    return bool(_ORDER[type(op)](left, right))


def format_value(value: Any, conversion: int, spec: str, memory: Memory) -> str:
    """Return the text of a value in an f-string."""
    memory.require_plain(value, bases=False)
    if _SPEC.fullmatch(spec) is None:
        raise Unknown
    return format(_CONVERSIONS[conversion](value), spec)


def format_text(memory: Memory, text: str, /, *values: Any, **named: Any) -> str:
    """Return `text.format(…)`, with plain fields only."""
    memory.require_plain(*values, *named.values(), bases=False)
    specs = _FIELD.findall(text)
    if "{" in _FIELD.sub("", text) or not all(map(_SPEC.fullmatch, specs)):
        raise Unknown
    longest = max((len(repr(one)) for one in (*values, *named.values())), default=0)
    require_room(len(text) + len(specs) * (MOST_WIDTH + longest), text, memory)
    return text.format(*values, **named)


_OF_LIST: Final = frozenset(
    {*("append", "extend", "insert", "pop", "remove", "clear", "copy", "reverse", "count", "index", "sort")}
)
_OF_DICT: Final = frozenset({*("get", "pop", "setdefault", "update", "copy", "clear", "keys", "values", "items")})
_OF_TEXT: Final = frozenset(
    {
        *("capitalize", "count", "endswith", "find", "format", "index", "isalnum", "isalpha", "isdigit", "join"),
        *("lower", "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rpartition", "rsplit"),
        *("rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"),
    }
)
_METHODS: Final[Mapping[type, frozenset[str]]] = {
    str: _OF_TEXT,
    list: _OF_LIST,
    tuple: frozenset({"count", "index"}),
    dict: _OF_DICT,
    BaseDict: _OF_DICT,
}
BASE_DICT_ATTRIBUTES: Final = frozenset(
    {name for name in dir(dict) if not name.startswith("__")}
    | {"build_lazy", "deepcopy", "freeze", "lazy", "merge", "to_dict", "unfreeze"}
)
"""The attributes of a base's dict, apart from its keys."""


def call_method(memory: Memory, holder: Any, name: str, /, *values: Any, **named: Any) -> Any:
    """Return `holder.name(…)`."""
    kind = type(holder)
    if name not in _METHODS.get(kind, ()):
        raise Unknown
    if name not in ("append", "get", "setdefault"):  # other methods may iterate over the entire object
        memory.budget.spend(len(holder) >> 6)
    match name:
        case "format":
            return format_text(memory, holder, *values, **named)
        case "join":
            pieces = [piece for one in values for piece in memory.items(one)]
            memory.require_plain(*pieces)
            require_room(sum(map(len, pieces)) + len(holder) * len(pieces), holder, memory)
            return holder.join(pieces)
        case "keys" | "values" | "items" if not values:
            view = getattr(holder, name)()
            return Iteration(view if kind is dict or name == "keys" else list(view), (holder,))
        case "update" | "copy" if kind is BaseDict:
            memory.require_plain(holder, *values, *named.values(), opaque=True)
        case "update":
            _require_apart(holder, *values)
            return holder.update(pairs(memory, *values), **named)
        case "get" | "pop" | "setdefault" if kind is not list:
            memory.require_key(*values[:1])
            if kind is BaseDict:
                memory.require_plain(*values[1:], opaque=True)
        case "extend":
            extend(memory, holder, *values)
            return None
        case "insert" | "pop":
            _of_type(values[0] if values else 0, int, bool)
        case "count" | "index" | "remove" | "sort":
            memory.require_plain(holder, *values, *named.values())
        case _ if kind is str:
            memory.require_plain(*values, *named.values())
            if name == "replace":
                require_room(len(holder) + holder.count(values[0]) * len(values[1]), holder, memory)
    return getattr(holder, name)(*values, **named)


def _require_apart(holder: Any, *values: Any) -> None:
    """Raise for an iterator over the holder itself, which would observe its changes."""
    if any(root is holder for one in values if isinstance(one, Iteration) for root in one.roots):
        raise Unknown


def extend(memory: Memory, holder: list[Any], values: Any) -> None:
    """Append the items of a value to a list."""
    _require_apart(holder, values)
    holder.extend(list(memory.items(values)))


def pairs(memory: Memory, values: Any = ()) -> dict[Any, Any]:
    """Return a dict of the entries of a dict or of an iterable of pairs."""
    if isinstance(values, dict):
        memory.budget.spend(len(values) >> 2)
        return dict(values)
    found = {}
    for one in memory.items(values):
        key, value = memory.items(one)
        memory.require_key(key)
        found[key] = value
    return found


def _of_type(value: Any, *kinds: type) -> Any:
    """Return the value. Raise Unknown unless it has one of these types."""
    if type(value) not in kinds:
        raise Unknown
    return value


Function = Callable[..., Any]


def _of_plain_values(function: Callable[..., Any]) -> Function:
    """Return a function that accepts only completely known values."""

    def called(memory: Memory, /, *values: Any, **named: Any) -> Any:
        known = [list(memory.items(one)) if isinstance(one, Iteration) else one for one in values]
        memory.require_plain(*known, *named.values(), bases=False)
        return within_digits(function(*known, **named))

    return called


def _round(number: Any, ndigits: Any = None) -> Any:
    if type(number) not in NUMBERS or abs(ndigits or 0) > 400:
        raise Unknown
    return round(number, ndigits)


def _sum(memory: Memory, values: Any, start: Any = 0) -> Any:
    """Return `sum(values, start)`; lists are supported."""
    items = list(memory.items(values))
    if all(type(one) in NUMBERS for one in (start, *items)):
        return within_digits(sum(items, start))
    for one in items:
        start = binary(ast.Add(), start, one, memory)
    return start


def _roots(*values: Any) -> tuple[Any, ...]:
    """Return the containers that an iterator over these values reads."""
    return tuple(root for one in values for root in (one.roots if isinstance(one, Iteration) else (one,)))


def _deep_copied(memory: Memory, value: Any) -> Any:
    """Return `copy.deepcopy(value)`."""
    memory.require_plain(value, opaque=True)
    return copy.deepcopy(value)


def _get_attribute(_: Memory, holder: Any, name: str, *default: Any) -> Any:
    """Return `getattr(holder, name, …)` of a base's dict."""
    if type(holder) is not BaseDict or name in BASE_DICT_ATTRIBUTES:
        raise Unknown
    return holder.get(name, *default) if default else holder[name]


_OF_MATH: Final = (
    *("ceil", "cos", "exp", "fabs", "floor", "isclose", "isinf", "isnan", "log", "log10", "log2", "pow", "sin"),
    *("sqrt", "tan", "trunc"),
)
_OF_PATHS: Final = ("basename", "dirname", "join", "normpath", "split", "splitext")
_PLAIN: Final[Mapping[str, Callable[..., Any]]] = {
    **{f"builtins.{one.__name__}": one for one in (abs, divmod, float, int, max, min, range, repr, sorted, str)},
    **{f"math.{name}": getattr(math, name) for name in _OF_MATH},
    **{f"os.path.{name}": getattr(os.path, name) for name in _OF_PATHS},
    "builtins.round": _round,
}
FUNCTIONS: Final[Mapping[str, Function]] = {
    **{name: _of_plain_values(function) for name, function in _PLAIN.items()},
    "builtins.all": lambda memory, values, /: all(map(truth, memory.items(values))),
    "builtins.any": lambda memory, values, /: any(map(truth, memory.items(values))),
    "builtins.bool": lambda _, value=False, /: truth(value),
    "builtins.dict": lambda memory, values=(), /, **named: {**pairs(memory, values), **named},
    "builtins.enumerate": lambda memory, values, start=0: Iteration(
        enumerate(memory.items(values), _of_type(start, int)), _roots(values)
    ),
    "builtins.getattr": _get_attribute,
    "builtins.hasattr": lambda _, holder, name: (
        _of_type(name, str) in _of_type(holder, BaseDict) or name in BASE_DICT_ATTRIBUTES
    ),
    "builtins.len": lambda _, value: len(_of_type(value, list, tuple, dict, BaseDict, str, bytes, range)),
    "builtins.list": lambda memory, values=(), /: list(memory.items(values)),
    "builtins.print": lambda *_, **__: None,
    "builtins.reversed": lambda _, values: Iteration(reversed(_of_type(values, list, tuple, str, range)), (values,)),
    "builtins.sum": _sum,
    "builtins.tuple": lambda memory, values=(), /: tuple(memory.items(values)),
    "builtins.zip": lambda memory, *values: Iteration(zip(*map(memory.items, values), strict=False), _roots(*values)),
    "copy.copy": lambda memory, value: value if type(value) in (*ATOMS, tuple) else call_method(memory, value, "copy"),
    "copy.deepcopy": _deep_copied,
}
"""Functions by their dotted names. Each raises Unknown or the exception that Python raises."""

CONSTANTS: Final[Mapping[str, float]] = {
    f"math.{name}": getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")
}
