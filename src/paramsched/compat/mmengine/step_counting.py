"""How often an optimizer stepped: for the order of the two `step` calls, and for who counts updates."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from torch.optim import Optimizer

from paramsched.compat.mmengine.optimizers import inner_optimizer
from paramsched.scheduler.updates import watch_updates

# Beside the optimizer, not on it: nothing of this may travel with a copy of it (row 33 of divergences.md).
_updates: WeakKeyDictionary[Optimizer, int] = WeakKeyDictionary()
_steps: WeakKeyDictionary[Optimizer, int] = WeakKeyDictionary()  # begun, be they skipped or raised
_since: WeakKeyDictionary[Optimizer, int] = WeakKeyDictionary()  # of these, when the last scheduler was built


def start_counting(optimizer: Any) -> None:
    """Count updates from here on; what was stepped before says nothing about the order of the two `step` calls."""
    inner = inner_optimizer(optimizer)
    if inner is None:
        return
    if inner not in _updates:
        _updates[inner] = _steps[inner] = 0
        watch_updates(inner, _note_step, _note_update)
    _since[inner] = _steps[inner]


def has_stepped(optimizer: Any) -> bool:
    """Whether the optimizer was stepped since `start_counting`, as far as can be told; a skipped step is one here."""
    inner = inner_optimizer(optimizer)
    return inner is None or inner not in _steps or _steps[inner] > _since.get(inner, 0)


def counted_updates(optimizer: Any) -> int:
    """How many updates were counted."""
    inner = inner_optimizer(optimizer)
    return 0 if inner is None else _updates.get(inner, 0)


def may_step_later(optimizer: Any) -> bool:
    """Whether a step of the scheduler may rightly come before the optimizer's: it accumulates, or a scaler may skip."""
    accumulates = getattr(optimizer, "_accumulative_counts", 1) > 1
    return accumulates or getattr(optimizer, "loss_scaler", None) is not None


def shadowing_steps(optimizer: Any) -> tuple[Any, ...]:
    """What stands in for `step` on the optimizer and on the one inside; None for one that calls the original."""
    holders: Sequence[Any] = (optimizer, inner_optimizer(optimizer))
    found = (vars(one).get("step") for one in holders if one is not None)
    return tuple(None if getattr(step, "__wrapped__", None) is not None else step for step in found)


def _note_step(optimizer: Optimizer) -> None:
    _steps[optimizer] += 1


def _note_update(optimizer: Optimizer) -> None:
    _updates[optimizer] += 1
