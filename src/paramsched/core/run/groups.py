"""The param groups of one optimizer, and the plan that writes them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from paramsched.core.fields import RECORD, label
from paramsched.core.plan.optimizers import Scope
from paramsched.core.run.block import TargetColumn, ValueBlock, Values
from paramsched.core.run.group_keys import COUNT, Group, write_entries
from paramsched.core.run.messages import ExternalWrites
from paramsched.core.run.parts import Parts
from paramsched.core.run.protocols import Comparison, Consumption
from paramsched.core.run.run_state import (
    Clock,
    ResolvedPlan,
    RuleStates,
    RunPosition,
    RunState,
    UpdateTimes,
    record_of_plan,
)
from paramsched.core.run.slots import LR, Slot, bases_by_slot, initial_value, slots_of


@final
class Groups:
    """The groups of an optimizer, into which the values of a plan are written.

    It references the groups and not the optimizer, so that deleting an optimizer frees its memory at once.

    Between two updates the following is true, and `Steps.is_unchanged` checks it:
    - `bound` are the optimizer's groups, the same dicts in the same order. The writers write into these.
    - Each group contains the values of update `clock.t`. The first group contains the count and the record of the plan.

    `is_unchanged` does not check scheduled fields, because the writers detect external writes.

    Args:
        in_force: the plan in force, as written and resolved.
        clock: the clock of the optimizer; of a single one, that of the run itself.
        run: the state of the run, which has no groups.
        parts: what the run has besides one plan.
        scope: the lines of the plan that concern the optimizer; None if it is the only one.
    """

    block: ValueBlock  # set by `bind`
    comparison: Comparison  # set by `bind`
    is_plain: bool  # set by `bind`; True if a manual update may write before it checks the groups
    record: str  # set by `bind`; the entry of the first group
    load_written: Callable[[list[Group]], object]  # set by the hooks; loads a state that other code wrote into groups
    lr_key: str  # set by `bind`; "lr" if the first group has one

    def __init__(
        self, in_force: ResolvedPlan, clock: Clock, run: RunState, parts: Parts, scope: Scope | None = None
    ) -> None:
        # Given: the plan in force changes, and so does the scope with it.
        self.in_force, self.clock, self.run, self.parts, self.scope = in_force, clock, run, parts, scope
        # Bound: the groups, the consumption, and (set by `bind`) the block of values and the comparison.
        self.bound: list[Group] = []
        self.consumption: Consumption | None = None  # None if the plan is by updates
        # Marks of the last write, which `Steps.is_unchanged` compares with `record`: the first group, and its lr,
        # because torch's distributed checkpoint temporarily writes another one.
        self.first: Group = {}
        self._written: tuple[ResolvedPlan | None, str] = None, ""  # a plan, and its record
        self.first_lr: Any = None
        # Bases: those of the code, by group index and flat field name; only those that a checkpoint may replace. By
        # id, the groups whose `initial_lr` is of an earlier scheduler, or of the code, and not of this plan.
        self.code_bases: Values = {}
        self.given_initial: dict[int, Group] = {}
        # Between two plans: the values of the coming step, if the optimizer is behind the first update of the plan in
        # force; the update of the last change, and the slots, targets and states that the update before it used.
        self.held: Values = {}
        self.before_change: tuple[int, tuple[Slot, ...], list[TargetColumn], RuleStates] | None = None
        # Said: the external writes that were reported.
        self.external_writes = ExternalWrites()

    # ------------------------------------------------------------------ binding and writing

    def slots(self, groups: list[Group], bases: Mapping[tuple[int, str], float] | None = None) -> tuple[Slot, ...]:
        """Return the slots of the plan in force in some groups of the optimizer."""
        return slots_of(self.in_force.counted, groups, bases, self.scope)

    def new_block(
        self, slots: tuple[Slot, ...], groups: list[Group], times: UpdateTimes, states: RuleStates
    ) -> ValueBlock:
        """Compute the values of one update, without writing them. Only the clock of the run has targets."""
        return ValueBlock(self.in_force.counted, slots, groups, times, states, targets=self.clock is self.run)

    def bind(self, groups: list[Group], block: ValueBlock, held: Values | None = None) -> None:
        """Write the values of the current update, the first ones of `block`, and use `block` for later updates.

        Args:
            groups: the groups of the optimizer.
            block: the values, computed for the current update.
            held: the values of the coming step, if the optimizer is behind the first update of the plan.
        """
        self.start_hold(self.clock.t, held)
        if self.held:
            block.hold(self.held)
        had = self.given_initial
        self.given_initial = {id(one): one for one in groups if id(one) in had or initial_value(LR, one) is not None}
        self.write_entries(block.slots, groups)
        block.write_initial()
        self.reset_parts(groups)
        self.take(block, groups)

    def start_hold(self, t: int, held: Values | None) -> None:
        """Hold values until update `t` is completed, if the run is ahead of it."""
        is_behind = self.clock is not self.run and t < self.run.t
        self.held = held if held is not None and is_behind else {}

    def reset_parts(self, groups: list[Group]) -> None:
        """Replace the consumption and the comparison by new ones, which discard earlier measurements."""
        self.clock.needs_check = False
        self.comparison = self.parts.comparison(groups)
        self.consumption = self.parts.consumption(self.in_force, self.clock, groups)

    def take(self, block: ValueBlock, groups: list[Group]) -> None:
        """Use this block and these groups from now on. The groups already contain the first values of the block."""
        self.block = block
        block.end = self.in_force.total  # then the end of the plan, idle rules and external writes are reported
        self.write_count(groups)
        self.bound, self.first, self.record = list(groups), groups[0], groups[0][RECORD]
        self.lr_key = "lr" if "lr" in groups[0] else COUNT
        self.first_lr = self.first[self.lr_key]
        block.note_fills()
        self.is_plain = not (block.tensors or block.targets or self.consumption is not None)

    def write_entries(self, slots: tuple[Slot, ...], groups: list[Group]) -> None:
        """Write the bases into each group, and the plan into the first one."""
        write_entries(bases_by_slot(slots), groups, self.record_of_plan(), self.clock.t)

    def record_of_plan(self) -> str:
        """Return the part of the record that is constant between two bindings."""
        if self._written[0] is not self.in_force:
            self._written = self.in_force, json.dumps(record_of_plan(self.in_force))
        return self._written[1]

    def write_count(self, groups: list[Group]) -> None:
        """Write the count into every group; an update writes it into the first group only."""
        for group in groups:
            group[COUNT] = self.clock.t

    def seek(self, position: RunPosition, held: Values | None = None) -> None:
        """Jump to a position, and write its values.

        Args:
            position: the position.
            held: as in `bind`.
        """
        self.start_hold(position.t, held)
        self.block.seek(position.times, self.clock.states)
        self.clock.set_position(position)
        self.write_values()
        self.reset_parts(self.bound)
        self.write_count(self.bound)

    def rewrite(self) -> None:
        """Recompute the values of the next update, and write them."""
        self.block.seek(self.clock.times, self.clock.states)
        self.write_values()

    def write_values(self, *, are_written: bool = False) -> None:
        """Write the values of the next update, unless the writers have written them, and note that they are written."""
        if not are_written:
            if self.held:
                self.block.hold(self.held)
            self.block.write_initial()
        self.first[COUNT] = self.clock.t  # the other groups get the count when the optimizer is saved
        self.first_lr = self.first[self.lr_key]
        self.block.note_fills()

    def release(self) -> None:
        """Stop writing. The groups keep the written values and the entries of paramsched."""
        self.external_writes.log_total(self.parts.processes)
        self.bound, self.is_plain = [], False

    def labels(self, groups: list[Group]) -> Sequence[str | int]:
        """Return the label of each group for messages."""
        if self.scope is not None:
            return self.scope.labels(groups)
        return [label(group, index) for index, group in enumerate(groups)]
