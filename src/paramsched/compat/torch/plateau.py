"""Schedulers of torch that react: to a metric, and to the start of averaging."""

import math
from typing import Any, Literal, SupportsFloat

from torch.optim import Optimizer, lr_scheduler, swa_utils

from paramsched.base.problem import MOST_OF_MESSAGE, Problem, warn_user
from paramsched.base.words import bounded
from paramsched.compat.group_values import Number, group_values, separate_tensors, set_value
from paramsched.compat.torch.base import (
    EPOCH_DEPRECATION_WARNING,
    LRScheduler,
    Verbose,
    epoch_text,
    number,
    per_group,
    require_epoch,
    require_optimizer,
    torch_error,
    warn_outside_step,
)
from paramsched.errors import InvalidArgument


class ReduceLROnPlateau(LRScheduler, lr_scheduler.ReduceLROnPlateau):
    """Multiply the lr by `factor` after more than `patience` values of a metric without an improvement.

    lr <- max(lr * factor, min_lr), if that reduces lr by more than `eps`

    Differs from torch: for a negative best value the threshold also requires an improvement, the first value is the
    best one, and a metric that is not finite is ignored with a warning (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer.
        mode: `"min"` if a lower metric is better, or `"max"`.
        factor: the factor of a reduction, less than 1.
        patience: the number of values without an improvement that have no effect.
        threshold: the least improvement that counts.
        threshold_mode: `"rel"` for a threshold that is a multiple of the best value, or `"abs"`.
        cooldown: the number of values after a reduction that are not counted.
        min_lr: the least lr, one for all groups or a list with one per group.
        eps: the least difference between two lrs.
        verbose: True prints each reduction, as torch before 2.7 did.
        nonfinite: `"ignore"` skips NaN and infinities with a warning; `"count"` counts them as no improvement.

    Raises:
        InvalidArgument: if an argument is out of range.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (0.3, 0.4, 0.5):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.5]
    """

    _step_count: int = 0
    nonfinite: Literal["ignore", "count"] = "ignore"

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
        verbose: Verbose = "deprecated",
        *,
        nonfinite: Literal["ignore", "count"] = "ignore",
    ) -> None:
        self.factor = number(self, "factor", factor)
        if self.factor >= 1.0:
            raise torch_error("Factor should be < 1.0.", "For example: factor=0.1")
        require_optimizer(optimizer)
        self.patience = number(self, "patience", patience, "10")
        self.cooldown = number(self, "cooldown", cooldown, "0")
        self.eps = number(self, "eps", eps, "1e-8")
        groups = len(optimizer.param_groups)
        entries = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * groups
        if len(entries) != groups:
            raise ValueError(f"expected {groups} min_lrs, got {len(entries)}")
        self.min_lrs: list[float] = [number(self, "min_lr", entry, "0") for entry in entries]
        self.default_min_lr: float | None = None if isinstance(min_lr, (list, tuple)) else self.min_lrs[0]
        if nonfinite not in ("ignore", "count"):
            site = f"ReduceLROnPlateau(nonfinite={nonfinite!r})"
            raise InvalidArgument(site, 'expected "ignore" or "count"', 'For example: nonfinite="count"')
        self.nonfinite = nonfinite
        self._init_is_better(mode, number(self, "threshold", threshold, "1e-4"), threshold_mode)
        if verbose is True:
            self.verbose = True
        self.optimizer = optimizer
        self.last_epoch = 0
        self._step_count = 1
        separate_tensors(optimizer)
        self.base_lrs = group_values(optimizer)
        self._last_lr = group_values(optimizer)
        self._built = list(zip(optimizer.param_groups, self.base_lrs, strict=True))
        self._reset()

    def _reset(self) -> None:
        self.best: float = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]  # torch's signature
        """Process one value of the metric."""
        value = float(metrics)
        self._step_count += 1
        if epoch is None:
            epoch = self.last_epoch + 1
        else:
            warn_user(Problem(found=EPOCH_DEPRECATION_WARNING))
        self.last_epoch = epoch
        if self.nonfinite == "ignore" and not math.isfinite(value):
            advice = 'Use nonfinite="count" to count it as no improvement.'
            message = "the metric is not finite and is ignored"
            site = f"ReduceLROnPlateau.step({value})"
            warn_user(Problem(site=site, found=message, advice=advice))
            return
        if self._is_better(value, self.best):
            self.best = value
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter = self.cooldown_counter - 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = group_values(self.optimizer)

    def _reduce_lr(self, epoch: int) -> None:
        """Reduce the lr of each group, within the limits of `min_lr` and `eps`."""
        groups = self.optimizer.param_groups
        factor = self.factor
        eps = self.eps
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due to a new param group "
                    "being added to the optimizer. Please modify the `min_lrs` field to match the length of the "
                    "`optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for index, group in enumerate(groups):
            present = group["lr"]
            old = float(present)
            new = max(old * factor, self.min_lrs[index])
            if old - new > eps:
                if type(present) is float:  # without a call, because most values are floats
                    group["lr"] = new
                else:
                    set_value(group, new)
                if self.verbose:
                    text = f"Epoch {epoch_text(epoch)}: reducing learning rate of group {index} to {new:.4e}."
                    print(text)  # noqa: T201  # its purpose

    @property
    def in_cooldown(self) -> bool:
        """True during the cooldown, in which values without improvement are not counted."""
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        if best == self.mode_worse:  # the first value
            return math.isfinite(a)
        margin: float = self.threshold * abs(best) if self.threshold_mode == "rel" else self.threshold
        return a < best - margin if self.mode == "min" else a > best + margin

    def _init_is_better(self, mode: Any, threshold: float, threshold_mode: Any) -> None:
        if mode not in ("min", "max"):
            raise ValueError(bounded(f"mode {mode} is unknown!", MOST_OF_MESSAGE))
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(bounded(f"threshold mode {threshold_mode} is unknown!", MOST_OF_MESSAGE))
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode

    def get_lr(self) -> list[Number]:
        """Return the present values, because the next ones depend on the metric."""
        return group_values(self.optimizer)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._init_is_better(self.mode, self.threshold, self.threshold_mode)


class SWALR(LRScheduler, swa_utils.SWALR):
    """Anneal from the present lr to `swa_lr` over `anneal_epochs` steps, then stay constant.

    lr(t) = swa_lr * a + base * (1 - a)

    Here a rises from 0 to 1, along a cosine or a line. The scheduler counts its own steps, and starts from the lr that
    another scheduler wrote last.

    Args:
        optimizer: a torch optimizer.
        swa_lr: the final lr, one for all groups or a list with one per group.
        anneal_epochs: steps until `swa_lr` is reached, at least 0.
        anneal_strategy: `"cos"` or `"linear"`.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if an argument is out of range.

    Source: Izmailov et al. 2018 (1803.05407); torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.75]
    """

    _group_entries = ("swa_lr",)

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        require_optimizer(optimizer)
        require_epoch(self, last_epoch)
        rates = per_group(self, optimizer, "swa_lr", swa_lr)
        if anneal_strategy not in ("cos", "linear"):
            raise torch_error(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise torch_error(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}", "For example: anneal_epochs=10"
            )
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        super().__init__(optimizer, last_epoch, verbose)

    def anneal_func(self, t: float) -> float:
        """Return a for the share t of the steps, from 0 to 1."""
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        count = self._step_count - 1
        if self.anneal_epochs == 0:
            count = max(1, count)
        over = max(1, self.anneal_epochs)
        before = self.anneal_func(max(0, min(1, (count - 1) / over)))
        now = self.anneal_func(max(0, min(1, count / over)))
        values = []
        for group in self.optimizer.param_groups:
            target = group["swa_lr"]
            base = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            values.append(target * now + base * (1 - now))
        return values
