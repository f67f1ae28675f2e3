"""The horizon of a run that ends at a deadline: each start has another one."""

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import inf
from typing import final

from paramsched.core.base.problem import Advice, Sentence
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import amount_clock
from paramsched.core.plan.note import Note
from paramsched.core.plan.resolve import plan_number
from paramsched.core.runs.seconds import RunStart, in_milliseconds, messages_about_time, seconds_now
from paramsched.core.scheduler.hooks import Found
from paramsched.core.scheduler.messages import WORLD, Processes
from paramsched.core.scheduler.run_state import Horizon, ResolvedPlan, RunPosition, ValuesOf
from paramsched.core.time import Calendar
from paramsched.core.time.deadline import DeadlineLike
from paramsched.errors import InvalidArgument, MissingFact, shown

log = logging.getLogger("paramsched")

_LONGEST = 10**10  # seconds, of a horizon that is tried


def position_at_start(plan: Plan, found: Found) -> RunPosition:
    """Return the position from which a run with this plan starts, of those that the groups carry."""
    carried = found.positions(amount_clock(plan.clock)).values()
    return next((position for position in carried if position.t == found.t), RunPosition(found.t))


def start_run(
    plan: Plan,
    calendar: Calendar,
    at: RunPosition,
    optimizers: tuple[str, ...] = (),
    note: Note | None = None,
    processes: Processes = WORLD,
    *,
    checked_later: bool = False,
    until: float | None = None,
    longest: float = inf,
    written: DeadlineLike | None = None,
) -> ResolvedPlan:
    """Resolve a plan for a run with a deadline that starts at a position: its horizon includes the time left.

    In several processes, each of them uses the deadline and the time of rank 0, and raises the same error. With
    `checked_later`, stages that do not fit get the shortest horizon into which they fit, and `check_start` raises.
    `until` is the horizon of a dry run, `longest` that of the checkpoint, unless the deadline is later than in it, and
    `written` the deadline as the user wrote it, for messages.

    Raises:
        InvalidArgument: the deadline is over, the stages of the plan do not fit into the time left, or the plan has
            another clock or a horizon.
        StateError: rank 0 has no start of this plan at this position.
    """
    deadline = calendar.end
    assert deadline is not None
    site = f'Scheduler(…, deadline="{deadline}")'
    _require_seconds_without_horizon(plan, site, str(deadline) if written is None else written)
    untimed = 1 if calendar.untimed_updates is None else calendar.untimed_updates
    amount, now = float(at.amount or 0.0), seconds_now()
    left = deadline.timestamp() - time.time() if until is None else max(0.0, until - amount)
    messages = messages_about_time(plan_number(plan, plan), at.t, amount, processes)
    start = RunStart(
        at.t, amount, left, untimed, now, messages, checked_later, until=until, longest=longest, processes=processes
    )
    if messages is None or messages.is_sender:
        if messages is not None:
            messages.send([left, untimed, str(deadline), longest])
        return _started(plan, calendar, start, optimizers, note)
    return _started_by_rank_0(plan, calendar, start, optimizers, note)


def check_start(in_force: ResolvedPlan) -> bool:
    """Check the time left of a run whose training begins; return True if a resumed run is over already.

    Raises:
        InvalidArgument: the stages of the plan do not fit into the time left, or the deadline of a new run is over.
    """
    if not isinstance(in_force.horizon, UntilDeadline):
        return False
    start = in_force.horizon.start
    if start.is_over and start.update > 0:
        return True
    _fitting(in_force.plan, in_force.calendar, start, in_force.optimizers)
    return False


@final
@dataclass(frozen=True, slots=True)
class UntilDeadline(Horizon):
    """The horizon of one start of a run with a deadline.

    Args:
        start: the start.
    """

    start: RunStart

    def until(self, one: ResolvedPlan, horizon: float) -> ResolvedPlan:
        """Return the plan, resolved for another horizon in seconds.

        Raises:
            InvalidArgument: the stages of the plan do not fit.
        """
        return replace(one, resolved=resolved_until(one.plan, one.calendar, horizon, one.optimizers))

    def resolved(self, other: ResolvedPlan) -> ResolvedPlan:
        return self.until(other, self.start.horizon)

    def shortest(self, one: ResolvedPlan, least: float, longest: float) -> float:
        """Return the shortest horizon between two into which the stages of a plan fit; they fit into the longest."""
        return _shortest_between(partial(_fits, one.plan, one.calendar, one.optimizers), least, longest)

    def restarted(
        self, in_force: ResolvedPlan, position: RunPosition, saved: ResolvedPlan | None = None
    ) -> ResolvedPlan:
        one, start, longest = in_force, self.start, inf
        if saved is not None and not _ends_later(saved, one):
            longest = max(horizon_in_seconds(saved) or inf, float(position.amount or 0.0))
        return start_run(
            one.plan, one.calendar, position, one.optimizers, one.note, start.processes,
            checked_later=start.checked_later, until=start.until, longest=longest,
        )  # fmt: skip

    def started_again(self, in_force: ResolvedPlan) -> ResolvedPlan | None:
        """Return the plan at the start of rank 0 that this one belongs to; None if it is the same as before.

        Raises:
            InvalidArgument: the stages of the plan do not fit into the time left.
            StateError: rank 0 has no such start.
        """
        start = self.start
        if start.messages is None or start.messages.is_sender or not start.messages.settle():
            return None
        return _started_by_rank_0(in_force.plan, in_force.calendar, start, in_force.optimizers, in_force.note)

    def log_other(self, saved: ResolvedPlan, now: ResolvedPlan, position: RunPosition, values: ValuesOf) -> None:
        if not _ends_later(saved, now):
            return
        horizons = horizon_in_seconds(saved), horizon_in_seconds(now)
        if (horizons[1] or 0) <= (horizons[0] or 0):
            return
        old, new = values(saved), values(now)
        self.start.processes.log(
            "the deadline is later than in the checkpoint: %s -> %s, and the horizon is longer: %.12g -> %.12g "
            "seconds. The values of update %d, with the horizon of the checkpoint -> with this one:\n%s",
            saved.calendar.end, now.calendar.end, *horizons, position.t,
            "\n".join(f"{name}: {old[name]!r} -> {value!r}" for name, value in new.items() if name in old),
        )  # fmt: skip


def _ends_later(saved: ResolvedPlan, now: ResolvedPlan) -> bool:
    """Return whether the deadline of a run is later than in its checkpoint."""
    before, after = saved.calendar.end, now.calendar.end
    return before is not None and after is not None and after > before


def horizon_in_seconds(one: ResolvedPlan) -> float | None:
    """Return the horizon of a run with a deadline, in seconds; None without a deadline."""
    horizon = one.resolved.horizon
    return None if one.calendar.deadline is None or horizon is None else float(horizon.terms[0][1])


def _started_by_rank_0(
    plan: Plan, calendar: Calendar, start: RunStart, optimizers: tuple[str, ...], note: Note | None
) -> ResolvedPlan:
    """Resolve a plan for the time that rank 0 has left at a start."""
    assert start.messages is not None
    left, untimed, deadline, longest = start.messages.first()
    calendar = replace(calendar, deadline=deadline, untimed_updates=untimed)
    try:
        return _started(plan, calendar, replace(start, left=left, untimed=untimed, longest=longest), optimizers, note)
    except InvalidArgument:
        start.messages.keep()  # rank 0 has refused it too
        raise


def _started(
    plan: Plan, calendar: Calendar, start: RunStart, optimizers: tuple[str, ...], note: Note | None
) -> ResolvedPlan:
    """Resolve a plan for the time that is left at a start."""
    try:
        resolved = _fitting(plan, calendar, start, optimizers)
    except MissingFact:
        raise
    except InvalidArgument:
        if not start.checked_later:
            raise
        start = replace(start, shortest=_shortest(plan, calendar, max(start.available, 0.001), optimizers))
        resolved = resolved_until(plan, calendar, start.horizon, optimizers)
    log.info(
        "the run ends at the deadline %s: %.1f seconds of training before, a horizon of %.12g seconds",
        calendar.deadline, start.amount, start.horizon,
    )  # fmt: skip
    return ResolvedPlan(plan, resolved, calendar, UntilDeadline(start), optimizers, note)


def resolved_until(plan: Plan, calendar: Calendar, horizon: float, optimizers: Collection[str] = ()) -> Plan:
    """Return the plan of a run with a deadline, resolved for a horizon in seconds.

    Raises:
        InvalidArgument: the stages of the plan do not fit, or a schedule without an open stage is longer.
    """
    for line in plan.bindings:
        length = line.schedule.length
        if length is not None and all(unit == "seconds" for unit, _ in length.terms):
            needed = sum(count for _, count in length.terms)
            if needed > Fraction(repr(horizon)):
                found = f"it lasts {float(needed):.12g} seconds, and {horizon:.12g} are available"
                raise InvalidArgument(f"{line.schedule} in {line.name}", found, "Use a later deadline")
    return plan.resolve(calendar.until(horizon), optimizers)


def _fitting(plan: Plan, calendar: Calendar, start: RunStart, optimizers: tuple[str, ...]) -> Plan:
    """Return a plan, resolved for the time that is available at a start, or raise."""
    if start.is_over:
        site = f'Scheduler(…, deadline="{calendar.end}")'
        raise InvalidArgument(site, "the deadline is over, or less than a millisecond is left", "Use a later deadline")
    try:
        return resolved_until(plan, calendar, start.available, optimizers)
    except MissingFact:
        raise
    except InvalidArgument as error:
        found = f"{error.found}; the deadline leaves a horizon of {start.available:.12g} seconds"
        raise error.changed(found=found) from None


def _fits(plan: Plan, calendar: Calendar, optimizers: tuple[str, ...], horizon: float) -> bool:
    """Return whether the stages of a plan fit into a horizon."""
    try:
        resolved_until(plan, calendar, horizon, optimizers)
    except InvalidArgument:
        return False
    return True


def _shortest_between(fits: Callable[[float], bool], least: float, longest: float) -> float:
    """Return the shortest horizon of at least `least` seconds that fits, in whole milliseconds; `longest` does."""
    first = in_milliseconds(least)
    longer = range(first, in_milliseconds(longest))
    return (first + bisect_left(longer, True, key=lambda one: fits(one / 1000))) / 1000


def _shortest(plan: Plan, calendar: Calendar, least: float, optimizers: tuple[str, ...]) -> float:
    """Return the shortest horizon of at least `least` seconds into which the stages of a plan fit.

    Raises:
        InvalidArgument: the plan cannot be resolved for any horizon.
    """
    fits, longest = partial(_fits, plan, calendar, optimizers), least
    while not fits(longest):
        longest *= 2
        if longest > _LONGEST:
            resolved_until(plan, calendar, longest, optimizers)  # raises
    return _shortest_between(fits, least, longest)


def with_other_plan(in_force: ResolvedPlan, plan: Plan, note: Note | None) -> ResolvedPlan:
    """Return another plan for a run with a deadline, resolved for the horizon in force.

    Raises:
        InvalidArgument: the stages of the plan do not fit, or it has another clock or a horizon.
    """
    moment = str(in_force.calendar.deadline)
    _require_seconds_without_horizon(plan, f'Scheduler(…, deadline="{moment}")', moment)
    until, horizon = in_force.horizon, horizon_in_seconds(in_force)
    assert isinstance(until, UntilDeadline)
    assert horizon is not None
    return until.until(replace(in_force, plan=plan, note=note), horizon)


def _require_seconds_without_horizon(plan: Plan, site: str, moment: DeadlineLike) -> None:
    clock = amount_clock(plan.clock)
    if clock != "seconds":
        found = f"a deadline needs the clock of seconds, and the plan's clock counts {clock or 'updates'}"
        text = f'"{moment}"' if isinstance(moment, str) else shown(moment)
        instead = Sentence(
            f"Use stop_before={text} in place of deadline to end the job in time with the same plan, or "
            'ps.Plan(…, clock="seconds") without a horizon to make the whole plan end then',
            "Omit --deadline, or use a plan with clock: seconds and without a horizon",
        )
        raise InvalidArgument(site, found, Advice(instead))
    if plan.horizon is not None:
        found = f'the plan has the horizon "{plan.horizon}", and the deadline determines another one'
        raise InvalidArgument(site, found, "Omit the horizon of the plan, or the deadline")
