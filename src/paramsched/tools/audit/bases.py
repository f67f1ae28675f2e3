"""The base of a logged column: the one with which its values are as planned."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from paramsched.core.curves.arrays import ROUNDING, ROUNDING_OF_LARGEST, Floats
from paramsched.tools.audit.match import NEAR, PlannedColumn, ValuesByBase, spread_rows
from paramsched.tools.records.log_values import Flags, LogColumn, Rounding, Times

Clock: TypeAlias = Callable[[Times], Times]
"""A function of updates that returns the times of a schedule."""

GLANCE, SAMPLE = 24, 400  # rows on which a cause is tried first

_FLAT = 1e-12  # a factor, relative to the largest, with which any base explains a value
_TRIED_ROWS = 32  # rows whose bases are tried, if the values are no line of the base
_SAMPLED_ROWS = 256
_MOST_DIGITS = 17
_DOUBLINGS = 6  # of the largest value, which a limit may have made smaller


class _LineOfBase(NamedTuple):
    """Planned values as a function of the base, `offset + factor * base`: of an affine schedule, or near one base."""

    offset: Floats
    factor: Floats
    base: float = 1.0

    @classmethod
    def of(cls, planned: ValuesByBase, base: float | None) -> "_LineOfBase":
        if base is None:
            offset = planned(0.0)
            return cls(offset, planned(1.0) - offset)
        values, other = planned(base), base * NEAR
        factor = (values - planned(other)) / (base - other)
        return cls(values - factor * base, factor, base)

    def bounds(self, column: LogColumn, reading: Rounding | None, rows: slice | Times) -> tuple[Floats, Floats]:
        """Return the least and the largest base with which each value is as planned; without one they are crossed."""
        values = column.values_in(reading)[rows]
        size = np.abs(values)
        near = column.slack(reading) * size
        if column.tolerance:
            near += ROUNDING_OF_LARGEST * size.max(initial=0.0, where=np.isfinite(size))
        below, above = near, near
        if reading is not None:
            # A planned value just below a power of ten is rounded to finer units.
            below, above = near + reading.half_unit(size * (1 - 1e-9)), near + reading.half_unit(size)
        below, above = np.where(values < 0, above, below), np.where(values < 0, below, above)
        largest = np.abs(self.factor).max(axis=-1, keepdims=True, initial=0.0, where=np.isfinite(self.factor))
        flat = ~(np.abs(self.factor) > _FLAT * largest) | ~np.isfinite(values)
        divisor = np.where(flat, 1.0, self.factor)
        ends = (values - below - self.offset) / divisor, (values + above - self.offset) / divisor
        same = np.abs(values - self.offset) <= np.maximum(below, above) + _FLAT * np.abs(self.offset)
        any_base = flat & (same | ~np.isfinite(values) | (np.abs(self.factor) > 0))
        low = np.where(flat, np.where(any_base, -np.inf, np.inf), np.minimum(*ends))
        high = np.where(flat, np.where(any_base, np.inf, -np.inf), np.maximum(*ends))
        return low, high


def base_of_all(pair: PlannedColumn, times: Times) -> float | None:
    """Return the base with which all values are those planned at these times; None if there is none."""
    planned = pair.planned_by_base(times)
    for line in _lines(pair, planned, times):
        for reading in (None, *pair.column.readings):
            low, high = (float(one) for one in _common(*line.bounds(pair.column, reading, slice(None))))
            for base in _roundest(low, high, line.base):
                if pair.column.equals_in(reading, planned(base)).all():
                    return base
    return None


def bases_if_explained(pairs: Sequence[PlannedColumn], clock: Clock | None = None) -> tuple[float, ...] | None:
    """Return the base of each column with which all values are as planned; None if some value is not.

    Args:
        pairs: the columns and their schedules.
        clock: converts update numbers to times of the plan. Default: they are the same.
    """
    for size in (GLANCE, SAMPLE, None):
        bases = []
        for pair in pairs:
            part = pair if size is None else part_of(pair, size)
            times = part.column.t if clock is None else clock(part.column.t)
            base = _base_if_equal(part, times)
            if base is None:
                return None
            bases.append(base)
    return tuple(bases)


def _base_if_equal(pair: PlannedColumn, times: Times) -> float | None:
    if pair.base is None:
        return base_of_all(pair, times)
    return pair.base if pair.column.equals(pair.planned_at(times, pair.base)).all() else None


def part_of(pair: PlannedColumn, size: int) -> PlannedColumn:
    """Return a column with a few of its rows."""
    if pair.column.t.size <= size:
        return pair
    rows = spread_rows(pair.column.t.size, size)
    return replace(pair, column=replace(pair.column, t=pair.column.t[rows], values=pair.column.values[rows]))


def factor_of_all(column: LogColumn, planned: Floats) -> float | None:
    """Return the factor from the planned to the logged values; None if it is not the same for all."""
    line = _LineOfBase(np.zeros(planned.size), planned)
    for reading in (None, *column.readings):
        low, high = (float(one) for one in _common(*line.bounds(column, reading, slice(None))))
        for factor in _roundest(low, high, 1.0):
            if column.equals_in(reading, planned * factor).all():
                return factor
    return None


def base_of_first(pair: PlannedColumn, times: Times) -> float:
    """Return the base with which the most values from the first one on are those planned at these times."""
    planned = pair.planned_by_base(times)
    most, found = 0, 1.0
    for line in _lines(pair, planned, times):
        for reading in (None, *pair.column.readings):
            low, high = line.bounds(pair.column, reading, slice(None))
            low, high = np.maximum.accumulate(low), np.minimum.accumulate(high)
            size = int(np.argmin(np.append(low <= high, False)))
            for base in _roundest(float(low[size - 1]), float(high[size - 1]), line.base):
                count = int(np.argmin(np.append(pair.column.equals_in(reading, planned(base)), False)))
                if count > most:
                    most, found = count, base
    return found


def which_can_be_planned(pair: PlannedColumn, rows: Times, times: Times) -> Flags:
    """Return for each of several clocks whether some base explains all of these values.

    Args:
        pair: the logged values.
        rows: the indices of the compared rows; shape (rows,).
        times: their times by each clock; shape (clocks, rows).
    """
    planned, column = pair.planned_by_base(times.reshape(-1)), pair.column
    readings = (None, *column.readings)
    if pair.base is not None:
        values = planned(pair.base).reshape(times.shape)
        return np.logical_or.reduce([column.equals_in(one, values, rows).all(axis=1) for one in readings])  # type: ignore[no-any-return]
    flags = np.zeros(len(times), dtype=np.bool_)
    for start in (None,) if pair.schedule.affine else _starts(column.values):
        whole = _LineOfBase.of(planned, start)
        line = _LineOfBase(whole.offset.reshape(times.shape), whole.factor.reshape(times.shape))
        for reading in readings:
            low, high = _common(*line.bounds(column, reading, rows))
            flags |= low <= high
    return flags


def _starts(values: Floats) -> tuple[float, ...]:
    """Return bases near which a schedule that is no line of the base may be one."""
    largest = float(np.abs(values).max(initial=0.0, where=np.isfinite(values)))
    return tuple({1.0, *(largest * 2.0**power for power in range(_DOUBLINGS))} - {0.0})


def _common(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    return low.max(axis=-1, initial=-np.inf), high.min(axis=-1, initial=np.inf)


def _roundest(low: float, high: float, any_base: float) -> Iterator[float]:
    """Yield numbers from `low` to `high`, those with few digits first, because bases usually have few digits."""
    if low == -np.inf and high == np.inf:
        yield any_base
    elif low <= high:
        middle = (low + high) / 2 if np.isfinite(low + high) else low if np.isfinite(low) else high
        numbers = (float(f"{middle:.{n}g}") for n in range(1, _MOST_DIGITS))
        yield from dict.fromkeys([*(one for one in numbers if low <= one <= high), middle, low, high])


def _lines(pair: PlannedColumn, planned: ValuesByBase, times: Times) -> Iterator[_LineOfBase]:
    """Yield the lines on which the values may be; a schedule with limits follows different ones for different bases."""
    if pair.schedule.affine:
        yield _LineOfBase.of(planned, None)
        return
    values = pair.column.values
    usable = np.flatnonzero(np.isfinite(values))
    if not usable.size:
        return
    changes = np.flatnonzero(np.diff(values[usable]))[:_TRIED_ROWS]
    tried = usable[np.unique([*spread_rows(usable.size, _TRIED_ROWS), *changes, *(changes + 1)])]
    sampled = usable[spread_rows(usable.size, _SAMPLED_ROWS)]
    of_tried, of_sampled = pair.planned_by_base(times[tried]), pair.planned_by_base(times[sampled])
    candidates: set[float] = set()
    for start in _starts(values):
        offset, factor, _ = _LineOfBase.of(of_tried, start)
        candidates.update(((values[tried] - offset)[factor != 0] / factor[factor != 0]).tolist())
    candidates = {one for one in candidates if np.isfinite(one) and one != 0}

    # A candidate is computed with rounding errors, which count less than a limit, also in a log that has all bits.
    columns = [replace(pair.column, tolerance=max(pair.column.tolerance, ROUNDING)), pair.column]

    def differing(base: float) -> list[int]:
        values = of_sampled(base)
        return [int(np.count_nonzero(~column.equals(values, sampled))) for column in columns]

    best = sorted(candidates, key=lambda one: (differing(one), one))[:2]
    for base in best or [1.0]:
        yield _LineOfBase.of(planned, base)
