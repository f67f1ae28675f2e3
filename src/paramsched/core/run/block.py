"""The values of the lines of a plan for the next updates, computed in blocks."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cached_property
from operator import length_hint
from typing import Any, final

import numpy as np
import torch

from paramsched.core.fields import RECORD, Field, base_of, is_number, label, recorded_base
from paramsched.core.plan import Binding, Line, Plan, Target
from paramsched.core.plan.binding import UPDATES, clock_of_field
from paramsched.core.plan.lines import (
    RuleStates,
    UpdateTimes,
    Values,
    by_group,
    joined,
    lines_of,
    repeated,
    rows_of,
    values_at,
    values_of,
)
from paramsched.core.plan.optimizers import WHOLE, Scope
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.run.processes import Processes
from paramsched.core.run.state import COUNT, Clock, Group
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
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.own import has_open_function
from paramsched.errors import InvalidArgument, StateError

LR = Field("lr", None)


def initial_value(field: Field, group: Group) -> Any:
    """Return the initial value that an earlier scheduler stored in a group, such as torch's `initial_lr`.

    Returns None if there is none, or if a plan has written the group since.
    """
    return group.get(f"initial_{field.key}") if field.index is None and RECORD not in group else None


def starting_lines(
    plan: Plan, groups: list[Group], bases: Values | None = None, scope: Scope = WHOLE, code: Values | None = None
) -> tuple[Line, ...]:
    """Return the lines of a plan in some groups.

    A base is the one in `bases`, else the recorded one, the initial value, the one in `code`, or the present value.
    """
    labels, known, code = scope.labels(groups), bases or {}, code or {}

    def starting_base(field: Field, _: Any, index: int) -> float:
        group = groups[index]
        where = f"{field} of group {labels[index]!r}"
        given = known.get((index, field.slot))
        if given is None:
            given = recorded_base(group, field.slot)
        if given is None and (given := initial_value(field, group)) is not None:
            where = f"initial_{where}"
        if given is None and (given := code.get((index, field.slot))) is None:
            given = field.read(group)
        return base_of(where, given.detach() if isinstance(given, torch.Tensor) else given)

    return lines_of(plan, groups, scope, starting_base)


def present_values(lines: Iterable[Line], groups: Sequence[Group]) -> dict[tuple[int, str], float]:
    """Return the present value of each field in each group that has a number, by group index and flat field name."""
    found = {(index, line.field.slot): line.field.read(groups[index]) for line in lines for index in line.groups}
    return {place: float(value) for place, value in found.items() if is_number(value)}


def log_late_groups(
    lines: tuple[Line, ...],
    groups: Sequence[Group],
    clock: Clock,
    labels: Sequence[str | int],
    processes: Processes,
) -> None:
    """Log the groups that were added since the last update: their present values are their bases."""
    late = {index for index, group in enumerate(groups) if COUNT not in group}
    joined = [mine for line in lines if (mine := line.only(late)).groups]
    now = values_at(joined, clock.times, clock.states)
    for index, line, base in by_group(joined):
        place = index, line.field.slot
        if now[place] == base or initial_value(line.field, groups[index]) is not None:
            continue
        name = labels[index]
        processes.log(
            "group %r was added at update %d: its %s %r is used as its base, and the update uses %r",
            name, clock.t, line.field, base, now[place],
        )  # fmt: skip


_BLOCK_SIZES = (32, 1024, 4096)  # updates; short after a seek, then longer
_MAX_ROW_VALUES = 65_536  # maximum number of values in a block that stores a value for each group
_FEW = 2  # updates that are appended to a block; for more, writers of another form may be faster
_NO_WRITER: Writer = iter(())


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
    def write_initial(self) -> None:
        """Write the first entry, without comparing the previous values."""

    @abstractmethod
    def writer(self, overwritten: Overwritten) -> Writer:
        """Return the loop that writes all entries after the first."""


@final
class FloatColumn(Column):
    """The values of a field, for the groups that store it as a float or as an element of a tuple."""

    def __init__(self, field: Field, lines: Sequence[Line], groups: Sequence[Group]) -> None:
        if all(line.schedule is lines[0].schedule and line.clock == lines[0].clock for line in lines[1:]):
            lines = [joined(lines)]  # one factor is enough for all of them
        self.field, self.lines = field, lines
        self.indices = [index for line in lines for index in line.groups]
        self.groups, self.bases = [groups[index] for index in self.indices], [b for line in lines for b in line.bases]
        self.with_base = list(zip(self.groups, self.bases, strict=True))  # faster to iterate than a new `zip`
        self._same = len(lines) == 1 and len(set(self.bases)) == 1
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
            return self.lines[0].values_of_one(times, self.bases[0], states)
        factors = self._factors(times)
        return rows_of(self.lines, times, states).tolist() if factors is None else factors

    def following(self, times: UpdateTimes, states: RuleStates) -> list[Any]:
        if isinstance(self.entries[-1], list):  # never followed by factors: the factor of the last row is unknown
            rows: list[Any] = rows_of(self.lines, times, states).tolist()
            return rows
        return self.computed(times, states)

    def last_as(self, entry: Any) -> Any:
        last = self.entries[-1]
        return self._row(last) if isinstance(entry, list) else last

    def _row(self, entry: Any) -> list[float]:
        """Return an entry as a list of the value of each group."""
        return entry if isinstance(entry, list) else [entry if self._same else base * entry for base in self.bases]

    def _factors(self, times: UpdateTimes) -> list[Any] | None:
        return self.lines[0].factors(times) if len(self.lines) == 1 else None

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

    def __init__(self, field: Field, lines: Sequence[Line], groups: Sequence[Group]) -> None:
        self.field, self.lines = field, lines
        self.indices = [index for line in lines for index in line.groups]
        mine = [groups[index] for index in self.indices]
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
    def all_in(field: Field, lines: Sequence[Line], groups: Sequence[Group]) -> "list[TensorColumn]":
        """Return a column for each device and dtype of the tensors in the groups of these lines."""
        held: dict[tuple[torch.device, torch.dtype], set[int]] = {}
        for index in (index for line in lines for index in line.groups):
            entry = field.read(groups[index])
            if isinstance(entry, torch.Tensor):
                if entry.ndim != 0 or not entry.is_floating_point():
                    raise InvalidArgument(
                        f'"{field}" of group {index}', f"a tensor of shape {tuple(entry.shape)} and {entry.dtype}",
                        "For example: torch.tensor(0.1): a floating-point tensor without dimensions",
                    )  # fmt: skip
                held.setdefault((entry.device, entry.dtype), set()).add(index)
        return [TensorColumn(field, _lines_in(lines, mine), groups) for mine in held.values()]

    def computed(self, times: UpdateTimes, states: RuleStates) -> list[torch.Tensor]:
        """Return one tensor for each update, on the device of the vector."""
        block = rows_of(self.lines, times, states)
        if self.vector.dtype == torch.float32:
            block = block.astype(np.float32)  # rounds as torch does, without starting its threads
        with torch.inference_mode(False), torch.no_grad():
            host, device = torch.from_numpy(block).to(dtype=self.vector.dtype), self.vector.device
            # CUDA copies host memory that is not pinned before the call returns, so no synchronization is needed.
            on_device = host.to(device, non_blocking=device.type == "cuda")
            return list(on_device.reshape(times.size, *self.vector.shape).unbind())

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


def _lines_in(lines: Iterable[Line], groups: Container[int]) -> list[Line]:
    """Return the lines with some of their groups only, without those that have none of these."""
    return [mine for line in lines if (mine := line.only(groups)).groups]


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
        lines: tuple[Line, ...],
        groups: Sequence[Group],
        times: UpdateTimes,
        states: RuleStates,
        *,
        targets: bool = True,
    ) -> None:
        self.lines = lines
        self.overwritten: Overwritten = []
        self.floats: list[FloatColumn] = []
        self.tensors: list[TensorColumn] = []
        fields: dict[Field, list[Line]] = {}
        for line in lines:
            fields.setdefault(line.field, []).append(line)
        for field, mine in fields.items():
            tensors = TensorColumn.all_in(field, mine, groups)
            held = {index for one in tensors for index in one.indices}
            self.tensors += tensors
            if plain := _lines_in(mine, {*range(len(groups))} - held) if held else mine:
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
        self._width = sum(len(line.groups) for line in lines)
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
        longest = _MAX_ROW_VALUES // (self._width + 1)
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
        size = self._size if self._is_short else max(1, min(self._size, _MAX_ROW_VALUES // max(1, self._width)))
        if self.end is None or t > self.end:
            return size
        return min(size, self.end - t) or 1  # alone, so that the first update after the end starts a block too

    @cached_property
    def _has_open_function(self) -> bool:
        schedules = [*(line.schedule for line in self.lines), *(one.schedule for one in self.targets)]
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
