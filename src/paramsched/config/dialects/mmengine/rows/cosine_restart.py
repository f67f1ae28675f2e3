"""CosineRestart: cosine descents one after the other, each from a height of its own."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from paramsched.config.dialects.mmengine.rows.argument_checks import (
    FLOOR_ARGUMENT,
    FLOOR_RATIO_ARGUMENT,
    floor_arguments,
    floor_faults,
    floor_level,
    int_if_whole,
    is_real_number,
    window_of_rule,
)
from paramsched.config.dialects.mmengine.rows.arguments import WINDOW_ARGUMENTS, Argument, ArgumentFault, Arguments
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import WrittenPart
from paramsched.schedules import rules
from paramsched.schedules.rules import Rule


def _restart_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """One floor; two lists of one length; periods above 0."""
    yield from floor_faults(arguments)
    if (arguments["eta_min"] is None) == (arguments["eta_min_ratio"] is None):
        message = "exactly one of `eta_min` and `eta_min_ratio` should be specified"
        yield ArgumentFault("eta_min", message, AssertionError)
    lists = {}
    for name in ("periods", "restart_weights"):
        value = arguments[name]
        if not isinstance(value, (list, tuple)) or not value or not all(is_real_number(one) for one in value):
            yield ArgumentFault(name, f"{name}={value!r} is no list of numbers", TypeError)
        else:
            lists[name] = value
    if len(lists) == 2 and len(lists["periods"]) != len(lists["restart_weights"]):
        counts = f"{len(lists['periods'])} and {len(lists['restart_weights'])} entries"
        message = f"periods and restart_weights should have the same length, not {counts}"
        yield ArgumentFault("restart_weights", message, AssertionError)
    if "periods" in lists and not all(period > 0 for period in lists["periods"]):
        yield ArgumentFault("periods", f"periods={lists['periods']!r}: each should be above 0")


def _restart_derived(arguments: Arguments) -> dict[str, Any]:
    return {"cumulative_periods": list(accumulate(arguments["periods"]))}


def _restart_rule(arguments: Arguments) -> Rule:
    periods = tuple(int_if_whole(period) for period in arguments["periods"])
    weights = tuple(arguments["restart_weights"])
    return rules.cosine_restarts(periods, weights, floor_level(arguments), **window_of_rule(arguments))


def _from_restart_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    if not isinstance(rule, rules.CosineRestartsRule) or rule.base != 1.0:
        return None
    lists = {"periods": list(rule.periods), "restart_weights": list(rule.weights)}
    return {**lists, **floor_arguments(rule.to)}


COSINE_RESTART = SchedulerRow(
    "CosineRestart",
    "let {it} descend as a cosine to the floor in each period, beginning at its weight times the base value",
    (
        Argument("periods", ..., "lengths, one for each descent", counted=True),
        Argument("restart_weights", (1,), "as many multiples of the base value"),
        FLOOR_ARGUMENT,
        FLOOR_RATIO_ARGUMENT,
        *WINDOW_ARGUMENTS,
    ),
    faults=_restart_faults,
    derived=_restart_derived,
    rule=_restart_rule,
    from_rule=_from_restart_rule,
)
