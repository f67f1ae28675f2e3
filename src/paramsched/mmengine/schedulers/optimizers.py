"""Optimizers and their wrappers: the wrapped optimizer, its groups, and whether it was stepped."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, final, runtime_checkable
from weakref import WeakKeyDictionary

import torch
from torch.optim import Optimizer

from paramsched.compat.group_values import ParamGroup
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.fields import Field
from paramsched.core.run.steps import watch_updates
from paramsched.errors import CallSite, InvalidCall

_ABOUT_ORDER = "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"


@runtime_checkable
class Wrapper(Protocol):
    """A wrapper of an optimizer, such as our `OptimWrapper` or MMEngine's."""

    optimizer: Any

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...


OptimizerLike: TypeAlias = Optimizer | Wrapper
"""A torch optimizer, or a wrapper of one that has its `param_groups`."""


@final
class ValuesOnly(Optimizer):
    """An optimizer that has values in its groups, but no parameters, so that a step changes nothing.

    Args:
        groups: the values of each group.
    """

    def __init__(self, groups: Sequence[Mapping[str, Any]]) -> None:
        empty = [{**group, "params": [torch.nn.Parameter(torch.zeros(0))]} for group in groups]
        super().__init__(empty, dict(groups[0]))

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # there is no loss
        """Change nothing."""


def require_optimizer(call: str, optimizer: object) -> None:
    """Raise an error if the object is neither an optimizer nor a wrapper of one."""
    if not isinstance(optimizer, (Optimizer, Wrapper)):
        found = f"``optimizer`` should be an Optimizer, but got {type(optimizer).__name__}"
        example = "torch.optim.SGD(model.parameters(), lr=0.1), or an OptimWrapper of one"
        raise InvalidCall(CallSite(call, "optimizer"), found, example=example)


def inner_optimizer(optimizer: Any) -> Optimizer | None:
    """Return the wrapped torch optimizer; None if a wrapper contains another object."""
    depth = 0
    while isinstance(optimizer, Wrapper) and depth < 10:
        optimizer, depth = optimizer.optimizer, depth + 1
    return optimizer if isinstance(optimizer, Optimizer) else None


def pseudo_group(optimizer: Any) -> ParamGroup | None:
    """Return the group that a wrapper appends for the lr without per-group factors; None if there is none."""
    return None if isinstance(optimizer, Optimizer) else getattr(optimizer, "base_param_settings", None)


def number_of(value: Any) -> Any:
    """Return a 0-d tensor as a float; other values are returned unchanged."""
    return float(value) if isinstance(value, torch.Tensor) else value


def field_of_group(group: Mapping[str, Any], name: str) -> Field:
    """Return the field that a scheduler of an entry writes in a group; Adam's momentum is `betas[0]`."""
    return Field.of("betas[0]" if name == "momentum" and "betas" in group else name)


def present_value(group: ParamGroup, name: str) -> Any:
    """Return the value of an entry of a group as a number; Adam's momentum is `betas[0]`."""
    return number_of(group["betas"][0] if name == "momentum" and "betas" in group else group[name])


# Weak dictionaries instead of attributes, because copies of the optimizer must not inherit them.
_has_stepped: WeakKeyDictionary[Optimizer, bool] = WeakKeyDictionary()  # since the last scheduler was built
_replaced_steps: WeakKeyDictionary[Optimizer, tuple[Any, ...]] = WeakKeyDictionary()  # at that time


def watch_steps(optimizer: Any) -> None:
    """Notice the steps of an optimizer from now on; `warn_of_order` ignores its earlier steps."""
    inner = inner_optimizer(optimizer)
    if inner is None:
        return
    if inner not in _has_stepped:

        def note_step(optimizer: Optimizer) -> None:
            _has_stepped[optimizer] = True

        watch_updates(inner, note_step, lambda _: None)
    _has_stepped[inner], _replaced_steps[inner] = False, _steps_of_objects(optimizer, inner)


def warn_of_order(optimizer: Any) -> None:
    """Warn if no step of the optimizer was noticed since `watch_steps`, or if `optimizer.step` was replaced."""
    inner = inner_optimizer(optimizer)
    if inner is None:
        return
    if _steps_of_objects(optimizer, inner) != _replaced_steps.get(inner, (None, None)):
        found = "Seems like `optimizer.step()` has been overridden after parameter value scheduler initialization"
        advice = f"Please, make sure to call `optimizer.step()` before `scheduler.step()`. {_ABOUT_ORDER}"
    elif _has_stepped.get(inner, True) or _may_step_later(optimizer):
        return
    else:
        found = "Detected call of `scheduler.step()` before `optimizer.step()`"
        advice = (
            f"Call them in the opposite order: otherwise the first value of the schedule is skipped. {_ABOUT_ORDER}"
        )
    warn_user(Problem(found=found, advice=advice))


def _may_step_later(optimizer: Any) -> bool:
    """Return whether a wrapper accumulates gradients, or has a loss scaler, which skips updates."""
    return getattr(optimizer, "_accumulative_counts", 1) > 1 or getattr(optimizer, "loss_scaler", None) is not None


def _steps_of_objects(optimizer: Any, inner: Optimizer) -> tuple[Any, ...]:
    """Return the functions that were set as `step` on the wrapper and on the optimizer; None if there is none.

    Functions with `__wrapped__` call the method of the class: torch's schedulers set them.
    """
    steps = (vars(owner).get("step") for owner in (optimizer, inner))
    return tuple(None if getattr(step, "__wrapped__", None) is not None else step for step in steps)
