"""SequentialLR: one scheduler after another, each on its own clock."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence, Sized
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat import group_fields
from paramsched.compat.torch import composition, saved_state
from paramsched.compat.torch._groups import Number
from paramsched.compat.torch.arguments import real_number, refused_as_torch
from paramsched.compat.torch.base import Verbose, is_drop_in
from paramsched.errors import Asked, InvalidCall, shown


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
        """Go to an epoch by the member whose turn it is then; the clocks of the others are set back."""
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
        """The one whose turn it is."""
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
            composition.enter_member(member)
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
