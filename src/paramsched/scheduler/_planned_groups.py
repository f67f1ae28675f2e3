"""The groups of one optimizer and the plan that writes them."""

from collections.abc import Iterator
from operator import is_
from typing import Any, final

import torch

from paramsched.base.user_warnings import warn_user
from paramsched.errors import ParamschedError, StateError
from paramsched.fields import label
from paramsched.plan.run_amounts import Amount
from paramsched.scheduler._clock import Clock, ResolvedPlan, RunPosition, UpdateTimes
from paramsched.scheduler._group_keys import (
    AMOUNT,
    COUNT,
    PLAN,
    Entry,
    Group,
    History,
    write_base_entries,
    write_position_entries,
)
from paramsched.scheduler._slots import LateGroups, Slot, bases_by_slot, slots_of, values_at, with_late_bases
from paramsched.scheduler._value_block import FloatColumn, ValueBlock
from paramsched.scheduler.consumption import ConsumptionSource
from paramsched.scheduler.updates import run_uncompiled


@final
class PlannedGroups:
    """Writes what a plan says into the groups of an optimizer, and watches what others write there.

    It holds the groups and not the optimizer, so that deleting an optimizer frees its memory at once.

    Between two updates these hold, and `is_unchanged` looks whether they still do:
    - `bound` are the optimizer's groups, the same dicts in the same order. The writers write into these.
    - Each group holds the values of update `clock.t`, and the first one the count and the number of the plan.

    What others wrote into a scheduled field is not looked for there: the writers see it on their way.
    """

    block: ValueBlock  # once it is bound

    def __init__(self, in_force: ResolvedPlan, clock: Clock, late_groups: LateGroups = "base") -> None:
        self.in_force, self.clock, self.late_groups = in_force, clock, late_groups
        self.history = History.starting_with(in_force.plan.text, clock.t, clock.amount)
        self._before_seek = -1, self.history  # the update that `seek` went to, and the history before it
        self.source: ConsumptionSource | None = None  # of a plan that is not by updates, once it is bound
        self.bound: list[Group] = []
        self._first: Group = {}
        self._number = 0  # of the plan in force
        # Torch's distributed checkpoint puts an lr of its own into the groups: so this is looked at too.
        self._first_lr: Any = None
        self._lr_key = COUNT  # "lr" where the first group has it
        self._tuples: list[FloatColumn] = []
        self._has_tensors, self._fills = False, 0
        self._is_plain = False  # whether an update by hand may write first and look at the groups then
        self._has_warned = False
        self.released = False

    # ------------------------------------------------------------------ binding and writing

    def bind(self, groups: list[Group], block: ValueBlock) -> None:
        """Take a block that is at the current update, and write its values."""
        write_base_entries(bases_by_slot(block.slots), groups)
        block.write_initial()
        self._reset_source(groups)
        self._take(block, groups)

    def _reset_source(self, groups: list[Group]) -> None:
        """What is measured or compared begins anew."""
        self.clock.needs_check = False
        self.source = None if self.in_force.amounts is None else ConsumptionSource(self.in_force, self.clock, groups)

    def _take(self, block: ValueBlock, groups: list[Group]) -> None:
        """Write into these groups from now on, which hold the values of the block."""
        self.block = block
        self.write_position(groups)
        self.bound, self._first, self._number = list(groups), groups[0], self.in_force.number
        self._lr_key = "lr" if "lr" in groups[0] else COUNT
        self._first_lr = self._first[self._lr_key]
        self._tuples = [column for column in block.floats if column.tuple_size is not None]
        self._has_tensors, self._fills = bool(block.tensors), block.fill_count()
        self._is_plain = not (self._has_tensors or block.targets or self.source is not None)

    def write_position(self, groups: list[Group]) -> None:
        """Write into every group where the run is: at an update only the first one gets the count."""
        clock, unit = self.clock, None if self.source is None else self.source.unit
        write_position_entries(groups, clock.t, self.in_force.number, unit, clock.amount, clock.reported)

    def entry(self) -> Entry:
        """The plan and when it came into force, if that is now."""
        return Entry(self.clock.t, self.clock.amount, self.in_force.plan.text)

    def seek(self, position: RunPosition) -> None:
        """Go to an update at once."""
        t = position.t
        self.block.seek(position.times, self.clock.states)
        sought, before = self._before_seek
        history = before if sought == self.clock.t else self.history  # no update since: the last seek was a look
        self.clock.set_position(position)
        self.history, self._before_seek = history.resumed_at(t, position.amount), (t, history)
        self._write_values()
        self._reset_source(self.bound)
        self.write_position(self.bound)

    def rewrite(self) -> None:
        """Compute the values of the coming update anew, and write them."""
        self.block.seek(self.clock.times, self.clock.states)
        self._write_values()

    def _write_values(self) -> None:
        self.block.write_initial()
        self._first[COUNT] = self.clock.t  # the others get it when the optimizer is saved
        self._first_lr = self._first[self._lr_key]
        self._fills = self.block.fill_count()

    def values(self, *, last: bool = False) -> Iterator[tuple[Slot, float]]:
        """Each slot's value at the coming update, or at the one that was taken last, from the one evaluator."""
        clock, slots = self.clock, self.block.slots
        at = (clock.last_times, clock.used) if last else (clock.times, clock.states)
        return zip(slots, values_at(slots, *at), strict=True)

    def target_values(self, *, last: bool = False) -> Iterator[tuple[str, float]]:
        """Each target's name and its value, likewise."""
        clock = self.clock
        at = (clock.last_times, clock.used) if last else (clock.times, clock.states)
        return ((column.target.name, column.computed(*at)[0]) for column in self.block.targets)

    def release(self) -> None:
        """Stop writing. Values and entries stay in the groups."""
        self.bound, self.released, self._is_plain = [], True, False

    def require_attached(self, what: str) -> None:
        """Refuse a call of a Scheduler that does not write any more."""
        if self.released:
            raise ParamschedError(
                f"scheduler.{what}(): this Scheduler is detached, or another one has taken its optimizer over. "
                "Write ps.Scheduler(optimizer, plan) to go on."
            )

    # ------------------------------------------------------------------ at every update

    def is_unchanged(self, optimizer: Any) -> bool:
        """Whether the groups are those that were bound, and the first holds what it was left with. At every update.

        False too where the amount of the coming update has to be looked at.
        """
        try:
            groups = optimizer.param_groups
            first, clock = groups[0], self.clock
            return (
                first[COUNT] is clock.t
                and first[PLAN] is self._number
                and first[self._lr_key] is self._first_lr
                and groups == self.bound  # of the same dicts this compares nothing but addresses
                and not clock.needs_check
                and not (self._tuples and self.any_tuple_spoiled())
            )
        except (LookupError, RuntimeError, ValueError):
            return False  # an entry is gone, or tensors of unlike shapes stand where others stood

    def any_tuple_spoiled(self) -> bool:
        """Whether one of the tuples is another thing now."""
        try:
            for column in self._tuples:
                if column.any_tuple_spoiled():
                    return True
        except (LookupError, TypeError):
            return True
        return False

    def before_update(self, optimizer: Any) -> None:
        """Where `is_unchanged` is false ahead of an update: bind groups that came since. Nothing else is written.

        Raises:
            MissingFact: the plan's clock counts an amount, and nothing says how much this update takes.
        """
        run_uncompiled(PlannedGroups.sync)(self, optimizer.param_groups)
        if self.clock.needs_check and self.source is not None:
            run_uncompiled(ConsumptionSource.check_amount)(self.source)

    def advance(self, optimizer: Any) -> None:
        """One update has happened, ahead of which `is_unchanged` was asked: write the values of the next."""
        groups: list[Group] = optimizer.param_groups
        clock, block = self.clock, self.block
        clock.t = t = clock.t + 1
        try:
            if block.amounts is not None:
                coming = next(block.amounts, None)
                if coming is None or clock.reported is not None:
                    run_uncompiled(PlannedGroups._consume)(self, coming)
                else:
                    clock.last_amount, clock.amount = clock.amount, coming
                groups[0][AMOUNT] = clock.amount
            if self._has_tensors and (block.fill_count() != self._fills or block.views_replaced()):
                run_uncompiled(PlannedGroups._check_tensors)(self, groups)
            for _ in block.writer:  # one entry; `next` and its exception would take as long as a write
                break
            else:
                run_uncompiled(PlannedGroups._write_next_block)(self, t)
            first = groups[0]
            if first is not self._first:  # exchanged while the step was on
                run_uncompiled(PlannedGroups.sync)(self, groups)
            first[COUNT] = t
            self._first_lr = first[self._lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(PlannedGroups._refuse_spoiled)(self, groups, error)
        if block.overwritten:
            run_uncompiled(PlannedGroups._warn_overwritten)(self, groups)
        if self._has_tensors:
            self._fills = block.fill_count()

    def advance_by_hand(self, optimizer: Any) -> None:
        """The same where no hook ran before the update: the groups are looked at once, after the write.

        That is safe. The writers know their own groups only, and what is written into one that has left is not used.
        A write that cannot be done again is not: tensors and targets are looked at first. So is an amount, which is
        asked for before its update.
        """
        if not self._is_plain:
            self.require_attached("step")
            if not self.is_unchanged(optimizer):
                self.before_update(optimizer)
            self.advance(optimizer)
            if not self.is_unchanged(optimizer):  # a copy of a group holds another tensor than the one just written
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
                run_uncompiled(PlannedGroups._write_next_block)(self, t + 1)
            first = groups[0]
            if first[COUNT] is t and first[PLAN] is self._number and groups == self.bound:
                first[COUNT] = clock.t = clock.acknowledged_at = t + 1
            else:
                run_uncompiled(PlannedGroups._rebind_and_advance)(self, groups, None)
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(PlannedGroups._rebind_and_advance)(self, groups, error)
        if block.overwritten:
            run_uncompiled(PlannedGroups._warn_overwritten)(self, groups)

    def _write_next_block(self, t: int) -> None:
        block = self.block
        if block.amounts is not None:  # `_consume` has extended it; so an interrupt has ended the writers
            self.rewrite()
            return
        block.extend(UpdateTimes.at(t - 1, None).following(None, block.next_size()), self.clock.states)
        next(block.writer)

    def _consume(self, expected: Amount | None) -> None:
        """An update consumed another amount, or the block is used up: let the block go on from there."""
        clock, block, source = self.clock, self.block, self.source
        assert source is not None
        times = source.coming_times(expected, block)
        if times is None:
            clock.last_amount, clock.amount = clock.amount, expected
        else:
            assert times.amounts is not None
            clock.last_amount, clock.amount = clock.amount, times.amounts[0].item()
            block.extend(times, clock.states)
            assert block.amounts is not None
            next(block.amounts)

    def _rebind_and_advance(self, groups: list[Group], error: Exception | None) -> None:
        """By hand, where something is not as it was left: bind the groups as of this update, then advance."""
        bound_anew = self.sync(groups)
        self.clock.t += 1
        if error is not None and not bound_anew:
            self._refuse_spoiled(groups, error)
        overwritten = list(self.block.overwritten)
        self.rewrite()
        self.clock.acknowledged_at = self.clock.t
        self.block.overwritten.extend(overwritten)

    # ------------------------------------------------------------------ what others did

    def sync(self, groups: list[Group]) -> bool:
        """Bind groups that came, went or were exchanged since; whether there were any.

        It looks without haste: equal copies are seen too, and a field that others wrote is no change.
        """
        self._require_groups(groups, self.bound)
        changed = self._entries_replaced(groups) or self._groups_changed(groups) or self.any_tuple_spoiled()
        if changed:
            self._rebind(groups)
        return changed

    def _rebind(self, groups: list[Group]) -> None:
        """Bind the groups as they are now, and write only into those that need it."""
        plan, clock = self.in_force.counted, self.clock
        slots = slots_of(plan, groups)
        if self.bound:
            slots = with_late_bases(slots, groups, clock, self.late_groups)
        anew = not self.bound or self._entries_replaced(groups)
        before = {} if anew else _by_group(self.block.slots, self.bound)
        now = _by_group(slots, groups)
        strange = {
            index
            for index, group in enumerate(groups)
            if COUNT not in group
            or not equals_number(group.get(PLAN), self.in_force.number)
            or before.get(id(group)) != now[id(group)]
        }
        mine = tuple(slot for slot in slots if slot.group in strange)
        late = ValueBlock(plan, mine, groups, clock.times, clock.states, targets=False)
        write_base_entries(bases_by_slot(slots), groups)
        late.write_initial()
        block = ValueBlock(plan, slots, groups, clock.times, clock.states)
        block.install_views()
        self._take(block, groups)

    def _groups_changed(self, groups: list[Group]) -> bool:
        """Whether they are other dicts than those that were bound, equal ones too."""
        return len(groups) != len(self.bound) or not all(map(is_, groups, self.bound))

    def _entries_replaced(self, groups: list[Group]) -> bool:
        """Whether the first group has other entries of ours, say those of a checkpoint."""
        first = groups[0]
        count, number = first.get(COUNT), first.get(PLAN)
        ours = bool(self.bound) and first is self.bound[0]
        return ours and not (equals_number(count, self.clock.t) and equals_number(number, self._number))

    def _require_groups(self, groups: list[Group], bound: list[Group]) -> None:
        """Refuse groups that are gone, and tuples that have lost an element or gained one."""
        if not groups:
            raise StateError("optimizer.param_groups is empty: the groups that the plan writes have been taken out")
        if self._tuples:
            ours = {id(group) for group in bound}
            self.require_lengths([group if id(group) in ours else {} for group in groups])

    def require_lengths(self, groups: list[Group]) -> None:
        """Refuse groups in which a tuple is longer or shorter than it was when it was bound."""
        for column in self._tuples:
            column.require_lengths(groups)

    def _check_tensors(self, groups: list[Group]) -> None:
        """Someone filled or replaced one of the tensors; after this the groups hold ours."""
        if self._groups_changed(groups):  # while the step was on: bound anew before the next
            return
        held = {(slot.group, slot.field) for column in self.block.tensors for slot in column.slots}
        for slot, planned in self.values(last=True):
            if (slot.group, slot.field) in held:
                group = groups[slot.group]
                self.block.overwritten.append((slot.field, group, slot.field.read(group), planned))
        self._warn_overwritten(groups)
        self.block.install_views()

    def _warn_overwritten(self, groups: list[Group]) -> None:
        """Warn once, of the first value that was not as planned, in a group that the optimizer still has.

        What the writers found may equal the plan: they look for the very object that they wrote.
        """
        places = {id(group): index for index, group in enumerate(groups)}
        for field, group, found, planned in self.block.overwritten:
            if not self._has_warned and id(group) in places and not _is_planned(found, planned):
                self._has_warned = True
                warn_user(
                    f"{field} of group {label(group, places[id(group)])!r} was {found!r} at update {self.clock.t - 1} "
                    f"instead of the planned {planned!r}: something else wrote it. It was used for one update; the "
                    "plan goes on. To change a value for good, change the plan."
                )
        self.block.overwritten.clear()

    def _refuse_spoiled(self, groups: list[Group], error: Exception) -> None:
        """The values could not be written: an entry is gone or spoiled.

        Raises:
            PlanError: an entry that is no number. The plan goes on where there is one again.
            StateError: there are no groups left.
        """
        bound, self.bound = self.bound, []  # bound anew before the next update
        self._require_groups(groups, bound)
        slots_of(self.in_force.counted, groups)
        raise error  # of a target's own function, say


def equals_number(found: Any, number: int) -> bool:
    """Whether an entry is that number; it may be anything.

    >>> equals_number(3, 3), equals_number(3.0, 3), equals_number("three", 3)
    (True, False, False)
    """
    return isinstance(found, int) and found == number


def _is_planned(found: Any, planned: float) -> bool:
    """Whether an entry is the planned value, rounded where it is a tensor."""
    try:
        if isinstance(found, torch.Tensor):
            found, planned = float(found), float(torch.tensor(planned, dtype=found.dtype))
        return bool(found == planned or (found != found and planned != planned))  # NaN is NaN here
    except (TypeError, ValueError, RuntimeError):  # a thing that compares as nothing else does
        return False


def _by_group(slots: tuple[Slot, ...], groups: list[Group]) -> dict[int, list[tuple[Any, int]]]:
    found: dict[int, list[tuple[Any, int]]] = {id(group): [] for group in groups}
    for slot in slots:
        found[id(groups[slot.group])].append((slot.field, id(slot.schedule)))
    return found
