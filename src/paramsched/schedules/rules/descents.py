"""Rules that lead to a floor: cosine, polynomial, cosine restarts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from paramsched._arrays import Floats
from paramsched.errors import Asked, InvalidArgument
from paramsched.schedules import _text
from paramsched.schedules._level import Level, finite, level_of, parts
from paramsched.schedules.rules.base import Clock, Coefficients, Rule, check_over, listed, rebased, ticks


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
        self._check(to=level_of, base=level_of)
        if self.over is not None:
            object.__setattr__(self, "over", ticks(Asked("rules.cosine", "over"), self.over))

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        n = self.over if self.over is not None or self.last is None else self.last + 1
        if n is None:
            return out
        before = wave(k - 1, n)
        turn = (k > 0) & (((k - 1 - n) % (2 * n) == 0) | (before == 0))  # a remainder of thirds of a tick is not exact
        moving = (k > 0) & ~turn
        out.a[moving] = wave(k[moving], n) / before[moving]
        towards(out, moving, self.to)
        rise = (1 - math.cos(math.pi / n)) / 2
        share, fixed = parts(self.to)
        out.b[turn] = rise * (1 - (share or 0.0))
        out.c[turn] = -rise * (fixed or 0.0)
        return rebased(out, self.base)


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
        self._check(power=finite, to=level_of)
        if self.power < 0:
            raise InvalidArgument(
                Asked("rules.polynomial", "power", str(self.power)), "it would end at infinity", "Write power=0.9"
            ).suggest(0.9)
        check_over(self, self.over, least=1)

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        n = self.last if self.over is None else self.over
        if n is None:
            return out
        moving = (k > 0) & (k <= n)
        out.a[moving] = ((n - k[moving]) / (n - k[moving] + 1)) ** self.power
        towards(out, moving, self.to)
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
        self._check(base=level_of, to=level_of)
        object.__setattr__(
            self, "periods", tuple(ticks(Asked("rules.cosine_restarts", "periods"), p) for p in self.periods)
        )
        object.__setattr__(self, "weights", tuple(finite("rules.cosine_restarts(…)", w) for w in self.weights))
        if len(self.periods) != len(self.weights):
            periods = self.periods or (10,)
            as_many = (*self.weights, *[1.0] * len(periods))[: len(periods)]
            raise InvalidArgument(
                str(self),
                f"{len(self.periods)} periods, {len(self.weights)} weights",
                f"Write {replace(self, periods=periods, weights=as_many)}",
            )

    def _coefficients(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        begin: float = 0
        for period, weight in zip(self.periods, self.weights, strict=True):
            j = k - begin
            first, moving = j == 0, (j > 0) & (j < period)
            out.a[first], out.b[first] = 0.0, weight
            before = wave(j[moving] - 1, period)
            # 0 where half a tick is no tick of the period before: what is at the floor stays there.
            out.a[moving] = np.divide(wave(j[moving], period), before, out=np.ones_like(before), where=before != 0)
            towards(out, moving, self.to)
            begin += period
        return rebased(out, self.base)


@_text.rule
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


@_text.rule
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
    """Cosine descents to `to`, each from its weight times `base`; without weights each from base itself.

    >>> rules.cosine_restarts([10, 20])
    rules.cosine_restarts([10, 20], [1.0, 1.0])
    """
    lengths = listed(Asked("rules.cosine_restarts", "periods"), periods, [10, 20])
    heights = listed(Asked("rules.cosine_restarts", "weights"), weights, [1.0])
    if heights == (1.0,):
        heights *= max(len(lengths), 1)
    return CosineRestartsRule(lengths, heights, to, begin, end, by, base)


def wave(k: Floats, n: float) -> Floats:
    """Twice the height of a cosine descent over n ticks, at tick k."""
    return 1 + np.cos(np.pi * k / n)


def towards(out: Coefficients, where: np.ndarray, floor: Level) -> None:
    """`v <- floor + (v - floor) * a`: what is not scaled of v is filled up with the floor."""
    share, fixed = parts(floor)
    out.b[where] = (share or 0.0) * (1 - out.a[where])
    out.c[where] = (fixed or 0.0) * (1 - out.a[where])
