"""One line of a plan as the rules see it: its parts as written and in the run, and its values."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import islice
from math import ceil, prod
from typing import Any, Final, Literal, NamedTuple, TypeAlias, final

import numpy as np

from paramsched.core.base.printing import GROUPS, LATER, TARGETS, child_path, entry_path
from paramsched.core.curves.arrays import Floats, Integers
from paramsched.core.feedback.plateau import Plateau
from paramsched.core.plan import Binding, Target
from paramsched.core.rules.trial_run import TrialRun, usual_run
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.absolute import absolute
from paramsched.core.schedules.anneal import is_anneal
from paramsched.core.schedules.constant import constant
from paramsched.core.schedules.evaluation import MAX_LENGTH, evaluate
from paramsched.core.schedules.guided import guided, without_rules
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.own import has_own_shape, is_own
from paramsched.core.schedules.schedule import OPERATORS, durations_in
from paramsched.core.schedules.sequence import begins_of, in_order_anew
from paramsched.core.schedules.span import Span
from paramsched.core.time import Duration, RunFacts
from paramsched.errors import InvalidArgument, ParamschedError

IS_HIGH: Final = 0.5  # of the peak
NEARLY: Final = 0.98  # of the peak

_NOT_MULTIPLES: Final = ("as_factor", "followed_target", "like", "power")
"""Schedules whose values are not meant as multiples near 1: the lr of one sample, another line. So are functions."""
_OWN_TIME: Final = ("sequence", "restarts", "take", "skip", "window")
"""Schedules whose parts have another time than the run."""
_USUAL_LENGTH: Final = 10_000  # updates
_MARKS: Final = 32  # updates of a stage that are evaluated, besides its ends and its boundaries


@final
class Levels(NamedTuple):
    """Multiples of base: those at which a part begins and ends, and its lowest and highest one."""

    first: float
    end: float
    low: float
    high: float

    @property
    def peak(self) -> float:
        """The level that is farthest from 0."""
        return max(abs(self.low), abs(self.high))

    @property
    def rises(self) -> bool:
        """True if it ends above the level at which it begins."""
        return self.end > self.first


@final
class Part:
    """A part of a line.

    Args:
        written: the schedule as written.
        resolved: the schedule in a run, with its open levels; None if that is unknown.
        over_run: True if its time is the time of the run.

    `kind` is the name of its shape, and of a warmup too "anneal"; `args` are its arguments as written.
    """

    def __init__(self, written: Schedule, resolved: Schedule | None = None, *, over_run: bool = True) -> None:
        self.written, self.resolved, self.over_run = written, resolved, over_run
        self.kind, self.args = _kind(written), written.args

    def __str__(self) -> str:
        return str(self.written)

    @property
    def is_like_resolved(self) -> bool:
        """True if the schedule in the run has the shape that was written."""
        return self.resolved is not None and self.kind == _kind(self.resolved)

    @cached_property
    def parts(self) -> tuple["Part", ...]:
        """The schedules that it is composed of."""
        written = self.written.parts()
        if not written:
            return ()
        known: tuple[Schedule | None, ...] = ()
        if self.resolved is not None and self.is_like_resolved:
            known = self.resolved.parts()
        over_run = self.over_run and self.kind not in _OWN_TIME
        pairs = zip(written, known if len(known) == len(written) else (None,) * len(written), strict=True)
        # One with `of` was planned for a run of another length, as after Plan.change.
        return tuple([Part(one, other, over_run=over_run and one.args.get("of") is None) for one, other in pairs])

    @property
    def stages(self) -> tuple["Part", ...]:
        """The stages of a sequence; of another schedule itself."""
        return self.parts if self.kind == "sequence" else (self,)

    def inside(self, *hidden: str) -> Iterator["Part"]:
        """Yield it and its parts, recursively, without the kinds in `hidden` and what is inside of these."""
        if self.kind not in hidden:
            yield self
            for part in self.parts:
                yield from part.inside(*hidden)

    # ---------------------------------------------------------------- what is written

    @property
    def over(self) -> Duration | None:
        """The length that is written in it."""
        over = self.args.get("over")
        return over if isinstance(over, Duration) else None

    def times(self, *roles: str) -> list[Duration]:
        """Return the written times with some roles: "period", "time"."""
        values = (self.args[name] for name, role in self.written.shape.roles.items() if role in roles)
        several = (one if isinstance(one, tuple) else (one,) for one in values)
        return [one for times in several for one in times if one is not None]

    @property
    def milestones(self) -> list[Duration]:
        """The times at which it drops."""
        return self.times("time") if self.kind == "multistep" else []

    def level(self, name: str) -> Any:
        """Return the level that is written for an argument or, if it is open, the one without a neighbor."""
        level = self.args.get(name)
        return self.written.shape.open_levels.get(name) if level is None else level

    @property
    def level_names(self) -> list[str]:
        """The arguments that are levels."""
        return [name for name, param in self.written.shape.params.items() if param.kind == "level"]

    @cached_property
    def ends(self) -> tuple[float, float] | None:
        """The multiples of base at which an anneal or a constant as written begins and ends."""
        return _ends(self.written)

    @property
    def rises(self) -> bool:
        """True for a change from one level to a higher one, such as a warmup."""
        return self.kind == "anneal" and self.ends is not None and self.ends[0] < self.ends[1]

    @property
    def number(self) -> float | None:
        """The multiple of base that is written in a constant."""
        value = self.args["value"] if self.kind == "constant" else None
        return value if isinstance(value, float) else None

    @property
    def is_no_multiple(self) -> bool:
        """True if the values are not meant as multiples near 1."""
        return self.kind in _NOT_MULTIPLES or is_own(self.written)

    @property
    def open_ends(self) -> list[str]:
        """The levels of an anneal that are not written: "start", "to"."""
        return [name for name in ("start", "to") if self.kind == "anneal" and self.args[name] is None]

    def goes_on(self, before: "Part") -> bool:
        """Return whether it is the same shape as the stage before, or a later part of that one's schedule."""
        over = before.over if before.kind in ("anneal", "take") else None
        later = (part for part in self.inside() if part.kind == "skip" and part.args["by"] == over)
        return before.kind == self.kind or any(True for _ in later)

    # ---------------------------------------------------------------- in the run

    @cached_property
    def levels(self) -> Levels | None:
        """Its levels; None if they are not known multiples of base, or if it rises without end."""
        if (ends := _ends(self.resolved or self.written)) is not None:
            return Levels(*ends, min(ends), max(ends))
        resolved = self.resolved
        if resolved is None or resolved.has_absolute or resolved.kind in ("anneal", "warmup", "constant"):
            return None
        if any(one.is_no_multiple or _rises_without_end(one.written) for one in Part(resolved).inside()):
            return None
        length = resolved.length
        end = max(1, ceil((resolved.piece.held or _USUAL_LENGTH) if length is None else length.number))
        end = min(end, MAX_LENGTH)
        marks = [min(ceil(one), end) for one in islice(resolved.piece.edges_and_end(0, end), _MARKS)]
        spread = np.linspace(0, end, _MARKS + 1).astype(np.int64)
        times = np.unique([*spread, *marks, *(mark - 1 for mark in marks), min(1, end)])
        values = values_of(resolved, times[(times >= 0) & (times <= end)])
        if values is None or not np.all(np.isfinite(values)):
            return None
        return Levels(float(values[0]), float(values[-1]), float(values.min()), float(values.max()))

    @property
    def is_empty(self) -> bool:
        """True if it has no updates in the run."""
        length = None if self.resolved is None else self.resolved.length
        return length is not None and length.number == 0

    # ---------------------------------------------------------------- the line to write

    def in_values(self) -> Schedule:
        """Return it with its numbers as values."""
        if self.number is not None:
            return self.written.with_args(value=Absolute(self.number))
        if self.kind == "product":
            value = constant(Absolute(prod(part.number for part in self.parts if part.number is not None)))
            others = (part.written for part in self.parts if part.number is None)
            return OPERATORS["product"].call(operands=(value, *others))
        return absolute(self.written)


def _kind(schedule: Schedule) -> str:
    return "anneal" if is_anneal(schedule) else schedule.kind


def values_of(schedule: Schedule, times: Integers, base: float = 1.0) -> Floats | None:
    """Return the values of a resolved schedule; None if they cannot be computed."""
    try:
        return np.asarray(evaluate(schedule, times, base), dtype=np.float64)
    except (ParamschedError, ArithmeticError, MemoryError, ValueError):
        return None


def _ends(schedule: Schedule) -> tuple[float, float] | None:
    if schedule.kind not in ("anneal", "warmup", "constant"):
        return None
    part = Part(schedule)
    ends = [part.level(name) for name in (("value", "value") if schedule.kind == "constant" else ("start", "to"))]
    return (ends[0], ends[1]) if isinstance(ends[0], float) and isinstance(ends[1], float) else None


def _rises_without_end(part: Schedule) -> bool:
    """Return whether a shape grows as long as the run lasts, so that no level of it is known."""
    if _ends(part) is not None or is_anneal(part) or part.parts() or part.length is not None:
        return False
    values = values_of(part, np.array([0, 1000]))
    return values is not None and values[1] > values[0] and part.piece.held is None


Course: TypeAlias = tuple[Part, list[Fraction | None]]
"""A part of a line whose time is the time of the run, and the length of each of its stages in updates."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class FieldCurve:
    """The values of one line of a plan in a trial run, at which all rules look.

    Args:
        times: the evaluated updates in ascending order, including the first and the last one.
        values: the values at `times`, for the base of the line, or for base 1 if that is unknown.
        share: "all" if all values are proportional to base, "none" if no value depends on base, otherwise "some".
    """

    line: "Line"
    run: TrialRun
    schedule: Schedule
    times: Integers
    values: Floats
    share: Literal["all", "some", "none"]

    @property
    def end(self) -> int:
        """The number of updates in the run."""
        return ceil(self.run.end)

    @property
    def is_real(self) -> bool:
        """True if the values are those of the real run, not only proportional to them."""
        return self.line.base is not None or self.share == "none"

    @property
    def peak(self) -> float:
        """The highest value."""
        return float(self.values.max())

    def value_at(self, time: int) -> float:
        """Return the value of one update."""
        return float(evaluate(self.schedule, np.array([time]), self.line.base_or_1)[0])


@final
@dataclass(frozen=True, eq=False)
class Line:
    """One line of a plan, with what is known of it and of the run.

    Args:
        binding: the line as written.
        schedule: its schedule, with the schedules of followed fields substituted.
        trial: the run in which lengths are compared; None if they cannot be compared.
        epochs: the number of epochs in the run; None if it is unknown.
        bases: the known bases of its groups.
        resolved: its schedule in the run; None if that is unknown.
        facts: the run facts; None if none are known.
        is_tried: True if `resolved` is the schedule in the trial run too.
        updates: the length of a run of which each update is evaluated.
    """

    binding: Binding
    schedule: Schedule
    trial: TrialRun | None = None
    epochs: Fraction | None = None
    bases: Sequence[float] = ()
    resolved: Schedule | None = None
    facts: RunFacts | None = None
    is_tried: bool = True
    updates: int = 1_024

    # ------------------------------------------------------------------ the field

    @cached_property
    def name(self) -> str:
        """The name of the field or the target."""
        return self.binding.name

    @property
    def path(self) -> str:
        """The config path of the line."""
        return binding_path(self.binding)

    @property
    def target(self) -> Target | None:
        """The target that the line schedules; None if it is a field of the optimizer."""
        return self.binding.field if isinstance(self.binding.field, Target) else None

    @cached_property
    def is_rate(self) -> bool:
        """True if the line schedules the learning rate of an optimizer."""
        return self.name == "lr" and self.target is None

    @property
    def is_for_all(self) -> bool:
        """True if the line is for all groups."""
        return self.binding.groups is None

    @cached_property
    def base(self) -> float | None:
        """The first base that is not 0, because a frozen group does not describe the others; None if unknown."""
        return next(filter(None, self.bases), *self.bases[:1] or (None,))

    @property
    def base_or_1(self) -> float:
        """The base for which values are computed."""
        return 1.0 if self.base is None else self.base

    @property
    def metric_rules(self) -> tuple[Any, ...]:
        """The metric rules that multiply the line."""
        return self.binding.schedule.metric_rules

    @property
    def plateaus(self) -> list[Plateau]:
        """The metric rules that reduce the values when a metric stands still."""
        return [rule for rule in self.metric_rules if isinstance(rule, Plateau)]

    # ------------------------------------------------------------------ values

    @cached_property
    def curve(self) -> FieldCurve | None:
        """Its values in the trial run; None if a unit is unknown or the computation takes too long."""
        trial = self.trial
        if trial is None or trial.end < 1:
            return None
        schedule = self.resolved if self.is_tried else resolved_in_run(self.schedule, trial)
        if schedule is None:
            return None
        schedule = without_rules(schedule)
        times = times_to_look_at(schedule, ceil(trial.end), self.updates)
        values = values_of(schedule, times, self.base_or_1)
        share: Literal["all", "some", "none"] = "all"
        if values is not None and schedule.has_absolute:
            one, two = values_of(schedule, times), values_of(schedule, times, 2.0)
            if one is None or two is None:
                return None
            is_all = np.allclose(two, 2 * one, rtol=1e-9, atol=0)
            share = "none" if np.array_equal(one, two) else "all" if is_all else "some"
        return None if values is None else FieldCurve(self, trial, schedule, times, values, share)

    def tried_in(self, trial: TrialRun) -> "Line":
        """Return the line in another trial run."""
        return replace(self, trial=trial, resolved=resolved_in_run(self.schedule, trial), is_tried=True)

    @cached_property
    def may_be_values(self) -> bool:
        """True if the numbers of the line may be values. At a base of 1 both are the same number."""
        differs = not self.bases or any(base not in (0.0, 1.0) for base in self.bases)
        return self.target is None and differs and self.is_multiple

    @cached_property
    def is_multiple(self) -> bool:
        """True if the numbers of the line are multiples of base: it follows no other line and is no function."""
        return not self._own.has_likes and not any(part.is_no_multiple for part in self.parts)

    @cached_property
    def key(self) -> str:
        """The key of the field: `betas` of `betas[0]`."""
        return self.name.partition("[")[0]

    # ------------------------------------------------------------------ parts

    @cached_property
    def _own(self) -> Schedule:
        """The schedule as written, without metric rules."""
        return without_rules(self.binding.schedule)

    @cached_property
    def root(self) -> Part:
        """The line without metric rules, in the run or, if that is unknown, in a usual one."""
        known = resolved_in_run(self.schedule, usual_run()) if self.resolved is None else self.resolved
        written = without_rules(self.schedule)
        return Part(written, None if known is None else without_rules(known), over_run=written.args.get("of") is None)

    @cached_property
    def parts(self) -> list[Part]:
        """The line and all schedules in it."""
        return [*self.root.inside()]

    @cached_property
    def stages(self) -> Sequence[Part]:
        """The stages of the line as written; one if it is no sequence."""
        return Part(self._own).stages if self._own.has_likes else self.root.stages

    @cached_property
    def levels(self) -> Levels | None:
        """The levels of all stages together; None if one of them is unknown."""
        several = [stage.levels for stage in self.stages]
        known = [one for one in several if one is not None]
        if len(known) < len(several):
            return None
        return Levels(known[0].first, known[-1].end, min(one.low for one in known), max(one.high for one in known))

    @cached_property
    def sequences(self) -> list[Part]:
        """The sequences in the line whose stages in the run are known."""
        several = (part for part in self.parts if part.kind == "sequence")
        return [part for part in several if part.stages[0].resolved is not None]

    # ------------------------------------------------------------------ lengths

    @cached_property
    def lengths(self) -> tuple[Duration, ...]:
        """The lengths that are written in the line."""
        return tuple(durations_in(self.schedule))

    @cached_property
    def _has_known_lengths(self) -> bool:
        return self.trial is not None and self.trial.converts(self.lengths)

    @cached_property
    def courses(self) -> list[Course]:
        """The parts of the line whose time is the time of the run, with the lengths of their stages."""
        return [(part, [*self._lengths_of(part.stages)]) for part in self.parts if part.over_run]

    def _lengths_of(self, stages: Iterable[Part]) -> Iterable[Fraction | None]:
        begin = Fraction(0)
        for stage in stages:
            length = None
            if self.trial is not None and (self._has_known_lengths or knows(self.trial, stage.written)):
                with suppress(InvalidArgument):
                    length = stage.written.measure(self.trial.span.later(begin) if begin else self.trial.span)
            yield length
            begin += length or 0

    def times_of(self, written: Iterable[Duration], part: Part) -> list[tuple[Fraction, Duration]]:
        """Return times that are written in a part of the line, in updates; none if the run cannot convert them."""
        if self.trial is None or not (self._has_known_lengths or knows(self.trial, part.written)):
            return []
        return [(self.trial.span.units.exact(one), one) for one in written]

    # ------------------------------------------------------------------ the line to write

    def with_stages(self, stages: Iterable[Schedule]) -> str:
        """Return the text of the line with other stages and the same metric rules."""
        schedule, line = in_order_anew(stages), self.binding.schedule
        return str(line.with_args(schedule=schedule) if line.kind == "guided" else schedule)

    def as_values(self) -> str:
        """Return the text of the line with all numbers as values."""
        return self.with_stages([absolute(self._own)])


def binding_path(binding: Binding) -> str:
    """Return the config path of a binding.

    >>> binding_path(Binding("lr", "cosine()", groups="head"))
    '$.groups.head.lr'
    """
    if isinstance(binding.field, Target):
        return child_path(TARGETS, binding.name, "schedule")
    if isinstance(binding.groups, (str, int)):
        return child_path(LATER if binding.optional else GROUPS, binding.groups, binding.name)
    return entry_path(binding.name)


def knows(run: TrialRun, schedule: Schedule) -> bool:
    """Return whether a run can convert every length of a schedule to updates."""
    return run.converts(durations_in(schedule))


def resolved_in_run(schedule: Schedule, run: TrialRun | None) -> Schedule | None:
    """Return a schedule resolved for a trial run; None if a unit is unknown or a length does not fit."""
    if run is None or not knows(run, schedule):
        return None
    try:
        return resolved_without_begins(schedule, run.span)
    except (ParamschedError, ArithmeticError, MemoryError):
        return None


def resolved_without_begins(schedule: Schedule, span: Span) -> Schedule:
    """Return a resolved schedule; the times from which on its metric rules count, which no value depends on, stay."""
    made = without_rules(schedule).resolved_in(span)
    return guided(made, schedule.metric_rules) if schedule.kind == "guided" else made


_SPREAD: Final = 256  # evenly spaced updates
_MOST_EDGES: Final = 128  # stage boundaries next to which a schedule is evaluated
_EDGE: Final = 32  # updates at each end of the run
_MOST_OF_FUNCTIONS: Final = 600  # updates at which a function of the user is called


def times_to_look_at(schedule: Schedule, end: int, every: int = 0) -> Integers:
    """Return the updates at which all rules look.

    Of a run of at most `every` updates these are all. Of a longer one they are at most 600: evenly spaced, at both
    ends, and at boundaries.
    """
    if end <= (min(every, _MOST_OF_FUNCTIONS) if has_own_shape(schedule) else every):
        return np.arange(end)
    edges = islice(schedule.piece.edges_and_end(0, end), _MOST_EDGES)
    marks = {min(ceil(one), end) for one in (*begins_of(schedule)[:_MOST_EDGES], *edges)}
    return _times(tuple(sorted(marks)), end)


@lru_cache(maxsize=64)
def _times(edges: tuple[int, ...], end: int) -> Integers:
    """Return these times; cached, because the lines of a plan often have the same boundaries."""
    marks = np.array(edges, dtype=np.int64)
    spread = np.linspace(0, end - 1, _SPREAD).astype(np.int64)
    several = np.unique(np.concatenate([np.arange(_EDGE), end - 1 - np.arange(_EDGE), spread, marks - 1, marks]))
    times = several[(several >= 0) & (several < end)]
    times.setflags(write=False)
    return times
