"""Chain: the output of each schedule is the base of the next."""

from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.evaluation import Base
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.shape import of_each, plan, planned
from paramsched.core.schedules.span import Piece, Span
from paramsched.errors import InvalidArgument


def _some(call: Schedule) -> None:
    if not call.args["operands"]:
        raise InvalidArgument("chain()", "expected at least one operand", example="chain(warmup(100), step(1000))")


@planned(check=_some)
def chain(call: Schedule, span: Span, *operands: Schedule) -> Piece:
    """Use the output of each schedule as the base of the next.

    value(t) = b(t, base=a(t, base))

    Args:
        operands: one or more schedules, all evaluated at the same time t.

    Raises:
        InvalidArgument: there is no operand, or an operand is not a schedule.

    Source: torch `ChainedScheduler`, without its recursion.

    >>> chain(constant(0.5), linear(1.0, absolute(0.0), over=4))(2, base=8.0)
    2.0
    """
    pieces = [plan(one, span) for one in operands]

    def values(t: Array, base: Base) -> Array:
        for piece in pieces:
            base = Base(piece.values(t, base), base.one)
        return base.value

    return of_each(call, pieces, values)
