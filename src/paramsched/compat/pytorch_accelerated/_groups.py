"""The scheduled entry of an optimizer's groups: copied, spread over the groups, written."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from paramsched.errors import InvalidArgument


def plain(value: Any) -> Any:
    """A Python number where `value` is a 0-d array or tensor, so that checkpoints stay plain."""
    if type(value) is float:  # nearly always; the checks below cost more than the write
        return value
    return value.item() if isinstance(value, (np.generic, np.ndarray, Tensor)) and value.ndim == 0 else value


def spread(values: Any, groups: int, source: str) -> list[Any]:
    """One value for each group: a single value for all of them, or one each from any iterable.

    Raises:
        InvalidArgument: as many values as there are groups are needed.
    """
    single = isinstance(values, (np.generic, np.ndarray, Tensor)) and values.ndim == 0
    if single or not isinstance(values, Iterable):
        return [values] * groups
    listed = list(values)
    if len(listed) != groups:
        raise InvalidArgument(
            source,
            f"{len(listed)} values for {groups} param groups",
            "Return one number for all groups, one for each group, or None to change nothing",
        )
    return listed


def write(group: dict[str, Any], field: str, value: Any) -> None:
    """Write a value; a tensor is filled in place, since compiled steps and aliases hold on to it."""
    entry = group[field]
    if not isinstance(entry, Tensor):
        group[field] = plain(value)
    elif isinstance(value, Tensor):
        entry.detach().copy_(value)
    else:
        entry.detach().fill_(float(value))
