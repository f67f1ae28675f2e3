"""The normal end of a process: what is logged of the runs that were under way."""

import atexit
import os
import sys
from dataclasses import dataclass, field
from typing import Final, final

from paramsched.core.diagnosis.diagnosis import DiagnosticObserver


@final
@dataclass(eq=False)
class NotedRun:
    """A run of the user whose end is looked at.

    Args:
        diagnosis: its observer.
        process: the process that has started it.
        with_same_parameters: earlier runs with the same parameters.
        counts_before: its counts when a later run began; None if there is none.
    """

    diagnosis: DiagnosticObserver
    process: int = field(default_factory=os.getpid)
    with_same_parameters: list["NotedRun"] = field(default_factory=list)
    counts_before: tuple[int, int] | None = None

    @property
    def has_continued(self) -> bool:
        """True if no later run has begun, or if the run has gone on since."""
        return self.diagnosis.counts() != self.counts_before


_BESIDE: Final = 7  # earlier runs that are looked at, so that a start does not take longer after thousands of others
_runs: Final[list[NotedRun]] = []
"""The last run of the user in this process, and those that may train beside it. They are here, and not in their
Schedulers, because a script that trains in a function has neither Scheduler nor optimizer left when the process ends.
Runs that have ended before the last one began are not reported: a sweep ends many of them early, and a script may
continue one with another optimizer."""


def note_run(diagnosis: DiagnosticObserver) -> None:
    """Note a new run, whose end is looked at when the process ends normally, and the counts of the earlier runs."""
    noted = NotedRun(diagnosis)
    running = [earlier for earlier in _runs if earlier.diagnosis.is_running][-_BESIDE:]
    for earlier in running:
        earlier.with_same_parameters = [run for run in earlier.with_same_parameters if run in running]
        if diagnosis.trains_parameters_of(earlier.diagnosis):
            noted.with_same_parameters.append(earlier)
            earlier.diagnosis.end_training()  # the new run reports them
        earlier.counts_before = earlier.diagnosis.counts()
    _runs[:] = [*running, noted]


@atexit.register
def _log_ends() -> None:
    """Log the ends of the last runs: a plan has not moved or is longer, its metric rules have observed nothing, or an
    optimizer is late.

    Nothing is logged if an exception ended the process, or in a process that was forked after the start of the run.
    """
    for noted in _runs:
        if getattr(sys, "last_value", None) is not None:
            return
        if noted.process == os.getpid() and noted.has_continued:
            # Another run has written the parameters.
            noted.diagnosis.log_end(
                is_trained_by_other=any(earlier.has_continued for earlier in noted.with_same_parameters)
            )
