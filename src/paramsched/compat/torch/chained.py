"""ChainedScheduler: several schedulers at once, each acting on what the others leave."""

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat import group_fields
from paramsched.compat.torch import composition, saved_state
from paramsched.compat.torch._groups import Number
from paramsched.compat.torch._rule_lr import RuleLR
from paramsched.compat.torch.arguments import refused_as_torch
from paramsched.compat.torch.base import Verbose, is_drop_in, is_drop_in_class


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
        kernels = [leaf for leaf in leaves if isinstance(leaf, RuleLR)]
        for leaf in kernels:
            leaf._in_a_chain = len(leaves) > 1
        self._can_lose = len(leaves) > 1 and any(leaf._may_reach_zero for leaf in kernels)

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
        # Each in its turn makes of what it finds what its closed form makes of its base, so by stepping there.
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
        # One of ours, and no user's subclass that may write by itself, wrote what the groups hold.
        exact = is_drop_in(last) and is_drop_in_class(type(last))
        return list(last._last_lr) if exact else group_fields.group_values(self.optimizer)

    def _scale_lost(self, member: Any) -> None:
        """What a zero took from one member's value is scaled by the others in its absence."""
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
