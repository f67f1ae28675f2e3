"""Span: the part of a run that a schedule fills; and Piece, a schedule that is planned for it."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any, Final, Literal, Protocol, TypeAlias, final

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.evaluation import Base
from paramsched.core.time import Duration, DurationLike, RunFacts
from paramsched.core.time.duration import Number, within_digits
from paramsched.errors import InvalidArgument

Rounding: TypeAlias = Literal["up", "nearest", "floor", "exact"]
"""How a boundary between two updates is rounded: up, to the nearest, down, or not."""

_ROUNDED: Final[dict[Rounding, Callable[[Fraction], Number]]] = {
    "up": ceil, "nearest": round, "floor": floor, "exact": within_digits,
}  # fmt: skip


class Units(Protocol):
    """Converts lengths to counts of a run's clock, as RunFacts converts them to updates."""

    @property
    def varies(self) -> bool:
        """True if the count of a length may depend on where the length starts."""

    def exact(self, duration: Duration, *, begin: Fraction = ...) -> Fraction:
        """Return the exact count of a length that starts at `begin`."""

    def count_text(self, count: Fraction) -> str:
        """Return a count with its unit, for a message."""

    def time_of_run(self, time: Duration) -> Duration:
        """Return a time of the run as a number of updates; as a count of the clock if that number is unknown."""

    def for_run(self, length: Duration) -> "tuple[Units, Fraction]":
        """Return a pair: the units of a run of `length`, to which percentages refer, and its exact length."""


@final
@dataclass(frozen=True, slots=True)
class Span:
    """The start and the latest end of a schedule in the run, both exact.

    Every boundary is rounded once, counted from the start of the run, so that lengths add up to the total. Boundaries
    are rounded up by default. In cycles of fractional length they are not rounded, because cycles start at different
    fractions of an update and must be alike.

    Args:
        units: converts lengths to counts.
        begin: the start, in counts from the start of the run.
        end: the latest end, likewise; None if the length of the run is unknown.
        run_end: the end of the enclosing run, window or cycle, which may be later than the end of a stage.
        staged: True if the schedule is a stage or in a window, so that it has its own end.
        rounding: how boundaries are rounded.
        origin: the start of the sequence that contains the stage; None after an open-ended stage.
        restarted: True if the schedule is in a cycle, whose clock restarts.
        run: the span of the run, if `units` or `run_end` is not that of the run.
        stage_end: the end of the stage, if that ends before the span.
    """

    units: Units
    begin: Fraction
    end: Fraction | None
    run_end: Fraction | None
    staged: bool = False
    rounding: Rounding = "up"
    origin: Fraction | None = Fraction(0)
    restarted: bool = False
    run: "Span | None" = None
    stage_end: Fraction | None = None

    @staticmethod
    def of_run(units: Units, length: Fraction | int | None) -> "Span":
        """Return the span of a run of `length` counts."""
        end = None if length is None else Fraction(length)
        return Span(units, Fraction(0), end, end)

    @property
    def of_whole_run(self) -> "Span":
        """The span of the run that contains this span."""
        return Span.of_run(self.units, self.run_end) if self.run is None else self.run

    def boundary(self, time: Fraction) -> Number:
        """Return the count of a boundary at an exact time, rounded as `rounding` defines."""
        return _ROUNDED[self.rounding](time)

    @property
    def available(self) -> Number | None:
        """The number of counts in the span; None if its end is unknown."""
        return None if self.end is None else self._since_begin(self.end)

    def _since_begin(self, time: Fraction) -> Number:
        return within_digits(self.boundary(time) - Fraction(self.boundary(self.begin)))

    def exact(self, length: DurationLike) -> Fraction:
        """Return the exact count of a length that starts with the span."""
        duration = Duration.of(length)
        if duration.until:
            found = '"until" is only valid as the length of a stage'
            instead = f'Use over="{duration}" of a stage, or "{Duration(duration.terms)}" here'
            raise InvalidArgument(f'"{duration}"', found, instead)
        return self.units.exact(duration, begin=self.begin)

    def exact_length(self, over: DurationLike) -> Fraction:
        """Return the exact count of a length that starts with the span, or that ends at an `until`."""
        length = Duration.of(over)
        if not length.until:
            return self.units.exact(length, begin=self.begin)
        if self.origin is None:
            found = "a stage after an open-ended stage needs a length"
            instead = f'Write "until" in the open-ended stage: {_FILLED_UNTIL}'
            raise InvalidArgument(f'"{length}"', found, instead)
        end = self.origin + self.units.exact(Duration(length.terms), begin=self.origin)
        if end < self.begin:
            begins, ends = (self.units.count_text(time - self.origin) for time in (self.begin, end))
            found = f"counted from the start of the sequence, the stage would end at {ends}, but it starts at {begins}"
            raise InvalidArgument(f'"{length}"', found, "Use a later time, or shorten the stages before it")
        return end - self.begin

    def length(self, length: DurationLike) -> Number:
        """Return the counts of a length that starts with the span; its end is rounded as a boundary."""
        return self._rounded(self.exact_length(length), length)

    def time(self, time: DurationLike) -> Number:
        """Return the counts from the start of the span to a time; the time is rounded as a boundary."""
        return self._rounded(self.exact(time), time)

    def _rounded(self, exact: Fraction, length: DurationLike) -> Number:
        counts = self._since_begin(self.begin + exact)
        if counts < 0:
            found = f"the length resolves to {self.units.count_text(Fraction(counts))}; it must not be negative"
            raise InvalidArgument(f'length "{length}"', found, "Use a longer length")
        return counts

    def scale(self, scale: DurationLike) -> Number:
        """Return a length by which time is divided: not rounded, even if it is shorter than an update."""
        return within_digits(self.exact(scale))

    def period(self, period: DurationLike) -> Number:
        """Return a period: at least 1, not rounded, the same wherever it starts, or its multiples would drift."""
        return within_digits(max(Fraction(1), self.exact(period)))

    def within_stage(self, size: Number) -> Number:
        """Return the counts of a length that is not rounded itself, or of its stage if that is rounded shorter."""
        end = self.end if self.stage_end is None else self.stage_end
        if end is None:
            return size
        rounded = self._since_begin(self.begin + size)
        return rounded if rounded < size and rounded == self._since_begin(end) else size

    def before(self, length: DurationLike) -> Fraction:
        """Return the exact count of a length that ends at the start of the span.

        If the length would start before the run, it is counted from the start of the run instead.
        """
        if not self.units.varies:
            return self.exact(length)

        def count_from(begin: Fraction) -> Fraction:
            return replace(self, begin=begin).exact(length)

        longest = count_from(Fraction(0))
        if longest >= self.begin:
            return longest
        begins = range(ceil(self.begin))
        whole = Fraction(bisect_left(begins, self.begin, key=lambda begin: begin + count_from(Fraction(begin))))
        between = self.begin - count_from(whole)
        return self.begin - (between if between + count_from(between) == self.begin else whole)

    def later(self, begin: Fraction) -> "Span":
        return replace(self, begin=begin)

    def delayed(self, begin: Fraction) -> "Span":
        """Return the rest of the span for a schedule whose time counts from `begin`."""
        return replace(self, begin=begin, origin=begin)

    def part(self, begin: Fraction, end: Fraction | None) -> "Span":
        """Return the span of a window or cycle inside this span. Its schedule is planned as for an entire run."""
        run = self.of_whole_run
        return replace(self, begin=begin, end=end, run_end=end, staged=True, origin=begin, run=run, stage_end=None)

    def cycle(self, period: Number) -> "Span":
        """Return the first cycle of the span."""
        cycle = replace(self.part(self.begin, self.begin + period), restarted=True)
        return cycle if period.denominator == 1 else replace(cycle, rounding="exact")

    def whole(self, begin: Fraction, end: Fraction | None, length: DurationLike | None) -> "Span":
        """Return the span for which a schedule is planned if only a part of it is used.

        It starts at `begin`, and ends at `end` or has the given `length`.

        Args:
            length: the length of the run to plan for instead of this run; percentages refer to it.
        """
        if length is None:
            return replace(self, begin=begin, end=end, staged=False)
        units, total = self.units.for_run(Duration.of(length))
        if total <= 0:
            raise InvalidArgument(
                f'of="{length}"', "the run must be longer than 0", 'For example: of="20 epochs", or omit it'
            )
        end, run = begin + total, self.of_whole_run
        return replace(self, units=units, begin=begin, end=end, run_end=end, staged=False, run=run)


_FILLED_UNTIL: Final = 'warmup("5%") >> cosine(over="until 80%") >> linear(start=0.1)'

IN_UPDATES: Final = Span.of_run(RunFacts(), None)
"""The span of a schedule whose lengths are in updates."""

AS_THEY_ARE: Final = replace(IN_UPDATES, rounding="exact")
"""The span of a planned part that is planned again with its lengths as they are."""

Edges: TypeAlias = Callable[[Number, Number], Iterable[Number]]
"""A function of two times: the times between them at which a formula changes, in any order."""


def _no_edges(since: Number, until: Number) -> Iterable[Number]:
    del since, until
    return ()


@final
@dataclass(frozen=True, slots=True)
class Piece:
    """A schedule that is planned for a span: what a run needs of it.

    Args:
        schedule: the schedule with every length in counts, and every level between its stages written.
        length: its length, rounded at its boundaries; None if it has no end.
        held: the time from which it is constant; None if it never is.
        values: its values at an array of times, for a base.
        edges: the times at which its formula changes, without 0 and the end.
    """

    schedule: Any
    length: Number | None
    held: Number | None
    values: Callable[[Array, Base], Array]
    edges: Edges = _no_edges

    def edges_and_end(self, since: Number, until: Number) -> Iterable[Number]:
        """Yield the edges and the end, which is an edge of a schedule that contains this one."""
        yield from self.edges(since, until)
        if self.length is not None:
            yield self.length

    @property
    def end(self) -> Number | None:
        """The end from which the schedule is constant; None if it has no end, or changes after its length."""
        return self.length if self.length is not None and self.held is not None and self.held <= self.length else None
