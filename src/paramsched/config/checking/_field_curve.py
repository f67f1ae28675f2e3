"""FieldCurve: the values that one line of a plan gives in a trial run, at enough updates to judge them by."""

from dataclasses import dataclass
from itertools import islice
from math import ceil
from typing import Literal, final

import numpy as np

from paramsched._arrays import Floats, Integers
from paramsched.config.checking._trial_run import TrialRun
from paramsched.errors import ParamschedError
from paramsched.plan import Binding
from paramsched.schedules import Schedule
from paramsched.schedules.evaluation import evaluate
from paramsched.schedules.neighbor_levels import resolve_in_span
from paramsched.schedules.recurrence import Recurrence

_SAMPLES = 4_096
_MOST_SEAMS = 1_000
_MOST_OF_RULES = 2_000_000  # updates; rules are computed one update after another


@final
@dataclass(frozen=True, slots=True, eq=False)
class FieldCurve:
    """The values of one line of a plan in a trial run.

    Args:
        binding: the line.
        path: where it stands.
        run: the trial run.
        schedule: resolved for it.
        times: the updates looked at, in order; the first and the last are among them.
        values: at these.
        base: what they are multiples of; None where nothing says it, and 1 was taken.
        share: how much of them scales with base.
    """

    binding: Binding
    path: str
    run: TrialRun
    schedule: Schedule
    times: Integers
    values: Floats
    base: float | None
    share: Literal["all", "some", "none"]

    @property
    def end(self) -> int:
        """How many updates the run has."""
        return ceil(self.run.end)

    @property
    def real(self) -> bool:
        """Whether the values are those of the run, not only multiples of them."""
        return self.base is not None or self.share == "none"

    @property
    def comparable(self) -> bool:
        """Whether the values have the proportions of the run's: not where multiples stand beside values of no base."""
        return self.real or self.share == "all"

    @property
    def peak(self) -> float:
        """The highest value."""
        return float(np.max(self.values))

    def between(self, begin: float, end: float) -> Floats:
        """The values at the updates of a piece of the run, given as shares of it."""
        chosen = (self.times >= begin * self.end) & (self.times < end * self.end)
        return self.values[chosen]


def curve_in_run(
    binding: Binding, followed: Schedule, path: str, run: TrialRun, base: float | None
) -> FieldCurve | None:
    """The values of a line in a trial run; None where the run lacks a unit of it, or computing them takes too long.

    Args:
        binding: the line.
        followed: its schedule, with what other fields follow put in.
        path: where it stands.
        run: the trial run.
        base: what it is multiples of, where that is known.
    """
    end = ceil(run.end)
    if not run.knows(followed) or end < 1:
        return None
    try:
        schedule = resolve_in_span(followed, run.span)
        if end > _MOST_OF_RULES and any(isinstance(part, Recurrence) for part in _every_part(schedule)):
            return None
        times = _times_to_look_at(schedule, end)
        number = 1.0 if base is None else base
        values = np.asarray(evaluate(schedule, times, number), dtype=np.float64)
        share = _share_of_values(schedule, times)
    except (ParamschedError, ArithmeticError, MemoryError):
        return None
    return FieldCurve(binding, path, run, schedule, times, values, base, share)


def _times_to_look_at(schedule: Schedule, end: int) -> Integers:
    """Every update of a short run; of a long one evenly spread ones, and those beside each seam of stages."""
    if end <= _SAMPLES:
        return np.arange(end, dtype=np.int64)
    marks = np.array([min(ceil(one), end) for one in islice(schedule._seams(), _MOST_SEAMS)], dtype=np.int64)
    spread = np.linspace(0, end - 1, _SAMPLES).astype(np.int64)
    several = np.unique(np.concatenate([spread, marks - 1, marks, np.arange(64), end - 1 - np.arange(64)]))
    return several[(several >= 0) & (several < end)]


def _share_of_values(schedule: Schedule, times: Integers) -> Literal["all", "some", "none"]:
    """How much of a curve scales with base."""
    if not schedule.has_absolute:
        return "all"
    few = times[:: max(1, len(times) // 100)]
    one, two = evaluate(schedule, few, 1.0), evaluate(schedule, few, 2.0)
    if np.array_equal(one, two):
        return "none"
    return "all" if np.allclose(two, 2 * one, rtol=1e-9, atol=0) else "some"


def _every_part(schedule: Schedule) -> list[Schedule]:
    """A schedule and all that it is made of."""
    return [schedule, *(inner for part in schedule.parts() for inner in _every_part(part))]
