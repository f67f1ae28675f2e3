"""The dialect of timm: the keyword arguments of `timm.scheduler.create_scheduler_v2`, as a mapping.

- `sched` is `cosine`, `poly`, `step`, `multistep` or `constant`; what the others are missing is said
- counts are epochs; they change the rate between epochs, or at each update with `step_on_epochs: false`
- a warmup replaces the first values of the curve, whose clock has been running; `warmup_prefix: true` puts it before
- `min_lr` and `warmup_lr` are values; the plan's horizon is the number of epochs that timm returns

Facts: timm 1.0.31.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, final

from paramsched import curves
from paramsched.config.data_paths import child_path
from paramsched.config.faults import Faults
from paramsched.config.known_dialects import BaseLike
from paramsched.config.value_words import short_json, type_in_words
from paramsched.errors import InvalidArgument
from paramsched.near_names import did_you_mean
from paramsched.plan import Plan
from paramsched.schedules import (
    Level,
    Schedule,
    absolute,
    anneal,
    constant,
    every,
    multistep,
    recurrence,
    rules,
    step,
    warmup,
)
from paramsched.schedules.sequence import sequence
from paramsched.time import Calendar, DurationLike

_DEFAULTS: Final[Mapping[str, Any]] = {
    "sched": "cosine",
    "num_epochs": 300,
    "decay_epochs": 90,
    "decay_milestones": (90, 180, 270),
    "cooldown_epochs": 0,
    "patience_epochs": 10,
    "decay_rate": 0.1,
    "min_lr": 0.0,
    "warmup_lr": 1e-5,
    "warmup_epochs": 0,
    "warmup_prefix": False,
    "noise": None,
    "noise_pct": 0.67,
    "noise_std": 1.0,
    "noise_seed": 42,
    "cycle_mul": 1.0,
    "cycle_decay": 0.1,
    "cycle_limit": 1,
    "k_decay": 1.0,
    "decay_fn": None,
    "stable_timescale": None,
    "plateau_mode": "max",
    "step_on_epochs": True,
    "updates_per_epoch": 0,
}
"""The arguments, and what timm takes where one is missing."""

_NOT_SAID: Final[Mapping[str, tuple[str, str]]] = {
    "tanh": ("its curve only comes near its levels, and no shape does that yet", 'Write sched: "cosine"'),
    "wsd": ("it is not read yet", 'Write a native plan, lr: wsd("5 epochs", "20%", curve=curves.one_minus_sqrt)'),
    "rsqrt": ("it is not read yet", 'Write a native plan, lr: warmup("5 epochs") >> inverse_sqrt("5 epochs")'),
    "plateau": (
        "it reacts to a metric whose name timm does not say",
        'Write a native plan, lr: plateau("top1", "max", factor=0.1, patience=10)',
    ),
    "none": ("it schedules nothing: there is no plan", "Write lr: constant() for a plan that holds lr"),
}
"""Schedulers that are known and have no plan: why, and what to write."""

_SMOOTH: Final = ("cosine", "poly")
_SCHEDULERS: Final = (*_SMOOTH, "step", "multistep", "constant")
_MOST_CYCLES: Final = 1_000


def recognizes(data: Any) -> bool:
    """Whether data looks like arguments of timm's."""
    return isinstance(data, Mapping) and data.get("sched") in (*_SCHEDULERS, *_NOT_SAID)


def to_plan(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: BaseLike | None = None,  # noqa: ARG001  # the contract; timm's values are values in a plan too
) -> Plan:
    """The plan that gives what timm's scheduler gives.

    Args:
        data: arguments of `create_scheduler_v2`; those that are missing have timm's defaults.
        calendar: its steps in an epoch stand in for `updates_per_epoch`.
        base: is not needed.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> print(to_plan({"sched": "cosine", "num_epochs": 90, "warmup_epochs": 5, "warmup_prefix": True}))
    horizon: 95 epochs
    lr: every(linear(absolute(1e-05), 1.0, "5 epochs") >> cosine(over="90 epochs"), "1 epoch")
    """
    faults = Faults()
    given = _checked_arguments(data, calendar, faults)
    faults.raise_any("config")
    clock = _TimmClock(given)
    try:
        plan = Plan(lr=_with_warmup(given, clock), horizon=f"{_returned_epochs(given, clock)} epochs")
    except InvalidArgument as refusal:
        faults.refuse("$", refusal)
        faults.raise_any("config")
        raise
    return plan


# ---- arguments


def _checked_arguments(data: Any, calendar: Calendar | None, faults: Faults) -> dict[str, Any]:
    """All arguments; what is wrong with them is noted."""
    if not isinstance(data, Mapping):
        faults.add("$", f"{type_in_words(data)}, no arguments", "Write sched: cosine")
        return dict(_DEFAULTS)
    for name in data:
        if name not in _DEFAULTS:
            faults.add(child_path("$", name), f"no such argument; {did_you_mean(str(name), _DEFAULTS)}")
    given = {**_DEFAULTS, **data}
    if given["decay_epochs"] is None:
        given["decay_epochs"] = _DEFAULTS["decay_epochs"]
    if calendar is not None and not given["updates_per_epoch"]:
        given["updates_per_epoch"] = calendar.updates_per_epoch or 0
    _check_kind(given["sched"], faults)
    _check_numbers(given, faults)
    if given["noise"] is not None:
        faults.add("$.noise", "no shape of a plan has noise yet", "Leave noise out")
    if given["step_on_epochs"] is False and not given["updates_per_epoch"]:
        faults.add("$.updates_per_epoch", "it is missing where step_on_epochs is false", "Write updates_per_epoch: 500")
    return given


def _check_kind(kind: Any, faults: Faults) -> None:
    if isinstance(kind, str) and kind in _NOT_SAID:
        why, instead = _NOT_SAID[kind]
        faults.add("$.sched", f"{kind}: {why}", instead)
    elif kind not in _SCHEDULERS:
        faults.add("$.sched", f"{short_json(kind)}: no such scheduler; {did_you_mean(str(kind), _SCHEDULERS)}")


def _check_numbers(given: Mapping[str, Any], faults: Faults) -> None:
    """Types, ranges, and whole numbers where timm's own clock counts them."""
    for name in ("num_epochs", "warmup_epochs", "cooldown_epochs", "cycle_limit", "updates_per_epoch"):
        least = 1 if name in ("num_epochs", "cycle_limit") else 0
        _check_number(given, name, faults, least=least, most=_MOST_CYCLES if name == "cycle_limit" else 10**9)
        if isinstance(given[name], float) and not given[name].is_integer():
            faults.add(child_path("$", name), f"{given[name]!r} is no whole number", f"Write {name}: 5")
    for name in ("min_lr", "warmup_lr", "decay_rate", "cycle_decay", "k_decay"):
        _check_number(given, name, faults, least=0)
    _check_number(given, "decay_epochs", faults, above=0)
    _check_number(given, "cycle_mul", faults, least=1)
    for name in ("warmup_prefix", "step_on_epochs"):
        if not isinstance(given[name], bool):
            faults.add(child_path("$", name), f"{short_json(given[name])} is not true or false", f"Write {name}: true")
    milestones = given["decay_milestones"]
    if not isinstance(milestones, (list, tuple)) or not all(_is_count(one) for one in milestones):
        faults.add("$.decay_milestones", f"{short_json(milestones)} is no list of epochs", "Write [30, 60]")
    elif list(milestones) != sorted(milestones):
        faults.add("$.decay_milestones", "they are not in order, and timm takes them to be", "Write them in order")


def _check_number(
    given: Mapping[str, Any],
    name: str,
    faults: Faults,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
) -> None:
    """Note a fault where an argument is no number in its range."""
    value = given[name]
    if not _is_count(value) or not (least <= value <= most and value > above):
        bound = f"above {above:g}" if above > -math.inf else f"from {least:g} on"
        limit = f" and at most {most:,}" if most < 10**9 else ""
        faults.add(child_path("$", name), f"{short_json(value)} is no number {bound}{limit}", f"Write {name}: 1")


def _is_count(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


# ---- the clock


@final
@dataclass(frozen=True, slots=True)
class _TimmClock:
    """What timm's scheduler counts: epochs, or updates."""

    given: Mapping[str, Any]

    @property
    def by_epoch(self) -> bool:
        return bool(self.given["step_on_epochs"])

    @property
    def ticks_in_epoch(self) -> int:
        return 1 if self.by_epoch else int(self.given["updates_per_epoch"])

    def ticks(self, name: str) -> int:
        """An argument in epochs, in the scheduler's own counts."""
        return int(self.given[name]) * self.ticks_in_epoch

    def length(self, ticks: float) -> DurationLike:
        """So many counts as a length of a plan."""
        return f"{int(ticks)} epochs" if self.by_epoch else int(ticks)


# ---- the schedule


def _with_warmup(given: Mapping[str, Any], clock: _TimmClock) -> Schedule:
    """The curve with its warmup, changing when timm changes it."""
    ticks, start = clock.ticks("warmup_epochs"), absolute(float(given["warmup_lr"]))
    if ticks and not given["warmup_prefix"] and given["sched"] != "constant":
        by: Literal["epoch", "update"] = "epoch" if clock.by_epoch else "update"
        below = rules.schedule(_curve_of(given, clock, int), by=by)
        return recurrence(below, rules.schedule(warmup(ticks, start), end=ticks, by=by))
    curve = _curve_of(given, clock, clock.length)
    if ticks:
        curve = warmup(clock.length(ticks), start) >> curve
    smooth = ticks or given["sched"] in _SMOOTH
    return every(curve, "epoch") if smooth and clock.by_epoch else curve


def _curve_of(given: Mapping[str, Any], clock: _TimmClock, length: Any) -> Schedule:
    """What follows the warmup, on its own clock; `length` writes a number of counts."""
    match given["sched"]:
        case "step":
            return _even_stairs(given, clock, length)
        case "multistep":
            return _at_milestones(given, clock, length)
        case "constant":
            return constant()
    return _cosine_or_power_cycles(given, clock, length)


def _at_milestones(given: Mapping[str, Any], clock: _TimmClock, length: Any) -> Schedule:
    """A factor at each milestone of the run; timm acts one count before it."""
    # The first value of a run without a warmup is base in any case.
    first = 0 if given["warmup_prefix"] and given["warmup_epochs"] else 1
    counts = [max(math.ceil(one * clock.ticks_in_epoch - 1), first) for one in given["decay_milestones"]]
    times = tuple(length(count) for count in counts if count < clock.ticks("num_epochs"))
    return multistep(times, float(given["decay_rate"])) if times else constant()


def _even_stairs(given: Mapping[str, Any], clock: _TimmClock, length: Any) -> Schedule:
    """A factor every `decay_epochs`, which may be parts of epochs: then at the counts where timm's division rounds."""
    size, rate = given["decay_epochs"] * clock.ticks_in_epoch, float(given["decay_rate"])
    if size == int(size):
        return step(length(size), rate)
    run = clock.ticks("num_epochs")
    times = [length(t) for t in range(1, run) for _ in range(int(t // size) - int((t - 1) // size))]
    return multistep(tuple(times), rate) if times else constant()


def _cosine_or_power_cycles(given: Mapping[str, Any], clock: _TimmClock, length: Any) -> Schedule:
    """Descents one after the other, each `cycle_mul` as long and `cycle_decay` as high; then the floor."""
    floor: Level = absolute(float(given["min_lr"])) if given["min_lr"] else 0.0
    first = clock.ticks("num_epochs")
    mul, limit = given["cycle_mul"], int(given["cycle_limit"])
    stages = [
        anneal(
            float(given["cycle_decay"]) ** index,
            floor,
            length(_cycle_length(first, mul, index, limit)),
            _descent_curve(given),
        )
        for index in range(limit)
    ]
    return stages[0] if limit == 1 else sequence(*stages)


def _descent_curve(given: Mapping[str, Any]) -> curves.Curve:
    """The curve of a descent."""
    k, power = float(given["k_decay"]), float(given["decay_rate"])
    if given["sched"] == "cosine":
        return curves.cosine if k == 1 else curves.cosine_k_decay(k)
    if k == 1:
        return curves.linear if power == 1 else curves.polynomial(power)
    return curves.polynomial_k_decay(power, k)


def _cycle_length(first: int, mul: float, index: int, limit: int) -> int:
    """The counts of a cycle.

    timm finds the cycle of a count by a logarithm, which may round down where a cycle begins: the floor then stands
    where the peak should. A plan does not say that.
    """
    exact = first * mul**index
    begin = index * first if mul == 1 else first * (1 - mul**index) / (1 - mul)
    asked = f"timm(cycle_mul={mul:g}, cycle_limit={limit})"
    if exact != int(exact) or begin != int(begin):
        raise InvalidArgument(asked, f"a cycle of {exact:g} counts is no whole number", "Write cycle_mul: 2")
    if mul != 1 and math.floor(math.log(1 - begin / first * (1 - mul), mul)) != index:
        found = f"timm itself rounds the begin of cycle {index} into the one before"
        raise InvalidArgument(asked, found, "Write cycle_mul: 2")
    return int(exact)


def _returned_epochs(given: Mapping[str, Any], clock: _TimmClock) -> int:
    """The number of epochs that `create_scheduler_v2` returns with the scheduler."""
    warm = clock.ticks("warmup_epochs") if given["warmup_prefix"] else 0
    ticks, limit, mul = clock.ticks("num_epochs"), int(given["cycle_limit"]), given["cycle_mul"]
    if given["sched"] not in _SMOOTH:
        return (ticks + warm) // clock.ticks_in_epoch
    run = ticks * limit if mul == 1 else math.floor(-ticks * (mul**limit - 1) / (1 - mul))
    return (run + warm + clock.ticks("cooldown_epochs")) // clock.ticks_in_epoch
