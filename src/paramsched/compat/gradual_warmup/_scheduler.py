"""GradualWarmupScheduler: a linear ramp up, followed by another scheduler."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch.optim.lr_scheduler as peers
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from paramsched.base.number_checks import finite_number, whole_number
from paramsched.base.user_warnings import warn_user
from paramsched.compat.gradual_warmup._after_scheduler import AfterScheduler, has_own_levels, written_fields
from paramsched.compat.group_fields import (
    Number,
    by_value,
    group_values,
    groups_changed,
    initial_value,
    set_fields,
    set_row,
    set_value,
)
from paramsched.compat.torch.base import LRScheduler, drop_in_name, warn_outside_step
from paramsched.compat.torch.chained import leaf_schedulers
from paramsched.errors import InvalidArgument, StateError
from paramsched.schedules.anneal import linear

_STATE_KEYS = ("multiplier", "total_epoch", "warmup_epoch", "base_lrs", "last_epoch", "_step_count")
# Keys of the states of other libraries' classes, which contain the after-scheduler object itself.
_FOREIGN_KEYS = ("multiplier", "after_scheduler", "base_lrs", "last_epoch")
_NO_STATE = (
    "GradualWarmupScheduler.load_state_dict(…): {} missing. "
    "Pass a state that state_dict() of this class or of warmup-scheduler returned"
)


class GradualWarmupScheduler(LRScheduler):
    """A linear ramp, followed by another scheduler that starts from the value at the end of the ramp.

    With b the group's base, m the multiplier, W the length of the ramp and t the completed steps, for t <= W:

    lr(t) = b / m ((m - 1) t / W + 1)    `warmup_epoch=W`: from b / m up to b
          = b ((m - 1) t / W + 1)        `total_epoch=W`, m > 1: from b up to m b
          = b t / W                      `total_epoch=W`, m = 1: from 0 up to b

    Afterwards lr(t) = g(t - W), where g(u) is the lr of the after-scheduler after u of its steps, with lr(W) as its
    base. Without an after-scheduler the lr stays at lr(W). Pass either `warmup_epoch` or `total_epoch`.

    Args:
        optimizer: a torch optimizer. b is the `initial_lr` of a group, or the group's lr if `initial_lr` is missing.
        multiplier: m, at least 1.
        total_epoch: W for a ramp as in the package warmup-scheduler, in calls of `step()`; at least 0.
        after_scheduler: a scheduler of torch or paramsched on the same optimizer, built first and not stepped yet.
            Compositions and `ReduceLROnPlateau` are accepted. Do not step it yourself.
        warmup_epoch: W for a ramp from b / m up to b, in calls of `step()`; at least 0.
        base_lr: b, one number for all groups or one per group. Required if the after-scheduler overwrites the lr with
            values of its own (OneCycleLR, CyclicLR) and the lr was not the optimizer's default.
        published: `"0.3"` reproduces every value of the package warmup-scheduler 0.3, and requires `total_epoch`. False
            selects the formulas above. None (default) also selects them, and warns once if the package computes other
            values than these formulas.
            For a subclass that overrides `get_lr`, None means `"0.3"`, because it was written for that package.

    Raises:
        InvalidArgument: if both lengths or neither is passed, m is below 1, the after-scheduler belongs to another
            optimizer, or the base cannot be determined.

    Differs from warmup-scheduler in 17 ways (`docs/compat/divergences.md`); the main one: in
    warmup-scheduler the after-scheduler runs one step late.

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
        published: Literal["0.3", False] | None = None,
    ) -> None:
        if after_scheduler is not None and getattr(after_scheduler, "optimizer", None) is not optimizer:
            raise InvalidArgument(
                f"GradualWarmupScheduler(after_scheduler={type(after_scheduler).__name__}(…))",
                "the after-scheduler belongs to another optimizer",
                "Build it first, on the optimizer that you pass here",
            )
        self._set_ramp(multiplier, total_epoch, warmup_epoch)
        self._published = published
        self._form = self._published_form(published)
        self.after_scheduler = after_scheduler
        self._after: AfterScheduler | None = None
        self._finished = self._warned = False
        # Read before the base class writes anything, because OneCycleLR, for example, has overwritten the groups.
        self._bases = self._warmup_bases(optimizer, base_lr)
        if after_scheduler is not None and not self._form:
            peaks = self._peak_values(self._bases)
            self._after = AfterScheduler(after_scheduler, optimizer, peaks, restarts=self._top != 1)
            self._warn_of_difference("at once")
        super().__init__(optimizer)
        self._values_after_building = group_values(optimizer)

    def _published_form(self, published: Any) -> str | None:
        """Return "0.3" to reproduce the package's values, or None for the formulas of this class."""
        call = f"GradualWarmupScheduler(…, {published=})"
        if published is None or published is False:
            # A subclass that overrides `get_lr` was written for the package, which calls it.
            has_own = type(self).get_lr is not GradualWarmupScheduler.get_lr
            return "0.3" if published is None and has_own and self.total_epoch else None
        if published == "head":
            found = "the values of the repository's newest commit are no longer supported"
            raise InvalidArgument(call, found, 'Write published="0.3" for the package\'s values, or published=False')
        if published != "0.3":
            raise InvalidArgument(call, "expected '0.3', False or None", "Write published=False")
        if self.total_epoch is None:
            raise InvalidArgument(call, "published requires total_epoch=…", "Omit published")
        if self.total_epoch == 0:
            raise InvalidArgument(call, "the package's formula divides by total_epoch=0", "Omit published")
        return "0.3"

    def _warmup_bases(self, optimizer: Optimizer, base_lr: float | Sequence[float] | None) -> list[Number]:
        """Return the base of each group: `base_lr` if passed, else the group's `initial_lr` or lr.

        If the after-scheduler has overwritten `initial_lr` and lr, return the optimizer's default lr.
        """
        groups, after = optimizer.param_groups, self.after_scheduler
        if isinstance(base_lr, Sequence):
            if len(base_lr) != len(groups):
                call = f"GradualWarmupScheduler(base_lr={base_lr!r})"
                raise InvalidArgument(
                    call, f"expected {len(groups)} numbers, one per param group", "Write one number for each group"
                )
            return list(base_lr)
        if base_lr is not None:
            return [base_lr] * len(groups)
        initial = [group.get("initial_lr", group["lr"]) for group in groups]
        if self._form or after is None or not any(map(has_own_levels, leaf_schedulers(after))):
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
        if self._warned or self._published is False or self.total_epoch is None or self._length == 0:
            return
        if isinstance(after, ReduceLROnPlateau) or has_own_levels(after):
            differs_from = "at once"
        elif any(kind.__name__ == "ExponentialLR" for kind in type(after).__mro__) or hasattr(after, "_schedulers"):
            return  # an exponential decay does not depend on its start; the package fails with a composition
        else:
            differs_from = "after the ramp"
        if differs_from != when:
            return
        self._warned = True
        where = "the first step" if when == "at once" else f"step {self._length + 1}"
        warn_user(
            f"GradualWarmupScheduler over {type(after).__name__}: from {where} on the values differ from the package "
            "warmup-scheduler, which runs the after-scheduler one step late (rows 1 to 12 of "
            'docs/compat/divergences.md). Write published="0.3" for the values of the package, or published=False '
            "for those of this class",
        )

    def _initial_bases(self) -> list[Number]:
        return [by_value(base) for base in self._bases]

    def _set_ramp(self, multiplier: float, total_epoch: int | None, warmup_epoch: int | None) -> None:
        """Check the arguments of the ramp and build it."""
        call = f"GradualWarmupScheduler(multiplier={multiplier!r}, total_epoch={total_epoch!r}, {warmup_epoch=})"
        if (total_epoch is None) == (warmup_epoch is None):
            found = "the length is missing" if total_epoch is None else "the length is passed twice"
            raise InvalidArgument(
                call, f"{found}; pass either total_epoch or warmup_epoch", "Write total_epoch=5, or warmup_epoch=5"
            )
        if finite_number(call, multiplier) < 1:
            raise InvalidArgument(
                call, "the multiplier must be at least 1", "Write 1 to start from 0, or 8 to start from b / 8"
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
        return self._finished if self._form else self.last_epoch > self._length

    @finished.setter
    def finished(self, value: bool) -> None:
        self._finished = value

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
        if self._form:
            self._step_as_package(epoch, metrics)
            return
        guided = self._after is not None and self._after.is_guided
        if guided and metrics is None and epoch is not None and not isinstance(epoch, int):
            epoch, metrics = None, epoch
        target = self.last_epoch + 1 if epoch is None else epoch
        if target < 0:
            raise InvalidArgument(f"step({epoch!r})", "the epoch must not be negative", "Write step()")
        if guided and metrics is None and target > self._length:
            raise InvalidArgument(
                f"step() at epoch {target}, after the ramp",
                f"{type(self.after_scheduler).__name__} needs a metric",
                "Write step(metrics=loss)",
            )
        self._metrics = metrics  # for `_update_lr`, which the base class's `step` calls
        super().step(epoch)  # type: ignore[arg-type]  # fractional epochs are allowed
        self._metrics = None

    _metrics: Any = None

    def _step_as_package(self, epoch: float | None, metrics: Any) -> None:
        """Make the step that the package warmup-scheduler would make."""
        after: Any = self.after_scheduler
        if not isinstance(after, ReduceLROnPlateau):
            if after is None or not self.finished:
                super().step(epoch)  # type: ignore[arg-type]  # as above
            else:
                after.step() if epoch is None else after.step(epoch - self._length)
            return
        epoch = self.last_epoch + 1 if epoch is None else epoch
        self.last_epoch = epoch or 1  # type: ignore[assignment]  # as above
        if self.last_epoch <= self._length:
            for group, value in zip(self.optimizer.param_groups, self._ramp_of_package(), strict=False):
                set_value(group, value)
        elif epoch - self._length == after.last_epoch + 1:
            after.step(metrics)
        else:
            after.step(metrics, epoch - self._length)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _ramp_of_package(self) -> list[Number]:
        """Return the ramp's values at `last_epoch`, in the package's order of operations, so that bits agree."""
        return [base * ((self.multiplier - 1.0) * self.last_epoch / self._length + 1.0) for base in self.base_lrs]

    def _lr_of_package(self) -> list[Number]:
        """Return the result of the package's `get_lr` at `last_epoch`.

        After the ramp the package calls the after-scheduler's `get_lr()` outside of a step. torch's recursive
        formulas then return a value that no step reaches, such as 1.025 times the start of a cosine.
        """
        if self.last_epoch <= self._length:
            if self.multiplier == 1.0:
                return [base * (float(self.last_epoch) / self._length) for base in self.base_lrs]
            return self._ramp_of_package()
        after: Any = self.after_scheduler
        tops = [base * self.multiplier for base in self.base_lrs]
        if after is None:
            return tops
        if not self.finished:
            after.base_lrs, self.finished = tops, True
        definer = next((kind for kind in type(after).__mro__ if "get_lr" in vars(kind)), object)
        is_drop_in_class = definer.__module__.startswith("paramsched.compat.torch.") and not has_own_levels(after)
        site = vars(peers)[drop_in_name(after)] if is_drop_in_class else type(after)
        within, after._get_lr_called_within_step = (
            after._get_lr_called_within_step,
            True,
        )  # suppresses the warning about the call
        try:
            return list(site.get_lr(after))
        finally:
            after._get_lr_called_within_step = within

    def _update_lr(self, epoch: int | None = None) -> None:
        """Move to an epoch: write the values of the ramp, or afterwards those of the after-scheduler."""
        if self._form or "get_lr" in vars(self):
            super()._update_lr(epoch)
            return
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._take_in_late_groups()
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
            self.base_lrs += [by_value(initial_value(group)) for group in added]
            if self._after is not None:
                self._after.add_groups(self._peak_values(self.base_lrs))

    def get_lr(self) -> list[Number]:
        """Return the lr of each group at `last_epoch`; users call `get_last_lr()`.

        A subclass may override it. It is called at every step of the ramp. With `published="0.3"` it is called
        whenever the package calls it.
        """
        warn_outside_step(self)
        if self._form:
            return self._lr_of_package()
        if self.finished and self._after is not None:
            return group_values(self.optimizer)
        bases = np.array([float(base) for base in self.base_lrs])
        row: list[Number] = self._ramp(max(self.last_epoch, 0), base=bases).tolist()
        return row

    def state_dict(self) -> dict[str, Any]:
        """Return the attributes, the values of the groups and the state of the after-scheduler as plain data."""
        state: dict[str, Any] = {name: by_value(getattr(self, name)) for name in _STATE_KEYS}
        state |= {"_last_lr": self.get_last_lr(), "lr": group_values(self.optimizer)}
        state |= {"after_scheduler": None, "after": None, "held": None}
        if self._form:
            state |= {"published": "0.3", "finished": self.finished}
        if self.after_scheduler is not None:
            state["after_scheduler"] = by_value(self.after_scheduler.state_dict())
            state["held"] = written_fields(self.after_scheduler, self.optimizer)
        if self._after is not None:
            state["after"] = by_value(self._after.state())
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Resume from a state; schedulers may be constructed and loaded in any order.

        The argument is neither kept nor changed, and the after-scheduler remains the same object. States of the package
        warmup-scheduler, of its repository's head and of the tutorial's class are also accepted. `published` then
        selects the values. If `published` was not passed, the values continue as in the class that saved the state, and
        a warning is issued.

        Raises:
            StateError: if the dict is not a state of one of these classes, or if only one of the state and this
                scheduler has an after-scheduler. The scheduler stays unchanged.
        """
        if "after" not in state_dict and all(name in state_dict for name in _FOREIGN_KEYS):
            self._load_foreign(state_dict)
            return
        missing = [name for name in (*_STATE_KEYS, "lr", "after_scheduler", "after") if name not in state_dict]
        if missing:
            raise StateError(_NO_STATE.format(", ".join(missing)))
        self._require_same_kind(state_dict["after_scheduler"] is None)
        # A state that was saved with the former published="head" continues as with "0.3".
        saved, own = bool(state_dict.get("published")), bool(self._form)
        if saved != own:
            forms = [f"published={'0.3' if one else False!r}" for one in (saved, own)]
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): the state was saved with {forms[0]}, and this scheduler "
                f"has {forms[1]}. Build this scheduler with {forms[0]}"
            )
        state = by_value(state_dict)
        self._set_ramp(state["multiplier"], state["total_epoch"], state["warmup_epoch"])
        self.base_lrs, self.last_epoch, self._step_count = state["base_lrs"], state["last_epoch"], state["_step_count"]
        rows: list[dict[str, Any]] = [{"lr": lr} for lr in state["lr"]]
        if self.after_scheduler is not None:
            self.after_scheduler.load_state_dict(state["after_scheduler"])
            rows = state["held"]
        if self._after is not None:
            self._after.load(state["after"])
            self._warned = self._warned or self._after.position > 0
        self._finished = state.get("finished", False)
        set_fields(self.optimizer, rows)
        self._last_lr = state["_last_lr"]

    def _load_foreign(self, state: Mapping[str, Any]) -> None:
        """Resume from a state of the package, of its repository's head, or of the tutorial's class."""
        total, warmup, found = state.get("total_epoch"), state.get("warmup_epoch"), state["after_scheduler"]
        self._require_same_kind(found is None)
        length = total if total is not None else warmup
        if length is None:
            raise StateError(_NO_STATE.format("total_epoch"))
        after = self.after_scheduler
        # The states of these classes contain the after-scheduler object itself.
        after_state = found if found is None or isinstance(found, Mapping) else found.state_dict()
        last, finished = state["last_epoch"], bool(state.get("finished", False))
        if isinstance(after, ReduceLROnPlateau) or total is None:
            runs, done = last > length, last
        else:
            # The package sets `finished` one step before the first step of the after-scheduler. From then on its own
            # `last_epoch` and `_last_lr` no longer change.
            beyond = 0 if after_state is None else after_state.get("last_epoch", 0)
            runs = finished and beyond > 0
            done = length + 1 + beyond if runs else last
        own_row = state.get("_last_lr")
        row = after_state.get("_last_lr") if runs and after_state is not None else own_row

        present = group_values(self.optimizer)
        # If a group differs from what the constructor wrote, the optimizer's state has been loaded.
        restored = [float(now) != float(then) for now, then in zip(present, self._values_after_building, strict=False)]
        self._set_ramp(state["multiplier"], total, warmup if total is None else None)
        asked_for = self._published_form(self._published)
        self._form = "0.3" if self._published is None and total is not None else asked_for
        self.base_lrs = [by_value(base) for base in state["base_lrs"]]
        self._step_count = state.get("_step_count", last + 1)
        self.last_epoch, self._finished, self._warned = last, finished, True
        guided = isinstance(after, ReduceLROnPlateau)
        self._after = None
        if after is not None and not self._form:
            self._after = AfterScheduler(after, self.optimizer, self._peak_values(self.base_lrs), restarts=True)
        if after is not None and (self._form or guided):
            after.load_state_dict(by_value(dict(after_state or {})))
        if self._form or (self._after is not None and guided):
            if self._after is not None:
                self._after.resume(done - self._length)
        else:  # the documented curve gives the value at any step, so the saved values are not needed
            self._update_lr(done)
            row = None
        for group, value, now, kept in zip(self.optimizer.param_groups, row or (), present, restored, strict=False):
            set_value(group, now if kept else value)
        as_kept = own_row if self._form else None
        self._last_lr = group_values(self.optimizer) if as_kept is None else [by_value(lr) for lr in as_kept]
        if self._published is None and self._form:
            warn_user(
                "GradualWarmupScheduler.load_state_dict(…): this is a state of warmup-scheduler; the values continue "
                'as with published="0.3". Write published=False to continue with the documented curve',
            )

    def _require_same_kind(self, state_lacks: bool) -> None:
        """Raise an error if only one of the state and this scheduler has an after-scheduler."""
        if state_lacks != (self.after_scheduler is None):
            has, lacks = ("this scheduler", "the state") if state_lacks else ("the state", "this scheduler")
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): {has} has an after-scheduler, but {lacks} has none. "
                "Build this scheduler with the arguments that were used when the state was saved"
            )
