"""Readers of checkpoints: the state of an optimizer, as plain data, and the history of a run's plans."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, final
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import numpy as np

from paramsched.audit.log_values import (
    MOST_GROUPS,
    MOST_UPDATES,
    LogColumn,
    LoggedValues,
    UnreadableLog,
    logged_amounts,
    nearest_in_file,
    path_text,
)
from paramsched.base.diagnostic import names_listed, printable
from paramsched.base.files import open_to_read
from paramsched.errors import InvalidArgument, MissingDependency
from paramsched.fields import OURS, Field, finite_or_none, is_number, numeric, recorded_base
from paramsched.plan import Plan
from paramsched.plan.binding import amount_clock
from paramsched.plan.diff import Diff, diff
from paramsched.plan.note import Note
from paramsched.time.calendar import CLOCKS


def read_checkpoint(file: Path, optimizer: str | None, at: int | None, clock: str | None) -> LoggedValues:
    """Read the values in the state of an optimizer, without executing code from the checkpoint.

    Args:
        file: the checkpoint.
        optimizer: the name of the optimizer; None for the only one.
        at: the number of completed updates; None to read it from the checkpoint.
        clock: the unit of consumed amounts; None if the plan counts updates.
    """
    name, state = _chosen_optimizer(file, optimizer)
    groups: list[dict[str, Any]] = state["param_groups"]
    update, notes = _update_of(file, state, groups, at)
    columns = []
    for index, group in enumerate(groups):
        for field in numeric({key: one for key, one in group.items() if isinstance(key, str) and key.isidentifier()}):
            try:
                value = float(Field.of(field).read(group))
            except InvalidArgument:
                continue  # an entry that no plan can schedule
            except (TypeError, ValueError, OverflowError, RuntimeError) as error:
                where = f"{printable(field)} of group {index} of {name} in {path_text(file)}"
                reason = f"expected a number ({_first_line(error)[:100]})"
                raise UnreadableLog(where, reason, "The checkpoint may be damaged") from None
            base = _recorded_base(group, field)
            columns.append(LogColumn(field, index, np.array([update]), np.array([value]), base=base))
    names = tuple(found if isinstance(found := group.get("name"), str) else None for group in groups)
    counted = finite_or_none(groups[0].get(f"{OURS}clock"))
    carried = groups[0].get(f"{OURS}amount") if clock is not None and counted == CLOCKS.index(clock) else None
    amounts = logged_amounts([(update, carried)], file)
    return LoggedValues(path_text(file), tuple(columns), names, tuple(notes), amounts)


@final
@dataclass(frozen=True, slots=True)
class CheckpointGroups:
    """The param groups of an optimizer in a checkpoint.

    Args:
        groups: a dict for each group with its entries except `params`. Each number is replaced by its recorded base, or
            by NaN if no base was recorded.
        updates: the number of completed updates; None if unknown.
    """

    groups: tuple[Mapping[str, Any], ...]
    updates: int | None


def read_groups(file: Path) -> CheckpointGroups:
    """Read the param groups of the only optimizer in a checkpoint."""
    _, state = _chosen_optimizer(file, None)
    try:
        updates, _ = _update_of(file, state, state["param_groups"], None)
    except UnreadableLog:
        updates = None
    groups = []
    for group in state["param_groups"]:
        own = {key: value for key, value in group.items() if key != "params" and not str(key).startswith(OURS)}
        for key, value in own.items():
            if isinstance(value, (list, tuple)):
                own[key] = tuple(_base_or_nan(group, f"{key}[{index}]") for index in range(len(value)))
            elif is_number(value) and not isinstance(value, bool):
                own[key] = _base_or_nan(group, key)
        groups.append(own)
    return CheckpointGroups(tuple(groups), updates)


def _base_or_nan(group: Mapping[str, Any], field: str) -> float:
    base = _recorded_base(group, field) if Field.of(field).key.isidentifier() else None
    return float("nan") if base is None else base


def _update_of(
    file: Path, state: dict[str, Any], groups: list[dict[str, Any]], at: int | None
) -> tuple[int, list[str]]:
    """Return a pair: the number of updates that were completed when a checkpoint was saved, and notes for the user."""
    entries = state.get("state")
    steps = entries.values() if isinstance(entries, dict) else ()
    counted = [_update_count(entry.get("step")) for entry in steps if isinstance(entry, dict)]
    ours = [one for group in groups if (one := _update_count(group.get(f"{OURS}t"))) is not None]
    most = max((one for one in counted if one is not None), default=max(ours, default=None))
    update = at if at is not None else most
    if update is None:
        found = "the checkpoint does not contain the number of completed updates"
        raise UnreadableLog(path_text(file), found, "Write --at 1000", option="--at")
    notes = [f"the checkpoint was saved after {_updates(update)}; its values are those of the next update"]
    if ours and max(ours) != update:
        notes.append(f"its scheduler has counted {_updates(max(ours))}")
    return update, notes


def _updates(number: int) -> str:
    return f"{number} update{'' if number == 1 else 's'}"


def _chosen_optimizer(file: Path, optimizer: str | None) -> tuple[str, dict[str, Any]]:
    """Return the name and the state of the specified optimizer, or of the only optimizer in a checkpoint."""
    states = find_states(
        load_checkpoint(file),
        lambda one: (
            isinstance(groups := one.get("param_groups"), list)
            and len(groups) > 0
            and all(isinstance(group, dict) for group in groups)
        ),
        "optimizer",
    )
    missing = "it contains no state of an optimizer (a dict with param_groups)", "Save optimizer.state_dict()"
    name = choose_state(file, states, "--optimizer", optimizer, missing)
    if len(states[name]["param_groups"]) > MOST_GROUPS:
        raise UnreadableLog(
            f"{printable(name)} in {path_text(file)}",
            f"it has more than {MOST_GROUPS} groups",
            "The checkpoint may be damaged",
        )
    return name, states[name]


def _update_count(value: Any) -> int | None:
    number = finite_or_none(value)
    return int(number) if number is not None and number == int(number) and 0 <= number <= MOST_UPDATES else None


def _recorded_base(group: Mapping[str, Any], field: str) -> float | None:
    return finite_or_none(recorded_base(group, Field.of(field).slot))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


_TORCH_SAVE = "Pass a checkpoint that torch.save has written"


def load_checkpoint(file: Path) -> Any:
    """Load a file of `torch.save` without executing code from it.

    Raises:
        MissingDependency: torch is not installed.
        UnreadableLog: torch cannot read the file.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingDependency("a checkpoint", "torch", "torch") from None
    with open_to_read(file) as stream:
        _require_checkpoint(stream, file)
        try:
            # weights_only: a pickle may run code, and a checkpoint may come from an untrusted source.
            return torch.load(stream, map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001  # torch raises many kinds of errors for damaged files
            # The first line of torch's message is advice to execute code of the file, so it is not shown.
            reason = re.search(
                r"(?:Weights only load failed.*?WeightsUnpickler error: )?([^\n]*)", str(error), re.DOTALL
            )
            shown = reason[1] if reason is not None and reason[1] else "its pickle is damaged"
            found = f"torch cannot read it ({printable(shown)[:120]})"
            raise UnreadableLog(path_text(file), found, _TORCH_SAVE) from None


def _require_checkpoint(stream: BinaryIO, file: Path) -> None:
    """Raise UnreadableLog for a file that torch.save cannot have written.

    A zip archive with compressed or overlapping records could expand to much more data than the file contains.
    """
    head = stream.read(512)
    stream.seek(0)
    if is_zipfile(stream):
        try:
            records = ZipFile(stream).infolist()
        except (BadZipFile, ValueError, NotImplementedError) as error:
            found = f"torch cannot read it ({printable(_first_line(error))[:200]})"
            raise UnreadableLog(path_text(file), found, _TORCH_SAVE) from None
        packed = any(one.compress_type != ZIP_STORED for one in records)
        if packed or sum(one.file_size for one in records) > file.stat().st_size:
            found = "the records of the zip archive are compressed or overlap"
            raise UnreadableLog(path_text(file), found, _TORCH_SAVE)
    # Before torch 1.6 a checkpoint was a pickle, and before 0.1.10 a tar archive.
    elif not (head[:1] == b"\x80" and head[1:2] <= b"\x05") and head[257:262] != b"ustar":
        raise UnreadableLog(path_text(file), "the file is not a checkpoint, so torch cannot read it", _TORCH_SAVE)
    stream.seek(0)
    if _SIZED_BYTEARRAY.search(stream.read(_MAX_SEARCHED_BYTES)):  # records of a zip archive are not compressed
        found = "its pickle creates a bytearray from a size, which torch.save never writes"
        raise UnreadableLog(path_text(file), found)
    stream.seek(0)


# A call of bytearray with an integer, which allocates that many bytes. torch.load allows no other call that allocates
# memory by size.
_SIZED_BYTEARRAY = re.compile(rb"c(?:__builtin__|builtins)\nbytearray\n(?:q.|r....)?\(?[IJKLM\x8a\x8b]", re.DOTALL)
_MAX_SEARCHED_BYTES = 2**26  # bytes; a pickle of a large state has one or two million


def find_states(data: Any, is_state: Callable[[dict[Any, Any]], bool], alone: str) -> dict[str, dict[str, Any]]:
    """Return a dict from the path of each state of one kind in a checkpoint to the state.

    Args:
        data: the checkpoint.
        is_state: returns whether a dict is a state of this kind.
        alone: the path to return if the entire checkpoint is the state.

    >>> find_states({"epoch": 3, "parts": [{"lr": 0.1}]}, lambda one: "lr" in one, "optimizer")
    {'parts[0]': {'lr': 0.1}}
    """
    found: dict[str, dict[str, Any]] = {}
    seen: set[int] = set()
    pending = [("", data)]
    while pending:
        name, one = pending.pop()
        if not isinstance(one, (dict, list)) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            if is_state(one):
                found[name or alone] = one
                continue
            inner = [(f"{name}.{key}" if name else str(key), value) for key, value in one.items()]
        else:
            inner = [(f"{name}[{index}]", value) for index, value in enumerate(one)]
        # Reversed, so that the first value is next. Names are shortened, because their total length would grow
        # quadratically in deeply nested data.
        pending += [(inner_name[-200:], value) for inner_name, value in reversed(inner)]
    return found


def choose_state(
    file: Path, states: Mapping[str, Any], option: str, wanted: str | None, missing: tuple[str, str]
) -> str:
    """Return the name of the specified state, or of the only state in a checkpoint.

    Args:
        file: the checkpoint.
        states: the states by name.
        option: the command line option that specifies the state.
        wanted: the specified name; None for the only state.
        missing: the message and the advice if there is no state.
    """
    if not states:
        raise UnreadableLog(path_text(file), *missing)
    if wanted is None and len(states) > 1:
        found = f"it has several states: {names_listed(states)}"
        raise UnreadableLog(path_text(file), found, f"Write {option} {printable(next(iter(states)))}", option=option)
    if wanted is not None and wanted not in states:
        raise UnreadableLog(f"{option} {printable(wanted)}", nearest_in_file(wanted, states))
    return next(iter(states)) if wanted is None else wanted


@final
@dataclass(frozen=True, slots=True)
class PlanSince:
    """A plan of a run and the update from which it applied.

    Args:
        update: the first update whose values are from this plan.
        amount: the consumed amount before that update; None on the clock of updates.
        plan: the plan; None if its text is missing or cannot be read.
        changes: the difference from the previous plan; None for the first plan, and if either plan is unknown.
        note: the note of the plan's file.
    """

    update: int
    amount: float | None
    plan: Plan | None
    changes: Diff | None
    note: Note | None = None

    def __str__(self) -> str:
        unit = None if self.plan is None else amount_clock(self.plan.clock)
        amount = "" if self.amount is None else f" ({self.amount} {unit or 'consumed'})"
        shown = self.plan if self.changes is None else self.changes
        lines = ("(a plan without a text)" if shown is None else str(shown)).splitlines()
        if self.note is not None:
            lines = [f"note: {{{', '.join(f'{key}: {text}' for key, text in self.note.items())}}}", *lines]
        # The text is from a checkpoint, so control characters are escaped.
        return "\n".join([f"from update {self.update}{amount}:", *(f"  {printable(line)}" for line in lines)])


def read_plan_history(file: str | Path, *, scheduler: str | None = None) -> tuple[PlanSince, ...]:
    """Return the plans of a run in order, each with its changes from the previous plan.

    Args:
        file: a checkpoint that contains a state of `ps.Scheduler` under any name.
        scheduler: the name of the state, required if there are several.

    Raises:
        UnreadableLog: torch cannot read the file, or it contains no state of a Scheduler, no state of this name, or
            several states and no name is specified.
        StateError: the state is invalid.
        MissingDependency: torch is not installed.
    """
    path = Path(file)
    entries = {"version", "t", "plan", "calendar", "bases"}
    states = find_states(load_checkpoint(path), entries.issubset, "scheduler")
    missing = "it contains no state of a ps.Scheduler", "Save scheduler.state_dict() in your checkpoints"
    state = states[choose_state(path, states, "--scheduler", scheduler, missing)]
    # Imported here because the module imports torch; torch was required to load the file anyway.
    from paramsched.scheduler.saved_state import plans_in_state

    plans, facts = plans_in_state(state)
    found: list[PlanSince] = []
    for entry, plan in plans:
        previous = found[-1].plan if found else None
        changes = None
        if plan is not None and previous is not None:
            try:
                changes = diff(previous, plan, facts)
            except InvalidArgument:  # the earlier plan was for a run with other facts, e.g. another length
                changes = diff(previous, plan)
        found.append(PlanSince(entry.update, entry.amount, plan, changes, entry.note))
    return tuple(found)
