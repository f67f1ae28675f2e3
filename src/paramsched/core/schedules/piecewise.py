"""Piecewise: a level at each of several times."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from paramsched.core.curves import CurveLike
from paramsched.core.schedules.anneal import anneal
from paramsched.core.schedules.constant import constant
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import sequence
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import InvalidArgument, shown

_POINTS: Final = 'piecewise([(0, 1.0), ("50%", 0.1)])'


@shape
def piecewise(points: tuple[tuple[DurationLike, Level], ...], curve: CurveLike | None = None) -> Schedule:
    """Set a level at each of several times, and hold it until the next time or change along a curve to the next level.

    value(t) = the level of the last point at or before t; constant before the first and after the last point

    Args:
        points: pairs of time and level, with increasing times, such as `[(0, 1.0), ("50%", 0.1)]`; in Python also a
            mapping. Times are in any unit and count from the start of the stage; levels are multiples of base or
            `absolute(x)`.
        curve: the curve from each level to the next, such as `curves.linear`. None holds each level.

    Raises:
        InvalidArgument: there is no point, a point is not a pair, or the times decrease.

    Source: optax `piecewise_constant_schedule` (whose values are factors of the previous value),
    `piecewise_interpolate_schedule`.

    >>> stairs = piecewise([(0, 1.0), (10, 0.5), (20, 0.1)])
    >>> stairs(9), stairs(10), stairs(500)
    (1.0, 0.5, 0.1)
    """
    pairs = _point_pairs(points)
    (first, level), *_ = pairs
    stages: list[Schedule] = [constant(level, first)] if first.terms else []
    for (begin, here), (end, there) in pairwise(pairs):
        try:
            over = end - begin
        except InvalidArgument:
            found = f"expected increasing times, got {end} after {begin}"
            raise InvalidArgument(f"piecewise({shown(points)})", found, example=_POINTS) from None
        stages.append(constant(here, over) if curve is None else anneal(here, there, over, curve))
    stages.append(constant(pairs[-1][1]))
    return stages[0] if len(stages) == 1 else sequence(*stages)


def _point_pairs(points: Any) -> list[tuple[Duration, Level]]:
    """Return the points of `piecewise` as checked pairs of time and level."""
    try:
        listed = points.items() if isinstance(points, Mapping) else points
        pairs = [() if isinstance(pair, str) else tuple(pair) for pair in listed]
    except TypeError:
        pairs = []
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise InvalidArgument(f"piecewise({points!r})", "expected pairs of time and level", example=_POINTS)
    return [(Duration.of(time), level) for time, level in pairs]
