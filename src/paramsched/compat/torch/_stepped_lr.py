"""SteppedLR: a scheduler that computes the values of every group from its options, and writes them all at once."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, ClassVar, final

from torch import Tensor

from paramsched.base.user_warnings import warn_user
from paramsched.compat import group_fields
from paramsched.compat.group_fields import by_value, picked
from paramsched.compat.torch import _groups
from paramsched.compat.torch._groups import Number, holds_floats, write_floats, write_momenta
from paramsched.compat.torch.base import LRScheduler, require_lr, says_its_own, warn_outside_step
from paramsched.errors import Asked


@final
@dataclass(slots=True)
class Seen:
    """What a scheduler found at its last look, and what it wrote since; in no state."""

    groups: list[dict[str, Any]]
    members: list[dict[str, Any]]  # what is in that list
    held: list[Number]  # `base_lrs` itself, to notice another list at once
    bases: list[Number]
    options: Any
    floats: bool  # whether all that is written are plain numbers
    written: list[Any]  # one value per group; it may be a row of a table, so it is never changed
    stamps: list[Any] = field(default_factory=list)  # of the tensors that were filled


class SteppedLR(LRScheduler):
    """A step is: look whether something has changed, advance the clock, compute a row of values, write it.

    A subclass says what the values are at any tick (`_values_at`), and what a step writes if that is not the same
    (`_next_row`).
    """

    __slots__ = ("_in_a_chain", "_seen")
    _read_options: Any = staticmethod(attrgetter("last_epoch"))
    _hooks: ClassVar[tuple[str, ...]] = ("get_lr",)  # what torch asks; a user's subclass that says it is asked here too
    _own_get_lr: ClassVar[bool] = False
    _sets_values: ClassVar[bool] = True  # whatever they were
    _rows_of_tables: ClassVar[bool] = True  # then a row is copied before users see it
    _seen: Seen | None
    _in_a_chain: bool  # whether other schedulers of a chain scale the same values

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_option_names" in cls.__dict__ and "_read_options" not in cls.__dict__:
            cls._read_options = staticmethod(attrgetter(*cls._option_names))
        cls._own_get_lr = says_its_own(cls, *cls._hooks)

    def _forget_steps(self) -> None:
        super()._forget_steps()
        self._seen, self._in_a_chain = None, False

    @abstractmethod
    def _values_at(self, tick: float) -> Sequence[Any]:
        """The lr of each group at `tick`, where nobody else writes."""

    def _prepare_values(self, before: Seen | None, written: list[Any]) -> None:
        """Make what the values are computed from, for the options, bases and groups as they are now.

        `written` is what this scheduler wrote last, and what late groups hold.
        """

    def _next_row(self, seen: Seen, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """The lr of each group after this step; None where the step has written them itself."""
        return self._values_at(tick)

    def _momenta_at(self, tick: float) -> Sequence[float] | None:
        """The momentum of each group, or None where it is left alone."""
        return None

    def _tick_to_read(self) -> float:
        return self.last_epoch

    def _check_tick(self, tick: float) -> None:
        """Refuse a step beyond the end, where there is one."""

    def _update_lr(self, epoch: float | None = None) -> None:
        """A subclass's own `get_lr` takes the way of the base class."""
        if self._own_get_lr:
            super()._update_lr(epoch)  # type: ignore[arg-type]  # torch's looseness
            if not self._sets_values:
                self._seen = None
            return
        seen = self._look_once()
        self._advance_clock(epoch)
        self._step_to(seen, self._tick_to_read(), epoch)

    def _step_to(self, seen: Seen, tick: float, epoch: float | None) -> None:
        """Compute the values of `tick` and write them."""
        self._check_tick(tick)
        row = self._next_row(seen, tick, epoch)
        momenta = self._momenta_at(tick)
        if row is None:
            seen.written = group_fields.group_values(self.optimizer)
            self._last_lr = seen.written.copy()
        elif seen.floats:
            if momenta is None:
                for group, value in zip(seen.groups, row):  # noqa: B905  # as many: the look has counted
                    group["lr"] = value
            else:
                write_floats(seen.groups, row, momenta)
            seen.written = row  # type: ignore[assignment]  # a sequence is enough
            self._last_lr = list(row) if self._rows_of_tables else row  # type: ignore[assignment]  # then it is a list
        else:
            group_fields.put_row(self.optimizer, row)
            seen.written, self._last_lr = list(row), group_fields.group_values(self.optimizer)
        if not seen.floats:
            if momenta is not None:
                write_momenta(seen.groups, momenta)
            seen.stamps = [stamp_of(group["lr"]) for group in seen.groups]

    def _look_once(self) -> Seen:
        """What is known of groups, bases and options, made anew where one has changed."""
        seen, groups = self._seen, self.optimizer.param_groups
        if (
            seen is None
            or groups is not seen.groups
            or not group_fields.same_groups(groups, seen.members)
            or self.base_lrs is not seen.held
            or self.base_lrs != seen.bases
            or self._read_options(self) != seen.options
        ):
            seen = self._look_again()
        return seen

    def _look_again(self) -> Seen:
        """Take in late groups and prepare the values for what is there now."""
        self._take_in_late_groups()
        before, groups = self._seen, self.optimizer.param_groups
        if not self._own_get_lr and len(self.base_lrs) > len(groups):  # a state of more groups was loaded
            found = f"{len(self.base_lrs)} base_lrs for {len(groups)} param groups"
            raise group_fields.groups_changed(type(self).__name__, found)
        known = self._last_lr if before is None else before.written
        written = [*known, *(by_value(group["lr"]) for group in groups[len(known) :])]
        self._prepare_values(before, written)
        options = self._read_options(self)
        self._seen = Seen(
            groups=groups,
            members=list(groups),
            held=self.base_lrs,
            bases=list(self.base_lrs),
            options=_kept_options(options),
            floats=_groups.hold_floats(self.optimizer) and holds_floats(groups, self._written_fields()),
            written=written,
            stamps=[None] * len(groups),
        )
        return self._seen

    def _know_late_groups(self) -> None:
        self._look_once()

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        super()._keep_entries(kept, count)
        if self._seen is not None:
            self._seen.members = picked(self._seen.members, kept)
            self._seen.bases = picked(self._seen.bases, kept)
            self._seen.written = picked(self._seen.written, kept)

    def get_lr(self) -> list[Number]:
        """The value of each group at `last_epoch`; `get_last_lr()` is what users want."""
        warn_outside_step(self)
        self._look_once()
        tick = self._tick_to_read()
        self._check_tick(tick)
        row = self._values_at(tick)
        if self._get_lr_called_within_step:
            momenta = self._momenta_at(tick)
            if momenta is not None:
                write_momenta(self.optimizer.param_groups, momenta)
        return self._as_held(row)

    def _as_held(self, row: Sequence[Any]) -> list[Number]:
        """A row in the types of what the groups hold: numbers, or tensors."""
        return [_groups.like_entry(v, group["lr"]) for v, group in zip(row, self.optimizer.param_groups, strict=True)]

    def value(self, t: float, field: str = "lr") -> list[float]:
        """What `field` of each group is at epoch `t`, without stepping, where this is the only writer."""
        self._look_once()
        row = self._values_at(t) if field == "lr" else self._momenta_at(t)
        if row is None:
            require_lr(self, t, field)
            return []
        return [float(value) for value in row]

    def _momenta_now(self) -> dict[str, Sequence[float]]:
        if self._own_get_lr or len(self._written_fields()) == 1:  # what its own get_lr writes besides is for it to know
            return {}
        self._look_once()
        momenta = self._momenta_at(self._tick_to_read())
        return {} if momenta is None else dict.fromkeys(self._written_fields()[1:], momenta)

    def _load_checked(self, state: dict[str, Any]) -> None:
        super()._load_checked(state)
        self._seen = None

    def _one_per_group(self, argument: str, value: Any) -> list[Any]:
        return _groups.one_per_group(Asked(type(self).__name__, argument), self.optimizer, value)

    def _extend_entries(self, name: str, entries: list[Any]) -> None:
        _groups.extend_per_group(name, entries, len(self.optimizer.param_groups))


def _kept_options(options: Any) -> Any:
    """A copy that a change in place does not reach; tensors are compared by identity."""
    if isinstance(options, (list, tuple)):
        return type(options)(_kept_options(item) for item in options)
    if isinstance(options, dict):
        return {key: _kept_options(value) for key, value in options.items()}
    return options


def warn_below_zero(scheduler: LRScheduler, epoch: float, theirs: str = "") -> None:
    """Warn that an epoch below 0 is not what it is in torch."""
    warn_user(
        f"{type(scheduler).__name__} is asked for epoch {epoch}. torch continues its formula below 0{theirs}; here "
        "it is the value of epoch 0 (docs/compat/divergences.md, torch 42). Write step(0) for the first epoch.",
    )


def stamp_of(value: Any) -> Any:
    """What changes when somebody writes into a tensor, be it in place."""
    if not isinstance(value, Tensor):
        return None
    try:
        return id(value), value._version
    except RuntimeError:  # in inference mode tensors count no versions
        return object()
