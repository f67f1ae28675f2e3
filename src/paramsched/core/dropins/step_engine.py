"""The step engine of the drop-ins: compute the values of all param groups at each step of a scheduler.

A tick is one step of a scheduler, counted from 0. As long as a drop-in is the only writer of the groups, it uses the
closed form, which gives the value at any tick (`values_at`). After an external write it uses the relative step, which
changes the present values (`stepped`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from paramsched.core.curves.arrays import Array, Floats
from paramsched.core.schedules.level import Level
from paramsched.core.schedules.rules import Rule, ShareRule

_TICKS = 1024  # ticks computed at once for a caller that advances tick by tick
_CELLS = 131_072  # most values (ticks times groups) computed at once: a few megabytes

TickStep = tuple[float, float, float, float]
"""The coefficients (a, b, c, e) of the relative step of one tick: v <- a v + b base + c level + e entry.

`level` is the absolute value that the rule contains, such as `eta_min`. `entry` is the value that a group had before it
was multiplied by a factor of 0.
"""

UNCHANGED: TickStep = (1.0, 0.0, 0.0, 0.0)
"""The coefficients of a relative step that changes no value."""


@final
class ValueRows:
    """A table with one row per tick and one value per group, computed for many ticks at once.

    A value is the sum over i of weight i at the tick times `parameters[i]` of the group.

    Args:
        columns: a function from an array of ticks to the weights: one array over the ticks for each parameter.
        parameters: lists with one number per group, for example the bases and the levels.

    >>> ramp = ValueRows(lambda t: [1 - t / 4, t / 4], [[0.0, 8.0], [1.0, 4.0]])
    >>> ramp.row(1), ramp.row(2)
    ([0.25, 7.0], [0.5, 6.0])
    """

    def __init__(self, columns: Callable[[Array], Sequence[Floats]], parameters: Sequence[Sequence[float]]) -> None:
        self._columns = columns
        self._parameters = [np.array(parameter, dtype=np.float64) for parameter in parameters]
        self._groups = self._parameters[0].size
        self._alike = all(parameter.size and (parameter == parameter[0]).all() for parameter in self._parameters)
        self._max_block = max(1, min(_TICKS, _CELLS // max(1, self._groups)))
        # The rows computed last, from tick `begin` on. Public, because hot loops read them without a call.
        self.begin, self.rows = 0, list[list[float]]()

    def row(self, tick: float) -> list[float]:
        """Return the value of each group at `tick`. The caller must not change the list."""
        at = tick - self.begin
        if 0 <= at < len(self.rows) and at == int(at):
            return self.rows[int(at)]
        if tick != int(tick):
            return self._rows_of(self._columns(np.array([float(tick)])))[0]
        size = min(self._max_block, _block_size(len(self.rows), sequential=at == len(self.rows)))
        self.begin = int(tick)
        columns = self._columns(np.arange(self.begin, self.begin + size))
        moves = np.array([column[1:] != column[:-1] for column in columns]).any(axis=0)
        if moves.all():
            self.rows = self._rows_of(columns)
        else:  # a staircase: all ticks with the same values share one list
            kept = self._rows_of([column[np.append(True, moves)] for column in columns])
            self.rows = [kept[index] for index in np.append(0, moves.cumsum()).tolist()]
        return self.rows[0]

    def _rows_of(self, columns: Sequence[Floats]) -> list[list[float]]:
        """Return a list of the groups' values for each tick, from the weights in `columns`."""
        parameters = [p[:1] for p in self._parameters] if self._alike else self._parameters
        table = np.multiply.outer(columns[0], parameters[0])
        for column, parameter in zip(columns[1:], parameters[1:], strict=True):
            if column.any():
                table += np.multiply.outer(column, parameter)
        rows: list[list[float]] = table.tolist()
        return [row * self._groups for row in rows] if self._alike else rows


@final
class StepEngine:
    """Compute the values of one field in every group by a rule, at any tick or from the present values.

    Args:
        rule: a rule of `core.schedules.rules`. The engine counts ticks from 0, and ignores the rule's window.
        bases: one base per group.
        levels: one number per group, which replaces `absolute(1.0)` in the rule; 1.0 by default.

    >>> from paramsched.core.schedules import rules
    >>> halving = StepEngine(rules.step(2, 0.5), bases=[1.0, 0.4])
    >>> halving.values_at(4), halving.stepped(4, [3.0, 0.4])
    ([0.25, 0.1], [1.5, 0.2])
    """

    def __init__(self, rule: Rule, *, bases: Sequence[float] = (), levels: Sequence[float] | None = None) -> None:
        self._rule = rule
        self._first, self._steps = 0, list[TickStep]()
        self.bind(bases, levels)

    def bind(self, bases: Sequence[float], levels: Sequence[float] | None = None) -> None:
        """Replace the bases and levels; the arguments are those of the constructor."""
        self.bases = [float(base) for base in bases]
        self.levels = [1.0] * len(self.bases) if levels is None else [float(level) for level in levels]
        self.table = ValueRows(self._closed, [self.bases, self.levels])

    def values_at(self, tick: float) -> list[float]:
        """Return the value of each group at `tick` by the closed form. The caller must not change the list."""
        return self.table.row(tick)

    def step_into(self, tick: int) -> TickStep:
        """Return the coefficients (a, b, c, e) of the relative step to `tick`, as defined at `TickStep`."""
        at = tick - self._first
        if not 0 <= at < len(self._steps):
            size = _block_size(len(self._steps), sequential=at == len(self._steps))
            found = self._rule.step_columns(np.arange(tick, tick + size, dtype=np.float64))
            columns = (column.tolist() for column in (found.a, found.b, found.c, found.e))
            self._first, self._steps, at = tick, list(zip(*columns, strict=True)), 0
        return self._steps[at]

    def stepped(self, tick: int, values: Sequence[float], entries: Sequence[float] | None = None) -> list[float]:
        """Return the values at `tick`, after one relative step from the present `values`.

        `entries` contains one value per group: its value before it was multiplied by a factor of 0. Default: the bases.
        """
        return self.apply_step(self.step_into(tick), values, entries)

    def apply_step(
        self, step: TickStep, values: Sequence[float], entries: Sequence[float] | None = None
    ) -> list[float]:
        """Return `values` after a relative step with the coefficients `step`; `entries` is as in `stepped`."""
        a, b, c, e = step
        if b == c == e == 0.0:
            return list(values) if a == 1.0 else [a * value for value in values]
        found = self.bases if entries is None else entries
        return [
            a * value + b * base + c * level + e * entry
            for value, base, level, entry in zip(values, self.bases, self.levels, found, strict=True)
        ]

    def shares_at(self, tick: float) -> tuple[float, float]:
        """Return the pair (f, g) of the closed form at `tick`: value = f * base + g * level."""
        of_base, of_level = self._closed(np.array([tick]))
        return float(of_base[0]), float(of_level[0])

    def _closed(self, ticks: Array) -> tuple[Floats, Floats]:
        return self._rule.closed_form(np.maximum(ticks, 0))


@final
@dataclass(frozen=True, slots=True)
class FractionalRule(ShareRule):
    """A rule with the fractional length `ticks`: it evaluates `rule`, which has the length 1, at k / ticks."""

    rule: ShareRule
    ticks: float
    _returns_to: ClassVar[Literal["entry", "base"]] = "base"

    def __post_init__(self) -> None:
        """Check nothing: the rule has no window of its own, and `rule` is checked."""

    def share(self, k: Floats) -> Floats:
        return self.rule.share(k / self.ticks)

    def completed_share(self, k: Floats) -> Floats:
        return self.rule.completed_share(k / self.ticks)

    @property
    def floor(self) -> Level:
        return self.rule.floor


def rule_over(length: float, rule_of: Callable[[int], ShareRule]) -> ShareRule:
    """Return `rule_of(length)`; the length may also be fractional or infinite.

    >>> from paramsched.core.schedules import rules
    >>> StepEngine(rule_over(2.5, lambda n: rules.step(n, 0.5)), bases=[1.0]).values_at(5)
    [0.25]
    """
    whole = not math.isinf(length) and length == int(length)
    return rule_of(int(length)) if whole else FractionalRule(rule_of(1), float(length))


def _block_size(size: int, *, sequential: bool) -> int:
    """Return how many ticks to compute at once if `size` ticks were computed last time.

    The number grows from 1 to 32 and 1024 while the caller advances tick by tick. After a jump it is 1.
    """
    return min(_TICKS, size * 32) if sequential and size else 1
