"""Events between two updates of a run: construct again, save, load, copy, resume in any order."""

import copy
from typing import Any, Protocol

from torch.optim import Optimizer

import paramsched as ps

DISTURBANCES = (
    "construct again", "reload scheduler state", "reload optimizer state", "copies of the groups", "query",
    "resume: optimizer", "resume: optimizer, then built", "resume: both", "resume: scheduler first", "resume: copy",
)  # fmt: skip


class DisturbedRun(Protocol):
    """A run of a test: an optimizer, its scheduler, and functions that create both."""

    optimizer: Any
    scheduler: ps.Scheduler

    def bare(self) -> Optimizer:
        """Return an optimizer like the one at the start of the run."""

    def built(self, optimizer: Optimizer) -> ps.Scheduler:
        """Return a scheduler for the optimizer."""


def disturb(run: DisturbedRun, event: str) -> None:
    """Apply one of `DISTURBANCES`, or `"resume: scheduler"`, which does not load the state of the optimizer."""
    match event:
        case "construct again":
            run.scheduler = run.built(run.optimizer)
        case "reload scheduler state":
            run.scheduler.load_state_dict(run.scheduler.state_dict())
        case "reload optimizer state":
            run.optimizer.load_state_dict(copy.deepcopy(run.optimizer.state_dict()))
        case "copies of the groups":
            run.optimizer.param_groups = [dict(group) for group in run.optimizer.param_groups]
        case "query":
            run.scheduler._values()
            run.scheduler.get_last_lr()
            run.scheduler.step()
        case "resume: copy":
            run.optimizer, run.scheduler = copy.deepcopy((run.optimizer, run.scheduler))
        case _ if event.startswith("resume"):
            _resume(run, event)
        case _:
            raise AssertionError(event)


def reported(scheduler: ps.Scheduler) -> str:
    """Return what a scheduler reports of its run, as text."""
    actual = scheduler.t, scheduler.amount, scheduler.total, scheduler.base_lrs, scheduler.states, scheduler.history
    return "\n".join(map(repr, (*actual, scheduler._values(), scheduler.scalars(), scheduler.scalars("coming"))))


def _resume(run: DisturbedRun, event: str) -> None:
    saved, state = copy.deepcopy((run.optimizer.state_dict(), run.scheduler.state_dict()))
    run.optimizer = run.bare()
    if event != "resume: optimizer, then built":
        run.scheduler = run.built(run.optimizer)
    if event in ("resume: scheduler first", "resume: scheduler"):
        run.scheduler.load_state_dict(state)
    if event != "resume: scheduler":
        run.optimizer.load_state_dict(saved)
    if event == "resume: optimizer, then built":
        run.scheduler = run.built(run.optimizer)
    if event == "resume: both":
        run.scheduler.load_state_dict(state)
