"""Changes from one level to another that have their own names in the literature."""

from dataclasses import dataclass, field
from typing import cast, final

import numpy as np

from paramsched.core import curves
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.curves.elementary import tanh as tanh_of
from paramsched.core.number_checks import checked, positive_number
from paramsched.core.schedules.affine import (
    LEVEL,
    Affine,
    Bounds,
    Level,
    NeighborLevel,
    bounds_of_levels,
    level_from_parts,
    level_of,
    split_level,
)
from paramsched.core.schedules.anneal import Interpolations, anneal, stage_fraction
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.lengths import FILLS
from paramsched.core.schedules.registry import shape
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument


@shape
def tanh(
    lower: float = -7.0,
    upper: float = 3.0,
    start: Level = 1.0,
    to: Level = 0.0,
    over: DurationLike | None = None,
) -> Schedule:
    """Decay from `start` to `to` along a hyperbolic tangent.

    value(t) = to + (start - to) * (1 - tanh(lower + (upper - lower) * t / n)) / 2

    Args:
        lower: the argument of tanh at t = 0.
        upper: the argument of tanh at t = n, greater than `lower`.
        start: the level that tanh approaches before its middle, a multiple of base, or `absolute(x)` for an absolute
            value.
        to: the level that tanh approaches after its middle, likewise.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: `lower` is not below `upper`, or a level is not a number.

    With -7 and 3 it begins 8e-7 below `start` and ends 0.0025 above `to`, relative to their difference. timm's value
    after the end is `to`: `tanh(over=100) >> constant(0.0)`. For exact levels at both ends, write
    `anneal(…, curve=curves.tanh(-7, 3))`.

    Source: HTD, Hsueh et al. 2019 (1806.01593); timm `TanhLRScheduler`.

    >>> decay = tanh(over=100)
    >>> round(decay(0), 9), round(decay(70), 9), round(decay(100), 9)
    (0.999999168, 0.5, 0.002472623)
    """
    curve = curves.tanh(lower, upper)
    for name, level in (("start", start), ("to", to)):
        if isinstance(level, NeighborLevel):
            found = f"expected a number or absolute(x), got {level}"
            raise InvalidArgument(CallSite("tanh", name, str(level)), found, example=f"{name}=0.1")
    begins, ends = (
        split_level(level_of(CallSite("tanh", name), level)) for name, level in (("start", start), ("to", to))
    )
    reached: list[Level] = []
    for x in (curve.lower, curve.upper):
        share = (1 - tanh_of(x)) / 2  # of the distance from `to` to `start`
        pairs = [(begin or 0.0, end or 0.0) for begin, end in zip(begins, ends, strict=True)]
        reached.append(level_from_parts(*(end + (begin - end) * share for begin, end in pairs)))
    return anneal(reached[0], reached[1], over, curve)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineWave(Schedule):
    """value(t) = to + (start - to) * (1 + cos(2 pi cycles t / n)) / 2, constant from t = n on."""

    cycles: float = field(metadata=checked(positive_number))
    start: Level = field(metadata=LEVEL)
    to: Level = field(metadata=LEVEL)
    over: Duration | None = field(metadata=FILLS)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Evaluate each wave as half a cosine wave, forward and then backward."""
        n = cast(Duration, self.over).count
        k, whole = stage_fraction("t/n", ops.at_most(t, n), n)
        turns = ops.floating(k) * self.cycles / whole
        progress = 1.0 - abs(1.0 - 2.0 * (turns - np.floor(turns)))
        return Interpolations.of(self.start, self.to, curves.cosine).at(progress, 1, base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_of_levels((self.start, self.to), bases)


@shape
def cosine_wave(
    cycles: float = 1.0, start: Level = 1.0, to: Level = 0.0, over: DurationLike | None = None
) -> CosineWave:
    """Oscillate between `start` and `to` along a cosine wave.

    value(t) = to + (start - to) * (1 + cos(2 * pi * cycles * t / n)) / 2; constant from t = n on

    Args:
        cycles: the number of waves in n, above 0; it may be fractional. The final value depends on it: `to` for 0.5,
            `start` for 1, half-way for 0.25.
        start: the level of the first update, a multiple of base, or `absolute(x)` for an absolute value.
        to: the level half a wave later, likewise.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: an argument is out of range.

    torch's `CosineAnnealingLR` rises again after n updates: `restarts(cosine_wave(over="2n steps"), "2n steps")`, with
    the number 2n written out.

    Source: Hugging Face `get_cosine_schedule_with_warmup(num_cycles)`.

    >>> [round(cosine_wave(1, over=8)(t), 9) for t in (0, 2, 4, 6, 8, 100)]
    [1.0, 0.5, 0.0, 0.5, 1.0, 1.0]
    """
    return CosineWave(cycles, start, to, None if over is None else Duration.of(over))
