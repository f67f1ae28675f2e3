"""The optimizers that a user passes, without the wrappers of engines."""

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from paramsched.core.groups.fields import numeric
from paramsched.core.plan.optimizers import ALONE, check_names, errors_of
from paramsched.core.plan.plan import Plan
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.messages import arguments as messages
from paramsched.core.schedules.schedule import Schedule


def unwrapped_optimizers(optimizer: Any) -> dict[str, Any]:
    """Return the innermost optimizers of an optimizer, or of a mapping from names to optimizers, by their names.

    Raises:
        InvalidArgument: a name cannot be used, a value is not an optimizer, or two are the same.
    """
    if not isinstance(optimizer, Mapping):
        return {ALONE: _unwrapped(optimizer)}
    check_names("Scheduler", optimizer)
    optimizers: dict[str, Any] = {}
    names: dict[int, str] = {}
    for name, wrapper in optimizer.items():
        with errors_of(name):
            inner = _unwrapped(wrapper)
        if id(inner) in names:
            raise messages.same_optimizer(names[id(inner)], name)
        optimizers[name] = inner
        names[id(inner)] = name
    return optimizers


_INNER_NAMES = ("optimizer", "_optimizer", "_base_optimizer", "base_optimizer")
"""The attributes in which wrappers store their optimizer: of Accelerate and MMEngine, Lightning, Lookahead, and SAM."""


def _unwrapped(optimizer: Any) -> Any:
    """Return the innermost optimizer of nested wrappers."""
    seen: list[int] = []
    while id(optimizer) not in seen:
        seen.append(id(optimizer))
        attributes = getattr(optimizer, "__dict__", {})
        names = (name for name in _INNER_NAMES if isinstance(getattr(attributes.get(name), "param_groups", None), list))
        name = next(names, None)
        if name is None:
            break
        optimizer = attributes[name]
    _require_optimizer(optimizer)
    return optimizer


def _require_optimizer(optimizer: Any) -> None:
    """Raise for an object that is no optimizer, or that only contains optimizers."""
    groups = getattr(optimizer, "param_groups", None)
    attributes = getattr(optimizer, "__dict__", {})
    is_usable = isinstance(groups, list) and any(map(numeric, groups)) and not _has_idle_groups(attributes, groups)
    if not is_usable:
        _refuse_container(optimizer, attributes)
    if isinstance(groups, list) and groups:
        return
    if isinstance(optimizer, Plan | Schedule):
        raise messages.plan_for_optimizer(optimizer)
    if isinstance(optimizer, str):
        raise messages.text_for_optimizer(optimizer)
    raise messages.no_param_groups(optimizer)


def _refuse_container(optimizer: Any, attributes: Mapping[str, Any]) -> None:
    """Raise for a list of optimizers, and for an object with such a list."""
    contained = next((f"optimizer.{name}" for name, value in attributes.items() if _are_optimizers(value)), None)
    container = "container"
    if _are_optimizers(optimizer):
        contained = "optimizers"
        container = type(optimizer).__name__
    if contained is not None:
        raise messages.container_of_optimizers(optimizer, container, contained)


def _has_idle_groups(attributes: Mapping[str, Any], groups: list[GroupDict]) -> bool:
    """Return whether no step reads the groups of a container, because its optimizers have their own (torchtitan)."""
    inner = attributes.get("optimizers")
    if not _are_optimizers(inner):
        return False
    read = {id(group) for optimizer in inner or () for group in optimizer.param_groups}
    return not any(id(group) in read for group in groups)


def _are_optimizers(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(element, Optimizer) for element in value)
