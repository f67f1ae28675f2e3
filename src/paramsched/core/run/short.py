"""Runs that end before their plan, or without a metric, at the normal end of the process or at the end of an engine."""

import atexit
import sys
from collections import deque
from collections.abc import Sequence
from typing import Final, final

from paramsched.core.fields import Field
from paramsched.core.plan.lines import Line, UpdateTimes, by_group, values_at
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.run.run import Run
from paramsched.core.run.values import LR

_SKIPPED: Final = 0.01  # of the plan; a GradScaler may skip so many updates


@final
class ShortRun:
    """A run that may end before its plan. It refers to no optimizer, so that they are freed."""

    in_force: ResolvedPlan
    lines: Sequence[Sequence[Line]]  # of each optimizer

    def __init__(self, run: Run) -> None:
        self.run = run
        self.read_plan()

    def read_plan(self) -> None:
        """Read the plan in force, because the run does not keep the optimizers; again after a load."""
        self.in_force, self.lines = self.run.in_force, [member.rows.lines for member in self.run.members.values()]

    def problem(self) -> str:
        """Return a sentence about a run that has ended before its plan; an empty string if it has not."""
        run, total = self.run, self.in_force.total
        if total is None or run.released or run.end_is_known or run.was_moved or not run.has_moved:
            return ""
        if total - run.t <= _SKIPPED * total or self.in_force.is_over_at(run.t, run.amount):
            return ""
        found = f"the run ended at update {run.t} of {total}"
        if self.in_force.unit is None:
            now, last, end = (self._values(t) for t in (run.t - 1, total - 1, total))
            moved = [place for place, value in now.items() if value != last[place]]
            if not moved:
                return ""
            place = min(moved, key=lambda one: one[0] != LR)  # the lr first
            found += f" with {place[0]} {now[place]:.3g}, the plan ends at {end[place]:.3g}"
        return found

    def _values(self, t: int) -> dict[tuple[Field, int, int], float]:
        """Return the values of an update by field, optimizer and group, one group after another."""
        found: dict[tuple[Field, int, int], float] = {}
        for place, lines in enumerate(self.lines):
            values = values_at(lines, UpdateTimes(t, None), self.run.states)
            found |= {(line.field, place, index): values[index, line.field.slot] for index, line, _ in by_group(lines)}
        return found


_last_run: Final[deque[ShortRun]] = deque(maxlen=1)
"""The last run of the user in this process. It is here, and not in its Scheduler, because a script that trains in a
function has neither Scheduler nor optimizer left when the process ends. Earlier runs are not reported: a sweep ends
many of them early, and a script may continue one with another optimizer."""


def note_run(run: Run) -> None:
    """Note the last run of the process, whose end is looked at when the process ends normally."""
    noted = ShortRun(run)
    run.after_load.append(noted.read_plan)
    _last_run.append(noted)


@atexit.register
def _log_end() -> None:
    """Log the end of the last run: its plan is longer, or its metric rules have observed nothing.

    Nothing is logged if an exception ended the process.
    """
    for noted in _last_run:
        if getattr(sys, "last_value", None) is not None:
            return
        run, found = noted.run, noted.problem()
        is_saved = run.saved_at == run.t  # the next job continues it
        if found and not is_saved:
            run.processes.log("%s", found)
        if run.warns_of_metrics and run.has_moved and not run.released:
            run.log_idle_rules(f"the run ended after {run.t} updates")
