"""The values of many lines, which are computed some lines at each update, so that no update takes long."""

from collections.abc import Sequence
from typing import Any, Final, final

import numpy as np

from paramsched.core.curves.arrays import Floats
from paramsched.core.plan.lines import BoundLine, UpdateRange, rows_of
from paramsched.core.run.steps import run_uncompiled
from paramsched.core.schedules.user_shapes import has_own_shape
from paramsched.core.time.run_facts import UPDATES

_FEW: Final = 16  # lines that are computed at once
_AT_ONCE: Final = 32  # rows that are converted to lists together
_FIRST: Final = 2 * _AT_ONCE + 1  # rows of the first block, which are computed at once
_SIZES: Final = (256, 1024)  # rows of the second block, and of later ones: a line takes about as long for one row
_MOST_VALUES: Final = 4_194_304  # of a block, in 32 MiB


@final
class BlockTable:
    """The rows of a column with many lines: those of a block, and the lines of the next one that are computed so far.

    A line takes about as long for one update as for hundreds, so blocks are long. All lines of a block at one update
    would make it hundreds of times slower than others, so each update computes a few lines of the next block.

    Args:
        lines: the lines.
    """

    def __init__(self, lines: Sequence[BoundLine]) -> None:
        self._lines = lines
        self._width = sum(len(line.groups) for line in lines)
        self._first = 0  # the update of the first row
        self._block: Floats = np.empty((0, self._width))
        self._next: Floats | None = None  # the rows after the block
        self._done = 0  # lines of the next block that were computed
        self._columns = 0  # and their columns

    @staticmethod
    def are_useful(lines: Sequence[BoundLine]) -> bool:
        """Return whether lines are many, and their values depend on the number of the update only."""
        return len(lines) > _FEW and all(
            line.clock == UPDATES and not line.schedule.metric_rules and not has_own_shape(line.schedule)
            for line in lines
        )

    def rows(self, times: UpdateRange) -> Floats:
        """Return the rows of these updates."""
        row = times.first - self._first
        if row == len(self._block) and self._next is not None and self._done == len(self._lines):
            self._first = times.first
            self._block = self._next
            self._next = None
            row = 0
        if not 0 <= row <= len(self._block) - times.size:
            self._first = times.first
            size = max(times.size, _FIRST)
            self._block = rows_of(self._lines, UpdateRange(times.first, None, size), {})
            self._next = None
            row = 0
        return self._block[row : row + times.size]

    def next_size(self, t: int) -> int:
        """Return the number of rows to convert together from update `t` on."""
        left = len(self._block) - (t - self._first)
        return min(_AT_ONCE, left) if left > 0 else _AT_ONCE

    def compute(self, _last: int, t: int) -> None:
        """Compute some lines of the next block after update `t - 1`. Runs at every update."""
        run_uncompiled(BlockTable._compute)(self, t)

    def _compute(self, t: int) -> None:
        """Compute so many lines of the next block that all are computed when the present one ends."""
        if self._next is None:
            size = _SIZES[0] if len(self._block) <= _FIRST else _SIZES[1]
            self._next = np.empty((max(1, min(size, _MOST_VALUES // self._width)), self._width), order="F")
            self._done = 0
            self._columns = 0
        lines = self._lines
        left = max(1, len(self._block) - (t - self._first) - 1)  # updates
        end = min(len(lines), self._done + -(-(len(lines) - self._done) // left))
        if end == self._done:
            return
        times = UpdateRange(self._first + len(self._block), None, len(self._next))
        rows: Any = rows_of(lines[self._done : end], times, {})
        columns = self._columns + rows.shape[1]
        self._next[:, self._columns : columns] = rows
        self._columns = columns
        self._done = end
