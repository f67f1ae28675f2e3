"""Evaluation: the values of a planned schedule at many times, for many bases at once.

A base is a column. `[[b0], [b1], …]` gives a row of values for each base. `[[1], [0]]`, with `[[0], [1]]` for absolute
values, gives the two rows A and C of A(t) * base + C(t), which are valid for every base. Without absolute levels the
number 1.0 gives the row A. So a formula is written once, in NumPy.
"""

from collections.abc import Callable
from math import inf
from typing import Any, Final, NamedTuple, Protocol, final

import numpy as np

from paramsched.core.curves.arrays import Array, Floats, quiet, require_numbers
from paramsched.errors import InvalidArgument, InvalidTime, shown

_PIECE: Final = 49152  # updates evaluated at once, so that temporaries fit in the cache (benchmarks/test_curve.py)

MAX_LENGTH: Final = 10**18
"""The maximum length, in updates."""


def product(x: Array, y: Array) -> Array:
    """Return x * y, with 0 * inf = 0: a base of 0 stays 0, however large its factor is."""
    made = x * y
    # min() of an array with a NaN is NaN, so one pass over the values is usually enough.
    if not isinstance(made, np.ndarray):
        return 0.0 if made != made and x == x and y == y else made
    if made.size and np.isnan(made.min()):
        made = np.where(np.isnan(made) & ~np.isnan(x) & ~np.isnan(y), 0.0, made)
    return made


@final
class Base(NamedTuple):
    """The base of an evaluation: a level is a multiple of it.

    Args:
        value: the base: a number, an array with a value for each time, or a column of bases.
        one: what an absolute value multiplies: 1, or a column.
    """

    value: Any
    one: Any = 1.0

    def times(self, factor: Array) -> Array:
        """Return the values of multiples of base."""
        return factor if self is FACTOR else product(factor, self.value)

    def scaled(self, factor: Array) -> "Base":
        """Return the base multiplied by a factor at each time."""
        return Base(self.times(factor), self.one)

    def at(self, part: Any, size: int) -> "Base":
        """Return the base at some of `size` times."""
        has_times = np.ndim(self.value) and self.value.shape[-1] == size and size > 1
        return Base(self.value[..., part], self.one) if has_times else self

    @property
    def rows(self) -> tuple[int, ...]:
        """The shape of values without their times."""
        return max(np.shape(self.value)[:-1], np.shape(self.one)[:-1], key=len)


FACTOR: Final = Base(1.0)
"""The base whose values are the factors of base of a schedule without absolute levels."""
ROWS: Final = Base(np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]]))
"""The base whose values are two rows: the multiples of base, and the absolute values."""
ONE: Final = Base(1.0)
"""A base of 1."""


class Planned(Protocol):
    """The attributes of a piece that this module uses."""

    @property
    def values(self) -> Callable[[Array, Base], Array]: ...


class Formula(Protocol):
    """The attributes of a schedule that this module uses."""

    @property
    def affine(self) -> bool: ...
    @property
    def has_absolute(self) -> bool: ...
    @property
    def piece(self) -> Planned: ...


def for_base(schedule: Formula, values: Callable[[Array, Base], Array], t: Array, base: Any) -> Array:
    """Return the values of a schedule for a base, which is applied last if the schedule is affine."""
    if not schedule.affine:
        return values(t, Base(base))
    if not schedule.has_absolute:
        return product(values(t, FACTOR), base)
    factor, offset = np.broadcast_to(values(t, ROWS), (2, t.size))
    return product(factor, base) + offset


def value_at(schedule: Formula, t: Any, base: Any) -> Any:
    """Evaluate a schedule at `t` for `base`. Calling a schedule calls this function."""
    require_numbers(t, base)
    base = checked_base(base)
    times = checked_times(t)
    if isinstance(base, float) and not isinstance(base, np.generic):
        values = evaluate(schedule, times.reshape(-1), base)
        return float(values[0]) if times.ndim == 0 and not isinstance(t, np.ndarray) else values.reshape(times.shape)
    bases: Array = base
    made = _for_many_bases(schedule, times, np.asarray(bases, dtype=np.float64))
    return made.astype(bases.dtype, copy=False)[()] if np.issubdtype(bases.dtype, np.floating) else made[()]


@quiet
def evaluate(schedule: Formula, times: Array, base: float) -> Floats:
    """Return the values at a 1-d NumPy array of times for one base, as float64.

    A value does not depend, not even in its last bit, on how many times are evaluated together.
    """
    times = np.ascontiguousarray(times)
    values, is_factor = schedule.piece.values, schedule.affine and not schedule.has_absolute and bool(base)
    out = np.empty(times.size)
    for begin in range(0, times.size, _PIECE):
        t, here = times[begin : begin + _PIECE], out[begin : begin + _PIECE]
        if is_factor:
            np.multiply(values(t, FACTOR), base, out=here)
        else:
            here[:] = for_base(schedule, values, t, base)
    return out


@quiet
def columns(schedule: Formula, times: Array | float) -> tuple[Floats, Floats | None]:
    """Return the factors of base of an affine schedule at some times, and its absolute values; None if it has none."""
    times = np.atleast_1d(times)
    if not schedule.has_absolute:
        return np.array(np.broadcast_to(schedule.piece.values(times, FACTOR), times.shape)), None
    factor, value = np.broadcast_to(schedule.piece.values(times, ROWS), (2, times.size))
    return factor, value


def factors_at(schedule: Formula, times: Array | float) -> Floats | None:
    """Return the factors of base at some times; None if the values are not only multiples of base."""
    return columns(schedule, times)[0] if schedule.affine and not schedule.has_absolute else None


@quiet
def rows_at(schedule: Formula, times: Array | float, bases: Floats) -> Array:
    """Return the values at some times, a row each, with a column for each base; equal to those of `evaluate`."""
    if schedule.affine:
        factor, value = columns(schedule, times)
        rows = product(factor[:, None], bases)
        return rows if value is None else rows + value[:, None]
    times = np.atleast_1d(times)
    found, places = np.unique(bases, return_inverse=True)
    values = schedule.piece.values(times, Base(found[:, None]))
    return np.broadcast_to(values, (found.size, times.size))[places].T


def values_by_base(schedule: Formula, times: Array) -> Callable[[float], Floats]:
    """Return a function of the base whose values are those of `evaluate`, with the formula computed once."""
    factors = factors_at(schedule, times) if times.size <= _PIECE else None
    if factors is None:
        return lambda base: evaluate(schedule, times, base)
    return quiet(lambda base: np.asarray(product(factors, base)))


def depends_on_base(schedule: Formula, times: Array, base: float = 1.0, other: float = 2.0) -> bool:
    """Return whether a schedule has different values at some of the times for two bases."""
    return not np.array_equal(evaluate(schedule, times, base), evaluate(schedule, times, other))


@quiet
def _for_many_bases(schedule: Formula, times: Array, bases: Array) -> Floats:
    """Return the values for an array of bases. Each value is the same as if its base were passed alone."""
    try:
        shape = np.broadcast_shapes(times.shape, bases.shape)
    except ValueError:
        found = f"expected shapes that broadcast, got times of shape {times.shape} and bases of shape {bases.shape}"
        raise InvalidArgument("schedule(t, base)", found, "Use schedule(t[:, None], base)") from None
    values, flat = schedule.piece.values, times.reshape(-1)
    if not schedule.affine:
        many_times, many_bases = (np.array(np.broadcast_to(one, shape)).reshape(-1) for one in (times, bases))
        return np.array(np.broadcast_to(values(many_times, Base(many_bases)), many_times.shape)).reshape(shape)
    if not schedule.has_absolute:
        factor = np.broadcast_to(values(flat, FACTOR), flat.shape).reshape(times.shape)
        return np.array(np.broadcast_to(product(factor, bases), shape))
    factor, offset = np.broadcast_to(values(flat, ROWS), (2, flat.size)).reshape(2, *times.shape)
    return np.array(np.broadcast_to(product(factor, bases) + offset, shape))


_INSTEAD_OF_TIME: Final = "Use the number of completed updates: 0, 1, 2, …"
_INSTEAD_OF_BASE: Final = "Use the group's own value, for example 0.1"


def checked_times(t: Any) -> Array:
    """Check Python or NumPy times, and return them as a NumPy array."""
    if isinstance(t, (bool, str, bytes)):
        raise InvalidTime(f"time {t!r}", f"expected a number, got {type(t).__name__}", _INSTEAD_OF_TIME)
    if isinstance(t, (int, float)):
        if not 0 <= t < inf:
            raise InvalidTime(f"time {t!r}", "must be finite and not negative", _INSTEAD_OF_TIME)
        if isinstance(t, int) and t > MAX_LENGTH:
            raise InvalidTime(
                f"time {t:.6g}" if t < 10**300 else "time", "must be at most 1e18 updates", _INSTEAD_OF_TIME
            )
        return np.asarray(t)
    try:
        times = np.asarray(t)
    except ValueError:  # lists of different lengths
        raise InvalidTime(f"times {shown(t)}", "expected an array of numbers", _INSTEAD_OF_TIME) from None
    if times.dtype.kind not in "iuf":
        raise InvalidTime(f"times of dtype {times.dtype}", "expected numbers", _INSTEAD_OF_TIME)
    if times.dtype == np.int64 and (not times.size or times.view(np.uint64).max() <= MAX_LENGTH):
        return np.ascontiguousarray(times).reshape(times.shape)  # one pass: a negative number is a large unsigned one
    first, last = (times.min(), times.max()) if times.size else (0, 0)
    if not (first >= 0 and np.isfinite(last)):
        raise InvalidTime(f"times from {first} to {last}", "must be finite and not negative", _INSTEAD_OF_TIME)
    if times.dtype.kind == "f":
        return np.ascontiguousarray(times, dtype=np.float64).reshape(times.shape)
    if last > MAX_LENGTH:
        raise InvalidTime(f"times up to {last}", "must be at most 1e18 updates", _INSTEAD_OF_TIME)
    return np.ascontiguousarray(times, dtype=np.int64).reshape(times.shape)


def checked_base(base: Any) -> Any:
    """Check a base. Return a Python number as a float, and another base as an array."""
    if isinstance(base, (int, float)) and not isinstance(base, np.generic):
        try:
            value = float(base)
        except OverflowError:  # an integer of more than 308 digits
            value = inf
        if not -inf < value < inf:
            raise InvalidArgument(f"base {value!r}", "must be finite", _INSTEAD_OF_BASE)
        return value
    bases = np.asarray(base)
    if bases.dtype.kind not in "biuf":
        raise InvalidArgument(f"base {base!r}"[:80], f"expected real numbers, got {bases.dtype}", _INSTEAD_OF_BASE)
    if not np.isfinite(bases).all():
        raise InvalidArgument(f"base {base!r}"[:80], "must be finite", _INSTEAD_OF_BASE)
    return bases
