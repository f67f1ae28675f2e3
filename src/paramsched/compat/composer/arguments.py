"""Tables of Composer's and llm-foundry's schedulers: their arguments and times, and the schedule of each."""

import math
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any, Final, final

from paramsched.core.base.codes import MISSING_FACT, REFUSED_VALUE
from paramsched.core.base.diagnostic import child_path
from paramsched.core.files.arguments import argument, argument_table, is_count, table_named, wrong_value
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.core.schedules import (
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
from paramsched.core.time import Duration
from paramsched.errors import InvalidArgument

UNITS_OF_TIMES: Final = {"ep": "epochs", "ba": "updates", "sp": "samples", "tok": "tokens"}
"""Composer's units and those of a plan; a batch of Composer is an update."""

_TIME: Final = re.compile(r"(.+?)(iter|ep|ba|sp|tok|dur|sec)", re.IGNORECASE)
_WALL_CLOCK: Final = re.compile(r"(\d+h)?(\d+m)?(\d+s)?")
_MAX_AMOUNT: Final = 10**18
_MANY: Final = 10**8
"""A number without a unit that is not less than this one is hardly a number of batches."""
_NO_TIMES: Final = {
    "sec": "Composer's schedulers do not accept wall-clock times",
    "iter": "a plan has no unit for iterations, whose length depends on the run",
}


@final
@dataclass(frozen=True, slots=True)
class ComposerTime:
    """An amount of epochs `ep`, batches `ba`, samples `sp` or tokens `tok`, or a fraction `dur` of the run."""

    amount: int | float
    unit: str

    @property
    def duration(self) -> Duration:
        """The time as a length of a plan."""
        return Duration(((UNITS_OF_TIMES[self.unit], Fraction(self.amount)),) if self.amount else ())

    @property
    def clock(self) -> str:
        """The unit of the clock that counts this time; epochs are counted in batches."""
        return "ba" if self.unit == "ep" else self.unit

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"


def composer_time(value: Any) -> ComposerTime:
    """Read a time that a plan can express, or raise `wrong_value(…)`."""
    shown = short_json(value)
    if not isinstance(value, str):
        unit = "tok" if is_count(value, _MANY) else "ba"
        example = f"{int(value)}{unit}" if is_count(value, 1) else None
        raise wrong_value(f"expected a time, got {shown}", example=example)
    found = _TIME.fullmatch(value)
    unit = "sec" if value and _WALL_CLOCK.fullmatch(value) else found[2].lower() if found else ""
    if unit in _NO_TIMES:
        raise wrong_value(f"{shown}: {_NO_TIMES[unit]}", code=REFUSED_VALUE)
    try:
        amount = float(found[1]) if found else math.nan
    except ValueError:
        amount = math.nan
    if not 0 <= amount <= _MAX_AMOUNT:
        raise wrong_value(f"expected a time in ep, ba, sp, tok or dur, got {shown}")
    if unit != "dur" and amount != int(amount):
        whole = f"{int(amount) + 1}{unit}"
        raise wrong_value(f"expected an integer number of {unit}, got {shown}", code=REFUSED_VALUE, example=whole)
    return ComposerTime(amount if unit == "dur" else int(amount), unit)


@final
@dataclass(frozen=True, slots=True)
class ComposerRun:
    """The settings of a run that determine the meaning of times.

    Args:
        longest: `max_duration`, scaled; None if it is unknown.
        unscaled: `max_duration` as written.
        ratio: `scale_schedule_ratio`.
        batches: updates per epoch; None if unknown.
    """

    longest: ComposerTime | None
    unscaled: ComposerTime | None
    ratio: float
    batches: int | None

    def compared(self, time: ComposerTime, other: ComposerTime) -> int | None:
        """Return -1 if a time is shorter than another, 0 if equal, 1 if longer, and None if that is unknown."""
        time, other = self.in_batches(time), self.in_batches(other)
        if time.unit != other.unit:
            return None
        return (time.amount > other.amount) - (time.amount < other.amount)

    def covers(self, time: ComposerTime) -> bool:
        """Return whether a time is known to be at least as long as the run."""
        return self.longest is not None and self.compared(time, self.longest) in (0, 1)

    def in_batches(self, time: ComposerTime) -> ComposerTime:
        """Convert epochs to batches if the length of an epoch is known."""
        if time.unit != "ep" or self.batches is None:
            return time
        return ComposerTime(int(time.amount) * self.batches, "ba")


_WHOLE_RUN = ComposerTime(1.0, "dur")


@final
@dataclass(frozen=True, slots=True)
class TimesInRun:
    """The times of one scheduler in its run.

    Args:
        run: the run.
        path: the config path of the scheduler's arguments.
        diagnostics: receives the errors.
        wrong: the arguments that are invalid or missing and have a placeholder value.
        clocks: the units that the times count: `ba`, `sp`, `tok`.
    """

    run: ComposerRun
    path: str
    diagnostics: DiagnosticCollector
    wrong: Set[str]
    clocks: set[str] = field(default_factory=set)

    def report(self, name: str, found: str, instead: str = "") -> None:
        self.diagnostics.add(child_path(self.path, name), found, instead, code=REFUSED_VALUE)

    def converted(self, name: str, time: ComposerTime, *keys: int, scaled: bool = True) -> ComposerTime | None:
        """Convert a time to batches, samples or tokens, rounded down as in Composer; return None if that fails.

        Times that are an integer number of epochs stay in epochs.
        """
        path, run = child_path(self.path, name, *keys), self.run
        ratio = run.ratio if scaled else 1.0
        unit, factor, what = time.unit, ratio, f"{time} times {ratio:g}"
        if time.unit == "dur":  # a fraction of the run, which is scaled already
            if run.longest is None:
                missing = f"{time} is a fraction of the run, whose length is unknown"
                self.diagnostics.add(path, missing, 'For example: max_duration: "10ep"', code=MISSING_FACT)
                return None
            unit, factor, what = run.longest.unit, run.longest.amount, f"{time} of {run.longest}"
        epochs = Fraction(time.amount) * Fraction(factor)
        if unit != "ep":
            found = ComposerTime(int(time.amount * factor), unit)
        elif epochs.denominator == 1:
            found = ComposerTime(int(epochs), "ep")
        elif run.batches is not None:
            found = ComposerTime(int(time.amount * run.batches * factor), "ba")
        else:
            missing = f"{what} is rounded to batches, and the number of batches per epoch is unknown"
            instead = "Pass a calendar with steps_per_epoch (on the command line: --steps-per-epoch), or write ba"
            self.diagnostics.add(path, missing, instead, code=MISSING_FACT)
            return None
        self.clocks.add(found.clock)
        return found

    def period(self, name: str, written: ComposerTime) -> ComposerTime | None:
        """Convert a time that must be greater than 0."""
        found = self.converted(name, written)
        if found is not None and not found.amount:
            self.report(name, f"{name} must be greater than 0", f'For example: {name}: "1ba"')
            return None
        return found

    def end(self, t_max: ComposerTime) -> ComposerTime | None:
        """Return `t_max`, at which a scheduler ends, as a converted time; None if it is the end of the run."""
        longest = self.run.longest
        if t_max == _WHOLE_RUN:
            self.clocks.update([] if longest is None else [longest.clock])
            return None
        end = self.converted("t_max", t_max)
        if end is not None and longest is not None and self.run.compared(end, longest) == 0:
            return None
        return end

    def curve_end(self, t_max: ComposerTime) -> ComposerTime | None:
        """Return the result of `end` for a curve; report an error if `t_max` is 0."""
        found = self.end(t_max)
        if found is not None and not found.amount:
            self.report("t_max", "t_max must be greater than 0", 'For example: t_max: "1dur"')
        return found

    def curve_length(self, t_max: ComposerTime) -> Duration | None:
        """Return the result of `curve_end` as a length of a plan; None if the curve ends with the run."""
        end = self.curve_end(t_max)
        return None if end is None else end.duration


_PLACEHOLDER: Final = constant()  # the schedule of a scheduler with an error


def _time(default: str | None = None, example: str = "100ba") -> Any:
    """Return the dataclass field of an argument that is a time; without a default the argument is required."""
    row = {"parse": composer_time, "example": example}
    return argument(**row) if default is None else argument(default, **row)


SCHEDULERS: Final[dict[str, Any]] = {}
"""The table of each class by name."""


@table_named(SCHEDULERS, "StepScheduler")
class _Step:
    step_size: ComposerTime = _time()
    gamma: float = argument(0.1, above=0)

    def schedule(self, times: TimesInRun) -> Schedule:
        size = times.period("step_size", self.step_size)
        return _PLACEHOLDER if size is None else step(size.duration, self.gamma)


@table_named(SCHEDULERS, "MultiStepScheduler")
class _MultiStep:
    milestones: list[Any] = argument(example=["30ep", "60ep"])
    gamma: float = argument(0.1, above=0)

    def schedule(self, times: TimesInRun) -> Schedule:
        found = []
        for index, value in enumerate(self.milestones):
            try:
                time = times.converted("milestones", composer_time(value), index)
            except InvalidArgument as wrong:
                path = child_path(times.path, "milestones", index)
                times.diagnostics.add(
                    path,
                    wrong.found,
                    f'Write "{wrong.sample}"' if wrong.sample else 'For example: "100ba"',
                    code=wrong.code,
                )
            else:
                found += [] if time is None else [time.duration]
        return multistep(tuple(found), self.gamma) if found else constant()


@table_named(SCHEDULERS, "ConstantScheduler")
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
    """The common arguments of the schedulers that end at `alpha_f`."""

    alpha_f: float = argument(0.0)
    t_max: ComposerTime = _time("1dur", "1dur")


@table_named(SCHEDULERS, "LinearScheduler")
class _Linear(_Curve):
    alpha_i: float = argument(1.0)

    def schedule(self, times: TimesInRun) -> Schedule:
        return linear(self.alpha_i, self.alpha_f, times.curve_length(self.t_max))


@table_named(SCHEDULERS, "ExponentialScheduler")
class _Exponential:
    gamma: float = argument(above=0, example=0.1)
    decay_period: ComposerTime = _time("1ep", "1ep")

    def schedule(self, times: TimesInRun) -> Schedule:
        period = times.period("decay_period", self.decay_period)
        return _PLACEHOLDER if period is None else exponential(self.gamma, period.duration)


@table_named(SCHEDULERS, "CosineAnnealingScheduler")
class _CosineAnnealing(_Curve):
    def schedule(self, times: TimesInRun) -> Schedule:
        return cosine(to=self.alpha_f, over=times.curve_length(self.t_max))


@table_named(SCHEDULERS, "CosineAnnealingWarmRestartsScheduler")
class _WarmRestarts:
    t_0: ComposerTime = _time()
    t_mult: float = argument(1.0)
    alpha_f: float = argument(0.0)

    def schedule(self, times: TimesInRun) -> Schedule:
        """Return cosine cycles, with each length rounded down before the next one is computed."""
        first, mult = times.period("t_0", self.t_0), self.t_mult
        if mult < 1:
            found = "the cycles would shrink to a length of 0, for which Composer raises"
            times.report("t_mult", found, "For example: t_mult: 1")
        if first is None or mult < 1:
            return _PLACEHOLDER
        size = first.amount if first.unit != "ep" else first.amount * (times.run.batches or 0)
        constant_length = bool(size) and int(mult * size) == size
        return cosine_restarts(first.duration, 1.0 if constant_length else mult, self.alpha_f, lengths="floor")


@table_named(SCHEDULERS, "PolynomialScheduler")
class _Polynomial(_Curve):
    power: float = argument(above=0, example=2.0)

    def schedule(self, times: TimesInRun) -> Schedule:
        return polynomial(self.power, to=self.alpha_f, over=times.curve_length(self.t_max))


@argument_table
class _Warmup:
    """The common arguments of the schedulers with a warmup."""

    t_warmup: ComposerTime = _time()
    scale_warmup: bool = argument(False)

    def warmed_up(
        self, times: TimesInRun, t_max: ComposerTime, top: float, rest: Callable[[Duration | None], Schedule]
    ) -> Schedule:
        """Return a warmup from 0 over `t_warmup`, then `rest` over the remainder of `t_max`."""
        warm, end = times.converted("t_warmup", self.t_warmup, scaled=False), times.curve_end(t_max)
        if warm is None:
            return _PLACEHOLDER
        _check_clocks(times, warm, end, t_max)
        ramp = self.ramp(times, warm, top)
        if ramp is None:
            return rest(None if end is None else end.duration)
        last = times.run.longest if end is None else end
        if last is not None and times.run.compared(warm, last) in (0, 1):
            return ramp
        return ramp >> rest(None if end is None else end.duration - warm.duration)

    def ramp(self, times: TimesInRun, warm: ComposerTime, top: float) -> Schedule | None:
        """Return the warmup; None if its length is 0.

        `scale_warmup` changes the slope of the warmup, but not the time at which the next stage begins.
        """
        if not warm.amount:
            return None
        scaled = times.converted("t_warmup", self.t_warmup) if self.scale_warmup else warm
        if scaled is None or scaled == warm:
            return warmup(warm.duration, to=top)
        if not scaled.amount:
            times.report("t_warmup", "the scaled warmup must be greater than 0", "Use scale_warmup: false")
            return None
        if times.run.compared(scaled, warm) == 1:
            return take(warmup(scaled.duration, to=top), warm.duration)
        return warmup(scaled.duration, to=top) >> constant(top, warm.duration - scaled.duration)


def _check_clocks(times: TimesInRun, warm: ComposerTime, end: ComposerTime | None, t_max: ComposerTime) -> None:
    """Report errors that Composer raises: warmup and `t_max` on different clocks, `t_max` shorter than the run."""
    if times.wrong & {"t_warmup", "t_max"}:
        return
    run = times.run
    whole = run.longest if end is None else end
    if whole is not None and warm.clock != whole.clock:
        found = f"it counts {warm.clock}, and t_max counts {whole.clock}"
        times.report("t_warmup", found, f'For example: t_warmup: "100{whole.clock}"')
    # Composer checks this twice: with the scaled max_duration, and earlier with the unscaled one.
    for longest in (run.longest, None if t_max.unit == "dur" else run.unscaled):
        if end is not None and longest is not None and run.compared(end, longest) == -1:
            times.report("t_max", f"{end} is shorter than the run, {longest}", 'For example: t_max: "1dur"')
            return


@table_named(SCHEDULERS, "MultiStepWithWarmupScheduler")
class _MultiStepWithWarmup(_Warmup, _MultiStep):
    def schedule(self, times: TimesInRun) -> Schedule:
        """Return the warmup followed by the steps, whose milestones count from the start of the run."""
        stairs = _MultiStep.schedule(self, times)
        warm = times.converted("t_warmup", self.t_warmup, scaled=False)
        ramp = None if warm is None else self.ramp(times, warm, 1.0)
        if warm is None or ramp is None:
            return stairs
        return ramp if times.run.covers(warm) else ramp >> skip(stairs, warm.duration)


@table_named(SCHEDULERS, "ConstantWithWarmupScheduler")
class _ConstantWithWarmup(_Warmup, _Constant):
    def schedule(self, times: TimesInRun) -> Schedule:
        """Return a warmup, then `alpha`, which also applies after `t_max`, unlike in `ConstantScheduler`."""
        return self.warmed_up(times, self.t_max, self.alpha, lambda _: constant(self.alpha))


@table_named(SCHEDULERS, "LinearWithWarmupScheduler")
class _LinearWithWarmup(_Warmup, _Linear):
    def schedule(self, times: TimesInRun) -> Schedule:
        return self.warmed_up(times, self.t_max, self.alpha_i, partial(linear, self.alpha_i, self.alpha_f))


@table_named(SCHEDULERS, "CosineAnnealingWithWarmupScheduler")
class _CosineWithWarmup(_Warmup, _Curve):
    def schedule(self, times: TimesInRun) -> Schedule:
        return self.warmed_up(times, self.t_max, 1.0, partial(cosine, 1.0, self.alpha_f))


@table_named(SCHEDULERS, "PolynomialWithWarmupScheduler")
class _PolynomialWithWarmup(_Warmup, _Curve):
    power: float = argument(2.0, above=0)

    def schedule(self, times: TimesInRun) -> Schedule:
        return self.warmed_up(times, self.t_max, 1.0, partial(polynomial, self.power, 1.0, self.alpha_f))


@table_named(SCHEDULERS, "InverseSquareRootWithWarmupScheduler")
class _InverseSquareRoot:
    t_warmup: ComposerTime = _time()
    t_scale: ComposerTime = _time()
    t_cooldown: ComposerTime = _time()
    t_max: ComposerTime = _time("1dur", "1dur")
    alpha_f_decay: float = argument(0.0)
    alpha_f_cooldown: float = argument(0.0)

    def schedule(self, times: TimesInRun) -> Schedule:
        """Return the warmup, an inverse-square-root decay towards `alpha_f_decay`, and the line of the cooldown."""
        run, decay, last = times.run, self.alpha_f_decay, self.alpha_f_cooldown
        if decay < last and not times.wrong & {"alpha_f_decay", "alpha_f_cooldown"}:
            found = f"{decay:g} is less than alpha_f_cooldown, {last:g}"
            times.report("alpha_f_decay", found, "For example: alpha_f_cooldown: 0")
        unit = None if run.unscaled is None else run.unscaled.unit
        for name, time in (("t_warmup", self.t_warmup), ("t_scale", self.t_scale), ("t_cooldown", self.t_cooldown)):
            if name not in times.wrong and (time.unit == "dur" or (unit is not None and time.unit != unit)):
                found = f"{time}: llm-foundry requires the unit of max_duration"
                times.report(name, found, f'For example: {name}: "100{unit or "tok"}"')
        if times.diagnostics.count:
            return _PLACEHOLDER
        warm = times.converted("t_warmup", self.t_warmup, scaled=False)
        cool = times.converted("t_cooldown", self.t_cooldown)
        scale, end = times.period("t_scale", self.t_scale), times.end(self.t_max)
        if warm is None or scale is None or cool is None:
            return _PLACEHOLDER
        falling: Schedule = inverse_sqrt(scale.duration)
        if decay:
            falling = decay + (1.0 - decay) * falling
        whole = run.longest if end is None else end
        ramp = warmup(warm.duration) if warm.amount else None
        both = (warm, cool) if warm.unit == cool.unit else (run.in_batches(warm), run.in_batches(cool))
        together = ComposerTime(both[0].amount + both[1].amount, both[0].unit)
        if whole is not None and run.compared(together, whole) in (0, 1):
            down = linear(1.0, last, cool.duration) if cool.amount else constant()
            return down if ramp is None else ramp >> down
        if end is not None:
            falling = take(falling, end.duration - cool.duration - warm.duration)
        stages = falling >> linear(previous, last, cool.duration) if cool.amount else falling
        return stages if ramp is None else ramp >> stages


NAMES: Final[Mapping[str, str]] = {
    **{name: name for name in SCHEDULERS},
    **{name.removesuffix("Scheduler"): name for name in SCHEDULERS},
    "constant_with_warmup": "ConstantWithWarmupScheduler",
    "linear_decay_with_warmup": "LinearWithWarmupScheduler",
    "cosine_with_warmup": "CosineAnnealingWithWarmupScheduler",
    "inv_sqrt_with_warmup": "InverseSquareRootWithWarmupScheduler",
}
"""The class of each scheduler's name, including the names of llm-foundry."""


def _each_batch(value: Any) -> bool:
    if value is False:
        found = 'a plan changes lr at each update; a native plan with every(…, "epoch") changes it between epochs'
        raise wrong_value(found, code=REFUSED_VALUE)
    if not isinstance(value, bool):
        raise wrong_value(f"expected true or false, got {short_json(value)}")
    return value


@argument_table
class RunArguments:
    """The settings of a run that its schedule depends on."""

    max_duration: ComposerTime | None = argument(
        None,
        # A number without a unit counts epochs.
        parse=lambda one: composer_time(f"{one}ep" if isinstance(one, int) and not isinstance(one, bool) else one),
        example="10ep",
    )
    scale_schedule_ratio: float = argument(1.0, above=0, high=1e18)  # then its product with a length is finite
    step_schedulers_every_batch: bool | None = argument(True, parse=_each_batch)
