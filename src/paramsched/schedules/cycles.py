"""Cycles that grow: when each of them begins, and how long it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Literal, TypeAlias, final, get_args

import numpy as np

from paramsched._arrays import Array, Arrays, Floats, Integers
from paramsched._number_checks import finite_number
from paramsched.errors import Asked, InvalidArgument, nearest
from paramsched.time import Duration

Lengths: TypeAlias = Literal["exact", "nearest", "floor"]
"""How the lengths of growing cycles are rounded: not at all, each to the nearest update, or down before it grows on."""

_FAR = 2**53  # updates: beyond it floats no longer count
_LEAST_GROWTH = 1.001
_MOST_GROWING = 50_000  # cycles: so many end behind everything that is counted


@final
@dataclass(frozen=True, slots=True)
class CycleTable:
    """The cycles up to the last, or to those that begin where floats no longer count; exact, and as arrays."""

    begins: tuple[int | Fraction, ...]
    sizes: tuple[int | Fraction, ...]
    begin_array: Integers | Floats
    size_array: Integers | Floats

    @property
    def end(self) -> int | Fraction:
        """When the last one is over."""
        return _without_last_digits(Fraction(self.begins[-1] + self.sizes[-1]))

    def split(self, t: Array, xp: Arrays) -> tuple[Array, Array, Array]:
        """The number of the cycle at each time, the time since it began, and its length."""
        # Found by adding lengths, never by a logarithm, which lands a cycle early where it rounds down.
        cycle = xp.reached(self.begin_array[1:].tolist(), t)
        size = xp.take(self.size_array, cycle)
        return cycle, t - xp.take(self.begin_array, cycle), size


@lru_cache(maxsize=64)
def cycle_table(first: int | Fraction, mult: float, lengths: Lengths, times: int | None = None) -> CycleTable:
    """The cycles whose first is so long, each `mult` times as long as the one before; `times` of them, or all."""
    begins: list[int | Fraction] = [0]
    if lengths == "exact":
        sizes = _exact_sizes(first, mult, begins, times)
    else:
        whole = int(first)
        sizes, size = [whole], float(whole)
        while begins[-1] + sizes[-1] <= _FAR and len(sizes) != times:
            begins.append(begins[-1] + sizes[-1])
            size = min(size * mult, 2.0 * _FAR)
            if lengths == "floor":
                size = float(int(size))
            sizes.append(round(size))
    whole_numbers = all(isinstance(one, int) for one in (*begins, *sizes))
    return CycleTable(tuple(begins), tuple(sizes), _cycle_row(begins, whole_numbers), _cycle_row(sizes, whole_numbers))


def _cycle_row(numbers: Sequence[int | Fraction], whole: bool) -> Integers | Floats:
    return np.array(numbers, dtype=np.int64) if whole else np.array(numbers, dtype=np.float64)


def end_of_cycles(period: int | Fraction, mult: float, lengths: Lengths, times: int) -> int | Fraction:
    """When the last of so many cycles is over, for a first one of so many updates."""
    if mult == 1:
        return period * times
    return cycle_table(period if lengths == "exact" else ceil(period), mult, lengths, times).end


def length_of_cycles(every: Duration, mult: float, lengths: Lengths, times: int) -> Duration:
    """The length of so many cycles, up to the first update that is in none of them."""
    if (period := every.exact) is not None:
        return Duration.of(ceil(end_of_cycles(max(period, Fraction(1)), mult, lengths, times)))
    whole = sum_of_cycles(mult, times)
    return Duration(tuple((unit, amount * whole) for unit, amount in every.terms))


def _exact_sizes(
    first: int | Fraction, mult: float, begins: list[int | Fraction], times: int | None
) -> list[int | Fraction]:
    """The sizes of cycles that are not rounded, and their begins put behind the first; to 60 digits."""
    with localcontext() as context:
        context.prec = 60
        ratio, size, begin = Decimal(repr(mult)), Decimal(first.numerator) / first.denominator, Decimal(0)
        sizes = [first]
        while begin + size <= _FAR and len(sizes) != times:
            begin, size = begin + size, size * ratio
            begins.append(_without_last_digits(Fraction(begin)))
            sizes.append(_without_last_digits(Fraction(size)))
    return sizes


def _without_last_digits(number: Fraction) -> int | Fraction:
    """A number that only rounding keeps from a whole one is that one."""
    whole = round(number)
    return whole if abs(number - whole) < Fraction(1, 10**30) else number


def stretched_times(offsets: tuple[int | Fraction, ...], size: int | Fraction, first: int | Fraction) -> list[Fraction]:
    """Times in the first cycle as those in one of another size."""
    return [Fraction(_without_last_digits(Fraction(offset) * Fraction(size) / Fraction(first))) for offset in offsets]


def sum_of_cycles(mult: float, times: int) -> Fraction:
    """How many times as long as the first one so many cycles are, if nothing is rounded."""
    ratio = Fraction(repr(mult))
    return Fraction(times) if ratio == 1 else (ratio**times - 1) / (ratio - 1)


def fitting_times(mult: float, times: int, room: Fraction) -> int:
    """As many of the cycles, at least one, as leave the first of them an update of its own."""
    if mult == 1:
        return max(1, min(times, int(room)))
    fitting, size, total = 1, mult, 1.0
    while fitting < times and total + size <= room:
        total, size, fitting = total + size, size * mult, fitting + 1
    return fitting


def checked_growth(name: str, mult: object) -> float:
    """The ratio of one cycle to the one before: 1, or so much that their table has an end."""
    value = finite_number(Asked(name, "mult"), mult)
    asked = Asked(name, "mult", repr(mult))
    if value < 1:
        raise InvalidArgument(asked, "cycles would vanish", "Write mult=1 or more").suggest(1.0)
    if 1 < value < _LEAST_GROWTH:  # the table of their begins has an entry for each
        found = f"cycles that hardly grow; mult is 1, or {_LEAST_GROWTH} or more"
        raise InvalidArgument(asked, found, "Write mult=1").suggest(1.0)
    return value


def require_lengths(name: str, lengths: str, mult: float, first: Fraction | None, times: int | None) -> None:
    """Refuse a rounding that is none, one down in which cycles stay as long as they are, and too many that grow.

    Args:
        name: of the shape.
        lengths: the rounding.
        mult: how cycles grow.
        first: the length of the first one in updates, where it is known.
        times: how many there are.
    """
    if mult != 1 and times is not None and times > _MOST_GROWING:
        found = f"of cycles that grow {_MOST_GROWING} end behind everything that is counted"
        raise InvalidArgument(Asked(name, "times", str(times)), found, "Leave times out").suggest(None)
    if lengths not in get_args(Lengths):
        found = f"no way to round lengths; {nearest(str(lengths), get_args(Lengths))}"
        raise InvalidArgument(Asked(name, "lengths", repr(lengths)), found, 'Write lengths="exact"').suggest("exact")
    if lengths == "floor" and mult > 1 and first is not None and int(int(first) * mult) == int(first):
        found = f"cycles of {int(first)} updates do not grow: int({int(first)} * {mult!r}) is {int(first)}"
        raise InvalidArgument(Asked(name, "lengths", repr(lengths)), found, 'Write lengths="exact"').suggest("exact")
