"""What a loop reports to a run: the consumption of an update, its progress, and metrics."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from numbers import Real
from typing import Any, Literal

import torch

from paramsched.base.problem import Problem
from paramsched.core.metrics.metric_rules import misplaced_metric
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import MAX_CONSUMED, Amount
from paramsched.core.run.amounts import (
    CountedAmounts,
    amount_on_updates,
    amount_or_error,
    checked_amount,
    checked_progress,
    progress_on_updates,
    progress_or_error,
)
from paramsched.core.run.messages import amounts as messages
from paramsched.core.run.position import RunPosition
from paramsched.core.run.run import Run
from paramsched.core.time.duration import PROGRESS
from paramsched.core.time.run_facts import meant_clock
from paramsched.errors import InvalidArgument, MissingFact


def consume(run: Run, misplaced: Sequence[Any], amount: Mapping[str, Any]) -> None:
    """Add consumption that the loop reports for the next update, as `Scheduler.consumed`."""
    if misplaced:
        raise _error_without_unit(run, "consumed", misplaced[0])
    amounts, reported = _checked_amount(run, "scheduler.consumed(", amount)
    amounts.report(reported)
    run.state.set_needs_check()


def measure(run: Run, amount: Mapping[str, Any]) -> None:
    """Add consumption that an engine measured for the next update; what the loop reports takes precedence."""
    amounts, measured = _checked_amount(run, "scheduler.consumed(", amount)
    if amounts.add_measured(measured):
        run.state.set_needs_check()


def _checked_amount(run: Run, call: str, amount: Mapping[str, Any]) -> tuple[CountedAmounts, Amount]:
    """Validate reported consumption; return it with the amounts of the run. `call` is its start."""
    amounts = run.state.amounts
    if run.has_ended:
        run.require_attached(f"{call.removeprefix('scheduler.')}…)")
    if amounts is None:
        raise amount_on_updates(call, amount)
    reported = checked_amount(call, amounts.unit, amount)
    assert amounts.amount is not None
    if amounts.amount + (amounts.reported or 0) + reported >= MAX_CONSUMED:
        raise messages.more_than_clock_counts(call, amounts.unit, reported)
    return amounts, reported


def report_progress(run: Run, sync: Callable[[], Run], misplaced: Sequence[Any], progress: Mapping[str, Any]) -> None:
    """Move to a reported progress, as `Scheduler.report`.

    Args:
        run: the run.
        sync: binds groups that were added or replaced.
        misplaced: the positional arguments of the call.
        progress: its keywords.
    """
    if misplaced:
        raise _error_without_unit(run, "report", misplaced[0])
    run.require_attached("report(…)")
    amounts = run.state.amounts
    if amounts is None:
        raise progress_on_updates("scheduler.report(", progress)
    reached = checked_progress("scheduler.report(", amounts.unit, progress, most=inf)
    before = amounts.amount
    assert before is not None
    if reached > 1:
        _warn_once(run, "above", messages.progress_above_one(progress[PROGRESS]))
        reached = 1.0
    if reached < before:
        _warn_once(run, "below", messages.progress_decreases(reached, before, run.t))
    elif reached > before:
        sync().report(reached)
    amounts.note_progress()
    run.state.set_needs_check()


def _warn_once(run: Run, subject: str, problem: Problem) -> None:
    for observer in run.state.observers:
        observer.warn_once(subject, problem)


def _error_without_unit(run: Run, method: Literal["consumed", "report"], value: Any) -> InvalidArgument:
    """Return the error for an amount without its unit, or the one for an amount that is wrong beside that."""
    amounts = run.state.amounts
    call = f"scheduler.{method}("
    unit = None if amounts is None else amounts.unit
    if method == "report":
        name = PROGRESS
        checked: float | InvalidArgument = progress_or_error(call, unit, {name: value}, most=inf)
    else:
        name = unit or "tokens"
        checked = amount_or_error(call, unit, {name: value})
    if isinstance(checked, InvalidArgument):
        return checked
    return messages.unit_is_missing(call, name, value)


def sought_position(in_force: ResolvedPlan, t: int, amount: Mapping[str, Any]) -> RunPosition:
    """Return the position of `Scheduler.seek`.

    Raises:
        InvalidArgument: the amount has another unit than the plan's clock, or it is invalid.
        MissingFact: the plan's clock counts an amount, which is unknown at this update.
    """
    try:
        if not amount:
            return RunPosition(t, in_force.amount_at(t))
        check = checked_progress if in_force.unit == PROGRESS else checked_amount
        return RunPosition(t, check(f"scheduler.seek({t}, ", in_force.unit, amount))
    except MissingFact as error:
        raise messages.amount_of_seek_unknown(t, str(in_force.unit), error) from None


def observe_metrics(run: Run, sync: Callable[[], Run], misplaced: Sequence[Any], metrics: Mapping[str, Any]) -> None:
    """Pass metrics to the metric rules of the plan, as `Scheduler.observe`.

    Args:
        run: the run.
        sync: binds groups that were added or replaced.
        misplaced: the positional arguments of the call.
        metrics: its keywords.
    """
    state = run.state
    if misplaced:
        raise misplaced_metric("scheduler.observe", misplaced[0], state.states)
    run.require_attached("observe(…)")
    before = state.states
    watched = {rule.metric for rule in before}
    numbers: dict[str, float] = {}
    for name, value in metrics.items():
        if name not in watched:
            raise _error_not_watched(run, name, value, watched)
        numbers[name] = _metric_as_float(name, value)
    begun = state.in_force.rules_at(state.t, state.amount)
    observed = {rule: rule.observe(before[rule], numbers[rule.metric]) for rule in begun if rule.metric in numbers}
    state.change({**before, **observed})
    if any(observed[rule] != before[rule] for rule in observed):
        sync().rewrite()
    for observer in state.observers:
        observer.observed(observed, numbers)


def _error_not_watched(run: Run, name: str, value: Any, watched: set[str]) -> InvalidArgument:
    """Return the error for a metric that no rule of the plan watches, or for an amount in its place."""
    unit = meant_clock(name)
    if unit is None:
        return messages.no_rule_watches(name, value, watched)
    return messages.amount_for_metric(name, value, unit, run.in_force.unit)


def _metric_as_float(name: str, value: Any) -> float:
    """Convert a metric to a float: a real number, or a tensor without dimensions."""
    if isinstance(value, torch.Tensor) and value.ndim == 0 and value.dtype != torch.bool and not value.is_complex():
        return float(value.detach())
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise messages.metric_is_too_large(name) from None
    raise messages.metric_is_not_a_number(name, value)
