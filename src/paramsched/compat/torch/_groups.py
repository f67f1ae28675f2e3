"""Arguments of the drop-ins, and what the groups of an optimizer hold: read, checked and written in one way."""

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import wraps
from numbers import Real
from typing import Any, TypeAlias
from weakref import ref

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from paramsched.base.number_checks import MOST_COUNT
from paramsched.base.user_warnings import warn_user
from paramsched.compat import group_fields
from paramsched.compat.group_fields import by_value
from paramsched.errors import Asked, InvalidArgument, InvalidCall, shown

Number: TypeAlias = group_fields.Number


def optimizer_of(candidate: object) -> Optimizer:
    """The optimizer itself; torch's TypeError for anything else."""
    if not isinstance(candidate, Optimizer):
        raise TypeError(f"{type(candidate).__name__} is not an Optimizer")
    return candidate


def as_floats(values: Iterable[Any]) -> list[float]:
    """Python floats."""
    return [float(value) for value in values]


def like_entry(value: Any, there: Any) -> Number:
    """A value as the type of what stands in a group; never that tensor itself."""
    if isinstance(there, Tensor):
        return there.detach().clone().fill_(float(value))
    return float(value) if isinstance(value, Tensor) else value


def separate_tensors(optimizer: Optimizer, field: str = "lr") -> None:
    """Give each group its own tensor where several share one; the first keeps it.

    `SGD(groups, lr=tensor)` puts the same tensor into every group (docs/compat/divergences.md, torch 24).
    """
    seen: set[int] = set()
    for group in optimizer.param_groups:
        value = group.get(field)
        if isinstance(value, Tensor):
            if id(value) in seen:
                value = group[field] = value.detach().clone()
            seen.add(id(value))


def use_tensors(optimizer: Optimizer, *fields: str) -> None:
    """Hold the fields of every group as 0-d tensors, one of its own for each; schedulers fill them in place.

    A compiled `optimizer.step` then keeps one graph, where a float that changes makes a new one each time. Call it
    before schedulers are built.

    Args:
        fields: names of entries that are numbers, or tuples of them (`"betas"`); `"lr"` if none is given.
    """
    for group in optimizer.param_groups:
        device = group["params"][0].device if group["params"] else None
        for field in fields or ("lr",):
            value = group[field]
            if isinstance(value, tuple):
                group[field] = tuple(torch.tensor(float(item), device=device) for item in value)
            else:
                group[field] = torch.tensor(float(value), device=device)


def one_per_group(asked: Asked, optimizer: Optimizer, value: Any) -> list[Any]:
    """One entry for each group, tensors by value, each a number."""
    groups = len(optimizer.param_groups)
    entries = value if isinstance(value, (list, tuple)) else [value] * groups
    if len(entries) != groups:
        raise ValueError(
            f"{asked.argument} must have the same length as optimizer.param_groups. "
            f"{asked.argument} has {len(entries)} values, param_groups has {groups}."
        )
    for entry in entries:
        as_float(asked, entry)
    return [by_value(entry) for entry in entries]


def extend_per_group(name: str, entries: list[Any], groups: int) -> None:
    """Lengthen a list by its last entry; a warning where the entries differ."""
    if len(entries) >= groups:
        return
    if any(entry is not entries[0] and not equal_values(entry, entries[0]) for entry in entries):
        warn_user(
            f"{name} has {len(entries)} entries and the optimizer now {groups} param groups: "
            f"the groups added use the last one, {entries[-1]!r}. Write {name} anew to say otherwise.",
        )
    entries.extend(by_value(entries[-1]) for _ in range(groups - len(entries)))


def hold_floats(optimizer: Optimizer, field: str = "lr") -> bool:
    """Whether no group holds a tensor."""
    return not any(isinstance(group[field], Tensor) for group in optimizer.param_groups)


def nearly_equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two lists are the same numbers, but for rounding."""
    if len(one) != len(other):
        return False
    for x, y in zip(one, other, strict=True):
        narrow = any(isinstance(v, Tensor) and v.element_size() < 8 for v in (x, y))
        a, b = float(x), float(y)
        if a != b and abs(a - b) > (1e-6 if narrow else 1e-9) * max(abs(a), abs(b)):
            return False
    return True


def equal_values(one: Any, other: Any) -> bool:
    """Whether two values are equal; those that cannot be compared are not."""
    try:
        return bool(one == other)
    except (TypeError, ValueError, RuntimeError):
        return False


# The arguments of the drop-ins are refused before anything is written. Where torch refuses too, the error begins with
# torch's words, because code that catches its errors looks at them.


def refused_as_torch(theirs: str, instead: str = "") -> InvalidArgument:
    """torch's own text, and what to write.

    >>> print(refused_as_torch("Factor should be < 1.0.", "Write factor=0.1"))
    Factor should be < 1.0. Write factor=0.1
    """
    return InvalidArgument(theirs.removesuffix(".") if instead else theirs, "", instead)


def with_value(asked: Asked, value: object) -> Asked:
    """The call with the value that was given in the place of "…"."""
    return replace(asked, value=asked.value.replace("…", shown(value)))


def real_number(asked: Asked, value: Any, instead: str = "Write 0.1, say") -> float:
    """A number of Python for what torch takes as one: numbers of NumPy, tensors with one entry, bools.

    Anything else is a TypeError, as torch's own; "…" in `asked` stands for the value.
    """
    if isinstance(value, (np.generic, np.ndarray, Tensor)) and math.prod(value.shape) == 1:
        value = value.item()
    if not isinstance(value, Real):
        raise InvalidCall(with_value(asked, value), f"a {type(value).__name__} is no number", instead)
    return int(value) if isinstance(value, bool) else value  # type: ignore[return-value]  # numbers.Real is no float


def as_float(asked: Asked, value: Any) -> float:
    """`real_number` as a float, for a value that is computed with at once."""
    try:
        return float(real_number(asked, value))
    except OverflowError:
        raise InvalidArgument(with_value(asked, value), "no float holds it", "Write 0.1, say") from None


def length_in_epochs(asked: Asked, amount: Any, least: int) -> float:
    """A length in epochs, whole or not; infinity for one that no run reaches the end of.

    Below `least` only a part of an epoch above 0 is allowed. So short a part that no float holds how many an epoch has
    has no end either: torch, which compares for equality, never finds it.
    """
    number = real_number(asked, amount, "Write 10, say")
    if not (number >= least or number > 0):
        raise InvalidArgument(with_value(asked, amount), f"not a length from {least} on", "Write 10, say")
    endless = number > MOST_COUNT or (0 < number < 1 / sys.float_info.max)
    return math.inf if endless else number


def require_epoch(asked: Asked, epoch: Any) -> None:
    """Refuse an epoch to go on from that is no finite number."""
    if type(epoch) is not int and not math.isfinite(as_float(asked, epoch)):
        raise InvalidArgument(with_value(asked, epoch), "no epoch", "Write the last epoch that is done, or -1 to begin")


def require_function(function: Any, name: str) -> None:
    """Refuse what cannot be called."""
    if not callable(function):
        instead = f"Write {name}=lambda epoch: 0.95 ** epoch"
        raise InvalidCall(f"{name} should be a function, but got {type(function).__name__}", "", instead)


def momentum_field(optimizer: Optimizer) -> str:
    """`"betas"` where the optimizer has them, else `"momentum"`; one that has neither is refused."""
    for name in ("betas", "momentum"):
        if name in optimizer.defaults:
            return name
    raise refused_as_torch(
        "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
        "Write cycle_momentum=False",
    )


def begin_momentum(optimizer: Optimizer, lowest: list[Any], highest: list[Any]) -> None:
    """Write both ends into the groups and begin at the highest."""
    for group, low, high in zip(optimizer.param_groups, lowest, highest, strict=True):
        group["max_momentum"], group["base_momentum"] = high, low
    write_momenta(optimizer.param_groups, [float(high) for high in highest])


def cycled_fields(scheduler: Any) -> tuple[str, ...]:
    """The fields a cycle writes."""
    options = scheduler.__dict__
    if not options.get("cycle_momentum", False):
        return ("lr",)
    return ("lr", "betas[0]" if options.get("use_beta1", False) else "momentum")


def holds_floats(groups: Sequence[dict[str, Any]], fields: Sequence[str]) -> bool:
    """Whether the momentum among these fields is a plain number in every group."""
    if "betas[0]" in fields:
        return all(len(group["betas"]) == 2 and not isinstance(group["betas"][0], Tensor) for group in groups)
    return "momentum" not in fields or not any(isinstance(group.get("momentum"), Tensor) for group in groups)


def write_momenta(groups: Sequence[dict[str, Any]], momenta: Sequence[float]) -> None:
    """Write momentum, or the first of the betas."""
    betas = "betas" in groups[0]
    for group, momentum in zip(groups, momenta, strict=True):
        if betas:
            group_fields.put_first_beta(group, momentum)
        else:
            group_fields.put_value(group, momentum, "momentum")


def write_floats(groups: Sequence[dict[str, Any]], row: Sequence[float], momenta: Sequence[float]) -> None:
    """Write lr and momentum at once, where all are floats."""
    if "betas" in groups[0]:
        for group, value, momentum in zip(groups, row, momenta, strict=True):
            group["lr"] = value
            group["betas"] = (momentum, group["betas"][1])
    else:
        for group, value, momentum in zip(groups, row, momenta, strict=True):
            group["lr"] = value
            group["momentum"] = momentum


_SEE = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


def watch_step(optimizer: Optimizer) -> None:
    """Wrap `optimizer.step` once, so that it leaves a mark."""
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
    marks._with_counter = True  # of torch before 2.4, which older `step` methods look for
    carrier: Any = optimizer
    carrier.step = step
    carrier._step_count = 0


def warn_of_order(optimizer: Optimizer) -> None:
    """Warn where the scheduler is stepped first, or nobody can know."""
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
    """Whether gradients are not finite: a GradScaler left the step out."""
    gradients = (p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None)
    return any(not bool(torch.isfinite(g.coalesce().values() if g.is_sparse else g).all()) for g in gradients)
