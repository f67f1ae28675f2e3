"""Steps that are captured into a CUDA graph: a replay calls no hooks, and reads tensors again but not numbers."""

from typing import Any, final

import torch

from paramsched.core.run import updates
from paramsched.core.run.groups import Groups
from paramsched.errors import InvalidArgument

_CAPTURED = "this step is captured into a CUDA graph"


def refuse_uncounted(optimizer: Any) -> None:
    """Raise for a captured step that the Scheduler would count."""
    raise InvalidArgument(
        f"Scheduler({type(optimizer).__name__}, …)",
        f"{_CAPTURED}, whose replays call no hooks: the plan would remain at this update",
        'Use Scheduler(…, drive="manual") before the capture, and call scheduler.step() after each replay',
    )


@final
class CaptureHook:
    """Refuses to capture a step of an optimizer whose updates are counted by hand, if the graph would keep a value.

    Args:
        planned: the groups of the optimizer.
    """

    def __init__(self, planned: Groups) -> None:
        self.planned = planned

    def register_on(self, optimizer: torch.optim.Optimizer) -> list[Any]:
        """Register the hook, and return the handle that removes it."""
        updates.mark_uncompiled(CaptureHook.before_step)
        return [optimizer.register_step_pre_hook(self.before_step)]

    def before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Raise for a wrong capture: torch calls this before every step."""
        if updates.may_be_captured() and updates.is_capturing():
            updates.run_uncompiled(CaptureHook.refuse)(self, optimizer)

    def refuse(self, optimizer: Any) -> None:
        """Raise if the plan changes a field that is no tensor on the device."""
        planned = self.planned
        kept = {
            str(slot.field): None
            for slot in planned.block.slots
            if slot.schedule._held_from() != 0 and not _is_on_device(slot.field.read(planned.bound[slot.group]))
        }
        if kept:
            raise InvalidArgument(
                f"Scheduler({type(optimizer).__name__}, …)",
                f"{_CAPTURED}, which would keep the value of this update for {' and '.join(kept)}: a replay reads only "
                "tensors on the device again",
                "Pass a tensor on the device to the optimizer. If it accepts none, remove the field from the plan",
            )


def _is_on_device(entry: Any) -> bool:
    return isinstance(entry, torch.Tensor) and entry.device.type == "cuda"
