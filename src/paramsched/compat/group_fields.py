"""The fields of an optimizer's groups, as all drop-ins read, write and put them back.

A field holds a float or a 0-d tensor. A float is replaced. A tensor is filled in place, because compiled steps and
other objects hold on to it. Adam's momentum is the first of its `betas`.
"""

import copy
import math
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from operator import is_
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from paramsched.errors import InvalidArgument

ParamGroup: TypeAlias = MutableMapping[str, Any]
"""A param group, which schedulers write."""

Number: TypeAlias = float | Tensor
"""What a field holds: a float, or a 0-d tensor."""


def put_value(group: ParamGroup, value: Any, field: str = "lr") -> None:
    """Write one value into a field that is there."""
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
    """Write one value into each group, as many as there are."""
    values = list(row)
    if len(values) != len(optimizer.param_groups):
        raise InvalidArgument(
            type(optimizer).__name__,
            f"{len(values)} values of {field} for {len(optimizer.param_groups)} param groups",
            "Return one value for each group, and build the scheduler again after removing param groups",
        )
    for group, value in zip(optimizer.param_groups, values, strict=True):
        put_value(group, value, field)


def fill_tensor(entry: Tensor, value: Any) -> None:
    """Write a number into a tensor that stands in a group."""
    target = entry.detach() if entry.requires_grad else entry
    if isinstance(value, Tensor) and value.ndim == 0:  # from device to device: nothing is read
        target.copy_(value)
    else:
        target.fill_(float(value))


def group_values(optimizer: Optimizer, field: str = "lr") -> list[Number]:
    """What each group holds, tensors by value."""
    found = [group[field] for group in optimizer.param_groups]
    # Most are floats, and asking whether a float is a tensor costs more than all the rest.
    return [value if type(value) is float else by_value(value) for value in found]


def python_number(value: Any) -> Any:
    """A Python number where NumPy's stands, so that states stay plain."""
    if type(value) is float:
        return value
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 else value


def by_value(value: Any) -> Any:
    """A copy that shares no container, array or tensor with `value`; anything else is itself.

    Not `deepcopy`: what users keep in a scheduler may be large, and may not be copyable.
    """
    match value:
        case float() | int() | str() | None:
            return value
        case Tensor():
            return value.detach().clone()
        case np.ndarray():
            return value.copy()
        case dict() if type(value) is dict:
            return {key: by_value(item) for key, item in value.items()}
        case dict():  # a Counter (torch's milestones) stays one: weights_only loading knows it
            twin = copy.copy(value)
            for key, item in value.items():
                twin[key] = by_value(item)
            return twin
        case list() | tuple() | set() | frozenset() if type(value) in (list, tuple, set, frozenset):
            return type(value)(by_value(item) for item in value)
        case _:
            return value


# Entries such as bases and functions belong to a group, not to its position in the list.

_FEW = 16


def same_groups(groups: Sequence[ParamGroup], known: Sequence[ParamGroup]) -> bool:
    """Whether the list has the same groups in the same order as before."""
    if len(groups) <= _FEW:
        return len(groups) == len(known) and all(map(is_, groups, known))
    try:
        # Lists compare identical items without a call: 0.1 µs for 100 groups, where `is_` takes 2.4 µs.
        return groups == known
    except RuntimeError:  # the parameters of different groups cannot be compared
        return False


KnownGroups: TypeAlias = tuple[Any, list[ParamGroup]]
"""An optimizer, and the groups that the entries of a scheduler belong to."""


def kept_positions(
    who: str, known: KnownGroups, optimizer: Any, groups: Sequence[ParamGroup] | None = None
) -> list[int] | None:
    """The former position of each known group, in the present order; None where none was removed or reordered.

    A group is the same dict, or one that has a parameter of it: loading an optimizer's state makes new dicts. Of
    another optimizer the positions are all there is.

    Args:
        who: the name of the scheduler, for the error.
        groups: those of the optimizer, where not all of them count.

    Raises:
        InvalidArgument: no group is left, or a new one is not at the end.
    """
    owner, before = known
    present = optimizer.param_groups if groups is None else groups
    if owner is not optimizer or same_groups(present[: len(before)], before):
        return None
    by_group = {id(group): index for index, group in enumerate(before)}
    by_parameter = {id(one): index for index, group in enumerate(before) for one in group["params"]}
    found = [
        by_group.get(id(group), next((by_parameter[id(p)] for p in group["params"] if id(p) in by_parameter), None))
        for group in present
    ]
    kept = [index for index in found if index is not None]
    if not kept:
        raise groups_changed(who, f"none of its {len(before)} param groups is in the optimizer any more")
    if found[: len(kept)] != kept:
        raise groups_changed(who, "a new param group precedes those that the scheduler was built for")
    return None if kept == list(range(len(before))) else kept


def picked(entries: Sequence[Any], kept: Sequence[int]) -> list[Any]:
    """The entries of these groups, as far as the list has one for each."""
    return [entries[index] for index in kept if index < len(entries)]


def groups_changed(who: str, found: str) -> InvalidArgument:
    """The error where the entries of a scheduler cannot be matched with the groups."""
    return InvalidArgument(who, found, "Build the scheduler again after removing or reordering param groups")


# A group added in mid-course goes on from what it holds: its base is the one for which the curve is that now. Where
# nothing of a base is in the curve, it is what it holds.


def base_on_curve(value: float, share: float, fixed: float = 0.0) -> float:
    """The base b with share * b + fixed = value; the value itself where share is 0.

    >>> base_on_curve(0.02, 0.25), base_on_curve(0.02, 0.0), base_on_curve(0.55, 0.5, fixed=0.05)
    (0.08, 0.02, 1.0)
    """
    if share == 0 or (share == 1 and fixed == 0):
        return value
    base = (value - fixed) / share
    return base if math.isfinite(base) else value


def base_by_example(value: float, bases: Sequence[Any], written: Sequence[Any]) -> float:
    """The base of a group that holds `value`, by what the last group's base has become.

    >>> base_by_example(0.02, bases=[1.0, 0.4], written=[0.5, 0.1])
    0.08
    """
    if not bases or len(bases) != len(written) or float(bases[-1]) == 0:
        return value
    return base_on_curve(value, float(written[-1]) / float(bases[-1]))


_MARKS = ("step", "_step_count", "_opt_called")  # what schedulers put on the optimizer itself


@contextmanager
def unchanged_on_error(optimizer: Optimizer) -> Iterator[None]:
    """Put back every entry of the groups, and the optimizer's `step`, when the block raises.

    This is for what cannot be checked before the first write: a user's function, for example, is first called after it.
    """
    groups = [(group, dict(group)) for group in optimizer.param_groups]
    filled = [(v, v.detach().clone()) for _, entries in groups for v in _tensors_in(entries)]
    marks = {name: vars(optimizer)[name] for name in _MARKS if name in vars(optimizer)}
    try:
        yield
    except BaseException:
        for group, entries in groups:
            group.clear()
            group.update(entries)
        for tensor, before in filled:
            tensor.detach().copy_(before)
        for name in _MARKS:
            vars(optimizer).pop(name, None)
        vars(optimizer).update(marks)
        raise


def _tensors_in(entries: dict[str, Any]) -> Iterator[Tensor]:
    """The tensors among the entries, and in `betas`."""
    for name, value in entries.items():
        if name != "params":
            yield from (item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Tensor))
