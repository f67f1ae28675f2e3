"""The arguments of timm's `create_scheduler_v2`, and what each of its schedulers is behind its warmup."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Final, final

import numpy as np

from paramsched import curves
from paramsched.config.peer_arguments import level_of_value
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
SCHEDULERS: Final = (*CYCLES, "step", "multistep", *STABLE, "constant", "plateau", "none")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TimmArguments:
    """Arguments that were checked. Their meaning and their defaults are timm's; `eval_metric` is one of its script.

    With `in_updates` the plan's lengths are updates: an epoch has `updates_per_epoch` of them, which no calendar knows.
    """

    sched: str = "cosine"
    num_epochs: int = 300
    decay_epochs: float = 90
    decay_milestones: tuple[float, ...] = (90, 180, 270)
    cooldown_epochs: int = 0
    patience_epochs: int = 10
    decay_rate: float = 0.1
    min_lr: float = 0.0
    warmup_lr: float = 1e-5
    warmup_epochs: int = 0
    warmup_prefix: bool = False
    noise: float | tuple[float, ...] | None = None
    noise_pct: float = 0.67
    noise_std: float = 1.0
    noise_seed: int = 42
    cycle_mul: float = 1.0
    cycle_decay: float = 0.1
    cycle_limit: int = 1
    k_decay: float = 1.0
    decay_fn: str | None = None
    stable_timescale: float | None = None
    plateau_mode: str = "max"
    step_on_epochs: bool = True
    updates_per_epoch: int = 0
    eval_metric: str | None = None
    in_updates: bool = False

    @property
    def ticks_in_epoch(self) -> int:
        """What the scheduler counts, epochs or updates, in an epoch."""
        return 1 if self.step_on_epochs else self.updates_per_epoch

    @property
    def step_period(self) -> Fraction:
        """`decay_epochs` in its counts, as it is written."""
        return Fraction(repr(self.decay_epochs)) * self.ticks_in_epoch

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
        share = 0 < self.decay_epochs < 1
        return round(self.decay_epochs * (self.stable_and_decay if share else self.ticks_in_epoch))

    @property
    def is_prefix(self) -> bool:
        """Whether the warmup stands before the curve, and not over its begin."""
        return self.warmup_prefix or self.sched in STABLE

    @property
    def floor(self) -> Level:
        """`min_lr` as a level."""
        return level_of_value(self.min_lr)

    def length(self, ticks: float) -> Duration:
        """So many counts as a length of a plan."""
        if self.step_on_epochs and not self.in_updates:
            return Duration.of(f"{ticks!r} epochs")
        return Duration.of_updates(Fraction(repr(ticks)) * (self.updates_per_epoch if self.step_on_epochs else 1))


DEFAULTS: Final[Mapping[str, Any]] = {
    **{one.name: one.default for one in fields(TimmArguments) if one.name != "in_updates"},
    "decay_epochs": None,  # it hangs on the scheduler
}
"""The arguments, and what timm takes where one is missing."""

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
        return _even_stairs(given)
    if given.sched == "multistep":
        return _at_milestones(given)
    return constant()


def changes_between_epochs_only(given: TimmArguments) -> bool:
    """Whether the curve stands still within an epoch as it is."""
    whole = given.sched != "step" or float(given.decay_epochs).is_integer()
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


def _at_milestones(given: TimmArguments) -> Schedule:
    """timm acts one count before a milestone."""
    # The first value of a run without a warmup is base in any case.
    first = 0 if given.is_prefix and given.warmup else 1
    counts = [max(math.ceil(one * given.ticks_in_epoch - 1), first) for one in given.decay_milestones]
    times = tuple(given.length(count) for count in counts if count < given.run)
    return multistep(times, float(given.decay_rate)) if times else constant()


def _even_stairs(given: TimmArguments) -> Schedule:
    """A factor every `decay_epochs`, which may be parts of epochs.

    timm divides floats, which may round a whole number of periods into the one before; where that happens in the run,
    its steps are written one by one. Periods of whole counts are never rounded.
    """
    exact, rate = given.step_period, float(given.decay_rate)
    if exact.denominator > 1:
        ticks = np.arange(given.run)
        steps = (ticks // (given.decay_epochs * given.ticks_in_epoch)).astype(np.int64)
        if not np.array_equal(steps, ticks * exact.denominator // exact.numerator):
            times = np.repeat(ticks[1:], np.diff(steps))
            return multistep(tuple(given.length(int(t)) for t in times), rate)
    return step(given.length(given.decay_epochs) if given.step_on_epochs else _exact_updates(exact), rate)


def _exact_updates(exact: Fraction) -> DurationLike:
    return f"{exact} steps" if exact.denominator > 1 else int(exact)
