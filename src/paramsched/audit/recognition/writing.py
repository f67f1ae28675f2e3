"""The plan that has the values of recognized stages, with round numbers."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, final

import numpy as np

from paramsched import curves
from paramsched.audit.recognition.families import (
    CONSTANT,
    COSINE,
    DECAY,
    EXPONENTIAL,
    FALL,
    LINE,
    RISE,
    Fit,
    Rows,
    refine,
)
from paramsched.audit.recognition.stages import (
    Piece,
    even_length,
    length_text,
    roundest,
    roundest_integer,
    sample,
)
from paramsched.curves.arrays import Floats
from paramsched.errors import InvalidArgument, Unresolved
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
_NEAR = 1e-6  # updates
_CHECKED = 256  # rows of a stage with which a text of it is checked
_KEPT = 5  # the ends of a stage with which the next ones are written


@final
class Writer:
    """Writes stages as a schedule with round numbers.

    Args:
        rows: the rows, whose values are divided by `unit`.
        unit: the largest logged value.
        base: the base.
        grain: the number of which the ends of stages are multiples.
    """

    def __init__(self, rows: Rows, unit: float, base: float, grain: int = 1) -> None:
        self.rows, self.unit, self.base, self.grain = rows, unit, base / unit, grain
        relative = (rows.tol / np.maximum(np.abs(rows.v), 1e-6)).min()
        # The part of the tolerance within which numbers are rounded: in a full log, one of float32, one of few digits.
        self.sharp = 0.02 if relative < 2e-9 else 1.0 if relative < 1e-7 else 0.5

    def write(self, pieces: Sequence[Piece], begin: float = 0.0) -> tuple[Schedule, float, float] | None:
        """Return the schedule of least cost with the values of the stages, its end and its peak; None if there is none.

        Args:
            pieces: the stages.
            begin: the start of the first stage.
        """
        best: dict[float, tuple[float, list[Schedule]]] = {begin: (0.0, [])}
        first = pieces[0]
        for start in self._starts(first) if begin == 0 else ():
            best[start] = 3.0, [constant(self._level(first.at(np.array([start])).item()), length_text(start))]
        for piece, after in zip(pieces, [*pieces[1:], None], strict=True):
            ends: dict[float, tuple[float, list[Schedule]]] = {}
            for start, (cost, stages) in best.items():
                for end in self._ends(piece, after):
                    for schedule, reached in self._forms(piece, start, end, after is None) if end > start else ():
                        total = cost + self._cost(schedule, start, end if after is not None else np.inf)
                        if reached not in ends or total < ends[reached][0]:
                            ends[reached] = total, [*stages, schedule]
            # The stages that follow multiply the number of texts, so only the best ones are kept.
            best = dict(sorted(ends.items(), key=lambda one: one[1][0])[:_KEPT])
        if not best:
            return None
        end, (_, stages) = min(best.items(), key=lambda one: one[1][0])
        made = in_order(stages)
        try:
            made(0)
        except Unresolved:  # a length is not a whole number of updates
            made = with_lengths(made)
        lengths = [0.0 if one.length is None or one.length.exact is None else float(one.length.exact) for one in stages]
        base = self.base * self.unit
        ends = (evaluate(one, np.array([0.0, length]), base) for one, length in zip(stages, lengths, strict=True))
        return made, end, float(np.abs([*ends]).max())

    def _starts(self, first: Piece) -> list[float]:
        """Return the times after 0 at which the first stage may begin, after a constant that was not logged."""
        origin = first.fit.natural[0] if first.fit is not None else first.first if first.cycles is not None else None
        near = [] if origin is None else [round(origin), round(origin) + 1] if first.cycles is None else [origin]
        return [float(one) for one in near if 0 < one <= first.first]

    def _ends(self, piece: Piece, after: Piece | None) -> list[float]:
        """Return the times at which a stage may end."""
        natural = piece.fit.natural[1] if piece.fit is not None else None
        ends = [] if natural is None else [float(round(natural)), float(round(natural)) + 1]
        if after is None:
            gap = float(self.rows.t[-1] - self.rows.t[-2])
            whole = roundest_integer(piece.last, piece.last + gap)
            ends += [piece.last + 1, piece.last + gap, *([] if whole is None else [float(whole)]), *self._zero(piece)]
            return list(dict.fromkeys(one for one in ends if one > piece.last and self._is_end(one)))
        if after.cycles is not None:
            return [after.first]
        low, high = self._joint(piece, after)
        origin = after.fit.natural[0] if after.fit is not None else None
        ends += [] if origin is None else [float(round(origin)), float(round(origin)) + 1]
        for meeting in _meetings(piece, after, low, high):
            ends += [float(round(meeting)), float(round(meeting)) + 1]
            if abs(meeting - round(meeting)) > 1e-3 and not piece.every:
                ends.append(roundest(meeting, 1e-5))
        whole = roundest_integer(low, high)
        ends += [high, np.floor(low) + 1, *([] if whole is None else [float(whole)])]
        return list(dict.fromkeys(float(one) for one in ends if low < one <= high and self._is_end(one)))

    def _is_end(self, time: float) -> bool:
        return self.grain == 1 or time % self.grain == 0

    def _zero(self, piece: Piece) -> list[float]:
        """Return the time after the log at which a straight line reaches 0."""
        fit = piece.fit
        if fit is None or fit.family not in (LINE, RISE) or fit.a * fit.b >= 0:
            return []
        shift, power = fit.p if fit.family is RISE else (0.0, 1.0)
        if power < 0:
            return []
        begin = fit.origin + float(shift)
        at, rows = begin + (-fit.a / fit.b) ** (1 / power), self._rows(piece.first, np.inf, fit)
        for unit in (factor * 10**power for power in range(6, -1, -1) for factor in (5, 1)):
            zero = float(round(at / unit) * unit)
            if zero > begin and (np.abs(rows.v - fit.a * (1 - ((rows.t - begin) / (zero - begin)) ** power)) <= rows.tol).all():
                return [zero]
        return []

    def _joint(self, piece: Piece, after: Piece) -> tuple[float, float]:
        """Return the last time that the next stage does not explain, and the first one that this stage does not."""
        t = self.rows.t
        begin, end = np.searchsorted(t, [min(piece.last, after.first), after.first])
        begin = max(int(begin) - 8, int(np.searchsorted(t, piece.first)))
        inside = self.rows.take(slice(begin, int(end) + 3))
        wrong, others = ~inside.matches(piece.at(inside.t)), ~inside.matches(after.at(inside.t))
        last = np.flatnonzero(others & (inside.t < after.first))
        low = inside.t[last[-1]].item() if last.size else inside.t[0].item()
        over = np.flatnonzero(wrong & (inside.t > low))
        high = inside.t[over[0]].item() if over.size else inside.t[-1].item()
        return low, min(high, after.first) if high > low else after.first

    def _level(self, value: float, good: Callable[[float], bool] | None = None) -> Any:
        """Return the level with the fewest digits, a multiple of the base or an absolute value, with which a curve fits.

        Args:
            value: the level, in the unit of the rows.
            good: whether a level fits; None for a difference up to rounding.
        """

        def near(one: float) -> bool:
            return abs(one - value) <= 1e-11 * abs(value) + 1e-13

        fits = near if good is None else good
        if fits(0.0):
            return 0.0
        for digits in range(1, 18):
            fixed = float(f"{value * self.unit:.{max(digits - 3, 1)}g}")
            if digits > 3 and fits(fixed / self.unit):
                return absolute(fixed)
            share = float(f"{value / self.base:.{digits}g}")
            if fits(share * self.base):
                return share
        return value / self.base

    def _value(self, level: Any) -> float:
        return level.value / self.unit if isinstance(level, Absolute) else float(level) * self.base

    def _rows(self, begin: float, end: float, fit: Fit) -> Rows:
        """Return some of the rows from one time to another that a curve explains."""
        low, high = np.searchsorted(self.rows.t, [begin, end])
        rows = self.rows.take(sample(int(low), int(high), _CHECKED)) if high > low else self.rows.take(slice(0, 0))
        return rows.take(rows.matches(fit.at(rows.t)))

    def _levels(self, fit: Fit, x0: float, x1: float, rows: Rows) -> tuple[Any, Any]:
        """Return the levels of a curve at two times, with as few digits as explain the rows."""
        ends = fit.at(np.array([x0, x1]))
        if ends[0] == ends[1]:
            return (self._level(float(ends[0])),) * 2
        u = (fit.at(rows.t) - ends[0]) / (ends[1] - ends[0])
        weight = u / rows.tol**2
        size = float(weight @ u)

        def best(start: float) -> float:
            return float(weight @ (rows.v - start * (1 - u))) / size if size > 0 else float(ends[1])

        def apart(start: float, to: float) -> float:
            return float((np.abs(rows.v - start * (1 - u) - to * u) / rows.tol).max(initial=0.0))

        most = max(self.sharp, 1.001 * apart(float(ends[0]), best(float(ends[0]))))
        start = self._level(float(ends[0]), lambda one: apart(one, best(one)) <= most)
        value = self._value(start)
        return start, self._level(best(value), lambda one: apart(value, one) <= most)

    def _cost(self, schedule: Schedule, begin: float, end: float) -> float:
        """Return the number of digits in a text, and much more if it does not have the logged values."""
        low, high = np.searchsorted(self.rows.t, [begin, end])
        cost = float(_digits(str(schedule)))
        if high > low:
            rows = self.rows.take(sample(int(low), int(high), _CHECKED))
            planned = evaluate(schedule, rows.t - begin, self.base * self.unit) / self.unit
            wrong = 1 - float(rows.matches(planned).mean())
            cost += wrong and 40 + 1000 * wrong
        return cost

    def _forms(self, piece: Piece, begin: float, end: float, last: bool) -> list[tuple[Schedule, float]]:
        """Return schedules with the values of a stage, for a clock that starts at `begin`, and their ends."""
        made = []
        with np.errstate(all="ignore"):
            forms = self._of_curve(piece.fit, begin, end, last) if piece.fit is not None else self._others(piece, begin)
            try:
                for one in forms:
                    length = None if not last or one.length is None else one.length.exact
                    cut = one if last or piece.fit is not None else take(one, length_text(end - begin))
                    made.append((cut, end if length is None else max(end, begin + float(length))))
            except InvalidArgument:  # a number is out of the range of an argument
                pass
        return made

    def _scaled(self, schedule: Schedule, value: float) -> Schedule:
        share = roundest(value / self.base, 1e-11 * abs(value / self.base))
        return schedule if share == 1 else constant(share) * schedule

    def _others(self, piece: Piece, begin: float) -> Iterator[Schedule]:
        """Yield schedules with the values of steps, cycles or stairs."""
        if piece.drops:
            whole = [roundest_integer(*gap) or int(gap[1]) for gap in piece.drops]
            for origin in dict.fromkeys((0.0, begin)):
                skipped = int(piece.first // (whole[1] - whole[0])) if origin == 0 else 0
                length = even_length(piece.drops, origin, skipped)
                if length is not None:
                    value = piece.high / piece.ratio ** int((begin - origin) // length)
                    even = step(length, piece.ratio)
                    yield self._scaled(skip(even, length_text(begin - origin)) if begin > origin else even, value)
            if len(whole) <= 24:
                yield self._scaled(multistep([length_text(one - begin) for one in whole], piece.ratio), piece.high)
        elif piece.cycles is not None:
            yield self._scaled(piece.cycles(self._level(piece.low / piece.high * self.base)), piece.high)
        else:
            number = begin // piece.every
            changes = self.rows.t // piece.every
            inside = np.flatnonzero(self.rows.t >= begin)
            firsts = inside[np.append(True, np.diff(changes[inside]) > 0)]
            levels = replace(self.rows.take(firsts), t=changes[firsts] * piece.every)
            found = Writer(levels, self.unit, self.base * self.unit, piece.every).write(piece.inner, number * piece.every)
            if found is not None:
                off = begin - number * piece.every
                stairs = every(found[0], piece.every)
                yield skip(stairs, length_text(off)) if off else stairs

    def _of_curve(self, fit: Fit, begin: float, end: float, last: bool) -> Iterator[Schedule]:
        """Yield a fitted curve as changes between two levels, with each index that is possible, or as a part of one."""
        room, rows = length_text(end - begin), self._rows(begin, np.inf if last else end, fit)
        first, final = fit.natural
        if fit.family is CONSTANT:
            sharp = self.sharp * rows.tol
            yield constant(self._level(fit.a, lambda one: bool((np.abs(rows.v - one) <= sharp).all())), room)
            return
        if fit.family is DECAY:
            gamma = float(np.exp(-fit.p[0]))
            body = exponential(roundest(gamma, 1e-15))
            share = self._levels(fit, begin, np.inf, rows)[0] if fit.p[0] > 0 else 1.0
            body = body if share == 1 else constant(share) * body
            yield body if last else take(body, room)
        if fit.family is RISE and fit.p[1] < 0:
            start, to = self._levels(fit, begin, np.inf, rows)
            law = power_law(-float(fit.p[1]), length_text(begin - fit.origin - float(fit.p[0])))
            if to != 0:
                law = constant(to) + constant(roundest(float(start) - float(to), 1e-12)) * law
            elif start != 1:
                law = constant(start) * law
            yield law if last else take(law, room)
            return
        for (early, before), index in _INDICES.items():
            x0, x1 = begin - early, end - before
            if all(own is None or abs(own - x) < _NEAR for own, x in ((first, x0), (final, x1))) and x1 > x0:
                yield self._anneal(fit, x0, x1, rows, room, index)
        if first is None and final is None:
            return
        x0, x1 = begin if first is None else first, end if final is None else final
        if fit.family is COSINE and abs(begin - x0) < _NEAR and abs(x1 - x0 - round(x1 - x0)) > _NEAR:
            waves = roundest((end - begin) / (2 * (x1 - x0)), 1e-9)
            yield cosine_wave(waves, *self._levels(fit, x0, x1, rows), room)
        stages: list[Schedule] = []
        left = x1 - max(begin, x0)
        if fit.family is COSINE and end > x1 + 1 + _NEAR:
            wave = length_text(2 * (x1 - x0))
            body: Schedule = restarts(cosine_wave(1.0, *self._levels(fit, x0, x1, rows), wave), wave)
            left = np.inf
        else:
            body = self._anneal(fit, x0, x1, rows, length_text(x1 - x0), "t/n")
        if x0 > begin + _NEAR:
            stages.append(constant(self._level(fit.at(np.array([x0])).item()), length_text(x0 - begin)))
        elif begin > x0 + _NEAR:
            body = skip(body, length_text(begin - x0))
        more = end - max(begin, x0)
        if more <= 0 or left <= 0:
            return
        stages.append(take(body, length_text(more)) if left > more + _NEAR and not last else body)
        if left < more - _NEAR:
            stages.append(constant(self._level(fit.at(np.array([x1])).item()), length_text(more - left)))
        yield in_order(stages)

    def _anneal(self, fit: Fit, x0: float, x1: float, rows: Rows, over: Any, index: Index) -> Schedule:
        ratio = float(np.exp(-fit.p[0] * (x1 - x0))) if fit.family in (DECAY, EXPONENTIAL) else 0.0
        for digits in range(1, 16) if fit.family is EXPONENTIAL else ():
            near = float(f"{ratio:.{digits}g}")
            found = refine(fit.family, np.array([-np.log(near) / (x1 - x0)]), rows, fit.origin, ())
            if found is not None:
                fit, ratio = found, near
                break
        start, to = self._levels(fit, x0, x1, rows)
        if fit.family is DECAY and to != 0 and isinstance(start, Absolute) == isinstance(to, Absolute):
            return geometric(start, to, over, index)
        if ratio:
            return anneal(start, to, over, curves.exponential(ratio), index)
        power = float(fit.p[1]) if fit.family in (FALL, RISE) else 1.0
        made = {LINE: curves.linear, COSINE: curves.cosine, FALL: curves.polynomial(power)}.get(fit.family)
        rise = curves.one_minus_sqrt if power == 0.5 else curves.power(power)
        return anneal(start, to, over, rise if made is None else made, index)


def _meetings(piece: Piece, after: Piece, low: float, high: float) -> list[float]:
    """Return the times between two rows, or near them, at which two curves have the same value."""
    if piece.every or after.every:
        return []
    t = np.linspace(low - 2.0, high + 2.0, 65)
    apart = piece.at(t) - after.at(t)
    found = []
    for place in np.flatnonzero(np.sign(apart[1:]) != np.sign(apart[:-1]))[:2].tolist():
        begin, end = t[place].item(), t[place + 1].item()
        left = np.sign(apart[place])
        for _ in range(60):
            middle = (begin + end) / 2
            here = np.array([middle])
            begin, end = (begin, middle) if np.sign(piece.at(here) - after.at(here))[0] != left else (middle, end)
        found.append((begin + end) / 2)
    return found


@cache
def _digits(text: str) -> int:
    """Return a measure of the length of a text: its digits without zeros at an end, and the calls of combinators."""
    numbers = re.findall(r"(?<![\w.])\d[\d.]*(?:e[-+]?\d+)?", text)
    digits = sum(len(re.sub(r"e.*", "", one).replace(".", "").strip("0")) or 0 for one in numbers)
    calls = len(re.findall(r"skip|take|constant\(|absolute|restarts|>>", text))
    return digits + 2 * text.count("index=") + 3 * calls + 4 * text.count("steps")
