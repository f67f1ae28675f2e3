"""The cosine schedulers, and SWALR."""

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Literal

from torch.optim import Optimizer, swa_utils
from torch.optim import lr_scheduler as peers

from paramsched import curves
from paramsched.compat.group_fields import Number, base_on_curve, put_entries, unchanged_on_error
from paramsched.compat.step_engine import TickStep, rule_over
from paramsched.compat.torch._arguments import (
    as_float,
    as_floats,
    extend_per_group,
    nearly_equal,
    one_per_group,
    optimizer_of,
    refused_as_torch,
    require_epoch,
)
from paramsched.compat.torch._stepped_lr import GroupSnapshot, RuleLR, SteppedLR
from paramsched.compat.torch.base import Verbose, warn_of_order, warn_outside_step
from paramsched.errors import CallSite
from paramsched.schedules import rules
from paramsched.schedules.affine import absolute
from paramsched.schedules.rules import Rule

_LEVEL = absolute(1.0)  # eta_min, or swa_lr: what `_level_per_group` says


class CosineAnnealingLR(RuleLR, peers.CosineAnnealingLR):
    """Half a cosine wave from base to `eta_min` in `T_max` epochs, back up in as many, and so on.

    lr(t) = eta_min + (base - eta_min) * (1 + cos(pi t / T_max)) / 2

    Differs from torch: in a chain the climb keeps what the other members multiplied by (divergences, torch 30);
    `T_max=0` is refused at construction (29); `last_epoch=k` begins on the curve (3).
    """

    _option_names = ("T_max", "eta_min")
    _may_reach_zero = True

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,  # noqa: N803  # torch's name
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        over = self._epochs("T_max", least=1)
        as_float(CallSite("CosineAnnealingLR", "eta_min"), self.eta_min)
        return rule_over(over, lambda n: rules.cosine(_LEVEL, n))

    def _level_per_group(self) -> list[Any] | None:
        return [self.eta_min] * len(self.optimizer.param_groups)

    @property
    def _takes_closed_form(self) -> bool:
        """Whether `last_epoch` was written after the constructor: torch takes its closed form there."""
        return not self._is_initial and self._step_count == 1 and self.last_epoch > 0

    def get_lr(self) -> list[Number]:
        if not self._takes_closed_form:
            return super().get_lr()
        warn_outside_step(self)
        return self._get_closed_form_lr()

    def _next_row(self, seen: GroupSnapshot, tick: float, epoch: float | None) -> Sequence[Any] | None:
        return super()._next_row(seen, tick, tick if self._takes_closed_form else epoch)

    def _theirs_at_zero(self) -> float | None:
        before = 1 + math.cos(math.pi / self._epochs("T_max", least=1))
        return 2 / before if before > 1e-12 else None

    def _apply_relative(self, step: TickStep, values: list[float]) -> list[float]:
        """Give back after the floor what the last tick took, where other schedulers of a chain act too."""
        a, b, _, _ = step
        if self._in_a_chain and a == 0.0:
            self._before_zero = list(values)
        elif self._in_a_chain and b and self._before_zero is not None:
            # At the floor the factor was 0. On the way up the value from before comes back, times what the other
            # members of the chain have multiplied by meanwhile.
            lost, self._before_zero = self._before_zero, None
            floor = float(self.eta_min)
            return [value + before - floor for value, before in zip(values, lost, strict=True)]
        return self._engine.apply_step(step, values)

    def _taken_from(self, base: float) -> float:
        share, level = self.shares_at(max(self.last_epoch - 1, 0))
        return share * base + level * self._last_level()


class CosineAnnealingWarmRestarts(SteppedLR, peers.CosineAnnealingWarmRestarts):
    """Cosine descents to `eta_min` that begin again: cycle i is `T_0 * T_mult ** i` epochs long.

    lr(t) = eta_min + (base - eta_min) * (1 + cos(pi T_cur / T_i)) / 2

    `step(epoch)` takes fractions and jumps anywhere; `T_cur` may be set.

    Differs from torch: the cycle of any position is found exactly (divergences, torch 6 and 7).
    """

    __slots__ = ("_swings",)
    _rows_of_tables = False
    _option_names = ("T_0", "T_mult", "eta_min")
    _swings: list[float]  # from eta_min to each base

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,  # noqa: N803  # torch's names
        T_mult: int = 1,  # noqa: N803
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise refused_as_torch(f"Expected positive integer T_0, but got {T_0}", "Write T_0=10")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise refused_as_torch(f"Expected integer T_mult >= 1, but got {T_mult}", "Write T_mult=2")
        if not isinstance(eta_min, (float, int)):
            raise refused_as_torch(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}", "Write eta_min=0.0"
            )
        for name, number in (("T_0", T_0), ("T_mult", T_mult), ("eta_min", eta_min)):
            as_float(CallSite("CosineAnnealingWarmRestarts", name), number)
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch  # type: ignore[assignment]  # between two epochs too
        super().__init__(optimizer, last_epoch, verbose)

    _read_options = staticmethod(attrgetter("eta_min"))

    def _prepare_values(self, before: GroupSnapshot | None, written: list[Any]) -> None:
        self._swings = [base - self.eta_min for base in as_floats(self.base_lrs)]

    def _values_at(self, tick: float) -> list[float]:
        return self._wave(tick, self.T_i)

    def _wave(self, into: float, size: float) -> list[float]:
        # In torch's order of evaluation: scripts compare these values for equality.
        low, height = self.eta_min, 1 + math.cos(math.pi * into / size)
        return [low + swing * height / 2 for swing in self._swings]

    def _base_from(self, value: float) -> float:
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return base_on_curve(value, share, self.eta_min * (1 - share))

    def _tick_to_read(self) -> float:
        return self.T_cur

    def step(self, epoch: float | None = None) -> None:
        """Go to the next epoch, or to any, also between two: `step(epoch + batch / batches)`."""
        if self._step_count == 1:
            warn_of_order(self.optimizer)
        self._step_count += 1
        self._update_lr(epoch)

    def _advance_clock(self, epoch: float | None) -> None:
        """Go on inside the cycle, or find the cycle of the epoch that is asked for."""
        if epoch is None and self.last_epoch >= 0 and not self._is_initial:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
            return
        epoch = self.last_epoch + 1 if epoch is None else epoch
        if epoch < 0:
            raise refused_as_torch(f"Expected non-negative epoch, but got {epoch}", "Write the epoch counted from 0")
        self.last_epoch = math.floor(epoch)
        self.T_cur, self.T_i = self._cycle(epoch)

    def _cycle(self, epoch: float) -> tuple[float, int]:
        """How far into which cycle; a logarithm rounds into the wrong one."""
        begin, size = 0, self.T_0
        if self.T_mult == 1:
            begin = int(epoch // size) * size
        while epoch >= begin + size:
            begin, size = begin + size, size * self.T_mult
        return epoch - begin, size

    def value(self, t: float, field: str = "lr") -> list[float]:
        if field != "lr":
            return super().value(t, field)
        self._refresh_if_changed()
        return self._wave(*self._cycle(t))


_CURVES = {"cos": curves.cosine, "linear": curves.linear}


class SWALR(RuleLR, swa_utils.SWALR):
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
        # The target stands in the groups, where another SWALR, or the user, may write it anew.
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
        self.optimizer = optimizer_of(optimizer)
        rates = one_per_group(self, "swa_lr", swa_lr)
        if not isinstance(anneal_strategy, str) or anneal_strategy not in _CURVES:
            raise refused_as_torch(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise refused_as_torch(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}", "Write anneal_epochs=10"
            )
        self.anneal_epochs, self._anneal_strategy = anneal_epochs, anneal_strategy
        require_epoch(CallSite(type(self).__name__, "last_epoch"), last_epoch)
        groups = optimizer.param_groups
        if all("initial_lr" in group and "swa_lr" not in group for group in groups):
            last_epoch = -1  # Lightning gives the run's length in its place
        with unchanged_on_error(optimizer):
            put_entries(groups, swa_lr=rates)
            super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        return rules.anneal(_LEVEL, int(self.anneal_epochs), _CURVES[self._anneal_strategy])

    def _level_per_group(self) -> list[Any] | None:
        groups = self.optimizer.param_groups
        rates = [group["swa_lr"] for group in groups if "swa_lr" in group]
        if len(rates) < len(groups):
            extend_per_group(self.optimizer, "swa_lr", rates)
            put_entries(groups, replace=False, swa_lr=rates)
        return as_floats(rates)

    def _advance_clock(self, epoch: float | None) -> None:
        self._left = self.last_epoch
        super()._advance_clock(epoch)

    def _next_row(self, seen: GroupSnapshot, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """An epoch that is asked for keeps what others wrote, scaled along the anneal."""
        if epoch is None or self._is_initial:
            return super()._next_row(seen, tick, epoch)
        # To another position of the anneal that began where the present value says it did.
        before = max(self._left, 0)
        share, wanted = self._engine.shares_at(before)[0], self._engine.shares_at(epoch)[0]
        present = as_floats(group["lr"] for group in seen.groups)
        as_written = self._only_writer and nearly_equal(present, self._engine.values_at(before))
        if share == 0.0 or as_written:
            return super()._next_row(seen, tick, epoch)
        self._last_tick, self._only_writer = epoch, False
        rates = self._engine.levels
        return [rate + (v - rate) * wanted / share for v, rate in zip(present, rates, strict=True)]
