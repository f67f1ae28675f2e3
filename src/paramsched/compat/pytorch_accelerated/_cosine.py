"""CosineLrScheduler: linear warmup, cosine decay, then a constant minimum."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, Self

from torch.optim import Optimizer

from paramsched.compat.pytorch_accelerated._base import StatefulSchedulerBase
from paramsched.compat.pytorch_accelerated._placeholders import (
    Placeholder,
    ScheduleValues,
    TrainerPlaceholderValues,
    require_at_least_0,
    require_no_placeholders,
    require_positive_count,
    warn_of_reversals,
)
from paramsched.core import curves
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.number_checks import whole_number
from paramsched.core.schedules.anneal import anneal, warmup
from paramsched.core.schedules.constant import constant
from paramsched.core.schedules.level import Absolute, Level
from paramsched.core.schedules.schedule import Schedule
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
    the first update on, and a loaded state takes effect immediately (rows 3-8, 10 and 13 of
    `docs/reference/divergences.md`).

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
        super().__init__(optimizer)
        self._values = ScheduleValues()
        per_epoch = num_update_steps_per_epoch
        self.total_iterations = require_positive_count(f"{call}(total_num_epochs=…)", total_num_epochs, per_epoch)
        self.lr_min_ratio = min_lr_ratio
        self.lr_min = require_at_least_0(f"{call}(lr_min=…)", lr_min)
        self.warmup_iterations = whole_number(f"{call}(num_warmup_epochs=…): updates", num_warmup_epochs * per_epoch, 0)
        self.warmup_lr_init = warmup_starting_lr
        self.warmup_lr_ratio = warmup_starting_lr_ratio
        self.k_decay = k_decay
        self.num_cooldown_iterations = whole_number(
            f"{call}(num_cooldown_epochs=…)", num_cooldown_epochs * per_epoch, 0
        )
        # The base class has written the bases, but the run starts with the warmup.
        first, last = self.get_updated_values(0), self.get_updated_values(self.total_iterations)
        warn_of_reversals(call, self.base_lr_values, first, last)
        if self.warmup_iterations:
            found = (
                f"here the cosine after the warmup is complete; pytorch-accelerated ends it {self.warmup_iterations} "
                "updates early, at lr_min (docs/reference/divergences.md, pytorch-accelerated 3-6)"
            )
            warn_user(Problem(site=call, found=found, advice="To keep its values, use its class"))
        self._update_param_groups(first)

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
        schedule = cosine_schedule(
            self.total_iterations,
            self.warmup_iterations,
            self.num_cooldown_iterations,
            Absolute(self.warmup_lr_init) if self.warmup_lr_ratio is None else self.warmup_lr_ratio,
            Absolute(self.lr_min) if self.lr_min_ratio is None else self.lr_min_ratio,
            self.k_decay,
        )
        return self._values.values_after(schedule, self.base_lr_values, num_updates)

    def state_dict(self) -> dict[str, Any]:
        """Return the library's keys, the bases and `first_update` as plain numbers."""
        self._take_in_late_groups()
        named = {name: getattr(self, name) for name in _STATE_KEYS}
        extra = {"base_lr_values": list(self.base_lr_values), "first_update": self.first_update}
        return named | {"num_updates": self._num_updates} | extra

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
        self._restore_attributes(state_dict, _STATE_KEYS)
        self._update_param_groups(self.get_updated_values(max(self._num_updates, 0)))


@lru_cache(maxsize=256)
def cosine_schedule(total: int, up: int, rest: int, start: Level, to: Level, k: float) -> Schedule:
    """Return the schedule of the scheduler: `up` updates of warmup, a cosine, and `rest` updates of cooldown."""
    curve = curves.cosine if k == 1 else curves.cosine_k_decay(k)
    return warmup(up, start) >> anneal(1.0, to, max(total - up - rest, 0), curve) >> constant(to)
