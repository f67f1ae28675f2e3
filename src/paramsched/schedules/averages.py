"""Decays of averages, which are short-sighted at first: of weights, and AdEMAMix's third beta."""

from paramsched import curves
from paramsched._number_checks import positive_number
from paramsched.errors import Asked
from paramsched.schedules.anneal import anneal
from paramsched.schedules.base import Schedule
from paramsched.schedules.constant import constant
from paramsched.schedules.inverse import power_law
from paramsched.schedules.levels import Absolute
from paramsched.schedules.pointwise import minimum
from paramsched.schedules.registry import shape
from paramsched.time import DurationLike


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
    most = positive_number(Asked("ema_warmup", "decay"), decay)
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
    most = positive_number(Asked("ema_power", "decay"), decay)
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
