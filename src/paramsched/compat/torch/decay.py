"""The schedulers that scale base: steps, constant and linear factors, exponential and polynomial decay.

Each class has two formulas, as in torch: `get_lr` computes the next value from the present one, so that several
schedulers may act on one optimizer; `_get_closed_form_lr` computes the value of any epoch from base.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from torch.optim import Optimizer, lr_scheduler

from paramsched.compat.group_values import Number, by_value, group_values
from paramsched.compat.torch._arguments import length, number, torch_error
from paramsched.compat.torch.base import LRScheduler, Verbose, warn_outside_step
from paramsched.errors import CallSite, InvalidCall, shown


class StepLR(LRScheduler, lr_scheduler.StepLR):
    """Multiply by `gamma` every `step_size` epochs.

    lr(t) = base * gamma ** floor(t / step_size)

    Args:
        optimizer: a torch optimizer.
        step_size: epochs between two steps, greater than 0.
        gamma: the factor of a step.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if `step_size` is not greater than 0.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.step_size = length(self, "step_size", step_size)
        self.gamma = number(self, "gamma", gamma)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return group_values(self.optimizer)
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Number]:
        factor = self.gamma ** (self.last_epoch // self.step_size)
        return [base * factor for base in self.base_lrs]


class MultiStepLR(LRScheduler, lr_scheduler.MultiStepLR):
    """Multiply by `gamma` at each milestone; a milestone that occurs twice counts twice.

    lr(t) = base * gamma ** (number of milestones <= t)

    Args:
        optimizer: a torch optimizer.
        milestones: epochs, in any order.
        gamma: the factor of a milestone.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidCall: a TypeError, if `milestones` is not a list of numbers.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = MultiStepLR(optimizer, milestones=[1, 30], gamma=0.5)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        try:
            counts = Counter(milestones)
        except TypeError:  # not a list, or a nested one
            site = CallSite(type(self).__name__, "milestones", shown(milestones))
            raise InvalidCall(site, "expected a list of epochs", "For example: milestones=[30, 80]") from None
        self.milestones: Counter[int] = Counter(
            number(self, "milestones", epoch, "[30, 80]") for epoch in counts.elements()
        )
        self.gamma = number(self, "gamma", gamma)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        if self.last_epoch not in self.milestones:
            return group_values(self.optimizer)
        factor = self.gamma ** self.milestones[self.last_epoch]
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Number]:
        factor = self.gamma ** bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [base * factor for base in self.base_lrs]


class ConstantLR(LRScheduler, lr_scheduler.ConstantLR):
    """Multiply base by `factor` for `total_iters` epochs, then return to base.

    lr(t) = base * factor    t < total_iters
          = base             t >= total_iters

    Differs from torch: the lr returns to base also after `factor=0` and with `total_iters=0`
    (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer.
        factor: from 0 to 1.
        total_iters: epochs until the lr returns to base, at least 0.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if an argument is out of range.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = ConstantLR(optimizer, factor=0.5, total_iters=2)
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.factor = number(self, "factor", factor)
        if not 0 <= self.factor <= 1:
            raise torch_error(
                "Constant multiplicative factor expected to be between 0 and 1.", "For example: factor=0.1"
            )
        self.total_iters = length(self, "total_iters", total_iters, or_zero=True)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        if self.last_epoch == 0 and self.total_iters > 0:
            return [group["lr"] * self.factor for group in self.optimizer.param_groups]
        if self.last_epoch != self.total_iters or self.total_iters == 0:
            return group_values(self.optimizer)
        if self.factor == 0:
            return by_value(self.base_lrs)  # type: ignore[no-any-return]  # it keeps the type
        factor = 1.0 / self.factor
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Number]:
        factor = self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler, lr_scheduler.LinearLR):
    """Multiply base by a factor that changes linearly over `total_iters` epochs, then stays constant.

    lr(t) = base * (start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters)

    Differs from torch: with `total_iters=0` the factor is `end_factor` from the first epoch on
    (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer.
        start_factor: greater than 0, at most 1.
        end_factor: from 0 to 1.
        total_iters: epochs until `end_factor` is reached, at least 0.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if an argument is out of range.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = LinearLR(optimizer, start_factor=0.5, total_iters=2)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.start_factor = number(self, "start_factor", start_factor)
        self.end_factor = number(self, "end_factor", end_factor)
        if not 0 < self.start_factor <= 1:
            raise torch_error(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1.",
                "For example: start_factor=1e-3",
            )
        if not 0 <= self.end_factor <= 1:
            raise torch_error(
                "Ending multiplicative factor expected to be between 0 and 1.", "For example: end_factor=1.0"
            )
        self.total_iters = length(self, "total_iters", total_iters, or_zero=True)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        if self.last_epoch == 0:
            factor = self.start_factor if self.total_iters > 0 else self.end_factor
            return [group["lr"] * factor for group in self.optimizer.param_groups]
        if self._is_initial or self.last_epoch > self.total_iters:
            return group_values(self.optimizer)
        rise = self.end_factor - self.start_factor
        factor = 1.0 + rise / (self.total_iters * self.start_factor + (self.last_epoch - 1) * rise)
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Number]:
        if self.total_iters == 0:
            return [base * self.end_factor for base in self.base_lrs]
        rise = self.end_factor - self.start_factor
        factor = self.start_factor + rise * min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * factor for base in self.base_lrs]


class ExponentialLR(LRScheduler, lr_scheduler.ExponentialLR):
    """Multiply by `gamma` every epoch.

    lr(t) = base * gamma ** t

    Args:
        optimizer: a torch optimizer.
        gamma: the factor of an epoch.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidCall: a TypeError, if `gamma` is not a number.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = ExponentialLR(optimizer, gamma=0.5)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def __init__(
        self, optimizer: Optimizer, gamma: float, last_epoch: int = -1, verbose: Verbose = "deprecated"
    ) -> None:
        self.gamma = number(self, "gamma", gamma)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        if self._is_initial:
            return group_values(self.optimizer)
        return [group["lr"] * self.gamma for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Number]:
        factor = self.gamma**self.last_epoch
        return [base * factor for base in self.base_lrs]


class PolynomialLR(LRScheduler, lr_scheduler.PolynomialLR):
    """Decay to 0 along a polynomial over `total_iters` epochs.

    lr(t) = base * (1 - min(t, total_iters) / total_iters) ** power

    Args:
        optimizer: a torch optimizer.
        total_iters: epochs until 0 is reached, greater than 0.
        power: the exponent; 1 is a line.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if `total_iters` is not greater than 0.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = PolynomialLR(optimizer, total_iters=2, power=2.0)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.total_iters = length(self, "total_iters", total_iters)
        self.power = number(self, "power", power)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        if self._is_initial or self.last_epoch > self.total_iters:
            return group_values(self.optimizer)
        left, left_before = 1.0 - self.last_epoch / self.total_iters, 1.0 - (self.last_epoch - 1) / self.total_iters
        factor = (left / left_before) ** self.power
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Number]:
        factor = (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
        return [base * factor for base in self.base_lrs]
