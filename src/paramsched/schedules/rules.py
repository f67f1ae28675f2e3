"""Rules: what a recurrence does to the current value at each tick.

A rule is a frozen value named after its shape. At tick k of its own clock (0 at the first tick in its window) it
replaces the current value v by

    v <- a(k) * v + b(k) * base + c(k) + e(k) * entry

where entry is the value the rule found at its first tick. Outside its window `[begin, end)` it does nothing. Counts are
in ticks: of updates, of epochs, or of every n updates, as `by` says. MMEngine's and torch's schedulers are these rules.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal, TypeAlias, final

import numpy as np

from paramsched import curves
from paramsched._arrays import NUMPY, Floats
from paramsched._data import equal, hashed
from paramsched.curves import Curve, CurveLike, curve_of
from paramsched.errors import InvalidArgument, nearest
from paramsched.schedules import _text
from paramsched.schedules._level import Absolute, Level, count, finite, level_of, parts, positive
from paramsched.schedules._value import BASE
from paramsched.schedules.base import Schedule, schedule_of

Clock: TypeAlias = Literal["update", "epoch"] | int
"""What a rule ticks by: each update, each epoch, or every n updates."""


@final
@dataclass(frozen=True, slots=True)
class Coefficients:
    """Columns a, b, c, e of a rule over a range of its ticks."""

    a: Floats
    b: Floats
    c: Floats
    e: Floats

    @staticmethod
    def identity(size: int) -> "Coefficients":
        return Coefficients(np.ones(size), np.zeros(size), np.zeros(size), np.zeros(size))


class Rule(ABC):
    """One rule of a recurrence: its window, its clock, its coefficients."""

    __slots__ = ()
    begin: int
    end: int | None
    by: Clock
    _precedence = _text.CALL

    @abstractmethod
    def _coefficients(self, k: Floats) -> Coefficients:
        """The columns at ticks `k` of the rule's own clock: whole numbers, 0 or more, in floats."""

    @property
    def has_absolute(self) -> bool:
        """Whether it adds what does not scale with base."""
        return any(isinstance(value, Absolute) for value in self._values())

    @property
    def serialisable(self) -> bool:
        """Whether its line of text says everything."""
        return all(value.serialisable for value in self._values() if isinstance(value, Curve | Schedule))

    def _values(self) -> list[object]:
        return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]  # all are dataclasses

    def _check(self) -> None:
        name = type(self).__name__
        object.__setattr__(self, "begin", count(f"rules.{name}(begin=…)", self.begin, least=0))
        if self.end is not None:
            object.__setattr__(self, "end", count(f"rules.{name}(end=…)", self.end, least=0))
            if self.end <= self.begin:
                raise InvalidArgument(
                    f"{self}", f"end {self.end} is not after begin {self.begin}", "Write end=begin + 1"
                )
        if self.by not in ("update", "epoch"):
            object.__setattr__(self, "by", count(f"rules.{name}(by=…)", self.by))

    @property
    def last(self) -> int | None:
        """The last tick of the window on the rule's own clock; None without an end."""
        return None if self.end is None else self.end - self.begin - 1

    def __str__(self) -> str:
        return _text.call(self)

    def __eq__(self, other: object) -> bool:
        return equal(self, other)

    def __hash__(self) -> int:
        return hashed(self)

    def __repr__(self) -> str:
        return str(self)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ConstantRule(Rule):
    """Multiply by `factor` at tick 0, undo it at tick n = `over`, or the last tick of the window."""

    factor: float
    over: int | None
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "factor", finite("rules.constant(factor=…)", self.factor))
        _check_over(self, self.over)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        n = self.last if self.over is None else self.over
        if n == 0 and self.over is not None:
            return out
        out.a[k == 0] = self.factor
        if n is not None and n > 0:
            back = k == n
            if self.factor == 0:
                out.a[back], out.e[back] = 0.0, 1.0
            else:
                out.a[back] = 1 / self.factor
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LinearRule(Rule):
    """Scale by a straight line F(k) from `start` at tick 0 to `to` at tick n = `over`, or the window's last tick."""

    start: float
    to: float
    over: int | None
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "start", finite("rules.linear(start=…)", self.start))
        object.__setattr__(self, "to", finite("rules.linear(to=…)", self.to))
        _check_over(self, self.over)

    def _coefficients(self, k: Floats) -> Coefficients:
        n = self.last if self.over is None else self.over
        out = Coefficients.identity(k.size)
        if n is None:  # no end: the line never gets anywhere
            out.a[k == 0] = self.start
            return out
        if n == 0:
            out.a[k == 0] = self.start if self.over is None else self.to
            return out

        def line(at: Floats) -> Floats:
            return np.where(at >= n, self.to, self.start + (self.to - self.start) * at / n)

        moving = (k > 0) & (k <= n)
        before, now = line(k - 1), line(k)
        lost = moving & (before == 0)  # nothing of the value is left to scale: begin again from what was found
        out.a[k == 0] = self.start
        scaled = moving & ~lost
        out.a[scaled] = now[scaled] / before[scaled]
        out.a[lost], out.e[lost] = 0.0, now[lost]
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExponentialRule(Rule):
    """Multiply by `gamma` at each tick but the first."""

    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "gamma", finite("rules.exponential(gamma=…)", self.gamma))

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        out.a[k > 0] = self.gamma
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepRule(Rule):
    """Multiply by `gamma` at every multiple of `every` ticks but 0."""

    every: int
    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "every", count("rules.step(every=…)", self.every))
        object.__setattr__(self, "gamma", finite("rules.step(gamma=…)", self.gamma))

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        out.a[(k > 0) & (k % self.every == 0)] = self.gamma
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultiStepRule(Rule):
    """Multiply by `gamma` at each milestone, 0 included; repeats count."""

    milestones: tuple[int, ...]
    gamma: float
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "gamma", finite("rules.multistep(gamma=…)", self.gamma))

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        for milestone in self.milestones:
            out.a[k == milestone] *= self.gamma
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineRule(Rule):
    """Half a cosine wave towards the floor `to` in `over` ticks (or the window), and back up in as many, and so on."""

    to: Level
    over: float | None
    begin: int
    end: int | None
    by: Clock
    base: Level

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "to", level_of("rules.cosine(to=…)", self.to))
        object.__setattr__(self, "base", level_of("rules.cosine(base=…)", self.base))
        if self.over is not None:
            object.__setattr__(self, "over", _ticks("rules.cosine(over=…)", self.over))

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        n = self.over if self.over is not None or self.last is None else self.last + 1
        if n is None:
            return out
        before = _wave(k - 1, n)
        turn = (k > 0) & (((k - 1 - n) % (2 * n) == 0) | (before == 0))  # a remainder of thirds of a tick is not exact
        moving = (k > 0) & ~turn
        out.a[moving] = _wave(k[moving], n) / before[moving]
        _towards(out, moving, self.to)
        rise = (1 - math.cos(math.pi / n)) / 2
        share, fixed = parts(self.to)
        out.b[turn] = rise * (1 - (share or 0.0))
        out.c[turn] = -rise * (fixed or 0.0)
        return _rebased(out, self.base)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PolynomialRule(Rule):
    """The power of what is left, ((n - k) / n) ** power, towards `to`; n = `over`, or the window's last tick."""

    power: float
    to: Level
    over: int | None
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "power", finite("rules.polynomial(power=…)", self.power))
        if self.power < 0:
            raise InvalidArgument(
                f"rules.polynomial(power={self.power})", "it would end at infinity", "Write power=0.9"
            )
        object.__setattr__(self, "to", level_of("rules.polynomial(to=…)", self.to))
        _check_over(self, self.over, least=1)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        n = self.last if self.over is None else self.over
        if n is None:
            return out
        moving = (k > 0) & (k <= n)
        out.a[moving] = ((n - k[moving]) / (n - k[moving] + 1)) ** self.power
        _towards(out, moving, self.to)
        return out


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineRestartsRule(Rule):
    """Cosine descents to the floor `to`, each beginning at its weight times base, whatever the value was."""

    periods: tuple[float, ...]
    weights: tuple[float, ...]
    to: Level
    begin: int
    end: int | None
    by: Clock
    base: Level

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "base", level_of("rules.cosine_restarts(base=…)", self.base))
        object.__setattr__(self, "periods", tuple(_ticks("rules.cosine_restarts(periods=…)", p) for p in self.periods))
        object.__setattr__(self, "weights", tuple(finite("rules.cosine_restarts(…)", w) for w in self.weights))
        object.__setattr__(self, "to", level_of("rules.cosine_restarts(to=…)", self.to))
        if len(self.periods) != len(self.weights):
            raise InvalidArgument(
                str(self), f"{len(self.periods)} periods, {len(self.weights)} weights", "Give as many"
            )

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        begin: float = 0
        for period, weight in zip(self.periods, self.weights, strict=True):
            j = k - begin
            first, moving = j == 0, (j > 0) & (j < period)
            out.a[first], out.b[first] = 0.0, weight
            before = _wave(j[moving] - 1, period)
            # 0 where half a tick is no tick of the period before: what is at the floor stays there.
            out.a[moving] = np.divide(_wave(j[moving], period), before, out=np.ones_like(before), where=before != 0)
            _towards(out, moving, self.to)
            begin += period
        return _rebased(out, self.base)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneCycleRule(Rule):
    """torch's and MMEngine's one cycle in absolute values: low to `peak`, (back to low,) down to low / `final_div`."""

    peak: float
    over: int | None
    pct_start: float
    anneal: Literal["cos", "linear"]
    div: float
    final_div: float
    three_phase: bool
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        for name in ("peak", "pct_start"):
            object.__setattr__(self, name, finite(f"rules.one_cycle({name}=…)", getattr(self, name)))
        for name in ("div", "final_div"):
            object.__setattr__(self, name, positive(f"rules.one_cycle({name}=…)", getattr(self, name)))
        if not 0 <= self.pct_start <= 1:
            raise InvalidArgument(f"rules.one_cycle(pct_start={self.pct_start})", "a share is from 0 to 1", "Write 0.3")
        if self.anneal not in ("cos", "linear"):
            found = f"no way to anneal; {nearest(str(self.anneal), ('cos', 'linear'))}"
            raise InvalidArgument(f"rules.one_cycle(anneal={self.anneal!r})", found, 'Write anneal="cos"')
        if self.over is None and self.end is None:
            raise InvalidArgument("rules.one_cycle(…)", "no length", "Write over=1000, or an end")
        _check_over(self, self.over, least=1)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        out.a[:] = 0.0
        out.c[:] = one_cycle_values(
            k, self.total, self.peak, self.peak / self.div, self.peak / self.div / self.final_div,
            self.pct_start, self.anneal, self.three_phase,
        )  # fmt: skip
        return out

    @property
    def has_absolute(self) -> bool:
        return True

    @property
    def total(self) -> int:
        return self.over if self.over is not None else (self.last or 0) + 1


def one_cycle_values(
    k: Floats,
    total: int,
    peak: float,
    low: float,
    floor: float,
    pct_start: float,
    anneal: str,
    three_phase: bool,
) -> Floats:
    """The curve of one cycle: phases end at pct * total - 1, (2 pct * total - 2,) total - 1; empty ones skipped."""
    up = float(pct_start * total) - 1
    knots = [(0.0, low), (up, peak), (2 * up, low), (total - 1.0, floor)] if three_phase else [
        (0.0, low), (up, peak), (total - 1.0, floor)
    ]  # fmt: skip
    return through(k, knots, anneal)


def through(k: Floats, knots: Sequence[tuple[float, float]], anneal: str) -> Floats:
    """Through (tick, level) pairs along half waves or straight lines; a phase without length is skipped."""
    k = np.minimum(k, knots[-1][0])  # what the last tick reached is held
    values = np.full(k.shape, knots[-1][1])
    for (begin, first), (end, last) in reversed(list(pairwise(knots))):
        within = k <= end
        if end > begin:
            u = (k[within] - begin) / (end - begin)
            share = (1 - np.cos(np.pi * u)) / 2 if anneal == "cos" else u
            values[within] = np.where(u >= 1, last, first + (last - first) * share)
        else:
            values[within] = last
    return values


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnnealRule(Rule):
    """From wherever the value stands to `to` along `curve` in `over` ticks; then exactly `to`, whatever it was.

    Each tick scales what is left of the way, so that others may write in between. A curve that turns back reaches `to`
    on the way, where nothing is left to scale: along it the value goes from what was found at the first tick.
    """

    to: Level
    over: int
    curve: Curve
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "to", level_of("rules.anneal(to=…)", self.to))
        _check_over(self, self.over)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        if self.over == 0:
            out.a[:] = 0.0
        else:
            moving = (k > 0) & (k < self.over)
            left = self._left(k[moving])
            if self.curve.monotone:
                before = self._left(k[moving] - 1)
                out.a[moving] = np.divide(left, before, out=np.zeros_like(left), where=before != 0)
            else:
                out.a[moving], out.e[moving] = 0.0, left
            out.a[k >= self.over] = 0.0
        share, fixed = parts(self.to)
        out.b[:] = (share or 0.0) * (1 - out.a - out.e)
        out.c[:] = (fixed or 0.0) * (1 - out.a - out.e)
        return out

    def _left(self, k: Floats) -> Floats:
        left: Floats = self.curve._fall(k / self.over, (self.over - k) / self.over, NUMPY)
        return left


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScheduleRule(Rule):
    """Set the value to what a schedule says, whatever it was: `v <- schedule(k, base)`."""

    schedule: Schedule
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check()
        if not self.schedule.affine:
            raise InvalidArgument(str(self), "it is not affine in base", "Leave clamp, minimum and maximum outside")

    @property
    def has_absolute(self) -> bool:
        return self.schedule.has_absolute

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        value = self.schedule._at(k.astype(np.int64), BASE, NUMPY)
        out.a[:] = 0.0
        out.b[:] = 0.0 if value.factor is None else value.factor
        out.c[:] = 0.0 if value.offset is None else value.offset
        return out


def _wave(k: Floats, n: float) -> Floats:
    return 1 + np.cos(np.pi * k / n)


def _ticks(asked: str, number: float) -> float:
    """A length in ticks above 0; whole ones as integers. Peers accept half a tick, and their curves then pass it by."""
    value = positive(asked, number)
    return int(value) if value == int(value) else value


def _rebased(out: Coefficients, base: Level) -> Coefficients:
    """The columns with another value in place of base."""
    if base != 1.0:
        share, fixed = parts(base)
        out.c[:] += out.b * (fixed or 0.0)
        out.b[:] *= share or 0.0
    return out


def _towards(out: Coefficients, where: np.ndarray, floor: Level) -> None:
    """`v <- floor + (v - floor) * a`: what is not scaled of v is filled up with the floor."""
    share, fixed = parts(floor)
    out.b[where] = (share or 0.0) * (1 - out.a[where])
    out.c[where] = (fixed or 0.0) * (1 - out.a[where])


def _check_over(rule: Rule, over: int | None, least: int = 0) -> None:
    if over is not None:
        object.__setattr__(rule, "over", count(f"rules.{type(rule).__name__}(over=…)", over, least=least))


@_text.rule
def constant(
    factor: float, over: int | None = None, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> ConstantRule:
    """Multiply by `factor`, and undo it after `over` ticks (at the window's last tick)."""
    return ConstantRule(factor, over, begin, end, by)


@_text.rule
def linear(
    start: float, to: float = 1.0, over: int | None = None, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> LinearRule:
    """Scale along a straight line from `start` to `to` in `over` ticks (by the window's last tick)."""
    return LinearRule(start, to, over, begin, end, by)


@_text.rule
def anneal(
    to: Level,
    over: int,
    curve: CurveLike = curves.linear,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> AnnealRule:
    """Go on from the value found to `to` along `curve` in `over` ticks, and set it to `to` from then on."""
    return AnnealRule(to, over, curve_of(curve), begin, end, by)


@_text.rule
def exponential(gamma: float, begin: int = 0, end: int | None = None, by: Clock = "update") -> ExponentialRule:
    """Multiply by `gamma` at each tick."""
    return ExponentialRule(gamma, begin, end, by)


@_text.rule
def step(every: int, gamma: float = 0.1, begin: int = 0, end: int | None = None, by: Clock = "update") -> StepRule:
    """Multiply by `gamma` every so many ticks."""
    return StepRule(every, gamma, begin, end, by)


@_text.rule
def multistep(
    milestones: Sequence[int], gamma: float = 0.1, begin: int = 0, end: int | None = None, by: Clock = "update"
) -> MultiStepRule:
    """Multiply by `gamma` at each milestone."""
    return MultiStepRule(
        tuple(count("rules.multistep(…)", m, least=0) for m in milestones), gamma, begin, end, by
    )  # fmt: skip


@_text.rule
def cosine(
    to: Level = 0.0,
    over: float | None = None,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
    base: Level = 1.0,
) -> CosineRule:
    """Half a cosine wave to `to` in `over` ticks (the window), and back; `base` is where it comes back to."""
    return CosineRule(to, over, begin, end, by, base)


@_text.rule
def polynomial(
    power: float = 1.0,
    to: Level = 0.0,
    over: int | None = None,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> PolynomialRule:
    """Fall to `to` as a power of the ticks left of `over` (of the window)."""
    return PolynomialRule(power, to, over, begin, end, by)


@_text.rule
def cosine_restarts(
    periods: Sequence[float],
    weights: Sequence[float] = (1.0,),
    to: Level = 0.0,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
    base: Level = 1.0,
) -> CosineRestartsRule:
    """Cosine descents to `to`, each from its weight times `base`."""
    return CosineRestartsRule(tuple(periods), tuple(weights), to, begin, end, by, base)


@_text.rule
def one_cycle(
    peak: float,
    over: int | None = None,
    pct_start: float = 0.3,
    anneal: Literal["cos", "linear"] = "cos",
    div: float = 25.0,
    final_div: float = 1e4,
    three_phase: bool = False,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> OneCycleRule:
    """One cycle in absolute values."""
    return OneCycleRule(peak, over, pct_start, anneal, div, final_div, three_phase, begin, end, by)


@_text.rule
def schedule(schedule: Schedule, begin: int = 0, end: int | None = None, by: Clock = "update") -> ScheduleRule:
    """Set the value to what a schedule says."""
    return ScheduleRule(schedule_of(schedule, "rules.schedule(…)"), begin, end, by)
