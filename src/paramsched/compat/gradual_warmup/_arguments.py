"""What the constructor was given: which form, which bases, and whether the after-scheduler fits."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from paramsched.compat._copies import by_value
from paramsched.compat.gradual_warmup._after_scheduler import sets_own_values
from paramsched.compat.gradual_warmup._published_forms import PUBLISHED_FORMS, PublishedForm
from paramsched.compat.group_fields import Number
from paramsched.compat.torch.composition import leaf_schedulers
from paramsched.errors import InvalidArgument


def published_form_of(published: Any, total_epoch: int | None, *, has_own_get_lr: bool) -> PublishedForm | None:
    """The published form whose numbers are asked for; None for the documented curve."""
    call = f"GradualWarmupScheduler(…, {published=})"
    if published is None or published is False:
        # A subclass with its own `get_lr` was written for the package, which asks it.
        return "0.3" if published is None and has_own_get_lr and total_epoch else None
    if published not in PUBLISHED_FORMS:
        raise InvalidArgument(call, "no form", f"Write one of {', '.join(map(repr, PUBLISHED_FORMS))}, or False")
    if total_epoch is None:
        raise InvalidArgument(call, "it is a form of total_epoch=…", "Leave published out")
    if total_epoch == 0:
        raise InvalidArgument(call, "that divides by total_epoch=0", "Leave published out")
    return "0.3" if published == "0.3" else "head"


def refuse_other_optimizer(optimizer: Optimizer, after: LRScheduler | None) -> None:
    """Refuse an after-scheduler of another optimizer."""
    if after is not None and getattr(after, "optimizer", None) is not optimizer:
        raise InvalidArgument(
            f"GradualWarmupScheduler(after_scheduler={type(after).__name__}(…))",
            "it is no scheduler of the same optimizer",
            "Build it first, on the optimizer given here",
        )


def warmup_bases(
    optimizer: Optimizer, after: LRScheduler | None, given: float | Sequence[float] | None, *, as_found: bool
) -> list[Number]:
    """The bases: as given, else the initial lr, else, where the after-scheduler overwrote that, the default."""
    groups = optimizer.param_groups
    if isinstance(given, Sequence):
        if len(given) != len(groups):
            raise InvalidArgument(
                f"GradualWarmupScheduler(base_lr={given!r})", f"{len(groups)} param groups", "Write one number for each"
            )
        return list(given)
    if given is not None:
        return [given] * len(groups)
    initial = [group.get("initial_lr", group["lr"]) for group in groups]
    if as_found or after is None or not any(sets_own_values(leaf) for leaf in leaf_schedulers(after)):
        return [by_value(lr) for lr in initial]
    if len({float(lr) for lr in initial}) > 1:
        raise InvalidArgument(
            f"GradualWarmupScheduler(after_scheduler={type(after).__name__}(…))",
            "the after-scheduler has overwritten the groups' different lr by values of its own",
            f"Write base_lr=[{', '.join(['0.1'] * len(groups))}], the lr that the ramp is for",
        )
    default = optimizer.defaults["lr"]
    return [float(default) if isinstance(default, Tensor) else default] * len(groups)
