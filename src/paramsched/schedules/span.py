"""Span: the piece of a run that a schedule is resolved for."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Literal, Protocol, TypeAlias, final

from paramsched.errors import InvalidArgument
from paramsched.time import Duration
from paramsched.time.duration import NEGATIVE

Rounding: TypeAlias = Literal["up", "nearest", "floor", "exact"]
"""Which update a boundary between two is: the one behind it, the nearest, the one before, or none: it stays there."""


class Units(Protocol):
    """Converts lengths into what the clock of a run counts: a Calendar into updates."""

    @property
    def varies(self) -> bool:
        """Whether a length may be another count where it begins elsewhere."""

    @property
    def updates_vary(self) -> bool:
        """Whether so many updates may be."""

    def exact(self, duration: Duration, *, begin: Fraction = ...) -> Fraction:
        """A length that begins at `begin`, as an exact count."""

    def for_run(self, length: Duration) -> "tuple[Units, Fraction]":
        """The same for a run of another length, of which per cent are then; and its whole length."""


@final
@dataclass(frozen=True, slots=True)
class Span:
    """Where a schedule begins in the run and where what it may take ends, both exact.

    Every boundary is rounded once, from the start of the run, so lengths add up to the horizon: up, where nothing says
    another way. In a cycle of no whole length none is: each cycle begins elsewhere between two updates, and all of them
    are to be alike.

    Args:
        begin: in updates from the start of the run.
        end: likewise; None where nothing says how long the run is.
        run_end: where the run, the window or the cycle around it ends; for a stage that is later than its own end.
        staged: whether the schedule is a stage or stands in a window, so that its end is its own.
        origin: where the sequence begins that it is a stage of; None behind a stage that takes what the others leave.
    """

    calendar: Units
    begin: Fraction
    end: Fraction | None
    run_end: Fraction | None
    staged: bool = False
    rounding: Rounding = "up"
    origin: Fraction | None = Fraction(0)

    @staticmethod
    def of_run(calendar: Units, length: Fraction | int | None) -> "Span":
        """The span of a whole run of so many updates."""
        end = None if length is None else Fraction(length)
        return Span(calendar, Fraction(0), end, end)

    @property
    def rounds(self) -> bool:
        return self.rounding != "exact"

    def boundary(self, time: Fraction) -> int:
        """The update at which what is to end at a time ends."""
        match self.rounding:
            case "floor":
                return floor(time)
            case "nearest":
                return round(time)
        return ceil(time)

    @property
    def first(self) -> int:
        return self.boundary(self.begin)

    @property
    def room(self) -> Duration | None:
        """The updates that the span has; None where no end is known."""
        if self.end is None:
            return None
        return Duration.of_updates(self.boundary(self.end) - self.first if self.rounds else self.end - self.begin)

    def exact(self, duration: Duration) -> Fraction:
        if duration.until:
            found = "only the length of a stage ends at a time"
            instead = f'Write over="{duration}" of a stage, or "{Duration(duration.terms)}" here'
            raise InvalidArgument(f'"{duration}"', found, instead)
        return self.calendar.exact(duration, begin=self.begin)

    def before(self, duration: Duration) -> Fraction:
        """The exact count of what ends with the begin of the span.

        What reaches back behind the start of the run is as much as from there on.
        """
        if not self.calendar.varies:
            return self.exact(duration)

        def count_from(begin: Fraction) -> Fraction:
            return replace(self, begin=begin).exact(duration)

        longest = count_from(Fraction(0))
        if longest >= self.begin:
            return longest
        begins = range(ceil(self.begin))
        whole = Fraction(bisect_left(begins, self.begin, key=lambda begin: begin + count_from(Fraction(begin))))
        between = self.begin - count_from(whole)
        return self.begin - (between if between + count_from(between) == self.begin else whole)

    def exact_length(self, length: Duration) -> Fraction:
        """The length of what begins with the span as an exact count."""
        if not length.until:
            return self.calendar.exact(length, begin=self.begin)
        if self.origin is None:
            found = "it is the length of a stage behind one that takes what the others leave"
            instead = f"Give that one the until, and this one a length or none: {_FILLED_UNTIL}"
            raise InvalidArgument(f'"{length}"', found, instead)
        end = self.origin + self.calendar.exact(Duration(length.terms), begin=self.origin)
        if end < self.begin:
            begins, ends = (f"{float(time - self.origin):.12g}" for time in (self.begin, end))
            found = f"that is {ends} of the sequence, and the stage begins at {begins}"
            raise InvalidArgument(f'"{length}"', found, "Use a later time, or shorten the stages before it")
        return end - self.begin

    def resolved_length(self, length: Duration) -> Duration:
        """The length of what begins with the span in updates."""
        return self._from_begin(self.exact_length(length), length)

    def after(self, duration: Duration) -> Duration:
        """The updates from the begin of the span until `duration` is over."""
        return self._from_begin(self.exact(duration), duration)

    def _from_begin(self, exact: Fraction, length: Duration) -> Duration:
        """The updates from the begin of the span on; their end is rounded once, where boundaries are."""
        updates = self.boundary(self.begin + exact) - self.first if self.rounds else exact
        if updates < 0:
            found = f"that is {float(updates):.12g} updates of this run, and {NEGATIVE}"
            raise InvalidArgument(f'length "{length}"', found, "Use a longer one")
        return Duration.of_updates(updates)

    def period(self, duration: Duration) -> Duration:
        """A period in updates: at least 1, not rounded, the same wherever it begins."""
        return Duration.of_updates(max(Fraction(1), self.exact(duration)))

    def cycle(self, period: Duration) -> "Span":
        """The first of the cycles that a resolved period makes of this span."""
        cycle = self.part(self.begin, self.begin + period.number)
        return cycle if period.is_resolved else replace(cycle, rounding="exact")

    def later(self, begin: Fraction) -> "Span":
        return replace(self, begin=begin)

    def part(self, begin: Fraction, end: Fraction | None) -> "Span":
        """A window or a cycle in this span, which what is in it has for a run."""
        return replace(self, begin=begin, end=end, run_end=end, staged=True, origin=begin)

    def whole(self, begin: Fraction, end: Fraction | None, length: Duration | None) -> "Span":
        """What a schedule that is used in part is planned for: up to `end`, or a run of its own.

        Args:
            length: of the run that is planned for instead of this one; per cent are of it.
        """
        if length is None:
            return replace(self, begin=begin, end=end, staged=False)
        calendar, total = self.calendar.for_run(length)
        if total <= 0:
            raise InvalidArgument(f'of="{length}"', "a run of no update", 'Write of="20 epochs", or leave it out')
        end = begin + total
        return replace(self, calendar=calendar, begin=begin, end=end, run_end=end, staged=False)


_FILLED_UNTIL = 'warmup("5%") >> cosine(over="until 80%") >> linear(0.1)'
