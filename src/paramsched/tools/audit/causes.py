"""The causes of a difference between a log and its plan: a closed list."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple, final

import numpy as np

from paramsched.core.line_form import with_cosine_wave
from paramsched.core.schedules import begins_of, stages_of
from paramsched.tools.audit.lines import ExplainingLine, lines_by_read
from paramsched.tools.audit.match import (
    GLANCE,
    SAMPLE,
    Clock,
    PlannedColumn,
    PlannedRun,
    bases_if_explained,
    explained_first,
    factor_of_all,
    part_of,
    spread_rows,
    which_can_be_planned,
)
from paramsched.tools.records.log_values import Rounding, Times

_MAX_TIME = 2**60  # larger times may not fit into a 64-bit integer
_MOST_FACTOR = 1024  # times per update
_MOST_TRIED = 2**16  # numbers of updates that are tried
_EDGES = 8
_MOST_CHECKED = 5_000_000  # values that are compared for the numbers of one cause
_MOST_NAMED = 5
_EXACT = (Rounding(17),)


@final
@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that explains the compared values, all of them or the first ones.

    Args:
        name: the name of the cause, with the fitted numbers.
        text: what the values are; for a cause of the first values, what those after them are, or "".
        fitted: how many numbers were fitted to the log.
        bases: the base of each column under the cause; None if the cause shows none.
        line: the line of a plan with these values; None for a cause of time.
        values: the number of values that are explained; None for all.
        until: the update of the last of these values; None for all.
    """

    name: str
    text: str
    fitted: int
    bases: tuple[float, ...] | None
    line: str | None = None
    values: int | None = None
    until: int | None = None


def causes_of(
    pairs: Sequence[PlannedColumn], planned: PlannedRun, processes: int | None
) -> tuple[tuple[Cause, ...], tuple[str, ...]]:
    """Return the causes that explain every value with the fewest fitted numbers, and several lines that do.

    One of both is empty. Several lines are no cause, because the log does not show which of them the run used.

    Args:
        pairs: the columns and their schedules.
        planned: the plan and the facts of the run.
        processes: the number of processes; None if unknown.
    """
    moving = [pair for pair in pairs if _moves(pair)]
    if not moving:
        return tuple(_factors(pairs)), ()
    if (still := _never_moved(pairs, moving)) is not None:
        return (still,), ()
    if all(reading.of != "column" for pair in moving for reading in pair.column.readings or _EXACT):
        return (), ()  # one number shows no clock
    # A cause with as many fitted numbers as the log has values would explain any log.
    shown = 1 + max(int(np.count_nonzero(np.diff(pair.column.values))) for pair in moving)
    shown -= any(pair.base is None for pair in pairs)
    search, *waves = _searches(pairs, moving, planned, processes)
    lines = lines_by_read(pairs, planned)
    tried = (
        search.clocks(fitted=0),
        _next_lines(lines),
        chain(search.clocks(fitted=1), search.totals(), _factors(pairs)),
        chain(*(wave.clocks(fitted=0) for wave in waves)),
        chain(*(chain(wave.clocks(fitted=1), wave.totals()) for wave in waves)),
        _next_lines(lines),
        _next_lines(lines),
        search.jumps(),
    )
    for causes in tried:
        found = [cause for cause in causes if cause.fitted < max(shown, 1)]
        if len(found) > 1 and found[0].line is not None:
            return (), tuple(str(cause.line) for cause in found)
        if found:
            return _with_fewest(found), ()
    return (), ()


def _next_lines(lines: Iterator[list[ExplainingLine]]) -> Iterator[Cause]:
    for one in next(lines, []):
        yield Cause("another line", f"the values are those of {one.line}", one.read, one.bases, line=str(one.line))


def cause_of_first(pairs: Sequence[PlannedColumn], planned: PlannedRun) -> Cause | None:
    """Return the cause that explains the most values from the first one on; None if they show none.

    Args:
        pairs: the columns and their schedules.
        planned: the plan and the facts of the run.
    """
    moving = [pair for pair in pairs if _moves(pair)]
    if not moving or any(np.any(np.diff(pair.column.t) < 0) for pair in pairs):
        return None
    best: _Reach | None = None
    for search in _searches(pairs, moving, planned, None):
        for candidate in (_PLANNED, *search.table()):
            reach = search.reach(candidate, 0 if best is None else best.rows)
            if reach is not None:
                best = reach
    return None if best is None else best.cause


def _with_fewest(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    fewest = min((cause.fitted for cause in causes), default=0)
    return tuple(cause for cause in causes if cause.fitted == fewest)[:_MOST_NAMED]


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
    text, line = "each column has one value", None
    if len(moving) == 1:
        line = "constant()" if value and moving[0].base in (None, value) else f"constant(absolute({value!r}))"
        text = f"each value is {value!r}, as planned by {line}"
    is_shown = all(pair.base is not None or pair.depends_on_base(pair.column.t[:1] * 0) for pair in moving)
    return Cause("never moved", text, 0, bases_if_explained(pairs, lambda t: t * 0) if is_shown else None, line)


def _may_have_moved(pair: PlannedColumn) -> bool:
    """Return whether a column of one number of one digit, such as 0.0003, may be the planned values in its decimals."""
    column = pair.column
    if not any(reading.of == "digit" for reading in column.readings):
        return False
    _, base = explained_first(pair, column.t)
    near = np.abs(column.values - pair.planned_at(column.t, base)) <= Rounding(1).half_unit(np.abs(column.values))
    return bool(near.all())


def _factors(pairs: Sequence[PlannedColumn]) -> Iterator[Cause]:
    """Yield the cause that values are multiples of the planned ones, or those of another base than the known one."""
    if max(pair.column.t.size for pair in pairs) == 1:  # any value is a multiple of another
        return
    bases, notes = list[float](), dict[str, str]()
    for pair in pairs:
        t, place = pair.column.t, place_of(pair.column.field, pair.group)
        if (found := bases_if_explained([pair])) is not None:
            bases += found
            continue
        if pair.base is not None and pair.depends_on_base():
            found = bases_if_explained([replace(pair, base=None)])
            if found is None:
                return
            (other,) = found
            bases.append(other)
            ratio = f"{other / pair.base:.6g}" if pair.base else "inf"
            notes.setdefault(ratio, f"the base of {place} is {other!r}, not {pair.base!r}")
            continue
        factor = None
        if pair.base is not None or not pair.depends_on_base():
            factor = factor_of_all(pair.column, pair.planned_at(t, 1.0 if pair.base is None else pair.base))
        if factor is None:
            return
        bases.append(1.0 if pair.base is None else pair.base)
        notes.setdefault(f"{factor:.6g}", f"the values of {place} are {factor:.6g} times the planned ones")
    is_base = all(text.startswith("the base") for text in notes.values())
    name = "another base" if is_base else "a factor of all values"
    yield Cause(name, f"{', '.join(notes.values())}; factor {', '.join(notes)}", len(notes), tuple(bases))


def place_of(field: str, group: str | int | None) -> str:
    """Return the name of a field in a group, or of a target, for messages."""
    return field if group is None else f"{field} of group {group!r}"


def _numbers_text(numbers: Sequence[int]) -> str:
    """Return numbers as text: a range, if they follow each other.

    >>> _numbers_text([3]), _numbers_text([3, 4, 5]), _numbers_text([3, 4, 6])
    ('3', '3 to 5', '3, 4 or 6')
    >>> _numbers_text([1, 3, 5, 7, 9]), _numbers_text([1, 3, 5, 7, 9, 11])
    ('1, 3, 5, 7 or 9', '1, 3, 5, 7, 9 or one of 1 more')
    """
    texts = [f"{number:,}" for number in numbers]
    if len(numbers) == 1:
        return texts[0]
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{texts[0]} to {texts[-1]}"
    if len(numbers) > _MOST_NAMED:
        return f"{', '.join(texts[:_MOST_NAMED])} or one of {len(numbers) - _MOST_NAMED:,} more"
    return f"{', '.join(texts[:-1])} or {texts[-1]}"


class _Candidate(NamedTuple):
    """A cause of time: the schedule was at another time than that of the update.

    Args:
        name: the name of the cause, with {n} for the number.
        text: what the values are.
        clock: a function of updates and the number that returns the times of the schedule.
        numbers: the numbers to try; a cause without a number has one that its clock ignores.
        fitted: how many numbers are fitted to the log.
    """

    name: str
    text: str
    clock: Callable[[Any, Any], Any]
    numbers: Times = np.zeros(1, dtype=np.int64)
    fitted: int = 0

    def clock_of(self, n: int) -> Clock:
        return lambda t: self.clock(t, n)


_PLANNED = _Candidate("the plan", "", lambda t, _: t)


class _Reach(NamedTuple):
    """A cause of the first values, and the rows that it explains."""

    rows: int
    cause: Cause


def _searches(
    pairs: Sequence[PlannedColumn], moving: Sequence[PlannedColumn], planned: PlannedRun, processes: int | None
) -> "list[_Search]":
    """Return the search with the planned schedules, and that with cosines that rise again after their end."""
    shown = max(moving, key=lambda pair: np.count_nonzero(np.diff(pair.column.values)))
    place = next(number for number, pair in enumerate(pairs) if pair is shown)
    ids = [id(binding.schedule) for binding in planned.counted.bindings]
    bindings = [ids.index(id(pair.schedule)) for pair in pairs]
    search = _Search(pairs, place, planned, processes, bindings)
    waves = [replace(pair, schedule=with_cosine_wave(pair.schedule)) for pair in pairs]
    steps = np.sign(np.diff(shown.column.values))
    steps = steps[steps != 0]
    turns = np.count_nonzero(np.diff(steps)) - (steps[:1] > 0).sum()  # a warmup is no wave
    if not 0 < turns <= _MOST_TURNS or all(
        wave.schedule is pair.schedule for wave, pair in zip(waves, pairs, strict=True)
    ):
        return [search]
    return [search, _Search(waves, place, planned, processes, bindings, are_waves=True)]


@final
class _Search:
    """The search for causes of time, with numbers that are fitted to the log."""

    def __init__(
        self,
        pairs: Sequence[PlannedColumn],
        shown: int,
        planned: PlannedRun,
        processes: int | None,
        bindings: Sequence[int],
        *,
        are_waves: bool = False,
    ) -> None:
        self._pairs, self._planned, self._processes, self._bindings = pairs, planned, processes, bindings
        self._place, self._shown = shown, pairs[shown]
        self._are_waves, self._more = are_waves, _RISES_AGAIN if are_waves else ""
        t, values = self._shown.column.t, self._shown.column.values
        self._last = max(int(pair.column.t.max()) for pair in pairs)
        self._first_moved = int(t[t > 0].min(initial=_MAX_TIME))
        edges = np.flatnonzero(np.diff(values))[:_EDGES]
        self._rows = np.unique([*spread_rows(t.size, GLANCE), *edges, *(edges + 1)]).astype(np.int64)

    def table(self) -> list[_Candidate]:
        """Return the causes of time, those without a number first."""
        last, moved = self._last, f"{self._first_moved:,}"
        factors, slow = np.arange(2, _MOST_FACTOR + 1), np.arange(2, min(last, _MOST_TRIED) + 1)
        # A restart needs a row that shows that the schedule had moved before it.
        restarts = self._restarts()
        restarts = restarts[restarts > self._first_moved]
        skipped = np.arange(1, min(self._first_moved, _MOST_SKIPPED_AT_START) + 1)
        faster, slower, restarted = "{n} times per update", "once every {n} updates", "restarted from 0 at update {n}"
        rows: list[tuple[Any, ...]] = [
            (
                "one update late",
                "each value is the one planned for the update before",
                lambda t, _: np.maximum(t - 1, 0),
            ),
            ("one update early", "each value is the one planned for the next update", lambda t, _: t + 1),
        ]
        if self._are_waves:
            rows.append(("after its end", "the schedule went on after its end", lambda t, _: t))
        if (epoch := self._planned.facts.updates_per_epoch) is not None and epoch > 1:
            name = "once per epoch"
            text = f"the values are planned for updates 0, 1, 2, …, each for an epoch of {epoch} updates"
            rows.append((name, text, lambda t, _: t // epoch))
            text = f"each value is the one planned for the first of the {epoch} updates of its epoch"
            rows.append((name, text, lambda t, _: t // epoch * epoch))
        text = "the schedule moved {n} times per update"
        rows.append((faster, text, lambda t, n: t * n, factors, 1))
        text += ", and each value is that after the last of them"
        rows.append((faster, text, lambda t, n: t * n + n - 1, factors, 1))
        rows.append((slower, "the schedule moved once every {n} updates", lambda t, n: t // n, slow, 1))
        text = "each value is the one planned for the first of {n} updates"
        rows.append((slower, text, lambda t, n: t // n * n, slow, 1))
        text = "from update {n} on the values are those planned from update 0 on"
        rows.append((restarted, text, lambda t, n: np.where(t < n, t, t - n), restarts, 1))
        name = f"{{n}} updates skipped before update {moved}"
        text = f"from update {moved} on, each value is the one planned {{n}} updates earlier"
        rows.append((name, text, lambda t, n: np.maximum(t - n, 0), skipped, 1))
        return [_Candidate(*row) for row in rows]

    def clocks(self, *, fitted: int) -> Iterator[Cause]:
        """Yield the causes of time that explain every value."""
        for one in self.table():
            found, bases = self._explaining(one) if one.fitted == fitted else ([], None)
            if found and bases is not None:
                n, fixed = _numbers_text(found), _with_bases(self._pairs, bases)
                clocks = (one.clock_of(found[place]) for place in spread_rows(len(found), GLANCE))
                of_one = all(bases_if_explained(fixed, clock) for clock in clocks)
                more = self._meaning(found) + self._more + ("" if of_one else _OWN_BASES.format(n=found[0]))
                yield Cause(one.name.format(n=n), one.text.format(n=n) + more, fitted, bases)

    def reach(self, candidate: _Candidate, least: int) -> _Reach | None:
        """Return the first rows that a cause explains; None if these are not clearly more than `least` rows.

        A cause other than the plan needs rows after the first stage of the schedule, because half of the speed and
        twice the length of a warmup have the same values.
        """
        shown, is_planned = self._shown, candidate is _PLANNED
        reached = {
            n: _explained_from_start(self._pairs, candidate.clock_of(n))
            for n in self._longest(candidate, least + _LEAST_ROWS)
        }
        after = max((one[0] for one in reached.values()), default=0)
        rows = int(np.count_nonzero(shown.column.t < after))
        numbers = [n for n, one in reached.items() if one[0] == after]
        if rows < least + _LEAST_ROWS or after == _MAX_TIME or len(numbers) > 1:
            return None
        times = candidate.clock(np.append(shown.column.t[:rows], after), numbers[0])
        times = times if shown.amounts is None else shown.amounts(times)
        has_values = np.unique(shown.column.values[:rows]).size >= _LEAST_DISTINCT
        stages = begins_of(shown.schedule)[1:-1]
        if is_planned and not has_values and shown.base is None:
            return None
        bases = reached[numbers[0]][1]
        if not is_planned and not (
            has_values and (not stages or times[-2] > stages[0]) and self._ends_at(rows, candidate, numbers[0], bases)
        ):
            return None
        end = shown.schedule.piece.length
        text = self._factor_from(after, bases) if is_planned else ""
        if not is_planned and end is not None and times[-1] >= end:
            text = "the values are those after the end of the schedule"
        before = [pair.column.t[pair.column.t < after] for pair in self._pairs]
        count = sum(one.size * len(pair.groups) for one, pair in zip(before, self._pairs, strict=True))
        until = max(int(one.max(initial=0)) for one in before)
        name = candidate.name.format(n=f"{numbers[0]:,}")
        return _Reach(rows, Cause(name, text, candidate.fitted, bases, values=count, until=until))

    def _ends_at(self, row: int, candidate: _Candidate, n: int, bases: tuple[float, ...]) -> bool:
        """Return whether a cause clearly ends at a row.

        A clock that is nearly that of the run would explain the first values within their rounding, and then drift.
        """
        pair, base = self._shown, bases[self._place]
        t = pair.column.t[row : row + 1]
        planned = pair.planned_at(candidate.clock(t, n), base)
        far = np.abs(pair.column.values[row : row + 1] - planned)
        return bool((far > _ROUNDINGS_AT_END * pair.column.rounding()[row : row + 1]).any())

    def _longest(self, candidate: _Candidate, size: int) -> list[int]:
        """Return the numbers with which a cause may explain the most rows, at least `size`; none if they are many."""
        numbers, most = candidate.numbers, self._shown.column.t.size
        while size < 2 * most:
            kept = self._possible(numbers, candidate.clock, spread_rows(min(size, most), GLANCE))
            if not kept.size:
                break
            numbers, size = kept, 2 * size
        return numbers.tolist() if numbers.size <= _MOST_CLOSE else []

    def _factor_from(self, begin: int, bases: tuple[float, ...]) -> str:
        """Return a clause that names the factor of all values from an update on; "" without one."""
        ratios = []
        for pair, base in zip(self._pairs, bases, strict=True):
            rows = pair.column.t >= begin
            column = replace(pair.column, t=pair.column.t[rows], values=pair.column.values[rows])
            factor = factor_of_all(column, pair.planned_at(column.t, base))
            if factor is None or column.t.size < _LEAST_ROWS or np.unique(column.values).size < _LEAST_DISTINCT:
                return ""
            ratios.append(f"{factor:.6g}")
        return f"each value is {' or '.join(dict.fromkeys(ratios))} times the planned one"

    def totals(self) -> Iterator[Cause]:
        """Yield the cause that the run has another total."""
        if (total := self._planned.total) is None:
            return
        totals = self._best_totals(total)
        for other in totals:
            if (bases := self._with_total(other)) is not None:
                low, high = (self._furthest(other, sign) for sign in (-1, 1))
                text = f"{low:,}" if low == high else f"at least {low:,}" if high >= _NO_END else f"{low:,} to {high:,}"
                fixed = _with_bases(self._pairs, bases)
                of_one = all(self._with_total(one, pairs=fixed) for one in (low, high))
                text = f"the values are those of a total of {text} updates, not {total:,}"
                text += self._more + ("" if of_one else _OWN_BASES.format(n=other))
                yield Cause("another total", text, 1, bases)
                return

    def jumps(self) -> Iterator[Cause]:
        """Yield the causes in which the clock of the schedule jumps several times."""
        fixed = [replace(pair, base=explained_first(pair, pair.column.t)[1]) for pair in self._pairs]
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
        t = np.unique(self._shown.column.t)
        step = max(t.size * 2 // _MOST_TRIED, 1)  # the first and the last update between two rows
        return np.unique(np.concatenate([t[:-1:step] + 1, t[1::step]]))

    def _explaining(self, candidate: _Candidate) -> tuple[list[int], tuple[float, ...] | None]:
        """Return the numbers with which a cause explains every value, and the bases with the first of them."""
        numbers = candidate.numbers
        for rows in (
            self._rows[:: self._rows.size // _EDGES or 1],
            self._rows,
            spread_rows(self._shown.column.t.size, SAMPLE),
        ):
            numbers = self._possible(numbers, candidate.clock, rows)
        size = sum(pair.column.t.size for pair in self._pairs)
        most = max(_MOST_CHECKED // size, 2)
        checked = numbers[spread_rows(numbers.size, most)]
        explained = {n: self._bases(self._pairs, candidate.clock_of(n)) for n in checked.tolist()}
        found = [n for n, bases in explained.items() if bases is not None]
        if len(found) == len(explained):  # and so those between them
            found = numbers.tolist()
        return found, explained[found[0]] if found else None

    def _possible(self, numbers: Times, clock: Callable[[Any, Any], Any], rows: Times) -> Times:
        """Return the numbers with which a clock may explain the values of some rows."""
        kept = [np.zeros(0, dtype=np.int64)]
        for part in np.array_split(numbers, max(numbers.size * rows.size // _MOST_CHECKED, 1)):
            if part.size:
                times = clock(self._shown.column.t[rows], part[:, np.newaxis])
                times = np.broadcast_to(times, (part.size, rows.size))  # a clock without a number
                # Most numbers are beyond the first rows, and so have the same times there as the number before.
                is_other = np.append(True, (times[1:] != times[:-1]).any(axis=1))
                flags = which_can_be_planned(self._shown, rows, times[is_other])
                kept.append(part[flags[np.cumsum(is_other) - 1]])
        return np.concatenate(kept)

    def _with_total(
        self, total: int, size: int | None = None, pairs: Sequence[PlannedColumn] | None = None
    ) -> tuple[float, ...] | None:
        pairs = self._pairs_of(total, pairs or self._pairs)
        if pairs is None:
            return None
        return self._bases(pairs, size=size)

    def _bases(
        self, pairs: Sequence[PlannedColumn], clock: Clock = np.asarray, *, size: int | None = None
    ) -> tuple[float, ...] | None:
        """Return the bases with which all values, or `size` of them, are as planned; None if some value is not."""
        if self._are_waves and not all(map(_shows_wave, pairs, [clock] * len(pairs))):
            return None
        return bases_if_explained(pairs if size is None else [part_of(pair, size) for pair in pairs], clock)

    def _pairs_of(self, total: int, pairs: Sequence[PlannedColumn]) -> list[PlannedColumn] | None:
        """Return columns with the schedules of a run of another length; None if there is no such plan."""
        plan = self._planned.for_total(total)
        if plan is None:
            return None
        schedules = [binding.schedule for binding in plan.bindings]
        if self._are_waves:
            schedules = [*map(with_cosine_wave, schedules)]
        return [replace(pair, schedule=schedules[at]) for pair, at in zip(pairs, self._bindings, strict=True)]

    def _best_totals(self, total: int) -> list[int]:
        """Return lengths of a run whose plans may explain the log, the nearest first."""
        near: dict[int, float] = {}
        can_be_planned: set[int] = set()
        values = self._shown.column.values[self._rows]

        def measure(length: int) -> float:
            """Return how far the planned values are from the logged ones; the base is fitted if it is unknown."""
            if length not in near:
                near[length] = np.inf
                if (pairs := self._pairs_of(length, self._pairs)) is not None:
                    pair = pairs[self._place]
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
                    near[length] = float(np.nan_to_num(np.abs(values - planned), nan=np.inf).mean())
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
        while step < min(total, _NO_END) and self._with_total(total + sign * step, SAMPLE) is not None:
            total, step = total + sign * step, 2 * step
        while step := step // 2:
            if self._with_total(total + sign * step, SAMPLE) is not None:
                total += sign * step
        while self._with_total(total) is None:  # a sample explained more than all values do
            total -= sign
        return total


def _explained_from_start(pairs: Sequence[PlannedColumn], clock: Clock) -> tuple[int, tuple[float, ...]]:
    """Return the first update with a value that is not as planned, and the bases with which those before are."""
    after, bases = _MAX_TIME, []
    for pair in pairs:
        t = pair.column.t
        rows, base = explained_first(pair, clock(t))
        bases.append(base)
        after = min(after, int(t[rows])) if rows < t.size else after
    return after, tuple(bases)


def _shows_wave(pair: PlannedColumn, clock: Clock) -> bool:
    """Return False if the rows of a wave are too far apart to show it: then any value may be on it."""
    wave = stages_of(pair.schedule)[-1]
    if wave.kind != "restarts":
        return True
    times = clock(pair.column.t)
    times = times if pair.amounts is None else pair.amounts(times)
    return bool(np.abs(np.diff(times)).max(initial=0) <= wave.args["every"].number / 2)


_RISES_AGAIN = "; after its end the cosine rises again, as that of transformers does"
_MOST_TURNS = 256  # of a log that may follow a cosine that rises again; noise turns at two of three rows
_LEAST_ROWS = 20  # rows that a cause of the first values must explain, more than any other cause
_LEAST_DISTINCT = 10  # different values in these rows
_ROUNDINGS_AT_END = 4  # of the difference at which a cause of the first values ends
_MOST_CLOSE = 4  # numbers of a cause that may explain the first values
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
