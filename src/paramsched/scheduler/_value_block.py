"""The values of the coming updates, computed a block at a time, and the writers that put them into the groups."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import length_hint
from typing import final

from paramsched.fields import Field
from paramsched.plan import Plan, Target
from paramsched.plan.binding import UPDATES, is_by_amount
from paramsched.plan.run_amounts import Amount
from paramsched.scheduler._clock import RuleStates
from paramsched.scheduler._float_loops import Overwritten, Write
from paramsched.scheduler._float_slots import FloatBlock, FloatSlots
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._slots import Slot, values_of
from paramsched.scheduler._tensor_slots import TensorRows, TensorSlots
from paramsched.scheduler._update_times import UpdateTimes
from paramsched.scheduler._writers import all_of, nothing_left, target_writer, tensor_writer
from paramsched.schedules import Schedule

_GROWTH = (32, 1024)  # updates in a block: the first after a seek is short, a run soon computes many at once
_MOST_IN_ROWS = 65_536  # values in one block of rows


@final
class ValueBlock:
    """Writes the values of successive updates into the groups that it was made for.

    `seek` computes one update and `put` writes it. Each `write` then writes the next, and notes in `overwritten` what
    others wrote since. It raises StopIteration where the block is used up: `extend` computes the next block.
    """

    def __init__(self, plan: Plan, slots: tuple[Slot, ...], groups: Sequence[Group], *, targets: bool = True) -> None:
        self.slots = slots
        self.overwritten: Overwritten = []
        self.write: Write = nothing_left
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
        """Compute the values of one update. Nothing is written: what cannot be computed is refused before that."""
        self._blocks = [floats.block(times, states) for floats in self.floats]
        self._rows = [tensors.rows(times, states) for tensors in self.tensors]
        self._told = [_target_values(*target, times, states) for target in self.targets]
        self.write, self._size = nothing_left, 0
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
        self.write = all_of(self._writers())

    def drop_coming(self, *, looked_at: bool) -> None:
        """Forget what was computed and not written: the run goes on with other amounts than those it was computed for.

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
        """How many updates the next block is of: more than the one before it, up to a limit."""
        self._size = next((size for size in _GROWTH if size > self._size), _GROWTH[-1])
        return self._size if self._short else max(1, min(self._size, _MOST_IN_ROWS // max(1, len(self.slots))))

    def _writers(self) -> list[Write]:
        floats = [mine.writer(block, self.overwritten) for mine, block in zip(self.floats, self._blocks, strict=True)]
        tensors = [tensor_writer(mine.vector, rows) for mine, rows in zip(self.tensors, self._rows, strict=True)]
        targets = [
            target_writer(target.write, values) for (target, *_), values in zip(self.targets, self._told, strict=True)
        ]
        return [*floats, *tensors, *targets]

    def install_views(self) -> None:
        """Let the groups hold the views of our vectors."""
        for tensors in self.tensors:
            tensors.install_views()

    def remove_views(self, groups: Sequence[Group]) -> None:
        """Let each group hold a tensor of its own again."""
        for tensors in self.tensors:
            tensors.remove_views(groups)

    def fill_count(self) -> int:
        """A number that changes whenever someone fills one of the tensors; it is not kept on the device."""
        count = 0
        for vector in self._counted:
            count += vector._version
        return count

    def views_replaced(self) -> bool:
        """Whether a group holds another tensor than its view."""
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
