"""Tables: schedules made of a list of values."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.core.curves import Curve, CurveLike
from paramsched.core.curves.arrays import Array, Arrays, Floats
from paramsched.core.number_checks import finite_number
from paramsched.core.schedules.affine import Absolute, Affine, Bounds
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import curve_argument
from paramsched.core.schedules.lengths import (
    POSITIVE_PERIOD,
    Span,
    boundaries,
    complete_periods,
    length_of_cycles,
    split_periods,
)
from paramsched.core.schedules.registry import shape
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument, site_with_value

TableLike: TypeAlias = Sequence[float | Absolute] | Floats

MOST_WRITTEN = 30_000
"""The largest number of values of a `table`. They are written in the plan's text, of 1 MB, and in every checkpoint."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class TableValues:
    """The values of a table: one or more finite float64 numbers.

    They are stored as bytes, so that a million values can be compared, hashed and copied at once.
    """

    data: bytes

    @property
    def array(self) -> Floats:
        """The values as a read-only array of one dimension."""
        return np.frombuffer(self.data, dtype="<f8")

    def __len__(self) -> int:
        return len(self.data) // 8

    def __str__(self) -> str:
        return f"[{', '.join(map(repr, self.array.tolist()))}]"

    __repr__ = __str__


def table_values(site: CallSite, values: Any) -> TableValues:
    """Check the values of a table.

    Raises:
        InvalidArgument: `values` is not a list of finite numbers, or it is empty.
    """
    if isinstance(values, TableValues):
        return values
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, os.PathLike, Mapping)):
        found = f"expected a list of numbers, got {type(values).__name__}"
        raise InvalidArgument(site_with_value(site, values), found, example="[1.0, 0.5, 0.1]")
    try:
        array = np.asarray(list(values) if isinstance(values, Iterator) else values)
    except ValueError:  # lists of different lengths
        raise InvalidArgument(site, "expected a list of numbers, got nested lists", example="[1.0, 0.5, 0.1]") from None
    if array.ndim != 1 or array.size == 0:
        got = f"an array of {array.ndim} dimensions" if array.size else "an empty list"
        found = f"expected a list of numbers, got {got}"
        raise InvalidArgument(site, found, example="[1.0, 0.5, 0.1]")
    if array.dtype.kind not in "fiu":
        for number in values if isinstance(values, (list, tuple)) else array.tolist():
            finite_number(CallSite(site.call, site.argument, entry=True), number)  # raises for the invalid item
    floats = array.astype("<f8") + 0.0  # turns -0.0 into 0.0, because equal tables must have the same text
    bad = np.flatnonzero(~np.isfinite(floats))
    if bad.size:
        found = f"values[{bad[0]}] is {floats[bad[0]]}; it must be finite"
        raise InvalidArgument(site, found, "Write finite numbers")
    return TableValues(floats.tobytes())


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table(Schedule):
    """value(t) = values[floor(t / every)]; the last value is held. With a curve, values are interpolated.

    Args:
        values: the values.
        every: the time between two values.
        curve: the curve from each value to the next; None for steps.
        absolute: True if the values are absolute, False if they are multiples of base.
    """

    values: TableValues
    every: Duration = field(metadata=POSITIVE_PERIOD)
    curve: Curve | None
    absolute: bool

    def check_together(self) -> None:
        if not isinstance(self.absolute, bool):
            site = CallSite("table", "absolute", repr(self.absolute))
            raise InvalidArgument(site, "expected True or False", example="absolute=True")
        if self.curve is not None and len(self.values) == 1:
            found = "a curve needs at least two values, got one"
            raise InvalidArgument(CallSite("table", "curve", str(self.curve)), found, "Leave curve out")

    @property
    def _steps(self) -> int:
        return len(self.values) if self.curve is None else len(self.values) - 1

    @property
    def length(self) -> Duration:
        return length_of_cycles(self.every, 1, "exact", self._steps)

    def _held_from(self) -> int | Fraction:
        return self.every.number * self._steps

    def _exact_length(self, span: Span) -> Fraction:
        return Fraction(span.period(self.every).number * self._steps)

    @property
    def has_absolute(self) -> bool:
        return self.absolute

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        if self.curve is None:
            over = ops.at_most(complete_periods(t, self.every.number, ops), len(self.values) - 1)
            values = self.values.array[ops.whole(over)]
        else:
            values = self._joined_values(self.curve, t, ops)
        return Affine(None, values) if self.absolute else base.scaled(values)

    def bounds(self, bases: Bounds) -> Bounds | None:
        if self.curve is not None and not self.curve.monotone:
            return None
        levels = Bounds(float(self.values.array.min()), float(self.values.array.max()))
        return levels if self.absolute else levels.times(bases)

    def _joined_values(self, curve: Curve, t: Array, ops: Arrays) -> Array:
        """Interpolate between the values along the curve; exact at the time of each value, and from the last on."""
        table, period = self.values.array, self.every.count
        index, since = split_periods(t, self.every.number, ops, self._steps)
        index = ops.whole(index)
        value, following = table[index], table[index + 1]
        inside, done = (since > 0) & (since < period), since >= period
        u, rest = ops.floating(since) / period, ops.floating(period - since) / period
        between = value + (following - value) * curve._rise(u, rest, ops)
        if curve.monotone:  # clipped, because rounding can exceed the two values
            between = ops.larger(ops.smaller(between, ops.larger(value, following)), ops.smaller(value, following))
        return ops.where(inside, between, ops.where(done, following, value))

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        end = self._held_from()
        return (time for time in boundaries(self.every.number, min(until, ceil(end)), since) if time <= end)


@shape
def table(values: TableLike, every: DurationLike = 1, curve: CurveLike | None = None, absolute: bool = False) -> Table:
    """A schedule from a list of values: value(t) = values[floor(t / every)].

    Its length is len(values) * every, and it holds the last value from then on. With a curve it interpolates from each
    value to the next, has values[k] at time k * every, and its length is (len(values) - 1) * every. See `piecewise` for
    values at arbitrary times, and `shape` for more than 30,000: `def replay(t): return values[t]`.

    Args:
        values: 1 to 30,000 finite numbers, multiples of base: a list, or a NumPy array of one dimension. A list of
            `absolute(x)` only means `absolute=True`.
        every: how long each value lasts, in any unit of time. At least one update.
        curve: the curve from each value to the next, such as `curves.linear`. None keeps each value constant.
        absolute: if True, the values are absolute, not multiples of base.

    Raises:
        InvalidArgument: a value is not a finite number, or there are none or more than 30,000.

    Source: torch `LambdaLR` with a list, `LambdaLR(optimizer, values.__getitem__)`, which fails after the last value.

    >>> warm = table([0.1, 0.5, 1.0], every=2)
    >>> [warm(t) for t in (0, 1, 2, 4, 100)]
    [0.1, 0.1, 0.5, 1.0, 1.0]
    >>> table([1.0, 0.5], every=4, curve=curves.linear, absolute=True)(2, base=7.0)
    0.75
    >>> from paramsched import absolute
    >>> print(table([absolute(3e-4), absolute(1e-4)], every=30))
    table([0.0003, 0.0001], 30, absolute=True)
    """
    site = CallSite("table", "values")
    if isinstance(values, (list, tuple)) and any(isinstance(value, Absolute) for value in values):
        values, absolute = _values_of_levels(site, values), True
    checked = table_values(site, values)
    if len(checked) > MOST_WRITTEN:
        found = f"a table has at most {MOST_WRITTEN:,} values, got {len(checked):,}"
        raise InvalidArgument(
            site, found, "Write @ps.shape above def replay(t): return values[t], and replay() in the plan"
        )
    return Table(checked, Duration.of(every), None if curve is None else curve_argument("table", curve), absolute)


def _values_of_levels(site: CallSite, levels: Sequence[Any]) -> list[float]:
    """Return the values of absolute levels.

    Raises:
        InvalidArgument: a level is not absolute.
    """
    values = [level.value for level in levels if isinstance(level, Absolute)]
    if len(values) < len(levels):
        found = "some values are absolute and some are multiples of base"
        instead = "Values of both kinds are levels of piecewise([(0, 1.0), (10, absolute(0.1))])"
        raise InvalidArgument(site, found, instead)
    return values
