"""Recipes of long runs."""

from fractions import Fraction

from paramsched import curves
from paramsched.base.number_checks import finite_number, positive_number
from paramsched.curves import CurveLike
from paramsched.errors import Asked, InvalidArgument, shown
from paramsched.schedules.affine import Absolute, Level, previous
from paramsched.schedules.anneal import Index, anneal, cooldown
from paramsched.schedules.anneal import warmup as begin
from paramsched.schedules.base import Schedule
from paramsched.schedules.decays import geometric, inverse_sqrt, power_law
from paramsched.schedules.leaves import constant
from paramsched.schedules.registry import shape
from paramsched.schedules.sequence import sequence, with_lengths
from paramsched.time import Duration, DurationLike


@shape
def rsqrt(
    warmup: DurationLike,
    cooldown: DurationLike,
    timescale: DurationLike | None = None,
    start: Level = 0.0,
    to: Level = 0.0,
    curve: CurveLike = curves.linear,
    frozen: bool = False,
) -> Schedule:
    """Warmup, inverse square root, and a cooldown over the last part of the run.

    value(t) = start + (1 - start) t / W, then r = 1 / sqrt(1 + (t - W) / timescale), and in the cooldown
    to + (r - to) * (1 - curve(v)), v the share of it that is over

    Args:
        warmup: W, any unit of time.
        cooldown: its length, any unit of time.
        timescale: of the inverse square root; as long as the warmup if not given.
        start, to: first and last level.
        curve: of the cooldown.
        frozen: whether the inverse square root stands still in the cooldown, at the value with which that begins.

    Raises:
        InvalidArgument: an argument out of its range; no `timescale`, and a warmup of nothing.

    Source: Zhai et al. 2022 (2106.04560); big_vision `rsqrt`, timm `rsqrt`; frozen: OLMo-core `PowerLR`.

    >>> print(rsqrt(1000, "10%"))
    warmup(1000) >> inverse_sqrt(1000) * (constant() >> linear(over="10%"))
    >>> print(rsqrt(1000, "10%", frozen=True))
    warmup(1000) >> inverse_sqrt(1000) >> linear(previous, over="10%")
    """
    up = begin(warmup, start)
    falls = inverse_sqrt(warmup if timescale is None else timescale)
    if frozen:
        return up >> falls >> anneal(previous, to, cooldown, curve)
    down = falls * (constant() >> anneal(1.0, 0.0, cooldown, curve))
    return up >> (down if to == 0 else down + (constant(0.0) >> anneal(0.0, to, cooldown, curve)))


@shape
def wsd_s(
    periods: tuple[DurationLike, ...],
    decay: float = 0.1,
    warmup: DurationLike = 0,
    start: Level = 0.0,
    to: Level = 0.0,
    curve: CurveLike = curves.linear,
    index: Index = "t/n",
    decay_index: Index = "t/n",
) -> Schedule:
    """Periods of base with a decay at the end of each, after which the next one is at base again at once.

    value(t) = start + (1 - start) t / W, then 1, then 1 + (to - 1) * curve(v), then 1 again, and so on

    Args:
        periods: their lengths, any unit of time; the warmup is in the first one.
        decay: which share of each period the decay is, above 0 and at most 1; of periods in updates it is rounded to
            whole ones.
        warmup: W, any unit of time.
        start, to: the first level, and the last one of each period.
        curve: of the decays.
        index: which fraction of the warmup update t stands for.
        decay_index: which one of a decay; OLMo-core has `"(t+1)/n"` for both.

    Raises:
        InvalidArgument: an argument out of its range; a warmup and a decay longer than the first period.

    Source: Wen et al. 2024 (2410.05192), with curve `curves.inverse_proportional(0.1)` to 0.1; OLMo-core `WSDS`.

    >>> print(wsd_s([100, 200], warmup=20))
    warmup(20) >> constant(over=70) >> linear(over=10) >> constant(over=180) >> linear(over=20)
    """
    share = finite_number(Asked("wsd_s", "decay"), decay)
    if not 0 < share <= 1:
        raise InvalidArgument(Asked("wsd_s", "decay", repr(decay)), "no share", "Write decay=0.1").suggest(0.1)
    if not isinstance(periods, (list, tuple)) or not periods:
        raise InvalidArgument(f"wsd_s({shown(periods)})", "periods are a list of lengths", "Write wsd_s([1000, 2000])")
    up = Duration.of(warmup)
    stages: list[Schedule] = [begin(up, start, index=index)] if up.terms else []
    for place, period in enumerate(map(Duration.of, periods)):
        if period.until:
            raise InvalidArgument(f'wsd_s(["{period}"])', "a period is a length", f'Write "{Duration(period.terms)}"')
        down = _part_of(period, Fraction(repr(share)))
        stages.append(constant(over=period - down if place else _without_warmup(period - down, up)))
        stages.append(cooldown(down, to, curve, decay_index))
    return sequence(*stages)


def _without_warmup(stable: Duration, up: Duration) -> Duration:
    try:
        return stable - up
    except InvalidArgument:  # less than nothing
        found = f'the first period has "{stable}" before its decay'
        raise InvalidArgument(Asked("wsd_s", "warmup", f'"{up}"'), found, "Write warmup=0").suggest(0) from None


def _part_of(length: Duration, share: Fraction) -> Duration:
    if length.exact is not None:
        return Duration.of_updates(round(length.exact * share))
    return Duration(tuple((unit, amount * share) for unit, amount in length.terms))


@shape
def tri_stage(
    warmup: DurationLike = "10%",
    hold: DurationLike = "40%",
    decay: DurationLike = "50%",
    start: float = 0.01,
    to: float = 0.01,
) -> Schedule:
    """A straight line up, base, and down by the same ratio in every update.

    value(t) = start + (1 - start) t / W, then 1, then to ** v, v the share of the decay that is over

    Args:
        warmup, hold, decay: lengths of the three stages, any unit of time.
        start: first level.
        to: last level, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: SpecAugment, Park et al. 2019 (1904.08779); wav2vec 2.0; fairseq `tri_stage`.

    >>> print(tri_stage())
    warmup("10%", 0.01) >> constant(over="40%") >> anneal(to=0.01, over="50%", curve=curves.exponential(0.01))
    """
    return begin(warmup, start) >> constant(over=hold) >> geometric(1.0, to, decay)


@shape
def power_scheduler(batch: float, a: float = 4.6, exponent: float = 0.51, most: float = 0.02) -> Schedule:
    """The power scheduler, in absolute values: value(t) = min(most, batch * a * n ** -exponent), n the tokens before t.

    Where a plan counts tokens (`clock: tokens`) n is t; on any other clock the run says how many tokens an update has.
    The warmup is laid over it, and the last descent goes on from it:
    `overlay(warmup("1B tokens", to=following), power_scheduler(1024)) >> linear(previous, 0, over="10%")`.

    Args:
        batch: the batch size, in sequences, above 0.
        a: above 0.
        exponent: above 0; the paper's b is -exponent.
        most: the highest value, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Shen et al. 2024 (2408.13359), whose a and b were found for one family of models.

    >>> at_update = resolve(power_scheduler(128), Calendar(tokens_per_step=500_000))
    >>> at_update(0), round(at_update(2000), 9)
    (0.02, 0.01513449)
    """
    per_token = positive_number(Asked("power_scheduler", "a"), a)
    scale = positive_number(Asked("power_scheduler", "batch"), batch) * per_token
    level = positive_number(Asked("power_scheduler", "most"), most)
    power = positive_number(Asked("power_scheduler", "exponent"), exponent)
    falls = constant(Absolute(level)) * power_law(power, begin := _first_token_below(level, scale, power))
    return with_lengths(constant(Absolute(level), begin) >> falls)


def _first_token_below(level: float, scale: float, power: float) -> Duration:
    """The token n0 from which on the power is below the level; there (n / n0) ** -p is (1 + (n - n0) / n0) ** -p."""
    try:
        return Duration.of(f"{(scale / level) ** (1 / power)!r} tokens")
    except (OverflowError, InvalidArgument):
        asked = f"power_scheduler(…, exponent={power!r}, most={level!r})"
        found = f"batch * a = {scale:g} comes to that at no token that a clock counts"
        raise InvalidArgument(asked, found, "Write power_scheduler(1024)") from None
