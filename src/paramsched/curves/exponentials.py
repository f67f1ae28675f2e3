"""Exponentials, and what is made of them."""

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched.base.arrays import Array, Arrays
from paramsched.curves.base import Curve
from paramsched.curves.parameters import finite_parameter, positive_parameter
from paramsched.curves.registry import constant_curve, curve
from paramsched.errors import InvalidArgument

_MOST_RATIO = 1e300  # of two betas: beyond it `expm1` overflows


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exponential(Curve):
    """curve(u) = (1 - ratio ** u) / (1 - ratio): from 1 to `ratio` along it the value is ratio ** u.

    Source: fvcore Exponential (with `to=ratio`); timm and Megatron "exp" (with `to=0`).

    Args:
        ratio: last value over first, above 0 and not 1.

    >>> round(curves.exponential(0.01)(0.5), 4)
    0.9091
    """

    ratio: float

    def __post_init__(self) -> None:
        positive_parameter(self, "ratio", 0.1)
        if self.ratio == 1:
            raise InvalidArgument(
                "curves.exponential(1.0)", "a ratio of 1 goes nowhere", "Write curves.exponential(0.1)"
            )

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        rate = math.log(self.ratio)
        return ops.xp.expm1(u * rate) / math.expm1(rate)


@curve
def exponential(ratio: float) -> Exponential:
    """`(1 - ratio ** u) / (1 - ratio)`.

    >>> curves.exponential(0.1)
    curves.exponential(0.1)
    """
    return Exponential(ratio)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HalfLife(Curve):
    """From `start` to `to` along it the half-life of a beta grows evenly.

    curve(u) = (exp(ln b ln e / ((1 - u) ln e + u ln b)) - b) / (e - b), b = `start`, e = `to`.

    Source: AdEMAMix, Pagliardini et al. 2024 (2409.03137), its third beta.

    Args:
        start, to: two betas between 0 and 1.

    >>> round(curves.half_life(0.9, 0.9999)(0.5), 6)
    0.999001
    """

    start: float
    to: float

    def __post_init__(self) -> None:
        positive_parameter(self, "start", 0.9)
        positive_parameter(self, "to", 0.9999)
        within = self.start < 1 and self.to < 1 and self.start != self.to
        if not within or self.to / self.start > _MOST_RATIO:
            raise InvalidArgument(
                f"curves.half_life({self.start}, {self.to})",
                f"expected two different betas between 0 and 1, the second at most {_MOST_RATIO:g} times the first",
                "Write curves.half_life(0.9, 0.9999)",
            )

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        first, last = math.log(self.start), math.log(self.to)
        way = u * (last - first) / (rest * last + u * first)  # from 0 to last / first - 1
        return ops.xp.expm1(first * way) / math.expm1(last - first)


@curve
def half_life(start: float = 0.9, to: float = 0.9999) -> HalfLife:
    """The way of a beta whose half-life grows evenly.

    >>> curves.half_life(0.9, 0.9999)
    curves.half_life(0.9, 0.9999)
    """
    return HalfLife(start, to)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tanh(Curve):
    """curve(u) = (tanh(lower + (upper - lower) u) - tanh(lower)) / (tanh(upper) - tanh(lower)).

    Source: HTD, Hsueh et al. 2019 (1806.01593), scaled so that the ends are exact.

    >>> round(curves.tanh(-7.0, 3.0)(0.7), 4)
    0.5012
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            finite_parameter(self, name, -7.0 if name == "lower" else 3.0)
        if not self.lower < self.upper:
            raise InvalidArgument(
                f"curves.tanh({self.lower}, {self.upper})",
                "lower must be less than upper",
                "Write curves.tanh(-7.0, 3.0)",
            )
        low, high = np.tanh([self.lower, self.upper])
        if high - low < 1e-6 or self.upper - self.lower > 1e6:
            raise InvalidArgument(
                f"curves.tanh({self.lower}, {self.upper})", "it is flat there", "Write curves.tanh(-7.0, 3.0)"
            )

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        low, high = np.tanh([self.lower, self.upper]).tolist()  # as the values between are computed
        return (ops.xp.tanh(self.lower + (self.upper - self.lower) * u) - low) / (high - low)


@curve
def tanh(lower: float = -7.0, upper: float = 3.0) -> Tanh:
    """A piece of the hyperbolic tangent, scaled to [0, 1].

    >>> curves.tanh(-7.0, 3.0)
    curves.tanh(-7.0, 3.0)
    """
    return Tanh(lower, upper)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sigmoid(Curve):
    """curve(u) = the logistic function of steepness (u - 1/2), scaled to exact ends.

    Source: Bowman et al. 2016 (1511.06349).

    >>> curves.sigmoid(12.0)(0.5)
    0.5
    """

    steepness: float

    def __post_init__(self) -> None:
        positive_parameter(self, "steepness", 12.0)
        if self.steepness < 1e-6:
            raise InvalidArgument(f"curves.sigmoid({self.steepness})", "it is a straight line", "Write curves.linear")

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        # logistic(x) = (1 + tanh(x / 2)) / 2, and the scaling to exact ends leaves this of it:
        return 0.5 + 0.5 * ops.xp.tanh(self.steepness / 2 * (u - 0.5)) / math.tanh(self.steepness / 4)


@curve
def sigmoid(steepness: float = 12.0) -> Sigmoid:
    """A piece of the logistic function, scaled to [0, 1].

    >>> curves.sigmoid(12.0)
    curves.sigmoid(12.0)
    """
    return Sigmoid(steepness)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gaussian(Curve):
    """curve(u) = (exp(-steepness (1 - u) ** 2) - exp(-steepness)) / (1 - exp(-steepness)): half a bell.

    Source: the ramp-ups of semi-supervised learning, Laine & Aila 2017 (1610.02242), with a steepness of 5.

    Args:
        steepness: above 0.

    >>> round(curves.gaussian(5)(0.5), 6)
    0.281665
    """

    steepness: float

    def __post_init__(self) -> None:
        positive_parameter(self, "steepness", 5.0)

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return 1.0 - self._fall(u, rest, ops)

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.xp.expm1(-self.steepness * rest**2) / math.expm1(-self.steepness)


@curve
def gaussian(steepness: float = 5.0) -> Gaussian:
    """Half a bell, scaled to [0, 1].

    >>> curves.gaussian(5)
    curves.gaussian(5.0)
    """
    return Gaussian(steepness)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Logarithm(Curve):
    """curve(u) = ln(1 + (ratio - 1) u) / ln(ratio): `curves.exponential(ratio)` the other way round.

    Source: DeepSpeed's `warmup_type="log"`, ln(t + 1) / ln(n): `warmup(n, curve=curves.logarithm(n), index="t/(n-1)")`.

    Args:
        ratio: above 0 and not 1; above 1 it is steep first, then flat.

    >>> round(curves.logarithm(100)(1 / 11), 6)
    0.5
    """

    ratio: float

    def __post_init__(self) -> None:
        positive_parameter(self, "ratio", 100.0)
        if self.ratio == 1:
            raise InvalidArgument("curves.logarithm(1.0)", "a ratio of 1 is a straight line", "Write curves.linear")

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return _logarithmic_way(u, self.ratio, ops)


@curve
def logarithm(ratio: float) -> Logarithm:
    """`ln(1 + (ratio - 1) u) / ln(ratio)`.

    >>> curves.logarithm(500)
    curves.logarithm(500.0)
    """
    return Logarithm(ratio)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Log(Curve):
    """curve(u) = ln(1 + (e - 1) u): steep first, then flat; the logarithm of the ratio e.

    >>> round(curves.log(0.5), 6)
    0.620115
    """

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return _logarithmic_way(u, math.e, ops)


log = constant_curve("log", Log())


def _logarithmic_way(u: Array, ratio: float, ops: Arrays) -> Array:
    return ops.xp.log1p((ratio - 1.0) * u) / math.log(ratio)
