"""Decays without an end, such as exponential and inverse square root decays, and growth by the same formulas."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from paramsched.core import curves
from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.number_checks import checked, finite_number, one_of, positive_number
from paramsched.core.schedules.affine import (
    FROM_ZERO_TO_ONE,
    LEVEL,
    Absolute,
    Affine,
    Bounds,
    Level,
    level_of,
    split_level,
)
from paramsched.core.schedules.anneal import Index, anneal
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.lengths import FILLS, POSITIVE_SCALE, positive_length
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.writing import call_text, write_call
from paramsched.core.time import Duration, DurationLike
from paramsched.errors import CallSite, InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exponential(Schedule):
    """value(t) = base * gamma ** (t / per)."""

    gamma: float = field(metadata=checked(positive_number))
    per: Duration = field(metadata=POSITIVE_SCALE)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        # A power of t, not a running product, so every t costs the same and rounding errors do not accumulate.
        return base.scaled(ops.power_of_number(self.gamma, ops.floating(t) / self.per.count))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return FROM_ZERO_TO_ONE.times(bases) if self.gamma <= 1 else None


@shape
def exponential(gamma: float, per: DurationLike = 1) -> Exponential:
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
    return Exponential(gamma, Duration.of(per))


@shape
def geometric(
    start: Level | None = None, to: Level = 0.01, over: DurationLike | None = None, index: Index = "t/n"
) -> Schedule:
    """Change from `start` to `to` by the same ratio at every update.

    value(t) = start * (to / start) ** (t / n); exactly `to` from t = n on

    Args:
        start: the first level, a multiple of base or `absolute(x)`. None is the level at which the stage before ends;
            in a first stage it is 1.
        to: the last level. It must have the sign of `start`, and be a multiple of base if `start` is one. Neither level
            may be 0.
        over: n, the length in any unit of time. None takes the rest of the run.
        index: the formula of the elapsed fraction. With `"t/n"` the first update, 0, has the value `start`. With
            `"(t+1)/n"` the last update, n - 1, has the value `to`. With `"t/(n-1)"` both are true, with `"(t+1)/(n+1)"`
            neither.

    Raises:
        InvalidArgument: a level is 0, or the levels differ in sign, or only one of them is absolute.

    Source: fvcore `ExponentialParamScheduler`; fastai `SchedExp`; the last stage of fairseq's tri-stage schedule; range
    tests of the learning rate, Smith 2017 (1506.01186).

    >>> round(geometric(1.0, 0.01, over=100)(50), 12)
    0.1
    >>> round(geometric(0.001, 1.0, over=3)(1), 12)
    0.01
    """
    if start is None:
        return OpenGeometric(to, None if over is None else Duration.of(over), index)
    first, last = level_of(CallSite("geometric", "start"), start), level_of(CallSite("geometric", "to"), to)
    if isinstance(first, Absolute) and isinstance(last, Absolute):
        begins, ends = first.value, last.value
    elif isinstance(first, float) and isinstance(last, float):
        begins, ends = first, last
    else:
        found = "expected two multiples of base or two absolute values, as numbers"
        raise InvalidArgument(f"geometric({first}, {last})", found, example="geometric(1.0, 0.01)")
    if not begins * ends > 0:
        found = "both levels must be nonzero and have the same sign"
        raise InvalidArgument(f"geometric({first}, {last})", found, example="geometric(1.0, 0.01)")
    ratio = ends / begins
    return anneal(start, to, over, curves.linear if ratio == 1 else curves.exponential(ratio), index)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OpenGeometric(Schedule):
    """A `geometric` change whose start is open. Its ratio is unknown until that is a number, and it is an anneal."""

    to: Level = field(metadata=LEVEL)
    over: Duration | None = field(metadata=FILLS)
    index: Index = field(metadata=one_of(Index))

    def check_together(self) -> None:
        if split_level(self.to) in ((0.0, None), (None, 0.0)):
            site = CallSite("geometric", "to", str(self.to))
            raise InvalidArgument(site, "must not be 0, which no ratio reaches", example="to=0.01")

    def started_at(self, level: Level) -> Schedule:
        """Return the anneal from a level."""
        return geometric(level, self.to, self.over, self.index)

    @cached_property
    def _connected(self) -> Schedule | None:
        return self.started_at(1.0)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        raise AssertionError(f"{self} is evaluated before its level is a number")

    def __str__(self) -> str:
        named = {"start": None, "to": self.to, "over": self.over, "index": self.index}
        return write_call("geometric", geometric, named)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PowerLaw(Schedule):
    """value(t) = base * (1 + t / timescale) ** -exponent."""

    exponent: float = field(metadata=checked(finite_number))
    timescale: Duration = field(metadata=POSITIVE_SCALE)

    def check_together(self) -> None:
        if self.exponent == 0:
            found = "must not be 0, because the value would be base at every update"
            raise InvalidArgument(CallSite("power_law", "exponent"), found, example="0.5")

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        grown = 1.0 + ops.floating(t) / self.timescale.count
        if self.exponent == 0.5:  # more exact than a power
            return base.scaled(1.0 / ops.sqrt(grown))
        return base.scaled(ops.power(grown, -self.exponent))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return FROM_ZERO_TO_ONE.times(bases) if self.exponent > 0 else None

    def __str__(self) -> str:
        if self.exponent == 0.5:
            return write_call("inverse_sqrt", inverse_sqrt, {"timescale": self.timescale})
        return call_text(self)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InverseTime(Schedule):
    """value(t) = base / (1 + gamma * t / per)."""

    gamma: float = field(metadata=checked(positive_number))
    per: Duration = field(metadata=POSITIVE_SCALE)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(1.0 / (1.0 + ops.floating(t) / self.per.count * self.gamma))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return FROM_ZERO_TO_ONE.times(bases)


@shape
def power_law(exponent: float, timescale: DurationLike) -> PowerLaw:
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
    return PowerLaw(exponent, Duration.of(timescale))


@shape
def inverse_sqrt(timescale: DurationLike) -> PowerLaw:
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


@shape
def inverse_time(gamma: float, per: DurationLike = 1) -> InverseTime:
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
    return InverseTime(gamma, Duration.of(per))
