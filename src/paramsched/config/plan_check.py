"""What can be said about a plan before it runs, with what is known of the run or without."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, Literal, final

from paramsched.config._traps import traps_in_binding
from paramsched.config._trial_run import TrialRun, trial_run
from paramsched.config.data_paths import GROUPS, HORIZON, TARGETS, child_path, entry_path
from paramsched.config.plan_units import values_inside
from paramsched.errors import InvalidArgument, MissingFact, PlanError, Unresolved
from paramsched.plan import Binding, Plan, Target
from paramsched.plan.followed_fields import schedule_followed
from paramsched.schedules import Schedule
from paramsched.schedules.cuts import Skip, Take
from paramsched.schedules.neighbor_levels import resolve_in_span
from paramsched.schedules.sequence import Sequence
from paramsched.time import Calendar


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
    trial = None if found else trial_run(plan, calendar)
    for binding in plan.bindings:
        path = binding_path(binding)
        try:
            followed = schedule_followed(plan.bindings, binding)
        except PlanError as refusal:
            found.append(Finding("error", path, str(refusal)))
            continue
        errors = list(dict.fromkeys(_errors_in(followed, trial)))
        found += [Finding("error", path, message) for message in errors]
        found += [Finding("warning", path, message) for message in (traps_in_binding(binding) if native else ())]
        if not errors and trial is not None:
            found += [Finding(severity, path, message) for severity, message in _beyond_horizon(followed, trial)]
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


def _two_horizons(plan: Plan, calendar: Calendar | None) -> Iterator[Finding]:
    """The plan says how long the run is, and so does the Calendar, and they differ."""
    if calendar is None or calendar.total is None or plan.horizon is None:
        return
    try:
        planned = ceil(calendar.exact(plan.horizon))
    except MissingFact:
        return
    if planned != calendar.horizon:
        found = f'horizon "{plan.horizon}": it is {planned} updates, and the Calendar\'s total is {calendar.horizon}'
        yield Finding("error", HORIZON, f"{found}. Give one of the two")


def _errors_in(schedule: Schedule, trial: TrialRun | None) -> Iterator[str]:
    """What no run can go with: two stages without length, and what resolving in the trial run refuses."""
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
        resolve_in_span(schedule, trial.span)
    except (MissingFact, Unresolved):
        return
    except InvalidArgument as refusal:
        yield str(refusal)


def _beyond_horizon(schedule: Schedule, trial: TrialRun) -> Iterator[tuple[Literal["error", "warning"], str]]:
    """Lengths beyond the horizon, on the run's own clock."""
    # The stages of a sequence share its length; the operands of a product each have the whole run.
    operands = () if isinstance(schedule, Sequence) or _is_of_another_run(schedule) else schedule.parts()
    for part in (schedule, *operands):
        if _is_of_another_run(part):
            continue
        stages = part.stages if isinstance(part, Sequence) else (part,)
        taken = Fraction(0)
        for stage in stages:
            taken += trial.length_of(stage, taken) or 0
        end = trial.span.end
        assert end is not None
        if taken > end:
            share = float(100 * taken / end)
            # What is known of the lengths is too long already, and a stage without length would get nothing.
            severity: Literal["error", "warning"] = "error" if part.fills else "warning"
            yield severity, f"{part} takes {share:.6g}% of the horizon; the run ends inside"
            return


def _is_of_another_run(schedule: Schedule) -> bool:
    """Whether it is part of what was planned for a run of another length, as in a plan that was changed."""
    return isinstance(schedule, (Take, Skip)) and schedule.of is not None


def _contradicting_fields(plan: Plan) -> Iterator[Finding]:
    """Two names for one field of the same groups, and a group whose name looks like an index."""
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
