"""Resolving the fields of a plan that are not by updates: each length becomes a count of its clock, and says so."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from math import ceil

from paramsched.errors import Asked, MissingFact, PlanError
from paramsched.plan.amount_units import AmountUnits
from paramsched.plan.binding import Binding, replace_schedule
from paramsched.plan.plan_clock import PlanClock, amount_clock, clock_of_field
from paramsched.plan.run_amounts import constant_amounts
from paramsched.schedules.clock_units import with_unit
from paramsched.schedules.neighbor_levels import resolve_in_span
from paramsched.schedules.span import Span
from paramsched.time import Calendar, Duration


def resolve_on_clocks(
    bindings: Iterable[Binding], clock: PlanClock, horizon: Duration | None, calendar: Calendar
) -> tuple[list[Binding], Duration | None]:
    """The bindings of a plan, and its horizon, with every length in its clock's unit.

    Raises:
        MissingFact: a unit that the facts cannot convert.
        PlanError: the horizon and the calendar's total differ.
    """
    unit = amount_clock(clock)
    assert unit is not None
    facts = replace(calendar, total=None)
    units = AmountUnits(facts, unit)
    amount = _total_amount(horizon, calendar, units)
    units = replace(units, total=amount)
    by_updates = None
    if not isinstance(clock, str):
        by_updates = _span_of_updates(horizon, amount, calendar, units)
    span = Span.of_run(units, amount)
    resolved = []
    for binding in bindings:
        if clock_of_field(clock, binding.name) == unit:
            resolved.append(replace_schedule(binding, with_unit(resolve_in_span(binding.schedule, span), unit)))
        else:
            assert by_updates is not None
            resolved.append(replace_schedule(binding, resolve_in_span(binding.schedule, by_updates)))
    if amount is None:
        return resolved, None
    if by_updates is not None and horizon is not None and _is_by_updates(horizon):
        return resolved, Duration.of(int(by_updates.end or 0))
    return resolved, Duration(((unit, amount),))


def _total_amount(horizon: Duration | None, calendar: Calendar, units: AmountUnits) -> Fraction | None:
    """The run in the clock's unit, whole: the plan's horizon or the calendar's total, which have to agree."""
    total = None if calendar.total is None else Duration.of(calendar.total)
    asked = Asked("Calendar", "total")
    if horizon is None:
        return None if total is None else _whole_amount(total, units, asked)
    amount = _whole_amount(horizon, units, f'horizon "{horizon}"')
    if total is not None:
        try:
            other = _whole_amount(total, units, asked)
        except MissingFact:  # an engine knows the updates of its run, and its loop says the amounts
            return amount
        if _updates_until(amount, units) != _updates_until(other, units):
            raise PlanError(
                f'horizon "{horizon}"',
                f"it is {amount} {units.clock}, and the Calendar's total is {other}",
                "Give one of the two",
            )
    return amount


def _whole_amount(duration: Duration, units: AmountUnits, asked: str | Asked) -> Fraction:
    """A horizon, rounded up; not in seconds, of which an update takes no whole number."""
    exact = units.exact(duration, asked=asked)
    return exact if units.clock == "seconds" else Fraction(ceil(exact))


def _updates_until(amount: Fraction, units: AmountUnits) -> Fraction | int:
    """The update at which an amount is reached; the amount itself where nothing says."""
    try:
        return constant_amounts(units.clock, units.calendar).updates_until(amount)
    except MissingFact:
        return amount


def _span_of_updates(horizon: Duration | None, amount: Fraction | None, calendar: Calendar, units: AmountUnits) -> Span:
    """The whole run for the fields of a plan that are by updates."""
    if amount is None:
        return Span.of_run(units.calendar, None)
    if horizon is not None and _is_by_updates(horizon):
        total = ceil(units.calendar.exact(horizon))
    elif horizon is None and calendar.total is not None and _is_by_updates(Duration.of(calendar.total)):
        total = ceil(units.calendar.exact(Duration.of(calendar.total)))
    else:
        total = constant_amounts(units.clock, units.calendar).updates_until(amount)
    return Span.of_run(replace(units.calendar, total=total), total)


def _is_by_updates(duration: Duration) -> bool:
    return all(unit in ("updates", "epochs") for unit, _ in duration.terms)
