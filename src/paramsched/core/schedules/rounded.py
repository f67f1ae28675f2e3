"""Rounded: multiples of a number."""

from typing import Annotated, Any, Final, Literal, TypeAlias

import numpy as np

from paramsched.core.base.params import Positive
from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.evaluation import Base
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import What, of_one, plan, planned
from paramsched.core.schedules.span import Piece, Span

Way: TypeAlias = Annotated[Literal["nearest", "down", "up"], What("direction")]
"""The direction of rounding: to the nearest multiple (halves to the even one), down, or up."""

_ROUNDING_ERRORS: Final = 2.0**-48  # the relative error of a few operations in double precision

_ROUNDED: Final[dict[str, Any]] = {"nearest": np.round, "down": np.floor, "up": np.ceil}


@planned(affine=False, has_absolute=True)  # `to` is an absolute value
def rounded(call: Schedule, span: Span, schedule: Schedule, to: Positive = 1.0, way: Way = "nearest") -> Piece:
    """Round a schedule to multiples of a number.

    value(t) = to * round(schedule(t) / to), after base is applied

    Args:
        schedule: the schedule to round.
        to: the number whose multiples are used, above 0. It is an absolute value: 1 for integers, 16 for batch sizes
            that are multiples of 16.
        way: the direction: `"nearest"` (halves to the even multiple), `"down"` or `"up"`.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: GPT-3's batch size, Brown et al. 2020 (2005.14165).

    >>> growing = rounded(linear(16, 1600, over=99), 16)
    >>> growing(0), growing(1), growing(98), growing(99)
    (16.0, 32.0, 1584.0, 1600.0)
    """
    piece = plan(schedule, span)

    def values(t: Array, base: Base) -> Array:
        ratio = np.asarray(piece.values(t, base), dtype=np.float64) / to
        # A ratio within rounding errors of an integer or a half counts as that number. So a linear schedule reaches a
        # multiple at the right update: 15 / 22 * 22 is 15, even if it is rounded down.
        halves = np.round(ratio * 2.0) / 2.0
        ratio = np.where(np.abs(ratio - halves) <= _ROUNDING_ERRORS * np.abs(halves), halves, ratio)
        return _ROUNDED[way](ratio) * to

    return of_one(call, piece, values)
