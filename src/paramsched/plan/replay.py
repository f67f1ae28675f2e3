"""Replay: the states of a plan's metric rules, from what was observed."""

from collections.abc import Iterable, Mapping
from typing import Any

from paramsched.errors import InvalidArgument
from paramsched.feedback.base import MetricRule
from paramsched.plan.plan import Plan


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
    >>> [state.factor for state in replay(plan, [(1, {"loss": 1.0}), (2, {"loss": 1.0})]).values()]
    [0.5]
    """
    states = {rule: rule.init() for rule in plan.metric_rules}
    watched = {rule.metric for rule in states}
    last = 0
    for t, metrics in events:
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
