"""When updates are, on the clock of each field: their numbers, and what has been consumed before them."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched._arrays import Array
from paramsched.plan.run_amounts import Amount, RunAmounts


@final
@dataclass(frozen=True, slots=True)
class UpdateTimes:
    """The times of successive updates.

    Args:
        updates: their numbers.
        amounts: what has been consumed before each; None where the plan is by updates.
    """

    updates: Array
    amounts: Array | None

    @staticmethod
    def at(t: int, amount: Amount | None) -> "UpdateTimes":
        """A single update."""
        return UpdateTimes(np.array([t]), None if amount is None else np.array([amount]))

    def following(self, run: RunAmounts | None, count: int) -> "UpdateTimes":
        """The updates behind this one, in a run that goes on from its amount as planned."""
        t = int(self.updates[-1]) + 1
        updates = np.arange(t, t + count)
        if run is None or self.amounts is None:
            return UpdateTimes(updates, None)
        return UpdateTimes(updates, run.amounts_from(t - 1, self.amounts[-1].item(), count + 1)[1:])

    @property
    def size(self) -> int:
        """How many updates."""
        return int(self.updates.size)

    def on_clock(self, *, by_amount: bool) -> Any:
        """The times as a schedule gets them, whose clock counts an amount or updates."""
        return self.amounts if by_amount else self.updates
