"""Reading a log."""

import csv
import json
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from io import TextIOWrapper
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal, TypeAlias, final

from paramsched.audit.checkpoint_log import read_checkpoint
from paramsched.audit.log_values import (
    AmountColumn,
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
from paramsched.base.diagnostic import names_listed, printable
from paramsched.base.files import open_to_read
from paramsched.errors import MissingDependency
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
    tolerance: float | None = None,
) -> LoggedValues:
    """Read a log, its updates counted from 0; in a `trainer_state.json` the first one is step 1.

    Args:
        path: a `.jsonl` or `.csv` file, the `trainer_state.json` of transformers, an event file of TensorBoard, or a
            checkpoint that holds an optimizer's state.
        fields: those the plan schedules: columns named like them are found without being named.
        columns: from `"lr"` or `"lr@head"` (a group's name or index) to the column's name.
        time: the column that counts the updates; without one, rows count from 0.
        optimizer: which one, where the log or the checkpoint has several.
        at: completed updates, for a checkpoint that does not say.
        amount: the column that says what was consumed, for a plan that counts it.
        tolerance: by how much of the planned value a logged one may differ and count as planned; 0 compares bits. None:
            0 for what a Scheduler or the Runner wrote, else 1e-9.

    Raises:
        UnreadableLog: nothing in it can be compared, with what is there.
        MissingDependency: what reads it is not installed.
        OSError: it cannot be read.
    """
    file, fields, columns = Path(path), tuple(fields), columns or {}
    kind = kind_of_log(file)
    if kind == "checkpoint":
        logged = read_checkpoint(file, optimizer, at, amount.clock)
        # A recorded base shows that a Scheduler wrote the group.
        ours = (one if one.base is None else replace(one, tolerance=0.0) for one in logged.columns)
        logged = replace(logged, columns=tuple(ours))
    else:
        rows = rows_of_log(file, kind)
        if kind == "jsonl" and rows and "groups" in rows[0]:
            logged = _read_our_rows(file, rows, optimizer, amount)
        elif kind == "history":
            wanted = columns or _columns_of_history(file, rows, fields)
            logged = _read_table(file, rows, fields, wanted, time or _STEP, amount)
            logged = replace(logged, columns=tuple(replace(one, t=one.t - 1) for one in logged.columns))
        else:
            logged = _read_table(file, rows, fields, columns, _STEP if kind == "events" and not time else time, amount)
    if tolerance is None:
        return logged
    return replace(logged, columns=tuple(replace(one, tolerance=tolerance) for one in logged.columns))


_Kind: TypeAlias = Literal["checkpoint", "history", "jsonl", "csv", "events"]


def kind_of_log(file: Path) -> _Kind:
    """What a log is, by its suffix and its first bytes."""
    if file.exists() and not file.is_file():
        raise UnreadableLog(path_text(file), "no ordinary file, so it may have no end", "Write it to a file first")
    with open_to_read(file) as stream:
        head = stream.read(65536)
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
    # The state of a Trainer, by its name or its begin; of JSONL the first line is a whole object.
    is_state = file.suffix == ".json" and head.lstrip()[:1] == b"{" and b'"log_history"' in head
    if is_state or file.name == "trainer_state.json":
        return "history"
    # A byte order mark may stand before the text. What begins like an object is JSONL, whatever the suffix.
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if file.suffix not in (".csv", ".tsv") and text.startswith((b"{", b"[")):
        return "jsonl"
    return "csv"


def rows_of_log(file: Path, kind: _Kind) -> list[dict[str, Any]]:
    """Return the rows of a log that has rows; numbers stay the text they are written in."""
    match kind:
        case "checkpoint":
            return []
        case "csv":
            return list(_csv_rows(file))
        case "events":
            return list(_event_rows(file))
        case "history":
            return _history_rows(file)
        case "jsonl":
            return list(json_rows(file))


TIMES = ("t", "update", "step", "global_step", "trainer/global_step", "iteration", "iter")
"""Columns that number the rows, where the user names none; in capitals or not."""

_GROUP = re.compile(r"(?P<field>.+)\[(?P<group>[^\[\]]+)\]")
_IN_TEXT = "Give JSONL or CSV in UTF-8, or a checkpoint (.pt)"


_LONGEST = 2**24
"""Characters of a line; of a larger one no log is made, and a file of zeros is one line."""
_LARGEST_STATE = 2**28
"""Bytes of a `trainer_state.json`, which is read as a whole."""
MOST_COLUMNS = 4_000
"""Fields times groups. A run of a thousand layers that logs four fields of each has no more."""


def _text_lines(file: Path) -> Iterator[str]:
    """The lines of a text with their line ends, for the csv module."""
    with open_to_read(file) as stream, TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        try:
            for number in count(1):
                line = text.readline(_LONGEST)
                if len(line) == _LONGEST:
                    found = f"a line of more than {_LONGEST:,} characters"
                    raise UnreadableLog(path_text(file, number), found, "Give the log of a run in lines")
                if not line:
                    return
                yield line
        except UnicodeDecodeError as error:
            raise UnreadableLog(
                path_text(file), f"not valid UTF-8 (byte 0x{error.object[error.start]:02x})", _IN_TEXT
            ) from None


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object each of whose keys is there once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise _TwiceError(next(name for name in found if times[name] > 1))
    return found


@final
class _TwiceError(Exception):
    """A key is in an object twice."""


_DECODER = json.JSONDecoder(parse_float=str, object_pairs_hook=_object_of_pairs)  # the digits say how exact a number is


def _json_value(text: str, file: Path, instead: str, line: int | None = None) -> Any:
    """Parse a text of JSON; numbers with a point stay the text they are written in, which shows how exact they are."""
    try:
        return _DECODER.decode(text)
    except _TwiceError as error:
        raise _twice(path_text(file, line), error.args[0]) from None
    except (ValueError, RecursionError) as error:
        found = "it is nested too deep" if isinstance(error, RecursionError) else printable(str(error))[:200]
        raise UnreadableLog(path_text(file, line), f"invalid JSON: {found}", instead) from None


def _twice(where: str, name: str) -> UnreadableLog:
    found = f'"{printable(name)[:80]}" is there twice, and only one of the two can be meant'
    return UnreadableLog(where, found, "Remove or rename one of them")


def json_rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the objects of JSONL; numbers stay the text they are written in."""
    instead = "Give one object in each line"
    for number, line in enumerate(_text_lines(file), 1):
        if line.strip():
            row = _json_value(line, file, instead, number)
            if not isinstance(row, dict):
                raise UnreadableLog(path_text(file, number), f"a {type(row).__name__}", instead)
            yield row


def _csv_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of CSV by the names in its first line."""
    lines = _text_lines(file)
    first = next(lines, "")
    if "\0" in first:
        raise UnreadableLog(path_text(file), "no text (it has null bytes)", _IN_TEXT)
    # What separates cells is what the first line has most of.
    rows = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count))
    try:
        header = next(rows, [])
        times = Counter(header)
        if twice := next((name for name in header if name and times[name] > 1), None):
            raise _twice(path_text(file, 1), twice)
        for row in rows:
            if len(row) > len(header):
                found = f"{len(row)} cells, and the first line names {len(header)}"
                instead = "Give a name to each column in the first line"
                raise UnreadableLog(path_text(file, rows.line_num), found, instead)
            if row:
                yield dict(zip(header, row, strict=False))
    except csv.Error as error:
        raise UnreadableLog(path_text(file, rows.line_num), f"invalid CSV: {error}", _IN_TEXT) from None


_STEP = "step"  # the column of the updates in a history, and in the rows of an event file


def _event_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The scalars of a file: for each value a row with its step and, under the name of its tag, the value."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise MissingDependency("a log of TensorBoard", "tensorboard") from None
    try:
        # 0: keep all of them. What a restart wrote again is told as in every log.
        events = EventAccumulator(str(file), size_guidance={"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
        events.Reload()  # up to where the file is damaged, or still being written
    except UnicodeEncodeError:
        found = "its name is not valid UTF-8, so tensorboard cannot open it"
        raise UnreadableLog(path_text(file), found, "Give it another name") from None
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            yield {_STEP: event.step, tag: event.value}
    for tag in events.Tags()["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            for event in events.Tensors(tag):
                yield {_STEP: event.step, tag: make_ndarray(event.tensor_proto).item()}


_NO_HISTORY = "Give trainer_state.json of a checkpoint, whose log_history has learning_rate"


def _columns_of_history(file: Path, rows: list[dict[str, Any]], fields: tuple[str, ...]) -> dict[str, str]:
    """Find the columns of a `trainer_state.json` by field."""
    there = dict.fromkeys(name for row in rows for name in row)
    wanted = columns_like_fields(list(there), fields)
    # The Trainer names the learning rate of the first group so; our adapter logs all groups besides.
    if "learning_rate" in there and "lr" in fields and not any(one.partition("@")[0] == "lr" for one in wanted):
        wanted = {"lr": "learning_rate", **wanted}
    if not wanted:
        raise UnreadableLog(path_text(file), f"no row has {', '.join(fields)}", _NO_HISTORY)
    return wanted


def _history_rows(file: Path) -> list[dict[str, Any]]:
    """The rows of its history; numbers stay the text they are written in."""
    if (size := file.stat().st_size) > _LARGEST_STATE:
        raise UnreadableLog(path_text(file), f"{size:,} bytes are too many for the state of a Trainer", _NO_HISTORY)
    try:
        with open_to_read(file) as stream:
            text = stream.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableLog(path_text(file), f"invalid JSON: {printable(str(error))[:200]}", _NO_HISTORY) from None
    data = _json_value(text, file, _NO_HISTORY)
    rows = data.get("log_history") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadableLog(path_text(file), "no log_history of objects", _NO_HISTORY)
    return rows


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
            option="--optimizer",
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
                f"groups of update {printable(str(line.get('t', number)))[:40]} are not a list of objects",
                'Give {"t": 0, "groups": [{"lr": 0.1}]}',
            )
        t = update_number(line.get("t", number), file) if groups else 0
        if groups and consumed is not None:
            said.append((t, line.get(consumed)))
        for index, group in enumerate(groups):
            for field, value in group.items():
                if value is not None:
                    found.setdefault((field, index), []).append((t, value))
                    require_few_columns(len(found), file)
    groups = 1 + max((index for _, index in found), default=-1)
    made = with_shared_digits(
        replace(make_column(field, index, rows, file), tolerance=0.0) for (field, index), rows in found.items()
    )
    return LoggedValues(path_text(file), made, (None,) * groups, number_notes(made), logged_amounts(said, file))


def require_few_columns(number: int, file: Path) -> None:
    """Refuse more columns than a run has."""
    if number > MOST_COLUMNS:
        found = f"more than {MOST_COLUMNS:,} columns of values"
        raise UnreadableLog(path_text(file), found, "Name those to compare: --column lr@0=NAME", option="--column")


def _read_table(
    file: Path,
    rows: list[dict[str, Any]],
    fields: tuple[str, ...],
    columns: Mapping[str, str],
    time: str | None,
    amount: AmountColumn,
) -> LoggedValues:
    """Read the columns that were asked for, else those that are called like fields of the plan."""
    there = list(dict.fromkeys(chain.from_iterable(rows)))
    if not there:
        raise UnreadableLog(
            path_text(file), "no row of it has a value", "Give the log of a run: JSONL, CSV, or a checkpoint"
        )
    wanted = dict(columns) or columns_like_fields(there, fields)
    require_columns((*wanted.values(), *([time] if time else [])), there, file)
    if not wanted:
        field = fields[0] if fields else "lr"
        example = f"{field}={_column_to_suggest(field, rows)}"
        raise UnreadableLog(
            path_text(file),
            f"no column is called like a field of the plan ({', '.join(fields)}); there are {names_listed(there)}",
            f"Write --column {shlex.quote(example)}",
            option="--column",
        )
    require_few_columns(len(wanted), file)
    counted = time or time_column(there)
    cells = numbered_cells(file, rows, wanted.values(), counted)
    labels = _group_indices(wanted, file)
    made = []
    for place, name in wanted.items():
        field, _, label = place.partition("@")
        made.append(make_column(str(Field.of(field)), labels[label] if label else 0, cells[name], file))
    places = Counter((one.field, one.group) for one in made)
    if twice := next((one for one in made if places[one.field, one.group] > 1), None):
        found = f"two columns are of one group of {twice.field}"
        raise UnreadableLog(path_text(file), found, _NAME_EACH, option="--column")
    if not any(one.t.size for one in made):
        said = f"column{'s' if len(wanted) > 1 else ''} {names_listed(wanted.values())} of {path_text(file)}"
        raise UnreadableLog(said, "no row has a value there", f"there are {names_listed(there)}")
    known = with_shared_digits(made)
    named = {index: label for label, index in labels.items() if not is_group_index(label)}
    names = tuple(named.get(index) for index in range(1 + max(one.group for one in known)))
    uncounted = () if counted is not None else ("no column counts the updates: rows are counted from 0",)
    consumed = amount.find(there, file)
    amounts = [] if consumed is None else numbered_cells(file, rows, [consumed], counted)[consumed]
    return LoggedValues(
        path_text(file), known, names, (*uncounted, *number_notes(known)), logged_amounts(amounts, file)
    )


_NAME_EACH = 'Name each: --column lr@0=NAME; in Python columns={"lr@body": "lr_0", "lr@head": "lr_1"}'


def _group_indices(wanted: Iterable[str], file: Path) -> dict[str, int]:
    """The index of each group by its label.

    Named groups come in order. In a field that has columns by name and by index they are what the indices leave.
    """
    by_field: dict[str, list[str]] = {}
    for place in wanted:
        field, _, label = place.partition("@")
        if label:
            by_field.setdefault(field, []).append(label)
    labels = dict.fromkeys(chain.from_iterable(by_field.values()))
    found = {label: group_number(label, file) for label in labels if is_group_index(label)}
    mixed = (of_field for of_field in by_field.values() if not all(map(is_group_index, of_field)))
    taken = {found[label] for label in chain.from_iterable(mixed) if label in found}
    free = (index for index in count() if index not in taken)
    return found | {label: next(free) for label in labels if label not in found}


def numbered_cells(
    file: Path, rows: list[dict[str, Any]], names: Iterable[str], counted: str | None
) -> dict[str, list[tuple[int, Any]]]:
    """The cells of some columns that say something, numbered by update."""
    found: dict[str, list[tuple[int, Any]]] = {name: [] for name in names}
    for number, row in enumerate(rows):
        # What is shorter is gone through: a log may have thousands of columns, and thousands of rows with few cells.
        said = row.keys() & found.keys() if len(found) > 4 else [name for name in found if name in row]
        if not said or (counted is not None and row.get(counted) in (None, "")):
            continue
        cells = [(name, value) for name in said if (value := row[name]) not in (None, "")]
        t = number if counted is None or not cells else update_number(row[counted], file)
        for name, value in cells:
            found[name].append((t, value))
    return found


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


def columns_like_fields(there: list[str], fields: tuple[str, ...]) -> dict[str, str]:
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
