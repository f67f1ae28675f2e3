"""Lengths in what a clock counts: tokens in updates, epochs in tokens, where the sizes of the run say it."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import final

from paramsched.errors import Asked, MissingFact
from paramsched.plan.run_amounts import RunAmounts, UntoldAmounts, example_of_size, usual_size
from paramsched.plan.run_sizes import RunSizes
from paramsched.time import Duration
from paramsched.time.calendar import SIZES
from paramsched.time.clocks import UPDATES


@final
@dataclass(frozen=True, slots=True)
class ClockLengths:
    """Converts every length into what one clock counts.

    Where sizes are planned, so many updates take another amount wherever they begin.

    Args:
        sizes: the facts of the run, planned ones among them.
        clock: what is counted: `"tokens"`, say, or `"updates"`.
        total: the horizon in it; None where nothing says how long the run is.
    """

    sizes: RunSizes
    clock: str
    total: Fraction | None = None

    @property
    def varies(self) -> bool:
        """Whether a length may be another one where it begins elsewhere."""
        return bool(self.sizes.targets)

    @property
    def updates_vary(self) -> bool:
        """Whether so many updates may be."""
        return self.clock != UPDATES and self.varies

    def exact(self, duration: Duration, *, begin: Fraction = Fraction(0), asked: str | Asked | None = None) -> Fraction:
        """A duration in the clock's unit, as an exact fraction.

        Args:
            duration: the length.
            begin: where it begins, on the clock.
            asked: what a message names, if not the length.

        Raises:
            MissingFact: the fact a unit needs is not known.
            PlanError: the length is one of a planned size, and hangs on that size.
        """
        named = asked or _length_in_words(duration)
        return sum((self._count_in(unit, count, begin, named) for unit, count in duration.terms), Fraction(0))

    def for_run(self, length: Duration) -> "tuple[ClockLengths, Fraction]":
        """The same for a run of another length; and its count, whole but in seconds, as horizons are."""
        exact = self.exact(length)
        total = exact if self.clock == "seconds" else Fraction(ceil(exact))
        return replace(self, total=total), total

    def _count_in(self, unit: str, count: Fraction, begin: Fraction, asked: str | Asked) -> Fraction:
        """So much of a unit, from `begin` on."""
        if unit == self.clock:
            return count
        if unit == "percent" and self.total is not None:
            return count * self.total / 100
        if unit == "epochs" and (batches := self.sizes.batches_of_epoch) is not None:
            return self._count_in("batches", count * batches, begin, asked)
        if unit not in SIZES:
            updates = self.sizes.calendar.exact(Duration(((unit, count),)), asked=asked)
            return updates if self.clock == UPDATES else self._amount_of_updates(updates, begin, asked)
        if self.clock == UPDATES:
            return self._updates_of_amount(unit, count, begin, asked)
        ratio = self.sizes.ratio(self.clock, unit)
        if ratio is not None:
            return count * ratio
        mine = self._known_amounts(asked)
        first = Fraction(mine.updates_until(begin)) if self.varies else mine.place_of(begin)
        updates = self._updates_of_amount(unit, count, first, asked)
        return mine.exact_at(first + updates) - mine.exact_at(first)

    def _amount_of_updates(self, updates: Fraction, begin: Fraction, asked: str | Asked) -> Fraction:
        """What so many updates take, from the first that begins at or after `begin`."""
        amounts = self._known_amounts(asked)
        if amounts.is_constant:
            return amounts.exact_at(updates)
        first = amounts.updates_until(begin)
        return amounts.exact_at(first + updates) - amounts.exact_at(Fraction(first))

    def _updates_of_amount(self, unit: str, count: Fraction, begin: Fraction, asked: str | Asked) -> Fraction:
        """The updates that so much of an amount takes, from update `begin` on."""
        amounts = self.sizes.amounts_of(unit)
        if isinstance(amounts, UntoldAmounts):
            return self.sizes.calendar.exact(Duration(((unit, count),)), asked=asked)  # which says what is missing
        if amounts.is_constant:
            return amounts.place_of(count)
        return amounts.place_of(amounts.exact_at(begin) + count) - begin

    def _known_amounts(self, asked: str | Asked) -> RunAmounts:
        amounts = self.sizes.amounts_of(self.clock)
        if isinstance(amounts, UntoldAmounts):
            raise _missing_rate(self.clock, asked)
        return amounts


def _length_in_words(duration: Duration) -> str:
    """A length as errors name it: updates with their unit, since the clock may have another."""
    return f'length "{duration}{" steps" if duration.is_resolved else ""}"'


def _missing_rate(clock: str, asked: str | Asked) -> MissingFact:
    """The error of a length that needs the amount of an update, where nothing says it."""
    planned = f" or plan {usual_size(clock)}," if clock != "seconds" else ""
    return MissingFact(
        asked,
        f"the plan's clock counts {clock}, and nothing says how many an update takes",
        f"Write the length in {clock},{planned} or give Calendar(…) the constant",
        fact=SIZES[clock][-1][0],
        example=example_of_size(clock),
    )
