"""Constant: one level, held."""

from dataclasses import dataclass, field
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched.errors import Asked
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import OPEN
from paramsched.schedules.levels import Level, level_of, split_level
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Constant(Schedule):
    """value(t) = value. Without `over` it is open: in a sequence it takes what the other stages leave."""

    value: Level
    over: Duration | None = field(metadata=OPEN)

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", level_of(Asked("constant", "value"), self.value))

    @property
    def length(self) -> Duration | None:
        return self.over

    def _held_from(self) -> int:
        return 0

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        factor, fixed = split_level(self.value)
        if factor is None:
            return Affine(None, fixed)
        return base.scaled(factor) if fixed is None else base.scaled(factor) + Affine(None, fixed)


@shape
def constant(value: Level = 1.0, over: DurationLike | None = None) -> Constant:
    """Hold one level: value(t) = value.

    Args:
        value: a multiple of base, `absolute(x)`, `0.5 + absolute(x)`, `previous` or `following`.
        over: how long; None holds on, and in a sequence takes what the other stages leave of the horizon.

    Raises:
        InvalidArgument: a level that is no finite number, or a length that is none.

    Source: optax `constant_schedule`. (torch's `ConstantLR` returns to base at its end; this one does not.)

    >>> constant(0.1)(1000, base=0.5), constant(absolute(0.9))(0, base=0.5)
    (0.05, 0.9)
    """
    return Constant(value, None if over is None else Duration.of(over))
