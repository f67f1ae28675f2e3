"""Elementwise operations for NumPy arrays, and for single numbers.

Formulas are written once, with the operations of `Arrays`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, final

import numpy as np

from paramsched.core.curves import elementary
from paramsched.core.curves.elementary import Floats as Floats
from paramsched.errors import InvalidArgument

Array: TypeAlias = Any
"""A NumPy array."""

Integers: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.int64]]
"""A NumPy array of int64."""

FARTHEST: Final = int(np.iinfo(np.int64).max)
"""The largest time that an array of integers can have."""


@final
@dataclass(frozen=True, slots=True)
class Arrays:
    """Elementwise operations of arrays, `NUMPY`, or of single numbers, `NUMBERS`.

    Args:
        xp: NumPy, or the functions of one number.
        floating: converts numbers to float64, or a number to a float.
        known_bounds: a triple (times, smallest time, largest time), or None. It saves searching for the bounds, which
            takes as long as a division of the array.
        in_seconds: True if times are seconds, which have whole nanoseconds.
    """

    xp: Any
    floating: Callable[[Array], Array]
    known_bounds: tuple[Array, float, float] | None = None
    in_seconds: bool = False

    def with_bounds(self, t: Array, low: float, high: float) -> "Arrays":
        """Return these operations with `known_bounds`: the smallest and the largest time in the array `t`."""
        if t.size == 1 or self.in_seconds:  # `bounds` reads a single time faster
            return self
        return Arrays(self.xp, self.floating, (t, low, high))

    def bounds(self, t: Array) -> tuple[float, float] | None:
        """Return the pair (smallest, largest) of the times; None for no times."""
        if not t.size:
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
        return np.round(own * 1e9) / 1e9 if self.in_seconds else own

    def whole(self, x: Array) -> Array:
        """Convert floats and booleans to int64; fractions are rounded down."""
        # Integers stay as they are, because `floor` of NumPy 2.0 and older returns floats, which end at 2 ** 53.
        return np.asarray(x if np.asarray(x).dtype.kind == "i" else np.floor(x), dtype=np.int64)

    def is_whole(self, t: Array) -> bool:
        """Return whether the dtype of an array is an integer type."""
        return bool(t.dtype.kind in "iu")

    def periods(self, t: Array, n: int) -> Array:
        """Return the number of completed periods of length `n` at each time."""
        if self.is_whole(t):
            return t // n
        count = np.floor(t / n)  # the quotient may be rounded up to an integer, which is one too many
        return np.where(count * n > t, count - 1, count)

    def where(self, mask: Array, yes: Array, no: Array) -> Array:
        return self.xp.where(mask, self.floating(yes), self.floating(no))

    def smaller(self, x: Array, y: Array) -> Array:
        """Return the elementwise minimum; NaN propagates as in NumPy."""
        return self.xp.minimum(self.floating(x), self.floating(y))

    def larger(self, x: Array, y: Array) -> Array:
        return self.xp.maximum(self.floating(x), self.floating(y))

    def sqrt(self, x: Array) -> Array:
        return self.xp.sqrt(x)

    def exp(self, x: Array) -> Array:
        return elementary.exp(self.floating(x))

    def expm1(self, x: Array) -> Array:
        return elementary.expm1(self.floating(x))

    def log(self, x: Array) -> Array:
        return elementary.log(self.floating(x))

    def log1p(self, x: Array) -> Array:
        return elementary.log1p(self.floating(x))

    def tanh(self, x: Array) -> Array:
        return elementary.tanh(self.floating(x))

    def quarter_sine(self, u: Array) -> Array:
        """Return sin(pi / 2 * u)."""
        return elementary.quarter_sine(self.floating(u))

    def half_wave(self, u: Array) -> Array:
        """Return sin(pi / 2 * u) ** 2, which is (1 - cos(pi * u)) / 2."""
        return elementary.half_wave(self.floating(u))

    def power(self, x: Array, exponent: float) -> Array:
        """Return an array raised to one exponent."""
        return elementary.power(self.floating(x), exponent)

    def power_of_number(self, number: float, exponent: Array) -> Array:
        """Return a positive number raised to exponents."""
        return elementary.power_of_number(number, self.floating(exponent))

    def at_most(self, x: Array, bound: int | float) -> Array:
        """Return `min(x, bound)` in the dtype of `x`, so that integers stay integers."""
        return np.minimum(x, bound)

    def at_least(self, x: Array, bound: int | float) -> Array:
        return np.maximum(x, bound)

    def reached(self, bounds: Sequence[int | float], t: Array) -> Array:
        """Return for each time how many of the sorted `bounds` are less than or equal to it."""
        kind = np.int64 if all(isinstance(bound, int) for bound in bounds) else np.float64
        return np.searchsorted(np.asarray(bounds, dtype=kind), t, side="right")


def _numpy_floating(x: Array) -> Array:
    return np.asarray(x, dtype=np.float64)


NUMPY = Arrays(np, _numpy_floating)


@final
class _Numbers:
    """The functions of one number."""

    maximum, minimum, sqrt = max, min, math.sqrt


NUMBERS = Arrays(_Numbers, float)
"""The operations for a single Python number: the same bits as `NUMPY`, in a fifth of the time."""


def require_numbers(*values: object) -> None:
    """Refuse values that are neither a number nor what NumPy converts to an array, such as a tensor.

    Raises:
        InvalidArgument: as this says.
    """
    foreign = [value for value in values if not isinstance(value, (int, float, np.ndarray, np.generic, list, tuple))]
    if foreign:
        kinds = ", ".join(dict.fromkeys(type(value).__name__ for value in foreign))
        raise InvalidArgument(f"a value of {kinds}", "expected a number or a NumPy array", "For example: 3")


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


LAST_PLACES: Final = 4
"""The units in the last place by which a value may differ on another kind of CPU, or with another NumPy."""


def equal_to_last_places(values: Any, planned: Any) -> bool:
    """Return whether all values are equal up to 4 units in the last place of the largest planned one. NaN equals NaN.

    >>> equal_to_last_places([0.1 + 0.2, 1e-18], [0.3, 0.0]), equal_to_last_places([0.3 + 1e-15], [0.3])
    (True, False)
    """
    values, planned = (np.asarray(one, dtype=np.float64) for one in (values, planned))
    if values.shape != planned.shape:
        return False
    finite = np.isfinite(planned)
    unit = np.spacing(np.abs(planned).max(initial=0.0, where=finite))
    with np.errstate(invalid="ignore"):
        near = finite & (np.abs(values - planned) <= LAST_PLACES * unit)
    return bool((near | (values == planned) | (np.isnan(values) & np.isnan(planned))).all())
