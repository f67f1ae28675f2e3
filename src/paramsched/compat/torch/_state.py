"""State: plain data by value, the name of its class, and what the groups held."""

import pickle
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from paramsched.compat.torch import _groups
from paramsched.errors import StateError

if TYPE_CHECKING:
    from paramsched.compat.torch._base import LRScheduler

CLASS, GROUPS, NOTES = "_class", "_groups", "_functions"
"""Our keys beside torch's; torch's classes take them up and hand them back."""

_POINTS = (1, 10, 100)


def by_value(value: Any) -> Any:
    """Containers and tensors copied, anything else as it is."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        # A Counter (torch's milestones) stays one: weights_only loading knows it.
        return type(value)({key: by_value(item) for key, item in value.items()})
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(by_value(item) for item in value)
    return value


def data(attributes: Mapping[str, Any], leave_out: Iterable[str]) -> dict[str, Any]:
    """Attributes by value, but for some."""
    return {key: by_value(value) for key, value in attributes.items() if key not in leave_out}


def class_of(scheduler: "LRScheduler") -> str:
    """The drop-in a scheduler is, or is a subclass of."""
    return next(kind.__name__ for kind in type(scheduler).__mro__ if kind.__module__.startswith(__package__ or ""))


def signature(scheduler: "LRScheduler") -> dict[str, Any]:
    """The class, and what the groups hold now: other schedulers may have had their turn since."""
    groups = scheduler.optimizer.param_groups
    held = {field: [_held(group, field) for group in groups] for field in scheduler._fields() if groups}
    return {CLASS: class_of(scheduler), GROUPS: held}


def checked(scheduler: "LRScheduler", state: Mapping[str, Any]) -> dict[str, Any]:
    """A copy without our keys; a state of another class is refused, other options than the constructor's are said."""
    name, own = state.get(CLASS), class_of(scheduler)
    if name is not None and name != own:
        raise StateError(f"{own}.load_state_dict(…): this is the state of {name}. Build {name} to load it")
    changed = [
        f"{key}={state[key]!r} (was {scheduler.__dict__[key]!r})"
        for key in scheduler._option_names
        if key in state and key in scheduler.__dict__ and not _equal(state[key], scheduler.__dict__[key])
    ]
    if changed:
        warnings.warn(
            f"{own}.load_state_dict(…) replaces options of the constructor by those saved: {', '.join(changed)}.",
            UserWarning,
            stacklevel=_groups.user_level(),
        )
    return {key: by_value(value) for key, value in state.items() if key not in (CLASS, GROUPS)}


def write_back(scheduler: "LRScheduler", state: Mapping[str, Any]) -> None:
    """Write the values of a state into the groups: right in any order of constructing and loading."""
    held = state.get(GROUPS) or {"lr": state.get("_last_lr") or []}
    for field, row in held.items():
        for group, value in zip(scheduler.optimizer.param_groups, row, strict=False):
            _write_held(group, field, value)


def _held(group: Mapping[str, Any], field: str) -> Any:
    if field == "betas[0]":
        return by_value(group["betas"][0])
    return by_value(group[field])


def _write_held(group: dict[str, Any], field: str, value: Any) -> None:
    if field == "betas[0]":
        group["betas"] = (value, *group["betas"][1:])
    else:
        _groups.put(group, value, field)


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError, RuntimeError):
        return False


def is_object(function: Any) -> bool:
    """Whether a callable keeps what it needs in its `__dict__`: an instance, not a function by any name."""
    functions = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, partial, type)
    return hasattr(function, "__dict__") and not isinstance(function, functions)


def saved_function(function: Any) -> dict[str, Any] | None:
    """A callable object as a copy of its `__dict__`; a function as None."""
    return dict(function.__dict__) if is_object(function) else None


def note(function: Any) -> dict[str, Any] | None:
    """The name of a function and its values at a few points, so that another one in its place can be noticed."""
    if function is None or is_object(function):
        return None
    values: list[float] = []
    with suppress(Exception):  # whatever a user's function raises where it was never meant to be called
        values = [float(function(point)) for point in _POINTS]
    return {"name": _name(function), "values": values}


def notes(functions: Iterable[Any]) -> list[dict[str, Any] | None]:
    """A note for each function; one that serves many groups is asked once."""
    known: dict[int, dict[str, Any] | None] = {}
    return [known.setdefault(id(f), None) if id(f) in known else known.setdefault(id(f), note(f)) for f in functions]


def compare_notes(scheduler: "LRScheduler", saved: Any, functions: Iterable[Any]) -> None:
    """Warn where a state was saved next to another function than it is loaded next to."""
    own = notes(functions)
    if not isinstance(saved, list) or len(saved) != len(own):
        return
    for index, (before, now) in enumerate(zip(saved, own, strict=True)):
        if before is not None and now is not None and before["values"] != now["values"]:
            warnings.warn(
                f"{class_of(scheduler)}.load_state_dict(…): function {index} was {before['name']} with the values "
                f"{before['values']} at {_POINTS} when this was saved, and is {now['name']} with {now['values']}. "
                "Functions are not in a state: build the scheduler with the one it had.",
                UserWarning,
                stacklevel=_groups.user_level(),
            )
            return


def refuse_nameless(scheduler: "LRScheduler") -> None:
    """Refuse to pickle a function that has no name to find it by, before pickle does so obscurely."""
    for attribute, value in scheduler.__dict__.items():
        for function in value if isinstance(value, list) else [value]:
            if isinstance(function, types.FunctionType) and not _found(function):
                raise pickle.PicklingError(
                    f"{type(scheduler).__name__}.{attribute} holds {_name(function)}, which cannot be found by name. "
                    "Write a function at the top of a module, or save scheduler.state_dict() instead."
                )


def _found(function: Callable[..., Any]) -> bool:
    return getattr(sys.modules.get(function.__module__), function.__qualname__, None) is function


def _name(function: Any) -> str:
    inner = function.func if isinstance(function, partial) else function
    name = getattr(inner, "__qualname__", type(inner).__name__)
    return f"{getattr(inner, '__module__', None) or 'builtins'}.{name}"
