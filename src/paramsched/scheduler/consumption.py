"""The consumption of each update, and its sources."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from math import isfinite
from numbers import Integral, Real
from typing import Any, final

import numpy as np
import torch
import torch.distributed as dist

from paramsched.errors import InvalidArgument, MissingFact, StateError, shown
from paramsched.plan.run_amounts import Amount, PlannedAmounts, RunAmounts, UnknownAmounts, missing_amounts
from paramsched.scheduler._clock import Clock, ResolvedPlan, RunPosition, UpdateTimes
from paramsched.scheduler._value_block import ValueBlock
from paramsched.time.calendar import CLOCK_SYNONYMS, CLOCKS

log = logging.getLogger("paramsched")


@final
class ConsumptionSource:
    """Determines the consumption of each update, in the unit of the plan's clock; replaced when a run resumes.

    Consumption that the loop reports is for the next update. It takes precedence over every other source, including an
    engine's count of its batches. If the step is skipped, the next update counts it.
    """

    def __init__(self, in_force: ResolvedPlan, clock: Clock, groups: Sequence[Mapping[str, Any]]) -> None:
        assert in_force.amounts is not None
        self._run, self._clock = in_force.amounts, clock
        self.unit = self._run.clock
        self._is_unknown = isinstance(self._run, UnknownAmounts)
        self._watch = Stopwatch() if self.unit == "seconds" else None
        self._agreement = RankAgreement(in_force.number, clock.t, groups)
        self._loop_reported = False  # since the last update
        self._of_engine: Amount = 0  # the part of `clock.reported` that an engine measured
        self._set_needs_check()

    def _set_needs_check(self) -> None:
        """Set `clock.needs_check` to True if the consumption of the next update must be checked before that update."""
        clock, planned = self._clock, isinstance(self._run, PlannedAmounts)
        clock.needs_check = (self._is_unknown or planned) if clock.reported is None else self._agreement.is_due(clock.t)

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
        elif self._watch is None:
            raise self._missing_amount(f"the number of {self.unit} of this update is unknown", f"{self.unit}=n")
        elif several_processes():
            found = "each process would measure another number, but all processes must agree"
            raise self._missing_amount(found, "seconds=s") from None

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
        if self._watch is not None:
            measured = self._watch.lap()  # starts measuring the next update, even if this one was reported
            reported = measured if reported is None and self._is_unknown else reported
        clock.needs_check = self._is_unknown
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
        guesses = self._is_unknown and is_exhausted and reported == amount - before
        if not guesses:
            block.drop_coming(next_consumed=not is_exhausted)
        count = block.next_size() if guesses else 1
        if amount + reported * count >= MAX_CONSUMED:
            count = 1
        if count == 1:
            return UpdateTimes.at(t, amount + reported)
        return UpdateTimes(np.arange(t, t + count), amount + reported * np.arange(1, count + 1))

    def _missing_amount(self, found: str, reported: str) -> MissingFact:
        error = missing_amounts(self.unit, "")
        return MissingFact(
            f"update {self._clock.t}",
            f"the plan's clock counts {self.unit}, and {found}",
            f"Write scheduler.consumed({reported}) before optimizer.step(), or pass {error.fact} to Calendar(…)",
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
        check_run: checks the consumption of the next update of the run; None if no step of the optimizer starts one.
    """

    def __init__(
        self, amounts: RunAmounts, run: Clock, clock: Clock, check_run: Callable[[], object] | None = None
    ) -> None:
        self._amounts, self._run, self._clock, self._check_run = amounts, run, clock, check_run
        self.unit = amounts.clock
        clock.reported = 0  # not None, so that the amount after each update is compared with that of the run
        clock.needs_check = check_run is not None

    def check_amount(self) -> None:
        """Check the consumption of the run, if the next step of the optimizer starts an update."""
        if self._check_run is not None and self._clock.t == self._run.t:
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


@final
class Stopwatch:
    """Measures the seconds between updates; the first interval starts at construction."""

    def __init__(self) -> None:
        self._since = seconds_now()

    def lap(self) -> float:
        now = seconds_now()
        since, self._since = self._since, now
        return now - since


_INTERVAL = 64  # updates between comparisons; a wrong amount remains in later ones, so the next comparison detects it
_TIMEOUT = timedelta(seconds=1)  # how long a process waits before it raises
_INITIAL_UPDATES = 2  # compared after a start, a load or a seek, when most mistakes occur


def several_processes() -> bool:
    """Return whether several processes train together."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


@final
class RankAgreement:
    """Checks at some updates whether all processes have consumed the same amount.

    The processes do not wait for each other: the first process writes its amount into torch's store, which all of them
    share, and the other processes compare theirs. A collective operation would block if a process skips an update,
    saves alone, or has no Scheduler.

    Only Schedulers with the same plan, of optimizers with the same number of parameters, are compared. If a process has
    several such Schedulers, they are distinguished by their order. A process may have one Scheduler more than another
    process, for example for a dry run on rank 0. Therefore, before it raises, a process checks whether the other
    process has started another Scheduler that agrees with its own.

    Args:
        number: the number that identifies the plan.
        start: the update from which on amounts are compared.
        groups: the groups of the optimizer.
    """

    def __init__(self, number: int, start: int, groups: Sequence[Mapping[str, Any]]) -> None:
        self._number, self._start, self._groups = number, start, groups
        self._kind: str | None = None  # identifies the Schedulers that are compared; set at the first comparison
        self._order = 0  # the index among these Schedulers of this process, starting at 1
        self._compared_at = -1

    def is_due(self, t: int) -> bool:
        """Return whether amounts are compared before update `t`."""
        if t == self._compared_at or not (t - self._start < _INITIAL_UPDATES or t % _INTERVAL == 0):
            return False
        return several_processes()

    def compare(self, t: int, amount: Amount, clock: str) -> None:
        """Compare the amount consumed before update `t` with that of the other processes."""
        if not self.is_due(t):  # the update was skipped and got another report
            return
        store = dist.distributed_c10d._get_default_store()  # torch has no public function for it
        rank = dist.get_rank()
        self._compared_at = t
        if self._kind is None:
            self._kind = f"paramsched/{self._number}/{sum(len(group.get('params', ())) for group in self._groups)}"
            self._start_next(store, rank)
        while True:
            first = store.compare_set(f"{self._kind}/{self._order}/{t}", "", f"{rank} {amount!r}").decode()
            other, _, theirs = first.partition(" ")
            if theirs == repr(amount):
                return
            try:  # the other process may be about to start another Scheduler
                store.wait([f"{self._kind}/begun by {other}/{self._order + 1}"], _TIMEOUT)
            except RuntimeError:  # it did not start one before the timeout
                raise InvalidArgument(
                    f"scheduler.consumed({clock}=…) before update {t}",
                    f"rank {rank} would then have consumed {amount} {clock}, but rank {other} {theirs}",
                    f"Pass the same number in each process: the sum of the {clock} of all processes. If one of the two "
                    "Schedulers is only for a dry run, construct it on every rank, or before init_process_group",
                ) from None
            log.warning(
                "before update %d rank %d has consumed %r %s, but rank %s %s in a Scheduler with the same plan. Rank "
                "%s has started another one since, which is compared instead",
                t, rank, amount, clock, other, theirs, other,
            )  # fmt: skip
            self._start_next(store, rank)

    def _start_next(self, store: Any, rank: int) -> None:
        self._order = store.add(f"{self._kind}/begun by {rank}", 1)
        store.set(f"{self._kind}/begun by {rank}/{self._order}", "yes")


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
