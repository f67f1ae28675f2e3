"""RunEnd: the end of an engine's run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from paramsched.core.run import EngineHandle, Scheduler
from paramsched.engines.messages.events import NOT_MOVED


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
        for scheduler in self.schedulers:
            handle = EngineHandle(scheduler)
            for problem in handle.problems_of_end(early=early, unmoved_advice=NOT_MOVED):
                handle.processes.warn(problem.changed(site=call))
