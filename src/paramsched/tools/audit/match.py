"""Comparison of the columns of a log with the schedules of a plan, and fitting of bases."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar, final

import numpy as np

from paramsched.core.curves.arrays import ROUNDING, ROUNDING_OF_LARGEST, Floats, interpolated
from paramsched.core.fields import Field
from paramsched.core.plan import Binding, Bound, Plan, Target, bind
from paramsched.core.plan.binding import is_by_amount
from paramsched.core.plan.group_matching import parts_of
from paramsched.core.plan.optimizers import scopes_of
from paramsched.core.plan.run_amounts import ReportedProgress, RunAmounts
from paramsched.core.schedules.base import Schedule
from paramsched.core.schedules.evaluation import depends_on_base, values_by_base
from paramsched.core.time.amounts import times_on
from paramsched.core.time.progress import PROGRESS, WHOLE
from paramsched.errors import MissingFact, PlanError, UnreadableLog
from paramsched.tools.records.log_values import HALF_SINGLE, Flags, LogColumn, LoggedAmounts, LoggedValues, Times

_MAX_CONSECUTIVE = 2**22  # updates whose planned amounts are computed together
_MAX_AMOUNT = 2.0**62


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
    def logged(cls, clock: str, found: LoggedAmounts) -> Self:
        updates, first = np.unique(found.t, return_index=True)
        return cls(clock, updates, found.amounts[first])

    @classmethod
    def planned(cls, run: RunAmounts, t: Times) -> Self:
        """Return the planned amounts for the updates of a log."""
        if isinstance(run, ReportedProgress):
            found = "the log has no column progress, and --amount NAME was not specified"
            raise UnreadableLog("the progress of the run", found, "Log scheduler.scalars()")
        try:
            run.amount_at(1)
        except MissingFact as error:
            found = (
                f"the {run.clock} that the updates consumed are unknown: the log has no column {run.clock}, and "
                "--amount NAME was not specified"
            )
            raise MissingFact("the amounts of the run", found, fact=error.fact, example=error.example) from None
        most = int(t.max()) + 2
        if most <= _MAX_CONSECUTIVE:
            return cls(run.clock, np.arange(most), np.asarray(run.amounts_from(0, 0, most), dtype=np.float64))
        updates = np.unique(np.maximum(np.concatenate([t - 1, t, t + 1]), 0))
        amounts = np.array([float(run.amount_at(one)) for one in updates.tolist()])
        return cls(run.clock, updates, amounts)

    def counting_updates(self) -> "AmountTimes":
        return AmountTimes(self.clock, np.array([0, 1]), np.array([0.0, 1.0]))

    def scaled(self, times: int, by: int) -> "AmountTimes":
        """Return the amounts multiplied by `times / by`."""
        amounts = self.amounts * times / by
        return AmountTimes(self.clock, self.updates, amounts if self.clock == "seconds" else np.floor(amounts))

    def __call__(self, t: Times) -> Any:
        """Return the time of each update in `t` on the clock: an integer, except seconds."""
        last = int(self.updates[-1])
        found = interpolated(t, self.updates, self.amounts)
        if self.updates.size > 1:
            size = (self.amounts[-1] - self.amounts[-2]) / (last - int(self.updates[-2]))
            found = np.where(t > last, self.amounts[-1] + (t - last) * size, found)
        found = np.clip(found, 0, _MAX_AMOUNT)
        if self.clock in ("seconds", PROGRESS):
            return times_on(self.clock, found)
        return np.rint(found).astype(np.int64)


_ValuesByBase: TypeAlias = Callable[[float], Floats]

BasesByPlace: TypeAlias = Mapping[tuple[str, str | int | None], float]
"""A mapping from (field, group) to the base; group None means all groups."""


@final
@dataclass(frozen=True, slots=True)
class DifferingValue:
    """A logged value that differs from the planned value.

    Args:
        t: the update, 0-based.
        field: the name of the field.
        group: the name or index of the group; None for a target.
        logged: the logged value.
        planned: the planned value.
        amount: the amount before the update; None if the schedule counts updates.
        clock: the unit of `amount`.
    """

    t: int
    field: str
    group: str | int | None
    logged: float
    planned: float
    amount: float | None = None
    clock: str | None = None


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

    def planned_by_base(self, t: Times) -> _ValuesByBase:
        """Return a function of the base, for several bases at the same updates."""
        return values_by_base(self.schedule, t if self.amounts is None else self.amounts(t))

    def depends_on_base(self) -> bool:
        return self._differs_between(0.0, 1.0)

    def shows_base(self, base: float) -> bool:
        """Return whether a smaller and a larger base have other values; not if a clamp limits all of them."""
        near = (base * _NEAR, base / _NEAR)
        return self.schedule.affine or all(self._differs_between(base, other) for other in near)

    def _differs_between(self, base: float, other: float) -> bool:
        times = self.column.t[:: max(self.column.t.size // _MAX_SAMPLED_ROWS, 1)]
        return depends_on_base(self.schedule, times if self.amounts is None else self.amounts(times), base, other)


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
    targets = {one.field.name: one for one in plan.bindings if isinstance(one.field, Target)}
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
            if is_by_amount(plan.clock, name) and run is not None and times is None:
                every = np.concatenate([column.t for column in logged.columns])
                consumed = logged.amounts
                times = AmountTimes.planned(run, every) if consumed is None else AmountTimes.logged(run.clock, consumed)
            by_amount = times if is_by_amount(plan.clock, name) else None
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
    bounds: Iterable[Bound],
    bases: BasesByPlace,
) -> Iterator[tuple[str, Schedule, str | int | None, float | None]]:
    """Yield the lines of a plan that plan a column: the name, the schedule, the group and the base."""
    if (planned := targets.get(column.field)) is not None and isinstance(planned.field, Target):
        yield planned.name, planned.schedule, None, bases.get((planned.name, None), planned.field.initial)
        return
    wanted, label = Field.of(column.field), group.get("name", column.group)
    # From lowest to highest precedence: the base in the log, one for all groups, one for this group.
    base = column.base
    for place in ((column.field, None), (column.field, column.group), (column.field, label)):
        base = bases.get(place, base)
    for bound in bounds:
        if bound.field == wanted or bound.name == column.field:
            yield bound.name, bound.schedule, label, base


def _bind_logged(plan: Plan, groups: list[dict[str, Any]]) -> Sequence[tuple[Bound, ...]]:
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
    selectors = [one.groups for one in plan.bindings if isinstance(one.groups, str)]
    parts = [part.partition("/") for selector in selectors for part in parts_of(selector)]
    alone = {head: tail for head, _, tail in reversed(parts) if not set(tail) & set("*?[=")}
    found: dict[str, list[dict[str, Any]]] = {}
    for group in groups:
        optimizer, _, name = str(group.get("name", "")).partition("/")
        found.setdefault(optimizer, []).append(group | {"name": name or alone.get(optimizer) or "0"})
    return found


def _groups_as_planned(logged: LoggedValues, plan: Plan, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return param groups to which the plan can be bound; they have the fields of the log and of the plan."""
    fields: dict[int, list[Field]] = {}
    targets = {target.name for target in plan.targets}
    for column in logged.columns:
        found = fields.setdefault(column.group, [])
        if column.field not in targets:  # a target may have a name that no field can have
            found.append(Field.of(column.field))
    planned = [Field.of(one.name) for one in plan.bindings if isinstance(one.field, str)]
    groups: list[dict[str, Any]] = []
    for index in range(max(fields, default=0) + 1):
        group: dict[str, Any] = {}
        name = names[index] if index < len(names) else logged.names[index] if index < len(logged.names) else None
        if name is not None:
            group["name"] = name
        mine = fields.get(index, [])
        # Adam's momentum is logged as betas[0]; a group with both fields would be bound twice.
        betas = any(field.key == "betas" for field in mine)
        for field in mine + [one for one in planned if not (one.key == "momentum" and betas)]:
            field.fill(group, 1.0)
        groups.append(group)
    return groups


def which_depend_on_base(pairs: Iterable[PlannedColumn]) -> dict[int, bool]:
    """Return a dict from the id of each schedule to True if its values depend on the base, else False.

    Each schedule is evaluated once, because most groups share a schedule.
    """
    return {schedule: pair.depends_on_base() for schedule, pair in {id(one.schedule): one for one in pairs}.items()}


_Same = TypeVar("_Same")


def unchanged(value: _Same) -> _Same:
    """Return `value` unchanged, as the conversion of times or amounts for a run that counted them as planned."""
    return value


class MatchedColumn(NamedTuple):
    """A column with its planned values.

    Args:
        pair: the column and its schedule.
        base: the specified base, or the one fitted to the log.
        equal: a flag for each compared value, True if the value is as planned.
        planned: the planned values.
    """

    pair: PlannedColumn
    base: float
    equal: Flags
    planned: Floats


@final
@dataclass(frozen=True, slots=True, eq=False)
class LogMatch:
    """The comparison of a log with a plan, for one conversion from update numbers to times of the plan."""

    columns: list[MatchedColumn]

    @classmethod
    def of(
        cls, pairs: Sequence[PlannedColumn], clock: Callable[[Times], Times] = unchanged, rows: Times | None = None
    ) -> Self:
        """Compare the columns with their schedules.

        Args:
            pairs: the columns and their schedules.
            clock: converts update numbers to times of the plan.
            rows: the indices of the rows to compare; None for all.
        """
        columns = []
        lines: dict[tuple[int, int, bytes], _Line] = {}
        for pair in pairs:
            chosen = slice(None) if rows is None else rows[rows < pair.column.t.size]
            base = pair.base
            if base is None:
                key = id(pair.schedule), id(pair.amounts), pair.column.t.tobytes()
                sampled = _rows_to_fit(pair.column.t.size, chosen)
                if key not in lines:
                    lines[key] = _Line.of(pair, clock(pair.column.t[sampled]))
                line = lines[key]
                base = _base_on_line(pair, sampled, line)
                is_sample = sampled.size < pair.column.t[chosen].size
                planned = pair.planned_at(clock(pair.column.t[chosen]), base) if is_sample else line.planned(base)
            else:
                planned = pair.planned_at(clock(pair.column.t[chosen]), base)
            columns.append(MatchedColumn(pair, base, pair.column.equals(planned, chosen), planned))
        return cls(columns)

    @property
    def pairs(self) -> list[PlannedColumn]:
        return [one.pair for one in self.columns]

    @property
    def values(self) -> int:
        """The number of compared values in all groups."""
        return sum(one.equal.size * len(one.pair.groups) for one in self.columns)

    @property
    def exact(self) -> int:
        """The number of compared values that are as planned, in all groups."""
        return sum(int(one.equal.sum()) * len(one.pair.groups) for one in self.columns)

    @property
    def rounded(self) -> int:
        """The number of values that are as planned up to rounding, but not bit for bit."""
        return sum(
            int((equal & ~pair.column.equals_as_written(planned)).sum()) * len(pair.groups)
            for pair, _, equal, planned in self.columns
        )

    @property
    def misfit(self) -> float:
        """The mean distance between matching logged values and planned values, divided by the largest planned value.

        This is computed for each column of the log, and the largest result is returned.
        """
        shares = [
            float(np.abs(pair.column.values - planned)[equal & np.isfinite(planned)].mean())
            / max(float(np.abs(planned[np.isfinite(planned)]).max(initial=0.0)), 1e-300)
            for pair, _, equal, planned in self.columns
            if (equal & np.isfinite(planned)).any()
        ]
        return max(shares, default=0.0)

    def first_difference(self) -> DifferingValue | None:
        """Return the earliest logged value that differs from the plan, or None if all match."""
        wrong = [
            (int(one.pair.column.t[row]), number, row)
            for number, one in enumerate(self.columns)
            for row in np.flatnonzero(~one.equal)[:1]
        ]
        if not wrong:
            return None
        t, number, row = min(wrong)
        pair, _, _, planned = self.columns[number]
        amount, clock = None, None
        if pair.amounts is not None:
            amount, clock = pair.amounts(np.array([t]))[0].item(), pair.amounts.clock
            amount = amount / WHOLE if clock == PROGRESS else amount
        logged = float(pair.column.values[row])
        return DifferingValue(t, pair.column.field, pair.group, logged, float(planned[row]), amount, clock)


_ACCEPTED_SHARE = 0.8  # a base that explains this fraction of the values is accepted
_MIN_FITTING_RUN = 8  # this number of consecutive matching values is not an accident
_NEAR = 1 - 2.0**-6  # another base, for which a clamp limits almost the same values
_MAX_SAMPLED_ROWS = 4096  # the approximate maximum number of rows to which a base is fitted


def fitted_base(pair: PlannedColumn, rows: slice = slice(None)) -> float:
    """Return the base for which the most values are as planned.

    If no base fits most values, the base that fits the first values is returned.
    """
    sampled = _rows_to_fit(pair.column.t.size, rows)
    return _base_on_line(pair, sampled, _Line.of(pair, pair.column.t[sampled]))


def fitted_factor(pair: PlannedColumn, planned: Floats, rows: Times) -> float:
    """Return the factor with which the most planned values are as logged.

    Args:
        pair: the logged values.
        planned: the planned values of all rows.
        rows: the indices of the rows that are compared.
    """
    sampled = rows[_rows_to_fit(rows.size, slice(None))]
    of_rows = planned[sampled]
    return _base_on_line(pair, sampled, _Line(np.zeros(sampled.size), of_rows, lambda factor: of_rows * factor))


def _rows_to_fit(size: int, rows: slice | Times) -> Times:
    """Return the indices of the rows to which a base is fitted: all, or in a long log the first rows and a sample."""
    sampled = np.arange(size)[rows]
    if sampled.size <= _MAX_SAMPLED_ROWS:
        return sampled
    places = np.unique(
        [*range(_MAX_SAMPLED_ROWS // 4), *np.linspace(0, sampled.size - 1, _MAX_SAMPLED_ROWS).astype(np.int64)]
    )
    chosen: Times = sampled[places]
    return chosen


class _Line(NamedTuple):
    """The planned values at some times as a function of the base, `offset + factor * base` up to rounding.

    If a schedule selects between values, e.g. by a clamp, the offset is assumed to be 0; the line is exact where the
    schedule is proportional to the base up to a base of 1.
    """

    offset: Floats
    factor: Floats
    planned: _ValuesByBase

    @classmethod
    def of(cls, pair: PlannedColumn, times: Times) -> Self:
        planned = pair.planned_by_base(times)
        offset = planned(0.0) if pair.schedule.affine else np.zeros(times.size)
        return cls(offset, planned(1.0) - offset, planned)

    def near(self, base: float) -> "_Line":
        """Return the line through the planned values for two bases near each other."""
        other = base * _NEAR
        values = self.planned(base)
        factor = (values - self.planned(other)) / (base - other)
        return _Line(values - factor * base, factor, self.planned)


def most_that_match(pair: PlannedColumn, rows: Times, clocks: Sequence[Callable[[Times], Times]]) -> Times:
    """Return for each of several clocks how many values can be as planned at most, with any base if it is unknown.

    Args:
        pair: the logged values.
        rows: the indices of the compared rows for each clock; shape (clocks, rows).
        clocks: functions from update numbers to times of the plan.
    """
    column, base = pair.column, pair.base
    if rows.max(initial=0) >= column.t.size or not (base is not None or pair.schedule.affine):
        return np.full(len(rows), rows.shape[1])
    times = np.concatenate([clock(column.t[some]) for clock, some in zip(clocks, rows, strict=True)])
    planned = pair.planned_by_base(times)
    if base is not None:
        of_base = planned(base).reshape(rows.shape)
        return column.equals(of_base, rows, are_singles=True).sum(axis=1)  # type: ignore[no-any-return]
    offset = planned(0.0).reshape(rows.shape)
    factor = planned(1.0).reshape(rows.shape) - offset
    values = column.values[rows]
    size = np.abs(values)
    known = np.isfinite(values) & np.isfinite(factor) & (size > 0)
    flat = ROUNDING_OF_LARGEST * np.abs(factor).max(axis=1, keepdims=True, initial=0.0, where=known)
    far = known & (np.abs(factor) > 2 * flat)  # else a base may explain any value
    half = column.half_unit(np.where(far, 1.1 * size, 1.0)) + 2 * (max(column.tolerance, ROUNDING) + HALF_SINGLE) * size
    half += ROUNDING_OF_LARGEST * np.abs(offset).max(initial=0.0, where=known)
    # The bases that explain a value are an interval. A value may differ by a part of the largest one.
    ends = [
        (values - offset + side * half) / np.where(far, factor + error, 1.0)
        for side in (-1, 1)
        for error in (-flat, flat)
    ]
    edges = np.where(np.tile(far, 2), np.concatenate([np.min(ends, axis=0), np.max(ends, axis=0)], axis=1), 0.0)
    steps = np.concatenate([far, -1 * far], axis=1)
    in_order = np.take_along_axis(steps, np.argsort(edges, axis=1, kind="stable"), axis=1)
    most: Times = in_order.cumsum(axis=1).max(axis=1) + (~far).sum(axis=1)
    return most


def _most_covered(values: Floats, offset: Floats, factor: Floats, column: LogColumn) -> list[float]:
    """Return a base with which the most planned values round to the logged ones, in a list; no base for no value."""
    far = values != 0
    half = column.half_unit(np.abs(values[far]))
    ends = (values[far] - offset[far] + np.array([[-1.0], [1.0]]) * half) / factor[far]
    edges = np.concatenate([ends.min(axis=0), ends.max(axis=0)])
    order = np.argsort(edges, kind="stable")
    covered = np.cumsum(np.where(order < edges.size // 2, 1, -1))
    if not covered.size:
        return []
    best = int(covered.argmax())
    return [float(edges[order[best : best + 2]].mean())]


def _exact_bases(column: LogColumn, values: Floats, line: _Line) -> list[float]:
    """Return a few bases with which at least one value is as planned; none if no value depends on the base."""
    offset, factor, _ = line
    # If the schedule is almost 0, the quotient below is noise.
    far = np.abs(factor) > 1e-12 * np.abs(factor).max(initial=0.0)
    usable = np.flatnonzero(far & np.isfinite(values))
    if usable.size == 0:
        return []
    places = np.array([usable[np.abs(factor[usable]).argmax()], usable[0], usable[-1]])
    exact = ((values[places] - offset[places]) / factor[places]).tolist()
    exact += _most_covered(values[usable], offset[usable], factor[usable], column)
    return [one for one in dict.fromkeys(exact) if np.isfinite(one)]


def _base_on_line(pair: PlannedColumn, sampled: Times, line: _Line) -> float:
    offset, factor, planned_for = line
    values = pair.column.values[sampled]
    # The sum below and the schedule round differently, so equal bits are required only after this comparison.
    with_rounding = replace(pair.column, tolerance=max(pair.column.tolerance, ROUNDING))

    def equal_with(bases: list[float]) -> Flags:
        if pair.schedule.affine:
            return with_rounding.equals(offset + factor * np.array(bases)[:, np.newaxis], sampled)
        return with_rounding.equals(np.array([planned_for(base) for base in bases]), sampled)

    exact = _exact_bases(pair.column, values, line)
    if not pair.schedule.affine:
        # A clamp is linear near each base. The values that are not at its limits show which of these lines they follow.
        largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
        for base in {largest, 1.0} - {0.0}:
            exact += _exact_bases(pair.column, values, line.near(base))
        exact = [exact[int(equal_with(exact).sum(axis=1).argmax())]] if exact else []
    # Bases usually have few digits, so the roundest of equally good candidates is chosen.
    bases = [float(f"{one:.{n}g}") for one in exact for n in (3, 6, 9, 12, 17)]
    bases = list(dict.fromkeys(bases)) or [1.0]
    equal = equal_with(bases)
    counts, firsts = equal.sum(axis=1), np.where(equal.all(axis=1), values.size, equal.argmin(axis=1))
    scores = [
        (count if count >= _ACCEPTED_SHARE * values.size else 0, first if first >= _MIN_FITTING_RUN else 0, count)
        for count, first in zip(counts.tolist(), firsts.tolist(), strict=True)
    ]
    best = max(scores)
    fitting = [base for base, score in zip(bases, scores, strict=True) if score == best]
    if best[2] < _MIN_FITTING_RUN:
        return fitting[0]

    def bits_that_fit(base: float) -> tuple[int, bool]:
        """Return how many values are as planned with a base, and whether most of them match bit for bit."""
        planned = planned_for(base)
        as_written = pair.column.equals_as_written(planned, sampled)
        return int(pair.column.equals(planned, sampled).sum()), 2 * int(as_written.sum()) > as_written.size

    return max(fitting, key=bits_that_fit)
