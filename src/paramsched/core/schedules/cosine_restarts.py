"""Cosine decays that restart."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from paramsched.core import curves
from paramsched.core.base.params import Positive
from paramsched.core.curves.arrays import Array, power_of
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.period import end_of_cycles, growing_cycles, multiples, split
from paramsched.core.schedules.restarts import extent_of_cycles, first_within_stage, length_of_cycles, refuse_growth
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import Growth, OptionalCount, Period, RoundedLengths, formula
from paramsched.core.schedules.span import Span
from paramsched.core.time import Duration
from paramsched.core.time.duration import Number, count_of


def _counted_first(
    span: Span, first: Number, mult: float, lengths: Any, times: int | None, **_: Any
) -> Mapping[str, Number]:
    """Return the first cycle: an integer if cycles are rounded because they grow and `lengths` is not "exact"."""
    if mult != 1 and lengths != "exact":
        return {"first": ceil(first)}
    return {"first": first if times is None else first_within_stage(first, mult, lengths, times, span)}


def _end(first: Number, mult: float, lengths: Any, times: int | None, **_: Any) -> Number | None:
    return None if times is None else end_of_cycles(first, mult, lengths, times)


def _begins(
    since: Number, until: Number, first: Number, mult: float, lengths: Any, times: int | None, **_: Any
) -> Iterable[Number]:
    if mult == 1:
        return multiples(first, since, until)
    return (begin for begin, _ in growing_cycles(first, mult, lengths, times).between(since, until) if since <= begin)


def _extent(call: Schedule) -> Any:
    return extent_of_cycles(call.args["first"], call.args["times"])


def _length(call: Schedule) -> Duration | None:
    return length_of_cycles(call.args["first"], **_cycles(call))


def _measure(call: Schedule, span: Span) -> Fraction:
    return Fraction(end_of_cycles(span.period(call.args["first"]), **_cycles(call)))


def _cycles(call: Schedule) -> dict[str, Any]:
    return {key: call.args[key] for key in ("mult", "lengths", "times")}


def _require_growth(call: Schedule) -> None:
    refuse_growth("cosine_restarts", call.args["first"], **_cycles(call))


@formula(
    counted=_counted_first,
    held=_end,
    edges=_begins,
    extent=_extent,
    length=_length,
    measure=_measure,
    check=_require_growth,
)
def cosine_restarts(
    t: Array,
    first: Period,
    mult: Growth = 1.0,
    to: Level = 0.0,
    gamma: Positive = 1.0,
    to_gamma: Positive = 1.0,
    times: OptionalCount = None,
    lengths: RoundedLengths = "nearest",
) -> Array:
    """Repeat a cosine decay; cycle i has the length first * mult ** i and starts at gamma ** i.

    Prefer `restarts(cosine(), every)` if all cycles are equal.

    value(t) = to * to_gamma ** i + (gamma ** i - to * to_gamma ** i) * (1 + cos(pi * c / L)) / 2, c updates into cycle
    i of length L

    Args:
        first: the length of the first cycle, in any unit of time; at least one update.
        mult: the ratio of each cycle's length to the previous one: 1, or at least 1.001.
        to: the lowest level of the first cycle, a multiple of base, or `absolute(x)` for an absolute value. It is not
            reached exactly, because the next cycle starts at that time.
        gamma: the ratio of each cycle's peak to the previous one, above 0.
        to_gamma: the ratio of each cycle's lowest level to the previous one, above 0.
        times: the number of cycles, after which the last lowest level is held. None repeats without end.
        lengths: how growing cycles are rounded: `"nearest"` (each to the nearest update), `"exact"` (not rounded), or
            `"floor"` (rounded down before the next length is computed from it).

    Raises:
        InvalidArgument: an argument is out of range, or rounding down prevents the cycles from growing.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983); torch `CosineAnnealingWarmRestarts`. timm's `cycle_mul`,
    `cycle_decay` and `cycle_limit` are `mult`, `gamma` and `times` with `lengths="exact"`. ignite's `cycle_mult`,
    `start_value_mult` and `end_value_mult` are `mult`, `gamma` and `to_gamma` with `lengths="floor"`. In keras'
    `CosineDecayRestarts` the floor a does not shrink with the peak: `(1 - a) * cosine_restarts(…, gamma=m_mul) + a`.

    >>> sgdr = cosine_restarts(10, mult=2, to=0.1)
    >>> sgdr(0), round(sgdr(5), 9), sgdr(10), round(sgdr(20), 9), sgdr(30)
    (1.0, 0.55, 1.0, 0.55, 1.0)
    """
    period: Any = first
    if mult == 1:
        cycle, at = split(t, period, times)
        u = at / count_of(period)
    else:
        table = growing_cycles(period, mult, lengths, times)
        cycle, at, size = table.split(t)
        u = at / size
        u = u if times is None else np.where(t >= count_of(table.end), 1.0, u)
    height, fall = power_of(gamma, cycle), curves.cosine.share(u, 1, rises=False)
    lower = 1.0 if to_gamma == 1 else power_of(to_gamma, cycle)
    multiple, *fixed = np.asarray(to).reshape(-1)
    factor = np.where(u == 0, height, (height - multiple * lower) * fall + multiple * lower)
    return np.stack([factor, fixed[0] * lower * (1.0 - fall)]) if fixed else factor
