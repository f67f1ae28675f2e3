"""Composer's schedulers and llm-foundry's: their names, their arguments, and the schedule each of them is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, final

from paramsched.config.dialects.composer.times import ComposerTime, SchedulerArguments
from paramsched.schedules import (
    Schedule,
    constant,
    cosine,
    cosine_restarts,
    exponential,
    inverse_sqrt,
    linear,
    multistep,
    polynomial,
    previous,
    skip,
    step,
    take,
    warmup,
)
from paramsched.time import Duration

_UNSAID: Final = constant()  # stands for a scheduler with a fault


@final
@dataclass(frozen=True, slots=True)
class _ComposerRow:
    """The names of a scheduler's arguments, what it is, and what llm-foundry calls it, where it does."""

    arguments: tuple[str, ...]
    schedule: Callable[[SchedulerArguments], Schedule]
    registered: str = ""


def _even_steps(given: SchedulerArguments) -> Schedule:
    size, gamma = given.period("step_size"), given.number("gamma", 0.1, above=0)
    return _UNSAID if size is None else step(size.duration, gamma)


def _steps_at(given: SchedulerArguments) -> Schedule:
    times, gamma = given.times("milestones"), given.number("gamma", 0.1, above=0)
    return multistep(tuple(time.duration for time in times), gamma) if times else constant()


def _level_for_a_while(given: SchedulerArguments) -> Schedule:
    alpha, end = given.number("alpha", 1.0), given.end()
    if end is None or given.run.covers(end):
        return constant(alpha)
    return constant(alpha, end.duration) >> constant()


def _same_ratio(given: SchedulerArguments) -> Schedule:
    period, gamma = given.period("decay_period", "1ep"), given.number("gamma", None, above=0)
    return _UNSAID if period is None else exponential(gamma, period.duration)


def _begun_again(given: SchedulerArguments) -> Schedule:
    """Cosine cycles whose lengths are rounded down, each before the next one grows."""
    first, mult, floor = given.period("t_0"), given.number("t_mult", 1.0), given.number("alpha_f", 0.0)
    if mult < 1:
        given.fault("t_mult", "cycles would shrink to nothing, which Composer refuses when they do", "Write t_mult: 1")
    if first is None or mult < 1:
        return _UNSAID
    size = first.amount if first.unit != "ep" else first.amount * (given.run.batches or 0)
    stands_still = bool(size) and int(mult * size) == size
    return cosine_restarts(first.duration, 1.0 if stands_still else mult, floor, lengths="floor")


def _warm_steps(given: SchedulerArguments) -> Schedule:
    """The warmup lies over the stairs, whose milestones are times of the run."""
    stairs, warm = _steps_at(given), given.time("t_warmup", scaled=False)
    ramp = None if warm is None else _ramp(given, warm, 1.0)
    if warm is None or ramp is None:
        return stairs
    return ramp if given.run.covers(warm) else ramp >> skip(stairs, warm.duration)


def _warmed_up(given: SchedulerArguments, top: float, behind: Callable[[Duration | None], Schedule]) -> Schedule:
    """A line from 0 in `t_warmup`, then the rest of `t_max`."""
    warm, end = given.time("t_warmup", scaled=False), given.curve_end()
    if warm is None:
        return _UNSAID
    _check_clocks(given, warm, end)
    ramp = _ramp(given, warm, top)
    if ramp is None:
        return behind(None if end is None else end.duration)
    whole = given.run.longest if end is None else end
    if whole is not None and given.run.compared(warm, whole) in (0, 1):
        return ramp
    return ramp >> behind(None if end is None else end.duration - warm.duration)


def _check_clocks(given: SchedulerArguments, warm: ComposerTime, end: ComposerTime | None) -> None:
    """What Composer asserts: one clock for the warmup and `t_max`, which is as long as the run."""
    run = given.run
    whole = run.longest if end is None else end
    if whole is not None and warm.clock != whole.clock:
        found = f"it counts {warm.clock}, and t_max counts {whole.clock}"
        given.fault("t_warmup", found, f'Write t_warmup: "100{whole.clock}"')
    # Composer asks when it builds the scheduler too, before it scales max_duration.
    of_run = str(given.values.get("t_max", "1dur")).lower().endswith("dur")
    for longest in (run.longest, None if of_run else run.unscaled):
        if end is not None and longest is not None and run.compared(end, longest) == -1:
            given.fault("t_max", f"{end} is shorter than the run, {longest}", 'Write t_max: "1dur"')
            return


def _ramp(given: SchedulerArguments, warm: ComposerTime, top: float) -> Schedule | None:
    """The warmup; None where there is none.

    With `scale_warmup` the line is scaled, and the time at which the rest begins is not.
    """
    if not warm.amount:
        return None
    scaled = given.time("t_warmup") if given.flag("scale_warmup") and given.run.ratio != 1 else warm
    if scaled is None or scaled == warm:
        return warmup(warm.duration, to=top)
    if not scaled.amount:
        given.fault("t_warmup", "scaled it is a length of nothing", "Write scale_warmup: false")
        return None
    if given.run.ratio > 1:
        return take(warmup(scaled.duration, to=top), warm.duration)
    return warmup(scaled.duration, to=top) >> constant(top, warm.duration - scaled.duration)


def _warm_root(given: SchedulerArguments) -> Schedule:
    """llm-foundry's inverse root towards `alpha_f_decay`, then a line."""
    decay, last = given.number("alpha_f_decay", 0.0), given.number("alpha_f_cooldown", 0.0)
    if decay < last:
        given.fault("alpha_f_decay", f"{decay:g} is below alpha_f_cooldown, {last:g}", "Write alpha_f_cooldown: 0")
    for name in ("t_warmup", "t_scale", "t_cooldown"):
        written = given.written_time(name)
        run = given.run.unscaled
        if written is not None and (written.unit == "dur" or (run is not None and written.unit != run.unit)):
            unit = "tok" if run is None else run.unit
            given.fault(name, f"{written}: llm-foundry wants the unit of max_duration", f'Write {name}: "100{unit}"')
    if given.faults.count:
        return _UNSAID
    warm, cool = given.time("t_warmup", scaled=False), given.time("t_cooldown")
    scale, end = given.period("t_scale"), given.end()
    if warm is None or scale is None or cool is None:
        return _UNSAID
    falling: Schedule = inverse_sqrt(scale.duration)
    if decay:
        falling = decay + (1.0 - decay) * falling
    whole = given.run.longest if end is None else end
    ramp = _ramp(given, warm, 1.0)
    if whole is not None and given.run.compared(_together(given, warm, cool), whole) in (0, 1):
        down = linear(1.0, last, cool.duration) if cool.amount else constant()
        return down if ramp is None else ramp >> down
    if end is not None:
        falling = take(falling, end.duration - cool.duration - warm.duration)
    stages = falling >> linear(previous, last, cool.duration) if cool.amount else falling
    return stages if ramp is None else ramp >> stages


def _together(given: SchedulerArguments, one: ComposerTime, other: ComposerTime) -> ComposerTime:
    if one.unit != other.unit:
        one, other = given.run.in_batches(one), given.run.in_batches(other)
    return ComposerTime(one.amount + other.amount, one.unit)


_WARM: Final = ("t_warmup", "scale_warmup")

SCHEDULERS: Final[Mapping[str, _ComposerRow]] = {
    "StepScheduler": _ComposerRow(("step_size", "gamma"), _even_steps),
    "MultiStepScheduler": _ComposerRow(("milestones", "gamma"), _steps_at),
    "ConstantScheduler": _ComposerRow(("alpha", "t_max"), _level_for_a_while),
    "LinearScheduler": _ComposerRow(
        ("alpha_i", "alpha_f", "t_max"),
        lambda given: linear(given.number("alpha_i", 1.0), given.number("alpha_f", 0.0), given.curve_length()),
    ),
    "ExponentialScheduler": _ComposerRow(("gamma", "decay_period"), _same_ratio),
    "CosineAnnealingScheduler": _ComposerRow(
        ("t_max", "alpha_f"), lambda given: cosine(to=given.number("alpha_f", 0.0), over=given.curve_length())
    ),
    "CosineAnnealingWarmRestartsScheduler": _ComposerRow(("t_0", "t_mult", "alpha_f"), _begun_again),
    "PolynomialScheduler": _ComposerRow(
        ("power", "t_max", "alpha_f"),
        lambda given: polynomial(
            given.number("power", None, above=0), to=given.number("alpha_f", 0.0), over=given.curve_length()
        ),
    ),
    "MultiStepWithWarmupScheduler": _ComposerRow((*_WARM, "milestones", "gamma"), _warm_steps),
    # Unlike `ConstantScheduler` it stays at `alpha` behind `t_max`.
    "ConstantWithWarmupScheduler": _ComposerRow(
        (*_WARM, "alpha", "t_max"),
        lambda given: _warmed_up(given, top := given.number("alpha", 1.0), lambda _: constant(top)),
        "constant_with_warmup",
    ),
    "LinearWithWarmupScheduler": _ComposerRow(
        (*_WARM, "alpha_i", "alpha_f", "t_max"),
        lambda given: _warmed_up(
            given, top := given.number("alpha_i", 1.0), partial(linear, top, given.number("alpha_f", 0.0))
        ),
        "linear_decay_with_warmup",
    ),
    "CosineAnnealingWithWarmupScheduler": _ComposerRow(
        (*_WARM, "t_max", "alpha_f"),
        lambda given: _warmed_up(given, 1.0, partial(cosine, 1.0, given.number("alpha_f", 0.0))),
        "cosine_with_warmup",
    ),
    "PolynomialWithWarmupScheduler": _ComposerRow(
        (*_WARM, "power", "t_max", "alpha_f"),
        lambda given: _warmed_up(
            given,
            1.0,
            partial(polynomial, given.number("power", 2.0, above=0), 1.0, given.number("alpha_f", 0.0)),
        ),
    ),
    "InverseSquareRootWithWarmupScheduler": _ComposerRow(
        ("t_warmup", "t_scale", "t_cooldown", "t_max", "alpha_f_decay", "alpha_f_cooldown"),
        _warm_root,
        "inv_sqrt_with_warmup",
    ),
}
"""All schedulers by the name of their class."""

NAMES: Final[Mapping[str, str]] = {
    **{name: name for name in SCHEDULERS},
    **{name.removesuffix("Scheduler"): name for name in SCHEDULERS},
    **{row.registered: name for name, row in SCHEDULERS.items() if row.registered},
}
"""What a scheduler may be called, and its class."""
