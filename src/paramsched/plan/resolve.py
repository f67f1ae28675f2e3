"""What a plan means for a run: every length in updates, the amounts it consumes, the fields of each group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final, overload

from paramsched.errors import InvalidArgument, MissingFact, PlanError
from paramsched.feedback.base import MetricRule
from paramsched.fields import Field, Group, label
from paramsched.plan.binding import (
    UPDATES,
    Binding,
    Target,
    amount_clock,
    clock_of_field,
    is_by_amount,
    replace_schedule,
    selector_text,
)
from paramsched.plan.group_matching import is_selected, refuse_unmatched
from paramsched.plan.plan import Plan
from paramsched.plan.resolve_clocks import sizes_of_run
from paramsched.plan.run_amounts import RunAmounts
from paramsched.schedules import Schedule
from paramsched.schedules.cuts import without_unit
from paramsched.schedules.neighbor_levels import resolve_in_span
from paramsched.schedules.span import Span
from paramsched.time import Calendar


@overload
def resolve(plan: Plan, calendar: Calendar) -> Plan: ...
@overload
def resolve(plan: Schedule, calendar: Calendar) -> Schedule: ...
def resolve(plan: Schedule | Plan, calendar: Calendar) -> Schedule | Plan:
    """Turn every length into updates, once; each boundary is rounded up once, from the start of the run.

    Args:
        plan: a schedule or a plan.
        calendar: the facts that convert its units.

    Returns:
        The same classes with every length in updates; resolving what is resolved changes nothing.

    Raises:
        MissingFact: a unit the calendar cannot convert.
        Unresolved: a stage takes the time it is given and no horizon is known.
        InvalidArgument: two stages without length, nothing left for the one without, a milestone past its stage.
        PlanError: a plan's horizon and the calendar's total differ.

    >>> lr = resolve(warmup("5%") >> cosine(to=0.1), Calendar(total=10_000))
    >>> print(lr)
    warmup(500) >> cosine(to=0.1, over=9500)
    >>> lr(250, base=3e-4)
    0.00015
    """
    if isinstance(plan, Plan):
        return plan.resolve(calendar)
    if not isinstance(plan, Schedule):
        raise InvalidArgument(
            f"resolve({plan!r}, …)", "no schedule and no plan", "Write resolve(cosine(), Calendar(…))"
        )
    if not isinstance(calendar, Calendar):
        raise InvalidArgument(f"resolve(…, {calendar!r})", "no Calendar", "Write resolve(…, ps.Calendar(total=10_000))")
    return resolve_in_span(plan, Span.of_run(calendar, calendar.horizon))


def amounts_of_run(plan: Plan, calendar: Calendar) -> RunAmounts | None:
    """What is known of the amounts of a run before it begins; None for a plan by updates.

    >>> amounts_of_run(Plan(lr=0.1, clock="samples"), Calendar(batch_size=32)).amounts_from(0, 0, 3).tolist()
    [0, 32, 64]
    """
    clock = amount_clock(plan.clock)
    return None if clock is None else sizes_of_run(plan.bindings, plan.clock, calendar).amounts_of(clock)


def updates_of_horizon(plan: Plan, amounts: RunAmounts | None) -> int | None:
    """How many updates the horizon of a resolved plan has: to the first that begins at or after it; None without one.

    Args:
        plan: the plan.
        amounts: of its run.

    Raises:
        MissingFact: nothing says how much an update takes.
    """
    horizon = plan.horizon
    if horizon is None or horizon.is_resolved:
        return None if horizon is None else horizon.updates
    assert amounts is not None
    ((_, count),) = horizon.terms
    return amounts.updates_until(count)


def known_total(plan: Plan, calendar: Calendar) -> int | None:
    """The updates of a resolved plan's run; None where there is no horizon, or nothing says how many it has."""
    try:
        return updates_of_horizon(plan, amounts_of_run(plan, calendar))
    except MissingFact:
        return None


def counted_plan(plan: Plan) -> Plan:
    """A resolved plan with the units of its clock taken off, to be evaluated and not to be shown.

    >>> counted = counted_plan(Plan(lr='warmup("4 tokens")', clock="tokens"))
    >>> counted.bindings[0].schedule(3)
    0.75
    """
    if plan.clock == UPDATES:
        return plan
    bindings = [
        replace_schedule(one, without_unit(one.schedule, clock_of_field(plan.clock, one.name)))
        for one in plan.as_written()
    ]
    return Plan(*bindings, horizon=plan.horizon, clock=plan.clock)


@final
@dataclass(frozen=True, slots=True)
class Bound:
    """A field of one group and the schedule it follows: `name` as the plan says it, `field` as the group has it.

    `by_amount` is whether its clock counts an amount; else it counts updates.
    """

    name: str
    field: Field
    schedule: Schedule
    by_amount: bool = False


def bind(plan: Plan, groups: Sequence[Group]) -> tuple[tuple[Bound, ...], ...]:
    """For each group the fields a plan schedules in it; everything is checked, nothing is written.

    Raises:
        UnknownGroup: a name, a pattern, an entry or an index that matches no group.
        UnknownField: a selected group lacks the field.
        PlanError: two selectors match one group, or momentum and betas[0] are both scheduled in one.
    """
    for binding in plan.bindings:
        refuse_unmatched(binding.name, binding.groups, groups)
    return tuple(bind_group(plan, group, index) for index, group in enumerate(groups))


def bind_group(plan: Plan, group: Group, index: int) -> tuple[Bound, ...]:
    """The fields a plan schedules in one group."""
    where = f"group {label(group, index)!r}"
    chosen: dict[str, Binding] = {}
    for binding in plan.bindings:
        if isinstance(binding.field, Target) or not is_selected(binding.groups, group, index):
            continue
        rival = chosen.get(binding.name)
        if rival is not None and rival.groups is not None and binding.groups is not None:
            raise PlanError(
                f"{binding.name} in {where}",
                f"two selectors match it: {selector_text(rival.groups)} and {selector_text(binding.groups)}",
                "Select each group once",
            )
        if rival is None or binding.groups is not None:
            chosen[binding.name] = binding
    bounds = [
        Bound(name, Field.of(name).within(group, where), one.schedule, is_by_amount(plan.clock, name))
        for name, one in chosen.items()
    ]
    taken: dict[Field, str] = {}
    for bound in bounds:
        if bound.field in taken:
            raise PlanError(
                f"{bound.name} and {taken[bound.field]} in {where}",
                f"both are {bound.field} there",
                "Schedule one of them",
            )
        taken[bound.field] = bound.name
    return tuple(bounds)


def replay(plan: Plan, events: Iterable[tuple[int, Mapping[str, float]]]) -> dict[MetricRule[Any], Any]:
    """Rebuild the states of a plan's metric rules from what was observed.

    Args:
        plan: whose rules are meant.
        events: pairs of update and metrics, in the order they were observed.

    Returns:
        Each rule's state, as `scheduler.states` has them after the same observations.

    Raises:
        InvalidArgument: events out of order, or a name no rule watches.

    >>> plan = Plan(lr=constant() * plateau("loss", patience=0, factor=0.5), horizon=10)
    >>> [state.factor for state in replay(plan, [(1, {"loss": 1.0}), (2, {"loss": 1.0})]).values()]
    [0.5]
    """
    states = {rule: rule.init() for rule in plan.metric_rules}
    watched = {rule.metric for rule in states}
    last = 0
    for t, metrics in events:
        if t < last:
            raise InvalidArgument(
                f"replay(…, [({t}, …)])", f"it comes after update {last}", "Give events in their order"
            )
        if strange := metrics.keys() - watched:
            raise InvalidArgument(
                f"replay(…, [({t}, {dict(metrics)!r})])",
                f"no rule watches {', '.join(sorted(strange))}",
                "Leave it out",
            )
        last = t
        for rule in states:
            if rule.metric in metrics:
                states[rule] = rule.observe(states[rule], metrics[rule.metric])
    return states
