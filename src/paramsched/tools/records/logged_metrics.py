"""Reader of the metrics in a log."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from paramsched.core.curves.arrays import Floats, last_of_each
from paramsched.core.feedback.base import metric_word
from paramsched.core.fields import KNOWN
from paramsched.errors import UnreadableLog
from paramsched.tools.records.columns import time_column
from paramsched.tools.records.log_file import json_rows, kind_of_log, numbered_cells, rows_of_log
from paramsched.tools.records.log_values import Times, path_text, require_columns

FIELDS = (*KNOWN, *(f"{pair}[{index}]" for pair in ("betas", "etas", "step_sizes") for index in (0, 1)))


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
