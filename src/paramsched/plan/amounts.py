"""What a plan's run consumes: its amounts, its length in updates, and its schedules as plain counts."""

from paramsched.errors import MissingFact
from paramsched.plan.binding import replace_schedule
from paramsched.plan.plan import Plan
from paramsched.plan.plan_clock import UPDATES, amount_clock, clock_of_field
from paramsched.plan.resolve_clocks import sizes_of_run
from paramsched.plan.run_amounts import RunAmounts
from paramsched.schedules.cuts import without_unit
from paramsched.time import Calendar


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
