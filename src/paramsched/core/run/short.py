"""Runs that end before their plan, or without a metric, at the normal end of the process or at the end of an engine."""

import atexit
import sys
from collections import deque
from collections.abc import Sequence
from typing import Final, final

from paramsched.core.fields import Field
from paramsched.core.plan.lines import Line, UpdateTimes, by_group, values_at
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.run.reports import log_idle_rules
from paramsched.core.run.run import Run
from paramsched.core.run.state import RunState
from paramsched.core.run.values import LR

_SKIPPED: Final = 0.01  # of the plan; a GradScaler may skip so many updates


@final
class ShortRun:
    """A run that may end before its plan. It refers neither to groups nor to optimizers, so that they are freed."""

    in_force: ResolvedPlan
    lines: Sequence[Sequence[Line]]  # of each optimizer

    def __init__(self, run: Run) -> None:
        self.clock: RunState = run.clock
        self.read_plan(run)

    def read_plan(self, run: Run) -> None:
        """Read the plan in force."""
        self.in_force = run.in_force
        self.lines = [one.rows.lines for one in run.all_groups]

    def problem(self) -> str:
        """Return a sentence about a run that has ended before its plan; an empty string if it has not."""
        clock, total = self.clock, self.in_force.total
        if total is None or clock.released or clock.end_is_known or clock.was_moved or not clock.has_moved:
            return ""
        if total - clock.t <= _SKIPPED * total or self.in_force.is_over_at(clock.t, clock.amount):
            return ""
        found = f"the run ended at update {clock.t} of {total}"
        if self.in_force.unit is None:
            now, last, end = (self._values(t) for t in (clock.t - 1, total - 1, total))
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
            values = values_at(lines, UpdateTimes(t, None), self.clock.states)
            found |= {(line.field, place, index): values[index, line.field.slot] for index, line, _ in by_group(lines)}
        return found


_last_run: Final[deque[ShortRun]] = deque(maxlen=1)
"""The last run of the user in this process. It is here, and not in its Scheduler, because a script that trains in a
function has neither Scheduler nor optimizer left when the process ends. Earlier runs are not reported: a sweep ends
many of them early, and a script may continue one with another optimizer."""


def note_run(run: Run) -> None:
    """Note the last run of the process, whose end is looked at when the process ends normally."""
    _last_run.append(ShortRun(run))


def note_changed_plan(run: Run) -> None:
    """Read the plan of the noted run again, because a checkpoint may have changed it."""
    for noted in _last_run:
        if noted.clock is run.clock:
            noted.read_plan(run)


@atexit.register
def _log_end() -> None:
    """Log the end of the last run: its plan is longer, or its metric rules have observed nothing.

    Nothing is logged if an exception ended the process.
    """
    for noted in _last_run:
        if getattr(sys, "last_value", None) is not None:
            return
        clock, found = noted.clock, noted.problem()
        is_saved = clock.saved_at == clock.t  # the next job continues it
        if found and not is_saved:
            clock.processes.log("%s", found)
        if clock.warns_of_metrics and clock.has_moved and not clock.released:
            log_idle_rules(clock, clock.t, f"the run ended after {clock.t} updates")
