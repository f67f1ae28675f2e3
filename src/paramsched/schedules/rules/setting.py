"""Rules that lead to a level from wherever the value is, or set it to what a schedule says."""

from dataclasses import dataclass
from typing import final

import numpy as np

from paramsched import curves
from paramsched._arrays import NUMPY, Floats
from paramsched.curves import Curve, CurveLike
from paramsched.errors import InvalidArgument
from paramsched.schedules import _text
from paramsched.schedules._level import Level, level_of, parts
from paramsched.schedules._value import BASE
from paramsched.schedules.base import Schedule, curve_argument, schedule_of
from paramsched.schedules.rules.base import Clock, Coefficients, Rule, check_over


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
        self._check(to=level_of)
        check_over(self, self.over)

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


@_text.rule
def anneal(
    to: Level,
    over: int,
    curve: CurveLike = curves.linear,
    begin: int = 0,
    end: int | None = None,
    by: Clock = "update",
) -> AnnealRule:
    """Go on from the value found to `to` along `curve` in `over` ticks, and set it to `to` from then on.

    >>> rules.anneal(0.1, 100)
    rules.anneal(0.1, 100)
    """
    return AnnealRule(to, over, curve_argument("rules.anneal", curve), begin, end, by)


@_text.rule
def schedule(schedule: Schedule, begin: int = 0, end: int | None = None, by: Clock = "update") -> ScheduleRule:
    """Set the value to what a schedule says.

    >>> rules.schedule(warmup(5))
    rules.schedule(warmup(5))
    """
    return ScheduleRule(schedule_of(schedule, "rules.schedule(…)"), begin, end, by)
