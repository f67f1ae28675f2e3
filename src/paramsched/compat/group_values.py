"""Read, write and copy values of an optimizer's param groups, for the drop-ins of all libraries.

A float is replaced. A 0-d tensor is filled in place, because compiled steps keep a reference to it.
"""

import copy
import dataclasses
import math
from collections.abc import Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, TypeAlias, final
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

ParamGroup: TypeAlias = MutableMapping[str, Any]
"""A param group of an optimizer."""

Number: TypeAlias = float | Tensor
"""The value of a field: a float, or a 0-d tensor."""


def get_value(group: ParamGroup, field: str = "lr") -> Any:
    """Return the value of a field; `"betas[0]"` is Adam's momentum."""
    return group["betas"][0] if field == "betas[0]" else group[field]


def set_value(group: ParamGroup, value: Any, field: str = "lr") -> None:
    """Write a value into a field that the group already has: a tensor is filled in place, a number is replaced."""
    present = get_value(group, field)
    if isinstance(present, Tensor):
        with torch.no_grad():
            if isinstance(value, Tensor) and value.ndim == 0:
                present.copy_(value)  # on the device, because reading a value would wait for it
            else:
                present.fill_(float(value))
        return
    value = value.item() if isinstance(value, Tensor) else value
    if field == "betas[0]":
        group["betas"] = (value, *group["betas"][1:])
    else:
        group[field] = value


def group_values(optimizer: Optimizer, field: str = "lr") -> list[Number]:
    """Return the value of `field` in each group, with tensors copied."""
    if field == "betas[0]":
        return [by_value(get_value(group, field)) for group in optimizer.param_groups]
    # Floats without a call, because a step reads them; `in [value]` costs less than a second list.
    groups = optimizer.param_groups
    return [value if type(value) is float else by_value(value) for group in groups for value in [group[field]]]


def by_value(value: Any) -> Any:
    """Return a copy that shares no container, array or tensor with `value`; other objects are not copied."""
    if isinstance(value, float):
        return value
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        copied = copy.copy(value)  # a Counter stays a Counter
        for key, item in value.items():
            copied[key] = by_value(item)
        return copied
    if type(value) in (list, tuple, set):
        return type(value)(by_value(item) for item in value)
    return value


def separate_tensors(optimizer: Optimizer, field: str = "lr") -> None:
    """Copy a tensor that several groups share in `field`, so that each has its own; the first keeps the original."""
    ids: set[int] = set()
    for group in optimizer.param_groups:
        value = group.get(field)
        if isinstance(value, Tensor):
            if id(value) in ids:
                group[field] = value.detach().clone()
            ids.add(id(group[field]))


def python_number(value: Any) -> Any:
    """Return a NumPy number as a Python number, so that a state contains only plain data; other values unchanged."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 else value


def use_tensors(optimizer: Optimizer, *fields: str) -> None:
    """Convert fields of every param group to 0-d tensors, which schedulers then fill in place.

    A compiled `optimizer.step` is compiled again if a float changes, but not if a tensor changes. Call this function
    before you build schedulers.

    Args:
        optimizer: a torch optimizer.
        fields: names of entries that are numbers or tuples of numbers (`"betas"`); `"lr"` by default.
    """
    for group in optimizer.param_groups:
        device = group["params"][0].device if group["params"] else None
        for field in fields or ("lr",):
            value = group[field]
            if isinstance(value, tuple):
                group[field] = tuple(torch.tensor(float(item), device=device) for item in value)
            else:
                group[field] = torch.tensor(float(value), device=device)


@final
@dataclasses.dataclass(slots=True)
class _Loads:
    """The states that schedulers of one optimizer loaded, one each, with values of one field.

    Args:
        schedulers: these schedulers.
        before: the values of the groups before the loads.
        written: the values that the last load wrote.
        is_old: True if the other library changed the groups after one of the states was saved.
    """

    schedulers: WeakSet[Any] = dataclasses.field(default_factory=WeakSet)
    before: list[Any] = dataclasses.field(default_factory=list)
    written: list[Any] = dataclasses.field(default_factory=list)
    is_old: bool = False


_loads: WeakKeyDictionary[Optimizer, dict[str, _Loads]] = WeakKeyDictionary()


def write_saved_values(
    scheduler: Any,
    optimizer: Optimizer,
    name: str,
    values: Sequence[Any],
    *,
    is_old: bool,
    read: Callable[[], list[Any]] | None = None,
    write: Callable[[Sequence[Any]], None] | None = None,
) -> bool:
    """Write values of a loaded state into the groups, unless they are old; return True if they are written.

    A state does not show that another scheduler wrote afterwards: the other library's plateau may have reduced the
    values in a validation that the other schedulers did not count. So an old state also undoes what the states of the
    other schedulers have written, and keeps those that follow from writing.

    Args:
        scheduler: the scheduler that loads the state.
        optimizer: its optimizer.
        name: the field of the values.
        values: the value of each group when the state was saved.
        is_old: True if the other library stepped the scheduler after that.
        read: returns the value of each group; None reads the field.
        write: writes a value into each group; None writes the field.
    """
    read = read or partial(group_values, optimizer, name)
    write = write or partial(_write_values, optimizer, name)
    by_name = _loads.setdefault(optimizer, {})
    loads = by_name.setdefault(name, _Loads())
    # It loads again, or those that have loaded were replaced by new ones: this is another checkpoint.
    if scheduler in loads.schedulers or not loads.schedulers:
        loads = _Loads()
        by_name[name] = loads
    loads.schedulers.add(scheduler)
    present = read()
    if is_old and present == loads.written:
        write(loads.before)
    loads.is_old = loads.is_old or is_old
    if loads.is_old:
        return False
    if present != loads.written:  # else the present values are those of an earlier load
        loads.before = present
    write(values)
    loads.written = read()
    return True


def _write_values(optimizer: Optimizer, name: str, values: Sequence[Any]) -> None:
    for group, value in zip(optimizer.param_groups, values, strict=False):
        set_value(group, value, name)


def late_base(value: float, bases: Sequence[Any], written: Sequence[Any]) -> float:
    """Return the base of a group that was added: it has the ratio of base to value of the last known group.

    >>> late_base(0.02, bases=[1.0, 0.4], written=[0.5, 0.1])
    0.08
    """
    if not bases or len(bases) > len(written) or not float(bases[-1]) or not float(written[len(bases) - 1]):
        return value
    base = value * float(bases[-1]) / float(written[len(bases) - 1])
    return base if math.isfinite(base) else value
