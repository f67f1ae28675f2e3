"""Polynomial decay that stretches itself: whenever its time is over, it goes on as one that is planned for longer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import final

from paramsched import curves
from paramsched._arrays import Array, Arrays
from paramsched._number_checks import positive_number
from paramsched.errors import Asked
from paramsched.schedules.affine import Affine
from paramsched.schedules.anneal import between_levels
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import PERIOD, require_some_length
from paramsched.schedules.levels import Level, level_of
from paramsched.schedules.periods import boundaries, split_periods
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PolynomialCycle(Schedule):
    """value(t) = to + (start - to) * (1 - t / (n k)) ** power, with k = ceil(t / n), or 1 at the begin."""

    every: Duration = field(metadata=PERIOD)
    power: float
    start: Level
    to: Level

    def __post_init__(self) -> None:
        require_some_length(Asked("polynomial_cycle", "every"), self.every)
        object.__setattr__(self, "power", positive_number(Asked("polynomial_cycle", "power"), self.power))
        object.__setattr__(self, "start", level_of(Asked("polynomial_cycle", "start"), self.start))
        object.__setattr__(self, "to", level_of(Asked("polynomial_cycle", "to"), self.to))

    @property
    def length(self) -> None:
        return None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        """The descent over the fewest periods that hold the time; `to` at the end of each."""
        cycle, since = split_periods(t, self.every.number, xp)
        ends = (since == 0) & (t > 0)
        periods = xp.floating(cycle) + xp.where(ends, 0.0, 1.0)
        u = xp.where(ends, 1.0, xp.floating(t) / (xp.larger(periods, 1.0) * self.every.count))
        curve = curves.linear if self.power == 1 else curves.polynomial(self.power)
        return between_levels(self.start, self.to, curve, u, 1, base, xp)

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        return boundaries(self.every.number, until)


@shape
def polynomial_cycle(every: DurationLike, power: float = 1.0, start: Level = 1.0, to: Level = 0.0) -> PolynomialCycle:
    """Polynomial decay that is planned anew for one `every` more whenever it is at its end.

    value(t) = to + (start - to) * (1 - t / (n k)) ** power, k = max(1, ceil(t / n)), n = `every`

    Args:
        every: n, any unit of time, at least one update.
        power: above 0.
        start, to: first level, and the one at each multiple of n.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: TensorFlow and Keras `PolynomialDecay(cycle=True)`; paddle's likewise.

    >>> [polynomial_cycle(4)(t) for t in (0, 2, 4, 6, 8)]
    [1.0, 0.5, 0.0, 0.25, 0.0]
    """
    return PolynomialCycle(Duration.of(every), power, start, to)
