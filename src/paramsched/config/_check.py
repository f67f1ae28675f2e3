"""What can be said about a plan before anything is known of the run."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from typing import Any, Literal, final

from paramsched.config._faults import within
from paramsched.errors import InvalidArgument, MissingFact, Unresolved
from paramsched.plan import Binding, Plan, Target
from paramsched.schedules import Schedule
from paramsched.schedules._span import Span
from paramsched.schedules.recurrence import Recurrence
from paramsched.schedules.rules import Rule
from paramsched.schedules.sequence import Sequence
from paramsched.time import Calendar, Duration

_LONG_EPOCH = 10**7


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


def check(plan: Plan, calendar: Calendar | None = None) -> tuple[Finding, ...]:
    """Look for what is wrong with a plan in every run; with facts, in the run they are of.

    Args:
        plan: resolved or not.
        calendar: the facts of one run. Without them lengths are compared only where every run compares them alike:
            500 updates may be less or more than an epoch.

    Returns:
        Errors (two stages without length, a stage for which nothing is left, a milestone past its end, momentum and
        `betas[0]` in one place) and warnings (stages beyond the horizon), in the order of the plan.

    >>> for found in check(Plan(lr=linear(1, 0, over="30 epochs"), horizon="20 epochs")):
    ...     print(found)
    $.lr: warning: linear(over="30 epochs") takes 150% of the horizon; the run ends inside
    """
    found: list[Finding] = []
    known = None if calendar is None else _known(plan, calendar)
    for binding in plan.bindings:
        trial = known or _trial(plan, binding)
        path = path_of(binding)
        errors = list(dict.fromkeys(_errors(binding.schedule, trial)))
        found += [Finding("error", path, message) for message in errors]
        if not errors and trial is not None:
            found += [Finding("warning", path, message) for message in _beyond(binding.schedule, trial)]
    found += _contradictions(plan)
    return tuple(found)


def path_of(binding: Binding) -> str:
    """Where a file has a binding.

    >>> path_of(Binding("lr", 0.1, groups="head"))
    '$.groups.head.lr'
    """
    if isinstance(binding.field, Target):
        return within(within("$.targets", binding.name), "schedule")
    if isinstance(binding.groups, (str, int)):
        return within(within("$.groups", binding.groups), binding.name)
    return within("$", binding.name)


def durations(value: Any) -> Iterator[Duration]:
    """Every length in a schedule; a rule that ticks by epochs counts as one epoch."""
    for part in _parts(value):
        if isinstance(part, Duration):
            yield part
        elif isinstance(part, Rule) and part.by == "epoch":
            yield Duration.of("1 epoch")


def units(plan: Plan) -> frozenset[str]:
    """The units a plan uses, its horizon included.

    >>> sorted(units(Plan(lr="warmup('5%') >> cosine()", horizon="20 epochs")))
    ['epochs', 'percent']
    """
    lengths = [length for binding in plan.bindings for length in durations(binding.schedule)]
    lengths += [plan.horizon] if plan.horizon is not None else []
    return frozenset(unit for length in lengths for unit, _ in length.terms)


def _parts(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, tuple):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, (Schedule, Rule)):
        for field in fields(value):  # type: ignore[arg-type]  # every schedule and rule is a dataclass
            yield from _parts(getattr(value, field.name))


def _known(plan: Plan, calendar: Calendar) -> Span | None:
    """The run that the facts are of; None where they do not say its length in updates."""
    horizon = plan.horizon if plan.horizon is not None else calendar.total
    if horizon is None:
        return None
    try:
        return _span(replace(calendar, total=horizon))
    except MissingFact:
        return None


def _trial(plan: Plan, binding: Binding) -> Span | None:
    """A run in which the horizon's own unit, and per cent, can be converted, and no other; None if there is no such."""
    horizon = plan.horizon
    if horizon is None:
        return _span(Calendar(total=10**6)) if units(plan) <= {"percent"} else None
    names = {unit for unit, _ in horizon.terms}
    if names == {"updates"}:
        return _span(Calendar(total=horizon))
    if len(names) > 1:
        return None
    # One update to a hundredth of the unit, so that decimals such as "2.5 epochs" stay what they are.
    match names.pop():
        case "epochs":
            used = {unit for length in durations(binding.schedule) for unit, _ in length.terms}
            if used <= {"epochs", "percent"}:
                return _span(Calendar(total=horizon, steps_per_epoch=100))
            # Epochs so long that lengths in updates are next to nothing: what is wrong there is wrong in every run.
            if any(isinstance(part, Recurrence) for part in _parts(binding.schedule)):
                return None  # it would be computed for each of so many updates
            return _span(Calendar(total=horizon, steps_per_epoch=_LONG_EPOCH))
        case "samples":
            return _span(Calendar(total=horizon, batch_size=1))
        case "tokens":
            return _span(Calendar(total=horizon, tokens_per_step=0.01))
        case _:
            return _span(Calendar(total=horizon, seconds_per_step=0.01))


def _span(calendar: Calendar) -> Span:
    return Span(calendar, Fraction(0), Fraction(calendar.horizon or 0))


def _errors(schedule: Schedule, trial: Span | None) -> Iterator[str]:
    for part in _parts(schedule):
        if isinstance(part, Sequence):
            try:
                part._refuse_two_without_length()
            except InvalidArgument as refusal:
                yield str(refusal)
                return
    if trial is None:
        return
    try:
        schedule._resolve(trial)
    except (MissingFact, Unresolved):
        return  # a unit that only the run's own calendar converts
    except InvalidArgument as refusal:
        yield str(refusal)


def _beyond(schedule: Schedule, trial: Span) -> Iterator[str]:
    """Lengths beyond the horizon, on the run's own clock."""
    lengths: list[Schedule] = [schedule]
    lengths += [part for operand in schedule.parts() for part in (operand,) if not isinstance(schedule, Sequence)]
    for part in lengths:
        stages = part.stages if isinstance(part, Sequence) else (part,)
        try:
            measures = [stage._measure(trial) for stage in stages]
        except (MissingFact, Unresolved):
            continue
        taken = sum((length for length in measures if length is not None), Fraction(0))
        assert trial.end is not None
        if taken > trial.end:
            share = float(100 * taken / trial.end)
            yield f"{part} takes {share:.6g}% of the horizon; the run ends inside"
            return


def _contradictions(plan: Plan) -> Iterator[Finding]:
    fields_of: dict[Any, set[str]] = {}
    for binding in plan.bindings:
        if isinstance(binding.field, str) and not callable(binding.groups):
            fields_of.setdefault(binding.groups, set()).add(binding.field)
    for binding in plan.bindings:
        if binding.name == "momentum" and "betas[0]" in fields_of.get(binding.groups, ()):
            message = (
                "momentum means betas[0] where a group has betas, and betas[0] is scheduled too. Schedule one of them"
            )
            yield Finding("error", path_of(binding), message)
    for group in fields_of:
        if isinstance(group, str) and group.isdigit():
            message = f'it selects the group whose name is "{group}". For the index write "[{group}]"'
            yield Finding("warning", within("$.groups", group), message)
