"""From a config of MMEngine to checked entries: one scheduler each, its arguments complete, its window filled in."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Any, final

from paramsched.base.codes import (
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
from paramsched.config.faults import Faults
from paramsched.config.python_config.values import NeedsRunning
from paramsched.config.schedule_text import UserClass, user_class
from paramsched.errors import InvalidArgument, MissingFact
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
from paramsched.peers.mmengine.rows.arguments import CONVERTED
from paramsched.peers.mmengine.rows.row import SchedulerRow
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
from paramsched.peers.mmengine.to_schedule import list_cautions, window_cautions
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
    """

    path: str
    field: str
    row: SchedulerRow
    arguments: dict[str, Any]
    optimizer: str | None = None


@final
@dataclass(frozen=True, slots=True)
class _GivenScheduler:
    """The dict of one scheduler, taken apart."""

    path: str
    kind: Any  # what stands at `type`
    arguments: dict[str, Any]  # without what is for the builder
    by_epoch: bool
    convert: bool
    optimizer: str | None

    def path_of(self, name: str) -> str:
        return child_path(self.path, name)


@final
class SchedulerReader:
    """Reads one config; goes on after a fault, to find them all.

    Args:
        run: what is known of the run already; None: the config says it.
    """

    def __init__(self, faults: Faults, calendar: Calendar | None, run: ConfigRun | None = None) -> None:
        self.faults = faults
        self.calendar = calendar or Calendar()
        self.warnings: list[Diagnostic] = []
        self.missing: MissingFact | None = None  # what only the run knows
        self.run = run or ConfigRun(RunLength(), None, 1)

    def read_config(self, data: Any) -> list[SchedulerEntry]:
        """The entries of a whole config, or of what stands at its `param_scheduler`."""
        path, schedulers, whole = find_schedulers(data)
        self.run = run_of_config(whole, self.calendar, self.faults)
        check_hook(whole, schedulers, self.faults)
        if path == SCHEDULERS_PATH and not has_scheduler(schedulers):
            refuse_nothing(whole, self.faults)
            return []
        entries = [entry for entry in self._entries_by_optimizer(schedulers, path) if entry is not None]
        self._warn_of_lists(entries, whole)
        self._warn_of_single(entries, whole)
        return entries

    def _entries_by_optimizer(self, schedulers: Any, path: str) -> Iterator[SchedulerEntry | None]:
        """The entries of a list or a dict of schedulers, or of a dict of them by the optimizers' names."""
        if not isinstance(schedulers, Mapping) or "type" in schedulers:
            yield from self._entries_in_list(schedulers, path, None)
            return
        if not has_scheduler(schedulers):
            self.faults.add(path, "there is no scheduler in it", EXAMPLE, code=NOTHING_PLANNED)
        for name, theirs in schedulers.items():
            if not isinstance(theirs, (Mapping, list, tuple)):
                # A dict without type is one of several optimizers; the rest of it says whether that was meant.
                found = "is no scheduler; its dict has `type`, another is of optimizers' names"
                self.faults.add(
                    child_path(path, name), f"{config_value_in_words(theirs)} {found}", EXAMPLE, code=WRONG_TYPE
                )
            elif len(theirs):
                yield from self._entries_in_list(theirs, child_path(path, name), str(name))

    def _entries_in_list(self, schedulers: Any, path: str, optimizer: str | None) -> Iterator[SchedulerEntry | None]:
        if isinstance(schedulers, (list, tuple)):
            if not schedulers:
                self.faults.add(path, "there is no scheduler in the list", EXAMPLE, code=NOTHING_PLANNED)
            if len(schedulers) > _MOST_SCHEDULERS:
                found = f"{len(schedulers):,} schedulers, more than {_MOST_SCHEDULERS:,}"
                self.faults.add(path, found, "Write a table of values as a native plan", code=REFUSED_VALUE)
            for index, one in enumerate(schedulers[:_MOST_SCHEDULERS]):
                yield self.read_entry(one, child_path(path, index), optimizer)
        else:
            yield self.read_entry(schedulers, path, optimizer)

    def read_entry(self, config: Any, path: str, optimizer: str | None = None) -> SchedulerEntry | None:
        """One scheduler's dict; None where it has a fault."""
        if isinstance(config, NeedsRunning):
            refuse_unread(config, path, self.faults)
            return None
        if not isinstance(config, Mapping):
            found = f"{config_value_in_words(config)} is {type_of_value(config)}, no scheduler"
            self.faults.add(path, found, EXAMPLE, code=WRONG_TYPE)
            return None
        before = self.faults.count
        given = self._take_apart(config, path, optimizer)
        own = user_class(given.kind)
        if own is None:
            return self._of_table(config, given, before)
        return None if self.faults.count > before else self._of_user(own, given)

    def _refuse(
        self, given: _GivenScheduler, name: str, found: str, instead: str = "", code: str = REFUSED_VALUE
    ) -> None:
        self.faults.add(given.path_of(name), found, instead, code=code)

    def _take_apart(self, config: Mapping[str, Any], path: str, optimizer: str | None) -> _GivenScheduler:
        """What a dict says of the ticks, and its arguments."""
        for name, value in config.items():
            refuse_unread(value, child_path(path, name), self.faults)
        arguments = {name: value for name, value in config.items() if name not in _OF_THE_BUILDER}
        convert = self._true_or_false(arguments, CONVERTED, False, path)
        by_epoch = self._true_or_false(arguments, "by_epoch", True, path)
        arguments.pop(CONVERTED, None)
        return _GivenScheduler(path, config.get("type"), arguments, by_epoch, convert, optimizer)

    def _of_table(self, config: Mapping[str, Any], given: _GivenScheduler, before: int) -> SchedulerEntry | None:
        """`before` is how many faults there were."""
        found = self._row_of(config, given)
        if found is None:
            return None
        row, family = found
        field = self._field_of(given, family)
        self._check_names(row, given, family)
        if self.faults.count > before:
            return None
        arguments = self._complete_arguments(row, given)
        if arguments is None:
            return None
        for fault in row.check(arguments):
            self._refuse(given, fault.argument, fault.message, fault.instead)
        if row.only_field is not None and field != row.only_field:
            self._refuse(given, "param_name", f"{row.name} only works for learning rate updating. Write 'lr'")
        if self.faults.count > before or field is None:
            return None
        complete = row.complete(arguments)
        for caution in argument_cautions(row, complete, converted_from_epochs=given.convert):
            self.warnings.append(Diagnostic(given.path, caution, code=HARDLY_MEANT))
        return SchedulerEntry(given.path, field, row, complete, given.optimizer)

    def _of_user(self, own: UserClass, given: _GivenScheduler) -> SchedulerEntry | None:
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
            self.faults.refuse(given.path, refusal)
            return None
        row = SchedulerRow("", "", (), faults=lambda _: (), rule=lambda _: seen.rule)
        arguments = {"begin": seen.begin, "end": seen.end, "by_epoch": seen.by_epoch}
        return SchedulerEntry(given.path, seen.field, row, arguments, given.optimizer)

    def _row_of(self, config: Mapping[str, Any], given: _GivenScheduler) -> tuple[SchedulerRow, str] | None:
        """The row and the family of its class."""
        kind = given.kind
        if isinstance(kind, type):
            named = kind.__module__.startswith(("mmengine.", "paramsched."))
            kind = kind.__name__ if named else f"{kind.__module__}.{kind.__qualname__}"
        if not isinstance(kind, str):
            if "type" not in config or not isinstance(kind, NeedsRunning):
                found = "type is missing" if "type" not in config else f"type is {config_value_in_words(kind)}"
                self._refuse(given, "type", found, EXAMPLE, WRONG_ARGUMENT)
            return None
        scope, _, name = kind.rpartition(".")
        found_class = row_of_class(name) if scope in ("", *SCOPES) else None
        if found_class is None:
            found, instead, replace = fault_of_unknown_class(kind, scope, name)
            self.faults.add(given.path_of("type"), found, instead, code=UNKNOWN_NAME, replace=replace)
        return found_class

    def _true_or_false(self, arguments: Mapping[str, Any], name: str, default: bool, path: str) -> bool:
        """What an argument says that is True or False."""
        value = arguments.get(name, default)
        if not isinstance(value, (bool, NeedsRunning)):
            found = f"{config_value_in_words(value)} is {type_of_value(value)}, not True or False"
            self.faults.add(child_path(path, name), found, code=WRONG_TYPE)
            return default
        return value if isinstance(value, bool) else default

    def _field_of(self, given: _GivenScheduler, family: str) -> str | None:
        """`param_name` is taken out of the arguments."""
        name = FAMILIES[family]
        if name is not None:
            return name
        if "param_name" not in given.arguments:
            self._refuse(given, "param_name", "it is missing", "Write param_name='lr'", WRONG_ARGUMENT)
            return None
        asked = given.arguments.pop("param_name")
        try:
            return str(Field.of(asked))
        except InvalidArgument as refusal:
            if not isinstance(asked, NeedsRunning):
                self.faults.refuse(given.path_of("param_name"), refusal)
            return None

    def _check_names(self, row: SchedulerRow, given: _GivenScheduler, family: str) -> None:
        """Arguments it does not have, and the lack of those it needs."""
        known = [one.name for one in row.arguments]
        for name in given.arguments:
            if name not in known:
                found = f"{row.name}{family} has no argument {config_value_in_words(name)}"
                near = closest(str(name), known)
                replace = (str(name), near) if near else None
                told = f"{found}; {did_you_mean(str(name), known)}"
                self.faults.add(given.path_of(name), told, at_key=True, code=WRONG_ARGUMENT, replace=replace)
        for one in row.arguments:
            if one.required and one.name not in given.arguments:
                self._refuse(given, one.name, f"it is missing: {one.meaning}", f"Write {one.name}=…", WRONG_ARGUMENT)
        if given.arguments.get("last_step", -1) != -1:
            self._refuse(given, "last_step", "a Plan begins at the beginning", "Leave it out; seek goes to a time")

    def _complete_arguments(self, row: SchedulerRow, given: _GivenScheduler) -> dict[str, Any] | None:
        """The arguments with the run's end where there is none, in the unit the scheduler ticks in."""
        arguments = dict(given.arguments)
        length = self.run.length
        end = length.end(given.by_epoch)
        if "end" not in arguments and end is not None:
            arguments["end"] = end
        if row.length_from is not None and "end" not in arguments and not any(map(arguments.get, row.length_from)):
            self._refuse_endless(given)
            return None
        if not given.convert:
            return row.defaulted(arguments)
        if not given.by_epoch:
            self._refuse(given, CONVERTED, "it is for arguments in epochs", "Leave by_epoch=False out")
            return None
        if length.epoch_length is None:
            return row.defaulted({**arguments, CONVERTED: True})
        with suppress(TypeError, ValueError, OverflowError):  # not numbers: the checks say which
            arguments = arguments_in_iterations(row.counted, arguments, length.epoch_length)
        return row.defaulted(arguments)

    def _refuse_endless(self, given: _GivenScheduler) -> None:
        """Nothing says where it ends; in a run whose length is known, the length of an epoch would."""
        length = self.run.length
        if length.max_epochs or length.max_iters:
            run = f"{length.max_epochs} epochs" if length.max_epochs else f"{length.max_iters} iterations"
            found = f"it is missing: the run is {run} long, and nothing says how many iterations an epoch has"
            self.missing = missing_epoch_length(given.path_of("end"), found)
        else:
            found = "it is missing, and nothing says how long the run is"
            self._refuse(given, "end", found, "Write end=…, or train_cfg=dict(max_epochs=…)", MISSING_FACT)

    def _warn_of_lists(self, entries: list[SchedulerEntry], whole: Mapping[str, Any]) -> None:
        """What the schedulers of one optimizer do together."""
        length = self.run.length
        if "train_cfg" not in whole and length.max_iters is not None:
            length = RunLength(length.epoch_length, ceil(length.max_iters / (length.epoch_length or 1)), None)
        for optimizer in dict.fromkeys(entry.optimizer for entry in entries):
            mine = [entry for entry in entries if entry.optimizer == optimizer]
            together = [(entry.row, {**entry.arguments, "param_name": entry.field}) for entry in mine]
            found = [*list_cautions(together, length), *window_cautions(together, length)]
            self.warnings += [Diagnostic(mine[one.index].path, one.text, code=one.code) for one in found]

    def _warn_of_single(self, entries: list[SchedulerEntry], whole: Mapping[str, Any]) -> None:
        """A plateau without validations, and counts of batches where several make an update."""
        for entry in entries:
            if entry.row.metric_rule is not None and "train_cfg" in whole and "val_cfg" not in whole:
                found = "without a validation it never acts; write val_cfg, val_dataloader and val_evaluator"
                self.warnings.append(Diagnostic(entry.path, found, code=NEVER_OBSERVED))
        by_iteration = [entry.path for entry in entries if not ticks_by_epoch(entry.arguments)]
        if self.run.accumulation > 1 and by_iteration:
            found = (
                f"with {self.run.accumulation} batches to an update, by_epoch=False counts batches in MMEngine and "
                "updates in a Plan; divide begin, end and the other counts by it"
            )
            self.warnings.append(Diagnostic(by_iteration[0], found, code=COUNTS_BATCHES))
