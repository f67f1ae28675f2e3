"""The param groups of one optimizer, and the plan that writes them."""

from collections.abc import Iterator, Mapping, Sequence
from operator import is_
from typing import Any, final

import torch

from paramsched.errors import ParamschedError, StateError
from paramsched.fields import label
from paramsched.plan.optimizers import Scope
from paramsched.plan.run_amounts import Amount, ReportedProgress
from paramsched.runs.consumption import ConsumptionSource, FollowedAmounts
from paramsched.runs.deadline import start_run
from paramsched.runs.processes import warn_on_rank_0
from paramsched.runs.progress import ProgressSource
from paramsched.runs.rank_agreement import RunAgreement
from paramsched.scheduler.block import FloatColumn, TargetColumn, ValueBlock, Values
from paramsched.scheduler.group_keys import (
    AMOUNT,
    COUNT,
    NO_PLAN,
    PLAN,
    Entry,
    Group,
    History,
    remove_entries,
    write_base_entries,
    write_position_entries,
)
from paramsched.scheduler.run_state import ResolvedPlan, RuleStates, RunPosition, RunState, UpdateTimes
from paramsched.scheduler.slots import (
    LateGroups,
    Slot,
    bases_by_slot,
    present_values,
    slots_of,
    values_at,
    with_late_bases,
)
from paramsched.scheduler.updates import run_uncompiled


@final
class Groups:
    """Writes the values of a plan into the groups of an optimizer, and detects external writes.

    It references the groups and not the optimizer, so that deleting an optimizer frees its memory at once.

    Between two updates the following is true, and `is_unchanged` checks it:
    - `bound` are the optimizer's groups, the same dicts in the same order. The writers write into these.
    - Each group contains the values of update `clock.t`. The first group contains the count and the plan's number.

    `is_unchanged` does not check scheduled fields, because the writers detect external writes.

    Args:
        in_force: the plan.
        clock: the clock of the optimizer.
        late_groups: as in `ps.Scheduler`.
        scope: the lines of the plan that concern the optimizer; None if it is the only one.
        lead: the clock, the targets and the consumption of a run of several optimizers; None if it is the only one.
        starts_updates: True if a step of one of several optimizers may start an update of the run.
    """

    block: ValueBlock  # set by `bind`
    agreement: RunAgreement  # set by `bind`

    def __init__(
        self,
        in_force: ResolvedPlan,
        clock: RunState,
        late_groups: LateGroups = "base",
        scope: Scope | None = None,
        lead: "Groups | None" = None,
        *,
        starts_updates: bool = False,
    ) -> None:
        self.in_force, self.clock, self.late_groups = in_force, clock, late_groups
        self.scope, self.lead, self.starts_updates = scope, lead, starts_updates
        self.history = History((self.entry(),))
        self._before_seek = -1, self.history  # the update of the last `seek`, and the history before it
        # The last change of the plan: its update, and the slots, targets and states that the update before it used.
        self._before_change: tuple[int, tuple[Slot, ...], list[TargetColumn], RuleStates] = (-1, (), [], {})
        # Set by `bind` if the plan is not by updates.
        self.consumption: ConsumptionSource | ProgressSource | FollowedAmounts | None = None
        self.bound: list[Group] = []
        self._first: Group = {}
        self._number = 0  # of the plan in force
        # Compared by `is_unchanged`, because torch's distributed checkpoint temporarily writes another lr.
        self._first_lr: Any = None
        self._lr_key = COUNT  # "lr" if the first group has one
        self._tuples: list[FloatColumn] = []
        self._has_tensors, self._fills = False, 0
        self._is_plain = False  # True if a manual update may write before it checks the groups
        self._has_warned = False
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

    @property
    def param_groups(self) -> list[Group]:
        """The bound groups, for updates in which the optimizer does not step."""
        return self.bound

    def bind(self, groups: list[Group], block: ValueBlock, held: Values | None = None) -> None:
        """Write the values of the current update, the first ones of `block`, and use `block` for later updates.

        Args:
            groups: the groups of the optimizer.
            block: the values, computed for the current update.
            held: the values of the coming step, if the optimizer is behind the first update of the plan.
        """
        self._start_hold(self.clock.t, held)
        self._hold(block)
        write_base_entries(bases_by_slot(block.slots), groups)
        block.write_initial()
        self._reset_source(groups)
        self._take(block, groups)

    def _start_hold(self, t: int, held: Values | None) -> None:
        """Hold values until update `t` is completed, if the run is ahead of it."""
        is_behind = self.lead is not None and t < self.lead.clock.t
        self.held = held if held is not None and is_behind else {}

    def _hold(self, block: ValueBlock) -> None:
        """Replace the values of a block, which was just computed, by those that are held."""
        if self.held:
            block.hold(self.held)

    def _reset_source(self, groups: list[Group]) -> None:
        """Replace the source of consumption by a new one, which discards earlier measurements and comparisons."""
        self.clock.needs_check = False
        amounts, lead = self.in_force.amounts, self.lead
        self.agreement = RunAgreement(groups, amounts)
        if amounts is None:
            self.consumption = None
        elif lead is not None:
            check = lead.check_amount if self.starts_updates else None
            self.consumption = FollowedAmounts(amounts, lead.clock, self.clock, lambda: lead.in_force, check)
        elif isinstance(amounts, ReportedProgress):
            self.consumption = ProgressSource(self.in_force, self.clock, groups)
        else:
            self.consumption = ConsumptionSource(self.in_force, self.clock, groups)

    def _take(self, block: ValueBlock, groups: list[Group]) -> None:
        """Use this block and these groups from now on. The groups already contain the first values of the block."""
        self.block = block
        self.write_position(groups)
        self.bound, self._first = list(groups), groups[0]
        self._lr_key = "lr" if "lr" in groups[0] else COUNT
        self._first_lr = self._first[self._lr_key]
        self._tuples = [column for column in block.floats if column.tuple_size is not None]
        self._has_tensors, self._fills = bool(block.tensors), block.fill_count()
        self._is_plain = not (self._has_tensors or block.targets or self.consumption is not None)

    def write_position(self, groups: list[Group]) -> None:
        """Write the position of the run into every group; an update writes its count into the first group only."""
        clock, unit = self.clock, None if self.consumption is None else self.consumption.unit
        run = clock if self.lead is None else self.lead.clock
        reported = run.reported if clock.t == run.t else None
        self._number = NO_PLAN if self.held else self.in_force.number
        write_position_entries(groups, clock.t, self._number, unit, clock.amount, reported)

    def entry(self) -> Entry:
        """Return the history entry of the current plan, in force from the current position on."""
        return Entry(self.clock.t, self.clock.amount, self.in_force.text, self.in_force.note)

    def started_at(self, position: RunPosition, plan: ResolvedPlan | None = None) -> ResolvedPlan:
        """Return the plan for a start at a position: with another horizon, if the run has a deadline.

        Args:
            position: the position.
            plan: the plan. Default: the plan in force.
        """
        if self.lead is not None:
            return self.lead.in_force
        one = plan or self.in_force
        return one if one.start is None else start_run(one.plan, one.calendar, position, one.optimizers, one.note)

    def seek(self, position: RunPosition, held: Values | None = None) -> None:
        """Jump to a position, and write its values; `held` as in `bind`."""
        t, in_force = position.t, self.started_at(position)
        self._start_hold(t, held)
        if in_force is not self.in_force:
            self._use_horizon(in_force)
        self.block.seek(position.times, self.clock.states)
        sought, before = self._before_seek
        history = before if sought == self.clock.t else self.history  # undo a seek that no update followed
        self.clock.set_position(position)
        self._before_seek = t, history
        self.history = history.resumed_at(t, position.amount)
        if in_force.start is not None:  # each start has another horizon
            self.history = self.history.with_plan(self.entry())
        self._write_values()
        self._reset_source(self.bound)
        self.write_position(self.bound)

    def change_plan(self, in_force: ResolvedPlan, scope: Scope | None, states: RuleStates, block: ValueBlock) -> None:
        """Continue with another plan, whose values at the current update are those of `block`.

        An optimizer that is behind the run keeps its values for the coming step.
        """
        clock, before = self.clock, self.block
        self._before_change = (self.lead or self).clock.t, before.slots, before.targets, clock.used
        self.in_force, self.scope, clock.states = in_force, scope, states
        self._start_hold(clock.t, present_values((*before.slots, *block.slots), self.bound))
        self._hold(block)
        write_base_entries(bases_by_slot(block.slots), self.bound)
        block.write_initial()
        if isinstance(self.consumption, ConsumptionSource) and self.consumption.is_measured:
            self.consumption.in_force = in_force  # the measurement of time continues
        else:
            self._reset_source(self.bound)
        self._take(block, self.bound)

    def move(self, amount: Amount) -> None:
        """Move to a reported amount before the next update, and write its values."""
        clock = self.clock
        size = 1 if self.held else 2  # the end of the coming update writes the second
        self.block.seek(UpdateTimes.held(clock.t, amount, size), clock.states)
        clock.amount = amount
        self._write_values()
        self._first[AMOUNT] = amount

    def rewrite(self) -> None:
        """Recompute the values of the next update, and write them."""
        self.block.seek(self.clock.times, self.clock.states)
        self._write_values()

    def _write_values(self) -> None:
        self._hold(self.block)
        self.block.write_initial()
        self._first[COUNT] = self.clock.t  # the other groups get the count when the optimizer is saved
        self._first_lr = self._first[self._lr_key]
        self._fills = self.block.fill_count()

    def values(self, clock: RunState | None = None, *, last: bool = False) -> Iterator[tuple[Slot, float]]:
        """Return pairs (slot, value) for the next update, or for the last completed update if `last` is True.

        Args:
            clock: the clock of the run. Default: that of the optimizer.
            last: True for the last completed update.
        """
        clock = clock or self.clock
        slots, _, times, states = self._followed(clock, last=last)
        return zip(slots, values_at(slots, times, states), strict=True)

    def target_values(self, *, last: bool = False) -> Iterator[tuple[str, float]]:
        """Return pairs (target name, value) for the next update, or for the last completed one if `last` is True."""
        _, targets, times, states = self._followed(self.clock, last=last)
        return ((column.target.name, column.computed(times, states)[0]) for column in targets)

    def _followed(
        self, clock: RunState, *, last: bool
    ) -> tuple[tuple[Slot, ...], list[TargetColumn], UpdateTimes, RuleStates]:
        """Return the slots, the targets, the time and the states of the next update, or of the last completed one."""
        block = self.block
        if not last:
            return block.slots, block.targets, clock.times, clock.states
        update, slots, targets, states = self._before_change
        if update == clock.t:
            return slots, targets, clock.last_times, states
        return block.slots, block.targets, clock.last_times, clock.used

    def values_of_other_plan(self, groups: list[Group]) -> Values | None:
        """Return the values in groups that another plan has written; None if the plan in force has."""
        if PLAN not in groups[0] or equals_number(groups[0][PLAN], self.in_force.number):
            return None
        return present_values(self.slots(groups), groups)

    @property
    def pending(self) -> Values:
        """The values of the coming step of an optimizer that is behind the run."""
        return {(slot.group, slot.field.slot): value for slot, value in self.values()} | dict(self.held)

    def release(self) -> None:
        """Stop writing. The groups keep the written values and the entries of paramsched."""
        self.bound, self.released, self._is_plain = [], True, False

    def remove_entries(self, groups: list[Group]) -> None:
        """Remove all entries of paramsched from the groups; values remain."""
        self.block.remove_views(groups)
        remove_entries(groups)

    def require_attached(self, what: str) -> None:
        """Raise if this Scheduler is detached."""
        if self.released:
            raise ParamschedError(
                f"scheduler.{what}(): this Scheduler is detached, or another one has taken its optimizer over. "
                "Write ps.Scheduler(optimizer, plan) to continue."
            )

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
                and first[PLAN] is self._number
                and first[self._lr_key] is self._first_lr
                and groups == self.bound  # compares only addresses if the dicts are the same
                and not clock.needs_check
                and not (self._tuples and self.any_tuple_spoiled())
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
            for column in self._tuples:
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
        run_uncompiled(Groups.sync)(self, optimizer.param_groups)
        self.check_amount()

    def check_amount(self) -> None:
        """Check the consumption of the next update, if it must be checked before that update."""
        if self.clock.needs_check and self.consumption is not None:
            run_uncompiled(Groups._check_amount)(self)

    def _check_amount(self) -> None:
        source = self.consumption
        assert source is not None
        source.check_amount()
        if source.in_force.start is not self.in_force.start:  # that of another Scheduler of rank 0
            self._use_horizon(source.in_force)
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
                run_uncompiled(Groups._check_tensors)(self, groups)
            for _ in block.writer:  # resumes the writer once; `next` and its exception would cost as much as a write
                break
            else:
                run_uncompiled(Groups._write_next_block)(self, t)
            first = groups[0]
            if first is not self._first:  # replaced during the step
                run_uncompiled(Groups.sync)(self, groups)
            first[COUNT] = t
            self._first_lr = first[self._lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(Groups._refuse_spoiled)(self, groups, error)
        if block.overwritten:
            run_uncompiled(Groups._warn_overwritten)(self, groups)
        if self._has_tensors:
            self._fills = block.fill_count()

    def advance_by_hand(self, optimizer: Any) -> None:
        """Count one update before which no hook ran: the groups are checked once, after the write.

        This is safe because the writers write only into their own groups, and removed groups are not used. It is not
        safe for writes that cannot be repeated: with tensors and targets the groups are checked first. They are also
        checked first if the plan's clock counts an amount, because the consumption must be known before the update.
        """
        if not self._is_plain:
            self.require_attached("step")
            if not self.is_unchanged(optimizer):
                self.before_update(optimizer)
            self.advance(optimizer)
            if not self.is_unchanged(optimizer):  # a copied group contains another tensor than the one just written
                self.sync(optimizer.param_groups)
            self.clock.acknowledged_at = self.clock.t
            return
        groups: list[Group] = optimizer.param_groups
        clock, block = self.clock, self.block
        t = clock.t
        try:
            for _ in block.writer:
                break
            else:
                run_uncompiled(Groups._write_next_block)(self, t + 1)
            first = groups[0]
            if first[COUNT] is t and first[PLAN] is self._number and groups == self.bound:
                first[COUNT] = clock.t = clock.acknowledged_at = t + 1
            else:
                run_uncompiled(Groups._rebind_and_advance)(self, groups, None)
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(Groups._rebind_and_advance)(self, groups, error)
        if block.overwritten:
            run_uncompiled(Groups._warn_overwritten)(self, groups)

    def _end_hold(self) -> None:
        """Follow the plan in force, after a step with held values, which are alone in their block."""
        if self.held:
            self.held = {}
            self.write_position(self.bound)

    def _write_next_block(self, t: int) -> None:
        block = self.block
        self._end_hold()
        if block.amounts is not None:  # `_consume` has extended the block, so an interrupt ended the writers
            self.rewrite()
            return
        block.extend(UpdateTimes.at(t - 1, None).following(None, block.next_size()), self.clock.states)
        self.agreement.compare(t, self.in_force, self.clock.states)
        next(block.writer)

    def _consume(self, expected: Amount | None) -> None:
        """Compute the next values, after an update that used the last ones or did not consume the `expected` amount."""
        clock, block, source = self.clock, self.block, self.consumption
        assert source is not None
        self._end_hold()
        times = source.coming_times(expected, block)
        if times is None:
            clock.last_amount, clock.amount = clock.amount, expected
        else:
            assert times.amounts is not None
            clock.last_amount, clock.amount = clock.amount, times.amounts[0].item()
            if source.in_force is not self.in_force and source.in_force.plan is self.in_force.plan:
                self._use_horizon(source.in_force)
                self.history = self.history.with_plan(self.entry())
            block.extend(times, clock.states)
            self.agreement.compare(clock.t, self.in_force, clock.states)
            assert block.amounts is not None
            next(block.amounts)

    def _use_horizon(self, in_force: ResolvedPlan) -> None:
        """Use the plan with another horizon for all values that are computed from now on."""
        self.in_force = in_force
        self.block.follow(in_force.counted, self.slots(self.bound))

    def _rebind_and_advance(self, groups: list[Group], error: Exception | None) -> None:
        """Bind the groups at this update, then advance: the slow path of `advance_by_hand`."""
        bound_anew = self.sync(groups)
        self.clock.t += 1
        if error is not None and not bound_anew:
            self._refuse_spoiled(groups, error)
        overwritten = list(self.block.overwritten)
        self.rewrite()
        self.clock.acknowledged_at = self.clock.t
        self.block.overwritten.extend(overwritten)

    # ------------------------------------------------------------------ changes from outside

    def sync(self, groups: list[Group]) -> bool:
        """Bind the groups again if groups were added, removed or replaced; return whether they were.

        This check is slower than `is_unchanged`, because it also detects groups that were replaced by equal copies. It
        does not detect external writes of values.
        """
        self._require_groups(groups, self.bound)
        changed = self._entries_replaced(groups) or self._groups_changed(groups) or self.any_tuple_spoiled()
        if changed:
            self._rebind(groups)
        return changed

    def _rebind(self, groups: list[Group]) -> None:
        """Bind the current groups, and write only into new or changed ones."""
        plan, clock = self.in_force.counted, self.clock
        slots = self.slots(groups)
        if self.bound:
            slots = with_late_bases(slots, groups, clock, self.late_groups, self.labels(groups))
        anew = not self.bound or self._entries_replaced(groups)
        before = {} if anew else _by_group(self.block.slots, self.bound)
        now = _by_group(slots, groups)
        strange = {
            index
            for index, group in enumerate(groups)
            if COUNT not in group
            or not equals_number(group.get(PLAN), self._number)
            or before.get(id(group)) != now[id(group)]
        }
        mine = tuple(slot for slot in slots if slot.group in strange)
        late = ValueBlock(plan, mine, groups, clock.times, clock.states, targets=False)
        write_base_entries(bases_by_slot(slots), groups)
        late.write_initial()
        block = self.new_block(slots, groups, clock.times, clock.states)
        if self.held:  # the groups may have other indices now
            self.held = present_values(slots, groups)
            block.hold(self.held)
        block.install_views()
        self._take(block, groups)

    def _groups_changed(self, groups: list[Group]) -> bool:
        """Return whether the groups are not the bound dicts themselves; equal copies count as changed."""
        return len(groups) != len(self.bound) or not all(map(is_, groups, self.bound))

    def _entries_replaced(self, groups: list[Group]) -> bool:
        """Return whether other code changed the count or the plan's number in the first group, such as a checkpoint."""
        first = groups[0]
        count, number = first.get(COUNT), first.get(PLAN)
        ours = bool(self.bound) and first is self.bound[0]
        return ours and not (equals_number(count, self.clock.t) and equals_number(number, self._number))

    def _require_groups(self, groups: list[Group], bound: list[Group]) -> None:
        """Raise if there are no groups, or if a tuple such as `betas` has another length than when it was bound."""
        if not groups:
            raise StateError("optimizer.param_groups is empty: the groups that the plan writes were removed")
        if self._tuples:
            ours = {id(group) for group in bound}
            self.require_lengths([group if id(group) in ours else {} for group in groups])

    def require_lengths(self, groups: list[Group]) -> None:
        """Raise if a tuple in a group has another length than when it was bound."""
        for column in self._tuples:
            column.require_lengths(groups)

    def _check_tensors(self, groups: list[Group]) -> None:
        """Warn of tensors that other code filled or replaced, and write the original tensors into the groups again."""
        if self._groups_changed(groups):  # the groups changed during the step; `before_update` binds them
            return
        held = {(slot.group, slot.field) for column in self.block.tensors for slot in column.slots}
        for slot, planned in self.values(last=True):
            if (slot.group, slot.field) in held:
                group = groups[slot.group]
                self.block.overwritten.append((slot.field, group, slot.field.read(group), planned))
        self._warn_overwritten(groups)
        self.block.install_views()

    def _warn_overwritten(self, groups: list[Group]) -> None:
        """Warn once of the first value that differed from the plan, in a group that the optimizer still has.

        The recorded values may equal the plan, because the writers compare object identities.
        """
        places = {id(group): index for index, group in enumerate(groups)}
        for field, group, found, planned in self.block.overwritten:
            if not self._has_warned and id(group) in places and not _is_planned(found, planned):
                self._has_warned = True
                name = self.labels(groups)[places[id(group)]]
                warn_on_rank_0(
                    f"{field} of group {name!r} was {found!r} at update {self.clock.t - 1} "
                    f"instead of the planned {planned!r}: other code wrote it. It was used for one update; the next "
                    "one uses the plan again. To change a value permanently, change the plan."
                )
        self.block.overwritten.clear()

    def labels(self, groups: list[Group]) -> Sequence[str | int]:
        """Return the label of each group for messages."""
        if self.scope is not None:
            return self.scope.labels(groups)
        return [label(group, index) for index, group in enumerate(groups)]

    def _refuse_spoiled(self, groups: list[Group], error: Exception) -> None:
        """Raise the error that explains why values could not be written: an entry is missing or invalid.

        Raises:
            PlanError: an entry is not a number. The plan continues once it is a number again.
            StateError: the optimizer has no groups.
        """
        bound, self.bound = self.bound, []  # bound again before the next update
        self._require_groups(groups, bound)
        self.slots(groups)
        raise error  # raised, for example, by the function of a target


def equals_number(found: Any, number: int) -> bool:
    """Return whether an entry of any type is an integer equal to `number`.

    >>> equals_number(3, 3), equals_number(3.0, 3), equals_number("three", 3)
    (True, False, False)
    """
    return isinstance(found, int) and found == number


def _is_planned(found: Any, planned: float) -> bool:
    """Return whether an entry equals the planned value, rounded to the dtype of the entry if that is a tensor."""
    try:
        if isinstance(found, torch.Tensor):
            found, planned = float(found), float(torch.tensor(planned, dtype=found.dtype))
        return bool(found == planned or (found != found and planned != planned))  # NaN counts as equal to NaN
    except (TypeError, ValueError, RuntimeError):  # an object whose comparison is not a bool
        return False


def _by_group(slots: tuple[Slot, ...], groups: list[Group]) -> dict[int, list[tuple[Any, int]]]:
    found: dict[int, list[tuple[Any, int]]] = {id(group): [] for group in groups}
    for slot in slots:
        found[id(groups[slot.group])].append((slot.field, id(slot.schedule)))
    return found
