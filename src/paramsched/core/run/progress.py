"""The position of a run on the clock of progress, which its loop reports."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, final

from paramsched.core.plan.run_amounts import Amount, example_of_size, missing_progress
from paramsched.core.run.block import ValueBlock
from paramsched.core.run.comparisons import AmountComparison
from paramsched.core.run.consumption import as_number, call_text, checked_amount, refuse_metrics
from paramsched.core.run.messages import Processes
from paramsched.core.run.run_state import Clock, ResolvedPlan, UpdateTimes
from paramsched.core.time.amounts import PROGRESS, rounded_progress
from paramsched.errors import InvalidArgument, shown


@final
class ProgressSource:
    """Determines the progress before each update: the last reported one. A resume replaces this object.

    A new run has no position until its first report. A resumed run has that of its checkpoint.
    """

    unit = PROGRESS

    def __init__(
        self, in_force: ResolvedPlan, clock: Clock, groups: Sequence[Mapping[str, Any]], processes: Processes
    ) -> None:
        self.in_force, self._clock, self._processes = in_force, clock, processes
        self._agreement = AmountComparison(in_force.number, clock.t, groups, self._processes)
        self._is_known = clock.t > 0 or bool(clock.amount) or clock.restored_from is not None
        clock.reported = None  # a progress is a position, and no update counts it
        self._set_needs_check()

    def _set_needs_check(self) -> None:
        self._clock.needs_check = not self._is_known or self._agreement.is_due(self._clock.t)

    def note_report(self) -> None:
        """Note that the progress of the next update is known."""
        self._is_known = True
        self._set_needs_check()

    def check_amount(self) -> None:
        """Check the progress of the next update before that update.

        Raises:
            MissingFact: it was not reported in a new run. Nothing has changed: report it and repeat the step.
            InvalidArgument: another process reported another progress.
        """
        clock = self._clock
        assert clock.amount is not None
        if not self._is_known:
            raise missing_progress(f"update {clock.t}")
        self._agreement.compare(clock.t, clock.amount, PROGRESS)
        clock.needs_check = False

    def coming_times(self, expected: Amount | None, block: ValueBlock) -> UpdateTimes:
        """Count an update, and return the times of the updates to compute next: all have the last progress."""
        del expected
        clock, count = self._clock, block.next_size(self._clock.t)
        assert clock.amount is not None
        if self._processes.several:  # the block ends before the next comparison
            count = min(count, self._agreement.updates_until_due(clock.t))
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
