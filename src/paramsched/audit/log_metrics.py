"""The metrics that a run logged beside its hyperparameters: losses, accuracies and their like."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from paramsched._arrays import Floats
from paramsched.audit.log_file import csv_rows, json_rows, kind_of_log, numbered_cells, time_column
from paramsched.audit.log_to_plan import history_rows, is_trainer_state
from paramsched.audit.log_values import Times, UnreadableLog, nearest_in_file, path_text
from paramsched.feedback.metric_names import metric_word


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
    """The metrics in a log: JSONL, CSV, or the `trainer_state.json` of transformers; a checkpoint has none.

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
    rows = _rows_of_log(file)
    there = list(dict.fromkeys(name for row in rows for name in row))
    for name in (*names, *([time] if time else [])):
        if name not in there:
            where = f"column {name!r} of {path_text(file)}"
            raise UnreadableLog(where, nearest_in_file(name, there), "Name one that is there")
    counted = time or time_column(there)
    found = []
    for name in names or [one for one in there if one != counted and metric_word(one)]:
        cells = numbered_cells(file, rows, name, counted)
        values = _as_numbers(value for _, value in cells)
        if values is not None and values.size:
            found.append(_sorted_metric(name, [t for t, _ in cells], values))
        elif names:
            where = f"column {name!r} of {path_text(file)}"
            raise UnreadableLog(where, "not all of its cells are numbers", "Name a column of numbers")
    return tuple(found)


def _rows_of_log(file: Path) -> list[dict[str, Any]]:
    """The rows of a log by the names of their columns; none of a checkpoint."""
    match kind_of_log(file):
        case "checkpoint":
            return []
        case "csv":
            return list(csv_rows(file))
        case _ if is_trainer_state(file):
            return list(history_rows(file))
        case _:
            rows = list(json_rows(file))
            beside = file.with_name("metrics.jsonl")
            return rows + (_validations(rows, beside) if file.name == "values.jsonl" and beside.is_file() else [])


def _validations(rows: list[dict[str, Any]], file: Path) -> list[dict[str, Any]]:
    """The validations that the Runner wrote beside its `values.jsonl`, each after the updates there had been.

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


def _as_numbers(cells: Iterable[Any]) -> Floats | None:
    """Cells as floats; None where one is no number."""
    try:
        return np.array([float("x" if isinstance(one, bool) else one) for one in cells], dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def _sorted_metric(name: str, times: list[int], values: Floats) -> LogMetric:
    """A metric with each update once."""
    # `unique` keeps the first of equal times; turned round, the last, as a resumed run logs some updates again.
    ordered, last = np.unique(np.array(times[::-1], dtype=np.int64), return_index=True)
    return LogMetric(name, ordered, values[::-1][last])
