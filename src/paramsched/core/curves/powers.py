"""Curves made of powers and quotients of the progress `u`."""

import numpy as np

from paramsched.core.base.params import Positive
from paramsched.core.curves.arrays import Array
from paramsched.core.curves.curve import curve, curve_family, curve_family_of_both


def _what_remains(rest: Array) -> Array:
    return rest


@curve(also=_what_remains)
def linear(u: Array) -> Array:
    """curve(u) = u.

    >>> curves.linear(0.25)
    0.25
    """
    return u


@curve_family()
def power(u: Array, exponent: Positive) -> Array:
    """curve(u) = u ** exponent.

    Args:
        exponent: a number greater than 0; with 1 the curve is `curves.linear`.

    >>> curves.power(2)
    curves.power(2.0)
    >>> curves.power(2)(0.5)
    0.25
    """
    return np.power(u, exponent)


@curve_family(falls=True)
def polynomial(rest: Array, exponent: Positive) -> Array:
    """curve(u) = 1 - (1 - u) ** exponent: a decay to 0 has the value (1 - u) ** exponent.

    Source: Liu et al. 2015 (1506.04579).

    Args:
        exponent: a number greater than 0, such as 0.9 in DeepLab.

    >>> curves.polynomial(0.9)
    curves.polynomial(0.9)
    >>> curves.polynomial(2)(0.5)
    0.75
    """
    return np.power(rest, exponent)


@curve_family(falls=True)
def polynomial_k_decay(u: Array, exponent: Positive = 1.0, k: Positive = 1.0) -> Array:
    """curve(u) = 1 - (1 - u ** k) ** exponent. Source: k-decay (2004.05909); timm poly.

    Args:
        exponent: a number greater than 0.
        k: a number greater than 0. With k above 1 a decay stays high longer.

    >>> curves.polynomial_k_decay(1.0, 2.0)
    curves.polynomial_k_decay(1.0, 2.0)
    >>> curves.polynomial_k_decay(1.0, 2.0)(0.5)
    0.25
    """
    return np.power(1.0 - np.power(u, k), exponent)


@curve()
def one_minus_sqrt(u: Array) -> Array:
    """curve(u) = sqrt(u): a decay to 0 has the value 1 - sqrt(u). Source: Haegele et al. 2024 (2405.18392), "1-sqrt".

    >>> curves.one_minus_sqrt(0.25)
    0.5
    """
    return np.sqrt(u)


def _inverse_falls(u: Array, rest: Array, ratio: float) -> Array:
    return ratio * rest / (u + ratio * rest)


@curve_family_of_both(also=_inverse_falls)
def inverse_proportional(u: Array, rest: Array, ratio: Positive) -> Array:
    """curve(u) = u / (u + ratio (1 - u)): a schedule from 1 to `ratio` has the value 1 / (u / ratio + 1 - u).

    Source: WSD-S, Wen et al. 2024 (2410.05192).

    Args:
        ratio: the last value divided by the first, greater than 0.

    >>> curves.inverse_proportional(0.1)
    curves.inverse_proportional(0.1)
    >>> curves.inverse_proportional(0.25)(0.5)
    0.8
    """
    return u / (u + ratio * rest)


def _rex_falls(u: Array, rest: Array) -> Array:
    return rest / (1.0 - u / 2)


@curve(also=_rex_falls)
def rex(u: Array, rest: Array) -> Array:
    """curve(u) = u / (2 - u): a decay to 0 has the value (1 - u) / (1 - u / 2).

    Source: REX, Chen et al. 2022 (2107.04197).

    >>> round(curves.rex(0.5), 6)
    0.333333
    """
    return u / (1.0 + rest)
