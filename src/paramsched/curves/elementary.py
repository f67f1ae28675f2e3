"""Elementary functions whose values have the same bits on every CPU.

NumPy and the C library choose an implementation of `exp`, `sin` or `power` by the CPU, and these differ in the last
bits. The functions of this module use only operations that IEEE 754 rounds exactly (+, -, *, /, square roots,
comparisons, and conversions to integers), in a fixed order. So a number and an array also give the same bits.

Each function divides its argument into a multiple of a small step, whose value a table contains, and a remainder, for
which a short Taylor series is enough. The tables are computed with integers, to more digits than a float has. A value
is the sum of a large part that is exact and a small part, so that little more than its last rounding is lost: the error
is at most 1 unit in the last place, and 2 for powers with simple exponents (`tests/unit/curves/test_elementary.py`).

Every function takes a float or an array of float64.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, Final, TypeAlias, final, overload

import numpy as np

Floats: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
"""A NumPy array of float64. (Importing numpy.typing would take a quarter of the time of `import paramsched`.)"""

_BITS: Final = 160  # of integers that represent fractions
_ONE: Final = 1 << _BITS
_SPLITTER: Final = 2.0**27 + 1.0  # divides a float into two halves of 26 bits (Dekker 1971)
_TO_29_BITS: Final = 1.5 * 2.0**23  # adding and subtracting it rounds a number below 1 to a multiple of 2 ** -29
_TO_26_BITS: Final = 1.5 * 2.0**26  # likewise, a multiple of 2 ** -26
_FEW: Final = 8  # below this size, numbers one by one are faster than arrays
_CHUNK: Final = 8192  # elements; the temporary arrays of a chunk fit in the cache of a core


# ---------------------------------------------------------------------- tables


def _atanh(above: int, below: int) -> int:
    """Return atanh(above / below) in units of 2 ** -160, for a quotient between -1/2 and 1/2."""
    if above < 0:
        return -_atanh(-above, below)
    power = (above << _BITS) // below
    square, total, k = power * power >> _BITS, 0, 1
    while power:
        total += power // k
        power, k = power * square >> _BITS, k + 2
    return total


@cache
def _ln2() -> int:
    return 2 * _atanh(1, 3)


def _sum_of_two(number: int, grid: int) -> tuple[float, float]:
    """Return a number in units of 2 ** -160 as a sum of two floats, the first one a multiple of 2 ** -grid."""
    shift = _BITS - grid
    first = (number + (1 << shift - 1)) >> shift
    return math.ldexp(first, -grid), (number - (first << shift)) / _ONE


@lru_cache(maxsize=1024)
def _log2_of(number: float) -> tuple[float, float]:
    """Return log2 of a positive number as a sum of two floats, the first one with 26 bits."""
    mantissa, exponent = math.frexp(number)
    if mantissa < 0.75:
        mantissa, exponent = 2 * mantissa, exponent - 1
    whole = int(mantissa * 2.0**53)
    if number == 1:
        return 0.0, 0.0
    logarithm = (2 * _atanh(whole - 2**53, whole + 2**53) << _BITS) // _ln2() + (exponent << _BITS)
    return _sum_of_two(logarithm, 26 - (logarithm.bit_length() - _BITS))


@final
class _Table:
    """A table for numbers and for arrays."""

    __slots__ = ("array", "numbers")

    def __init__(self, numbers: Sequence[float]) -> None:
        self.numbers = numbers
        self.array = np.array(numbers)


def _tables(rows: Sequence[tuple[float, ...]]) -> tuple[_Table, ...]:
    return tuple(map(_Table, zip(*rows, strict=True)))


# ---------------------------------------------------------------------- numbers and arrays


@final
class _Numbers:
    """The operations on a number that are not operators."""

    @staticmethod
    def nearest(x: float) -> int:
        return round(x) if x - x == 0 else 0  # of NaN, so that the remainder is NaN

    whole = staticmethod(int)
    parts = staticmethod(math.frexp)
    root = staticmethod(math.sqrt)

    @staticmethod
    def clip(x: float, low: float, high: float) -> float:
        return low if x < low else min(x, high)

    @staticmethod
    def take(table: _Table, index: int) -> float:
        return table.numbers[index]


@final
class _Chunks:
    """The operations on an array that are not operators."""

    nearest = staticmethod(np.rint)
    parts = staticmethod(np.frexp)
    root = staticmethod(np.sqrt)

    @staticmethod
    def whole(x: Any) -> Any:
        return x.astype(np.int64)

    @staticmethod
    def clip(x: Any, low: float, high: float) -> Any:
        return np.minimum(np.maximum(x, low), high)

    @staticmethod
    def take(table: _Table, index: Any) -> Any:
        return np.take(table.array, index, mode="clip")  # because NaN has any index


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


# ---------------------------------------------------------------------- sines


@cache
def _sines() -> tuple[_Table, ...]:
    """Return sin(x) and pi/2 cos(x) as sums of two floats, for x = pi/2 * i / 256, i = 0 to 1023."""
    pi = _pi()
    x = pi >> 9
    square = x * x >> _BITS
    sine = term = x
    cosine = other = _ONE
    for k in range(1, 20):
        other = -other * square // (2 * k * (2 * k - 1)) >> _BITS
        term = -term * square // (2 * k * (2 * k + 1)) >> _BITS
        cosine, sine = cosine + other, sine + term
    quarter, (c, s) = [], (_ONE, 0)
    for _ in range(256):
        quarter.append((*_sum_of_two(s, 52), *_sum_of_two(c * pi >> _BITS + 1, 23)))
        c, s = (c * cosine - s * sine) >> _BITS, (c * sine + s * cosine) >> _BITS
    top = (1.0, 0.0, 0.0, 0.0)
    falling = [(s, s_rest, -k, -k_rest) for s, s_rest, k, k_rest in reversed(quarter[1:])]
    half = [*quarter, top, *falling]
    return _tables([*half, *(tuple(-one for one in row) for row in half)])


def _pi() -> int:
    return 16 * _arctan_of_inverse(5) - 4 * _arctan_of_inverse(239)  # Machin 1706


def _arctan_of_inverse(n: int) -> int:
    power, total, k = _ONE // n, 0, 1
    while power:
        total += power // k if k % 4 == 1 else -(power // k)
        power, k = power // (n * n), k + 2
    return total


_COS: Final = (-1.2337005501361697, 0.25366950790104801)  # of cos(pi/2 d) - 1 in powers of d**2
_SIN: Final = (-0.41123351671205661, 0.050733901580209605)  # of sin(pi/2 d) / (pi/2 d) - 1, as above


def _sine_parts(u: Any, on: Any) -> tuple[Any, Any]:
    """Return sin(pi / 2 * u) as the sum of a large part and a small part."""
    sine, sine_rest, slope, slope_rest = _sines()
    (c2, c4), (s2, s4) = _COS, _SIN
    d = u * 256.0
    index = on.nearest(d)
    d = u - index * 0.00390625
    index = on.whole(index) & 1023
    upper = d + _TO_29_BITS
    upper -= _TO_29_BITS
    square = d * d
    s, k = on.take(sine, index), on.take(slope, index)
    k_rest = on.take(slope_rest, index)
    rest = d - upper
    rest *= k
    rest += k_rest * d
    rest += on.take(sine_rest, index)
    k_rest += k
    k_rest *= d
    series = square * s4
    series += s2
    series *= k_rest
    even = square * c4
    even += c2
    even *= s
    even += series
    even *= square
    rest += even
    upper *= k
    s += upper
    return s, rest  # the sum is exact


def _quarter_sine(u: Any, on: Any) -> Any:
    large, small = _sine_parts(u, on)
    large += small
    return large


def _half_wave(u: Any, on: Any) -> Any:
    # With the error of the sine, so that the middle of the wave is exactly 1/2.
    large, small = _sine_parts(u, on)
    sine = large + small
    large -= sine
    large += small
    large *= sine
    large *= 2.0
    sine *= sine
    sine += large
    return sine


@overload
def quarter_sine(u: float) -> float: ...
@overload
def quarter_sine(u: Floats) -> Floats: ...
def quarter_sine(u: Any) -> Any:
    """Return sin(pi / 2 * u) for a `u` below 2 ** 44.

    >>> quarter_sine(1.0), quarter_sine(1 / 3)
    (1.0, 0.5)
    """
    return _each(_quarter_sine, u)


@overload
def half_wave(u: float) -> float: ...
@overload
def half_wave(u: Floats) -> Floats: ...
def half_wave(u: Any) -> Any:
    """Return sin(pi / 2 * u) ** 2, which is (1 - cos(pi * u)) / 2, for a `u` below 2 ** 44.

    >>> half_wave(0.5), half_wave(1 / 3), half_wave(1.0)
    (0.5, 0.24999999999999997, 1.0)
    """
    return _each(_half_wave, u)


# ---------------------------------------------------------------------- exponentials


@cache
def _powers_of_2() -> _Table:
    """Return the powers of 2 from 2 ** -1075, which is 0, to 2 ** 1024, which is infinity."""
    return _Table([0.0, *(math.ldexp(1.0, exponent) for exponent in range(-1074, 1024)), math.inf])


@cache
def _roots_of_2() -> tuple[_Table, ...]:
    """Return 2 ** (i / 256) as a sum of two floats, the first one a multiple of 2 ** -50, and with 20 bits."""
    step = _ONE << 1
    for _ in range(8):  # eight square roots of 2
        step = math.isqrt(step << _BITS)
    rows, value = [], _ONE
    for _ in range(256):
        rows.append((*_sum_of_two(value, 50), _sum_of_two(value, 20)[0]))
        value = value * step >> _BITS
    return _tables(rows)


# 2 ** r = 1 + r * (p1 + p2 * r + p3 * r**2 + p4 * r**3): the Taylor series to the fifth power, whose last term is
# replaced by the best cubic for |r| <= a = 1/512 (Chebyshev): r**5 = 5/4 a**2 r**3 - 5/16 a**4 r.
_EXP2: Final = (0.6931471805599393, 0.24022650695910072, 0.05550411502275755, 0.009618129107628477)


def _exp2(high: Any, low: Any, on: Any) -> Any:
    """Return 2 ** (high + low), for a `low` of at most 2 ** -15."""
    first, second, _ = _roots_of_2()
    p1, p2, p3, p4 = _EXP2
    high = on.clip(high, -1075.0, 1024.0)
    count = on.nearest(high * 256.0)
    high -= count * 0.00390625
    rest = high + low
    count = on.whole(count)
    index = count & 255
    growth = rest * p4
    growth += p3
    growth *= rest
    growth += p2
    growth *= rest
    growth += p1
    growth *= rest
    value = on.take(first, index)
    growth *= value
    growth += on.take(second, index)
    value += growth
    count >>= 8
    count += 1075
    value *= on.take(_powers_of_2(), count)
    return value


def _exp2_of_product(y: Any, first: float, second: float, on: Any) -> Any:
    """Return 2 ** (y * (first + second)), for a `first` with 26 bits."""
    upper = y * _SPLITTER
    upper -= upper - y
    lower = y - upper
    lower *= first
    lower += y * second
    upper *= first
    return _exp2(upper, lower, on)


@cache
def _log2_of_e() -> tuple[float, float]:
    return _sum_of_two((_ONE << _BITS) // _ln2(), 25)


@overload
def exp(x: float) -> float: ...
@overload
def exp(x: Floats) -> Floats: ...
def exp(x: Any) -> Any:
    """Return e ** x.

    >>> exp(0.0), exp(-1.0)
    (1.0, 0.36787944117144233)
    """
    first, second = _log2_of_e()
    return _each(lambda x, on: _exp2_of_product(on.clip(x, -800.0, 800.0), first, second, on), x)


@cache
def _ln2_by_256() -> tuple[float, float]:
    return _sum_of_two(_ln2() >> 8, 41)


def _expm1_parts(x: Any, on: Any) -> tuple[Any, Any, Any]:
    """Return (large, small, exponent): e ** x - 1 is (large + small) * 2 ** exponent, for x from -700 to 710."""
    first, second, short = _roots_of_2()
    step, step_rest = _ln2_by_256()
    count = on.nearest(x * 369.32994110893734)  # 256 / ln(2)
    d, low = x - count * step, count * step_rest  # both are exact, or nearly: a count has 19 bits
    count = on.whole(count)
    upper = d + _TO_29_BITS
    upper -= _TO_29_BITS
    r = d - low
    series = r * 0.008333333333333333
    series += 0.041666666666666664
    series *= r
    series += 0.16666666666666666
    series *= r
    series += 0.5
    series *= r * r
    series -= low
    index, exponent = count & 255, count >> 8
    value, k = on.take(first, index), on.take(short, index)
    one = on.take(_powers_of_2(), 1075 - exponent)
    series *= value
    rest = on.take(second, index)
    small = rest * r
    small += rest
    small += series
    d_rest = d - upper
    d_rest *= k
    small += d_rest
    upper *= k
    d *= value - k
    small += d
    value += upper  # exact
    large = value - one
    value -= large + one  # the rounding error of `large`
    small += value
    return large, small, exponent


def _expm1(x: Any, on: Any) -> Any:
    large, small, exponent = _expm1_parts(on.clip(x, -60.0, 710.0), on)
    # In two steps, because 2 ** 1024 is not a float.
    return (large + small) * on.take(_powers_of_2(), exponent + 1074) * 2.0


@overload
def expm1(x: float) -> float: ...
@overload
def expm1(x: Floats) -> Floats: ...
def expm1(x: Any) -> Any:
    """Return e ** x - 1, with all digits near 0.

    >>> expm1(1e-20), expm1(1.0)
    (1e-20, 1.7182818284590453)
    """
    return _each(_expm1, x)


def _tanh(x: Any, on: Any) -> Any:
    # tanh(x) = -E / (2 + E) with E = expm1(-2 |x|), to which the parts that rounding removed are added.
    large, small, exponent = _expm1_parts(on.clip(abs(x), 0.0, 25.0) * -2.0, on)
    scale = on.take(_powers_of_2(), exponent + 1075)
    large, small = large * scale, small * scale
    e = large + small
    e_rest = small - (e - large)
    below = e + 2.0
    below_rest = (e - (below - 2.0)) + e_rest
    # A quotient with 26 bits, then the remainder divided again: products with halves of `below` are exact.
    shifted = e / below * _SPLITTER
    quotient = shifted - (shifted - e / below)
    upper = (below + _TO_26_BITS) - _TO_26_BITS
    remainder = ((e - quotient * upper) - quotient * (below - upper)) + (e_rest - quotient * below_rest)
    quotient = quotient + remainder / below
    return quotient * (1.0 - 2.0 * (x > 0))


@overload
def tanh(x: float) -> float: ...
@overload
def tanh(x: Floats) -> Floats: ...
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent.

    >>> from paramsched.curves.elementary import tanh  # `paramsched.tanh` is a shape
    >>> tanh(0.5), tanh(-30.0)
    (0.46211715726000974, -1.0)
    """
    return _each(_tanh, x)


@lru_cache(maxsize=64)
def erf(x: float) -> float:
    """Return the error function of a number, from its Taylor series with integers.

    >>> erf(1.0), erf(-9.0)
    (0.8427007929497149, -1.0)
    """
    if abs(x) > 6:
        return math.copysign(1.0, x)
    bits = 2 * _BITS  # because large terms cancel: e ** 36 has 52 bits
    above, below = x.as_integer_ratio()
    number = (above << bits) // below
    square, term, total, k = number * number >> bits, number, number, 0
    while term not in (0, -1):
        k += 1
        term = -term * square // k >> bits
        total += term // (2 * k + 1)
    root_of_pi = math.isqrt(_pi() << 2 * bits - _BITS)
    return (2 * total << bits) // root_of_pi / (1 << bits)


# ---------------------------------------------------------------------- logarithms and powers


@cache
def _logarithms() -> tuple[_Table, ...]:
    """Return c, which is 1024 / i with 12 bits, and -ln(c), -log2(c) as sums of two floats, for i = 512 to 1024."""
    rows, last, logarithm = [], 4096, 0
    for i in range(1024, 511, -1):
        c = (4096 * 1024 * 2 + i) // (2 * i)
        logarithm += 2 * _atanh(c - last, c + last)
        last = c
        binary = (logarithm << _BITS) // _ln2()
        rows.append((c / 4096, *_sum_of_two(-logarithm, 40), *_sum_of_two(-binary, 40)))
    return _tables(rows[::-1])


_LN: Final = (-0.5, 0.3333333333333333, -0.25, 0.2, -0.16666666666666666)


def _reduced(x: Any, on: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Return (exponent, index, c, upper, lower): x is 2 ** exponent * (1 + upper + lower) / c."""
    mantissa, exponent = on.parts(x)
    index = on.whole(on.nearest(mantissa * 1024.0)) - 512
    c = on.take(_logarithms()[0], index)
    upper = mantissa + _TO_29_BITS
    upper -= _TO_29_BITS
    mantissa -= upper
    mantissa *= c
    upper *= c
    upper -= 1.0
    return exponent, index, c, upper, mantissa


def _rest_of_ln(r: Any) -> Any:
    """Return ln(1 + r) - r by its Taylor series."""
    a2, a3, a4, a5, a6 = _LN
    series = r * a6
    series += a5
    series *= r
    series += a4
    series *= r
    series += a3
    series *= r
    series += a2
    series *= r * r
    return series


@cache
def _ln2_sum() -> tuple[float, float]:
    return _sum_of_two(_ln2(), 40)


def _ln_of_sum(x: Any, low: Any, on: Any) -> Any:
    """Return ln(x + low) for a positive x, and a `low` that its rounding has removed."""
    _, first, second, _, _ = _logarithms()
    ln2, ln2_rest = _ln2_sum()
    exponent, index, c, upper, lower = _reduced(x, on)
    lower = lower + low / on.take(_powers_of_2(), exponent + 1075) * c
    known = exponent * ln2 + on.take(first, index)  # exact
    large = known + upper
    small = upper - (large - known)
    known_rest = exponent * ln2_rest + on.take(second, index)
    return large + (small + (lower + (known_rest + _rest_of_ln(upper + lower))))


@overload
def log(x: float) -> float: ...
@overload
def log(x: Floats) -> Floats: ...
def log(x: Any) -> Any:
    """Return the natural logarithm of positive finite numbers.

    >>> log(1.0), log(10.0)
    (0.0, 2.302585092994046)
    """
    return _each(lambda x, on: _ln_of_sum(x, 0.0, on), x)


def _log1p(x: Any, on: Any) -> Any:
    y = 1.0 + x
    added = y - 1.0
    return _ln_of_sum(y, (1.0 - (y - added)) + (x - added), on)


@overload
def log1p(x: float) -> float: ...
@overload
def log1p(x: Floats) -> Floats: ...
def log1p(x: Any) -> Any:
    """Return ln(1 + x), with all digits near 0, for finite numbers above -1.

    >>> log1p(1e-20), log1p(1.0)
    (1e-20, 0.6931471805599453)
    """
    return _each(_log1p, x)


@cache
def _log2_of_e_sum() -> tuple[float, float]:
    return _sum_of_two((_ONE << _BITS) // _ln2(), 20)


_LOG2_OF_E: Final = 1.4426950408889634


def _power_of_positive(x: Any, exponent: float, on: Any) -> Any:
    """Return 2 ** (exponent * log2(x))."""
    _, _, _, first, second = _logarithms()
    short, short_rest = _log2_of_e_sum()
    two, index, _, upper, lower = _reduced(x, on)
    large = two + on.take(first, index)
    grown = upper * short  # exact
    r = upper + lower
    known = large
    large = known + grown
    grown -= large - known
    rest = _rest_of_ln(r)
    rest += lower
    rest *= _LOG2_OF_E
    upper *= short_rest
    rest += upper
    rest += on.take(second, index)
    rest += grown
    head = large * _SPLITTER
    head -= head - large
    large -= head
    rest += large
    shifted_exponent = exponent * _SPLITTER
    upper_exponent = shifted_exponent - (shifted_exponent - exponent)
    rest *= exponent
    rest += head * (exponent - upper_exponent)
    head *= upper_exponent
    return _exp2(head, rest, on)


_SIMPLE_EXPONENTS: Final = frozenset((0.5, 1.0, 1.5, 2.0, 3.0, 4.0))
"""The frequent exponents, and their negatives: these powers need only operations that are rounded exactly."""


def _simple_power(x: Any, exponent: float, on: Any) -> Any:
    size = abs(exponent)
    if size in (0.5, 1.5):
        value = on.root(x)
        value = x * value if size == 1.5 else value
    else:
        value = x * x if size > 1 else x * 1.0
        value = value * value if size == 4 else value * x if size == 3 else value
    return value if exponent > 0 else 1.0 / value


@overload
def power(x: float, exponent: float) -> float: ...
@overload
def power(x: Floats, exponent: float) -> Floats: ...
def power(x: Any, exponent: float) -> Any:
    """Return numbers raised to a finite exponent; NaN where a number below 0 has an exponent that is not an integer.

    >>> power(0.5, 0.9), power(-3.0, 3.0)
    (0.5358867312681466, -27.0)
    """
    exponent = float(exponent)
    if isinstance(x, float):
        if 0 < x < math.inf:
            simple = abs(exponent) in _SIMPLE_EXPONENTS
            return _simple_power(x, exponent, _Numbers) if simple else _power_of_positive(x, exponent, _Numbers)
        return float(power(np.array([x]), exponent)[0])
    if abs(exponent) in _SIMPLE_EXPONENTS:
        return _simple_power(x, exponent, _Chunks)
    if not x.size or (x.min() > 0 and x.max() < math.inf):
        return _each(lambda x, on: _power_of_positive(x, exponent, on), x)
    size = np.abs(x)
    positive = (size > 0) & (size < math.inf)
    values = _each(lambda x, on: _power_of_positive(x, exponent, on), np.where(positive, size, 1.0))
    if exponent != 0:
        at_limits = np.where((size == 0) == (exponent > 0), 0.0, math.inf)
        values = np.where(positive, values, np.where(np.isnan(size), math.nan, at_limits))
    if exponent % 2 == 0:
        return values
    return np.where(x < 0, -values if exponent % 1 == 0 else math.nan, values)


@overload
def power_of_number(number: float, exponent: float) -> float: ...
@overload
def power_of_number(number: float, exponent: Floats) -> Floats: ...
def power_of_number(number: float, exponent: Any) -> Any:
    """Return a number raised to exponents, which are integers if the number is not positive.

    >>> power_of_number(0.1, 2.0), power_of_number(-0.5, 3.0)
    (0.010000000000000002, -0.125)
    """
    if number <= 0:
        if number == 0:
            return 1.0 * (exponent == 0)
        return (1.0 - 2.0 * (exponent % 2 == 1)) * power_of_number(-number, exponent)
    first, second = _log2_of(number)
    return _each(lambda y, on: _exp2_of_product(y, first, second, on), exponent)
