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
from paramsched.compat.gradual_warmup._after_scheduler import AfterScheduler, held_fields, sets_own_values
from paramsched.compat.group_fields import (
    Number,
    by_value,
    group_values,
    groups_changed,
    initial_value,
    put_fields,
    put_row,
    put_value,
)
from paramsched.compat.torch.base import LRScheduler, drop_in_name, warn_outside_step
from paramsched.compat.torch.chained import leaf_schedulers
from paramsched.errors import InvalidArgument, StateError
from paramsched.schedules.anneal import linear

_STATE_KEYS = ("multiplier", "total_epoch", "warmup_epoch", "base_lrs", "last_epoch", "_step_count")
_FOREIGN_KEYS = ("multiplier", "after_scheduler", "base_lrs", "last_epoch")  # they keep the after-scheduler itself
_NO_STATE = (
    "GradualWarmupScheduler.load_state_dict(…): {} missing. "
    "Pass what state_dict() of this class or of warmup-scheduler gave"
)


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
        published: `"0.3"` gives every number of the package warmup-scheduler 0.3, for `total_epoch` only. False gives
            the curve above. None gives the curve above too, with one warning if the package's numbers differ; but a
            subclass with a `get_lr` of its own was written for the package, so there None means `"0.3"`.

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
        after_scheduler: peers.LRScheduler | None = None,
        *,
        warmup_epoch: int | None = None,
        base_lr: float | Sequence[float] | None = None,
        published: Literal["0.3", False] | None = None,
    ) -> None:
        if after_scheduler is not None and getattr(after_scheduler, "optimizer", None) is not optimizer:
            raise InvalidArgument(
                f"GradualWarmupScheduler(after_scheduler={type(after_scheduler).__name__}(…))",
                "it is not a scheduler of the same optimizer",
                "Build it first, on the optimizer given here",
            )
        self._set_ramp(multiplier, total_epoch, warmup_epoch)
        self._published = published
        self._form = self._published_form(published)
        self.after_scheduler = after_scheduler
        self._after: AfterScheduler | None = None
        self._finished = self._warned = False
        # Before the base class writes anything: an after-scheduler such as OneCycleLR has overwritten the groups.
        self._bases = self._warmup_bases(optimizer, base_lr)
        if after_scheduler is not None and not self._form:
            peaks = self._peak_values(self._bases)
            self._after = AfterScheduler(after_scheduler, optimizer, peaks, restarts=self._top != 1)
            self._warn_of_departure("at once")
        super().__init__(optimizer)
        self._values_after_building = group_values(optimizer)

    def _published_form(self, published: Any) -> str | None:
        """Return "0.3" if the package's numbers are wanted; None for the documented curve."""
        call = f"GradualWarmupScheduler(…, {published=})"
        if published is None or published is False:
            # A subclass with its own `get_lr` was written for the package, which calls it.
            has_own = type(self).get_lr is not GradualWarmupScheduler.get_lr
            return "0.3" if published is None and has_own and self.total_epoch else None
        if published == "head":
            found = "the numbers of the repository's newest commit are no longer available"
            raise InvalidArgument(call, found, 'Write published="0.3" for the package\'s numbers, or published=False')
        if published != "0.3":
            raise InvalidArgument(call, "no form", "Write '0.3' or False")
        if self.total_epoch is None:
            raise InvalidArgument(call, "it is a form of total_epoch=…", "Leave published out")
        if self.total_epoch == 0:
            raise InvalidArgument(call, "that divides by total_epoch=0", "Leave published out")
        return "0.3"

    def _warmup_bases(self, optimizer: Optimizer, given: float | Sequence[float] | None) -> list[Number]:
        """Return the bases: those given, else each initial lr, or the default where that was overwritten."""
        groups, after = optimizer.param_groups, self.after_scheduler
        if isinstance(given, Sequence):
            if len(given) != len(groups):
                call = f"GradualWarmupScheduler(base_lr={given!r})"
                raise InvalidArgument(call, f"{len(groups)} param groups", "Write one number for each")
            return list(given)
        if given is not None:
            return [given] * len(groups)
        initial = [group.get("initial_lr", group["lr"]) for group in groups]
        if self._form or after is None or not any(map(sets_own_values, leaf_schedulers(after))):
            return [by_value(lr) for lr in initial]
        if len({float(lr) for lr in initial}) > 1:
            raise InvalidArgument(
                f"GradualWarmupScheduler(after_scheduler={type(after).__name__}(…))",
                "the after-scheduler has overwritten the groups' different lr by values of its own",
                f"Write base_lr=[{', '.join(['0.1'] * len(groups))}], the lr that the ramp is for",
            )
        default = optimizer.defaults["lr"]
        return [float(default) if isinstance(default, Tensor) else default] * len(groups)

    def _warn_of_departure(self, when: Literal["at once", "after the ramp"]) -> None:
        """Warn once that the package's values differ from here on, if they do."""
        after = self.after_scheduler
        if self._warned or self._published is False or self.total_epoch is None or self._length == 0:
            return
        if isinstance(after, ReduceLROnPlateau) or sets_own_values(after):
            departs = "at once"
        elif any(kind.__name__ == "ExponentialLR" for kind in type(after).__mro__) or hasattr(after, "_schedulers"):
            return  # an exponential decay is the same from any begin; the package fails with a composition
        else:
            departs = "after the ramp"
        if departs != when:
            return
        self._warned = True
        where = "the first step" if when == "at once" else f"step {self._length + 1}"
        warn_user(
            f"GradualWarmupScheduler over {type(after).__name__}: from {where} on the values are not those of the "
            "package warmup-scheduler, which runs the after-scheduler a step late (rows 1 to 12 of "
            'docs/compat/divergences.md). Write published="0.3" for its numbers, or published=False to keep these',
        )

    def _initial_bases(self) -> list[Number]:
        return [by_value(base) for base in self._bases]

    def _set_ramp(self, multiplier: float, total_epoch: int | None, warmup_epoch: int | None) -> None:
        """Check the arguments of the ramp, and make it."""
        call = f"GradualWarmupScheduler(multiplier={multiplier!r}, total_epoch={total_epoch!r}, {warmup_epoch=})"
        if (total_epoch is None) == (warmup_epoch is None):
            found = "no length" if total_epoch is None else "two lengths"
            raise InvalidArgument(
                call, f"{found}; exactly one says how long the ramp is", "Write total_epoch=5, or warmup_epoch=5"
            )
        if finite_number(call, multiplier) < 1:
            raise InvalidArgument(
                call, "a multiplier is at least 1", "Write 1 to start from 0, or 8 to start from b / 8"
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
        """Whether the ramp is over."""
        return self._finished if self._form else self.last_epoch > self._length

    @finished.setter
    def finished(self, value: bool) -> None:
        self._finished = value

    def step(self, epoch: float | None = None, metrics: Any = None) -> None:
        """Go on by one, or, deprecated, to the epoch given, in any order.

        Args:
            epoch: where to go, 0 or more. Alone, by position, and not an integer, it is the metric for an
                after-scheduler that is guided by one.
            metrics: for such an after-scheduler, which sees it once the ramp is over; ignored by any other.

        Raises:
            InvalidArgument: a metric is missing, or an epoch is negative; nothing was changed.
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
            raise InvalidArgument(f"step({epoch!r})", "an epoch is 0 or more", "Write step()")
        if guided and metrics is None and target > self._length:
            raise InvalidArgument(
                f"step() at {target}, after a ramp of {self._length}",
                f"{type(self.after_scheduler).__name__} is guided by a metric, and there is none",
                "Write step(metrics=loss)",
            )
        self._metrics = metrics  # for `_update_lr`, which torch's `step` calls
        super().step(epoch)  # type: ignore[arg-type]  # parts of an epoch are welcome
        self._metrics = None

    _metrics: Any = None

    def _step_as_package(self, epoch: float | None, metrics: Any) -> None:
        """Do what the `step` of the package does."""
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
                put_value(group, value)
        elif epoch - self._length == after.last_epoch + 1:
            after.step(metrics)
        else:
            after.step(metrics, epoch - self._length)
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _ramp_of_package(self) -> list[Number]:
        """Return the ramp in the package's order of evaluation, which decides the last bit."""
        return [base * ((self.multiplier - 1.0) * self.last_epoch / self._length + 1.0) for base in self.base_lrs]

    def _lr_of_package(self) -> list[Number]:
        """Return what the `get_lr` of the package returns at `last_epoch`.

        After the ramp that is what the after-scheduler's own `get_lr()` returns outside of a step: with torch's
        recursions a value that they never step to, a cosine 1.025 of its start. The drop-ins give theirs.
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
        is_drop_in_class = definer.__module__.startswith("paramsched.compat.torch.") and not sets_own_values(after)
        site = vars(peers)[drop_in_name(after)] if is_drop_in_class else type(after)
        within, after._get_lr_called_within_step = after._get_lr_called_within_step, True  # no warning about the call
        try:
            return list(site.get_lr(after))
        finally:
            after._get_lr_called_within_step = within

    def _update_lr(self, epoch: int | None = None) -> None:
        """Go to an epoch: on the ramp write its values, after it let the after-scheduler write."""
        if self._form:
            super()._update_lr(epoch)
            return
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._take_in_late_groups()
        u = self.last_epoch - self._length  # the after-scheduler's own position
        if u < 0 or (u == 0 and (self._length > 0 or self._after is None)):
            self._follow_the_ramp()
        elif self._after is None:
            if epoch is not None:
                self._follow_the_ramp()  # it holds its last value
        elif self._after.is_guided and u > 0:
            self._after.give_metric(self._metrics)
        else:
            self._warn_of_departure("after the ramp")
            self._after.go_to(u)
        self._last_lr = group_values(self.optimizer)

    def _follow_the_ramp(self) -> None:
        """Write the values of the ramp at `last_epoch`, as `get_lr` returns them."""
        if self._after is not None:
            self._after.rewind()
        self._get_lr_called_within_step = True
        try:
            row = self.get_lr()  # which a user's subclass may override
        finally:
            self._get_lr_called_within_step = False
        put_row(self.optimizer, row)

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        # The after-scheduler may be of any class, and its first state has entries of the groups too.
        raise groups_changed(type(self).__name__, "param groups were removed or reordered")

    def _take_in_late_groups(self) -> None:
        added = self.optimizer.param_groups[len(self.base_lrs) :]
        if added:
            self._known_groups = self.optimizer, list(self.optimizer.param_groups)
            self.base_lrs += [by_value(initial_value(group)) for group in added]
            if self._after is not None:
                self._after.add_groups(self._peak_values(self.base_lrs))

    def get_lr(self) -> list[Number]:
        """Return what the groups are to hold at `last_epoch`; users call `get_last_lr()`.

        A subclass may override it. It is called at every step of the ramp, and with `published="0.3"` as the package
        calls it.
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
        """Its own numbers, what the groups hold, and the after-scheduler's state: plain data, by value."""
        state: dict[str, Any] = {name: by_value(getattr(self, name)) for name in _STATE_KEYS}
        state |= {"_last_lr": self.get_last_lr(), "lr": group_values(self.optimizer)}
        state |= {"after_scheduler": None, "after": None, "held": None}
        if self._form:
            state |= {"published": "0.3", "finished": self.finished}
        if self.after_scheduler is not None:
            state["after_scheduler"] = by_value(self.after_scheduler.state_dict())
            state["held"] = held_fields(self.after_scheduler, self.optimizer)
        if self._after is not None:
            state["after"] = by_value(self._after.state())
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state: any order of constructing and loading does; the argument is neither kept nor changed.

        The after-scheduler stays the object it is. A state of the package warmup-scheduler, its repository's head or
        the document's class is taken too. It goes on by the numbers that were asked for here, and where none were,
        by those of the class it comes from, which a warning reports.

        Raises:
            StateError: no state of these classes, or one with an after-scheduler where there is none, or the other way
                round; nothing was changed.
        """
        if "after" not in state_dict and all(name in state_dict for name in _FOREIGN_KEYS):
            self._load_foreign(state_dict)
            return
        missing = [name for name in (*_STATE_KEYS, "lr", "after_scheduler", "after") if name not in state_dict]
        if missing:
            raise StateError(_NO_STATE.format(", ".join(missing)))
        self._require_same_kind(state_dict["after_scheduler"] is None)
        saved, own = bool(state_dict.get("published")), bool(self._form)  # "head" of old goes on as "0.3" does
        if saved != own:
            said = [f"published={'0.3' if one else False!r}" for one in (saved, own)]
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): the state was saved with {said[0]}, and this scheduler "
                f"has {said[1]}. Build it with {said[0]}"
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
        put_fields(self.optimizer, rows)
        self._last_lr = state["_last_lr"]

    def _load_foreign(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the package, of its repository's head, or of the document's class."""
        total, warmup, found = state.get("total_epoch"), state.get("warmup_epoch"), state["after_scheduler"]
        self._require_same_kind(found is None)
        length = total if total is not None else warmup
        if length is None:
            raise StateError(_NO_STATE.format("total_epoch"))
        after = self.after_scheduler
        # These classes keep the after-scheduler itself in their state.
        after_state = found if found is None or isinstance(found, Mapping) else found.state_dict()
        last, finished = state["last_epoch"], bool(state.get("finished", False))
        if isinstance(after, ReduceLROnPlateau) or total is None:
            runs, done = last > length, last
        else:
            # The package sets `finished` one step before the first step of the after-scheduler. From then on its own
            # `last_epoch` and `_last_lr` stay as they are.
            beyond = 0 if after_state is None else after_state.get("last_epoch", 0)
            runs = finished and beyond > 0
            done = length + 1 + beyond if runs else last
        own_row = state.get("_last_lr")
        row = after_state.get("_last_lr") if runs and after_state is not None else own_row

        present = group_values(self.optimizer)
        # A group that does not hold what the constructor wrote was restored with the optimizer.
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
        else:  # the documented curve gives the value of any step, so the state's own values are not needed
            self._update_lr(done)
            row = None
        for group, value, now, kept in zip(self.optimizer.param_groups, row or (), present, restored, strict=False):
            put_value(group, now if kept else value)
        as_kept = own_row if self._form else None
        self._last_lr = group_values(self.optimizer) if as_kept is None else [by_value(lr) for lr in as_kept]
        if self._published is None and self._form:
            warn_user(
                "GradualWarmupScheduler.load_state_dict(…): this is a state of warmup-scheduler, and its numbers go on "
                'as with published="0.3". Write published=False to go on by the curve this class documents',
            )

    def _require_same_kind(self, state_lacks: bool) -> None:
        """Refuse a state with an after-scheduler for a scheduler without one, or the other way round."""
        if state_lacks != (self.after_scheduler is None):
            has, lacks = ("this scheduler", "the state") if state_lacks else ("the state", "this scheduler")
            raise StateError(
                f"GradualWarmupScheduler.load_state_dict(…): {has} has an after-scheduler and {lacks} has none. "
                "Build it as it was built when the state was saved"
            )
