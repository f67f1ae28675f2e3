"""What transformers is told about a run: the scheduler's name and arguments, the warmup, the length."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from fractions import Fraction
from itertools import islice
from typing import Any, Final, final

from paramsched.base.codes import REFUSED_VALUE, UNKNOWN_FIELD, UNKNOWN_NAME, WRONG_ARGUMENT, WRONG_TYPE
from paramsched.base.diagnostic import child_path
from paramsched.base.near_names import did_you_mean
from paramsched.config.command_lines import advice_instead
from paramsched.config.faults import Faults, short_json
from paramsched.config.known_dialects import BaseLike
from paramsched.config.peer_arguments import (
    given_rate,
    is_plain_number,
    level_of_value,
    no_number_in_words,
    updates_with_accumulation,
)
from paramsched.config.unused_settings import report_unused_settings
from paramsched.schedules import Level
from paramsched.time import Calendar, Duration, DurationLike

_SAMPLES: Final[Mapping[str, float]] = {"max_steps": 1000, "learning_rate": 5e-5, "lr": 5e-5, "warmup_steps": 500}
"""Values as one writes them, for advice, where the default is none."""


@final
class Keywords:
    """The keyword arguments that one scheduler was given; what is wrong with them is noted.

    Args:
        values: the arguments; None is one that was not given.
    """

    def __init__(self, values: Mapping[str, Any], path: str, faults: Faults) -> None:
        self.values, self.path, self.faults = values, path, faults

    def given(self, name: str) -> bool:
        return self.values.get(name) is not None

    def fault(self, name: str, found: str, instead: str = "", *, code: str = REFUSED_VALUE) -> None:
        self.faults.add(child_path(self.path, name), found, instead, code=code)

    def number(self, name: str, default: float, *, least: float = -math.inf, above: float = -math.inf) -> float:
        """A finite number in its range; the default where it is none."""
        value = self.values.get(name)
        if value is None:
            return default
        if is_plain_number(value) and value >= least and value > above:
            return float(value)
        instead = advice_instead(value, f"Write {name}: {_SAMPLES.get(name, default):g}")
        self.fault(name, no_number_in_words(value, least, above), instead, code=WRONG_TYPE)
        return default

    def count(self, name: str, default: int, *, least: int = 0) -> int:
        """A whole number of updates."""
        value = self.number(name, default, least=least)
        if value != int(value):
            self.fault(name, f"{value!r} is no whole number", f"Write {name}: {math.ceil(value)}", code=WRONG_TYPE)
        return int(value)

    def flag(self, name: str) -> bool:
        """Yes or no; no where nothing is said."""
        value = self.values.get(name, False)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(name, f"{short_json(value)} is neither true nor false", f"Write {name}: true", code=WRONG_TYPE)
        return False

    def choice(self, name: str, default: str, choices: Iterable[str]) -> str:
        """One of a few words."""
        value = self.values.get(name, default)
        if value not in [*choices]:
            self.fault(
                name,
                f"{short_json(value)}: {did_you_mean(str(value), choices)}",
                f'Write {name}: "{default}"',
                code=UNKNOWN_NAME,
            )
            return default
        return str(value)

    def floor(self) -> Level:
        """Of `min_lr`, a value, and `min_lr_rate`, a multiple of base, the one that is there."""
        if self.given("min_lr") == self.given("min_lr_rate"):
            found = "both are there" if self.given("min_lr") else "neither is there"
            self.faults.add(
                self.path, f"of min_lr and min_lr_rate {found}", "Write min_lr_rate: 0.1", code=REFUSED_VALUE
            )
        if self.given("min_lr"):
            return level_of_value(self.number("min_lr", 1e-6, least=0))
        return self.number("min_lr_rate", 0.1, least=0)


SAID_BY_CALL: Final = ("name", "num_warmup_steps", "num_training_steps", "scheduler_specific_kwargs")
"""What `get_scheduler` takes."""

SAID_BY_TRAINER: Final = (
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "warmup_steps",
    "warmup_ratio",
    "max_steps",
    "num_train_epochs",
    "learning_rate",
    "gradient_accumulation_steps",
)
"""What of a `TrainingArguments` a plan is made of."""

LEARNING_RATE: Final = 5e-5
"""The rate of a `TrainingArguments` that says none."""

_RENAMED: Final = {
    "lr_scheduler": "lr_scheduler_type",
    "lr_schedule": "lr_scheduler_type",
    "scheduler": "lr_scheduler_type",
    "scheduler_type": "lr_scheduler_type",
    "num_epochs": "num_train_epochs",
    "epochs": "num_train_epochs",
    "max_epochs": "num_train_epochs",
    "train_epochs": "num_train_epochs",
    "max_train_steps": "max_steps",
    "train_steps": "max_steps",
    "total_steps": "max_steps",
    "max_train_epochs": "num_train_epochs",
    "num_warmup_steps": "warmup_steps",
    "num_training_steps": "max_steps",
}
"""Names in other programs of settings that a `TrainingArguments` has."""

_HARMLESS: Final = ("lr", "num_iterations", "num_ppo_epochs", "ppo_epochs", "multi_turn_scheduler")
"""The rate by another name; and keys of trainers built upon transformers' that schedule nothing."""

_DEFAULTS: Final[Mapping[str, object]] = {
    "lr_scheduler_type": "linear",
    "num_train_epochs": 3,
    "learning_rate": 5e-5,
    "warmup_steps": 0,
}

_MOST_NAMES: Final = 2_000
"""Entries that are compared with ours; a `TrainingArguments` has 130."""

_EPOCHS: Final = 3.0
_OF_ALL: Final = ("lr", "learning_rate", "optimizer", "metric_for_best_model")
_CALLED: Final = {
    "lr_scheduler_type": "name",
    "lr_scheduler_kwargs": "scheduler_specific_kwargs",
    "warmup_steps": "num_warmup_steps",
    "max_steps": "num_training_steps",
}


@final
@dataclass(frozen=True, slots=True)
class RunArguments:
    """A run as transformers is told about it.

    Args:
        warmup: its length; per cent where the length of the run is not known.
        horizon: the run's length as a plan says it.
        metric: what its metric is called in a plan.
        total_name: the argument that would say `total`.
    """

    name: str
    warmup: Duration
    total: int | None
    horizon: DurationLike | None
    keywords: Keywords
    lr: float | None
    metric: str
    total_name: str

    @property
    def left(self) -> int | None:
        """The updates behind the warmup, where they are known."""
        return None if self.total is None or not self.warmup.is_resolved else self.total - self.warmup.updates

    @property
    def all_warmup(self) -> bool:
        """Whether nothing of the run is left behind the warmup."""
        return self.left is not None and self.left <= 0


def is_call(data: Mapping[str, Any]) -> bool:
    """Whether these are arguments of `get_scheduler`, not those of a trainer."""
    own = any(name in data for name in SAID_BY_TRAINER if name != "learning_rate")
    return not own and any(name in data for name in SAID_BY_CALL)


def run_arguments(data: Any, calendar: Calendar | None, base: BaseLike | None, faults: Faults) -> RunArguments:
    """What data says of the run; what is wrong with it is noted."""
    if not isinstance(data, Mapping):
        faults.refuse_kind("$", data, "arguments", "Write lr_scheduler_type: cosine")
        data = {}
    called = is_call(data)
    words = {ours: (theirs if called else ours) for ours, theirs in _CALLED.items()}
    own = Keywords(data, "$", faults)
    name, keywords = _scheduler_name(data, words["lr_scheduler_type"], faults), _own_arguments(data, words, own)
    if not called:
        _refuse_misspelt_names(data, faults)
        _report_unused_names(data, faults)
    total, horizon = _length_of_call(own, calendar) if called else _length_of_training(own, calendar)
    lr = given_rate(base)
    if lr is None:
        written = own.number("learning_rate" if own.given("learning_rate") else "lr", 0.0, least=0)
        lr = written or (None if called else LEARNING_RATE)
    metric = data.get("metric_for_best_model") or "loss"
    if not called and not str(metric).startswith("eval_"):
        metric = f"eval_{metric}"
    warmup = _length_of_warmup(own, total, horizon, called=called)
    return RunArguments(name, warmup, total, horizon, keywords, lr, str(metric), words["max_steps"])


def _scheduler_name(data: Mapping[str, Any], key: str, faults: Faults) -> str:
    """However an enum was written."""
    value = data.get(key)
    if value is None and key == "name":
        faults.add("$.name", "it is missing", "Write name: cosine", code=WRONG_ARGUMENT)
    found = value.value if isinstance(value, Enum) else "linear" if value is None else value
    return str(found).removeprefix("SchedulerType.").lower() if isinstance(found, str) else short_json(found)


def _own_arguments(data: Mapping[str, Any], words: Mapping[str, str], own: Keywords) -> Keywords:
    """A mapping, or JSON in a text; beside the others in a call of its function."""
    key = words["lr_scheduler_kwargs"]
    given, path = data.get(key), child_path("$", key)
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError as error:
            own.fault(key, f"no JSON: {error}", "Write {num_cycles: 3}", code=WRONG_TYPE)
            given = None
    if given is not None and not isinstance(given, Mapping):
        own.faults.refuse_kind(path, given, "arguments", "Write {num_cycles: 3}")
        given = None
    if given or key != "scheduler_specific_kwargs":
        return Keywords(given or {}, path, own.faults)
    beside = {name: value for name, value in data.items() if name not in (*SAID_BY_CALL, *_OF_ALL)}
    return Keywords(beside, "$", own.faults)


def _refuse_misspelt_names(data: Mapping[str, Any], faults: Faults) -> None:
    """Entries that are nearly one of ours; all others are of the trainer, or of a script."""
    for name in islice(data, _MOST_NAMES):
        near = get_close_matches(str(name), SAID_BY_TRAINER, n=1, cutoff=0.88)
        if name not in SAID_BY_TRAINER and name not in _RENAMED and near:
            found = f'no such argument; did you mean "{near[0]}"?'
            replace = (str(name), near[0])
            faults.add(child_path("$", name), found, at_key=True, code=UNKNOWN_FIELD, replace=replace)


def _report_unused_names(data: Mapping[str, Any], faults: Faults) -> None:
    """Entries that look like settings of a schedule, and are none of a `TrainingArguments`."""
    written = {str(name): child_path("$", name) for name, value in data.items() if value is not None}
    misspelt = {fault.path for fault in faults.found() if fault.code == UNKNOWN_FIELD}
    used = [*SAID_BY_TRAINER, *_HARMLESS, *(name for name, path in written.items() if path in misspelt)]
    by_epochs = not is_plain_number(data.get("max_steps")) or data["max_steps"] <= 0
    renamed = {key: name for key, name in _RENAMED.items() if by_epochs or "epochs" not in name}
    if not by_epochs:
        used += ["num_train_epochs"]
    elif "num_train_epochs" in written:
        renamed = {key: name for key, name in renamed.items() if name != "max_steps"}
    report_unused_settings(
        written, used, faults, library="transformers", renamed=renamed, defaulted=tuple(defaults_taken(data))
    )


def defaults_taken(data: Any) -> dict[str, object]:
    """The settings of a `TrainingArguments` that data leaves out and that its schedule depends on."""
    if not isinstance(data, Mapping) or is_call(data):
        return {}
    given = {name for name in data if data[name] is not None}
    given |= {"num_train_epochs"} if is_plain_number(data.get("max_steps")) and data["max_steps"] > 0 else set()
    given |= {"warmup_steps"} if "warmup_ratio" in given else set()
    given |= {"learning_rate"} if "lr" in given else set()
    return {name: value for name, value in _DEFAULTS.items() if name not in given}


def _length_of_call(own: Keywords, calendar: Calendar | None) -> tuple[int | None, DurationLike | None]:
    if own.given("num_training_steps"):
        total = own.count("num_training_steps", 1000, least=1)
        return total, total
    return (None if calendar is None else calendar.horizon), None


def _length_of_training(own: Keywords, calendar: Calendar | None) -> tuple[int | None, DurationLike | None]:
    """The run of a trainer, in updates and as a plan says it."""
    steps = own.count("max_steps", -1, least=-1)
    if steps > 0:
        return steps, steps
    if steps == 0:
        own.fault("max_steps", "a run of no update", "Write max_steps: 1000, or -1 for num_train_epochs")
    epochs = own.number("num_train_epochs", _EPOCHS, above=0)
    in_words = f"{Decimal(repr(epochs)).normalize():f} epochs"
    length = _updates_of_epoch(own, calendar)
    if length is None:
        return None, in_words
    total = math.ceil(epochs * length)  # as the trainer rounds it, a float
    same = calendar is not None and length == calendar.updates_per_epoch
    return total, in_words if same and total == math.ceil(Fraction(repr(epochs)) * length) else total


def _updates_of_epoch(own: Keywords, calendar: Calendar | None) -> int | None:
    """`gradient_accumulation_steps` puts a calendar's batches together."""
    if calendar is None:
        return None
    name = "gradient_accumulation_steps"
    if own.given(name) and calendar.steps_per_epoch is None:
        return updates_with_accumulation(own.values[name], child_path(own.path, name), calendar, own.faults)
    return calendar.updates_per_epoch


def _length_of_warmup(own: Keywords, total: int | None, horizon: DurationLike | None, *, called: bool) -> Duration:
    """The warmup in updates, or in per cent of a run of unknown length."""
    if called:
        return Duration.of(own.count("num_warmup_steps", 0))
    steps, share = own.number("warmup_steps", 0.0, least=0), own.number("warmup_ratio", 0.0, least=0)
    if steps >= 1:
        return Duration.of(int(steps))
    if share > 1:
        own.fault("warmup_ratio", f"{share:g} is no share of the run", "Write warmup_ratio: 0.03")
    share = min(steps or share, 1.0)
    if total is not None:
        rounded = math.ceil(total * share)
        if isinstance(horizon, int) or rounded != math.ceil(total * Fraction(repr(share))):
            return Duration.of(rounded)
    return Duration.of(f"{Decimal(repr(share)) * 100:f}%")
