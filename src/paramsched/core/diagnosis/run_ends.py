"""Sentences about a run at the end of its plan."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from paramsched.base.codes import (
    BEYOND_THE_PLAN,
)
from paramsched.base.problem import Problem
from paramsched.core.diagnosis.reports import VALUES_SHOWN
from paramsched.core.feedback import MetricRule
from paramsched.core.plan.lines import (
    Line,
    RuleStates,
    UpdateTimes,
    by_group,
    values_at,
)
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.time.duration import amount_text


def run_is_over(t: int, total: int) -> Problem:
    """Return the warning that a run has completed more updates than its plan has: a new run was probably meant."""
    message = f"the optimizer has completed {t} updates, but the plan ends after {total}: its last values are kept"
    return Problem(code=BEYOND_THE_PLAN, found=message, advice="To restart the plan, call scheduler.seek(0).")


def run_goes_on(
    in_force: ResolvedPlan, lines: Sequence[Line], times: UpdateTimes, states: RuleStates, last: Amount | None = None
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
    message = f"the plan is over after {_length_text(in_force, length, epoch)}, and the run goes on"
    values = _present_values(lines, times, states)
    if values:
        message += f": {'; '.join(values)}"
    planned = in_force.plan.total
    accumulation = in_force.facts.accumulation or 1
    advice = f"{'Pass' if planned is None else 'Write'} the length of the run as total"
    if length is not None and epoch is not None and length < epoch:
        advice = f'For {length} epochs write total="{length} epochs"'
    elif last and times.first > 2 and _is_count_so_far(last, times):
        unit = str(in_force.unit)
        reported = amount_text(unit, last)
        message += f"; update {times.first - 1} reported {reported}, as if each report was the sum so far"
        advice = f"Report what one update consumes, such as scheduler.consumed({unit}={round(last / times.first)})"
    elif length is not None and accumulation > 1 and not (planned is not None and planned.is_resolved):
        advice += f", and omit accumulation={accumulation} if optimizer.step() follows each batch"
    return Problem(code=BEYOND_THE_PLAN, found=message, advice=advice)


def _length_text(in_force: ResolvedPlan, length: int | None, epoch: float | None) -> str:
    """Return the words for the length of a plan, in updates and epochs if they are known."""
    if length is None:
        return str(in_force.resolved.total)
    return f"{length} updates" if epoch is None else f"{length} updates ({length / epoch:.3g} epochs)"


def _present_values(lines: Sequence[Line], times: UpdateTimes, states: RuleStates) -> list[str]:
    """Return the words for the values of each field in the next update, such as "lr stays at 0.1"."""
    now = values_at(lines, times, states)
    by_field: dict[str, dict[str, None]] = {}
    for index, line, _ in by_group(lines):
        held = line.schedule.piece.held
        is_held = held is not None and held <= times.on_clock(line.clock) and not line.schedule.metric_rules
        values = by_field.setdefault(f"{line.name} {'stays at' if is_held else 'is now'}", {})
        values[f"{now[index, line.field.slot]:g}"] = None
    return [f"{field} {', '.join([*values][:VALUES_SHOWN])}" for field, values in by_field.items()]


def no_group_added(lines: Iterable[str], t: int) -> Problem:
    """Return the warning that no group of optional lines was added in a run of `t` updates."""
    message = f"the run has completed {t} updates, and it had no group for the optional lines {', '.join(lines)}"
    return Problem(found=message, advice='For example: optimizer.add_param_group({"params": params, "name": "head"})')


_NEAR_TWICE: Final = 0.05  # batches of different sizes differ from their mean


def _is_count_so_far(last: Amount, times: UpdateTimes) -> bool:
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
    names = sorted({rule.metric for rule in rules})
    call = ", ".join(f"{name}=…" if name.isidentifier() else f"**{{{name!r}: …}}" for name in names)
    message = f"{begin}, and no value of {', '.join(names)} was ever reported for {', '.join(map(str, rules))}"
    return Problem(found=f"{message}: call scheduler.observe({call})")
