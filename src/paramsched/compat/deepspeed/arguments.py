"""Tables of DeepSpeed's schedulers: the arguments of each one, and the schedules of its plan."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Literal, final

from paramsched.compat.codes import DEEPSPEED_ARGUMENT
from paramsched.core import curves
from paramsched.core.base.codes import MISSING_FACT
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.files.arguments import ReadEntry, argument, argument_table, table_named, to_level
from paramsched.core.schedules import Level, Schedule, absolute
from paramsched.core.schedules.anneal import anneal, cosine, linear
from paramsched.core.schedules.cuts import skip, take
from paramsched.core.schedules.decays import inverse_time
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.periods import stairs
from paramsched.core.schedules.retimed import every
from paramsched.core.schedules.sequence import in_order, with_lengths

TABLES: Final[dict[str, Any]] = {}
"""A dict from the name of each scheduler to the table of its arguments."""


@final
@dataclass(frozen=True, slots=True)
class RunOfConfig:
    """The facts of a run that its schedulers depend on.

    Args:
        lr: the lr of the optimizer; None if unknown.
        total: the number of updates; None if unknown.
        has_betas: False if the optimizer is known to have no betas.
    """

    lr: float | None
    total: int | None
    has_betas: bool

    def level(self, value: float) -> Level:
        """Return a value as a level: 1 if it is the lr of the optimizer, else an absolute value."""
        return 1.0 if value == self.lr else to_level(value)

    def required_total(self, entry: ReadEntry, name: str) -> int:
        """Return the length of the run; if it is unknown, report an error at the argument `name`."""
        if self.total is None:
            found = "it acts until the end of the run, and the length of the run is unknown"
            entry.refuse(name, found, "Pass Calendar(total=1000)", code=MISSING_FACT)
        return self.total or 1


@argument_table
class _Common:
    """The argument of all schedulers. With a value other than -1, the curve would begin at another update."""

    last_batch_iteration: int = argument(-1, low=-1, high=-1)


@argument_table
class _Warmup(_Common):
    """The arguments of each scheduler with a warmup."""

    warmup_num_steps: int = argument(1000, low=1, example=2)
    warmup_type: Literal["log", "linear"] = argument("log", example="linear")

    @property
    def length(self) -> int:
        """The length of the warmup in updates. DeepSpeed counts at least two."""
        return max(2, self.warmup_num_steps)

    def rise(self, first: Level, low: Level, high: Level, entry: ReadEntry) -> list[Schedule]:
        """Return the stages of the warmup: the value of the constructor, and a rise from `low` to `high`."""
        if self.warmup_num_steps == 1:
            path = entry.places["warmup_num_steps"]
            warn_user(Problem(path, "DeepSpeed counts 1 as 2", code=DEEPSPEED_ARGUMENT))
        held = constant(first, 1)
        if self.warmup_type == "log":
            return [held, anneal(low, high, self.length - 1, curves.logarithm(self.length)), constant(high, 1)]
        return [held, anneal(low, high, self.length)]


@argument_table
class _Bounds(_Warmup):
    """The arguments of a scheduler that rises to a value of its own."""

    warmup_min_lr: float = argument(0.0, low=0)


@table_named(TABLES, "WarmupLR")
class _WarmupLR(_Bounds):
    warmup_max_lr: float | None = argument(None, low=0, example=0.001)

    def lines(self, entry: ReadEntry, run: RunOfConfig) -> dict[str, Schedule]:
        low, high = to_level(self.warmup_min_lr), 1.0 if self.warmup_max_lr is None else run.level(self.warmup_max_lr)
        rise = self.rise(low, low, high, entry)
        return {"lr": in_order([*(rise[:-1] if self.warmup_type == "log" else rise), constant(high)])}


@argument_table
class _Decay(_Warmup):
    """The arguments of a scheduler with a decay."""

    total_num_steps: int = argument(low=1, example=1000)

    def left(self, entry: ReadEntry) -> int:
        """Return the length of the decay in updates; 0 if the warmup is not shorter than the run."""
        if self.total_num_steps < self.length:
            found = f"the warmup of {self.length} updates is longer, so that the decay is skipped"
            path = entry.places["total_num_steps"]
            warn_user(Problem(path, found, "Use a shorter warmup_num_steps", code=DEEPSPEED_ARGUMENT))
        return max(0, self.total_num_steps - self.length)


@table_named(TABLES, "WarmupDecayLR")
class _WarmupDecayLR(_Bounds, _Decay):
    warmup_max_lr: float = argument(0.001, low=0)

    def lines(self, entry: ReadEntry, run: RunOfConfig) -> dict[str, Schedule]:
        low, high, left = to_level(self.warmup_min_lr), run.level(self.warmup_max_lr), self.left(entry)
        fall = linear(high, low, over=left) if left else constant(low)
        return {"lr": in_order([*self.rise(low, low, high, entry), fall])}


@table_named(TABLES, "WarmupCosineLR")
class _WarmupCosineLR(_Decay):
    warmup_min_ratio: float = argument(0.0, low=0, example=0.1)
    cos_min_ratio: float = argument(0.0001, low=0)

    def lines(self, entry: ReadEntry, run: RunOfConfig) -> dict[str, Schedule]:  # as in each table
        left, floor = self.left(entry), self.cos_min_ratio
        fall = skip(cosine(to=floor, over=left), 1) if left > 1 else constant(floor)
        rise = self.rise(0.0, self.warmup_min_ratio, 1.0, entry)
        return {"lr": in_order([*rise, fall])}


@table_named(TABLES, "OneCycle")
class _OneCycle(_Common):
    cycle_min_lr: float = argument(above=0, example=1e-5)
    cycle_max_lr: float = argument(above=0, example=1e-4)
    decay_lr_rate: float = argument(0.0, low=0)
    cycle_first_step_size: int = argument(2000, low=1)
    cycle_second_step_size: int | None = argument(None, low=0, example=2000)
    cycle_first_stair_count: int = argument(0, low=0)
    cycle_second_stair_count: int | None = argument(None, low=0, example=0)
    decay_step_size: int = argument(0, low=0)
    cycle_momentum: bool = argument(default=True)
    cycle_min_mom: float = argument(0.8, low=0, high=1)
    cycle_max_mom: float = argument(0.9, low=0, high=1)
    decay_mom_rate: float = argument(0.0)

    @property
    def down(self) -> int:
        """The length of the second half of the cycle."""
        return self.cycle_first_step_size if self.cycle_second_step_size is None else self.cycle_second_step_size

    def halves(self, ends: Level, peak: Level) -> tuple[Schedule, list[Schedule]]:
        """Return the path from `ends` to `peak`, and the path back, if it has a length."""
        up, down, rises = self.cycle_first_step_size, self.down, self.cycle_first_stair_count
        falls = rises if self.cycle_second_stair_count is None else self.cycle_second_stair_count
        first = stairs(ends, peak, rises, up) if rises else linear(ends, peak, over=up)
        if not (down and falls):
            return first, [linear(peak, ends, over=down)] if down else []
        second = stairs(peak, ends, falls, down)
        # DeepSpeed rounds both halves down, so the second one leaves a stair at the first update after its boundary.
        if down % falls == 0:
            return first, [take(skip(second, down // falls - 1), down)]
        early = Fraction(2 * down - 1, 2 * falls)
        return first, [take(with_lengths(skip(second, f"{early} steps")), down)]

    def lines(self, entry: ReadEntry, run: RunOfConfig) -> dict[str, Schedule]:
        low = absolute(self.cycle_min_lr)
        first, second = self.halves(low, absolute(self.cycle_max_lr))
        after: list[Schedule] = [] if second else [constant(low)]
        if self.decay_step_size and self.decay_lr_rate:
            after = [constant(low) * inverse_time(self.decay_lr_rate, self.decay_step_size)]
        lines = {"lr": in_order([first, *second, *after])}
        if not self.cycle_momentum or not run.has_betas:
            return lines
        found = f"betas[0] cycles from {self.cycle_max_mom:g} to {self.cycle_min_mom:g}, and betas[1] is 0.99"
        path = entry.places["cycle_momentum"]
        warn_user(Problem(path, found, "Use cycle_momentum: false to keep betas", code=DEEPSPEED_ARGUMENT))
        least, most = to_level(self.cycle_min_mom), to_level(self.cycle_max_mom)
        fall, rise = self.halves(most, least)
        falling = [skip(fall, 1)] if self.cycle_first_step_size > 1 else []
        after = [] if rise else [constant(most)]
        if self.decay_step_size and self.decay_mom_rate:
            left = max(1, run.required_total(entry, "decay_mom_rate") - self.cycle_first_step_size - self.down)
            last = self.cycle_max_mom * (1 + self.decay_mom_rate * left / self.decay_step_size)
            after = [linear(most, to_level(last), over=left)]
        momentum = in_order([constant(least, 1), *falling, *rise, *after])
        return {**lines, "betas[0]": momentum, "betas[1]": constant(absolute(0.99))}


@table_named(TABLES, "LRRangeTest")
class _LRRangeTest(_Common):
    lr_range_test_min_lr: float = argument(0.001, above=0)
    lr_range_test_step_size: int = argument(2000, low=1)
    lr_range_test_step_rate: float = argument(1.0, low=0)
    lr_range_test_staircase: bool = argument(default=False)

    def lines(self, entry: ReadEntry, run: RunOfConfig) -> dict[str, Schedule]:
        total = run.required_total(entry, "lr_range_test_step_size")
        rise = linear(1.0, 1.0 + self.lr_range_test_step_rate * total / self.lr_range_test_step_size, over=total)
        shape = every(rise, self.lr_range_test_step_size) if self.lr_range_test_staircase else rise
        return {"lr": constant(run.level(self.lr_range_test_min_lr)) * shape}
