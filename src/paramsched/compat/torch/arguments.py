"""Tables of torch's schedulers: the arguments of each class and the resulting schedule."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, final

from paramsched.core import curves
from paramsched.core.base.codes import REFUSED_VALUE, WRONG_ARGUMENT
from paramsched.core.curves import Curve
from paramsched.core.files.arguments import (
    argument,
    is_count,
    is_plain_number,
    table_named,
    to_level,
    wrong_value,
)
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json
from paramsched.core.schedules import Level, Schedule, absolute, rules
from paramsched.core.schedules.anneal import anneal, cosine, linear
from paramsched.core.schedules.decays import exponential
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import cosine_restarts, cyclic, multistep, step
from paramsched.core.schedules.recipes import polynomial
from paramsched.core.schedules.recurrence import recurrence
from paramsched.core.schedules.restarts import restarts
from paramsched.core.schedules.sequence import sequence
from paramsched.core.time import DurationLike

_SMALL_FLOAT: Final = 1e-9
_STRATEGIES: Final[Mapping[str, Curve]] = {"cos": curves.cosine, "linear": curves.linear}


@final
@dataclass(frozen=True, slots=True)
class TorchEntry:
    """One scheduler with its arguments and the unit of its steps.

    Args:
        name: the name of its class.
        path: the config path of its arguments.
        arguments: an instance of the table of its class.
        places: the config path of each argument.
        diagnostics: receives the errors.
        by_epoch: True if it is stepped once per epoch.
        run: the number of steps of the run, or of its stage; None if unknown.
        staged: True if it is a stage of a sequence.
    """

    name: str
    path: str
    arguments: Any
    places: Mapping[str, str]
    diagnostics: DiagnosticCollector
    by_epoch: bool
    run: int | None
    staged: bool = False

    def length(self, steps: int) -> DurationLike:
        """Return a number of the scheduler's steps as a length of a plan."""
        return f"{steps} epochs" if self.by_epoch else steps

    def refuse(self, name: str, found: str, instead: str) -> None:
        """Report that valid arguments are invalid in combination."""
        self.diagnostics.add(self.places[name], found, instead, code=REFUSED_VALUE)


def _of_all_groups(value: Any) -> float:
    """Return a number, which may be a list with the same number for each group."""
    if isinstance(value, (list, tuple)) and value and all(one == value[0] for one in value):
        value = value[0]
    if isinstance(value, (list, tuple)):
        found = "it differs between groups; a native plan has a schedule for each group"
        raise wrong_value(found, code=REFUSED_VALUE)
    if not is_plain_number(value):
        raise wrong_value(f"expected a number, got {short_json(value)}")
    return float(value)


def _per_group(default: float | None = None, example: float = 0.1, **row: Any) -> Any:
    """Return the dataclass field of an argument for which torch also accepts a list with a value for each group."""
    row |= {"parse": _of_all_groups, "example": example}
    return argument(**row) if default is None else argument(default, **row)


TABLES: Final[dict[str, Any]] = {}
"""The table of each class by name."""


@table_named(TABLES, "StepLR")
class _StepLR:
    step_size: int = argument(low=1, example=30)
    gamma: float = argument(0.1, above=0)

    def schedule(self, at: TorchEntry) -> Schedule:
        return step(at.length(self.step_size), self.gamma)

    def rule(self) -> Any:
        return rules.step(self.step_size, self.gamma)


def _milestones(value: Any) -> list[int]:
    """Return the sorted milestones."""
    if not isinstance(value, (list, tuple)) or not all(map(is_count, value)):
        raise wrong_value(f"expected a list of steps, got {short_json(value)}")
    return sorted(map(int, value))


@table_named(TABLES, "MultiStepLR")
class _MultiStepLR:
    milestones: list[int] = argument(parse=_milestones, example=[30, 80])
    gamma: float = argument(0.1, above=0)

    def schedule(self, at: TorchEntry) -> Schedule:
        # If the scheduler is a stage of a sequence, milestones after the end of the stage are never reached.
        last = at.run if at.staged and at.run is not None else math.inf
        times = tuple(at.length(one) for one in self.milestones if one < last)
        return multistep(times, self.gamma) if times else constant()

    def rule(self) -> Any:
        return rules.multistep(self.milestones, self.gamma)


@table_named(TABLES, "ConstantLR")
class _ConstantLR:
    factor: float = argument(1.0 / 3, low=0, high=1)
    total_iters: int = argument(5, low=1)

    def schedule(self, at: TorchEntry) -> Schedule:
        return constant(self.factor, at.length(self.total_iters)) >> constant()

    def rule(self) -> Any:
        return rules.constant(self.factor, self.total_iters)


@table_named(TABLES, "LinearLR")
class _LinearLR:
    start_factor: float = argument(1.0 / 3, above=0, high=1)
    end_factor: float = argument(1.0, low=0, high=1)
    total_iters: int = argument(5, low=1)

    def schedule(self, at: TorchEntry) -> Schedule:
        return linear(self.start_factor, self.end_factor, at.length(self.total_iters))

    def rule(self) -> Any:
        return rules.linear(self.start_factor, self.end_factor, self.total_iters)


@table_named(TABLES, "ExponentialLR")
class _ExponentialLR:
    gamma: float = argument(above=0, example=0.9)

    def schedule(self, at: TorchEntry) -> Schedule:
        return exponential(self.gamma, at.length(1))

    def rule(self) -> Any:
        return rules.exponential(self.gamma)


@table_named(TABLES, "PolynomialLR")
class _PolynomialLR:
    total_iters: int = argument(5, low=1)
    power: float = argument(1.0, above=0)

    def schedule(self, at: TorchEntry) -> Schedule:
        return polynomial(self.power, over=at.length(self.total_iters))

    def rule(self) -> Any:
        return rules.polynomial(self.power, over=self.total_iters)


@table_named(TABLES, "CosineAnnealingLR")
class _CosineAnnealingLR:
    T_max: int = argument(low=1, example=100)
    eta_min: float = _per_group(0.0, 1e-6)

    def schedule(self, at: TorchEntry) -> Schedule:
        """Return the decay over `T_max`, repeated with a rise in between if the run is longer."""
        floor, steps = to_level(self.eta_min), at.length(self.T_max)
        down = cosine(start=1.0, to=floor, over=steps)
        if at.run is not None and at.run <= self.T_max + 1:
            return down
        return restarts(down >> cosine(start=floor, to=1.0, over=steps), at.length(2 * self.T_max))

    def rule(self) -> Any:
        return rules.cosine(to_level(self.eta_min), self.T_max)


@table_named(TABLES, "CosineAnnealingWarmRestarts")
class _CosineAnnealingWarmRestarts:
    T_0: int = argument(low=1, example=10)
    T_mult: int = argument(1, low=1)
    eta_min: float = _per_group(0.0, 1e-6)

    def schedule(self, at: TorchEntry) -> Schedule:
        return cosine_restarts(at.length(self.T_0), self.T_mult, to_level(self.eta_min))


def _no_function(value: Any) -> None:
    if value is not None:
        found = (
            'a config cannot contain a function; mode: "triangular2" or a native plan with restarts may be equivalent'
        )
        raise wrong_value(found, code=REFUSED_VALUE)


def _has_momentum(others: Mapping[str, Any]) -> bool:
    return others["cycle_momentum"] is True


def _without_total(others: Mapping[str, Any]) -> bool:
    return others["total_steps"] is None


@table_named(TABLES, "CyclicLR")
class _CyclicLR:
    base_lr: float = _per_group(example=0.01)
    max_lr: float = _per_group()
    step_size_up: int = argument(2000, low=1)
    step_size_down: int | None = argument(None, low=1, example=2000)
    mode: Literal["triangular", "triangular2", "exp_range"] = argument("triangular")
    gamma: float = argument(1.0, above=0, used=lambda others: bool(others["mode"] == "exp_range"))
    scale_fn: Any = argument(None, parse=_no_function)
    scale_mode: Any = argument("cycle")
    cycle_momentum: bool = argument(True)
    base_momentum: float = _per_group(0.8, 0.8, used=_has_momentum)
    max_momentum: float = _per_group(0.9, 0.9, used=_has_momentum)

    def schedule(self, at: TorchEntry) -> Schedule:
        return self._triangles(at, self.base_lr, self.max_lr)

    def momentum(self, at: TorchEntry) -> Schedule:
        return self._triangles(at, self.max_momentum, self.base_momentum)

    def _triangles(self, at: TorchEntry, low: float, high: float) -> Schedule:
        up, down = at.length(self.step_size_up), at.length(self.step_size_down or self.step_size_up)
        if at.by_epoch and self.mode == "exp_range" and self.gamma != 1:  # in a plan gamma acts at each update
            at.refuse("gamma", "with interval: epoch the range must not shrink", "Write interval: step")
        return cyclic(up, down, to_level(low), to_level(high), self.mode, self.gamma)


@table_named(TABLES, "OneCycleLR")
class _OneCycleLR:
    max_lr: float = _per_group()
    total_steps: int | None = argument(None, low=1, example=1000)
    epochs: int | None = argument(None, low=1, example=10, used=_without_total)
    steps_per_epoch: int | None = argument(None, low=1, example=100, used=_without_total)
    pct_start: float = argument(0.3, low=0, high=1)
    anneal_strategy: Literal["cos", "linear"] = argument("cos")
    cycle_momentum: bool = argument(True)
    base_momentum: float = _per_group(0.85, 0.85, used=_has_momentum)
    max_momentum: float = _per_group(0.95, 0.95, used=_has_momentum)
    div_factor: float = argument(25.0, above=0)
    final_div_factor: float = argument(1e4, above=0)
    three_phase: bool = argument(False)

    @property
    def total(self) -> int | None:
        """The number of steps; None if it is missing."""
        if self.total_steps is None and self.epochs is not None and self.steps_per_epoch is not None:
            return self.epochs * self.steps_per_epoch
        return self.total_steps

    def schedule(self, at: TorchEntry) -> Schedule:
        low = self.max_lr / self.div_factor
        return self._cycle(at, self.max_lr, low, low / self.final_div_factor, self.div_factor, self.final_div_factor)

    def momentum(self, at: TorchEntry) -> Schedule | None:
        low, high = self.base_momentum, self.max_momentum
        if low <= 0 or high <= 0:
            at.refuse("base_momentum", "it must be greater than 0 in a cycle", "Use cycle_momentum: false")
            return None
        return self._cycle(at, low, high, high, low / high, 1.0)

    def _cycle(self, at: TorchEntry, peak: float, low: float, floor: float, div: float, final_div: float) -> Schedule:
        """Return stages if the phases are integer numbers of steps, else a recurrence with fractional phases."""
        total, three = self.total, self.three_phase
        if total is None:
            total, instead = 10, "Use total_steps, or epochs and steps_per_epoch"
            at.diagnostics.add(at.places["total_steps"], "it is missing", instead, code=WRONG_ARGUMENT)
        top = self.pct_start * total - 1
        ends = [top, 2 * top, total - 1] if three else [top, total - 1]
        lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
        if min(lengths) <= 0:
            at.refuse("pct_start", "a phase has a length of 0, so torch divides by zero", "For example: pct_start: 0.3")
            return constant()
        whole = all(abs(one - round(one)) < _SMALL_FLOAT for one in lengths)
        if at.by_epoch and not whole:
            at.refuse("pct_start", "with interval: epoch the phases must be integers", "Write interval: step")
            return constant()
        if whole:
            levels = [low, peak, low, floor] if three else [low, peak, floor]
            stages = [
                anneal(absolute(begin), absolute(end), at.length(round(size)), _STRATEGIES[self.anneal_strategy])
                for begin, end, size in zip(levels, levels[1:], lengths, strict=False)
            ]
            return sequence(*stages)
        return recurrence(self._rule(peak, total, div, final_div))

    def rule(self) -> Any:
        return self._rule(self.max_lr, self.total, self.div_factor, self.final_div_factor)

    def _rule(self, peak: float, total: int | None, div: float, final_div: float) -> Any:
        up, curve = self.pct_start, self.anneal_strategy
        return rules.one_cycle(peak, total, up, curve, div, final_div, self.three_phase)


@table_named(TABLES, "SWALR")
class _SWALR:
    swa_lr: float = _per_group(example=0.05)
    anneal_epochs: int = argument(10, low=0)
    anneal_strategy: Literal["cos", "linear"] = argument("cos")

    def schedule(self, at: TorchEntry) -> Schedule:
        level: Level = absolute(self.swa_lr)
        if self.anneal_epochs == 0:
            return constant(level)
        return anneal(1.0, level, at.length(self.anneal_epochs), _STRATEGIES[self.anneal_strategy])


@table_named(TABLES, "ReduceLROnPlateau")
class _ReduceLROnPlateau:
    mode: Literal["min", "max"] = argument("min")
    factor: float = argument(0.1, above=0)
    patience: float = argument(10, low=0)
    threshold: float = argument(1e-4, low=0)
    threshold_mode: Literal["rel", "abs"] = argument("rel")
    cooldown: float = argument(0, low=0)
    min_lr: float = _per_group(0, 1e-6)
    eps: float = argument(1e-8, low=0)
    monitor: Any = argument(None)  # an argument of Lightning's class


_EXAMPLE: Final = ({"StepLR": {"step_size": 30}},)


@table_named(TABLES, "SequentialLR")
class _SequentialLR:
    schedulers: list[Any] = argument(example=_EXAMPLE)
    milestones: Any = argument(example=[5])


@table_named(TABLES, "ChainedScheduler")
class _ChainedScheduler:
    schedulers: list[Any] = argument(example=_EXAMPLE)


@table_named(TABLES, "LambdaLR", "MultiplicativeLR")
class _Lambda:
    lr_lambda: Any = argument(None)


SMOOTH: Final = TABLES.keys() - {
    "StepLR", "MultiStepLR", "ConstantLR", "ReduceLROnPlateau", "SequentialLR", "ChainedScheduler", "LambdaLR",
    "MultiplicativeLR",
}  # fmt: skip
"""The schedulers that change at each step; stepped by epochs, they change between epochs only."""
