"""The clock: how many updates have been completed, and what else holds at one update only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from paramsched.feedback.base import MetricRule
from paramsched.plan.run_amounts import Amount
from paramsched.scheduler._update_times import UpdateTimes


@final
@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands: its update, what it has consumed before that, and what was said and is still to be counted.

    The amounts are None where the plan is by updates, or nobody knows them.
    """

    t: int
    amount: Amount | None = None
    said: Amount | None = None

    @property
    def times(self) -> UpdateTimes:
        """When its update is."""
        return UpdateTimes.at(self.t, self.amount)


RuleStates: TypeAlias = Mapping[MetricRule[Any], Any]
"""The state of each metric rule."""


@final
class Clock:
    """Completed updates, and the states of metric rules.

    What holds at one update only is stored with the number of that update and ignored at any other. So the code that
    runs at every update never has to take it back.

    `amount` is what has been consumed before the coming update, and `last_amount` before the one that was taken last;
    both are None where the plan is by updates. `said` is what the loop said since, and no update
    has counted yet. `unsettled`: whether the coming update's amount has to be looked at before it.

    Args:
        states: of the plan's metric rules.
        begin: the update at which a run without a count stands; None where nobody said it.
    """

    __slots__ = (
        "_came_from", "_used", "acknowledged_at", "amount", "begin", "last_amount", "said", "states", "t", "unsettled",
    )  # fmt: skip

    def __init__(self, states: RuleStates, begin: int | None = None) -> None:
        self.t = 0
        self.amount: Amount | None = None
        self.last_amount: Amount | None = None
        self.said: Amount | None = None
        self.unsettled = False
        self.begin = begin
        self.states = states
        self.acknowledged_at = 0  # where an engine last called step()
        self._came_from: tuple[int, str | None] = -1, None  # the checkpoint that the count was read from
        self._used: tuple[int, RuleStates] = -1, {}  # the states before a metric changed them at this update

    def stand_at(self, standing: Standing, source: str | None = None) -> None:
        """Go to an update without taking it, by `seek` or for a checkpoint; `source` names the checkpoint."""
        t = standing.t
        self.t, self._came_from, self._used = t, (t, source), (-1, {})
        self.amount = self.last_amount = standing.amount
        self.said = standing.said
        self.acknowledged_at = t

    @property
    def standing(self) -> Standing:
        """Where the run stands."""
        return Standing(self.t, self.amount, self.said)

    def acknowledge(self) -> None:
        """An engine has called step()."""
        self.acknowledged_at = self.t

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
        """When the coming update is."""
        return UpdateTimes.at(self.t, self.amount)

    @property
    def last_times(self) -> UpdateTimes:
        """When the update was that was taken last."""
        return UpdateTimes.at(self.t - 1, self.last_amount)

    def change(self, states: RuleStates) -> None:
        """Metric rules have reacted. What the last update used is kept until the next."""
        if self._used[0] != self.t:
            self._used = self.t, self.states
        self.states = states

    @property
    def used(self) -> RuleStates:
        """The states of the metric rules when the last update was taken."""
        at, states = self._used
        return states if at == self.t else self.states
