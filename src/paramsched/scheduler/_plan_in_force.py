"""The plan that a scheduler follows now, with all that belongs to it."""

from dataclasses import dataclass, field
from typing import final

from paramsched.plan import Plan
from paramsched.scheduler._group_keys import plan_number
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class PlanInForce:
    """A plan as it was written, the same plan with its lengths in updates, and the calendar that converted them.

    `number` is what param groups carry, so that a checkpoint of the optimizer tells of another plan.
    """

    plan: Plan
    resolved: Plan
    calendar: Calendar
    number: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", plan_number(self.plan, self.resolved))
