"""Logistic functions of time: an open sigmoid around a middle, and the inverse sigmoid of scheduled sampling."""

import math
from dataclasses import dataclass, field
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched._number_checks import finite_number, positive_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import SCALE, require_some_length
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Logistic(Schedule):
    """value(t) = base / (1 + exp(-steepness * (t - middle) / per))."""

    middle: Duration = field(metadata=SCALE)
    steepness: float
    per: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        asked = Asked("logistic", "steepness")
        object.__setattr__(self, "steepness", finite_number(asked, self.steepness))
        if self.steepness == 0:
            found = "flat: with a steepness of 0 the value is half of base throughout"
            raise InvalidArgument(asked, found, "Write steepness=0.0025").suggest(0.0025)
        require_some_length(Asked("logistic", "per"), self.per)

    @property
    def length(self) -> None:
        return None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        return base.scaled(_logistic_of((xp.floating(t) - self.middle.count) / self.per.count * self.steepness, xp))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseSigmoid(Schedule):
    """value(t) = base * k / (k + exp(t / (per k)))."""

    k: float
    per: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", positive_number(Asked("inverse_sigmoid", "k"), self.k))
        require_some_length(Asked("inverse_sigmoid", "per"), self.per)

    @property
    def length(self) -> None:
        return None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        return base.scaled(_logistic_of(math.log(self.k) - xp.floating(t) / self.per.count / self.k, xp))


def _logistic_of(x: Array, xp: Arrays) -> Array:
    """1 / (1 + exp(-x)), of which no exponential overflows and small values keep their digits."""
    above = x >= 0
    small = xp.xp.exp(xp.where(above, -x, x))
    return xp.where(above, 1.0, small) / (1.0 + small)


@shape
def logistic(middle: DurationLike, steepness: float, per: DurationLike = 1) -> Logistic:
    """Rise as a logistic function that is half-way in the middle: value(t) = base / (1 + exp(-s (t - middle) / per)).

    It is nowhere exactly 0 or 1. From one level to another in a stage leads `anneal(…, curve=curves.sigmoid(12))`.

    Args:
        middle: the time at which the value is half of base, any unit.
        steepness: s, for each `per`; below 0 it falls.
        per: any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: the weight of the KL term in Bowman et al. 2016 (1511.06349), with 0.0025 around update 2500.

    >>> round(logistic(2500, 0.0025)(0), 9), logistic(2500, 0.0025)(2500), round(logistic(2500, 0.0025)(5000), 9)
    (0.001926735, 0.5, 0.998073265)
    """
    return Logistic(Duration.of(middle), steepness, Duration.of(per))


@shape
def inverse_sigmoid(k: float, per: DurationLike = 1) -> InverseSigmoid:
    """Fall as the inverse sigmoid: value(t) = base * k / (k + exp(t / (per k))).

    Args:
        k: above 0; the larger, the later and the slower it falls.
        per: what the time is counted in, any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: scheduled sampling, Bengio et al. 2015 (1506.03099).

    >>> round(inverse_sigmoid(100)(0), 9), round(inverse_sigmoid(100)(1000), 9)
    (0.99009901, 0.004519475)
    """
    return InverseSigmoid(k, Duration.of(per))
