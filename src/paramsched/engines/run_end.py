"""RunEnd: the end of an engine's run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.core.base.problem import Problem
from paramsched.core.fields import Field
from paramsched.core.plan.lines import UpdateTimes, by_group, values_at
from paramsched.core.run.block import LR
from paramsched.core.run.run import Run
from paramsched.core.run.scheduler import Scheduler


@final
@dataclass(frozen=True, slots=True)
class RunEnd:
    """Decides when an engine ends.

    Args:
        schedulers: those of the run.
        stop: True if the engine ends after the first update after which one of them is over.
    """

    schedulers: Sequence[Scheduler]
    stop: bool = False

    def tell_short(self, call: str, *, early: bool) -> None:
        """Warn of plans that are longer than the run of the engine, at its end.

        Args:
            call: the user's call.
            early: True if the run was ended early, as by early stopping.
        """
        for one in self.schedulers:
            clock = one._run.clock
            found = "" if early or self.is_due or clock.end_is_known else problem_of_short(one._run)
            clock.end_is_known = True
            if found:
                clock.processes.warn(Problem(site=call, found=found))

    @property
    def is_due(self) -> bool:
        """True after an update if the engine must end now."""
        if not self.stop:
            return False
        runs = [one._run for one in self.schedulers]
        return any(run.in_force.is_over_at(run.clock.t, run.clock.amount) for run in runs)


_SKIPPED: Final = 0.01  # of the plan; a GradScaler may skip so many updates


def problem_of_short(run: Run) -> str:
    """Return what is wrong if a run has ended before its plan; an empty string if nothing is."""
    clock, total, in_force = run.clock, run.in_force.total, run.in_force
    if total is None or not clock.has_moved or clock.was_moved or clock.released:
        return ""
    if not 0 < clock.t < total or total - clock.t <= _SKIPPED * total:
        return ""
    found = f"the run ended at update {clock.t} of {total}"
    if in_force.unit is None:
        now, last, end = (_values(run, t) for t in (clock.t - 1, total - 1, total))
        moved = [at for at, value in now.items() if value != last[at]]
        if not moved:
            return ""
        at = min(moved, key=lambda one: one[0] != LR)  # the lr first
        found += f" with {at[0]} {now[at]:.3g}, the plan ends at {end[at]:.3g}"
    return found


def _values(run: Run, t: int) -> dict[tuple[Field, int, int], float]:
    """Return the values of an update by field, optimizer and group, one group after another."""
    found: dict[tuple[Field, int, int], float] = {}
    for place, one in enumerate(run.all_groups):
        lines = one.block.lines
        values = values_at(lines, UpdateTimes(t, None), run.clock.states)
        found |= {(line.field, place, index): values[index, line.field.slot] for index, line, _ in by_group(lines)}
    return found
