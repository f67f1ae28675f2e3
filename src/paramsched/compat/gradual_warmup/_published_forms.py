"""Where the published class's numbers are others, and what it keeps in its states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import torch.optim.lr_scheduler as torch_schedulers
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from paramsched.compat.gradual_warmup._after_scheduler import sets_own_values
from paramsched.compat.group_fields import Number, by_value
from paramsched.compat.torch.composition import leaf_schedulers
from paramsched.compat.torch.saved_state import drop_in_name
from paramsched.errors import InvalidArgument, StateError

PublishedForm: TypeAlias = Literal["0.3", "head"]
"""Which of the two: the package on PyPI, or the repository's newest commit."""


def where_values_depart(after: Any) -> Literal["at once", "after the ramp"] | None:
    """Where the published numbers are others than lr(t) = g(t - W)."""
    if isinstance(after, ReduceLROnPlateau) or sets_own_values(after):
        return "at once"
    multiplies = any(kind.__name__ == "ExponentialLR" for kind in type(after).__mro__)  # where others begin
    if multiplies or any(leaf is not after for leaf in leaf_schedulers(after)):
        return None  # a composition has no `get_lr`
    return "after the ramp"


def value_between_steps(after: Any) -> list[Number]:
    """What the `get_lr()` of a scheduler says outside of its steps: torch's, with the numbers of our drop-ins.

    There torch's recursions give a value they never step to, a cosine 1.025 of its start.
    """
    definer = next((kind for kind in type(after).__mro__ if "get_lr" in vars(kind)), object)
    is_drop_in_class = definer.__module__.startswith("paramsched.compat.torch.") and not sets_own_values(after)
    asked = vars(torch_schedulers)[drop_in_name(after)] if is_drop_in_class else type(after)
    within, after._get_lr_called_within_step = after._get_lr_called_within_step, True  # no warning about the question
    try:
        found: list[Number] = asked.get_lr(after)
        return found
    finally:
        after._get_lr_called_within_step = within


_FOREIGN_KEYS = ("multiplier", "after_scheduler", "base_lrs", "last_epoch")


def is_foreign_state(state: Mapping[str, Any]) -> bool:
    """Whether it is one of theirs: it holds the after-scheduler itself."""
    return all(name in state for name in _FOREIGN_KEYS) and "after" not in state


@final
@dataclass(frozen=True, slots=True)
class ForeignState:
    """A state of warmup-scheduler 0.3, of its repository's head, or of the document's class.

    Args:
        total_epoch: length of the published form's ramp, or None.
        warmup_epoch: length of the document's, or None.
        last_epoch: as it stands there; 0.3 lets it stand still after the ramp.
        done: the steps that were made.
        after: the after-scheduler's state; None without one.
        lr: what the groups held; None where the state does not tell.
        last_lr: what `get_last_lr()` said; 0.3 lets that stand still too.
    """

    multiplier: float
    total_epoch: int | None
    warmup_epoch: int | None
    base_lrs: tuple[Number, ...]
    last_epoch: int
    step_count: int
    done: int
    finished: bool
    form: PublishedForm
    after: dict[str, Any] | None
    lr: tuple[Number, ...] | None
    last_lr: tuple[Number, ...] | None

    @classmethod
    def of(cls, state: Mapping[str, Any], after_scheduler: Any) -> "ForeignState":
        """Read a state for a scheduler with this after-scheduler."""
        total, warmup, found = state.get("total_epoch"), state.get("warmup_epoch"), state["after_scheduler"]
        length = total if total is not None else warmup
        require_same_kind(found is None, after_scheduler is None)
        if length is None:
            raise StateError(
                "GradualWarmupScheduler.load_state_dict(…): total_epoch missing. "
                "Pass what state_dict() of this class or of warmup-scheduler gave"
            )
        after = found if found is None or isinstance(found, Mapping) else found.state_dict()
        last, finished = state["last_epoch"], bool(state.get("finished", False))
        beyond = 0 if after is None else after.get("last_epoch", 0)
        if isinstance(after_scheduler, ReduceLROnPlateau) or total is None:
            stepped, done, form = last > length, last, "0.3"
        else:
            # `finished` is set one step before the after-scheduler is stepped for the first time.
            stepped = finished and beyond > 0
            done = length + 1 + beyond if stepped else last
            form = "head" if stepped and last > length + 1 else "0.3"
        own = state.get("_last_lr")
        lr = after.get("_last_lr") if stepped and after is not None else own
        return cls(
            state["multiplier"],
            total,
            warmup if total is None else None,
            tuple(state["base_lrs"]),
            last,
            state.get("_step_count", last + 1),
            done,
            finished,
            "head" if form == "head" else "0.3",
            None if after is None else dict(after),
            None if lr is None else tuple(lr),
            None if own is None else tuple(own),
        )


def require_same_kind(state_lacks: bool, scheduler_lacks: bool) -> None:
    """Refuse a state with an after-scheduler for a scheduler without one, or the other way round."""
    if state_lacks != scheduler_lacks:
        has, lacks = ("this scheduler", "the state") if state_lacks else ("the state", "this scheduler")
        raise StateError(
            f"GradualWarmupScheduler.load_state_dict(…): {has} has an after-scheduler and {lacks} has none. "
            "Build it as it was built when the state was saved"
        )


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
    """The bases: as given, else the initial lr, or, where that was overwritten, the default."""
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
