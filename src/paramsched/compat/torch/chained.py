"""ChainedScheduler: several schedulers at once, each acting on what the others leave."""

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch import _composition, _groups, _state
from paramsched.compat.torch._base import Verbose, is_drop_in, is_ours
from paramsched.compat.torch._groups import Number
from paramsched.compat.torch._rule_lr import RuleLR
from paramsched.compat.torch.arguments import refused


class ChainedScheduler(_composition.CompositionLR, peers.ChainedScheduler):
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
            raise refused(f"{name} expects at least one scheduler to be chained, but got no scheduler.")
        first = optimizer if optimizer is not None else getattr(schedulers[0], "optimizer", None)
        _composition.check_members(name, first, schedulers)
        assert first is not None
        self._adopt(first, schedulers, verbose, bases_in="lr")
        self.last_epoch = max(getattr(self._schedulers[0], "last_epoch", 0), 0)
        self._tell_members()
        self._last_lr = _groups.values(first)
        self._constructed = _state.left_in(first)

    def _tell_members(self) -> None:
        leaves = list(_composition.leaves(self))
        kernels = [leaf for leaf in leaves if isinstance(leaf, RuleLR)]
        for leaf in kernels:
            leaf._in_a_chain = len(leaves) > 1
        self._can_lose = len(leaves) > 1 and any(leaf._may_reach_zero for leaf in kernels)

    def _begin_members(self) -> None:
        _composition.rewind(self)
        _groups.write(self.optimizer, self.base_lrs)
        for member in self._schedulers:
            if hasattr(member, "_schedulers") and not is_drop_in(member):
                _composition.begin(member)
            else:
                member._initial_step()
        self.last_epoch = 0
        self._last_lr = _groups.values(self.optimizer)

    def _seek_members(self, epoch: int) -> None:
        # Each in its turn makes of what it finds what its closed form makes of its base, so by stepping there.
        self._begin_members()
        _composition.step_quietly(self, epoch)

    def _base_of(self, value: float) -> float:
        members = [member for member in self._schedulers if isinstance(member, RuleLR)]
        if len(members) < len(self._schedulers):
            return super()._base_of(value)
        if any(member.shares_at(member.last_epoch)[0] == 0 for member in members):
            return value
        for member in reversed(members):
            value = member._base_of(value)
        return value

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        for member in self._schedulers:
            if is_drop_in(member):
                member._begin_late(late)

    def _step_members(self) -> list[Number]:
        for member in self._schedulers:
            member.step()
            if self._can_lose:
                self._scale_lost(member)
        last = self._schedulers[-1]
        # One of ours, and no user's subclass that may write by itself, wrote what the groups hold.
        exact = is_drop_in(last) and is_ours(type(last))
        return list(last._last_lr) if exact else _groups.values(self.optimizer)

    def _scale_lost(self, member: Any) -> None:
        """What a zero took from one member's value is scaled by the others in its absence."""
        for leaf in _composition.leaves(self):
            lost = getattr(leaf, "_before_zero", None)
            if lost is not None and all(leaf is not other for other in _composition.leaves(member)):
                for other in _composition.leaves(member):
                    if is_drop_in(other):
                        leaf._before_zero = lost = [value * a for value, a in zip(lost, other._scales(), strict=False)]

    def get_lr(self) -> list[Number]:
        """The present values: each member acts on what the one before leaves."""
        return _groups.values(self.optimizer)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._tell_members()
