"""Recognition of the schedule that a log follows."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.audit.log_file import json_rows, kind_of_log, read_log, rows_of_log
from paramsched.audit.log_to_plan import FIELDS, counts_from_one
from paramsched.audit.log_values import Flags, LogColumn, LoggedValues, Times, make_column, with_shared_digits
from paramsched.audit.recognition.families import CONSTANT, DECAY, Rows
from paramsched.audit.recognition.stages import MOST_STAGES, Piece, Search, roundest, roundest_integer, values_of
from paramsched.audit.recognition.writing import Writer, even_length
from paramsched.base.diagnostic import printable, printable_lines
from paramsched.base.frozen_values import text_on_screen
from paramsched.curves.arrays import ROUNDING, Floats, last_of_each
from paramsched.errors import InvalidArgument, UnreadableLog, shown
from paramsched.plan import Binding, Plan
from paramsched.schedules import constant
from paramsched.schedules.evaluation import evaluate
from paramsched.time import Calendar

FEWEST = 12
"""The smallest number of values to which a schedule is fitted."""
_MIN_EXPLAINED = 0.95
_MIN_NEAREST = 0.1
_FEWEST_DIGITS = 3
_LONG = 0.02
_ROUNDED = 0.52  # of a unit of the last digit: half of it, and the error of a fitted level
_MOST_BASES = 4
_FACTS = {"first zero", "steps"}  # codes of notes about a choice that is not a fault
_TEXTS = {
    "again": "the log begins again at update {first:,} after update {last:,}",
    "first zero": "update {first:,} had a rate of 0",
    "foreign": "update {first:,} has a value that does not belong to the schedule",
    "foreign stretch": "the updates {first:,} to {last:,} have values that do not belong to the schedule",
    "repeated": "the updates {first:,} to {last:,} occur twice with other values (two runs in one file, or a resume "
    "from an earlier checkpoint); the later values count",
    "restarted": "from update {first:,} on the {extra} runs again (a resume that restarted the schedule)",
    "stairs": "the schedule moved once every {extra:,} updates (stepped once per epoch), not at each update",
    "steps": "the value changes at updates {extra}: milestones, or a metric (plateau), may have caused it",
    "too long": "the schedule ends at update {last:,}, but the last logged update is {first:,}",
    "zero": "the rate is 0 for {extra:,} updates, from update {first:,} to {last:,}",
}
_RATE = re.compile(r"(?:.*/)?(?:lr|learning[-_]rate)(?:[-_/](?P<group>.+))?", re.IGNORECASE)

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
        return printable(f"{'note' if self.code in _FACTS else 'warning'}: {self.message}")


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recognized:
    """The schedule of one field.

    Args:
        field: the name of the field.
        groups: the names or indices of the groups that follow the schedule; empty if there is only one group.
        nearest: the plan that explains the most values; None if it would explain fewer than 10 %.
        bases: the base of each group.
        logged: the updates and the values of the first group.
        clock: the time of the schedule at each logged update, which differs from the update after a restart.
        planned: the value of the nearest plan at each logged update.
        equal: whether the plan explains each value of the first group, up to the precision of the log.
    """

    field: str
    groups: tuple[str | int, ...]
    nearest: Plan | None
    bases: tuple[float, ...]
    logged: tuple[Times, Floats]
    clock: Floats
    planned: Floats
    equal: Flags

    @property
    def plan(self) -> Plan | None:
        """The plan; None if it would explain fewer than 95 % of the values."""
        return self.nearest if self.equal.mean() >= _MIN_EXPLAINED else None

    @property
    def base(self) -> float:
        """The base of the first group."""
        return self.bases[0]

    @property
    def values(self) -> int:
        """The number of logged values."""
        return self.equal.size * len(self.bases)

    @property
    def explained(self) -> int:
        """The number of values that the nearest plan explains."""
        return int(self.equal.sum()) * len(self.bases)

    @property
    def largest_difference(self) -> float:
        """The largest difference of an explained value from the plan, relative to the largest value."""
        values = self.logged[1]
        largest = float(np.abs(self.planned - values)[self.equal].max(initial=0.0))
        return largest / (float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0)

    @property
    def first_difference(self) -> int | None:
        """The first update that is not explained, or None."""
        return None if self.equal.all() else int(self.logged[0][~self.equal].min())

    __repr__ = text_on_screen

    def __str__(self) -> str:
        bases = ", ".join(f"{base:.6g}" for base in self.bases)
        name = self.field if not self.groups else f"{self.field} of {', '.join(map(str, self.groups))}"
        if self.nearest is None:
            few = f"; at least {FEWEST} logged updates are needed" if self.equal.size < FEWEST else ""
            return f"{name}   no schedule found     {self.values:,} values{few}"
        text = str(self.nearest.bindings[0].schedule).replace("\n   ", "")
        end = f"first difference at update {self.first_difference:,}" if self.first_difference is not None else ""
        if self.plan is None:
            text = f"no schedule found; nearest: {text}"
        else:
            end = f"largest difference {self.largest_difference:.0e}".replace("e-0", "e-").replace("e+00", "")
        return f"{name}   {text}     base {bases}, {self.explained:,} of {self.values:,} values, {end}"

    def as_data(self) -> dict[str, Any]:
        """Return the recognized schedule as JSON."""
        data = {
            "field": self.field,
            "group": self.groups[0] if len(self.groups) == 1 else list(self.groups) or None,
            "plan": None if self.plan is None else str(self.plan),
            "nearest": None if self.plan is not None or self.nearest is None else str(self.nearest),
            "base": self.bases[0] if len(self.bases) == 1 else list(self.bases),
            **{name: getattr(self, name) for name in ("values", "explained", "largest_difference", "first_difference")},
        }
        return {name: one for name, one in data.items() if one is not None or name in ("group", "plan")}


@final
@dataclass(frozen=True, slots=True, repr=False)
class Recognition(Mapping[str, Recognized]):
    """The schedules that a log follows, by field, and notes about the run.

    The key is the name of the field, such as `"lr"`; fields whose groups follow different schedules have one key for
    each, such as `"lr/1"`.
    """

    found: Mapping[str, Recognized]
    notes: tuple[RecognitionNote, ...]

    def __getitem__(self, name: str) -> Recognized:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @property
    def complete(self) -> bool:
        """Whether a plan explains every value of every field."""
        return all(one.nearest is not None and bool(one.equal.all()) for one in self.found.values())

    def plan(self) -> Plan | None:
        """Return one plan with all fields; None unless every value of every field is explained.

        Groups with different bases have their own bindings only if their schedules differ.
        """
        names, plans = [one.field for one in self.found.values()], [one.nearest for one in self.found.values()]
        bindings = [
            Binding(one.field, one.nearest.bindings[0].schedule, group)
            for one in self.found.values()
            if one.nearest is not None
            for group in (one.groups if names.count(one.field) > 1 else (None,))
        ]
        horizons = [plan.horizon.updates for plan in plans if plan is not None and plan.horizon is not None]
        return Plan(*bindings, horizon=max(horizons)) if self.complete else None

    __repr__ = text_on_screen

    def __str__(self) -> str:
        return printable_lines("\n".join([*map(str, self.found.values()), *map(str, self.notes)]))

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
    logged = _read(Path(log), columns, time, optimizer) if isinstance(log, (str, os.PathLike)) else _of_pairs(log)
    by_field: dict[str, list[Recognized]] = {}
    notes: list[RecognitionNote] = []
    for column in logged.columns:
        if column.t.size:
            column = replace(column, tolerance=max(column.tolerance, ROUNDING))
            group, same = logged.names[column.group] or column.group, by_field.setdefault(column.field, [])
            for place, one in enumerate(same):
                if (shared := _with_group(one, column, group)) is not None:
                    same[place] = shared
                    break
            else:
                same.append(_recognize_column(column, group, notes))
    found: dict[str, Recognized] = {}
    for name, same in by_field.items():
        for one in same:
            alone = len(same) == len(one.groups) == 1
            found[f"{name}/{one.groups[0]}" if name in found else name] = replace(one, groups=()) if alone else one
    return Recognition(found, tuple(sorted(dict.fromkeys(notes), key=lambda one: one.first)))


def _read(file: Path, columns: Mapping[str, str] | None, time: str | None, optimizer: str | None) -> LoggedValues:
    """Read a log; the first update has number 0.

    If no column has the name of a field, columns that are named like a learning rate are read.
    """
    try:
        logged = read_log(file, () if columns else FIELDS, columns=columns, time=time, optimizer=optimizer)
    except UnreadableLog as error:
        rates = {} if columns or error.option != "--column" else _columns_like_rates(file)
        if not rates:
            raise
        logged = read_log(file, (), columns=rates, time=time, optimizer=optimizer)
    later = all(one.t.min(initial=1) > 0 for one in logged.columns)
    if time is None and later and file.is_file() and counts_from_one(file):
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
        where = f"recognize({shown(pairs)[:80]})"
        raise InvalidArgument(where, found, "Write recognize([(0, 0.1), (1, 0.09)])") from None
    return LoggedValues("pairs", with_shared_digits([make_column("lr", 0, rows, Path("pairs"))]), (None,), ())


def _with_group(one: Recognized, column: LogColumn, group: str | int) -> Recognized | None:
    """Add a group whose values the schedule explains equally well with another base; return None if it does not."""
    t, values = last_of_each(column.t, column.values)
    if one.nearest is None or not np.array_equal(t, one.logged[0]):
        return None
    top = int(np.where(one.equal, np.abs(one.logged[1]), 0.0).argmax())
    base = one.base * float(values[top]) / float(one.logged[1][top] or 1.0)
    base = roundest(base, abs(base) * 1e-11)
    equal = replace(column, t=t, values=values).equals(_values(one.nearest, one.clock, base))
    same = np.array_equal(equal, one.equal)
    return replace(one, groups=(*one.groups, group), bases=(*one.bases, base)) if same else None


def _values(plan: Plan, clock: Floats, base: float) -> Floats:
    """Return the values of the plan as it is printed."""
    return evaluate(plan.resolve(Calendar()).bindings[0].schedule, clock, base)


def _recognize_column(logged: LogColumn, group: str | int, notes: list[RecognitionNote]) -> Recognized:
    """Return the schedule of a column, and add the notes about it."""
    t, values = last_of_each(logged.t, logged.values)
    column = replace(logged, t=t.astype(np.int64), values=values)
    _notes_of_values(logged, notes)
    finite = np.isfinite(values)
    whole = np.where(finite, values, 0.0)
    before, after = np.diff(whole, prepend=whole[:1]), np.diff(whole, append=whole[-1:])
    single = finite & (before * after < 0) & (np.minimum(np.abs(before), np.abs(after)) >= np.abs(before + after))
    found, pieces, restarts = _fitted(column, group, finite)
    # Without single values above or below both of their neighbors, a shorter plan may explain all others.
    if 0 < single.sum() <= max(0.01 * t.size, 1):
        simpler = _fitted(column, group, finite & ~single)
        longer = found.nearest is None or len(str(found.nearest)) > len(str(simpler[0].plan))
        if longer and simpler[0].equal[finite & ~single].all():
            found, pieces, restarts = simpler
    for at in restarts:
        rises = pieces[0].at(np.array([pieces[0].last]))[0] > pieces[0].at(np.array([pieces[0].first]))[0]
        _note(notes, "restarted", at, t[-1], "warmup" if rises else "schedule")
    if found.plan is not None and np.ptp(values):
        _notes_of_schedule(found, found.plan, pieces, notes, restarted=bool(restarts))
    return found


def _fitted(column: LogColumn, group: str | int, known: Flags) -> tuple[Recognized, tuple[Piece, ...], list[int]]:
    """Return the schedule of the known rows, its stages, and the updates at which it began again."""
    t, clock = column.t, column.t.astype(np.float64)
    some = replace(column, t=t[known], values=column.values[known])
    unit = float(np.abs(some.values).max(initial=0.0))
    plan, base, pieces, restarts = None, unit, tuple[Piece, ...](), list[int]()
    if some.t.size >= FEWEST and np.ptp(some.values) == 0:
        base = float(some.values[0]) or 1.0
        plan = Plan(Binding(column.field, constant(1.0 if unit else 0.0)), horizon=int(t[-1]) + 1)
    elif some.t.size >= FEWEST:
        tol = _tolerance(some, unit)
        with np.errstate(all="ignore"):
            for _ in range(4):
                times, order = np.unique(clock[known], return_index=True)
                rows = Rows(times, some.values[order] / unit, tol[order], _ROUNDED if some.digits < 15 else 1.0)
                search = Search(rows)
                pieces = search.stages()
                if search.restart is None:
                    break
                at, back = search.restart
                restarts.append(int(t[np.flatnonzero(clock == at)[-1]]))
                clock = np.where(t >= restarts[-1], clock - back, clock)
            plan, base = _written(some, clock[known], rows, pieces[:MOST_STAGES], unit)
    planned = np.full(t.size, np.nan) if plan is None else _values(plan, clock, base)
    equal = column.equals(planned) & np.isfinite(planned)
    plan = plan if equal.sum() >= _MIN_NEAREST * t.size else None
    found = Recognized(column.field, (group,), plan, (base,), (t, column.values), clock, planned, equal)
    return found, pieces, restarts


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
        place = column.place if column.digits >= _FEWEST_DIGITS else 0.0
        allowed = np.maximum(np.maximum(allowed, place), np.where(size > 0, 10.0 ** (places + 1 - digits), 0.0))
    return np.asarray(allowed / unit)


def _written(
    column: LogColumn, clock: Floats, rows: Rows, pieces: Sequence[Piece], unit: float
) -> tuple[Plan | None, float]:
    """Return the plan with the roundest numbers that explains the most values, and its base."""
    known = rows.matches(values_of(pieces, rows.t))
    top = int(np.where(known, np.abs(rows.v), 0.0).argmax())
    size = float(rows.tol[top])  # a value with few digits is round already, and one in float32 is not
    bases = [roundest(float(rows.v[top]) * unit, (1e-11 if size < 1e-8 else size if size < 1e-7 else 0.0) * unit)]
    best: tuple[int, Plan | None, float] = (-1, None, bases[0])
    for base in bases:
        written = Writer(rows, unit, base).write(pieces)
        if written is not None:
            plan = Plan(Binding(column.field, written[0]), horizon=max(int(np.ceil(written[1] - 1e-9)), 1))
            explained = int(column.equals(_values(plan, clock, base)).sum())
            best = (explained, plan, base) if explained >= best[0] else best
            if written[2] > abs(base) + max(size, 1e-9) * unit and len(bases) < _MOST_BASES:
                bases.append(roundest(written[2], written[2] * 1e-10))  # a thinned log lacks the peak
    return best[1:]


def _note(notes: list[RecognitionNote], text: str, first: Any, last: Any, extra: Any = None, code: str = "") -> None:
    message = _TEXTS[text].format(first=int(first), last=int(last), extra=extra)
    notes.append(RecognitionNote(code or text, message, int(first), int(last)))


def _notes_of_values(logged: LogColumn, notes: list[RecognitionNote]) -> None:
    """Add the notes about updates that occur twice or are logged in another order, and about zeros."""
    order = np.argsort(logged.t, kind="stable")
    t, values = logged.t[order], logged.values[order]
    twice = t[1:][(t[1:] == t[:-1]) & (values[1:] != values[:-1])]
    again = np.flatnonzero((np.diff(logged.t) < 0) & (logged.t[1:] <= logged.t[0])) + 1
    if twice.size:
        _note(notes, "repeated", twice[0], twice[-1])
    elif again.size:
        _note(notes, "again", logged.t[again[0]], logged.t[again[0] - 1], code="restarted")
    zero = (values == 0) & (logged.field == "lr" and t.size >= FEWEST and not (values == 0).all())
    if zero[:1].any() and not zero[1]:
        _note(notes, "first zero", t[0], t[0])
    for begin, end in _stretches(zero):
        length = int(t[end - 1] - t[begin]) + 1
        if length >= max(_LONG * (t[-1] + 1), 2):
            _note(notes, "zero", t[begin], t[end - 1], length)


def _notes_of_schedule(
    found: Recognized, plan: Plan, pieces: Sequence[Piece], notes: list[RecognitionNote], *, restarted: bool
) -> None:
    """Add the notes about a column whose schedule was found."""
    t, values = found.logged
    last = int(t[-1])
    for piece in pieces:
        # The levels of a step decay are constants and levels with one ratio.
        if piece.every and not all(one.is_a(CONSTANT) or one.drops or one.is_a(DECAY) for one in piece.inner):
            _note(notes, "stairs", piece.first, last, piece.every)
        drops = [roundest_integer(*gap) or int(gap[1]) for gap in piece.drops]
        even = len(drops) < 3 or even_length(piece.drops) is not None
        if not even and np.gcd.reduce(drops) < _LONG * (last + 1):
            at = ", ".join(f"{one:,}" for one in drops[:4]) + (", …" if len(drops) > 4 else "")
            _note(notes, "steps", drops[0], drops[-1], at)
    horizon = 0 if plan.horizon is None else int(plan.horizon.updates)
    if horizon - 1 - last > max(_LONG * (last + 1), int(t[-1] - t[-2])) and not restarted:
        end_value = _values(plan, np.array([float(horizon)]), found.base)[0]
        if abs(values[-1] - end_value) > 1e-3 * np.abs(found.planned).max():
            _note(notes, "too long", last, horizon)
    wrong = _stretches(~found.equal)
    if len(wrong) <= 3 and sum(end - begin for begin, end in wrong) <= max(0.01 * t.size, 1):
        for begin, end in wrong:
            text = "foreign" if end == begin + 1 else "foreign stretch"
            _note(notes, text, t[begin], t[end - 1], code="foreign")


def _stretches(flags: Flags) -> list[tuple[int, int]]:
    """Return the first and the end row of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
