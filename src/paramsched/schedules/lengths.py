"""Lengths as fields of a shape, periods, and cycles that grow."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache, lru_cache
from math import ceil
from typing import Any, Literal, TypeAlias, final

import numpy as np

from paramsched.base.arrays import Array, Arrays, Floats, Integers
from paramsched.base.number_checks import MOST_COUNT, finite_number, require_choice
from paramsched.errors import CallSite, InvalidArgument
from paramsched.time import Duration

PERIOD = {"role": "period"}
"""Metadata of a Duration field that repeats: one update at least, and not rounded, so that no boundary drifts.

A formula takes it as `.count`, or hands `.number`, which is exact, to the functions for periods.
"""

SCALE = {"role": "scale"}
"""Metadata of a Duration field that time is divided by: not rounded, however short it is."""

FILLS = {"role": "fills"}
"""Metadata of the field that is the length of a shape, where None takes the time it is given."""

OPEN = {"role": "open"}
"""Metadata of the field that is the length of a shape, where None holds on and never ends."""

LENGTH = {"role": "length"}
"""Metadata of the field that is the length of a shape which always has one."""


@cache
def length_field(kind: type, *roles: str) -> str | None:
    """The name of the field that is the length of a class, by its role."""
    return next((field.name for field in fields(kind) if field.metadata.get("role") in roles), None)


def is_known_field(kind: type, name: str, length: Duration, *, whole: bool) -> bool:
    """Whether the length in a field is in updates as its role wants it."""
    amount = length.exact
    if amount is None:
        return False
    role = _roles_of(kind)[name]
    return role == "scale" or (amount >= 1 if role == "period" else amount.denominator == 1 or not whole)


@cache
def _roles_of(kind: type) -> dict[str, str | None]:
    return {field.name: field.metadata.get("role") for field in fields(kind)}


def some_length(site: CallSite, duration: object) -> Duration:
    """A period, which takes some time."""
    if not isinstance(duration, Duration):
        raise InvalidArgument(site, f"expected a Duration, got {type(duration).__name__}", "Write Duration.of(30)")
    if not duration.terms:
        raise InvalidArgument(site, "a period of nothing", 'Write 30, "10 epochs" or "5%"', sample=30)
    return duration


Lengths: TypeAlias = Literal["exact", "nearest", "floor"]
"""How the lengths of growing cycles are rounded: not at all, each to the nearest update, or down before it grows on."""

_FAR = 2.0**53  # updates: beyond it floats no longer count
_LEAST_GROWTH = 1.001
_MOST_GROWING = 50_000  # cycles: so many end behind everything that is counted


@final
@dataclass(frozen=True, slots=True)
class CycleTable:
    """The cycles up to where floats no longer count; exact, and as arrays."""

    begins: tuple[int | Fraction, ...]
    sizes: tuple[int | Fraction, ...]
    begin_array: Integers | Floats
    size_array: Integers | Floats

    @property
    def end(self) -> int | Fraction:
        return _without_last_digits(Fraction(self.begins[-1] + self.sizes[-1]))

    def split(self, t: Array, ops: Arrays) -> tuple[Array, Array, Array]:
        """The number of the cycle at each time, the time since it began, and its length."""
        # Found by adding lengths, never by a logarithm, which lands a cycle early where it rounds down.
        cycle = ops.reached(self.begin_array[1:].tolist(), t)
        size = ops.take(self.size_array, cycle)
        return cycle, t - ops.take(self.begin_array, cycle), size


@lru_cache(maxsize=64)
def cycle_table(first: int | Fraction, mult: float, lengths: Lengths, times: int | None = None) -> CycleTable:
    """The cycles whose first is so long; `times` of them, or all."""
    begins: list[int | Fraction] = [0]
    if lengths == "exact":
        sizes: list[int | Fraction] = [first]
        with localcontext() as context:
            context.prec = 60
            ratio, exact, begin = Decimal(repr(mult)), Decimal(first.numerator) / first.denominator, Decimal(0)
            while begin + exact <= _FAR and len(sizes) != times:
                begin, exact = begin + exact, exact * ratio
                begins.append(_without_last_digits(Fraction(begin)))
                sizes.append(_without_last_digits(Fraction(exact)))
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
    """When the last of so many cycles is over."""
    if mult == 1:
        return period * times
    return cycle_table(period if lengths == "exact" else ceil(period), mult, lengths, times).end


def length_of_cycles(every: Duration, mult: float, lengths: Lengths, times: int) -> Duration:
    """The length of so many cycles, up to the first update that is in none of them."""
    if (period := every.exact) is not None:
        return Duration.of(ceil(end_of_cycles(max(period, Fraction(1)), mult, lengths, times)))
    whole = sum_of_cycles(mult, times)
    return Duration(tuple((unit, amount * whole) for unit, amount in every.terms))


def _without_last_digits(number: Fraction) -> int | Fraction:
    """A number that only rounding keeps from a whole one is that one."""
    whole = round(number)
    return whole if abs(number - whole) < Fraction(1, 10**30) else number


def stretched_time(offset: int | Fraction, size: int | Fraction, first: int | Fraction) -> int | Fraction:
    """A time in the first cycle as the one in a cycle of another size."""
    return offset if size == first else _without_last_digits(Fraction(offset) * Fraction(size) / Fraction(first))


def sum_of_cycles(mult: float, times: int) -> Fraction:
    """How many times as long as the first one so many cycles are."""
    ratio = Fraction(repr(mult))
    return Fraction(times) if ratio == 1 else (ratio**times - 1) / (ratio - 1)


def fitting_times(mult: float, times: int, room: Fraction) -> int:
    """As many cycles as leave the first of them an update of its own."""
    if mult == 1:
        return max(1, min(times, int(room)))
    fitting, size, total = 1, mult, 1.0
    while fitting < times and total + size <= room:
        total, size, fitting = total + size, size * mult, fitting + 1
    return fitting


def checked_growth(site: CallSite, mult: object) -> float:
    """The ratio of one cycle to the one before: 1, or so much that their table has an end."""
    value = finite_number(site, mult)
    site = replace(site, value=repr(mult))
    if value < 1:
        raise InvalidArgument(site, "cycles would vanish", "Write mult=1 or more", sample=1.0)
    if value > MOST_COUNT:
        found = f"expected at most {MOST_COUNT:.0e}, up to which a clock counts"
        raise InvalidArgument(site, found, "Write mult=2", sample=2.0)
    if 1 < value < _LEAST_GROWTH:  # the table of their begins has an entry for each
        found = f"cycles that hardly grow; mult is 1, or {_LEAST_GROWTH} or more"
        raise InvalidArgument(site, found, "Write mult=1", sample=1.0)
    return value


def require_rounding(name: str, lengths: str) -> None:
    """Refuse a rounding that is none."""
    require_choice(CallSite(name, "lengths"), lengths, Lengths, "unknown rounding")


def require_lengths(name: str, lengths: str, mult: float, first: Fraction | None, times: int | None) -> None:
    """Refuse what makes no cycles that grow.

    Args:
        first: the length of the first one in updates, where it is known.
    """
    if mult != 1 and times is not None and times > _MOST_GROWING:
        found = f"of cycles that grow {_MOST_GROWING} end behind everything that is counted"
        raise InvalidArgument(CallSite(name, "times", str(times)), found, "Leave times out", sample=None)
    require_rounding(name, lengths)
    if lengths == "floor" and mult > 1 and first is not None and int(int(first) * mult) == int(first):
        found = f"cycles of {int(first)} updates do not grow: int({int(first)} * {mult!r}) is {int(first)}"
        raise InvalidArgument(CallSite(name, "lengths", repr(lengths)), found, 'Write lengths="exact"', sample="exact")


# Periods: how many are over at a time, and how much of the one that runs.
#
# The k-th boundary of a period is its k-th multiple, rounded up once. Of a period of p/q updates k = floor(t * q / p)
# are over at update t, and (t * q - k * p) / q updates of the next one: whole numbers until the division, so no cycle
# is less exact than the first.


def periods_over(t: Array, period: int | Fraction, ops: Arrays) -> Array:
    """How many whole periods are over at each time."""
    if period.denominator == 1:
        return ops.periods(t, period.numerator)
    return _split_whole(t, period, ops)[0] if ops.is_whole(t) else _split_floats(t, period, ops)[0]


def split_periods(t: Array, period: int | Fraction, ops: Arrays, times: int | None = None) -> tuple[Array, Array]:
    """The same, and the updates since; of `times` periods the last one is never over."""
    if period.denominator == 1:
        size = period.numerator
        cycle = ops.periods(t, size)
        if times is None:
            return cycle, t - cycle * size
        cycle = ops.at_most(cycle, times - 1)
        return cycle, ops.at_most(t - cycle * size, size)
    if ops.is_whole(t):
        cycle, parts, size = _split_whole(t, period, ops)
        since = ops.floating(parts) / float(size)
    else:
        cycle, since, _ = _split_floats(t, period, ops)
    if times is None:
        return cycle, since
    return ops.at_most(cycle, times - 1), ops.where(cycle >= times, float(period), since)


def last_boundary(t: Array, period: int | Fraction, ops: Arrays) -> Array:
    """The update at which the last period was over, for each time."""
    if period.denominator == 1:
        return ops.periods(t, period.numerator) * period.numerator
    if ops.is_whole(t):
        _, parts, size = _split_whole(t, period, ops)
        return t - parts // size
    return t - _split_floats(t, period, ops)[2]


def boundaries(period: int | Fraction, until: int, begin: int = 0) -> Iterable[int | Fraction]:
    """The multiples of a period from `begin` to `until`, exact, and none below 0."""
    first = max(-(-begin // period), 0)
    if period.denominator == 1:
        return range(first * period.numerator, until + 1, period.numerator)
    return (number * period for number in range(first, int(until // period) + 1))


_ROUNDING = 2.0**-50  # what two divisions and a difference of floats may be off by, of a time


def _split_floats(t: Array, period: Fraction | int, ops: Arrays) -> tuple[Array, Array, Array]:
    """For floats: how many periods are over, the updates since, and the whole ones of these.

    A whole time has what it has as an integer. Any other is a time in a cycle of no whole length: other updates are a
    whole number of updates before it, and a period is over where floats say so.
    """
    floor = ops.xp.floor(t)
    known = (floor == t) & (t < _FAR)
    over, parts, size = _split_whole(ops.whole(ops.where(known, floor, 0.0)), period, ops)
    above, below = float(period.numerator), float(period.denominator)
    cycle = ops.xp.floor(t / float(period))
    cycle = ops.where((cycle + 1) * above / below <= t, cycle + 1, cycle)
    cycle = ops.where(cycle * above / below > t, cycle - 1, cycle)
    since = t - cycle * above / below
    whole = ops.xp.floor(since + t * _ROUNDING)
    return (
        ops.where(known, ops.floating(over), cycle),
        ops.where(known, ops.floating(parts) / float(size) + (t - floor), since),  # its derivative is 1
        ops.where(known, ops.floating(parts // size), whole),
    )


def _split_whole(t: Array, period: Fraction | int, ops: Arrays) -> tuple[Array, Array, int]:
    """For whole times k, r and q: k periods are over, and r of the q-th parts of updates since.

    q periods take p updates. What is left of t after those is multiplied by q digit by digit, so that no product is
    more than the integers of a back end count.
    """
    updates, cycles = _fitting_ratio(period, ops.far // 4)
    over, rest = t // updates * cycles, t % updates
    base = ops.far // (2 * updates)
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
    """A period as so many updates, `most` at most, for so many cycles.

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
