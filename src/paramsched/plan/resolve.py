"""resolve: every length of a schedule or a plan in updates."""

from typing import overload

from paramsched.errors import InvalidArgument
from paramsched.plan.plan import Plan
from paramsched.schedules import Schedule
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
