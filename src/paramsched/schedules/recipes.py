"""Recipes: known schedules said with the shapes and combinators."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from paramsched import curves
from paramsched.base.number_checks import positive_number
from paramsched.curves import CurveLike
from paramsched.errors import Asked, InvalidArgument, shown
from paramsched.schedules.affine import Absolute, Level
from paramsched.schedules.anneal import Index, anneal, cooldown, linear, warmup
from paramsched.schedules.base import Schedule
from paramsched.schedules.cuts import skip
from paramsched.schedules.decays import inverse_sqrt
from paramsched.schedules.leaves import constant, schedule_of
from paramsched.schedules.lengths import some_length
from paramsched.schedules.registry import shape
from paramsched.schedules.sequence import sequence
from paramsched.schedules.text.writing import short_line
from paramsched.time import Duration, DurationLike


@shape
def polynomial(
    power: float = 1.0,
    start: Level = 1.0,
    to: Level = 0.0,
    over: DurationLike | None = None,
    index: Index = "t/n",
) -> Schedule:
    """Polynomial decay: value(t) = to + (start - to) * (1 - t / n) ** power.

    Source: Liu et al. 2015 (1506.04579); torch `PolynomialLR`; TensorFlow `PolynomialDecay`.

    >>> polynomial(2.0, over=10)(5)
    0.25
    """
    straight = isinstance(power, (int, float)) and power == 1
    return anneal(start, to, over, curves.linear if straight else curves.polynomial(power), index)


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
    """Warmup, stable, decay: up from `start` in `warmup`, base, down to `to` along `curve` in the last `decay`.

    value(t) = start + (1 - start) * warmup_curve(t / W), then 1, then 1 + (to - 1) * curve(v), v the share of the decay
    that is over

    Args:
        warmup, decay: lengths, any unit of time.
        start, to: first and last level.
        curve: of the decay.
        index: which fraction of the warmup update t stands for; torchtitan's and nanochat's is `"(t+1)/n"`.
        warmup_curve: of the warmup.
        decay_index: which fraction of the decay update t stands for.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: MiniCPM, Hu et al. 2024 (2404.06395); Haegele et al. 2024 (2405.18392), curve `curves.one_minus_sqrt`.

    >>> str(wsd("2%", "20%"))
    'warmup("2%") >> constant() >> linear(over="20%")'
    >>> str(wsd(200, "20%", index="(t+1)/n", warmup_curve=curves.cosine))
    'warmup(200, curve=curves.cosine, index="(t+1)/n") >> constant() >> linear(over="20%")'
    """
    up = _warmup(warmup, start, curve=warmup_curve, index=index)
    return up >> constant() >> cooldown(decay, to, curve, decay_index)


@shape
def trapezoid(
    up: DurationLike,
    down: DurationLike,
    start: Level = 0.0,
    to: Level = 0.0,
    index: Index = "t/n",
    decay_index: Index = "t/n",
) -> Schedule:
    """A straight line up, base, a straight line down: `wsd` with a linear decay.

    value(t) = start + (1 - start) t / up, then 1, then 1 + (to - 1) v, v the share of `down` that is over

    Args:
        up, down: lengths, any unit of time.
        start, to: first and last level.
        index: which fraction of the way up update t stands for.
        decay_index: which one of the way down.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Haegele et al. 2024 (2405.18392).

    >>> str(trapezoid(100, "20%"))
    'warmup(100) >> constant() >> linear(over="20%")'
    """
    return wsd(up, down, start, to, index=index, decay_index=decay_index)


@shape
def noam(width: int, warmup: DurationLike, factor: float = 1.0) -> Schedule:
    """The Transformer's schedule, in absolute values.

    value(t) = factor * width ** -0.5 * min(k ** -0.5, k * W ** -1.5), k = t + 1

    Source: Vaswani et al. 2017 (1706.03762).

    Args:
        width: of the model, above 0.
        warmup: W, at least one update.
        factor: above 0.

    >>> round(noam(512, 4000)(3999), 9), round(noam(512, 4000)(15999), 9)
    (0.000698771, 0.000349386)
    """
    length = some_length(Asked("noam", "warmup"), Duration.of(warmup))
    # Up to k = W - 1 as k / W, then sqrt(W / k): the two meet at 1, one update before W.
    before = length - Duration.of(1)
    peak = positive_number(Asked("noam", "factor"), factor) / positive_number(Asked("noam", "width"), width) ** 0.5
    return _noam_peak(peak, length, "noam", "warmup") * (
        _warmup(before, 0.0, index="(t+1)/(n+1)") >> inverse_sqrt(length)
    )


@shape
def t5(hold: DurationLike = 10_000) -> Schedule:
    """The schedule of T5 and PaLM, in absolute values: value(t) = 1 / sqrt(max(t + 1, hold)).

    Args:
        hold: for how long it stands still at first, at least one update.

    Source: T5, Raffel et al. 2020 (1910.10683); PaLM (2204.02311). Adafactor's relative step, Shazeer & Stern 2018
    (1804.04235), is this one too, and with its warmup `noam(1, 10_000)`.

    >>> t5()(0), t5()(39_999)
    (0.01, 0.005)
    """
    length = some_length(Asked("t5", "hold"), Duration.of(hold))
    return _noam_peak(1.0, length, "t5", "hold") * (constant(over=length - Duration.of(1)) >> inverse_sqrt(length))


@shape
def slanted_triangular(cut: DurationLike = "10%", ratio: float = 32.0) -> Schedule:
    """A short straight line up from 1 / ratio, a long one down to it.

    value(t) = (1 + p (ratio - 1)) / ratio, p = t / cut, then 1 - v, v the share of the rest that is over

    Source: ULMFiT, Howard & Ruder 2018 (1801.06146).

    >>> str(slanted_triangular())
    'warmup("10%", 0.03125) >> linear(to=0.03125)'
    """
    low = 1 / positive_number(Asked("slanted_triangular", "ratio"), ratio)
    return _warmup(cut, low) >> linear(1.0, low)


@shape
def piecewise(points: tuple[tuple[DurationLike, Level], ...], curve: CurveLike | None = None) -> Schedule:
    """Given levels at given times: held until the next one, or joined along a curve.

    value(t) = the level of the last point at or before t; before the first and after the last point constant

    Args:
        points: pairs of time and level, times in increasing order (a mapping is welcome in code).
        curve: the way from each level to the next; None holds it.

    Raises:
        InvalidArgument: no point, or one that is no pair.

    Source: optax `piecewise_constant_schedule` (whose values are products), `piecewise_interpolate_schedule`.

    >>> stairs = piecewise([(0, 1.0), (10, 0.5), (20, 0.1)])
    >>> stairs(9), stairs(10), stairs(500)
    (1.0, 0.5, 0.1)
    """
    pairs = _point_pairs(points)
    (first, level), *_ = pairs
    stages: list[Schedule] = [constant(level, first)] if first.terms else []
    for (begin, here), (end, there) in pairwise(pairs):
        stages.append(constant(here, end - begin) if curve is None else anneal(here, there, end - begin, curve))
    stages.append(constant(pairs[-1][1]))
    return stages[0] if len(stages) == 1 else sequence(*stages)


@shape
def overlay(first: Schedule, curve: Schedule) -> Schedule:
    """A curve that runs from the beginning, and something else laid over its begin.

    value(t) = first(t) for as long as `first` lasts, then curve(t)

    It is `first >> skip(curve, length of first)`: nothing moves the curve.

    Args:
        first: has a length, such as `warmup("5%")`; with `to=following` it meets the curve.
        curve: on the clock of the whole, as it is without `first`.

    Raises:
        InvalidArgument: `first` has no length.

    Source: BERT's, EfficientNet's and timm's warmups.

    >>> print(overlay(warmup(1000, 0.001, to=following), cosine()))
    linear(0.001, following, 1000) >> skip(cosine(), 1000)
    """
    over = schedule_of(first, "overlay(…)")
    below = schedule_of(curve, "overlay(…)")
    length = over.length
    if length is None:
        found = "it has no length, so nothing says how much of the curve it covers"
        raise InvalidArgument(Asked("overlay", "first", short_line(over)), found, 'Write warmup("5%")')
    if length.until:
        found = "its length is said by the time at which it ends"
        raise InvalidArgument(Asked("overlay", "first", short_line(over)), found, f'Write "{Duration(length.terms)}"')
    return over >> skip(below, length)


_warmup = warmup  # where an argument has the name


def _noam_peak(peak: float, over: Duration, call: str, argument: str) -> Schedule:
    """The height at which an inverse square root in absolute values begins, which depends on when that is."""
    amount = over.exact
    if amount is None:
        asked = f'{call}({"…, " if call == "noam" else ""}{argument}="{over}")'
        raise InvalidArgument(asked, "its height needs the number of updates", f"Use the {argument} in steps")
    return constant(Absolute(peak / float(amount) ** 0.5))


def _point_pairs(points: Any) -> list[tuple[Duration, Level]]:
    """The points of `piecewise` as pairs of time and level, checked."""
    instead = 'Write piecewise([(0, 1.0), ("50%", 0.1)])'
    try:
        listed = None if isinstance(points, str) else list(points.items() if isinstance(points, Mapping) else points)
    except TypeError:
        listed = None
    if listed is None:
        raise InvalidArgument(f"piecewise({shown(points)})", "no list of points", instead)
    try:
        pairs = [() if isinstance(pair, str) else tuple(pair) for pair in listed]
    except TypeError:
        pairs = []
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise InvalidArgument(f"piecewise({points!r})", "a point is a pair of time and level", instead)
    return [(Duration.of(time), level) for time, level in pairs]
