"""The cosine schedulers, and SWALR."""

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Literal

from torch.optim import Optimizer, swa_utils
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch._argument_checks import (
    as_float,
    as_floats,
    extend_per_group,
    nearly_equal,
    one_per_group,
    optimizer_of,
    require_epoch,
    torch_error,
)
from paramsched.compat.torch._stepped_lr import GroupSnapshot, RuleLR, SteppedLR
from paramsched.compat.torch.base import Verbose, hook, warn_of_order, warn_outside_step
from paramsched.core import curves
from paramsched.core.dropins.group_fields import (
    Number,
    base_from_ratio,
    base_on_curve,
    set_entries,
    unchanged_on_error,
)
from paramsched.core.dropins.step_engine import TickStep, rule_over
from paramsched.core.schedules import rules
from paramsched.core.schedules.absolute import absolute
from paramsched.core.schedules.rules import Rule
from paramsched.errors import CallSite

_LEVEL = absolute(1.0)  # eta_min or swa_lr, from `_level_per_group`


class CosineAnnealingLR(RuleLR, peers.CosineAnnealingLR):
    """Cosine decay from base to `eta_min` over `T_max` epochs, then back up over as many, repeatedly.

    lr(t) = eta_min + (base - eta_min) * (1 + cos(pi t / T_max)) / 2

    Differs from torch: in a chain, the lr rises with the factors of the other members. `T_max=0` raises an error at
    construction. With `last_epoch=k` the first value is lr(k + 1) (docs/reference/divergences.md, torch 3, 29 and 30).
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
        over = self._epochs("T_max")
        as_float(CallSite("CosineAnnealingLR", "eta_min"), self.eta_min)
        return rule_over(over, lambda n: rules.cosine(_LEVEL, n))

    def _level_per_group(self) -> list[Any] | None:
        return [self.eta_min] * len(self.optimizer.param_groups)

    @property
    def _takes_closed_form(self) -> bool:
        """True if `last_epoch` was set after construction, because torch then uses its closed form."""
        return not self._is_initial and self._step_count == 1 and self.last_epoch > 0

    @hook
    def get_lr(self) -> list[Number]:
        if not self._takes_closed_form:
            return super().get_lr()
        warn_outside_step(self)
        return self._get_closed_form_lr()

    def _next_row(self, snapshot: GroupSnapshot, tick: float, epoch: float | None) -> Sequence[Any] | None:
        return super()._next_row(snapshot, tick, tick if self._takes_closed_form else epoch)

    def _apply_relative(self, step: TickStep, values: list[float]) -> list[float]:
        """Return the values after a relative step; in a chain, the rise restores the values from before the minimum."""
        a, b, _, _ = step
        if self._in_a_chain and a == 0.0:
            self._before_zero = list(values)
        elif self._in_a_chain and b and self._before_zero is not None:
            # At the minimum the factor was 0. The rise restores the value from before, multiplied by the factors of the
            # other members of the chain since then.
            lost, self._before_zero = self._before_zero, None
            floor = float(self.eta_min)
            return [value + previous - floor for value, previous in zip(values, lost, strict=True)]
        return self._engine.apply_step(step, values)

    def _value_before_zero(self, base: float) -> float:
        share, level = self.shares_at(max(self.last_epoch - 1, 0))
        return share * base + level * self._last_level()


class CosineAnnealingWarmRestarts(SteppedLR, peers.CosineAnnealingWarmRestarts):
    """Cosine decay to `eta_min` with restarts: cycle i is `T_0 * T_mult ** i` epochs long.

    lr(t) = eta_min + (base - eta_min) * (1 + cos(pi T_cur / T_i)) / 2

    Here T_cur is the number of epochs since the last restart, and T_i the length of the cycle. `step(epoch)` accepts
    any epoch, also a fractional one. The attribute `T_cur` may be set.

    Differs from torch: the cycle of any position is computed exactly (docs/reference/divergences.md, torch 6 and 7).
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
            raise torch_error(f"Expected positive integer T_0, but got {T_0}", "For example: T_0=10")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise torch_error(f"Expected integer T_mult >= 1, but got {T_mult}", "For example: T_mult=2")
        if not isinstance(eta_min, (float, int)):
            raise torch_error(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}", "For example: eta_min=0.0"
            )
        for name, number in (("T_0", T_0), ("T_mult", T_mult), ("eta_min", eta_min)):
            as_float(CallSite("CosineAnnealingWarmRestarts", name), number)
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch  # type: ignore[assignment]  # may be fractional
        super().__init__(optimizer, last_epoch, verbose)

    _read_options = staticmethod(attrgetter("eta_min"))

    def _prepare_values(self, previous: GroupSnapshot | None, written: list[Any]) -> None:
        self._swings = [base - self.eta_min for base in as_floats(self.base_lrs)]

    def _values_at(self, tick: float) -> list[float]:
        return self._wave(tick, self.T_i)

    def _wave(self, into: float, size: float) -> list[float]:
        # In torch's order of operations, because scripts compare these values for equality.
        low, height = self.eta_min, 1 + math.cos(math.pi * into / size)
        return [low + swing * height / 2 for swing in self._swings]

    def _base_of(self, value: float) -> float:
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return base_on_curve(value, share, self.eta_min * (1 - share))

    def _tick_to_read(self) -> float:
        return self.T_cur

    def step(self, epoch: float | None = None) -> None:
        """Move to the next epoch, or to any epoch, which may be fractional: `step(epoch + batch / batches)`."""
        if self._step_count == 1:
            warn_of_order(self.optimizer)
        self._step_count += 1
        self._update_lr(epoch)

    def _advance_clock(self, epoch: float | None) -> None:
        """Advance within the cycle, or find the cycle of the requested epoch."""
        if epoch is None and self.last_epoch >= 0 and not self._is_initial:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
            return
        epoch = self.last_epoch + 1 if epoch is None else epoch
        if epoch < 0:
            raise torch_error(f"Expected non-negative epoch, but got {epoch}", "Pass the epoch, counted from 0")
        self.last_epoch = math.floor(epoch)
        self.T_cur, size = self._cycle(epoch)
        if self.T_mult != 1 or epoch < self.T_0:  # else torch keeps T_i, which a user may have set
            self.T_i = size

    def _cycle(self, epoch: float) -> tuple[float, int]:
        """Return the pair (T_cur, T_i) at `epoch`.

        No logarithm is used, because its rounding may lead to the wrong cycle.
        """
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
    """Anneal from the present rate to `swa_lr` over `anneal_epochs` epochs, then stay constant.

    lr(t) = swa_lr * A(t / anneal_epochs) + base * (1 - A(t / anneal_epochs))

    Here A rises from 0 to 1, along a cosine or a line. The scheduler counts its own steps, and starts from the value
    that another scheduler wrote last.

    Differs from torch: the position is `last_epoch`, so that resuming and `step(epoch)` work. In groups without an
    earlier SWALR it starts at the beginning, and ignores `last_epoch` (docs/reference/divergences.md, torch 5 and 32).
    """

    __slots__ = ("_previous_epoch",)
    _previous_epoch: int  # the epoch before the requested one
    _continues = True  # in a sequence, it continues from the value of the previous member
    _option_names = ("anneal_epochs", "_anneal_strategy")

    @staticmethod
    def _read_options(scheduler: Any) -> Any:
        # The target is stored in the groups, where another SWALR or the user may change it.
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
            raise torch_error(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise torch_error(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}", "For example: anneal_epochs=10"
            )
        self.anneal_epochs, self._anneal_strategy = anneal_epochs, anneal_strategy
        require_epoch(CallSite(type(self).__name__, "last_epoch"), last_epoch)
        groups = optimizer.param_groups
        if all("initial_lr" in group and "swa_lr" not in group for group in groups):
            last_epoch = -1  # Lightning passes the length of the run as last_epoch
        with unchanged_on_error(optimizer):
            set_entries(groups, swa_lr=rates)
            super().__init__(optimizer, last_epoch, verbose)

    def _make_rule(self) -> Rule:
        return rules.anneal(_LEVEL, int(self.anneal_epochs), _CURVES[self._anneal_strategy])

    def _level_per_group(self) -> list[Any] | None:
        groups = self.optimizer.param_groups
        rates = [group["swa_lr"] for group in groups if "swa_lr" in group]
        extend_per_group(self.optimizer, "swa_lr", rates)
        set_entries(groups, replace=False, swa_lr=rates)
        return as_floats(rates)

    def _base_of(self, value: float) -> float:
        # Not by the closed form, because the last group may have started from the value of another scheduler.
        share = self.shares_at(self.last_epoch)[0]
        *levels, level = [(1.0 - share) * float(rate) for rate in self._level_per_group() or ()]
        left = [float(last) - target for last, target in zip(self._last_lr, levels, strict=False)]
        return base_from_ratio(value - level, self.base_lrs, left) if share else float(self.base_lrs[-1])

    def _advance_clock(self, epoch: float | None) -> None:
        self._previous_epoch = self.last_epoch
        super()._advance_clock(epoch)

    def _next_row(self, snapshot: GroupSnapshot, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """Return the lr of each group after a step.

        For an epoch requested after an external write, the distance of the present value from `swa_lr` is scaled.
        """
        if epoch is None or self._is_initial:
            return super()._next_row(snapshot, tick, epoch)
        # Move along the anneal whose start value follows from the present value.
        previous = max(self._previous_epoch, 0)
        share, wanted = self._engine.shares_at(previous)[0], self._engine.shares_at(epoch)[0]
        present = as_floats(group["lr"] for group in snapshot.groups)
        as_written = self._only_writer and nearly_equal(present, self._engine.values_at(previous))
        if share == 0.0 or as_written:
            return super()._next_row(snapshot, tick, epoch)
        self._last_tick, self._only_writer = epoch, False
        rates = self._engine.levels
        return [rate + (v - rate) * wanted / share for v, rate in zip(present, rates, strict=True)]
