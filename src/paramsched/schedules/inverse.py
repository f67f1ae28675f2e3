"""Decays that never end: inverse square root, inverse time, power law."""

from dataclasses import dataclass, field
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched._number_checks import positive_number
from paramsched.errors import Asked
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import SCALE, require_some_length
from paramsched.schedules.registry import shape
from paramsched.schedules.text.writing import call_text, write_call
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PowerLaw(Schedule):
    """value(t) = base * (1 + t / timescale) ** -exponent."""

    exponent: float
    timescale: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        object.__setattr__(self, "exponent", positive_number(Asked("power_law", "exponent"), self.exponent))
        require_some_length(Asked("power_law", "timescale"), self.timescale)

    @property
    def length(self) -> None:
        return None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        grown = 1.0 + xp.floating(t) / self.timescale.count
        if self.exponent == 0.5:  # a square root is exact where a power is not
            return base.scaled(1.0 / xp.xp.sqrt(grown))
        return base.scaled(grown**-self.exponent)

    def __str__(self) -> str:
        if self.exponent == 0.5:
            return write_call("inverse_sqrt", inverse_sqrt, {"timescale": self.timescale})
        return call_text(self)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseTime(Schedule):
    """value(t) = base / (1 + gamma * t / per)."""

    gamma: float
    per: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", positive_number(Asked("inverse_time", "gamma"), self.gamma))
        require_some_length(Asked("inverse_time", "per"), self.per)

    @property
    def length(self) -> None:
        return None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        return base.scaled(1.0 / (1.0 + xp.floating(t) / self.per.count * self.gamma))


@shape
def power_law(exponent: float, timescale: DurationLike) -> PowerLaw:
    """Fall as a power of time: value(t) = base * (1 + t / timescale) ** -exponent.

    Args:
        exponent: above 0.
        timescale: time after which the value is 2 ** -exponent of base; any unit, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: OLMo-core PowerLR; Shen et al. 2024 (2408.13359).

    >>> power_law(1.0, 100)(100)
    0.5
    """
    return PowerLaw(exponent, Duration.of(timescale))


@shape
def inverse_sqrt(timescale: DurationLike) -> PowerLaw:
    """Fall as the inverse square root: value(t) = base / sqrt(1 + t / timescale).

    Behind a warmup of W updates, `timescale=W` is the usual sqrt(W / t).

    Args:
        timescale: any unit of time, above 0.

    Raises:
        InvalidArgument: `timescale` is no length above 0.

    Source: Vaswani et al. 2017 (1706.03762); Zhai et al. 2022 (2106.04560).

    >>> inverse_sqrt(100)(300)
    0.5
    """
    length = Duration.of(timescale)
    require_some_length(Asked("inverse_sqrt", "timescale"), length)
    return power_law(0.5, length)


@shape
def inverse_time(gamma: float, per: DurationLike = 1) -> InverseTime:
    """Fall as the inverse of time: value(t) = base / (1 + gamma * t / per).

    Args:
        gamma: above 0.
        per: any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Robbins & Monro 1951; Keras `InverseTimeDecay`.

    >>> inverse_time(0.5, per=10)(20)
    0.5
    """
    return InverseTime(gamma, Duration.of(per))
