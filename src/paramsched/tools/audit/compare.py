"""A log beside the plan: the facts of the run, and where the values differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, Unpack, final

import numpy as np

from paramsched.base.params import readable
from paramsched.base.words import printable, text_on_screen
from paramsched.core.curves import Floats, last_of_each
from paramsched.core.groups.fields import KNOWN
from paramsched.core.plan import Plan, PlanLike, ResolvedPlan, plan_in_run, resolve_in_run
from paramsched.core.time import PROGRESS, Duration, Facts, RunFacts, amount_text, counts_in_unit, facts_of_call
from paramsched.errors import InvalidArgument, MissingFact, UnreadableLog
from paramsched.show import Figure, curves_from_values, figure
from paramsched.tools.audit.causes import Cause, cause_of, place_of
from paramsched.tools.audit.match import (
    BasesByPlace,
    PlannedColumn,
    bases_if_explained,
    explained_first,
    pair_columns,
)
from paramsched.tools.records.log_file import read_log
from paramsched.tools.records.log_values import Flags, LogColumn, LoggedValues, Program, Unit, number_notes

Kind: TypeAlias = Literal["rises", "falls", "stays", "jumps"]

MOST_PLOTTED = 12_500_000  # values in a picture; they take 100 MB
_MOST_LISTED = 12  # stretches of a column in the text
_MOST_BASES = 8  # listed in a page
_LEAST_JUMP = 0.1  # a jump is at least this part of the range of the column, or of the larger of its two values
_TIMES_LARGER = 10  # and more than so many times as large as the changes beside it
_ROUNDINGS = 4  # a jump between small values is more than so many times as large as their rounding


@final
@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive rows over which the values rise, fall or stay; or a jump between two rows.

    A jump is a change by more than a tenth, of the range of all values or of the larger one of the two, that is more
    than ten times as large as the change before it and the change after it.

    Args:
        kind: the direction.
        begin: the update of the first row.
        end: the update of the last row.
        first: the value of the first row.
        last: the value of the last row.
    """

    kind: Kind
    begin: int
    end: int
    first: float
    last: float


@final
@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """The facts of one column.

    Args:
        name: the field, with its group if the log has several.
        rows: the number of rows with a value.
        begin: the update of the first row.
        end: the update of the last row.
        first: the value of the first row.
        last: the value of the last row.
        lowest: the lowest finite value; NaN without one.
        highest: the highest finite value; NaN without one.
        zeros: the number of values that are 0.
        below: the bound of the values if each one is a rounded 0 such as 0.000; else None.
        not_finite: the number of values that are infinite or NaN.
        repeated: the number of rows whose update occurred before.
        back: the number of rows whose update is lower than that of the row above.
        stretches: where the finite values rise, fall, stay and jump, in the order of the rows.
    """

    name: str
    rows: int
    begin: int
    end: int
    first: float
    last: float
    lowest: float
    highest: float
    zeros: int
    not_finite: int
    repeated: int
    back: int
    stretches: tuple[Stretch, ...]
    below: float | None = None

    @property
    def is_always_zero(self) -> bool:
        """True if each value is exactly 0."""
        return self.zeros == self.rows and self.below is None

    def lines(self, unit: Unit) -> list[str]:
        """Return the facts as lines of text."""
        lines = [
            f"{self.name}: {self.rows:,} rows, {unit} {self.begin:,} to {self.end:,}",
            f"  first {self.first:.6g}, last {self.last:.6g}, lowest {self.lowest:.6g}, highest {self.highest:.6g}",
        ]
        listed = self.stretches[:_MOST_LISTED]
        lines += [
            f"  {stretch.kind} {stretch.begin:,} to {stretch.end:,}: {stretch.first:.6g} → {stretch.last:.6g}"
            for stretch in listed
        ]
        if more := len(self.stretches) - len(listed):
            lines.append(f"  and {more:,} more; --json has all")
        for count, text in (
            (self.zeros, "values are 0"),
            (self.not_finite, "values are infinite or NaN"),
            (self.repeated, f"rows have {unit} that occurred before"),
            (self.back, f"rows go back to lower {unit}"),
        ):
            if count:
                lines.append(f"  {count:,} of {self.rows:,} {text}")
        if self.is_always_zero:
            lines.append("  each value is 0")
        if self.below is not None:
            lines.append(f"  each value is rounded to 0, so it is below {self.below:.6g}")
        return lines


@final
@dataclass(frozen=True, slots=True)
class LogFacts:
    """The facts of a log.

    Args:
        source: the path of the log.
        unit: what the times count.
        columns: the facts of each column of values.
        notes: remarks about the log.
    """

    source: str
    unit: Unit
    columns: tuple[ColumnFacts, ...]
    notes: tuple[str, ...]

    @property
    def has_rate_of_zero(self) -> bool:
        """True if a learning rate is 0 in each row."""
        return any(column.is_always_zero for column in self.columns if column.name.partition("@")[0] == "lr")

    def __str__(self) -> str:
        lines = [line for column in self.columns for line in column.lines(self.unit)]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def log_facts(logged: LoggedValues) -> LogFacts:
    """Return the facts of logged values.

    >>> values = np.array([0.0, 0.1, 0.2, 0.2, 0.15, 0.1])
    >>> column = LogColumn("lr", 0, np.arange(6), values)
    >>> print(log_facts(LoggedValues("log.csv", (column,), (None,))))
    lr: 6 rows, updates 0 to 5
      first 0, last 0.1, lowest 0, highest 0.2
      rises 0 to 2: 0 → 0.2
      stays 2 to 3: 0.2 → 0.2
      falls 3 to 5: 0.2 → 0.1
      1 of 6 values are 0
    """
    names = column_names(logged)
    columns = tuple(_facts_of(column, names[column.field, column.group]) for column in logged.columns if column.t.size)
    of_numbers = number_notes(logged.columns)  # about a comparison, or about updates that are counted here
    return LogFacts(logged.source, logged.unit, columns, tuple(note for note in logged.notes if note not in of_numbers))


_FIELDS: Final = (*KNOWN, *(f"{pair}[{index}]" for pair in ("betas", "etas", "step_sizes") for index in (0, 1)))
"""The fields whose columns are read without a plan."""


def read_values(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    optimizer: str | None = None,
) -> LoggedValues:
    """Read the values of all known fields in a log; the arguments and errors are those of `read_log`."""
    return read_log(path, _FIELDS, columns=columns, time=time, optimizer=optimizer)


def column_names(logged: LoggedValues) -> dict[tuple[str, int], str]:
    """Return the name of each column, `lr`, or `lr@head` if several groups have the field."""
    fields = [column.field for column in logged.columns]
    names = {}
    for column in logged.columns:
        name = logged.name_of(column.group)
        alone = fields.count(column.field) == 1 and name is None
        label = column.group if name is None else printable(name)
        field_name = printable(column.field)
        names[column.field, column.group] = field_name if alone else f"{field_name}@{label}"
    return names


def picture_of_log(logged: LoggedValues, title: str) -> Figure:
    """Return the picture of logged values; between two rows it is a line.

    Raises:
        UnreadableLog: the log has no values, or its last update is too large for a picture.
    """
    by_column = {}
    present = [column for column in logged.columns if np.isfinite(column.values).any()]
    total = 1 + max((int(column.t.max()) for column in present), default=-1)
    if not 0 < total * len(present) <= MOST_PLOTTED:
        message = f"{total * len(present):,} values are too many to draw" if present else "no value can be drawn"
        raise UnreadableLog(logged.source, message, "Leave --html out")
    for column in present:
        finite = np.isfinite(column.values)
        t, values = last_of_each(column.t[finite], column.values[finite])
        name = logged.name_of(column.group)
        by_column[column.field, column.group if name is None else name] = np.interp(
            np.arange(total), t, values, np.nan, np.nan
        )
    return figure(curves_from_values(by_column), title=title)


def _facts_of(column: LogColumn, name: str) -> ColumnFacts:
    t = column.t
    values = column.values
    finite = values[np.isfinite(values)]
    rounded = column.rounded_zeros
    return ColumnFacts(
        name,
        rows=int(t.size),
        begin=int(t[0]),
        end=int(t[-1]),
        first=float(values[0]),
        last=float(values[-1]),
        lowest=float(finite.min()) if finite.size else np.nan,
        highest=float(finite.max()) if finite.size else np.nan,
        zeros=int((values == 0).sum()),
        not_finite=int(values.size - finite.size),
        repeated=int(t.size - np.unique(t).size),
        back=int((np.diff(t) < 0).sum()),
        stretches=_stretches(column),
        below=None if rounded is None else 10.0**-rounded.count / 2,
    )


def _stretches(column: LogColumn) -> tuple[Stretch, ...]:
    finite = np.isfinite(column.values)
    t = column.t[finite]
    values = column.values[finite]
    if values.size < 2:
        return ()
    changes = np.diff(values)
    sizes = np.abs(changes)
    beside = np.maximum(np.append(0.0, sizes[:-1]), np.append(sizes[1:], 0.0))
    larger = np.maximum(np.abs(values[1:]), np.abs(values[:-1]))
    rounding = column.rounding()[finite]
    by_ratio = (sizes > _LEAST_JUMP * larger) & (sizes > _ROUNDINGS * np.maximum(rounding[1:], rounding[:-1]))
    jumps = ((sizes > _LEAST_JUMP * np.ptp(values)) | by_ratio) & (sizes > _TIMES_LARGER * beside) & (values.size > 2)
    kinds = np.where(jumps, 2, np.sign(changes)).astype(np.int64)
    starts = np.flatnonzero(np.append(True, (np.diff(kinds) != 0) | jumps[1:]))
    names: dict[int, Kind] = {-1: "falls", 0: "stays", 1: "rises", 2: "jumps"}
    return tuple(
        Stretch(names[int(kinds[begin])], int(t[begin]), int(t[end]), float(values[begin]), float(values[end]))
        for begin, end in zip(starts, [*starts[1:], values.size - 1], strict=True)
    )


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

    def __str__(self) -> str:
        consumed = ""
        if self.amount is not None:
            amount = f"{int(self.amount):,}"
            consumed = f" ({amount} {self.clock})"
            if self.clock == PROGRESS:
                consumed = f" ({amount_text(PROGRESS, self.amount)})"
        where = f"{place_of(self.field, self.group)} at update {self.t:,}{consumed}"
        return f"{where}: {self.logged!r} logged, {self.planned!r} planned"


class MatchedColumn(NamedTuple):
    """A column with its planned values.

    Args:
        pair: the column and its schedule.
        base: the base of the planned values.
        equal: a flag for each value, True if it is as planned.
        planned: the planned values.
    """

    pair: PlannedColumn
    base: float
    equal: Flags
    planned: Floats


@final
@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The result of an audit.

    Args:
        values: the number of compared values.
        exact: the number of values as planned.
        rounded: the number of values, among `exact`, that differ from the planned value by rounding.
        first: the earliest logged value that differs from the plan; None if all are as planned.
        until: the last update before that of `first`; None if there is none.
        is_constantly_zero: whether each learning rate in the log is 0.
        from_first_on: whether each value from `first` on differs.
        cause: the factor, the base, the speed or the shift that explains every value; None if no such number does.
        bases: a dict from `lr of group 0`, for example, to a base that was not specified: all values are as planned
            with it, or all are explained by the cause with it.
        assumed: a dict like `bases`, if nothing explains all values: the base of the first values, for the values
            that are reported as planned; None if none fits the first one.
        notes: remarks about the log.
    """

    values: int
    exact: int
    rounded: int
    first: DifferingValue | None
    until: int | None = None
    is_constantly_zero: bool = False
    from_first_on: bool = False
    cause: Cause | None = None
    bases: Mapping[str, float] = field(default_factory=dict)
    assumed: Mapping[str, float | None] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    __repr__ = text_on_screen

    def __str__(self) -> str:
        how = "as planned, up to rounding" if self.rounded else "values are as planned"
        lines = [f"{self.exact:,} of {self.values:,} {how}"]
        lines += [f"base of {place}: {base!r}, fitted to the log" for place, base in self.bases.items()]
        for place, base in self.assumed.items():
            if base is None:
                option = f"--base {place.partition(' ')[0]}=0.1"
                lines.append(f"no base of {place} fits the first value. For example: {option}")
            else:
                lines.append(f"no base of {place} fits all values; compared with {base!r}, which fits the first one")
        lines += [f"note: {note}" for note in self.notes]
        if self.is_constantly_zero:
            lines.append("each learning rate is 0, which trains nothing")
        if self.first is not None:
            t = self.first.t
            end = f"differs from update {t:,} on" if self.from_first_on else f"the first difference is at update {t:,}"
            if self.cause is None and self.until is not None:
                lines.append(f"as planned up to update {self.until:,}; {end}")
            lines.append(f"first difference: {self.first}")
        if self.cause is not None:
            lines.append(f"{self.cause.text} (explains all {self.values:,} values)")
        elif self.first is not None:
            lines.append("no factor, base, speed or shift explains all values")
        return "\n".join(lines)


def _in_updates(logged: LoggedValues, plan: Plan, facts: RunFacts) -> tuple[LoggedValues, RunFacts]:
    """Return a log that counts epochs with the first update of each epoch instead, and the run facts.

    A plan in epochs needs no length of an epoch: one update per epoch is enough.

    Raises:
        MissingFact: the length of an epoch is unknown, and the plan is not in epochs.
    """
    epoch = facts.updates_per_epoch
    if epoch is None:
        if plan.total is None or [unit for unit, _ in Duration.of(plan.total).terms] != ["epochs"]:
            message = "the log counts epochs, and the plan does not"
            raise MissingFact(f"audit of {logged.source}", message, fact="steps_per_epoch", example="500")
        epoch = 1
        facts = replace(facts, steps_per_epoch=1)
    columns = tuple(replace(column, t=column.t * epoch) for column in logged.columns)
    return replace(logged, columns=columns, unit="updates"), facts


def _not_compared(logged: LoggedValues, plan: Plan, pairs: Sequence[PlannedColumn]) -> list[str]:
    """Return the fields and targets of the plan that the log lacks, and the columns that the plan does not schedule."""
    planned = {pair.name for pair in pairs}
    compared = {pair.column.field for pair in pairs}
    missing = sorted({binding.name for binding in plan.bindings} - planned)
    read = {column.field for column in logged.columns}
    unplanned = sorted(read - compared - set(missing))
    return [f"{text} (not in the log)" for text in missing] + [f"{text} (not in the plan)" for text in unplanned]


def _refuse_only_zeros(logged: LoggedValues, matched_columns: Sequence[MatchedColumn]) -> None:
    """Raise if the bases of all learning rates were fitted to zeros: either they or the schedule was 0.

    A single group may have a rate of 0, and a weight decay of 0 is usual.
    """
    rates = [column.pair for column in matched_columns if column.pair.column.field == "lr"]
    zeros = [pair.base is None and pair.depends_on_base() and not pair.column.values.any() for pair in rates]
    if rates and all(zeros) and any(pair.planned_at(pair.column.t, 1.0).any() for pair in rates):
        message = "each lr is 0, and the plan has other values for any base but 0"
        if (rounded := rates[0].column.rounded_zeros) is not None:
            message = f"each lr is 0 in {rounded}, which shows no base"
        raise InvalidArgument(f"audit of {logged.source}", message, example="lr=0.1")


@readable
def compare_with_plan(
    logged: LoggedValues,
    plan: PlanLike,
    *,
    facts: RunFacts | None = None,
    bases: BasesByPlace | None = None,
    names: Sequence[str] = (),
    **run_facts: Unpack[Facts],
) -> Report:
    """Compare a log with a plan, and name the factor or the shift that explains every value.

    Args:
        logged: the values that a run used, from `read_log`.
        plan: the plan of the run.
        facts: the run facts as one object, in place of keywords.
        bases: a dict from (field, group) to the base, where group None means all groups. A missing base is fitted to
            the log, if all values agree then.
        names: the names of the groups in order, for plans that select groups by name. Default: those of the log.
        run_facts: the run facts, as in `ps.Scheduler`: `steps_per_epoch=100`.

    Raises:
        UnreadableLog: the log and the plan have no field in common.
        MissingFact: a unit of the plan needs a missing run fact.
        InvalidArgument: each learning rate in the log is 0, and their bases are missing: the plan has such rates for
            bases of 0 only.
    """
    all_facts = facts_of_call("compare_with_plan(logged, plan)", facts, run_facts)
    return matched_with_plan(logged, plan, all_facts, bases=bases, names=names)[0]


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a log may contain infinities, and values too large
def matched_with_plan(
    logged: LoggedValues,
    plan: PlanLike,
    facts: RunFacts | None = None,
    *,
    bases: BasesByPlace | None = None,
    names: Sequence[str] = (),
) -> tuple[Report, list[MatchedColumn]]:
    """Compare a log with a plan as `compare_with_plan`, and return the columns with their planned values too."""
    plan = plan_in_run(plan, "compare_with_plan", facts)
    facts = facts or RunFacts()
    if logged.unit == "epochs":
        logged, facts = _in_updates(logged, plan, facts)
    planned = resolve_in_run(plan, facts)
    all_pairs = pair_columns(logged, planned.counted, planned.amounts, bases or {}, names)
    pairs, fitted_bases, program = _of_program(all_pairs, logged.programs)
    apart = _not_compared(logged, plan, pairs)
    notes = (*logged.notes, *([f"not compared: {', '.join(apart)}"] if apart else []))
    cause: Cause | None = None
    are_sure = [True] * len(pairs)
    if fitted_bases is None:
        cause, program = _first_cause(all_pairs, logged.programs, planned)
        pairs = _as_logged_by(all_pairs, program)
        if cause is not None:
            bases_of_cause = zip(pairs, cause.bases, strict=True)
            fitted_bases = tuple(base if pair.base is None else pair.base for pair, base in bases_of_cause)
        else:
            are_sure = [bases_if_explained([pair]) is not None for pair in pairs]
            fitted_bases = tuple(explained_first(pair, pair.column.t)[1] for pair in pairs)
    if program is not None and program.is_after:
        notes += (f"as {program.name} logs it: a row has the value of the next update",)
    matched_columns = [_matched(pair, base) for pair, base in zip(pairs, fitted_bases, strict=True)]
    _refuse_only_zeros(logged, matched_columns)
    fitted = _bases_by_place(column for column, is_sure in zip(matched_columns, are_sure, strict=True) if is_sure)
    assumed = _bases_by_place(column for column, is_sure in zip(matched_columns, are_sure, strict=True) if not is_sure)
    fits_first = {
        place_of(column.pair.column.field, group): bool(column.equal[:1].all())
        for column in matched_columns
        for group in column.pair.groups
    }
    asked = {place: base if fits_first[place] else None for place, base in assumed.items()}
    report = _report(matched_columns, cause, notes, fitted, asked if cause is None else {})
    return report, matched_columns


def _first_cause(
    pairs: list[PlannedColumn], programs: Sequence[Program], planned: ResolvedPlan
) -> tuple[Cause | None, Program | None]:
    """Return the first cause of values as a program logs them, and that program; None and None without a cause."""
    for program in programs or (None,):
        cause = cause_of(_as_logged_by(pairs, program), planned)
        if cause is not None:
            return cause, program
    return None, None


def _bases_by_place(matched_columns: Iterable[MatchedColumn]) -> dict[str, float]:
    """Return the bases that were fitted to the log, by field and group."""
    return {
        place_of(column.pair.column.field, group): column.base
        for column in matched_columns
        if _shows_fitted_base(column)
        for group in column.pair.groups
    }


def _shows_fitted_base(column: MatchedColumn) -> bool:
    """Return whether the base of a column was fitted to values that show it."""
    pair = column.pair
    if pair.base is not None or pair.column.rounded_zeros is not None:
        return False
    return pair.depends_on_base() and pair.shows_base(column.base)


def picture_of_match(logged: LoggedValues, matched_columns: Sequence[MatchedColumn]) -> Figure:
    """Return the picture of the planned values, with the logged ones over them.

    Raises:
        UnreadableLog: the last update is too large for a picture.
    """
    total = 1 + max(int(column.pair.column.t.max()) for column in matched_columns)
    if total * len(matched_columns) > MOST_PLOTTED:
        message = f"{total * len(matched_columns):,} values are too many to draw"
        raise UnreadableLog(logged.source, message, "Leave --html out")
    planned = {}
    used = {}
    for pair, base, equal, at_rows in matched_columns:
        key = pair.column.field, "" if pair.group is None else pair.group
        planned[key] = pair.planned_at(np.arange(total), base)
        # A value that is as planned in the digits of the log is drawn as the planned one.
        used[key] = last_of_each(pair.column.t, np.where(equal, at_rows, pair.column.values))
    return figure(curves_from_values(planned), title=f"{logged.source} and its plan", log=used)


def bases_of_match(matched: Sequence[MatchedColumn]) -> str:
    """Return the bases of the planned values, `lr of group 0: 0.1`; "" if no schedule multiplies one."""
    texts = [
        f"{place_of(pair.column.field, pair.group)}: {base:.6g}"
        for pair, base, _, _ in matched
        if pair.depends_on_base()
    ]
    return "; ".join([*texts[:_MOST_BASES], "…"] if len(texts) > _MOST_BASES else texts)


def _as_logged_by(pairs: list[PlannedColumn], program: Program | None) -> list[PlannedColumn]:
    """Return the columns with the updates whose values a program logs."""
    if program is None or not program.is_after:
        return pairs
    return [replace(pair, column=replace(pair.column, t=pair.column.t + 1)) for pair in pairs]


def _of_program(
    pairs: list[PlannedColumn], programs: Sequence[Program]
) -> tuple[list[PlannedColumn], tuple[float, ...] | None, Program | None]:
    """Return the columns as the program logs them with which all values are as planned, and the bases.

    If there is no such program, these are the columns of the first one, and no bases.
    """
    for program in programs or (None,):
        moved = _as_logged_by(pairs, program)
        bases = bases_if_explained(moved)
        if bases is not None:
            return moved, bases, program
    return pairs, None, None


def _matched(pair: PlannedColumn, base: float) -> MatchedColumn:
    planned = pair.planned_at(pair.column.t, base)
    return MatchedColumn(pair, base, pair.column.equals(planned), planned)


def _report(
    matched_columns: Sequence[MatchedColumn],
    cause: Cause | None,
    notes: tuple[str, ...],
    bases: Mapping[str, float],
    assumed: Mapping[str, float | None],
) -> Report:
    values = 0
    exact = 0
    rounded = 0
    readings: dict[str, list[str]] = {}
    for pair, _, equal, planned in matched_columns:
        groups = len(pair.groups)
        column = pair.column
        logged = column.values_in(None)
        in_bits = (logged == planned) | (logged == planned.astype(np.float32))
        reading = column.reading_of(planned)
        values += equal.size * groups
        exact += int(np.count_nonzero(equal)) * groups
        if reading is not None:
            readings.setdefault(str(reading), []).append(column.field)
        else:
            rounded += int(np.count_nonzero(equal & ~in_bits & ~np.isnan(column.values))) * groups
    for text, fields in readings.items():
        notes += (f"{', '.join(dict.fromkeys(fields))}: compared in {text}",)
    first = _first_difference(matched_columns)
    until = None
    from_first_on = False
    if first is not None:
        before = [int(pair.column.t[pair.column.t < first.t].max(initial=-1)) for pair, *_ in matched_columns]
        until = max(before) if max(before) >= 0 else None
        from_first_on = not any(equal[pair.column.t >= first.t].any() for pair, _, equal, _ in matched_columns)
    rates = [pair.column for pair, *_ in matched_columns if pair.column.field == "lr"]
    return Report(
        values,
        exact,
        rounded,
        first,
        until=until,
        is_constantly_zero=bool(rates) and all(rate.is_zero for rate in rates),
        from_first_on=from_first_on,
        cause=cause,
        bases=bases,
        assumed=assumed,
        notes=notes,
    )


def _first_difference(matched_columns: Sequence[MatchedColumn]) -> DifferingValue | None:
    """Return the earliest logged value that differs from the plan, or None if all match."""
    wrong = []
    for number, (pair, _, equal, _) in enumerate(matched_columns):
        rows = np.flatnonzero(~equal)
        if rows.size:
            row = int(rows[pair.column.t[rows].argmin()])
            wrong.append((int(pair.column.t[row]), number, row))
    if not wrong:
        return None
    t, number, row = min(wrong)
    pair, _, _, planned = matched_columns[number]
    amount = None
    clock = None
    if pair.amounts is not None:
        amount = pair.amounts(np.array([t]))[0].item()
        clock = pair.amounts.clock
        counts = counts_in_unit(clock)
        if counts > 1:
            amount = amount / counts
    logged = float(pair.column.values[row])
    return DifferingValue(t, pair.column.field, pair.group, logged, float(planned[row]), amount, clock)
