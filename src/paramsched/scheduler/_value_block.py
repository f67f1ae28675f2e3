"""The values of the coming updates, a block at a time, and who writes them: one column per field, and per target.

A block begins with the entry that is in the groups already, the last one of the block before. So the first write of a
block looks for values of others as every write does.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from operator import length_hint
from typing import Any, final

import numpy as np
import torch

from paramsched.errors import InvalidArgument, StateError
from paramsched.fields import Field, label
from paramsched.plan import Binding, Plan, Target
from paramsched.plan.binding import UPDATES, is_by_amount
from paramsched.plan.run_amounts import Amount
from paramsched.scheduler._clock import RuleStates, UpdateTimes
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._slots import Slot, SlotsOfSchedule, rows_of, values_of
from paramsched.scheduler._writes import (
    EntryKind,
    Overwritten,
    Writer,
    fill,
    float_writer,
    in_step,
    put_entry,
    set_floats,
    target_writer,
    tensor_writer,
)
from paramsched.schedules.base import Schedule

_GROWTH = (32, 1024, 4096)  # updates in a block: the first after a seek is short, a run soon computes many at once
_MOST_IN_ROWS = 65_536  # values in one block of rows


class Column(ABC):
    """Entries for successive updates. The first is in the groups, or `put` writes it; the writer writes the others."""

    entries: Sequence[Any] = ()

    @abstractmethod
    def computed(self, times: UpdateTimes, states: RuleStates) -> Sequence[Any]:
        """An entry for each of these updates."""

    def following(self, times: UpdateTimes, states: RuleStates) -> Sequence[Any]:
        """The last entry, which is in the groups, and those of these updates behind it."""
        return [self.entries[-1], *self.computed(times, states)]

    @abstractmethod
    def put(self) -> None:
        """Write the first entry, whatever is there."""

    @abstractmethod
    def writer(self, overwritten: Overwritten) -> Writer:
        """The loop that writes all entries but the first."""


@final
class FloatColumn(Column):
    """The groups that hold floats for one field, alone or as an element of a tuple."""

    def __init__(self, field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> None:
        self.field, self.indices = field, [slot.group for slot in slots]
        self.groups, self.bases = [groups[index] for index in self.indices], [slot.base for slot in slots]
        self.parts = SlotsOfSchedule.all_in(slots)
        self._same = len(self.parts) == 1 and len(set(self.bases)) == 1
        sizes = set() if field.index is None else {len(group[field.key]) for group in self.groups}
        self.tuple_size = sizes.pop() if len(sizes) == 1 else None  # None too where tuples have several lengths

    @property
    def is_short(self) -> bool:
        """Whether one value or factor per update is enough, however many groups there are."""
        return self._same or self._factors(UpdateTimes.at(0, 0)) is not None

    @property
    def kind(self) -> EntryKind:
        return "rows" if isinstance(self.entries[0], list) else "same" if self._same else "scaled"

    def computed(self, times: UpdateTimes, states: RuleStates) -> list[Any]:
        if self._same:
            return self.parts[0].values_of_one(times, self.bases[0], states)
        factors = self._factors(times)
        return rows_of(self.parts, times, states).tolist() if factors is None else factors

    def following(self, times: UpdateTimes, states: RuleStates) -> list[Any]:
        kind, last = self.kind, self.entries[-1]
        if kind == "rows":  # never followed by factors: which factor made a row cannot be told
            return [last, *rows_of(self.parts, times, states).tolist()]
        entries = self.computed(times, states)
        return [[base * last for base in self.bases] if isinstance(entries[0], list) else last, *entries]

    def _factors(self, times: UpdateTimes) -> list[Any] | None:
        return self.parts[0].factors(times) if len(self.parts) == 1 else None

    def put(self) -> None:
        set_floats(self.kind, self.field, self.groups, self.bases, self.entries[0])

    def writer(self, overwritten: Overwritten) -> Writer:
        return float_writer(self.kind, self.field, self.groups, self.bases, self.entries, overwritten)

    def any_tuple_spoiled(self) -> bool:
        """Whether one of the tuples has another length now, or no float where it had one."""
        key, element, size = self.field.key, self.field.index, self.tuple_size
        for group in self.groups:
            entry = group[key]
            if len(entry) != size or entry[element].__class__ is not float:
                return True
        return False

    def require_lengths(self, groups: Sequence[Group]) -> None:
        """Refuse groups in which a tuple has lost an element or gained one: the wrong element would be written."""
        key = self.field.key
        for index in self.indices:
            entry: Any = groups[index].get(key) if index < len(groups) else None
            if isinstance(entry, (tuple, list)) and len(entry) != self.tuple_size:
                name = label(groups[index], index)
                raise StateError(f"{key} of group {name!r} is {entry!r}: it had {self.tuple_size} elements before")


@final
class TensorColumn(Column):
    """Slots whose groups hold views of one vector, so that one copy per update writes them all.

    A tensor that stands alone is its own vector and is filled itself: who holds it sees it change.
    """

    def __init__(self, field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> None:
        self.field, self.slots, self.parts = field, slots, SlotsOfSchedule.all_in(slots)
        mine = [groups[slot.group] for slot in slots]
        held: list[Any] = [field.read(group) for group in mine]
        self.shared = len(held) > 1  # whether the groups hold views of our vector
        self.vector: torch.Tensor = held[0]
        if self.shared:
            with torch.inference_mode(False), torch.no_grad():
                self.vector = torch.stack([entry.detach().clone() for entry in held])
                held = list(self.vector.unbind())
        self.views = list(zip(mine, held, strict=True))

    @staticmethod
    def all_in(field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> "list[TensorColumn]":
        """A column for the slots that hold tensors of one device and type."""
        held: dict[tuple[torch.device, torch.dtype], list[Slot]] = {}
        for slot in slots:
            entry = field.read(groups[slot.group])
            if isinstance(entry, torch.Tensor):
                if entry.ndim != 0 or not entry.is_floating_point():
                    raise InvalidArgument(
                        f'"{field}" of group {slot.group}', f"a tensor of shape {tuple(entry.shape)} and {entry.dtype}",
                        "Write torch.tensor(0.1): a floating one without dimensions",
                    )  # fmt: skip
                held.setdefault((entry.device, entry.dtype), []).append(slot)
        return [TensorColumn(field, mine, groups) for mine in held.values()]

    def computed(self, times: UpdateTimes, states: RuleStates) -> tuple[torch.Tensor, ...]:
        """The coming values, on the vector's device."""
        block = rows_of(self.parts, times, states)
        if self.vector.dtype == torch.float32:
            block = block.astype(np.float32)  # the same rounding, without waking torch's threads
        with torch.inference_mode(False), torch.no_grad():
            host, device = torch.from_numpy(block).to(dtype=self.vector.dtype), self.vector.device
            # CUDA takes a copy of host memory that is not pinned before the call returns: nothing has to be waited for.
            on_device = host.to(device, non_blocking=device.type == "cuda")
            return on_device.reshape(times.size, *self.vector.shape).unbind()

    def put(self) -> None:
        fill(self.vector, self.entries[0])

    def writer(self, overwritten: Overwritten) -> Writer:
        return tensor_writer(self.vector, self.entries)

    def install_views(self) -> None:
        """Let each group hold its view: copies of an optimizer and its own loading replace them."""
        for group, view in self.views:
            if self.field.read(group) is not view:
                put_entry(self.field, group, view)

    def remove_views(self, groups: Sequence[Group]) -> None:
        """Let each group that holds a view hold a tensor of its own again."""
        views = {id(view) for _, view in self.views} if self.shared else set()
        for group in groups:
            if self.field.key in group and id(view := self.field.read(group)) in views:
                put_entry(self.field, group, view.clone())

    def views_replaced(self) -> bool:
        """Whether a group holds another thing than its view."""
        key, index = self.field.key, self.field.index
        if index is None:
            for group, view in self.views:
                if group[key] is not view:
                    return True
        else:
            for group, view in self.views:
                if group[key][index] is not view:
                    return True
        return False


@final
class TargetColumn(Column):
    """A value outside of the optimizer."""

    def __init__(self, target: Target, schedule: Schedule, *, by_amount: bool) -> None:
        self.target, self.schedule, self.by_amount = target, schedule, by_amount

    def computed(self, times: UpdateTimes, states: RuleStates) -> list[float]:
        at = times.on_clock(by_amount=self.by_amount)
        values: list[float] = values_of(self.schedule, at, self.target.initial, states).tolist()
        return values

    def put(self) -> None:
        if self.target.write is not None:
            self.target.write(self.entries[0])

    def writer(self, overwritten: Overwritten) -> Writer:
        return target_writer(self.target.write, self.entries)


@final
class ValueBlock:
    """Writes the values of successive updates into the groups that it was made for.

    Made for one update, it has the values of that one, and `put` writes them. Each `next` of `writer` then writes the
    following update, and notes in `overwritten` what others wrote since. It is exhausted where the block is used up:
    `extend` computes the next block. Whatever can be refused is refused when it is made, before anything is written.
    """

    def __init__(
        self,
        plan: Plan,
        slots: tuple[Slot, ...],
        groups: Sequence[Group],
        times: UpdateTimes,
        states: RuleStates,
        *,
        targets: bool = True,
    ) -> None:
        self.slots = slots
        self.overwritten: Overwritten = []
        self.floats: list[FloatColumn] = []
        self.tensors: list[TensorColumn] = []
        fields: dict[Field, list[Slot]] = {}
        for slot in slots:
            fields.setdefault(slot.field, []).append(slot)
        for field, mine in fields.items():
            tensors = TensorColumn.all_in(field, mine, groups)
            held = {slot.group for one in tensors for slot in one.slots}
            self.tensors += tensors
            if plain := [slot for slot in mine if slot.group not in held]:
                self.floats.append(FloatColumn(field, plain, groups))
        bindings: Iterable[Binding] = plan.bindings if targets else ()
        self.targets = [
            TargetColumn(one.field, one.schedule, by_amount=is_by_amount(plan.clock, one.name))
            for one in bindings
            if isinstance(one.field, Target)
        ]
        self._columns: list[Column] = [*self.floats, *self.tensors, *self.targets]
        self._by_updates = plan.clock == UPDATES
        # Tensors made under inference_mode keep no version.
        self._counted = tuple(one.vector for one in self.tensors if not one.vector.is_inference())
        self._is_short = not self.tensors and all(one.is_short for one in self.floats)
        self.seek(times, states)

    def seek(self, times: UpdateTimes, states: RuleStates) -> None:
        """Compute the values of one update; nothing is written yet."""
        self._take([column.computed(times, states) for column in self._columns])
        self.writer: Writer = iter(())
        self._size = 0
        self.overwritten.clear()
        # The amounts before the coming updates, in step with the writer; None where the plan is by updates.
        self.amounts: Iterator[Amount] | None = None if self._by_updates else iter(())

    def _take(self, computed: list[Sequence[Any]]) -> None:
        """Take the entries of all columns, once all are computed: an error leaves the block as it was."""
        for column, entries in zip(self._columns, computed, strict=True):
            column.entries = entries

    def put(self) -> None:
        """Write the values that `seek` computed, whatever is there."""
        self.install_views()
        for column in self._columns:
            column.put()

    def extend(self, times: UpdateTimes, states: RuleStates) -> None:
        """Compute the block of these updates, where the one before it is used up."""
        self._take([column.following(times, states) for column in self._columns])
        if times.amounts is not None:
            self.amounts = iter(times.amounts.tolist())
        self.writer = in_step([column.writer(self.overwritten) for column in self._columns])

    def drop_coming(self, *, known_bounds: bool) -> None:
        """Forget what was computed for other amounts and not written.

        Args:
            known_bounds: whether the next of `amounts` has been taken already.
        """
        left = 0 if self.amounts is None else length_hint(self.amounts) + known_bounds
        if left:
            self._take([column.entries[:-left] for column in self._columns])
        self._size = 0

    def next_size(self) -> int:
        """The size of the next block: more than the one before it, up to a limit."""
        self._size = next((size for size in _GROWTH if size > self._size), _GROWTH[-1])
        return self._size if self._is_short else max(1, min(self._size, _MOST_IN_ROWS // max(1, len(self.slots))))

    def install_views(self) -> None:
        for column in self.tensors:
            column.install_views()

    def remove_views(self, groups: Sequence[Group]) -> None:
        for column in self.tensors:
            column.remove_views(groups)

    def fill_count(self) -> int:
        """A number that changes whenever someone fills one of the tensors; not on the device."""
        count = 0
        for vector in self._counted:
            count += vector._version
        return count

    def views_replaced(self) -> bool:
        for column in self.tensors:  # noqa: SIM110  # the frame of a generator would be compiled
            if column.views_replaced():
                return True
        return False
