"""CyclicLR: triangles between two rates, with momentum in the opposite direction."""

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Literal

import numpy as np
from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch._argument_checks import (
    as_float,
    as_floats,
    attributes_of,
    extend_per_group,
    one_per_group,
    optimizer_of,
    require_function,
    restore_attributes,
    torch_error,
)
from paramsched.compat.torch._stepped_lr import CycleLR, GroupSnapshot
from paramsched.compat.torch.base import Verbose, hook
from paramsched.core.curves.arrays import Floats
from paramsched.core.dropins import group_fields
from paramsched.core.dropins.group_fields import Number, unchanged_on_error
from paramsched.core.dropins.step_engine import ValueRows
from paramsched.core.schedules.anneal import linear
from paramsched.core.schedules.cyclic import cyclic
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.restarts import restarts
from paramsched.core.schedules.schedule import Schedule
from paramsched.errors import CallSite, InvalidArgument, InvalidCall, shown

_SHORTEST = 1e-6  # in epochs; lengths are rounded to multiples of it
_MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(CycleLR, peers.CyclicLR):
    """Cycles from `base_lr` up to `max_lr` and back; momentum cycles from `max_momentum` down and back.

    lr(t) = base_lr + (max_lr - base_lr) * h * g
    momentum(t) = max_momentum - (max_momentum - base_momentum) * h * g

    h is the height of the triangle, in [0, 1]; g is set by `mode` or `scale_fn`.

    As in torch the optimizer's own momentum (or first beta) is replaced unless `cycle_momentum=False`. Differs from
    torch: the first value is `base_lr`, and `initial_lr` of a group is ignored (docs/reference/divergences.md, torch 17
    and 18).
    """

    __slots__ = ("_last_height", "_table", "_triangle")
    _slot_values: ClassVar[dict[str, Any]] = {"_last_height": (-1.0, 0.0)}
    _option_names = ("max_lrs", "total_size", "step_ratio", "mode", "gamma", "scale_mode")
    _read_options = staticmethod(attrgetter(*_option_names, "base_momentums", "max_momentums", "_overrides_hooks"))
    _per_group = (*CycleLR._per_group, "max_lrs", "base_momentums", "max_momentums")
    _hooks = (
        *CycleLR._hooks,
        "scale_fn",
        "_init_scale_fn",
        "_scale_fn_ref",
        "_triangular_scale_fn",
        "_triangular2_scale_fn",
        "_exp_range_scale_fn",
    )
    _table: ValueRows | None
    _triangle: Callable[[Floats], Floats]
    _last_height: tuple[float, float]
    base_momentums: Sequence[Any] = ()  # replaced if momentum is cycled
    max_momentums: Sequence[Any] = ()

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
        self.optimizer = optimizer_of(optimizer)
        if mode not in _MODES and scale_fn is None:
            raise torch_error("mode is invalid and scale_fn is None", f"Use one of the modes {', '.join(_MODES)}")
        if scale_fn is not None:
            require_function(scale_fn, "scale_fn")
        elif mode == "exp_range":
            as_float(CallSite("CyclicLR", "gamma"), gamma)
        up = _step_size("step_size_up", step_size_up)
        down = up if step_size_down is None else _step_size("step_size_down", step_size_down)
        if not (_SHORTEST <= up < math.inf and 0 <= down < math.inf):
            raise InvalidArgument(
                f"CyclicLR(step_size_up={step_size_up!r}, step_size_down={step_size_down!r})",
                "the cycle must have a finite length greater than 0",
                "For example: step_size_up=2000",
            )
        self.total_size: float = up + down  # type: ignore[assignment]  # may be fractional
        self.step_ratio = up / (up + down)
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else ("iterations" if mode == "exp_range" else "cycle")
        self._init_scale_fn()
        base_lrs = one_per_group(self, "base_lr", base_lr)
        self.max_lrs = one_per_group(self, "max_lr", max_lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._find_momentum()
            self.base_momentums = one_per_group(self, "base_momentum", base_momentum)
            self.max_momentums = one_per_group(self, "max_momentum", max_momentum)
        self.base_lrs = base_lrs
        with unchanged_on_error(optimizer):
            group_fields.separate_tensors(optimizer)
            if last_epoch == -1:
                group_fields.set_row(optimizer, base_lrs)
                if cycle_momentum:
                    self._begin_momentum(self.base_momentums, self.max_momentums)
            super().__init__(optimizer, last_epoch, verbose)

    def _initial_bases(self) -> list[Number]:
        return self.base_lrs  # not `initial_lr`, which another scheduler may have set

    @hook
    def scale_fn(self, x: float) -> float:
        """Return the factor g for `x`, the number of the cycle (from 1) or the epoch, as `scale_mode` selects."""
        return self._scale_fn_ref(x) if self._scale_fn_custom is None else self._scale_fn_custom(x)

    @hook
    def _init_scale_fn(self) -> None:
        """Do nothing: `_scale_fn_ref` finds the function by `mode`. A subclass may set it here, as in torch."""

    def _scale_fn_of_mode(self) -> Any:
        match self.mode:
            case "triangular2":
                return self._triangular2_scale_fn
            case "exp_range":
                return partial(self._exp_range_scale_fn, self.gamma)
            case _:
                return self._triangular_scale_fn

    _scale_fn_ref: Any = hook(property(_scale_fn_of_mode))  # torch stores it, which prevents copying

    @hook
    @staticmethod
    def _triangular_scale_fn(x: float) -> float:  # noqa: ARG004  # one of the functions of x
        return 1.0

    @hook
    @staticmethod
    def _triangular2_scale_fn(x: float) -> float:
        return float(2.0 ** (1 - x))

    @hook
    @staticmethod
    def _exp_range_scale_fn(gamma: float, x: float) -> float:
        return float(gamma**x)

    def _prepare_values(self, previous: GroupSnapshot | None, written: list[Any]) -> None:
        """Build tables of rates and momenta, unless a user's function or a subclass computes the height h * g."""
        for name in ("max_lrs", *(("base_momentums", "max_momentums") if self.cycle_momentum else ())):
            extend_per_group(self.optimizer, name, getattr(self, name))
        plain = self._scale_fn_custom is None and not self._own_hooks
        self._triangle, growing = _triangle_of(self.total_size, self.step_ratio, self.mode if plain else "", self.gamma)
        self._table = self._momentum_table = None
        self._last_height = (-1.0, 0.0)  # invalid for the new options
        if growing:
            triangle = self._triangle

            def columns(ticks: Floats) -> list[Floats]:
                height = triangle(ticks)
                return [1.0 - height, height]

            self._table = ValueRows(columns, [as_floats(self.base_lrs), as_floats(self.max_lrs)])
            if self.cycle_momentum:
                pair = [as_floats(self.max_momentums), as_floats(self.base_momentums)]
                self._momentum_table = ValueRows(columns, pair)

    def _height_of_epoch(self, tick: float) -> float:
        """Return the height h * g at epoch `tick`, for a scheduler without tables, or below 0, where tables end."""
        cycles = tick / self.total_size
        x: float = math.floor(1 + cycles) if self.scale_mode == "cycle" else tick
        if tick < 0:  # in torch the cycle goes on there
            into = cycles - math.floor(cycles)
            height = into / self.step_ratio if into <= self.step_ratio else (into - 1) / (self.step_ratio - 1)
        else:
            height = float(self._triangle(np.array([tick]))[0])
        return height * float(self.scale_fn(x))

    def _values_at(self, tick: float) -> Sequence[float]:
        if self._table is not None and tick >= 0:
            return self._table.row(tick)
        self._last_height = tick, self._height_of_epoch(tick)
        return _values_between(self.base_lrs, self.max_lrs, self._last_height[1])

    def _momenta_at(self, tick: float) -> Sequence[float] | None:
        if not self.cycle_momentum:
            return None
        if self._momentum_table is not None and tick >= 0:
            return self._momentum_table.row(tick)
        # A step calls the function once, for the rate and for momentum.
        height = self._last_height[1] if self._last_height[0] == tick else self._height_of_epoch(tick)
        return _values_between(self.max_momentums, self.base_momentums, height)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"_scale_fn_custom": attributes_of(self.__dict__.get("_scale_fn_custom"))}

    def _load_checked(self, state: dict[str, Any]) -> None:
        restore_attributes(self.__dict__.get("_scale_fn_custom"), state.pop("_scale_fn_custom", None))
        super()._load_checked(state)


def _step_size(name: str, size: Any) -> float:
    """Return a length in epochs; text with a number is accepted, as in torch."""
    try:
        return float(size)
    except (TypeError, ValueError, OverflowError):
        raise InvalidCall(
            CallSite("CyclicLR", name, shown(size)), "expected a number of epochs", f"For example: {name}=2000"
        ) from None


def _values_between(low: Sequence[Any], high: Sequence[Any], height: float) -> list[float]:
    return [float(b) + (float(t) - float(b)) * height for b, t in zip(low, high, strict=True)]


def _triangle_of(total: float, ratio: float, mode: str, gamma: float) -> tuple[Callable[[Floats], Floats], bool]:
    """Return a pair: the height of the triangles as a function of an array of epochs, and a bool.

    The bool is True if the height includes the factor g of `mode`, which is "" for another g.
    """
    up = Fraction(total * ratio).limit_denominator(10**6)
    down = Fraction(total).limit_denominator(10**6) - up
    scale = up.denominator * down.denominator
    whole = scale == 1 and mode in _MODES and (mode != "exp_range" or gamma > 0)
    shape: Schedule
    if down == 0:  # up, then back to the bottom immediately
        shape, whole = restarts(linear(0.0, 1.0, int(up * scale)), int(up * scale)), False
    elif whole:
        growth: Any = mode
        shape = cyclic(int(up), int(down), 0.0, 1.0, growth, gamma if mode == "exp_range" else 1.0)
    else:
        shape = cyclic(int(up * scale), int(down * scale), 0.0, 1.0)
    return lambda ticks: evaluate(shape, np.maximum(ticks * scale, 0), 1.0), whole
