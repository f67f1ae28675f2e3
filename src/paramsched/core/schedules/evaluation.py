"""Evaluation: the only module that calls `_at`, the formula of a schedule; `_factor_of_number` has the same bits."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice, pairwise
from math import inf
from typing import Any, Protocol

import numpy as np

from paramsched.core.curves.arrays import NUMPY, Array, Arrays, Floats, require_numbers
from paramsched.core.schedules.affine import BASE, Affine
from paramsched.errors import InvalidArgument, InvalidTime, shown

_PIECE = 49152  # updates evaluated at once, so that temporaries fit in the cache (benchmarks/test_curve.py)
_MAX_SEAMS = 8  # times at which an array is split; more of them would make pieces too small to be faster

quiet = np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore")
"""Suppresses NumPy's warnings, because an overflow is inf, without a warning."""


class Formula(Protocol):
    """The attributes of a schedule that this module uses."""

    @property
    def affine(self) -> bool: ...
    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine: ...
    def _seams(self) -> Iterable[float]: ...


def value_at(schedule: Formula, t: Any, base: Any) -> Any:
    """Evaluate a schedule at `t` for `base`. Calling a schedule calls this function."""
    require_numbers(t, base)
    base = checked_base(base)
    if isinstance(base, float) and not isinstance(base, np.generic):
        # Large integer arrays are checked piece by piece, while a piece is in the cache.
        many = isinstance(t, np.ndarray) and t.dtype == np.int64 and t.size > _PIECE
        times = t if many else checked_times(t)
        values = evaluate(schedule, times.reshape(-1), base)
        return float(values[0]) if times.ndim == 0 and not isinstance(t, np.ndarray) else values.reshape(times.shape)
    bases: Array = base
    values = _for_many_bases(schedule, checked_times(t), np.asarray(bases, dtype=np.float64))
    return values.astype(bases.dtype, copy=False)[()] if np.issubdtype(bases.dtype, np.floating) else values[()]


@quiet
def evaluate(schedule: Formula, times: Array, base: float) -> Floats:
    """Return the values at a 1-d NumPy array of times for one base, as float64.

    A value does not depend, not even in its last bit, on how many times are evaluated together. Long arrays can
    therefore be split into pieces that fit in the cache.
    """
    affine = schedule.affine
    if times.size <= _PIECE:
        return _values_of_piece(schedule, times, base, NUMPY, affine=affine)
    out = np.empty(times.size)
    # A piece inside one stage needs no masks, which cost twice as much as the formula. Every split gives the same
    # values, so the result is correct even if the times are not sorted, although searchsorted assumes sorted times.
    seams = [*islice(schedule._seams(), _MAX_SEAMS)]
    places = {int(place) for side in ("left", "right") for place in np.searchsorted(times, seams, side=side)}
    for begin, end in pairwise(sorted({*range(0, times.size, _PIECE), *places, times.size})):
        piece = times[begin:end]
        low, high = piece.min().item(), piece.max().item()
        if low < 0 or high > MAX_LENGTH:
            checked_times(times)  # raises for invalid integers; large floats are valid
        _write_piece(schedule, piece, base, NUMPY.with_bounds(piece, low, high), out[begin:end], affine=affine)
    return out


def values_by_base(schedule: Formula, times: Array) -> Callable[[float], Floats]:
    """Return a function of the base whose values are those of `evaluate`, with the formula computed once."""
    if not schedule.affine or times.size > _PIECE:
        return partial(evaluate, schedule, times)
    value = columns(schedule, times)
    return quiet(lambda base: np.array(np.broadcast_to(value.apply(base), times.shape)))


def depends_on_base(schedule: Formula, times: Array, base: float = 1.0, other: float = 2.0) -> bool:
    """Return whether a schedule has different values at some of the times for two bases."""
    return not np.array_equal(evaluate(schedule, times, base), evaluate(schedule, times, other))


def columns(schedule: Formula, times: Array | float) -> Affine:
    """Return the factors and offsets of an affine schedule at some times, before a base is applied."""
    with np.errstate(all="ignore"):
        return schedule._at(np.atleast_1d(times), BASE, NUMPY)


def _write_piece(schedule: Formula, times: Array, base: float, ops: Arrays, out: Floats, *, affine: bool) -> None:
    """Write the values at `times` into `out`, if possible without a temporary array, so that they fit in the cache."""
    value = schedule._at(times, BASE, ops) if affine else Affine(None, None)
    if value.offset is None and base and isinstance(value.factor, np.ndarray):
        np.multiply(value.factor, base, out=out)  # as `Affine.apply` does, without a temporary array
    else:
        out[:] = value.apply(base) if affine else _values_of_piece(schedule, times, base, ops, affine=affine)


def _values_of_piece(schedule: Formula, times: Array, base: float, ops: Arrays, *, affine: bool) -> Floats:
    """Return the values at a few times in a new array."""
    values = value_for_base(schedule, times, base, ops, affine=affine)
    if isinstance(values, np.ndarray) and values.shape == times.shape:
        return values
    return np.full(times.shape, values)


def value_for_base(schedule: Formula, times: Array, base: float, ops: Arrays, *, affine: bool) -> Array:
    """Return the values for one base: `factor * base + offset` if affine, otherwise with base in the formula."""
    if affine:
        return schedule._at(times, BASE, ops).apply(base)
    return schedule._at(times, Affine(None, base), ops).constant()


def _common_shape(times: tuple[int, ...], bases: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(times, bases)
    except ValueError:
        found = f"expected shapes that broadcast, got times of shape {times} and bases of shape {bases}"
        raise InvalidArgument("schedule(t, base)", found, "Use schedule(t[:, None], base)") from None


@quiet
def _for_many_bases(schedule: Formula, times: Array, bases: Array) -> Floats:
    """Return the values for an array of bases. Each value is the same as if its base were passed alone."""
    shape = _common_shape(times.shape, bases.shape)
    if schedule.affine:
        value = columns(schedule, times.reshape(-1))
        shaped = Affine(*(_shaped_column(column, times.shape) for column in (value.factor, value.offset)))
        return np.array(np.broadcast_to(shaped.apply(bases), shape))
    many_times = np.array(np.broadcast_to(times, shape)).reshape(-1)
    many_bases = np.array(np.broadcast_to(bases, shape)).reshape(-1)
    values = schedule._at(many_times, Affine(None, many_bases), NUMPY).constant()
    return np.array(np.broadcast_to(values, many_times.shape)).reshape(shape)


def _shaped_column(column: Array | None, shape: tuple[int, ...]) -> Array | None:
    return column.reshape(shape) if isinstance(column, np.ndarray) else column


MAX_LENGTH = 10**18
"""The maximum length, in updates."""

_INSTEAD_OF_TIME = "Use the number of completed updates: 0, 1, 2, …"
_INSTEAD_OF_BASE = "Use the group's own value, for example 0.1"


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
