"""The questions about the levels of a line, which need no times of the run."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Final

import numpy as np

from paramsched.base import codes
from paramsched.core.feedback import Plateau
from paramsched.core.plan.lines import BELOW_ONE_ADVICE, first_outside, range_of, with_floor
from paramsched.core.plan.usual import is_round_share
from paramsched.core.rules.curve import Curve, Stage, values_of
from paramsched.core.rules.questions import Found, Question, problem, when, whose
from paramsched.core.schedules.anneals import is_anneal
from paramsched.core.schedules.combinators import absolute, maximum
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import stages_of

_RATES: Final = frozenset({"lr", "final_lr", "step_sizes"})
_BELOW_ONE: Final = frozenset({
    "betas", "beta3", "momentum", "dampening", "eps", "alpha", "rho", "shampoo_beta", "momentum_decay", "lr_decay",
    "weight_decay",
})  # fmt: skip
"""Fields whose usual values are below 1, so that levels below 1 are probably values."""


# ---------------------------------------------------------------------- is the base 0?


def base_is_zero(curve: Curve) -> Found | None:
    """Report multiples of a base of 0, which stay 0, in all groups of a line. A line of 0 means to be 0."""
    if not curve.bases or any(curve.bases) or (curve.has_absolute and curve.resolved is None):
        return None
    if curve.resolved is not None and (curve.values.any() or not curve.multiples.any()):
        return None
    if curve.target is not None:
        message = f"the initial value of {curve.name} is 0, so every multiple of it is 0"
        text = str(curve.binding.schedule)
        quoted = f"'{text}'" if '"' in text else f'"{text}"'
        return problem(curve, codes.BASE_OF_ZERO, message, f"Write {curve.name}: {{initial: 1.0, schedule: {quoted}}}")
    # Levels below 1 of a momentum are values. Those of a rate are multiples, also if a value is written.
    is_value = curve.key in _BELOW_ONE and max(map(abs, curve.levels), default=1.0) < 1
    line = None if curve.has_absolute else curve.changed(absolute if is_value else lambda plain: 0.01 * absolute(plain))
    message = f"{curve.name} of the optimizer is 0, so every multiple of it is 0"
    return problem(curve, codes.BASE_OF_ZERO, message, "Set it in the optimizer", prefix=", or write", line=line)


# ---------------------------------------------------------------------- is a number probably a value?

_USUAL: Final = {
    "weight_decay": (1e-6, 0.5), "betas[0]": (0.8, 0.99), "momentum": (0.8, 0.99), "betas[1]": (0.9, 0.9999),
    "eps": (0, 1e-3),
}  # fmt: skip
"""The lowest and the highest usual value of a field. `betas[0]: constant(0.5)` has two usual readings."""
_NEAR_ZERO: Final = 1e-3
"""A rate below this multiple of base is probably a value, such as 3e-4: decays of recipes end at 0.001 or above."""
_NEAR_ZERO_OF_GROUP: Final = 1e-4
"""The same for the line of some groups, which may be slowed down."""
_SAME: Final = 1e-9
"""The largest relative difference of equal numbers."""
_STEP: Final = 10.0 * (1 + _SAME)
"""A staircase falls at most by this factor at once."""
_LOW_START: Final = 0.5
"""The highest multiple at which a warmup to base begins."""


def value_for_multiple(curve: Curve) -> Found | None:
    """Report numbers that are multiples of base, but were probably meant as values.

    At a base of 1 both are the same number, and only a sum is above base.
    """
    if not curve.is_multiple or curve.target is not None or (curve.bases and not any(curve.bases)):
        return None
    if curve.bases and not {*curve.bases} - {0.0, 1.0}:
        return _of_sum(curve)
    questions: list[Question] = [_of_sum]
    if curve.is_rate:
        questions.insert(0, _small_end)
    if curve.levels:
        questions[:0] = [_never_at_base, _stage_near_zero] if curve.key in _RATES else [_never_at_base]
    return next((found for question in questions if (found := question(curve)) is not None), None)


def _never_at_base(curve: Curve) -> Found | None:
    """Report a line that never reaches base: of a momentum, of a rate near 0, or up to the number that base is.

    A decay of a weight decay to a level above base rises if its level is a value: `cosine(to=0.4)` of 0.05.
    """
    low, high = _low_and_high(curve)
    if curve.has_absolute or low < 0:
        return None
    if curve.key in _BELOW_ONE and 0 < high < 1 and not _is_chosen_factor(curve, high):
        return _as_values(curve, curve.levels, low, high)
    lowest = min(filter(None, curve.bases), default=None)
    if curve.key == "weight_decay" and lowest is not None and high == 1 and 1.0 not in curve.levels:
        ends = [level for part in curve.parts for name, level in part.levels if name == "to"]
        above = [level for level in ends if lowest < level < 1 and not is_round_share(level)]
        return _one_level(curve, min(above), codes.LEVEL_AS_VALUE, base=lowest) if above else None
    if curve.key not in _RATES:
        return None
    is_small = 0 < high <= (_NEAR_ZERO if curve.is_for_all else _NEAR_ZERO_OF_GROUP)
    is_base = curve.is_for_all and curve.base in curve.levels and high == curve.base and 0 < low < high < 1
    falls_last = (np.trim_zeros(np.diff(curve.multiples))[-1:] < 0).any()
    is_value = is_small or (is_base and falls_last and curve.parts[0].kind != "product")
    return _as_values(curve, curve.levels, low, high) if is_value else None


def _low_and_high(curve: Curve) -> tuple[float, float]:
    """Return the lowest and the highest multiple of base, with the levels at which stages end."""
    ends = [float(curve.multiples.min()), float(curve.multiples.max())]
    if curve.parts[0].kind != "product":
        ends += [level for stage in curve.stages if stage.levels is not None for level in stage.levels]
    elif curve.resolved is not None and curve.resolved.length is not None:
        last = values_of(curve.resolved, np.array([curve.end]))
        ends += [] if last is None else last.tolist()
    return min(ends), max(ends)


def _is_chosen_factor(curve: Curve, number: float) -> bool:
    """Return whether a line is a factor of base, such as `0.1 * constant()`, or a constant below the usual values."""
    factors = curve.parts[1:] if curve.parts[0].kind == "product" else curve.parts
    if curve.rules or not all(factor.kind == "constant" and factor.written.args["over"] is None for factor in factors):
        return False
    low, high = _USUAL.get(curve.name, (inf, inf))
    return curve.parts[0].kind == "product" or not low <= number <= high


def _stage_near_zero(curve: Curve) -> Found | None:
    """Report a rate of which a stage is near 0, as a value such as 3e-4 is, or that falls to 0 from a lower start.

    A stage that rises to a later stage is a warmup. A stage that begins at most ten times below the end of the stage
    before it is a step of a staircase, or continues that stage.
    """
    limit, stages = _NEAR_ZERO if curve.is_for_all else _NEAR_ZERO_OF_GROUP, curve.stages
    near = list[Stage]()
    for before, stage in zip([None, *stages], stages, strict=False):
        levels = stage.levels
        if levels is None:
            continue
        if levels.low >= 0 and levels.high <= limit:
            is_warmup = levels.last > levels.first and stage is not stages[-1]
            end = None if before is None or before in near or before.levels is None else abs(before.levels.last)
            if not is_warmup and (end is None or end > _STEP * levels.first):
                near.append(stage)
        elif (found := _low_start(curve, before, stage)) is not None:
            return found
    ends = [stage.levels for stage in near if stage.levels is not None]
    if not any(levels.high > 0 for levels in ends):
        return None
    low, high = min(levels.low for levels in ends), max(levels.high for levels in ends)
    written = [level for level in curve.levels if level <= high]
    return _as_values(curve, written, low, high, falls=ends[0].first == high, whole=False)


def _low_start(curve: Curve, before: Stage | None, stage: Stage) -> Found | None:
    """Report a decay to 0 whose start is below base, and below the end of the stage before it."""
    start = stage.written.args["start"] if stage.written.kind == "anneal" else None
    if not isinstance(start, float) or not 0 < start < 1 or stage.written.args["to"] != 0 or not curve.is_for_all:
        return None
    top = 1.0
    if before is not None and not (is_anneal(before.written) and before.written.args["to"] is None):
        if before.levels is None or before.written.kind in ("take", "sum"):
            return None
        top = before.levels.last
    if top <= start:
        return None
    fall = stage.written.with_args(start=None if top == 1.0 else top, to=start)
    written = curve.with_stages([fall if other is stage else other.written for other in curve.stages])
    message = _in_values(curve, "falls from", start, 0.0, because=f"start is {start:g}")
    prefix = f"To fall from {'base' if top == 1 else f'{top:g} × base'} to {start:g} × base write"
    return problem(curve, codes.LEVEL_AS_VALUE, message, prefix=prefix, line=written)


_TRAINS_NOTHING: Final = 1e-7
"""A rate that trains nothing; one that is meant as the end of a decay is larger, or 0."""
_SMALL_END: Final = 1e-4
"""A decay that ends at such a small multiple of an unknown base probably means a value."""
_ENDS_OF_ONE_CYCLE: Final = (4e-6, 1e-5)
"""The ends of one cycle that torch and fastai have by default, which are multiples of base."""


def _small_end(curve: Curve) -> Found | None:
    """Report a level of a decay that was probably meant as a rate: below base, and below 1e-7 as a multiple of it.

    Source: `min_lr` of nanoGPT, `eta_min` of torch and `min_lr` of timm are rates.
    """
    if (peak := _small_peak(curve)) is not None:
        return _one_level(curve, peak, codes.LEVEL_AS_VALUE)
    base = curve.base
    sequences = [part.written for part in curve.parts if part.kind == "sequence"]
    is_one_cycle = any(stages_of(each)[0].args.get("start") not in (None, 0.0) for each in sequences)
    small = [rule.min for rule in curve.rules if isinstance(rule, Plateau) and isinstance(rule.min, float)]
    for part in curve.parts:
        ends = [level for name, level in part.levels if name != "start"]
        small += [level for level in ends if not (is_one_cycle and level in _ENDS_OF_ONE_CYCLE)]
    most = _SMALL_END if base is None else base
    small = [level for level in small if 0 < level <= most and (base or 0) * level < _TRAINS_NOTHING]
    return _one_level(curve, max(small), codes.LEVEL_AS_VALUE, is_hint=base is None) if small else None


def _small_peak(curve: Curve) -> float | None:
    """Return the level near 0 that a line below base passes between two anneals.

    Source: `max_lr` of torch's OneCycleLR is a rate, and `one_cycle(peak=3e-4)` is a multiple of base.
    """
    first = curve.stages[0].written.args.get("start")
    if not curve.is_for_all or not isinstance(first, float) or curve.multiples.max() >= 1:
        return None
    passed = [
        stage.levels.first
        for before, stage in pairwise(curve.stages)
        if before.levels is not None and stage.levels is not None and is_anneal(stage.written)
        if 0 < before.levels.last == stage.levels.first <= _NEAR_ZERO < first
    ]
    return max(passed, default=None)


def _of_sum(curve: Curve) -> Found | None:
    """Report a sum of schedules, none of which exceeds base, that exceeds it. A number in a sum is an offset."""
    for stage in curve.stages:
        levels, resolved = stage.levels, stage.resolved
        if stage.written.kind != "sum" or resolved is None or levels is None or levels.high <= 1 + 1e-6:
            continue
        parts = stage.written.parts()
        several = [values for schedule in resolved.parts() if (values := values_of(schedule, curve.times)) is not None]
        of_curves = sum(schedule.kind != "constant" for schedule in parts) >= 2
        if len(several) < len(parts):
            continue
        if any(part.min() < 0 or part.max() > 1 or (part.max() != 1 and not of_curves) for part in several):
            continue
        because = "a sum adds all of its schedules"
        message = f"{curve.name} rises above base, because {because}"
        if curve.is_timed:
            message = _in_values(curve, "rises to", float(f"{levels.high:.3g}"), because=because)
        rising_first = sorted(zip(parts, several, strict=True), key=lambda pair: pair[1][-1] <= pair[1][0])
        prefix, in_order = "For one after the other", [schedule for schedule, _ in rising_first]
        if sum(not schedule.has_length for schedule in in_order) > 1:
            prefix, in_order = "For the largest of them", [maximum(*parts)]
        stages: list[Schedule] = []
        for other in curve.stages:
            stages += in_order if other is stage else [other.written]
        return problem(curve, codes.LEVEL_AS_VALUE, message, prefix=f"{prefix} write", line=curve.with_stages(stages))
    return None


def _one_level(curve: Curve, level: float, code: str, *, is_hint: bool = False, base: float | None = None) -> Found:
    """Return the problem of one level, with the line in which it is a value.

    Args:
        curve: the line.
        level: the level.
        code: the code of the problem.
        is_hint: True if the problem is information.
        base: the base whose value the message has; None for the one that describes the line.
    """
    base = curve.base if base is None else base
    last = curve.stages[-1].levels
    verb = "ends at" if last is not None and last.last == level else "has the level"
    message = f"numbers are multiples of the group's own {curve.name}, so the {curve.name} {verb} {level:g} × base"
    if base is not None:
        message = f"the {curve.name}{whose(curve, base)} {verb} {level * base:g} ({level:g} × base {base:g})"
    is_written = level in curve.levels and not (
        curve.base is None and any(part.kind == "geometric" for part in curve.parts)
    )
    prefix = f"For the value {level:g} write"
    if not is_written:
        is_min = level not in curve.levels  # of a plateau
        text = f"min=absolute({level!r})" if is_min else f"absolute({level!r})"
        return problem(curve, code, message, f"{prefix} {text}", as_info=is_hint)
    return problem(curve, code, message, prefix=prefix, line=curve.with_absolute([level]), as_info=is_hint)


def _as_values(
    curve: Curve, levels: Sequence[float], low: float, high: float, *, falls: bool | None = None, whole: bool = True
) -> Found:
    """Return the problem of multiples that were probably meant as values, with the line in which they are values."""
    falls = bool(curve.multiples[0] > curve.multiples[-1]) if falls is None else falls
    ends = (low,) if low == high else (high, low) if falls else (low, high)
    values = " to ".join(f"{end:.4g}" for end in ends)
    message = _in_values(curve, "is" if len(ends) == 1 else "goes from", *ends)
    prefix = f"For the value{'s' * (len(ends) > 1)} {values} write"
    return problem(curve, codes.LEVEL_AS_VALUE, message, prefix=prefix, line=curve.with_absolute(levels, whole=whole))


def _in_values(curve: Curve, verb: str, *multiples: float, because: str = "") -> str:
    """Return the clause of a message with the values of some multiples of base, or with the multiples alone."""
    written = " to ".join(f"{multiple:.4g}" for multiple in multiples)
    if curve.base is None:
        return f"{curve.name} {verb} {written} × base, because {because or 'numbers are multiples of base'}"
    values = " to ".join(f"{float(f'{multiple:.4g}') * curve.base:g}" for multiple in multiples)
    clause = f"{curve.name} {verb} {values} ({written} × base {curve.base:g})"
    return f"{clause}, because {because}" if because else clause


def target_at_its_own_number(curve: Curve) -> Found | None:
    """Report a level of a target that is its initial value, so that the line was probably written in values.

    A line that reaches 1 before that level is one of multiples: `linear(1, 0.5)` of a dropout of 0.5, `stairs(1, 2, 2)`
    of a size of 2. So is a line with a peak of 1: `warmup(10, 0.1) >> cosine()` of a weight of 0.1.
    """
    initial, ramps = curve.base, [part for part in curve.parts if part.is_ramp]
    if curve.target is None or not initial or initial == 1 or initial not in curve.levels or curve.has_absolute:
        return None
    if curve.parts[0].kind == "product" or not curve.is_multiple:
        return None
    starts = [level for ramp in ramps for _, level in ramp.levels if ramp.written.args["to"] in (None, 1.0)]
    if initial in [level for level in starts if level <= _LOW_START]:
        return None
    _, high = _low_and_high(curve)
    last = curve.stages[-1].levels
    if _first_at(curve, 1.0) < _first_at(curve, initial) or (high == 1 and last is not None and last.last < 1):
        return None
    message = f"{curve.name} has the level {initial:g}, which is {initial**2:.6g}: {initial:g} × initial {initial:g}"
    advice = f"For the value {initial:g} write the level 1, or for a line in values absolute({curve.binding.schedule})"
    return problem(curve, codes.LEVEL_AS_VALUE, message, advice)


def _first_at(curve: Curve, level: float) -> float:
    """Return the first evaluated update at which a line has a level; infinity if it never has."""
    places = np.flatnonzero(np.abs(curve.multiples - level) < _SAME)
    return float(places[0]) if len(places) else inf


# ---------------------------------------------------------------------- is it far above base?

_MANY_TIMES: Final = 10.0
"""A learning rate that reaches this multiple of base is probably a length or an absolute value."""
_MANY_TIMES_OF_GROUP: Final = 50.0
"""The same for the line of some groups: no published recipe exceeds 2 × base, but a head may learn much faster."""
_FAR_ABOVE: Final = 100.0
"""An absolute value above this multiple of the optimizer's own value is probably a multiple."""
_DEFAULT_RATE: Final = 1e-3
"""The lr of torch's AdamW and SGD that nobody wrote, as if the plan alone has the rates."""


def far_above_base(curve: Curve) -> Found | None:
    """Report an absolute value a hundred times above the optimizer's own one: a multiple was probably meant.

    A weight decay must also reach 1, because 0.1 is usual where an optimizer's default is 1e-4.
    """
    highest = max(curve.bases, default=0.0)
    if curve.target is not None or curve.name not in ("lr", "weight_decay") or not highest or curve.share == "all":
        return None
    peak = float(curve.values.max(initial=0.0))
    is_usual = curve.base == _DEFAULT_RATE if curve.is_rate else peak < 1
    if is_usual or not _FAR_ABOVE * highest * (1 + _SAME) < peak < inf:
        return None
    message = f"{curve.name} is {peak:g}, {peak / highest:.3g} times the optimizer's own {highest:g}"
    advice, prefix = f"Set {curve.name} in the optimizer", f", or for multiples of {highest:g} write"
    return problem(curve, codes.GROWS, message, advice, prefix=prefix, line=curve.with_multiples(1.0))


def grows(curve: Curve) -> Found | None:
    """Report a rate of many times its base: a level that was meant as a length or a value, or a ratio above 1."""
    if not curve.is_rate or curve.share != "all" or (curve.bases and not any(curve.bases)):
        return None
    limit = _MANY_TIMES if curve.is_for_all else _MANY_TIMES_OF_GROUP
    if any(part.kind in ("as_factor", "followed_target") for part in curve.parts):
        return None
    stages = curve.stages if curve.levels else ()
    ends = [abs(level) for stage in stages if stage.levels is not None for level in stage.levels[:2]]
    reached = max([float(np.abs(curve.multiples).max(initial=0.0)), *ends])
    is_written = curve.is_for_all and curve.is_multiple and max(map(abs, curve.levels), default=0.0) >= limit
    if is_written and (reached >= limit or curve.resolved is None):
        reached = max(reached, *map(abs, curve.levels)) if curve.resolved is None else reached
        message = f"numbers are multiples of the group's own lr, so the lr rises to {reached:.4g} × base"
        return problem(
            curve, codes.GROWS, message, "For a length write over=…; for an absolute value write absolute(…)"
        )
    peak = float(curve.multiples.max(initial=0.0))
    if peak <= limit or not curve.is_timed:
        return None
    multiple = f"{peak:.3g}" if curve.run.to_scale else f"more than {limit:g}"
    message = f"it grows to {multiple} × base at {when(curve, int(curve.times[np.argmax(curve.multiples)]))}"
    return problem(curve, codes.GROWS, message, "Use a ratio below 1, or a smaller multiple of base")


# ---------------------------------------------------------------------- do absolute values erase groups?


def groups_made_equal(curve: Curve) -> Found | None:
    """Report an absolute line that gives equal values to groups whose bases differ, or a decay to a group without one.

    Reason: layer-wise rates, and biases and norms without weight decay, are usual; an absolute value has no base.
    """
    bases = sorted(set(curve.bases))
    if len(bases) < 2 or curve.share == "all" or curve.name not in ("lr", "weight_decay") or curve.target is not None:
        return None
    lowest = bases[0]
    if lowest == 0 and not curve.is_rate:
        return _decay_of_group_without(curve)
    if lowest == 0 or curve.share != "none":  # an absolute value thaws a frozen group on purpose
        return None
    rates = ", ".join(f"{base:g} in group {label!r}" for label, base in _a_group_for_each_base(curve)[:3])
    message = f"{curve.name} is {rates} of the optimizer, and an absolute value has no base: the plan makes them equal"
    line = curve.with_multiples(bases[-1])
    return problem(curve, codes.GROUPS_MADE_EQUAL, message, prefix="To keep their ratio write", line=line)


def _a_group_for_each_base(curve: Curve) -> list[tuple[str | int, float]]:
    return [(label, base) for base, label in {base: label for label, base in reversed(curve.groups)}.items()]


def _decay_of_group_without(curve: Curve) -> Found | None:
    """Report the first group without weight decay to which an absolute value gives one."""
    values = curve.values_of(0.0)
    if not values.any():
        return None
    name = next(label for label, base in curve.groups if base == 0)
    value = values[np.flatnonzero(values)[0]]
    message = f"weight_decay of group {name!r} is 0 in the optimizer, and an absolute value has no base: the plan "
    advice = f'To keep 0, add a line for this group: ps.Binding("weight_decay", 0, groups={name!r})'
    return problem(curve, codes.GROUPS_MADE_EQUAL, f"{message}gives it {value:g}", advice)


# ---------------------------------------------------------------------- can the optimizer use the values?


def refused_values(curve: Curve) -> Found | None:
    """Report values that an optimizer cannot use: infinite ones, a beta of 1, a negative rate."""
    bad = ~np.isfinite(curve.values)
    if bad.any():
        place = int(np.argmax(bad))
        time = curve.first_time(place, lambda value: not np.isfinite(value))
        message = f"the value is {curve.values[place]} at {when(curve, time)}"
        advice = "" if np.isnan(curve.values[place]) else "Use a ratio below 1, or a longer period"
        return problem(curve, codes.NOT_FINITE, message, advice)
    allowed = range_of(curve.name) if curve.target is None else None
    if allowed is None or curve.resolved is None:
        return None
    # A line without a known base has a sign, and no value.
    peak = float(curve.values.max())
    if allowed.below == 1 < peak and curve.base is None and curve.share == "all":
        least = f"{peak:.3g} × base, which is 1 or more for a base of {1 / peak:.3g} or more"
        return problem(curve, codes.LEVEL_AS_VALUE, f"{curve.name} reaches {least}", BELOW_ONE_ADVICE)
    if not curve.is_real:
        if curve.share != "all":
            return None
        allowed = allowed._replace(below=inf)
    own = 1.0 if curve.base is None else curve.base
    ends = dict.fromkeys((own, min(curve.bases, default=own), max(curve.bases, default=own)))
    firsts = {
        base: first
        for base in ends
        if (first := first_outside(curve.resolved, allowed, base, lambda updates: updates, 0, curve.end)) is not None
    }
    if not firsts:
        return None
    base = min(firsts, key=firsts.__getitem__)
    time, value = firsts[base]
    written = f"{value:.3g}" if curve.is_real else f"{value:.3g} × base"
    message = f"{curve.name}{whose(curve, base)} {allowed.problem(value)}: it is {written} at {when(curve, time)}"
    advice = with_floor(curve.binding.schedule) if value < 0 else BELOW_ONE_ADVICE
    return problem(curve, codes.NEGATIVE if value < 0 else codes.MOMENTUM_OF_ONE, message, advice)


LEVELS: Final[tuple[Question, ...]] = (
    value_for_multiple, target_at_its_own_number, far_above_base, grows, groups_made_equal,
)  # fmt: skip
"""Questions about the levels of a line whose values are known and finite."""
