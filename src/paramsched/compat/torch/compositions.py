"""ChainedScheduler, which runs several schedulers at once, and SequentialLR, which runs one after another.

A member may also be one of torch's schedulers, or a user's.
"""

import warnings
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

from torch.optim import Optimizer, lr_scheduler

from paramsched.base.problem import Problem, warn_user
from paramsched.compat.group_values import group_values, set_value
from paramsched.compat.torch.base import (
    EPOCH_DEPRECATION_WARNING,
    LRScheduler,
    Verbose,
    number,
    torch_error,
    watch_step,
)
from paramsched.errors import CallSite, InvalidCall, shown


class CompositionLR(LRScheduler):
    """A scheduler that steps several others, its members. Any nesting works, and `step(epoch)`."""

    _schedulers: list[Any]

    def _adopt(self, optimizer: Optimizer, members: Sequence[Any], verbose: Verbose) -> None:
        """Store the members, which the constructor has checked."""
        if verbose is True:
            self.verbose = True
        self.optimizer = optimizer
        self._schedulers = list(members)
        self._step_count = 1
        watch_step(optimizer)

    @property
    def base_lrs(self) -> list[Any]:  # type: ignore[override]  # an attribute in torch; its compositions have none
        """The bases of the first member."""
        bases = getattr(next(leaf_schedulers(self)), "base_lrs", None)
        return first_lrs(self.optimizer) if bases is None else bases

    def _initial_step(self) -> None:
        begin(self)

    def step(self, epoch: int | None = None) -> None:
        """Move to the next epoch, or to `epoch` (deprecated) by stepping from the start."""
        self._step_count += 1
        if epoch is not None:
            warn_user(Problem(found=EPOCH_DEPRECATION_WARNING))
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            self._last_lr = self._step_members()
        else:
            self._seek(epoch)

    def _seek(self, epoch: int) -> None:
        """Start all members again, and step to an epoch."""
        begin(self)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no training takes place
            for _ in range(int(epoch)):
                self._update_lr()

    @abstractmethod
    def _step_members(self) -> list[Any]:
        """Step the active members at `last_epoch`, and return the lr of each group."""

    def get_lr(self) -> list[Any]:
        """Return the present values, because each member acts on the values of the previous one."""
        return group_values(self.optimizer)

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"_schedulers": [member.state_dict() for member in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        state = dict(state_dict)
        lrs = group_values(self.optimizer)
        for member, saved in zip(self._schedulers, state.pop("_schedulers"), strict=True):
            member.load_state_dict(saved)
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            set_value(group, lr)  # only the lr of the composition's own state counts
        super().load_state_dict(state)


class ChainedScheduler(CompositionLR, lr_scheduler.ChainedScheduler):  # type: ignore[misc]  # torch's has a Sequence
    """Step every member in order at each step, so that their factors multiply.

    Differs from torch: `step(epoch)` and `get_lr()` work, and `last_epoch` is that of the first member
    (docs/reference/divergences.md).

    Args:
        schedulers: the members, on the same optimizer.
        optimizer: their optimizer; None means that of the first member.
        verbose: as in `LRScheduler`; pass it to the members to print values.

    Raises:
        InvalidArgument: if there is no member, or one is a ReduceLROnPlateau or belongs to another optimizer.

    Source: torch 2.13.

    >>> import torch
    >>> from paramsched.compat.torch import ConstantLR, ExponentialLR
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> members = [ConstantLR(optimizer, 0.5, 4), ExponentialLR(optimizer, 0.5)]
    >>> scheduler = ChainedScheduler(members)
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self, schedulers: Sequence[Any], optimizer: Optimizer | None = None, verbose: Verbose = "deprecated"
    ) -> None:
        name = type(self).__name__
        if len(schedulers) < 1:
            raise torch_error(f"{name} expects at least one scheduler to be chained, but got no scheduler.")
        first = optimizer if optimizer is not None else getattr(schedulers[0], "optimizer", None)
        check_members(name, first, schedulers)
        assert first is not None
        self._adopt(first, schedulers, verbose)
        self.last_epoch = max(getattr(self._schedulers[0], "last_epoch", 0), 0)
        self._last_lr = group_values(first)
        self._built = list(zip(first.param_groups, self._last_lr, strict=True))

    def _step_members(self) -> list[Any]:
        for member in self._schedulers:
            member.step()
        return group_values(self.optimizer)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        # torch's class neither counts its steps nor saves their number.
        self.last_epoch = max(getattr(self._schedulers[0], "last_epoch", self.last_epoch), 0)


class SequentialLR(CompositionLR, lr_scheduler.SequentialLR):
    """Run the members one after another: member i from milestone i - 1 to milestone i.

    Each member counts its own epochs from the start of its stage. It starts from its own base, not from the last value
    of its predecessor; only `SWALR` continues from that value.

    Differs from torch: compositions may be members anywhere, members keep their own bases, `last_epoch=k` is position
    k + 1 of the sequence, and `step(epoch)` and `get_lr()` work (docs/reference/divergences.md).

    Args:
        optimizer: the optimizer of all members.
        schedulers: the members.
        milestones: the epochs at which the next member starts, one fewer than members.
        last_epoch, verbose: as in `LRScheduler`; pass `verbose` to the members to print values.

    Raises:
        InvalidArgument: if there is no member, one is a ReduceLROnPlateau or belongs to another optimizer, or the
            number of milestones is wrong.
        InvalidCall: a TypeError, if `milestones` is not a list of numbers.

    Source: torch 2.13.

    >>> import torch
    >>> from paramsched.compat.torch import ConstantLR, ExponentialLR
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> members = [ConstantLR(optimizer, 0.1, 9), ExponentialLR(optimizer, 0.5)]
    >>> scheduler = SequentialLR(optimizer, members, milestones=[1])
    >>> optimizer.step()
    >>> scheduler.step()
    >>> scheduler.get_last_lr()
    [1.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[Any],
        milestones: Sequence[int],
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        name = type(self).__name__
        if len(schedulers) < 1:
            raise torch_error(f"{name} expects at least one scheduler, but got no scheduler.")
        check_members(name, optimizer, schedulers)
        if not isinstance(milestones, Sized) or not isinstance(milestones, Iterable):
            site = CallSite(name, "milestones", shown(milestones))
            raise InvalidCall(site, "expected a list", "For example: milestones=[5]")
        if len(milestones) != len(schedulers) - 1:
            raise torch_error(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._milestones = [number(self, "milestones", milestone, "[5]") for milestone in milestones]
        self._adopt(optimizer, schedulers, verbose)
        self._seek(last_epoch + 1)
        self._built = list(zip(optimizer.param_groups, group_values(optimizer), strict=True))

    def _step_members(self) -> list[Any]:
        index = bisect_right(self._milestones, self.last_epoch)
        member = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            begin(member) if hasattr(member, "_schedulers") else member._update_lr(0)
        else:
            member.step()
        last: list[Any] = getattr(member, "_last_lr", None) or group_values(self.optimizer)
        return last


def check_members(site: str, optimizer: Any, members: Sequence[Any]) -> None:
    """Raise torch's errors if a member is not a scheduler, is metric-driven, or belongs to another optimizer."""
    for index, member in enumerate(members):
        if not hasattr(member, "optimizer"):
            raise TypeError(f"{site} at index {index} should have `optimizer` as its attribute.")
        if isinstance(member, lr_scheduler.ReduceLROnPlateau):
            raise torch_error(
                f"{site} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs to be "
                f"specified when calling `step`, but got one at index {index} in the given schedulers sequence.",
                "Use a plan, in which a metric rule multiplies a schedule: cosine() * plateau()",
            )
        if member.optimizer is not optimizer:
            raise torch_error(
                f"{site} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(member).__name__} at index {index} has {member.optimizer}, which is different from "
                f"{type(optimizer).__name__}."
            )


def leaf_schedulers(scheduler: Any) -> Iterator[Any]:
    """Yield the schedulers that are not compositions, in order."""
    if hasattr(scheduler, "_schedulers"):
        for member in scheduler._schedulers:
            yield from leaf_schedulers(member)
    else:
        yield scheduler


def first_lrs(optimizer: Optimizer) -> list[Any]:
    """Return the `initial_lr` of each group, or its present lr."""
    return [group.get("initial_lr", group["lr"]) for group in optimizer.param_groups]


def begin(scheduler: Any) -> None:
    """Start a scheduler from its base, as if it had just been built."""
    for leaf in leaf_schedulers(scheduler):
        leaf.last_epoch = -1
    optimizer = scheduler.optimizer
    bases = getattr(next(leaf_schedulers(scheduler)), "base_lrs", None)
    lrs = first_lrs(optimizer) if bases is None else bases
    for group, lr in zip(optimizer.param_groups, lrs, strict=False):
        set_value(group, lr)
    updates = getattr(optimizer, "_step_count", 0)
    _begin_from_present(scheduler)
    optimizer._step_count = updates  # torch before 2.4 sets it to 0, and then warns of the order of steps


def _begin_from_present(scheduler: Any) -> None:
    """Start a scheduler from the present values. A sequence starts its first member from the member's base."""
    if not hasattr(scheduler, "_schedulers"):
        scheduler._initial_step()
        return
    scheduler.last_epoch = 0
    if isinstance(scheduler, CompositionLR):
        scheduler._step_count = 1  # torch's have none
    if hasattr(scheduler, "_milestones"):
        begin(scheduler._schedulers[bisect_right(scheduler._milestones, 0)])
    else:
        for member in scheduler._schedulers:
            _begin_from_present(member)
    scheduler._last_lr = group_values(scheduler.optimizer)
