"""All rules that need neither a log nor a checkpoint: those of one line, and those of a plan at the start of a run."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from math import ceil
from typing import Final

import numpy as np

from paramsched.core.base.problem import Problem
from paramsched.core.plan import Binding, Plan
from paramsched.core.plan.binding import PlanClock, is_by_amount
from paramsched.core.plan.follow import schedules_followed
from paramsched.core.plan.value_ranges import may_be_evaluated
from paramsched.core.rules.idle_shapes import idle_problems
from paramsched.core.rules.jumps import jump_problems
from paramsched.core.rules.lengths import accumulation_unused, horizon_in_epochs, length_problems
from paramsched.core.rules.levels import floor_as_value, unlikely_level
from paramsched.core.rules.line import Line
from paramsched.core.rules.metric_rules import metric_problems
from paramsched.core.rules.targets import target_problems
from paramsched.core.rules.trial_run import TrialRun, curve_in_run, trial_run
from paramsched.core.rules.values import (
    IS_HIGH,
    LATE,
    LONG_END,
    MOST_TIMES_BASE,
    NEARLY,
    PRACTICALLY_ZERO,
    check_rates,
    grows,
)
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.time import Calendar, Duration


def line_problems(line: Line) -> Iterator[Problem]:
    """Yield the diagnostics of one line that need no values of it: of its levels, its metric rules and its lengths."""
    of_levels = [*level_problems(line), *target_problems(line)]
    yield from of_levels
    yield from metric_problems(line)
    of_lengths = [*length_problems(line)]
    yield from of_lengths
    if of_levels or of_lengths:  # what follows from another mistake is not told
        return
    yield from [*jump_problems(line)] or idle_problems(line)


def level_problems(line: Line) -> Iterator[Problem]:
    """Yield the diagnostic of levels that were probably meant in another sense; a peer's config has its own levels."""
    if not line.native:
        return
    if (trap := unlikely_level(line.binding, line.base, line.resolved)) is not None:
        code, found, advice = trap
        yield Problem(line.path, found, advice, code=code)
    elif (floor := floor_as_value(line)) is not None:
        yield floor


def start_problems(
    plan: Plan,
    calendar: Calendar,
    known_of: Callable[[Binding], tuple[Schedule | None, Sequence[float]]],
    *,
    counts_of_user: bool = True,
) -> Iterator[tuple[Binding | None, Problem]]:
    """Yield what the start of a run warns of, each with its line of the plan, or None for the whole plan.

    Args:
        plan: the plan as written; all of its lengths can be resolved.
        calendar: the run facts.
        known_of: returns the schedule of a line, resolved for the run, and the bases of its groups.
        counts_of_user: False if an engine counts the updates of the run.
    """
    if counts_of_user and (short := horizon_in_epochs(plan, calendar)) is not None:
        yield None, short
    if counts_of_user and (unused := accumulation_unused(plan, calendar)) is not None:
        yield None, unused
    trial = trial_run(plan, calendar)
    epochs = epochs_of_run(plan, calendar, trial)
    rates: list[Line] = []
    followed_by = schedules_followed(plan.bindings, plan.clock)
    for binding in plan.bindings:
        resolved, bases = known_of(binding)
        followed = followed_by(binding)
        line = Line(binding, followed, trial, epochs, not plan.is_peers, bases, resolved, calendar)
        found = [*line_problems(line)]
        yield from ((binding, one) for one in found)
        if binding.name == "lr" and trial is not None and not found and _has_values(line, trial):
            rates.append(line)
    if trial is not None and not all(_is_usual(line, trial, plan.clock) for line in rates):
        yield from _rate_problems(rates, trial)


def _has_values(line: Line, trial: TrialRun) -> bool:
    """Return whether the values of a line can be evaluated before the run. A base of 0 has a rule of its own."""
    if not line.base and not line.schedule.has_absolute:
        return False
    return may_be_evaluated(line.inside, ceil(trial.end))


def _rate_problems(lines: Sequence[Line], trial: TrialRun) -> Iterator[tuple[Binding, Problem]]:
    """Yield the diagnostics of the values of learning rates."""
    several = [(one.binding, curve_in_run(one.binding, one.schedule, one.path, trial, one.base)) for one in lines]
    # A start raises an error for a rate below 0.
    curves = [(binding, curve) for binding, curve in several if curve is not None and curve.values.min() >= 0]
    large = [(binding, one) for binding, curve in curves for one in grows(curve)]
    yield from large
    reported = {id(binding) for binding, _ in large}
    by_path = {curve.path: binding for binding, curve in reversed(curves)}
    for one in check_rates([curve for binding, curve in curves if id(binding) not in reported]):
        yield by_path[one.path], one


_LOOK: Final = 8
"""Evenly spaced updates at which a rate is looked at, besides those next to its boundaries."""


def _is_usual(line: Line, trial: TrialRun, clock: PlanClock) -> bool:
    """Return whether a few values of a rate show that it neither rises, grows nor is 0 until the end of the run.

    They take a tenth of the time of the values that `_rate_problems` evaluates for any other rate.
    """
    schedule, end = line.resolved, ceil(trial.end)
    if schedule is None or not line.base or not trial.known or is_by_amount(clock, "lr"):
        return False
    marks = [ceil(one) for one in islice(schedule._seams(), 2 * _LOOK)]
    looked = {0, end - 1, *marks, *(one - 1 for one in marks), *range(0, end, max(1, end // _LOOK))}
    times = sorted(time for time in looked if 0 <= time < end)
    values: list[float]
    if (factor_at := schedule._factor_of_number()) is None:
        values = (evaluate(schedule, np.array(times), line.base) / line.base).tolist()
    else:
        values = [*map(factor_at, times)]
    peak = max(values)
    late, early = bisect_left(times, min(end - 1, (1 - LONG_END) * end)), bisect_left(times, LATE * end)
    return (
        0 < peak <= MOST_TIMES_BASE
        and max(values[late:]) > PRACTICALLY_ZERO * peak
        and (values[0] >= IS_HIGH * peak or max(values[:early]) > NEARLY * peak)
    )


def epochs_of_run(plan: Plan, calendar: Calendar | None, trial: TrialRun | None) -> Fraction | None:
    """Return the number of epochs in the run; None if it is unknown."""
    for length in (plan.horizon, None if calendar is None else calendar.total):
        if length is not None:
            terms = dict(Duration.of(length).terms)
            if set(terms) == {"epochs"}:
                return terms["epochs"]
    if trial is not None and trial.known and trial.epoch is not None:
        return trial.end / trial.epoch
    return None
