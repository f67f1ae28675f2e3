"""Division of logged values into stages, each explained by one curve."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from math import gcd
from typing import Any, final

import numpy as np

from paramsched.audit.log_values import Flags, Times
from paramsched.audit.recognition.families import (
    COSINE,
    CURVES,
    EXPONENTIAL,
    LINE,
    POWER,
    Family,
    Fit,
    Rows,
    Vector,
    fit_rows,
)
from paramsched.schedules import Schedule, cosine_restarts, cyclic
from paramsched.schedules.evaluation import evaluate

MOST_STAGES = 6
_DENSE = 512  # the first rows, which are all used to find stages
_SPREAD = 1536  # the rows in the rest of a long log that are used to find stages
_KINKS = 96  # the rows at which the slope changes most, which are used with their neighbors
_SAMPLE = 144  # the rows of a stage to which a curve is fitted
_LEAST = 12  # rows after a stretch of foreign values
_FOREIGN = 0.01
_FEW_STAGES, _FEW_ROWS = 4, 0.05
_MOST_STAIRS = 200_000  # updates, in a log without each update


def _constant(p: Vector, x: Vector, _: tuple[float, float]) -> Vector:
    return np.full(x.size, p[0])


CONSTANT = Family("constant", 1, _constant, lambda _, v: iter([[float(v[0])]]))


@final
@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stage of a log.

    Args:
        kind: `"curve"`, `"steps"`, `"stairs"` or `"cycles"`.
        first: the time of the first row.
        last: the time of the last row.
        fit: the curve, if the stage is one.
        milestones: the times at which the value of `"steps"` changes.
        ratio: the ratio of two levels of `"steps"`.
        every: the length of the stairs.
        inner: the stages of the levels of the stairs, whose times count stairs.
        shape: the cycles, for a base of 1 and times that count from `origin`.
        origin: the start of the first cycle.
        rows: the number of rows.
    """

    kind: str
    first: float
    last: float
    fit: Fit
    milestones: tuple[tuple[float, float], ...] = ()
    ratio: float = 1.0
    every: int = 1
    inner: "tuple[Piece, ...]" = ()
    shape: "Cycles | None" = None
    rows: int = 0

    def at(self, t: Vector) -> Vector:
        if self.kind == "steps":
            passed = np.searchsorted([after for _, after in self.milestones], t, side="right")
            out: Vector = self.fit.p[0] * self.ratio ** passed.astype(np.float64)
            return out
        if self.kind == "stairs":
            return values_of(self.inner, np.floor(t / self.every))
        if self.shape is not None:
            return self.shape.at(t)
        return self.fit.at(t)

    @property
    def hold(self) -> bool:
        """Whether the stage is a constant."""
        return self.kind == "curve" and self.fit.family is CONSTANT


@final
@dataclass(frozen=True, slots=True, eq=False)
class Cycles:
    """Cycles of a schedule, with levels relative to the largest logged value.

    Args:
        build: the name of the shape.
        origin: the start of the first cycle.
        lengths: the arguments that are lengths, in updates.
        low: the lowest level.
        high: the highest level of the first cycle.
        named: the other arguments.
    """

    build: str
    origin: float
    lengths: tuple[float, ...]
    low: float
    high: float
    named: dict[str, Any] = field(default_factory=dict)

    def schedule(self, low: Any, scale: int = 1) -> Schedule:
        """Return the schedule for a base of `high`, with `low` as a level."""
        sizes = [length_text(one * scale) for one in self.lengths]
        if self.build == "cyclic":
            return cyclic(sizes[0], sizes[1], start=low, **self.named)
        return cosine_restarts(sizes[0], to=low, **self.named)

    def at(self, t: Vector) -> Vector:
        return evaluate(self.schedule(self.low / self.high), np.maximum(t - self.origin, 0), self.high)


def length_text(length: float) -> Any:
    """Return a length as an argument of a schedule: an integer, or text for another number of updates."""
    return int(length) if float(length).is_integer() else f"{length!r} steps"


def values_of(pieces: Sequence[Piece], t: Vector) -> Vector:
    """Return the values of stages at times."""
    out = np.full(t.size, np.nan)
    for piece in pieces:
        inside = t >= piece.first
        out[inside] = piece.at(t[inside])
    return out


def thin(rows: Rows) -> Rows:
    """Return the rows that are used to find stages: the first ones, those where the slope changes, and some others."""
    n = rows.t.size
    if n <= _DENSE + _SPREAD:
        return rows
    slope = np.diff(rows.v) / np.diff(rows.t)
    bends = np.abs(np.diff(slope))
    kinks = np.argpartition(bends, -_KINKS)[-_KINKS:, np.newaxis] + np.arange(-2, 5)
    places = [np.arange(_DENSE), np.linspace(0, n - 1, _SPREAD).astype(np.int64), kinks.ravel(), np.arange(n - 64, n)]
    return rows.take(np.unique(np.clip(np.concatenate(places), 0, n - 1)))


def matches(rows: Rows, values: Vector) -> Flags:
    """Return a flag for each row: True if its value is explained."""
    close: Flags = np.abs(rows.v - values) <= rows.tol
    return close


def _sampled(begin: int, end: int) -> Times:
    if end - begin <= _SAMPLE:
        return np.arange(begin, end)
    edge = np.arange(8)
    spread = np.linspace(begin, end - 1, _SAMPLE).astype(np.int64)
    return np.unique(np.concatenate([begin + edge, spread, end - 1 - edge]))


@final
class Search:
    """Search for the stages of a log."""

    def __init__(self, rows: Rows, full: Rows) -> None:
        self.rows, self.full, self.n = rows, full, rows.t.size
        self.foreign = np.zeros(self.n, dtype=np.bool_)  # rows that belong to no stage
        self.restart: tuple[float, float] | None = None  # a time, and the time at which the schedule began again

    def stages(self) -> list[Piece]:
        """Return the stages from the first row on, at most one more than `MOST_STAGES`."""
        pieces: list[Piece] = []
        at = 0
        while at < self.n and len(pieces) <= MOST_STAGES:
            if pieces and self._restarted(pieces, at):
                return pieces
            if len(pieces) == _FEW_STAGES and at < _FEW_ROWS * self.n:
                break  # noise, or a curve of no family
            piece, begin, end = self._next(at)
            if begin > at:
                pieces += self._gap(at, begin, piece)
            pieces.append(piece)
            at = end
            cycles = self._cycles(pieces)
            if cycles is not None:
                found, at = cycles
                while pieces and pieces[-1].first >= found.first:
                    pieces.pop()
                pieces.append(found)
        return pieces

    def _next(self, at: int) -> tuple[Piece, int, int]:
        """Return the stage that starts at a row or soon after it, and its first row and its end."""
        steps = self._steps(at)
        if steps is not None and steps[1] == self.n:
            return steps[0], at, self.n
        if (stairs := self._stairs(at)) is not None:
            return stairs, at, self.n
        fit, end = self._longest(at)
        begin = at
        if fit.family is CONSTANT and steps is not None:
            return steps[0], at, steps[1]
        # Few rows are explained by many curves, so a long stage that starts soon after them takes precedence.
        if end - at < 20 and end < self.n:
            for skipped in (1, 2, 3, 4, 6, 8, 12):
                if at + skipped + _LEAST >= self.n or skipped >= end - at:
                    break
                other, reached = self._longest(at + skipped)
                if reached - end > max(2 * (end - at), 8):
                    start = at + skipped
                    while (
                        start > at + 1
                        and matches(
                            self.rows.take(slice(start - 1, start)), other.at(self.rows.t[start - 1 : start])
                        ).all()
                    ):
                        start -= 1
                    if start < end - (2 if fit.family is LINE else 0):
                        fit, end, begin = other, reached, start
                    break
        return self._piece(fit, begin, end), begin, end

    def _piece(self, fit: Fit, begin: int, end: int) -> Piece:
        first, last = self.rows.t[begin].item(), self.rows.t[end - 1].item()
        return Piece("curve", first, last, fit, rows=end - begin)

    def _gap(self, begin: int, end: int, after: Piece) -> list[Piece]:
        """Return a straight line through a few rows before a stage, to its start."""
        rows = self.rows.take(slice(begin, end))
        target = after.fit.time(0) if after.fit.family is COSINE else after.first
        if not rows.t[-1] < target <= self.rows.t[end]:
            target = after.first
        top = after.at(np.array([target]))[0]
        slope = (top - rows.v[0]) / (target - rows.t[0])
        span = (float(rows.t[0]), 1.0)
        fit = Fit(LINE, np.array([rows.v[0], slope]), span, np.zeros(2))
        return [Piece("curve", float(rows.t[0]), float(rows.t[-1]), fit, rows=end - begin)]

    def _longest(self, at: int) -> tuple[Fit, int]:
        """Return the curve that explains the most rows from a row on, the simplest of nearly equal ones."""
        best = Fit(CONSTANT, self.rows.v[at : at + 1], (self.rows.t[at].item(), 1.0), np.zeros(1))
        end = self._extent(best, at)
        for family in CURVES:
            if end == self.n:
                break
            found = self._extend(family, at)
            more = family.size - best.family.size + 1
            if found is not None and found[1] - end > max(more, 0) + 0.04 * (end - at):
                best, end = found
        return best, end

    def _extent(self, fit: Fit, at: int) -> int:
        """Return the first row after `at` that a curve does not explain, apart from short stretches of rows."""
        t = self.rows.t[at:]
        own = matches(self.rows.take(slice(at, None)), fit.at(t))
        if fit.family is POWER and fit.p[0] > 0.5:
            own &= t <= fit.time(0) + 1e-6 * fit.span[1]  # the curve ends there
        elif fit.family is POWER:
            own &= t >= fit.time(0) - 1e-6 * fit.span[1]
        wrong = np.flatnonzero(~own) + at
        if not wrong.size:
            return self.n
        end = int(wrong[0])
        most = max(int(_FOREIGN * self.n), 1)
        right = np.ones(self.n + 1, dtype=np.bool_)
        right[wrong] = False
        stretches = 0
        while end < self.n and end - at >= _LEAST and stretches < 3:
            length = int(np.argmax(right[end:]))
            need = max(_LEAST, 3 * length)
            after = right[end + length : end + length + need]
            if length > most or end + length + need > self.n or not after.all() or fit.family is CONSTANT:
                break
            self.foreign[end : end + length] = True
            rest = np.flatnonzero(~right[end + length : self.n])
            end = self.n if not rest.size else end + length + int(rest[0])
            stretches += 1
        return end

    def _fit(self, family: Family, at: int, end: int, near: Fit | None = None) -> Fit | None:
        chosen = _sampled(at, end)
        chosen = chosen[~self.foreign[chosen]]
        if chosen.size <= family.size:
            return None
        fit = fit_rows(family, self.rows.take(chosen), near)
        if fit is None:
            return None
        gap = (self.rows.t[end - 1] - self.rows.t[at]) / (end - at) / fit.span[1]
        wild = (family is COSINE and fit.p[1] < 3 * gap) or (family is EXPONENTIAL and abs(fit.p[0]) * gap > 3)
        wild |= family is POWER and abs(fit.p[1]) < 0.05
        return None if wild else fit

    def _extend(self, family: Family, at: int) -> tuple[Fit, int] | None:
        """Return a curve of the family that explains as many rows from a row on as possible, and its end."""
        room = self.n - at
        fit: Fit | None = None
        good, bad = 0, room + 1
        size = room
        while size > family.size:
            fit = self._fit(family, at, at + size)
            if fit is not None:
                end = self._extent(fit, at) - at
                if end > family.size and end >= size // 4:
                    good = end
                    break
            bad, size = size, size // 2
        if fit is None or not good:
            return None
        while bad - good > 1:
            size = (good + bad) // 2
            other = self._fit(family, at, at + size, fit)
            end = 0 if other is None else self._extent(other, at) - at
            if other is not None and end > good:
                fit, good = other, end
            else:
                bad = size
        return fit, at + good

    def _runs(self, at: int, most: int) -> list[tuple[int, int]]:
        """Return the first and the end row of each run of equal values from a row on, at most `most` of them."""
        v, tol = self.rows.v, self.rows.tol
        runs: list[tuple[int, int]] = []
        changed = np.append(np.flatnonzero(np.abs(np.diff(v[at:])) > 1e-3 * tol[at + 1 :]) + at + 1, self.n)
        begin = at
        for end in changed[:most].tolist():
            runs.append((begin, end))
            begin = end
        return runs

    def _steps(self, at: int) -> tuple[Piece, int] | None:
        """Return at least three constant levels with the same ratio, and the end of the last one."""
        v, t, tol = self.rows.v, self.rows.t, self.rows.tol
        runs = self._runs(at, 100_000)
        ratio, count = 1.0, 1
        for (last, _), (begin, end) in pairwise(runs):
            if end - begin < 2 and end < self.n:
                break
            if v[last] == 0 or v[begin] == 0:
                break
            own = v[begin] / v[last]
            slack = (tol[begin] / abs(v[begin]) + tol[last] / abs(v[last])) * abs(own)
            if count > 1 and abs(own - ratio) > slack:
                break
            ratio, count = (own if count == 1 else ratio), count + 1
        if count < 3 or ratio <= 0:
            return None
        ratio = float((v[runs[count - 1][0]] / v[at]) ** (1 / (count - 1)))
        end = runs[count - 1][1]
        fit = Fit(CONSTANT, v[at : at + 1], (t[at].item(), 1.0), np.zeros(1))
        gaps = tuple((t[begin - 1].item(), t[begin].item()) for begin, _ in runs[1:count])
        piece = Piece("steps", t[at].item(), t[end - 1].item(), fit, gaps, ratio, rows=end - at)
        return piece, end

    def _stairs(self, at: int) -> Piece | None:
        """Return the rest of the log as stairs of equal length, whose levels follow curves."""
        since = np.searchsorted(self.full.t, self.rows.t[at])
        rows = self.full.take(slice(int(since), None))
        if rows.t.size < _LEAST:
            return None
        changed = np.flatnonzero(np.abs(np.diff(rows.v)) > 1e-3 * rows.tol[1:])
        gap = float(np.median(np.diff(rows.t)))
        flat = (np.diff(changed) > 1).sum()  # stairs of at least two rows
        if changed.size < 3 or flat < 2 or (gap == 1 and np.diff(changed).min() == 1):
            return None
        every = _stair_length(rows.t[changed], rows.t[changed + 1], gap)
        if every is None or rows.t[-1] - rows.t[0] < 3 * every:
            return None
        number = np.floor(rows.t / every)
        firsts = np.append(0, np.flatnonzero(np.diff(number)) + 1)
        if (np.diff(np.floor(rows.t[changed + 1] / every)) == 1).sum() < 2:
            return None
        levels = Rows(number[firsts], rows.v[firsts], rows.tol[firsts])
        search = Search(thin(levels), levels)
        inner = search.stages()
        if len(inner) > MOST_STAGES or search.restart is not None:
            return None
        return Piece(
            "stairs", rows.t[0].item(), rows.t[-1].item(), inner[0].fit, (), 1.0, every, tuple(inner), rows=rows.t.size
        )

    def _restarted(self, pieces: list[Piece], at: int) -> bool:
        """Return whether the first stage begins again at a row, and note the time at which it does."""
        t, v, tol = self.rows.t, self.rows.v, self.rows.tol
        first, last = pieces[0], pieces[-1]
        jump = abs(v[at] - v[at - 1])
        if jump <= max(tol[at], 3 * float(np.abs(last.at(t[at : at + 1]) - last.at(t[at - 1 : at]))[0])):
            return False
        if first.hold or not np.isfinite(v[at]):
            return False
        fit = last.fit
        if last.kind == "curve" and fit.family is COSINE:
            end = fit.time(0) + fit.span[1] * float(fit.p[1])
            if abs(end - t[at]) <= max(2.0, 0.02 * fit.span[1] * float(fit.p[1]), 2 * (t[at] - t[at - 1])):
                return False
        elif last.kind != "steps" and abs(v[at - 1]) < 0.02 * np.abs(v).max():
            return False
        low, high = int(t[at - 1] + 1), int(t[at])
        for begin in range(high, max(low, high - 64) - 1, -1):
            since = t[at:] - begin + t[0]
            own = since <= first.last
            size = min(int(own.sum()), 400)
            same = matches(self.rows.take(slice(at, at + size)), first.at(since[:size]))
            if size >= 3 and same.all() and np.abs(np.diff(v[at : at + size])).max() > tol[at]:
                self.restart = (float(t[at]), float(begin - t[0]))
                return True
        return False

    def _cycles(self, pieces: list[Piece]) -> tuple[Piece, int] | None:
        """Return the restarts or triangles that the last stages begin, and the end of their last row."""
        found: list[Cycles] = []
        one, two = (pieces[-2], pieces[-1]) if len(pieces) > 1 else (None, None)
        if one is None or two is None or one.kind != "curve" or two.kind != "curve":
            return None
        if one.fit.family is COSINE and two.fit.family is COSINE:
            found = _cosine_cycles(one, two, float(self.rows.t[-1]))
        elif len(pieces) > 2 and all(piece.fit.family is LINE for piece in (pieces[-3], one, two)):
            found = _triangles(pieces[-3], one, two)
        best: tuple[int, Cycles] | None = None
        for cycles in found:
            begin = int(np.searchsorted(self.rows.t, cycles.origin))
            wrong = np.flatnonzero(~matches(self.rows.take(slice(begin, None)), cycles.at(self.rows.t[begin:])))
            end = begin + int(wrong[0]) if wrong.size else self.n
            if best is None or end > best[0]:
                best = end, cycles
        if best is None or best[0] == 0 or self.rows.t[best[0] - 1] < two.last:
            return None
        end, cycles = best
        begin = int(np.searchsorted(self.rows.t, cycles.origin))
        first, last = float(self.rows.t[begin]), float(self.rows.t[end - 1])
        return Piece("cycles", first, last, one.fit, shape=cycles, rows=end - begin), end


def _stair_length(before: Vector, after: Vector, gap: float) -> int | None:
    """Return the length of stairs whose steps are between two times each; None if there is none above `gap`."""
    if (after - before == 1).all():
        every = reduce(gcd, after.astype(np.int64).tolist(), 0)
        return every if every > 1 else None
    most = int(np.min(after[1:] - before[:-1]))  # no stair is longer than the time around two steps
    few = slice(0, 48)
    lengths = np.arange(int(gap) + 1, min(most, _MOST_STAIRS) + 1)[:, np.newaxis]
    lengths = lengths[(after[few] // lengths > before[few] // lengths).all(axis=1)]
    fitting = [int(one) for one in lengths.ravel() if (after // one > before // one).all()]
    return max(fitting, default=None)


def even_length(gaps: Sequence[tuple[float, float]], origin: float = 0.0, skipped: int = 0) -> int | None:
    """Return the common distance of steps between two times each, of which `skipped` earlier ones are not listed."""
    places = np.arange(1, len(gaps) + 1) + skipped
    before, after = (np.array(gaps) - origin).T
    return roundest_integer(float((before / places).max()), float((after / places).min()))


def roundest_integer(above: float, most: float) -> int | None:
    """Return the integer with the most trailing zeros that is above `above` and at most `most`; None if none is."""
    low, high = int(np.floor(above)) + 1, int(np.floor(most))
    if low > high:
        return None
    unit = 1
    while -(-low // (unit * 10)) * unit * 10 <= high and unit < 10**9:
        unit *= 10
    multiples = range(-(-low // unit) * unit, high + 1, unit)
    return next((one for one in multiples if one % (5 * unit) == 0), multiples[-1])


def roundest(value: float, slack: float) -> float:
    """Return the number with the fewest digits that differs by at most `slack`."""
    if abs(value) <= slack:
        return 0.0
    return next(
        (near for digits in range(1, 17) if abs((near := float(f"{value:.{digits}g}")) - value) <= slack), value
    )


def _cosine_cycles(one: Piece, two: Piece, last: float) -> list[Cycles]:
    """Return the restarts whose first two cycles are two stages."""
    n1, n2 = (piece.fit.span[1] * float(piece.fit.p[1]) for piece in (one, two))
    s1, s2 = (piece.fit.time(0) for piece in (one, two))
    (high1, low1), (high2, low2) = (piece.fit.p[2:].tolist() for piece in (one, two))
    origin, first = float(round(s1)), roundest(s2 - round(s1), 0.02)
    if high1 <= low1 or high2 <= low2 or abs(n1 - first) > max(1.5, 0.01 * first) or first < 1:
        return []
    first = first if abs(first - round(first)) > 0.02 else float(round(first))
    mult = roundest(n2 / n1, 0.02)
    mult = mult if mult >= 1.001 else 1.0
    error = 4 * float((one.fit.sigma + two.fit.sigma)[2:].max()) + 1e-10
    low1 = 0.0 if abs(low1) <= error else low1
    high1 = roundest(high1, error)
    gamma, down = roundest(high2 / high1, error), roundest(low2 / low1, error / abs(low1)) if low1 else 1.0
    named = {"mult": mult, "gamma": gamma, "to_gamma": down}
    made = []
    for exact in ({}, {"lengths": "exact"}, {"lengths": "floor"}) if mult != 1 else ({},):
        for length in dict.fromkeys((first, n1)) if mult == 1 else (first,):
            made.append(Cycles("restarts", origin, (length,), low1, high1, named | exact))
            ends = [first * (mult**times - 1) / (mult - 1) for times in range(1, 9)] if mult != 1 else []
            for times, end in enumerate(ends, 1):
                if end <= last + 1 - s1:
                    made.append(Cycles("restarts", origin, (length,), low1, high1, named | exact | {"times": times}))
            if mult == 1 and (times := round((last - s1) / length)) >= 1:
                even = (last - origin) / times
                for whole in (length, even, (last + 1 - origin) / times):
                    made.append(Cycles("restarts", origin, (whole,), low1, high1, named | {"times": times}))
    return made


def _triangles(one: Piece, two: Piece, three: Piece) -> list[Cycles]:
    """Return the triangles whose first two sides and third side are three stages."""
    top, bottom = _meeting(one.fit, two.fit), _meeting(two.fit, three.fit)
    if top is None or bottom is None:
        return []
    up, down = round(top - one.first), round(bottom - top)
    low, high = one.fit.at(np.array([one.first]))[0].item(), one.fit.at(np.array([top]))[0].item()
    if up < 1 or down < 1 or high <= low:
        return []
    modes = ("triangular", "triangular2")
    return [Cycles("cyclic", one.first, (float(up), float(down)), low, high, {"mode": mode}) for mode in modes]


def _meeting(one: Fit, two: Fit) -> float | None:
    """Return the time at which two straight lines meet."""
    slopes = [float(fit.p[1]) / fit.span[1] for fit in (one, two)]
    if slopes[0] == slopes[1]:
        return None
    at = one.span[0]
    zero = np.array([at])
    return float(at + (two.at(zero)[0] - one.at(zero)[0]) / (slopes[0] - slopes[1]))
