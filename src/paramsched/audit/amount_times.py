"""From the number of an update to what was consumed before it: as a log says it, else as it was planned."""

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np

from paramsched._arrays import Floats
from paramsched.audit.log_values import LoggedAmounts, Times
from paramsched.errors import MissingFact
from paramsched.plan.run_amounts import RunAmounts, UntoldAmounts

_MOST_IN_A_ROW = 2**22  # updates whose planned amounts are made together
_MOST = 2.0**62


@final
@dataclass(frozen=True, slots=True, eq=False)
class AmountTimes:
    """The amounts of a run by the numbers of its updates; between two that are known, and beyond, on a straight line.

    Args:
        clock: what the amounts count.
        updates: in order, each once; one at least.
        amounts: what was consumed before each of them.
    """

    clock: str
    updates: Times
    amounts: Floats

    @classmethod
    def logged(cls, clock: str, found: LoggedAmounts) -> Self:
        """As a log says it."""
        updates, first = np.unique(found.t, return_index=True)
        return cls(clock, updates, found.amounts[first])

    @classmethod
    def planned(cls, run: RunAmounts, t: Times) -> Self:
        """As it was planned, for the updates that a log has.

        Raises:
            MissingFact: nothing says how much an update takes, and the log does not have it either.
        """
        if isinstance(run, UntoldAmounts):
            try:
                run.amount_at(1)
            except MissingFact as error:
                found = (
                    f"nothing says how many {run.clock} the updates took; no column of the log is called {run.clock} "
                    "(--amount NAME names another)"
                )
                asked = "the amounts of the run"
                raise MissingFact(asked, found, fact=error.fact, example=error.example) from None
        most = int(t.max(initial=0)) + 2
        if most <= _MOST_IN_A_ROW:
            return cls(run.clock, np.arange(most), np.asarray(run.amounts_from(0, 0, most), dtype=np.float64))
        updates = np.unique(np.maximum(np.concatenate([t - 1, t, t + 1]), 0))
        amounts = np.array([float(run.amount_at(one)) for one in updates.tolist()])
        return cls(run.clock, updates, amounts)

    def counting_updates(self) -> "AmountTimes":
        """The same for a schedule that counts updates."""
        return AmountTimes(self.clock, np.array([0, 1]), np.array([0.0, 1.0]))

    def scaled(self, times: int, by: int) -> "AmountTimes":
        """The same for a schedule that counts so many times as much, or as little."""
        amounts = self.amounts * times / by
        return AmountTimes(self.clock, self.updates, amounts if self.clock == "seconds" else np.floor(amounts))

    def __call__(self, t: Times) -> Any:
        """The amounts before updates: whole numbers, but of seconds."""
        last = int(self.updates[-1])
        found = np.interp(t, self.updates, self.amounts)
        if self.updates.size > 1:
            size = (self.amounts[-1] - self.amounts[-2]) / (last - int(self.updates[-2]))
            found = np.where(t > last, self.amounts[-1] + (t - last) * size, found)
        found = np.clip(found, 0, _MOST)
        return found if self.clock == "seconds" else np.rint(found).astype(np.int64)
