"""Division of logged values into stages, each explained by one curve."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, TypeAlias, final

import numpy as np

from paramsched.core.curves.arrays import Floats
from paramsched.core.schedules import Schedule, cosine_restarts, cyclic
from paramsched.core.schedules.evaluation import evaluate
from paramsched.tools.audit.recognition import families
from paramsched.tools.audit.recognition.families import CONSTANT, COSINE, FALL, LINE, RISE, Family, Fit, Rows
from paramsched.tools.records.log_values import Times

MOST_STAGES = 6
_DENSE = 512  # the first rows, which are all used to find stages
_SPREAD = 1536  # the rows in the rest of a long log that are used to find stages
_KINKS = 96  # the rows at which the slope changes most, which are used with their neighbors
_SAMPLE = 144  # the rows of a stage to which a curve is fitted
_LEAST = 12  # rows of stairs
_MOST_INSIDE = 3  # the begins of stairs may be stairs, which are no schedule; further ones would take exponential time
_SHORT = 24  # rows that may be explained by a curve with too many parameters
_TALL = 20  # times the largest value: a wave of that height may be a power of 2, near its lowest point
_FOREIGN = 0.01
_FEW_STAGES, _FEW_ROWS = 4, 0.05
_ONE_RATIO = 1.02  # between the largest and the smallest ratio that explain all levels of steps
_ROUND_RATIO = 3  # digits of a ratio that is preferred to the first level of the log
_OFFSETS = sorted(range(-7, 8), key=abs)  # of the ratios that are tried around the middle of an interval
_MOST_STAIRS = 200_000  # updates, in a log without each update

Drops: TypeAlias = tuple[tuple[float, float], ...]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A stage of a log.

    Args:
        first: the time of the first row.
        last: the time of the last row.
        at: the values at times.
        fit: the curve, if the stage is one.
        cycles: the schedule for a base of `high`, if the stage consists of cycles.
        high: the first level of steps, the highest of cycles.
        drops: the times between which the value is multiplied by `ratio`, if the stage consists of such steps.
        ratio: the ratio of two levels of steps.
        every: the length of stairs, if the stage consists of them.
        inner: the stages of the levels of the stairs.
    """

    first: float
    last: float
    at: Callable[[Floats], Floats]
    fit: Fit | None = None
    cycles: Schedule | None = None
    high: float = 1.0
    drops: Drops = ()
    ratio: float = 1.0
    every: int = 0
    inner: "tuple[Piece, ...]" = ()

    def is_a(self, family: Family) -> bool:
        return self.fit is not None and self.fit.family is family

    @property
    def natural(self) -> tuple[float | None, float | None]:
        return (None, None) if self.fit is None else self.fit.natural


def values_of(pieces: Sequence[Piece], t: Floats) -> Floats:
    """Return the values of stages at times."""
    place = np.searchsorted([piece.first for piece in pieces], t, side="right") - 1
    return np.select([place == one for one in range(len(pieces))], [piece.at(t) for piece in pieces], np.nan)


@lru_cache(maxsize=256)
def sample(begin: int, end: int, most: int = _SAMPLE) -> Times:
    """Return places from `begin` to `end`, read-only: all of them, or those at both ends and some between."""
    edge = np.arange(min(8, end - begin))
    spread = np.linspace(begin, end - 1, most).astype(np.int64)
    places = np.unique(np.concatenate([begin + edge, spread, end - 1 - edge]))
    places.flags.writeable = False  # the result is cached
    return places


def roundest_integer(above: float, most: float) -> int | None:
    """Return the integer with the most trailing zeros that is above `above` and at most `most`; None if none is."""
    multiples = ((int(above // unit) + 1) * unit for unit in families.ROUND_UNITS)
    return next((one for one in multiples if one <= most), None)


def roundest(value: float, slack: float) -> float:
    """Return the number with the fewest digits that differs by at most `slack`."""
    near = (float(f"{value:.{digits}g}") for digits in range(1, 17))
    return 0.0 if abs(value) <= slack else next((one for one in near if abs(one - value) <= slack), value)


@final
class Search:
    """Search for the stages of a log.

    Args:
        full: all rows of the log, or the rows at which stairs begin.
        inside: the number of stairs, one inside of the other, whose begins the rows are.
    """

    def __init__(self, full: Rows, inside: int = 0) -> None:
        self.rows, self.full, self.inside, n = full, full, inside, full.t.size
        if n > _DENSE + _SPREAD:
            bends = np.abs(np.diff(np.diff(full.v) / np.diff(full.t)))
            kinks = np.argpartition(bends, -_KINKS)[-_KINKS:, np.newaxis] + np.arange(-2, 5)
            spread = np.linspace(0, n - 1, _SPREAD).astype(np.int64)
            places = np.concatenate([np.arange(_DENSE), spread, kinks.ravel(), np.arange(n - 64, n)])
            self.rows = full.take(np.unique(np.clip(places, 0, n - 1)))
        self.n = self.rows.t.size
        self.foreign = np.zeros(self.n, dtype=np.bool_)  # rows that belong to no stage
        self.restart: tuple[float, float] | None = None  # a time, and the time at which the schedule began again

    def stages(self) -> tuple[Piece, ...]:
        """Return the stages from the first row on, at most one more than `MOST_STAGES`."""
        t, pieces, at = self.rows.t, list[Piece](), 0
        # After few rows of four stages the log is noise, or a curve of no family.
        while at < self.n and len(pieces) <= MOST_STAGES and (len(pieces) != _FEW_STAGES or at > _FEW_ROWS * self.n):
            if pieces and self._restarted(pieces, at):
                break
            piece, end = self._next(at)
            before = int(np.searchsorted(t, pieces[-1].first)) if pieces else at
            # Few rows are explained by many curves, so a long stage that follows them takes precedence.
            if pieces and at - before < min(_SHORT, (end - at) / 2) and (fit := pieces[-1].fit) is not None:
                wrong = np.flatnonzero(~self.rows.matches(piece.at(t))[before + 1 : at])
                begin = before + 1 + (int(wrong[-1]) + 1 if wrong.size else 0)
                if begin - before <= fit.family.size:
                    pieces = self._with_line(pieces, begin, piece)
                piece = replace(piece, first=t[begin].item())
            pieces.append(piece)
            at = end
            for merged in (*self._steps(pieces), *self._cycles(pieces)):
                begin = int(np.searchsorted(t, merged.first))
                right = np.append(self.rows.matches(merged.at(t))[begin:], False)
                reached = begin + int(np.argmin(right))
                if reached >= at:
                    at, pieces = reached, [one for one in pieces if one.first < merged.first]
                    last = t[reached - 1].item()
                    drops = tuple(one for one in merged.drops if one[1] <= last)
                    pieces.append(replace(merged, last=last, drops=drops))
        return tuple(pieces)

    def _next(self, at: int) -> tuple[Piece, int]:
        """Return the stage that starts at a row, and its end."""
        t = self.rows.t
        if (stairs := self._stairs(at)) is not None:
            return stairs, self.n
        fit = Fit(CONSTANT, np.zeros(0), self.rows.v[at].item(), 0.0, t[at].item())
        end = self._extent(fit, at)
        for family in families.CURVES:
            found = self._extend(family, at, end)
            if found is not None and found[1] > end:
                fit, end = found
        if fit.family is COSINE and abs(fit.b) > _TALL * float(np.abs(self.rows.v[at:end]).max()):
            powers = (self._extend(family, at, end - 1) for family in (FALL, RISE))
            fit = next((one[0] for one in powers if one is not None and one[1] >= end), fit)
        rows = self.rows.take(sample(at, end, 2 * _SAMPLE))
        rows = rows.take(rows.matches(fit.at(rows.t)))
        floored = fit.with_round_floor(rows.strict)
        if floored is None or fit.family is FALL:  # a power to another level may have fewer digits
            tried = (floored, fit.with_round_numbers(rows.strict))
            floored = min((one for one in tried if one is not None), key=lambda one: one.digits, default=None)
        fit = floored or fit.with_round_numbers(rows) or fit
        end = max(end, self._extent(fit, at))  # round numbers may explain the smallest values too
        return Piece(t[at].item(), t[end - 1].item(), fit.at, fit, high=fit.a), end

    def _with_line(self, pieces: list[Piece], end: int, after: Piece) -> list[Piece]:
        """Return the stages with a line in place of the last one, which has few rows before the next stage.

        The line goes through stages of one row before it too, or through 0 before the first row of the log, if it meets
        the next stage before its next row.
        """
        t, v, begin = self.rows.t, self.rows.v, int(np.searchsorted(self.rows.t, pieces[-1].first))
        kept, gap = pieces[:-1], t[end - 1 : end + 1]

        def meets(line: Fit) -> bool:
            return bool(np.prod(line.at(gap) - after.at(gap)) <= self.rows.tol.min())

        fit = LINE.fit(self.rows.take(slice(begin, end)))  # None for one row
        if end == 1 and t[0] > 0:
            from_zero = Fit(LINE, np.zeros(0), v[0].item(), (v[0] / t[0]).item(), t[0].item())
            fit = from_zero if meets(from_zero) else None
        while kept and kept[-1].first == t[begin - 1]:
            longer = LINE.fit(self.rows.take(slice(begin - 1, end)))
            if longer is None or not meets(longer):
                break
            fit, kept, begin = longer, kept[:-1], begin - 1
        if fit is None:  # to the start of the next stage
            origin = after.natural[0]
            target = after.first if origin is None or not t[begin] < origin <= after.first else origin
            slope = (after.at(np.array([target]))[0] - v[begin]) / (target - t[begin])
            fit = Fit(LINE, np.zeros(0), v[begin].item(), float(slope), t[begin].item())
        return [*kept, Piece(t[begin].item(), t[end - 1].item(), fit.at, fit)]

    def _extent(self, fit: Fit, at: int) -> int:
        """Return the first row after `at` that a curve does not explain, apart from short stretches of rows."""
        rows = self.rows.take(slice(at, None))
        own = rows.matches(fit.at(rows.t))
        if fit.family is not COSINE:  # a power does not continue after its end
            begin, final = fit.natural
            own &= rows.t >= (-np.inf if begin is None else begin - 1e-3)
            own &= rows.t <= (np.inf if final is None else final + 1e-3)
        right = np.append(np.ones(at, dtype=np.bool_), own)
        end = at
        for _ in range(4):
            rest = np.flatnonzero(~right[end:])
            if not rest.size:
                return self.n
            end += int(rest[0])
            length = int(np.argmax(right[end:]))  # 0 if there is none
            after = right[end + length :][: max(4, 3 * length)]
            few = end - at < 3 * fit.family.size or length > _FOREIGN * self.n or after.size < 2
            if few or not after.all():
                break
            self.foreign[end : end + length] = True
            end += length
        return end

    def _extend(self, family: Family, at: int, least: int) -> tuple[Fit, int] | None:
        """Return a curve of the family that explains as many rows from a row on as possible, and its end."""
        fit: Fit | None = None
        room, good, bad = self.n - at, 0, self.n - at + 1
        size = min(max(_SHORT, 2 * (least - at)), room)
        while size > max(family.size, good, least - at):
            chosen = sample(at, at + size)
            rows = self.rows.take(chosen[~self.foreign[chosen]])
            found = family.fit(rows, fit) if rows.t.size > family.size else None
            if found is not None and (end := self._extent(found, at) - at) > max(good, family.size):
                fit, good = found, end
                size = room if bad > room else (good + bad) // 2
            else:
                bad = size
                size = size // 2 if size // 2 > good else (good + bad) // 2
        return None if fit is None else (fit, at + good)

    def _stairs(self, at: int) -> Piece | None:
        """Return the rest of the log as stairs of equal length, whose levels follow curves."""
        rows = self.full.take(self.full.t >= self.rows.t[at])
        changed = np.flatnonzero(np.abs(np.diff(rows.v)) > 1e-3 * rows.tol[1:])
        flat = np.diff(changed) > 1  # stairs of at least two rows
        if rows.t.size < _LEAST or flat.sum() < 2 or self.inside == _MOST_INSIDE:
            return None
        every = _stair_length(rows.t[changed], rows.t[changed + 1], float(np.median(np.diff(rows.t))))
        if every is None or rows.t[-1] - rows.t[0] < 3 * every:
            return None
        number = rows.t // every
        firsts = np.append(0, np.flatnonzero(np.diff(number)) + 1)
        even = self._even_steps(rows, number, firsts)
        if even is not None:
            return even
        search = Search(replace(rows.take(firsts), t=number[firsts] * every), self.inside + 1)
        inner = search.stages() if (np.diff(number[changed + 1]) == 1).sum() > 1 else ()
        if not 0 < len(inner) <= MOST_STAGES or search.restart is not None or any(one.every for one in inner):
            return None
        first, last = rows.t[0].item(), rows.t[-1].item()
        at_stair = lambda t: values_of(inner, t // every * every)  # noqa: E731
        return Piece(first, last, at_stair, every=every, inner=inner)

    def _restarted(self, pieces: Sequence[Piece], at: int) -> bool:
        """Return whether the first stage begins again at a row, and note the time at which it does."""
        t, v, tol = self.rows.t, self.rows.v, self.rows.tol
        first, last = pieces[0], pieces[-1]
        jump = abs(v[at] - v[at - 1])
        if jump <= 3 * float(np.ptp(last.at(t[at - 1 : at + 1]))):
            return False
        if last.is_a(COSINE) and last.fit is not None and last.fit.natural[1] is not None:
            if abs(last.fit.natural[1] - t[at]) <= max(2.0, 0.02 * last.fit.p[1], 2 * (t[at] - t[at - 1])):
                return False  # restarts are a schedule
        elif not last.drops and abs(v[at - 1]) < 0.02:
            return False
        for begin in range(int(t[at]), max(int(t[at - 1]), int(t[at]) - 65), -1):
            since = t[at:] - begin + t[0]
            size = min(int((since <= first.last).sum()), 400)
            again = self.rows.take(slice(at, at + size))
            if size >= 3 and again.matches(first.at(since[:size])).all() and np.ptp(again.v) > tol[at]:
                self.restart = (t[at].item(), float(begin - t[0]))
                return True
        return False

    def _steps(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """Yield the steps with one ratio that the last stages may be."""
        group = pieces[-2:] if pieces[-2:][0].drops else pieces[-3:]
        drops = (*group[0].drops, *((one.last, two.first) for one, two in pairwise(group)))
        if len(drops) < 2 or not group[-1].is_a(CONSTANT):
            return
        begins = [group[0].first, *(after for _, after in drops)]
        steps = _steps_of(self.rows.take(np.searchsorted(self.rows.t, begins)))
        if steps is not None:
            yield self._stepped(group[0].first, group[-1].last, *steps, drops)
            yield from self._continued(group[0].first, *steps, drops)

    def _continued(self, first: float, high: float, ratio: float, drops: Drops) -> Iterator[Piece]:
        """Yield steps that go on to the end of the log, because the digits of the log may not show the last ones."""
        t = self.rows.t
        length = (drops[-1][1] - drops[0][1]) / (len(drops) - 1)
        if len(drops) > 2 and length == round(length):
            after = np.searchsorted(t, np.arange(drops[-1][1] + length, t[-1], length))
            later = zip(t[after - 1].tolist(), t[after].tolist(), strict=True)
            yield self._stepped(first, t[-1].item(), high, ratio, (*drops, *later))

    def _even_steps(self, rows: Rows, number: Floats, firsts: Times) -> Piece | None:
        """Return stairs whose levels all have one ratio; None if there are others, or if very different ratios do."""
        levels = rows.take(firsts)
        differ = np.abs(np.diff(levels.v[:3])) > levels.tol[1:3]
        steps = _steps_of(levels) if (np.diff(number[firsts]) == 1).all() and differ.all() else None
        if steps is None:
            return None
        drops = tuple(zip(rows.t[firsts[1:] - 1].tolist(), rows.t[firsts[1:]].tolist(), strict=True))
        return self._stepped(rows.t[0].item(), rows.t[-1].item(), *steps, drops)

    def _stepped(self, first: float, last: float, high: float, ratio: float, drops: Drops) -> Piece:
        after = np.array([after for _, after in drops])

        def at(t: Floats) -> Floats:
            return high * ratio ** np.searchsorted(after, t, side="right").astype(np.float64)

        return Piece(first, last, at, high=high, drops=drops, ratio=ratio)

    def _cycles(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """Yield the restarts or triangles that the last stages may begin."""
        last, fits = float(self.rows.t[-1]), [piece.fit for piece in pieces[-3:] if piece.fit is not None]
        tol = self.rows.strict.tol
        error = max(1e-11, 0.02 * float(tol.min()), float(tol.max()) - 2e-9)
        made: list[tuple[float, float, Schedule]] = []
        if len(fits) > 1 and fits[-1].family is COSINE and fits[-2].family is COSINE:
            made = _restarts(fits[-2], fits[-1], last, error)
        elif len(fits) > 2 and all(fit.family is LINE for fit in fits):
            begin, (top, bottom) = pieces[-3].first if len(pieces) > 3 else 0.0, [*map(_meeting, fits[:2], fits[1:])]
            low, high = fits[0].at(np.array([begin, top])).tolist()
            if begin + 0.5 < top < bottom - 0.5 and high > low:
                up, down, share = round(top - begin), round(bottom - top), roundest(low / high, error)
                made = [
                    (begin, high, cyclic(up, down, share)),
                    (begin, high, cyclic(up, down, share, mode="triangular2")),
                ]
        for begin, high, cycles in made:
            at = partial(_values_of_cycles, cycles, begin, high)
            yield Piece(begin, last, at, cycles=cycles, high=high)


def _first_levels(levels: Rows, ratio: float) -> tuple[float, float]:
    """Return the lowest and the highest first level with which a ratio explains all levels; none if low > high."""
    shape = ratio ** np.arange(levels.t.size)
    near = levels.strict
    return float(((near.v - near.tol) / shape).max()), float(((near.v + near.tol) / shape).min())


def first_level(piece: Piece, rows: Rows) -> tuple[float, float]:
    """Return the first level of steps in the digits of a log, and by how much it may differ."""
    begins = [piece.first, *(after for _, after in piece.drops)]
    low, high = _first_levels(rows.take(np.searchsorted(rows.t, begins)), piece.ratio)
    return (low + high) / 2, (high - low) / 2


def _steps_of(levels: Rows) -> tuple[float, float] | None:
    """Return the first level and the roundest ratio of steps; None if none explains them, or very different ones do.

    Each level after the first gives an interval for the ratio, also one that is 0 in the digits of the log. The first
    level is that of the log, unless a rounder ratio explains all levels with another one.
    """
    high, share, tol = float(levels.v[0]), levels.v[1:] / levels.v[0], levels.strict.tol
    slack, places = (tol[1:] + share * tol[0]) / abs(high), np.arange(1, levels.t.size)
    low = float((np.maximum(share - slack, 0) ** (1 / places)).max())
    most = float(((share + slack) ** (1 / places)).min())
    if not 0 < low <= most <= _ONE_RATIO * low:
        return None
    found: tuple[float, float] | None = None
    most_digits = 16  # one more than those of a ratio with which the first level of the log is rounded
    for digits in range(1, 17):
        unit = 10.0 ** (np.floor(np.log10(most)) + 1 - digits)
        middle = round((low + most) / 2 / unit)
        near = [(middle + offset) * unit for offset in _OFFSETS]
        for ratio in dict.fromkeys(float(f"{one:.{digits}g}") for one in near if low <= one <= most):
            least, largest = _first_levels(levels, ratio)
            if least <= high <= largest:
                return high, ratio
            if least <= largest and found is None and digits <= _ROUND_RATIO:
                found, most_digits = ((least + largest) / 2, ratio), digits + 1
        if digits == most_digits:
            break
    return found


def _values_of_cycles(cycles: Schedule, begin: float, high: float, t: Floats) -> Floats:
    return evaluate(cycles, np.maximum(t - begin, 0), high)


def _restarts(one: Fit, two: Fit, last: float, error: float) -> list[tuple[float, float, Schedule]]:
    """Return the start, the highest level, and the restarts whose first two cycles are two stages."""
    begin, first = one.origin + float(one.p[0]), roundest(two.origin + two.p[0] - one.origin - one.p[0], 1e-6)
    n1, mult = float(one.p[1]), roundest(two.p[1] / one.p[1], 0.02)
    low, low2, high, high2 = one.a - one.b, two.a - two.b, one.a + one.b, two.a + two.b
    if one.b <= 0 or two.b <= 0 or abs(n1 - first) > 1.5:
        return []
    low, high = roundest(low, error), roundest(high, error)
    named: dict[str, Any] = {"mult": mult if mult > 1.001 else 1.0, "gamma": roundest(high2 / high, 4 * error)}
    named |= {"to": roundest(low / high, error), "to_gamma": roundest(low2 / low, 4 * error / low) if low else 1.0}
    if named["gamma"] <= 0 or named["to_gamma"] <= 0:  # a level of the second cycle is 0 in the digits of the log
        return []
    count = max(round((last - begin) / first), 1)
    # Equal cycles have three more readings; the last one that explains the rows is used.
    lengths = [first] if mult > 1.001 else [first, n1, (last + 1 - begin) / count]
    return [(begin, high, cosine_restarts(length_text(length), **named)) for length in dict.fromkeys(lengths)]


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
    most = int(np.min(after[1:] - before[:-1]))  # no stair is longer than the time around two steps
    lengths = np.arange(int(gap) + 1, min(most, _MOST_STAIRS) + 1)
    few = lengths[(after[:48] // lengths[:, np.newaxis] > before[:48] // lengths[:, np.newaxis]).all(axis=1)]
    return max((int(one) for one in few if (after // one > before // one).all()), default=None)
