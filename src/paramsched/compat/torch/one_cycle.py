"""OneCycleLR: a ramp to a peak and a decay, with momentum in the opposite direction."""

import math
from typing import Any, Literal

from torch.optim import Optimizer, lr_scheduler

from paramsched.compat.group_values import Number, set_value
from paramsched.compat.torch._arguments import (
    number,
    per_group,
    positive_integer,
    require_epoch,
    require_optimizer,
    torch_error,
)
from paramsched.compat.torch.base import Verbose, warn_outside_step
from paramsched.compat.torch.cyclic import CycleLR
from paramsched.errors import CallSite, InvalidArgument

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
                group["initial_lr"], group["max_lr"] = peak / div_factor, peak
                group["min_lr"] = group["initial_lr"] / final_div_factor
            if cycle_momentum:
                self._begin_momentum(optimizer, lowest, highest)
        super().__init__(optimizer, last_epoch, verbose)

    def _position(self) -> tuple[dict[str, Any], float]:
        """Return the pair of the phase of `last_epoch`, and the fraction of the phase that is over."""
        step, begin = min(self.last_epoch, self.total_steps - 1), 0.0
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
        start, end, anneal = phase["start_lr"], phase["end_lr"], self._anneal_func
        return [anneal(group[start], group[end], share) for group in self.optimizer.param_groups]

    def _write_momentum(self) -> None:
        if all(bound in group for bound in _MOMENTUM_BOUNDS for group in self.optimizer.param_groups):
            self._write_momentum_at(*self._position())

    def _write_momentum_at(self, phase: dict[str, Any], share: float) -> None:
        start, end, field = phase["start_momentum"], phase["end_momentum"], self._momentum_field
        for group in self.optimizer.param_groups:
            set_value(group, self._anneal_func(group[start], group[end], share), field)

    def _anneal_func(self, start: float, end: float, pct: float) -> float:
        match self._anneal_func_type:
            case "cos":
                return self._annealing_cos(start, end, pct)
            case "linear":
                return self._annealing_linear(start, end, pct)
            case other:
                raise torch_error(f"Unknown _anneal_func_type: {other}", 'Use "cos" or "linear"')

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
    up, back = float(pct_start * total) - 1, float(2 * pct_start * total) - 2
    rows: list[tuple[Any, ...]] = [(up, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
    if three_phase:
        rows.append((back, "max_lr", "initial_lr", "base_momentum", "max_momentum"))
        rows.append((total - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"))
    else:
        rows.append((total - 1, "max_lr", "min_lr", "base_momentum", "max_momentum"))
    return [dict(zip(names, row, strict=True)) for row in rows]
