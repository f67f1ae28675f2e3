"""The line of a plan with the values of a log: the planned one with other numbers, or linear, cosine or constant.

A line is a constant start, a ramp, a constant stage and a tail, which is linear, a cosine, constant or the planned one.
For each combination of lengths, the values are a sum of three levels with weights. So unknown levels are fitted to many
combinations at once. A combination is kept if the distance to the log is within its rounding, and the lines of those
that are kept are compared with all values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias, final

import numpy as np

from paramsched.core.curves import Floats
from paramsched.core.line_form import TAILS, Lengths, LineForm
from paramsched.core.plan import Plan, counted_plan
from paramsched.core.schedules import Absolute, Schedule
from paramsched.errors import InvalidArgument
from paramsched.tools.audit.match import PlannedColumn, PlannedRun, bases_if_explained, spread_rows

_ROWS = 32  # rows to which lengths are fitted, beside those at the corners
_POINTS = {1: 256, 2: 20}  # tried lengths of each stage, if so many stages have an unknown length
_MOST_KEPT = 64  # lines that are compared with all values
_MOST_NAMED = 3
_MOST_READ = 2  # numbers that are read from the log, besides the base
_EDGES = 2
_LEAST_DISTINCT = 8
_DISTINCT_OF_NUMBER = 3  # distinct values for each number that is read from the log
_MOST_DIGITS = 17
_NEAR_ZERO = 0.01  # an end below it may be 0, up to the rounding of the log
_LONGER = 8  # times the length of the run or of the log, up to which the length of a tail is tried


Range: TypeAlias = tuple[int, int]


class _Box(NamedTuple):
    """Lines to try: a form with ranges of its lengths.

    Args:
        form: the form of the lines.
        start, ramp, hold: the least and the largest length of each stage.
        tail: that of the tail; None if the tail ends with the run.
        reads_end: whether the level of the end is read from the log.
        read: how many numbers are read from the log, besides the base.
    """

    form: LineForm
    start: Range
    ramp: Range
    hold: Range
    tail: Range | None
    reads_end: bool
    read: int


class ExplainingLine(NamedTuple):
    """A line that explains every value.

    Args:
        line: the line.
        bases: the base of each column.
        read: how many numbers were read from the log, besides the base.
        ramp: the updates between which the line rises.
    """

    line: Schedule
    bases: tuple[float, ...]
    read: int
    ramp: tuple[int, int]


class _Fit(NamedTuple):
    """A line that may have the values of the log: its form and lengths, and the level of the end if it was read."""

    form: LineForm
    lengths: Lengths
    end: float | None
    read: int


def lines_by_read(pairs: Sequence[PlannedColumn], planned: PlannedRun) -> Iterator[list[ExplainingLine]]:
    """Yield the lines that explain every value and for which 0, 1 and 2 numbers are read from the log.

    These are several lines if the log does not show which one the run used.

    Args:
        pairs: the columns and their schedules.
        planned: the plan and the facts of the run.
    """
    wrong = [pair for pair in pairs if bases_if_explained([pair]) is None]
    shown = max(wrong, key=lambda pair: np.count_nonzero(np.diff(pair.column.values)), default=None)
    if shown is None or shown.amounts is not None or any(pair.schedule is not shown.schedule for pair in wrong):
        return
    search = _LineSearch(pairs, shown, planned)
    boxes = search.boxes() if search.has_planned_form or shown.depends_on_base() else []
    for read in range(_MOST_READ + 1):
        fits = [fit for box in boxes if box.read == read for fit in search.fits(box)]
        found: dict[str, ExplainingLine] = {}
        for fit in (fits[place] for place in spread_rows(len(fits), _MOST_KEPT)):
            if len(found) < _MOST_NAMED and (line := search.explaining(fit)) is not None:
                found.setdefault(str(line.line), line)
        lines = [one for one in found.values() if search.has_values(one)]
        yield lines if len(lines) > 1 or all(map(search.shows_ramp, lines)) else []
        if found:  # more numbers would explain the values as well
            return


def _least_squares(columns: Sequence[Floats], values: Floats) -> list[Floats]:
    """Return the factors of one or two columns whose sum is nearest to the values, for each row of arrays."""

    def factor(column: Floats, values: Floats) -> Floats:
        size: Floats = np.sum(column * column, axis=1)
        factors: Floats = np.sum(column * values, axis=1) / np.where(size > 0, size, 1.0)
        return factors

    if not columns:
        return []
    first, *others = columns
    if not others:
        return [factor(first, values)]
    (second,) = others
    share = factor(first, second)
    apart = second - share[:, np.newaxis] * first
    of_second = factor(apart, values - factor(first, values)[:, np.newaxis] * first)
    return [factor(first, values - of_second[:, np.newaxis] * second), of_second]


@final
class _LineSearch:
    """The search for lines with the values of a log.

    Args:
        pairs: the columns and their schedules.
        shown: the column to which lines are fitted.
        planned: the plan and the facts of the run.
    """

    def __init__(self, pairs: Sequence[PlannedColumn], shown: PlannedColumn, planned: PlannedRun) -> None:
        self._pairs, self._shown, self._planned = pairs, shown, planned
        self._form, self._lengths = LineForm.of(shown.schedule, planned.total)
        places = [binding.schedule is shown.schedule for binding in planned.counted.bindings]
        self._binding = planned.counted.bindings[places.index(True)]
        column = shown.column
        self._t, self._values = column.t, column.values
        self._half = column.rounding() + np.finfo(float).tiny
        changes, top = np.flatnonzero(np.diff(self._values)), int(self._values.argmax())
        near = np.concatenate([changes[:_EDGES], changes[-_EDGES:], [top]])[:, np.newaxis] + np.arange(-1, 3)
        rows = np.append(spread_rows(column.t.size, _ROWS), near)
        self._rows = np.unique(np.clip(rows, 0, column.t.size - 1))

    @property
    def has_planned_form(self) -> bool:
        """True if the planned line is a ramp and a tail, of which the levels are known."""
        return self._form.is_planned

    def boxes(self) -> list[_Box]:
        """Return the lines to try, those with the fewest numbers that are read from the log first."""
        corners = self._corners()
        if corners is None:
            return []
        peak, fall, rise = corners
        _, ramp, hold, tail = self._lengths
        whole = ramp + hold + tail
        forms = [self._form] if self._form.is_planned else []
        for other in TAILS:
            if not forms or forms[0].tail != other:
                forms.append(replace(self._form, tail=other, is_planned=False))
        ramps = [((ramp, ramp), 0)] + [((0, 0), 1)] * (ramp > 0) + [(peak, 1)] * (peak[1] > 0)
        none, same = (0, 0), (hold, hold)
        late = (1, max(rise if ramp else fall, 1))
        changes: list[tuple[Range, Range, Range | None, bool, int]] = [
            (none, same, None, False, 0),
            (none, same, (tail, tail), False, 0),
            (none, same, None, True, 1),
            (none, (1, fall), None, False, 1),
            (none, (1, fall), (tail, tail), False, 1),
            (late, same, None, False, 1),
            (late, same, (tail, tail), False, 1),
            (none, same, (1, _LONGER * max(whole, int(self._t[-1]))), False, 1),
        ]
        boxes = [
            _Box(form, start, of_ramp, of_hold, length, reads_end, read + more)
            for form in forms
            for of_ramp, read in ramps
            for start, of_hold, length, reads_end, more in changes
            if (form.tail is not None or (length is None and not reads_end and of_hold == same))
            and (start == none or of_ramp != none)
        ]
        return sorted((box for box in boxes if box.read or not box.form.is_planned), key=lambda one: one.read)

    def _corners(self) -> tuple[Range, int, int] | None:
        """Return where a ramp ends, and the last update at which a tail and a ramp begin; None for no such shape.

        The values must rise to a top and then fall, or the other way around.
        """
        t, half = self._t, 2 * self._half
        if t.size < _LEAST_DISTINCT or np.any(np.diff(t) <= 0) or not np.isfinite(self._values).all():
            return None
        _, top, end = map(sum, self._form.parts_of_levels)
        values = self._values if end <= top else -self._values
        at = int(values.argmax())
        steps, near = np.diff(values), half[1:] + half[:-1]
        if np.any(steps[:at] < -near[:at]) or np.any(steps[at:] > near[at:]):
            return None
        highest = np.flatnonzero(values >= values[at] - half[at])
        first, final = int(highest[0]), int(highest[-1])
        after = int(t[final + 1]) if final + 1 < t.size else int(t[-1]) + 1
        before = int(t[first - 1]) if first else 0
        moved = np.flatnonzero(np.abs(values - values[0]) > half + half[0])
        rise = int(t[moved[0]]) if moved.size else int(t[-1])
        return (max(before, 1), after + 1) if first else (0, 0), after, rise

    def fits(self, box: _Box) -> list[_Fit]:
        """Return the lines of a box that may have the values of the log."""
        ranges = [box.start, box.ramp, box.hold, *([] if box.tail is None else [box.tail])]
        points = _POINTS[max(sum(low < high for low, high in ranges), 1)]
        whole = sum(self._lengths)
        while True:
            axes = [
                np.unique(np.linspace(low, high, min(points, high - low + 1)).astype(np.int64)) for low, high in ranges
            ]
            grid = [one.reshape(-1) for one in np.meshgrid(*axes, indexing="ij")]
            lengths = Lengths(*grid, *([whole - sum(grid)] if box.tail is None else []))
            far, ends = self._distances(box, lengths)
            far = np.where(np.minimum.reduce(lengths) < 0, np.inf, far)
            best = int(np.argmin(far))
            steps = [int(np.diff(axis).max(initial=0)) for axis in axes]
            if max(steps) <= 1:
                break
            ranges = [
                (max(low, int(one[best]) - 2 * step), min(high, int(one[best]) + 2 * step)) if step > 1 else (low, high)
                for (low, high), one, step in zip(ranges, grid, steps, strict=True)
            ]
        return [
            _Fit(
                box.form,
                Lengths(*(int(length[place]) for length in lengths)),
                float(ends[place]) if box.reads_end else None,
                box.read,
            )
            for place in np.flatnonzero(far <= 1)
        ]

    def _distances(self, box: _Box, lengths: Lengths) -> tuple[Floats, Floats]:
        """Return how far the values are from the best line of each combination of lengths, and its end.

        A distance above 1 shows that some value is outside of its rounding. The end is a multiple of the base.
        """
        rows, known = self._rows, self._shown.base
        weights = box.form.weights(self._t[rows].astype(np.float64), lengths) / self._half[rows]
        rest = np.broadcast_to(self._values[rows] / self._half[rows], weights.shape[1:])
        multiples, columns = 0.0 * weights[0], []
        levels = box.form.parts_of_levels[:2] if box.reads_end else box.form.parts_of_levels
        for (multiple, value), weight in zip(levels, weights, strict=False):
            rest = rest - value * weight
            multiples = multiples + multiple * weight
        if known is None:
            columns.append(multiples)
        else:
            rest = rest - known * multiples
        columns += [weights[2]] * box.reads_end
        fitted = _least_squares(columns, rest)
        rest = rest - sum(one[:, np.newaxis] * column for one, column in zip(fitted, columns, strict=True))
        base = fitted[0] if known is None else known
        return np.sqrt(np.mean(rest * rest, axis=1)), (fitted[-1] if box.reads_end else 0 * rest[:, 0]) / base

    def explaining(self, fit: _Fit) -> ExplainingLine | None:
        """Return a line of these lengths that explains every value; None if there is none."""
        of_line, facts = self._shown.schedule, self._planned.facts
        for end in self._ends(fit):
            try:
                line = fit.form.line(fit.lengths, end, self._planned.total)
                plan = Plan(replace(self._binding, schedule=line), total=self._planned.resolved.total).resolve(
                    facts=facts
                )
                schedule = counted_plan(plan).bindings[0].schedule
            except InvalidArgument:  # a curve that does not connect these levels, for example
                continue
            pairs = [replace(pair, schedule=schedule) if pair.schedule is of_line else pair for pair in self._pairs]
            if (bases := bases_if_explained(pairs)) is not None:
                start, ramp, *_ = fit.lengths
                return ExplainingLine(line, bases, fit.read, (start, start + ramp))
        return None

    def _ends(self, fit: _Fit) -> Iterator[float | Absolute]:
        """Yield the levels of the end, those with few digits first."""
        if fit.end is None:
            yield fit.form.levels[2]
            return
        base = self._shown.base
        if abs(fit.end) < _NEAR_ZERO:
            yield 0.0
        for digits in range(1, _MOST_DIGITS + 1):
            yield float(f"{fit.end:.{digits}g}")
            if base is not None:
                yield Absolute(float(f"{fit.end * base:.{digits}g}"))

    def shows_ramp(self, line: ExplainingLine) -> bool:
        """Return whether a ramp is the planned one, or has a logged value: any curve may lead to its end otherwise."""
        begin, end = line.ramp
        return end - begin in (0, self._lengths.ramp) or bool(np.any((self._t > begin) & (self._t <= end)))

    def has_values(self, line: ExplainingLine) -> bool:
        """Return whether the log has enough values that are no corners of a line to show it."""
        base = next(base for pair, base in zip(self._pairs, line.bases, strict=True) if pair is self._shown)
        corners = [base * multiple + value for multiple, value in self._form.parts_of_levels]
        corners += [float(self._values[0]), float(self._values[-1])]
        is_corner = np.logical_or.reduce([np.abs(self._values - corner) <= self._half for corner in corners])
        distinct = np.unique(self._values[~is_corner]).size
        return distinct >= max(_LEAST_DISTINCT, _DISTINCT_OF_NUMBER * (line.read + (self._shown.base is None)))
