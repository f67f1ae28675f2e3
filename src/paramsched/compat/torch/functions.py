"""The schedulers of users' functions: LambdaLR sets a multiple of base, MultiplicativeLR scales step by step."""

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter, mul
from typing import Any, TypeAlias

from torch.optim import Optimizer
from torch.optim import lr_scheduler as peers

from paramsched.compat._copies import by_value
from paramsched.compat.torch import _groups, _members
from paramsched.compat.torch._base import LRScheduler, Verbose, says_its_own, warn_outside_step
from paramsched.compat.torch._function_notes import (
    NOTES,
    VALUES_OF_OLD,
    Noted,
    compare_notes,
    is_object,
    saved_function,
)
from paramsched.compat.torch._groups import Number, numbers
from paramsched.compat.torch._setting import SettingLR
from paramsched.compat.torch._state import class_of
from paramsched.compat.torch.arguments import require_function

_RATE = itemgetter("lr")

Factor: TypeAlias = Callable[[int], float]
"""A user's function of the epoch."""


class LambdaLR(SettingLR, peers.LambdaLR):
    """lr(t) = base * lr_lambda(t), one function for all groups or one for each.

    A function that serves several groups is called once a step, and by nothing but a step. Functions are not in the
    state; what they are made of is, so that loading next to another one is noticed (divergences, torch 20).
    """

    __slots__ = ("_bases", "_noted", "_one")
    _read_options = staticmethod(attrgetter("lr_lambdas"))
    _bases: list[float]
    _noted: Noted | None
    _one: bool  # whether one function serves all groups

    def _forget(self) -> None:
        super()._forget()
        self._noted = None

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        self.lr_lambdas = _one_each(optimizer, lr_lambda)
        self._noted = Noted.of(self.lr_lambdas)
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
        self._noted = Noted.of(self.lr_lambdas, self._noted)
        return _with_functions(super().state_dict(), self._noted)

    def _load(self, state: dict[str, Any]) -> None:
        self._noted = Noted.of(self.lr_lambdas, self._noted)
        _load_functions(self, state, self._noted)
        super()._load(state)


class MultiplicativeLR(LRScheduler, peers.MultiplicativeLR):
    """Multiply by lr_lambda(t) at each epoch t from 1 on: lr(t) = base * lr_lambda(1) * … * lr_lambda(t).

    Differs from torch: an epoch that is asked for gets the product up to it (divergences, torch 32).
    """

    __slots__ = ("_asked", "_floats", "_gave", "_noted", "_one", "_seen")
    _seen: list[dict[str, Any]] | None  # the groups of which it is known whether they hold floats
    _floats: bool
    _asked: list[Factor]
    _gave: list[float]  # what the functions gave last
    _noted: Noted | None
    _one: bool
    _own_get_lr = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._own_get_lr = says_its_own(cls, "get_lr")

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | Sequence[Factor],
        last_epoch: int = -1,
        verbose: Verbose = "deprecated",
    ) -> None:
        self.optimizer = _groups.optimizer_of(optimizer)
        self.lr_lambdas = _one_each(optimizer, lr_lambda)
        self._noted = Noted.of(self.lr_lambdas)
        super().__init__(optimizer, last_epoch, verbose)

    def _forget(self) -> None:
        super()._forget()
        self._seen, self._floats, self._asked, self._gave, self._one = None, False, [], [], False
        self._noted = None

    def _update_lr(self, epoch: int | None = None) -> None:
        if self._own_get_lr:
            super()._update_lr(epoch)
            return
        groups = self.optimizer.param_groups
        if len(groups) > len(self.base_lrs):
            self._take_in_late_groups()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        tick = self.last_epoch
        if epoch is not None:
            _groups.write(self.optimizer, self._get_closed_form_lr())
        elif self._is_initial:
            self._begin(tick)
        else:
            self._scale(groups, tick)
            return
        self._gave = []
        self._last_lr = _groups.values(self.optimizer)

    def _scale(self, groups: list[dict[str, Any]], tick: int) -> None:
        if self._seen is not groups or self._asked != self.lr_lambdas:
            self._seen, self._floats = groups, _groups.plain(self.optimizer)
            self._asked, self._one = list(self.lr_lambdas), _is_one(self.lr_lambdas)
        if not self._floats:
            self._gave = _factors(self._asked, tick)
            for group, factor in zip(groups, self._gave, strict=True):
                _groups.put(group, group["lr"] * factor)
            self._last_lr = _groups.values(self.optimizer)
            return
        if self._one:
            factor = float(self._asked[0](tick))
            self._gave = [factor]
            row = [group["lr"] * factor for group in groups]
        else:
            self._gave = [ask(tick) for ask in self._asked]
            row = list(map(mul, map(_RATE, groups), self._gave))
        for group, value in zip(groups, row):  # noqa: B905  # as many
            group["lr"] = value
        self._last_lr = row

    def _begin(self, tick: int) -> None:
        """The first value, or on resuming the product up to there where the lr was not restored."""
        if tick > 0:
            first = [_groups.number(g["lr"]) == _groups.number(g["initial_lr"]) for g in self.optimizer.param_groups]
            if any(first):
                rows = zip(self.optimizer.param_groups, self._get_closed_form_lr(), first, strict=True)
                for group, value, untouched in rows:
                    if untouched:
                        _groups.put(group, value)

    def _take_in(self, bases: Sequence[float]) -> None:
        _groups.extend("lr_lambdas", self.lr_lambdas, len(self.optimizer.param_groups))
        super()._take_in(bases)

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
        groups = len(self.optimizer.param_groups)
        found = numbers(self._gave) or [1.0]
        return found if len(found) == groups else found * groups

    def state_dict(self) -> dict[str, Any]:
        self._noted = Noted.of(self.lr_lambdas, self._noted)
        return _with_functions(super().state_dict(), self._noted)

    def _load(self, state: dict[str, Any]) -> None:
        self._noted = Noted.of(self.lr_lambdas, self._noted)
        _load_functions(self, state, self._noted)
        self._seen = None
        super()._load(state)


def _one_each(optimizer: Optimizer, functions: Any) -> list[Factor]:
    groups = len(optimizer.param_groups)
    each = list(functions) if isinstance(functions, (list, tuple)) else [functions] * groups
    if len(each) != groups:
        raise ValueError(f"Expected {groups} lr_lambdas, but got {len(each)}")
    for function in each:
        require_function(function, "lr_lambda")
    return each


def _factors(functions: Sequence[Factor], tick: Any) -> list[float]:
    """The factor of each group; a function that serves all of them is called once."""
    if _is_one(functions):
        return [float(functions[0](tick))] * len(functions)
    return [function(tick) for function in functions]


def _is_one(functions: Sequence[Factor]) -> bool:
    first = functions[0]
    return all(function is first for function in functions)


def _with_functions(state: dict[str, Any], noted: Noted) -> dict[str, Any]:
    saved = [by_value(saved_function(function)) for function in noted.functions]
    return state | {"lr_lambdas": saved, NOTES: noted.notes}


def _load_functions(scheduler: LRScheduler, state: dict[str, Any], noted: Noted) -> None:
    """Restore callable objects in place, and compare functions with their notes."""
    for function, saved in zip(noted.functions, state.pop("lr_lambdas", []), strict=False):
        if saved and is_object(function):
            function.__dict__.update(saved)
    state.pop(VALUES_OF_OLD, None)
    compare_notes(class_of(scheduler), state.pop(NOTES, None), noted.notes)
