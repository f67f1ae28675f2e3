"""Changing the plan in force between two updates, for one optimizer or several."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from paramsched.errors import InvalidArgument
from paramsched.plan.optimizers import Scope, scopes_of
from paramsched.scheduler._clock import ResolvedPlan, RuleStates, UpdateTimes
from paramsched.scheduler._planned_groups import PlannedGroups
from paramsched.scheduler._resume import warn_if_over
from paramsched.scheduler._shared_run import SharedRun
from paramsched.scheduler._slots import bases_by_slot, slots_of
from paramsched.scheduler._value_block import ValueBlock


@final
@dataclass(frozen=True, slots=True)
class PlanChange:
    """Another plan for a run, whose values at its first update are computed and not written.

    Args:
        in_force: the plan.
        update: its first update.
        states: the states of its metric rules.
        scopes: the lines of the plan that concern each optimizer, by name, if there are several.
    """

    in_force: ResolvedPlan
    update: int
    states: RuleStates
    scopes: Mapping[str, Scope]

    def block_of(self, planned: PlannedGroups, times: UpdateTimes, name: str = "") -> ValueBlock:
        """Compute the values of one optimizer at an update; bases are kept."""
        plan, groups = self.in_force.counted, planned.bound
        slots = slots_of(plan, groups, bases_by_slot(planned.block.slots), self.scopes.get(name))
        before = planned.block.tensors
        return ValueBlock(plan, slots, groups, times, self.states, targets=planned.part is None, before=before)


@final
class ChangingRun:
    """A run whose plan may change between two updates.

    The first update of a plan is the same for all optimizers, but those on a shared clock reach it one after the other.

    Args:
        lead: the groups of the only optimizer, or the run of several.
        shared: the run of several optimizers.
    """

    def __init__(self, lead: PlannedGroups, shared: SharedRun | None = None) -> None:
        self.lead, self._shared = lead, shared
        self._members = {} if shared is None else shared.members
        self._change: PlanChange | None = None  # the last one, while an optimizer has not reached it

    @property
    def is_changing(self) -> bool:
        """True if an optimizer has not reached the first update of the plan in force."""
        return self._change is not None

    @property
    def is_bound(self) -> bool:
        """False after an update that could not be written, until the groups are bound again."""
        return bool(self.lead.bound) and all(planned.bound for planned in self._members.values())

    def prepare(self, in_force: ResolvedPlan) -> PlanChange:
        """Compute the values of another plan at the coming update, without writing them.

        Raises:
            ParamschedError: the plan does not fit this run.
        """
        lead, clock = self.lead, self.lead.clock
        if in_force.unit != lead.in_force.unit:
            raise InvalidArgument(
                "clock", f"the clock of the run counts {lead.in_force.unit or 'updates'}, and the plan's "
                f"{in_force.unit or 'updates'}", "Stop the run and resume it with the new plan",
            )  # fmt: skip
        _ = in_force.total  # raises if an update is planned to consume nothing
        states = {rule: clock.states.get(rule, rule.init()) for rule in in_force.resolved.metric_rules}
        groups = {name: planned.bound for name, planned in self._members.items()}
        scopes = scopes_of(in_force.plan, in_force.resolved, groups) if groups else {}
        change = PlanChange(in_force, clock.t, states, scopes)
        for name, planned in self._members.items():
            change.block_of(planned, clock.times, name)
        self._block_of_lead(change)
        return change

    def _block_of_lead(self, change: PlanChange) -> ValueBlock:
        lead, times = self.lead, self.lead.clock.times
        if self._shared is None:
            return change.block_of(lead, times)
        return ValueBlock(change.in_force.counted, (), lead.bound, times, change.states)

    def apply(self, change: PlanChange) -> None:
        """Write the values of a plan into the groups, and continue with it."""
        lead = self.lead
        lead.change_plan(change.in_force, lead.scope, change.states, self._block_of_lead(change))
        lead.history = lead.history.with_plan(lead.entry())
        if self._shared is not None:
            self._shared.note_plain()
        self._change = change
        self.settle()
        warn_if_over(lead)

    def settle(self) -> None:
        """Continue with the plan in force in the groups of each optimizer that has reached its first update."""
        change, lead, waits = self._change, self.lead, False
        if change is None:
            return
        for name, planned in self._members.items():
            if planned.in_force is lead.in_force:
                continue
            if planned.clock.t < change.update <= lead.clock.t or not planned.bound:
                waits = True
                continue
            now = PlanChange(lead.in_force, change.update, lead.clock.states, change.scopes)
            block = now.block_of(planned, planned.clock.times, name)
            planned.change_plan(lead.in_force, change.scopes[name], lead.clock.states, block)
        if not waits:
            self._change = None
