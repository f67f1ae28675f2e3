"""The values of a plan at a number of samples or updates, for `OptimizerParamScheduler.of_plan`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, final

from paramsched.core.fields import Field, base_of
from paramsched.core.number_checks import require_choice, whole_number
from paramsched.core.plan import Plan
from paramsched.core.plan.binding import Target, amount_clock, is_by_amount
from paramsched.core.plan.forms import PlanLike, plan_of
from paramsched.core.plan.lines import Line, bind
from paramsched.core.plan.plan import require_calendar
from paramsched.core.plan.resolve import amounts_of_run, counted_plan
from paramsched.core.plan.resolve_clocks import sizes_of_run
from paramsched.core.plan.run_amounts import Amount, RunAmounts
from paramsched.core.time import Calendar
from paramsched.errors import CallSite, InvalidArgument, MissingFact

Counts: TypeAlias = Literal["samples", "updates"]
"""What `step(increment)` counts."""

_CALL = "OptimizerParamScheduler.of_plan"


class Times(NamedTuple):
    """A position of the run: the completed updates and the amount on the plan's clock; None if not needed."""

    update: int | None
    amount: Amount | None


@final
@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """The fields that a plan schedules in one group, each with its base at construction."""

    fields: tuple[tuple[Line, float], ...]

    def values(self, group: Mapping[str, Any], times: Times) -> dict[Field, float]:
        """Return the planned values. The base of lr is the present `max_lr` of the group, if it has one."""
        found: dict[Field, float] = {}
        for bound, base in self.fields:
            live = group.get("max_lr") if bound.field.key == "lr" else None
            time = times.amount if bound.by_amount else times.update
            assert time is not None
            found[bound.field] = bound.schedule(time, base if live is None else base_of("max_lr", live))
        return found


@final
@dataclass(frozen=True, slots=True)
class PlanValues:
    """A plan, and the conversion of a number of samples or updates to its clock.

    Args:
        plan: the plan as written.
        counted: the resolved plan, ready for evaluation.
        counts: what is counted.
        by_update: True if a field of the plan is scheduled by updates.
        samples: the samples consumed before each update.
        amounts: the amounts on the plan's clock consumed before each update; None if it counts updates.
        tokens_per_sample: the factor from samples to tokens; None if it is unknown.
    """

    plan: Plan
    counted: Plan
    counts: Counts
    by_update: bool
    samples: RunAmounts
    amounts: RunAmounts | None
    tokens_per_sample: int | None

    @staticmethod
    def of(plan: PlanLike, calendar: Calendar, counts: Counts) -> "PlanValues":
        """Resolve a plan. The arguments and errors are those of `OptimizerParamScheduler.of_plan`."""
        plan = plan_of(plan, _CALL)
        require_calendar(f"{_CALL}(…, calendar=%s)", calendar)
        require_choice(CallSite(_CALL, "counts"), counts, Counts, "unknown unit")
        if plan.metric_rules:
            found = "the plan reacts to a metric, but num_steps alone determines the values"
            raise InvalidArgument(f"{_CALL}(…)", found, "Use ps.Scheduler(optimizer, plan)")
        unit = amount_clock(plan.clock)
        if unit not in (None, "samples", "tokens"):
            found = f"the clock of the plan counts {unit}; expected samples, tokens or updates"
            raise InvalidArgument(f"{_CALL}(…)", found, 'Use Plan(…, clock="samples")')
        resolved = plan.resolve(calendar)
        fields = [one.name for one in resolved.bindings if not isinstance(one.field, Target)]
        values = PlanValues(
            plan,
            counted_plan(resolved),
            counts,
            not all(is_by_amount(plan.clock, name) for name in fields),
            sizes_of_run(resolved.bindings, resolved.clock, calendar).amounts_of("samples"),
            amounts_of_run(resolved, calendar),
            calendar.sequence_length,
        )
        values.require_facts()
        return values

    def require_facts(self) -> None:
        """Raise if a conversion needs a run fact that is missing."""
        if self.counts == "updates" and self.amounts is not None:
            self.amounts.amount_at(1)
        if self.counts == "samples" and self.by_update:
            self.samples.amount_at(1)
        if self.counts == "samples" and self.tokens_per_sample is None and amount_clock(self.plan.clock) == "tokens":
            found = "the clock of the plan counts tokens, and the tokens of a sample are unknown"
            raise MissingFact(f"{_CALL}(…)", found, fact="sequence_length", example="4096")

    def times(self, steps: float) -> Times:
        """Return the position of the run after `steps` samples or updates.

        Raises:
            InvalidArgument: `steps` is not an integer of at least 0, or is inside an update of a plan by updates.
        """
        n = whole_number(CallSite(_CALL, "num_steps"), steps, least=0)
        if self.counts == "updates":
            return Times(n, None if self.amounts is None else self.amounts.amount_at(n))
        amount = n if amount_clock(self.plan.clock) != "tokens" else n * (self.tokens_per_sample or 0)
        if not self.by_update:
            return Times(None, amount)
        update = self.samples.updates_until(n)
        if (reached := self.samples.amount_at(update)) != n:
            found = f"the plan is by updates, but {n} samples are inside an update that ends at {reached}"
            raise InvalidArgument(CallSite(_CALL, "num_steps", str(n)), found, "Use clock: samples in the plan")
        return Times(update, amount)

    def bind(self, groups: Sequence[Mapping[str, Any]]) -> tuple[PlannedGroup, ...]:
        """Return the scheduled fields of each group, with the present values as bases."""
        return tuple(
            PlannedGroup(tuple((bound, base_of(bound.name, bound.field.read(group))) for bound in bounds))
            for group, bounds in zip(groups, bind(self.counted, groups), strict=True)
        )
