"""Base classes of torch's schedulers, whose step computes and writes the values of all groups at once.

`SteppedLR` checks for changed groups and options, advances the epoch and writes one value per group. `RuleLR` computes
the values by a rule of `paramsched.core.schedules.rules`. `CycleLR` also writes momentum.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, final

from torch import Tensor

from paramsched.compat.torch._argument_checks import (
    as_floats,
    length_in_epochs,
    like_entry,
    nearly_equal,
    real_number,
    torch_error,
)
from paramsched.compat.torch.base import (
    LOST,
    RELATIVE,
    LRScheduler,
    drop_in_name,
    hook,
    not_scheduled,
    warn_outside_step,
)
from paramsched.core.dropins import group_fields
from paramsched.core.dropins.group_fields import Number, base_on_curve, by_value, same_groups, select
from paramsched.core.dropins.step_engine import UNCHANGED, StepEngine, TickStep, ValueRows
from paramsched.core.schedules.rules import Rule
from paramsched.errors import CallSite

_RATE = itemgetter("lr")


@final
@dataclass(slots=True)
class GroupSnapshot:
    """The groups and options at the scheduler's last check for changes, and the values it has written since.

    A snapshot is not part of a state.
    """

    groups: list[dict[str, Any]]
    members: list[dict[str, Any]]  # a copy of the list `groups`
    held: list[Number]  # `base_lrs` itself, because comparing identity is fast
    bases: list[Number]
    options: Any
    floats: bool  # True if all written fields are plain numbers
    written: list[Any]  # one value per group; never modified, because it may be a row of a table
    stamps: list[Any] = field(default_factory=list)  # `stamp_of` the lr that was written, one per group


class SteppedLR(LRScheduler):
    """Base class of schedulers that compute and write the values of all groups at once.

    A subclass defines the values at any epoch, here called tick (`_values_at`). It also defines `_next_row` if a step
    writes values other than these.
    """

    __slots__ = ("_in_a_chain",)
    _slot_values: ClassVar[dict[str, Any]] = {"_in_a_chain": False}
    _read_options: Any = staticmethod(attrgetter("last_epoch"))
    _hooks: ClassVar[tuple[str, ...]] = ("get_lr", "_get_closed_form_lr")
    _rows_of_tables: ClassVar[bool] = True  # if True, a row is copied before it is returned to users
    _snapshot: GroupSnapshot | None
    _in_a_chain: bool  # whether other schedulers of a chain scale the same values

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_option_names" in cls.__dict__ and "_read_options" not in cls.__dict__:
            cls._read_options = staticmethod(attrgetter(*cls._option_names))

    @abstractmethod
    def _values_at(self, tick: float) -> Sequence[Any]:
        """Return the lr of each group at `tick`, assuming no external writes."""

    def _prepare_values(self, previous: GroupSnapshot | None, written: list[Any]) -> None:
        """Prepare the computation of values for the present options, bases and groups.

        `written` contains the values this scheduler wrote last, and the present values of late groups.
        """

    def _next_row(self, snapshot: GroupSnapshot, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """Return the lr of each group after this step; None if this method has already written them."""
        return self._values_at(tick)

    def _momenta_at(self, tick: float) -> Sequence[float] | None:
        """Return the momentum of each group; None if it is not scheduled."""
        return None

    def _tick_to_read(self) -> float:
        return self.last_epoch

    def _check_tick(self, tick: float) -> None:
        """Raise an error if `tick` is after the scheduler's last step, for a scheduler that has one."""

    def _update_lr(self, epoch: float | None = None) -> None:
        """Make a step. If other code has set `get_lr`, write the values that it returns."""
        if self._overrides_hooks or self._own_methods or (epoch is not None and "_get_closed_form_lr" in vars(self)):
            super()._update_lr(epoch)  # type: ignore[arg-type]  # torch accepts floats too
            self._snapshot = None
            return
        snapshot = self._refresh_if_changed()
        self._advance_clock(epoch)
        self._step_to(snapshot, self._tick_to_read(), epoch)

    def _step_to(self, snapshot: GroupSnapshot, tick: float, epoch: float | None) -> None:
        """Compute the values of `tick` and write them."""
        self._check_tick(tick)
        row = self._next_row(snapshot, tick, epoch)
        momenta = self._momenta_at(tick)
        if row is None:
            snapshot.written = group_fields.group_values(self.optimizer)
            self._last_lr = snapshot.written.copy()
        elif snapshot.floats:
            if momenta is None:
                group_fields.set_floats(snapshot.groups, row)
            else:
                group_fields.set_cycle(snapshot.groups, row, momenta)
            snapshot.written = row  # type: ignore[assignment]  # a sequence is enough
            self._last_lr = list(row) if self._rows_of_tables else row  # type: ignore[assignment]  # it is a list here
        else:
            group_fields.set_row(self.optimizer, row)
            snapshot.written, self._last_lr = list(row), group_fields.group_values(self.optimizer)
        if not snapshot.floats:
            if momenta is not None:
                group_fields.set_momenta(snapshot.groups, momenta)
            snapshot.stamps = [stamp_of(group["lr"]) for group in snapshot.groups]

    def _refresh_if_changed(self) -> GroupSnapshot:
        """Return the snapshot of groups, bases and options.

        If one of these has changed, include late groups and prepare the values for the present groups.
        """
        snapshot, groups, bases = self._snapshot, self.optimizer.param_groups, self.base_lrs
        if (
            snapshot is not None
            and groups is snapshot.groups
            and group_fields.same_groups(groups, snapshot.members)
            and bases is snapshot.held
            and bases == snapshot.bases
            and self._read_options(self) == snapshot.options
        ):
            return snapshot
        self._take_in_late_groups()
        previous, groups = self._snapshot, self.optimizer.param_groups
        if not self._own_hooks and len(self.base_lrs) > len(groups):  # a state of more groups was loaded
            found = f"{len(self.base_lrs)} base_lrs for {len(groups)} param groups"
            raise group_fields.groups_changed(type(self).__name__, found)
        written = [*self._last_lr, *(by_value(group["lr"]) for group in groups[len(self._last_lr) :])]
        self._prepare_values(previous, written)
        options = self._read_options(self)
        self._snapshot = GroupSnapshot(
            groups=groups,
            members=list(groups),
            held=self.base_lrs,
            bases=list(self.base_lrs),
            options=_kept_options(options),
            floats=all(group_fields.all_floats(groups, one) for one in self._written_fields()),
            written=written,
            stamps=[None] * len(groups),
        )
        return self._snapshot

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        super()._keep_entries(kept, count)
        if self._snapshot is not None:
            self._snapshot.members = select(self._snapshot.members, kept)
            self._snapshot.bases = select(self._snapshot.bases, kept)

    @hook
    def get_lr(self) -> list[Number]:
        """Return the value of each group at `last_epoch`; users call `get_last_lr()`."""
        warn_outside_step(self)
        self._refresh_if_changed()
        tick = self._tick_to_read()
        self._check_tick(tick)
        row = self._values_at(tick)
        momenta = self._momenta_at(tick)
        if momenta is not None:
            group_fields.set_momenta(self.optimizer.param_groups, momenta)
        return self._in_group_types(row)

    def _in_group_types(self, row: Sequence[Any]) -> list[Number]:
        """Convert a row to the types of the groups' present values: numbers or tensors."""
        return [like_entry(v, group["lr"]) for v, group in zip(row, self.optimizer.param_groups, strict=True)]

    def value(self, t: float, field: str = "lr") -> list[float]:
        """Return the value of `field` in each group at epoch `t`, without a step and assuming no external writes."""
        self._refresh_if_changed()
        row = self._values_at(t) if field == "lr" else None
        if field in ("momentum", "betas[0]"):
            row = self._momenta_at(t)
        if row is None:
            raise not_scheduled(self, t, field)
        return [float(value) for value in row]

    def _momenta_now(self) -> dict[str, Sequence[float]]:
        if self._own_hooks or len(self._written_fields()) == 1:  # an overridden get_lr may write other fields
            return {}
        self._refresh_if_changed()
        momenta = self._momenta_at(self._tick_to_read()) or ()  # not None, because momentum is written too
        return dict.fromkeys(self._written_fields()[1:], momenta)

    def _load_checked(self, state: dict[str, Any]) -> None:
        super()._load_checked(state)
        self._snapshot = None


class RuleLR(SteppedLR):
    """A scheduler that computes values by the closed form of a rule, or by relative steps after an external write.

    The closed form gives the value at any epoch. A relative step changes the present value. After an external write,
    steps remain relative until an epoch is requested by `step(epoch)`.
    """

    __slots__ = ("_before_zero", "_engine", "_last_tick", "_only_writer")
    _slot_values: ClassVar[dict[str, Any]] = {"_before_zero": None, "_last_tick": -1, "_only_writer": True}
    _may_reach_zero: ClassVar[bool] = False  # True if the factor may be 0 before the end

    _engine: StepEngine
    _last_tick: float  # the tick of the last step
    _only_writer: bool  # True if the groups contain the closed form of the last step
    _before_zero: list[float] | None  # the values from before a factor of 0, if there was one

    @abstractmethod
    def _make_rule(self) -> Rule:
        """Return the rule for the present options, in which `absolute(1.0)` means the number in `_level_per_group`."""

    def _number(self, option: str) -> float:
        return real_number(CallSite(drop_in_name(self), option), getattr(self, option))

    def _epochs(self, option: str, *, or_zero: bool = False) -> float:
        return length_in_epochs(CallSite(drop_in_name(self), option), getattr(self, option), or_zero=or_zero)

    def _level_per_group(self) -> list[Any] | None:
        """Return the number that `absolute(1.0)` in the rule means for each group; None if the rule does not use it."""
        return None

    def _prepare_values(self, previous: GroupSnapshot | None, written: list[Any]) -> None:
        """Pass bases and levels to the step engine. Build a new engine if options or bases have changed."""
        groups = self.optimizer.param_groups
        if (
            previous is None
            or previous.options != self._read_options(self)
            or previous.bases != self.base_lrs[: len(previous.members)]
        ):
            self._engine = StepEngine(self._make_rule())
            self._only_writer = self._only_writer and previous is None
        self._engine.bind(as_floats(self.base_lrs), self._level_per_group())
        if previous is None:
            self._last_tick = self.last_epoch
        if not self._is_initial and (previous is None or len(groups) > len(previous.members)):
            as_written = nearly_equal(written, self._engine.values_at(self.last_epoch))
            self._only_writer = self._only_writer and as_written

    def _values_at(self, tick: float) -> Sequence[float]:
        return self._engine.values_at(tick)

    def _update_lr(self, epoch: float | None = None) -> None:
        """Make a step. The code for the usual case, the next epoch and floats in all groups, is inlined."""
        snapshot, groups, bases = self._snapshot, self.optimizer.param_groups, self.base_lrs
        # Inlined, because calls would double the cost (benchmarks/test_compat_torch.py).
        if (
            epoch is None
            and snapshot is not None
            and snapshot.floats
            and groups is snapshot.groups
            and same_groups(groups, snapshot.members)
            and bases is snapshot.held
            and bases == snapshot.bases
            and not self._overrides_hooks
            and self._read_options(self) == snapshot.options
        ):
            self.last_epoch += 1
            tick = self.last_epoch  # a subclass may define it as a property
            # Comparing lists is faster than comparing each value.
            if self._only_writer and tick == self._last_tick + 1 and list(map(_RATE, groups)) == snapshot.written:
                table = self._engine.table
                at = tick - table.begin
                row = table.rows[at] if 0 <= at < len(table.rows) and type(at) is int else table.row(tick)
                group_fields.set_floats(groups, row)
                self._last_tick, snapshot.written, self._last_lr = tick, row, row.copy()  # type: ignore[assignment]  # floats are numbers
            else:
                self._step_to(snapshot, tick, None)
            return
        super()._update_lr(epoch)

    def _next_row(self, snapshot: GroupSnapshot, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """Return the values by the closed form, or by the relative step if there was an external write."""
        is_next, self._last_tick = self._last_tick + 1 == tick, tick
        if self._is_initial:
            self._begin_values(snapshot, tick)
            return None
        if epoch is not None:
            is_zero = tick == 0 and self._engine.step_into(0)[0] == 0.0
            self._before_zero = as_floats(self.base_lrs) if is_zero else None
            self._set_only_writer(tick >= 0)
            return self._closed_row(tick)
        if self._follows_torch(tick):
            self._set_only_writer(tick % 1 != 0)  # fractional epochs follow the closed form
            return self._torchs_row(closed=False)
        if not (self._only_writer and is_next):
            self._only_writer = False
            return self._step_relative(snapshot, tick)
        row = self._engine.values_at(tick)
        untouched = all(
            stamp_of(group["lr"]) == stamp if isinstance(group["lr"], Tensor) else group["lr"] == written
            for group, written, stamp in zip(snapshot.groups, snapshot.written, snapshot.stamps, strict=True)
        )  # stamps, because reading a tensor is slow
        return row if untouched else self._step_after_foreign_write(snapshot, tick, row)

    def _begin_values(self, snapshot: GroupSnapshot, tick: float) -> None:
        """Write the first values, at construction, or when a composition such as `SequentialLR` starts the member."""
        self._before_zero = None
        row = self._engine.values_at(tick)
        present = as_floats(group["lr"] for group in snapshot.groups)
        if tick == 0:
            self._before_zero = present if self._engine.step_into(0)[0] == 0.0 else None
            new = self._engine.stepped(0, present)
        else:
            # A value that still equals the initial one was not restored (docs/reference/divergences.md, torch 3).
            firsts = as_floats(group["initial_lr"] for group in snapshot.groups)
            new = [r if value == first else value for r, value, first in zip(row, present, firsts, strict=True)]
        self._set_only_writer(nearly_equal(new, row))
        for group, value, there in zip(snapshot.groups, new, present, strict=True):
            if value != there:
                group_fields.set_value(group, value)

    def _step_after_foreign_write(self, snapshot: GroupSnapshot, tick: float, row: Sequence[float]) -> Sequence[float]:
        """Return the values by the closed form for unchanged groups, and by the relative step for the others."""
        present = as_floats(group["lr"] for group in snapshot.groups)
        # The values this scheduler wrote, rounded to the dtype of a tensor.
        written = as_floats(like_entry(w, g["lr"]) for w, g in zip(snapshot.written, snapshot.groups, strict=True))
        ours = [value == w for value, w in zip(present, written, strict=True)]
        if all(ours):
            return row
        self._only_writer = False
        found = [w if same else value for value, w, same in zip(present, written, ours, strict=True)]
        stepped = self._apply_relative(self._engine.step_into(int(tick)), found)
        return [now if same else s for now, s, same in zip(row, stepped, ours, strict=True)]

    def _step_relative(self, snapshot: GroupSnapshot, tick: float) -> Sequence[float] | None:
        """Return the values after the relative step; None if tensors were scaled in place."""
        step = a, b, c, e = self._engine.step_into(int(tick))
        if snapshot.floats or a == 0.0 or e or self._before_zero is not None:
            return self._apply_relative(step, as_floats(group["lr"] for group in snapshot.groups))
        for group, base, level in zip(snapshot.groups, self._engine.bases, self._engine.levels, strict=True):
            group_fields.scale_value(group, a, b * base + c * level)
        return None

    def _follows_torch(self, tick: float) -> bool:
        """Return whether torch's own method computes a step: to an epoch up to 0 that no constructor wrote.

        The rule begins at epoch 0, and torch's formulas continue below it.
        """
        return tick <= 0 and not self._is_initial and hasattr(super(), "_get_closed_form_lr")

    def _torchs_row(self, *, closed: bool) -> list[float]:
        """Return the lr of each group by the method of torch's class."""
        theirs: Any = super()
        inside, self._get_lr_called_within_step = self._get_lr_called_within_step, True  # no second warning
        try:
            return as_floats(theirs._get_closed_form_lr() if closed else super(LRScheduler, self).get_lr())
        finally:
            self._get_lr_called_within_step = inside

    def _apply_relative(self, step: TickStep, values: list[float]) -> list[float]:
        a, _, _, e = step
        if a == 0.0:
            lost, self._before_zero = self._before_zero, None if e else list(values)
            return self._engine.apply_step(step, values, lost)
        return self._engine.apply_step(step, values)

    def shares_at(self, tick: float) -> tuple[float, float]:
        return StepEngine(self._make_rule()).shares_at(tick)

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        super()._keep_entries(kept, count)
        if self._before_zero is not None:
            self._before_zero = select(self._before_zero, kept)

    def _base_of(self, value: float) -> float:
        share, level = self.shares_at(self.last_epoch)
        return base_on_curve(value, share, level * self._last_level())

    def _last_level(self) -> float:
        return float((self._level_per_group() or [0.0])[-1])

    def _take_in_bases(self, bases: Sequence[float]) -> None:
        super()._take_in_bases(bases)
        if self._before_zero is not None:
            self._before_zero = [*self._before_zero, *map(self._value_before_zero, bases)]

    def _value_before_zero(self, base: float) -> float:
        """Return the value that a late group with this base would have had before the factor of 0."""
        return base

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        """Set late groups to the minimum if the other groups are at it and will rise again."""
        share, level = self.shares_at(self.last_epoch)
        if share != 0.0:
            return
        # As in torch, a group keeps its lr if the other groups stay at 0.
        if StepEngine(self._make_rule()).step_into(self.last_epoch + 1) != UNCHANGED:
            for group in late:
                group_fields.set_value(group, level * self._last_level())

    @hook
    def get_lr(self) -> list[Number]:
        """Return the lr of each group after the relative step to `last_epoch`; users call `get_last_lr()`."""
        warn_outside_step(self)
        snapshot = self._refresh_if_changed()
        if self._follows_torch(self.last_epoch):
            return self._in_group_types(self._torchs_row(closed=False))
        present = as_floats(group["lr"] for group in snapshot.groups)
        still = self._is_initial and self.last_epoch > 0
        return self._in_group_types(
            present if still else self._engine.apply_step(self._engine.step_into(self.last_epoch), present)
        )

    @hook
    def _get_closed_form_lr(self) -> list[Number]:
        self._refresh_if_changed()
        return self._in_group_types(self._closed_row(self.last_epoch))

    def _closed_row(self, tick: float) -> Sequence[float]:
        """Return the values at a requested epoch by the closed form; below epoch 0 by torch's."""
        if tick < 0 and self._follows_torch(tick):
            return self._torchs_row(closed=True)
        return self._engine.values_at(tick)

    def _last_factors(self) -> list[float]:
        return [self._engine.step_into(self.last_epoch)[0]] * len(self.optimizer.param_groups)

    def _history(self) -> dict[str, Any]:
        history = {} if self._only_writer else {RELATIVE: True}
        return history if self._before_zero is None else history | {LOST: list(self._before_zero)}

    def _take_history(self, state: dict[str, Any]) -> None:
        self._before_zero = state.pop(LOST, None)
        self._set_only_writer(not state.pop(RELATIVE, False))

    def _set_only_writer(self, is_only: bool) -> None:
        # In a chain, relative steps keep the value from before a factor of 0, which other members scale meanwhile.
        self._only_writer = is_only and not (self._in_a_chain and self._may_reach_zero)


class CycleLR(SteppedLR):
    """A scheduler that cycles between per-group values such as `max_lr`; momentum may run in the opposite direction."""

    __slots__ = ("_momentum_table",)
    _momentum_table: ValueRows | None
    cycle_momentum: bool
    use_beta1: bool

    def _find_momentum(self) -> None:
        """Find the field that contains the momentum; raise an error if the optimizer has no momentum."""
        name = next((one for one in ("betas", "momentum") if one in self.optimizer.defaults), None)
        if name is None:
            theirs = "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            raise torch_error(theirs, "Use cycle_momentum=False")
        self.use_beta1 = name == "betas"

    def _begin_momentum(self, lowest: Sequence[Any], highest: Sequence[Any]) -> None:
        """Write the lowest and the highest momentum into the groups, and set the momentum to the highest."""
        groups = self.optimizer.param_groups
        group_fields.set_entries(groups, max_momentum=highest, base_momentum=lowest)
        group_fields.set_momenta(groups, as_floats(highest))

    def _written_fields(self) -> tuple[str, ...]:
        if not self.cycle_momentum:
            return ("lr",)
        return ("lr", "betas[0]" if self.use_beta1 else "momentum")

    def _base_of(self, value: float) -> float:  # a new group joins the cycle of the last group
        return float(self.base_lrs[-1])

    def _take_in_bases(self, bases: Sequence[float]) -> None:
        super()._take_in_bases([float(self.base_lrs[-1])] * len(bases))


def _kept_options(options: Any) -> Any:
    """Return a copy of the options, so that changes in place are noticed. Tensors are not copied."""
    if isinstance(options, (list, tuple)):
        return type(options)(_kept_options(item) for item in options)
    if isinstance(options, dict):
        return {key: _kept_options(value) for key, value in options.items()}
    return options


def stamp_of(value: Any) -> Any:
    """Return an object that changes with every write into a tensor, including writes in place; None for a number."""
    if not isinstance(value, Tensor):
        return None
    try:
        return id(value), value._version
    except RuntimeError:  # inference tensors have no version counter
        return object()
