"""The clock of a run: the completed updates, the consumed amount, and the resolved plan in force."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.curves.arrays import Array
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.feedback.base import MetricRule
from paramsched.plan import Plan
from paramsched.plan.binding import UPDATES
from paramsched.plan.note import Note
from paramsched.plan.resolve import amounts_of_run, counted_plan, plan_number, updates_of_horizon
from paramsched.plan.run_amounts import Amount, RunAmounts
from paramsched.runs.seconds import RunStart
from paramsched.time import Calendar, Duration
from paramsched.time.progress import PROGRESS, times_on


@final
@dataclass(frozen=True, slots=True)
class UpdateTimes:
    """The times of successive updates.

    Args:
        updates: the numbers of the updates.
        amounts: the amount consumed before each update; None if the plan is by updates.
    """

    updates: Array
    amounts: Array | None

    @staticmethod
    def at(t: int, amount: Amount | None) -> "UpdateTimes":
        return UpdateTimes(np.array([t]), None if amount is None else np.array([amount]))

    @staticmethod
    def held(t: int, amount: Amount, count: int) -> "UpdateTimes":
        """Return the times of `count` updates that all have this amount."""
        return UpdateTimes(np.arange(t, t + count), np.full(count, amount))

    def following(self, run: RunAmounts | None, count: int) -> "UpdateTimes":
        """Return the planned times of the `count` updates that follow the last one of `self.updates`."""
        t = int(self.updates[-1]) + 1
        updates = np.arange(t, t + count)
        if run is None or self.amounts is None:
            return UpdateTimes(updates, None)
        return UpdateTimes(updates, run.amounts_from(t - 1, self.amounts[-1].item(), count + 1)[1:])

    @property
    def size(self) -> int:
        return int(self.updates.size)

    def on_clock(self, clock: str) -> Any:
        """Return the times as the schedules on a clock count them."""
        return self.updates if clock == UPDATES else times_on(clock, self.amounts)


@final
@dataclass(frozen=True, slots=True)
class RunPosition:
    """The position of a run: the next update, the amount consumed before it, and the reported consumption.

    `reported` is consumption that was reported and that no update has counted yet. Both amounts are None if the plan is
    by updates, or if they are unknown.
    """

    t: int
    amount: Amount | None = None
    reported: Amount | None = None

    @property
    def times(self) -> UpdateTimes:
        return UpdateTimes.at(self.t, self.amount)


RuleStates: TypeAlias = Mapping[MetricRule[Any], Any]


@final
class RunState:
    """The number of completed updates, the consumed amount, and the states of metric rules.

    A fact that is valid at one update only is stored with the number of that update and ignored at any other.
    Therefore the code that runs at every update never has to reset it.

    `amount` is the amount consumed before the next update, `last_amount` the amount consumed before the last one. Both
    are None if the plan is by updates. `reported` is the consumption that was reported and that no update has counted
    yet. `needs_check` is True if the consumption of the next update must be checked before that update.

    Args:
        states: the states of the metric rules.
        start: the number of completed updates that the user passed (`t` of `ps.Scheduler`); None if it was not passed.
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
        self.acknowledged_at = 0  # the update at which an engine last called step()
        self._came_from: tuple[int, str | None] = -1, None  # an update, and the checkpoint with this count
        self._used: tuple[int, RuleStates] = -1, {}  # the update, and the states before a metric changed them

    def set_position(self, position: RunPosition, source: str | None = None) -> None:
        """Jump to a position, for `seek` or a checkpoint; `source` names the checkpoint."""
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
        """True if an engine has called step() since the last update."""
        return self.acknowledged_at == self.t

    @property
    def restored_from(self) -> str | None:
        """The name of the checkpoint from which the count was read. It is None again after the next update."""
        at, source = self._came_from
        return source if at == self.t else None

    @property
    def times(self) -> UpdateTimes:
        return UpdateTimes.at(self.t, self.amount)

    @property
    def last_times(self) -> UpdateTimes:
        return UpdateTimes.at(self.t - 1, self.last_amount)

    def change(self, states: RuleStates) -> None:
        """Store the new states of the metric rules after a metric was observed."""
        if self._used[0] != self.t:
            self._used = self.t, self.states
        self.states = states

    @property
    def used(self) -> RuleStates:
        """The states of the metric rules that the last update used."""
        at, states = self._used
        return states if at == self.t else self.states


@final
@dataclass(frozen=True, slots=True)
class ResolvedPlan:
    """A plan as written, its resolved form, and the calendar that resolved it.

    `number` is stored in the param groups, so that a changed plan is detected from a checkpoint of the optimizer.
    `counted` is the resolved plan with plain numbers in place of lengths such as `4 tokens`, ready for evaluation.
    `amounts` are the planned amounts of the run; None if the plan is by updates. `start` is the last start of a run
    with a deadline, `optimizers` are the names of several optimizers, and `note` is that of the plan's file.
    """

    plan: Plan
    resolved: Plan
    calendar: Calendar
    start: RunStart | None = None
    optimizers: tuple[str, ...] = ()
    note: Note | None = None
    number: int = field(init=False)
    counted: Plan = field(init=False)
    amounts: RunAmounts | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counted", counted_plan(self.resolved))
        object.__setattr__(self, "amounts", amounts_of_run(self.resolved, self.calendar))
        # With a deadline, each start of the run has another horizon, but the plan is the same.
        compared = self.resolved if self.calendar.deadline is None else self.plan
        object.__setattr__(self, "number", plan_number(self.plan, compared))

    def until(self, horizon: int) -> "ResolvedPlan":
        """Return the plan of a run with a deadline, resolved for another horizon in seconds.

        Raises:
            InvalidArgument: the stages of the plan do not fit.
        """
        return replace(self, resolved=self.plan.resolve(self.calendar.until(horizon), self.optimizers))

    def with_deadline_of(self, code: "ResolvedPlan") -> "ResolvedPlan":
        """Return this plan with the deadline and the horizon of another start, if both runs have a deadline.

        A plan that does not fit into that horizon is returned unchanged.
        """
        if self.calendar.deadline is None or code.start is None:
            return self
        moved = replace(self, calendar=code.calendar, start=code.start)
        try:
            return moved.until(code.start.horizon)
        except InvalidArgument:
            return self

    @property
    def seconds_until_end(self) -> int | None:
        """The horizon in seconds of a run with a deadline; None without a deadline."""
        horizon = self.resolved.horizon
        return None if self.calendar.deadline is None or horizon is None else int(horizon.terms[0][1])

    @property
    def text(self) -> str | None:
        """The text of the plan; if the run has a deadline, with the present horizon."""
        if self.calendar.deadline is None:
            return self.plan.text
        return with_horizon(self.plan, self.resolved.horizon).text

    @property
    def needs_facts(self) -> bool:
        """True if run facts were needed to resolve the lengths. Then `number` changes if these facts change."""
        return self.plan.serializable and self.number != plan_number(self.plan, self.plan)

    @property
    def unit(self) -> str | None:
        """The unit of the plan's clock; None if it counts updates."""
        return None if self.amounts is None else self.amounts.clock

    def amount_at(self, t: int) -> Amount | None:
        """Return the amount that a run consumes before update `t` if it follows the plan."""
        return None if self.amounts is None else self.amounts.amount_at(t)

    def is_over_at(self, t: int, amount: Amount | None) -> bool:
        """Return whether update `t`, before which the run has consumed `amount`, is at or after the end of the plan."""
        horizon = self.resolved.horizon
        if self.unit == PROGRESS and amount == 1:
            return True
        if horizon is None:
            return False
        ((unit, count),) = horizon.terms
        at = t if unit == UPDATES else amount
        return at is not None and at >= count

    @property
    def total(self) -> int | None:
        """The horizon in updates; None if it is unknown.

        Raises:
            PlanError: an update is planned to consume nothing.
        """
        try:
            return updates_of_horizon(self.resolved, self.amounts)
        except MissingFact:
            return None


def with_horizon(plan: Plan, horizon: Duration | None) -> Plan:
    """Return a plan with another horizon."""
    return Plan(*plan.as_written(), horizon=horizon, clock=plan.clock)
