"""The questions about the stages of a line, and about how a rate uses the run. Limits and reasons: `questions.py`."""

from itertools import pairwise
from typing import Final

import numpy as np

from paramsched.checks.answer import Answer, in_unit
from paramsched.checks.checked_line import CheckedLine, LinePart, LineStage, multiples_at
from paramsched.checks.fragments import unit_of_values, when, whose
from paramsched.checks.messages import stages as messages
from paramsched.core.schedules.anneals import first_level, is_anneal, last_level
from paramsched.core.schedules.level import AbsoluteValue
from paramsched.core.schedules.sequence import stages_of
from paramsched.core.schedules.user_shapes import is_own
from paramsched.core.time.duration import Duration

# ---------------------------------------------------------------------- does it jump, or change nothing?


def jump(line: CheckedLine, near: float) -> Answer | None:
    """Find a stage without a written level that begins at base after another level."""
    for number, (before, stage) in enumerate(pairwise(line.stages), 1):
        has_level = is_anneal(stage.written) or stage.written.kind in ("constant", "geometric", "product")
        if has_level or before.is_constant or before.written.kind == stage.written.kind or stage.length == 0:
            continue
        if before.levels is None or stage.levels is None or abs(stage.levels.first - 1.0) > 1e-9:
            continue
        end = before.levels.last
        if _goes_on(before, stage) or max(end, 1.0) <= min(end, 1.0) * near:
            continue
        values = None
        if line.base and line.target is None:
            values = (end * line.base, line.base)
        level_jump = messages.Jump(number + 1, stage.written, end, line.name, values)
        if not end or stage.written.kind == "sum":
            return messages.jump_without_factor(level_jump)
        return messages.jump_from_level(level_jump)
    return None


def _goes_on(before: LineStage, stage: LineStage) -> bool:
    """Return whether a stage is a later part of the schedule of the stage before."""
    over = before.written.args.get("over")
    return any(
        schedule.kind == "skip" and schedule.args["by"] == over for schedule in (stage.written, *stage.written.parts())
    )


def idle_stage(line: CheckedLine) -> Answer | None:
    """Find a stage whose open level makes it constant; `constant()` is meant to be."""
    for number, stage in enumerate(line.stages if len(line.stages) > 1 else (), 1):
        resolved = stage.resolved
        if resolved is None or not is_anneal(stage.written) or not is_anneal(resolved) or stage.length == 0:
            continue
        opens = [name for name in ("to", "start") if stage.written.args[name] is None]
        level = last_level(resolved)
        if not opens or level != first_level(resolved):
            continue
        return messages.idle_stage(number, stage.written, level, opens[0])
    return None


_TIMES_OF_IDLE: Final = np.unique([*range(64), *np.geomspace(64, 1e17, 64).astype(np.int64)])
_NO_LENGTH: Final = Duration.of_updates(0)


def idle_shape(line: CheckedLine) -> Answer | None:
    """Find the first shape that holds base, such as `cosine(to=1.0)` and `step(30, gamma=1.0)`.

    Two other levels that are equal were written as a pair, such as `linear(0.1, 0.1)`. A length of 0 turns a shape off.
    """
    for line_part in line.parts:
        written = line_part.written
        if 1.0 not in written.args.values() or line_part.resolved is None or line_part.kind == "constant":
            continue
        if (
            written.has_absolute
            or written.parts()
            or is_own(written)
            or line_part.resolved.args.get("over") == _NO_LENGTH
        ):
            continue
        values = multiples_at(line_part.resolved, _TIMES_OF_IDLE)
        if values is not None and (values == 1.0).all():
            return messages.idle_shape(written)
    return None


# ---------------------------------------------------------------------- does the rate fall, and late enough?


def falling_warmup(line: CheckedLine, near: float) -> Answer | None:
    """Find a warmup that falls, because the highest level was written as its start: `warmup("5%", 2.0)`."""
    for warmup in _warmups(line):
        length = warmup.length
        if length is None or not 1 < length < line.end:
            continue
        first = float(line.values[0])
        last = float(line.values[np.searchsorted(line.times, float(length))])
        if first > near * abs(last):
            return messages.falling_warmup(warmup.written, first, last, unit_of_values(line))
    return None


def _warmups(line: CheckedLine) -> list[LinePart]:
    """Return the warmups with which the rate of all groups, or a sequence in a sum or a clamp of it, begins."""
    firsts = [
        stages_of(line_part.written)[0]
        for line_part in line.parts
        if line_part.kind == "sequence" and line_part.over_run
    ]
    return [
        line_part
        for line_part in (line.parts if _is_rate_of_all(line) else ())
        if line_part.written.kind == "warmup"
        and (line_part.over_run or any(line_part.written is first for first in firsts))
    ]


def _is_rate_of_all(line: CheckedLine) -> bool:
    """Return whether a line is the rate of all groups, of which some may rise: those of biases fall first in YOLOv5."""
    return line.is_rate and line.is_for_all and line.is_comparable


def rises_to_the_end(line: CheckedLine, late: float, high: float, at_peak: float, tiny_run: int) -> Answer | None:
    """Find a rate that rises until the end: its warmup is too long or, without a warmup, its ends are swapped."""
    if not _is_rate_of_all(line):
        return None
    is_early = line.times < late * line.end
    lowest = min(filter(None, line.bases), default=line.base)
    # Of a line with an absolute level, the rate of the group with the lowest base may rise to it.
    for base in (line.base,) if line.share == "all" else dict.fromkeys((line.base, lowest)):
        values = line.values if base == line.base or base is None else line.values_of(base)
        peak = float(values.max())
        if values[0] >= high * peak or (values[is_early] > at_peak * peak).any():
            continue
        longest = max((line_part.length or 0 for line_part in line.parts if line_part.is_ramp), default=0)
        if line.end < tiny_run and longest < line.end:
            return None
        top = when(line, int(line.times[np.argmax(values)]), of_all=True)
        rise = messages.Rise(whose(line, base), top)
        return messages.rises_in_warmup(rise) if _has_warmup(line) else _swapped(line, rise, float(values[0]))
    return None


def _has_warmup(line: CheckedLine) -> bool:
    """Return whether a rate that rises has a warmup or a cycle, and does not end at an absolute level."""
    is_cycle = any(
        time.role == "period" and line_part.kind == "cyclic" for line_part in line.parts for time in line_part.times
    )
    ends_above = isinstance(line.stages[-1].written.args.get("to"), AbsoluteValue)
    return (is_cycle or any(line_part.is_ramp for line_part in line.parts)) and not ends_above


def _swapped(line: CheckedLine, rise: messages.Rise, first: float) -> Answer:
    """Return the answer for a rate that rises without a warmup: to an absolute level, by its ends, or by a ratio."""
    last = line.stages[-1].written
    to = last.args.get("to")
    if isinstance(to, AbsoluteValue) and first > 0:
        return messages.rises_to_value(rise, first, to)
    if line.base == 0 and line.share == "some":  # its levels are multiples of 0 and values
        return messages.rises_from_base_of_zero(rise)
    if is_anneal(last):
        return messages.ends_swapped(rise, first_level(last), last_level(last))
    return messages.ratio_above_one(rise)


def long_warmup(line: CheckedLine, longest: float, tiny_run: int) -> Answer | None:
    """Find a warmup of the lr that takes more than half of the run, so that the decay has no update or few."""
    if line.context.is_short or line.end < tiny_run:
        return None
    for warmup in _warmups(line):
        if warmup.length is not None and warmup.is_ramp and longest * line.end < warmup.length <= line.end:
            return messages.long_warmup(warmup.written, float(warmup.length / line.end))
    return None


def warmup_last(line: CheckedLine, near: float, high: float) -> Answer | None:
    """Find an lr that falls, and then rises to base in the last stage. The stages of a triangle are repeated."""
    if not line.is_rate or len(line.stages) < 2 or line.parts[0].kind != "sequence":
        return None
    *earlier, last = line.stages
    rise = last.levels
    before = earlier[-1].levels
    if not is_anneal(last.written) or last.written.args["over"] is None or rise is None or before is None:
        return None
    is_rise = rise.last > rise.first * near and rise.last >= high * before.first
    is_repeated = any(stage.levels is not None and stage.levels[:2] == rise[:2] for stage in earlier)
    if not is_rise or before.last >= before.first / near or is_repeated:
        return None
    return messages.warmup_last(last.written, rise.last)


def restart_at_the_end(line: CheckedLine, high: float, short_cycle: float, tiny_run: int) -> Answer | None:
    """Find a restart shortly before the end, after which the rate has no time to fall.

    A period that divides the run has none.
    """
    values = line.values
    least = high * float(values.max())
    if not _is_rate_of_all(line) or values[-1] < least or line.end < tiny_run:
        return None
    if not any(time.role == "period" for line_part in line.parts for time in line_part.times):  # no cycles
        return None
    ups = np.flatnonzero((values[1:] > 2 * values[:-1]) & (values[1:] >= least)) + 1
    if not len(ups):
        return None
    begin = line.first_time(int(ups[-1]), lambda value: value >= least)
    before = int(line.times[ups[-2]]) if len(ups) > 1 else 0
    left = line.end - begin
    if left > short_cycle * (begin - before):
        return None
    return messages.restart_at_the_end(when(line, begin), left)


# ---------------------------------------------------------------------- does it end too early?


def never_above_zero(line: CheckedLine) -> Answer | None:
    """Find a rate of 0 during the entire run. A line for some groups that are frozen means to be 0."""
    is_frozen = bool(line.bases) and not line.base
    if not line.is_rate or line.values.any() or (is_frozen and not line.is_for_all):
        return None
    return messages.never_above_zero(is_frozen=is_frozen)


def zero_at_the_end(
    line: CheckedLine, least: float, longest: float, longest_meant: float, few_steps: int, tiny_run: int
) -> Answer | None:
    """Find a rate that is nearly 0 long before the end.

    A last `constant(0)` of less than half of the run is meant, and so are a few steps: `step("30 epochs")` of 300.
    """
    sizes = np.abs(line.values)
    limit = least * float(sizes.max())
    above = np.flatnonzero(sizes > limit)
    if sizes[-1] > limit or not len(above) or not _is_used_rate(line, tiny_run):
        return None
    has_few_steps = line.values[-1] != 0 and np.count_nonzero(np.diff(line.values)) <= few_steps
    *earlier, stage = line.stages
    is_meant = has_few_steps or (bool(earlier) and stage.is_constant and stage.written.args["value"] == 0)
    if 1 - (line.times[above[-1]] + 1) / line.end < (longest_meant if is_meant else longest):
        return None
    return messages.zero_at_the_end(_reached_level(line, int(above[-1]), limit))


def last_level_early(line: CheckedLine, high: float, early: float, counted_run: int, tiny_run: int) -> Answer | None:
    """Find a rate that has its last level, below its peak, early in the run: `table` without `every`."""
    sizes = np.abs(line.values)
    limit = float(sizes[-1]) * (1 + 1e-9)
    above = np.flatnonzero(sizes > limit)
    if not len(above) or sizes[-1] >= high * float(sizes.max()) or not _is_used_rate(line, tiny_run):
        return None
    if line.end < counted_run or line.times[above[-1]] + 1 > early * line.end:
        return None
    last = _reached_level(line, int(above[-1]), limit)
    return messages.last_level_early(last, float(line.values[-1]), unit_of_values(line))


def _is_used_rate(line: CheckedLine, tiny_run: int) -> bool:
    return line.is_rate and line.is_comparable and line.end >= tiny_run


def _reached_level(line: CheckedLine, last: int, limit: float) -> messages.LastLevel:
    """Return when a rate reaches the level that it keeps, after the last evaluated update above a limit."""
    begin = int(line.times[last]) + 1
    if last + 1 < len(line.times):
        begin = line.first_time(last + 1, lambda value: abs(value) <= limit)
    return messages.LastLevel(when(line, begin), 1 - begin / line.end, _longer(line))


def _longer(line: CheckedLine) -> str:
    """Return the fragment to write for a decay that ends later; empty if that is not known."""
    decays = [stage.written for stage in line.stages if not stage.is_constant]
    if decays and is_anneal(decays[-1]) and decays[-1].args["over"] is not None:
        return messages.omit_length(decays[-1].args["over"])
    for line_part in reversed(line.parts):
        lengths = [time.written for time in line_part.times]
        if line_part.kind == "table":
            return f'every="{100 // max(1, len(line_part.written.args["values"]) - 1)}%"'
        if line_part.kind == "multistep" and all(length.is_resolved and length.number < 100 for length in lengths):
            return in_unit(lengths, "updates", "percent")
    return ""
