"""Every law of metric rules, for a rule of your own."""

import json
import pickle
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from paramsched.errors import ParamschedError
from paramsched.feedback.base import MetricRule
from paramsched.plan import Plan, replay
from paramsched.schedules.registry import has_shape
from paramsched.testing.broken_law import BrokenLaw

_METRICS = (1.0, 0.9, 0.95, 0.95, 0.96, 0.97, 0.5, 0.5, 0.5, 0.5, 2.0, 0.1, 0.1, -3.0, 1e-9, 1e9, 0.0)
_VALUES = (0.1, 3e-4, 0.0)


def check_rule(rule: MetricRule[Any], metrics: Sequence[float] = _METRICS) -> None:
    """Check every law of metric rules.

    Before it has observed anything a rule gives each value as it is; `observe` and `apply` say the same for the same
    and change nothing; a state is a frozen dataclass of JSON scalars, and `restore` brings it back; a metric that is
    not finite leads to a state or to an error of ours; a rule whose function is registered reads back from text.

    Args:
        rule: a metric rule.
        metrics: what it observes, one after another.

    Raises:
        BrokenLaw: a law is not kept.

    >>> from paramsched.feedback import plateau
    >>> check_rule(plateau("loss", patience=2))
    """
    state = rule.init()
    for value in _VALUES:
        if rule.apply(state, value) != value:
            found = f"of {value!r} it makes {rule.apply(state, value)!r}"
            raise BrokenLaw("a rule that has observed nothing changes no value", rule, "at first", found)
    _require_plain_state(rule, state, "at first")
    for place, metric in enumerate(metrics):
        where = f"metric {place}, {metric!r}"
        before, text = state, repr(state)
        state = rule.observe(before, metric)
        if repr(before) != text:
            raise BrokenLaw("observe changes no state", rule, where, f"{text} became {before!r}")
        if rule.observe(before, metric) != state:
            found = f"{state!r}, a second time {rule.observe(before, metric)!r}"
            raise BrokenLaw("the same state and metric give the same state", rule, where, found)
        _require_plain_state(rule, state, where)
        _require_same_values(rule, state, where)
    for metric in (float("nan"), float("inf"), float("-inf")):
        _require_answer(rule, state, metric)
    _require_text(rule)
    _require_replay(rule, metrics, state)


def _require_plain_state(rule: MetricRule[Any], state: Any, where: str) -> None:
    """A state is a frozen dataclass that JSON and pickle bring back."""
    law = "a state is a frozen dataclass of JSON scalars, and restore brings it back"
    if not is_dataclass(state) or not _is_frozen(state):
        raise BrokenLaw(law, rule, where, f"a {type(state).__name__}, no frozen dataclass")
    data = {field.name: getattr(state, field.name) for field in fields(state)}
    try:
        plain = json.loads(json.dumps(data))
    except (TypeError, ValueError) as error:
        raise BrokenLaw(law, rule, where, f"{state!r}: {error}") from None
    for kind, given in (("a saved state", data), ("a state from JSON", plain)):
        again = rule.restore(dict(given))
        if again != state:
            raise BrokenLaw(law, rule, where, f"{state!r}, from {kind} {again!r}")
    if pickle.loads(pickle.dumps(state)) != state:  # noqa: S301  # packed a moment ago
        raise BrokenLaw(law, rule, where, f"{state!r}, another one from a pickle")


def _is_frozen(state: Any) -> bool:
    """Whether a dataclass refuses to be changed."""
    return bool(type(state).__dataclass_params__.frozen)


def _require_same_values(rule: MetricRule[Any], state: Any, where: str) -> None:
    """To apply a state changes nothing and says the same twice, a finite number."""
    text = repr(state)
    for value in _VALUES:
        first, second = rule.apply(state, value, 0.1), rule.apply(state, value, 0.1)
        if first != second or repr(state) != text:
            found = f"of {value!r} it makes {first!r}, then {second!r}"
            raise BrokenLaw("apply says the same twice, and changes no state", rule, where, found)
        if not abs(first) < float("inf"):
            raise BrokenLaw("apply gives a finite number", rule, where, f"of {value!r} it makes {first!r}")


def _require_answer(rule: MetricRule[Any], state: Any, metric: float) -> None:
    """A metric that is not finite leads to a state, or to an error of ours."""
    law = "a metric that is not finite leads to a state or to an error of paramsched"
    try:
        after = rule.observe(state, metric)
    except ParamschedError:
        return
    except Exception as error:
        raise BrokenLaw(law, rule, f"metric {metric!r}", f"{type(error).__name__}: {error}") from error
    for value in _VALUES:
        if not abs(rule.apply(after, value, 0.1)) < float("inf"):
            raise BrokenLaw(law, rule, f"metric {metric!r}", f"of {value!r} it makes {rule.apply(after, value, 0.1)!r}")


def _require_text(rule: MetricRule[Any]) -> None:
    """A plan with a rule that has a name in text reads back equal."""
    if has_shape(rule):
        plan = Plan(lr=1.0 * rule)
        if Plan(lr=str(1.0 * rule)) != plan:
            raise BrokenLaw("text reads back as an equal rule", rule, "parse(str(rule))", str(Plan(lr=str(1.0 * rule))))


def _require_replay(rule: MetricRule[Any], metrics: Sequence[float], state: Any) -> None:
    """A plan that hears the metrics is in the state that the rule by itself is in."""
    plan = Plan(lr=1.0 * rule)
    told = replay(plan, [(t, {rule.metric: metric}) for t, metric in enumerate(metrics)])
    if told[rule] != state:
        law = "in a plan a rule comes to the same state"
        raise BrokenLaw(law, rule, f"after {len(metrics)} metrics", f"{state!r}, in a plan {told[rule]!r}")
