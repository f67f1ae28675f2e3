"""How well a log fits a plan."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar, final

import numpy as np

from paramsched.audit.log_values import Flags, LogColumn, LoggedAmounts, LoggedValues, Times, UnreadableLog
from paramsched.base.arrays import ROUNDING, Floats
from paramsched.errors import MissingFact
from paramsched.fields import Field
from paramsched.plan import Plan, bind
from paramsched.plan.binding import is_by_amount
from paramsched.plan.run_amounts import RunAmounts, UntoldAmounts
from paramsched.schedules.base import Schedule
from paramsched.schedules.evaluation import evaluate

_MOST_IN_A_ROW = 2**22  # updates whose planned amounts are made together
_MOST = 2.0**62


@final
@dataclass(frozen=True, slots=True, eq=False)
class AmountTimes:
    """The amounts of a run by its updates; between known ones, and beyond, on a straight line.

    Args:
        updates: in order, each once; one at least.
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
        """As it was planned, for the updates that a log has."""
        if isinstance(run, UntoldAmounts):
            try:
                run.amount_at(1)
            except MissingFact as error:
                found = (
                    f"nothing says how many {run.clock} the updates took; no column of the log is called {run.clock} "
                    "(--amount NAME names another)"
                )
                site = "the amounts of the run"
                raise MissingFact(site, found, fact=error.fact, example=error.example) from None
        most = int(t.max(initial=0)) + 2
        if most <= _MOST_IN_A_ROW:
            return cls(run.clock, np.arange(most), np.asarray(run.amounts_from(0, 0, most), dtype=np.float64))
        updates = np.unique(np.maximum(np.concatenate([t - 1, t, t + 1]), 0))
        amounts = np.array([float(run.amount_at(one)) for one in updates.tolist()])
        return cls(run.clock, updates, amounts)

    def counting_updates(self) -> "AmountTimes":
        return AmountTimes(self.clock, np.array([0, 1]), np.array([0.0, 1.0]))

    def scaled(self, times: int, by: int) -> "AmountTimes":
        """The same for a schedule that counts so many times as much, or as little."""
        amounts = self.amounts * times / by
        return AmountTimes(self.clock, self.updates, amounts if self.clock == "seconds" else np.floor(amounts))

    def __call__(self, t: Times) -> Any:
        """The amounts before updates: whole numbers, but of seconds."""
        last = int(self.updates[-1])
        found = np.interp(t, self.updates, self.amounts)
        if self.updates.size > 1:
            size = (self.amounts[-1] - self.amounts[-2]) / (last - int(self.updates[-2]))
            found = np.where(t > last, self.amounts[-1] + (t - last) * size, found)
        found = np.clip(found, 0, _MOST)
        return found if self.clock == "seconds" else np.rint(found).astype(np.int64)


BasesByPlace: TypeAlias = Mapping[tuple[str, str | int | None], float]
"""Bases by field and group; None for every group."""


@final
@dataclass(frozen=True, slots=True)
class DifferingValue:
    """One value that is not what is planned.

    `amount` is what was consumed before update `t`, on `clock`; both are None where the schedule counts updates.
    """

    t: int
    field: str
    group: str | int
    logged: float
    planned: float
    amount: float | None = None
    clock: str | None = None


@final
@dataclass(frozen=True, slots=True, eq=False)
class PlannedColumn:
    """A column of the log and the schedule it should follow.

    Args:
        base: None where it has to be found from the log.
        amounts: what was consumed before each update, where the schedule counts that; None where it counts updates.
        groups: all whose columns have these values; `group` is the first of them.
    """

    column: LogColumn
    schedule: Schedule
    group: str | int
    base: float | None
    amounts: AmountTimes | None = None
    groups: tuple[str | int, ...] = ()

    def planned_at(self, t: Times, base: float) -> Floats:
        return evaluate(self.schedule, t if self.amounts is None else self.amounts(t), base)


def pair_columns(
    logged: LoggedValues, plan: Plan, run: RunAmounts | None, bases: BasesByPlace, names: Sequence[str]
) -> list[PlannedColumn]:
    """Find the schedule of each column that the plan schedules; equal columns of a field become one.

    Args:
        plan: resolved, with the units of its clock taken off.
        run: what its updates were planned to take; None for a plan by updates.

    Raises:
        UnreadableLog: the plan schedules none.
        MissingFact: a schedule counts an amount that nothing says.
    """
    groups = _groups_as_planned(logged, plan, names)
    bounds = bind(plan, groups)
    pairs: dict[tuple[Any, ...], PlannedColumn] = {}
    times: AmountTimes | None = None
    for column in logged.columns:
        wanted = Field.of(column.field)
        label = groups[column.group].get("name", column.group)
        for bound in bounds[column.group]:
            if bound.field == wanted or bound.name == column.field:
                # Later places go before earlier ones: the log's own base, one for all groups, one for this group.
                base = column.base
                for place in ((column.field, None), (column.field, column.group), (column.field, label)):
                    base = bases.get(place, base)
                if not column.t.size:
                    continue
                if is_by_amount(plan.clock, bound.name) and run is not None and times is None:
                    every = np.concatenate([column.t for column in logged.columns])
                    consumed = logged.amounts
                    times = (
                        AmountTimes.planned(run, every) if consumed is None else AmountTimes.logged(run.clock, consumed)
                    )
                by_amount = times if is_by_amount(plan.clock, bound.name) else None
                key = (column.field, id(bound.schedule), base, column.t.tobytes(), column.values.tobytes())
                first = pairs.get(key)
                pairs[key] = (
                    PlannedColumn(column, bound.schedule, label, base, by_amount, (label,))
                    if first is None
                    else replace(first, groups=(*first.groups, label))
                )
    if not pairs:
        there = sorted({column.field for column in logged.columns})
        planned = sorted({binding.name for binding in plan.bindings})
        raise UnreadableLog(
            f"audit of {logged.source}",
            f"it has values of {', '.join(there) or 'nothing'}, the plan schedules {', '.join(planned)}",
            "Name columns: --column lr=NAME",
            option="--column",
        )
    return list(pairs.values())


def _groups_as_planned(logged: LoggedValues, plan: Plan, names: Sequence[str]) -> list[dict[str, Any]]:
    """Param groups with the fields of the log and of the plan, for selectors."""
    fields: dict[int, list[Field]] = {}
    for column in logged.columns:
        fields.setdefault(column.group, []).append(Field.of(column.field))
    planned = [Field.of(one.name) for one in plan.bindings if isinstance(one.field, str)]
    groups: list[dict[str, Any]] = []
    for index in range(max(fields, default=0) + 1):
        group: dict[str, Any] = {}
        name = names[index] if index < len(names) else logged.names[index] if index < len(logged.names) else None
        if name is not None:
            group["name"] = name
        mine = fields.get(index, [])
        # Adam logs betas[0] for momentum; a group with both fields would be bound twice.
        betas = any(field.key == "betas" for field in mine)
        for field in mine + [one for one in planned if not (one.key == "momentum" and betas)]:
            if field.index is not None or field.key not in group:
                field.fill(group, 1.0)
        groups.append(group)
    return groups


def depends_on_base(pair: PlannedColumn) -> bool:
    """Whether the base changes the values at all."""
    times = pair.column.t[:: max(pair.column.t.size // _MOST_SEEN, 1)]
    return bool(np.any(pair.planned_at(times, 0.0) != pair.planned_at(times, 1.0)))


def which_depend_on_base(pairs: Iterable[PlannedColumn]) -> dict[int, bool]:
    """The same by the id of the schedule: of thousands of groups most have the same one."""
    return {schedule: depends_on_base(pair) for schedule, pair in {id(one.schedule): one for one in pairs}.items()}


_Same = TypeVar("_Same")


def as_it_is(value: _Same) -> _Same:
    """What a log that is right makes of its clock, and of its amounts."""
    return value


class MatchedColumn(NamedTuple):
    """A column beside what it should be.

    Args:
        base: given, or found from the log.
        equal: which of its values are as planned.
        planned: what its values were compared with.
    """

    pair: PlannedColumn
    base: float
    equal: Flags
    planned: Floats


@final
@dataclass(frozen=True, slots=True, eq=False)
class LogMatch:
    """How the log fits the plan under one clock."""

    columns: list[MatchedColumn]

    @classmethod
    def of(
        cls, pairs: Sequence[PlannedColumn], clock: Callable[[Times], Times] = as_it_is, rows: Times | None = None
    ) -> Self:
        """Compare the columns with their schedules.

        Args:
            rows: those that are compared; None: all.
        """
        columns = []
        lines: dict[tuple[int, bytes], tuple[Floats, Floats]] = {}
        for pair in pairs:
            chosen = slice(None) if rows is None else rows[rows < pair.column.t.size]
            times = clock(pair.column.t[chosen])
            base = pair.base
            if base is None:
                key = id(pair.schedule), pair.column.t.tobytes()
                seen = _rows_to_fit(pair.column.t.size, chosen)
                if key not in lines:
                    lines[key] = _line_in_base(pair, clock(pair.column.t[seen]))
                base = _base_on_line(pair, clock(pair.column.t[seen]), seen, *lines[key])
            planned = pair.planned_at(times, base)
            columns.append(MatchedColumn(pair, base, pair.column.equals(planned, chosen), planned))
        return cls(columns)

    @property
    def pairs(self) -> list[PlannedColumn]:
        return [one.pair for one in self.columns]

    @property
    def values(self) -> int:
        """How many values were compared, those of all groups."""
        return sum(one.equal.size * len(one.pair.groups) for one in self.columns)

    @property
    def exact(self) -> int:
        """How many of the values are as planned."""
        return sum(int(one.equal.sum()) * len(one.pair.groups) for one in self.columns)

    @property
    def rounded(self) -> int:
        """How many of the values are as planned up to rounding, and differ in a bit."""
        return sum(
            int((equal & ~pair.column.equals_as_written(planned)).sum()) * len(pair.groups)
            for pair, _, equal, planned in self.columns
        )

    @property
    def misfit(self) -> float:
        """How far the values that are as planned are from it on average, as a share of the largest one."""
        shares = [
            float(np.abs(pair.column.values - planned)[equal & np.isfinite(planned)].mean())
            / max(float(np.abs(planned[np.isfinite(planned)]).max(initial=0.0)), 1e-300)
            for pair, _, equal, planned in self.columns
            if (equal & np.isfinite(planned)).any()
        ]
        return max(shares, default=0.0)

    def first_difference(self) -> DifferingValue | None:
        """The first value that differs, in the order of the log's numbers."""
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
        logged = float(pair.column.values[row])
        return DifferingValue(t, pair.column.field, pair.group, logged, float(planned[row]), amount, clock)


_MOST_EQUAL = 0.8  # of the values: such a base is taken for the log's
_FEW = 8  # values in a row that fit are no accident
_MOST_SEEN = 4096  # rows by which a base is chosen


def fitted_base(pair: PlannedColumn, rows: slice = slice(None)) -> float:
    """The base under which most values are as planned, or the first ones, where something changes later."""
    seen = _rows_to_fit(pair.column.t.size, rows)
    times = pair.column.t[seen]
    return _base_on_line(pair, times, seen, *_line_in_base(pair, times))


def _rows_to_fit(size: int, rows: slice | Times) -> Times:
    """The rows by which a base is chosen: of many the first ones, and some of the others."""
    seen = np.arange(size)[rows]
    if seen.size <= _MOST_SEEN:
        return seen
    places = np.unique([*range(_MOST_SEEN // 4), *np.linspace(0, seen.size - 1, _MOST_SEEN).astype(np.int64)])
    chosen: Times = seen[places]
    return chosen


def _line_in_base(pair: PlannedColumn, times: Times) -> tuple[Floats, Floats]:
    """The values as `offset + factor * base`.

    Where values are compared, as by a clamp, what does not scale with base is in some of them only.
    """
    offset = pair.planned_at(times, 0.0) if pair.schedule.affine else np.zeros(times.size)
    return offset, pair.planned_at(times, 1.0) - offset


def _base_on_line(pair: PlannedColumn, times: Times, seen: Times, offset: Floats, factor: Floats) -> float:
    values = pair.column.values[seen]
    # Where the schedule is almost 0 the quotient below is noise.
    far = np.abs(factor) > 1e-12 * max(float(np.abs(factor).max(initial=0.0)), 1e-300)
    usable = np.flatnonzero(far & np.isfinite(values))
    if usable.size == 0:
        return 1.0
    places = np.array([usable[np.abs(factor[usable]).argmax()], usable[0], usable[-1]])
    exact = ((values[places] - offset[places]) / factor[places]).tolist()
    # People write bases in few digits: of those that fit equally well the roundest one is taken.
    bases = [float(f"{one:.{n}g}") for one in dict.fromkeys(exact) for n in (3, 6, 9, 12, 17) if np.isfinite(one)]
    bases = list(dict.fromkeys(bases)) or [1.0]
    # A sum of products rounds otherwise than the schedule does, so bits are compared only where this is equal.
    loose = replace(pair.column, tolerance=max(pair.column.tolerance, ROUNDING))
    equal = loose.equals(offset + factor * np.array(bases)[:, np.newaxis], seen)
    counts, firsts = equal.sum(axis=1), np.where(equal.all(axis=1), values.size, equal.argmin(axis=1))
    scores = [
        (count if count >= _MOST_EQUAL * values.size else 0, first if first >= _FEW else 0, count)
        for count, first in zip(counts.tolist(), firsts.tolist(), strict=True)
    ]
    best = max(scores)
    fitting = [base for base, score in zip(bases, scores, strict=True) if score == best]
    if len(fitting) == 1 or best[2] < _FEW:
        return fitting[0]

    def bits_that_fit(base: float) -> tuple[int, bool]:
        """How many values are as planned under a base, and whether most are in all bits."""
        planned = pair.planned_at(times, base)
        as_written = pair.column.equals_as_written(planned, seen)
        return int(pair.column.equals(planned, seen).sum()), 2 * int(as_written.sum()) > as_written.size

    return max(fitting, key=bits_that_fit)
