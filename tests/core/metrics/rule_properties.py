"""The properties of metric rules."""

import json
import pickle
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from core.properties.schedule_properties import BrokenProperty
from paramsched.core.metrics.metric_rules import MetricRule
from paramsched.core.plan import Plan
from paramsched.errors import ParamschedError
from support.replay import replay

_METRICS = (1.0, 0.9, 0.95, 0.95, 0.96, 0.97, 0.5, 0.5, 0.5, 0.5, 2.0, 0.1, 0.1, -3.0, 1e-9, 1e9, 0.0)
_VALUES = (0.1, 3e-4, 0.0)


def check_rule(rule: MetricRule[Any], metrics: Sequence[float] = _METRICS) -> None:
    """Check every property of metric rules.

    - In its initial state a rule changes no value.
    - `observe` and `apply` are pure functions.
    - A state is a frozen dataclass of JSON scalars, and `restore` recreates it.
    - For a metric that is not finite, a rule returns a state or raises an error of paramsched.
    - The text of a rule with a registered function reads back as an equal rule.

    Args:
        rule: a metric rule.
        metrics: the values that the rule observes, in order.

    Raises:
        BrokenProperty: the rule breaks a property.

    >>> from paramsched.core.metrics.metric_rules import plateau
    >>> check_rule(plateau("loss", patience=2))
    """
    state = rule.init()
    for value in _VALUES:
        if rule.apply(state, value) != value:
            message = f"{value!r} became {rule.apply(state, value)!r}"
            raise BrokenProperty("in its initial state a rule changes no value", rule, "at the start", message)
    _require_plain_state(rule, state, "at the start")
    for place, metric in enumerate(metrics):
        where = f"metric {place}, {metric!r}"
        previous = state
        text = repr(state)
        state = rule.observe(previous, metric)
        if repr(previous) != text:
            raise BrokenProperty("observe does not modify its state", rule, where, f"{text} became {previous!r}")
        if rule.observe(previous, metric) != state:
            message = f"{state!r}, a second time {rule.observe(previous, metric)!r}"
            raise BrokenProperty("the same state and metric give the same state", rule, where, message)
        _require_plain_state(rule, state, where)
        text = repr(state)
        for value in _VALUES:
            first = rule.apply(state, value, 0.1)
            second = rule.apply(state, value, 0.1)
            if first != second or repr(state) != text:
                message = f"{value!r} became {first!r}, a second time {second!r}"
                raise BrokenProperty("apply is deterministic and does not modify its state", rule, where, message)
            if not abs(first) < float("inf"):
                raise BrokenProperty("apply returns a finite number", rule, where, f"{value!r} became {first!r}")
    for metric in (float("nan"), float("inf"), float("-inf")):
        statement = "for a metric that is not finite, observe returns a state or raises an error of paramsched"
        where = f"metric {metric!r}"
        try:
            after = rule.observe(state, metric)
        except ParamschedError:
            continue
        except Exception as error:
            raise BrokenProperty(statement, rule, where, f"{type(error).__name__}: {error}") from error
        for value in _VALUES:
            result = rule.apply(after, value, 0.1)
            if not abs(result) < float("inf"):
                raise BrokenProperty(statement, rule, where, f"{value!r} became {result!r}")
    plan = Plan(lr=1.0 * rule)
    if plan.bindings[0].schedule.serializable and Plan(lr=str(1.0 * rule)) != plan:
        raise BrokenProperty(
            "text reads back as an equal rule", rule, "parse(str(rule))", str(Plan(lr=str(1.0 * rule)))
        )
    replayed = replay(plan, [(t, {rule.metric: metric}) for t, metric in enumerate(metrics)])
    if replayed[rule] != state:
        statement = "a rule reaches the same state in a plan"
        raise BrokenProperty(
            statement, rule, f"after {len(metrics)} metrics", f"{state!r}, in a plan {replayed[rule]!r}"
        )


def _require_plain_state(rule: MetricRule[Any], state: Any, where: str) -> None:
    """Check that a state is a frozen dataclass that JSON and pickle can restore."""
    statement = "a state is a frozen dataclass of JSON scalars, and restore recreates it"
    if not getattr(getattr(state, "__dataclass_params__", None), "frozen", False):
        raise BrokenProperty(statement, rule, where, f"expected a frozen dataclass, got {type(state).__name__}")
    data = {field.name: getattr(state, field.name) for field in fields(state)}
    try:
        plain = json.loads(json.dumps(data))
    except (TypeError, ValueError) as error:
        raise BrokenProperty(statement, rule, where, f"{state!r}: {error}") from None
    for source, saved in (("a saved state", data), ("a state from JSON", plain)):
        again = rule.restore(dict(saved))
        if again != state:
            raise BrokenProperty(statement, rule, where, f"{state!r}, from {source} {again!r}")
    if pickle.loads(pickle.dumps(state)) != state:  # pickled in the same line
        raise BrokenProperty(statement, rule, where, f"{state!r}, from a pickle a different state")
