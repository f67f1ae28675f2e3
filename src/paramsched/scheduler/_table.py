"""Table: the values of the next updates, computed a block at a time."""

from typing import Any, final

import numpy as np
import torch

from paramsched.errors import InvalidArgument
from paramsched.fields import Field
from paramsched.plan import Plan, Target
from paramsched.scheduler import _columns
from paramsched.scheduler._columns import Write
from paramsched.scheduler._keys import Group
from paramsched.scheduler._slots import Slot, States, values_of
from paramsched.schedules.base import Schedule, columns

_GROWTH = (1, 32, 1024)  # updates: a seek computes one row, a run soon computes many
_MOST = 65_536  # values in one block of rows


@final
class Table:
    """Writes the values of successive updates into groups; computes a block of them at a time.

    `write(groups)` writes the next update's values and may raise StopIteration where the block is used up; `seek` then
    computes the next block.
    """

    def __init__(self, plan: Plan, slots: tuple[Slot, ...], groups: list[Group], *, targets: bool = True) -> None:
        self.slots = slots
        self._groups = len(groups)
        self.targets = [(b.field, b.schedule) for b in plan.bindings if targets and isinstance(b.field, Target)]
        self.fields = _by_field(slots)
        self.vectors = {field: _vectors(field, mine, groups) for field, mine in self.fields.items()}
        self.end = 0
        self._size = 0
        self.write: Write = _nothing

    def seek(self, t: int, states: States, *, on: bool = False) -> None:
        """Compute the block that begins at update `t`; `on` where the one before was used up, so that blocks grow."""
        self._size = next((size for size in _GROWTH if size > self._size), _GROWTH[-1]) if on else _GROWTH[0]
        rows = max(1, min(self._size, _MOST // max(1, len(self.slots))))
        times = np.arange(t, t + rows)
        self.end = t + rows
        writes = [write for field, mine in self.fields.items() for write in self._filled(field, mine, times, states)]
        writes += [_target(target, values_of(schedule, times, target.initial, states).tolist()) for target, schedule in self.targets]
        self.write = _columns.together(writes)

    def own(self, groups: list[Group]) -> None:
        """Let each group hold its view of the vectors: copies of an optimizer and its own loading replace them."""
        for field, vectors in self.vectors.items():
            for _, views in vectors:
                for index, view in views.items():
                    if field.read(groups[index]) is not view:
                        _put(field, groups[index], view)

    def give_back(self, groups: list[Group]) -> None:
        """Let each group hold a tensor of its own again."""
        for field, vectors in self.vectors.items():
            for vector, views in vectors:
                for index, view in views.items():
                    if view is not vector and field.read(groups[index]) is view:
                        _put(field, groups[index], view.clone())

    def _filled(self, field: Field, slots: list[Slot], times: Any, states: States) -> list[Write]:
        vectors = self.vectors[field]
        held = {index for _, views in vectors for index in views}
        plain = [slot for slot in slots if slot.group not in held]
        writes = [self._float_column(field, plain, times, states)] if plain else []
        for vector, views in vectors:
            mine = [slot for slot in slots if slot.group in views]
            block = np.stack(_lists(mine, times, states), axis=1)
            with torch.inference_mode(False), torch.no_grad():
                on_device = torch.from_numpy(block).to(dtype=vector.dtype).to(vector.device)
                writes.append(_columns.tensors(on_device.reshape(len(times), *vector.shape), vector))
        return writes

    def _float_column(self, field: Field, slots: list[Slot], times: Any, states: States) -> Write:
        write = _chosen(field, slots, times, states)
        indices = [slot.group for slot in slots]
        return write if indices == list(range(self._groups)) else _columns.some(write, indices)


def _chosen(field: Field, slots: list[Slot], times: Any, states: States) -> Write:
    """The cheapest loop that writes these slots."""
    bases = [slot.base for slot in slots]
    schedules = {slot.schedule for slot in slots}
    if len(schedules) == 1:
        schedule = slots[0].schedule
        if len(set(bases)) == 1:
            return _columns.uniform(field, values_of(schedule, times, bases[0], states).tolist())
        factors = _factors(schedule, times)
        if factors is not None:
            return _columns.scaled(field, factors, bases)
    return _columns.rows(field, [values.tolist() for values in _lists(slots, times, states)])


def _factors(schedule: Schedule, times: Any) -> list[float] | None:
    """The common factors of a schedule that is proportional to base; None for another one."""
    if not schedule.affine or schedule.metric_rules:
        return None
    value = columns(schedule, times)
    if value.factor is None or value.offset is not None:
        return None
    factors: list[float] = np.broadcast_to(value.factor, times.shape).tolist()
    return factors


def _lists(slots: list[Slot], times: Any, states: States) -> list[Any]:
    """The values of each slot; equal schedules and bases are evaluated once."""
    cache: dict[tuple[Schedule, float], Any] = {}
    for slot in slots:
        if (slot.schedule, slot.base) not in cache:
            cache[slot.schedule, slot.base] = values_of(slot.schedule, times, slot.base, states)
    return [cache[slot.schedule, slot.base] for slot in slots]


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


def _put(field: Field, group: Group, entry: Any) -> None:
    group[field.key] = entry if field.index is None else _columns.replaced(group[field.key], field.index, entry)


def _target(target: Target, values: list[float]) -> Write:
    take, tell = iter(values).__next__, target.write

    def write(groups: Any) -> None:
        del groups  # a target is in none
        value = take()
        if tell is not None:
            tell(value)

    return write


def _nothing(groups: Any) -> None:
    del groups
    raise StopIteration
