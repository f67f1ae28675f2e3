"""Rules that scale the value, or lead to a level from wherever it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched import curves
from paramsched.base.arrays import NUMPY, Floats
from paramsched.base.number_checks import finite_number, whole_number
from paramsched.curves import Curve, CurveLike
from paramsched.errors import CallSite, InvalidArgument
from paramsched.schedules.affine import Level, level_of
from paramsched.schedules.anneal import linear as linear_shape
from paramsched.schedules.base import Schedule
from paramsched.schedules.evaluation import columns
from paramsched.schedules.leaves import curve_argument, schedule_of
from paramsched.schedules.registry import rule
from paramsched.schedules.rules.base import Clock, Coefficients, Rule, ShareRule, check_over, require_list


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConstantRule(ShareRule):
    """Multiply by `factor` at tick 0, undo it at tick n = `over`, or the last tick of the window."""

    factor: float
    over: int | None
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(factor=finite_number)
        check_over(self, self.over)

    def share(self, k: Floats) -> Floats:
        end = self.over
        if end is None:  # a window of one tick is not long enough to undo it
            end = None if self.last is None else max(self.last, 1)
        return np.where(k < (np.inf if end is None else end), self.factor, 1.0)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinearRule(ShareRule):
    """Scale by a straight line F(k) from `start` at tick 0 to `to` at tick n = `over`, or the window's last tick."""

    start: float
    to: float
    over: int | None
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(start=finite_number, to=finite_number)
        check_over(self, self.over)

    def share(self, k: Floats) -> Floats:
        n = self.last if self.over is None else self.over
        if not n:  # without an end the line never gets anywhere; without a length it is at its end at once
            return np.full(k.shape, self.to if self.over == 0 else self.start)
        return np.asarray(columns(linear_shape(self.start, self.to, n), k).factor, dtype=np.float64)

    def ratio(self, k: Floats) -> Floats:
        n = self.last if self.over is None else self.over
        if not n:
            return np.where(k == 0, self.share(k), 1.0)
        now, before = (np.where(at >= n, self.to, self.start + (self.to - self.start) * at / n) for at in (k, k - 1))
        scaled = (k > 0) & (k <= n) & (before != 0)
        return np.where(k == 0, self.start, np.divide(now, before, out=np.ones_like(now), where=scaled))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExponentialRule(ShareRule):
    """Multiply by `gamma` at each tick but the first."""

    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(gamma=finite_number)

    def share(self, k: Floats) -> Floats:
        return np.power(self.gamma, k if self.gamma > 0 else np.floor(k), dtype=np.float64)

    def ratio(self, k: Floats) -> Floats:
        return np.where(k > 0, self.gamma, 1.0)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepRule(ShareRule):
    """Multiply by `gamma` at every multiple of `every` ticks but 0."""

    every: int
    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(every=whole_number, gamma=finite_number)

    def share(self, k: Floats) -> Floats:
        return np.power(self.gamma, k // self.every, dtype=np.float64)

    def ratio(self, k: Floats) -> Floats:
        return np.where((k > 0) & (k % self.every == 0), self.gamma, 1.0)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultiStepRule(ShareRule):
    """Multiply by `gamma` at each milestone, 0 included; repeats count."""

    milestones: tuple[int, ...]
    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(gamma=finite_number)

    def share(self, k: Floats) -> Floats:
        reached = np.searchsorted(sorted(self.milestones), k, side="right")
        return np.power(self.gamma, reached, dtype=np.float64)

    def ratio(self, k: Floats) -> Floats:
        scale = np.ones(k.size)
        for milestone in self.milestones:
            scale[k == milestone] *= self.gamma
        return scale


@rule
def constant(
    factor: float, over: int | None = None, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> ConstantRule:
    """Multiply by `factor`, and undo it after `over` ticks (at the window's last tick).

    >>> rules.constant(0.5, over=5)
    rules.constant(0.5, 5)
    """
    return ConstantRule(factor, over, begin, end, by)


@rule
def linear(
    start: float, to: float = 1.0, over: int | None = None, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> LinearRule:
    """Scale along a straight line from `start` to `to` in `over` ticks (by the window's last tick).

    >>> rules.linear(0.1, end=5)
    rules.linear(0.1, end=5)
    """
    return LinearRule(start, to, over, begin, end, by)


@rule
def exponential(gamma: float, begin: int = 0, end: int | None = None, by: Clock = "update") -> ExponentialRule:
    """Multiply by `gamma` at each tick.

    >>> rules.exponential(0.9)
    rules.exponential(0.9)
    """
    return ExponentialRule(gamma, begin, end, by)


@rule
def step(every: int, gamma: float = 0.1, begin: int = 0, end: int | None = None, by: Clock = "update") -> StepRule:
    """Multiply by `gamma` every so many ticks.

    >>> rules.step(30)
    rules.step(30)
    """
    return StepRule(every, gamma, begin, end, by)


@rule
def multistep(
    milestones: Sequence[int], gamma: float = 0.1, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> MultiStepRule:
    """Multiply by `gamma` at each milestone.

    >>> rules.multistep([30, 60])
    rules.multistep([30, 60])
    """
    given = require_list(CallSite("rules.multistep", "milestones"), milestones, [30, 60])
    counted = tuple(whole_number("rules.multistep(…)", milestone, least=0) for milestone in given)
    return MultiStepRule(counted, gamma, begin, end, by)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnnealRule(ShareRule):
    """From wherever the value stands to `to` along `curve` in `over` ticks; then exactly `to`, whatever it was.

    Each tick scales what is left of the way, so that others may write in between. A curve that turns back reaches `to`
    on the way, where nothing is left to scale: along it the value goes from what was found at the first tick.
    """

    to: Level
    over: int
    curve: Curve
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(to=level_of)
        check_over(self, self.over)

    @property
    def floor(self) -> Level:
        return self.to

    def share(self, k: Floats) -> Floats:
        return self._along(self.curve._fall, k, first=1.0)

    def share_gone(self, k: Floats) -> Floats:
        return self._along(self.curve._rise, k, first=0.0)

    def ratio(self, k: Floats) -> Floats:
        if not self.curve.monotone:
            return np.where((k == 0) & (self.over > 0), 1.0, 0.0)
        now, before = self.share(k), self._share_before(k)
        return np.divide(now, before, out=np.zeros_like(now), where=before != 0)

    def given_back(self, k: Floats) -> Floats:
        turning = (k > 0) & (not self.curve.monotone)
        return np.where(turning, self.share(k), 0.0)

    def _along(self, curve: Callable[..., Any], k: Floats, first: float) -> Floats:
        """The curve at each tick inside; exactly its ends before and after."""
        out = np.where((k <= 0) & (self.over > 0), first, 1.0 - first)
        inside = (k > 0) & (k < self.over)
        out[inside] = curve(k[inside] / self.over, (self.over - k[inside]) / self.over, NUMPY)
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScheduleRule(Rule):
    """Set the value to what a schedule says, whatever it was: `v <- schedule(k, base)`."""

    schedule: Schedule
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        if not self.schedule.affine:
            raise InvalidArgument(str(self), "it is not affine in base", "Leave clamp, minimum and maximum outside")

    @property
    def has_absolute(self) -> bool:
        return self.schedule.has_absolute

    def step_columns(self, k: Floats) -> Coefficients:
        return Coefficients.setting(*self.closed_form(k.astype(np.int64)), k.size)

    def closed_form(self, k: Floats) -> tuple[Floats, Floats]:
        value = columns(self.schedule, k)
        factor, offset = (0.0 if column is None else column for column in (value.factor, value.offset))
        return np.broadcast_to(factor, k.shape), np.broadcast_to(offset, k.shape)


@rule
def anneal(
    to: Level,
    over: int,
    curve: CurveLike = curves.linear,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> AnnealRule:
    """Go on from the value found to `to` along `curve` in `over` ticks, and set it to `to` from then on.

    >>> rules.anneal(0.1, 100)
    rules.anneal(0.1, 100)
    """
    return AnnealRule(to, over, curve_argument("rules.anneal", curve), begin, end, by)


@rule
def schedule(schedule: Schedule, begin: int = 0, end: int | None = None, by: Clock = "update") -> ScheduleRule:
    """Set the value to what a schedule says.

    >>> rules.schedule(warmup(5))
    rules.schedule(warmup(5))
    """
    return ScheduleRule(schedule_of(schedule, "rules.schedule(…)"), begin, end, by)
