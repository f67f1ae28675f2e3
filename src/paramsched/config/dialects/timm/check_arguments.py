"""Arguments of timm from a mapping or the words of a command line: names, types, ranges; every fault at once."""

import math
from collections.abc import Mapping
from typing import Any, Final

from paramsched._fault_codes import (
    MISSING_FACT,
    NOT_IN_SCRIPT,
    REFUSED_VALUE,
    UNKNOWN_FIELD,
    UNKNOWN_NAME,
    WRONG_TYPE,
)
from paramsched.config.command_lines import advice_instead, named_options, value_of_words
from paramsched.config.dialects.timm.arguments import CYCLES, DEFAULTS, SCHEDULERS, STABLE, TimmArguments
from paramsched.config.faults import ROOT, Faults, child_path, short_json
from paramsched.config.peer_arguments import (
    is_plain_number,
    no_number_in_words,
    updates_with_accumulation,
)
from paramsched.config.unused_settings import report_unused_settings
from paramsched.near_names import did_you_mean
from paramsched.time import Calendar
from paramsched.user_warnings import PlanCaution, warn_user

DECAYS: Final = ("linear", "1-sqrt", "cosine", "power", "exp")
"""What `decay_fn` may be."""

_OPTIONS: Final[Mapping[str, str]] = {
    "epochs": "num_epochs",
    "lr_noise": "noise",
    "lr_noise_pct": "noise_pct",
    "lr_noise_std": "noise_std",
    "lr_cycle_mul": "cycle_mul",
    "lr_cycle_decay": "cycle_decay",
    "lr_cycle_limit": "cycle_limit",
    "lr_k_decay": "k_decay",
    "lr_decay_fn": "decay_fn",
    "lr_stable_timescale": "stable_timescale",
    "sched_on_updates": "step_on_epochs",
    "seed": "noise_seed",
    "dr": "decay_rate",
}
"""Options of timm's training script that have another name than the argument they become."""

_OF_SCRIPT: Final[Mapping[str, Any]] = {
    "num_epochs": 100,
    "decay_epochs": 30,
    "decay_milestones": (30, 60),
    "warmup_epochs": 5,
}
"""What timm's `scheduler_kwargs` takes where an option is missing, if that is not the default of the argument."""

_OF_COMMAND_LINE: Final[Mapping[str, Any]] = {"warmup_epochs": 5, "cycle_decay": 0.5, "eval_metric": "top1"}
"""The same of the script's command line."""

_MOST_CYCLES: Final = 1_000
_SWITCHES: Final = ("sched_on_updates", "warmup_prefix")
_COUNTS: Final = ("num_epochs", "warmup_epochs", "cooldown_epochs", "patience_epochs", "updates_per_epoch")


def timm_options(data: Any) -> Mapping[str, tuple[Any, str]] | None:
    """The options of timm's training script, each with its place; None for arguments of `create_scheduler_v2`."""
    if isinstance(data, Mapping):
        script = "num_epochs" not in data and any(name in data for name in _OPTIONS if name != "seed")
        return {str(name): (value, child_path(ROOT, name)) for name, value in data.items()} if script else None
    return {name: (_read_words(name, words), path) for name, (words, path) in named_options(data).items()} or None


def _read_words(name: str, words: Any) -> Any:
    """Numbers are read, and a switch that is there is on."""
    if name in _SWITCHES:
        return True
    if name == "decay_milestones" and not isinstance(words, list):
        words = [words]
    return value_of_words(words)


def checked_timm_arguments(
    data: Any, calendar: Calendar | None, faults: Faults
) -> tuple[TimmArguments, Mapping[str, str]]:
    """The arguments, and where each stands; what is wrong with one is noted, and its default stands for it."""
    options = timm_options(data)
    if options is None and not isinstance(data, Mapping):
        faults.refuse_kind(ROOT, data, "arguments", "Write sched: cosine")
        data = {}
    given, places = _named_arguments(data, faults) if options is None else _named_by_options(options)
    missing = {} if options is None else _OF_SCRIPT if isinstance(data, Mapping) else _OF_COMMAND_LINE
    values = {**DEFAULTS, **missing, **given}
    for name in DEFAULTS:
        places.setdefault(name, child_path(ROOT, name))
    if options is not None:
        values["plateau_mode"] = "min" if "loss" in str(values["eval_metric"]) else "max"
    checked = _ArgumentCheck(values, places, faults)
    if calendar is not None and not values["updates_per_epoch"]:
        values["updates_per_epoch"] = _updates_of_epoch(options, calendar, faults) or 0
    in_updates = bool(calendar and values["updates_per_epoch"] != (calendar.updates_per_epoch or 0))
    if values["decay_epochs"] is None:
        values["decay_epochs"] = 0.2 if values["sched"] in STABLE else 90
    checked.kinds()
    checked.numbers()
    checked.lists()
    if not faults.count:
        checked.together()
    found = {**values, "decay_milestones": tuple(values["decay_milestones"])}
    return TimmArguments(**found, in_updates=in_updates and "updates_per_epoch" not in given), places


_ACCUMULATION: Final = "grad_accum_steps"


def _updates_of_epoch(options: Mapping[str, tuple[Any, str]] | None, calendar: Calendar, faults: Faults) -> int | None:
    """The updates of an epoch, rounded up as timm's script does where it accumulates batches."""
    value, path = (options or {}).get(_ACCUMULATION, (None, ""))
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
    used = [*DEFAULTS, *_OPTIONS, *_HARMLESS, *(_RATE_OF_BATCH if "lr" in written else ())]
    report_unused_settings(written, used, faults, library="timm")
    for name in ("c", "config"):
        if name in written and not isinstance(data, Mapping):
            found = f"the options in {options[name][0]} are not read"
            warn_user(PlanCaution(written[name], found, NOT_IN_SCRIPT))


def defaults_taken(data: Any) -> dict[str, object]:
    """The options of timm's script that data leaves out and that its schedule depends on."""
    options = timm_options(data)
    if options is None:
        return {}
    given = {_OPTIONS.get(name, name): value for name, (value, _) in options.items() if value is not None}
    values = {**DEFAULTS, **(_OF_SCRIPT if isinstance(data, Mapping) else _OF_COMMAND_LINE), **given}
    sched = values["sched"]
    used = ["sched", "num_epochs", "warmup_epochs", *(["warmup_lr"] if values["warmup_epochs"] else [])]
    used += ["min_lr", "cooldown_epochs"] if sched in (*CYCLES, *STABLE) else []
    used += _USED_BY.get(str(sched), ())
    written = {argument: option for option, argument in _OPTIONS.items() if option != "dr"}
    return {written.get(name, name): values[name] for name in used if name not in given}


_USED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "step": ("decay_epochs", "decay_rate"),
    "multistep": ("decay_milestones", "decay_rate"),
    "poly": ("decay_rate",),
    "plateau": ("patience_epochs", "decay_rate", "min_lr"),
}


def _named_arguments(data: Mapping[Any, Any], faults: Faults) -> tuple[dict[str, Any], dict[str, str]]:
    faults.refuse_unknown(data, DEFAULTS, ROOT, "no such argument", code=UNKNOWN_FIELD)
    given = {name: value for name, value in data.items() if name in DEFAULTS}
    return given, {name: child_path(ROOT, name) for name in given}


def _named_by_options(options: Mapping[str, tuple[Any, str]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Options of the script; its others schedule nothing."""
    given: dict[str, Any] = {}
    places: dict[str, str] = {}
    for option, (value, path) in options.items():
        name = _OPTIONS.get(option, option)
        if name in DEFAULTS:
            turned = option == "sched_on_updates" and isinstance(value, bool)
            given[name], places[name] = not value if turned else value, path
    return given, places


_MOST_ROUNDED: Final = 10_000_000
"""Counts of a run whose steps are looked at one by one."""


class _ArgumentCheck:
    """Checks of values; a faulty one is noted, and replaced by its default so that reading goes on."""

    def __init__(self, values: dict[str, Any], places: Mapping[str, str], faults: Faults) -> None:
        self.values, self.places, self.faults = values, places, faults

    def fault(self, name: str, found: str, instead: str = "", *, code: str = REFUSED_VALUE) -> None:
        self.faults.add(self.places[name], found, instead, code=code)

    def replace(self, name: str, found: str, instead: str, *, code: str = REFUSED_VALUE) -> None:
        self.fault(name, found, instead, code=code)
        self.values[name] = 90 if name == "decay_epochs" else DEFAULTS[name]

    def kinds(self) -> None:
        """Words and switches."""
        sched = self.values["sched"]
        if sched not in SCHEDULERS:
            meant = did_you_mean(str(sched), SCHEDULERS)
            self.replace("sched", f"{short_json(sched)}: no such scheduler; {meant}", "", code=UNKNOWN_NAME)
        for name in ("warmup_prefix", "step_on_epochs"):
            if not isinstance(self.values[name], bool):
                found = f"{short_json(self.values[name])} is not true or false"
                self.replace(name, found, f"Write {self.written(name)}: true", code=WRONG_TYPE)
        if self.values["decay_fn"] not in (None, *DECAYS):
            word = self.values["decay_fn"]
            self.replace(
                "decay_fn",
                f"{short_json(word)}: no such curve; {did_you_mean(str(word), DECAYS)}",
                "",
                code=UNKNOWN_NAME,
            )
        if self.values["plateau_mode"] not in ("min", "max"):
            self.replace("plateau_mode", f"{short_json(self.values['plateau_mode'])} is no mode", "Write max or min")
        if self.values["eval_metric"] is not None and not isinstance(self.values["eval_metric"], str):
            self.replace(
                "eval_metric", f"{short_json(self.values['eval_metric'])} is no name", "Write top1", code=WRONG_TYPE
            )

    def written(self, name: str) -> str:
        return self.places[name].rpartition(".")[2]

    def numbers(self) -> None:
        """Whole ones where timm's own clock counts them."""
        for name in _COUNTS:
            self.number(name, least=1 if name == "num_epochs" else 0, whole=True)
        sched, cycles = self.values["sched"], self.values["sched"] in CYCLES
        self.number("cycle_limit", least=1, most=_MOST_CYCLES if cycles else math.inf, whole=True)
        for name in ("min_lr", "warmup_lr"):
            self.number(name, least=0)
        self.number("decay_epochs", above=0)
        self.number("decay_rate", above=0 if sched in ("poly", "step", "multistep", "plateau") else -math.inf)
        self.number("k_decay", above=0 if sched in ("cosine", "poly") else -math.inf)
        several = cycles and self.values["cycle_limit"] != 1
        self.number("cycle_mul", least=1 if cycles else -math.inf)
        self.number("cycle_decay", above=0 if several else -math.inf)
        if self.values["stable_timescale"] is not None:
            self.number("stable_timescale", above=0)
        for name in ("noise_pct", "noise_std"):
            self.number(name, above=0 if self.values["noise"] is not None else -math.inf)
        if self.values["noise_seed"] is None:
            self.values["noise_seed"] = DEFAULTS["noise_seed"]
        self.number("noise_seed", whole=True)

    def number(
        self,
        name: str,
        *,
        least: float = -math.inf,
        above: float = -math.inf,
        most: float = math.inf,
        whole: bool = False,
    ) -> None:
        """Note what is no number in its range."""
        value = self.values[name]
        sample = 300 if name == "num_epochs" else 1 if name.startswith("cycle") else 5 if whole else 0.1
        write = advice_instead(value, f"Write {self.written(name)}: {sample}")
        if not is_plain_number(value) or not least <= value <= most or not value > above:
            limit = f" and at most {most:,}" if most < math.inf else ""
            self.replace(name, no_number_in_words(value, least, above) + limit, write, code=WRONG_TYPE)
        elif whole and value != int(value):
            self.replace(name, f"{value!r} is no whole number", write, code=WRONG_TYPE)
        elif whole:
            self.values[name] = int(value)

    def lists(self) -> None:
        """Milestones in order; the begin and the end of the noise."""
        milestones = self.values["decay_milestones"]
        if not isinstance(milestones, (list, tuple)) or not all(map(is_plain_number, milestones)):
            found = f"{short_json(milestones)} is no list of epochs"
            self.replace("decay_milestones", found, "Write [30, 60]", code=WRONG_TYPE)
        elif list(milestones) != sorted(milestones):
            found = "they are not in order, and timm takes them to be"
            self.fault("decay_milestones", found, f"Write {sorted(milestones)}", code=REFUSED_VALUE)
        noise = self.values["noise"]
        if isinstance(noise, (list, tuple)):
            if len(noise) in (1, 2) and all(map(is_plain_number, noise)):
                self.values["noise"] = tuple(noise) if len(noise) == 2 else noise[0]
            else:
                self.replace("noise", f"{short_json(noise)} is no begin and end", "Write [0.4, 0.9]")
        elif noise is not None and not is_plain_number(noise):
            self.replace("noise", f"{short_json(noise)} is no share of the run", "Write 0.4")

    def together(self) -> None:
        """What timm asserts of several arguments."""
        values = self.values
        if values["step_on_epochs"] is False and not values["updates_per_epoch"]:
            found = "nothing says how many updates an epoch has, and the rate changes at each"
            self.fault(
                "updates_per_epoch", found, "Write updates_per_epoch: 500, or give a calendar", code=MISSING_FACT
            )
            return
        given = TimmArguments(**{**values, "decay_milestones": tuple(values["decay_milestones"])})
        if given.sched in STABLE:
            if not 0 < given.decay <= given.stable_and_decay:
                unit = "epochs" if given.step_on_epochs else "updates"
                found = f"a descent of {given.decay} {unit}, and the warmup leaves {given.stable_and_decay}"
                self.fault("decay_epochs", found, f"Write {self.written('decay_epochs')}: 0.2")
            if given.sched == "rsqrt" and given.stable_timescale is None and not given.warmup:
                found = "it is as long as the warmup where it is not given, and there is none"
                self.fault("stable_timescale", found, f"Write {self.written('stable_timescale')}: 10")
        if given.sched == "step" and given.step_period.denominator > 1 and given.run > _MOST_ROUNDED:
            found = f"it is no whole number, so timm rounds in each of {given.run:,} counts"
            self.fault("decay_epochs", found, f"Write {self.written('decay_epochs')}: 30")
        if given.sched == "plateau":
            if not given.step_on_epochs:
                switch = self.written("step_on_epochs")
                by_epoch = "false" if switch == "sched_on_updates" else "true"
                self.fault("step_on_epochs", "a plateau steps by epochs", f"Write {switch}: {by_epoch}")
            if given.decay_rate >= 1:
                self.fault("decay_rate", f"{given.decay_rate!r} reduces nothing", "Write decay_rate: 0.1")
