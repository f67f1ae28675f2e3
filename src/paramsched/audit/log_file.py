"""Reading a log."""

import csv
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from paramsched._fault import names_listed, printable
from paramsched._files import open_to_read
from paramsched.audit.checkpoint_log import read_checkpoint
from paramsched.audit.event_file import STEP, event_rows
from paramsched.audit.log_values import (
    AmountColumn,
    LogColumn,
    LoggedValues,
    UnreadableLog,
    group_number,
    is_group_index,
    logged_amounts,
    make_column,
    nearest_in_file,
    number_notes,
    path_text,
    require_columns,
    update_number,
    with_shared_digits,
)
from paramsched.fields import Field

_CHECKPOINTS = {".pt", ".pth", ".bin", ".ckpt", ".tar"}
_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


def read_log(
    path: str | Path,
    fields: Iterable[str],
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    optimizer: str | None = None,
    at: int | None = None,
    amount: AmountColumn = AmountColumn(),  # noqa: B008  # a frozen value
) -> LoggedValues:
    """Read a log.

    Args:
        path: a `.jsonl` or `.csv` file, an event file of TensorBoard, or a checkpoint that holds an optimizer's state.
        fields: those the plan schedules: columns named like them are found without being named.
        columns: from `"lr"` or `"lr@head"` (a group's name or index) to the column's name.
        time: the column that counts the updates; without one, rows count from 0.
        optimizer: which one, where the log or the checkpoint has several.
        at: completed updates, for a checkpoint that does not say.
        amount: the column that says what was consumed, for a plan that counts it.

    Raises:
        UnreadableLog: nothing in it can be compared, with what is there.
        MissingDependency: what reads it is not installed.
        OSError: it cannot be read.
    """
    file = Path(path)
    match kind_of_log(file):
        case "checkpoint":
            return read_checkpoint(file, optimizer, at, amount.clock)
        case "jsonl":
            return read_jsonl(file, tuple(fields), columns or {}, time, optimizer, amount)
        case "csv":
            return _read_table(file, list(csv_rows(file)), tuple(fields), columns or {}, time, amount)
        case "events":
            return _read_table(file, list(event_rows(file)), tuple(fields), columns or {}, time or STEP, amount)


def kind_of_log(file: Path) -> Literal["checkpoint", "jsonl", "csv", "events"]:
    """What a log is, by its suffix and its first bytes."""
    if file.exists() and not file.is_file():
        raise UnreadableLog(path_text(file), "no ordinary file, so it may have no end", "Write it to a file first")
    with open_to_read(file) as stream:
        head = stream.read(64)
    if not head:
        raise UnreadableLog(path_text(file), "it is empty", "Give the log of a run: JSONL, CSV, or a checkpoint")
    # By suffix or by content: the first bytes of a zip archive or of a pickle are those of a checkpoint.
    if file.suffix in _CHECKPOINTS or head.startswith((b"PK\x03\x04", b"\x80")):
        return "checkpoint"
    for magic, name in _PACKED.items():
        if head.startswith(magic):
            raise UnreadableLog(path_text(file), f"it is packed by {name}", "Unpack it first")
    if "tfevents" in file.name:
        return "events"
    # A byte order mark may stand before the text. What begins like an object is JSONL, whatever the suffix.
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if file.suffix not in (".csv", ".tsv") and text.startswith((b"{", b"[")):
        return "jsonl"
    return "csv"


TIMES = ("t", "update", "step", "global_step", "trainer/global_step", "iteration", "iter")
"""Columns that number the rows, where the user names none; in capitals or not."""

_GROUP = re.compile(r"(?P<field>.+)\[(?P<group>[^\[\]]+)\]")
_IN_TEXT = "Give JSONL or CSV in UTF-8, or a checkpoint (.pt)"


def read_jsonl(
    file: Path,
    fields: tuple[str, ...],
    columns: Mapping[str, str],
    time: str | None,
    optimizer: str | None,
    amount: AmountColumn,
) -> LoggedValues:
    """Read JSONL: ours, where its first object has `groups`."""
    rows = list(json_rows(file))
    if rows and "groups" in rows[0]:
        return _read_our_rows(file, rows, optimizer, amount)
    return _read_table(file, rows, fields, columns, time, amount)


def _text_lines(file: Path) -> Iterator[str]:
    """The lines of a text with their line ends, for the csv module."""
    with open_to_read(file) as stream, TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        try:
            yield from text
        except UnicodeDecodeError as error:
            raise UnreadableLog(
                path_text(file), f"no text in UTF-8 (byte 0x{error.object[error.start]:02x})", _IN_TEXT
            ) from None


def json_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of JSONL; numbers stay the text they are written in."""
    for number, line in enumerate(_text_lines(file), 1):
        if not line.strip():
            continue
        where = f"{path_text(file)}, line {number}"
        try:
            row = json.loads(line, parse_float=str)  # the digits say how exact the number is
        except (ValueError, RecursionError) as error:
            found = "it is nested too deep" if isinstance(error, RecursionError) else printable(str(error))[:200]
            raise UnreadableLog(where, f"no JSON ({found})", "Give one object in each line") from None
        if not isinstance(row, dict):
            raise UnreadableLog(where, f"a {type(row).__name__}", "Give one object in each line")
        yield row


def csv_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of CSV by the names in its first line."""
    lines = _text_lines(file)
    first = next(lines, "")
    if "\0" in first:
        raise UnreadableLog(path_text(file), "no text (it has null bytes)", _IN_TEXT)
    # What separates cells is what the first line has most of.
    rows = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count))
    try:
        header = next(rows, [])
        for row in rows:
            if len(row) > len(header):
                found = f"{len(row)} cells, and the first line names {len(header)}"
                instead = "Give a name to each column in the first line"
                raise UnreadableLog(f"{path_text(file)}, line {rows.line_num}", found, instead)
            if row:
                yield dict(zip(header, row, strict=False))
    except csv.Error as error:
        raise UnreadableLog(f"{path_text(file)}, line {rows.line_num}", f"no CSV ({error})", _IN_TEXT) from None


def _read_our_rows(
    file: Path, lines: list[dict[str, Any]], optimizer: str | None, amount: AmountColumn
) -> LoggedValues:
    """Read JSONL as we write it."""
    names = sorted({str(line.get("optimizer", "")) for line in lines})
    if optimizer is None and len(names) > 1:
        raise UnreadableLog(
            path_text(file),
            f"it is of the optimizers {names_listed(names)}",
            f"Write --optimizer {printable(names[0] or names[1])}",
        )
    if optimizer is not None:
        lines = [line for line in lines if str(line.get("optimizer", "")) == optimizer]
        if not lines:
            raise UnreadableLog(f"--optimizer {printable(optimizer)}", nearest_in_file(optimizer, names))
    found: dict[tuple[str, int], list[tuple[int, Any]]] = {}
    consumed, said = amount.find(lines[0], file), []
    for number, line in enumerate(lines):
        groups = line.get("groups", [])
        if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
            raise UnreadableLog(
                path_text(file),
                f"groups of update {printable(str(line.get('t', number)))[:40]} are no list of objects",
                'Give {"t": 0, "groups": [{"lr": 0.1}]}',
            )
        t = update_number(line.get("t", number), file) if groups else 0
        if groups and consumed is not None:
            said.append((t, line.get(consumed)))
        for index, group in enumerate(groups):
            for field, value in group.items():
                if value is not None:
                    found.setdefault((field, index), []).append((t, value))
    groups = 1 + max((index for _, index in found), default=-1)
    made = with_shared_digits(make_column(field, index, rows, file) for (field, index), rows in found.items())
    return LoggedValues(path_text(file), made, (None,) * groups, number_notes(made), logged_amounts(said, file))


def _read_table(
    file: Path,
    rows: list[dict[str, Any]],
    fields: tuple[str, ...],
    columns: Mapping[str, str],
    time: str | None,
    amount: AmountColumn,
) -> LoggedValues:
    """Read the columns that were asked for, else those that are called like fields of the plan."""
    there = list(dict.fromkeys(name for row in rows for name in row))
    if not there:
        raise UnreadableLog(
            path_text(file), "no row of it has a value", "Give the log of a run: JSONL, CSV, or a checkpoint"
        )
    wanted = dict(columns) or _columns_like_fields(there, fields)
    require_columns((*wanted.values(), *([time] if time else [])), there, file)
    if not wanted:
        field = fields[0] if fields else "lr"
        example = f"{field}={_column_to_suggest(field, rows)}"
        raise UnreadableLog(
            path_text(file),
            f"no column is called like a field of the plan ({', '.join(fields)}); there are {names_listed(there)}",
            f"Write --column {shlex.quote(example)}",
        )
    counted = time or time_column(there)
    labels: list[str] = []
    made = [_table_column(file, rows, place, name, counted, labels) for place, name in wanted.items()]
    if not any(one.t.size for one in made):
        said = f"column{'s' if len(wanted) > 1 else ''} {names_listed(wanted.values())} of {path_text(file)}"
        raise UnreadableLog(said, "no row has a value there", f"there are {names_listed(there)}")
    known = with_shared_digits(made)
    groups = 1 + max(one.group for one in known)
    names = tuple(labels[index] if index < len(labels) else None for index in range(groups))
    uncounted = () if counted is not None else ("no column counts the updates: rows are counted from 0",)
    consumed = amount.find(there, file)
    amounts = [] if consumed is None else numbered_cells(file, rows, consumed, counted)
    return LoggedValues(
        path_text(file), known, names, (*uncounted, *number_notes(known)), logged_amounts(amounts, file)
    )


def _table_column(
    file: Path, rows: list[dict[str, Any]], place: str, name: str, counted: str | None, labels: list[str]
) -> LogColumn:
    """The column of one field and group."""
    field, _, label = place.partition("@")
    if label and not is_group_index(label) and label not in labels:
        labels.append(label)
    index = group_number(label, file) if is_group_index(label) else labels.index(label) if label else 0
    return make_column(str(Field.of(field)), index, numbered_cells(file, rows, name, counted), file)


def numbered_cells(file: Path, rows: list[dict[str, Any]], name: str, counted: str | None) -> list[tuple[int, Any]]:
    """The cells of a column that say something, numbered by update."""
    return [
        (number if counted is None else update_number(row.get(counted), file), row[name])
        for number, row in enumerate(rows)
        if row.get(name) not in (None, "") and (counted is None or row.get(counted) not in (None, ""))
    ]


def time_column(there: list[str]) -> str | None:
    """The column that counts the updates."""
    # Of columns that differ in capitals only, the first one counts.
    lower = {name.lower(): name for name in reversed(there)}
    return next((lower[name] for name in TIMES if name in lower), None)


def _column_to_suggest(field: str, rows: list[dict[str, Any]]) -> str:
    """A column of numbers whose name has the field in it, or "rate" for lr; NAME where there is none.

    >>> _column_to_suggest("lr", [{"step": "0", "loss": "2.5", "base_rate": "1e-3"}])
    'base_rate'
    """
    parts = (field, "rate") if field == "lr" else (field,)
    for name, value in rows[0].items():
        is_number = re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", str(value), re.IGNORECASE)
        if is_number and any(part in name.lower() for part in parts):
            return printable(name)[:80]
    return "NAME"


def _columns_like_fields(there: list[str], fields: tuple[str, ...]) -> dict[str, str]:
    """Columns that are called `lr`, or `lr[head]` as in a trace's CSV, or as `Scheduler.scalars` says it, `lr/head`."""
    by_flat_name = {Field.of(field).slot: field for field in fields}
    found = {}
    for name in there:
        flat, slash, group = name.partition("/")
        if name in fields:
            found[name] = name
        elif (match := _GROUP.fullmatch(name)) and match["field"] in fields:
            found[f"{match['field']}@{match['group']}"] = name
        elif flat in by_flat_name and bool(group) == bool(slash):
            found[f"{by_flat_name[flat]}@{group}" if group else by_flat_name[flat]] = name
    return found
