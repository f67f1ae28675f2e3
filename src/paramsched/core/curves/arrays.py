"""Elementwise operations for NumPy, torch and JAX arrays.

Formulas are written once, with the operations of `Arrays`. NumPy is called directly. The namespace of other arrays
comes from array-api-compat, so that this module does not import torch or JAX.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.core.curves import elementary
from paramsched.core.curves.elementary import Floats as Floats
from paramsched.errors import InvalidArgument

Array: TypeAlias = Any
"""A NumPy, torch or JAX array."""

Integers: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.int64]]
"""A NumPy array of int64."""


@final
@dataclass(frozen=True, slots=True)
class Arrays:
    """The elementwise operations of one array library.

    Args:
        xp: the namespace of the library.
        concrete: True for arrays of NumPy. Formulas may then read the values of times, to evaluate only the required
            stages. Values of torch and JAX arrays are never read, because that would synchronize a device or fail
            under tracing.
        floating: converts numbers to the float type of the library.
        lift: converts a NumPy value to an array of the library; other values stay unchanged.
        whole: converts floats and booleans to the widest integer type of the library.
        far: the largest integer of that type.
        known_bounds: a triple (times, smallest time, largest time), or None. It saves searching for the bounds, which
            takes as long as a division of the array.
        in_seconds: True if times are seconds, which have whole nanoseconds.
    """

    xp: Any
    concrete: bool
    floating: Callable[[Array], Array]
    lift: Callable[[Array], Array]
    whole: Callable[[Array], Array]
    far: int
    known_bounds: tuple[Array, float, float] | None = None
    in_seconds: bool = False

    def with_bounds(self, t: Array, low: float, high: float) -> "Arrays":
        """Return these operations with `known_bounds`: the smallest and the largest time in the array `t`."""
        if not self.concrete or t.size == 1 or self.in_seconds:  # `bounds` reads a single time faster
            return self
        return Arrays(self.xp, self.concrete, self.floating, self.lift, self.whole, self.far, (t, low, high))

    def bounds(self, t: Array) -> tuple[float, float] | None:
        """Return the pair (smallest, largest) of NumPy times; None for no times, and for other arrays."""
        if not self.concrete or not t.size:
            return None
        if self.known_bounds is not None and self.known_bounds[0] is t:
            return self.known_bounds[1:]
        if t.size == 1:  # searching a single time would take twice as long as evaluating a curve at it
            only = t.item()
            return only, only
        return t.min().item(), t.max().item()

    def since(self, t: Array, begin: Array) -> Array:
        """Return `t - begin`; in seconds without its rounding error, so that 0.57 is 0.27 after 0.3."""
        own = t - begin
        return self.xp.round(own * 1e9) / 1e9 if self.in_seconds else own

    def clock(self, t: Array) -> Array:
        """Return torch or JAX times in the widest dtype of their kind, to avoid overflow and rounding.

        Negative times become 0.
        """
        return self.at_least(self.whole(t) if self.is_whole(t) else self.floating(t), 0)

    def is_whole(self, t: Array) -> bool:
        """Return whether the dtype of an array is an integer type."""
        return t.dtype.kind in "iu" if is_numpy(t) else self.xp.isdtype(t.dtype, "integral")

    def periods(self, t: Array, n: int) -> Array:
        """Return the number of completed periods of length `n` at each time."""
        if self.is_whole(t):
            return t // n
        # torch has no derivative of `//`. The quotient may be rounded up to an integer, which is one too many. A
        # compiler may replace the division by a product with 1 / n, which may be one too few.
        count = self.xp.floor(t / n)
        count = self.xp.where((count + 1) * n <= t, count + 1, count)
        return self.xp.where(count * n > t, count - 1, count)

    def where(self, mask: Array, yes: Array, no: Array) -> Array:
        return self.xp.where(mask, self.lift(yes), self.lift(no))

    def smaller(self, x: Array, y: Array) -> Array:
        """Return the elementwise minimum; NaN propagates as in NumPy."""
        return self.xp.minimum(self.lift(x), self.lift(y))

    def larger(self, x: Array, y: Array) -> Array:
        return self.xp.maximum(self.lift(x), self.lift(y))

    @property
    def _is_exact(self) -> bool:
        """True for numbers and NumPy arrays, whose functions have the same bits on every CPU."""
        return self.concrete or self.xp is _Numbers

    def exp(self, x: Array) -> Array:
        return elementary.exp(self.floating(x)) if self._is_exact else self.xp.exp(x)

    def expm1(self, x: Array) -> Array:
        return elementary.expm1(self.floating(x)) if self._is_exact else self.xp.expm1(x)

    def log(self, x: Array) -> Array:
        return elementary.log(self.floating(x)) if self._is_exact else self.xp.log(x)

    def log1p(self, x: Array) -> Array:
        return elementary.log1p(self.floating(x)) if self._is_exact else self.xp.log1p(x)

    def tanh(self, x: Array) -> Array:
        return elementary.tanh(self.floating(x)) if self._is_exact else self.xp.tanh(x)

    def quarter_sine(self, u: Array) -> Array:
        """Return sin(pi / 2 * u)."""
        return elementary.quarter_sine(self.floating(u)) if self._is_exact else self.xp.sin(u * (math.pi / 2))

    def half_wave(self, u: Array) -> Array:
        """Return sin(pi / 2 * u) ** 2, which is (1 - cos(pi * u)) / 2."""
        if self._is_exact:
            return elementary.half_wave(self.floating(u))
        s = self.xp.sin(u * (math.pi / 2))
        return s * s

    def power(self, x: Array, exponent: float) -> Array:
        """Return an array raised to one exponent."""
        return elementary.power(self.floating(x), exponent) if self._is_exact else x**exponent

    def power_of_number(self, number: float, exponent: Array) -> Array:
        """Return a positive number raised to exponents."""
        if self.concrete and exponent.dtype.kind == "i":
            return elementary.power_of_number_to_counts(number, exponent)
        exponent = self.floating(exponent)
        if self._is_exact:
            return elementary.power_of_number(number, exponent)
        if self.far >= 2**32 or number == float(np.float32(number)):
            return number**exponent
        # float32 cannot represent 0.99999, and a large exponent would amplify the rounding error.
        return self.xp.exp(exponent * math.log(number))

    def at_most(self, x: Array, bound: int | float) -> Array:
        """Return `min(x, bound)` in the dtype of `x`, so that integers stay integers."""
        if self.concrete:
            return np.minimum(x, bound)
        return self.xp.where(x > bound, self.xp.full_like(x, bound), x)

    def at_least(self, x: Array, bound: int | float) -> Array:
        if self.concrete:
            return self.xp.maximum(x, bound)
        return self.xp.where(x < bound, self.xp.full_like(x, bound), x)

    def comparable(self, t: Array, bound: int | float) -> Array:
        """Return times that can be compared with a number: torch compares integers with a float in float32."""
        return self.floating(t) if isinstance(bound, float) and not self.concrete else t

    def has_reached(self, t: Array, bound: int | float) -> Array:
        """Return `t >= bound`, compared exactly."""
        return self.comparable(t, bound) >= bound

    def reached(self, bounds: Sequence[int | float], t: Array) -> Array:
        """Return for each time how many of the sorted `bounds` are less than or equal to it."""
        if self.concrete:
            kind = np.int64 if all(isinstance(bound, int) for bound in bounds) else np.float64
            return np.searchsorted(np.asarray(bounds, dtype=kind), t, side="right")
        count = self.whole(t * 0)
        for bound in bounds:
            if bound <= self.far:  # no time of this dtype reaches a larger bound
                count = count + self.whole(self.has_reached(t, bound))
        return count

    def take(self, table: Floats | Integers, index: Array) -> Array:
        """Return `table[index]`, with the dtype kind of `table`: integers or floats. The indices must be in range."""
        if self.concrete:
            return table[index]
        return (self.lift(table) if table.dtype.kind == "f" else self.whole(np.minimum(table, self.far)))[index]


def _numpy_floating(x: Array) -> Array:
    return np.asarray(x, dtype=np.float64)


def _numpy_whole(x: Array) -> Array:
    # Integers stay as they are, because `floor` of NumPy 2.0 and older returns floats, which end at 2 ** 53.
    return np.asarray(x if np.asarray(x).dtype.kind == "i" else np.floor(x), dtype=np.int64)


NUMPY = Arrays(np, True, _numpy_floating, _numpy_floating, _numpy_whole, np.iinfo(np.int64).max)


@final
class _Numbers:
    """The functions of one number."""

    maximum, minimum, sqrt = max, min, math.sqrt


NUMBERS = Arrays(_Numbers, False, float, float, int, NUMPY.far)
"""The operations for a single Python number: the same bits as `NUMPY`, in a fifth of the time."""


def is_numpy(x: object) -> bool:
    """Return whether `x` is a number, a NumPy array or a value that NumPy converts to an array."""
    return isinstance(x, (int, float, np.ndarray, np.generic, list, tuple))


def arrays_of(*values: object) -> Arrays:
    """Return the operations for the first torch or JAX array among the values; `NUMPY` if there is no such array."""
    foreign = [value for value in values if not is_numpy(value)]
    if not foreign:
        return NUMPY
    from array_api_compat import array_namespace, device

    try:
        if any(isinstance(value, (complex, NoneType)) for value in foreign):  # `array_namespace` ignores these
            raise TypeError
        xp = array_namespace(*foreign)
    except (TypeError, ValueError):
        kinds = ", ".join(dict.fromkeys(type(value).__name__ for value in foreign))
        raise InvalidArgument(
            f"a value of {kinds}",
            "expected a number, or arrays of one library",
            "For example: 3, a NumPy array or a tensor",
        ) from None
    where = device(foreign[0])
    # torch supports float64 whatever the default dtype is; JAX supports it only if the user has enabled it.
    dtype = xp.asarray(0.0).dtype if "jax" in xp.__name__ else xp.float64

    def lift(x: Array) -> Array:
        return xp.asarray(x, dtype=dtype, device=where) if is_numpy(x) else x

    def floating(x: Array) -> Array:
        return xp.astype(lift(x), dtype)

    integers = xp.asarray(0).dtype

    def whole(x: Array) -> Array:
        return xp.astype(xp.asarray(x, device=where), integers)

    return Arrays(xp, False, floating, lift, whole, xp.iinfo(integers).max)


def interpolated(x: Any, points: Array, values: Array) -> Floats:
    """Return values between points, on straight lines, and the first or the last value outside of them.

    `np.interp` is not used, because compilers join its product and its sum on some CPUs, which changes the last bit.

    Args:
        x: numbers of any shape.
        points: at least one number, sorted; of equal ones the last counts.
        values: the value at each point.

    >>> interpolated([-1, 0.5, 3], np.array([0, 1, 2]), np.array([0.0, 10.0, 30.0])).tolist()
    [0.0, 5.0, 30.0]
    """
    x, points, values = (np.asarray(one, dtype=np.float64) for one in (x, points, values))
    after = np.searchsorted(points, x, side="right")
    right = np.clip(after, 1, points.size - 1)
    left = right - 1
    inside = (after > 0) & (after < points.size)
    width = np.where(inside, points[right] - points[left], 1.0)
    slope = (values[right] - values[left]) / width
    between = slope * (x - points[left]) + values[left]
    return np.asarray(np.where(inside, between, np.where(after > 0, values[-1], values[0])))


def last_of_each(times: Integers, values: Floats) -> tuple[Integers, Floats]:
    """Return the unique times in ascending order, and the value of each.

    If a time occurs several times, as when a resumed run logs it again, its last value is returned.

    >>> last_of_each(np.array([0, 1, 1]), np.array([0.1, 0.2, 0.3]))
    (array([0, 1]), array([0.1, 0.3]))
    """
    ordered, last = np.unique(times[::-1], return_index=True)
    return ordered, values[::-1][last]


ROUNDING = 1e-9
"""The largest relative difference of two values that is attributed to rounding."""
ROUNDING_OF_LARGEST = 1e-12
"""The same for values near 0, relative to the largest value."""


def equal_up_to_rounding(
    values: Floats, planned: Floats, tolerance: float = ROUNDING
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return for each value whether it equals the planned value up to rounding. NaN equals NaN.

    `|value - planned| <= max(tolerance * |planned|, 1e-12 * the largest planned value)`. The second bound is for values
    near 0: the recursive cosine of torch ends 20,000 updates at 4e-9 of its value. With a tolerance of 0,
    only exactly equal values are equal.

    >>> equal_up_to_rounding(np.array([0.3, 1e-17, 0.5]), np.array([0.1 * 3, 0.0, 0.5 + 1e-6])).tolist()
    [True, True, False]
    """
    equal: np.ndarray[Any, np.dtype[np.bool_]] = (values == planned) | (np.isnan(values) & np.isnan(planned))
    if tolerance == 0 or equal.all():
        return equal
    finite = np.isfinite(planned)
    size = np.abs(planned)
    largest = size.max(axis=-1, keepdims=True, initial=0.0, where=finite)
    allowed = np.maximum(tolerance * size, ROUNDING_OF_LARGEST * largest)
    with np.errstate(over="ignore", invalid="ignore"):
        equal |= finite & np.isfinite(values) & (np.abs(values - planned) <= allowed)
    return equal
