"""Table: the values of the next updates, computed a block at a time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import torch

from paramsched.errors import InvalidArgument
from paramsched.fields import Field
from paramsched.plan import Plan, Target
from paramsched.scheduler import _columns
from paramsched.scheduler._columns import Foreign, Write
from paramsched.scheduler._keys import Group
from paramsched.scheduler._slots import Slot, States, values_of
from paramsched.schedules.affine import Affine
from paramsched.schedules.base import Schedule
from paramsched.schedules.evaluation import columns, quiet

_GROWTH = (1, 32, 1024)  # updates: a seek computes one row, a run soon computes many
_MOST = 65_536  # values in one block of rows


@final
@dataclass(frozen=True, slots=True)
class _Part:
    """Slots that follow one schedule: their places among others, and their bases."""

    schedule: Schedule
    places: Any
    bases: Any
    affine: bool  # what a schedule says of itself is asked of all its parts: asked once

    @staticmethod
    def all_of(slots: Sequence[Slot]) -> "list[_Part]":
        places: dict[int, list[int]] = {}
        for place, slot in enumerate(slots):
            places.setdefault(id(slot.schedule), []).append(place)
        parts = []
        for mine in places.values():
            schedule, bases = slots[mine[0]].schedule, [slots[place].base for place in mine]
            affine = schedule.affine and not schedule.metric_rules
            parts.append(_Part(schedule, np.array(mine), np.array(bases), affine))
        return parts

    def factors(self, times: Any) -> list[float] | None:
        """The common factors of a schedule that is proportional to base; None for another one."""
        value = columns(self.schedule, times) if self.affine else None
        if value is None or value.factor is None or value.offset is not None:
            return None
        if not self.bases.all() and not np.isfinite(value.factor).all():
            return None  # 0 times what has overflowed is 0, which the loop that multiplies does not know
        factors: list[float] = np.broadcast_to(value.factor, times.shape).tolist()
        return factors

    @quiet
    def one(self, times: Any, base: float, states: States) -> Any:
        """The values for one base."""
        if not self.affine:
            return values_of(self.schedule, times, base, states)
        return np.broadcast_to(columns(self.schedule, times).apply(base), times.shape)

    @quiet
    def all(self, times: Any, states: States) -> Any:
        """The values for all bases, side by side: the same product and sum for each as for one."""
        if self.affine:
            value = columns(self.schedule, times)
            pair = (c[:, None] if isinstance(c, np.ndarray) and c.ndim else c for c in (value.factor, value.offset))
            return Affine(*pair).apply(self.bases)
        found = {base: values_of(self.schedule, times, base, states) for base in set(self.bases.tolist())}
        return np.stack([found[base] for base in self.bases.tolist()], axis=1)


@final
@dataclass(frozen=True, slots=True)
class _Places:
    """The groups that hold numbers for one field, and what they have in common."""

    field: Field
    slots: tuple[Slot, ...]
    indices: list[int]
    bases: list[float]
    parts: list[_Part]
    equal: bool  # whether all bases are
    sizes: tuple[int, ...]  # of the tuples, each length once

    @staticmethod
    def of(field: Field, slots: Iterable[Slot], groups: list[Group]) -> "_Places":
        slots = tuple(slots)
        bases = [slot.base for slot in slots]
        sizes = () if field.index is None else tuple({len(groups[slot.group][field.key]) for slot in slots})
        indices = [slot.group for slot in slots]
        return _Places(field, slots, indices, bases, _Part.all_of(slots), len(set(bases)) == 1, sizes)

    def column(self, times: Any, states: States, foreign: Foreign) -> "_Column":
        """The cheapest loop that writes them."""
        alone = self.parts[0] if len(self.parts) == 1 else None
        if alone is not None and self.equal:
            values, count = alone.one(times, self.bases[0], states).tolist(), len(self.slots)
            write = _columns.uniform(self.field, values, foreign, pair=self.pair)
            return _Column(self, write, [values[0]] * count, lambda: [values[-1]] * count)
        factors = None if alone is None else alone.factors(times)
        if factors is not None:
            first, last = factors[0], factors[-1]
            write = _columns.scaled(self.field, factors, self.bases, foreign, pair=self.pair)
            return _Column(self, write, [base * first for base in self.bases], lambda: [b * last for b in self.bases])
        block = _block(self.parts, times, states).tolist()
        return _Column(self, _columns.rows(self.field, block, foreign), block[0], lambda: block[-1])

    @property
    def pair(self) -> bool:
        """Whether all entries are tuples of two."""
        return self.sizes == (2,)

    @property
    def shared(self) -> bool:
        """Whether one value or factor per update serves all, so that a block is short however many they are."""
        return len(self.parts) == 1 and (self.equal or self.parts[0].factors(np.array([0])) is not None)


@final
@dataclass(frozen=True, slots=True)
class _Column:
    """A block of one field's numbers: the loop that writes all but the first row, that row, and the last."""

    places: _Places
    write: Write
    first: list[float]
    last: Callable[[], list[float]]

    def put(self, groups: list[Group]) -> None:
        _columns.put(self.places.field, [groups[index] for index in self.places.indices], self.first)


class Tuples(NamedTuple):
    """Tuples of one length that stand under one key, and the element that is scheduled in each."""

    key: str
    element: int
    size: int
    indices: list[int] | None  # of the groups; None where every group has one

    def spoiled_in(self, groups: list[Group]) -> bool:
        """Whether one of them is a tuple of this length with a float no longer."""
        key, element, size = self.key, self.element, self.size
        for group in groups if self.indices is None else [groups[index] for index in self.indices]:
            entry = group[key]
            if len(entry) != size or entry[element].__class__ is not float:
                return True
        return False


@final
class Table:
    """Writes the values of successive updates into groups; computes a block of them at a time.

    `seek` computes the block that begins at an update, `put` writes that update's values. Each `write` then writes
    those of the next, and notes in `foreign` what others wrote since; StopIteration where the block is used up.
    """

    def __init__(self, plan: Plan, slots: tuple[Slot, ...], groups: list[Group], *, targets: bool = True) -> None:
        self.slots = slots
        self._groups = len(groups)
        self.targets = [(b.field, b.schedule) for b in plan.bindings if targets and isinstance(b.field, Target)]
        by_field = _by_field(slots)
        self.vectors = {field: _vectors(field, mine, groups) for field, mine in by_field.items()}
        self._places: list[_Places] = []
        self._tensors: list[tuple[torch.Tensor, list[Slot], list[_Part]]] = []
        for field, mine in by_field.items():
            held = {index for _, views in self.vectors[field] for index in views}
            if plain := [slot for slot in mine if slot.group not in held]:
                self._places.append(_Places.of(field, plain, groups))
            for vector, views in self.vectors[field]:
                part = [slot for slot in mine if slot.group in views]
                self._tensors.append((vector, part, _Part.all_of(part)))
        self.vectors_held = bool(self._tensors)
        self._held = [(field, list(views.items())) for field, vectors in self.vectors.items() for _, views in vectors]
        # Tensors made under inference_mode keep no version.
        self.watched = tuple(vector for vector, _, _ in self._tensors if not vector.is_inference())
        self._shared = all(places.shared for places in self._places) and not self._tensors
        self._size = 0
        self.foreign: Foreign = []
        self.write: Write = _nothing
        self._columns: list[_Column] = []
        self._first_tensors: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._first_told: list[tuple[Callable[[float], object], float]] = []

    def seek(self, t: int, states: States, *, on: bool = False) -> None:
        """Compute the block that begins at update `t`; `on` where the one before was used up, so that blocks grow."""
        self._size = next((size for size in _GROWTH if size > self._size), _GROWTH[-1]) if on else _GROWTH[0]
        rows = self._size if self._shared else max(1, min(self._size, _MOST // len(self.slots)))
        times = np.arange(t, t + rows)
        self.foreign.clear()
        self._columns = [places.column(times, states, self.foreign) for places in self._places]
        self._first_tensors, self._first_told = [], []
        writes = [
            column.write
            if len(column.places.indices) == self._groups
            else _columns.some(column.write, column.places.indices)
            for column in self._columns
        ]
        for vector, _, parts in self._tensors:
            block = _tensor_rows(vector, parts, times, states)
            self._first_tensors.append((vector, block[0]))
            writes.append(_columns.tensors(block, vector))
        for target, schedule in self.targets:
            values = values_of(schedule, times, target.initial, states).tolist()
            if target.write is not None:
                self._first_told.append((target.write, values[0]))
            writes.append(_columns.target(target.write, values))
        self.write = _columns.together(writes)

    def put(self, groups: list[Group]) -> None:
        """Write the values of the update that was sought, whatever is there."""
        self.own(groups)
        for column in self._columns:
            column.put(groups)
        for vector, first in self._first_tensors:
            with torch.no_grad():
                vector.copy_(first)
        for tell, value in self._first_told:
            tell(value)

    def own(self, groups: list[Group]) -> None:
        """Let each group hold its view of the vectors: copies of an optimizer and its own loading replace them."""
        for field, vectors in self.vectors.items():
            for _, views in vectors:
                for index, view in views.items():
                    if field.read(groups[index]) is not view:
                        write_entry(field, groups[index], view)

    def in_vector(self, slot: Slot) -> bool:
        """Whether the slot's group was given a tensor."""
        return any(slot.group in views for _, views in self.vectors[slot.field])

    @property
    def tuples(self) -> tuple["Tuples", ...]:
        """The tuples of which an element is scheduled."""
        return tuple(
            Tuples(one.field.key, one.field.index, one.sizes[0], None if one.indices == everyone else one.indices)
            for one in self._places
            if one.field.index is not None and len(one.sizes) == 1
            for everyone in [list(range(self._groups))]
        )

    def version(self) -> int:
        """A number that changes whenever someone fills one of the tensors; it is not kept on the device."""
        version = 0
        for vector in self.watched:
            version += vector._version
        return version

    def disturbed(self, groups: list[Group]) -> bool:
        """Whether a group holds another tensor than the one it was given."""
        for field, held in self._held:
            key = field.key
            if field.index is None:
                for index, view in held:
                    if groups[index][key] is not view:
                        return True
            else:
                for index, view in held:
                    if groups[index][key][field.index] is not view:
                        return True
        return False

    def foreign_in(self, groups: list[Group]) -> Foreign:
        """What is not as the end of the block left it."""
        return [
            (column.places.field, groups[slot.group], found, planned)
            for column in self._columns
            for slot, planned in zip(column.places.slots, column.last(), strict=True)
            if (found := column.places.field.read(groups[slot.group])).__class__ is not float or found != planned
        ]

    def give_back(self, groups: list[Group]) -> None:
        """Let each group hold a tensor of its own again."""
        for field, vectors in self.vectors.items():
            shared = {id(view) for vector, views in vectors for view in views.values() if view is not vector}
            for group in groups:
                if field.key in group and id(view := field.read(group)) in shared:
                    write_entry(field, group, view.clone())


def _block(parts: list[_Part], times: Any, states: States) -> Any:
    """A row for each update, a column for each slot; what slots share is computed once."""
    block = np.empty((times.size, sum(len(part.places) for part in parts)))
    for part in parts:
        block[:, part.places if len(parts) > 1 else slice(None)] = part.all(times, states)
    return block


def _by_field(slots: tuple[Slot, ...]) -> dict[Field, list[Slot]]:
    fields: dict[Field, list[Slot]] = {}
    for slot in slots:
        fields.setdefault(slot.field, []).append(slot)
    return fields


def _vectors(
    field: Field, slots: list[Slot], groups: list[Group]
) -> list[tuple[torch.Tensor, dict[int, torch.Tensor]]]:
    """One vector per device and dtype for the slots that hold tensors, and each group's element of it.

    A tensor that stands alone is filled itself: who holds it sees it change.
    """
    held: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for slot in slots:
        entry = field.read(groups[slot.group])
        if isinstance(entry, torch.Tensor):
            if entry.ndim != 0 or not entry.is_floating_point():
                raise InvalidArgument(
                    f'"{field}" of group {slot.group}', f"a tensor of shape {tuple(entry.shape)} and {entry.dtype}",
                    "Write torch.tensor(0.1): a floating one without dimensions",
                )  # fmt: skip
            held.setdefault((entry.device, entry.dtype), []).append(slot.group)
    found = []
    for (device, dtype), indices in held.items():
        if len(indices) == 1:
            alone = field.read(groups[indices[0]])
            found.append((alone, {indices[0]: alone}))
            continue
        with torch.inference_mode(False), torch.no_grad():
            vector = torch.stack([field.read(groups[index]).detach().clone() for index in indices])
            vector = vector.to(device=device, dtype=dtype)
            found.append((vector, dict(zip(indices, vector.unbind(), strict=True))))
    return found


def _tensor_rows(vector: torch.Tensor, parts: list[_Part], times: Any, states: States) -> tuple[torch.Tensor, ...]:
    block = _block(parts, times, states)
    if vector.dtype == torch.float32:
        block = block.astype(np.float32)  # the same rounding, without waking torch's threads
    with torch.inference_mode(False), torch.no_grad():
        on_device = torch.from_numpy(block).to(dtype=vector.dtype).to(vector.device)
        return on_device.reshape(len(times), *vector.shape).unbind()


def write_entry(field: Field, group: Group, entry: Any) -> None:
    """Put an entry, or an element of one, into a group."""
    group[field.key] = entry if field.index is None else _columns.replaced(group[field.key], field.index, entry)


def _nothing(groups: Any) -> None:
    del groups
    raise StopIteration
