"""WSD: warmup, stable, decay."""

from paramsched.core import curves
from paramsched.core.curves import CurveLike
from paramsched.core.schedules.anneal import Index, anneal
from paramsched.core.schedules.anneal import warmup as warm_up
from paramsched.core.schedules.constant import constant
from paramsched.core.schedules.level import Level, level_of
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite


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
    up = warm_up(warmup, level_of(CallSite("wsd", "start"), start), 1.0, warmup_curve, index)
    down = anneal(1.0, to, Duration.of(decay), curve, decay_index)
    return up >> constant(1.0) >> down
