"""Comparison of a log with a plan, and the search for the cause of a difference."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf
from typing import NamedTuple, final

import numpy as np

from paramsched.core.base.frozen_values import text_on_screen
from paramsched.core.curves.arrays import ROUNDING, Floats
from paramsched.core.plan import Plan
from paramsched.core.plan.forms import PlanLike, plan_of
from paramsched.core.plan.resolve import amounts_of_run, counted_plan
from paramsched.core.time import Calendar, Duration
from paramsched.core.time.amounts import amount_text
from paramsched.core.time.progress import PROGRESS
from paramsched.errors import InvalidArgument, MissingFact
from paramsched.tools.audit.causes import Cause, RunFacts, amount_causes_to_try, causes_to_try, epoch_causes
from paramsched.tools.audit.match import (
    BasesByPlace,
    DifferingValue,
    LogMatch,
    PlannedColumn,
    fitted_base,
    fitted_factor,
    most_that_match,
    pair_columns,
    which_depend_on_base,
)
from paramsched.tools.records.log_values import Flags, LoggedValues, Times

_FIRST_SAMPLE = 24  # a cause is tried first on this number of rows, in two columns of the log
_GLANCE = 0.8  # and must explain this fraction of their values
_SECOND_SAMPLE = 400  # and then on this number of rows, in 16 columns
_MIN_EXPLAINED = 0.95  # fraction of the values that a reported cause must explain
_MAX_CAUSES = 3
_MAX_JUMPS = 1000
_MOST_SKIPPED = 3  # updates between two rows that are tried
_FIRST_ROWS = 256  # rows of a log that are compared first with another offset of the clock
_MIN_ROWS_AFTER_END = 8  # if the log has at least this number of rows up to the end of the plan, later rows are ignored
_MIN_STEPS = 2  # if this number of planned steps match, the run followed the plan
_MIN_DISTINCT_VALUES = 6  # if this number of distinct planned values match, the run followed the plan


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause with the number of logged values that it explains.

    Args:
        name: the short name of the cause.
        text: the description of the cause.
        explains: the number of logged values that are as planned under the cause.
    """

    name: str
    text: str
    explains: int


class _Found(NamedTuple):
    """An explanation and its distance from the logged values."""

    explanation: Explanation
    misfit: float


def explanations(facts: RunFacts, match: LogMatch, processes: int | None) -> tuple[Explanation, ...]:
    """Return the causes that explain the most values of a log, the simplest first.

    Args:
        facts: the plan and the facts of the run.
        match: the comparison of the log with the plan.
        processes: the number of processes, to distinguish causes; None if unknown.
    """
    # Causes are compared up to rounding, even if the log is compared bit for bit.
    if any(pair.column.tolerance < ROUNDING for pair in match.pairs):
        pairs = match.pairs
        rounded = [replace(pair.column, tolerance=max(pair.column.tolerance, ROUNDING)) for pair in pairs]
        match = LogMatch.of([replace(pair, column=column) for pair, column in zip(pairs, rounded, strict=True)])
    if match.exact == match.values:
        text = "all values are as planned up to rounding, so other code computed them"
        return (Explanation("rounding", text, match.exact),)
    found = _tried_causes(facts, match, processes)
    # Causes in which the schedule counted more or less than the run consumed.
    clock = next((pair.amounts.clock for pair in match.pairs if pair.amounts is not None), None)
    for cause in () if clock is None else amount_causes_to_try(clock, processes, facts.calendar.accumulation):
        counted = [
            one if one.amounts is None else replace(one, amounts=cause.counted(one.amounts)) for one in match.pairs
        ]
        found += _as_found(cause, counted, match)
    # A checkpoint has the values of a single update, which a jump of the clock could always explain.
    if max(pair.column.t.size for pair in match.pairs) > 1:
        found += _jumping_clocks(facts.resolved, match)
    found += _another_base(match, processes)
    if not found:
        return _external_writes(match)
    most = max(one.explanation.explains for one in found)
    best = [one for one in found if one.explanation.explains == most]
    # In a log with few digits an almost correct cause also matches, but with a larger distance.
    nearest = max(min(one.misfit for one in best), 1e-10)
    unique: dict[str, Explanation] = {}
    for one in best:
        if one.misfit <= 3 * nearest:
            unique.setdefault(one.explanation.name, one.explanation)
    return tuple(unique.values())[:_MAX_CAUSES]


def _tried_causes(facts: RunFacts, match: LogMatch, processes: int | None) -> list[_Found]:
    """Return the causes with another clock, other lengths or other stages that fit the log.

    Each cause is tried on a sample of the log first, for speed.
    """
    pairs = match.pairs
    longest = max(pair.column.t.size for pair in pairs)
    rows = int(max(pair.column.t.max() for pair in pairs)) + 1
    few, some = _spread(pairs, 2), _spread(pairs, 16)
    edges = [row for pair in few for row in np.searchsorted(pair.column.t, _steps(pair.column.t, pair.column.values))]
    glance = np.unique([*_spread_rows(longest, _FIRST_SAMPLE), *edges, *(row - 1 for row in edges)]).astype(np.int64)
    places = {id(one.schedule): place for place, one in enumerate(facts.counted.bindings)}

    def under(pairs: Sequence[PlannedColumn], plan: Plan | None) -> Sequence[PlannedColumn]:
        """Return the columns, each with its schedule from `plan`; return them unchanged if `plan` is None."""
        if plan is None:
            return pairs
        bindings = counted_plan(plan).bindings
        return [replace(pair, schedule=bindings[places[id(pair.schedule)]].schedule) for pair in pairs]

    def rows_of(cause: Cause) -> Times:
        return _rows_inside(pairs, cause, facts.resolved)

    def search(causes: Iterable[Cause]) -> list[_Found]:
        found = []
        for cause in _without_impossible(causes, few, rows_of):
            inside = rows_of(cause)
            if all(
                _fits(
                    LogMatch.of(under(these, cause.plan), cause.clock, inside[_spread_rows(inside.size, most)]),
                    share,
                )
                for these, most, share in ((few, _FIRST_SAMPLE, _GLANCE), (some, _SECOND_SAMPLE, _MIN_EXPLAINED))
            ):
                found += _as_found(cause, under(pairs, cause.plan), match, inside)
        return found

    def misfit(plan: Plan) -> float:
        """Return the distance between a plan and the log on a sample of rows, less the fraction of equal values.

        The plan of the run has a distance of 0 and a fraction of 1, so the scale of the values does not matter.
        """
        compared = LogMatch.of(under(few, plan), rows=glance)
        apart = sum(
            float(np.median(np.abs(pair.column.values[glance[glance < pair.column.t.size]] - planned)))
            for pair, _, _, planned in compared.columns
        )
        return apart - compared.exact / compared.values

    repeat_lengths = []  # the typical number of updates for which values stay constant
    for pair in some:
        changes = np.flatnonzero(pair.column.values[1:] != pair.column.values[:-1])
        if changes.size > 1 and (usual := int(np.median(np.diff(pair.column.t[changes])))) > 1:
            repeat_lengths.append(usual)
    found = search(causes_to_try(facts, rows, processes, tuple(dict.fromkeys(repeat_lengths))))
    return found + search(epoch_causes(facts, rows, misfit))


def _without_impossible(
    causes: Iterable[Cause], pairs: Sequence[PlannedColumn], rows_of: Callable[[Cause], Times]
) -> Iterator[Cause]:
    """Yield the causes without those of another clock that no base lets explain a sample of the log.

    Hundreds of causes differ only in their clock. They are evaluated together, because that takes less time.
    """
    causes = list(causes)
    sampled: dict[int, list[tuple[int, Times]]] = {}
    for place, cause in enumerate(causes):
        if cause.plan is None:
            inside = rows_of(cause)
            rows = inside[_spread_rows(inside.size, _FIRST_SAMPLE)]
            sampled.setdefault(rows.size, []).append((place, rows))
    impossible: set[int] = set()
    groups = sum(len(pair.groups) for pair in pairs)
    for size, some in sampled.items():
        clocks, rows = [causes[place].clock for place, _ in some], np.array([rows for _, rows in some])
        most = sum(len(pair.groups) * most_that_match(pair, rows, clocks) for pair in pairs)
        impossible.update(some[one][0] for one in np.flatnonzero(most < _GLANCE * size * groups))
    yield from (cause for place, cause in enumerate(causes) if place not in impossible)


_MAX_COMPARED_STEPS = 8


def _steps(t: Times, values: Floats) -> list[int]:
    """Return the first updates at which the values change.

    Returns an empty list if the values change at a quarter of the updates or more, as on a smooth curve.
    """
    changes = np.flatnonzero(np.diff(values)) + 1
    return t[changes[:_MAX_COMPARED_STEPS]].tolist() if 4 * changes.size < t.size else []


def _rows_inside(pairs: Sequence[PlannedColumn], cause: Cause, resolved: Plan) -> Times:
    """Return the indices of the rows up to the end of the plan, or of all rows if there are too few up to that end.

    Later rows are ignored because schedulers differ in how they continue after the end.
    """
    longest = max(pairs, key=lambda pair: pair.column.t.size)
    end = _end_of_plan(longest, resolved if cause.plan is None else cause.plan)
    inside = np.flatnonzero(cause.clock(longest.column.t) <= end)
    return inside if inside.size >= _MIN_ROWS_AFTER_END else np.arange(longest.column.t.size)


def _end_of_plan(pair: PlannedColumn, resolved: Plan) -> float:
    """Return the end of a plan in updates; infinity if it has no horizon or the schedule counts an amount."""
    horizon = resolved.horizon
    return inf if horizon is None or not horizon.is_resolved or pair.amounts is not None else horizon.updates


def _spread(pairs: Sequence[PlannedColumn], most: int) -> list[PlannedColumn]:
    """Return at most `most` of the columns whose values change, or of all columns if none changes, evenly spaced."""
    moving = [pair for pair in pairs if np.ptp(pair.column.values) > 0] or list(pairs)
    return [moving[place] for place in _spread_rows(len(moving), most)]


def _spread_rows(size: int, most: int) -> Times:
    return np.linspace(0, size - 1, min(size, most)).astype(np.int64)


def _fits(match: LogMatch, share: float) -> bool:
    return match.exact >= share * match.values


def _as_found(
    cause: Cause, pairs: Sequence[PlannedColumn], match: LogMatch, inside: Times | None = None
) -> list[_Found]:
    """Return a list with the cause if it explains enough of the log; else an empty list.

    A cause may also explain only the rows `inside`, those up to the end of the plan.
    """
    under, text = LogMatch.of(pairs, cause.clock), cause.text
    if not _fits(under, _MIN_EXPLAINED):
        longest = max(pair.column.t.size for pair in pairs)
        if inside is None or inside.size == longest:
            return []
        before_end = LogMatch.of(pairs, cause.clock, inside)
        shown = (_shows_the_plan(pair, planned) for pair, _, _, planned in before_end.columns)
        if not _fits(before_end, _MIN_EXPLAINED) or not any(shown):
            return []
        under = LogMatch.of([replace(pair, base=base) for pair, base, _, _ in before_end.columns], cause.clock)
        text += "; after the end of the plan the log has other values"
    return [_Found(Explanation(cause.name, text, under.exact), under.misfit)] if under.exact > match.exact else []


def _shows_the_plan(pair: PlannedColumn, planned: Floats) -> bool:
    """Return whether the planned values vary enough, with the precision of the log, to identify the plan."""
    if len(_steps(pair.column.t[: planned.size], planned)) >= _MIN_STEPS:
        return True
    step = max(1e-7, 10.0 ** (2 - pair.column.digits)) * np.abs(planned).max(initial=0.0)
    return np.unique(np.floor(planned / step)).size >= _MIN_DISTINCT_VALUES


def _jumping_clocks(resolved: Plan, match: LogMatch) -> list[_Found]:
    """Return the explanations in which the clock of the schedule jumps: restarts and skipped updates."""
    fixed = []
    for pair in _spread(match.pairs, 16):
        base, column = pair.base, pair.column
        if base is None:
            base = fitted_base(pair)
            # A base that was fitted to a part of a rounded log is not exact; the clock that is found gets its own base.
            column = replace(column, tolerance=max(column.tolerance, 10.0**-column.digits))
            # If the first values do not match, the base is fitted to them alone.
            few = slice(0, max(_MIN_ROWS_AFTER_END, pair.column.t.size // 50))
            if not LogMatch.of([replace(pair, base=base)]).columns[0].equal[few].all():
                base = fitted_base(pair, few)
        fixed.append(replace(pair, base=base, column=column))
    t = fixed[0].column.t
    # All fields share a clock, so their update numbers must be equal and sorted.
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
        found += explained_by("restarted from zero", f"the plan starts again at update {at}", starts)
    for sign, text in (
        (1, "the schedule moved while an update was skipped"),
        (-1, "the log counts updates that were skipped, and the schedule does not"),
    ):
        # A schedule that does not move stays where it is; it does not go back.
        most = np.minimum(np.diff(t, prepend=0), _MOST_SKIPPED) if sign < 0 else np.full(t.size, _MOST_SKIPPED)

        def offsets(row: int, offset: int, sign: int = sign, most: Times = most) -> Iterable[int]:
            return range(offset + sign, offset + sign * (int(most[row]) + 1), sign)

        jumps = _clock_jumps(fixed, t, end, offsets)
        # A shift from the first update on is not a skipped update.
        if jumps is not None and 1 < len(jumps) <= 2 + t.size // 8 and (jumps[1][0] > 0 or t[0] > 0):
            at = ", ".join(f"{t[row]:,}" for row, _ in jumps[1:4]) + (", …" if len(jumps) > 4 else "")
            shifted = f"{text}: the shift is {abs(jumps[-1][1])} in the end, and it grows at update {at}"
            found += explained_by("skipped steps", shifted, jumps)
    return found


def _clock_jumps(
    pairs: list[PlannedColumn], t: Times, end: float, offsets: Callable[[int, int], Iterable[int]]
) -> list[tuple[int, int]] | None:
    """Return pairs (row, offset) so that all values are as planned if the clock is shifted by `offset` from `row` on.

    Returns None if no such offsets are found.

    Args:
        pairs: the columns, which all have the same updates.
        t: the updates of the columns.
        end: the end of the plan; later values are not compared, because schedulers differ in how they continue.
        offsets: a function of the first row that does not match and the offset there; it returns the offsets to try.
    """
    singles = [pair.column.are_singles() for pair in pairs]

    def reach(offset: int, row: int) -> int:
        """Return the first row, from `row` on, whose values are not those planned for its update plus `offset`."""
        size = _FIRST_ROWS
        while row < t.size:  # in parts, because most offsets fit a few rows
            part = slice(row, row + size)
            times = np.maximum(t[part] + offset, 0)
            equal = np.logical_and.reduce(
                [
                    pair.column.equals(pair.planned_at(times, pair.base or 0.0), part, are_singles=single)
                    for pair, single in zip(pairs, singles, strict=True)
                ]
            )
            if (wrong := np.flatnonzero((times <= end) & ~equal)).size:
                return row + int(wrong[0])
            row, size = row + size, 4 * size
        return t.size

    path, offset = [(0, 0)], 0
    row = reach(offset, 0)
    while row < t.size:
        # Choose the offset with which the most consecutive values from `row` on are as planned. One that leads past the
        # end of the plan has no value that shows it.
        reached = {one: reach(one, row) for one in offsets(row, offset) if t[row] + one <= end}
        if max(reached.values(), default=row) == row or len(path) > _MAX_JUMPS:
            return None
        offset = max(reached, key=lambda one: reached[one])
        path.append((row, offset))
        row = reached[offset]
    return path


def _another_base(match: LogMatch, processes: int | None) -> list[_Found]:
    """Return the explanation that the run used other bases than specified, or an empty list if that does not fit.

    Bases that were not specified are already fitted to the log. Values that do not depend on the base are scaled.
    """
    found, explained, misfits = {}, 0, [0.0]
    scales = which_depend_on_base(match.pairs)
    for pair, base, equal, _ in match.columns:
        flags = equal
        if not equal.all() and (pair.base is not None or not scales[id(pair.schedule)]):
            other, ratio, flags, misfit = _other_scale(pair, base)
            misfits.append(misfit)
            if ratio != 1:
                place = _place(pair.column.field, pair.group)
                text = f"the base of {place} is {other!r}, " + (
                    f"{ratio:.6g} times the planned base" if base else "and the planned base is 0"
                )
                if not scales[id(pair.schedule)]:
                    text = f"the values of {place} are {ratio:.6g} times the planned ones"
                if processes is not None and ratio == processes:
                    text += f", as if scaled by {processes} processes"
                found[place] = text
        explained += int(flags.sum()) * len(pair.groups)
    # Reported only if it explains more values than the specified bases do.
    if explained < _MIN_EXPLAINED * match.values or explained <= match.exact or not found:
        return []
    text = f"the schedule is as planned, but {', '.join(found.values())}"
    return [_Found(Explanation("another base", text, explained), max(misfits))]


def _place(field: str, group: str | int | None) -> str:
    """Return the name of a field in a group, or of a target, for messages."""
    return field if group is None else f"{field} of group {group!r}"


def _other_scale(pair: PlannedColumn, base: float) -> tuple[float, float, Flags, float]:
    """Return the base fitted to the log, its ratio to the specified base, flags of explained values, and the distance.

    If the values do not depend on the base, the base and the ratio are the factor from planned to logged values.
    """
    column = pair.column
    if pair.depends_on_base():
        other = fitted_base(pair)
        compared = LogMatch.of([replace(pair, base=other)])
        return other, other / base if base else np.inf, compared.columns[0].equal, compared.misfit
    planned = pair.planned_at(column.t, base)
    factor = fitted_factor(pair, planned, np.arange(column.t.size))
    return factor, factor, column.equals(planned * factor), 0.0


def _external_writes(match: LogMatch) -> tuple[Explanation, ...]:
    """Return an external write as the explanation if few values differ, or if values differ from some update on.

    Otherwise the tuple is empty.
    """
    name = "written by something else"
    first = match.first_difference()
    assert first is not None
    few = match.values - match.exact
    differing = [pair.column.t[~equal] for pair, _, equal, _ in match.columns]
    last = max(int(t.max()) for t in differing if t.size)
    end = max(int(pair.column.t.max()) for pair in match.pairs)
    factor = _factor_from(match, first.t)
    explained = match.exact
    if match.exact >= _MIN_EXPLAINED * match.values:
        text = f"all values except {few} are as planned: other code wrote the rest, or the rest was rounded"
    elif _followed_until(match, first.t, sure=factor is not None):
        until = "on" if last == end else f"to update {last:,}"
        text = f"other code wrote the values from update {first.t:,} {until}"
        if factor is not None:
            text += f": {factor} times the planned values"
            explained = match.values
    else:
        return ()
    return (Explanation(name, text, explained),)


def _factor_from(match: LogMatch, k: int) -> str | None:
    """Return the factor from planned to logged values from update k on, or None if it is not the same for all."""
    factors = set()
    for pair, _, equal, planned in match.columns:
        if equal.all():
            continue
        rows = np.flatnonzero(pair.column.t >= k)
        if np.count_nonzero(planned[rows]) < 3:
            return None
        factor = fitted_factor(pair, planned, rows)
        if not pair.column.equals(planned[rows] * factor, rows).all():
            return None
        factors.add(f"{factor:.6g}")
    return factors.pop() if len(factors) == 1 else None


def _followed_until(match: LogMatch, k: int, *, sure: bool) -> bool:
    """Return whether the values before update k identify the plan, not only a stage that many plans share.

    Args:
        match: the comparison.
        k: the first update whose logged value differs from the plan.
        sure: True if the values from update k on are explained, so that k may be a boundary of the plan.
    """
    for pair, _, equal, planned in match.columns:
        rows = np.flatnonzero(pair.column.t < k)
        if equal.all() or not _shows_the_plan(pair, planned[rows]):
            continue
        # If the base is fitted to the log, every ramp from 0 matches.
        if pair.base is None and _is_ramp_from_zero(pair.column.t[rows], planned[rows]):
            continue
        if sure:
            return True
        # If a stage starts in [begin, end], the run may follow another plan from there.
        begin, end = int(pair.column.t[rows[-1]]), k
        if pair.amounts is not None:
            begin, end = pair.amounts(np.array([begin, end])).tolist()
        points = pair.schedule.breakpoints(until=ceil(end) + 1)
        if not any(begin <= point <= end for point in points):
            return True
    return False


_NEAR = 1e-3  # updates


def _is_ramp_from_zero(t: Times, values: Floats) -> bool:
    """Return whether the values are on a straight line that is 0 at a time between -1 and 0."""
    slope, offset = np.polyfit(t, values, 1)
    allowed = 1e-6 * np.abs(values).max()
    straight = np.abs(values - (offset + slope * t)).max() <= allowed
    return bool(straight and slope and -1 - _NEAR <= -offset / slope <= _NEAR)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """The result of an audit.

    Args:
        values: the number of compared values.
        exact: the number of values as planned, up to the tolerance of the log.
        rounded: the number of values, among `exact`, that differ from the planned value by rounding.
        first: the earliest logged value that differs from the plan; None if all are as planned.
        causes: the causes that explain the log equally well, the simplest first.
        bases: a dict from `lr of group 0`, for example, to a base that was not specified and was fitted to the log.
        notes: remarks about the log.
    """

    values: int
    exact: int
    rounded: int
    first: DifferingValue | None
    causes: tuple[Explanation, ...]
    bases: Mapping[str, float]
    notes: tuple[str, ...]

    __repr__ = text_on_screen

    def __str__(self) -> str:
        how = "as planned, up to rounding" if self.rounded else "values are as planned"
        lines = [f"{self.exact:,} of {self.values:,} {how}"]
        lines += [f"base of {place}: {base!r}, fitted to the log" for place, base in self.bases.items()]
        lines += [f"note: {note}" for note in self.notes]
        if self.first is not None:
            one, consumed = self.first, ""
            if one.amount is not None:
                amount = f"{one.amount:,.6g}" if one.clock == "seconds" else f"{int(one.amount):,}"
                consumed = f" ({amount} {one.clock})"
                if one.clock == PROGRESS:
                    consumed = f" ({amount_text(PROGRESS, one.amount)})"
            lines.append(
                f"first difference: {_place(one.field, one.group)} at update {one.t:,}{consumed}: "
                f"{one.logged!r} logged, {one.planned!r} planned"
            )
        for number, found in enumerate(self.causes):
            lead = "likely cause" if number == 0 else "equally likely cause"
            lines.append(f"{lead}: {found.name}: {found.text} (explains {found.explains:,} of {self.values:,} values)")
        if self.first is not None and not self.causes:
            lines.append("none of the known causes explains the difference")
        return "\n".join(lines)


def _in_updates(logged: LoggedValues, plan: Plan, facts: Calendar) -> tuple[LoggedValues, Calendar]:
    """Return a log that counts epochs with the first update of each epoch instead, and the run facts.

    A plan in epochs needs no length of an epoch: one update per epoch is enough.

    Raises:
        MissingFact: the length of an epoch is unknown, and the plan is not in epochs.
    """
    epoch = facts.updates_per_epoch
    if epoch is None:
        if plan.horizon is None or [unit for unit, _ in Duration.of(plan.horizon).terms] != ["epochs"]:
            found = "the log counts epochs, and the plan does not"
            raise MissingFact(f"audit of {logged.source}", found, fact="steps_per_epoch", example="500")
        epoch, facts = 1, replace(facts, steps_per_epoch=1)
    columns = tuple(replace(one, t=one.t * epoch) for one in logged.columns)
    return replace(logged, columns=columns, unit="updates"), facts


def _not_compared(logged: LoggedValues, plan: Plan, pairs: Sequence[PlannedColumn]) -> list[str]:
    """Return the fields and targets of the plan that the log lacks, and the columns that the plan does not schedule."""
    planned, compared = {pair.name for pair in pairs}, {pair.column.field for pair in pairs}
    missing = sorted({one.name for one in plan.bindings} - planned)
    read = set() if logged.of_state else {column.field for column in logged.columns}
    unplanned = sorted(read - compared - set(missing))
    return [f"{one} (not in the log)" for one in missing] + [f"{one} (not in the plan)" for one in unplanned]


def _refuse_only_zeros(logged: LoggedValues, match: LogMatch, taken: Mapping[str, float]) -> None:
    """Raise if the bases of all learning rates were fitted to zeros: either they or the schedule was 0.

    A single group may have a rate of 0, and a weight decay of 0 is usual.
    """
    rates = [pair for pair in match.pairs if pair.column.field == "lr"]
    zeros = [_place("lr", pair.groups[0]) in taken and not pair.column.values.any() for pair in rates]
    if rates and all(zeros) and any(pair.planned_at(pair.column.t, 1.0).any() for pair in rates):
        found = "each lr is 0, and the plan has other values for any base but 0"
        raise InvalidArgument(f"audit of {logged.source}", found, example="lr=0.1")


@np.errstate(over="ignore", invalid="ignore")  # a log may contain infinities and numbers too large for a float32
def compare_with_plan(
    logged: LoggedValues,
    plan: PlanLike,
    calendar: Calendar | None = None,
    *,
    bases: BasesByPlace | None = None,
    names: Sequence[str] = (),
    processes: int | None = None,
) -> Report:
    """Compare a log with a plan and search for the cause of a difference.

    Args:
        logged: the values that a run used, from `read_log`.
        plan: the plan of the run.
        calendar: the facts of the run. Default: none.
        bases: a dict from (field, group) to the base, where group None means all groups. A missing base is fitted to
            the log.
        names: the names of the groups in order, for plans that select groups by name. Default: those of the log.
        processes: the number of processes, to distinguish causes. Default: unknown.

    Raises:
        UnreadableLog: the log and the plan have no field in common.
        MissingFact: a unit of the plan needs a missing run fact.
        InvalidArgument: each learning rate in the log is 0, and their bases are missing: the plan has such rates for
            bases of 0 only.
    """
    plan, facts = plan_of(plan, "compare_with_plan"), calendar or Calendar()
    if logged.unit == "epochs":
        logged, facts = _in_updates(logged, plan, facts)
    run_facts = RunFacts(plan, facts)
    resolved = run_facts.resolved
    run = amounts_of_run(resolved, facts)
    pairs = pair_columns(logged, run_facts.counted, run, bases or {}, names)
    match = LogMatch.of(pairs)
    first = match.first_difference()
    scales = which_depend_on_base(pairs)
    taken = {
        _place(pair.column.field, group): base
        for pair, base, _, _ in match.columns
        if pair.base is None and scales[id(pair.schedule)] and pair.shows_base(base)
        for group in pair.groups
    }
    _refuse_only_zeros(logged, match, taken)
    apart = _not_compared(logged, plan, pairs)
    notes = (*logged.notes, *([f"not compared: {', '.join(apart)}"] if apart else []))
    causes = explanations(run_facts, match, processes) if first is not None else ()
    return Report(match.values, match.exact, match.rounded, first, causes, taken, notes)
