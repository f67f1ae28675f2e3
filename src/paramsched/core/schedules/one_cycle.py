"""One cycle: a rise to the peak, and a decay over the rest of the run."""

from paramsched.core import curves
from paramsched.core.curves import CurveLike
from paramsched.core.schedules.anneal import Index, anneal
from paramsched.core.schedules.level import Level, level_of
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.with_lengths import with_lengths
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, shown


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
            found, site = "expected a length; the peak is base, the optimizer's own lr", shown(length)
            raise InvalidArgument(CallSite("one_cycle", name, site), found, 'For example: "30%"', refused=length)
        over = Duration.of(length)
        if not closed:
            return over
        if not over.terms:
            found = 'with index="t/(n-1)" this ramp ends one update early, so it must not be empty'
            raise InvalidArgument(CallSite("one_cycle", name, shown(length)), found, 'Use "30%", or omit index')
        return over - Duration.of(1)

    start, peak = level_of(CallSite("one_cycle", "start"), start), level_of(CallSite("one_cycle", "peak"), peak)
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
