"""The states of metric rules in a record, by the texts of the rules."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from paramsched.core.feedback.base import MetricRule
from paramsched.core.plan import Plan
from paramsched.errors import StateError


def saved_states(states: Mapping[MetricRule[Any], Any]) -> dict[str, dict[str, Any]]:
    """Return a dict from the key of each metric rule to its state, a dict of JSON scalars."""
    return {
        key: {one.name: getattr(states[rule], one.name) for one in fields(states[rule])}
        for rule, key in rule_keys(states).items()
    }


def restored_states(
    feedback: Mapping[str, dict[str, Any]], rules: tuple[MetricRule[Any], ...]
) -> dict[MetricRule[Any], Any]:
    """Return a dict from each rule to its state: the saved state if there is one, else the initial one."""
    return {
        rule: rule.restore(feedback[key]) if key in feedback else rule.init() for rule, key in rule_keys(rules).items()
    }


def rule_keys(rules: Iterable[MetricRule[Any]]) -> dict[MetricRule[Any], str]:
    """Return the keys of the states of some metric rules in a record: their texts without `after`.

    The time from which on a rule counts is another number of updates in a run of other facts, and its state continues.
    Rules that differ only in this time are numbered.
    """
    found: dict[MetricRule[Any], str] = {}
    numbers = Counter[str]()
    for rule in rules:
        text = str(rule if rule.after is None else replace(rule, after=None))
        numbers[text] += 1
        found[rule] = text if numbers[text] == 1 else f"{text} #{numbers[text]}"
    return found


def check_rules(feedback: Mapping[str, Any], plan: Plan) -> None:
    """Raise if a state of a plan has the feedback of other metric rules."""
    rules = {*rule_keys(plan.metric_rules).values()}
    if rules != feedback.keys():
        raise StateError(f"state: rules is that of {sorted(feedback)}, but the rules of its plan are {sorted(rules)}")
