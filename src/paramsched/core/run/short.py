"""Runs that end before their plan: one line at the normal end of the process, or a warning at the end of an engine."""

import atexit
import os
import sys
from collections import deque
from collections.abc import Sequence
from math import ceil
from typing import Any, Final, final

from paramsched.core.fields import Field
from paramsched.core.plan.lines import Line, UpdateTimes, by_group, values_at
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.run.block import LR
from paramsched.core.run.run import Run
from paramsched.core.run.state import RunState

_KEPT: Final = 16  # the last runs of a sweep
_SKIPPED: Final = 0.01  # of the plan; a GradScaler may skip so many updates


@final
class ShortRun:
    """A run that may end before its plan. It refers neither to groups nor to optimizers, so that they are freed."""

    in_force: ResolvedPlan
    lines: Sequence[Sequence[Line]]  # of each optimizer

    def __init__(self, run: Run, job_end: Any) -> None:
        self.clock: RunState = run.clock
        self.job_end, self.process = job_end, os.getpid()
        self.read_plan(run)

    def read_plan(self, run: Run) -> None:
        """Read the plan in force."""
        self.in_force = run.in_force
        self.lines = [one.block.lines for one in run.all_groups]

    def problem(self, *, is_saved: bool | None = None) -> str:
        """Return what was found; an empty string if the run has reached the end of its plan, or goes on elsewhere.

        Args:
            is_saved: True if the next job goes on from a checkpoint; by default if one was saved at the last update. An
                engine that saves at its end knows that its run is over.
        """
        clock, total = self.clock, self.in_force.total
        if clock.saved_at == clock.t if is_saved is None else is_saved:
            return ""
        made_updates = clock.has_moved and not clock.was_moved and self.process == os.getpid()
        if total is None or not made_updates or clock.released or clock.end_is_known:
            return ""
        if self.job_end is not None and self.job_end.reason is not None:
            return ""
        if not 0 < clock.t < total or total - clock.t <= _SKIPPED * total:
            return ""
        found = f"the run ended at update {clock.t} of {total}"
        if self.in_force.unit is None:
            now, last, end = (self._values(t) for t in (clock.t - 1, total - 1, total))
            moved = [at for at, value in now.items() if value != last[at]]
            if not moved:
                return ""
            at = min(moved, key=lambda one: one[0] != LR)  # the lr first
            found += f" with {at[0]} {now[at]:.3g}, the plan ends at {end[at]:.3g}"
        if (epoch := self._without_rest()) is not None:
            found += f". The loop drops the rest of each epoch: write steps_per_epoch={epoch}"
        return found

    def _values(self, t: int) -> dict[tuple[Field, int, int], float]:
        """Return the values of an update by field, optimizer and group, one group after another."""
        found: dict[tuple[Field, int, int], float] = {}
        for place, lines in enumerate(self.lines):
            values = values_at(lines, UpdateTimes(t, None), self.clock.states)
            found |= {(line.field, place, index): values[index, line.field.slot] for index, line, _ in by_group(lines)}
        return found

    def _without_rest(self) -> int | None:
        """Return the updates of an epoch if the run dropped the last batches of each epoch; None otherwise."""
        calendar, total = self.in_force.calendar, self.in_force.total
        batches, of_update = calendar.batches_per_epoch, calendar.accumulation
        if total is None or batches is None or of_update is None or not batches % of_update or batches < of_update:
            return None
        epoch, planned = batches // of_update, -(-batches // of_update)
        return epoch if self.clock.t == ceil(total / planned) * epoch else None


_noted: deque[ShortRun] = deque(maxlen=_KEPT)
"""The last runs of the process. A finalizer of an optimizer would log while a sweep goes on."""


def note_run(run: Run, job_end: Any) -> None:
    """Note a run whose end is looked at when the process ends normally, outside of tests, prompts and notebooks."""
    if run.in_force.total is None or "pytest" in sys.modules or hasattr(sys, "ps1"):
        return
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        return
    if not _noted:
        atexit.register(_report)
    _noted.append(ShortRun(run, job_end))


def note_changed_plan(run: Run) -> None:
    """Read the plan of a noted run again, because a checkpoint has changed it."""
    for one in _noted:
        if one.clock is run.clock:
            one.read_plan(run)


def _report() -> None:
    """Log the last run that ended before its plan, unless an exception ended the process."""
    noted = [(one, found) for one in _noted if (found := one.problem())]
    _noted.clear()
    if not noted or getattr(sys, "last_value", None) is not None:
        return
    more = f" (and {len(noted) - 1} more runs of this process)" if len(noted) > 1 else ""
    last, found = noted[-1]
    last.clock.processes.log("%s%s", found, more)
