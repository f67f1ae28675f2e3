"""The fields of an optimizer's groups, read and written in one way by all drop-ins.

A field holds a float or a 0-d tensor. A float is replaced. A tensor is filled in place, because compiled steps and
other objects hold on to it. Adam's momentum is the first of its `betas`.
"""

from collections.abc import Iterable, MutableMapping
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from paramsched.compat._copies import by_value

ParamGroup: TypeAlias = MutableMapping[str, Any]
"""A param group, which schedulers write."""

Number: TypeAlias = float | Tensor
"""What a field holds: a float, or a 0-d tensor."""


def put_value(group: ParamGroup, value: Any, field: str = "lr") -> None:
    """Write one value into a field that is there.

    Raises:
        KeyError: the group lacks the field.
    """
    entry = group[field]
    if type(entry) is float and type(value) is float:  # nearly always; the checks below cost more than the write
        group[field] = value
    elif isinstance(entry, Tensor):
        fill_tensor(entry, value)
    else:
        group[field] = value.item() if isinstance(value, Tensor) else value


def put_first_beta(group: ParamGroup, value: Any) -> None:
    """Write the first of a group's `betas`, which is Adam's momentum."""
    first, *others = group["betas"]
    if isinstance(first, Tensor):
        fill_tensor(first, value)
    else:
        group["betas"] = (value, *others)


def put_row(optimizer: Optimizer, row: Iterable[Any], field: str = "lr") -> None:
    """Write one value into each group.

    Raises:
        ValueError: not as many values as groups.
    """
    for group, value in zip(optimizer.param_groups, row, strict=True):
        put_value(group, value, field)


def fill_tensor(entry: Tensor, value: Any) -> None:
    """Write a number into a tensor that stands in a group."""
    target = entry.detach() if entry.requires_grad else entry
    if isinstance(value, Tensor) and value.ndim == 0:  # from device to device: nothing is read
        target.copy_(value)
    else:
        target.fill_(float(value))


def group_values(optimizer: Optimizer, field: str = "lr") -> list[Number]:
    """What each group holds, tensors by value.

    Raises:
        KeyError: a group lacks the field.
    """
    found = [group[field] for group in optimizer.param_groups]
    # Most are floats, and asking whether a float is a tensor costs more than all the rest.
    return [value if type(value) is float else by_value(value) for value in found]


def python_number(value: Any) -> Any:
    """A Python number where NumPy's stands, so that states stay plain; anything else as it is."""
    if type(value) is float:
        return value
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 else value
