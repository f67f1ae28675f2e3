"""The value of a schedule as a factor of base."""

from dataclasses import dataclass, field
from typing import final

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.number_checks import checked, finite_number
from paramsched.core.schedules.affine import Affine, Bounds
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.evaluation import value_for_base
from paramsched.core.schedules.leaves import schedule_of
from paramsched.core.schedules.one_operand import OneOperand
from paramsched.core.schedules.registry import shape
from paramsched.core.schedules.span import Span
from paramsched.core.schedules.text.writing import short_line
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AsFactor(OneOperand):
    """value(t) = base * schedule(t, initial). It has no end, so it never determines the length of a stage."""

    schedule: Schedule
    initial: float = field(metadata=checked(finite_number))

    def check_together(self) -> None:
        if self.schedule.has_neighbor_levels:
            found = "previous and following are multiples of the outer base, not of initial"
            raise InvalidArgument(short_line(self), found, "Use the level as a number")

    length = None

    fills = False

    has_length = False

    affine = True  # for every schedule, because base is a factor

    has_absolute = False  # absolute levels determine the factor, which is multiplied by base

    def _exact_length(self, span: Span) -> None:
        return None

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return base.scaled(value_for_base(self.schedule, t, self.initial, ops, affine=self.schedule.affine))

    def bounds(self, bases: Bounds) -> Bounds | None:
        factor = self.schedule.bounds(Bounds(self.initial, self.initial))
        return None if factor is None else factor.times(bases)

    def _resolve(self, span: Span) -> Schedule:
        return AsFactor(self.schedule._resolve(span.whole(span.begin, span.run_end, None)), self.initial)


@shape
def as_factor(schedule: Schedule, initial: float = 1.0) -> AsFactor:
    """Use the value of a schedule as a factor of base, even if it has absolute levels or is rounded.

    value(t) = base * schedule(t, base=initial)

    Args:
        schedule: the schedule, planned for the run. Its end does not determine the length of a stage.
        initial: the base of this schedule, a finite number.

    Raises:
        InvalidArgument: `initial` is not finite, or a level of the schedule is `previous` or `following`.

    `plan.resolve` replaces `like("batch_size")` by `as_factor` of the schedule and the initial value of that target.

    Source: the square-root rule for learning rates of growing batches, Krizhevsky 2014 (1404.5997).

    >>> size = as_factor(stairs(1, 4, 3, over=30), 16)
    >>> rate = (size / 16) ** 0.5
    >>> size(30), rate(0, base=0.1), rate(30, base=0.1)
    (64.0, 0.1, 0.2)
    """
    return AsFactor(schedule_of(schedule, "as_factor(…)"), initial)
