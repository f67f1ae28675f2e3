"""Runs that end before their plan, do not move or lack a metric, at the normal end of the process or of an engine."""

import atexit
import os
import sys
from collections.abc import Iterable, Sequence
from math import inf
from typing import Any, Final, TypeAlias, final
from weakref import ref

from torch.optim import Optimizer

from paramsched.base.problem import Problem
from paramsched.core.fields import Field
from paramsched.core.plan.lines import Line, UpdateTimes, by_group, values_at
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.run.run import Run
from paramsched.core.run.state import Group
from paramsched.core.run.step_observers import STEP_HOOK
from paramsched.core.run.steps import updates_in_state
from paramsched.core.run.values import LR
from paramsched.core.time.duration import PROGRESS, amount_text, largest_on

_SKIPPED: Final = 0.01  # of the plan; a GradScaler may skip so many updates
_LAST_STEPS: Final = 1.5
"""Mean updates, or reports, that may be left of an amount: a loop ends before the update that exceeds it."""

ValuePlace: TypeAlias = tuple[Field, int, int]
"""A field, and the numbers of its optimizer and its group."""


@final
class MovesAfterLoad:
    """The updates of a plan by hand between a load and the first step of an optimizer.

    A loop that moves a scheduler forward after a load moves one twice that the load has moved.

    Args:
        run: the run, which owns this object.
        optimizers: its optimizers.
    """

    def __init__(self, run: Run, optimizers: Iterable[Any]) -> None:
        self._run = ref(run)
        self._optimizers = [ref(optimizer) for optimizer in optimizers if isinstance(optimizer, Optimizer)]
        self._updates: dict[int, int | None] = {}  # in the state of each optimizer after the load
        run.after_load.append(self.begin)
        if any(member.is_restored for member in run.members.values()):
            self.begin()

    def begin(self) -> None:
        """Wait for the first step after a load."""
        self._updates = {
            index: updates_in_state(optimizer)
            for index, own in enumerate(self._optimizers)
            if (optimizer := own()) is not None
        }
        STEP_HOOK.add(self)

    def after_step(self, optimizer: Any) -> None:
        """Log the updates without a step, if this is the first step of one of the optimizers after the load."""
        index = next((index for index, own in enumerate(self._optimizers) if own() is optimizer), None)
        run = self._run()
        if index is None or run is None:
            return
        STEP_HOOK.remove(self)
        if run.moves <= 1 or run.released:
            return
        before, now = self._updates.get(index), updates_in_state(optimizer)
        if before is not None and now is not None and now > before + 1:
            return  # steps that call no hook, such as those of a CUDA graph
        run.processes.log("moved %d updates without a step of the optimizer", run.moves)


@final
class ShortRun:
    """A run that may end before its plan. It refers to no optimizer, so that they are freed."""

    in_force: ResolvedPlan
    lines: Sequence[Sequence[Line]]  # of each optimizer
    counts_before: tuple[int, int] | None = None  # when a later run began; None if there is none

    def __init__(self, run: Run) -> None:
        self.run, self.process = run, os.getpid()
        self.others: list[ShortRun] = []  # earlier runs with the same parameters
        self.read_plan()

    def counts(self) -> tuple[int, int]:
        """Return the update of the run, and the number of writes to its parameters before its first update."""
        return self.run.t, 0 if self.run.writes is None else self.run.writes.count()

    @property
    def has_continued(self) -> bool:
        """True if no later run has begun, or if the run has gone on since."""
        return self.counts() != self.counts_before

    def read_plan(self) -> None:
        """Read the plan in force, because the run does not keep the optimizers; again after a load."""
        self.in_force, self.lines = self.run.in_force, [member.rows.lines for member in self.run.members.values()]

    def problem(self) -> str:
        """Return a sentence about a run that has ended before its plan; an empty string if it has not."""
        run, in_force = self.run, self.in_force
        if run.released or run.end_is_known or run.was_moved or not run.has_moved:
            return ""
        if in_force.is_over_at(run.t, run.amount):
            return ""
        if in_force.unit is not None:
            return self._before_amount(in_force.unit)
        total = in_force.total
        if total is None or total - run.t <= _SKIPPED * total:
            return ""
        now, last, end = (self._values(UpdateTimes(t, None)) for t in (run.t - 1, total - 1, total))
        return _sentence(f"update {run.t} of {total}", now, last, end)

    def _before_amount(self, unit: str) -> str:
        """Return the sentence about a run that has not consumed the amount of its plan."""
        run, total = self.run, self.in_force.resolved.total
        planned = None if total is None else dict(total.terms).get(unit)
        end = largest_on(unit) if planned is None else float(planned)
        if run.amount is None or run.last_amount is None or end == inf:
            return ""
        consumed = float(run.amount)
        # A loop may report its progress once for many updates, as reinforcement learning does for a rollout.
        step = run.largest_report if unit == PROGRESS else consumed / run.t
        if end - consumed <= max(_SKIPPED * end, _LAST_STEPS * step):
            return ""
        now = self._values(UpdateTimes(run.t - 1, run.last_amount))
        after = self._values(UpdateTimes(run.t, end))
        of_plan = "" if total is None else f" of {total}"
        return _sentence(f"update {run.t}, {amount_text(unit, run.amount)}{of_plan}", now, after, after)

    def _values(self, times: UpdateTimes) -> dict[ValuePlace, float]:
        """Return the values of an update by field, optimizer and group, one group after another."""
        values_by_place: dict[ValuePlace, float] = {}
        for place, lines in enumerate(self.lines):
            values = values_at(lines, times, self.run.states)
            values_by_place |= {
                (line.field, place, index): values[index, line.field.slot] for index, line, _ in by_group(lines)
            }
        return values_by_place


def _sentence(
    end_of_run: str, now: dict[ValuePlace, float], last: dict[ValuePlace, float], end: dict[ValuePlace, float]
) -> str:
    """Return the sentence about a run that ended with other values than those of its last planned update."""
    moved = [place for place, value in now.items() if value != last[place]]
    if not moved:
        return ""
    place = min(moved, key=lambda moved_place: moved_place[0] != LR)  # the lr first
    return f"the run ended at {end_of_run} with {place[0]} {now[place]:.3g}, the plan ends at {end[place]:.3g}"


def unmoved(run: Run) -> Problem | None:
    """Return the problem of a run whose parameters were written and that has counted no update; else None."""
    writes = run.writes
    if writes is None or run.has_moved or run.in_force.is_over_at(run.t, run.amount):
        return None
    if run.observed and all(binding.schedule.piece.held == 0 for binding in run.in_force.counted.bindings):
        return None  # the metrics alone move it
    measured = writes.measured()
    if not measured:
        return None
    advice = "Call scheduler.step() once for each update of the plan"
    if run.drive != "manual":
        advice = (
            "If the optimizer was constructed again, write ps.Scheduler(optimizer, plan) after that. If its step was "
            'replaced, or a wrapper has a step of its own, write ps.Scheduler(optimizer, plan, drive="manual") and '
            "call scheduler.step() after each update. If another optimizer trains these parameters first, or if they "
            "were only loaded, nothing is wrong"
        )
    return Problem(found=f"the plan is still at update {run.t}, although {measured}", advice=advice)


_BESIDE: Final = 7  # earlier runs that are looked at, so that a start does not take longer after thousands of others
_runs: Final[list[ShortRun]] = []
"""The last run of the user in this process, and those that may train beside it. They are here, and not in their
Schedulers, because a script that trains in a function has neither Scheduler nor optimizer left when the process ends.
Runs that have ended before the last one began are not reported: a sweep ends many of them early, and a script may
continue one with another optimizer."""


def note_run(run: Run) -> None:
    """Note a new run, whose end is looked at when the process ends normally, and the counts of the earlier runs."""
    noted = ShortRun(run)
    run.after_load.append(noted.read_plan)
    running = [earlier for earlier in _runs if earlier.run.members and not earlier.run.released][-_BESIDE:]
    for earlier in running:
        earlier.others = [other for other in earlier.others if other in running]
        if run.writes is not None and run.writes.are_in(_groups_of(earlier.run)):
            noted.others.append(earlier)
            earlier.run.end_writes()  # the new run reports them
        earlier.counts_before = earlier.counts()
    _runs[:] = [*running, noted]


def _groups_of(run: Run) -> list[Group]:
    return [group for member in run.members.values() for group in member.bound]


@atexit.register
def _log_ends() -> None:
    """Log the ends of the last runs: a plan has not moved or is longer, its metric rules have observed nothing, or an
    optimizer is late.

    Nothing is logged if an exception ended the process, or in a process that was forked after the start of the run.
    """
    for noted in _runs:
        if getattr(sys, "last_value", None) is not None:
            return
        if noted.process != os.getpid() or not noted.has_continued:
            continue
        run, found, problem = noted.run, noted.problem(), unmoved(noted.run)
        if any(other.has_continued for other in noted.others):  # which has written the parameters
            problem = None
        is_saved = run.saved_at == run.t  # the next job continues it
        if problem is not None:
            run.processes.log("%s", problem)
        elif found and not is_saved:
            run.processes.log("%s", found)
        if run.warns_of_metrics and run.has_moved and not run.released:
            idle = run.idle_problem(f"the run ended after {run.t} updates")
            if idle is not None:  # not an error with `strict`, because the process ends
                run.processes.log("%s", idle)
        if run.has_moved and not run.released:
            run.log_late()
        is_continued = is_saved and not run.in_force.is_over_at(run.t, run.amount)
        is_reported = run.warns_of_groups and run.has_moved and not run.released and not is_continued
        if is_reported and (missing := run.missing_groups()) is not None:
            run.processes.log("%s", missing)
