"""`check`: every likely mistake of a plan, before training."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from math import ceil, isfinite
from typing import Any, Final, Unpack

from paramsched.base import codes
from paramsched.base.codes import REFUSED_VALUE, CheckRule, rules_by_code
from paramsched.base.params import readable
from paramsched.base.problem import Problem
from paramsched.base.words import TOTAL
from paramsched.checks.checked_line import TrialRun, binding_path, resolved_without_begins, times_to_look_at, trial_run
from paramsched.checks.driver import GroupsOf, accumulation_unused, probable_mistakes
from paramsched.checks.messages import plans as messages
from paramsched.core.calls.checked_calls import answering
from paramsched.core.groups.fields import ELSEWHERE, KNOWN, KNOWN_ELSEWHERE, Field, known_field, recorded_base
from paramsched.core.plan.binding import Binding, Target, is_selected
from paramsched.core.plan.likes import schedules_followed
from paramsched.core.plan.messages.amounts import two_lengths
from paramsched.core.plan.plan import Bases, Plan, group_of_bases
from paramsched.core.plan.plan_forms import PlanLike, plan_in_run
from paramsched.core.schedules.anneals import first_level, is_anneal, last_level, require_positive_base
from paramsched.core.schedules.level import AbsoluteValue
from paramsched.core.schedules.schedule import Schedule, durations_in, is_kind, values_inside
from paramsched.core.schedules.sequence import refuse_two_without_length
from paramsched.core.schedules.span import evaluate
from paramsched.core.schedules.user_shapes import has_own_shape, require_values_until
from paramsched.core.time.duration import PROGRESS
from paramsched.core.time.run_facts import ClockName, Facts, RunFacts, facts_if_passed
from paramsched.errors import InvalidArgument, MissingFact, PlanError, Unresolved


def field_name_problems(binding: Binding, path: str) -> Iterator[Problem]:
    """Yield a warning if no optimizer of torch has a field of the binding's name.

    >>> print(*field_name_problems(Binding("learning_rate", "cosine()"), "$.learning_rate"))
    $.learning_rate: warning: torch's optimizers have no field "learning_rate". Did you mean "lr"?
    """
    if isinstance(binding.field, Target):
        return
    field = known_field(binding.name) or ELSEWHERE.get(binding.name.lower())
    if field is not None:
        yield messages.misspelled_field(path, binding.name, field)
    elif binding.name == "betas":
        yield messages.pair_of_numbers(path)
    elif Field.of(binding.name).key not in (*KNOWN, *KNOWN_ELSEWHERE):
        yield messages.unknown_field(path, binding.name)


def note_of_first_update(plan: Plan) -> str:
    """Return the note for a plan whose short warmup begins at 0; empty if a line of the lr begins above 0.

    >>> note_of_first_update(Plan(lr="warmup(10)"))
    'the lr of the first update is 0. To begin the warmup above 0 write index="(t+1)/n"'
    """
    lines = [binding for binding in plan.bindings if binding.name == "lr" and not isinstance(binding.field, Target)]
    ramps = [_ramp_from_zero(binding.schedule) for binding in sorted(lines, key=lambda line: line.groups is not None)]
    if not ramps or None in ramps or ramps[0] is None:
        return ""
    over = ramps[0].args["over"]
    if over is None or over.exact is None or not 1 < over.exact <= _SHORT:
        return ""
    return messages.first_update_is_zero()


_SHORT: Final = 10
"""Updates of a warmup. In a longer one the first update would have less than a tenth of base."""
_ZERO: Final = (0.0, AbsoluteValue(0.0))


def _ramp_from_zero(schedule: Schedule) -> Schedule | None:
    """Return the ramp with which a schedule begins at 0; None for any other schedule."""
    if is_anneal(schedule):
        is_open = schedule.args["index"] == "t/n" and last_level(schedule) not in _ZERO
        return schedule if is_open and first_level(schedule) in _ZERO else None
    if schedule.kind not in ("sequence", "product", "absolute", "guided"):
        return None
    parts = schedule.parts()[:1] if schedule.kind == "sequence" else schedule.parts()
    return next(filter(None, map(_ramp_from_zero, parts)), None)


def rule_of_code(text: str) -> CheckRule:
    """Return a rule by its code or its name, in upper or lower case.

    >>> rule_of_code("ps201").name
    'beyond-total'
    """
    for rule in rules_by_code().values():
        if text.lower() in (rule.code.lower(), rule.name):
            return rule
    raise messages.unknown_rule(text)


def codes_given(selection: str | Collection[str]) -> frozenset[str]:
    """Return the codes that a list selects: codes, names, and prefixes such as `PS2`.

    Args:
        selection: one text, in which commas or spaces separate them, or several texts.

    >>> sorted(codes_given("PS50, beyond-total"))[:2]
    ['PS201', 'PS502']
    """
    if not isinstance(selection, str):
        if not isinstance(selection, Collection) or not all(isinstance(text, str) for text in selection):
            raise messages.not_codes(selection)
        selection = ",".join(selection)
    selected: set[str] = set()
    for text in selection.replace(",", " ").split():
        selected |= {code for code in rules_by_code() if code.startswith(text.upper())} or {rule_of_code(text).code}
    return frozenset(selected)


@readable
@answering
def check(
    plan: PlanLike,
    *,
    facts: RunFacts | None = None,
    bases: Mapping[str, float] | None = None,
    groups: Sequence[Mapping[str, Any]] = (),
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
        raise messages.bases_and_groups()
    in_all_groups = bases is not None
    if bases is not None:
        groups = [group_of_bases("check", bases)]
    facts = facts_if_passed("ps.check(plan)", facts, run_facts)
    plan = plan_in_run(plan, "ps.check", facts)
    problems = [
        *_problems_in_run(plan, facts, partial(groups_of_binding, groups=groups, of_all=in_all_groups)),
        *check_groups(plan, groups),
        *check_field_names(plan),
    ]
    # Problems are sorted by the lines of the plan. Sorting is stable, so those of one line keep their order.
    ranks = {path: rank for rank, path in enumerate([TOTAL, *map(binding_path, plan.bindings)])}
    problems = [problem for problem in problems if problem.code not in ignored]
    return tuple(sorted(problems, key=lambda problem: ranks.get(problem.path, len(ranks))))


def _problems_in_run(plan: Plan, facts: RunFacts | None, groups_of: GroupsOf) -> Iterator[Problem]:
    """Yield the errors of the lines and the likely mistakes of a plan, in the run that the facts describe."""
    two_totals = [*_two_totals(plan, facts)]
    yield from two_totals
    trial = None
    if not two_totals:
        trial = trial_run(plan, facts)
    else:  # the length of the run is unknown
        yield from filter(None, [accumulation_unused(plan, facts)])
        plan = Plan(*plan.bindings, clock=plan.clock)
        facts = None
    broken = set[int]()
    followed_by = schedules_followed(plan.bindings)
    for binding in plan.bindings:
        bases = [base for _, base in groups_of(binding)]
        if isinstance(binding.field, Target):
            bases = [binding.field.initial]
        errors = [*_errors_of_line(binding, followed_by, trial, plan.clock, bases)]
        if errors:
            broken.add(id(binding))
        yield from errors
        if codes.NOT_FOLLOWED not in [error.code for error in errors]:
            yield from field_name_problems(binding, binding_path(binding))
    for _, problem in probable_mistakes(plan, facts, groups_of, broken=broken):
        yield problem


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


def _errors_of_line(
    binding: Binding,
    followed_by: Callable[[Binding], Schedule],
    trial: TrialRun | None,
    clock: ClockName,
    bases: Sequence[float],
) -> Iterator[Problem]:
    """Yield the errors of a line, with which it cannot run."""
    path = binding_path(binding)
    try:
        schedule = followed_by(binding)
    except PlanError as refusal:
        yield _problem_of(refusal, path, codes.NOT_FOLLOWED)
        return
    yield from _errors_in_run(schedule, trial, bases, path)
    off_progress = [length for length in durations_in(schedule) if {unit for unit, _ in length.terms} - {"percent"}]
    if off_progress and clock == PROGRESS:
        yield messages.not_in_percent(path, off_progress[0])


def _problem_of(refusal: InvalidArgument, path: str, code: str) -> Problem:
    return Problem(path, refusal.problem.summary, refusal.problem.advice, code=code)


def _errors_in_run(schedule: Schedule, trial: TrialRun | None, bases: Sequence[float], path: str) -> Iterator[Problem]:
    """Yield the first error of a schedule in a trial run, and that of the first base for which it has no values."""
    try:
        for value in values_inside(schedule):
            if is_kind(value, "sequence"):
                refuse_two_without_length(value)
    except InvalidArgument as refusal:
        yield _problem_of(refusal, path, codes.TWO_WITHOUT_LENGTH)
        return
    if trial is None or not trial.converts(durations_in(schedule)):
        return
    try:
        resolved = resolved_without_begins(schedule, trial.span)
    except PlanError as refusal:  # the value of a target, not on the clock of the run
        yield _problem_of(refusal, path, codes.NOT_FOLLOWED)
        return
    except (MissingFact, Unresolved, ArithmeticError, MemoryError):
        return
    except InvalidArgument as refusal:
        yield _problem_of(refusal, path, codes.NOTHING_LEFT)
        return
    try:
        if has_own_shape(resolved):  # which may have no value for an update of the run
            require_values_until(resolved, ceil(trial.end))
            evaluate(resolved, times_to_look_at(resolved, ceil(trial.end)), 1.0)
    except InvalidArgument as refusal:
        yield _problem_of(refusal, path, refusal.problem.code)
    try:
        for base in bases:
            require_positive_base(resolved, base, "")
    except PlanError as refusal:
        yield Problem(path, refusal.problem.found, refusal.problem.advice, code=REFUSED_VALUE)


def check_groups(plan: Plan, groups: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Yield problems of betas that are planned for groups with a momentum. Other fields of a group may be unknown."""
    for binding in plan.bindings:
        if isinstance(binding.field, Target) or Field.of(binding.name).key != "betas":
            continue
        selected = [group for index, group in enumerate(groups) if is_selected(binding.groups, group, index)]
        lacking = [group for group in selected if "betas" not in group and "momentum" in group]
        if lacking:
            numbers = {name: value for name, value in lacking[0].items() if type(value) is not bool}
            fields = [name for name, value in numbers.items() if isinstance(value, (int, float, tuple))]
            yield messages.no_betas(binding_path(binding), fields)


def groups_of_binding(
    binding: Binding, groups: Sequence[Mapping[str, Any]], *, of_all: bool = False
) -> list[tuple[str | int, float]]:
    """Return the selected groups of a binding, each with its known base of the field; `of_all` selects every group.

    >>> groups_of_binding(Binding("lr", "cosine()"), [{"lr": 0.1, "name": "body"}, {"lr": 0.01}])
    [('body', 0.1), (1, 0.01)]
    """
    field = Field.of(binding.name)
    bases = [
        (group.get("name", index), _base_if_known(group, field))
        for index, group in enumerate(groups)
        if of_all or is_selected(binding.groups, group, index)
    ]
    return [(label, base) for label, base in bases if base is not None and isfinite(base)]


def _base_if_known(group: Mapping[str, Any], field: Field) -> float | None:
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
            yield messages.momentum_and_betas(binding_path(binding))
