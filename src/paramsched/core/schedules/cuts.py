"""The shapes `take` and `skip`, which use a part of a schedule; and functions for the units of lengths."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any, final

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.number_checks import checked
from paramsched.core.schedules.affine import BASE, Affine, Bounds, Level
from paramsched.core.schedules.base import Schedule, leaves_of_fields, with_changed_fields
from paramsched.core.schedules.evaluation import MAX_LENGTH
from paramsched.core.schedules.leaves import Constant, Like, schedule_of
from paramsched.core.schedules.lengths import LENGTH, Span, positive_length
from paramsched.core.schedules.one_operand import AsFactor, OneOperand
from paramsched.core.schedules.registry import shape
from paramsched.core.time import Duration, DurationLike
from paramsched.core.time.amounts import BOUNDARIES_OF_A_SECOND, COUNTS_OF_A_PERCENT, PROGRESS, SECONDS
from paramsched.errors import InvalidArgument

_RUN = checked(positive_length)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Take(Schedule):
    """The values of `schedule` up to the time `over`, then its value at `over`. `resolve` sets `of` to None."""

    schedule: Schedule
    over: Duration = field(metadata=LENGTH)
    of: Duration | None = field(metadata=_RUN)

    def _constant_at(self, time: Duration | None) -> Level | None:
        return self.schedule._constant_at(self.over)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return self.schedule._at(ops.at_most(t, self.over.count), base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return self.schedule.bounds(bases)

    def _at_as_stage(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        # The base is applied last, as for a schedule outside a sequence. With base in the formula, the last bits of the
        # value would depend on whether another stage is affine.
        if base.factor is None and base.offset is not None and self.schedule.affine:
            return Affine(None, self._at(t, BASE, ops).apply(base.offset))
        return self._at(t, base, ops)

    def _seams(self) -> Iterable[float]:
        end = self.over.count
        return (*(seam for seam in self.schedule._seams() if seam < end), end)

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        end = min(until, self.over.number)
        return (b for b in self.schedule._breakpoints_and_end(since, ceil(end)) if b <= end)

    def _held_from(self) -> int | Fraction:
        end, inner = self.over.number, self.schedule._held_from()
        return end if inner is None else min(end, inner)

    def _resolve(self, span: Span) -> Schedule:
        inner = span.whole(span.begin, span.run_end, self.of)
        return Take(self.schedule._resolve(inner), span.resolved_length(self.over), None)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Skip(Schedule):
    """The values of `schedule` from the time `by` on. `resolve` sets `of` to None."""

    schedule: Schedule
    by: Duration
    of: Duration | None = field(metadata=_RUN)

    @property
    def length(self) -> Duration | None:
        """The remaining length of the schedule; 0 if the skipped part is longer."""
        inner = self.of if self.of is not None and self.schedule.fills else self.schedule.length
        if inner is None:
            return None
        try:
            return inner - self.by
        except InvalidArgument:  # the difference would be negative
            return Duration.of(0)

    @property
    def fills(self) -> bool:
        return self.of is None and self.schedule.fills

    @property
    def has_length(self) -> bool:
        return self.schedule.has_length or (self.of is not None and self.schedule.fills)

    _holds_when_empty = True

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        by = min(self.by.count, MAX_LENGTH)
        if not ops.in_seconds and (bounds := ops.bounds(t)):
            first, last = bounds
            if last <= MAX_LENGTH - by:
                own = t + by
                return self.schedule._at(own, base, ops.with_bounds(own, first + by, last + by))
        return self.schedule._at(ops.since(ops.at_most(t, MAX_LENGTH - by), -by), base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return self.schedule.bounds(bases)

    def _seams(self) -> Iterable[float]:
        by = self.by.count
        return (0, *(seam - by for seam in self.schedule._seams() if seam > by))

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        by = self.by.number
        return (b - by for b in self.schedule._breakpoints_and_end(floor(since + by), ceil(until + by)) if b >= by)

    def _held_from(self) -> int | Fraction | None:
        inner = self.schedule._held_from()
        return None if inner is None else max(inner - self.by.number, 0)

    def _exact_length(self, span: Span) -> Fraction | None:
        inner = self._planned_span(span)
        length = self.schedule._exact_length(inner)
        if length is None and self.of is not None and self.schedule.fills and inner.end is not None:
            length = inner.end - inner.begin
        return None if length is None else max(length - span.before(self.by), Fraction(0))

    def _planned_span(self, span: Span) -> Span:
        """Return the span for which the complete schedule is planned. It starts where the schedule's time is 0.

        The span ends with the stage if the schedule takes the remaining time, otherwise with the run.
        """
        end = span.end if self.schedule.fills else span.run_end
        return span.whole(span.begin - span.before(self.by), end, self.of)

    def _resolve(self, span: Span) -> Schedule:
        inner = self._planned_span(span)
        by = span.first - inner.boundary(inner.begin) if span.rounds else span.begin - inner.begin
        return Skip(self.schedule._resolve(inner), Duration.of_updates(by), None)


@shape
def take(schedule: Schedule, over: DurationLike, of: DurationLike | None = None) -> Take:
    """Use a schedule up to the time `over`, and hold the value that it has at that time.

    value(t) = schedule(min(t, over))

    Args:
        schedule: the schedule to use. Up to `over` its values are the same as without `take`.
        over: the length to use, in any unit of time. In a sequence, the next stage starts after it.
        of: a length in any unit of time, to plan the schedule for a run of that length. A schedule without a length
            gets the length `of`, and percentages refer to it. None plans the schedule for this run.

    Raises:
        InvalidArgument: `of` is 0.

    Source: a plan that is changed during a run keeps its past.

    >>> print(resolve(take(cosine(), 50) >> constant(0.1), total=100))
    take(cosine(over=100), 50) >> constant(0.1)
    >>> part = take(warmup("5%") >> cosine(), 50, of=200)
    >>> print(resolve(part >> linear(start=0.5), total=100))
    take(warmup(10) >> cosine(over=190), 50) >> linear(start=0.5, over=50)
    """
    of = None if of is None else Duration.of(of)
    return Take(schedule_of(schedule, "take(…)"), Duration.of(over), of)


@shape
def skip(schedule: Schedule, by: DurationLike, of: DurationLike | None = None) -> Skip:
    """Omit the first part of a schedule, as if it had started earlier.

    value(t) = schedule(t + by)

    Args:
        schedule: the schedule whose first part is omitted. If it has no length, it ends where the stage ends.
        by: the length to omit, in any unit of time. If the schedule is shorter, its final value is held.
        of: a length in any unit of time, to plan the complete schedule for a run of that length. None plans it for this
            run.

    Raises:
        InvalidArgument: `of` is 0.

    Source: BERT and timm, whose decay runs during the warmup. At the start of a run, `skip(schedule, 1)` counts
    the time of `schedule` from 1.

    >>> print(resolve(warmup(20, to=1) >> skip(cosine(), 20), total=100))
    warmup(20, to=1.0) >> skip(cosine(over=100), 20)
    >>> skip(linear(over=10), 4)(1), linear(over=10)(5)
    (0.5, 0.5)
    """
    of = None if of is None else Duration.of(of)
    return Skip(schedule_of(schedule, "skip(…)"), Duration.of(by), of)


def depends_on_total(schedule: Schedule) -> bool:
    """Return whether the values of a schedule change with the length of the run.

    They do if a length is in percent, or if the schedule takes the remaining time of the run.

    `like("lr")` is ignored, because it has the length of the schedule that it follows.

    >>> from paramsched.core.schedules.leaves import constant
    >>> from paramsched.core.schedules.anneal import cosine, warmup
    >>> from paramsched.core.schedules.cuts import take
    >>> depends_on_total(cosine()), depends_on_total(warmup(100) >> constant())
    (True, False)
    >>> depends_on_total(take(cosine(), 80)), depends_on_total(take(cosine(), 80, of=100))
    (True, False)
    """
    own = _without_likes(schedule)
    return own.fills or _needs_total(own)


def _without_likes(value: Any) -> Any:
    """Replace each `like(…)` in a schedule, or in a value of its fields, by a constant."""
    if isinstance(value, Like):
        return Constant(1.0, None)
    return with_changed_fields(value, _without_likes) if isinstance(value, (Schedule, tuple)) else value


def _needs_total(schedule: Schedule) -> bool:
    """Return whether a part of the schedule needs the length of the run."""
    own = list(leaves_of_fields(schedule))
    if any(unit == "percent" for leaf in own if isinstance(leaf, Duration) for unit, _ in leaf.terms):
        return True
    if isinstance(schedule, (Take, Skip)):  # the schedule is planned for a longer time than the part in use
        return schedule.of is None and depends_on_total(schedule.schedule)
    if isinstance(schedule, AsFactor):  # it has no end, but its schedule may take the rest of the run
        return depends_on_total(schedule.schedule)
    return any(_needs_total(part) for part in schedule.parts())


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InSeconds(OneOperand):
    """The schedule with boundaries between two seconds, for times in whole nanoseconds."""

    schedule: Schedule

    def _lengths_known(self, *, whole: bool) -> bool:
        in_milliseconds: Schedule = _renamed(self.schedule, "updates", "updates", Fraction(BOUNDARIES_OF_A_SECOND))
        return in_milliseconds._lengths_known(whole=whole)

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return self.schedule._at(ops.floating(t), base, replace(ops, in_seconds=True))

    def bounds(self, bases: Bounds) -> Bounds | None:
        return self.schedule.bounds(bases)

    def breakpoints(self, until: int | None = None) -> tuple[float, ...]:  # type: ignore[override]  # in seconds
        scaled: Schedule = _renamed(self.schedule, "updates", "updates", Fraction(BOUNDARIES_OF_A_SECOND))
        last = None if until is None else until * BOUNDARIES_OF_A_SECOND
        return tuple(time / BOUNDARIES_OF_A_SECOND for time in scaled.breakpoints(last))


# Formulas evaluate a resolved length as a plain count, whatever its unit is, so shapes need not know about clocks.


def with_unit(schedule: Schedule, unit: str) -> Schedule:
    """Return a resolved schedule with `unit` in its lengths, which were plain counts of that unit.

    Lengths on the clock of progress are in percent.

    >>> from paramsched.core.schedules.anneal import warmup
    >>> print(with_unit(warmup(375_000_000), "tokens"))
    warmup("375M tokens")
    """
    schedule = schedule.schedule if isinstance(schedule, InSeconds) else schedule
    name, count = ("percent", Fraction(1, COUNTS_OF_A_PERCENT)) if unit == PROGRESS else (unit, Fraction(1))
    named: Schedule = _renamed(schedule, "updates", name, count)
    return named


def without_unit(schedule: Schedule, unit: str) -> Schedule:
    """Return a schedule with its lengths in `unit` as plain counts, so that it can be evaluated.

    Lengths in other units stay unchanged.

    >>> from paramsched.core.schedules.anneal import warmup
    >>> without_unit(warmup("4 tokens"), "tokens")(3)
    0.75
    """
    name, count = ("percent", Fraction(COUNTS_OF_A_PERCENT)) if unit == PROGRESS else (unit, Fraction(1))
    counted: Schedule = _renamed(schedule, name, "updates", count)
    return InSeconds(counted) if unit == SECONDS and _has_fractions(counted) else counted


def _has_fractions(value: Any) -> bool:
    if isinstance(value, Duration):
        return value.exact is not None and not value.is_resolved
    return any(map(_has_fractions, leaves_of_fields(value))) if isinstance(value, Schedule) else False


def is_resolved_in(schedule: Schedule, unit: str) -> bool:
    """Return whether every length of a schedule is a count of `unit`, and is written with that unit."""
    if unit == "updates":
        return schedule.is_resolved
    return without_unit(schedule, unit).is_resolved and _renamed(schedule, "updates", "samples") is schedule


def _renamed(value: Any, before: str, after: str, count: Fraction = Fraction(1)) -> Any:
    """Replace the unit `before` by `count` units `after` in a value.

    Return `value` itself if `before` does not occur in it.
    """
    if isinstance(value, Duration):
        if not any(unit == before for unit, _ in value.terms):
            return value
        terms = tuple((after, amount * count) if unit == before else (unit, amount) for unit, amount in value.terms)
        return Duration(terms, value.until)
    if isinstance(value, (Schedule, tuple)):
        return with_changed_fields(value, lambda one: _renamed(one, before, after, count))
    return value
