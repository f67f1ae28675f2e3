"""Comparing a log with a plan, and the search for the cause of what differs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from paramsched.audit.causes import Cause, amount_causes_to_try, causes_to_try
from paramsched.audit.log_values import LoggedValues, Times
from paramsched.audit.match import (
    BasesByPlace,
    DifferingValue,
    Flags,
    LogMatch,
    PlannedColumn,
    depends_on_base,
    equal_as_logged,
    fitted_base,
    pair_columns,
)
from paramsched.plan import Plan
from paramsched.plan.resolve import amounts_of_run
from paramsched.time import Calendar

_SAMPLE = 400  # rows a cause is tried on before all are looked at
_ENOUGH = 0.95  # of the values have to be explained by a cause that is named
_MOST_JUMPS = 1000


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause that was tried, and how many of the values it explains."""

    name: str
    text: str
    explains: int


def explanations(
    plan: Plan,
    calendar: Calendar,
    match: LogMatch,
    pairs_under: Callable[[Plan], list[PlannedColumn]],
    processes: int | None,
) -> tuple[Explanation, ...]:
    """The causes that explain most of a log, the simplest first.

    Args:
        pairs_under: the columns of the log beside the schedules of another resolved plan.
    """
    found = _tried_causes(plan, calendar, match, pairs_under, processes)
    found += _other_amounts(calendar, match, processes)
    # A checkpoint has one row, and one row fits to every jump.
    if max(pair.column.t.size for pair in match.pairs) > 1:
        found += _jumping_clocks(match)
    found += _another_base(match)
    if not found:
        return _isolated_values(match)
    # Of the best causes each name is kept once, in its simplest form, which was tried first.
    most = max(one.explains for one in found)
    unique = {one.name: one for one in reversed(found) if one.explains == most}
    return tuple(reversed(unique.values()))


def _tried_causes(
    plan: Plan,
    calendar: Calendar,
    match: LogMatch,
    pairs_under: Callable[[Plan], list[PlannedColumn]],
    processes: int | None,
) -> list[Explanation]:
    """Other clocks and lengths that explain more; a sample is tried first, for speed."""
    pairs = match.pairs
    longest = max(pair.column.t.size for pair in pairs)
    rows = int(max(pair.column.t.max() for pair in pairs)) + 1
    sample = np.unique(np.linspace(0, longest - 1, min(longest, _SAMPLE)).astype(np.int64))
    found = []
    for cause in causes_to_try(plan, calendar, rows, processes, _usual_runs(pairs)):
        these = pairs if cause.plan is None else pairs_under(cause.plan)
        quick = LogMatch.of(these, cause.clock, sample)
        if quick.exact < _ENOUGH * quick.values:
            continue
        found += _as_explanation(cause, LogMatch.of(these, cause.clock), match)
    return found


def _as_explanation(cause: Cause, under: LogMatch, match: LogMatch) -> list[Explanation]:
    """A cause, where it explains enough of the log."""
    explains = under.exact >= _ENOUGH * under.values and under.exact > match.exact
    return [Explanation(cause.name, cause.text, under.exact)] if explains else []


def _other_amounts(calendar: Calendar, match: LogMatch, processes: int | None) -> list[Explanation]:
    """Other counts of what the run consumed that explain more."""
    clock = next((pair.amounts.clock for pair in match.pairs if pair.amounts is not None), None)
    found = []
    for cause in amount_causes_to_try(clock, processes, calendar.accumulation) if clock is not None else ():
        pairs = [
            pair if pair.amounts is None else replace(pair, amounts=cause.counted(pair.amounts)) for pair in match.pairs
        ]
        found += _as_explanation(cause, LogMatch.of(pairs), match)
    return found


def _usual_runs(pairs: list[PlannedColumn]) -> tuple[int, ...]:
    """For how many updates values usually stay the same in the log."""
    lengths = []
    for pair in pairs:
        changes = np.flatnonzero(pair.column.values[1:] != pair.column.values[:-1]) + 1
        if changes.size > 1:
            lengths.append(int(np.median(np.diff(pair.column.t[changes]))))
    return tuple(dict.fromkeys(one for one in lengths if one > 1))


def _jumping_clocks(match: LogMatch) -> list[Explanation]:
    """Clocks that jump."""
    fixed = [replace(pair, base=_early_base(pair) if pair.base is None else pair.base) for pair in match.pairs]
    t = fixed[0].column.t
    # One clock moves all fields, so their rows must be the same, and in order.
    if any(not np.array_equal(pair.column.t, t) for pair in fixed) or np.any(np.diff(t) < 0):
        return []
    found = []
    starts = _clock_jumps(fixed, t, lambda row, _: (-int(t[row]),))
    if starts is not None and len(starts) > 1:
        at = ", ".join(f"{t[row]:,}" for row, _ in starts[1:4])
        found.append(Explanation("restarted from zero", f"the plan begins again at update {at}", match.values))
    for sign, text in (
        (1, "the schedule went on while an update was skipped"),
        (-1, "the log counts what was no update, and the schedule does not"),
    ):
        jumps = _clock_jumps(fixed, t, lambda _, offset, sign=sign: tuple(offset + sign * n for n in (1, 2, 3)))  # type: ignore[misc]  # bound now
        if jumps is not None and 1 < len(jumps) <= 2 + t.size // 4:
            at = ", ".join(f"{t[row]:,}" for row, _ in jumps[1:4]) + (", …" if len(jumps) > 4 else "")
            shifted = f"{text}: shifts by {abs(jumps[-1][1])} in all, at update {at}"
            found.append(Explanation("skipped steps", shifted, match.values))
    return found


def _early_base(pair: PlannedColumn) -> float:
    few = slice(0, max(2, pair.column.t.size // 50))
    return fitted_base(pair, pair.column.t[few], pair.column.values[few])


def _clock_jumps(
    pairs: list[PlannedColumn], t: Times, offsets: Callable[[int, int], tuple[int, ...]]
) -> list[tuple[int, int]] | None:
    """Where the clock's offset changes, and to what, so that every value is as planned.

    Args:
        offsets: those to try, from the row of the first value that does not fit and the offset before it.
    """
    cached: dict[int, Flags] = {}

    def fits(offset: int) -> Flags:
        """Which rows are as planned at their number plus an offset."""
        if offset not in cached:
            times = np.maximum(t + offset, 0)
            cached[offset] = np.logical_and.reduce(
                [
                    equal_as_logged(pair.column.values, pair.planned_at(times, pair.base or 0.0), pair.column.digits)
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
        # The offset that goes on longest from here; the first of those that go equally far.
        # How many values from here on are as planned.
        reach = {one: int(np.append(fits(one)[row:], False).argmin()) for one in offsets(row, offset)}
        best = max(reach, key=lambda one: reach[one])
        if reach[best] == 0 or len(path) > _MOST_JUMPS:
            return None
        offset = best
        path.append((row, offset))


def _another_base(match: LogMatch) -> list[Explanation]:
    """The same curve with another base, where the base was given."""
    if any(pair.base is None for pair in match.pairs):
        return []
    found, explained = {}, 0
    for pair in match.pairs:
        base = fitted_base(pair, pair.column.t, pair.column.values)
        planned = pair.planned_at(pair.column.t, base)
        explained += int(equal_as_logged(pair.column.values, planned, pair.column.digits).sum())
        if base != pair.base:
            found[f"{pair.column.field} of group {pair.group!r}"] = base
    # Named only if it explains more than the base that was given.
    if explained < _ENOUGH * match.values or explained <= match.exact or not found:
        return []
    bases = ", ".join(f"{place} is {base!r}" for place, base in found.items())
    return [Explanation("another base", f"the curve is the plan's, its base is not: {bases}", explained)]


def _isolated_values(match: LogMatch) -> tuple[Explanation, ...]:
    """If no cause was found: whether only a few values differ."""
    if match.exact < _ENOUGH * match.values:
        return ()
    few = match.values - match.exact
    text = f"all but {few} values are as planned: something else wrote them, or they were rounded elsewhere"
    return (Explanation("written by something else", text, match.exact),)


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found.

    Args:
        values: how many were compared.
        exact: how many are as planned.
        first: the first that is not.
        causes: those that explain the log equally well, the simplest first.
        bases: taken from the log, where nobody gave them.
        notes: what the reader should know.
    """

    values: int
    exact: int
    first: DifferingValue | None
    causes: tuple[Explanation, ...]
    bases: Mapping[str, float]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"{self.exact:,} of {self.values:,} values are as planned"]
        lines += [f"base of {place} taken to be {base!r}, from the log" for place, base in self.bases.items()]
        lines += [f"note: {note}" for note in self.notes]
        if self.first is not None:
            one = self.first
            lines.append(
                f"first difference: {one.field} of group {one.group!r} at update {one.t:,}{_amount_in_words(one)}: "
                f"{one.logged!r} logged, {one.planned!r} planned"
            )
        for number, found in enumerate(self.causes):
            lead = "likely cause" if number == 0 else "as well explained by"
            lines.append(f"{lead}: {found.name}: {found.text} (explains {found.explains:,} of {self.values:,} values)")
        if self.first is not None and not self.causes:
            lines.append("no cause that was tried explains it")
        return "\n".join(lines)


@np.errstate(over="ignore", invalid="ignore")  # a log may hold infinities and numbers too large for a float32
def compare_with_plan(
    logged: LoggedValues,
    plan: Plan,
    calendar: Calendar | None = None,
    *,
    bases: BasesByPlace | None = None,
    names: Sequence[str] = (),
    processes: int | None = None,
) -> Report:
    """Compare a log with a plan, and look for the cause of what differs.

    Args:
        logged: what a run used.
        plan: what was planned.
        calendar: the facts of the run.
        bases: by field and group (None for every group); a base that is nowhere is found from the log.
        names: of the groups, in order, for plans that select by name.
        processes: how many there were, to tell causes apart.

    Raises:
        UnreadableLog: nothing of the log is in the plan.
        MissingFact: a unit of the plan needs a fact.
    """
    facts = calendar or Calendar()
    resolved = plan.resolve(facts)
    run = amounts_of_run(resolved, facts)
    pairs = pair_columns(logged, resolved, run, bases or {}, names)
    match = LogMatch.of(pairs)
    first = match.first_difference()
    taken = {
        f"{pair.column.field} of group {pair.group!r}": base
        for pair, base in zip(pairs, match.bases, strict=True)
        if pair.base is None and depends_on_base(pair)
    }
    notes = (*logged.notes, *_fields_not_logged(plan, logged))
    causes: tuple[Explanation, ...] = ()
    if first is not None:

        def pairs_under(other: Plan) -> list[PlannedColumn]:
            return pair_columns(logged, other, run, bases or {}, names)

        causes = explanations(plan, facts, match, pairs_under, processes)
    return Report(match.values, match.exact, first, causes, taken, notes)


def _amount_in_words(one: DifferingValue) -> str:
    """What was consumed before a value, in words.

    >>> _amount_in_words(DifferingValue(12, "lr", 0, 0.1, 0.2, 24576.0, "tokens"))
    ' (24,576 tokens)'
    """
    if one.amount is None:
        return ""
    amount = f"{one.amount:,.6g}" if one.clock == "seconds" else f"{int(one.amount):,}"
    return f" ({amount} {one.clock})"


def _fields_not_logged(plan: Plan, logged: LoggedValues) -> tuple[str, ...]:
    """A note on fields that the plan schedules and the log lacks; for Adam, `betas[0]` counts as momentum."""
    there = {column.field for column in logged.columns}
    aliased = there | ({"momentum"} if "betas[0]" in there else set())
    missing = sorted({one.name for one in plan.bindings if isinstance(one.field, str)} - aliased)
    return (f"not in the log: {', '.join(missing)}",) if missing else ()
