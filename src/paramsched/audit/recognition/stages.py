"""Division of logged values into stages, each explained by one curve."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from math import gcd
from typing import Any, final

import numpy as np

from paramsched.audit.log_values import Flags, Times
from paramsched.audit.recognition.families import (
    CONSTANT,
    COSINE,
    CURVES,
    FALL,
    LINE,
    RISE,
    Family,
    Fit,
    Rows,
    fit_rows,
    with_round_numbers,
)
from paramsched.curves.arrays import Floats
from paramsched.schedules import Schedule, cosine_restarts, cyclic
from paramsched.schedules.evaluation import evaluate

MOST_STAGES = 6
_DENSE = 512  # the first rows, which are all used to find stages
_SPREAD = 1536  # the rows in the rest of a long log that are used to find stages
_KINKS = 96  # the rows at which the slope changes most, which are used with their neighbors
_SAMPLE = 144  # the rows of a stage to which a curve is fitted
_LEAST = 12  # rows before a stretch of foreign values
_SHORT = 24  # rows that may be explained by a curve with too many parameters
_FOREIGN = 0.01
_FEW_STAGES, _FEW_ROWS = 4, 0.05
_MOST_STAIRS = 200_000  # updates, in a log without each update


@final
@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stage of a log.

    Args:
        first: the time of the first row.
        last: the time of the last row.
        at: the values at times.
        fit: the curve, if the stage is one.
        cycles: a function from a level to the schedule, for a base of `high`, if the stage consists of cycles.
        low, high: the lowest and the highest level of the cycles.
        drops: the times between which the value is multiplied by `ratio`, if the stage consists of such steps.
        ratio: the ratio of two levels of steps.
        every: the length of stairs, if the stage consists of them.
        inner: the stages of the levels of the stairs.
    """

    first: float
    last: float
    at: Callable[[Floats], Floats]
    fit: Fit | None = None
    cycles: Callable[[Any], Schedule] | None = None
    low: float = 0.0
    high: float = 1.0
    drops: tuple[tuple[float, float], ...] = ()
    ratio: float = 1.0
    every: int = 0
    inner: "tuple[Piece, ...]" = ()

    def is_a(self, family: Family) -> bool:
        return self.fit is not None and self.fit.family is family


def values_of(pieces: Sequence[Piece], t: Floats) -> Floats:
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
    bends = np.abs(np.diff(np.diff(rows.v) / np.diff(rows.t)))
    kinks = np.argpartition(bends, -_KINKS)[-_KINKS:, np.newaxis] + np.arange(-2, 5)
    places = [np.arange(_DENSE), np.linspace(0, n - 1, _SPREAD).astype(np.int64), kinks.ravel(), np.arange(n - 64, n)]
    return rows.take(np.unique(np.clip(np.concatenate(places), 0, n - 1)))


def sample(begin: int, end: int, most: int = _SAMPLE) -> Times:
    """Return places from `begin` to `end`: all of them, or those at both ends and some between."""
    spread = np.linspace(begin, end - 1, min(most, end - begin)).astype(np.int64)
    edge = np.arange(min(8, end - begin))
    return np.unique(np.concatenate([begin + edge, spread, end - 1 - edge]))


def roundest_integer(above: float, most: float) -> int | None:
    """Return the integer with the most trailing zeros that is above `above` and at most `most`; None if none is."""
    low, high = int(np.floor(above)) + 1, int(np.floor(most))
    units = (factor * 10**power for power in range(9, -1, -1) for factor in (5, 1))
    return next((-(-low // unit) * unit for unit in units if -(-low // unit) * unit <= high), None)


def roundest(value: float, slack: float) -> float:
    """Return the number with the fewest digits that differs by at most `slack`."""
    near = (float(f"{value:.{digits}g}") for digits in range(1, 17))
    return 0.0 if abs(value) <= slack else next((one for one in near if abs(one - value) <= slack), value)


@final
class Search:
    """Search for the stages of a log."""

    def __init__(self, full: Rows) -> None:
        self.rows, self.full = thin(full), full
        self.n = self.rows.t.size
        self.foreign = np.zeros(self.n, dtype=np.bool_)  # rows that belong to no stage
        self.restart: tuple[float, float] | None = None  # a time, and the time at which the schedule began again

    def stages(self) -> list[Piece]:
        """Return the stages from the first row on, at most one more than `MOST_STAGES`."""
        t, pieces, begins, at = self.rows.t, list[Piece](), list[int](), 0
        while at < self.n and len(pieces) <= MOST_STAGES:
            if pieces and self._restarted(pieces, at):
                break
            if len(pieces) == _FEW_STAGES and at < _FEW_ROWS * self.n:
                break  # noise, or a curve of no family
            piece, end = self._next(at)
            begin = at
            # Few rows are explained by many curves, so a long stage that follows them takes precedence.
            if pieces and at - begins[-1] < _SHORT and end - at > 2 * (at - begins[-1]) and pieces[-1].fit is not None:
                inside = self.rows.take(slice(begins[-1], at))
                wrong = np.flatnonzero(~inside.matches(piece.at(inside.t)))
                begin = begins[-1] + max(int(wrong.max(initial=0)) + 1, 1)
                if begin - begins[-1] <= pieces[-1].fit.family.size:
                    pieces[-1] = self._line(begins[-1], begin, piece)
            pieces.append(replace(piece, first=t[begin].item()))
            begins.append(begin)
            at = end
            for cycles in self._cycles(pieces):
                begin = int(np.searchsorted(t, cycles.first))
                good = self.rows.take(slice(begin, None)).matches(cycles.at(t[begin:]))
                reached = begin + int(np.argmin(good)) if not good.all() else self.n
                if reached >= end and reached > at - (at == end):
                    at, found = reached, replace(cycles, last=t[reached - 1].item())
                    while pieces and pieces[-1].first >= cycles.first:
                        pieces.pop()
                        begins.pop()
                    pieces.append(found)
                    begins.append(begin)
        return pieces

    def _next(self, at: int) -> tuple[Piece, int]:
        """Return the stage that starts at a row, and its end."""
        t = self.rows.t
        steps = self._steps(at)
        if steps is not None and steps[1] == self.n:
            return steps
        if (stairs := self._stairs(at)) is not None:
            return stairs, self.n
        fit, end = Fit(CONSTANT, np.zeros(0), self.rows.v[at].item(), 0.0, t[at].item()), at
        end = self._extent(fit, at)
        for family in CURVES:
            found = self._extend(family, at) if end < self.n else None
            if found is not None and found[1] - end > max(family.size - fit.family.size, 0) + 0.04 * (end - at):
                fit, end = found
        if fit.family is CONSTANT and steps is not None:
            return steps
        own = sample(at, end, 2 * _SAMPLE)
        own = own[self.rows.take(own).matches(fit.at(t[own]))]
        fit = with_round_numbers(fit, self.rows.take(own))
        return Piece(t[at].item(), t[end - 1].item(), fit.at, fit), end

    def _line(self, begin: int, end: int, after: Piece) -> Piece:
        """Return a straight line through a few rows before a stage; through one row, to the start of the stage."""
        rows = self.rows.take(slice(begin, end))
        fit = fit_rows(LINE, rows) if end - begin > 1 else None
        if fit is None:
            origin = after.fit.natural[0] if after.fit is not None else None
            target = after.first if origin is None or not rows.t[-1] < origin <= after.first else origin
            slope = (after.at(np.array([target]))[0] - rows.v[0]) / (target - rows.t[0])
            fit = Fit(LINE, np.zeros(0), rows.v[0].item(), float(slope), rows.t[0].item())
        return Piece(rows.t[0].item(), rows.t[-1].item(), fit.at, fit)

    def _extent(self, fit: Fit, at: int) -> int:
        """Return the first row after `at` that a curve does not explain, apart from short stretches of rows."""
        rows = self.rows.take(slice(at, None))
        own = rows.matches(fit.at(rows.t))
        if fit.family is FALL:
            own &= rows.t <= fit.origin + fit.p[0] + 1e-3  # the curve ends there
        elif fit.family is RISE:
            own &= rows.t >= fit.origin + fit.p[0] - 1e-3
        wrong = np.flatnonzero(~own) + at
        end, stretches = int(wrong[0]) if wrong.size else self.n, 0
        right = np.append(np.ones(at, dtype=np.bool_), [*own, True])
        while end < self.n and end - at >= _LEAST and stretches < 3 and fit.family is not CONSTANT:
            length = int(np.argmax(right[end:]))
            after = right[end + length : self.n][: max(4, 3 * length)]
            if length > max(_FOREIGN * self.n, 1) or after.size < 2 or not after.all():
                break
            self.foreign[end : end + length] = True
            rest = np.flatnonzero(~right[end + length : self.n])
            end = self.n if not rest.size else end + length + int(rest[0])
            stretches += 1
        return end

    def _extend(self, family: Family, at: int) -> tuple[Fit, int] | None:
        """Return a curve of the family that explains as many rows from a row on as possible, and its end."""
        fit: Fit | None = None
        room, good, bad = self.n - at, 0, self.n - at + 1
        size = min(_SHORT, room)
        while size > family.size and bad - good > 1:
            chosen = sample(at, at + size)
            rows = self.rows.take(chosen[~self.foreign[chosen]])
            found = fit_rows(family, rows, fit, again=size >= 2 * good) if rows.t.size > family.size else None
            end = 0 if found is None else self._extent(found, at) - at
            if found is not None and end > good and end >= min(size, family.size + 1):
                fit, good = found, end
                size = room if bad > room else (good + bad) // 2
            else:
                bad = min(bad, size)
                size = size // 2 if size // 2 > good else (good + bad) // 2
        return None if fit is None else (fit, at + good)

    def _steps(self, at: int) -> tuple[Piece, int] | None:
        """Return at least three constant levels with the same ratio, and the end of the last one."""
        t, v, tol = self.rows.t, self.rows.v, self.rows.tol
        changed = np.append(np.flatnonzero(np.abs(np.diff(v[at:])) > 1e-3 * tol[at + 1 :]) + at + 1, self.n)
        places = [at, *changed[:100_000].tolist()]
        ratio, count = 1.0, 1
        for last, (begin, end) in zip(places, pairwise(places[1:]), strict=False):
            if (end - begin < 2 and end < self.n) or v[last] == 0 or v[begin] == 0:
                break
            own = v[begin] / v[last]
            slack = (tol[begin] / abs(v[begin]) + tol[last] / abs(v[last])) * abs(own)
            if count > 1 and abs(own - ratio) > slack:
                break
            ratio, count = (own if count == 1 else ratio), count + 1
        if count < 3 or ratio <= 0:
            return None
        drops = tuple((t[begin - 1].item(), t[begin].item()) for begin in places[1:count])
        ratio = float(v[places[count - 1]] / v[at]) ** (1 / (count - 1))
        ratio, after = roundest(ratio, ratio * min(3 * float(tol.max()) / len(drops), 1e-3)), [one for _, one in drops]
        high = float(v[at])
        piece = Piece(
            t[at].item(),
            t[places[count] - 1].item(),
            lambda t: high * ratio ** np.searchsorted(after, t, side="right").astype(np.float64),
            drops=drops,
            ratio=ratio,
            high=high,
        )
        return piece, places[count]

    def _stairs(self, at: int) -> Piece | None:
        """Return the rest of the log as stairs of equal length, whose levels follow curves."""
        rows = self.full.take(slice(int(np.searchsorted(self.full.t, self.rows.t[at])), None))
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
        if (np.diff(number[changed + 1]) == 1).sum() < 2:
            return None
        search = Search(Rows(number[firsts] * every, rows.v[firsts], rows.tol[firsts]))
        inner = tuple(search.stages())
        if len(inner) > MOST_STAGES or search.restart is not None:
            return None
        at_stair = lambda t: values_of(inner, np.floor(t / every) * every)  # noqa: E731
        return Piece(rows.t[0].item(), rows.t[-1].item(), at_stair, every=every, inner=inner)

    def _restarted(self, pieces: list[Piece], at: int) -> bool:
        """Return whether the first stage begins again at a row, and note the time at which it does."""
        t, v, tol = self.rows.t, self.rows.v, self.rows.tol
        first, last = pieces[0], pieces[-1]
        jump = abs(v[at] - v[at - 1])
        if first.is_a(CONSTANT) or jump <= max(tol[at], 3 * float(np.ptp(last.at(t[at - 1 : at + 1])))):
            return False
        if last.is_a(COSINE) and last.fit is not None:
            length = float(last.fit.p[1])
            if abs(last.fit.origin + last.fit.p.sum() - t[at]) <= max(2.0, 0.02 * length, 2 * (t[at] - t[at - 1])):
                return False
        elif not last.drops and abs(v[at - 1]) < 0.02 * np.abs(v).max():
            return False
        for begin in range(int(t[at]), max(int(t[at - 1]), int(t[at]) - 65), -1):
            since = t[at:] - begin + t[0]
            size = min(int((since <= first.last).sum()), 400)
            again = self.rows.take(slice(at, at + size))
            if size >= 3 and again.matches(first.at(since[:size])).all() and np.ptp(again.v) > tol[at]:
                self.restart = (t[at].item(), float(begin - t[0]))
                return True
        return False

    def _cycles(self, pieces: list[Piece]) -> Iterator[Piece]:
        """Yield the restarts or triangles that the last stages may begin."""
        fits = [piece.fit for piece in pieces[-3:] if piece.fit is not None]
        last = float(self.rows.t[-1])
        if len(fits) > 1 and fits[-1].family is COSINE and fits[-2].family is COSINE and pieces[-2].fit is not None:
            yield from _restarts(fits[-2], fits[-1], last, max(1e-9, 0.5 * float(self.rows.tol.max())))
        elif len(fits) > 2 and all(fit.family is LINE for fit in fits):
            low, begin = fits[0].at(np.array([pieces[-3].first])).item(), pieces[-3].first
            tops = [_meeting(one, two) for one, two in pairwise(fits)]
            if not np.isfinite(tops).all():
                return
            up, down = round(tops[0] - begin), round(tops[1] - tops[0])
            high = fits[0].at(np.array([tops[0]])).item()
            for mode in ("triangular", "triangular2") if up > 0 and down > 0 and high > low else ():
                yield _cycles_at(begin, last, lambda level, mode=mode: cyclic(up, down, start=level, mode=mode), low, high)


def _cycles_at(begin: float, last: float, make: Callable[[Any], Schedule], low: float, high: float) -> Piece:
    return Piece(
        begin,
        last,
        lambda t: evaluate(make(low / high), np.maximum(t - begin, 0), high),
        cycles=make,
        low=low,
        high=high,
    )


def _restarts(one: Fit, two: Fit, last: float, error: float) -> Iterator[Piece]:
    """Yield the restarts whose first two cycles are two stages."""
    (begin, end), (again, _) = one.natural, two.natural
    assert begin is not None
    assert end is not None
    assert again is not None
    n1, n2, first = float(one.p[1]), float(two.p[1]), roundest(again - begin, 1e-6)
    low, low2, high, high2 = one.a - one.b, two.a - two.b, one.a + one.b, two.a + two.b
    if one.b <= 0 or two.b <= 0 or first < 1 or abs(n1 - first) > max(1.5, 0.01 * first):
        return
    mult = roundest(n2 / n1, 0.02)
    mult = mult if mult >= 1.001 else 1.0
    low, high = (0.0 if abs(low) <= error else low), roundest(high, error)
    named = {"gamma": roundest(high2 / high, 4 * error), "to_gamma": roundest(low2 / low, 4 * error / low) if low else 1.0}
    times = range(1, 9) if mult != 1 else (round((last - begin) / first),)
    lengths = dict.fromkeys((first, n1, (last - begin) / max(times[0], 1), (last + 1 - begin) / max(times[0], 1)))
    for length in lengths if mult == 1 else (first,):
        for exact in ({}, {"lengths": "exact"}, {"lengths": "floor"}) if mult != 1 else ({},):
            for count in ({}, *({"times": time} for time in times if time > 0)):

                def make(level: Any, length: float = length, more: Any = exact | count) -> Schedule:
                    return cosine_restarts(length_text(length), mult=mult, to=level, **named, **more)

                yield _cycles_at(begin, last, make, low, high)


def length_text(length: float) -> Any:
    """Return a length as an argument of a schedule: an integer, or text for another number of updates."""
    near = round(length)
    return near if abs(length - near) < 1e-6 else f"{roundest(length, 1e-9)!r} steps"


def _meeting(one: Fit, two: Fit) -> float:
    """Return the time at which two straight lines meet."""
    at = np.array([two.origin])
    return float(two.origin + (two.at(at)[0] - one.at(at)[0]) / (one.b - two.b)) if one.b != two.b else np.nan


def _stair_length(before: Floats, after: Floats, gap: float) -> int | None:
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


def stretches(flags: Flags) -> list[tuple[int, int]]:
    """Return the first and the end row of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2], strict=True)]
