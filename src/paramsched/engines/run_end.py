"""RunEnd: the end of an engine's run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from paramsched.core.base.problem import Problem
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.run.short import ShortRun, unmoved

_UNMOVED: Final = (
    "The plan follows the step of the optimizer that the engine had at its start. Construct the optimizer once, and do "
    "not replace its step"
)


@final
@dataclass(frozen=True, slots=True)
class RunEnd:
    """Reports at the end of an engine's run.

    Args:
        schedulers: those of the run.
    """

    schedulers: Sequence[Scheduler]

    def tell_short(self, call: str, *, early: bool) -> None:
        """Warn of plans that are longer than the run of the engine, that have not moved, or that lack a group.

        Args:
            call: the user's call.
            early: True if other code ended the run on purpose, as by early stopping. A limit of time is no such code.
        """
        for one in self.schedulers:
            clock = one._run
            found = "" if early else ShortRun(one._run).problem()
            missing = None if early or clock.released or not clock.has_moved else clock.missing_groups()
            clock.end_is_known, clock.warns_of_groups = True, False
            if (problem := unmoved(clock)) is not None:
                clock.writes = None
                clock.processes.warn(problem.changed(site=call, advice=_UNMOVED))
            if found:
                clock.processes.warn(Problem(site=call, found=found))
            if missing is not None:
                clock.processes.warn(missing.changed(site=call))
