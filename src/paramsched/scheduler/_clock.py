"""The clock: how many updates have been completed, and the plan that is in force then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.base.arrays import Array
from paramsched.errors import MissingFact
from paramsched.feedback.base import MetricRule
from paramsched.plan import Plan
from paramsched.plan.resolve import amounts_of_run, counted_plan, updates_of_horizon
from paramsched.plan.run_amounts import Amount, RunAmounts
from paramsched.scheduler._group_keys import plan_number
from paramsched.time import Calendar


@final
@dataclass(frozen=True, slots=True)
class UpdateTimes:
    """The times of successive updates.

    Args:
        amounts: what has been consumed before each; None where the plan is by updates.
    """

    updates: Array
    amounts: Array | None

    @staticmethod
    def at(t: int, amount: Amount | None) -> "UpdateTimes":
        return UpdateTimes(np.array([t]), None if amount is None else np.array([amount]))

    def following(self, run: RunAmounts | None, count: int) -> "UpdateTimes":
        """The updates behind this one, as they are planned."""
        t = int(self.updates[-1]) + 1
        updates = np.arange(t, t + count)
        if run is None or self.amounts is None:
            return UpdateTimes(updates, None)
        return UpdateTimes(updates, run.amounts_from(t - 1, self.amounts[-1].item(), count + 1)[1:])

    @property
    def size(self) -> int:
        return int(self.updates.size)

    def on_clock(self, *, by_amount: bool) -> Any:
        return self.amounts if by_amount else self.updates


@final
@dataclass(frozen=True, slots=True)
class RunPosition:
    """Where a run stands: its update, the amount before that, and what was said and is still to be counted.

    The amounts are None where the plan is by updates, or nobody knows them.
    """

    t: int
    amount: Amount | None = None
    reported: Amount | None = None

    @property
    def times(self) -> UpdateTimes:
        return UpdateTimes.at(self.t, self.amount)


RuleStates: TypeAlias = Mapping[MetricRule[Any], Any]


@final
class Clock:
    """Completed updates, and the states of metric rules.

    What holds at one update only is stored with the number of that update and ignored at any other. So the code that
    runs at every update never has to take it back.

    `amount` is what has been consumed before the coming update, `last_amount` before the last one; both are None where
    the plan is by updates. `reported` is what the loop said and no update has counted yet. `needs_check`: whether the coming
    update's amount has to be looked at before it.

    Args:
        begin: the update at which a run without a count stands; None where nobody said it.
    """

    __slots__ = (
        "_came_from", "_used", "acknowledged_at", "amount", "last_amount", "needs_check", "reported",
        "start", "states", "t",
    )  # fmt: skip

    def __init__(self, states: RuleStates, start: int | None = None) -> None:
        self.t = 0
        self.amount: Amount | None = None
        self.last_amount: Amount | None = None
        self.reported: Amount | None = None
        self.needs_check = False
        self.start = start
        self.states = states
        self.acknowledged_at = 0  # where an engine last called step()
        self._came_from: tuple[int, str | None] = -1, None  # the checkpoint that the count was read from
        self._used: tuple[int, RuleStates] = -1, {}  # the states before a metric changed them at this update

    def set_position(self, position: RunPosition, source: str | None = None) -> None:
        """Go to an update without taking it, by `seek` or for a checkpoint; `source` names the checkpoint."""
        t = position.t
        self.t, self._came_from, self._used = t, (t, source), (-1, {})
        self.amount = self.last_amount = position.amount
        self.reported = position.reported
        self.acknowledged_at = t

    @property
    def position(self) -> RunPosition:
        return RunPosition(self.t, self.amount, self.reported)

    @property
    def acknowledged(self) -> bool:
        """Whether an engine has called step() since the last update."""
        return self.acknowledged_at == self.t

    @property
    def source(self) -> str | None:
        """The checkpoint that the count came from, until the next update."""
        at, source = self._came_from
        return source if at == self.t else None

    @property
    def times(self) -> UpdateTimes:
        return UpdateTimes.at(self.t, self.amount)

    @property
    def last_times(self) -> UpdateTimes:
        return UpdateTimes.at(self.t - 1, self.last_amount)

    def change(self, states: RuleStates) -> None:
        """Metric rules have reacted."""
        if self._used[0] != self.t:
            self._used = self.t, self.states
        self.states = states

    @property
    def used(self) -> RuleStates:
        """The states of the metric rules when the last update was taken."""
        at, states = self._used
        return states if at == self.t else self.states


@final
@dataclass(frozen=True, slots=True)
class ResolvedPlan:
    """A plan as it was written, the same plan with its lengths resolved, and the calendar that converted them.

    `number` is what param groups carry, so that a checkpoint of the optimizer tells of another plan. `counted` is what
    is evaluated, without the units of its clock. `amounts` are those of a run that goes as planned; None by updates.
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
    def needs_facts(self) -> bool:
        """Whether facts of the run went into the plan's lengths, and so into its number."""
        return self.plan.serializable and self.number != plan_number(self.plan, self.plan)

    @property
    def unit(self) -> str | None:
        """What the plan's clock counts, if not updates."""
        return None if self.amounts is None else self.amounts.clock

    def amount_at(self, t: int) -> Amount | None:
        """What a run that went as planned has consumed before update `t`."""
        return None if self.amounts is None else self.amounts.amount_at(t)

    @property
    def total(self) -> int | None:
        """The updates of the horizon, where they are known.

        Raises:
            PlanError: one of them is planned to take nothing.
        """
        try:
            return updates_of_horizon(self.resolved, self.amounts)
        except MissingFact:
            return None
