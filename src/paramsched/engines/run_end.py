"""RunEnd: the end of an engine's run, at a deadline or where the plan is over."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from paramsched.core.runs.deadline import check_start
from paramsched.core.runs.scheduler import Scheduler

_UNUSED = 0.05  # the part of the time that an engine may leave unused without a warning


@final
@dataclass(slots=True)
class RunEnd:
    """Decides when an engine ends, and checks the time left at the begin and at the end.

    Args:
        schedulers: those of the run.
        stop: True if the engine ends after the first update after which one of them is over.
    """

    schedulers: Sequence[Scheduler]
    stop: bool = False
    _over: bool = field(default=False, init=False)

    @property
    def saves(self) -> bool:
        """True if the engine must save now, because the next job continues the run: at a moment or a signal."""
        return self.is_due and all(one.stop_reason not in ("plan", "deadline") for one in self.schedulers)

    def begin(self) -> None:
        """Check the time left, after checkpoints were loaded and before the first batch.

        Raises:
            InvalidArgument: the stages of a plan do not fit into the time left, or the deadline of a new run is over.
        """
        over = [check_start(one._run.in_force) for one in self.schedulers]
        self._over = any(over)

    @property
    def is_due(self) -> bool:
        """True after an update if the engine must end now."""
        return self.stop and (self._over or any(one.should_stop for one in self.schedulers))

    def finish(self, call: str) -> None:
        """Warn if an engine ended while more than 5 % of the time until the deadline was left.

        Args:
            call: the user's call, for the warning, such as `PlanCallback`.
        """
        for one in self.schedulers:
            end = one.calendar.end
            if end is None or self._over or one.should_stop:
                continue
            left = end.timestamp() - time.time()
            whole = float(one.amount) + left
            if left > _UNUSED * whole:
                values = ", ".join(f"{name} {value:.4g}" for name, value in one.scalars().items())
                one._resume.processes.log(
                    "%s: the engine ended after update %d by its own length, with %.5g s of %.5g s left, so the plan "
                    "has not reached its end. The values of the last update: %s. Let the engine run longer",
                    call, one.t, left, whole, values,
                )  # fmt: skip


def check_before_step(
    scheduler: Scheduler, drive: str = "optimizer", check: Callable[[], object] | None = None
) -> None:
    """Check the time left before the first step, for engines that do not report when training begins.

    Args:
        scheduler: the scheduler, whose checkpoint may be loaded until the first step.
        drive: as in `ps.Scheduler`. A plan that is driven by hand is checked at once, because its optimizer may lack
            hooks.
        check: another check.
    """
    handles: list[Any] = []

    def check_start_once(*_: Any) -> None:
        if check is not None:
            check()
        RunEnd([scheduler]).begin()
        for handle in handles:
            handle.remove()

    if drive == "manual":
        check_start_once()
    elif scheduler.calendar.end is not None or check is not None:
        handles += [one.register_step_pre_hook(check_start_once) for one in scheduler.optimizers.values()]
