"""Optimizers and wrappers as the schedulers see them: what is inside, and the fields of their groups."""

from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch.optim import Optimizer
from torch.utils.weak import WeakIdKeyDictionary

from paramsched.compat.group_fields import ParamGroup, put_first_beta, put_value
from paramsched.fields import is_number


@runtime_checkable
class Wrapper(Protocol):
    """An object that holds an optimizer and answers for it: our `OptimWrapper`, MMEngine's, and others like them."""

    optimizer: Any

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...


OptimizerLike: TypeAlias = Optimizer | Wrapper
"""A torch optimizer, or an object that holds one and has its `param_groups`."""

# Beside the tensor, not on it: the float that it was last filled with, which its dtype may have rounded.
_exact: WeakIdKeyDictionary = WeakIdKeyDictionary()


def require_optimizer(optimizer: object) -> None:
    """Refuse what is neither an optimizer nor a wrapper of one."""
    if not isinstance(optimizer, (Optimizer, Wrapper)):
        raise TypeError(
            f"``optimizer`` should be an Optimizer, but got {type(optimizer).__name__}. "
            "Write torch.optim.SGD(model.parameters(), lr=0.1), or an OptimWrapper of one"
        )


def inner_optimizer(optimizer: Any) -> Optimizer | None:
    """The torch optimizer inside; None where a wrapper holds something else."""
    seen = 0
    while isinstance(optimizer, Wrapper) and seen < 10:
        optimizer, seen = optimizer.optimizer, seen + 1
    return optimizer if isinstance(optimizer, Optimizer) else None


def pseudo_group(optimizer: Any) -> ParamGroup | None:
    """The group a wrapper appends to report the rate that no group's own factor scaled; None without one."""
    return None if isinstance(optimizer, Optimizer) else getattr(optimizer, "base_param_settings", None)


def present_value(group: ParamGroup, name: str) -> Any:
    """The value of a field; Adam's momentum is `betas[0]`, and a tensor gives the float it was last filled with."""
    value = group["betas"][0] if name == "momentum" and "betas" in group else group[name]
    if isinstance(value, torch.Tensor):
        exact: float | None = _exact.get(value, None)  # type: ignore[no-untyped-call]  # torch does not say
        if exact is not None and value.item() == torch.tensor(exact, dtype=value.dtype).item():
            return exact
        return float(value)
    return value


def write_value(group: ParamGroup, name: str, value: Any) -> None:
    """Set a field. Beside Adam's `betas[0]` an entry `momentum` says the same."""
    if name == "momentum" and "betas" in group:
        put_first_beta(group, value)
        group["momentum"] = value
        entry = group["betas"][0]
    else:
        put_value(group, value, name)
        entry = group[name]
    if isinstance(entry, torch.Tensor):
        _exact[entry] = float(value)


def require_number_field(group: ParamGroup, name: str) -> None:
    """Refuse a field that is no number."""
    if not is_number(group[name]):
        raise TypeError(
            f"param_name={name!r}: the group has {name}={group[name]!r}, which is no number. "
            "For Adam's betas[0] write a Momentum class, LinearMomentum(optimizer, …)"
        )
