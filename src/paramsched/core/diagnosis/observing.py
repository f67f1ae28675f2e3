"""The start of the diagnosis of a run."""

from collections.abc import Mapping
from typing import Any

from paramsched.core.diagnosis.diagnosis import DiagnosticObserver
from paramsched.core.diagnosis.ends import note_run
from paramsched.core.run.beginning import StartingRun
from paramsched.core.run.run import Run


def observe(run: Run, beginning: StartingRun) -> None:
    """Look at a start before anything is written, and observe its run from then on.

    Raises:
        PlanWarning: a probable mistake, with `strict`.
    """
    diagnosis = DiagnosticObserver(run, note_run)
    diagnosis.begin(beginning)
    run.state.observers.append(diagnosis)
    diagnosis.watch(beginning.optimizers, is_restored=bool(beginning.saved))


def observe_copy(run: Run, optimizers: Mapping[str, Any]) -> None:
    """Observe the run of a copied Scheduler, whose start was looked at when its original began."""
    diagnosis = DiagnosticObserver(run, lambda _: None)
    diagnosis.end.note_over()
    run.state.observers.append(diagnosis)
    diagnosis.watch(optimizers, is_restored=True)
