"""ChainedScheduler, which runs several schedulers at once, and SequentialLR, which runs one after another.

A member may also be one of torch's schedulers or a user's; its attributes determine what it supports.
"""

import math
import warnings
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch._argument_checks import as_floats, real_number, torch_error
from paramsched.compat.torch._stepped_lr import RuleLR, SteppedLR
from paramsched.compat.torch.base import (
    LRScheduler,
    Verbose,
    asks_to_print,
    is_drop_in,
    is_drop_in_class,
    is_drop_ins,
    not_scheduled,
    snapshot_fields,
    watch_step,
)
from paramsched.core.dropins import group_fields
from paramsched.core.dropins.group_fields import Number, by_value
from paramsched.errors import CallSite, InvalidCall, shown

_MILESTONES_EXAMPLE = "For example: milestones=[5]"


class CompositionLR(LRScheduler):
    """A scheduler that steps several others."""

    _schedulers: list[Any]

    def _adopt(self, optimizer: Optimizer, schedulers: Sequence[Any], verbose: Verbose) -> None:
        """Store the members, which the caller has checked, and the bases of the first one, or of the groups.

        Args:
            optimizer: the optimizer of all members.
            schedulers: the members.
            verbose: the deprecated argument of the constructor.
        """
        self.optimizer = optimizer
        if asks_to_print(verbose):
            self.verbose = True
        self._schedulers = list(schedulers)
        self._step_count = 1
        watch_step(optimizer)
        self.base_lrs = by_value(getattr(next(leaf_schedulers(self)), "base_lrs", self.base_lrs))
        self._follow_groups()

    @abstractmethod
    def _seek_members(self, epoch: int) -> None:
        """Move the composition to an epoch."""

    @abstractmethod
    def _step_members(self) -> list[Number]:
        """Step the active members at `last_epoch`, and return the values of the groups."""

    def _initial_step(self) -> None:
        begin_member(self)

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

    def value(self, t: int, field: str = "lr") -> list[float]:
        """Return the value of `field` in each group at epoch `t`; the optimizer is restored afterwards."""
        if field != "lr":
            raise not_scheduled(self, t, field)
        groups, state = self.optimizer.param_groups, self.state_dict()
        momenta: list[dict[str, Any]] = [{k: group[k] for k in ("momentum", "betas") if k in group} for group in groups]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seek_epoch(self, t)
            row = as_floats(group_fields.group_values(self.optimizer))
            self.load_state_dict(state)
        for group, previous in zip(groups, momenta, strict=True):
            group.update(previous)
        return row

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"_schedulers": [member.state_dict() for member in self._schedulers]}

    def _load_checked(self, state: dict[str, Any]) -> None:
        held = group_fields.group_values(self.optimizer)
        for member, saved in zip(self._schedulers, state.pop("_schedulers"), strict=True):
            member.load_state_dict(saved)
        group_fields.set_row(self.optimizer, held)  # the composition's own state sets the values
        super()._load_checked(state)


class ChainedScheduler(CompositionLR, peers.ChainedScheduler):
    """A scheduler that steps every member in order at each step, so that their factors multiply.

    Differs from torch: when a member's factor rises from 0, the value returns multiplied by the factors that the other
    members applied meanwhile. `step(epoch)` and `get_lr()` work (docs/reference/divergences.md, torch 14 and 30).
    """

    __slots__ = ("_at_zero",)
    _at_zero: list[RuleLR]  # the leaves whose factor may be 0 and return, also those of the chain around this one
    _schedulers: list[Any]

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
        self._mark_members()
        self._begin_lost()
        self._last_lr = group_fields.group_values(first)
        self._constructed = snapshot_fields(first)

    def _mark_members(self) -> None:
        leaves = list(leaf_schedulers(self))
        several = len(leaves) > 1
        for leaf in leaves:
            if isinstance(leaf, SteppedLR):
                leaf._in_a_chain = several
            if isinstance(leaf, RuleLR):
                leaf._set_only_writer(leaf._only_writer)
        self._share([leaf for leaf in leaves if isinstance(leaf, RuleLR) and leaf._may_reach_zero] if several else [])

    def _share(self, at_zero: list[RuleLR]) -> None:
        self._at_zero = at_zero
        for member in self._schedulers:
            if _is_chain(member):
                member._share(at_zero)

    def _begin_lost(self) -> None:
        """Set the values from before a factor of 0 at epoch 0: base times the first factors of the other members."""
        begun = [leaf for leaf in leaf_schedulers(self) if isinstance(leaf, RuleLR) and leaf.last_epoch == 0]
        for leaf in begun:
            if leaf._in_a_chain and leaf._before_zero is not None:
                # The factors of the other members do not change a 0, so the closed form would ignore them.
                leaf._only_writer = False
                firsts = math.prod(other.shares_at(0)[0] or 1.0 for other in begun if other is not leaf)
                leaf._before_zero = [base * firsts for base in as_floats(leaf.base_lrs)]

    def _seek_members(self, epoch: int) -> None:
        # Step from the start, because each member acts on the values of the previous one.
        begin_member(self)
        step_quietly(self, epoch)

    def _base_of(self, value: float) -> float:
        """Return the base of a late group: its value divided by the members' factors if they only multiply."""
        members = self._schedulers
        if not all(isinstance(one, RuleLR) and not getattr(one, "_continues", False) for one in members):
            return super()._base_of(value)
        shares = [member.shares_at(member.last_epoch) for member in members]
        product = math.prod(share for share, _ in shares)
        if product and any(level for _, level in shares):
            return super()._base_of(value)
        return on_scale_of(self.base_lrs, members[0].base_lrs, group_fields.base_on_curve(value, product))

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        for member in self._schedulers:
            if is_drop_in(member):
                member._begin_late(late)

    def _step_members(self) -> list[Number]:
        """Step all members, in order."""
        for member in self._schedulers:
            if not self._at_zero or _is_chain(member):
                member.step()
            else:
                self._step_beside_zeros(member)
        last = self._schedulers[-1]
        # Another step may write other values than it reports.
        exact = is_drop_in(last) and is_drop_in_class(type(last)) and is_drop_ins(last.step)
        return list(last._last_lr) if exact else group_fields.group_values(self.optimizer)

    def _step_beside_zeros(self, member: Any) -> None:
        """Step a member. Apply its step to the values that others will restore after their factor of 0."""
        own = list(leaf_schedulers(member))
        others = [leaf for leaf in self._at_zero if leaf._before_zero and all(leaf is not one for one in own)]
        if not others:
            member.step()
            return
        held, before = group_fields.group_values(self.optimizer), [_lost_by(leaf) for leaf in own]
        member.step()
        changes = [(leaf, lost is None, _lost_by(leaf) is None) for leaf, lost in zip(own, before, strict=True)]
        if any(is_back and not was_back for _, was_back, is_back in changes):
            # The factor of the others is still 0.
            for other in others:
                other._before_zero = as_floats(group_fields.group_values(self.optimizer))
            group_fields.set_row(self.optimizer, held)
            return
        for leaf, was_back, is_back in changes:
            if was_back and not is_back:
                leaf._before_zero = others[0]._before_zero
        for leaf in active_leaves(member):
            if is_drop_in(leaf) and _lost_by(leaf) is None:
                for other in others:
                    pairs = zip(other._before_zero or [], leaf._last_factors(), strict=True)
                    other._before_zero = [value * factor for value, factor in pairs]

    def get_lr(self) -> list[Number]:
        """Return the present values, because each member acts on the values of the previous one."""
        return group_fields.group_values(self.optimizer)

    def _load_checked(self, state: dict[str, Any]) -> None:
        super()._load_checked(state)
        # torch's class neither counts its steps nor saves their number.
        self.last_epoch = max(getattr(self._schedulers[0], "last_epoch", self.last_epoch), 0)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._mark_members()


class SequentialLR(CompositionLR, peers.SequentialLR):
    """A scheduler that runs its members one after another: member i from milestone i - 1 to milestone i.

    Each member counts its own epochs from the start of its stage. It starts from its base, not from the last value of
    its predecessor. Only `SWALR` continues from that value.

    Differs from torch: compositions are allowed as members anywhere, members keep their own bases, `last_epoch=k` is
    position k + 1 of the composition, and `step(epoch)` and `get_lr()` work (docs/reference/divergences.md, torch 8 to
    14).
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
            raise InvalidCall(
                CallSite("SequentialLR", "milestones", shown(milestones)), "expected a list", _MILESTONES_EXAMPLE
            )
        for milestone in milestones:
            real_number(CallSite("SequentialLR", "milestones", "[…]"), milestone, _MILESTONES_EXAMPLE)
        if len(milestones) != len(schedulers) - 1:
            raise torch_error(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._adopt(optimizer, schedulers, verbose)
        self._milestones = list(milestones)
        if last_epoch < 0:
            begin_member(self)
        else:
            self._seek_members(last_epoch + 1)
        self._constructed = snapshot_fields(optimizer)

    def _seek_members(self, epoch: int) -> None:
        """Move to an epoch: write the value of the member that is active at that epoch."""
        index = bisect_right(self._milestones, epoch)
        if getattr(self._schedulers[index], "_continues", False):
            begin_member(self)
            step_quietly(self, epoch)
            return
        rewind_clocks(self)
        seek_epoch(self._schedulers[index], epoch - [0, *self._milestones][index])
        self.last_epoch = epoch
        self._last_lr = group_fields.group_values(self.optimizer)

    @property
    def _member(self) -> Any:
        return self._schedulers[bisect_right(self._milestones, self.last_epoch)]

    def _base_of(self, value: float) -> float:
        member = self._member
        if not is_drop_in(member):
            return super()._base_of(value)
        return on_scale_of(self.base_lrs, member.base_lrs, member._base_of(value))

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        if is_drop_in(self._member):
            self._member._begin_late(late)

    def _step_members(self) -> list[Number]:
        """Step the active member, or start it if its stage begins."""
        index = bisect_right(self._milestones, self.last_epoch)
        member = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            forget_lost(self)
            begin_member(member) if hasattr(member, "_schedulers") else member._update_lr(0)
        else:
            member.step()
        # Members replace their lists and never modify them.
        return list(member._last_lr) if is_drop_in(member) else group_fields.group_values(self.optimizer)

    def get_lr(self) -> list[Number]:
        """Return the values of the active member."""
        row: list[Number] = self._member.get_lr()
        return row


def check_members(site: str, optimizer: Any, members: Sequence[Any]) -> None:
    """Raise torch's errors if a member is not a scheduler, is metric-driven, or belongs to another optimizer."""
    for index, member in enumerate(members):
        if not hasattr(member, "optimizer"):
            raise TypeError(f"{site} at index {index} should have `optimizer` as its attribute.")
        if isinstance(member, peers.ReduceLROnPlateau):
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


def _is_chain(member: Any) -> bool:
    return issubclass(type(member), ChainedScheduler)  # `isinstance` would also accept torch's


def _lost_by(leaf: Any) -> list[float] | None:
    """Return the values from before the factor of a scheduler became 0; None if it is not 0, or stays 0."""
    return leaf._before_zero if isinstance(leaf, RuleLR) and leaf._may_reach_zero else None


def active_leaves(scheduler: Any) -> Iterator[Any]:
    """Yield the schedulers that are not compositions and made the last step, in order."""
    if hasattr(scheduler, "_milestones"):
        yield from active_leaves(scheduler._schedulers[bisect_right(scheduler._milestones, scheduler.last_epoch)])
    elif hasattr(scheduler, "_schedulers"):
        for member in scheduler._schedulers:
            yield from active_leaves(member)
    else:
        yield scheduler


def take_in_groups(composition: Any, bases: Sequence[float]) -> None:
    """Pass the bases of groups that were added to the optimizer to every member of a composition."""
    groups = len(composition.optimizer.param_groups)
    earlier = composition.base_lrs[: groups - len(bases)] if is_drop_in(composition) else []
    for member in composition._schedulers:
        known = getattr(member, "base_lrs", None)  # torch's compositions have no bases
        if type(known) is list and len(known) < groups:
            missing = [on_scale_of(known, earlier, base) for base in bases[len(known) - groups :]]
            if hasattr(member, "_take_in_bases"):
                member._take_in_bases(missing)
            else:
                known.extend(missing)
        elif hasattr(member, "_schedulers"):
            take_in_groups(member, bases)


def on_scale_of(own: Sequence[Any], others: Sequence[Any], base: float) -> float:
    """Return the base of a late group in a scheduler from its base in another one, whose bases may be different.

    It has the same ratio to the base of the last known group in both.

    Args:
        own: the bases of the known groups in the scheduler.
        others: their bases in the other scheduler.
        base: the base of the late group in the other scheduler.
    """
    if not own or not others or float(own[-1]) == float(others[-1]):
        return base
    mine, theirs = float(own[-1]), float(others[-1])
    if base == theirs:
        return mine
    return base * mine / theirs if mine and theirs else base


def rewind_clocks(scheduler: Any) -> None:
    """Set `last_epoch` of a scheduler, or of all members of a composition, to -1."""
    forget_lost(scheduler)
    for leaf in leaf_schedulers(scheduler):
        leaf.last_epoch = -1


def forget_lost(scheduler: Any) -> None:
    """Forget the values from before a factor of 0 of a member that no longer multiplies by it."""
    for leaf in leaf_schedulers(scheduler):
        if isinstance(leaf, RuleLR):
            leaf._before_zero = None


def begin_member(scheduler: Any) -> None:
    """Start a member from its base, as if it had just been built."""
    bases = getattr(next(leaf_schedulers(scheduler)), "base_lrs", None)
    groups = scheduler.optimizer.param_groups
    group_fields.set_row(scheduler.optimizer, [group["initial_lr"] for group in groups] if bases is None else bases)
    rewind_clocks(scheduler)
    _begin_here(scheduler)


def _begin_here(scheduler: Any) -> None:
    """Start a member from the present values. A SequentialLR starts from its base, as its constructor does."""
    if not hasattr(scheduler, "_schedulers"):
        scheduler._initial_step()
        return
    if is_drop_in(scheduler):
        scheduler._step_count = 1
    scheduler.last_epoch = 0
    if hasattr(scheduler, "_milestones"):
        begin_member(scheduler._schedulers[bisect_right(scheduler._milestones, 0)])
    else:
        for member in scheduler._schedulers:
            _begin_here(member)
        if issubclass(type(scheduler), ChainedScheduler):
            scheduler._begin_lost()
    scheduler._last_lr = group_fields.group_values(scheduler.optimizer)


def seek_epoch(scheduler: Any, epoch: int) -> None:
    """Move a member to `epoch`, counted from the member's start; step by step if it has no closed form."""
    if getattr(scheduler, "_get_closed_form_lr", None) is not None or hasattr(scheduler, "value"):
        scheduler._update_lr(epoch)
    else:
        begin_member(scheduler)
        step_quietly(scheduler, epoch)


def step_quietly(scheduler: Any, times: int) -> None:
    """Step a scheduler `times` times without warnings, because no training takes place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(int(times)):
            scheduler.step()
