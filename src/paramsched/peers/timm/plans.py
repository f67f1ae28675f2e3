"""From arguments of timm to a plan."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from paramsched.base.codes import MISSING_FACT, REFUSED_VALUE
from paramsched.base.diagnostic import ROOT, Diagnostic
from paramsched.config.faults import Faults
from paramsched.config.known_dialects import BaseLike
from paramsched.config.peer_arguments import accumulation_fact, given_rate, numbers_by_field
from paramsched.config.unused_settings import note_defaults
from paramsched.feedback import plateau
from paramsched.peers.timm.arguments import (
    CYCLES,
    SCHEDULERS,
    STABLE,
    TimmArguments,
    changes_between_epochs_only,
    curve_behind_warmup,
)
from paramsched.peers.timm.options import (
    defaults_taken,
    read_timm_arguments,
    report_unused_options,
    timm_options,
)
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.schedules import Level, Schedule, absolute, constant, every, following, linear, noise, overlay, take
from paramsched.schedules.sequence import in_order
from paramsched.time import Calendar, Duration


def recognizes(data: Any) -> bool:
    """Whether data looks like arguments of timm's."""
    said = data.get("sched") if isinstance(data, Mapping) else (timm_options(data) or {}).get("sched", (None, ""))[0]
    return said in SCHEDULERS


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # the contract
    """`lr` and `weight_decay`, where options of timm's training script say them."""
    options = timm_options(data) or {}
    found = numbers_by_field({name: value for name, (value, _) in options.items()}, "lr", "weight_decay")
    return Bases((found,), "options of timm") if "lr" in found else NO_BASES


def facts_of(data: Any) -> Calendar | None:
    """The accumulation of timm's training script."""
    return accumulation_fact((timm_options(data) or {}).get("grad_accum_steps", (None, ""))[0])


def notes_of(data: Any) -> Iterator[Diagnostic]:
    """The defaults that count where options are missing."""
    return note_defaults("timm 1.0.31", defaults_taken(data))


def to_plan(data: Any, *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
    """The plan that gives what timm's scheduler gives.

    Args:
        data: arguments of `create_scheduler_v2`, or options of timm's training script, as a mapping or as the words of
            its command line; those that are missing have timm's defaults.
        calendar: its steps in an epoch stand in for `updates_per_epoch`.
        base: lr's value; the smallest change of a plateau is written as a multiple of it.

    Raises:
        ConfigError: every fault at once, each with its path.

    >>> print(to_plan({"sched": "cosine", "num_epochs": 90, "warmup_epochs": 5, "warmup_prefix": True}))
    horizon: 95 epochs
    lr: every(linear(absolute(1e-05), 1.0, "5 epochs") >> cosine(over="90 epochs"), "1 epoch")
    >>> print(to_plan({"sched": "cosine", "num_epochs": 90, "warmup_epochs": 5}))
    horizon: 90 epochs
    lr: every(linear(absolute(1e-05), 1.0, "5 epochs") >> skip(cosine(over="90 epochs"), "5 epochs"), "1 epoch")
    """
    faults = Faults()
    given, places = read_timm_arguments(data, calendar, faults)
    report_unused_options(data, faults)
    lr = given_rate(base)
    if given.noise is not None and given.sched != "none":
        _refuse_noise(given, places["noise"], faults)
    if given.sched == "plateau":
        _refuse_unheard_metric(given, places, faults)
    if given.sched == "wsd" and lr is not None and lr < given.min_lr:
        faults.add(
            places["min_lr"],
            f"{given.min_lr:g} is above lr, {lr:g}: timm's wsd then holds it",
            "Write 0",
            code=REFUSED_VALUE,
        )
    faults.raise_any("config")
    with faults.told_at(ROOT):
        schedule = _whole_schedule(given)
        horizon = given.length(_returned_epochs(given) * given.ticks_in_epoch)
        if given.sched == "plateau":
            schedule = schedule * _plateau_rule(given, lr)
        return Plan(lr=schedule, horizon=horizon)


def _whole_schedule(given: TimmArguments) -> Schedule:
    """The curve with its warmup, changing when timm changes it."""
    whole = curve_behind_warmup(given)
    if given.warmup:
        whole = _with_warmup(given, whole)
    if given.step_on_epochs and (given.warmup or not changes_between_epochs_only(given)):
        whole = every(whole, given.length(1))
    return whole


def _with_warmup(given: TimmArguments, curve: Schedule) -> Schedule:
    """A line to base before the curve, or over its begin; over tanh it leads to where the curve then is."""
    start, over = absolute(float(given.warmup_lr)), given.length(given.warmup)
    if given.is_prefix or given.sched in ("constant", "plateau"):
        return linear(start, 1.0, over) >> curve
    meets = given.sched == "tanh"
    if given.warmup >= _returned_epochs(given) * given.ticks_in_epoch:
        return linear(start, given.floor if meets else 1.0, over)
    end: Level = following if meets else 1.0
    return overlay(linear(start, end, over), curve)


def _returned_epochs(given: TimmArguments) -> int:
    """What `create_scheduler_v2` returns beside the scheduler."""
    if given.sched in STABLE:
        ticks = given.warmup + given.stable_and_decay
    elif given.sched in CYCLES:
        mul, limit = given.cycle_mul, given.cycle_limit
        ticks = given.run * limit if mul == 1 else int(-given.run * (mul**limit - 1) / (1 - mul) // 1)
        ticks += given.warmup if given.warmup_prefix else 0
    else:
        return given.num_epochs + (given.warmup_epochs if given.warmup_prefix else 0)
    return (ticks + given.cooldown_epochs * given.ticks_in_epoch) // given.ticks_in_epoch


def _refuse_noise(given: TimmArguments, path: str, faults: Faults) -> None:
    """timm seeds torch's generator anew for each draw; a plan's own noise is of the same kind, with other draws."""
    found = "timm draws it from torch's generator, and a plan draws other numbers"
    faults.add(
        path,
        found,
        "Leave it out" if faults.count else f"Write a native plan, lr: {_with_noise(given)}",
        code=REFUSED_VALUE,
    )


def _with_noise(given: TimmArguments) -> Schedule:
    """The schedule with noise of a plan's own, between the counts at which timm has it."""
    begin, end = given.noise if isinstance(given.noise, tuple) else (given.noise or 0.0, None)
    draws = noise(
        given.noise_std,
        clip=given.noise_pct / given.noise_std,
        seed=42 if given.noise_seed is None else max(given.noise_seed, 0),
    )
    before = _first_count(begin, given)
    stages: list[Schedule] = [constant(1.0, before)] if before.terms else []
    if end is None:
        stages.append(draws)
    else:
        last = _first_count(end, given)
        stages += [take(draws, last - before if last.terms else last), constant()]
    plain = curve_behind_warmup(given)
    whole = (_with_warmup(given, plain) if given.warmup else plain) * in_order(stages)
    return every(whole, given.length(1)) if given.step_on_epochs else whole


def _first_count(share: float, given: TimmArguments) -> Duration:
    return given.length(max(-int(-share * given.run // 1), 0))


def _refuse_unheard_metric(given: TimmArguments, places: Mapping[str, str], faults: Faults) -> None:
    """A metric without a name, and values of it that timm does not look at."""
    metric = given.eval_metric or "top1"
    mode = f'"{metric}", "{given.plateau_mode}", factor={given.decay_rate!r}, patience={given.patience_epochs}'
    if given.eval_metric is None:
        found = "plateau: it follows a metric, and nothing says its name"
        instead = f"Write eval_metric: {metric}, or a native plan, lr: plateau({mode})"
        faults.add(places["sched"], found, instead, code=MISSING_FACT)
    if given.warmup:
        found = "timm does not look at the metric in its warmup, and a rule of a plan does"
        line = f'every({linear(absolute(given.warmup_lr), 1.0, given.length(given.warmup))} >> constant(), "epoch")'
        instead = f"Write warmup_epochs: 0, or a native plan, lr: {line} * plateau({mode})"
        faults.add(places["warmup_epochs"], found, instead, code=MISSING_FACT)


def _plateau_rule(given: TimmArguments, lr: float | None) -> Any:
    """torch's plateau, whose floor and smallest change are values."""
    mode: Literal["min", "max"] = "min" if given.plateau_mode == "min" else "max"
    return plateau(
        given.eval_metric or "",
        mode,
        factor=given.decay_rate,
        patience=given.patience_epochs,
        min=given.floor,
        eps=1e-8 / lr if lr else 0.0,
    )
