"""The values of a run: rows of them, and those that others write."""

from collections.abc import Callable, Container, Iterable, Sequence
from functools import cached_property
from math import isfinite
from typing import Any, Final, Protocol, TypeAlias, final

import numpy as np
import torch

from paramsched.core.groups.fields import RECORD, Field, base_of, label, recorded_base
from paramsched.core.plan.binding import Target
from paramsched.core.plan.lines import (
    BoundLine,
    GroupValues,
    RuleStates,
    UpdateRange,
    joined,
    lines_of,
    repeated,
    rows_of,
    values_of,
)
from paramsched.core.plan.optimizers import WHOLE, OptimizerScope
from paramsched.core.plan.plan import Plan
from paramsched.core.run.block_table import BlockTable
from paramsched.core.run.group_entries import GroupDict
from paramsched.core.run.messages import values as messages
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.user_shapes import has_open_function
from paramsched.core.time.run_facts import UPDATES

# Rows are a cache. They follow from the lines with their bases, the times and the states of metric rules, so code that
# changes one of these calls `ValueTable.seek`, and nothing else updates them.

LR: Final = Field("lr", None)

Overwritten: TypeAlias = list[tuple[Field, GroupDict, Any, Any]]
"""External writes, each as (field, group, value in the group, value that the plan had written)."""

_SIZES: Final = (32, 1024, 4096)  # rows that are computed together; few after a seek, then more
_MAX_ROW_VALUES: Final = 65_536  # maximum number of values in rows that store a value for each group


# ------------------------------------------------------------------ lines and their bases


def initial_value(field: Field, group: GroupDict) -> Any:
    """Return the initial value that an earlier scheduler stored in a group, such as torch's `initial_lr`.

    Returns None if there is none, or if a plan has written the group since.
    """
    return group.get(f"initial_{field.key}") if field.index is None and RECORD not in group else None


def starting_lines(
    plan: Plan,
    groups: list[GroupDict],
    bases: GroupValues | None = None,
    scope: OptimizerScope = WHOLE,
    code: GroupValues | None = None,
) -> tuple[BoundLine, ...]:
    """Return the lines of a plan in some groups.

    A base is the one in `bases`, else the recorded one, the initial value, the one in `code`, or the present value.
    """
    labels = scope.labels(groups)
    passed = bases or {}
    code = code or {}

    def starting_base(field: Field, _: Any, index: int) -> float:
        group = groups[index]
        place = (index, field.slot)
        base = passed.get(place)
        if base is None:
            base = recorded_base(group, field.slot)
        initial = initial_value(field, group) if base is None else None
        if initial is not None:
            base = initial
        if base is None:
            base = code.get(place)
        if base is None:
            base = field.read(group)
        if type(base) is float and isfinite(base):
            return base
        where = f"{'initial_' if initial is not None else ''}{field} of group {labels[index]!r}"
        return base_of(where, base.detach() if isinstance(base, torch.Tensor) else base)

    return lines_of(plan, groups, scope, starting_base)


# ------------------------------------------------------------------ columns


class Column(Protocol):
    """The values of one field or target. `rows` has an entry for each update, of which the first is written already."""

    rows: list[Any]
    finite: int  # the number of entries that were computed last, before the first one that is not finite

    def entries(self, times: UpdateRange, states: RuleStates) -> list[Any]:
        """Return an entry for each of these updates."""

    def following(self, last: Any, entries: list[Any]) -> list[Any]:
        """Return the rows that begin with the entry that was written last, in the form of those that follow it."""

    def put(self) -> None:
        """Write the first entry, without comparing the previous values."""

    @property
    def write(self) -> Callable[[Any, Any], object]:
        """A function that writes an entry after the last one. It notes the values that other code wrote between."""


@final
class FloatColumn:
    """The values of a field, for the groups that store it as a float or as an element of a tuple.

    An entry is the value of all groups if their bases are equal, a factor of their bases, or else a list of a value for
    each group. A factor is multiplied by the bases when it is written, because Python then reuses the memory of the
    float that the group releases: this is faster than a value for each group computed in advance.
    """

    rows: list[Any]
    finite: int

    def __init__(
        self, field: Field, lines: Sequence[BoundLine], groups: Sequence[GroupDict], overwritten: Overwritten
    ) -> None:
        if all(line.schedule is lines[0].schedule and line.clock == lines[0].clock for line in lines[1:]):
            lines = [joined(lines)]  # one factor is enough for all of them
        self.field = field
        self.lines = lines
        self._overwritten = overwritten
        self.key = field.key
        self.indices = [index for line in lines for index in line.groups]
        self.groups = [groups[index] for index in self.indices]
        self.bases = [b for line in lines for b in line.bases]
        self._with_base = list(zip(self.groups, self.bases, strict=True))  # faster to iterate than a new `zip`
        self._is_equal = len(lines) == 1 and len(set(self.bases)) == 1
        self.ahead = BlockTable(lines) if BlockTable.are_useful(lines) else None
        self._largest = 1.0 if self._is_equal else max(map(abs, self.bases))  # of what a factor multiplies
        sizes = set() if field.index is None else {len(group[field.key]) for group in self.groups}
        self.tuple_size = sizes.pop() if len(sizes) == 1 else None  # also None if the tuples have different lengths

    @property
    def is_short(self) -> bool:
        """True if one value or factor per update is enough for all groups."""
        return self._is_equal or self._factors(UpdateRange(0, 0)) is not None

    def entries(self, times: UpdateRange, states: RuleStates) -> list[Any]:
        entries = self.lines[0].values_of_one(times, self.bases[0], states) if self._is_equal else self._factors(times)
        if entries is None:
            block = rows_of(self.lines, times, states) if self.ahead is None else self.ahead.rows(times)
            entries = block.tolist()
            self.finite = finite_rows(block)
        else:
            self.finite = finite_numbers(entries, self._largest)
        return entries

    def following(self, last: Any, entries: list[Any]) -> list[Any]:
        if isinstance(last, list) or isinstance(entries[0], list):
            return list(map(self._row, [last, *entries]))
        return [last, *entries]

    def _row(self, entry: Any) -> list[float]:
        """Return an entry as a list of the value of each group."""
        if isinstance(entry, list):
            return entry
        return [entry] * len(self.bases) if self._is_equal else [base * entry for base in self.bases]

    def _factors(self, times: UpdateRange) -> list[Any] | None:
        return self.lines[0].factors(times) if len(self.lines) == 1 else None

    def put(self) -> None:
        entry = self.rows[0]
        key = self.key
        if self.field.index is None and not self._is_equal and not isinstance(entry, list):  # faster than a row
            for group, base in self._with_base:
                group[key] = base * entry
            return
        for group, value in zip(self.groups, self._row(entry), strict=True):
            write_entry(self.field, group, value)

    @property
    def write(self) -> Callable[[Any, Any], None]:
        if self.field.index is not None:
            return self._write_elements
        if isinstance(self.rows[0], list):
            return self._write_rows
        return self._write_equal if self._is_equal else self._write_scaled

    # The loops compare identities where they can, because that is faster. They are apart, because a call or a test
    # in a loop costs as much as the write: 35 ns for each of 100 groups, see benchmarks/test_step.py.

    def _write_equal(self, last: float, value: float) -> None:
        key = self.key
        for group in self.groups:
            if group[key] is not last:
                self._overwritten.append((self.field, group, group[key], last))
            group[key] = value

    def _write_scaled(self, last: float, factor: float) -> None:
        key = self.key
        for group, base in self._with_base:
            if group[key] != base * last:
                self._overwritten.append((self.field, group, group[key], base * last))
            group[key] = base * factor

    def _write_rows(self, last: list[float], row: list[float]) -> None:
        key = self.key
        for group, before, value in zip(self.groups, last, row):  # noqa: B905  # `strict=` costs 0.1 µs per update
            if group[key] is not before:
                self._overwritten.append((self.field, group, group[key], before))
            group[key] = value

    def _write_elements(self, last: Any, entry: Any) -> None:
        key = self.key
        index = self.field.index
        is_pair = self.tuple_size == 2
        assert index is not None
        for group, before, value in zip(self.groups, self._row(last), self._row(entry)):  # noqa: B905  # as above
            present = group[key]
            if present[index] is not before and present[index] != before:
                self._overwritten.append((self.field, group, present[index], before))
            if is_pair:  # betas; half of the time of the general expression
                group[key] = (present[0], value) if index else (value, present[1])
            else:
                group[key] = (*present[:index], value, *present[index + 1 :])

    def differs(self, row: int, groups: Sequence[GroupDict]) -> bool:
        """Return whether a group in a state has another value than that of a row."""
        values = zip(self.indices, self._row(self.rows[row]), strict=True)
        try:
            return any(bool(self.field.read(groups[index]) != value) for index, value in values)
        except (LookupError, TypeError, ValueError, RuntimeError):  # no longer a number
            return True

    def is_spoiled(self) -> bool:
        """Return whether a tuple has another length than when it was bound, or if its element is not a float."""
        key = self.key
        element = self.field.index
        size = self.tuple_size
        for group in self.groups:
            entry = group[key]
            if len(entry) != size or entry[element].__class__ is not float:
                return True
        return False

    def require_lengths(self, groups: Sequence[GroupDict]) -> None:
        """Raise if a tuple has another length than when it was bound, because the wrong element would be written."""
        for index in self.indices:
            entry: Any = groups[index].get(self.key) if index < len(groups) else None
            if isinstance(entry, (tuple, list)) and len(entry) != self.tuple_size:
                name = label(groups[index], index)
                raise messages.tuple_has_other_length(self.key, name, entry, self.tuple_size)


@final
class TensorColumn:
    """The values of a field, for the groups that store it as a tensor: views of one vector, written by one copy.

    A single tensor is its own vector and is filled in place, so other references to it see the new value. If the groups
    contain the views of a vector, such as that of an earlier column, it is used again, because compiled steps and CUDA
    graphs read its address.
    """

    rows: list[Any]
    finite: int

    def __init__(self, field: Field, lines: Sequence[BoundLine], groups: Sequence[GroupDict]) -> None:
        self.field = field
        self.lines = lines
        self.indices = [index for line in lines for index in line.groups]
        members = [groups[index] for index in self.indices]
        tensors: list[Any] = [field.read(group) for group in members]
        self._is_shared = len(tensors) > 1  # True if the groups contain views of the vector
        vector = _vector_of(tensors) if self._is_shared else None
        self.vector: torch.Tensor = tensors[0] if vector is None else vector
        if self._is_shared and vector is None:
            with torch.inference_mode(False), torch.no_grad():
                self.vector = torch.stack([entry.detach().clone() for entry in tensors])
                tensors = list(self.vector.unbind())
        self.views: list[tuple[GroupDict, Any]] = list(zip(members, tensors, strict=True))

    def entries(self, times: UpdateRange, states: RuleStates) -> list[torch.Tensor]:
        """Return one tensor for each update, on the device of the vector."""
        block = rows_of(self.lines, times, states)
        if self.vector.dtype == torch.float32:
            with np.errstate(over="ignore"):
                block = block.astype(np.float32)  # rounds as torch does, without starting its threads
        with torch.inference_mode(False), torch.no_grad():
            host = torch.from_numpy(block).to(dtype=self.vector.dtype)
            device = self.vector.device
            self.finite = finite_rows(block if host.dtype.itemsize >= block.itemsize else host.double().numpy())
            # CUDA copies host memory that is not pinned before the call returns, so no synchronization is needed.
            on_device = host.to(device, non_blocking=device.type == "cuda")
            return list(on_device.reshape(times.size, *self.vector.shape).unbind())

    def following(self, last: Any, entries: list[Any]) -> list[Any]:
        return [last, *entries]

    def put(self) -> None:
        fill(self.vector, self.rows[0])

    def write(self, _last: torch.Tensor, row: torch.Tensor) -> None:
        fill(self.vector, row)

    def differs(self, row: int) -> bool:
        """Return whether the tensors have other values than a row; this waits for the device."""
        return not torch.equal(self.vector, self.rows[row]) or self.views_replaced()

    def install_views(self) -> None:
        """Write each view into its group again, because copying or loading an optimizer replaces the views."""
        for group, view in self.views:
            if self.field.read(group) is not view:
                write_entry(self.field, group, view)

    def remove_views(self, groups: Sequence[GroupDict]) -> None:
        """Replace each view in the groups by a separate tensor."""
        views = {id(view) for _, view in self.views} if self._is_shared else set()
        for group in groups:
            if self.field.key in group and id(view := self.field.read(group)) in views:
                write_entry(self.field, group, view.clone())

    def views_replaced(self) -> bool:
        """Return whether a view in a group was replaced."""
        key = self.field.key
        index = self.field.index
        for group, view in self.views:  # noqa: SIM110  # torch would compile the frame of a generator
            if (group[key] if index is None else group[key][index]) is not view:
                return True
        return False


def _vector_of(views: Sequence[torch.Tensor]) -> torch.Tensor | None:
    """Return the vector whose elements these tensors are, all of them and in this order; None if there is none."""
    vector = views[0]._base
    if vector is None or vector.shape != (len(views),):
        return None
    begin = vector.storage_offset()
    same = all(view._base is vector and view.storage_offset() == begin + number for number, view in enumerate(views))
    return vector if same else None


@final
class TargetColumn:
    """A target: a value outside of the optimizer."""

    rows: list[Any]
    finite: int

    def __init__(self, target: Target, schedule: Schedule, clock: str) -> None:
        self.target = target
        self.schedule = schedule
        self._clock = clock

    def entries(self, times: UpdateRange, states: RuleStates) -> list[float]:
        times_on_clock = times.on_clock(self._clock)
        entries = repeated(values_of(self.schedule, times_on_clock, self.target.initial, states), times.size)
        self.finite = finite_numbers(entries)
        return entries

    def following(self, last: Any, entries: list[Any]) -> list[Any]:
        return [last, *entries]

    def put(self) -> None:
        self.write(None, self.rows[0])

    def write(self, _last: float | None, value: float) -> None:
        if self.target.write is not None:
            self.target.write(value)


@final
class TensorColumns:
    """The columns of tensors, and what other code does to them."""

    def __init__(self, columns: list[TensorColumn]) -> None:
        self.columns = columns
        # Tensors created under inference_mode have no version counter.
        self._counted = tuple(column.vector for column in columns if not column.vector.is_inference())
        self._fills: int | None = None  # `_fill_count` after the last write

    def install_views(self) -> None:
        for column in self.columns:
            column.install_views()

    def note_fills(self) -> None:
        """Note the present tensors as the written ones."""
        self._fills = self._fill_count()

    def forget_fills(self) -> None:
        """Make `changed` true until the next write, so that each tensor is compared with its planned value."""
        self._fills = None

    def changed(self) -> bool:
        """Return whether other code has filled or replaced a scheduled tensor since the last write."""
        if self._fill_count() != self._fills:
            return True
        for column in self.columns:  # noqa: SIM110  # torch would compile the frame of a generator
            if column.views_replaced():
                return True
        return False

    def _fill_count(self) -> int:
        """Return a number that changes when a tensor is written; reading it does not wait for the device."""
        count = 0
        for vector in self._counted:
            count += vector._version
        return count


# ------------------------------------------------------------------ rows


def finite_rows(block: Any) -> int:
    """Return the number of rows of an array before the first one with a value that is not finite."""
    finite = np.isfinite(block)
    return len(block) if finite.all() else int(np.argmin(finite.reshape(len(block), -1).all(axis=1)))


def finite_numbers(numbers: Sequence[float], largest: float = 1.0) -> int:
    """Return how many numbers come before the first one whose product with `largest` is not finite."""
    if isfinite(sum(numbers) * largest):  # faster than an array
        return len(numbers)
    with np.errstate(over="ignore"):
        return finite_rows(np.array(numbers) * largest)


def columns_of(lines: Iterable[BoundLine], groups: Sequence[GroupDict], overwritten: Overwritten) -> list[Column]:
    """Return the columns of lines: for each field one of floats, and one for each device and dtype of tensors.

    Raises:
        InvalidArgument: a tensor has dimensions, or is not a floating-point one.
    """
    fields: dict[Field, list[BoundLine]] = {}
    for line in lines:
        fields.setdefault(line.field, []).append(line)
    floats: list[Column] = []
    tensors: list[Column] = []
    for field, its_lines in fields.items():
        kinds: dict[tuple[torch.device, torch.dtype], set[int]] = {}
        for index in (index for line in its_lines for index in line.groups):
            entry = field.read(groups[index])
            if isinstance(entry, torch.Tensor):
                if entry.ndim != 0 or not entry.is_floating_point():
                    raise messages.not_a_scalar_tensor(field, index, entry.shape, entry.dtype)
                kinds.setdefault((entry.device, entry.dtype), set()).add(index)
        tensors += [TensorColumn(field, _lines_in(its_lines, indices), groups) for indices in kinds.values()]
        plain = _lines_in(its_lines, {*range(len(groups))}.difference(*kinds.values())) if kinds else its_lines
        if plain:
            floats.append(FloatColumn(field, plain, groups, overwritten))
    return floats + tensors


def _lines_in(lines: Iterable[BoundLine], groups: Container[int]) -> list[BoundLine]:
    """Return the lines with some of their groups only, without those that have none of these."""
    return [kept for line in lines if (kept := line.only(groups)).groups]


def target_columns(plan: Plan) -> list[TargetColumn]:
    """Return a column for each target of a plan."""
    return [
        TargetColumn(binding.field, binding.schedule, plan.clock)
        for binding in plan.bindings
        if isinstance(binding.field, Target)
    ]


@final
class ValueTable:
    """The values of successive updates, and the columns of the groups into which they are written.

    The values of update `t` are `rows[t - first]` of each column. The first row is the one that was written last: of
    the update at which the rows were constructed or sought, or of the one before those that `extend` has computed.
    Every check that can raise runs in the constructor, before anything is written.

    Args:
        plan: the plan, with lengths that are counted.
        lines: its lines in the groups, with their bases.
        groups: the groups.
        times: the update whose values are computed first.
        states: the states of the metric rules.
        end: the total of the plan in updates: a computation of rows begins there, if the run reaches it.
        targets: True if the targets of the plan are written, too.
    """

    not_finite_at: int  # the update that was computed last, if a value of it is not finite; else -1
    first: int  # the update of the first row
    size: int  # the number of rows
    amounts: list[Any] | None  # the amounts for which the rows were computed; None if the plan is by updates
    loops: list[tuple[Callable[[Any, Any], object], Sequence[Any]]]  # the write and the rows of each column

    def __init__(
        self,
        plan: Plan,
        lines: tuple[BoundLine, ...],
        groups: Sequence[GroupDict],
        times: UpdateRange,
        states: RuleStates,
        *,
        end: int | None = None,
        targets: bool = False,
    ) -> None:
        self.lines = lines
        self._end = end
        self._by_updates = plan.clock == UPDATES
        self.overwritten: Overwritten = []
        self.targets = target_columns(plan) if targets else []
        self._columns = [*columns_of(lines, groups, self.overwritten), *self.targets]
        floats = [column for column in self._columns if isinstance(column, FloatColumn)]
        tensors = [column for column in self._columns if isinstance(column, TensorColumn)]
        self.tuples = [float_column for float_column in floats if float_column.tuple_size is not None]
        self.tensors = TensorColumns(tensors) if tensors else None
        self._is_short = not tensors and all(float_column.is_short for float_column in floats)
        self._ahead = [float_column.ahead for float_column in floats if float_column.ahead is not None]
        self.seek(times, states)

    def seek(self, times: UpdateRange, states: RuleStates) -> None:
        """Compute the values of all updates in `times`, without writing them."""
        computed = [column.entries(times, states) for column in self._columns]  # an error changes nothing
        size = self._usable(times)
        amounts = None if self._by_updates else times.listed()[:size]
        self._use([entries[:size] for entries in computed], times.first, size, amounts)
        self._last_size = 0
        self.overwritten.clear()

    def extend(self, times: UpdateRange, states: RuleStates) -> None:
        """Compute the values of these updates, of which the one before the first was written last."""
        entries = [column.entries(times, states) for column in self._columns]  # an error changes nothing
        size = self._usable(times)
        row = min(times.first - 1 - self.first, self.size - 1)  # the last row, if later ones could not be computed
        pairs = zip(self._columns, entries, strict=True)
        computed = [column.following(column.rows[row], new[:size]) for column, new in pairs]
        amounts = None if self._by_updates else [None, *times.listed()[:size]]
        self._use(computed, times.first - 1, size + 1, amounts)

    def _usable(self, times: UpdateRange) -> int:
        """Return the number of computed updates to use: up to a value that is not finite, which is computed alone."""
        finite = times.size
        for column in self._columns:
            if column.finite < finite:
                finite = column.finite
        self.not_finite_at = -1 if finite else times.first
        return finite or 1

    def _use(self, computed: list[list[Any]], first: int, size: int, amounts: list[Any] | None) -> None:
        for column, rows in zip(self._columns, computed, strict=True):
            column.rows = rows
        self.loops = [(column.write, column.rows) for column in self._columns]
        if self._ahead:
            updates = range(first, first + size)
            self.loops += [(ahead.compute, updates) for ahead in self._ahead]
        self.first = first
        self.size = size
        self.amounts = amounts

    def put(self) -> None:
        """Write the first row, without comparing the previous values."""
        if self.tensors is not None:
            self.tensors.install_views()
        for column in self._columns:
            column.put()
        self.note_written()

    def external_writes(self, t: int) -> Overwritten:
        """Return the floats of update `t` that other code has replaced; the planned ones are written again."""
        row = t - self.first
        for column in self._columns if 0 <= row < self.size else []:
            if isinstance(column, FloatColumn):
                column.write(column.rows[row], column.rows[row])
        return list(self.overwritten)

    def differing_fields(self, t: int, groups: Sequence[GroupDict]) -> set[str]:
        """Return the flat names of the fields that do not have the values of update `t`, in a state of the groups.

        Tensors are read only if other code has filled or replaced one since the last write.
        """
        row = t - self.first
        tensors = self.tensors
        if not 0 <= row < self.size:
            return set()
        floats = [column for column in self._columns if isinstance(column, FloatColumn)]
        filled = tensors.columns if tensors is not None and tensors.changed() else []
        differing = [float_column.field.slot for float_column in floats if float_column.differs(row, groups)]
        return {*differing, *(tensor_column.field.slot for tensor_column in filled if tensor_column.differs(row))}

    def note_written(self) -> None:
        """Note that the groups contain the written values."""
        if self.tensors is not None:
            self.tensors.note_fills()

    def next_size(self, t: int) -> int:
        """Return the number of updates to compute together from `t` on: more than before, up to a limit."""
        if t < self.first + self.size:  # the rows were computed for other amounts
            self._last_size = 0
        self._last_size = next((size for size in _SIZES if size > self._last_size), _SIZES[-1])
        if self._end is None and self._has_open_function:
            return 1  # a function may have no value for an update that the run does not reach
        size = self._last_size
        if self._ahead:
            size = min(size, *(ahead.next_size(t) for ahead in self._ahead))
        elif not self._is_short:
            width = sum(len(line.groups) for line in self.lines)
            size = max(1, min(size, _MAX_ROW_VALUES // max(1, width)))
        if self._end is None or t > self._end:
            return size
        return min(size, self._end - t) or 1  # alone, so that the first update after the end is computed first, too

    @cached_property
    def _has_open_function(self) -> bool:
        schedules = [*(line.schedule for line in self.lines), *(target.schedule for target in self.targets)]
        return any(map(has_open_function, {id(schedule): schedule for schedule in schedules}.values()))

    def remove_views(self, groups: Sequence[GroupDict]) -> None:
        """Replace each view of a vector in the groups by a separate tensor."""
        for column in [] if self.tensors is None else self.tensors.columns:
            column.remove_views(groups)

    def require_lengths(self, groups: Sequence[GroupDict]) -> None:
        """Raise if a tuple in a group has another length than when it was bound."""
        for column in self.tuples:
            column.require_lengths(groups)

    def tuple_spoiled(self) -> bool:
        """Return whether other code replaced a tuple such as `betas` by a value into which the plan cannot write."""
        try:
            for column in self.tuples:
                if column.is_spoiled():
                    return True
        except (LookupError, TypeError):
            return True
        return False


# ------------------------------------------------------------------ writes


def write_entry(field: Field, group: GroupDict, entry: Any) -> None:
    """Write a value into a group, as an entry or as an element of a tuple, which is replaced by a new tuple.

    >>> group = {"betas": (0.9, 0.999)}
    >>> write_entry(Field("betas", 0), group, 0.5)
    >>> group["betas"]
    (0.5, 0.999)
    """
    index = field.index
    if index is not None:
        whole = group[field.key]
        entry = (*whole[:index], entry, *whole[index + 1 :])
    group[field.key] = entry


def fill(vector: torch.Tensor, row: torch.Tensor) -> None:
    """Copy a row into the vector whose elements the groups contain."""
    written = vector.detach() if vector.requires_grad else vector  # an lr that is itself learned
    written.copy_(row)


def keep_tensors(places: Iterable[tuple[int, Field]], before: Sequence[GroupDict], groups: Sequence[GroupDict]) -> None:
    """Put the tensors of the groups before a load back, filled with what was loaded, which may be on another device.

    Compiled steps and other code have references to these tensors. One of another dtype only changes its device.
    """
    for index, field in places:
        if index >= len(before) or field.key not in before[index]:
            continue
        present = field.read(before[index])
        loaded = field.read(groups[index])
        if not (isinstance(present, torch.Tensor) and isinstance(loaded, torch.Tensor)) or present is loaded:
            continue
        if present.dtype == loaded.dtype and present.shape == loaded.shape:
            fill(present, loaded.detach())
            write_entry(field, groups[index], present)
        elif present.device != loaded.device:
            write_entry(field, groups[index], loaded.to(present.device))


FUNCTIONS_OF_WRITES: Final = (
    FloatColumn._write_equal,
    FloatColumn._write_scaled,
    FloatColumn._write_rows,
    FloatColumn._write_elements,
    FloatColumn._row,
    FloatColumn.is_spoiled,
    BlockTable.compute,
    TensorColumn.write,
    TensorColumn.views_replaced,
    TargetColumn.write,
    TensorColumns.changed,
    TensorColumns.note_fills,
    TensorColumns._fill_count,
    ValueTable.tuple_spoiled,
    ValueTable.note_written,
    fill,
)
"""The functions that run at every update, which `torch.compile` skips."""


def note_tensors(rows: ValueTable, tensors: TensorColumns, planned: GroupValues) -> None:
    """Note the tensors in the groups as possible external writes, with the values that the last update should use."""
    for column in tensors.columns:
        for index, (group, _) in zip(column.indices, column.views, strict=True):
            value = planned[index, column.field.slot]
            rows.overwritten.append((column.field, group, column.field.read(group), value))
