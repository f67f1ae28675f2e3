"""Schedules that are evaluated at other times or with another base: chain, shift, every, window."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import final

import numpy as np

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.number_checks import checked, whole_number
from paramsched.core.schedules.affine import Affine, Bounds, bounds_around, choose_affine
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.leaves import schedule_of
from paramsched.core.schedules.lengths import POSITIVE_PERIOD, Span, boundaries, last_boundary
from paramsched.core.schedules.one_operand import OneOperand
from paramsched.core.schedules.pointwise import Pointwise
from paramsched.core.schedules.registry import shape
from paramsched.core.time import Duration, DurationLike, count_of
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Chain(Pointwise):
    """Uses the output of each operand as the base of the next."""

    operands: tuple[Schedule, ...]

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        for operand in self.operands:
            base = operand._at(t, base, ops)
        return base

    def bounds(self, bases: Bounds) -> Bounds | None:
        chained: Bounds | None = bases
        for part in self.operands:
            chained = None if chained is None else part.bounds(chained)
        return chained


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Shift(Schedule):
    """The first value of `schedule` for the length `by`, then the values of `schedule`."""

    schedule: Schedule
    by: Duration

    @property
    def length(self) -> Duration | None:
        inner = self.schedule.length  # read once, or each nesting would double the work
        return None if inner is None else self.by + inner

    @property
    def fills(self) -> bool:
        return self.schedule.fills

    @property
    def has_length(self) -> bool:
        return self.schedule.has_length

    def _held_from(self) -> int | Fraction | None:
        inner = self.schedule._held_from()
        return None if inner is None else self.by.number + inner

    def _exact_length(self, span: Span) -> Fraction | None:
        by = span.exact(self.by)
        inner = self.schedule._exact_length(span.later(span.begin + by))
        return None if inner is None else by + inner

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return self.schedule._at(ops.at_least(ops.since(t, self.by.count), 0), base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return self.schedule.bounds(bases)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        by = self.by.number
        yield by
        if until > by:
            yield from (by + b for b in self.schedule._breakpoints_and_end(floor(since - by), ceil(until - by)))

    def _resolve(self, span: Span) -> Schedule:
        begin = span.begin + span.exact(self.by)
        if self.schedule.fills and span.end is not None and begin > span.end:
            raise InvalidArgument(str(self), "the shift is longer than the remaining time", "Shorten the shift")
        inner = self.schedule._resolve(span.later(begin))
        return Shift(inner, span.after(self.by))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Every(OneOperand):
    """value(t) = schedule(ceil(floor((t + phase) / period) * period) - phase): changes only at multiples of `period`.

    From the end of `schedule` its final value is used, even between two changes.
    """

    schedule: Schedule
    period: Duration = field(metadata=POSITIVE_PERIOD)
    phase: int = field(metadata=checked(whole_number, least=0))

    @property
    def of_run(self) -> bool:
        """True if the period is in epochs, which count from the start of the run, not from that of the stage."""
        return [unit for unit, _ in self.period.terms] == ["epochs"]

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Evaluate the schedule at the last change; after the end of the schedule, at the time itself."""
        at = last_boundary(t + self.phase, self.period.number, ops) - self.phase
        if self.phase:
            at = ops.at_least(at, 0)
        end = self._end
        if end is not None:  # after the end of the schedule its final value is used, even between two changes
            at = np.where(t >= count_of(end), t, at)
        return self.schedule._at(at, base, ops)

    def _held_from(self) -> int | Fraction | None:
        """Return the first change from which the operand is constant, or its end if that is earlier."""
        held = self.schedule._held_from()
        end = self._end_of(held)
        if held is None:
            return None
        change = ceil(-(-(ceil(held) + self.phase) // self.period.number) * self.period.number) - self.phase
        return change if end is None else min(change, end)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return self.schedule.bounds(bases)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        end = self._end
        last = until if end is None else min(until, ceil(end) - 1)
        for change in boundaries(self.period.number, last + self.phase, max(since, 0) + self.phase):
            yield change - self.phase
        if end is not None:
            yield end

    def _resolve(self, span: Span) -> Schedule:
        period = span.period(self.period)
        # `numerator` updates are an integer number of periods, so the remainder is an equivalent, smaller phase.
        phase = ceil(span.first) % period.number.numerator if self.of_run else self.phase
        return Every(self.schedule._resolve(span), period, phase)


@shape
def chain(*operands: Schedule) -> Chain:
    """Use the output of each schedule as the base of the next.

    value(t) = b(t, base=a(t, base))

    Args:
        operands: one or more schedules, all evaluated at the same time t.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: torch `ChainedScheduler`, without its recursion.

    >>> chain(constant(0.5), linear(1.0, absolute(0.0), over=4))(2, base=8.0)
    2.0
    """
    if not operands:
        example = "chain(warmup(100), step(1000))"
        raise InvalidArgument("chain()", "expected at least one operand", example=example)
    return Chain(tuple(schedule_of(operand, "chain(…)") for operand in operands))


@shape
def shift(schedule: Schedule, by: DurationLike) -> Shift:
    """Delay a schedule, and hold its first value until it starts.

    value(t) = schedule(max(t - by, 0))

    Args:
        schedule: the schedule to delay.
        by: the delay, in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`.

    Source: optax `transition_begin`.

    >>> shift(linear(1, 0, over=10), 5)(10)
    0.5
    """
    return Shift(schedule_of(schedule, "shift(…)"), Duration.of(by))


@shape
def every(schedule: Schedule, period: DurationLike, phase: int = 0) -> Every:
    """Let a schedule change only once per period.

    value(t) = schedule(t rounded down to a multiple of `period`)

    Args:
        schedule: the schedule to sample.
        period: the time between two changes. `"epoch"` and `"2 epochs"` follow the epochs of the run; other lengths, in
            any unit of time, count from the start of the stage.
        phase: the number of updates from the last multiple of the period to the start of the stage, 0 or more.

    A multiple between two updates is rounded up, so that changes do not drift. From the end of `schedule` its final
    value is used, even between two changes.

    Source: schedulers that are stepped once an epoch.

    >>> every(linear(1, 0, over=10), 5)(7)
    0.5
    """
    return Every(schedule_of(schedule, "every(…)"), Duration.of(period), phase)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Window(Schedule):
    """Base before `begin`, then `schedule` with its time counted from `begin`; constant from `end` on."""

    schedule: Schedule
    begin: Duration
    end: Duration | None

    def check_together(self) -> None:
        begin, end = self.begin.exact, None if self.end is None else self.end.exact
        if self.end is not None and begin is not None and end is not None and end < begin:
            raise InvalidArgument(
                str(self),
                f"it ends at {self.end}, before it begins at {self.begin}",
                example=f"{Window(self.schedule, self.end, self.begin)}",
            )

    @property
    def length(self) -> Duration | None:
        if self.end is not None:
            return self.end
        inner = self.schedule.length  # read once, or each nesting would double the work
        return None if inner is None else self.begin + inner

    @property
    def fills(self) -> bool:
        return self.end is None and self.schedule.fills

    @property
    def has_length(self) -> bool:
        return self.end is not None or self.schedule.has_length

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        begin = self.begin.count
        local = ops.at_least(ops.since(t, begin), 0) if begin else t
        if self.end is not None:
            local = ops.at_most(local, count_of(self.end.number - self.begin.number))
        value = self.schedule._at(local, base, ops)
        return choose_affine(t >= begin, value, base, ops) if begin else value

    def bounds(self, bases: Bounds) -> Bounds | None:
        inside = self.schedule.bounds(bases)
        return bounds_around((inside, bases)) if self.begin.terms else inside

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        begin = self.begin.number
        end = until if self.end is None else min(until, self.end.number)
        yield from (begin, end)
        if end > begin:
            inner = self.schedule._breakpoints_and_end(floor(since - begin), ceil(end - begin))
            yield from (begin + b for b in inner if begin + b <= end)

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
        """Resolve the schedule for the part of the span between `begin` and `end`."""
        begin = span.begin + span.exact(self.begin)
        end = span.end if self.end is None else span.begin + span.exact(self.end)
        if end is not None and end < begin:
            raise InvalidArgument(str(self), "it ends before it begins", "Swap begin and end, or increase the total")
        return Window(
            self.schedule._resolve(span.later(begin) if self.end is None else span.part(begin, end)),
            span.after(self.begin),
            None if self.end is None else span.after(self.end),
        )


@shape
def window(schedule: Schedule, begin: DurationLike = 0, end: DurationLike | None = None) -> Window:
    """Apply a schedule only between two times.

    value(t) = base before `begin`, then schedule(t - begin), and schedule(end - begin) from `end` on

    Args:
        schedule: the schedule; its time counts from `begin`. If it has no length, it gets that of the window.
        begin: the start of the window, counted from the start of the stage, in any unit of time.
        end: the end of the window, likewise. None is the end of the run.

    Raises:
        InvalidArgument: `end` is before `begin`.

    In a `chain` of windows, the value is therefore held between the end of a window and the start of the next.

    Source: MMEngine's `begin` and `end`.

    >>> dip = window(constant(0.5), 10, 20)
    >>> dip(9), dip(10), dip(25)
    (1.0, 0.5, 0.5)
    """
    inner = schedule_of(schedule, f"window({schedule!s}, …)")
    return Window(inner, Duration.of(begin), None if end is None else Duration.of(end))
