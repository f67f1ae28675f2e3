"""GradualWarmupScheduler: a linear ramp up, followed by another scheduler."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch.optim.lr_scheduler as peers
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramsched.compat.gradual_warmup._after_scheduler import AfterScheduler, has_own_levels, written_fields
from paramsched.compat.torch.base import LRScheduler, warn_outside_step
from paramsched.compat.torch.chained import leaf_schedulers
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.dropins.group_fields import (
    Number,
    by_value,
    group_values,
    groups_changed,
    initial_value,
    set_fields,
    set_row,
)
from paramsched.core.number_checks import finite_number, whole_number
from paramsched.core.schedules.anneal import linear
from paramsched.errors import InvalidArgument, StateError

_STATE_KEYS = ("multiplier", "total_epoch", "warmup_epoch", "base_lrs", "last_epoch", "_step_count")


class GradualWarmupScheduler(LRScheduler):
    """A linear ramp, followed by another scheduler that starts from the value at the end of the ramp.

    With b the group's base, m the multiplier, W the length of the ramp and t the completed steps, for t <= W:

    lr(t) = b / m ((m - 1) t / W + 1)    `warmup_epoch=W`: from b / m up to b
          = b ((m - 1) t / W + 1)        `total_epoch=W`, m > 1: from b up to m b
          = b t / W                      `total_epoch=W`, m = 1: from 0 up to b

    Afterwards lr(t) = g(t - W), where g(u) is the lr of the after-scheduler after u of its steps, with lr(W) as its
    base. Without an after-scheduler the lr stays at lr(W). Pass either `warmup_epoch` or `total_epoch`.

    A group that is added during the ramp has its own lr as base. A group that is added later continues from its own lr
    with the factors of the other groups, or joins the cycle of the last group.

    Args:
        optimizer: a torch optimizer. b is the `initial_lr` of a group, or the group's lr if `initial_lr` is missing.
        multiplier: m, at least 1.
        total_epoch: W for a ramp as in the package warmup-scheduler, in calls of `step()`; at least 0.
        after_scheduler: a scheduler of torch or paramsched on the same optimizer, built first and not stepped yet.
            Compositions and `ReduceLROnPlateau` are accepted. Do not step it yourself.
        warmup_epoch: W for a ramp from b / m up to b, in calls of `step()`; at least 0.
        base_lr: b, one number for all groups or one per group. Required if the after-scheduler overwrites the lr with
            values of its own (OneCycleLR, CyclicLR) and the lr was not the optimizer's default.

    Raises:
        InvalidArgument: if both lengths or neither is passed, m is below 1, the after-scheduler belongs to another
            optimizer, or the base cannot be determined.

    Differs from warmup-scheduler (`docs/reference/divergences.md`); the main difference: in
    warmup-scheduler the after-scheduler runs one step late. A warning is issued once if the values differ.

    Source: Goyal et al. 2017 (1706.02677); warmup-scheduler 0.3.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    >>> after = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
    >>> scheduler = GradualWarmupScheduler(
    ...     optimizer, 1, total_epoch=2, after_scheduler=after
    ... )
    >>> lrs = []
    >>> for _ in range(7):
    ...     lrs += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> lrs
    [0.0, 0.05, 0.1, 0.1, 0.1, 0.05, 0.05]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        multiplier: float,
        total_epoch: int | None = None,
        after_scheduler: peers.LRScheduler | None = None,
        *,
        warmup_epoch: int | None = None,
        base_lr: float | Sequence[float] | None = None,
    ) -> None:
        if after_scheduler is not None and getattr(after_scheduler, "optimizer", None) is not optimizer:
            raise InvalidArgument(
                f"GradualWarmupScheduler(after_scheduler={type(after_scheduler).__name__}(…))",
                "the after-scheduler belongs to another optimizer",
                "Build it first, on the optimizer that you pass here",
            )
        self._set_ramp(multiplier, total_epoch, warmup_epoch)
        self.after_scheduler = after_scheduler
        self._after: AfterScheduler | None = None
        self._warned = False
        # Read before the base class writes anything, because OneCycleLR, for example, has overwritten the groups.
        self._bases = self._warmup_bases(optimizer, base_lr)
        if after_scheduler is not None:
            peaks = self._peak_values(self._bases)
            self._after = AfterScheduler(after_scheduler, optimizer, peaks, restarts=self._top != 1)
            self._warn_of_difference("at once")
        super().__init__(optimizer)

    def _warmup_bases(self, optimizer: Optimizer, base_lr: float | Sequence[float] | None) -> list[Number]:
        """Return the base of each group: `base_lr` if passed, else the group's `initial_lr` or lr.

        If the after-scheduler has overwritten `initial_lr` and lr, return the optimizer's default lr.
        """
        groups, after = optimizer.param_groups, self.after_scheduler
        if isinstance(base_lr, Sequence):
            if len(base_lr) != len(groups):
                call = f"GradualWarmupScheduler(base_lr={base_lr!r})"
                raise InvalidArgument(
                    call, f"expected {len(groups)} numbers, one per param group", "Use one number for each group"
                )
            return list(base_lr)
        if base_lr is not None:
            return [base_lr] * len(groups)
        initial = [group.get("initial_lr", group["lr"]) for group in groups]
        if after is None or not any(map(has_own_levels, leaf_schedulers(after))):
            return [by_value(lr) for lr in initial]
        if len({float(lr) for lr in initial}) > 1:
            raise InvalidArgument(
                f"GradualWarmupScheduler(after_scheduler={type(after).__name__}(…))",
                "the after-scheduler has overwritten the lr of the groups, which may have differed",
                f"Write base_lr=[{', '.join(['0.1'] * len(groups))}], the lr that each group had before",
            )
        default = optimizer.defaults["lr"]
        return [float(default) if isinstance(default, Tensor) else default] * len(groups)

    def _warn_of_difference(self, when: Literal["at once", "after the ramp"]) -> None:
        """Warn once if the values of the package warmup-scheduler differ from those of this class from now on.

        `when` is the present point of the run.
        """
        after = self.after_scheduler
        if self._warned or self.total_epoch is None or self._length == 0:
            return
        if isinstance(after, ReduceLROnPlateau):
            differs_from, rows = "at once", "rows 6 and 7"
        elif has_own_levels(after):
            differs_from, rows = "at once", "row 12"
        elif any(kind.__name__ == "ExponentialLR" for kind in type(after).__mro__) or hasattr(after, "_schedulers"):
            return  # an exponential decay does not depend on its start; the package fails with a composition
        else:
            differs_from, rows = "after the ramp", "row 1"
        if differs_from != when:
            return
        self._warned = True
        where = "the first step" if when == "at once" else f"step {self._length + 1}"
        found = (
            f"from {where} on the values differ from the package warmup-scheduler (docs/reference/divergences.md, "
            f"GradualWarmupScheduler, {rows})"
        )
        warn_user(Problem(site=f"GradualWarmupScheduler over {type(after).__name__}", found=found))

    def _initial_bases(self) -> list[Number]:
        return [by_value(base) for base in self._bases]

    def _set_ramp(self, multiplier: float, total_epoch: int | None, warmup_epoch: int | None) -> None:
        """Check the arguments of the ramp and build it."""
        call = f"GradualWarmupScheduler(multiplier={multiplier!r}, total_epoch={total_epoch!r}, {warmup_epoch=})"
        if (total_epoch is None) == (warmup_epoch is None):
            found = "the length is missing" if total_epoch is None else "the length is passed twice"
            raise InvalidArgument(
                call,
                f"{found}; pass either total_epoch or warmup_epoch",
                "For example: total_epoch=5, or warmup_epoch=5",
            )
        if finite_number(call, multiplier) < 1:
            raise InvalidArgument(
                call, "the multiplier must be at least 1", "Use 1 to start from 0, or 8 to start from b / 8"
            )
        length = total_epoch if warmup_epoch is None else warmup_epoch
        self._length = whole_number(f"{call}: the ramp", length, 0)
        self.multiplier, self.total_epoch, self.warmup_epoch = multiplier, total_epoch, warmup_epoch
        if total_epoch is None:
            low, self._top = 1 / multiplier, 1.0
        else:
            low, self._top = (1.0, float(multiplier)) if multiplier > 1 else (0.0, 1.0)
        self._ramp = linear(low, self._top, over=self._length)

    def _peak_values(self, bases: Sequence[Number]) -> list[float]:
        return [float(base) * self._top for base in bases]

    @property
    def finished(self) -> bool:
        """True once the ramp has ended."""
        return self.last_epoch > self._length

    @finished.setter
    def finished(self, value: bool) -> None:
        """Accept an assignment by a subclass that was written for the package; `last_epoch` decides."""

    def step(self, epoch: float | None = None, metrics: Any = None) -> None:
        """Move to the next step, or to step `epoch` (deprecated), which may be earlier or later.

        Args:
            epoch: the step to move to, at least 0. If the after-scheduler is metric-driven, a single argument that is
                not an integer is the metric.
            metrics: the metric for a metric-driven after-scheduler, used once the ramp has ended. Any other
                after-scheduler ignores it.

        Raises:
            InvalidArgument: if a required metric is missing or the epoch is negative. The state stays unchanged.
        """
        self._follow_groups()
        guided = self._after is not None and self._after.is_guided
        if guided and metrics is None and epoch is not None and not isinstance(epoch, int):
            epoch, metrics = None, epoch
        target = self.last_epoch + 1 if epoch is None else epoch
        if target < 0:
            raise InvalidArgument(f"step({epoch!r})", "the epoch must not be negative", "Use step()")
        if guided and metrics is None and target > self._length:
            raise InvalidArgument(
                f"step() at epoch {target}, after the ramp",
                f"{type(self.after_scheduler).__name__} needs a metric",
                "Use step(metrics=loss)",
            )
        self._metrics = metrics  # for `_update_lr`, which the base class's `step` calls
        super().step(epoch)  # type: ignore[arg-type]  # fractional epochs are allowed
        self._metrics = None

    _metrics: Any = None

    def _update_lr(self, epoch: int | None = None) -> None:
        """Move to an epoch: write the values of the ramp, or afterwards those of the after-scheduler."""
        if "get_lr" in vars(self):
            super()._update_lr(epoch)
            return
        self._take_in_late_groups()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        u = self.last_epoch - self._length  # the position of the after-scheduler
        if u < 0 or (u == 0 and (self._length > 0 or self._after is None)):
            self._write_ramp()
        elif self._after is None:
            if epoch is not None:
                self._write_ramp()  # the last value stays constant
        elif self._after.is_guided and u > 0:
            self._after.step_with_metric(self._metrics)
        else:
            self._warn_of_difference("after the ramp")
            self._after.move_to(u)
        self._last_lr = group_values(self.optimizer)

    def _write_ramp(self) -> None:
        """Write the values that `get_lr` returns for the ramp at `last_epoch`."""
        if self._after is not None:
            self._after.rewind()
        self._get_lr_called_within_step = True
        try:
            row = self.get_lr()  # a user's subclass may override it
        finally:
            self._get_lr_called_within_step = False
        set_row(self.optimizer, row)

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        # The after-scheduler may be of any class, and its initial state also contains entries of the groups.
        raise groups_changed(type(self).__name__, "param groups were removed or reordered")

    def _take_in_late_groups(self) -> None:
        added = self.optimizer.param_groups[len(self.base_lrs) :]
        if added:
            self._known_groups = self.optimizer, list(self.optimizer.param_groups)
            self._take_in_bases([self._base_of_late(group) for group in added])
            if self._after is not None:
                self._after.add_groups(self._peak_values(self.base_lrs))

    def _base_of_late(self, group: dict[str, Any]) -> float:
        """Return the base of a late group. After the ramp it continues from its present value."""
        if self.last_epoch < self._length:
            return float(initial_value(group))
        return self._base_of(float(group["lr"]))

    def get_lr(self) -> list[Number]:
        """Return the lr of each group at `last_epoch`; users call `get_last_lr()`.

        A subclass may override it. It is called at every step of the ramp.
        """
        warn_outside_step(self)
        if self.finished and self._after is not None:
            return group_values(self.optimizer)
        bases = np.array([float(base) for base in self.base_lrs])
        row: list[Number] = self._ramp(max(self.last_epoch, 0), base=bases).tolist()
        return row

    def state_dict(self) -> dict[str, Any]:
        """Return the attributes, the values of the groups and the state of the after-scheduler as plain data."""
        self._follow_groups_of_state()
        state: dict[str, Any] = {name: by_value(getattr(self, name)) for name in _STATE_KEYS}
        state |= {"_last_lr": self.get_last_lr(), "lr": group_values(self.optimizer)}
        state |= {"after_scheduler": None, "after": None, "held": None}
        if self.after_scheduler is not None:
            state["after_scheduler"] = by_value(self.after_scheduler.state_dict())
            state["held"] = written_fields(self.after_scheduler, self.optimizer)
        if self._after is not None:
            state["after"] = by_value(self._after.state())
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a state; schedulers may be constructed and loaded in any order.

        The argument is neither kept nor changed, and the after-scheduler remains the same object.

        Raises:
            StateError: if the dict is not a state of this class, or if only one of the state and this scheduler has an
                after-scheduler. The scheduler stays unchanged.
        """
        missing = [name for name in (*_STATE_KEYS, "lr", "after_scheduler", "after") if name not in state_dict]
        if missing:
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): {', '.join(missing)} missing. Pass a state that "
                "state_dict() of this class returned. After 100 steps of another class, write scheduler.step(100)"
            )
        state_lacks = state_dict["after_scheduler"] is None
        if state_lacks != (self.after_scheduler is None):
            has, lacks = ("this scheduler", "the state") if state_lacks else ("the state", "this scheduler")
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): {has} has an after-scheduler, but {lacks} has none. "
                "Build this scheduler with the arguments that were used when the state was saved"
            )
        self._follow_groups_of_state()
        state = by_value(state_dict)
        self._set_ramp(state["multiplier"], state["total_epoch"], state["warmup_epoch"])
        self.base_lrs, self.last_epoch, self._step_count = state["base_lrs"], state["last_epoch"], state["_step_count"]
        rows: list[dict[str, Any]] = [{"lr": lr} for lr in state["lr"]]
        if self.after_scheduler is not None:
            self.after_scheduler.load_state_dict(state["after_scheduler"])
            rows = state["held"]
        if self._after is not None:
            self._after.load(state["after"], self._peak_values(self.base_lrs))
            self._warned = self._warned or self._after.position > 0
        set_fields(self.optimizer, rows)
        self._last_lr = state["_last_lr"]
