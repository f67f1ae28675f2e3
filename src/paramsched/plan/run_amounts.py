"""How much a run has consumed before each of its updates."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.errors import Asked, MissingFact
from paramsched.time.calendar import SIZES

Amount: TypeAlias = int | float
"""A whole number, but of seconds."""

_MOST_EXACT = 2**62  # beyond it NumPy's integers overflow


class RunAmounts(ABC):
    """The amounts of a run: exact, the same wherever they are asked for.

    `clock` is what they count.
    """

    __slots__ = ()
    clock: str

    @property
    def is_constant(self) -> bool:
        """Whether each update takes the same."""
        return True

    @abstractmethod
    def amount_at(self, t: int) -> Amount:
        """What a run that went as planned has consumed before update `t`.

        Raises:
            MissingFact: nothing says how much an update takes.
        """

    @abstractmethod
    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        """The amounts before `count` updates from `t` on, the first of which is `amount`.

        Args:
            amount: what has been consumed before it, whatever was planned.

        Returns:
            `count` whole numbers, or floats of seconds, in a NumPy array.
        """

    @abstractmethod
    def updates_until(self, amount: Amount | Fraction) -> int:
        """The first update that begins at or after an amount."""

    def exact_at(self, place: Fraction) -> Fraction:
        """The amount at a place between two updates: as much of the update's as of the update."""
        before = Fraction(self.amount_at(floor(place)))
        part = place - floor(place)
        return before + part * (Fraction(self.amount_at(floor(place) + 1)) - before) if part else before

    def place_of(self, amount: Fraction) -> Fraction:
        """The place between two updates at which an amount is consumed; `exact_at` is the way back."""
        behind = self.updates_until(amount)
        after = Fraction(self.amount_at(behind))
        if after <= amount or behind == 0:
            return Fraction(behind)
        return behind - (after - amount) / (after - Fraction(self.amount_at(behind - 1)))


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

    def exact_at(self, place: Fraction) -> Fraction:
        return place * self.rate

    def place_of(self, amount: Fraction) -> Fraction:
        return amount / self.rate


@final
@dataclass(frozen=True, slots=True)
class UntoldAmounts(RunAmounts):
    """Nothing says before the run how much an update takes.

    Args:
        beside: a planned size, and the fact that is missing beside it.
    """

    clock: str
    beside: tuple[str, str] | None = None

    def amount_at(self, t: int) -> Amount:
        if t == 0:
            return 0
        raise self.missing("the amounts of the run")

    def amounts_from(self, t: int, amount: Amount, count: int) -> Any:
        if count <= 1:
            return np.array([amount][:count])
        raise self.missing("the amounts of the run")

    def updates_until(self, amount: Amount | Fraction) -> int:
        if amount <= 0:
            return 0
        raise self.missing("the amounts of the run")

    def missing(self, asked: str | Asked) -> MissingFact:
        """The error of what needs these amounts."""
        if self.beside is None:
            return missing_amounts(self.clock, asked)
        planned, fact = self.beside
        found = f"{planned} is planned, and {fact} is missing: together they are the {self.clock} of an update"
        return MissingFact(asked, found, f"Write Calendar(..., {fact}=2048)", fact=fact, example="2048")


def missing_amounts(clock: str, asked: str | Asked) -> MissingFact:
    """The error of a run whose amounts nothing says."""
    fact = SIZES[clock][-1][0]
    planned = f"Plan {usual_size(clock)}, or write" if clock != "seconds" else "Write"
    found = f"nothing says how many {clock} an update takes"
    return MissingFact(asked, found, f"{planned} Calendar(..., {fact}=…)", fact=fact, example=example_of_size(clock))


def usual_size(clock: str) -> str:
    """The target that most plans of a clock have for that."""
    return "batch_size" if clock in ("tokens", "samples") else SIZES[clock][0][0]


def example_of_size(clock: str) -> str:
    """How much an update takes, as an example."""
    return "0.25" if clock == "seconds" else "4096"
