"""The consumption of each update on a clock of amounts, and reported progress."""

import logging
from bisect import bisect_left
from collections.abc import Mapping
from functools import partial
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any, final

import numpy as np
import torch

from paramsched.core.plan.lines import UpdateTimes
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import (
    MAX_CONSUMED,
    Amount,
    PlannedAmounts,
    UnknownAmounts,
    example_of_size,
    missing_amounts,
    missing_progress,
)
from paramsched.core.run.block import ValueBlock
from paramsched.core.run.state import Clock
from paramsched.core.time.amounts import PROGRESS, rounded_progress
from paramsched.core.time.run_facts import CLOCK_SYNONYMS, CLOCKS, meant_clock
from paramsched.errors import InvalidArgument, MissingFact, shown

log = logging.getLogger("paramsched")

_COUNTER_ARGUMENTS = {
    "tokens": "tokens_per_sample=1024",
    "frames": "amount_of=lambda batch: batch.num_frames",
}
"""The arguments with which engines count a unit; they count samples and batches without one."""


@final
class ConsumptionSource:
    """Determines the consumption of each update, in the unit of the plan's clock; replaced when a run resumes.

    Consumption that the loop reports is for the next update. It takes precedence over every other source, including an
    engine's count of its batches. If the step is skipped, the next update counts it.

    `counted_by` is the call that counts the batches of an engine, as in `PlanSource`; "" without an engine.
    """

    def __init__(
        self,
        in_force: ResolvedPlan,
        clock: Clock,
        counted_by: str = "",
    ) -> None:
        assert in_force.amounts is not None
        self.in_force, self._run, self._clock = in_force, in_force.amounts, clock
        self.unit, self._counted_by = self._run.clock, counted_by
        self._is_unknown = isinstance(self._run, UnknownAmounts)  # here, because it takes long for an abstract type
        self._is_planned = isinstance(self._run, PlannedAmounts)
        self._set_needs_check()

    def _set_needs_check(self) -> None:
        """Set `clock.needs_check` to True if the consumption of the next update must be checked before that update."""
        clock = self._clock
        clock.needs_check = clock.reported is None and (self._is_planned or self._is_unknown)

    def checked(self, call: str, given: Mapping[str, Any]) -> Amount:
        """Validate the keyword of a call, such as `scheduler.consumed(`, and return the amount."""
        return checked_amount(call, self.unit, given)

    def report(self, amount: Amount) -> None:
        """Add consumption that the loop reports for the next update."""
        clock = self._clock
        before = None if clock.is_measured else clock.reported
        clock.reported, clock.is_measured = (before or 0) + amount, False
        self._set_needs_check()

    def add_measured(self, amount: Amount) -> None:
        """Add consumption that an engine measured for the next update; ignored if the loop reported its own."""
        clock = self._clock
        if clock.reported is None or clock.is_measured:
            clock.reported, clock.is_measured = (clock.reported or 0) + amount, True
            self._set_needs_check()

    def check_amount(self) -> None:
        """Check the consumption of the next update before that update.

        Raises:
            MissingFact: the consumption is unknown. Nothing has changed: report it and repeat the step.
            PlanError: the update is planned to consume nothing.
        """
        clock = self._clock
        assert clock.amount is not None
        if clock.reported is not None:
            clock.needs_check = False
        elif isinstance(self._run, PlannedAmounts):
            self._run.require_some(clock.t, clock.amount)
            clock.needs_check = False
        else:
            error = missing_amounts(self.unit, "")
            call = f"scheduler.consumed({self.unit}=n)"
            instead = f"Call {call} before optimizer.step(), or write ps.Scheduler(…, {error.fact}={error.example})"
            if self._counted_by:
                counted = self._counted_by.format(_COUNTER_ARGUMENTS.get(self.unit, ""))
                instead = f"For example: {counted.replace(', )', ')')}"
            raise MissingFact(
                f"update {clock.t}",
                f"the plan's clock counts {self.unit}, and the number of {self.unit} of this update is unknown",
                instead,
                fact=error.fact,
                example=error.example,
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
        clock.is_measured = False
        self._set_needs_check()
        if reported is None:
            count = block.next_size(t)
            amounts = self._run.amounts_from(t - 1, amount, count + 1 + self._is_planned)[1:]
            if self._is_planned:
                empty = np.flatnonzero(np.diff(amounts) < 1)  # updates that are planned to consume nothing
                count = int(empty[0]) if empty.size else count
                clock.needs_check = count == 0
                count = max(count, 1)
            return UpdateTimes(t, amounts[:count], count)
        if expected is not None and expected - amount == reported:
            return None
        is_exhausted = expected is None
        # If the previous update consumed as much as this one, the next updates are assumed to do so, too.
        guesses = is_exhausted and reported == amount - before and self._is_unknown
        if not guesses:
            block.drop_coming(next_consumed=not is_exhausted)
        count = block.next_size(t) if guesses else 1
        if count == 1 or amount + reported * count >= MAX_CONSUMED:
            return UpdateTimes(t, amount + reported)
        ends = partial(self._is_over_after, t, amount, reported)
        if not ends(0):
            count = bisect_left(range(count), True, key=ends)  # the next block starts at the end of the plan
        elif not clock.told_of_end:
            count = 1  # the next block starts at the first update after it
        return UpdateTimes(t, amount + reported * np.arange(1, count + 1), count)

    def _is_over_after(self, t: int, amount: Amount, each: Amount, count: int) -> bool:
        """Return whether the plan is over `count` updates after update `t`, if it and these consume `each`."""
        return self.in_force.is_over_at(t + count, amount + each * (count + 1))


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
    if type(plain) is int and len(given) == 1 and 0 <= plain < MAX_CONSUMED and unit != PROGRESS:
        return plain if unit != "seconds" else float(plain)  # the fast path, because it runs at every update
    site = call_text(call, given)
    refuse_metrics(call, given)
    if unit is None:
        name = next((name for name in given if CLOCK_SYNONYMS.get(name, name) in CLOCKS), "tokens")
        raise InvalidArgument(site, "the plan's clock counts updates", f'Use ps.Plan(…, clock="{name}")')
    if unit == PROGRESS:
        found = "the plan's clock is the progress of the run, which no update consumes"
        raise InvalidArgument(site, found, "For example: scheduler.report(progress=0.37)")
    instead = f"For example: {call}{unit}={example_of_size(unit)})"
    if len(given) != 1:
        raise InvalidArgument(site, f"the plan's clock counts {unit}: expected one keyword, got {len(given)}", instead)
    ((name, value),) = given.items()
    if CLOCK_SYNONYMS.get(name, name) != unit:
        raise InvalidArgument(site, f"the plan's clock counts {unit}", instead)
    amount = as_number(value)
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


def refuse_metrics(call: str, given: Mapping[str, Any]) -> None:
    """Raise an error if the keywords of a call such as `report(val_loss=0.3)` are metrics, which `observe` takes.

    >>> refuse_metrics("scheduler.consumed(", {"tokens": 4096})
    """
    metrics = [name for name in given if meant_clock(name) is None]
    if metrics and len(metrics) == len(given):
        found = f"expected an amount, got the metric{'s' * (len(metrics) > 1)} {' and '.join(metrics)}"
        raise InvalidArgument(call_text(call, given), found, f"For example: {call_text('scheduler.observe(', given)}")


def call_text(call: str, given: Mapping[str, Any]) -> str:
    """Return the text of a call with its keywords, for messages."""
    values = {
        name: str(value.item()) if isinstance(value, torch.Tensor) and value.ndim == 0 else shown(value)
        for name, value in given.items()
    }
    return f"{call}{', '.join(f'{name}={value}' for name, value in values.items())})"


def as_number(value: Any) -> Amount | None:
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


@final
class ProgressSource:
    """Determines the progress before each update: the last reported one. A resume replaces this object.

    A new run has no position until its first report. A resumed run has that of its checkpoint.
    """

    unit = PROGRESS

    def __init__(self, in_force: ResolvedPlan, clock: Clock) -> None:
        self.in_force, self._clock = in_force, clock
        self._is_known = clock.t > 0 or bool(clock.amount) or clock.restored_from is not None
        clock.reported = None  # a progress is a position, and no update counts it
        self._set_needs_check()

    def _set_needs_check(self) -> None:
        self._clock.needs_check = not self._is_known

    def note_report(self) -> None:
        """Note that the progress of the next update is known."""
        self._is_known = True
        self._set_needs_check()

    def check_amount(self) -> None:
        """Check the progress of the next update before that update.

        Raises:
            MissingFact: it was not reported in a new run. Nothing has changed: report it and repeat the step.
        """
        clock = self._clock
        assert clock.amount is not None
        if not self._is_known:
            raise missing_progress(f"update {clock.t}")
        clock.needs_check = False

    def coming_times(self, expected: Amount | None, block: ValueBlock) -> UpdateTimes:
        """Count an update, and return the times of the updates to compute next: all have the last progress."""
        del expected
        clock, count = self._clock, block.next_size(self._clock.t)
        assert clock.amount is not None
        self._set_needs_check()
        return UpdateTimes(clock.t, clock.amount, count)

    @staticmethod
    def checked(given: Mapping[str, Any]) -> float:
        """Validate the keyword of `scheduler.report`; return the progress, which may be more than 1."""
        return checked_progress("scheduler.report(", PROGRESS, given, most=inf)


def checked_progress(call: str, unit: str | None, given: Mapping[str, Any], most: float = 1.0) -> float:
    """Validate the keyword of a call such as `report(progress=0.37)`; return the progress in whole billionths.

    Args:
        call: the start of the call, for messages.
        unit: the unit of the plan's clock; None for updates.
        given: the keywords of the call.
        most: the largest valid number.

    >>> checked_progress("scheduler.report(", "progress", {"progress": 1 / 3})
    0.333333333
    """
    value = given.get(PROGRESS)
    if type(value) is float and len(given) == 1 and 0 <= value <= 1 and unit == PROGRESS:
        return rounded_progress(value)
    site = call_text(call, given)
    refuse_metrics(call, given)
    if unit is None and given and PROGRESS not in given:
        checked_amount(call, unit, given)  # raises
    if unit is None:
        raise InvalidArgument(site, "the plan's clock counts updates", 'Use ps.Plan(…, clock="progress")')
    if unit != PROGRESS:
        instead = f"For example: scheduler.consumed({unit}={example_of_size(unit)})"
        raise InvalidArgument(site, f"the plan's clock counts {unit}", instead)
    number = as_number(value)
    if list(given) != [PROGRESS] or number is None or not 0 <= number <= most:
        got = f"progress={shown(value)}" if list(given) == [PROGRESS] else " and ".join(given) or "no keyword"
        found = f"expected the fraction of the run that is done, from 0 to 1, got {got}"
        raise InvalidArgument(site, found, f"For example: {call}progress=0.37)")
    return rounded_progress(float(min(number, 2)))  # an integer may be too large for a float
