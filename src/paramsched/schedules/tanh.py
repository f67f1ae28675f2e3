"""Hyperbolic tangent decay as published: it begins a little below its first level and ends a little above its last."""

import math

from paramsched import curves
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.anneal import anneal
from paramsched.schedules.base import Schedule
from paramsched.schedules.levels import Level, NeighborLevel, level_from_parts, level_of, split_level
from paramsched.schedules.registry import shape
from paramsched.time import DurationLike


@shape
def tanh(
    lower: float = -7.0,
    upper: float = 3.0,
    start: Level = 1.0,
    to: Level = 0.0,
    over: DurationLike | None = None,
) -> Schedule:
    """Tanh decay: value(t) = to + (start - to) * (1 - tanh(lower + (upper - lower) t / n)) / 2.

    With -7 and 3 it begins 8e-7 of the way below `start` and ends 0.0025 of it above `to`; timm goes on at `to` itself:
    `tanh(over=100) >> constant(0.0)`. A way between exact levels is `anneal(…, curve=curves.tanh(-7, 3))`.

    Args:
        lower, upper: the piece of tanh that is used.
        start, to: the levels that tanh has far from its middle.
        over: n, any unit of time; None takes the time it is given.

    Raises:
        InvalidArgument: `lower` is not below `upper`, or a level that is no number.

    Source: HTD, Hsueh et al. 2019 (1806.01593); timm `TanhLRScheduler`.

    >>> round(tanh(over=100)(0), 9), round(tanh(over=100)(70), 9), round(tanh(over=100)(100), 9)
    (0.999999168, 0.5, 0.002472623)
    """
    curve = curves.tanh(lower, upper)
    first, last = (_level_at((1 - math.tanh(x)) / 2, start, to) for x in (curve.lower, curve.upper))
    return anneal(first, last, over, curve)


def _level_at(share: float, start: Level, to: Level) -> Level:
    """So much of the way from `to` to `start`."""
    for name, level in (("start", start), ("to", to)):
        if isinstance(level, NeighborLevel):
            found = "its level is computed, so a neighbor's is none for it"
            raise InvalidArgument(Asked("tanh", name, str(level)), found, f"Write {name}=0.1").suggest(0.1)
    begins, ends = (split_level(level_of(Asked("tanh", name), level)) for name, level in (("start", start), ("to", to)))
    parts = [(end or 0.0) + ((begin or 0.0) - (end or 0.0)) * share for begin, end in zip(begins, ends, strict=True)]
    return level_from_parts(*parts)
