"""The entries that a plan writes (slots), and their values for the next updates, computed in blocks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isclose, isfinite
from operator import length_hint
from typing import Any, TypeAlias, final

import numpy as np
import torch

from paramsched.core.curves.arrays import Floats
from paramsched.core.fields import RECORD, Field, base_of, is_number, label, recorded_base
from paramsched.core.plan import Binding, Plan, Target, bind
from paramsched.core.plan.binding import UPDATES, clock_of_field
from paramsched.core.plan.optimizers import Scope
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.processes import Processes
from paramsched.core.run.state import COUNT, Clock, Group, LateGroups, RuleStates, UpdateTimes
from paramsched.core.run.writes import (
    EntryKind,
    Overwritten,
    Writer,
    combine_writers,
    fill,
    float_writer,
    target_writer,
    tensor_writer,
    write_entry,
    write_floats,
)
from paramsched.core.schedules import AbsoluteSchedule, Schedule
from paramsched.core.schedules.affine import Affine, product
from paramsched.core.schedules.evaluation import columns, evaluate, quiet
from paramsched.core.schedules.own import has_open_function
from paramsched.errors import InvalidArgument, StateError


@final
@dataclass(frozen=True, slots=True)
class Slot:
    """One field of one group, its schedule and its base."""

    group: int
    name: str
    field: Field
    schedule: Schedule
    base: float
    clock: str = UPDATES  # the clock of the schedule


def slots_of(
    plan: Plan,
    groups: list[Group],
    bases: Mapping[tuple[int, str], float] | None = None,
    scope: Scope | None = None,
) -> tuple[Slot, ...]:
    """Return one slot for each scheduled field of each group; `bases` maps (group index, `Field.slot`) to a base."""
    return tuple(
        Slot(
            index,
            bound.name,
            bound.field,
            bound.schedule,
            _starting_base(bound.field, group, index, bases or {}, scope),
            bound.clock,
        )
        for index, (group, bounds) in enumerate(zip(groups, bind(plan, groups, scope), strict=True))
        for bound in bounds
    )


LR = Field("lr", None)


def initial_value(field: Field, group: Group) -> Any:
    """Return the initial value that an earlier scheduler stored in a group, such as torch's `initial_lr`.

    Returns None if there is none, or if a plan has written the group since.
    """
    return group.get(f"initial_{field.key}") if field.index is None and RECORD not in group else None


def _starting_base(
    field: Field, group: Group, index: int, bases: Mapping[tuple[int, str], float], scope: Scope | None
) -> float:
    """Return the base from `bases`, else the recorded base, else the initial value, else the current value."""
    name = label(group, index)
    where = f"{field} of group {name if scope is None else f'{scope.optimizer}/{name}'!r}"
    given = bases.get((index, field.slot))
    if given is None:
        given = recorded_base(group, field.slot)
    if given is None and (given := initial_value(field, group)) is not None:
        where = f"initial_{where}"
    if given is None:
        given = field.read(group)
    return base_of(where, given.detach() if isinstance(given, torch.Tensor) else given)


def base_for(slot: Slot, times: UpdateTimes, states: RuleStates) -> float:
    """Return the base with which a slot's schedule has the value `slot.base` at an update.

    For a schedule that is proportional to its base, the result is value / f(t).
    """
    value = slot.base
    zero, one = values_at([replace(slot, base=0.0), replace(slot, base=1.0)], times, states)
    for share, rest in ((one, 0.0), (one - zero, zero)):
        base = (value - rest) / share if share and isfinite(share) else value
        if isfinite(base):
            (found,) = values_at([replace(slot, base=base)], times, states)
            if isclose(found, value, rel_tol=1e-9):
                return base
    return value


def with_base(slot: Slot, base: float) -> Slot:
    """Return the slot with another base; the same object if the base is equal."""
    return slot if base == slot.base else replace(slot, base=base)


def bases_by_slot(slots: Iterable[Slot]) -> dict[tuple[int, str], float]:
    """Return a dict from group index and flat field name to the base of each slot."""
    return {(slot.group, slot.field.slot): slot.base for slot in slots}


def present_values(slots: Iterable[Slot], groups: Sequence[Group]) -> dict[tuple[int, str], float]:
    """Return the present value of each slot that has a number, by group index and flat field name."""
    found = {(slot.group, slot.field.slot): slot.field.read(groups[slot.group]) for slot in slots}
    return {place: float(value) for place, value in found.items() if is_number(value)}


def values_of(schedule: Schedule, times: Any, base: float, states: RuleStates) -> Floats:
    """Return the values of a schedule for one base, after its metric rules are applied."""
    values = evaluate(schedule, np.atleast_1d(times), base)
    if isinstance(schedule, AbsoluteSchedule):
        base = 1.0  # its rules are inside of absolute(…) too, so their levels are values
    for rule in schedule.metric_rules:
        values = rule.apply(states[rule], values, base)
    return values


@final
@dataclass(frozen=True, slots=True)
class SlotsOfSchedule:
    """Slots that follow one schedule: their places among all slots and their bases, as arrays."""

    schedule: Schedule
    places: Any
    bases: Any
    has_zero: bool  # True if one of the bases is 0
    affine: bool  # of the schedule; cached, because it depends on all parts of the schedule
    clock: str
    factor_at: Callable[[float], float] | None  # the factor of base at one time, if the schedule has such a function

    @staticmethod
    def all_in(slots: Sequence[Slot]) -> "list[SlotsOfSchedule]":
        """Group the slots by their schedules."""
        places: dict[tuple[int, str], list[int]] = {}
        for place, slot in enumerate(slots):
            places.setdefault((id(slot.schedule), slot.clock), []).append(place)
        found = []
        for mine in places.values():
            schedule, bases = slots[mine[0]].schedule, np.array([slots[place].base for place in mine])
            affine = schedule.affine and not schedule.metric_rules
            clock, factor_at = slots[mine[0]].clock, schedule._factor_of_number() if affine else None
            found.append(SlotsOfSchedule(schedule, np.array(mine), bases, not bases.all(), affine, clock, factor_at))
        return found

    def factors(self, times: UpdateTimes) -> list[float] | None:
        """Return a factor of base for each update; None if the schedule is not proportional to base."""
        at, factor_at = times.on_clock(self.clock), self.factor_at
        if factor_at is not None and not self.has_zero and not isinstance(at, np.ndarray):
            return [factor_at(at)] * times.size
        value = columns(self.schedule, at) if self.affine else None
        if value is None or value.factor is None or value.offset is not None:
            return None
        if self.has_zero and not np.isfinite(value.factor).all():
            return None  # a base of 0 stays 0, but 0 * inf would be NaN
        return repeated(value.factor, times.size)

    def values_of_one(self, times: UpdateTimes, base: float, states: RuleStates) -> list[float]:
        at = times.on_clock(self.clock)
        if self.factor_at is not None and not isinstance(at, np.ndarray):
            return [float(product(self.factor_at(at), base))] * times.size
        with np.errstate(all="ignore"):
            values = (
                columns(self.schedule, at).apply(base) if self.affine else values_of(self.schedule, at, base, states)
            )
        return repeated(values, times.size)

    @quiet
    def values_of_all(self, times: UpdateTimes, states: RuleStates) -> Any:
        """Return an array with a row per update and a column per base, each equal to `values_of_one` of that base."""
        at = times.on_clock(self.clock)
        if self.affine:
            value = columns(self.schedule, at)
            pair = (c[:, None] if isinstance(c, np.ndarray) and c.ndim else c for c in (value.factor, value.offset))
            return Affine(*pair).apply(self.bases)
        found = {base: values_of(self.schedule, at, base, states) for base in set(self.bases.tolist())}
        return np.stack([found[base] for base in self.bases.tolist()], axis=1)


def repeated(column: Any, count: int) -> list[float]:
    """Return the values of an array, or one number repeated, as a list of `count` numbers."""
    if not isinstance(column, np.ndarray) or not column.ndim:  # `broadcast_to` costs 5 µs, a seventh of a seek
        return [float(column)] * count
    values: list[float] = np.broadcast_to(column, (count,)).tolist() if len(column) != count else column.tolist()
    return values


def rows_of(parts: list[SlotsOfSchedule], times: UpdateTimes, states: RuleStates) -> Any:
    """Return an array with a row for each update and a column for each slot."""
    block = np.empty((times.size, sum(len(part.places) for part in parts)))
    for part in parts:
        block[:, part.places if len(parts) > 1 else slice(None)] = part.values_of_all(times, states)
    return block


def values_at(slots: Sequence[Slot], times: UpdateTimes, states: RuleStates) -> list[float]:
    """Return each slot's value at one update."""
    values: list[float] = rows_of(SlotsOfSchedule.all_in(slots), times, states)[0].tolist()
    return values


def with_late_bases(
    slots: tuple[Slot, ...],
    groups: Sequence[Group],
    clock: Clock,
    late_groups: LateGroups,
    labels: Sequence[str | int],
    processes: Processes,
) -> list[Slot]:
    """Return the slots, with the bases of groups that were added since the last update; log the added groups."""
    joined = {place: slot for place, slot in enumerate(slots) if COUNT not in groups[slot.group]}
    now = dict(zip(joined, values_at(list(joined.values()), clock.times, clock.states), strict=True))
    rebased = list(slots)
    for place, slot in joined.items():
        if now[place] == slot.base or initial_value(slot.field, groups[slot.group]) is not None:
            continue
        name = labels[slot.group]
        if late_groups == "present":
            rebased[place] = replace(slot, base=base_for(slot, clock.times, clock.states))
            processes.log(
                "group %r was added at update %d: its %s %r is used, and the plan continues from it (with the base "
                '%r; late_groups="present")', name, clock.t, slot.field, slot.base, rebased[place].base,
            )  # fmt: skip
        else:
            processes.log(
                "group %r was added at update %d: its %s %r is used as its base, and the update uses %r "
                '(late_groups="base"). To continue from %r, write ps.Scheduler(…, late_groups="present")',
                name, clock.t, slot.field, slot.base, now[place], slot.base,
            )  # fmt: skip
    return rebased


_BLOCK_SIZES = (32, 1024, 4096)  # updates; short after a seek, then longer
_MAX_ROW_VALUES = 65_536  # maximum number of values in a block that stores a value for each group
_FEW = 2  # updates that are appended to a block; for more, writers of another form may be faster
_NO_WRITER: Writer = iter(())


Values: TypeAlias = Mapping[tuple[int, str], float]
"""Values by group index and flat field name."""


class Column(ABC):
    """The entries of a field or target for successive updates: `write_initial` writes the first, `writer` the rest."""

    entries: list[Any]

    @abstractmethod
    def computed(self, times: UpdateTimes, states: RuleStates) -> list[Any]:
        """Return an entry for each of these updates."""

    def following(self, times: UpdateTimes, states: RuleStates) -> list[Any]:
        """Return an entry for each of these updates, which can follow the present entries."""
        return self.computed(times, states)

    def last_as(self, entry: Any) -> Any:
        """Return the last entry, which is in the groups, in the form of one that follows it."""
        del entry
        return self.entries[-1]

    @abstractmethod
    def hold(self, values: Values) -> None:
        """Replace the only entry by these values, as far as they are known."""

    @abstractmethod
    def write_initial(self) -> None:
        """Write the first entry, without comparing the previous values."""

    @abstractmethod
    def writer(self, overwritten: Overwritten) -> Writer:
        """Return the loop that writes all entries after the first."""


@final
class FloatColumn(Column):
    """The values of a field, for the groups that store it as a float or as an element of a tuple."""

    def __init__(self, field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> None:
        self.field, self.indices = field, [slot.group for slot in slots]
        self.groups, self.bases = [groups[index] for index in self.indices], [slot.base for slot in slots]
        self.with_base = list(zip(self.groups, self.bases, strict=True))  # faster to iterate than a new `zip`
        self.parts = SlotsOfSchedule.all_in(slots)
        self._same = len(self.parts) == 1 and len(set(self.bases)) == 1
        sizes = set() if field.index is None else {len(group[field.key]) for group in self.groups}
        self.tuple_size = sizes.pop() if len(sizes) == 1 else None  # also None if the tuples have different lengths

    @property
    def is_short(self) -> bool:
        """True if one value or factor per update is enough for all groups."""
        return self._same or self._factors(UpdateTimes(0, 0)) is not None

    @property
    def kind(self) -> EntryKind:
        return "rows" if isinstance(self.entries[0], list) else "same" if self._same else "scaled"

    def computed(self, times: UpdateTimes, states: RuleStates) -> list[Any]:
        if self._same:
            return self.parts[0].values_of_one(times, self.bases[0], states)
        factors = self._factors(times)
        return rows_of(self.parts, times, states).tolist() if factors is None else factors

    def following(self, times: UpdateTimes, states: RuleStates) -> list[Any]:
        if isinstance(self.entries[-1], list):  # never followed by factors: the factor of the last row is unknown
            rows: list[Any] = rows_of(self.parts, times, states).tolist()
            return rows
        return self.computed(times, states)

    def last_as(self, entry: Any) -> Any:
        last = self.entries[-1]
        return self._row(last) if isinstance(entry, list) else last

    def _row(self, entry: Any) -> list[float]:
        """Return an entry as a list of the value of each group."""
        return entry if isinstance(entry, list) else [entry if self._same else base * entry for base in self.bases]

    def hold(self, values: Values) -> None:
        row = self._row(self.entries[0])
        places = zip(self.indices, row, strict=True)
        self.entries = [[values.get((index, self.field.slot), value) for index, value in places]]

    def _factors(self, times: UpdateTimes) -> list[Any] | None:
        return self.parts[0].factors(times) if len(self.parts) == 1 else None

    def write_initial(self) -> None:
        write_floats(self.kind, self.field, self.with_base, self.entries[0])

    def writer(self, overwritten: Overwritten) -> Writer:
        return float_writer(self.kind, self.field, self.with_base, self.entries, overwritten)

    def any_tuple_spoiled(self) -> bool:
        """Return whether a tuple has another length than when it was bound, or if its element is not a float."""
        key, element, size = self.field.key, self.field.index, self.tuple_size
        for group in self.groups:
            entry = group[key]
            if len(entry) != size or entry[element].__class__ is not float:
                return True
        return False

    def require_lengths(self, groups: Sequence[Group]) -> None:
        """Raise if a tuple has another length than when it was bound, because the wrong element would be written."""
        key = self.field.key
        for index in self.indices:
            entry: Any = groups[index].get(key) if index < len(groups) else None
            if isinstance(entry, (tuple, list)) and len(entry) != self.tuple_size:
                name = label(groups[index], index)
                raise StateError(f"{key} of group {name!r} is {entry!r}: it had {self.tuple_size} elements before")


@final
class TensorColumn(Column):
    """The values of a field, for the groups that store it as a tensor: views of one vector, written by one copy.

    A single tensor is its own vector and is filled in place, so other references to it see the new value. If the groups
    contain the views of a vector, such as that of an earlier column, it is used again, because compiled steps and CUDA
    graphs read its address.
    """

    def __init__(self, field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> None:
        self.field, self.slots, self.parts = field, list(slots), SlotsOfSchedule.all_in(slots)
        mine = [groups[slot.group] for slot in slots]
        held: list[Any] = [field.read(group) for group in mine]
        self.shared = len(held) > 1  # True if the groups contain views of this vector
        same = _vector_of(held) if self.shared else None
        self.vector: torch.Tensor = held[0] if same is None else same
        if self.shared and same is None:
            with torch.inference_mode(False), torch.no_grad():
                self.vector = torch.stack([entry.detach().clone() for entry in held])
                held = list(self.vector.unbind())
        self.views: list[tuple[Group, Any]] = list(zip(mine, held, strict=True))

    @staticmethod
    def all_in(field: Field, slots: Sequence[Slot], groups: Sequence[Group]) -> "list[TensorColumn]":
        """Return a column for each device and dtype of the tensors in these slots."""
        held: dict[tuple[torch.device, torch.dtype], list[Slot]] = {}
        for slot in slots:
            entry = field.read(groups[slot.group])
            if isinstance(entry, torch.Tensor):
                if entry.ndim != 0 or not entry.is_floating_point():
                    raise InvalidArgument(
                        f'"{field}" of group {slot.group}', f"a tensor of shape {tuple(entry.shape)} and {entry.dtype}",
                        "For example: torch.tensor(0.1): a floating-point tensor without dimensions",
                    )  # fmt: skip
                held.setdefault((entry.device, entry.dtype), []).append(slot)
        return [TensorColumn(field, mine, groups) for mine in held.values()]

    def computed(self, times: UpdateTimes, states: RuleStates) -> list[torch.Tensor]:
        """Return one tensor for each update, on the device of the vector."""
        block = rows_of(self.parts, times, states)
        if self.vector.dtype == torch.float32:
            block = block.astype(np.float32)  # rounds as torch does, without starting its threads
        with torch.inference_mode(False), torch.no_grad():
            host, device = torch.from_numpy(block).to(dtype=self.vector.dtype), self.vector.device
            # CUDA copies host memory that is not pinned before the call returns, so no synchronization is needed.
            on_device = host.to(device, non_blocking=device.type == "cuda")
            return list(on_device.reshape(times.size, *self.vector.shape).unbind())

    def hold(self, values: Values) -> None:
        planned: list[float] = self.entries[0].reshape(-1).tolist()
        held = [values.get((s.group, self.field.slot), value) for s, value in zip(self.slots, planned, strict=True)]
        self.entries = [torch.tensor(held, dtype=torch.float64).to(self.vector).reshape(self.vector.shape)]

    def write_initial(self) -> None:
        fill(self.vector, self.entries[0])

    def writer(self, overwritten: Overwritten) -> Writer:
        return tensor_writer(self.vector, self.entries)

    def install_views(self) -> None:
        """Write each view into its group again, because copying or loading an optimizer replaces the views."""
        for group, view in self.views:
            if self.field.read(group) is not view:
                write_entry(self.field, group, view)

    def remove_views(self, groups: Sequence[Group]) -> None:
        """Replace each view in the groups by a separate tensor."""
        views = {id(view) for _, view in self.views} if self.shared else set()
        for group in groups:
            if self.field.key in group and id(view := self.field.read(group)) in views:
                write_entry(self.field, group, view.clone())

    def views_replaced(self) -> bool:
        """Return whether a view in a group was replaced."""
        key, index = self.field.key, self.field.index
        if index is None:
            for group, view in self.views:
                if group[key] is not view:
                    return True
        else:
            for group, view in self.views:
                if group[key][index] is not view:
                    return True
        return False


def _vector_of(views: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """Return the vector whose elements these tensors are, all of them and in this order; None if there is none."""
    vector = views[0]._base
    if vector is None or vector.shape != (len(views),):
        return None
    begin = vector.storage_offset()
    same = all(one._base is vector and one.storage_offset() == begin + number for number, one in enumerate(views))
    return vector if same else None


@final
class TargetColumn(Column):
    """A target: a value outside of the optimizer."""

    def __init__(self, target: Target, schedule: Schedule, clock: str) -> None:
        self.target, self.schedule, self.clock = target, schedule, clock

    def computed(self, times: UpdateTimes, states: RuleStates) -> list[float]:
        at = times.on_clock(self.clock)
        return repeated(values_of(self.schedule, at, self.target.initial, states), times.size)

    def hold(self, values: Values) -> None:
        """Do nothing: an optimizer that is behind the run has no targets."""

    def write_initial(self) -> None:
        if self.target.write is not None:
            self.target.write(self.entries[0])

    def writer(self, overwritten: Overwritten) -> Writer:
        return target_writer(self.target.write, self.entries)


@final
class ValueBlock:
    """Writes the values of successive updates into the groups that it was constructed for.

    It is constructed for one update: it computes the values of that update, and `write_initial` writes them. Each
    `next` of `writer` then writes the following update and records external writes in `overwritten`. At the end of
    the block `writer` is exhausted, and `extend` computes the next block. Every check that can raise runs in the
    constructor, before anything is written.
    """

    end: int | None = None  # the update at which a block starts, if the run reaches it

    def __init__(
        self,
        plan: Plan,
        slots: tuple[Slot, ...],
        groups: Sequence[Group],
        times: UpdateTimes,
        states: RuleStates,
        *,
        targets: bool = True,
    ) -> None:
        self.slots = slots
        self.overwritten: Overwritten = []
        self.floats: list[FloatColumn] = []
        self.tensors: list[TensorColumn] = []
        fields: dict[Field, list[Slot]] = {}
        for slot in slots:
            fields.setdefault(slot.field, []).append(slot)
        for field, mine in fields.items():
            tensors = TensorColumn.all_in(field, mine, groups)
            held = {slot.group for one in tensors for slot in one.slots}
            self.tensors += tensors
            if plain := [slot for slot in mine if slot.group not in held]:
                self.floats.append(FloatColumn(field, plain, groups))
        bindings: Iterable[Binding] = plan.bindings if targets else ()
        self.targets = [
            TargetColumn(one.field, one.schedule, clock_of_field(plan.clock, one.name))
            for one in bindings
            if isinstance(one.field, Target)
        ]
        self.tuples = [column for column in self.floats if column.tuple_size is not None]
        self._columns: list[Column] = [*self.floats, *self.tensors, *self.targets]
        self._by_updates = plan.clock == UPDATES
        # Tensors created under inference_mode have no version counter.
        self._counted = tuple(one.vector for one in self.tensors if not one.vector.is_inference())
        self._fills: int | None = None  # `fill_count` after the last write; None if it does not count
        self._is_short = not self.tensors and all(one.is_short for one in self.floats)
        self.seek(times, states)

    def seek(self, times: UpdateTimes, states: RuleStates) -> None:
        """Compute the values of all updates in `times`, without writing them."""
        computed = [column.computed(times, states) for column in self._columns]  # an error changes nothing
        for column, entries in zip(self._columns, computed, strict=True):
            column.entries = entries
        self.writer: Writer = _NO_WRITER if times.size == 1 else self._new_writer()
        self._size = 0
        self.overwritten.clear()
        # The amounts before the next updates, one for each `next` of `writer`; None if the plan is by updates.
        self.amounts: Iterator[Amount] | None = None if self._by_updates else iter(times.listed()[1:])

    def hold(self, values: Values) -> None:
        """Use these values for the update that was just computed; the plan applies from the next update on."""
        self._is_short = False  # rows follow the held row
        for column in self._columns:
            column.hold(values)

    def write_initial(self) -> None:
        """Write the values that `seek` computed, without comparing the previous ones."""
        self.install_views()
        for column in self._columns:
            column.write_initial()

    def extend(self, times: UpdateTimes, states: RuleStates) -> None:
        """Compute the values of these updates, after all values of the previous block were written.

        The caller sets `amounts`.
        """
        pairs = [(column, column.following(times, states)) for column in self._columns]  # an error changes nothing
        may_append = times.size <= _FEW and times.amounts is not None and self.writer is not _NO_WRITER
        if may_append and self._append(pairs):
            return
        for column, entries in pairs:
            column.entries = [column.last_as(entries[0]), *entries]
        self.writer = self._new_writer()

    def write_instead(self, times: UpdateTimes, states: RuleStates) -> None:
        """Replace the coming entries by those of these updates, and write the first: faster than `seek`."""
        self.drop_coming(next_consumed=False)
        self.extend(times, states)
        self.amounts = iter(times.listed()[1:])
        next(self.writer)
        self.overwritten.clear()  # no update has used what other code wrote

    def _append(self, pairs: list[tuple[Column, list[Any]]]) -> bool:
        """Append entries of the same form as the present ones, which the writers write next; else return False."""
        longest = _MAX_ROW_VALUES // (len(self.slots) + 1)
        for column, entries in pairs:
            if entries[0].__class__ is not column.entries[-1].__class__ or len(column.entries) > longest:
                return False
        for column, entries in pairs:
            column.entries += entries
        return True

    def _new_writer(self) -> Writer:
        """Return the loop that writes the entries of all columns after the first."""
        return combine_writers([column.writer(self.overwritten) for column in self._columns])

    def drop_coming(self, *, next_consumed: bool) -> None:
        """Drop the entries that are not written yet, because the amount is not the one they were computed for.

        Args:
            next_consumed: True if the next item of `amounts` was consumed already.
        """
        left = 0 if self.amounts is None else length_hint(self.amounts) + next_consumed
        if left:
            for column in self._columns:
                del column.entries[-left:]  # in place, because the writers continue with what follows
        self._size = 0

    def next_size(self, t: int) -> int:
        """Return the number of updates in the next block, which starts at `t`: more than before, up to a limit."""
        self._size = next((size for size in _BLOCK_SIZES if size > self._size), _BLOCK_SIZES[-1])
        if self.end is None and self._has_open_function:
            return 1  # a function may have no value for an update that the run does not reach
        size = self._size if self._is_short else max(1, min(self._size, _MAX_ROW_VALUES // max(1, len(self.slots))))
        if self.end is None or t > self.end:
            return size
        return min(size, self.end - t) or 1  # alone, so that the first update after the end starts a block too

    @cached_property
    def _has_open_function(self) -> bool:
        schedules = [*(slot.schedule for slot in self.slots), *(one.schedule for one in self.targets)]
        return any(map(has_open_function, {id(one): one for one in schedules}.values()))

    def install_views(self) -> None:
        for column in self.tensors:
            column.install_views()

    def remove_views(self, groups: Sequence[Group]) -> None:
        for column in self.tensors:
            column.remove_views(groups)

    def any_tuple_spoiled(self) -> bool:
        """Return whether other code replaced a tuple such as `betas` by a value into which the plan cannot write."""
        try:
            for column in self.tuples:
                if column.any_tuple_spoiled():
                    return True
        except (LookupError, TypeError):
            return True
        return False

    def note_fills(self) -> None:
        """Note the present tensors as the written ones."""
        self._fills = self.fill_count()

    def forget_fills(self) -> None:
        """Make `tensors_changed` true until the next write, so that each tensor is compared with its planned value."""
        self._fills = None

    def tensors_changed(self) -> bool:
        """Return whether other code has filled or replaced a scheduled tensor since the last write."""
        return self.fill_count() != self._fills or self.views_replaced()

    def fill_count(self) -> int:
        """Return a number that changes when a scheduled tensor is written; reading it does not wait for the device."""
        count = 0
        for vector in self._counted:
            count += vector._version
        return count

    def views_replaced(self) -> bool:
        for column in self.tensors:  # noqa: SIM110  # torch would compile the frame of a generator
            if column.views_replaced():
                return True
        return False
