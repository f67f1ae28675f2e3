"""Resolution: a plan in the units of one run."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any, Unpack, final, overload

import numpy as np

from paramsched.base.params import readable
from paramsched.core.calls.checked_calls import answering
from paramsched.core.curves.arrays import Array, Floats, interpolated
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan.binding import amount_clock, binding_key, replace_schedule
from paramsched.core.plan.clocks import sizes_of_run
from paramsched.core.plan.plan import Plan, plan_of_lines
from paramsched.core.plan.plan_forms import FormOfPlan, PlanLike, plan_in_run
from paramsched.core.plan.run_amounts import (
    SIZES_OF_BATCHES,
    Amount,
    ConstantAmounts,
    EvenAmounts,
    ReportedAmounts,
    RunAmounts,
    SizeTarget,
    UnknownAmounts,
)
from paramsched.core.schedules.schedule import Schedule
from paramsched.core.schedules.span import Span
from paramsched.core.schedules.windows import without_unit
from paramsched.core.time.duration import Duration, counts_in_unit, largest_on, times_on, unit_of_lengths
from paramsched.core.time.run_facts import SIZES, UPDATES, Facts, RunFacts, facts_of_call
from paramsched.errors import MissingFact


@overload
def resolve(plan: Schedule, *, facts: RunFacts | None = None, **run_facts: Unpack[Facts]) -> Schedule: ...
@overload
def resolve(plan: FormOfPlan, *, facts: RunFacts | None = None, **run_facts: Unpack[Facts]) -> Plan: ...
@readable
@answering
def resolve(plan: PlanLike, *, facts: RunFacts | None = None, **run_facts: Unpack[Facts]) -> Schedule | Plan:
    """Convert every length into updates. Each boundary is measured from the start of the run and rounded up once.

    Args:
        plan: a schedule, or a plan in any other form.
        facts: the run facts as one object, in place of keywords.
        run_facts: the run facts that convert its units, as in `ps.Scheduler`: `total=10_000`.

    Returns:
        The schedule or plan with every length in updates. Resolving a resolved plan has no effect.

    Raises:
        MissingFact: a run fact that a unit needs is unknown.
        Unresolved: a stage depends on the length of the run, which is unknown.
        InvalidArgument: two stages have no length, no updates remain for the stage without a length, or a milestone is
            after the end of its stage.
        PlanError: the plan's total and the run's total differ.

    >>> lr = resolve(warmup("5%") >> cosine(to=0.1), total=10_000)
    >>> print(lr)
    warmup(500) >> cosine(to=0.1, over=9500)
    >>> lr(250, base=3e-4)
    0.00015
    """
    facts = facts_of_call("resolve(plan)", facts, run_facts)
    if not isinstance(plan, Schedule):
        return plan_in_run(plan, "ps.resolve", facts).resolve(facts=facts)
    return plan.resolved_in(Span.of_run(facts, facts.total_updates))


def amounts_of_run(plan: Plan, facts: RunFacts) -> RunAmounts | None:
    """Return the amounts of a run, as far as they are known before it starts; None if the plan's clock is updates.

    >>> amounts_of_run(Plan(lr=1, clock="samples"), RunFacts(batch_size=32)).amounts_from(0, 0, 3).tolist()
    [0, 32, 64]
    """
    clock = amount_clock(plan.clock)
    return None if clock is None else sizes_of_run(plan.bindings, plan.clock, facts).amounts_of(clock)


def updates_of_total(plan: Plan, amounts: RunAmounts | None) -> int | None:
    """Return the total of a resolved plan in updates, rounded up; None if it has no total."""
    total = plan.total
    if total is None or total.is_resolved:
        return None if total is None else total.updates
    assert amounts is not None
    ((_, count),) = total.terms
    return amounts.updates_until(count)


def counted_plan(plan: Plan) -> Plan:
    """Return a resolved plan with plain numbers in place of lengths in the unit of its clock, ready for evaluation.

    >>> counted = counted_plan(Plan(lr='warmup("4 tokens")', clock="tokens"))
    >>> counted.bindings[0].schedule(3)
    0.75
    """
    if plan.clock == UPDATES:
        return plan
    bindings = [replace_schedule(binding, without_unit(binding.schedule, plan.clock)) for binding in plan.as_written()]
    return plan_of_lines(bindings, plan.total, plan.clock)


def resolved_rules(plan: Plan, resolved: Plan) -> dict[MetricRule[Any], MetricRule[Any]]:
    """Return a dict from each metric rule of a plan to the resolved one, whose `after` is a number of updates.

    >>> plan = Plan(lr='plateau("loss", after="2 epochs")')
    >>> [str(rule) for rule in resolved_rules(plan, plan.resolve(steps_per_epoch=50)).values()]
    ['plateau(after=100)']
    """
    by_key = {binding_key(line): line.schedule.metric_rules for line in resolved.bindings}
    return {
        rule: same
        for line in plan.bindings
        for rule, same in zip(line.schedule.metric_rules, by_key.get(binding_key(line), ()), strict=False)
    }


_MAX_POINTS = 2_000  # interpolation points of a `TimeUnit`, enough to draw an axis


@final
@dataclass(frozen=True, slots=True, eq=False)
class TimeUnit:
    """Converts updates to a unit of time, by linear interpolation between some updates.

    Args:
        name: the unit, for example `"epochs"`.
        updates: the interpolation points, from 0 to the end of the run.
        amounts: the elapsed amount at each of these points.

    >>> epochs = TimeUnit("epochs", np.array([0, 900]), np.array([0.0, 20.0]))
    >>> float(epochs.at(450)), float(epochs.update_of(10)), epochs.is_even
    (10.0, 450.0, True)
    """

    name: str
    updates: Array
    amounts: Floats

    @property
    def is_even(self) -> bool:
        """True if every update takes the same amount."""
        return len(self.updates) == 2

    def at(self, updates: Any) -> Floats:
        """Return the elapsed amounts before some updates."""
        if self.is_even:
            return np.asarray(np.asarray(updates, dtype=np.float64) * self.amounts[-1] / self.updates[-1])
        return interpolated(updates, self.updates, self.amounts)

    def update_of(self, amounts: Any) -> Floats:
        """Return the updates at which some amounts have elapsed."""
        if self.is_even:
            return np.asarray(np.asarray(amounts, dtype=np.float64) * self.updates[-1] / self.amounts[-1])
        return interpolated(amounts, self.amounts, self.updates)

    def until(self, total: int) -> "TimeUnit":
        """Return the unit for a run of `total` updates, extrapolated linearly if that is longer.

        >>> TimeUnit("epochs", np.array([0, 900]), np.array([0.0, 20.0])).until(1800).amounts.tolist()
        [0.0, 40.0]
        """
        if total <= int(self.updates[-1]):
            return self
        updates = self.updates
        amounts = self.amounts
        slope = (amounts[-1] - amounts[-2]) / (updates[-1] - updates[-2])
        end = amounts[-1] + slope * (total - updates[-1])
        return TimeUnit(self.name, np.append(updates[:-1], total), np.append(amounts[:-1], end))


def even_unit(name: str, total: int, per_update: float) -> TimeUnit:
    """Return a unit of time in which every update takes the same amount, `per_update`."""
    return TimeUnit(name, np.array([0, total]), np.array([0.0, total * per_update]))


def uneven_unit(name: str, passed: Floats) -> TimeUnit:
    """Return a unit of time from the amount that has elapsed before each update, and at the end of the run."""
    sizes = np.diff(passed)
    total = passed.size - 1
    corners = np.concatenate([[0], np.flatnonzero(sizes[1:] != sizes[:-1]) + 1, [total]])
    if corners.size > _MAX_POINTS:
        corners = np.unique(np.linspace(0, total, _MAX_POINTS).astype(np.int64))
    return TimeUnit(name, corners, passed[corners])


def units_of_run(resolved: Plan, facts: RunFacts, total: int, end: tuple[str, float] | None) -> Iterator[TimeUnit]:
    """Yield the units, in addition to updates, into which the run facts can convert time.

    Args:
        resolved: the resolved plan.
        facts: the run facts.
        total: the length of the run in updates.
        end: the plan's clock and its total on this clock; None for a plan by updates.

    >>> facts = RunFacts(steps_per_epoch=45, batch_size=32)
    >>> [(one.name, one.amounts[-1].item()) for one in units_of_run(Plan(lr=1), facts, 900, None)]
    [('epochs', 20.0), ('samples', 28800.0)]
    """
    sizes = sizes_of_run(resolved.bindings, resolved.clock, facts)
    batches = sizes.batches_of_epoch
    if batches is not None:
        for unit in _unit_of_amounts("epochs", sizes.amounts_of("batches"), total):
            yield replace(unit, amounts=unit.amounts / batches)
    elif facts.updates_per_epoch is not None:
        yield even_unit("epochs", total, 1 / facts.updates_per_epoch)
    for name in SIZES:
        if name == "batches" and facts.accumulation is None and "accumulation" not in sizes.targets:
            continue  # without accumulation, batches equal updates
        for unit in _unit_of_amounts(name, sizes.amounts_of(name), total):
            if end is not None and end[0] == name:  # ends at the plan's total, which may be inside the last update
                updates = unit.updates
                amounts = unit.amounts[:-1]
                if unit.amounts[-1] != end[1] and total > 1:
                    updates = np.unique(np.append(updates, total - 1))
                    amounts = unit.at(updates[:-1])
                unit = TimeUnit(name, updates, np.append(amounts, end[1]))
            yield unit


def _unit_of_amounts(name: str, amounts: RunAmounts, total: int) -> Iterator[TimeUnit]:
    """Yield the unit of time `name`, in which the run consumes `amounts`; nothing if they are unknown."""
    if isinstance(amounts, ConstantAmounts):
        yield even_unit(name, total, float(amounts.rate))
    elif not isinstance(amounts, (UnknownAmounts, ReportedAmounts)):
        yield uneven_unit(name, np.asarray(amounts.amounts_from(0, 0, total + 1), dtype=np.float64))


@final
@dataclass(frozen=True)
class ResolvedPlan:
    """A plan in the counts of one run, ready for evaluation (`resolve_in_run`).

    Args:
        plan: the plan as written.
        facts: the run facts that have resolved it.
        optimizers: the names of several optimizers.
        counted: the plan with counts of its clock in place of lengths.
        amounts: the planned amounts of the run; None if the plan is by updates.
        inside: the lines whose values were found inside of their ranges, with the update from which on
            (`refuse_values_outside`).
    """

    plan: Plan
    facts: RunFacts
    optimizers: tuple[str, ...]
    counted: Plan
    amounts: RunAmounts | None
    inside: dict[tuple[Any, ...], int] = field(init=False, default_factory=dict, compare=False, repr=False)

    @cached_property
    def resolved(self) -> Plan:
        """The plan with lengths in the unit of its clock, for a text."""
        if self.plan.clock == UPDATES:
            return self.counted
        return self.plan.resolve(facts=self.facts, optimizers=self.optimizers)

    @property
    def length(self) -> Duration | None:
        """The total, in updates or in the unit of the plan's clock; None if there is none."""
        return self.counted.total

    @cached_property
    def no_end_below(self) -> float:
        """The amount below which no update is at the end of the plan: a comparison in place of `is_over_at`."""
        if self.length is None:
            return inf
        amounts = [float(count) for unit, count in self.length.terms if unit != UPDATES]
        return amounts[0] * (1 - 1e-9) if amounts else 0.0

    @property
    def metric_rules(self) -> tuple[MetricRule[Any], ...]:
        """The metric rules, whose `after` is in updates or in the unit of the plan's clock."""
        return self.counted.metric_rules

    @property
    def text(self) -> str | None:
        """The text of the plan; None if it cannot be written."""
        return self.plan.text

    @property
    def planned_amounts(self) -> RunAmounts | None:
        """The amounts of the run; progress is spread evenly over a run of known length.

        >>> run = resolve_in_run(Plan(lr=1, clock="progress"), RunFacts(total=4))
        >>> run.planned_amounts.amounts_from(0, 0, 4).tolist()
        [0.0, 0.25, 0.5, 0.75]
        """
        if isinstance(self.amounts, ReportedAmounts):
            total = self.facts.total_updates if self.length is None else self.total
            return self.amounts if total is None else EvenAmounts(total)
        return self.amounts

    @property
    def unit(self) -> str | None:
        """The unit of the plan's clock; None if it counts updates."""
        return None if self.amounts is None else self.amounts.clock

    @property
    def batch_sizes(self) -> dict[str, SizeTarget | None]:
        """The targets that determine the batches of an update, by name."""
        targets = sizes_of_run(self.resolved.bindings, self.plan.clock, self.facts).targets
        return {name: targets[name] for name in SIZES_OF_BATCHES if name in targets}

    def amount_at(self, t: int) -> Amount | None:
        """Return the amount that a run consumes before update `t` if it follows the plan."""
        return None if self.amounts is None else self.amounts.amount_at(t)

    def is_over_at(self, t: int, amount: Amount | None) -> bool:
        """Return whether update `t`, before which the run has consumed `amount`, is at or after the end of the plan."""
        if amount is not None and amount >= largest_on(self.unit):
            return True
        if self.length is None:
            return False
        ((unit, count),) = self.length.terms
        if unit == UPDATES or amount is None:
            return unit == UPDATES and t >= count
        return bool(times_on(unit, amount) >= count * counts_in_unit(unit))

    def rules_at(self, t: int, amount: Amount | None) -> list[MetricRule[Any]]:
        """Return the metric rules for which a metric counts that is observed after `t` updates and an amount."""
        return [rule for rule in self.metric_rules if rule.begin is None or self._has_passed(rule.begin, t, amount)]

    def _has_passed(self, time: Duration, t: int, amount: Amount | None) -> bool:
        if time.is_resolved:
            return t >= time.updates
        ((_, count),) = time.terms
        unit = self.unit
        if unit is None or amount is None:
            return False
        return bool(times_on(unit, amount) >= count * unit_of_lengths(unit)[1])

    @cached_property
    def total(self) -> int | None:
        """The total in updates; None if it is unknown.

        Raises:
            PlanError: an update is planned to consume nothing.
        """
        try:
            return updates_of_total(self.counted, self.amounts)
        except MissingFact:
            return None


def resolve_in_run(plan: Plan, facts: RunFacts, optimizers: tuple[str, ...] = ()) -> ResolvedPlan:
    """Return a plan in the counts of a run.

    Args:
        plan: the plan as written.
        facts: the run facts.
        optimizers: the names of the optimizers, if there are several.

    Raises:
        ParamschedError: the plan cannot be resolved.
    """
    resolved = plan.resolve(facts=facts, optimizers=optimizers)
    return ResolvedPlan(plan, facts, optimizers, counted_plan(resolved), amounts_of_run(resolved, facts))


def facts_as_data(facts: RunFacts) -> dict[str, float | str]:
    """Return the run facts as plain data."""
    data: dict[str, float | str] = {}
    for name in Facts.__annotations__:
        fact = getattr(facts, name)
        if fact is not None:
            data[name] = fact if isinstance(fact, (int, float)) else str(fact)
    return data
