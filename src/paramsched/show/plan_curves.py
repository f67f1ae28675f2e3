"""The curves of a plan that nobody has attached yet: what is not known is assumed, and said."""

from dataclasses import replace
from math import ceil
from typing import Any

from paramsched._trace import Trace, trace
from paramsched.config.plan_files import durations_in, units_of_plan
from paramsched.fields import Field
from paramsched.plan import Binding, Plan, Target
from paramsched.schedules.base import Schedule
from paramsched.show.assumed_facts import ASSUMED_TOTAL, assumed_value, length_of_plan
from paramsched.show.plan_groups import groups_of_selectors, set_base
from paramsched.time import Calendar, Duration


def curves_of_plan(plan: Plan, bases: Any = None, calendar: Calendar | None = None) -> tuple[Trace, str]:
    """The values of a plan at every update, and what was assumed for that.

    Args:
        plan: what is drawn.
        bases: an optimizer, or dicts like its groups; None: groups as the plan selects them, and multiples of base.
        calendar: the facts that are known. Where all lengths are in one unit, what that is in updates is assumed, which
            only stretches the picture; where nothing says how long the run is, so is that.

    Raises:
        MissingFact: lengths are in several units, and a fact about one of them is missing.

    >>> curves, assumed = curves_of_plan(Plan(lr="warmup('5%') >> cosine()", horizon="20 epochs"))
    >>> curves.total, assumed
    (2000, 'steps_per_epoch taken to be 100')
    """
    facts, assumed = _with_assumed_facts(plan, calendar or Calendar())
    if bases is not None:
        return trace(plan, bases, facts), assumed
    bindings = [one for one in plan.bindings if not isinstance(one.field, Target)]
    groups = groups_of_selectors(bindings)
    for group in groups:
        for one in bindings:
            set_base(group, Field.of(one.name), 1.0)
    found = trace(plan, groups, facts)
    return found.with_assumed_bases(key for key in found.keys() if key[1] != ""), assumed


def plan_of_schedule(schedule: Schedule) -> Plan:
    """A plan that has a schedule alone, as multiples of base."""
    return Plan(Binding(Target("value", 1.0), schedule))


def _with_assumed_facts(plan: Plan, calendar: Calendar) -> tuple[Calendar, str]:
    """The facts, with those that are missing and only stretch the picture, and what they are in words."""
    notes = []
    units = units_of_plan(plan) - {"percent"}
    if len(units) == 1 and "updates" not in units:
        (unit,) = units
        amounts = plan.horizon.terms if plan.horizon is not None else _terms_of(plan)
        share = 1 if plan.horizon is not None else 4  # a quarter of the picture is the longest length
        fact, value = assumed_value(unit, share * max(float(amount) for one, amount in amounts if one == unit))
        if getattr(calendar, fact) is None and not (unit == "epochs" and calendar.updates_per_epoch):
            assumed: dict[str, Any] = {fact: value}
            calendar = replace(calendar, **assumed)
            notes.append(f"{fact} taken to be {value:g}")
    if plan.horizon is None and calendar.total is None:
        total = length_of_plan(plan, calendar)
        if total is None:
            longest = max((calendar.exact(Duration((term,))) for term in _terms_of(plan)), default=0)
            total = max(ASSUMED_TOTAL, 4 * ceil(longest))
            notes.append(f"horizon taken to be {total} updates")
        calendar = replace(calendar, total=total)
    return calendar, ", ".join(notes)


def _terms_of(plan: Plan) -> list[tuple[str, Any]]:
    """The terms of every length in the schedules, but for per cent."""
    lengths = [length for binding in plan.bindings for length in durations_in(binding.schedule)]
    return [term for length in lengths for term in length.terms if term[0] != "percent"]
