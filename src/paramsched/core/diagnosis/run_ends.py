"""A run at the end of its plan."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from paramsched.base.problem import Problem
from paramsched.core.diagnosis.messages import runs as messages
from paramsched.core.diagnosis.reports import VALUES_SHOWN
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.lines import BoundLine, RuleStates, UpdateRange, by_group, values_at
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.time.duration import amount_text


def run_goes_on(
    in_force: ResolvedPlan,
    lines: Sequence[BoundLine],
    times: UpdateRange,
    states: RuleStates,
    last: Amount | None = None,
) -> Problem:
    """Return the warning that a run goes on after the end of its plan.

    Args:
        in_force: the plan.
        lines: the lines whose values the warning has.
        times: the time of the next update.
        states: the states of the metric rules.
        last: what the last update has consumed, if the loop reported it.
    """
    length = None if in_force.unit is not None else in_force.total
    epoch = in_force.facts.updates_per_epoch
    length_text = str(in_force.length) if length is None else messages.length_text(length, epoch)
    plan = messages.EndedPlan(length_text, _present_values(lines, times, states))
    if length is not None and epoch is not None and length < epoch:
        return messages.epochs_were_meant(plan, length)
    if last and times.first > 2 and _is_count_so_far(last, times):
        unit = str(in_force.unit)
        call = f"{unit}={round(last / times.first)}"
        return messages.sums_were_reported(plan, times.first - 1, amount_text(unit, last), call)
    total = in_force.plan.total
    accumulation = in_force.facts.accumulation or 1
    is_unused = length is not None and accumulation > 1 and (total is None or not total.is_resolved)
    return messages.total_is_too_short(
        plan, has_total=total is not None, unused_accumulation=accumulation if is_unused else None
    )


def _present_values(lines: Sequence[BoundLine], times: UpdateRange, states: RuleStates) -> list[str]:
    """Return the words for the values of each field in the next update, such as "lr stays at 0.1"."""
    now = values_at(lines, times, states)
    by_field: dict[tuple[str, bool], dict[str, None]] = {}
    for index, line, _ in by_group(lines):
        held = line.schedule.planned.held
        is_held = held is not None and bool(held <= times.on_clock(line.clock)) and not line.schedule.metric_rules
        values = by_field.setdefault((line.name, is_held), {})
        values[f"{now[index, line.field.slot]:g}"] = None
    return [
        messages.present_values(name, [*values][:VALUES_SHOWN], is_held=is_held)
        for (name, is_held), values in by_field.items()
    ]


_NEAR_TWICE: Final = 0.05  # batches of different sizes differ from their mean


def _is_count_so_far(last: Amount, times: UpdateRange) -> bool:
    """Return whether the last report is as large as if every report was the sum of all updates so far.

    The reports of n updates that consume c each are then c, 2c, …, nc. The last one is 2n / (n + 1) of their mean.
    """
    mean = times.listed()[0] / times.first
    return abs(last / mean * (times.first + 1) / (2 * times.first) - 1) <= _NEAR_TWICE


def idle_rules_problem(idle: Iterable[MetricRule[Any]], begin: str) -> Problem | None:
    """Return the problem of metric rules that have observed no metric; `begin` is the beginning of the sentence."""
    rules = list(idle)
    if not rules:
        return None
    return messages.metrics_never_reported(begin, sorted({rule.metric for rule in rules}), map(str, rules))
