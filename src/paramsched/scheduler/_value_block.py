"""The values of the coming updates, a block at a time; and a watch on the groups."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import is_, length_hint
from typing import Any, final

import torch

from paramsched.base.user_warnings import warn_user
from paramsched.errors import StateError
from paramsched.fields import Field, label
from paramsched.plan import Plan, Target
from paramsched.plan.binding import UPDATES, is_by_amount
from paramsched.plan.run_amounts import Amount
from paramsched.scheduler._clock import Clock, RuleStates, UpdateTimes
from paramsched.scheduler._field_slots import FloatBlock, FloatSlots, ScheduledTuples, TensorRows, TensorSlots
from paramsched.scheduler._group_keys import COUNT, PLAN, Group
from paramsched.scheduler._slots import Slot, values_of
from paramsched.scheduler._writes import Overwritten, Writer, in_step, target_writer, tensor_writer
from paramsched.schedules import Schedule

_GROWTH = (32, 1024, 4096)  # updates in a block: the first after a seek is short, a run soon computes many at once
_MOST_IN_ROWS = 65_536  # values in one block of rows


@final
class ValueBlock:
    """Writes the values of successive updates into the groups that it was made for.

    `seek` computes one update and `put` writes it. Each `next` of `writer` then writes the following update, and notes
    in `overwritten` what others wrote since. It is exhausted where the block is used up: `extend` computes the next
    block.
    """

    def __init__(self, plan: Plan, slots: tuple[Slot, ...], groups: Sequence[Group], *, targets: bool = True) -> None:
        self.slots = slots
        self.overwritten: Overwritten = []
        self.writer: Writer = iter(())
        self.floats: list[FloatSlots] = []
        self.tensors: list[TensorSlots] = []
        for field, mine in _by_field(slots).items():
            tensors = TensorSlots.all_in(field, mine, groups)
            held = {slot.group for one in tensors for slot in one.slots}
            self.tensors += tensors
            if plain := [slot for slot in mine if slot.group not in held]:
                self.floats.append(FloatSlots.of(field, plain, groups))
        self.targets = [
            (b.field, b.schedule, is_by_amount(plan.clock, b.name))
            for b in plan.bindings
            if targets and isinstance(b.field, Target)
        ]
        # The amounts before the coming updates, in step with the writers; None where the plan is by updates.
        self.amounts: Iterator[Amount] | None = None if plan.clock == UPDATES else iter(())
        # Tensors made under inference_mode keep no version.
        self._counted = tuple(one.vector for one in self.tensors if not one.vector.is_inference())
        self._short = not self.tensors and all(floats.one_entry_serves_all for floats in self.floats)
        self._size = 0
        self._blocks: list[FloatBlock] = []
        self._rows: list[TensorRows] = []
        self._told: list[list[float]] = []

    def seek(self, times: UpdateTimes, states: RuleStates) -> None:
        """Compute the values of one update; nothing is written yet."""
        self._blocks = [floats.block(times, states) for floats in self.floats]
        self._rows = [tensors.rows(times, states) for tensors in self.tensors]
        self._told = [_target_values(*target, times, states) for target in self.targets]
        self.writer, self._size = iter(()), 0
        self.overwritten.clear()
        if self.amounts is not None:
            self.amounts = iter(())

    def put(self) -> None:
        """Write the values that `seek` computed, whatever is there."""
        self.install_views()
        for floats, block in zip(self.floats, self._blocks, strict=True):
            floats.put(block)
        for tensors, rows in zip(self.tensors, self._rows, strict=True):
            tensors.put(rows)
        for (target, *_), values in zip(self.targets, self._told, strict=True):
            if target.write is not None:
                target.write(values[0])

    def extend(self, times: UpdateTimes, states: RuleStates) -> None:
        """Compute the block of these updates, where the one before it is used up.

        A block begins with the entry that is in the groups already, the last one of the block before. So the first
        write of a block looks for values of others as every write does.
        """
        if times.amounts is not None:
            self.amounts = iter(times.amounts.tolist())
        self._blocks = [
            floats.block(times, states, before) for floats, before in zip(self.floats, self._blocks, strict=True)
        ]
        self._rows = [
            (before[-1], *tensors.rows(times, states)) for tensors, before in zip(self.tensors, self._rows, strict=True)
        ]
        self._told = [
            [before[-1], *_target_values(*target, times, states)]
            for target, before in zip(self.targets, self._told, strict=True)
        ]
        self.writer = in_step(self._writers())

    def drop_coming(self, *, looked_at: bool) -> None:
        """Forget what was computed for other amounts and not written.

        Args:
            looked_at: whether the next of `amounts` has been taken already.
        """
        left = 0 if self.amounts is None else length_hint(self.amounts) + looked_at
        if left:
            self._blocks = [replace(block, entries=block.entries[:-left]) for block in self._blocks]
            self._rows = [rows[:-left] for rows in self._rows]
            self._told = [values[:-left] for values in self._told]
        self._size = 0

    def next_size(self) -> int:
        """The size of the next block: more than the one before it, up to a limit."""
        self._size = next((size for size in _GROWTH if size > self._size), _GROWTH[-1])
        return self._size if self._short else max(1, min(self._size, _MOST_IN_ROWS // max(1, len(self.slots))))

    def _writers(self) -> list[Writer]:
        floats = [mine.writer(block, self.overwritten) for mine, block in zip(self.floats, self._blocks, strict=True)]
        tensors = [tensor_writer(mine.vector, rows) for mine, rows in zip(self.tensors, self._rows, strict=True)]
        targets = [
            target_writer(target.write, values) for (target, *_), values in zip(self.targets, self._told, strict=True)
        ]
        return [*floats, *tensors, *targets]

    def install_views(self) -> None:
        for tensors in self.tensors:
            tensors.install_views()

    def remove_views(self, groups: Sequence[Group]) -> None:
        for tensors in self.tensors:
            tensors.remove_views(groups)

    def fill_count(self) -> int:
        """A number that changes whenever someone fills one of the tensors; not on the device."""
        count = 0
        for vector in self._counted:
            count += vector._version
        return count

    def views_replaced(self) -> bool:
        for tensors in self.tensors:  # noqa: SIM110  # the frame of a generator would be compiled
            if tensors.views_replaced():
                return True
        return False


def _target_values(
    target: Target, schedule: Schedule, by_amount: bool, times: UpdateTimes, states: RuleStates
) -> list[float]:
    mine = times.on_clock(by_amount=by_amount)
    values: list[float] = values_of(schedule, mine, target.initial, states).tolist()
    return values


def _by_field(slots: tuple[Slot, ...]) -> dict[Field, list[Slot]]:
    fields: dict[Field, list[Slot]] = {}
    for slot in slots:
        fields.setdefault(slot.field, []).append(slot)
    return fields


@final
class GroupWatch:
    """The groups of one optimizer as they were bound, and what the first of them was left with.

    What others wrote into a scheduled field is not looked for here: the writers see it on their way.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.bound: list[Group] = []
        self.first: Group = {}
        self.number = 0  # of the plan in force
        # Torch's distributed checkpoint puts an lr of its own into the groups: so this is looked at too.
        self.first_lr: Any = None
        self.lr_key = COUNT  # "lr" where the first group has it
        self._tuples: tuple[ScheduledTuples, ...] = ()

    def bind(self, groups: list[Group], block: ValueBlock, number: int) -> None:
        """Take these groups, as they are now, for those that are written."""
        self.bound, self.first, self.number = list(groups), groups[0], number
        self.lr_key = "lr" if "lr" in groups[0] else COUNT
        self._tuples = ScheduledTuples.all_in(block.floats)
        self.first_lr = self.first[self.lr_key]

    def as_left(self, optimizer: Any) -> bool:
        """Whether the groups are those that were bound, and the first holds what it was left with. At every update.

        False too where the amount of the coming update has to be looked at.
        """
        try:
            groups = optimizer.param_groups
            first = groups[0]
            return (
                first[COUNT] is self.clock.t
                and first[PLAN] is self.number
                and first[self.lr_key] is self.first_lr
                and groups == self.bound  # of the same dicts this compares nothing but addresses
                and not self.clock.unsettled
                and not (self._tuples and self.any_tuple_spoiled())
            )
        except (LookupError, RuntimeError, ValueError):
            return False  # an entry is gone, or tensors of unlike shapes stand where others stood

    def any_change(self, groups: list[Group]) -> bool:
        """The same without haste: equal copies are seen too, and a field that others wrote is no change."""
        self.require_groups(groups, self.bound)
        changed = self.entries_replaced(groups) or self.groups_changed(groups)
        return changed or (bool(self._tuples) and self.any_tuple_spoiled())

    def groups_changed(self, groups: list[Group]) -> bool:
        """Whether they are other dicts than those that were bound, equal ones too."""
        return len(groups) != len(self.bound) or not all(map(is_, groups, self.bound))

    def entries_replaced(self, groups: list[Group]) -> bool:
        """Whether the first group has other entries of ours, say those of a checkpoint."""
        first = groups[0]
        count, number = first.get(COUNT), first.get(PLAN)
        ours = bool(self.bound) and first is self.bound[0]
        return ours and not (equals_number(count, self.clock.t) and equals_number(number, self.number))

    def any_tuple_spoiled(self) -> bool:
        """Whether one of the tuples is another thing now."""
        try:
            for tuples in self._tuples:
                if tuples.any_spoiled():
                    return True
        except (LookupError, TypeError):
            return True
        return False

    def require_groups(self, groups: list[Group], bound: list[Group]) -> None:
        """Refuse groups that are gone, and tuples that have lost an element or gained one."""
        if not groups:
            raise StateError("optimizer.param_groups is empty: the groups that the plan writes have been taken out")
        if self._tuples:
            ours = {id(group) for group in bound}
            self.require_lengths([group if id(group) in ours else {} for group in groups])

    def require_lengths(self, groups: list[Group]) -> None:
        """Refuse groups in which a tuple is longer or shorter than it was when it was bound."""
        for tuples in self._tuples:
            tuples.require_lengths(groups)


def equals_number(found: Any, number: int) -> bool:
    """Whether an entry is that number; it may be anything.

    >>> equals_number(3, 3), equals_number(3.0, 3), equals_number("three", 3)
    (True, False, False)
    """
    return isinstance(found, int) and found == number


def warn_of_foreign_write(overwritten: Overwritten, groups: Sequence[Group], update: int) -> bool:
    """Warn of the first value that was not as planned; whether there was one.

    Args:
        overwritten: what the writers found. It may equal the plan: they look for the very object that they wrote.
        groups: the optimizer's; what was found in a group that has left is nobody's concern.
    """
    places = {id(group): index for index, group in enumerate(groups)}
    for field, group, found, planned in overwritten:
        if id(group) in places and not _is_planned(found, planned):
            warn_user(
                f"{field} of group {label(group, places[id(group)])!r} was {found!r} at update {update} instead of the "
                f"planned {planned!r}: something else wrote it. It was used for one update; the plan goes on. "
                "To change a value for good, change the plan."
            )
            return True
    return False


def _is_planned(found: Any, planned: float) -> bool:
    """Whether an entry is the planned value, rounded where it is a tensor."""
    try:
        if isinstance(found, torch.Tensor):
            found, planned = float(found), float(torch.tensor(planned, dtype=found.dtype))
        return bool(found == planned or (found != found and planned != planned))  # NaN is NaN here
    except (TypeError, ValueError, RuntimeError):  # a thing that compares as nothing else does
        return False
