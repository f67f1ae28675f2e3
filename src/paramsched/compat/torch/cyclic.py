"""CyclicLR: triangles between two rates, with momentum in the opposite direction."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from torch.optim import Optimizer, lr_scheduler

from paramsched.compat.group_values import Number, ParamGroup, separate_tensors, set_value
from paramsched.compat.torch._arguments import (
    attributes_of,
    number,
    per_group,
    require_epoch,
    require_function,
    require_optimizer,
    restore_attributes,
    torch_error,
)
from paramsched.compat.torch.base import LRScheduler, Verbose, is_own_state, warn_outside_step
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown


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
            group["max_momentum"], group["base_momentum"] = high, low

    def _write_momentum(self) -> None:
        """Write the momentum of `last_epoch` into the groups."""
        raise NotImplementedError

    def _base_of_added(self, group: ParamGroup, bases: list[Any]) -> Number:
        base: Number = bases[-1]  # it joins the cycle of the last known group
        return base

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        known = [group for group, _ in getattr(self, "_built", ())]
        built = all(group is one for group, one in zip(self.optimizer.param_groups, known, strict=False))
        if self.cycle_momentum and built and not is_own_state(state_dict):
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
        self.mode, self.scale_mode, self._scale_fn_custom = mode, scale_mode, scale_fn
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
        groups, field = self.optimizer.param_groups, self._momentum_field
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
