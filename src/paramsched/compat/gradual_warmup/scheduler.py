"""GradualWarmupScheduler: a linear ramp up, followed by another scheduler."""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler as TorchScheduler
from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramsched.compat.group_values import Number, ParamGroup, by_value, group_values, set_value
from paramsched.compat.torch.base import LRScheduler, warn_outside_step
from paramsched.compat.torch.compositions import begin, leaf_schedulers
from paramsched.core.calls.number_checks import finite_number, whole_number
from paramsched.errors import InvalidArgument, StateError

_OWN_LEVELS = ("OneCycleLR", "CyclicLR")  # of torch and of paramsched: their values do not depend on the base


class GradualWarmupScheduler(LRScheduler):
    """A linear ramp, followed by another scheduler that starts from the value at the end of the ramp.

    With b the group's base, m the multiplier, W the length of the ramp and t the completed steps, for t <= W:

    lr(t) = b / m * ((m - 1) * t / W + 1)    `warmup_epoch=W`: from b / m up to b
          = b * ((m - 1) * t / W + 1)        `total_epoch=W`, m > 1: from b up to m * b
          = b * t / W                        `total_epoch=W`, m = 1: from 0 up to b

    Afterwards lr(t) = g(t - W), where g(u) is the lr of the after-scheduler after u of its steps, with the end of the
    ramp, b or m * b, as its base. Without an after-scheduler the lr stays there. Pass either `warmup_epoch` or
    `total_epoch`.

    Differs from warmup-scheduler: there, the after-scheduler runs one step late (docs/reference/divergences.md).

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

    _package: ClassVar[str] = "compat.gradual_warmup"

    def __init__(
        self,
        optimizer: Optimizer,
        multiplier: float,
        total_epoch: int | None = None,
        after_scheduler: TorchScheduler | None = None,
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
        self.after_scheduler: Any = after_scheduler
        self._position: float | None = None  # the steps of the after-scheduler; None during the ramp
        self._metrics: Any = None  # from `step` to `_update_lr`
        self.base_lrs = self._warmup_bases(optimizer, base_lr)
        super().__init__(optimizer)

    def _set_ramp(self, multiplier: float, total_epoch: int | None, warmup_epoch: int | None) -> None:
        """Check the arguments of the ramp, and store them with its length."""
        call = f"GradualWarmupScheduler(multiplier={multiplier!r}, total_epoch={total_epoch!r}, {warmup_epoch=})"
        if (total_epoch is None) == (warmup_epoch is None):
            message = "the length is missing" if total_epoch is None else "the length is passed twice"
            raise InvalidArgument(
                call,
                f"{message}; pass either total_epoch or warmup_epoch",
                "For example: total_epoch=5, or warmup_epoch=5",
            )
        if finite_number(call, multiplier) < 1:
            raise InvalidArgument(
                call, "the multiplier must be at least 1", "Use 1 to start from 0, or 8 to start from b / 8"
            )
        self._length = whole_number(f"{call}: the ramp", total_epoch if warmup_epoch is None else warmup_epoch, 0)
        self.multiplier = multiplier
        self.total_epoch = total_epoch
        self.warmup_epoch = warmup_epoch
        self._last = 1.0 if total_epoch is None else float(multiplier)  # the multiple of base after the ramp

    def _warmup_bases(self, optimizer: Optimizer, base_lr: float | Sequence[float] | None) -> list[Number]:
        """Return the base of each group: `base_lr`, or its lr before the after-scheduler was built."""
        groups = optimizer.param_groups
        if isinstance(base_lr, Sequence):
            if len(base_lr) != len(groups):
                call = f"GradualWarmupScheduler(base_lr={base_lr!r})"
                raise InvalidArgument(
                    call, f"expected {len(groups)} numbers, one per param group", "Use one number for each group"
                )
            return list(base_lr)
        if base_lr is not None:
            return [base_lr] * len(groups)
        initial = [by_value(group.get("initial_lr", group["lr"])) for group in groups]
        if self.after_scheduler is None or not any(map(has_own_levels, leaf_schedulers(self.after_scheduler))):
            return initial
        if len({float(lr) for lr in initial}) > 1:
            raise InvalidArgument(
                f"GradualWarmupScheduler(after_scheduler={type(self.after_scheduler).__name__}(…))",
                "the after-scheduler has overwritten the lr of the groups, which may have differed",
                f"Write base_lr=[{', '.join(['0.1'] * len(groups))}], the lr that each group had before",
            )
        return [float(optimizer.defaults["lr"])] * len(groups)

    def _initial_bases(self) -> list[Number]:
        return [by_value(base) for base in self.base_lrs]  # the constructor has found them

    def _peaks(self) -> list[float]:
        """Return the lr of each group at the end of the ramp."""
        return [float(base) * self._last for base in self.base_lrs]

    @property
    def finished(self) -> bool:
        """True once the ramp has ended."""
        return self.last_epoch > self._length

    @finished.setter
    def finished(self, value: bool) -> None:
        """Accept an assignment by a subclass that was written for the package; `last_epoch` decides."""

    @property
    def _is_metric_driven(self) -> bool:
        return isinstance(self.after_scheduler, ReduceLROnPlateau)

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
        if self._is_metric_driven and metrics is None and epoch is not None and not isinstance(epoch, int):
            metrics = epoch
            epoch = None
        target = self.last_epoch + 1 if epoch is None else epoch
        if target < 0:
            raise InvalidArgument(f"step({epoch!r})", "the epoch must not be negative", "Use step()")
        if self._is_metric_driven and metrics is None and target > self._length:
            raise InvalidArgument(
                f"step() at epoch {target}, after the ramp",
                f"{type(self.after_scheduler).__name__} needs a metric",
                "Use step(metrics=loss)",
            )
        self._metrics = metrics
        super().step(epoch)  # type: ignore[arg-type]  # fractional epochs are allowed
        self._metrics = None

    def _update_lr(self, epoch: int | None = None) -> None:
        """Move to an epoch: write the values of the ramp, or afterwards step the after-scheduler."""
        target = self.last_epoch + 1 if epoch is None else epoch
        steps = target - self._length  # of the after-scheduler
        if self.after_scheduler is None or steps < 0 or steps == 0 < self._length:
            if self._position is not None and not self._is_metric_driven:
                self._start_after()  # its first momentum is that of the ramp
            self._position = None
            super()._update_lr(epoch)
            return
        self.last_epoch = target
        if len(self.optimizer.param_groups) > len(getattr(self, "_last_lr", self.optimizer.param_groups)):
            self._take_in_added_groups()
        if self._is_metric_driven:
            self._step_with_metric(steps)
        else:
            self._move_to(steps)
        self._position = steps
        self._last_lr = group_values(self.optimizer)

    def _step_with_metric(self, steps: float) -> None:
        if self._position is None:
            for group, peak in zip(self.optimizer.param_groups, self._peaks(), strict=True):
                set_value(group, peak)
        if steps > 0:
            self.after_scheduler.step(self._metrics)

    def _move_to(self, steps: float) -> None:
        """Move the after-scheduler: forward by stepping, backward from its start, to a fraction by its `step(u)`."""
        if self._position is None or steps < self._position or self._position % 1:
            self._start_after()
            self._position = 0
        if steps % 1:
            self.after_scheduler.step(steps)
        else:
            for _ in range(int(steps - self._position)):
                self.after_scheduler.step()

    def _start_after(self) -> None:
        """Start the after-scheduler from the values at the end of the ramp."""
        for leaf in leaf_schedulers(self.after_scheduler):
            if not has_own_levels(leaf):
                leaf.base_lrs = self._peaks()
        begin(self.after_scheduler)

    def _base_of_added(self, group: ParamGroup, bases: list[Any]) -> Number:
        if self.last_epoch <= self._length:  # it was added during the ramp
            return by_value(group["lr"])  # type: ignore[no-any-return]  # it keeps the type
        return super()._base_of_added(group, bases)

    def _take_in_added_groups(self) -> None:
        super()._take_in_added_groups()
        if self._position is None:
            return
        for leaf in leaf_schedulers(self.after_scheduler):
            if not has_own_levels(leaf) and isinstance(getattr(leaf, "base_lrs", None), list):
                leaf.base_lrs += self._peaks()[len(leaf.base_lrs) :]

    def get_lr(self) -> list[Number]:
        """Return the lr of each group at `last_epoch`; users call `get_last_lr()`.

        A subclass may override it. It is called at every step of the ramp.
        """
        warn_outside_step(self)
        if self._position is not None:
            return group_values(self.optimizer)
        t = max(self.last_epoch, 0)
        length = self._length
        m = self.multiplier
        if t > length or length == 0:
            return [base * self._last for base in self.base_lrs]
        # The order of operations is that of each source, because other orders differ in the last bits.
        if self.warmup_epoch is not None:
            return [base / m * ((m - 1.0) * t / length + 1.0) for base in self.base_lrs]
        if m == 1:
            return [base * (float(t) / length) for base in self.base_lrs]
        return [base * ((m - 1.0) * t / length + 1.0) for base in self.base_lrs]

    @property
    def _fields(self) -> tuple[str, ...]:
        """The fields that a step writes, with the momentum of the after-scheduler."""
        leaves = () if self.after_scheduler is None else leaf_schedulers(self.after_scheduler)
        cycles = [leaf for leaf in leaves if getattr(leaf, "cycle_momentum", False)]
        return ("lr", *{"betas[0]" if leaf.use_beta1 else "momentum" for leaf in cycles})

    def state_dict(self) -> dict[str, Any]:
        """Return the attributes, the values of the groups and the state of the after-scheduler as plain data."""
        after = None if self.after_scheduler is None else by_value(self.after_scheduler.state_dict())
        return super().state_dict() | {"after_scheduler": after}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a state; schedulers may be constructed and loaded in any order.

        The dict is not changed, and the after-scheduler remains the same object.

        Raises:
            StateError: if the dict is not a state of this class, or if only one of the state and this scheduler has an
                after-scheduler. The scheduler stays unchanged.
        """
        state = dict(state_dict)
        if "_position" not in state:
            raise StateError(
                "GradualWarmupScheduler.load_state_dict(…): _position is missing. Pass a state that state_dict() of "
                "this class returned. After 100 steps of another class, write scheduler.step(100)"
            )
        after = state.pop("after_scheduler")
        if (after is None) != (self.after_scheduler is None):
            has = "this scheduler" if after is None else "the state"
            lacks = "the state" if after is None else "this scheduler"
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): {has} has an after-scheduler, but {lacks} has none. "
                "Build this scheduler with the arguments that were used when the state was saved"
            )
        if after is not None:
            self.after_scheduler.load_state_dict(by_value(after))
        super().load_state_dict(state)


def has_own_levels(scheduler: object) -> bool:
    """Return whether the values of a scheduler do not depend on the bases, as those of OneCycleLR."""
    return any(kind.__name__ in _OWN_LEVELS for kind in type(scheduler).__mro__)
