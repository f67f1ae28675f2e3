"""The rules of the lines of a plan. Each returns the problem that it finds, or None.

`core/base/rules.json` has the sentence and the example of each code.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice, pairwise
from math import inf
from typing import Final, TypeAlias

import numpy as np

from paramsched.core.base import codes
from paramsched.core.base.problem import Problem
from paramsched.core.feedback.base import better_mode
from paramsched.core.plan.value_ranges import BELOW_ONE_ADVICE, ValueRange, first_outside, range_of, with_floor
from paramsched.core.rules.line import IS_HIGH, NEARLY, FieldCurve, Levels, Line, Part, values_of
from paramsched.core.rules.trial_run import TrialRun
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.clamp import maximum
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.sequence import holds_when_empty, in_order_anew
from paramsched.core.time import Duration
from paramsched.errors import MissingFact

Rule: TypeAlias = Callable[[Line], Problem | None]
"""A rule of one line."""


def line_problems(line: Line, *, has_errors: bool = False) -> Iterator[Problem]:
    """Yield the problems of one line that need no values of a run.

    One mistake is reported once: of the levels, the lengths and the stages, the first rule that finds something.

    Args:
        line: the line.
        has_errors: True if the line cannot be resolved, so that only its levels are known.
    """
    of_levels = [*_first(LEVELS, line), *([] if has_errors else _first(TARGETS, line))]
    yield from of_levels
    if has_errors:
        return
    if line.metric_rules:
        yield from (one for rule in METRICS if (one := rule(line)) is not None)
    of_lengths = [*length_problems(line)]
    yield from of_lengths
    if not of_levels and not of_lengths:
        yield from _first(STAGES, line)


def _first(rules: Sequence[Rule], line: Line) -> list[Problem]:
    """Return the problem of the first rule that finds one."""
    return [*islice(filter(None, (rule(line) for rule in rules)), 1)]


def length_problems(line: Line) -> Iterator[Problem]:
    """Yield the problems of the lengths and times that are written in a line."""
    if not line.lengths:
        return
    yield from (one for rule in WRITTEN_TIMES if (one := rule(line)) is not None)
    mistaken = [one for rule in MISTAKEN_UNITS if (one := rule(line)) is not None]
    yield from mistaken
    if line.trial is None or not line.trial.to_scale:
        return
    rules = [stage_of_one_update] if mistaken else LENGTHS_IN_RUN
    yield from (one for rule in rules if (one := rule(line, line.trial)) is not None)


# ---------------------------------------------------------------------- levels

_USUAL: Final = {
    "weight_decay": (1e-6, 0.5), "betas[0]": (0.8, 0.99), "momentum": (0.8, 0.99), "betas[1]": (0.9, 0.9999),
    "eps": (0, 1e-3),
}  # fmt: skip
"""The lowest and the highest usual value of a field. `betas[0]: constant(0.5)` has two usual readings."""
_BELOW_ONE: Final = frozenset({
    "betas", "beta3", "momentum", "dampening", "eps", "alpha", "rho", "shampoo_beta", "momentum_decay", "lr_decay",
    "weight_decay",
})  # fmt: skip
"""Fields whose usual values are below 1, so that levels below 1 are probably values."""
_OF_BASE: Final = ("product", "chain", "minimum")
"""Schedules that may stay below base although each of their parts reaches it."""
_RATES: Final = frozenset({"lr", "final_lr", "step_sizes"})
_NEAR_ZERO: Final = 0.001
_NEAR_ZERO_OF_GROUP: Final = 0.0001
_STEP: Final = 10.0 * (1 + 1e-9)
"""A staircase falls at most by this factor at once."""
MOST_TIMES_BASE: Final = 10.0
"""A learning rate that reaches this multiple of base is probably a length or an absolute value."""
MOST_TIMES_BASE_OF_GROUP: Final = 50.0
"""The same for the line of some groups: no published recipe exceeds 2 × base, but a head may learn much faster."""
_FAR_ABOVE: Final = 100.0
_DEFAULT_RATE: Final = 1e-3
"""The lr of torch's AdamW and SGD that nobody wrote, as if the plan alone has the rates."""


def usual_value(line: Line) -> Problem | None:
    """Report a constant that looks like a value of its field, such as a weight decay of 0.1."""
    low, high = _USUAL.get(line.name, (1.0, 0.0))
    root = line.root
    value = root.number if root.over is None and not line.metric_rules else None
    if (
        value is None
        or not low <= value <= high
        or not 0 < value < 1
        or not (line.key in _BELOW_ONE and line.may_be_values)
    ):
        return None
    advice = f"{value!r} * constant() is {value:g} × base; for the value {value:g} write absolute({value!r})"
    return Problem(line.path, _in_values(line, "is", value), advice, code=codes.LEVEL_AS_VALUE)


def below_base(line: Line) -> Problem | None:
    """Report a momentum, a beta or a weight decay that never reaches base. `0.1 * constant()` is a chosen factor."""
    factors = line.root.parts if line.root.kind == "product" else (line.root,)
    is_number = not line.metric_rules and all(part.kind == "constant" and part.over is None for part in factors)
    levels = line.levels if line.key in _BELOW_ONE and line.may_be_values and not is_number else None
    if levels is None or not 0 < levels.peak < 1 or levels.low < 0:
        return None
    for stage in line.stages:
        peaks = [0.0 if part.levels is None else part.levels.peak for part in stage.parts if stage.kind in _OF_BASE]
        if min(peaks, default=0.0) >= 1:  # as `warmup(10) * linear()`
            return None
    return _as_values(line, [levels], line.as_values())


def begins_near_zero(line: Line) -> Problem | None:
    """Report a rate of which a stage is near 0, as a value such as 3e-4 is.

    A stage that rises to a later stage is a warmup. A stage that begins at most ten times below the end of the stage
    before it is a step of a staircase, or continues that stage.
    """
    if not (line.key in _RATES and line.may_be_values):
        return None
    limit = _NEAR_ZERO if line.is_for_all else _NEAR_ZERO_OF_GROUP
    several = [stage.levels for stage in line.stages]
    low = [one is not None and one.low >= 0 and one.peak <= limit for one in several]
    near = [*range(len(several))] if all(low) else list[int]()
    for place, (before, levels) in enumerate(pairwise([None, *several])):
        if all(low) or levels is None or not low[place] or (levels.rises and place + 1 < len(low)):
            continue
        if before is None or place - 1 in near or abs(before.end) > _STEP * levels.first:
            near.append(place)
    reported = [one for place in near if (one := several[place]) is not None and one.peak > 0]
    if not reported:
        return None
    if all(low) and len(low) > 1:
        return _as_values(line, reported, line.as_values())
    pairs = enumerate(line.stages)
    return _as_values(
        line, reported, line.with_stages(one.in_values() if at in near else one.written for at, one in pairs)
    )


def rates_in_steps(line: Line) -> Problem | None:
    """Report steps of a rate, of which the highest is the number that base is: `table([0.1, 0.01])` with lr=0.1."""
    if not (line.key in _RATES and line.may_be_values and line.is_for_all and line.base):
        return None
    steps = [stage for stage in line.stages if stage.kind in ("table", "constant")]
    levels = line.levels
    if levels is None or len(steps) < len(line.stages) or levels.low <= 0 or levels.rises or levels.low == levels.high:
        return None
    if abs(levels.high - line.base) > 1e-9 * line.base or levels.high >= 1:
        return None
    return _as_values(line, [levels], line.as_values())


def falls_from_its_start(line: Line) -> Problem | None:
    """Report a decay to 0 that starts below base, and below the end of the stage before it."""
    if not (line.key in _RATES and line.may_be_values and line.is_for_all):
        return None
    for place, stage in enumerate(line.stages):
        start = stage.args["start"] if stage.kind == "anneal" else None
        if not isinstance(start, float) or not 0 < start < 1 or stage.args["to"] != 0:
            continue
        before = line.stages[place - 1] if place else None
        top: float | None = 1.0
        if before is not None and "to" not in before.open_ends:  # the open end of a warmup follows this start
            top = None if before.levels is None or before.kind in ("take", "sum") else before.levels.end
        if top is None or top <= start:
            continue
        fall = stage.written.with_args(start=None if top == 1.0 else top, to=start)
        stages = [one.written for one in line.stages]
        high = "base" if top == 1 else f"{top:g} × base"
        written = line.with_stages([*stages[:place], fall, *stages[place + 1 :]])
        found = _in_values(line, "falls from", start, 0.0, because=f"start is {start:g}")
        advice = f"To fall from {high} to {start:g} × base write {written}"
        return Problem(line.path, found, advice, code=codes.LEVEL_AS_VALUE)
    return None


def adds_stages(line: Line) -> Problem | None:
    """Report a sum of schedules, none of which exceeds base, that exceeds it. A number in a sum is an offset."""
    if line.target is not None or line.base == 0:
        return None
    for place, stage in enumerate(line.stages):
        summands = stage.parts if stage.kind == "sum" else ()
        known = [one for part in summands if (one := part.levels) is not None and one.low >= 0 and one.high <= 1]
        # Base itself is a stage: `warmup(10) + constant()`.
        is_of_curves = sum(part.kind != "constant" for part in summands) >= 2
        if len(known) < len(summands) or not (is_of_curves or [one.high for one in known] == [1, 1]):
            continue
        if stage.levels is None or stage.levels.high <= 1 + 1e-6:
            continue
        found = f"{line.name} rises above base, because a sum adds all of its schedules"
        if line.resolved is not None:
            peak = float(f"{stage.levels.high:.3g}")
            found = _in_values(line, "rises to", peak, because="a sum adds all of its schedules")
        rising_first = sorted(summands, key=lambda part: part.levels is None or not part.levels.rises)
        ordered = [part.written for part in rising_first]
        advice = "For one after the other"
        if sum(not one.has_length for one in ordered) > 1:
            advice, ordered = "For the largest of them", [maximum(*(part.written for part in summands))]
        stages = [one.written for one in line.stages]
        written = line.with_stages([*stages[:place], *ordered, *stages[place + 1 :]])
        return Problem(line.path, found, f"{advice} write {written}", code=codes.LEVEL_AS_VALUE)
    return None


def grows_by_levels(line: Line) -> Problem | None:
    """Report a rate of all groups whose written levels reach many times base: a length or a value."""
    if not (line.is_rate and line.is_for_all and line.is_multiple) or line.base == 0:
        return None
    peak = max((one.levels.peak for one in line.stages if one.levels is not None), default=0.0)
    if peak < MOST_TIMES_BASE:
        return None
    found = f"numbers are multiples of the group's own lr, so the lr rises to {peak:.4g} × base"
    advice = "For a length write over=…; for an absolute value write absolute(…)"
    return Problem(line.path, found, advice, code=codes.GROWS)


def far_above_base(line: Line) -> Problem | None:
    """Report an absolute value a hundred times above the optimizer's own one: a multiple was probably meant.

    A weight decay must also reach 1, because 0.1 is usual where an optimizer's default is 1e-4.
    """
    is_absolute = line.target is None and line.binding.schedule.has_absolute
    curve = line.curve if line.name in ("lr", "weight_decay") and is_absolute else None
    is_default = line.name == "lr" and line.base == _DEFAULT_RATE
    if curve is None or curve.share == "all" or not line.base or is_default or not np.isfinite(curve.peak):
        return None
    highest = max(line.bases)
    if curve.peak <= _FAR_ABOVE * highest * (1 + 1e-9) or (line.name == "weight_decay" and curve.peak < 1):
        return None
    found = f"{line.name} is {curve.peak:g}, {curve.peak / highest:.3g} times the optimizer's own {highest:g}"
    advice = f"For multiples of {highest:g} write the line without absolute(…); or set {line.name} in the optimizer"
    return Problem(line.path, found, advice, code=codes.FAR_ABOVE)


_SMALL_FLOOR: Final = 1e-4
"""A decay that ends at such a small multiple of an unknown base probably means an absolute value."""
_SMALL_RATE: Final = 1e-7
"""A rate that trains nothing; one that is meant as the end of a decay is larger, or 0."""
_FLOORS_OF_ONE_CYCLE: Final = (4e-6, 1e-5)
"""The ends of one cycle that torch and fastai have by default, which are multiples of base."""


def floor_as_value(line: Line) -> Problem | None:
    """Report an end of a decay that was probably meant as a rate: below base, and below 1e-7 as a multiple of it.

    Source: `min_lr` of nanoGPT, `eta_min` of torch and `min_lr` of timm are rates.
    """
    if not line.is_rate or line.base == 1.0:
        return None
    base = line.base
    most = _SMALL_FLOOR if base is None else base
    for end in (*_floors(line), *(rule.min for rule in line.plateaus if isinstance(rule.min, float))):
        if not 0 < end <= most or (base is not None and end * base >= _SMALL_RATE):
            continue
        if end in _FLOORS_OF_ONE_CYCLE and any(part.rises and part.level("start") > 0 for part in line.parts):
            continue
        found = f"numbers are multiples of the group's own lr, so the lr ends at {end:g} × base"
        if base is not None:
            found = f"the lr ends at {end * base:g} ({end:g} × base {base:g})"
        advice = f"For the value {end:g} write absolute({end!r})"
        return Problem(line.path, found, advice, code=codes.FLOOR_AS_VALUE, as_warning=base is not None)
    return None


def _floors(line: Line) -> Iterator[float]:
    """Yield the multiples of base at which the decays of a line end, or below which it does not fall."""
    for part in line.root.inside("absolute"):
        if part.is_no_multiple:
            continue
        start, to = part.level("start") or 1.0, part.level("to")
        if isinstance(start, float) and isinstance(to, float) and start <= to:
            continue
        held = part.parts if part.kind == "maximum" else part.stages[1:]
        levels = [part.args.get("low"), to, *(one.number for one in held)]
        yield from (one for one in levels if isinstance(one, float))


def base_is_zero(field: str) -> tuple[str, str, str]:
    """Return the code, the effect and the advice of a field that is 0 in the optimizer.

    Reason: the plan changes nothing, although its line was written to change the field.
    """
    found = f"{field} of the optimizer is 0, so every multiple of it is 0"
    return codes.BASE_OF_ZERO, found, "Set it in the optimizer, or write absolute(0.01)"


def _in_values(line: Line, verb: str, *multiples: float, because: str = "") -> str:
    """Return the clause of a message with the values of some multiples of base, or with the multiples alone."""
    written = " to ".join(f"{one:.4g}" for one in multiples)
    if line.base is None:
        return f"{line.name} {verb} {written} × base, because {because or 'numbers are multiples of base'}"
    values = " to ".join(f"{float(f'{one:.4g}') * line.base:g}" for one in multiples)
    clause = f"{line.name} {verb} {values} ({written} × base {line.base:g})"
    return f"{clause}, because {because}" if because else clause


def _as_values(line: Line, reported: Sequence[Levels], instead: str) -> Problem:
    """Return the problem of multiples that were probably meant as values."""
    low, high = min(one.low for one in reported), max(one.high for one in reported)
    ends = (low,) if low == high else (high, low) if reported[0].first == high else (low, high)
    values = " to ".join(f"{one:.4g}" for one in ends)
    found = _in_values(line, "is" if len(ends) == 1 else "goes from", *ends)
    advice = f"For the value{'s' * (len(ends) > 1)} {values} write {instead}"
    return Problem(line.path, found, advice, code=codes.LEVEL_AS_VALUE)


# ---------------------------------------------------------------------- targets

_FIELDS: Final = frozenset({"lr", "learning_rate", "weight_decay", "betas"})
"""Names of fields that optimizers have. `momentum` may be that of a teacher, and `eps` that of a policy."""
_SHARES: Final = frozenset({"dropout", "prob", "probability", "smoothing", "ema"})
"""Words in the names of values between 0 and 1."""


def target_of_field(line: Line) -> Problem | None:
    """Report a target with the name of a field, which it does not write."""
    target = line.target
    if target is None or target.name not in _FIELDS or target.write is not None:
        return None
    name = target.name
    found = f"the target {name} is a value outside of the optimizer, whose own {name} does not follow it"
    advice = f"Write {name}: {line.binding.schedule} outside of targets, or rename it"
    return Problem(line.path, found, advice, code=codes.TARGET_OF_FIELD)


def target_level(line: Line) -> Problem | None:
    """Report a level of a target that is its initial value, so that the line was probably written in values.

    A line that reaches 1 before that level is one of multiples: `linear(1, 0.5)` of a dropout of 0.5, `stairs(1, 2, 2)`
    of a size of 2. So is a line with a peak of 1: `warmup(10, 0.1) >> cosine()` of a weight of 0.1.
    """
    target = line.target
    if target is None or line.binding.schedule.has_absolute or target.initial in (0.0, 1.0):
        return None
    name, initial, levels = target.name, target.initial, [*_levels_in_order(line)]
    if initial not in levels or (1.0 in levels and levels.index(1.0) < levels.index(initial)):
        return None
    if max(levels) == 1.0 and levels[-1] < 1.0:
        return None
    found = f"{name} has the level {initial:g}, which is {initial * initial:.6g}: {initial:g} × initial {initial:g}"
    advice = f"For the value {initial:g} write the level 1, or for a line in values absolute({line.binding.schedule})"
    return Problem(line.path, found, advice, code=codes.TARGET_LEVEL)


def _levels_in_order(line: Line) -> Iterator[float]:
    """Yield the multiples that are written in a line, without factors and without those of warmups to 1."""
    factors = {id(one) for part in line.parts if part.kind == "product" for one in part.parts}
    for part in line.parts:
        ends = part.ends
        is_warmup = ends is not None and part.over is not None and ends[1] == 1 and ends[0] <= 0.5
        if not is_warmup and (part.number is None or id(part) not in factors):
            names = ("start", "to") if part.kind == "anneal" else part.level_names
            levels = part.args["values"] if part.kind == "table" else [part.level(name) for name in names]
            yield from (one for one in levels if isinstance(one, float))


def share_outside(line: Line) -> Problem | None:
    """Report a target that is a share by its name, and has values outside of 0 to 1."""
    name = "" if line.target is None else line.target.name.lower()
    is_share = bool(_SHARES & set(re.split(r"[_\W]+", name))) or name == "teacher_momentum"
    curve = line.curve if is_share else None
    if curve is None:
        return None
    low, high = float(np.min(curve.values)), curve.peak
    if high <= 1 + 1e-9 and low >= -1e-9:
        return None
    found = f"{line.name} is a share, and reaches {high if high > 1 else low:.4g}"
    advice = "Keep it between 0 and 1: levels are multiples of its initial value"
    return Problem(line.path, found, advice, code=codes.TARGET_LEVEL)


# ---------------------------------------------------------------------- metric rules


def mode_of_metric(line: Line) -> Problem | None:
    """Report a metric rule whose mode contradicts the name of its metric.

    Reason: "min" is the default, so `plateau("val_acc")` reduces the rate at each improvement.
    """
    for rule in line.plateaus:
        mode = better_mode(rule.metric)
        if mode is not None and mode != rule.mode:
            verb, other = ("rises", "lower") if mode == "max" else ("falls", "higher")
            found = f'{rule.metric} probably {verb} when it improves, but mode="{rule.mode}" prefers {other} values'
            return Problem(line.path, found, f"Write {replace(rule, mode=mode)}", code=codes.MODE_OF_METRIC)
    return None


def counts_in_warmup(line: Line) -> Problem | None:
    """Report a plateau rule of the lr that counts during a warmup longer than its patience.

    Reason: a metric is usually observed once in an epoch. If it stands still while the rate is low, the first value is
    the best one, and `patience + 1` further values reduce the rate before it reaches base.
    """
    rules = [rule for rule in line.plateaus if rule.begin is None] if line.is_rate else []
    warmups = (time for part in line.parts if part.over_run and (time := _warmup(part)) is not None) if rules else ()
    for time in warmups:
        epochs = _in_epochs(line, time)
        for rule in rules if epochs is not None else ():
            if epochs is not None and epochs >= rule.patience + 2:
                found = f"{rule} counts during the warmup of {float(epochs):.3g} epochs, and may cut it"
                advice = f"Write {replace(rule, after=time)}"
                return Problem(line.path, found, advice, code=codes.COUNTS_IN_WARMUP)
    return None


def _warmup(part: Part) -> Duration | None:
    """Return the time after which stages have risen to their highest level; None if they rise again later."""
    several, time = [stage.levels for stage in part.stages], Duration.of(0)
    high = NEARLY * max((one.high for one in several if one is not None), default=0.0)
    for place, (stage, levels) in enumerate(zip(part.stages, several, strict=True)):
        if levels is None or (not place and levels.first >= IS_HIGH * high):
            return None
        length = stage.written.known_length if levels.first < high else Duration.of(0)
        if length is None:
            return None
        time += length
        if max(levels.first, levels.end) >= high:
            again = (one for one in several[place + 1 :] if one is not None and one.rises and one.end >= high)
            return None if any(again) else time
    return None


def _in_epochs(line: Line, time: Duration) -> Fraction | None:
    """Return a time in epochs; None if the length of an epoch is unknown."""
    trial, facts = line.trial, line.facts
    if {unit for unit, _ in time.terms} == {"epochs"}:
        return sum((count for _, count in time.terms), Fraction(0))
    if trial is not None and trial.epoch and trial.converts([time]):
        return trial.span.units.exact(time) / trial.epoch
    epoch = None if facts is None else facts.updates_per_epoch
    try:
        return None if facts is None or epoch is None else facts.exact(time) / epoch
    except MissingFact:
        return None


# ---------------------------------------------------------------------- lengths

_MANY_EPOCHS: Final = 100
_TIMES_THE_RUN: Final = 10  # a length in epochs of at least so many runs probably means updates
_TIMES_FOR_WARMUP: Final = 3  # the same limit for a warmup, which is a small part of a run
_FEW_EPOCHS: Final = 5  # in a run of fewer epochs, small numbers may mean updates
_SHORT_WARMUP: Final = 20  # updates; a longer warmup may be intended
_TIMED: Final = ("multistep", "step", "restarts", "cosine_restarts", "cyclic", "table")
"""Shapes with times by which they may be too short."""
_SHORT_EPOCH: Final = 10  # updates; with such epochs, numbers of updates and of epochs are similar
LONG_RUN: Final = 1_000  # updates
_SHORT_RUN: Final = 100  # updates
_SMALL_SHARE: Final = Fraction(1, 10)  # percent; a share of at most 0.1% may be a fraction that was meant in percent
_MOST_PERCENT: Final = 100
_CLEARLY_LONGER: Final = Fraction(101, 100)  # lengths may exceed the run by 1%, because one extra update has no effect


def milestones_mixed(line: Line) -> Problem | None:
    """Report milestones that are repeated or not in order.

    Source: torch's MultiStepLR sorts its milestones and multiplies twice at one that is repeated.
    """
    for part in line.parts:
        milestones = part.milestones
        first = {one: at for at, one in reversed([*enumerate(milestones)])}
        repeated = [one for at, one in enumerate(milestones) if first[one] < at]
        terms = [one.terms for one in milestones if len(one.terms) == 1]
        counts = [term[0][1] for term in terms]
        found = ""
        if repeated:
            found = f'milestone "{repeated[0]}" is repeated, so its factor is applied twice'
        elif len(terms) == len(milestones) and len({term[0][0] for term in terms}) == 1 and counts != sorted(counts):
            found = f"milestones are not in order: {', '.join(map(str, milestones))}"
        if found:
            return Problem(line.path, found, "Keep each milestone once, in order", code=codes.MILESTONES_MIXED)
    return None


def last_stage_empty(line: Line) -> Problem | None:
    """Report a last stage of 0 updates.

    Source: timm's `cooldown_epochs=0` and `warmup_epochs=0` switch a stage off; a last stage does not need that.
    """
    for last in (part.stages[-1] for part in line.parts if part.kind == "sequence"):
        if last.written.known_length == Duration.of(0) and not holds_when_empty(last.written):
            found = f"the last stage, {last}, has 0 updates and is skipped"
            return Problem(line.path, found, "Remove it, or write a longer length", code=codes.ONE_UPDATE)
    return None


def epochs_for_updates(line: Line) -> Problem | None:
    """Report the first length in epochs that is many times the length of the run.

    The limit is 10 times the run, and 3 times the run for a warmup. Source: MMEngine's schedulers count epochs by
    default, also for the `end=500` of a warmup in iterations.
    """
    if line.epochs is None:
        return None
    warmups = {id(part.over) for part in line.parts if part.rises}
    for over in line.lengths:
        times = _TIMES_FOR_WARMUP if id(over) in warmups else _TIMES_THE_RUN
        for length in [count for unit, count in over.terms if unit == "epochs"]:
            if length >= _MANY_EPOCHS and length >= times * line.epochs:
                found = f'the length "{over}" exceeds the run of {_number(line.epochs)} epochs'
                advice = f'For updates write "{_number(length)} steps"'
                return Problem(line.path, found, advice, code=codes.EPOCHS_FOR_UPDATES)
    return None


def updates_for_epochs(line: Line) -> Problem | None:
    """Report the first shape whose lengths in updates are all below the number of epochs.

    Source: the milestones of torch's MultiStepLR and StepLR count epochs in nearly all scripts.
    """
    trial, epochs = line.trial, line.epochs
    if epochs is None or epochs < _FEW_EPOCHS:
        return None
    if trial is not None and trial.known and trial.epoch is not None and trial.epoch < _SHORT_EPOCH:
        return None
    for part in line.parts:
        written = part.times("time", "period") if part.kind in _TIMED else []
        if part.kind == "anneal" and part.over is not None:
            written = [part.over]
        if not all([unit for unit, _ in one.terms] == ["updates"] for one in written):
            continue
        counts = [one.terms[0][1] for one in written if one.terms[0][1] > 1]
        if counts and max(counts) <= min(epochs, _SHORT_WARMUP if part.rises else epochs):
            verb = "counts" if len(counts) == 1 else "count"
            found = f"{', '.join(map(_number, counts))} {verb} updates, but the run has {_number(epochs)} epochs"
            advice = f'For epochs write "{_number(counts[-1])} epochs"'
            return Problem(line.path, found, advice, code=codes.UPDATES_FOR_EPOCHS)
    return None


def beyond_total(line: Line, trial: TrialRun) -> Problem | None:
    """Report the first sequence or shape that is longer than the run.

    A stage that continues a longer schedule (`skip`) may be cut, as in a published run that ended early: OLMo 3.

    Source: Hoffmann et al., 2022, appendix B: models train worse if the cosine is over 25% longer than the run.
    """
    for part, lengths in line.courses:
        if part.stages[-1].kind == "skip" and len(lengths) > 1:
            continue
        taken = sum(filter(None, lengths), Fraction(0))
        if taken > _CLEARLY_LONGER * trial.end:
            found = f"{part} takes {_percent(taken / trial.end)} of the total, so the run ends first"
            # The known lengths already exceed the run, so a stage without length would get no updates.
            return Problem(line.path, found, code=codes.NOTHING_LEFT if part.written.fills else codes.BEYOND_TOTAL)
    return None


def milestone_after_end(line: Line, trial: TrialRun) -> Problem | None:
    """Report the first milestone after the end of the run.

    Source: microsoft/SoftTeacher#224, a run of 12,000 iterations with its first milestone at 480,000. detectron2 warns
    of such milestones itself, since facebookresearch/detectron2#2609.
    """
    for part, _ in line.courses:
        for when, milestone in line.times_of(part.milestones, part):
            if when > trial.end:
                found = f'milestone "{milestone}" is after the end of the run, at {float(when / trial.end):.0%} of it'
                advice = "Remove it, or write a time within the run"
                return Problem(line.path, found, advice, code=codes.MILESTONE_AFTER_END)
    return None


def period_beyond_run(line: Line, trial: TrialRun) -> Problem | None:
    """Report the first period that is longer than the run.

    Reason: a step or a restart that never happens leaves a constant, or a part of one wave.
    """
    for part, _ in line.courses:
        for length, written in line.times_of(part.times("period"), part):
            # CosineAnnealingLR of torch is half of a wave, which ends with the run.
            is_half = length == 2 * trial.end and any(one.kind == "cosine_wave" for one in part.inside())
            if length > trial.end and not is_half:
                found = f'the period "{written}" is {_percent(length / trial.end)} of the run, so it never completes'
                return Problem(line.path, found, "Shorten it, or remove it", code=codes.PERIOD_BEYOND_RUN)
    return None


def stage_of_one_update(line: Line, trial: TrialRun) -> Problem | None:
    """Report the first stage that takes at most one update although its length is in another unit.

    Reason: a fraction such as 0.05 was written as a percentage, `"0.05%"`; a stage of one update is written as 1. In a
    shorter run only a share of at most 0.1% is such a fraction, because a short trial of a long run is right.
    """
    if not trial.known and trial.units != {"updates", "percent"}:
        return None
    for part, lengths in line.courses:
        for stage, length in zip(part.stages, lengths, strict=True):
            written = stage.over
            if length is None or length > 1 or written is None or written.is_resolved:
                continue
            shares = [one for one in written.terms if one[0] == "percent"]
            is_small = len(written.terms) == 1 and bool(shares) and shares[0][1] <= _SMALL_SHARE
            if trial.end < (_SHORT_RUN if is_small else LONG_RUN):
                continue
            # A builder such as `one_cycle` may have added an update to the share that is written.
            quoted = Duration((shares[0],)) if shares else written
            found = f'"{quoted}" is only {_number(length)} of {_number(trial.end)} updates'
            return Problem(line.path, found, 'Use a longer length, such as "5%"', code=codes.ONE_UPDATE)
    return None


def decay_in_percent(line: Line, trial: TrialRun) -> Problem | None:
    """Report a last decay whose length is a number that is meant in percent: `wsd(2, 20)`.

    Reason: decays of constant schedules take 5 to 20% of a run. Published ones take 1,000 updates or more.
    """
    if trial.end < LONG_RUN or "updates" not in trial.units:
        return None
    for part, lengths in line.courses:
        decay, length = part.stages[-1], lengths[-1]
        written = decay.over
        has_open_stage = not all(stage.written.has_length for stage in part.stages)
        if part.kind != "sequence" or not has_open_stage or decay.kind != "anneal" or decay.rises:
            continue
        if length is None or written is None or not written.is_resolved:
            continue
        if 1 < length <= _MOST_PERCENT and 100 * length < trial.end:
            found = f"the decay takes {written} of {_number(trial.end)} updates, less than 1% of the run"
            advice = f'For a share of the run write "{written}%"'
            return Problem(line.path, found, advice, code=codes.UPDATES_FOR_PERCENT)
    return None


def updates_text(count: int) -> str:
    """Return a number of updates in words.

    >>> updates_text(1), updates_text(20)
    ('1 update', '20 updates')
    """
    return "1 update" if count == 1 else f"{count} updates"


def _percent(share: Fraction) -> str:
    return f"{float(100 * share):.6g}%"


def _number(value: Fraction) -> str:
    return f"{float(value):g}" if value < 10**6 else f"{float(value):,.0f}"


# ---------------------------------------------------------------------- stages

_NEAR: Final = 1.25
"""Levels whose ratio is smaller are near: timm's cosine begins at 0.88 of its level after a warmup of a fifth."""
SHORTEN_THE_WARMUP: Final = 'Shorten the warmup: warmup("5%")'


def jump(line: Line) -> Problem | None:
    """Report a stage that has no level to write, and begins at base after another level."""
    for part in line.sequences:
        for at, (before, after) in enumerate(pairwise(part.stages), 1):
            has_level = after.kind in ("anneal", "constant", "geometric", "product") or after.written.has_absolute
            if has_level or after.is_empty or before.kind == "constant" or after.goes_on(before):
                continue
            levels, begins = before.levels, after.levels
            if levels is None or begins is None or abs(begins.first - 1.0) > 1e-9 or not _is_far(levels.end, 1.0):
                continue
            end, base = levels.end, line.base
            found = f"stage {at + 1}, {after}, begins at 1 × base, but stage {at} ends at {end:.3g} × base"
            if base and line.target is None:
                found += f": {line.name} jumps from {end * base:.4g} to {base:.4g}"
            advice = "Write the level at which the stage begins"
            if end:
                changed = _changed(part, at, float(f"{end:.3g}") * after.written)
                advice = f"To begin at the level before write {changed}"
            return Problem(line.path, found, advice, code=codes.JUMP)
    return None


def warmup_last(line: Line) -> Problem | None:
    """Report an lr that falls, and then rises to base in the last stage."""
    if not line.is_rate or line.root not in line.sequences:
        return None
    *others, last = line.root.stages
    before, rise = others[-1].levels, last.levels
    if last.kind != "anneal" or last.over is None or rise is None or before is None:
        return None
    is_rise = rise.end > rise.first * _NEAR and rise.end >= IS_HIGH * before.first
    is_repeated = any(one.levels is not None and one.levels[:2] == rise[:2] for one in others)  # as in a triangle
    if not is_rise or before.end >= before.first / _NEAR or is_repeated:
        return None
    found = f"the last stage, {last}, rises to {rise.end:.3g} × base at the end of the run"
    ordered = line.with_stages([last.written, *(one.written for one in others)])
    return Problem(line.path, found, f"A warmup comes first: {ordered}", code=codes.RISES_TO_THE_END)


def idle_stage(line: Line) -> Problem | None:
    """Report a stage whose open level makes it constant; `constant()` is meant to be."""
    for part in line.sequences:
        for at, stage in enumerate(part.stages):
            resolved = Part(stage.resolved) if stage.resolved is not None else stage
            one = resolved.level("to")
            if not stage.open_ends or stage.is_empty or resolved.kind != "anneal" or resolved.level("start") != one:
                continue
            level = str(one) if isinstance(one, Absolute) else f"{one:.3g} × base"
            found = f"stage {at + 1}, {stage}, begins and ends at {level}, so it changes nothing"
            if level == "1 × base":
                return Problem(line.path, found, _OTHER_LEVEL, code=codes.NO_CHANGE)
            name, verb = ("to", "end") if "to" in stage.open_ends else ("start", "begin")
            changed = _changed(part, at, stage.written.with_args(**{name: 1.0}))
            return Problem(line.path, found, f"To {verb} at base write {changed}", code=codes.NO_CHANGE)
    return None


_OTHER_LEVEL: Final = "Write another level, such as to=0.1, or constant()"


def idle_shape(line: Line) -> Problem | None:
    """Report the first shape that holds base, such as `cosine(to=1.0)` and `step(30, gamma=1.0)`.

    Two other levels that are equal were written as a pair, such as `linear(0.1, 0.1)`.
    """
    later = {id(stage) for part in line.parts for stage in part.stages[1:]}
    for part in line.parts:
        resolved = part.resolved if part.is_like_resolved and not part.parts else None
        if resolved is None or part.kind == "constant" or part.is_no_multiple or part.written.has_absolute:
            continue
        if part.kind == "anneal":
            begins_at_base = part.args["start"] is not None or id(part) not in later
            is_idle = begins_at_base and part.ends == (1.0, 1.0) and part.over != Duration.of(0)
        else:
            values = values_of(resolved, _TIMES_OF_IDLE)
            is_idle = values is not None and bool(np.all(values == 1.0))
        if is_idle:
            found = f"{part} begins and ends at 1 × base, so it changes nothing"
            advice = _OTHER_LEVEL if part.level_names else "Write another ratio, such as gamma=0.1, or constant()"
            return Problem(line.path, found, advice, code=codes.NO_CHANGE)
    return None


_TIMES_OF_IDLE: Final = np.unique([*range(64), *np.geomspace(64, 1e17, 64).astype(np.int64)])


def _is_far(one: float, other: float) -> bool:
    low, high = sorted((one, other))
    return high > low * _NEAR + 1e-9


def _changed(part: Part, at: int, stage: Schedule) -> str:
    """Return the text of a sequence with another stage."""
    stages = [one.written for one in part.stages]
    return str(in_order_anew([*stages[:at], stage, *stages[at + 1 :]]))


# ---------------------------------------------------------------------- values in the run

PRACTICALLY_ZERO: Final = 1e-5  # of the peak
_LONG_END: Final = 0.1  # of the run
_MEANT_END: Final = 0.5  # of the run; such a long end is no use, even if it is written
_FEW_STEPS: Final = 20  # in a run; more of them were probably meant as longer ones
_LATE: Final = 0.9  # of the run; a rate that rises until then has no time left to fall
_TINY_RUN: Final = 20  # updates
_FEWEST: Final = 4  # updates; in a shorter run each stage has one
_SHORT_CYCLE: Final = 0.1  # of the cycle before


def check_values(curve: FieldCurve) -> Iterator[Problem]:
    """Yield the problems of the values of one line of a plan."""
    bad = ~np.isfinite(curve.values)
    if np.any(bad):
        value, first = _first_with(curve, int(np.argmax(bad)), lambda value: not np.isfinite(value))
        found = f"the value is {value} at {_when(curve, first)}"
        yield Problem(curve.line.path, found, "Use a ratio below 1, or a longer period", code=codes.NOT_FINITE)
    else:
        yield from _outside_of_range(curve)
        yield from grows(curve)


def _outside_of_range(curve: FieldCurve) -> Iterator[Problem]:
    """Yield the problem of a field with values that an optimizer cannot use, such as a beta of 1 or a negative rate."""
    name = curve.line.name
    allowed = range_of(name) if curve.line.target is None else None
    if allowed is None:
        return
    # A line without a known base has a sign, and no value.
    if allowed.below == 1 < curve.peak and curve.line.base is None and curve.share == "all":
        least = f"{curve.peak:.3g} × base, which is 1 or more for a base of {1 / curve.peak:.3g} or more"
        yield Problem(curve.line.path, f"{name} reaches {least}", BELOW_ONE_ADVICE, code=codes.LEVEL_AS_VALUE)
    if not curve.is_real:
        allowed = allowed._replace(below=inf) if curve.share == "all" else None
    outside = None if allowed is None else _first_outside(curve, allowed)
    if allowed is not None and outside is not None:
        at, value = outside
        written = f"{value:.3g}" if curve.is_real else f"{value:.3g} × base"
        found = f"{name} {allowed.problem(value)}: it is {written} at {_when(curve, at)}"
        advice = with_floor(curve.line.binding.schedule) if value < 0 else BELOW_ONE_ADVICE
        yield Problem(curve.line.path, found, advice, code=codes.NEGATIVE if value < 0 else codes.MOMENTUM_OF_ONE)


def grows(curve: FieldCurve) -> Iterator[Problem]:
    """Yield the problem of a rate that grows to many times its base.

    Reason: no published recipe exceeds 2 × base, and a ratio above 1, applied at each update, has no limit.
    """
    base = curve.line.base_or_1
    limit = MOST_TIMES_BASE if curve.line.is_for_all else MOST_TIMES_BASE_OF_GROUP
    if not curve.line.is_rate or curve.share != "all" or base <= 0 or curve.peak <= limit * base:
        return
    if not any(part.kind == "as_factor" for part in Part(curve.schedule).inside()):
        multiple = f"{curve.peak / base:.3g}" if curve.run.to_scale else f"more than {limit:g}"
        found = f"it grows to {multiple} × base at {_when(curve, int(curve.times[np.argmax(curve.values)]))}"
        yield Problem(curve.line.path, found, "Use a ratio below 1, or a smaller multiple of base", code=codes.GROWS)


def check_rates(curves: Iterable[FieldCurve]) -> Iterator[Problem]:
    """Yield the problems of the learning rates of all groups together, because one group may be 0 on purpose.

    Reason: a run whose rate is 0 trains nothing, and one whose rate rises until its end never anneals.
    """
    rates = [one for one in curves if one.line.is_rate and np.isfinite(one.values).all()]
    if not rates:
        return
    first = next((one for one in rates if one.line.is_for_all), rates[0])
    if not any(one.values.any() for one in rates):
        found = "the learning rate is 0 during the entire run"
        yield Problem(first.line.path, found, "Use lr: cosine(), or remove the line", code=codes.NEVER_ABOVE_ZERO)
        return
    # A group without a line keeps its rate, and so does one whose values are unknown.
    zeros = [zero_at_the_end(one) for one in rates] if first.line.is_for_all or len(rates) > 1 else []
    if zeros and None not in zeros and (zero := zeros[rates.index(first)]) is not None:
        yield zero
    if first.line.is_for_all and _is_comparable(first) and first.run.to_scale and first.end >= _FEWEST:
        yield from filter(None, (rule(first) for rule in (rises_to_the_end, restart_at_the_end)))


def zero_at_the_end(curve: FieldCurve) -> Problem | None:
    """Report a rate that is nearly 0 long before the end.

    A last `constant(0)` of less than half of the run is meant, and so are a few steps: `step("30 epochs")` of 300.
    """
    sizes = np.abs(curve.values)
    limit = PRACTICALLY_ZERO * sizes.max()
    if sizes[-1] > limit or not curve.run.to_scale or not _is_comparable(curve) or curve.end < _TINY_RUN:
        return None
    above = np.flatnonzero(sizes > limit)
    if not len(above):
        return None
    last = int(curve.times[above[-1]]) + 1
    *others, stage = curve.line.stages
    has_few_steps = curve.values[-1] != 0 and np.count_nonzero(np.diff(curve.values)) <= _FEW_STEPS
    is_written = has_few_steps or (others and stage.number == 0)
    if 1 - last / curve.end < (_MEANT_END if is_written else _LONG_END):
        return None
    if above[-1] + 1 < len(curve.times):
        _, last = _first_with(curve, int(above[-1] + 1), lambda value: abs(value) <= limit)
    left = 1 - last / curve.end
    found = f"the learning rate is nearly 0 from {_when(curve, last)} on, for {left:.0%} of the run"
    advice = "Extend the decay to the end of the run, or end it above 0"
    return Problem(curve.line.path, found, advice, code=codes.ZERO_AT_THE_END)


def rises_to_the_end(curve: FieldCurve) -> Problem | None:
    """Report a rate that rises until the end: its warmup is too long or, without a warmup, its ends are swapped.

    Source: lightly-ai/lightly#1842, whose warmup took the run, so that the rate never reached its base.
    """
    is_early = curve.times < _LATE * curve.end
    # The peak is earlier, or, in a cyclic schedule, the rate has reached it before and has fallen since.
    if curve.values[0] >= IS_HIGH * curve.peak or np.any(curve.values[is_early] > NEARLY * curve.peak):
        return None
    line, run = curve.line, curve.run
    ramps = [part for part in line.parts if part.rises and part.over is not None]
    takes_run = any(when >= run.end for part in ramps for when, _ in line.times_of([part.args["over"]], part))
    if curve.end < _TINY_RUN and not takes_run:
        return None
    top = int(curve.times[np.argmax(curve.values)])
    found = f"the learning rate rises until {_when(curve, top, of_all=True)}"
    if ramps or any(part.times("period") and part.level_names for part in line.parts):
        return Problem(line.path, found, SHORTEN_THE_WARMUP, code=codes.RISES_TO_THE_END)
    advice, (*others, last) = "Use a ratio below 1", line.stages
    if last.rises and last.ends is not None:
        swapped = last.written.with_args(start=last.ends[1], to=last.ends[0])
        advice = f"To fall write {line.with_stages([*(one.written for one in others), swapped])}"
    return Problem(line.path, f"{found}, without a warmup", advice, code=codes.ENDS_SWAPPED)


def restart_at_the_end(curve: FieldCurve) -> Problem | None:
    """Report a restart shortly before the end, after which the rate has no time to fall.

    The last cycle has at most a tenth of the updates of the one before. A period that divides the run has none.
    """
    values, times = curve.values, curve.times
    has_periods = any(part.times("period") for part in curve.line.parts)
    if values[-1] < IS_HIGH * curve.peak or curve.end < _TINY_RUN or not has_periods:
        return None
    up = np.flatnonzero((values[1:] > 2 * values[:-1]) & (values[1:] >= IS_HIGH * curve.peak)) + 1
    if not len(up):
        return None
    _, begin = _first_with(curve, int(up[-1]), lambda value: value >= IS_HIGH * curve.peak)
    before = int(times[up[-2]]) if len(up) > 1 else 0
    left = curve.end - begin
    if left > _SHORT_CYCLE * (begin - before):
        return None
    found = f"the rate restarts at {_when(curve, begin)}, {updates_text(left)} before the end, and ends high"
    advice = "Choose a period that divides the run, such as restarts(cosine(), times=4)"
    return Problem(curve.line.path, found, advice, code=codes.RESTART_AT_THE_END)


def _is_comparable(curve: FieldCurve) -> bool:
    """Return whether the values are proportional to those of the real run: not a mix of multiples and values."""
    return curve.is_real or curve.share == "all"


def _first_with(curve: FieldCurve, place: int, holds: Callable[[float], bool]) -> tuple[float, int]:
    """Return the value and the update from which on `holds` is true, between an evaluated update and the one before."""
    low, high = int(curve.times[place - 1]) if place else -1, int(curve.times[place])
    value = float(curve.values[place])
    while high - low > 1:
        middle = (low + high) // 2
        here = curve.value_at(middle)
        low, high, value = (middle, high, value) if not holds(here) else (low, middle, here)
    return value, high


def _first_outside(curve: FieldCurve, allowed: ValueRange) -> tuple[int, float] | None:
    """Return the first update at which the values of a group are outside of a range, and its value."""
    own, bases = curve.line.base_or_1, curve.line.bases
    ends = dict.fromkeys((own, min(bases, default=own), max(bases, default=own)))
    found = (first_outside(curve.schedule, allowed, base, lambda updates: updates, 0, curve.end) for base in ends)
    return min(filter(None, found), default=None)


def _when(curve: FieldCurve, time: int, *, of_all: bool = False) -> str:
    """Return a time of a run in words, with the length of the run if `of_all`."""
    run = curve.run
    if not run.to_scale:
        return "a time that depends on steps_per_epoch"
    if run.known or (run.epoch is None and "updates" in run.units):
        return f"update {time}" + f" of {curve.end}" * of_all
    if run.epoch is not None:
        return f"epoch {time / run.epoch:.3g}" + f" of {curve.end / run.epoch:g}" * of_all
    return f"{time / curve.end:.0%} of the run"


LEVELS: Final = (
    usual_value, below_base, begins_near_zero, rates_in_steps, falls_from_its_start, adds_stages, grows_by_levels,
    far_above_base, floor_as_value,
)  # fmt: skip
TARGETS: Final = (target_of_field, target_level, share_outside)
METRICS: Final = (mode_of_metric, counts_in_warmup)
WRITTEN_TIMES: Final = (milestones_mixed, last_stage_empty)
MISTAKEN_UNITS: Final = (epochs_for_updates, updates_for_epochs)
LENGTHS_IN_RUN: Final = (
    beyond_total, milestone_after_end, period_beyond_run, stage_of_one_update, decay_in_percent,
)  # fmt: skip
STAGES: Final = (jump, warmup_last, idle_stage, idle_shape)
