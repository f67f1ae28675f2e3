"""WSDLrScheduler: warmup, a stable rate, and a decay before each checkpoint."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Self, TypedDict

from torch.optim import Optimizer

from paramsched.compat.group_values import by_value
from paramsched.compat.pytorch_accelerated.placeholders import (
    Placeholder,
    TrainerPlaceholderValues,
    require_at_least_0,
    require_no_placeholders,
    require_positive_count,
)
from paramsched.compat.pytorch_accelerated.scheduler_base import StatefulSchedulerBase
from paramsched.core.calls.number_checks import whole_number
from paramsched.errors import InvalidArgument


class Period(TypedDict):
    """A period between two checkpoints, in updates of the run; its decay starts at `pre_decay_step`."""

    period_start: int
    period_end: int
    decay_steps: int
    pre_decay_step: int


def estimate_checkpoint_steps(total_steps: int, num_checkpoints: int = 3) -> list[int]:
    """Return the updates of the checkpoints: each about twice the previous one, the last at the end of the run.

    Checkpoint i is at update `total_steps // 2 ** (m - i)`, for i = 1, …, m.

    Args:
        total_steps: updates of the run, greater than 0.
        num_checkpoints: m, at least 1.

    Raises:
        InvalidArgument: if the run is too short for that many checkpoints.

    Differs from pytorch-accelerated, which places two checkpoints of a run of 100 updates at 25 and 50
    (docs/reference/divergences.md).

    >>> estimate_checkpoint_steps(100_000, 2), estimate_checkpoint_steps(200_000, 4)
    ([50000, 100000], [25000, 50000, 100000, 200000])
    """
    steps = [total_steps // 2**halvings for halvings in reversed(range(num_checkpoints))]
    if steps[:1] == [0]:
        raise InvalidArgument(
            f"estimate_checkpoint_steps({total_steps!r}, {num_checkpoints!r})",
            f"{total_steps} updates cannot be halved {num_checkpoints - 1} times",
            f"Write num_checkpoints={total_steps.bit_length()} at most",
        )
    return steps


def checkpoint_periods(checkpoints: Sequence[int], ratio: float) -> list[Period]:
    """Return, for each checkpoint, the period that ends there; the decay takes the fraction `ratio` of each period."""
    periods: list[Period] = []
    for begin, end in pairwise((0, *checkpoints)):
        decay = int((end - begin) * ratio)
        periods.append(Period(period_start=begin, period_end=end, decay_steps=decay, pre_decay_step=end - decay))
    return periods


_STATE_KEYS = (
    "total_steps",
    "num_warmup_steps",
    "decay_phase_ratio",
    "lr_min",
    "warmup_starting_lr",
    "use_inverse_sqrt_decay",
    "num_checkpoints",
    "checkpoint_steps",
    "is_continuation_from_checkpoint",
    "previous_checkpoint_step",
    "checkpoint_decay_info",
)
_MAX_DECAY = 1 / 3  # of a period, so that decays of doubling periods cannot overlap


class WSDLrScheduler(StatefulSchedulerBase):
    """Warmup, then a stable rate at base b with a decay to b * lo before each checkpoint.

    With W the updates of the warmup, st its start, and d the updates of the decay that ends at a checkpoint:

    f(n) = st + (b - st) n / W                n < W, not in a continuation
         = b                                  n < `pre_decay_step`
         = b (lo + (1 - lo) (1 - sqrt(p)))    p = (n - pre_decay_step) / d, by default
         = b / (p / lo + 1 - p)               with `use_inverse_sqrt_decay=False`; its limit for lo = 0
         = b * lo                             from the last checkpoint on; b again after the other checkpoints

    Args:
        optimizer: a torch optimizer; the values of its groups are the bases.
        num_epochs: epochs of the run; requires `num_update_steps_per_epoch`.
        num_update_steps_per_epoch: updates per epoch.
        total_steps: the length of the run in updates, instead of the two arguments above.
        num_warmup_steps: W, in updates; None means 1% of the run.
        decay_phase_ratio: fraction of each period that decays, in [0, 1]; 0 disables the decay.
        lr_min: lo, a fraction of b, at least 0.
        warmup_starting_lr: st, an absolute value, at most the highest base.
        use_inverse_sqrt_decay: True for the formula with sqrt, False for the other one.
        num_checkpoints: the number of checkpoints, placed by `estimate_checkpoint_steps`.
        is_continuation_from_checkpoint: True for a new run that starts from a checkpoint. `load_state_dict` then takes
            the ratio, the minimum and the number of checkpoints from the state, and keeps the new length. The run
            starts at the stable rate without warmup, with a count of 0. To resume an interrupted continuation, omit
            this argument; the state contains it.

    Raises:
        AssertedArgument: if a length is not greater than 0, the ratio is outside [0, 1], `lr_min` is negative, or
            `num_checkpoints` is below 1.
        InvalidArgument: if the length is missing or passed twice, a placeholder was not replaced, the start is above
            every group's base, or the ratio is above 1/3 with several checkpoints.

    Differs from pytorch-accelerated: a run of the library that resumes, continues or has two checkpoints is repaired
    (docs/reference/divergences.md).

    Source: MiniCPM, Hu et al. 2024 (2404.06395); WSD-S, Wen et al. 2024 (2410.05192).

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = WSDLrScheduler(
    ...     optimizer, total_steps=100, num_warmup_steps=10,
    ...     decay_phase_ratio=0.2, lr_min=0.1,
    ... )
    >>> updates = 10, 79, 80, 81, 90, 100, 1000
    >>> [round(scheduler.get_updated_values(n)[0], 6) for n in updates]
    [1.0, 1.0, 1.0, 0.798754, 0.363604, 0.1, 0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        num_epochs: float | None = None,
        num_update_steps_per_epoch: float | None = None,
        total_steps: float | None = None,
        num_warmup_steps: float | None = 0,
        decay_phase_ratio: float = 0.1,
        lr_min: float = 1e-6,
        warmup_starting_lr: float = 1e-6,
        use_inverse_sqrt_decay: bool = True,
        num_checkpoints: int = 1,
        is_continuation_from_checkpoint: bool = False,
    ) -> None:
        call = type(self).__name__
        require_no_placeholders(
            call,
            num_epochs=num_epochs,
            num_update_steps_per_epoch=num_update_steps_per_epoch,
            total_steps=total_steps,
            num_warmup_steps=num_warmup_steps,
        )
        super().__init__(optimizer)
        self.total_steps = _run_length(call, num_epochs, num_update_steps_per_epoch, total_steps)
        if num_warmup_steps is None:
            num_warmup_steps = int(0.01 * self.total_steps)
        self.num_warmup_steps = whole_number(f"{call}(num_warmup_steps=…)", num_warmup_steps, 0)
        self.decay_phase_ratio = require_at_least_0(f"{call}(decay_phase_ratio=…)", decay_phase_ratio, 1)
        self.lr_min = require_at_least_0(f"{call}(lr_min=…)", lr_min)
        self.warmup_starting_lr = warmup_starting_lr
        self.use_inverse_sqrt_decay = use_inverse_sqrt_decay
        self.num_checkpoints = require_positive_count(f"{call}(num_checkpoints=…)", num_checkpoints)
        self.checkpoint_steps = estimate_checkpoint_steps(self.total_steps, self.num_checkpoints)
        self.is_continuation_from_checkpoint = is_continuation_from_checkpoint
        self.previous_checkpoint_step: int | None = None
        highest = max(float(base) for base in self.base_lr_values)
        if warmup_starting_lr > highest:
            raise InvalidArgument(
                f"{call}(warmup_starting_lr={warmup_starting_lr!r})",
                f"it should not exceed the maximum base learning rate, {highest!r}",
                f"For example: {highest / 100!r}",
            )
        if self.num_checkpoints > 1 and self.decay_phase_ratio > _MAX_DECAY:
            raise InvalidArgument(
                f"{call}(decay_phase_ratio={self.decay_phase_ratio!r}, num_checkpoints={self.num_checkpoints!r})",
                "above 1/3 the decays of doubling periods may overlap",
                "Use decay_phase_ratio=0.33 at most, or num_checkpoints=1",
            )
        self.checkpoint_decay_info = checkpoint_periods(self.checkpoint_steps, decay_phase_ratio)
        self._write_present_values(begins_low=self._has_warmup)

    @classmethod
    def create_scheduler_fn(
        cls,
        total_num_epochs: Placeholder | float = TrainerPlaceholderValues.NUM_EPOCHS,
        num_update_steps_per_epoch: (
            Placeholder | float
        ) = TrainerPlaceholderValues.PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH,
        num_warmup_epochs: Placeholder | float | None = None,
        decay_phase_ratio: float = 0.1,
        lr_min: float = 1e-6,
        warmup_starting_lr: float = 1e-6,
        use_inverse_sqrt_decay: bool = True,
        num_checkpoints: int = 1,
        is_continuation_from_checkpoint: bool = False,
    ) -> "partial[Self]":
        """Return a function that builds the scheduler for an optimizer, for `Trainer.train(create_scheduler_fn=…)`.

        The arguments are those of the class; the Trainer replaces placeholders. Only the warmup is in epochs of one
        process, `num_warmup_epochs`; None means 1% of the run.
        """
        keywords: dict[str, Any] = dict(locals())  # placeholders, until a Trainer replaces them with numbers
        del keywords["cls"], keywords["num_warmup_epochs"]
        per_epoch = TrainerPlaceholderValues.PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH
        keywords["num_epochs"] = keywords.pop("total_num_epochs")
        keywords["num_warmup_steps"] = None if num_warmup_epochs is None else per_epoch * num_warmup_epochs
        return partial(cls, **keywords)

    @property
    def _has_warmup(self) -> bool:
        return self.num_warmup_steps > 0 and not self.is_continuation_from_checkpoint

    def get_updated_values(self, num_updates: int) -> list[float]:
        """Return f(num_updates) for each group."""
        bases = [float(base) for base in self.base_lr_values]
        if num_updates < self.num_warmup_steps and self._has_warmup:
            share = num_updates / self.num_warmup_steps
            start = self.warmup_starting_lr
            return [start + (base - start) * share for base in bases]
        decayed = self._part_of_decay(num_updates)
        low = self.lr_min
        if decayed is None:
            return bases
        if self.use_inverse_sqrt_decay:
            return [base * (low + (1 - low) * (1 - math.sqrt(decayed))) for base in bases]
        if low == 0:  # the limit of the formula
            return [0.0 if decayed else base for base in bases]
        divisor = decayed * (1.0 / low) + (1.0 - decayed)
        return [base / divisor for base in bases]

    def _part_of_decay(self, n: int) -> float | None:
        """Return how much of its decay a period has completed, from 0 to 1; None if the rate is stable."""
        if self.decay_phase_ratio == 0:
            return None
        periods = checkpoint_periods(self.checkpoint_steps, self.decay_phase_ratio)
        period = next((period for period in periods if n < period["period_end"]), None)
        if period is None:  # the run has ended
            return 1.0
        if n < period["pre_decay_step"]:
            return None
        return (n - period["pre_decay_step"]) / period["decay_steps"]

    def step_update(self, num_updates: int) -> None:
        super().step_update(num_updates)
        # A longer run continues from the update before a decay.
        if any(num_updates == period["pre_decay_step"] - 1 for period in self.checkpoint_decay_info):
            self.previous_checkpoint_step = num_updates

    def get_checkpoint_steps(self) -> list[int]:
        """Return the updates, counted from 1, at which checkpoints are due."""
        return list(self.checkpoint_steps)

    def get_decay_info(self) -> list[Period]:
        """Return, for each checkpoint, the period that ends there."""
        return by_value(self.checkpoint_decay_info)  # type: ignore[no-any-return]  # it keeps the type

    def get_phase_info(self, num_updates: int) -> Period:
        """Return the period of update `num_updates`, counted from 1. After the end of the run it is the last period."""
        inside = (period for period in self.checkpoint_decay_info if period["period_end"] >= num_updates)
        return by_value(next(inside, self.checkpoint_decay_info[-1]))  # type: ignore[no-any-return]  # as above

    def get_current_step(self) -> int:
        """Return the number of calls of `step()` minus 1, for any `first_update`.

        The library's `WSDCheckpointCallback` adds 1 to the result.
        """
        return self._num_updates - self.first_update if self._num_updates >= 0 else -1

    def get_current_phase_info(self) -> Period:
        """Return the period of the current step."""
        return self.get_phase_info(self._num_updates)

    def _get_checkpoint_info(self, num_updates: int) -> tuple[int, int]:
        """Return a pair: the length of the period of update `num_updates`, and the updates since the period's start."""
        inside = (period for period in self.checkpoint_decay_info if num_updates < period["period_end"])
        period = next(inside, self.checkpoint_decay_info[-1])
        return period["period_end"] - period["period_start"], num_updates - period["period_start"]

    # Callers may clear the library's cache; this class has none (docs/reference/divergences.md).
    _get_checkpoint_info.cache_clear = lambda: None  # type: ignore[attr-defined]  # a function has attributes

    def state_dict(self) -> dict[str, Any]:
        """Return the attributes by the constructor's names, the checkpoints, bases and count as plain numbers."""
        return self._named_state((*_STATE_KEYS, "param_group_field"))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a state of this class or of pytorch-accelerated's, and write the values into the groups.

        Attributes that the state lacks stay unchanged. A continuation keeps its own length and starts at the stable
        rate.
        """
        if not self.is_continuation_from_checkpoint:
            self._load_named_state(state_dict, _STATE_KEYS)
        else:
            # The length of the new run determines its checkpoints.
            kept = ("total_steps", "num_warmup_steps", "is_continuation_from_checkpoint", "checkpoint_steps")
            self._load_named_state(state_dict, [name for name in _STATE_KEYS if name not in kept])
            self._num_updates = -1
            self.previous_checkpoint_step = None
            self.checkpoint_steps = estimate_checkpoint_steps(self.total_steps, self.num_checkpoints)
        self.checkpoint_decay_info = checkpoint_periods(self.checkpoint_steps, self.decay_phase_ratio)
        self._write_present_values(begins_low=self._has_warmup)


def _run_length(call: str, epochs: float | None, per_epoch: float | None, total: float | None) -> int:
    """Return the length of the run in updates, from epochs or from `total_steps`."""
    missing = [n for n, value in (("num_epochs", epochs), ("num_update_steps_per_epoch", per_epoch)) if value is None]
    if epochs is not None and per_epoch is not None:
        if total is not None:
            raise InvalidArgument(
                f"{call}(num_epochs=…, num_update_steps_per_epoch=…, total_steps=…)",
                "the length of the run is passed twice",
                "Only num_epochs and num_update_steps_per_epoch, or total_steps should be provided",
            )
        return require_positive_count(f"{call}(num_epochs=…)", epochs, per_epoch)
    if total is None:
        raise InvalidArgument(
            f"{call}(…)",
            f"the length of the run is unknown: {' and '.join(missing)} missing",
            "For example: total_steps=1000, or num_epochs=10, num_update_steps_per_epoch=100",
        )
    return require_positive_count(f"{call}(total_steps=…)", total)
