"""Evaluation: the part of a run in which a schedule is planned, the values of its planned parts, and their periods."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import MAX_EMAX, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, inf
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, final

import numpy as np

from paramsched.core.calls.number_checks import MOST_COUNT
from paramsched.core.curves.arrays import Array, Floats, quiet, require_numbers
from paramsched.core.schedules.messages import evaluation as messages
from paramsched.core.time.duration import MOST_AMOUNT, Duration, DurationLike, Number, exact_number, within_digits
from paramsched.core.time.run_facts import RunFacts

# A base is a column. `[[b0], [b1], …]` gives a row of values for each base. `[[1], [0]]`, with `[[0], [1]]` for
# absolute values, gives the two rows A and C of A(t) * base + C(t), which are valid for every base. Without absolute
# levels the number 1.0 gives the row A. So a formula is written once, in NumPy.

_PIECE: Final = 49152  # updates evaluated at once, so that temporaries fit in the cache (benchmarks/test_curve.py)

MAX_LENGTH: Final = MOST_COUNT
"""The maximum length, in updates."""


def product(x: Array, y: Array) -> Array:
    """Return x * y, with 0 * inf = 0: a base of 0 stays 0, however large its factor is."""
    values = x * y
    # min() of an array with a NaN is NaN, so one pass over the values is usually enough.
    if not isinstance(values, np.ndarray):
        return 0.0 if values != values and x == x and y == y else values
    if values.size and np.isnan(values.min()):
        values = np.where(np.isnan(values) & ~np.isnan(x) & ~np.isnan(y), 0.0, values)
    return values


@final
class Base(NamedTuple):
    """The base of an evaluation: a level is a multiple of it.

    Args:
        value: the base: a number, an array with a value for each time, or a column of bases.
        absolute_unit: what an absolute value multiplies: 1, or a column.
        is_factor: True if a multiple of the base is its factor, of the same type.
    """

    value: Any
    absolute_unit: Any = 1.0
    is_factor: bool = False

    def times(self, factor: Array) -> Array:
        """Return the values of multiples of base."""
        return factor if self.is_factor else product(factor, self.value)

    def scaled(self, factor: Array) -> "Base":
        """Return the base multiplied by a factor at each time."""
        return Base(self.times(factor), self.absolute_unit)

    def at_times(self, index: Any, size: int) -> "Base":
        """Return the base at some of `size` times."""
        has_times = np.ndim(self.value) and self.value.shape[-1] == size and size > 1
        return Base(self.value[..., index], self.absolute_unit) if has_times else self

    @property
    def rows(self) -> tuple[int, ...]:
        """The shape of values without their times."""
        return max(np.shape(self.value)[:-1], np.shape(self.absolute_unit)[:-1], key=len)


FACTOR: Final = Base(1.0, is_factor=True)
"""The base whose values are the factors of base of a schedule without absolute levels."""
ROWS: Final = Base(np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]]))
"""The base whose values are two rows: the multiples of base, and the absolute values."""
ONE: Final = Base(1.0)
"""A base of 1."""


class EvaluatedSchedule(Protocol):
    """The attributes of a schedule that this module uses."""

    @property
    def affine(self) -> bool: ...
    @property
    def has_absolute(self) -> bool: ...
    @property
    def planned(self) -> "PlannedSchedule": ...


def for_base(schedule: EvaluatedSchedule, values: Callable[[Array, Base], Array], t: Array, base: Any) -> Array:
    """Return the values of a schedule for a base, which is applied last if the schedule is affine."""
    if not schedule.affine:
        return values(t, Base(base))
    if not schedule.has_absolute:
        return product(values(t, FACTOR), base)
    factor, offset = np.broadcast_to(values(t, ROWS), (2, t.size))
    return product(factor, base) + offset


def value_at(schedule: EvaluatedSchedule, t: Any, base: Any) -> Any:
    """Evaluate a schedule at `t` for `base`. Calling a schedule calls this function."""
    require_numbers(t, base)
    base = checked_base(base)
    times = checked_times(t)
    if isinstance(base, float) and not isinstance(base, np.generic):
        values = evaluate(schedule, times.reshape(-1), base)
        return float(values[0]) if times.ndim == 0 and not isinstance(t, np.ndarray) else values.reshape(times.shape)
    bases: Array = base
    values = _for_many_bases(schedule, times, np.asarray(bases, dtype=np.float64))
    if np.issubdtype(bases.dtype, np.floating):
        values = values.astype(bases.dtype, copy=False)
    return values[()]


@quiet
def evaluate(schedule: EvaluatedSchedule, times: Array, base: float) -> Floats:
    """Return the values at a 1-d NumPy array of times for one base, as float64.

    A value does not depend, not even in its last bit, on how many times are evaluated together.
    """
    times = np.ascontiguousarray(times)
    values = schedule.planned.values
    is_factor = schedule.affine and not schedule.has_absolute and bool(base)
    out = np.empty(times.size)
    for begin in range(0, times.size, _PIECE):
        t = times[begin : begin + _PIECE]
        here = out[begin : begin + _PIECE]
        if is_factor:
            np.multiply(values(t, FACTOR), base, out=here)
        else:
            here[:] = for_base(schedule, values, t, base)
    return out


@quiet
def columns(schedule: EvaluatedSchedule, times: Array | float) -> tuple[Floats, Floats | None]:
    """Return the factors of base of an affine schedule at some times, and its absolute values; None if it has none."""
    times = np.atleast_1d(times)
    if not schedule.has_absolute:
        return np.array(np.broadcast_to(schedule.planned.values(times, FACTOR), times.shape)), None
    factor, value = np.broadcast_to(schedule.planned.values(times, ROWS), (2, times.size))
    return factor, value


def factors_at(schedule: EvaluatedSchedule, times: Array | float) -> Floats | None:
    """Return the factors of base at some times; None if the values are not only multiples of base."""
    return columns(schedule, times)[0] if schedule.affine and not schedule.has_absolute else None


@quiet
def rows_at(schedule: EvaluatedSchedule, times: Array | float, bases: Floats) -> Array:
    """Return the values at some times, a row each, with a column for each base; equal to those of `evaluate`."""
    if schedule.affine:
        factor, value = columns(schedule, times)
        rows = product(factor[:, None], bases)
        return rows if value is None else rows + value[:, None]
    times = np.atleast_1d(times)
    unique, indices = np.unique(bases, return_inverse=True)
    values = schedule.planned.values(times, Base(unique[:, None]))
    return np.broadcast_to(values, (unique.size, times.size))[indices].T


def values_by_base(schedule: EvaluatedSchedule, times: Array) -> Callable[[float], Floats]:
    """Return a function of the base whose values are those of `evaluate`, with the formula computed once."""
    factors = factors_at(schedule, times) if times.size <= _PIECE else None
    if factors is None:
        return lambda base: evaluate(schedule, times, base)
    return quiet(lambda base: np.asarray(product(factors, base)))


def depends_on_base(schedule: EvaluatedSchedule, times: Array, base: float = 1.0, other_base: float = 2.0) -> bool:
    """Return whether a schedule has different values at some of the times for two bases."""
    return not np.array_equal(evaluate(schedule, times, base), evaluate(schedule, times, other_base))


@quiet
def _for_many_bases(schedule: EvaluatedSchedule, times: Array, bases: Array) -> Floats:
    """Return the values for an array of bases. Each value is the same as if its base were passed alone."""
    try:
        shape = np.broadcast_shapes(times.shape, bases.shape)
    except ValueError:
        raise messages.shapes_do_not_broadcast(times.shape, bases.shape) from None
    values = schedule.planned.values
    flat = times.reshape(-1)
    if not schedule.affine:
        many_times, many_bases = (np.array(np.broadcast_to(array, shape)).reshape(-1) for array in (times, bases))
        return np.array(np.broadcast_to(values(many_times, Base(many_bases)), many_times.shape)).reshape(shape)
    if not schedule.has_absolute:
        factor = np.broadcast_to(values(flat, FACTOR), flat.shape).reshape(times.shape)
        return np.array(np.broadcast_to(product(factor, bases), shape))
    factor, offset = np.broadcast_to(values(flat, ROWS), (2, flat.size)).reshape(2, *times.shape)
    return np.array(np.broadcast_to(product(factor, bases) + offset, shape))


def checked_times(t: Any) -> Array:
    """Check Python or NumPy times, and return them as a NumPy array."""
    if isinstance(t, (bool, str, bytes)):
        raise messages.time_is_not_a_number(t)
    if isinstance(t, (int, float)):
        if not 0 <= t < inf:
            raise messages.time_out_of_range(t)
        if isinstance(t, int) and t > MAX_LENGTH:
            raise messages.time_too_late(t, MAX_LENGTH)
        return np.asarray(t)
    try:
        times = np.asarray(t)
    except ValueError:  # lists of different lengths
        raise messages.times_are_not_an_array(t) from None
    return _checked_array(times)


def _checked_array(times: Array) -> Array:
    """Check an array of times, and return it in one of two types: int64 or float64."""
    if times.dtype.kind not in "iuf":
        raise messages.times_are_not_numbers(times.dtype)
    if times.dtype == np.int64 and (not times.size or times.view(np.uint64).max() <= MAX_LENGTH):
        return np.ascontiguousarray(times).reshape(times.shape)  # one pass: a negative number is a large unsigned one
    first, last = (times.min(), times.max()) if times.size else (0, 0)
    if not (first >= 0 and np.isfinite(last)):
        raise messages.times_out_of_range(first, last)
    if times.dtype.kind == "f":
        return np.ascontiguousarray(times, dtype=np.float64).reshape(times.shape)
    if last > MAX_LENGTH:
        raise messages.times_too_late(last, MAX_LENGTH)
    return np.ascontiguousarray(times, dtype=np.int64).reshape(times.shape)


def checked_base(base: Any) -> Any:
    """Check a base. Return a Python number as a float, and another base as an array."""
    if isinstance(base, (int, float)) and not isinstance(base, np.generic):
        try:
            value = float(base)
        except OverflowError:  # an integer of more than 308 digits
            value = inf
        if not -inf < value < inf:
            raise messages.base_is_not_finite(value)
        return value
    bases = np.asarray(base)
    if bases.dtype.kind not in "biuf":
        raise messages.bases_are_not_real(base, bases.dtype)
    if not np.isfinite(bases).all():
        raise messages.bases_are_not_finite(base)
    return bases


Rounding: TypeAlias = Literal["up", "nearest", "floor", "exact"]
"""How a boundary between two updates is rounded: up, to the nearest, down, or not."""

_ROUNDED: Final[dict[Rounding, Callable[[Fraction], Number]]] = {
    "up": ceil, "nearest": round, "floor": floor, "exact": within_digits,
}  # fmt: skip


class Clock(Protocol):
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

    def for_run(self, length: Duration) -> "tuple[Clock, Fraction]":
        """Return a pair: the clock of a run of `length`, to which percentages refer, and its exact length."""


@final
@dataclass(frozen=True, slots=True)
class Span:
    """The start and the latest end of a schedule in the run, both exact.

    Every boundary is rounded once, counted from the start of the run, so that lengths add up to the total. Boundaries
    are rounded up by default. In cycles of fractional length they are not rounded, because cycles start at different
    fractions of an update and must be alike.

    Args:
        clock: converts lengths to counts.
        begin: the start, in counts from the start of the run.
        end: the latest end, likewise; None if the length of the run is unknown.
        run_end: the end of the enclosing run, window or cycle, which may be later than the end of a stage.
        staged: True if the schedule is a stage or in a window, so that it has its own end.
        rounding: how boundaries are rounded.
        origin: the start of the sequence that contains the stage; None after an open-ended stage.
        restarted: True if the schedule is in a cycle, whose clock restarts.
        run: the span of the run, if `clock` or `run_end` is not that of the run.
    """

    clock: Clock
    begin: Fraction
    end: Fraction | None
    run_end: Fraction | None
    staged: bool = False
    rounding: Rounding = "up"
    origin: Fraction | None = Fraction(0)
    restarted: bool = False
    run: "Span | None" = None

    @staticmethod
    def of_run(clock: Clock, length: Fraction | int | None) -> "Span":
        """Return the span of a run of `length` counts."""
        end = None if length is None else Fraction(length)
        return Span(clock, Fraction(0), end, end)

    @property
    def of_whole_run(self) -> "Span":
        """The span of the run that contains this span."""
        return Span.of_run(self.clock, self.run_end) if self.run is None else self.run

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
            raise messages.until_of_no_stage(str(duration), str(Duration(duration.terms)))
        return self.clock.exact(duration, begin=self.begin)

    def exact_length(self, over: DurationLike) -> Fraction:
        """Return the exact count of a length that starts with the span, or that ends at an `until`."""
        length = Duration.of(over)
        if not length.until:
            return self.clock.exact(length, begin=self.begin)
        if self.origin is None:
            raise messages.until_after_open_stage(str(length))
        end = self.origin + self.clock.exact(Duration(length.terms), begin=self.origin)
        if end < self.begin:
            begins, ends = (self.clock.count_text(time - self.origin) for time in (self.begin, end))
            raise messages.until_before_start(str(length), begins, ends)
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
            raise messages.length_below_zero(length, self.clock.count_text(Fraction(counts)))
        return counts

    def scale(self, scale: DurationLike) -> Number:
        """Return a length by which time is divided: not rounded, even if it is shorter than an update."""
        return within_digits(self.exact(scale))

    def period(self, period: DurationLike) -> Number:
        """Return a period: at least 1, not rounded, the same wherever it starts, or its multiples would drift."""
        return within_digits(max(Fraction(1), self.exact(period)))

    def up_to_boundary(self, size: Number) -> Number:
        """Return the counts of a length that is not rounded itself, or up to its boundary if that is earlier."""
        return size if self.rounding == "exact" else min(size, self._since_begin(self.begin + size))

    def before(self, length: DurationLike) -> Fraction:
        """Return the exact count of a length that ends at the start of the span.

        If the length would start before the run, it is counted from the start of the run instead.
        """
        if not self.clock.varies:
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

    def delayed(self, begin: Fraction) -> "Span":
        """Return the rest of the span for a schedule whose time counts from `begin`."""
        return replace(self, begin=begin, origin=begin)

    def window(self, begin: Fraction, end: Fraction | None) -> "Span":
        """Return the span of a window or cycle inside this span. Its schedule is planned as for an entire run."""
        run = self.of_whole_run
        return replace(self, begin=begin, end=end, run_end=end, staged=True, origin=begin, run=run)

    def cycle(self, period: Number) -> "Span":
        """Return the first cycle of the span."""
        cycle = replace(self.window(self.begin, self.begin + period), restarted=True)
        return cycle if period.denominator == 1 else replace(cycle, rounding="exact")

    @property
    def of_planned(self) -> "Span":
        """The span in which a part that is planned in this span is planned again: its boundaries stay the same."""
        return replace(IN_UPDATES, rounding=self.rounding)

    def whole(self, begin: Fraction, end: Fraction | None, length: DurationLike | None) -> "Span":
        """Return the span for which a schedule is planned if only a part of it is used.

        It starts at `begin`, and ends at `end` or has the given `length`.

        Args:
            length: the length of the run to plan for instead of this run; percentages refer to it.
        """
        if length is None:
            return replace(self, begin=begin, end=end, staged=False)
        clock, total = self.clock.for_run(Duration.of(length))
        if total <= 0:
            raise messages.other_run_is_empty(length)
        end = begin + total
        return replace(self, clock=clock, begin=begin, end=end, run_end=end, staged=False, run=self.of_whole_run)


IN_UPDATES: Final = Span.of_run(RunFacts(), None)
"""The span of a schedule whose lengths are in updates."""

Edges: TypeAlias = Callable[[Number, Number], Iterable[Number]]
"""A function of two times: the times between them at which a formula changes, in any order."""


def _no_edges(since: Number, until: Number) -> Iterable[Number]:
    del since, until
    return ()


@final
@dataclass(frozen=True, slots=True)
class PlannedSchedule:
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


# The k-th boundary of a period is its k-th multiple, rounded up once. If a period takes p/q updates, floor(t * q / p)
# are complete at update t. These are integers until the division, so every cycle is as exact as the first.

CycleRounding: TypeAlias = Literal["exact", "nearest", "floor"]
"""How growing cycles are rounded: not, each to the nearest update, or down before the next one grows."""

_FAR: Final = 2**53
"""The largest number of updates below which floats represent every integer."""


def split(t: Array, period: Any, times: int | None = None) -> tuple[Array, Array]:
    """Return the complete periods at each time and the time since the last one.

    Args:
        t: an array of times.
        period: the exact period.
        times: the number of periods, the last of which never completes; None for no end.
    """
    cycle, since = _split_integers(t, period) if t.dtype.kind in "iu" else _split_floats(t, period)
    if times is None:
        return cycle, since
    size = period.numerator if period.denominator == 1 else float(period)
    if period.denominator == 1:
        last = np.minimum(cycle, times - 1)
        return last, np.minimum(t - last * size, size)
    return np.minimum(cycle, times - 1), np.where(cycle >= times, size, since)


def _split_integers(t: Array, period: Number) -> tuple[Array, Array]:
    p = period.numerator
    q = period.denominator
    if q == 1:  # at most twice the largest length, so within 64 bits
        cycle = t // p
        return cycle, t - cycle * p
    if max(int(t.max(initial=0)), 1) * q < 2**63 and p < 2**63:
        cycle, parts = np.divmod(t * q, p)
        return cycle, parts / float(q)
    pairs = [divmod(value * q, p) for value in t.reshape(-1).tolist()]  # Python's integers have no limit
    cycles, rests = (np.array(numbers).reshape(t.shape) for numbers in zip(*pairs, strict=True))
    return cycles, rests.astype(np.float64) / float(q)


def _split_floats(t: Array, period: Number) -> tuple[Array, Array]:
    """Return the same for float times; an integer has the result of that integer.

    Other times occur only in cycles of fractional length. For them float arithmetic decides whether a period is
    complete.
    """
    p = float(period.numerator)
    q = float(period.denominator)
    cycle = np.floor(t / float(period))
    cycle = np.where((cycle + 1) * p / q <= t, cycle + 1, cycle)
    cycle = np.where(cycle * p / q > t, cycle - 1, cycle)
    since = t - cycle * p / q
    whole = (np.floor(t) == t) & (t < _FAR)
    if whole.any():
        exact, rest = _split_integers(np.where(whole, t, 0).astype(np.int64), period)
        cycle = np.where(whole, exact, cycle)
        since = np.where(whole, rest, since)
    return cycle, since


_ROUNDING: Final = 2.0**-50
"""The relative error of two divisions and a difference of floats."""


def last_boundary(t: Array, period: Number) -> Array:
    """For each time, return the latest multiple of `period`, rounded up to an update, that is not after it."""
    cycle, since = split(t, period)
    if period.denominator == 1:
        return cycle * period.numerator
    if t.dtype.kind in "iu":
        return t - np.floor(since).astype(np.int64)
    return t - np.floor(since + t * _ROUNDING)


def multiples(period: Number, since: Number, until: Number) -> Iterable[Number]:
    """Return the exact multiples of a period between two times that are not negative."""
    first = int(max(-(-since // period), 0))
    if period.denominator == 1:
        return range(first * period.numerator, int(until) + 1, period.numerator)
    return (exact_number(k * period) for k in range(first, int(until // period) + 1))


# ---------------------------------------------------------------- cycles that grow


@final
class CycleSpans:
    """The starts and lengths of cycles, up to the largest integer that floats represent exactly.

    Args:
        first: the exact length of the first cycle.
        begins, sizes: the start and the length of each cycle, as integers, or as decimals of 60 digits.
    """

    def __init__(self, first: Number, begins: Sequence[int | Decimal], sizes: Sequence[int | Decimal]) -> None:
        self._first = first
        self._exact = (begins, sizes)
        self.end = _snapped(_snapped(begins[-1]) + (first if len(sizes) == 1 else _snapped(sizes[-1])))
        whole = all(isinstance(_snapped(begin), int) for begin in (*begins, *sizes)) and sizes[-1] <= MAX_LENGTH
        dtype: Any = np.int64 if whole else np.float64
        self._begins, self._sizes = (
            np.array([round(number) for number in exact] if whole else exact, dtype) for exact in self._exact
        )

    def split(self, t: Array) -> tuple[Array, Array, Array]:
        """Return the index of the cycle of each time, the time since its start, and its length."""
        cycle = np.searchsorted(self._begins[1:], t, side="right")
        return cycle, t - self._begins[cycle], self._sizes[cycle]

    def between(self, since: Number, until: Number) -> Iterator[tuple[Number, Number]]:
        """Yield the exact start and length of each cycle that has a time from `since` to `until`."""
        first = int(np.searchsorted(self._begins, float(since))) - 2
        last = int(np.searchsorted(self._begins, float(until), side="right"))
        for index in range(max(first, 0), last):
            begin, size = (_snapped(exact[index]) for exact in self._exact)
            size = size if index else self._first
            # Only the cycles at both ends may be outside, because floats are rounded.
            if first + 2 < index < last - 1 or (begin <= until and since <= begin + size):
                yield begin, size


@lru_cache(maxsize=16)
def growing_cycles(first: Number, mult: float, lengths: CycleRounding, times: int | None) -> CycleSpans:
    """Return cycles of which each is `mult` times as long as the last; `times` of them, or all for None."""
    if lengths == "exact":
        with localcontext() as context:
            context.prec = 60
            ratio = Decimal(repr(mult))
            exact = Decimal(first.numerator) / first.denominator
            begin = Decimal(0)
            far = Decimal(_FAR)
            starts = [begin]
            lasting = [exact]
            begin += exact
            while begin <= far and len(starts) != times:
                exact = exact * ratio
                starts.append(begin)
                lasting.append(exact)
                begin += exact
        return CycleSpans(first, starts, lasting)
    begins = [0]
    sizes = [int(first)]
    size = float(int(first))
    while begins[-1] + sizes[-1] <= _FAR and len(sizes) != times:
        begins.append(begins[-1] + sizes[-1])
        size = min(size * mult, 2.0 * _FAR)
        size = float(int(size)) if lengths == "floor" else size
        sizes.append(round(size))
    return CycleSpans(int(first), begins, sizes)


def end_of_cycles(period: Number, mult: float, lengths: CycleRounding, times: int) -> Number:
    """Return the end of the last of `times` cycles."""
    if mult == 1:
        return exact_number(Fraction(period) * times)
    return growing_cycles(period if lengths == "exact" else ceil(period), mult, lengths, times).end


_SUM_DIGITS: Final = 120
"""The digits of a sum of cycles that has too many digits as an exact fraction."""


def sum_of_cycles(mult: float, times: int) -> Fraction:
    """Return the total length of `times` cycles, as a multiple of the first cycle; at most 1e18."""
    ratio = Fraction(repr(mult))
    if ratio == 1:
        return Fraction(times)
    if times * len(str(ratio.denominator)) <= _SUM_DIGITS:
        return min((ratio**times - 1) / (ratio - 1), MOST_AMOUNT)
    with localcontext() as context:
        context.prec = _SUM_DIGITS
        context.Emax = MAX_EMAX
        exact = Decimal(repr(mult))
        return Fraction(min((exact**times - 1) / (exact - 1), Decimal(MOST_AMOUNT.numerator)))


def fitting_times(mult: float, times: int, available: Fraction) -> int:
    """Return the largest number of cycles, at most `times`, that fit in `available` if each has at least one update."""
    if mult == 1:
        return max(1, min(times, int(available)))
    fitting = 1
    size = mult
    total = 1.0
    while fitting < times and total + size <= available:
        total = total + size
        size = size * mult
        fitting = fitting + 1
    return fitting


_SNAP: Final[dict[type, Any]] = {Decimal: Decimal("1e-30"), Fraction: Fraction(1, 10**30), int: 1}
"""A difference from an integer that is only due to rounding."""


def _snapped(number: int | Decimal | Fraction) -> Number:
    """Return the nearest integer if the number differs from it only by rounding, else the number."""
    whole = round(number)
    return whole if abs(number - whole) < _SNAP[type(number)] else Fraction(number)
