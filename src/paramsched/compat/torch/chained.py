"""ChainedScheduler, several schedulers at once, and SequentialLR, one after another on their own clocks."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence, Sized
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat import group_fields
from paramsched.compat.torch import composition, saved_state
from paramsched.compat.torch._groups import Number, real_number, refused_as_torch
from paramsched.compat.torch._rule_lr import RuleLR
from paramsched.compat.torch._stepped_lr import SteppedLR
from paramsched.compat.torch.base import Verbose, is_drop_in, is_drop_in_class
from paramsched.errors import Asked, InvalidCall, shown


class ChainedScheduler(composition.CompositionLR, peers.ChainedScheduler):
    """Every member steps once a step, in order, by its relative rule: factors multiply.

    Differs from torch: what a factor of zero takes away comes back with what the other members made of it meanwhile
    (divergences, torch 30); `step(epoch)` and `get_lr()` work (14).
    """

    __slots__ = ("_can_lose",)
    _can_lose: bool
    _schedulers: list[Any]

    def __init__(
        self, schedulers: Sequence[Any], optimizer: Optimizer | None = None, verbose: Verbose = "deprecated"
    ) -> None:
        name = type(self).__name__
        if len(schedulers) < 1:
            raise refused_as_torch(f"{name} expects at least one scheduler to be chained, but got no scheduler.")
        first = optimizer if optimizer is not None else getattr(schedulers[0], "optimizer", None)
        composition.check_members(name, first, schedulers)
        assert first is not None
        self._adopt(first, schedulers, verbose, bases_in="lr")
        self.last_epoch = max(getattr(self._schedulers[0], "last_epoch", 0), 0)
        self._tell_members()
        self._last_lr = group_fields.group_values(first)
        self._constructed = saved_state.fields_held(first)

    def _tell_members(self) -> None:
        leaves = list(composition.leaf_schedulers(self))
        for leaf in leaves:
            if isinstance(leaf, SteppedLR):
                leaf._in_a_chain = len(leaves) > 1
        self._can_lose = len(leaves) > 1 and any(isinstance(leaf, RuleLR) and leaf._may_reach_zero for leaf in leaves)

    def _begin_members(self) -> None:
        """Begin each member in its turn, so that its first value acts on what the others leave."""
        composition.rewind_clocks(self)
        group_fields.put_row(self.optimizer, self.base_lrs)
        for member in self._schedulers:
            if hasattr(member, "_schedulers") and not is_drop_in(member):
                composition.begin_member(member)
            else:
                member._initial_step()
        self.last_epoch = 0
        self._last_lr = group_fields.group_values(self.optimizer)

    def _seek_members(self, epoch: int) -> None:
        # By stepping there: each makes of what it finds what its closed form makes of its base.
        self._begin_members()
        composition.step_quietly(self, epoch)

    def _base_from(self, value: float) -> float:
        """Go back through the members, from the last to the first."""
        members = [member for member in self._schedulers if isinstance(member, RuleLR)]
        if len(members) < len(self._schedulers):
            return super()._base_from(value)
        if any(member.shares_at(member.last_epoch)[0] == 0 for member in members):
            return value
        for member in reversed(members):
            value = member._base_from(value)
        return value

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        for member in self._schedulers:
            if is_drop_in(member):
                member._begin_late(late)

    def _step_members(self) -> list[Number]:
        """Step all members, in order."""
        for member in self._schedulers:
            member.step()
            if self._can_lose:
                self._scale_lost(member)
        last = self._schedulers[-1]
        # No user's subclass, which may write by itself.
        exact = is_drop_in(last) and is_drop_in_class(type(last))
        return list(last._last_lr) if exact else group_fields.group_values(self.optimizer)

    def _scale_lost(self, member: Any) -> None:
        """What a zero took from one member is scaled by the others meanwhile."""
        for leaf in composition.leaf_schedulers(self):
            lost = getattr(leaf, "_before_zero", None)
            if lost is not None and all(leaf is not other for other in composition.leaf_schedulers(member)):
                for other in composition.leaf_schedulers(member):
                    if is_drop_in(other):
                        factors = other._last_factors()
                        leaf._before_zero = lost = [value * a for value, a in zip(lost, factors, strict=False)]

    def get_lr(self) -> list[Number]:
        """The present values: each member acts on what the one before leaves."""
        return group_fields.group_values(self.optimizer)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._tell_members()


class SequentialLR(composition.CompositionLR, peers.SequentialLR):
    """Scheduler i runs from milestone i - 1 to milestone i, on the clock t - milestone.

    Entering a member starts it from its base, not from where its predecessor left off (divergences, torch 12); only
    `SWALR`, whose meaning it is to go on from there, does.

    Differs from torch: compositions may be members anywhere (8, 9, 10), members keep their own bases (11),
    `last_epoch=k` is position k + 1 of the composition (13), `step(epoch)` and `get_lr()` work (14).
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
            raise refused_as_torch(f"{name} expects at least one scheduler, but got no scheduler.")
        composition.check_members(name, optimizer, schedulers)
        _check_milestones(milestones)
        if len(milestones) != len(schedulers) - 1:
            raise refused_as_torch(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self._adopt(optimizer, schedulers, verbose, bases_in="initial_lr")
        self._milestones = list(milestones)
        if last_epoch < 0:
            self._begin_members()
        else:
            self._seek_members(last_epoch + 1)
        self._constructed = saved_state.fields_held(optimizer)

    def _begin_members(self) -> None:
        for member in self._schedulers:
            composition.rewind_clocks(member)
        self.last_epoch = 0
        first = self._schedulers[bisect_right(self._milestones, 0)]
        composition.begin_member(first)
        self._last_lr = group_fields.group_values(self.optimizer)

    def _seek_members(self, epoch: int) -> None:
        """Go to an epoch by the member whose turn it is then."""
        index = bisect_right(self._milestones, epoch)
        if getattr(self._schedulers[index], "_goes_on", False):
            self._begin_members()
            composition.step_quietly(self, epoch)
            return
        composition.rewind_clocks(self)
        composition.seek_epoch(self._schedulers[index], epoch - ([0, *self._milestones][index] if index else 0))
        self.last_epoch = epoch
        self._last_lr = group_fields.group_values(self.optimizer)

    @property
    def _member(self) -> Any:
        return self._schedulers[bisect_right(self._milestones, self.last_epoch)]

    def _base_from(self, value: float) -> float:
        member = self._member
        return member._base_from(value) if is_drop_in(member) else super()._base_from(value)

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        if is_drop_in(self._member):
            self._member._begin_late(late)

    def _step_members(self) -> list[Number]:
        """Step the member whose turn it is, or enter it."""
        index = bisect_right(self._milestones, self.last_epoch)
        member = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            composition.begin_member(member) if hasattr(member, "_schedulers") else member._update_lr(0)
        else:
            member.step()
        # A member's list is never changed, only replaced.
        return list(member._last_lr) if is_drop_in(member) else group_fields.group_values(self.optimizer)

    def recursive_undo(self, sched: Any = None) -> None:
        """Set back the clocks of the members, as torch's compositions ask of each other."""
        for leaf in composition.leaf_schedulers(self if sched is None else sched):
            leaf.last_epoch -= 1

    def get_lr(self) -> list[Number]:
        """What the scheduler in charge computes."""
        row: list[Number] = self._member.get_lr()
        return row


def _check_milestones(milestones: Any) -> None:
    """Refuse what is no list of numbers, before a member's clock is set back."""
    instead = "Write milestones=[5]"
    if not isinstance(milestones, Sized) or not isinstance(milestones, Iterable):
        raise InvalidCall(Asked("SequentialLR", "milestones", shown(milestones)), "no list", instead)
    for milestone in milestones:
        real_number(Asked("SequentialLR", "milestones", "[…]"), milestone, instead)
