"""The questions about the lengths, the times and the stages of a line, and about how a rate uses the run."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

import numpy as np

from paramsched.base import codes
from paramsched.core.feedback import Plateau, better_mode
from paramsched.core.rules.curve import Curve, Line, Part, Stage, Time, values_of
from paramsched.core.rules.questions import (
    HIGH,
    NEAR,
    TINY_RUN,
    Found,
    Question,
    number_text,
    percent_text,
    problem,
    updates_text,
    when,
    whose,
)
from paramsched.core.schedules.anneals import cosine, first_level, is_anneal, last_level
from paramsched.core.schedules.cycles import restarts
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.own import is_own
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import holds_when_empty, stages_of
from paramsched.core.time.duration import Duration

LONG_RUN: Final = 1_000
"""Updates of a run that trains a model; a shorter one may try a plan for a longer one."""
_OWN_LENGTH: Final = ("fills", "open", "length")
"""The roles of a length of a stage; the others are "time" and "period"."""


# ---------------------------------------------------------------------- the text

_FIELDS: Final = frozenset({"lr", "learning_rate", "weight_decay", "betas"})
"""Names of fields that optimizers have. `momentum` may be that of a teacher, and `eps` that of a policy."""


def target_of_field(curve: Curve) -> Found | None:
    """Report a target with the name of a field, which it does not write.

    Reason: docs/how-to/targets.md, where a target is a value outside of the optimizer.
    """
    target = curve.target
    if target is None or target.name not in _FIELDS or target.write is not None:
        return None
    name = target.name
    message = f"the target {name} is a value outside of the optimizer, whose own {name} does not follow it"
    advice = f"Write {name}: {curve.binding.schedule} outside of targets, or rename it"
    return problem(curve, codes.TARGET_OF_FIELD, message, advice)


def milestones_mixed(curve: Curve) -> Found | None:
    """Report milestones that are repeated or not in order.

    Source: torch's MultiStepLR, whose milestones must be increasing, multiplies twice at one that is repeated.
    """
    for part in curve.parts:
        milestones = [time.written for time in part.times if part.kind == "multistep"]
        seen = set[Duration]()
        repeated = [milestone for milestone in milestones if milestone in seen or seen.add(milestone)]  # type: ignore[func-returns-value]
        counts = [milestone.terms[0][1] for milestone in milestones if len(milestone.terms) == 1]
        units = {milestone.terms[0][0] for milestone in milestones if len(milestone.terms) == 1}
        message = ""
        if repeated:
            message = f'milestone "{repeated[0]}" is repeated, so its factor is applied twice'
        elif len(counts) == len(milestones) and len(units) == 1 and counts != sorted(counts):
            message = f"milestones are not in order: {', '.join(map(str, milestones))}"
        if message:
            return problem(curve, codes.MILESTONES_MIXED, message, "Keep each milestone once, in order")
    return None


def last_stage_empty(curve: Curve) -> Found | None:
    """Report a last stage of 0 updates.

    Source: timm's `cooldown_epochs=0` and `warmup_epochs=0` switch a stage off; a last stage does not need that.
    """
    for part in curve.parts:
        last: Schedule | None = part.written.args["stages"][-1] if part.kind == "sequence" else None
        if last is None or last.known_length != Duration.of(0) or holds_when_empty(last):
            continue
        message = f"the last stage, {last}, has 0 updates and is skipped"
        return problem(curve, codes.ONE_UPDATE, message, "Remove it, or write a longer length")
    return None


def mode_of_metric(curve: Curve) -> Found | None:
    """Report a metric rule whose mode contradicts the name of its metric.

    Reason: "min" is the default, so `plateau("val_acc")` reduces the rate at each improvement.
    """
    for rule in _plateaus(curve):
        mode = better_mode(rule.metric)
        if mode is not None and mode != rule.mode:
            message = f'the best {rule.metric} is probably its {mode}imum, but mode="{rule.mode}"'
            return problem(curve, codes.MODE_OF_METRIC, message, f"Write {replace(rule, mode=mode)}")
    return None


def _plateaus(curve: Curve) -> list[Plateau]:
    return [rule for rule in curve.rules if isinstance(rule, Plateau)]


def counts_in_warmup(curve: Curve) -> Found | None:
    """Report a plateau rule of the lr that counts during a warmup longer than its patience.

    Reason: a metric is usually observed once in an epoch. If it stands still while the rate is low, the first value is
    the best one, and `patience + 1` further values reduce the rate before it reaches base.
    """
    rules = [rule for rule in _plateaus(curve) if rule.begin is None] if curve.is_rate else []
    if not rules or curve.resolved is None:
        return None
    is_high = curve.multiples >= _AT_PEAK * curve.multiples.max()
    place = int(np.argmax(is_high))
    if (
        is_high[0]
        or curve.multiples[0] >= HIGH * curve.multiples.max()
        or (np.diff(is_high[place:].astype(int)) > 0).any()
    ):
        return None
    written = _time_of_warmup(curve)
    reached = curve.first_time(place, lambda value: value >= _AT_PEAK * float(curve.values.max()))
    epochs = _in_epochs(curve, written, reached)
    for rule in rules if epochs is not None else ():
        if epochs is not None and epochs >= rule.patience + 2:
            after = Duration.of(f"{float(epochs):.3g} epochs") if written is None else written
            message = f"{rule} counts during the warmup of {float(epochs):.3g} epochs, and may cut it"
            return problem(curve, codes.COUNTS_IN_WARMUP, message, f"Write {replace(rule, after=after)}")
    return None


def _time_of_warmup(curve: Curve) -> Duration | None:
    """Return the written time of the stages up to the first one that is high; None if a length is not written."""
    time = Duration.of(0)
    high = _AT_PEAK * float(curve.multiples.max())
    ramps = [part.written.args["over"] for part in curve.parts if part.over_run and part.is_ramp]
    if len(curve.stages) == 1:
        return ramps[0] if len(ramps) == 1 else None
    for stage in curve.stages:
        levels, length = stage.levels, stage.written.known_length
        if levels is None or length is None:
            return None
        if levels.first >= high:
            return time
        time += length
        if levels.last >= high:
            return time
    return None


def _in_epochs(curve: Curve, written: Duration | None, reached: int) -> Fraction | None:
    """Return the time of a warmup in epochs, as written or as reached in the run; None if an epoch is unknown."""
    units = set() if written is None else {unit for unit, _ in written.terms}
    if written is not None and units == {"epochs"}:
        return sum((count for _, count in written.terms), Fraction(0))
    if curve.is_timed and curve.run.epoch:
        exact = curve.run.span.units.exact(written) if written and curve.run.converts([written]) else Fraction(reached)
        return exact / curve.run.epoch
    facts = curve.situation.facts
    if facts is None or facts.updates_per_epoch is None or written is None or not units <= {"updates", "epochs"}:
        return None
    return facts.exact(written) / facts.updates_per_epoch


# ---------------------------------------------------------------------- are updates and epochs confused?

_TIMED: Final = ("multistep", "step", "restarts", "cosine_restarts", "cyclic", "table")
"""Shapes with times by which they may be too short."""
_MANY_EPOCHS: Final = 100
"""A length in so many epochs may be one in updates."""
_TIMES_THE_RUN: Final = 10
"""A length in epochs of at least so many runs probably means updates."""
_TIMES_FOR_WARMUP: Final = 3
"""The same limit for a warmup, which is a small part of a run."""
_FEW_EPOCHS: Final = 5
"""In a run of fewer epochs, small numbers may mean updates."""
_SHORT_WARMUP: Final = 20
"""Updates; a longer warmup may be intended."""
_SHORT_EPOCH: Final = 10
"""Updates; in such epochs, numbers of updates and of epochs are similar."""


def epochs_for_updates(curve: Curve) -> Found | None:
    """Report the first length in epochs that is many times the length of the run.

    Source: MMEngine's schedulers count epochs by default, also for the `end=500` of a warmup in iterations.
    """
    epochs = curve.situation.epochs
    if epochs is None:
        return None
    for part in curve.parts:
        limit = _TIMES_FOR_WARMUP if part.is_ramp else _TIMES_THE_RUN
        for time in part.times:
            counts = [count for unit, count in time.written.terms if unit == "epochs"]
            if not counts or counts[0] < max(Fraction(_MANY_EPOCHS), limit * epochs):
                continue
            message = f'the length "{time.written}" exceeds the run of {number_text(epochs)} epochs'
            line = curve.with_times([part.written], lambda length: _in_unit(length, "epochs", "updates"))
            return problem(curve, codes.EPOCHS_FOR_UPDATES, message, prefix="For updates write", line=line)
    return None


def updates_for_epochs(curve: Curve) -> Found | None:
    """Report the shapes whose lengths in updates are all below the number of epochs.

    A warmup of as many epochs would take the run.

    Source: the milestones of torch's MultiStepLR and StepLR count epochs in nearly all scripts.
    """
    epochs, run = curve.situation.epochs, curve.run
    if epochs is None or epochs < _FEW_EPOCHS:
        return None
    if curve.is_timed and run.known and run.epoch is not None and run.epoch < _SHORT_EPOCH:
        return None
    parts, numbers = list[Schedule](), list[Fraction]()
    for part in curve.parts:
        roles = ("time", "period") if part.kind in _TIMED else _OWN_LENGTH if part.kind == "anneal" else ()
        written = [time.written for time in part.times if time.role in roles]
        counts = [length.terms[0][1] for length in written if length.is_resolved and length.number > 1]
        if not counts or not all(length.is_resolved for length in written):
            continue
        fills = part.is_ramp and max(counts) >= epochs
        if fills or max(counts) > (min(epochs, Fraction(_SHORT_WARMUP)) if part.is_ramp else epochs):
            continue
        parts.append(part.written)
        numbers += counts
    if not parts:
        return None
    verb = "counts" if len(numbers) == 1 else "count"
    message = f"{', '.join(map(number_text, numbers))} {verb} updates, but the run has {number_text(epochs)} epochs"
    line = curve.with_times(parts, lambda length: _in_unit(length, "updates", "epochs"))
    return problem(curve, codes.UPDATES_FOR_EPOCHS, message, prefix="For epochs write", line=line)


def _in_unit(time: Duration, before: str, after: str) -> Duration:
    """Return a time with one unit in place of another."""
    return Duration(tuple([(after if unit == before else unit, count) for unit, count in time.terms]))


# ---------------------------------------------------------------------- is a time beyond the run?

_CLEARLY_LONGER: Final = Fraction(101, 100)
"""Lengths may exceed the run by 1%, because one extra update has no effect."""


def beyond_total(curve: Curve) -> Found | None:
    """Report the first sequence or shape that is longer than the run.

    A stage that continues a longer schedule (`skip`) may be cut, as in a published run that ended early: OLMo 3.

    Source: Hoffmann et al., 2022, appendix B: models train worse if the cosine is over 25% longer than the run.
    """
    end = curve.total
    for part in curve.parts:
        if not part.over_run or part.resolved is None:
            continue
        stages: Sequence[Schedule] = part.resolved.args["stages"] if part.kind == "sequence" else (part.resolved,)
        taken = sum(stage.length.number for stage in stages if stage.length is not None)
        is_cut = len(stages) > 1 and stages[-1].kind == "skip"
        if taken > end and taken > _CLEARLY_LONGER * end and not is_cut:
            message = f"{part.written} takes {percent_text(Fraction(taken) / end)} of the total, so the run ends first"
            return problem(curve, codes.BEYOND_TOTAL, message)
    return None


def written_beyond_total(curve: Curve) -> Found | None:
    """Report the first sequence or shape that is longer than the run by its lengths in the units of the plan's total.

    It is for a line with other units too, which need a run fact: their lengths only add to it.
    """
    run = curve.situation.run
    for part in curve.parts if run is not None else ():
        stages = stages_of(part.written)
        is_cut = len(stages) > 1 and stages[-1].kind == "skip"
        if run is None or not part.over_run or is_cut:
            continue
        lengths = [length for stage in stages if (length := stage.known_length) is not None and run.converts([length])]
        taken = sum((run.span.units.exact(length) for length in lengths), Fraction(0))
        if taken > _CLEARLY_LONGER * run.end:
            message = f"{part.written} takes {percent_text(taken / run.end)} of the total"
            if part.written.fills:  # its stage without a length has no update
                advice = "Shorten a stage, or increase the total"
                return problem(curve, codes.NOTHING_LEFT, f"{message}, so no updates remain for the rest", advice)
            return problem(curve, codes.BEYOND_TOTAL, f"{message}, so the run ends first")
    return None


def milestone_after_end(curve: Curve) -> Found | None:
    """Report the first milestone after the end of the run.

    Source: microsoft/SoftTeacher#224, a run of 12,000 iterations with its first milestone at 480,000. detectron2 warns
    of such milestones itself, since facebookresearch/detectron2#2609.
    """
    for time, share in _beyond(curve, "time"):
        message = f'milestone "{time.written}" is after the end of the run, at {float(share):.0%} of it'
        return problem(curve, codes.MILESTONE_AFTER_END, message, "Remove it, or write a time within the run")
    return None


def period_beyond_run(curve: Curve) -> Found | None:
    """Report the first period that is longer than the run.

    Reason: a step or a restart that never happens leaves a constant, or a part of one wave.
    """
    for time, share in _beyond(curve, "period"):
        # CosineAnnealingLR of torch is half of a wave, which ends with the run.
        if share == 2 and any(part.kind == "cosine_wave" for part in curve.parts):
            continue
        message = f'the period "{time.written}" is {percent_text(share)} of the run, so it never completes'
        return problem(curve, codes.PERIOD_BEYOND_RUN, message, "Shorten it, or remove it")
    return None


def _beyond(curve: Curve, role: str) -> list[tuple[Time, Fraction]]:
    """Return the times with a role that are later than the end of the run, as shares of the run."""
    return [
        (time, Fraction(time.resolved.number) / curve.run.end)
        for part in curve.parts
        if part.over_run and (role == "period" or part.kind == "multistep")
        for time in part.times
        if time.role == role and time.resolved is not None and time.resolved.is_resolved
        if time.resolved.number > curve.total
    ]


# ---------------------------------------------------------------------- is a time too short?

_SMALL_SHARE: Final = Fraction(1, 10)
"""Percent; a share of at most 0.1% may be a fraction that was meant in percent."""
_SHORT_RUN: Final = 100
"""Updates of a run from which on such a share is reported, because a short trial of a long run is right."""
_MANY_CYCLES: Final = 50
"""More cycles of a run, each of at most so many updates, were probably meant as a number of cycles."""
_CYCLES: Final = frozenset({"restarts", "cosine_restarts"})
_MOST_PERCENT: Final = 100
"""A length of at most so many updates may be one in percent."""
_LONGEST_DECAY: Final = 50
"""Percent; a last decay takes at most a half of the run."""


def stage_of_one_update(curve: Curve) -> Found | None:
    """Report the first stage that takes at most one update although its length is in another unit.

    Reason: a fraction such as 0.05 was written as a percentage, `"0.05%"`; a stage of one update is written as 1.
    """
    end, run = curve.end, curve.run
    if not run.known and run.units != {"updates", "percent"}:
        return None
    for part in curve.parts:
        for role, written, resolved in part.times:
            if role not in _OWN_LENGTH or written.is_resolved or not run.converts([written]):
                continue
            is_known = resolved is not None and resolved.is_resolved
            length = resolved.number if resolved is not None and is_known else run.span.units.exact(written)
            shares = [term for term in written.terms if term[0] == "percent"]
            is_small = len(written.terms) == 1 and bool(shares) and shares[0][1] <= _SMALL_SHARE
            if length > 1 or end < (_SHORT_RUN if is_small else LONG_RUN):
                continue
            # A builder such as `one_cycle` may have added an update to the share that is written.
            quoted = Duration((shares[0],)) if shares else written
            message = f'"{quoted}" is only {number_text(length)} of {number_text(end)} updates'
            return problem(curve, codes.ONE_UPDATE, message, 'Use a longer length, such as "5%"')
    return None


def decay_in_percent(curve: Curve) -> Found | None:
    """Report a last decay whose length is a number that is meant in percent: `wsd(2, 20)`.

    Reason: decays of constant schedules take 5 to 20% of a run. Published ones take 1,000 updates or more.
    """
    *before, decay = curve.stages
    over: Duration | None = decay.written.args["over"] if is_anneal(decay.written) else None
    if over is None or not over.is_resolved or curve.end < LONG_RUN or "updates" not in curve.run.units:
        return None
    levels = decay.levels
    falls = levels is None or levels.last < levels.first
    if not falls or all(stage.written.has_length for stage in before) or not 1 < over.number <= _MOST_PERCENT:
        return None
    if 100 * over.number >= curve.end:
        return None
    message = f"the decay takes {over} of {number_text(curve.end)} updates, less than 1% of the run"
    line = curve.with_times([decay.written], lambda length: _in_unit(length, "updates", "percent"))
    is_share = over.number <= _LONGEST_DECAY
    return problem(
        curve, codes.ONE_UPDATE, message, prefix="For a share of the run write", line=line if is_share else None
    )


def many_cycles(curve: Curve) -> Found | None:
    """Report more than fifty cycles of a few updates: `restarts(cosine(), 4)` for four cycles."""
    for part in curve.parts:
        is_stage = any(part.written is stage.written for stage in curve.stages)
        if part.kind not in _CYCLES or not (part.over_run or is_stage):
            continue
        args = part.written.args
        every: Duration | None = args["every"] if part.kind == "restarts" else args["first"]
        if (
            every is None
            or not every.is_resolved
            or every.number > _MANY_CYCLES
            or args["mult"] != 1
            or args["times"] is not None
        ):
            continue
        if curve.end <= _MANY_CYCLES * every.number or every.number < 2 or every.number != int(every.number):
            continue
        cycle = args["schedule"] if part.kind == "restarts" else cosine(to=args["to"])
        if is_anneal(cycle):
            cycle = cycle.with_args(over=None)
        message = f"{part.written} has {float(curve.end / every.number):.4g} cycles of {every} updates"
        line = curve.with_part(part.written, restarts(cycle, times=int(every.number), gamma=args["gamma"]))
        return problem(curve, codes.ONE_UPDATE, message, prefix=f"For {every} cycles write", line=line)
    return None


# ---------------------------------------------------------------------- does it jump, or change nothing?


def jump(curve: Curve) -> Found | None:
    """Report a stage without a written level that begins at base after another level.

    Source: salesforce/LAVIS#72, whose rate jumps from a warmup to its highest level.
    """
    for place, (before, stage) in enumerate(pairwise(curve.stages), 1):
        has_level = is_anneal(stage.written) or stage.written.kind in ("constant", "geometric", "product")
        if has_level or before.is_constant or before.written.kind == stage.written.kind or stage.length == 0:
            continue
        if before.levels is None or stage.levels is None or abs(stage.levels.first - 1.0) > 1e-9:
            continue
        end = before.levels.last
        if _goes_on(before, stage) or max(end, 1.0) <= min(end, 1.0) * NEAR:
            continue
        message = f"stage {place + 1}, {stage.written}, begins at 1 × base, but stage {place} ends at {end:.3g} × base"
        if curve.base and curve.target is None:
            message += f": {curve.name} jumps from {end * curve.base:.4g} to {curve.base:.4g}"
        if not end:
            return problem(curve, codes.JUMP, message, "Write the level at which the stage begins")
        moved = [float(f"{end:.3g}") * other.written if other is stage else other.written for other in curve.stages]
        line = curve.with_stages(moved)
        return problem(curve, codes.JUMP, message, prefix="To begin at the level before write", line=line)
    return None


def _goes_on(before: Stage, stage: Stage) -> bool:
    """Return whether a stage is a later part of the schedule of the stage before."""
    over = before.written.args.get("over")
    return any(
        schedule.kind == "skip" and schedule.args["by"] == over for schedule in (stage.written, *stage.written.parts())
    )


_OTHER_LEVEL: Final = "Write another level or ratio, such as 0.1, or constant()"
_TIMES_OF_IDLE: Final = np.unique([*range(64), *np.geomspace(64, 1e17, 64).astype(np.int64)])


def idle_stage(curve: Curve) -> Found | None:
    """Report a stage whose open level makes it constant; `constant()` is meant to be."""
    for place, stage in enumerate(curve.stages if len(curve.stages) > 1 else ()):
        resolved = stage.resolved
        if resolved is None or not is_anneal(stage.written) or not is_anneal(resolved) or stage.length == 0:
            continue
        opens = [name for name in ("start", "to") if stage.written.args[name] is None]
        level = last_level(resolved)
        if not opens or level != first_level(resolved):
            continue
        text = str(level) if isinstance(level, Absolute) else f"{level:.3g} × base"
        message = f"stage {place + 1}, {stage.written}, begins and ends at {text}, so it changes nothing"
        if level == 1.0:
            return problem(curve, codes.NO_CHANGE, message, _OTHER_LEVEL)
        name, verb = ("to", "end") if "to" in opens else ("start", "begin")
        stages = [other.written.with_args(**{name: 1.0}) if other is stage else other.written for other in curve.stages]
        line = curve.with_stages(stages)
        return problem(curve, codes.NO_CHANGE, message, prefix=f"To {verb} at base write", line=line)
    return None


_NO_LENGTH: Final = Duration.of_updates(0)


def idle_shape(curve: Curve) -> Found | None:
    """Report the first shape that holds base, such as `cosine(to=1.0)` and `step(30, gamma=1.0)`.

    Two other levels that are equal were written as a pair, such as `linear(0.1, 0.1)`. A length of 0 turns a shape off.
    """
    for part in curve.parts:
        written = part.written
        if 1.0 not in written.args.values() or part.resolved is None or part.kind == "constant":
            continue
        if written.has_absolute or written.parts() or is_own(written) or part.resolved.args.get("over") == _NO_LENGTH:
            continue
        values = values_of(part.resolved, _TIMES_OF_IDLE)
        if values is not None and (values == 1.0).all():
            message = f"{written} begins and ends at 1 × base, so it changes nothing"
            return problem(curve, codes.NO_CHANGE, message, _OTHER_LEVEL)
    return None


# ---------------------------------------------------------------------- does the rate fall, and late enough?

_AT_PEAK: Final = 0.98
"""The share of the peak from which on a rate has reached it."""
_LATE: Final = 0.9
"""The share of the run until which a rate that rises has no time left to fall."""
_LONGEST_WARMUP: Final = 0.5
"""The share of the run that a warmup takes at most; those of recipes take up to a third."""


def rises_to_the_end(curve: Curve) -> Found | None:
    """Report a rate that rises until the end: its warmup is too long or, without a warmup, its ends are swapped.

    Source: lightly-ai/lightly#1842, whose warmup took the run, so that the rate never reached its base.
    """
    if not _is_rate_of_all(curve):
        return None
    is_early = curve.times < _LATE * curve.end
    for base in _bases_of_floor(curve):
        values = curve.values if base is None else curve.values_of(base)
        peak = float(values.max())
        if values[0] >= HIGH * peak or (values[is_early] > _AT_PEAK * peak).any():
            continue
        ramps = [part for part in curve.parts if part.is_ramp]
        longest = max(
            (ramp.resolved.length.number for ramp in ramps if ramp.resolved and ramp.resolved.length), default=0
        )
        if curve.end < TINY_RUN and longest < curve.end:
            return None
        top = when(curve, int(curve.times[np.argmax(values)]), of_all=True)
        message = f"the learning rate{whose(curve, base)} rises until {top}"
        is_cycle = any(time.role == "period" and part.kind == "cyclic" for part in curve.parts for time in part.times)
        ends_above = isinstance(curve.stages[-1].written.args.get("to"), Absolute)
        if (ramps or is_cycle) and not ends_above:
            return _shorter_warmup(curve, message)
        return _swapped(curve, message, float(values[0]))
    return None


def _is_rate_of_all(curve: Curve) -> bool:
    """Return whether a line is the rate of all groups, of which some may rise: those of biases fall first in YOLOv5."""
    return curve.is_rate and curve.is_for_all and curve.is_comparable


def _bases_of_floor(curve: Curve) -> list[float | None]:
    """Return the bases for which a rate may rise: that of the line, and the lowest one if a level is absolute."""
    lowest = min(filter(None, curve.bases), default=None)
    return [None] if curve.share == "all" or lowest in (None, curve.base) else [None, lowest]


def _swapped(curve: Curve, message: str, first: float) -> Found:
    """Return the problem of a rate that rises without a warmup: to an absolute level, by its ends, or by a ratio."""
    stages, last = curve.stages, curve.stages[-1].written
    to = last.args.get("to")
    if isinstance(to, Absolute) and first > 0:
        lower = last.with_args(to=Absolute(float(f"{first / 10:.3g}")))
        message += f", from {first:.3g} to the level {to}"
        line = curve.with_stages([*(stage.written for stage in stages[:-1]), lower])
        prefix = f"To fall to a level below {first:.3g} write"
        return problem(curve, codes.RISES_TO_THE_END, message, prefix=prefix, line=line)
    if curve.base == 0 and curve.share == "some":  # its levels are multiples of 0 and values
        return problem(
            curve, codes.RISES_TO_THE_END, f"{message}, from the optimizer's own 0", "Set lr in the optimizer"
        )
    message += ", without a warmup"
    if is_anneal(last):
        swapped = last.with_args(start=last_level(last), to=first_level(last))
        line = curve.with_stages([*(stage.written for stage in stages[:-1]), swapped])
        return problem(curve, codes.RISES_TO_THE_END, message, prefix="To fall write", line=line)
    return problem(curve, codes.RISES_TO_THE_END, message, "Use a ratio below 1")


def _shorter_warmup(curve: Curve, message: str) -> Found:
    """Return the problem of a warmup that is too long, with the line if its length is that of a warmup shape."""
    warmup = next((part.written for part in curve.parts if part.written.kind == "warmup" and part.times), None)
    if warmup is None:
        return problem(curve, codes.RISES_TO_THE_END, message, 'Shorten the warmup: warmup("5%")')
    shorter = warmup.with_args(over=Duration.of("5%"))
    line = curve.with_part(warmup, shorter >> cosine() if curve.parts[0].written is warmup else shorter)
    return problem(curve, codes.RISES_TO_THE_END, message, "Shorten the warmup", prefix=":", line=line)


def falling_warmup(curve: Curve) -> Found | None:
    """Report a warmup that falls, because the highest level was written as its start: `warmup("5%", 2.0)`."""
    if not _is_rate_of_all(curve):
        return None
    for warmup in _warmups(curve):
        length = None if warmup.resolved is None else warmup.resolved.length
        if length is None or not 1 < length.number < curve.end:
            continue
        first, place = float(curve.values[0]), int(np.searchsorted(curve.times, float(length.number)))
        after, unit = float(curve.values[place]), " × base" * (curve.base is None)
        if first > NEAR * abs(after):
            message = f"{warmup.written} falls from {first:.3g} to {after:.3g}{unit}"
            line = curve.with_part(warmup.written, warmup.written.with_args(start=0.0, to=warmup.written.args["start"]))
            return problem(
                curve, codes.RISES_TO_THE_END, message, prefix="To rise to the higher level write", line=line
            )
    return None


def _warmups(curve: Curve) -> list[Part]:
    """Return the warmups with which a line, or a sequence in a sum or a clamp of it, begins."""
    firsts = [stages_of(part.written)[0] for part in curve.parts if part.kind == "sequence" and part.over_run]
    return [
        part
        for part in curve.parts
        if part.written.kind == "warmup" and (part.over_run or any(part.written is first for first in firsts))
    ]


def long_warmup(curve: Curve) -> Found | None:
    """Report a warmup of the lr that takes more than half of the run, so that the decay has no update or few."""
    if curve.situation.is_short or curve.end < TINY_RUN or not _is_rate_of_all(curve):
        return None
    for warmup in _warmups(curve):
        length = None if warmup.resolved is None else warmup.resolved.length
        if length is not None and warmup.is_ramp and _LONGEST_WARMUP * curve.end < length.number <= curve.end:
            message = f"{warmup.written} takes {float(length.number / curve.end):.0%} of the run"
            return _shorter_warmup(curve, message)
    return None


def warmup_last(curve: Curve) -> Found | None:
    """Report an lr that falls, and then rises to base in the last stage. The stages of a triangle are repeated."""
    if not curve.is_rate or len(curve.stages) < 2 or curve.parts[0].kind != "sequence":
        return None
    *others, last = curve.stages
    rise, before = last.levels, others[-1].levels
    if not is_anneal(last.written) or last.written.args["over"] is None or rise is None or before is None:
        return None
    is_rise = rise.last > rise.first * NEAR and rise.last >= HIGH * before.first
    is_repeated = any(stage.levels is not None and stage.levels[:2] == rise[:2] for stage in others)
    if not is_rise or before.last >= before.first / NEAR or is_repeated:
        return None
    message = f"the last stage, {last.written}, rises to {rise.last:.3g} × base at the end of the run"
    written = curve.with_stages([last.written, *(stage.written for stage in others)])
    return problem(curve, codes.RISES_TO_THE_END, message, "A warmup comes first", prefix=":", line=written)


_SHORT_CYCLE: Final = 0.1
"""The share of the cycle before, in which a rate has no time to fall."""


def restart_at_the_end(curve: Curve) -> Found | None:
    """Report a restart shortly before the end, after which the rate has no time to fall.

    A period that divides the run has none. Source: wandb/senpai#593, which restarts at epoch 80 of 81.
    """
    values, times = curve.values, curve.times
    high = HIGH * float(values.max())
    if not _is_rate_of_all(curve) or values[-1] < high or curve.end < TINY_RUN:
        return None
    if not any(time.role == "period" for part in curve.parts for time in part.times):  # no cycles
        return None
    ups = np.flatnonzero((values[1:] > 2 * values[:-1]) & (values[1:] >= high)) + 1
    if not len(ups):
        return None
    begin = curve.first_time(int(ups[-1]), lambda value: value >= high)
    before = int(times[ups[-2]]) if len(ups) > 1 else 0
    left = curve.end - begin
    if left > _SHORT_CYCLE * (begin - before):
        return None
    message = f"the rate restarts at {when(curve, begin)}, {updates_text(left)} before the end, and ends high"
    advice = "Choose a period that divides the run, such as restarts(cosine(), times=4)"
    return problem(curve, codes.RESTART_AT_THE_END, message, advice)


# ---------------------------------------------------------------------- does it end too early?

_PRACTICALLY_ZERO: Final = 1e-5
"""The share of the peak below which a rate trains nothing."""
_LONG_END: Final = 0.1
"""The share of the run that a rate may be nearly 0."""
_MEANT_END: Final = 0.5
"""The same for a last `constant(0)` and for few steps; a longer end is no use, even if it is written."""
_EARLY: Final = 0.05
"""The share of the run after which a rate that still changes is not fixed by mistake."""
_FEW_STEPS: Final = 20
"""Steps of a run; more of them were probably meant as longer ones."""
_COUNTED_RUN: Final = 400
"""Updates of a run from which on its twentieth part has as many as a tiny run."""


def never_above_zero(curve: Curve) -> Found | None:
    """Report a rate of 0 during the entire run. A line for some groups that are frozen means to be 0."""
    is_frozen = bool(curve.bases) and not curve.base
    if not curve.is_rate or curve.values.any() or (is_frozen and not curve.is_for_all):
        return None
    message = "the learning rate is 0 during the entire run"
    advice = "Set lr in the optimizer, and use lr: cosine()" if is_frozen else "Use lr: cosine(), or remove the line"
    return problem(curve, codes.NEVER_ABOVE_ZERO, message, advice)


def zero_at_the_end(curve: Curve) -> Found | None:
    """Report a rate that is nearly 0 long before the end.

    A last `constant(0)` of less than half of the run is meant, and so are a few steps: `step("30 epochs")` of 300.
    """
    sizes, end = np.abs(curve.values), curve.end
    limit = _PRACTICALLY_ZERO * float(sizes.max())
    above = np.flatnonzero(sizes > limit)
    if sizes[-1] > limit or not len(above) or not _is_used_rate(curve):
        return None
    has_few_steps = curve.values[-1] != 0 and np.count_nonzero(np.diff(curve.values)) <= _FEW_STEPS
    *others, stage = curve.stages
    is_meant = has_few_steps or (bool(others) and stage.is_constant and stage.written.args["value"] == 0)
    if 1 - (curve.times[above[-1]] + 1) / end < (_MEANT_END if is_meant else _LONG_END):
        return None
    return _ends_early(curve, int(above[-1]), limit, "nearly 0", "End it above 0, or extend")


def last_level_early(curve: Curve) -> Found | None:
    """Report a rate that has its last level, below its peak, after a twentieth of the run: `table` without `every`."""
    sizes = np.abs(curve.values)
    limit = float(sizes[-1]) * (1 + 1e-9)
    above = np.flatnonzero(sizes > limit)
    if not len(above) or sizes[-1] >= HIGH * float(sizes.max()) or not _is_used_rate(curve) or curve.end < _COUNTED_RUN:
        return None
    if curve.times[above[-1]] + 1 > _EARLY * curve.end:
        return None
    level = f"{curve.values[-1]:.3g}" + " × base" * (curve.base is None)
    return _ends_early(curve, int(above[-1]), limit, level, "Extend")


def _is_used_rate(curve: Curve) -> bool:
    return curve.is_rate and curve.run.to_scale and curve.is_comparable and curve.end >= TINY_RUN


def _ends_early(curve: Curve, last: int, limit: float, level: str, first: str) -> Found:
    """Return the problem of a rate that keeps its last level, with a line that ends later."""
    begin = int(curve.times[last]) + 1
    if last + 1 < len(curve.times):
        begin = curve.first_time(last + 1, lambda value: abs(value) <= limit)
    message = f"the learning rate is {level} from {when(curve, begin)} on, for {1 - begin / curve.end:.0%} of the run"
    advice = f"{first} the decay to the end of the run"
    return problem(curve, codes.ENDS_EARLY, message, advice, prefix=":", line=_longer(curve))


def _longer(curve: Curve) -> Line | None:
    """Return the line with longer times; None if none is known."""
    stages = [stage.written for stage in curve.stages]
    while len(stages) > 1 and stages[-1].kind == "constant" and is_anneal(stages[-2]):
        stages.pop()  # which keeps the last level
    if is_anneal(stages[-1]) and stages[-1].args["over"] is not None:
        return curve.with_stages([*stages[:-1], stages[-1].with_args(over=None)])
    for part in reversed(curve.parts):
        if part.kind == "table":
            every = Duration.of(f"{100 // max(1, len(part.written.args['values']) - 1)}%")
            return curve.with_part(part.written, part.written.with_args(every=every))
        counts = [time.written for time in part.times]
        if part.kind == "multistep" and all(count.is_resolved and count.number < _MOST_PERCENT for count in counts):
            return curve.with_times([part.written], lambda time: _in_unit(time, "updates", "percent"))
    return None


WRITTEN: Final[tuple[Question, ...]] = (target_of_field, milestones_mixed, last_stage_empty)
"""Questions about what is written, which need no values."""
METRICS: Final[tuple[Question, ...]] = (mode_of_metric, counts_in_warmup)
"""Questions about the metric rules of a line."""
UNITS: Final[tuple[Question, ...]] = (epochs_for_updates, updates_for_epochs)
"""Questions about units, for which the number of epochs must be known."""
WRITTEN_LENGTHS: Final[tuple[Question, ...]] = (*UNITS, written_beyond_total)
"""Questions about the written lengths of a line that mixes units, whose times in the run are unknown."""
TIMES: Final[tuple[Question, ...]] = (
    beyond_total, milestone_after_end, period_beyond_run, stage_of_one_update, decay_in_percent, many_cycles,
)  # fmt: skip
"""Questions about times in a run."""
STAGES: Final[tuple[Question, ...]] = (jump, idle_stage, idle_shape)
"""Questions about stages, which count only if their levels and lengths are right."""
COURSE: Final[tuple[Question, ...]] = (
    falling_warmup, rises_to_the_end, long_warmup, warmup_last, restart_at_the_end,
)  # fmt: skip
"""Questions about how a rate uses a run."""
ENDS: Final[tuple[Question, ...]] = (never_above_zero, zero_at_the_end, last_level_early)
"""Questions that count only if the answer is the same for all lines of the rate."""
