"""A scheduler of torch as a schedule: a row for each class."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from paramsched import curves
from paramsched._fault_codes import REFUSED_VALUE, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.config.dialects.torch.entries import TorchEntry
from paramsched.config.faults import Faults, child_path, short_json
from paramsched.config.peer_arguments import is_count, is_plain_number, level_of_value, no_number_in_words
from paramsched.schedules import (
    Level,
    Schedule,
    absolute,
    anneal,
    constant,
    cosine,
    cosine_restarts,
    cyclic,
    exponential,
    linear,
    multistep,
    polynomial,
    recurrence,
    restarts,
    rules,
    step,
)
from paramsched.schedules.sequence import sequence
from paramsched.time import DurationLike

_SMALL_FLOAT: Final = 1e-9


@final
@dataclass(frozen=True, slots=True)
class TorchArguments:
    """The arguments of one scheduler; what is wrong with one is noted, and another value stands in for it.

    Args:
        by_epoch: whether it is stepped once per epoch.
        run: the steps of the run, or of its stage, where they are known.
    """

    entry: TorchEntry
    faults: Faults
    by_epoch: bool
    run: int | None = None
    staged: bool = False

    def length(self, steps: int) -> DurationLike:
        """So many steps of the scheduler."""
        return f"{steps} epochs" if self.by_epoch else steps

    def refuse(self, name: str, found: str, instead: str, *, code: str = REFUSED_VALUE) -> None:
        """Note a fault of an argument."""
        self.faults.add(child_path(self.entry.path, name), found, instead, code=code)

    def number(self, name: str, low: float = -math.inf, high: float = math.inf, *, above: float = -math.inf) -> float:
        """A number in its range."""
        value = self.entry.arguments[name]
        if is_plain_number(value) and low <= value <= high and value > above:
            return float(value)
        found = no_number_in_words(value, above=above) + (f" from {low:g} to {high:g}" if low > -math.inf else "")
        self.refuse(name, found, f"Write {name}: 0.5", code=WRONG_TYPE)
        return 0.5

    def count(self, name: str) -> int:
        """A whole number of steps, at least one."""
        value = self.entry.arguments[name]
        if is_count(value, least=1):
            return int(value)
        found = f"{short_json(value)} is no whole number of steps from 1 on"
        self.refuse(name, found, f"Write {name}: 10", code=WRONG_TYPE)
        return 1

    def level(self, name: str) -> Level:
        """A value that every group has, as a level; 0 is the same in any unit."""
        return level_of_value(self.of_all_groups(name))

    def of_all_groups(self, name: str) -> float:
        """A number, or a list that says the same number for each group."""
        value = self.entry.arguments[name]
        if isinstance(value, (list, tuple)) and value and all(one == value[0] for one in value):
            value = value[0]
        if isinstance(value, (list, tuple)):
            self.refuse(name, "it differs between groups", "Write a native plan, with a line for each group")
            return 1.0
        if not is_plain_number(value):
            self.refuse(name, f"{short_json(value)} is no number", f"Write {name}: 0.1", code=WRONG_TYPE)
            return 1.0
        return float(value)

    def choice(self, name: str, among: tuple[str, ...]) -> str:
        """One of several words."""
        value = self.entry.arguments[name]
        if value not in among:
            self.refuse(name, f"{short_json(value)} is none of {', '.join(among)}", f'Write {name}: "{among[0]}"')
            return among[0]
        return str(value)


def _torch_multistep(given: TorchArguments) -> Schedule:
    # A stage has no milestones that it never comes to.
    last = given.run if given.staged and given.run is not None else math.inf
    times = [one for one in milestones_in(given) if one < last]
    gamma = given.number("gamma", above=0)
    return multistep(tuple(given.length(one) for one in times), gamma) if times else constant()


def milestones_in(given: TorchArguments) -> list[int]:
    """The milestones of a MultiStepLR in order; a state holds them as a Counter, which JSON makes a mapping of text."""
    value = given.entry.arguments["milestones"]
    if isinstance(value, (Mapping, Counter)):
        value = [
            int(one) if isinstance(one, str) and one.isdecimal() else one
            for one, times in value.items()
            if isinstance(times, int)
            for _ in range(times)
        ]
    if not isinstance(value, (list, tuple)) or not all(map(is_count, value)):
        given.refuse(
            "milestones", f"{short_json(value)} is no list of steps", "Write milestones: [30, 80]", code=WRONG_TYPE
        )
        return []
    return sorted(int(one) for one in value)


def _torch_linear(given: TorchArguments) -> Schedule:
    if given.entry.arguments["start_factor"] == 0:
        given.refuse("start_factor", "torch takes a number above 0", "Write start_factor: 1e-8")
        return constant()
    start, end = given.number("start_factor", 0, 1), given.number("end_factor", 0, 1)
    return linear(start, end, given.length(given.count("total_iters")))


def _torch_cosine(given: TorchArguments) -> Schedule:
    """Down in `T_max`; a run that goes on climbs back up, and so on."""
    steps, floor = given.count("T_max"), given.level("eta_min")
    down = cosine(1.0, floor, given.length(steps))
    if given.run is not None and given.run <= steps + 1:
        return down
    return restarts(down >> cosine(floor, 1.0, given.length(steps)), given.length(2 * steps))


def _ends_of_cycle(given: TorchArguments, *names: str) -> list[Level]:
    return [given.level(f"{name}s" if given.entry.state else name) for name in names]


def _triangles(given: TorchArguments, low: Level, high: Level) -> Schedule:
    """Triangles from one level to another."""
    found = given.entry.arguments
    if found.get("scale_fn") is not None or found.get("_scale_fn_custom") is not None:
        given.refuse("scale_fn", "a function is no data", 'Write mode: "triangular2", or a native plan with restarts')
        return constant()
    mode = given.choice("mode", ("triangular", "triangular2", "exp_range"))
    up, down = _sides(given)
    gamma = given.number("gamma", above=0) if mode == "exp_range" else 1.0
    return cyclic(given.length(up), given.length(down), low, high, mode, gamma)  # type: ignore[arg-type]


def _sides(given: TorchArguments) -> tuple[int, int]:
    """The steps up and down."""
    if given.entry.state:
        total = given.number("total_size", above=0)
        up = total * given.number("step_ratio", above=0)
        if abs(up - round(up)) > _SMALL_FLOAT * total or abs(total - round(total)) > _SMALL_FLOAT:
            given.refuse(
                "step_ratio",
                f"a side of {up!r} steps is no whole number",
                "Write a native plan with cyclic",
                code=REFUSED_VALUE,
            )
            return 1, 1
        return round(up), round(total) - round(up)
    up = given.count("step_size_up")
    return up, up if given.entry.arguments["step_size_down"] is None else given.count("step_size_down")


def _one_cycle(given: TorchArguments) -> Schedule:
    peak = given.of_all_groups("max_lr")
    first, last = given.number("div_factor", above=0), given.number("final_div_factor", above=0)
    low = peak / first
    return _cycle(given, peak, low, low / last, first, last)


def _cycle(given: TorchArguments, peak: float, low: float, floor: float, div: float, final_div: float) -> Schedule:
    """Stages where its phases are whole steps, else the rule that follows torch's real ones."""
    total = _torch_total_steps(given)
    share = given.number("pct_start", 0, 1)
    strategy = given.choice("anneal_strategy", ("cos", "linear"))
    three = bool(given.entry.arguments["three_phase"])
    top = share * total - 1
    ends = [top, 2 * top, total - 1] if three else [top, total - 1]
    lengths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    if min(lengths) <= 0:
        given.refuse("pct_start", "a phase of it has no step: torch divides by zero", "Write pct_start: 0.3")
        return constant()
    if given.by_epoch or all(abs(one - round(one)) < _SMALL_FLOAT for one in lengths):
        if any(abs(one - round(one)) >= _SMALL_FLOAT for one in lengths):
            given.refuse("pct_start", "by epochs its phases have to be whole epochs", "Write interval: step")
            return constant()
        curve = curves.cosine if strategy == "cos" else curves.linear
        levels = [low, peak, low, floor] if three else [low, peak, floor]
        stages = [
            anneal(absolute(begin), absolute(end), given.length(round(size)), curve)
            for begin, end, size in zip(levels, levels[1:], lengths, strict=False)
        ]
        return sequence(*stages)
    return recurrence(
        rules.one_cycle(
            peak,
            over=total,
            pct_start=share,
            anneal="cos" if strategy == "cos" else "linear",
            div=div,
            final_div=final_div,
            three_phase=three,
        )
    )


def _torch_total_steps(given: TorchArguments) -> int:
    """The steps of a cycle."""
    if given.entry.arguments["total_steps"] is not None:
        return given.count("total_steps")
    if given.entry.arguments["epochs"] is None or given.entry.arguments["steps_per_epoch"] is None:
        given.refuse(
            "total_steps", "it is missing", "Write total_steps, or epochs and steps_per_epoch", code=WRONG_ARGUMENT
        )
        return 10
    return given.count("epochs") * given.count("steps_per_epoch")


def _swa(given: TorchArguments) -> Schedule:
    curve = curves.cosine if given.choice("anneal_strategy", ("cos", "linear")) == "cos" else curves.linear
    level = absolute(given.of_all_groups("swa_lr"))
    if given.entry.arguments["anneal_epochs"] == 0:
        return constant(level)
    return anneal(1.0, level, given.length(given.count("anneal_epochs")), curve)


SHAPES: Final[Mapping[str, Callable[[TorchArguments], Schedule]]] = {
    "StepLR": lambda given: step(given.length(given.count("step_size")), given.number("gamma", above=0)),
    "MultiStepLR": _torch_multistep,
    "ConstantLR": lambda given: (
        constant(given.number("factor", 0, 1), given.length(given.count("total_iters"))) >> constant()
    ),
    "LinearLR": _torch_linear,
    "ExponentialLR": lambda given: exponential(given.number("gamma", above=0), given.length(1)),
    "PolynomialLR": lambda given: polynomial(
        given.number("power", above=0), over=given.length(given.count("total_iters"))
    ),
    "CosineAnnealingLR": _torch_cosine,
    "CosineAnnealingWarmRestarts": lambda given: cosine_restarts(
        given.length(given.count("T_0")), given.count("T_mult"), given.level("eta_min")
    ),
    "CyclicLR": lambda given: _triangles(given, *_ends_of_cycle(given, "base_lr", "max_lr")),
    "OneCycleLR": _one_cycle,
    "SWALR": _swa,
}
"""The schedule of each class for lr."""

SMOOTH: Final = SHAPES.keys() - {"StepLR", "MultiStepLR", "ConstantLR"}
"""Those that change from step to step: by epochs they still change between epochs only."""


def momentum_of(given: TorchArguments) -> Schedule | None:
    """What a cycle does to momentum; None where it leaves it alone."""
    name, found = given.entry.name, given.entry.arguments
    if name not in ("CyclicLR", "OneCycleLR") or not found["cycle_momentum"]:
        return None
    if name == "CyclicLR":
        return _triangles(given, *_ends_of_cycle(given, "max_momentum", "base_momentum"))
    low_value, high_value = given.of_all_groups("base_momentum"), given.of_all_groups("max_momentum")
    if low_value <= 0 or high_value <= 0:
        given.refuse("base_momentum", "momentum in a cycle is above 0", "Write cycle_momentum: false")
        return None
    return _cycle(given, low_value, high_value, high_value, low_value / high_value, 1.0)


RULES: Final[Mapping[str, Callable[[TorchArguments], Any]]] = {
    "StepLR": lambda given: rules.step(given.count("step_size"), given.number("gamma", above=0)),
    "MultiStepLR": lambda given: rules.multistep(milestones_in(given), given.number("gamma", above=0)),
    "ConstantLR": lambda given: rules.constant(given.number("factor", 0, 1), given.count("total_iters")),
    "LinearLR": lambda given: rules.linear(
        given.number("start_factor", 0, 1), given.number("end_factor", 0, 1), given.count("total_iters")
    ),
    "ExponentialLR": lambda given: rules.exponential(given.number("gamma", above=0)),
    "PolynomialLR": lambda given: rules.polynomial(given.number("power", above=0), over=given.count("total_iters")),
    "CosineAnnealingLR": lambda given: rules.cosine(given.level("eta_min"), given.count("T_max")),
}
"""What a member of a chain makes of the value that it finds, where a product would not say it."""
