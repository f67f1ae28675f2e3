"""Recognition of the schedule that a log follows."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np

from paramsched.core.advice.calls import explain_wrong_keywords
from paramsched.core.base.diagnostic import printable
from paramsched.core.base.frozen_values import text_on_screen
from paramsched.core.curves.arrays import ROUNDING, Floats, last_of_each
from paramsched.core.plan import Binding, Plan
from paramsched.core.plan.trace import trace
from paramsched.core.schedules import Schedule, constant
from paramsched.core.schedules import restarts as cycles
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.sequence import Sequence as Stages
from paramsched.core.time import Calendar
from paramsched.errors import InvalidArgument, shown
from paramsched.tools.audit.recognition.families import CONSTANT, COSINE, DECAY, LINE, Rows
from paramsched.tools.audit.recognition.skips import skipped_updates
from paramsched.tools.audit.recognition.stages import (
    MOST_STAGES,
    Piece,
    Search,
    first_level,
    roundest,
    roundest_integer,
    values_of,
)
from paramsched.tools.audit.recognition.writing import INDICES, Writer, Written, digits_of, even_length
from paramsched.tools.records.columns import Unit
from paramsched.tools.records.log_file import read_log
from paramsched.tools.records.log_to_plan import FIELDS, in_epochs
from paramsched.tools.records.log_values import Flags, LogColumn, LoggedValues, Times, make_column, with_shared_digits

if TYPE_CHECKING:
    from paramsched.show import Figure
    from paramsched.show._curves import Measured

ONE_PER_EPOCH = Calendar(steps_per_epoch=1)
"""The run facts with which a plan in epochs is evaluated at epochs."""
FEWEST = 12
"""The smallest number of values to which a schedule is fitted."""
_MIN_EXPLAINED = 0.95
_FEWEST_DIGITS = 3
_LONG = 0.02
_ROUNDED = 0.52  # of a unit of the last digit: half of it, and the error of a fitted level
_MOST_BASES = 6
_ROUND_BASE = 4  # digits
_KNOWN_END = 6  # digits that a plan may have more if it ends with the run
_BRIEF = 4  # rows of a stage that may consist of values that do not belong to the schedule, and their neighbors
_AS_SHORT = 1  # digits by which two plans are equally short
_BELOW = 0.05  # the share of the largest value by which the lowest level of a wave may be less than 0
_MOST_JUMPS = 40
_ALMOST = 4  # halves of a unit of the last digit
_MOST_NAMED = 4  # stretches of values that do not belong to the schedule
_MOST_SHIFT = 20
_DIGITS_PER_ROW = 0.75
_SHORT_TEXT, _SHORT_STAGES = 48, 18  # digits that a text may have in any log, and its stages of few rows
_FACTS = {
    "first zero",
    "steps",
    "ahead",
    "late",
    "rows",
    "also",
    "skipped",
    "blank",
}  # codes of notes that are not about a fault
_TEXTS = {
    "again": "the log begins again at {unit} {first:,} after {unit} {last:,}",
    "ahead": "each row has the rate of the update after it, as if logged after the scheduler's step (older "
    "transformers do)",
    "also": "the log has the same values as {extra}; it does not show which of the two was planned",
    "blank": "{extra:,} rows have no value and are left out",
    "late": "{unit} {first:,} has the value of {unit} 0: the rows are counted from 1, or the schedule began a row late",
    "cycles": "from {unit} {first:,} to {last:,} the {extra} (cycles, or resumes that restarted the schedule)",
    "first zero": "{unit} {first:,} had a rate of 0",
    "foreign": "{unit} {first:,} has a value that does not belong to the schedule",
    "foreign stretch": "the {unit}s {first:,} to {last:,} have values that do not belong to the schedule",
    "more foreign": "{extra:,} more values, from {unit} {first:,} to {last:,}, do not belong to the schedule",
    "part": "the {unit}s {first:,} to {last:,} follow no schedule that is known here",
    "ramp": "the log ends in a ramp, so its base is unknown: {extra} has the same values",
    "repeated": "the {unit}s {first:,} to {last:,} occur twice with other values (two runs in one file, or a resume "
    "from an earlier checkpoint); the later values count",
    "restarted": "from {unit} {first:,} on the {extra} runs again (a resume that restarted the schedule)",
    "rows": "no column counts the updates, so lengths are in rows of the log, counted from 0",
    "skipped": "the schedule did not move at {extra} (updates that were skipped, as with fp16)",
    "stairs": "the schedule moved once every {extra:,} {unit}s (stepped once per epoch), not at each {unit}",
    "steps": "the value changes at {unit}s {extra}: milestones, or a metric (plateau), may have caused it",
    "too long": "the schedule ends at {unit} {last:,}, but the last logged {unit} is {first:,}",
    "zero": "the rate is 0 for {extra:,} {unit}s, from {unit} {first:,} to {last:,}",
}

Pairs: TypeAlias = Iterable[tuple[int, float]]


@final
@dataclass(frozen=True, slots=True)
class RecognitionNote:
    """An observation about a run.

    Args:
        code: `"restarted"`, `"zero"`, `"stairs"`, `"too long"`, `"first zero"`, `"repeated"`, `"foreign"`, `"steps"`,
            `"ahead"`, `"late"`, `"skipped"`, `"part"`, `"ramp"`, `"also"`, `"rows"` or `"blank"`.
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
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Recognized:
    """The schedule of one field.

    Args:
        field: the name of the field.
        groups: the names or indices of the groups that follow the schedule; empty if there is only one group.
        plan: the plan; None if it would explain fewer than 95 % of the values of the part that it describes.
        bases: the base of each group.
        logged: the updates and the values of the first group.
        clock: the time of the schedule at each logged update, which differs from the update after a restart.
        planned: the value of the plan at each logged update; nan without a plan.
        equal: whether the plan explains each value of the first group, up to the precision of the log.
        part: the first and the last update that the plan describes; None for the entire log.
        unit: what one count of time is: an update, an epoch, or a row of the log.
    """

    field: str
    groups: tuple[str | int, ...]
    plan: Plan | None
    bases: tuple[float, ...]
    logged: tuple[Times, Floats]
    clock: Floats
    planned: Floats
    equal: Flags
    part: tuple[int, int] | None = None
    unit: Unit = "updates"

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
        """The number of values that the plan explains."""
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

    @property
    def drawn(self) -> tuple[Times, Floats]:
        """The times and the values of the first group, as a picture shows them over the plan.

        The times are those of the schedule if the log is ahead of it, or if the schedule did not move at some updates.
        After a restart they are the updates, where the log and the schedule part. A value that the plan explains up to
        the precision of the log is the planned one.
        """
        clock = np.rint(self.clock).astype(np.int64)
        t = clock if bool(np.all(np.diff(clock) > 0)) else self.logged[0]
        return t, np.where(self.equal, self.planned, self.logged[1])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return Recognition({self.field: self}, ())._repr_mimebundle_()

    __repr__ = text_on_screen

    def __str__(self) -> str:
        bases = ", ".join(f"{base:.6g}" for base in self.bases)
        name = printable(self.field if not self.groups else f"{self.field} of {', '.join(map(str, self.groups))}")
        if self.plan is None:
            if self.equal.size < FEWEST:
                few = f"at least {FEWEST} logged {self.unit} are needed"
                return f"{name}   no schedule found     {self.values:,} value{'s' * (self.values != 1)}; {few}"
            return f"{name}   no schedule explains 95 % of the values     {self.values:,} values"
        text = str(self.plan.bindings[0].schedule).replace("\n   ", "")
        end = f"largest difference {self.largest_difference:.0e}".replace("e-0", "e-").replace("e+00", "")
        if self.part is not None:
            end = f"{self.unit} {self.part[0]:,} to {self.part[1]:,}, {end}"
        return f"{name}   {text}     base {bases}, {self.explained:,} of {self.values:,} values, {end}"

    def as_data(self) -> dict[str, Any]:
        """Return the recognized schedule as JSON."""
        data = {
            "field": self.field,
            "group": self.groups[0] if len(self.groups) == 1 else list(self.groups) or None,
            "plan": None if self.plan is None else str(self.plan),
            "base": None if self.plan is None else self.bases[0] if len(self.bases) == 1 else list(self.bases),
            **{name: getattr(self, name) for name in ("values", "explained", "largest_difference", "first_difference")},
            "unit": None if self.unit == "updates" else self.unit,
            "part": None if self.part is None else list(self.part),
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
        return all(bool(one.equal.all()) for one in self.found.values())

    def plan(self) -> Plan | None:
        """Return one plan with all fields; None unless every value of every field is explained.

        Groups with different bases have their own bindings only if their schedules differ.
        """
        if not self.complete:
            return None
        found = [(one, one.plan) for one in self.found.values() if one.plan is not None]
        names = [one.field for one, _ in found]
        bindings = [
            Binding(one.field, plan.bindings[0].schedule, group)
            for one, plan in found
            for group in (one.groups if names.count(one.field) > 1 else (None,))
        ]
        horizons = [plan.horizon for _, plan in found if plan.horizon is not None]
        return Plan(*bindings, horizon=max(horizons, key=lambda one: one.terms[0][1]))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return what a notebook shows: the text, and the logged values over the plans."""
        from paramsched.show import mime_bundle

        figure = self.figure()
        pictures = {} if figure is None else mime_bundle(figure)
        text = f'<pre style="white-space:pre-wrap">{escape(str(self))}</pre>'
        return {"text/html": text + "".join(pictures.values())} if pictures else {}

    def figure(self, title: str = "Recognized schedules", measured: "Measured | None" = None) -> "Figure | None":
        """Return the picture of the logged values over the plans; None without a plan.

        Args:
            title: the heading of its page.
            measured: metrics to draw below, by name: the updates and the values at these updates.

        >>> figure = recognize([(t, 0.1 * (1 - t / 20)) for t in range(20)]).figure()
        >>> figure.trace.line("lr", "lr"), figure.trace.total
        ('linear(over=20)', 20)
        """
        from paramsched.show import LoggedRun, figure

        found = {name: (one, one.plan.resolve(ONE_PER_EPOCH)) for name, one in self.items() if one.plan is not None}
        if not found:
            return None
        bindings = [
            Binding(one.field, plan.bindings[0].schedule, place) for place, (one, plan) in enumerate(found.values())
        ]
        updates = 1 + max(int(one.drawn[0][-1]) for one, _ in found.values())
        horizons = [plan.horizon.updates for _, plan in found.values() if plan.horizon is not None]
        groups = [{"name": name, one.field: one.base} for name, (one, _) in found.items()]
        curves = trace(Plan(*bindings, horizon=max(updates, *horizons)), groups)
        used = {key: one.drawn for key, (one, _) in zip(curves.keys(), found.values(), strict=True)}
        return figure(curves, title=title, log=LoggedRun("logged", used, measured or {}, tolerance=ROUNDING))

    __repr__ = text_on_screen

    def __str__(self) -> str:
        return "\n".join([*map(str, self.found.values()), *map(str, self.notes)])

    def as_data(self) -> dict[str, Any]:
        """Return the schedules and notes as JSON."""
        notes = [{"code": one.code, "text": one.message, "from": one.first, "to": one.last} for one in self.notes]
        return {"recognized": [one.as_data() for one in self.found.values()], "notes": notes}


@explain_wrong_keywords
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
        InvalidArgument: the log is neither a path nor pairs, or there are no pairs.

    >>> import paramsched as ps
    >>> rate = ps.resolve(ps.warmup(50) >> ps.cosine(to=0.1), ps.Calendar(total=400))
    >>> log = [(t, rate(t, base=0.02)) for t in range(400)]
    >>> found = recognize(log)["lr"]
    >>> print(found.plan)
    horizon: 400
    lr: warmup(50) >> cosine(to=0.1, over=350)
    >>> found.base, found.explained, found.values
    (0.02, 400, 400)
    """
    if isinstance(log, (str, os.PathLike)):
        logged = read_log(Path(log), () if columns else FIELDS, columns=columns, time=time, optimizer=optimizer)
    else:
        logged = _of_pairs(log)
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
                same.append(_recognize_column(column, group, notes, logged))
    last = max(int(one.t[-1]) for one in logged.columns if one.t.size)
    if logged.unit == "rows":
        _note(notes, "rows", 0, last)
    if logged.left_out:
        _note(notes, "blank", 0, last, logged.left_out)
    found: dict[str, Recognized] = {}
    for name, same in by_field.items():
        for one in same:
            alone = len(same) == len(one.groups) == 1
            found[f"{name}/{one.groups[0]}" if name in found else name] = replace(one, groups=()) if alone else one
    return Recognition(found, tuple(sorted(dict.fromkeys(notes), key=lambda one: one.first)))


def _of_pairs(pairs: Pairs) -> LoggedValues:
    try:
        rows = [(int(t), float(value)) for t, value in pairs]
    except (TypeError, ValueError):
        found = f"expected a path or pairs of update and value, got {type(pairs).__name__}"
        where = f"recognize({shown(pairs)[:80]})"
        raise InvalidArgument(where, found, "For example: recognize([(0, 0.1), (1, 0.09)])") from None
    if not rows:
        raise InvalidArgument("recognize([])", "expected at least one pair of update and value, got none")
    return LoggedValues("pairs", with_shared_digits([make_column("lr", 0, rows, Path("pairs"))]), (None,), ())


def _with_group(one: Recognized, column: LogColumn, group: str | int) -> Recognized | None:
    """Add a group whose values the schedule explains equally well with another base; return None if it does not."""
    t, values = last_of_each(column.t, column.values)
    if one.plan is None or not np.array_equal(t, one.logged[0]):
        return None
    top = int(np.where(one.equal, np.abs(one.logged[1]), 0.0).argmax())
    base = one.base * float(values[top]) / float(one.logged[1][top] or 1.0)
    base = roundest(base, abs(base) * 1e-11)
    equal = replace(column, t=t, values=values).equals(_values(one.plan, one.clock, base))
    same = np.array_equal(equal, one.equal)
    return replace(one, groups=(*one.groups, group), bases=(*one.bases, base)) if same else None


def _values(plan: Plan, clock: Floats, base: float) -> Floats:
    """Return the values of the plan as it is printed."""
    return evaluate(plan.resolve(ONE_PER_EPOCH).bindings[0].schedule, clock, base)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """A recognized schedule with what happened to its run.

    Args:
        found: the schedule.
        pieces: its stages.
        restarts: the updates at which it began again.
        skips: the updates at which it did not move, each with their number.
        shift: how many updates the log is ahead of the schedule.
        cost: a measure of the length of its text.
        also: other plans with the same values, each with the code of its note.
    """

    found: Recognized
    pieces: tuple[Piece, ...] = ()
    restarts: tuple[int, ...] = ()
    skips: tuple[tuple[int, int], ...] = ()
    shift: int = 0
    cost: float = 0.0
    also: tuple[tuple[str, str], ...] = ()

    @property
    def rank(self) -> tuple[int, float]:
        """A measure by which the best of several schedules of a column is the smallest."""
        return -int(self.found.equal.sum()), self.cost


def _recognize_column(
    logged: LogColumn, group: str | int, notes: list[RecognitionNote], log: LoggedValues
) -> Recognized:
    """Return the schedule of a column, and add the notes about it."""
    t, values = last_of_each(logged.t, logged.values)
    column = replace(logged, t=t.astype(np.int64), values=values)
    one = log.unit.removesuffix("s")
    finite = np.isfinite(values)
    fitted = _without_foreign(column, group, finite, log)
    found, pieces = fitted.found, fitted.pieces
    is_rounded = found.equal & (values == 0) & (found.planned != 0)
    _notes_of_values(logged, notes, one, rounded=t[is_rounded])
    if found.plan is None or found.equal.mean() < _MIN_EXPLAINED:
        part = _longest_part(column, group, finite, fitted, log)
        if part is None:
            found = replace(found, plan=None, planned=np.full(t.size, np.nan), equal=np.zeros(t.size, dtype=bool))
        else:
            fitted, found, pieces = part, part.found, part.pieces
            assert found.part is not None
            begin, end = found.part
            for rest in (t[t < begin], t[t > end]):
                if rest.size:
                    _note(notes, "part", rest[0], rest[-1], unit=one)
    restarts, gaps = fitted.restarts, np.diff([t[0], *fitted.restarts])
    if restarts:
        rises = pieces[0].at(np.array([pieces[0].last]))[0] > pieces[0].at(np.array([pieces[0].first]))[0]
        what = "warmup" if rises else "schedule"
        if len(restarts) > 1 and not np.ptp(gaps):
            again = f"{what} runs again every {gaps[0]:,} {log.unit}"
            _note(notes, "cycles", restarts[0], restarts[-1], again, code="restarted", unit=one)
        else:
            for at in restarts:
                _note(notes, "restarted", at, t[-1], what, unit=one)
    if found.plan is not None and np.ptp(values):
        if fitted.shift > 0:
            _note(notes, "ahead", t[0], t[-1], unit=one)
        is_late = fitted.shift < 0 and not log.from_one
        if is_late:
            _note(notes, "late", t[0], t[-1], unit=one)
        if fitted.skips or (fitted.shift < 0 and not is_late):
            first = ((int(t[0]), -fitted.shift),) if fitted.shift < 0 and not is_late else ()
            skips = (*first, *fitted.skips)
            total, near = sum(count for _, count in skips), ", ".join(f"{at:,}" for at, _ in skips[:4])
            text = f"{total:,} update{'s' if total > 1 else ''} near {near}{', …' if len(skips) > 4 else ''}"
            _note(notes, "skipped", skips[0][0], skips[-1][0], text, unit=one)
        for code, text in fitted.also:
            _note(notes, code, t[0], t[-1], text, unit=one)
        _notes_of_schedule(found, found.plan, pieces, notes, column, log, restarted=bool(fitted.restarts))
    return found


def _without_foreign(column: LogColumn, group: str | int, finite: Flags, log: LoggedValues) -> _Fitted:
    """Return the schedule of a column: without a few rows that do not belong to it, if it explains all others."""
    values = column.values
    whole = np.where(finite, values, 0.0)
    before, after = np.diff(whole, prepend=whole[:1]), np.diff(whole, append=whole[-1:])
    fitted, turns = _simplest(column, group, finite, log), finite & (before * after < 0)
    is_far = np.minimum(np.abs(before), np.abs(after)) >= np.abs(before + after)
    # Without single values above or below both of their neighbors, a shorter plan may explain all others. In a steep
    # stage such a value is nearer to a neighbor than its neighbors are to each other. Then it is a stage of its own,
    # as several values after each other are, which the shorter plan lacks.
    single, several = turns & is_far, finite & _between(_in_brief(fitted))
    for wrong, is_own_stage in ((single, False), (several, True)):
        if 0 < wrong.sum() <= max(0.01 * values.size, _BRIEF + 2):
            simpler = _simplest(column, group, finite & ~wrong, log)
            longer = fitted.found.plan is None or len(str(fitted.found.plan)) > len(str(simpler.found.plan))
            explains = longer and simpler.found.equal[finite & ~wrong].all()
            if explains and not (is_own_stage and _in_brief(simpler).any()):
                fitted = simpler
    # Rows that the schedule already leaves out may have changed its levels.
    wrong = finite & ~fitted.found.equal
    if 0 < wrong.sum() <= max(0.01 * values.size, _BRIEF):
        simpler = _simplest(column, group, finite & ~wrong, log)
        shorter = simpler.cost < fitted.cost and len(str(simpler.found.plan)) <= len(str(fitted.found.plan))
        if shorter and simpler.found.equal[finite & ~wrong].all():
            fitted = simpler
    return fitted


def _in_brief(fitted: _Fitted) -> Flags:
    """Return whether each row is in a stage of few rows, or before one."""
    clock = fitted.found.clock  # not sorted, if the schedule began again
    stages = [(clock >= piece.first) & (clock <= piece.last) for piece in fitted.pieces]
    brief = np.any([np.zeros(clock.size, np.bool_), *(rows for rows in stages if rows.sum() <= _BRIEF)], axis=0)
    return np.asarray(brief | np.append(brief[1:], False))


def _between(brief: Flags) -> Flags:
    """Return the rows of brief stages between two longer ones; the first and the last stage may be brief in a plan."""
    long = np.flatnonzero(~brief)
    inside = np.zeros(brief.size, np.bool_)
    if long.size:
        inside[long[0] : long[-1]] = True
    return brief & inside


def _simplest(column: LogColumn, group: str | int, known: Flags, log: LoggedValues) -> _Fitted:
    """Return the schedule with the shortest text of those that explain the most values.

    The schedule may be ahead of the log by an update, or behind it by updates that were skipped before the first row.
    """
    best = _fitted(column, group, known, log)
    if best.found.plan is None or log.unit != "updates" or not (log.from_one or _begins_at_one(column)):
        return best
    shifts = [1] if log.from_one else []
    first = best.pieces[0] if best.pieces else None
    if first is not None and first.is_a(LINE) and first.fit is not None and first.fit.b > 0:
        zero = first.fit.origin - first.fit.a / first.fit.b
        if abs(zero - round(zero)) < 1e-3 and 1 <= round(zero) <= _MOST_SHIFT:
            shifts.append(-round(zero))
    others = [_fitted(column, group, known, log, shift) for shift in shifts]
    return min([best, *others], key=lambda one: one.rank)


def _begins_at_one(column: LogColumn) -> bool:
    """Return whether the first row is that of update 1 and has a value of 0, as the first update of a warmup."""
    return bool(column.t[:1] == 1) and bool(column.values[:1] == 0)


def _fitted(column: LogColumn, group: str | int, known: Flags, log: LoggedValues, shift: int = 0) -> _Fitted:
    """Return the schedule of the known rows, its stages, and the updates at which it began again or did not move."""
    t, clock = column.t, column.t.astype(np.float64) + shift
    some = replace(column, t=t[known], values=column.values[known])
    plan, base, pieces = None, 1.0, tuple[Piece, ...]()
    restarts, backs, skips = list[int](), list[float](), list[tuple[int, int]]()
    cost, others, also = 0.0, list[tuple[Plan, float]](), list[tuple[str, str]]()
    if some.t.size >= FEWEST and np.ptp(some.values) == 0:
        base = float(some.values[0]) or 1.0
        plan = Plan(Binding(column.field, constant(1.0 if some.values[0] else 0.0)), horizon=int(t[-1]) + 1)
    elif some.t.size >= FEWEST:
        unit = float(np.abs(some.values).max())
        tol = _tolerance(some, unit)
        with np.errstate(all="ignore"):
            for _ in range(_MOST_JUMPS):
                times, order = np.unique(clock[known], return_index=True)
                rows = Rows(times, some.values[order] / unit, tol[order], _ROUNDED if some.digits < 15 else 1.0)
                search = Search(rows)
                pieces = search.stages()
                if search.restart is not None:
                    at, back = search.restart
                    restarts.append(int(t[np.flatnonzero(clock == at)[-1]]))
                    backs.append(back)
                    clock = np.where(t >= restarts[-1], clock - back, clock)
                    phase = np.asarray(t % back, dtype=np.float64)
                    if len(backs) == 2 and _repeats(some, clock[known], phase[known]):
                        clock = phase
                    continue
                jumps = skipped_updates(rows, pieces) if log.unit == "updates" and not restarts else []
                if not jumps:
                    break
                begins = [(int(t[np.flatnonzero(clock == at)[0]]), count) for at, count in jumps]
                for begin, count in begins:
                    clock = clock - np.clip(t - begin + count, 0, count)  # rows that are left out wait as well
                skips += begins
            plan, base, cost, others = _written(some, clock[known], rows, pieces[:MOST_STAGES], unit, log)
    if plan is not None and len(backs) > 1 and np.array_equal(clock, t % backs[0]):
        # Equal distances are cycles; that resumes restarted the schedule as often is the other reading.
        also.append(("also", f"{_in_unit(plan, log)}, begun again every {backs[0]:,.0f} {log.unit}"))
        plan, *cyclic = (_in_cycles(one, int(backs[0]), t) for one in (plan, *(one for one, _ in others)))
        others = [(one, other_base) for one, (_, other_base) in zip(cyclic, others, strict=True)]
        restarts, clock = [], t.astype(np.float64)
    if _ends_in_ramp(pieces):
        also += [("ramp", f"{_in_unit(one, log)} with base {other_base:.6g}") for one, other_base in others]
    else:
        also += [("also", str(_in_unit(one, log))) for one, _ in others]
    planned = np.full(t.size, np.nan) if plan is None else _values(plan, clock, base)
    equal = column.equals(planned) & np.isfinite(planned)
    # A text with as many digits as the values themselves explains nothing.
    if plan is not None and _is_copied(plan, base, clock[known]):
        plan = None
    if plan is not None and column.values[known].min() >= 0 and any(map(_goes_below_zero, pieces)):
        plan = None
    if plan is not None and log.unit == "epochs":
        plan = in_epochs(plan)
    found = Recognized(column.field, (group,), plan, (base,), (t, column.values), clock, planned, equal, unit=log.unit)
    cost += (shift != 0) + len(skips)
    return _Fitted(found, pieces, tuple(restarts), tuple(sorted(skips)), shift, cost, tuple(also))


def _in_cycles(plan: Plan, every: int, t: Times) -> Plan:
    """Return a plan of one field that begins again every so many updates, to the end of the log."""
    (binding,) = plan.bindings
    return Plan(Binding(binding.name, cycles(binding.schedule, every)), horizon=int(t[-1]) + 1)


def _in_unit(plan: Plan, log: LoggedValues) -> Schedule:
    """Return the schedule of a plan in updates with lengths in the unit of the log."""
    return (in_epochs(plan) if log.unit == "epochs" else plan).bindings[0].schedule


def _repeats(column: LogColumn, clock: Floats, phase: Floats) -> bool:
    """Return whether each value is that of the same time of the first cycles, whose clock is the phase already."""
    times, first = np.unique(clock[clock == phase], return_index=True)
    place = np.minimum(np.searchsorted(times, phase), times.size - 1)
    values = column.values[clock == phase][first][place]
    return bool((times[place] == phase).all() and column.equals(values).all())


def _goes_below_zero(piece: Piece) -> bool:
    """Return whether a stage is part of a wave that falls below 0.

    Parts of such a wave have the values of any curve. In a log without negative values, it is no schedule.
    """
    return piece.fit is not None and piece.is_a(COSINE) and piece.fit.a - abs(piece.fit.b) < -_BELOW


def _is_copied(plan: Plan, base: float, clock: Floats) -> bool:
    """Return whether a plan, or its short stages, have about as many digits as the values that they explain."""
    schedule = plan.bindings[0].schedule
    if digits_of(f"{schedule} {base:.12g}") > max(_SHORT_TEXT, _DIGITS_PER_ROW * clock.size):
        return True
    begin, digits, rows = 0.0, 0.0, 0
    for stage in schedule.stages if isinstance(schedule, Stages) else ():
        length = np.inf if stage.length is None or stage.length.exact is None else float(stage.length.exact)
        inside = int(((clock >= begin) & (clock < begin + length)).sum())
        if inside < FEWEST:
            digits, rows = digits + digits_of(str(stage)), rows + inside
        begin += length
    return digits > max(_SHORT_STAGES, 3 * rows)


def _longest_part(
    column: LogColumn, group: str | int, known: Flags, whole: _Fitted, log: LoggedValues
) -> _Fitted | None:
    """Return the schedule of the longest stages that one explains, if some rows before or after follow none."""
    t = column.t
    long = [one for one in whole.pieces[:MOST_STAGES] if one.fit is not None or one.drops or one.every]
    sizes = [int(((whole.found.clock >= one.first) & (whole.found.clock <= one.last)).sum()) for one in long]
    if not long or max(sizes) < max(FEWEST, 0.3 * t.size):
        return None
    piece = long[int(np.argmax(sizes))]
    unit = float(np.abs(column.values[known]).max())
    with np.errstate(all="ignore"):
        right = np.abs(piece.at(whole.found.clock) - column.values / unit) <= _tolerance(column, unit)
    wrong = np.flatnonzero(~right & (whole.found.clock < piece.first))
    inside = known & (np.arange(t.size) > (wrong[-1] if wrong.size else -1))
    best: _Fitted | None = None
    for rows in (inside, inside & (whole.found.clock <= piece.last)):
        part = _simplest(column, group, rows, log)
        # Without the rows before it, a part shows the base of the run only if its numbers are round.
        shown = not rows.any() or rows[0] or digits_of(f"{part.found.base:.12g}") <= _ROUND_BASE
        if shown and part.found.plan is not None and part.found.equal[rows].mean() >= _MIN_EXPLAINED:
            span = int(t[rows][0]), int(t[rows][-1])
            best = replace(part, found=replace(part.found, part=span))
            break
    return best


def _tolerance(column: LogColumn, unit: float) -> Floats:
    """Return the difference from the plan with which each value counts as explained, divided by `unit`."""
    size = np.abs(column.values)
    relative = column.tolerance
    if np.array_equal(column.values, column.values.astype(np.float32)):
        relative += 2.0**-24
    places = np.floor(np.log10(np.where(size > 0, size, unit)))
    digits = max(column.digits, _FEWEST_DIGITS)  # 0.1 and 0.01 may be exact
    place = column.place if column.digits >= _FEWEST_DIGITS else 0.0
    of_digits = np.where(size > 0, 10.0 ** (places + 1 - digits), 0.0)
    allowed: Floats = np.maximum(relative * size, of_digits).clip(min=max(place, 1e-12 * unit)) / unit
    return allowed


def _written(
    column: LogColumn, clock: Floats, rows: Rows, pieces: Sequence[Piece], unit: float, log: LoggedValues
) -> tuple[Plan | None, float, float, list[tuple[Plan, float]]]:
    """Return the plan with the roundest numbers that explains the most values, its base, its cost, and other plans.

    The other plans have the same values, each with its base.

    The length of the run, if the log contains it, takes precedence over the end with the fewest digits.
    """
    known = rows.matches(values_of(pieces, rows.t))
    top = int(np.where(known, np.abs(rows.v), 0.0).argmax())
    size = float(rows.tol[top])  # a value with few digits is round already, and one in float32 is not
    bases = [roundest(float(rows.v[top]) * unit, (1e-11 if size < 1e-8 else size if size < 1e-7 else 0.0) * unit)]
    levels = [first_level(piece, rows) for piece in pieces if piece.drops]
    bases += [roundest(level * unit, slack * unit) for level, slack in levels]
    if pieces[0].is_a(LINE) and pieces[0].first > 0:  # the rows before follow nothing, and may lack the peak
        early = pieces[0].at(np.array([0.0, 1.0])) * unit
        bases += [roundest(one, 2 * size * unit) for one in early.tolist() if one > abs(bases[0]) - 2 * size * unit]
    indices = INDICES if log.unit != "epochs" else ("t/n",)  # a count of t + 1 would be one of updates
    known_end = float(log.length) if log.length is not None and log.unit == "updates" else None
    tried: list[tuple[int, float, Plan, float]] = []

    def attempt(base: float, end: float | None = None) -> Written | None:
        written = Writer(rows, unit, base, indices=indices, end=end, last_is_end=log.from_one).write(pieces)
        if written is not None:
            plan = Plan(Binding(column.field, written.schedule), horizon=int(np.ceil(written.end - 1e-9)))
            explained = int(column.equals(_values(plan, clock, base)).sum())
            cost = written.cost + digits_of(f"{base:.12g}") - (_KNOWN_END if written.end == known_end else 0.0)
            tried.append((-explained, cost, plan, base))
        return written

    for base in bases:
        written = attempt(base)
        if known_end is not None and known_end >= rows.t[-1] and not _ends_in_ramp(pieces):
            attempt(base, known_end)
        above = 0.0 if written is None else written.peak - abs(base)
        if written is not None and max(size, 1e-9) * unit < above < unit and len(bases) < _MOST_BASES:
            # A thinned log lacks the peak, and so does one whose first rows follow nothing.
            slack = max(1e-10, 2 * size if size > 1e-8 else 0.0)
            bases += [roundest(written.peak, written.peak * one) for one in dict.fromkeys((1e-10, slack))]
    if _ends_in_ramp(pieces):
        for base, end in _ramps(pieces[-1], unit, rows):
            attempt(base, end)
    if not tried:
        return None, bases[0], 0.0, []
    order = sorted(tried, key=lambda one: one[:2])
    explained, cost, plan, base = order[0]
    if _ends_in_ramp(pieces):
        others = [
            (one, other_base)
            for count, _, one, other_base in order[1:]
            if count == explained and (str(one), f"{other_base:.6g}") != (str(plan), f"{base:.6g}")
        ]
        return plan, base, cost, others[:1]
    other = _other_end(column, clock, rows, pieces, unit, plan, base, explained, indices, known_end)
    return plan, base, cost, [] if other is None else [(other, base)]


def _other_end(
    column: LogColumn,
    clock: Floats,
    rows: Rows,
    pieces: Sequence[Piece],
    unit: float,
    plan: Plan,
    base: float,
    explained: int,
    indices: Sequence[Any],
    known_end: float | None,
) -> Plan | None:
    """Return the plan that ends with the log, if its last line has the values of one that ends later; else None."""
    end = 0.0 if plan.horizon is None else float(plan.horizon.updates)
    last = float(2 * rows.t[-1] - rows.t[-2])
    if not pieces[-1].is_a(LINE) or end <= last or end == known_end:
        return None
    written = Writer(rows, unit, base, indices=indices, end=last).write(pieces)
    if written is None or digits_of(str(written.schedule)) > digits_of(str(plan.bindings[0].schedule)) + _AS_SHORT:
        return None
    other = Plan(Binding(column.field, written.schedule), horizon=int(last))
    same = -int(column.equals(_values(other, clock, base)).sum()) == explained
    return other if same else None


def _ends_in_ramp(pieces: Sequence[Piece]) -> bool:
    """Return whether the last stage is a rising line, whose peak a log may not have reached."""
    last = pieces[-1].fit if pieces else None
    return last is not None and last.family is LINE and last.b > 0 and len(pieces) == 1


def _ramps(piece: Piece, unit: float, rows: Rows) -> Iterator[tuple[float, float]]:
    """Yield round bases that a ramp from 0 may reach, and the updates at which it does."""
    fit, last, slack = piece.fit, float(rows.t[-1]), float(rows.tol.max())
    if fit is None or abs(fit.at(np.zeros(1))[0]) > max(1e-6, 2 * slack):
        return
    slope = fit.b * unit
    for power in range(int(np.floor(np.log10(slope * last))), int(np.floor(np.log10(slope * last))) + 3):
        for factor in (1, 2, 3, 4, 5, 6, 8):
            base = float(f"{factor}e{power}")
            end = base / slope
            whole = roundest_integer(end * (1 - max(slack, 1e-9)), end * (1 + max(slack, 1e-9)))
            if whole is not None and last <= whole <= 100 * last:
                yield base, float(whole)


def _note(
    notes: list[RecognitionNote],
    text: str,
    first: Any,
    last: Any,
    extra: Any = None,
    code: str = "",
    unit: str = "update",
) -> None:
    message = _TEXTS[text].format(first=int(first), last=int(last), extra=extra, unit=unit)
    notes.append(RecognitionNote(code or text, message, int(first), int(last)))


def _notes_of_values(logged: LogColumn, notes: list[RecognitionNote], unit: str, rounded: Times) -> None:
    """Add the notes about updates that occur twice or are logged in another order, and about zeros.

    Args:
        logged: the column.
        notes: the notes so far.
        unit: what one count of time is.
        rounded: the updates whose value is not 0 in the plan, although the log may show so few digits.
    """
    order = np.argsort(logged.t, kind="stable")
    t, values = logged.t[order], logged.values[order]
    twice = t[1:][(t[1:] == t[:-1]) & (values[1:] != values[:-1])]
    again = np.flatnonzero((np.diff(logged.t) < 0) & (logged.t[1:] <= logged.t[0])) + 1
    if twice.size:
        _note(notes, "repeated", twice[0], twice[-1], unit=unit)
    elif again.size:
        _note(notes, "again", logged.t[again[0]], logged.t[again[0] - 1], code="restarted", unit=unit)
    zero = (values == 0) & (logged.field == "lr" and t.size >= FEWEST and not (values == 0).all())
    zero &= ~np.isin(t, rounded)
    if zero[:1].any() and not zero[1]:
        _note(notes, "first zero", t[0], t[0], unit=unit)
    for begin, end in _stretches(zero):
        length = int(t[end - 1] - t[begin]) + 1
        if length >= max(_LONG * (t[-1] + 1), 2):
            _note(notes, "zero", t[begin], t[end - 1], length, unit=unit)


def _notes_of_schedule(
    found: Recognized,
    plan: Plan,
    pieces: Sequence[Piece],
    notes: list[RecognitionNote],
    column: LogColumn,
    log: LoggedValues,
    *,
    restarted: bool,
) -> None:
    """Add the notes about a column whose schedule was found."""
    t, values = column.t, column.values
    unit = log.unit.removesuffix("s")
    last = int(t[-1])
    for piece in pieces:
        # The levels of a step decay are constants and levels with one ratio.
        if not all(one.is_a(CONSTANT) or one.drops or one.is_a(DECAY) for one in piece.inner):
            _note(notes, "stairs", piece.first, last, piece.every, unit=unit)
        drops = [roundest_integer(*gap) or int(gap[1]) for gap in piece.drops]
        even = len(drops) < 3 or even_length(piece.drops) is not None
        if not even and np.gcd.reduce(drops) < _LONG * (last + 1):
            at = ", ".join(f"{one:,}" for one in drops[:4]) + (", …" if len(drops) > 4 else "")
            _note(notes, "steps", drops[0], drops[-1], at, unit=unit)
    resolved = plan.resolve(ONE_PER_EPOCH).horizon
    horizon = 0 if resolved is None else int(resolved.updates)
    # A line to 0 may as well end earlier, at another level: that its end is later than the log is no fact.
    ends_in_line = bool(pieces) and pieces[-1].is_a(LINE)  # equal values have no stages
    known = (horizon == log.length or not ends_in_line) and not _ends_in_ramp(pieces)
    if known and horizon - 1 - last > max(_LONG * (last + 1), int(t[-1] - t[-2])) and not restarted:
        end_value = _values(plan, np.array([float(horizon)]), found.base)[0]
        if abs(values[-1] - end_value) > 1e-3 * np.abs(found.planned).max():
            _note(notes, "too long", last, horizon, unit=unit)
    inside = np.ones(t.size, dtype=np.bool_) if found.part is None else (t >= found.part[0]) & (t <= found.part[1])
    # Rounded values that are almost as planned differ because of a number that was not found exactly.
    is_near = np.abs(values - found.planned) <= _ALMOST * column.half_unit(np.maximum(np.abs(values), 1e-300))
    differ = ~found.equal & inside & ~(is_near & (column.digits < 15))
    wrong = _stretches(differ)
    # A few values of a short log that are near may differ because of a number that was not found exactly.
    are_far = (np.abs(values - found.planned)[differ] > 1e-3 * np.abs(found.planned).max()).all()
    few = differ.sum() <= max(0.01 * t.size, _BRIEF if are_far else 1)
    if few and (are_far or len(wrong) <= _MOST_NAMED):
        named = wrong if len(wrong) <= _MOST_NAMED else wrong[: _MOST_NAMED - 1]
        for begin, end in named:
            text = "foreign" if end == begin + 1 else "foreign stretch"
            _note(notes, text, t[begin], t[end - 1], code="foreign", unit=unit)
        if rest := wrong[len(named) :]:
            count = sum(end - begin for begin, end in rest)
            _note(notes, "more foreign", t[rest[0][0]], t[rest[-1][1] - 1], count, code="foreign", unit=unit)


def _stretches(flags: Flags) -> list[tuple[int, int]]:
    """Return the first and the end row of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
