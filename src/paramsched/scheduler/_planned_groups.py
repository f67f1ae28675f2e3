"""The groups of one optimizer and the plan that writes them."""

from collections.abc import Iterable, Iterator
from typing import Any, final

from paramsched.errors import ParamschedError
from paramsched.plan import Target
from paramsched.plan.binding import is_by_amount
from paramsched.plan.run_amounts import Amount
from paramsched.scheduler._clock import Clock, PlanInForce, RuleStates, Standing, UpdateTimes
from paramsched.scheduler._group_keys import AMOUNT, COUNT, PLAN, Entry, Group, History, note_bases, note_position
from paramsched.scheduler._slots import LateGroups, Slot, slots_of, values_at, values_of, with_late_bases
from paramsched.scheduler._value_block import GroupWatch, ValueBlock, equals_number, warn_of_foreign_write
from paramsched.scheduler.told_amounts import AmountSource
from paramsched.scheduler.updates import run_uncompiled


@final
class PlannedGroups:
    """Writes what a plan says into the groups of an optimizer, and watches what others write there.

    It holds the groups and not the optimizer, so that deleting an optimizer frees its memory at once.

    Between two updates these hold, and `watch.as_left` looks whether they still do:
    - `watch.bound` are the optimizer's groups, the same dicts in the same order. The writers write into these.
    - Each group holds the values of update `clock.t`, and the first one the count and the number of the plan.
    """

    def __init__(self, in_force: PlanInForce, clock: Clock, late_groups: LateGroups = "base") -> None:
        self.in_force, self.clock, self.late_groups = in_force, clock, late_groups
        self.history = History.begun(in_force.plan.text, clock.t, clock.amount)
        self._before_seek = -1, self.history  # the update that `seek` went to, and the history before it
        self.watch = GroupWatch(clock)
        self.source: AmountSource | None = None  # of a plan that is not by updates, once it is bound
        self.block = ValueBlock(in_force.counted, (), [])
        self._has_tensors, self._fills = False, 0
        self._is_plain = False  # whether an update by hand may write first and look at the groups then
        self._has_warned = False
        self.released = False

    # ------------------------------------------------------------------ binding and writing

    def bind(self, groups: list[Group], block: ValueBlock) -> None:
        """Take a block that is at the current update, and write its values."""
        _note_bases(block.slots, groups)
        block.put()
        self._begin_amounts(groups)
        self._take(block, groups)

    def say(self, amount: Amount | None) -> None:
        """The coming update consumes so much, and what was said before; None says nothing."""
        if amount is not None and self.source is not None:
            self.source.say(amount)

    def _begin_amounts(self, groups: list[Group]) -> None:
        """What is measured or compared begins anew."""
        self.clock.unsettled = False
        self.source = None if self.in_force.amounts is None else AmountSource(self.in_force, self.clock, groups)

    def _take(self, block: ValueBlock, groups: list[Group]) -> None:
        """Write into these groups from now on, which hold the values of the block."""
        self.block = block
        self.note(groups)
        self.watch.bind(groups, block, self.in_force.number)
        self._has_tensors, self._fills = bool(block.tensors), block.fill_count()
        self._is_plain = not (self._has_tensors or block.targets or self.source is not None)

    def note(self, groups: list[Group]) -> None:
        clock, source = self.clock, self.source
        unit = None if source is None else source.unit
        note_position(groups, clock.t, self.in_force.number, unit, clock.amount, clock.said)

    def entry(self) -> Entry:
        return Entry(self.clock.t, self.clock.amount, self.in_force.plan.text)

    def seek(self, standing: Standing) -> None:
        """Go to an update at once."""
        t = standing.t
        self.block.seek(standing.times, self.clock.states)
        sought, before = self._before_seek
        history = before if sought == self.clock.t else self.history  # no update since: the last seek was a look
        self.clock.stand_at(standing)
        self.history, self._before_seek = history.standing_at(t, standing.amount), (t, history)
        self._put()
        self._begin_amounts(self.watch.bound)
        self.note(self.watch.bound)

    def rewrite(self) -> None:
        self.block.seek(self.clock.times, self.clock.states)
        self._put()

    def _put(self) -> None:
        watch = self.watch
        self.block.put()
        watch.first[COUNT] = self.clock.t  # the others get it when the optimizer is saved
        watch.first_lr = watch.first[watch.lr_key]
        self._fills = self.block.fill_count()

    def values(self) -> Iterator[tuple[Slot, float]]:
        """Each slot's value at the coming update, from the one evaluator."""
        clock = self.clock
        return zip(self.block.slots, values_at(self.block.slots, clock.times, clock.states), strict=True)

    def last_values(self) -> Iterator[tuple[Slot, float]]:
        """Each slot's value at the update that was taken last."""
        clock = self.clock
        return zip(self.block.slots, values_at(self.block.slots, clock.last_times, clock.used), strict=True)

    def target_values(self, times: UpdateTimes, states: RuleStates) -> Iterator[tuple[str, float]]:
        """Each target's name and its value at an update."""
        counted = self.in_force.counted
        for binding in counted.bindings:
            if isinstance(binding.field, Target):
                at = times.on_clock(by_amount=is_by_amount(counted.clock, binding.name))
                yield binding.name, float(values_of(binding.schedule, at, binding.field.initial, states)[0])

    def release(self) -> None:
        """Stop writing. Values and entries stay in the groups."""
        self.watch.bound, self.released, self._is_plain = [], True, False

    def require_alive(self, what: str) -> None:
        """Refuse a call of a Scheduler that does not write any more."""
        if self.released:
            raise ParamschedError(
                f"scheduler.{what}(): this Scheduler is detached, or another one has taken its optimizer over. "
                "Write ps.Scheduler(optimizer, plan) to go on."
            )

    # ------------------------------------------------------------------ at every update

    def before_update(self, optimizer: Any) -> None:
        """Where `watch.as_left` is false ahead of an update: bind groups that came since. Nothing else is written.

        Raises:
            MissingFact: the plan's clock counts an amount, and nothing says how much this update takes.
        """
        run_uncompiled(PlannedGroups.sync)(self, optimizer.param_groups)
        if self.clock.unsettled and self.source is not None:
            run_uncompiled(AmountSource.settle)(self.source)

    def advance(self, optimizer: Any) -> None:
        """One update has happened, ahead of which `watch.as_left` was asked: write the values of the next."""
        groups: list[Group] = optimizer.param_groups
        clock, block, watch = self.clock, self.block, self.watch
        clock.t = t = clock.t + 1
        try:
            if block.amounts is not None:
                coming = next(block.amounts, None)
                if coming is None or clock.said is not None:
                    run_uncompiled(PlannedGroups._consume)(self, coming)
                else:
                    clock.last_amount, clock.amount = clock.amount, coming
                groups[0][AMOUNT] = clock.amount
            if self._has_tensors and (block.fill_count() != self._fills or block.views_replaced()):
                run_uncompiled(PlannedGroups._look_at_tensors)(self, groups)
            for _ in block.writer:  # one entry; `next` and its exception would take as long as a write
                break
            else:
                run_uncompiled(PlannedGroups._write_next_block)(self, t)
            first = groups[0]
            if first is not watch.first:  # exchanged while the step was on
                run_uncompiled(PlannedGroups.sync)(self, groups)
            first[COUNT] = t
            watch.first_lr = first[watch.lr_key]
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(PlannedGroups._refuse_spoiled)(self, groups, error)
        if block.overwritten:
            run_uncompiled(PlannedGroups._tell_overwritten)(self, groups)
        if self._has_tensors:
            self._fills = block.fill_count()

    def advance_by_hand(self, optimizer: Any) -> None:
        """The same where no hook ran before the update: the groups are looked at once, after the write.

        That is safe. The writers know their own groups only, and what is written into one that has left is not used.
        """
        if not self._is_plain:
            self._advance_looking_first(optimizer)
            return
        groups: list[Group] = optimizer.param_groups
        clock, block, watch = self.clock, self.block, self.watch
        t = clock.t
        try:
            for _ in block.writer:
                break
            else:
                run_uncompiled(PlannedGroups._write_next_block)(self, t + 1)
            first = groups[0]
            if first[COUNT] is t and first[PLAN] is watch.number and groups == watch.bound:
                first[COUNT] = clock.t = clock.acknowledged_at = t + 1
            else:
                run_uncompiled(PlannedGroups._advance_anew)(self, groups, None)
        except (LookupError, TypeError, ValueError, RuntimeError) as error:
            run_uncompiled(PlannedGroups._advance_anew)(self, groups, error)
        if block.overwritten:
            run_uncompiled(PlannedGroups._tell_overwritten)(self, groups)

    def _advance_looking_first(self, optimizer: Any) -> None:
        """By hand, where a write cannot be done again: tensors and targets.

        Where the clock counts an amount too: that of the update is asked for before it.
        """
        self.require_alive("step")
        if not self.watch.as_left(optimizer):
            self.before_update(optimizer)
        self.advance(optimizer)
        if not self.watch.as_left(optimizer):  # a copy of a group holds another tensor than the one just written
            self.sync(optimizer.param_groups)
        self.clock.acknowledge()

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

    def _advance_anew(self, groups: list[Group], error: Exception | None) -> None:
        """By hand, where something is not as it was left: bind the groups as of this update, then advance."""
        bound_anew = self.sync(groups)
        self.clock.t += 1
        if error is not None and not bound_anew:
            self._refuse_spoiled(groups, error)
        overwritten = list(self.block.overwritten)
        self.rewrite()
        self.clock.acknowledge()
        self.block.overwritten.extend(overwritten)

    # ------------------------------------------------------------------ what others did

    def sync(self, groups: list[Group]) -> bool:
        """Bind groups that came, went or were exchanged since; whether there were any."""
        if self.watch.any_change(groups):
            self._bind_anew(groups)
            return True
        return False

    def _bind_anew(self, groups: list[Group]) -> None:
        """Bind the groups as they are now, and write only into those that need it."""
        plan, clock = self.in_force.counted, self.clock
        slots = slots_of(plan, groups)
        if self.watch.bound:
            slots = with_late_bases(slots, groups, clock, self.late_groups)
        anew = not self.watch.bound or self.watch.entries_replaced(groups)
        before = {} if anew else _by_group(self.block.slots, self.watch.bound)
        now = _by_group(slots, groups)
        strange = {
            index
            for index, group in enumerate(groups)
            if COUNT not in group
            or not equals_number(group.get(PLAN), self.in_force.number)
            or before.get(id(group)) != now[id(group)]
        }
        mine = tuple(slot for slot in slots if slot.group in strange)
        late = block_at(self.in_force, mine, groups, clock.times, clock.states, targets=False)
        _note_bases(slots, groups)
        late.put()
        block = block_at(self.in_force, slots, groups, clock.times, clock.states)
        block.install_views()
        self._take(block, groups)

    def _look_at_tensors(self, groups: list[Group]) -> None:
        """Someone filled or replaced one of the tensors; after this the groups hold ours."""
        if self.watch.groups_changed(groups):  # while the step was on: bound anew before the next
            return
        held = {(slot.group, slot.field) for tensors in self.block.tensors for slot in tensors.slots}
        clock, slots = self.clock, self.block.slots
        for slot, planned in zip(slots, values_at(slots, clock.last_times, clock.used), strict=True):
            if (slot.group, slot.field) in held:
                group = groups[slot.group]
                self.block.overwritten.append((slot.field, group, slot.field.read(group), planned))
        self._tell_overwritten(groups)
        self.block.install_views()

    def _tell_overwritten(self, groups: list[Group]) -> None:
        """Tell once of a value that someone else wrote."""
        if not self._has_warned:
            self._has_warned = warn_of_foreign_write(self.block.overwritten, groups, self.clock.t - 1)
        self.block.overwritten.clear()

    def _refuse_spoiled(self, groups: list[Group], error: Exception) -> None:
        """The values could not be written: an entry is gone or spoiled.

        Raises:
            PlanError: an entry that is no number. The plan goes on where there is one again.
            StateError: there are no groups left.
        """
        bound, self.watch.bound = self.watch.bound, []  # bound anew before the next update
        self.watch.require_groups(groups, bound)
        slots_of(self.in_force.counted, groups)
        raise error  # of a target's own function, say


def block_at(
    in_force: PlanInForce,
    slots: tuple[Slot, ...],
    groups: list[Group],
    times: UpdateTimes,
    states: RuleStates,
    *,
    targets: bool = True,
) -> ValueBlock:
    """A block that is at one update. Whatever can be refused is refused here, before anything is written."""
    block = ValueBlock(in_force.counted, slots, groups, targets=targets)
    block.seek(times, states)
    return block


def _note_bases(slots: Iterable[Slot], groups: list[Group]) -> None:
    """Write the bases into the groups, for their checkpoints."""
    note_bases(((slot.group, slot.field.slot, slot.base) for slot in slots), groups)


def _by_group(slots: tuple[Slot, ...], groups: list[Group]) -> dict[int, list[tuple[Any, int]]]:
    found: dict[int, list[tuple[Any, int]]] = {id(group): [] for group in groups}
    for slot in slots:
        found[id(groups[slot.group])].append((slot.field, id(slot.schedule)))
    return found
