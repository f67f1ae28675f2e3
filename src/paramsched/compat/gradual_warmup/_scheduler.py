"""GradualWarmupScheduler: up along a straight line, then whatever another scheduler says."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler as TorchLRScheduler

from paramsched.compat.gradual_warmup._after import After, has_own_values, leaves
from paramsched.compat.torch._base import EPOCH_DEPRECATION_WARNING, LRScheduler, warn_outside_step
from paramsched.compat.torch._groups import Number, copied, put, user_level, values
from paramsched.compat.torch._order import check_order
from paramsched.compat.torch._state import by_value
from paramsched.errors import InvalidArgument, StateError
from paramsched.schedules._level import count, finite
from paramsched.schedules.anneal import linear

_STATE = ("multiplier", "total_epoch", "warmup_epoch", "base_lrs", "last_epoch", "_step_count")


class GradualWarmupScheduler(LRScheduler):
    """A straight line up, then another scheduler from where the line ends.

    With b the group's base, m the multiplier, W the length and t the steps done, for t <= W:

    lr(t) = b / m ((m - 1) t / W + 1)    `warmup_epoch=W`: from b / m up to b
          = b ((m - 1) t / W + 1)        `total_epoch=W`, m > 1: from b up to m b
          = b t / W                      `total_epoch=W`, m = 1: from 0 up to b

    and lr(t) = g(t - W) after it, g being the after-scheduler's curve as if its base were the value at W. Without one
    that value is held. Which of the two lengths is given chooses the ramp.

    Args:
        optimizer: its groups' `initial_lr`, or else lr, is b.
        multiplier: m, 1 or more.
        total_epoch: W of the published form, in whatever the caller steps by; 0 or more.
        after_scheduler: any scheduler of torch or paramsched on the same optimizer, built first and not stepped yet;
            compositions and `ReduceLROnPlateau` too. This scheduler steps it.
        warmup_epoch: W of the other form.
        base_lr: b, one for all groups or one for each. It is needed where the after-scheduler has overwritten the lr by
            values of its own (OneCycleLR, CyclicLR) and it was not the optimizer's default.

    Raises:
        InvalidArgument: both lengths or none, m below 1, an after-scheduler of another optimizer, a base that cannot be
            known.

    Differs from warmup-scheduler: the after-scheduler is not a step late, and sixteen more things
    (`docs/compat/divergences.md`).

    Source: Goyal et al. 2017 (1706.02677); warmup-scheduler 0.3.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    >>> after = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5)
    >>> scheduler = GradualWarmupScheduler(optimizer, 1, total_epoch=2, after_scheduler=after)
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
        after_scheduler: TorchLRScheduler | None = None,
        *,
        warmup_epoch: int | None = None,
        base_lr: float | Sequence[float] | None = None,
    ) -> None:
        _refuse_foreign(optimizer, after_scheduler)
        self._set_ramp(multiplier, total_epoch, warmup_epoch)
        self.after_scheduler = after_scheduler
        self._after: After | None = None
        self._bases = _bases(optimizer, after_scheduler, base_lr)
        if after_scheduler is not None:
            peaks = self._peaks([float(base) for base in self._bases])
            self._after = After(after_scheduler, optimizer, peaks, restarts=self._top != 1)
        super().__init__(optimizer)

    def _initial_bases(self) -> list[Number]:
        return [copied(base) for base in self._bases]

    def _set_ramp(self, multiplier: float, total_epoch: int | None, warmup_epoch: int | None) -> None:
        call = f"GradualWarmupScheduler(multiplier={multiplier!r}, total_epoch={total_epoch!r}, {warmup_epoch=})"
        if (total_epoch is None) == (warmup_epoch is None):
            found = "no length" if total_epoch is None else "two lengths"
            raise InvalidArgument(
                call, f"{found}; exactly one says how long the ramp is", "Write total_epoch=5, or warmup_epoch=5"
            )
        if finite(call, multiplier) < 1:
            raise InvalidArgument(
                call, "a multiplier is at least 1", "Write 1 to start from 0, or 8 to start from b / 8"
            )
        length = total_epoch if warmup_epoch is None else warmup_epoch
        self._length = count(f"{call}: the ramp", length, 0)
        self.multiplier, self.total_epoch, self.warmup_epoch = multiplier, total_epoch, warmup_epoch
        if total_epoch is None:
            low, self._top = 1 / multiplier, 1.0
        else:
            low, self._top = (1.0, float(multiplier)) if multiplier > 1 else (0.0, 1.0)
        self._ramp = linear(low, self._top, over=self._length)

    def _peaks(self, bases: list[float]) -> list[float]:
        return [base * self._top for base in bases]

    @property
    def finished(self) -> bool:
        """Whether the ramp is over."""
        return self.last_epoch > self._length

    def step(self, epoch: float | None = None, metrics: Any = None) -> None:
        """Go on by one, or, deprecated, to the epoch given, in any order.

        Args:
            epoch: where to go, 0 or more. Alone, by position, and not an integer, it is the metric for an
                after-scheduler that is guided by one.
            metrics: for such an after-scheduler, which sees it once the ramp is over; ignored by any other.

        Raises:
            InvalidArgument: a metric is missing, or an epoch is negative; nothing was changed.
        """
        guided = self._after is not None and self._after.is_guided
        if guided and metrics is None and epoch is not None and not isinstance(epoch, int):
            epoch, metrics = None, epoch
        target = self.last_epoch + 1 if epoch is None else epoch
        if target < 0:
            raise InvalidArgument(f"step({epoch!r})", "an epoch is 0 or more", "Write step()")
        if guided and metrics is None and target > self._length:
            raise InvalidArgument(
                f"step() at {target}, after a ramp of {self._length}",
                f"{type(self.after_scheduler).__name__} is guided by a metric, and there is none",
                "Write step(metrics=loss)",
            )
        if self._step_count == 1:
            check_order(self.optimizer)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=user_level())
        self._metrics = metrics
        self._update_lr(epoch)  # type: ignore[arg-type]  # parts of an epoch are welcome
        self._metrics = None

    _metrics: Any = None

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._join_new_groups()
        u = self.last_epoch - self._length
        if u < 0 or (u == 0 and (self._length > 0 or self._after is None)):
            self._follow_the_ramp()
        elif self._after is None:
            if epoch is not None:
                self._follow_the_ramp()  # it holds its last value
        elif self._after.is_guided and u > 0:
            self._after.show(self._metrics)
        else:
            self._after.go_to(u)
        self._last_lr = values(self.optimizer)

    def _follow_the_ramp(self) -> None:
        if self._after is not None:
            self._after.rewind()
        for group, value in zip(self.optimizer.param_groups, self._on_the_ramp(), strict=True):
            put(group, value)

    def _on_the_ramp(self) -> list[float]:
        bases = np.array([float(base) for base in self.base_lrs])
        row: list[float] = self._ramp(max(self.last_epoch, 0), base=bases).tolist()
        return row

    def _join_new_groups(self) -> None:
        added = self.optimizer.param_groups[len(self.base_lrs) :]
        if added:
            self.base_lrs += [copied(group.setdefault("initial_lr", copied(group["lr"]))) for group in added]
            if self._after is not None:
                self._after.join(self._peaks([float(base) for base in self.base_lrs]))

    def get_lr(self) -> list[Number]:
        """What the groups are to hold at `last_epoch`; for users, `get_last_lr()`."""
        warn_outside_step(self)
        return values(self.optimizer) if self.finished else list(self._on_the_ramp())

    def state_dict(self) -> dict[str, Any]:
        """Its own numbers, what the groups hold, and the after-scheduler's state: plain data, by value."""
        state: dict[str, Any] = {name: by_value(getattr(self, name)) for name in _STATE}
        state |= {"_last_lr": self.get_last_lr(), "lr": values(self.optimizer)}
        state |= {"after_scheduler": None, "after": None, "held": None}
        if self._after is not None:
            state["after_scheduler"] = by_value(self._after.scheduler.state_dict())
            state |= {"after": by_value(self._after.state()), "held": self._after.held()}
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state: any order of constructing and loading does; the argument is neither kept nor changed.

        The after-scheduler stays the object it is.

        Raises:
            StateError: no state of this class, or one with an after-scheduler where there is none, or the other way
                round; nothing was changed.
        """
        self._refuse_foreign_state(state_dict)
        state = by_value(state_dict)
        self._set_ramp(state["multiplier"], state["total_epoch"], state["warmup_epoch"])
        self.base_lrs, self.last_epoch, self._step_count = state["base_lrs"], state["last_epoch"], state["_step_count"]
        held: list[dict[str, Any]] = [{"lr": lr} for lr in state["lr"]]
        if self._after is not None:
            self._after.scheduler.load_state_dict(state["after_scheduler"])
            self._after.load(state["after"])
            held = state["held"]
        for group, row in zip(self.optimizer.param_groups, held, strict=False):
            for name, value in row.items():
                put(group, value, name)
        self._last_lr = state["_last_lr"]

    def _refuse_foreign_state(self, state: dict[str, Any]) -> None:
        missing = [name for name in (*_STATE, "lr", "after_scheduler", "after") if name not in state]
        if missing:
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): {', '.join(missing)} missing; warmup-scheduler's own "
                "states are a step late and not taken. Pass what state_dict() of this class gave"
            )
        if (state["after_scheduler"] is None) != (self._after is None):
            has, lacks = ("this scheduler", "the state") if self._after is not None else ("the state", "this scheduler")
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): {has} has an after-scheduler and {lacks} has none. "
                "Build it as it was built when the state was saved"
            )


def _refuse_foreign(optimizer: Optimizer, after: TorchLRScheduler | None) -> None:
    if after is not None and getattr(after, "optimizer", None) is not optimizer:
        raise InvalidArgument(
            f"GradualWarmupScheduler(after_scheduler={type(after).__name__}(…))",
            "it is no scheduler of the same optimizer",
            "Build it first, on the optimizer given here",
        )


def _bases(optimizer: Optimizer, after: TorchLRScheduler | None, given: float | Sequence[float] | None) -> list[Number]:
    """The bases: as given, else the initial lr, else, where the after-scheduler overwrote that, the default."""
    groups = optimizer.param_groups
    if isinstance(given, Sequence):
        if len(given) != len(groups):
            raise InvalidArgument(
                f"GradualWarmupScheduler(base_lr={given!r})", f"{len(groups)} param groups", "Write one number for each"
            )
        return list(given)
    if given is not None:
        return [given] * len(groups)
    initial = [group.get("initial_lr", group["lr"]) for group in groups]
    if after is None or not any(has_own_values(leaf) for leaf in leaves(after)):
        return [copied(lr) for lr in initial]
    if len({float(lr) for lr in initial}) > 1:
        raise InvalidArgument(
            f"GradualWarmupScheduler(after_scheduler={type(after).__name__}(…))",
            "the after-scheduler has overwritten the groups' different lr by values of its own",
            f"Write base_lr=[{', '.join(['0.1'] * len(groups))}], the lr that the ramp is for",
        )
    default = optimizer.defaults["lr"]
    return [float(default) if isinstance(default, Tensor) else default] * len(groups)
