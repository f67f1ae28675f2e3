"""Rules that scale the value: constant, linear, exponential, step, multistep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched._arrays import Floats
from paramsched._number_checks import finite_number, whole_number
from paramsched.errors import Asked
from paramsched.schedules.anneal import linear as linear_shape
from paramsched.schedules.evaluation import columns
from paramsched.schedules.registry import rule
from paramsched.schedules.rules.base import Clock, ShareRule, check_over, require_list


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
    given = require_list(Asked("rules.multistep", "milestones"), milestones, [30, 60])
    counted = tuple(whole_number("rules.multistep(…)", milestone, least=0) for milestone in given)
    return MultiStepRule(counted, gamma, begin, end, by)
