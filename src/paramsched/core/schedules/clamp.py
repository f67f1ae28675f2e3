"""Limits: clamp, minimum and maximum."""

from collections.abc import Callable
from functools import reduce

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.evaluation import Base
from paramsched.core.schedules.level import Absolute, Level, always_above
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import of_each, of_one, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.errors import CallSite, InvalidArgument


def _in_order(call: Schedule) -> None:
    schedule, low, high = call.args.values()
    if low is not None and high is not None and always_above(low, high):
        site, write = CallSite("clamp", "low", f"{low}, high={high}"), f"{clamp(schedule, high, low)}"
        raise InvalidArgument(site, "low is above high", example=write)


@planned(affine=False, check=_in_order)
def clamp(call: Schedule, span: Span, schedule: Schedule, low: Level | None = None, high: Level | None = None) -> Piece:
    """Limit a schedule to a range.

    value(t) = min(max(schedule(t), low), high)

    Args:
        schedule: the schedule to limit.
        low: the lower limit, a multiple of base, `absolute(x)` or a sum of both. None sets no lower limit.
        high: the upper limit, likewise.

    Raises:
        InvalidArgument: `low` is above `high`.

    Source: torch `clamp`.

    >>> clamp(exponential(0.5), low=0.1)(10)
    0.1
    """
    piece = plan(schedule, span)

    def values(t: Array, base: Base) -> Array:
        made = piece.values(t, base)
        made = made if low is None else np.maximum(made, _limit(low, base))
        return made if high is None else np.minimum(made, _limit(high, base))

    return of_one(call, piece, values)


def _limit(level: Level, base: Base) -> Array:
    if not isinstance(level, Absolute):
        return base.value * level
    return level.value if level.factor is None else base.value * level.factor + level.value


def _some(call: Schedule) -> None:
    if not call.args["operands"]:
        example = f"{call.kind}(constant(0.1), cosine())"
        raise InvalidArgument(f"{call.kind}()", "expected at least one operand", example=example)


@planned(affine=False, check=_some)
def minimum(call: Schedule, span: Span, *operands: Schedule) -> Piece:
    """Take the smallest value of several schedules at each update.

    value(t) = min(a(t), b(t), …)

    Args:
        operands: schedules or numbers (multiples of base), at least one.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: NumPy `minimum`.

    >>> minimum(constant(0.5), linear(1, 0, over=10))(8)
    0.2
    """
    return _chosen(call, span, operands, np.minimum)


@planned(affine=False, check=_some)
def maximum(call: Schedule, span: Span, *operands: Schedule) -> Piece:
    """Take the largest value of several schedules at each update.

    value(t) = max(a(t), b(t), …)

    Args:
        operands: schedules or numbers (multiples of base), at least one.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: NumPy `maximum`.

    >>> maximum(0.25, linear(1, 0, over=10))(8)
    0.25
    """
    return _chosen(call, span, operands, np.maximum)


def _chosen(
    call: Schedule, span: Span, operands: tuple[Schedule, ...], choose: Callable[[Array, Array], Array]
) -> Piece:
    pieces = [plan(one, span) for one in operands]

    def values(t: Array, base: Base) -> Array:
        return reduce(choose, (piece.values(t, base) for piece in pieces))

    return of_each(call, pieces, values)
