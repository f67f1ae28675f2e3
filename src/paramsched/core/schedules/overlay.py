"""Overlay: the first part of a schedule replaced by another one."""

from dataclasses import replace
from fractions import Fraction

from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.schedule import OPERATORS, Extent, Schedule, schedule_of, values_inside
from paramsched.core.schedules.shape import plan, planned
from paramsched.core.schedules.span import AS_THEY_ARE, Piece, Span
from paramsched.core.schedules.take import skip
from paramsched.core.schedules.window import window
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import Duration
from paramsched.errors import CallSite, InvalidArgument


def _text(call: Schedule) -> str:
    return f"overlay({call.args['first']}, {call.args['curve']})"


def _measure(call: Schedule, span: Span) -> Fraction | None:
    first, curve = call.args.values()
    size, length = first.measure(span), curve.measure(span)
    return None if size is None or length is None else max(size, length)


def _extent(call: Schedule) -> Extent:
    extent: Extent = call.args["curve"].extent
    return extent


@planned(hidden=True, extent=_extent, measure=_measure, text=_text)
def _overlay(_call: Schedule, span: Span, first: Schedule, curve: Schedule) -> Piece:
    """An overlay whose first schedule has operands with lengths in different units, so that a run decides its length.

    It is planned as the sequence of `overlay`, whose two stages start at the same time.
    """
    size = first.measure(span) or Fraction(0)
    stage = replace(span, end=span.begin + size, staged=True, origin=span.begin, stage_end=None)
    start: Schedule = plan(first, stage).schedule
    below = plan(curve, span.whole(span.begin, span.end if curve.fills else span.run_end, None))
    by = stage.available or 0
    as_resolved = replace(AS_THEY_ARE, rounding=span.rounding)
    if start.measure(AS_THEY_ARE) != by:  # of cycles that end between two updates
        start = window(start, 0, Duration.of_updates(by))
    both = start >> skip(below.schedule, Duration.of_updates(by))
    # A sequence has no sequences among its stages.
    return plan(window(both) if span.staged else both, as_resolved)


def _may_be_empty(first: Schedule, length: Duration) -> bool:
    """Return whether a run may skip more than there is, so that the length as written would be negative."""
    skips = any(isinstance(one, Schedule) and one.kind == "skip" for one in values_inside(first))
    return skips and any(amount < 0 for _, amount in length.terms)


@shape
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
        found = "expected a schedule with a length"
        raise InvalidArgument(CallSite("overlay", "first", short_line(over)), found, example='warmup("5%")')
    length = over.known_length
    if length is None or _may_be_empty(over, length):
        return OPERATORS["overlay"].call(first=over, curve=below)
    if length.until:
        found = 'its length must not be an "until"'
        site = CallSite("overlay", "first", short_line(over))
        raise InvalidArgument(site, found, example=f'"{Duration(length.terms)}"')
    return over >> skip(below, length)
