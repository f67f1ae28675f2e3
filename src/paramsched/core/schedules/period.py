"""Periods: how many are complete at a time, exactly; and cycles that grow.

The k-th boundary of a period is its k-th multiple, rounded up once. If a period takes p/q updates, floor(t * q / p) are
complete at update t. These are integers until the division, so every cycle is as exact as the first.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import MAX_EMAX, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Any, Final, Literal, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.time.duration import MOST_AMOUNT, Number, exact_number

Lengths: TypeAlias = Literal["exact", "nearest", "floor"]
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
    p, q = period.numerator, period.denominator
    if q == 1:
        cycle = t // p if p < 2**63 else t * 0
        return cycle, t - cycle * p if p < 2**63 else t
    if int(t.max(initial=0)) * q < 2**63 and p < 2**63:
        cycle, parts = np.divmod(t * q, p)
        return cycle, parts / float(q)
    pairs = [divmod(one * q, p) for one in t.reshape(-1).tolist()]  # Python's integers have no limit
    cycles, rests = (np.array(one).reshape(t.shape) for one in zip(*pairs, strict=True))
    return cycles, rests.astype(np.float64) / float(q)


def _split_floats(t: Array, period: Number) -> tuple[Array, Array]:
    """Return the same for float times; an integer has the result of that integer.

    Other times occur only in cycles of fractional length. For them float arithmetic decides whether a period is
    complete.
    """
    p, q = float(period.numerator), float(period.denominator)
    cycle = np.floor(t / float(period))
    cycle = np.where((cycle + 1) * p / q <= t, cycle + 1, cycle)
    cycle = np.where(cycle * p / q > t, cycle - 1, cycle)
    since = t - cycle * p / q
    whole = (np.floor(t) == t) & (t < _FAR)
    if whole.any():
        exact, rest = _split_integers(np.where(whole, t, 0).astype(np.int64), period)
        cycle, since = np.where(whole, exact, cycle), np.where(whole, rest, since)
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
class GrowingCycles:
    """The starts and lengths of cycles, up to the largest integer that floats represent exactly.

    Args:
        first: the exact length of the first cycle.
        begins, sizes: the start and the length of each cycle, as integers, or as decimals of 60 digits.
    """

    def __init__(self, first: Number, begins: Sequence[int | Decimal], sizes: Sequence[int | Decimal]) -> None:
        self._first, self._exact = first, (begins, sizes)
        self.end = _snapped(_snapped(begins[-1]) + (first if len(sizes) == 1 else _snapped(sizes[-1])))
        whole = all(isinstance(_snapped(one), int) for one in (*begins, *sizes)) and sizes[-1] <= 10**18
        kind: Any = np.int64 if whole else np.float64
        self._begins, self._sizes = (
            np.array([round(one) for one in exact] if whole else exact, kind) for exact in self._exact
        )

    def split(self, t: Array) -> tuple[Array, Array, Array]:
        """Return the index of the cycle of each time, the time since its start, and its length."""
        cycle = np.searchsorted(self._begins[1:], t, side="right")
        return cycle, t - self._begins[cycle], self._sizes[cycle]

    def between(self, since: Number, until: Number) -> Iterator[tuple[Number, Number]]:
        """Yield the exact start and length of each cycle that has a time from `since` to `until`."""
        first = int(np.searchsorted(self._begins, float(since))) - 2
        last = int(np.searchsorted(self._begins, float(until), side="right"))
        for place in range(max(first, 0), last):
            begin, size = (_snapped(exact[place]) for exact in self._exact)
            size = size if place else self._first
            # Only the cycles at both ends may be outside, because floats are rounded.
            if first + 2 < place < last - 1 or (begin <= until and since <= begin + size):
                yield begin, size


@lru_cache(maxsize=16)
def growing_cycles(first: Number, mult: float, lengths: Lengths, times: int | None) -> GrowingCycles:
    """Return cycles of which each is `mult` times as long as the last; `times` of them, or all for None."""
    if lengths == "exact":
        with localcontext() as context:
            context.prec = 60
            ratio, exact, begin, far = (
                Decimal(repr(mult)),
                Decimal(first.numerator) / first.denominator,
                Decimal(0),
                Decimal(_FAR),
            )
            starts, lasting = [begin], [exact]
            while (begin := begin + exact) <= far and len(starts) != times:
                exact = exact * ratio
                starts.append(begin)
                lasting.append(exact)
        return GrowingCycles(first, starts, lasting)
    begins, sizes, size = [0], [int(first)], float(int(first))
    while begins[-1] + sizes[-1] <= _FAR and len(sizes) != times:
        begins.append(begins[-1] + sizes[-1])
        size = min(size * mult, 2.0 * _FAR)
        size = float(int(size)) if lengths == "floor" else size
        sizes.append(round(size))
    return GrowingCycles(int(first), begins, sizes)


def end_of_cycles(period: Number, mult: float, lengths: Lengths, times: int) -> Number:
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
        context.prec, context.Emax = _SUM_DIGITS, MAX_EMAX
        exact = Decimal(repr(mult))
        return Fraction(min((exact**times - 1) / (exact - 1), Decimal(MOST_AMOUNT.numerator)))


def fitting_times(mult: float, times: int, available: Fraction) -> int:
    """Return the largest number of cycles, at most `times`, that fit in `available` if each has at least one update."""
    if mult == 1:
        return max(1, min(times, int(available)))
    fitting, size, total = 1, mult, 1.0
    while fitting < times and total + size <= available:
        total, size, fitting = total + size, size * mult, fitting + 1
    return fitting


_SNAP: Final[dict[type, Any]] = {Decimal: Decimal("1e-30"), Fraction: Fraction(1, 10**30), int: 1}
"""A difference from an integer that is only due to rounding."""


def _snapped(number: int | Decimal | Fraction) -> Number:
    """Return the nearest integer if the number differs from it only by rounding, else the number."""
    whole = round(number)
    return whole if abs(number - whole) < _SNAP[type(number)] else Fraction(number)
