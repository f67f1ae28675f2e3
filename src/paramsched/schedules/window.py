"""Window: a schedule that acts between two times."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched.errors import InvalidArgument
from paramsched.schedules.affine import Affine, choose_affine
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import is_known_field
from paramsched.schedules.registry import shape
from paramsched.schedules.span import Span
from paramsched.time import Duration, DurationLike, count_of


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Window(Schedule):
    """Base before `begin`, `schedule` on its own clock inside, its final value after `end`."""

    schedule: Schedule
    begin: Duration
    end: Duration | None

    def __post_init__(self) -> None:
        begin, end = self.begin.exact, None if self.end is None else self.end.exact
        if self.end is not None and begin is not None and end is not None and end < begin:
            raise InvalidArgument(
                str(self),
                f"it ends at {self.end}, before it begins at {self.begin}",
                f"Write {Window(self.schedule, self.end, self.begin)}",
            )

    @property
    def length(self) -> Duration | None:
        if self.end is not None:
            return self.end
        inner = self.schedule.length  # asked once: twice at each level would double the work with each level
        return None if inner is None else self.begin + inner

    @property
    def fills(self) -> bool:
        return self.end is None and self.schedule.fills

    @property
    def has_length(self) -> bool:
        return self.end is not None or self.schedule.has_length

    def _lengths_known(self, *, whole: bool) -> bool:
        """As of any other, but that it never fills with an end: the schedule in it may."""
        times = [time for time in (self.begin, self.end) if time is not None]
        return self.schedule._lengths_known(whole=whole) and all(
            is_known_field(Window, "end", time, whole=whole) for time in times
        )

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        begin = self.begin.count
        local = xp.at_least(t - begin, 0) if begin else t
        if self.end is not None:
            local = xp.at_most(local, count_of(self.end.number - self.begin.number))
        value = self.schedule._at(local, base, xp)
        return choose_affine(t >= begin, value, base, xp) if begin else value

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        begin = self.begin.number
        end = until if self.end is None else min(until, self.end.number)
        yield from (begin, end)
        if end > begin:
            yield from (begin + b for b in self.schedule._breakpoints_and_end(ceil(end - begin)) if begin + b <= end)

    def _held_from(self) -> int | Fraction | None:
        if self.end is not None:
            return self.end.number
        inner = self.schedule._held_from()
        return None if inner is None else self.begin.number + inner

    def _exact_length(self, span: Span) -> Fraction | None:
        if self.end is not None:
            return span.exact(self.end)
        begin = span.exact(self.begin)
        inner = self.schedule._exact_length(span.later(span.begin + begin))
        return None if inner is None else begin + inner

    def _resolve(self, span: Span) -> Schedule:
        """The schedule in its part of the span."""
        begin = span.begin + span.exact(self.begin)
        end = span.end if self.end is None else span.begin + span.exact(self.end)
        if end is not None and end < begin:
            raise InvalidArgument(str(self), "it ends before it begins", "Swap begin and end, or lengthen the horizon")
        return Window(
            self.schedule._resolve(span.later(begin) if self.end is None else span.part(begin, end)),
            span.after(self.begin),
            None if self.end is None else span.after(self.end),
        )


@shape
def window(schedule: Schedule, begin: DurationLike = 0, end: DurationLike | None = None) -> Window:
    """Let a schedule act between two times only.

    value(t) = base before `begin`, schedule(t - begin) inside, schedule(end - begin) from `end` on

    In a `chain` the value therefore goes on over a gap between two windows.

    Args:
        schedule: on its own clock; where it fills, it takes the window.
        begin, end: times from the begin of the stage, any unit; without `end` it acts on to the end of the run.

    Raises:
        InvalidArgument: `end` before `begin`.

    Source: MMEngine's `begin` and `end`.

    >>> dip = window(constant(0.5), 10, 20)
    >>> dip(9), dip(10), dip(25)
    (1.0, 0.5, 0.5)
    """
    inner = schedule_of(schedule, f"window({schedule!s}, …)")
    return Window(inner, Duration.of(begin), None if end is None else Duration.of(end))
