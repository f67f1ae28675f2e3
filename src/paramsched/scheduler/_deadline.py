"""The start of a run that ends at a deadline."""

import logging
import time
from dataclasses import replace

from paramsched.errors import InvalidArgument, MissingFact, StateError
from paramsched.plan import Plan
from paramsched.plan.binding import amount_clock
from paramsched.scheduler._clock import ResolvedPlan, RunPosition
from paramsched.scheduler._messages import several_processes
from paramsched.scheduler._run_time import RunStart, messages_about_time, seconds_now
from paramsched.time import Calendar

log = logging.getLogger("paramsched")


def start_run(plan: Plan, calendar: Calendar, at: RunPosition, optimizers: tuple[str, ...] = ()) -> ResolvedPlan:
    """Resolve a plan for a run with a deadline that starts at a position: its horizon includes the time left.

    In several processes, each of them uses the deadline and the time of rank 0, and raises the same error.

    Raises:
        InvalidArgument: the deadline is over, the stages of the plan do not fit into the time left, or the plan has
            another clock or a horizon.
        StateError: rank 0 starts at another position.
    """
    deadline, clock = calendar.end, amount_clock(plan.clock)
    assert deadline is not None
    site = f'Scheduler(…, deadline="{deadline}")'
    if clock != "seconds":
        found = f"a deadline needs the clock of seconds, and the plan's clock counts {clock or 'updates'}"
        raise InvalidArgument(site, found, 'Write ps.Plan(…, clock="seconds")')
    if plan.horizon is not None:
        found = f'the plan has the horizon "{plan.horizon}", and the deadline determines another one'
        raise InvalidArgument(site, found, "Omit the horizon of the plan, or the deadline")
    untimed = 1 if calendar.untimed_updates is None else calendar.untimed_updates
    messages, now = messages_about_time() if several_processes() else None, seconds_now()
    left, position = deadline.timestamp() - time.time(), [at.t, float(at.amount or 0.0)]
    if messages is not None and messages.is_sender:
        messages.send([*position, left, untimed, str(deadline)])
    elif messages is not None:
        *of_rank_0, left, untimed, text = messages.receive()
        if of_rank_0 != position:
            raise StateError(
                f"rank 0 starts at update {of_rank_0[0]} after {of_rank_0[1]} seconds, this rank at update "
                f"{position[0]} after {position[1]} seconds. Load the same checkpoint on each rank"
            )
        calendar = replace(calendar, deadline=text, untimed_updates=untimed)
        site = f'Scheduler(…, deadline="{text}")'
    start = RunStart(at.t, position[1], left, untimed, now, messages)
    if left <= 0 or start.horizon < 1:
        raise InvalidArgument(site, "the deadline is over, or less than a second is left", "Write a later deadline")
    try:
        resolved = plan.resolve(calendar.until(start.horizon), optimizers)
    except MissingFact:
        raise
    except InvalidArgument as error:
        raise error.changed(found=f"{error.found}; the deadline leaves a horizon of {start.horizon} seconds") from None
    log.info(
        "the run ends at the deadline %s: %.1f seconds of training before, a horizon of %d seconds",
        calendar.deadline, start.amount, start.horizon,
    )  # fmt: skip
    return ResolvedPlan(plan, resolved, calendar, start, optimizers)
