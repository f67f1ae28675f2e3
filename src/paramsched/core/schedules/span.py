"""Span: the part of a run that a schedule is resolved for."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Literal, Protocol, TypeAlias, final

from paramsched.core.time import Duration
from paramsched.errors import InvalidArgument

Rounding: TypeAlias = Literal["up", "nearest", "floor", "exact"]
"""How a boundary between two updates is rounded: up, to the nearest, down, or not."""


class Units(Protocol):
    """Converts lengths to counts of a run's clock, as a Calendar converts them to updates."""

    @property
    def varies(self) -> bool:
        """True if the count of a length may depend on where the length starts."""

    @property
    def updates_vary(self) -> bool:
        """True if a number of updates may consume a different amount at a different time of the run."""

    def exact(self, duration: Duration, *, begin: Fraction = ...) -> Fraction:
        """Return the exact count of a length that starts at `begin`."""

    def count_text(self, count: Fraction) -> str:
        """Return a count with its unit, for a message."""

    def for_run(self, length: Duration) -> "tuple[Units, Fraction]":
        """Return a pair: the units of a run of `length`, to which percentages refer, and its exact length."""


@final
@dataclass(frozen=True, slots=True)
class Span:
    """The start and the latest end of a schedule in the run, both exact.

    Every boundary is rounded once, counted from the start of the run, so that lengths add up to the horizon. Boundaries
    are rounded up by default. In cycles of fractional length they are not rounded, because cycles start at different
    fractions of an update and must be alike.

    Args:
        begin: the start, in updates from the start of the run.
        end: the latest end, likewise; None if the length of the run is unknown.
        run_end: the end of the enclosing run, window or cycle, which may be later than the end of a stage.
        staged: True if the schedule is a stage or in a window, so that it has its own end.
        origin: the start of the sequence that contains the stage; None after an open-ended stage.
        restarted: True if the schedule is in a cycle, whose clock restarts.
        run: the span of the run, if the calendar or `run_end` is not that of the run.
        grid: the number of possible boundaries in one count of the clock: 1000 for seconds.
    """

    calendar: Units
    begin: Fraction
    end: Fraction | None
    run_end: Fraction | None
    staged: bool = False
    rounding: Rounding = "up"
    origin: Fraction | None = Fraction(0)
    restarted: bool = False
    run: "Span | None" = None
    grid: int = 1

    @staticmethod
    def of_run(calendar: Units, length: Fraction | int | None, grid: int = 1) -> "Span":
        """Return the span of a run of `length` updates."""
        end = None if length is None else Fraction(length)
        return Span(calendar, Fraction(0), end, end, grid=grid)

    @property
    def of_whole_run(self) -> "Span":
        """The span of the run that contains this span."""
        return Span.of_run(self.calendar, self.run_end, self.grid) if self.run is None else self.run

    @property
    def rounds(self) -> bool:
        return self.rounding != "exact"

    def boundary(self, time: Fraction) -> int | Fraction:
        """Return the update of a boundary at the exact time `time`, rounded as `rounding` defines."""
        at = time * self.grid
        rounded = floor(at) if self.rounding == "floor" else round(at) if self.rounding == "nearest" else ceil(at)
        return rounded if self.grid == 1 else Fraction(rounded, self.grid)

    @property
    def first(self) -> int | Fraction:
        return self.boundary(self.begin)

    @property
    def room(self) -> Duration | None:
        """The number of updates in the span; None if its end is unknown."""
        if self.end is None:
            return None
        return Duration.of_updates(self.boundary(self.end) - self.first if self.rounds else self.end - self.begin)

    def exact(self, duration: Duration) -> Fraction:
        if duration.until:
            found = '"until" is only valid as the length of a stage'
            instead = f'Use over="{duration}" of a stage, or "{Duration(duration.terms)}" here'
            raise InvalidArgument(f'"{duration}"', found, instead)
        return self.calendar.exact(duration, begin=self.begin)

    def before(self, duration: Duration) -> Fraction:
        """Return the exact count of a length that ends at the start of the span.

        If the length would start before the run, it is counted from the start of the run instead.
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
        """Return the exact count of a length that starts with the span."""
        if not length.until:
            return self.calendar.exact(length, begin=self.begin)
        if self.origin is None:
            found = "a stage after an open-ended stage needs a length"
            instead = f'Write "until" in the open-ended stage: {_FILLED_UNTIL}'
            raise InvalidArgument(f'"{length}"', found, instead)
        end = self.origin + self.calendar.exact(Duration(length.terms), begin=self.origin)
        if end < self.begin:
            begins, ends = (self.calendar.count_text(time - self.origin) for time in (self.begin, end))
            found = f"counted from the start of the sequence, the stage would end at {ends}, but it starts at {begins}"
            raise InvalidArgument(f'"{length}"', found, "Use a later time, or shorten the stages before it")
        return end - self.begin

    def resolved_length(self, length: Duration) -> Duration:
        """Convert a length that starts with the span to updates."""
        return self._from_begin(self.exact_length(length), length)

    def after(self, duration: Duration) -> Duration:
        """Return the updates from the start of the span until `duration` has elapsed."""
        return self._from_begin(self.exact(duration), duration)

    def _from_begin(self, exact: Fraction, length: Duration) -> Duration:
        """Return the updates from the start of the span to the end of a length; the end is rounded as a boundary."""
        updates = self.boundary(self.begin + exact) - self.first if self.rounds else exact
        if updates < 0:
            found = f"the length resolves to {self.calendar.count_text(Fraction(updates))}; it must not be negative"
            raise InvalidArgument(f'length "{length}"', found, "Use a longer length")
        return Duration.of_updates(updates)

    def period(self, duration: Duration) -> Duration:
        """Return a period in updates: at least 1, not rounded, the same wherever it starts."""
        return Duration.of_updates(max(Fraction(1, self.grid), self.exact(duration)))

    def cycle(self, period: Duration) -> "Span":
        """Return the first cycle of the span, for a resolved period."""
        cycle = self.cycle_between(self.begin, self.begin + period.number)
        return cycle if period.is_resolved else replace(cycle, rounding="exact")

    def cycle_between(self, begin: Fraction, end: Fraction) -> "Span":
        return replace(self.part(begin, end), restarted=True)

    def later(self, begin: Fraction) -> "Span":
        return replace(self, begin=begin)

    def part(self, begin: Fraction, end: Fraction | None) -> "Span":
        """Return the span of a window or cycle inside this span. Its schedule is planned as for an entire run."""
        run = self.of_whole_run
        return replace(self, begin=begin, end=end, run_end=end, staged=True, origin=begin, run=run)

    def whole(self, begin: Fraction, end: Fraction | None, length: Duration | None) -> "Span":
        """Return the span for which a schedule is planned if only a part of it is used.

        It starts at `begin`, and ends at `end` or has the given `length`.

        Args:
            length: the length of the run to plan for instead of this run; percentages refer to it.
        """
        if length is None:
            return replace(self, begin=begin, end=end, staged=False)
        calendar, total = self.calendar.for_run(length)
        if total <= 0:
            raise InvalidArgument(
                f'of="{length}"', "the run must be longer than 0", 'For example: of="20 epochs", or omit it'
            )
        end, run = begin + total, self.of_whole_run
        return replace(self, calendar=calendar, begin=begin, end=end, run_end=end, staged=False, run=run)


_FILLED_UNTIL = 'warmup("5%") >> cosine(over="until 80%") >> linear(0.1)'
