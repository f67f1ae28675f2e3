"""Momentum that a scheduler cycles against the rate: which field it is, and its first values."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from paramsched.compat import group_fields
from paramsched.compat.torch.arguments import refused_as_torch


def momentum_field(optimizer: Optimizer) -> str:
    """`"betas"` where the optimizer has them, else `"momentum"`.

    Raises:
        InvalidArgument: it has neither.
    """
    for name in ("betas", "momentum"):
        if name in optimizer.defaults:
            return name
    raise refused_as_torch(
        "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
        "Write cycle_momentum=False",
    )


def begin_momentum(optimizer: Optimizer, lowest: list[Any], highest: list[Any]) -> None:
    """Write both ends into the groups and begin at the highest."""
    for group, low, high in zip(optimizer.param_groups, lowest, highest, strict=True):
        group["max_momentum"], group["base_momentum"] = high, low
    write_momenta(optimizer.param_groups, [float(high) for high in highest])


def cycled_fields(scheduler: Any) -> tuple[str, ...]:
    """The fields a cycle writes, as far as a subclass has said whether it cycles momentum."""
    options = scheduler.__dict__
    if not options.get("cycle_momentum", False):
        return ("lr",)
    return ("lr", "betas[0]" if options.get("use_beta1", False) else "momentum")


def holds_floats(groups: Sequence[dict[str, Any]], fields: Sequence[str]) -> bool:
    """Whether the momentum among these fields is a plain number in every group."""
    if "betas[0]" in fields:
        return all(len(group["betas"]) == 2 and not isinstance(group["betas"][0], Tensor) for group in groups)
    return "momentum" not in fields or not any(isinstance(group.get("momentum"), Tensor) for group in groups)


def write_momenta(groups: Sequence[dict[str, Any]], momenta: Sequence[float]) -> None:
    """Write momentum, or the first beta where a group has betas."""
    betas = "betas" in groups[0]
    for group, momentum in zip(groups, momenta, strict=True):
        if betas:
            group_fields.put_first_beta(group, momentum)
        else:
            group_fields.put_value(group, momentum, "momentum")


def write_floats(groups: Sequence[dict[str, Any]], row: Sequence[float], momenta: Sequence[float]) -> None:
    """Write lr and momentum in one go, where `holds_floats` says that no entry has to be looked at."""
    if "betas" in groups[0]:
        for group, value, momentum in zip(groups, row, momenta, strict=True):
            group["lr"] = value
            group["betas"] = (momentum, group["betas"][1])
    else:
        for group, value, momentum in zip(groups, row, momenta, strict=True):
            group["lr"] = value
            group["momentum"] = momentum
