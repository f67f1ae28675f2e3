"""All questions about a plan: one driver for a start, `ps.check`, and values without an optimizer."""

from collections.abc import Callable, Container, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import Final, TypeAlias

import numpy as np

from paramsched.base import codes
from paramsched.base.problem import Problem
from paramsched.checks.checked_line import (
    CheckContext,
    CheckedLine,
    GroupBase,
    TrialRun,
    resolved_in_run,
    run_of_assumed_epochs,
    trial_run,
    usual_run,
)
from paramsched.checks.messages import plans as messages
from paramsched.checks.questions import LONG_RUN, QUESTIONS, Subject
from paramsched.core.curves.arrays import quiet
from paramsched.core.plan.binding import Binding, Target, binding_key, lengths_of_line
from paramsched.core.plan.likes import schedules_followed
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.run_amounts import PLANNED_SIZES
from paramsched.core.schedules.anneals import stage_from_base
from paramsched.core.schedules.combinators import without_rules
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.user_shapes import has_own_shape
from paramsched.core.time.duration import Duration
from paramsched.core.time.run_facts import UPDATES, RunFacts
from paramsched.errors import PlanError

LineProblem: TypeAlias = tuple[Binding | None, Problem]
"""A problem, with its line of the plan; None for the whole plan."""
GroupsOf: TypeAlias = Callable[[Binding], Sequence[GroupBase]]
"""A function that returns the groups of a line with their bases, as far as they are known."""


def probable_mistakes(
    plan: Plan,
    facts: RunFacts | None,
    groups_of: GroupsOf,
    *,
    counted: Plan | None = None,
    counts_of_user: bool = True,
    broken: Container[int] = (),
) -> Iterator[LineProblem]:
    """Yield the probable mistakes of a plan, in the order of its lines.

    Args:
        plan: the plan as written.
        facts: the run facts; None if none are known.
        groups_of: returns the groups of a line with their bases.
        counted: the plan with resolved lengths at a start; None if it is not resolved yet.
        counts_of_user: False if an engine counts the updates of the run.
        broken: the identities of lines with errors, whose values are not known.
    """
    trial = trial_run(plan, facts)
    of_run = [*problems_of_run(plan, facts, trial)] if counts_of_user else []
    yield from ((None, problem) for problem in of_run)
    # The length of an engine's run may be another one than that of the plan, which a start reports itself.
    epochs = _epochs_of_run(plan, facts, trial if counts_of_user or plan.total is None else None)
    context = CheckContext(facts, epochs, counted is not None, bool(of_run), trial)
    planned = {} if counted is None else {binding_key(binding): binding.schedule for binding in counted.bindings}
    followed_by = schedules_followed(plan.bindings)
    lines = list[CheckedLine]()
    for binding in plan.bindings:
        try:
            schedule = without_rules(followed_by(binding))
        except PlanError:
            continue
        groups = _groups_with_bases(binding, schedule, groups_of)
        in_run = planned.get(binding_key(binding)) if plan.clock == UPDATES else None
        if trial is not None and trial.is_real and in_run is not None:
            run = trial
            resolved: Schedule | None = without_rules(in_run)
        elif id(binding) in broken:
            run = trial or usual_run()
            resolved = None
        else:
            run, resolved = _resolved_somewhere(schedule, trial, plan)
        lines.append(CheckedLine(binding, schedule, groups, context, run, resolved, run is not usual_run()))
    yield from _problems_of_lines(lines)


def _groups_with_bases(binding: Binding, schedule: Schedule, groups_of: GroupsOf) -> Sequence[GroupBase]:
    """Return the groups of a line with their bases; that of a target is its initial value."""
    if isinstance(binding.field, Target):
        return [(binding.name, binding.field.initial)]
    groups = groups_of(binding)
    if stage_from_base(schedule) is None:
        return groups
    return [(label, base) for label, base in groups if base > 0]  # a base that is not above 0 is an error


def _resolved_somewhere(schedule: Schedule, trial: TrialRun | None, plan: Plan) -> tuple[TrialRun, Schedule | None]:
    """Return a schedule resolved in the first run that has its units: that of the plan, an assumed or a usual one.

    A function of the user is not called for the updates of another run.
    """
    for run in (trial, run_of_assumed_epochs(plan)):
        resolved = resolved_in_run(schedule, run) if run is not None and run.end >= 1 else None
        if run is not None and resolved is not None:
            return run, resolved
    return usual_run(), None if has_own_shape(schedule) else resolved_in_run(schedule, usual_run())


def _problems_of_lines(lines: Sequence[CheckedLine]) -> Iterator[LineProblem]:
    with_base = {(line.name, line.target is None) for line in lines if any(line.bases)}
    rates = list[tuple[CheckedLine, bool]]()
    for line in lines:
        problems = problems_of_line(line)
        # A line for all groups may be left with those that are frozen.
        is_left = line.is_for_all and (line.name, line.target is None) in with_base and not any(line.bases)
        if is_left:
            problems = [problem for problem in problems if problem.code != codes.BASE_OF_ZERO]
        yield from ((line.binding, problem) for problem in problems)
        if line.is_rate and line.has_times and not is_left:
            rates.append((line, not problems))
    if all(is_right for _, is_right in rates):
        yield from _problem_of_end([line for line, _ in rates])


def _problem_of_end(rates: Sequence[CheckedLine]) -> Iterator[LineProblem]:
    """Yield the problem of the end of a run, if all lines of the rate have one: one group may be 0 on purpose.

    A group without a line keeps its rate, and so does one whose values are unknown.
    """
    ends = list[tuple[CheckedLine, Problem]]()
    for line in rates:
        problems = _first("end", line)
        if not problems:
            return
        ends.append((line, problems[0]))
    for line, problem in sorted(ends, key=lambda pair: not pair[0].is_for_all)[:1]:
        if line.is_for_all or len(ends) > 1 or problem.code == codes.NEVER_ABOVE_ZERO:
            yield line.binding, problem


@quiet
def problems_of_line(line: CheckedLine) -> list[Problem]:
    """Return the problems of one line.

    One mistake is reported once: of the text, the levels, the lengths and the stages, the first question that finds
    something. Stages count only if levels and lengths are right.
    """
    problems = list(problems_about("metrics", line)) if line.rules else []
    return problems + (_first("text", line) or _problems_of_values(line))


def _problems_of_values(line: CheckedLine) -> list[Problem]:
    """Return the problems of the levels, the lengths and the stages of a line."""
    is_finite = bool(np.isfinite(line.values).all())
    levels = _first("levels", line) if is_finite else []
    # A line with an error has the run of the plan, and the error reports its lengths.
    if line.resolved is None and (levels or line.is_timed):
        return levels
    refused = _first("range", line) if line.is_timed and not line.context.is_start else []
    lengths = [] if refused else _first("lengths", line)
    reported = [level.code for level in levels]
    problems = [*levels, *(problem for problem in refused if problem.code not in reported), *lengths]
    if levels or refused or lengths or not is_finite:
        return problems
    return _first("stages", line)


def problems_about(subject: Subject, line: CheckedLine) -> Iterator[Problem]:
    """Yield the problems that the questions about a part of a line find, as far as it is known."""
    is_known = {"text": True, "values": line.resolved is not None, "run": line.has_times}
    for question in QUESTIONS[subject]:
        answer = question.ask(line) if is_known[question.needs] else None
        if answer is not None:
            code = answer.code or question.code
            yield Problem(line.path, answer.message, answer.advice, code=code, as_info=answer.as_info)


def _first(subject: Subject, line: CheckedLine) -> list[Problem]:
    """Return the problem of the first question that finds one."""
    return list(islice(problems_about(subject, line), 1))


# ---------------------------------------------------------------------- the run

_OF_BATCHES: Final = frozenset({"batches", "samples", "tokens"})
"""Units whose conversion uses the accumulation."""


_AMOUNTS: Final = frozenset({"samples", "tokens"})
_MOST_UPDATES: Final = 1_000_000
"""Updates of a run; more than these, without a fact that converts them, are an amount without its unit."""


def problems_of_run(plan: Plan, facts: RunFacts | None, trial: TrialRun | None) -> Iterator[Problem]:
    """Yield the problems of the length of the run.

    A total below one epoch: torch's examples and Keras' `fit` count the run in epochs, so `total=10` is a usual slip. A
    run of a thousand updates or more is one of pretraining, which may be shorter than an epoch. And a total in another
    unit that one update takes, such as 1,000 tokens at 4,096 tokens an update.
    """
    total = plan.total or (None if facts is None else facts.total)
    if total is not None:
        yield from _problems_of_total(Duration.of(total), plan, facts, trial)
    unused = accumulation_unused(plan, facts)
    if unused is not None:
        yield unused


def _problems_of_total(
    total: Duration, plan: Plan, facts: RunFacts | None, trial: TrialRun | None
) -> Iterator[Problem]:
    known_run = trial if trial is not None and trial.is_real else None
    if not total.is_resolved:
        if known_run is not None and known_run.end <= 1:
            yield messages.total_of_one_update(total)
        return
    epoch = None if facts is None or plan.clock != UPDATES else facts.updates_per_epoch
    if epoch is not None and total.updates < min(epoch, LONG_RUN):
        yield messages.shorter_than_an_epoch(total, epoch)
    if plan.clock in _AMOUNTS and total.updates > _MOST_UPDATES and known_run is None:
        yield messages.updates_for_amount(total, plan.clock)


def accumulation_unused(plan: Plan, facts: RunFacts | None) -> Problem | None:
    """Report an epoch that is given in updates, in a plan of which nothing uses the accumulation.

    Reason: `steps_per_epoch=len(loader), accumulation=4` is a usual slip, which makes the plan four times too long.
    """
    if facts is None or facts.accumulation is None or facts.accumulation < 2 or facts.batches_per_epoch is not None:
        return None
    if facts.steps_per_epoch is None or _uses_accumulation(plan, facts):
        return None
    return messages.accumulation_unused(facts.steps_per_epoch, facts.accumulation)


def _uses_accumulation(plan: Plan, facts: RunFacts) -> bool:
    """Return whether a conversion of the plan uses the accumulation, or nothing uses the length of an epoch."""
    if plan.clock != UPDATES or any(target.name in PLANNED_SIZES for target in plan.targets):
        return True
    totals = [Duration.of(total) for total in (plan.total, facts.total) if total is not None]
    written = [*totals, *(length for binding in plan.bindings for length in lengths_of_line(binding))]
    units = {unit for length in written for unit, _ in length.terms}
    return "epochs" not in units or bool(units & _OF_BATCHES)


def _epochs_of_run(plan: Plan, facts: RunFacts | None, trial: TrialRun | None) -> Fraction | None:
    """Return the number of epochs in the run; None if it is unknown, or if the run has another length than the plan."""
    totals = [Duration.of(total) for total in (plan.total, None if facts is None else facts.total) if total is not None]
    is_known = trial is not None and trial.is_real
    if trial is not None and is_known and facts is not None and len(totals) == 2 and facts.total_updates != trial.end:
        return None
    for length in totals:
        terms = dict(length.terms)
        if set(terms) == {"epochs"}:
            return terms["epochs"]
    return trial.end / trial.epoch if trial is not None and is_known and trial.epoch is not None else None
