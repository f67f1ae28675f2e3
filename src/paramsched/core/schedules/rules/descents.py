"""Rules that decay to a floor; and one cycle, in absolute values."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar, Literal, TypeAlias, final

import numpy as np

from paramsched.core import curves
from paramsched.core.builders import constructor
from paramsched.core.curves.arrays import Floats
from paramsched.core.number_checks import checked, finite_number, one_of, positive_number, whole_number
from paramsched.core.schedules.level import Level, level_of, split_level
from paramsched.core.schedules.registry import rule
from paramsched.core.schedules.rules.base import (
    Clock,
    Coefficients,
    Rule,
    ShareRule,
    length_in_ticks,
    list_of,
    with_top,
)
from paramsched.errors import CallSite, InvalidArgument

_Anneal: TypeAlias = Literal["cos", "linear"]

_ON_FLOOR = 1e-9  # a smaller distance to the floor counts as 0; no other tick of a wave of 1e9 ticks is as close


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineRule(ShareRule):
    """Go along a cosine wave from base to `to` in `over` ticks, back up in as many, and so on.

    Args:
        to: the floor, a multiple of base or `absolute(x)`.
        over: the number of ticks of half a wave, greater than 0; None for `end - begin`.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.
        base: the top of the wave, a multiple of base or `absolute(x)`.

    Source: torch and MMEngine `CosineAnnealingLR`.

    >>> rules.cosine(0.1, over=100)
    rules.cosine(0.1, 100)
    """

    to: Level = field(default=0.0, metadata=checked(level_of))
    over: float | None = field(default=None, metadata=checked(length_in_ticks))
    begin: int = 0
    end: int | None = None
    by: Clock = "update"
    base: Level = field(default=1.0, metadata=checked(level_of))
    _returns_to: ClassVar[Literal["entry", "base"]] = "base"

    @property
    def floor(self) -> Level:
        return self.to

    @property
    def top(self) -> Level:
        return self.base

    def share(self, k: Floats) -> Floats:
        n = self._half_wave
        return np.ones(k.shape) if n is None else wave_height(k, n)

    def completed_share(self, k: Floats) -> Floats:
        n = self._half_wave
        if n is None:
            return np.zeros(k.shape)
        into = k % (2 * n)
        return curves.cosine(np.minimum(into, 2 * n - into) / n)

    @property
    def _half_wave(self) -> float | None:
        return self.over if self.over is not None or self.last is None else self.last + 1


cosine = rule(constructor("cosine", CosineRule))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PolynomialRule(ShareRule):
    """Decay to `to` along ((n - k) / n) ** power at tick k, with n = `over`.

    Args:
        power: the exponent, at least 0.
        to: the floor, a multiple of base or `absolute(x)`.
        over: an integer number of ticks of at least 1; None for `end - begin - 1`.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    Source: torch `PolynomialLR` and MMEngine `PolyLR`.

    >>> rules.polynomial(0.9, over=100)
    rules.polynomial(0.9, over=100)
    """

    power: float = field(default=1.0, metadata=checked(finite_number))
    to: Level = field(default=0.0, metadata=checked(level_of))
    over: int | None = field(default=None, metadata=checked(whole_number))
    begin: int = 0
    end: int | None = None
    by: Clock = "update"

    def check_together(self) -> None:
        if self.power < 0:
            raise InvalidArgument(
                CallSite("rules.polynomial", "power", str(self.power)),
                "power must not be negative",
                example="power=0.9",
            )

    @property
    def floor(self) -> Level:
        return self.to

    def share(self, k: Floats) -> Floats:
        n = self._length
        return np.power(np.maximum(n - k, 0) / n, self.power) if n else np.ones(k.shape)

    def ratio(self, k: Floats) -> Floats:
        n = self._length
        left = np.maximum((n or 0) - k, 0)
        scaled = (k > 0) & (k <= (n or 0))
        return np.power(np.where(scaled, left / (left + 1), 1.0), self.power)

    @property
    def _length(self) -> int | None:
        return self.last if self.over is None else self.over


polynomial = rule(constructor("polynomial", PolynomialRule))


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CosineRestartsRule(Rule):
    """Repeat a cosine decay to `to`, with one length and one starting level for each cycle.

    Args:
        periods: the lengths of the cycles in ticks, greater than 0.
        weights: the starting levels as multiples of `base`, as many as periods; by default 1.0 for each cycle.
        to: the floor, a multiple of base or `absolute(x)`.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.
        base: the level that the weights multiply, a multiple of base or `absolute(x)`.

    Source: torch `CosineAnnealingWarmRestarts` and MMEngine `CosineRestartLR`.

    >>> rules.cosine_restarts([10, 20])
    rules.cosine_restarts([10, 20], [1.0, 1.0])
    """

    periods: Sequence[float] = field(metadata=list_of(length_in_ticks, [10, 20]))
    weights: Sequence[float] = field(default=(1.0,), metadata=list_of(finite_number, [1.0]))
    to: Level = field(default=0.0, metadata=checked(level_of))
    begin: int = 0
    end: int | None = None
    by: Clock = "update"
    base: Level = field(default=1.0, metadata=checked(level_of))

    def check_together(self) -> None:
        if self.weights == (1.0,):
            object.__setattr__(self, "weights", (1.0,) * max(len(self.periods), 1))
        if len(self.periods) != len(self.weights):
            periods = self.periods or (10,)
            as_many = (*self.weights, *[1.0] * len(periods))[: len(periods)]
            raise InvalidArgument(
                str(self),
                f"expected as many weights as periods, got {len(self.periods)} periods and {len(self.weights)} weights",
                example=f"{replace(self, periods=periods, weights=as_many)}",
            )

    def step_columns(self, k: Floats) -> Coefficients:
        out = Coefficients.identity(k.size)
        begin: float = 0
        for period, weight in zip(self.periods, self.weights, strict=True):
            j = k - begin
            first, moving = j == 0, (j > 0) & (j < period)
            out.a[first], out.b[first] = 0.0, weight
            previous = wave_height(j[moving] - 1, period)
            # The previous height can be 0 if a period is fractional; the value then stays at the floor.
            height = wave_height(j[moving], period)
            out.a[moving] = np.divide(height, previous, out=np.ones_like(previous), where=previous != 0)
            towards_floor(out, moving, self.to)
            begin += period
        return with_top(out, self.base)


cosine_restarts = rule(constructor("cosine_restarts", CosineRestartsRule))


def wave_height(k: Floats, n: float) -> Floats:
    """Return the height of a cosine wave at tick `k`: 1 at 0, exactly 0 at n, 1 at 2n, and so on."""
    from_floor = np.abs(n - k % (2 * n)) / n
    # Small distances are set to 0, because a length such as 1/3 tick has no exact float.
    return curves.cosine(np.where(from_floor < _ON_FLOOR, 0.0, from_floor))


def towards_floor(out: Coefficients, where: np.ndarray, floor: Level) -> None:
    """Add the terms of the floor, so that the step becomes `v <- floor + (v - floor) * a`."""
    share, fixed = split_level(floor)
    out.b[where] = (share or 0.0) * (1 - out.a[where])
    out.c[where] = (fixed or 0.0) * (1 - out.a[where])


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneCycleRule(Rule):
    """Set the value to that of a one-cycle schedule, in absolute values.

    Args:
        peak: the highest value, absolute.
        over: an integer number of ticks of at least 1; None for `end - begin`.
        pct_start: the fraction of the ticks before the peak, from 0 to 1.
        anneal: `"cos"` for cosine annealing, `"linear"` for linear annealing.
        div: the first value is `peak / div`; greater than 0.
        final_div: the last value is `peak / div / final_div`; greater than 0.
        three_phase: if True, the value first decays to `peak / div` symmetrically, and then to the last value.
        begin: the tick at which the rule starts, an integer of at least 0.
        end: the tick from which the rule no longer acts; None for no end.
        by: the unit of these counts, called a tick: `"update"`, `"epoch"`, or an integer n for n updates.

    Source: torch and MMEngine `OneCycleLR`.

    >>> rules.one_cycle(1.0, 100)
    rules.one_cycle(1.0, 100)
    """

    peak: float = field(metadata=checked(finite_number))
    over: int | None = field(default=None, metadata=checked(whole_number))
    pct_start: float = field(default=0.3, metadata=checked(finite_number))
    anneal: _Anneal = field(default="cos", metadata=one_of(_Anneal))
    div: float = field(default=25.0, metadata=checked(positive_number))
    final_div: float = field(default=1e4, metadata=checked(positive_number))
    three_phase: bool = False
    begin: int = 0
    end: int | None = None
    by: Clock = "update"

    def check_together(self) -> None:
        if not 0 <= self.pct_start <= 1:
            raise InvalidArgument(
                CallSite("rules.one_cycle", "pct_start", str(self.pct_start)),
                "pct_start must be from 0 to 1",
                example="0.3",
            )
        if self.over is None and self.end is None:
            raise InvalidArgument(
                "rules.one_cycle(…)", "over or end is required", example=f"{replace(self, over=1000)}"
            )

    def step_columns(self, k: Floats) -> Coefficients:
        return Coefficients.setting(0.0, along_knots(k, self._knots, self.anneal), k.size)

    @property
    def _knots(self) -> list[tuple[float, float]]:
        low = self.peak / self.div
        return one_cycle_knots(self.total, self.peak, low, low / self.final_div, self.pct_start, self.three_phase)

    has_absolute = True

    @property
    def total(self) -> int:
        return self.over if self.over is not None else (self.last or 0) + 1


one_cycle = rule(constructor("one_cycle", OneCycleRule))


def one_cycle_knots(
    total: int, peak: float, low: float, floor: float, pct_start: float, three_phase: bool
) -> list[tuple[float, float]]:
    """Return the pairs (tick, value) at which the phases of one cycle begin and end.

    The phases end at the ticks pct_start * total - 1, with `three_phase` also 2 * pct_start * total - 2, and total - 1.
    """
    up = float(pct_start * total) - 1
    knots = [(0.0, low), (up, peak), (total - 1.0, floor)]
    if three_phase:
        knots.insert(2, (2 * up, low))
    return knots


def along_knots(k: Floats, knots: Sequence[tuple[float, float]], anneal: str) -> Floats:
    """Interpolate between (tick, level) pairs by cosine or linear annealing. A phase of length 0 is skipped."""
    k = np.minimum(k, knots[-1][0])  # the value of the last knot is held
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
