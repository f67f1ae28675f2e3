"""Tables of transformers' schedulers: the arguments of each scheduler and the stages of its plan."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any, ClassVar, Final, Literal, final

from paramsched.core import curves
from paramsched.core.base.codes import MISSING_FACT, REFUSED_VALUE, UNKNOWN_NAME, WRONG_ARGUMENT
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.printing import child_path
from paramsched.core.curves import Curve
from paramsched.core.feedback import greedy, plateau
from paramsched.core.files.arguments import argument, argument_table, table_named, to_level, wrong_value
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json, type_name_of
from paramsched.core.schedules import Level, Schedule
from paramsched.core.schedules.anneal import anneal, cosine, cosine_wave, linear, warmup
from paramsched.core.schedules.cuts import skip
from paramsched.core.schedules.decays import inverse_sqrt
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.recipes import polynomial
from paramsched.core.schedules.restarts import restarts
from paramsched.core.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True)
class Run:
    """The settings of a run besides its scheduler.

    Args:
        warmup: the length of the warmup; in percent if the length of the run is unknown.
        total: the length of the run in updates; None if unknown.
        horizon: the length of the run as a plan specifies it.
        lr: the base of lr; None if unknown.
        metric: the name of the metric in a plan.
        total_name: the argument that specifies `total`.
        path: the config path of the scheduler's arguments.
        diagnostics: receives the errors.
        wrong: the arguments of the scheduler that are invalid or missing and have a placeholder value.
    """

    warmup: Duration
    total: int | None
    horizon: DurationLike | None
    lr: float | None
    metric: str
    total_name: str
    path: str
    diagnostics: DiagnosticCollector
    wrong: Set[str] = frozenset()

    @property
    def left(self) -> int | None:
        """The number of updates after the warmup; None if unknown."""
        return None if self.total is None or not self.warmup.is_resolved else self.total - self.warmup.updates

    def refuse(self, name: str, found: str, instead: str, code: str = REFUSED_VALUE) -> None:
        """Report that an argument of the scheduler is invalid."""
        self.diagnostics.add(child_path(self.path, name), found, instead, code=code)

    def require_total(self, why: str) -> None:
        """Report that `num_cycles` needs the number of updates of the run."""
        instead = f"For example: {self.total_name}: 1000, or pass a calendar with steps_per_epoch"
        self.refuse("num_cycles", f"{why} the number of updates of the run", instead, MISSING_FACT)

    def require_rate(self, why: str) -> None:
        """Report that the learning rate is missing."""
        found, instead = f"it is missing, and {why}", "For example: learning_rate: 5e-5"
        self.diagnostics.add("$.learning_rate", found, instead, code=WRONG_ARGUMENT)


@argument_table
class Scheduler:
    """The arguments of a scheduler.

    Attributes:
        function: the function of transformers that creates it.
        ignores: True if `get_scheduler` passes none of its arguments to the scheduler.
    """

    function: ClassVar[str]
    ignores: ClassVar[bool] = False

    def ramp(self, run: Run) -> Schedule | None:
        """Return the warmup of a run; None if the scheduler ignores it."""
        return warmup(run.warmup)

    def stages(self, run: Run) -> Iterable[Schedule]:
        """Return the stages after the warmup."""
        raise NotImplementedError

    def schedule(self, run: Run) -> Schedule:
        """Return the schedule of a run."""
        whole = self.ramp(run) if run.warmup.terms else None
        all_warmup = run.left is not None and run.left <= 0
        for stage in self.stages(run):
            if whole is None:
                whole = stage
            elif not all_warmup:
                whole = whole >> stage
        return constant() if whole is None else whole


SCHEDULERS: Final[dict[str, type[Scheduler]]] = {}
"""The table of each name of `SchedulerType`."""


@table_named(SCHEDULERS, "linear")
class _Linear(Scheduler):
    function = "get_linear_schedule_with_warmup"

    def stages(self, run: Run) -> Iterable[Schedule]:
        return [linear()]


@table_named(SCHEDULERS, "cosine")
class _Cosine(Scheduler):
    function = "get_cosine_schedule_with_warmup"
    num_cycles: float = argument(0.5)

    def stages(self, run: Run) -> Iterable[Schedule]:
        return [_waves(self.num_cycles, self.floor(run))]

    def floor(self, run: Run) -> Level:
        return 0.0


def _waves(cycles: float, floor: Level, over: int | None = None) -> Schedule:
    """Return a number of cosine waves; half a wave is a decay."""
    if cycles == 0:
        return constant(1.0, over)
    return cosine(to=floor, over=over) if abs(cycles) == 0.5 else cosine_wave(abs(cycles), to=floor, over=over)


@table_named(SCHEDULERS, "cosine_with_min_lr")
class _CosineWithFloor(_Cosine):
    function = "get_cosine_with_min_lr_schedule_with_warmup"
    min_lr: float | None = argument(None, low=0, example=1e-6)
    min_lr_rate: float | None = argument(None, low=0, example=0.1)

    def floor(self, run: Run) -> Level:
        """Return `min_lr`, an absolute value, or `min_lr_rate`, a multiple of base; exactly one is required."""
        if (self.min_lr is None) == (self.min_lr_rate is None) and not run.wrong & {"min_lr", "min_lr_rate"}:
            count = "both" if self.min_lr is not None else "neither"
            found = f"expected either min_lr or min_lr_rate, got {count}"
            run.diagnostics.add(run.path, found, "For example: min_lr_rate: 0.1", code=REFUSED_VALUE)
        return self.min_lr_rate or 0.0 if self.min_lr is None else to_level(self.min_lr)


@table_named(SCHEDULERS, "cosine_warmup_with_min_lr")
class _EarlyCosine(_CosineWithFloor):
    """A cosine whose values occur one update earlier than in `cosine_with_min_lr`."""

    function = "get_cosine_with_min_lr_schedule_with_warmup_lr_rate"
    warmup_lr_rate: float | None = argument(None, low=0, example=0.1)

    def ramp(self, run: Run) -> Schedule:
        """Return a warmup that reaches base one update before its end."""
        if self.warmup_lr_rate is None:
            return warmup(run.warmup, index="(t+1)/n")
        if run.warmup == Duration.of(1):
            return constant(self.warmup_lr_rate, 1)
        return anneal(self.warmup_lr_rate, 1.0, run.warmup, index="t/(n-1)")

    def stages(self, run: Run) -> Iterator[Schedule]:
        floor = self.floor(run)
        if self.num_cycles == 0.5:
            yield cosine(to=floor, index="(t+1)/n")
        elif run.left is None:
            run.require_total("waves that start one update early require")
        elif run.left > 0:
            yield skip(_waves(self.num_cycles, floor, run.left), 1)


_MAX_CYCLES: Final = 100_000


@table_named(SCHEDULERS, "cosine_with_restarts")
class _HardRestarts(Scheduler):
    """Cosine decays that divide the updates after the warmup into cycles of equal length."""

    function = "get_cosine_with_hard_restarts_schedule_with_warmup"
    num_cycles: float = argument(1.0, above=0)

    def stages(self, run: Run) -> Iterator[Schedule]:
        cycles, left = self.num_cycles, run.left
        if cycles == 1:
            yield cosine()
        elif left is None:
            run.require_total("its cycles divide the updates after the warmup, which requires")
        elif left > 0:
            period = Fraction(left) / Fraction(repr(cycles))
            if period < 1 or cycles > _MAX_CYCLES:
                most = min(left, _MAX_CYCLES)
                found = f"expected at most {most} cycles in {left} updates, got {cycles:g}"
                run.refuse("num_cycles", found, f"Write num_cycles: {most}")
                return
            # Because of rounding, the first value of a cycle in transformers may be the floor instead of the peak.
            for index in range(1, math.ceil(cycles)):
                begin = index * period
                if begin.denominator == 1 and (cycles * (float(begin) / float(left))) % 1.0 > 0.5:
                    native: Schedule = restarts(cosine(), Duration.of_updates(period))
                    native = warmup(run.warmup) >> native if run.warmup.terms else native
                    found = f"transformers rounds the start of cycle {index}, update {begin}, into the previous cycle"
                    run.refuse("num_cycles", found, f"Use a native plan, lr: {native}")
                    break
            yield restarts(cosine(), Duration.of_updates(period), int(cycles) if cycles.is_integer() else None)


@table_named(SCHEDULERS, "polynomial")
class _Polynomial(Scheduler):
    function = "get_polynomial_decay_schedule_with_warmup"
    lr_end: float = argument(1e-7, low=0)
    power: float = argument(1.0, above=0)

    def stages(self, run: Run) -> Iterable[Schedule]:
        if run.lr is not None and run.lr <= self.lr_end:
            run.refuse("lr_end", f"it must be less than lr={run.lr:g}, got {self.lr_end:g}", "For example: lr_end: 0")
        return [polynomial(self.power, to=to_level(self.lr_end))]


@table_named(SCHEDULERS, "constant")
class _Constant(Scheduler):
    function = "get_constant_schedule"
    ignores = True

    def ramp(self, run: Run) -> None:
        return None

    def stages(self, run: Run) -> Iterable[Schedule]:
        return [constant()]


@table_named(SCHEDULERS, "constant_with_warmup")
class _ConstantWithWarmup(Scheduler):
    function = "get_constant_schedule_with_warmup"
    ignores = True

    def stages(self, run: Run) -> Iterable[Schedule]:
        return [constant()]


@table_named(SCHEDULERS, "inverse_sqrt")
class _InverseSqrt(Scheduler):
    function = "get_inverse_sqrt_schedule"
    timescale: int | None = argument(None, low=1, example=10_000)

    def stages(self, run: Run) -> Iterable[Schedule]:
        return [inverse_sqrt(self.timescale or (run.warmup if run.warmup.terms else 10_000))]


RAMPS: Final[dict[str, Curve]] = {
    "linear": curves.linear,
    "cosine": curves.cosine,
    "1-sqrt": curves.polynomial(0.5),
}
DECAYS: Final = {**RAMPS, "1-sqrt": curves.one_minus_sqrt}
"""The curves of `warmup_stable_decay`, for its warmup and its decay."""
_Curve = Literal["linear", "cosine", "1-sqrt"]


@table_named(SCHEDULERS, "warmup_stable_decay")
class _StableDecay(Scheduler):
    """Base, a decay of known length, then the floor."""

    function = "get_wsd_schedule"
    num_decay_steps: int = argument(low=0, example=100)
    num_stable_steps: int | None = argument(None, low=0, example=100)
    warmup_type: _Curve = argument("linear")
    decay_type: _Curve = argument("cosine")
    min_lr_ratio: float = argument(0.0, low=0)
    num_cycles: float = argument(0.5)

    def ramp(self, run: Run) -> Schedule:
        """Return a warmup that starts at the floor."""
        return anneal(self.min_lr_ratio, 1.0, run.warmup, RAMPS[self.warmup_type])

    def stages(self, run: Run) -> Iterator[Schedule]:
        decay, floor, stable, left = self.num_decay_steps, self.min_lr_ratio, self.num_stable_steps, run.left
        waves = self.decay_type == "cosine" and self.num_cycles != 0.5
        decay_stage = (
            _waves(self.num_cycles, floor, decay) if waves else anneal(1.0, floor, decay, DECAYS[self.decay_type])
        )
        # If no decay ends at the floor, the floor is a separate stage, provided that the run is long enough.
        last = [constant(floor)] if waves or not decay else []
        if stable is not None:
            yield constant(1.0, stable)
            last = last if left is None or stable + decay <= left else []
        elif run.total is None and run.horizon is None:
            found = f"either {run.total_name} or num_stable_steps is required"
            run.diagnostics.add("$", found, "For example: num_stable_steps: 100", code=REFUSED_VALUE)
        elif left is not None and left < decay:
            decay_stage = skip(decay_stage, decay - left)
        elif left is not None and last:
            yield constant(1.0, left - decay)
        else:
            yield constant()
            last = []
        yield from ([decay_stage] if decay else []) + last


@table_named(SCHEDULERS, "reduce_lr_on_plateau")
class _ReduceOnPlateau(Scheduler):
    """torch's plateau, whose floor and smallest reduction are absolute values."""

    function = "get_reduce_on_plateau_schedule"
    mode: Literal["min", "max"] = argument("min")
    factor: float = argument(0.1, above=0)
    patience: int = argument(10, low=0)
    threshold: float = argument(1e-4, low=0)
    threshold_mode: Literal["rel", "abs"] = argument("rel")
    cooldown: int = argument(0, low=0)
    min_lr: float = argument(0.0, low=0)
    eps: float | None = argument(None, low=0, example=1e-8)

    def ramp(self, run: Run) -> None:
        return None

    def stages(self, run: Run) -> Iterable[Schedule]:
        if run.lr is None and self.eps:
            run.require_rate("a plateau's eps is an absolute value")
        change = 1e-8 if self.eps is None else self.eps
        # A smallest reduction must have the unit of the floor: both are multiples of lr, or there is no reduction.
        relative, base = run.lr is not None and change > 0, run.lr or 1.0
        floor = self.min_lr / base if relative else to_level(self.min_lr)
        return [constant() * plateau(run.metric, **self.shared(), min=floor, eps=change / base if relative else 0.0)]

    def shared(self) -> dict[str, Any]:
        """Return the arguments that a plan's `plateau` has, with the same meaning."""
        names = ("mode", "factor", "patience", "threshold", "threshold_mode", "cooldown")
        return {name: getattr(self, name) for name in names}


@table_named(SCHEDULERS, "greedy")
class _Greedy(_ReduceOnPlateau):
    """GreedyLR, whose bounds and smallest change are absolute values."""

    function = "get_greedy_schedule"
    factor: float = argument(0.95, above=0)
    threshold: float = argument(1e-6, low=0)
    threshold_mode: Literal["rel", "abs"] = argument("abs")
    warmup: int = argument(0, low=0)
    min_lr: float = argument(1e-3, low=0)
    max_lr: float = argument(1.0, above=0)
    verbose: Any = argument(None)
    smooth: bool = argument(False)
    window_size: int = argument(50, low=1)
    reset_start: int = argument(500, low=0)

    def stages(self, run: Run) -> Iterable[Schedule]:
        if run.lr is None:
            run.require_rate("the bounds of greedy are absolute values")
        base = run.lr or 1.0
        rule = greedy(
            run.metric,
            **self.shared(),
            warmup=self.warmup,
            min=self.min_lr / base,
            max=self.max_lr / base,
            eps=(1e-8 if self.eps is None else self.eps) / base,
            window=self.window_size if self.smooth else 1,
            reset=max(self.reset_start, 1),
        )
        return [constant() * rule]


def _scheduler_name(value: Any) -> str:
    """Return the lower-case name of a scheduler or of its function, also for a member of `SchedulerType`."""
    written = value.value if isinstance(value, Enum) else value
    name = str(written).removeprefix("SchedulerType.").lower()
    if isinstance(written, str) and (name in SCHEDULERS or name in {one.function for one in SCHEDULERS.values()}):
        return name
    found = f"unknown scheduler {short_json(written)}; {did_you_mean(name, SCHEDULERS)}"
    raise wrong_value(found, code=UNKNOWN_NAME)


def _keywords(value: Any) -> Mapping[str, Any]:
    """Return the arguments of a scheduler, which may be a string with JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise wrong_value(f"invalid JSON: {error}") from None
    if value is not None and not isinstance(value, Mapping):
        raise wrong_value(f"expected a mapping of arguments, got {type_name_of(value)}")
    return value or {}


_CYCLES: Final = {"num_cycles": 3}


@argument_table
class Trainer:
    """The entries of a `TrainingArguments` that a plan depends on."""

    lr_scheduler_type: str = argument("linear", parse=_scheduler_name)
    lr_scheduler_kwargs: Mapping[str, Any] = argument(None, parse=_keywords, example=_CYCLES)
    warmup_steps: float = argument(0, low=0, example=500)
    warmup_ratio: float = argument(0.0, low=0, high=1, example=0.03)
    max_steps: int = argument(-1, low=-1, example=1000)
    num_train_epochs: float = argument(3, above=0, high=1e9)
    learning_rate: float = argument(5e-5, low=0, aliases=("lr",))
    gradient_accumulation_steps: Any = argument(None)


@argument_table
class Call:
    """The arguments of `get_scheduler`, and the learning rate."""

    name: str = argument(parse=_scheduler_name, example="linear")
    scheduler_specific_kwargs: Mapping[str, Any] = argument(None, parse=_keywords, example=_CYCLES)
    num_warmup_steps: int = argument(0, low=0, example=500)
    num_training_steps: int | None = argument(None, low=1, example=1000)
    learning_rate: float | None = argument(None, low=0, example=5e-5, aliases=("lr",))
