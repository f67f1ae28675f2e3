"""The plan that has the values of recognized stages, with round numbers."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any, NamedTuple, final

import numpy as np

from paramsched.core import curves
from paramsched.core import schedules as make
from paramsched.core.schedules import Absolute, Schedule
from paramsched.core.schedules.anneal import Index
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.sequence import in_order
from paramsched.errors import InvalidArgument, Unresolved
from paramsched.tools.audit.recognition import families, stages
from paramsched.tools.audit.recognition.families import (
    CONSTANT,
    COSINE,
    DECAY,
    EXPONENTIAL,
    FALL,
    LINE,
    RISE,
    Fit,
    Rows,
)
from paramsched.tools.audit.recognition.stages import Piece, first_level, length_text, roundest, roundest_integer

_INDICES: dict[tuple[int, int], Index] = {(0, 0): "t/n", (1, 1): "(t+1)/n", (0, 1): "t/(n-1)", (1, 0): "(t+1)/(n+1)"}
INDICES = tuple(_INDICES.values())
_NEAR = 1e-6  # updates
_CHECKED = 256  # rows of a stage with which a text of it is checked
_SETTLED = 12  # digits of a fit that do not depend on the CPU
_KEPT = 5  # the ends of a stage with which the next ones are written


class Written(NamedTuple):
    """A schedule with the values of stages.

    Args:
        schedule: the schedule.
        end: the time at which its last stage ends.
        peak: its largest value.
        cost: a measure of the length of its text, and much more if it does not have the logged values.
    """

    schedule: Schedule
    end: float
    peak: float
    cost: float


@final
class Writer:
    """Writes stages as a schedule with round numbers.

    Args:
        rows: the rows, whose values are divided by `unit`.
        unit: the largest logged value.
        base: the base.
        grain: the number of which the ends of stages are multiples.
        indices: the conventions of counting that a stage may use.
        end: the only end that the last stage may have; None if any.
        last_is_end: whether the last row may have the value at the end of the schedule, which no update uses.
    """

    def __init__(
        self,
        rows: Rows,
        unit: float,
        base: float,
        grain: int = 1,
        *,
        indices: Collection[Index] = INDICES,
        end: float | None = None,
        last_is_end: bool = False,
    ) -> None:
        self.last_is_end = last_is_end
        self.rows, self.unit, self.base, self.grain, self.end = rows, unit, base, grain, end
        self.indices = {key: index for key, index in _INDICES.items() if index in indices}
        relative = (rows.tol / np.maximum(np.abs(rows.v), 1e-6)).min()
        # The part of the tolerance within which numbers are rounded: in a full log, one of float32, one of few digits.
        self.sharp = rows.share if rows.share < 1 else 0.02 if relative < 2e-9 else 1.0
        self.loose = 0.3 * float(relative)

    def write(self, pieces: Sequence[Piece], begin: float = 0.0) -> Written | None:
        """Return the schedule of least cost with the values of the stages; None if there is none.

        Args:
            pieces: the stages.
            begin: the start of the first stage.
        """
        best: dict[float, tuple[float, list[Schedule]]] = {begin: (0.0, [])}
        natural, first = pieces[0].natural[0], pieces[0].first
        near = [] if natural is None else [round(natural), round(natural) + 1]
        if pieces[0].is_a(LINE):  # a scheduler that used its first value twice
            near.append(1)
        # After a constant that was not logged.
        for start in (float(one) for one in ([first] if pieces[0].cycles else near) if begin == 0 < one <= first):
            value = pieces[0].at(np.array([start])).item()
            if not np.isfinite(value):  # an inverse square root at its start
                continue
            slack = self.sharp * float(self.rows.tol.min())
            level = self._level(value, partial(_is_near, value, slack))
            best[start] = 3.0, [make.constant(level, length_text(start))]
        for piece, after in zip(pieces, [*pieces[1:], None], strict=True):
            ends: dict[float, tuple[float, list[Schedule]]] = {}
            for start, (cost, made) in best.items():
                for end in self._ends(piece, after):
                    for schedule, reached in self._forms(piece, start, end, after is None) if end > start else ():
                        total = cost + self._cost(schedule, start, np.inf if after is None else end)
                        if reached not in ends or total < ends[reached][0]:
                            ends[reached] = total, [*made, schedule]
            # The stages that follow multiply the number of texts, so only the best ones are kept.
            best = dict(sorted(ends.items(), key=lambda one: one[1][0])[:_KEPT])
        if not best:
            return None
        end, (cost, made) = min(best.items(), key=lambda one: one[1][0])
        lengths = [None if one.length is None else one.length.exact for one in made]
        # The last update of each stage; none if the last stage has no end.
        lasts = [0.0 if length is None else float(np.ceil(float(length))) - 1 for length in lengths]
        peaks = [evaluate(one, np.array([0.0, last]), self.base) for one, last in zip(made, lasts, strict=True)]
        schedule = in_order(made)
        try:
            schedule(0)
        except Unresolved:  # a length is not a whole number of updates
            schedule = make.with_lengths(schedule)
        peaks += [np.array([piece.high * self.unit]) for piece in pieces if piece.cycles is not None]
        return Written(schedule, end, float(np.abs(np.concatenate(peaks)).max()), cost)

    def _ends(self, piece: Piece, after: Piece | None) -> list[float]:
        """Return the times at which a stage may end."""
        t, natural = self.rows.t, piece.natural[1]
        ends: list[float | None] = [] if natural is None else [round(natural), round(natural) + 1]
        if after is None and self.end is not None:
            return [self.end]
        if after is None:
            low, high = piece.last, np.inf
            gap = t[-1] - t[-2]
            ends += [low + 1, low + gap, *([low + 2] if piece.is_a(LINE) else [])]
            ends += [roundest_integer(low, t[-1] + gap), *self._zero(piece)]
        else:
            low, high = self._joint(piece, after)
            begins = after.natural[0]
            ends += [] if begins is None else [round(begins)]
            for meeting in _meetings(piece, after, low, high):
                near = round(meeting)
                ends += [near, near + 1, roundest(meeting, 1e-5)]
            ends += [high, np.floor(low) + 1, roundest_integer(low, high)]
        least = np.nextafter(low, -np.inf) if after is None and self.last_is_end else low
        inside = (float(one) for one in ends if one is not None and least < one <= high)
        return list(dict.fromkeys(one for one in inside if self.grain == 1 or one % self.grain == 0))

    def _zero(self, piece: Piece) -> list[float]:
        """Return the time after the log at which a line or a power reaches 0."""
        fit = piece.fit
        if fit is None or fit.family not in (LINE, RISE) or fit.a * fit.b >= 0:
            return []
        shift, power = fit.p.tolist() if fit.family is RISE else (0.0, 1.0)
        begin, rows = fit.origin + shift, self._rows(piece.first, np.inf, fit)
        length = (-fit.a / fit.b) ** (1 / power)
        for zero in (float(round((begin + length) / unit) * unit) for unit in families.ROUND_UNITS):
            if rows.matches(fit.a * (1 - ((rows.t - begin) / (zero - begin)) ** power)).all():
                return [zero]
        return []

    def _joint(self, piece: Piece, after: Piece) -> tuple[float, float]:
        """Return the last time that the next stage does not explain, and the first one at which it begins."""
        # Rounded values hide where a curve begins or ends by itself, so these times may be far from the next row.
        early = [piece.last, *(one for one in (piece.natural[1], after.natural[0]) if one is not None)]
        first, begin, end = np.searchsorted(self.rows.t, [piece.first, min(early), after.first]).tolist()
        inside = self.rows.take(slice(max(begin - 8, first), end))
        wrong = inside.t[~inside.matches(after.at(inside.t))]
        return (wrong[-1] if wrong.size else inside.t[0]).item(), after.first

    def _level(self, value: float, good: Callable[[float], bool] | None = None) -> Any:
        """Return the level with the fewest digits with which a curve fits, relative to the base or absolute.

        Args:
            value: the level, in the unit of the rows.
            good: whether a level fits; None for a difference up to rounding.
        """
        fits = good or (lambda one: abs(one - value) <= 1e-11 * abs(value) + 1e-13)
        if fits(0.0):
            return 0.0
        used = value * self.unit
        # The last bits of a fit depend on the CPU, and would decide how a half such as 0.582145 is rounded.
        settled = float(f"{used:.{_SETTLED}g}")
        for digits in range(1, _SETTLED):
            fixed = float(f"{settled:.{max(digits - 3, 1)}g}")
            if digits > 3 and fits(fixed / self.unit):
                return make.absolute(fixed)
            share = float(f"{settled / self.base:.{digits}g}")
            if fits(share * self.base / self.unit):
                return share
        return float(f"{used / self.base:.{_SETTLED}g}")

    def _value(self, level: Any) -> float:
        return (level.value if isinstance(level, Absolute) else float(level) * self.base) / self.unit

    def _rows(self, begin: float, end: float, fit: Fit | None = None) -> Rows:
        """Return some of the rows from one time to another, if a curve is given only those that it explains."""
        low, high = np.searchsorted(self.rows.t, [begin, end]).tolist()
        rows = self.rows.take(stages.sample(low, high, _CHECKED))
        return rows if fit is None else rows.take(rows.matches(fit.at(rows.t)))

    def _levels(self, fit: Fit, x0: float, x1: float, rows: Rows) -> tuple[Any, Any]:
        """Return the levels of a curve at two times, with as few digits as explain the rows."""
        first, last = fit.at(np.array([x0, x1])).tolist()
        if rows.t.size < 2:  # one row does not determine two levels, so they continue the stages next to this one
            near = zip((first, last), np.searchsorted(self.rows.t[:-1], [x0, x1]).tolist(), strict=True)
            slacks = [(level, self.sharp * float(self.rows.tol[place])) for level, place in near]
            start, to = (self._level(level, partial(_is_near, level, slack)) for level, slack in slacks)
            return start, to
        u = (fit.at(rows.t) - first) / (last - first)
        rest, least = 1 - u, float(rows.tol.min())
        weight = u / rows.tol**2
        size = float(weight @ u)

        def best(start: float) -> float:
            return float(weight @ (rows.v - start * rest)) / size if size > 0 else last

        def apart(start: float, to: float) -> float:
            return float((np.abs(rows.v - start * rest - to * u) / rows.tol).max(initial=0.0))

        # Values that a curve has almost exactly were not rounded, although they have few digits.
        exact = apart(first, best(first))
        most = max(1.001 * exact, min(self.sharp, 4 * exact + 0.02) if rows.t.size > 2 else self.sharp)

        def fits(start: float) -> bool:
            to = best(start)
            round_one = self._value(self._level(to, lambda one: abs(one - to) <= least))
            return min(apart(start, to), apart(start, round_one)) <= most

        start = self._level(first, fits)
        value = self._value(start)
        return start, self._level(best(value), lambda one: apart(value, one) <= most)

    def _cost(self, schedule: Schedule, begin: float, end: float) -> float:
        """Return the number of digits in a text, and much more if it does not have the logged values."""
        rows = self._rows(begin, end)
        apart = np.abs(evaluate(schedule, rows.t - begin, self.base) / self.unit - rows.v) / rows.tol
        return digits_of(str(schedule)) + 1000.0 * int((apart > rows.share).sum())

    def _forms(self, piece: Piece, begin: float, end: float, last: bool) -> list[tuple[Schedule, float]]:
        """Return schedules with the values of a stage, for a clock that starts at `begin`, and their ends."""
        made, fit = [], piece.fit
        forms = self._others(piece, begin) if fit is None else self._of_curve(fit, begin, end, last)
        try:
            for one in forms:
                length = None if not last or one.length is None else one.length.exact
                cut = one if last or fit is not None else make.take(one, length_text(end - begin))
                made.append((cut, end if length is None else max(end, begin + float(length))))
        except InvalidArgument:  # a number is out of the range of an argument
            pass
        return made

    def _scaled(self, schedule: Schedule, value: float, slack: float = 0.0) -> Schedule:
        share = value * self.unit / self.base
        share = roundest(share, max(1e-11, self.loose, slack) * abs(share))
        return schedule if share == 1 else make.constant(share) * schedule

    def _others(self, piece: Piece, begin: float) -> Iterator[Schedule]:
        """Yield schedules with the values of steps, cycles or stairs."""
        if piece.cycles is not None:
            yield self._scaled(piece.cycles, piece.high)
        elif piece.drops:
            whole = [one for gap in piece.drops if (one := roundest_integer(*gap)) is not None]
            first, slack = first_level(piece, self.rows)
            slack /= abs(first)
            for origin in dict.fromkeys((0.0, begin)):
                skipped = int(piece.first // (whole[1] - whole[0])) if origin == 0 else 0
                length = even_length(piece.drops, origin, skipped)
                if length is not None:
                    even = make.step(length, piece.ratio)
                    value = first / piece.ratio ** int((begin - origin) // length)
                    off = length_text(begin - origin)
                    yield self._scaled(make.skip(even, off) if off else even, value, slack)
            parts = tuple(length_text(one - begin) for one in whole)
            yield self._scaled(make.multistep(parts, piece.ratio), first, slack)
        else:
            since = self.rows.take(self.rows.t >= begin)
            number = since.t // piece.every
            firsts = np.append(True, np.diff(number) > 0)
            levels = replace(since.take(firsts), t=number[firsts] * piece.every)
            off = begin % piece.every
            inside = Writer(levels, self.unit, self.base, piece.every, indices=self.indices.values())
            found = inside.write(piece.inner, begin - off)
            if found is not None:
                stairs = make.every(found.schedule, piece.every)
                yield make.skip(stairs, length_text(off)) if off else stairs

    def _of_curve(self, fit: Fit, begin: float, end: float, last: bool) -> Iterator[Schedule]:
        """Yield a fitted curve as changes between two levels, with each index that is possible, or as a part of one."""
        room, rows = length_text(end - begin), self._rows(begin, end, fit)
        first, final = fit.natural
        if fit.family is CONSTANT:
            sharp = (self.sharp if self.sharp == 1 else 0.02) * rows.tol
            yield make.constant(self._level(fit.a, lambda one: bool((np.abs(rows.v - one) <= sharp).all())), room)
            return
        if fit.family is DECAY or (fit.family is RISE and fit.p[1] < 0):
            low = self._level(fit.a)
            above, shape = float(fit.at(np.array([begin]))[0]) - fit.a, fit.at(rows.t) - fit.a
            rest, most = (rows.v - self._value(low)) * above, abs(above) * self.sharp * rows.tol
            top = self._level(above, lambda one: bool((np.abs(rest - one * shape) <= most).all()))
            body: Schedule
            if fit.family is RISE:
                body = make.power_law(-float(fit.p[1]), length_text(begin - fit.origin - float(fit.p[0])))
            else:
                body = make.exponential(roundest(float(np.exp(-fit.p[0])), 1e-15))
            body = body if top == 1 else make.constant(top) * body
            body = body if low == 0 else make.constant(low) + body
            yield body if last else make.take(body, room)
        if fit.family is RISE and fit.p[1] < 0:
            return
        for (early, before), index in self.indices.items():
            x0, x1 = begin - early, end - before
            if all(own is None or abs(own - x) < _NEAR for own, x in ((first, x0), (final, x1))) and x1 > x0:
                yield self._anneal(fit, x0, x1, rows, room, index)
        x0, x1 = begin if first is None else first, end if final is None else final
        more, left = end - max(begin, x0), x1 - max(begin, x0)
        body = self._anneal(fit, x0, x1, rows, length_text(x1 - x0), "t/n")
        if fit.family is COSINE and end > x1 + 1 + _NEAR:
            wave, left = length_text(2 * (x1 - x0)), np.inf
            body = make.restarts(make.cosine_wave(1.0, *self._levels(fit, x0, x1, rows), wave), wave)
        body = make.skip(body, length_text(begin - x0)) if begin > x0 + _NEAR else body
        body = make.take(body, length_text(more)) if left > more + _NEAR and not last else body
        around = [(x0, x0 - begin), (x1, more - left)]
        held = [
            [make.constant(self._level(fit.at(np.array([x])).item()), length_text(size))] if size > _NEAR else []
            for x, size in around
        ]
        yield in_order([*held[0], body, *held[1]])

    def _anneal(self, fit: Fit, x0: float, x1: float, rows: Rows, over: Any, index: Index) -> Schedule:
        ratio = float(np.exp(-fit.p[0] * (x1 - x0))) if fit.family in (DECAY, EXPONENTIAL) else 0.0
        for near in (float(f"{ratio:.{digits}g}") for digits in range(1, 16 if ratio else 1)):
            found = fit.refined(np.array([-np.log(near) / (x1 - x0)]), rows)
            if found is not None:
                fit, ratio = found, near
                break
        start, to = self._levels(fit, x0, x1, rows)
        if start == to:  # a stage of few rows is a line, because it has no other fit
            return make.constant(start, over)
        shape: curves.Curve
        if fit.family is LINE:
            shape = curves.linear
        elif fit.family is COSINE:
            shape = curves.cosine
        elif fit.family is FALL:
            shape = curves.polynomial(float(fit.p[-1]))
        elif fit.family is RISE:
            shape = curves.one_minus_sqrt if fit.p[-1] == 0.5 else curves.power(float(fit.p[-1]))
        else:
            shape = curves.exponential(ratio)
        return make.anneal(start, to, over, shape, index)


def _is_near(value: float, slack: float, one: float) -> bool:
    return abs(one - value) <= slack


def even_length(gaps: Sequence[tuple[float, float]], origin: float = 0.0, skipped: int = 0) -> int | None:
    """Return the common distance of steps between two times each, of which `skipped` earlier ones are not listed."""
    places = np.arange(1, len(gaps) + 1) + skipped
    before, after = (np.array(gaps) - origin).T
    return roundest_integer(float((before / places).max()), float((after / places).min()))


def _meetings(piece: Piece, after: Piece, low: float, high: float) -> Iterator[float]:
    """Yield the times between two rows, or near them, at which two curves have the same value."""
    t = np.linspace(low - 2.0, high + 2.0, 4001)
    apart = piece.at(t) - after.at(t)
    known = np.isfinite(apart[:-1] + apart[1:])  # a power has no values after its end
    crossed = known & (np.diff(np.sign(apart)) != 0)
    for place in np.flatnonzero(crossed).tolist():
        here, there = apart[place : place + 2].tolist()
        yield float(t[place] + (t[1] - t[0]) * here / (here - there))


@cache
def digits_of(text: str) -> float:
    """Return a measure of the length of a text: its digits without zeros at an end, and the calls of combinators."""
    numbers = re.findall(r"(?<![\w.])\d[\d.]*(?=e[-+]?\d|\b)", text)
    digits = sum(len(one.replace(".", "").strip("0")) for one in numbers)
    calls = len(re.findall(r"skip|take|constant\(|absolute|restarts|>>", text))
    return digits + 1.5 * text.count("index=") + 3 * calls + 4 * text.count("steps")
