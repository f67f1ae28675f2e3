"""The methods and functions that a config may call; all of them only compute, or change the object itself."""

import copy
import math
import posixpath
from collections.abc import Callable, Mapping
from typing import Any, Final

from paramsched.config.python_config.memory import Memory
from paramsched.config.python_config.operators import (
    MOST_WIDTH,
    binary,
    format_text,
    require_room,
    truth,
    within_digits,
)
from paramsched.config.python_config.values import (
    ATOMS,
    NUMBERS,
    BaseDict,
    Iteration,
    Unknown,
)

_TEXT_METHODS: Final = frozenset(
    {
        *("strip", "lstrip", "rstrip", "lower", "upper", "title", "capitalize", "startswith", "endswith", "find"),
        *("rfind", "index", "count", "removeprefix", "removesuffix", "split", "rsplit", "splitlines", "partition"),
        *("rpartition", "isdigit", "isalpha", "isalnum", "isidentifier", "isupper", "islower"),
    }
)
"""Methods of texts whose result is at most a few times as long as the text."""

_OF_LIST: Final = ("append", "extend", "insert", "pop", "remove", "clear", "copy", "reverse", "count", "index", "sort")
_OF_DICT: Final = ("get", "pop", "setdefault", "update", "copy", "clear", "keys", "values", "items")
_METHODS: Final[Mapping[type, tuple[str, ...]]] = {
    list: _OF_LIST,
    tuple: ("count", "index"),
    dict: _OF_DICT,
    BaseDict: _OF_DICT,
    set: ("add", "discard", "copy", "union", "intersection", "difference"),
}
CHANGING_METHODS: Final = frozenset(
    {*_OF_LIST, "pop", "setdefault", "update", "clear", "add", "discard"} - {"copy", "count", "index"}
)
BASE_DICT_ATTRIBUTES: Final = frozenset(
    {name for name in dir(dict) if not name.startswith("__")}
    | {"build_lazy", "deepcopy", "freeze", "lazy", "merge", "to_dict", "unfreeze"}
)
"""The attributes of a base's dict besides its keys."""


def call_method(memory: Memory, holder: Any, name: str, /, *values: Any, **named: Any) -> Any:
    """Return `holder.name(…)`."""
    kind = type(holder)
    if kind is str:
        return _call_text_method(memory, holder, name, *values, **named)
    if name not in _METHODS.get(kind, ()) or (named and name not in ("update", "sort")):
        raise Unknown
    memory.budget.spend(len(holder) >> 8)
    match name:
        case "keys" | "values" | "items" if not values:
            view = getattr(holder, name)()
            return Iteration(view if kind is dict or name == "keys" else list(view), (holder,))
        case "get" | "pop" | "setdefault" if kind is not list:
            memory.require_key(*values[:1])
            if kind is BaseDict:
                memory.require_plain(*values[1:], opaque=True)
        case "update" | "copy" if kind is BaseDict:
            memory.require_plain(holder, *values, *named.values(), opaque=True)
        case "update":
            return holder.update(pairs(memory, *values), **named)
        case "extend":
            extend(memory, holder, *values)
            return None
        case "count" | "index" | "remove" | "sort":
            memory.require_plain(holder, *values)
            if named.keys() - {"reverse"}:
                raise Unknown
        case "insert" | "pop":
            _require_types((int, bool), *values[:1])
        case "add" | "discard":
            memory.require_key(*values)
        case "union" | "intersection" | "difference" if not all(type(one) is set for one in values):
            raise Unknown
    return getattr(holder, name)(*values, **named)


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


def _call_text_method(memory: Memory, text: str, name: str, /, *values: Any, **named: Any) -> Any:
    """Return `text.name(…)`."""
    if name == "format":
        return format_text(memory, text, *values, **named)
    if name == "join":
        pieces = list(memory.items(*values))
        require_room(sum(map(len, pieces)) + len(text) * len(pieces), text, memory)
        return text.join(pieces)
    memory.require_plain(*values, *named.values())
    if name == "replace":
        require_room(len(text) + text.count(values[0]) * len(values[1]), text, memory)
    elif name in ("zfill", "ljust", "rjust", "center"):
        if values[0] > MOST_WIDTH:
            raise Unknown
    elif name not in _TEXT_METHODS:
        raise Unknown
    memory.budget.spend(len(text) >> 4)
    return getattr(text, name)(*values, **named)


Function = Callable[..., Any]


def _of_numbers(function: Callable[..., Any], *more: type) -> Function:
    """Return a function that takes numbers only, and values of these further types."""

    def called(memory: Memory, /, *values: Any, **named: Any) -> Any:
        _require_types((*NUMBERS, *more), *values, *named.values())
        memory.budget.spend(sum(len(one) >> 4 for one in values if type(one) is str))
        return within_digits(function(*values, **named))

    return called


def _round(memory: Memory, number: Any, ndigits: Any = None) -> Any:
    _require_types(NUMBERS, number)
    if ndigits is not None and abs(ndigits) > 400:
        raise Unknown
    return within_digits(round(number, ndigits))


def _length(memory: Memory, value: Any) -> int:
    _require_types((list, tuple, dict, BaseDict, set, str, bytes, range), value)
    return len(value)


def _text(function: Callable[[Any], str]) -> Function:
    def called(memory: Memory, value: Any = "") -> str:
        memory.require_plain(value, sets=False)
        return function(value)

    return called


def _collect(make: Callable[[list[Any]], Any]) -> Function:
    def called(memory: Memory, values: Any = ()) -> Any:
        return make(list(memory.items(values)))

    return called


def _set(memory: Memory, values: Any = ()) -> set[Any]:
    found = list(values if type(values) is set else memory.items(values))
    for one in found:
        memory.require_key(one)
    return set(found)


def _dict(memory: Memory, values: Any = (), /, **named: Any) -> dict[Any, Any]:
    return {**pairs(memory, values), **named}


def _extreme(function: Callable[..., Any]) -> Function:
    """Return `min` or `max`, of items or of a list."""

    def called(memory: Memory, *values: Any) -> Any:
        items = list(memory.items(*values)) if len(values) == 1 else values
        memory.require_plain(*items)
        return function(items)

    return called


def _sorted(memory: Memory, values: Any, *, reverse: Any = False) -> list[Any]:
    if type(values) is set:
        _require_types((str,) if all(type(one) is str for one in values) else (int,), *values)
    items = list(values if type(values) is set else memory.items(values))
    memory.require_plain(items)
    return sorted(items, reverse=truth(reverse))


def _sum(memory: Memory, values: Any, start: Any = 0) -> Any:
    total, number = start, type(start) in NUMBERS
    items = list(memory.items(values))
    if number:
        _require_types(NUMBERS, *items)
        return within_digits(sum(items, start))
    for one in items:
        if type(total) is not type(one) or type(one) not in (list, tuple):
            raise Unknown
        require_room(len(total) + len(one), one, memory)
        total = total + one
    return total


def _any(memory: Memory, values: Any) -> bool:
    return any(truth(one) for one in memory.items(values))


def _all(memory: Memory, values: Any) -> bool:
    return all(truth(one) for one in memory.items(values))


def _roots(*values: Any) -> tuple[Any, ...]:
    """Return the containers that an iterator over these reads."""
    return tuple(root for one in values for root in (one.roots if isinstance(one, Iteration) else (one,)))


def _enumerate(memory: Memory, values: Any, start: Any = 0) -> Iteration:
    _require_types((int, bool), start)
    return Iteration(enumerate(memory.items(values), start), _roots(values))


def _zip(memory: Memory, *values: Any) -> Iteration:
    return Iteration(zip(*map(memory.items, values), strict=False), _roots(*values))


def _reversed(memory: Memory, values: Any) -> Iteration:
    _require_types((list, tuple, dict, str, range), values)
    return Iteration(reversed(values), (values,))


def _copied(memory: Memory, value: Any) -> Any:
    """Return `copy.copy(value)`."""
    if type(value) in ATOMS or type(value) is tuple:
        return value
    _require_types((list, dict, BaseDict, set), value)
    memory.require_plain(*(value.values() if type(value) is BaseDict else ()), opaque=True)
    memory.budget.spend(len(value) >> 2)
    return value.copy()


def _deep_copied(memory: Memory, value: Any) -> Any:
    """Return `copy.deepcopy(value)`."""
    memory.require_plain(value, opaque=True)
    return copy.deepcopy(value)


def _path(function: Callable[..., Any]) -> Function:
    def called(memory: Memory, *values: Any) -> Any:
        _require_types((str,), *values)
        memory.budget.spend(sum(map(len, values)) >> 4)
        return function(*values)

    return called


def _print(memory: Memory, *values: Any, **named: Any) -> None:
    """Ignore what is printed."""


_OF_NUMBERS: Final = (
    *("ceil", "floor", "trunc", "sqrt", "exp", "log", "log2", "log10", "log1p", "pow", "fabs", "cos", "sin", "tan"),
    *("isclose", "isfinite", "isinf", "isnan", "copysign", "fmod", "degrees", "radians", "atan", "atan2", "hypot"),
)
_PATH_FUNCTIONS: Final = ("join", "basename", "dirname", "splitext", "split", "normpath")
_BUILTINS: Final[Mapping[str, Function]] = {
    "abs": _of_numbers(abs),
    "all": _all,
    "any": _any,
    "bool": lambda memory, value=False: truth(value),  # noqa: ARG005  # the signature of all
    "dict": _dict,
    "divmod": _of_numbers(divmod),
    "enumerate": _enumerate,
    "float": _of_numbers(float, str),
    "int": _of_numbers(int, str),
    "len": _length,
    "list": _collect(list),
    "max": _extreme(max),
    "min": _extreme(min),
    "print": _print,
    "range": _of_numbers(range),
    "repr": _text(repr),
    "reversed": _reversed,
    "round": _round,
    "set": _set,
    "sorted": _sorted,
    "str": _text(str),
    "sum": _sum,
    "tuple": _collect(tuple),
    "zip": _zip,
}
FUNCTIONS: Final[Mapping[str, Function]] = {
    **{f"builtins.{name}": function for name, function in _BUILTINS.items()},
    **{f"math.{name}": _of_numbers(getattr(math, name)) for name in _OF_NUMBERS},
    **{f"os.path.{name}": _path(getattr(posixpath, name)) for name in _PATH_FUNCTIONS},
    "copy.copy": _copied,
    "copy.deepcopy": _deep_copied,
}
"""Functions by their dotted names; each raises Unknown, or what Python raises."""

CONSTANTS: Final[Mapping[str, float]] = {f"math.{name}": getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")}

CONSUMERS: Final = frozenset(f"builtins.{name}" for name in ("all", "any", "dict", "list", "max", "min", "set", "sorted", "sum", "tuple"))
"""Functions that go through an iterable at once and change nothing else."""
