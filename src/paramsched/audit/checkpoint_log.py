"""A checkpoint, read as plain data."""

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
from paramsched.time.calendar import CLOCKS


def read_checkpoint(file: Path, optimizer: str | None, at: int | None, clock: str | None) -> LoggedValues:
    """Read the state of an optimizer, as plain data."""
    name, state = _chosen_optimizer(file, optimizer)
    groups: list[dict[str, Any]] = state["param_groups"]
    taken, notes = _update_of(file, state, groups, at)
    columns = []
    for index, group in enumerate(groups):
        for field in numeric({key: one for key, one in group.items() if isinstance(key, str) and key.isidentifier()}):
            try:
                value = float(Field.of(field).read(group))
            except InvalidArgument:
                continue  # an entry that no plan can schedule
            except (TypeError, ValueError, OverflowError, RuntimeError) as error:
                where = f"{printable(field)} of group {index} of {name} in {path_text(file)}"
                raise UnreadableLog(where, f"no number ({_first_line(error)[:100]})", "Is it damaged?") from None
            base = _recorded_base(group, field)
            columns.append(LogColumn(field, index, np.array([taken]), np.array([value]), base=base))
    names = tuple(found if isinstance(found := group.get("name"), str) else None for group in groups)
    counted = finite_or_none(groups[0].get(f"{OURS}clock"))
    carried = groups[0].get(f"{OURS}amount") if clock is not None and counted == CLOCKS.index(clock) else None
    amounts = logged_amounts([(taken, carried)], file)
    return LoggedValues(path_text(file), tuple(columns), names, tuple(notes), amounts)


@final
@dataclass(frozen=True, slots=True)
class CheckpointGroups:
    """The param groups of an optimizer in a checkpoint.

    Args:
        groups: what each has, without its parameters; each number at its recorded base, else as NaN: nobody
            says what it was before.
    """

    groups: tuple[Mapping[str, Any], ...]
    updates: int | None


def read_groups(file: Path) -> CheckpointGroups:
    """Read the param groups of the optimizer in a checkpoint."""
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
    """After how many updates a checkpoint was made, with notes."""
    entries = state.get("state")
    steps = entries.values() if isinstance(entries, dict) else ()
    counted = [_update_count(entry.get("step")) for entry in steps if isinstance(entry, dict)]
    ours = [one for group in groups if (one := _update_count(group.get(f"{OURS}t"))) is not None]
    most = max((one for one in counted if one is not None), default=max(ours, default=None))
    taken = at if at is not None else most
    if taken is None:
        raise UnreadableLog(
            path_text(file), "nothing in it says how many updates it is of", "Write --at 1000", option="--at"
        )
    notes = [f"the checkpoint is of update {taken}; its values are those of the next update"]
    if ours and max(ours) != taken:
        notes.append(f"its scheduler has counted {max(ours)} updates")
    return taken, notes


def _chosen_optimizer(file: Path, optimizer: str | None) -> tuple[str, dict[str, Any]]:
    """The state of the optimizer that was asked for, with its name."""
    states = find_states(
        load_checkpoint(file),
        lambda one: (
            isinstance(groups := one.get("param_groups"), list)
            and len(groups) > 0
            and all(isinstance(group, dict) for group in groups)
        ),
        "optimizer",
    )
    missing = "no optimizer's state is in it (a dict with param_groups)", "Save optimizer.state_dict()"
    name = choose_state(file, states, "--optimizer", optimizer, missing)
    if len(states[name]["param_groups"]) > MOST_GROUPS:
        raise UnreadableLog(
            f"{printable(name)} in {path_text(file)}", f"more than {MOST_GROUPS} groups", "Is it damaged?"
        )
    return name, states[name]


def _update_count(value: Any) -> int | None:
    number = finite_or_none(value)
    return int(number) if number is not None and number == int(number) and 0 <= number <= MOST_UPDATES else None


def _recorded_base(group: Mapping[str, Any], field: str) -> float | None:
    return finite_or_none(recorded_base(group, Field.of(field).slot))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


_TORCH_SAVE = "Give a checkpoint that torch.save made"


def load_checkpoint(file: Path) -> Any:
    """What a file of `torch.save` holds; no code of it is run.

    Raises:
        MissingDependency: torch is not installed.
        UnreadableLog: torch cannot read it.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingDependency("a checkpoint", "torch", "torch") from None
    with open_to_read(file) as stream:
        _require_checkpoint(stream, file)
        try:
            # weights_only: a pickle may run code, and a checkpoint may come from anywhere.
            return torch.load(stream, map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001  # torch raises whatever the bytes lead to
            # Its first line, where only plain data is read, is advice to run the code of the file.
            reason = re.search(
                r"(?:Weights only load failed.*?WeightsUnpickler error: )?([^\n]*)", str(error), re.DOTALL
            )
            what = reason[1] if reason is not None and reason[1] else "its pickle is damaged"
            found = f"torch cannot read it ({printable(what)[:120]})"
            raise UnreadableLog(path_text(file), found, _TORCH_SAVE) from None


def _require_checkpoint(stream: BinaryIO, file: Path) -> None:
    """Refuse what torch.save did not write, and an archive that holds more than its bytes: records are never packed."""
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
            raise UnreadableLog(path_text(file), "a zip archive whose records are compressed or overlap", _TORCH_SAVE)
    # Before torch 1.6 a checkpoint was a pickle, and before 0.1.10 a tar archive.
    elif not (head[:1] == b"\x80" and head[1:2] <= b"\x05") and head[257:262] != b"ustar":
        raise UnreadableLog(path_text(file), "it is not a checkpoint, and torch cannot read it", _TORCH_SAVE)
    stream.seek(0)
    if _SIZED_BYTEARRAY.search(stream.read(_MOST_SEARCHED)):  # an archive's records are not compressed
        raise UnreadableLog(path_text(file), "it asks for a bytearray by its size, which torch.save does not write")
    stream.seek(0)


# A call of bytearray with an integer, which allocates that many bytes: the only such call that torch.load allows.
_SIZED_BYTEARRAY = re.compile(rb"c(?:__builtin__|builtins)\nbytearray\n(?:q.|r....)?\(?[IJKLM\x8a\x8b]", re.DOTALL)
_MOST_SEARCHED = 2**26  # bytes; a pickle of a large state has one or two million


def find_states(data: Any, is_state: Callable[[dict[Any, Any]], bool], alone: str) -> dict[str, dict[str, Any]]:
    """Every state of a kind in a checkpoint, by the way to it; none is looked at twice.

    Args:
        alone: the name of one that is the whole checkpoint.

    >>> find_states({"epoch": 3, "parts": [{"lr": 0.1}]}, lambda one: "lr" in one, "optimizer")
    {'parts[0]': {'lr': 0.1}}
    """
    found: dict[str, dict[str, Any]] = {}
    seen: set[int] = set()
    waiting = [("", data)]
    while waiting:
        name, one = waiting.pop()
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
        # Reversed, so that the first entry is taken next. Names are cut, for deep nesting would make them quadratic.
        waiting += [(inner_name[-200:], value) for inner_name, value in reversed(inner)]
    return found


def choose_state(
    file: Path, states: Mapping[str, Any], option: str, wanted: str | None, missing: tuple[str, str]
) -> str:
    """The name of the state that was asked for, or of the only one there is.

    Args:
        missing: what is said where the file has no such state, and what to do then.
    """
    if not states:
        raise UnreadableLog(path_text(file), *missing)
    if wanted is None and len(states) > 1:
        found = f"it has {names_listed(states)}"
        raise UnreadableLog(path_text(file), found, f"Write {option} {printable(next(iter(states)))}", option=option)
    if wanted is not None and wanted not in states:
        raise UnreadableLog(f"{option} {printable(wanted)}", nearest_in_file(wanted, states))
    return next(iter(states)) if wanted is None else wanted


@final
@dataclass(frozen=True, slots=True)
class PlanSince:
    """A plan, and when it came into force.

    Args:
        update: the first that it gave the values of.
        amount: what had been consumed before it; None on the clock of updates.
        plan: the plan; None where it has no text, or one that cannot be read here.
        changes: from the plan before; None where one of the two is not known, and for the first.
    """

    update: int
    amount: float | None
    plan: Plan | None
    changes: Diff | None

    def __str__(self) -> str:
        unit = None if self.plan is None else amount_clock(self.plan.clock)
        amount = "" if self.amount is None else f" ({self.amount} {unit or 'consumed'})"
        what = self.plan if self.changes is None else self.changes
        lines = ("(a plan without a text)" if what is None else str(what)).splitlines()
        # Text of a checkpoint, which a terminal only prints.
        return "\n".join([f"from update {self.update}{amount}:", *(f"  {printable(line)}" for line in lines)])


def read_plan_history(file: str | Path, *, scheduler: str | None = None) -> tuple[PlanSince, ...]:
    """The plans of a run, the earliest first, each with what it changed.

    Args:
        file: a checkpoint in which a state of `ps.Scheduler` is, under any name.
        scheduler: which state, where there are several.

    Raises:
        UnreadableLog: torch cannot read it, or no state, or several, are in it.
        StateError: the state is spoiled.
        MissingDependency: torch is not installed.
    """
    path = Path(file)
    entries = {"version", "t", "plan", "calendar", "bases"}
    states = find_states(load_checkpoint(path), entries.issubset, "scheduler")
    missing = "no state of a ps.Scheduler is in it", "Save scheduler.state_dict() in your checkpoints"
    state = states[choose_state(path, states, "--scheduler", scheduler, missing)]
    # The scheduler's own reader: what it would refuse is no history. With it comes torch, which the file needed too.
    from paramsched.scheduler.saved_state import plans_in_state

    plans, facts = plans_in_state(state)
    found: list[PlanSince] = []
    for update, amount, plan in plans:
        before = found[-1].plan if found else None
        changes = None
        if plan is not None and before is not None:
            try:
                changes = diff(before, plan, facts)
            except InvalidArgument:  # the earlier plan was for another run, say of another length
                changes = diff(before, plan)
        found.append(PlanSince(update, amount, plan, changes))
    return tuple(found)
