"""From timm's arguments, or the options of its training script, to a plan."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from paramsched.base.codes import MISSING_FACT, NOT_IN_SCRIPT, REFUSED_VALUE
from paramsched.base.diagnostic import ROOT, Diagnostic
from paramsched.base.user_warnings import warn_user
from paramsched.config.arguments import (
    accumulation_fact,
    arguments_of,
    defaults_of,
    given_rate,
    located,
    names_of,
    numbers_by_field,
    read_arguments,
    updates_with_accumulation,
)
from paramsched.config.command_lines import named_options, value_of_words
from paramsched.config.diagnostic_collector import DiagnosticCollector
from paramsched.config.known_dialects import BaseLike
from paramsched.config.unused_settings import note_defaults, report_unused_settings
from paramsched.feedback import plateau
from paramsched.peers.timm.arguments import (
    CYCLES,
    SCHEDULERS,
    STABLE,
    TimmArguments,
    changes_between_epochs_only,
    curve_behind_warmup,
)
from paramsched.plan import Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.schedules import Level, Schedule, absolute, constant, every, following, linear, noise, overlay, take
from paramsched.schedules.sequence import in_order
from paramsched.time import Calendar, Duration

_OPTIONS: Final = names_of(TimmArguments)
"""The arguments by name, and by the option of timm's script."""

_OF_SCRIPT: Final[Mapping[str, Any]] = {
    "num_epochs": 100,
    "decay_epochs": 30,
    "decay_milestones": (30, 60),
    "warmup_epochs": 5,
}
"""What timm's `scheduler_kwargs` takes where an option is missing, if that is not the default of the argument."""

_OF_COMMAND_LINE: Final[Mapping[str, Any]] = {"warmup_epochs": 5, "cycle_decay": 0.5, "eval_metric": "top1"}
"""The same of the script's command line."""

_SWITCHES: Final = ("sched_on_updates", "warmup_prefix")


def timm_options(data: Any) -> Mapping[str, tuple[Any, str]] | None:
    """The options of timm's training script, each with its place; None for arguments of `create_scheduler_v2`."""
    if isinstance(data, Mapping):
        aliases = _OPTIONS.keys() - arguments_of(TimmArguments).keys() - {"seed"}
        return located(data, ROOT) if "num_epochs" not in data and any(name in data for name in aliases) else None
    found = {name: (value_of_words(words), path) for name, (words, path) in named_options(data).items()}
    found |= {name: (True, found[name][1]) for name in _SWITCHES if name in found}
    times, path = found.get("decay_milestones", ([], ""))
    return (found if isinstance(times, list) else {**found, "decay_milestones": ([times], path)}) or None


def read_timm_arguments(
    data: Any, calendar: Calendar | None, diagnostics: DiagnosticCollector
) -> tuple[TimmArguments, dict[str, str]]:
    """Read the arguments, and the location of each; report every problem."""
    options = timm_options(data)
    if options is not None:
        written = {option: one for option, one in options.items() if option in _OPTIONS and option != "plateau_mode"}
        if "sched_on_updates" in options:
            value, path = options["sched_on_updates"]
            written["sched_on_updates"] = (not value if isinstance(value, bool) else value, path)
        given, places, _ = read_arguments(TimmArguments, written, ROOT, diagnostics, defaults=_defaults_of_script(data))
        # The script derives the mode from the metric.
        given = replace(given, plateau_mode="min" if "loss" in str(given.eval_metric) else "max")
    else:
        if not isinstance(data, Mapping):
            diagnostics.refuse_kind(ROOT, data, "arguments", "Write sched: cosine")
            data = {}
        given, places, _ = read_arguments(TimmArguments, located(data, ROOT), ROOT, diagnostics, aliases=False)
    if calendar is not None and not given.updates_per_epoch:
        value, path = (options or {}).get("grad_accum_steps", (None, ""))
        # timm's script rounds up if it accumulates batches.
        accumulates = value is not None and calendar.steps_per_epoch is None
        updates = (
            updates_with_accumulation(value, path, calendar, diagnostics) if accumulates else calendar.updates_per_epoch
        )
        updates = updates or 0
        given = replace(given, updates_per_epoch=updates, in_updates=updates != (calendar.updates_per_epoch or 0))
    if list(given.decay_milestones) != sorted(given.decay_milestones):
        found = "they are not in order, and timm takes them to be"
        instead = f"Write [{', '.join(f'{one:g}' for one in sorted(given.decay_milestones))}]"
        diagnostics.add(places["decay_milestones"], found, instead, code=REFUSED_VALUE)
    if not diagnostics.count:
        _check_together(given, places, diagnostics)
    return given, places


def _defaults_of_script(data: Any) -> Mapping[str, Any]:
    return _OF_SCRIPT if isinstance(data, Mapping) else _OF_COMMAND_LINE


_HARMLESS: Final = (
    "lr", "epoch_repeats", "mixup_off_epoch", "start_epoch", "layer_decay", "layer_decay_min_scale",
    "layer_decay_no_opt_scale", "model_ema_decay", "model_ema_warmup", "cooldown_epochs", "train_batches_per_epoch",
    "train_size_schedule", "train_size_schedule_spread", "use_multi_epochs_loader",
)  # fmt: skip
"""Options of timm's script whose names look like those of schedules, which they leave as they are."""

_RATE_OF_BATCH: Final = ("lr_base", "lr_base_size", "lr_base_scale")
"""The rate of a run that says none: it depends on the batch size of all processes."""


def report_unused_options(data: Any, diagnostics: DiagnosticCollector) -> None:
    """Report options that look like settings of a schedule, and are none of timm's."""
    options = timm_options(data)
    if options is None:
        return
    written = {name: path for name, (value, path) in options.items() if value is not None}
    used = [*_OPTIONS, *_HARMLESS, *(_RATE_OF_BATCH if "lr" in written else ())]
    report_unused_settings(written, used, diagnostics, library="timm")
    for name in ("c", "config"):
        if name in written and not isinstance(data, Mapping):
            found = f"the options in {options[name][0]} are not read"
            warn_user(Diagnostic(written[name], found, code=NOT_IN_SCRIPT))


def defaults_taken(data: Any) -> dict[str, object]:
    """The options of timm's script that data leaves out and that its schedule depends on."""
    options = timm_options(data)
    if options is None:
        return {}
    given = {_OPTIONS.get(name, name): value for name, (value, _) in options.items() if value is not None}
    values = {**defaults_of(TimmArguments), **_defaults_of_script(data), **given}
    sched = values["sched"]
    used = ["sched", "num_epochs", "warmup_epochs", *(["warmup_lr"] if values["warmup_epochs"] else [])]
    used += ["min_lr", "cooldown_epochs"] if sched in (*CYCLES, *STABLE) else []
    used += _USED_BY.get(str(sched), ())
    written = {argument: option for option, argument in _OPTIONS.items() if option != "dr"}
    return {written[name]: values[name] for name in used if name not in given}


_USED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "step": ("decay_epochs", "decay_rate"),
    "multistep": ("decay_milestones", "decay_rate"),
    "poly": ("decay_rate",),
    "plateau": ("patience_epochs", "decay_rate", "min_lr"),
}

_MOST_ROUNDED: Final = 10_000_000
"""Counts of a run whose steps are looked at one by one."""


def _check_together(given: TimmArguments, places: Mapping[str, str], diagnostics: DiagnosticCollector) -> None:
    """Report what timm asserts of several arguments."""

    def refuse(name: str, found: str, example: object, code: str = REFUSED_VALUE) -> None:
        diagnostics.add(places[name], found, entry=(places[name].rpartition(".")[2], example), code=code)

    if not given.step_on_epochs and not given.updates_per_epoch:
        found = "nothing says how many updates an epoch has, and the rate changes at each"
        instead = "Write updates_per_epoch: 500, or give a calendar"
        diagnostics.add(places["updates_per_epoch"], found, instead, code=MISSING_FACT)
        return
    if given.sched in STABLE and not 0 < given.decay <= given.stable_and_decay:
        unit = "epochs" if given.step_on_epochs else "updates"
        refuse(
            "decay_epochs", f"a descent of {given.decay} {unit}, and the warmup leaves {given.stable_and_decay}", 0.2
        )
    if given.sched == "rsqrt" and given.stable_timescale is None and not given.warmup:
        refuse("stable_timescale", "it is as long as the warmup where it is not given, and there is none", 10)
    if given.sched == "step" and given.step_period.denominator > 1 and given.run > _MOST_ROUNDED:
        found = f"it is no whole number, so timm rounds in each of {given.run:,} counts"
        refuse("decay_epochs", found, 30)
    if given.sched == "plateau":
        if not given.step_on_epochs:
            opposite = places["step_on_epochs"].endswith("sched_on_updates")
            refuse("step_on_epochs", "a plateau steps by epochs", not opposite)
        if given.decay_rate >= 1:
            refuse("decay_rate", f"{given.decay_rate!r} reduces nothing", 0.1)


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
    diagnostics = DiagnosticCollector()
    given, places = read_timm_arguments(data, calendar, diagnostics)
    report_unused_options(data, diagnostics)
    lr = given_rate(base)
    if given.noise is not None and given.sched != "none":
        # timm seeds torch's generator anew for each draw.
        found = "timm draws it from torch's generator, and a plan draws other numbers"
        instead = "Leave it out" if diagnostics.count else f"Write a native plan, lr: {_with_noise(given)}"
        diagnostics.add(places["noise"], found, instead, code=REFUSED_VALUE)
    if given.sched == "plateau":
        _refuse_unheard_metric(given, places, diagnostics)
    if given.sched == "wsd" and lr is not None and lr < given.min_lr:
        found = f"{given.min_lr:g} is above lr, {lr:g}: timm's wsd then holds it"
        diagnostics.add(places["min_lr"], found, "Write 0", code=REFUSED_VALUE)
    diagnostics.raise_any("config")
    with diagnostics.reported_at(ROOT):
        schedule = curve_behind_warmup(given)
        if given.warmup:
            schedule = _with_warmup(given, schedule)
        if given.step_on_epochs and (given.warmup or not changes_between_epochs_only(given)):
            schedule = every(schedule, given.length(1))
        horizon = given.length(_returned_epochs(given) * given.ticks_in_epoch)
        if given.sched == "plateau":
            rule = plateau(
                given.eval_metric or "",
                given.plateau_mode,
                factor=given.decay_rate,
                patience=given.patience_epochs,
                min=given.floor,
                eps=1e-8 / lr if lr else 0.0,
            )
            schedule = schedule * rule
        return Plan(lr=schedule, horizon=horizon)


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


def _with_noise(given: TimmArguments) -> Schedule:
    """The schedule with noise of a plan's own, between the counts at which timm has it."""
    begin, end = given.noise if isinstance(given.noise, tuple) else (given.noise or 0.0, None)
    draws = noise(
        given.noise_std,
        clip=given.noise_pct / given.noise_std,
        seed=42 if given.noise_seed is None else max(given.noise_seed, 0),
    )

    def first_count(share: float) -> Duration:
        return given.length(max(-int(-share * given.run // 1), 0))

    before = first_count(begin)
    stages: list[Schedule] = [constant(1.0, before)] if before.terms else []
    if end is None:
        stages.append(draws)
    else:
        last = first_count(end)
        stages += [take(draws, last - before if last.terms else last), constant()]
    plain = curve_behind_warmup(given)
    whole = (_with_warmup(given, plain) if given.warmup else plain) * in_order(stages)
    return every(whole, given.length(1)) if given.step_on_epochs else whole


def _refuse_unheard_metric(given: TimmArguments, places: Mapping[str, str], diagnostics: DiagnosticCollector) -> None:
    """A metric without a name, and values of it that timm does not look at."""
    metric = given.eval_metric or "top1"
    mode = f'"{metric}", "{given.plateau_mode}", factor={given.decay_rate!r}, patience={given.patience_epochs}'
    if given.eval_metric is None:
        found = "plateau: it follows a metric, and nothing says its name"
        instead = f"Write eval_metric: {metric}, or a native plan, lr: plateau({mode})"
        diagnostics.add(places["sched"], found, instead, code=MISSING_FACT)
    if given.warmup:
        found = "timm does not look at the metric in its warmup, and a rule of a plan does"
        line = f'every({linear(absolute(given.warmup_lr), 1.0, given.length(given.warmup))} >> constant(), "epoch")'
        instead = f"Write warmup_epochs: 0, or a native plan, lr: {line} * plateau({mode})"
        diagnostics.add(places["warmup_epochs"], found, instead, code=MISSING_FACT)
