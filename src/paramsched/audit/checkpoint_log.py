"""A checkpoint as the log of one update: the values of the optimizer's groups, and the number of the update."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, final

import numpy as np

from paramsched._fault import printable
from paramsched.audit.checkpoint_file import choose_state, find_states, load_checkpoint
from paramsched.audit.log_values import (
    MOST_GROUPS,
    MOST_UPDATES,
    LogColumn,
    LoggedValues,
    UnreadableLog,
    logged_amounts,
    path_text,
)
from paramsched.errors import InvalidArgument
from paramsched.fields import OURS, Field, is_number, numeric
from paramsched.time.calendar import CLOCKS


def read_checkpoint(file: Path, optimizer: str | None, at: int | None, clock: str | None) -> LoggedValues:
    """Read the state of an optimizer, as plain data.

    Raises:
        MissingDependency: torch is not installed.
        UnreadableLog: torch cannot read it, or no optimizer, or several, are in it.
    """
    states = find_states(load_checkpoint(file), _is_optimizer_state, "optimizer")
    name, state = _choose_optimizer(file, states, optimizer)
    groups: list[dict[str, Any]] = state["param_groups"]
    taken, notes = _update_of(file, state, groups, at)
    columns = [
        LogColumn(field, index, np.array([taken]), np.array([value]), base=_recorded_base(group, field))
        for index, group in enumerate(groups)
        for field, value in _scheduled_numbers(group, f"group {index} of {name} in {path_text(file)}")
    ]
    names = tuple(found if isinstance(found := group.get("name"), str) else None for group in groups)
    carried = groups[0].get(f"{OURS}amount") if _counts_on(groups[0], clock) else None
    amounts = logged_amounts([(taken, carried)], file)
    return LoggedValues(path_text(file), tuple(columns), names, tuple(notes), amounts)


@final
@dataclass(frozen=True, slots=True)
class CheckpointGroups:
    """The param groups of an optimizer in a checkpoint.

    Args:
        groups: what each has, without its parameters; each number at its recorded base, else as NaN: nobody
            says what it was before.
        updates: after how many it was made; None where nothing says it.
    """

    groups: tuple[Mapping[str, Any], ...]
    updates: int | None


def read_groups(file: Path) -> CheckpointGroups:
    """Read the param groups of the optimizer in a checkpoint.

    Raises:
        MissingDependency: torch is not installed.
        UnreadableLog: torch cannot read it, or no optimizer, or several, are in it.
    """
    states = find_states(load_checkpoint(file), _is_optimizer_state, "optimizer")
    _, state = _choose_optimizer(file, states, None)
    try:
        updates, _ = _update_of(file, state, state["param_groups"], None)
    except UnreadableLog:
        updates = None
    return CheckpointGroups(tuple(map(_group_at_base, state["param_groups"])), updates)


def _group_at_base(group: Mapping[str, Any]) -> Mapping[str, Any]:
    """A group with its own entries, each number at what schedules are multiples of."""
    own = {key: value for key, value in group.items() if key != "params" and not str(key).startswith(OURS)}
    for key, value in own.items():
        if isinstance(value, (list, tuple)):
            own[key] = tuple(_base_or_nan(group, f"{key}[{index}]") for index in range(len(value)))
        elif is_number(value) and not isinstance(value, bool):
            own[key] = _base_or_nan(group, key)
    return own


def _base_or_nan(group: Mapping[str, Any], field: str) -> float:
    """The recorded base of a field; NaN where there is none."""
    base = _recorded_base(group, field) if Field.of(field).key.isidentifier() else None
    return float("nan") if base is None else base


def _counts_on(group: Mapping[str, Any], clock: str | None) -> bool:
    """Whether the amount that a group carries is of this clock."""
    place = _finite_or_nothing(group.get(f"{OURS}clock"))
    return clock is not None and place == CLOCKS.index(clock)


def _update_of(
    file: Path, state: dict[str, Any], groups: list[dict[str, Any]], at: int | None
) -> tuple[int, list[str]]:
    """After how many updates a checkpoint was made, with notes: as given, else as counted by the optimizer or by us."""
    entries = state.get("state")
    steps = entries.values() if isinstance(entries, dict) else ()
    counted = [_update_count(entry.get("step")) for entry in steps if isinstance(entry, dict)]
    ours = [one for group in groups if (one := _update_count(group.get(f"{OURS}t"))) is not None]
    most = max((one for one in counted if one is not None), default=max(ours, default=None))
    taken = at if at is not None else most
    if taken is None:
        raise UnreadableLog(path_text(file), "nothing in it says how many updates it is of", "Write --at 1000")
    notes = [f"the checkpoint is of update {taken}; its values are those of the next update"]
    if ours and max(ours) != taken:
        notes.append(f"its scheduler has counted {max(ours)} updates")
    return taken, notes


def _choose_optimizer(
    file: Path, states: dict[str, dict[str, Any]], optimizer: str | None
) -> tuple[str, dict[str, Any]]:
    """The optimizer that was asked for, or the only one there is, with its name."""
    missing = "no optimizer's state is in it (a dict with param_groups)", "Save optimizer.state_dict()"
    name = choose_state(file, states, "--optimizer", optimizer, missing)
    if len(states[name]["param_groups"]) > MOST_GROUPS:
        raise UnreadableLog(
            f"{printable(name)} in {path_text(file)}", f"more than {MOST_GROUPS} groups", "Is it damaged?"
        )
    return name, states[name]


def _is_optimizer_state(one: dict[Any, Any]) -> bool:
    groups = one.get("param_groups")
    return isinstance(groups, list) and bool(groups) and all(isinstance(group, dict) for group in groups)


def _scheduled_numbers(group: Mapping[str, Any], where: str) -> Iterator[tuple[str, float]]:
    """The entries of a group that a plan can schedule, with their values."""
    for key in numeric({key: value for key, value in group.items() if isinstance(key, str) and key.isidentifier()}):
        try:
            yield key, float(Field.of(key).read(group))
        except InvalidArgument:
            continue  # an entry that no plan can schedule
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:
            said = (str(error).splitlines() or [type(error).__name__])[0]
            raise UnreadableLog(f"{printable(key)} of {where}", f"no number ({said[:100]})", "Is it damaged?") from None


def _update_count(value: Any) -> int | None:
    """A value as a number of updates, if it is one."""
    number = _finite_or_nothing(value)
    return int(number) if number is not None and number == int(number) and 0 <= number <= MOST_UPDATES else None


def _recorded_base(group: Mapping[str, Any], field: str) -> float | None:
    """The base that our scheduler recorded in a group."""
    return _finite_or_nothing(group.get(f"{OURS}base_{Field.of(field).slot}"))


def _finite_or_nothing(value: Any) -> float | None:
    """A value as a float, where it is a finite number; a checkpoint may hold anything."""
    if not is_number(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    return number if isfinite(number) else None
