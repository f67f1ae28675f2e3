"""All rules that need neither a log nor a checkpoint: those of one line, and those of a plan at the start of a run."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from paramsched.core.base.problem import Problem
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.binding import binding_key, is_by_amount
from paramsched.core.plan.follow import schedules_followed
from paramsched.core.plan.lines import Line as GroupLine
from paramsched.core.rules.boundaries import boundary_problems
from paramsched.core.rules.lengths import accumulation_unused, length_problems, total_in_epochs
from paramsched.core.rules.levels import floor_as_value, unlikely_level
from paramsched.core.rules.line import Line
from paramsched.core.rules.metric_rules import metric_problems
from paramsched.core.rules.targets import target_problems
from paramsched.core.rules.trial_run import TrialRun, trial_run
from paramsched.core.rules.values import check_rates, grows
from paramsched.core.time import Duration, RunFacts


def line_problems(line: Line) -> Iterator[Problem]:
    """Yield the diagnostics of one line that need no values of it: of its levels, its metric rules and its lengths."""
    of_levels = [*level_problems(line), *target_problems(line)]
    yield from of_levels
    yield from metric_problems(line)
    of_lengths = [*length_problems(line)]
    yield from of_lengths
    if of_levels or of_lengths:  # what follows from another mistake is not told
        return
    yield from boundary_problems(line)


def level_problems(line: Line) -> Iterator[Problem]:
    """Yield the diagnostic of levels that were probably meant in another sense."""
    if (trap := unlikely_level(line.binding, line.base, line.resolved)) is not None:
        code, found, advice = trap
        yield Problem(line.path, found, advice, code=code)
    elif (floor := floor_as_value(line)) is not None:
        yield floor


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
    if counts_of_user and (short := total_in_epochs(plan, facts)) is not None:
        yield None, short
    if counts_of_user and (unused := accumulation_unused(plan, facts)) is not None:
        yield None, unused
    trial = trial_run(plan, facts)
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
        if binding.name == "lr" and trial is not None and not found and _has_values(line):
            rates.append(line)
    yield from _rate_problems(rates)


def _has_values(line: Line) -> bool:
    """Return whether a line has values other than 0. A base of 0 has a rule of its own."""
    return bool(line.base) or line.schedule.has_absolute


def _rate_problems(lines: Sequence[Line]) -> Iterator[tuple[Binding, Problem]]:
    """Yield the diagnostics of the values of learning rates."""
    # A start raises an error for a rate below 0.
    curves = [curve for line in lines if (curve := line.curve) is not None and curve.values.min() >= 0]
    large = [(curve.binding, one) for curve in curves for one in grows(curve)]
    yield from large
    reported = {id(binding) for binding, _ in large}
    by_path = {curve.path: curve.binding for curve in reversed(curves)}
    for one in check_rates([curve for curve in curves if id(curve.binding) not in reported]):
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
