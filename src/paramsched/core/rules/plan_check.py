"""The check of a plan before it runs, with or without facts of the run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import ceil, isfinite
from typing import Any, TypeAlias, Unpack

from paramsched.core.base import codes
from paramsched.core.base.codes import GROWS, LEVEL_AS_VALUE, REFUSED_VALUE, SAID_TWICE
from paramsched.core.base.printing import GROUPS, LATER, TOTAL, child_path
from paramsched.core.base.problem import Problem
from paramsched.core.base.signatures import readable
from paramsched.core.fields import Field, recorded_base
from paramsched.core.foreign_calls import answering
from paramsched.core.plan import Binding, Plan, Target
from paramsched.core.plan.binding import clock_of_field
from paramsched.core.plan.extras import Bases, group_of_bases
from paramsched.core.plan.follow import schedules_followed
from paramsched.core.plan.forms import PlanLike, plan_in_run
from paramsched.core.plan.group_matching import is_selected, refuse_unmatched
from paramsched.core.plan.resolve_clocks import two_lengths
from paramsched.core.rules.field_names import field_name_problems
from paramsched.core.rules.line import (
    FieldCurve,
    Line,
    binding_path,
    knows,
    resolved_without_begins,
    times_to_look_at,
)
from paramsched.core.rules.named_codes import codes_given
from paramsched.core.rules.plan_rules import accumulation_unused, epochs_of_run, plan_problems
from paramsched.core.rules.rules import base_is_zero, check_rates, check_values, line_problems
from paramsched.core.rules.trial_run import TrialRun, run_of_assumed_epochs, trial_run
from paramsched.core.schedules import Schedule
from paramsched.core.schedules.anneal import require_positive_base, stage_from_base
from paramsched.core.schedules.evaluation import evaluate
from paramsched.core.schedules.own import has_own_shape, require_values_until
from paramsched.core.schedules.schedule import durations_in, is_kind, values_inside
from paramsched.core.schedules.sequence import refuse_two_without_length
from paramsched.core.time import RunFacts
from paramsched.core.time.amounts import PROGRESS
from paramsched.core.time.run_facts import Facts, facts_if_passed
from paramsched.errors import InvalidArgument, InvalidCall, MissingFact, PlanError, UnknownGroup, Unresolved


@readable
@answering
def check(
    plan: PlanLike,
    *,
    facts: RunFacts | None = None,
    bases: Mapping[str, float] | None = None,
    groups: Sequence[Mapping[str, Any]] = (),
    whole: bool = False,
    ignore: str | Collection[str] = (),
    **run_facts: Unpack[Facts],
) -> tuple[Problem, ...]:
    """Check a plan for errors and likely mistakes, in any run or in the run that the run facts describe.

    Without run facts, lengths are compared only with lengths of the same unit and with the total.

    Args:
        plan: the plan, resolved or not.
        facts: the run facts as one object, in place of keywords.
        bases: the base of each field, in all groups: `{"lr": 0.1}`.
        groups: in place of `bases`, the known values of the optimizer, in the form of its param groups.
        whole: True if `groups` contains all groups of the optimizer and all their fields.
        ignore: the codes that are not reported, as one text or several: `"PS201"`, its name `"beyond-total"`, or
            `"PS2"` for all that begin so.
        run_facts: the known facts of the run, as in `ps.Scheduler`: `total=10_000`.

    Returns:
        Errors, warnings of likely mistakes, and information, each with its code, in the order of the plan.

    >>> for found in check(Plan(lr=linear(1, 0, over="30 epochs"), total="20 epochs")):
    ...     print(found.code, found.severity, found.path)
    PS201 warning $.lr

    Raises:
        InvalidArgument: a code in `ignore` is unknown, or run facts or bases are passed twice.
    """
    ignored = codes_given(ignore)
    if bases is not None and groups:
        raise InvalidCall("ps.check(plan, …)", "expected bases or groups, got both", example='bases={"lr": 0.1}')
    of_all = None if bases is None else group_of_bases("check", bases)
    facts = facts_if_passed("ps.check(plan)", facts, run_facts)
    plan = plan_in_run(plan, "ps.check", facts)
    found = [*_two_totals(plan, facts)]
    trial = None if found else trial_run(plan, facts)
    assumed = None if found else run_of_assumed_epochs(plan)
    epochs = epochs_of_run(plan, facts, trial)
    if found:
        found += filter(None, [accumulation_unused(plan, facts)])
    else:
        found += plan_problems(plan, facts, trial)
    curves: list[FieldCurve] = []
    followed_by = schedules_followed(plan.bindings, plan.clock)
    each_update = _EACH_UPDATE // max(1, len(plan.bindings))
    for binding in plan.bindings:
        path = binding_path(binding)
        try:
            followed = followed_by(binding)
        except PlanError as refusal:
            found.append(Problem(path, refusal.problem.summary, refusal.problem.advice, code=codes.NOT_FOLLOWED))
            continue
        resolved, errors = _resolved_with_errors(followed, trial)
        if clock_of_field(plan.clock, binding.name) == PROGRESS:
            errors += [*_lengths_off_progress(followed)]
        known = bases_of_binding(binding, groups if of_all is None else [of_all], of_all=of_all is not None)
        if stage_from_base(followed if resolved is None else resolved) is not None and min(known, default=1.0) <= 0:
            errors += [] if resolved is None else _errors_of_bases(resolved, known)
            known = tuple(base for base in known if base > 0)
        of_line = [Problem(path, refused, advice, code=code) for code, refused, advice in errors]
        line = Line(binding, followed, trial, epochs, known, resolved, facts, updates=each_update)
        of_line += [*field_name_problems(binding, path), *line_problems(line, has_errors=bool(errors))]
        curve = None if errors else line.curve
        if curve is None and assumed is not None and not errors:
            curve = line.tried_in(assumed).curve
        if curve is not None:
            curves.append(curve)
            codes_of_line = {one.code for one in of_line}
            if LEVEL_AS_VALUE in codes_of_line:
                codes_of_line.add(GROWS)  # which follows from these levels
            of_line += [one for one in check_values(curve) if one.code not in codes_of_line]
        found += of_line
    found += check_groups(plan, groups if of_all is None else [of_all], whole=whole and of_all is None)
    found += check_field_names(plan)
    # A rate with another problem is not checked, so that one mistake is reported once.
    reported = {one.path for one in found}
    found += check_rates([curve for curve in curves if curve.line.path not in reported])
    # Problems are sorted by the lines of the plan. Sorting is stable, so those of one line keep their order.
    places = {binding_path(binding): place for place, binding in enumerate(plan.bindings)}
    found = [one for one in found if one.code not in ignored]
    return tuple(sorted(found, key=lambda one: places.get(one.path, -1 if one.path == TOTAL else len(places))))


_EACH_UPDATE = 65_536
"""The length of a run of which each update is evaluated, divided by the number of lines."""


def _two_totals(plan: Plan, facts: RunFacts | None) -> Iterator[Problem]:
    """Yield a problem if the plan and the run facts specify different lengths of the run."""
    if facts is None or facts.total is None or plan.total is None:
        return
    try:
        planned = ceil(facts.exact(plan.total))
    except MissingFact:
        return
    updates = facts.total_updates
    if planned != updates:
        refusal = two_lengths(plan.total, f"{planned} updates", facts.total, f"{updates} updates").problem
        yield Problem(TOTAL, refusal.found, refusal.advice, code=codes.TWO_TOTALS)


_Errors: TypeAlias = list[tuple[str, str, str]]
"""The code, the text and the advice of errors."""


def _resolved_with_errors(schedule: Schedule, trial: TrialRun | None) -> tuple[Schedule | None, _Errors]:
    """Return a schedule resolved for a trial run, or None, and the errors in the schedule."""
    for part in values_inside(schedule):
        if is_kind(part, "sequence"):
            try:
                refuse_two_without_length(part)
            except InvalidArgument as refusal:
                return None, [(codes.TWO_WITHOUT_LENGTH, refusal.problem.summary, refusal.problem.advice)]
    if trial is None or not knows(trial, schedule):
        return None, []
    try:
        resolved = resolved_without_begins(schedule, trial.span)
        if has_own_shape(resolved):
            return resolved, _errors_of_functions(resolved, trial)
        return resolved, []
    except PlanError as refusal:  # the value of a target, not on the clock of the run
        return None, [(codes.NOT_FOLLOWED, refusal.problem.summary, refusal.problem.advice)]
    except (MissingFact, Unresolved, ArithmeticError, MemoryError):
        return None, []
    except InvalidArgument as refusal:
        return None, [(codes.NOTHING_LEFT, refusal.problem.summary, refusal.problem.advice)]


def _errors_of_functions(schedule: Schedule, trial: TrialRun) -> _Errors:
    """Return the error of the first update of the run for which a function of the user has no value."""
    try:
        require_values_until(schedule, ceil(trial.end))
        evaluate(schedule, times_to_look_at(schedule, ceil(trial.end)), 1.0)
    except InvalidArgument as refusal:
        return [(refusal.problem.code, refusal.problem.summary, refusal.problem.advice)]
    return []


def _errors_of_bases(resolved: Schedule, bases: Sequence[float]) -> _Errors:
    """Return the error of the first base for which a schedule has no values."""
    try:
        for base in bases:
            require_positive_base(resolved, base, "")
    except PlanError as refusal:
        return [(REFUSED_VALUE, refusal.problem.found, refusal.problem.advice)]
    return []


def _lengths_off_progress(schedule: Schedule) -> Iterator[tuple[str, str, str]]:
    """Yield the error of the first length that is not in percent, in a schedule on the clock of progress."""
    for length in durations_in(schedule):
        if any(unit != "percent" for unit, _ in length.terms):
            found = f'the length "{length}" must be in percent, because the clock is the progress of the run'
            yield REFUSED_VALUE, found, 'For example: "5%"'
            return


def check_groups(plan: Plan, groups: Sequence[Mapping[str, Any]], *, whole: bool) -> Iterator[Problem]:
    """Yield problems of selectors and fields that do not match the param groups."""
    for binding in plan.bindings:
        if isinstance(binding.field, Target) or not groups:
            continue
        path = binding_path(binding)
        if whole and not binding.optional:
            try:
                refuse_unmatched(binding.name, binding.groups, groups)
            except UnknownGroup as refusal:
                found = f"{binding.groups}: {refusal.problem.found}"
                place = selector_path(binding)
                yield Problem(place, found, refusal.problem.advice, code=codes.NO_SUCH_GROUP, at_key=True)
        mine = [one for index, one in enumerate(groups) if is_selected(binding.groups, one, index)]
        field = Field.of(binding.name)
        key = field.key
        lacking = [
            one
            for one in mine
            if key not in one
            and not (key == "momentum" and "betas" in one)
            # If only some fields of a group are known, one inference is safe: a group with momentum has no betas.
            and (whole or (key == "betas" and "momentum" in one))
        ]
        if lacking:
            numbers = {name: value for name, value in lacking[0].items() if type(value) is not bool}
            there = [name for name, value in numbers.items() if isinstance(value, (int, float, tuple))]
            found = f"the optimizer has no {key}; it has {', '.join(there)}"
            instead = f"Remove it, or write {key} under targets if it is outside the optimizer"
            yield Problem(path, found, instead, code=codes.NO_SUCH_FIELD)
        elif mine and not binding.schedule.has_absolute and all(_base_in(one, field) == 0 for one in mine):
            code, found, instead = base_is_zero(binding.name)
            yield Problem(path, found, instead, code=code)


def bases_of_binding(
    binding: Binding, groups: Sequence[Mapping[str, Any]], *, of_all: bool = False
) -> tuple[float, ...]:
    """Return the known bases of a binding, of all selected groups in their order; `of_all` selects every group.

    >>> bases_of_binding(Binding("lr", "cosine()"), [{"lr": 0.1}, {"lr": 0.01}])
    (0.1, 0.01)
    """
    if isinstance(binding.field, Target):
        return (binding.field.initial,)
    field = Field.of(binding.name)
    mine = [one for index, one in enumerate(groups) if of_all or is_selected(binding.groups, one, index)]
    values = [_base_in(group, field) for group in mine]
    return tuple(value for value in values if value is not None and isfinite(value))


def _base_in(group: Mapping[str, Any], field: Field) -> float | None:
    """Return the base of a field in a group: the recorded one of a plan, else the present value; None if unknown."""
    recorded = recorded_base(group, field.slot)
    return Bases.value(group, field) if recorded is None else float(recorded)


def check_field_names(plan: Plan) -> Iterator[Problem]:
    """Yield problems of fields scheduled under two names."""
    fields_of: dict[Any, set[str]] = {}
    for binding in plan.bindings:
        if isinstance(binding.field, str) and not callable(binding.groups):
            fields_of.setdefault(binding.groups, set()).add(binding.field)
    for binding in plan.bindings:
        if binding.name == "momentum" and "betas[0]" in fields_of.get(binding.groups, ()):
            found = "momentum means betas[0] if a group has betas, and betas[0] is scheduled too"
            yield Problem(binding_path(binding), found, "Schedule only one of them", code=SAID_TWICE, at_key=True)


def selector_path(binding: Binding) -> str:
    """Return the config path of the selector of a binding.

    >>> selector_path(Binding("lr", "cosine()", groups="head"))
    '$.groups.head'
    """
    groups = LATER if binding.optional else GROUPS
    return child_path(groups, binding.groups) if isinstance(binding.groups, (str, int)) else binding_path(binding)
