"""The plan that a scheduler follows now, with all that belongs to it."""

from dataclasses import dataclass, field
from typing import final

from paramsched.errors import MissingFact
from paramsched.plan import Plan
from paramsched.plan.resolve import amounts_of_run, counted_plan, updates_of_horizon
from paramsched.plan.run_amounts import Amount, RunAmounts
from paramsched.scheduler._group_keys import plan_number
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class PlanInForce:
    """A plan as it was written, the same plan with its lengths resolved, and the calendar that converted them.

    `number` is what param groups carry, so that a checkpoint of the optimizer tells of another plan. `counted` is what
    is evaluated: the resolved plan with the units of its clock taken off. `amounts` is what a run that goes as planned
    has consumed before each update; None where the plan is by updates.
    """

    plan: Plan
    resolved: Plan
    calendar: Calendar
    number: int = field(init=False)
    counted: Plan = field(init=False)
    amounts: RunAmounts | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counted", counted_plan(self.resolved))
        object.__setattr__(self, "amounts", amounts_of_run(self.resolved, self.calendar))
        object.__setattr__(self, "number", plan_number(self.plan, self.resolved))

    @property
    def unit(self) -> str | None:
        """What the plan's clock counts; None where that is updates."""
        return None if self.amounts is None else self.amounts.clock

    def amount_at(self, t: int) -> Amount | None:
        """What a run that went as planned has consumed before update `t`; None where the plan is by updates.

        Raises:
            MissingFact: nothing says how much an update takes.
        """
        return None if self.amounts is None else self.amounts.amount_at(t)

    @property
    def total(self) -> int | None:
        """The updates of the horizon; None where there is none, or nothing says how many it has.

        Raises:
            PlanError: one of them is planned to take nothing.
        """
        try:
            return updates_of_horizon(self.resolved, self.amounts)
        except MissingFact:
            return None
