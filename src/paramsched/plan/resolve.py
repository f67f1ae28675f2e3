"""What a plan means for a run: its lengths, amounts, groups and units of time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final, overload

import numpy as np

from paramsched.base.arrays import Array, Floats
from paramsched.base.calls import explain_wrong_keywords
from paramsched.errors import InvalidArgument, MissingFact, PlanError, shown
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
from paramsched.plan.plan import Plan, refuse_no_calendar, refuse_no_plan
from paramsched.plan.resolve_clocks import sizes_of_run
from paramsched.plan.run_amounts import ConstantAmounts, RunAmounts, UntoldAmounts
from paramsched.schedules import Schedule
from paramsched.schedules.cuts import without_unit
from paramsched.schedules.neighbor_levels import resolve_in_span
from paramsched.schedules.span import Span
from paramsched.time import Calendar
from paramsched.time.calendar import SIZES


@overload
def resolve(plan: Plan, calendar: Calendar) -> Plan: ...
@overload
def resolve(plan: Schedule, calendar: Calendar) -> Schedule: ...
@explain_wrong_keywords
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
        instead = f"Write ps.resolve(ps.parse({plan!r}), {calendar})" if isinstance(plan, str) else ""
        raise InvalidArgument(f"resolve({shown(plan)}, …)", "no schedule and no plan", instead)
    refuse_no_calendar(f"resolve(…, {shown(calendar)})", calendar)
    return resolve_in_span(plan, Span.of_run(calendar, calendar.horizon))


def amounts_of_run(plan: Plan, calendar: Calendar) -> RunAmounts | None:
    """What is known of the amounts of a run before it begins.

    >>> amounts_of_run(Plan(lr=0.1, clock="samples"), Calendar(batch_size=32)).amounts_from(0, 0, 3).tolist()
    [0, 32, 64]
    """
    clock = amount_clock(plan.clock)
    return None if clock is None else sizes_of_run(plan.bindings, plan.clock, calendar).amounts_of(clock)


def updates_of_horizon(plan: Plan, amounts: RunAmounts | None) -> int | None:
    """The updates that a resolved plan's horizon has: to the first that begins at or after it; None without one."""
    horizon = plan.horizon
    if horizon is None or horizon.is_resolved:
        return None if horizon is None else horizon.updates
    assert amounts is not None
    ((_, count),) = horizon.terms
    return amounts.updates_until(count)


def known_total(plan: Plan, calendar: Calendar) -> int | None:
    """The same, where it is known."""
    try:
        return updates_of_horizon(plan, amounts_of_run(plan, calendar))
    except MissingFact:
        return None


def counted_plan(plan: Plan) -> Plan:
    """A resolved plan with the units of its clock taken off, to be evaluated.

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
    >>> states = replay(plan, [(1, {"loss": 1.0}), (2, {"loss": 1.0})])
    >>> [state.factor for state in states.values()]
    [0.5]
    """
    refuse_no_plan("replay", plan)
    try:
        pairs = [(int(t), dict(metrics)) for t, metrics in events]
    except (TypeError, ValueError, OverflowError):
        found = f"expected pairs of an update and metrics, got {shown(events)}"
        raise InvalidArgument("replay(…)", found, 'Write [(1, {"loss": 0.5})]') from None
    states = {rule: rule.init() for rule in plan.metric_rules}
    watched = {rule.metric for rule in states}
    last = 0
    for t, metrics in pairs:
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


_MOST_POINTS = 2_000  # of a batch that grows in more steps, so many are enough to draw an axis


@final
@dataclass(frozen=True, slots=True, eq=False)
class TimeUnit:
    """How much of a unit has passed before an update: straight lines between a few of them.

    Args:
        name: `"epochs"`.
        updates: where the lines meet, from 0 to the end of the run.
        amounts: what has passed there.

    >>> epochs = TimeUnit("epochs", np.array([0, 900]), np.array([0.0, 20.0]))
    >>> float(epochs.at(450)), float(epochs.update_of(10)), epochs.is_even
    (10.0, 450.0, True)
    """

    name: str
    updates: Array
    amounts: Floats

    @property
    def is_even(self) -> bool:
        """Whether every update takes as much."""
        return len(self.updates) == 2

    def at(self, updates: Any) -> Floats:
        """What has passed before some updates."""
        if self.is_even:
            return np.asarray(np.asarray(updates, dtype=np.float64) * self.amounts[-1] / self.updates[-1])
        return np.asarray(np.interp(updates, self.updates, self.amounts))

    def update_of(self, amounts: Any) -> Floats:
        """Where in the run an amount has passed, in updates."""
        if self.is_even:
            return np.asarray(np.asarray(amounts, dtype=np.float64) * self.updates[-1] / self.amounts[-1])
        return np.asarray(np.interp(amounts, self.amounts, self.updates))

    def until(self, total: int) -> "TimeUnit":
        """The same for a run of another length, at least as long; what is behind goes on as the last update.

        >>> TimeUnit("epochs", np.array([0, 900]), np.array([0.0, 20.0])).until(1800).amounts.tolist()
        [0.0, 40.0]
        """
        if total <= int(self.updates[-1]):
            return self
        updates, amounts = self.updates, self.amounts
        slope = (amounts[-1] - amounts[-2]) / (updates[-1] - updates[-2])
        end = amounts[-1] + slope * (total - updates[-1])
        return TimeUnit(self.name, np.append(updates[:-1], total), np.append(amounts[:-1], end))


def even_unit(name: str, total: int, per_update: float) -> TimeUnit:
    """A unit of which every update takes as much."""
    return TimeUnit(name, np.array([0, total]), np.array([0.0, total * per_update]))


def units_of_run(resolved: Plan, calendar: Calendar, total: int, end: tuple[str, int] | None) -> Iterator[TimeUnit]:
    """The units in which the facts of a run tell its time, beside updates.

    Args:
        end: the plan's clock and its horizon on it; None for a plan by updates.

    >>> calendar = Calendar(steps_per_epoch=45, batch_size=32)
    >>> [(one.name, one.amounts[-1].item()) for one in units_of_run(Plan(lr=0.1), calendar, 900, None)]
    [('epochs', 20.0), ('samples', 28800.0)]
    """
    sizes = sizes_of_run(resolved.bindings, resolved.clock, calendar)
    batches = sizes.batches_of_epoch
    if batches is not None:
        yield from _unit_of_amounts("epochs", sizes.amounts_of("batches"), total, 1 / batches)
    elif calendar.updates_per_epoch is not None:
        yield even_unit("epochs", total, 1 / calendar.updates_per_epoch)
    for name in SIZES:
        if name == "batches" and calendar.accumulation is None and "accumulation" not in sizes.targets:
            continue  # each update takes one, and nobody counts in them
        for unit in _unit_of_amounts(name, sizes.amounts_of(name), total):
            if end is not None and end[0] == name:  # up to the plan's horizon, which may end in the last update
                updates, amounts = unit.updates, unit.amounts[:-1]
                if unit.amounts[-1] != end[1] and total > 1:
                    updates = np.unique(np.append(updates, total - 1))
                    amounts = unit.at(updates[:-1])
                unit = TimeUnit(name, updates, np.append(amounts, end[1]))
            yield unit


def _unit_of_amounts(name: str, amounts: RunAmounts, total: int, scale: float = 1.0) -> Iterator[TimeUnit]:
    """The unit that some amounts are, if anything says them."""
    if isinstance(amounts, ConstantAmounts):
        yield even_unit(name, total, float(amounts.rate) * scale)
    elif not isinstance(amounts, UntoldAmounts):
        passed = np.asarray(amounts.amounts_from(0, 0, total + 1), dtype=np.float64) * scale
        sizes = np.diff(passed)
        corners = np.concatenate([[0], np.flatnonzero(sizes[1:] != sizes[:-1]) + 1, [total]])
        if corners.size > _MOST_POINTS:
            corners = np.unique(np.linspace(0, total, _MOST_POINTS).astype(np.int64))
        yield TimeUnit(name, corners, passed[corners])
