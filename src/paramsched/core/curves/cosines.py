"""Curves made of parts and powers of a cosine wave."""

from dataclasses import dataclass, field
from typing import final

from paramsched.core.builders import constructor
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.curves.base import Curve, constant_curve, curve
from paramsched.core.curves.elementary import quarter_sine
from paramsched.core.number_checks import checked, positive_number, proper_share
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cosine(Curve):
    """curve(u) = (1 - cos(pi u)) / 2: half a cosine wave. Source: SGDR, Loshchilov & Hutter 2017 (1608.03983).

    Computed as sin(pi u / 2) ** 2, which is more accurate near u = 0.

    >>> round(curves.cosine(0.5), 12)
    0.5
    """

    _needs = ("u", "rest")
    _within = True
    _takes_numbers = True

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.half_wave(u)

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.half_wave(rest)


cosine = constant_curve("cosine", Cosine())


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HalfCosine(Curve):
    """curve(u) = sin(pi u / 2): the second half of a cosine decay. Source: OLMo-core HalfCosWithWarmup.

    >>> round(curves.half_cosine(0.5), 6)
    0.707107
    """

    _needs = ("u", "u")
    _takes_numbers = True

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.quarter_sine(u)


half_cosine = constant_curve("half_cosine", HalfCosine())


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosinePower(Curve):
    """curve(u) = 1 - ((1 + cos(pi u)) / 2) ** exponent. Source: optax cosine_decay_schedule(exponent).

    Args:
        exponent: a number greater than 0; with 1 the curve is `curves.cosine`.

    >>> curves.cosine_power(2)
    curves.cosine_power(2.0)
    >>> round(curves.cosine_power(2)(0.5), 12)
    0.75
    """

    _needs = ("rest", "rest")
    _takes_numbers = True

    exponent: float = field(metadata=checked(positive_number))

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return 1.0 - self._fall(u, rest, ops)

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return ops.power(cosine._fall(u, rest, ops), self.exponent)


cosine_power = curve(constructor("cosine_power", CosinePower))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineKDecay(Curve):
    """curve(u) = (1 - cos(pi u ** k)) / 2. Source: k-decay (2004.05909); timm cosine.

    Args:
        k: a number greater than 0. With k above 1 a decay stays high longer; with 1 the curve is `curves.cosine`.

    >>> curves.cosine_k_decay(2)
    curves.cosine_k_decay(2.0)
    >>> round(curves.cosine_k_decay(2)(0.5), 6)
    0.146447
    """

    _needs = ("u", "u")
    _takes_numbers = True

    k: float = field(metadata=checked(positive_number))

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return cosine._rise(
            ops.power(u, self.k), rest, ops
        )  # it uses only its first argument, and `_fall` only the second

    def _fall(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return cosine._fall(u, 1.0 - ops.power(u, self.k), ops)


cosine_k_decay = curve(constructor("cosine_k_decay", CosineKDecay))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineTruncated(Curve):
    """curve(u) = (1 - cos(pi share u)) / (1 - cos(pi share)): the first part of half a cosine wave, scaled to [0, 1].

    Source: I-JEPA (2301.08243); its `ipe_scale=1.25` is `share=0.8`.

    Args:
        share: the fraction of the half wave that is used, greater than 0 and at most 1.

    >>> curves.cosine_truncated(0.8)
    curves.cosine_truncated(0.8)
    >>> round(curves.cosine_truncated(0.8)(0.5), 6)
    0.381966
    """

    _needs = ("u", "u")
    _takes_numbers = True

    share: float = field(metadata=checked(proper_share, whole=True))

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        s = ops.quarter_sine(u * self.share) / quarter_sine(self.share)
        return s * s  # the square of a ratio, because a ratio of squares underflows for a small share


cosine_truncated = curve(constructor("cosine_truncated", CosineTruncated))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineWave(Curve):
    """curve(u) = (1 - cos(2 pi cycles u)) / 2: a cosine wave that ends at 1. Source: Hugging Face cosine(num_cycles).

    Args:
        cycles: the number of waves: 0.5, 1.5, 2.5, ….

    >>> curves.cosine_wave(1.5)
    curves.cosine_wave(1.5)
    >>> curves.cosine_wave(1.5).monotone, round(curves.cosine_wave(1.5)(0.5), 12)
    (False, 0.5)
    """

    _needs = ("u", "u")
    _takes_numbers = True

    cycles: float = field(metadata=checked(positive_number))

    def check_together(self) -> None:
        if self.cycles % 1 != 0.5:
            raise InvalidArgument(
                f"curves.cosine_wave({self.cycles})",
                "cycles must be 0.5, 1.5, 2.5, …, else the curve does not end at 1",
                example="curves.cosine_wave(1.5)",
            )

    @property
    def monotone(self) -> bool:
        return self.cycles == 0.5

    def _rise(self, u: Array, rest: Array, ops: Arrays) -> Array:
        return cosine._rise(u * (2 * self.cycles), rest, ops)


cosine_wave = curve(constructor("cosine_wave", CosineWave))
