"""Stepping: a kernel schedule and a kernel rule, read tick by tick for the groups of an optimizer.

A drop-in is parameters for it. While it is the only writer it takes the closed form (`row`); when somebody else wrote
in between, the relative step from the present values (`moved`). Both come from blocks computed with NumPy.
"""

from collections.abc import Callable, Sequence
from typing import final

import numpy as np

from paramsched._arrays import Array, Floats
from paramsched.schedules.base import Schedule, columns
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.rules import Rule

_TICKS = 1024  # ticks computed at once where somebody steps on and on
_CELLS = 131_072  # ticks times groups: bounds the memory of a block to a few megabytes

Change = tuple[float, float, float, float]
"""The relative step v <- a v + b base + c level + e entry of one tick."""


@final
class Rows:
    """Rows of a table, one value per group: the sum of each column times its parameter of the group.

    Args:
        columns: from an array of ticks (integers, or one that is not whole) to columns, one for each parameter.
        parameters: lists of one number per group.

    >>> ramp = Rows(lambda t: [1 - t / 4, t / 4], [[0.0, 8.0], [1.0, 4.0]])
    >>> ramp.row(1), ramp.row(2)
    ([0.25, 7.0], [0.5, 6.0])
    """

    def __init__(self, columns: Callable[[Array], Sequence[Floats]], parameters: Sequence[Sequence[float]]) -> None:
        self._columns = columns
        self._parameters = [np.array(parameter, dtype=np.float64) for parameter in parameters]
        self._groups = self._parameters[0].size
        self._alike = all(parameter.size and (parameter == parameter[0]).all() for parameter in self._parameters)
        self._most = max(1, min(_TICKS, _CELLS // max(1, self._groups)))
        self.begin, self.rows = 0, list[list[float]]()  # the block at hand, for loops that count every call

    def row(self, tick: float) -> list[float]:
        """The value of each group at `tick`. The list belongs to the table: it is not to be changed."""
        at = tick - self.begin
        if 0 <= at < len(self.rows) and at == int(at):
            return self.rows[int(at)]
        if tick != int(tick):
            return self._table(self._columns(np.array([float(tick)])))[0]
        size = min(self._most, _grown(len(self.rows), on=at == len(self.rows)))
        self.begin = int(tick)
        columns = self._columns(np.arange(self.begin, self.begin + size))
        moves = np.array([column[1:] != column[:-1] for column in columns]).any(axis=0)
        if moves.all():
            self.rows = self._table(columns)
        else:  # a staircase: one row serves a whole step
            kept = self._table([column[np.append(True, moves)] for column in columns])
            self.rows = [kept[index] for index in np.append(0, moves.cumsum()).tolist()]
        return self.rows[0]

    def _table(self, columns: Sequence[Floats]) -> list[list[float]]:
        parameters = [p[:1] for p in self._parameters] if self._alike else self._parameters
        table = np.multiply.outer(columns[0], parameters[0])
        for column, parameter in zip(columns[1:], parameters[1:], strict=True):
            if column.any():
                table += np.multiply.outer(column, parameter)
        rows: list[list[float]] = table.tolist()
        return [row * self._groups for row in rows] if self._alike else rows


@final
class Stepping:
    """What one field of every group is, at any tick, and what a tick does to it.

    Args:
        schedule: the closed form, affine in base and resolved; None where only the rule says it.
        rule: the relative step, its window beginning at tick 0; None derives it from the closed form.
        unit: ticks in one update of the schedule: a fractional length is a schedule of length 1 on a slower clock.
        bases: one per group.
        levels: one per group: what `absolute(1.0)` in the schedule and the rule stands for; nothing by default.

    >>> halving = Stepping(step(2, 0.5), rules.step(2, 0.5), bases=[1.0, 0.4])
    >>> halving.row(4), halving.moved(4, [3.0, 0.4])
    ([0.25, 0.1], [1.5, 0.2])
    """

    def __init__(
        self,
        schedule: Schedule | None,
        rule: Rule | None = None,
        *,
        unit: float = 1.0,
        bases: Sequence[float] = (),
        levels: Sequence[float] | None = None,
    ) -> None:
        assert schedule is not None or rule is not None
        if schedule is None:
            assert rule is not None
            schedule = Recurrence((rule,), None)
        self._rule, self._columns = rule, _reader(schedule, unit)
        self._first, self._changes = 0, list[Change]()
        self.bind(bases, levels)

    def bind(self, bases: Sequence[float], levels: Sequence[float] | None = None) -> None:
        """Take other groups: one base, and one level where `absolute(1.0)` is used, for each."""
        self.bases = [float(base) for base in bases]
        self.levels = None if levels is None else [float(level) for level in levels]
        levels = [0.0] * len(self.bases) if self.levels is None else self.levels
        self.table = Rows(self._columns, [self.bases, levels])

    def row(self, tick: float) -> list[float]:
        """The closed form: the value of each group at `tick`. The list belongs to the table: not to be changed."""
        return self.table.row(tick)

    def change(self, tick: int) -> Change:
        """The coefficients of the relative step into `tick`."""
        at = tick - self._first
        if not 0 <= at < len(self._changes):
            size = _grown(len(self._changes), on=at == len(self._changes))
            self._first, self._changes, at = tick, self._coefficients(tick, size), 0
        return self._changes[at]

    def moved(self, tick: int, values: Sequence[float], entries: Sequence[float] | None = None) -> list[float]:
        """The relative step: what `tick` makes of the present values.

        Args:
            entries: what a group had before a factor of zero swallowed it; its base where that is not known.
        """
        return self.applied(self.change(tick), values, entries)

    def applied(self, change: Change, values: Sequence[float], entries: Sequence[float] | None = None) -> list[float]:
        """The relative step by coefficients that are known."""
        a, b, c, e = change
        if b == c == e == 0.0:
            return list(values) if a == 1.0 else [a * value for value in values]
        found = self.bases if entries is None else entries
        levels = self.levels if self.levels is not None else [0.0] * len(self.bases)
        return [
            a * value + b * base + c * level + e * entry
            for value, base, level, entry in zip(values, self.bases, levels, found, strict=True)
        ]

    def affine(self, tick: float) -> tuple[float, float]:
        """How much of base, and of the level, is in the closed form at `tick`."""
        a, c = self._columns(np.array([tick]))
        return float(a[0]), float(c[0])

    def share(self, tick: float) -> float:
        """The factor of base in the closed form at `tick`."""
        return self.affine(tick)[0]

    def _coefficients(self, tick: int, size: int) -> list[Change]:
        if self._rule is not None:
            found = self._rule._coefficients(np.arange(tick, tick + size, dtype=np.float64))
            lists = found.a.tolist(), found.b.tolist(), found.c.tolist(), found.e.tolist()
            return list(zip(*lists, strict=True))
        factor, offset = self._columns(np.arange(tick - 1, tick + size))
        before, now = factor[:-1], factor[1:]
        # Where nothing of the value is left to scale, what base adds is added.
        gone = before == 0
        a = np.where(gone, 1.0, now / np.where(gone, 1.0, before))
        if tick == 0:
            a[0] = now[0]  # before the first tick the value is the base itself
        b = np.where(gone, now, 0.0)
        c = offset[1:] - a * offset[:-1]
        if tick == 0:
            c[0] = offset[1]
        return list(zip(a.tolist(), b.tolist(), c.tolist(), [0.0] * size, strict=True))


def _reader(schedule: Schedule, unit: float) -> Callable[[Array], tuple[Floats, Floats]]:
    """The two columns of an affine schedule as a function of ticks."""

    def read(ticks: Array) -> tuple[Floats, Floats]:
        whole = ticks.dtype.kind == "i" and unit == 1.0
        value = columns(schedule, np.maximum(ticks if whole else ticks / unit, 0))
        factor, offset = (0.0 if column is None else column for column in (value.factor, value.offset))
        return np.broadcast_to(factor, ticks.shape), np.broadcast_to(offset, ticks.shape)

    return read


def _grown(size: int, *, on: bool) -> int:
    """1, 32, 1024 ticks while somebody goes on from where a block ended; else one tick, so that a jump is cheap."""
    return min(_TICKS, size * 32) if on and size else 1
