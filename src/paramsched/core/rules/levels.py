"""Rules of levels: multiples of base that were probably meant as values, as the end of a decay or as stages."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import islice
from math import ceil, prod
from typing import Any, Final, Literal, TypeAlias, final

import numpy as np

from paramsched.core import curves
from paramsched.core.base.codes import BASE_OF_ZERO, FLOOR_AS_VALUE, GROWS, LEVEL_AS_VALUE
from paramsched.core.base.problem import Problem
from paramsched.core.feedback.plateau import Plateau
from paramsched.core.fields import Field
from paramsched.core.plan import Binding, Target
from paramsched.core.rules.line import Line
from paramsched.core.rules.trial_run import resolved_in_any_run
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.absolute import absolute
from paramsched.core.schedules.anneal import first_level, is_anneal, last_level
from paramsched.core.schedules.clamp import maximum
from paramsched.core.schedules.constant import constant, constant_level
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.guided import without_rules
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.own import is_own
from paramsched.core.schedules.schedule import OPERATORS, is_kind, parts_inside
from paramsched.core.schedules.sequence import in_order_anew, stages_of

Trap: TypeAlias = tuple[str, str, str]
"""A code, the effect of the line, and the line to write instead."""

_LARGE: Final = 10.0
"""A learning rate that reaches this multiple of base is probably a length or an absolute value."""


@final
@dataclass(frozen=True, slots=True)
class Suspicion:
    """One row of the table of lines whose multiples of base were probably meant in another sense.

    Args:
        name: what the row describes.
        fields: the keys of the fields; empty for every field.
        groups: the lines that the row applies to: those for all groups, those for some groups, or any.
        limit: the multiple of base that the row compares with.
        judge: returns the effect and the line to write instead; None if the line is sound.
    """

    name: str
    fields: tuple[str, ...]
    groups: Literal["all", "some", "any"]
    limit: float
    judge: "Callable[[_Line, float], tuple[str, str] | None]"

    def applies_to(self, key: str, whose: str) -> bool:
        return (not self.fields or key in self.fields) and self.groups in ("any", whose)


@final
@dataclass(frozen=True)
class _Line:
    """A line of a plan with the base of its first group, if known, and the schedule resolved for the run, if known."""

    binding: Binding
    base: float | None
    resolved: Schedule | None

    @property
    def schedule(self) -> Schedule:
        """The schedule without metric rules."""
        return without_rules(self.binding.schedule)

    @cached_property
    def connected(self) -> Schedule:
        """The schedule with its open levels; as written if it follows another line, or its lengths do not fit."""
        if self.schedule.has_likes:
            return self.schedule
        known = self.resolved or resolved_in_any_run(self.schedule)
        return self.schedule if known is None else known

    @property
    def connected_stages(self) -> tuple[Schedule, ...]:
        """The stages of `schedule`, in their order, with their open levels written."""
        written, connected = stages_of(self.schedule), stages_of(self.connected)
        return connected if len(connected) == len(written) else written

    def with_schedule(self, schedule: Schedule) -> str:
        """Return the text of the line with another schedule and the same metric rules."""
        line = self.binding.schedule
        return str(line.with_args(schedule=schedule) if line.kind == "guided" else schedule)

    def with_stages(self, stages: Iterable[Schedule]) -> str:
        return self.with_schedule(in_order_anew(stages))

    def in_values(self, verb: str, *multiples: float, because: str = "") -> str:
        """Return the clause of a message with the values of some multiples of base, or with the multiples alone."""
        written = " to ".join(f"{one:g}" for one in multiples)
        if self.base is None:
            because = because or "numbers are multiples of base"
            return f"{self.binding.name} {verb} {written} × base, because {because}"
        values = " to ".join(f"{one * self.base:g}" for one in multiples)
        clause = f"{self.binding.name} {verb} {values} ({written} × base {self.base:g})"
        return f"{clause}, because {because}" if because else clause


@final
@dataclass(frozen=True, slots=True)
class _Levels:
    """The multiples of base of a schedule: the first and the last one, if known, and all that it is composed of."""

    first: float | None
    last: float | None
    all: tuple[float, ...]

    @property
    def peak(self) -> float:
        return max(map(abs, self.all))

    def scaled(self, by: float) -> "_Levels":
        first, last = (None if one is None else one * by for one in (self.first, self.last))
        return _Levels(first, last, tuple(one * by for one in self.all))

    @property
    def ends(self) -> tuple[float, ...]:
        """The lowest and the highest level in the order of time; one number if they are equal."""
        low, high = min(self.all), max(self.all)
        return (low,) if low == high else (high, low) if self.first == high else (low, high)


_NOT_MULTIPLES: Final = ("as_factor", "followed_target", "like", "power")
"""Schedules whose multiples of base cannot be determined from the levels they contain; so are functions of users."""


def _has_no_multiples(part: object) -> bool:
    return isinstance(part, Schedule) and (part.kind in _NOT_MULTIPLES or is_own(part))


def _levels_of(schedule: Schedule) -> _Levels | None:
    """Return the levels of a schedule; None if they are not known multiples of base."""
    return None if schedule.has_absolute else _levels_inside(schedule)


def _levels_inside(schedule: Schedule) -> _Levels | None:
    """Return the levels of a schedule, none of which is absolute."""
    kind, args = schedule.kind, schedule.args
    if _has_no_multiples(schedule) or (kind == "exponential" and args["gamma"] > 1):
        return None
    if kind == "table":
        return _Levels(args["values"][0], None, (min(args["values"]), max(args["values"])))
    inner = [_levels_inside(part) for part in schedule.parts()]
    parts = [one for one in inner if one is not None]
    if len(parts) < len(inner):
        return None
    if not parts:
        return _levels_of_leaf(schedule)
    if kind == "sequence":
        return _Levels(parts[0].first, parts[-1].last, tuple(level for part in parts for level in part.all))
    if any(level < 0 for part in parts for level in part.all):
        return None  # because a product or a sum of them need not have the largest of their peaks
    if kind in ("product", "chain"):
        numbers_of = [_number_of(one) for one in args["operands"]]
        curves = [part for one, part in zip(args["operands"], parts, strict=True) if one.kind != "constant"]
        if len(curves) == 1:
            return curves[0].scaled(prod(one for one in numbers_of if one is not None))
        firsts = [part.first for part in parts if part.first is not None]
        first = prod(firsts) if len(firsts) == len(parts) else None
        return _Levels(first, None, (prod(part.peak for part in parts),))
    peaks = [part.peak for part in parts]
    if kind in _PEAK_OF:
        return _Levels(None, None, (_PEAK_OF[kind](peaks),))
    if len(parts) > 1:
        return None
    (part,) = parts
    if kind == "clamp":
        low = 0.0 if args["low"] is None else args["low"]
        high = part.peak if args["high"] is None else args["high"]
        if not (isinstance(low, float) and isinstance(high, float)):
            return None
        return _Levels(None, None, (max(low, min(part.peak, high)),))
    if kind == "window" and args["begin"].terms:
        return _Levels(1.0, part.last, (1.0, *part.all))
    own = _levels_of_leaf(schedule)
    return part if own is None else _Levels(part.first, None, part.all)


def _levels_of_leaf(schedule: Schedule) -> _Levels | None:
    """Return the levels among the arguments of a schedule. Without a level for its start it starts at base."""
    names = (name for name, param in schedule.shape.params.items() if param.kind == "level")
    named: dict[str, Any] = {name: schedule.args[name] for name in names}
    named |= {
        name: level for name, level in schedule.shape.open_levels.items() if name in named and named[name] is None
    }
    if not all(isinstance(level, float) for level in named.values()):
        return None
    first = named.get("start", named.get("value", 1.0))
    return _Levels(first, named.get("to", named.get("value")), (first, *named.values()))


_PEAK_OF: Final[dict[str, Callable[[list[float]], float]]] = {"sum": sum, "maximum": max, "minimum": min}
"""The peak of schedules that are combined at each update, as a function of theirs."""


def _number_of(part: Schedule) -> float | None:
    """Return the multiple of base of a constant; None for any other schedule."""
    level = constant_level(part) if part.kind == "constant" else None
    return None if isinstance(level, Absolute) else level


def _written_number_of(part: Schedule) -> float | None:
    """Return the written multiple of base of a constant; None for any other schedule."""
    return None if part.kind != "constant" or part.args["value"] is None else _number_of(part)


def _below_base(line: _Line, limit: float) -> tuple[str, str] | None:
    """Judge whether no level of a line reaches base. A factor of base was chosen in place of a number alone."""
    found = _levels_of(line.connected)
    if found is None or not 0 < found.peak < limit:
        return None
    schedule = line.binding.schedule
    parts = schedule.args["operands"] if schedule.kind == "product" else (schedule,)
    if all(one.kind == "constant" and one.args["over"] is None for one in parts):
        return None
    return _as_values(line, found, absolute(line.schedule))


def _begins_near_zero(line: _Line, limit: float) -> tuple[str, str] | None:
    """Judge whether a stage begins at a level or has a factor near 0, or no level is above it.

    A stage that rises to a later stage is a warmup. A stage that begins at most ten times below the end of the stage
    before it is a step of a staircase, or continues that stage.
    """
    stages = stages_of(line.schedule)
    found = [_levels_of(stage) for stage in line.connected_stages]
    told: list[_Levels] = []
    before: _Levels | None = None
    for place, (stage, levels) in enumerate(zip(stages, found, strict=True), 1):
        continues = (
            before is not None and before.last is not None and levels is not None and levels.first is not None
            and before not in told and abs(before.last) <= _STEP * abs(levels.first)
        )  # fmt: skip
        if levels is not None and not continues and _is_near_zero(stage, levels, limit, is_last=place == len(stages)):
            told.append(levels)
        before = levels
    small = [levels is not None and levels.peak <= limit for levels in found]
    if all(small):
        told = [levels for levels in found if levels is not None and levels.peak > 0]
    if not told:
        return None
    levels = _Levels(told[0].first, told[-1].last, tuple(level for one in told for level in one.all))
    if all(small) and len(stages) > 1:
        return _as_values(line, levels, absolute(line.schedule))
    chosen = zip(stages, found, strict=True)
    return _as_values(line, levels, in_order_anew(_in_values(one) if its in told else one for one, its in chosen))


_STEP: Final = 10.0 * (1 + 1e-9)
"""A staircase falls at most by this factor at once."""


def _is_near_zero(stage: Schedule, levels: _Levels, limit: float, *, is_last: bool) -> bool:
    if stage.kind == "table":
        return 0 < levels.peak <= limit
    if stage.kind in ("product", "chain"):
        factor = prod(one for one in map(_written_number_of, stage.args["operands"]) if one is not None)
        return 0 < abs(factor) <= limit and levels.peak <= limit
    if levels.first is not None and not is_last and levels.last is not None and levels.last > levels.first:
        return False
    if levels.first is None or levels.first == 0:
        return 0 < levels.peak <= limit and is_last
    rises = levels.last is not None and levels.last > levels.first and levels.peak > limit
    return 0 < levels.first <= limit and not rises


def _in_values(stage: Schedule) -> Schedule:
    """Return a stage whose numbers are values."""
    if (number := _written_number_of(stage)) is not None:
        return stage.with_args(value=Absolute(number))
    if stage.kind == "product":
        numbers = [_written_number_of(one) for one in stage.args["operands"]]
        value = constant(Absolute(prod(one for one in numbers if one is not None)))
        others = (one for one, number in zip(stage.args["operands"], numbers, strict=True) if number is None)
        return OPERATORS["product"].call(operands=(value, *others))
    return absolute(stage)


def _as_values(line: _Line, levels: _Levels, instead: Schedule) -> tuple[str, str]:
    ends = levels.ends
    found = line.in_values("is" if len(ends) == 1 else "goes from", *ends)
    values = " to ".join(f"{one:g}" for one in ends)
    return found, f"For the value{'s' * (len(ends) > 1)} {values} write {line.with_schedule(instead)}"


_USUAL: Final = {
    "weight_decay": (1e-6, 0.5), "betas[0]": (0.8, 0.99), "momentum": (0.8, 0.99), "betas[1]": (0.9, 0.9999),
    "eps": (0, 1e-3),
}  # fmt: skip
"""The lowest and the highest usual value of a field. `betas[0]: constant(0.5)` has two usual readings."""


def _is_a_usual_value(line: _Line, limit: float) -> tuple[str, str] | None:
    """Judge whether a line is a constant that looks like a value of its field, such as a weight decay of 0.1."""
    low, high = _USUAL.get(line.binding.name, (1.0, 0.0))
    schedule = line.binding.schedule
    value = _written_number_of(schedule)
    if value is None or schedule.args["over"] is not None or not (low <= value <= high and 0 < value < limit):
        return None
    advice = f"{value!r} * constant() is {value:g} × base; for the value {value:g} write absolute({value!r})"
    return line.in_values("is", value), advice


def _decays_from_its_first_argument(line: _Line, limit: float) -> tuple[str, str] | None:
    """Judge whether a decay to 0 starts below base, and below the end of the stage before it."""
    stages = stages_of(line.schedule)
    for place, stage in enumerate(stages):
        start = stage.args["start"] if is_anneal(stage) else None
        if not (isinstance(start, float) and 0 < start < limit):
            continue
        before = stages[place - 1] if place else None
        # The open end of a warmup follows this start, so it is no higher level.
        falls_from_base = before is None or (is_anneal(before) and before.args["to"] is None)
        top = 1.0 if falls_from_base else _last_level(line.connected_stages[place - 1])
        if last_level(stage) != 0 or top is None or top <= start:
            continue
        fall = stage.with_args(start=None if top == 1.0 else top, to=start)
        high = "base" if top == 1 else f"{top:g} × base"
        because = f"start is {start:g}" if stage.args["curve"] == curves.cosine else "the first argument is start"
        found = line.in_values("falls from", start, 0.0, because=because)
        written = line.with_stages((*stages[:place], fall, *stages[place + 1 :]))
        return found, f"To fall from {high} to {start:g} × base write {written}"
    return None


def _adds_stages(line: _Line, limit: float) -> tuple[str, str] | None:
    """Judge whether a sum of schedules, none of which exceeds base, exceeds it."""
    stages = stages_of(line.schedule)
    for place, stage in enumerate(stages):
        if stage.kind != "sum":
            continue
        operands = stage.args["operands"]
        parts = [_levels_of(one) for one in operands]
        # A number in a sum is an offset, but base itself is a stage: `warmup(10) + constant()`.
        of_base = [part is not None and part.peak == limit for part in parts]
        offsets = [one.kind == "constant" for one in operands]
        if sum(not offset for offset in offsets) < 2 and not (len(parts) == 2 and all(of_base)):
            continue
        if not all(one is not None and min(one.all) >= 0 and one.peak <= limit for one in parts):
            continue
        resolved = () if line.resolved is None else stages_of(line.resolved)
        known = len(resolved) == len(stages)
        peak = _peak(resolved[place] if known else resolved_in_any_run(stage))
        if peak is None or peak <= limit * (1 + 1e-6):
            continue
        adds = "a sum adds all of its schedules"
        found = f"{line.binding.name} rises above base, because {adds}"
        if known:
            found = line.in_values("rises to", float(f"{peak:.3g}"), because=adds)
        # A sequence begins with its warmup.
        ordered = sorted(operands, key=lambda one: not _rises(one))
        if sum(not one.has_length for one in ordered) > 1:
            written = line.with_stages((*stages[:place], maximum(*operands), *stages[place + 1 :]))
            return found, f"For the largest of them write {written}"
        written = line.with_stages((*stages[:place], *ordered, *stages[place + 1 :]))
        return found, f"For one after the other write {written}"
    return None


def _last_level(schedule: Schedule) -> float | None:
    levels = _levels_of(schedule)
    return None if levels is None else levels.last


def _rises(schedule: Schedule) -> bool:
    levels = _levels_of(schedule)
    return levels is not None and levels.first is not None and levels.last is not None and levels.first < levels.last


def _peak(schedule: Schedule | None) -> float | None:
    """Return the highest of many values of a resolved schedule for a base of 1."""
    if schedule is None or not schedule.is_resolved:
        return None
    end = 10_000 if schedule.length is None else ceil(schedule.length.number)
    edges = [ceil(one) for one in islice(schedule.piece.edges_and_end(0, end), 1_000)]
    times = np.unique(np.concatenate([np.linspace(0, end, 500).astype(np.int64), np.array(edges, dtype=np.int64)]))
    return float(np.max(evaluate(schedule, times, 1.0)))


BELOW_ONE: Final = (
    *("betas", "beta3", "momentum", "dampening", "eps", "alpha", "rho", "shampoo_beta", "momentum_decay", "lr_decay"),
    *("weight_decay",),
)
"""Fields whose usual values are below 1, so that levels below 1 are probably values."""

RATES: Final = ("lr", "final_lr", "step_sizes")

SUSPICIONS: Final = (
    Suspicion("a usual value", BELOW_ONE, "any", 1.0, _is_a_usual_value),
    Suspicion("below base", BELOW_ONE, "any", 1.0, _below_base),
    Suspicion("begins near 0", RATES, "all", 0.001, _begins_near_zero),
    Suspicion("begins near 0 in a group", RATES, "some", 0.0001, _begins_near_zero),
    Suspicion("decays from its first argument", RATES, "all", 1.0, _decays_from_its_first_argument),
    Suspicion("adds stages", (), "any", 1.0, _adds_stages),
)
"""The table of suspicious multiples. The first row that finds something reports the line, so it has one warning."""


def unlikely_level(line: Binding, base: float | None = None, resolved: Schedule | None = None) -> Trap | None:
    """Return the trap of a line whose multiples of base were probably meant in another sense; targets have none.

    Reason: the arguments of torch's, timm's and optax's schedules are values or lengths where these are multiples of
    base. No published recipe exceeds 2 × base.

    Args:
        line: the line.
        base: the base of its first group, if known. A line of a base of 0 has no trap of this kind.
        resolved: the schedule of the line in the run, if known.
    """
    if isinstance(line.field, Target) or base == 0:  # of a base of 0, `base_is_zero` is reported
        return None
    known = _Line(line, base, None if resolved is None else without_rules(resolved))
    for row in _rows_for(line.name, "all" if line.groups is None else "some"):
        if (told := row.judge(known, row.limit)) is not None:
            return LEVEL_AS_VALUE, *told
    levels = _levels_of(known.schedule) if line.name == "lr" and line.groups is None else None
    if levels is None or levels.peak < _LARGE:
        return None
    found = f"numbers are multiples of the group's own lr, so the lr rises to {levels.peak:g} × base"
    return GROWS, found, "For a length write over=…; for an absolute value write absolute(…)"


@cache
def _rows_for(name: str, whose: str) -> tuple[Suspicion, ...]:
    """Return the rows of the table for a field in all groups or in some."""
    return tuple(row for row in SUSPICIONS if row.applies_to(Field.of(name).key, whose))


_SMALL_FLOOR: Final = 1e-4
"""A decay that ends at such a small multiple of an unknown base probably means an absolute value."""
_SMALL_RATE: Final = 1e-7
"""A rate that trains nothing; one that is meant as the end of a decay is larger, or 0."""
_FLOORS_OF_ONE_CYCLE: Final = (4e-6, 1e-5)
"""The ends of one cycle that torch and fastai have by default, which are multiples of base."""


def floor_as_value(line: Line) -> Problem | None:
    """Return the diagnostic of an end of a decay that was probably meant as a rate, as the `eta_min` of torch is one.

    With a known base an end looks like a rate if it is below the base, and its multiple of the base is below 1e-7.

    Source: `min_lr` of nanoGPT, `eta_min` of torch and `min_lr` of timm are rates.
    """
    if line.binding.name != "lr" or isinstance(line.binding.field, Target):
        return None
    base = line.base
    most = _SMALL_FLOOR if base is None else base
    rules = (rule for rule in line.binding.schedule.metric_rules if isinstance(rule, Plateau))
    for end in (*_ends_of_decays(line.inside), *(rule.min for rule in rules if isinstance(rule.min, float))):
        if not 0 < end <= most or (base is not None and end * base >= _SMALL_RATE):
            continue
        if end in _FLOORS_OF_ONE_CYCLE and any(map(_is_rise_of_one_cycle, line.inside)):
            continue
        found = f"numbers are multiples of the group's own lr, so the lr ends at {end:g} × base"
        if base is not None:
            found = f"the lr ends at {end * base:g} ({end:g} × base {base:g})"
        instead = f"For the value {end:g} write absolute({end!r})"
        return Problem(line.path, found, instead, code=FLOOR_AS_VALUE, as_warning=base is not None)
    return None


def _is_rise_of_one_cycle(part: object) -> bool:
    """Return whether a schedule rises from above 0, as the first part of one cycle does and a warmup does not."""
    if not is_anneal(part):
        return False
    start, to = first_level(part), last_level(part)
    return isinstance(start, float) and isinstance(to, float) and 0 < start < to


def _ends_of_decays(parts: Iterable[object]) -> Iterator[float]:
    """Yield the numbers at which schedules end, or below which they do not fall."""
    whole = tuple(parts)
    others = [one for one in whole if is_kind(one, "absolute") or _has_no_multiples(one)]
    hidden = {id(part) for one in others for part in parts_inside(one)}
    for part in whole if not hidden else [one for one in whole if id(one) not in hidden]:
        if isinstance(part, Schedule):
            yield from (one for one in _lowest_levels(part) if isinstance(one, float))


def _lowest_levels(part: Schedule) -> Iterable[object]:
    """Return the levels at which a schedule may end, or below which it does not fall."""
    if is_anneal(part):
        start, to = first_level(part), last_level(part)
        return () if isinstance(start, float) and isinstance(to, float) and start <= to else (to,)
    match part.kind:
        case "stairs" | "cosine_restarts" | "geometric":
            return (part.args["to"],)
        case "clamp":
            return (part.args["low"],)
        case "maximum":
            return map(_written_number_of, part.args["operands"])
        case "sequence":
            return map(_written_number_of, stages_of(part)[1:])
    return ()


def base_is_zero(field: str) -> Trap:
    """Return the trap of a field that is 0 in the optimizer.

    Reason: the plan changes nothing, although its line was written to change the field.
    """
    found = f"{field} of the optimizer is 0, so every multiple of it is 0"
    return BASE_OF_ZERO, found, "Set it in the optimizer, or write absolute(0.01)"
