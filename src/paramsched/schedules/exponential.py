"""Exponential decay: the same ratio in every period."""

from dataclasses import dataclass, field
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched._number_checks import positive_number
from paramsched.errors import Asked
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import SCALE, require_some_length
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exponential(Schedule):
    """value(t) = base * gamma ** (t / per)."""

    gamma: float
    per: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", positive_number(Asked("exponential", "gamma"), self.gamma))
        require_some_length(Asked("exponential", "per"), self.per)

    @property
    def length(self) -> None:  # never ends: it takes the time it is given
        return None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        # A power of t, not a running product: any t costs the same, and nothing drifts.
        return base.scaled(xp.power(self.gamma, xp.floating(t) / self.per.count))


@shape
def exponential(gamma: float, per: DurationLike = 1) -> Exponential:
    """Multiply by `gamma` once every `per`, smoothly in between: value(t) = base * gamma ** (t / per).

    Args:
        gamma: ratio per period, above 0; no unit.
        per: the period, any unit of time, above 0.

    Raises:
        InvalidArgument: `gamma` is no finite number above 0, or `per` no length above 0.

    Source: torch `ExponentialLR` (`per` = 1 update); optax `exponential_decay`. A result that overflows is inf.

    >>> exponential(0.5, per="100 updates")(200, base=0.4)
    0.1
    """
    return Exponential(gamma, Duration.of(per))
