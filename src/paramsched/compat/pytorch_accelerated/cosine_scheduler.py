"""CosineLrScheduler: linear warmup, cosine decay, then a constant minimum."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from torch.optim import Optimizer

from paramsched.compat.pytorch_accelerated.placeholders import (
    Placeholder,
    TrainerPlaceholderValues,
    require_at_least_0,
    require_no_placeholders,
    require_positive_count,
)
from paramsched.compat.pytorch_accelerated.scheduler_base import StatefulSchedulerBase
from paramsched.core.calls.number_checks import positive_number, whole_number
from paramsched.errors import StateError

_STATE_KEYS = (
    "total_iterations",
    "lr_min_ratio",
    "lr_min",
    "warmup_iterations",
    "warmup_lr_init",
    "warmup_lr_ratio",
    "k_decay",
    "num_cooldown_iterations",
)


class CosineLrScheduler(StatefulSchedulerBase):
    """Linear warmup, then a cosine decay to a constant minimum, for each group with base b.

    With T, W and C the updates of the run, the warmup and the cooldown, lo the minimum and st the starting value:

    f(n) = st + (b - st) n / W                                        n < W
         = lo + (b - lo) (1 + cos(pi ((n - W) / (T - W - C))^k)) / 2  W <= n < T - C
         = lo                                                         n >= T - C

    Args:
        optimizer: a torch optimizer; the values of its groups are the bases.
        total_num_epochs: epochs of the run including warmup and cooldown, greater than 0.
        num_update_steps_per_epoch: updates per epoch, greater than 0.
        k_decay: k, greater than 0; larger values keep the lr high for longer.
        lr_min: lo, an absolute value of at least 0.
        min_lr_ratio: lo as a multiple of b; overrides `lr_min`.
        num_warmup_epochs: epochs of the warmup; times the updates per epoch it must be an integer.
        warmup_starting_lr: st, an absolute value.
        warmup_starting_lr_ratio: st as a multiple of b; overrides `warmup_starting_lr`.
        num_cooldown_epochs: epochs at the minimum at the end of the run.

    Raises:
        AssertedArgument: if the length is not greater than 0, or `lr_min` is negative.
        InvalidArgument: if a placeholder was not replaced, or a number of updates is not an integer.

    Differs from pytorch-accelerated: the cosine is complete with any warmup, `warmup_starting_lr_ratio` applies from
    the first update on, and a loaded state takes effect immediately (docs/reference/divergences.md).

    Source: SGDR, Loshchilov & Hutter 2017 (1608.03983); k-decay (2004.05909).

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    >>> scheduler = CosineLrScheduler(
    ...     optimizer, 10, 10, num_warmup_epochs=2, lr_min=0.01, warmup_starting_lr=0.0
    ... )
    >>> [round(scheduler.get_updated_values(n)[0], 6) for n in (0, 10, 20, 60, 100, 1000)]
    [0.0, 0.05, 0.1, 0.055, 0.01, 0.01]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_num_epochs: float,
        num_update_steps_per_epoch: float,
        k_decay: float = 1.0,
        lr_min: float = 1e-6,
        min_lr_ratio: float | None = None,
        num_warmup_epochs: float = 0,
        warmup_starting_lr: float = 1e-6,
        warmup_starting_lr_ratio: float | None = None,
        num_cooldown_epochs: float = 0,
    ) -> None:
        call = type(self).__name__
        require_no_placeholders(
            call,
            total_num_epochs=total_num_epochs,
            num_update_steps_per_epoch=num_update_steps_per_epoch,
            num_warmup_epochs=num_warmup_epochs,
            num_cooldown_epochs=num_cooldown_epochs,
        )
        per_epoch = num_update_steps_per_epoch
        self.total_iterations = require_positive_count(f"{call}(total_num_epochs=…)", total_num_epochs, per_epoch)
        self.lr_min_ratio = min_lr_ratio
        self.lr_min = require_at_least_0(f"{call}(lr_min=…)", lr_min)
        self.warmup_iterations = whole_number(f"{call}(num_warmup_epochs=…): updates", num_warmup_epochs * per_epoch, 0)
        self.warmup_lr_init = warmup_starting_lr
        self.warmup_lr_ratio = warmup_starting_lr_ratio
        self.k_decay = positive_number(f"{call}(k_decay=…)", k_decay)
        self.num_cooldown_iterations = whole_number(
            f"{call}(num_cooldown_epochs=…)", num_cooldown_epochs * per_epoch, 0
        )
        super().__init__(optimizer)
        self._write_present_values(begins_low=self.warmup_iterations > 0)

    @classmethod
    def create_scheduler_fn(
        cls,
        total_num_epochs: Placeholder | float = TrainerPlaceholderValues.NUM_EPOCHS,
        num_update_steps_per_epoch: Placeholder | float = TrainerPlaceholderValues.NUM_UPDATE_STEPS_PER_EPOCH,
        k_decay: float = 1.0,
        lr_min: float = 1e-6,
        min_lr_ratio: float | None = None,
        num_warmup_epochs: Placeholder | float = 0,
        warmup_starting_lr: float = 1e-6,
        warmup_starting_lr_ratio: float | None = None,
        num_cooldown_epochs: Placeholder | float = 0,
    ) -> "partial[Self]":
        """Return a function that builds the scheduler for an optimizer, for `Trainer.train(create_scheduler_fn=…)`.

        The arguments are those of the class; the Trainer replaces placeholders. With several processes, pass
        `TrainerPlaceholderValues.PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH` as `num_update_steps_per_epoch`, because the
        default counts the batches of all processes.
        """
        keywords: dict[str, Any] = dict(locals())  # placeholders, until a Trainer replaces them with numbers
        del keywords["cls"]
        return partial(cls, **keywords)

    def get_updated_values(self, num_updates: int) -> list[float]:
        """Return f(num_updates) for each group."""
        warmup = self.warmup_iterations
        ratio = self.lr_min_ratio
        if num_updates < warmup:
            return self._warmup_values(num_updates)
        into = num_updates - warmup
        over = self.total_iterations - self.num_cooldown_iterations - warmup
        # The share of the distance from base to the minimum that is left, from 1 to 0.
        k = self.k_decay
        left = 0.5 * (1 + math.cos(math.pi * into**k / over**k)) if into < over else 0.0
        if ratio is None:
            low = self.lr_min
            return [low + (base - low) * left for base in self.base_lr_values]
        return [ratio * base + (base - ratio * base) * left for base in self.base_lr_values]

    def _warmup_values(self, n: int) -> list[float]:
        ratio = self.warmup_lr_ratio
        start = self.warmup_lr_init
        over = self.warmup_iterations
        starts = [start if ratio is None else ratio * base for base in self.base_lr_values]
        return [st + n * ((base - st) / over) for base, st in zip(self.base_lr_values, starts, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return the library's keys, the bases and `first_update` as plain numbers."""
        return self._named_state(_STATE_KEYS)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a state of this class or of pytorch-accelerated's, and write the values into the groups.

        Raises:
            StateError: if a key is missing. The scheduler stays unchanged.
        """
        missing = [name for name in (*_STATE_KEYS, "num_updates") if name not in state_dict]
        if missing:
            raise StateError(
                f"{type(self).__name__}.load_state_dict(…): {', '.join(missing)} missing. "
                "Pass the result of state_dict()"
            )
        self._load_named_state(state_dict, _STATE_KEYS)
        self._write_present_values(begins_low=self.warmup_iterations > 0)
