"""Rules that lead to a floor; and one cycle, in absolute values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import ClassVar, Literal, TypeAlias, final

import numpy as np

from paramsched import curves
from paramsched.base.arrays import Floats
from paramsched.base.number_checks import finite_number, keep_checked, positive_number, require_choice
from paramsched.errors import CallSite, InvalidArgument
from paramsched.schedules.affine import Level, level_of, split_level
from paramsched.schedules.registry import rule
from paramsched.schedules.rules.base import (
    Clock,
    Coefficients,
    Rule,
    ShareRule,
    check_over,
    length_in_ticks,
    require_list,
    with_top,
)

_Way: TypeAlias = Literal["cos", "linear"]

_ON_FLOOR = 1e-9  # of the way: nearer than a wave of a thousand million ticks comes


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineRule(ShareRule):
    """Half a cosine wave towards the floor `to` in `over` ticks (or the window), and back up in as many, and so on."""

    to: Level
    over: float | None
    begin: int
    end: int | None
    by: Clock
    base: Level
    _comes_back: ClassVar[Literal["entry", "base"]] = "base"

    def __post_init__(self) -> None:
        self._check(to=level_of, base=level_of)
        if self.over is not None:
            keep_checked(self, "rules.cosine", length_in_ticks, "over")

    @property
    def floor(self) -> Level:
        return self.to

    @property
    def top(self) -> Level:
        return self.base

    def share(self, k: Floats) -> Floats:
        n = self._half_wave
        return np.ones(k.shape) if n is None else wave_height(k, n)

    def share_gone(self, k: Floats) -> Floats:
        n = self._half_wave
        if n is None:
            return np.zeros(k.shape)
        into = k % (2 * n)
        return curves.cosine(np.minimum(into, 2 * n - into) / n)

    @property
    def _half_wave(self) -> float | None:
        return self.over if self.over is not None or self.last is None else self.last + 1


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PolynomialRule(ShareRule):
    """The power of what is left, ((n - k) / n) ** power, towards `to`; n = `over`, or the window's last tick."""

    power: float
    to: Level
    over: int | None
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(power=finite_number, to=level_of)
        if self.power < 0:
            raise InvalidArgument(
                CallSite("rules.polynomial", "power", str(self.power)),
                "it would end at infinity",
                "Write power=0.9",
                sample=0.9,
            )
        check_over(self, self.over, least=1)

    @property
    def floor(self) -> Level:
        return self.to

    def share(self, k: Floats) -> Floats:
        n = self.last if self.over is None else self.over
        return (np.maximum(n - k, 0) / n) ** self.power if n else np.ones(k.shape)

    def ratio(self, k: Floats) -> Floats:
        n = self.last if self.over is None else self.over
        left = np.maximum((n or 0) - k, 0)
        scaled = (k > 0) & (k <= (n or 0))
        return np.where(scaled, left / (left + 1), 1.0) ** self.power


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
        self._check(base=level_of, to=level_of)
        object.__setattr__(
            self,
            "periods",
            tuple(length_in_ticks(CallSite("rules.cosine_restarts", "periods", entry=True), p) for p in self.periods),
        )
        object.__setattr__(self, "weights", tuple(finite_number("rules.cosine_restarts(…)", w) for w in self.weights))
        if len(self.periods) != len(self.weights):
            periods = self.periods or (10,)
            as_many = (*self.weights, *[1.0] * len(periods))[: len(periods)]
            raise InvalidArgument(
                str(self),
                f"{len(self.periods)} periods, {len(self.weights)} weights",
                f"Write {replace(self, periods=periods, weights=as_many)}",
            )

    def step_columns(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        begin: float = 0
        for period, weight in zip(self.periods, self.weights, strict=True):
            j = k - begin
            first, moving = j == 0, (j > 0) & (j < period)
            out.a[first], out.b[first] = 0.0, weight
            before = wave_height(j[moving] - 1, period)
            # 0 where half a tick is no tick of the period before: what is at the floor stays there.
            now = wave_height(j[moving], period)
            out.a[moving] = np.divide(now, before, out=np.ones_like(before), where=before != 0)
            towards_floor(out, moving, self.to)
            begin += period
        return with_top(out, self.base)


@rule
def cosine(
    to: Level = 0.0,
    over: float | None = None,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
    base: Level = 1.0,
) -> CosineRule:
    """Half a cosine wave to `to` in `over` ticks (the window), and back; `base` is where it comes back to.

    >>> rules.cosine(0.1, over=100)
    rules.cosine(0.1, 100)
    """
    return CosineRule(to, over, begin, end, by, base)


@rule
def polynomial(
    power: float = 1.0,
    to: Level = 0.0,
    over: int | None = None,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> PolynomialRule:
    """Fall to `to` as a power of the ticks left of `over` (of the window).

    >>> rules.polynomial(0.9, over=100)
    rules.polynomial(0.9, over=100)
    """
    return PolynomialRule(power, to, over, begin, end, by)


@rule
def cosine_restarts(
    periods: Sequence[float],
    weights: Sequence[float] = (1.0,),
    to: Level = 0.0,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
    base: Level = 1.0,
) -> CosineRestartsRule:
    """Cosine descents to `to`, each from its weight times `base`; without weights each from base itself.

    >>> rules.cosine_restarts([10, 20])
    rules.cosine_restarts([10, 20], [1.0, 1.0])
    """
    lengths = require_list(CallSite("rules.cosine_restarts", "periods"), periods, [10, 20])
    heights = require_list(CallSite("rules.cosine_restarts", "weights"), weights, [1.0])
    if heights == (1.0,):
        heights *= max(len(lengths), 1)
    return CosineRestartsRule(lengths, heights, to, begin, end, by, base)


def wave_height(k: Floats, n: float) -> Floats:
    """The height of a cosine wave at tick `k`: 1 at 0, exactly 0 at n, 1 at 2n, and so on."""
    from_floor = np.abs(n - k % (2 * n)) / n
    # A third of a tick has no exact float. What is that near to the floor is on it.
    return curves.cosine(np.where(from_floor < _ON_FLOOR, 0.0, from_floor))


def towards_floor(out: Coefficients, where: np.ndarray, floor: Level) -> None:
    """`v <- floor + (v - floor) * a`: what is not scaled of v is filled up with the floor."""
    share, fixed = split_level(floor)
    out.b[where] = (share or 0.0) * (1 - out.a[where])
    out.c[where] = (fixed or 0.0) * (1 - out.a[where])


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneCycleRule(Rule):
    """torch's and MMEngine's one cycle in absolute values: low to `peak`, (back to low,) down to low / `final_div`."""

    peak: float
    over: int | None
    pct_start: float
    anneal: _Way
    div: float
    final_div: float
    three_phase: bool
    begin: int
    end: int | None
    by: Clock

    def __post_init__(self) -> None:
        self._check(peak=finite_number, pct_start=finite_number, div=positive_number, final_div=positive_number)
        if not 0 <= self.pct_start <= 1:
            raise InvalidArgument(
                CallSite("rules.one_cycle", "pct_start", str(self.pct_start)),
                "a share is from 0 to 1",
                "Write 0.3",
                sample=0.3,
            )
        require_choice(CallSite("rules.one_cycle", "anneal"), self.anneal, _Way, "unknown anneal")
        check_over(self, self.over, least=1)
        if self.over is None and self.end is None:
            raise InvalidArgument("rules.one_cycle(…)", "no length", f"Write {replace(self, over=1000)}")

    def step_columns(self, k: Floats) -> Coefficients:
        values = one_cycle_values(
            k, self.total, self.peak, self.peak / self.div, self.peak / self.div / self.final_div,
            self.pct_start, self.anneal, self.three_phase,
        )  # fmt: skip
        return Coefficients.setting(0.0, values, k.size)

    has_absolute = True

    @property
    def total(self) -> int:
        return self.over if self.over is not None else (self.last or 0) + 1


@rule
def one_cycle(
    peak: float,
    over: int | None = None,
    pct_start: float = 0.3,
    anneal: _Way = "cos",
    div: float = 25.0,
    final_div: float = 1e4,
    three_phase: bool = False,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> OneCycleRule:
    """One cycle in absolute values.

    >>> rules.one_cycle(1.0, 100)
    rules.one_cycle(1.0, 100)
    """
    return OneCycleRule(peak, over, pct_start, anneal, div, final_div, three_phase, begin, end, by)


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
    return along_knots(k, knots, anneal)


def along_knots(k: Floats, knots: Sequence[tuple[float, float]], anneal: str) -> Floats:
    """Through (tick, level) pairs along half waves or straight lines; a phase without length is skipped."""
    k = np.minimum(k, knots[-1][0])  # what the last tick reached is held
    values = np.full(k.shape, knots[-1][1])
    for (begin, first), (end, last) in reversed(list(pairwise(knots))):
        within = k <= end
        if end > begin:
            u = (k[within] - begin) / (end - begin)
            share = curves.cosine(u) if anneal == "cos" else u
            values[within] = np.where(u >= 1, last, first + (last - first) * share)
        else:
            values[within] = last
    return values
