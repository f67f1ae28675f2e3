"""The questions about the text, the units and the lengths of a line. Limits and reasons: `questions.py`."""

from collections import Counter
from collections.abc import Container, Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from paramsched.checks.answer import Answer
from paramsched.checks.checked_line import CheckedLine, LinePart, TrialRun, WrittenTime
from paramsched.checks.messages import lengths as messages
from paramsched.core.metrics.metric_rules import PlateauRule, better_mode
from paramsched.core.schedules.anneals import is_anneal
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.sequence import holds_when_empty, stages_of
from paramsched.core.time.duration import Duration

_OWN_LENGTH: Final = ("fills", "open", "length")
"""The roles of a length of a stage; the others are "time" and "period"."""


# ---------------------------------------------------------------------- the text


def target_of_field(line: CheckedLine, fields: Container[str]) -> Answer | None:
    """Find a target with the name of a field, which it does not write."""
    target = line.target
    if target is None or target.name not in fields or target.write is not None:
        return None
    return messages.target_of_field(target.name)


def milestones_mixed(line: CheckedLine) -> Answer | None:
    """Find milestones that are repeated or not in order."""
    for line_part in line.parts:
        milestones = [time.written for time in line_part.times if line_part.kind == "multistep"]
        repeated = [milestone for milestone, count in Counter(milestones).items() if count > 1]
        counts = [length.terms[0][1] for length in milestones if len(length.terms) == 1]
        units = {length.terms[0][0] for length in milestones if len(length.terms) == 1}
        if repeated:
            return messages.milestone_repeated(repeated[0])
        if len(counts) == len(milestones) and len(units) == 1 and counts != sorted(counts):
            return messages.milestones_not_in_order(milestones)
    return None


def last_stage_empty(line: CheckedLine) -> Answer | None:
    """Find a last stage of 0 updates."""
    for line_part in line.parts:
        last: Schedule | None = line_part.written.args["stages"][-1] if line_part.kind == "sequence" else None
        if last is not None and last.known_length == Duration.of(0) and not holds_when_empty(last):
            return messages.last_stage_empty(last)
    return None


# ---------------------------------------------------------------------- the metric rules


def mode_of_metric(line: CheckedLine) -> Answer | None:
    """Find a metric rule whose mode contradicts the name of its metric."""
    for rule in _plateaus(line):
        mode = better_mode(rule.metric)
        if mode is not None and mode != rule.mode:
            return messages.mode_of_metric(rule, mode)
    return None


def _plateaus(line: CheckedLine) -> list[PlateauRule]:
    return [rule for rule in line.rules if isinstance(rule, PlateauRule)]


def counts_in_warmup(line: CheckedLine, at_peak: float, high: float) -> Answer | None:
    """Find a plateau rule of the lr that counts during a warmup longer than its patience."""
    rules = [rule for rule in _plateaus(line) if rule.begin is None] if line.is_rate else []
    if not rules or line.resolved is None:
        return None
    peak = at_peak * float(line.multiples.max())
    is_high = line.multiples >= peak
    index = int(np.argmax(is_high))
    falls_later = (np.diff(is_high[index:].astype(int)) > 0).any()
    if is_high[0] or line.multiples[0] >= high * line.multiples.max() or falls_later:
        return None
    written = _time_of_warmup(line, peak)
    reached = line.first_time(index, lambda value: value >= at_peak * float(line.values.max()))
    epochs = _in_epochs(line, written, reached)
    if epochs is None:
        return None
    for rule in rules:
        if epochs >= rule.patience + 2:
            return messages.counts_in_warmup(rule, epochs, written)
    return None


def _time_of_warmup(line: CheckedLine, high: float) -> Duration | None:
    """Return the written time of the stages up to the first one that is high; None if a length is not written."""
    time = Duration.of(0)
    ramps = [line_part.written.args["over"] for line_part in line.parts if line_part.over_run and line_part.is_ramp]
    if len(line.stages) == 1:
        return ramps[0] if len(ramps) == 1 else None
    for stage in line.stages:
        levels = stage.levels
        length = stage.written.known_length
        if levels is None or length is None:
            return None
        if levels.first >= high:
            return time
        time += length
        if levels.last >= high:
            return time
    return None


def _in_epochs(line: CheckedLine, written: Duration | None, reached: int) -> Fraction | None:
    """Return the time of a warmup in epochs, as written or as reached in the run; None if an epoch is unknown."""
    units = set() if written is None else {unit for unit, _ in written.terms}
    if written is not None and units == {"epochs"}:
        return sum((count for _, count in written.terms), Fraction(0))
    if line.is_timed and line.run.epoch:
        exact = line.run.exact(written) if written and line.run.converts([written]) else Fraction(reached)
        return exact / line.run.epoch
    facts = line.context.facts
    if facts is None or facts.updates_per_epoch is None or written is None or not units <= {"updates", "epochs"}:
        return None
    return facts.exact(written) / facts.updates_per_epoch


# ---------------------------------------------------------------------- are updates and epochs confused?


def epochs_for_updates(line: CheckedLine, least: int, runs: int, runs_of_warmup: int) -> Answer | None:
    """Find the first length in epochs that is many times the length of the run."""
    epochs = line.context.epochs
    if epochs is None:
        return None
    for line_part in line.parts:
        limit = max(Fraction(least), (runs_of_warmup if line_part.is_ramp else runs) * epochs)
        for time in line_part.times:
            if dict(time.written.terms).get("epochs", 0) >= limit:
                return messages.epochs_for_updates(time.written, epochs, [other.written for other in line_part.times])
    return None


_TIMED: Final = ("multistep", "step", "restarts", "cosine_restarts", "cyclic", "table")
"""Shapes with times by which they may be too short."""


def updates_for_epochs(line: CheckedLine, fewest: int, short_warmup: int, short_epoch: int) -> Answer | None:
    """Find the shapes whose lengths in updates are all below the number of epochs.

    A warmup of as many epochs would take the run.
    """
    run = line.run
    epochs = line.context.epochs
    if epochs is None or epochs < fewest:
        return None
    if line.is_timed and run.is_real and run.epoch is not None and run.epoch < short_epoch:
        return None
    lengths = list[Duration]()
    for line_part in line.parts:
        written = _lengths_like_epochs(line_part)
        longest = max((Fraction(length.number) for length in written), default=Fraction(0))
        fills = line_part.is_ramp and longest >= epochs
        if not fills and longest <= (min(epochs, Fraction(short_warmup)) if line_part.is_ramp else epochs):
            lengths += written
    return messages.updates_for_epochs(lengths, epochs) if lengths else None


def _lengths_like_epochs(line_part: LinePart) -> list[Duration]:
    """Return the lengths of a shape that are above 1 update; nothing if one of its lengths has a unit."""
    roles: tuple[str, ...] = ()
    if line_part.kind in _TIMED:
        roles = ("time", "period")
    elif line_part.kind == "anneal":
        roles = _OWN_LENGTH
    written = [time.written for time in line_part.times if time.role in roles]
    if not all(length.is_resolved for length in written):
        return []
    return [length for length in written if length.number > 1]


# ---------------------------------------------------------------------- is a time beyond the run?


def beyond_total(line: CheckedLine, longest: Fraction) -> Answer | None:
    """Find the first sequence or shape that is longer than the run, or than its cycle.

    Of a line whose times in the run are unknown, the lengths in the units of the plan's total count: others only add
    to them.
    """
    run = line.run if line.has_times else line.context.run
    if run is None:
        return None
    for line_part in line.parts:
        schedule = line_part.resolved if line.has_times else line_part.written
        stages = () if schedule is None or not line_part.over_run else stages_of(schedule)
        if len(stages) > 1 and stages[-1].kind == "skip":  # a run that ends early, as that of OLMo 3
            continue
        taken = _taken_by(stages, run, line.has_times)
        if taken > longest * run.end:
            # A sum has values before its operand without a length is out of time, so it is resolved.
            if line.has_times or not line_part.written.fills:
                return messages.run_ends_first(line_part.written, taken / run.end)
            return messages.nothing_left_of_run(line_part.written, taken / run.end)
        answer = _beyond_cycle(line_part, run, longest)
        if answer is not None:
            return answer
    return None


def _taken_by(stages: Sequence[Schedule], run: TrialRun, has_times: bool) -> Fraction:
    """Return the updates of the stages whose length is known."""
    lengths = [stage.known_length for stage in stages if stage.known_length is not None]
    return sum((run.exact(length) for length in lengths if has_times or run.converts([length])), Fraction(0))


def _beyond_cycle(line_part: LinePart, run: TrialRun, longest: Fraction) -> Answer | None:
    """Find stages that are longer than the cycle of `restarts` that they are in, or that leave nothing for the rest."""
    if line_part.kind != "restarts" or line_part.resolved is None or line_part.resolved.kind != "restarts":
        return None
    stages = stages_of(line_part.resolved.args["schedule"])
    cycle = run.exact(Duration.of(line_part.resolved.args["every"]))
    taken = _taken_by(stages, run, has_times=True)
    written = line_part.written.args["schedule"]
    if taken > longest * cycle:
        return messages.cycle_ends_first(written, taken / cycle)
    if taken == cycle and written.fills and stages[-1].length == Duration.of(0):
        return messages.nothing_left_of_cycle(written, taken / cycle)
    return None


def milestone_after_end(line: CheckedLine) -> Answer | None:
    """Find the first milestone after the end of the run."""
    for time, share in _beyond(line, "time"):
        return messages.milestone_after_end(time.written, share)
    return None


def period_beyond_run(line: CheckedLine) -> Answer | None:
    """Find the first period that is longer than the run."""
    for time, share in _beyond(line, "period"):
        # CosineAnnealingLR of torch is half of a wave, which ends with the run.
        if share != 2 or not any(line_part.kind == "cosine_wave" for line_part in line.parts):
            return messages.period_beyond_run(time.written, share)
    return None


def _beyond(line: CheckedLine, role: str) -> list[tuple[WrittenTime, Fraction]]:
    """Return the times with a role that are later than the end of the run, as shares of the run."""
    return [
        (time, Fraction(time.resolved.number) / line.run.end)
        for line_part in line.parts
        if line_part.over_run and (role == "period" or line_part.kind == "multistep")
        for time in line_part.times
        if time.role == role and time.resolved is not None and time.resolved.is_resolved
        if time.resolved.number > line.total
    ]


# ---------------------------------------------------------------------- is a time too short?


def stage_of_one_update(line: CheckedLine, small_share: Fraction, short_run: int, long_run: int) -> Answer | None:
    """Find the first stage that takes at most one update although its length is in another unit."""
    run = line.run
    if not run.is_real and run.units != {"updates", "percent"}:
        return None
    for time in (time for line_part in line.parts for time in line_part.times if time.role in _OWN_LENGTH):
        written = time.written
        if written.is_resolved or not run.converts([written]):
            continue
        length = _length_in_run(time, run)
        share = dict(written.terms).get("percent")
        is_small = share is not None and share <= small_share and len(written.terms) == 1
        if length <= 1 and line.end >= (short_run if is_small else long_run):
            # A builder such as `one_cycle` may have added an update to the share that is written.
            quoted = written if share is None else Duration((("percent", share),))
            return messages.stage_of_one_update(quoted, length, line.end)
    return None


def _length_in_run(time: WrittenTime, run: TrialRun) -> Fraction:
    """Return a length in updates of a run: the resolved one if it has no other unit."""
    if time.resolved is not None and time.resolved.is_resolved:
        return run.exact(time.resolved)
    return run.exact(time.written)


def decay_in_percent(line: CheckedLine, long_run: int, most: int, longest: int) -> Answer | None:
    """Find a last decay whose length is a number that is meant in percent: `wsd(2, 20)`."""
    *before, decay = line.stages
    over: Duration | None = decay.written.args["over"] if is_anneal(decay.written) else None
    if over is None or not over.is_resolved or line.end < long_run or "updates" not in line.run.units:
        return None
    falls = decay.levels is None or decay.levels.last < decay.levels.first
    if not falls or all(stage.written.has_length for stage in before) or not 1 < over.number <= most:
        return None
    if 100 * over.number >= line.end:
        return None
    return messages.decay_in_percent(over, line.end, is_share=over.number <= longest)


_CYCLES: Final = {"restarts": "every", "cosine_restarts": "first"}
"""Shapes of cycles, and the arguments with the length of the first one."""


def many_cycles(line: CheckedLine, most: int) -> Answer | None:
    """Find many cycles of a few updates: `restarts(cosine(), 4)` for four cycles."""
    for line_part in line.parts:
        is_stage = any(line_part.written is stage.written for stage in line.stages)
        if line_part.kind not in _CYCLES or not (line_part.over_run or is_stage):
            continue
        args = line_part.written.args
        length: Duration | None = args[_CYCLES[line_part.kind]]
        if length is None or not length.is_resolved or args["mult"] != 1 or args["times"] is not None:
            continue
        number = length.number
        if 2 <= number <= most and number == int(number) and line.end > most * number:
            return messages.many_cycles(line_part.written, float(line.end / number), length)
    return None
