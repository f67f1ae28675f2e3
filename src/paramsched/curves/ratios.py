"""Quotients of straight lines."""

from dataclasses import dataclass
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched.curves.base import Curve
from paramsched.curves.parameters import positive_parameter
from paramsched.curves.registry import constant_curve, curve


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseProportional(Curve):
    """curve(u) = u / (u + ratio (1 - u)): from 1 to `ratio` along it the value is 1 / (u / ratio + 1 - u).

    Source: WSD-S, Wen et al. 2024 (2410.05192).

    Args:
        ratio: floor over peak, above 0.

    >>> curves.inverse_proportional(0.25)(0.5)
    0.8
    """

    ratio: float

    def __post_init__(self) -> None:
        positive_parameter(self, "ratio", 0.1)

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return u / (u + self.ratio * rest)

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return self.ratio * rest / (u + self.ratio * rest)


@curve
def inverse_proportional(ratio: float) -> InverseProportional:
    """`u / (u + ratio (1 - u))`.

    >>> curves.inverse_proportional(0.1)
    curves.inverse_proportional(0.1)
    """
    return InverseProportional(ratio)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rex(Curve):
    """curve(u) = u / (2 - u): a descent along it is (1 - u) / (1 - u / 2). Source: REX, Chen et al. 2022 (2107.04197).

    >>> round(curves.rex(0.5), 6)
    0.333333
    """

    def _rise(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return u / (1.0 + rest)

    def _fall(self, u: Array, rest: Array, xp: Arrays) -> Array:
        return rest / (1.0 - u / 2)


rex = constant_curve("rex", Rex())
