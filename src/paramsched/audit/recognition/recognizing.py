"""Recognition of the schedule that a log follows."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.audit.log_file import json_rows, kind_of_log, read_log, rows_of_log
from paramsched.audit.log_to_plan import FIELDS, counts_from_one
from paramsched.audit.log_values import Flags, LogColumn, LoggedValues, Times, UnreadableLog, make_column, number_notes
from paramsched.audit.recognition.families import CONSTANT, DECAY, Rows
from paramsched.audit.recognition.stages import (
    MOST_STAGES,
    Piece,
    Search,
    roundest,
    roundest_integer,
    stretches,
    values_of,
)
from paramsched.audit.recognition.writing import Writer, even_length
from paramsched.curves.arrays import ROUNDING, Floats, last_of_each
from paramsched.errors import InvalidArgument, shown
from paramsched.plan import Binding, Plan
from paramsched.schedules import constant
from paramsched.schedules.evaluation import evaluate
from paramsched.time import Calendar

FEWEST = 12
"""The smallest number of values to which a schedule is fitted."""
_MIN_EXPLAINED = 0.95
_MIN_NEAREST = 0.1
_FEWEST_DIGITS = 4
_LONG = 0.02
_MOST_BASES = 4
_FACTS = {"first zero", "steps"}
"""Codes of notes about a choice that is not a fault."""

Pairs: TypeAlias = Iterable[tuple[int, float]]


@final
@dataclass(frozen=True, slots=True)
class RecognitionNote:
    """An observation about a run.

    Args:
        code: `"restarted"`, `"zero"`, `"stairs"`, `"too long"`, `"first zero"`, `"repeated"`, `"foreign"` or `"steps"`.
        message: a sentence.
        first: the first update.
        last: the last update.
    """

    code: str
    message: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{'note' if self.code in _FACTS else 'warning'}: {self.message}"


@final
@dataclass(frozen=True, slots=True)
class Recognized:
    """The schedule of one field.

    Args:
        field: the name of the field.
        groups: the names or indices of the groups that follow the schedule; empty if there is only one group.
        plan: the plan; None if it would explain fewer than 95 % of the values.
        nearest: the plan that explains the most values; None if no curve was found.
        bases: the base of each group.
        values: the number of logged values.
        explained: the number of values that the nearest plan explains, up to the precision of the log.
        largest_difference: the largest difference of an explained value from the plan, relative to the largest value.
        first_difference: the first update that is not explained, or None.
        logged: the updates and the values of the first group.
    """

    field: str
    groups: tuple[str | int, ...]
    plan: Plan | None
    nearest: Plan | None
    bases: tuple[float, ...]
    values: int
    explained: int
    largest_difference: float
    first_difference: int | None
    logged: tuple[Times, Floats]

    @property
    def base(self) -> float:
        """The base of the first group."""
        return self.bases[0]

    def __str__(self) -> str:
        found = self.plan or self.nearest
        bases = ", ".join(f"{base:.6g}" for base in self.bases)
        counts = f"{self.explained:,} of {self.values:,} values"
        name = self.field if not self.groups else f"{self.field} of {', '.join(map(str, self.groups))}"
        if found is None:
            return f"{name}   no schedule found     {self.values:,} values"
        text = str(found.bindings[0].schedule).replace("\n   ", "")
        if self.plan is None:
            text = f"no schedule found; nearest: {text}"
            return f"{name}   {text}     base {bases}, {counts}, first difference at update {self.first_difference:,}"
        apart = f"largest difference {self.largest_difference:.0e}".replace("e-0", "e-").replace("e+00", "")
        return f"{name}   {text}     base {bases}, {counts}, {apart}"

    def as_data(self) -> dict[str, Any]:
        """Return the recognized schedule as JSON."""
        found = self.plan or self.nearest
        return {
            "field": self.field,
            "group": self.groups[0] if len(self.groups) == 1 else list(self.groups) or None,
            "plan": None if self.plan is None else str(self.plan),
            **({} if self.plan is not None or found is None else {"nearest": str(found)}),
            "base": self.bases[0] if len(self.bases) == 1 else list(self.bases),
            "values": self.values,
            "explained": self.explained,
            "largest_difference": self.largest_difference,
            **({} if self.first_difference is None else {"first_difference": self.first_difference}),
        }


@final
@dataclass(frozen=True, slots=True)
class Recognition(Mapping[str, Recognized]):
    """The schedules that a log follows, by field, and notes about the run.

    The key is the name of the field, such as `"lr"`; fields whose groups follow different schedules have one key for
    each, such as `"lr/1"`.
    """

    found: Mapping[str, Recognized]
    notes: tuple[RecognitionNote, ...]
    remarks: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Recognized:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @property
    def complete(self) -> bool:
        """Whether a plan explains every value of every field."""
        return all(one.plan is not None and one.explained == one.values for one in self.found.values())

    def plan(self) -> Plan | None:
        """Return one plan with all fields; None unless every value of every field is explained.

        Groups with different bases have their own bindings only if their schedules differ.
        """
        if not self.complete:
            return None
        bindings = []
        for one in self.found.values():
            assert one.plan is not None
            schedule = one.plan.bindings[0].schedule
            for group in one.groups if len(self.found) > 1 and self._split(one.field) else (None,):
                bindings.append(Binding(one.field, schedule, group))
        horizons = [one.plan.horizon for one in self.found.values() if one.plan is not None]
        return Plan(*bindings, horizon=max(horizons, key=lambda one: one.updates if one is not None else 0))

    def _split(self, name: str) -> bool:
        return sum(one.field == name for one in self.found.values()) > 1

    def __str__(self) -> str:
        return "\n".join([*map(str, self.found.values()), *map(str, self.notes)])

    def as_data(self) -> dict[str, Any]:
        """Return the schedules and notes as JSON."""
        notes = [{"code": one.code, "text": one.message, "from": one.first, "to": one.last} for one in self.notes]
        return {"recognized": [one.as_data() for one in self.found.values()], "notes": notes}


def recognize(
    log: str | os.PathLike[str] | Pairs,
    *,
    columns: Mapping[str, str] | None = None,
    time: str | None = None,
    optimizer: str | None = None,
) -> Recognition:
    """Return the schedules that a run followed, from its log alone, and what may be wrong with the run.

    A schedule has up to six stages: constant, linear, cosine, polynomial, exponential, inverse square root or steps, or
    it consists of restarts, or of stairs whose levels follow such stages.

    Args:
        log: a log that `paramsched audit` reads, or pairs (update, value) of a learning rate.
        columns: maps `"lr"`, or `"lr@head"` for one group, to the name of a column. Default: columns are found by name.
        time: the column that counts the updates. Default: a column with a common name, else the number of the row.
        optimizer: the name of the optimizer, required if the log has several.

    Raises:
        UnreadableLog: the log cannot be read with these arguments.

    >>> import paramsched as ps
    >>> rate = ps.resolve(ps.warmup(50) >> ps.cosine(to=0.1), ps.Calendar(total=400))
    >>> found = recognize([(t, rate(t, base=0.02)) for t in range(400)])["lr"]
    >>> print(found.plan)
    horizon: 400
    lr: warmup(50) >> cosine(to=0.1, over=350)
    >>> found.base, found.explained, found.values
    (0.02, 400, 400)
    """
    if isinstance(log, (str, os.PathLike)):
        logged = _read(Path(log), columns, time, optimizer)
    else:
        logged = _of_pairs(log)
    found: dict[str, Recognized] = {}
    notes: dict[tuple[str, int, int], RecognitionNote] = {}
    by_field: dict[str, list[_Outcome]] = {}
    for column in logged.columns:
        if not column.t.size:
            continue
        column = replace(column, tolerance=max(column.tolerance, ROUNDING))
        outcomes = by_field.setdefault(column.field, [])
        group = logged.names[column.group] or column.group
        if any(one.takes(column, group) for one in outcomes):
            continue
        outcomes.append(_recognize_column(column, group))
    for name, outcomes in by_field.items():
        for place, outcome in enumerate(outcomes):
            one = outcome.as_recognized(alone=len(outcomes) == 1)
            found[name if place == 0 else f"{name}/{outcome.groups[0]}"] = one
            for note in outcome.notes:
                notes.setdefault((note.code, note.first, note.last), note)
    return Recognition(found, tuple(sorted(notes.values(), key=lambda one: one.first)), logged.notes)


_RATE = re.compile(r"(?:.*/)?(?:lr|learning[-_]rate)(?:[-_/](?P<group>.+))?", re.IGNORECASE)


def _read(file: Path, columns: Mapping[str, str] | None, time: str | None, optimizer: str | None) -> LoggedValues:
    """Read a log; the first update has number 0.

    If no column has the name of a field, columns that are named like a learning rate are read.
    """
    try:
        logged = read_log(file, FIELDS, columns=columns, time=time, optimizer=optimizer)
    except UnreadableLog as error:
        if columns or error.option != "--column":
            raise
        rates = _columns_like_rates(file)
        if not rates:
            raise
        logged = read_log(file, FIELDS, columns=rates, time=time, optimizer=optimizer)
    if (
        time is None
        and file.is_file()
        and counts_from_one(file)
        and all(one.t.min(initial=1) > 0 for one in logged.columns)
    ):
        logged = replace(logged, columns=tuple(replace(one, t=one.t - 1) for one in logged.columns))
    return logged


def _columns_like_rates(file: Path) -> dict[str, str]:
    """Return a dict from `lr`, or `lr@group`, to the columns that are named like a learning rate."""
    kind = kind_of_log(file)
    rows = islice(json_rows(file), 100) if kind == "jsonl" else rows_of_log(file, kind)
    present = dict.fromkeys(name for row in rows for name in row)
    rates = [match for name in present if (match := _RATE.fullmatch(name))]
    return {f"lr@{match['group'] or place}" if len(rates) > 1 else "lr": match[0] for place, match in enumerate(rates)}


def _of_pairs(pairs: Pairs) -> LoggedValues:
    try:
        rows = [(int(t), float(value)) for t, value in pairs]
    except (TypeError, ValueError):
        found = f"expected a path or pairs of update and value, got {type(pairs).__name__}"
        raise InvalidArgument(
            f"recognize({shown(pairs)[:80]})", found, "Write recognize([(0, 0.1), (1, 0.09)])"
        ) from None
    column = replace(make_column("lr", 0, rows, Path("pairs")), digits=17)
    return LoggedValues("pairs", (column,), (None,), number_notes((column,)))


@final
@dataclass(slots=True, eq=False)
class _Outcome:
    """What was found in a column, and the groups whose values are multiples of it."""

    column: LogColumn
    clock: Floats
    groups: list[str | int]
    bases: list[float]
    plan: Plan | None = None
    notes: list[RecognitionNote] = field(default_factory=list)

    def planned(self, base: float | None = None) -> Floats:
        """Return the values of the plan."""
        if self.plan is None:
            return np.full(self.clock.size, np.nan)
        return _values(self.plan, self.clock, self.bases[0] if base is None else base)

    @property
    def equal(self) -> Flags:
        return (
            self.column.equals(self.planned()) if self.plan is not None else np.zeros(self.clock.size, dtype=np.bool_)
        )

    def takes(self, column: LogColumn, group: str | int) -> bool:
        """Add a group whose values the schedule explains equally well with another base; return whether it does."""
        if self.plan is None or not np.array_equal(column.t, self.column.t):
            return False
        top = int(np.abs(self.column.values).argmax())
        base = self.bases[0] * float(column.values[top]) / float(self.column.values[top] or 1.0)
        base = roundest(base, abs(base) * 1e-11)
        if not np.array_equal(column.equals(self.planned(base)), self.equal):
            return False
        self.groups.append(group)
        self.bases.append(base)
        return True

    def as_recognized(self, *, alone: bool) -> Recognized:
        equal, n = self.equal, self.column.t.size
        apart = np.abs(self.planned() - self.column.values)[equal]
        nearest = self.plan if equal.sum() >= _MIN_NEAREST * n else None
        return Recognized(
            self.column.field,
            () if alone and len(self.groups) == 1 else tuple(self.groups),
            nearest if equal.sum() >= _MIN_EXPLAINED * n else None,
            nearest,
            tuple(self.bases),
            n * len(self.groups),
            int(equal.sum()) * len(self.groups),
            float(apart.max(initial=0.0)) / (float(np.abs(self.column.values).max(initial=0.0)) or 1.0),
            None if equal.all() else int(self.column.t[~equal].min()),
            (self.column.t, self.column.values),
        )


def _values(plan: Plan, clock: Floats, base: float) -> Floats:
    """Return the values of the plan as it is printed."""
    return evaluate(plan.resolve(Calendar()).bindings[0].schedule, clock, base)


def _recognize_column(logged: LogColumn, group: str | int) -> _Outcome:
    """Return the schedule of a column and the notes about it."""
    t, values = last_of_each(logged.t, logged.values)
    column = replace(logged, t=t.astype(np.int64), values=values)
    finite = np.isfinite(values)
    unit = float(np.abs(values[finite]).max(initial=0.0))
    found = _Outcome(column, t.astype(np.float64), [group], [unit], None, _notes_of_order(logged))
    if t.size < FEWEST or not finite.all():
        return found
    if np.ptp(values) == 0:
        found.bases = [float(values[0]) or 1.0]
        found.plan = Plan(Binding(column.field, constant(1.0 if unit else 0.0)), horizon=int(t[-1]) + 1)
        return found
    tol = _tolerance(column, unit)
    restarts: list[int] = []
    with np.errstate(all="ignore"):
        for _ in range(4):
            times, order = np.unique(found.clock, return_index=True)
            rows = Rows(times, values[order] / unit, tol[order])
            search = Search(rows)
            pieces = search.stages()
            if search.restart is None:
                break
            at, back = search.restart
            restarts.append(int(t[np.flatnonzero(found.clock == at)[-1]]))
            found.clock = np.where(t >= restarts[-1], found.clock - back, found.clock)
        _write(found, rows, pieces[:MOST_STAGES], unit)
    rises = np.diff(pieces[0].at(np.array([pieces[0].first, pieces[0].last])))[0] > 0
    for at in restarts:
        what = "warmup" if rises else "schedule"
        text = f"from update {at:,} on the {what} runs again (a resume that restarted the schedule)"
        found.notes.append(RecognitionNote("restarted", text, at, int(t[-1])))
    if found.plan is not None and found.equal.mean() >= _MIN_EXPLAINED:
        found.notes += _notes_of_schedule(found, pieces, restarted=bool(restarts))
    return found


def _tolerance(column: LogColumn, unit: float) -> Floats:
    """Return the difference from the plan with which each value counts as explained, divided by `unit`."""
    size = np.abs(column.values)
    relative = column.tolerance
    if column.digits >= 15 and np.array_equal(column.values, column.values.astype(np.float32)):
        relative += 2.0**-24
    allowed = np.maximum(relative * size, 1e-12 * unit)
    if column.digits < 15:
        places = np.floor(np.log10(np.where(size > 0, size, unit)))
        digits = max(column.digits, _FEWEST_DIGITS)  # 0.1 and 0.01 may be exact
        allowed = np.maximum(allowed, np.where(size > 0, 10.0 ** (places + 1 - digits), 0.0))
    return np.asarray(allowed / unit)


def _write(found: _Outcome, rows: Rows, pieces: Sequence[Piece], unit: float) -> None:
    """Add the plan with the roundest numbers that explains the most values, and its base."""
    known = rows.matches(values_of(pieces, rows.t))
    top = int(np.where(known, np.abs(rows.v), 0.0).argmax())
    size = float(rows.tol[top])  # a value with few digits is round already, and one in float32 is not
    bases = [roundest(float(rows.v[top]) * unit, (1e-11 if size < 1e-8 else size if size < 1e-7 else 0.0) * unit)]
    best = -1
    for base in bases:
        written = Writer(rows, unit, base).write(pieces)
        if written is None:
            continue
        plan = Plan(Binding(found.column.field, written[0]), horizon=max(int(np.ceil(written[1] - 1e-9)), 1))
        try:
            explained = int(found.column.equals(_values(plan, found.clock, base)).sum())
        except InvalidArgument:
            continue
        if explained >= best:
            best, found.plan, found.bases = explained, plan, [base]
        peak = written[2]
        if peak > abs(base) * (1 + 1e-9) and len(bases) < _MOST_BASES:
            bases.append(roundest(peak, peak * 1e-10))  # a thinned log lacks the peak


def _notes_of_order(logged: LogColumn) -> list[RecognitionNote]:
    """Return the notes about updates that occur twice or are logged in another order."""
    back = np.flatnonzero(np.diff(logged.t) < 0) + 1
    order = np.argsort(logged.t, kind="stable")
    t, values = logged.t[order], logged.values[order]
    twice = np.flatnonzero((t[1:] == t[:-1]) & (values[1:] != values[:-1]))
    if twice.size:
        first, last = int(t[twice[0]]), int(t[twice[-1]])
        text = (
            f"the updates {first:,} to {last:,} occur twice with other values (two runs in one file, or a resume from "
            "an earlier checkpoint); the later values count"
        )
        return [RecognitionNote("repeated", text, first, last)]
    for place in back.tolist():
        if logged.t[place] <= logged.t[0]:
            text = f"the log begins again at update {int(logged.t[place]):,} after update {int(logged.t[place - 1]):,}"
            return [RecognitionNote("restarted", text, int(logged.t[place]), int(logged.t[place - 1]))]
    return []


def _notes_of_schedule(outcome: _Outcome, pieces: Sequence[Piece], *, restarted: bool) -> list[RecognitionNote]:
    """Return the notes about a column whose schedule was found."""
    column = outcome.column
    t, values = column.t, column.values
    notes = []
    last = int(t[-1])
    if column.field == "lr":
        zero = values == 0
        if zero[0] and values[1:].max() > 0 and not zero[1]:
            notes.append(RecognitionNote("first zero", f"update {int(t[0]):,} had a rate of 0", int(t[0]), int(t[0])))
        for begin, end in stretches(zero):
            length = int(t[end - 1]) - int(t[begin]) + 1
            if length >= max(_LONG * (last + 1), 2) and not zero.all():
                text = f"the rate is 0 for {length:,} updates, from update {int(t[begin]):,} to {int(t[end - 1]):,}"
                notes.append(RecognitionNote("zero", text, int(t[begin]), int(t[end - 1])))
    stairs = next((piece for piece in pieces if piece.every), None)
    if stairs is not None and not _are_steps(stairs):
        text = f"the schedule moved once every {stairs.every:,} updates (stepped once per epoch), not at each update"
        notes.append(RecognitionNote("stairs", text, int(stairs.first), last))
    gap = int(t[-1] - t[-2])
    horizon = int(outcome.plan.horizon.updates)
    over = horizon - 1 - last
    if over > max(_LONG * (last + 1), gap) and not restarted:
        end = _values(outcome.plan, np.array([float(horizon)]), outcome.bases[0])[0]
        if abs(values[-1] - end) > 1e-3 * np.abs(values).max():
            text = f"the schedule ends at update {horizon:,}, but the last logged update is {last:,}"
            notes.append(RecognitionNote("too long", text, last, horizon))
    wrong = stretches(~outcome.equal)
    if 0 < len(wrong) <= 3 and sum(end - begin for begin, end in wrong) <= max(0.01 * t.size, 1):
        for begin, end in wrong:
            first, until = int(t[begin]), int(t[end - 1])
            where = f"update {first:,} has a value that does"
            if until > first:
                where = f"the updates {first:,} to {until:,} have values that do"
            notes.append(RecognitionNote("foreign", f"{where} not belong to the schedule", first, until))
    for piece in pieces:
        drops = [roundest_integer(*gap) or int(gap[1]) for gap in piece.drops]
        even = len(drops) < 3 or even_length(piece.drops) is not None
        if not even and np.gcd.reduce(drops) < _LONG * (last + 1):
            at = ", ".join(f"{one:,}" for one in drops[:4]) + (", …" if len(drops) > 4 else "")
            text = f"the value changes at updates {at}: milestones, or a metric (plateau), may have caused it"
            notes.append(RecognitionNote("steps", text, drops[0], drops[-1]))
    return notes


def _are_steps(stairs: Piece) -> bool:
    """Return whether stairs are those of a step decay: constants and levels with one ratio."""
    return all(piece.is_a(CONSTANT) or piece.drops or piece.is_a(DECAY) for piece in stairs.inner)
