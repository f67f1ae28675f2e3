"""From what an engine hands out to the optimizer whose step is the update."""

from typing import Any

from torch.optim import Optimizer

from paramsched.errors import InvalidArgument

_INNER_NAMES = ("optimizer", "_optimizer", "_base_optimizer", "base_optimizer")
"""Where wrappers keep what they wrap: Accelerate and MMEngine, Lightning, Lookahead, SAM."""


def unwrapped_optimizer(optimizer: Any) -> Any:
    """The innermost optimizer: wrappers are looked through as long as one of their own attributes has param groups.

    Raises:
        InvalidArgument: nothing with param groups is there.
    """
    seen: list[int] = []
    while id(optimizer) not in seen:
        seen.append(id(optimizer))
        own = getattr(optimizer, "__dict__", {})
        inner = next((own[name] for name in _INNER_NAMES if isinstance(_param_groups_of(own.get(name)), list)), None)
        if inner is None:
            break
        optimizer = inner
    if not isinstance(_param_groups_of(optimizer), list) or not optimizer.param_groups:
        raise InvalidArgument(
            f"Scheduler({type(optimizer).__name__}, …)", "it has no param_groups", "Pass the optimizer itself"
        )
    return optimizer


def require_hooks(optimizer: Any) -> None:
    """Refuse an optimizer whose step fires no hooks.

    Raises:
        InvalidArgument: with the way out: `drive="manual"`.
    """
    if not (isinstance(optimizer, Optimizer) and getattr(type(optimizer).step, "hooked", False)):
        raise InvalidArgument(
            f"Scheduler({type(optimizer).__name__}, …)",
            "its step fires no hooks, so nothing can follow it",
            'Write Scheduler(…, drive="manual") and call scheduler.step() after each update',
        )


def _param_groups_of(candidate: Any) -> Any:
    return getattr(candidate, "param_groups", None)
