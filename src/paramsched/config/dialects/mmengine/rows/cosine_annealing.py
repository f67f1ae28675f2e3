"""CosineAnnealing: half a cosine wave down to a floor, and up again."""

from collections.abc import Iterator
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
from paramsched.config.dialects.mmengine.rows.closed_form import ClosedForm, FormNeeds
from paramsched.config.dialects.mmengine.rows.row import FoundArguments, RuleOfPlan, SchedulerRow
from paramsched.config.dialects.mmengine.rows.written_part import WrittenPart
from paramsched.curves import Cosine
from paramsched.schedules import Level, Schedule, absolute, cosine, rules
from paramsched.schedules.anneal import Anneal
from paramsched.schedules.rules import Rule


def _cosine_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """Either floor, not both; a length that is a number from 0 on."""
    yield from floor_faults(arguments)
    if arguments["eta_min"] is not None and arguments["eta_min_ratio"] is not None:
        message = "Either `eta_min` or `eta_min_ratio` should be specified, not both"
        yield ArgumentFault("eta_min_ratio", message, AssertionError)
    length = arguments["T_max"]
    if length is not None and not is_real_number(length):
        yield ArgumentFault("T_max", f"T_max={length!r} is no number", TypeError)
    elif length is not None and length < 0:
        yield ArgumentFault("T_max", f"T_max={length!r} is below 0")


def _cosine_derived(arguments: Arguments) -> dict[str, Any]:
    neither = arguments["eta_min"] is None and arguments["eta_min_ratio"] is None
    length = arguments["T_max"] or arguments["end"] - arguments["begin"]
    return {"T_max": length, "eta_min": 0.0 if neither else arguments["eta_min"]}


def _cosine_rule(arguments: Arguments) -> Rule:
    return rules.cosine(floor_level(arguments), over=int_if_whole(arguments["T_max"]), **window_of_rule(arguments))


def _cosine_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    """The descent alone; None where the window goes on and the wave climbs again."""
    length, ticks = arguments["T_max"], needs.ticks
    reached = needs.size if needs.run is None else min(needs.size, needs.run - arguments["begin"])
    if reached - (0 if ticks.converted else 1) > length:
        return None  # it turns round and climbs
    ratio = arguments["eta_min_ratio"]
    if ratio is not None and ratio != 0 and not needs.any_floor:
        return None  # a multiple of the base, not of what the schedulers before left of it
    floor: Level = absolute(float(arguments["eta_min"])) if ratio is None else float(ratio)
    zero = floor in (absolute(0.0), 0.0)
    descent = ticks.changing(cosine(to=0.0 if zero else floor, over=ticks.count(length)))
    return ClosedForm(
        descent,
        "factor" if zero else "towards",
        ends_itself=length == needs.size - 1 and not ticks.converted,
        to_base=bool(ratio),
    )


def _from_cosine_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    if not isinstance(rule, rules.CosineRule) or rule.base != 1.0:
        return None
    return {**({} if rule.over is None else {"T_max": rule.over}), **floor_arguments(rule.to)}


def _from_cosine(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    found = part.stretched
    if found is None or not isinstance(schedule, Anneal) or not isinstance(schedule.curve, Cosine):
        return None
    if schedule.start != part.level:
        return None
    floor = {} if schedule.to == 0.0 else floor_arguments(schedule.to)
    return {"T_max": found.ticks, **floor, **found.open_window}


COSINE_ANNEALING = SchedulerRow(
    "CosineAnnealing",
    "let {it} follow half a cosine wave down to the floor in `T_max` ticks, and up again",
    (
        Argument("T_max", None, "length of the descent; None is the window", counted=True),
        FLOOR_ARGUMENT,
        *WINDOW_ARGUMENTS,
        FLOOR_RATIO_ARGUMENT,
    ),
    faults=_cosine_faults,
    derived=_cosine_derived,
    rule=_cosine_rule,
    schedule=_cosine_form,
    from_rule=_from_cosine_rule,
    from_schedule=_from_cosine,
    length_from=("T_max",),
)
