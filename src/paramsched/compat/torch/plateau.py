"""ReduceLROnPlateau: reduce the lr when a metric has stopped improving."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, SupportsFloat, final

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch._argument_checks import as_float, as_floats, optimizer_of, torch_error
from paramsched.compat.torch.base import (
    EPOCH_DEPRECATION_WARNING,
    LRScheduler,
    Verbose,
    asks_to_print,
    hook,
    snapshot_fields,
)
from paramsched.core.base.problem import Problem, warn_user
from paramsched.core.dropins import group_fields
from paramsched.core.dropins.group_fields import Number
from paramsched.core.feedback.base import Nonfinite, improves_on, metric_number
from paramsched.core.feedback.plateau import Plateau
from paramsched.errors import CallSite

_HALF = 0.5  # any valid factor, to check the other options


@final
@dataclass(slots=True)
class _Limits:
    """The param groups and the limits of their lr, as they were at the last reduction."""

    groups: list[dict[str, Any]]
    floats: bool  # True if no group contains a tensor
    min_lrs: list[float]
    highest: float  # of `min_lrs`


class ReduceLROnPlateau(LRScheduler, peers.ReduceLROnPlateau):
    """After more than `patience` values without an improvement, multiply each group's lr by `factor`.

    v <- max(v * factor, min_lr), if that reduces v by more than `eps`. The metric rule `plateau` counts the values.

    Differs from torch: for a negative best value the threshold also requires an improvement, and a metric that is not
    finite is ignored with a warning. As in torch, an lr of about `eps` or less is never reduced; here this issues one
    warning (docs/reference/divergences.md, torch 33-35).

    Args:
        nonfinite: how to treat NaN and infinities: `"ignore"` (default) skips them with a warning, `"count"` counts
            them as no improvement, `"raise"` raises an error. The other arguments are torch's.
    """

    __slots__ = ("_checked", "_warned")
    _slot_values: ClassVar[dict[str, Any]] = {"_checked": (), "_warned": False}
    _per_group = ("min_lrs",)
    _hooks = ("_reduce_lr",)
    _option_names = ("factor", "patience", "cooldown", "eps", "mode", "threshold", "threshold_mode")
    _checked: tuple[Any, ...]  # the options at the last check
    _warned: bool
    _snapshot: "_Limits | None"
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
            raise torch_error("Factor should be < 1.0.", "For example: factor=0.1")
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
        self._constructed = snapshot_fields(optimizer)

    def _reset(self) -> None:
        self.best: float = self.mode_worse
        self.cooldown_counter = self.num_bad_epochs = 0

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]  # torch's signature
        """Process one value of the metric."""
        value = float(metrics)
        self._step_count += 1
        if epoch is None:
            epoch = self.last_epoch + 1
        else:
            warn_user(Problem(found=EPOCH_DEPRECATION_WARNING))
        self.last_epoch = epoch
        if not math.isfinite(value) and self.nonfinite == "ignore":
            instead = 'Use nonfinite="count" to count it as no improvement, or nonfinite="raise" to raise an error.'
            found, site = "the metric is not finite and is ignored", f"ReduceLROnPlateau.step({value})"
            warn_user(Problem(site=site, found=found, advice=instead))
        cuts = self._counts(value)
        if not cuts or not self._reduced_alike():
            if cuts:
                self._reduce_lr(epoch)
            self._last_lr = group_fields.group_values(self.optimizer)

    def _counts(self, value: float) -> bool:
        """Update the best value and the counters with one value of the metric; return whether to reduce the lr."""
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

    def _follow_groups(self) -> None:
        # With one minimum for all groups, `min_lrs` has no per-group entries. A subclass may skip the constructor.
        if self.__dict__.get("default_min_lr") is None:
            super()._follow_groups()

    def _reduced_alike(self) -> bool:
        """Reduce all groups at once if they contain floats and no limit applies; return whether it was done."""
        groups, snapshot, factor = self.optimizer.param_groups, self._snapshot, self.factor
        if (
            snapshot is None
            or self.min_lrs != snapshot.min_lrs
            or not group_fields.same_groups(groups, snapshot.groups)
        ):
            self._follow_groups()
            least = list(self.min_lrs)
            highest = max(as_floats(least), default=0.0)
            snapshot = self._snapshot = _Limits(list(groups), group_fields.all_floats(groups), least, highest)
        if self._own_hooks or not snapshot.floats or factor <= 0 or len(groups) != len(snapshot.min_lrs):
            return False
        row = [group["lr"] * factor for group in groups]
        lowest = min(row)
        # The smallest lr decreases least; the factor 1.001 allows for rounding.
        if lowest < snapshot.highest or lowest * (1 / factor - 1) <= self.eps * 1.001:
            return False
        group_fields.set_floats(groups, row)
        self._last_lr = row
        return True

    @hook
    def _reduce_lr(self, epoch: int) -> None:
        """Reduce the lr of each group, within the limits of `min_lr` and `eps`."""
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
            new = max(old * factor, least)
            if old - new > eps:
                group_fields.set_value(group, new)
            elif old > new:
                blocked = True
        if blocked and not self._warned:
            self._warned = True
            found = "an lr is no longer reduced, because it would drop by eps or less"
            advice = "Use eps=0.0 to reduce it further."
            warn_user(Problem(site=f"ReduceLROnPlateau(eps={self.eps})", found=found, advice=advice))

    @property
    def in_cooldown(self) -> bool:
        """True during the cooldown, in which values without improvement are not counted."""
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        previous = None if best == self.mode_worse else best
        return improves_on(a, previous, self.mode, self.threshold, self.threshold_mode)

    def _init_is_better(self, mode: Any, threshold: float, threshold_mode: Any) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode

    def _check_options(self) -> None:
        """Raise an error for invalid options, also if they were changed after construction."""
        options = (self.mode, self.patience, self.threshold, self.threshold_mode, self.cooldown, self.nonfinite)
        if options != self._checked:
            mode, patience, threshold, threshold_mode, cooldown, nonfinite = options
            Plateau("metric", mode, _HALF, patience, threshold, threshold_mode, cooldown, nonfinite=nonfinite)
            self._checked = options

    def get_lr(self) -> Sequence[Number]:  # type: ignore[override]  # torch's class has no get_lr
        """Return the present values, because the next ones depend on the metric."""
        return group_fields.group_values(self.optimizer)

    def _load_checked(self, state: dict[str, Any]) -> None:
        super()._load_checked(state)
        self._init_is_better(mode=self.mode, threshold=self.threshold, threshold_mode=self.threshold_mode)
