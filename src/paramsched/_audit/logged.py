"""Read what a run used: our JSONL, any CSV or JSONL with named columns, or an optimizer's checkpoint."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from paramsched._arrays import Floats
from paramsched.errors import InvalidArgument, MissingDependency, nearest
from paramsched.fields import OURS, Field

TIMES = ("t", "update", "step", "global_step", "trainer/global_step", "iteration", "iter")
"""Columns that number the rows, where the user names none."""

_GROUP = re.compile(r"(?P<field>.+)\[(?P<group>[^\[\]]+)\]")
_CHECKPOINTS = {".pt", ".pth", ".bin", ".ckpt", ".tar"}


@final
class Unreadable(InvalidArgument):
    """A log that cannot be read as asked."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One field of one group: the updates it was logged for, and its values.

    Args:
        field: as in the log.
        group: index of its group.
        t: the number of each row, as logged.
        values: the logged values.
        digits: the most significant digits any of them was written with; 17 for numbers that were never text.
        base: what schedules are multiples of, if the log says it.
    """

    field: str
    group: int
    t: np.ndarray[Any, np.dtype[np.int64]]
    values: Floats
    digits: int = 17
    base: float | None = None


@final
@dataclass(frozen=True, slots=True)
class Logged:
    """What a run used. `names`: of its groups, None where one has none."""

    source: str
    columns: tuple[Column, ...]
    names: tuple[str | None, ...]
    notes: tuple[str, ...] = ()


def read_log(
    path: str | Path,
    fields: Iterable[str],
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    optimizer: str | None = None,
    at: int | None = None,
) -> Logged:
    """Read a log.

    Args:
        path: a `.jsonl` or `.csv` file, or a checkpoint that holds an optimizer's state.
        fields: those the plan schedules: columns named like them are found without being named.
        columns: from `"lr"` or `"lr@head"` (a group's name or index) to the column's name.
        time: the column that counts the updates; without one, rows count from 0.
        optimizer: which one, where the log or the checkpoint has several.
        at: completed updates, for a checkpoint that does not say.

    Raises:
        Unreadable: nothing in it can be compared, with what is there.
        OSError: it cannot be read.
    """
    file = Path(path)
    with file.open("rb") as stream:
        head = stream.read(4)
    if file.suffix in _CHECKPOINTS or head.startswith((b"PK\x03\x04", b"\x80")):
        return _checkpoint(file, optimizer, at)
    if file.suffix in (".csv", ".tsv") or not head.lstrip().startswith((b"{", b"[")):
        with file.open(encoding="utf-8-sig", newline="") as text:
            rows: Iterator[dict[str, Any]] = csv.DictReader(text, delimiter="\t" if file.suffix == ".tsv" else ",")
            return _table(file, list(rows), tuple(fields), columns or {}, time)
    lines = list(_json_lines(file))
    if lines and "groups" in lines[0]:
        return _ours(file, lines, optimizer)
    return _table(file, lines, tuple(fields), columns or {}, time)


def _json_lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line, parse_float=str)  # the digits say how exact the number is
            except ValueError as error:
                raise Unreadable(
                    f"{file}, line {number}", f"no JSON ({error})", "Give one object in each line"
                ) from None
            if not isinstance(row, dict):
                raise Unreadable(f"{file}, line {number}", f"a {type(row).__name__}", "Give one object in each line")
            yield row


def _ours(file: Path, lines: list[dict[str, Any]], optimizer: str | None) -> Logged:
    names = sorted({str(line.get("optimizer", "")) for line in lines})
    if optimizer is None and len(names) > 1:
        raise Unreadable(f"{file}", f"it is of the optimizers {', '.join(names)}", f"Write --optimizer {names[0]}")
    if optimizer is not None:
        lines = [line for line in lines if str(line.get("optimizer", "")) == optimizer]
        if not lines:
            raise Unreadable(f"--optimizer {optimizer}", nearest(optimizer, names))
    found: dict[tuple[str, int], list[tuple[int, Any]]] = {}
    for number, line in enumerate(lines):
        for index, group in enumerate(line.get("groups", ())):
            for field, value in group.items():
                if value is not None:
                    found.setdefault((field, index), []).append((_whole(line.get("t", number), file), value))
    groups = 1 + max((index for _, index in found), default=-1)
    made = _alike(_column(field, index, rows, file) for (field, index), rows in found.items())
    return Logged(str(file), made, (None,) * groups, _notes(made))


def _table(
    file: Path, rows: list[dict[str, Any]], fields: tuple[str, ...], columns: Mapping[str, str], time: str | None
) -> Logged:
    there = list(dict.fromkeys(name for row in rows for name in row))
    wanted = dict(columns) or _guessed(there, fields)
    for name in (*wanted.values(), *([time] if time else [])):
        if name not in there:
            raise Unreadable(f"column {name!r} of {file}", nearest(name, there), "Name one that is there")
    if not wanted:
        raise Unreadable(
            f"{file}",
            f"no column is called like a field of the plan ({', '.join(fields)}); there are {', '.join(there)}",
            f"Write --column {fields[0]}=NAME",
        )
    counted = time or next((name for name in TIMES if name in there), None)
    labels: list[str] = []
    made = []
    for place, name in wanted.items():
        field, _, label = place.partition("@")
        if label and not label.isdigit() and label not in labels:
            labels.append(label)
        index = int(label) if label.isdigit() else labels.index(label) if label else 0
        kept = [
            (number if counted is None else _whole(row.get(counted), file), row[name])
            for number, row in enumerate(rows)
            if row.get(name) not in (None, "") and (counted is None or row.get(counted) not in (None, ""))
        ]
        made.append(_column(str(Field.of(field)), index, kept, file))
    alike = _alike(made)
    groups = 1 + max(column.group for column in alike)
    names = tuple(labels[index] if index < len(labels) else None for index in range(groups))
    notes = () if counted is not None else ("no column counts the updates: rows are counted from 0",)
    return Logged(str(file), alike, names, (*notes, *_notes(alike)))


def _guessed(there: list[str], fields: tuple[str, ...]) -> dict[str, str]:
    """Columns that are called `lr`, or `lr[head]` as in a trace's CSV."""
    found = {}
    for name in there:
        if name in fields:
            found[name] = name
        elif (match := _GROUP.fullmatch(name)) and match["field"] in fields:
            found[f"{match['field']}@{match['group']}"] = name
    return found


def _checkpoint(file: Path, optimizer: str | None, at: int | None) -> Logged:
    try:
        import torch
    except ModuleNotFoundError:
        raise MissingDependency("a checkpoint", "torch", "torch") from None
    try:
        data = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises whatever the bytes lead to
        raise Unreadable(f"{file}", f"torch cannot read it ({str(error).splitlines()[0]})") from None
    states = dict(_states("", data))
    if not states:
        raise Unreadable(f"{file}", "no optimizer's state is in it (a dict with param_groups)")
    if optimizer is None and len(states) > 1:
        raise Unreadable(f"{file}", f"it has {', '.join(states)}", f"Write --optimizer {next(iter(states))}")
    if optimizer is not None and optimizer not in states:
        raise Unreadable(f"--optimizer {optimizer}", nearest(optimizer, states))
    state = states[optimizer] if optimizer is not None else next(iter(states.values()))
    groups = state["param_groups"]
    counts = {
        float(entry["step"]) for entry in state.get("state", {}).values() if isinstance(entry, dict) and "step" in entry
    }
    ours = {group[f"{OURS}t"] for group in groups if f"{OURS}t" in group}
    taken = at if at is not None else int(max(counts)) if counts else max(ours, default=None)
    if taken is None:
        raise Unreadable(f"{file}", "nothing in it says how many updates it is of", "Write --at 1000")
    notes = [f"the checkpoint is of update {taken}; its values are those of the next update"]
    if ours and max(ours) != taken:
        notes.append(f"its scheduler has counted {max(ours)} updates")
    made = []
    for index, group in enumerate(groups):
        for field, value in _numbers(group):
            base = group.get(f"{OURS}base_{Field.of(field).slot}")
            made.append(
                Column(field, index, np.array([taken]), np.array([value]), base=None if base is None else float(base))
            )
    names = tuple(group.get("name") if isinstance(group.get("name"), str) else None for group in groups)
    return Logged(str(file), tuple(made), names, tuple(notes))


def _states(name: str, data: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Optimizer states inside a checkpoint, however it calls them."""
    if isinstance(data, dict):
        groups = data.get("param_groups")
        if isinstance(groups, list) and all(isinstance(group, dict) for group in groups):
            yield name or "optimizer", data
            return
        for key, value in data.items():
            yield from _states(f"{name}.{key}" if name else str(key), value)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _states(f"{name}[{index}]", value)


def _numbers(group: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    from paramsched.fields import numeric

    for field in numeric(group):
        yield field, float(Field.of(field).read(group))


def _column(field: str, group: int, rows: list[tuple[int, Any]], file: Path) -> Column:
    times = np.array([t for t, _ in rows], dtype=np.int64)
    if times.size and times.min() < 0:
        raise Unreadable(f"{field} in {file}", f"an update numbered {times.min()}", "Updates count from 0")
    try:
        values = np.array([float(value) for _, value in rows])
    except (TypeError, ValueError) as error:
        raise Unreadable(f"{field} in {file}", f"not a number: {error}", "Name a column of numbers") from None
    digits = max((_digits(value) for _, value in rows), default=17)
    return Column(field, group, times, values, digits)


def _digits(value: Any) -> int:
    """The significant digits a number is written with."""
    mantissa = re.split("[eE]", str(value))[0]
    return len(mantissa.replace(".", "").lstrip("+-0")) or 1


def _whole(value: Any, file: Path) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number or number != int(number):
        raise Unreadable(f"{file}", f"{value!r} is no number of an update", "Name the column that counts: --time NAME")
    return int(number)


def _alike(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Give all columns the digits of the most exact one: a log is written in one way, and 0.05 may be exact or not.

    Few different values say little of how they were written: these are compared in four digits at least.
    """
    made = tuple(columns)
    digits = max((column.digits for column in made), default=17)
    few = sum(np.unique(column.values).size for column in made) < 8
    return tuple(replace(column, digits=max(digits, 4) if few else digits) for column in made)


def _notes(columns: tuple[Column, ...]) -> tuple[str, ...]:
    notes = []
    if any(np.any(np.diff(column.t) < 0) for column in columns):
        notes.append("its numbers go back: a part of the run is logged twice, or another run follows")
    if columns and columns[0].digits < 15:
        notes.append(f"its numbers are written with {columns[0].digits} digits, and compared so")
    return tuple(notes)
