"""Sequence: one stage after another; and how the lengths of stages are rounded."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Several
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, repeat
from math import ceil, floor
from operator import is_
from typing import final

from paramsched.core.curves.arrays import Array, Arrays
from paramsched.core.schedules.affine import Affine, Bounds, Level, bounds_around, choose_affine
from paramsched.core.schedules.anneal import Anneal
from paramsched.core.schedules.base import Schedule, no_total
from paramsched.core.schedules.connected import connect, open_start, started_at, takes_time
from paramsched.core.schedules.leaves import Constant, schedule_of
from paramsched.core.schedules.lengths import ROUNDING_OF_CYCLES, Lengths, Span
from paramsched.core.schedules.one_operand import OneOperand
from paramsched.core.schedules.registry import operator_builder, shape
from paramsched.core.schedules.retimed import Window
from paramsched.core.schedules.writing import SEQUENCE, chain_text, in_brackets, short_line
from paramsched.core.time import Duration, count_of
from paramsched.errors import AmbiguousLevel, InvalidArgument


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sequence(Schedule):
    """Stages one after another, each with a clock that starts at 0. The final value of the last stage is held.

    At most one stage may have no length, at any place in the sequence. It takes the time that the other stages leave in
    the run. If it is the last stage and has no end, the length of the run is not needed.
    """

    stages: tuple[Schedule, ...]
    _precedence = SEQUENCE

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(one for stage in self.stages for one in stages_of(stage)))
        refuse_ambiguous_levels(self.stages)

    def _refuse_two_without_length(self) -> None:
        """Reject two stages that would both take the rest of the run."""
        without = [stage for stage in self.stages if not stage.has_length]
        if len(without) > 1:
            names = " and ".join(str(stage).split("(")[0] for stage in without)
            found = f"{names} {'both' if len(without) == 2 else 'all'} have no length"
            found = f"{found}; only one stage may fill the rest of the run"
            raise InvalidArgument(str(self), found, example='cosine(over="60%") >> linear(0.1, 0)')

    # Cached, because each level of a deep tree needs the values of all levels below it.
    @cached_property
    def length(self) -> Duration | None:
        lengths = [stage.length for stage in self.stages]
        return None if None in lengths else sum((n for n in lengths if n is not None), Duration.of(0))

    @cached_property
    def fills(self) -> bool:
        return any(stage.fills for stage in self.stages) or not all(stage.has_length for stage in self.stages[:-1])

    @cached_property
    def has_length(self) -> bool:
        return all(stage.has_length for stage in self.stages)

    @cached_property
    def _connected(self) -> Schedule | None:
        refuse_ambiguous_levels(self.stages)  # again, because now all lengths are known
        stages = connect(self.stages)
        return None if all(map(is_, stages, self.stages)) else Sequence(tuple(stages))

    def _constant_at(self, time: Duration | None) -> Level | None:
        if time is None:
            return self.stages[-1]._constant_at(None)
        exact, begin = time.exact, Fraction(0)
        for stage in self.stages:
            own = None if stage.length is None else stage.length.exact
            if exact is None or (own is None and stage is not self.stages[-1]):
                return None  # it is not known which stage the time is in
            if own is None or exact < begin + own or stage is self.stages[-1]:
                return stage._constant_at(Duration.of_updates(exact - begin))
            begin += own
        return None

    def _held_from(self) -> int | Fraction | None:
        last = self.stages[-1]._held_from()
        return None if last is None else self._stage_begins()[-1] + last

    def _exact_length(self, span: Span) -> Fraction | None:
        lengths = self._exact_lengths(span)
        return None if None in lengths else sum((n for n in lengths if n is not None), Fraction(0))

    def _exact_lengths(self, span: Span) -> list[Fraction | None]:
        """Return a list with the exact length of each stage; None for the stage without a length."""
        own = replace(span, origin=span.begin)
        lengths: list[Fraction | None] = []
        for place, stage in enumerate(self.stages, 1):
            length = stage._exact_length(own)
            lengths.append(length)
            if length is None:
                return [*lengths, *lengths_up_to_end(self.stages[place:], replace(own, origin=None))]
            own = own.later(own.begin + length)
        return lengths

    def _stage_begins(self) -> list[int | Fraction]:
        """Return the start of each stage of a resolved sequence."""
        lengths = (stage.length for stage in self.stages[:-1])
        return list(accumulate((n.number for n in lengths if n is not None), initial=0))

    @cached_property
    def _taking_time(self) -> tuple[list[Schedule], list[int | float]]:
        """Two lists: the stages that have updates, or else the last stage, and the starts of these stages."""
        pairs = list(zip(self.stages, self._stage_begins(), strict=True))
        kept = [(stage, begin) for stage, begin in pairs if stage.length is None or stage.length.terms]
        last = self.stages[-1]
        if last.length is not None and not last.length.terms and last._holds_when_empty:
            kept.append(pairs[-1])
        elif kept and kept[-1][0] is not last:  # a stage that would change after its end is held from its end on
            stage, begin = kept[-1]
            end, held = stage.length, stage._held_from()
            if end is not None and (held is None or held > end.number):  # for example a sum with an open operand
                kept[-1] = Window(stage, Duration.of(0), end), begin
        stages, begins = zip(*(kept or pairs[-1:]), strict=True)
        return list(stages), [count_of(begin) for begin in begins]

    def _factor_of_number(self) -> Callable[[float], float] | None:
        stages, begins = self._taking_time
        functions = [one for stage in stages if (one := stage._factor_of_number()) is not None]
        if len(functions) < len(stages) or any(isinstance(begin, float) for begin in begins):
            return None

        def factor_at(t: float) -> float:
            place = bisect_right(begins, t) - 1
            return functions[place](t - begins[place])

        return factor_at

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        """Evaluate each stage at the times since its start; if all times are in one stage, only that stage."""
        stages, begins = self._taking_time
        low, high = 0, len(begins) - 1
        if bounds := ops.bounds(t):  # only the stages that contain these times; all others would be masked
            first, last = bounds
            low = max(0, bisect_right(begins, first) - 1)
            high = bisect_right(begins, last) - 1
            if low == high and (begin := begins[low]) and not (ops.in_seconds or isinstance(begin, float)):
                own = t - begin
                return self._stage_at(stages[low], own, base, ops.with_bounds(own, first - begin, last - begin))
        # No time is before the first of these stages, so no clipping is needed.
        value = self._stage_at(stages[low], self._since(begins[low], t, ops), base, ops)
        for stage, begin in zip(stages[low + 1 : high + 1], begins[low + 1 : high + 1], strict=True):
            own = self._stage_at(stage, ops.at_least(self._since(begin, t, ops), 0), base, ops)
            value = choose_affine(t >= begin, own, value, ops)
        return value

    def bounds(self, bases: Bounds) -> Bounds | None:
        return bounds_around(part.bounds(bases) for part in self.stages)

    def _since(self, begin: int | float, t: Array, ops: Arrays) -> Array:
        """Return the times since the start of a stage.

        If the stage starts between two updates, the difference is rounded, so that at the end of the sequence it could
        be below the length of the last stage. It is then raised to that length.
        """
        own = ops.since(t, begin) if begin else t
        last = self.stages[-1].length
        if isinstance(begin, float) and last is not None and self.length is not None:
            own = ops.where(t >= self.length.count, ops.at_least(own, last.count), own)
        return own

    def _stage_at(self, stage: Schedule, t: Array, base: Affine, ops: Arrays) -> Affine:
        return stage._at(t, base, ops) if self.affine else stage._at_as_stage(t, base, ops)

    def _seams(self) -> Iterable[float]:
        _, begins = self._taking_time
        lengths = [one.number for stage in self.stages if (one := stage.length) is not None]
        return (*begins, count_of(sum(lengths))) if len(lengths) == len(self.stages) else begins

    def _inner_breakpoints(self, since: int, until: int) -> Iterable[int | Fraction]:
        for stage, begin in zip(self.stages, self._stage_begins(), strict=True):
            if begin <= until:
                room = until - begin
                if stage.length is not None:
                    room = min(room, stage.length.number)
                inner = stage._breakpoints_and_end(floor(since - begin), ceil(room)) if since <= begin + room else ()
                yield from (begin + b for b in (0, room, *inner) if 0 <= b <= room)

    def _resolve(self, span: Span) -> Schedule:
        """Resolve each stage for the part of the span in which it runs."""
        self._refuse_two_without_length()
        lengths = self._exact_lengths(span)
        rest = self._rest_of_span(lengths, span)
        stages: list[Schedule] = []
        begin = span.begin
        for stage, length in zip(self.stages, lengths, strict=True):
            size = rest if length is None else length
            end = None if size is None else begin + size
            part = replace(span, begin=begin, end=end, staged=True, origin=span.begin)
            resolved = stage._resolve(part)
            own, room = resolved.length, part.room
            # Every stage gets a length, unless it is the last.
            if room is not None and (stage is not self.stages[-1] if own is None else own != room):
                if isinstance(resolved, Constant):
                    resolved = replace(resolved, over=room)
                else:
                    resolved = Window(resolved, Duration.of(0), room)
            stages.append(resolved)
            begin += size or 0
        refuse_ambiguous_levels(self.stages, stages)
        return Sequence(tuple(stages))

    def _rest_of_span(self, lengths: list[Fraction | None], span: Span) -> Fraction | None:
        """Return the length left for a stage without one; None if there is no such stage, or the run has no end."""
        if None not in lengths:
            return None
        taken = sum((n for n in lengths if n is not None), Fraction(0))
        if span.end is None:
            if self.fills:
                raise no_total(self)
            return None
        left = span.end - span.begin - taken
        if left < 0:
            place = lengths.index(None)
            stage = self.stages[place]
            if not any(lengths[place + 1 :]) and not stage.fills:
                return Fraction(0)  # the run ends before the open stage starts; `check` reports it
            needed, available = map(span.units.count_text, (taken, left + taken))
            raise InvalidArgument(
                str(self),
                f"the timed stages need {needed}, but only {available} are left; no updates remain for {stage}",
                "Shorten a stage, or increase the total",
            )
        return left

    def __str__(self) -> str:
        return chain_text([in_brackets(stage, SEQUENCE + 1) for stage in self.stages], " >> ".join)


def stages_of(stage: Schedule) -> tuple[Schedule, ...]:
    """Return the stages of a sequence; for any other schedule, a tuple with only that schedule."""
    return stage.stages if isinstance(stage, Sequence) else (stage,)


def refuse_ambiguous_levels(stages: Several[Schedule], resolved: Several[Schedule] | None = None) -> None:
    """Raise if an open start after `constant(x)` could mean x or its own level, and these differ.

    Args:
        stages: the stages as written, for the error.
        resolved: the stages in a run; None if they are not known.
    """
    known = stages if resolved is None else resolved
    if not _is_ambiguous(stages, known):
        return
    readings = [_with_starts(stages, known, continues=True), _with_starts(stages, known, continues=False)]
    place = next(at for at, pair in enumerate(zip(*readings, strict=True)) if pair[0] is not pair[1])
    continued, own = (one[place] for one in readings)
    raise AmbiguousLevel(
        " >> ".join(map(short_line, stages)),
        f"{short_line(stages[place])} after a constant could be {short_line(continued)} or {short_line(own)}",
        readings=tuple(Sequence(tuple(one)) for one in readings),
    )


def _is_ambiguous(stages: Several[Schedule], known: Several[Schedule]) -> bool:
    """Return whether an open start after `constant(x)` could mean x or its own level."""
    before: Schedule | None = None
    for stage, in_run in zip(stages, known, strict=True):
        own = None if before is None else open_start(stage)
        if own is not None and before is not None and before._constant_at(None) not in (None, own):
            return True
        if takes_time(in_run):
            before = in_run
    return False


def _with_starts(stages: Several[Schedule], known: Several[Schedule], *, continues: bool) -> list[Schedule]:
    """Write each open start after `constant(x)` that differs from x: x if it `continues`, else its own level."""
    written: list[Schedule] = []
    before: Schedule | None = None
    for stage, in_run in zip(stages, known, strict=True):
        own, held = open_start(stage), None if before is None else before._constant_at(None)
        is_open = own is not None and held not in (None, own)
        level = held if continues else own
        written.append(started_at(stage, level) if is_open and level is not None else stage)
        if takes_time(in_run):
            before = started_at(in_run, level) if is_open and level is not None else in_run
    return written


def with_own_ends(schedule: Schedule) -> Schedule:
    """Write the open level at the begin and at the end of a schedule, so that it does not depend on its neighbors."""
    stages = list(stages_of(schedule))
    if (own := open_start(stages[0])) is not None:
        stages[0] = started_at(stages[0], own)
    if isinstance(last := stages[-1], Anneal) and last.to is None:
        stages[-1] = replace(last, to=last.last_level)
    return in_order(stages)


def in_order(stages: Iterable[Schedule]) -> Schedule:
    """Join stages to a sequence; a single stage is returned unchanged."""
    first, *rest = stages
    return sequence(first, *rest) if rest else first


def in_order_anew(stages: Iterable[Schedule]) -> Schedule:
    """Join stages as `in_order`; one that could begin at two levels has its own level. For lines of advice."""
    try:
        return in_order(stages)
    except AmbiguousLevel as error:
        anew: Schedule = error.readings[1]
        return anew


@operator_builder("sequence")
def sequence(*stages: object) -> Schedule:
    """Implement `a >> b >> …`."""
    for place, stage in enumerate(stages):
        if isinstance(stage, OneOperand) and stage.metric_rules and not stage.schedule.metric_rules:
            raise _rule_in_stage(stages, place, stage)
    return Sequence(tuple(map(schedule_of, stages, repeat(lambda: " >> ".join(map(str, stages))))))


def _rule_in_stage(stages: Several[object], place: int, stage: OneOperand) -> InvalidArgument:
    """Return the error for a metric rule in a stage: it multiplies the whole line, and may begin with this stage."""
    bare = [one for one in (*stages[:place], stage.schedule, *stages[place + 1 :]) if isinstance(one, Schedule)]
    known = len(bare) == len(stages) and not any(one.metric_rules for one in bare)
    begin = in_order(bare[:place]).length if known and place else None
    rules = [
        rule if begin is None or not begin.terms or rule.after is not None else replace(rule, after=begin)
        for rule in stage.metric_rules
    ]
    line = str(in_order(bare)) if known else 'warmup("5%") >> cosine()'
    advice = f"Multiply the entire line, with brackets: ({line}) * {' * '.join(map(str, rules))}"
    return InvalidArgument(" >> ".join(map(str, stages)), f"{stage} contains a metric rule", advice)


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WithLengths(OneOperand):
    """The schedule with inner boundaries rounded as `lengths` defines, but its start and end as for any stage."""

    schedule: Schedule
    lengths: Lengths = field(metadata=ROUNDING_OF_CYCLES)

    @property
    def length(self) -> Duration | None:
        length = self.schedule.length
        exact = None if length is None else length.exact
        return length if exact is None else Duration.of_updates(ceil(exact))

    def _at(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return self.schedule._at(t, base, ops)

    def bounds(self, bases: Bounds) -> Bounds | None:
        return self.schedule.bounds(bases)

    def _at_as_stage(self, t: Array, base: Affine, ops: Arrays) -> Affine:
        return self.schedule._at_as_stage(t, base, ops)

    def _lengths_known(self, *, whole: bool) -> bool:
        return self.schedule._lengths_known(whole=whole and self.lengths != "exact")

    def _exact_length(self, span: Span) -> Fraction | None:
        own = self._own_span(span)
        length = self.schedule._exact_length(own)
        if length is None or not own.rounds:
            return length
        return Fraction(own.boundary(own.begin + length)) - own.begin

    def _resolve(self, span: Span) -> Schedule:
        return WithLengths(self.schedule._resolve(self._own_span(span)), self.lengths)

    def _own_span(self, span: Span) -> Span:
        """Return the span with the rounding `lengths`. Its start and end are rounded as for any stage."""
        if not span.rounds:  # boundaries in cycles of fractional length are not rounded
            return span
        end = None if span.end is None else Fraction(span.boundary(span.end))
        return replace(span, begin=Fraction(span.first), end=end, rounding=self.lengths)


@shape
def with_lengths(schedule: Schedule, lengths: Lengths = "exact") -> WithLengths:
    """Change how boundaries between the stages of a schedule are rounded.

    value(t) = schedule(t), with boundaries that are rounded in another way

    For example, 33 % of 101 updates are 34 without `with_lengths`, 33 with `"floor"` and `"nearest"`, and 33.33 with
    `"exact"`.

    Args:
        schedule: the schedule whose stages are rounded.
        lengths: `"exact"` (not rounded, so a stage may start between two updates), `"nearest"` or `"floor"`. Without
            `with_lengths`, boundaries are rounded up.

    Raises:
        InvalidArgument: `lengths` is not one of these.

    Source: fastai's and fvcore's phases are exact; optax's and composer's are rounded down, `int(0.33 * n)`;
    OLMo-core and torchtitan round to the nearest.

    >>> line = linear(1.0, 0.5, "33%") >> constant(0.5)
    >>> floored = with_lengths(linear(1.0, 0.5, "33%") >> constant(0.5), "floor")
    >>> print(resolve(floored, total=101))
    with_lengths(linear(1.0, 0.5, 33) >> constant(0.5), "floor")
    >>> print(resolve(line, total=101))
    linear(1.0, 0.5, 34) >> constant(0.5)
    >>> print(resolve(with_lengths(line), total=101))
    with_lengths(linear(1.0, 0.5, "33.33 steps") >> constant(0.5))
    """
    return WithLengths(schedule_of(schedule, "with_lengths(…)"), lengths)


def lengths_up_to_end(stages: Several[Schedule], span: Span) -> list[Fraction | None]:
    """Return the exact length of each stage, if the last one ends where the span ends.

    The start depends on the lengths, and a length may depend on where it starts, so the start is searched: the earliest
    integer from which the stages reach the end of the span. A later start has a later end.
    """
    end = span.end
    if not span.units.varies or end is None:
        return [stage._exact_length(span) for stage in stages]

    def lengths_from(begin: Fraction) -> list[Fraction | None]:
        lengths = list[Fraction | None]()
        for stage in stages:
            lengths.append(stage._exact_length(span.later(begin)))
            begin += lengths[-1] or 0
        return lengths

    def length_from(begin: Fraction) -> Fraction:
        return sum((one for one in lengths_from(begin) if one is not None), Fraction(0))

    begins = range(ceil(span.begin), ceil(end))
    place = bisect_left(begins, end, key=lambda begin: begin + length_from(Fraction(begin)))
    return lengths_from(Fraction(begins[place]) if place < len(begins) else end)
