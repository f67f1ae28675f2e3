"""SWALR: anneal to the constant lr of stochastic weight averaging."""

import math
from typing import Literal

from torch.optim import Optimizer, swa_utils

from paramsched.compat.group_values import Number
from paramsched.compat.torch._arguments import per_group, require_epoch, require_optimizer, torch_error
from paramsched.compat.torch.base import LRScheduler, Verbose, warn_outside_step


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
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
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
