"""Elementary functions whose values have the same bits on every CPU.

NumPy and the C library choose an implementation of `exp`, `sin` or `power` by the CPU, and these differ in the last
bits. The functions of this module use only operations that IEEE 754 rounds exactly (+, -, *, /, square roots,
comparisons, and conversions to integers), in a fixed order. So a number and an array also give the same bits.

Each function divides its argument into a number from a table and a remainder, for which a short series is enough. The
tables are computed with integers, to more digits than a float has. A value is the sum of a large part that is exact and
a small part, so that little more than its last rounding is lost: the error is at most 1 unit in the last place, and 2
for the powers that are computed by products (`tests/core/curves/test_elementary.py`). Of 75,000 random half
waves the largest error is 1.02, at a value below 1e-12.

An array is computed in chunks. Most of the time goes into passes over a chunk, so the formulas have few of them: they
write into temporary arrays, add an exponent of 2 to the bits of a number, and omit what the bounds of a chunk exclude.

Every function takes a float or an array of float64.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, TypeAlias, final, overload

import numpy as np

Floats: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
"""A NumPy array of float64. (Importing numpy.typing would take a quarter of the time of `import paramsched`.)"""

_BITS: Final = 160  # of integers that represent fractions
_ONE: Final = 1 << _BITS
_SPLITTER: Final = 2.0**27 + 1.0  # divides a float into two halves of 26 bits (Dekker 1971)
_TO_29_BITS: Final = 1.5 * 2.0**23  # adding and subtracting it rounds a number below 1 to a multiple of 2 ** -29
_TO_26_BITS: Final = 1.5 * 2.0**26  # likewise, a multiple of 2 ** -26
_FEW: Final = 8  # below this size, numbers one by one are faster than arrays
_TO_9_BITS: Final = 1.5 * 2.0**43  # likewise, a multiple of 2 ** -9
_TO_8_BITS: Final = 1.5 * 2.0**44  # likewise, a multiple of 2 ** -8
_TO_INTEGERS: Final = 1.5 * 2.0**52  # likewise, an integer
_STEPS_BITS: Final = 9
_STEPS: Final = 1 << _STEPS_BITS  # of a table between two powers of 2
_CHUNK: Final = 12288  # elements; the temporary arrays of a chunk fit in the cache of a core


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

    __slots__ = ("array", "bits", "numbers")

    def __init__(self, numbers: Sequence[float]) -> None:
        self.numbers = numbers
        self.array = np.array(numbers)
        self.bits = self.array.view(np.int64) - (np.arange(len(numbers)) << 52 - _STEPS_BITS)


def _tables(rows: Sequence[tuple[float, ...]]) -> tuple[_Table, ...]:
    return tuple(map(_Table, zip(*rows, strict=True)))


# ---------------------------------------------------------------------- numbers and arrays


@final
class _Numbers:
    """The operations on a number that are not operators."""

    parts = staticmethod(math.frexp)
    root = staticmethod(math.sqrt)

    @staticmethod
    def truncated(x: float) -> int:
        return int(x) if x - x == 0 else 0  # of NaN, so that the remainder is NaN

    whole = staticmethod(int)

    @staticmethod
    def last_bits(x: float, rounding: float) -> int:
        """Return the last bits of a number to which `rounding` was added, so that they are those of an integer."""
        return int((x - rounding) * (_TO_INTEGERS / rounding)) if x - x == 0 else 0

    @staticmethod
    def clip(x: float, low: float, high: float) -> float:
        return low if x < low else min(x, high)

    @staticmethod
    def bounds(x: float) -> tuple[float, float]:
        return x, x

    @staticmethod
    def take(table: _Table, index: int) -> float:
        return table.numbers[index]

    @staticmethod
    def scaled(table: _Table, index: int, count: int) -> float:
        return table.numbers[index] * _powers_of_2().numbers[(count >> _STEPS_BITS) + 1075]


@final
class _Chunks:
    """The operations on an array that are not operators. Their temporary arrays are written again, to save time."""

    truncated = staticmethod(np.trunc)
    parts = staticmethod(np.frexp)
    root = staticmethod(np.sqrt)

    @staticmethod
    def whole(x: Any) -> Any:
        """Return integers; only their lowest 51 bits are meaningful, and a NaN has any bits."""
        return (x + _TO_INTEGERS).view(np.int64)

    @staticmethod
    def last_bits(x: Any, _: float) -> Any:
        return x.view(np.int64)

    @staticmethod
    def clip(x: Any, low: float, high: float) -> Any:
        return np.minimum(np.maximum(x, low), high)

    @staticmethod
    def bounds(x: Any) -> tuple[float, float]:
        return x.min(), x.max()

    @staticmethod
    def take(table: _Table, index: Any) -> Any:
        return table.array.take(index, mode="clip")  # because NaN has any index

    @staticmethod
    def scaled(table: _Table, index: Any, count: Any) -> Any:
        """Return `table[index] * 2 ** (count // 512)`, a normal number: exponents are added to the bits."""
        bits = table.bits.take(index)
        bits += count << 52 - _STEPS_BITS
        return bits.view(np.float64)


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
    near = u + _TO_8_BITS
    index = on.last_bits(near, _TO_8_BITS) & 1023
    near -= _TO_8_BITS
    d = u - near
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
    """Return sin(pi / 2 * u) for a `u` below 2 ** 43.

    >>> quarter_sine(1.0), quarter_sine(1 / 3)
    (1.0, 0.5)
    """
    return _each(_quarter_sine, u)


@overload
def half_wave(u: float) -> float: ...
@overload
def half_wave(u: Floats) -> Floats: ...
def half_wave(u: Any) -> Any:
    """Return sin(pi / 2 * u) ** 2, which is (1 - cos(pi * u)) / 2, for a `u` below 2 ** 43.

    >>> half_wave(0.5), half_wave(1 / 3), half_wave(1.0)
    (0.5, 0.24999999999999997, 1.0)
    """
    return _each(_half_wave, u)


# ---------------------------------------------------------------------- exponentials


_LOG2_OF_E: Final = 1.4426950408889634


@cache
def _powers_of_2() -> _Table:
    """Return the powers of 2 from 2 ** -1075, which is 0, to 2 ** 1024, which is infinity."""
    return _Table([0.0, *(math.ldexp(1.0, exponent) for exponent in range(-1074, 1024)), math.inf])


@cache
def _roots_of_2() -> tuple[_Table, ...]:
    """Return 2 ** (i / 512) with 24 bits, and the logarithms to the bases e and 2 of the factor that is missing."""
    step = _ONE << 1
    for _ in range(_STEPS_BITS):  # square roots of 2
        step = math.isqrt(step << _BITS)
    rows, value = [], _ONE
    for _ in range(_STEPS):
        first, rest = _sum_of_two(value, 23)
        rest = rest / first - (rest / first) ** 2 / 2
        rows.append((first, rest, rest * _LOG2_OF_E))
        value = value * step >> _BITS
    return _tables(rows)


# 2 ** r = 1 + r * (p1 + p2 * r + p3 * r**2 + p4 * r**3): the Taylor series to the fifth power, whose last term is
# replaced by the best cubic for |r| <= a = 1/1024 (Chebyshev): r**5 = 5/4 a**2 r**3 - 5/16 a**4 r.
_EXP2: Final = (0.6931471805599449, 0.24022650695910072, 0.05550411025430556, 0.009618129107628477)


def _exp2_series(high: Any, low: Any, on: Any) -> tuple[Any, Any, Any]:
    """Return (count, index, growth): 2 ** (high + low) is 2 ** (count / 512), with 24 bits, times 1 + growth.

    The index is the remainder of the count by 512.
    """
    p1, p2, p3, p4 = _EXP2
    near = high + _TO_9_BITS
    count = on.last_bits(near, _TO_9_BITS)
    r = high - (near - _TO_9_BITS)  # not in place, because the bits of `near` are used
    index = count & _STEPS - 1
    r += low
    r += on.take(_roots_of_2()[2], index)
    growth = r * p4
    growth += p3
    growth *= r
    growth += p2
    growth *= r
    growth += p1
    growth *= r
    return count, index, growth


def _exp2_parts(high: Any, low: Any, on: Any) -> tuple[Any, Any]:
    """Return 2 ** (high + low) as a sum of a large and a small part, for a `high` from -1001 to 1001."""
    count, index, growth = _exp2_series(high, low, on)
    value = on.scaled(_roots_of_2()[0], index, count)
    growth *= value
    return value, growth


def _exp2(high: Any, low: Any, on: Any) -> Any:
    """Return 2 ** (high + low), for a `low` of at most 2 ** -15."""
    least, most = on.bounds(high)
    if least >= -1000 and most <= 1000:
        value, growth = _exp2_parts(high, low, on)
        value += growth
        return value
    count, index, growth = _exp2_series(on.clip(high, -1075.0, 1024.0), low, on)
    value = on.take(_roots_of_2()[0], index)
    growth *= value
    value += growth
    exponent = ((count - index >> _STEPS_BITS) & 4095 ^ 2048) - 2048  # with its sign, from the lowest bits
    return value * on.take(_powers_of_2(), exponent + 1075)


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
def _ln2_by_512() -> tuple[float, float]:
    return _sum_of_two(_ln2() >> 9, 44)


def _expm1(x: Any, on: Any) -> Any:
    # Both parts of the sum, of the table and of the remainder, have the sign of x, so that no digits cancel.
    least, most = on.bounds(x)
    if not (least >= -20 and most <= 36):
        return _expm1_of_any(x, on)
    first, rest, _ = _roots_of_2()
    step, step_rest = _ln2_by_512()
    count = on.truncated(x * 738.6598609351493)  # 512 / ln(2)
    d = count * -step  # exact: a count has 14 bits, a step 36
    d += x
    low = count * step_rest
    count = on.whole(count)
    index = count & _STEPS - 1
    low -= on.take(rest, index)
    r = d - low
    small = r * 0.008333333333333333
    small += 0.041666666666666664
    small *= r
    small += 0.16666666666666666
    small *= r
    small += 0.5
    small *= r
    small *= r
    small -= low
    large = on.scaled(first, index, count)
    large -= 1.0  # exact
    r = d + small
    r *= large
    small += r
    small += d
    large += small
    return large


def _expm1_of_any(x: Any, on: Any) -> Any:
    if on is _Chunks:
        is_near = (x >= -20.0) & (x <= 36.0)
        return np.where(is_near, _expm1(np.where(is_near, x, 0.0), on), exp(x) - 1.0)
    return exp(x) - 1.0


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


@cache
def _tanhs() -> tuple[_Table, ...]:
    """Return tanh(i / 128) as a sum of two floats, for i = 0 to 2560."""
    term = total = _ONE
    k = 1
    while term:
        term = (term >> 6) // k
        total, k = total + (term if k % 2 == 0 else -term), k + 1
    rows, power = [], _ONE  # e ** (-2 i / 128)
    for _ in range(20 * 128 + 1):
        rows.append(_sum_of_two((_ONE - power << _BITS) // (_ONE + power), 53))
        power = power * total >> _BITS
    return _tables(rows)


_TANH: Final = (-0.3333333333333333, 0.13333333333333333, -0.05396825396825397)


def _tanh(x: Any, on: Any) -> Any:
    # tanh(c + d) = T + t - T * t * (T + t) / (1 + T * t), with T = tanh(c) from a table and t = tanh(d).
    first, second = _tanhs()
    c3, c5, c7 = _TANH
    least, most = on.bounds(x)
    size = x if least >= 0 else abs(x)
    if not (least >= -20 and most <= 20):
        size = on.clip(size, 0.0, 20.0)
    index = on.truncated(size * 128.0)
    d = index * -0.0078125
    d += size
    index = on.whole(index) & 4095
    square = d * d
    series = square * c7
    series += c5
    series *= square
    series += c3
    series *= square
    series *= d
    t = d + series
    large = on.take(first, index)
    product = large * t
    t += large
    t *= product
    product += 1.0
    t /= product
    series -= t
    series += on.take(second, index)
    d += series
    large += d
    if most < 0:
        return -large
    return large if least >= 0 else np.copysign(large, x)


@overload
def tanh(x: float) -> float: ...
@overload
def tanh(x: Floats) -> Floats: ...
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent.

    >>> from paramsched.core.curves.elementary import tanh  # `paramsched.tanh` is a shape
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
    """Return ln(x) and log2(x) as sums of two floats, for x = 1 + i / 512, i = 0 to 511."""
    rows, logarithm = [], 0
    for i in range(_STEPS):
        binary = (logarithm << _BITS) // _ln2()
        rows.append((*_sum_of_two(logarithm, 40), *_sum_of_two(binary, 40)))
        logarithm += 2 * _atanh(1, 2 * (_STEPS + i) + 1)
    return _tables(rows)


@cache
def _ln2_sum() -> tuple[float, float]:
    return _sum_of_two(_ln2(), 40)


@final
class _Corner(NamedTuple):
    """A number with 10 bits, and its position in a table: 2 ** k * (1 + row / 512)."""

    x: float
    k: int
    row: int

    @staticmethod
    def of(x: float, *, above: bool = False) -> "_Corner":
        """Return the next corner below a positive number, or above it."""
        mantissa, exponent = math.frexp(x)
        corner = mantissa * (2 * _STEPS)
        count = math.ceil(corner) if above else int(corner)
        k = exponent - 1
        if count == 2 * _STEPS:
            count, k = _STEPS, k + 1
        return _Corner(math.ldexp(count, k - _STEPS_BITS), k, count - _STEPS)


@final
class _Corners(NamedTuple):
    """The corners of normal numbers, and their positions in a table of octaves: those of `k` and the following ones."""

    x: Any
    k: Any
    row: Any

    @staticmethod
    def of(x: Any, first: float, last: float, *, above: bool = False) -> "_Corners":
        """Return the next corners below the numbers from `first` to `last`, or above them."""
        lowest, highest = _Corner.of(first, above=above).k, _Corner.of(last, above=above).k
        bits = x.view(np.int64)
        if above:
            bits = bits + ((1 << 52 - _STEPS_BITS) - 1)
        corners = (bits & -(1 << 52 - _STEPS_BITS)).view(np.float64)
        row = bits >> 52 - _STEPS_BITS
        row -= lowest + 1023 << _STEPS_BITS
        return _Corners(corners, range(lowest, highest + 1), row)


_LN: Final = (-0.5, 0.3333333333333333, -0.25, 0.2, -0.16666666666666666)


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
    series *= r
    series *= r
    return series


def _ln_of_corners(corners: Any, on: Any) -> tuple[Any, Any]:
    """Return the logarithms of corners as sums of two floats."""
    first, second = _logarithms()[:2]
    ln2, ln2_rest = _ln2_sum()
    _, k, row = corners
    if on is _Numbers:
        return k * ln2 + first.numbers[row], k * ln2_rest + second.numbers[row]
    k = np.array(k, dtype=np.float64)[:, None]
    large, small = (k * ln2 + first.array).ravel(), (k * ln2_rest + second.array).ravel()
    return large.take(row), small.take(row)


_LEAST, _MOST = 2.0**-1000, 2.0**1000  # of the numbers whose corners are normal


def _ln_of_far(x: Any, one: float, y: Any, on: Any) -> Any:
    if on is _Chunks:
        values = np.empty(y.shape)
        for part in ((y >= _LEAST) & (y < 1), (y >= 1) & (y <= _MOST)):
            if part.any():
                values[part] = _ln_of_sum(x[part], one, y[part], on)
        far = ~((y >= _LEAST) & (y <= _MOST))
        if far.any():
            pairs = zip(x[far].tolist(), y[far].tolist(), strict=True)
            values[far] = [_ln_of_sum(x, one, y, _Numbers) for x, y in pairs]
        return values
    if 0 < y < math.inf:
        mantissa, exponent = math.frexp(y)
        first, rest = _ln2_sum()
        return exponent * first + (exponent * rest + log(mantissa))
    return -math.inf if y == 0 else math.inf if y > 0 else math.nan


def _ln_of_sum(x: Any, one: float, y: Any, on: Any) -> Any:
    """Return ln(x + one) for a `one` of 0 or 1, and `y`, which is x + one up to rounding."""
    # The logarithm of a corner and that of y / corner have the same sign, so that no digits cancel.
    least, most = on.bounds(y)
    if not (least >= _LEAST and most <= _MOST) or least < 1 <= most:
        return _ln_of_far(x, one, y, on)
    above = bool(most < 1)
    corners = _Corner.of(y, above=above) if on is _Numbers else _Corners.of(y, least, most, above=above)
    corner = corners.x
    r = x - (corner - one if one else corner)  # exact
    r /= corner
    large, rest = _ln_of_corners(corners, on)
    rest += _rest_of_ln(r)
    r += rest
    large += r
    return large


@overload
def log(x: float) -> float: ...
@overload
def log(x: Floats) -> Floats: ...
def log(x: Any) -> Any:
    """Return the natural logarithm of positive finite numbers.

    >>> log(1.0), log(10.0)
    (0.0, 2.302585092994046)
    """
    return _each(lambda x, on: _ln_of_sum(x, 0.0, x, on), x)


@overload
def log1p(x: float) -> float: ...
@overload
def log1p(x: Floats) -> Floats: ...
def log1p(x: Any) -> Any:
    """Return ln(1 + x), with all digits near 0, for finite numbers above -1.

    >>> log1p(1e-20), log1p(1.0)
    (1e-20, 0.6931471805599453)
    """
    return _each(lambda x, on: _ln_of_sum(x, 1.0, x + 1.0, on), x)


def _product(large: Any, small: Any, factor: float) -> tuple[Any, Any]:
    """Return (large + small) * factor as the sum of a large part, which is exact, and a small part."""
    head = large * _SPLITTER
    head -= head - large
    rest = large - head
    rest += small
    shifted = factor * _SPLITTER
    upper = shifted - (shifted - factor)
    rest *= factor
    rest += head * (factor - upper)
    head *= upper
    return head, rest


@lru_cache(maxsize=512)
def _powers_of_octave(exponent: float, k: int) -> tuple[Floats, Floats]:
    """Return the powers of the corners of an octave as sums of two floats."""
    first, second = _logarithms()[2:]
    value, growth = _exp2_parts(*_product(first.array + float(k), second.array, exponent), _Chunks)
    large = value + growth
    return large, growth - (large - value)


_MOST_EXPONENT: Final = 64.0  # of a binomial series with few terms


@lru_cache(maxsize=64)
def _binomials(exponent: float) -> tuple[float, ...]:
    """Return the coefficients of (1 + r) ** exponent - 1 in powers of an r below 1/512, the highest power first."""
    found = [exponent]
    while abs(found[-1]) > 2.0 ** (9 * len(found) - 62):
        found.append(found[-1] * (exponent - len(found)) / (len(found) + 1))
    return tuple(found[::-1])


def _power_of_near(x: Any, exponent: float, corners: Any) -> Any:
    """Return x ** exponent as a power of a corner, and a binomial series in r = x / corner - 1."""
    corner, k, row = corners
    if isinstance(k, int):
        large, small = (column.item(row) for column in _powers_of_octave(exponent, k))
    else:
        octaves = [_powers_of_octave(exponent, one) for one in k]
        first, second = octaves[0] if len(octaves) == 1 else map(np.concatenate, zip(*octaves, strict=True))
        large, small = first.take(row), second.take(row)
    r = x - corner
    r /= corner
    highest, *others = _binomials(exponent)
    growth = r * highest
    for coefficient in others:
        growth += coefficient
        growth *= r
    growth *= large
    growth += small
    large += growth
    return large


def _power_of_far(x: Any, exponent: float, on: Any) -> Any:
    """Return 2 ** (exponent * log2(x)), for positive numbers and exponents for which there is no table."""
    first, second = _logarithms()[2:]
    mantissa, two = on.parts(x)
    mantissa = mantissa * (2.0 * _STEPS)
    corner = on.truncated(mantissa)
    index = on.whole(corner) & _STEPS - 1
    r = (mantissa - corner) / corner
    small = (r + _rest_of_ln(r)) * _LOG2_OF_E + on.take(second, index)
    head, rest = _product(on.take(first, index) + (two - 1.0), small, exponent)
    high = on.clip(head + rest, -1100.0, 1100.0)
    return _exp2(high, on.clip((head - high) + rest, -1e-5, 1e-5), on)


@lru_cache(maxsize=64)
def _limits(exponent: float) -> tuple[float, float]:
    """Return the bounds of the numbers that `_power_of_near` raises to an exponent."""
    if not 0 < abs(exponent) <= _MOST_EXPONENT:
        return math.inf, -math.inf
    most = math.floor(min(1000.0, 1000.0 / abs(exponent)))
    return 2.0**-most, 2.0**most


def _power(x: Any, exponent: float, on: Any) -> Any:
    low, high = _limits(exponent)
    least, most = on.bounds(x)
    if least >= low and most <= high:
        return _power_of_near(x, exponent, _Corner.of(x) if on is _Numbers else _Corners.of(x, least, most))
    if on is _Numbers:
        return (
            _power_of_far(x, exponent, on) if 0 < x < math.inf else float(_power(np.array([x]), exponent, _Chunks)[0])
        )
    size = abs(x)
    is_near, is_positive = (size >= low) & (size <= high), (size > 0) & (size < math.inf)
    values = np.where((size == 0) == (exponent > 0), 0.0, math.inf) if exponent else np.ones(x.shape)
    values[np.isnan(size) & (exponent != 0)] = math.nan
    if is_near.any():
        values[is_near] = _power(size[is_near], exponent, on)
    if (is_far := is_positive & ~is_near).any():
        values[is_far] = _power_of_far(size[is_far], exponent, on)
    if exponent % 2 == 0:
        return values
    return np.where(x < 0, -values if exponent % 1 == 0 else math.nan, values)


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
    if abs(exponent) not in _SIMPLE_EXPONENTS:
        return _each(lambda x, on: _power(x, exponent, on), x)
    if not isinstance(x, float):
        return _simple_power(x, exponent, _Chunks)
    if 0 < x < math.inf:
        return _simple_power(x, exponent, _Numbers)
    return float(_simple_power(np.array([x]), exponent, _Chunks)[0])


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


def power_of_number_to_counts(number: float, counts: Any) -> Floats:
    """Return a number raised to each integer of an array. If they are close together, each power is computed once.

    >>> power_of_number_to_counts(0.5, np.arange(12) // 4).tolist()
    [1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    """
    if counts.size > _FEW:
        first, last = int(counts.min()), int(counts.max())
        if last - first < counts.size // 4:
            powers = power_of_number(number, np.arange(float(first), last + 1.0))
            found: Floats = powers.take(counts - first)
            return found
    return power_of_number(number, np.asarray(counts, dtype=np.float64))
