"""Schedulers of torch that go up and down."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from torch.optim import Optimizer, lr_scheduler

from paramsched.compat.group_values import Number, ParamGroup, group_values, separate_tensors, set_value
from paramsched.compat.torch.base import (
    LRScheduler,
    Verbose,
    attributes_of,
    float_number,
    is_own_state,
    length,
    number,
    per_group,
    positive_integer,
    require_epoch,
    require_function,
    require_optimizer,
    restore_attributes,
    torch_error,
    warn_outside_step,
)
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown


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
        groups = self.optimizer.param_groups
        low = self.eta_min
        t = self.last_epoch
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
        self.T_0 = float_number(self, "T_0", T_0)
        self.T_i = self.T_0
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
                self.T_cur = self.T_cur % self.T_i
                self.T_i = self.T_i * self.T_mult
        else:
            self.T_cur, size = self._cycle(target)  # type: ignore[assignment]  # may be fractional
            if self.T_mult != 1 or target < self.T_0:  # else torch keeps T_i, which a user may have set
                self.T_i = size
        self.last_epoch = math.floor(target)
        self._write_values(self.get_lr, target)

    def _cycle(self, epoch: float) -> tuple[float, int]:
        """Return the pair (T_cur, T_i) of an epoch, without a logarithm, which may round into another cycle."""
        begin = 0
        size = self.T_0
        if self.T_mult == 1:
            begin = int(epoch // size) * size
        while epoch >= begin + size:
            begin = begin + size
            size = size * self.T_mult
        return epoch - begin, size


class CycleLR(LRScheduler):
    """A scheduler that may move momentum, or Adam's first beta, in the opposite direction of the lr."""

    cycle_momentum: bool = False
    use_beta1: bool

    def _find_momentum(self, optimizer: Optimizer) -> None:
        """Find the entry that contains the momentum; raise torch's error if the optimizer has none."""
        if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
            text = "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            raise torch_error(text, "Use cycle_momentum=False")
        self.use_beta1 = "betas" in optimizer.defaults

    @property
    def _momentum_field(self) -> str:
        return "betas[0]" if self.use_beta1 else "momentum"

    @property
    def _fields(self) -> tuple[str, ...]:
        return ("lr", self._momentum_field) if self.cycle_momentum else ("lr",)

    def _begin_momentum(self, optimizer: Optimizer, lowest: list[float], highest: list[float]) -> None:
        """Set the momentum to the highest, and write both bounds into the groups."""
        for group, low, high in zip(optimizer.param_groups, lowest, highest, strict=True):
            set_value(group, high, self._momentum_field)
            group["max_momentum"] = high
            group["base_momentum"] = low

    def _write_momentum(self) -> None:
        """Write the momentum of `last_epoch` into the groups."""
        raise NotImplementedError

    def _base_of_added(self, group: ParamGroup, bases: list[Any]) -> Number:
        base: Number = bases[-1]  # it joins the cycle of the last known group
        return base

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        built_groups = [group for group, _ in getattr(self, "_built", ())]
        pairs = zip(self.optimizer.param_groups, built_groups, strict=False)
        has_built_groups = all(group is built for group, built in pairs)
        if self.cycle_momentum and has_built_groups and not is_own_state(state_dict):
            self._write_momentum()  # torch's states do not contain it; the optimizer's state replaces the groups


class CyclicLR(CycleLR, lr_scheduler.CyclicLR):
    """Cycle from `base_lr` up to `max_lr` and back; momentum from `max_momentum` down to `base_momentum` and back.

    lr(t) = base_lr + (max_lr - base_lr) * h * g
    momentum(t) = max_momentum - (max_momentum - base_momentum) * h * g

    Here h is the height of the triangle, from 0 to 1, and g is the factor that `mode` or `scale_fn` defines.

    Differs from torch: the first value is `base_lr`, also if a group has another `initial_lr`
    (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer.
        base_lr: the lowest lr, one for all groups or a list with one per group.
        max_lr: the highest lr, in the same way.
        step_size_up: updates of the rise, greater than 0.
        step_size_down: updates of the fall; None means those of the rise.
        mode: `"triangular"` (g = 1), `"triangular2"` (half as high in each cycle) or `"exp_range"` (g = gamma ** t).
        gamma: the factor of an update for `"exp_range"`.
        scale_fn: a function for g, which replaces `mode`.
        scale_mode: what `scale_fn` receives: `"cycle"`, the number of the cycle from 1, or `"iterations"`, t.
        cycle_momentum: False leaves momentum unchanged; True replaces the optimizer's own.
        base_momentum: the lowest momentum, one for all groups or a list with one per group.
        max_momentum: the highest momentum, in the same way.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if an argument is out of range, or the optimizer has no momentum.

    Source: Smith 2017 (1506.01186); torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    >>> scheduler = CyclicLR(optimizer, base_lr=0.5, max_lr=1.0, step_size_up=2)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.75]
    """

    _per_group = ("max_lrs", "base_momentums", "max_momentums")

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: float = 2000,
        step_size_down: float | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        require_optimizer(optimizer)
        require_epoch(self, last_epoch)
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            advice = "Use one of the modes triangular, triangular2, exp_range"
            raise torch_error("mode is invalid and scale_fn is None", advice)
        if scale_fn is not None:
            require_function("scale_fn", scale_fn)
        self.mode = mode
        self.scale_mode = scale_mode
        self._scale_fn_custom = scale_fn
        self.gamma = number(self, "gamma", gamma) if mode == "exp_range" and scale_fn is None else gamma
        up = self._updates("step_size_up", step_size_up)
        down = up if step_size_down is None else self._updates("step_size_down", step_size_down)
        if not (0 < up < math.inf and 0 <= down < math.inf):
            raise InvalidArgument(
                f"CyclicLR(step_size_up={step_size_up!r}, step_size_down={step_size_down!r})",
                "the cycle must have a finite length greater than 0",
                "For example: step_size_up=2000",
            )
        self.total_size: float = up + down  # type: ignore[assignment]  # may be fractional
        self.step_ratio = up / self.total_size
        self.base_lrs = per_group(self, optimizer, "base_lr", base_lr)
        self.max_lrs = per_group(self, optimizer, "max_lr", max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._find_momentum(optimizer)
            self.base_momentums = per_group(self, optimizer, "base_momentum", base_momentum)
            self.max_momentums = per_group(self, optimizer, "max_momentum", max_momentum)
        self._init_scale_fn()
        if last_epoch == -1:
            separate_tensors(optimizer)
            for group, lr in zip(optimizer.param_groups, self.base_lrs, strict=True):
                set_value(group, lr)
            if cycle_momentum:
                self._begin_momentum(optimizer, self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch, verbose)

    def _updates(self, name: str, updates: Any) -> float:
        """Return a number of updates; text with a number is accepted, as in torch."""
        try:
            return float(updates)
        except (TypeError, ValueError, OverflowError):
            site = CallSite("CyclicLR", name, shown(updates))
            raise InvalidCall(site, "expected a number of updates", f"For example: {name}=2000") from None

    def _initial_bases(self) -> list[Number]:
        return self.base_lrs  # not `initial_lr`, which another scheduler may have set

    def _init_scale_fn(self) -> None:
        """Set `_scale_fn_ref` to the function of the mode."""
        if self._scale_fn_custom is not None:
            return
        self.scale_mode = "iterations" if self.mode == "exp_range" else "cycle"
        modes: dict[str, Any] = {
            "triangular": self._triangular_scale_fn,
            "triangular2": self._triangular2_scale_fn,
            "exp_range": partial(self._exp_range_scale_fn, self.gamma),
        }
        self._scale_fn_ref = modes[self.mode]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_scale_fn_ref"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._init_scale_fn()

    def scale_fn(self, x: float) -> float:
        """Return the factor g for `x`, the number of the cycle (from 1) or the update, as `scale_mode` selects."""
        return self._scale_fn_ref(x) if self._scale_fn_custom is None else self._scale_fn_custom(x)

    @staticmethod
    def _triangular_scale_fn(x: float) -> float:  # noqa: ARG004  # one of the functions of x
        return 1.0

    @staticmethod
    def _triangular2_scale_fn(x: float) -> float:
        return float(1 / 2.0 ** (x - 1))

    @staticmethod
    def _exp_range_scale_fn(gamma: float, x: float) -> float:
        return float(gamma**x)

    def _heights(self) -> tuple[float, float]:
        """Return the pair (h, g) of `last_epoch`."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        return height, self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)

    def get_lr(self) -> list[Number]:
        """Return the lr of each group at `last_epoch`; as in torch, this writes momentum too."""
        warn_outside_step(self)
        height, scale = self._heights()
        if self.cycle_momentum:
            self._write_momentum_at(height, scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def _write_momentum(self) -> None:
        self._init_scale_fn()  # for the mode that was loaded
        self._write_momentum_at(*self._heights())

    def _write_momentum_at(self, height: float, scale: float) -> None:
        groups = self.optimizer.param_groups
        field = self._momentum_field
        for group, low, high in zip(groups, self.base_momentums, self.max_momentums, strict=True):
            set_value(group, high - (high - low) * height * scale, field)

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict() | {"_scale_fn_custom": attributes_of(self._scale_fn_custom)}
        state.pop("_scale_fn_ref", None)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = dict(state_dict)
        restore_attributes(self._scale_fn_custom, state.pop("_scale_fn_custom", None))
        super().load_state_dict(state)
        self._init_scale_fn()


_MOMENTUM_BOUNDS = ("max_momentum", "base_momentum")


class OneCycleLR(CycleLR, lr_scheduler.OneCycleLR):
    """Rise from the initial lr to `max_lr`, then fall to the final lr, in `total_steps` updates.

    initial lr = max_lr / div_factor
    final lr = initial lr / final_div_factor

    With `three_phase` the lr returns to the initial lr before it falls to the final lr. Momentum falls from
    `max_momentum` to `base_momentum` while the lr rises, and returns in the next phase. The bounds are entries of the
    groups, as in torch.

    Differs from torch: a phase of length 0 is skipped, and update `total_steps` keeps the last value
    (docs/reference/divergences.md).

    Args:
        optimizer: a torch optimizer.
        max_lr: the highest lr, one for all groups or a list with one per group.
        total_steps: updates of the cycle, an integer greater than 0.
        epochs, steps_per_epoch: two integers whose product is `total_steps`, instead of it.
        pct_start: the fraction of the updates in which the lr rises, a float from 0 to 1.
        anneal_strategy: `"cos"` or `"linear"`.
        cycle_momentum: False leaves momentum unchanged; True replaces the optimizer's own.
        base_momentum: the lowest momentum, one for all groups or a list with one per group.
        max_momentum: the highest momentum, in the same way.
        div_factor, final_div_factor: as above, not 0.
        three_phase: True for a symmetric cycle and a third phase.
        last_epoch, verbose: as in `LRScheduler`.

    Raises:
        InvalidArgument: if an argument is out of range, the optimizer has no momentum, or for a step after
            `total_steps`.

    Source: Smith & Topin 2018 (1708.07120); torch 2.13.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    >>> scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=10, anneal_strategy="linear")
    >>> lrs = []
    >>> for _ in range(10):
    ...     lrs += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(lr, 3) for lr in lrs]
    [0.04, 0.52, 1.0, 0.857, 0.714, 0.571, 0.429, 0.286, 0.143, 0.0]
    """

    _group_entries = ("max_lr", "min_lr", *_MOMENTUM_BOUNDS)

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        require_optimizer(optimizer)
        require_epoch(self, last_epoch)
        if total_steps is not None:
            self.total_steps = positive_integer(self, "total_steps", total_steps)
        elif epochs is None or steps_per_epoch is None:
            raise torch_error(
                "You must define either total_steps OR (epochs AND steps_per_epoch)",
                "Use total_steps=epochs * len(loader)",
            )
        else:
            self.total_steps = positive_integer(self, "epochs", epochs)
            self.total_steps *= positive_integer(self, "steps_per_epoch", steps_per_epoch)
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise torch_error(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise torch_error(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_func_type = anneal_strategy
        self._schedule_phases: Any = _phases(self.total_steps, pct_start, three_phase=three_phase)
        self.cycle_momentum = cycle_momentum
        peaks = per_group(self, optimizer, "max_lr", max_lr)
        lowest = per_group(self, optimizer, "base_momentum", base_momentum) if cycle_momentum else []
        highest = per_group(self, optimizer, "max_momentum", max_momentum) if cycle_momentum else []
        if cycle_momentum:
            self._find_momentum(optimizer)
        for name, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            if number(self, name, factor, "25.0") == 0:
                site = CallSite("OneCycleLR", name, "0")
                raise InvalidArgument(site, f"the lr is divided by {name}", f"For example: {name}=25.0")
        if last_epoch == -1:
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["initial_lr"] = peak / div_factor
                group["max_lr"] = peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if cycle_momentum:
                self._begin_momentum(optimizer, lowest, highest)
        super().__init__(optimizer, last_epoch, verbose)

    def _position(self) -> tuple[dict[str, Any], float]:
        """Return the pair of the phase of `last_epoch`, and the fraction of the phase that is over."""
        step = min(self.last_epoch, self.total_steps - 1)
        begin = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end != begin:
                return phase, (step - begin) / (end - begin)
            begin = end
        return self._schedule_phases[-1], 1.0

    def get_lr(self) -> list[Number]:
        """Return the lr of each group at `last_epoch`; as in torch, this writes momentum too."""
        warn_outside_step(self)
        if self.last_epoch > self.total_steps:
            raise torch_error(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}",
                "Pass the number of updates of the entire run",
            )
        phase, share = self._position()
        if self.cycle_momentum:
            self._write_momentum_at(phase, share)
        start = phase["start_lr"]
        end = phase["end_lr"]
        anneal = self._anneal_func
        return [anneal(group[start], group[end], share) for group in self.optimizer.param_groups]

    def _write_momentum(self) -> None:
        if all(bound in group for bound in _MOMENTUM_BOUNDS for group in self.optimizer.param_groups):
            self._write_momentum_at(*self._position())

    def _write_momentum_at(self, phase: dict[str, Any], share: float) -> None:
        start = phase["start_momentum"]
        end = phase["end_momentum"]
        field = self._momentum_field
        for group in self.optimizer.param_groups:
            set_value(group, self._anneal_func(group[start], group[end], share), field)

    def _anneal_func(self, start: float, end: float, pct: float) -> float:
        match self._anneal_func_type:
            case "cos":
                return self._annealing_cos(start, end, pct)
            case "linear":
                return self._annealing_linear(start, end, pct)
            case name:
                raise torch_error(f"Unknown _anneal_func_type: {name}", 'Use "cos" or "linear"')

    @staticmethod
    def _annealing_cos(start: float, end: float, pct: float) -> float:
        return end + (start - end) / 2.0 * (math.cos(math.pi * pct) + 1)

    @staticmethod
    def _annealing_linear(start: float, end: float, pct: float) -> float:
        return (end - start) * pct + start

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = dict(state_dict)
        anneal = state.pop("anneal_func", None)  # in states of torch before 2.1
        if anneal is not None and "_anneal_func_type" not in state:
            state["_anneal_func_type"] = "linear" if abs(anneal(0.0, 1.0, 0.25) - 0.25) < 1e-9 else "cos"
        super().load_state_dict(state)


def _phases(total: int, pct_start: float, *, three_phase: bool) -> list[dict[str, Any]]:
    """Return the phases in torch's format: the last step, and the entries of a group at the start and at the end."""
    names = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
    up = float(pct_start * total) - 1
    back = float(2 * pct_start * total) - 2
    rows: list[tuple[Any, ...]] = [(up, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
    if three_phase:
        rows.append((back, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
        rows.append((total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
    else:
        rows.append((total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
    return [dict(zip(names, row, strict=True)) for row in rows]
