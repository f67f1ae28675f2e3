"""A naive model of schedules with fractions and scalar times, written from the documentation, not from the library.

A node returns its text, its exact length, and its value at a time since its start. `Clock` is the clock of the run.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, cos, pi, sqrt

Value = Callable[[int], float]
Levels = dict[str, float]
BASE = 0.5  # a power of 2, so that a level has the same digits as a multiple and as an absolute value


class Fixed(float):
    """A level that is written as a multiple of base plus an absolute value, half of each."""

    def __str__(self) -> str:
        half = float(self) / 2
        return f"{half} + absolute({half * BASE})"


@dataclass
class Clock:
    """The clock of a run. It converts units with a constant rate, or with the amounts consumed before each update."""

    unit: str
    total: Fraction
    rate: Fraction = Fraction(1)
    epoch: int = 1
    amounts: list[int] | None = None
    run_end: Fraction = field(default=Fraction(0))
    origin: Fraction = Fraction(0)
    per_unit: int = 1  # possible boundaries in a unit: times are counted in these

    def count(self, length: tuple[str, str], begin: Fraction) -> Fraction:
        """Return the amount of a length that starts at the time `begin`."""
        number = Fraction(length[0])
        unit = length[1]
        if unit == "%":
            return number * self.total / 100
        if unit == self.unit:
            return number * self.per_unit
        if self.amounts is None:
            return number * self.rate * (self.epoch if unit == "epochs" else 1)
        first = bisect_left(self.amounts, begin)
        return Fraction(self.amounts[first + ceil(number)] - self.amounts[first])


def written(length: tuple[str, str]) -> str:
    number, unit = length
    return f'"{number}%"' if unit == "%" else f'"{number} {unit}"'


@dataclass
class Anneal:
    """`linear`, `cosine` or `warmup`; without a length it fills the remaining time. A level of None is open."""

    shape: str
    start: float | None
    to: float | None
    over: tuple[str, str] | None = None
    until: bool = False
    index: str = "t/n"

    @property
    def extent(self) -> str:
        return "fills" if self.over is None else "length"

    def text(self) -> str:
        over = "" if self.over is None else f"over={written(self.over)}"
        over = over.replace('over="', 'over="until ' if self.until else 'over="')
        levels = [f"{name}={level}" for name, level in (("start", self.start), ("to", self.to)) if level is not None]
        index = "" if self.index == "t/n" else f'index="{self.index}"'
        return f"{self.shape}({', '.join(filter(None, [*levels, over, index]))})"

    @property
    def own_start(self) -> float:
        """The level of an open start without a stage before it."""
        return 0.0 if self.shape == "warmup" else 1.0

    def length(self, clock: Clock, begin: Fraction) -> Fraction:
        assert self.over is not None
        if self.until:
            return clock.count(self.over, clock.origin) - (begin - clock.origin)
        return clock.count(self.over, begin)

    def value(self, clock: Clock, begin: Fraction, end: Fraction, neighbors: Levels) -> Value:
        end = end if self.over is None else begin + self.length(clock, begin)
        size = ceil(end) - ceil(begin)
        start = neighbors.get("start", self.own_start) if self.start is None else self.start
        to = neighbors.get("to", 1.0) if self.to is None else self.to

        def value_at(time: int) -> float:
            numerator, whole = {
                "t/n": (time, size), "(t+1)/n": (time + 1, size), "(t+1)/(n+1)": (time + 1, size + 1),
                "t/(n-1)": (time, size - 1),
            }[self.index]  # fmt: skip
            if time >= size or whole <= 0 or numerator >= whole:
                return to
            share = numerator / whole
            return start + (to - start) * ((1 - cos(pi * share)) / 2 if self.shape == "cosine" else share)

        return value_at


@dataclass
class Hold:
    """`constant` with a length; a level of None is open."""

    level: float | None
    over: tuple[str, str]
    extent = "length"
    own_start = 1.0

    @property
    def start(self) -> float | None:
        return self.level

    def text(self) -> str:
        level = "" if self.level is None else f"{self.level}, "
        return f"constant({level}over={written(self.over)})"

    def length(self, clock: Clock, begin: Fraction) -> Fraction:
        return clock.count(self.over, begin)

    def value(self, clock: Clock, begin: Fraction, end: Fraction, neighbors: Levels) -> Value:
        level = neighbors.get("start", 1.0) if self.level is None else self.level
        return lambda time: level


@dataclass
class Open:
    """`step`, `exponential` or `inverse_sqrt`, whose period is not rounded to an integer."""

    shape: str
    period: tuple[str, str]
    factor: float = 0.5
    extent = "open"

    def text(self) -> str:
        period = written(self.period)
        return {
            "step": f"step({period}, {self.factor})",
            "exponential": f"exponential({self.factor}, {period})",
            "inverse_sqrt": f"inverse_sqrt({period})",
            "restarts": f"restarts(cosine(start=1.0, to={self.factor}), {period})",
        }[self.shape]

    def value(self, clock: Clock, begin: Fraction, end: Fraction, neighbors: Levels) -> Value:
        period = clock.count(self.period, begin)
        least = max(period, Fraction(1))

        def value_at(time: int) -> float:
            if self.shape == "step":
                return self.factor ** int(time // least)
            if self.shape == "exponential":
                return self.factor ** float(time / period)
            if self.shape == "inverse_sqrt":
                return 1 / sqrt(1 + time / period)
            share = float((time % least) / least)
            return self.factor + (1 - self.factor) * (1 + cos(pi * share)) / 2

        return value_at


@dataclass
class Stages:
    """`a >> b`: an open start is the end of the stage before, the open end of a warmup the start of the next stage."""

    stages: list

    @property
    def extent(self) -> str:
        extents = [stage.extent for stage in self.stages]
        return "open" if extents[-1] == "open" else "fills" if "fills" in extents else "length"

    def text(self) -> str:
        return " >> ".join(stage.text() for stage in self.stages)

    def length(self, clock: Clock, begin: Fraction) -> Fraction:
        clock = replace(clock, origin=begin)
        total = Fraction(0)
        for stage in self.stages:
            total += stage.length(clock, begin + total)
        return total

    def value(self, clock: Clock, begin: Fraction, end: Fraction, neighbors: Levels) -> Value:
        clock = replace(clock, origin=begin)
        timed_stages = []
        position = begin
        for place, stage in enumerate(self.stages):
            following = sum(
                (later.length(clock, position) for later in self.stages[place + 1 :] if stage.extent != "length"), 0
            )
            size = stage.length(clock, position) if stage.extent == "length" else end - following - position
            if size < 0:
                raise ValueError("no room")
            timed_stages.append((stage, position, position + size))
            position += size
        timed_stages = [
            (stage, first, last) for stage, first, last in timed_stages if ceil(last) > ceil(first)
        ] or timed_stages[-1:]
        values: list[Value] = []
        for place, (stage, first, last) in enumerate(timed_stages):
            levels: Levels = {}
            if place:
                _, before_first, before_last = timed_stages[place - 1]
                levels["start"] = values[-1](ceil(before_last) - ceil(before_first))
            if place + 1 < len(timed_stages):
                levels["to"] = level_at_start(timed_stages[place + 1], clock)
            values.append(stage.value(clock, first, last, levels))

        def at_time(time: int) -> float:
            place = max(
                i for i, (_, first, _) in enumerate(timed_stages) if i == 0 or time + ceil(begin) >= ceil(first)
            )
            stage, first, last = timed_stages[place]
            elapsed = time + ceil(begin) - ceil(first)
            is_last = place == len(timed_stages) - 1 and stage.extent != "length"
            return values[place](elapsed if is_last else min(elapsed, ceil(last) - ceil(first)))

        return at_time


def level_at_start(timed_stage: tuple, clock: Clock) -> float:
    """Return the level at which a stage begins; base if its start is open."""
    stage, first, last = timed_stage
    if hasattr(stage, "own_start"):
        return 1.0 if stage.start is None else stage.start
    if isinstance(stage, Take):  # the start of its first stage, whatever its index
        stages = [
            replace(inner, index="t/n") if isinstance(inner, Anneal) else inner for inner in stage.whole.args["stages"]
        ]
        stage = replace(stage, whole=Stages(stages))
    return stage.value(clock, first, last, {})(0)


@dataclass
class Take:
    """The first part of stages that are planned for the run, or for a run of the length `of`."""

    whole: Stages
    over: tuple[str, str]
    of: tuple[str, str] | None = None
    extent = "length"

    def text(self) -> str:
        of = "" if self.of is None else f", of={written(self.of)}"
        return f"take({self.whole.text()}, {written(self.over)}{of})"

    def length(self, clock: Clock, begin: Fraction) -> Fraction:
        return clock.count(self.over, begin)

    def value(self, clock: Clock, begin: Fraction, end: Fraction, neighbors: Levels) -> Value:
        size = ceil(begin + self.length(clock, begin)) - ceil(begin)
        run_end = clock.run_end
        if self.of is not None:
            run = clock.count(self.of, begin)
            clock = replace(clock, total=run, run_end=begin + run)
            run_end = begin + run
        inner = self.whole.value(clock, begin, run_end, {})
        return lambda time: inner(min(time, size))


@dataclass
class Moved:
    """Stages at other times of the run: `shift`, `skip`, `window` or `every`."""

    shape: str
    whole: Stages
    by: tuple[str, str]
    close: tuple[str, str] = ("0", "%")
    phase: int = 0

    @property
    def extent(self) -> str:
        return "length" if self.shape == "window" else self.whole.extent

    def text(self) -> str:
        more = {"window": f", {written(self.close)}", "every": f", {self.phase}"}.get(self.shape, "")
        return f"{self.shape}({self.whole.text()}, {written(self.by)}{more})"

    def length(self, clock: Clock, begin: Fraction) -> Fraction:
        return clock.count(self.close, begin)

    def value(self, clock: Clock, begin: Fraction, end: Fraction, neighbors: Levels) -> Value:
        size = clock.count(self.by, begin)
        if self.shape == "every":
            return self.sampled(self.whole.value(clock, begin, end, {}), max(size, Fraction(1)), ceil(begin))
        start = begin - size if self.shape == "skip" else begin + size
        stop = begin + self.length(clock, begin) if self.shape == "window" else end
        if start > stop:
            raise ValueError("no room")
        inner = self.whole.value(clock, start, stop, {})
        late = ceil(start) - ceil(begin)
        last = ceil(stop) - ceil(begin)
        if self.shape == "window":
            return lambda time: 1.0 if time < late else inner(min(time, last) - late)
        return lambda time: inner(max(time - late, 0))

    def sampled(self, inner: Value, period: Fraction, begin: int) -> Value:
        phase = begin % period.numerator if self.by[1] == "epochs" else self.phase
        return lambda time: inner(max(ceil((time + phase) // period * period) - phase, 0))


@dataclass
class Overlay:
    """A stage that replaces the start of a curve."""

    first: Anneal
    curve: Stages
    extent = "fills"

    def text(self) -> str:
        return f"overlay({self.first.text()}, {self.curve.text()})"

    def value(self, clock: Clock, begin: Fraction, end: Fraction, neighbors: Levels) -> Value:
        size = self.first.length(clock, begin)
        updates = ceil(begin + size) - ceil(begin)
        below = self.curve.value(clock, begin, end, {})
        above = self.first.value(clock, begin, begin + size, {"to": below(updates)})
        return lambda time: above(time) if time < updates else below(time)


@dataclass
class Joined:
    """The product or sum of two schedules, or the power of one."""

    left: Stages | Take | Overlay
    operator: str
    right: Stages | None = None
    extent = "fills"

    def text(self) -> str:
        right = "2" if self.right is None else f"({self.right.text()})"
        return f"({self.left.text()}) {self.operator} {right}"

    def value(self, clock: Clock, begin: Fraction, end: Fraction, neighbors: Levels) -> Value:
        left = self.left.value(clock, begin, end, {})
        if self.right is None:
            return lambda time: left(time) ** 2
        right = self.right.value(clock, begin, end, {})
        return lambda time: left(time) * right(time) if self.operator == "*" else left(time) + right(time)
