"""How much each update consumes."""

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import isfinite
from numbers import Integral, Real
from typing import Any, final

import numpy as np
import torch
import torch.distributed as dist

from paramsched.errors import InvalidArgument, MissingFact, StateError, shown
from paramsched.plan.run_amounts import Amount, PlannedAmounts, UntoldAmounts, missing_amounts
from paramsched.scheduler._clock import Clock, ResolvedPlan, RunPosition, UpdateTimes
from paramsched.scheduler._value_block import ValueBlock
from paramsched.time.calendar import CLOCK_SYNONYMS, CLOCKS

log = logging.getLogger("paramsched")


@final
class ConsumptionSource:
    """What the updates of one run consume, on the clock of its plan. Made anew where a run begins or is loaded.

    What the loop says is for the coming update, and beats the other sources, an engine's count of its batches too. It
    is counted by the next update that counts: a step that was skipped leaves it where it is.
    """

    def __init__(self, in_force: ResolvedPlan, clock: Clock, groups: Sequence[Mapping[str, Any]]) -> None:
        assert in_force.amounts is not None
        self._run, self._clock = in_force.amounts, clock
        self.unit = self._run.clock
        self._is_untold = isinstance(self._run, UntoldAmounts)
        self._watch = Stopwatch() if self.unit == "seconds" else None
        self._agreement = RankAgreement(in_force.number, clock.t, groups)
        self._loop_said = False  # since the last update
        self._of_engine: Amount = 0  # what an engine said since then: a part of `clock.said`
        self._look_again()

    def _look_again(self) -> None:
        """Whether the coming update has to be looked at before it."""
        clock, planned = self._clock, isinstance(self._run, PlannedAmounts)
        clock.unsettled = (self._is_untold or planned) if clock.said is None else self._agreement.is_due(clock.t)

    def say(self, amount: Amount) -> None:
        """The loop says what the coming update consumes, or a part of it."""
        clock = self._clock
        clock.said = amount if clock.said is None else clock.said - self._of_engine + amount
        self._loop_said, self._of_engine = True, 0
        self._look_again()

    def count(self, amount: Amount) -> None:
        """An engine says it. Nothing, where the loop said it itself."""
        if self._loop_said:
            return
        clock = self._clock
        clock.said = amount if clock.said is None else clock.said + amount
        self._of_engine += amount
        self._look_again()

    def settle(self) -> None:
        """Look at the amount of the coming update before it is taken.

        Raises:
            MissingFact: nothing says it. Nothing has changed; the step may be taken again when it was said.
            PlanError: it is planned to take nothing.
            InvalidArgument: another process has said another amount.
        """
        clock = self._clock
        assert clock.amount is not None
        if clock.said is not None:
            self._agreement.compare(clock.t, clock.amount + clock.said, self.unit)
            clock.unsettled = False
        elif isinstance(self._run, PlannedAmounts):
            self._run.require_some(clock.t, clock.amount)
            clock.unsettled = False
        elif self._watch is None:
            raise self._nothing_said("nothing says how many this update takes", f"{self.unit}=n")
        elif several_processes():
            found = "each process would measure others, and they have to agree"
            raise self._nothing_said(found, "seconds=s") from None

    def coming_times(self, expected: Amount | None, block: ValueBlock) -> UpdateTimes | None:
        """An update has been taken: the times of the updates that are computed next.

        None where the block has them already: the amount that it expected, `expected`, is the one that was consumed.
        """
        clock, t = self._clock, self._clock.t
        amount, before = clock.amount, clock.last_amount
        assert amount is not None
        assert before is not None
        said, clock.said = clock.said, None
        self._loop_said, self._of_engine = False, 0
        if self._watch is not None:
            measured = self._watch.lap()  # from here on the next update is measured, also where the loop said this one
            said = measured if said is None and self._is_untold else said
        clock.unsettled = self._is_untold
        if said is None:
            last, count = UpdateTimes.at(t - 1, amount), block.next_size()
            if not isinstance(self._run, PlannedAmounts):
                return last.following(self._run, count)
            times = last.following(self._run, count + 1)
            assert times.amounts is not None
            nothing = np.flatnonzero(np.diff(times.amounts) < 1)  # up to an update that is planned to take nothing
            count = int(nothing[0]) if nothing.size else count
            clock.unsettled = count == 0
            count = max(count, 1)
            return UpdateTimes(times.updates[:count], times.amounts[:count])
        if expected is not None and expected - amount == said:
            return None
        block_is_used_up = expected is None
        # The next updates are guessed to consume as much as this one, where the one before it did too.
        guesses = self._is_untold and block_is_used_up and said == amount - before
        if not guesses:
            block.drop_coming(known_bounds=not block_is_used_up)
        count = block.next_size() if guesses else 1
        if amount + said * count >= MOST_CONSUMED:
            count = 1
        if count == 1:
            return UpdateTimes.at(t, amount + said)
        return UpdateTimes(np.arange(t, t + count), amount + said * np.arange(1, count + 1))

    def _nothing_said(self, found: str, said: str) -> MissingFact:
        error = missing_amounts(self.unit, "")
        return MissingFact(
            f"update {self._clock.t}",
            f"the plan's clock counts {self.unit}, and {found}",
            f"Write scheduler.consumed({said}) before optimizer.step(), or give Calendar(…) {error.fact}",
            fact=error.fact,
            example=error.example,
        )


MOST_CONSUMED = 2**62
"""Amounts are below it: they fit where a checkpoint keeps integers in 64 bits, and NumPy counts on."""


def checked_amount(call: str, unit: str | None, given: Mapping[str, Any]) -> Amount:
    """The amount of a call such as `consumed(tokens=4096)`.

    Args:
        unit: what the plan's clock counts; None for updates.

    >>> checked_amount("scheduler.consumed(", "samples", {"images": 64})
    64
    """
    plain = None if unit is None else given.get(unit)
    if type(plain) is int and len(given) == 1 and 0 <= plain < MOST_CONSUMED:
        return plain if unit != "seconds" else float(plain)  # said at every update: ahead of all that takes time
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
        raise InvalidArgument(site, f"the plan's clock counts {unit}, and one number says how many", instead)
    ((name, value),) = given.items()
    if CLOCK_SYNONYMS.get(name, name) != unit:
        raise InvalidArgument(site, f"the plan's clock counts {unit}", instead)
    amount = _number_of(value)
    if amount is None or not 0 <= amount < MOST_CONSUMED:
        if amount is not None and amount < 0:
            raise InvalidArgument(site, "below 0, and an amount does not go back", instead)
        kind = "number of seconds from 0 on" if unit == "seconds" else f"whole number of {unit} from 0 on"
        raise InvalidArgument(site, f"not a {kind}", instead)
    if unit == "seconds":
        return float(amount)
    if amount != int(amount):
        raise InvalidArgument(site, f"a fraction of {unit}", instead)
    return int(amount)


def _number_of(value: Any) -> Amount | None:
    """A number, or what a tensor holds, as Python has it."""
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
    """The time on a clock that never goes back."""
    return time.monotonic()


@final
class Stopwatch:
    """Measures from update to update; the first from when it was made."""

    def __init__(self) -> None:
        self._since = seconds_now()

    def lap(self) -> float:
        now = seconds_now()
        since, self._since = self._since, now
        return now - since


_EVERY = 64  # updates; what was said wrong once is in all later amounts, so it is seen at the next look
_PATIENCE = timedelta(seconds=1)  # before a process is refused, which ends its run
_FIRST = 2  # updates behind a beginning, a load or a seek: most mistakes show there


def several_processes() -> bool:
    """Whether this process trains together with others."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


@final
class RankAgreement:
    """Looks now and then whether the other processes had consumed as much before the same update.

    Nobody waits for anybody: whoever comes first leaves its amount in the store that the processes met in, and the
    others compare theirs. A collective operation would hang where one process skips an update, saves alone, or has no
    Scheduler at all.

    Only Schedulers of one plan are compared, of optimizers with as many parameters. Several of these in a process are
    distinguished by their order. A process may have one more than another (a dry run on rank 0): before a process is
    refused, it looks whether the other has begun a further one that it agrees with.

    Args:
        number: of the plan.
        begin: the update from which on amounts are said.
        groups: of the optimizer.
    """

    def __init__(self, number: int, begin: int, groups: Sequence[Mapping[str, Any]]) -> None:
        self._number, self._begin, self._groups = number, begin, groups
        self._kind: str | None = None  # what Schedulers that are compared share; asked for at the first look
        self._order = 0  # among those of this process, from 1 on
        self._compared_at = -1

    def is_due(self, t: int) -> bool:
        """Whether to look before update `t`."""
        if t == self._compared_at or not (t - self._begin < _FIRST or t % _EVERY == 0):
            return False
        return several_processes()

    def compare(self, t: int, amount: Amount, clock: str) -> None:
        """Compare what has been consumed when update `t` is taken."""
        if not self.is_due(t):  # another amount was said for the same update: it was skipped
            return
        store = dist.distributed_c10d._get_default_store()  # torch has no public way to it
        rank = dist.get_rank()
        self._compared_at = t
        if self._kind is None:
            self._kind = f"paramsched/{self._number}/{sum(len(group.get('params', ())) for group in self._groups)}"
            self._begin_next(store, rank)
        while True:
            first = store.compare_set(f"{self._kind}/{self._order}/{t}", "", f"{rank} {amount!r}").decode()
            other, _, theirs = first.partition(" ")
            if theirs == repr(amount):
                return
            try:  # it may be about to begin another one
                store.wait([f"{self._kind}/begun by {other}/{self._order + 1}"], _PATIENCE)
            except RuntimeError:  # it has not come in this time
                raise InvalidArgument(
                    f"scheduler.consumed({clock}=…) before update {t}",
                    f"with it rank {rank} has consumed {amount} {clock}, and rank {other} {theirs}",
                    f"Say the number of all processes together, the same in each: the sum of their {clock}. If one of "
                    "the two Schedulers is only tried out, make it on every rank, or before init_process_group",
                ) from None
            log.warning(
                "before update %d rank %d has consumed %r %s, and rank %s %s in a Scheduler of the same plan. Rank %s "
                "has begun another one since, which is compared instead", t, rank, amount, clock, other, theirs, other,
            )  # fmt: skip
            self._begin_next(store, rank)

    def _begin_next(self, store: Any, rank: int) -> None:
        self._order = store.add(f"{self._kind}/begun by {rank}", 1)
        store.set(f"{self._kind}/begun by {rank}/{self._order}", "yes")


def standing_in(in_force: ResolvedPlan, found: RunPosition, whose: str, clock: Clock | None = None) -> RunPosition:
    """Where a run stands that goes on with a plan.

    Args:
        found: as it was carried; its amounts are None where they are of another clock, or of none.
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
            f"{whose} is at update {found.t} and carries no amount of {unit}, which the plan's clock counts; nothing "
            f"else says how many {unit} it took. Write ps.Scheduler(optimizer, plan) on an optimizer without a count, "
            f"then scheduler.seek({found.t}, {unit}=n), and load it then"
        ) from None
