"""The schedulers of users' functions: LambdaLR sets a multiple of base, MultiplicativeLR scales step by step."""

from collections.abc import Callable, Sequence
from operator import attrgetter, mul
from typing import Any, TypeAlias

from torch.optim import Optimizer

from paramsched.compat.torch import _groups, _members, _state
from paramsched.compat.torch._base import LRScheduler, Verbose, warn_outside_step
from paramsched.compat.torch._groups import Number, numbers
from paramsched.compat.torch._setting import SettingLR

Factor: TypeAlias = Callable[[int], float]
"""A user's function of the epoch."""


class LambdaLR(SettingLR):
    """lr(t) = base * lr_lambda(t), one function for all groups or one for each.

    A function that serves several groups is called once a step. Functions are not in the state; their names and their
    values at a few points are, so that loading next to another one is noticed (divergences, torch 20).
    """

    __slots__ = ("_bases", "_one")
    _read_options = staticmethod(attrgetter("lr_lambdas"))
    _bases: list[float]
    _one: bool  # whether one function serves all groups

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        self.lr_lambdas = _one_each(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch, verbose)

    def _prepare(self) -> None:
        self._extend("lr_lambdas", self.lr_lambdas)
        self._bases, self._one = numbers(self.base_lrs), _is_one(self.lr_lambdas)

    def _row(self, tick: Any) -> list[float]:
        if self._one:
            factor = float(self.lr_lambdas[0](tick))
            return [base * factor for base in self._bases]
        return list(map(mul, self._bases, [function(tick) for function in self.lr_lambdas]))

    def state_dict(self) -> dict[str, Any]:
        return _with_functions(super().state_dict(), self.lr_lambdas)

    def _load(self, state: dict[str, Any]) -> None:
        _load_functions(self, state, self.lr_lambdas)
        super()._load(state)


class MultiplicativeLR(LRScheduler):
    """Multiply by lr_lambda(t) at each epoch t from 1 on: lr(t) = base * lr_lambda(1) * … * lr_lambda(t).

    Differs from torch: an epoch that is asked for gets the product up to it (divergences, torch 32).
    """

    __slots__ = ("_asked", "_floats", "_one", "_seen")
    _seen: list[dict[str, Any]] | None  # the groups of which it is known whether they hold floats
    _floats: bool
    _asked: list[Factor]
    _one: bool

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        self.lr_lambdas = _one_each(optimizer, lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda should be a function, but got {type(function).__name__}")
        self._forget()
        super().__init__(optimizer, last_epoch, verbose)

    def _forget(self) -> None:
        self._seen, self._floats, self._asked, self._one = None, False, [], False

    def _update_lr(self, epoch: int | None = None) -> None:
        if type(self).get_lr is not MultiplicativeLR.get_lr:
            super()._update_lr(epoch)
            return
        groups = self.optimizer.param_groups
        if len(groups) > len(self.base_lrs):
            self._adopt()
        tick = self.last_epoch + 1 if epoch is None else epoch
        self.last_epoch = tick
        if epoch is not None:
            _groups.write(self.optimizer, self._get_closed_form_lr())
        elif self._is_initial:
            self._begin(tick)
        else:
            self._scale(groups, tick)
            return
        self._written = _groups.values(self.optimizer)

    def _scale(self, groups: list[dict[str, Any]], tick: int) -> None:
        if self._seen is not groups or self._asked != self.lr_lambdas:
            self._seen, self._floats = groups, _groups.plain(self.optimizer)
            self._asked, self._one = list(self.lr_lambdas), _is_one(self.lr_lambdas)
        if not self._floats:
            for group, factor in zip(groups, _factors(self._asked, tick), strict=True):
                _groups.put(group, group["lr"] * factor)
            self._written = _groups.values(self.optimizer)
            return
        if self._one:
            factor = float(self._asked[0](tick))
            row = [group["lr"] * factor for group in groups]
        else:
            row = [group["lr"] * ask(tick) for group, ask in zip(groups, self._asked)]  # noqa: B905  # as many
        self._written = row
        for group, value in zip(groups, row):  # noqa: B905  # as many
            group["lr"] = value

    def _begin(self, tick: int) -> None:
        """The first value, or on resuming the product up to there where the lr was not restored."""
        if tick > 0:
            first = [_groups.number(g["lr"]) == _groups.number(g["initial_lr"]) for g in self.optimizer.param_groups]
            if any(first):
                rows = zip(self.optimizer.param_groups, self._get_closed_form_lr(), first, strict=True)
                for group, value, untouched in rows:
                    if untouched:
                        _groups.put(group, value)

    def _adopt(self) -> None:
        known = len(self.base_lrs)
        _groups.extend("lr_lambdas", self.lr_lambdas, len(self.optimizer.param_groups))
        products = self._products(self.last_epoch)
        for group, product in zip(self.optimizer.param_groups[known:], products[known:], strict=True):
            group.setdefault("initial_lr", _groups.copied(group["lr"]))
            self.base_lrs.append(_groups.copied(group["initial_lr"]))
            _groups.put(group, group["lr"] * product)

    def _products(self, tick: int) -> list[float]:
        """The product of the factors of each group from epoch 1 to `tick`."""
        products = [1.0] * len(self.lr_lambdas)
        for t in range(1, int(tick) + 1):
            products = list(map(mul, products, _factors(self.lr_lambdas, t)))
        return products

    def get_lr(self) -> list[Number]:
        """The present values times the factors of `last_epoch`; `get_last_lr()` is what users want."""
        warn_outside_step(self)
        groups = self.optimizer.param_groups
        if self._is_initial:
            return _groups.values(self.optimizer)
        factors = _factors(self.lr_lambdas, self.last_epoch)
        return [group["lr"] * factor for group, factor in zip(groups, factors, strict=True)]

    def _get_closed_form_lr(self) -> list[Number]:
        groups = self.optimizer.param_groups
        rows = zip(self.value(self.last_epoch), groups, strict=True)
        return [_groups.like(value, group["lr"]) for value, group in rows]

    def value(self, t: int, field: str = "lr") -> list[float]:
        """What `field` of each group is at epoch `t`, without stepping; it calls each function t times."""
        _members.only_lr(self, t, field)
        return list(map(mul, numbers(self.base_lrs), self._products(t)))

    def _scales(self) -> list[float]:
        return numbers(_factors(self.lr_lambdas, self.last_epoch))

    def state_dict(self) -> dict[str, Any]:
        return _with_functions(super().state_dict(), self.lr_lambdas)

    def _load(self, state: dict[str, Any]) -> None:
        _load_functions(self, state, self.lr_lambdas)
        self._forget()
        super()._load(state)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._forget()


def _one_each(optimizer: Optimizer, functions: Any) -> list[Factor]:
    groups = len(optimizer.param_groups)
    if not isinstance(functions, (list, tuple)):
        return [functions] * groups
    if len(functions) != groups:
        raise ValueError(f"Expected {groups} lr_lambdas, but got {len(functions)}")
    return list(functions)


def _factors(functions: Sequence[Factor], tick: Any) -> list[float]:
    """The factor of each group; a function that serves all of them is called once."""
    if _is_one(functions):
        return [float(functions[0](tick))] * len(functions)
    return [function(tick) for function in functions]


def _is_one(functions: Sequence[Factor]) -> bool:
    first = functions[0]
    return all(function is first for function in functions)


def _with_functions(state: dict[str, Any], functions: list[Factor]) -> dict[str, Any]:
    saved = [_state.by_value(_state.saved_function(function)) for function in functions]
    return state | {"lr_lambdas": saved, _state.NOTES: _state.notes(functions)}


def _load_functions(scheduler: LRScheduler, state: dict[str, Any], functions: list[Factor]) -> None:
    """Restore callable objects in place, and compare functions with their notes."""
    for function, saved in zip(functions, state.pop("lr_lambdas", []), strict=False):
        if saved and _state.is_object(function):
            function.__dict__.update(saved)
    _state.compare_notes(scheduler, state.pop(_state.NOTES, None), functions)
