"""The slots of one field that hold tensors: one vector for all of them, of which each group holds a view."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import torch

from paramsched.errors import InvalidArgument
from paramsched.fields import Field
from paramsched.scheduler._clock import RuleStates
from paramsched.scheduler._float_slots import SlotsOfSchedule, block_of_rows
from paramsched.scheduler._group_keys import Group
from paramsched.scheduler._slots import Slot
from paramsched.scheduler._update_times import UpdateTimes
from paramsched.scheduler._writers import write_entry

TensorRows: TypeAlias = tuple[torch.Tensor, ...]
"""What is copied into the vector, update by update."""


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
        """The slots that hold tensors, put together by device and type.

        Raises:
            InvalidArgument: a tensor with dimensions, or one of whole numbers.
        """
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
        """Whether the groups hold views of our vector, instead of a tensor of their own."""
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
        """Write the first row, whatever is there."""
        with torch.no_grad():
            self.vector.copy_(rows[0])

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
    """Slots of one device and type, with a new vector; a single tensor stays itself."""
    mine, parts = [groups[slot.group] for slot in slots], SlotsOfSchedule.all_in(slots)
    if len(slots) == 1:
        alone: Any = field.read(mine[0])
        return TensorSlots(field, alone, [(mine[0], alone)], slots, parts)
    with torch.inference_mode(False), torch.no_grad():
        vector = torch.stack([field.read(group).detach().clone() for group in mine]).to(device=device, dtype=dtype)
        return TensorSlots(field, vector, list(zip(mine, vector.unbind(), strict=True)), slots, parts)
