"""A naive model of the states of a plan's metric rules: each observation goes to the rules that watch its metric."""

from collections.abc import Iterable, Mapping
from typing import Any

import paramsched as ps
from paramsched.core.plan import PlanLike, plan_of
from paramsched.core.plan.resolution import resolved_rules


def replay(
    plan: PlanLike, events: Iterable[tuple[int, Mapping[str, float]]], facts: ps.RunFacts | None = None
) -> dict[Any, Any]:
    """Return the state of each rule after pairs of the number of completed updates and the observed metrics."""
    plan = plan_of(plan, "replay")
    states = {rule: rule.init() for rule in plan.metric_rules}
    begins = {rule: rule.begin for rule in states}
    if not all(begin is None or begin.is_resolved for begin in begins.values()):
        begins |= {rule: same.begin for rule, same in resolved_rules(plan, plan.resolve(facts=facts)).items()}
    for t, metrics in events:
        for rule in states:
            begin = begins[rule]
            if rule.metric in metrics and (begin is None or t >= begin.number):
                states[rule] = rule.observe(states[rule], metrics[rule.metric])
    return states
