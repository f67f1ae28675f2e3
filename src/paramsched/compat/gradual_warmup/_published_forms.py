"""The published class's own numbers: warmup-scheduler 0.3 and its repository's head, step by step.

Both ask the after-scheduler between its steps for the value it begins with, and step it from there.
"""

from typing import Any, Literal, Protocol, TypeAlias

import torch.optim.lr_scheduler as torch_schedulers
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramsched.compat.gradual_warmup._after_scheduler import sets_own_values
from paramsched.compat.group_fields import Number, put_value
from paramsched.compat.torch.composition import leaf_schedulers
from paramsched.compat.torch.saved_state import drop_in_name

PublishedForm: TypeAlias = Literal["0.3", "head"]
"""Which of the two: the package on PyPI, or the repository's newest commit."""

PUBLISHED_FORMS: tuple[PublishedForm, ...] = ("0.3", "head")


class PublishedWarmup(Protocol):
    """What the published class keeps, and how it asks its own `get_lr`, which may be a subclass's."""

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
    """What its `get_lr` says at `last_epoch`; the first time after the ramp it gives the after-scheduler its bases."""
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
    """Where the published numbers are others than lr(t) = g(t - W); None where they are the same, or an error there."""
    if isinstance(after, ReduceLROnPlateau) or sets_own_values(after):
        return "at once"
    if any(leaf is not after for leaf in leaf_schedulers(after)) or _has_base_named("ExponentialLR", after):
        return None  # a composition has no `get_lr`; an exponential one multiplies where others begin
    return "after the ramp"


def value_between_steps(after: Any) -> list[Number]:
    """What the `get_lr()` of a scheduler says outside of its steps.

    There torch's recursions give a value they never step to, a cosine 1.025 of its start. Our drop-ins know closed
    forms and do not; torch's formula is asked with their numbers.
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
    """The ramp in its order of evaluation, which decides the last bit; from `base` for a multiplier of 1, too."""
    return [base * ((warmup.multiplier - 1.0) * t / warmup._length + 1.0) for base in warmup.base_lrs]


def _has_base_named(name: str, scheduler: object) -> bool:
    return any(kind.__name__ == name for kind in type(scheduler).__mro__)
