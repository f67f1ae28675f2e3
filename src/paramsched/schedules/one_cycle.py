"""One cycle: up to a peak, perhaps back, and down below where it began."""

from paramsched import curves
from paramsched.curves import CurveLike
from paramsched.schedules.anneal import Index, anneal
from paramsched.schedules.base import Schedule
from paramsched.schedules.levels import Level
from paramsched.schedules.registry import shape
from paramsched.schedules.with_lengths import with_lengths
from paramsched.time import Duration, DurationLike


@shape
def one_cycle(
    up: DurationLike = "30%",
    start: Level = 0.04,
    to: Level = 4e-06,
    curve: CurveLike = curves.cosine,
    index: Index = "t/n",
    back: DurationLike | None = None,
    peak: Level = 1.0,
) -> Schedule:
    """One cycle: up from `start` to base in `up`, then down to `to` in the rest, both along `curve`.

    value(t) = start + (peak - start) * curve(t / up), then peak + (to - peak) * curve(v), v the share of the rest that
    is over

    Base is the peak (torch's `max_lr`). Momentum goes the other way:
    `one_cycle("30%", absolute(0.95), absolute(0.95), peak=absolute(0.85))`.

    Args:
        up: length of the way up, any unit of time.
        start, to: first and last level.
        curve: of each way.
        index: which fraction of a way update t stands for. With `"t/(n-1)"`, torch's, the whole cycle ends in its last
            update, and each way before one update earlier than it is said: up * n - 1 is an exact time, and may be
            between two updates.
        back: length of a way back to `start` between the two, torch's `three_phase`; None has none.
        peak: highest level.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Smith & Topin 2018 (1708.07120); torch `OneCycleLR` with `index="t/(n-1)"`; fastai `fit_one_cycle`, whose
    ways have exact lengths: `with_lengths(one_cycle("25%", to=1e-05))`; optax `cosine_onecycle_schedule`, and
    `linear_onecycle_schedule` with `back="55%"`, both cut to whole updates: `with_lengths(one_cycle(), "floor")`.

    >>> print(one_cycle())
    warmup("30%", 0.04, curve=curves.cosine) >> cosine(to=4e-06)
    >>> print(one_cycle(index="t/(n-1)", curve=curves.linear))
    with_lengths(warmup("30% - 1 step", 0.04) >> linear(to=4e-06, index="t/(n-1)"))
    >>> print(one_cycle("30%", back="55%", curve=curves.linear))
    warmup("30%", 0.04) >> linear(to=0.04, over="55%") >> linear(0.04, 4e-06)
    """
    closed = index == "t/(n-1)"
    inner: Index = "t/n" if closed else index

    def length_of_way(length: DurationLike) -> Duration:
        return Duration.of(length) - Duration.of(1) if closed else Duration.of(length)

    way = anneal(start, peak, length_of_way(up), curve, inner)
    if back is None:
        cycle = way >> anneal(peak, to, None, curve, index)
    else:
        cycle = way >> anneal(peak, start, length_of_way(back), curve, inner) >> anneal(start, to, None, curve, index)
    return with_lengths(cycle) if closed else cycle
