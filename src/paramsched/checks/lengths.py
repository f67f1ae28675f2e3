"""The questions about the text, the units and the lengths of a line. Limits and reasons: `table.py`."""

from collections import Counter
from collections.abc import Container, Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from paramsched.base import codes
from paramsched.checks.answer import Answer, in_unit, number_text, percent_text
from paramsched.checks.curve import Curve, Part, Time, TrialRun
from paramsched.core.feedback import Plateau, better_mode
from paramsched.core.schedules.anneals import is_anneal
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import holds_when_empty, stages_of
from paramsched.core.time.duration import Duration

_OWN_LENGTH: Final = ("fills", "open", "length")
"""The roles of a length of a stage; the others are "time" and "period"."""


# ---------------------------------------------------------------------- the text


def target_of_field(curve: Curve, fields: Container[str]) -> Answer | None:
    """Find a target with the name of a field, which it does not write."""
    target = curve.target
    if target is None or target.name not in fields or target.write is not None:
        return None
    name = target.name
    found = f"the target {name} is a value outside of the optimizer, whose own {name} does not follow it"
    return Answer(found, f"Rename it, or write it outside of targets, for example {name}: cosine()")


def milestones_mixed(curve: Curve) -> Answer | None:
    """Find milestones that are repeated or not in order."""
    for part in curve.parts:
        milestones = [time.written for time in part.times if part.kind == "multistep"]
        repeated = [milestone for milestone, count in Counter(milestones).items() if count > 1]
        counts = [length.terms[0][1] for length in milestones if len(length.terms) == 1]
        units = {length.terms[0][0] for length in milestones if len(length.terms) == 1}
        advice = "Keep each milestone once, in order"
        if repeated:
            return Answer(f'milestone "{repeated[0]}" is repeated, so its factor is applied twice', advice)
        if len(counts) == len(milestones) and len(units) == 1 and counts != sorted(counts):
            return Answer(f"milestones are not in order: {', '.join(map(str, milestones))}", advice)
    return None


def last_stage_empty(curve: Curve) -> Answer | None:
    """Find a last stage of 0 updates."""
    for part in curve.parts:
        last: Schedule | None = part.written.args["stages"][-1] if part.kind == "sequence" else None
        if last is not None and last.known_length == Duration.of(0) and not holds_when_empty(last):
            return Answer(
                f"the last stage, {last}, has 0 updates and is skipped", "Remove it, or write a longer length"
            )
    return None


# ---------------------------------------------------------------------- the metric rules


def mode_of_metric(curve: Curve) -> Answer | None:
    """Find a metric rule whose mode contradicts the name of its metric."""
    for rule in _plateaus(curve):
        mode = better_mode(rule.metric)
        if mode is not None and mode != rule.mode:
            found = f'the best {rule.metric} is probably its {mode}imum, but mode="{rule.mode}"'
            return Answer(found, f'Write mode="{mode}"')
    return None


def _plateaus(curve: Curve) -> list[Plateau]:
    return [rule for rule in curve.rules if isinstance(rule, Plateau)]


def counts_in_warmup(curve: Curve, at_peak: float, high: float) -> Answer | None:
    """Find a plateau rule of the lr that counts during a warmup longer than its patience."""
    rules = [rule for rule in _plateaus(curve) if rule.begin is None] if curve.is_rate else []
    if not rules or curve.resolved is None:
        return None
    peak = at_peak * float(curve.multiples.max())
    is_high = curve.multiples >= peak
    place = int(np.argmax(is_high))
    falls_later = (np.diff(is_high[place:].astype(int)) > 0).any()
    if is_high[0] or curve.multiples[0] >= high * curve.multiples.max() or falls_later:
        return None
    written = _time_of_warmup(curve, peak)
    reached = curve.first_time(place, lambda value: value >= at_peak * float(curve.values.max()))
    epochs = _in_epochs(curve, written, reached)
    for rule in rules if epochs is not None else ():
        if epochs is not None and epochs >= rule.patience + 2:
            after = Duration.of(f"{float(epochs):.3g} epochs") if written is None else written
            found = f"{rule} counts during the warmup of {float(epochs):.3g} epochs, and may cut it"
            return Answer(found, f"Write after={after.written()}")
    return None


def _time_of_warmup(curve: Curve, high: float) -> Duration | None:
    """Return the written time of the stages up to the first one that is high; None if a length is not written."""
    time = Duration.of(0)
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
        exact = curve.run.exact(written) if written and curve.run.converts([written]) else Fraction(reached)
        return exact / curve.run.epoch
    facts = curve.situation.facts
    if facts is None or facts.updates_per_epoch is None or written is None or not units <= {"updates", "epochs"}:
        return None
    return facts.exact(written) / facts.updates_per_epoch


# ---------------------------------------------------------------------- are updates and epochs confused?


def epochs_for_updates(curve: Curve, least: int, runs: int, runs_of_warmup: int) -> Answer | None:
    """Find the first length in epochs that is many times the length of the run."""
    epochs = curve.situation.epochs
    if epochs is None:
        return None
    for part in curve.parts:
        limit = max(Fraction(least), (runs_of_warmup if part.is_ramp else runs) * epochs)
        for time in part.times:
            if dict(time.written.terms).get("epochs", 0) >= limit:
                found = f'the length "{time.written}" exceeds the run of {number_text(epochs)} epochs'
                lengths = [other.written for other in part.times]
                return Answer(found, f"For updates write {in_unit(lengths, 'epochs', 'updates')}")
    return None


_TIMED: Final = ("multistep", "step", "restarts", "cosine_restarts", "cyclic", "table")
"""Shapes with times by which they may be too short."""


def updates_for_epochs(curve: Curve, fewest: int, short_warmup: int, short_epoch: int) -> Answer | None:
    """Find the shapes whose lengths in updates are all below the number of epochs.

    A warmup of as many epochs would take the run.
    """
    epochs, run = curve.situation.epochs, curve.run
    if epochs is None or epochs < fewest:
        return None
    if curve.is_timed and run.known and run.epoch is not None and run.epoch < short_epoch:
        return None
    lengths = list[Duration]()
    for part in curve.parts:
        written = _lengths_like_epochs(part)
        longest = max((Fraction(length.number) for length in written), default=Fraction(0))
        fills = part.is_ramp and longest >= epochs
        if not fills and longest <= (min(epochs, Fraction(short_warmup)) if part.is_ramp else epochs):
            lengths += written
    if not lengths:
        return None
    numbers = ", ".join(number_text(length.number) for length in lengths)
    verb = "counts" if len(lengths) == 1 else "count"
    found = f"{numbers} {verb} updates, but the run has {number_text(epochs)} epochs"
    return Answer(found, f"For epochs write {in_unit(lengths, 'updates', 'epochs')}")


def _lengths_like_epochs(part: Part) -> list[Duration]:
    """Return the lengths of a shape that are above 1 update; nothing if one of its lengths has a unit."""
    roles = ("time", "period") if part.kind in _TIMED else _OWN_LENGTH if part.kind == "anneal" else ()
    written = [time.written for time in part.times if time.role in roles]
    if not all(length.is_resolved for length in written):
        return []
    return [length for length in written if length.number > 1]


# ---------------------------------------------------------------------- is a time beyond the run?


def beyond_total(curve: Curve, longest: Fraction) -> Answer | None:
    """Find the first sequence or shape that is longer than the run, or than its cycle.

    Of a line whose times in the run are unknown, the lengths in the units of the plan's total count: others only add
    to them.
    """
    run = curve.run if curve.has_times else curve.situation.run
    for part in curve.parts if run is not None else ():
        schedule = part.resolved if curve.has_times else part.written
        stages = () if schedule is None or not part.over_run else stages_of(schedule)
        if run is None or (len(stages) > 1 and stages[-1].kind == "skip"):  # a run that ends early, as that of OLMo 3
            continue
        taken = _taken_by(stages, run, curve.has_times)
        if taken > longest * run.end:
            found = f"{part.written} takes {percent_text(taken / run.end)} of the total"
            # A sum has values before its operand without a length is out of time, so it is resolved.
            if curve.has_times or not part.written.fills:
                return Answer(f"{found}, so the run ends first")
            advice = "Shorten a stage, or increase the total"
            return Answer(f"{found}, so no updates remain for the rest", advice, code=codes.NOTHING_LEFT)
        if (answer := _beyond_cycle(part, run, longest)) is not None:
            return answer
    return None


def _taken_by(stages: Sequence[Schedule], run: TrialRun, has_times: bool) -> Fraction:
    """Return the updates of the stages whose length is known."""
    lengths = [length for stage in stages if (length := stage.known_length) is not None]
    return sum((run.exact(length) for length in lengths if has_times or run.converts([length])), Fraction(0))


def _beyond_cycle(part: Part, run: TrialRun, longest: Fraction) -> Answer | None:
    """Find stages that are longer than the cycle of `restarts` that they are in, or that leave nothing for the rest."""
    if part.kind != "restarts" or part.resolved is None or part.resolved.kind != "restarts":
        return None
    stages, every = stages_of(part.resolved.args["schedule"]), part.resolved.args["every"]
    cycle, taken = run.exact(Duration.of(every)), _taken_by(stages, run, has_times=True)
    written = part.written.args["schedule"]
    found = f"{written} takes {percent_text(taken / cycle)} of its cycle"
    if taken > longest * cycle:
        return Answer(f"{found}, so the cycle ends first", "Shorten a stage, or lengthen the cycle")
    if taken == cycle and written.fills and stages[-1].length == Duration.of(0):
        return Answer(f"{found}, so no updates remain for the rest", "Shorten a stage, or lengthen the cycle")
    return None


def milestone_after_end(curve: Curve) -> Answer | None:
    """Find the first milestone after the end of the run."""
    for time, share in _beyond(curve, "time"):
        found = f'milestone "{time.written}" is after the end of the run, at {float(share):.0%} of it'
        return Answer(found, "Remove it, or write a time within the run")
    return None


def period_beyond_run(curve: Curve) -> Answer | None:
    """Find the first period that is longer than the run."""
    for time, share in _beyond(curve, "period"):
        # CosineAnnealingLR of torch is half of a wave, which ends with the run.
        if share != 2 or not any(part.kind == "cosine_wave" for part in curve.parts):
            found = f'the period "{time.written}" is {percent_text(share)} of the run, so it never completes'
            return Answer(found, "Shorten it, or remove it")
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


def stage_of_one_update(curve: Curve, small_share: Fraction, short_run: int, long_run: int) -> Answer | None:
    """Find the first stage that takes at most one update although its length is in another unit."""
    run = curve.run
    if not run.known and run.units != {"updates", "percent"}:
        return None
    for time in (time for part in curve.parts for time in part.times if time.role in _OWN_LENGTH):
        written = time.written
        if written.is_resolved or not run.converts([written]):
            continue
        length = run.exact(time.resolved if time.resolved is not None and time.resolved.is_resolved else written)
        share = dict(written.terms).get("percent")
        is_small = share is not None and share <= small_share and len(written.terms) == 1
        if length <= 1 and curve.end >= (short_run if is_small else long_run):
            # A builder such as `one_cycle` may have added an update to the share that is written.
            quoted = written if share is None else Duration((("percent", share),))
            found = f'"{quoted}" is only {number_text(length)} of {number_text(curve.end)} updates'
            return Answer(found, 'Use a longer length, such as "5%"')
    return None


def decay_in_percent(curve: Curve, long_run: int, most: int, longest: int) -> Answer | None:
    """Find a last decay whose length is a number that is meant in percent: `wsd(2, 20)`."""
    *before, decay = curve.stages
    over: Duration | None = decay.written.args["over"] if is_anneal(decay.written) else None
    if over is None or not over.is_resolved or curve.end < long_run or "updates" not in curve.run.units:
        return None
    falls = decay.levels is None or decay.levels.last < decay.levels.first
    if not falls or all(stage.written.has_length for stage in before) or not 1 < over.number <= most:
        return None
    if 100 * over.number >= curve.end:
        return None
    found = f"the decay takes {over} of {number_text(curve.end)} updates, less than 1% of the run"
    return Answer(found, f'For a share of the run write "{over}%"' if over.number <= longest else "")


_CYCLES: Final = {"restarts": "every", "cosine_restarts": "first"}
"""Shapes of cycles, and the arguments with the length of the first one."""


def many_cycles(curve: Curve, most: int) -> Answer | None:
    """Find many cycles of a few updates: `restarts(cosine(), 4)` for four cycles."""
    for part in curve.parts:
        is_stage = any(part.written is stage.written for stage in curve.stages)
        if part.kind not in _CYCLES or not (part.over_run or is_stage):
            continue
        args = part.written.args
        length: Duration | None = args[_CYCLES[part.kind]]
        if length is None or not length.is_resolved or args["mult"] != 1 or args["times"] is not None:
            continue
        number = length.number
        if 2 <= number <= most and number == int(number) and curve.end > most * number:
            found = f"{part.written} has {float(curve.end / number):.4g} cycles of {length} updates"
            fragment = f"times={length}" if part.kind == "restarts" else f'"{100 / number:.6g}%"'
            return Answer(found, f"For {length} cycles write {fragment}")
    return None
