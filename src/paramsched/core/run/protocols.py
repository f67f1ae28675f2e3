"""The calls that reach what a run may have besides one plan: consumption, and the comparison with other processes."""

from typing import Protocol

from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.block import ValueBlock
from paramsched.core.run.run_state import ResolvedPlan, RuleStates, UpdateTimes


class Consumption(Protocol):
    """Determines the consumption of each update, in the unit of the plan's clock; replaced when a run resumes."""

    @property
    def unit(self) -> str:
        """The unit of the clock."""

    def check_amount(self) -> None:
        """Check the consumption of the next update before that update; raise if it is unknown."""

    def coming_times(self, expected: Amount | None, block: ValueBlock) -> UpdateTimes | None:
        """Count an update, and return the times of the updates to compute next.

        Returns None if `block` already contains the values of these updates, because the amount is the expected one.

        Args:
            expected: the amount that the block assumed before the next update; None if the block is exhausted.
            block: the values that were computed in advance.
        """


class Comparison(Protocol):
    """Compares a run with the same run in other processes."""

    def compare(self, t: int, in_force: ResolvedPlan, states: RuleStates) -> None:
        """Compare after `t` completed updates; called once per block of values."""
