"""Which calls of `optimizer.step` are updates: one place for all that count them.

| a call | counts | told by |
|---|---|---|
| of a subclass that calls `super().step()` | once | how many calls are open on the stack |
| that raised | no | its post-hook never came |
| that a GradScaler skipped | no | an ordinary optimizer is not called at all; a fused one holds `found_inf` |
| hidden in torch's distributed checkpoint | no | an optimizer without state, stepped by torch's own checkpoint code |
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from paramsched.fields import is_number

_STEP_WRAPPER = torch.optim.Optimizer.profile_hook_step.__code__.co_filename
_CHECKPOINT_CODE = str(Path(torch.__file__).parent / "distributed" / "checkpoint")


def open_calls(optimizer: Any) -> int:
    """How many calls of torch's step wrapper for this optimizer are on the stack.

    A subclass whose `step` calls `super().step()` fires the hooks twice, and an exception leaves a pre-hook without its
    post-hook: only the stack tells the two apart. Looked at only when a pre-hook finds a call still open.
    """
    depth, frame = 0, sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "wrapper" and code.co_filename.endswith(_STEP_WRAPPER):
            depth += frame.f_locals.get("self") is optimizer
        frame = frame.f_back  # type: ignore[assignment]  # None at the bottom ends the loop
    return depth


def skipped_by_scaler(optimizer: Any) -> bool:
    """Whether a fused optimizer was told of an overflow: it is called then, and changes nothing.

    `GradScaler` sets `found_inf` on the optimizer for the length of the call; reading it synchronises the device, so it
    is looked up only where it is.
    """
    found = optimizer.__dict__.get("found_inf")
    return found is not None and float(found) > 0


def is_hidden(optimizer: Any) -> bool:
    """Whether the step that begins is the one that torch's distributed checkpoint takes.

    It makes an optimizer without state build one: gradients of zeros, an lr of 0 in every group, a step, and the lr put
    back. A run may have all of these values itself (a warmup from 0, frozen parameters), so it is told by its caller.
    """
    if optimizer.state:
        return False
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(_CHECKPOINT_CODE):
            return True
        frame = frame.f_back  # type: ignore[assignment]  # None at the bottom ends the loop
    return False


def updates_in_state(optimizer: Any) -> int | None:
    """How many updates an optimizer's own state has seen; None for one that does not count (`SGD`)."""
    found = [
        int(entry["step"])
        for entry in getattr(optimizer, "state", {}).values()
        if isinstance(entry, dict) and is_number(entry.get("step")) and math.isfinite(entry["step"])
    ]
    return max(found, default=None)


def watch_updates(
    optimizer: Optimizer, before: Callable[[Any], object] | None, after: Callable[[Any], object]
) -> Callable[[], None]:
    """Call `before` with the optimizer ahead of each step, and `after` behind each that was an update.

    Neither is called for the hidden steps of torch's distributed checkpoint.

    Returns:
        What stops it.
    """
    depth, hidden = 0, False

    def entered(stepped: Any, args: Any, kwargs: Any) -> None:
        nonlocal depth, hidden
        del args, kwargs
        if depth and open_calls(stepped) > 1:
            depth += 1
            return
        depth = 1  # also after a step that raised, whose post-hook never came
        hidden = is_hidden(stepped)
        if before is not None and not hidden:
            before(stepped)

    def left(stepped: Any, args: Any, kwargs: Any) -> None:
        nonlocal depth
        del args, kwargs
        if depth > 1 and open_calls(stepped) > 1:
            depth -= 1
            return
        depth = 0
        if not hidden and not skipped_by_scaler(stepped):
            after(stepped)

    handles = [optimizer.register_step_pre_hook(entered), optimizer.register_step_post_hook(left)]

    def stop() -> None:
        for handle in handles:
            handle.remove()

    return stop
