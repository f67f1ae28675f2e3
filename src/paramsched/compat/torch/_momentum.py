"""Momentum that a scheduler cycles against the rate: which field it is, and its first values."""

from typing import Any

from torch.optim import Optimizer

from paramsched.compat.torch._setting import put_momenta
from paramsched.compat.torch.arguments import refused


def momentum_field(optimizer: Optimizer) -> str:
    """`"betas"` where the optimizer has them, else `"momentum"`.

    Raises:
        InvalidArgument: it has neither.
    """
    for name in ("betas", "momentum"):
        if name in optimizer.defaults:
            return name
    raise refused(
        "optimizer must support momentum or beta1 with `cycle_momentum` option enabled",
        "Write cycle_momentum=False",
    )


def begin_momentum(optimizer: Optimizer, lowest: list[Any], highest: list[Any]) -> None:
    """Write both ends into the groups and begin at the highest."""
    for group, low, high in zip(optimizer.param_groups, lowest, highest, strict=True):
        group["max_momentum"], group["base_momentum"] = high, low
    put_momenta(optimizer.param_groups, [float(high) for high in highest])


def cycled_fields(scheduler: Any) -> tuple[str, ...]:
    """The fields a cycle writes, as far as a subclass has said whether it cycles momentum."""
    options = scheduler.__dict__
    if not options.get("cycle_momentum", False):
        return ("lr",)
    return ("lr", "betas[0]" if options.get("use_beta1", False) else "momentum")
