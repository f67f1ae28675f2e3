"""Whether a call of `optimizer.step` was an update."""

import sys
from typing import Any

import torch

from paramsched.scheduler._keys import Group


def skipped_by_scaler(optimizer: Any) -> bool:
    """Whether a fused optimizer was told of an overflow: it is called then, and changes nothing.

    `GradScaler` sets `found_inf` on the optimizer for the length of the call; reading it synchronises the device, so it
    is looked up only where it is.
    """
    found = optimizer.__dict__.get("found_inf")
    return found is not None and float(found) > 0


def is_hidden(groups: list[Group]) -> bool:
    """Whether this was the step that torch's distributed checkpoint takes to make an optimizer build its state.

    It sets every lr to 0 and every gradient to zeros (frozen parameters have none). Gradients are looked at only where
    every lr is 0.
    """
    for group in groups:
        if "lr" not in group or float(group["lr"]) != 0.0:
            return False
    gradients = [parameter.grad for group in groups for parameter in group["params"] if parameter.requires_grad]
    return bool(gradients) and all(grad is not None and not bool(torch.count_nonzero(grad)) for grad in gradients)


def depth_of_calls(optimizer: Any) -> int:
    """How many calls of torch's step wrapper for this optimizer are on the stack.

    A subclass whose `step` calls `super().step()` fires the hooks twice, and an exception leaves a pre-hook without its
    post-hook: only the stack tells the two apart. Looked at only when a pre-hook finds a call still open.
    """
    depth, frame = 0, sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "wrapper" and code.co_filename.endswith(_WRAPPER):
            depth += frame.f_locals.get("self") is optimizer
        frame = frame.f_back  # type: ignore[assignment]  # None at the bottom ends the loop
    return depth


_WRAPPER = torch.optim.Optimizer.profile_hook_step.__code__.co_filename
