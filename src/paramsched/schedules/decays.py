"""Decays by formulas of time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, final

from paramsched import curves
from paramsched.base.arrays import Array, Arrays
from paramsched.base.number_checks import finite_number, keep_checked, positive_number
from paramsched.errors import CallSite, InvalidArgument
from paramsched.schedules.affine import Absolute, Affine, Level, NeighborLevel, level_of
from paramsched.schedules.anneal import Index, anneal
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import FILLS, SCALE, some_length
from paramsched.schedules.registry import shape
from paramsched.schedules.text.writing import call_text, write_call
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exponential(Schedule):
    """value(t) = base * gamma ** (t / per)."""

    gamma: float
    per: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        keep_checked(self, "exponential", positive_number, "gamma")
        keep_checked(self, "exponential", some_length, "per")

    length = None  # never ends: it takes the time it is given

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        # A power of t, not a running product: any t costs the same, and nothing drifts.
        return base.scaled(ops.power(self.gamma, ops.floating(t) / self.per.count))


@shape
def exponential(gamma: float, per: DurationLike = 1) -> Exponential:
    """Multiply by `gamma` once every `per`, smoothly in between: value(t) = base * gamma ** (t / per).

    Args:
        gamma: ratio per period, above 0; no unit.
        per: the period, any unit of time, above 0.

    Raises:
        InvalidArgument: `gamma` is no finite number above 0, or `per` no length above 0.

    Source: torch `ExponentialLR` (`per` = 1 update); optax `exponential_decay`. A result that overflows is inf.

    >>> exponential(0.5, per="100 updates")(200, base=0.4)
    0.1
    """
    return Exponential(gamma, Duration.of(per))


@shape
def geometric(start: Level = 1.0, to: Level = 0.01, over: DurationLike | None = None, index: Index = "t/n") -> Schedule:
    """From `start` to `to` by the same ratio in every update: value(t) = start * (to / start) ** (t / n).

    `geometric(previous, 0.01)` begins at the value that the stage before ends at.

    Args:
        start, to: two multiples of base, or two absolute values; neither is 0, and both have one sign. `previous` and
            `following` are what the neighbor's is.
        over: n, any unit of time; None takes the time it is given.
        index: which fraction update t stands for.

    Raises:
        InvalidArgument: levels that have no ratio.

    Source: fvcore `ExponentialParamScheduler`; fastai `SchedExp`; the last stage of fairseq's `tri_stage`; range tests
    of the learning rate, Smith 2017 (1506.01186).

    >>> round(geometric(1.0, 0.01, over=100)(50), 12), round(geometric(0.001, 1.0, over=3)(1), 12)
    (0.1, 0.01)
    """
    first, last = level_of(CallSite("geometric", "start"), start), level_of(CallSite("geometric", "to"), to)
    if isinstance(first, NeighborLevel) or isinstance(last, NeighborLevel):
        return _GeometricBesideNeighbor(first, last, None if over is None else Duration.of(over), index)
    if isinstance(first, Absolute) and isinstance(last, Absolute):
        begins, ends = first.value, last.value
    elif isinstance(first, float) and isinstance(last, float):
        begins, ends = first, last
    else:
        found = "a ratio needs two multiples of base, or two absolute values, both as numbers"
        raise InvalidArgument(f"geometric({first}, {last})", found, "Write geometric(1.0, 0.01)")
    if not begins * ends > 0:
        found = "no ratio leads there: neither level is 0, and both have one sign"
        raise InvalidArgument(f"geometric({first}, {last})", found, "Write geometric(1.0, 0.01)")
    ratio = ends / begins
    return anneal(start, to, over, curves.linear if ratio == 1 else curves.exponential(ratio), index)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _GeometricBesideNeighbor(Schedule):
    """A geometric way until the level of its neighbor is a number: only then there is a ratio."""

    start: Level
    to: Level
    over: Duration | None = field(metadata=FILLS)
    index: Index

    @property
    def length(self) -> Duration | None:
        return self.over

    def _with_fields(self, fields: Mapping[str, Any]) -> Schedule:
        return geometric(**fields)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        raise AssertionError(f"{self} is asked for a value before its level is a number")

    def __str__(self) -> str:
        named = {"start": self.start, "to": self.to, "over": self.over, "index": self.index}
        return write_call("geometric", geometric, named)


@shape
def natural_exponential(rate: float, per: DurationLike = 1) -> Schedule:
    """Decay at a rate: value(t) = base * exp(-rate * t / per).

    Args:
        rate: above 0, for each `per`.
        per: any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: paddle `NaturalExpDecay`; TensorFlow 1 `natural_exp_decay`; temperatures of Gumbel softmax, Jang et al. 2017
    (1611.01144): `maximum(every(natural_exponential(1e-05), 1000), 0.5)`.

    >>> round(natural_exponential(0.1)(10), 9)
    0.367879441
    """
    whole = Fraction(repr(positive_number(CallSite("natural_exponential", "rate"), rate)))
    # Of a time constant, not of the ratio of one update: the power of that would have its rounding so many times.
    period = Duration(tuple((unit, amount / whole) for unit, amount in Duration.of(per).terms))
    return exponential(math.exp(-1), period)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PowerLaw(Schedule):
    """value(t) = base * (1 + t / timescale) ** -exponent."""

    exponent: float
    timescale: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        site = CallSite("power_law", "exponent")
        object.__setattr__(self, "exponent", finite_number(site, self.exponent))
        if self.exponent == 0:
            raise InvalidArgument(site, "flat: to the power of 0 it is base throughout", "Write 0.5", sample=0.5)
        keep_checked(self, "power_law", some_length, "timescale")

    length = None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        grown = 1.0 + ops.floating(t) / self.timescale.count
        if self.exponent == 0.5:  # a square root is exact where a power is not
            return base.scaled(1.0 / ops.xp.sqrt(grown))
        return base.scaled(grown**-self.exponent)

    def __str__(self) -> str:
        if self.exponent == 0.5:
            return write_call("inverse_sqrt", inverse_sqrt, {"timescale": self.timescale})
        return call_text(self)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseTime(Schedule):
    """value(t) = base / (1 + gamma * t / per)."""

    gamma: float
    per: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        keep_checked(self, "inverse_time", positive_number, "gamma")
        keep_checked(self, "inverse_time", some_length, "per")

    length = None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(1.0 / (1.0 + ops.floating(t) / self.per.count * self.gamma))


@shape
def power_law(exponent: float, timescale: DurationLike) -> PowerLaw:
    """Fall, or grow, as a power of time: value(t) = base * (1 + t / timescale) ** -exponent.

    Args:
        exponent: not 0; below 0 the value grows, and without an end.
        timescale: time after which the value is 2 ** -exponent of base; any unit, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: OLMo-core PowerLR; Shen et al. 2024 (2408.13359). The `PolyScheduler` of pytorch_optimizer grows: with its
    power p and a floor of 0.1, `warmup(500) >> constant(over=1) >> 0.1 + 0.9 * power_law(-p, 1)`.

    >>> power_law(1.0, 100)(100)
    0.5
    """
    return PowerLaw(exponent, Duration.of(timescale))


@shape
def inverse_sqrt(timescale: DurationLike) -> PowerLaw:
    """Fall as the inverse square root: value(t) = base / sqrt(1 + t / timescale).

    Behind a warmup of W updates, `timescale=W` is the usual sqrt(W / t).

    Args:
        timescale: any unit of time, above 0.

    Raises:
        InvalidArgument: `timescale` is no length above 0.

    Source: Vaswani et al. 2017 (1706.03762); Zhai et al. 2022 (2106.04560).

    >>> inverse_sqrt(100)(300)
    0.5
    """
    return power_law(0.5, some_length(CallSite("inverse_sqrt", "timescale"), Duration.of(timescale)))


@shape
def inverse_time(gamma: float, per: DurationLike = 1) -> InverseTime:
    """Fall as the inverse of time: value(t) = base / (1 + gamma * t / per).

    Args:
        gamma: above 0.
        per: any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: Robbins & Monro 1951; Keras `InverseTimeDecay`.

    >>> inverse_time(0.5, per=10)(20)
    0.5
    """
    return InverseTime(gamma, Duration.of(per))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Logistic(Schedule):
    """value(t) = base / (1 + exp(-steepness * (t - middle) / per))."""

    middle: Duration = field(metadata=SCALE)
    steepness: float
    per: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        site = CallSite("logistic", "steepness")
        object.__setattr__(self, "steepness", finite_number(site, self.steepness))
        if self.steepness == 0:
            found = "flat: with a steepness of 0 the value is half of base throughout"
            raise InvalidArgument(site, found, "Write steepness=0.0025", sample=0.0025)
        keep_checked(self, "logistic", some_length, "per")

    length = None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(_logistic_of((ops.floating(t) - self.middle.count) / self.per.count * self.steepness, ops))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseSigmoid(Schedule):
    """value(t) = base * k / (k + exp(t / (per k)))."""

    k: float
    per: Duration = field(metadata=SCALE)

    def __post_init__(self) -> None:
        keep_checked(self, "inverse_sigmoid", positive_number, "k")
        keep_checked(self, "inverse_sigmoid", some_length, "per")

    length = None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(_logistic_of(math.log(self.k) - ops.floating(t) / self.per.count / self.k, ops))


def _logistic_of(x: Array, ops: Arrays) -> Array:
    """1 / (1 + exp(-x)), of which no exponential overflows and small values keep their digits."""
    above = x >= 0
    small = ops.xp.exp(ops.where(above, -x, x))
    return ops.where(above, 1.0, small) / (1.0 + small)


@shape
def logistic(middle: DurationLike, steepness: float, per: DurationLike = 1) -> Logistic:
    """Rise as a logistic function that is half-way in the middle: value(t) = base / (1 + exp(-s (t - middle) / per)).

    It is nowhere exactly 0 or 1. From one level to another in a stage leads `anneal(…, curve=curves.sigmoid(12))`.

    Args:
        middle: the time at which the value is half of base, any unit.
        steepness: s, for each `per`; below 0 it falls.
        per: any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: the weight of the KL term in Bowman et al. 2016 (1511.06349), with 0.0025 around update 2500.

    >>> round(logistic(2500, 0.0025)(0), 9), logistic(2500, 0.0025)(2500), round(logistic(2500, 0.0025)(5000), 9)
    (0.001926735, 0.5, 0.998073265)
    """
    return Logistic(Duration.of(middle), steepness, Duration.of(per))


@shape
def inverse_sigmoid(k: float, per: DurationLike = 1) -> InverseSigmoid:
    """Fall as the inverse sigmoid: value(t) = base * k / (k + exp(t / (per k))).

    Args:
        k: above 0; the larger, the later and the slower it falls.
        per: what the time is counted in, any unit of time, above 0.

    Raises:
        InvalidArgument: an argument out of its range.

    Source: scheduled sampling, Bengio et al. 2015 (1506.03099).

    >>> round(inverse_sigmoid(100)(0), 9), round(inverse_sigmoid(100)(1000), 9)
    (0.99009901, 0.004519475)
    """
    return InverseSigmoid(k, Duration.of(per))
