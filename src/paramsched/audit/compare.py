"""Comparing a log with a plan, and the search for the cause of what differs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import NamedTuple, final

import numpy as np

from paramsched.audit.causes import Cause, RunFacts, amount_causes_to_try, causes_to_try, epoch_causes
from paramsched.audit.log_values import Flags, LoggedValues, Times
from paramsched.audit.match import (
    BasesByPlace,
    DifferingValue,
    LogMatch,
    PlannedColumn,
    depends_on_base,
    fitted_base,
    pair_columns,
    which_depend_on_base,
)
from paramsched.base.arrays import ROUNDING, Floats
from paramsched.plan import Plan
from paramsched.plan.resolve import amounts_of_run, counted_plan
from paramsched.time import Calendar

_GLANCE = 24  # rows of a few columns that a cause is tried on first
_SAMPLE = 400  # rows of some columns that it is tried on next
_ENOUGH = 0.95  # of the values have to be explained by a cause that is named
_MOST_NAMED = 3
_MOST_JUMPS = 1000
_LEAST_ROWS = 8  # of a log that goes on after the end of the plan
_LEAST_STEPS = 2  # of a staircase, at the planned updates and as high as planned, show that a run followed the plan
_LEAST_KINDS = 6  # different values in a row that are as planned show it too


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause that was tried, and how many of the values it explains."""

    name: str
    text: str
    explains: int


class _Found(NamedTuple):
    """An explanation, and how far the values that it explains are from it; None if that was not measured."""

    explanation: Explanation
    misfit: float | None = None


def explanations(facts: RunFacts, match: LogMatch, processes: int | None) -> tuple[Explanation, ...]:
    """The causes that explain most of a log, the simplest first.

    Args:
        processes: how many there were, to tell causes apart.
    """
    # A cause changes more than bits, also in a log whose bits are compared.
    if any(pair.column.tolerance < ROUNDING for pair in match.pairs):
        pairs = match.pairs
        rounded = [replace(pair.column, tolerance=max(pair.column.tolerance, ROUNDING)) for pair in pairs]
        match = LogMatch.of([replace(pair, column=column) for pair, column in zip(pairs, rounded, strict=True)])
    if match.exact == match.values:
        text = "all values are as planned up to rounding: other code computed them"
        return (Explanation("rounding", text, match.exact),)
    found = _tried_causes(facts, match, processes)
    # Other counts of what the run consumed.
    clock = next((pair.amounts.clock for pair in match.pairs if pair.amounts is not None), None)
    for cause in () if clock is None else amount_causes_to_try(clock, processes, facts.calendar.accumulation):
        counted = [
            one if one.amounts is None else replace(one, amounts=cause.counted(one.amounts)) for one in match.pairs
        ]
        found += _as_found(cause, counted, match)
    # A checkpoint has one row, and one row fits to every jump.
    if max(pair.column.t.size for pair in match.pairs) > 1:
        found += _jumping_clocks(facts.resolved, match)
    found += _another_base(match, processes)
    if not found:
        return _external_writes(match)
    most = max(one.explanation.explains for one in found)
    best = [one for one in found if one.explanation.explains == most]
    # In a log of few digits a cause that is almost right is equal as well, and only further away.
    nearest = max(min((one.misfit for one in best if one.misfit is not None), default=0.0), 1e-10)
    unique: dict[str, Explanation] = {}
    for one in best:
        if one.misfit is None or one.misfit <= 3 * nearest:
            unique.setdefault(one.explanation.name, one.explanation)
    return tuple(unique.values())[:_MOST_NAMED]


def _tried_causes(facts: RunFacts, match: LogMatch, processes: int | None) -> list[_Found]:
    """Other clocks, lengths and stages that explain more; a sample is tried first, for speed."""
    pairs = match.pairs
    longest = max(pair.column.t.size for pair in pairs)
    rows = int(max(pair.column.t.max() for pair in pairs)) + 1
    few, some = _spread(pairs, 2), _spread(pairs, 16)
    edges = [row for pair in few for row in np.searchsorted(pair.column.t, _steps(pair.column.t, pair.column.values))]
    glance = np.unique([*_spread_rows(longest, _GLANCE), *edges, *(row - 1 for row in edges)]).astype(np.int64)
    places = {id(one.schedule): place for place, one in enumerate(facts.counted.bindings)}

    def under(pairs: Sequence[PlannedColumn], plan: Plan | None) -> Sequence[PlannedColumn]:
        """The columns with their schedules in another plan; as they are without one."""
        if plan is None:
            return pairs
        bindings = counted_plan(plan).bindings
        return [replace(pair, schedule=bindings[places[id(pair.schedule)]].schedule) for pair in pairs]

    def search(causes: Iterable[Cause]) -> list[_Found]:
        found = []
        for cause in causes:
            inside = _rows_inside(pairs, cause, facts.resolved)
            if all(
                _fits(
                    LogMatch.of(under(these, cause.plan), cause.clock, inside[_spread_rows(inside.size, most)]),
                    share,
                )
                for these, most, share in ((few, _GLANCE, 0.8), (some, _SAMPLE, _ENOUGH))
            ):
                found += _as_found(cause, under(pairs, cause.plan), match, inside)
        return found

    def misfit(plan: Plan) -> float:
        """How far a plan is from a few rows, wherever its values are."""
        seen = LogMatch.of(under(few, plan), rows=glance)
        apart = sum(
            float(np.median(np.abs(pair.column.values[glance[glance < pair.column.t.size]] - planned)))
            / max(float(np.abs(planned).max(initial=0.0)), 1e-300)
            for pair, _, _, planned in seen.columns
        )
        # Where few rows fit, they do so by accident.
        fitting = seen.exact / seen.values
        return apart - fitting if fitting > 0.5 else apart

    stays = []  # for how many updates values usually stay the same
    for pair in some:
        changes = np.flatnonzero(pair.column.values[1:] != pair.column.values[:-1]) + 1
        if changes.size > 1 and (usual := int(np.median(np.diff(pair.column.t[changes])))) > 1:
            stays.append(usual)
    found = search(causes_to_try(facts, rows, processes, tuple(dict.fromkeys(stays))))
    steps = [
        later / first
        for pair, _, _, planned in match.columns
        for first in _steps(pair.column.t, planned)
        for later in _steps(pair.column.t, pair.column.values)
    ]
    return found + search(epoch_causes(facts, rows, list(dict.fromkeys(steps))[: _MOST_STEPS**2], misfit))


_MOST_STEPS = 8


def _steps(t: Times, values: Floats) -> list[int]:
    """The updates at which a staircase changes; none of a curve, which always does."""
    changes = np.flatnonzero(np.diff(values)) + 1
    return t[changes[:_MOST_STEPS]].tolist() if 4 * changes.size < t.size else []


def _rows_inside(pairs: Sequence[PlannedColumn], cause: Cause, resolved: Plan) -> Times:
    """The rows up to the end of the plan, where there are some later ones: schedules go on there in various ways."""
    longest = max(pairs, key=lambda pair: pair.column.t.size)
    end = _end_of_plan(longest, resolved if cause.plan is None else cause.plan)
    inside = np.flatnonzero(cause.clock(longest.column.t) <= end)
    return inside if inside.size >= _LEAST_ROWS else np.arange(longest.column.t.size)


def _end_of_plan(pair: PlannedColumn, resolved: Plan) -> float:
    """The last update of a plan; infinity if it has no end, or if the schedule counts an amount."""
    horizon = resolved.horizon
    return inf if horizon is None or not horizon.is_resolved or pair.amounts is not None else horizon.updates


def _spread(pairs: Sequence[PlannedColumn], most: int) -> list[PlannedColumn]:
    """Some of the columns, the first and the last among them; those whose values change come first."""
    moving = [pair for pair in pairs if np.ptp(pair.column.values) > 0] or list(pairs)
    return [moving[place] for place in _spread_rows(len(moving), most)]


def _spread_rows(size: int, most: int) -> Times:
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(np.int64))


def _fits(match: LogMatch, share: float) -> bool:
    return match.exact >= share * match.values


def _as_found(
    cause: Cause, pairs: Sequence[PlannedColumn], match: LogMatch, inside: Times | None = None
) -> list[_Found]:
    """A cause, where it explains enough of the log, or of its rows up to the end of the plan."""
    under, text = LogMatch.of(pairs, cause.clock), cause.text
    if not _fits(under, _ENOUGH):
        longest = max(pair.column.t.size for pair in pairs)
        if inside is None or inside.size == longest:
            return []
        before_end = LogMatch.of(pairs, cause.clock, inside)
        shown = (_shows_the_plan(pair, planned) for pair, _, _, planned in before_end.columns)
        if not _fits(before_end, _ENOUGH) or not any(shown):
            return []
        under = LogMatch.of([replace(pair, base=base) for pair, base, _, _ in before_end.columns], cause.clock)
        text += "; after the end of the plan the log has other values"
    return [_Found(Explanation(cause.name, text, under.exact), under.misfit)] if under.exact > match.exact else []


def _shows_the_plan(pair: PlannedColumn, planned: Floats) -> bool:
    """Whether planned values differ among each other, as far as a log of these digits shows it."""
    if not planned.size:
        return False
    if len(_steps(pair.column.t[: planned.size], planned)) >= _LEAST_STEPS:
        return True
    step = max(1e-7, 10.0 ** (2 - pair.column.digits)) * max(float(np.abs(planned).max()), 1e-300)
    return np.unique(np.floor(planned / step)).size >= _LEAST_KINDS


def _jumping_clocks(resolved: Plan, match: LogMatch) -> list[_Found]:
    """Clocks that jump."""
    fixed = []
    for pair in _spread(match.pairs, 16):
        base = pair.base
        if base is None:
            base = fitted_base(pair)
            # Where the first values do not fit, these alone say the base.
            few = slice(0, max(_LEAST_ROWS, pair.column.t.size // 50))
            if not LogMatch.of([replace(pair, base=base)]).columns[0].equal[few].all():
                base = fitted_base(pair, few)
        fixed.append(replace(pair, base=base))
    t = fixed[0].column.t
    # One clock moves all fields, so their rows must be the same, and in order.
    if any(not np.array_equal(pair.column.t, t) for pair in fixed) or np.any(np.diff(t) < 0):
        return []
    end = _end_of_plan(fixed[0], resolved)

    def explained_by(name: str, text: str, jumps: list[tuple[int, int]]) -> list[_Found]:
        rows, offsets = map(np.array, zip(*jumps, strict=True))

        def clock(times: Times) -> Times:
            moved: Times = np.maximum(times + offsets[np.searchsorted(t[rows], times, side="right") - 1], 0)
            return moved

        cause = Cause(name, text, clock)
        return _as_found(cause, match.pairs, match, _rows_inside(match.pairs, cause, resolved))

    found = []
    starts = _clock_jumps(fixed, t, end, lambda row, _: (-int(t[row]),))
    if starts is not None and len(starts) > 1:
        at = ", ".join(f"{t[row]:,}" for row, _ in starts[1:4])
        found += explained_by("restarted from zero", f"the plan begins again at update {at}", starts)
    for sign, text in (
        (1, "the schedule went on while an update was skipped"),
        (-1, "the log counts updates that were skipped, and the schedule does not"),
    ):
        jumps = _clock_jumps(fixed, t, end, lambda _, offset, sign=sign: tuple(offset + sign * n for n in (1, 2, 3)))  # type: ignore[misc]  # bound now
        # A shift from the first update on is no skipped update.
        if jumps is not None and 1 < len(jumps) <= 2 + t.size // 8 and (jumps[1][0] > 0 or t[0] > 0):
            at = ", ".join(f"{t[row]:,}" for row, _ in jumps[1:4]) + (", …" if len(jumps) > 4 else "")
            shifted = f"{text}: shifts by {abs(jumps[-1][1])} in all, at update {at}"
            found += explained_by("skipped steps", shifted, jumps)
    return found


def _clock_jumps(
    pairs: list[PlannedColumn], t: Times, end: float, offsets: Callable[[int, int], tuple[int, ...]]
) -> list[tuple[int, int]] | None:
    """Where the clock's offset changes, and to what, so that every value is as planned.

    Args:
        end: the last update of the plan; later values are not compared, because schedules go on there in various ways.
        offsets: those to try, from the row of the first value that does not fit and the offset before it.
    """
    cached: dict[int, Flags] = {}

    def fits(offset: int) -> Flags:
        """Which rows are as planned at their number plus an offset."""
        if offset not in cached:
            times = np.maximum(t + offset, 0)
            cached[offset] = (times > end) | np.logical_and.reduce(
                [pair.column.equals(pair.planned_at(times, pair.base or 0.0)) for pair in pairs]
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


def _another_base(match: LogMatch, processes: int | None) -> list[_Found]:
    """The same curve with another base, where the base was given, or scales nothing."""
    found, explained, misfits = {}, 0, [0.0]
    scales = which_depend_on_base(match.pairs)
    for pair, base, equal, _ in match.columns:
        flags = equal
        if not equal.all() and (pair.base is not None or not scales[id(pair.schedule)]):
            other, ratio, flags, misfit = _other_scale(pair, base)
            misfits.append(misfit)
            if other != base:
                meant = f"{ratio:.6g} times as much as planned"
                if processes is not None and ratio == processes:
                    meant += f", as {processes} processes scale it"
                found[f"{pair.column.field} of group {pair.group!r}"] = f"{other!r}, {meant}"
        explained += int(flags.sum()) * len(pair.groups)
    # Named only if it explains more than the base that was given.
    if explained < _ENOUGH * match.values or explained <= match.exact or not found:
        return []
    bases = ", ".join(f"{place} is {base}" for place, base in found.items())
    text = f"the curve is the plan's, its base is not: {bases}"
    return [_Found(Explanation("another base", text, explained), max(misfits))]


def _other_scale(pair: PlannedColumn, base: float) -> tuple[float, float, Flags, float]:
    """The base that a log shows, as a multiple of the one that was given, and which values it explains.

    Where base scales nothing, the values themselves are scaled, and the multiple stands for the base.
    """
    column = pair.column
    if depends_on_base(pair):
        other = fitted_base(pair)
        seen = LogMatch.of([replace(pair, base=other)])
        return other, other / base if base else np.inf, seen.columns[0].equal, seen.misfit
    planned = pair.planned_at(column.t, base)
    highest = int(np.nanargmax(np.abs(planned)))
    factor = float(column.values[highest] / planned[highest]) if planned[highest] else 1.0
    ratio = next((one for n in (3, 6, 9) if column.equals(planned * (one := float(f"{factor:.{n}g}"))).all()), factor)
    return ratio, ratio, column.equals(planned * ratio), 0.0


def _external_writes(match: LogMatch) -> tuple[Explanation, ...]:
    """If no cause was found: whether a few values differ, or all from some update on."""
    name = "written by something else"
    first = match.first_difference()
    assert first is not None
    few = match.values - match.exact
    differing = [pair.column.t[~equal] for pair, _, equal, _ in match.columns]
    last = max(int(t.max()) for t in differing if t.size)
    end = max(int(pair.column.t.max()) for pair in match.pairs)
    ratio = _ratio_from(match, first.t)
    if match.exact >= _ENOUGH * match.values:
        text = f"all but {few} values are as planned: something else wrote them, or they were rounded elsewhere"
    elif _followed_until(match, first.t, sure=ratio is not None):
        until = "on" if last == end else f"to update {last:,}"
        text = f"something else wrote the values from update {first.t:,} {until}"
        text += "" if ratio is None else f": {ratio:.6g} times those planned"
    else:
        return ()
    return (Explanation(name, text, match.exact),)


def _ratio_from(match: LogMatch, k: int) -> float | None:
    """By which one number the values from update k on differ from planned ones, if they do so."""
    ratios = []
    for pair, _, equal, planned in match.columns:
        later = (pair.column.t >= k) & (planned != 0)
        if not (later & ~equal).any():
            continue
        highest = int(np.argmax(np.where(later, np.abs(planned), -1)))
        ratio = float(pair.column.values[highest] / planned[highest])
        if not np.isfinite(ratio) or later.sum() < 3:
            return None
        scaled = np.where(pair.column.t >= k, planned * ratio, planned)
        if not pair.column.equals(scaled)[pair.column.t >= k].all():
            return None
        ratios.append(ratio)
    return ratios[0] if ratios and max(ratios) - min(ratios) <= 1e-9 * abs(ratios[0]) else None


def _followed_until(match: LogMatch, k: int, *, sure: bool) -> bool:
    """Whether the values before update k are the plan's, and not only those of a stage that many plans have.

    Args:
        sure: what follows is known, so that it may begin with a stage of the plan.
    """
    for pair, _, equal, planned in match.columns:
        rows = np.flatnonzero(pair.column.t < k)
        if equal.all() or not rows.size:
            continue
        if not _shows_the_plan(pair, planned[rows]):
            continue
        # To a base that was not given, every straight line that begins at 0 fits.
        if pair.base is None and _is_ramp_from_zero(pair.column.t[rows], planned[rows]):
            continue
        if sure:
            return True
        # Where a stage begins between the two updates, or at one of them, another plan may go on.
        begin, end = int(pair.column.t[rows[-1]]), k
        if pair.amounts is not None:
            begin, end = pair.amounts(np.array([begin, end])).tolist()
        points = pair.schedule.breakpoints(until=ceil(end) + 1)
        if not any(begin <= point <= end for point in points if point > 0):
            return True
    return False


def _is_ramp_from_zero(t: Times, values: Floats) -> bool:
    """Whether values are on a straight line that is 0 at update -1 or 0, or between them."""
    slope, offset = np.polyfit(t, values, 1)
    allowed = 1e-6 * np.abs(values).max()
    straight = np.abs(values - (offset + slope * t)).max() <= allowed
    return bool(straight and abs(offset) <= abs(slope) + allowed and offset * slope >= -allowed * abs(slope))


@final
@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found.

    Args:
        values: how many were compared.
        exact: how many are as planned.
        rounded: how many of these differ from it in a bit, by rounding.
        first: the first that is not.
        causes: those that explain the log equally well, the simplest first.
        bases: taken from the log, where nobody gave them.
        notes: what the reader should know.
    """

    values: int
    exact: int
    rounded: int
    first: DifferingValue | None
    causes: tuple[Explanation, ...]
    bases: Mapping[str, float]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        how = "as planned, up to rounding" if self.rounded else "values are as planned"
        lines = [f"{self.exact:,} of {self.values:,} {how}"]
        lines += [f"base of {place} taken to be {base!r}, from the log" for place, base in self.bases.items()]
        lines += [f"note: {note}" for note in self.notes]
        if self.first is not None:
            one, consumed = self.first, ""
            if one.amount is not None:
                amount = f"{one.amount:,.6g}" if one.clock == "seconds" else f"{int(one.amount):,}"
                consumed = f" ({amount} {one.clock})"
            lines.append(
                f"first difference: {one.field} of group {one.group!r} at update {one.t:,}{consumed}: "
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
    of_run = RunFacts(plan, facts)
    resolved = of_run.resolved
    run = amounts_of_run(resolved, facts)
    pairs = pair_columns(logged, of_run.counted, run, bases or {}, names)
    match = LogMatch.of(pairs)
    first = match.first_difference()
    scales = which_depend_on_base(pairs)
    taken = {
        f"{pair.column.field} of group {group!r}": base
        for pair, base, _, _ in match.columns
        if pair.base is None and scales[id(pair.schedule)]
        for group in pair.groups
    }
    there = {column.field for column in logged.columns}
    there |= {"momentum"} if "betas[0]" in there else set()  # of Adam
    missing = sorted({one.name for one in plan.bindings if isinstance(one.field, str)} - there)
    notes = (*logged.notes, *([f"not in the log: {', '.join(missing)}"] if missing else []))
    causes = explanations(of_run, match, processes) if first is not None else ()
    return Report(match.values, match.exact, match.rounded, first, causes, taken, notes)
