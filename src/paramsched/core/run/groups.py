"""The param groups of one optimizer, and the plan that writes them."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, final

from paramsched.core.fields import RECORD, label
from paramsched.core.plan.optimizers import Scope
from paramsched.core.plan.run_amounts import Amount, ReportedProgress
from paramsched.core.run.block import TargetColumn, ValueBlock, Values
from paramsched.core.run.group_keys import COUNT, Group, write_entries
from paramsched.core.run.messages import COMPARED_EVERY, ExternalWrites, Processes
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

if TYPE_CHECKING:
    from paramsched.core.run.rank_agreement import RunAgreement


class Consumption(Protocol):
    """Determines the consumption of each update, in the unit of the plan's clock; replaced when a run resumes."""

    @property
    def unit(self) -> str:
        """The unit of the clock."""

    def check_amount(self) -> None:
        """Check the consumption of the next update before that update; raise if it is unknown."""

    def coming_times(self, expected: Amount | None, block: ValueBlock) -> UpdateTimes | None:
        """Count an update, and return the times of the updates to compute next.

        Returns None if `block` already contains the values of these updates, because the amount is the expected one.

        Args:
            expected: the amount that the block assumed before the next update; None if the block is exhausted.
            block: the values that were computed in advance.
        """


AmountsOf: TypeAlias = Callable[[ResolvedPlan, Clock, list[Group]], Consumption | None]
"""A function that returns the consumption of the groups of an optimizer; None if the plan is by updates."""


def consumption_of_run(run: RunState) -> AmountsOf:
    """Return the function that returns the consumption of a run."""

    def consumption_of(in_force: ResolvedPlan, clock: Clock, groups: list[Group]) -> Consumption | None:
        if in_force.amounts is None:
            return None
        if isinstance(in_force.amounts, ReportedProgress):
            from paramsched.core.run.progress import ProgressSource

            return ProgressSource(in_force, clock, groups, run.processes)
        from paramsched.core.run.consumption import ConsumptionSource

        return ConsumptionSource(in_force, clock, groups, run.processes, run.choices.counted_by)

    return consumption_of


@final
class RunComparison:
    """Compares the run of some groups with that of other processes, once there are several.

    A process group may be initialized after a Scheduler is constructed, so comparisons ask again.
    """

    __slots__ = ("_agreement", "_given", "_next")

    def __init__(self, groups: Sequence[Mapping[str, Any]], processes: Processes) -> None:
        self._given = groups, processes
        self._agreement: RunAgreement | None = None
        self._next = 0  # the update at which it is asked again whether there are several processes

    def compare(self, t: int, in_force: ResolvedPlan, states: RuleStates) -> None:
        """Compare the run with those of the other processes, if a comparison is due after `t` completed updates."""
        if self._agreement is None:
            if t < self._next:
                return
            if not self._given[1].several:
                self._next = t + COMPARED_EVERY
                return
            from paramsched.core.run.rank_agreement import RunAgreement

            self._agreement = RunAgreement(*self._given)
        self._agreement.compare(t, in_force, states)


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
        scope: the lines of the plan that concern the optimizer; None if it is the only one.
        amounts_of: returns the consumption; that of the run by default.
    """

    block: ValueBlock  # set by `bind`
    comparison: RunComparison  # set by `bind`
    is_plain: bool  # set by `bind`; True if a manual update may write before it checks the groups
    record: str  # set by `bind`; the entry of the first group
    load_written: Callable[[list[Group]], object]  # set by the hooks; loads a state that other code wrote into groups
    lr_key: str  # set by `bind`; "lr" if the first group has one

    def __init__(
        self,
        in_force: ResolvedPlan,
        clock: Clock,
        run: RunState,
        scope: Scope | None = None,
        amounts_of: AmountsOf | None = None,
    ) -> None:
        # Given: the plan in force changes, and so does the scope with it.
        self.in_force, self.clock, self.run, self.scope = in_force, clock, run, scope
        self._amounts_of = consumption_of_run(run) if amounts_of is None else amounts_of
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
        self.comparison = RunComparison(groups, self.run.processes)
        self.consumption = self._amounts_of(self.in_force, self.clock, groups)

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
        self.external_writes.log_total(self.run.processes)
        self.bound, self.is_plain = [], False

    def labels(self, groups: list[Group]) -> Sequence[str | int]:
        """Return the label of each group for messages."""
        if self.scope is not None:
            return self.scope.labels(groups)
        return [label(group, index) for index, group in enumerate(groups)]
