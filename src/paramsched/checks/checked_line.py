"""A line of a plan as the rules see it: its values in a run, which is assumed if it is not known."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, cached_property, lru_cache
from itertools import islice
from math import ceil
from typing import Any, Final, Literal, NamedTuple, TypeAlias, final

import numpy as np

from paramsched.base.words import GROUPS, LATER, TARGETS, child_path, entry_path
from paramsched.core.curves.arrays import Floats, Integers
from paramsched.core.plan.binding import Binding, Target
from paramsched.core.plan.plan import Plan
from paramsched.core.schedules.anneals import first_level, is_anneal, last_level
from paramsched.core.schedules.combinators import guided, without_rules
from paramsched.core.schedules.schedule import Schedule, durations_in
from paramsched.core.schedules.sequence import begins_of, stages_of
from paramsched.core.schedules.span import MAX_LENGTH, Span, evaluate
from paramsched.core.schedules.user_shapes import has_own_shape, is_own
from paramsched.core.time.duration import Duration, count_text
from paramsched.core.time.run_facts import ASSUMED_SIZES, SIZES, RunFacts
from paramsched.errors import MissingFact, ParamschedError

_USUAL_EPOCH: Final = 1_000  # updates


@final
@dataclass(frozen=True, slots=True)
class TrialRun:
    """A run in which a plan is tried before the real run.

    Args:
        span: the time from the start to the end of the run.
        units: the units that can be converted to updates. Lengths in other units are not compared.
        epoch: the number of updates in an epoch; None if it is unknown.
        is_real: True if the run facts are those of the real run, so that updates are real updates.
        to_scale: True if lengths in different units have the proportions of the real run.
    """

    span: Span
    units: frozenset[str]
    epoch: int | None = None
    is_real: bool = False
    to_scale: bool = True

    @property
    def end(self) -> Fraction:
        """The number of updates in the run."""
        assert self.span.end is not None
        return self.span.end

    def exact(self, length: Duration) -> Fraction:
        """Return a length in updates."""
        return self.span.clock.exact(length)

    def converts(self, lengths: Iterable[Duration]) -> bool:
        """Return whether all of some lengths can be converted to updates."""
        return all(unit in self.units for length in lengths for unit, _ in length.terms)


def trial_run(plan: Plan, facts: RunFacts | None) -> TrialRun | None:
    """Return a trial run for a plan; None if its lengths cannot be compared."""
    run = None if facts is None else _known_run(plan, facts)
    return _run_of_one_unit(plan) if run is None else run


_PARTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "epochs": {"steps_per_epoch": _USUAL_EPOCH},
    "samples": {"batch_size": 1},
    "tokens": {"tokens_per_step": 0.01},
    "frames": {"frames_per_step": 0.01},
    "batches": {},
}
"""The run facts with which an update is a small part of a unit, so that decimals such as "2.5 epochs" are exact."""


def _run_of_one_unit(plan: Plan) -> TrialRun | None:
    """Return a run in which only the total's unit and per cent can be converted; None if it has several units."""
    total = plan.total
    if total is None:
        return TrialRun(_span_of_run(RunFacts(total=10**6), "%", 10**4), frozenset(["percent"]))
    names = {unit for unit, _ in total.terms}
    if names == {"updates"}:
        return TrialRun(_span_of_run(RunFacts(total=total)), frozenset(["updates", "percent"]))
    if len(names) > 1:
        return None
    unit = names.pop()
    facts = RunFacts(total=total, **_PARTS[unit])
    span = _span_of_run(facts, unit, int(facts.exact(Duration(((unit, Fraction(1)),)))))
    return TrialRun(span, frozenset([unit, "percent"]), facts.steps_per_epoch)


def _known_run(plan: Plan, facts: RunFacts) -> TrialRun | None:
    """Return the run that the run facts describe; None if its length is unknown."""
    total = facts.total if plan.total is None else plan.total
    if total is None:
        return None
    if plan.total is not None or not isinstance(total, int):
        try:
            facts = replace(facts, total=ceil(facts.exact(Duration.of(total))))
        except MissingFact:
            return None
    epoch = facts.updates_per_epoch
    units = _sized_units(tuple([fact for fact in _SIZES if getattr(facts, fact) is not None]))
    units |= {"epochs"} if epoch is not None else set()
    return TrialRun(_span_of_run(facts), units, epoch, is_real=True)


_SIZES: Final = tuple({fact for sizes in SIZES.values() for size in sizes for fact in size} - {*ASSUMED_SIZES})
"""The run facts that units need."""


@cache
def _sized_units(facts: tuple[str, ...]) -> frozenset[str]:
    """Return the units that can be converted with some run facts, besides epochs."""
    known_sizes = {*facts, *ASSUMED_SIZES}
    sized = [unit for unit, sizes in SIZES.items() if any(map(known_sizes.issuperset, sizes))]
    return frozenset(["updates", "percent", *sized])


def run_of_assumed_epochs(plan: Plan) -> TrialRun | None:
    """Return a run for a plan in epochs and updates whose epoch length is unknown; None for another total.

    A negative value or growth without end is found in it, and no time.
    """
    total = plan.total
    if total is None or {unit for unit, _ in total.terms} != {"epochs"}:
        return None
    facts = RunFacts(total=total, steps_per_epoch=_USUAL_EPOCH)
    return TrialRun(_span_of_run(facts), frozenset(["epochs", "updates", "percent"]), _USUAL_EPOCH, to_scale=False)


@cache
def usual_run() -> TrialRun:
    """Return a run of ten thousand updates, for lines whose run is unknown."""
    facts = RunFacts(total=10_000, steps_per_epoch=100, batch_size=1, sequence_length=1)
    return TrialRun(_span_of_run(facts), frozenset({*SIZES, "updates", "percent", "epochs"}))


def _span_of_run(facts: RunFacts, unit: str = "", updates: int = 0) -> Span:
    return Span.of_run(_WrittenUnits(facts, unit, updates) if unit else facts, facts.total_updates or 0)


@final
@dataclass(frozen=True, slots=True)
class _WrittenUnits:
    """Run facts with an assumed number of updates in a unit of the plan, in which messages count."""

    facts: RunFacts
    unit: str
    updates: int
    varies: bool = False

    def exact(self, duration: Duration, *, begin: Fraction = Fraction(0)) -> Fraction:
        return self.facts.exact(duration, begin=begin)

    def count_text(self, count: Fraction) -> str:
        amount = count / self.updates
        return f"{float(amount):.12g}%" if self.unit == "%" else count_text(amount, self.unit)

    def time_of_run(self, time: Duration) -> Duration:
        return self.facts.time_of_run(time)

    def for_run(self, length: Duration) -> "tuple[_WrittenUnits, Fraction]":
        facts, total = self.facts.for_run(length)
        return replace(self, facts=facts), total


GroupBase: TypeAlias = tuple[str | int, float]
"""The label of a group, and its base of a field."""

_NOT_MULTIPLES: Final = ("as_factor", "followed_target", "like", "power")
"""Schedules whose values are not meant as multiples near 1: the lr of one sample, another line."""
_WITH_STAGES: Final = ("product", "absolute", "guided", "every", "with_lengths")
"""Schedules with the stages of a sequence in them. A sum, a maximum and a chain of several have other levels."""
_OWN_TIME: Final = ("sequence", "restarts", "take", "skip", "window")
"""Schedules whose parts have another time than the run."""


@final
class CheckContext(NamedTuple):
    """The facts of a run that are the same for all lines of a plan.

    Args:
        facts: the run facts; None if none are known.
        epochs: the number of epochs in the run; None if it is unknown.
        is_start: True at a start, which raises an error for values that an optimizer cannot use.
        is_short: True if the length of the run itself is probably a mistake.
        run: the run of the plan, which may convert only some units; None if its lengths cannot be compared.
    """

    facts: RunFacts | None = None
    epochs: Fraction | None = None
    is_start: bool = False
    is_short: bool = False
    run: TrialRun | None = None


@final
class WrittenTime(NamedTuple):
    """A length or a time that is written in a part, its role, and the same in the run; None if that is unknown."""

    role: str
    written: Duration
    resolved: Duration | None


@final
class LinePart(NamedTuple):
    """A schedule in a line: as written and in the run, with the numbers and times that are written in it.

    Args:
        written: the schedule as written.
        resolved: the schedule in the run; None if that is unknown.
        kind: the name of its shape; "anneal" for a warmup too.
        over_run: True if its time is the time of the run.
        levels: its multiples of base, with their arguments. A default of the shape is no written level.
        times: its lengths and times.
    """

    written: Schedule
    resolved: Schedule | None
    kind: str
    over_run: bool
    levels: list[tuple[str, float]]
    times: list[WrittenTime]

    @property
    def length(self) -> int | Fraction | None:
        """Its length in the run in updates; None if that is unknown."""
        length = None if self.resolved is None else self.resolved.length
        return None if length is None else length.number

    @property
    def is_ramp(self) -> bool:
        """True for a change with a length from one level to a higher one, such as a warmup."""
        if self.kind != "anneal" or self.written.args["over"] is None:
            return False
        start = first_level(self.written)
        to = last_level(self.written)
        return isinstance(start, float) and isinstance(to, float) and start < to


@final
class StageLevels(NamedTuple):
    """Multiples of base: those at which a stage begins and ends, and its lowest and highest one."""

    first: float
    last: float
    low: float
    high: float


@final
class Extremes(NamedTuple):
    """The lowest and the highest multiple of base."""

    low: float
    high: float


@final
class LineStage(NamedTuple):
    """A stage as written and in the run, its length in updates, and its levels; None for what is unknown."""

    written: Schedule
    resolved: Schedule | None
    length: int | Fraction | None
    levels: StageLevels | None

    @property
    def is_constant(self) -> bool:
        """True if it is a constant."""
        return self.written.kind == "constant"


@final
class CheckedLine:
    """One line of a plan, and its values at some updates of a run, for all groups that follow it.

    Args:
        binding: the line as written.
        schedule: its schedule without metric rules, with the schedules of followed fields substituted.
        groups: the groups that follow it, with their bases, as far as they are known.
        context: the facts of the run.
        run: the run; a usual one if that of the plan is unknown.
        resolved: its schedule in the run; None if that is unknown.
        is_timed: False if the run is not that of the plan, so that only levels are known.

    `base` is the first one that is not 0, because a frozen group does not describe the others; None if unknown.
    `total` is the length of the run, and `end` the number of its updates.
    `multiples` are the values at `times` for a base of 1, and `values` those for `base`.
    """

    def __init__(
        self,
        binding: Binding,
        schedule: Schedule,
        groups: Sequence[GroupBase],
        context: CheckContext,
        run: TrialRun,
        resolved: Schedule | None,
        is_timed: bool = True,
    ) -> None:
        self.binding = binding
        self.schedule = schedule
        self.groups = groups
        self.context = context
        self.run = run
        self.resolved = resolved
        self.is_timed = is_timed
        self.name = binding.name
        self.target = binding.field if isinstance(binding.field, Target) else None
        self.key = self.name.partition("[")[0]
        self.is_rate = self.name == "lr" and self.target is None
        self.is_for_all = binding.groups is None
        self.bases = [base for _, base in groups]
        self.base = next(filter(None, self.bases), *self.bases[:1] or (None,))
        self.parts = list[LinePart]()
        self.is_multiple = not binding.schedule.has_likes
        self._read(schedule, resolved, over_run=schedule.args.get("of") is None, hidden=False)
        self.rules = binding.schedule.metric_rules
        self.has_absolute = schedule.has_absolute
        self.end = ceil(run.end)
        # Integers are compared ten times as fast as fractions.
        self.total = self.end if run.end == self.end else run.end
        self.times: Integers = _NO_TIMES
        self.multiples: Floats = _NO_VALUES
        self.values: Floats = _NO_VALUES
        if resolved is not None:
            self._evaluate(resolved)

    def _evaluate(self, resolved: Schedule) -> None:
        """Compute the values at some times of the run; without them, the schedule in the run is unknown too."""
        times = times_to_look_at(resolved, self.end)
        multiples = multiples_at(resolved, times)
        if multiples is None:
            self.resolved = None
            return
        self.times = times
        self.multiples = multiples
        self.values = multiples
        if self.base is not None and self.base != 1:
            is_factor = not self.has_absolute and self.schedule.affine
            with np.errstate(over="ignore", invalid="ignore"):
                self.values = multiples * self.base if is_factor else self.values_of(self.base)

    def _read(self, written: Schedule, resolved: Schedule | None, *, over_run: bool, hidden: bool) -> None:
        """Append a schedule and those in it to `parts`; the numbers in a hidden one are no multiples of base."""
        shape_name = written.shape.name
        is_multiple = shape_name not in _NOT_MULTIPLES
        self.is_multiple = self.is_multiple and is_multiple
        is_value = shape_name == "absolute" or (shape_name == "table" and written.args["absolute"])
        hidden = hidden or is_value or not is_multiple or is_own(written)
        levels = [] if hidden else _written_levels(written)
        kind_of_part = "anneal" if shape_name == "warmup" else shape_name
        self.parts.append(
            LinePart(written, resolved, kind_of_part, over_run, levels, _written_times(written, resolved))
        )
        inside = written.parts()
        in_run = () if resolved is None else resolved.parts()
        over_run = over_run and kind_of_part not in _OWN_TIME
        for index, schedule in enumerate(inside):
            same = in_run[index] if len(in_run) == len(inside) else None
            # One with `of` was planned for a run of another length, as after Plan.change.
            self._read(schedule, same, over_run=over_run and schedule.args.get("of") is None, hidden=hidden)

    def values_of(self, base: float) -> Floats:
        """Return the values at `times` for another base."""
        assert self.resolved is not None
        return evaluate(self.resolved, self.times, base)

    @property
    def path(self) -> str:
        """The config path of the line."""
        return binding_path(self.binding)

    @cached_property
    def share(self) -> Literal["all", "some", "none"]:
        """The dependence on base: "all" if values are proportional to it, "none" if none depends on it, else "some"."""
        if not self.has_absolute or self.resolved is None:
            return "all"
        double = self.values_of(2.0)
        if np.array_equal(self.multiples, double):
            return "none"
        return "all" if np.allclose(double, 2 * self.multiples, rtol=1e-9, atol=0) else "some"

    @property
    def is_real(self) -> bool:
        """True if the values are those of the real run, not only proportional to them."""
        return self.base is not None or self.share == "none"

    @property
    def has_times(self) -> bool:
        """True if its values and times in the run of the plan are known, at least in proportion."""
        return self.resolved is not None and self.is_timed and self.run.to_scale

    @cached_property
    def is_comparable(self) -> bool:
        """True if the values are proportional to those of the real run: not a mix of multiples and values."""
        return self.is_real or self.share == "all"

    def first_time(self, index: int, holds: Callable[[float], bool]) -> int:
        """Return the update from which on `holds` is true, between an evaluated update and the one before."""
        assert self.resolved is not None
        low = int(self.times[index - 1]) if index else -1
        high = int(self.times[index])
        while high - low > 1:
            middle = (low + high) // 2
            value = float(evaluate(self.resolved, np.array([middle]), 1.0 if self.base is None else self.base)[0])
            if holds(value):
                high = middle
            else:
                low = middle
        return high

    # ---------------------------------------------------------------- levels and stages

    @cached_property
    def levels(self) -> list[float]:
        """The numbers that are written as multiples of base."""
        return [level for part in self.parts for _, level in part.levels]

    @cached_property
    def extremes(self) -> Extremes:
        """The lowest and the highest multiple of base, with the levels at which stages end."""
        ends = [float(self.multiples.min()), float(self.multiples.max())]
        if self.parts[0].kind != "product":
            ends += [level for stage in self.stages if stage.levels is not None for level in stage.levels]
        elif self.resolved is not None and self.resolved.length is not None:
            last = multiples_at(self.resolved, np.array([self.end]))
            ends += [] if last is None else last.tolist()
        return Extremes(min(ends), max(ends))

    @cached_property
    def _top(self) -> LinePart:
        """The sequence whose stages are those of the line; the whole line if it has none, as a sum of sequences."""
        parts = {id(part.written): part for part in reversed(self.parts)}

        def sequence_in(line_part: LinePart) -> LinePart | None:
            if line_part.kind == "sequence" or line_part.kind not in _WITH_STAGES:
                return line_part if line_part.kind == "sequence" and line_part.over_run else None
            inside = [sequence_in(parts[id(inner)]) for inner in line_part.written.parts()]
            return next(filter(None, inside), None)

        return sequence_in(self.parts[0]) or self.parts[0]

    @cached_property
    def stages(self) -> list[LineStage]:
        """The stages of the line, or of the sequence in it if it is a product."""
        top = self._top
        written = stages_of(top.written)
        in_run = () if top.resolved is None else stages_of(top.resolved)
        several = in_run if len(in_run) == len(written) else (None,) * len(written)
        stages = list[LineStage]()
        begin = 0
        for stage, resolved in zip(written, several, strict=True):
            length = None if resolved is None or resolved.length is None else resolved.length.number
            levels = None if resolved is None else self._levels(resolved, begin, length)
            stages.append(LineStage(stage, resolved, length, levels))
            begin += ceil(length or 0)
        return stages

    def _levels(self, stage: Schedule, begin: int, length: int | Fraction | None) -> StageLevels | None:
        """Return the levels of a stage; its last one is that which it has after its end."""
        if stage.has_absolute or not self.is_multiple:
            return None
        if is_anneal(stage):
            first = first_level(stage)
            last = last_level(stage)
            assert isinstance(first, float)
            assert isinstance(last, float)
            return StageLevels(first, last, min(first, last), max(first, last))
        end = min(max(1, ceil(self.end - begin if length is None else length)), MAX_LENGTH)
        times = times_to_look_at(stage, end)
        values = multiples_at(stage, times if length is None else np.append(times, end))
        if values is None or not np.isfinite(values).all():
            return None
        return StageLevels(float(values[0]), float(values[-1]), float(values.min()), float(values.max()))


def _written_levels(schedule: Schedule) -> list[tuple[str, float]]:
    """Return the levels of a shape with their arguments. A default is no written level."""
    params = schedule.shape.params
    several = [
        (name, value if isinstance(value, tuple) else (value,))
        for name, value in schedule.args.items()
        if name not in schedule.shape.roles and (params[name].kind == "level" or name == "values")
    ]
    return [
        (name, number)
        for name, numbers in several
        for number in numbers
        if isinstance(number, float) and number != params[name].default
    ]


def _written_times(schedule: Schedule, resolved: Schedule | None) -> list[WrittenTime]:
    """Return the lengths and times of a shape, with the same in the run."""
    times = list[WrittenTime]()
    for name, role in schedule.shape.roles.items():
        value = schedule.args[name]
        in_run = None if resolved is None else resolved.args.get(name)
        if isinstance(value, tuple):
            several = in_run if isinstance(in_run, tuple) else (None,) * len(value)
            times += [WrittenTime(role, *pair) for pair in zip(value, several, strict=True)]
        elif value is not None:
            times.append(WrittenTime(role, value, in_run))
    return times


_NO_TIMES: Final = np.empty(0, np.int64)
_NO_VALUES: Final = np.empty(0)


def multiples_at(schedule: Schedule, times: Integers) -> Floats | None:
    """Return the multiples of base of a schedule at some times; None if they cannot be computed."""
    try:
        return evaluate(schedule, times, 1.0)
    except (ParamschedError, ArithmeticError, MemoryError, ValueError):
        return None


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


def resolved_in_run(schedule: Schedule, run: TrialRun) -> Schedule | None:
    """Return a schedule resolved for a trial run; None if a unit is unknown or a length does not fit."""
    if not run.converts(durations_in(schedule)):
        return None
    try:
        return resolved_without_begins(schedule, run.span)
    except (ParamschedError, ArithmeticError, MemoryError):
        return None


def resolved_without_begins(schedule: Schedule, span: Span) -> Schedule:
    """Return a resolved schedule; the times from which on its metric rules count, which no value depends on, stay."""
    resolved = without_rules(schedule).resolved_in(span)
    return guided(resolved, schedule.metric_rules) if schedule.kind == "guided" else resolved


_MOST: Final = 1_024  # updates of a run that are all evaluated
_MOST_OF_FUNCTIONS: Final = 600  # the same for a function of the user, of which each call may take microseconds
_SPREAD: Final = 256  # evenly spaced updates of a longer run
_MOST_EDGES: Final = 128  # stage boundaries next to which a schedule is evaluated
_AT_ENDS: Final = 32  # updates at each end of the run


def times_to_look_at(schedule: Schedule, end: int) -> Integers:
    """Return the updates of a run at which a resolved schedule is evaluated.

    Of a run of up to 1,024 updates these are all. Of a longer one they are at most 576: evenly spaced, at both ends,
    and beside boundaries.
    """
    if end <= (_MOST_OF_FUNCTIONS if has_own_shape(schedule) else _MOST):
        return _all(end)
    edges = islice(schedule.planned.edges_and_end(0, end), _MOST_EDGES)
    return _times(tuple(sorted({min(ceil(edge), end) for edge in (*begins_of(schedule)[:_MOST_EDGES], *edges)})), end)


@lru_cache(maxsize=16)
def _all(end: int) -> Integers:
    times = np.arange(end)
    times.setflags(write=False)
    return times


@lru_cache(maxsize=64)
def _times(edges: tuple[int, ...], end: int) -> Integers:
    """Return these times; cached, because the lines of a plan often have the same boundaries."""
    marks = np.array(edges, dtype=np.int64)
    spread = np.linspace(0, end - 1, _SPREAD).astype(np.int64)
    first = np.arange(_AT_ENDS)
    times = np.unique(np.concatenate([first, end - 1 - first, spread, marks - 1, marks]))
    times = times[(times >= 0) & (times < end)]
    times.setflags(write=False)
    return times
