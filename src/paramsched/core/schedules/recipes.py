"""Recipes: published schedules, built from shapes and combinators."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from paramsched.core import curves
from paramsched.core.curves import CurveLike
from paramsched.core.number_checks import positive_number, whole_number
from paramsched.core.schedules.affine import Absolute, Level, level_of
from paramsched.core.schedules.anneal import Index, anneal, warmup
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.cuts import skip
from paramsched.core.schedules.decays import inverse_sqrt
from paramsched.core.schedules.leaves import constant, schedule_of
from paramsched.core.schedules.lengths import positive_length
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.sequence import sequence
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, shown


@shape
def polynomial(
    power: float = 1.0,
    start: Level | None = None,
    to: Level = 0.0,
    over: DurationLike | None = None,
    index: Index = "t/n",
) -> Schedule:
    """Decay from `start` to `to` along a polynomial.

    value(t) = to + (start - to) * (1 - t / n) ** power; exactly `to` from t = n on

    Args:
        power: the exponent, above 0; 1 is a straight line.
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value. None is the level at which
            the stage before ends; in a first stage it is 1.
        to: the last level, a number likewise.
        over: n, the length in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`. None takes the rest of the run.
        index: the formula of the elapsed fraction. With `"t/n"` the first update, 0, has the value `start`. With
            `"(t+1)/n"` the last update, n - 1, has the value `to`. With `"t/(n-1)"` both are true, with `"(t+1)/(n+1)"`
            neither.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Liu et al. 2015 (1506.04579); torch `PolynomialLR`; TensorFlow `PolynomialDecay`.

    >>> polynomial(2.0, over=10)(5)
    0.25
    """
    curve = curves.polynomial(power)
    return anneal(start, to, over, curves.linear if curve.exponent == 1 else curve, index)


@shape
def wsd(
    warmup: DurationLike,
    decay: DurationLike,
    start: Level = 0.0,
    to: Level = 0.0,
    curve: CurveLike = curves.linear,
    index: Index = "t/n",
    warmup_curve: CurveLike = curves.linear,
    decay_index: Index = "t/n",
) -> Schedule:
    """Warm up, stay at base, and decay at the end of the run (warmup, stable, decay).

    value(t) = start + (1 - start) * warmup_curve(t / W), then 1, then 1 + (to - 1) * curve(v), W = `warmup`, v the
    elapsed fraction of the decay

    Args:
        warmup: W, the length of the warmup in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`.
        decay: the length of the decay, likewise.
        start: the first level of the warmup, a multiple of base, or `absolute(x)` for an absolute value.
        to: the last level of the decay, likewise.
        curve: the curve of the decay: `curves.linear`, `curves.one_minus_sqrt`, …
        index: the formula of the elapsed fraction of the warmup. With `"t/n"` its first update has the value `start`.
            With `"(t+1)/n"`, as in torchtitan and nanochat, its last update has the value base.
        warmup_curve: the curve of the warmup.
        decay_index: the formula of the elapsed fraction of the decay; with `"(t+1)/n"` its last update has the value
            `to`.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: MiniCPM, Hu et al. 2024 (2404.06395); Haegele et al. 2024 (2405.18392), curve `curves.one_minus_sqrt`.

    >>> str(wsd("2%", "20%"))
    'warmup("2%", 0.0, 1.0) >> constant(1.0) >> linear(start=1.0, over="20%")'
    >>> print(wsd(200, "20%", to=0.1, index="(t+1)/n"))
    warmup(200, 0.0, 1.0, index="(t+1)/n") >> constant(1.0) >> linear(1.0, 0.1, "20%")
    """
    up = _warmup(warmup, level_of(CallSite("wsd", "start"), start), 1.0, warmup_curve, index)
    down = anneal(1.0, to, Duration.of(decay), curve, decay_index)
    return up >> constant(1.0) >> down


@shape
def noam(width: int, warmup: DurationLike, factor: float = 1.0) -> Schedule:
    """Follow the schedule of the Transformer, in absolute values.

    value(t) = factor * width ** -0.5 * min(k ** -0.5, k * W ** -1.5), k = t + 1, W = `warmup`

    Args:
        width: the model's width (`d_model`), above 0.
        warmup: W, the length of the warmup in updates, at least one.
        factor: a factor of the value, above 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Vaswani et al. 2017 (1706.03762).

    >>> round(noam(512, 4000)(3999), 9), round(noam(512, 4000)(15999), 9)
    (0.000698771, 0.000349386)
    """
    length = positive_length(CallSite("noam", "warmup"), Duration.of(warmup))
    # k / W up to k = W - 1, then sqrt(W / k). Both are 1 at k = W, which is update W - 1.
    before = length - Duration.of(1)
    peak = positive_number(CallSite("noam", "factor"), factor) / math.sqrt(
        whole_number(CallSite("noam", "width"), width)
    )
    return _noam_peak(peak, length) * (_warmup(before, 0.0, 1.0, index="(t+1)/(n+1)") >> inverse_sqrt(length))


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


@shape
def overlay(first: Schedule, curve: Schedule) -> Schedule:
    """Replace the first part of a schedule by another schedule, without moving the rest.

    value(t) = first(t) for the length of `first`, then curve(t)

    Args:
        first: the schedule at the start, which needs a length: `warmup("5%")`, which ends at the value that `curve` has
            there.
        curve: the schedule to continue with. Its time counts from the start of `first`, not from its end.

    Raises:
        InvalidArgument: `first` has no length.

    `overlay(first, curve)` is short for `first >> skip(curve, length of first)`.

    Source: the warmups of BERT, EfficientNet and timm.

    >>> print(overlay(warmup(1000), cosine()))
    warmup(1000) >> skip(cosine(), 1000)
    """
    over = schedule_of(first, "overlay(…)")
    below = schedule_of(curve, "overlay(…)")
    length = over.length
    if length is None:
        found = "expected a schedule with a length"
        raise InvalidArgument(CallSite("overlay", "first", short_line(over)), found, example='warmup("5%")')
    if length.until:
        found = 'its length must not be an "until"'
        site = CallSite("overlay", "first", short_line(over))
        raise InvalidArgument(site, found, example=f'"{Duration(length.terms)}"')
    return over >> skip(below, length)


_warmup = warmup  # for functions with an argument of that name


def _noam_peak(peak: float, over: Duration) -> Schedule:
    """Return the level peak / sqrt(over) as an absolute value; `over` must be in updates."""
    amount = over.exact
    if amount is None:
        found = "its peak depends on the number of updates"
        raise InvalidArgument(f'noam(…, warmup="{over}")', found, "Use the warmup in steps")
    return constant(Absolute(peak / math.sqrt(amount)))


_POINTS = 'piecewise([(0, 1.0), ("50%", 0.1)])'


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
