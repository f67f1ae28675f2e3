"""What can be said about a plan before it runs, with what is known of the run or without."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any, Literal, final

from paramsched.config._traps import traps_in_binding
from paramsched.config.data_paths import GROUPS, HORIZON, TARGETS, child_path, entry_path
from paramsched.config.plan_units import durations_in, values_inside
from paramsched.errors import InvalidArgument, MissingFact, Unresolved
from paramsched.plan import Binding, Plan, Target
from paramsched.schedules import Schedule
from paramsched.schedules.sequence import Sequence
from paramsched.schedules.span import Span
from paramsched.time import Calendar, Duration


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a plan that its author wants to know.

    Args:
        severity: an error no run can go with; a warning is for a plan that runs, but hardly as meant.
        path: where, as in a file: `$.groups.head.lr`.
        message: what was found, and what to write.
    """

    severity: Literal["error", "warning"]
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {'' if self.severity == 'error' else 'warning: '}{self.message}"


def check(plan: Plan, calendar: Calendar | None = None, *, native: bool = True) -> tuple[Finding, ...]:
    """Look for what is wrong with a plan in every run, or in the run that a calendar describes.

    Without a calendar only lengths of one unit are compared with each other, and with the horizon.

    Args:
        plan: resolved or not.
        calendar: facts of the run, as many as are known.
        native: whether its author wrote the schedules in our words; else nothing is said of what these easily mistake.

    Returns:
        Errors (two stages without length, a stage for which nothing is left, a milestone past its end, momentum and
        `betas[0]` in one place) and warnings (stages beyond the horizon, numbers that hardly mean what was meant), in
        the order of the plan.

    >>> for found in check(Plan(lr=linear(1, 0, over="30 epochs"), horizon="20 epochs")):
    ...     print(found)
    $.lr: warning: linear(over="30 epochs") takes 150% of the horizon; the run ends inside
    """
    found = list(_two_horizons(plan, calendar))
    trial = None if found else _trial_run(plan, calendar)
    for binding in plan.bindings:
        path = binding_path(binding)
        errors = list(dict.fromkeys(_errors_in(binding.schedule, trial)))
        found += [Finding("error", path, message) for message in errors]
        found += [Finding("warning", path, message) for message in (traps_in_binding(binding) if native else ())]
        if not errors and trial is not None:
            found += [
                Finding(severity, path, message) for severity, message in _beyond_horizon(binding.schedule, trial)
            ]
    found += _contradicting_fields(plan)
    return tuple(found)


def binding_path(binding: Binding) -> str:
    """Where a file has a binding.

    >>> binding_path(Binding("lr", 0.1, groups="head"))
    '$.groups.head.lr'
    """
    if isinstance(binding.field, Target):
        return child_path(TARGETS, binding.name, "schedule")
    if isinstance(binding.groups, (str, int)):
        return child_path(GROUPS, binding.groups, binding.name)
    return entry_path(binding.name)


@final
@dataclass(frozen=True, slots=True)
class _TrialRun:
    """A run to try a plan in.

    Args:
        span: of the whole run.
        units: what can be converted in it; a length in another unit is compared with nothing.
    """

    span: Span
    units: frozenset[str]

    def knows(self, schedule: Schedule) -> bool:
        """Whether every length of a schedule can be converted."""
        return {unit for length in durations_in(schedule) for unit, _ in length.terms} <= self.units


def _two_horizons(plan: Plan, calendar: Calendar | None) -> Iterator[Finding]:
    if calendar is None or calendar.total is None or plan.horizon is None:
        return
    try:
        planned = ceil(calendar.exact(plan.horizon))
    except MissingFact:
        return
    if planned != calendar.horizon:
        found = f'horizon "{plan.horizon}": it is {planned} updates, and the Calendar\'s total is {calendar.horizon}'
        yield Finding("error", HORIZON, f"{found}. Give one of the two")


def _trial_run(plan: Plan, calendar: Calendar | None) -> _TrialRun | None:
    """The run that is known, else one in which the horizon's own unit, and per cent, mean something and no other."""
    if calendar is not None and (known := _known_run(plan, calendar)) is not None:
        return known
    horizon = plan.horizon
    if horizon is None:
        return _TrialRun(_span_of_run(Calendar(total=10**6)), frozenset(["percent"]))
    names = {unit for unit, _ in horizon.terms}
    if names == {"updates"}:
        return _TrialRun(_span_of_run(Calendar(total=horizon)), frozenset(["updates", "percent"]))
    if len(names) > 1:
        return None
    # One update to a hundredth of the unit, so that decimals such as "2.5 epochs" stay what they are.
    unit = names.pop()
    match unit:
        case "epochs":
            calendar = Calendar(total=horizon, steps_per_epoch=100)
        case "samples":
            calendar = Calendar(total=horizon, batch_size=1)
        case "tokens":
            calendar = Calendar(total=horizon, tokens_per_step=0.01)
        case _:
            calendar = Calendar(total=horizon, seconds_per_step=0.01)
    return _TrialRun(_span_of_run(calendar), frozenset([unit, "percent"]))


def _known_run(plan: Plan, calendar: Calendar) -> _TrialRun | None:
    """The run a calendar describes; None where it does not say how long it is."""
    horizon = calendar.total if plan.horizon is None else plan.horizon
    if horizon is None:
        return None
    try:
        calendar = replace(calendar, total=ceil(calendar.exact(Duration.of(horizon))))
    except MissingFact:
        return None
    facts = {
        "epochs": calendar.updates_per_epoch,
        "samples": calendar.batch_size,
        "tokens": calendar.tokens_per_step,
        "seconds": calendar.seconds_per_step,
    }
    return _TrialRun(
        _span_of_run(calendar),
        frozenset(["updates", "percent", *(unit for unit, fact in facts.items() if fact is not None)]),
    )


def _span_of_run(calendar: Calendar) -> Span:
    return Span(calendar, Fraction(0), Fraction(calendar.horizon or 0))


def _errors_in(schedule: Schedule, trial: _TrialRun | None) -> Iterator[str]:
    for part in values_inside(schedule):
        if isinstance(part, Sequence):
            try:
                part._refuse_two_without_length()
            except InvalidArgument as refusal:
                yield str(refusal)
                return
    if trial is None or not trial.knows(schedule):
        return
    try:
        schedule._resolve(trial.span)
    except (MissingFact, Unresolved):
        return
    except InvalidArgument as refusal:
        yield str(refusal)


def _beyond_horizon(schedule: Schedule, trial: _TrialRun) -> Iterator[tuple[Literal["error", "warning"], str]]:
    """Lengths beyond the horizon, on the run's own clock."""
    lengths: list[Schedule] = [schedule]
    lengths += [part for operand in schedule.parts() for part in (operand,) if not isinstance(schedule, Sequence)]
    for part in lengths:
        stages = part.stages if isinstance(part, Sequence) else (part,)
        measures = [_length_in_trial(stage, trial) for stage in stages]
        taken = sum((length for length in measures if length is not None), Fraction(0))
        end = trial.span.end
        assert end is not None
        if taken > end:
            share = float(100 * taken / end)
            # What is known of the lengths is too long already, and a stage without length would get nothing.
            severity: Literal["error", "warning"] = "error" if part.fills else "warning"
            yield severity, f"{part} takes {share:.6g}% of the horizon; the run ends inside"
            return


def _length_in_trial(stage: Schedule, trial: _TrialRun) -> Fraction | None:
    """The length of a stage in updates of the trial; None where it has none, or in a unit that means nothing there."""
    if not trial.knows(stage):
        return None
    try:
        return stage._exact_length(trial.span)
    except (MissingFact, Unresolved):
        return None


def _contradicting_fields(plan: Plan) -> Iterator[Finding]:
    fields_of: dict[Any, set[str]] = {}
    for binding in plan.bindings:
        if isinstance(binding.field, str) and not callable(binding.groups):
            fields_of.setdefault(binding.groups, set()).add(binding.field)
    for binding in plan.bindings:
        if binding.name == "momentum" and "betas[0]" in fields_of.get(binding.groups, ()):
            message = (
                "momentum means betas[0] where a group has betas, and betas[0] is scheduled too. Schedule one of them"
            )
            yield Finding("error", binding_path(binding), message)
    for group in fields_of:
        if isinstance(group, str) and group.isdigit():
            message = f'it selects the group whose name is "{group}". For the index write "[{group}]"'
            yield Finding("warning", child_path(GROUPS, group), message)
