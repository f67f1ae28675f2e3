"""Conversion of timm's arguments, or the options of its training script, to a plan."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from paramsched.compat.timm.arguments import (
    CYCLES,
    SCHEDULERS,
    STABLE,
    TimmArguments,
    changes_between_epochs_only,
    curve_after_warmup,
)
from paramsched.core.base.codes import MISSING_FACT, NOT_IN_SCRIPT, REFUSED_VALUE
from paramsched.core.base.diagnostic import ROOT, Diagnostic, warn_user
from paramsched.core.feedback import plateau
from paramsched.core.files.arguments import (
    accumulation_fact,
    arguments_of,
    defaults_of,
    given_rate,
    located,
    names_of,
    numbers_by_field,
    read_arguments,
    to_level,
    updates_with_accumulation,
)
from paramsched.core.files.command_lines import named_options, value_of_words
from paramsched.core.files.diagnostic_collector import DiagnosticCollector
from paramsched.core.files.known_dialects import BaseLike
from paramsched.core.files.unused_settings import has_setting, note_defaults, report_no_settings, report_unused_settings
from paramsched.core.plan import Plan
from paramsched.core.plan.extras import NO_BASES, Bases
from paramsched.core.schedules import Level, Schedule, absolute, following
from paramsched.core.schedules.anneal import linear
from paramsched.core.schedules.recipes import overlay
from paramsched.core.schedules.retimed import every
from paramsched.core.time import Calendar

scheduler_entries = ("sched",)
command_lines = True

_OPTIONS: Final = names_of(TimmArguments)
"""The name of each argument, by name and by option of timm's script."""

_SCRIPT_DEFAULTS: Final[Mapping[str, Any]] = {
    "num_epochs": 100,
    "decay_epochs": 30,
    "decay_milestones": (30, 60),
    "warmup_epochs": 5,
}
"""Defaults of timm's `scheduler_kwargs` that differ from those of the arguments."""

_COMMAND_LINE_DEFAULTS: Final[Mapping[str, Any]] = {"warmup_epochs": 5, "cycle_decay": 0.5, "eval_metric": "top1"}
"""Defaults of the script's command line that differ from those of the arguments."""

_OF_MANY_PROGRAMS: Final = frozenset({"seed", "min_lr", "eval_metric"})
"""Options that do not identify timm, because many programs have them."""

_SWITCHES: Final = ("sched_on_updates", "warmup_prefix")


def timm_options(data: Any) -> Mapping[str, tuple[Any, str]] | None:
    """Return the options of timm's training script with their paths; None for arguments of `create_scheduler_v2`."""
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
    """Read the arguments and their config paths, and report all errors."""
    options, is_config = timm_options(data), isinstance(data, Mapping)
    keys = (data if is_config else options or {}).keys() - _OF_MANY_PROGRAMS
    # A misspelled option of a command is not an error, because the script of the command may have it.
    if not (has_setting(keys, _OPTIONS) if is_config else keys & _OPTIONS.keys()):
        found, instead = (
            "expected options of timm's script, or arguments of its schedulers",
            "For example sched: cosine",
        )
        report_no_settings(data, _OPTIONS, diagnostics, library="timm", found=found, instead=instead)
        diagnostics.raise_any("config")
    written = located(data, ROOT) if options is None else {}
    if options is not None:
        written = {option: one for option, one in options.items() if option in _OPTIONS and option != "plateau_mode"}
        if "sched_on_updates" in options:
            value, path = options["sched_on_updates"]
            written["sched_on_updates"] = (not value if isinstance(value, bool) else value, path)
    arguments, places, _ = read_arguments(
        TimmArguments,
        written,
        ROOT,
        diagnostics,
        defaults={} if options is None else _defaults_of_script(data),
        aliases=options is not None,
        last_counts=not is_config,
    )
    if options is not None:  # the script derives the mode from the metric
        arguments = replace(arguments, plateau_mode="min" if "loss" in str(arguments.eval_metric) else "max")
    if calendar is not None and not arguments.updates_per_epoch:
        value, path = (options or {}).get("grad_accum_steps", (None, ""))
        # timm's script rounds up if it accumulates batches.
        accumulates = value is not None and calendar.steps_per_epoch is None
        updates = (
            updates_with_accumulation(value, path, calendar, diagnostics) if accumulates else calendar.updates_per_epoch
        )
        updates = updates or 0
        arguments = replace(
            arguments, updates_per_epoch=updates, in_updates=updates != (calendar.updates_per_epoch or 0)
        )
    if list(arguments.decay_milestones) != sorted(arguments.decay_milestones):
        found = "expected a sorted list, which timm assumes"
        instead = f"Write [{', '.join(f'{one:g}' for one in sorted(arguments.decay_milestones))}]"
        diagnostics.add(places["decay_milestones"], found, instead, code=REFUSED_VALUE)
    if not diagnostics.count:
        check_together(arguments, places, diagnostics)
    return arguments, places


def _defaults_of_script(data: Any) -> Mapping[str, Any]:
    return _SCRIPT_DEFAULTS if isinstance(data, Mapping) else _COMMAND_LINE_DEFAULTS


_HARMLESS: Final = (
    "lr", "epoch_repeats", "mixup_off_epoch", "start_epoch", "layer_decay", "layer_decay_min_scale",
    "layer_decay_no_opt_scale", "model_ema_decay", "model_ema_warmup", "cooldown_epochs", "train_batches_per_epoch",
    "train_size_schedule", "train_size_schedule_spread", "use_multi_epochs_loader",
)  # fmt: skip
"""Options of timm's script with names similar to those of schedules, which do not affect a schedule."""

_RATE_OF_BATCH: Final = ("lr_base", "lr_base_size", "lr_base_scale")
"""Options that determine lr if it is not specified, from the batch size of all processes."""


def report_unused_options(data: Any, diagnostics: DiagnosticCollector) -> None:
    """Report options that look like settings of a schedule but are not options of timm."""
    options = timm_options(data)
    if options is None:
        return
    written = {name: path for name, (value, path) in options.items() if value is not None}
    used = [*_OPTIONS, *_HARMLESS, *(_RATE_OF_BATCH if "lr" in written else ())]
    report_unused_settings(written, used, diagnostics, library="timm")
    for name in ("c", "config"):
        if name in written and not isinstance(data, Mapping):
            found = f"the options in the file {options[name][0]} are not read"
            warn_user(Diagnostic(written[name], found, code=NOT_IN_SCRIPT))


def defaults_taken(data: Any) -> dict[str, object]:
    """Return the missing options of timm's script that affect the schedule, with their defaults."""
    options = timm_options(data)
    if options is None:
        return {}
    arguments = {_OPTIONS.get(name, name): value for name, (value, _) in options.items() if value is not None}
    values = {**defaults_of(TimmArguments), **_defaults_of_script(data), **arguments}
    sched = values["sched"]
    used = ["sched", "num_epochs", *(["warmup_epochs"] if sched != "none" else [])]
    used += ["warmup_lr"] if sched != "none" and values["warmup_epochs"] else []
    used += ["min_lr", "cooldown_epochs"] if sched in (*CYCLES, *STABLE) else []
    used += _USED_BY.get(str(sched), ())
    written = {argument: option for option, argument in _OPTIONS.items() if option != "dr"}
    if values["decay_epochs"] is None:
        values["decay_epochs"] = TimmArguments(sched=sched).epochs_of_decay
    return {written[name]: values[name] for name in used if name not in arguments}


_USED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "step": ("decay_epochs", "decay_rate"),
    "multistep": ("decay_milestones", "decay_rate"),
    "poly": ("decay_rate",),
    "plateau": ("patience_epochs", "decay_rate", "min_lr"),
}

_MAX_ROUNDED_COUNTS: Final = 10_000_000
"""The most counts of a run for which rounding is checked at each count."""


def check_together(arguments: TimmArguments, places: Mapping[str, str], diagnostics: DiagnosticCollector) -> None:
    """Report combinations of arguments that timm refuses."""

    def refuse(name: str, found: str, code: str = REFUSED_VALUE) -> None:
        diagnostics.add(places[name], found, code=code)

    if not arguments.step_on_epochs and not arguments.updates_per_epoch:
        found = "lr changes at each update, and the number of updates per epoch is unknown"
        instead = "For example: updates_per_epoch: 500, or pass a calendar"
        diagnostics.add(places["updates_per_epoch"], found, instead, code=MISSING_FACT)
        return
    if arguments.sched in STABLE and not 0 < arguments.decay <= arguments.stable_and_decay:
        unit = "epochs" if arguments.step_on_epochs else "updates"
        refuse(
            "decay_epochs",
            f"the decay has {arguments.decay} {unit}, and only {arguments.stable_and_decay} remain after the warmup",
        )
    if arguments.sched == "rsqrt" and arguments.stable_timescale is None and not arguments.warmup:
        refuse("stable_timescale", "it defaults to the length of the warmup, which is 0")
    if arguments.sched == "step" and arguments.step_period.denominator > 1 and arguments.run > _MAX_ROUNDED_COUNTS:
        found = f"it is not an integer, so timm rounds at each of {arguments.run:,} counts"
        refuse("decay_epochs", found)
    if arguments.sched == "plateau":
        if not arguments.step_on_epochs:
            refuse("step_on_epochs", "a plateau must step by epochs")
        if arguments.decay_rate >= 1:
            refuse("decay_rate", f"it must be less than 1, got {arguments.decay_rate!r}")


def recognizes(data: Any) -> bool:
    """Return whether data looks like arguments of timm."""
    scheduler = (
        data.get("sched") if isinstance(data, Mapping) else (timm_options(data) or {}).get("sched", (None, ""))[0]
    )
    return scheduler in SCHEDULERS


def bases_of(data: Any, calendar: Calendar | None) -> Bases:  # noqa: ARG001  # each peer has this parameter
    """Return `lr` and `weight_decay` as bases, if options of timm's training script contain them."""
    options = timm_options(data) or {}
    found = numbers_by_field({name: value for name, (value, _) in options.items()}, "lr", "weight_decay")
    return Bases((found,), "options of timm") if "lr" in found else NO_BASES


def facts_of(data: Any) -> Calendar | None:
    """Return the accumulation in the options of timm's training script."""
    return accumulation_fact((timm_options(data) or {}).get("grad_accum_steps", (None, ""))[0])


def notes_of(data: Any) -> Iterator[Diagnostic]:
    """Return notes on the defaults of missing options."""
    return note_defaults("timm 1.0.31", defaults_taken(data))


def to_plan(data: Any, *, calendar: Calendar | None = None, base: BaseLike | None = None) -> Plan:
    """Return the plan with the values of timm's scheduler.

    Args:
        data: arguments of `create_scheduler_v2`, or options of timm's training script, as a mapping or as a command
            line; missing ones have timm's defaults.
        calendar: run facts; `steps_per_epoch` is used if `updates_per_epoch` is missing.
        base: the base of lr; the smallest reduction of a plateau is a multiple of it. Default: no smallest reduction.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.

    >>> print(to_plan({"sched": "cosine", "num_epochs": 90, "warmup_epochs": 5, "warmup_prefix": True}))
    horizon: 95 epochs
    lr: every(linear(absolute(1e-05), 1.0, "5 epochs") >> cosine(over="90 epochs"), "1 epoch")
    >>> print(to_plan({"sched": "cosine", "num_epochs": 90, "warmup_epochs": 5}))
    horizon: 90 epochs
    lr: every(linear(absolute(1e-05), 1.0, "5 epochs") >> skip(cosine(over="90 epochs"), "5 epochs"), "1 epoch")
    """
    diagnostics = DiagnosticCollector()
    arguments, places = read_timm_arguments(data, calendar, diagnostics)
    report_unused_options(data, diagnostics)
    lr = given_rate(base)
    if arguments.noise is not None and arguments.sched != "none":
        diagnostics.add(places["noise"], "a plan has no random numbers", "Leave it out", code=REFUSED_VALUE)
    if arguments.sched == "plateau":
        _check_metric(arguments, places, diagnostics)
    if arguments.sched == "wsd" and lr is not None and lr < arguments.min_lr:
        found = (
            f"it must not be greater than lr={lr:g}, because timm's wsd then stays constant, got {arguments.min_lr:g}"
        )
        diagnostics.add(places["min_lr"], found, "For example: 0", code=REFUSED_VALUE)
    diagnostics.raise_any("config")
    with diagnostics.reported_at(ROOT):
        run = _returned_epochs(arguments) * arguments.ticks_in_epoch
        schedule, horizon = with_warmup(arguments, curve_after_warmup(arguments), run), arguments.length(run)
        if arguments.sched == "plateau":
            rule = plateau(
                arguments.eval_metric or "",
                arguments.plateau_mode,
                factor=arguments.decay_rate,
                patience=arguments.patience_epochs,
                min=arguments.floor,
                eps=1e-8 / lr if lr else 0.0,
            )
            schedule = schedule * rule
        return Plan(lr=schedule, horizon=horizon)


def with_warmup(arguments: TimmArguments, curve: Schedule, run: int) -> Schedule:
    """Add the warmup to a curve, which changes between epochs only if it steps on epochs.

    Args:
        arguments: the arguments.
        curve: the schedule without its warmup.
        run: the counts of the run.
    """
    if arguments.warmup:
        curve = _after_ramp(arguments, curve, run)
    if arguments.step_on_epochs and (arguments.warmup or not changes_between_epochs_only(arguments)):
        return every(curve, arguments.length(1))
    return curve


def _after_ramp(arguments: TimmArguments, curve: Schedule, run: int) -> Schedule:
    """Add a linear warmup to base before the curve or in place of its start; before tanh it ends at the curve."""
    start, over = to_level(float(arguments.warmup_lr)), arguments.length(arguments.warmup)
    if arguments.is_prefix or arguments.sched in ("constant", "plateau"):
        return linear(start, 1.0, over) >> curve
    meets = arguments.sched == "tanh"
    if arguments.warmup >= run:
        return linear(start, arguments.floor if meets else 1.0, over)
    end: Level = following if meets else 1.0
    return overlay(linear(start, end, over), curve)


def _returned_epochs(arguments: TimmArguments) -> int:
    """Return the number of epochs that `create_scheduler_v2` returns with the scheduler."""
    if arguments.sched in STABLE:
        ticks = arguments.warmup + arguments.stable_and_decay
    elif arguments.sched in CYCLES:
        mul, limit = arguments.cycle_mul, arguments.cycle_limit
        ticks = arguments.run * limit if mul == 1 else int(-arguments.run * (mul**limit - 1) / (1 - mul) // 1)
        ticks += arguments.warmup if arguments.warmup_prefix else 0
    else:
        return arguments.num_epochs + (arguments.warmup_epochs if arguments.warmup_prefix else 0)
    return (ticks + arguments.cooldown_epochs * arguments.ticks_in_epoch) // arguments.ticks_in_epoch


def _check_metric(arguments: TimmArguments, places: Mapping[str, str], diagnostics: DiagnosticCollector) -> None:
    """Report a metric without a name, and a warmup, during which timm ignores the metric."""
    metric = arguments.eval_metric or "top1"
    mode = (
        f'"{metric}", "{arguments.plateau_mode}", factor={arguments.decay_rate!r}, patience={arguments.patience_epochs}'
    )
    if arguments.eval_metric is None:
        found = "the name of the metric of the plateau is missing"
        instead = f"Use eval_metric: {metric}, or a native plan, lr: plateau({mode})"
        diagnostics.add(places["sched"], found, instead, code=MISSING_FACT)
    if arguments.warmup:
        found = "timm ignores the metric during the warmup, and a rule of a plan does not"
        ramp = linear(absolute(arguments.warmup_lr), 1.0, arguments.length(arguments.warmup))
        line = f'every({ramp} >> constant(), "epoch")'
        instead = f"Use warmup_epochs: 0, or a native plan, lr: {line} * plateau({mode})"
        diagnostics.add(places["warmup_epochs"], found, instead, code=MISSING_FACT)
