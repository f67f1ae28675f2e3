"""Cosine wave: there and back between two levels, as often as is asked."""

from dataclasses import dataclass, field
from typing import cast, final

from paramsched import curves
from paramsched._arrays import Array, Arrays
from paramsched._number_checks import positive_number
from paramsched.errors import Asked
from paramsched.schedules.affine import Affine
from paramsched.schedules.anneal import between_levels, stage_fraction
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import FILLS
from paramsched.schedules.levels import Level, level_of
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineWave(Schedule):
    """value(t) = to + (start - to) * (1 + cos(2 pi cycles t / n)) / 2; from t = n on as it is there."""

    cycles: float
    start: Level
    to: Level
    over: Duration | None = field(metadata=FILLS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cycles", positive_number(Asked("cosine_wave", "cycles"), self.cycles))
        object.__setattr__(self, "start", level_of(Asked("cosine_wave", "start"), self.start))
        object.__setattr__(self, "to", level_of(Asked("cosine_wave", "to"), self.to))

    @property
    def length(self) -> Duration | None:
        return self.over

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        """Half a wave, walked there and back."""
        n = cast(Duration, self.over).count
        k, whole = stage_fraction("t/n", xp.at_most(t, n), n)
        turns = xp.floating(k) * self.cycles / whole
        way = 1.0 - abs(1.0 - 2.0 * (turns - xp.xp.floor(turns)))
        return between_levels(self.start, self.to, curves.cosine, way, 1, base, xp)


@shape
def cosine_wave(
    cycles: float = 1.0, start: Level = 1.0, to: Level = 0.0, over: DurationLike | None = None
) -> CosineWave:
    """Whole cosine waves, or parts of one: value(t) = to + (start - to) * (1 + cos(2 pi cycles t / n)) / 2.

    At its end it stays where the wave is: with 0.5 cycles that is `to`, with 1 it is `start`, with 0.25 half-way.
    A descent that turns back after n updates, as torch's `CosineAnnealingLR` does, is
    `restarts(cosine_wave(over="2n steps"), "2n steps")`, with the number for 2n.

    Args:
        cycles: how many waves there are in n, above 0; it need not be whole.
        start, to: the level of the first update, and the one half a wave later.
        over: n, any unit of time; None takes the time it is given.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Hugging Face `get_cosine_schedule_with_warmup(num_cycles)`.

    >>> [round(cosine_wave(1, over=8)(t), 9) for t in (0, 2, 4, 6, 8, 100)]
    [1.0, 0.5, 0.0, 0.5, 1.0, 1.0]
    """
    return CosineWave(cycles, start, to, None if over is None else Duration.of(over))
