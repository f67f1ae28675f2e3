"""A plan of a run: as written, and with its lengths in updates."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from math import inf
from typing import Any, final

from paramsched.core.feedback.base import MetricRule
from paramsched.core.plan.binding import UPDATES
from paramsched.core.plan.plan import Plan
from paramsched.core.plan.resolve import amounts_of_run, counted_plan, is_complete, updates_of_total
from paramsched.core.plan.resolve_clocks import sizes_of_run
from paramsched.core.plan.run_amounts import SIZES_OF_BATCHES, Amount, RunAmounts, SizeTarget
from paramsched.core.time import Duration, RunFacts
from paramsched.core.time.amounts import counts_in_unit, largest_on, times_on, unit_of_lengths
from paramsched.errors import MissingFact


@final
@dataclass(frozen=True)
class ResolvedPlan:
    """A plan as written, its resolved form, and the run facts that resolved it.

    `counted` is the resolved plan with plain numbers in place of lengths such as `4 tokens`, ready for evaluation.
    `amounts` are the planned amounts of the run; None if the plan is by updates. `optimizers` are the names of several
    optimizers. `inside` has the lines whose values were found inside of their
    ranges, with the update from which on (`refuse_values_outside`). No amount below `no_end_below` is at the end of the
    plan: a comparison at each update in place of `is_over_at`.
    """

    plan: Plan
    resolved: Plan
    facts: RunFacts
    optimizers: tuple[str, ...] = ()
    counted: Plan = field(init=False)
    amounts: RunAmounts | None = field(init=False)
    inside: dict[tuple[Any, ...], int] = field(init=False, default_factory=dict, compare=False, repr=False)
    no_end_below: float = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counted", counted_plan(self.resolved))
        object.__setattr__(self, "amounts", amounts_of_run(self.resolved, self.facts))
        total = self.resolved.total
        amounts = [float(count) for unit, count in total.terms if unit != UPDATES] if total is not None else [inf]
        object.__setattr__(self, "no_end_below", amounts[0] * (1 - 1e-9) if amounts else 0.0)

    @cached_property
    def needed_facts(self) -> tuple[tuple[str, Any], ...]:
        """The run facts if they determine the lengths of the plan, for its entry in the history of a run."""
        is_needed = self.text is not None and not is_complete(self.plan, self.resolved)
        return tuple(facts_as_data(self.facts).items()) if is_needed else ()

    @property
    def text(self) -> str | None:
        """The text of the plan; None if it cannot be written."""
        return self.plan.text

    @property
    def unit(self) -> str | None:
        """The unit of the plan's clock; None if it counts updates."""
        return None if self.amounts is None else self.amounts.clock

    @property
    def batch_sizes(self) -> dict[str, SizeTarget | None]:
        """The targets that determine the batches of an update, by name."""
        found = sizes_of_run(self.resolved.bindings, self.resolved.clock, self.facts).targets
        return {name: found[name] for name in SIZES_OF_BATCHES if name in found}

    def amount_at(self, t: int) -> Amount | None:
        """Return the amount that a run consumes before update `t` if it follows the plan."""
        return None if self.amounts is None else self.amounts.amount_at(t)

    def is_over_at(self, t: int, amount: Amount | None) -> bool:
        """Return whether update `t`, before which the run has consumed `amount`, is at or after the end of the plan."""
        if amount is not None and amount >= largest_on(self.unit):
            return True
        total = self.resolved.total
        if total is None:
            return False
        ((unit, count),) = total.terms
        if unit == UPDATES or amount is None:
            return unit == UPDATES and t >= count
        return bool(times_on(unit, amount) >= count * counts_in_unit(unit))

    def rules_at(self, t: int, amount: Amount | None) -> list[MetricRule[Any]]:
        """Return the metric rules for which a metric counts that is observed after `t` updates and an amount."""
        return [
            rule
            for rule in self.resolved.metric_rules
            if (begin := rule.begin) is None or self._has_passed(begin, t, amount)
        ]

    def _has_passed(self, time: Duration, t: int, amount: Amount | None) -> bool:
        if time.is_resolved:
            return t >= time.updates
        ((_, count),), unit = time.terms, self.unit
        if unit is None or amount is None:
            return False
        return bool(times_on(unit, amount) >= count * unit_of_lengths(unit)[1])

    @property
    def total(self) -> int | None:
        """The total in updates; None if it is unknown.

        Raises:
            PlanError: an update is planned to consume nothing.
        """
        try:
            return updates_of_total(self.resolved, self.amounts)
        except MissingFact:
            return None


def facts_as_data(facts: RunFacts) -> dict[str, float | str]:
    """Return the run facts as plain data."""
    known = ((field.name, getattr(facts, field.name)) for field in fields(facts))
    return {name: fact if isinstance(fact, (int, float)) else str(fact) for name, fact in known if fact is not None}
