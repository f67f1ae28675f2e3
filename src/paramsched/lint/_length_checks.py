"""Lengths and times of a schedule that do not go with the run: seen from what is written, in a trial run."""

from collections.abc import Iterator
from dataclasses import fields
from fractions import Fraction
from typing import Any, Final

from paramsched.base import codes
from paramsched.base.codes import MILESTONE_AFTER_END
from paramsched.base.diagnostic import Diagnostic
from paramsched.lint._trial_run import TrialRun
from paramsched.plan.contents import values_inside
from paramsched.schedules import Anneal, Schedule
from paramsched.schedules.cuts import Skip, Take
from paramsched.schedules.lengths import PERIOD
from paramsched.schedules.restarts import Restarts
from paramsched.schedules.retimed import Every, Window
from paramsched.schedules.rules import MultiStepRule, Rule, StepRule
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.staircases import MultiStep
from paramsched.time import Duration

_MANY_EPOCHS: Final = 100
_TIMES_THE_RUN: Final = 10  # from here on a length in epochs was meant as updates
_TIMES_FOR_WARMUP: Final = 3  # likewise of a warmup, which takes a small part of a run
_FEW_EPOCHS: Final = 5  # a run of fewer epochs says nothing about what small numbers mean
_SHORT_WARMUP: Final = 20  # updates; a longer one may be meant
_SHORT_EPOCH: Final = 10  # updates; in such a run numbers of updates and of epochs are alike
_LONG_RUN: Final = 1_000  # updates
_CLEARLY_LONGER: Final = Fraction(101, 100)  # one tick too many changes nothing


def check_lengths(
    schedule: Schedule, trial: TrialRun | None, epochs: Fraction | None, path: str, *, native: bool
) -> Iterator[Diagnostic]:
    """Yield what is wrong with the lengths of one line.

    Args:
        epochs: how many the run has; None if that is unknown.
        native: whether its author wrote it in the library's own text form.
    """
    for part in values_inside(schedule):
        if isinstance(part, (MultiStep, MultiStepRule)) and (found := _order_of(part.milestones)):
            yield Diagnostic(path, found, "Write each once, the first one first", code=codes.MILESTONES_MIXED)
            break
    for part in values_inside(schedule) if native else ():
        last = part.stages[-1] if isinstance(part, Sequence) else None
        if last is not None and last.has_length and last.length == Duration.of(0) and not last._holds_when_empty:
            found = f"the last stage, {last}, is 0 updates long and is passed over"
            yield Diagnostic(path, found, "Leave it out, or write a longer one", code=codes.ONE_UPDATE)
            break
    mistaken = [*_epochs_for_updates(schedule, epochs, path, native=native)]
    mistaken += _updates_for_epochs(schedule, trial, epochs, path, native=native)
    yield from mistaken
    if trial is None or not trial.to_scale:
        return
    if not mistaken:
        yield from _beyond_horizon(schedule, trial, path)
        yield from _milestones_after_end(schedule, trial, path)
        yield from _periods_beyond_run(schedule, trial, path)
    yield from _stages_of_one_update(schedule, trial, path)


def _epochs_for_updates(
    schedule: Schedule, epochs: Fraction | None, path: str, *, native: bool
) -> Iterator[Diagnostic]:
    """Yield the first length in epochs that is many times the run; a warmup is to be a small part of it."""
    if epochs is None:
        return
    for part in values_inside(schedule):
        times = _TIMES_FOR_WARMUP if isinstance(part, Anneal) and _is_warmup(part) else _TIMES_THE_RUN
        over = part.over if isinstance(part, Anneal) else part
        lengths: list[tuple[Fraction, str]] = []
        if isinstance(over, Duration):
            lengths = [(dict(over.terms).get("epochs", Fraction(0)), str(over))]
        elif isinstance(part, Rule) and part.by == "epoch":
            lengths = [(Fraction(count), f"{count} epochs") for count in _counts_of_rule(part)]
        for length, written in lengths:
            if length >= _MANY_EPOCHS and length >= times * epochs:
                by_iteration = "If iterations are meant write by_epoch=False"
                instead = f'If updates are meant write "{_number(length)} steps"' if native else by_iteration
                found = f'"{written}" in a run of {_number(epochs)} epochs'
                yield Diagnostic(path, found, instead, code=codes.EPOCHS_FOR_UPDATES)
                return


def _updates_for_epochs(
    schedule: Schedule, trial: TrialRun | None, epochs: Fraction | None, path: str, *, native: bool
) -> Iterator[Diagnostic]:
    """Numbers of updates, all below the number of epochs."""
    if epochs is None or epochs < _FEW_EPOCHS:
        return
    if trial is not None and trial.known and trial.epoch is not None and trial.epoch < _SHORT_EPOCH:
        return
    for part in values_inside(schedule):
        counts = [*_updates_of_part(part)]
        if counts and max(counts) <= min(epochs, _SHORT_WARMUP if _is_warmup(part) else epochs):
            numbers = ", ".join(_number(one) for one in counts)
            found = f"{numbers} {'is' if len(counts) == 1 else 'are'} updates, in a run of {_number(epochs)} epochs"
            instead = f'For epochs write "{_number(counts[-1])} epochs"' if native else "For epochs write by_epoch=True"
            yield Diagnostic(path, found, instead, code=codes.UPDATES_FOR_EPOCHS)
            return


def _updates_of_part(part: Any) -> list[Fraction]:
    """Times that count updates."""
    if isinstance(part, MultiStep):
        written = list(part.milestones)
    elif isinstance(part, Anneal):
        written = [part.over] if part.over is not None else []
    elif isinstance(part, Schedule) and not isinstance(part, Every):
        written = [one for one in _periods_of(part) if one is not None]
    elif isinstance(part, Rule) and part.by == "update":
        return [Fraction(one) for one in _counts_of_rule(part)]
    else:
        return []
    if not all([unit for unit, _ in one.terms] == ["updates"] for one in written):
        return []
    return [one.terms[0][1] for one in written if one.terms[0][1] > 1]


def _is_warmup(part: Any) -> bool:
    """Whether it rises, so that a few updates may be meant."""
    if isinstance(part, Anneal):
        return isinstance(part.start, float) and isinstance(part.to, float) and part.start < part.to
    return isinstance(part, Rule) and not isinstance(part, (StepRule, MultiStepRule))


def _beyond_horizon(schedule: Schedule, trial: TrialRun, path: str) -> Iterator[Diagnostic]:
    """Lengths beyond the horizon, on the run's own clock."""
    for part in _parts_over_the_run(schedule):
        stages = part.stages if isinstance(part, Sequence) else (part,)
        taken = Fraction(0)
        for stage in stages:
            taken += trial.length_of(stage, taken) or 0
        if taken > _CLEARLY_LONGER * trial.end:
            found = f"{part} takes {float(100 * taken / trial.end):.6g}% of the horizon; the run ends inside"
            # What is known of the lengths is too long already, and a stage without length would get nothing.
            yield Diagnostic(path, found, code=codes.NOTHING_LEFT if part.fills else codes.BEYOND_HORIZON)
            return


def _parts_over_the_run(schedule: Schedule) -> Iterator[Schedule]:
    """Parts that share its time: operands have all of it, stages of a sequence a part."""
    if isinstance(schedule, (Take, Skip)) and schedule.of is not None:
        return  # it was planned for a run of another length, as in a plan that was changed
    yield schedule
    if isinstance(schedule, (Sequence, Restarts, Take, Skip, Window)):
        return
    for part in schedule.parts():
        yield from _parts_over_the_run(part)


def _milestones_after_end(schedule: Schedule, trial: TrialRun, path: str) -> Iterator[Diagnostic]:
    """Milestones of the run behind its end."""
    for part in _parts_over_the_run(schedule):
        milestones = part.milestones if isinstance(part, MultiStep) and trial.knows(part) else ()
        late = [(when, one) for one in milestones if (when := trial.span.calendar.exact(one)) > trial.end]
        if late:
            found = (
                f'milestone "{late[0][1]}" lies behind the end of the run, at {float(late[0][0] / trial.end):.0%} of it'
            )
            yield Diagnostic(path, found, "Leave it out, or name a time of this run", code=MILESTONE_AFTER_END)
            return


def _periods_beyond_run(schedule: Schedule, trial: TrialRun, path: str) -> Iterator[Diagnostic]:
    """Yield the first period that is longer than the run."""
    ticks: dict[str | int, int | None] = {"update": 1 if "updates" in trial.units else None, "epoch": trial.epoch}
    for part in _parts_over_the_run(schedule):
        periods = [(trial.span.calendar.exact(one), f'"{one}"') for one in _periods_of(part) if trial.knows(part)]
        for rule in values_inside(part):
            if isinstance(rule, StepRule) and (tick := ticks.get(rule.by)) is not None:
                periods.append((Fraction(rule.every * tick), str(rule.every)))
        for length, text in periods:
            if length > trial.end:
                found = (
                    f"its period of {text} is {float(100 * length / trial.end):.6g}% of the run: it never comes round"
                )
                yield Diagnostic(path, found, "Shorten it, or leave it out", code=codes.PERIOD_BEYOND_RUN)
                return


def _periods_of(part: Schedule) -> list[Duration]:
    found = [getattr(part, one.name) for one in fields(part) if one.metadata.get("role") == PERIOD["role"]]  # type: ignore[arg-type]  # every schedule is a dataclass
    return [one for one in found if isinstance(one, Duration)]


def _stages_of_one_update(schedule: Schedule, trial: TrialRun, path: str) -> Iterator[Diagnostic]:
    """Stages of an update or none, though not written so."""
    if not trial.known or trial.end < _LONG_RUN:
        return
    for part in _parts_over_the_run(schedule):
        for stage in part.stages if isinstance(part, Sequence) else ():
            length = trial.length_of(stage, Fraction(0))
            written = getattr(stage, "over", None)
            if length is None or length > 1 or not isinstance(written, Duration) or written.is_resolved:
                continue
            found = f'"{written}" is {_number(length)} of {_number(trial.end)} updates'
            yield Diagnostic(path, found, 'Write a longer one: "5%"', code=codes.ONE_UPDATE)
            return


def _order_of(milestones: tuple[Any, ...]) -> str:
    """Return what is wrong with the order of milestones; "" if nothing is."""
    seen: set[Any] = set()
    for one in milestones:
        if one in seen:
            return f'milestone "{one}" stands twice: its factor is applied twice'
        seen.add(one)
    amounts = [one.terms if isinstance(one, Duration) else (("ticks", Fraction(one)),) for one in milestones]
    if all(len(terms) == 1 for terms in amounts) and len({terms[0][0] for terms in amounts}) == 1:
        counts = [terms[0][1] for terms in amounts]
        if counts != sorted(counts):
            return f"milestones are not in order: {', '.join(map(str, milestones))}"
    return ""


def _counts_of_rule(rule: Rule) -> list[int]:
    if isinstance(rule, MultiStepRule):
        return list(rule.milestones)
    if isinstance(rule, StepRule):
        return [rule.every]
    return [] if rule.end is None else [rule.end]


def _number(value: Fraction) -> str:
    return f"{float(value):g}" if value < 10**6 else f"{float(value):,.0f}"
