"""Convert a schedule, or one schedule of a plan, to a function for torch's `LambdaLR`."""

from dataclasses import dataclass
from typing import Any, Unpack, final

from paramsched.core.base.near_names import did_you_mean
from paramsched.core.base.signatures import readable
from paramsched.core.feedback.base import MetricRule
from paramsched.core.foreign_calls import answering
from paramsched.core.number_checks import finite_number
from paramsched.core.plan import Binding, Plan, ScheduleLike, Target, resolve, selector_text
from paramsched.core.plan.binding import clock_of_field, is_by_amount
from paramsched.core.plan.forms import FORMS, PlanLike, is_line, plan_in_run
from paramsched.core.plan.group_matching import Overlap, overlap_of
from paramsched.core.schedules import Schedule, parse
from paramsched.core.schedules.connected import scales_with_base
from paramsched.core.schedules.level import Absolute
from paramsched.core.schedules.schedule import schedule_of
from paramsched.core.schedules.writing import short_line
from paramsched.core.time import RunFacts
from paramsched.core.time.run_facts import Facts, facts_if_passed
from paramsched.errors import CallSite, InvalidArgument, PlanError, UnknownField, UnknownGroup, shown


def _handed_schedule(
    source: PlanLike | ScheduleLike | Any,
    facts: RunFacts | None,
    field: str | None,
    group: str | int | None,
) -> tuple[Schedule, float | None]:
    """Return a pair: the selected schedule with every length in updates, and the initial value of its target.

    The initial value is None if the schedule is of a field of the optimizer.

    Args:
        source: a plan in any form, a schedule, a number or a line of text.
        facts: the run facts; None if all lengths are in updates.
        field: the field or target of the plan; None if the plan has only one.
        group: a group's name, or the selector of groups in the plan; None if the field has only one schedule.

    Raises:
        InvalidArgument: the schedule reacts to metrics, `source` is not a schedule, or `field` is passed without a
            plan.
        PlanError: the selection is ambiguous, or the schedule's clock does not count updates.
        Unresolved: `facts` is None, and a length is missing or not in updates.
    """
    if isinstance(source, FORMS) and not isinstance(source, (Schedule, MetricRule)) and not is_line(source):
        source = plan_in_run(source, "ps.to_lambda", facts)
    if isinstance(source, Plan):
        line = _chosen_line(source.resolve(facts=facts), field, group)
        _refuse_metric(line.schedule)
        return line.schedule, line.field.initial if isinstance(line.field, Target) else None
    if field is not None or group is not None:
        site = f"to_lambda({shown(source)}, field={field!r}, group={shown(group)})"
        raise InvalidArgument(site, "field and group select a schedule of a plan; leave them out for a schedule")
    schedule = parse(source) if isinstance(source, str) else source
    _refuse_metric(schedule)
    written = schedule_of(schedule, lambda: f"to_lambda({shown(schedule)})")
    resolved = written if facts is None else resolve(written, facts=facts)
    if not resolved.is_resolved:
        found = "the schedule has a length that is missing or not in updates"
        write = "ps.to_lambda(schedule, total=10_000, steps_per_epoch=100)"
        raise InvalidArgument(f"to_lambda({short_line(written)})", found, example=write)
    return resolved, None


def _refuse_metric(schedule: Any) -> None:
    if isinstance(schedule, MetricRule) or (isinstance(schedule, Schedule) and schedule.metric_rules):
        found = f"{short_line(schedule)} reacts to a metric, but the function only receives the update"
        raise InvalidArgument("to_lambda(…)", found, "Use ps.Scheduler(optimizer, plan)")


def _chosen_line(plan: Plan, field: str | None, group: str | int | None) -> Binding:
    """Return the line of a resolved plan that `field` and `group` select."""
    names = list(dict.fromkeys(line.name for line in plan.bindings))
    site = (
        f"to_lambda(plan{'' if field is None else f', field={field!r}'}{'' if group is None else f', group={group!r}'})"
    )
    if field is None and len(names) > 1:
        found = f"the plan schedules {', '.join(names)}; the function needs one of them"
        raise PlanError(site, found, f'For example: field="{names[0]}"')
    name = names[0] if field is None else field
    lines = {line.groups: line for line in plan.bindings if line.name == name}
    if not lines:
        raise UnknownField(
            site, f"unknown field {shown(name)}; {did_you_mean(str(name), names)}", f'For example: field="{names[0]}"'
        )
    if is_by_amount(plan.clock, name):
        found = f"the clock of {name} counts {clock_of_field(plan.clock, name)}, but the function only receives updates"
        raise PlanError(site, found, "Leave the plan's clock out: the run facts convert lengths into updates")
    if group is None and len(lines) == 1:
        return next(iter(lines.values()))
    others = [selector for selector in lines if selector is not None]
    lines_found = (
        f"{name} has a line for {', '.join(map(selector_text, others))}"
        f"{' and a default line for all other groups' * (None in lines)}"
    )
    if group is None:
        named = [selector for selector in others if isinstance(selector, str | int)]
        choices = [f"group={named[0]!r}"] if named else []
        if None in lines and len(named) == len(others):  # a name without a line of its own
            choices.append(f"group={'others' if 'others' not in named else 'all others'!r} for the default line")
        raise PlanError(site, lines_found, f"Use {', or '.join(choices)}" if choices else _BY_NAME)
    overlaps = {selector: overlap_of(group, selector) for selector in others}
    inside = next((selector for selector in others if overlaps[selector] is Overlap.INSIDE), None)
    if inside is None and (None not in lines or Overlap.UNKNOWN in overlaps.values()):
        raise UnknownGroup(site, f"{lines_found}; the line of {shown(group)} cannot be determined", _BY_NAME)
    return lines[inside]


_BY_NAME = 'Select groups by name in the plan, and write group="head"'


@final
@dataclass(frozen=True)
class LrLambda:
    """factor(t) = schedule(t), or schedule(t, base) / base if there is a base.

    Args:
        schedule: a schedule with every length in updates.
        base: the learning rate that the factors multiply; None if the factors do not depend on it.
    """

    # LambdaLR saves the `__dict__` of its function. Here it is empty, so that a checkpoint contains only the count, and
    # can be loaded with `weights_only=True`. After a resume the schedule comes from the code.
    __slots__ = ("__dict__", "__weakref__", "base", "schedule")

    schedule: Schedule
    base: float | None

    def __call__(self, t: int) -> float:
        if self.base is None:
            return self.schedule(t)
        return self.schedule(t, self.base) / self.base

    def __reduce__(self) -> Any:
        return LrLambda, (self.schedule, self.base)

    def __repr__(self) -> str:
        return f"<to_lambda({short_line(self.schedule)})>"


@readable
@answering
def to_lambda(
    schedule: PlanLike | Absolute | float,
    *,
    facts: RunFacts | None = None,
    base: float | None = None,
    field: str | None = None,
    group: str | int | None = None,
    **run_facts: Unpack[Facts],
) -> LrLambda:
    """Convert a schedule to a function from the update to a multiple of base, for torch's `LambdaLR`.

    Pass the function to `LambdaLR(optimizer, ps.to_lambda("cosine(over=1000)"))`. Such a scheduler also works in
    Lightning's `configure_optimizers` and in the Trainer's `optimizers=(optimizer, scheduler)`. Each call of its
    `step()` counts as one update. The function can be pickled and copied, and adds no data to a checkpoint.

    Args:
        schedule: a schedule, a number, a line of text, or a plan. If a plan has several schedules, select one by
            `field` and `group`.
        facts: the run facts as one object, in place of keywords.
        base: the learning rate that the factors multiply. Required for absolute levels, `absolute(…)`; base times
            factor then equals the level, except for one rounding. For the schedule of a target, the default is its
            initial value.
        field: the field, or the name of a target, whose schedule is converted. By default the only one of the plan.
        group: the groups whose schedule is converted: a group's name, or the selector in the plan. If a group has no
            schedule of its own, the default schedule of the field is converted.
        run_facts: the run facts, as in `ps.Scheduler`: `total=10_000`. Required if a length is missing, or is not in
            updates.

    Raises:
        InvalidArgument: the schedule reacts to metrics, has a length that is not in updates, or needs a base.
        PlanError: the selection in the plan is ambiguous or unknown, or the plan's clock does not count updates.

    >>> factor = to_lambda("warmup('10%') >> cosine(to=0.1)", total=100)
    >>> factor(5), factor(10), factor(100)
    (0.5, 1.0, 0.1)
    >>> to_lambda("constant(absolute(0.25))", base=0.5)(0)
    0.5
    >>> lr = "warmup('10%') >> cosine(to=0.1)"
    >>> plan = Plan(lr=lr, weight_decay="linear(to=0.5)", total=100)
    >>> to_lambda(plan, field="weight_decay")(50)
    0.75
    """
    known = facts_if_passed("to_lambda(schedule)", facts, run_facts)
    resolved, initial = _handed_schedule(schedule, known, field, group)
    needs_base = resolved.has_absolute or not scales_with_base(resolved)
    if base is None and needs_base:
        base = initial
    if base is not None:
        number = finite_number(CallSite("to_lambda", "base"), base)
        if number == 0:
            raise InvalidArgument(CallSite("to_lambda", "base", "0"), "base must not be 0", "For example: 0.1")
        return LrLambda(resolved, number)
    if needs_base:
        found = "the schedule has absolute levels, so the factors depend on base, the lr of the optimizer"
        raise InvalidArgument(f"to_lambda({short_line(resolved)})", found, "For example: base=0.1")
    return LrLambda(resolved, None)
