"""From a config of MMEngine to plans; with the values of its optimizers, the bases its schedulers begin from."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final, final

from paramsched.base.codes import (
    ASSUMED_ORDER,
    COUNTS_BATCHES,
    HARDLY_MEANT,
    MISSING_FACT,
    NEVER_OBSERVED,
    NOTHING_PLANNED,
    REFUSED_VALUE,
    UNKNOWN_NAME,
    WRONG_ARGUMENT,
    WRONG_TYPE,
)
from paramsched.base.diagnostic import Diagnostic, child_path
from paramsched.base.near_names import closest, did_you_mean
from paramsched.base.user_warnings import warn_user
from paramsched.config.diagnostic_collector import DiagnosticCollector
from paramsched.config.python_config.values import NeedsRunning
from paramsched.config.schedule_text import UserClass, user_class
from paramsched.errors import InvalidArgument, MissingFact, PlanError
from paramsched.fields import Field
from paramsched.peers.mmengine.config_run import (
    ConfigRun,
    RunLength,
    config_value_in_words,
    missing_epoch_length,
    refuse_unread,
    run_of_config,
    ticks_by_epoch,
    type_of_value,
)
from paramsched.peers.mmengine.row import CONVERTED, Arguments, SchedulerRow, is_finite
from paramsched.peers.mmengine.table import (
    EXAMPLE,
    FAMILIES,
    SCHEDULERS_PATH,
    SCOPES,
    argument_cautions,
    arguments_in_iterations,
    check_hook,
    fault_of_unknown_class,
    find_schedulers,
    has_scheduler,
    refuse_nothing,
    row_of_class,
)
from paramsched.peers.mmengine.to_schedule import Combined, combine_schedulers, list_cautions
from paramsched.plan import Binding, Plan
from paramsched.plan.bases import NO_BASES, Bases
from paramsched.schedules import constant
from paramsched.schedules.rules import Rule
from paramsched.time import Calendar

_OF_THE_BUILDER = ("type", "epoch_length", "_scope_")  # entries that are no arguments
_MOST_SCHEDULERS = 2_000  # of one optimizer; no published config has more than 12


@final
@dataclass(frozen=True, slots=True)
class SchedulerEntry:
    """One scheduler of a config.

    Args:
        arguments: complete.
        optimizer: the name of the optimizer it is for, where there are several.
        base: the value that the levels of a plateau are multiples of, if it is known.
    """

    path: str
    field: str
    row: SchedulerRow
    arguments: dict[str, Any]
    optimizer: str | None = None
    base: float | None = None


@final
class _UserRow(SchedulerRow):
    """The rule that a class of the user's was seen to be."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def rule(self, given: Arguments) -> Rule:
        return self._rule


@final
@dataclass(frozen=True, slots=True)
class _GivenScheduler:
    """The dict of one scheduler, taken apart.

    Args:
        kind: its `type`.
        arguments: without those of the builder.
    """

    path: str
    kind: Any
    arguments: dict[str, Any]
    by_epoch: bool
    convert: bool
    diagnostics: DiagnosticCollector

    def refuse(self, name: str, found: str, instead: str = "", code: str = REFUSED_VALUE) -> None:
        self.diagnostics.add(child_path(self.path, name), found, instead, code=code)


def _true_or_false(
    arguments: Mapping[str, Any], name: str, default: bool, path: str, diagnostics: DiagnosticCollector
) -> bool:
    value = arguments.get(name, default)
    if not isinstance(value, (bool, NeedsRunning)):
        found = f"{config_value_in_words(value)} is {type_of_value(value)}, not True or False"
        diagnostics.add(child_path(path, name), found, code=WRONG_TYPE)
    return value if isinstance(value, bool) else default


def _schedulers_by_optimizer(
    schedulers: Any, path: str, diagnostics: DiagnosticCollector
) -> Iterator[tuple[Any, str, str | None]]:
    """Each scheduler of a list or a dict, or of a dict of them by the names of optimizers; its path; that name."""
    if not isinstance(schedulers, Mapping) or "type" in schedulers:
        yield from ((one, where, None) for one, where in _listed_schedulers(schedulers, path, diagnostics))
        return
    if not has_scheduler(schedulers):
        diagnostics.add(path, "there is no scheduler in it", EXAMPLE, code=NOTHING_PLANNED)
    for name, theirs in schedulers.items():
        where = child_path(path, name)
        if not isinstance(theirs, (Mapping, list, tuple)):
            # A dict without type is one of several optimizers; the rest of it says whether that was meant.
            found = "is no scheduler; its dict has `type`, another is of optimizers' names"
            diagnostics.add(where, f"{config_value_in_words(theirs)} {found}", EXAMPLE, code=WRONG_TYPE)
        elif len(theirs):
            yield from ((one, inner, str(name)) for one, inner in _listed_schedulers(theirs, where, diagnostics))


def _listed_schedulers(schedulers: Any, path: str, diagnostics: DiagnosticCollector) -> Iterator[tuple[Any, str]]:
    if not isinstance(schedulers, (list, tuple)):
        yield schedulers, path
        return
    if not schedulers:
        diagnostics.add(path, "there is no scheduler in the list", EXAMPLE, code=NOTHING_PLANNED)
    if len(schedulers) > _MOST_SCHEDULERS:
        found = f"{len(schedulers):,} schedulers, more than {_MOST_SCHEDULERS:,}"
        diagnostics.add(path, found, "Write a table of values as a native plan", code=REFUSED_VALUE)
    for index, one in enumerate(schedulers[:_MOST_SCHEDULERS]):
        yield one, child_path(path, index)


@final
class SchedulerReader:
    """Reads one config; goes on after a fault, to find them all.

    Args:
        run: what is known of the run already; None: the config says it.
    """

    def __init__(
        self, diagnostics: DiagnosticCollector, calendar: Calendar | None, run: ConfigRun | None = None
    ) -> None:
        self.diagnostics = diagnostics
        self.calendar = calendar or Calendar()
        self.warnings: list[Diagnostic] = []
        self.missing: MissingFact | None = None  # what only the run knows
        self.run = run or ConfigRun(RunLength(), None, 1)

    def read_config(self, data: Any) -> list[SchedulerEntry]:
        """The entries of a whole config, or of what stands at its `param_scheduler`."""
        path, schedulers, whole = find_schedulers(data)
        self.run = run_of_config(whole, self.calendar, self.diagnostics)
        check_hook(whole, schedulers, self.diagnostics)
        if path == SCHEDULERS_PATH and not has_scheduler(schedulers):
            refuse_nothing(whole, self.diagnostics)
            return []
        listed = _schedulers_by_optimizer(schedulers, path, self.diagnostics)
        entries = [entry for one in listed if (entry := self.read_entry(*one)) is not None]
        self._warn_of_schedulers(entries, whole)
        return entries

    def read_entry(self, config: Any, path: str, optimizer: str | None = None) -> SchedulerEntry | None:
        """One scheduler's dict; None where it has a fault."""
        if isinstance(config, NeedsRunning):
            refuse_unread(config, path, self.diagnostics)
            return None
        if not isinstance(config, Mapping):
            found = f"{config_value_in_words(config)} is {type_of_value(config)}, no scheduler"
            self.diagnostics.add(path, found, EXAMPLE, code=WRONG_TYPE)
            return None
        before = self.diagnostics.count
        for name, value in config.items():
            refuse_unread(value, child_path(path, name), self.diagnostics)
        arguments = {name: value for name, value in config.items() if name not in _OF_THE_BUILDER}
        convert = _true_or_false(arguments, CONVERTED, False, path, self.diagnostics)
        by_epoch = _true_or_false(arguments, "by_epoch", True, path, self.diagnostics)
        arguments.pop(CONVERTED, None)
        kind = config.get("type", ...)
        given = _GivenScheduler(path, kind, arguments, by_epoch, convert, self.diagnostics)
        own = user_class(config.get("type"))
        if own is None:
            return self._entry_of_table(given, before, optimizer)
        return None if self.diagnostics.count > before else self._entry_of_user(own, given, optimizer)

    def _entry_of_table(self, given: _GivenScheduler, before: int, optimizer: str | None) -> SchedulerEntry | None:
        """`before` is how many faults there were."""
        found = _row_of(given)
        if found is None:
            return None
        row, family = found
        field = _field_of(given, family)
        _check_names(row, given, family)
        if self.diagnostics.count > before:
            return None
        arguments = self._complete_arguments(row, given)
        if arguments is None:
            return None
        for fault in row.check(arguments):
            given.refuse(fault.argument, fault.message, fault.instead)
        if row.only_field is not None and field != row.only_field:
            given.refuse("param_name", f"{row.name} only works for learning rate updating. Write 'lr'")
        if self.diagnostics.count > before or field is None:
            return None
        complete = row.complete(arguments)
        for caution in argument_cautions(row, complete, converted_from_epochs=given.convert):
            self.warnings.append(Diagnostic(given.path, caution, code=HARDLY_MEANT))
        return SchedulerEntry(given.path, field, row, complete, optimizer)

    def _entry_of_user(self, own: UserClass, given: _GivenScheduler, optimizer: str | None) -> SchedulerEntry | None:
        """A scheduler of a user's class, as the rule that it was seen to be."""
        length = self.run.length
        if given.convert and length.epoch_length is None:
            found = "nothing says how many iterations an epoch has"
            self.missing = missing_epoch_length(f"{given.path}.{CONVERTED}=True", found)
            return None
        end = length.end(given.by_epoch)
        if end is not None:
            given.arguments.setdefault("end", end)
        try:
            seen = own(given.arguments, length.epoch_length if given.convert else None, length.end)
        except MissingFact as missing:
            self.missing = missing
            return None
        except InvalidArgument as refusal:
            self.diagnostics.refuse(given.path, refusal)
            return None
        arguments = {"begin": seen.begin, "end": seen.end, "by_epoch": seen.by_epoch}
        return SchedulerEntry(given.path, seen.field, _UserRow(seen.rule), arguments, optimizer)

    def _complete_arguments(self, row: SchedulerRow, given: _GivenScheduler) -> dict[str, Any] | None:
        """The arguments with the run's end where there is none, in the unit the scheduler ticks in."""
        arguments, length = dict(given.arguments), self.run.length
        end = length.end(given.by_epoch)
        if "end" not in arguments and end is not None:
            arguments["end"] = end
        if row.length_from is not None and "end" not in arguments and not any(map(arguments.get, row.length_from)):
            if length.max_epochs or length.max_iters:
                run = f"{length.max_epochs} epochs" if length.max_epochs else f"{length.max_iters} iterations"
                found = f"it is missing: the run is {run} long, and nothing says how many iterations an epoch has"
                self.missing = missing_epoch_length(child_path(given.path, "end"), found)
            else:
                found = "it is missing, and nothing says how long the run is"
                given.refuse("end", found, "Write end=…, or train_cfg=dict(max_epochs=…)", MISSING_FACT)
            return None
        if given.convert and not given.by_epoch:
            given.refuse(CONVERTED, "it is for arguments in epochs", "Leave by_epoch=False out")
            return None
        if given.convert and length.epoch_length is None:
            arguments[CONVERTED] = True
        elif given.convert and length.epoch_length is not None:
            with suppress(TypeError, ValueError, OverflowError):  # not numbers: the checks say which
                arguments = arguments_in_iterations(row.counted, arguments, length.epoch_length)
        return row.defaulted(arguments)

    def _warn_of_schedulers(self, entries: list[SchedulerEntry], whole: Mapping[str, Any]) -> None:
        """What the schedulers of one optimizer do together; plateaus without validations; counts of batches."""
        length = self.run.length
        if "train_cfg" not in whole and length.max_iters is not None:
            length = RunLength(length.epoch_length, ceil(length.max_iters / (length.epoch_length or 1)), None)
        for optimizer in dict.fromkeys(entry.optimizer for entry in entries):
            mine = [entry for entry in entries if entry.optimizer == optimizer]
            together = [(entry.row, {**entry.arguments, "param_name": entry.field}) for entry in mine]
            found = list_cautions(together, length, windows=True)
            self.warnings += [Diagnostic(mine[one.index].path, one.text, code=one.code) for one in found]
        for entry in entries:
            if entry.row.reacts_to_metric and "train_cfg" in whole and "val_cfg" not in whole:
                text = "without a validation it never acts; write val_cfg, val_dataloader and val_evaluator"
                self.warnings.append(Diagnostic(entry.path, text, code=NEVER_OBSERVED))
        by_iteration = [entry.path for entry in entries if not ticks_by_epoch(entry.arguments)]
        if self.run.accumulation > 1 and by_iteration:
            text = (
                f"with {self.run.accumulation} batches to an update, by_epoch=False counts batches in MMEngine and "
                "updates in a Plan; divide begin, end and the other counts by it"
            )
            self.warnings.append(Diagnostic(by_iteration[0], text, code=COUNTS_BATCHES))


def _row_of(given: _GivenScheduler) -> tuple[SchedulerRow, str] | None:
    """The row and the family of its class."""
    kind = given.kind
    if isinstance(kind, type):
        named = kind.__module__.startswith(("mmengine.", "paramsched."))
        kind = kind.__name__ if named else f"{kind.__module__}.{kind.__qualname__}"
    if isinstance(kind, NeedsRunning):
        return None  # it was refused already
    if not isinstance(kind, str):
        found = "type is missing" if kind is ... else f"type is {config_value_in_words(kind)}"
        given.refuse("type", found, EXAMPLE, WRONG_ARGUMENT)
        return None
    scope, _, name = kind.rpartition(".")
    found_class = row_of_class(name) if scope in ("", *SCOPES) else None
    if found_class is None:
        found, instead, replaced = fault_of_unknown_class(kind, scope, name)
        given.diagnostics.add(child_path(given.path, "type"), found, instead, code=UNKNOWN_NAME, replace=replaced)
    return found_class


def _field_of(given: _GivenScheduler, family: str) -> str | None:
    """The field it schedules; `param_name` is taken out of the arguments."""
    if FAMILIES[family] is not None:
        return FAMILIES[family]
    if "param_name" not in given.arguments:
        given.refuse("param_name", "it is missing", "Write param_name='lr'", WRONG_ARGUMENT)
        return None
    site = given.arguments.pop("param_name")
    try:
        return str(Field.of(site))
    except InvalidArgument as refusal:
        if not isinstance(site, NeedsRunning):
            given.diagnostics.refuse(child_path(given.path, "param_name"), refusal)
        return None


def _check_names(row: SchedulerRow, given: _GivenScheduler, family: str) -> None:
    """Arguments it does not have, and the lack of those it needs."""
    known = list(row.arguments)
    for name in given.arguments:
        if name not in known:
            near = closest(str(name), known)
            meant = did_you_mean(str(name), known)
            found = f"unknown argument {config_value_in_words(name)} of {row.name}{family}; {meant}"
            replaced = (str(name), near) if near else None
            path = child_path(given.path, name)
            given.diagnostics.add(path, found, at_key=True, code=WRONG_ARGUMENT, replace=replaced)
    for name, one in row.arguments.items():
        if one.default is ... and name not in given.arguments:
            given.refuse(name, f"it is missing: {one.meaning}", f"Write {name}=…", WRONG_ARGUMENT)
    if given.arguments.get("last_step", -1) != -1:
        given.refuse("last_step", "a Plan begins at the beginning", "Leave it out; seek goes to a time")


_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "Adadelta": {"lr": 1.0, "weight_decay": 0},
    "Adagrad": {"lr": 0.01, "weight_decay": 0},
    "Adam": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0},
    "AdamW": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0.01},
    "NAdam": {"lr": 0.002, "betas": (0.9, 0.999), "weight_decay": 0},
    "RAdam": {"lr": 0.001, "betas": (0.9, 0.999), "weight_decay": 0},
    "RMSprop": {"lr": 0.01, "momentum": 0, "weight_decay": 0},
    "SGD": {"lr": 0.001, "momentum": 0, "weight_decay": 0},
}
"""What torch's optimizers take where a config says nothing."""


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:
    """The optimizers' own values in a config, by the optimizer's name where there are several.

    Args:
        data: the config.
        calendar: `batch_size`, of all processes, is what `auto_scale_lr` scales by.
    """
    wrapper = data.get("optim_wrapper") if isinstance(data, Mapping) else None
    unread = wrapper.get("optimizer") if isinstance(wrapper, Mapping) else wrapper
    if isinstance(unread, NeedsRunning):
        return Bases((), "optim_wrapper", (f"optim_wrapper: {unread}; the optimizer's values are not known",))
    if not isinstance(wrapper, Mapping):
        return NO_BASES
    notes: list[str] = []
    groups: list[dict[str, Any]] = []
    own = wrapper.get("optimizer")
    several = {f"{name}.": one.get("optimizer") for name, one in wrapper.items() if isinstance(one, Mapping)}
    for prefix, config in ({"": own} if isinstance(own, Mapping) else several).items():
        if not isinstance(config, Mapping):
            continue
        path = f"optim_wrapper.{prefix}optimizer"
        values = _numbers_of_optimizer(config, path, notes)
        _scale_rate(values, data, calendar, notes)
        if values:
            groups.append({"name": prefix[:-1], **values} if prefix else values)
    notes += _notes_on_groups(wrapper)
    return Bases(tuple(groups), "optim_wrapper", tuple(dict.fromkeys(notes)))


def _numbers_of_optimizer(config: Mapping[str, Any], path: str, notes: list[str]) -> dict[str, Any]:
    """The numbers of one optimizer, as its param groups hold them."""
    kind_of = config.get("type")
    name = kind_of.__name__ if isinstance(kind_of, type) else str(kind_of)
    values = dict(_DEFAULTS.get(name.rpartition(".")[2], {}))
    for field, value in config.items():
        unread = isinstance(value, NeedsRunning)
        if unread or (isinstance(value, (int, float)) and not isinstance(value, bool) and not is_finite(value)):
            values.pop(field, None)
            why = f": {value}" if unread else " is not a finite number"
            notes.append(f"{path}.{field}{why}; its base is not known")
        elif is_finite(value):
            values[field] = value
        elif isinstance(value, (list, tuple)) and value and all(map(is_finite, value)):
            values[field] = tuple(value)
    return values


def _scale_rate(values: dict[str, Any], data: Mapping[str, Any], calendar: Calendar | None, notes: list[str]) -> None:
    """`auto_scale_lr`: lr times the batch size of all processes over the one it was found with."""
    scaling = data.get("auto_scale_lr")
    if not isinstance(scaling, Mapping) or scaling.get("enable") is not True or "lr" not in values:
        return
    base, size = scaling.get("base_batch_size"), None if calendar is None else calendar.batch_size
    if not isinstance(base, (int, float)) or base <= 0:
        return
    if size is None:
        notes.append(
            f"auto_scale_lr multiplies lr by the batch size of all processes over {base}; without a batch size "
            "the rate is as written"
        )
        return
    values["lr"] *= size / base
    notes.append(f"auto_scale_lr: lr is times {size} / {base}")


def _notes_on_groups(wrapper: Mapping[str, Any]) -> Iterator[str]:
    """What gives some parameters other values than those written."""
    for part in (wrapper, *wrapper.values()):
        if not isinstance(part, Mapping):
            continue
        paramwise, constructor = part.get("paramwise_cfg"), part.get("constructor")
        if isinstance(paramwise, Mapping) and paramwise:
            keys = paramwise.get("custom_keys")
            names = [
                *(name for name in paramwise if name != "custom_keys"),
                *(keys if isinstance(keys, Mapping) else ()),
            ]
            said = ", ".join(map(str, names[:4])) + (", …" if len(names) > 4 else "")
            yield f"paramwise_cfg ({said}) gives some parameters other multiples of these values; they are not drawn"
        elif isinstance(constructor, str) and not constructor.endswith(
            ("DefaultOptimWrapperConstructor", "MultiOptimWrapperConstructor")
        ):
            yield f"{constructor} may give some parameters other values; they are not drawn"


def to_plan(
    data: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    calendar: Calendar | None = None,
    base: float | Mapping[str, float] | None = None,
) -> Plan:
    """The plan that gives what MMEngine's schedulers give.

    Args:
        data: what stands at `param_scheduler`, or a config that has it.
        calendar: `total` and `steps_per_epoch`, where they are known and the config does not say them. Without the
            latter what `convert_to_iter_based` converts stays in epochs.
        base: lr's value, or values by field: the floor of a plateau is written as a value.

    Returns:
        A plan. Schedulers of several optimizers select the groups by the optimizer's name; `to_plans` keeps them apart.

    Raises:
        ConfigError: every fault at once, each with its path.
        MissingFact: what a part means hangs on the iterations of an epoch, which nothing says.

    >>> facts = Calendar(total="12 epochs", steps_per_epoch=10)
    >>> print(to_plan({"type": "MultiStepLR", "milestones": [8, 11]}, calendar=facts))
    horizon: 12 epochs
    lr: multistep(["8 epochs", "11 epochs"])
    """
    run, entries = _checked_entries(data, calendar, base)
    return _plan_of_entries(entries, run)


def to_plans(
    data: Mapping[str, Any],
    *,
    calendar: Calendar | None = None,
    base: float | Mapping[str, float] | None = None,
) -> dict[str, Plan]:
    """The plans of several optimizers, by their names.

    Raises:
        ConfigError: as `to_plan`.
        PlanError: the schedulers are not by optimizers' names.
    """
    run, entries = _checked_entries(data, calendar, base)
    names = [entry.optimizer for entry in entries]
    if None in names:
        raise PlanError("to_plans(…)", "the schedulers are for one optimizer", "Write to_plan(…)")
    by_name: dict[str, list[SchedulerEntry]] = {}
    for entry in entries:
        by_name.setdefault(str(entry.optimizer), []).append(replace(entry, optimizer=None))
    return {name: _plan_of_entries(mine, run) for name, mine in by_name.items()}


def _checked_entries(data: Any, calendar: Calendar | None, base: Any) -> tuple[ConfigRun, list[SchedulerEntry]]:
    """All faults raised and all warnings given."""
    diagnostics = DiagnosticCollector()
    reader = SchedulerReader(diagnostics, calendar)
    entries = reader.read_config(data)
    written = bases_of(data)
    for index, entry in enumerate(entries):
        if entry.row.reacts_to_metric:
            value = written.value(written.of(entry.optimizer), Field.of(entry.field))
            if isinstance(base, Mapping):
                value = base.get(entry.field, value)
            elif base is not None and entry.field == "lr":
                value = base
            entries[index] = replace(entry, base=value)
            _refuse_plateau(entries[index], reader.run, diagnostics)
    for entry in entries:
        given, last = entry.arguments, reader.run.length.end(bool(entry.arguments["by_epoch"]))
        for fault in entry.row.run_faults(given, given["end"] if last is None else min(given["end"], last)):
            diagnostics.add(child_path(entry.path, fault.argument), fault.message, fault.instead, code=REFUSED_VALUE)
        if isinstance(given.get("eta_max"), (list, tuple)) and entry.optimizer is not None:
            found = "a list, and the groups are selected by the optimizer"
            diagnostics.add(child_path(entry.path, "eta_max"), found, "Write one number", code=REFUSED_VALUE)
    diagnostics.raise_any("config")
    if reader.missing is not None:
        raise reader.missing
    for caution in {str(one): one for one in reader.warnings}.values():
        warn_user(caution)
    return reader.run, entries


def _plan_of_entries(entries: Sequence[SchedulerEntry], run: ConfigRun) -> Plan:
    """A binding for each field of each optimizer, and of each group where an argument is a list."""
    bindings: list[Binding] = []
    for optimizer, field in dict.fromkeys((entry.optimizer, entry.field) for entry in entries):
        mine = [entry for entry in entries if (entry.optimizer, entry.field) == (optimizer, field)]
        peaks = [entry.arguments.get("eta_max") for entry in mine]
        groups = max((len(one) for one in peaks if isinstance(one, (list, tuple))), default=0)
        for group in range(groups) if groups else (None,):
            schedulers = []
            for entry, peak in zip(mine, peaks, strict=True):
                one = {"eta_max": peak[group]} if group is not None and isinstance(peak, (list, tuple)) else {}
                if not entry.row.reacts_to_metric:
                    schedulers.append((entry.row, {**entry.arguments, **one}))
            found = combine_schedulers(schedulers, run.length) if schedulers else Combined(constant(1.0))
            schedule = found.schedule
            if found.epoch_length > 1:
                assumed = (
                    "the windows in iterations and in epochs are taken to be one after the other, as they are from "
                    f"{found.epoch_length} iterations an epoch on"
                )
                warn_user(Diagnostic(mine[0].path, assumed, code=ASSUMED_ORDER))
            for entry in mine:
                if entry.row.reacts_to_metric:
                    schedule = schedule * entry.row.metric_rule(entry.arguments, entry.base)
            bindings.append(Binding(field, schedule, optimizer if group is None else group))
    return Plan(*bindings, horizon=run.horizon)


def _refuse_plateau(entry: SchedulerEntry, run: ConfigRun, diagnostics: DiagnosticCollector) -> None:
    """Note what of a plateau a plan cannot say."""
    given, last = entry.arguments, run.length.end(True)
    at_floor = child_path(entry.path, "min_value")
    if given["begin"] > 0 or (last is not None and given["end"] < last):
        instead = "Leave begin and end out, or use the class itself"
        diagnostics.add(entry.path, "a plan's plateau has no window", instead, code=REFUSED_VALUE)
    if isinstance(given["min_value"], (list, tuple)):
        diagnostics.add(
            at_floor, "a list; a plan's floor is a multiple of base", "Write one number", code=REFUSED_VALUE
        )
        return
    if given["min_value"] and not entry.base:
        found = "a value, and a plan's floor is a multiple of base, which nothing says"
        diagnostics.add(
            at_floor, found, f"Give base={{'{entry.field}': …}}, or the optimizer's config", code=MISSING_FACT
        )
    try:
        entry.row.metric_rule(given, entry.base)
    except InvalidArgument as refusal:
        diagnostics.refuse(entry.path, refusal)
