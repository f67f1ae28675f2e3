"""Runs that end before their plan."""

from collections.abc import Sequence
from math import inf
from typing import Final, TypeAlias, final

from paramsched.core.diagnosis.messages import runs as messages
from paramsched.core.groups.fields import Field
from paramsched.core.plan.lines import BoundLine, UpdateRange, by_group, values_at
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.run import Run
from paramsched.core.run.value_table import LR
from paramsched.core.time.duration import PROGRESS, amount_text, largest_on

_SKIPPED: Final = 0.01  # of the plan; a GradScaler may skip so many updates
_LAST_STEPS: Final = 1.5
"""Mean updates, or reports, that may be left of an amount: a loop ends before the update that exceeds it."""

ValuePlace: TypeAlias = tuple[Field, int, int]
"""A field, and the numbers of its optimizer and its group."""


@final
class ShortRun:
    """A run that may end before its plan. It refers to no optimizer, so that they are freed.

    Args:
        run: the run.
    """

    in_force: ResolvedPlan
    lines: Sequence[Sequence[BoundLine]]  # of each optimizer

    def __init__(self, run: Run) -> None:
        self._run = run
        self.read_plan()

    def read_plan(self) -> None:
        """Read the plan in force, because the run does not keep the optimizers; again after a load."""
        self.in_force = self._run.in_force
        self.lines = [attached.table.lines for attached in self._run.attached.values()]

    def problem(self, largest_report: float) -> str:
        """Return a sentence about a run that has ended before its plan; an empty string if it has not.

        Args:
            largest_report: the largest difference between two reports of progress.
        """
        run = self._run.state
        in_force = self.in_force
        if self._run.has_ended or self._run.was_moved or not run.has_moved:
            return ""
        if in_force.is_over_at(run.t, run.amount):
            return ""
        if in_force.unit is not None:
            return self._before_amount(in_force.unit, largest_report)
        total = in_force.total
        if total is None or total - run.t <= _SKIPPED * total:
            return ""
        now, last, end = (self._values(UpdateRange(t, None)) for t in (run.t - 1, total - 1, total))
        return _sentence(f"update {run.t} of {total}", now, last, end)

    def _before_amount(self, unit: str, largest_report: float) -> str:
        """Return the sentence about a run that has not consumed the amount of its plan."""
        run = self._run.state
        total = self.in_force.length
        planned = None if total is None else dict(total.terms).get(unit)
        end = largest_on(unit) if planned is None else float(planned)
        if run.amount is None or run.last_amount is None or end == inf:
            return ""
        consumed = float(run.amount)
        # A loop may report its progress once for many updates, as reinforcement learning does for a rollout.
        step = largest_report if unit == PROGRESS else consumed / run.t
        if end - consumed <= max(_SKIPPED * end, _LAST_STEPS * step):
            return ""
        now = self._values(UpdateRange(run.t - 1, run.last_amount))
        after = self._values(UpdateRange(run.t, end))
        of_plan = "" if total is None else f" of {total}"
        return _sentence(f"update {run.t}, {amount_text(unit, run.amount)}{of_plan}", now, after, after)

    def _values(self, times: UpdateRange) -> dict[ValuePlace, float]:
        """Return the values of an update by field, optimizer and group, one group after another."""
        values_by_place: dict[ValuePlace, float] = {}
        for number, lines in enumerate(self.lines):
            values = values_at(lines, times, self._run.state.states)
            for index, line, _ in by_group(lines):
                values_by_place[line.field, number, index] = values[index, line.field.slot]
        return values_by_place


def _sentence(
    end_of_run: str, now: dict[ValuePlace, float], last: dict[ValuePlace, float], end: dict[ValuePlace, float]
) -> str:
    """Return the sentence about a run that ended with other values than those of its last planned update."""
    moved = [place for place, value in now.items() if value != last[place]]
    if not moved:
        return ""
    place = min(moved, key=lambda moved_place: moved_place[0] != LR)  # the lr first
    return messages.run_is_short(end_of_run, place[0], now[place], end[place])
