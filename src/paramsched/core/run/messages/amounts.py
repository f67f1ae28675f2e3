"""The errors and problems of what a loop reports: amounts, progress and metrics."""

from collections.abc import Collection, Mapping
from typing import Final

import torch

from paramsched.base.problem import Problem
from paramsched.base.words import did_you_mean
from paramsched.core.plan.messages.amounts import EXAMPLE_OF_SIZE, missing_amounts
from paramsched.core.time.duration import PROGRESS
from paramsched.core.time.run_facts import UPDATES
from paramsched.errors import InvalidArgument, InvalidCall, MissingFact, shown

_COUNTER_ARGUMENTS: Final = {
    "tokens": "tokens_per_sample=1024",
    "frames": "amount_of=lambda batch: batch.num_frames",
}
"""The arguments with which engines count a unit; they count samples and batches without one."""


def call_text(call: str, keywords: Mapping[str, object]) -> str:
    """Return the text of a call with its keywords; `call` is its start, such as `scheduler.consumed(`."""
    values = {
        name: str(value.item()) if isinstance(value, torch.Tensor) and value.ndim == 0 else shown(value)
        for name, value in keywords.items()
    }
    return f"{call}{', '.join(f'{name}={value}' for name, value in values.items())})"


# ---------------------------------------------------------------- consumption


def amount_of_update_unknown(unit: str, t: int, counted_by: str) -> MissingFact:
    """Return the error for an update whose consumption is unknown.

    Args:
        unit: the unit of the plan's clock.
        t: the update.
        counted_by: the call that counts the batches of an engine, with `{}` for its arguments; empty without an engine.
    """
    error = missing_amounts(unit, "")
    message = f"the plan's clock counts {unit}, and the number of {unit} of this update is unknown"
    call = f"scheduler.consumed({unit}=n)"
    advice = f"Call {call} before optimizer.step(), or write ps.Scheduler(…, {error.fact}={error.example})"
    if counted_by:
        counted = counted_by.format(_COUNTER_ARGUMENTS.get(unit, ""))
        advice = f"For example: {counted.replace(', )', ')')}"
    return MissingFact(f"update {t}", message, advice, fact=error.fact, example=error.example)


def clock_counts_updates(call: str, keywords: Mapping[str, object], clock: str) -> InvalidArgument:
    """Return the error for an amount that is reported to a plan which counts updates; `clock` is that of the amount."""
    advice = f'Use ps.Plan(…, clock="{clock}")'
    return InvalidArgument(call_text(call, keywords), "the plan's clock counts updates", advice)


def progress_is_not_consumed(call: str, keywords: Mapping[str, object]) -> InvalidArgument:
    """Return the error for consumption that is reported to a plan which counts the progress."""
    message = "the plan's clock is the progress of the run, which no update consumes"
    return InvalidArgument(call_text(call, keywords), message, "For example: scheduler.report(progress=0.37)")


def not_one_amount(call: str, keywords: Mapping[str, object], unit: str) -> InvalidArgument:
    """Return the error for several amounts, or none."""
    return _invalid_amount(
        call, keywords, unit, f"the plan's clock counts {unit}: expected one keyword, got {len(keywords)}"
    )


def other_unit(call: str, keywords: Mapping[str, object], unit: str) -> InvalidArgument:
    """Return the error for an amount in another unit than that of the plan's clock."""
    return _invalid_amount(call, keywords, unit, f"the plan's clock counts {unit}")


def amount_is_negative(call: str, keywords: Mapping[str, object], unit: str) -> InvalidArgument:
    """Return the error for a negative amount."""
    return _invalid_amount(call, keywords, unit, "an amount must not be negative")


def not_an_amount(call: str, keywords: Mapping[str, object], unit: str) -> InvalidArgument:
    """Return the error for an amount that is not a number, or too large."""
    message = f"expected an integer number of {unit}, at least 0 and below 2**62"
    return _invalid_amount(call, keywords, unit, message)


def amount_is_not_whole(call: str, keywords: Mapping[str, object], unit: str) -> InvalidArgument:
    """Return the error for an amount with a fraction."""
    return _invalid_amount(call, keywords, unit, f"the number of {unit} must be an integer")


def _invalid_amount(call: str, keywords: Mapping[str, object], unit: str, message: str) -> InvalidArgument:
    advice = f"For example: {call}{unit}={EXAMPLE_OF_SIZE})"
    return InvalidArgument(call_text(call, keywords), message, advice)


def more_than_clock_counts(call: str, unit: str, amount: float) -> InvalidArgument:
    """Return the error for an amount with which a run has consumed more than a clock can count."""
    site = f"{call}{unit}={amount})"
    return InvalidArgument(site, f"more {unit} than a clock can count", "Pass the number of one update")


def unit_is_missing(call: str, name: str, value: object) -> InvalidCall:
    """Return the error for an amount without its unit, which has this name."""
    return InvalidCall(f"{call}{shown(value)})", f"{name} must be named", f"Write {call}{name}={shown(value)})")


def amount_of_seek_unknown(t: int, unit: str, error: MissingFact) -> MissingFact:
    """Return the error for a jump to an update before which the amount is unknown.

    Args:
        t: the update.
        unit: the unit of the plan's clock.
        error: the error about the fact that would determine the amount.
    """
    message = f"the number of {unit} that these updates consumed is unknown"
    if unit == PROGRESS:
        message = "the progress of the run before this update is unknown"
    advice = f"For example: scheduler.seek({t}, {unit}={error.example})"
    return MissingFact(f"scheduler.seek({t})", message, advice, fact=error.fact, example=error.example)


# ---------------------------------------------------------------- progress


def clock_is_not_progress(call: str, keywords: Mapping[str, object], unit: str) -> InvalidArgument:
    """Return the error for a progress that is reported to a plan which counts another unit."""
    advice = f"For example: scheduler.consumed({unit}={EXAMPLE_OF_SIZE})"
    return InvalidArgument(call_text(call, keywords), f"the plan's clock counts {unit}", advice)


def not_a_progress(call: str, keywords: Mapping[str, object]) -> InvalidArgument:
    """Return the error for keywords that are not the progress, or a progress that is not a fraction."""
    got = " and ".join(keywords) or "no keyword"
    if list(keywords) == [PROGRESS]:
        got = f"progress={shown(keywords[PROGRESS])}"
    message = f"expected the fraction of the run that is done, from 0 to 1, got {got}"
    return InvalidArgument(call_text(call, keywords), message, f"For example: {call}progress=0.37)")


def progress_above_one(progress: object) -> Problem:
    """Return the problem of a progress of more than 1."""
    sentence = (
        f"scheduler.report(progress={shown(progress)}) counts as 1: the progress of a run is a fraction: 0.37, not 37"
    )
    return Problem(found=sentence)


def progress_decreases(progress: float, before: float, t: int) -> Problem:
    """Return the problem of a progress that is less than the last one, at update `t`."""
    sentence = (
        f"scheduler.report(progress={progress}) is less than the last progress, {before}. The position stays "
        "there until a report exceeds it, so that no schedule goes back"
    )
    return Problem(found=sentence, advice=f"To go back, call scheduler.seek({t}, progress={progress})")


# ---------------------------------------------------------------- metrics


def metrics_for_amount(call: str, keywords: Mapping[str, object]) -> InvalidArgument:
    """Return the error for metrics in place of an amount."""
    message = f"expected an amount, got the metric{'s' * (len(keywords) > 1)} {' and '.join(keywords)}"
    advice = f"For example: {call_text('scheduler.observe(', keywords)}"
    return InvalidArgument(call_text(call, keywords), message, advice)


def no_rule_watches(name: str, value: object, watched: Collection[str]) -> InvalidArgument:
    """Return the error for a metric that no rule of the plan watches; `watched` are those that rules watch."""
    near = did_you_mean(name, watched) if watched else "the plan has no metric rule"
    return InvalidArgument(f"observe({name}={value!r})", f"no rule watches {name!r}; {near}")


def amount_for_metric(name: str, value: object, unit: str, clock: str | None) -> InvalidArgument:
    """Return the error for an amount in place of a metric.

    Args:
        name: its keyword.
        value: the amount.
        unit: its unit.
        clock: the unit of the plan's clock; None for updates.
    """
    call = f"scheduler.{'report' if unit == PROGRESS else 'consumed'}({unit}={value!r})"
    advice = f"For example: {call}" if unit == clock else f"The plan's clock counts {clock or UPDATES}"
    return InvalidArgument(f"observe({name}={value!r})", f"{name} is an amount, not a metric", advice)


def metric_is_too_large(name: str) -> InvalidArgument:
    """Return the error for an integer that does not convert to a float."""
    advice = f'For example: observe({name}=float("inf"))'
    return InvalidArgument(f"observe({name}=…)", "the integer is too large for a float", advice)


def metric_is_not_a_number(name: str, value: object) -> InvalidArgument:
    """Return the error for a metric that is not a number."""
    shape = f" of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else ""
    message = f"expected a number, got {type(value).__name__}{shape}"
    return InvalidArgument(f"observe({name}=…)", message, f"For example: observe({name}=float(value))")
