"""Restarts: a schedule that repeats, optionally with a warmup each time."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor
from typing import final

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.number_checks import checked, positive_number, whole_number
from paramsched.core.schedules.affine import FROM_ZERO_TO_ONE, Affine, Bounds
from paramsched.core.schedules.base import Schedule, no_total
from paramsched.core.schedules.cuts import Skip
from paramsched.core.schedules.leaves import Constant, schedule_of
from paramsched.core.schedules.lengths import (
    POSITIVE_PERIOD,
    ROUNDING_OF_CYCLES,
    CycleTable,
    Lengths,
    Span,
    boundaries,
    checked_growth,
    cycle_table,
    end_of_cycles,
    fitting_times,
    is_resolved_field,
    length_of_cycles,
    require_lengths,
    split_periods,
    stretched_time,
    sum_of_cycles,
)
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.retimed import Every
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Duration, DurationLike, count_of
from paramsched.errors import CallSite, InvalidArgument

_SHORT_CYCLE = 4096  # updates; the breakpoints of a shorter cycle are computed once


class Cycles(Schedule, ABC):
    """Base class of schedules that repeat cycles, each `mult` times as long as the previous one."""

    __slots__ = ()
    times: int | None
    mult: float
    lengths: Lengths

    @property
    @abstractmethod
    def first_cycle(self) -> Duration | None:
        """The length of the first cycle; None if it is unknown."""

    @property
    def _period(self) -> Duration:
        """The length of the first cycle of a resolved schedule."""
        assert self.first_cycle is not None
        return self.first_cycle

    @property
    def _table(self) -> CycleTable:
        """The table of growing cycles."""
        return cycle_table(self._period.number, self.mult, self.lengths, self.times)

    @property
    def length(self) -> Duration | None:
        """The length of all cycles, up to the first update after them."""
        if self.times is None or self.first_cycle is None:
            return None
        return length_of_cycles(self.first_cycle, self.mult, self.lengths, self.times)

    def _end_of(self, first: Duration) -> int | Fraction | None:
        return None if self.times is None else end_of_cycles(first.number, self.mult, self.lengths, self.times)

    def _held_from(self) -> int | Fraction | None:
        return self._end_of(self._period)

    def _exact_length(self, span: Span) -> Fraction | None:
        end = None if self.first_cycle is None else self._end_of(span.period(self.first_cycle))
        return None if end is None else Fraction(end)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Restarts(Cycles):
    """Repeats a schedule each `every`; after `times` cycles the final value of the last one is held."""

    schedule: Schedule
    every: Duration | None = field(metadata=POSITIVE_PERIOD)
    times: int | None = field(metadata=checked(whole_number))
    mult: float = field(metadata=checked(checked_growth))
    gamma: float = field(metadata=checked(positive_number))
    lengths: Lengths = field(metadata=ROUNDING_OF_CYCLES)

    def check_together(self) -> None:
        if self.every is None:
            if self.times is None:
                found = "expected every, times, or both"
                line = f"restarts({self.schedule}, times=4)"
                one = self.schedule.level if isinstance(self.schedule, Constant) else None
                if isinstance(one, (int, float)) and one > 1:  # restarts(100)
                    line = f"restarts(cosine(), {one:g})"
                raise InvalidArgument(CallSite("restarts", "times", "None"), found, f"For example: {line}")
            if self.lengths != "exact":
                site = CallSite("restarts", "lengths", repr(self.lengths))
                found = "cycles that divide the total evenly are not rounded"
                raise InvalidArgument(site, found, "Omit lengths")
        first = None if self.every is None else self.every.exact
        require_lengths("restarts", self.lengths, self.mult, first, self.times)

    @property
    def first_cycle(self) -> Duration | None:
        return self.every

    @property
    def fills(self) -> bool:
        return self.every is None

    def _lengths_known(self, *, whole: bool) -> bool:
        if self.every is None or (self.lengths != "exact" and self.mult != 1 and not self.every.is_resolved):
            return False
        inner = self.schedule._lengths_known(whole=whole and self.every.is_resolved)
        return inner and is_resolved_field(Restarts, "every", self.every, whole=whole)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Evaluate the schedule at the time since the last restart."""
        if self.mult == 1:
            cycle, since = split_periods(t, self._period.number, ops, self.times)
        else:  # the time in the first cycle with the same elapsed fraction
            first, over = self._period.count, self._held_from()
            cycle, since, size = self._table.split(t, ops)
            since, size = ops.floating(since), ops.floating(size)
            since = ops.where(size == first, since, since * first / size)
            if over is not None:
                since = ops.where(t >= count_of(over), first, since)
        if self.gamma != 1:
            base = base.scaled(ops.power_of_number(self.gamma, cycle))
        return self.schedule._at(since, base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        if self.gamma > 1:
            return None
        return self.schedule.bounds(bases if self.gamma == 1 else FROM_ZERO_TO_ONE.times(bases))

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        period = self._period.number
        short = None if period > _SHORT_CYCLE else tuple(self.schedule._breakpoints_and_end(0, ceil(period)))
        cycles: Iterable[tuple[int | Fraction, int | Fraction]]
        if self.mult == 1:
            end = until if self.times is None else min(until, ceil(period * self.times))
            cycles = ((begin, period) for begin in boundaries(period, end, since - ceil(period)))
        else:
            table = self._table
            cycles = (
                (begin, size)
                for begin, size in zip(table.begins, table.sizes, strict=True)
                if since <= begin + size and begin <= until
            )
        for begin, size in cycles:
            yield begin
            inside: Iterable[int | Fraction] | None = short
            if inside is None:  # only the requested part of a long cycle, which may have billions of breakpoints
                first, last = ((time - begin) * period / Fraction(size) for time in (since, until))
                inside = self.schedule._breakpoints_and_end(max(floor(first), 0), ceil(min(last, period)))
            yield from (begin + stretched_time(b, size, period) for b in inside if b <= period)

    def _resolve(self, span: Span) -> Schedule:
        if self.every is not None:
            return self._resolved_cycles(span, span.period(self.every))
        room, cycles = span.room, self.times  # the cycles divide the total evenly
        assert cycles is not None
        if room is None:
            raise no_total(self)
        if not room.terms:  # a schedule without updates holds its final value
            period = Duration.of(1)
            one = replace(self, schedule=self.schedule._resolve(span.cycle(period)), every=period, times=1)
            return Skip(one, period, None)
        times = fitting_times(self.mult, cycles, Fraction(room.number) * span.grid)
        first = room.number / sum_of_cycles(self.mult, times)
        return replace(self, times=times)._resolved_cycles(span, Duration.of_updates(first))

    def _resolved_cycles(self, span: Span, period: Duration) -> Schedule:
        """Return the schedule with its cycles in updates."""
        if self.mult == 1:
            self._require_whole_epochs(period, span)
        elif self.lengths != "exact":
            period = Duration.of(ceil(period.number))
        return replace(self, schedule=self.schedule._resolve(span.cycle(period)), every=period)

    def _require_whole_epochs(self, period: Duration, span: Span) -> None:
        """Raise if epochs of the run begin at different updates of each cycle, and a part changes at each epoch."""
        part = _changes_at_epochs(self.schedule)
        if part is None:
            return
        epochs = span.period(part.period)
        if period.number % epochs.number:
            found = f"{short_line(part)} changes at epochs of the run, and cycles of {period} are not whole epochs"
            instead = f"Write {short_line(replace(part, period=epochs))} to count from the start of each cycle"
            raise InvalidArgument(short_line(self), found, instead)


def _changes_at_epochs(schedule: Schedule) -> Every | None:
    """Return the part of a schedule that changes at epochs of the run, or None."""
    if isinstance(schedule, Every) and schedule.of_run:
        return schedule
    return next(filter(None, map(_changes_at_epochs, schedule.parts())), None)


@shape
def restarts(
    schedule: Schedule,
    every: DurationLike | None = None,
    times: int | None = None,
    mult: float = 1.0,
    gamma: float = 1.0,
    lengths: Lengths = "exact",
) -> Restarts:
    """Repeat a schedule each `every`.

    value(t) = schedule(t mod every)

    Args:
        schedule: the schedule of one cycle. If it has no length, it takes that of the cycle.
        every: the length of the first cycle, in any unit of time, above 0; at least one update. None divides the
            total evenly into `times` cycles.
        times: the number of cycles, after which the final value is held. None repeats without end.
        mult: the ratio of each cycle's length to the previous one: 1, or at least 1.001. The schedule is stretched to
            its cycle.
        gamma: the ratio of each cycle's base to the previous one, above 0. Absolute levels do not change.
        lengths: how growing cycles are rounded: `"exact"` (not rounded), `"nearest"` (each to the nearest update), or
            `"floor"` (rounded down before the next length is computed from it: int(int(every * mult) * mult)).

    Raises:
        InvalidArgument: an argument is out of range, `every` and `times` are both None, or rounding down prevents the
            cycles from growing.

    For a warmup in each cycle, write `restarts(warmup("5 epochs") >> cosine(), "50 epochs")`.

    With `mult` and `gamma`, cycle i has the length every * mult ** i and the base base * gamma ** i. Cycles of
    fractional length keep their exact length, so the last one is as exact as the first.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983). timm's `cycle_mul`, `cycle_decay` and `cycle_limit` are `mult`,
    `gamma` and `times`; ignite's `cycle_mult` and `start_value_mult` are `mult` with `lengths="floor"`, and `gamma`.

    >>> saw = restarts(linear(1, 0, over=4), 4, times=2)
    >>> [saw(t) for t in (0, 3, 4, 7, 8, 100)]
    [1.0, 0.25, 1.0, 0.25, 0.0, 0.0]
    >>> print(resolve(warmup("10%") >> restarts(cosine(), times=4), total=1000))
    warmup(100) >> restarts(cosine(over=225), 225, 4)
    >>> growing = restarts(linear(1, absolute(0.0), over=4), 4, mult=2, gamma=0.5)
    >>> [growing(t) for t in (0, 2, 4, 8, 12)]
    [1.0, 0.5, 0.5, 0.25, 0.25]
    """
    first = None if every is None else Duration.of(every)
    return Restarts(schedule_of(schedule, "restarts(…)"), first, times, mult, gamma, lengths)
