"""The table of `paramsched show --groups`: the values of each group, and the entries of the files that decide them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched.cli._output import aligned_rows
from paramsched.cli._plan_input import PlanInput
from paramsched.cli._traces import groups_with_bases, times_of_run
from paramsched.core.base.codes import UNREADABLE
from paramsched.core.base.printing import printable
from paramsched.core.base.problem import Problem
from paramsched.core.plan import Line, Plan, bind
from paramsched.core.plan.optimizers import unique_labels
from paramsched.core.schedules.evaluation import depends_on_base

_DEFAULT = ("0%", "10%", "50%", "90%")


@final
@dataclass(frozen=True, slots=True)
class GroupValues:
    """The values of a field of a group.

    Args:
        optimizer, group, field: the names; "" for an unknown optimizer.
        base: the base of the field.
        at: updates.
        values: the values there.
        decided_by: the entries that decide the values, each with its file and line.
        note: the entry that has no effect, and why; "" if there is none.
    """

    optimizer: str
    group: str
    field: str
    base: float
    at: Sequence[int]
    values: Sequence[float]
    decided_by: tuple[str, ...]
    note: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the values as data for JSON."""
        factors = [None if not self.base else value / self.base for value in self.values]
        names = {name: getattr(self, name) for name in ("optimizer", "group", "field", "base", "at", "values")}
        return {**names, "factors": factors, "decided_by": list(self.decided_by), "note": self.note}


def group_table(rows: Sequence[GroupValues]) -> str:
    """Return a table for each field of each group: the base, what decides the values, and a line for each time."""
    lines = list[str]()
    for row in rows:
        optimizer = f"{row.optimizer}, " if row.optimizer else ""
        lines += ["", printable(f"{optimizer}group {row.group}: {row.field}, base {row.base:.6g}")]
        lines += [printable(f"  {text}") for text in (*(f"from {one}" for one in row.decided_by), row.note) if text]
        factors = ((value, f"{value / row.base:.6g}" if row.base else "") for value in row.values)
        table = [(f"{time:,}", f"{value:.6g}", factor) for time, (value, factor) in zip(row.at, factors, strict=True)]
        lines += [f"  {line}" for line in aligned_rows([("update", "value", "factor"), *table], right=3, indent=2)]
    return "\n".join(lines[1:])


def values_of_groups(read: PlanInput, times: Sequence[str]) -> Iterator[GroupValues]:
    """Yield the values of each field of each group of a plan at `times`.

    Args:
        read: the plan.
        times: times such as `250` or `"50%"`; default: four times of the run.
    """
    loaded = read.loaded
    run = times_of_run(loaded.plan, read.known, times or _DEFAULT)
    groups, assumed = groups_with_bases(loaded, read.options.bases)
    labels = unique_labels(groups)
    places = _Places(read)
    for label, bounds, group in zip(labels, bind(run.plan, groups), groups, strict=True):
        for bound in bounds:
            base = bound.field.base(group)
            values = [bound.schedule(time, base=base) for time in run.times[bound.clock]]
            note = ""
            is_multiple = depends_on_base(bound.schedule, np.array(run.times[bound.clock]), base, 2 * base)
            if (bound.name, label) in assumed:
                note = "the base is unknown" if is_multiple else "absolute values, not multiples of base"
            decided = filter(None, [places.text(places.path_of(run.plan, bound))])
            yield GroupValues("", str(label), bound.name, base, run.at, values, tuple(decided), note)


@final
class _Places:
    """The lines of a plan that decide values, with their places in its files, which are read once for all rows."""

    def __init__(self, read: PlanInput) -> None:
        from paramsched.core.rules.curve import binding_path

        paths = [binding_path(line) for line in read.plan.bindings]
        wanted = [Problem(path, "", code=UNREADABLE) for path in dict.fromkeys(paths) if path]
        self._texts = {
            given.path: f"{read.name}:{place.line} " * bool(place.line) + place.path.removeprefix("$.")
            for given, place in zip(wanted, read.placed(wanted), strict=True)
        }
        self._paths: dict[int, dict[tuple[str, int], str]] = {}

    def path_of(self, plan: Plan, bound: Line) -> str:
        """Return the config path of the line of a plan that a bound field follows."""
        from paramsched.core.rules.curve import binding_path

        if id(plan) not in self._paths:
            lines = reversed(plan.bindings)  # of equal lines the first
            self._paths[id(plan)] = {(one.name, id(one.schedule)): binding_path(one) for one in lines}
        return self._paths[id(plan)].get((bound.name, id(bound.schedule)), "")

    def text(self, path: str) -> str:
        """Return an entry with its file and line; "" without a path."""
        return self._texts.get(path, "")
