"""The rules of a whole plan, and all rules at the start of a run."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from paramsched.core.base import codes
from paramsched.core.base.printing import TOTAL
from paramsched.core.base.problem import Problem
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.binding import UPDATES, binding_key, is_by_amount, lengths_of_line
from paramsched.core.plan.follow import schedules_followed
from paramsched.core.plan.lines import Line as GroupLine
from paramsched.core.plan.run_amounts import PLANNED_SIZES
from paramsched.core.rules.line import Line
from paramsched.core.rules.rules import LONG_RUN, check_rates, grows, line_problems, updates_text
from paramsched.core.rules.trial_run import TrialRun, trial_run
from paramsched.core.time import Duration, RunFacts

_OF_BATCHES: Final = frozenset({"batches", "samples", "tokens"})
"""Units whose conversion uses the accumulation."""


def plan_problems(plan: Plan, facts: RunFacts | None, trial: TrialRun | None) -> Iterator[Problem]:
    """Yield the problems of the length of the run."""
    found = [total_in_epochs(plan, facts), total_of_one_update(plan, facts, trial), accumulation_unused(plan, facts)]
    yield from filter(None, found)


def total_in_epochs(plan: Plan, facts: RunFacts | None) -> Problem | None:
    """Report a total that is a number of updates below one epoch: epochs were probably meant.

    Source: torch's examples and Keras' `fit` count the run in epochs, so `total=10` is a usual slip. A run of a
    thousand updates or more is one of pretraining, which may be shorter than an epoch.
    """
    length = plan.total or (None if facts is None else facts.total)
    epoch = None if facts is None else facts.updates_per_epoch
    if length is None or epoch is None or plan.clock != UPDATES:
        return None
    length = Duration.of(length)
    if not length.is_resolved or length.updates >= min(epoch, LONG_RUN):
        return None
    found = f"total={length} is {updates_text(length.updates)}, less than one epoch of {epoch}"
    after = f"{found}: after update {length} the last values are kept"
    return Problem(TOTAL, after, f'For {length} epochs write total="{length} epochs"', code=codes.UPDATES_FOR_EPOCHS)


def total_of_one_update(plan: Plan, facts: RunFacts | None, trial: TrialRun | None) -> Problem | None:
    """Report a total in another unit that one update takes, such as 1,000 tokens at 4,096 tokens an update."""
    length = plan.total or (None if facts is None else facts.total)
    if length is None or trial is None or not trial.known or trial.end > 1:
        return None
    total = Duration.of(length)
    if total.is_resolved:
        return None
    found = f"total={total} is one update, so the run has no schedule"
    return Problem(TOTAL, found, "Write a longer total, such as 10B tokens", code=codes.ONE_UPDATE)


def accumulation_unused(plan: Plan, facts: RunFacts | None) -> Problem | None:
    """Report an epoch that is given in updates, in a plan of which nothing uses the accumulation.

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
        f"steps_per_epoch={epoch} counts updates, so an epoch has {updates_text(epoch)} of {accumulation} batches: "
        f"{epoch * accumulation} batches; accumulation={accumulation} changes nothing in this plan"
    )
    advice = f"If an epoch has {epoch} batches write batches_per_epoch={epoch}; if not, omit accumulation"
    return Problem(TOTAL, found, advice, code=codes.ACCUMULATION_UNUSED)


def start_problems(
    plan: Plan, counted: Plan, facts: RunFacts, lines: Iterable[GroupLine], *, counts_of_user: bool = True
) -> Iterator[tuple[Binding | None, Problem]]:
    """Yield what the start of a run warns of, each with its line of the plan, or None for the whole plan.

    Args:
        plan: the plan as written; all of its lengths can be resolved.
        counted: the plan with resolved lengths.
        facts: the run facts.
        lines: the lines of `counted` in the groups of all optimizers.
        counts_of_user: False if an engine counts the updates of the run.
    """
    trial = trial_run(plan, facts)
    if counts_of_user:
        yield from ((None, one) for one in plan_problems(plan, facts, trial))
    epochs = epochs_of_run(plan, facts, trial)
    rates: list[Line] = []
    followed_by = schedules_followed(plan.bindings, plan.clock)
    # `counted` has more lines, if a line for all groups follows lines for some groups.
    schedules = {binding_key(line): line.schedule for line in counted.bindings}
    # By identity, because a hash of a schedule costs as much as all the rest here.
    bases_of: dict[tuple[str, int], list[float]] = {}
    for one in lines:
        bases_of.setdefault((one.name, id(one.schedule)), []).extend(one.bases)
    for binding in plan.bindings:
        resolved = schedules.get(binding_key(binding))
        bases: Sequence[float] = bases_of.get((binding.name, id(resolved)), ())
        if isinstance(binding.field, Target):
            bases = (binding.field.initial,)
        is_tried = resolved is not None and trial is not None and trial.known
        is_tried = is_tried and not is_by_amount(plan.clock, binding.name)
        line = Line(binding, followed_by(binding), trial, epochs, bases, resolved, facts, is_tried=is_tried)
        found = [*line_problems(line)]
        yield from ((binding, one) for one in found)
        # A base of 0 has a rule of its own.
        if line.is_rate and trial is not None and not found and (line.base or binding.schedule.has_absolute):
            rates.append(line)
    yield from _rate_problems(rates)


def _rate_problems(lines: Sequence[Line]) -> Iterator[tuple[Binding, Problem]]:
    """Yield the problems of the values of learning rates."""
    # A start raises an error for a rate below 0.
    curves = [curve for line in lines if (curve := line.curve) is not None and curve.values.min() >= 0]
    large = [(curve.line.binding, one) for curve in curves for one in grows(curve)]
    yield from large
    reported = {id(binding) for binding, _ in large}
    by_path = {curve.line.path: curve.line.binding for curve in reversed(curves)}
    for one in check_rates([curve for curve in curves if id(curve.line.binding) not in reported]):
        yield by_path[one.path], one


def epochs_of_run(plan: Plan, facts: RunFacts | None, trial: TrialRun | None) -> Fraction | None:
    """Return the number of epochs in the run; None if it is unknown."""
    for length in (plan.total, None if facts is None else facts.total):
        if length is not None:
            terms = dict(Duration.of(length).terms)
            if set(terms) == {"epochs"}:
                return terms["epochs"]
    if trial is not None and trial.known and trial.epoch is not None:
        return trial.end / trial.epoch
    return None
