"""timm's arguments from a mapping, or from the options of its training script: `args.yaml` or a command line."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from paramsched.base.codes import MISSING_FACT, NOT_IN_SCRIPT, REFUSED_VALUE
from paramsched.base.diagnostic import ROOT, Diagnostic
from paramsched.base.user_warnings import warn_user
from paramsched.config.arguments import arguments_of, defaults_of, located, names_of, read_arguments
from paramsched.config.command_lines import named_options, value_of_words
from paramsched.config.faults import Faults
from paramsched.config.peer_arguments import updates_with_accumulation
from paramsched.config.unused_settings import report_unused_settings
from paramsched.peers.timm.arguments import CYCLES, STABLE, TimmArguments
from paramsched.time import Calendar

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
    return {name: (_read_words(name, words), path) for name, (words, path) in named_options(data).items()} or None


def _read_words(name: str, words: Any) -> Any:
    """Numbers are read, and a switch that is there is on."""
    if name in _SWITCHES:
        return True
    if name == "decay_milestones" and not isinstance(words, list):
        words = [words]
    return value_of_words(words)


def read_timm_arguments(data: Any, calendar: Calendar | None, faults: Faults) -> tuple[TimmArguments, dict[str, str]]:
    """Read the arguments, and the location of each; report every problem."""
    options = timm_options(data)
    if options is not None:
        given, places = _read_options(options, _defaults_of_script(data), faults)
    else:
        if not isinstance(data, Mapping):
            faults.refuse_kind(ROOT, data, "arguments", "Write sched: cosine")
            data = {}
        given, places, _ = read_arguments(TimmArguments, located(data, ROOT), ROOT, faults, aliases=False)
    if calendar is not None and not given.updates_per_epoch:
        updates = _updates_of_epoch(options, calendar, faults) or 0
        given = replace(given, updates_per_epoch=updates, in_updates=updates != (calendar.updates_per_epoch or 0))
    if list(given.decay_milestones) != sorted(given.decay_milestones):
        found = "they are not in order, and timm takes them to be"
        instead = f"Write [{', '.join(f'{one:g}' for one in sorted(given.decay_milestones))}]"
        faults.add(places["decay_milestones"], found, instead, code=REFUSED_VALUE)
    if not faults.count:
        _check_together(given, places, faults)
    return given, places


def _defaults_of_script(data: Any) -> Mapping[str, Any]:
    return _OF_SCRIPT if isinstance(data, Mapping) else _OF_COMMAND_LINE


def _read_options(
    options: Mapping[str, tuple[Any, str]], defaults: Mapping[str, Any], faults: Faults
) -> tuple[TimmArguments, dict[str, str]]:
    """Read the options of timm's script, which derives `plateau_mode` from the metric."""
    written = {option: one for option, one in options.items() if option in _OPTIONS and option != "plateau_mode"}
    if "sched_on_updates" in options:
        value, path = options["sched_on_updates"]
        written["sched_on_updates"] = (not value if isinstance(value, bool) else value, path)
    given, places, _ = read_arguments(TimmArguments, written, ROOT, faults, defaults=defaults)
    return replace(given, plateau_mode="min" if "loss" in str(given.eval_metric) else "max"), places


def _updates_of_epoch(options: Mapping[str, tuple[Any, str]] | None, calendar: Calendar, faults: Faults) -> int | None:
    """The updates of an epoch, rounded up as timm's script does where it accumulates batches."""
    value, path = (options or {}).get("grad_accum_steps", (None, ""))
    if value is None or calendar.steps_per_epoch is not None:
        return calendar.updates_per_epoch
    return updates_with_accumulation(value, path, calendar, faults)


_HARMLESS: Final = (
    "lr", "epoch_repeats", "mixup_off_epoch", "start_epoch", "layer_decay", "layer_decay_min_scale",
    "layer_decay_no_opt_scale", "model_ema_decay", "model_ema_warmup", "cooldown_epochs", "train_batches_per_epoch",
    "train_size_schedule", "train_size_schedule_spread", "use_multi_epochs_loader",
)  # fmt: skip
"""Options of timm's script whose names look like those of schedules, which they leave as they are."""

_RATE_OF_BATCH: Final = ("lr_base", "lr_base_size", "lr_base_scale")
"""The rate of a run that says none: it depends on the batch size of all processes."""


def report_unused_options(data: Any, faults: Faults) -> None:
    """Report options that look like settings of a schedule, and are none of timm's."""
    options = timm_options(data)
    if options is None:
        return
    written = {name: path for name, (value, path) in options.items() if value is not None}
    used = [*_OPTIONS, *_HARMLESS, *(_RATE_OF_BATCH if "lr" in written else ())]
    report_unused_settings(written, used, faults, library="timm")
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


def _check_together(given: TimmArguments, places: Mapping[str, str], faults: Faults) -> None:
    """Report what timm asserts of several arguments."""

    def refuse(name: str, found: str, example: object, code: str = REFUSED_VALUE) -> None:
        faults.add(places[name], found, entry=(places[name].rpartition(".")[2], example), code=code)

    if not given.step_on_epochs and not given.updates_per_epoch:
        found = "nothing says how many updates an epoch has, and the rate changes at each"
        instead = "Write updates_per_epoch: 500, or give a calendar"
        faults.add(places["updates_per_epoch"], found, instead, code=MISSING_FACT)
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
