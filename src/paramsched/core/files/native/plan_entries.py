"""Assignment of the values in a file to the arguments of a shape, and the types of arguments."""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

from paramsched.core.curves import Curve
from paramsched.core.schedules import Absolute, Schedule
from paramsched.core.schedules.rules import Rule
from paramsched.core.time import Duration
from paramsched.errors import InvalidArgument

_Answer = TypeVar("_Answer")


KINDS: Final[Mapping[type, str]] = {
    Schedule: "schedule",
    Rule: "rule",
    Absolute: "level",
    Duration: "length",
    Curve: "curve",
}
"""A dict from types with a special syntax in files to the names of their definitions in the JSON Schema."""


def _remember_answers(read: Callable[[Any], _Answer]) -> Callable[[Any], _Answer]:
    """Cache the results of a function of an annotation, because large configs call it very often."""
    remembered = lru_cache(maxsize=1024)(read)

    @wraps(read)
    def read_or_remember(annotation: Any) -> _Answer:
        try:
            return remembered(annotation)
        except TypeError:  # the metadata of the annotation is not hashable
            return read(annotation)

    return read_or_remember


@_remember_answers
def kind_of_argument(annotation: Any) -> str | None:
    """Return the name in `KINDS` of the first type in an annotation that has one, or None.

    >>> kind_of_argument(float | Absolute), kind_of_argument(Duration | str | None), kind_of_argument(int)
    ('level', 'length', None)
    """
    classes = [one for one in union_members(annotation) if isinstance(one, type)]
    return next((kind for base, kind in KINDS.items() for one in classes if issubclass(one, base)), None)


@_remember_answers
def union_members(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union; an annotation that is not a union is its only member."""
    if type(annotation).__name__ == "TypeAliasType":  # a `type` statement, Python 3.12 or newer
        return union_members(annotation.__value__)
    if get_origin(annotation) is Annotated:
        return union_members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(one for member in get_args(annotation) for one in union_members(member))
    return (annotation,)


def takes_none(parameter: inspect.Parameter) -> bool:
    """Return whether a parameter accepts null."""
    return parameter.default is None or NoneType in union_members(parameter.annotation)


@_remember_answers
def item_annotations(annotation: Any) -> tuple[Any, ...] | None:
    """Return the item annotations of a list: one per item, or (item, ...) for any length; None if it is not a list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, tuple):
        return arguments
    if isinstance(origin, type) and len(arguments) == 1 and origin.__module__ in ("builtins", "collections.abc"):
        return (*arguments, ...)
    return (Any, ...) if annotation in (list, tuple) else None


@_remember_answers
def literal_values(annotation: Any) -> tuple[Any, ...]:
    """Return the values of a Literal; an empty tuple for other annotations."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def asks_for_function(annotation: Any) -> bool:
    """Return whether an annotation is a function, which a file can specify only by name."""
    return Callable in (annotation, get_origin(annotation))


def asks_for_array(annotation: Any) -> bool:
    """Return whether an annotation is a NumPy array, which a file cannot contain."""
    return np.ndarray in (annotation, get_origin(annotation))


def annotated_signature(builder: Callable[..., Any]) -> inspect.Signature:
    """Return a signature with evaluated annotations."""
    try:
        return inspect.signature(builder, eval_str=True)
    except (NameError, SyntaxError, TypeError, AttributeError):  # the annotation can only be read by a type checker
        return inspect.signature(builder)


MISSING: Any = object()
"""The placeholder for a value that could not be read. Its diagnostic was added."""

PLAIN_TYPES: Final = {
    float: ("number", "a number"),
    int: ("integer", "an integer"),
    str: ("string", "text"),
    bool: ("boolean", "true or false"),
}
"""A dict from type to its name in the JSON Schema and its description in messages."""


def within_float(value: Any) -> float:
    """Return the value. Raise InvalidArgument for an integer that is too large for a float."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**308:
        raise InvalidArgument(
            f"a number of {len(str(abs(value)))} digits", "it is too large for a float", "For example: 0.1"
        )
    return value  # type: ignore[no-any-return]  # other types are checked by the caller


RESERVED: Final = ("clock", "horizon", "note", "groups", "targets")
"""The entries of a plan besides its fields."""

SCHEMA: Final = "$schema"
"""The key that editors use to find the schema of a file. A plan does not keep it."""

TARGET_ENTRIES: Final = ("initial", "schedule")
"""The entries of a target."""

_INDEX: Final = re.compile(r"\[(\d{1,9})\]")


def index_in_name(name: str) -> int | None:
    """Return the index that a group's name such as `[0]` means in a file; None for other names.

    >>> index_in_name("[0]"), index_in_name("head")
    (0, None)
    """
    found = _INDEX.fullmatch(name)
    return int(found[1]) if found else None
