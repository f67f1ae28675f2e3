"""Curves made of powers and quotients of the progress `u`."""

from dataclasses import dataclass, field
from typing import final

from paramsched.core.builders import constructor
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.curves.base import Curve, constant_curve, curve
from paramsched.core.number_checks import checked, positive_number


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Linear(Curve):
    """curve(u) = u.

    >>> curves.linear(0.25)
    0.25
    """

    _needs = ("u", "rest")
    _within = True
    _takes_numbers = True

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return u

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return rest


linear = constant_curve("linear", Linear())


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Power(Curve):
    """curve(u) = u ** exponent.

    Args:
        exponent: a number greater than 0; with 1 the curve is `curves.linear`.

    >>> curves.power(2)
    curves.power(2.0)
    >>> curves.power(2)(0.5)
    0.25
    """

    _needs = ("u", "u")
    _takes_numbers = True

    exponent: float = field(metadata=checked(positive_number))

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.power(u, self.exponent)


power = curve(constructor("power", Power))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Polynomial(Curve):
    """curve(u) = 1 - (1 - u) ** exponent: a decay to 0 has the value (1 - u) ** exponent.

    Source: Liu et al. 2015 (1506.04579).

    Args:
        exponent: a number greater than 0, such as 0.9 in DeepLab.

    >>> curves.polynomial(0.9)
    curves.polynomial(0.9)
    >>> curves.polynomial(2)(0.5)
    0.75
    """

    _needs = ("rest", "rest")
    _takes_numbers = True

    exponent: float = field(metadata=checked(positive_number))

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return 1.0 - self._fall(u, rest, ops)

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.power(rest, self.exponent)


polynomial = curve(constructor("polynomial", Polynomial))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PolynomialKDecay(Curve):
    """curve(u) = 1 - (1 - u ** k) ** exponent. Source: k-decay (2004.05909); timm poly.

    Args:
        exponent: a number greater than 0.
        k: a number greater than 0. With k above 1 a decay stays high longer.

    >>> curves.polynomial_k_decay(1.0, 2.0)
    curves.polynomial_k_decay(1.0, 2.0)
    >>> curves.polynomial_k_decay(1.0, 2.0)(0.5)
    0.25
    """

    _needs = ("u", "u")
    _takes_numbers = True

    exponent: float = field(default=1.0, metadata=checked(positive_number))
    k: float = field(default=1.0, metadata=checked(positive_number))

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return 1.0 - self._fall(u, rest, ops)

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.power(1.0 - ops.power(u, self.k), self.exponent)


polynomial_k_decay = curve(constructor("polynomial_k_decay", PolynomialKDecay))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneMinusSqrt(Curve):
    """curve(u) = sqrt(u): a decay to 0 has the value 1 - sqrt(u). Source: Haegele et al. 2024 (2405.18392), "1-sqrt".

    >>> curves.one_minus_sqrt(0.25)
    0.5
    """

    _needs = ("u", "u")
    _takes_numbers = True

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.sqrt(u)


one_minus_sqrt = constant_curve("one_minus_sqrt", OneMinusSqrt())


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseProportional(Curve):
    """curve(u) = u / (u + ratio (1 - u)): a schedule from 1 to `ratio` has the value 1 / (u / ratio + 1 - u).

    Source: WSD-S, Wen et al. 2024 (2410.05192).

    Args:
        ratio: the last value divided by the first, greater than 0.

    >>> curves.inverse_proportional(0.1)
    curves.inverse_proportional(0.1)
    >>> curves.inverse_proportional(0.25)(0.5)
    0.8
    """

    _takes_numbers = True

    ratio: float = field(metadata=checked(positive_number))

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return u / (u + self.ratio * rest)

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return self.ratio * rest / (u + self.ratio * rest)


inverse_proportional = curve(constructor("inverse_proportional", InverseProportional))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rex(Curve):
    """curve(u) = u / (2 - u): a decay to 0 has the value (1 - u) / (1 - u / 2).

    Source: REX, Chen et al. 2022 (2107.04197).

    >>> round(curves.rex(0.5), 6)
    0.333333
    """

    _takes_numbers = True

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return u / (1.0 + rest)

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return rest / (1.0 - u / 2)


rex = constant_curve("rex", Rex())
