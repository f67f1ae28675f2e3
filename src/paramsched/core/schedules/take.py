"""Take and skip: a part of a schedule."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.constant import constant
from paramsched.core.schedules.evaluation import MAX_LENGTH, Base
from paramsched.core.schedules.schedule import Extent, Schedule
from paramsched.core.schedules.shape import Length, Run, Time, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.time import Duration, DurationLike
from paramsched.core.time.duration import Number, count_of, exact_number
from paramsched.errors import InvalidArgument


@planned()
def take(call: Schedule, span: Span, schedule: Schedule, over: Length, of: Run = None) -> Piece:
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
    piece, end = plan(schedule, span.whole(span.begin, span.run_end, of)), span.length(over)

    def edges(since: Number, until: Number) -> Iterable[Number]:
        last = min(until, end)
        return (one for one in piece.edges_and_end(since, ceil(last)) if one <= last)

    made = call.with_args(schedule=piece.schedule, over=Duration.of_updates(end), of=None)
    held = end if piece.held is None else min(end, piece.held)
    return Piece(made, end, held, lambda t, base: piece.values(np.minimum(t, count_of(end)), base), edges)


def _extent_of_skip(call: Schedule) -> Extent:
    inner: Schedule = call.args["schedule"]
    return "has" if inner.fills and call.args["of"] is not None else inner.extent


def _length_of_skip(call: Schedule) -> Duration | None:
    """Return the remaining length of the schedule; 0 if the skipped part is longer."""
    schedule, by, of = call.args.values()
    length = of if schedule.fills else schedule.length
    try:
        return None if length is None else length - by
    except InvalidArgument:  # the difference would be negative
        return Duration.of(0)


def _span_of_skip(span: Span, schedule: Schedule, by: DurationLike, of: DurationLike | None) -> Span:
    """Return the span for which the complete schedule is planned. It starts where the schedule's time is 0.

    The span ends with the stage if the schedule takes the remaining time, otherwise with the run.
    """
    return span.whole(span.begin - span.before(by), span.end if schedule.fills else span.run_end, of)


def _measure_skip(call: Schedule, span: Span) -> Fraction | None:
    inner = _span_of_skip(span, **call.args)
    length: Fraction | None = call.args["schedule"].measure(inner)
    if length is None and call.extent == "has" and inner.end is not None:
        length = inner.end - inner.begin
    return None if length is None else max(length - span.before(call.args["by"]), Fraction(0))


@planned(extent=_extent_of_skip, length=_length_of_skip, measure=_measure_skip)
def skip(call: Schedule, span: Span, schedule: Schedule, by: Time, of: Run = None) -> Piece:
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
    inner = _span_of_skip(span, schedule, by, of)
    piece = plan(schedule, replace(inner, stage_end=span.end) if inner.units is span.units else inner)
    early = exact_number(Fraction(span.boundary(span.begin)) - inner.boundary(inner.begin))
    start = min(count_of(early), MAX_LENGTH)

    def values(t: Array, base: Base) -> Array:
        return piece.values(np.minimum(t, MAX_LENGTH - start) + start, base)

    def edges(since: Number, until: Number) -> Iterable[Number]:
        inside = piece.edges_and_end(floor(max(since, 0) + early), ceil(until + early))
        return (one - early for one in inside if one >= early)

    def rest(time: Number | None) -> Number | None:
        return None if time is None else exact_number(max(Fraction(time) - early, Fraction(0)))

    made = call.with_args(schedule=piece.schedule, by=Duration.of_updates(early), of=None)
    return Piece(made, rest(piece.length), rest(piece.held), values, edges)


def depends_on_total(schedule: Schedule) -> bool:
    """Return whether the values of a schedule change with the length of the run.

    They do if a length is in percent, or if the schedule takes the remaining time of the run.

    `like("lr")` is ignored, because it has the length of the schedule that it follows.

    >>> from paramsched.core.schedules.constant import constant
    >>> from paramsched.core.schedules.anneal import cosine, warmup
    >>> from paramsched.core.schedules.take import take
    >>> depends_on_total(cosine()), depends_on_total(warmup(100) >> constant())
    (True, False)
    >>> depends_on_total(take(cosine(), 80)), depends_on_total(take(cosine(), 80, of=100))
    (True, False)
    """
    own: Schedule = _without_likes(schedule)
    return own.fills or _needs_total(own)


def _without_likes(value: Any) -> Any:
    """Replace each `like(…)` in a schedule, or in an argument, by a constant."""
    if not isinstance(value, Schedule):
        return value
    return constant() if value.kind == "like" else value.changed(_without_likes)


def _needs_total(schedule: Schedule) -> bool:
    """Return whether a part of the schedule needs the length of the run."""
    own = (leaf for leaf in schedule.leaves if isinstance(leaf, Duration))
    if any(unit == "percent" for leaf in own for unit, _ in leaf.terms):
        return True
    if schedule.kind in ("take", "skip"):  # the schedule is planned for a longer time than the part in use
        return schedule.args["of"] is None and depends_on_total(schedule.args["schedule"])
    if schedule.kind == "as_factor":  # it has no end, but its schedule may take the rest of the run
        return depends_on_total(schedule.args["schedule"])
    return any(_needs_total(part) for part in schedule.parts())
