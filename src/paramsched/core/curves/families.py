"""The curves: cosines, exponentials and powers."""

import math
from typing import Final

import numpy as np

from paramsched.base.params import Positive, Share
from paramsched.core.curves import messages
from paramsched.core.curves.arrays import Array
from paramsched.core.curves.curve import curve, curve_family, curve_family_of_both

_QUARTER_TURN: Final = math.pi / 2


def _half_wave(u: Array) -> Array:
    """Return (1 - cos(pi u)) / 2, which has more digits near u = 0 as sin(pi / 2 * u) ** 2."""
    sine = np.sin(u * _QUARTER_TURN)
    return sine * sine


@curve(also=lambda rest: _half_wave(rest))
def cosine(u: Array) -> Array:
    """curve(u) = (1 - cos(pi u)) / 2: half a cosine wave. Source: SGDR, Loshchilov & Hutter 2017 (1608.03983).

    >>> round(curves.cosine(0.5), 12)
    0.5
    """
    return _half_wave(u)


@curve()
def half_cosine(u: Array) -> Array:
    """curve(u) = sin(pi u / 2): the second half of a cosine decay. Source: OLMo-core HalfCosWithWarmup.

    >>> round(curves.half_cosine(0.5), 6)
    0.707107
    """
    return np.sin(u * _QUARTER_TURN)


@curve_family(falls=True)
def cosine_power(rest: Array, exponent: Positive) -> Array:
    """curve(u) = 1 - ((1 + cos(pi u)) / 2) ** exponent. Source: optax cosine_decay_schedule(exponent).

    Args:
        exponent: a number greater than 0; with 1 the curve is `curves.cosine`.

    >>> curves.cosine_power(2)
    curves.cosine_power(2.0)
    >>> round(curves.cosine_power(2)(0.5), 12)
    0.75
    """
    return np.power(_half_wave(rest), exponent)


def _k_decay_falls(u: Array, k: float) -> Array:
    return _half_wave(1.0 - np.power(u, k))


@curve_family(also=_k_decay_falls)
def cosine_k_decay(u: Array, k: Positive) -> Array:
    """curve(u) = (1 - cos(pi u ** k)) / 2. Source: k-decay (2004.05909); timm cosine.

    Args:
        k: a number greater than 0. With k above 1 a decay stays high longer; with 1 the curve is `curves.cosine`.

    >>> curves.cosine_k_decay(2)
    curves.cosine_k_decay(2.0)
    >>> round(curves.cosine_k_decay(2)(0.5), 6)
    0.146447
    """
    return _half_wave(np.power(u, k))


@curve_family()
def cosine_truncated(u: Array, share: Share) -> Array:
    """curve(u) = (1 - cos(pi share u)) / (1 - cos(pi share)): the first part of half a cosine wave, scaled to [0, 1].

    Source: I-JEPA (2301.08243); its `ipe_scale=1.25` is `share=0.8`.

    Args:
        share: the fraction of the half wave that is used, greater than 0 and at most 1.

    >>> curves.cosine_truncated(0.8)
    curves.cosine_truncated(0.8)
    >>> round(curves.cosine_truncated(0.8)(0.5), 6)
    0.381966
    """
    sine = np.sin(u * share * _QUARTER_TURN) / float(np.sin(share * _QUARTER_TURN))
    return sine * sine  # the square of a ratio, because a ratio of squares underflows for a small share


def _ends_at_one(cycles: float) -> str:
    return "" if cycles % 1 == 0.5 else messages.ends_before_one()


def _is_half_a_wave(cycles: float) -> bool:
    return cycles == 0.5


@curve_family(check=_ends_at_one, monotone=_is_half_a_wave)
def cosine_wave(u: Array, cycles: Positive) -> Array:
    """curve(u) = (1 - cos(2 pi cycles u)) / 2: a cosine wave that ends at 1. Source: Hugging Face cosine(num_cycles).

    Args:
        cycles: the number of waves: 0.5, 1.5, 2.5, ….

    >>> curves.cosine_wave(1.5)
    curves.cosine_wave(1.5)
    >>> curves.cosine_wave(1.5).monotone, round(curves.cosine_wave(1.5)(0.5), 12)
    (False, 0.5)
    """
    return _half_wave(u * (2 * cycles))


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
    return messages.not_two_betas(_MOST_RATIO)


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
    first = float(np.log(start))
    last = float(np.log(to))
    exponent = u * (last - first) / (rest * last + u * first)  # from 0 to last / first - 1
    return np.expm1(first * exponent) / float(np.expm1(last - first))


def _changes(lower: float, upper: float) -> str:
    if not lower < upper:
        return "lower must be less than upper"
    if np.tanh(upper) - np.tanh(lower) < 1e-6:
        return messages.hardly_changes()
    return messages.too_far_apart() if upper - lower > 1e6 else ""


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
    low = float(np.tanh(lower))
    high = float(np.tanh(upper))
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
