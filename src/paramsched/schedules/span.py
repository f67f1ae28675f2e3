"""Span: the piece of a run that a schedule is resolved for."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Protocol, final

from paramsched.errors import InvalidArgument
from paramsched.time import Duration


class Units(Protocol):
    """Converts lengths into what the clock of a run counts: a Calendar into updates."""

    def exact(self, duration: Duration) -> Fraction:
        """A length as an exact count."""

    def for_run(self, length: Duration) -> "tuple[Units, Fraction]":
        """The same for a run of another length, of which per cent are then; and its whole length."""


@final
@dataclass(frozen=True, slots=True)
class Span:
    """Where a schedule begins in the run and where what it may take ends, both exact.

    Every boundary is rounded up once, from the start of the run, so lengths add up to the horizon. In a cycle of no
    whole length none is: each cycle begins elsewhere between two updates, and all of them are to be alike.

    Args:
        calendar: converts the units.
        begin: in updates from the start of the run.
        end: likewise; None where nothing says how long the run is.
        run_end: where the run, the window or the cycle around it ends; for a stage that is later than its own end.
        staged: whether the schedule is a stage or stands in a window, so that its end is its own.
        rounds: whether boundaries are rounded.
    """

    calendar: Units
    begin: Fraction
    end: Fraction | None
    run_end: Fraction | None
    staged: bool = False
    rounds: bool = True

    @staticmethod
    def of_run(calendar: Units, length: Fraction | int | None) -> "Span":
        """The span of a whole run of so many updates; None where that is not known."""
        end = None if length is None else Fraction(length)
        return Span(calendar, Fraction(0), end, end)

    @property
    def first(self) -> int:
        """The first update of the span."""
        return ceil(self.begin)

    @property
    def room(self) -> Duration | None:
        """The updates that the span has; None where no end is known."""
        if self.end is None:
            return None
        return Duration.of_updates(ceil(self.end) - self.first if self.rounds else self.end - self.begin)

    def exact(self, duration: Duration) -> Fraction:
        return self.calendar.exact(duration)

    def after(self, duration: Duration) -> Duration:
        """The updates from the begin of the span to the one at which `duration` is over."""
        exact = self.exact(duration)
        return Duration.of_updates(ceil(self.begin + exact) - self.first if self.rounds else exact)

    def period(self, duration: Duration) -> Duration:
        """A period in updates: at least 1, not rounded, the same wherever it begins."""
        return Duration.of_updates(max(Fraction(1), self.exact(duration)))

    def cycle(self, period: Duration) -> "Span":
        """The first of the cycles that a resolved period makes of this span."""
        cycle = self.part(self.begin, self.begin + period.number)
        return cycle if period.is_resolved else replace(cycle, rounds=False)

    def later(self, begin: Fraction) -> "Span":
        """The same span from `begin` on; time from the start of the run."""
        return replace(self, begin=begin)

    def stage(self, begin: Fraction, end: Fraction | None) -> "Span":
        """A stage of this span; times from the start of the run."""
        return replace(self, begin=begin, end=end, staged=True)

    def part(self, begin: Fraction, end: Fraction | None) -> "Span":
        """A window or a cycle in this span, which is what is in it has for a run; times from the start of the run."""
        return replace(self, begin=begin, end=end, run_end=end, staged=True)

    def whole(self, begin: Fraction, end: Fraction | None, length: Duration | None) -> "Span":
        """What a schedule is planned for that is used in part: up to `end`, or a run of a length of its own.

        Args:
            begin, end: times from the start of the run.
            length: of the run that is planned for instead of this one; per cent are of it.
        """
        if length is None:
            return replace(self, begin=begin, end=end, staged=False)
        calendar, total = self.calendar.for_run(length)
        if total <= 0:
            raise InvalidArgument(f'of="{length}"', "a run of no update", 'Write of="20 epochs", or leave it out')
        end = begin + total
        return replace(self, calendar=calendar, begin=begin, end=end, run_end=end, staged=False)
