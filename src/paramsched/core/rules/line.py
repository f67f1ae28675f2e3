"""One line of a plan as the rules see it. No other module of the rules knows how a schedule is built.

A rule sees the values of the line, and what is written in it: stages, levels, lengths, periods and milestones.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import accumulate, islice
from math import ceil, prod
from operator import is_
from typing import Any, Final, Literal, NamedTuple, final

import numpy as np

from paramsched.core.base.printing import GROUPS, TARGETS, child_path, entry_path
from paramsched.core.curves.arrays import Floats, Integers
from paramsched.core.feedback.plateau import Plateau
from paramsched.core.plan import Binding, Target
from paramsched.core.rules.trial_run import TimesIn, TrialRun
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.absolute import absolute
from paramsched.core.schedules.anneal import first_level, is_anneal, last_level
from paramsched.core.schedules.clamp import maximum
from paramsched.core.schedules.constant import constant, constant_level
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.guided import guided, without_rules
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.own import has_own_shape, is_own
from paramsched.core.schedules.schedule import OPERATORS, durations_in, is_kind, lengths_among, parts_inside
from paramsched.core.schedules.sequence import begins_of, holds_when_empty, in_order_anew, stages_of
from paramsched.core.schedules.span import Span
from paramsched.core.time import Duration, RunFacts
from paramsched.errors import InvalidArgument, ParamschedError

_NOT_MULTIPLES: Final = ("as_factor", "followed_target", "like", "power")
"""Schedules whose values are not meant as multiples near 1: the lr of one sample, another line. So are functions."""
IS_HIGH: Final = 0.5  # of the peak
NEARLY: Final = 0.98  # of the peak
_LONG: Final = 10**7  # updates; the assumed length of a run of unknown length, of which no schedule takes a share
_EPOCH: Final = 1_000  # updates; an epoch if all lengths are in epochs
_TIMES_OF_IDLE: Final = np.unique([*range(64), *np.geomspace(64, 1e17, 64).astype(np.int64)])
_USUAL_LENGTH: Final = 10_000  # updates
_MOST_MARKS: Final = 256  # boundaries of a line at which its warmup may end
_MARKS: Final = 32  # updates of a stage that are evaluated, besides its ends and its boundaries


@final
@dataclass(frozen=True, slots=True, eq=False)
class FieldCurve:
    """The values of one line of a plan in a trial run, at which all rules look.

    Args:
        times: the evaluated updates in ascending order, including the first and the last one.
        values: the values at `times`.
        base: the base for which the values were computed; None if it is unknown. The values are then those for base 1.
        share: "all" if all values are proportional to base, "none" if no value depends on base, otherwise "some".
    """

    line: "Line"
    run: TrialRun
    schedule: Schedule
    times: Integers
    values: Floats
    share: Literal["all", "some", "none"]

    @property
    def path(self) -> str:
        """The config path of the line."""
        return self.line.path

    @property
    def base(self) -> float | None:
        """The base for which the values were computed; None if it is unknown."""
        return self.line.base

    @property
    def end(self) -> int:
        """The number of updates in the run."""
        return ceil(self.run.end)

    @property
    def is_real(self) -> bool:
        """True if the values are those of the real run, not only proportional to them."""
        return self.base is not None or self.share == "none"

    @property
    def is_comparable(self) -> bool:
        """True if the values are proportional to those of the real run: multiples and absolute values are not mixed."""
        return self.is_real or self.share == "all"

    @property
    def peak(self) -> float:
        """The highest value."""
        peak: float = np.max(self.values)
        return peak

    @property
    def is_factor(self) -> bool:
        """True if the values are factors of the lr of one sample, as in `noam`, or of another value."""
        return any(is_kind(part, "as_factor") for part in parts_inside(self.schedule))

    def counted_in(self, counts: TimesIn) -> "FieldCurve":
        """Return the same values, whose times are stated in updates, in epochs or not at all."""
        return replace(self, run=replace(self.run, counts=counts))

    def value_at(self, time: int) -> float:
        """Return the value of one update."""
        return float(evaluate(self.schedule, np.array([time]), 1.0 if self.base is None else self.base)[0])


@final
class Levels(NamedTuple):
    """Multiples of base: those at which a stage begins and ends, and its lowest and highest one."""

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
@dataclass(frozen=True, eq=False)
class Stage:
    """A stage of a line.

    Args:
        written: the schedule as written.
        resolved: the schedule in a run, with its open levels; None if that is unknown.
        length: its length in updates; None if it is unknown.
    """

    written: Schedule
    resolved: Schedule | None
    length: Fraction | None = None

    def __str__(self) -> str:
        return str(self.written)

    @cached_property
    def levels(self) -> Levels | None:
        """Its levels; None if they are not known multiples of base, or if it rises without end."""
        if (ends := _ends_of_leaf(self.resolved or self.written)) is not None:
            return Levels(*ends, min(ends), max(ends))
        resolved = self.resolved
        if resolved is None or resolved.has_absolute or is_anneal(resolved) or resolved.kind == "constant":
            return None
        if any(has_no_multiples(part) or _rises_without_end(part) for part in parts_inside(resolved)):
            return None
        end = self.updates
        marks = [*map(ceil, islice(resolved.piece.edges_and_end(0, end), _MARKS))]
        spread = np.linspace(0, end, _MARKS + 1).astype(np.int64)
        times = np.unique([*spread, *marks, *(mark - 1 for mark in marks), min(1, end)])
        values = values_of(resolved, times[(times >= 0) & (times <= end)])
        if values is None or not np.all(np.isfinite(values)):
            return None
        return Levels(float(values[0]), float(values[-1]), float(values.min()), float(values.max()))

    @property
    def reach(self) -> float | None:
        """Its peak; of a product the product of its operands' peaks, because nobody writes the peak of a product."""
        if self.kind not in ("product", "chain") or not is_kind(self.resolved, self.kind):
            return None if self.levels is None else self.levels.peak
        pairs = zip(self.written.args["operands"], self.resolved.args["operands"], strict=False)
        several = [_number_of(one) or Stage(one, other).reach for one, other in pairs]
        return None if None in several else prod(filter(None, several))

    @property
    def updates(self) -> int:
        """Its length, or for one without an end a number of updates."""
        assert self.resolved is not None
        length = self.resolved.length
        return max(1, ceil((self.resolved.piece.held or _USUAL_LENGTH) if length is None else length.number))

    @property
    def last_value(self) -> float | None:
        """The multiple of base in its last update; None if it is unknown."""
        if self.resolved is None or self.levels is None:
            return None
        values = values_of(self.resolved, np.array([self.updates - 1]))
        return None if values is None else float(values[0])

    @property
    def is_empty(self) -> bool:
        """True if it has no updates in the run."""
        length = None if self.resolved is None else self.resolved.length
        return length is not None and length.number == 0

    @property
    def written_length(self) -> Duration | None:
        """The length that is written in the stage itself."""
        over = self.written.args.get("over")
        return over if isinstance(over, Duration) else None

    @property
    def kind(self) -> str:
        """The shape: "anneal", "constant", "table", "take" (a first part), "skip" (a later part), or another one."""
        return "anneal" if is_anneal(self.written) else self.written.kind

    @property
    def has_level(self) -> bool:
        """True if the stage has a level to write, or was written with a factor."""
        return self.kind in ("anneal", "constant", "geometric", "product") or self.written.has_absolute

    @property
    def open_ends(self) -> tuple[str, ...]:
        """The levels of an anneal that are not written: "start", "to"."""
        if not is_anneal(self.written):
            return ()
        return tuple(name for name in ("start", "to") if self.written.args[name] is None)

    def written_level(self, name: str) -> float | None:
        """Return the number that is written for a level of the stage; None if it is open or absolute."""
        level = self.written.args.get(name)
        return level if isinstance(level, float) else None

    def goes_on(self, before: "Stage") -> bool:
        """Return whether it is the same shape as the stage before, or a later part of that one's schedule."""
        if before.kind == self.kind:
            return True
        over = before.written.args["over"] if before.kind in ("anneal", "take") else None
        skips = (part for part in parts_inside(self.written) if is_kind(part, "skip"))
        return over is not None and any(part.args["by"] == over for part in skips)

    @property
    def summands(self) -> "tuple[Summand, ...]":
        """The schedules that the stage adds; none if it is not a sum."""
        if self.kind != "sum":
            return ()
        operands = self.written.args["operands"]
        known = self.resolved.args["operands"] if is_kind(self.resolved, "sum") else (None,) * len(operands)
        pairs = zip(operands, known, strict=False)
        return tuple(Summand(one, Stage(one, other).levels, one.kind == "constant") for one, other in pairs)

    def with_levels(self, **levels: float | None) -> Schedule:
        """Return the stage with other levels."""
        return self.written.with_args(**levels)

    def largest(self) -> Schedule:
        """Return the largest of the schedules that the stage adds."""
        return maximum(*(one.schedule for one in self.summands))

    @property
    def constant_level(self) -> str | None:
        """The level at which an anneal begins and ends; None if it changes."""
        resolved = self.resolved
        if not is_anneal(resolved) or first_level(resolved) != last_level(resolved):
            return None
        level = last_level(resolved)
        return str(level) if isinstance(level, Absolute) else f"{level:.3g} × base"

    def in_values(self) -> Schedule:
        """Return the stage with its numbers as values."""
        written = self.written
        if (number := _number_of(written)) is not None:
            return written.with_args(value=Absolute(number))
        if written.kind == "product":
            operands = written.args["operands"]
            numbers = [one for one in operands if _number_of(one) is not None]
            value = constant(Absolute(prod(filter(None, map(_number_of, numbers)))))
            return OPERATORS["product"].call(operands=(value, *(one for one in operands if one not in numbers)))
        return absolute(written)


@final
class Summand(NamedTuple):
    """One of the schedules that a sum adds, its levels, and whether it is a number or a constant."""

    schedule: Schedule
    levels: Levels | None
    is_constant: bool


@final
class Course(NamedTuple):
    """A part of a line whose time is the time of the run, as stages one after another."""

    schedule: Schedule
    stages: Sequence[Stage]

    @property
    def fills(self) -> bool:
        """True if a stage takes the rest of the run."""
        return self.schedule.fills

    @property
    def has_open_stage(self) -> bool:
        """True if a stage has no length of its own."""
        return not all(stage.written.has_length for stage in self.stages)

    @property
    def is_sequence(self) -> bool:
        """True if it has several stages."""
        return self.schedule.kind == "sequence"


@final
class Warmup(NamedTuple):
    """The time at which a line has reached its highest level, in epochs and as one would write it."""

    epochs: Fraction
    time: Duration


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

    @property
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

    @property
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
    def metric_rules(self) -> tuple[Any, ...]:
        """The metric rules that multiply the line."""
        return self.binding.schedule.metric_rules

    @property
    def plateaus(self) -> list[Plateau]:
        """The metric rules that reduce the values when a metric stands still."""
        return [rule for rule in self.metric_rules if isinstance(rule, Plateau)]

    @property
    def has_absolute(self) -> bool:
        """True if a level of the line is absolute."""
        return self.binding.schedule.has_absolute

    # ------------------------------------------------------------------ values

    @cached_property
    def curve(self) -> FieldCurve | None:
        """Its values in the trial run; None if a unit is unknown or the computation takes too long."""
        trial = self.trial
        if trial is None:
            return None
        end = ceil(trial.end)
        schedule = self.resolved if self.is_tried else resolved_in_run(self.schedule, trial)
        if schedule is None or end < 1:
            return None
        schedule = without_rules(schedule)
        times = times_to_look_at(schedule, end, self.updates)
        values = values_of(schedule, times, 1.0 if self.base is None else self.base)
        share: Literal["all", "some", "none"] = "all"
        if values is not None and schedule.has_absolute:
            one, two = values_of(schedule, times), values_of(schedule, times, 2.0)
            if one is None or two is None:
                return None
            if np.array_equal(one, two):
                share = "none"
            elif not np.allclose(two, 2 * one, rtol=1e-9, atol=0):
                share = "some"
        return None if values is None else FieldCurve(self, trial, schedule, times, values, share)

    def tried_in(self, trial: TrialRun) -> "Line":
        """Return the line in another trial run."""
        return replace(self, trial=trial, resolved=resolved_in_run(self.schedule, trial), is_tried=True)

    @cached_property
    def is_multiple(self) -> bool:
        """True if the numbers of the line are multiples of base: it follows no other line and is no function."""
        written = self.binding.schedule
        inside = self.inside if written is self.schedule else parts_inside(written)
        return not any(map(has_no_multiples, inside))

    @cached_property
    def may_be_values(self) -> bool:
        """True if the numbers of the line may be values. At a base of 1 both are the same number."""
        return self.target is None and self.base not in (0.0, 1.0) and self.is_multiple

    @cached_property
    def key(self) -> str:
        """The key of the field: `betas` of `betas[0]`."""
        return self.name.partition("[")[0]

    # ------------------------------------------------------------------ what is written

    @cached_property
    def inside(self) -> tuple[Any, ...]:
        """The schedules and the lengths in the line, recursively."""
        return parts_inside(self.schedule)

    @cached_property
    def lengths(self) -> tuple[Duration, ...]:
        """The lengths that are written in the line."""
        return tuple(lengths_among(self.inside))

    @cached_property
    def has_known_lengths(self) -> bool:
        """True if the run can convert all of its lengths."""
        return self.trial is not None and self.trial.converts(self.lengths)

    @property
    def shapes(self) -> Iterator[Schedule]:
        """The schedules in the line, recursively."""
        return (part for part in self.inside if isinstance(part, Schedule))

    @property
    def single_constant(self) -> float | None:
        """The number of a line that is one constant and nothing else."""
        schedule = self.binding.schedule
        return _number_of(schedule) if schedule.kind == "constant" and schedule.args["over"] is None else None

    @property
    def is_number(self) -> bool:
        """True if the line is a constant or a product of constants, as in `0.1 * constant()`."""
        schedule = self.binding.schedule
        parts = schedule.args["operands"] if schedule.kind == "product" else (schedule,)
        return all(one.kind == "constant" and one.args["over"] is None for one in parts)

    @cached_property
    def _own(self) -> Schedule:
        """The schedule as written, without metric rules."""
        return without_rules(self.binding.schedule)

    @cached_property
    def _in_run(self) -> Schedule | None:
        """`_own` in the run or, if that is unknown, in a usual one; None if it follows another line."""
        if self._own.has_likes:
            return None
        known = None if self.resolved is None else without_rules(self.resolved)
        return resolved_in_any_run(self._own) if known is None else known

    @cached_property
    def stages(self) -> list[Stage]:
        """The stages of the line; one if it is no sequence. Without a run they have the levels that are written."""
        written = stages_of(self._own)
        known = () if self._in_run is None else stages_of(self._in_run)
        resolved = known if len(known) == len(written) else (None,) * len(written)
        return [Stage(one, other) for one, other in zip(written, resolved, strict=True)]

    @cached_property
    def levels(self) -> Levels | None:
        """The levels of all stages together; None if one of them is unknown."""
        several = [stage.levels for stage in self.stages]
        known = [one for one in several if one is not None]
        if len(known) < len(several):
            return None
        return Levels(known[0].first, known[-1].end, min(one.low for one in known), max(one.high for one in known))

    @cached_property
    def sequences(self) -> list[list[Stage]]:
        """The sequences in the line, each as its stages; in the run or in a usual one."""
        resolved = resolved_in_any_run(self.schedule) if self.resolved is None else self.resolved
        known = {(id(one.written), id(one.resolved)): one for one in self.stages}  # their levels may be known
        found = [] if resolved is None else _sequences(self.schedule, resolved)
        return [[known.get((id(one.written), id(one.resolved)), one) for one in stages] for stages in found]

    @property
    def idle_shapes(self) -> Iterator[tuple[Schedule, str]]:
        """The shapes that have the value base at every time, although they are no constants, and what holds them."""
        resolved = resolved_in_any_run(self.schedule) if self.resolved is None else self.resolved
        later = {id(stage) for part in self.inside if is_kind(part, "sequence") for stage in stages_of(part)[1:]}
        for part, in_run in [] if resolved is None else _leaves(self.schedule, resolved):
            if is_anneal(part):
                begins_at_base = part.args["start"] is not None or id(part) not in later
                if begins_at_base and _ends_of_leaf(part) == (1.0, 1.0) and part.args["over"] != Duration.of(0):
                    yield part, "level"
            elif part.kind != "constant" and not has_no_multiples(part) and not part.has_absolute:
                values = values_of(in_run, _TIMES_OF_IDLE)
                if values is not None and np.all(values == 1.0):
                    yield part, "level" if _level_names(part) else "ratio"

    def is_whole(self, stages: list[Stage]) -> bool:
        """Return whether some stages are all stages of the line."""
        return all(map(is_, (one.written for one in stages), stages_of(self.schedule)))

    @cached_property
    def courses(self) -> list[Course]:
        """The parts of the line whose time is the time of the run, with the lengths of their stages."""
        return [Course(one, self._with_lengths(stages_of(one))) for one in _parts_over_the_run(self.schedule)]

    def _with_lengths(self, stages: Iterable[Schedule]) -> list[Stage]:
        found: list[Stage] = []
        begin = Fraction(0)
        for stage in stages:
            found.append(Stage(stage, None, self._length_of(stage, begin)))
            begin += found[-1].length or 0
        return found

    def _length_of(self, stage: Schedule, begin: Fraction) -> Fraction | None:
        """Return the length in updates of a stage of the line that starts at `begin`; None if it is unknown."""
        if self.trial is None or not (self.has_known_lengths or knows(self.trial, stage)):
            return None
        try:
            return stage.measure(self.trial.span.later(begin) if begin else self.trial.span)
        except InvalidArgument:
            return None

    def times_of(self, written: Iterable[Duration], part: Schedule) -> list[tuple[Fraction, Duration]]:
        """Return times that are written in a part of the line, in updates; none if the run cannot convert them."""
        if self.trial is None or not (self.has_known_lengths or knows(self.trial, part)):
            return []
        return [(self.trial.span.units.exact(one), one) for one in written]

    @property
    def warmup_lengths(self) -> set[int]:
        """The ids of the lengths of stages that rise."""
        return {id(part.args["over"]) for part in self.shapes if rises(part)}

    def _ends_of_stages(self) -> Iterator[Duration]:
        """Yield the times at which a stage ends, as sums of the lengths that are written."""
        for part in self.shapes:
            if part.kind == "sequence":
                lengths = [stage.length for stage in stages_of(part)]
                known = lengths[: lengths.index(None)] if None in lengths else lengths
                yield from accumulate(one for one in known if one is not None)
            elif part.length is not None:
                yield part.length

    @property
    def floors(self) -> Iterator[float]:
        """The numbers at which its decays end, or below which it does not fall."""
        others = (one for one in self.inside if is_kind(one, "absolute") or has_no_multiples(one))
        hidden = {id(part) for one in others for part in parts_inside(one)}
        for part in self.shapes:
            if id(part) in hidden:
                continue
            levels = [part.args.get("low"), last_level(part) if is_anneal(part) else part.args.get("to")]
            start = first_level(part) if is_anneal(part) else part.args.get("start", 1.0)
            if isinstance(start, float) and isinstance(levels[1], float) and start <= levels[1]:
                continue
            if part.kind in ("maximum", "sequence"):
                operands = part.parts() if part.kind == "maximum" else stages_of(part)[1:]
                levels += [one.args["value"] for one in operands if one.kind == "constant"]
            yield from (one for one in levels if isinstance(one, float))

    @property
    def levels_in_order(self) -> list[float]:
        """The levels that are written in the line, without factors and without those of warmups to 1."""
        factors = {id(one) for part in self.inside if is_kind(part, "product") for one in part.args["operands"]}
        shapes = [part for part in self.shapes if not (part.kind == "constant" and id(part) in factors)]
        return [level for part in shapes if not _is_warmup_to_one(part) for level in _written_levels(part)]

    @property
    def has_periods(self) -> bool:
        """True if a period is written in the line."""
        return any(map(periods_of, self.shapes))

    @property
    def has_warmup(self) -> bool:
        """True if a shape of the line rises to a level within a length of its own."""
        ramps = (part for part in self.shapes if is_anneal(part) and part.args["over"] is not None)
        waves = (part for part in self.shapes if periods_of(part) and _level_names(part))
        return any(map(rises, ramps)) or any(True for _ in waves)

    @property
    def ends_with_zero(self) -> bool:
        """True if the last of several stages was written as `constant(0)`."""
        last = self.stages[-1]
        return last.kind == "constant" and len(self.stages) > 1 and last.written_level("value") == 0

    @property
    def warmup_takes_run(self) -> bool:
        """True if a shape rises over the entire run."""
        ramps = (part for part in self.shapes if rises(part) and part.args["over"] is not None)
        times = (when for part in ramps for when, _ in self.times_of([part.args["over"]], part))
        return self.trial is not None and any(when >= self.trial.end for when in times)

    def with_swapped_ends(self) -> str | None:
        """Return the text of the line with the levels of its last stage swapped; None if it has no two levels."""
        *others, last = self.stages
        ends = _ends_of_leaf(last.written) if last.kind == "anneal" else None
        if ends is None or ends[0] >= ends[1]:
            return None
        return self.with_stages([*(one.written for one in others), last.with_levels(start=ends[1], to=ends[0])])

    @cached_property
    def warmup_in_epochs(self) -> "Warmup | None":
        """Its warmup: from a low level up to its highest one, at the boundaries of its stages.

        None if it has no warmup, if it rises again later, or if the length of an epoch is unknown.
        """
        run = self._run_in_epochs()
        if run is None:
            return None
        schedule, span, epoch = without_rules(run[0]), *run[1:]
        end = ceil(span.end or 0)
        edges = islice(schedule.piece.edges_and_end(0, end), _MOST_MARKS)
        times = {ceil(one) for one in (*edges, *begins_of(schedule)[:_MOST_MARKS])}
        marks = np.array(sorted({0, *(one for one in times if 0 < one < end)}))
        values = values_of(schedule, marks, self.base or 1.0)
        if values is None:
            return None
        high = NEARLY * float(np.max(values))
        top = int(np.argmax(values >= high))
        low = np.flatnonzero(values[top:] < IS_HIGH * high)
        rises_again = len(low) > 0 and bool(np.any(values[top:][low[0] :] >= high))
        if not top or values[0] >= IS_HIGH * high or np.any(np.diff(values[: top + 1]) < 0) or rises_again:
            return None
        begin = Fraction(int(marks[top]))
        ends = (one for one in self._ends_of_stages() if one.terms and not one.until and _updates(one, span) == begin)
        epochs = begin / epoch
        other = Duration((("epochs", epochs),)) if epochs.denominator == 1 else Duration.of_updates(begin)
        return Warmup(epochs, next(ends, other))

    def _run_in_epochs(self) -> tuple[Schedule, Span, int] | None:
        """Return the line in its run, or in a long run if no length is a share of it; and the updates of an epoch."""
        trial, epoch = self.trial, None if self.facts is None else self.facts.updates_per_epoch
        if trial is not None and trial.epoch and trial.to_scale and self.resolved is not None:
            return self.resolved, trial.span, trial.epoch
        units = {unit for length in self.lengths for unit, _ in length.terms}
        facts = self.facts or RunFacts()
        if epoch is None and units == {"epochs"}:
            epoch, facts = _EPOCH, RunFacts(steps_per_epoch=_EPOCH)
        if epoch is None or "percent" in units:
            return None
        span = Span.of_run(replace(facts, total=_LONG), _LONG)
        try:
            return resolved_without_begins(self.schedule, span), span, epoch
        except (ParamschedError, ArithmeticError, MemoryError):
            return None

    # ------------------------------------------------------------------ the line to write

    def with_stages(self, stages: Iterable[Schedule]) -> str:
        """Return the text of the line with other stages and the same metric rules."""
        schedule, line = in_order_anew(stages), self.binding.schedule
        return str(line.with_args(schedule=schedule) if line.kind == "guided" else schedule)

    @staticmethod
    def sequence_text(stages: Iterable[Schedule]) -> str:
        """Return the text of a sequence."""
        return str(in_order_anew(stages))

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
        return child_path(GROUPS, binding.groups, binding.name)
    return entry_path(binding.name)


def values_of(schedule: Schedule, times: Integers, base: float = 1.0) -> Floats | None:
    """Return the values of a resolved schedule; None if they cannot be computed."""
    try:
        return np.asarray(evaluate(schedule, times, base), dtype=np.float64)
    except (ParamschedError, ArithmeticError, MemoryError, ValueError):
        return None


def _updates(length: Duration, span: Span) -> Fraction | None:
    try:
        return Fraction(ceil(span.units.exact(length)))
    except ParamschedError:
        return None


def rises(part: Schedule) -> bool:
    """Return whether a change from one level to another rises, as a warmup does."""
    ends = _ends_of_leaf(part) if is_anneal(part) else None
    return ends is not None and ends[0] < ends[1]


def begins_low(part: Schedule, share: float) -> bool:
    """Return whether a change from one level to another begins well below its end."""
    ends = _ends_of_leaf(part) if is_anneal(part) else None
    return ends is not None and ends[0] < share * ends[1]


def rises_from_above_zero(part: Schedule) -> bool:
    """Return whether a shape rises from above 0, as the first part of one cycle does and a warmup does not."""
    return rises(part) and begins_low(part, 1.0) and (_ends_of_leaf(part) or (0.0, 0.0))[0] > 0


def _ends_of_leaf(part: Schedule) -> tuple[float, float] | None:
    if is_anneal(part):
        ends = (first_level(part), last_level(part))
    elif part.kind == "constant":
        ends = (constant_level(part), constant_level(part))
    else:
        return None
    return (ends[0], ends[1]) if isinstance(ends[0], float) and isinstance(ends[1], float) else None


def _rises_without_end(part: Any) -> bool:
    """Return whether a shape grows as long as the run lasts, so that no level of it is known."""
    if (
        not isinstance(part, Schedule)
        or is_anneal(part)
        or part.kind == "constant"
        or part.parts()
        or part.length is not None
    ):
        return False
    values = values_of(part, np.array([0, 1000]))
    return values is not None and values[1] > values[0] and part.piece.held is None


def _number_of(schedule: Schedule) -> float | None:
    value = schedule.args["value"] if schedule.kind == "constant" else None
    return value if isinstance(value, float) else None


def _written_levels(part: Schedule) -> tuple[float, ...]:
    """Return the levels of one shape in their order, without those of its parts."""
    if part.kind == "table":
        return tuple(part.args["values"])
    if (ends := _ends_of_leaf(part)) is not None:
        return ends[:1] if part.kind == "constant" else ends
    named = [part.args[name] for name in _level_names(part)]
    return tuple(one for one in named if isinstance(one, float))


def _level_names(part: Schedule) -> tuple[str, ...]:
    """Return the arguments of a shape that are levels."""
    return tuple(name for name, param in part.shape.params.items() if param.kind == "level")


def has_no_multiples(part: object) -> bool:
    """Return whether the values of a schedule are not meant as multiples near 1."""
    return isinstance(part, Schedule) and (part.kind in _NOT_MULTIPLES or is_own(part))


def _is_warmup_to_one(part: Schedule) -> bool:
    """Return whether a part rises to 1 within a length of its own, from at most 0.5, as warmups do."""
    return (
        is_anneal(part) and part.args["over"] is not None and last_level(part) == 1.0 and begins_low(part, 0.5 + 1e-9)
    )


def is_half_a_wave(part: Schedule) -> bool:
    """Return whether a part contains a cosine wave: half of one is torch's CosineAnnealingLR."""
    return any(is_kind(one, "cosine_wave") for one in parts_inside(part))


def milestones_of(part: Schedule) -> tuple[Duration, ...]:
    """Return the times at which a shape drops, as they are written."""
    milestones: tuple[Duration, ...] = part.args["milestones"] if part.kind == "multistep" else ()
    return milestones


def periods_of(part: Schedule) -> list[Duration]:
    """Return the periods that are written in a shape."""
    periods = (part.args[name] for name, role in part.shape.roles.items() if role == "period")
    return [one for one in periods if one is not None]


def times_in(part: Schedule) -> list[Duration]:
    """Return the milestones, the length or the periods of a shape, by which it may be too short."""
    if is_anneal(part):
        return [part.args["over"]] if part.args["over"] is not None else []
    return [] if part.kind == "every" else [*milestones_of(part), *periods_of(part)]


def empty_last_stage(part: Schedule) -> Schedule | None:
    """Return the last stage of a sequence if it was written with 0 updates."""
    last = stages_of(part)[-1] if part.kind == "sequence" else None
    is_empty = last is not None and last.has_length and last.length == Duration.of(0) and not holds_when_empty(last)
    return last if is_empty else None


def _is_same(written: Schedule, resolved: Schedule) -> bool:
    """Return whether a schedule in the run has the shape that was written; a warmup may be written as an anneal."""
    return written.kind == resolved.kind or (is_anneal(written) and is_anneal(resolved))


def _leaves(written: Schedule, resolved: Schedule) -> Iterator[tuple[Schedule, Schedule]]:
    """Yield the shapes without parts in a schedule as written, each as it is in the run."""
    if _is_same(written, resolved):
        if not written.parts():
            yield written, resolved
        for one, other in zip(written.parts(), resolved.parts(), strict=False):
            yield from _leaves(one, other)


def _sequences(written: Schedule, resolved: Schedule) -> Iterator[list[Stage]]:
    """Yield the sequences in a schedule as written, with their stages."""
    if not _is_same(written, resolved):
        return
    stages, known = stages_of(written), stages_of(resolved)
    if written.kind == "sequence" and len(stages) == len(known):
        yield [Stage(one, other) for one, other in zip(stages, known, strict=True)]
    for one, other in zip(written.parts(), resolved.parts(), strict=False):
        yield from _sequences(one, other)


def _parts_over_the_run(schedule: Schedule) -> Iterator[Schedule]:
    """Yield the schedules inside a schedule whose time is the time of the run.

    An operand of `+` or `*` covers the entire run. A stage covers only a part of the run, so it is not yielded.
    """
    if schedule.args.get("of") is not None:
        return  # it was planned for a run of another length, as after Plan.change
    yield schedule
    if schedule.kind in ("sequence", "restarts", "take", "skip", "window"):
        return
    for part in schedule.parts():
        yield from _parts_over_the_run(part)


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


def resolved_in_any_run(schedule: Schedule) -> Schedule | None:
    """Return a schedule resolved for a run of ten thousand updates; None if its lengths do not fit."""
    facts = RunFacts(total=10_000, steps_per_epoch=100, batch_size=1, sequence_length=1, seconds_per_step=1)
    try:
        return resolved_without_begins(schedule, Span.of_run(facts, 10_000))
    except (ParamschedError, ArithmeticError):
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
