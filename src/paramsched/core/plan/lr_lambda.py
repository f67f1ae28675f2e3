"""A schedule as a function of one update, for torch's `LambdaLR`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Unpack, final

from paramsched.base.params import readable
from paramsched.base.pickles import Reduced, pickled, restores
from paramsched.core.calls.checked_calls import answering
from paramsched.core.calls.number_checks import finite_number
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.binding import (
    Binding,
    OverlapOfGroups,
    ScheduleLike,
    Selector,
    Target,
    overlap_of,
    selector_text,
)
from paramsched.core.plan.messages import lr_lambda as messages
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.plan_forms import FORMS, PlanLike, is_line, plan_in_run
from paramsched.core.plan.resolution import resolve
from paramsched.core.schedules.level import AbsoluteValue
from paramsched.core.schedules.schedule import Schedule, schedule_of
from paramsched.core.schedules.sequence import scales_with_base
from paramsched.core.schedules.text import parse
from paramsched.core.time.run_facts import UPDATES, Facts, RunFacts, facts_if_passed
from paramsched.errors import CallSite


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

    def __reduce__(self) -> Reduced:
        return pickled("to_lambda", self.schedule, self.base)

    def __repr__(self) -> str:
        return f"<{messages.call_of_schedule(self.schedule)}>"


restores("to_lambda")(LrLambda)


@readable
@answering
def to_lambda(
    schedule: PlanLike | AbsoluteValue | float,
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
    facts = facts_if_passed("to_lambda(schedule)", facts, run_facts)
    resolved, initial = _selected_schedule(schedule, facts, field, group)
    needs_base = resolved.has_absolute or not scales_with_base(resolved)
    if base is None and needs_base:
        base = initial
    if base is not None:
        number = finite_number(CallSite("to_lambda", "base"), base)
        if number == 0:
            raise messages.base_is_zero()
        return LrLambda(resolved, number)
    if needs_base:
        raise messages.base_is_missing(resolved)
    return LrLambda(resolved, None)


def _selected_schedule(
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
        line = _selected_line(source.resolve(facts=facts), messages.SelectedLine(field, group))
        _refuse_metric(line.schedule)
        initial = line.field.initial if isinstance(line.field, Target) else None
        return line.schedule, initial
    if field is not None or group is not None:
        raise messages.selection_without_plan(source, field, group)
    return _schedule_in_updates(source, facts), None


def _schedule_in_updates(source: Any, facts: RunFacts | None) -> Schedule:
    """Return a schedule, a number or a line of text as a schedule with every length in updates."""
    schedule = parse(source) if isinstance(source, str) else source
    _refuse_metric(schedule)
    written = schedule_of(schedule, partial(messages.call_of_value, schedule))
    resolved = written if facts is None else resolve(written, facts=facts)
    if not resolved.is_resolved:
        raise messages.length_is_not_in_updates(written)
    return resolved


def _refuse_metric(schedule: Any) -> None:
    if isinstance(schedule, MetricRule) or (isinstance(schedule, Schedule) and schedule.metric_rules):
        raise messages.reacts_to_a_metric(schedule)


def _selected_line(plan: Plan, selection: messages.SelectedLine) -> Binding:
    """Return the line of a resolved plan that a field and a group select."""
    lines = _lines_of_field(plan, selection)
    if selection.group is None:
        if len(lines) > 1:
            raise messages.group_is_not_selected(selection, _described(lines))
        return next(iter(lines.values()))
    line = _line_of_group(lines, selection.group)
    if line is None:
        raise messages.line_cannot_be_determined(selection, _described(lines))
    return line


def _lines_of_field(plan: Plan, selection: messages.SelectedLine) -> dict[Selector, Binding]:
    """Return the lines of a field by their selectors, or those of the only field of the plan."""
    names = list(dict.fromkeys(line.name for line in plan.bindings))
    if selection.field is None and len(names) > 1:
        raise messages.field_is_not_selected(selection, names)
    name = names[0] if selection.field is None else selection.field
    lines = {line.groups: line for line in plan.bindings if line.name == name}
    if not lines:
        raise messages.field_is_unknown(selection, name, names)
    if plan.clock != UPDATES:
        raise messages.clock_counts_an_amount(selection, name, plan.clock)
    return lines


def _line_of_group(lines: Mapping[Selector, Binding], group: str | int) -> Binding | None:
    """Return the line of a field that a group follows; None if the group does not say which."""
    overlaps = {selector: overlap_of(group, selector) for selector in lines if selector is not None}
    for selector, overlap in overlaps.items():
        if overlap is OverlapOfGroups.INSIDE:
            return lines[selector]
    if OverlapOfGroups.UNKNOWN in overlaps.values():
        return None
    return lines.get(None)


def _described(lines: Mapping[Selector, Binding]) -> messages.FieldLines:
    """Return the lines of a field as an error describes them."""
    name = next(iter(lines.values())).name
    selectors = [selector for selector in lines if isinstance(selector, (str, int))]
    texts = [selector_text(selector) for selector in lines if selector is not None]
    return messages.FieldLines(name, selectors, texts, has_default=None in lines)
