"""From MMEngine's schedulers of one field to one schedule: a chain of windows where exact, else a recurrence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, TypeAlias, final

from paramsched.config.dialects.mmengine.run_length import RunLength, apart_from, windows_overlap
from paramsched.config.dialects.mmengine.table import CONVERTED, INF, Arguments, SchedulerRow
from paramsched.errors import InvalidArgument, MissingFact
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

PieceKind: TypeAlias = Literal["factor", "towards"]
"""What a piece does to the value it finds: multiply it, whatever it is, or carry it to a floor."""

Scheduler: TypeAlias = tuple[SchedulerRow, Arguments]
"""A curve and its complete arguments."""


@final
@dataclass(frozen=True, slots=True)
class WindowedPiece:
    """A scheduler as a schedule on its own clock, in its window.

    Args:
        schedule: with its window.
        kind: what it does to the value it finds.
        arguments: those of the scheduler.
        to_base: whether its floor is a multiple of the base, which is right only where the value found is the base.
        undone: whether it leaves the value as it found it.
    """

    schedule: Schedule
    kind: PieceKind
    arguments: Arguments
    to_base: bool
    undone: bool


@final
@dataclass(frozen=True, slots=True)
class Combined:
    """What a list of schedulers gives.

    Args:
        schedule: one for all of them.
        epoch_length: the least iterations an epoch with which it does; windows in iterations and in epochs are then one
            after the other.
    """

    schedule: Schedule
    epoch_length: int = 1


def schedule_for(schedulers: Sequence[Scheduler], clock: RunLength) -> Schedule:
    """One schedule that gives the values of a list of schedulers of one field, whatever the length of an epoch."""
    return combine_schedulers(schedulers, clock, any_epoch=True).schedule


def combine_schedulers(schedulers: Sequence[Scheduler], clock: RunLength, *, any_epoch: bool = False) -> Combined:
    """One schedule that gives the values of a list of schedulers of one field, plateaus aside.

    Args:
        schedulers: in the order of the list; every `eta_max` a number.
        clock: the length of the run, as far as known.
        any_epoch: whether it has to hold for epochs of any length, where that is not known.

    Raises:
        MissingFact: how the list combines hangs on the length of an epoch, which nothing says.
    """
    # Where a length is not known, rules cannot be written, and closed forms are looked for that otherwise are not.
    unknown = any(arguments.get(CONVERTED) for _, arguments in schedulers)
    pieces = [
        _piece(curve, arguments, clock, alone=len(schedulers) == 1, unknown=unknown) for curve, arguments in schedulers
    ]
    exact = [piece for piece in pieces if piece is not None]
    if len(exact) == len(pieces):
        if len(exact) == 1 or all(piece.kind == "factor" for piece in exact):
            return Combined(exact[0].schedule if len(exact) == 1 else chain(*(piece.schedule for piece in exact)))
        ordered = _one_after_another(exact, clock, any_epoch=any_epoch)
        if ordered is not None:
            return ordered
    if unknown:
        raise MissingFact(
            f"{CONVERTED}=True",
            "what it means beside the others hangs on the iterations of an epoch, which nothing says",
            "Write Calendar(..., steps_per_epoch=100)",
            fact="steps_per_epoch",
            example="100",
        )
    return Combined(recurrence(*_rules(schedulers)))


def _one_after_another(pieces: Sequence[WindowedPiece], clock: RunLength, *, any_epoch: bool) -> Combined | None:
    """The pieces in the order of time, if no two have a common tick."""
    least = 1
    for index, piece in enumerate(pieces):
        for other in pieces[index + 1 :]:
            if not windows_overlap(piece.arguments, other.arguments, clock):
                continue
            guessed = clock.epoch_length is None and not any_epoch
            enough = apart_from(piece.arguments, other.arguments) if guessed else None
            if enough is None:
                return None
            least = max(least, enough)
    ordered = sorted(pieces, key=lambda piece: _begin(piece.arguments, clock))
    for index, piece in enumerate(ordered):
        if piece.to_base and not all(before.undone for before in ordered[:index]):
            return None
    return Combined(chain(*(piece.schedule for piece in ordered)), least)


def _begin(arguments: Arguments, clock: RunLength) -> tuple[bool, float]:
    """Where a window begins; those in epochs come last where nothing says how long one is."""
    at = clock.in_iterations(arguments["begin"], arguments["by_epoch"])
    return (False, at) if at is not None else (True, arguments["begin"])


@final
@dataclass(frozen=True, slots=True)
class _Ticks:
    """The ticks of a scheduler as lengths of a schedule."""

    in_epochs: bool
    converted: bool

    @property
    def stepwise(self) -> bool:
        """Whether its values change between epochs only."""
        return self.in_epochs and not self.converted

    def count(self, ticks: float) -> DurationLike:
        """So many counts of the config."""
        return f"{int(ticks)} epochs" if self.in_epochs else int(ticks)

    def last(self, ticks: float) -> DurationLike:
        """The begin of the last tick of so many counts."""
        if not self.converted:
            return self.count(ticks - 1)
        # `int(ticks * length)` cuts a part of a tick off; our lengths are rounded up, from less by that part.
        whole = Fraction(ticks)
        return f"{float(whole):.15g} epochs - {float(2 - Fraction(1, whole.denominator)):.15g} steps"

    @property
    def one(self) -> DurationLike:
        """A single tick."""
        return 1 if self.converted else self.count(1)

    def changing(self, schedule: Schedule) -> Schedule:
        """A smooth schedule as the ticks read it."""
        return every(schedule, "epoch") if self.stepwise else schedule


def _piece(
    curve: SchedulerRow, arguments: Arguments, clock: RunLength, *, alone: bool, unknown: bool
) -> WindowedPiece | None:
    """A scheduler as a window over a closed form; None where the form says something else somewhere."""
    by_epoch = bool(arguments["by_epoch"])
    begin, end = arguments["begin"], arguments["end"]
    run = clock.end(by_epoch)
    counts = [begin, end, *(arguments[name] for name in curve.counted if isinstance(arguments.get(name), (int, float)))]
    ticks = _Ticks(by_epoch, bool(arguments.get(CONVERTED)))
    if ticks.converted and curve.name == "MultiStep":
        counts += arguments["milestones"]
    if ticks.converted and curve.name in ("Constant", "Linear", "Poly") and (end * 8) % 1 == 0:
        counts.remove(end)  # an eighth of an epoch, say, is exact in any arithmetic
    if any(isinstance(one, float) and not one.is_integer() for one in counts):
        return None
    last = min(end, run) if run is not None and alone and end > run else end
    try:
        found = _shape(curve, arguments, ticks, alone=alone, run=run, any_floor=alone or unknown)
    except InvalidArgument:
        return None  # a number our shape refuses and the rule does not, gamma=0 say
    if found is None:
        return None
    shape, kind, ends_itself = found
    covers = begin == 0 and (ends_itself or end >= INF or (run is not None and end >= run))
    if not covers:
        stop = None if last >= INF else ticks.count(last) if curve.name == "MultiStep" else ticks.last(last)
        shape = window(shape, ticks.count(begin), stop)
    undone = (curve.name == "Linear" and arguments["end_factor"] == 1 and (end - begin > 1 or ticks.converted)) or (
        curve.name == "Constant" and end < INF and (end - begin > 1 or ticks.converted)
    )
    return WindowedPiece(shape, kind, arguments, bool(arguments.get("eta_min_ratio")) and not alone, undone)


def _shape(
    curve: SchedulerRow, arguments: Arguments, ticks: _Ticks, *, alone: bool, run: int | None, any_floor: bool
) -> tuple[Schedule, PieceKind, bool] | None:
    """The closed form on the window's own clock, what it does, and whether it holds by itself after the window."""
    endless = arguments["end"] >= INF
    size = arguments["end"] - arguments["begin"]
    single = size == 1 and not ticks.converted

    match curve.name:
        case "Constant" if not endless:
            factor = arguments["factor"]
            if single:
                return constant(factor), "factor", True
            if factor == 0 and not alone:
                return None  # nothing is left of what others do meanwhile
            return constant(factor, over=ticks.last(size)) >> constant(1.0, over=ticks.one), "factor", True
        case "Exponential":
            return ticks.changing(exponential(arguments["gamma"], ticks.one)), "factor", False
        case "Step":
            return step(ticks.count(arguments["step_size"]), arguments["gamma"]), "factor", False
        case "MultiStep" if run is not None or not endless:
            limit = min(arguments["end"], INF if run is None else run) - arguments["begin"]
            milestones = sorted(
                one for one in arguments["milestones"].elements() if 0 <= one < limit and one == int(one)
            )
            if not milestones or (run is None and arguments["end"] >= INF):
                return None
            return multistep([ticks.count(one) for one in milestones], arguments["gamma"]), "factor", False  # type: ignore[arg-type]  # a list is read as well
        case "Linear" if not endless:
            start, to = float(arguments["start_factor"]), float(arguments["end_factor"])
            if start == 0 and not single and not alone:
                return None  # as above
            if single:
                return constant(start), "factor", True
            return ticks.changing(linear(start, to, over=ticks.last(size))), "factor", True
        case "CosineAnnealing":
            return _cosine_shape(arguments, ticks, run=run, any_floor=any_floor)
        case "Poly" if not endless:
            if single:
                return None
            floor = absolute(float(arguments["eta_min"]))
            shape = polynomial(float(arguments["power"]), to=floor, over=ticks.last(size))
            return ticks.changing(shape), "towards", True
    return None


def _cosine_shape(
    arguments: Arguments, ticks: _Ticks, *, run: int | None, any_floor: bool
) -> tuple[Schedule, PieceKind, bool] | None:
    length, size = arguments["T_max"], arguments["end"] - arguments["begin"]
    reached = size if run is None else min(size, run - arguments["begin"])
    if reached - (0 if ticks.converted else 1) > length:
        return None  # it turns round and climbs
    ratio = arguments["eta_min_ratio"]
    if ratio is not None and ratio != 0 and not any_floor:
        return None  # a multiple of the base, not of what the schedulers before left of it
    floor: float | Absolute = absolute(float(arguments["eta_min"])) if ratio is None else float(ratio)
    zero = floor in (absolute(0.0), 0.0)
    shape = cosine(to=0.0 if zero else floor, over=ticks.count(length))
    return ticks.changing(shape), "factor" if zero else "towards", length == size - 1 and not ticks.converted


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
                first = rule.columns(_zero()).c[0]
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
