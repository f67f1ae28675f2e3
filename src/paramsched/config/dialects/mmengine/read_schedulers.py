"""From a config of MMEngine to checked entries: one scheduler each, its arguments complete, its window filled in."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from importlib.util import find_spec
from math import ceil
from typing import Any, final

from paramsched.config.data_paths import child_path
from paramsched.config.dialects.mmengine.run_length import RunLength, list_cautions, ticks_by_epoch
from paramsched.config.dialects.mmengine.table import (
    CONVERTED,
    FAMILIES,
    SCOPES,
    SchedulerRow,
    argument_cautions,
    arguments_in_iterations,
    class_names,
    is_finite,
    row_of_class,
)
from paramsched.config.faults import Faults
from paramsched.config.python_config.reading import NeedsRunning
from paramsched.config.user_classes import UserClass, user_class
from paramsched.config.value_words import short_json, type_in_words
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.fields import Field
from paramsched.near_names import did_you_mean
from paramsched.time import Calendar, Duration

_NEEDS_END = ("Constant", "Linear", "Poly", "CosineAnnealing", "OneCycle")
_LOOPS = {True: "EpochBasedTrainLoop", False: "IterBasedTrainLoop"}
_PARTS = (
    "param_scheduler",
    "train_cfg",
    "optim_wrapper",
    "default_hooks",
    "model",
    "train_dataloader",
    "default_scope",
    "lr_config",
)
_OF_THE_BUILDER = ("type", "epoch_length", "_scope_")  # entries that are no arguments
_EPOCH_LENGTH = {"instead": "Write Calendar(..., steps_per_epoch=100)", "fact": "steps_per_epoch", "example": "100"}
_OF_MMAGIC = {
    "LinearLrInterval": (
        "from begin on it gives lr values between start_factor and end_factor, which are no multiples of lr",
        "Import mmagic.engine.schedulers before (on the command line: --import mmagic.engine.schedulers), or write a "
        "native plan, lr: window(linear(absolute(0.0002), absolute(0)), 40000)",
    ),
    "ReduceLR": (
        "it reduces lr when the metric of a hook of mmagic's has stopped improving",
        "Write type='ReduceOnPlateauLR', which acts on the metric of a validation, or a native plan, "
        'lr: plateau("loss", factor=0.5, patience=5)',
    ),
}
"""Classes that configs of mmagic use: what each does, and what to write."""
_EXAMPLE = "Write dict(type='MultiStepLR', milestones=[8, 11])"


@final
@dataclass(frozen=True, slots=True)
class SchedulerEntry:
    """One scheduler of a config.

    Args:
        path: where it stands.
        field: what it schedules.
        curve: its row of the table.
        arguments: complete.
        optimizer: the name of the optimizer it is for, where there are several.
    """

    path: str
    field: str
    curve: SchedulerRow
    arguments: dict[str, Any]
    optimizer: str | None = None


@final
@dataclass(frozen=True, slots=True)
class ConfigRun:
    """What a config and a calendar say of the run.

    Args:
        clock: its length in MMEngine's units.
        horizon: its length for a Plan.
        accumulation: batches to an update.
    """

    clock: RunLength
    horizon: Duration | None
    accumulation: int


@final
class SchedulerReader:
    """Reads one config; goes on after a fault, to find them all."""

    def __init__(self, faults: Faults, calendar: Calendar | None) -> None:
        self.faults = faults
        self.calendar = calendar or Calendar()
        self.warnings: list[str] = []
        self.missing: MissingFact | None = None  # what only the run knows
        self.run = ConfigRun(RunLength(), None, 1)

    def read(self, data: Any) -> list[SchedulerEntry]:
        """The entries of a whole config, or of what stands at its `param_scheduler`."""
        path, schedulers, whole = _found(data)
        self.run = self.run_of(whole)
        self.hook(whole, schedulers)
        if path != "$" and not _schedules(schedulers):
            self.nothing(whole)
            return []
        entries = [entry for entry in self.several(schedulers, path) if entry is not None]
        self.look(entries, whole)
        return entries

    def nothing(self, whole: Mapping[str, Any]) -> None:
        """A config that schedules nothing has no plan, which is another thing than a plan that is missing."""
        if "param_scheduler" in whole:
            self.faults.add(
                "$.param_scheduler",
                f"{whole['param_scheduler']!r} schedules nothing: there is no plan, every value stays as it is",
                "Write dict(type='ConstantLR', factor=1) for a plan that holds lr",
            )
            return
        close = _nearest("param_scheduler", whole)
        found = "it has no param_scheduler" + (f'; did you mean it by "{close}"?' if close else "")
        old = "; lr_config is how mmcv 1 said it" if "lr_config" in whole else ""
        self.faults.add("$", found + old, f"{_EXAMPLE} as param_scheduler")

    def hook(self, whole: Mapping[str, Any], schedulers: Any) -> None:
        """Only MMEngine's own hook makes the ticks of its schedulers; others set values by themselves."""
        hooks = whole.get("default_hooks")
        if not isinstance(hooks, Mapping) or "param_scheduler" not in hooks:
            return
        path, hook = "$.default_hooks.param_scheduler", hooks["param_scheduler"]
        self.readable(hook, path)
        if hook is None and _schedules(schedulers):
            self.faults.add(
                path,
                "None: nothing makes the ticks, and every value stays at its first",
                "Leave it out, or write param_scheduler = None",
            )
        kind_of = _name_of(hook.get("type")) if isinstance(hook, Mapping) else None
        if kind_of is not None and kind_of != "ParamSchedulerHook":
            self.faults.add(
                path,
                f"{kind_of} is a hook that sets values itself, and only running it says which",
                'Write what it does as a native plan, lr: warmup("3 epochs") >> linear(1, 0.01), say',
            )

    def several(self, schedulers: Any, path: str) -> Iterator[SchedulerEntry | None]:
        if isinstance(schedulers, Mapping) and "type" not in schedulers:
            if not _schedules(schedulers):
                self.faults.add(path, "there is no scheduler in it", _EXAMPLE)
            for name, theirs in schedulers.items():
                if not isinstance(theirs, (Mapping, list, tuple)):
                    # A dict without type is one of several optimizers; the rest of it says whether that was meant.
                    self.faults.add(
                        child_path(path, name),
                        f"{_text(theirs)} is no scheduler; its dict has `type`, another is of optimizers' names",
                        _EXAMPLE,
                    )
                    continue
                if len(theirs):
                    yield from self.listed(theirs, child_path(path, name), str(name))
        else:
            yield from self.listed(schedulers, path, None)

    def listed(self, schedulers: Any, path: str, optimizer: str | None) -> Iterator[SchedulerEntry | None]:
        if isinstance(schedulers, (list, tuple)):
            if not schedulers:
                self.faults.add(path, "there is no scheduler in the list", _EXAMPLE)
            for index, one in enumerate(schedulers):
                yield self.one(one, child_path(path, index), optimizer)
        else:
            yield self.one(schedulers, path, optimizer)

    def one(self, config: Any, path: str, optimizer: str | None) -> SchedulerEntry | None:
        """One scheduler's dict; None where it has a fault."""
        if isinstance(config, NeedsRunning):
            self.readable(config, path)
            return None
        if not isinstance(config, Mapping):
            self.faults.add(path, f"{_text(config)} is {_kind(config)}, no scheduler", _EXAMPLE)
            return None
        before = self.faults.count
        for name, value in config.items():
            self.readable(value, child_path(path, name))
        given = {name: value for name, value in config.items() if name not in _OF_THE_BUILDER}
        convert = self.flag(given, CONVERTED, False, path)
        by_epoch = self.flag(given, "by_epoch", True, path)
        given.pop(CONVERTED, None)
        own = user_class(config.get("type"))
        if own is not None:
            return None if self.faults.count > before else self.of_user(own, given, by_epoch, convert, path, optimizer)
        found = self.curve(config, path)
        if found is None:
            return None
        curve, family = found
        field = self.field(given, family, path)
        self.names(curve, given, path, family)
        if self.faults.count > before:
            return None
        arguments = self.filled(curve, given, by_epoch, convert, path)
        if arguments is None:
            return None
        for fault in curve.check(arguments):
            self.faults.add(child_path(path, fault.argument), fault.message, fault.instead)
        if curve.name == "OneCycle" and field != "lr":
            self.faults.add(
                child_path(path, "param_name"), "OneCycle only works for learning rate updating. Write 'lr'"
            )
        if self.faults.count > before or field is None:
            return None
        complete = curve.complete(arguments)
        for caution in argument_cautions(curve, complete, converted_from_epochs=convert):
            self.warnings.append(f"{path}: {caution}")
        return SchedulerEntry(path, field, curve, complete, optimizer)

    def of_user(
        self, own: UserClass, given: dict[str, Any], by_epoch: bool, convert: bool, path: str, optimizer: str | None
    ) -> SchedulerEntry | None:
        """A scheduler of a user's class, as the rule that it was seen to be."""
        clock = self.run.clock
        if convert and clock.epoch_length is None:
            self.missing = MissingFact(
                f"{path}.{CONVERTED}=True", "nothing says how many iterations an epoch has", **_EPOCH_LENGTH
            )
            return None
        end = clock.end(by_epoch)
        if end is not None:
            given.setdefault("end", end)
        try:
            seen = own(given, clock.epoch_length if convert else None, clock.end)
        except MissingFact as missing:
            self.missing = missing
            return None
        except InvalidArgument as refusal:
            self.faults.refuse(path, refusal)
            return None
        row = SchedulerRow("", "", (), lambda _: (), lambda _: {}, lambda _: seen.rule)
        arguments = {"begin": seen.begin, "end": seen.end, "by_epoch": seen.by_epoch}
        return SchedulerEntry(path, seen.field, row, arguments, optimizer)

    def curve(self, config: Mapping[str, Any], path: str) -> tuple[SchedulerRow, str] | None:
        kind_of = config.get("type")
        if isinstance(kind_of, type):
            named = kind_of.__module__.startswith(("mmengine.", "paramsched."))
            kind_of = kind_of.__name__ if named else f"{kind_of.__module__}.{kind_of.__qualname__}"
        if not isinstance(kind_of, str):
            if "type" not in config or not isinstance(kind_of, NeedsRunning):
                found = "type is missing" if "type" not in config else f"type is {_text(kind_of)}"
                self.faults.add(child_path(path, "type"), found, _EXAMPLE)
            return None
        scope, _, name = kind_of.rpartition(".")
        found_class = row_of_class(name) if scope in ("", *SCOPES) else None
        if found_class is None:
            self.faults.add(child_path(path, "type"), *_unknown(kind_of, scope, name))
        return found_class

    def flag(self, given: Mapping[str, Any], name: str, default: bool, path: str) -> bool:
        value = given.get(name, default)
        if not isinstance(value, (bool, NeedsRunning)):
            self.faults.add(child_path(path, name), f"{_text(value)} is {_kind(value)}, not True or False")
            return default
        return value if isinstance(value, bool) else default

    def field(self, given: dict[str, Any], family: str, path: str) -> str | None:
        name = FAMILIES[family]
        if name is not None:
            return name
        if "param_name" not in given:
            self.faults.add(child_path(path, "param_name"), "it is missing", "Write param_name='lr'")
            return None
        asked = given.pop("param_name")
        try:
            return str(Field.of(asked))
        except InvalidArgument as refusal:
            if not isinstance(asked, NeedsRunning):
                self.faults.refuse(child_path(path, "param_name"), refusal)
            return None

    def names(self, curve: SchedulerRow, given: Mapping[str, Any], path: str, family: str) -> None:
        known = [one.name for one in curve.arguments]
        for name in given:
            if name not in known:
                found = f"{curve.name}{family} has no argument {_text(name)}; {did_you_mean(str(name), known)}"
                self.faults.add(child_path(path, name), found)
        for one in curve.arguments:
            if one.required and one.name not in given:
                self.faults.add(child_path(path, one.name), f"it is missing: {one.meaning}", f"Write {one.name}=…")
        if given.get("last_step", -1) != -1:
            self.faults.add(
                child_path(path, "last_step"), "a Plan begins at the beginning", "Leave it out; seek goes to a time"
            )

    def readable(self, value: Any, path: str) -> None:
        if isinstance(value, NeedsRunning):
            self.faults.add(path, str(value), "Write the value itself, or give the config as a dict from Python")
        elif isinstance(value, (list, tuple)):
            for index, one in enumerate(value):
                self.readable(one, child_path(path, index))

    def filled(
        self, curve: SchedulerRow, given: dict[str, Any], by_epoch: bool, convert: bool, path: str
    ) -> dict[str, Any] | None:
        """The arguments with the run's end where there is none, in the unit the scheduler ticks in."""
        arguments = dict(given)
        end = self.run.clock.end(by_epoch)
        if "end" not in arguments and end is not None:
            arguments["end"] = end
        length_known = "end" in arguments or arguments.get("T_max") or arguments.get("total_steps")
        clock = self.run.clock
        if curve.name in _NEEDS_END and not length_known and (clock.max_epochs or clock.max_iters):
            run = f"{clock.max_epochs} epochs" if clock.max_epochs else f"{clock.max_iters} iterations"
            self.missing = MissingFact(
                child_path(path, "end"),
                f"it is missing: the run is {run} long, and nothing says how many iterations an epoch has",
                **_EPOCH_LENGTH,
            )
            return None
        if curve.name in _NEEDS_END and not length_known:
            self.faults.add(
                child_path(path, "end"),
                "it is missing, and nothing says how long the run is",
                "Write end=…, or train_cfg=dict(max_epochs=…)",
            )
            return None
        if convert:
            if not by_epoch:
                self.faults.add(
                    child_path(path, "convert_to_iter_based"),
                    "it is for arguments in epochs",
                    "Leave by_epoch=False out",
                )
                return None
            length = self.run.clock.epoch_length
            if length is None:
                return curve.defaulted({**arguments, CONVERTED: True})
            with suppress(TypeError, ValueError, OverflowError):  # not numbers: the checks say which
                arguments = arguments_in_iterations(curve.counted, arguments, length)
        return curve.defaulted(arguments)

    def run_of(self, whole: Mapping[str, Any]) -> ConfigRun:
        """The length of the run: what the config says, else the calendar."""
        facts = self.calendar
        length = facts.updates_per_epoch
        accumulation = self.whole_number(whole.get("optim_wrapper"), "$.optim_wrapper", "accumulative_counts")
        accumulation = accumulation or facts.accumulation or 1
        epochs, iterations = self.train_length(whole.get("train_cfg"))
        if iterations is not None:
            return ConfigRun(RunLength(length, None, iterations), Duration.of(iterations), accumulation)
        if epochs is not None:
            return ConfigRun(RunLength(length, epochs, None), Duration.of(f"{epochs} epochs"), accumulation)
        if facts.total is None:
            return ConfigRun(RunLength(length), None, accumulation)
        total = Duration.of(facts.total)
        exact = dict(total.terms)
        if set(exact) == {"epochs"}:  # kept as written
            count = ceil(exact["epochs"])
            return ConfigRun(RunLength(length, count, None), total, accumulation)
        horizon = facts.horizon
        assert horizon is not None
        if length is not None:
            epochs = ceil(Fraction(horizon, length))
            return ConfigRun(RunLength(length, epochs, None), Duration.of(horizon), accumulation)
        return ConfigRun(RunLength(None, None, horizon), Duration.of(horizon), accumulation)

    def train_length(self, train: Any) -> tuple[int | None, int | None]:
        """Epochs and iterations of a train loop; MMEngine's own two take one of them each."""
        path = "$.train_cfg"
        self.readable(train, path)
        if not isinstance(train, Mapping):
            return None, None
        epochs = self.whole_number(train, path, "max_epochs")
        iterations = self.whole_number(train, path, "max_iters")
        loop, by_epoch = _name_of(train.get("type")), train.get("by_epoch")
        if loop is not None and by_epoch is not None:
            self.faults.add(path, "it has both type and by_epoch, and MMEngine takes one", "Leave by_epoch out")
        if loop is None and isinstance(by_epoch, bool):
            loop = _LOOPS[by_epoch]
        wrong = {_LOOPS[True]: ("max_iters", "max_epochs"), _LOOPS[False]: ("max_epochs", "max_iters")}
        if loop in wrong and wrong[loop][0] in train:
            given, taken = wrong[loop]
            other = _LOOPS[loop != _LOOPS[True]]
            self.faults.add(
                child_path(path, given),
                f"{loop} has no {given}",
                f"Write {taken}=…, or dict(type='{other}', {given}=…)",
            )
        return epochs, iterations

    def whole_number(self, config: Any, path: str, name: str) -> int | None:
        """A count from 1 on that stands in a part of the config; None where there is none."""
        value = config.get(name) if isinstance(config, Mapping) else None
        if isinstance(value, NeedsRunning):
            self.readable(value, child_path(path, name))
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        if not is_finite(value) or value < 1 or value != int(value):
            self.faults.add(child_path(path, name), f"{value!r:.40} is no whole number above 0", f"Write {name}=12")
            return None
        return int(value)

    def look(self, entries: list[SchedulerEntry], whole: Mapping[str, Any]) -> None:
        """Warn of what the entries do together."""
        optimizers = dict.fromkeys(entry.optimizer for entry in entries)
        for optimizer in optimizers:
            mine = [entry for entry in entries if entry.optimizer == optimizer]
            in_list = [(entry.curve, {**entry.arguments, "param_name": entry.field}) for entry in mine]
            clock = self.run.clock
            if "train_cfg" not in whole and clock.max_iters is not None:
                clock = RunLength(clock.epoch_length, ceil(clock.max_iters / (clock.epoch_length or 1)), None)
            for caution in list_cautions(in_list, clock):
                index, _, text = caution[1:].partition("]: ")
                self.warnings.append(f"{mine[int(index)].path}: {text}")
        for entry in entries:
            if entry.curve.name == "ReduceOnPlateau" and "train_cfg" in whole and "val_cfg" not in whole:
                self.warnings.append(
                    f"{entry.path}: without a validation it never acts; write val_cfg, val_dataloader and val_evaluator"
                )
        by_iteration = [entry.path for entry in entries if not ticks_by_epoch(entry.arguments)]
        if self.run.accumulation > 1 and by_iteration:
            self.warnings.append(
                f"{by_iteration[0]}: with {self.run.accumulation} batches to an update, by_epoch=False counts batches "
                "in MMEngine and updates in a Plan; divide begin, end and the other counts by it"
            )


def _found(data: Any) -> tuple[str, Any, Mapping[str, Any]]:
    """Where the schedulers stand, the schedulers, and the config around them."""
    if isinstance(data, Mapping) and "type" not in data:
        marked = any(mark in data for mark in _PARTS)
        if marked or not any(_like_schedulers(value) for value in data.values()):
            return "$.param_scheduler", data.get("param_scheduler"), data
    return "$", data, {}


def _like_schedulers(value: Any) -> bool:
    """Whether it may be what one of several optimizers follows."""
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    name = _name_of(first.get("type")) if isinstance(first, Mapping) else None
    if name is not None and isinstance(first, Mapping) and user_class(first.get("type")) is not None:
        return True
    return name is not None and (row_of_class(name) is not None or _nearest(name, class_names()) is not None)


def _unknown(kind_of: str, scope: str, name: str) -> tuple[str, str]:
    """What is said of a class that nobody knows: what it may be, and how to make it known."""
    close = _nearest(name, class_names())
    if close is not None and not scope:
        return f'"{kind_of}" is none of MMEngine\'s schedulers; did you mean "{close}"?', f"Write type='{close}'"
    found = f'"{kind_of}" is none of MMEngine\'s schedulers, and no class of yours has this name'
    if name in _OF_MMAGIC and scope in ("", "mmagic"):
        return f'"{kind_of}" is a class of mmagic, and it is not imported: {_OF_MMAGIC[name][0]}', _OF_MMAGIC[name][1]
    if scope in SCOPES and find_spec(scope) is None:
        found = f'"{kind_of}" is a class of the package {scope}, which is not installed'
    register = f"PARAM_SCHEDULERS.register_module(module={name}), which is in paramsched.compat.mmengine"
    return found, f"Import its module before (on the command line: --import the.module), or call {register}"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    close = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return close[0] if close else None


def _schedules(schedulers: Any) -> bool:
    """Whether there is a scheduler in it: None, [] and dict(net=[]) have none."""
    if isinstance(schedulers, Mapping) and "type" not in schedulers:
        return any(_schedules(theirs) or not isinstance(theirs, (list, tuple)) for theirs in schedulers.values())
    return schedulers is not None and schedulers != [] and schedulers != ()


def _name_of(kind_of: Any) -> str | None:
    """The name of a class as MMEngine's registries know it, without its scope."""
    name = kind_of.__name__ if isinstance(kind_of, type) else kind_of
    return name.rpartition(".")[2] if isinstance(name, str) else None


def _text(value: Any) -> str:
    return str(value) if isinstance(value, NeedsRunning) else short_json(value)


def _kind(value: Any) -> str:
    return "unreadable" if isinstance(value, NeedsRunning) else type_in_words(value)
