"""The slots of one field, and their cheapest writer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, final

import numpy as np
import torch

from paramsched.errors import InvalidArgument, StateError
from paramsched.fields import Field, label
from paramsched.scheduler._clock import RuleStates, UpdateTimes
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._slots import Slot, values_of
from paramsched.scheduler._writes import (
    Overwritten,
    Writer,
    fill,
    row_writer,
    same_writer,
    scaled_writer,
    write_entry,
    write_products,
    write_row,
)
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.evaluation import columns, quiet

EntryKind: TypeAlias = Literal["same", "scaled", "rows"]
"""What an entry of a block is: one value for all groups, one factor of their bases, or a list of values."""


@final
@dataclass(frozen=True, slots=True)
class SlotsOfSchedule:
    """Slots that follow one schedule."""

    schedule: Schedule
    places: Any
    bases: Any
    has_zero: bool  # whether one of the bases is 0
    affine: bool  # a schedule asks all its parts for that: asked once
    by_amount: bool  # whether its time is an amount, not updates

    @staticmethod
    def all_in(slots: Sequence[Slot]) -> "list[SlotsOfSchedule]":
        """The slots, put together by their schedules."""
        places: dict[tuple[int, bool], list[int]] = {}
        for place, slot in enumerate(slots):
            places.setdefault((id(slot.schedule), slot.by_amount), []).append(place)
        found = []
        for mine in places.values():
            schedule, bases = slots[mine[0]].schedule, np.array([slots[place].base for place in mine])
            affine = schedule.affine and not schedule.metric_rules
            by_amount = slots[mine[0]].by_amount
            found.append(SlotsOfSchedule(schedule, np.array(mine), bases, not bases.all(), affine, by_amount))
        return found

    def factors(self, times: UpdateTimes) -> list[float] | None:
        """The common factors of a schedule that is proportional to base."""
        value = columns(self.schedule, self._own(times)) if self.affine else None
        if value is None or value.factor is None or value.offset is not None:
            return None
        if self.has_zero and not np.isfinite(value.factor).all():
            return None  # 0 times what has overflowed is 0, which the loop that multiplies does not know
        return _repeated(value.factor, times.size)

    def _own(self, times: UpdateTimes) -> Any:
        return times.on_clock(by_amount=self.by_amount)

    @quiet
    def values_of_one(self, times: UpdateTimes, base: float, states: RuleStates) -> list[float]:
        if not self.affine:
            found: list[float] = values_of(self.schedule, self._own(times), base, states).tolist()
            return found
        return _repeated(columns(self.schedule, self._own(times)).apply(base), times.size)

    @quiet
    def values_of_all(self, times: UpdateTimes, states: RuleStates) -> Any:
        """The values for all bases, side by side, each as for one."""
        if self.affine:
            value = columns(self.schedule, self._own(times))
            pair = (c[:, None] if isinstance(c, np.ndarray) and c.ndim else c for c in (value.factor, value.offset))
            return Affine(*pair).apply(self.bases)
        found = {base: values_of(self.schedule, self._own(times), base, states) for base in set(self.bases.tolist())}
        return np.stack([found[base] for base in self.bases.tolist()], axis=1)


@final
@dataclass(frozen=True, slots=True)
class FloatBlock:
    """Entries of successive updates. The first is in the groups, or will be put there."""

    kind: EntryKind
    entries: list[Any]


@final
@dataclass(frozen=True, slots=True)
class FloatSlots:
    """The groups that hold floats for one field."""

    field: Field
    indices: list[int]
    groups: list[Group]
    bases: list[float]
    parts: list[SlotsOfSchedule]
    equal: bool  # whether all bases are

    @staticmethod
    def of(field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> "FloatSlots":
        indices, bases = [slot.group for slot in slots], [slot.base for slot in slots]
        mine = [groups[index] for index in indices]
        return FloatSlots(field, indices, mine, bases, SlotsOfSchedule.all_in(slots), len(set(bases)) == 1)

    @property
    def one_entry_serves_all(self) -> bool:
        """Whether one value or factor per update is enough, however many groups there are."""
        return len(self.parts) == 1 and (self.equal or self.parts[0].factors(UpdateTimes.at(0, 0)) is not None)

    def block(self, times: UpdateTimes, states: RuleStates, before: FloatBlock | None = None) -> FloatBlock:
        """The entries of these updates. Behind another block they begin with its last entry, which is in the groups."""
        part = self.parts[0] if len(self.parts) == 1 else None
        if part is not None and self.equal:
            values = part.values_of_one(times, self.bases[0], states)
            return FloatBlock("same", _behind(before, values))
        # Rows are never followed by factors: which factor made a row cannot be told.
        factors = None if part is None or (before is not None and before.kind == "rows") else part.factors(times)
        if factors is not None:
            return FloatBlock("scaled", _behind(before, factors))
        rows = block_of_rows(self.parts, times, states).tolist()
        return FloatBlock("rows", rows if before is None else [self.row(before, -1), *rows])

    def row(self, block: FloatBlock, at: int) -> list[float]:
        """The values of one entry of a block, for each group."""
        entry = block.entries[at]
        if block.kind == "same":
            return [entry] * len(self.bases)
        if block.kind == "scaled":
            return [base * entry for base in self.bases]
        row: list[float] = entry
        return row

    def writer(self, block: FloatBlock, overwritten: Overwritten) -> Writer:
        """The cheapest loop that writes all entries but the first."""
        if block.kind == "same":
            return same_writer(self.field, self.groups, block.entries, overwritten)
        if block.kind == "scaled":
            return scaled_writer(self.field, self.groups, self.bases, block.entries, overwritten)
        return row_writer(self.field, self.groups, block.entries, overwritten)

    def put(self, block: FloatBlock) -> None:
        if block.kind == "scaled" and self.field.index is None:
            write_products(self.field.key, self.groups, self.bases, block.entries[0])
        else:
            write_row(self.field, self.groups, self.row(block, 0))


def _behind(before: FloatBlock | None, entries: list[float]) -> list[float]:
    """The entries, and ahead of them the last one of the block before, which is in the groups."""
    if before is not None:
        entries.insert(0, before.entries[-1])
    return entries


def block_of_rows(parts: list[SlotsOfSchedule], times: UpdateTimes, states: RuleStates) -> Any:
    """A row for each update, a column for each slot."""
    block = np.empty((times.size, sum(len(part.places) for part in parts)))
    for part in parts:
        block[:, part.places if len(parts) > 1 else slice(None)] = part.values_of_all(times, states)
    return block


def _repeated(column: Any, count: int) -> list[float]:
    """A column, or one number for all updates, as a list."""
    if not np.shape(column):  # `broadcast_to` costs 5 µs, a seventh of a seek
        return [float(column)] * count
    values: list[float] = np.broadcast_to(column, (count,)).tolist() if len(column) != count else column.tolist()
    return values


TensorRows: TypeAlias = tuple[torch.Tensor, ...]


@final
@dataclass(frozen=True, slots=True)
class TensorSlots:
    """Slots whose groups hold views of one vector, so that one copy per update writes them all.

    A tensor that stands alone is its own vector and is filled itself: who holds it sees it change.
    """

    field: Field
    vector: torch.Tensor
    views: list[tuple[Group, torch.Tensor]]
    slots: list[Slot]
    parts: list[SlotsOfSchedule]

    @staticmethod
    def all_in(field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> "list[TensorSlots]":
        """The slots that hold tensors, put together by device and type."""
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
        return [_sharing_a_vector(field, mine, groups, *key) for key, mine in held.items()]

    @property
    def shared(self) -> bool:
        """Whether the groups hold views of our vector."""
        return self.views[0][1] is not self.vector

    def rows(self, times: UpdateTimes, states: RuleStates) -> TensorRows:
        """The coming values, on the vector's device."""
        block = block_of_rows(self.parts, times, states)
        if self.vector.dtype == torch.float32:
            block = block.astype(np.float32)  # the same rounding, without waking torch's threads
        with torch.inference_mode(False), torch.no_grad():
            host, device = torch.from_numpy(block).to(dtype=self.vector.dtype), self.vector.device
            # CUDA takes a copy of host memory that is not pinned before the call returns: nothing has to be waited for.
            on_device = host.to(device, non_blocking=device.type == "cuda")
            return on_device.reshape(times.size, *self.vector.shape).unbind()

    def put(self, rows: TensorRows) -> None:
        fill(self.vector, rows[0])

    def install_views(self) -> None:
        """Let each group hold its view: copies of an optimizer and its own loading replace them."""
        for group, view in self.views:
            if self.field.read(group) is not view:
                write_entry(self.field, group, view)

    def remove_views(self, groups: Sequence[Group]) -> None:
        """Let each group that holds a view hold a tensor of its own again."""
        views = {id(view) for _, view in self.views} if self.shared else set()
        for group in groups:
            if self.field.key in group and id(view := self.field.read(group)) in views:
                write_entry(self.field, group, view.clone())

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


def _sharing_a_vector(
    field: Field, slots: list[Slot], groups: Sequence[Group], device: torch.device, dtype: torch.dtype
) -> TensorSlots:
    """Slots of one device and type, with their vector."""
    mine, parts = [groups[slot.group] for slot in slots], SlotsOfSchedule.all_in(slots)
    if len(slots) == 1:
        alone: Any = field.read(mine[0])
        return TensorSlots(field, alone, [(mine[0], alone)], slots, parts)
    with torch.inference_mode(False), torch.no_grad():
        vector = torch.stack([field.read(group).detach().clone() for group in mine]).to(device=device, dtype=dtype)
        return TensorSlots(field, vector, list(zip(mine, vector.unbind(), strict=True)), slots, parts)


class ScheduledTuples(NamedTuple):
    """Tuples of one length under one key, and the element that is scheduled in each."""

    key: str
    element: int
    size: int
    indices: list[int]  # of the groups
    groups: list[Group]

    @staticmethod
    def all_in(fields: Sequence[FloatSlots]) -> "tuple[ScheduledTuples, ...]":
        """The scheduled tuples of these fields; those of several lengths are left out."""
        found = []
        for one in fields:
            key, element = one.field.key, one.field.index
            sizes = set() if element is None else {len(group[key]) for group in one.groups}
            if element is not None and len(sizes) == 1:
                found.append(ScheduledTuples(key, element, sizes.pop(), one.indices, one.groups))
        return tuple(found)

    def any_spoiled(self) -> bool:
        """Whether one of them has another length now, or no float where it had one."""
        key, element, size = self.key, self.element, self.size
        for group in self.groups:
            entry = group[key]
            if len(entry) != size or entry[element].__class__ is not float:
                return True
        return False

    def require_lengths(self, groups: Sequence[Group]) -> None:
        """Refuse groups in which a tuple has lost an element or gained one: the wrong element would be written."""
        for index in self.indices:
            entry: Any = groups[index].get(self.key) if index < len(groups) else None
            if isinstance(entry, (tuple, list)) and len(entry) != self.size:
                name = label(groups[index], index)
                raise StateError(f"{self.key} of group {name!r} is {entry!r}: it had {self.size} elements before")
