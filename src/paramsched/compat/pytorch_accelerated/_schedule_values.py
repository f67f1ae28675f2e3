"""The values of a schedule for a scheduler's bases, read again and again."""

from collections.abc import Sequence
from operator import is_
from typing import Any, final

from paramsched.compat.step_engine import StepEngine
from paramsched.schedules import rules
from paramsched.schedules.base import Schedule


@final
class ScheduleValues:
    """A schedule's values for each base, computed in blocks while somebody goes on update by update.

    It holds nothing that cannot be computed again, and a copy of it begins empty.
    """

    def __init__(self) -> None:
        self._schedule: Schedule | None = None
        self._bases: list[Any] = []
        self._engine: StepEngine | None = None

    def values_after(self, schedule: Schedule, bases: Sequence[Any], num_updates: int) -> list[float]:
        """One value for each base after so many updates; the list is the caller's."""
        # Bases by identity: comparing tensors would read them from their device.
        same = schedule is self._schedule and len(bases) == len(self._bases) and all(map(is_, bases, self._bases))
        if not same or self._engine is None:
            numbers = [float(base) for base in bases]
            self._engine = StepEngine(rules.schedule(schedule), bases=numbers)
            self._schedule, self._bases = schedule, list(bases)
        return list(self._engine.values_at(num_updates))

    def __reduce__(self) -> tuple[type["ScheduleValues"], tuple[()]]:
        return ScheduleValues, ()
