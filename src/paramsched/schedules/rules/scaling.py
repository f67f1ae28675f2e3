"""Rules that scale the value: constant, linear, exponential, step, multistep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched._arrays import Floats
from paramsched.errors import Asked
from paramsched.schedules import _text
from paramsched.schedules._level import count, finite
from paramsched.schedules.rules.base import Clock, Coefficients, Rule, check_over, listed


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConstantRule(Rule):
    """Multiply by `factor` at tick 0, undo it at tick n = `over`, or the last tick of the window."""

    factor: float
    over: int | None
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(factor=finite)
        check_over(self, self.over)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        n = self.last if self.over is None else self.over
        if n == 0 and self.over is not None:
            return out
        out.a[k == 0] = self.factor
        if n is not None and n > 0:
            back = k == n
            if self.factor == 0:
                out.a[back], out.e[back] = 0.0, 1.0
            else:
                out.a[back] = 1 / self.factor
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinearRule(Rule):
    """Scale by a straight line F(k) from `start` at tick 0 to `to` at tick n = `over`, or the window's last tick."""

    start: float
    to: float
    over: int | None
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(start=finite, to=finite)
        check_over(self, self.over)

    def _coefficients(self, k: Floats) -> Coefficients:
        n = self.last if self.over is None else self.over
        out = Coefficients.identity(k.size)
        if n is None:  # no end: the line never gets anywhere
            out.a[k == 0] = self.start
            return out
        if n == 0:
            out.a[k == 0] = self.start if self.over is None else self.to
            return out

        def line(at: Floats) -> Floats:
            return np.where(at >= n, self.to, self.start + (self.to - self.start) * at / n)

        moving = (k > 0) & (k <= n)
        before, now = line(k - 1), line(k)
        lost = moving & (before == 0)  # nothing of the value is left to scale: begin again from what was found
        out.a[k == 0] = self.start
        scaled = moving & ~lost
        out.a[scaled] = now[scaled] / before[scaled]
        out.a[lost], out.e[lost] = 0.0, now[lost]
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExponentialRule(Rule):
    """Multiply by `gamma` at each tick but the first."""

    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(gamma=finite)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        out.a[k > 0] = self.gamma
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepRule(Rule):
    """Multiply by `gamma` at every multiple of `every` ticks but 0."""

    every: int
    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(every=count, gamma=finite)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        out.a[(k > 0) & (k % self.every == 0)] = self.gamma
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultiStepRule(Rule):
    """Multiply by `gamma` at each milestone, 0 included; repeats count."""

    milestones: tuple[int, ...]
    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(gamma=finite)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        for milestone in self.milestones:
            out.a[k == milestone] *= self.gamma
        return out


@_text.rule
def constant(
    factor: float, over: int | None = None, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> ConstantRule:
    """Multiply by `factor`, and undo it after `over` ticks (at the window's last tick).

    >>> rules.constant(0.5, over=5)
    rules.constant(0.5, 5)
    """
    return ConstantRule(factor, over, begin, end, by)


@_text.rule
def linear(
    start: float, to: float = 1.0, over: int | None = None, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> LinearRule:
    """Scale along a straight line from `start` to `to` in `over` ticks (by the window's last tick).

    >>> rules.linear(0.1, end=5)
    rules.linear(0.1, end=5)
    """
    return LinearRule(start, to, over, begin, end, by)


@_text.rule
def exponential(gamma: float, begin: int = 0, end: int | None = None, by: Clock = "update") -> ExponentialRule:
    """Multiply by `gamma` at each tick.

    >>> rules.exponential(0.9)
    rules.exponential(0.9)
    """
    return ExponentialRule(gamma, begin, end, by)


@_text.rule
def step(every: int, gamma: float = 0.1, begin: int = 0, end: int | None = None, by: Clock = "update") -> StepRule:
    """Multiply by `gamma` every so many ticks.

    >>> rules.step(30)
    rules.step(30)
    """
    return StepRule(every, gamma, begin, end, by)


@_text.rule
def multistep(
    milestones: Sequence[int], gamma: float = 0.1, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> MultiStepRule:
    """Multiply by `gamma` at each milestone.

    >>> rules.multistep([30, 60])
    rules.multistep([30, 60])
    """
    given = listed(Asked("rules.multistep", "milestones"), milestones, [30, 60])
    counted = tuple(count("rules.multistep(…)", milestone, least=0) for milestone in given)
    return MultiStepRule(counted, gamma, begin, end, by)
