"""Published schedules that are made of other shapes: `wsd`, `one_cycle`, `noam`."""

import math

from paramsched.base.params import Count, Positive
from paramsched.core import curves
from paramsched.core.calls.number_checks import positive_number, whole_number
from paramsched.core.curves.curve import CurveLike
from paramsched.core.schedules.anneals import Index, anneal, constant
from paramsched.core.schedules.anneals import warmup as warm_up
from paramsched.core.schedules.decays import inverse_sqrt
from paramsched.core.schedules.definition import positive_length
from paramsched.core.schedules.level import AbsoluteValue, Level, level_of
from paramsched.core.schedules.messages import shapes as messages
from paramsched.core.schedules.registry import registered
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.windows import with_lengths
from paramsched.core.time.duration import Duration, DurationLike
from paramsched.errors import CallSite


@registered
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
    up = warm_up(warmup, level_of(CallSite("wsd", "start"), start), 1.0, warmup_curve, index)
    down = anneal(1.0, to, Duration.of(decay), curve, decay_index)
    return up >> constant(1.0) >> down


@registered
def one_cycle(
    up: DurationLike = "30%",
    start: Level = 0.04,
    to: Level = 4e-06,
    curve: CurveLike = curves.cosine,
    index: Index = "t/n",
    back: DurationLike | None = None,
    peak: Level = 1.0,
) -> Schedule:
    """Rise from `start` to `peak` over `up`, then decay to `to` over the rest of the run.

    value(t) = start + (peak - start) * curve(t / up), then peak + (to - peak) * curve(v), v the elapsed fraction of the
    decay

    Base is the peak (torch's `max_lr`). Momentum runs in the opposite direction:
    `one_cycle("30%", absolute(0.95), absolute(0.95), peak=absolute(0.85))`.

    Args:
        up: the length of the rise, in any unit of time.
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the last level, likewise.
        curve: the curve of the rise and of the decay: `curves.cosine`, `curves.linear`, …
        index: the formula of the elapsed fraction of a ramp. With `"t/(n-1)"`, as in torch, the cycle ends at its last
            update, and each earlier ramp ends one update earlier than its length: at up * n - 1, which may be between
            two updates.
        back: the length of a ramp back to `start` before the final decay, torch's `three_phase`. None omits this ramp.
        peak: the highest level; 1 is base.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Smith & Topin 2018 (1708.07120); torch `OneCycleLR` with `index="t/(n-1)"`; fastai `fit_one_cycle`, whose
    ramps have exact lengths: `with_lengths(one_cycle("25%", to=1e-05))`; optax `cosine_onecycle_schedule`, and
    `linear_onecycle_schedule` with `back="55%"`, both rounded down: `with_lengths(one_cycle(), "floor")`.

    >>> print(one_cycle())
    cosine(0.04, 1.0, "30%") >> cosine(1.0, 4e-06)
    >>> print(one_cycle(index="t/(n-1)", curve=curves.linear))
    with_lengths(linear(0.04, 1.0, "30% - 1 step") >> linear(1.0, 4e-06, index="t/(n-1)"))
    >>> print(one_cycle("30%", back="55%", curve=curves.linear))
    linear(0.04, 1.0, "30%") >> linear(1.0, 0.04, "55%") >> linear(0.04, 4e-06)
    """
    closed = isinstance(index, str) and index == "t/(n-1)"
    inner: Index = "t/n" if closed else index

    def length_of_ramp(name: str, length: DurationLike) -> Duration:
        if isinstance(length, float) and 0 < length < 1:  # torch's first argument is the rate
            raise messages.rate_as_length(name, length)
        over = Duration.of(length)
        if not closed:
            return over
        if not over.terms:
            raise messages.empty_ramp(name, length)
        return over - Duration.of(1)

    start = level_of(CallSite("one_cycle", "start"), start)
    peak = level_of(CallSite("one_cycle", "peak"), peak)
    ramp = anneal(start, peak, length_of_ramp("up", up), curve, inner)
    if back is None:
        cycle = ramp >> anneal(peak, to, None, curve, index)
    else:
        cycle = (
            ramp
            >> anneal(peak, start, length_of_ramp("back", back), curve, inner)
            >> anneal(start, to, None, curve, index)
        )
    return with_lengths(cycle) if closed else cycle


@registered
def noam(width: Count, warmup: DurationLike, factor: Positive = 1.0) -> Schedule:
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
    scale = math.sqrt(whole_number(CallSite("noam", "width"), width))
    peak = positive_number(CallSite("noam", "factor"), factor) / scale
    if length.exact is None:
        raise messages.peak_of_unknown_update(str(length))
    # k / W up to k = W - 1, then sqrt(W / k). Both are 1 at k = W, which is update W - 1.
    before = length - Duration.of(1)
    level = constant(AbsoluteValue(peak / math.sqrt(length.exact)))
    return level * (warm_up(before, 0.0, 1.0, index="(t+1)/(n+1)") >> inverse_sqrt(length))
