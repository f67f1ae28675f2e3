"""Which column of a log is which line of the plan, and its base."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self, TypeAlias, final

import numpy as np

from paramsched.core.curves import ROUNDING, ROUNDING_OF_LARGEST, Floats, interpolated
from paramsched.core.groups.fields import Field
from paramsched.core.plan import (
    Binding,
    BoundLine,
    Plan,
    ReportedAmounts,
    ResolvedPlan,
    RunAmounts,
    Target,
    bind,
    parts_of,
    plan_of_lines,
    resolve_in_run,
    scopes_of,
)
from paramsched.core.schedules import Schedule, depends_on_base, stage_from_base, values_by_base
from paramsched.core.time import PROGRESS, UPDATES, times_on
from paramsched.errors import InvalidArgument, MissingFact, PlanError, UnreadableLog
from paramsched.tools.records.log_values import Flags, LogColumn, LoggedAmounts, LoggedValues, Rounding, Times

_MAX_CONSECUTIVE = 2**22  # updates whose planned amounts are computed together
_MAX_AMOUNT = 2.0**62
_MAX_SAMPLED_ROWS = 4096
NEAR = 1 - 2.0**-6
"""The ratio of a base to another one, for which a clamp limits almost the same values."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class AmountTimes:
    """The amounts of a run by update, with linear interpolation and extrapolation.

    Args:
        clock: the unit of the amounts.
        updates: the known updates, sorted and unique; at least one.
        amounts: the amount before each of these updates.
    """

    clock: str
    updates: Times
    amounts: Floats

    @classmethod
    def logged(cls, clock: str, amounts: LoggedAmounts) -> Self:
        updates, first = np.unique(amounts.t, return_index=True)
        return cls(clock, updates, amounts.amounts[first])

    @classmethod
    def planned(cls, run: RunAmounts, t: Times) -> Self:
        """Return the planned amounts for the updates of a log."""
        if isinstance(run, ReportedAmounts):
            message = "the log has no column progress, and --amount NAME was not specified"
            raise UnreadableLog("the progress of the run", message, "Log scheduler.scalars()")
        try:
            run.amount_at(1)
        except MissingFact as error:
            message = (
                f"the {run.clock} that the updates consumed are unknown: the log has no column {run.clock}, and "
                "--amount NAME was not specified"
            )
            raise MissingFact("the amounts of the run", message, fact=error.fact, example=error.example) from None
        most = int(t.max()) + 2
        if most <= _MAX_CONSECUTIVE:
            return cls(run.clock, np.arange(most), np.asarray(run.amounts_from(0, 0, most), dtype=np.float64))
        updates = np.unique(np.maximum(np.concatenate([t - 1, t, t + 1]), 0))
        amounts = np.array([float(run.amount_at(value)) for value in updates.tolist()])
        return cls(run.clock, updates, amounts)

    def __call__(self, t: Times) -> Any:
        """Return the time of each update in `t` on the clock: an integer."""
        last = int(self.updates[-1])
        values = interpolated(t, self.updates, self.amounts)
        if self.updates.size > 1:
            size = (self.amounts[-1] - self.amounts[-2]) / (last - int(self.updates[-2]))
            values = np.where(t > last, self.amounts[-1] + (t - last) * size, values)
        values = np.clip(values, 0, _MAX_AMOUNT)
        if self.clock == PROGRESS:
            return times_on(self.clock, values)
        return np.rint(values).astype(np.int64)


ValuesByBase: TypeAlias = Callable[[float], Floats]

BasesByPlace: TypeAlias = Mapping[tuple[str, str | int | None], float]
"""A mapping from (field, group) to the base; group None means all groups."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlannedColumn:
    """The logged values of a field in a group, with the schedule that plans them.

    Args:
        column: the logged values.
        name: the name of the field or target in the plan.
        schedule: the planned schedule.
        group: the name or index of the group; None for a target.
        base: the base; None to fit it to the log.
        amounts: the amounts; None if the schedule counts updates.
        groups: all groups with the same values and schedule; `group` is the first of them.
    """

    column: LogColumn
    name: str
    schedule: Schedule
    group: str | int | None
    base: float | None
    amounts: AmountTimes | None = None
    groups: tuple[str | int | None, ...] = ()

    def planned_at(self, t: Times, base: float) -> Floats:
        return self.planned_by_base(t)(base)

    def planned_by_base(self, t: Times) -> ValuesByBase:
        """Return a function of the base, for several bases at the same updates.

        If the base is unknown, one for which the schedule has no values has NaN.
        """
        values = values_by_base(self.schedule, t if self.amounts is None else self.amounts(t))
        if self.base is not None or stage_from_base(self.schedule) is None:
            return values
        return lambda base: values(base) if base > 0 else np.full(t.shape, np.nan)

    def depends_on_base(self, times: Times | None = None) -> bool:
        """Return whether bases have other values, at these times of the schedule or at those of the log."""
        if times is not None:
            return depends_on_base(self.schedule, times, self._low, 1.0)
        return self._differs_between(self._low, 1.0)

    @property
    def _low(self) -> float:
        return 0.0 if stage_from_base(self.schedule) is None else 0.5

    def shows_base(self, base: float) -> bool:
        """Return whether a smaller and a larger base have other values; not if a clamp limits all of them."""
        near = (base * NEAR, base / NEAR)
        return self.schedule.affine or all(self._differs_between(base, near_base) for near_base in near)

    def _differs_between(self, base: float, other_base: float) -> bool:
        times = self.column.t[:: max(self.column.t.size // _MAX_SAMPLED_ROWS, 1)]
        return depends_on_base(self.schedule, times if self.amounts is None else self.amounts(times), base, other_base)


def updates_planned(planned: ResolvedPlan) -> int | None:
    """Return the length of a run in updates; None if it is unknown or the plan counts something else."""
    return planned.total if planned.unit is None else None


def columns_for_total(planned: ResolvedPlan, total: int, pairs: Sequence[PlannedColumn]) -> list[PlannedColumn] | None:
    """Return columns with the schedules of the plan in a run of another length; None if there is no such plan."""
    try:
        plan = plan_of_lines(planned.plan.as_written(), total, None)
        other = resolve_in_run(plan, replace(planned.facts, total=total))
    except InvalidArgument:
        return None
    lines = zip(planned.counted.bindings, other.counted.bindings, strict=True)
    schedules = {id(line.schedule): line_of_other.schedule for line, line_of_other in lines}
    return [replace(pair, schedule=schedules[id(pair.schedule)]) for pair in pairs]


def spread_rows(size: int, most: int) -> Times:
    """Return the indices of at most `most` of `size` rows, from the first to the last."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(np.int64))


def pair_columns(
    logged: LoggedValues, plan: Plan, run: RunAmounts | None, bases: BasesByPlace, names: Sequence[str]
) -> list[PlannedColumn]:
    """Pair each logged column that the plan schedules with its schedule; equal columns of a field are merged.

    Args:
        logged: the log.
        plan: the resolved plan, with all lengths as plain numbers.
        run: the planned consumption; None for a plan in updates.
        bases: bases by field and group.
        names: the names of the groups.

    Raises:
        UnreadableLog: the plan schedules none of the columns.
        MissingFact: a schedule counts an amount that is unknown.
    """
    targets = {binding.field.name: binding for binding in plan.bindings if isinstance(binding.field, Target)}
    groups = _groups_as_planned(logged, plan, names)
    bounds = _bind_logged(plan, groups)
    pairs: dict[tuple[Any, ...], PlannedColumn] = {}
    times: AmountTimes | None = None
    for column in logged.columns:
        for name, schedule, label, base in _plans_of(
            column, targets, groups[column.group], bounds[column.group], bases
        ):
            if not column.t.size:
                continue
            if plan.clock != UPDATES and run is not None and times is None:
                every = np.concatenate([column.t for column in logged.columns])
                consumed = logged.amounts
                times = AmountTimes.planned(run, every) if consumed is None else AmountTimes.logged(run.clock, consumed)
            by_amount = times if plan.clock != UPDATES else None
            key = (column.field, id(schedule), base, column.t.tobytes(), column.values.tobytes())
            first = pairs.get(key)
            pairs[key] = (
                PlannedColumn(column, name, schedule, label, base, by_amount, (label,))
                if first is None
                else replace(first, groups=(*first.groups, label))
            )
    if not pairs:
        there = sorted({column.field for column in logged.columns})
        planned = sorted({binding.name for binding in plan.bindings})
        named = next((column.name for column in logged.columns if column.name is not None), None)
        example = f"For example: --column {shlex.quote(f'{planned[0]}={named}')}"
        raise UnreadableLog(
            f"audit of {logged.source}",
            f"the log has {', '.join(there) or 'no fields'}, and the plan schedules {', '.join(planned)}",
            example if named is not None else f"Pass a log of {planned[0]}",
            option="--column" if named is not None else None,
        )
    return list(pairs.values())


def _plans_of(
    column: LogColumn,
    targets: Mapping[str, Binding],
    group: Mapping[str, Any],
    bounds: Iterable[BoundLine],
    bases: BasesByPlace,
) -> Iterator[tuple[str, Schedule, str | int | None, float | None]]:
    """Yield the lines of a plan that plan a column: the name, the schedule, the group and the base."""
    planned = targets.get(column.field)
    if planned is not None and isinstance(planned.field, Target):
        yield planned.name, planned.schedule, None, bases.get((planned.name, None), planned.field.initial)
        return
    wanted = Field.of(column.field)
    label = group.get("name", column.group)
    # From lowest to highest precedence: the base in the log, one for all groups, one for this group.
    base = column.base
    for place in ((column.field, None), (column.field, column.group), (column.field, label)):
        base = bases.get(place, base)
    for bound in bounds:
        if bound.field == wanted or bound.name == column.field:
            yield bound.name, bound.schedule, label, base


def _bind_logged(plan: Plan, groups: list[dict[str, Any]]) -> Sequence[tuple[BoundLine, ...]]:
    """Bind a plan to the groups of a log, which may be those of several optimizers: `adamw/embed`, or `muon` alone."""
    try:
        return bind(plan, groups)
    except PlanError:
        optimizers = _groups_by_optimizer(plan, groups)
        with suppress(PlanError):
            scopes = scopes_of(plan, plan, optimizers)
            bounds = {name: iter(bind(plan, optimizers[name], scope)) for name, scope in scopes.items()}
            return [next(bounds[str(group.get("name", "")).partition("/")[0]]) for group in groups]
        raise


def _groups_by_optimizer(plan: Plan, groups: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the groups of each optimizer; the only group of an optimizer has the name that a selector uses for it."""
    selectors = [binding.groups for binding in plan.bindings if isinstance(binding.groups, str)]
    parts = [part.partition("/") for selector in selectors for part in parts_of(selector)]
    alone = {head: tail for head, _, tail in reversed(parts) if not set(tail) & set("*?[=")}
    by_optimizer: dict[str, list[dict[str, Any]]] = {}
    for group in groups:
        optimizer, _, name = str(group.get("name", "")).partition("/")
        by_optimizer.setdefault(optimizer, []).append(group | {"name": name or alone.get(optimizer) or "0"})
    return by_optimizer


def _groups_as_planned(logged: LoggedValues, plan: Plan, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return param groups to which the plan can be bound; they have the fields of the log and of the plan."""
    fields: dict[int, list[Field]] = {}
    targets = {target.name for target in plan.targets}
    for column in logged.columns:
        fields_of_group = fields.setdefault(column.group, [])
        if column.field not in targets:  # a target may have a name that no field can have
            fields_of_group.append(Field.of(column.field))
    planned = [Field.of(binding.name) for binding in plan.bindings if isinstance(binding.field, str)]
    groups: list[dict[str, Any]] = []
    for index in range(max(fields, default=0) + 1):
        group: dict[str, Any] = {}
        name = names[index] if index < len(names) else logged.name_of(index)
        if name is not None:
            group["name"] = name
        fields_of_group = fields.get(index, [])
        # Adam's momentum is logged as betas[0]; a group with both fields would be bound twice.
        betas = any(field.key == "betas" for field in fields_of_group)
        for field in fields_of_group + [field for field in planned if not (field.key == "momentum" and betas)]:
            field.fill(group, 1.0)
        groups.append(group)
    return groups


Clock: TypeAlias = Callable[[Times], Times]
"""A function of updates that returns the times of a schedule."""

GLANCE = 24
SAMPLE = 400  # rows on which a cause is tried first

_FLAT = 1e-12  # a factor, relative to the largest, with which any base explains a value
_TRIED_ROWS = 32  # rows whose bases are tried, if the values are no line of the base
_SAMPLED_ROWS = 256
_MOST_DIGITS = 17
_FIRST_ROWS = 4096  # in which most clocks are refuted
_DOUBLINGS = 6  # of the largest value, which a limit may have made smaller


class _LineOfBase(NamedTuple):
    """Planned values as a function of the base, `offset + factor * base`: of an affine schedule, or near one base."""

    offset: Floats
    factor: Floats
    base: float = 1.0

    @classmethod
    def of(cls, planned: ValuesByBase, base: float | None) -> "_LineOfBase":
        if base is None:
            offset = planned(0.0)
            return cls(offset, planned(1.0) - offset)
        values = planned(base)
        near_base = base * NEAR
        factor = (values - planned(near_base)) / (base - near_base)
        return cls(values - factor * base, factor, base)

    def bounds(self, column: LogColumn, reading: Rounding | None, rows: slice | Times) -> tuple[Floats, Floats]:
        """Return the least and the largest base with which each value is as planned; without one they are crossed."""
        values = column.values_in(reading)[rows]
        size = np.abs(values)
        near = column.slack(reading) * size
        if column.tolerance:
            near += ROUNDING_OF_LARGEST * size.max(initial=0.0, where=np.isfinite(size))
        below = near
        above = near
        if reading is not None:
            # A planned value just below a power of ten is rounded to finer units.
            below = near + reading.half_unit(size * (1 - 1e-9))
            above = near + reading.half_unit(size)
        below, above = np.where(values < 0, above, below), np.where(values < 0, below, above)
        largest = np.abs(self.factor).max(axis=-1, keepdims=True, initial=0.0, where=np.isfinite(self.factor))
        flat = ~(np.abs(self.factor) > _FLAT * largest) | ~np.isfinite(values)
        divisor = np.where(flat, 1.0, self.factor)
        ends = (values - below - self.offset) / divisor, (values + above - self.offset) / divisor
        same = np.abs(values - self.offset) <= np.maximum(below, above) + _FLAT * np.abs(self.offset)
        any_base = flat & (same | ~np.isfinite(values) | (np.abs(self.factor) > 0))
        low = np.where(flat, np.where(any_base, -np.inf, np.inf), np.minimum(*ends))
        high = np.where(flat, np.where(any_base, np.inf, -np.inf), np.maximum(*ends))
        return low, high


def base_of_all(pair: PlannedColumn, times: Times) -> float | None:
    """Return the base with which all values are those planned at these times; None if there is none."""
    planned = pair.planned_by_base(times)
    for line in _lines(pair, planned, times):
        for reading in (None, *pair.column.readings):
            low, high = (float(limit) for limit in _common(*line.bounds(pair.column, reading, slice(None))))
            for base in _roundest(low, high, line.base):
                if pair.column.equals_in(reading, planned(base)).all():
                    return base
    return None


def bases_if_explained(pairs: Sequence[PlannedColumn], clock: Clock | None = None) -> tuple[float, ...] | None:
    """Return the base of each column with which all values are as planned; None if some value is not.

    Args:
        pairs: the columns and their schedules.
        clock: converts update numbers to times of the plan. Default: they are the same.
    """
    for size in (GLANCE, SAMPLE, None):
        bases = []
        for pair in pairs:
            sample = pair if size is None else part_of(pair, size)
            times = sample.column.t if clock is None else clock(sample.column.t)
            base = _base_if_equal(sample, times)
            if base is None:
                return None
            bases.append(base)
    return tuple(bases)


def _base_if_equal(pair: PlannedColumn, times: Times) -> float | None:
    if pair.base is None:
        return base_of_all(pair, times)
    return pair.base if pair.column.equals(pair.planned_at(times, pair.base)).all() else None


def part_of(pair: PlannedColumn, size: int) -> PlannedColumn:
    """Return a column with a few of its rows."""
    rows = spread_rows(pair.column.t.size, size)
    return replace(pair, column=replace(pair.column, t=pair.column.t[rows], values=pair.column.values[rows]))


def factor_of_all(column: LogColumn, planned: Floats) -> float | None:
    """Return the factor from the planned to the logged values; None if it is not the same for all."""
    line = _LineOfBase(np.zeros(planned.size), planned)
    for reading in (None, *column.readings):
        low, high = (float(limit) for limit in _common(*line.bounds(column, reading, slice(None))))
        for factor in _roundest(low, high, 1.0):
            if column.equals_in(reading, planned * factor).all():
                return factor
    return None


def explained_first(pair: PlannedColumn, times: Times) -> tuple[int, float]:
    """Return how many values from the first one on are those planned at these times, and the base with the most.

    The first rows are compared, then 16 times as many until they show where these values end. So the work depends on
    the number of values that are as planned, and not on the size of the log.
    """
    whole = pair.column.t.size
    size = whole
    if all(reading.of == "column" for reading in pair.column.readings):  # how a constant is read depends on all rows
        size = _FIRST_ROWS
    while True:
        # With a sample of the others, because values near 0 are compared with the largest one.
        is_all = size >= whole
        rows = slice(None) if is_all else np.union1d(np.arange(size), spread_rows(whole, SAMPLE))
        count, base, furthest = _explained_in(pair, times, rows)
        if is_all or furthest < size:
            return count, base
        size *= 16


def _explained_in(pair: PlannedColumn, times: Times, rows: Times | slice) -> tuple[int, float, int]:
    """Return the result of `explained_first` for some rows, and the most rows that any tried base may explain."""
    planned = pair.planned_by_base(times[rows])
    if pair.base is not None:
        count = _count_as_planned(pair.column, planned(pair.base), rows)
        return count, pair.base, count
    return _first_explained(pair.column, planned, _lines(pair, planned, times), rows)


def _first_explained(
    column: LogColumn, planned: ValuesByBase, lines: Iterable[_LineOfBase], rows: Times | slice
) -> tuple[int, float, int]:
    """Return how many values from the first one on some base explains, this base, and the most that one may explain."""
    most = 0
    furthest = 0
    best = 1.0
    for line in lines:
        for reading in (None, *column.readings):
            low, high = line.bounds(column, reading, rows)
            low = np.maximum.accumulate(low)
            high = np.minimum.accumulate(high)
            end = _count_first(low <= high)
            for base in _roundest(float(low[end - 1]), float(high[end - 1]), line.base):
                count = _count_first(column.equals_in(reading, planned(base), rows))
                if count > most:
                    most = count
                    best = base
            furthest = max(furthest, end, most)
    count = _count_as_planned(column, planned(best), rows)
    return count, best, max(furthest, count)


def _count_as_planned(column: LogColumn, planned: Floats, rows: Times | slice) -> int:
    """Return how many values from the first one on are as planned."""
    return max(_count_first(column.equals_in(rounding, planned, rows)) for rounding in (None, *column.readings))


def base_of_multiples(column: LogColumn, multiples: Floats) -> float | None:
    """Return the base of a column whose planned values are multiples of it: of all values, else of the first ones.

    Returns None if no base explains the first value.
    """
    base = factor_of_all(column, multiples)
    if base is not None:
        return base
    line = _LineOfBase(np.zeros(multiples.size), multiples)
    count, first_base, _ = _first_explained(column, lambda base: base * multiples, [line], slice(None))
    return first_base if count else None


def _count_first(flags: Flags) -> int:
    """Return how many flags from the first one on are True."""
    return int(np.argmin(np.append(flags, False)))


def which_can_be_planned(pair: PlannedColumn, rows: Times, times: Times) -> Flags:
    """Return for each of several clocks whether some base explains all of these values.

    Args:
        pair: the logged values.
        rows: the indices of the compared rows; shape (rows,).
        times: their times by each clock; shape (clocks, rows).
    """
    planned = pair.planned_by_base(times.reshape(-1))
    column = pair.column
    readings = (None, *column.readings)
    if pair.base is not None:
        values = planned(pair.base).reshape(times.shape)
        return np.logical_or.reduce([column.equals_in(rounding, values, rows).all(axis=1) for rounding in readings])  # type: ignore[no-any-return]
    flags = np.zeros(len(times), dtype=np.bool_)
    for start in (None,) if pair.schedule.affine else _starts(column.values):
        whole = _LineOfBase.of(planned, start)
        line = _LineOfBase(whole.offset.reshape(times.shape), whole.factor.reshape(times.shape))
        for reading in readings:
            low, high = _common(*line.bounds(column, reading, rows))
            flags |= low <= high
    return flags


def _starts(values: Floats) -> tuple[float, ...]:
    """Return bases near which a schedule that is no line of the base may be one."""
    largest = float(np.abs(values).max(initial=0.0, where=np.isfinite(values))) or 1.0
    return tuple({1.0, *(largest * 2.0**power for power in range(_DOUBLINGS))})


def _common(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    return low.max(axis=-1, initial=-np.inf), high.min(axis=-1, initial=np.inf)


def _roundest(low: float, high: float, any_base: float) -> Iterator[float]:
    """Yield numbers from `low` to `high`, those with few digits first, because bases usually have few digits."""
    if low == -np.inf and high == np.inf:
        yield any_base
    elif low <= high:
        middle = (low + high) / 2
        if not np.isfinite(low + high):
            middle = low if np.isfinite(low) else high
        numbers = (float(f"{middle:.{n}g}") for n in range(1, _MOST_DIGITS))
        yield from dict.fromkeys([*(number for number in numbers if low <= number <= high), middle, low, high])


def _lines(pair: PlannedColumn, planned: ValuesByBase, times: Times) -> Iterator[_LineOfBase]:
    """Yield the lines on which the values may be; a schedule with limits follows different ones for different bases."""
    if pair.schedule.affine:
        yield _LineOfBase.of(planned, None)
        return
    values = pair.column.values
    usable = np.flatnonzero(np.isfinite(values))
    if not usable.size:
        return
    changes = np.flatnonzero(np.diff(values[usable]))[:_TRIED_ROWS]
    tried = usable[np.unique([*spread_rows(usable.size, _TRIED_ROWS), *changes, *(changes + 1)])]
    sampled = usable[spread_rows(usable.size, _SAMPLED_ROWS)]
    of_tried = pair.planned_by_base(times[tried])
    of_sampled = pair.planned_by_base(times[sampled])
    candidates: set[float] = set()
    for start in _starts(values):
        offset, factor, _ = _LineOfBase.of(of_tried, start)
        candidates.update(((values[tried] - offset)[factor != 0] / factor[factor != 0]).tolist())
    candidates = {candidate for candidate in candidates if np.isfinite(candidate) and candidate != 0}

    # A candidate is computed with rounding errors, which count less than a limit, also in a log that has all bits.
    columns = [replace(pair.column, tolerance=max(pair.column.tolerance, ROUNDING)), pair.column]

    def differing(base: float) -> list[int]:
        values = of_sampled(base)
        return [int(np.count_nonzero(~column.equals(values, sampled))) for column in columns]

    best = sorted(candidates, key=lambda candidate: (differing(candidate), candidate))[:2]
    for base in best or [1.0]:
        yield _LineOfBase.of(planned, base)
