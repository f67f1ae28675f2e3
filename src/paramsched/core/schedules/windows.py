"""Schedules of a part of the time: `take`, `skip`, `shift`, `window`, `overlay`, `with_lengths`."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import Annotated, Any, TypeAlias

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.anneals import constant
from paramsched.core.schedules.definition import (
    ClosedLength,
    LengthArgument,
    RoundedLengths,
    RunLength,
    Time,
    plan,
    planner,
)
from paramsched.core.schedules.messages import combinations as messages
from paramsched.core.schedules.registry import registered
from paramsched.core.schedules.schedule import OPERATORS, Extent, Schedule, schedule_of, short_line, values_inside
from paramsched.core.schedules.span import IN_UPDATES, MAX_LENGTH, Base, PlannedSchedule, Rounding, Span
from paramsched.core.time.duration import Duration, DurationLike, Number, count_of, exact_number, unit_of_lengths
from paramsched.errors import InvalidArgument


@planner()
def take(call: Schedule, span: Span, schedule: Schedule, over: ClosedLength, of: RunLength = None) -> PlannedSchedule:
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
    planned = plan(schedule, span.whole(span.begin, span.run_end, of))
    end = span.length(over)

    def edges(since: Number, until: Number) -> Iterable[Number]:
        last = min(until, end)
        return (edge for edge in planned.edges_and_end(since, ceil(last)) if edge <= last)

    counted = call.with_args(schedule=planned.schedule, over=Duration.of_updates(end), of=None)
    held = end if planned.held is None else min(end, planned.held)
    return PlannedSchedule(
        counted, end, held, lambda t, base: planned.values(np.minimum(t, count_of(end)), base), edges
    )


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


@planner(extent=_extent_of_skip, length=_length_of_skip, measure=_measure_skip)
def skip(call: Schedule, span: Span, schedule: Schedule, by: Time, of: RunLength = None) -> PlannedSchedule:
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
    planned = plan(schedule, inner)
    early = exact_number(Fraction(span.boundary(span.begin)) - inner.boundary(inner.begin))
    start = min(count_of(early), MAX_LENGTH)

    def values(t: Array, base: Base) -> Array:
        return planned.values(np.minimum(t, MAX_LENGTH - start) + start, base)

    def edges(since: Number, until: Number) -> Iterable[Number]:
        inside = planned.edges_and_end(floor(max(since, 0) + early), ceil(until + early))
        return (edge - early for edge in inside if edge >= early)

    def rest(time: Number | None) -> Number | None:
        return None if time is None else exact_number(max(Fraction(time) - early, Fraction(0)))

    counted = call.with_args(schedule=planned.schedule, by=Duration.of_updates(early), of=None)
    return PlannedSchedule(counted, rest(planned.length), rest(planned.held), values, edges)


def depends_on_total(schedule: Schedule) -> bool:
    """Return whether the values of a schedule change with the length of the run.

    They do if a length is in percent, or if the schedule takes the remaining time of the run.

    `like("lr")` is ignored, because it has the length of the schedule that it follows.

    >>> from paramsched.core.schedules.anneals import constant
    >>> from paramsched.core.schedules.anneals import cosine, warmup
    >>> from paramsched.core.schedules.windows import take
    >>> depends_on_total(cosine()), depends_on_total(warmup(100) >> constant())
    (True, False)
    >>> depends_on_total(take(cosine(), 80)), depends_on_total(take(cosine(), 80, of=100))
    (True, False)
    """
    without_likes: Schedule = _without_likes(schedule)
    return without_likes.fills or _needs_total(without_likes)


def _without_likes(value: Any) -> Any:
    """Replace each `like(…)` in a schedule, or in an argument, by a constant."""
    if not isinstance(value, Schedule):
        return value
    return constant() if value.kind == "like" else value.changed(_without_likes)


def _needs_total(schedule: Schedule) -> bool:
    """Return whether a part of the schedule needs the length of the run."""
    lengths = (leaf for leaf in schedule.leaves if isinstance(leaf, Duration))
    if any(unit == "percent" for leaf in lengths for unit, _ in leaf.terms):
        return True
    if schedule.kind in ("take", "skip"):  # the schedule is planned for a longer time than the part in use
        return schedule.args["of"] is None and depends_on_total(schedule.args["schedule"])
    if schedule.kind == "as_factor":  # it has no end, but its schedule may take the rest of the run
        return depends_on_total(schedule.args["schedule"])
    return any(_needs_total(part) for part in schedule.parts())


OptionalTime: TypeAlias = Annotated[DurationLike | None, LengthArgument("time")]
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


@planner(length=_length_of_shift, measure=_measure_shift)
def shift(call: Schedule, span: Span, schedule: Schedule, by: Time) -> PlannedSchedule:
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
        raise messages.shifted_beyond_end(str(call))
    planned = plan(schedule, span.delayed(begin))
    late = span.time(by)

    def values(t: Array, base: Base) -> Array:
        return planned.values(np.maximum(t - count_of(late), 0), base)

    def edges(since: Number, until: Number) -> Iterable[Number]:
        yield late
        if until > late:
            yield from (late + edge for edge in planned.edges_and_end(max(floor(since - late), 0), ceil(until - late)))

    counted = call.with_args(schedule=planned.schedule, by=Duration.of_updates(late))
    return PlannedSchedule(counted, _add(planned.length, late), _add(planned.held, late), values, edges)


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
        raise messages.window_ends_before_begin(str(call), begin, end, str(window(schedule, end, begin)))


@planner(extent=_extent_of_window, length=_length_of_window, measure=_measure_window, check=_ends_after_begin)
def window(
    call: Schedule, span: Span, schedule: Schedule, begin: Time = 0, end: OptionalTime = None
) -> PlannedSchedule:
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
        raise messages.window_is_negative(str(call))
    planned = plan(schedule, span.delayed(start) if end is None else span.window(start, stop))
    first = span.time(begin)
    last = None if end is None else span.time(end)
    if end is None and schedule.fills and planned.end is None:  # an open operand would change after the end of the run
        last = span.available
    width = None if last is None else count_of(exact_number(Fraction(last) - first))

    def values(t: Array, base: Base) -> Array:
        since_begin = np.maximum(t - count_of(first), 0) if first else t
        inside = planned.values(since_begin if width is None else np.minimum(since_begin, width), base)
        return np.where(t >= count_of(first), inside, base.value) if first else inside

    def edges(since: Number, until: Number) -> Iterable[Number]:
        close = until if last is None else min(until, last)
        yield from (first, close)
        if close > first:
            inside = planned.edges_and_end(max(floor(since - first), 0), ceil(close - first))
            yield from (first + edge for edge in inside if first + edge <= close)

    counted = call.with_args(
        schedule=planned.schedule,
        begin=Duration.of_updates(first),
        end=None if last is None else Duration.of_updates(last),
    )
    if last is not None:
        return PlannedSchedule(counted, last, last, values, edges)
    return PlannedSchedule(counted, _add(planned.length, first), _add(planned.held, first), values, edges)


def _text(call: Schedule) -> str:
    return f"overlay({call.args['first']}, {call.args['curve']})"


def _measure(call: Schedule, span: Span) -> Fraction | None:
    first, curve = call.args.values()
    size = first.measure(span)
    length = curve.measure(span)
    return None if size is None or length is None else max(size, length)


def _extent(call: Schedule) -> Extent:
    extent: Extent = call.args["curve"].extent
    return extent


@planner(hidden=True, extent=_extent, measure=_measure, text=_text)
def _overlay(_call: Schedule, span: Span, first: Schedule, curve: Schedule) -> PlannedSchedule:
    """An overlay whose first schedule has operands with lengths in different units, so that a run decides its length.

    It is planned as the sequence of `overlay`, whose two stages start at the same time.
    """
    size = first.measure(span) or Fraction(0)
    stage = replace(span, end=span.begin + size, staged=True, origin=span.begin)
    start: Schedule = plan(first, stage).schedule
    below = plan(curve, span.whole(span.begin, span.end if curve.fills else span.run_end, None))
    by = stage.available or 0
    if start.measure(IN_UPDATES) != by:  # of cycles that end between two updates
        start = window(start, 0, Duration.of_updates(by))
    both = start >> skip(below.schedule, Duration.of_updates(by))
    # A sequence has no sequences among its stages.
    return plan(window(both) if span.staged else both, span.of_planned)


def _may_be_empty(first: Schedule, length: Duration) -> bool:
    """Return whether a run may skip more than there is, so that the length as written would be negative."""
    skips = any(isinstance(part, Schedule) and part.kind == "skip" for part in values_inside(first))
    return skips and any(amount < 0 for _, amount in length.terms)


@registered
def overlay(first: Schedule, curve: Schedule) -> Schedule:
    """Replace the first part of a schedule by another schedule, without moving the rest.

    value(t) = first(t) for the length of `first`, then curve(t)

    Args:
        first: the schedule at the start, which needs a length: `warmup("5%")`, which ends at the value that `curve` has
            there.
        curve: the schedule to continue with. Its time counts from the start of `first`, not from its end.

    Raises:
        InvalidArgument: `first` has no length.

    `overlay(first, curve)` is short for `first >> skip(curve, length of first)`.

    Source: the warmups of BERT, EfficientNet and timm.

    >>> print(overlay(warmup(1000), cosine()))
    warmup(1000) >> skip(cosine(), 1000)
    """
    over = schedule_of(first, "overlay(…)")
    below = schedule_of(curve, "overlay(…)")
    if not over.has_length:
        raise messages.overlay_without_length(short_line(over))
    length = over.known_length
    if length is None or _may_be_empty(over, length):
        return OPERATORS["overlay"].call(first=over, curve=below)
    if length.until:
        raise messages.overlay_with_end(short_line(over), str(Duration(length.terms)))
    return over >> skip(below, length)


def with_unit(schedule: Schedule, clock: str) -> Schedule:
    """Return a resolved schedule with the unit of its clock in its lengths, which were plain counts.

    Lengths on the clock of progress are in percent.

    >>> from paramsched.core.schedules.anneals import warmup
    >>> print(with_unit(warmup(375_000_000), "tokens"), with_unit(warmup(25_000_000), "progress"))
    warmup("375M tokens") warmup("2.5%")
    """
    unit, counts = unit_of_lengths(clock)
    named: Schedule = _renamed(schedule, "updates", unit, Fraction(1, counts))
    return named


def without_unit(schedule: Schedule, clock: str) -> Schedule:
    """Return a schedule with its lengths in the unit of a clock as plain counts, so that it can be evaluated.

    Lengths in other units stay unchanged.

    >>> from paramsched.core.schedules.anneals import warmup
    >>> without_unit(warmup("4 tokens"), "tokens")(3)
    0.75
    """
    unit, counts = unit_of_lengths(clock)
    counted: Schedule = _renamed(schedule, unit, "updates", Fraction(counts))
    return counted


def is_resolved_in(schedule: Schedule, clock: str) -> bool:
    """Return whether every length of a schedule is a count of a clock, and is written with its unit."""
    if clock == "updates":
        return schedule.is_resolved
    return without_unit(schedule, clock).is_resolved and _renamed(schedule, "updates", "samples") is schedule


def _renamed(value: Any, before: str, after: str, count: Fraction = Fraction(1)) -> Any:
    """Replace the unit `before` by `count` units `after` in a value.

    Return `value` itself if `before` does not occur in it.
    """
    if isinstance(value, Duration):
        if not any(unit == before for unit, _ in value.terms):
            return value
        terms = tuple((after, amount * count) if unit == before else (unit, amount) for unit, amount in value.terms)
        return Duration(terms, value.until)
    if isinstance(value, Schedule):
        return value.changed(lambda inner: _renamed(inner, before, after, count))
    return value


def _own_span(span: Span, lengths: Rounding) -> Span:
    """Return the span with the rounding `lengths`. Its start and end are rounded as for any stage."""
    if span.rounding == "exact":  # boundaries in cycles of fractional length are not rounded
        return span
    end = None if span.end is None else Fraction(span.boundary(span.end))
    return replace(span, begin=Fraction(span.boundary(span.begin)), end=end, rounding=lengths)


def _length(call: Schedule) -> Duration | None:
    length: Duration | None = call.args["schedule"].length
    exact = None if length is None else length.exact
    return length if exact is None else Duration.of_updates(ceil(exact))


def _with_lengths_measure(call: Schedule, span: Span) -> Fraction | None:
    rounded = _own_span(span, call.args["lengths"])
    length: Fraction | None = call.args["schedule"].measure(rounded)
    return None if length is None else Fraction(rounded.boundary(rounded.begin + length)) - rounded.begin


@planner(length=_length, measure=_with_lengths_measure)
def with_lengths(call: Schedule, span: Span, schedule: Schedule, lengths: RoundedLengths = "exact") -> PlannedSchedule:
    """Change how boundaries between the stages of a schedule are rounded.

    value(t) = schedule(t), with boundaries that are rounded in another way

    For example, 33 % of 101 updates are 34 without `with_lengths`, 33 with `"floor"` and `"nearest"`, and 33.33 with
    `"exact"`.

    Args:
        schedule: the schedule whose stages are rounded.
        lengths: `"exact"` (not rounded, so a stage may start between two updates), `"nearest"` or `"floor"`. Without
            `with_lengths`, boundaries are rounded up.

    Raises:
        InvalidArgument: `lengths` is not one of these.

    Source: fastai's and fvcore's phases are exact; optax's and composer's are rounded down, `int(0.33 * n)`;
    OLMo-core and torchtitan round to the nearest.

    >>> line = linear(1.0, 0.5, "33%") >> constant(0.5)
    >>> floored = with_lengths(linear(1.0, 0.5, "33%") >> constant(0.5), "floor")
    >>> print(resolve(floored, total=101))
    with_lengths(linear(1.0, 0.5, 33) >> constant(0.5), "floor")
    >>> print(resolve(line, total=101))
    linear(1.0, 0.5, 34) >> constant(0.5)
    >>> print(resolve(with_lengths(line), total=101))
    with_lengths(linear(1.0, 0.5, "33.33 steps") >> constant(0.5))
    """
    planned = plan(schedule, _own_span(span, lengths))
    length = None if planned.length is None else ceil(planned.length)
    return PlannedSchedule(
        call.with_args(schedule=planned.schedule), length, planned.held, planned.values, planned.edges_and_end
    )
