"""One set of elementwise operations over NumPy, torch and JAX arrays.

Formulas are written once, against `Arrays`. NumPy is called directly; any other array brings its own
namespace through array-api-compat, so that torch and JAX pass through the kernel without being imported by it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.errors import InvalidArgument

Array: TypeAlias = Any
"""A NumPy, torch or JAX array: which one is known to the caller, not to a formula."""

Floats: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]
"""A NumPy array of float64. (Spelled out: numpy.typing alone would cost a quarter of our import time.)"""

Integers: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.int64]]
"""A NumPy array of int64."""


@final
@dataclass(frozen=True, slots=True)
class Arrays:
    """The operations formulas use; `floating` turns integers into the back end's floats.

    `whole` turns floats and booleans into its widest integers, and `far` is the largest of those. Times that are
    `concrete` (NumPy) may be looked at, to evaluate only what is needed; torch and JAX
    times are never read, since that would synchronise a device or fail under tracing. `known_bounds` are times, the
    smallest and the largest of them: to look for these again would take as long as to divide them.
    """

    xp: Any
    concrete: bool
    floating: Callable[[Array], Array]
    lift: Callable[[Array], Array]
    whole: Callable[[Array], Array]
    far: int
    known_bounds: tuple[Array, float, float] | None = None

    def with_bounds(self, t: Array, low: float, high: float) -> "Arrays":
        """The same operations, which know the smallest and the largest of these times; of no other array."""
        return Arrays(self.xp, self.concrete, self.floating, self.lift, self.whole, self.far, (t, low, high))

    def bounds(self, t: Array) -> tuple[float, float]:
        """The smallest and the largest of concrete times, of which there is one at least."""
        if self.known_bounds is not None and self.known_bounds[0] is t:
            return self.known_bounds[1:]
        if t.size == 1:  # a seek: the search would take twice as long as the curve
            only = t.item()
            return only, only
        return t.min().item(), t.max().item()

    def clock(self, t: Array) -> Array:
        """Times in the widest numbers of their kind, so that no small dtype wraps or rounds; below 0 counts as 0."""
        if self.concrete:
            return t
        return self.at_least(self.whole(t) if self.is_whole(t) else self.floating(t), 0)

    def is_whole(self, t: Array) -> bool:
        """Whether an array holds integers, by its dtype."""
        return t.dtype.kind in "iu" if is_numpy(t) else self.xp.isdtype(t.dtype, "integral")

    def periods(self, t: Array, n: int) -> Array:
        """How many whole periods of `n` are over at each time."""
        if self.concrete or self.is_whole(t):
            return t // n
        # torch has no derivative of `//`. A quotient rounded up to a whole number is one too many; one that a compiler
        # made a product with 1 / n may be one too few.
        count = self.xp.floor(t / n)
        count = self.xp.where((count + 1) * n <= t, count + 1, count)
        return self.xp.where(count * n > t, count - 1, count)

    def where(self, mask: Array, yes: Array, no: Array) -> Array:
        return self.xp.where(mask, self.lift(yes), self.lift(no))

    def smaller(self, x: Array, y: Array) -> Array:
        """The smaller of two; NaN counts as in NumPy."""
        return self.xp.minimum(self.lift(x), self.lift(y))

    def larger(self, x: Array, y: Array) -> Array:
        return self.xp.maximum(self.lift(x), self.lift(y))

    def power(self, number: float, exponent: Array) -> Array:
        """A number above 0 to powers that are floats."""
        if self.concrete or self.far >= 2**32 or number == float(np.float32(number)):
            return number**exponent
        # Floats of 32 bits have no 0.99999: a long power would multiply what they lose.
        return self.xp.exp(exponent * math.log(number))

    def at_most(self, x: Array, bound: int | float) -> Array:
        """`x` cut at a number, in the dtype of `x` (integers stay integers)."""
        if self.concrete:
            return np.minimum(x, bound)
        return self.xp.where(x > bound, self.xp.full_like(x, bound), x)

    def at_least(self, x: Array, bound: int | float) -> Array:
        if self.concrete:
            return np.maximum(x, bound)
        return self.xp.where(x < bound, self.xp.full_like(x, bound), x)

    def reached(self, bounds: Sequence[int | float], t: Array) -> Array:
        """How many of the sorted `bounds` are at or before each time."""
        if self.concrete:
            kind = np.int64 if all(isinstance(bound, int) for bound in bounds) else np.float64
            return np.searchsorted(np.asarray(bounds, dtype=kind), t, side="right")
        count = self.whole(t * 0)
        for bound in bounds:
            if bound <= self.far:  # a time of this dtype gets no further
                count = count + self.whole(t >= bound)
        return count

    def take(self, table: Floats | Integers, index: Array) -> Array:
        """`table[index]` for integers within the table; a table of integers gives integers."""
        if self.concrete:
            return table[index]
        return (self.lift(table) if table.dtype.kind == "f" else self.whole(np.minimum(table, self.far)))[index]


def _numpy_floating(x: Array) -> Array:
    return np.asarray(x, dtype=np.float64)


def _numpy_whole(x: Array) -> Array:
    return np.asarray(np.floor(x), dtype=np.int64)


def in_place(x: Floats) -> Floats | None:
    """Where NumPy writes what it computes from an array that is not needed any more: `np.sin(x, out=in_place(x))`.

    Writing into a large array saves the time of a new one. Into a small one it takes 0.5 µs longer than without `out`.
    """
    return x if x.size > _SMALL else None


_SMALL = 2048

NUMPY = Arrays(np, True, _numpy_floating, _numpy_floating, _numpy_whole, np.iinfo(np.int64).max)


def is_numpy(x: object) -> bool:
    """Whether `x` is a number, a NumPy array or something NumPy turns into one."""
    return isinstance(x, (int, float, np.ndarray, np.generic, list, tuple))


def arrays_of(*values: object) -> Arrays:
    """The operations for the first value that is a torch or JAX array; NumPy's if none is."""
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
            f"a value of {kinds}", "neither a number nor arrays of one library", "Write 3, a NumPy array or a tensor"
        ) from None
    where = device(foreign[0])
    # torch computes in float64 whatever the default; JAX has float64 only where the user switched it on.
    dtype = xp.asarray(0.0).dtype if "jax" in xp.__name__ else xp.float64

    def lift(x: Array) -> Array:
        if is_numpy(x):
            return xp.asarray(x, dtype=dtype, device=where)
        return x

    def floating(x: Array) -> Array:
        return xp.astype(lift(x), dtype)

    integers = xp.asarray(0).dtype

    def whole(x: Array) -> Array:
        return xp.astype(xp.asarray(x, device=where) if is_numpy(x) else x, integers)

    return Arrays(xp, False, floating, lift, whole, xp.iinfo(integers).max)


def last_of_each(times: Integers, values: Floats) -> tuple[Integers, Floats]:
    """Times in order, each once, and their values: of several the last one, as a resumed run logs some updates again.

    >>> last_of_each(np.array([0, 1, 1]), np.array([0.1, 0.2, 0.3]))
    (array([0, 1]), array([0.1, 0.3]))
    """
    ordered, last = np.unique(times[::-1], return_index=True)
    return ordered, values[::-1][last]


ROUNDING = 1e-9
"""How far two values may be apart, as a share of the planned one, and still differ by rounding only."""


def equal_up_to_rounding(
    values: Floats, planned: Floats, tolerance: float = ROUNDING
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Compare values with planned ones: equal where both round to the same result, NaN equals NaN.

    `|value - planned| <= max(tolerance * |planned|, 1e-12 * the largest planned value)`. The second bound is for values
    near 0: the recursive cosine of torch ends 20,000 updates at 4e-9 of its value. A tolerance of 0 compares bits.

    >>> equal_up_to_rounding(np.array([0.3, 1e-17, 0.5]), np.array([0.1 * 3, 0.0, 0.5 + 1e-6])).tolist()
    [True, True, False]
    """
    equal: np.ndarray[Any, np.dtype[np.bool_]] = (values == planned) | (np.isnan(values) & np.isnan(planned))
    if tolerance == 0 or equal.all():
        return equal
    finite = np.isfinite(planned)
    size = np.abs(planned)
    largest = size.max(axis=-1, keepdims=True, initial=0.0, where=finite)
    allowed = np.maximum(tolerance * size, 1e-12 * largest)
    with np.errstate(over="ignore", invalid="ignore"):
        equal |= finite & np.isfinite(values) & (np.abs(values - planned) <= allowed)
    return equal
