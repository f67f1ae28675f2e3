"""The log of an earlier run as a plan, and its metrics."""

import errno
import json
import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd
from pathlib import Path
from typing import Any, final

import numpy as np

from paramsched.audit.log_file import json_rows, kind_of_log, numbered_cells, read_log, rows_of_log, time_column
from paramsched.audit.log_values import (
    LogColumn,
    Times,
    UnreadableLog,
    path_text,
    require_columns,
)
from paramsched.base.arrays import Floats, last_of_each
from paramsched.base.files import open_to_read, path_of_file, write_whole_file
from paramsched.base.number_checks import whole_number
from paramsched.curves import CurveLike
from paramsched.errors import CallSite, InvalidArgument, UnreadableTable, shown
from paramsched.feedback.metric_names import metric_word
from paramsched.fields import KNOWN, Field
from paramsched.plan import Binding, Plan, Selector
from paramsched.schedules import Schedule, absolute, constant, piecewise, shift, table
from paramsched.schedules.table import MOST_WRITTEN, read_column, table_file_in

_FIELDS = (*KNOWN, *(f"{pair}[{index}]" for pair in ("betas", "etas", "step_sizes") for index in (0, 1)))
_LONGEST_NAME = 255  # bytes of a file's name, on most systems
_MOST_HELD = 20_000_000  # values of a table, 160 MB
_FROM_ONE = {"data_time", "iter", "step"}  # columns of MMEngine's rows, which count an update before they tell of it


def plan_from_log(
    path: str | os.PathLike[str],
    fields: Iterable[str] | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    optimizer: str | None = None,
    first: int | None = None,
    curve: CurveLike | None = None,
    tables: str | os.PathLike[str] | None = None,
) -> Plan:
    """A plan that does again what a run did: at each update that the log tells of, the logged value, bit for bit.

    A log of ours (`values.jsonl`), CSV or JSONL with named columns, MMEngine's JSON lines, an event file of TensorBoard
    (its package reads it), or the `trainer_state.json` of transformers. Its values stand as they are, whatever the
    base. Between two updates of a log that leaves some out a value is held, or goes along `curve` to the next. Where an
    update is there twice, as after a resume, the later line counts.

    Args:
        path: the log.
        fields: those to read; None takes each that is called like a field of torch's optimizers.
        columns: from `"lr"`, or `"lr@head"` for one group, to the name of the column.
        time: the column that counts the updates; without one rows are counted.
        optimizer: which one, where the log has several.
        first: the number that the log gives to the first update, 0 or 1. None: 1 for trainer_state.json and MMEngine's,
            which count an update before they tell of it, else 0. (Old releases of the Trainer told of the coming
            update: first=0.)
        curve: the way from each logged value to the next; None holds it.
        tables: a folder for the values of long logs: one with more than 10,000 different values gets a CSV there. A
            file of that name stays if it has the same values.

    Raises:
        UnreadableLog: nothing in it can be read as asked.
        FileExistsError: a file in the folder has the name of a table and other content.
        InvalidArgument: an argument out of its range.

    >>> import json, pathlib, tempfile
    >>> log = pathlib.Path(tempfile.mkdtemp(), "values.jsonl")
    >>> rates = [0.1, 0.1, 0.05, 0.05]
    >>> rows = [{"t": t, "groups": [{"lr": lr}]} for t, lr in enumerate(rates)]
    >>> _ = log.write_text(chr(10).join(map(json.dumps, rows)))
    >>> print(plan_from_log(log))
    horizon: 4
    lr: table([0.1, 0.05], 2, absolute=True)
    """
    file = path_of_file(path)
    if isinstance(fields, str) or not isinstance(fields, Iterable | None):
        found = f"expected a list of fields, got {type(fields).__name__}"
        raise InvalidArgument(f"plan_from_log(fields={shown(fields)})", found, 'Write fields=["lr"]')
    wanted = _FIELDS if fields is None else tuple(str(Field.of(field)) for field in fields)
    is_history = kind_of_log(file) == "history"
    logged = read_log(file, wanted, columns=columns, time=time, optimizer=optimizer)
    read = [column for column in logged.columns if fields is None or is_history or column.field in wanted]
    if not read and fields is not None:
        there = ", ".join(dict.fromkeys(column.field for column in logged.columns)) or "nothing"
        raise UnreadableLog(path_text(file), f"it has {there}, not {', '.join(wanted)}", "Name a field of it")
    read = [column for column in read if column.t.size]
    if not read:
        raise UnreadableLog(path_text(file), "no update in it has a value", "Give the log of a run")
    begins = 1 if is_history or (time is None and _counts_from_one(file)) else 0
    start = begins if first is None else whole_number(CallSite("plan_from_log", "first"), first, least=0)
    moved: list[tuple[LogColumn, Times, Floats]] = []
    for column in read:
        ordered, values = last_of_each(column.t, column.values)
        ordered = ordered + is_history  # `read_log` has counted the steps of a history from 0
        if ordered[0] < start:
            found = f"an update numbered {ordered[0]}, before the first, {start}"
            raise UnreadableLog(f"{column.field} in {path_text(file)}", found, "Write first=0")
        moved.append((column, ordered - start, values))
    home = None if tables is None else Path(tables)
    bindings = []
    for field in dict.fromkeys(str(Field.of(column.field)) for column, _, _ in moved):
        groups = [(column, t, values) for column, t, values in moved if column.field == field]
        alike = all(all(map(np.array_equal, groups[0][1:], other[1:])) for other in groups[1:])
        for column, t, values in groups[:1] if alike else groups:
            group = "" if alike else f".{column.group}"
            keep = None if home is None else home / f"{file.stem}.{field}{group}.csv"
            selector: Selector = None if alike else logged.names[column.group] or column.group
            bindings.append(Binding(field, _schedule_of_values(t, values, curve, field, keep), selector))
    return Plan(*bindings, horizon=1 + max(int(t[-1]) for _, t, _ in moved))


def _counts_from_one(file: Path) -> bool:
    """Whether the first line is a row of MMEngine's training log."""
    with open_to_read(file) as stream:
        line = stream.readline(65536)
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and row.keys() >= _FROM_ONE


def _schedule_of_values(t: Times, values: Floats, curve: CurveLike | None, field: str, keep: Path | None) -> Schedule:
    """Make a table, or a schedule with each value at its time; values that are held are as few as that takes."""
    if curve is not None and values.size > 1:
        gaps = np.diff(t)
        every = int(gaps[0])
        if (gaps != every).any():
            return _values_at_times(t, values, curve)
        return _from_update(int(t[0]), _kept_table(values, every, curve, field, keep))
    changed = np.flatnonzero(np.diff(values) != 0) + 1
    if not changed.size:
        return constant(absolute(values[0]))
    begins = np.concatenate([[0], t[changed] - t[0]])
    every = reduce(gcd, begins.tolist(), 0)
    if begins.size <= MOST_WRITTEN < begins[-1] // every:
        kept = np.concatenate([[0], changed])
        return _values_at_times(t[kept], values[kept], None)
    if begins[-1] // every > _MOST_HELD:
        found = f"its values change {begins.size:,} times in {begins[-1]:,} updates"
        raise UnreadableLog(field, found, "Give a log of fewer updates, or write curve=curves.linear")
    places = np.searchsorted(t - t[0], np.arange(0, begins[-1] + 1, every), side="right") - 1
    return _from_update(int(t[0]), _kept_table(values[places], every, None, field, keep))


def _kept_table(values: Floats, every: int, curve: CurveLike | None, field: str, keep: Path | None) -> Schedule:
    """Make a table in the plan, or in a file where it is long; a file that exists must have the same values."""
    if values.size <= MOST_WRITTEN:
        return table(values, every, curve, absolute=True)
    if keep is None:
        found = f"{values.size:,} values; in a plan's text stand {MOST_WRITTEN:,} at most"
        raise InvalidArgument(
            f"plan_from_log(…): {field}", found, 'Write tables="replay", a folder for them; -o plan.yaml in a command'
        )
    keep.parent.mkdir(parents=True, exist_ok=True)
    if len(os.fsencode(keep.name)) > _LONGEST_NAME:
        found = f"the name of its table has more than {_LONGEST_NAME} bytes"
        raise InvalidArgument(f"plan_from_log(…): {field[:40]}", found, "Rename the log, or the field in it")
    if os.path.lexists(keep):
        try:
            same = np.array_equal(np.array(read_column(keep, field), dtype=np.float64), values)
        except UnreadableTable:
            same = False
        if not same:
            found = "it exists and does not have the values of the log. Move it, or write the plan into another folder"
            raise FileExistsError(errno.EEXIST, found, str(keep))
    else:
        write_whole_file(keep, "\n".join([field, *map(repr, values.tolist())]).encode() + b"\n")
    return table_file_in(keep.parent)(keep.name, field, every, curve, absolute=True)


def _values_at_times(t: Times, values: Floats, curve: CurveLike | None) -> Schedule:
    pairs = zip(t.tolist(), values.tolist(), strict=True)
    return piecewise(tuple((at, absolute(value)) for at, value in pairs), curve)


def _from_update(begin: int, schedule: Schedule) -> Schedule:
    return schedule if begin == 0 else shift(schedule, begin)


@final
@dataclass(frozen=True, slots=True, eq=False)
class LogMetric:
    """A metric over a run.

    Args:
        name: of its column.
        t: the updates it was logged at, in order.
        values: what it was; of two for the same update the later one in the log.
    """

    name: str
    t: Times
    values: Floats


def read_metrics(path: str | Path, *, names: Sequence[str] = (), time: str | None = None) -> tuple[LogMetric, ...]:
    """The metrics in a log: JSONL, CSV, TensorBoard's, or transformers' `trainer_state.json`; a checkpoint has none.

    The Runner's `values.jsonl` has its losses, and the `metrics.jsonl` beside it its validations.

    Args:
        path: the log.
        names: of the columns to read; none: those of numbers whose name has a word such as loss or accuracy.
        time: the column that counts the updates; without one, rows count from 0.

    Raises:
        UnreadableLog: no such column, one without numbers, or no log.
        OSError: it cannot be read.
    """
    file = Path(path)
    rows = rows_of_log(file, kind_of_log(file))
    beside = file.with_name("metrics.jsonl")
    if file.name == "values.jsonl" and beside.is_file():
        rows += _validations(rows, beside)
    there = list(dict.fromkeys(name for row in rows for name in row))
    require_columns((*names, *([time] if time else [])), there, file)
    counted = time or time_column(there)
    found = []
    wanted = names or [one for one in there if one != counted and metric_word(one)]
    cells_by_name = numbered_cells(file, rows, wanted, counted)
    for name in wanted:
        cells = cells_by_name[name]
        try:
            values = np.array([float("x" if isinstance(one, bool) else one) for _, one in cells], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            values = np.zeros(0)
        if values.size:
            found.append(LogMetric(name, *last_of_each(np.array([t for t, _ in cells], dtype=np.int64), values)))
        elif names:
            where = f"column {name!r} of {path_text(file)}"
            raise UnreadableLog(where, "not all of its cells are numbers", "Name a column of numbers")
    return tuple(found)


def _validations(rows: list[dict[str, Any]], file: Path) -> list[dict[str, Any]]:
    """The validations that the Runner wrote beside its `values.jsonl`, each with its update.

    A metric that stands in both files is `val_loss` here.
    """
    iterations = [row["iter"] for row in rows if isinstance(row.get("iter"), int)]
    updates = [row.get("t") for row in rows if isinstance(row.get("iter"), int)]
    known = {name for row in rows for name in row}
    found = []
    for row in json_rows(file):
        done = row.pop("iter", None)
        before = bisect_left(iterations, done) if isinstance(done, int) else 0
        last = updates[before - 1] if before else None
        if isinstance(last, int):
            renamed = {f"val_{name}" if name in known else name: value for name, value in row.items()}
            found.append(renamed | {"t": last + 1})
    return found
