"""Whether `optimizer.step()` is called before `scheduler.step()`: the wrapper that notices, and the two warnings."""

from functools import wraps
from typing import Any
from weakref import ref

import torch
from torch.optim import Optimizer

from paramsched.user_warnings import warn_user

_SEE = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


def watch_step(optimizer: Optimizer) -> None:
    """Wrap `optimizer.step` once, so that it leaves a mark; the wrapper holds the optimizer weakly."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    held = ref(optimizer)
    bound: Any = optimizer.step
    method = getattr(bound, "__func__", None)  # unbound, so that the wrapper does not hold the optimizer

    @wraps(method or bound)
    def step(*args: Any, **kwargs: Any) -> Any:
        owner: Any = held()
        owner._opt_called = True
        owner._step_count = getattr(owner, "_step_count", 0) + 1
        return bound(*args, **kwargs) if method is None else method(owner, *args, **kwargs)

    if method is not None:
        del bound
    marks: Any = step
    marks._wrapped_by_lr_sched = True
    marks._with_counter = True  # the mark of torch before 2.4: `step` methods written then look for it
    carrier: Any = optimizer
    carrier.step = step
    carrier._step_count = 0


def warn_of_order(optimizer: Optimizer) -> None:
    """Warn where the scheduler is stepped first, or where that can no longer be known."""
    if not hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        text = (
            "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. "
            "Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. "
        )
    elif getattr(optimizer, "_opt_called", False) or _was_skipped(optimizer):
        return
    else:
        text = (
            "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you "
            "should call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do "
            "this will result in PyTorch skipping the first value of the learning rate schedule. "
        )
    warn_user(text + _SEE)


def _was_skipped(optimizer: Optimizer) -> bool:
    """Whether a GradScaler left the step out: gradients that are not finite are still there."""
    gradients = (p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None)
    return any(not bool(torch.isfinite(g.coalesce().values() if g.is_sparse else g).all()) for g in gradients)
