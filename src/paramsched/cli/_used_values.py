"""The values of a log, to be drawn over a plan."""

from typing import TYPE_CHECKING

import click
import numpy as np

from paramsched._arrays import Floats
from paramsched._trace import Trace
from paramsched.audit import UnreadableLog, read_log
from paramsched.audit.log_values import LogColumn
from paramsched.audit.match import equal_as_logged

if TYPE_CHECKING:
    from paramsched import show


def used_values(log: str, drawn: Trace) -> "show.Log":
    """What a run used, by the curves of its plan; other fields and groups of the log are left out.

    Raises:
        UsageError: the log cannot be read, has nothing of the plan, or the plan is drawn as multiples of a base.
    """
    if unknown := [field for field, group in drawn.keys() if _is_of_unknown_base(drawn, field, group)]:
        instead = f"Give its base, --base {unknown[0]}=0.1, so that planned and used values are on one scale"
        raise click.UsageError(f"--used {log}: {unknown[0]} is drawn as a multiple of base. {instead}")
    try:
        logged = read_log(log, dict.fromkeys(field for field, _ in drawn.keys()))
    except UnreadableLog as error:
        raise click.UsageError(f"--used: {error}") from None
    found = {}
    for column in logged.columns:
        mine = [group for field, group in drawn.keys() if field == column.field]
        name = logged.names[column.group] if column.group < len(logged.names) else None
        group = next((one for one in (name, column.group, *(mine if len(mine) == 1 else ())) if one in mine), None)
        if group is not None:
            found[column.field, group] = column.t, _as_exact_as_logged(column, drawn[column.field, group])
    if not found:
        said = ", ".join(f"{field} of group {group}" for field, group in drawn.keys())
        raise click.UsageError(f"--used {log}: it has no group that the plan draws ({said})")
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
