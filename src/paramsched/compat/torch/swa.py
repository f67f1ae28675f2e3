"""SWALR: from wherever the rate stands to the one of stochastic weight averaging."""

from collections.abc import Sequence
from typing import Any, Literal

from torch.optim import Optimizer
from torch.optim import swa_utils as peers

from paramsched import curves
from paramsched.compat.torch import _groups
from paramsched.compat.torch._groups import as_floats
from paramsched.compat.torch._rule_lr import RuleLR
from paramsched.compat.torch._stepped_lr import Seen
from paramsched.compat.torch.arguments import refused_as_torch, require_epoch
from paramsched.compat.torch.base import Verbose
from paramsched.compat.unchanged_on_error import unchanged_on_error
from paramsched.errors import Asked
from paramsched.schedules import rules
from paramsched.schedules.affine import absolute
from paramsched.schedules.rules import Rule

_SWA = absolute(1.0)  # swa_lr, the level of each group
_CURVES = {"cos": curves.cosine, "linear": curves.linear}


class SWALR(RuleLR, peers.SWALR):
    """From the present rate to `swa_lr` in `anneal_epochs` epochs, then held.

    lr(t) = swa_lr * A(t / anneal_epochs) + base * (1 - A(t / anneal_epochs))

    It counts its own steps, so it starts where another scheduler left the value.

    Differs from torch: the position is `last_epoch`, so it resumes and jumps (divergences, torch 5 and 32). In groups
    that no anneal has been at it begins, whatever `last_epoch` is given.
    """

    __slots__ = ("_left",)
    _left: int  # the epoch before the one that is asked for
    _goes_on = True  # in a sequence: from where the member before it left the value
    _option_names = ("anneal_epochs", "_anneal_strategy")

    @staticmethod
    def _read_options(scheduler: Any) -> Any:
        # As in torch the target stands in the groups, where another SWALR, or the user, may write it anew.
        targets = [group.get("swa_lr") for group in scheduler.optimizer.param_groups]
        return scheduler.anneal_epochs, scheduler._anneal_strategy, targets

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        rates = _groups.one_per_group(Asked(type(self).__name__, "swa_lr"), optimizer, swa_lr)
        if not isinstance(anneal_strategy, str) or anneal_strategy not in _CURVES:
            raise refused_as_torch(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise refused_as_torch(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}", "Write anneal_epochs=10"
            )
        self.anneal_epochs, self._anneal_strategy = anneal_epochs, anneal_strategy
        require_epoch(Asked(type(self).__name__, "last_epoch"), last_epoch)
        groups = optimizer.param_groups
        if all("initial_lr" in group and "swa_lr" not in group for group in groups):
            last_epoch = -1  # nothing has been annealed here: Lightning gives the run's length in its place
        with unchanged_on_error(optimizer):
            for group, rate in zip(groups, rates, strict=True):
                group["swa_lr"] = rate
            super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        return rules.anneal(_SWA, int(self.anneal_epochs), _CURVES[self._anneal_strategy])

    def _level_per_group(self) -> list[Any] | None:
        groups = self.optimizer.param_groups
        rates = [group["swa_lr"] for group in groups if "swa_lr" in group]
        if len(rates) < len(groups):
            _groups.extend_per_group("swa_lr", rates, len(groups))
            for group, rate in zip(groups, rates, strict=True):
                group.setdefault("swa_lr", rate)
        return as_floats(rates)

    def _advance_clock(self, epoch: float | None) -> None:
        self._left = self.last_epoch
        super()._advance_clock(epoch)

    def _next_row(self, seen: Seen, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """As any rule; an epoch that is asked for keeps what others wrote, scaled along the anneal."""
        if epoch is None or self._is_initial:
            return super()._next_row(seen, tick, epoch)
        # To another position of the anneal that began where the present value says it did.
        before = max(self._left, 0)
        share, wanted = self._engine.shares_at(before)[0], self._engine.shares_at(epoch)[0]
        present = as_floats(group["lr"] for group in seen.groups)
        as_written = self._only_writer and _groups.nearly_equal(present, self._engine.values_at(before))
        if share == 0.0 or as_written:
            return super()._next_row(seen, tick, epoch)
        self._last_tick, self._only_writer = epoch, False
        rates = self._engine.levels
        return [rate + (v - rate) * wanted / share for v, rate in zip(present, rates, strict=True)]
