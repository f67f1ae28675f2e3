"""Types of arrays, and functions of arrays that curves, schedules and logs share."""

from typing import Any, Final, TypeAlias

import numpy as np

from paramsched.core.curves import messages

Array: TypeAlias = Any
"""A NumPy array."""

Floats: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
"""A NumPy array of float64. (Importing numpy.typing would take a quarter of the time of `import paramsched`.)"""

Integers: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.int64]]
"""A NumPy array of int64."""


quiet: Final = np.errstate(all="ignore")
"""Suppresses NumPy's warnings, because an overflow is inf, without a warning."""


def power_of(number: float, exponents: Array) -> Floats:
    """Return a number raised to an array of exponents, each with the same bits wherever it is in the array.

    >>> power_of(0.5, np.array([2, 3])).tolist()
    [0.25, 0.125]
    """
    exponents = np.asarray(exponents, dtype=np.float64)
    if exponents.size == 1:  # NumPy squares a number in another way if there is only one exponent, which is 2
        twice: Floats = np.power(number, exponents.repeat(2))
        return twice[:1].reshape(exponents.shape)
    powers: Floats = np.power(number, exponents)
    return powers


def require_numbers(*values: object) -> None:
    """Refuse values that are neither a number nor what NumPy converts to an array, such as a tensor.

    Raises:
        InvalidArgument: as this says.
    """
    foreign = [value for value in values if not isinstance(value, (int, float, np.ndarray, np.generic, list, tuple))]
    if foreign:
        raise messages.not_arrays(foreign)


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
    x, points, values = (np.asarray(array, dtype=np.float64) for array in (x, points, values))
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
