"""The arguments of timm's `create_scheduler_v2`, and the schedule of each of its schedulers after the warmup."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, Literal, final, get_args

import numpy as np

from paramsched.core import curves
from paramsched.core.files.arguments import argument, argument_table, to_level
from paramsched.core.schedules import Level, Schedule
from paramsched.core.schedules.anneal import anneal, tanh
from paramsched.core.schedules.cuts import skip
from paramsched.core.schedules.decays import inverse_sqrt
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import multistep, step
from paramsched.core.schedules.pointwise import clamp
from paramsched.core.schedules.restarts import restarts
from paramsched.core.time import Duration, DurationLike

CYCLES: Final = ("cosine", "poly", "tanh")
STABLE: Final = ("wsd", "rsqrt")
_Scheduler = Literal["cosine", "poly", "tanh", "step", "multistep", "wsd", "rsqrt", "constant", "plateau", "none"]
SCHEDULERS: Final[tuple[str, ...]] = get_args(_Scheduler)


def _only_for(*schedulers: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda others: others["sched"] in schedulers


def _has_noise(others: Mapping[str, Any]) -> bool:
    return others["noise"] is not None


@final
@argument_table
class TimmArguments:
    """The arguments of `create_scheduler_v2`, and `eval_metric` of timm's training script.

    The aliases are the options of the script. `in_updates` is not an argument: if it is true, the plan's lengths are in
    updates, because the calendar does not contain the `updates_per_epoch` of the config.
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
    noise: Any = argument(None, parse=lambda value: value, aliases=("lr_noise",), example=0.4)
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
        """The number of the scheduler's counts, epochs or updates, per epoch."""
        return 1 if self.step_on_epochs else self.updates_per_epoch

    @property
    def epochs_of_decay(self) -> float:
        """`decay_epochs`, or the default of the scheduler."""
        return (0.2 if self.sched in STABLE else 90) if self.decay_epochs is None else self.decay_epochs

    @property
    def step_period(self) -> Fraction:
        """The exact period of `step` in its counts."""
        return Fraction(repr(self.epochs_of_decay)) * self.ticks_in_epoch

    @property
    def run(self) -> int:
        """`num_epochs` in its counts."""
        return self.num_epochs * self.ticks_in_epoch

    @property
    def warmup(self) -> int:
        """`warmup_epochs` in its counts; 0 if `sched` is `none`."""
        return 0 if self.sched == "none" else self.warmup_epochs * self.ticks_in_epoch

    @property
    def stable_and_decay(self) -> int:
        """The counts of `wsd` and `rsqrt` after their warmup, which always precedes them."""
        return self.run if self.warmup_prefix else self.run - self.warmup

    @property
    def decay(self) -> int:
        """The counts of the final decay of `wsd` and `rsqrt`, rounded as in timm."""
        share = 0 < self.epochs_of_decay < 1
        return round(self.epochs_of_decay * (self.stable_and_decay if share else self.ticks_in_epoch))

    @property
    def is_prefix(self) -> bool:
        """True if the warmup precedes the curve, False if it replaces the start of the curve."""
        return self.warmup_prefix or self.sched in STABLE

    @property
    def floor(self) -> Level:
        """`min_lr` as a level."""
        return to_level(self.min_lr)

    def length(self, ticks: float) -> Duration:
        """Return a number of counts as a length of a plan."""
        if self.step_on_epochs and not self.in_updates:
            return Duration.of(f"{ticks!r} epochs")
        return Duration.of_updates(Fraction(repr(ticks)) * (self.updates_per_epoch if self.step_on_epochs else 1))


DECAY_CURVES: Final = {
    "linear": curves.linear,
    "1-sqrt": curves.one_minus_sqrt,
    "cosine": curves.cosine,
    "power": curves.one_minus_sqrt,  # its exponent is always 0.5
    "exp": curves.exponential(0.1),
}
"""The decays of `wsd` and `rsqrt`."""


def curve_after_warmup(arguments: TimmArguments) -> Schedule:
    """Return the schedule without its warmup."""
    if arguments.sched in CYCLES:
        return _cycles(arguments)
    if arguments.sched in STABLE:
        return _stable_and_decay(arguments)
    if arguments.sched == "step":
        return _repeated_step(arguments)
    if arguments.sched == "multistep":
        # timm acts one count before a milestone. Without a warmup the first value of a run is always base.
        first = 0 if arguments.is_prefix and arguments.warmup else 1
        counts = [max(math.ceil(one * arguments.ticks_in_epoch - 1), first) for one in arguments.decay_milestones]
        return _steps_at(arguments, [count for count in counts if count < arguments.run])
    return constant()


def _steps_at(arguments: TimmArguments, counts: Sequence[int]) -> Schedule:
    """Return a schedule that multiplies by the decay rate at each of these counts."""
    return multistep(tuple(map(arguments.length, counts)), float(arguments.decay_rate)) if counts else constant()


def changes_between_epochs_only(arguments: TimmArguments) -> bool:
    """Return whether the curve is constant within each epoch."""
    whole = arguments.sched != "step" or float(arguments.epochs_of_decay).is_integer()
    return arguments.sched not in (*CYCLES, *STABLE) and whole


def _cycles(arguments: TimmArguments) -> Schedule:
    """Return one or more decays, then the floor."""
    run = arguments.length(arguments.run)
    if arguments.cycle_limit == 1:
        whole = _one_decay(arguments, run)
    else:
        one = _one_decay(arguments, None)
        whole = restarts(one, run, arguments.cycle_limit, arguments.cycle_mul, arguments.cycle_decay)
    if arguments.sched != "tanh":
        return whole
    whole = whole >> constant(arguments.floor)  # tanh approaches the floor without reaching it
    if arguments.warmup:
        return whole
    # Without a warmup the first value of a run is base, and tanh starts below base.
    tick = arguments.length(1)
    return constant(1.0, tick) >> skip(whole, tick)


def _one_decay(arguments: TimmArguments, over: DurationLike | None) -> Schedule:
    """Return the decay of one cycle."""
    if arguments.sched == "tanh":
        return tanh(to=arguments.floor, over=over)
    k, power = float(arguments.k_decay), float(arguments.decay_rate)
    if arguments.sched == "cosine":
        curve: curves.Curve = curves.cosine if k == 1 else curves.cosine_k_decay(k)
    elif k != 1:
        curve = curves.polynomial_k_decay(power, k)
    else:
        curve = curves.linear if power == 1 else curves.polynomial(power)
    return anneal(1.0, arguments.floor, over, curve)


def _stable_and_decay(arguments: TimmArguments) -> Schedule:
    """Return base or its inverse square root, then the decay, which multiplies it; clamped to the floor."""
    stable, decay = arguments.stable_and_decay - arguments.decay, arguments.length(arguments.decay)
    curve = DECAY_CURVES[arguments.decay_fn or ("linear" if arguments.sched == "rsqrt" else "1-sqrt")]
    if arguments.sched == "wsd":
        return _after_stable(1.0, anneal(1.0, arguments.floor, decay, curve), stable, arguments)
    timescale = (
        arguments.warmup
        if arguments.stable_timescale is None
        else arguments.stable_timescale * arguments.ticks_in_epoch
    )
    root = inverse_sqrt(arguments.length(timescale))
    falling = root * _after_stable(1.0, anneal(1.0, 0.0, decay, curve), stable, arguments)
    if not arguments.floor:
        return falling
    rising = _after_stable(0.0, anneal(0.0, arguments.floor, decay, curve), stable, arguments)
    return clamp(falling + rising, low=arguments.floor)


def _after_stable(level: float, decay: Schedule, ticks: int, arguments: TimmArguments) -> Schedule:
    return constant(level, arguments.length(ticks)) >> decay if ticks else decay


def _repeated_step(arguments: TimmArguments) -> Schedule:
    """Return a schedule that multiplies by the decay rate every `decay_epochs`, which may be fractional.

    timm divides floats, which may round the end of a period into the previous period. If that happens in the run, each
    step is written separately. Integer periods are never rounded.
    """
    exact, rate = arguments.step_period, float(arguments.decay_rate)
    if exact.denominator > 1:
        ticks = np.arange(arguments.run)
        steps = (ticks // (arguments.epochs_of_decay * arguments.ticks_in_epoch)).astype(np.int64)
        if not np.array_equal(steps, ticks * exact.denominator // exact.numerator):
            return _steps_at(arguments, np.repeat(ticks[1:], np.diff(steps)).tolist())
    return step(
        arguments.length(arguments.epochs_of_decay) if arguments.step_on_epochs else Duration.of_updates(exact), rate
    )
