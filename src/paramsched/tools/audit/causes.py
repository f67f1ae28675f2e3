"""The causes of a difference between a log and its plan: a closed list, each of which explains every value."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.core.plan import Plan
from paramsched.core.plan.binding import UPDATES
from paramsched.core.plan.resolve import counted_plan
from paramsched.core.time import RunFacts
from paramsched.errors import InvalidArgument
from paramsched.tools.audit.bases import base_of_all, base_of_first, factor_of_all, which_can_be_planned
from paramsched.tools.audit.match import PlannedColumn, spread_rows
from paramsched.tools.records.log_values import Reading, Times

Clock: TypeAlias = Callable[[Times], Times]

_MAX_TIME = 2**60  # larger times may not fit into a 64-bit integer
_MOST_FACTOR = 1024  # times per update
_MOST_TRIED = 2**16  # numbers of updates that are tried
_GLANCE, _SAMPLE = 24, 400  # rows on which a cause is tried first
_EDGES = 8
_MOST_CHECKED = 5_000_000  # values that are compared for the numbers of one cause
_MOST_NAMED = 5
_EXACT = (Reading(17),)


@final
@dataclass(frozen=True)
class PlannedRun:
    """A plan with its run facts."""

    plan: Plan
    facts: RunFacts

    @cached_property
    def resolved(self) -> Plan:
        return self.plan.resolve(facts=self.facts)

    @cached_property
    def counted(self) -> Plan:
        """The resolved plan with all lengths as plain numbers in the unit of its clock."""
        return counted_plan(self.resolved)

    @cached_property
    def total(self) -> int | None:
        """The length of the run in updates; None if it is unknown or the plan counts something else."""
        length = self.resolved.total
        return None if length is None or not length.is_resolved or self.plan.clock != UPDATES else length.updates

    def for_total(self, total: int) -> Plan | None:
        """Return the plan of a run of another length, as `counted`; None if there is none."""
        try:
            other = Plan(*self.plan.as_written(), total=total).resolve(facts=replace(self.facts, total=total))
        except InvalidArgument:
            return None
        return counted_plan(other)


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that explains every compared value.

    Args:
        name: the name of the cause, with the fitted numbers.
        text: what the values are.
        fitted: how many numbers were fitted to the log.
        bases: the base of each column under the cause; None if the cause shows none.
    """

    name: str
    text: str
    fitted: int
    bases: tuple[float, ...] | None


def bases_if_explained(pairs: Sequence[PlannedColumn], clock: Clock | None = None) -> tuple[float, ...] | None:
    """Return the base of each column with which all values are as planned; None if some value is not.

    Args:
        pairs: the columns and their schedules.
        clock: converts update numbers to times of the plan. Default: they are the same.
    """
    for size in (_GLANCE, _SAMPLE, None):
        bases = []
        for pair in pairs:
            part = pair if size is None else _part(pair, size)
            times = part.column.t if clock is None else clock(part.column.t)
            base = _base_if_equal(part, times)
            if base is None:
                return None
            bases.append(base)
    return tuple(bases)


def causes_of(pairs: Sequence[PlannedColumn], planned: PlannedRun, processes: int | None) -> tuple[Cause, ...]:
    """Return the causes that explain every value with the fewest fitted numbers; none if there is none.

    Args:
        pairs: the columns and their schedules.
        planned: the plan and the facts of the run.
        processes: the number of processes; None if unknown.
    """
    moving = [pair for pair in pairs if _moves(pair)]
    if not moving:
        return tuple(_factors(pairs))
    if (still := _never_moved(pairs, moving)) is not None:
        return (still,)
    if all(one.of != "column" for pair in moving for one in pair.column.readings or _EXACT):
        return ()  # one number shows no clock
    if found := list(_clocks_without_a_number(pairs, planned)):
        return tuple(found)
    # A cause with as many fitted numbers as the log has values would explain any log.
    shown = 1 + max(np.count_nonzero(np.diff(pair.column.values)) for pair in moving)
    shown -= any(pair.base is None for pair in pairs)
    if shown <= 1:
        return ()
    search = _Search(pairs, moving, planned, processes)
    if found := [*search.clocks(), *search.totals(), *_factors(pairs)]:
        return _with_fewest(found)
    found = [one for one in search.jumps() if one.fitted < shown]
    return _with_fewest(found)


def _with_fewest(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    fewest = min((one.fitted for one in causes), default=0)
    return tuple(one for one in causes if one.fitted == fewest)[:_MOST_NAMED]


def _base_if_equal(pair: PlannedColumn, times: Times) -> float | None:
    if pair.base is None:
        return base_of_all(pair, times)
    return pair.base if pair.column.equals(pair.planned_at(times, pair.base)).all() else None


def _part(pair: PlannedColumn, size: int) -> PlannedColumn:
    """Return a column with a few of its rows."""
    if pair.column.t.size <= size:
        return pair
    rows = spread_rows(pair.column.t.size, size)
    return replace(pair, column=replace(pair.column, t=pair.column.t[rows], values=pair.column.values[rows]))


def _moves(pair: PlannedColumn) -> bool:
    """Return whether the planned values at the logged updates, or at 0, are not all equal."""
    planned = pair.planned_at(np.append(pair.column.t, 0), 1.0 if pair.base is None else pair.base)
    return bool(np.ptp(planned) > 0)


def _never_moved(pairs: Sequence[PlannedColumn], moving: Sequence[PlannedColumn]) -> Cause | None:
    """Return the cause that each value of the fields that should move is the same."""
    for pair in moving:
        values, base = pair.column.values, 1.0 if pair.base is None else pair.base
        is_of_start = bool(pair.column.equals(pair.planned_at(pair.column.t * 0, base)).all())
        if np.ptp(values) != 0 or not (is_of_start or np.ptp(pair.planned_at(pair.column.t, base)) > 0):
            return None
    if all(map(_may_have_moved, moving)):
        return None
    others = [pair for pair in pairs if not any(pair is one for one in moving)]
    if bases_if_explained(others) is None:
        return None
    value = float(moving[0].column.values[0])
    text = f"each value is {value!r}" if len(moving) == 1 else "each column has one value"
    is_shown = all(pair.base is not None or pair.depends_on_base(pair.column.t[:1] * 0) for pair in moving)
    return Cause("never moved", text, 0, bases_if_explained(pairs, lambda t: t * 0) if is_shown else None)


def _may_have_moved(pair: PlannedColumn) -> bool:
    """Return whether a column of one number of one digit, such as 0.0003, may be the planned values in its decimals."""
    column = pair.column
    if not any(one.of == "digit" for one in column.readings):
        return False
    base = base_of_first(pair, column.t) if pair.base is None else pair.base
    near = np.abs(column.values - pair.planned_at(column.t, base)) <= Reading(1).half_unit(np.abs(column.values))
    return bool(near.all())


def _clocks_without_a_number(pairs: Sequence[PlannedColumn], planned: PlannedRun) -> Iterator[Cause]:
    tried: list[tuple[str, str, Clock]] = [
        ("one update late", "each value is the one planned for the update before", lambda t: np.maximum(t - 1, 0)),
        ("one update early", "each value is the one planned for the next update", lambda t: t + 1),
    ]
    if (epoch := planned.facts.updates_per_epoch) is not None and epoch > 1:
        text = f"the values are planned for updates 0, 1, 2, …, each for an epoch of {epoch} updates"
        tried.append(("once per epoch", text, lambda t: t // epoch))
        text = f"each value is the one planned for the first of the {epoch} updates of its epoch"
        tried.append(("once per epoch", text, lambda t: t // epoch * epoch))
    for name, text, clock in tried:
        if (bases := bases_if_explained(pairs, clock)) is not None:
            yield Cause(name, text, 0, bases)


def _factors(pairs: Sequence[PlannedColumn]) -> Iterator[Cause]:
    """Yield the cause that values are multiples of the planned ones, or those of another base than the known one."""
    if max(pair.column.t.size for pair in pairs) == 1:  # any value is a multiple of another
        return
    bases, texts = [], dict[str, str]()
    for pair in pairs:
        t, place = pair.column.t, place_of(pair.column.field, pair.group)
        if (base := _base_if_equal(pair, t)) is not None:
            bases.append(base)
            continue
        if pair.base is not None and pair.depends_on_base():
            other = base_of_all(replace(pair, base=None), t)
            if other is None:
                return
            bases.append(other)
            ratio = f"{other / pair.base:.6g}" if pair.base else "inf"
            texts.setdefault(ratio, f"the base of {place} is {other!r}, not {pair.base!r}")
            continue
        factor = None
        if pair.base is not None or not pair.depends_on_base():
            factor = factor_of_all(pair.column, pair.planned_at(t, 1.0 if pair.base is None else pair.base))
        if factor is None:
            return
        bases.append(1.0 if pair.base is None else pair.base)
        texts.setdefault(f"{factor:.6g}", f"the values of {place} are {factor:.6g} times the planned ones")
    if texts:
        is_base = all(one.startswith("the base") for one in texts.values())
        name = "another base" if is_base else "a factor of all values"
        yield Cause(name, f"{', '.join(texts.values())}; factor {', '.join(texts)}", len(texts), tuple(bases))


def place_of(field: str, group: str | int | None) -> str:
    """Return the name of a field in a group, or of a target, for messages."""
    return field if group is None else f"{field} of group {group!r}"


def _numbers_text(numbers: Sequence[int]) -> str:
    """Return numbers as text: a range, if they follow each other.

    >>> _numbers_text([3]), _numbers_text([3, 4, 5]), _numbers_text([3, 5])
    ('3', '3 to 5', '3 or 5')
    """
    if len(numbers) == 1:
        return f"{numbers[0]:,}"
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]:,} to {numbers[-1]:,}"
    if len(numbers) > _MOST_NAMED:
        return (
            ", ".join(f"{one:,}" for one in numbers[:_MOST_NAMED]) + f" or one of {len(numbers) - _MOST_NAMED:,} more"
        )
    return ", ".join(f"{one:,}" for one in numbers[:-1]) + f" or {numbers[-1]:,}"


@final
class _Search:
    """The search for causes with a number that is fitted to the log."""

    def __init__(
        self,
        pairs: Sequence[PlannedColumn],
        moving: Sequence[PlannedColumn],
        planned: PlannedRun,
        processes: int | None,
    ) -> None:
        self._pairs, self._planned, self._processes = pairs, planned, processes
        self._shown = max(moving, key=lambda pair: np.count_nonzero(np.diff(pair.column.values)))
        t, values = self._shown.column.t, self._shown.column.values
        self._last = max(int(pair.column.t.max()) for pair in pairs)
        self._first_moved = int(t[t > 0].min(initial=_MAX_TIME))
        edges = np.flatnonzero(np.diff(values))[:_EDGES]
        self._rows = np.unique([*spread_rows(t.size, _GLANCE), *edges, *(edges + 1)]).astype(np.int64)

    def clocks(self) -> Iterator[Cause]:
        """Yield the causes in which the schedule moved faster or slower, or restarted."""
        last = self._last
        factors = np.arange(2, min(_MOST_FACTOR, _MAX_TIME // (last + 1)) + 1)
        slow = np.arange(2, min(last, _MOST_TRIED) + 1)
        # A restart needs a row that shows that the schedule had moved before it.
        restarts = self._restarts()
        restarts = restarts[restarts > self._first_moved]
        skipped = np.arange(1, min(self._first_moved, _MOST_SKIPPED_AT_START) + 1)
        moved = f"{self._first_moved:,}"
        for name, text, numbers, clock in (
            ("{n} times per update", "the schedule moved {n} times per update", factors, lambda t, n: t * n),
            (
                "{n} times per update",
                "the schedule moved {n} times per update, and each value is that after the last of them",
                factors,
                lambda t, n: t * n + n - 1,
            ),
            ("once every {n} updates", "the schedule moved once every {n} updates", slow, lambda t, n: t // n),
            (
                "once every {n} updates",
                "each value is the one planned for the first of {n} updates",
                slow,
                lambda t, n: t // n * n,
            ),
            (
                "restarted from 0 at update {n}",
                "from update {n} on the values are those planned from update 0 on",
                restarts,
                lambda t, n: np.where(t < n, t, t - n),
            ),
            (
                f"{{n}} updates skipped before update {moved}",
                f"from update {moved} on, each value is the one planned {{n}} updates earlier",
                skipped,
                lambda t, n: np.maximum(t - n, 0),
            ),
        ):
            found, bases = self._explaining(numbers, clock)
            if found and bases is not None:
                n = _numbers_text(found)
                fixed = _with_bases(self._pairs, bases)
                clocks = (partial(clock, n=found[place]) for place in spread_rows(len(found), _GLANCE))
                of_one = all(bases_if_explained(fixed, one) for one in clocks)
                more = self._meaning(found) + ("" if of_one else _OWN_BASES.format(n=found[0]))
                yield Cause(name.format(n=n), text.format(n=n) + more, 1, bases)

    def totals(self) -> Iterator[Cause]:
        """Yield the cause that the run has another total."""
        if (total := self._planned.total) is None:
            return
        found = self._best_totals(total)
        for other in found:
            if (bases := self._with_total(other)) is not None:
                low, high = (self._furthest(other, sign) for sign in (-1, 1))
                text = f"{low:,}" if low == high else f"at least {low:,}" if high >= _NO_END else f"{low:,} to {high:,}"
                fixed = _with_bases(self._pairs, bases)
                of_one = all(self._with_total(one, pairs=fixed) for one in (low, high))
                text = f"the values are those of a total of {text} updates, not {total:,}"
                text += "" if of_one else _OWN_BASES.format(n=other)
                yield Cause("another total", text, 1, bases)
                return

    def jumps(self) -> Iterator[Cause]:
        """Yield the causes in which the clock of the schedule jumps several times."""
        fixed = [
            pair if pair.base is not None else replace(pair, base=base_of_first(pair, pair.column.t))
            for pair in self._pairs
        ]
        t = fixed[0].column.t
        if any(not np.array_equal(pair.column.t, t) for pair in fixed) or np.any(np.diff(t) < 0):
            return
        begins = np.append(0, t[:-1])
        gaps = np.minimum(t - begins, np.where(begins > 0, _MOST_SKIPPED, _MOST_SKIPPED_AT_START))

        def restarts(row: int, _: int) -> Iterable[int]:
            begin = int(begins[row]) + 1
            return range(-int(t[row]), -max(begin, int(t[row]) - _MOST_BETWEEN) + 1) if begin > 1 else ()

        def ahead(_: int, offset: int) -> Iterable[int]:
            return range(offset + 1, offset + _MOST_SKIPPED + 1)

        def behind(row: int, offset: int) -> Iterable[int]:  # a schedule that does not move stays; it does not go back
            return range(offset - 1, offset - int(gaps[row]) - 1, -1)

        for name, text, offsets in (
            ("restarted from 0 {n} times", "the values are those planned from update 0 on, again from", restarts),
            ("updates skipped at {n} places", "the schedule moved while updates were skipped, before", ahead),
            ("updates skipped at {n} places", "the log counts updates that the schedule does not, before", behind),
        ):
            path = _path(fixed, t, offsets)
            if path is None or not 0 < len(path) <= 1 + t.size // _ROWS_OF_A_JUMP:
                continue
            clock = _clock_of(path, t)
            bases = bases_if_explained(self._pairs, clock)
            if bases is None or (offsets is not restarts and not _shows_single_updates(fixed, clock)):
                continue
            named = [-offset if offsets is restarts else int(t[row]) for row, offset in path[:_MOST_NAMED]]
            at = ", ".join(f"{one:,}" for one in named)
            more = ", …" if len(path) > _MOST_NAMED else ""
            name = "updates skipped at 1 place" if len(path) == 1 and offsets is not restarts else name
            yield Cause(name.format(n=len(path)), f"{text} update {at}{more}", len(path), bases)

    def _meaning(self, numbers: Sequence[int]) -> str:
        """Return a clause that names the fact of the run that is the only number."""
        facts = self._planned.facts
        known = {
            "the processes": self._processes,
            "the batches of an update": facts.accumulation,
            "the updates of an epoch": facts.updates_per_epoch,
        }
        names = [name for name, value in known.items() if [value] == list(numbers)]
        return f", as many as {' or '.join(names)}" if names else ""

    def _restarts(self) -> Times:
        """Return the updates at which the schedule may have restarted, sorted."""
        if self._last <= _MOST_TRIED:
            return np.arange(1, self._last + 1)
        t = self._shown.column.t
        if np.any(np.diff(t) <= 0):
            t = np.unique(t)
        ends = np.flatnonzero(np.diff(t))[:: max(t.size * 2 // _MOST_TRIED, 1)]
        return np.unique(np.concatenate([t[ends] + 1, t[ends + 1]]))

    def _explaining(
        self, numbers: Times, clock: Callable[[Any, Any], Any]
    ) -> tuple[list[int], tuple[float, ...] | None]:
        """Return the numbers with which a clock explains every value, and the bases with the first of them."""
        shown = self._shown
        for rows in (
            self._rows[:: self._rows.size // _EDGES or 1],
            self._rows,
            spread_rows(shown.column.t.size, _SAMPLE),
        ):
            kept = [np.zeros(0, dtype=np.int64)]
            for part in np.array_split(numbers, max(numbers.size * rows.size // _MOST_CHECKED, 1)):
                if part.size:
                    times = clock(shown.column.t[rows], part[:, np.newaxis])
                    kept.append(part[which_can_be_planned(shown, rows, times)])
            numbers = np.concatenate(kept)
        size = sum(pair.column.t.size for pair in self._pairs)
        most = max(_MOST_CHECKED // size, 2)
        checked = numbers[spread_rows(numbers.size, most)]
        explained = {n: bases_if_explained(self._pairs, lambda t, n=n: clock(t, n)) for n in checked.tolist()}  # type: ignore[misc]  # n is bound now
        found = [n for n, bases in explained.items() if bases is not None]
        if len(found) == len(explained):  # and so those between them
            found = numbers.tolist()
        return found, explained[found[0]] if found else None

    def _with_total(
        self, total: int, size: int | None = None, pairs: Sequence[PlannedColumn] | None = None
    ) -> tuple[float, ...] | None:
        pairs = self._pairs_of(total, pairs or self._pairs)
        if pairs is None:
            return None
        return bases_if_explained(pairs if size is None else [_part(pair, size) for pair in pairs])

    def _pairs_of(self, total: int, pairs: Sequence[PlannedColumn]) -> list[PlannedColumn] | None:
        """Return columns with the schedules of a run of another length; None if there is no such plan."""
        plan = self._planned.for_total(total) if total > 0 else None
        if plan is None:
            return None
        places = {id(one.schedule): place for place, one in enumerate(self._planned.counted.bindings)}
        return [replace(pair, schedule=plan.bindings[places[id(pair.schedule)]].schedule) for pair in pairs]

    def _best_totals(self, total: int) -> list[int]:
        """Return lengths of a run whose plans may explain the log, the nearest first."""
        near: dict[int, float] = {}
        can_be_planned: set[int] = set()
        place = next(place for place, pair in enumerate(self._pairs) if pair is self._shown)
        values = self._shown.column.values[self._rows]
        scale = float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0

        def measure(length: int) -> float:
            """Return how far the planned values are from the logged ones; the base is fitted if it is unknown."""
            if length not in near:
                near[length] = np.inf
                if (pairs := self._pairs_of(length, self._pairs)) is not None:
                    pair = pairs[place]
                    times = pair.column.t[self._rows]
                    if which_can_be_planned(pair, self._rows, times[np.newaxis]).any():
                        can_be_planned.add(length)
                    at = pair.planned_by_base(times)
                    if pair.base is not None:
                        planned = at(pair.base)
                    else:
                        offset = at(0.0) if pair.schedule.affine else 0.0 * values
                        factor = at(1.0) - offset
                        over = float(factor @ factor)
                        planned = offset + factor * (float(factor @ (values - offset)) / over if over else 1.0)
                    near[length] = float(np.nan_to_num(np.abs(values - planned), nan=np.inf).mean()) / scale
            return near[length]

        tried = {round(total * 2 ** (n / 8)) for n in range(-32, 33)} | {self._last + 1}
        tried |= {total * n for n in range(2, 9)} | {-(-total // n) for n in range(2, 9)}
        for begin in sorted(tried, key=measure)[:3]:
            best, step = begin, max(begin // 16, 1)
            while step:
                nearest = min((best, best - step, best + step), key=measure)
                if nearest == best or abs(nearest - begin) > begin:
                    step //= 2
                else:
                    best = nearest
            for other in range(best - _NEARBY, best + _NEARBY + 1):
                measure(other)
        found = can_be_planned - {total}
        return sorted(found, key=lambda one: (near[one], abs(one - total)))[:_NEARBY]

    def _furthest(self, total: int, sign: int) -> int:
        """Return the furthest length, in one direction, up to which each one explains every value."""
        step = 1
        while step < min(total, _NO_END) and self._with_total(total + sign * step, _SAMPLE) is not None:
            total, step = total + sign * step, 2 * step
        while step := step // 2:
            if self._with_total(total + sign * step, _SAMPLE) is not None:
                total += sign * step
        while self._with_total(total) is None:  # a sample explained more than all values do
            total -= sign
        return total


_OWN_BASES = "; each has a base of its own, and the one above is that of {n:,}"


def _with_bases(pairs: Sequence[PlannedColumn], bases: Sequence[float]) -> list[PlannedColumn]:
    return [replace(pair, base=base) for pair, base in zip(pairs, bases, strict=True)]


_NEARBY = 12  # lengths of a run beside the nearest one
_MOST_SKIPPED = 3  # updates that are skipped between two rows
_MOST_SKIPPED_AT_START = 64  # updates that are skipped before the first row after update 0, as by a GradScaler
_NO_END = 2**40  # a length of a run above which longer ones are not tried
_MOST_BETWEEN = 1000  # updates between two rows that are tried as a restart
_ROWS_OF_A_JUMP = 16
_MOST_JUMPS = 1000
_FIRST_ROWS = 256


def _path(
    pairs: Sequence[PlannedColumn], t: Times, offsets: Callable[[int, int], Iterable[int]]
) -> list[tuple[int, int]] | None:
    """Return pairs (row, offset) so that all values are as planned if the clock is shifted by `offset` from `row` on.

    Returns None if no such offsets are found.

    Args:
        pairs: the columns, which all have the same updates and known bases.
        t: the updates of the columns.
        offsets: a function of the first row that does not match and the offset there; it returns the offsets to try.
    """

    def reach(offset: int, row: int) -> int:
        """Return the first row, from `row` on, whose values are not those planned for its update plus `offset`."""
        size = _FIRST_ROWS
        while row < t.size:  # in parts, because most offsets fit a few rows
            part = slice(row, row + size)
            times = np.maximum(t[part] + offset, 0)
            equal = np.logical_and.reduce(
                [pair.column.equals(pair.planned_at(times, pair.base or 0.0), part) for pair in pairs]
            )
            if (wrong := np.flatnonzero(~equal)).size:
                return row + int(wrong[0])
            row, size = row + size, 4 * size
        return t.size

    path: list[tuple[int, int]] = []
    offset, row = 0, reach(0, 0)
    while row < t.size:
        reached = {one: reach(one, row) for one in offsets(row, offset)}
        if max(reached.values(), default=row) == row or len(path) > _MOST_JUMPS:
            return None
        offset = max(reached, key=lambda one: reached[one])
        path.append((row, offset))
        row = reached[offset]
    return path


def _clock_of(path: Sequence[tuple[int, int]], t: Times) -> Clock:
    rows, offsets = np.array([row for row, _ in path]), np.array([0, *(offset for _, offset in path)])

    def clock(times: Times) -> Times:
        moved: Times = np.maximum(times + offsets[np.searchsorted(t[rows], times, side="right")], 0)
        return moved

    return clock


def _shows_single_updates(pairs: Sequence[PlannedColumn], clock: Clock) -> bool:
    """Return whether the digits of a log distinguish the updates: else a slower decay looks like skipped updates."""
    shown = changed = 0
    for pair in pairs:
        times = clock(pair.column.t)
        here, after = (pair.planned_at(one, pair.base or 0.0) for one in (times, times + 1))
        shown += int(np.count_nonzero(~pair.column.equals(after) & (here != after)))
        changed += int(np.count_nonzero(here != after))
    return shown > _MOST_SHOWN * changed


_MOST_SHOWN = 0.9
