"""Triangles that repeat."""

from collections.abc import Iterable
from math import ceil
from typing import Any, Literal, TypeAlias

import numpy as np

from paramsched.core import curves
from paramsched.core.base.params import Positive
from paramsched.core.curves.arrays import Array, power_of
from paramsched.core.schedules.anneal import along
from paramsched.core.schedules.evaluation import product
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.period import multiples, split
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import OptionalPeriod, Period, formula
from paramsched.core.time.duration import Number, count_of
from paramsched.errors import CallSite, InvalidArgument

Mode: TypeAlias = Literal["triangular", "triangular2", "exp_range"]
"""How the height of the triangles changes: constant, halved each cycle, gamma ** t."""


def _needs_exp_range(call: Schedule) -> None:
    mode, gamma = call.args["mode"], call.args["gamma"]
    if gamma != 1 and mode != "exp_range":
        raise InvalidArgument(
            CallSite("cyclic", "mode", f"{mode!r}, gamma={gamma!r}"),
            'gamma requires mode="exp_range"',
            'Use mode="exp_range", or omit gamma',
        )


def _down_like_up(args: dict[str, Any]) -> dict[str, Any]:
    return args if args["down"] is not None else {**args, "down": args["up"]}


def _turns(since: Number, until: Number, up: Number, down: Number, **_: Any) -> Iterable[Number]:
    period = up + down
    return (one for begin in multiples(period, since - ceil(period), until) for one in (begin, begin + up))


@formula(edges=_turns, check=_needs_exp_range, completed=_down_like_up)
def cyclic(
    t: Array,
    up: Period,
    down: OptionalPeriod = None,
    start: Level = 0.1,
    to: Level = 1.0,
    mode: Mode = "triangular",
    gamma: Positive = 1.0,
) -> Array:
    """Rise from `start` to `to` and fall back along straight lines, repeatedly.

    value(t) = start + (to - start) * h * g, h from 0 to 1 in each cycle, g = 1, 2 ** -cycle or gamma ** t by `mode`

    Args:
        up: the length of the rise, in any unit of time; at least one update.
        down: the length of the fall, likewise; `up` by default.
        start: the lowest level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the highest level, likewise.
        mode: how the height changes: `"triangular"` keeps it, `"triangular2"` halves it after each cycle, `"exp_range"`
            multiplies it by `gamma` at each update.
        gamma: the ratio for `"exp_range"`, above 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Smith 2017 (1506.01186); torch `CyclicLR`.

    >>> [round(cyclic(2, start=0.2)(t), 9) for t in range(5)]
    [0.2, 0.6, 1.0, 0.6, 0.2]
    """
    rise: Any = up
    fall: Any = down
    cycle, at = split(t, rise + fall)
    height = np.where(at <= float(rise), at / count_of(rise), (count_of(rise + fall) - at) / count_of(fall))
    if mode == "triangular2":
        height = height * power_of(0.5, cycle)
    elif mode == "exp_range":
        height = product(height, power_of(gamma, t))
    if mode == "exp_range" and gamma > 1:  # values may exceed `to`, because growth is not clipped
        first, last = np.asarray(start), np.asarray(to)
        return first + product(last - first, height)
    return along(curves.linear, start, to, height, 1)
