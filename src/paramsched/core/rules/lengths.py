"""Checks of lengths and times against the length of the run, both as written and in a trial run."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple

from paramsched.core.base import codes
from paramsched.core.base.codes import MILESTONE_AFTER_END
from paramsched.core.base.printing import TOTAL
from paramsched.core.base.problem import Problem
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import UPDATES, lengths_of_line
from paramsched.core.plan.run_amounts import PLANNED_SIZES
from paramsched.core.rules.line import Line
from paramsched.core.rules.trial_run import TrialRun
from paramsched.core.rules.values import IS_HIGH
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.anneal import first_level, is_anneal, last_level
from paramsched.core.schedules.schedule import is_kind, parts_inside
from paramsched.core.schedules.sequence import holds_when_empty, stages_of
from paramsched.core.time import Duration, RunFacts

_MANY_EPOCHS: Final = 100
_TIMES_THE_RUN: Final = 10  # a length in epochs of at least so many runs probably means updates
_TIMES_FOR_WARMUP: Final = 3  # the same limit for a warmup, which is a small part of a run
_FEW_EPOCHS: Final = 5  # in a run of fewer epochs, small numbers may mean updates
_SHORT_WARMUP: Final = 20  # updates; a longer warmup may be intended
_SHORT_EPOCH: Final = 10  # updates; with such epochs, numbers of updates and of epochs are similar
_LONG_RUN: Final = 1_000  # updates
_SHORT_RUN: Final = 100  # updates
_SMALL_SHARE: Final = Fraction(1, 10)  # percent; a share of at most 0.1% may be a fraction that was meant in percent
_MOST_PERCENT: Final = 100
_FEWEST_OF_WARMUP: Final = 4  # updates; in a shorter run each stage has one
_CLEARLY_LONGER: Final = Fraction(101, 100)  # lengths may exceed the run by 1%, because one extra update has no effect


def length_problems(line: Line) -> Iterator[Problem]:
    """Yield diagnostics of the lengths in one line of a plan."""
    if not line.has_lengths:
        return
    yield from _milestones_mixed(line)
    yield from _stage_without_updates(line)
    mistaken = [*_epochs_for_updates(line), *_updates_for_epochs(line)]
    yield from mistaken
    if line.trial is None or not line.trial.to_scale:
        return
    parts = [_Part.of(one, line) for one in _parts_over_the_run(line.schedule)]
    if not mistaken:
        yield from _beyond_total(line, line.trial, parts)
        yield from _milestones_after_end(line, line.trial, parts)
        yield from _periods_beyond_run(line, line.trial, parts)
        yield from _warmup_as_long_as_run(line, line.trial, parts)
    yield from _stages_of_one_update(line, line.trial, parts)
    yield from [] if mistaken else _decay_in_percent(line, line.trial, parts)


class _Part(NamedTuple):
    """A schedule whose time is the time of the run, and its stages with their lengths in updates; None if unknown."""

    schedule: Schedule
    stages: tuple[Schedule, ...]
    lengths: Sequence[Fraction | None]

    @staticmethod
    def of(schedule: Schedule, line: Line) -> "_Part":
        stages = stages_of(schedule)
        lengths: list[Fraction | None] = []
        begin = Fraction(0)
        for stage in stages:
            lengths.append(line.length_of(stage, begin))
            begin += lengths[-1] or 0
        return _Part(schedule, stages, lengths)


def total_in_epochs(plan: Plan, facts: RunFacts | None) -> Problem | None:
    """Return a diagnostic if the total is a number of updates below one epoch: epochs were probably meant.

    Source: torch's examples and Keras' `fit` count the run in epochs, so `total=10` is a usual slip. A run of a
    thousand updates or more is one of pretraining, which may be shorter than an epoch.
    """
    length = plan.total or (None if facts is None else facts.total)
    epoch = None if facts is None else facts.updates_per_epoch
    if length is None or epoch is None or plan.clock != UPDATES:
        return None
    length = Duration.of(length)
    if not length.is_resolved or length.updates >= min(epoch, _LONG_RUN):
        return None
    found = f"total={length} is {length} updates, less than one epoch of {epoch}"
    after = f"{found}: after update {length} the last values are kept"
    instead = f'For {length} epochs write total="{length} epochs"'
    return Problem(TOTAL, after, instead, code=codes.UPDATES_FOR_EPOCHS)


_OF_BATCHES: Final = frozenset({"batches", "samples", "tokens"})
"""Units whose conversion uses the accumulation."""


def accumulation_unused(plan: Plan, facts: RunFacts | None) -> Problem | None:
    """Return a diagnostic if an epoch is given in updates, and nothing of the plan uses the accumulation.

    Reason: `steps_per_epoch=len(loader), accumulation=4` is a usual slip, which makes the plan four times too long.
    """
    accumulation = None if facts is None else facts.accumulation
    if facts is None or accumulation is None or accumulation < 2 or facts.batches_per_epoch is not None:
        return None
    epoch = facts.steps_per_epoch
    if epoch is None or plan.clock != UPDATES or any(one.name in PLANNED_SIZES for one in plan.targets):
        return None
    given = [Duration.of(one) for one in (plan.total, facts.total) if one is not None]
    written = [*given, *(length for line in plan.bindings for length in lengths_of_line(line))]
    units = {unit for length in written for unit, _ in length.terms}
    if "epochs" not in units or units & _OF_BATCHES:
        return None
    found = (
        f"steps_per_epoch={epoch} counts updates, so an epoch has {epoch} updates of {accumulation} batches: "
        f"{epoch * accumulation} batches; accumulation={accumulation} changes nothing in this plan"
    )
    instead = f"If an epoch has {epoch} batches write batches_per_epoch={epoch}; if not, omit accumulation"
    return Problem(TOTAL, found, instead, code=codes.ACCUMULATION_UNUSED)


def _milestones_mixed(line: Line) -> Iterator[Problem]:
    """Yield a diagnostic for milestones that are repeated or not in order.

    Source: torch's MultiStepLR sorts its milestones and multiplies twice at one that is repeated.
    """
    for part in line.inside:
        if is_kind(part, "multistep") and (found := _order_of(part.args["milestones"])):
            yield Problem(line.path, found, "Keep each milestone once, in order", code=codes.MILESTONES_MIXED)
            return


def _stage_without_updates(line: Line) -> Iterator[Problem]:
    """Yield a diagnostic for a last stage of 0 updates.

    Source: timm's `cooldown_epochs=0` and `warmup_epochs=0` switch a stage off; a last stage does not need that.
    """
    for part in line.inside:
        last = stages_of(part)[-1] if is_kind(part, "sequence") else None
        if last is not None and last.has_length and last.length == Duration.of(0) and not holds_when_empty(last):
            found = f"the last stage, {last}, has 0 updates and is skipped"
            yield Problem(line.path, found, "Remove it, or write a longer length", code=codes.ONE_UPDATE)
            return


def _warmup_as_long_as_run(line: Line, trial: TrialRun, parts: Iterable[_Part]) -> Iterator[Problem]:
    """Yield a diagnostic for a warmup of the lr that takes the run, so that its level is never reached.

    Source: lightly-ai/lightly#1842, whose rate never reached its base.
    """
    if line.binding.name != "lr" or line.binding.groups is not None or trial.end < _FEWEST_OF_WARMUP:
        return
    for _, (first, *rest), (length, *_) in parts:
        if not (is_anneal(first) and _is_warmup(first) and _is_low(first)):
            continue
        if length is not None and trial.end <= length <= trial.end * _CLEARLY_LONGER:
            share = f"{float(100 * length / trial.end):.6g}% of the run"
            left = f", so {rest[0]} begins when the run ends" if rest else ""
            found = f"the warmup takes {share}{left}"
            yield Problem(line.path, found, 'Shorten the warmup: warmup("5%")', code=codes.RISES_TO_THE_END)
            return


def _epochs_for_updates(line: Line) -> Iterator[Problem]:
    """Yield a diagnostic for the first length in epochs that is many times the length of the run.

    The limit is 10 times the run, and 3 times the run for a warmup. Source: MMEngine's schedulers count epochs by
    default, also for the `end=500` of a warmup in iterations.
    """
    epochs = line.epochs
    if epochs is None:
        return
    for part in line.inside:
        over = part.args["over"] if is_anneal(part) else part
        if not isinstance(over, Duration):
            continue
        for length in [count for unit, count in over.terms if unit == "epochs"]:
            times = _TIMES_FOR_WARMUP if _is_warmup(part) else _TIMES_THE_RUN
            if length >= _MANY_EPOCHS and length >= times * epochs:
                instead = f'For updates write "{_number(length)} steps"'
                found = f'the length "{over}" exceeds the run of {_number(epochs)} epochs'
                yield Problem(line.path, found, instead, code=codes.EPOCHS_FOR_UPDATES)
                return


def _updates_for_epochs(line: Line) -> Iterator[Problem]:
    """Yield a diagnostic for the first shape whose lengths in updates are all below the number of epochs.

    Source: the milestones of torch's MultiStepLR and StepLR count epochs in nearly all scripts.
    """
    trial, epochs = line.trial, line.epochs
    if epochs is None or epochs < _FEW_EPOCHS:
        return
    if trial is not None and trial.known and trial.epoch is not None and trial.epoch < _SHORT_EPOCH:
        return
    for part in line.inside:
        counts = [*_updates_of_part(part)]
        if counts and max(counts) <= min(epochs, _SHORT_WARMUP if _is_warmup(part) else epochs):
            numbers = ", ".join(_number(one) for one in counts)
            verb = "counts" if len(counts) == 1 else "count"
            found = f"{numbers} {verb} updates, but the run has {_number(epochs)} epochs"
            instead = f'For epochs write "{_number(counts[-1])} epochs"'
            yield Problem(line.path, found, instead, code=codes.UPDATES_FOR_EPOCHS)
            return


def _updates_of_part(part: Any) -> list[Fraction]:
    """Return the milestones, length or periods of a shape in updates; [] if one is in another unit."""
    if is_kind(part, "multistep"):
        written = list(part.args["milestones"])
    elif is_anneal(part):
        written = [part.args["over"]] if part.args["over"] is not None else []
    elif isinstance(part, Schedule) and part.kind != "every":
        written = [one for one in _periods_of(part) if one is not None]
    else:
        return []
    if not all([unit for unit, _ in one.terms] == ["updates"] for one in written):
        return []
    return [one.terms[0][1] for one in written if one.terms[0][1] > 1]


def _is_warmup(part: Any) -> bool:
    """Return whether a shape rises, like a warmup, which may be intended to take only a few updates."""
    if not is_anneal(part):
        return False
    first, last = first_level(part), last_level(part)
    return isinstance(first, float) and isinstance(last, float) and first < last


def _is_low(warmup: Schedule) -> bool:
    """Return whether a warmup starts well below its level."""
    first, last = first_level(warmup), last_level(warmup)
    return isinstance(first, float) and isinstance(last, float) and first < IS_HIGH * last


def _beyond_total(line: Line, trial: TrialRun, parts: Iterable[_Part]) -> Iterator[Problem]:
    """Yield a diagnostic for the first sequence or shape that is longer than the run.

    A stage that continues a longer schedule (`skip`) may be cut, as in a published run that ended early: OLMo 3.

    Source: Hoffmann et al., 2022, appendix B: models train worse if the cosine is over 25% longer than the run.
    """
    for part, stages, lengths in parts:
        if stages[-1].kind == "skip" and len(stages) > 1:
            continue
        taken = sum((one for one in lengths if one is not None), Fraction(0))
        if taken > _CLEARLY_LONGER * trial.end:
            found = f"{part} takes {float(100 * taken / trial.end):.6g}% of the total, so the run ends first"
            # The known lengths already exceed the run, so a stage without length would get no updates.
            yield Problem(line.path, found, code=codes.NOTHING_LEFT if part.fills else codes.BEYOND_TOTAL)
            return


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


def _milestones_after_end(line: Line, trial: TrialRun, parts: Iterable[_Part]) -> Iterator[Problem]:
    """Yield a diagnostic for the first milestone after the end of the run.

    Source: microsoft/SoftTeacher#224, a run of 12,000 iterations with its first milestone at 480,000. detectron2 warns
    of such milestones itself, since facebookresearch/detectron2#2609.
    """
    for part, _, _ in parts:
        is_known = part.kind == "multistep" and (line.known or trial.knows(part))
        milestones = part.args["milestones"] if is_known else ()
        late = [(when, one) for one in milestones if (when := trial.span.units.exact(one)) > trial.end]
        if late:
            place = f"{float(late[0][0] / trial.end):.0%} of the run"
            found = f'milestone "{late[0][1]}" is after the end of the run, at {place}'
            yield Problem(line.path, found, "Remove it, or write a time within the run", code=MILESTONE_AFTER_END)
            return


def _periods_beyond_run(line: Line, trial: TrialRun, parts: Iterable[_Part]) -> Iterator[Problem]:
    """Yield a diagnostic for the first period that is longer than the run.

    Reason: a step or a restart that never happens leaves a constant, or a part of one wave.
    """
    for part, _, _ in parts:
        periods = [
            (trial.span.units.exact(one), f'"{one}"') for one in _periods_of(part) if (line.known or trial.knows(part))
        ]
        for length, text in periods:
            if length <= trial.end:
                continue
            # CosineAnnealingLR of torch is half of a wave, which ends with the run.
            is_half = length == 2 * trial.end and any(is_kind(one, "cosine_wave") for one in parts_inside(part))
            if not is_half:
                found = f"the period {text} is {float(100 * length / trial.end):.6g}% of the run, so it never completes"
                yield Problem(line.path, found, "Shorten it, or remove it", code=codes.PERIOD_BEYOND_RUN)
                return


def _periods_of(part: Schedule) -> list[Duration]:
    periods = (part.args[name] for name, role in part.shape.roles.items() if role == "period")
    return [one for one in periods if one is not None]


def _stages_of_one_update(line: Line, trial: TrialRun, parts: Iterable[_Part]) -> Iterator[Problem]:
    """Yield a diagnostic for the first stage that takes at most one update although its length is in another unit.

    Reason: a fraction such as 0.05 was written as a percentage, `"0.05%"`; a stage of one update is written as 1. In a
    shorter run only a share of at most 0.1% is such a fraction, because a short trial of a long run is right.
    """
    if not trial.known and trial.units != {"updates", "percent"}:
        return
    for _, stages, lengths in parts:
        for stage, length in zip(stages, lengths, strict=True):
            written = stage.args.get("over")
            if length is None or length > 1 or not isinstance(written, Duration) or written.is_resolved:
                continue
            if trial.end < (_SHORT_RUN if _is_small_share(written) else _LONG_RUN):
                continue
            found = f'"{written}" is only {_number(length)} of {_number(trial.end)} updates'
            yield Problem(line.path, found, 'Use a longer length, such as "5%"', code=codes.ONE_UPDATE)
            return


def _is_small_share(length: Duration) -> bool:
    return [unit for unit, _ in length.terms] == ["percent"] and length.terms[0][1] <= _SMALL_SHARE


def _decay_in_percent(line: Line, trial: TrialRun, parts: Iterable[_Part]) -> Iterator[Problem]:
    """Yield a diagnostic for a last decay whose length is a number that is meant in percent: `wsd(2, 20)`.

    Reason: decays of constant schedules take 5 to 20% of a run. Published ones take 1,000 updates or more.
    """
    if trial.end < _LONG_RUN or "updates" not in trial.units:
        return
    for part, stages, lengths in parts:
        decay, length = stages[-1], lengths[-1]
        if part.kind != "sequence" or not is_anneal(decay) or all(one.has_length for one in stages):
            continue
        written = decay.args["over"]
        if length is None or written is None or not written.is_resolved or _is_warmup(decay):
            continue
        if 1 < length <= _MOST_PERCENT and 100 * length < trial.end:
            found = f"the decay takes {written} of {_number(trial.end)} updates, less than 1% of the run"
            instead = f'For a share of the run write "{written}%"'
            yield Problem(line.path, found, instead, code=codes.UPDATES_FOR_PERCENT)
            return


def _order_of(milestones: tuple[Any, ...]) -> str:
    """Return a description of repeated or unsorted milestones; "" if they are in ascending order."""
    seen: set[Any] = set()
    for one in milestones:
        if one in seen:
            return f'milestone "{one}" is repeated, so its factor is applied twice'
        seen.add(one)
    amounts = [one.terms if isinstance(one, Duration) else (("ticks", Fraction(one)),) for one in milestones]
    if all(len(terms) == 1 for terms in amounts) and len({terms[0][0] for terms in amounts}) == 1:
        counts = [terms[0][1] for terms in amounts]
        if counts != sorted(counts):
            return f"milestones are not in order: {', '.join(map(str, milestones))}"
    return ""


def _number(value: Fraction) -> str:
    return f"{float(value):g}" if value < 10**6 else f"{float(value):,.0f}"
