"""OneCycle: up to a highest value and far down, in absolute values."""

from collections.abc import Iterator
from math import ceil
from typing import Any

from paramsched.config.dialects.mmengine.rows.argument_checks import is_real_number, window_of_rule
from paramsched.config.dialects.mmengine.rows.arguments import WINDOW_ARGUMENTS, Argument, ArgumentFault, Arguments
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import WrittenPart
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
        if not is_real_number(arguments[name]):
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is no number", TypeError)
        elif arguments[name] <= 0:
            yield ArgumentFault(name, f"{name}={arguments[name]!r} is not above 0")
    peaks = arguments["eta_max"]
    if not all(is_real_number(one) for one in (peaks if isinstance(peaks, (list, tuple)) else [peaks])):
        yield ArgumentFault("eta_max", f"eta_max={peaks!r} is no number and no list of them", TypeError)


def _one_cycle_derived(arguments: Arguments) -> dict[str, Any]:
    total = arguments["total_steps"]
    return {"total_steps": arguments["end"] - arguments["begin"] if total is None else total}


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
    derived=_one_cycle_derived,
    rule=_one_cycle_rule,
    from_rule=_from_one_cycle_rule,
    run_faults=_one_cycle_run_faults,
    length_from=("total_steps",),
    only_field="lr",
)
