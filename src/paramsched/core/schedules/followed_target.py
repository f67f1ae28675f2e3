"""A placeholder for a target that a line of the plan follows. It is used while the plan is resolved."""

from dataclasses import dataclass
from typing import final

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import Affine
from paramsched.core.schedules.as_factor import AsFactor
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.neighbor_levels import resolve_in_span
from paramsched.core.schedules.span import Span
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

    has_neighbor_levels = False  # they are levels of the target, which is resolved separately

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        raise Unresolved(str(self), f"it follows {self.name} of a plan that is not resolved", "Use plan.resolve(…)")

    def _resolve(self, span: Span) -> Schedule:
        """Resolve the schedule of the target for the whole run, as in the line of the target."""
        if span.restarted or span.begin:
            clock = "restarts" if span.restarted else "does not start with the run"
            found = f"the clock of this part {clock}, but a target has its value at a time of the run"
            raise PlanError(f"{self} in {self.line}", found, self.instead)
        return AsFactor(resolve_in_span(self.schedule, span.of_whole_run), self.initial)

    def __str__(self) -> str:
        return f'like("{self.name}")'
