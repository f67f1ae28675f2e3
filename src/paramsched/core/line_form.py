"""The form of a line: a constant start, a ramp, a constant stage and a tail, whose lengths and levels can be changed.

A reader of a log finds the line that a run used with it: the planned one with other numbers.
"""

from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias, final

import numpy as np

from paramsched.core import curves
from paramsched.core.curves import Curve, Floats
from paramsched.core.schedules.anneals import (
    Index,
    anneal,
    constant,
    constant_level,
    cosine_wave,
    first_level,
    is_anneal,
    last_level,
    warmup,
)
from paramsched.core.schedules.cycles import restarts
from paramsched.core.schedules.level import Level, split_level
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import sequence_of, stages_of
from paramsched.core.time.duration import Duration

Tail: TypeAlias = tuple[Curve, Index] | None
"""The curve of a tail and its index; None if it is constant."""

TAILS: Final[tuple[Tail, ...]] = ((curves.linear, "t/n"), (curves.cosine, "t/n"), None)
"""The usual tails."""

_SHIFTS: Final[dict[Index, tuple[int, int]]] = {
    "t/n": (0, 0),
    "(t+1)/n": (1, 0),
    "(t+1)/(n+1)": (1, 1),
    "t/(n-1)": (0, -1),
}


class Lengths(NamedTuple):
    """The lengths of a constant start, a ramp, a constant stage at the top and a tail: numbers, or arrays of them."""

    start: Any
    ramp: Any
    hold: Any
    tail: Any


@final
@dataclass(frozen=True, slots=True)
class LineForm:
    """Lines that differ in their lengths and in the level of the end.

    Args:
        tail: the tail.
        ramp: the curve of the ramp and its index.
        levels: the levels of the start, of the top and of the end.
        is_planned: whether this is the form of the planned line.
    """

    tail: Tail
    ramp: tuple[Curve, Index] = (curves.linear, "t/n")
    levels: tuple[Level, Level, Level] = (0.0, 1.0, 0.0)
    is_planned: bool = False

    @classmethod
    def of(cls, schedule: Schedule, total: int | None) -> tuple["LineForm", Lengths]:
        """Return the form of a planned line and its lengths; another line has those of its warmup, and a tail to 0."""
        *stages, last = stages_of(schedule)
        is_ramp = bool(stages) and is_anneal(stages[0])
        ramp, holds = (stages[:1], stages[1:]) if is_ramp else ([], stages)
        lengths = [
            sum(int(one.length.number) for one in some if one.length is not None) for some in (ramp, holds, [last])
        ]
        form = cls((curves.linear, "t/n"))
        if ramp:
            (rise,) = ramp
            args = rise.args
            form = replace(form, ramp=(args["curve"], args["index"]), levels=(first_level(rise), last_level(rise), 0.0))
        top = form.levels[1]
        if is_anneal(last) and last.kind == "anneal" and all(hold.kind == "constant" for hold in holds):
            start = first_level(last)
            if all(constant_level(hold) == start for hold in holds) and (not ramp or start == top):
                tail = (last.args["curve"], last.args["index"])
                form = replace(form, tail=tail, levels=(form.levels[0], start, last_level(last)), is_planned=True)
                return form, Lengths(0, *lengths)
        if last.kind == "constant" and not holds and constant_level(last) == top:
            form = replace(form, tail=None, is_planned=True)
        return form, Lengths(0, lengths[0], 0, max((total or sum(lengths)) - lengths[0], 1))

    @property
    def parts_of_levels(self) -> tuple[tuple[float, float], ...]:
        """The multiple of base of each level, and what is added to it."""
        pairs = map(split_level, self.levels)
        return tuple((multiple or 0.0, value or 0.0) for multiple, value in pairs)

    def weights(self, t: Floats, lengths: Lengths) -> Floats:
        """Return the weights of the three levels; shape (3, lengths, rows)."""
        start, ramp, hold, tail = (np.asarray(length, dtype=np.float64)[..., np.newaxis] for length in lengths)
        rises = np.where(ramp > 0, _progress(*self.ramp, t - start, ramp), 1.0)
        falls = 0.0 * rises if self.tail is None else _progress(*self.tail, t - start - ramp - hold, tail)
        return np.stack([1 - rises, rises * (1 - falls), rises * falls])

    def line(self, lengths: Lengths, end: Level, total: int | None) -> Schedule:
        """Return the line; a tail that ends with the run is written without a length."""
        low, top, _ = self.levels
        start, ramp, hold, tail = map(int, lengths)
        stages = [constant(low if ramp else top, start)] if start else []
        if ramp:
            stages.append(warmup(ramp, None if low == 0.0 else low, None if top == 1.0 else top, *self.ramp))
        first = None if ramp or top == 1.0 else top  # written, because after constant(top) it would be ambiguous
        if hold and self.tail is not None:
            stages.append(constant(first, hold))
        over = None if start + ramp + hold + tail == total else tail
        stages.append(constant(first) if self.tail is None else anneal(first, end, over, *self.tail))
        return stages[0] if len(stages) == 1 else sequence_of(stages)


def _progress(curve: Curve, index: Index, t: Floats, n: Floats) -> Floats:
    later, longer = _SHIFTS[index]
    part = (t + later) / np.maximum(n + longer, 0.5)
    progress: Floats = curve(np.clip(part, 0.0, 1.0)) * (t >= 0)
    return progress


def with_cosine_wave(schedule: Schedule) -> Schedule:
    """Return a schedule whose last cosine rises again after its end, as those of transformers and torch do.

    >>> str(with_cosine_wave(cosine(to=0.1, over=100)))
    'restarts(cosine_wave(to=0.1, over=200), 200)'
    """
    *stages, last = stages_of(schedule)
    args = last.args
    if last.kind != "anneal" or args["curve"] != curves.cosine or args["index"] != "t/n" or not args["over"].terms:
        return schedule
    length = Duration.of_updates(2 * args["over"].number)
    wave = cosine_wave(start=first_level(last), to=args["to"], over=length)
    return sequence_of([*stages, restarts(wave, length)]) if stages else restarts(wave, length)
