"""The rule of one cycle, in absolute values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, final

import numpy as np

from paramsched import curves
from paramsched._arrays import Floats
from paramsched._number_checks import finite_number, positive_number
from paramsched.errors import Asked, InvalidArgument, nearest
from paramsched.schedules.registry import rule
from paramsched.schedules.rules.base import Clock, Coefficients, Rule, check_over


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
        self._check(peak=finite_number, pct_start=finite_number, div=positive_number, final_div=positive_number)
        if not 0 <= self.pct_start <= 1:
            raise InvalidArgument(
                Asked("rules.one_cycle", "pct_start", str(self.pct_start)), "a share is from 0 to 1", "Write 0.3"
            ).suggest(0.3)
        if self.anneal not in ("cos", "linear"):
            found = f"no way to anneal; {nearest(str(self.anneal), ('cos', 'linear'))}"
            raise InvalidArgument(
                Asked("rules.one_cycle", "anneal", repr(self.anneal)), found, 'Write anneal="cos"'
            ).suggest("cos")
        check_over(self, self.over, least=1)
        if self.over is None and self.end is None:
            raise InvalidArgument("rules.one_cycle(…)", "no length", f"Write {replace(self, over=1000)}")

    def step_columns(self, k: Floats) -> Coefficients:
        values = one_cycle_values(
            k, self.total, self.peak, self.peak / self.div, self.peak / self.div / self.final_div,
            self.pct_start, self.anneal, self.three_phase,
        )  # fmt: skip
        return Coefficients.setting(0.0, values, k.size)

    @property
    def has_absolute(self) -> bool:
        return True

    @property
    def total(self) -> int:
        return self.over if self.over is not None else (self.last or 0) + 1


@rule
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
