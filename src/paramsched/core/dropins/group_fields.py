"""Read, write and restore the fields of an optimizer's param groups, for all drop-ins.

A field contains a float or a 0-d tensor. A float is replaced. A tensor is filled in place, because compiled steps and
other objects keep a reference to it. Adam's momentum is the first of its `betas`; this field is called `"betas[0]"`.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from operator import is_
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from paramsched.errors import InvalidArgument

ParamGroup: TypeAlias = MutableMapping[str, Any]
"""A param group of an optimizer."""

Number: TypeAlias = float | Tensor
"""The value of a field: a float, or a 0-d tensor."""


# Functions that write at each step. `set_floats`, `set_cycle` and `scale_…` require plain floats in all groups.


def set_value(group: ParamGroup, value: Any, field: str = "lr") -> None:
    """Write a value into a field that the group already has."""
    entry = group.get(field)
    if type(entry) is float and type(value) is float:  # the usual case: the checks below cost more than the write
        group[field] = value
    elif field == "betas[0]":
        set_first_beta(group, value)
    elif isinstance(group[field], Tensor):
        fill_tensor(group[field], value)
    else:
        group[field] = value.item() if isinstance(value, Tensor) else value


def set_first_beta(group: ParamGroup, value: Any) -> None:
    """Write the first of a group's `betas`, which is Adam's momentum."""
    first, *others = group["betas"]
    if isinstance(first, Tensor):
        fill_tensor(first, value)
    else:
        group["betas"] = (value, *others)


def set_both_momenta(group: ParamGroup, value: Any) -> None:
    """Write a value as Adam's first beta, and as the entry `momentum`, where MMEngine's schedulers keep a copy."""
    set_first_beta(group, value)
    group["momentum"] = value


def fill_tensor(entry: Tensor, value: Any) -> None:
    """Write a number into a tensor of a param group, in place."""
    target = entry.detach() if entry.requires_grad else entry
    if isinstance(value, Tensor) and value.ndim == 0:  # copying on the device avoids a synchronization
        target.copy_(value)
    else:
        target.fill_(float(value))


def scale_value(group: ParamGroup, factor: float, added: float) -> None:
    """Multiply the lr of a group by `factor` and add `added`. A tensor is changed on its device, without reading it."""
    if isinstance(group["lr"], Tensor):
        group["lr"].mul_(factor).add_(added) if added else group["lr"].mul_(factor)
    else:
        group["lr"] = factor * group["lr"] + added


def set_row(optimizer: Optimizer, row: Iterable[Any]) -> None:
    """Write `row[i]` into the lr of group i, after checking that `row` has one value per group."""
    values = list(row)
    if len(values) != len(optimizer.param_groups):
        raise InvalidArgument(
            type(optimizer).__name__,
            f"{len(values)} values of lr for {len(optimizer.param_groups)} param groups",
            "Return one value for each group, and build the scheduler again after removing param groups",
        )
    for group, value in zip(optimizer.param_groups, values, strict=True):
        set_value(group, value)


def set_fields(optimizer: Optimizer, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write several fields of each group: `rows[i]` is a dict from field to value for group i.

    If there are more groups than rows, the remaining groups stay unchanged.
    """
    for group, row in zip(optimizer.param_groups, rows, strict=False):
        for name, value in row.items():
            set_value(group, value, name)


def set_floats(groups: Sequence[ParamGroup], row: Iterable[float]) -> None:
    """Write the lr of each group: `row` contains one float per group."""
    for group, value in zip(groups, row):  # noqa: B905  # the caller has checked the length
        group["lr"] = value


def set_cycle(groups: Sequence[ParamGroup], row: Sequence[float], momenta: Sequence[float]) -> None:
    """Write the lr and the momentum of each group: `row` and `momenta` contain one float per group."""
    if "betas" in groups[0]:
        for group, value, momentum in zip(groups, row, momenta, strict=True):
            group["lr"] = value
            group["betas"] = (momentum, group["betas"][1])
    else:
        for group, value, momentum in zip(groups, row, momenta, strict=True):
            group["lr"] = value
            group["momentum"] = momentum


def set_momenta(groups: Sequence[ParamGroup], momenta: Iterable[float]) -> None:
    """Write the momentum of each group: `momenta` contains one float or tensor per group."""
    betas = "betas" in groups[0]
    for group, momentum in zip(groups, momenta, strict=True):
        if betas:
            set_first_beta(group, momentum)
        else:
            set_value(group, momentum, "momentum")


def scale_floats(groups: Sequence[ParamGroup], factor: float) -> list[float]:
    """Multiply the lr of every group by `factor`, and return the new values."""
    # `for x in [y]` assigns y to x, so that one comprehension reads, multiplies and writes. With a second loop this
    # function would take a quarter longer (benchmarks/test_compat_torch.py).
    return [value for group in groups for value in [group["lr"] * factor] for group["lr"] in [value]]


def scale_by_functions(
    groups: Sequence[ParamGroup], functions: Sequence[Callable[[Any], float]], t: Any, previous: Sequence[Any]
) -> list[float]:
    """Multiply the lr of each group by the value of the group's function at `t`, and return the new values.

    If a function raises an error, the groups get back their values in `previous`.
    """
    pairs = zip(groups, functions, strict=True)
    try:
        return [value for group, by in pairs for value in [group["lr"] * by(t)] for group["lr"] in [value]]
    except BaseException:
        set_floats(groups, previous)
        raise


# Functions that write other entries, when a scheduler is built or a group is added.


def initial_value(group: ParamGroup, field: str = "lr") -> Any:
    """Return `initial_<field>` of a group. If it is missing, first set it to a copy of the field's present value."""
    return group.setdefault(f"initial_{field}", by_value(group[field]))


def set_entries(groups: Iterable[ParamGroup], *, replace: bool = True, **entries: Sequence[Any]) -> None:
    """Write param-group entries that only schedulers read, such as `max_lr=[…]` with one value per group.

    With `replace=False`, entries that a group already has stay unchanged.
    """
    for name, values in entries.items():
        for group, value in zip(groups, values, strict=True):
            group[name] = value if replace else group.get(name, value)


def separate_tensors(optimizer: Optimizer, field: str = "lr") -> None:
    """Copy a tensor that several groups share in `field`, so that each has its own; the first group keeps the original.

    `SGD(groups, lr=tensor)` puts the same tensor into every group (docs/reference/divergences.md, torch 24).
    """
    seen: set[int] = set()
    for group in optimizer.param_groups:
        value = group.get(field)
        if isinstance(value, Tensor):
            if id(value) in seen:
                value = group[field] = value.detach().clone()
            seen.add(id(value))


def use_tensors(optimizer: Optimizer, *fields: str) -> None:
    """Convert fields of every param group to 0-d tensors, which schedulers then change in place.

    A compiled `optimizer.step` is recompiled when a float changes, but not when a tensor changes. Call this function
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


_MARKS = ("step", "_step_count", "_opt_called")  # attributes that schedulers set on the optimizer itself


@contextmanager
def unchanged_on_error(optimizer: Optimizer) -> Iterator[None]:
    """Restore every entry of the param groups, and the optimizer's `step`, if the `with` block raises an error.

    An error may occur after the first write to the groups, for example in a user's function.
    """
    groups = [(group, dict(group)) for group in optimizer.param_groups]
    filled = [
        (item, item.detach().clone())
        for group, _ in groups
        for name, value in group.items()
        if name != "params"
        for item in (value if isinstance(value, tuple) else (value,))
        if isinstance(item, Tensor)
    ]
    marks = {name: vars(optimizer)[name] for name in _MARKS if name in vars(optimizer)}
    try:
        yield
    except BaseException:
        for group, entries in groups:
            group.clear()
            group.update(entries)
        for tensor, previous in filled:
            tensor.detach().copy_(previous)
        for name in _MARKS:
            vars(optimizer).pop(name, None)
        vars(optimizer).update(marks)
        raise


# Functions that read and copy values.


def field_value(group: Mapping[str, Any], field: str) -> Any:
    """Return the value of `field` in a group; `"betas[0]"` is the first beta."""
    return group["betas"][0] if field == "betas[0]" else group[field]


def group_values(optimizer: Optimizer, field: str = "lr") -> list[Number]:
    """Return the value of `field` in each group, with tensors copied."""
    found = [group[field] for group in optimizer.param_groups]
    # Most values are floats, and an `isinstance` check against Tensor costs more than everything else here.
    return [value if type(value) is float else by_value(value) for value in found]


def all_floats(groups: Iterable[Mapping[str, Any]], field: str = "lr") -> bool:
    """Return whether no group has a tensor in `field`; for `"betas[0]"` also whether all `betas` are pairs."""
    if field == "betas[0]":
        return all(len(group["betas"]) == 2 and not isinstance(group["betas"][0], Tensor) for group in groups)
    return not any(isinstance(group.get(field), Tensor) for group in groups)


def python_number(value: Any) -> Any:
    """Convert a NumPy number to a Python number, so that a scheduler's state contains only plain data."""
    return value.item() if isinstance(value, (np.generic, np.ndarray)) and value.ndim == 0 else value


def by_value(value: Any) -> Any:
    """Return a copy that shares no container, array or tensor with `value`; other objects are not copied.

    `deepcopy` is not used, because objects that users keep in a scheduler may be large or not copyable.
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
        case dict():  # torch's milestones stay a Counter, which loading with weights_only allows
            copied_object = copy.copy(value)
            for key, item in value.items():
                copied_object[key] = by_value(item)
            return copied_object
        case list() | tuple() | set() | frozenset() if type(value) in (list, tuple, set, frozenset):
            return type(value)(by_value(item) for item in value)
        case _:
            return value


# A scheduler's bases and functions belong to a group, not to the group's position in the list of groups.

_FEW_GROUPS = 16


def same_groups(groups: Sequence[ParamGroup], known: Sequence[ParamGroup]) -> bool:
    """Return whether `groups` contains the same dicts in the same order as `known`."""
    if len(groups) == 1 == len(known):  # the usual case
        return groups[0] is known[0]
    if len(groups) <= _FEW_GROUPS:
        return len(groups) == len(known) and all(map(is_, groups, known))
    try:
        # Lists compare identical items without a call: 0.1 µs for 100 groups, where `is_` takes 2.4 µs.
        return groups == known
    except RuntimeError:  # the parameters of different groups cannot be compared
        return False


KnownGroups: TypeAlias = tuple[Any, list[ParamGroup]]
"""A pair: an optimizer, and the list of its groups for which a scheduler stores data, such as bases."""


def kept_positions(
    who: str, known: KnownGroups, optimizer: Any, groups: Sequence[ParamGroup] | None = None
) -> list[int] | None:
    """Return the previous index of each known group that remains, in the present order of the groups.

    Returns None if no group was removed or moved, or if `optimizer` is not the optimizer in `known`. A group is
    recognized by identity or by one of its parameters, because loading an optimizer's state creates new dicts.

    Args:
        who: the name of the scheduler, for the error.
        known: the optimizer and its groups at the last call.
        optimizer: the present optimizer.
        groups: the present groups to compare with the known ones; all groups of the optimizer by default.

    Raises:
        InvalidArgument: if no known group remains, or a new group precedes a known one.
    """
    owner, previous = known
    present = optimizer.param_groups if groups is None else groups
    if owner is not optimizer or same_groups(present[: len(previous)], previous):
        return None
    by_group = {id(group): index for index, group in enumerate(previous)}
    by_parameter = {id(one): index for index, group in enumerate(previous) for one in group["params"]}
    found = [
        by_group.get(id(group), next((by_parameter[id(p)] for p in group["params"] if id(p) in by_parameter), None))
        for group in present
    ]
    kept = [index for index in found if index is not None]
    if not kept:
        raise groups_changed(who, f"none of its {len(previous)} param groups is in the optimizer any longer")
    if found[: len(kept)] != kept:
        raise groups_changed(who, "a new param group precedes those that the scheduler was built for")
    return None if kept == list(range(len(previous))) else kept


def select(entries: Sequence[Any], kept: Sequence[int]) -> list[Any]:
    """Return the entries at the indices `kept`, ignoring indices beyond the end of the list."""
    return [entries[index] for index in kept if index < len(entries)]


def groups_changed(who: str, found: str) -> InvalidArgument:
    """Return the error that the data of scheduler `who` no longer match the param groups.

    Args:
        who: the name of the scheduler's class.
        found: the mismatch.
    """
    return InvalidArgument(who, found, "Build the scheduler again after removing or reordering param groups")


# A group that is added during a run continues from its present value: its base is chosen so that the schedule has this
# value at the present step. If the schedule does not depend on base, the present value is the base.


def base_on_curve(value: float, share: float, fixed: float = 0.0) -> float:
    """Return the base for which a schedule has `value` at the present step, where it equals share * base + fixed.

    Returns `value` itself if share is 0.

    >>> base_on_curve(0.02, 0.25), base_on_curve(0.02, 0.0), base_on_curve(0.55, 0.5, fixed=0.05)
    (0.08, 0.02, 1.0)
    """
    if share == 0:
        return value
    base = (value - fixed) / share
    return base if math.isfinite(base) else value


def base_from_ratio(value: float, bases: Sequence[Any], written: Sequence[Any]) -> float:
    """Return the base of a new group, so that it has the same ratio of value to base as the last known group.

    A group with the value of the last known one has its base, also if that is 0.

    Args:
        value: the present value of the new group.
        bases: the bases of the known groups.
        written: the values of the known groups.

    >>> base_from_ratio(0.02, bases=[1.0, 0.4], written=[0.5, 0.1])
    0.08
    """
    if not bases or len(bases) != len(written):
        return value
    if value == float(written[-1]) != 0:
        return float(bases[-1])
    if float(bases[-1]) == 0:
        return value
    return base_on_curve(value, float(written[-1]) / float(bases[-1]))
