"""Sequences: one stage after another, and the levels at which open stages connect."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Sequence as Several
from dataclasses import replace
from fractions import Fraction
from itertools import chain, pairwise, repeat
from math import ceil, floor, isfinite
from operator import is_
from typing import Any, Final, TypeAlias, final

import numpy as np

from paramsched.core import curves
from paramsched.core.curves.arrays import Array
from paramsched.core.schedules.anneals import (
    along_line,
    constant_level,
    falls_by_ratio,
    first_level,
    geometric,
    is_anneal,
    is_open_geometric,
    last_level,
    stage_fraction,
    values_by_ratio,
)
from paramsched.core.schedules.definition import plan, planner
from paramsched.core.schedules.level import AbsoluteValue, Level, level_from_parts
from paramsched.core.schedules.messages import combinations as messages
from paramsched.core.schedules.messages.evaluation import no_total
from paramsched.core.schedules.registry import BUILDER_OF_CLASS, operator_builder
from paramsched.core.schedules.schedule import (
    OPERATORS,
    SEQUENCE,
    Extent,
    Schedule,
    chain_text,
    in_brackets,
    schedule_of,
    short_line,
)
from paramsched.core.schedules.span import FACTOR, ONE, ROWS, Base, PlannedSchedule, Span, for_base
from paramsched.core.schedules.windows import window
from paramsched.core.time.duration import Duration, Number, count_of, exact_number

_BENDS_BUT_SCALES: Final = ("clamp", "maximum", "minimum")


def connect(
    stages: Sequence[Schedule], planned_parts: Sequence[PlannedSchedule], counted: Span
) -> list[PlannedSchedule]:
    """Write the open levels of the stages of a sequence.

    An open start is the level at which the stage before ends. The open end of a warmup is the level at which the next
    stage begins. If both sides of a boundary are open, the level is base. So is that of a first stage, but a first
    warmup begins at 0. A stage without updates is no neighbor. A level that is the same without a neighbor stays open.

    If no stage compares values (`clamp`, `minimum`, `maximum`), a stage has exactly the float at which the stage before
    ends. Otherwise the two values may differ by the rounding of a product.

    Args:
        stages: the stages with their lengths in updates.
        planned_parts: the stages as planned alone.
        counted: the span in which a planned stage is planned again.

    Raises:
        InvalidArgument: a level is not the same multiple of base, plus a constant, for every base.
    """
    connected: list[PlannedSchedule] = []
    before: PlannedSchedule | None = None
    for index, (stage, alone) in enumerate(zip(stages, planned_parts, strict=True)):
        written = stage
        alone_level = open_start(stage)
        if alone_level is not None:
            level = alone_level if before is None else _end_before(stage, before)
            written = stage if level == alone_level and stage.kind != "geometric" else started_at(stage, level)
        if stage.kind == "warmup" and stage.args["to"] is None:
            after = next((later for later in range(index + 1, len(stages)) if planned_parts[later].length != 0), None)
            if after is not None and open_start(stages[after]) is None:
                level = _start_after(stage, planned_parts[after], counted)
                written = written if level == 1.0 else written.with_args(to=level)
        connected.append(alone if written is stage else plan(written, counted))
        if alone.length != 0:
            before = connected[-1]
    return connected


def takes_time(stage: Schedule) -> bool:
    """Return whether a stage has updates, or may have some."""
    length = stage.known_length
    return length is None or bool(length.terms)


def open_start(stage: Schedule) -> Level | None:
    """Return the level that an open start has without a stage before it; None if the start is not open."""
    level = stage.shape.open_start
    return None if level is None or stage.args.get("start", stage.args.get("value")) is not None else level


def started_at(stage: Schedule, level: Level) -> Schedule:
    """Write the open start of a stage."""
    if stage.kind == "geometric":
        return geometric(**{**stage.args, "start": level})
    return stage.with_args(**{"value" if stage.kind == "constant" else "start": level})


def _end_before(stage: Schedule, before: PlannedSchedule) -> Level:
    """Return the level at which the stage before ends."""
    schedule: Schedule = before.schedule
    if is_anneal(schedule) or schedule.kind == "geometric":
        return last_level(schedule)
    if schedule.kind == "constant":
        return constant_level(schedule)
    return _level_at(before, 0 if before.length is None else count_of(before.length), stage, "ends")


def _start_after(stage: Schedule, after: PlannedSchedule, counted: Span) -> Level:
    """Return the level at which the next stage begins: its start, whatever its `index`."""
    schedule: Schedule = after.schedule
    if is_anneal(schedule) or schedule.kind == "geometric":
        start: Level = schedule.args["start"]
        return start
    begun: Schedule = _from_start(schedule)
    return _level_at(after if begun is schedule else plan(begun, counted), 0, stage, "begins")


def _from_start(value: Any) -> Any:
    """Return a schedule whose anneals have their start at their first update; a later part has the value it has."""
    if not isinstance(value, Schedule) or value.kind == "skip":
        return value
    if is_anneal(value):
        return value if value.args["index"] == "t/n" else value.with_args(index="t/n")
    return value.changed(_from_start)


def _level_at(neighbor: PlannedSchedule, time: float, stage: Schedule, verb: str) -> Level:
    """Return the level of a neighbor of a stage at a time.

    Args:
        neighbor: the other stage.
        time: the time since the neighbor begins, which may be between two updates.
        stage: the stage whose level is open, for the error.
        verb: what the neighbor does at the time: "ends" or "begins".
    """
    reason = ""  # why the level is not the same number for every base
    factor = 0.0
    value = 0.0
    times = np.array([time])
    schedule: Schedule = neighbor.schedule
    with np.errstate(all="ignore"):
        if schedule.affine and schedule.has_absolute:
            factor, value = np.broadcast_to(neighbor.values(times, ROWS), (2, 1))[:, 0].tolist()
        elif schedule.affine:
            factor = np.asarray(neighbor.values(times, FACTOR)).item()
        elif scales_with_base(schedule) and not schedule.has_absolute:
            factor = np.asarray(neighbor.values(times, ONE)).item()
        else:
            reason = messages.NOT_LINEAR
    if not (isfinite(factor) and isfinite(value)):
        reason = messages.NOT_FINITE
    if not reason:
        return level_from_parts(factor, value)
    if verb == "begins":
        raise messages.level_after_unknown(short_line(stage), "to", short_line(schedule), reason)
    name = "value" if stage.kind == "constant" else "start"
    raise messages.level_before_unknown(short_line(stage), name, short_line(schedule), reason)


def scales_with_base(schedule: Schedule) -> bool:
    """Return whether twice the base gives twice the value, apart from absolute levels."""
    if schedule.kind in ("as_factor", "absolute"):
        return True
    if schedule.kind == "geometric" or (schedule.shape.affine is False and schedule.kind not in _BENDS_BUT_SCALES):
        return False
    return all(scales_with_base(part) for part in schedule.parts())


def _extent(call: Schedule) -> Extent:
    kinds = [stage.extent for stage in call.args["stages"]]
    if all(kind == "has" for kind in kinds):
        return "has"
    return "fills" if "fills" in kinds or "open" in kinds[:-1] else "open"


def _length(call: Schedule) -> Duration:
    lengths = (stage.length for stage in call.args["stages"])
    return sum((length for length in lengths if length is not None), Duration.of(0))


def _measure(call: Schedule, span: Span) -> Fraction:
    return _sum_of(_lengths(call, span))


def _sum_of(lengths: Iterable[Fraction | None]) -> Fraction:
    """Return the sum of the lengths of stages, without that of a stage without one."""
    return sum(filter(None, lengths), Fraction(0))


def _lengths(call: Schedule, span: Span) -> list[Fraction | None]:
    """Return the exact length of each stage; None for the stage without a length."""
    stage_span = replace(span, origin=span.begin)
    lengths = list[Fraction | None]()
    stages = call.args["stages"]
    for count, stage in enumerate(stages, 1):
        length = stage.measure(stage_span)
        lengths.append(length)
        if length is None:
            return [*lengths, *lengths_up_to_end(stages[count:], replace(stage_span, origin=None))]
        stage_span = replace(stage_span, begin=stage_span.begin + length)
    return lengths


def lengths_up_to_end(stages: Several[Schedule], span: Span) -> list[Fraction | None]:
    """Return the exact length of each stage, if the last one ends where the span ends.

    The start depends on the lengths, and a length may depend on where it starts, so the start is searched: the earliest
    integer from which the stages reach the end of the span. A later start has a later end.
    """
    end = span.end
    if not span.clock.varies or end is None:
        return [stage.measure(span) for stage in stages]

    def lengths_from(begin: Fraction) -> list[Fraction | None]:
        lengths = list[Fraction | None]()
        for stage in stages:
            lengths.append(stage.measure(replace(span, begin=begin)))
            begin += lengths[-1] or 0
        return lengths

    def length_from(begin: Fraction) -> Fraction:
        return _sum_of(lengths_from(begin))

    begins = range(ceil(span.begin), ceil(end))
    count = bisect_left(begins, end, key=lambda begin: begin + length_from(Fraction(begin)))
    return lengths_from(Fraction(begins[count]) if count < len(begins) else end)


def _text(call: Schedule) -> str:
    return chain_text([in_brackets(stage, SEQUENCE + 1) for stage in call.args["stages"]], " >> ".join)


@planner(
    hidden=True,
    precedence=SEQUENCE,
    joins="stages",
    extent=_extent,
    length=_length,
    measure=_measure,
    text=_text,
    check_operands=lambda call, operands: _refuse_ambiguous_operands(operands, call.args["stages"]),
)
def _sequence(call: Schedule, span: Span, *stages: Schedule) -> PlannedSchedule:
    """Stages one after another, each with a clock that starts at 0. The final value of the last stage is held.

    At most one stage may have no length, at any place in the sequence. It takes the time that the other stages leave in
    the run. If it is the last stage and has no end, the length of the run is not needed.
    """
    refuse_two_without_length(call)
    lengths = _lengths(call, span)
    rest = _rest_of_span(call, lengths, span)
    begin = span.begin
    planned_parts = list[PlannedSchedule]()
    in_run = list[Schedule]()
    for stage, length in zip(stages, lengths, strict=True):
        size = rest if length is None else length
        end = None if size is None else begin + size
        stage_span = replace(span, begin=begin, end=end, staged=True, origin=span.begin)
        is_open = is_open_geometric(stage)
        planned = _ended(
            plan(along_line(stage) if is_open else stage, stage_span), stage_span, is_last=stage is stages[-1]
        )
        planned_parts.append(planned)
        in_run.append(stage.with_args(over=planned.schedule.args["over"]) if is_open else planned.schedule)
        begin += size or 0
    refuse_ambiguous_levels(stages, in_run)
    connected = connect(in_run, planned_parts, span.of_planned)
    counted = [planned.schedule for planned in connected]
    same = len(counted) == len(stages) and all(map(is_, counted, stages))
    counted_call = call if same else call.with_args(stages=tuple(counted))
    planned_stages = _PlannedSchedules(connected, span.of_planned, is_affine=counted_call.affine)
    return PlannedSchedule(
        counted_call, planned_stages.length, planned_stages.held, planned_stages.values, planned_stages.edges
    )


def refuse_two_without_length(call: Schedule) -> None:
    """Reject two stages that would both take the rest of the run."""
    without = [stage for stage in call.args["stages"] if not stage.has_length]
    if len(without) > 1:
        raise messages.several_without_length(str(call), [str(stage).split("(")[0] for stage in without])


def _rest_of_span(call: Schedule, lengths: list[Fraction | None], span: Span) -> Fraction | None:
    """Return the length left for a stage without one; None if there is no such stage, or the run has no end."""
    if None not in lengths:
        return None
    taken = _sum_of(lengths)
    if span.end is None:
        if call.fills:
            raise no_total(str(call))
        return None
    left = span.end - span.begin - taken
    if left < 0:
        index = lengths.index(None)
        stage = call.args["stages"][index]
        if not any(lengths[index + 1 :]) and not stage.fills:
            return Fraction(0)  # the run ends before the open stage starts; `check` reports it
        needed, available = map(span.clock.count_text, (taken, left + taken))
        raise messages.no_updates_remain(str(call), needed, available, stage)
    return left


def _ended(planned: PlannedSchedule, span: Span, *, is_last: bool) -> PlannedSchedule:
    """Return a stage that has the length of its span, unless it is the last and has no end."""
    available = span.available
    if available is None or (is_last if planned.length is None else _has_length(planned, available, span)):
        return planned
    over = Duration.of_updates(available)
    if planned.schedule.kind == "constant":
        return plan(planned.schedule.with_args(over=over), span.of_planned)
    return plan(window(planned.schedule, 0, over), span.of_planned)


def _has_length(planned: PlannedSchedule, available: Number, span: Span) -> bool:
    """Return whether a stage has the available length, also if it is planned again."""
    if planned.length != available or span.rounding in ("up", "exact"):
        return planned.length == available
    exact = planned.schedule.measure(span.of_planned)  # 12.4 updates from 0.3 on end at 13 if rounded to the nearest
    return exact is not None and span.boundary(exact) == available


@final
class _PlannedSchedules:
    """Planned stages: each is read from its start to that of the next, and the last for ever.

    Args:
        stages: the planned stages.
        counted: the span in which a planned stage is planned again.
        is_affine: True if the sequence is affine.

    `length` is the length of all stages, and `held` the time from which the value is constant; None if there is none.
    """

    def __init__(self, stages: list[PlannedSchedule], counted: Span, *, is_affine: bool) -> None:
        self._stages = stages
        self._last = stages[-1]
        self._begins = _begins_of_planned(stages)
        taking_time = _taking_time(stages, self._begins, counted)
        self._read_begins = [count_of(begin) for _, begin in taking_time]
        self._reads = [_as_stage(planned, is_affine=is_affine) for planned, _ in taking_time]
        self.length = self._after_last_begin(self._last.length)
        self.held = self._after_last_begin(self._last.held)

    def _after_last_begin(self, time: Number | None) -> Number | None:
        return None if time is None else exact_number(Fraction(self._begins[-1]) + time)

    def values(self, t: Array, base: Base) -> Array:
        """Return the values at some times, each from the stage that it is in."""
        if not t.size:
            return self._values_of_stage(0, t, base)
        first = self._stage_at(t.min().item())
        last = self._stage_at(t.max().item())
        if first == last:
            return self._values_of_stage(last, t, base)
        out = np.empty((*base.rows, t.size))
        if (t[1:] >= t[:-1]).all():
            ends = [0, *np.searchsorted(t, self._read_begins[first + 1 : last + 1]).tolist(), t.size]
            times_by_stage: Iterable[Any] = (slice(*pair) for pair in pairwise(ends))
        else:
            stages = np.searchsorted(self._read_begins, t, side="right") - 1
            times_by_stage = (np.flatnonzero(stages == index) for index in range(first, last + 1))
        for index, times_in_stage in enumerate(times_by_stage, first):
            times = t[times_in_stage]
            if times.size:
                out[..., times_in_stage] = self._values_of_stage(index, times, base.at_times(times_in_stage, t.size))
        return out

    def _stage_at(self, time: float) -> int:
        return max(bisect_right(self._read_begins, time) - 1, 0)

    def _values_of_stage(self, index: int, t: Array, base: Base) -> Array:
        """Return the values of one stage at times of the sequence."""
        begin = self._read_begins[index]
        since_begin = t - begin if begin else t
        last = self._last.length
        if isinstance(begin, float) and self.length is not None and last is not None:
            # A rounded difference could be below the length of the last stage at the end of the sequence.
            since_begin = np.where(t >= count_of(self.length), np.maximum(since_begin, count_of(last)), since_begin)
        values: Array = self._reads[index](since_begin, base)
        return values

    def edges(self, since: Number, until: Number) -> Iterator[Number]:
        """Yield the boundaries of the stages, and the edges in them."""
        for planned, begin in zip(self._stages, self._begins, strict=True):
            if begin > until:
                continue
            available = until - begin if planned.length is None else min(until - begin, planned.length)
            inner: Iterable[Number] = ()
            if since <= begin + available:
                inner = planned.edges_and_end(max(floor(since - begin), 0), ceil(available))
            yield from (begin + edge for edge in chain((0, available), inner) if 0 <= edge <= available)


def _begins_of_planned(stages: list[PlannedSchedule]) -> list[Number]:
    """Return the start of each planned stage, after the lengths of those before."""
    begins = list[Number]()
    begin = Fraction(0)
    for planned in stages:
        begins.append(exact_number(begin))
        begin += planned.length or 0
    return begins


def _taking_time(
    planned_parts: list[PlannedSchedule], begins: list[Number], counted: Span
) -> list[tuple[PlannedSchedule, Number]]:
    """Return the stages that have updates, or else the last stage, with their starts."""
    pairs = list(zip(planned_parts, begins, strict=True))
    last = planned_parts[-1]
    taking = [pair for pair in pairs if pair[0].length != 0]
    if last.length == 0 and holds_when_empty(last.schedule):
        taking.append(pairs[-1])
    elif taking and taking[-1][0] is not last and taking[-1][0].end is None:
        planned, begin = taking[-1]  # a stage that would change after its end is held there: a sum with an open operand
        assert planned.length is not None
        taking[-1] = plan(window(planned.schedule, 0, Duration.of_updates(planned.length)), counted), begin
    return taking or pairs[-1:]


def holds_when_empty(schedule: Schedule) -> bool:
    """Return whether a sequence that ends with this schedule holds its value even if it has no updates (`skip`)."""
    has_own_times = schedule.kind in ("sequence", "restarts", "window", "shift", "take")
    return schedule.kind == "skip" or (not has_own_times and any(map(holds_when_empty, schedule.parts())))


def _as_stage(planned: PlannedSchedule, *, is_affine: bool) -> Any:
    """Return the values of a stage.

    In a sequence that is not affine, the base is applied last to a `take`, as for a schedule outside of a sequence.
    With base in the formula, the last bits of the value would depend on whether another stage is affine.
    """
    schedule: Schedule = planned.schedule
    while schedule.kind == "with_lengths":
        schedule = schedule.args["schedule"]
    if is_affine or schedule.kind != "take" or not schedule.affine:
        return planned.values
    return lambda t, base: for_base(schedule, planned.values, t, base.value)


# ---------------------------------------------------------------- stages


def stages_of(stage: Schedule) -> tuple[Schedule, ...]:
    """Return the stages of a sequence; for any other schedule, a tuple with only that schedule."""
    return stage.args["stages"] if stage.kind == "sequence" else (stage,)


def begins_of(schedule: Schedule) -> list[Number]:
    """Return the starts of the stages of a resolved schedule, and its end; only 0 and the end if it has no stages."""
    stages = stages_of(schedule)
    begins = list[Number]([0])
    for stage in stages:
        if stage.length is None:
            break
        begins.append(begins[-1] + stage.length.number)
    return begins


def sequence_of(stages: Iterable[Schedule]) -> Schedule:
    """Return a sequence of stages, even of one."""
    return OPERATORS["sequence"].call(stages=tuple(stages))


def constant_at(schedule: Schedule, written: Schedule, time: Duration | None = None) -> Level | None:
    """Return x if a schedule is `constant(x)` at a time (None: at its end), with a written x; else None.

    Args:
        schedule: the schedule in a run, or as written.
        written: the same schedule as written, in which an open level is None.
        time: a time in updates.
    """
    if schedule.kind != written.kind:
        return None
    if schedule.kind == "constant":
        level: Level | None = schedule.args["value"]
        return None if written.args["value"] is None else level
    if schedule.kind == "take":
        return constant_at(schedule.args["schedule"], written.args["schedule"], schedule.args["over"])
    if schedule.kind != "sequence":
        return None
    pairs = list(zip(stages_of(schedule), stages_of(written), strict=True))
    if time is None:
        return constant_at(*pairs[-1])
    exact = time.exact
    begin = Fraction(0)
    for stage, as_written in pairs:
        length = stage.known_length
        size = None if length is None else length.exact
        is_last = stage is pairs[-1][0]
        if exact is None or (size is None and not is_last):
            return None  # it is not known which stage the time is in
        if size is None or exact < begin + size or is_last:
            return constant_at(stage, as_written, Duration.of_updates(exact - begin))
        begin += size
    return None


def refuse_ambiguous_levels(stages: Several[Schedule], resolved: Several[Schedule] | None = None) -> None:
    """Raise if an open start after `constant(x)` could mean x or its own level, and these differ.

    Args:
        stages: the stages as written, for the error.
        resolved: the stages in a run; None if they are not known.
    """
    held: Level | None = None
    for stage, in_run in zip(stages, stages if resolved is None else resolved, strict=True):
        _refuse_ambiguous_level(stage, held, stages)
        if takes_time(in_run):
            held = constant_at(in_run, stage)


def _refuse_ambiguous_operands(operands: Several[Schedule], stages: Several[Schedule]) -> None:
    """Raise as `refuse_ambiguous_levels`, for operands whose own stages have been checked.

    Args:
        operands: the operands: sequences, or single stages.
        stages: the stages of all operands, for the error.
    """
    held: Level | None = None
    for operand in operands:
        own_stages = stages_of(operand)
        if held is not None:
            for stage in own_stages:
                _refuse_ambiguous_level(stage, held, stages)
                if takes_time(stage):
                    break
        last = next(filter(takes_time, reversed(own_stages)), None)
        held = held if last is None else constant_at(last, last)


def _refuse_ambiguous_level(stage: Schedule, held: Level | None, stages: Several[Schedule]) -> None:
    """Raise if the open start of a stage could mean the level that a constant before it holds, or its own level."""
    alone = open_start(stage)
    if alone is not None and held not in (None, alone):
        name = "value" if stage.kind == "constant" else "start"
        raise messages.ambiguous_level(" >> ".join(map(short_line, stages)), short_line(stage), name, held, alone)


def with_own_ends(schedule: Schedule) -> Schedule:
    """Write the open level at the begin and at the end of a schedule, so that it does not depend on its neighbors."""
    stages = list(stages_of(schedule))
    level = open_start(stages[0])
    if level is not None:
        stages[0] = started_at(stages[0], level)
    last = stages[-1]
    if last.kind == "warmup" and last.args["to"] is None:
        stages[-1] = last.with_args(to=last_level(last))
    return in_order(stages)


def in_order(stages: Iterable[Schedule]) -> Schedule:
    """Join stages to a sequence; a single stage is returned unchanged."""
    first, *rest = stages
    return sequence(first, *rest) if rest else first


@operator_builder("sequence")
def sequence(*stages: object) -> Schedule:
    """Implement `a >> b >> …`."""
    for place, stage in enumerate(stages):
        if not isinstance(stage, Schedule) and type(stage) in BUILDER_OF_CLASS:  # a metric rule
            rules = _rules_from(stages[:place], [stage])
            raise messages.rule_as_stage(" >> ".join(map(str, stages)), stage, rules)
        if isinstance(stage, Schedule) and stage.metric_rules and not stage.parts()[0].metric_rules:
            rules = _rules_from(stages[:place], stage.metric_rules)
            raise messages.rule_in_a_stage(" >> ".join(map(str, stages)), stage, rules)
    return sequence_of(map(schedule_of, stages, repeat(lambda: " >> ".join(map(str, stages)))))


def _rules_from(stages: Several[object], rules: Iterable[Any]) -> Iterable[Any]:
    """Return metric rules that multiply the whole line, and begin to count at the end of these first stages."""
    schedules = [stage for stage in stages if isinstance(stage, Schedule) and not stage.metric_rules]
    if not schedules or len(schedules) < len(stages):
        return rules
    begin = in_order(schedules).known_length
    if begin is None or not begin.terms:
        return rules
    return [rule if rule.after is not None else replace(rule, after=begin) for rule in rules]


# A run whose amounts are reported needs one value at each update.

Factor: TypeAlias = Callable[[float], float]


def factor_of_number(schedule: Schedule) -> Factor | None:
    """Return the factor of base of a resolved schedule at one time; None if it is no sequence of anneals."""
    kept = schedule.__dict__  # as its cached properties: a load makes new lines with the same schedule
    if "factor_of_number" not in kept:
        kept["factor_of_number"] = _factor_of_number(schedule)
    factor: Factor | None = kept["factor_of_number"]
    return factor


def _factor_of_number(schedule: Schedule) -> Factor | None:
    if schedule.kind == "constant":
        value = constant_level(schedule)
        return None if isinstance(value, AbsoluteValue) else lambda _: value
    if is_anneal(schedule):
        return _factor_of_anneal(schedule)
    if schedule.kind != "sequence" or schedule.planned.schedule != schedule:
        return None
    return _factor_of_sequence(schedule)


def _factor_of_sequence(schedule: Schedule) -> Factor | None:
    begins = list[int]()
    functions = list[Factor]()
    begin = 0
    last = stages_of(schedule)[-1]
    for stage in stages_of(schedule):
        length = stage.length
        is_held = stage is last and (not begins or holds_when_empty(stage))
        if length is None or length.terms or is_held:
            function = factor_of_number(stage)
            if function is None:
                return None
            begins.append(begin)
            functions.append(function)
        if length is not None:
            if not length.is_resolved:
                return None
            begin += length.updates

    def factor_at(t: float) -> float:
        index = bisect_right(begins, t) - 1
        return functions[index](t - begins[index])

    return factor_at


def _factor_of_anneal(stage: Schedule) -> Factor | None:
    first = first_level(stage)
    last = last_level(stage)
    over = stage.args["over"]
    curve = stage.args["curve"]
    index = stage.args["index"]
    if isinstance(first, AbsoluteValue) or isinstance(last, AbsoluteValue) or curve.function is not None:
        return None
    rises = abs(first) <= abs(last)
    near, far = (first, last) if rises else (last, first)
    spread = far - near
    n = count_of(over.number)
    may_warn = curve not in (curves.linear, curves.cosine)
    by_ratio = falls_by_ratio(curve, first, last)

    def share(k: float, whole: float) -> float:
        if not may_warn:
            return float(curve.share(k, whole, rises=rises))
        with np.errstate(all="ignore"):
            return float(curve.share(k, whole, rises=rises))

    def factor_at(t: float) -> float:
        k, whole = stage_fraction(index, t, n)
        if not 0 < k < whole:
            return last if k >= whole else first
        if by_ratio:
            return float(values_by_ratio(first, last, np.array([k]), whole)[0])
        if near == 0:
            return share(k, whole) * far
        value = share(k, whole) * spread + near
        if not curve.monotone:
            return value
        return min(value, far) if far > near else max(value, far)

    return factor_at
