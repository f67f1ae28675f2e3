"""Jagged: a schedule that goes on as it is, and every so often is warmed up to again from 0."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched.errors import Asked
from paramsched.schedules.affine import Affine, choose_affine
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import PERIOD, SCALE, require_some_length
from paramsched.schedules.one_operand import OneOperand
from paramsched.schedules.periods import boundaries, split_periods
from paramsched.schedules.registry import shape
from paramsched.time import Duration, DurationLike, count_of


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Jagged(OneOperand):
    """value(t) = schedule(t); in the first `over` of each `every` but the first, the share of a later value.

    Once the schedule has ended, its final value.
    """

    schedule: Schedule
    every: Duration = field(metadata=PERIOD)
    over: Duration = field(metadata=SCALE)
    meets: Duration | None = field(metadata=SCALE)

    def __post_init__(self) -> None:
        require_some_length(Asked("jagged", "every"), self.every)
        require_some_length(Asked("jagged", "over"), self.over)

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        """What a warmup leads to is the schedule at another time, the same for all of its updates."""
        over = self.over.count
        meets = over if self.meets is None else self.meets.count
        cycle, since = split_periods(t, self.every.number, xp)
        warms = (cycle >= 1) & (since < over)
        end = self._held_from()
        if end is not None:
            warms = warms & (t < count_of(end))
        later = self.schedule._at(xp.xp.where(warms, t - since + meets, t), base, xp)
        return choose_affine(warms, later.scaled(xp.floating(since) / over), later, xp)

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        yield from self.schedule._breakpoints_and_end(until)
        for begin in boundaries(self.every.number, until):
            yield from (begin, begin + self.over.number)


@shape
def jagged(schedule: Schedule, every: DurationLike, over: DurationLike, meets: DurationLike | None = None) -> Jagged:
    """Warm up again every so often below a schedule that goes on.

    value(t) = schedule(t), and from t = `every` on, c = t mod `every` updates into a cycle,
    c / over * schedule(t - c + over) where c is less than `over`

    Args:
        schedule: what is warmed up to, on the clock of the whole.
        every: from one warmup to the next, any unit of time.
        over: how long each of them is.
        meets: where in its cycle the value is that a warmup leads to, its own end if not given; in ReLoRA's code it is
            the length of the first warmup.

    Raises:
        InvalidArgument: a length of nothing.

    Source: ReLoRA, Lialin et al. 2023 (2307.05695).

    >>> saw = jagged(linear(1.0, 0.0, over=20), every=10, over=2)
    >>> [saw(t) for t in (0, 9, 10, 11, 12, 20)]
    [1.0, 0.55, 0.0, 0.2, 0.4, 0.0]
    """
    inner = schedule_of(schedule, "jagged(…)")
    return Jagged(inner, Duration.of(every), Duration.of(over), None if meets is None else Duration.of(meets))
