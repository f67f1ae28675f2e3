"""Rules that scale the value, anneal it to a level, or set it to a schedule."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np

from paramsched.core import curves
from paramsched.core.builders import constructor
from paramsched.core.curves import Curve, CurveLike
from paramsched.core.curves.arrays import Floats, power_of
from paramsched.core.number_checks import checked, finite_number, whole_number
from paramsched.core.schedules.anneal import linear as linear_shape
from paramsched.core.schedules.evaluation import columns
from paramsched.core.schedules.level import Level, level_of
from paramsched.core.schedules.registry import rule
from paramsched.core.schedules.rules.base import Clock, Coefficients, Rule, ShareRule, list_of
from paramsched.core.schedules.schedule import Schedule, curve_argument, schedule_of
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConstantRule(ShareRule):
    """Multiply by `factor` at the first tick, and divide by it `over` ticks later.

    Args:
        factor: the factor.
        over: an integer number of ticks of at least 0; None for `end - begin - 1`.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    Source: torch and MMEngine `ConstantLR`.

    >>> rules.constant(0.5, over=5)
    rules.constant(0.5, 5)
    """

    factor: float = field(metadata=checked(finite_number))
    over: int | None = field(default=None, metadata=checked(whole_number, least=0))
    begin: int = 0
    end: int | None = None
    by: Clock = "update"

    def share(self, k: Floats) -> Floats:
        return np.where(k < self._duration, self.factor, 1.0)

    @property
    def _duration(self) -> float:
        if self.over is not None:
            return self.over
        return math.inf if self.last is None else max(self.last, 1)  # a rule of one tick never divides by the factor


constant = rule(constructor("constant", ConstantRule))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinearRule(ShareRule):
    """Scale by a factor that goes linearly from `start` to `to` in `over` ticks.

    Args:
        start: the first factor.
        to: the last factor.
        over: an integer number of ticks of at least 0; None for `end - begin - 1`.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    Source: torch and MMEngine `LinearLR`.

    >>> rules.linear(0.1, end=5)
    rules.linear(0.1, end=5)
    """

    start: float = field(metadata=checked(finite_number))
    to: float = field(default=1.0, metadata=checked(finite_number))
    over: int | None = field(default=None, metadata=checked(whole_number, least=0))
    begin: int = 0
    end: int | None = None
    by: Clock = "update"

    def share(self, k: Floats) -> Floats:
        n = self._length
        if not n:  # without an end the factor stays at `start`; with a length of 0 it is `to` at once
            return np.full(k.shape, self.to if self.over == 0 else self.start)
        return columns(linear_shape(self.start, self.to, over=n), k)[0]

    def ratio(self, k: Floats) -> Floats:
        n = self._length
        if not n:
            return np.where(k == 0, self.share(k), 1.0)
        factor, previous = (
            np.where(at >= n, self.to, self.start + (self.to - self.start) * at / n) for at in (k, k - 1)
        )
        scaled = (k > 0) & (k <= n) & (previous != 0)
        return np.where(k == 0, self.start, np.divide(factor, previous, out=np.ones_like(factor), where=scaled))

    @property
    def _length(self) -> int | None:
        return self.last if self.over is None else self.over


linear = rule(constructor("linear", LinearRule))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExponentialRule(ShareRule):
    """Multiply by `gamma` at each tick except the first.

    Args:
        gamma: the factor.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    Source: torch and MMEngine `ExponentialLR`.

    >>> rules.exponential(0.9)
    rules.exponential(0.9)
    """

    gamma: float = field(metadata=checked(finite_number))
    begin: int = 0
    end: int | None = None
    by: Clock = "update"

    def share(self, k: Floats) -> Floats:
        return power_of(self.gamma, k if self.gamma > 0 else np.floor(k))

    def ratio(self, k: Floats) -> Floats:
        return np.where(k > 0, self.gamma, 1.0)


exponential = rule(constructor("exponential", ExponentialRule))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepRule(ShareRule):
    """Multiply by `gamma` at every multiple of `every` ticks except 0.

    Args:
        every: an integer number of ticks of at least 1.
        gamma: the factor.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    Source: torch and MMEngine `StepLR`.

    >>> rules.step(30)
    rules.step(30)
    """

    every: int = field(metadata=checked(whole_number))
    gamma: float = field(default=0.1, metadata=checked(finite_number))
    begin: int = 0
    end: int | None = None
    by: Clock = "update"

    def share(self, k: Floats) -> Floats:
        return power_of(self.gamma, k // self.every)

    def ratio(self, k: Floats) -> Floats:
        return np.where((k > 0) & (k % self.every == 0), self.gamma, 1.0)


step = rule(constructor("step", StepRule))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultiStepRule(ShareRule):
    """Multiply by `gamma` at each milestone.

    Args:
        milestones: ticks, integers of at least 0 in any order. A repeated milestone multiplies again.
        gamma: the factor.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    Source: torch and MMEngine `MultiStepLR`.

    >>> rules.multistep([30, 60])
    rules.multistep([30, 60])
    """

    milestones: Sequence[int] = field(metadata=list_of(partial(whole_number, least=0), [30, 60]))
    gamma: float = field(default=0.1, metadata=checked(finite_number))
    begin: int = 0
    end: int | None = None
    by: Clock = "update"

    def share(self, k: Floats) -> Floats:
        reached = np.searchsorted(sorted(self.milestones), k, side="right")
        return power_of(self.gamma, reached.astype(np.float64))

    def ratio(self, k: Floats) -> Floats:
        scale = np.ones(k.size)
        for milestone in self.milestones:
            scale[k == milestone] *= self.gamma
        return scale


multistep = rule(constructor("multistep", MultiStepRule))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnnealRule(ShareRule):
    """Go from the current value to `to` along `curve` in `over` ticks; then set the value to exactly `to`.

    Each tick scales the remaining distance, so that external writes between two ticks are kept. Along a curve that is
    not monotone, the value can reach `to` before the end, where no distance remains to be scaled. With such a curve,
    the rule computes each value from the value before its first tick, and ignores external writes.
    """

    to: Level = field(metadata=checked(level_of))
    over: int = field(metadata=checked(whole_number, least=0))
    curve: Curve
    begin: int
    end: int | None
    by: Clock

    @property
    def floor(self) -> Level:
        return self.to

    def share(self, k: Floats) -> Floats:
        return self._along(k, rises=False)

    def completed_share(self, k: Floats) -> Floats:
        return self._along(k, rises=True)

    def ratio(self, k: Floats) -> Floats:
        if not self.curve.monotone:
            return np.where((k == 0) & (self.over > 0), 1.0, 0.0)
        share, previous = self.share(k), self._previous_share(k)
        return np.divide(share, previous, out=np.zeros_like(share), where=previous != 0)

    def restored_share(self, k: Floats) -> Floats:
        turning = (k > 0) & (not self.curve.monotone)
        return np.where(turning, self.share(k), 0.0)

    def _along(self, k: Floats, *, rises: bool) -> Floats:
        """Evaluate the curve at the ticks `k`; return its exact end values before tick 0 and after tick `over`."""
        first = 0.0 if rises else 1.0
        out = np.where((k <= 0) & (self.over > 0), first, 1.0 - first)
        inside = (k > 0) & (k < self.over)
        out[inside] = self.curve.share(k[inside], self.over, rises=rises)
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScheduleRule(Rule):
    """Set the value to that of a schedule: `v <- schedule(k, base)`."""

    schedule: Schedule
    begin: int
    end: int | None
    by: Clock

    def check_together(self) -> None:
        if not self.schedule.affine:
            raise InvalidArgument(str(self), "the schedule must be affine in base", "Omit clamp, minimum and maximum")

    @property
    def has_absolute(self) -> bool:
        return self.schedule.has_absolute

    def step_columns(self, k: Floats) -> Coefficients:
        return Coefficients.setting(*self.closed_form(k.astype(np.int64)), k.size)

    def closed_form(self, k: Floats) -> tuple[Floats, Floats]:
        factor, value = columns(self.schedule, k)
        return factor, np.zeros(k.shape) if value is None else value


@rule
def anneal(
    to: Level,
    over: int,
    curve: CurveLike = curves.linear,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> AnnealRule:
    """Go from the current value to `to` along `curve` in `over` ticks, and keep it at `to` from then on.

    Args:
        to: the final level, a multiple of base or `absolute(x)`.
        over: an integer number of ticks of at least 0.
        curve: a curve such as `curves.cosine`.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    >>> rules.anneal(0.1, 100)
    rules.anneal(0.1, 100)
    """
    return AnnealRule(to, over, curve_argument("rules.anneal", curve), begin, end, by)


@rule
def schedule(schedule: Schedule, begin: int = 0, end: int | None = None, by: Clock = "update") -> ScheduleRule:
    """Set the value to that of a schedule.

    Args:
        schedule: a schedule whose time is the number of ticks, and whose value is a multiple of base plus a constant.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    >>> rules.schedule(warmup(5))
    rules.schedule(warmup(5))
    """
    return ScheduleRule(schedule_of(schedule, "rules.schedule(…)"), begin, end, by)
