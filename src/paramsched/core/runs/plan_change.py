"""Changing the plan in force between two updates of one or several optimizers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from paramsched.core.plan.optimizers import Scope, scopes_of
from paramsched.core.scheduler.block import ValueBlock
from paramsched.core.scheduler.group_keys import write_base_entries
from paramsched.core.scheduler.groups import Groups
from paramsched.core.scheduler.resume import warn_if_over
from paramsched.core.scheduler.run import Run
from paramsched.core.scheduler.run_state import ResolvedPlan, RuleStates
from paramsched.core.scheduler.slots import bases_by_slot, present_values, slots_of
from paramsched.core.scheduler.value_ranges import refuse_values_outside
from paramsched.errors import InvalidArgument


@final
@dataclass(frozen=True, slots=True)
class PlanChange:
    """Another plan for a run.

    Args:
        in_force: the plan.
        states: the states of its metric rules.
        scopes: the lines of the plan that concern each optimizer.
    """

    in_force: ResolvedPlan
    states: RuleStates
    scopes: Mapping[str, Scope | None]

    def block_of(self, planned: Groups, scope: Scope | None) -> ValueBlock:
        """Compute the values of some groups at their coming update, without writing them; bases are kept."""
        block, plan, groups = planned.block, self.in_force.counted, planned.bound
        slots = slots_of(plan, groups, bases_by_slot(block.slots), scope)
        times, targets = planned.clock.times, planned.clock is planned.run
        return ValueBlock(plan, slots, groups, times, self.states, targets=targets)


@final
class ChangingRun:
    """A run whose plan may change between two updates.

    The first update of a plan is the same for all optimizers. On a shared clock they reach it one after the other: one
    that is behind takes its coming step with the values that it has.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.lead = run, run.lead

    @property
    def is_bound(self) -> bool:
        """False after an update that could not be written, until the groups are bound again."""
        return bool(self.lead.bound) and all(planned.bound for planned in self.run.members.values())

    def prepare(self, in_force: ResolvedPlan) -> PlanChange:
        """Compute the values of another plan at the coming update, without writing them.

        Raises:
            ParamschedError: the plan does not fit this run.
        """
        lead, clock, members = self.lead, self.lead.clock, self.run.members
        if in_force.unit != lead.in_force.unit:
            raise InvalidArgument(
                "clock", f"the clock of the run counts {lead.in_force.unit or 'updates'}, and the plan's "
                f"{in_force.unit or 'updates'}", "Stop the run and resume it with the new plan",
            )  # fmt: skip
        if self.run.feeds_batches and in_force.batch_sizes != lead.in_force.batch_sizes:
            raise InvalidArgument(
                "target batch_size or accumulation", "the plan changes it, but a BatchSampler has read it ahead",
                "Stop the run and resume it with the new plan",
            )  # fmt: skip
        _ = in_force.total  # raises if an update is planned to consume nothing
        states = {rule: clock.states.get(rule, rule.init()) for rule in in_force.resolved.metric_rules}
        groups = {name: planned.bound for name, planned in members.items()}
        change = PlanChange(in_force, states, scopes_of(in_force.plan, in_force.resolved, groups))
        for name, planned in members.items():
            slots = change.block_of(planned, change.scopes[name]).slots
            refuse_values_outside(in_force, slots, planned.labels(planned.bound), planned.clock.times)
        change.block_of(lead, lead.scope)
        return change

    def apply(self, change: PlanChange) -> None:
        """Write the values of a plan into the groups, and continue with it."""
        lead = self.lead
        parts = {lead: lead.scope} | {planned: change.scopes[name] for name, planned in self.run.members.items()}
        for planned, scope in parts.items():
            _change(planned, change.in_force, scope, change.states, change.block_of(planned, scope))
        self.run.clock.use(change.in_force)
        warn_if_over(lead)


def _change(
    planned: Groups, in_force: ResolvedPlan, scope: Scope | None, states: RuleStates, block: ValueBlock
) -> None:
    """Continue with another plan, whose values at the current update are those of `block`.

    An optimizer that is behind the run keeps its values for the coming step.
    """
    clock, before, groups = planned.clock, planned.block, planned.bound
    planned.before_change = planned.run.t, before.slots, before.targets, clock.used
    planned.in_force, planned.scope, clock.states = in_force, scope, states
    planned.start_hold(clock.t, present_values((*before.slots, *block.slots), groups))
    if planned.held:
        block.hold(planned.held)
    write_base_entries(bases_by_slot(block.slots), groups)
    block.write_initial()
    if planned.consumption is None or not planned.consumption.continues_with(in_force):
        planned.reset_parts(groups)
    planned.take(block, groups)
