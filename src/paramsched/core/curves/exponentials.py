"""Curves made of exponentials, logarithms and sigmoids."""

import math
from typing import Final

import numpy as np

from paramsched.core.base.params import Positive
from paramsched.core.curves.arrays import Array
from paramsched.core.curves.curve import curve, curve_family, curve_family_of_both

_MOST_RATIO: Final = 1e300  # the largest ratio of two betas, because `expm1` overflows above it


def _not_one(ratio: float) -> str:
    return "ratio must not be 1" if ratio == 1 else ""


@curve_family(check=_not_one)
def exponential(u: Array, ratio: Positive) -> Array:
    """curve(u) = (1 - ratio ** u) / (1 - ratio): a schedule from 1 to `ratio` has the value ratio ** u.

    Source: fvcore Exponential (with `to=ratio`); timm and Megatron "exp" (with `to=0`).

    Args:
        ratio: the last value divided by the first, greater than 0 and not 1.

    >>> curves.exponential(0.1)
    curves.exponential(0.1)
    >>> round(curves.exponential(0.01)(0.5), 4)
    0.9091
    """
    rate = float(np.log(ratio))
    return np.expm1(u * rate) / float(np.expm1(rate))


def _two_betas(start: float, to: float) -> str:
    if start < 1 and to < 1 and start != to and to / start <= _MOST_RATIO:
        return ""
    return f"expected two different betas between 0 and 1, the second at most {_MOST_RATIO:g} times the first"


@curve_family_of_both(check=_two_betas)
def half_life(u: Array, rest: Array, start: Positive = 0.9, to: Positive = 0.9999) -> Array:
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
    first, last = float(np.log(start)), float(np.log(to))
    exponent = u * (last - first) / (rest * last + u * first)  # from 0 to last / first - 1
    return np.expm1(first * exponent) / float(np.expm1(last - first))


def _changes(lower: float, upper: float) -> str:
    if not lower < upper:
        return "lower must be less than upper"
    if np.tanh(upper) - np.tanh(lower) < 1e-6:
        return "tanh is almost constant between lower and upper"
    return "lower and upper must differ by at most 1e6" if upper - lower > 1e6 else ""


@curve_family(check=_changes)
def tanh(u: Array, lower: float = -7.0, upper: float = 3.0) -> Array:
    """curve(u) = (tanh(lower + (upper - lower) u) - tanh(lower)) / (tanh(upper) - tanh(lower)).

    Source: HTD, Hsueh et al. 2019 (1806.01593), scaled so that the ends are exact.

    Args:
        lower, upper: the interval of the hyperbolic tangent that is used; `lower` is less than `upper`.

    >>> curves.tanh(-7.0, 3.0)
    curves.tanh(-7.0, 3.0)
    >>> round(curves.tanh(-7.0, 3.0)(0.7), 4)
    0.5012
    """
    low, high = float(np.tanh(lower)), float(np.tanh(upper))
    return (np.tanh(lower + (upper - lower) * u) - low) / (high - low)


def _steep(steepness: float) -> str:
    return "steepness must be at least 1e-06" if steepness < 1e-6 else ""


@curve_family(check=_steep)
def sigmoid(u: Array, steepness: Positive = 12.0) -> Array:
    """curve(u) = the logistic function of steepness * (u - 1/2), scaled to [0, 1].

    Source: Bowman et al. 2016 (1511.06349).

    Args:
        steepness: at least 1e-6; a larger value makes the middle steeper.

    >>> curves.sigmoid(12.0)
    curves.sigmoid(12.0)
    >>> curves.sigmoid(12.0)(0.5)
    0.5
    """
    # Derived from logistic(x) = (1 + tanh(x / 2)) / 2, scaled to [0, 1].
    return 0.5 + 0.5 * np.tanh(steepness / 2 * (u - 0.5)) / float(np.tanh(steepness / 4))


@curve_family(falls=True)
def gaussian(rest: Array, steepness: Positive = 5.0) -> Array:
    """curve(u) = (exp(-steepness (1 - u) ** 2) - exp(-steepness)) / (1 - exp(-steepness)): half a Gaussian bell curve.

    Source: the ramp-ups of semi-supervised learning, Laine & Aila 2017 (1610.02242), with a steepness of 5.

    Args:
        steepness: greater than 0; a larger value makes the start flatter.

    >>> curves.gaussian(5)
    curves.gaussian(5.0)
    >>> round(curves.gaussian(5)(0.5), 6)
    0.281665
    """
    return np.expm1(-steepness * np.power(rest, 2)) / float(np.expm1(-steepness))


@curve_family(check=_not_one)
def logarithm(u: Array, ratio: Positive) -> Array:
    """curve(u) = ln(1 + (ratio - 1) u) / ln(ratio): the inverse function of `curves.exponential(ratio)`.

    Source: DeepSpeed's `warmup_type="log"`, ln(t + 1) / ln(n): `warmup(n, curve=curves.logarithm(n), index="t/(n-1)")`.

    Args:
        ratio: greater than 0 and not 1. Above 1 the curve is steep at its start.

    >>> curves.logarithm(500)
    curves.logarithm(500.0)
    >>> round(curves.logarithm(100)(1 / 11), 6)
    0.5
    """
    return np.log1p((ratio - 1.0) * u) / float(np.log(ratio))


@curve()
def log(u: Array) -> Array:
    """curve(u) = ln(1 + (e - 1) u): `curves.logarithm` with a ratio of e.

    >>> round(curves.log(0.5), 6)
    0.620115
    """
    return np.log1p((math.e - 1.0) * u) / float(np.log(math.e))
