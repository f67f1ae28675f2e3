"""Composer's schedulers and llm-foundry's: their arguments, and the schedule that each of them makes."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from paramsched.base.diagnostic import child_path
from paramsched.config.arguments import WrongValue, argument, argument_table
from paramsched.peers.composer.times import ComposerTime, TimesInRun, composer_time
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


def _time(default: str | None = None, example: str = "100ba") -> Any:
    """The field of a time; without a default it is required."""
    row = {"parse": composer_time, "example": example}
    return argument(**row) if default is None else argument(default, **row)


@argument_table
class _Step:
    step_size: ComposerTime = _time()
    gamma: float = argument(0.1, above=0)

    def schedule(self, times: TimesInRun) -> Schedule:
        size = times.period("step_size", self.step_size)
        return _UNSAID if size is None else step(size.duration, self.gamma)


@argument_table
class _MultiStep:
    milestones: list[Any] = argument(example=["30ep", "60ep"])
    gamma: float = argument(0.1, above=0)

    def schedule(self, times: TimesInRun) -> Schedule:
        found = []
        for index, value in enumerate(self.milestones):
            try:
                time = times.converted("milestones", composer_time(value), index)
            except WrongValue as wrong:
                path = child_path(times.path, "milestones", index)
                times.faults.add(path, str(wrong), f'Write "{wrong.example or "100ba"}"', code=wrong.code)
            else:
                found += [] if time is None else [time.duration]
        return multistep(tuple(found), self.gamma) if found else constant()


@argument_table
class _Constant:
    alpha: float = argument(1.0)
    t_max: ComposerTime = _time("1dur", "1dur")

    def schedule(self, times: TimesInRun) -> Schedule:
        end = times.end(self.t_max)
        if end is None or times.run.covers(end):
            return constant(self.alpha)
        return constant(self.alpha, end.duration) >> constant()


@argument_table
class _Curve:
    """What all schedulers take that end at `alpha_f`."""

    alpha_f: float = argument(0.0)
    t_max: ComposerTime = _time("1dur", "1dur")


@argument_table
class _Linear(_Curve):
    alpha_i: float = argument(1.0)

    def schedule(self, times: TimesInRun) -> Schedule:
        return linear(self.alpha_i, self.alpha_f, times.curve_length(self.t_max))


@argument_table
class _Exponential:
    gamma: float = argument(above=0, example=0.1)
    decay_period: ComposerTime = _time("1ep", "1ep")

    def schedule(self, times: TimesInRun) -> Schedule:
        period = times.period("decay_period", self.decay_period)
        return _UNSAID if period is None else exponential(self.gamma, period.duration)


@argument_table
class _CosineAnnealing(_Curve):
    def schedule(self, times: TimesInRun) -> Schedule:
        return cosine(to=self.alpha_f, over=times.curve_length(self.t_max))


@argument_table
class _WarmRestarts:
    t_0: ComposerTime = _time()
    t_mult: float = argument(1.0)
    alpha_f: float = argument(0.0)

    def schedule(self, times: TimesInRun) -> Schedule:
        """Cosine cycles whose lengths are rounded down, each before the next one grows."""
        first, mult = times.period("t_0", self.t_0), self.t_mult
        if mult < 1:
            found = "cycles would shrink to nothing, which Composer refuses when they do"
            times.fault("t_mult", found, "Write t_mult: 1")
        if first is None or mult < 1:
            return _UNSAID
        size = first.amount if first.unit != "ep" else first.amount * (times.run.batches or 0)
        stands_still = bool(size) and int(mult * size) == size
        return cosine_restarts(first.duration, 1.0 if stands_still else mult, self.alpha_f, lengths="floor")


@argument_table
class _Polynomial(_Curve):
    power: float = argument(above=0, example=2.0)

    def schedule(self, times: TimesInRun) -> Schedule:
        return polynomial(self.power, to=self.alpha_f, over=times.curve_length(self.t_max))


@argument_table
class _Warmup:
    """What all schedulers with a warmup take."""

    t_warmup: ComposerTime = _time()
    scale_warmup: bool = argument(False)

    def warmed_up(
        self, times: TimesInRun, t_max: ComposerTime, top: float, rest: Callable[[Duration | None], Schedule]
    ) -> Schedule:
        """A line from 0 in `t_warmup`, then the rest of `t_max`."""
        warm, end = times.converted("t_warmup", self.t_warmup, scaled=False), times.curve_end(t_max)
        if warm is None:
            return _UNSAID
        _check_clocks(times, warm, end, t_max)
        ramp = self.ramp(times, warm, top)
        if ramp is None:
            return rest(None if end is None else end.duration)
        whole = times.run.longest if end is None else end
        if whole is not None and times.run.compared(warm, whole) in (0, 1):
            return ramp
        return ramp >> rest(None if end is None else end.duration - warm.duration)

    def ramp(self, times: TimesInRun, warm: ComposerTime, top: float) -> Schedule | None:
        """The warmup; None where there is none.

        With `scale_warmup` the line is scaled, and the time at which the rest begins is not.
        """
        if not warm.amount:
            return None
        scales = self.scale_warmup and times.run.ratio != 1
        scaled = times.converted("t_warmup", self.t_warmup) if scales else warm
        if scaled is None or scaled == warm:
            return warmup(warm.duration, to=top)
        if not scaled.amount:
            times.fault("t_warmup", "scaled it is a length of nothing", "Write scale_warmup: false")
            return None
        if times.run.ratio > 1:
            return take(warmup(scaled.duration, to=top), warm.duration)
        return warmup(scaled.duration, to=top) >> constant(top, warm.duration - scaled.duration)


def _check_clocks(times: TimesInRun, warm: ComposerTime, end: ComposerTime | None, t_max: ComposerTime) -> None:
    """What Composer asserts: one clock for the warmup and `t_max`, which is as long as the run."""
    if times.wrong & {"t_warmup", "t_max"}:
        return
    run = times.run
    whole = run.longest if end is None else end
    if whole is not None and warm.clock != whole.clock:
        found = f"it counts {warm.clock}, and t_max counts {whole.clock}"
        times.fault("t_warmup", found, f'Write t_warmup: "100{whole.clock}"')
    # Composer asks when it builds the scheduler too, before it scales max_duration.
    for longest in (run.longest, None if t_max.unit == "dur" else run.unscaled):
        if end is not None and longest is not None and run.compared(end, longest) == -1:
            times.fault("t_max", f"{end} is shorter than the run, {longest}", 'Write t_max: "1dur"')
            return


@argument_table
class _MultiStepWithWarmup(_Warmup, _MultiStep):
    def schedule(self, times: TimesInRun) -> Schedule:
        """The warmup lies over the stairs, whose milestones are times of the run."""
        stairs = _MultiStep.schedule(self, times)
        warm = times.converted("t_warmup", self.t_warmup, scaled=False)
        ramp = None if warm is None else self.ramp(times, warm, 1.0)
        if warm is None or ramp is None:
            return stairs
        return ramp if times.run.covers(warm) else ramp >> skip(stairs, warm.duration)


@argument_table
class _ConstantWithWarmup(_Warmup, _Constant):
    def schedule(self, times: TimesInRun) -> Schedule:
        """Unlike `ConstantScheduler` it stays at `alpha` after `t_max`."""
        return self.warmed_up(times, self.t_max, self.alpha, lambda _: constant(self.alpha))


@argument_table
class _LinearWithWarmup(_Warmup, _Linear):
    def schedule(self, times: TimesInRun) -> Schedule:
        return self.warmed_up(times, self.t_max, self.alpha_i, partial(linear, self.alpha_i, self.alpha_f))


@argument_table
class _CosineWithWarmup(_Warmup, _Curve):
    def schedule(self, times: TimesInRun) -> Schedule:
        return self.warmed_up(times, self.t_max, 1.0, partial(cosine, 1.0, self.alpha_f))


@argument_table
class _PolynomialWithWarmup(_Warmup, _Curve):
    power: float = argument(2.0, above=0)

    def schedule(self, times: TimesInRun) -> Schedule:
        return self.warmed_up(times, self.t_max, 1.0, partial(polynomial, self.power, 1.0, self.alpha_f))


@argument_table
class _InverseSquareRoot:
    t_warmup: ComposerTime = _time()
    t_scale: ComposerTime = _time()
    t_cooldown: ComposerTime = _time()
    t_max: ComposerTime = _time("1dur", "1dur")
    alpha_f_decay: float = argument(0.0)
    alpha_f_cooldown: float = argument(0.0)

    def schedule(self, times: TimesInRun) -> Schedule:
        """llm-foundry's inverse root towards `alpha_f_decay`, then a line."""
        self._check(times)
        if times.faults.count:
            return _UNSAID
        run, decay, last = times.run, self.alpha_f_decay, self.alpha_f_cooldown
        warm = times.converted("t_warmup", self.t_warmup, scaled=False)
        cool = times.converted("t_cooldown", self.t_cooldown)
        scale, end = times.period("t_scale", self.t_scale), times.end(self.t_max)
        if warm is None or scale is None or cool is None:
            return _UNSAID
        falling: Schedule = inverse_sqrt(scale.duration)
        if decay:
            falling = decay + (1.0 - decay) * falling
        whole = run.longest if end is None else end
        ramp = warmup(warm.duration) if warm.amount else None
        if whole is not None and run.compared(_together(times, warm, cool), whole) in (0, 1):
            down = linear(1.0, last, cool.duration) if cool.amount else constant()
            return down if ramp is None else ramp >> down
        if end is not None:
            falling = take(falling, end.duration - cool.duration - warm.duration)
        stages = falling >> linear(previous, last, cool.duration) if cool.amount else falling
        return stages if ramp is None else ramp >> stages

    def _check(self, times: TimesInRun) -> None:
        decay, last, run = self.alpha_f_decay, self.alpha_f_cooldown, times.run.unscaled
        if decay < last and not times.wrong & {"alpha_f_decay", "alpha_f_cooldown"}:
            times.fault("alpha_f_decay", f"{decay:g} is below alpha_f_cooldown, {last:g}", "Write alpha_f_cooldown: 0")
        for name, time in (("t_warmup", self.t_warmup), ("t_scale", self.t_scale), ("t_cooldown", self.t_cooldown)):
            if name not in times.wrong and (time.unit == "dur" or (run is not None and time.unit != run.unit)):
                found = f"{time}: llm-foundry wants the unit of max_duration"
                times.fault(name, found, f'Write {name}: "100{"tok" if run is None else run.unit}"')


def _together(times: TimesInRun, one: ComposerTime, other: ComposerTime) -> ComposerTime:
    if one.unit != other.unit:
        one, other = times.run.in_batches(one), times.run.in_batches(other)
    return ComposerTime(one.amount + other.amount, one.unit)


SCHEDULERS: Final[Mapping[str, Any]] = {
    "StepScheduler": _Step,
    "MultiStepScheduler": _MultiStep,
    "ConstantScheduler": _Constant,
    "LinearScheduler": _Linear,
    "ExponentialScheduler": _Exponential,
    "CosineAnnealingScheduler": _CosineAnnealing,
    "CosineAnnealingWarmRestartsScheduler": _WarmRestarts,
    "PolynomialScheduler": _Polynomial,
    "MultiStepWithWarmupScheduler": _MultiStepWithWarmup,
    "ConstantWithWarmupScheduler": _ConstantWithWarmup,
    "LinearWithWarmupScheduler": _LinearWithWarmup,
    "CosineAnnealingWithWarmupScheduler": _CosineWithWarmup,
    "PolynomialWithWarmupScheduler": _PolynomialWithWarmup,
    "InverseSquareRootWithWarmupScheduler": _InverseSquareRoot,
}
"""The arguments of each class, which make its schedule."""

NAMES: Final[Mapping[str, str]] = {
    **{name: name for name in SCHEDULERS},
    **{name.removesuffix("Scheduler"): name for name in SCHEDULERS},
    "constant_with_warmup": "ConstantWithWarmupScheduler",
    "linear_decay_with_warmup": "LinearWithWarmupScheduler",
    "cosine_with_warmup": "CosineAnnealingWithWarmupScheduler",
    "inv_sqrt_with_warmup": "InverseSquareRootWithWarmupScheduler",
}
"""The names of the schedulers, with those of llm-foundry; and the class of each."""
