"""Conversion of an MMEngine config to plans, and of its optimizers' values to bases."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, final

from paramsched.core.base.codes import (
    MISSING_FACT,
    NOTHING_PLANNED,
    REFUSED_VALUE,
    UNKNOWN_NAME,
    WRONG_ARGUMENT,
    WRONG_TYPE,
)
from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.printing import child_path, entry_path
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.fields import Field
from paramsched.core.files.diagnostic_collector import DiagnosticCollector, short_json, type_name_of
from paramsched.core.plan import Binding, Plan
from paramsched.core.plan.extras import NO_BASES, Bases
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.rules import Rule
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.mmengine.codes import ASSUMED_ORDER, COUNTS_BATCHES, HARDLY_MEANT, NEVER_OBSERVED, TICKS_TOO_LATE
from paramsched.mmengine.reader.arguments import (
    EXAMPLE,
    FAMILIES,
    SCHEDULERS_PATH,
    SCOPES,
    argument_warnings,
    arguments_in_iterations,
    check_hook,
    find_schedulers,
    has_scheduler,
    report_missing_schedulers,
    row_of_class,
    unknown_class_error,
)
from paramsched.mmengine.reader.config_run import (
    ConfigRun,
    RunLength,
    missing_epoch_length,
    run_of_config,
    ticks_by_epoch,
)
from paramsched.mmengine.reader.row import CONVERTED, Arguments, SchedulerRow, each_number, is_finite
from paramsched.mmengine.reader.to_schedule import Combined, combine_schedulers, list_warnings
from paramsched.mmengine.reader.user_classes import UserClass, user_class

_BUILDER_KEYS = ("type", "epoch_length", "_scope_")  # keys of a scheduler's dict that are not arguments of its class
_MAX_SCHEDULERS = 500  # of one optimizer; no published config has more than 12


@final
@dataclass(frozen=True, slots=True)
class SchedulerEntry:
    """One scheduler of a config.

    Args:
        path: the config path of its dict.
        field: the field of the param groups that it schedules.
        row: the row of its class in the table of MMEngine's schedulers.
        arguments: its arguments with all defaults.
        optimizer: the name of its optimizer; None if the config has only one optimizer.
        base: the base value, of which the levels of a plateau are multiples; None if it is unknown.
    """

    path: str
    field: str
    row: SchedulerRow
    arguments: dict[str, Any]
    optimizer: str | None = None
    base: float | None = None


@final
class _UserRow(SchedulerRow):
    """A row that returns the rule derived from a user's class."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def rule(self, arguments: Arguments) -> Rule:
        return self._rule


@final
@dataclass(frozen=True, slots=True)
class _ParsedScheduler:
    """The dict of one scheduler, split into its parts.

    Args:
        path: the config path of the dict.
        kind: its `type`; `...` if it is missing.
        arguments: the entries of the dict that are arguments of the class.
        by_epoch: True if its counts are epochs.
        convert: the value of `convert_to_iter_based`.
    """

    path: str
    kind: Any
    arguments: dict[str, Any]
    by_epoch: bool
    convert: bool
    diagnostics: DiagnosticCollector

    def refuse(self, name: str, found: str, instead: str = "", code: str = REFUSED_VALUE) -> None:
        self.diagnostics.add(child_path(self.path, name), found, instead, code=code)


def _read_bool(
    arguments: Mapping[str, Any], name: str, default: bool, path: str, diagnostics: DiagnosticCollector
) -> bool:
    value = arguments.get(name, default)
    if not isinstance(value, bool):
        found = f"{short_json(value)} is {type_name_of(value)}, not True or False"
        diagnostics.add(child_path(path, name), found, code=WRONG_TYPE)
    return value if isinstance(value, bool) else default


def _schedulers_by_optimizer(
    schedulers: Any, path: str, diagnostics: DiagnosticCollector
) -> Iterator[tuple[Any, str, str | None]]:
    """Yield each scheduler with its config path and the name of its optimizer, if there are several optimizers."""
    if not isinstance(schedulers, Mapping) or "type" in schedulers:
        yield from ((one, where, None) for one, where in _listed_schedulers(schedulers, path, diagnostics))
        return
    if not has_scheduler(schedulers):
        diagnostics.add(path, "the dict contains no scheduler", EXAMPLE, code=NOTHING_PLANNED)
    for name, listed in schedulers.items():
        where = child_path(path, name)
        if not isinstance(listed, (Mapping, list, tuple)):
            # A dict without `type` maps names of optimizers to schedulers, so each of its values must be a scheduler.
            found = (
                f"expected the schedulers of an optimizer, got {short_json(listed)}; the dict of a scheduler has `type`"
            )
            diagnostics.add(where, found, EXAMPLE, code=WRONG_TYPE)
        elif len(listed):
            yield from ((one, inner, str(name)) for one, inner in _listed_schedulers(listed, where, diagnostics))


def _listed_schedulers(schedulers: Any, path: str, diagnostics: DiagnosticCollector) -> Iterator[tuple[Any, str]]:
    if not isinstance(schedulers, (list, tuple)):
        yield schedulers, path
        return
    if not schedulers:
        diagnostics.add(path, "the list of schedulers is empty", EXAMPLE, code=NOTHING_PLANNED)
    if len(schedulers) > _MAX_SCHEDULERS:
        found = f"expected at most {_MAX_SCHEDULERS:,} schedulers, got {len(schedulers):,}"
        diagnostics.add(path, found, "Use a native plan with a table of values", code=REFUSED_VALUE)
    for index, one in enumerate(schedulers[:_MAX_SCHEDULERS]):
        yield one, child_path(path, index)


@final
class SchedulerReader:
    """Reader of one config, which continues after an error to report all of them.

    Args:
        diagnostics: receives the errors.
        calendar: the run facts; default none.
        run: the length of the run; None to read it from the config.
    """

    def __init__(
        self, diagnostics: DiagnosticCollector, calendar: Calendar | None, run: ConfigRun | None = None
    ) -> None:
        self.diagnostics = diagnostics
        self.calendar = calendar or Calendar()
        self.warnings: list[Problem] = []
        self.converted = set[str]()  # the paths of schedulers whose counts are converted from epochs
        self.missing: MissingFact | None = None  # the last run fact that was needed and is unknown
        self.run = run or ConfigRun(RunLength(), None, 1)

    def read_config(self, data: Any) -> list[SchedulerEntry]:
        """Return the schedulers of a complete config or of the value of its `param_scheduler`."""
        path, schedulers, config_values = find_schedulers(data)
        self.run = run_of_config(config_values, self.calendar, self.diagnostics)
        check_hook(config_values, schedulers, self.diagnostics)
        if path == SCHEDULERS_PATH and not has_scheduler(schedulers):
            report_missing_schedulers(config_values, self.diagnostics)
            return []
        listed = _schedulers_by_optimizer(schedulers, path, self.diagnostics)
        entries = [entry for one in listed if (entry := self.read_entry(*one)) is not None]
        self._warn_of_schedulers(entries, config_values)
        return entries

    def read_entry(self, config: Any, path: str, optimizer: str | None = None) -> SchedulerEntry | None:
        """Read the dict of one scheduler; return None if it has an error."""
        if not isinstance(config, Mapping):
            found = f"expected a scheduler, got {type_name_of(config)}: {short_json(config)}"
            self.diagnostics.add(path, found, EXAMPLE, code=WRONG_TYPE)
            return None
        previous_count = self.diagnostics.count
        arguments = {name: value for name, value in config.items() if name not in _BUILDER_KEYS}
        convert = _read_bool(arguments, CONVERTED, False, path, self.diagnostics)
        by_epoch = _read_bool(arguments, "by_epoch", True, path, self.diagnostics)
        arguments.pop(CONVERTED, None)
        kind = config.get("type", ...)
        parsed = _ParsedScheduler(path, kind, arguments, by_epoch, convert, self.diagnostics)
        self.converted |= {path} if convert else set()
        own = user_class(config.get("type"))
        if own is None:
            return self._entry_of_table(parsed, previous_count, optimizer)
        return None if self.diagnostics.count > previous_count else self._entry_of_user(own, parsed, optimizer)

    def _entry_of_table(
        self, parsed: _ParsedScheduler, previous_count: int, optimizer: str | None
    ) -> SchedulerEntry | None:
        """Read a scheduler of MMEngine's; `previous_count` is the number of diagnostics before its dict was read."""
        found = _row_of(parsed)
        if found is None:
            return None
        row, family = found
        field = _field_of(parsed, family)
        _check_names(row, parsed, family)
        if self.diagnostics.count > previous_count:
            return None
        arguments = self._complete_arguments(row, parsed)
        if arguments is None:
            return None
        for fault in row.check(arguments):
            self.diagnostics.report(child_path(parsed.path, fault.argument), fault.problem)
        if row.only_field is not None and field != row.only_field:
            parsed.refuse("param_name", f"{row.name} only works for learning rate updating. Write 'lr'")
        if self.diagnostics.count > previous_count or field is None:
            return None
        complete = row.complete(arguments)
        for warning in argument_warnings(row, complete, converted_from_epochs=parsed.convert):
            self.warnings.append(Problem(parsed.path, warning, code=HARDLY_MEANT))
        return SchedulerEntry(parsed.path, field, row, complete, optimizer)

    def _entry_of_user(self, own: UserClass, parsed: _ParsedScheduler, optimizer: str | None) -> SchedulerEntry | None:
        """Read a scheduler of a user's class, with the rule derived from that class."""
        length = self.run.length
        if parsed.convert and length.epoch_length is None:
            self.missing = missing_epoch_length(f"{parsed.path}.{CONVERTED}=True", "the length of an epoch is unknown")
            return None
        end = length.end(parsed.by_epoch)
        if end is not None:
            parsed.arguments.setdefault("end", end)
        try:
            seen = own(parsed.arguments, length.epoch_length if parsed.convert else None, length.end)
        except MissingFact as missing:
            self.missing = missing
            return None
        except InvalidArgument as refusal:
            self.diagnostics.refuse(parsed.path, refusal)
            return None
        arguments = {"begin": seen.begin, "end": seen.end, "by_epoch": seen.by_epoch}
        return SchedulerEntry(parsed.path, seen.field, _UserRow(seen.rule), arguments, optimizer)

    def _complete_arguments(self, row: SchedulerRow, parsed: _ParsedScheduler) -> dict[str, Any] | None:
        """Return the arguments in the unit of the scheduler's steps; a missing `end` becomes the end of the run."""
        arguments, length = dict(parsed.arguments), self.run.length
        end = length.end(parsed.by_epoch)
        if "end" not in arguments and end is not None:
            arguments["end"] = end
        if row.length_from is not None and "end" not in arguments and not any(map(arguments.get, row.length_from)):
            if length.max_epochs or length.max_iters:
                run = f"{length.max_epochs} epochs" if length.max_epochs else f"{length.max_iters} iterations"
                found = f"it is missing: the run has {run}, and the length of an epoch is unknown"
                self.missing = missing_epoch_length(child_path(parsed.path, "end"), found)
            else:
                found = "it is missing, and the length of the run is unknown"
                last, fact = ("12", "max_epochs") if parsed.by_epoch else ("90_000", "max_iters")
                instead = f"For example: end={last}, or train_cfg=dict({fact}={last})"
                parsed.refuse("end", found, instead, MISSING_FACT)
            return None
        if parsed.convert and not parsed.by_epoch:
            parsed.refuse(CONVERTED, "it requires arguments in epochs", "Leave by_epoch=False out")
            return None
        if parsed.convert and length.epoch_length is None:
            arguments[CONVERTED] = True
        elif parsed.convert and length.epoch_length is not None:
            with suppress(TypeError, ValueError, OverflowError):  # not numbers: row.check reports them
                arguments = arguments_in_iterations(row.counted, arguments, length.epoch_length)
        return row.defaulted(arguments)

    def _warn_of_schedulers(self, entries: list[SchedulerEntry], config_values: Mapping[str, Any]) -> None:
        """Warn of schedulers of one optimizer that conflict, of plateaus without validation, and of accumulation."""
        has_loop = "train_cfg" in config_values  # otherwise it is unknown whether the run is by iterations
        for optimizer in dict.fromkeys(entry.optimizer for entry in entries):
            mine = [entry for entry in entries if entry.optimizer == optimizer]
            together = [(entry.row, {**entry.arguments, "param_name": entry.field}) for entry in mine]
            for one in list_warnings(together, self.run.length):
                if has_loop or one.code != TICKS_TOO_LATE:
                    self.warnings.append(Problem(mine[one.index].path, one.text, code=one.code))
        for entry in entries:
            if entry.row.reacts_to_metric and has_loop and "val_cfg" not in config_values:
                text = "without validation it never changes the value; write val_cfg, val_dataloader and val_evaluator"
                self.warnings.append(Problem(entry.path, text, code=NEVER_OBSERVED))
        by_iteration = [
            one.path for one in entries if not ticks_by_epoch(one.arguments) and one.path not in self.converted
        ]
        train = config_values.get("train_cfg")
        runs_by_iterations = isinstance(train, Mapping) and "max_iters" in train
        if self.run.accumulation > 1 and (by_iteration or runs_by_iterations):
            name, counts = (
                ("by_epoch=False", "begin, end and the other counts") if by_iteration else ("max_iters", "it")
            )
            text = (
                f"with {self.run.accumulation} batches per update, {name} counts batches in MMEngine and updates in a "
                f"Plan; divide {counts} by {self.run.accumulation}"
            )
            path = by_iteration[0] if by_iteration else child_path(entry_path("train_cfg"), "max_iters")
            self.warnings.append(Problem(path, text, code=COUNTS_BATCHES))


def _row_of(parsed: _ParsedScheduler) -> tuple[SchedulerRow, str] | None:
    """Return the table row of a scheduler's class and the suffix of the class name, such as `LR`.

    If the class is missing or unknown, report it and return None.
    """
    kind = parsed.kind
    if isinstance(kind, type):
        named = kind.__module__.startswith(("mmengine.", "paramsched."))
        kind = kind.__name__ if named else f"{kind.__module__}.{kind.__qualname__}"
    if not isinstance(kind, str):
        found = "type is missing" if kind is ... else f"type is {short_json(kind)}"
        parsed.refuse("type", found, EXAMPLE, WRONG_ARGUMENT)
        return None
    scope, _, name = kind.rpartition(".")
    found_class = row_of_class(name) if scope in ("", *SCOPES) else None
    if found_class is None:
        found, instead = unknown_class_error(kind, scope, name, parsed.arguments)
        parsed.diagnostics.add(child_path(parsed.path, "type"), found, instead, code=UNKNOWN_NAME)
    return found_class


def _field_of(parsed: _ParsedScheduler, family: str) -> str | None:
    """Return the field that the scheduler sets; remove `param_name` from its arguments."""
    if FAMILIES[family] is not None:
        return FAMILIES[family]
    if "param_name" not in parsed.arguments:
        parsed.refuse("param_name", "it is missing", "For example: param_name='lr'", WRONG_ARGUMENT)
        return None
    site = parsed.arguments.pop("param_name")
    try:
        return str(Field.of(site))
    except InvalidArgument as refusal:
        parsed.diagnostics.refuse(child_path(parsed.path, "param_name"), refusal)
        return None


def _check_names(row: SchedulerRow, parsed: _ParsedScheduler, family: str) -> None:
    """Report unknown and missing arguments."""
    known = list(row.arguments)
    for name in parsed.arguments:
        if name not in known:
            meant = did_you_mean(str(name), known)
            found = f"unknown argument {short_json(name)} of {row.name}{family}; {meant}"
            path = child_path(parsed.path, name)
            parsed.diagnostics.add(path, found, at_key=True, code=WRONG_ARGUMENT)
    for name, one in row.arguments.items():
        if one.default is ... and name not in parsed.arguments:
            parsed.refuse(name, f"it is missing: {one.meaning}", f"Pass {name}=…", WRONG_ARGUMENT)
    if parsed.arguments.get("last_step", -1) != -1:
        parsed.refuse("last_step", "a Plan starts at update 0", "Leave it out; to resume, call scheduler.seek")


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
"""The defaults of torch's optimizers."""


def bases_of(data: Any, calendar: Calendar | None = None) -> Bases:
    """Return the values of a config's optimizers as bases, by name if there are several optimizers.

    Args:
        data: the config as a dict.
        calendar: run facts; `auto_scale_lr` scales lr by its `batch_size`, which is that of all processes.
    """
    wrapper = data.get("optim_wrapper") if isinstance(data, Mapping) else None
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
    """Return the numbers of one optimizer as they appear in its param groups."""
    kind_of = config.get("type")
    name = kind_of.__name__ if isinstance(kind_of, type) else str(kind_of)
    values = dict(_DEFAULTS.get(name.rpartition(".")[2], {}))
    for field, value in config.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not is_finite(value):
            values.pop(field, None)
            notes.append(f"{path}.{field} is not a finite number; its base is unknown")
        elif is_finite(value):
            values[field] = value
        elif isinstance(value, (list, tuple)) and value and all(map(is_finite, value)):
            values[field] = tuple(value)
    return values


def _scale_rate(values: dict[str, Any], data: Mapping[str, Any], calendar: Calendar | None, notes: list[str]) -> None:
    """Apply `auto_scale_lr`: multiply lr by the batch size of all processes over `base_batch_size`."""
    scaling = data.get("auto_scale_lr")
    if not isinstance(scaling, Mapping) or scaling.get("enable") is not True or "lr" not in values:
        return
    base, size = scaling.get("base_batch_size"), None if calendar is None else calendar.batch_size
    if not isinstance(base, (int, float)) or base <= 0:
        return
    if size is None:
        notes.append(
            f"auto_scale_lr multiplies lr by the batch size of all processes over {base}; "
            "the batch size is unknown, so lr is not scaled"
        )
        return
    values["lr"] *= size / base
    notes.append(f"auto_scale_lr: lr is multiplied by {size} / {base}")


def _notes_on_groups(wrapper: Mapping[str, Any]) -> Iterator[str]:
    """Yield a note for each setting that gives some parameters other values than those of the optimizer."""
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
            shown = ", ".join(map(str, names[:4])) + (", …" if len(names) > 4 else "")
            yield f"paramwise_cfg ({shown}) gives some parameters other multiples of these values; they are not drawn"
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
    """Return the plan with the values of MMEngine's schedulers.

    Args:
        data: a config, or the value of its `param_scheduler`.
        calendar: run facts; `total` is used if the config has no `train_cfg`. Without `steps_per_epoch`, counts that
            `convert_to_iter_based` converts stay in epochs.
        base: the base of lr, or a dict of bases by field. A plateau needs it, because MMEngine specifies its floor as
            a value and a plan as a multiple of base. Default: the optimizer's values in the config.

    Returns:
        A plan. Schedulers of several optimizers select groups by the optimizer's name.

    Raises:
        ConfigError: the config has errors; all of them are listed, each with its path.
        MissingFact: a part depends on the length of an epoch, which is unknown.

    >>> facts = Calendar(total="12 epochs", steps_per_epoch=10)
    >>> print(to_plan({"type": "MultiStepLR", "milestones": [8, 11]}, calendar=facts))
    horizon: 12 epochs
    lr: multistep(["8 epochs", "11 epochs"])
    """
    run, entries = _checked_entries(data, calendar, base)
    return _plan_of_entries(entries, run)


def _checked_entries(data: Any, calendar: Calendar | None, base: Any) -> tuple[ConfigRun, list[SchedulerEntry]]:
    """Read the schedulers; raise all errors at once, or emit all warnings."""
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
        arguments, last = entry.arguments, reader.run.length.end(bool(entry.arguments["by_epoch"]))
        for fault in entry.row.run_errors(arguments, arguments["end"] if last is None else min(arguments["end"], last)):
            diagnostics.report(child_path(entry.path, fault.argument), fault.problem)
        peaks = arguments.get("eta_max")
        try:
            if not entry.row.reacts_to_metric:
                entry.row.rule({**arguments, "eta_max": each_number(peaks)[0]})
        except InvalidArgument as refusal:  # what a plan cannot express, such as a negative power
            diagnostics.refuse(entry.path, refusal)
        if isinstance(peaks, (list, tuple)) and entry.optimizer is not None:
            found = "expected one number, got a list: the groups are selected by the optimizer's name"
            diagnostics.add(child_path(entry.path, "eta_max"), found, "Use one number", code=REFUSED_VALUE)
    diagnostics.raise_any("config")
    if reader.missing is not None:
        raise reader.missing
    for warning in {str(one): one for one in reader.warnings}.values():
        warn_user(warning)
    return reader.run, entries


def _plan_of_entries(entries: Sequence[SchedulerEntry], run: ConfigRun) -> Plan:
    """Return a plan with a binding for each field of each optimizer, and for each group if an argument is a list."""
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
                    "windows in iterations are assumed to end before those in epochs begin, which requires at least "
                    f"{found.epoch_length} iterations per epoch"
                )
                warn_user(Problem(mine[0].path, assumed, code=ASSUMED_ORDER))
            for entry in mine:
                if entry.row.reacts_to_metric:
                    schedule = schedule * entry.row.metric_rule(entry.arguments, entry.base)
            bindings.append(Binding(field, schedule, optimizer if group is None else group))
    return Plan(*bindings, horizon=run.horizon)


def _refuse_plateau(entry: SchedulerEntry, run: ConfigRun, diagnostics: DiagnosticCollector) -> None:
    """Report the settings of a plateau that a plan cannot express."""
    arguments, last = entry.arguments, run.length.end(True)
    at_floor = child_path(entry.path, "min_value")
    if arguments["begin"] > 0 or (last is not None and arguments["end"] < last):
        instead = "Leave begin and end out, or use the class itself"
        diagnostics.add(entry.path, "a plan's plateau has no window", instead, code=REFUSED_VALUE)
    if isinstance(arguments["min_value"], (list, tuple)):
        diagnostics.add(at_floor, "expected one number, got a list", "Use one number", code=REFUSED_VALUE)
        return
    if arguments["min_value"] and not entry.base:
        found = "a plan's floor is a multiple of base, and the base is unknown"
        diagnostics.add(
            at_floor, found, f"Pass base={{'{entry.field}': …}}, or add the optimizer's config", code=MISSING_FACT
        )
    try:
        entry.row.metric_rule(arguments, entry.base)
    except InvalidArgument as refusal:
        diagnostics.refuse(entry.path, refusal)
