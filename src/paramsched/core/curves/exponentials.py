"""Curves made of exponentials, logarithms and sigmoids."""

import math
from dataclasses import dataclass, field
from typing import final

from paramsched.core.builders import constructor
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.curves.base import Curve, constant_curve, curve
from paramsched.core.curves.elementary import expm1
from paramsched.core.curves.elementary import log as log_of
from paramsched.core.curves.elementary import tanh as tanh_of
from paramsched.core.number_checks import checked, finite_number, positive_number
from paramsched.errors import InvalidArgument

_MOST_RATIO = 1e300  # the largest ratio of two betas, because `expm1` overflows above it


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exponential(Curve):
    """curve(u) = (1 - ratio ** u) / (1 - ratio): a schedule from 1 to `ratio` has the value ratio ** u.

    Source: fvcore Exponential (with `to=ratio`); timm and Megatron "exp" (with `to=0`).

    Args:
        ratio: the last value divided by the first, greater than 0 and not 1.

    >>> curves.exponential(0.1)
    curves.exponential(0.1)
    >>> round(curves.exponential(0.01)(0.5), 4)
    0.9091
    """

    _needs = ("u", "u")
    _takes_numbers = True

    ratio: float = field(metadata=checked(positive_number))

    def check_together(self) -> None:
        if self.ratio == 1:
            raise InvalidArgument("curves.exponential(1.0)", "ratio must not be 1", example="curves.exponential(0.1)")

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        rate = log_of(self.ratio)
        return ops.expm1(u * rate) / expm1(rate)


exponential = curve(constructor("exponential", Exponential))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HalfLife(Curve):
    """The curve of an average's decay rate, beta, whose half-life grows linearly from that of `start` to that of `to`.

    curve(u) = (exp(ln b ln e / ((1 - u) ln e + u ln b)) - b) / (e - b), b = `start`, e = `to`.

    Source: AdEMAMix, Pagliardini et al. 2024 (2409.03137), for the third beta of the optimizer.

    Args:
        start, to: two different betas between 0 and 1.

    >>> curves.half_life(0.9, 0.9999)
    curves.half_life(0.9, 0.9999)
    >>> round(curves.half_life(0.9, 0.9999)(0.5), 6)
    0.999001
    """

    _takes_numbers = True

    start: float = field(default=0.9, metadata=checked(positive_number))
    to: float = field(default=0.9999, metadata=checked(positive_number))

    def check_together(self) -> None:
        within = self.start < 1 and self.to < 1 and self.start != self.to
        if not within or self.to / self.start > _MOST_RATIO:
            raise InvalidArgument(
                f"curves.half_life({self.start}, {self.to})",
                f"expected two different betas between 0 and 1, the second at most {_MOST_RATIO:g} times the first",
                example="curves.half_life(0.9, 0.9999)",
            )

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        first, last = log_of(self.start), log_of(self.to)
        exponent = u * (last - first) / (rest * last + u * first)  # from 0 to last / first - 1
        return ops.expm1(first * exponent) / expm1(last - first)


half_life = curve(constructor("half_life", HalfLife))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tanh(Curve):
    """curve(u) = (tanh(lower + (upper - lower) u) - tanh(lower)) / (tanh(upper) - tanh(lower)).

    Source: HTD, Hsueh et al. 2019 (1806.01593), scaled so that the ends are exact.

    Args:
        lower, upper: the interval of the hyperbolic tangent that is used; `lower` is less than `upper`.

    >>> curves.tanh(-7.0, 3.0)
    curves.tanh(-7.0, 3.0)
    >>> round(curves.tanh(-7.0, 3.0)(0.7), 4)
    0.5012
    """

    _needs = ("u", "u")
    _takes_numbers = True

    lower: float = field(default=-7.0, metadata=checked(finite_number))
    upper: float = field(default=3.0, metadata=checked(finite_number))

    def check_together(self) -> None:
        if not self.lower < self.upper:
            raise InvalidArgument(
                f"curves.tanh({self.lower}, {self.upper})",
                "lower must be less than upper",
                example="curves.tanh(-7.0, 3.0)",
            )
        low, high = tanh_of(self.lower), tanh_of(self.upper)
        if high - low < 1e-6 or self.upper - self.lower > 1e6:
            flat = "tanh is almost constant between lower and upper"
            raise InvalidArgument(
                f"curves.tanh({self.lower}, {self.upper})",
                flat if high - low < 1e-6 else "lower and upper must differ by at most 1e6",
                example="curves.tanh(-7.0, 3.0)",
            )

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        low, high = tanh_of(self.lower), tanh_of(self.upper)
        return (ops.tanh(self.lower + (self.upper - self.lower) * u) - low) / (high - low)


tanh = curve(constructor("tanh", Tanh))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sigmoid(Curve):
    """curve(u) = the logistic function of steepness * (u - 1/2), scaled to [0, 1].

    Source: Bowman et al. 2016 (1511.06349).

    Args:
        steepness: at least 1e-6; a larger value makes the middle steeper.

    >>> curves.sigmoid(12.0)
    curves.sigmoid(12.0)
    >>> curves.sigmoid(12.0)(0.5)
    0.5
    """

    _needs = ("u", "u")
    _takes_numbers = True

    steepness: float = field(default=12.0, metadata=checked(positive_number))

    def check_together(self) -> None:
        if self.steepness < 1e-6:
            raise InvalidArgument(
                f"curves.sigmoid({self.steepness})", "steepness must be at least 1e-06", example="curves.linear"
            )

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        # Derived from logistic(x) = (1 + tanh(x / 2)) / 2, scaled to [0, 1].
        return 0.5 + 0.5 * ops.tanh(self.steepness / 2 * (u - 0.5)) / tanh_of(self.steepness / 4)


sigmoid = curve(constructor("sigmoid", Sigmoid))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gaussian(Curve):
    """curve(u) = (exp(-steepness (1 - u) ** 2) - exp(-steepness)) / (1 - exp(-steepness)): half a Gaussian bell curve.

    Source: the ramp-ups of semi-supervised learning, Laine & Aila 2017 (1610.02242), with a steepness of 5.

    Args:
        steepness: greater than 0; a larger value makes the start flatter.

    >>> curves.gaussian(5)
    curves.gaussian(5.0)
    >>> round(curves.gaussian(5)(0.5), 6)
    0.281665
    """

    _needs = ("rest", "rest")
    _takes_numbers = True

    steepness: float = field(default=5.0, metadata=checked(positive_number))

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return 1.0 - self._fall(u, rest, ops)

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.expm1(-self.steepness * ops.power(rest, 2)) / expm1(-self.steepness)


gaussian = curve(constructor("gaussian", Gaussian))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Logarithm(Curve):
    """curve(u) = ln(1 + (ratio - 1) u) / ln(ratio): the inverse function of `curves.exponential(ratio)`.

    Source: DeepSpeed's `warmup_type="log"`, ln(t + 1) / ln(n): `warmup(n, curve=curves.logarithm(n), index="t/(n-1)")`.

    Args:
        ratio: greater than 0 and not 1. Above 1 the curve is steep at its start.

    >>> curves.logarithm(500)
    curves.logarithm(500.0)
    >>> round(curves.logarithm(100)(1 / 11), 6)
    0.5
    """

    _needs = ("u", "u")
    _takes_numbers = True

    ratio: float = field(metadata=checked(positive_number))

    def check_together(self) -> None:
        if self.ratio == 1:
            raise InvalidArgument("curves.logarithm(1.0)", "ratio must not be 1", example="curves.linear")

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return _logarithm(u, self.ratio, ops)


logarithm = curve(constructor("logarithm", Logarithm))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Log(Curve):
    """curve(u) = ln(1 + (e - 1) u): `curves.logarithm` with a ratio of e.

    >>> round(curves.log(0.5), 6)
    0.620115
    """

    _needs = ("u", "u")
    _takes_numbers = True

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return _logarithm(u, math.e, ops)


log = constant_curve("log", Log())


def _logarithm(u: Array, ratio: float, ops: Arrays) -> Array:
    return ops.log1p((ratio - 1.0) * u) / log_of(ratio)
