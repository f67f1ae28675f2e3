"""The formulas of a schedule: one for each part of the run in which it has no case distinction."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import Affine
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.evaluation import columns
from paramsched.core.time.progress import WHOLE
from paramsched.tools.export.symbols import MOST_TIME, Cut, Operand, Piece, Split, Symbol, parts_of, replaced

_MOST_PIECES = 40
_MOST_BEYOND = 1  # pieces after the horizon

Formula: TypeAlias = tuple[Piece, Operand]
"""A part of the run and the value there."""


@final
@dataclass(frozen=True, eq=False, repr=False)
class Call(Schedule):
    """A schedule whose value another function of the module returns.

    Args:
        schedule: the schedule.
        function: name of the function.
        initial: the base of a target; None if the value depends on the base of the caller.
        of_progress: True if the function takes a progress, not the count that the formula has as its time.
    """

    schedule: Schedule
    function: str
    initial: float | None
    of_progress: bool = False

    @property
    def length(self) -> Any:
        return self.schedule.length

    @property
    def affine(self) -> bool:
        return self.initial is not None or self.schedule.affine

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        if self.initial is not None:
            return base.scaled(self._call(t, self.initial))
        if self.schedule.affine:
            return base.scaled(self._call(t, 1.0))
        return Affine(None, self._call(t, base.constant()))

    def _call(self, t: Symbol, base: Any) -> Symbol:
        return t.piece.unknown("call", self.function, t / WHOLE if self.of_progress else t, base)

    def _held_from(self) -> Any:
        return self.schedule._held_from()

    def __str__(self) -> str:
        return f"{self.function}(t)"


def formulas_of(schedule: Schedule, clock: str, horizon: float, *, whole: bool) -> list[Formula]:
    """Return the formulas of a resolved schedule, in the order of time."""
    found: list[Formula] = []
    named = any(isinstance(part, Call) for part in _all_parts(schedule))
    waiting: list[tuple[Cut, Cut]] = [((0, False), (MOST_TIME, False))]
    while waiting:
        begin, end = waiting.pop()
        beyond = [piece for piece, _ in found if piece.begin[0] >= horizon]
        splits = len(beyond) < _MOST_BEYOND and len(found) < _MOST_PIECES
        piece = Piece(begin, end, whole, horizon, splits, named)
        try:
            base = piece.unknown("name", "base")
            value = schedule(piece.time(clock), base)
            if (
                schedule.affine
                and not named
                and not any(part.op == "name" and part is not base for part in parts_of(value))
            ):
                # NumPy does not round all constant powers as Python does. A column that is None stays None.
                at = columns(schedule, np.array([begin[0]], dtype=np.int64 if whole else np.float64))
                value = Affine(*(np.array(one).flat[0] for one in (at.factor, at.offset))).apply(base)
            found.append((piece, value))
        except Split as signal:
            waiting += [(signal.cut, end), (begin, signal.cut)]
    return found


def _all_parts(schedule: Schedule) -> Iterator[Schedule]:
    yield schedule
    for part in schedule.parts():
        yield from _all_parts(part)


def joined_formulas(formulas: Sequence[Formula], clock: str, text: Callable[[Operand], str]) -> list[Formula]:
    """Join pieces with equal formulas, and points at which the formula of the next or previous piece also applies."""
    joined: list[Formula] = []
    for piece, value in reversed(formulas):
        if joined:
            after, following = joined[-1]
            if text(_at(following, after, clock, piece)) == text(value):
                joined[-1] = replace(after, begin=piece.begin), following
                continue
            if text(_at(value, piece, clock, after)) == text(following):
                joined[-1] = replace(piece, end=after.end), value
                continue
        joined.append((piece, value))
    return joined[::-1]


def _at(value: Operand, piece: Piece, clock: str, other: Piece) -> Operand:
    """Return the formula of a piece at the time of another piece, if that is a point."""
    time = piece.time(clock)
    if not other.is_point or not isinstance(time, Symbol):
        return value
    return replaced(value, {id(time): np.int64(other.begin[0]) if piece.whole else np.float64(other.begin[0])})
