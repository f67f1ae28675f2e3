"""The end of a plan: a run that goes on after it, and metric rules that have observed nothing."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from paramsched.core.base.codes import BEYOND_THE_PLAN
from paramsched.core.base.problem import Problem
from paramsched.core.feedback.base import MetricRule
from paramsched.core.plan.lines import Line, RuleStates, UpdateTimes, by_group, values_at
from paramsched.core.plan.resolved import ResolvedPlan
from paramsched.core.plan.run_amounts import Amount
from paramsched.core.time.amounts import amount_text


def run_is_over(t: int, total: int) -> Problem:
    """Return the warning that a run has completed more updates than its plan has: a new run was probably meant."""
    found = f"the optimizer has completed {t} updates, but the plan ends after {total}: its last values are kept"
    return Problem(code=BEYOND_THE_PLAN, found=found, advice="To restart the plan, call scheduler.seek(0).")


_VALUES_SHOWN: Final = 4  # values of a field that a message has


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
    length, epoch = in_force.total, in_force.facts.updates_per_epoch
    written = str(in_force.resolved.total) if length is None else f"{length} updates"
    if length is not None and epoch is not None:
        written += f" ({length / epoch:.3g} epochs)"
    now, by_field = values_at(lines, times, states), dict[str, dict[str, None]]()
    for index, line, _ in by_group(lines):
        held = line.schedule.piece.held
        is_held = held is not None and held <= times.on_clock(line.clock) and not line.schedule.metric_rules
        values = by_field.setdefault(f"{line.name} {'stays at' if is_held else 'is now'}", {})
        values[f"{now[index, line.field.slot]:g}"] = None
    shown = [f"{field} {', '.join([*values][:_VALUES_SHOWN])}" for field, values in by_field.items()]
    is_short = length is not None and in_force.unit is None and epoch is not None and length < epoch
    found = f"the plan is over after {written}, and the run goes on" + f": {'; '.join(shown)}" * bool(shown)
    advice = "Pass the length of the run as total"
    if is_short:
        advice = f'For {length} epochs write total="{length} epochs"'
    elif last and times.first > 2 and _is_count_so_far(last, times):
        unit, count, size = str(in_force.unit), times.first, last / times.first
        found += f"; update {count - 1} reported {amount_text(unit, last)}, as if each report was the sum so far"
        one = f"{size:g}" if unit == "seconds" else f"{round(size)}"
        advice = f"Report what one update consumes, such as scheduler.consumed({unit}={one})"
    elif length is not None and in_force.unit is None and (in_force.facts.accumulation or 1) > 1:
        advice += f", and omit accumulation={in_force.facts.accumulation} if optimizer.step() follows each batch"
    return Problem(code=BEYOND_THE_PLAN, found=found, advice=advice)


def no_group_added(lines: Iterable[str], t: int) -> Problem:
    """Return the warning that no group of optional lines was added in a run of `t` updates."""
    found = f"the run has completed {t} updates, and it had no group for the optional lines {', '.join(lines)}"
    return Problem(found=found, advice='For example: optimizer.add_param_group({"params": params, "name": "head"})')


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
    found = f"{begin}, and no value of {', '.join(names)} was ever reported for {', '.join(map(str, rules))}"
    return Problem(found=f"{found}: call scheduler.observe({call})")
