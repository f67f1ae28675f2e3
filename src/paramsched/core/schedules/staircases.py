"""Staircases."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import final

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.number_checks import checked, positive_number, whole_number
from paramsched.core.schedules.affine import (
    FROM_ZERO_TO_ONE,
    LEVEL,
    Affine,
    Bounds,
    Level,
    bounds_of_levels,
    mixed_levels,
)
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.lengths import FILLS, POSITIVE_PERIOD, boundaries, complete_periods
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.span import Span
from paramsched.core.time import Duration, DurationLike
from paramsched.core.time.duration import durations_of
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Step(Schedule):
    """value(t) = base * gamma ** floor(t / every)."""

    every: Duration = field(metadata=POSITIVE_PERIOD)
    gamma: float = field(metadata=checked(positive_number))

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(ops.power_of_number(self.gamma, complete_periods(t, self.every.number, ops)))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return FROM_ZERO_TO_ONE.times(bases) if self.gamma <= 1 else None

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        return boundaries(self.every.number, until, since)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultiStep(Schedule):
    """value(t) = base * gamma ** (number of milestones at or before t)."""

    milestones: tuple[Duration, ...]
    gamma: float = field(metadata=checked(positive_number))

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        reached = ops.reached(sorted(milestone.count for milestone in self.milestones), t)
        return base.scaled(ops.power_of_number(self.gamma, reached))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return FROM_ZERO_TO_ONE.times(bases) if self.gamma <= 1 else None

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        return (milestone.number for milestone in self.milestones)

    def _resolve(self, span: Span) -> Schedule:
        """Convert the milestones to updates; raise if one is after the end of its stage."""
        milestones = tuple(span.after(milestone) for milestone in self.milestones)
        if span.staged and span.room is not None:
            for written, milestone in zip(self.milestones, milestones, strict=True):
                if milestone.number >= span.room.number:
                    raise InvalidArgument(
                        str(self),
                        f'milestone "{written}" is update {milestone} of a stage of length {span.room}: '
                        "milestones count from the start of the stage",
                        "To count from the start of the run, multiply: warmup(…) * multistep(…)",
                    )
        return replace(self, milestones=milestones)


@shape
def step(every: DurationLike, gamma: float = 0.1) -> Step:
    """Multiply by `gamma` each `every`.

    value(t) = base * gamma ** floor(t / every)

    Args:
        every: the period, in any unit of time, at least one update. It may be fractional: the k-th step is at
            ceil(k * every).
        gamma: the ratio of two consecutive steps, above 0.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or `every` is not a length above 0.

    Source: He et al. 2016 (1512.03385); torch `StepLR`.

    >>> step(30, 0.5)(29), step(30, 0.5)(30), step(30, 0.5)(60)
    (1.0, 0.5, 0.25)
    >>> step("2.5 steps").breakpoints(until=10)
    (0, 3, 5, 8, 10)
    """
    return Step(Duration.of(every), gamma)


@shape
def multistep(milestones: tuple[DurationLike, ...], gamma: float = 0.1) -> MultiStep:
    """Multiply by `gamma` at each milestone.

    value(t) = base * gamma ** (number of milestones at or before t)

    Args:
        milestones: a list of times from the start of the stage, in any unit and order. A repeated milestone multiplies
            twice.
        gamma: the ratio at each milestone, above 0.

    Raises:
        InvalidArgument: `gamma` is not a finite number above 0, or a milestone is not a time. At `resolve`: a milestone
            is at or after the end of its stage.

    Source: torch `MultiStepLR`.

    >>> steps = multistep([30, 80], 0.5)
    >>> steps(29), steps(30), steps(80)
    (1.0, 0.5, 0.25)
    """
    if isinstance(milestones, (str, bytes, Duration, Mapping)) or not isinstance(milestones, Iterable):
        found = f"expected a list of times, got {type(milestones).__name__}"
        raise InvalidArgument(f"multistep({milestones!r})", found, example="multistep([30, 80])")
    return MultiStep(durations_of(milestones), gamma)


_FINEST_TREAD = Fraction(1, 4)  # updates; breakpoints of shorter steps are merged


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Stairs(Schedule):
    """value(t) = start + (to - start) * k / rises, with k = floor(t * rises / n); from t = n on exactly `to`."""

    start: Level = field(metadata=LEVEL)
    to: Level = field(metadata=LEVEL)
    rises: int = field(metadata=checked(whole_number))
    over: Duration | None = field(metadata=FILLS)

    @property
    def _tread(self) -> Fraction:
        assert self.over is not None
        return Fraction(self.over.number) / self.rises

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Return the level after the steps so far; multiply before dividing, so that integer levels are exact."""
        assert self.over is not None
        end = self.over.count
        rises = ops.floating(complete_periods(ops.at_most(t, end), self._tread, ops)) if end else 0.0

        def level(first: float, last: float) -> Array:
            return ops.where(t >= end, last, first + (last - first) * rises / self.rises)

        return mixed_levels(self.start, self.to, base, level)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_of_levels((self.start, self.to), bases)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        assert self.over is not None
        if not self.over.terms:
            return ()
        # With many more steps than updates this would take too long, and each update has a step anyway.
        tread = max(self._tread, _FINEST_TREAD)
        return (rise for rise in boundaries(tread, min(until, math.ceil(self.over)), since) if rise <= self.over.number)


@shape
def stairs(start: Level, to: Level, rises: int, over: DurationLike | None = None) -> Stairs:
    """Change from one level to another in equal steps.

    value(t) = start + (to - start) * floor(t * rises / n) / rises; exactly `to` from t = n on

    Args:
        start: the first level, a multiple of base, or `absolute(x)` for an absolute value.
        to: the last level, likewise.
        rises: the number of steps, an integer of at least 1; in Megatron it is (to - start) / increment.
        over: n, the length in any unit of time. None takes the rest of the run.

    Raises:
        InvalidArgument: an argument is out of range.

    The k-th step is at k * n / rises, rounded up. The last step, which reaches `to`, is at the end.

    Source: Megatron-LM `--rampup-batch-size start increment over`.

    >>> [stairs(16, 64, 3, over=10)(t) for t in (0, 3, 4, 6, 7, 9, 10)]
    [16.0, 16.0, 32.0, 32.0, 48.0, 48.0, 64.0]
    """
    return Stairs(start, to, rises, None if over is None else Duration.of(over))
