"""RunEnd: the end of an engine's run, where its plan is over or its job must end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from paramsched.core.base.problem import Problem
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.run.short import ShortRun


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
            found = "" if early or self.is_due else ShortRun(one._run, one._job_end).problem(is_saved=False)
            clock.end_is_known = True
            if found:
                clock.processes.warn(Problem(site=call, found=found))

    @property
    def saves(self) -> bool:
        """True if the engine must save now, because the next job continues the run: at a moment or a signal."""
        return self.is_due and all(one.stop_reason != "plan" for one in self.schedulers)

    @property
    def is_due(self) -> bool:
        """True after an update if the engine must end now."""
        return self.stop and any(one.should_stop for one in self.schedulers)
