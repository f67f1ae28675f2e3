"""The schedulers of pytorch-accelerated."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Self, TypedDict

import numpy as np
from torch import Tensor
from torch.optim import Optimizer

from paramsched.base.words import did_you_mean
from paramsched.compat.group_values import Number, by_value, python_number, set_value
from paramsched.compat.pytorch_accelerated.placeholders import (
    Placeholder,
    TrainerPlaceholderValues,
    require_at_least_0,
    require_no_placeholders,
    require_positive_count,
)
from paramsched.core.number_checks import positive_number, whole_number
from paramsched.errors import InvalidArgument, StateError, UnknownField

HELD_VALUES = "param_group_values"
"""The key under which a state contains the values of the groups."""


class SchedulerBase(ABC):
    """Write `get_updated_values(num_updates)` into one field of every param group.

    The class is stateless: the loop counts the updates and passes their number after each one. Update number n,
    counted from 0, then uses f(n), the result of `get_updated_values(n)`.

        optimizer.step()
        num_updates += 1
        scheduler.step_update(num_updates)

    The constructor stores each group's value as its `initial_<field>`, unless that exists already, and writes
    the value of `initial_<field>` into the field. A group added later joins at the next step, with its value as base.

    Differs from pytorch-accelerated: any iterable with one value per group is accepted, a wrong number of values is an
    error, tensors are filled in place, and loading a state restores the values of the groups
    (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer; its groups are read again at each step.
        param_group_field: the entry to schedule; `"lr"` by default.

    Raises:
        UnknownField: if a group lacks the field.

    Source: pytorch-accelerated 0.1.61.

    >>> import torch
    >>> class Halving(SchedulerBase):
    ...     def get_updated_values(self, num_updates):
    ...         return [base * 0.5**num_updates for base in self.base_lr_values]
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.4)
    >>> Halving(optimizer).step_update(2)
    >>> optimizer.param_groups[0]["lr"]
    0.1
    """

    base_lr_values: Sequence[Any] = ()  # for a subclass that skips the constructor

    def __init__(self, optimizer: Optimizer, param_group_field: str = "lr") -> None:
        self.optimizer = optimizer
        self.param_group_field = param_group_field
        self._initial_param_group_field = f"initial_{param_group_field}"
        for i, group in enumerate(optimizer.param_groups):
            if param_group_field not in group:
                known = [name for name in group if name != "params"]
                raise UnknownField(
                    f"{param_group_field} missing from param_groups[{i}]",
                    did_you_mean(param_group_field, known),
                    "Use one of these as param_group_field",
                )
        # The groups are written only after all of them have been checked.
        self.base_lr_values = []
        self._add_bases()
        self._update_param_groups(self.base_lr_values)

    @abstractmethod
    def get_updated_values(self, num_updates: int) -> Number | Iterable[Number] | None:
        """Return the values after `num_updates` updates: one for all groups, one per group, or None for no change."""

    def step_update(self, num_updates: int) -> None:
        """Write the values for `num_updates` completed updates.

        Raises:
            InvalidArgument: if the number of values differs from the number of groups.
        """
        if len(self.optimizer.param_groups) > len(self.base_lr_values):
            self._add_bases()
        values = self.get_updated_values(num_updates)
        if values is not None:
            self._update_param_groups(values)

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes except the optimizer, and the present values of the groups, as plain data."""
        self._add_bases()
        state = {name: by_value(value) for name, value in vars(self).items() if name != "optimizer"}
        field, groups = state.get("param_group_field"), getattr(vars(self).get("optimizer"), "param_groups", [])
        if all(field in group for group in groups):
            state[HELD_VALUES] = [_plain(group[field]) for group in groups]
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore the attributes, and write the saved values into the groups.

        Bases and values are restored only if the state has one for each group, because otherwise it is unknown which
        value belongs to which group.
        """
        self._restore_attributes(state_dict, [name for name in state_dict if name != HELD_VALUES])
        groups, values = getattr(vars(self).get("optimizer"), "param_groups", []), state_dict.get(HELD_VALUES, ())
        if groups and len(values) == len(groups):
            self._update_param_groups(values)

    def _restore_attributes(self, state_dict: Mapping[str, Any], names: Iterable[str]) -> None:
        """Restore the attributes `names`, as far as the state contains them."""
        self._add_bases()
        known = {name: by_value(state_dict[name]) for name in names if name in state_dict}
        if len(known.get("base_lr_values", ())) != len(self.base_lr_values):
            known.pop("base_lr_values", None)
        vars(self).update(known)

    def _add_bases(self) -> None:
        """Use the present value of each group without a base as its base."""
        if isinstance(self.base_lr_values, list):
            for group in self.optimizer.param_groups[len(self.base_lr_values) :]:
                value = group.setdefault(self._initial_param_group_field, by_value(group[self.param_group_field]))
                self.base_lr_values.append(_plain(value))

    def _update_param_groups(self, values: Any) -> None:
        """Write one value into all groups, or one value per group from any iterable."""
        groups = self.optimizer.param_groups
        field = self.param_group_field
        row = values if type(values) is list else _row(values, len(groups))
        if len(row) != len(groups):
            raise InvalidArgument(
                f"{type(self).__name__}.get_updated_values(…)",
                f"{len(row)} values for {len(groups)} param groups",
                "Return one number for all groups, one for each group, or None for no change",
            )
        for group, value in zip(groups, row):  # noqa: B905  # `strict` costs a tenth of a step
            if type(value) is type(group[field]) is float:  # without a call, because most values are floats
                group[field] = value
            else:
                set_value(group, python_number(value), field)


def _row(values: Any, count: int) -> list[Any]:
    """Return one value per group, from a single value or from any iterable."""
    single = isinstance(values, (np.generic, np.ndarray, Tensor)) and values.ndim == 0
    return [values] * count if single or not isinstance(values, Iterable) else list(values)


def _plain(value: Any) -> Any:
    """Return a value as plain data, so that reading a checkpoint requires neither torch nor NumPy."""
    if isinstance(value, Tensor) and value.ndim == 0:
        return value.item()
    return python_number(by_value(value))


class StatefulSchedulerBase(SchedulerBase, ABC):
    """A `SchedulerBase` that counts updates: call `step()` after each optimizer update, without arguments.

    A subclass needs to define only `get_updated_values`.

    The attribute `first_update` is the n for which the first `step()` writes f(n), the result of
    `get_updated_values(n)`. Set it on the class, or on an object before its first step. With 0 (default, as in the
    library) the first two updates both use f(0), and the schedule is one update late. With 1, as in the loop that the
    library documents and in paramsched, update number n, counted from 0, uses f(n).

    Differs from pytorch-accelerated: subclasses need not define `state_dict` and `load_state_dict`, and a state
    contains the values of the groups (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer; its groups are read again at each step.
        param_group_field: the entry to schedule; `"lr"` by default.

    Source: pytorch-accelerated 0.1.61.

    >>> import torch
    >>> class Inverse(StatefulSchedulerBase):
    ...     first_update = 1
    ...     def get_updated_values(self, num_updates):
    ...         return 1 / (num_updates + 1)
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = Inverse(optimizer)
    >>> scheduler.step()
    >>> optimizer.param_groups[0]["lr"]
    0.5
    """

    first_update: int = 0

    def __init__(self, optimizer: Optimizer, param_group_field: str = "lr") -> None:
        super().__init__(optimizer=optimizer, param_group_field=param_group_field)
        self._num_updates = -1  # the number of updates at the last step; -1 before the first step

    def step(self) -> None:
        """Count one more update and write the values for it."""
        self._num_updates = self.first_update if self._num_updates < 0 else self._num_updates + 1
        self.step_update(self._num_updates)

    def state_dict(self) -> dict[str, Any]:
        """Return `first_update`, all other attributes except the optimizer, and the present values of the groups."""
        return super().state_dict() | {"first_update": self.first_update}

    def _named_state(self, names: Iterable[str]) -> dict[str, Any]:
        """Return a state by the library's names: the attributes `names`, the bases and the count."""
        self._add_bases()
        state = {name: by_value(getattr(self, name)) for name in (*names, "base_lr_values", "first_update")}
        return state | {"num_updates": self._num_updates}

    def _load_named_state(self, state_dict: Mapping[str, Any], names: Iterable[str]) -> None:
        """Restore what `_named_state` returned, also a state of the library."""
        self._restore_attributes(state_dict, (*names, "base_lr_values", "first_update"))
        self._num_updates = state_dict.get("num_updates", self._num_updates)


_COSINE_STATE_KEYS = (
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
        self._update_param_groups(self.get_updated_values(0))  # the run starts with the warmup, not at the bases

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
        warmup, ratio = self.warmup_iterations, self.lr_min_ratio
        if num_updates < warmup:
            return self._warmup_values(num_updates)
        into, over = num_updates - warmup, self.total_iterations - self.num_cooldown_iterations - warmup
        # The share of the distance from base to the minimum that is left, from 1 to 0.
        k = self.k_decay
        left = 0.5 * (1 + math.cos(math.pi * into**k / over**k)) if into < over else 0.0
        if ratio is None:
            low = self.lr_min
            return [low + (base - low) * left for base in self.base_lr_values]
        return [ratio * base + (base - ratio * base) * left for base in self.base_lr_values]

    def _warmup_values(self, n: int) -> list[float]:
        ratio, start, over = self.warmup_lr_ratio, self.warmup_lr_init, self.warmup_iterations
        starts = [start if ratio is None else ratio * base for base in self.base_lr_values]
        return [st + n * ((base - st) / over) for base, st in zip(self.base_lr_values, starts, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Return the library's keys, the bases and `first_update` as plain numbers."""
        return self._named_state(_COSINE_STATE_KEYS)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a state of this class or of pytorch-accelerated's, and write the values into the groups.

        Raises:
            StateError: if a key is missing. The scheduler stays unchanged.
        """
        missing = [name for name in (*_COSINE_STATE_KEYS, "num_updates") if name not in state_dict]
        if missing:
            raise StateError(
                f"{type(self).__name__}.load_state_dict(…): {', '.join(missing)} missing. "
                "Pass the result of state_dict()"
            )
        self._load_named_state(state_dict, _COSINE_STATE_KEYS)
        self._update_param_groups(self.get_updated_values(max(self._num_updates, 0)))


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


_WSD_STATE_KEYS = (
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
         = b                                  n <= `pre_decay_step`
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
        self._update_param_groups(self.get_updated_values(0))  # the run starts with the warmup, not at the bases

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

    def get_updated_values(self, num_updates: int) -> list[float]:
        """Return f(num_updates) for each group."""
        bases = [float(base) for base in self.base_lr_values]
        if num_updates < self.num_warmup_steps and not self.is_continuation_from_checkpoint:
            share, start = num_updates / self.num_warmup_steps, self.warmup_starting_lr
            return [start + (base - start) * share for base in bases]
        share = self._share_after_warmup(num_updates)
        return [base * share for base in bases]

    def _share_after_warmup(self, n: int) -> float:
        """Return f(n) / b after the warmup."""
        low, ratio = self.lr_min, self.decay_phase_ratio
        if ratio == 0:
            return 1.0
        periods = checkpoint_periods(self.checkpoint_steps, ratio)
        period = next((period for period in periods if n < period["period_end"]), None)
        if period is None:  # the run has ended
            return low
        if n <= period["pre_decay_step"]:
            return 1.0
        part = (n - period["pre_decay_step"]) / period["decay_steps"]
        if self.use_inverse_sqrt_decay:
            return low + (1 - low) * (1 - math.sqrt(part))
        return 1 / (part / low + 1 - part) if low > 0 else 0.0

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
        return self._named_state((*_WSD_STATE_KEYS, "param_group_field"))

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restore a state of this class or of pytorch-accelerated's, and write the values into the groups.

        Attributes that the state lacks stay unchanged. A continuation keeps its own length and starts at the stable
        rate.
        """
        if not self.is_continuation_from_checkpoint:
            self._load_named_state(state_dict, _WSD_STATE_KEYS)
        else:
            # The length of the new run determines its checkpoints.
            kept = ("total_steps", "num_warmup_steps", "is_continuation_from_checkpoint", "checkpoint_steps")
            self._load_named_state(state_dict, [name for name in _WSD_STATE_KEYS if name not in kept])
            self._num_updates = -1
            self.previous_checkpoint_step = None
            self.checkpoint_steps = estimate_checkpoint_steps(self.total_steps, self.num_checkpoints)
        self.checkpoint_decay_info = checkpoint_periods(self.checkpoint_steps, self.decay_phase_ratio)
        self._update_param_groups(self.get_updated_values(max(self._num_updates, 0)))


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
