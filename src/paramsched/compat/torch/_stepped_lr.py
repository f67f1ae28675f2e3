"""What torch's schedulers share: a step computes the values of all groups from the options, and writes them at once.

`SteppedLR` checks whether something changed, advances the clock and writes a row of values. `RuleLR` computes the row
from a rule of the kernel. `CycleLR` also writes momentum.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, ClassVar, final

from torch import Tensor
from torch.optim import Optimizer

from paramsched.base.user_warnings import warn_user
from paramsched.compat import group_fields
from paramsched.compat.group_fields import Number, base_on_curve, by_value, picked, same_groups
from paramsched.compat.step_engine import UNCHANGED, StepEngine, TickStep, ValueRows
from paramsched.compat.torch._arguments import (
    as_floats,
    length_in_epochs,
    like_entry,
    nearly_equal,
    optimizer_of,
    real_number,
    refused_as_torch,
)
from paramsched.compat.torch.base import (
    LOST,
    LRScheduler,
    Verbose,
    drop_in_name,
    require_lr,
    says_its_own,
    warn_outside_step,
)
from paramsched.errors import CallSite
from paramsched.schedules.rules import Rule

_RATE = itemgetter("lr")


@final
@dataclass(slots=True)
class GroupSnapshot:
    """The groups and options as they were last seen, and what was written since; not part of a state."""

    groups: list[dict[str, Any]]
    members: list[dict[str, Any]]  # what is in that list
    held: list[Number]  # `base_lrs` itself, to notice another list at once
    bases: list[Number]
    options: Any
    floats: bool  # whether all that is written are plain numbers
    written: list[Any]  # one value per group; it may be a row of a table, so it is never changed
    stamps: list[Any] = field(default_factory=list)  # of the tensors that were filled


class SteppedLR(LRScheduler):
    """A step checks whether something has changed, advances the clock, computes a row of values and writes it.

    A subclass says what the values are at any tick (`_values_at`), and what a step writes if that is not the same
    (`_next_row`).
    """

    __slots__ = ("_in_a_chain", "_seen")
    _slot_values: ClassVar[dict[str, Any]] = {"_in_a_chain": False, "_seen": None}
    _read_options: Any = staticmethod(attrgetter("last_epoch"))
    _hooks: ClassVar[tuple[str, ...]] = ("get_lr",)  # what torch asks; a user's subclass that says it is asked here too
    _own_get_lr: ClassVar[bool] = False
    _sets_values: ClassVar[bool] = True  # whatever they were
    _rows_of_tables: ClassVar[bool] = True  # then a row is copied before users see it
    _seen: GroupSnapshot | None
    _in_a_chain: bool  # whether other schedulers of a chain scale the same values

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "_option_names" in cls.__dict__ and "_read_options" not in cls.__dict__:
            cls._read_options = staticmethod(attrgetter(*cls._option_names))
        cls._own_get_lr = says_its_own(cls, *cls._hooks)

    @abstractmethod
    def _values_at(self, tick: float) -> Sequence[Any]:
        """Return the lr of each group at `tick`, if this is the only writer."""

    def _prepare_values(self, before: GroupSnapshot | None, written: list[Any]) -> None:
        """Prepare the computation of values for the present options, bases and groups.

        `written` is what this scheduler wrote last, and what late groups hold.
        """

    def _next_row(self, seen: GroupSnapshot, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """Return the lr of each group after this step; None if the step has written them itself."""
        return self._values_at(tick)

    def _momenta_at(self, tick: float) -> Sequence[float] | None:
        """Return the momentum of each group; None if it is not scheduled."""
        return None

    def _tick_to_read(self) -> float:
        return self.last_epoch

    def _check_tick(self, tick: float) -> None:
        """Refuse a step beyond the end, if there is one."""

    def _update_lr(self, epoch: float | None = None) -> None:
        """Make a step; a subclass's own `get_lr` is called by the base class."""
        if self._own_get_lr:
            super()._update_lr(epoch)  # type: ignore[arg-type]  # torch's looseness
            if not self._sets_values:
                self._seen = None
            return
        seen = self._refresh_if_changed()
        self._advance_clock(epoch)
        self._step_to(seen, self._tick_to_read(), epoch)

    def _step_to(self, seen: GroupSnapshot, tick: float, epoch: float | None) -> None:
        """Compute the values of `tick` and write them."""
        self._check_tick(tick)
        row = self._next_row(seen, tick, epoch)
        momenta = self._momenta_at(tick)
        if row is None:
            seen.written = group_fields.group_values(self.optimizer)
            self._last_lr = seen.written.copy()
        elif seen.floats:
            if momenta is None:
                group_fields.put_floats(seen.groups, row)
            else:
                group_fields.put_cycle(seen.groups, row, momenta)
            seen.written = row  # type: ignore[assignment]  # a sequence is enough
            self._last_lr = list(row) if self._rows_of_tables else row  # type: ignore[assignment]  # then it is a list
        else:
            group_fields.put_row(self.optimizer, row)
            seen.written, self._last_lr = list(row), group_fields.group_values(self.optimizer)
        if not seen.floats:
            if momenta is not None:
                group_fields.put_momenta(seen.groups, momenta)
            seen.stamps = [stamp_of(group["lr"]) for group in seen.groups]

    def _refresh_if_changed(self) -> GroupSnapshot:
        """Return what is known of groups, bases and options.

        If one has changed, take in late groups and prepare the values for the present groups.
        """
        seen, groups = self._seen, self.optimizer.param_groups
        if (
            seen is not None
            and groups is seen.groups
            and group_fields.same_groups(groups, seen.members)
            and self.base_lrs is seen.held
            and self.base_lrs == seen.bases
            and self._read_options(self) == seen.options
        ):
            return seen
        self._take_in_late_groups()
        before, groups = self._seen, self.optimizer.param_groups
        if not self._own_get_lr and len(self.base_lrs) > len(groups):  # a state of more groups was loaded
            found = f"{len(self.base_lrs)} base_lrs for {len(groups)} param groups"
            raise group_fields.groups_changed(type(self).__name__, found)
        known = self._last_lr if before is None else before.written
        written = [*known, *(by_value(group["lr"]) for group in groups[len(known) :])]
        self._prepare_values(before, written)
        options = self._read_options(self)
        self._seen = GroupSnapshot(
            groups=groups,
            members=list(groups),
            held=self.base_lrs,
            bases=list(self.base_lrs),
            options=_kept_options(options),
            floats=all(group_fields.hold_floats(groups, one) for one in self._written_fields()),
            written=written,
            stamps=[None] * len(groups),
        )
        return self._seen

    def _know_late_groups(self) -> None:
        self._refresh_if_changed()

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        super()._keep_entries(kept, count)
        if self._seen is not None:
            self._seen.members = picked(self._seen.members, kept)
            self._seen.bases = picked(self._seen.bases, kept)
            self._seen.written = picked(self._seen.written, kept)

    def get_lr(self) -> list[Number]:
        """Return the value of each group at `last_epoch`; users call `get_last_lr()`."""
        warn_outside_step(self)
        self._refresh_if_changed()
        tick = self._tick_to_read()
        self._check_tick(tick)
        row = self._values_at(tick)
        if self._get_lr_called_within_step:
            momenta = self._momenta_at(tick)
            if momenta is not None:
                group_fields.put_momenta(self.optimizer.param_groups, momenta)
        return self._as_held(row)

    def _as_held(self, row: Sequence[Any]) -> list[Number]:
        """Return a row in the types of what the groups hold: numbers, or tensors."""
        return [like_entry(v, group["lr"]) for v, group in zip(row, self.optimizer.param_groups, strict=True)]

    def value(self, t: float, field: str = "lr") -> list[float]:
        """Return the value of `field` in each group at epoch `t`, without a step, if this is the only writer."""
        self._refresh_if_changed()
        row = self._values_at(t) if field == "lr" else self._momenta_at(t)
        if row is None:
            require_lr(self, t, field)
            return []
        return [float(value) for value in row]

    def _momenta_now(self) -> dict[str, Sequence[float]]:
        if self._own_get_lr or len(self._written_fields()) == 1:  # what its own get_lr writes besides is for it to know
            return {}
        self._refresh_if_changed()
        momenta = self._momenta_at(self._tick_to_read())
        return {} if momenta is None else dict.fromkeys(self._written_fields()[1:], momenta)

    def _load_checked(self, state: dict[str, Any]) -> None:
        super()._load_checked(state)
        self._seen = None


class RuleLR(SteppedLR):
    """The closed form of a rule while this is the only writer, else its relative step from the values that are there.

    Once somebody else has written, the steps stay relative until an epoch is asked for.
    """

    __slots__ = ("_before_zero", "_engine", "_last_tick", "_only_writer")
    _slot_values: ClassVar[dict[str, Any]] = {"_before_zero": None, "_last_tick": -1, "_only_writer": False}
    _hooks = ("get_lr", "_get_closed_form_lr")
    _sets_values = False
    _may_reach_zero: ClassVar[bool] = False  # whether a share of 0 may come and go

    _engine: StepEngine
    _last_tick: float  # the tick of the last step
    _only_writer: bool  # whether the groups hold what the closed form gave at the last step
    _before_zero: list[float] | None  # what the groups held before a share of 0 took it away

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Verbose = "deprecated") -> None:
        self.optimizer = optimizer_of(optimizer)
        self._make_rule()  # refuses its options before anything is written
        super().__init__(optimizer, last_epoch, verbose)

    @abstractmethod
    def _make_rule(self) -> Rule:
        """Return the kernel's rule for the present options; `absolute(1.0)` in it means `_level_per_group`."""

    def _number(self, option: str) -> float:
        return real_number(CallSite(drop_in_name(self), option), getattr(self, option))

    def _epochs(self, option: str, least: int) -> float:
        return length_in_epochs(CallSite(drop_in_name(self), option), getattr(self, option), least)

    def _level_per_group(self) -> list[Any] | None:
        """Return what `absolute(1.0)` means in each group."""
        return None

    def _prepare_values(self, before: GroupSnapshot | None, written: list[Any]) -> None:
        """Bind the engine to the groups; options or bases that have changed make a new engine."""
        groups = self.optimizer.param_groups
        known = before is not None and before.options == self._read_options(self)
        if before is None or not known or before.bases != self.base_lrs[: len(before.members)]:
            self._engine, self._only_writer = StepEngine(self._make_rule()), before is None
        self._engine.bind(as_floats(self.base_lrs), self._level_per_group())
        if before is None:
            self._last_tick = self.last_epoch
        if not self._is_initial and (before is None or len(groups) > len(before.members)):
            as_written = nearly_equal(written, self._engine.values_at(self.last_epoch))
            self._only_writer = self._only_writer and as_written

    def _values_at(self, tick: float) -> Sequence[float]:
        return self._engine.values_at(tick)

    def _update_lr(self, epoch: float | None = None) -> None:
        """Make a step; the usual one, to the next epoch with floats in the groups, is made without calls."""
        if self._is_initial:  # a composition may begin it anew
            self._seen = None
        seen, groups = self._seen, self.optimizer.param_groups
        # Without a call: calls would cost as much as the rest (benchmarks/test_compat_torch.py).
        if (
            epoch is None
            and seen is not None
            and seen.floats
            and groups is seen.groups
            and same_groups(groups, seen.members)
            and self.base_lrs is seen.held
            and self.base_lrs == seen.bases
            and self._read_options(self) == seen.options
        ):
            self.last_epoch += 1
            tick = self.last_epoch  # a subclass may have made a property of it
            # Comparing lists costs less than looking at each.
            if self._only_writer and tick == self._last_tick + 1 and list(map(_RATE, groups)) == seen.written:
                table = self._engine.table
                at = tick - table.begin
                row = table.rows[at] if 0 <= at < len(table.rows) and type(at) is int else table.row(tick)
                group_fields.put_floats(groups, row)
                self._last_tick, seen.written, self._last_lr = tick, row, row.copy()  # type: ignore[assignment]  # floats are numbers
            else:
                self._step_to(seen, tick, None)
            return
        super()._update_lr(epoch)

    def _next_row(self, seen: GroupSnapshot, tick: float, epoch: float | None) -> Sequence[Any] | None:
        """Return the closed form while this is the only writer, or for a given epoch; else the relative step."""
        goes_on, self._last_tick = self._last_tick + 1 == tick, tick
        if self._is_initial:
            self._begin_values(seen, tick)
            return None
        if epoch is not None:
            self._before_zero, self._only_writer = None, True
            return self._closed_row(tick)
        if not (self._only_writer and goes_on):
            self._only_writer = False
            return self._step_relative(seen, tick)
        row = self._engine.values_at(tick)
        if seen.floats:
            untouched = list(map(_RATE, seen.groups)) == seen.written
        else:  # without reading tensors
            pairs = zip(seen.groups, seen.written, seen.stamps, strict=True)
            untouched = all(
                stamp_of(group["lr"]) == stamp if isinstance(group["lr"], Tensor) else group["lr"] is written
                for group, written, stamp in pairs
            )
        return row if untouched else self._step_after_foreign_write(seen, tick, row)

    def _begin_values(self, seen: GroupSnapshot, tick: float) -> None:
        """Write the first values, also if a composition begins this member."""
        self._before_zero = None
        row = self._engine.values_at(tick)
        present = as_floats(group["lr"] for group in seen.groups)
        if tick == 0:
            self._before_zero = present if self._engine.step_into(0)[0] == 0.0 else None
            new = self._engine.stepped(0, present)
        else:
            # A value that is still the first one was not restored (divergences, torch 3).
            firsts = as_floats(group["initial_lr"] for group in seen.groups)
            new = [r if value == first else value for r, value, first in zip(row, present, firsts, strict=True)]
        self._only_writer = nearly_equal(new, row)
        for group, value, there in zip(seen.groups, new, present, strict=True):
            if value != there:
                group_fields.put_value(group, value)

    def _step_after_foreign_write(self, seen: GroupSnapshot, tick: float, row: Sequence[float]) -> Sequence[float]:
        """Return the closed form for groups that hold what we wrote, and the relative step for the others."""
        present = as_floats(group["lr"] for group in seen.groups)
        # What we wrote, as it reads in the dtype of a tensor.
        written = as_floats(like_entry(w, g["lr"]) for w, g in zip(seen.written, seen.groups, strict=True))
        ours = [value == w for value, w in zip(present, written, strict=True)]
        if all(ours):
            return row
        self._only_writer = False
        found = [w if same else value for value, w, same in zip(present, written, ours, strict=True)]
        stepped = self._engine.stepped(int(tick), found, self._before_zero)
        return [now if same else s for now, s, same in zip(row, stepped, ours, strict=True)]

    def _step_relative(self, seen: GroupSnapshot, tick: float) -> Sequence[float] | None:
        """Return the values after the relative step; None after tensors were scaled in place."""
        step = a, b, c, e = self._step_into(tick)
        if seen.floats:
            if b == c == e == 0.0 and a not in (0.0, 1.0):
                return [a * group["lr"] for group in seen.groups]
            values = [group["lr"] for group in seen.groups]
            return values if step == UNCHANGED else self._apply_relative(step, values)
        if a == 0.0 or e or self._before_zero is not None:
            return self._apply_relative(step, as_floats(group["lr"] for group in seen.groups))
        for group, base, level in zip(seen.groups, self._engine.bases, self._engine.levels, strict=True):
            group_fields.scale_value(group, a, b * base + c * level)
        return None

    def _step_into(self, tick: float) -> TickStep:
        if tick == 0 and not self._is_initial:
            return self._step_into_zero(self._engine.step_into(0))
        return self._engine.step_into(tick)  # type: ignore[arg-type]  # whole, where nobody asked for an epoch

    def _step_into_zero(self, step: TickStep) -> TickStep:
        """Return the step into epoch 0 for a call of `step()` or `get_lr()` that comes there."""
        theirs = self._theirs_at_zero()
        if theirs is not None and theirs != 1.0:
            warn_user(
                f"{type(self).__name__} comes to epoch 0 by step() or get_lr(), not by being built. torch divides by "
                f"the value of epoch -1 there, which multiplies the lr by {theirs:.6g}; here it stays as it is "
                "(docs/compat/divergences.md, torch 40).",
            )
        return step

    def _theirs_at_zero(self) -> float | None:
        """Return torch's factor there, if its recursion looks at epoch -1 (divergences, torch 40)."""
        return None

    def _apply_relative(self, step: TickStep, values: list[float]) -> list[float]:
        if step[0] == 0.0:
            lost, self._before_zero = self._before_zero, list(values)
            return self._engine.apply_step(step, values, lost)
        return self._engine.apply_step(step, values)

    def shares_at(self, tick: float) -> tuple[float, float]:
        return StepEngine(self._make_rule()).shares_at(tick)

    def _keep_entries(self, kept: Sequence[int], count: int) -> None:
        super()._keep_entries(kept, count)
        if self._before_zero is not None:
            self._before_zero = picked(self._before_zero, kept)

    def _base_from(self, value: float) -> float:
        share, level = self.shares_at(self.last_epoch)
        return base_on_curve(value, share, level * self._last_level())

    def _last_level(self) -> float:
        levels = self._level_per_group()
        return float(levels[-1]) if levels else 0.0

    def _take_in_bases(self, bases: Sequence[float]) -> None:
        super()._take_in_bases(bases)
        if self._before_zero is not None:
            self._before_zero = [*self._before_zero, *map(self._taken_from, bases)]

    def _taken_from(self, base: float) -> float:
        """Return what a share of 0 took from a late group."""
        return base

    def _begin_late(self, late: Sequence[dict[str, Any]]) -> None:
        """Take a late group to 0 with the others, if they will come back from it."""
        share, level = self.shares_at(self.last_epoch)
        if share != 0.0:
            return
        # As in torch a group keeps its lr while the others keep their nothing; where they come back it does too.
        if StepEngine(self._make_rule()).step_into(self.last_epoch + 1) != UNCHANGED:
            for group in late:
                group_fields.put_value(group, level * self._last_level())
        elif self._seen is not None:
            self._only_writer = False

    def get_lr(self) -> list[Number]:
        """Return the values after the relative step into `last_epoch`; users call `get_last_lr()`."""
        warn_outside_step(self)
        seen = self._refresh_if_changed()
        present = as_floats(group["lr"] for group in seen.groups)
        still = self._is_initial and self.last_epoch > 0
        return self._as_held(present if still else self._engine.apply_step(self._step_into(self.last_epoch), present))

    def _get_closed_form_lr(self) -> list[Number]:
        self._refresh_if_changed()
        return self._as_held(self._closed_row(self.last_epoch))

    def _closed_row(self, tick: float) -> Sequence[float]:
        """Return the closed form for a given epoch; below 0 it is that of epoch 0."""
        row = self._engine.values_at(tick)
        torchs_formula = getattr(super(), "_get_closed_form_lr", None)
        if tick < 0 and torchs_formula is not None:
            theirs = as_floats(torchs_formula())
            if not nearly_equal(theirs, row):
                warn_below_zero(self, tick, f", which makes the lr of the first group {theirs[0]:.6g}")
        return row

    def _last_factors(self) -> list[float]:
        self._refresh_if_changed()
        return [self._engine.step_into(self.last_epoch)[0]] * len(self.optimizer.param_groups)

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        return state if self._before_zero is None else state | {LOST: list(self._before_zero)}

    def _load_checked(self, state: dict[str, Any]) -> None:
        self._before_zero = state.pop(LOST, None)
        super()._load_checked(state)


class CycleLR(SteppedLR):
    """A cycle between values that each group has of its own, such as `max_lr`; momentum may go the other way."""

    __slots__ = ("_momentum_table",)
    _momentum_table: ValueRows | None
    cycle_momentum: bool
    use_beta1: bool

    def _find_momentum(self) -> None:
        """Find the field of the momentum; refuse an optimizer that has none."""
        name = next((one for one in ("betas", "momentum") if one in self.optimizer.defaults), None)
        if name is None:
            theirs = "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            raise refused_as_torch(theirs, "Write cycle_momentum=False")
        self.use_beta1 = name == "betas"

    def _begin_momentum(self, lowest: list[Any], highest: list[Any]) -> None:
        """Write both ends into the groups and begin at the highest."""
        groups = self.optimizer.param_groups
        group_fields.put_entries(groups, max_momentum=highest, base_momentum=lowest)
        group_fields.put_momenta(groups, as_floats(highest))

    def _written_fields(self) -> tuple[str, ...]:
        options = self.__dict__  # a state of old may lack an option
        if not options.get("cycle_momentum", False):
            return ("lr",)
        return ("lr", "betas[0]" if options.get("use_beta1", False) else "momentum")

    def _take_in_bases(self, bases: Sequence[float]) -> None:
        super()._take_in_bases([float(self.base_lrs[-1])] * len(bases))  # it joins the cycle of the last one


def _kept_options(options: Any) -> Any:
    """Return a copy that a change in place does not reach; tensors are compared by identity."""
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
    """Return a value that changes with every write into a tensor, also one in place."""
    if not isinstance(value, Tensor):
        return None
    try:
        return id(value), value._version
    except RuntimeError:  # in inference mode tensors count no versions
        return object()
