"""What logs say of runs, to be drawn over a plan."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from paramsched._arrays import Floats
from paramsched._trace import Trace
from paramsched.audit import UnreadableLog, read_log, read_metrics
from paramsched.audit.log_values import LogColumn
from paramsched.audit.match import equal_as_logged
from paramsched.cli._messages import say_note
from paramsched.feedback.metric_names import metric_word

if TYPE_CHECKING:
    from paramsched import show


def runs_to_draw(
    given: Sequence[str], metrics: Sequence[str], drawn: "Trace | show.PlansTogether"
) -> "tuple[show.LoggedRun, ...]":
    """What some runs used and measured, each with a name of its own.

    Args:
        given: logs; `baseline=run.csv` names one.
        metrics: columns to draw; none: those that are called like metrics.
        drawn: their plan.

    Raises:
        UsageError: a log cannot be read, has nothing to draw, or the plan is drawn as multiples of a base.
    """
    if metrics and not given:
        raise click.UsageError(f"--metric {metrics[0]}: no log is given. Write --used run.csv")
    if not given:
        return ()
    if not isinstance(drawn, Trace):
        raise click.UsageError(f"--used lies over one plan, and here are {len(drawn.plans)}")
    return tuple(_run_to_draw(name, log, metrics, drawn) for name, log in _names_of_logs(given).items())


def _names_of_logs(given: Sequence[str]) -> dict[str, str]:
    """Each log by its name in the legend: as given, else its file's, with as many folders as tell them apart."""
    parts = [("", one) if Path(one).exists() else one.rpartition("=")[::2] for one in given]
    files = [Path(log) for _, log in parts]
    found: dict[str, str] = {}
    for (name, log), file in zip(parts, files, strict=True):
        depth = next(
            (d for d in range(1, len(file.parts)) if sum(one.parts[-d:] == file.parts[-d:] for one in files) == 1),
            len(file.parts),
        )
        label = name or "/".join(file.parts[-depth:])
        if label in found:
            raise click.UsageError(
                f"--used {label}: it is there twice. Give each log once, or names: --used first={log}"
            )
        found[label] = log
    return found


def _run_to_draw(name: str, log: str, metrics: Sequence[str], drawn: Trace) -> "show.LoggedRun":
    """One log; where it has only metrics of the run, these."""
    from paramsched import show

    fields = dict.fromkeys(field for field, _ in drawn.keys())
    try:
        measured = {
            one.name: (one.t, one.values)
            for one in read_metrics(log, names=metrics)
            if metrics or one.name not in fields
        }
        try:
            used = _used_values(log, fields, drawn)
        except UnreadableLog as error:
            if not measured:
                raise
            say_note(f"--used: {error}. Only its metrics are drawn")
            used = {}
    except UnreadableLog as error:
        raise click.UsageError(f"--used: {error}") from None
    together: dict[str, list[str]] = {}
    for one in measured:
        together.setdefault(metric_word(one) or one, []).append(one)
    return show.LoggedRun(name, used, measured, together)


def _used_values(log: str, fields: Iterable[str], drawn: Trace) -> "show.Log":
    """What a run used, by the curves of its plan; other fields and groups of the log are left out."""
    found, baseless = {}, dict[str, None]()
    logged = read_log(log, fields)
    for column in logged.columns:
        name = logged.names[column.group] if column.group < len(logged.names) else None
        mine = [group for field, group in drawn.keys() if field == column.field]
        group = next((one for one in (name, column.group, *(mine if len(mine) == 1 else ())) if one in mine), None)
        if group is None:
            continue
        if _is_of_unknown_base(drawn, column.field, group):
            baseless[column.field] = None
        else:
            found[column.field, group] = column.t, _as_exact_as_logged(column, drawn[column.field, group])
    if baseless:
        field = next(iter(baseless))
        what = f"{', '.join(baseless)} {'is' if len(baseless) == 1 else 'are'} drawn as a multiple of base"
        instead = f"Give its base, --base {field}=0.1, so that planned and used values are on one scale"
        if not found:
            raise UnreadableLog(log, what, instead)
        say_note(f"--used {log}: {what}, and not compared. {instead}")
    elif not found:
        said = ", ".join(f"{field} of group {group}" for field, group in drawn.keys())
        raise UnreadableLog(log, "it has no group that the plan draws", f"There are {said}")
    return found


def _as_exact_as_logged(column: LogColumn, planned: Floats) -> Floats:
    """The values of a log; the planned one where it is the same in the digits that the log was written with."""
    values = column.values.copy()
    inside = column.t < planned.size
    at = planned[column.t[inside]]
    values[inside] = np.where(equal_as_logged(values[inside], at, column.digits), at, values[inside])
    return values


def _is_of_unknown_base(drawn: Trace, field: str, group: str | int) -> bool:
    """Whether a curve scales with a base that nobody gave."""
    base = drawn.base(field, group)
    return base.value is None and base.share != "none"
