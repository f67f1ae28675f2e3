"""Files of logs, and the metrics in them."""

import csv
import json
import re
import shlex
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import TextIOWrapper
from itertools import chain, count
from pathlib import Path
from typing import Any, Literal, TypeAlias, final

import numpy as np

from paramsched.base.files import open_to_read
from paramsched.base.words import names_listed, printable
from paramsched.core.curves import Floats, last_of_each
from paramsched.core.groups.fields import Field
from paramsched.core.metrics.metric_rules import metric_word
from paramsched.errors import MissingDependency, UnreadableLog
from paramsched.tools.records.log_values import (
    DECIMAL_POINT,
    ROUNDING_OF_CPUS,
    ROWS_ARE_COUNTED,
    TRAINER,
    WRITE_POINTS,
    AmountColumn,
    LogColumn,
    LoggedValues,
    TimeColumn,
    Times,
    columns_of_fields,
    group_number,
    has_decimal_comma,
    is_blank,
    is_group_index,
    logged_amounts,
    make_column,
    nearest_in_file,
    number_notes,
    path_text,
    require_columns,
    shortened,
    time_column,
    update_number,
)

_PLANS = (".yaml", ".yml")
_EVENTS = "tfevents"  # in the name of each event file


def read_log(
    path: str | Path,
    fields: Iterable[str],
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    optimizer: str | None = None,
    amount: AmountColumn = AmountColumn(),  # noqa: B008  # a frozen value
    tolerance: float | None = None,
) -> LoggedValues:
    """Read the values in a log. The first update has number 0.

    A `trainer_state.json` and MMEngine's `scalars.json` count steps from 1; they are converted.

    Args:
        path: a `.jsonl` or `.csv` file, an event file of TensorBoard or a folder of them, or a `trainer_state.json`.
        fields: the fields that the plan schedules, to find columns with their names.
        columns: maps `"lr"` or `"lr@head"` (the name or index of a group) to the name of a column. The columns of
            other fields are found by name.
        time: the column that counts the updates. Default: a column with a common name, else the number of the row.
        optimizer: the name of the optimizer, required if the log has several.
        amount: the column of the amount, for a plan that counts samples or tokens.
        tolerance: the relative difference up to which a logged value counts as planned; 0 requires equal bits.
            Default: 4 units in the last place for values written by a Scheduler or the Runner, else 1e-9.

    Raises:
        UnreadableLog: the log has no value that can be compared.
        MissingDependency: a package that reads the format is not installed.
        OSError: the file cannot be read.
    """
    file = Path(path)
    fields = tuple(fields)
    columns = columns or {}
    log_format = kind_of_log(file)
    rows = rows_of_log(file, log_format)
    if log_format in ("events", "state"):
        time = time or _STEP
    if log_format == "jsonl" and rows and "groups" in rows[0]:
        logged = _read_scheduler_rows(file, rows, optimizer, amount)
    else:
        logged = _read_table(file, rows, fields, columns, time, amount)
    if log_format == "state":
        # The value in a row of step 0, which is logged before the first update, is that of update 0.
        moved = tuple(replace(column, t=np.maximum(column.t - TRAINER[0].first, 0)) for column in logged.columns)
        logged = replace(logged, columns=moved, programs=TRAINER)
    if tolerance is None:
        return logged
    return replace(logged, columns=tuple(replace(column, tolerance=tolerance) for column in logged.columns))


_Kind: TypeAlias = Literal["jsonl", "csv", "events", "state"]


def kind_of_log(file: Path) -> _Kind:
    """Return the format of a log: event files, the state of a Trainer, JSONL if its first character is "{", else CSV.

    Raises:
        UnreadableLog: it is not a regular file, or it is empty.
    """
    if _EVENTS in file.name or (file.is_dir() and any(_EVENTS in path.name for path in file.iterdir())):
        return "events"
    if file.exists() and not file.is_file():
        message = "expected a regular file, because other files may have no end, or a folder of TensorBoard"
        raise UnreadableLog(path_text(file), message, "Save the log to a file first")
    if file.suffix.lower() in _SPREADSHEETS:
        raise UnreadableLog(path_text(file), "expected JSONL or CSV, got a spreadsheet", "Save it as CSV")
    with open_to_read(file) as stream:
        head = stream.read(_HEAD)
    if not head:
        raise UnreadableLog(path_text(file), "the file is empty", _LOG_ADVICE)
    if file.name == _STATE or (file.suffix == ".json" and b'"log_history"' in head):
        return "state"
    return "jsonl" if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"


def rows_of_log(file: Path, log_format: _Kind) -> list[dict[str, Any]]:
    """Return the rows of a log as dicts from column to value.

    Numbers may be strings, because their digits show the precision.
    """
    match log_format:
        case "csv":
            return list(_csv_rows(file))
        case "events":
            return list(_event_rows(file))
        case "jsonl":
            return list(json_rows(file))
        case "state":
            return _rows_of_history(file)


_IN_TEXT = "Pass JSONL or CSV in UTF-8"
_LOG_ADVICE = "Pass the log of a run: JSONL or CSV"


_SPREADSHEETS = (".xlsx", ".xls", ".ods")
_HEAD = 65536  # bytes that show the format of a file
_MOST_OF_REASON = 200  # characters of the message of another library


_MAX_LINE_LENGTH = 2**24
"""The maximum length of a line in characters, because a file of zeros is one long line."""
MOST_COLUMNS = 4_000
"""The maximum number of columns: four fields of a thousand groups."""


def _text_lines(file: Path) -> Iterator[str]:
    """Yield the lines of a text file with their line ends, because the csv module requires the line ends."""
    with (
        open_to_read(file) as stream,
        TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text,
    ):
        try:
            for number in count(1):
                line = text.readline(_MAX_LINE_LENGTH)
                if len(line) == _MAX_LINE_LENGTH:
                    message = f"the line has more than {_MAX_LINE_LENGTH:,} characters"
                    raise UnreadableLog(path_text(file, number), message, "Pass a log with one row per line")
                if not line:
                    return
                yield line
        except UnicodeDecodeError as error:
            raise UnreadableLog(
                path_text(file), f"invalid UTF-8 (byte 0x{error.object[error.start]:02x})", _IN_TEXT
            ) from None


def _reason(error: Exception) -> str:
    return shortened(str(error), _MOST_OF_REASON)


def _object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict, or raise _DuplicateKeyError for a duplicate key."""
    data = dict(pairs)
    if len(data) < len(pairs):
        times = Counter(name for name, _ in pairs)
        raise _DuplicateKeyError(next(name for name in data if times[name] > 1))
    return data


@final
class _DuplicateKeyError(Exception):
    """Raised for a duplicate key in a JSON object."""


_DECODER = json.JSONDecoder(
    parse_float=str, object_pairs_hook=_object_of_pairs
)  # the digits show the precision of a number


def _json_value(text: str, file: Path, instead: str, line: int | None = None) -> Any:
    """Parse JSON; numbers with a decimal point stay strings, whose digits show the precision."""
    try:
        return _DECODER.decode(text)
    except _DuplicateKeyError as error:
        raise _duplicate_error(path_text(file, line), error.args[0]) from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else _reason(error)
        raise UnreadableLog(path_text(file, line), f"invalid JSON: {reason}", instead) from None


def _duplicate_error(where: str, name: str) -> UnreadableLog:
    message = f'"{shortened(name)}" occurs twice'
    return UnreadableLog(where, message, "Remove or rename one of them")


def json_rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield each object of a JSONL file; numbers with a decimal point stay strings."""
    instead = "Use one object per line"
    for number, line in enumerate(_text_lines(file), 1):
        if line.strip():
            row = _json_value(line, file, instead, number)
            if not isinstance(row, dict):
                message = f"expected an object, got {type(row).__name__}"
                raise UnreadableLog(path_text(file, number), message, instead)
            yield row


def _csv_rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield each row of a CSV file as a dict by the column names in the first line."""
    lines = _text_lines(file)
    first = next(lines, "")
    if "\0" in first:
        raise UnreadableLog(path_text(file), "expected text, got null bytes", _IN_TEXT)
    # The delimiter is the candidate that occurs most often in the first line.
    rows = csv.reader(chain([first], lines), delimiter=max(",;\t", key=first.count))
    try:
        header = [name.strip() or name for name in next(rows, [])]
        times = Counter(header)
        if duplicate := next((name for name in header if name and times[name] > 1), None):
            raise _duplicate_error(path_text(file, 1), duplicate)
        width = len(header)
        for row in rows:
            if len(row) > width:
                cells = "1 cell" if width == 1 else f"{width} cells"
                message = f"expected a log with {cells} as in the first line, got {len(row)}"
                instead = "Put the name of each column in the first line"
                raise UnreadableLog(path_text(file, rows.line_num), message, instead)
            if row:
                yield dict(zip(header, map(str.strip, row), strict=False))
    except csv.Error as error:
        raise UnreadableLog(path_text(file, rows.line_num), f"invalid CSV: {error}", _IN_TEXT) from None


_STEP = "step"  # the column that counts the updates in the rows of an event file and of a Trainer's state
_STATE = "trainer_state.json"
_MAX_STATE_BYTES = 2**28
"""The maximum size of a `trainer_state.json` in bytes; the file is read into memory."""


def _rows_of_history(file: Path) -> list[dict[str, Any]]:
    """Return the rows of a Trainer's state."""
    if (size := file.stat().st_size) > _MAX_STATE_BYTES:
        raise UnreadableLog(path_text(file), f"expected at most {_MAX_STATE_BYTES:,} bytes, got {size:,}", _LOG_ADVICE)
    data = _json_value("".join(_text_lines(file)), file, _LOG_ADVICE)
    rows = data.get("log_history") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnreadableLog(path_text(file), "log_history, a list of objects, is missing", _LOG_ADVICE)
    return rows


def _event_rows(file: Path) -> Iterator[dict[str, Any]]:
    """Yield a dict for each scalar of an event file or a folder of them: its step as `step`, and its value."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ImportError:
        raise MissingDependency("a log of TensorBoard", "tensorboard") from None
    try:
        # A size of 0 keeps all values. Values that a restart wrote again are kept, as in other logs.
        events = EventAccumulator(str(file), size_guidance={"scalars": 0, "tensors": 0}, purge_orphaned_data=False)
        events.Reload()  # stops at a damaged or incomplete record
    except UnicodeEncodeError:
        message = "its name is not valid UTF-8, so tensorboard cannot open it"
        raise UnreadableLog(path_text(file), message, "Rename the file") from None
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            yield {_STEP: event.step, tag: event.value}
    for tag in events.Tags()["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            for event in events.Tensors(tag):
                yield {_STEP: event.step, tag: make_ndarray(event.tensor_proto).item()}


def _read_scheduler_rows(
    file: Path, lines: list[dict[str, Any]], optimizer: str | None, amount: AmountColumn
) -> LoggedValues:
    """Read JSONL that a Scheduler or the Runner has written."""
    lines = _lines_of_optimizer(file, lines, optimizer)
    values: dict[tuple[str, int], list[tuple[int, Any]]] = {}
    consumed = amount.find(lines[0], file)
    amounts = []
    for number, line in enumerate(lines):
        groups = line.get("groups", [])
        if not isinstance(groups, list) or not all(isinstance(group, dict) for group in groups):
            raise UnreadableLog(
                path_text(file),
                f"expected a list of objects as groups of update {shortened(str(line.get('t', number)))}",
                'For example: {"t": 0, "groups": [{"lr": 0.1}]}',
            )
        t = update_number(line.get("t", number), file) if groups else 0
        if groups and consumed is not None:
            amounts.append((t, line.get(consumed)))
        for index, group in enumerate(groups):
            for field, value in group.items():
                if value is not None:
                    values.setdefault((field, index), []).append((t, value))
                    require_few_columns(len(values), file)
    groups = 1 + max((index for _, index in values), default=-1)
    columns = tuple(
        replace(make_column(field, index, rows, file), tolerance=ROUNDING_OF_CPUS)
        for (field, index), rows in values.items()
    )
    return LoggedValues(
        path_text(file), columns, (None,) * groups, number_notes(columns), logged_amounts(amounts, file)
    )


def _lines_of_optimizer(file: Path, lines: list[dict[str, Any]], optimizer: str | None) -> list[dict[str, Any]]:
    """Return the lines of an optimizer; without a name, those of the only optimizer of a log."""
    names = sorted({str(line.get("optimizer", "")) for line in lines})
    if optimizer is None and len(names) > 1:
        raise UnreadableLog(
            path_text(file),
            f"the log has several optimizers: {_optimizers_listed(names)}",
            f"Write --optimizer {printable(names[0] or names[1])}",
            option="--optimizer",
        )
    if optimizer is not None:
        lines = [line for line in lines if str(line.get("optimizer", "")) == optimizer]
        if not lines:
            site = f"--optimizer {shlex.quote(printable(optimizer))}"
            if not names[0]:
                raise UnreadableLog(site, f"the log has {_optimizers_listed(names)}")
            raise UnreadableLog(site, nearest_in_file(optimizer, names))
    return lines


def _optimizers_listed(names: list[str]) -> str:
    """Return the sorted names of optimizers; the name of an optimizer without one is empty."""
    return names_listed([name or '"" (without a name)' for name in names])


def require_few_columns(number: int, file: Path) -> None:
    """Raise UnreadableLog for more than `MOST_COLUMNS` columns."""
    if number > MOST_COLUMNS:
        message = f"the log has more than {MOST_COLUMNS:,} columns of values"
        raise UnreadableLog(
            path_text(file), message, "Name the columns to compare: --column lr@0=NAME", option="--column"
        )


def _read_table(
    file: Path,
    rows: list[dict[str, Any]],
    fields: tuple[str, ...],
    columns: Mapping[str, str],
    time: str | None,
    amount: AmountColumn,
) -> LoggedValues:
    """Read the specified columns of a table; by default the columns that have the names of the plan's fields."""
    present = list(dict.fromkeys(chain.from_iterable(rows)))
    if not present:
        raise UnreadableLog(path_text(file), "the log has no values", _LOG_ADVICE)
    wanted = columns_of_fields(present, fields, columns)
    require_columns((*wanted.values(), *([time] if time else [])), present, file)
    if not wanted:
        raise _no_column_of_fields(file, rows, fields, present)
    require_few_columns(len(wanted), file)
    counted = time_column(present, rows, time)
    cells = numbered_cells(file, rows, wanted.values(), counted)
    labels = _group_indices(wanted, file)
    logged: list[LogColumn] = []
    for place, name in wanted.items():
        label = place.partition("@")[2]
        logged.append(_numbers_of(place, name, labels[label] if label else 0, cells[name], file, rows))
    places = Counter((column.field, column.group) for column in logged)
    if duplicate := next((column for column in logged if places[column.field, column.group] > 1), None):
        message = f"two columns belong to the same group of {duplicate.field}"
        raise UnreadableLog(path_text(file), message, _NAME_EACH_COLUMN, option="--column")
    if not any(column.t.size for column in logged):
        site = f"column{'s' if len(wanted) > 1 else ''} {names_listed(wanted.values())} of {path_text(file)}"
        raise UnreadableLog(site, "it has no values", f"the log has {names_listed(present)}")
    named = {index: label for label, index in labels.items() if not is_group_index(label)}
    names = tuple(named.get(index) for index in range(1 + max(column.group for column in logged)))
    remarks = [] if counted.unit != "rows" else [ROWS_ARE_COUNTED]
    is_complete = all(len(cells[name]) == len(rows) for name in wanted.values())
    left_out = 0 if is_complete else sum(_is_without_value(row, wanted.values()) for row in rows)
    if left_out:
        remarks.append(f"{left_out} of {len(rows)} rows have no value and are left out")
    consumed = amount.find(present, file)
    amounts = [] if consumed is None else numbered_cells(file, rows, [consumed], counted)[consumed]
    notes = (*remarks, *number_notes(tuple(logged)))
    consumed_amounts = logged_amounts(amounts, file)
    return LoggedValues(
        path_text(file),
        tuple(logged),
        names,
        notes,
        consumed_amounts,
        unit=counted.unit,
        programs=counted.programs,
    )


def _no_column_of_fields(
    file: Path, rows: list[dict[str, Any]], fields: tuple[str, ...], columns: list[str]
) -> UnreadableLog:
    """Return the error for a table in which no column has the name of a field."""
    field = "lr" if "lr" in fields or not fields else fields[0]
    listed = names_listed(dict.fromkeys((field, *fields)), 4)
    column = _column_to_suggest(field, rows)
    instead = f"For example: --column {field}=learning_rate"
    if column is not None:
        instead = f"Write --column {shlex.quote(f'{field}={column}')}"
    elif file.suffix in _PLANS:
        instead = f"For example: paramsched audit log.csv --plan {shlex.quote(str(file))}"
    any_field = "lr" in fields and len(fields) > 4  # without a plan
    wished = "looks like a learning rate" if any_field else f"has the name of a field ({listed})"
    return UnreadableLog(
        path_text(file),
        f"no column {wished}; the log has {names_listed(columns)}",
        instead,
        option="--column",
    )


_NAME_EACH_COLUMN = 'Name each column: --column lr@0=NAME; in Python columns={"lr@body": "lr_0", "lr@head": "lr_1"}'


def _group_indices(names_of_fields: Iterable[str], file: Path) -> dict[str, int]:
    """Return a dict from the label of each group (its name, or its index as text) to the index of the group.

    Named groups are numbered in order. If a field has columns of named groups and columns of numbered groups, the
    numbers of the latter are not given to named groups.
    """
    labels_by_field: dict[str, list[str]] = {}
    for place in names_of_fields:
        field, _, label = place.partition("@")
        if label:
            labels_by_field.setdefault(field, []).append(label)
    labels = dict.fromkeys(chain.from_iterable(labels_by_field.values()))
    indices = {label: group_number(label, file) for label in labels if is_group_index(label)}
    mixed = (of_field for of_field in labels_by_field.values() if not all(map(is_group_index, of_field)))
    taken = {indices[label] for label in chain.from_iterable(mixed) if label in indices}
    free = (index for index in count() if index not in taken)
    return indices | {label: next(free) for label in labels if label not in indices}


def numbered_cells(
    file: Path, rows: list[dict[str, Any]], names: Iterable[str], counted: TimeColumn
) -> dict[str, list[tuple[int, Any]]]:
    """Return a dict from each of `names` to the nonempty cells of that column, as pairs (time, value)."""
    time = counted.name
    cells_by_name: dict[str, list[tuple[int, Any]]] = {name: [] for name in names}
    are_many = len(cells_by_name) > 4
    for number, row in enumerate(rows):
        # Iterate over the smaller set of names: a log may have thousands of columns and rows with few cells.
        columns = row.keys() & cells_by_name.keys() if are_many else cells_by_name
        cells = [(name, value) for name in columns if not is_blank(value := row.get(name))]
        if not cells or (time is not None and is_blank(row.get(time))):
            continue
        t = number if time is None else update_number(row[time], file)
        if counted.first and t > 0:  # a row of step 0, before the first update, has the values of update 0
            t -= counted.first
        for name, value in cells:
            cells_by_name[name].append((t, value))
    return cells_by_name


def _is_without_value(row: Mapping[str, Any], names: Collection[str]) -> bool:
    """Return whether a row has cells in some of these columns, and all of them are blank."""
    cells = [row[name] for name in names if name in row]
    return bool(cells) and all(map(is_blank, cells))


def _numbers_of(
    place: str, name: str, group: int, cells: list[tuple[int, Any]], file: Path, rows: list[dict[str, Any]]
) -> LogColumn:
    """Return the column that has the values of a field; if it has none, the error names one that may have them."""
    field = place.partition("@")[0]
    try:
        return make_column(str(Field.of(field)), group, cells, file, name)
    except UnreadableLog as error:
        groups = [{text: value for text, value in row.items() if text != name} for row in rows[:1]]
        suggested = None if error.option is None else _column_to_suggest(field, groups)
        if suggested is None:
            raise
        instead = f"Write --column {shlex.quote(f'{place}={suggested}')}"
        raise UnreadableLog(error.problem.site, error.problem.found, instead, option=error.option) from None


def _column_to_suggest(field: str, rows: list[dict[str, Any]]) -> str | None:
    """Return the first column of numbers whose name contains the field (or "rate", if the field is lr); else None.

    >>> _column_to_suggest("lr", [{"step": "0", "loss": "2.5", "base_rate": "1e-3"}])
    'base_rate'
    """
    if rows[0].keys() == {"Wall time", "Step", "Value"}:  # TensorBoard's download of one curve
        return "Value"
    parts = (field, "rate") if field == "lr" else (field,)
    for name, value in rows[0].items():
        is_number = re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", str(value), re.IGNORECASE)
        if is_number and any(part in name.lower() for part in parts):
            return shortened(name)
    return None


@final
@dataclass(frozen=True, slots=True, eq=False)
class LoggedMetric:
    """The values of a metric during a run.

    Args:
        name: the name of the column with the metric.
        t: the updates at which the metric was logged, sorted; shape (n,).
        values: the values of the metric; shape (n,). If an update is logged twice, the later value is used.
    """

    name: str
    t: Times
    values: Floats


def read_metrics(path: str | Path, *, names: Sequence[str] = (), time: str | None = None) -> tuple[LoggedMetric, ...]:
    """Return the metrics in a log: JSONL, CSV, TensorBoard's, or a `trainer_state.json`.

    The losses of the Runner are in `values.jsonl`; its validations are read from `metrics.jsonl` in the same folder.

    Args:
        path: the log.
        names: the names of the columns. Default: columns of numbers with a name such as loss or accuracy.
        time: the column that counts the updates. Default: a column with a common name, else the number of the row.

    Raises:
        UnreadableLog: a column is missing or has other values than numbers, or the file is not a log.
        OSError: the file cannot be read.
    """
    file = Path(path)
    rows = rows_of_log(file, kind_of_log(file))
    metrics_file = file.with_name("metrics.jsonl")
    if file.name == "values.jsonl" and metrics_file.is_file():
        rows += _validations(rows, metrics_file)
    present = list(dict.fromkeys(name for row in rows for name in row))
    require_columns((*names, *([time] if time else [])), present, file)
    counted = time_column(present, rows, time)
    metrics = []
    wanted = names or [text for text in present if text != counted.name and metric_word(text)]
    cells_by_name = numbered_cells(file, rows, wanted, counted)
    for name in wanted:
        cells = cells_by_name[name]
        try:
            values = np.array([float("x" if isinstance(cell, bool) else cell) for _, cell in cells], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            values = np.zeros(0)
        if values.size:
            metrics.append(LoggedMetric(name, *last_of_each(np.array([t for t, _ in cells], dtype=np.int64), values)))
        elif names:
            where = f"column {name!r} of {path_text(file)}"
            if any(has_decimal_comma(cell) for _, cell in cells):
                raise UnreadableLog(where, DECIMAL_POINT, WRITE_POINTS)
            raise UnreadableLog(where, "expected numbers in all of its cells", "Name a column of numbers")
    return tuple(metrics)


def _validations(rows: list[dict[str, Any]], file: Path) -> list[dict[str, Any]]:
    """Return the validations in the Runner's `metrics.jsonl` as dicts, each with its update as `t`.

    A metric with a name that is also in `values.jsonl`, such as `loss`, gets the prefix `val_`.

    Args:
        rows: the rows of `values.jsonl`, which contain the update of each iteration.
        file: the path of `metrics.jsonl`.
    """
    iterations = [row["iter"] for row in rows if isinstance(row.get("iter"), int)]
    updates = [row.get("t") for row in rows if isinstance(row.get("iter"), int)]
    names = {name for row in rows for name in row}
    validations = []
    for row in json_rows(file):
        done = row.pop("iter", None)
        before = bisect_left(iterations, done) if isinstance(done, int) else 0
        last = updates[before - 1] if before else None
        if isinstance(last, int):
            renamed = {f"val_{name}" if name in names else name: value for name, value in row.items()}
            validations.append(renamed | {"t": last + 1})
    return validations
