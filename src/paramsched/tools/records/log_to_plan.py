"""Conversion of a log to a plan with the same values, and reader of the metrics in a log."""

import errno
import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd
from pathlib import Path
from typing import Any, final

import numpy as np

from paramsched.core.advice.calls import explain_wrong_keywords
from paramsched.core.advice.number_checks import whole_number
from paramsched.core.base.files import path_of_file, write_whole_file
from paramsched.core.curves import CurveLike
from paramsched.core.curves.arrays import Floats, last_of_each
from paramsched.core.feedback.metric_names import metric_word
from paramsched.core.fields import KNOWN, Field
from paramsched.core.plan import Binding, Plan, Selector
from paramsched.core.plan.binding import replace_schedule
from paramsched.core.schedules import Schedule, absolute, constant, piecewise, shift, table
from paramsched.core.schedules.base import with_changed_fields
from paramsched.core.schedules.table import MOST_WRITTEN, read_column, table_file_in
from paramsched.core.time import Duration
from paramsched.errors import CallSite, InvalidArgument, UnreadableLog, UnreadableTable, shown
from paramsched.tools.records.columns import time_column
from paramsched.tools.records.log_file import json_rows, kind_of_log, numbered_cells, read_log, rows_of_log
from paramsched.tools.records.log_values import LogColumn, Times, path_text, require_columns

FIELDS = (*KNOWN, *(f"{pair}[{index}]" for pair in ("betas", "etas", "step_sizes") for index in (0, 1)))
_MAX_NAME_BYTES = 255  # bytes of a file's name, on most systems
_MAX_TABLE_VALUES = 20_000_000  # 160 MB


@explain_wrong_keywords
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
    """Return a plan that reproduces the values of a log, bit for bit, at each logged update.

    Supported are a log of paramsched (`values.jsonl`), CSV or JSONL with named columns, MMEngine's JSON lines, an event
    file of TensorBoard (if the package is installed), the `trainer_state.json` of transformers, and the text logs that
    `paramsched audit` reads. A log that counts epochs gives a plan in epochs. The plan contains
    absolute values, which do not depend on the base. Between two logged updates a value stays constant, or follows
    `curve`. If an update is logged twice, as after a resume, the later line is used.

    Args:
        path: the log.
        fields: the fields to read, e.g. `["lr"]`. Default: all columns with the name of a field of torch's optimizers.
        columns: maps `"lr"`, or `"lr@head"` for one group, to the name of a column. Default: columns are found by name.
        time: the column that counts the updates. Default: a column with a common name, else the number of the row.
        optimizer: the name of the optimizer, required if the log has several.
        first: the number of the first update in the log, 0 or 1. Default: 1 for `trainer_state.json` and MMEngine's
            logs, else 0. Old releases of the Trainer logged the values of the next update: use `first=0`.
        curve: the curve from each logged value to the next. Default: values stay constant.
        tables: a folder for CSV files, required for columns with more than 10,000 different values. An existing file
            is kept if it has the same values.

    Raises:
        UnreadableLog: the log cannot be read with these arguments.
        FileExistsError: a file with the name of a table exists and has other values.
        InvalidArgument: an argument is out of its range.

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
        raise InvalidArgument(f"plan_from_log(fields={shown(fields)})", found, 'For example: fields=["lr"]')
    wanted = FIELDS if fields is None else tuple(str(Field.of(field)) for field in fields)
    is_history = kind_of_log(file) == "history"
    logged = read_log(file, () if columns else wanted, columns=columns, time=time, optimizer=optimizer)
    read = [column for column in logged.columns if fields is None or is_history or column.field in wanted]
    if not read and fields is not None:
        present = ", ".join(dict.fromkeys(column.field for column in logged.columns)) or "no fields"
        found = f"the log has {present}, not {', '.join(wanted)}"
        raise UnreadableLog(path_text(file), found, "Name a field of the log")
    read = [column for column in read if column.t.size]
    if not read:
        raise UnreadableLog(path_text(file), "the log has no values", "Pass the log of a run")
    begins = int(is_history)
    start = begins if first is None else whole_number(CallSite("plan_from_log", "first"), first, least=0)
    moved: list[tuple[LogColumn, Times, Floats]] = []
    for column in read:
        ordered, values = last_of_each(column.t, column.values)
        ordered = ordered + is_history  # `read_log` counts the steps of a history from 0
        if ordered[0] < start:
            found = f"the number of an update must be at least first={start}, got {ordered[0]}"
            raise UnreadableLog(f"{column.field} in {path_text(file)}", found, "For example: first=0")
        if (wrong := np.flatnonzero(~np.isfinite(values))).size:
            found = f"a plan has finite values, and that of update {ordered[wrong[0]]} is {values[wrong[0]]}"
            raise UnreadableLog(f"{column.field} in {path_text(file)}", found, "Remove the rows without a finite value")
        moved.append((column, ordered - start, values))
    folder = None if tables is None else Path(tables)
    bindings = []
    for field in dict.fromkeys(str(Field.of(column.field)) for column, _, _ in moved):
        groups = [(column, t, values) for column, t, values in moved if column.field == field]
        alike = all(all(map(np.array_equal, groups[0][1:], other[1:])) for other in groups[1:])
        for column, t, values in groups[:1] if alike else groups:
            group = "" if alike else f".{column.group}"
            table_file = None if folder is None else folder / f"{file.stem}.{field}{group}.csv"
            selector: Selector = None if alike else logged.names[column.group] or column.group
            bindings.append(Binding(field, _schedule_of_values(t, values, curve, field, table_file), selector))
    plan = Plan(*bindings, horizon=1 + max(int(t[-1]) for _, t, _ in moved))
    return in_epochs(plan) if logged.unit == "epochs" else plan


def in_epochs(plan: Plan) -> Plan:
    """Return a plan whose lengths are counted in epochs, with the same values at the first update of each epoch."""

    def change(value: Any) -> Any:
        if isinstance(value, Duration):
            return value if value.exact is None else Duration((("epochs", value.exact),) if value.exact else ())
        return with_changed_fields(value, change) if isinstance(value, (Schedule, tuple)) else value

    bindings = (replace_schedule(one, change(one.schedule)) for one in plan.bindings)
    return Plan(*bindings, horizon=None if plan.horizon is None else change(plan.horizon))


def _schedule_of_values(
    t: Times, values: Floats, curve: CurveLike | None, field: str, table_file: Path | None
) -> Schedule:
    """Return a schedule with the logged values: a constant, a piecewise schedule or a table.

    Repeated values are merged.
    """
    if curve is not None and values.size > 1:
        gaps = np.diff(t)
        every = int(gaps[0])
        if (gaps != every).any():
            return _values_at_times(t, values, curve)
        return _from_update(int(t[0]), _kept_table(values, every, curve, field, table_file))
    changed = np.flatnonzero(np.diff(values) != 0) + 1
    if not changed.size:
        return constant(absolute(values[0]))
    begins = np.concatenate([[0], t[changed] - t[0]])
    every = reduce(gcd, begins.tolist(), 0)
    if begins.size <= MOST_WRITTEN < begins[-1] // every:
        kept = np.concatenate([[0], changed])
        return _values_at_times(t[kept], values[kept], None)
    if begins[-1] // every > _MAX_TABLE_VALUES:
        found = f"its values change {begins.size:,} times in {begins[-1]:,} updates"
        raise UnreadableLog(field, found, "Pass a log of fewer updates, or curve=curves.linear")
    places = np.searchsorted(t - t[0], np.arange(0, begins[-1] + 1, every), side="right") - 1
    return _from_update(int(t[0]), _kept_table(values[places], every, None, field, table_file))


def _kept_table(values: Floats, every: int, curve: CurveLike | None, field: str, table_file: Path | None) -> Schedule:
    """Return a table whose values are in the plan, or in a file if there are many values.

    Raises FileExistsError if the file exists and has other values.
    """
    if values.size <= MOST_WRITTEN:
        return table(values, every, curve, absolute=True)
    if table_file is None:
        found = f"expected at most {MOST_WRITTEN:,} values in the text of a plan, got {values.size:,}"
        raise InvalidArgument(
            f"plan_from_log(…): {field}",
            found,
            'For example: tables="replay", a folder for the values (on the command line: -o plan.yaml)',
        )
    table_file.parent.mkdir(parents=True, exist_ok=True)
    if len(os.fsencode(table_file.name)) > _MAX_NAME_BYTES:
        found = f"the name of its table has more than {_MAX_NAME_BYTES} bytes"
        raise InvalidArgument(f"plan_from_log(…): {field[:40]}", found, "Rename the log, or the field in it")
    if os.path.lexists(table_file):
        try:
            same = np.array_equal(np.array(read_column(table_file, field), dtype=np.float64), values)
        except UnreadableTable:
            same = False
        if not same:
            found = "the file exists and has other values than the log. Move it, or write the plan to another folder"
            raise FileExistsError(errno.EEXIST, found, str(table_file))
    else:
        write_whole_file(table_file, "\n".join([field, *map(repr, values.tolist())]).encode() + b"\n")
    return table_file_in(table_file.parent)(table_file.name, field, every, curve, absolute=True)


def _values_at_times(t: Times, values: Floats, curve: CurveLike | None) -> Schedule:
    pairs = zip(t.tolist(), values.tolist(), strict=True)
    return piecewise(tuple((at, absolute(value)) for at, value in pairs), curve)


def _from_update(begin: int, schedule: Schedule) -> Schedule:
    return schedule if begin == 0 else shift(schedule, begin)


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
    """Return the metrics in a log: JSONL, CSV, TensorBoard's, or transformers' `trainer_state.json`.

    A checkpoint has no metrics. The losses of the Runner are in `values.jsonl`; its validations are read from
    `metrics.jsonl` in the same folder.

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
    found = []
    wanted = names or [one for one in present if one != counted.name and metric_word(one)]
    cells_by_name = numbered_cells(file, rows, wanted, counted)
    for name in wanted:
        cells = cells_by_name[name]
        try:
            values = np.array([float("x" if isinstance(one, bool) else one) for _, one in cells], dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            values = np.zeros(0)
        if values.size:
            found.append(LoggedMetric(name, *last_of_each(np.array([t for t, _ in cells], dtype=np.int64), values)))
        elif names:
            where = f"column {name!r} of {path_text(file)}"
            raise UnreadableLog(where, "expected numbers in all of its cells", "Name a column of numbers")
    return tuple(found)


def _validations(rows: list[dict[str, Any]], file: Path) -> list[dict[str, Any]]:
    """Return the validations in the Runner's `metrics.jsonl` as dicts, each with its update as `t`.

    A metric with a name that is also in `values.jsonl`, such as `loss`, gets the prefix `val_`.

    Args:
        rows: the rows of `values.jsonl`, which contain the update of each iteration.
        file: the path of `metrics.jsonl`.
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
