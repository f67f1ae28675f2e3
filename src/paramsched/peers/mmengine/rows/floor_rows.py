"""Rows that lead to a floor: Exponential, Poly, CosineAnnealing and CosineRestart."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from paramsched.config.peer_arguments import value_of_level
from paramsched.curves import Cosine, Linear, Polynomial
from paramsched.peers.mmengine.rows.arguments import (
    FLOOR_ARGUMENT,
    FLOOR_RATIO_ARGUMENT,
    WINDOW_ARGUMENTS,
    Argument,
    ArgumentFault,
    Arguments,
    ClosedForm,
    FormNeeds,
    floor_arguments,
    floor_faults,
    floor_level,
    int_if_whole,
    is_real_number,
    number_faults,
    ticks_in_window,
    window_of_rule,
)
from paramsched.peers.mmengine.rows.row import (
    EPOCH,
    UPDATE,
    FoundArguments,
    RuleOfPlan,
    SchedulerRow,
    WrittenPart,
)
from paramsched.schedules import (
    Absolute,
    Anneal,
    Exponential,
    Level,
    Schedule,
    absolute,
    cosine,
    exponential,
    polynomial,
    rules,
)
from paramsched.schedules.rules import Rule


def _from_exponential(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    if not isinstance(schedule, Exponential):
        return None
    by_epoch = part.stepwise and schedule.per == EPOCH
    if not by_epoch and (part.stepwise or schedule.per != UPDATE):
        part.refuse(schedule, "its Exponential multiplies once a tick")
    return {"gamma": schedule.gamma, **part.window(by_epoch, one_more=True)}


def _exponential_cautions(arguments: Arguments, converted_from_epochs: bool) -> Iterator[str]:
    if converted_from_epochs:
        yield (
            f"converted to iterations it multiplies by gamma={arguments['gamma']!r} in each of them, "
            "not in each epoch; write gamma ** (1 / epoch_length)"
        )


EXPONENTIAL = SchedulerRow(
    "Exponential",
    "multiply {it} by `gamma` at each tick",
    (Argument("gamma", ..., "ratio of one tick to the one before"), *WINDOW_ARGUMENTS),
    faults=lambda given: number_faults(given, "gamma"),
    rule=lambda given: rules.exponential(float(given["gamma"]), **window_of_rule(given)),
    schedule=lambda given, needs: ClosedForm(needs.ticks.changing(exponential(given["gamma"], needs.ticks.one))),
    from_rule=lambda rule, _: {"gamma": rule.gamma} if isinstance(rule, rules.ExponentialRule) else None,
    from_schedule=_from_exponential,
    cautions=_exponential_cautions,
)


def _poly_form(arguments: Arguments, needs: FormNeeds) -> ClosedForm | None:
    if needs.endless or needs.single:
        return None
    floor = absolute(float(arguments["eta_min"]))
    descent = polynomial(float(arguments["power"]), to=floor, over=needs.ticks.last(needs.size))
    return ClosedForm(needs.ticks.changing(descent), multiplies=False, ends_itself=True)


def _from_power(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    """A power of what is left, down to a value or to 0, over the whole window."""
    found = part.stretched
    if found is None or not isinstance(schedule, Anneal) or schedule.start != part.level or not found.whole:
        return None
    floor = value_of_level(schedule.to)
    if floor is None or not isinstance(schedule.curve, (Linear, Polynomial)):
        return None
    power = 1.0 if isinstance(schedule.curve, Linear) else schedule.curve.exponent
    return {"eta_min": floor, "power": power, **found.window}


POLY = SchedulerRow(
    "Poly",
    "let {it} fall to `eta_min` as a power of the ticks left, reached at the last tick of the window",
    (Argument("eta_min", 0, "floor, as a value"), Argument("power", 1.0, "exponent"), *WINDOW_ARGUMENTS),
    faults=lambda given: number_faults(given, "eta_min", "power"),
    derived=ticks_in_window,
    rule=lambda given: rules.polynomial(
        float(given["power"]), absolute(float(given["eta_min"])), **window_of_rule(given)
    ),
    schedule=_poly_form,
    from_rule=lambda rule, _: (
        {"eta_min": rule.to.value, "power": rule.power}
        if isinstance(rule, rules.PolynomialRule) and rule.over is None and isinstance(rule.to, Absolute)
        else None
    ),
    from_schedule=_from_power,
    length_from=(),
)


def _cosine_faults(arguments: Arguments) -> Iterator[ArgumentFault]:
    """Either floor, not both; a length that is a number from 0 on."""
    yield from floor_faults(arguments)
    if arguments["eta_min"] is not None and arguments["eta_min_ratio"] is not None:
        message = "Either `eta_min` or `eta_min_ratio` should be specified, not both"
        yield ArgumentFault("eta_min_ratio", message, AssertionError)
    length = arguments["T_max"]
    if length is not None:
        yield from number_faults(arguments, "T_max")
    if is_real_number(length) and length < 0:
        yield ArgumentFault("T_max", f"T_max={length!r} is below 0")


def _cosine_derived(arguments: Arguments) -> dict[str, Any]:
    neither = arguments["eta_min"] is None and arguments["eta_min_ratio"] is None
    length = arguments["T_max"] or arguments["end"] - arguments["begin"]
    return {"T_max": length, "eta_min": 0.0 if neither else arguments["eta_min"]}


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
        multiplies=zero,
        ends_itself=length == needs.size - 1 and not ticks.converted,
        to_base=bool(ratio),
    )


def _from_cosine_rule(rule: RuleOfPlan, _: WrittenPart) -> FoundArguments:
    if not isinstance(rule, rules.CosineRule) or rule.base != 1.0:
        return None
    return {**({} if rule.over is None else {"T_max": rule.over}), **floor_arguments(rule.to)}


def _from_cosine(schedule: Schedule, part: WrittenPart) -> FoundArguments:
    found = part.stretched
    if found is None or not isinstance(schedule, Anneal) or schedule.start != part.level:
        return None
    if not isinstance(schedule.curve, Cosine):
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
    rule=lambda given: rules.cosine(floor_level(given), over=int_if_whole(given["T_max"]), **window_of_rule(given)),
    schedule=_cosine_form,
    from_rule=_from_cosine_rule,
    from_schedule=_from_cosine,
    length_from=("T_max",),
)


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
    derived=lambda given: {"cumulative_periods": list(accumulate(given["periods"]))},
    rule=_restart_rule,
    from_rule=_from_restart_rule,
)
