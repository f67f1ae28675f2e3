"""What ChainedScheduler and SequentialLR share, and what they do with their members.

A member may also be torch's own, or a user's: what it can do is asked of its attributes.
"""

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau as TorchPlateau

from paramsched.compat import group_fields
from paramsched.compat.group_fields import by_value
from paramsched.compat.torch import _groups
from paramsched.compat.torch._groups import Number, refused_as_torch, watch_step
from paramsched.compat.torch.base import LRScheduler, Verbose, asks_to_print, is_drop_in, require_lr


class CompositionLR(LRScheduler):
    """Several schedulers that are stepped as one."""

    _schedulers: list[Any]

    def _adopt(self, optimizer: Optimizer, schedulers: Sequence[Any], verbose: Verbose, bases_in: str) -> None:
        """Take members that have been checked.

        Args:
            bases_in: the field of the groups that has the bases, where the first member does not tell its own.
        """
        self.optimizer = optimizer
        if asks_to_print(verbose):
            self.verbose = True
        self._schedulers = list(schedulers)
        self._step_count = 1
        watch_step(optimizer)
        bases = getattr(next(leaf_schedulers(self)), "base_lrs", None)
        known = group_fields.group_values(optimizer, bases_in) if bases is None else bases
        self.base_lrs = [by_value(base) for base in known]
        self._follow_groups()

    @abstractmethod
    def _begin_members(self) -> None:
        """Begin at epoch 0, each member from its base."""

    @abstractmethod
    def _seek_members(self, epoch: int) -> None:
        """Go to an epoch."""

    @abstractmethod
    def _step_members(self) -> list[Number]:
        """Step whom it concerns at `last_epoch`, and say what the groups hold then."""

    def _initial_step(self) -> None:
        self._step_count = 1
        self._begin_members()

    def _update_lr(self, epoch: int | None = None) -> None:
        self._take_in_late_groups()
        if epoch is not None:
            self._seek_members(epoch)
            return
        self.last_epoch += 1
        self._last_lr = self._step_members()

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        super()._keep_entries(kept, count)
        for member in self._schedulers:
            if is_drop_in(member):
                member._follow_groups()

    def _take_in_bases(self, bases: Sequence[float]) -> None:
        super()._take_in_bases(bases)
        take_in_groups(self, bases)
        for member in self._schedulers:
            if is_drop_in(member):
                member._know_late_groups()

    def value(self, t: int, field: str = "lr") -> list[float]:
        """What `field` of each group is at epoch `t`; the optimizer is as before afterwards."""
        require_lr(self, t, field)
        groups, state = self.optimizer.param_groups, self.state_dict()
        momenta: list[dict[str, Any]] = [{k: group[k] for k in ("momentum", "betas") if k in group} for group in groups]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seek_epoch(self, t)
            row = _groups.as_floats(group_fields.group_values(self.optimizer))
            self.load_state_dict(state)
        for group, before in zip(groups, momenta, strict=True):
            group.update(before)
        return row

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"_schedulers": [member.state_dict() for member in self._schedulers]}

    def _load_checked(self, state: dict[str, Any]) -> None:
        held = group_fields.group_values(self.optimizer)
        for member, saved in zip(self._schedulers, state.pop("_schedulers"), strict=True):
            member.load_state_dict(saved)
        group_fields.put_row(self.optimizer, held)  # what the groups hold is for the composition to say
        super()._load_checked(state)


def check_members(asked: str, optimizer: Any, members: Sequence[Any]) -> None:
    """Refuse what torch refuses: no scheduler, a metric-driven one, another optimizer."""
    for index, member in enumerate(members):
        if not hasattr(member, "optimizer"):
            raise TypeError(f"{asked} at index {index} should have `optimizer` as its attribute.")
        if isinstance(member, TorchPlateau):
            raise refused_as_torch(
                f"{asked} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                f"specified when calling `step`, but got one at index {index} in the given schedulers sequence.",
                "Write a plan, where a metric rule multiplies into a schedule: cosine() * plateau()",
            )
        if member.optimizer is not optimizer:
            raise refused_as_torch(
                f"{asked} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(member).__name__} at index {index} has {member.optimizer}, which is different from "
                f"{type(optimizer).__name__}."
            )


def leaf_schedulers(scheduler: Any) -> Iterator[Any]:
    """The schedulers that are no compositions, in order."""
    if hasattr(scheduler, "_schedulers"):
        for member in scheduler._schedulers:
            yield from leaf_schedulers(member)
    else:
        yield scheduler


def take_in_groups(composition: Any, bases: Sequence[float]) -> None:
    """Give groups added since to every member."""
    groups = len(composition.optimizer.param_groups)
    for member in composition._schedulers:
        known = getattr(member, "base_lrs", None)  # torch's own compositions have none
        if type(known) is list and len(known) < groups:
            missing = bases[len(known) - groups :]
            if hasattr(member, "_take_in_bases"):
                member._take_in_bases(missing)
            else:
                known.extend(missing)
        elif hasattr(member, "_schedulers"):
            take_in_groups(member, bases)


def rewind_clocks(scheduler: Any) -> None:
    """Before the first epoch: every clock at -1."""
    for leaf in leaf_schedulers(scheduler):
        leaf.last_epoch = -1


def begin_member(scheduler: Any) -> None:
    """From its base, as if it had just been built."""
    optimizer: Optimizer = scheduler.optimizer
    if hasattr(scheduler, "_begin_members"):
        scheduler._begin_members()
        return
    bases = getattr(next(leaf_schedulers(scheduler)), "base_lrs", None)
    rewind_clocks(scheduler)
    firsts = [group["initial_lr"] for group in optimizer.param_groups] if bases is None else bases
    group_fields.put_row(optimizer, firsts)
    if not hasattr(scheduler, "_schedulers"):
        scheduler._initial_step()
    elif hasattr(scheduler, "_milestones"):  # torch's own
        scheduler.last_epoch = 0
        begin_member(scheduler._schedulers[0])
        scheduler._last_lr = scheduler._schedulers[0].get_last_lr()
    else:
        for leaf in leaf_schedulers(scheduler):
            leaf._initial_step()
        scheduler._last_lr = group_fields.group_values(optimizer)


def seek_epoch(scheduler: Any, epoch: int) -> None:
    """To an epoch of its own clock, by stepping there where there is no closed form."""
    if hasattr(scheduler, "_seek_members"):
        scheduler._seek_members(epoch)
    elif getattr(scheduler, "_get_closed_form_lr", None) is not None or hasattr(scheduler, "value"):
        scheduler._update_lr(epoch)
    else:
        begin_member(scheduler)
        step_quietly(scheduler, epoch)


def step_quietly(scheduler: Any, times: int) -> None:
    """Step without a warning: this is no training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(int(times)):
            scheduler.step()
