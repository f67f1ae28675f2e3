"""Lengths of stages, and the part of a run that a schedule fills."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache, lru_cache
from math import ceil, floor
from typing import Any, Literal, Protocol, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import FARTHEST, Array, Arrays, Floats, Integers
from paramsched.core.number_checks import MOST_COUNT, checked, finite_number, one_of
from paramsched.core.time import Duration
from paramsched.errors import CallSite, InvalidArgument, site_with_value

Rounding: TypeAlias = Literal["up", "nearest", "floor", "exact"]
"""How a boundary between two updates is rounded: up, to the nearest, down, or not."""


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
        begin: the start, in updates from the start of the run.
        end: the latest end, likewise; None if the length of the run is unknown.
        run_end: the end of the enclosing run, window or cycle, which may be later than the end of a stage.
        staged: True if the schedule is a stage or in a window, so that it has its own end.
        origin: the start of the sequence that contains the stage; None after an open-ended stage.
        restarted: True if the schedule is in a cycle, whose clock restarts.
        run: the span of the run, if `units` or `run_end` is not that of the run.
        grid: the number of possible boundaries in one count of the clock: 1000 for seconds.
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
    grid: int = 1

    @staticmethod
    def of_run(units: Units, length: Fraction | int | None, grid: int = 1) -> "Span":
        """Return the span of a run of `length` updates."""
        end = None if length is None else Fraction(length)
        return Span(units, Fraction(0), end, end, grid=grid)

    @property
    def of_whole_run(self) -> "Span":
        """The span of the run that contains this span."""
        return Span.of_run(self.units, self.run_end, self.grid) if self.run is None else self.run

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
        return self.units.exact(duration, begin=self.begin)

    def before(self, duration: Duration) -> Fraction:
        """Return the exact count of a length that ends at the start of the span.

        If the length would start before the run, it is counted from the start of the run instead.
        """
        if not self.units.varies:
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
            found = f"the length resolves to {self.units.count_text(Fraction(updates))}; it must not be negative"
            raise InvalidArgument(f'length "{length}"', found, "Use a longer length")
        return Duration.of_updates(updates)

    def period(self, duration: Duration) -> Duration:
        """Return a period in updates: at least 1, not rounded, the same wherever it starts."""
        return Duration.of_updates(max(Fraction(1, self.grid), self.exact(duration)))

    def cycle(self, period: Duration) -> "Span":
        """Return the first cycle of the span, for a resolved period."""
        cycle = replace(self.part(self.begin, self.begin + period.number), restarted=True)
        return cycle if period.is_resolved else replace(cycle, rounding="exact")

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
        units, total = self.units.for_run(length)
        if total <= 0:
            raise InvalidArgument(
                f'of="{length}"', "the run must be longer than 0", 'For example: of="20 epochs", or omit it'
            )
        end, run = begin + total, self.of_whole_run
        return replace(self, units=units, begin=begin, end=end, run_end=end, staged=False, run=run)


_FILLED_UNTIL = 'warmup("5%") >> cosine(over="until 80%") >> linear(start=0.1)'


PERIOD = {"role": "period"}
"""Metadata of a Duration field that is a period of repetition: at least one update, and not rounded.

Rounding the period would make its multiples drift.

A formula uses `.count`, or passes the exact `.number` to the functions for periods.
"""

SCALE = {"role": "scale"}
"""Metadata of a Duration field by which time is divided: not rounded, even if it is shorter than an update."""

FILLS = {"role": "fills"}
"""Metadata of the field that is the length of a shape; None takes the rest of the run."""

OPEN = {"role": "open"}
"""Metadata of the field that is the length of a shape; with None the shape has no end."""

LENGTH = {"role": "length"}
"""Metadata of the field that is the length of a shape that always has a length."""


@cache
def length_field(kind: type, *roles: str) -> str | None:
    """Return the name of the first field of a class whose metadata have one of the roles; None if there is none."""
    return next((field.name for field in fields(kind) if field.metadata.get("role") in roles), None)


def is_resolved_field(kind: type, name: str, length: Duration, *, whole: bool) -> bool:
    """Return whether the length in a field is in updates and valid for its role."""
    amount = length.exact
    if amount is None:
        return False
    role = _roles_of(kind)[name]
    return role == "scale" or (amount >= 1 if role == "period" else amount.denominator == 1 or not whole)


@cache
def _roles_of(kind: type) -> dict[str, str | None]:
    return {field.name: field.metadata.get("role") for field in fields(kind)}


def positive_length(site: CallSite, duration: object) -> Duration:
    """Check a period or a time scale, which must be greater than 0."""
    if not isinstance(duration, Duration):
        raise InvalidArgument(
            site, f"expected a Duration, got {type(duration).__name__}", "For example: Duration.of(30)"
        )
    if not duration.terms:
        raise InvalidArgument(site_with_value(site, 0), "must be greater than 0", example="30")
    return duration


POSITIVE_PERIOD, POSITIVE_SCALE = PERIOD | checked(positive_length), SCALE | checked(positive_length)
"""Metadata of a period and of a scale that must be above 0."""

Lengths: TypeAlias = Literal["exact", "nearest", "floor"]
"""How growing cycles are rounded: not, each to the nearest update, or down before the next one grows."""

ROUNDING_OF_CYCLES = one_of(Lengths, "rounding")
"""Metadata of a field with a value of `Lengths`."""

_FAR = 2.0**53  # updates; above it floats do not represent every integer
_LEAST_GROWTH = 1.001
_MAX_GROWING = 50_000  # the largest number of growing cycles; they are longer than any time that can be counted


@final
@dataclass(frozen=True, slots=True)
class CycleTable:
    """The starts and lengths of cycles, as exact numbers and as arrays, up to the largest integer exact in a float."""

    begins: tuple[int | Fraction, ...]
    sizes: tuple[int | Fraction, ...]
    begin_array: Integers | Floats
    size_array: Integers | Floats

    @property
    def end(self) -> int | Fraction:
        return _snap_to_integer(Fraction(self.begins[-1] + self.sizes[-1]))

    def split(self, t: Array, ops: Arrays) -> tuple[Array, Array, Array]:
        """Return three arrays for the times: the index of each cycle, the time since its start, and its length."""
        # Found in the table, because a logarithm that is rounded down could return the previous cycle.
        cycle = ops.reached(self.begin_array[1:].tolist(), t)
        size = self.size_array[cycle]
        return cycle, ops.since(t, self.begin_array[cycle]), size


@lru_cache(maxsize=64)
def cycle_table(first: int | Fraction, mult: float, lengths: Lengths, times: int | None = None) -> CycleTable:
    """Return the table of `times` cycles, or of all cycles for None. The first cycle has the length `first`."""
    begins: list[int | Fraction] = [0]
    if lengths == "exact":
        sizes: list[int | Fraction] = [first]
        with localcontext() as context:
            context.prec = 60
            ratio, exact, begin = Decimal(repr(mult)), Decimal(first.numerator) / first.denominator, Decimal(0)
            while begin + exact <= _FAR and len(sizes) != times:
                begin, exact = begin + exact, exact * ratio
                begins.append(_snap_to_integer(Fraction(begin)))
                sizes.append(_snap_to_integer(Fraction(exact)))
    else:
        whole = int(first)
        sizes, size = [whole], float(whole)
        while begins[-1] + sizes[-1] <= _FAR and len(sizes) != times:
            begins.append(begins[-1] + sizes[-1])
            size = min(size * mult, 2 * _FAR)
            if lengths == "floor":
                size = float(int(size))
            sizes.append(round(size))
    whole_numbers = all(isinstance(one, int) for one in (*begins, *sizes)) and sizes[-1] <= MOST_COUNT
    kind: Any = np.int64 if whole_numbers else np.float64
    return CycleTable(tuple(begins), tuple(sizes), np.array(begins, dtype=kind), np.array(sizes, dtype=kind))


def end_of_cycles(period: int | Fraction, mult: float, lengths: Lengths, times: int) -> int | Fraction:
    """Return the end of the last of `times` cycles."""
    if mult == 1:
        return period * times
    return cycle_table(period if lengths == "exact" else ceil(period), mult, lengths, times).end


def length_of_cycles(every: Duration, mult: float, lengths: Lengths, times: int) -> Duration:
    """Return the length of `times` cycles, up to the first update after them."""
    if (period := every.exact) is not None:
        return Duration.of(ceil(end_of_cycles(max(period, Fraction(1)), mult, lengths, times)))
    whole = sum_of_cycles(mult, times)
    return Duration(tuple((unit, amount * whole) for unit, amount in every.terms))


def _snap_to_integer(number: Fraction) -> int | Fraction:
    """Return the nearest integer if the number differs from it only by rounding, else the number."""
    whole = round(number)
    return whole if abs(number - whole) < Fraction(1, 10**30) else number


def stretched_time(offset: int | Fraction, size: int | Fraction, first: int | Fraction) -> int | Fraction:
    """Convert a time in a cycle of length `first` to the corresponding time in a cycle of length `size`."""
    return offset if size == first else _snap_to_integer(Fraction(offset) * Fraction(size) / Fraction(first))


def sum_of_cycles(mult: float, times: int) -> Fraction:
    """Return the total length of `times` cycles, as a multiple of the first cycle."""
    ratio = Fraction(repr(mult))
    return Fraction(times) if ratio == 1 else (pow(ratio, times) - 1) / (ratio - 1)


def fitting_times(mult: float, times: int, room: Fraction) -> int:
    """Return the largest number of cycles, at most `times`, that fit in `room` if each has at least one update."""
    if mult == 1:
        return max(1, min(times, int(room)))
    fitting, size, total = 1, mult, 1.0
    while fitting < times and total + size <= room:
        total, size, fitting = total + size, size * mult, fitting + 1
    return fitting


def checked_growth(site: CallSite, mult: object) -> float:
    """Check the ratio of two consecutive cycles: 1, or large enough for a finite table."""
    value = finite_number(site, mult)
    site = replace(site, value=repr(mult))
    if value < 1:
        raise InvalidArgument(site, "must be at least 1: cycles must not shrink", example="mult=1")
    if value > MOST_COUNT:
        found = f"expected at most {MOST_COUNT:.0e}"
        raise InvalidArgument(site, found, example="mult=2")
    if 1 < value < _LEAST_GROWTH:  # a slower growth needs too many cycles for the table
        found = f"expected 1, or at least {_LEAST_GROWTH}"
        raise InvalidArgument(site, found, example="mult=1")
    return value


def require_lengths(name: str, lengths: str, mult: float, first: Fraction | None, times: int | None) -> None:
    """Reject invalid arguments of growing cycles.

    Args:
        first: the length of the first cycle in updates, if known.
    """
    if mult != 1 and times is not None and times > _MAX_GROWING:
        found = f"expected at most {_MAX_GROWING} growing cycles"
        raise InvalidArgument(CallSite(name, "times", str(times)), found, "Omit times")
    if lengths == "floor" and mult > 1 and first is not None and int(int(first) * mult) == int(first):
        found = f"cycles of {int(first)} updates do not grow: int({int(first)} * {mult!r}) is {int(first)}"
        raise InvalidArgument(CallSite(name, "lengths", repr(lengths)), found, example='lengths="exact"')


# Periods: the number of complete periods at a time, and the elapsed part of the current one.
#
# The k-th boundary of a period is its k-th multiple, rounded up once. If a period takes p/q updates, then
# k = floor(t * q / p) periods are complete at update t, and (t * q - k * p) / q updates of the next one have elapsed.
# These are integers until the division, so every cycle is as exact as the first.


def complete_periods(t: Array, period: int | Fraction, ops: Arrays) -> Array:
    """Return the number of complete periods at each time."""
    if period.denominator == 1:
        return ops.periods(t, period.numerator)
    return _split_integers(t, period)[0] if ops.is_whole(t) else _split_floats(t, period, ops)[0]


def split_periods(t: Array, period: int | Fraction, ops: Arrays, times: int | None = None) -> tuple[Array, Array]:
    """Return the number of complete periods and the updates since the last one.

    The result is a pair of arrays. If `times` is not None, the last of `times` periods never completes.
    """
    if period.denominator == 1:
        size = period.numerator
        cycle = ops.periods(t, size)
        if times is None:
            return cycle, ops.since(t, cycle * size)
        cycle = ops.at_most(cycle, times - 1)
        return cycle, ops.at_most(ops.since(t, cycle * size), size)
    if ops.is_whole(t):
        cycle, parts, size = _split_integers(t, period)
        since = ops.floating(parts) / float(size)
    else:
        cycle, since, _ = _split_floats(t, period, ops)
    if times is None:
        return cycle, since
    return ops.at_most(cycle, times - 1), ops.where(cycle >= times, float(period), since)


def last_boundary(t: Array, period: int | Fraction, ops: Arrays) -> Array:
    """For each time, return the latest multiple of `period`, rounded up to an update, that is not after it."""
    if period.denominator == 1:
        return ops.periods(t, period.numerator) * period.numerator
    if ops.is_whole(t):
        _, parts, size = _split_integers(t, period)
        return t - parts // size
    cycle, _, since = _split_floats(t, period, ops)
    return cycle * float(period.numerator) / float(period.denominator) if ops.in_seconds else t - since


def boundaries(period: int | Fraction, until: int, begin: int = 0) -> Iterable[int | Fraction]:
    """Return the exact multiples of a period from `begin` to `until` that are not negative."""
    first = max(-(-begin // period), 0)
    if period.denominator == 1:
        return range(first * period.numerator, until + 1, period.numerator)
    return (number * period for number in range(first, int(until // period) + 1))


_ROUNDING = 2.0**-50  # the relative error of two divisions and a difference of floats


def _split_floats(t: Array, period: Fraction | int, ops: Arrays) -> tuple[Array, Array, Array]:
    """Return three arrays for float times.

    They are the number of complete periods, the updates since the last one, and the integer part of those updates. A
    float that is an integer has the result of that integer. Other times occur only in cycles of fractional length;
    for them, float arithmetic decides whether a period is complete.
    """
    floor = np.floor(t)
    known = (floor == t) & (t < _FAR)
    over, parts, size = _split_integers(ops.whole(ops.where(known, floor, 0.0)), period)
    above, below = float(period.numerator), float(period.denominator)
    cycle = np.floor(t / float(period))
    cycle = ops.where((cycle + 1) * above / below <= t, cycle + 1, cycle)
    cycle = ops.where(cycle * above / below > t, cycle - 1, cycle)
    since = ops.since(t, cycle * above / below)
    whole = np.floor(since + t * _ROUNDING)
    return (
        ops.where(known, ops.floating(over), cycle),
        ops.where(known, ops.floating(parts) / float(size), since),
        ops.where(known, ops.floating(parts // size), whole),
    )


def _split_integers(t: Array, period: Fraction | int) -> tuple[Array, Array, int]:
    """Return (k, r, q) for integer times: k periods are complete, and r / q updates of the next one have elapsed.

    q periods take p updates. The remainder of t is multiplied by q digit by digit, so that no product overflows
    int64.
    """
    updates, cycles = _fitting_ratio(period, FARTHEST // 4)
    over, rest = t // updates * cycles, t % updates
    base = FARTHEST // (2 * updates)
    digits, left = [], cycles
    while left:
        left, digit = divmod(left, base)
        digits.append(digit)
    cycle, parts = rest * 0, rest * 0
    for digit in reversed(digits):
        parts = parts * base + rest * digit if len(digits) > 1 else rest * digit
        cycle = cycle * base + parts // updates if len(digits) > 1 else parts // updates
        parts = parts % updates
    return over + cycle, parts, cycles


@lru_cache(maxsize=256)
def _fitting_ratio(period: Fraction | int, most: int) -> tuple[int, int]:
    """Return a period as a pair (updates, cycles) of integers, with at most `most` updates.

    The ratio of cycles to updates is the largest one that is not above the exact ratio. For the first `most` updates, a
    multiple of the period is reached at the same update as with the exact ratio.
    """
    if period > most:  # the period completes at most once
        return min(ceil(period), 4 * most), 1
    exact = 1 / Fraction(period)
    near = exact.limit_denominator(most)
    if near <= exact:
        return near.denominator, near.numerator
    # The nearest fraction is above the exact ratio. The next smaller fraction with a denominator up to `most` is below.
    below = pow(near.numerator, -1, near.denominator)
    below += (most - below) // near.denominator * near.denominator
    return below, (near.numerator * below - 1) // near.denominator
