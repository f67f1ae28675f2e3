"""LambdaLR and MultiplicativeLR, the schedulers that call users' functions."""

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from torch.optim import Optimizer, lr_scheduler

from paramsched.compat.group_values import Number, group_values
from paramsched.compat.torch._arguments import (
    attributes_of,
    require_function,
    require_optimizer,
    restore_attributes,
)
from paramsched.compat.torch.base import LRScheduler, Verbose, warn_outside_step

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
        return [base * math.prod(function(epoch) for epoch in epochs) for base, function in pairs]
