"""What an argument takes, read from its annotation."""

import inspect
from collections.abc import Callable
from enum import Enum, auto
from functools import lru_cache, wraps
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

from paramsched.curves import Curve
from paramsched.schedules import Absolute, Schedule
from paramsched.schedules.rules import Rule
from paramsched.time import Duration

_Answer = TypeVar("_Answer")


class ArgumentKind(Enum):
    """The kinds of values that files spell in a way of their own."""

    SCHEDULE = auto()
    RULE = auto()
    LEVEL = auto()
    DURATION = auto()
    CURVE = auto()
    OTHER = auto()


_CLASSES = (
    (Schedule, ArgumentKind.SCHEDULE),
    (Rule, ArgumentKind.RULE),
    (Absolute, ArgumentKind.LEVEL),
    (Duration, ArgumentKind.DURATION),
    (Curve, ArgumentKind.CURVE),
)


def _remember_answers(read: Callable[[Any], _Answer]) -> Callable[[Any], _Answer]:
    """Remember what was read of an annotation: a config of a hundred thousand numbers asks as often."""
    remembered = lru_cache(maxsize=1024)(read)

    @wraps(read)
    def read_or_remember(annotation: Any) -> _Answer:
        try:
            return remembered(annotation)
        except TypeError:  # metadata that cannot be hashed
            return read(annotation)

    return read_or_remember


@_remember_answers
def kind_of_argument(annotation: Any) -> ArgumentKind:
    """The kind of an annotation.

    >>> kind_of_argument(float | Absolute), kind_of_argument(Duration | str | None), kind_of_argument(int)
    (<ArgumentKind.LEVEL: 3>, <ArgumentKind.DURATION: 4>, <ArgumentKind.OTHER: 6>)
    """
    classes = [one for one in union_members(annotation) if isinstance(one, type)]
    return next((kind for base, kind in _CLASSES for one in classes if issubclass(one, base)), ArgumentKind.OTHER)


@_remember_answers
def union_members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, opened; an annotation that is none by itself."""
    if type(annotation).__name__ == "TypeAliasType":  # a `type` statement, from Python 3.12 on
        return union_members(annotation.__value__)
    if get_origin(annotation) is Annotated:
        return union_members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(one for member in get_args(annotation) for one in union_members(member))
    return (annotation,)


def takes_none(parameter: inspect.Parameter) -> bool:
    """Whether null may be given."""
    return parameter.default is None or NoneType in union_members(parameter.annotation)


@_remember_answers
def item_annotations(annotation: Any) -> tuple[Any, ...] | None:
    """For a list of fixed length the annotation of each item, for one of any length (item, ...); None for no list."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, tuple):
        return arguments
    if isinstance(origin, type) and len(arguments) == 1 and origin.__module__ in ("builtins", "collections.abc"):
        return (*arguments, ...)
    return (Any, ...) if annotation in (list, tuple) else None


@_remember_answers
def literal_values(annotation: Any) -> tuple[Any, ...]:
    """The values of a Literal; none for anything else."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def asks_for_function(annotation: Any) -> bool:
    """Whether it asks for a function, which a file can only name."""
    return Callable in (annotation, get_origin(annotation))


def asks_for_array(annotation: Any) -> bool:
    """Whether it asks for a NumPy array, which only code can give."""
    return np.ndarray in (annotation, get_origin(annotation))


def annotated_signature(builder: Callable[..., Any]) -> inspect.Signature:
    """The parameters with their annotations; those of a module with postponed annotations are looked up."""
    try:
        return inspect.signature(builder, eval_str=True)
    except (NameError, SyntaxError, TypeError, AttributeError):  # an annotation that only a type checker can read
        return inspect.signature(builder)
