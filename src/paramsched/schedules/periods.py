"""Periods: how many are over at a time, and how much of the one that runs.

The k-th boundary of a period is its k-th multiple, rounded up once. Of a period of p/q updates k = floor(t * q / p) are
over at update t, and (t * q - k * p) / q updates of the next one: whole numbers until the division, so no cycle is less
exact than the first.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from itertools import count, takewhile
from math import ceil

from paramsched._arrays import Array, Arrays


def periods_over(t: Array, period: int | Fraction, xp: Arrays) -> Array:
    """How many whole periods are over at each time."""
    if period.denominator == 1:
        return xp.periods(t, period.numerator)
    return _split_whole(t, period, xp)[0] if xp.is_whole(t) else _split_floats(t, period, xp)[0]


def split_periods(t: Array, period: int | Fraction, xp: Arrays, times: int | None = None) -> tuple[Array, Array]:
    """How many periods are over at each time, and the updates since; of `times` periods the last one is never over."""
    if period.denominator == 1:
        size = period.numerator
        cycle = xp.periods(t, size)
        if times is None:
            return cycle, t - cycle * size
        cycle = xp.at_most(cycle, times - 1)
        return cycle, xp.at_most(t - cycle * size, size)
    if xp.is_whole(t):
        cycle, parts, size = _split_whole(t, period, xp)
        since = xp.floating(parts) / float(size)
    else:
        cycle, since, _ = _split_floats(t, period, xp)
    if times is None:
        return cycle, since
    return xp.at_most(cycle, times - 1), xp.where(cycle >= times, float(period), since)


def last_boundary(t: Array, period: int | Fraction, xp: Arrays) -> Array:
    """The update at which the last period was over, for each time: no later than it, and 0 before the first."""
    if period.denominator == 1:
        return xp.periods(t, period.numerator) * period.numerator
    if xp.is_whole(t):
        _, parts, size = _split_whole(t, period, xp)
        return t - parts // size
    return t - _split_floats(t, period, xp)[2]


def boundaries(period: int | Fraction, until: int, begin: int = 0) -> Iterable[int | Fraction]:
    """The multiples of a period from `begin` to `until`, exact."""
    first = -(-begin // period)
    if period.denominator == 1:
        return range(first * period.numerator, until + 1, period.numerator)
    return takewhile(lambda multiple: multiple <= until, (number * period for number in count(first)))


_ROUNDING = 2.0**-50  # what two divisions and a difference of floats may be off by, of a time
_FAR = 2.0**53  # beyond it floats no longer count


def _split_floats(t: Array, period: Fraction | int, xp: Arrays) -> tuple[Array, Array, Array]:
    """For times that are floats: how many periods are over, the updates since, and how many of them are whole.

    A whole time has what it has as an integer. Any other is a time in a cycle of no whole length: other updates are a
    whole number of updates before it, and a period is over where floats say so.
    """
    floor = xp.xp.floor(t)
    known = (floor == t) & (t < _FAR)
    over, parts, size = _split_whole(xp.whole(xp.where(known, floor, 0.0)), period, xp)
    above, below = float(period.numerator), float(period.denominator)
    cycle = xp.xp.floor(t / float(period))
    cycle = xp.where((cycle + 1) * above / below <= t, cycle + 1, cycle)
    cycle = xp.where(cycle * above / below > t, cycle - 1, cycle)
    since = t - cycle * above / below
    whole = xp.xp.floor(since + t * _ROUNDING)
    return (
        xp.where(known, xp.floating(over), cycle),
        xp.where(known, xp.floating(parts) / float(size) + (t - floor), since),  # its derivative is 1
        xp.where(known, xp.floating(parts // size), whole),
    )


def _split_whole(t: Array, period: Fraction | int, xp: Arrays) -> tuple[Array, Array, int]:
    """For whole times k, r and q: k periods are over, and r of the q-th parts of updates since.

    q periods take p updates. What is left of t after those is multiplied by q digit by digit, so that no product is
    more than the integers of a back end count.
    """
    updates, cycles = _fitting_ratio(period, xp.far // 4)
    over, rest = t // updates * cycles, t % updates
    base = xp.far // (2 * updates)
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
    """A period as so many updates for so many cycles; of more updates than `most` the nearest that counts alike.

    It is the largest share of cycles in updates that is not above the exact one. A multiple of the period is reached at
    an update, of the first `most`, where it is reached by this one.
    """
    if period > most:  # it is over once at most
        return min(ceil(period), 4 * most), 1
    exact = 1 / Fraction(period)
    near = exact.limit_denominator(most)
    if near <= exact:
        return near.denominator, near.numerator
    # The nearest is above: the one below is its neighbor among the fractions of denominators up to `most`.
    below = pow(near.numerator, -1, near.denominator)
    below += (most - below) // near.denominator * near.denominator
    return below, (near.numerator * below - 1) // near.denominator
