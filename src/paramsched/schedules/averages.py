"""Warmups for Adam, and decays of averages."""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import final

from paramsched import curves
from paramsched.base.arrays import NUMPY, Array, Arrays
from paramsched.base.number_checks import finite_number, keep_checked, positive_number, whole_number
from paramsched.errors import CallSite, InvalidArgument
from paramsched.schedules.affine import Absolute, Affine
from paramsched.schedules.anneal import anneal, warmup
from paramsched.schedules.base import Schedule
from paramsched.schedules.decays import power_law
from paramsched.schedules.leaves import constant
from paramsched.schedules.lengths import SCALE, some_length
from paramsched.schedules.pointwise import minimum
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExponentialWarmup(Schedule):
    """value(t) = base * (1 - exp(-(t + first) / timescale))."""

    timescale: Duration = field(metadata=SCALE)
    first: int

    def __post_init__(self) -> None:
        keep_checked(self, "exponential_warmup", some_length, "timescale")
        keep_checked(self, "exponential_warmup", whole_number, "first", least=0)

    length = None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(-ops.xp.expm1(-(ops.floating(t) + self.first) / self.timescale.count))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RAdamWarmup(Schedule):
    """The factor by which RAdam rectifies a step, from the first step on that it rectifies."""

    beta2: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta2", _second_beta("radam_warmup", self.beta2))
        if not self.beta2 > _LEAST_BETA:
            refusal = InvalidArgument(
                CallSite("radam_warmup", "beta2", repr(self.beta2)),
                f"must be greater than {_LEAST_BETA}, else no step is ever rectified",
                "Write beta2=0.999",
            )
            raise refusal.changed(sample=0.999)

    length = None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """sqrt((p - 4) (p - 2) P / ((P - 4) (P - 2) p)), p the length of the average of k squares, P of all."""
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
        """p = P - 2 k b / (1 - b), b = beta2 ** k; for small k without a difference of large numbers."""
        rate = -math.log(self.beta2)
        y = k * (rate / 2)
        few = y < 1
        early, late = ops.where(few, y, 0.5), ops.where(few, 1.0, y)
        least = float(_beyond_one(NUMPY.floating(rate / 2), NUMPY))
        p_early = k - (_beyond_one(early, ops) - least) * (2 / rate)
        p_late = (1 + self.beta2) / (1 - self.beta2) - 4 / rate * late * ops.xp.exp(-2 * late) / -ops.xp.expm1(
            -2 * late
        )
        return ops.where(few, p_early, p_late)


_LEAST_BETA = 0.6


def _beyond_one(y: Array, ops: Arrays) -> Array:
    """y / tanh(y) - 1 for y of up to 1, by its series where the difference would leave few digits."""
    tiny = y < 0.1
    near, far = ops.where(tiny, y, 0.05) ** 2, ops.where(tiny, 0.5, y)
    series = near / 3 * (1 - near / 15 * (1 - near * 2 / 21 * (1 - near / 10)))
    return ops.where(tiny, series, far / ops.xp.tanh(far) - 1)


def _second_beta(call: str, beta2: object) -> float:
    value = finite_number(CallSite(call, "beta2"), beta2)
    if not 0 < value < 1:
        refusal = InvalidArgument(CallSite(call, "beta2", repr(beta2)), "not between 0 and 1", "Write beta2=0.999")
        raise refusal.changed(sample=0.999)
    return value


@shape
def exponential_warmup(timescale: DurationLike, first: int = 1) -> ExponentialWarmup:
    """Rise towards base, fast and then ever more slowly: value(t) = base * (1 - exp(-(t + first) / timescale)).

    It never ends, so it multiplies into a schedule: `exponential_warmup(1000) * cosine()`.

    Args:
        timescale: after it 63 % of the way are done; any unit of time, above 0.
        first: what the first update counts as; with 0 it is taken at 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Ma & Yarats 2021 (1910.04209); pytorch_warmup `ExponentialWarmup`.

    >>> round(exponential_warmup(1000)(0), 9), round(exponential_warmup(1000)(999), 9)
    (0.0009995, 0.632120559)
    """
    return ExponentialWarmup(Duration.of(timescale), first)


@shape
def gaussian_warmup(over: DurationLike, steepness: float = 5.0) -> Schedule:
    """The ramp-up of semi-supervised learning: value(t) = base * exp(-steepness * (1 - t / n) ** 2), then base.

    Args:
        over: n, any unit of time.
        steepness: above 0; with 5 the first value is 0.0067 of base.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Laine & Aila 2017 (1610.02242); Mean Teacher, Tarvainen & Valpola 2017 (1703.01780), `sigmoid_rampup`.

    >>> round(gaussian_warmup(80)(0), 9), round(gaussian_warmup(80)(40), 9), gaussian_warmup(80)(80)
    (0.006737947, 0.286504797, 1.0)
    """
    steep = positive_number(CallSite("gaussian_warmup", "steepness"), steepness)
    return warmup(over, math.exp(-steep), curve=curves.gaussian(steep))


@shape
def untuned_linear_warmup(beta2: float = 0.999) -> Schedule:
    """The straight warmup that suits Adam's second beta: value(t) = base * min(1, (t + 1) (1 - beta2) / 2).

    Args:
        beta2: between 0 and 1, as it is written: of 0.999 the warmup has exactly 2000 updates.

    Raises:
        InvalidArgument: `beta2` is not between 0 and 1.

    Source: Ma & Yarats 2021 (1910.04209); pytorch_warmup `UntunedLinearWarmup`, which cuts 2 / (1 - beta2) to a whole
    number after floats have rounded it, to 1999.

    >>> print(untuned_linear_warmup(0.999))
    warmup(2000, index="(t+1)/n")
    """
    over = 2 / (1 - Fraction(repr(_second_beta("untuned_linear_warmup", beta2))))
    whole = int(over)
    if whole == over:
        return warmup(whole, index="(t+1)/n")
    return warmup(whole, to=float(whole / over), index="(t+1)/n") >> constant()


@shape
def untuned_exponential_warmup(beta2: float = 0.999) -> ExponentialWarmup:
    """The exponential warmup that suits Adam's second beta: value(t) = base * (1 - exp(-(1 - beta2) (t + 1))).

    Args:
        beta2: between 0 and 1, as it is written.

    Raises:
        InvalidArgument: `beta2` is not between 0 and 1.

    Source: Ma & Yarats 2021 (1910.04209); pytorch_warmup `UntunedExponentialWarmup`, which cuts 1 / (1 - beta2) to a
    whole number after floats have rounded it.

    >>> print(untuned_exponential_warmup(0.999))
    exponential_warmup(1000)
    """
    scale = 1 / (1 - Fraction(repr(_second_beta("untuned_exponential_warmup", beta2))))
    return exponential_warmup(Duration.of_updates(scale))


@shape
def radam_warmup(beta2: float = 0.999) -> RAdamWarmup:
    """RAdam's rectification as a warmup: value(t) = base * sqrt((p-4) (p-2) P / ((P-4) (P-2) p)).

    P = 2 / (1 - beta2) - 1 and p = P - 2 k b / (1 - b), with b = beta2 ** k and k = t + 1 + the steps that RAdam does
    not rectify, those of which p is 4 or less.

    It never ends, so it multiplies into a schedule: `radam_warmup() * cosine()`.

    Args:
        beta2: between 0.6 and 1.

    Raises:
        InvalidArgument: `beta2` is not between 0.6 and 1.

    Source: Liu et al. 2020 (1908.03265); pytorch_warmup `RAdamWarmup`.

    >>> round(radam_warmup(0.999)(0), 9), round(radam_warmup(0.999)(1000), 9)
    (0.017311503, 0.646639262)
    """
    return RAdamWarmup(beta2)


@shape
def ema_warmup(decay: float = 0.9999) -> Schedule:
    """The decay of an average of weights, in absolute values: value(t) = min(decay, (1 + t) / (10 + t)).

    Args:
        decay: the most it becomes, above 0.

    Raises:
        InvalidArgument: `decay` is no number above 0.

    Source: TensorFlow `ExponentialMovingAverage(num_updates)`.

    >>> round(ema_warmup()(0), 9), round(ema_warmup()(80), 9), ema_warmup()(1_000_000)
    (0.1, 0.9, 0.9999)
    """
    most = positive_number(CallSite("ema_warmup", "decay"), decay)
    return minimum(constant(Absolute(most)), constant(Absolute(1.0)) - constant(Absolute(0.9)) * power_law(1.0, 10))


@shape
def ema_power(decay: float = 0.9999, power: float = 2 / 3, gamma: DurationLike = 1) -> Schedule:
    """The decay of an average of weights by a power, in absolute values.

    value(t) = min(decay, 1 - (1 + t / gamma) ** -power)

    Args:
        decay: the most it becomes, above 0.
        power: above 0; 2/3 for a million updates and more, 3/4 for fewer.
        gamma: any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: k-diffusion `EMAWarmup`; diffusers `EMAModel(use_ema_warmup)`; timm `ModelEmaV3`.

    >>> ema_power()(0), round(ema_power(power=0.75)(15), 9)
    (0.0, 0.875)
    """
    most = positive_number(CallSite("ema_power", "decay"), decay)
    missing = constant(Absolute(1.0)) * power_law(power, gamma)
    return minimum(constant(Absolute(most)), constant(Absolute(1.0)) - missing)


@shape
def ademamix_beta3(start: float = 0.9, to: float = 0.9999, over: DurationLike | None = None) -> Schedule:
    """From one beta to another so that the half-life grows evenly, in absolute values.

    value(t) = exp(ln b ln e / ((1 - u) ln e + u ln b)), u = t / n, b = `start`, e = `to`

    Args:
        start, to: betas between 0 and 1.
        over: n, any unit of time; None takes the time it is given.

    Raises:
        InvalidArgument: a beta that is not between 0 and 1, or two that are the same.

    Source: AdEMAMix, Pagliardini et al. 2024 (2409.03137).

    >>> round(ademamix_beta3(over=100)(0), 9), round(ademamix_beta3(over=100)(50), 9), ademamix_beta3(over=100)(100)
    (0.9, 0.9998002, 0.9999)
    """
    curve = curves.half_life(start, to)
    return anneal(Absolute(curve.start), Absolute(curve.to), over, curve)
