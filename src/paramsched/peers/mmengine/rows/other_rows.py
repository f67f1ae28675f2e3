"""OneCycle, in absolute values, and ReduceOnPlateau, which follows a metric."""

from collections.abc import Iterator
from math import ceil
from typing import Any

from paramsched.feedback.base import MetricRule
from paramsched.feedback.plateau import Plateau, plateau
from paramsched.peers.mmengine.rows.arguments import (
    WINDOW_ARGUMENTS,
    Argument,
    ArgumentFault,
    Arguments,
    each_number,
    is_real_number,
    number_faults,
    window_of_rule,
)
from paramsched.peers.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow, WrittenPart
from paramsched.schedules import rules
from paramsched.schedules.rules import Rule


def _one_cycle_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """What MMEngine refuses, and what would fail at the first step."""
    total, share, strategy = arguments["total_steps"], arguments["pct_start"], arguments["anneal_strategy"]
    if total is not None and (not isinstance(total, int) or isinstance(total, bool) or total <= 0):
        yield ArgumentFault("total_steps", f"Expected positive integer total_steps, but got {total}")
    if not isinstance(share, float) or not 0 <= share <= 1:
        yield ArgumentFault("pct_start", f"Expected float between 0 and 1 pct_start, but got {share}")
    if strategy not in ("cos", "linear"):
        message = f'anneal_strategy must by one of "cos" or "linear", instead got {strategy}'
        yield ArgumentFault("anneal_strategy", message)
    if not isinstance(arguments["three_phase"], (bool, int)):
        yield ArgumentFault("three_phase", f"three_phase={arguments['three_phase']!r} is not True or False", TypeError)
    for name in ("div_factor", "final_div_factor"):
        yield from number_faults(arguments, name)
        if is_real_number(arguments[name]) and arguments[name] <= 0:
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is not above 0")
    peaks = arguments["eta_max"]
    if not each_number(peaks) or not all(map(is_real_number, each_number(peaks))):
        yield ArgumentFault("eta_max", f"eta_max={peaks!r} is no number and no list of them", TypeError)


def _one_cycle_rule(arguments: Arguments) -> Rule:
    """The kernel rule, in MMEngine's own order of arguments."""
    return rules.one_cycle(
        float(arguments["eta_max"]),
        ceil(arguments["total_steps"]),
        arguments["pct_start"],
        arguments["anneal_strategy"],
        float(arguments["div_factor"]),
        float(arguments["final_div_factor"]),
        bool(arguments["three_phase"]),
        **window_of_rule(arguments),
    )


def _from_one_cycle_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    """Every argument of the rule."""
    if not isinstance(rule, rules.OneCycleRule):
        return None
    return {
        "eta_max": rule.peak,
        **({} if rule.over is None else {"total_steps": rule.over}),
        "pct_start": rule.pct_start,
        "anneal_strategy": rule.anneal,
        "div_factor": rule.div,
        "final_div_factor": rule.final_div,
        "three_phase": rule.three_phase,
    }


def _one_cycle_run_faults(arguments: Arguments, stop: int) -> Iterator[ArgumentFault]:
    """MMEngine raises when the cycle is stepped past its length; a plan knows it before."""
    begin, total = arguments["begin"], arguments["total_steps"]
    if stop - begin - 1 > total:
        message = f"the window goes on for {stop - begin} steps, and the cycle has {total}"
        yield ArgumentFault("total_steps", message, instead=f"Write end={begin + total}")


ONE_CYCLE = SchedulerRow(
    "OneCycle",
    "let {it} rise to `eta_max` and fall far below its first value, in absolute values",
    (
        Argument("eta_max", 0, "highest value, or a list with one for each group"),
        Argument("total_steps", None, "length; None is the window", counted=True),
        Argument("pct_start", 0.3, "share of the length that rises, a float in [0, 1]"),
        Argument("anneal_strategy", "cos", "`cos` or `linear`"),
        Argument("div_factor", 25.0, "the first value is `eta_max / div_factor`"),
        Argument("final_div_factor", 1e4, "the last value is the first over this"),
        Argument("three_phase", False, "whether it comes back to the first value before the last descent"),
        *WINDOW_ARGUMENTS,
    ),
    faults=_one_cycle_faults,
    derived=lambda given: {"total_steps": given["end"] - given["begin"]} if given["total_steps"] is None else {},
    rule=_one_cycle_rule,
    from_rule=_from_one_cycle_rule,
    run_faults=_one_cycle_run_faults,
    length_from=("total_steps",),
    only_field="lr",
)


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
    if not all(map(is_real_number, each_number(floors))):
        yield ArgumentFault("min_value", f"min_value={floors!r} is no number and no list of them", TypeError)


def _metric_rule(arguments: Arguments, base: float | None) -> MetricRule[Any]:
    """Floor and smallest change are multiples of the base."""
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
