"""Shift and window: a schedule that starts later."""

from collections.abc import Iterable
from fractions import Fraction
from math import ceil, floor
from typing import Annotated, TypeAlias

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.evaluation import Base
from paramsched.core.schedules.schedule import Extent, Schedule
from paramsched.core.schedules.shape import Role, Time, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.time import Duration, DurationLike
from paramsched.core.time.duration import Number, count_of, exact_number
from paramsched.errors import InvalidArgument

OptionalTime: TypeAlias = Annotated[DurationLike | None, Role("time")]
"""A time from the start of the stage, or None."""


def _later_length(schedule: Schedule, by: Duration) -> Duration | None:
    length = schedule.length
    return None if length is None else by + length


def _measure_later(span: Span, schedule: Schedule, by: DurationLike) -> Fraction | None:
    exact = span.exact(by)
    inner = schedule.measure(span.delayed(span.begin + exact))
    return None if inner is None else exact + inner


def _add(time: Number | None, by: Number) -> Number | None:
    return None if time is None else exact_number(Fraction(by) + time)


def _length_of_shift(call: Schedule) -> Duration | None:
    return _later_length(*call.args.values())


def _measure_shift(call: Schedule, span: Span) -> Fraction | None:
    return _measure_later(span, **call.args)


@planned(length=_length_of_shift, measure=_measure_shift)
def shift(call: Schedule, span: Span, schedule: Schedule, by: Time) -> Piece:
    """Delay a schedule, and hold its first value until it starts.

    value(t) = schedule(max(t - by, 0))

    Args:
        schedule: the schedule to delay.
        by: the delay, in any unit of time: `500` (updates), `"5%"`, `"10 epochs"`.

    Source: optax `transition_begin`.

    >>> shift(linear(1, 0, over=10), 5)(10)
    0.5
    """
    begin = span.begin + span.exact(by)
    if schedule.fills and span.end is not None and begin > span.end:
        raise InvalidArgument(str(call), "the shift is longer than the remaining time", "Shorten the shift")
    piece, late = plan(schedule, span.delayed(begin)), span.time(by)

    def values(t: Array, base: Base) -> Array:
        return piece.values(np.maximum(t - count_of(late), 0), base)

    def edges(since: Number, until: Number) -> Iterable[Number]:
        yield late
        if until > late:
            yield from (late + one for one in piece.edges_and_end(max(floor(since - late), 0), ceil(until - late)))

    made = call.with_args(schedule=piece.schedule, by=Duration.of_updates(late))
    return Piece(made, _add(piece.length, late), _add(piece.held, late), values, edges)


def _extent_of_window(call: Schedule) -> Extent:
    extent: Extent = call.args["schedule"].extent
    return extent if call.args["end"] is None else "has"


def _length_of_window(call: Schedule) -> Duration | None:
    schedule, begin, end = call.args.values()
    return _later_length(schedule, begin) if end is None else end


def _measure_window(call: Schedule, span: Span) -> Fraction | None:
    schedule, begin, end = call.args.values()
    return _measure_later(span, schedule, begin) if end is None else span.exact(end)


def _ends_after_begin(call: Schedule) -> None:
    schedule, begin, end = call.args.values()
    if end is not None and None not in (begin.exact, end.exact) and end.exact < begin.exact:
        found = f"it ends at {end}, before it begins at {begin}"
        raise InvalidArgument(str(call), found, example=f"{window(schedule, end, begin)}")


@planned(extent=_extent_of_window, length=_length_of_window, measure=_measure_window, check=_ends_after_begin)
def window(call: Schedule, span: Span, schedule: Schedule, begin: Time = 0, end: OptionalTime = None) -> Piece:
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
    start = span.begin + span.exact(begin)
    stop = span.end if end is None else span.begin + span.exact(end)
    if stop is not None and stop < start:
        raise InvalidArgument(str(call), "it ends before it begins", "Swap begin and end, or increase the total")
    piece = plan(schedule, span.delayed(start) if end is None else span.part(start, stop))
    first, last = span.time(begin), None if end is None else span.time(end)
    if end is None and schedule.fills and piece.end is None:  # an open operand would change after the end of the run
        last = span.available
    width = None if last is None else count_of(exact_number(Fraction(last) - first))

    def values(t: Array, base: Base) -> Array:
        own = np.maximum(t - count_of(first), 0) if first else t
        made = piece.values(own if width is None else np.minimum(own, width), base)
        return np.where(t >= count_of(first), made, base.value) if first else made

    def edges(since: Number, until: Number) -> Iterable[Number]:
        close = until if last is None else min(until, last)
        yield from (first, close)
        if close > first:
            inside = piece.edges_and_end(max(floor(since - first), 0), ceil(close - first))
            yield from (first + one for one in inside if first + one <= close)

    made = call.with_args(
        schedule=piece.schedule,
        begin=Duration.of_updates(first),
        end=None if last is None else Duration.of_updates(last),
    )
    if last is not None:
        return Piece(made, last, last, values, edges)
    return Piece(made, _add(piece.length, first), _add(piece.held, first), values, edges)
