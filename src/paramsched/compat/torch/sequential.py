"""SequentialLR: one scheduler after another, each on its own clock."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence, Sized
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch import _groups, _members, _state
from paramsched.compat.torch._base import LRScheduler, Verbose, _verbose, is_drop_in
from paramsched.compat.torch._groups import Number
from paramsched.compat.torch._order import watch
from paramsched.compat.torch.arguments import real_number, refused
from paramsched.errors import InvalidCall, shown


class SequentialLR(LRScheduler, peers.SequentialLR):
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
            raise refused(f"{name} expects at least one scheduler, but got no scheduler.")
        _members.checked(name, optimizer, schedulers)
        _check_milestones(milestones)
        if len(milestones) != len(schedulers) - 1:
            raise refused(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of "
                f"milestone points, but got number of schedulers {len(schedulers)} and the number of milestones to be "
                f"equal to {len(milestones)}"
            )
        self.optimizer = optimizer
        self.verbose = _verbose(verbose)
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self._step_count = 1
        watch(optimizer)
        self.base_lrs = _first_bases(self)
        if last_epoch < 0:
            self._begin_members()
        else:
            self._seek_members(last_epoch + 1)
        self._constructed = _state.left_in(optimizer)

    def _initial_step(self) -> None:
        self._step_count = 1
        self._begin_members()

    def _begin_members(self) -> None:
        for member in self._schedulers:
            _members.rewind(member)
        self.last_epoch = 0
        first = self._schedulers[bisect_right(self._milestones, 0)]
        _members.begin(first)
        self._last_lr = _groups.values(self.optimizer)

    def _seek_members(self, epoch: int) -> None:
        index = bisect_right(self._milestones, epoch)
        if getattr(self._schedulers[index], "_goes_on", False):
            self._begin_members()
            _members.step_quietly(self, epoch)
            return
        _members.rewind(self)
        _members.seek(self._schedulers[index], epoch - ([0, *self._milestones][index] if index else 0))
        self.last_epoch = epoch
        self._last_lr = _groups.values(self.optimizer)

    @property
    def _member(self) -> Any:
        """The one whose turn it is."""
        return self._schedulers[bisect_right(self._milestones, self.last_epoch)]

    def _base_of(self, value: float) -> float:
        member = self._member
        return member._base_of(value) if is_drop_in(member) else super()._base_of(value)

    def _take_in(self, bases: Sequence[float]) -> None:
        super()._take_in(bases)
        _members.take_in(self, bases)

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        if is_drop_in(self._member):
            self._member._begin_late(late)

    def _update_lr(self, epoch: int | None = None) -> None:
        self._take_in_late_groups()
        if epoch is not None:
            self._seek_members(epoch)
            return
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        member = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            _members.enter(member)
        else:
            member.step()
        # A member's list is never changed, only replaced.
        self._last_lr = list(member._last_lr) if is_drop_in(member) else _groups.values(self.optimizer)

    def recursive_undo(self, sched: Any = None) -> None:
        """Set back the clocks of the members, as torch's compositions ask of each other."""
        for leaf in _members.leaves(self if sched is None else sched):
            leaf.last_epoch -= 1

    def value(self, t: int, field: str = "lr") -> list[float]:
        """What `field` of each group is at epoch `t`; the optimizer is as before afterwards."""
        _members.only_lr(self, t, field)
        return _members.value_at(self, t)

    def get_lr(self) -> list[Number]:
        """What the scheduler in charge computes."""
        row: list[Number] = self._member.get_lr()
        return row

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        return state | {"_schedulers": _members.states(self._schedulers)}

    def _load(self, state: dict[str, Any]) -> None:
        _members.load(self, state.pop("_schedulers"))
        super()._load(state)


def _check_milestones(milestones: Any) -> None:
    """Refuse what is no list of numbers, before a member's clock is set back."""
    instead = "Write milestones=[5]"
    if not isinstance(milestones, Sized) or not isinstance(milestones, Iterable):
        raise InvalidCall(f"SequentialLR(milestones={shown(milestones)})", "no list", instead)
    for milestone in milestones:
        real_number("SequentialLR(milestones=[…])", milestone, instead)


def _first_bases(scheduler: Any) -> list[Number]:
    bases = getattr(next(_members.leaves(scheduler)), "base_lrs", None)
    return _groups.values(scheduler.optimizer, "initial_lr") if bases is None else [_groups.copied(b) for b in bases]
