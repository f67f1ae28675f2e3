"""Base of schedules that wrap one schedule and keep its length and breakpoints."""

from abc import ABC
from collections.abc import Iterable
from fractions import Fraction

from paramsched.schedules.base import Schedule
from paramsched.schedules.span import Span
from paramsched.time import Duration


class OneOperand(Schedule, ABC):
    """Changes what another schedule gives, not how long it is: its length, and where it bends, are the other's."""

    __slots__ = ()
    schedule: Schedule

    @property
    def length(self) -> Duration | None:
        return self.schedule.length

    @property
    def fills(self) -> bool:
        return self.schedule.fills

    @property
    def has_length(self) -> bool:
        return self.schedule.has_length

    def _held_from(self) -> int | Fraction | None:
        return self.schedule._held_from()

    @property
    def _holds_after_nothing(self) -> bool:
        return self.schedule._holds_after_nothing

    def _exact_length(self, span: Span) -> Fraction | None:
        return self.schedule._exact_length(span)

    def _inner_breakpoints(self, until: int) -> Iterable[int | Fraction]:
        return self.schedule._breakpoints_and_end(until)
