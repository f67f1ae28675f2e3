"""Reading and writing what the groups of an optimizer hold: floats are replaced, 0-d tensors filled in place."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.optim import Optimizer

from paramsched.compat import group_fields
from paramsched.compat._copies import by_value
from paramsched.compat.torch.arguments import as_float
from paramsched.errors import Asked
from paramsched.user_warnings import warn_user

Number: TypeAlias = group_fields.Number


def optimizer_of(candidate: object) -> Optimizer:
    """The optimizer itself; torch's TypeError for anything else."""
    if not isinstance(candidate, Optimizer):
        raise TypeError(f"{type(candidate).__name__} is not an Optimizer")
    return candidate


def as_floats(values: Iterable[Any]) -> list[float]:
    """As Python floats."""
    return [float(value) for value in values]


def like_entry(value: Any, there: Any) -> Number:
    """A value as the type of what stands in a group; never that tensor itself."""
    if isinstance(there, Tensor):
        return there.detach().clone().fill_(float(value))
    return float(value) if isinstance(value, Tensor) else value


def separate_tensors(optimizer: Optimizer, field: str = "lr") -> None:
    """Give each group its own tensor where several share one; the first keeps it.

    `SGD(groups, lr=tensor)` puts the same tensor into every group; filling it for one would fill it for all
    (docs/compat/divergences.md, torch 24).
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
    """One entry for each group, tensors by value.

    Raises:
        ValueError: a list of another length; an entry that is no number.
    """
    groups = len(optimizer.param_groups)
    if isinstance(value, (list, tuple)):
        if len(value) != groups:
            raise ValueError(
                f"{asked.argument} must have the same length as optimizer.param_groups. "
                f"{asked.argument} has {len(value)} values, param_groups has {groups}."
            )
        entries = list(value)
    else:
        entries = [value] * groups
    for entry in entries:
        as_float(asked, entry)
    return [by_value(entry) for entry in entries]


def extend_per_group(name: str, entries: list[Any], groups: int) -> None:
    """Lengthen a list of one entry per group by its last one, said aloud where the entries differ."""
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
    found = (group[field] for group in optimizer.param_groups)
    return not any(type(value) is not float and isinstance(value, Tensor) for value in found)


def nearly_equal(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether two lists are the same numbers, but for the rounding of a recursion or of a tensor's dtype."""
    if len(one) != len(other):
        return False
    for x, y in zip(one, other, strict=True):
        narrow = any(isinstance(v, Tensor) and v.element_size() < 8 for v in (x, y))
        a, b = float(x), float(y)
        if a != b and abs(a - b) > (1e-6 if narrow else 1e-9) * max(abs(a), abs(b)):
            return False
    return True


def equal_values(one: Any, other: Any) -> bool:
    """Whether two values are equal; what cannot be compared is not."""
    try:
        return bool(one == other)
    except (TypeError, ValueError, RuntimeError):
        return False
