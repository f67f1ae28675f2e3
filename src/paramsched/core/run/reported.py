"""What a loop reports to a run: the consumption of an update, its progress, and metrics."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from numbers import Real
from typing import Any, Literal

import torch

from paramsched.base.problem import Problem
from paramsched.base.words import did_you_mean
from paramsched.core.feedback import misplaced_metric
from paramsched.core.plan.resolution import ResolvedPlan
from paramsched.core.plan.run_amounts import MAX_CONSUMED, Amount
from paramsched.core.run.amounts import AmountCounter, checked_amount, checked_progress
from paramsched.core.run.position import RunPosition
from paramsched.core.run.run import Run
from paramsched.core.time.duration import PROGRESS
from paramsched.core.time.run_facts import UPDATES, meant_clock
from paramsched.errors import InvalidArgument, InvalidCall, MissingFact, shown


def consume(run: Run, misplaced: Sequence[Any], amount: Mapping[str, Any]) -> None:
    """Add consumption that the loop reports for the next update, as `Scheduler.consumed`."""
    if misplaced:
        raise _without_unit(run, "consumed", misplaced[0])
    amounts, reported = _checked_amount(run, "scheduler.consumed(", amount)
    amounts.report(reported)
    run.state.set_needs_check()


def measure(run: Run, amount: Mapping[str, Any]) -> None:
    """Add consumption that an engine measured for the next update; what the loop reports takes precedence."""
    amounts, measured = _checked_amount(run, "scheduler.consumed(", amount)
    if amounts.add_measured(measured):
        run.state.set_needs_check()


def _checked_amount(run: Run, call: str, amount: Mapping[str, Any]) -> tuple[AmountCounter, Amount]:
    """Validate reported consumption; return it with the amounts of the run. `call` is its start."""
    amounts = run.state.amounts
    if run.has_ended:
        run.require_attached(f"{call.removeprefix('scheduler.')}…)")
    if amounts is None:
        checked_amount(call, None, amount)  # raises
    assert amounts is not None
    reported = checked_amount(call, amounts.unit, amount)
    assert amounts.amount is not None
    if amounts.amount + (amounts.reported or 0) + reported >= MAX_CONSUMED:
        site = f"{call}{amounts.unit}={reported})"
        raise InvalidArgument(site, f"more {amounts.unit} than a clock can count", "Pass the number of one update")
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
        raise _without_unit(run, "report", misplaced[0])
    run.require_attached("report(…)")
    amounts = run.state.amounts
    if amounts is None:
        checked_progress("scheduler.report(", None, progress)  # raises
    assert amounts is not None
    reached = checked_progress("scheduler.report(", amounts.unit, progress, most=inf)
    before = amounts.amount
    assert before is not None
    if reached > 1:
        message = (
            f"scheduler.report(progress={shown(progress[PROGRESS])}) counts as 1: the progress of a run is a "
            "fraction: 0.37, not 37"
        )
        _warn_once(run, "above", Problem(found=message))
        reached = 1.0
    if reached < before:
        message = (
            f"scheduler.report(progress={reached}) is less than the last progress, {before}. The position stays "
            "there until a report exceeds it, so that no schedule goes back"
        )
        advice = f"To go back, call scheduler.seek({run.t}, progress={reached})"
        _warn_once(run, "below", Problem(found=message, advice=advice))
    elif reached > before:
        sync().report(reached)
    amounts.note_progress()
    run.state.set_needs_check()


def _warn_once(run: Run, kind: str, problem: Problem) -> None:
    for observer in run.state.observers:
        observer.warn_once(kind, problem)


def _without_unit(run: Run, method: Literal["consumed", "report"], value: Any) -> InvalidCall:
    """Return the error for an amount without its unit; raise the one for an amount that is wrong beside that."""
    amounts = run.state.amounts
    call = f"scheduler.{method}("
    unit = None if amounts is None else amounts.unit
    if method == "report":
        name = PROGRESS
        checked_progress(call, unit, {PROGRESS: value}, most=inf)
    else:
        name = unit or "tokens"
        checked_amount(call, unit, {name: value})
    return InvalidCall(f"{call}{shown(value)})", f"{name} must be named", f"Write {call}{name}={shown(value)})")


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
        instead = f"For example: scheduler.seek({t}, {in_force.unit}={error.example})"
        message = f"the number of {in_force.unit} that these updates consumed is unknown"
        if in_force.unit == PROGRESS:
            message = "the progress of the run before this update is unknown"
        raise MissingFact(f"scheduler.seek({t})", message, instead, fact=error.fact, example=error.example) from None


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
            raise _not_watched(run, name, value, watched)
        numbers[name] = _metric_as_float(name, value)
    begun = state.in_force.rules_at(state.t, state.amount)
    observed = {rule: rule.observe(before[rule], numbers[rule.metric]) for rule in begun if rule.metric in numbers}
    state.change({**before, **observed})
    if any(observed[rule] != before[rule] for rule in observed):
        sync().rewrite()
    for observer in state.observers:
        observer.observed(observed, numbers)


def _not_watched(run: Run, name: str, value: Any, watched: set[str]) -> InvalidArgument:
    """Return the error for a metric that no rule of the plan watches."""
    site = f"observe({name}={value!r})"
    unit = meant_clock(name)
    if unit is None:
        instead = did_you_mean(name, watched) if watched else "the plan has no metric rule"
        return InvalidArgument(site, f"no rule watches {name!r}; {instead}")
    call = f"scheduler.{'report' if unit == PROGRESS else 'consumed'}({unit}={value!r})"
    clock = run.in_force.unit
    advice = f"For example: {call}" if unit == clock else f"The plan's clock counts {clock or UPDATES}"
    return InvalidArgument(site, f"{name} is an amount, not a metric", advice)


def _metric_as_float(name: str, value: Any) -> float:
    """Convert a metric to a float: a real number, or a tensor without dimensions."""
    if isinstance(value, torch.Tensor) and value.ndim == 0 and value.dtype != torch.bool and not value.is_complex():
        return float(value.detach())
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise InvalidArgument(
                f"observe({name}=…)",
                "the integer is too large for a float",
                f'For example: observe({name}=float("inf"))',
            ) from None
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else ""
    raise InvalidArgument(
        f"observe({name}=…)",
        f"expected a number, got {type(value).__name__}{shape}",
        f"For example: observe({name}=float(value))",
    )
