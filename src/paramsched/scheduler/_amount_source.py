"""How much each update consumes: what the loop says, else what is planned, else what a watch measures."""

from typing import final

import numpy as np

from paramsched.errors import MissingFact
from paramsched.plan.run_amounts import Amount, UntoldAmounts, missing_amounts
from paramsched.plan.run_sizes import PlannedAmounts
from paramsched.scheduler._clock import Clock
from paramsched.scheduler._plan_in_force import PlanInForce
from paramsched.scheduler._rank_agreement import RankAgreement, several_processes
from paramsched.scheduler._stopwatch import Stopwatch
from paramsched.scheduler._update_times import UpdateTimes
from paramsched.scheduler._value_block import ValueBlock
from paramsched.scheduler.told_amounts import MOST_CONSUMED


@final
class AmountSource:
    """What the updates of one run consume, on the clock of its plan. Made anew where a run begins or is loaded.

    What the loop says is for the coming update, and beats the other sources, an engine's count of its batches too. It
    is counted by the next update that counts: a step that was skipped leaves it where it is.
    """

    def __init__(self, in_force: PlanInForce, clock: Clock) -> None:
        assert in_force.amounts is not None
        self._run, self._clock = in_force.amounts, clock
        self.unit = self._run.clock
        self._is_untold = isinstance(self._run, UntoldAmounts)
        self._watch = Stopwatch() if self.unit == "seconds" else None
        self._agreement = RankAgreement(in_force.number, clock.t)
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
            return self._planned_times(UpdateTimes.at(t - 1, amount), block.next_size())
        if expected is not None and expected - amount == said:
            return None
        block_is_used_up = expected is None
        # The next updates are guessed to consume as much as this one, where the one before it did too.
        guesses = self._is_untold and block_is_used_up and said == amount - before
        if not guesses:
            block.drop_coming(looked_at=not block_is_used_up)
        count = block.next_size() if guesses else 1
        if amount + said * count >= MOST_CONSUMED:
            count = 1
        if count == 1:
            return UpdateTimes.at(t, amount + said)
        return UpdateTimes(np.arange(t, t + count), amount + said * np.arange(1, count + 1))

    def _planned_times(self, last: UpdateTimes, count: int) -> UpdateTimes:
        """The updates behind the last, up to one that is planned to take nothing, which is refused before it."""
        if not isinstance(self._run, PlannedAmounts):
            return last.following(self._run, count)
        times = last.following(self._run, count + 1)
        assert times.amounts is not None
        nothing = np.flatnonzero(np.diff(times.amounts) < 1)
        count = int(nothing[0]) if nothing.size else count
        self._clock.unsettled = count == 0
        count = max(count, 1)
        return UpdateTimes(times.updates[:count], times.amounts[:count])

    def _nothing_said(self, found: str, said: str) -> MissingFact:
        error = missing_amounts(self.unit, "")
        return MissingFact(
            f"update {self._clock.t}",
            f"the plan's clock counts {self.unit}, and {found}",
            f"Write scheduler.consumed({said}) before optimizer.step(), or give Calendar(…) {error.fact}",
            fact=error.fact,
            example=error.example,
        )
