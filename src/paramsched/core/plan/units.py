"""The units of a plan."""

from paramsched.core.plan.plan import Plan
from paramsched.core.schedules.contents import durations_in


def units_of_plan(plan: Plan) -> frozenset[str]:
    """Return the units in a plan, including its horizon.

    >>> sorted(units_of_plan(Plan(lr="warmup('5%') >> cosine()", horizon="20 epochs")))
    ['epochs', 'percent']
    """
    lengths = [length for binding in plan.bindings for length in durations_in(binding.schedule)]
    lengths += [plan.horizon] if plan.horizon is not None else []
    return frozenset(unit for length in lengths for unit, _ in length.terms)
