"""ReduceOnPlateau: a factor whenever a metric has stopped improving."""

from collections.abc import Iterator
from typing import Any

from paramsched.config.dialects.mmengine.rows.argument_checks import is_real_number, number_faults
from paramsched.config.dialects.mmengine.rows.arguments import WINDOW_ARGUMENTS, Argument, ArgumentFault, Arguments
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import WrittenPart
from paramsched.feedback.base import MetricRule
from paramsched.feedback.plateau import Plateau, plateau


def _plateau_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """What MMEngine refuses, and numbers that are none."""
    yield from number_faults(arguments, "factor", "threshold", "patience", "cooldown", "eps")
    if is_real_number(arguments["factor"]) and arguments["factor"] >= 1:
        yield ArgumentFault("factor", f"Factor should be < 1.0, but got {arguments['factor']}")
    if is_real_number(arguments["threshold"]) and arguments["threshold"] < 0:
        yield ArgumentFault("threshold", f"threshold {arguments['threshold']} should be >= 0")
    if arguments["rule"] not in ("less", "greater"):
        yield ArgumentFault("rule", f"mode {arguments['rule']} is unknown! Write 'less' or 'greater'")
    if arguments["threshold_rule"] not in ("rel", "abs"):
        message = f"threshold mode {arguments['threshold_rule']} is unknown! Write 'rel' or 'abs'"
        yield ArgumentFault("threshold_rule", message)
    if not arguments["by_epoch"]:
        message = "it only supports by_epoch=True: it acts after validations"
        yield ArgumentFault("by_epoch", message, AssertionError)
    floors = arguments["min_value"]
    if not all(is_real_number(one) for one in (floors if isinstance(floors, (list, tuple)) else [floors])):
        yield ArgumentFault("min_value", f"min_value={floors!r} is no number and no list of them", TypeError)


def _metric_rule(arguments: Arguments, base: float | None) -> MetricRule[Any]:
    """The plateau of a plan, whose floor and smallest change are multiples of the base."""
    return plateau(
        arguments["monitor"],
        "min" if arguments["rule"] == "less" else "max",
        float(arguments["factor"]),
        int(arguments["patience"]),
        float(arguments["threshold"]),
        arguments["threshold_rule"],
        int(arguments["cooldown"]),
        float(arguments["min_value"]) / base if base and arguments["min_value"] else 0.0,
        float(arguments["eps"]) / base if base else 0.0,
    )


def _from_plateau(rule: RuleOfPlan, part: WrittenPart) -> FoundArguments:
    """A plateau without a floor, which MMEngine says as a value."""
    if not isinstance(rule, Plateau):
        return None
    if rule.min or rule.nonfinite != "count":
        why = "its floor is a value, not a multiple of base, and what is not finite counts as not better"
        part.refuse(rule, why)
    return {
        "monitor": rule.metric,
        "rule": "less" if rule.mode == "min" else "greater",
        "factor": rule.factor,
        "patience": rule.patience,
        "threshold": rule.threshold,
        "threshold_rule": rule.threshold_mode,
        "cooldown": rule.cooldown,
        "eps": rule.eps,
    }


REDUCE_ON_PLATEAU = SchedulerRow(
    "ReduceOnPlateau",
    "multiply {it} by `factor` when a metric has stopped improving",
    (
        Argument("monitor", "loss", "name of the metric"),
        Argument("rule", "less", "`less` or `greater`: what is better"),
        Argument("factor", 0.1, "of one reduction, below 1"),
        Argument("patience", 10, "validations without improvement that are put up with"),
        Argument("threshold", 1e-4, "how much better counts as better"),
        Argument("threshold_rule", "rel", "`rel` to the best value, or `abs`"),
        Argument("cooldown", 0, "validations after a reduction that do not count"),
        Argument("min_value", 0.0, "floor, as a value, or a list with one for each group"),
        Argument("eps", 1e-8, "smaller reductions are left out"),
        *WINDOW_ARGUMENTS,
    ),
    faults=_plateau_faults,
    from_rule=_from_plateau,
    metric_rule=_metric_rule,
)
