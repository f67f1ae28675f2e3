"""State: plain data by value, the name of its class, and what the groups held."""

import pickle
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer

from paramsched.compat import group_fields
from paramsched.compat._copies import by_value
from paramsched.compat.torch import _groups
from paramsched.compat.torch._function_notes import is_found, name_of
from paramsched.errors import StateError
from paramsched.user_warnings import warn_user

if TYPE_CHECKING:
    from paramsched.compat.torch._base import LRScheduler

CLASS, GROUPS, BESIDE, LOST = "_class", "_groups", "_beside", "_lost"
"""Our keys beside torch's; torch's classes take them up and hand them back, however far they went on meanwhile."""

Left = list[tuple[dict[str, Any], dict[str, Any]]]
"""The groups of an optimizer, and what stands in the fields of each."""


def left_in(optimizer: Optimizer, fields: Sequence[str] = ("lr",)) -> Left:
    """The groups as they are objects, and what stands in these fields of each now."""
    groups = [group for group in optimizer.param_groups if "lr" in group]
    return [(group, {field: _held(group, field) for field in fields if _has(group, field)}) for group in groups]


def data(attributes: Mapping[str, Any], leave_out: Iterable[str]) -> dict[str, Any]:
    """Attributes by value, but for some."""
    return {key: by_value(value) for key, value in attributes.items() if key not in leave_out}


def class_of(scheduler: "LRScheduler") -> str:
    """The drop-in a scheduler is, or is a subclass of; the base class has one name, be it asked for by the other."""
    name = next(kind.__name__ for kind in type(scheduler).__mro__ if kind.__module__.startswith(__package__ or ""))
    return name.lstrip("_")


def signed(scheduler: "LRScheduler", state: dict[str, Any]) -> dict[str, Any]:
    """The state with its class, what the groups hold now, and the numbers that stood beside it.

    Other schedulers may have had their turn since, so what the groups hold is not what this one wrote.
    """
    groups = _groups_of(scheduler)
    held = {field: [_held(group, field) for group in groups] for field in _fields(scheduler, groups)}
    return state | {CLASS: class_of(scheduler), GROUPS: held, BESIDE: _numbers(state)}


def is_current(state: Mapping[str, Any]) -> bool:
    """Whether what the groups held is of the same moment as the rest, and not what torch handed back later."""
    return bool(state.get(GROUPS)) and (BESIDE not in state or state[BESIDE] == _numbers(state))


def checked(scheduler: "LRScheduler", state: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without our keys; a state of another class is refused, other options than the constructor's are said."""
    name, own = state.get(CLASS), class_of(scheduler)
    if name is not None and name.lstrip("_") != own:
        raise StateError(f"{own}.load_state_dict(…): this is the state of {name}. Build {name} to load it")
    changed = [
        f"{key}={state[key]!r} (was {scheduler.__dict__[key]!r})"
        for key in scheduler._option_names
        if key in state and key in scheduler.__dict__ and not _equal(state[key], scheduler.__dict__[key])
    ]
    if changed:
        warn_user(
            f"{own}.load_state_dict(…) replaces options of the constructor by those saved: {', '.join(changed)}.",
        )
    drop = {CLASS, GROUPS, BESIDE} | (set() if is_current(state) else {LOST})
    return {key: by_value(value) for key, value in state.items() if key not in drop}


def write_back(scheduler: "LRScheduler", state: Mapping[str, Any]) -> None:
    """Write the values of a state into the groups: right in any order of constructing and loading.

    torch's states say only what its scheduler wrote last, and others may have written since. They are written where
    nothing was restored: where a group still holds what this scheduler's constructor left there. Of momentum they say
    nothing; what is written there is the momentum of the epoch they are at.
    """
    groups = _groups_of(scheduler)
    if is_current(state):
        for field, row in state[GROUPS].items():
            for group, value in zip(groups, row, strict=False):
                _write_held(group, field, value)
        return
    for field, row in {"lr": state.get("_last_lr") or (), **scheduler._beside_lr()}.items():
        for group, value, (known, left) in zip(groups, row, scheduler._constructed, strict=False):
            if group is known and _has(group, field) and field in left and _equal(_held(group, field), left[field]):
                _write_held(group, field, value)


def _groups_of(scheduler: "LRScheduler") -> list[dict[str, Any]]:
    """The groups, as far as a subclass that never called the constructor has any."""
    return getattr(scheduler.__dict__.get("optimizer"), "param_groups", [])


def _fields(scheduler: "LRScheduler", groups: list[dict[str, Any]]) -> Iterator[str]:
    for field in scheduler._fields() if groups else ():
        if all(_has(group, field) for group in groups):
            yield field


def _has(group: Mapping[str, Any], field: str) -> bool:
    return field.partition("[")[0] in group


def _numbers(state: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, value in state.items() if type(value) in (int, float) and value == value}


def _held(group: Mapping[str, Any], field: str) -> Any:
    value = group["betas"][0] if field == "betas[0]" else group[field]
    return _groups.plain_number(by_value(value))


def _write_held(group: dict[str, Any], field: str, value: Any) -> None:
    if field == "betas[0]":
        group_fields.put_first_beta(group, value)
    else:
        group_fields.put_value(group, value, field)


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError, RuntimeError):
        return False


def refuse_nameless(scheduler: "LRScheduler") -> None:
    """Refuse to pickle a function that has no name to find it by, before pickle does so obscurely."""
    for attribute, value in scheduler.__dict__.items():
        for function in value if isinstance(value, list) else [value]:
            if isinstance(function, types.FunctionType) and not is_found(function):
                raise pickle.PicklingError(
                    f"{type(scheduler).__name__}.{attribute} holds {name_of(function)}, which cannot be found by name. "
                    "Write a function at the top of a module, or save scheduler.state_dict() instead."
                )
