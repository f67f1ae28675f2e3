"""The methods and functions that a config may call; all of them only compute, or change the object itself."""

import ast
import copy
import math
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from paramsched.config.python_config.memory import Memory
from paramsched.config.python_config.operators import binary, format_text, require_room, truth, within_digits
from paramsched.config.python_config.values import ATOMS, NUMBERS, BaseDict, Iteration, Unknown

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
    set: frozenset({"add", "discard", "copy"}),
}
CHANGING_METHODS: Final = (_OF_LIST | _OF_DICT) - {"copy", "count", "index", "get", "keys", "values", "items"}
BASE_DICT_ATTRIBUTES: Final = frozenset(
    {name for name in dir(dict) if not name.startswith("__")}
    | {"build_lazy", "deepcopy", "freeze", "lazy", "merge", "to_dict", "unfreeze"}
)
"""The attributes of a base's dict besides its keys."""


def call_method(memory: Memory, holder: Any, name: str, /, *values: Any, **named: Any) -> Any:
    """Return `holder.name(…)`."""
    kind = type(holder)
    if name not in _METHODS.get(kind, ()):
        raise Unknown
    if name not in ("append", "get", "setdefault"):  # the others may go through all of it
        memory.budget.spend(len(holder) >> 6)
    match name:
        case "format":
            return format_text(memory, holder, *values, **named)
        case "join":
            return _join(memory, holder, *values)
        case "keys" | "values" | "items" if not values:
            view = getattr(holder, name)()
            return Iteration(view if kind is dict or name == "keys" else list(view), (holder,))
        case "update" | "copy" if kind is BaseDict:
            memory.require_plain(holder, *values, *named.values(), opaque=True)
        case "update":
            return holder.update(pairs(memory, *values), **named)
        case "get" | "pop" | "setdefault" | "add" | "discard" if kind is not list:
            memory.require_key(*values[:1])
            if kind is BaseDict:
                memory.require_plain(*values[1:], opaque=True)
        case "extend":
            extend(memory, holder, *values)
            return None
        case "insert" | "pop":
            _require_types((int, bool), *values[:1])
        case "count" | "index" | "remove" | "sort":
            memory.require_plain(holder, *values, *named.values())
        case "replace":
            require_room(len(holder) + holder.count(values[0]) * len(values[1]), holder, memory)
        case _ if kind is str:
            memory.require_plain(*values, *named.values())
    return getattr(holder, name)(*values, **named)


def _join(memory: Memory, text: str, values: Any) -> str:
    pieces = list(memory.items(values))
    require_room(sum(map(len, pieces)) + len(text) * len(pieces), text, memory)
    return text.join(pieces)


def extend(memory: Memory, holder: list[Any], values: Any) -> None:
    """Append the items of a value to a list."""
    if isinstance(values, Iteration) and any(root is holder for root in values.roots):
        raise Unknown  # the iterator would see the list grow
    holder.extend(list(memory.items(values)))


def pairs(memory: Memory, values: Any = ()) -> dict[Any, Any]:
    """Return the entries of a dict, or of an iterable of pairs."""
    if isinstance(values, dict):
        memory.budget.spend(len(values) >> 2)
        return dict(values)
    found = {}
    for one in memory.items(values):
        key, value = memory.items(one)
        memory.require_key(key)
        found[key] = value
    return found


def _require_types(kinds: tuple[type, ...], *values: Any) -> None:
    if any(type(one) not in kinds for one in values):
        raise Unknown


Function = Callable[..., Any]


def _of_plain_values(function: Callable[..., Any]) -> Function:
    """Return a function that takes only values that are known throughout."""

    def called(memory: Memory, /, *values: Any, **named: Any) -> Any:
        known = [list(memory.items(one)) if isinstance(one, Iteration) else one for one in values]
        memory.require_plain(*known, *named.values(), sets=False)
        return within_digits(function(*known, **named))

    return called


def _round(number: Any, ndigits: Any = None) -> Any:
    if type(number) not in NUMBERS or abs(ndigits or 0) > 400:
        raise Unknown
    return round(number, ndigits)


def _sum(memory: Memory, values: Any, start: Any = 0) -> Any:
    """Return `sum(values, start)`, which adds lists too."""
    items = list(memory.items(values))
    if all(type(one) in NUMBERS for one in (start, *items)):
        return within_digits(sum(items, start))
    for one in items:
        start = binary(ast.Add(), start, one, memory)
    return start


def _length(_: Memory, value: Any) -> int:
    _require_types((list, tuple, dict, BaseDict, set, str, bytes, range), value)
    return len(value)


def set_of(memory: Memory, values: Any = ()) -> set[Any]:
    """Return `set(values)`."""
    found = list(memory.items(values))
    for one in found:
        memory.require_key(one)
    return set(found)


def _roots(*values: Any) -> tuple[Any, ...]:
    """Return the containers that an iterator over these reads."""
    return tuple(root for one in values for root in (one.roots if isinstance(one, Iteration) else (one,)))


def _enumerate(memory: Memory, values: Any, start: Any = 0) -> Iteration:
    _require_types((int,), start)
    return Iteration(enumerate(memory.items(values), start), _roots(values))


def _reversed(_: Memory, values: Any) -> Iteration:
    _require_types((list, tuple, str, range), values)
    return Iteration(reversed(values), (values,))


def _copied(memory: Memory, value: Any) -> Any:
    """Return `copy.copy(value)`."""
    return value if type(value) in ATOMS or type(value) is tuple else call_method(memory, value, "copy")


def _deep_copied(memory: Memory, value: Any) -> Any:
    """Return `copy.deepcopy(value)`."""
    memory.require_plain(value, opaque=True)
    return copy.deepcopy(value)


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
    "builtins.enumerate": _enumerate,
    "builtins.len": _length,
    "builtins.list": lambda memory, values=(), /: list(memory.items(values)),
    "builtins.print": lambda *_, **__: None,
    "builtins.reversed": _reversed,
    "builtins.set": set_of,
    "builtins.sum": _sum,
    "builtins.tuple": lambda memory, values=(), /: tuple(memory.items(values)),
    "builtins.zip": lambda memory, *values: Iteration(zip(*map(memory.items, values), strict=False), _roots(*values)),
    "copy.copy": _copied,
    "copy.deepcopy": _deep_copied,
}
"""Functions by their dotted names; each raises Unknown, or what Python raises."""

CONSTANTS: Final[Mapping[str, float]] = {
    f"math.{name}": getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")
}
CONSUMERS: Final = frozenset(
    f"builtins.{name}" for name in ("all", "any", "dict", "list", "max", "min", "set", "sorted", "sum", "tuple")
)
"""Functions that go through an iterable at once and change nothing else."""
