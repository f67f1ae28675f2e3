"""One set of elementwise operations over NumPy, torch and JAX arrays.

Formulas are written once, against `Arrays`. NumPy is called directly; any other array brings its own
namespace through array-api-compat, so that torch and JAX pass through the kernel without being imported by it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

Array: TypeAlias = Any
"""A NumPy, torch or JAX array: which one is known to the caller, not to a formula."""

Floats: TypeAlias = npt.NDArray[np.float64]
"""A NumPy array of float64."""


@final
@dataclass(frozen=True, slots=True)
class Arrays:
    """The operations formulas use; `floating` turns integers into the back end's floats.

    Times that are `concrete` (NumPy) may be looked at, to evaluate only what is needed; torch and JAX
    times are never read, since that would synchronise a device or fail under tracing.
    """

    xp: Any
    concrete: bool
    floating: Callable[[Array], Array]
    lift: Callable[[Array], Array]

    def where(self, mask: Array, yes: Array, no: Array) -> Array:
        return self.xp.where(mask, self.lift(yes), self.lift(no))

    def smaller(self, x: Array, y: Array) -> Array:
        """The smaller of two; NaN counts as in NumPy."""
        return self.xp.minimum(self.lift(x), self.lift(y))

    def larger(self, x: Array, y: Array) -> Array:
        return self.xp.maximum(self.lift(x), self.lift(y))

    def at_most(self, x: Array, bound: int | float) -> Array:
        """`x` cut at a number, in the dtype of `x` (integers stay integers)."""
        if self.concrete:
            return np.minimum(x, bound)
        return self.xp.where(x > bound, self.xp.full_like(x, bound), x)

    def at_least(self, x: Array, bound: int | float) -> Array:
        if self.concrete:
            return np.maximum(x, bound)
        return self.xp.where(x < bound, self.xp.full_like(x, bound), x)

    def reached(self, bounds: Sequence[int], t: Array) -> Array:
        """How many of the sorted `bounds` are at or before each time."""
        if self.concrete:
            return np.searchsorted(np.asarray(bounds, dtype=np.int64), t, side="right")
        return sum(((t >= bound) * 1 for bound in bounds), t * 0)

    def take(self, table: Sequence[float] | Floats, index: Array) -> Array:
        """`table[index]` for integers within the table."""
        if self.concrete:
            return np.asarray(table, dtype=np.float64)[index]
        return self.lift(np.asarray(table, dtype=np.float64))[index]


def _numpy_floating(x: Array) -> Array:
    return np.asarray(x, dtype=np.float64)


NUMPY = Arrays(np, True, _numpy_floating, _numpy_floating)


def is_numpy(x: object) -> bool:
    """Whether `x` is a number, a NumPy array or something NumPy turns into one."""
    return isinstance(x, (int, float, np.ndarray, np.generic, list, tuple))


def arrays_of(*values: object) -> Arrays:
    """The operations for the first value that is a torch or JAX array; NumPy's if none is."""
    foreign = [value for value in values if not is_numpy(value)]
    if not foreign:
        return NUMPY
    from array_api_compat import array_namespace, device

    xp = array_namespace(*foreign)
    where = device(foreign[0])  # type: ignore[arg-type]  # array-api-compat types arrays by protocol
    # torch computes in float64 whatever the default; JAX has float64 only where the user switched it on.
    dtype = xp.asarray(0.0).dtype if "jax" in xp.__name__ else xp.float64

    def lift(x: Array) -> Array:
        if is_numpy(x):
            return xp.asarray(x, dtype=dtype, device=where)
        return x

    def floating(x: Array) -> Array:
        return xp.astype(lift(x), dtype)

    return Arrays(xp, False, floating, lift)
