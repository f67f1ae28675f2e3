"""The published class's own numbers and states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, final

import torch.optim.lr_scheduler as torch_schedulers
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from paramsched.compat.gradual_warmup._after_scheduler import sets_own_values
from paramsched.compat.group_fields import Number, by_value, put_value
from paramsched.compat.torch.composition import leaf_schedulers
from paramsched.compat.torch.saved_state import drop_in_name
from paramsched.errors import InvalidArgument, StateError

PublishedForm: TypeAlias = Literal["0.3", "head"]
"""Which of the two: the package on PyPI, or the repository's newest commit."""


class PublishedWarmup(Protocol):
    """What the published class keeps, and how it asks its own `get_lr`."""

    optimizer: Optimizer
    multiplier: float
    after_scheduler: Any
    base_lrs: list[Number]
    last_epoch: int
    finished: bool
    _length: int
    _last_lr: list[Number]

    def _ask_get_lr(self, epoch: float | None) -> None: ...


def published_lr(warmup: PublishedWarmup, form: PublishedForm) -> list[Number]:
    """What its `get_lr` says at `last_epoch`."""
    t, length, m, bases = warmup.last_epoch, warmup._length, warmup.multiplier, warmup.base_lrs
    if t > length:
        after = warmup.after_scheduler
        if after is None:
            return [base * m for base in bases]
        if not warmup.finished:
            after.base_lrs = [base * m for base in bases]
            warmup.finished = True
        return list(after.get_last_lr() if form == "head" else value_between_steps(after))
    if m == 1.0:
        return [base * (float(t) / length) for base in bases]
    return _ramp_row(warmup, t)


def published_step(warmup: PublishedWarmup, form: PublishedForm, epoch: float | None, metrics: Any) -> None:
    """Its `step`."""
    after = warmup.after_scheduler
    if isinstance(after, ReduceLROnPlateau):
        _step_with_metric(warmup, after, epoch, metrics)
    elif after is None or not warmup.finished:
        warmup._ask_get_lr(epoch)
    else:
        after.step() if epoch is None else after.step(epoch - warmup._length)
        if form == "head":
            warmup.last_epoch = after.last_epoch + warmup._length + 1
            warmup._last_lr = after.get_last_lr()


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


def _step_with_metric(warmup: PublishedWarmup, after: Any, epoch: float | None, metrics: Any) -> None:
    """Its `step` for an after-scheduler that is guided by a metric."""
    epoch = warmup.last_epoch + 1 if epoch is None else epoch
    warmup.last_epoch = epoch or 1  # type: ignore[assignment]  # parts of an epoch are welcome
    if warmup.last_epoch <= warmup._length:
        for group, value in zip(warmup.optimizer.param_groups, _ramp_row(warmup, warmup.last_epoch), strict=False):
            put_value(group, value)
    elif epoch - warmup._length == after.last_epoch + 1:
        after.step(metrics)
    else:
        after.step(metrics, epoch - warmup._length)
    warmup._last_lr = [group["lr"] for group in warmup.optimizer.param_groups]


def _ramp_row(warmup: PublishedWarmup, t: float) -> list[Number]:
    """The ramp in its order of evaluation, which decides the last bit."""
    return [base * ((warmup.multiplier - 1.0) * t / warmup._length + 1.0) for base in warmup.base_lrs]


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


def published_form_of(published: Any, total_epoch: int | None, *, has_own_get_lr: bool) -> PublishedForm | None:
    """The published form that is asked for; None for the documented curve."""
    call = f"GradualWarmupScheduler(…, {published=})"
    if published is None or published is False:
        # A subclass with its own `get_lr` was written for the package, which asks it.
        return "0.3" if published is None and has_own_get_lr and total_epoch else None
    if published not in ("0.3", "head"):
        raise InvalidArgument(call, "no form", "Write one of '0.3', 'head', or False")
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
