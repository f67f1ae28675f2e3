"""How much a run has consumed before each of its updates, on the clock of its plan."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.errors import MissingFact
from paramsched.plan.amount_units import missing_amounts
from paramsched.time import Calendar
from paramsched.time.clocks import rate_of

Amount: TypeAlias = int | float
"""A whole number, but of seconds."""

_MOST_EXACT = 2**62  # beyond it NumPy's integers overflow


class RunAmounts(ABC):
    """The amounts of a run: exact, the same wherever they are asked for.

    Args:
        clock: what they count.
    """

    __slots__ = ()
    clock: str

    @abstractmethod
    def amount_at(self, t: int) -> Amount:
        """What a run that went as planned has consumed before update `t`.

        Raises:
            MissingFact: nothing says how much an update takes.
        """

    @abstractmethod
    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        """What has been consumed before update `t`, which is `amount`, and before each of the updates behind it.

        Args:
            t: the first update.
            amount: what has been consumed before it, whatever was planned.
            count: how many updates.

        Returns:
            `count` whole numbers, or floats of seconds, in a NumPy array.
        """

    @abstractmethod
    def updates_until(self, amount: Amount | Fraction) -> int:
        """The first update that begins at or after an amount, in a run that went as planned."""


@final
@dataclass(frozen=True, slots=True)
class ConstantAmounts(RunAmounts):
    """Each update takes the same: amount(t) = rate * t, in whole numbers rounded up."""

    clock: str
    rate: Fraction

    def amount_at(self, t: int) -> Amount:
        exact = t * self.rate
        return float(exact) if self.clock == "seconds" else ceil(exact)

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        more = amount - self.amount_at(t)
        above, below = self.rate.numerator, self.rate.denominator
        if (t + count) * above >= _MOST_EXACT:
            return np.array([self.amount_at(one) + more for one in range(t, t + count)])
        products = np.arange(t, t + count) * above
        if self.clock == "seconds":
            return products / below + more
        return -(-products // below) + more

    def updates_until(self, amount: Amount | Fraction) -> int:
        exact = Fraction(amount)
        if self.clock == "seconds":
            return max(0, ceil(exact / self.rate))
        return max(0, floor((ceil(exact) - 1) / self.rate) + 1)


@final
@dataclass(frozen=True, slots=True)
class UntoldAmounts(RunAmounts):
    """Nothing says before the run how much an update takes."""

    clock: str

    def amount_at(self, t: int) -> Amount:
        if t == 0:
            return 0
        raise self._unknown()

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        if count <= 1:
            return np.array([amount][:count])
        raise self._unknown()

    def updates_until(self, amount: Amount | Fraction) -> int:
        if amount <= 0:
            return 0
        raise self._unknown()

    def _unknown(self) -> MissingFact:
        return missing_amounts(self.clock, "the amounts of the run")


def constant_amounts(clock: str, calendar: Calendar) -> RunAmounts:
    """The amounts of a run in which no size is planned."""
    rate = rate_of(calendar, clock)
    return UntoldAmounts(clock) if rate is None else ConstantAmounts(clock, rate)
