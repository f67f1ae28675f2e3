"""Cycles that each begin with a warmup, which stays as long as it is while the cycles grow."""

from paramsched import curves
from paramsched._number_checks import finite_number, positive_number, whole_number
from paramsched.curves import CurveLike
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.anneal import anneal, warmup
from paramsched.schedules.arguments import curve_argument
from paramsched.schedules.base import Schedule
from paramsched.schedules.levels import Level
from paramsched.schedules.registry import shape
from paramsched.schedules.restarts import restarts
from paramsched.schedules.sequence import sequence
from paramsched.time import Duration, DurationLike

_MOST_CYCLES = 1000
_begin_cycle = warmup  # where an argument has the name


@shape
def warmup_restarts(
    first: DurationLike,
    warmup: DurationLike,
    times: int | None = None,
    mult: float = 1.0,
    gamma: float = 1.0,
    start: Level = 0.0,
    to: Level = 0.0,
    curve: CurveLike = curves.cosine,
) -> Schedule:
    """Descents that begin again, each behind its own warmup: up from `start` in W, then down to `to` along `curve`.

    value(t) = start + (p - start) c / W, then p + (to - p) * curve((c - W) / (L - W)), c updates into cycle i of length
    L_i = int((L - W) * mult) + W, L the length of the one before, with the peak p = gamma ** i

    Args:
        first: L_0, the length of the first cycle and its warmup; any unit of time.
        warmup: W, any unit of time.
        times: how many cycles; None goes on, where all are alike.
        mult: each descent's length over the one before, 1 or more; where it is not 1, lengths are in updates.
        gamma: each cycle's peak over the one before, above 0.
        start, to: first and last level of each cycle.
        curve: of the descents.

    Raises:
        InvalidArgument: an argument out of its range; cycles that differ, and no `times`; a warmup as long as `first`.

    Source: pytorch_optimizer `CosineAnnealingWarmupRestarts`. A warmup that grows with its cycle is
    `restarts(warmup("5 epochs") >> cosine(), "50 epochs", mult=2)`.

    >>> print(warmup_restarts(100, 10))
    restarts(warmup(10) >> cosine(), 100)
    >>> print(warmup_restarts(20, 10, times=2, mult=1.5, gamma=0.5))
    warmup(10) >> cosine(over=10) >> linear(0.0, 0.5, 10) >> cosine(0.5, over=15)
    """
    whole, up = Duration.of(first), Duration.of(warmup)
    growth = finite_number(Asked("warmup_restarts", "mult"), mult)
    height = positive_number(Asked("warmup_restarts", "gamma"), gamma)
    way = curve_argument("warmup_restarts", curve)
    if growth < 1:
        asked = Asked("warmup_restarts", "mult", repr(mult))
        raise InvalidArgument(asked, "cycles would vanish", "Write mult=1").suggest(1.0)
    if growth == 1 and height == 1:
        return restarts(_begin_cycle(up, start) >> anneal(1.0, to, None, way), whole, times)
    if times is None or whole_number(Asked("warmup_restarts", "times"), times) > _MOST_CYCLES:
        found = f"its cycles differ, so it needs their number, up to {_MOST_CYCLES}"
        raise InvalidArgument(Asked("warmup_restarts", "times", str(times)), found, "Write times=3").suggest(3)
    if growth != 1 and (whole.exact is None or up.exact is None):
        found = "cycles that grow by whole updates"
        raise InvalidArgument(Asked("warmup_restarts", "first", str(whole)), found, "Write the lengths in steps")
    down, stages = whole - up, list[Schedule]()
    for cycle in range(times):
        peak = height**cycle
        stages += [anneal(start, peak, up), anneal(peak, to, down, way)]
        if growth != 1:
            down = Duration.of(max(1, int(down.count * growth)))
    return sequence(*stages)
