"""Stairs: from one level to another in equal rises, such as a batch size that grows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched._number_checks import whole_number
from paramsched.errors import Asked
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import FILLS
from paramsched.schedules.levels import Level, level_of, split_level
from paramsched.schedules.periods import boundaries, periods_over
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stairs(Schedule):
    """value(t) = start + (to - start) * k / rises, with k = floor(t * rises / n); from t = n on exactly `to`."""

    start: Level
    to: Level
    rises: int
    over: Duration | None = field(metadata=FILLS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", level_of(Asked("stairs", "start"), self.start))
        object.__setattr__(self, "to", level_of(Asked("stairs", "to"), self.to))
        object.__setattr__(self, "rises", whole_number(Asked("stairs", "rises"), self.rises))

    @property
    def length(self) -> Duration | None:
        return self.over

    @property
    def _tread(self) -> Fraction:
        """The updates from one rise to the next, exact."""
        assert self.over is not None
        return Fraction(self.over.number) / self.rises

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        """The level after so many rises; multiplied before it is divided, so that whole levels are exact."""
        assert self.over is not None
        end = self.over.count
        rises = xp.floating(periods_over(xp.at_most(t, end), self._tread, xp)) if end else 0.0
        value = Affine(None, None)
        for first, last, relative in zip(split_level(self.start), split_level(self.to), (True, False), strict=True):
            if first is not None or last is not None:
                begin, rise = first or 0.0, (last or 0.0) - (first or 0.0)
                level = xp.where(t >= end, last or 0.0, begin + rise * rises / self.rises)
                value = value + (base.scaled(level) if relative else Affine(None, level))
        return value

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        assert self.over is not None
        if not self.over.terms:
            return ()
        return (rise for rise in boundaries(self._tread, until) if rise <= self.over.number)


@shape
def stairs(start: Level, to: Level, rises: int, over: DurationLike | None = None) -> Stairs:
    """Go from one level to another in equal rises: value(t) = start + (to - start) * floor(t * rises / n) / rises.

    The k-th rise is at exactly k * n / rises, rounded up; the last one, to `to`, is the end.

    Args:
        start, to: levels.
        rises: how many there are, from 1 on; Megatron's are (to - start) / increment.
        over: n, any unit of time; None takes the time it is given.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Megatron-LM `--rampup-batch-size start increment over`.

    >>> [stairs(16, 64, 3, over=10)(t) for t in (0, 3, 4, 6, 7, 9, 10)]
    [16.0, 16.0, 32.0, 32.0, 48.0, 48.0, 64.0]
    """
    return Stairs(start, to, rises, None if over is None else Duration.of(over))
