"""The plan that has the values of recognized stages, with round numbers."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, final

import numpy as np

from paramsched import curves
from paramsched.audit.recognition.families import COSINE, EXPONENTIAL, LINE, POWER, Fit, Rows, refine
from paramsched.audit.recognition.stages import (
    Piece,
    even_length,
    length_text,
    matches,
    roundest,
    roundest_integer,
)
from paramsched.errors import InvalidArgument
from paramsched.schedules import (
    Schedule,
    absolute,
    anneal,
    constant,
    cosine_wave,
    every,
    exponential,
    geometric,
    multistep,
    power_law,
    restarts,
    skip,
    step,
    take,
    with_lengths,
)
from paramsched.schedules.affine import Absolute
from paramsched.schedules.anneal import Index
from paramsched.schedules.evaluation import evaluate
from paramsched.schedules.sequence import in_order

_INDICES: dict[tuple[int, int], Index] = {(0, 0): "t/n", (1, 1): "(t+1)/n", (0, 1): "t/(n-1)", (1, 0): "(t+1)/(n+1)"}
_POWERS = (2.0, 0.5, -0.5, 3.0, -1.0, 1.5)
_NEAR = 1e-6  # updates
_CHECKED = 256  # rows of a stage with which a text of it is checked
_ROUND = 1e-11  # the slack of a level, relative to the base


@final
@dataclass(frozen=True, slots=True)
class Written:
    """A schedule and its end.

    Args:
        schedule: the schedule, for the base.
        end: the end in updates.
    """

    schedule: Schedule
    end: float


@final
class Writer:
    """Writes stages as a schedule with round numbers.

    Args:
        rows: the rows, whose values are divided by `unit`.
        unit: the largest logged value.
        base: the base, divided by `unit`.
        scale: the updates in a unit of time.
        slack: a factor of the standard errors within which numbers are rounded.
    """

    def __init__(self, rows: Rows, unit: float, base: float, scale: int = 1, slack: float = 4.0) -> None:
        self.rows, self.unit, self.base, self.scale, self.slack = rows, unit, base, scale, slack
        relative = float((rows.tol / np.maximum(np.abs(rows.v), 1e-6)).min())
        self.precision = relative * slack / 12 if relative > 2e-9 else 0.0

    def write(self, pieces: Sequence[Piece], begin: float | None = None) -> Written | None:
        """Return the schedule of least cost that has the values of the stages; None if there is none.

        Args:
            pieces: the stages.
            begin: the start of the first stage; None for an unlogged start at update 0.
        """
        first = pieces[0]
        starts = [begin] if begin is not None else self._starts(first)
        best: dict[float, tuple[float, list[Schedule]]] = {}
        for start in starts:
            prefix = [constant(self._level(first.at(np.array([start]))[0]), self._length(start))] if start else []
            best[start] = (3.0 * len(prefix), list(prefix))
            if begin is not None:
                best[start] = (0.0, [])
        for piece, after in zip(pieces, [*pieces[1:], None], strict=True):
            ends: dict[float, tuple[float, list[Schedule]]] = {}
            for start, (cost, stages) in best.items():
                for end in self._ends(piece, after):
                    if end <= start:
                        continue
                    for schedule, own_end in self._forms(piece, start, end, last=after is None):
                        length = None if after is not None or schedule.length is None else schedule.length.exact
                        if length is not None:  # a log that ends early determines the end of a curve
                            own_end = max(own_end, start + float(length) / self.scale)
                        total = cost + self._cost(schedule, piece, start, end, after)
                        if own_end not in ends or total < ends[own_end][0]:
                            ends[own_end] = total, [*stages, schedule]
            # The stages that follow multiply the number of texts, so only the best ones are kept.
            best = dict(sorted(ends.items(), key=lambda one: one[1][0])[:6])
        if not best:
            return None
        end, (_, stages) = min(best.items(), key=lambda one: one[1][0])
        schedule = in_order(stages)
        lengths = [one.length for one in stages[:-1]]
        if any(one is not None and one.exact is not None and one.exact.denominator != 1 for one in lengths):
            schedule = with_lengths(schedule)
        return Written(schedule, end)

    def _starts(self, first: Piece) -> list[float]:
        starts = [0.0]
        if first.first > 0 and first.kind == "curve" and first.fit.family in (COSINE, POWER):
            natural = round(first.fit.time(0))
            starts += [float(one) for one in (natural, natural + 1, first.first) if 0 < one <= first.first]
        elif first.kind == "cycles" and first.shape is not None and first.shape.origin > 0:
            starts = [first.shape.origin]
        return list(dict.fromkeys(starts))

    def _ends(self, piece: Piece, after: Piece | None) -> list[float]:
        """Return the times at which a stage may end."""
        t = self.rows.t
        if after is None:
            place = int(np.searchsorted(t, piece.last))
            gap = max(float(t[place] - t[place - 1]) if place else 1.0, 1.0)
            ends = [piece.last + 1]
            if gap > 1:
                ends += [piece.last + gap, float(roundest_integer(piece.last, piece.last + gap) or piece.last + 1)]
            for natural in self._natural_ends(piece):
                ends += [one for one in (natural, natural + 1) if one > piece.last]
            return list(dict.fromkeys(ends))
        low, high = self._joint(piece, after)
        if after.kind == "cycles" and after.shape is not None:
            return [after.shape.origin]
        places = map(round, [*self._origins(after), *self._natural_ends(piece)])
        ends = [float(one) for one in places if low - 2 < one <= high + 1]
        for meeting in _meetings(piece, after, low, high):
            near = float(round(meeting))
            ends += [near, near + 1]
            if abs(meeting - near) > 1e-3 and self.scale == 1:
                ends.append(roundest(meeting, 1e-5))
        if (whole := roundest_integer(low, high)) is not None:
            ends.append(float(whole))
        ends += [high, float(np.floor(low)) + 1]
        return list(dict.fromkeys(one for one in ends if one > 0))

    def _joint(self, piece: Piece, after: Piece) -> tuple[float, float]:
        """Return the last time of a stage, and the first time of the next."""
        t = self.rows.t
        begin, end = np.searchsorted(t, [piece.last, after.first])
        inside = self.rows.take(slice(int(begin), int(end) + 1))
        mine, others = matches(inside, piece.at(inside.t)), matches(inside, after.at(inside.t))
        theirs = np.flatnonzero(~others)
        low = inside.t[theirs[-1]].item() if theirs.size else piece.last
        wrong = np.flatnonzero(~mine)
        high = inside.t[wrong[0]].item() if wrong.size else after.first
        return (low, high) if low < high else (piece.last, after.first)

    @staticmethod
    def _origins(piece: Piece) -> list[float]:
        fit = piece.fit
        if piece.kind != "curve" or fit.family not in (COSINE, POWER):
            return []
        if fit.family is POWER and not (fit.p[1] > 0 and fit.p[0] <= 0.5):
            return []
        return [fit.time(0), fit.time(0) + 1]

    @staticmethod
    def _natural_ends(piece: Piece) -> list[float]:
        """Return the time at which a curve ends by itself: half a wave, the zero of a line or a polynomial."""
        fit = piece.fit
        if piece.kind != "curve":
            return []
        if fit.family is COSINE:
            end = fit.time(0) + fit.span[1] * float(fit.p[1])
            slack = 4 * float(fit.sigma[0] + fit.sigma[1]) * fit.span[1]
            whole = roundest_integer(end - slack, end + slack)
            return [float(round(end))] + ([float(whole)] if whole is not None else [])
        if fit.family is POWER and fit.p[1] > 0 and fit.p[0] > 0.5:
            return [float(round(fit.time(0)))]
        if fit.family is LINE and fit.p[1] * fit.p[0] < 0:
            zero = fit.span[0] - fit.span[1] * float(fit.p[0] / fit.p[1])
            slack = 4 * fit.span[1] * float(fit.sigma[0] / abs(fit.p[1]) + abs(fit.p[0] / fit.p[1] ** 2) * fit.sigma[1])
            whole = roundest_integer(zero - slack, zero + slack)
            near = float(round(zero))
            return [float(whole)] if whole is not None else [near] if abs(zero - near) < 1e-3 else []
        return []

    def _length(self, length: float) -> Any:
        exact = length * self.scale
        near = round(exact)
        return near if abs(exact - near) < _NEAR else length_text(roundest(exact, 1e-9))

    def _level(self, value: float, sigma: float = 0.0) -> Any:
        """Return a level with few digits: a multiple of the base, or an absolute value."""
        slack = self.slack * sigma + (_ROUND + self.precision) * abs(value) + 1e-13
        share = roundest(float(value) / self.base, slack / self.base)
        fixed = roundest(float(value) * self.unit, slack * self.unit)
        return absolute(fixed) if _digits(repr(share)) > _digits(repr(fixed)) + 3 else share

    def _as_value(self, level: Any) -> float:
        return level.value / self.unit if isinstance(level, Absolute) else float(level) * self.base

    def _cost(self, schedule: Schedule, piece: Piece, begin: float, end: float, after: Piece | None) -> float:
        """Return the number of digits in a text, and much more if it does not have the logged values."""
        until = end if after is not None else np.inf
        low, high = np.searchsorted(self.rows.t, [begin, until])
        chosen = np.unique(np.linspace(low, max(high - 1, low), _CHECKED).astype(np.int64))
        rows = self.rows.take(chosen[chosen < self.rows.t.size])
        cost = float(_digits(str(schedule)))
        if high > low:
            planned = evaluate(schedule, (rows.t - begin) * self.scale, self.base * self.unit) / self.unit
            wrong = 1 - float(matches(rows, planned).mean())
            cost += wrong and 40 + 1000 * wrong
        return cost

    def _forms(self, piece: Piece, begin: float, end: float, *, last: bool) -> Iterator[tuple[Schedule, float]]:
        """Yield schedules with the values of a stage, for a clock that starts at `begin`, and their ends."""
        with np.errstate(all="ignore"):
            try:
                yield from self._texts(piece, begin, end, last=last)
            except InvalidArgument:  # a number is out of the range of an argument
                return

    def _texts(self, piece: Piece, begin: float, end: float, *, last: bool) -> Iterator[tuple[Schedule, float]]:
        room = end - begin

        def cut(schedule: Schedule) -> Schedule:
            return schedule if last else take(schedule, self._length(room))

        if piece.kind == "steps":
            for schedule in self._steps(piece, begin):
                yield cut(schedule), end
        elif piece.kind == "stairs":
            number = float(np.floor(begin / piece.every))
            changes = np.floor(self.rows.t / piece.every)
            inside = np.flatnonzero(self.rows.t >= begin)
            firsts = inside[np.append(True, np.diff(changes[inside]) > 0)]
            levels = Rows(changes[firsts], self.rows.v[firsts], self.rows.tol[firsts])
            inner = Writer(levels, self.unit, self.base, piece.every * self.scale, self.slack)
            found = inner.write(piece.inner, number)
            if found is None:
                return
            stairs = every(found.schedule, piece.every)
            off = begin - number * piece.every
            yield skip(stairs, self._length(off)) if off else stairs, max(found.end * piece.every, end)
        elif piece.kind == "cycles" and piece.shape is not None:
            shape = piece.shape
            yield (
                cut(
                    self._scaled(
                        shape.schedule(self._level(shape.low / shape.high * self.base), self.scale), shape.high
                    )
                ),
                end,
            )
        elif piece.hold:
            yield constant(self._level(piece.fit.p[0]), self._length(room)), end
        else:
            for fit in self._pinned(piece, begin):
                for schedule in self._curve(fit, piece, begin, end, last=last):
                    yield schedule, end

    def _scaled(self, schedule: Schedule, value: float) -> Schedule:
        share = roundest(float(value) / self.base, (_ROUND + self.precision) * abs(value) / self.base)
        return schedule if share == 1 else constant(share) * schedule

    def _steps(self, piece: Piece, begin: float) -> Iterator[Schedule]:
        ratio = roundest(piece.ratio, piece.ratio * min(3 * float(self.rows.tol.max()) / len(piece.milestones), 1e-3))
        whole = [roundest_integer(*gap) or gap[1] for gap in piece.milestones]
        value = float(piece.fit.p[0])
        for origin in dict.fromkeys((0.0, begin)):
            skipped = int(piece.first // (whole[1] - whole[0])) if origin == 0 else 0
            length = even_length(piece.milestones, origin, skipped)
            if length is not None:
                passed = int((begin - origin) // length)
                even = step(self._length(length), ratio)
                off = begin - origin
                yield self._scaled(skip(even, self._length(off)) if off else even, value / ratio**passed)
        if len(whole) <= 24:
            yield self._scaled(multistep(tuple(self._length(one - begin) for one in whole), ratio), value)

    def _pinned(self, piece: Piece, begin: float) -> Iterator[Fit]:
        """Yield fits with round parameters: a start at `begin` or the update before, and whole lengths."""
        fit, rows = piece.fit, self._rows_of(piece)
        if fit.family is LINE:
            yield fit
            return
        unit = fit.span[1]

        def pin(fit: Fit, place: int, values: Iterable[float], fixed: set[int]) -> Fit:
            """Fix a parameter to the first value with which the curve explains the rows."""
            for value in values:
                p = fit.p.copy()
                p[place] = value
                free = [one for one in range(fit.family.size) if one not in fixed and one != place]
                found = refine(fit.family, p, rows, fit.span, free)
                if found is not None:
                    fixed.add(place)
                    return found
            return fit

        def times(fit: Fit, place: int, origin: float = 0.0) -> list[float]:
            """Return whole numbers of updates near a parameter, the roundest first."""
            at, error = origin + float(fit.p[place]) * unit, self.slack * float(fit.sigma[place]) * unit
            near = [float(round(at))] if abs(at - round(at)) < max(error, 1e-3) or error > 0.25 else []
            whole = roundest_integer(at - error, at + error) if error > 0.25 else None
            return [(one - origin) / unit for one in ([float(whole)] if whole is not None else []) + near]

        def levels(fit: Fit, place: int) -> list[float]:
            value, error = float(fit.p[place]), float(fit.sigma[place])
            base = [self.base] if abs(value - self.base) <= self.slack * error + 1e-9 else []
            zero = [0.0] if abs(value) <= self.slack * error + 1e-9 else []
            return [*base, *zero, self._as_value(self._level(value, error))]

        if fit.family is COSINE:
            for start in dict.fromkeys((begin, begin - 1, 0.0, float(round(fit.time(0))))):
                if abs(start - fit.time(0)) > max(self.slack * float(fit.sigma[0]) * unit, 0.02):
                    continue
                fixed: set[int] = set()
                own = pin(fit, 0, [(start - fit.span[0]) / unit], fixed)
                if 0 not in fixed:
                    continue
                own = pin(own, 2, levels(own, 2), fixed)
                sure = float(own.sigma[1]) * unit * self.slack < 0.25
                for place in (1, 3) if sure else (3, 1):
                    own = pin(own, place, levels(own, 3) if place == 3 else times(own, 1), fixed)
                yield own
            yield fit
        elif fit.family is POWER:
            power, error = float(fit.p[1]), self.slack * float(fit.sigma[1]) + 1e-7
            fixed = set()
            near = [one for one in _POWERS if abs(one - power) <= error]
            own = pin(fit, 1, [*near, roundest(power, error)], fixed)
            own = pin(own, 2, levels(own, 2), fixed)
            own = pin(own, 0, [(begin - fit.span[0]) / unit, *times(own, 0, fit.span[0])][int(own.p[0] > 0.5) :], fixed)
            own = pin(own, 2, levels(own, 2), fixed) if 2 not in fixed else own
            yield own
        else:
            fixed = set()
            yield pin(fit, 1, levels(fit, 1), fixed)

    def _rows_of(self, piece: Piece) -> Rows:
        low, high = np.searchsorted(self.rows.t, [piece.first, piece.last + 1])
        chosen = np.unique(np.linspace(low, high - 1, _CHECKED).astype(np.int64))
        rows = self.rows.take(chosen)
        return rows.take(np.flatnonzero(matches(rows, piece.at(rows.t))))

    def _curve(self, fit: Fit, piece: Piece, begin: float, end: float, *, last: bool) -> Iterator[Schedule]:
        """Yield a fitted curve as changes between two levels, with each index that is possible, or as a part of one."""
        room = end - begin
        error = float(np.sqrt((fit.sigma**2).sum())) if fit.family is LINE else 0.0

        def at(t: float) -> Any:
            return self._level(fit.at(np.array([t]))[0], error)

        first, power, low = fit.time(0), float(fit.p[1]), fit.p[2] if fit.p.size > 2 else 0.0
        starts_at = first if fit.family is COSINE or (fit.family is POWER and fit.p[0] <= 0.5 and power > 0) else None
        ends_at = None
        if fit.family is COSINE:
            ends_at = first + fit.span[1] * power
        elif fit.family is POWER and fit.p[0] > 0.5:
            ends_at = first
        if fit.family is EXPONENTIAL:
            yield from self._exponential(fit, begin, room, last=last)
        indices = _INDICES if self.scale == 1 else {(0, 0): _INDICES[0, 0]}
        if fit.family is not POWER or power > 0:
            for (early, before), index in indices.items():
                x0, x1 = begin - early, end - before
                if starts_at is not None and abs(x0 - starts_at) > _NEAR:
                    continue
                if (ends_at is not None and abs(x1 - ends_at) > _NEAR) or x1 <= x0:
                    continue
                yield self._anneal(fit, at(x0), at(x1), x0, x1, self._length(room), index)
        if fit.family is POWER and power < 0:
            scale = begin - first if fit.p[0] <= 0.5 else 0.0
            if scale > 0:
                top = fit.at(np.array([begin]))[0] - low
                law = self._scaled(power_law(-power, self._length(scale)), top)
                law = law if low == 0 else constant(self._level(low)) + law
                yield law if last else take(law, self._length(room))
        elif fit.family is COSINE or fit.family is POWER:
            x0 = begin if starts_at is None else starts_at
            x1 = end if ends_at is None else ends_at
            yield from self._part(fit, at(x0), at(x1), x0, x1, begin, end, last=last)

    def _part(
        self, fit: Fit, start: Any, to: Any, x0: float, x1: float, begin: float, end: float, *, last: bool
    ) -> Iterator[Schedule]:
        """Yield a part of a curve from x0 to x1, with constants where the stage is longer than the curve."""
        stages: list[Schedule] = []
        whole = x1 - x0
        if fit.family is COSINE and abs(begin - x0) < _NEAR and abs(whole - round(whole)) > _NEAR:
            waves = roundest((end - begin) / (2 * whole), 1e-9)
            yield cosine_wave(waves, start, to, self._length(end - begin))
        if fit.family is COSINE and end > x1 + 1 + _NEAR:
            wave = self._length(2 * whole)
            body: Schedule = restarts(cosine_wave(1.0, start, to, wave), wave)
            left = np.inf
        else:
            body = self._anneal(fit, start, to, x0, x1, self._length(whole), "t/n")
            left = whole - max(begin - x0, 0.0)
        if x0 > begin + _NEAR:
            stages.append(constant(start, self._length(x0 - begin)))
        elif begin > x0 + _NEAR:
            body = skip(body, self._length(begin - x0))
        room = end - max(begin, x0)
        if room <= 0 or left <= 0:
            return
        if left > room + _NEAR and not last:
            body = take(body, self._length(room))
        stages.append(body)
        if left < room - _NEAR:
            stages.append(constant(to, self._length(room - left)))
        yield in_order(stages)

    def _anneal(self, fit: Fit, start: Any, to: Any, x0: float, x1: float, over: Any, index: Index) -> Schedule:
        if fit.family is LINE:
            return anneal(start, to, over, curves.linear, index)
        if fit.family is COSINE:
            return anneal(start, to, over, curves.cosine, index)
        if fit.family is POWER:
            power = float(fit.p[1])
            if fit.p[0] > 0.5:
                return anneal(start, to, over, curves.polynomial(power), index)
            return anneal(start, to, over, curves.one_minus_sqrt if power == 0.5 else curves.power(power), index)
        if fit.p[1] == 0 and to != 0 and isinstance(start, Absolute) == isinstance(to, Absolute):
            return geometric(start, to, over, index)
        ratio = float(np.exp(-fit.p[0] * (x1 - x0) / fit.span[1]))
        error = self.slack * abs(float(fit.sigma[0]) / float(fit.p[0])) + 1e-11
        return anneal(start, to, over, curves.exponential(roundest(ratio, ratio * error)), index)

    def _exponential(self, fit: Fit, begin: float, room: float, *, last: bool) -> Iterator[Schedule]:
        if fit.p[1] != 0:
            return
        rate = -float(fit.p[0]) / fit.span[1]
        error = self.slack * float(fit.sigma[0]) / fit.span[1]
        gamma = float(np.exp(rate))
        body = exponential(roundest(gamma, gamma * error + 1e-15), self.scale)
        body_scaled = self._scaled(body, fit.at(np.array([begin]))[0])
        yield body_scaled if last else take(body_scaled, self._length(room))


def _meetings(piece: Piece, after: Piece, low: float, high: float) -> list[float]:
    """Return the times between two rows, or near them, at which two curves have the same value."""
    if piece.kind == "stairs" or after.kind == "stairs":
        return []
    t = np.linspace(low - 2.0, high + 2.0, 65)
    apart = piece.at(t) - after.at(t)
    if not np.isfinite(apart).all():
        return []
    found = []
    for place in np.flatnonzero(np.sign(apart[1:]) != np.sign(apart[:-1]))[:2].tolist():
        begin, end = t[place].item(), t[place + 1].item()
        for _ in range(60):
            middle = (begin + end) / 2
            ends = np.array([begin, middle])
            left, here = (piece.at(ends) - after.at(ends)).tolist()
            begin, end = (begin, middle) if np.sign(left) != np.sign(here) else (middle, end)
        found.append((begin + end) / 2)
    return found


@cache
def _digits(text: str) -> int:
    """Return a measure of the length of a text: its digits without zeros at an end, and the calls of combinators."""
    numbers = re.findall(r"(?<![\w.])\d[\d.]*(?:e[-+]?\d+)?", text)
    digits = sum(len(re.sub(r"e.*", "", one).replace(".", "").strip("0")) or 0 for one in numbers)
    calls = len(re.findall(r"skip|take|constant\(|absolute|restarts|>>", text))
    return digits + 2 * text.count("index=") + 3 * calls + 4 * text.count("steps")
