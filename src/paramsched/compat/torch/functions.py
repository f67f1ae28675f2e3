"""LambdaLR and MultiplicativeLR, the schedulers that call users' functions."""

from collections.abc import Callable, Sequence
from operator import attrgetter, mul
from typing import Any, ClassVar, TypeAlias

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat.torch._argument_checks import (
    as_floats,
    attributes_of,
    extend_per_group,
    optimizer_of,
    require_function,
    restore_attributes,
)
from paramsched.compat.torch._stepped_lr import GroupSnapshot, SteppedLR
from paramsched.compat.torch.base import Verbose, hook, warn_outside_step
from paramsched.core.dropins import group_fields
from paramsched.core.dropins.group_fields import Number

Factor: TypeAlias = Callable[[int], float]
"""A user's function of the epoch."""


class FunctionLR(SteppedLR):
    """A scheduler that calls users' functions of the epoch, one for all groups or one per group."""

    __slots__ = ("_one",)
    _rows_of_tables = False
    _per_group = (*SteppedLR._per_group, "lr_lambdas")
    _read_options = staticmethod(attrgetter("lr_lambdas"))
    _one: bool  # True if all groups share one function
    lr_lambdas: list[Factor]

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.optimizer = optimizer_of(optimizer)
        groups = len(optimizer.param_groups)
        self.lr_lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups  # type: ignore[list-item]  # one function
        if len(self.lr_lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(self.lr_lambdas)}")
        for function in self.lr_lambdas:
            require_function(function, "lr_lambda")
        super().__init__(optimizer, last_epoch, verbose)

    def _prepare_values(self, previous: GroupSnapshot | None, written: list[Any]) -> None:
        extend_per_group(self.optimizer, "lr_lambdas", self.lr_lambdas)
        first = self.lr_lambdas[0]
        self._one = all(function is first for function in self.lr_lambdas)

    def _factors_at(self, tick: Any) -> list[float]:
        if self._one:
            return [float(self.lr_lambdas[0](tick))] * len(self.lr_lambdas)
        return [function(tick) for function in self.lr_lambdas]

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"lr_lambdas": [attributes_of(function) for function in self.lr_lambdas]}

    def _load_checked(self, state: dict[str, Any]) -> None:
        for function, saved in zip(self.lr_lambdas, state.pop("lr_lambdas", []), strict=False):
            restore_attributes(function, saved)
        super()._load_checked(state)


class LambdaLR(FunctionLR, peers.LambdaLR):
    """Multiply base by a function of the epoch: lr(t) = base * lr_lambda(t).

    Pass one function for all groups, or a list with one per group. Only a step calls the functions; a function that
    several groups share is called once per step. As in torch, a state contains the attributes of callable objects, and
    no functions.
    """

    __slots__ = ("_bases",)
    _bases: list[float]

    def _prepare_values(self, previous: GroupSnapshot | None, written: list[Any]) -> None:
        super()._prepare_values(previous, written)
        self._bases = as_floats(self.base_lrs)

    def _values_at(self, tick: Any) -> list[float]:
        if self._one:
            factor = float(self.lr_lambdas[0](tick))
            return [base * factor for base in self._bases]
        return [base * function(tick) for base, function in zip(self._bases, self.lr_lambdas)]  # noqa: B905  # as many


class MultiplicativeLR(FunctionLR, peers.MultiplicativeLR):
    """Multiply by lr_lambda(t) at each epoch t from 1 on: lr(t) = base * lr_lambda(1) * … * lr_lambda(t).

    Differs from torch: `step(epoch)` writes the product up to that epoch (docs/reference/divergences.md, torch 32).
    """

    __slots__ = ("_step_factors",)
    _slot_values: ClassVar[dict[str, Any]] = {"_step_factors": []}
    _step_factors: list[float]  # the factors of the last step

    def _next_row(self, snapshot: GroupSnapshot, tick: Any, epoch: float | None) -> Sequence[Any] | None:
        """Return the present values times the factors; for a requested epoch, base times the product up to it."""
        self._step_factors = []
        if epoch is not None:
            return self._values_at(tick)
        if self._is_initial:
            self._begin_values(snapshot, tick)
            return None
        self._step_factors = self._factors_at(tick)
        return [group["lr"] * factor for group, factor in zip(snapshot.groups, self._step_factors, strict=True)]

    def _step_to(self, snapshot: GroupSnapshot, tick: Any, epoch: float | None) -> None:
        if epoch is not None or self._is_initial or self._in_a_chain or not snapshot.floats:
            super()._step_to(snapshot, tick, epoch)
            return
        if self._one:
            row = group_fields.scale_floats(snapshot.groups, float(self.lr_lambdas[0](tick)))
        else:
            row = group_fields.scale_by_functions(snapshot.groups, self.lr_lambdas, tick, snapshot.written)
        snapshot.written = self._last_lr = row  # type: ignore[assignment]  # floats are numbers

    def _begin_values(self, snapshot: GroupSnapshot, tick: int) -> None:
        """When resuming, write the product up to `last_epoch` into groups whose lr is still `initial_lr`."""
        if tick <= 0:
            return
        for group, value in zip(snapshot.groups, self._values_at(tick), strict=True):
            if float(group["lr"]) == float(group["initial_lr"]):
                group_fields.set_value(group, value)

    def _values_at(self, tick: float) -> list[float]:
        """Return the bases times the factors of epochs 1 to `tick`."""
        products = [1.0] * len(self.lr_lambdas)
        for t in range(1, int(tick) + 1):
            products = list(map(mul, products, self._factors_at(t)))
        return list(map(mul, as_floats(self.base_lrs), products))

    @hook
    def get_lr(self) -> list[Number]:
        """Return the present values times the factors of `last_epoch`; users call `get_last_lr()`."""
        warn_outside_step(self)
        groups = self.optimizer.param_groups
        if self._is_initial:
            return group_fields.group_values(self.optimizer)
        self._refresh_if_changed()
        factors = self._factors_at(self.last_epoch)
        return [group["lr"] * factor for group, factor in zip(groups, factors, strict=True)]

    def _last_factors(self) -> list[float]:
        return as_floats(self._step_factors) or super()._last_factors()
