"""Curves made of parts and powers of a cosine wave."""

import math
from typing import Final

import numpy as np

from paramsched.core.base.params import Positive, Share
from paramsched.core.curves.arrays import Array
from paramsched.core.curves.curve import curve, curve_family

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
    return "" if cycles % 1 == 0.5 else "cycles must be 0.5, 1.5, 2.5, …, else the curve does not end at 1"


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
