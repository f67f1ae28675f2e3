"""ReduceLROnPlateau: cut the rate when a metric has stopped improving."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, SupportsFloat, final

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.base.user_warnings import warn_user
from paramsched.compat import group_fields
from paramsched.compat.group_fields import Number
from paramsched.compat.torch._arguments import as_float, as_floats, optimizer_of, refused_as_torch
from paramsched.compat.torch.base import EPOCH_DEPRECATION_WARNING, LRScheduler, Verbose, asks_to_print, fields_held
from paramsched.errors import CallSite
from paramsched.feedback.base import Nonfinite, improves_on, metric_number
from paramsched.feedback.plateau import Plateau

_HALF = 0.5  # a factor for the check of the other options


@final
@dataclass(slots=True)
class _Seen:
    """What a cut found last."""

    groups: list[dict[str, Any]]
    floats: bool  # whether no group holds a tensor
    min_lrs: list[float]
    highest: float  # of them


class ReduceLROnPlateau(LRScheduler, peers.ReduceLROnPlateau):
    """After more than `patience` values without an improvement, multiply each group's lr by `factor`.

    v <- max(v * factor, min_lr) where that is a drop of more than `eps`; counted by the kernel's `plateau`.

    Differs from torch: the margin of a negative best points to improvement (divergences, torch 34); a metric that is
    not finite is passed over with a warning (33; `nonfinite="count"` or `"raise"` otherwise). As in torch, a rate of
    about `eps` or less is never cut; that is said once (35).

    Args:
        nonfinite: what NaN and infinities are.
    """

    __slots__ = ("_checked", "_said", "_seen")
    _slot_values: ClassVar[dict[str, Any]] = {"_checked": (), "_said": False, "_seen": None}
    _per_group = ("min_lrs",)
    _option_names = ("factor", "patience", "cooldown", "eps", "mode", "threshold", "threshold_mode")
    _checked: tuple[Any, ...]  # options
    _said: bool
    _seen: "_Seen | None"
    _step_count: int = 0
    nonfinite: Nonfinite = "ignore"

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
        verbose: Verbose = "deprecated",
        *,
        nonfinite: Nonfinite = "ignore",
    ) -> None:
        for name, value in (("factor", factor), ("threshold", threshold), ("eps", eps)):
            as_float(CallSite("ReduceLROnPlateau", name), value)
        if factor >= 1.0:
            raise refused_as_torch("Factor should be < 1.0.", "Write factor=0.1")
        self.optimizer = optimizer_of(optimizer)
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        groups = len(optimizer.param_groups)
        self.default_min_lr: float | None = None
        self.min_lrs: list[float]
        if isinstance(min_lr, (list, tuple)):
            if len(min_lr) != groups:
                raise ValueError(f"expected {groups} min_lrs, got {len(min_lr)}")
            self.min_lrs = list(min_lr)
        else:
            self.default_min_lr, self.min_lrs = min_lr, [min_lr] * groups
        for entry in self.min_lrs:
            as_float(CallSite("ReduceLROnPlateau", "min_lr"), entry)
        self.nonfinite = nonfinite
        self._init_is_better(mode=mode, threshold=threshold, threshold_mode=threshold_mode)
        self._check_options()
        if asks_to_print(verbose):
            self.verbose = True
        group_fields.separate_tensors(optimizer)
        self.base_lrs = group_fields.group_values(optimizer)
        self.last_epoch, self._step_count = 0, 1
        self._last_lr = group_fields.group_values(optimizer)
        self._reset()
        self._follow_groups()
        self._constructed = fields_held(optimizer)

    def _reset(self) -> None:
        self.best: float = self.mode_worse
        self.cooldown_counter = self.num_bad_epochs = 0

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]  # torch's signature
        """Take in one value of the metric."""
        value = float(metrics)
        self._step_count += 1
        if epoch is None:
            epoch = self.last_epoch + 1
        else:
            warn_user(EPOCH_DEPRECATION_WARNING)
        self.last_epoch = epoch
        if not math.isfinite(value) and self.nonfinite == "ignore":
            warn_user(
                f"ReduceLROnPlateau.step({value}): the metric is not finite, so it does not count. "
                'Write nonfinite="count" to take it for no improvement, nonfinite="raise" to stop there.',
            )
        cuts = self._counts(value)
        if not cuts or not self._reduced_alike():
            if cuts:
                self._reduce_lr(epoch)
            self._last_lr = group_fields.group_values(self.optimizer)

    def _counts(self, value: float) -> bool:
        """Take in one value; whether the rate is cut."""
        self._check_options()
        if not math.isfinite(value) and metric_number("ReduceLROnPlateau", "metric", value, self.nonfinite) is None:
            return False
        better = self._is_better(value, self.best)
        self.best, self.num_bad_epochs = (value, 0) if better else (self.best, self.num_bad_epochs + 1)
        if self.in_cooldown:
            self.cooldown_counter, self.num_bad_epochs = self.cooldown_counter - 1, 0
        if self.num_bad_epochs <= self.patience:
            return False
        self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        return True

    def _reduced_alike(self) -> bool:
        """Cut all groups at once if they hold floats and each drops by its full share; return whether that was done."""
        groups, seen, factor = self.optimizer.param_groups, self._seen, self.factor
        if seen is None or self.min_lrs != seen.min_lrs or not group_fields.same_groups(groups, seen.groups):
            if self.default_min_lr is None:  # else no entry belongs to a group
                self._follow_groups()
            least = list(self.min_lrs)
            highest = max(as_floats(least), default=0.0)
            seen = self._seen = _Seen(list(groups), group_fields.hold_floats(groups), least, highest)
        own = type(self)._reduce_lr is not ReduceLROnPlateau._reduce_lr
        if own or not seen.floats or factor <= 0 or len(groups) != len(seen.min_lrs):
            return False
        row = [group["lr"] * factor for group in groups]
        lowest = min(row)
        # The smallest drops least; well clear of eps.
        if lowest < seen.highest or lowest * (1 / factor - 1) <= self.eps * 1.001:
            return False
        group_fields.put_floats(groups, row)
        self._last_lr = row
        return True

    def _reduce_lr(self, epoch: int) -> None:
        """Cut the rate of each group, as far as `min_lr` and `eps` let it."""
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when "
                    f"`ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due to a new param group "
                    "being added to the optimizer. Please modify the `min_lrs` field to match the length of the "
                    "`optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        factor, eps = self.factor, self.eps
        blocked = False
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = old * factor
            if new < least:
                new = least
            if old - new > eps:
                group_fields.put_value(group, new)
            elif old > new:
                blocked = True
        if blocked and not self._said:
            self._said = True
            warn_user(
                f"ReduceLROnPlateau(eps={self.eps}): a rate that would drop by no more than eps is not cut any more. "
                "Write eps=0.0 to go on.",
            )

    @property
    def in_cooldown(self) -> bool:
        """Whether values do not count at present."""
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        before = None if best == self.mode_worse else best
        return improves_on(a, before, self.mode, self.threshold, self.threshold_mode)

    def _init_is_better(self, mode: Any, threshold: float, threshold_mode: Any) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode

    def _check_options(self) -> None:
        """Refuse options that the kernel's rule refuses, also those that were changed after construction."""
        options = (self.mode, self.patience, self.threshold, self.threshold_mode, self.cooldown, self.nonfinite)
        if options != self._checked:
            mode, patience, threshold, threshold_mode, cooldown, nonfinite = options
            Plateau("metric", mode, _HALF, patience, threshold, threshold_mode, cooldown, 0.0, 0.0, nonfinite)
            self._checked = options

    def get_lr(self) -> Sequence[Number]:  # type: ignore[override]  # torch has none here
        """The present values: what comes next is up to the metric."""
        return group_fields.group_values(self.optimizer)

    def _load_checked(self, state: dict[str, Any]) -> None:
        super()._load_checked(state)
        self._init_is_better(mode=self.mode, threshold=self.threshold, threshold_mode=self.threshold_mode)
