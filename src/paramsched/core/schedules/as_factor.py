"""As factor: the value of a schedule as a factor of base."""

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.evaluation import Base, for_base
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import plan, planned
from paramsched.core.schedules.span import Piece, Span


@planned(extent="open", affine=True, has_absolute=False)
def as_factor(call: Schedule, span: Span, schedule: Schedule, initial: float = 1.0) -> Piece:
    """Use the value of a schedule as a factor of base, even if it has absolute levels or is rounded.

    value(t) = base * schedule(t, base=initial)

    Args:
        schedule: the schedule, planned for the run. Its end does not determine the length of a stage.
        initial: the base of this schedule, a finite number.

    Raises:
        InvalidArgument: `initial` is not finite.

    `plan.resolve` replaces `like("batch_size")` by `as_factor` of the schedule and the initial value of that target.

    Source: the square-root rule for learning rates of growing batches, Krizhevsky 2014 (1404.5997).

    >>> size = as_factor(stairs(1, 4, 3, over=30), 16)
    >>> rate = (size / 16) ** 0.5
    >>> size(30), rate(0, base=0.1), rate(30, base=0.1)
    (64.0, 0.1, 0.2)
    """
    return planned_factor(call, plan(schedule, span.whole(span.begin, span.run_end, None)), initial)


def planned_factor(call: Schedule, piece: Piece, initial: float) -> Piece:
    """Return a call of `as_factor` of which the schedule is planned."""

    def values(t: Array, base: Base) -> Array:
        return base.times(for_base(piece.schedule, piece.values, t, initial))

    return Piece(call.with_args(schedule=piece.schedule), None, piece.held, values, piece.edges_and_end)
