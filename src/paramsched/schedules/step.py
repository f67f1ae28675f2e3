"""Staircases: `step` at even distances, `multistep` at milestones."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched._number_checks import positive_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import PERIOD, require_some_length
from paramsched.schedules.periods import boundaries, periods_over
from paramsched.schedules.registry import shape
from paramsched.schedules.span import Span
from paramsched.time import Duration, DurationLike


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Step(Schedule):
    """value(t) = base * gamma ** floor(t / every)."""

    every: Duration = field(metadata=PERIOD)
    gamma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", positive_number(Asked("step", "gamma"), self.gamma))
        require_some_length(Asked("step", "every"), self.every)

    @property
    def length(self) -> None:
        return None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        return base.scaled(xp.power(self.gamma, xp.floating(periods_over(t, self.every.number, xp))))

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        return boundaries(self.every.number, until)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultiStep(Schedule):
    """value(t) = base * gamma ** (number of milestones at or before t)."""

    milestones: tuple[Duration, ...]
    gamma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "gamma", positive_number(Asked("multistep", "gamma"), self.gamma))

    @property
    def length(self) -> None:
        return None

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        reached = xp.reached(sorted(milestone.count for milestone in self.milestones), t)
        return base.scaled(xp.power(self.gamma, xp.floating(reached)))

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        return (milestone.number for milestone in self.milestones)

    def _resolve(self, span: Span) -> Schedule:
        """The milestones in updates; one that never comes in its stage is refused."""
        milestones = tuple(span.after(milestone) for milestone in self.milestones)
        if span.staged and span.room is not None:
            for written, milestone in zip(self.milestones, milestones, strict=True):
                if milestone.number >= span.room.number:
                    raise InvalidArgument(
                        str(self),
                        f'milestone "{written}" is update {milestone} of a stage of {span.room}: '
                        "times inside a stage count from its begin",
                        "For times of the run multiply instead: warmup(…) * multistep(…)",
                    )
        return replace(self, milestones=milestones)


@shape
def step(every: DurationLike, gamma: float = 0.1) -> Step:
    """Multiply by `gamma` every so often: value(t) = base * gamma ** floor(t / every).

    Args:
        every: any unit of time, at least one update. It need not be whole: the k-th step is at ceil(k * every).
        gamma: ratio of two neighbouring steps, above 0.

    Raises:
        InvalidArgument: `gamma` is no finite number above 0, or `every` no length above 0.

    Source: He et al. 2016 (1512.03385); torch `StepLR`.

    >>> step(30, 0.5)(29), step(30, 0.5)(30), step(30, 0.5)(60)
    (1.0, 0.5, 0.25)
    >>> step("2.5 steps").breakpoints(until=10)
    (0, 3, 5, 8, 10)
    """
    return Step(Duration.of(every), gamma)


@shape
def multistep(milestones: tuple[DurationLike, ...], gamma: float = 0.1) -> MultiStep:
    """Multiply by `gamma` at each milestone: value(t) = base * gamma ** #{m <= t}; repeats count.

    Args:
        milestones: times from the begin of the stage, any unit, any order.
        gamma: ratio at each, above 0.

    Raises:
        InvalidArgument: `gamma` is no finite number above 0, or a milestone no time. At `resolve`: a milestone at or
            after the end of its stage.

    Source: torch `MultiStepLR`.

    >>> multistep([30, 80], 0.5)(29), multistep([30, 80], 0.5)(30), multistep([30, 80], 0.5)(80)
    (1.0, 0.5, 0.25)
    """
    if isinstance(milestones, (str, Duration)) or not isinstance(milestones, Iterable):
        raise InvalidArgument(f"multistep({milestones!r})", "milestones are a list", 'Write multistep(["30 epochs"])')
    return MultiStep(tuple(Duration.of(milestone) for milestone in milestones), gamma)
