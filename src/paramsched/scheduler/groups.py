"""The param groups of one optimizer, and the plan that writes them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from paramsched.fields import label
from paramsched.plan.optimizers import Scope
from paramsched.plan.run_amounts import Amount
from paramsched.scheduler.block import FloatColumn, TargetColumn, ValueBlock, Values
from paramsched.scheduler.external_writes import ExternalWrites, check_tensors, refuse_spoiled, warn_overwritten
from paramsched.scheduler.group_keys import (
    AMOUNT,
    COUNT,
    NO_PLAN,
    PLAN,
    Entry,
    Group,
    History,
    write_base_entries,
    write_position_entries,
)
from paramsched.scheduler.protocols import Comparison, Consumption
from paramsched.scheduler.rebinding import sync
from paramsched.scheduler.run_state import ResolvedPlan, RuleStates, RunPosition, RunState, UpdateTimes
from paramsched.scheduler.slots import LR, LateGroups, Slot, bases_by_slot, initial_value, slots_of
from paramsched.scheduler.updates import run_uncompiled

if TYPE_CHECKING:
    from paramsched.scheduler.parts import Parts


@final
class Groups:
    """Writes the values of a plan into the groups of an optimizer, and detects external writes.

    It references the groups and not the optimizer, so that deleting an optimizer frees its memory at once.

    Between two updates the following is true, and `is_unchanged` checks it:
    - `bound` are the optimizer's groups, the same dicts in the same order. The writers write into these.
    - Each group contains the values of update `clock.t`. The first group contains the count and the plan's number.

    `is_unchanged` does not check scheduled fields, because the writers detect external writes.

    Args:
        in_force: the plan in force, as written and resolved.
        clock: the clock of the optimizer.
        parts: what the run has besides one plan.
        late_groups: as in `ps.Scheduler`.
        scope: the lines of the plan that concern the optimizer; None if it is the only one.
        lead: the clock, the targets and the consumption of a run of several optimizers; None if it is the only one.
        starts_updates: True if a step of one of several optimizers may start an update of the run.
    """

    block: ValueBlock  # set by `bind`
    comparison: Comparison  # set by `bind`

    def __init__(
        self,
        in_force: ResolvedPlan,
        clock: RunState,
        parts: "Parts",
        late_groups: LateGroups = "base",
        scope: Scope | None = None,
        lead: "Groups | None" = None,
        starts_updates: bool = False,
    ) -> None:
        self.in_force, self.clock, self.late_groups = in_force, clock, late_groups
        self.scope, self.lead, self.parts, self.starts_updates = scope, lead, parts, starts_updates
        self.history = History((self.entry(),))
        self._before_seek = -1, self.history  # the update of the last `seek`, and the history before it
        # The last change of the plan: its update, and the slots, targets and states that the update before it used.
        self.before_change: tuple[int, tuple[Slot, ...], list[TargetColumn], RuleStates] = (-1, (), [], {})
        self.consumption: Consumption | None = None  # set by `bind` if the plan is not by updates
        self.bound: list[Group] = []
        # By id: the groups whose `initial_lr` is of an earlier scheduler, or of the code, and not of this plan.
        self.given_initial: dict[int, Group] = {}
        # The bases of the code, by group index and flat field name; only those that a checkpoint may replace.
        self.code_bases: Values = {}
        self.first: Group = {}
        self.number = 0  # of the plan in force
        # Compared by `is_unchanged`, because torch's distributed checkpoint temporarily writes another lr.
        self._first_lr: Any = None
        self._lr_key = COUNT  # "lr" if the first group has one
        self.tuples: list[FloatColumn] = []
        self._has_tensors, self._fills = False, 0
        self.is_plain = False  # True if a manual update may write before it checks the groups
        self.external_writes = ExternalWrites()
        self.released = False
        self.coming_start = in_force  # the plan for the checkpoint that is being loaded
        # The values of the coming step, if the optimizer is behind the first update of the plan in force.
        self.held: Values = {}

    # ------------------------------------------------------------------ binding and writing

    def slots(self, groups: list[Group], bases: Mapping[tuple[int, str], float] | None = None) -> tuple[Slot, ...]:
        """Return the slots of the plan in force in some groups of the optimizer."""
        return slots_of(self.in_force.counted, groups, bases, self.scope)

    def new_block(
        self, slots: tuple[Slot, ...], groups: list[Group], times: UpdateTimes, states: RuleStates
    ) -> ValueBlock:
        """Compute the values of one update, without writing them. Of several optimizers, only the lead has targets."""
        return ValueBlock(self.in_force.counted, slots, groups, times, states, targets=self.lead is None)

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
        write_base_entries(bases_by_slot(block.slots), groups)
        block.write_initial()
        self.reset_parts(groups)
        self.take(block, groups)

    def start_hold(self, t: int, held: Values | None) -> None:
        """Hold values until update `t` is completed, if the run is ahead of it."""
        is_behind = self.lead is not None and t < self.lead.clock.t
        self.held = held if held is not None and is_behind else {}

    def reset_parts(self, groups: list[Group]) -> None:
        """Replace the consumption and the comparison by new ones, which discard earlier measurements."""
        self.clock.needs_check = False
        self.comparison = self.parts.comparison(self, groups)
        self.consumption = self.parts.consumption(self, groups)

    def take(self, block: ValueBlock, groups: list[Group]) -> None:
        """Use this block and these groups from now on. The groups already contain the first values of the block."""
        self.block = block
        is_asked = self.clock.states or self.external_writes.is_pending
        block.end = self.in_force.total if is_asked else None  # then the rules and external writes are reported
        self.write_position(groups)
        self.bound, self.first = list(groups), groups[0]
        self._lr_key = "lr" if "lr" in groups[0] else COUNT
        self._first_lr = self.first[self._lr_key]
        self.tuples = [column for column in block.floats if column.tuple_size is not None]
        self._has_tensors, self._fills = bool(block.tensors), block.fill_count()
        self.is_plain = not (self._has_tensors or block.targets or self.consumption is not None)

    def write_position(self, groups: list[Group], samples: int | None = None) -> None:
        """Write the position of the run into every group; an update writes its count into the first group only.

        Args:
            groups: the groups.
            samples: the number of samples before the next update of the run, for a checkpoint.
        """
        clock, unit = self.clock, None if self.consumption is None else self.consumption.unit
        run = clock if self.lead is None else self.lead.clock
        reported, samples = (run.reported, samples) if clock.t == run.t else (None, None)
        self.number = NO_PLAN if self.held else self.in_force.number
        is_measured = run.is_measured and reported is not None
        write_position_entries(
            groups, clock.t, self.number, unit, clock.amount, reported, is_measured=is_measured, samples=samples
        )

    def entry(self) -> Entry:
        """Return the history entry of the current plan, in force from the current position on."""
        return Entry(self.clock.t, self.clock.amount, self.in_force.text, self.in_force.note)

    def seek(self, position: RunPosition, held: Values | None = None) -> None:
        """Jump to a position, and write its values; `held` as in `bind`."""
        t, in_force = position.t, self.in_force if self.lead is None else self.lead.in_force
        if self.lead is None:
            in_force = in_force.horizon.restarted(in_force, position)
        self.start_hold(t, held)
        if in_force is not self.in_force:
            self.use_horizon(in_force)
        self.block.seek(position.times, self.clock.states)
        sought, before = self._before_seek
        history = before if sought == self.clock.t else self.history  # undo a seek that no update followed
        self.clock.set_position(position)
        self._before_seek = t, history
        self.history = in_force.horizon.history_at(history.resumed_at(t, position.amount), self.entry())
        self.write_values()
        self.reset_parts(self.bound)
        self.write_position(self.bound)

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
        self._first_lr = self.first[self._lr_key]
        self._fills = self.block.fill_count()

    def release(self) -> None:
        """Stop writing. The groups keep the written values and the entries of paramsched."""
        self.external_writes.log_total(self)
        self.bound, self.released, self.is_plain = [], True, False

    # ------------------------------------------------------------------ at every update

    def is_unchanged(self, optimizer: Any) -> bool:
        """Return whether the groups are the bound ones and the first group's entries are unchanged.

        Also returns False if the consumption of the next update must be checked. Runs at every update.
        """
        try:
            groups = optimizer.param_groups
            first, clock = groups[0], self.clock
            return (
                first[COUNT] is clock.t
                and first[PLAN] is self.number
                and first[self._lr_key] is self._first_lr
                and groups == self.bound  # compares only addresses if the dicts are the same
                and not clock.needs_check
                and not (self.tuples and self.any_tuple_spoiled())
            )
        except (LookupError, RuntimeError, ValueError):
            return False  # an entry is missing, or tensors of other shapes replaced it

    def has_own_lr(self, optimizer: Any) -> bool:
        """Return whether the lr of the first group is the object that the plan wrote."""
        groups = optimizer.param_groups
        return not groups or groups[0].get(self._lr_key) is self._first_lr

    def any_tuple_spoiled(self) -> bool:
        """Return whether other code replaced a tuple such as `betas` by a value into which the plan cannot write."""
        try:
            for column in self.tuples:
                if column.any_tuple_spoiled():
                    return True
        except (LookupError, TypeError):
            return True
        return False

    def before_update(self, optimizer: Any) -> None:
        """Bind added or replaced groups before an update, if `is_unchanged` is False. Other groups are not written.

        Raises:
            MissingFact: the plan's clock counts an amount, and the consumption of this update is unknown.
        """
        run_uncompiled(sync)(self, optimizer.param_groups)
        self.check_amount()

    def check_amount(self) -> None:
        """Check the consumption of the next update, if it must be checked before that update."""
        if self.clock.needs_check and self.consumption is not None:
            run_uncompiled(Groups._check_amount)(self)

    def _check_amount(self) -> None:
        source = self.consumption
        assert source is not None
        source.check_amount()
        if source.in_force.horizon is not self.in_force.horizon:  # that of another start
            self.use_horizon(source.in_force)
            self.history = self.history.with_plan(self.entry())
            self.rewrite()

    def advance(self, optimizer: Any) -> None:
        """Count one update, before which `is_unchanged` was called, and write the values of the next one."""
        groups: list[Group] = optimizer.param_groups
        clock, block = self.clock, self.block
        clock.t = t = clock.t + 1
        try:
            if block.amounts is not None:
                coming = next(block.amounts, None)
                if coming is None or clock.reported is not None:
                    run_uncompiled(Groups._consume)(self, coming)
                else:
                    clock.last_amount, clock.amount = clock.amount, coming
                groups[0][AMOUNT] = clock.amount
            if self._has_tensors and (block.fill_count() != self._fills or block.views_replaced()):
                run_uncompiled(check_tensors)(self, groups)
            for _ in block.writer:  # resumes the writer once; `next` and its exception would cost as much as a write
                break
            else:
                run_uncompiled(Groups.write_next_block)(self, t)
            first = groups[0]
            if first is not self.first:  # replaced during the step
                run_uncompiled(sync)(self, groups)
            first[COUNT] = t
            self._first_lr = first[self._lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(refuse_spoiled)(self, groups, error)
        if block.overwritten:
            run_uncompiled(warn_overwritten)(self, groups)
        if self._has_tensors:
            self._fills = block.fill_count()

    def end_hold(self) -> None:
        """Follow the plan in force, after a step with held values, which are alone in their block."""
        if self.held:
            self.held = {}
            self.write_position(self.bound)

    def write_next_block(self, t: int) -> None:
        block = self.block
        self.end_hold()
        if block.amounts is not None:  # `_consume` has extended the block, so an interrupt ended the writers
            self.rewrite()
            return
        block.extend(UpdateTimes(t, None, block.next_size(t)), self.clock.states)
        end_block(self, t)
        next(block.writer)
        if not block.overwritten:  # else logged after these are counted
            self.external_writes.log_at_end(self)

    def _consume(self, expected: Amount | None) -> None:
        """Compute the next values, after an update that used the last ones or did not consume the `expected` amount."""
        clock, block, source = self.clock, self.block, self.consumption
        assert source is not None
        self.end_hold()
        times = source.coming_times(expected, block)
        if times is None:
            clock.last_amount, clock.amount = clock.amount, expected
        else:
            amounts = times.listed()
            clock.last_amount, clock.amount = clock.amount, amounts[0]
            if source.in_force is not self.in_force and source.in_force.plan is self.in_force.plan:
                self.use_horizon(source.in_force)
                self.history = self.history.with_plan(self.entry())
            block.extend(times, clock.states)
            block.amounts = iter(amounts[1:])
            end_block(self, clock.t)

    def use_horizon(self, in_force: ResolvedPlan) -> None:
        """Use the plan with another horizon for all values that are computed from now on."""
        self.in_force = in_force
        self.block.follow(in_force.counted, self.slots(self.bound))

    def labels(self, groups: list[Group]) -> Sequence[str | int]:
        """Return the label of each group for messages."""
        if self.scope is not None:
            return self.scope.labels(groups)
        return [label(group, index) for index, group in enumerate(groups)]


def end_block(planned: Groups, t: int) -> None:
    """Compare the run with other processes; at the end of the plan, log metric rules that have observed no metric."""
    clock, run = planned.clock, planned.clock if planned.lead is None else planned.lead.clock
    planned.comparison.compare(t, planned.in_force, clock.states)
    if clock.states and run.warns_of_metrics and planned.in_force.is_over_at(t, clock.amount):
        idle = run.idle_rules(t)
        run.warns_of_metrics = False
        if idle:
            names = sorted({rule.metric for rule in idle})
            planned.parts.processes.log(
                "the plan is over after %d updates, and no metric was reported for %s: call scheduler.observe(%s)",
                t, ", ".join(map(str, idle)),
                ", ".join(f"{name}=…" if name.isidentifier() else f"**{{{name!r}: …}}" for name in names),
            )  # fmt: skip
