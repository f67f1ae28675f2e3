"""SettingLR: a scheduler that sets its fields to what a table says, whatever they were."""

from abc import abstractmethod
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from torch import Tensor

from paramsched.compat.torch import _groups, _members
from paramsched.compat.torch._base import LRScheduler, says_its_own, warn_outside_step
from paramsched.compat.torch._groups import Number


class SettingLR(LRScheduler):
    """Sets lr, and momentum where it cycles it, from the tables a subclass makes of its options.

    The tables are made again when options, bases or groups have changed since; that is looked at in every step.
    """

    __slots__ = ("_made_for",)
    _read_options: Any = staticmethod(attrgetter("last_epoch"))
    _own_get_lr = False
    _hooks: tuple[str, ...] = ("get_lr",)  # what torch asks: a user's subclass that says it is asked here too
    _made_for: tuple[Any, ...] | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_option_names" in cls.__dict__ and "_read_options" not in cls.__dict__:
            cls._read_options = staticmethod(attrgetter(*cls._option_names))
        cls._own_get_lr = says_its_own(cls, *cls._hooks)

    def _forget(self) -> None:
        super()._forget()
        self._made_for = None

    @abstractmethod
    def _prepare(self) -> None:
        """Make the tables, for the options, bases and groups as they are now."""

    @abstractmethod
    def _row(self, tick: float) -> Sequence[Any]:
        """The lr of each group."""

    def _momenta(self, tick: float) -> Sequence[float] | None:
        """The momentum of each group, or None where it is left alone."""
        return None

    def _advance(self, epoch: float | None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch  # type: ignore[assignment]  # torch's looseness

    def _tick(self) -> float:
        """Where the tables are read."""
        return self.last_epoch

    def _check_tick(self, tick: float) -> None:
        """Refuse a step beyond the end, where there is one."""

    def _update_lr(self, epoch: float | None = None) -> None:
        if len(self.optimizer.param_groups) > len(self.base_lrs):
            self._take_in_late_groups()
        self._advance(epoch)
        if self._own_get_lr:
            self._get_lr_called_within_step = True
            try:
                row: Sequence[Any] = self.get_lr()
            finally:
                self._get_lr_called_within_step = False
            _groups.write(self.optimizer, row)
            self._last_lr = _groups.values(self.optimizer)
            return
        self._ready()
        tick = self._tick()
        self._check_tick(tick)
        row = self._row(tick)
        momenta = self._momenta(tick)
        floats = self._write(row, momenta)
        self._last_lr = list(row) if floats else _groups.values(self.optimizer)

    def _write(self, row: Sequence[Any], momenta: Sequence[float] | None) -> bool:
        """Write both; whether all of it was floats."""
        groups = self.optimizer.param_groups
        floats, field = self._made_for[4:] if self._made_for is not None else (False, "")
        if not floats:
            _groups.write(self.optimizer, row)
            if momenta is not None:
                put_momenta(groups, momenta)
        elif momenta is None:
            for group, value in zip(groups, row):  # noqa: B905  # as many: `_ready` has counted
                group["lr"] = value
        elif field == "momentum":
            for group, value, momentum in zip(groups, row, momenta):  # noqa: B905  # as above
                group["lr"] = value
                group["momentum"] = momentum
        else:
            for group, value, momentum in zip(groups, row, momenta):  # noqa: B905  # as above
                group["lr"] = value
                group["betas"] = (momentum, group["betas"][1])
        return bool(floats)

    def _ready(self) -> None:
        made, groups = self._made_for, self.optimizer.param_groups
        if (
            made is None
            or groups is not made[0]
            or len(groups) != made[1]
            or self.base_lrs != made[2]
            or self._read_options(self) != made[3]
        ):
            self._prepare()
            options = self._read_options(self)
            options = list(options) if isinstance(options, list) else options  # so that a change in place is seen
            field, floats = momentum_of(groups)
            floats = floats and _groups.plain(self.optimizer)
            self._made_for = groups, len(groups), list(self.base_lrs), options, floats, field

    def _extend(self, name: str, entries: list[Any]) -> None:
        _groups.extend(name, entries, len(self.optimizer.param_groups))

    def get_lr(self) -> list[Number]:
        """The value of each group at `last_epoch`; `get_last_lr()` is what users want."""
        warn_outside_step(self)
        self._ready()
        tick = self._tick()
        self._check_tick(tick)
        row = self._row(tick)
        if self._get_lr_called_within_step:
            momenta = self._momenta(tick)
            if momenta is not None:
                put_momenta(self.optimizer.param_groups, momenta)
        groups = self.optimizer.param_groups
        return [_groups.like(value, group["lr"]) for value, group in zip(row, groups, strict=True)]

    def value(self, t: float, field: str = "lr") -> list[float]:
        """What `field` of each group is at epoch `t`, without stepping."""
        self._ready()
        row = self._row(t) if field == "lr" else self._momenta(t)
        if row is None:
            _members.only_lr(self, t, field)
            return []
        return [_groups.number(value) for value in row]

    def _beside_lr(self) -> dict[str, Sequence[float]]:
        if self._own_get_lr:  # what that writes besides is for it to know
            return {}
        self._ready()
        momenta = self._momenta(self._tick())
        return {} if momenta is None else dict.fromkeys(self._fields()[1:], momenta)

    def _load(self, state: dict[str, Any]) -> None:
        super()._load(state)
        self._made_for = None


def momentum_of(groups: list[dict[str, Any]]) -> tuple[str, bool]:
    """The field that is momentum, and whether it holds plain numbers everywhere."""
    if "betas" in groups[0]:
        pairs = [group["betas"] for group in groups]
        return "betas", all(len(pair) == 2 and not isinstance(pair[0], Tensor) for pair in pairs)
    return "momentum", not any(isinstance(group.get("momentum"), Tensor) for group in groups)


def put_momenta(groups: list[dict[str, Any]], momenta: Sequence[float]) -> None:
    """Write momentum, or the first beta where a group has betas."""
    if "betas" not in groups[0]:
        for group, momentum in zip(groups, momenta, strict=True):
            if isinstance(group["momentum"], Tensor):
                group["momentum"].fill_(momentum)
            else:
                group["momentum"] = momentum
        return
    for group, momentum in zip(groups, momenta, strict=True):
        betas = group["betas"]
        if isinstance(betas[0], Tensor):
            betas[0].fill_(momentum)
        else:
            group["betas"] = (momentum, betas[1]) if len(betas) == 2 else (momentum, *betas[1:])
