"""State: plain data by value, the name of its class, and what the groups held."""

import pickle
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from torch.optim import Optimizer

from paramsched.compat import group_fields
from paramsched.compat._copies import by_value
from paramsched.compat.torch import _groups
from paramsched.compat.torch._function_notes import function_name, is_found_by_name
from paramsched.errors import StateError
from paramsched.user_warnings import warn_user


class SavedScheduler(Protocol):
    """What this module asks of a scheduler."""

    _constructed: "HeldFields"

    @property
    def _option_names(self) -> tuple[str, ...]: ...

    def _written_fields(self) -> tuple[str, ...]: ...

    def _momenta_now(self) -> dict[str, Sequence[float]]: ...


CLASS, GROUPS, BESIDE, LOST = "_class", "_groups", "_beside", "_lost"
"""Our keys beside torch's; torch's classes take them up and hand them back, however far they went on meanwhile."""

HeldFields: TypeAlias = list[tuple[dict[str, Any], dict[str, Any]]]
"""The groups of an optimizer, and what stands in the fields of each."""


def fields_held(optimizer: Optimizer, fields: Sequence[str] = ("lr",)) -> HeldFields:
    """The groups as they are objects, and what stands in these fields of each now."""
    groups = [group for group in optimizer.param_groups if "lr" in group]
    return [(group, {name: _held_value(group, name) for name in fields if _has_field(group, name)}) for group in groups]


def attributes_by_value(attributes: Mapping[str, Any], leave_out: Iterable[str]) -> dict[str, Any]:
    """Attributes by value, but for some."""
    return {key: by_value(value) for key, value in attributes.items() if key not in leave_out}


def drop_in_name(scheduler: SavedScheduler) -> str:
    """The drop-in a scheduler is, or is a subclass of; the base class has one name, be it asked for by the other."""
    name = next(kind.__name__ for kind in type(scheduler).__mro__ if kind.__module__.startswith(__package__ or ""))
    return name.lstrip("_")


def with_signature(scheduler: SavedScheduler, state: dict[str, Any]) -> dict[str, Any]:
    """The state with its class, what the groups hold now, and the numbers that stood beside it.

    Other schedulers may have had their turn since, so what the groups hold is not what this one wrote.
    """
    groups = _groups_written(scheduler)
    held = {field: [_held_value(group, field) for group in groups] for field in _common_fields(scheduler, groups)}
    return state | {CLASS: drop_in_name(scheduler), GROUPS: held, BESIDE: _numbers_in(state)}


def is_current(state: Mapping[str, Any]) -> bool:
    """Whether what the groups held is of the same moment as the rest, and not what torch handed back later."""
    return bool(state.get(GROUPS)) and (BESIDE not in state or state[BESIDE] == _numbers_in(state))


def check_state(scheduler: SavedScheduler, state: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without our keys; a state of another class is refused, other options than the constructor's are said."""
    name, own = state.get(CLASS), drop_in_name(scheduler)
    if name is not None and name.lstrip("_") != own:
        raise StateError(f"{own}.load_state_dict(…): this is the state of {name}. Build {name} to load it")
    changed = [
        f"{key}={state[key]!r} (was {scheduler.__dict__[key]!r})"
        for key in scheduler._option_names
        if key in state and key in scheduler.__dict__ and not _groups.equal_values(state[key], scheduler.__dict__[key])
    ]
    if changed:
        warn_user(
            f"{own}.load_state_dict(…) replaces options of the constructor by those saved: {', '.join(changed)}.",
        )
    drop = {CLASS, GROUPS, BESIDE} | (set() if is_current(state) else {LOST})
    return {key: by_value(value) for key, value in state.items() if key not in drop}


def write_back(scheduler: SavedScheduler, state: Mapping[str, Any]) -> None:
    """Write the values of a state into the groups: right in any order of constructing and loading.

    torch's states say only what its scheduler wrote last, and others may have written since. They are written where
    nothing was restored: where a group still holds what this scheduler's constructor left there. Of momentum they say
    nothing; what is written there is the momentum of the epoch they are at.
    """
    groups = _groups_written(scheduler)
    if is_current(state):
        for field, row in state[GROUPS].items():
            for group, value in zip(groups, row, strict=False):
                _restore_field(group, field, value)
        return
    for field, row in {"lr": state.get("_last_lr") or (), **scheduler._momenta_now()}.items():
        for group, value, (known, left) in zip(groups, row, scheduler._constructed, strict=False):
            untouched = group is known and _has_field(group, field) and field in left
            if untouched and _groups.equal_values(_held_value(group, field), left[field]):
                _restore_field(group, field, value)


def _groups_written(scheduler: SavedScheduler) -> list[dict[str, Any]]:
    """The groups, as far as a subclass that never called the constructor has any."""
    return getattr(scheduler.__dict__.get("optimizer"), "param_groups", [])


def _common_fields(scheduler: SavedScheduler, groups: list[dict[str, Any]]) -> Iterator[str]:
    for field in scheduler._written_fields() if groups else ():
        if all(_has_field(group, field) for group in groups):
            yield field


def _has_field(group: Mapping[str, Any], field: str) -> bool:
    return field.partition("[")[0] in group


def _numbers_in(state: Mapping[str, Any]) -> dict[str, float]:
    return {key: value for key, value in state.items() if type(value) in (int, float) and value == value}


def _held_value(group: Mapping[str, Any], field: str) -> Any:
    value = group["betas"][0] if field == "betas[0]" else group[field]
    return group_fields.python_number(by_value(value))


def _restore_field(group: dict[str, Any], field: str, value: Any) -> None:
    if field == "betas[0]":
        group_fields.put_first_beta(group, value)
    else:
        group_fields.put_value(group, value, field)


def refuse_nameless_functions(scheduler: SavedScheduler) -> None:
    """Refuse to pickle a function that has no name to find it by, before pickle does so obscurely."""
    for attribute, value in scheduler.__dict__.items():
        for function in value if isinstance(value, list) else [value]:
            if isinstance(function, types.FunctionType) and not is_found_by_name(function):
                raise pickle.PicklingError(
                    f"{type(scheduler).__name__}.{attribute} holds {function_name(function)}, which cannot be found by "
                    "name. Write a function at the top of a module, or save scheduler.state_dict() instead."
                )
