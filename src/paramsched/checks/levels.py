"""The questions about the levels of a line, which need no times of the run. Limits and reasons: `questions.py`."""

from collections.abc import Container, Mapping, Sequence
from itertools import pairwise
from math import inf, isfinite
from operator import itemgetter

import numpy as np

from paramsched.checks.answer import Answer
from paramsched.checks.checked_line import CheckedLine, LineStage, StageLevels, multiples_at
from paramsched.checks.fragments import absolute_levels, when, whose
from paramsched.checks.messages import levels as messages
from paramsched.core.metrics.metric_rules import PlateauRule
from paramsched.core.plan.lines import first_outside, range_of
from paramsched.core.plan.messages.lines import FLOOR_ADVICE, limit_advice
from paramsched.core.plan.usual_plans import is_round_share
from paramsched.core.schedules.anneals import is_anneal
from paramsched.core.schedules.sequence import stages_of
from paramsched.core.schedules.user_shapes import has_own_shape, is_own

_SAME = 1e-9
"""The largest relative difference of equal numbers."""


# ---------------------------------------------------------------------- is the base 0?


def base_is_zero(line: CheckedLine, below_one: Container[str]) -> Answer | None:
    """Find multiples of a base of 0, which stay 0, in all groups of a line. A line of 0 means to be 0."""
    if not line.bases or any(line.bases) or (line.has_absolute and line.resolved is None):
        return None
    if line.resolved is not None and (line.values.any() or not line.multiples.any()):
        return None
    if line.target is not None:
        return messages.initial_is_zero(line.name)
    if line.has_absolute:
        return messages.base_is_zero(line.name)
    # Levels below 1 of a momentum are values. Those of a rate are multiples, also if a value is written.
    is_value = line.key in below_one and max(map(abs, line.levels), default=1.0) < 1
    fragment = absolute_levels(line, line.levels) if is_value else "0.01 * absolute(cosine())"
    return messages.base_is_zero(line.name, fragment)


# ---------------------------------------------------------------------- is a number probably a value?


def momentum_below_base(
    line: CheckedLine, below_one: Container[str], usual: Mapping[str, tuple[float, float]]
) -> Answer | None:
    """Find a momentum, a decay or an eps that never reaches base, unless a factor or an unusual constant was chosen."""
    if line.key not in below_one or not line.levels or not _has_written_multiples(line):
        return None
    low, high = line.extremes
    if not 0 < high < 1:
        return None
    factors = line.parts[1:] if line.parts[0].kind == "product" else line.parts
    are_constant = all(factor.kind == "constant" and factor.written.args["over"] is None for factor in factors)
    lowest, highest = usual.get(line.name, (inf, inf))
    is_usual = line.parts[0].kind != "product" and lowest <= high <= highest
    if are_constant and not line.rules and not is_usual:
        return None
    return _as_values(line, line.levels, low, high)


def decay_above_base(line: CheckedLine) -> Answer | None:
    """Find a decay of the weight decay to a level above its base: `cosine(to=0.4)` of 0.05 rises as a value."""
    lowest = min(filter(None, line.bases), default=None)
    if line.key != "weight_decay" or lowest is None or not _has_written_multiples(line):
        return None
    if line.extremes.high != 1 or 1.0 in line.levels:
        return None
    ends = [level for line_part in line.parts for name, level in line_part.levels if name == "to"]
    above = [level for level in ends if lowest < level < 1 and not is_round_share(level)]
    return _one_level(line, min(above), base=lowest) if above else None


def rate_as_value(line: CheckedLine, rates: Container[str], of_all: float, of_group: float) -> Answer | None:
    """Find a rate that is always near 0, or whose highest multiple is the number that base is and that falls."""
    if line.key not in rates or not _has_written_multiples(line):
        return None
    low, high = line.extremes
    is_small = 0 < high <= (of_all if line.is_for_all else of_group)
    is_base = line.is_for_all and line.base in line.levels and high == line.base and 0 < low < high < 1
    falls_last = (np.trim_zeros(np.diff(line.multiples))[-1:] < 0).any()
    is_value = is_small or (is_base and falls_last and line.parts[0].kind != "product")
    return _as_values(line, line.levels, low, high) if is_value else None


def _may_be_values(line: CheckedLine) -> bool:
    """Return whether the numbers of a line are multiples of a base at which a multiple is another number."""
    return line.is_multiple and line.target is None and (not line.bases or bool({*line.bases} - {0.0, 1.0}))


def _has_written_multiples(line: CheckedLine) -> bool:
    """Return whether a line has written levels; a function of the user may have any, for the base that it is for."""
    is_written = bool(line.levels) or (line.base is not None and has_own_shape(line.schedule))
    return _may_be_values(line) and is_written and not line.has_absolute and line.extremes.low >= 0


def low_start(line: CheckedLine, rates: Container[str], of_all: float) -> Answer | None:
    """Find a decay to 0 whose start is below base, and below the end of the stage before it."""
    if not _may_be_values(line) or line.key not in rates or not line.is_for_all:
        return None
    for before, stage in zip([None, *line.stages], line.stages, strict=False):
        start = stage.written.args["start"] if stage.written.kind == "anneal" else None
        if not isinstance(start, float) or not of_all < start < 1 or stage.written.args["to"] != 0:
            continue
        top = _level_before(before)
        if stage.levels is not None and top is not None and top > start:
            return messages.low_start(_field_base(line), start, top)
    return None


def _level_before(before: LineStage | None) -> float | None:
    """Return the level from which the next stage would begin; None if it is unknown."""
    if before is None or (is_anneal(before.written) and before.written.args["to"] is None):
        return 1.0
    return None if before.levels is None or before.written.kind in ("take", "sum") else before.levels.last


def stage_near_zero(
    line: CheckedLine, rates: Container[str], of_all: float, of_group: float, step: float
) -> Answer | None:
    """Find a stage of a rate that is near 0, as a value such as 3e-4 is.

    A stage that rises to a later stage is a warmup. A stage that begins at most ten times below the end of the stage
    before it is a step of a staircase, or continues that stage.
    """
    if not _may_be_values(line) or line.key not in rates or not line.levels:
        return None
    near = _levels_near_zero(line, of_all if line.is_for_all else of_group, step)
    low = min((levels.low for levels in near), default=0.0)
    high = max((levels.high for levels in near), default=0.0)
    if not high:
        return None
    written = [level for level in line.levels if level <= high]
    return _as_values(line, written, low, high, falls=near[0].first == high)


def _levels_near_zero(line: CheckedLine, limit: float, step: float) -> list[StageLevels]:
    """Return the levels of the stages that are below a limit, except warmups and steps of a staircase."""
    near = list[StageLevels]()
    end: float | None = None  # of the stage before, if that is not near 0
    for number, stage in enumerate(line.stages, 1):
        levels = stage.levels
        before = end
        end = None if levels is None else abs(levels.last)
        if levels is None or levels.low < 0 or levels.high > limit:
            continue
        is_warmup = levels.last > levels.first and number < len(line.stages)
        if not is_warmup and (before is None or before > step * levels.first):
            near.append(levels)
            end = None
    return near


def small_peak(line: CheckedLine, of_all: float) -> Answer | None:
    """Find a level near 0 that a line below base passes between two anneals: `one_cycle(peak=3e-4)`."""
    first = line.stages[0].written.args.get("start")
    if not line.is_rate or not _may_be_values(line) or not line.is_for_all or not isinstance(first, float):
        return None
    passed = [
        stage.levels.first
        for before, stage in pairwise(line.stages)
        if before.levels is not None and stage.levels is not None and is_anneal(stage.written)
        if 0 < before.levels.last == stage.levels.first <= of_all < first
    ]
    return _one_level(line, max(passed)) if passed and line.multiples.max() < 1 else None


def small_end(
    line: CheckedLine, trains_nothing: float, of_unknown: float, of_one_cycle: Container[float]
) -> Answer | None:
    """Find a level of a decay that was probably meant as a rate: below base, and too small as a multiple of it."""
    if not line.is_rate or not _may_be_values(line):
        return None
    base = line.base
    most = of_unknown if base is None else base
    ends = _ends_of_decays(line, of_one_cycle)
    small = [level for level in ends if 0 < level <= most and (base or 0) * level < trains_nothing]
    return _one_level(line, max(small), is_hint=base is None) if small else None


def _ends_of_decays(line: CheckedLine, of_one_cycle: Container[float]) -> list[float]:
    """Return the written levels at which a line may end, without the usual ones of one cycle."""
    sequences = [line_part.written for line_part in line.parts if line_part.kind == "sequence"]
    is_one_cycle = any(stages_of(each)[0].args.get("start") not in (None, 0.0) for each in sequences)
    ends = [rule.min for rule in line.rules if isinstance(rule, PlateauRule) and isinstance(rule.min, float)]
    for line_part in line.parts:
        levels = [level for name, level in line_part.levels if name != "start"]
        ends += [level for level in levels if not (is_one_cycle and level in of_one_cycle)]
    return ends


def sum_above_base(line: CheckedLine) -> Answer | None:
    """Find a sum of schedules, none of which exceeds base, that exceeds it. A number in a sum is an offset."""
    if not line.is_multiple or line.target is not None or (line.bases and not any(line.bases)):
        return None
    for stage in line.stages:
        if stage.written.kind != "sum" or stage.levels is None or stage.levels.high <= 1 + 1e-6:
            continue
        if not _are_below_base(line, stage):
            continue
        return messages.sum_above_base(_field_base(line), stage.levels.high if line.is_timed else None)
    return None


def _are_below_base(line: CheckedLine, stage: LineStage) -> bool:
    """Return whether the schedules of a sum are from 0 to base, and at least two are curves or all reach base."""
    parts = () if stage.resolved is None else stage.resolved.parts()
    several = [multiples_at(schedule, line.times) for schedule in parts]
    of_curves = sum(schedule.kind != "constant" for schedule in stage.written.parts()) >= 2
    return bool(parts) and all(
        values is not None and values.min() >= 0 and values.max() <= 1 and (of_curves or values.max() == 1)
        for values in several
    )


def _one_level(line: CheckedLine, level: float, *, is_hint: bool = False, base: float | None = None) -> Answer:
    """Return the answer for one level that was probably meant as a value.

    Args:
        line: the line.
        level: the level.
        is_hint: True if the answer is information.
        base: the base whose value the sentence has; None for the one that describes the line.
    """
    last = line.stages[-1].levels
    is_last = last is not None and last.last == level
    fragment = absolute_levels(line, [level]) or f"min=absolute({level!r})"  # `min` of a plateau
    return messages.one_level(_field_base(line, base), level, fragment, is_last=is_last, is_hint=is_hint)


def _as_values(
    line: CheckedLine, levels: Sequence[float], low: float, high: float, *, falls: bool | None = None
) -> Answer:
    """Return the answer for multiples that were probably meant as values."""
    if falls is None:
        falls = bool(line.multiples[0] > line.multiples[-1])
    ends = (low,) if low == high else (low, high)
    functions = [f"absolute({line_part.written})" for line_part in line.parts if is_own(line_part.written)]
    fragments = absolute_levels(line, levels) or ", ".join(functions)
    is_hint = not levels and not line.bases
    return messages.several_levels(_field_base(line), ends[::-1] if falls else ends, fragments, is_hint=is_hint)


def _field_base(line: CheckedLine, base: float | None = None) -> messages.FieldBase:
    """Return the field of a line with a base of it; by default with the one that describes the line."""
    return messages.FieldBase(line.name, line.base if base is None else base, whose(line, base))


def target_at_its_own_number(line: CheckedLine, lowest_start: float) -> Answer | None:
    """Find a level of a target that is its initial value, so that the line was probably written in values.

    A line that reaches 1 before that level is one of multiples: `linear(1, 0.5)` of a dropout of 0.5, `stairs(1, 2, 2)`
    of a size of 2. So is a line with a peak of 1: `warmup(10, 0.1) >> cosine()` of a weight of 0.1.
    """
    initial = line.base
    if line.target is None or not initial or initial == 1 or initial not in line.levels or line.has_absolute:
        return None
    if line.parts[0].kind == "product" or not line.is_multiple:
        return None
    if initial <= lowest_start and _begins_ramp(line, initial):
        return None
    last = line.stages[-1].levels
    ends_below = line.extremes.high == 1 and last is not None and last.last < 1
    if ends_below or _first_at(line, 1.0) < _first_at(line, initial):
        return None
    return messages.target_at_its_own_number(line.name, initial, absolute_levels(line, line.levels))


def _begins_ramp(line: CheckedLine, level: float) -> bool:
    """Return whether a warmup to base has a written level."""
    ramps = [line_part for line_part in line.parts if line_part.is_ramp and line_part.written.args["to"] in (None, 1.0)]
    return any(level == other for ramp in ramps for _, other in ramp.levels)


def _first_at(line: CheckedLine, level: float) -> float:
    """Return the first evaluated update at which a line has a level; infinity if it never has."""
    indices = np.flatnonzero(np.abs(line.multiples - level) < _SAME)
    return float(indices[0]) if len(indices) else inf


# ---------------------------------------------------------------------- is it far above base?


def far_above_base(line: CheckedLine, times: float, default_rate: float) -> Answer | None:
    """Find an absolute value far above the optimizer's own one: a multiple was probably meant.

    A weight decay must also reach 1, because 0.1 is usual where an optimizer's default is 1e-4.
    """
    highest = max(line.bases, default=0.0)
    if line.target is not None or line.name not in ("lr", "weight_decay") or not highest or line.share == "all":
        return None
    peak = float(line.values.max(initial=0.0))
    is_usual = line.base == default_rate if line.is_rate else peak < 1
    if is_usual or not times * highest * (1 + _SAME) < peak < inf:
        return None
    return messages.far_above_base(line.name, peak, highest)


_FACTORS = ("as_factor", "followed_target")
"""Shapes whose values are no multiples near 1."""


def level_far_above_base(line: CheckedLine, times: float) -> Answer | None:
    """Find a written level of a rate for all groups that was probably meant as a length or as a value."""
    if not _is_multiple_of_rate(line) or not line.is_for_all or not line.is_multiple:
        return None
    highest = max(map(abs, line.levels), default=0.0)
    ends = [abs(level) for stage in line.stages if stage.levels is not None for level in stage.levels[:2]]
    reached = max([float(np.abs(line.multiples).max(initial=0.0)), *ends])
    if line.resolved is None:
        reached = max(reached, highest)
    if min(highest, reached) < times:
        return None
    return _length_or_value(line, reached)


def _length_or_value(line: CheckedLine, reached: float) -> Answer:
    """Return the answer for the largest level of a line: a length, if its stage has none, or an absolute value."""
    written = [(abs(level), name, line_part.written) for line_part in line.parts for name, level in line_part.levels]
    _, name, schedule = max(written, key=lambda level: level[0])
    if schedule.args.get("over", 0) is None:
        return messages.length_or_value(reached)
    level = schedule.args.get(name)
    if isinstance(level, float):
        return messages.level_beside_length(reached, name, level)
    return messages.multiple_of_rate(reached)


def grows(line: CheckedLine, of_all: float, of_group: float) -> Answer | None:
    """Find a rate that grows to many times its base."""
    limit = of_all if line.is_for_all else of_group
    peak = float(line.multiples.max(initial=0.0))
    if not _is_multiple_of_rate(line) or peak <= limit or not line.is_timed:
        return None
    multiple = f"{peak:.3g}" if line.run.to_scale else f"more than {limit:g}"
    return messages.grows(multiple, when(line, int(line.times[np.argmax(line.multiples)])))


def _is_multiple_of_rate(line: CheckedLine) -> bool:
    if not line.is_rate or line.share != "all" or (line.bases and not any(line.bases)):
        return False
    return not any(line_part.kind in _FACTORS for line_part in line.parts)


# ---------------------------------------------------------------------- do absolute values erase groups?


def groups_made_equal(line: CheckedLine) -> Answer | None:
    """Find an absolute line that gives equal rates or decays to groups whose own ones differ."""
    bases = {base: label for label, base in reversed(line.groups)}
    # An absolute value thaws a frozen group on purpose.
    if len(bases) < 2 or line.share != "none" or line.name not in ("lr", "weight_decay") or 0 in bases:
        return None
    if line.target is not None:
        return None
    return messages.groups_made_equal(line.name, [(label, base) for base, label in bases.items()])


def decay_of_group_without(line: CheckedLine) -> Answer | None:
    """Find the first group without weight decay to which an absolute value gives one."""
    if line.name != "weight_decay" or line.target is not None or not any(line.bases) or 0 not in line.bases:
        return None
    values = line.values_of(0.0)
    if line.share == "all" or not values.any():
        return None
    name = next(label for label, base in line.groups if base == 0)
    return messages.decay_of_group_without(name, values[np.flatnonzero(values)[0]])


# ---------------------------------------------------------------------- can the optimizer use the values?


def not_finite(line: CheckedLine) -> Answer | None:
    """Find a value that is infinite or not a number."""
    bad = ~np.isfinite(line.values)
    if not bad.any():
        return None
    index = int(np.argmax(bad))
    time = line.first_time(index, lambda value: not np.isfinite(value))
    value = line.values[index]
    return messages.not_finite("", value, when(line, time), _advice_for(line, value))


def _advice_for(line: CheckedLine, value: float) -> str:
    """Return what to do about a value that is not finite."""
    return FLOOR_ADVICE if value < 0 else limit_advice(line.binding.schedule, value)


def may_reach_one(line: CheckedLine) -> Answer | None:
    """Find a multiple above 1 of a momentum whose base is unknown."""
    allowed = range_of(line.name) if line.target is None else None
    peak = float(line.values.max())
    if allowed is None or allowed.below != 1 or peak <= 1 or line.base is not None or line.share != "all":
        return None
    return messages.may_reach_one(line.name, peak)


def outside_range(line: CheckedLine) -> Answer | None:
    """Find a value that a field cannot have: a negative one, or a beta of 1. An unknown base has only a sign."""
    allowed = range_of(line.name) if line.target is None else None
    if allowed is None or line.resolved is None or not line.is_comparable:
        return None
    if not line.is_real:
        allowed = allowed._replace(below=inf)
    present = 1.0 if line.base is None else line.base
    outside = list[tuple[int, float, float]]()
    for base in dict.fromkeys((present, min(line.bases, default=present), max(line.bases, default=present))):
        first = first_outside(line.resolved, allowed, base, lambda updates: updates, 0, line.end)
        if first is not None:
            outside.append((*first, base))
    if not outside:
        return None
    time, value, base = min(outside, key=itemgetter(0, 1))
    group = whose(line, base)
    if not isfinite(value):  # for one of the bases
        return messages.not_finite(group, value, when(line, time), _advice_for(line, value))
    unit = "" if line.is_real else " × base"
    return messages.outside_range(f"{line.name}{group}", allowed.problem(value), value, unit, when(line, time))
