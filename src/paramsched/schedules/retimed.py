"""Schedules on a bent clock: chain, shift, every, restarts."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil
from typing import final

from paramsched._arrays import Array, Arrays
from paramsched._number_checks import whole_number
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules.affine import Affine
from paramsched.schedules.arguments import schedule_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.lengths import PERIOD, is_known_field, require_some_length
from paramsched.schedules.neighbor_levels import asks_outside
from paramsched.schedules.one_operand import OneOperand
from paramsched.schedules.periods import boundaries, last_boundary, split_periods
from paramsched.schedules.pointwise import Pointwise
from paramsched.schedules.registry import shape
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.span import Span
from paramsched.schedules.text.writing import short_line
from paramsched.time import Duration, DurationLike, count_of

_MOST_STAGES = 10_000


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Chain(Pointwise):
    """The output of one is the base of the next."""

    operands: tuple[Schedule, ...]

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        for operand in self.operands:
            base = operand._at(t, base, xp)
        return base


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Shift(Schedule):
    """Hold `schedule`'s first value for `by`, then run it."""

    schedule: Schedule
    by: Duration

    @property
    def length(self) -> Duration | None:
        inner = self.schedule.length  # asked once: twice at each level would double the work with each level
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

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        return self.schedule._at(xp.at_least(t - self.by.count, 0), base, xp)

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        by = self.by.number
        yield by
        if until > by:
            yield from (by + b for b in self.schedule._breakpoints_and_end(ceil(until - by)))

    def _resolve(self, span: Span) -> Schedule:
        begin = span.begin + span.exact(self.by)
        if span.end is not None and begin > span.end:
            raise InvalidArgument(str(self), "the shift is longer than the time there is", "Shorten it")
        inner = self.schedule._resolve(span.later(begin))
        return Shift(inner, span.after(self.by))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Every(OneOperand):
    """Change only at multiples of `period`: value(t) = schedule(ceil(floor((t + phase) / period) * period) - phase).

    From the end of `schedule` on, be it between two changes, its final value.
    """

    schedule: Schedule
    period: Duration = field(metadata=PERIOD)
    phase: int

    def __post_init__(self) -> None:
        require_some_length(Asked("every", "period"), self.period)
        object.__setattr__(self, "phase", whole_number(Asked("every", "phase"), self.phase, least=0))

    @property
    def of_run(self) -> bool:
        """Whether the period is of the run, whatever stage this stands in: epochs are; others begin with the stage."""
        return [unit for unit, _ in self.period.terms] == ["epochs"]

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        """The schedule at the last change; what has ended is no longer held back."""
        at = last_boundary(t + self.phase, self.period.number, xp) - self.phase
        if self.phase:
            at = xp.at_least(at, 0)
        end = self._held_from()
        if end is not None:  # what has ended holds its final value, be it between two changes
            at = xp.xp.where(t >= count_of(end), t, at)
        return self.schedule._at(at, base, xp)

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        end = self._held_from()
        last = until if end is None else min(until, ceil(end) - 1)
        for change in boundaries(self.period.number, last + self.phase, self.phase):
            yield change - self.phase
        if end is not None:
            yield end

    def _resolve(self, span: Span) -> Schedule:
        period = span.period(self.period)
        # So many updates are whole periods: without them the phase is the same, and a small number.
        phase = span.first % period.number.numerator if self.of_run else self.phase
        return Every(self.schedule._resolve(span), period, phase)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Restarts(Schedule):
    """Begin again each `every`; after `times` of them hold the last final value."""

    schedule: Schedule
    every: Duration = field(metadata=PERIOD)
    times: int | None

    def __post_init__(self) -> None:
        require_some_length(Asked("restarts", "every"), self.every)
        if self.times is not None:
            object.__setattr__(self, "times", whole_number(Asked("restarts", "times"), self.times))

    @property
    def length(self) -> Duration | None:
        """All cycles together, up to the first update that is in none of them."""
        if self.times is None:
            return None
        if (period := self.every.exact) is not None:
            return Duration.of(ceil(max(period, Fraction(1)) * self.times))
        return Duration(tuple((unit, amount * self.times) for unit, amount in self.every.terms))

    def _held_from(self) -> int | Fraction | None:
        return None if self.times is None else self.every.number * self.times

    def _exact_length(self, span: Span) -> Fraction | None:
        return None if self.times is None else Fraction(span.period(self.every).number * self.times)

    def _lengths_known(self, *, whole: bool) -> bool:
        inner = self.schedule._lengths_known(whole=whole and self.every.is_resolved)
        return inner and is_known_field(Restarts, "every", self.every, whole=whole)

    def _at(self, t: Array, base: Affine, xp: Arrays) -> Affine:
        """The schedule at the time since the last restart."""
        _, since = split_periods(t, self.every.number, xp, self.times)
        return self.schedule._at(since, base, xp)

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        period = self.every.number
        inside = tuple(self.schedule._breakpoints_and_end(min(ceil(period), until)))
        end = until if self.times is None else min(until, ceil(period * self.times))
        return (begin + b for begin in boundaries(period, end) for b in (0, *inside) if b <= period)

    def _resolve(self, span: Span) -> Schedule:
        period = span.period(self.every)
        if not _out_of_step(self.schedule, period, span) or (self.times is None and span.end is None):
            return Restarts(self.schedule._resolve(span.cycle(period)), period, self.times)
        return self._uneven_cycles(span, span.exact(self.every))

    def _uneven_cycles(self, span: Span, period: Fraction) -> Schedule:
        """Cycles of unequal whole lengths, each boundary rounded once: a sequence says them."""
        if asks_outside(self.schedule):  # in a sequence each cycle would have the one before for a neighbor
            found = (
                "its cycles are resolved one by one here, and previous and following mean what is beside all of them"
            )
            raise InvalidArgument(short_line(self), found, "Write the level as a number")
        times = self.times
        if times is None:
            assert span.end is not None
            times = max(1, -int((span.begin - span.end) // period))
        if times > _MOST_STAGES:
            raise InvalidArgument(str(self), f"{times} cycles of {float(period):g} updates", "Write whole updates")
        bounds = [span.begin + index * period for index in range(times + 1)]
        parts = [part for part in map(span.part, bounds, bounds[1:]) if part.room and part.room.terms] or [
            span.part(*bounds[:2])
        ]
        stages = [
            replace(self, schedule=self.schedule._resolve(part), every=_one_at_least(part.room), times=1)
            for part in parts
        ]
        return Sequence(tuple(stages)) if len(stages) > 1 else stages[0]


def _one_at_least(room: Duration | None) -> Duration:
    """The length of a cycle in which something happens."""
    return room if room is not None and room.terms else Duration.of(1)


def _out_of_step(schedule: Schedule, period: Duration, span: Span) -> bool:
    """Whether something in it follows the epochs of the run, and these fall otherwise in each cycle of `period`."""
    if isinstance(schedule, Every) and schedule.of_run and period.number % span.period(schedule.period).number:
        return True
    return any(_out_of_step(part, period, span) for part in schedule.parts())


@shape
def chain(*operands: Schedule) -> Chain:
    """Feed each schedule's output to the next as its base: value(t) = b(t, base=a(t, base)).

    Args:
        operands: schedules, at least one; all on the same clock.

    Raises:
        InvalidArgument: no operand, or one that is no schedule.

    Source: torch `ChainedScheduler`, without its recursion.

    >>> chain(constant(0.5), linear(1.0, absolute(0.0), over=4))(2, base=8.0)
    2.0
    """
    if not operands:
        raise InvalidArgument("chain()", "no operand", "Write chain(warmup(100), step(1000))")
    return Chain(tuple(schedule_of(operand, "chain(…)") for operand in operands))


@shape
def shift(schedule: Schedule, by: DurationLike) -> Shift:
    """Hold the first value for a while, then run: value(t) = schedule(max(t - by, 0)).

    Args:
        schedule: what is shifted.
        by: any unit of time.

    Source: optax `transition_begin`.

    >>> shift(linear(1, 0, over=10), 5)(10)
    0.5
    """
    return Shift(schedule_of(schedule, "shift(…)"), Duration.of(by))


@shape
def every(schedule: Schedule, period: DurationLike, phase: int = 0) -> Every:
    """Let a schedule change only now and then: value(t) = schedule(t rounded down to a multiple of `period`).

    A multiple between two updates is rounded up, each by itself, so that changes do not drift. From the end of
    `schedule` on its final value is held, be the end between two changes.

    Args:
        schedule: what is sampled.
        period: `"epoch"`, `"2 epochs"` follow the epochs of the run; other lengths count from the begin of the stage.
        phase: updates by which the stage begins after a multiple of the period.

    Source: schedulers that are stepped once an epoch.

    >>> every(linear(1, 0, over=10), 5)(7)
    0.5
    """
    return Every(schedule_of(schedule, "every(…)"), Duration.of(period), phase)


@shape
def restarts(schedule: Schedule, every: DurationLike, times: int | None = None) -> Restarts:
    """Begin a schedule again each `every`: value(t) = schedule(t mod every).

    Cycles of no whole number of updates run over their exact length, so that the last is as exact as the first.

    Args:
        schedule: one cycle; where it fills, it takes one cycle.
        every: any unit of time, above 0; at least one update.
        times: how many cycles; None goes on. After the last its final value is held.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983).

    >>> saw = restarts(linear(1, 0, over=4), 4, times=2)
    >>> [saw(t) for t in (0, 3, 4, 7, 8, 100)]
    [1.0, 0.25, 1.0, 0.25, 0.0, 0.0]
    """
    return Restarts(schedule_of(schedule, "restarts(…)"), Duration.of(every), times)
