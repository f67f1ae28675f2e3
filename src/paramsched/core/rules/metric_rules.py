"""Metric rules that were probably meant otherwise: their mode, and the time when they begin."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, islice
from math import ceil
from typing import Final, NamedTuple, final

import numpy as np

from paramsched.core.base.codes import COUNTS_IN_WARMUP, MODE_OF_METRIC
from paramsched.core.base.problem import Problem
from paramsched.core.feedback.base import better_mode
from paramsched.core.feedback.plateau import Plateau
from paramsched.core.plan import Target
from paramsched.core.rules.line import Line
from paramsched.core.rules.trial_run import resolved_without_begins
from paramsched.core.rules.values import IS_HIGH, NEARLY
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.schedule import is_kind, lengths_among
from paramsched.core.schedules.sequence import begins_of, stages_of
from paramsched.core.schedules.span import Span
from paramsched.core.time import Duration, RunFacts
from paramsched.errors import ParamschedError


def metric_problems(line: Line) -> Iterator[Problem]:
    """Yield the diagnostics of the metric rules of one line."""
    if line.binding.schedule.metric_rules:
        yield from _mode_of_metric(line)
        yield from _counts_in_warmup(line)


def _mode_of_metric(line: Line) -> Iterator[Problem]:
    """Yield diagnostics of metric rules whose mode contradicts the name of their metric.

    Reason: "min" is the default, so `plateau("val_acc")` reduces the rate at each improvement.
    """
    for rule in line.binding.schedule.metric_rules:
        mode = better_mode(rule.metric)
        if isinstance(rule, Plateau) and mode is not None and mode != rule.mode:
            verb, other = ("rises", "lower") if mode == "max" else ("falls", "higher")
            found = f'{rule.metric} probably {verb} when it improves, but mode="{rule.mode}" prefers {other} values'
            yield Problem(line.path, found, f"Write {replace(rule, mode=mode)}", code=MODE_OF_METRIC)


def _counts_in_warmup(line: Line) -> Iterator[Problem]:
    """Yield a diagnostic for a plateau rule of the lr that counts during a warmup longer than its patience.

    Reason: a metric is usually observed once in an epoch. If it stands still while the rate is low, the first value is
    the best one, and `patience + 1` further values reduce the rate before it reaches base.
    """
    rules = [rule for rule in line.binding.schedule.metric_rules if isinstance(rule, Plateau) and rule.begin is None]
    is_rate = line.binding.name == "lr" and not isinstance(line.binding.field, Target)
    warmup = _warmup_of(line) if rules and is_rate else None
    for rule in rules if warmup is not None else ():
        if warmup is not None and warmup.epochs >= rule.patience + 2:
            found = f"{rule} counts during the warmup of {float(warmup.epochs):.3g} epochs, and may cut it"
            advice = f"Write {replace(rule, after=warmup.time)}"
            yield Problem(line.path, found, advice, code=COUNTS_IN_WARMUP)
            return


@final
class _Warmup(NamedTuple):
    """The time at which a line has reached its highest level, in epochs and as one would write it."""

    epochs: Fraction
    time: Duration


_MARKS: Final = 256  # boundaries of a schedule that are looked at
_LONG: Final = 10**7  # updates; the assumed length of a run of unknown length, of which no schedule here takes a share
_EPOCH: Final = 1_000  # updates; an epoch if all lengths are in epochs


def _warmup_of(line: Line) -> _Warmup | None:
    """Return the warmup of a line: from a low level up to its highest one, at the boundaries of its stages.

    None if it has no warmup, if it rises again later, or if the length of an epoch is unknown.
    """
    run = _run_of(line)
    if run is None:
        return None
    schedule, end = run.schedule, ceil(run.end)
    edges = (*islice(schedule.piece.edges_and_end(0, end), _MARKS), *begins_of(schedule)[:_MARKS])
    marks = sorted({0, *(ceil(one) for one in edges if 0 < ceil(one) < end)})
    base = line.base or 1.0
    values = evaluate(schedule, np.array(marks), base)
    high = NEARLY * float(np.max(values))
    top = int(np.argmax(values >= high))
    rise, later = values[: top + 1], values[top:]
    if not top or values[0] >= IS_HIGH * high or np.any(np.diff(rise) < 0):
        return None
    low = np.flatnonzero(later < IS_HIGH * high)
    if len(low) and np.any(later[low[0] :] >= high):
        return None
    begin = Fraction(marks[top])
    return _Warmup(begin / run.epoch, _written_time(line, run, begin))


@final
class _Run(NamedTuple):
    """A run of known epochs, and the schedule of a line in it."""

    schedule: Schedule
    span: Span
    epoch: int
    end: Fraction


def _run_of(line: Line) -> _Run | None:
    """Return the run in which a line is tried, or one of unknown length if no length is a share of it."""
    trial = line.trial
    if trial is not None and trial.epoch and trial.to_scale and line.resolved is not None:
        return _Run(line.resolved, trial.span, trial.epoch, trial.end)
    units = {unit for length in lengths_among(line.inside) for unit, _ in length.terms}
    epoch = None if line.facts is None else line.facts.updates_per_epoch
    facts = line.facts or RunFacts()
    if epoch is None and units == {"epochs"}:
        epoch, facts = _EPOCH, RunFacts(steps_per_epoch=_EPOCH)
    if epoch is None or "percent" in units:
        return None
    facts = replace(facts, total=_LONG)
    span = Span.of_run(facts, _LONG)
    try:
        return _Run(resolved_without_begins(line.schedule, span), span, epoch, Fraction(_LONG))
    except (ParamschedError, ArithmeticError, MemoryError):
        return None


def _written_time(line: Line, run: _Run, begin: Fraction) -> Duration:
    """Return a time of the run as the sum of the lengths of stages, if they end there; else in epochs or updates."""
    sums: list[Duration] = []
    for part in line.inside:
        if is_kind(part, "sequence"):
            lengths = [stage.length for stage in stages_of(part)]
            known = lengths[: lengths.index(None)] if None in lengths else lengths
            sums += accumulate(one for one in known if one is not None)
        elif isinstance(part, Schedule) and part.length is not None:
            sums.append(part.length)
    for time in sums:
        try:
            if time.terms and not time.until and ceil(run.span.units.exact(time)) == begin:
                return time
        except ParamschedError:
            continue
    epochs = begin / run.epoch
    return Duration((("epochs", epochs),)) if epochs.denominator == 1 else Duration.of_updates(begin)
