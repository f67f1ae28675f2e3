"""The arguments of timm's `create_scheduler_v2`, and what each of its schedulers is behind its warmup."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, Literal, final, get_args

import numpy as np

from paramsched import curves
from paramsched.config.arguments import WrongValue, argument, argument_table, is_plain_number, to_level
from paramsched.config.diagnostic_collector import short_json
from paramsched.schedules import (
    Level,
    Schedule,
    anneal,
    clamp,
    constant,
    inverse_sqrt,
    multistep,
    restarts,
    skip,
    step,
    tanh,
)
from paramsched.time import Duration, DurationLike

CYCLES: Final = ("cosine", "poly", "tanh")
STABLE: Final = ("wsd", "rsqrt")
_Scheduler = Literal["cosine", "poly", "tanh", "step", "multistep", "wsd", "rsqrt", "constant", "plateau", "none"]
SCHEDULERS: Final[tuple[str, ...]] = get_args(_Scheduler)


def _only_for(*schedulers: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda others: others["sched"] in schedulers


def _has_noise(others: Mapping[str, Any]) -> bool:
    return others["noise"] is not None


def _noise_range(value: Any) -> float | tuple[float, ...]:
    """Return the share of the run at which the noise begins; a pair also has its end."""
    shares = value if isinstance(value, (list, tuple)) else [value]
    inside = all(is_plain_number(one) and 0 <= one <= 1 for one in shares)
    if len(shares) in (1, 2) and inside and list(shares) == sorted(shares):
        return tuple(shares) if len(shares) == 2 else float(shares[0])
    raise WrongValue(f"expected a share of the run, or its begin and end, got {short_json(value)}")


@final
@argument_table
class TimmArguments:
    """The arguments of `create_scheduler_v2`, and `eval_metric` of timm's training script.

    The aliases are the options of the script. With `in_updates`, which is not an argument, the plan's lengths are
    updates: an epoch has `updates_per_epoch` of them, which no calendar knows.
    """

    sched: _Scheduler = argument("cosine")
    num_epochs: int = argument(300, low=1, aliases=("epochs",))
    decay_epochs: float | None = argument(None, above=0, example=30)  # its default depends on the scheduler
    decay_milestones: tuple[float, ...] = argument((90, 180, 270), example=[30, 60])
    cooldown_epochs: int = argument(0, low=0)
    patience_epochs: int = argument(10, low=0)
    decay_rate: float = argument(0.1, above=0, used=_only_for("poly", "step", "multistep", "plateau"), aliases=("dr",))
    min_lr: float = argument(0.0, low=0)
    warmup_lr: float = argument(1e-5, low=0)
    warmup_epochs: int = argument(0, low=0, example=5)
    warmup_prefix: bool = argument(False, example=True)
    noise: float | tuple[float, ...] | None = argument(None, parse=_noise_range, aliases=("lr_noise",), example=0.4)
    noise_pct: float = argument(0.67, above=0, used=_has_noise, aliases=("lr_noise_pct",))
    noise_std: float = argument(1.0, above=0, used=_has_noise, aliases=("lr_noise_std",))
    noise_seed: int | None = argument(42, high=10**18, used=_has_noise, aliases=("seed",))
    cycle_limit: int = argument(1, low=1, high=1000, used=_only_for(*CYCLES), aliases=("lr_cycle_limit",))
    cycle_mul: float = argument(1.0, low=1, used=_only_for(*CYCLES), aliases=("lr_cycle_mul",))
    cycle_decay: float = argument(
        0.1,
        above=0,
        used=lambda others: bool(others["sched"] in CYCLES and others["cycle_limit"] != 1),
        aliases=("lr_cycle_decay",),
    )
    k_decay: float = argument(1.0, above=0, used=_only_for("cosine", "poly"), aliases=("lr_k_decay",))
    decay_fn: Literal["linear", "1-sqrt", "cosine", "power", "exp"] | None = argument(None, aliases=("lr_decay_fn",))
    stable_timescale: float | None = argument(None, above=0, example=10, aliases=("lr_stable_timescale",))
    plateau_mode: Literal["min", "max"] = argument("max")
    step_on_epochs: bool = argument(True, aliases=("sched_on_updates",))  # the option has the opposite meaning
    updates_per_epoch: int = argument(0, low=0, example=500)
    eval_metric: str | None = argument(None, example="top1")
    in_updates: bool = False

    @property
    def ticks_in_epoch(self) -> int:
        """What the scheduler counts, epochs or updates, in an epoch."""
        return 1 if self.step_on_epochs else self.updates_per_epoch

    @property
    def epochs_of_decay(self) -> float:
        """`decay_epochs`, or the default of the scheduler."""
        return (0.2 if self.sched in STABLE else 90.0) if self.decay_epochs is None else self.decay_epochs

    @property
    def step_period(self) -> Fraction:
        """The period of `step` in its counts, as it is written."""
        return Fraction(repr(self.epochs_of_decay)) * self.ticks_in_epoch

    @property
    def run(self) -> int:
        """`num_epochs` in its counts."""
        return self.num_epochs * self.ticks_in_epoch

    @property
    def warmup(self) -> int:
        """`warmup_epochs` in its counts; nothing where there is no schedule."""
        return 0 if self.sched == "none" else self.warmup_epochs * self.ticks_in_epoch

    @property
    def stable_and_decay(self) -> int:
        """The counts of `wsd` and `rsqrt` behind their warmup, which is always before them."""
        return self.run if self.warmup_prefix else self.run - self.warmup

    @property
    def decay(self) -> int:
        """The counts of the last descent of `wsd` and `rsqrt`, rounded as timm rounds them."""
        share = 0 < self.epochs_of_decay < 1
        return round(self.epochs_of_decay * (self.stable_and_decay if share else self.ticks_in_epoch))

    @property
    def is_prefix(self) -> bool:
        """Whether the warmup stands before the curve, and not over its begin."""
        return self.warmup_prefix or self.sched in STABLE

    @property
    def floor(self) -> Level:
        """`min_lr` as a level."""
        return to_level(self.min_lr)

    def length(self, ticks: float) -> Duration:
        """So many counts as a length of a plan."""
        if self.step_on_epochs and not self.in_updates:
            return Duration.of(f"{ticks!r} epochs")
        return Duration.of_updates(Fraction(repr(ticks)) * (self.updates_per_epoch if self.step_on_epochs else 1))


DECAY_CURVES: Final = {
    "linear": curves.linear,
    "1-sqrt": curves.one_minus_sqrt,
    "cosine": curves.cosine,
    "power": curves.one_minus_sqrt,  # its exponent is 0.5, and no argument says another one
    "exp": curves.exponential(0.1),
}
"""The descents of `wsd` and `rsqrt`."""


def curve_behind_warmup(given: TimmArguments) -> Schedule:
    """The schedule without its warmup."""
    if given.sched in CYCLES:
        return _cycles(given)
    if given.sched in STABLE:
        return _stable_and_descent(given)
    if given.sched == "step":
        return _step_decay(given)
    if given.sched == "multistep":
        # timm acts one count before a milestone. The first value of a run without a warmup is base in any case.
        first = 0 if given.is_prefix and given.warmup else 1
        counts = [max(math.ceil(one * given.ticks_in_epoch - 1), first) for one in given.decay_milestones]
        return _steps_at(given, [count for count in counts if count < given.run])
    return constant()


def _steps_at(given: TimmArguments, counts: Sequence[int]) -> Schedule:
    """A factor at each of these counts."""
    return multistep(tuple(map(given.length, counts)), float(given.decay_rate)) if counts else constant()


def changes_between_epochs_only(given: TimmArguments) -> bool:
    """Whether the curve stands still within an epoch as it is."""
    whole = given.sched != "step" or float(given.epochs_of_decay).is_integer()
    return given.sched not in (*CYCLES, *STABLE) and whole


def _cycles(given: TimmArguments) -> Schedule:
    """Descents, then the floor."""
    run = given.length(given.run)
    if given.cycle_limit == 1:
        whole = _one_descent(given, run)
    else:
        one = _one_descent(given, None)
        whole = restarts(one, run, given.cycle_limit, given.cycle_mul, given.cycle_decay)
    if given.sched != "tanh":
        return whole
    whole = whole >> constant(given.floor)  # which tanh only comes near
    if given.warmup:
        return whole
    # The first value of a run without a warmup is base itself, and tanh begins below it.
    tick = given.length(1)
    return constant(1.0, tick) >> skip(whole, tick)


def _one_descent(given: TimmArguments, over: DurationLike | None) -> Schedule:
    """One cycle."""
    if given.sched == "tanh":
        return tanh(to=given.floor, over=over)
    k, power = float(given.k_decay), float(given.decay_rate)
    if given.sched == "cosine":
        curve: curves.Curve = curves.cosine if k == 1 else curves.cosine_k_decay(k)
    elif k != 1:
        curve = curves.polynomial_k_decay(power, k)
    else:
        curve = curves.linear if power == 1 else curves.polynomial(power)
    return anneal(1.0, given.floor, over, curve)


def _stable_and_descent(given: TimmArguments) -> Schedule:
    """Base or its inverse root, which goes on below the descent; never below the floor."""
    stable, decay = given.stable_and_decay - given.decay, given.length(given.decay)
    way = DECAY_CURVES[given.decay_fn or ("linear" if given.sched == "rsqrt" else "1-sqrt")]
    if given.sched == "wsd":
        return _behind(1.0, anneal(1.0, given.floor, decay, way), stable, given)
    timescale = given.warmup if given.stable_timescale is None else given.stable_timescale * given.ticks_in_epoch
    root = inverse_sqrt(given.length(timescale))
    falling = root * _behind(1.0, anneal(1.0, 0.0, decay, way), stable, given)
    if not given.floor:
        return falling
    rising = _behind(0.0, anneal(0.0, given.floor, decay, way), stable, given)
    return clamp(falling + rising, low=given.floor)


def _behind(level: float, way: Schedule, ticks: int, given: TimmArguments) -> Schedule:
    return constant(level, given.length(ticks)) >> way if ticks else way


def _step_decay(given: TimmArguments) -> Schedule:
    """A factor every `decay_epochs`, which may be parts of epochs.

    timm divides floats, which may round a whole number of periods into the one before; where that happens in the run,
    its steps are written one by one. Periods of whole counts are never rounded.
    """
    exact, rate = given.step_period, float(given.decay_rate)
    if exact.denominator > 1:
        ticks = np.arange(given.run)
        steps = (ticks // (given.epochs_of_decay * given.ticks_in_epoch)).astype(np.int64)
        if not np.array_equal(steps, ticks * exact.denominator // exact.numerator):
            return _steps_at(given, np.repeat(ticks[1:], np.diff(steps)).tolist())
    return step(given.length(given.epochs_of_decay) if given.step_on_epochs else Duration.of_updates(exact), rate)
