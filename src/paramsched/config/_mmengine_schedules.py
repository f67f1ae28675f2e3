"""From MMEngine's schedulers of one field to one schedule: a chain of windows where exact, else a recurrence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, final

from paramsched.config._mmengine_curves import INF, Arguments, Curve
from paramsched.config._mmengine_lists import Clock, overlap
from paramsched.errors import InvalidArgument
from paramsched.schedules import (
    absolute,
    chain,
    constant,
    cosine,
    every,
    exponential,
    linear,
    multistep,
    polynomial,
    recurrence,
    rules,
    step,
    window,
)
from paramsched.schedules._level import Absolute
from paramsched.schedules.base import Schedule
from paramsched.schedules.rules import CosineRestartsRule, CosineRule, OneCycleRule, Rule
from paramsched.time import DurationLike

Kind: TypeAlias = Literal["factor", "towards"]
"""What a piece does to the value it finds: multiply it, whatever it is, or carry it to a floor."""

Scheduler: TypeAlias = tuple[Curve, Arguments]
"""A curve and its complete arguments."""


@final
@dataclass(frozen=True, slots=True)
class Piece:
    """A scheduler as a schedule on its own clock, in its window."""

    schedule: Schedule
    kind: Kind
    arguments: Arguments


def schedule_for(schedulers: Sequence[Scheduler], clock: Clock) -> Schedule:
    """One schedule that gives the values of a list of schedulers of one field, plateaus aside.

    Args:
        schedulers: in the order of the list; every `eta_max` a number.
        clock: the length of the run, as far as known.
    """
    pieces = [_piece(curve, arguments, clock, alone=len(schedulers) == 1) for curve, arguments in schedulers]
    exact = [piece for piece in pieces if piece is not None]
    if len(exact) == len(pieces):
        if len(exact) == 1 or all(piece.kind == "factor" for piece in exact):
            return exact[0].schedule if len(exact) == 1 else chain(*(piece.schedule for piece in exact))
        ordered = _one_after_another(exact, clock)
        if ordered is not None:
            return chain(*(piece.schedule for piece in ordered))
    return recurrence(*_rules(schedulers))


def _one_after_another(pieces: Sequence[Piece], clock: Clock) -> list[Piece] | None:
    """The pieces in the order of time, if no two have a common tick."""
    for index, piece in enumerate(pieces):
        if any(overlap(piece.arguments, other.arguments, clock) for other in pieces[index + 1 :]):
            return None
    return sorted(
        pieces, key=lambda piece: clock.in_iterations(piece.arguments["begin"], piece.arguments["by_epoch"]) or 0
    )


def _piece(curve: Curve, arguments: Arguments, clock: Clock, *, alone: bool) -> Piece | None:
    """A scheduler as a window over a closed form; None where the form says something else somewhere."""
    by_epoch = bool(arguments["by_epoch"])
    begin, end = arguments["begin"], arguments["end"]
    run = clock.end(by_epoch)
    counts = [begin, end, *(arguments[name] for name in curve.counted if isinstance(arguments.get(name), (int, float)))]
    if any(isinstance(one, float) and not one.is_integer() for one in counts):
        return None
    last = min(end, run) if run is not None and alone and end > run else end

    def ticks(count: int) -> DurationLike:
        return f"{int(count)} epochs" if by_epoch else int(count)

    try:
        found = _shape(curve, arguments, ticks, int(end - begin) - 1, alone=alone, run=run)
    except InvalidArgument:
        return None  # a number our shape refuses and the rule does not, gamma=0 say
    if found is None:
        return None
    shape, kind, ends_itself = found
    covers = begin == 0 and (ends_itself or end >= INF or (run is not None and end >= run))
    if not covers:
        stop = None if last >= INF else ticks(last if curve.name == "MultiStep" else last - 1)
        shape = window(shape, ticks(begin), stop)
    return Piece(shape, kind, arguments)


def _shape(
    curve: Curve, arguments: Arguments, ticks: Any, n: int, *, alone: bool, run: int | None
) -> tuple[Schedule, Kind, bool] | None:
    """The closed form on the window's own clock, what it does, and whether it holds by itself after the window."""
    by_epoch = bool(arguments["by_epoch"])
    endless = arguments["end"] >= INF

    def stepwise(schedule: Schedule) -> Schedule:
        return every(schedule, "epoch") if by_epoch else schedule

    match curve.name:
        case "Constant" if not endless:
            factor = arguments["factor"]
            if n == 0:
                return constant(factor), "factor", True
            if factor == 0 and not alone:
                return None  # nothing is left of what others do meanwhile
            return constant(factor, over=ticks(n)) >> constant(1.0, over=ticks(1)), "factor", True
        case "Exponential":
            return stepwise(exponential(arguments["gamma"], ticks(1))), "factor", False
        case "Step":
            return step(ticks(arguments["step_size"]), arguments["gamma"]), "factor", False
        case "MultiStep" if run is not None or not endless:
            limit = min(arguments["end"], INF if run is None else run) - arguments["begin"]
            milestones = sorted(
                one for one in arguments["milestones"].elements() if 0 <= one < limit and one == int(one)
            )
            if not milestones or (run is None and arguments["end"] >= INF):
                return None
            return multistep([ticks(one) for one in milestones], arguments["gamma"]), "factor", False  # type: ignore[arg-type]  # a list is read as well
        case "Linear" if not endless:
            start, to = float(arguments["start_factor"]), float(arguments["end_factor"])
            if start == 0 and n > 0 and not alone:
                return None  # as above
            if n == 0:
                return constant(start), "factor", True
            return stepwise(linear(start, to, over=ticks(n))), "factor", True
        case "CosineAnnealing":
            return _cosine_shape(arguments, ticks, n, stepwise, alone=alone, run=run)
        case "Poly" if not endless:
            if n == 0:
                return None
            floor = absolute(float(arguments["eta_min"]))
            shape = polynomial(float(arguments["power"]), to=floor, over=ticks(n))
            return stepwise(shape), "towards", True
    return None


def _cosine_shape(
    arguments: Arguments, ticks: Any, n: int, stepwise: Any, *, alone: bool, run: int | None
) -> tuple[Schedule, Kind, bool] | None:
    length = arguments["T_max"]
    reached = n if run is None else min(n, run - arguments["begin"] - 1)
    if reached > length:
        return None  # it turns round and climbs
    ratio = arguments["eta_min_ratio"]
    if ratio is not None and ratio != 0 and not alone:
        return None  # a multiple of the base, not of what the schedulers before left of it
    floor: float | Absolute = absolute(float(arguments["eta_min"])) if ratio is None else float(ratio)
    zero = floor in (absolute(0.0), 0.0)
    shape = cosine(to=0.0 if zero else floor, over=ticks(length))
    return stepwise(shape), "factor" if zero else "towards", length == n


def _rules(schedulers: Sequence[Scheduler]) -> list[Rule]:
    """The kernel's rules, in the order of the list; what a OneCycle writes into the groups goes for the others."""
    cycles = [arguments for curve, arguments in schedulers if curve.name == "OneCycle"]
    found: list[Rule] = []
    base: Absolute | None = None
    for curve, arguments in schedulers:
        assert curve.rule is not None
        rule = curve.rule(arguments)
        if isinstance(rule, OneCycleRule):
            base = absolute(rule.peak / rule.div)
            # Every OneCycle draws through the numbers of the one built last; at the first tick through its own (row 7).
            latest = cycles[-1]
            drawn = replace(
                rule,
                peak=float(latest["eta_max"]),
                div=float(latest["div_factor"]),
                final_div=float(latest["final_div_factor"]),
            )
            found.append(_bounded(drawn))
            if rule.begin == 0 and drawn != rule:
                first = rule._coefficients(_zero()).c[0]
                found.append(rules.schedule(constant(absolute(float(first))), begin=0, end=1, by=rule.by))
            continue
        if base is not None and isinstance(rule, (CosineRule, CosineRestartsRule)):
            floor = rule.to if isinstance(rule.to, Absolute) else absolute(rule.to * base.value)
            rule = replace(rule, base=base, to=floor)
        found.append(_bounded(rule))
    return found


def _bounded(rule: Rule) -> Rule:
    """The rule without the end that means none, where its shape does not hang on it."""
    if rule.end is not None and rule.end >= INF and not isinstance(rule, (rules.ConstantRule, rules.LinearRule)):
        return replace(rule, end=None)  # type: ignore[type-var]  # every rule is a dataclass
    return rule


def _zero() -> Any:
    import numpy as np

    return np.zeros(1)
