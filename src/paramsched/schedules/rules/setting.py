"""Rules that lead to a level from wherever the value is, or set it to what a schedule says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from paramsched import curves
from paramsched._arrays import NUMPY, Floats
from paramsched.curves import Curve, CurveLike
from paramsched.errors import InvalidArgument
from paramsched.schedules.arguments import curve_argument, schedule_of
from paramsched.schedules.base import Schedule
from paramsched.schedules.evaluation import columns
from paramsched.schedules.levels import Level, level_of
from paramsched.schedules.registry import rule
from paramsched.schedules.rules.base import Clock, Coefficients, Rule, ShareRule, check_over


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AnnealRule(ShareRule):
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

    @property
    def floor(self) -> Level:
        return self.to

    def share(self, k: Floats) -> Floats:
        return self._along(self.curve._fall, k, first=1.0)

    def share_gone(self, k: Floats) -> Floats:
        return self._along(self.curve._rise, k, first=0.0)

    def ratio(self, k: Floats) -> Floats:
        if not self.curve.monotone:
            return np.where((k == 0) & (self.over > 0), 1.0, 0.0)
        now, before = self.share(k), self._share_before(k)
        return np.divide(now, before, out=np.zeros_like(now), where=before != 0)

    def given_back(self, k: Floats) -> Floats:
        turning = (k > 0) & (not self.curve.monotone)
        return np.where(turning, self.share(k), 0.0)

    def _along(self, curve: Callable[..., Any], k: Floats, first: float) -> Floats:
        """The curve at each tick inside; exactly its ends before and after."""
        out = np.where((k <= 0) & (self.over > 0), first, 1.0 - first)
        inside = (k > 0) & (k < self.over)
        out[inside] = curve(k[inside] / self.over, (self.over - k[inside]) / self.over, NUMPY)
        return out


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

    def step_columns(self, k: Floats) -> Coefficients:
        return Coefficients.setting(*self.closed_form(k.astype(np.int64)), k.size)

    def closed_form(self, k: Floats) -> tuple[Floats, Floats]:
        value = columns(self.schedule, k)
        factor, offset = (0.0 if column is None else column for column in (value.factor, value.offset))
        return np.broadcast_to(factor, k.shape), np.broadcast_to(offset, k.shape)


@rule
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


@rule
def schedule(schedule: Schedule, begin: int = 0, end: int | None = None, by: Clock = "update") -> ScheduleRule:
    """Set the value to what a schedule says.

    >>> rules.schedule(warmup(5))
    rules.schedule(warmup(5))
    """
    return ScheduleRule(schedule_of(schedule, "rules.schedule(…)"), begin, end, by)
