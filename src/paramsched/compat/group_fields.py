"""Read, write and restore the fields of an optimizer's param groups, for all drop-ins.

A field contains a float or a 0-d tensor. A float is replaced. A tensor is filled in place, because compiled steps and
other objects keep a reference to it. Adam's momentum is the first of its `betas`, written as the field `"betas[0]"`.
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


# Writes at each step. `set_floats`, `set_cycle` and `scale_…` require plain floats in all groups.


def set_value(group: ParamGroup, value: Any, field: str = "lr") -> None:
    """Write one value into a field that exists."""
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
    """Write Adam's momentum and its copy in the entry `momentum`, which MMEngine's schedulers keep."""
    set_first_beta(group, value)
    group["momentum"] = value


def fill_tensor(entry: Tensor, value: Any) -> None:
    """Write a number into a tensor of a group."""
    target = entry.detach() if entry.requires_grad else entry
    if isinstance(value, Tensor) and value.ndim == 0:  # copying on the device avoids a synchronization
        target.copy_(value)
    else:
        target.fill_(float(value))


def scale_value(group: ParamGroup, factor: float, added: float) -> None:
    """Multiply the lr of a group by a factor and add a number; a tensor stays on its device and is not read."""
    if isinstance(group["lr"], Tensor):
        group["lr"].mul_(factor).add_(added) if added else group["lr"].mul_(factor)
    else:
        group["lr"] = factor * group["lr"] + added


def set_row(optimizer: Optimizer, row: Iterable[Any], field: str = "lr") -> None:
    """Write one value into each group, after checking their number."""
    values = list(row)
    if len(values) != len(optimizer.param_groups):
        raise InvalidArgument(
            type(optimizer).__name__,
            f"{len(values)} values of {field} for {len(optimizer.param_groups)} param groups",
            "Return one value for each group, and build the scheduler again after removing param groups",
        )
    for group, value in zip(optimizer.param_groups, values, strict=True):
        set_value(group, value, field)


def set_fields(optimizer: Optimizer, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write several fields of each group, for as many groups as there are rows."""
    for group, row in zip(optimizer.param_groups, rows, strict=False):
        for name, value in row.items():
            set_value(group, value, name)


def set_floats(groups: Sequence[ParamGroup], row: Iterable[float]) -> None:
    """Write one lr into each group."""
    for group, value in zip(groups, row):  # noqa: B905  # the caller has checked the length
        group["lr"] = value


def set_cycle(groups: Sequence[ParamGroup], row: Sequence[float], momenta: Sequence[float]) -> None:
    """Write one lr and one momentum into each group."""
    if "betas" in groups[0]:
        for group, value, momentum in zip(groups, row, momenta, strict=True):
            group["lr"] = value
            group["betas"] = (momentum, group["betas"][1])
    else:
        for group, value, momentum in zip(groups, row, momenta, strict=True):
            group["lr"] = value
            group["momentum"] = momentum


def set_momenta(groups: Sequence[ParamGroup], momenta: Iterable[float]) -> None:
    """Write one momentum into each group, a float or a tensor."""
    betas = "betas" in groups[0]
    for group, momentum in zip(groups, momenta, strict=True):
        if betas:
            set_first_beta(group, momentum)
        else:
            set_value(group, momentum, "momentum")


def scale_floats(groups: Sequence[ParamGroup], factor: float) -> list[float]:
    """Multiply the lr of each group by one factor; return the new values."""
    # One pass reads, multiplies and writes: in a comprehension `for x in [y]` is an assignment, and a second pass
    # costs a quarter more (benchmarks/test_compat_torch.py).
    return [value for group in groups for value in [group["lr"] * factor] for group["lr"] in [value]]


def scale_by_functions(
    groups: Sequence[ParamGroup], functions: Sequence[Callable[[Any], float]], t: Any, previous: Sequence[Any]
) -> list[float]:
    """Multiply the lr of each group by its own function of t; restore `previous` if one raises."""
    pairs = zip(groups, functions, strict=True)
    try:
        return [value for group, by in pairs for value in [group["lr"] * by(t)] for group["lr"] in [value]]
    except BaseException:
        written = len(groups) - 1 - len(list(pairs))
        set_floats(groups[:written], previous)
        raise


# Writes of other entries, for a new scheduler or group.


def initial_value(group: ParamGroup, field: str = "lr") -> Any:
    """Return `initial_<field>` of a group; set it to a copy of the present value if it is missing."""
    return group.setdefault(f"initial_{field}", by_value(group[field]))


def set_entries(groups: Iterable[ParamGroup], *, replace: bool = True, **entries: Sequence[Any]) -> None:
    """Write entries that only schedulers read, such as `max_lr`, one value for each group."""
    for name, values in entries.items():
        for group, value in zip(groups, values, strict=True):
            group[name] = value if replace else group.get(name, value)


def separate_tensors(optimizer: Optimizer, field: str = "lr") -> None:
    """Give each group its own tensor if several groups share one; the first group keeps it.

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
    """Convert fields of every group to 0-d tensors, one per group; schedulers then fill them in place.

    A compiled `optimizer.step` then keeps one graph. A float would trigger a recompilation at each change. Call it
    before building schedulers.

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
    """Restore every entry of the groups, and the optimizer's `step`, if the block raises.

    This covers errors that occur after the first write: a user's function, for example, is first called after it.
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


# Reads and copies of values.


def field_value(group: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field of a group."""
    return group["betas"][0] if field == "betas[0]" else group[field]


def group_values(optimizer: Optimizer, field: str = "lr") -> list[Number]:
    """Return the value of each group; tensors are copied."""
    found = [group[field] for group in optimizer.param_groups]
    # Most values are floats, and an `isinstance` check against Tensor costs more than everything else here.
    return [value if type(value) is float else by_value(value) for value in found]


def all_floats(groups: Iterable[Mapping[str, Any]], field: str = "lr") -> bool:
    """Return whether the field is not a tensor in any group."""
    if field == "betas[0]":
        return all(len(group["betas"]) == 2 and not isinstance(group["betas"][0], Tensor) for group in groups)
    return not any(isinstance(group.get(field), Tensor) for group in groups)


def python_number(value: Any) -> Any:
    """Convert a NumPy number to a Python number, so that states remain plain data."""
    if type(value) is float:
        return value
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


# Entries such as bases and functions follow their group, not its position in the list.

_FEW_GROUPS = 16


def same_groups(groups: Sequence[ParamGroup], known: Sequence[ParamGroup]) -> bool:
    """Return whether the list has the same groups in the same order as before."""
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
"""An optimizer, and the groups for which a scheduler has entries."""


def kept_positions(
    who: str, known: KnownGroups, optimizer: Any, groups: Sequence[ParamGroup] | None = None
) -> list[int] | None:
    """Return the previous position of each known group, in the present order.

    Returns None if no group was removed or moved, or if the optimizer is another one. A group is recognized by
    identity or by one of its parameters, because loading an optimizer's state creates new dicts.

    Args:
        who: the name of the scheduler, for the error.
        known: the optimizer and its groups at the last call.
        optimizer: the present optimizer.
        groups: the groups that count; all groups of the optimizer by default.

    Raises:
        InvalidArgument: if no known group remains, or a new group is not at the end.
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
    """Return the entries at these positions, ignoring positions beyond the end of the list."""
    return [entries[index] for index in kept if index < len(entries)]


def groups_changed(who: str, found: str) -> InvalidArgument:
    """Return the error for entries of a scheduler that no longer match the groups."""
    return InvalidArgument(who, found, "Build the scheduler again after removing or reordering param groups")


# A group that is added during a run continues from its present value: its base is chosen so that the curve has that
# value now. If the curve does not depend on the base, the present value is the base.


def base_on_curve(value: float, share: float, fixed: float = 0.0) -> float:
    """Return the base b that solves share * b + fixed = value, or `value` itself if share is 0.

    >>> base_on_curve(0.02, 0.25), base_on_curve(0.02, 0.0), base_on_curve(0.55, 0.5, fixed=0.05)
    (0.08, 0.02, 1.0)
    """
    if share == 0 or (share == 1 and fixed == 0):
        return value
    base = (value - fixed) / share
    return base if math.isfinite(base) else value


def base_from_ratio(value: float, bases: Sequence[Any], written: Sequence[Any]) -> float:
    """Return the base of a group whose present value is `value`, from the ratio of value to base in the last group.

    >>> base_from_ratio(0.02, bases=[1.0, 0.4], written=[0.5, 0.1])
    0.08
    """
    if not bases or len(bases) != len(written) or float(bases[-1]) == 0:
        return value
    return base_on_curve(value, float(written[-1]) / float(bases[-1]))
