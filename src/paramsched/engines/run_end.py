"""RunEnd: the end of an engine's run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from paramsched.core.base.problem import Problem
from paramsched.core.run.scheduler import Scheduler
from paramsched.core.run.short import ShortRun


@final
@dataclass(frozen=True, slots=True)
class RunEnd:
    """Reports at the end of an engine's run.

    Args:
        schedulers: those of the run.
    """

    schedulers: Sequence[Scheduler]

    def tell_short(self, call: str, *, early: bool) -> None:
        """Warn of plans that are longer than the run of the engine, at its end.

        Args:
            call: the user's call.
            early: True if other code ended the run on purpose, as by early stopping. A limit of time is no such code.
        """
        for one in self.schedulers:
            clock = one._run
            found = "" if early else ShortRun(one._run).problem()
            clock.end_is_known = True
            if found:
                clock.processes.warn(Problem(site=call, found=found))
