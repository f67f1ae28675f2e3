"""Warmups for Adam, and decays of weight averages."""

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import final

from paramsched.core import curves
from paramsched.core.advice.calls import constructor
from paramsched.core.advice.number_checks import checked, positive_number, proper_share, whole_number
from paramsched.core.curves.arrays import NUMPY, Array, Arrays
from paramsched.core.curves.elementary import exp, log
from paramsched.core.schedules.affine import Absolute, Affine
from paramsched.core.schedules.anneal import anneal, warmup
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.decays import power_law
from paramsched.core.schedules.leaves import constant
from paramsched.core.schedules.lengths import POSITIVE_SCALE
from paramsched.core.schedules.pointwise import minimum
from paramsched.core.schedules.registry import shape
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExponentialWarmup(Schedule):
    """value(t) = base * (1 - exp(-(t + first) / timescale))."""

    timescale: Duration = field(metadata=POSITIVE_SCALE)
    first: int = field(metadata=checked(whole_number, least=0))

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        # Subtracted from 0.0, because the negative of 0.0 is -0.0, which the first update would show.
        return base.scaled(0.0 - ops.expm1(-(ops.floating(t) + self.first) / self.timescale.count))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RAdamWarmup(Schedule):
    """Rise towards base by RAdam's rectification of Adam's step.

    value(t) = base * sqrt((p - 4) * (p - 2) * P / ((P - 4) * (P - 2) * p))

    P = 2 / (1 - beta2) - 1 and p = P - 2 k b / (1 - b), with b = beta2 ** k. k is t + 1 plus the number of first steps
    that RAdam does not rectify, because their p is at most 4.

    It never ends. Multiply it into a schedule: `radam_warmup() * cosine()`.

    Args:
        beta2: Adam's second beta, between 0.6 and 1.

    Raises:
        InvalidArgument: `beta2` is not between 0.6 and 1.

    Source: Liu et al. 2020 (1908.03265); pytorch_warmup `RAdamWarmup`.

    >>> round(radam_warmup(0.999)(0), 9), round(radam_warmup(0.999)(1000), 9)
    (0.017311503, 0.646639262)
    """

    beta2: float = field(default=0.999, metadata=checked(proper_share, sample=0.999))

    def check_together(self) -> None:
        if not self.beta2 > _LEAST_BETA:
            site = CallSite("radam_warmup", "beta2", repr(self.beta2))
            found = f"must be greater than {_LEAST_BETA}, because otherwise no step is rectified"
            raise InvalidArgument(site, found, write="beta2=0.999", sample=0.999)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Return base * sqrt((p - 4) (p - 2) P / ((P - 4) (P - 2) p)); p is the length of the average, P its limit."""
        p, most = self._length_of_average(ops.floating(t) + self._first_step, ops), (1 + self.beta2) / (1 - self.beta2)
        share = (p - 4) / (most - 4) * ((p - 2) / (most - 2)) * (most / p)
        return base.scaled(ops.smaller(ops.xp.sqrt(share), 1.0))

    @cached_property
    def _first_step(self) -> int:
        k = 1
        while self._length_of_average(NUMPY.floating(k), NUMPY) <= 4:
            k += 1
        return k

    def _length_of_average(self, k: Array, ops: Arrays) -> Array:
        """Return p = P - 2 k b / (1 - b), b = beta2 ** k, the length of Adam's average at step k.

        For small k no large numbers are subtracted, because that would lose digits.
        """
        rate = -log(self.beta2)
        y = k * (rate / 2)
        few = y < 1
        early, late = ops.where(few, y, 0.5), ops.where(few, 1.0, y)
        least = float(_coth_excess(NUMPY.floating(rate / 2), NUMPY))
        p_early = k - (_coth_excess(early, ops) - least) * (2 / rate)
        p_late = (1 + self.beta2) / (1 - self.beta2) - 4 / rate * late * ops.exp(-2 * late) / -ops.expm1(-2 * late)
        return ops.where(few, p_early, p_late)


radam_warmup = shape(constructor("radam_warmup", RAdamWarmup))


_LEAST_BETA = 0.6


def _coth_excess(y: Array, ops: Arrays) -> Array:
    """Return y / tanh(y) - 1 for y up to 1, by a power series where the subtraction would lose digits."""
    tiny = y < 0.1
    near, far = ops.power(ops.where(tiny, y, 0.05), 2), ops.where(tiny, 0.5, y)
    series = near / 3 * (1 - near / 15 * (1 - near * 2 / 21 * (1 - near / 10)))
    return ops.where(tiny, series, far / ops.tanh(far) - 1)


@shape
def exponential_warmup(timescale: DurationLike, first: int = 1) -> ExponentialWarmup:
    """Rise towards base along an exponential curve that never ends.

    value(t) = base * (1 - exp(-(t + first) / timescale))

    Multiply it into a schedule: `exponential_warmup(1000) * cosine()`.

    Args:
        timescale: time after which 63 % of base are reached; any unit of time, above 0.
        first: the number that is added to t, 0 or more. With 0 the first update has the value 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Ma & Yarats 2021 (1910.04209); pytorch_warmup `ExponentialWarmup`.

    >>> round(exponential_warmup(1000)(0), 9), round(exponential_warmup(1000)(999), 9)
    (0.0009995, 0.632120559)
    """
    return ExponentialWarmup(Duration.of(timescale), first)


@shape
def gaussian_warmup(over: DurationLike, steepness: float = 5.0) -> Schedule:
    """Rise to base along a Gaussian curve, the ramp-up of semi-supervised learning.

    value(t) = base * exp(-steepness * (1 - t / n) ** 2); base from t = n on

    Args:
        over: n, the length in any unit of time.
        steepness: the exponent at the first update, above 0; with 5 the first value is 0.0067 of base.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Laine & Aila 2017 (1610.02242); Mean Teacher, Tarvainen & Valpola 2017 (1703.01780), `sigmoid_rampup`.

    >>> rampup = gaussian_warmup(80)
    >>> round(rampup(0), 9), round(rampup(40), 9), rampup(80)
    (0.006737947, 0.286504797, 1.0)
    """
    steep = positive_number(CallSite("gaussian_warmup", "steepness"), steepness)
    return warmup(over, exp(-steep), curve=curves.gaussian(steep))


@shape
def untuned_linear_warmup(beta2: float = 0.999) -> Schedule:
    """Rise to base along a straight line, over the length that suits Adam's second beta.

    value(t) = base * min(1, (t + 1) * (1 - beta2) / 2)

    Args:
        beta2: Adam's second beta, between 0 and 1. Its decimal digits are used, not the nearest float: 0.999 gives
            a warmup of exactly 2000 updates.

    Raises:
        InvalidArgument: `beta2` is not between 0 and 1.

    Source: Ma & Yarats 2021 (1910.04209); pytorch_warmup `UntunedLinearWarmup`, which truncates 2 / (1 - beta2) after
    the rounding of floats, to 1999.

    >>> print(untuned_linear_warmup(0.999))
    warmup(2000, index="(t+1)/n")
    """
    over = 2 / (1 - Fraction(repr(proper_share(CallSite("untuned_linear_warmup", "beta2"), beta2, sample=0.999))))
    whole = int(over)
    if whole == over:
        return warmup(whole, index="(t+1)/n")
    return warmup(whole, to=float(whole / over), index="(t+1)/n") >> constant()


@shape
def untuned_exponential_warmup(beta2: float = 0.999) -> ExponentialWarmup:
    """Rise towards base along the exponential curve that suits Adam's second beta.

    value(t) = base * (1 - exp(-(1 - beta2) * (t + 1)))

    Args:
        beta2: Adam's second beta, between 0 and 1. Its decimal digits are used, not the nearest float.

    Raises:
        InvalidArgument: `beta2` is not between 0 and 1.

    Source: Ma & Yarats 2021 (1910.04209); pytorch_warmup `UntunedExponentialWarmup`, which truncates 1 / (1 - beta2)
    after the rounding of floats.

    >>> print(untuned_exponential_warmup(0.999))
    exponential_warmup(1000)
    """
    scale = 1 / (1 - Fraction(repr(proper_share(CallSite("untuned_exponential_warmup", "beta2"), beta2, sample=0.999))))
    return exponential_warmup(Duration.of_updates(scale))


@shape
def ema_warmup(decay: float = 0.9999) -> Schedule:
    """Raise the decay of a weight average from 0.1 to `decay`, in absolute values.

    value(t) = min(decay, (1 + t) / (10 + t))

    Args:
        decay: the final decay, a value above 0.

    Raises:
        InvalidArgument: `decay` is not a number above 0.

    Source: TensorFlow `ExponentialMovingAverage(num_updates)`.

    >>> round(ema_warmup()(0), 9), round(ema_warmup()(80), 9), ema_warmup()(1_000_000)
    (0.1, 0.9, 0.9999)
    """
    most = positive_number(CallSite("ema_warmup", "decay"), decay)
    return minimum(constant(Absolute(most)), constant(Absolute(1.0)) - constant(Absolute(0.9)) * power_law(1.0, 10))


@shape
def ema_power(decay: float = 0.9999, power: float = 2 / 3, gamma: DurationLike = 1) -> Schedule:
    """Raise the decay of a weight average from 0 to `decay` by a power of time, in absolute values.

    value(t) = min(decay, 1 - (1 + t / gamma) ** -power)

    Args:
        decay: the final decay, a value above 0.
        power: the exponent, above 0; 2/3 suits a million updates and more, 3/4 fewer.
        gamma: the time scale, in any unit of time, above 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: k-diffusion `EMAWarmup`; diffusers `EMAModel(use_ema_warmup)`; timm `ModelEmaV3`.

    >>> ema_power()(0), round(ema_power(power=0.75)(15), 9)
    (0.0, 0.875)
    """
    most = positive_number(CallSite("ema_power", "decay"), decay)
    exponent = positive_number(CallSite("ema_power", "power"), power)
    missing = constant(Absolute(1.0)) * power_law(exponent, gamma)
    return minimum(constant(Absolute(most)), constant(Absolute(1.0)) - missing)


@shape
def ademamix_beta3(start: float = 0.9, to: float = 0.9999, over: DurationLike | None = None) -> Schedule:
    """Change a beta from `start` to `to` so that its half-life grows linearly, in absolute values.

    value(t) = exp(ln b ln e / ((1 - u) ln e + u ln b)), u = t / n, b = `start`, e = `to`

    Args:
        start: the first beta, a value between 0 and 1.
        to: the last beta, likewise.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: a beta is not between 0 and 1, or the two are equal.

    Source: AdEMAMix, Pagliardini et al. 2024 (2409.03137).

    >>> beta3 = ademamix_beta3(over=100)
    >>> round(beta3(0), 9), round(beta3(50), 9), beta3(100)
    (0.9, 0.9998002, 0.9999)
    """
    curve = curves.half_life(start, to)
    return anneal(Absolute(curve.start), Absolute(curve.to), over, curve)
