"""Every: a schedule that changes once per period."""

from collections.abc import Iterator
from math import ceil
from typing import Any

import numpy as np

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.evaluation import Base
from paramsched.core.schedules.period import last_boundary, multiples
from paramsched.core.schedules.restarts import changes_at_epochs
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import Period, Place, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.core.time import Duration
from paramsched.core.time.duration import Number, count_of


@planned()
def every(call: Schedule, span: Span, schedule: Schedule, period: Period, phase: Place = 0) -> Piece:
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
    piece, size = plan(schedule, span), span.period(period)
    if changes_at_epochs(call):  # `numerator` updates are an integer number of periods, so the remainder is enough
        phase = ceil(span.boundary(span.begin)) % size.numerator
    end, held = piece.end, None

    def values(t: Array, base: Base) -> Array:
        """Return the values at the last change; after the end of the schedule, at the time itself."""
        at = last_boundary(t + phase, size) - phase
        at = np.maximum(at, 0) if phase else at
        return piece.values(at if end is None else np.where(t >= count_of(end), t, at), base)

    def edges(since: Number, until: Number) -> Iterator[Number]:
        last = until if end is None else min(until, ceil(end) - 1)
        yield from (one - phase for one in multiples(size, max(since, 0) + phase, last + phase))
        yield from () if end is None else (end,)

    if piece.held is not None:
        change: Any = ceil(-(-(ceil(piece.held) + phase) // size) * size) - phase
        held = change if end is None else min(change, end)
    made = call.with_args(schedule=piece.schedule, period=Duration.of_updates(size), phase=phase)
    return Piece(made, piece.length, held, values, edges)
