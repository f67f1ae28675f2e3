"""Functions a config may call: Python's own, and a few of `copy`, `math` and `os.path`. All of them only compute."""

import ast
import math
import posixpath
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from paramsched.config.python_config.arithmetic import apply_binary, known_truth, within_digits
from paramsched.config.python_config.containers import as_items, as_pairs, is_key
from paramsched.config.python_config.values import ATOMS, MOST_LENGTH, BaseDict, Builtin, Memory, NotKnown

Function = Callable[[Sequence[Any], Mapping[str, Any], Memory], Any]

CONSTANTS: Final[Mapping[str, Any]] = {f"math.{name}": getattr(math, name) for name in ("pi", "e", "tau", "inf", "nan")}
"""Numbers that standard modules have."""

TAKES_ITERABLES: Final = frozenset({"list", "tuple", "set", "frozenset", "dict", "sorted", "sum", "min", "max"})
"""Functions that go once through what they are given."""

_NUMBERS: Final = (bool, int, float)
_MOST_PLACES: Final = 400


def is_always_there(module: str, name: str = "") -> bool:
    """Whether importing surely raises nothing."""
    if name:
        return f"{module}.{name}" in OF_MODULES or f"{module}.{name}" in CONSTANTS
    return module in ("copy", "math", "os", "os.path", "sys")


def is_standard(module: str) -> bool:
    """Whether a module comes with Python."""
    return module.split(".")[0] in sys.stdlib_module_names


def _make_dict(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
    pairs = [pair for one in arguments[:1] for pair in as_pairs(one, memory)]
    if len(arguments) > 1:
        raise NotKnown
    memory.budget.spend((len(pairs) + len(keywords)) // 4)
    return dict(pairs, **keywords)


def _make_collection(make: Callable[[list[Any]], Any], keys: bool = False) -> Function:
    """`list(…)`, `tuple(…)` and their like: a new collection of known items."""

    def function(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
        items: list[Any] = []
        for one in arguments[:1]:
            items = list(one) if keys and type(one) in (set, frozenset) else as_items(one, memory)
        if len(arguments) > 1 or keywords or (keys and not all(is_key(one, memory) for one in items)):
            raise NotKnown
        return make(items)

    return function


def _on_known_values(function: Callable[..., Any], *, texts: bool = False) -> Function:
    """A function of numbers (and texts), nothing else."""

    def called(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
        allowed = (*_NUMBERS, str) if texts else _NUMBERS
        if any(type(one) not in allowed for one in (*arguments, *keywords.values())):
            raise NotKnown
        memory.budget.spend(sum(len(one) for one in arguments if isinstance(one, str)) >> 2)
        return within_digits(function(*arguments, **keywords))

    return called


def _round_number(arguments: Sequence[Any], keywords: Mapping[str, Any], _: Memory) -> Any:
    value, *places = [*arguments, *keywords.values()]
    if set(keywords) - {"ndigits"} or len(places) > 1 or type(value) not in _NUMBERS:
        raise NotKnown
    if any(type(one) not in (int, bool, type(None)) or abs(one or 0) > _MOST_PLACES for one in places):
        raise NotKnown
    return within_digits(round(value, *places))


def _power_of(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
    left, right = arguments
    if keywords:
        raise NotKnown
    return apply_binary(ast.Pow(), left, right, memory)


def _length_of(arguments: Sequence[Any], keywords: Mapping[str, Any], _: Memory) -> int:
    (value,) = arguments
    if keywords or type(value) not in (list, tuple, dict, BaseDict, set, frozenset, str, bytes, range):
        raise NotKnown
    return len(value)


def _truth_of(arguments: Sequence[Any], keywords: Mapping[str, Any], _: Memory) -> bool:
    (value,) = arguments
    known = known_truth(value)
    if known is None or keywords:
        raise NotKnown
    return known


def _as_text(function: Callable[[Any], str]) -> Function:
    """`str(…)` and its like, of values whose text is known."""

    def called(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> str:
        if not arguments and function is str:
            return ""
        (value,) = arguments
        if keywords or type(value) is bytes or not memory.is_printable(value):
            raise NotKnown
        text = function(value)
        if len(text) > MOST_LENGTH:
            raise NotKnown
        memory.budget.spend(len(text) >> 6)
        return text

    return called


def _least_or_greatest(function: Callable[..., Any]) -> Function:
    """`min(…)` and `max(…)`, of items or of a list."""

    def called(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
        given = as_items(arguments[0], memory) if len(arguments) == 1 else list(arguments)
        if set(keywords) - {"default", "key"}:
            raise NotKnown
        if not all(memory.is_known(one) for one in given):
            raise NotKnown
        return memory.seen(function(given, **keywords))

    return called


def _sorted_list(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> list[Any]:
    """`sorted(items, key=…, reverse=…)`."""
    (value,) = arguments
    if type(value) in (set, frozenset):
        items = list(value)
        if not (all(type(one) is str for one in items) or all(type(one) in (int, bool) for one in items)):
            raise NotKnown  # some things have no one order
    else:
        items = as_items(value, memory)
    sort_in_place(items, keywords, memory)
    return items


def sort_in_place(items: list[Any], keywords: Mapping[str, Any], memory: Memory) -> None:
    """`items.sort(…)`; `key` is a function that computes here."""
    if set(keywords) - {"key", "reverse"} or type(keywords.get("reverse", False)) not in (bool, int):
        raise NotKnown
    memory.budget.spend(len(items))
    if not all(memory.is_known(one) for one in items):
        raise NotKnown
    items.sort(**keywords)


def _sum_of_items(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
    """`sum(items, start)`, added as Python adds."""
    value, *rest = arguments
    items = as_items(value, memory)
    start = rest[0] if rest else keywords.get("start", 0)
    if len(rest) > 1 or set(keywords) - {"start"}:
        raise NotKnown
    if all(type(one) in _NUMBERS for one in items) and type(start) in _NUMBERS:
        return within_digits(sum(items, start))
    if not items:
        return start
    if not isinstance(start, (list, tuple)) or not all(type(memory.seen(one)) is type(start) for one in items):
        raise NotKnown
    memory.budget.spend(sum(map(len, items)) // 4)
    return type(start)([entry for one in (start, *items) for entry in one])


def _print_nothing(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> None:
    if set(keywords) - {"sep", "end", "flush"}:
        raise NotKnown
    if not all(memory.is_printable(one) and str(one).isascii() for one in (*arguments, *keywords.values())):
        memory.doubts += 1  # it changes nothing, and may raise


def _is_instance(arguments: Sequence[Any], keywords: Mapping[str, Any], _: Memory) -> bool:
    """`isinstance(value, classes)`, for Python's own classes."""
    value, classes = arguments
    kinds = classes if isinstance(classes, tuple) else (classes,)
    if type(value) not in (*ATOMS, list, tuple, dict, BaseDict, set, frozenset):
        raise NotKnown
    found = [_CLASSES.get(one.name) if isinstance(one, Builtin) else None for one in kinds]
    if None in found or keywords:
        raise NotKnown
    return isinstance(value, tuple(kind for kind in found if kind is not None))


def _has_attribute(arguments: Sequence[Any], keywords: Mapping[str, Any], _: Memory) -> bool:
    """`hasattr(_base_, "x")`: its entries are its attributes."""
    value, name = arguments
    if type(value) is not BaseDict or type(name) is not str or keywords or name.startswith("_"):
        raise NotKnown
    if name not in value and (hasattr(dict, name) or name in _OF_CONFIGS):
        raise NotKnown
    return name in value


_OF_CONFIGS: Final = ("merge", "to_dict", "deepcopy", "freeze", "unfreeze", "build_lazy")

_CLASSES: Final[Mapping[str, type]] = {
    kind.__name__: kind for kind in (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, range)
}

BUILTINS: Final[Mapping[str, Function]] = {
    "abs": _on_known_values(abs),
    "bool": _truth_of,
    "chr": _on_known_values(chr),
    "complex": _on_known_values(complex),
    "dict": _make_dict,
    "divmod": _on_known_values(divmod),
    "float": _on_known_values(float, texts=True),
    "frozenset": _make_collection(frozenset, keys=True),
    "hasattr": _has_attribute,
    "hex": _on_known_values(hex),
    "int": _on_known_values(int, texts=True),
    "isinstance": _is_instance,
    "len": _length_of,
    "list": _make_collection(list),
    "max": _least_or_greatest(max),
    "min": _least_or_greatest(min),
    "ord": _on_known_values(ord, texts=True),
    "pow": _power_of,
    "print": _print_nothing,
    "range": _on_known_values(range),
    "repr": _as_text(repr),
    "round": _round_number,
    "set": _make_collection(set, keys=True),
    "sorted": _sorted_list,
    "str": _as_text(str),
    "sum": _sum_of_items,
    "tuple": _make_collection(tuple),
}
"""Python's own functions by name; each raises NotKnown where it does not know, and else what Python raises."""


def _of_one_value(function: Callable[[Any, Memory], Any]) -> Function:
    def called(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
        (value,) = arguments
        if keywords:
            raise NotKnown
        return function(value, memory)

    return called


def _shallow_copy(value: Any, memory: Memory) -> Any:
    """`copy.copy(value)`."""
    memory.budget.spend(1 if type(value) in ATOMS else len(value) // 4)
    if type(value) is BaseDict:
        return BaseDict({key: memory.as_held_by_base(one) for key, one in value.items()})
    if type(value) in (list, dict, set):
        return value.copy()
    if type(value) in ATOMS or type(value) in (tuple, frozenset):
        return value
    raise NotKnown


def _path_function(function: Callable[..., Any]) -> Function:
    def called(arguments: Sequence[Any], keywords: Mapping[str, Any], memory: Memory) -> Any:
        if keywords or any(type(one) is not str for one in arguments) or sys.platform == "win32":
            raise NotKnown
        memory.budget.spend(sum(map(len, arguments)) >> 4)
        return function(*arguments)

    return called


_OF_NUMBERS: Final = (
    *("ceil", "floor", "trunc", "sqrt", "exp", "log", "log2", "log10", "log1p", "pow", "fabs", "cos", "sin", "tan"),
    *("isclose", "isfinite", "isinf", "isnan", "copysign", "fmod", "degrees", "radians", "atan", "atan2", "hypot"),
)

OF_MODULES: Final[Mapping[str, Function]] = {
    "copy.copy": _of_one_value(_shallow_copy),
    "copy.deepcopy": _of_one_value(lambda value, memory: memory.deep_copy(value)),
    **{f"math.{name}": _on_known_values(getattr(math, name)) for name in _OF_NUMBERS},
    **{
        f"{module}.{name}": _path_function(getattr(posixpath, name))
        for module in ("os.path", "posixpath")
        for name in ("join", "basename", "dirname", "splitext", "split", "normpath")
    },
}
"""Functions of standard modules by their dotted names; as `BUILTINS`."""
