"""With lengths: another rounding of the boundaries between stages."""

from dataclasses import replace
from fractions import Fraction
from math import ceil

from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import RoundedLengths, plan, planned
from paramsched.core.schedules.span import Piece, Rounding, Span
from paramsched.core.time import Duration


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


def _measure(call: Schedule, span: Span) -> Fraction | None:
    own = _own_span(span, call.args["lengths"])
    length: Fraction | None = call.args["schedule"].measure(own)
    return None if length is None else Fraction(own.boundary(own.begin + length)) - own.begin


@planned(length=_length, measure=_measure)
def with_lengths(call: Schedule, span: Span, schedule: Schedule, lengths: RoundedLengths = "exact") -> Piece:
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
    piece = plan(schedule, _own_span(span, lengths))
    length = None if piece.length is None else ceil(piece.length)
    return Piece(call.with_args(schedule=piece.schedule), length, piece.held, piece.values, piece.edges_and_end)
