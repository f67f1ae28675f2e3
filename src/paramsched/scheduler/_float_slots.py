"""The slots of one field that hold floats: their coming values, and the writer that is cheapest for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import numpy as np

from paramsched.fields import Field
from paramsched.scheduler._clock import RuleStates
from paramsched.scheduler._float_loops import Overwritten, Write, row_writer, same_writer, scaled_writer
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._slots import Slot, values_of
from paramsched.scheduler._update_times import UpdateTimes
from paramsched.scheduler._writers import write_products, write_row
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.evaluation import columns, quiet

EntryKind: TypeAlias = Literal["same", "scaled", "rows"]
"""What an entry of a block is: one value for all groups, one factor of their bases, or a list of values."""


@final
@dataclass(frozen=True, slots=True)
class SlotsOfSchedule:
    """Slots that follow one schedule: their places among the field's slots, and their bases."""

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
        """The common factors of a schedule that is proportional to base; None for another one."""
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
        """The values for one base."""
        if not self.affine:
            found: list[float] = values_of(self.schedule, self._own(times), base, states).tolist()
            return found
        return _repeated(columns(self.schedule, self._own(times)).apply(base), times.size)

    @quiet
    def values_of_all(self, times: UpdateTimes, states: RuleStates) -> Any:
        """The values for all bases, side by side: the same product and sum for each as for one."""
        if self.affine:
            value = columns(self.schedule, self._own(times))
            pair = (c[:, None] if isinstance(c, np.ndarray) and c.ndim else c for c in (value.factor, value.offset))
            return Affine(*pair).apply(self.bases)
        found = {base: values_of(self.schedule, self._own(times), base, states) for base in set(self.bases.tolist())}
        return np.stack([found[base] for base in self.bases.tolist()], axis=1)


@final
@dataclass(frozen=True, slots=True)
class FloatBlock:
    """Entries of successive updates, and how each is written. The first is in the groups, or will be put there."""

    kind: EntryKind
    entries: list[Any]


@final
@dataclass(frozen=True, slots=True)
class FloatSlots:
    """The groups that hold floats for one field, and what they have in common."""

    field: Field
    indices: list[int]
    groups: list[Group]
    bases: list[float]
    parts: list[SlotsOfSchedule]
    equal: bool  # whether all bases are
    pair: bool  # whether all entries are tuples of two

    @staticmethod
    def of(field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> "FloatSlots":
        indices, bases = [slot.group for slot in slots], [slot.base for slot in slots]
        mine = [groups[index] for index in indices]
        pair = field.index is not None and all(len(group[field.key]) == 2 for group in mine)
        return FloatSlots(field, indices, mine, bases, SlotsOfSchedule.all_in(slots), len(set(bases)) == 1, pair)

    @property
    def one_entry_serves_all(self) -> bool:
        """Whether one value or factor per update is enough, so that a block is short however many groups there are."""
        return len(self.parts) == 1 and (self.equal or self.parts[0].factors(UpdateTimes.at(0, 0)) is not None)

    def block(self, times: UpdateTimes, states: RuleStates, before: FloatBlock | None = None) -> FloatBlock:
        """The entries of these updates. Behind another block they begin with its last entry, which is in the groups."""
        part = self.parts[0] if len(self.parts) == 1 else None
        if part is not None and self.equal:
            values = part.values_of_one(times, self.bases[0], states)
            return FloatBlock("same", values if before is None else [before.entries[-1], *values])
        # Rows are never followed by factors: which factor made a row cannot be told.
        factors = None if part is None or (before is not None and before.kind == "rows") else part.factors(times)
        if factors is not None:
            return FloatBlock("scaled", factors if before is None else [before.entries[-1], *factors])
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

    def writer(self, block: FloatBlock, overwritten: Overwritten) -> Write:
        """The cheapest loop that writes all entries but the first."""
        if block.kind == "same":
            return same_writer(self.field, self.groups, block.entries, overwritten, pair=self.pair)
        if block.kind == "scaled":
            return scaled_writer(self.field, self.groups, self.bases, block.entries, overwritten, pair=self.pair)
        return row_writer(self.field, self.groups, block.entries, overwritten)

    def put(self, block: FloatBlock) -> None:
        """Write the first entry, whatever is there."""
        if block.kind == "scaled" and self.field.index is None:
            write_products(self.field.key, self.groups, self.bases, block.entries[0])
        else:
            write_row(self.field, self.groups, self.row(block, 0))


def block_of_rows(parts: list[SlotsOfSchedule], times: UpdateTimes, states: RuleStates) -> Any:
    """A row for each update, a column for each slot; what slots share is computed once."""
    block = np.empty((times.size, sum(len(part.places) for part in parts)))
    for part in parts:
        block[:, part.places if len(parts) > 1 else slice(None)] = part.values_of_all(times, states)
    return block


def _repeated(column: Any, count: int) -> list[float]:
    """A column as a list, also where it is one number for all updates."""
    if not np.shape(column):  # `broadcast_to` costs 5 µs, a seventh of a seek
        return [float(column)] * count
    values: list[float] = np.broadcast_to(column, (count,)).tolist() if len(column) != count else column.tolist()
    return values
