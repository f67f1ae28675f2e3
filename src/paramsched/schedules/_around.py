"""Around: a schedule around one other, as long as that one."""

from abc import ABC
from collections.abc import Iterable
from fractions import Fraction

from paramsched.schedules._span import Span
from paramsched.schedules.base import Schedule
from paramsched.time import Duration


class Around(Schedule, ABC):
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

    def _held_from(self) -> int | None:
        return self.schedule._held_from()

    def _measure(self, span: Span) -> Fraction | None:
        return self.schedule._measure(span)

    def _bends(self, until: int) -> Iterable[int]:
        return self.schedule._changes(until)
