"""What the updates of a run read and change: the plan in force, the position, and the states of the metric rules."""

from collections.abc import Callable
from typing import Any, Protocol, final

from paramsched.base.problem import Problem
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.lines import RuleStates, UpdateRange
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.amounts import CountedAmounts
from paramsched.core.run.arguments import Arguments
from paramsched.core.run.observers import RunObserver
from paramsched.core.run.position import RunPosition
from paramsched.core.run.processes import Processes
from paramsched.core.run.value_table import ValueTable


class RunHooks(Protocol):
    """What a run has only if it needs it, and that takes part in its updates: several optimizers, and targets."""

    def before_update(self, starter: str) -> None:
        """Note that the step of an optimizer starts an update of the run."""

    def join_update(self, name: str) -> None:
        """Note that an optimizer steps in the last update, which another one has started."""

    def after_update(self) -> None:
        """Note that an update of the run was counted."""


@final
class RunState:
    """The plan in force, its position, and the states of its metric rules.

    A fact that is valid at one update only is stored with the number of that update and ignored at any other.
    Therefore the code that runs at every update never has to reset it.

    Attributes:
        t: the number of completed updates.
        amounts: the amounts of the run; None if the plan is by updates.
        states: the states of the metric rules.
        parts: what takes part in an update beside the optimizer that steps.
        is_plain: True if an update only increments `t`.
        needs_check: True if the consumption or the values of the next update must be checked before that update.
        not_finite_at: the update of which a value is not finite; else -1.
        matched: the parts of selectors of optional lines that have selected a group, each with the key of its line.
        observers: those that are told what happens.
        is_watched: True if an observer has asked for the next update at which values are computed.
        unreported: the warnings of an update, which come after its count: a program that turns warnings into errors
            loses no update.

    Args:
        in_force: the plan in force.
        position: the position.
        states: the states of the metric rules.
        arguments: those of the Scheduler.
        source: the name of the checkpoint with this position; None if there is none.
        refuse_not_finite: raises if a value of an update is not finite, of any of the optimizers or of a target.
    """

    is_plain = False
    needs_check = False
    is_watched = False
    not_finite_at = -1

    def __init__(
        self,
        in_force: ResolvedPlan,
        position: RunPosition,
        states: RuleStates,
        arguments: Arguments,
        source: str | None,
        refuse_not_finite: Callable[[int], None],
    ) -> None:
        self.states = states
        self.arguments = arguments
        self.refuse_not_finite = refuse_not_finite
        self.parts: list[RunHooks] = []
        self.matched = set[tuple[Any, Any]]()
        self.observers: list[RunObserver] = []
        self.unreported: list[Problem] = []
        self.in_force = in_force
        self.amounts = None if in_force.amounts is None else CountedAmounts(in_force)
        self.move(position, source)

    def use(self, in_force: ResolvedPlan) -> None:
        """Use another plan. On the same clock the amounts stay; on another one the position is set afterwards."""
        before = self.amounts
        self.in_force = in_force
        self.amounts = None if in_force.amounts is None else CountedAmounts(in_force)
        if self.amounts is not None and before is not None and before.unit == self.amounts.unit:
            self.amounts.continue_from(before)

    @property
    def processes(self) -> Processes:
        """The processes that train together."""
        return self.arguments.processes

    # ------------------------------------------------------------------ the position

    @property
    def amount(self) -> Amount | None:
        """The amount before the next update; None if the plan is by updates."""
        return None if self.amounts is None else self.amounts.amount

    @property
    def last_amount(self) -> Amount | None:
        """The amount before the last update."""
        return None if self.amounts is None else self.amounts.last_amount

    @property
    def position(self) -> RunPosition:
        """The position before the next update."""
        amounts = self.amounts
        if amounts is None:
            return RunPosition(self.t)
        return RunPosition(self.t, amounts.amount, amounts.reported, amounts.is_measured)

    def position_at(self, t: int) -> RunPosition:
        """Return the position of an optimizer at the update of the run, or at the previous one."""
        return self.position if t == self.t else RunPosition(t, self.last_amount)

    @property
    def times(self) -> UpdateRange:
        """The time of the next update."""
        return UpdateRange(self.t, self.amount)

    @property
    def last_times(self) -> UpdateRange:
        """The time of the last completed update."""
        return UpdateRange(self.t - 1, self.last_amount)

    def move(self, position: RunPosition, source: str | None = None) -> None:
        """Come to a position without an update; `source` names the checkpoint that has it."""
        self.t = position.t
        self._came_from = position.t, source
        self._used = -1, self.states
        if self.amounts is not None:
            self.amounts.move(position)
        for observer in self.observers:
            observer.moved()

    @property
    def came_from(self) -> int:
        """The update at which the run has started, or to which it has jumped last."""
        return self._came_from[0]

    @property
    def has_moved(self) -> bool:
        """True if there was an update since the start, or since the last jump."""
        return self.t > self._came_from[0]

    @property
    def restored_from(self) -> str | None:
        """The name of the checkpoint from which the count was read. It is None again after the next update."""
        t, source = self._came_from
        return source if t == self.t else None

    def change(self, states: RuleStates) -> None:
        """Store the new states of the metric rules after a metric was observed."""
        if self._used[0] != self.t:
            self._used = self.t, self.states
        self.states = states

    @property
    def used(self) -> RuleStates:
        """The states of the metric rules that the last update used."""
        t, states = self._used
        return states if t == self.t else self.states

    def rules_without_metric(self, observed: set[str]) -> list[MetricRule[Any]]:
        """Return the metric rules that have observed nothing in the run.

        Empty if a resume follows more than half of its updates, because its checkpoint may lack the states of rules.

        Args:
            observed: the metrics that this process has observed.
        """
        rules = self.states.items() if 2 * self.came_from <= self.t else ()
        return [rule for rule, state in rules if rule.metric not in observed and state == rule.init()]

    # ------------------------------------------------------------------ an update

    def begin_update(self, starter: str) -> None:
        """Count an update of the run, which the step of an optimizer starts: what is not of one optimizer."""
        try:
            for update_part in self.parts:
                update_part.before_update(starter)
        finally:
            self.t += 1
        amounts = self.amounts
        if amounts is not None:
            amounts.count(self.t)
            if amounts.may_be_unknown:
                self.set_needs_check()
            if amounts.amount is not None and amounts.amount >= amounts.no_end_below:
                self.tell_update(starter)
        for update_part in self.parts:
            update_part.after_update()

    def join_update(self, name: str) -> None:
        """Note that an optimizer steps in the last update of the run, which another one has started."""
        for update_part in self.parts:
            update_part.join_update(name)

    def tell_update(self, name: str) -> None:
        """Tell the observers of an update, after its count."""
        for observer in self.observers:
            observer.updated(name)

    def warn(self) -> None:
        """Warn of what the last update found: the last thing that it does."""
        while self.unreported:
            self.processes.warn(self.unreported.pop(0))

    # ------------------------------------------------------------------ values

    def extend(self, table: ValueTable, times: UpdateRange) -> None:
        """Compute the rows of the updates from `times` on."""
        count = table.next_size(times.first)
        if self.amounts is None:
            table.extend(UpdateRange(times.first, None, count), self.states)
        else:
            table.extend(self.amounts.times_from(times.first, times.amounts, count), self.states)
        self.note_values(table)

    def note_values(self, table: ValueTable) -> None:
        """Note values that are not finite, so that they are refused before the update that would use them."""
        if table.not_finite_at >= 0:
            self.not_finite_at = table.not_finite_at
            self.needs_check = True

    def set_needs_check(self) -> None:
        """Note whether the consumption or the values of the next update must be checked before that update."""
        is_unknown = self.amounts is not None and self.amounts.is_unknown_at(self.t)
        self.needs_check = is_unknown or self.not_finite_at == self.t

    def check_update(self, t: int, *, starts: bool) -> None:
        """Check the values and the consumption of update `t` before its step; `starts` is True if it starts one."""
        self.refuse_not_finite(t)
        if self.amounts is None:
            self.needs_check = False
        elif starts:
            self.amounts.check(self.t, self.arguments.counted_by)
            self.needs_check = False
