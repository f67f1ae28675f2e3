"""A target that a line follows, in place of `like(name)`."""

from dataclasses import dataclass
from typing import final

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import Affine
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.lengths import Span
from paramsched.core.schedules.one_operand import AsFactor
from paramsched.errors import PlanError, Unresolved


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FollowedTarget(Schedule):
    """Replaces `like(name)` of a target: contains the target's schedule and its initial value.

    Args:
        name: the target.
        schedule: the schedule of the target as written.
        initial: the base of the target.
        line: the line that follows the target, for errors.
        instead: the advice of the error for a `like` whose time does not count from the start of the run.
    """

    name: str
    schedule: Schedule
    initial: float
    line: str
    instead: str

    affine = True

    has_absolute = False

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        raise Unresolved(str(self), f"it follows {self.name} of a plan that is not resolved", "Use plan.resolve(…)")

    def _resolve(self, span: Span) -> Schedule:
        """Resolve the schedule of the target for the whole run, as in the line of the target."""
        if span.restarted or span.begin:
            clock = "restarts" if span.restarted else "does not start with the run"
            found = f"the clock of this part {clock}, but a target has its value at a time of the run"
            raise PlanError(f"{self} in {self.line}", found, self.instead)
        return AsFactor(self.schedule.resolved_in(span.of_whole_run), self.initial)

    def __str__(self) -> str:
        return f'like("{self.name}")'
