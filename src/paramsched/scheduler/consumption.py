"""The consumption of each update, and its sources."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from numbers import Integral, Real
from typing import Any, final

import numpy as np
import torch

from paramsched.errors import InvalidArgument, MissingFact, StateError, shown
from paramsched.plan import Plan
from paramsched.plan.binding import amount_clock
from paramsched.plan.run_amounts import Amount, PlannedAmounts, RunAmounts, UnknownAmounts, missing_amounts
from paramsched.scheduler._clock import Clock, ResolvedPlan, RunPosition, UpdateTimes
from paramsched.scheduler._messages import RankMessages, several_processes
from paramsched.scheduler._rank_agreement import RankAgreement
from paramsched.scheduler._run_time import OwnTime, Rank0Clock, RunStart, RunTime, SharedTime, first_message
from paramsched.scheduler._value_block import ValueBlock
from paramsched.time import Calendar
from paramsched.time.calendar import CLOCK_SYNONYMS, CLOCKS

log = logging.getLogger("paramsched")


@final
class ConsumptionSource:
    """Determines the consumption of each update, in the unit of the plan's clock; replaced when a run resumes.

    Consumption that the loop reports is for the next update. It takes precedence over every other source, including an
    engine's count of its batches. If the step is skipped, the next update counts it.

    `in_force` is the plan of the coming update. In a run with a deadline it changes when the horizon is fixed.
    """

    def __init__(self, in_force: ResolvedPlan, clock: Clock, groups: Sequence[Mapping[str, Any]]) -> None:
        assert in_force.amounts is not None
        self.in_force, self._run, self._clock = in_force, in_force.amounts, clock
        self.unit = self._run.clock
        self._is_unknown = isinstance(self._run, UnknownAmounts)
        self._time = self._measured_time() if self.unit == "seconds" and self._is_unknown else None
        self._agreement = RankAgreement(in_force.number, clock.t, groups)
        self._loop_reported = False  # since the last update
        self._of_engine: Amount = 0  # the part of `clock.reported` that an engine measured
        self._set_needs_check()

    def _measured_time(self) -> RunTime:
        """Return the time that this process measures, or that rank 0 measures for all."""
        start, clock, horizon = self.in_force.start, self._clock, self.in_force.resolved.horizon
        assert clock.amount is not None
        messages = start.messages if start is not None else messages_about_time() if several_processes() else None
        if messages is None:
            return OwnTime(clock.t, start, seconds_now, self._fits)
        if start is not None:
            first = first_message(clock.t, clock.amount, start.untimed, start.horizon)
        else:
            first = first_message(clock.t, clock.amount, 0, None)
        until = None if start is not None or horizon is None else float(horizon.terms[0][1])
        of_rank_0 = Rank0Clock(messages, first, start, until, seconds_now, self._fits) if messages.is_sender else None
        return SharedTime(messages, first, of_rank_0)

    def _fits(self, horizon: int) -> bool:
        """Return whether the stages of the plan fit into a horizon; log if they do not."""
        try:
            self.in_force.until(horizon)
        except InvalidArgument as error:
            log.warning("the untimed updates took so long that the horizon of the start remains: %s", error.problem)
            return False
        return True

    def stops_at(self, t: int) -> bool:
        """Return whether update `t` must not begin, because of the deadline."""
        return self._time is not None and self._time.stop is not None and t >= self._time.stop

    def _set_needs_check(self) -> None:
        """Set `clock.needs_check` to True if the consumption of the next update must be checked before that update."""
        clock, planned = self._clock, isinstance(self._run, PlannedAmounts)
        unknown = self._is_unknown and not isinstance(self._time, SharedTime)
        clock.needs_check = (unknown or planned) if clock.reported is None else self._agreement.is_due(clock.t)

    def report(self, amount: Amount) -> None:
        """Add consumption that the loop reports for the next update."""
        clock = self._clock
        clock.reported = amount if clock.reported is None else clock.reported - self._of_engine + amount
        self._loop_reported, self._of_engine = True, 0
        self._set_needs_check()

    def add_measured(self, amount: Amount) -> None:
        """Add consumption that an engine measured for the next update; ignored if the loop reported its own."""
        if self._loop_reported:
            return
        clock = self._clock
        clock.reported = amount if clock.reported is None else clock.reported + amount
        self._of_engine += amount
        self._set_needs_check()

    def check_amount(self) -> None:
        """Check the consumption of the next update before that update.

        Raises:
            MissingFact: the consumption is unknown. Nothing has changed: report it and repeat the step.
            PlanError: the update is planned to consume nothing.
            InvalidArgument: another process reported another amount.
        """
        clock = self._clock
        assert clock.amount is not None
        if clock.reported is not None:
            self._agreement.compare(clock.t, clock.amount + clock.reported, self.unit)
            clock.needs_check = False
        elif isinstance(self._run, PlannedAmounts):
            self._run.require_some(clock.t, clock.amount)
            clock.needs_check = False
        elif self._time is None:
            raise self._missing_amount()
        elif isinstance(self._time, OwnTime) and several_processes():
            raise InvalidArgument(
                f"update {clock.t}",
                "the Scheduler was constructed before the process group, so this process measures its own time",
                "Write dist.init_process_group(…) before ps.Scheduler(…)",
            )

    def coming_times(self, expected: Amount | None, block: ValueBlock) -> UpdateTimes | None:
        """Count an update, and return the times of the updates to compute next.

        Returns None if `block` already contains the values of these updates, because the amount is the expected one.

        Args:
            expected: the amount that the block assumed before the next update; None if the block is exhausted.
            block: the values that were computed in advance.
        """
        clock, t = self._clock, self._clock.t
        amount, before = clock.amount, clock.last_amount
        assert amount is not None
        assert before is not None
        reported, clock.reported = clock.reported, None
        self._loop_reported, self._of_engine = False, 0
        self._set_needs_check()
        if self._time is not None and reported is None:
            amounts = self._time.amounts_from(t, amount, block.next_size())
            self._set_horizon(self._time.horizon)
            return UpdateTimes(np.arange(t, t + amounts.size), amounts)
        if self._time is not None and reported is not None:
            self._time.accept(t, amount + reported)
        if reported is None:
            last, count = UpdateTimes.at(t - 1, amount), block.next_size()
            if not isinstance(self._run, PlannedAmounts):
                return last.following(self._run, count)
            times = last.following(self._run, count + 1)
            assert times.amounts is not None
            empty = np.flatnonzero(np.diff(times.amounts) < 1)  # updates that are planned to consume nothing
            count = int(empty[0]) if empty.size else count
            clock.needs_check = count == 0
            count = max(count, 1)
            return UpdateTimes(times.updates[:count], times.amounts[:count])
        if expected is not None and expected - amount == reported:
            return None
        is_exhausted = expected is None
        # If the previous update consumed as much as this one, the next updates are assumed to do so, too.
        guesses = self._is_unknown and self._time is None and is_exhausted and reported == amount - before
        if not guesses:
            block.drop_coming(next_consumed=not is_exhausted)
        count = block.next_size() if guesses else 1
        if amount + reported * count >= MAX_CONSUMED:
            count = 1
        if count == 1:
            return UpdateTimes.at(t, amount + reported)
        return UpdateTimes(np.arange(t, t + count), amount + reported * np.arange(1, count + 1))

    def _set_horizon(self, horizon: int | None) -> None:
        """Resolve the plan for the horizon of the coming update, if it differs."""
        if horizon != self.in_force.seconds_until_end and horizon is not None:
            self.in_force = self.in_force.until(horizon)
            log.info("the clock of the run starts before update %d; the horizon is %d seconds", self._clock.t, horizon)

    def _missing_amount(self) -> MissingFact:
        error = missing_amounts(self.unit, "")
        return MissingFact(
            f"update {self._clock.t}",
            f"the plan's clock counts {self.unit}, and the number of {self.unit} of this update is unknown",
            f"Write scheduler.consumed({self.unit}=n) before optimizer.step(), or pass {error.fact} to Calendar(…)",
            fact=error.fact,
            example=error.example,
        )


@final
class FollowedAmounts:
    """The consumption of one of several optimizers: that of the run, whose clock counts it once per update.

    Args:
        amounts: the planned amounts of the run.
        run: the clock of the run.
        clock: the clock of the optimizer.
        plan_of_run: returns the plan of the run at present.
        check_run: checks the consumption of the next update of the run; None if no step of the optimizer starts one.
    """

    def __init__(
        self,
        amounts: RunAmounts,
        run: Clock,
        clock: Clock,
        plan_of_run: Callable[[], ResolvedPlan],
        check_run: Callable[[], object] | None = None,
    ) -> None:
        self._amounts, self._run, self._clock, self._check_run = amounts, run, clock, check_run
        self._plan_of_run = plan_of_run
        self.unit = amounts.clock
        clock.reported = 0  # not None, so that the amount after each update is compared with that of the run
        clock.needs_check = check_run is not None

    @property
    def in_force(self) -> ResolvedPlan:
        """The plan of the run at present."""
        return self._plan_of_run()

    def check_amount(self) -> None:
        """Check the consumption of the run, if the next step of the optimizer starts an update."""
        if self._check_run is not None and self._clock.t == self._run.t and self._run.needs_check:
            self._check_run()

    def coming_times(self, expected: Amount | None, block: ValueBlock) -> UpdateTimes | None:
        """Return the times of the updates to compute next; None if the block contains these already."""
        t, run = self._clock.t, self._run
        amount = run.amount if t == run.t else run.last_amount
        if expected is not None and expected == amount:
            return None
        block.drop_coming(next_consumed=expected is not None)
        assert amount is not None
        count = 1 if isinstance(self._amounts, UnknownAmounts) else block.next_size()
        return UpdateTimes(np.arange(t, t + count), self._amounts.amounts_from(t, amount, count))


MAX_CONSUMED = 2**62
"""All amounts must be less than this number, because checkpoints and NumPy store integers in 64 bits."""


def checked_amount(call: str, unit: str | None, given: Mapping[str, Any]) -> Amount:
    """Validate the keyword of a call such as `consumed(tokens=4096)`, and return its amount.

    Args:
        call: the start of the call, for messages.
        unit: the unit of the plan's clock; None for updates.
        given: the keywords of the call.

    >>> checked_amount("scheduler.consumed(", "samples", {"images": 64})
    64
    """
    plain = None if unit is None else given.get(unit)
    if type(plain) is int and len(given) == 1 and 0 <= plain < MAX_CONSUMED:
        return plain if unit != "seconds" else float(plain)  # the fast path, because it runs at every update
    plain_values = {
        name: str(value.item()) if isinstance(value, torch.Tensor) and value.ndim == 0 else shown(value)
        for name, value in given.items()
    }
    site = f"{call}{', '.join(f'{name}={value}' for name, value in plain_values.items())})"
    if unit is None:
        name = next((name for name in given if CLOCK_SYNONYMS.get(name, name) in CLOCKS), "tokens")
        raise InvalidArgument(site, "the plan's clock counts updates", f'Write ps.Plan(…, clock="{name}")')
    instead = f"Write {call}{unit}={0.25 if unit == 'seconds' else 4096})"
    if len(given) != 1:
        raise InvalidArgument(site, f"the plan's clock counts {unit}: expected one keyword, got {len(given)}", instead)
    ((name, value),) = given.items()
    if CLOCK_SYNONYMS.get(name, name) != unit:
        raise InvalidArgument(site, f"the plan's clock counts {unit}", instead)
    amount = _as_number(value)
    if amount is None or not 0 <= amount < MAX_CONSUMED:
        if amount is not None and amount < 0:
            raise InvalidArgument(site, "an amount must not be negative", instead)
        kind = "a number of seconds" if unit == "seconds" else f"an integer number of {unit}"
        raise InvalidArgument(site, f"expected {kind}, at least 0 and below 2**62", instead)
    if unit == "seconds":
        return float(amount)
    if amount != int(amount):
        raise InvalidArgument(site, f"the number of {unit} must be an integer", instead)
    return int(amount)


def _as_number(value: Any) -> Amount | None:
    """Convert a number, or a tensor without dimensions, to a Python number; None for any other value."""
    if isinstance(value, torch.Tensor):
        if value.ndim != 0 or value.dtype == torch.bool or value.is_complex():
            return None
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    if isinstance(value, Integral):
        return int(value)
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def seconds_now() -> float:
    """Return the time of a monotonic clock, in seconds."""
    return time.monotonic()


def messages_about_time() -> RankMessages:
    """Return the messages in which rank 0 sends the time of a run, from its start on."""
    return RankMessages("the time of the run")


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
    start = RunStart(at.t, position[1], left, untimed, now, messages)
    if left <= 0 or start.horizon < 1:
        raise InvalidArgument(site, f"the deadline is over: {left:.1f} seconds are left", "Write a later deadline")
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


def resume_position(in_force: ResolvedPlan, found: RunPosition, whose: str, clock: Clock | None = None) -> RunPosition:
    """Return the position of a run that resumes with a plan.

    Args:
        in_force: the plan.
        found: the position in the checkpoint; its amounts are None if the checkpoint has none on the plan's clock.
        whose: the name of the checkpoint, for messages.
        clock: the current clock, whose amount is used if it is at the same update.
    """
    unit = in_force.unit
    if unit is None:
        return RunPosition(found.t)
    if found.amount is not None:
        return found
    if clock is not None and clock.t == found.t and clock.amount is not None:
        return RunPosition(found.t, clock.amount)
    try:
        return RunPosition(found.t, in_force.amount_at(found.t))
    except MissingFact:
        raise StateError(
            f"{whose} is at update {found.t} and carries no amount of {unit}, which the plan's clock counts; the "
            f"number of {unit} cannot be derived. Write ps.Scheduler(optimizer, plan) on an optimizer without a count, "
            f"then scheduler.seek({found.t}, {unit}=n), then load the checkpoint"
        ) from None
