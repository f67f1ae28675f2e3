"""Decays without an end, such as exponential and inverse square root decays, and growth by the same formulas."""

import numpy as np

from paramsched.core.base.params import Positive, params_of
from paramsched.core.curves.arrays import Array, power_of
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import Scale, formula, positive_length
from paramsched.core.schedules.writing import write_call
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument


@formula()
def exponential(t: Array, gamma: Positive, per: Scale = 1) -> Array:
    """Multiply by `gamma` once every `per`, and smoothly in between.

    value(t) = base * gamma ** (t / per)

    Args:
        gamma: the ratio for each `per`, above 0.
        per: the period, in any unit of time, above 0; one update by default.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or `per` is not a length above 0.

    A value that overflows is inf.

    Source: torch `ExponentialLR` (`per` = 1 update); optax `exponential_decay`.

    >>> exponential(0.5, per="100 updates")(200, base=0.4)
    0.1
    """
    return power_of(gamma, t / per)  # not a running product, so every t costs the same, and rounding does not add up


def _not_zero(call: Schedule) -> None:
    if call.args["exponent"] == 0:
        found = "must not be 0, because the value would be base at every update"
        raise InvalidArgument(CallSite("power_law", "exponent"), found, example="0.5")


def _power_law_text(call: Schedule) -> str:
    builder = inverse_sqrt if call.args["exponent"] == 0.5 else power_law
    return write_call(builder.__name__, params_of(builder), call.args)


@formula(check=_not_zero, text=_power_law_text)
def power_law(t: Array, exponent: float, timescale: Scale) -> Array:
    """Decay, or grow, as a power of time.

    value(t) = base * (1 + t / timescale) ** -exponent

    Args:
        exponent: a number other than 0; below 0 the value grows without a limit.
        timescale: the time after which the value is 2 ** -exponent of base, in any unit of time, above 0.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: OLMo-core PowerLR; Shen et al. 2024 (2408.13359). The `PolyScheduler` of pytorch_optimizer grows: with its
    power p and a floor of 0.1, `warmup(500) >> constant(over=1) >> 0.1 + 0.9 * power_law(-p, 1)`.

    >>> power_law(1.0, 100)(100)
    0.5
    """
    grown = 1.0 + t / timescale
    return 1.0 / np.sqrt(grown) if exponent == 0.5 else np.power(grown, -exponent)  # a root is more exact than a power


@shape
def inverse_sqrt(timescale: DurationLike) -> Schedule:
    """Decay as the inverse square root of time.

    value(t) = base / sqrt(1 + t / timescale)

    It has no warmup: write `warmup(W) >> inverse_sqrt(W)` for one of W updates. `clamp` around both would also raise
    the warmup: write `warmup(W) >> clamp(inverse_sqrt(W), low=0.1)`.

    Args:
        timescale: the time after which the value is 0.71 of base, in any unit of time, above 0. After a warmup of W
            updates, `timescale=W` is the usual sqrt(W / t).

    Raises:
        InvalidArgument: `timescale` is not a length above 0.

    Source: Vaswani et al. 2017 (1706.03762); Zhai et al. 2022 (2106.04560).

    >>> inverse_sqrt(100)(300)
    0.5
    """
    return power_law(0.5, positive_length(CallSite("inverse_sqrt", "timescale"), Duration.of(timescale)))


@formula()
def inverse_time(t: Array, gamma: Positive, per: Scale = 1) -> Array:
    """Decay as the inverse of time.

    value(t) = base / (1 + gamma * t / per)

    Args:
        gamma: the rate of decay in each `per`, above 0.
        per: the time that the rate refers to, in any unit of time, above 0; one update by default.

    Raises:
        InvalidArgument: an argument is out of range.

    Source: Robbins & Monro 1951; Keras `InverseTimeDecay`.

    >>> inverse_time(0.5, per=10)(20)
    0.5
    """
    return 1.0 / (1.0 + t / per * gamma)
