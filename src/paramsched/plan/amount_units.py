"""Lengths in what a clock counts, where an update takes an amount that is known."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, prod
from typing import final

from paramsched.errors import Asked, MissingFact
from paramsched.time import Calendar, Duration
from paramsched.time.calendar import SIZES


@final
@dataclass(frozen=True, slots=True)
class AmountUnits:
    """Converts every length into amounts of one clock.

    Args:
        calendar: the facts of the run.
        clock: what is counted: `"tokens"`, say.
        total: the horizon in it; None where nothing says how long the run is.
    """

    calendar: Calendar
    clock: str
    total: Fraction | None = None

    def exact(self, duration: Duration, *, asked: str | Asked | None = None) -> Fraction:
        """A duration in the clock's unit, as an exact fraction.

        Raises:
            MissingFact: the fact a unit needs is not known.
        """
        return sum(
            (count * self._amount_in(unit, asked or _length_in_words(duration)) for unit, count in duration.terms),
            Fraction(0),
        )

    def for_run(self, length: Duration) -> "tuple[AmountUnits, Fraction]":
        """The same for a run of another length; and its amount, whole but in seconds, as horizons are."""
        exact = self.exact(length)
        total = exact if self.clock == "seconds" else Fraction(ceil(exact))
        return replace(self, total=total), total

    def _amount_in(self, unit: str, asked: str | Asked) -> Fraction:
        """How much of the clock's unit one of a unit is."""
        if unit == self.clock:
            return Fraction(1)
        if unit == "percent" and self.total is not None:
            return self.total / 100
        if unit in SIZES and (ratio := self._ratio_to(unit)) is not None:
            return ratio
        updates = self.calendar.exact(Duration(((unit, Fraction(1)),)), asked=asked)
        return updates * self._rate(asked)

    def _ratio_to(self, unit: str) -> Fraction | None:
        """How much of the clock's unit one of another amount is, where that does not hang on the batch."""
        for mine in SIZES[self.clock]:
            for theirs in SIZES[unit]:
                fewer, more = sorted((set(mine), set(theirs)), key=len)
                facts = [getattr(self.calendar, name) for name in sorted(more - fewer)]
                if fewer < more and None not in facts:
                    ratio = Fraction(prod(facts))
                    return ratio if more == set(mine) else 1 / ratio
        return None

    def _rate(self, asked: str | Asked) -> Fraction:
        """How much an update takes."""
        rate = self.calendar.amount_of_update(self.clock)
        if rate is None:
            raise missing_rate(self.clock, asked)
        return rate


def _length_in_words(duration: Duration) -> str:
    """A length as errors name it: updates with their unit, since the clock has another."""
    return f'length "{duration}{" steps" if duration.is_resolved else ""}"'


def missing_rate(clock: str, asked: str | Asked) -> MissingFact:
    """The error of a length that needs the amount of an update, where nothing says it."""
    found = f"the plan's clock counts {clock}, and nothing says how many an update takes"
    planned = f" or plan {_planned_size(clock)}," if clock != "seconds" else ""
    return _without_rate(clock, asked, found, f"Write the length in {clock},{planned} or give Calendar(…) the constant")


def missing_amounts(clock: str, asked: str) -> MissingFact:
    """The error of a run whose amounts are asked for before it, where nothing says them."""
    found = f"nothing says how many {clock} an update takes"
    planned = f"Plan {_planned_size(clock)}, or write" if clock != "seconds" else "Write"
    return _without_rate(clock, asked, found, f"{planned} Calendar(..., {SIZES[clock][-1][0]}=…)")


def _planned_size(clock: str) -> str:
    """The target that most plans of a clock say the size by."""
    return "batch_size" if clock in ("tokens", "samples") else SIZES[clock][0][0]


def _without_rate(clock: str, asked: str | Asked, found: str, instead: str) -> MissingFact:
    example = "0.25" if clock == "seconds" else "4096"
    return MissingFact(asked, found, instead, fact=SIZES[clock][-1][0], example=example)
