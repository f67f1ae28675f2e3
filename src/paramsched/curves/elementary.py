"""Elementary functions whose values have the same bits on every CPU.

NumPy and the C library choose an implementation of `exp`, `sin` or `power` by the CPU, and these differ in the last
bits. The functions of this module use only operations that IEEE 754 rounds exactly (+, -, *, /, comparisons, and
conversions to integers), in a fixed order. A number and an array therefore also give the same bits.

Each function divides its argument into a multiple of a small step, whose value a table contains, and a remainder, for
which a short polynomial is enough. The tables are computed with integers, to more digits than a float has.
"""

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias, final, overload

import numpy as np

Floats: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
"""A NumPy array of float64. (Importing numpy.typing would take a quarter of the time of `import paramsched`.)"""

_STEPS: Final = 256  # of a table of 2 ** x between two integers
_BITS: Final = 200  # of integers that represent fractions
_ONE: Final = 1 << _BITS
_SPLITTER: Final = 2.0**27 + 1.0  # divides a float into two halves of 26 bits (Dekker 1971)
_FEW: Final = 8  # below this size, numbers one by one are faster than arrays
_CHUNK: Final = 8192  # elements; the temporary arrays of a chunk fit in the cache of a core


# ---------------------------------------------------------------------- integers


def _atanh(above: int, below: int) -> int:
    """Return atanh(above / below) in units of 2 ** -200, for a quotient of at most 1/2."""
    power = (above << _BITS) // below
    square, total, k = power * power >> _BITS, 0, 1
    while power not in (0, -1):
        total += power // k
        power, k = power * square >> _BITS, k + 2
    return total


@cache
def _ln2() -> int:
    return 2 * _atanh(1, 3)


@lru_cache(maxsize=1024)
def _log2_halves(number: float) -> tuple[float, float]:
    """Return log2 of a positive number as a sum of two floats; the first one has 26 bits."""
    mantissa, exponent = math.frexp(number)
    if mantissa < 0.75:
        mantissa, exponent = 2 * mantissa, exponent - 1
    whole = int(mantissa * 2.0**53)
    logarithm = (2 * _atanh(whole - 2**53, whole + 2**53) << _BITS) // _ln2() + (exponent << _BITS)
    return _halves(logarithm, 26)


def _halves(number: int, bits: int) -> tuple[float, float]:
    """Return a number in units of 2 ** -200 as a sum of two floats, the first one with so many bits."""
    mantissa, exponent = math.frexp(number / _ONE)
    first = math.ldexp(round(math.ldexp(mantissa, bits)), exponent - bits)
    return first, (number - int(math.ldexp(first, 100)) * (_ONE >> 100)) / _ONE


# ---------------------------------------------------------------------- numbers and arrays


@final
class _Numbers:
    """The operations on a number that are not operators."""

    nearest = staticmethod(round)
    whole = staticmethod(int)

    @staticmethod
    def clip(x: float, low: float, high: float) -> float:
        return low if x < low else min(x, high)

    @staticmethod
    def take(table: "_Table", index: int) -> float:
        return table.numbers[index]


@final
class _Chunks:
    """The operations on an array that are not operators."""

    nearest = staticmethod(np.rint)

    @staticmethod
    def whole(x: Any) -> Any:
        return x.astype(np.int64)

    @staticmethod
    def clip(x: Any, low: float, high: float) -> Any:
        return np.minimum(np.maximum(x, low), high)

    @staticmethod
    def take(table: "_Table", index: Any) -> Any:
        return table.array[index]


@final
class _Table:
    """A table for numbers and for arrays."""

    def __init__(self, numbers: list[float]) -> None:
        self.numbers = numbers
        self.array = np.array(numbers)


def _each(kernel: Callable[[Any, Any], Any], x: Any) -> Any:
    """Apply a kernel to a float, or to each element of an array of float64."""
    if isinstance(x, float):
        return kernel(x, _Numbers)
    if x.size <= _FEW:
        return np.array([kernel(one, _Numbers) for one in x.ravel().tolist()]).reshape(x.shape)
    if x.size <= _CHUNK:
        return kernel(x, _Chunks)
    values = np.empty(x.size)
    flat = x.ravel()
    for begin in range(0, x.size, _CHUNK):
        values[begin : begin + _CHUNK] = kernel(flat[begin : begin + _CHUNK], _Chunks)
    return values.reshape(x.shape)


# ---------------------------------------------------------------------- powers


@cache
def _exp2_tables() -> tuple[_Table, _Table, _Table]:
    """Return 2 ** (i / 256) as sums of two floats, and the powers of 2 from 2 ** -1075, which is 0, to infinity."""
    step = _ONE << 1
    for _ in range(8):  # eight square roots of 2
        step = math.isqrt(step << _BITS)
    values = [_ONE]
    while len(values) < _STEPS:
        values.append(values[-1] * step >> _BITS)
    first, second = zip(*(_halves(value, 53) for value in values), strict=True)
    powers = [0.0, *(math.ldexp(1.0, exponent) for exponent in range(-1074, 1024)), math.inf]
    return _Table(list(first)), _Table(list(second)), _Table(powers)


# 2 ** r = 1 + r * (p1 + p2 * r + p3 * r**2 + p4 * r**3): the Taylor series to the fifth power, whose last term is
# replaced by the best cubic for |r| <= a = 1/512 (Chebyshev): r**5 = 5/4 a**2 r**3 - 5/16 a**4 r.
_EXP2: Final = (0.6931471805599393, 0.24022650695910072, 0.05550411502275755, 0.009618129107628477)


def _exp2(high: Any, low: Any, on: Any) -> Any:
    """Return 2 ** (high + low), for a `high` from -1075 to 1024 and a `low` that is much smaller."""
    first, second, powers = _exp2_tables()
    p1, p2, p3, p4 = _EXP2
    count = on.nearest(high * 256.0)
    rest = (high - count * 0.00390625) + low
    count = on.whole(count)
    index = count & 255
    growth = rest * (p1 + rest * (p2 + rest * (p3 + rest * p4)))
    value = on.take(first, index)
    return (value + (on.take(second, index) + value * growth)) * on.take(powers, (count >> 8) + 1075)


@overload
def power_of_number(number: float, exponent: float) -> float: ...
@overload
def power_of_number(number: float, exponent: Floats) -> Floats: ...
def power_of_number(number: float, exponent: Any) -> Any:
    """Return a number raised to a float or to an array of floats; to integers, if the number is not positive."""
    if number <= 0:
        if number == 0:
            return 1.0 * (exponent == 0)
        return (1.0 - 2.0 * (exponent % 2 == 1)) * power_of_number(-number, exponent)
    first, second = _log2_halves(number)

    def kernel(y: Any, on: Any) -> Any:
        shifted = y * _SPLITTER
        upper = shifted - (shifted - y)
        lower = y - upper
        head, tail = upper * first, lower * first
        high = head + tail
        low = (tail - (high - head)) + y * second
        return _exp2(on.clip(high, -1075.0, 1024.0), low, on)

    return _each(kernel, exponent)
