"""The cosine schedulers."""

import math

from torch.optim import Optimizer, lr_scheduler

from paramsched.compat.group_values import Number, group_values
from paramsched.compat.torch._arguments import float_number, length, number, torch_error
from paramsched.compat.torch.base import LRScheduler, Verbose, warn_outside_step


class CosineAnnealingLR(LRScheduler, lr_scheduler.CosineAnnealingLR):
    """Decay along a cosine from base to `eta_min` in `T_max` epochs, then rise for as many, repeatedly.

    lr(t) = eta_min + (base - eta_min) * (1 + cos(pi * t / T_max)) / 2

    Args:
        optimizer: a torch optimizer.
        T_max: epochs from base to `eta_min`, greater than 0.
        eta_min: the minimum, an absolute value.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if `T_max` is not greater than 0.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983); torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = CosineAnnealingLR(optimizer, T_max=3)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> [round(lr, 6) for lr in scheduler.get_last_lr()]
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803  # torch's name
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.T_max = length(self, "T_max", T_max)
        self.eta_min = number(self, "eta_min", eta_min)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        groups, low, t = self.optimizer.param_groups, self.eta_min, self.last_epoch
        if self._is_initial:
            return group_values(self.optimizer)
        if self._step_count == 1 and t > 0:  # `last_epoch` was set after construction
            return self._get_closed_form_lr()
        if (t - 1 - self.T_max) % (2 * self.T_max) == 0:  # the value before was the minimum
            rise = 1 - math.cos(math.pi / self.T_max)
            return [group["lr"] + (base - low) * rise / 2 for base, group in zip(self.base_lrs, groups, strict=True)]
        factor = (1 + math.cos(math.pi * t / self.T_max)) / (1 + math.cos(math.pi * (t - 1) / self.T_max))
        return [factor * (group["lr"] - low) + low for group in groups]

    def _get_closed_form_lr(self) -> list[Number]:
        height = 1 + math.cos(math.pi * self.last_epoch / self.T_max)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler, lr_scheduler.CosineAnnealingWarmRestarts):
    """Decay along a cosine to `eta_min`, and restart at base: cycle i is `T_0 * T_mult ** i` epochs long.

    lr(t) = eta_min + (base - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2

    Here `T_cur` is the number of epochs since the last restart, and `T_i` the length of the cycle. `step(epoch)`
    accepts any epoch, also a fractional one.

    Differs from torch: the cycle of an epoch is found without a logarithm, and also for `last_epoch`
    (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer.
        T_0: epochs of the first cycle, an integer greater than 0.
        T_mult: the length of a cycle as a multiple of the one before, an integer of at least 1.
        eta_min: the minimum, an absolute value.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if an argument is out of range.

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983); torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=3, T_mult=2)
    >>> lrs = []
    >>> for epoch in (1, 3, 6, 9):
    ...     scheduler.step(epoch)
    ...     lrs.append(round(scheduler.get_last_lr()[0], 6))
    >>> lrs
    [0.75, 1.0, 0.5, 1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803  # torch's names
        T_mult: int = 1,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise torch_error(f"Expected positive integer T_0, but got {T_0}", "For example: T_0=10")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise torch_error(f"Expected integer T_mult >= 1, but got {T_mult}", "For example: T_mult=2")
        if not isinstance(eta_min, (float, int)):
            raise torch_error(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}", "For example: eta_min=0.0"
            )
        self.T_0 = self.T_i = float_number(self, "T_0", T_0)
        self.T_mult = float_number(self, "T_mult", T_mult)
        self.eta_min = float_number(self, "eta_min", eta_min)
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        return self._lrs_at(self.T_cur, self.T_i)

    def _lrs_at(self, into: float, size: float) -> list[Number]:
        height = 1 + math.cos(math.pi * into / size)
        return [self.eta_min + (base - self.eta_min) * height / 2 for base in self.base_lrs]

    def value(self, t: float) -> list[float]:
        return [float(lr) for lr in self._lrs_at(*self._cycle(t))]

    def step(self, epoch: float | None = None) -> None:
        """Move to the next epoch, or to any epoch, which may be fractional: `step(epoch + batch / batches)`."""
        self._step_count += 1  # torch's class does not warn of the order, because a step may precede the first batch
        self._update_lr(epoch)

    def _update_lr(self, epoch: float | None = None) -> None:
        target = self.last_epoch + 1 if epoch is None else epoch
        if target < 0:
            raise torch_error(f"Expected non-negative epoch, but got {target}", "Pass the epoch, counted from 0")
        if epoch is None and target > 0 and not self._is_initial:
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur, self.T_i = self.T_cur % self.T_i, self.T_i * self.T_mult
        else:
            self.T_cur, size = self._cycle(target)  # type: ignore[assignment]  # may be fractional
            if self.T_mult != 1 or target < self.T_0:  # else torch keeps T_i, which a user may have set
                self.T_i = size
        self.last_epoch = math.floor(target)
        self._write_values(self.get_lr, target)

    def _cycle(self, epoch: float) -> tuple[float, int]:
        """Return the pair (T_cur, T_i) of an epoch, without a logarithm, which may round into another cycle."""
        begin, size = 0, self.T_0
        if self.T_mult == 1:
            begin = int(epoch // size) * size
        while epoch >= begin + size:
            begin, size = begin + size, size * self.T_mult
        return epoch - begin, size
