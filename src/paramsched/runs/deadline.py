"""The start of a run that ends at a deadline."""

import logging
import time
from dataclasses import replace

from paramsched.errors import InvalidArgument, MissingFact
from paramsched.plan import Plan
from paramsched.plan.binding import amount_clock
from paramsched.plan.note import Note
from paramsched.plan.resolve import plan_number
from paramsched.runs.seconds import RunStart, messages_about_time, seconds_now
from paramsched.scheduler.run_state import ResolvedPlan, RunPosition
from paramsched.time import Calendar

log = logging.getLogger("paramsched")


def start_run(
    plan: Plan, calendar: Calendar, at: RunPosition, optimizers: tuple[str, ...] = (), note: Note | None = None
) -> ResolvedPlan:
    """Resolve a plan for a run with a deadline that starts at a position: its horizon includes the time left.

    In several processes, each of them uses the deadline and the time of rank 0, and raises the same error.

    Raises:
        InvalidArgument: the deadline is over, the stages of the plan do not fit into the time left, or the plan has
            another clock or a horizon.
        StateError: rank 0 has no start of this plan at this position.
    """
    deadline = calendar.end
    assert deadline is not None
    site = f'Scheduler(…, deadline="{deadline}")'
    _require_seconds_without_horizon(plan, site)
    untimed = 1 if calendar.untimed_updates is None else calendar.untimed_updates
    amount, now = float(at.amount or 0.0), seconds_now()
    messages, left = messages_about_time(plan_number(plan, plan), at.t, amount), deadline.timestamp() - time.time()
    if messages is None or messages.is_sender:
        start = RunStart(at.t, amount, left, untimed, now, messages)
        if messages is not None:
            messages.send([left, untimed, str(deadline)])
        return _started(plan, calendar, start, optimizers, note)
    return _started_by_rank_0(plan, calendar, RunStart(at.t, amount, left, untimed, now, messages), optimizers, note)


def started_again(in_force: ResolvedPlan) -> ResolvedPlan | None:
    """Return the plan at the start of rank 0 that the start of this rank belongs to; None if it is the same as before.

    Raises:
        InvalidArgument: the stages of the plan do not fit into the time left.
        StateError: rank 0 has no such start.
    """
    start = in_force.start
    if start is None or start.messages is None or start.messages.is_sender or not start.messages.settle():
        return None
    return _started_by_rank_0(in_force.plan, in_force.calendar, start, in_force.optimizers, in_force.note)


def _started_by_rank_0(
    plan: Plan, calendar: Calendar, start: RunStart, optimizers: tuple[str, ...], note: Note | None
) -> ResolvedPlan:
    """Resolve a plan for the time that rank 0 has left at a start."""
    assert start.messages is not None
    left, untimed, deadline = start.messages.first()
    calendar = replace(calendar, deadline=deadline, untimed_updates=untimed)
    try:
        return _started(plan, calendar, replace(start, left=left, untimed=untimed), optimizers, note)
    except InvalidArgument:
        start.messages.keep()  # rank 0 has refused it too
        raise


def _started(
    plan: Plan, calendar: Calendar, start: RunStart, optimizers: tuple[str, ...], note: Note | None
) -> ResolvedPlan:
    """Resolve a plan for the time that is left at a start."""
    site = f'Scheduler(…, deadline="{calendar.end}")'
    if start.left <= 0 or start.horizon < 1:
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
    return ResolvedPlan(plan, resolved, calendar, start, optimizers, note)


def with_other_plan(in_force: ResolvedPlan, plan: Plan, note: Note | None) -> ResolvedPlan:
    """Return another plan for a run with a deadline, resolved for the horizon in force.

    Raises:
        InvalidArgument: the stages of the plan do not fit, or it has another clock or a horizon.
    """
    _require_seconds_without_horizon(plan, f'Scheduler(…, deadline="{in_force.calendar.deadline}")')
    horizon = in_force.seconds_until_end
    assert horizon is not None
    return replace(in_force, plan=plan, note=note).until(horizon)


def _require_seconds_without_horizon(plan: Plan, site: str) -> None:
    clock = amount_clock(plan.clock)
    if clock != "seconds":
        found = f"a deadline needs the clock of seconds, and the plan's clock counts {clock or 'updates'}"
        raise InvalidArgument(site, found, 'Write ps.Plan(…, clock="seconds")')
    if plan.horizon is not None:
        found = f'the plan has the horizon "{plan.horizon}", and the deadline determines another one'
        raise InvalidArgument(site, found, "Omit the horizon of the plan, or the deadline")
