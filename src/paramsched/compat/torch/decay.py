"""Schedulers of torch that decay, and those of functions of users."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from torch.optim import Optimizer, lr_scheduler

from paramsched.compat.group_values import Number, by_value, group_values
from paramsched.compat.torch.base import (
    LRScheduler,
    Verbose,
    attributes_of,
    length,
    number,
    require_function,
    require_optimizer,
    restore_attributes,
    torch_error,
    warn_outside_step,
)
from paramsched.errors import CallSite, InvalidCall, shown

# Each class has two formulas, as in torch: `get_lr` computes the next value from the present one, so that several
# schedulers may act on one optimizer; `_get_closed_form_lr` computes the value of any epoch from base.


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
        left = 1.0 - self.last_epoch / self.total_iters
        left_before = 1.0 - (self.last_epoch - 1) / self.total_iters
        factor = (left / left_before) ** self.power
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Number]:
        factor = (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
        return [base * factor for base in self.base_lrs]


Factor: TypeAlias = Callable[[int], float]
"""A user's function of the epoch."""


class FunctionLR(LRScheduler):
    """A scheduler that calls users' functions of the epoch, one for all groups or one per group.

    As in torch, a state contains the attributes of callable objects, and no functions.
    """

    _per_group = ("lr_lambdas",)

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        require_optimizer(optimizer)
        groups = len(optimizer.param_groups)
        functions: Any = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(functions) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(functions)}")
        for function in functions:
            require_function("lr_lambda", function)
        self.lr_lambdas: list[Factor] = functions
        super().__init__(optimizer, last_epoch, verbose)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"lr_lambdas": [attributes_of(function) for function in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = dict(state_dict)
        saved = state.pop("lr_lambdas", [])
        super().load_state_dict(state)
        for function, attributes in zip(self.lr_lambdas, saved, strict=False):
            restore_attributes(function, attributes)


class LambdaLR(FunctionLR, lr_scheduler.LambdaLR):
    """Multiply base by a function of the epoch.

    lr(t) = base * lr_lambda(t)

    Args:
        optimizer: a torch optimizer.
        lr_lambda: one function of the epoch for all groups, or a list with one per group.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidCall: a TypeError, if `lr_lambda` is not a function.
        ValueError: if the list has another length than the groups.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = LambdaLR(optimizer, lambda t: 0.5**t)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        return [base * function(self.last_epoch) for base, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]

    def _get_closed_form_lr(self) -> list[Number]:
        return [base * function(self.last_epoch) for base, function in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(FunctionLR, lr_scheduler.MultiplicativeLR):
    """Multiply by a function of the epoch at each epoch from 1 on.

    lr(t) = base * lr_lambda(1) * … * lr_lambda(t)

    Differs from torch: `step(epoch)` writes the product up to that epoch (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer.
        lr_lambda: one function of the epoch for all groups, or a list with one per group.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidCall: a TypeError, if `lr_lambda` is not a function.
        ValueError: if the list has another length than the groups.

    Source: torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = MultiplicativeLR(optimizer, lambda t: 0.5)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.5]
    """

    def get_lr(self) -> list[Number]:
        warn_outside_step(self)
        if self._is_initial:
            return group_values(self.optimizer)
        groups = self.optimizer.param_groups
        return [
            group["lr"] * function(self.last_epoch) for group, function in zip(groups, self.lr_lambdas, strict=True)
        ]

    def _get_closed_form_lr(self) -> list[Number]:
        epochs = range(1, int(self.last_epoch) + 1)
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [math.prod((function(epoch) for epoch in epochs), start=base) for base, function in pairs]  # as stepping
