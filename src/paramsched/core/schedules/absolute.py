"""Absolute: numbers as values, not as multiples of base."""

from typing import Any, overload

from paramsched.core.base.signatures import readable
from paramsched.core.curves.arrays import Array
from paramsched.core.foreign_calls import answering
from paramsched.core.schedules.evaluation import Base, for_base, product
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.registry import is_number
from paramsched.core.schedules.schedule import MOST_DEPTH, OPERATORS, Schedule
from paramsched.core.schedules.shape import of_one, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.schedules.writing import short_line
from paramsched.errors import InvalidArgument, shown


def _check(call: Schedule) -> None:
    inner: Schedule = call.args["schedule"]
    if inner.depth >= MOST_DEPTH:
        raise InvalidArgument(short_line(inner), f"schedules nested more than {MOST_DEPTH} deep", "Merge nested calls")
    if level := _level_inside(inner):
        found = f"it contains {level}, and every number in absolute(…) is a value already"
        write = f"absolute({_with_plain_levels(inner)})"
        raise InvalidArgument(f"absolute({short_line(inner)})", found, example=write)
    if inner.has_likes:
        like = _like_inside(inner)
        found = f"{like} follows another line by multiples of base, so it has no values of its own"
        advice = f"Multiply instead: absolute(cosine()) * {like}"
        raise InvalidArgument(f"absolute({short_line(inner)})", found, advice)


def _text(call: Schedule) -> str:
    return f"absolute({call.args['schedule']})"


@planned(hidden=True, affine=True, has_absolute=True, check=_check, text=_text)
def _absolute(call: Schedule, span: Span, schedule: Schedule) -> Piece:
    """value(t) = schedule(t, base=1), whatever the base is."""
    piece = plan(schedule, span)

    def values(t: Array, base: Base) -> Array:
        return product(for_base(piece.schedule, piece.values, t, 1.0), base.one)

    return of_one(call, piece, values)


def _level_inside(value: Any) -> str:
    """Return the first absolute level in a schedule; empty if there is none."""
    if isinstance(value, Absolute) or (isinstance(value, Schedule) and value.kind == "absolute"):
        return str(value)
    if isinstance(value, Schedule) and value.has_absolute:
        if value.kind == "table":
            return "absolute=True"
        return next(filter(None, map(_level_inside, value.leaves)), "")
    return ""


def _with_plain_levels(value: Any) -> Any:
    """Return a schedule or an argument with each `absolute(x)` in it replaced by x."""
    if isinstance(value, Absolute):
        return (value.factor or 0.0) + value.value
    if not isinstance(value, Schedule):
        return value
    if value.kind == "absolute":
        return value.args["schedule"]
    return value.with_args(absolute=False) if value.kind == "table" else value.changed(_with_plain_levels)


def _like_inside(schedule: Schedule) -> Schedule:
    return schedule if schedule.kind == "like" else next(_like_inside(one) for one in schedule.parts() if one.has_likes)


@overload
def absolute(x: float) -> Absolute: ...
@overload
def absolute(x: Schedule) -> Schedule: ...
@readable
@answering
def absolute(x: float | Schedule) -> Absolute | Schedule:
    """Use numbers as values, not as multiples of base: `absolute(linear(0.85, 0.95))`, `cosine(to=absolute(1e-5))`.

    value(t) = x, or for a schedule value(t) = x(t, base=1)

    Args:
        x: a finite number, or a schedule whose numbers are all values. Every group of the optimizer gets these values,
            whatever its base is.

    A number is a level, to which a multiple of base may be added: `0.5 + absolute(2e-05)` is half of base plus 2e-05.
    As an entire line, a stage of a sequence or a factor of a product it means `constant(absolute(x))`.

    Raises:
        InvalidArgument: `x` is neither a finite number nor a schedule; or it is a schedule that contains `absolute(…)`
            or `like(…)`.

    >>> beta = absolute(linear(0.85, 0.95, over=10))
    >>> beta(0, base=0.9), beta(10, base=123.0)
    (0.85, 0.95)
    >>> linear(1.0, 0.5 + absolute(1.0), over=10)(10, base=4.0)
    3.0
    >>> print(warmup(100) >> absolute(3e-4))
    warmup(100) >> constant(absolute(0.0003))
    """
    if isinstance(x, Schedule):
        return OPERATORS["absolute"].call(schedule=x)  # which may have metric rules
    if is_number(x):
        return Absolute(x)
    found = f"expected a number or a schedule, got {type(x).__name__}"
    raise InvalidArgument(f"absolute({shown(x)})", found, example="absolute(3e-5)")
