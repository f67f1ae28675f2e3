"""Comparing a log with a plan, row by row, and looking for the cause of what differs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched._arrays import Floats
from paramsched._audit.causes import Times, causes, same
from paramsched._audit.logged import Column, Logged, Unreadable
from paramsched.fields import Field
from paramsched.plan import Plan, bind
from paramsched.schedules.base import Schedule, evaluate
from paramsched.time import Calendar

_SAMPLE = 400  # rows a cause is tried on before all are looked at
_ENOUGH = 0.95  # of the values have to be explained by a cause that is named


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what is planned."""

    t: int
    field: str
    group: str | int
    logged: float
    planned: float


@final
@dataclass(frozen=True, slots=True)
class Found:
    """A cause that was tried, and how many of the values it explains."""

    name: str
    text: str
    explains: int


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found.

    Args:
        values: how many were compared.
        exact: how many are as planned.
        first: the first that is not.
        causes: those that explain the log equally well, the simplest first.
        bases: taken from the log, where nobody said them.
        notes: what the reader should know.
    """

    values: int
    exact: int
    first: Difference | None
    causes: tuple[Found, ...]
    bases: Mapping[str, float]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.exact:,} of {self.values:,} values are as planned"]
        lines += [f"base of {place} taken to be {base!r}, from the log" for place, base in self.bases.items()]
        lines += [f"note: {note}" for note in self.notes]
        if self.first is not None:
            one = self.first
            lines.append(
                f"first difference: {one.field} of group {one.group!r} at update {one.t:,}: "
                f"{one.logged!r} logged, {one.planned!r} planned"
            )
        for number, found in enumerate(self.causes):
            lead = "likely cause" if number == 0 else "as well explained by"
            lines.append(f"{lead}: {found.name}: {found.text} (explains {found.explains:,} of {self.values:,} values)")
        if self.first is not None and not self.causes:
            lines.append("no cause that was tried explains it")
        return "\n".join(lines)


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A column of the log and the schedule it should follow; `place` in that of the plan's bindings."""

    column: Column
    schedule: Schedule
    group: str | int
    base: float | None


@np.errstate(over="ignore", invalid="ignore")  # a log may hold infinities, and numbers beyond a float32
def audit(
    logged: Logged,
    plan: Plan,
    calendar: Calendar | None = None,
    *,
    bases: Mapping[tuple[str, str | int | None], float] | None = None,
    names: Sequence[str] = (),
    processes: int | None = None,
) -> Report:
    """Compare a log with a plan.

    Args:
        logged: what a run used.
        plan: what was planned.
        calendar: the facts of the run.
        bases: by field and group (None for every group); a base that is nowhere is found from the log.
        names: of the groups, in order, for plans that select by name.
        processes: how many there were, to tell causes apart.

    Raises:
        Unreadable: nothing of the log is in the plan.
        MissingFact: a unit of the plan needs a fact.
    """
    facts = calendar or Calendar()
    resolved = plan.resolve(facts)
    pairs = _pairs(logged, resolved, bases or {}, names)
    now = _Match(pairs, same)
    first = now.first()
    taken = {
        f"{pair.column.field} of group {pair.group!r}": base
        for pair, base in zip(pairs, now.bases, strict=True)
        if pair.base is None and _relative(pair)
    }
    notes = (*logged.notes, *_unlogged(plan, logged))
    if first is None:
        return Report(now.values, now.exact, None, (), taken, notes)
    found = _explained(plan, facts, pairs, now, logged, names, bases or {}, processes)
    return Report(now.values, now.exact, first, found, taken, notes)


def _pairs(
    logged: Logged, plan: Plan, bases: Mapping[tuple[str, str | int | None], float], names: Sequence[str]
) -> list[_Pair]:
    groups = _groups(logged, plan, names)
    bounds = bind(plan, groups)
    pairs = []
    for column in logged.columns:
        wanted = Field.of(column.field)
        label = groups[column.group].get("name", column.group)
        for bound in bounds[column.group]:
            if bound.field == wanted or bound.name == column.field:
                base = column.base
                for place in ((column.field, None), (column.field, column.group), (column.field, label)):
                    base = bases.get(place, base)
                if column.t.size:
                    pairs.append(_Pair(column, bound.schedule, label, base))
    if not pairs:
        there = sorted({column.field for column in logged.columns})
        planned = sorted({binding.name for binding in plan.bindings})
        raise Unreadable(
            f"audit of {logged.source}",
            f"it has values of {', '.join(there) or 'nothing'}, the plan schedules {', '.join(planned)}",
            "Name columns: --column lr=NAME",
        )
    return pairs


def _groups(logged: Logged, plan: Plan, names: Sequence[str]) -> list[dict[str, Any]]:
    """Param groups with the fields of the log and of the plan, so that selectors find what they select."""
    count = max((column.group for column in logged.columns), default=0) + 1
    groups: list[dict[str, Any]] = []
    for index in range(count):
        group: dict[str, Any] = {}
        name = names[index] if index < len(names) else logged.names[index] if index < len(logged.names) else None
        if name is not None:
            group["name"] = name
        mine = [Field.of(column.field) for column in logged.columns if column.group == index]
        betas = any(field.key == "betas" for field in mine)
        planned = [Field.of(one.name) for one in plan.bindings if isinstance(one.field, str)]
        for field in mine + [one for one in planned if not (one.key == "momentum" and betas)]:
            if field.index is None:
                group.setdefault(field.key, 1.0)
            else:
                row = list(group.get(field.key, ()))
                group[field.key] = tuple(row + [1.0] * (field.index + 1 - len(row)))
        groups.append(group)
    return groups


def _unlogged(plan: Plan, logged: Logged) -> tuple[str, ...]:
    there = {column.field for column in logged.columns}
    aliased = there | ({"momentum"} if "betas[0]" in there else set())
    missing = sorted({one.name for one in plan.bindings if isinstance(one.field, str)} - aliased)
    return (f"not in the log: {', '.join(missing)}",) if missing else ()


def _relative(pair: _Pair) -> bool:
    """Whether the base is in the values at all: absolute levels leave it out."""
    times = pair.column.t
    return bool(np.any(evaluate(pair.schedule, times, 0.0) != evaluate(pair.schedule, times, 1.0)))


# ---------------------------------------------------------------- one explanation against the log


class _Match:
    """How the log fits the plan under one clock."""

    def __init__(self, pairs: list[_Pair], clock: Callable[[Times], Times], rows: slice | Times | None = None) -> None:
        chosen = slice(None) if rows is None else rows
        self.pairs, self.bases, self.equal = pairs, [], []
        for pair in pairs:
            index = chosen if isinstance(chosen, slice) else chosen[chosen < pair.column.t.size]
            times, values = clock(pair.column.t[index]), pair.column.values[index]
            base = pair.base if pair.base is not None else _fitted(pair, times, values)
            self.bases.append(base)
            self.equal.append(_equal(values, evaluate(pair.schedule, times, base), pair.column.digits))
        self.values = sum(one.size for one in self.equal)
        self.exact = int(sum(one.sum() for one in self.equal))

    def first(self) -> Difference | None:
        """The first value that differs, in the order of the log's numbers."""
        wrong = [
            (int(pair.column.t[row]), number, row)
            for number, (pair, equal) in enumerate(zip(self.pairs, self.equal, strict=True))
            for row in np.flatnonzero(~equal)[:1]
        ]
        if not wrong:
            return None
        t, number, row = min(wrong)
        pair = self.pairs[number]
        planned = float(evaluate(pair.schedule, np.array([t]), self.bases[number])[0])
        return Difference(t, pair.column.field, pair.group, float(pair.column.values[row]), planned)


def _equal(values: Floats, planned: Floats, digits: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Bit for bit, or as exactly as the log was written: in fewer digits, or through float32."""
    equal = values == planned
    if digits < 15:
        equal |= np.isfinite(values) & (np.abs(values - planned) <= np.abs(planned) * 10.0 ** (1 - digits))
    elif np.array_equal(values, values.astype(np.float32)):
        equal |= values == planned.astype(np.float32)
    both: np.ndarray[Any, np.dtype[np.bool_]] = equal | (np.isnan(values) & np.isnan(planned))
    return both


def _fitted(pair: _Pair, times: Times, values: Floats) -> float:
    """The base under which most values are as planned: from rows where the schedule is far from 0."""
    if not pair.schedule.affine:
        finite = values[np.isfinite(values)]
        return float(finite[0]) if finite.size else 1.0
    offset = evaluate(pair.schedule, times, 0.0)
    factor = evaluate(pair.schedule, times, 1.0) - offset
    far = np.abs(factor) > 1e-12 * max(float(np.abs(factor).max(initial=0.0)), 1e-300)
    usable = np.flatnonzero(far & np.isfinite(values))
    if usable.size == 0:
        return 1.0
    best, most = 1.0, -1
    for row in dict.fromkeys([usable[np.abs(factor[usable]).argmax()], usable[0], usable[-1]]):
        exact = float((values[row] - offset[row]) / factor[row])
        for base in dict.fromkeys([*(float(f"{exact:.{n}g}") for n in (3, 6, 9, 12)), exact]):
            if not np.isfinite(base):
                continue
            count = int(_equal(values, evaluate(pair.schedule, times, base), pair.column.digits).sum())
            if count > most:
                best, most = base, count
    return best


# ---------------------------------------------------------------- all explanations


def _explained(
    plan: Plan,
    calendar: Calendar,
    pairs: list[_Pair],
    now: _Match,
    logged: Logged,
    names: Sequence[str],
    bases: Mapping[tuple[str, str | int | None], float],
    processes: int | None,
) -> tuple[Found, ...]:
    longest = max(pair.column.t.size for pair in pairs)
    rows = int(max(pair.column.t.max() for pair in pairs)) + 1
    sample = np.unique(np.linspace(0, longest - 1, min(longest, _SAMPLE)).astype(np.int64))
    found: list[Found] = []
    tried = causes(plan, calendar, rows, processes, _runs(pairs))
    for cause in tried:
        these = pairs if cause.plan is None else _pairs(logged, cause.plan, bases, names)
        quick = _Match(these, cause.clock, sample)
        if quick.exact < _ENOUGH * quick.values:
            continue
        whole = _Match(these, cause.clock)
        if whole.exact >= _ENOUGH * whole.values and whole.exact > now.exact:
            found.append(Found(cause.name, cause.text, whole.exact))
    if longest > 1:
        found += _pieces(pairs, now)
    found += _scaled(pairs, now)
    if not found:
        return _isolated(now)
    most = max(one.explains for one in found)
    unique = {one.name: one for one in reversed(found) if one.explains == most}
    return tuple(reversed(unique.values()))


def _runs(pairs: list[_Pair]) -> tuple[int, ...]:
    """How long values stay the same in the log: the usual distance between two changes."""
    lengths = []
    for pair in pairs:
        changes = np.flatnonzero(pair.column.values[1:] != pair.column.values[:-1]) + 1
        if changes.size > 1:
            lengths.append(int(np.median(np.diff(pair.column.t[changes]))))
    return tuple(dict.fromkeys(one for one in lengths if one > 1))


def _pieces(pairs: list[_Pair], now: _Match) -> list[Found]:
    """Clocks that jump: the plan begun again, and updates that were skipped."""
    fixed = [
        _Pair(pair.column, pair.schedule, pair.group, _early(pair) if pair.base is None else pair.base)
        for pair in pairs
    ]
    t = fixed[0].column.t
    if any(not np.array_equal(pair.column.t, t) for pair in fixed) or np.any(np.diff(t) < 0):
        return []
    found = []
    starts = _segments(fixed, t, lambda row, _: (-int(t[row]),))
    if starts is not None and len(starts) > 1:
        at = ", ".join(f"{t[row]:,}" for row, _ in starts[1:4])
        found.append(Found("restarted from zero", f"the plan begins again at update {at}", now.values))
    for sign, text in (
        (1, "the schedule went on while an update was skipped"),
        (-1, "the log counts what was no update, and the schedule does not"),
    ):
        jumps = _segments(fixed, t, lambda _, offset, sign=sign: tuple(offset + sign * n for n in (1, 2, 3)))  # type: ignore[misc]  # bound now
        if jumps is not None and 1 < len(jumps) <= 2 + t.size // 4:
            at = ", ".join(f"{t[row]:,}" for row, _ in jumps[1:4]) + (", …" if len(jumps) > 4 else "")
            found.append(
                Found("skipped steps", f"{text}: shifts by {abs(jumps[-1][1])} in all, at update {at}", now.values)
            )
    return found


def _early(pair: _Pair) -> float:
    """The base from the beginning of the log, before anything went wrong."""
    few = slice(0, max(2, pair.column.t.size // 50))
    return _fitted(pair, pair.column.t[few], pair.column.values[few])


def _segments(
    pairs: list[_Pair], t: Times, offsets: Callable[[int, int], tuple[int, ...]]
) -> list[tuple[int, int]] | None:
    """Where the clock's offset changes, and to what, so that every value is as planned; None if nothing does that."""
    cached: dict[int, np.ndarray[Any, np.dtype[np.bool_]]] = {}

    def fits(offset: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        if offset not in cached:
            times = np.maximum(t + offset, 0)
            cached[offset] = np.logical_and.reduce(
                [
                    _equal(pair.column.values, evaluate(pair.schedule, times, pair.base or 0.0), pair.column.digits)
                    for pair in pairs
                ]
            )
        return cached[offset]

    path, row, offset = [(0, 0)], 0, 0
    while True:
        wrong = np.flatnonzero(~fits(offset)[row:])
        if wrong.size == 0:
            return path
        row += int(wrong[0])
        reach = {one: _length(fits(one)[row:]) for one in offsets(row, offset)}
        best = max(reach, key=lambda one: reach[one])
        if reach[best] == 0 or len(path) > 1000:
            return None
        offset = best
        path.append((row, offset))


def _length(fits: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """How many values from the first on are as planned."""
    wrong = np.flatnonzero(~fits)
    return int(wrong[0]) if wrong.size else fits.size


def _scaled(pairs: list[_Pair], now: _Match) -> list[Found]:
    """The same curve with another base, where the base was given."""
    if any(pair.base is None for pair in pairs):
        return []
    ratios, explained = {}, 0
    for pair in pairs:
        free = _Pair(pair.column, pair.schedule, pair.group, None)
        base = _fitted(free, pair.column.t, pair.column.values)
        planned = evaluate(pair.schedule, pair.column.t, base)
        explained += int(_equal(pair.column.values, planned, pair.column.digits).sum())
        if base != pair.base:
            ratios[f"{pair.column.field} of group {pair.group!r}"] = base
    if explained < _ENOUGH * now.values or explained <= now.exact or not ratios:
        return []
    said = ", ".join(f"{place} is {base!r}" for place, base in ratios.items())
    return [Found("another base", f"the curve is the plan's, its base is not: {said}", explained)]


def _isolated(now: _Match) -> tuple[Found, ...]:
    """Nothing explains it all: is it all but a few values?"""
    if now.exact < _ENOUGH * now.values:
        return ()
    few = now.values - now.exact
    text = f"all but {few} values are as planned: something else wrote them, or they were rounded elsewhere"
    return (Found("written by something else", text, now.exact),)
