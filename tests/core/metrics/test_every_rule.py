"""Properties of every metric rule: values of arrays, metrics that are not finite, and saved states."""

import json
import math
import sys
import warnings
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.metrics.metric_rules import hold, plateau
from paramsched.core.schedules import absolute
from paramsched.errors import InvalidArgument, StateError
from support.tables import table

RULES = {
    "plateau": lambda **more: plateau(patience=0, factor=0.5, **more),
    "plateau with a floor": lambda **more: plateau(patience=1, cooldown=1, factor=0.3, min=0.2, **more),
    "plateau with an absolute floor": lambda **more: plateau(patience=0, factor=0.3, min=absolute(0.05), **more),
}
HOLDS = {
    "hold by a gain": lambda **more: hold("kl", at=1.0, gain=0.5, **more),
    "hold by a factor": lambda **more: hold("kl", at=1.0, factor=2.0, when_high="lower", low=0.2, high=3.0, **more),
    "hold by a sum": lambda **more: hold("kl", at=1.0, add=0.3, low=-1.0, **more),
}
METRICS = st.lists(st.sampled_from([0.5, 0.9, 1.0, 1.1, 5.0]) | st.floats(0.0, 9.0), min_size=1, max_size=12)
HUGE = (10**400, -(10**400))
NAMES = st.sampled_from(sorted(RULES))
EVERY = RULES | HOLDS


def after(rule, metrics):
    state = rule.init()
    for metric in metrics:
        state = rule.observe(state, metric)
    return state


@given(st.sampled_from(sorted(EVERY)), METRICS, st.floats(0.01, 4.0))
def test_the_values_of_an_array_are_those_of_its_entries(name, metrics, base):
    rule = EVERY[name]()
    state = after(rule, metrics)
    values = np.array([0.0, 0.01, 0.5, 4.0])

    actual = rule.apply(state, values, base)
    of_bases = rule.apply(state, values, np.full(4, base))

    assert np.asarray(actual).tolist() == [rule.apply(state, value, base) for value in values.tolist()]
    assert np.asarray(of_bases).tolist() == np.asarray(actual).tolist()
    bases = np.array([base, 2 * base])
    each = [rule.apply(state, 0.5, value) for value in bases.tolist()]
    assert np.broadcast_to(rule.apply(state, 0.5, bases), 2).tolist() == each
    assert {type(value) for value in each} == {float}
    assert rule.apply(rule.init(), values, base) is values


@given(st.sampled_from(sorted(EVERY)), METRICS, METRICS, st.sampled_from([math.nan, math.inf, -math.inf, *HUGE]))
def test_an_ignored_value_changes_nothing_and_another_is_an_error_on_request(name, before, later, odd):
    ignoring = EVERY[name]()
    strict = EVERY[name](nonfinite="raise")
    state = after(ignoring, before)

    assert ignoring.observe(state, odd) == state
    assert after(ignoring, [*before, odd, *later]) == after(EVERY[name](nonfinite="count"), [*before, *later])
    shown = f"{'-' * (odd < 0)}inf" if abs(odd) > 1 else "nan"
    with pytest.raises(InvalidArgument, match=rf"={shown}\): must be finite. Use \w+\(…, nonfinite=\"ignore\"\)"):
        strict.observe(after(strict, before), odd)


def scheduler_of(line):
    return ps.Scheduler(torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1), ps.Plan(lr=line), strict=True)


@table("name", sorted(EVERY))
@pytest.mark.parametrize("values", [[math.nan], [math.inf], [1.0, -math.inf, math.nan, 1.0]])
@pytest.mark.parametrize("start", [scheduler_of, lambda line: ps.Values({"x": line}, strict=True)])
def test_a_run_warns_once_of_ignored_values_and_raises_nothing(name, values, start):
    rule = EVERY[name]()
    run = start(1.0 * rule)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for value in values * 3:
            run.observe(**{rule.metric: value})

    assert [(warning.category, warning.filename) for warning in caught] == [(ps.PlanWarning, __file__)]
    expected = after(rule, [value for value in values * 3 if math.isfinite(value)])
    value, base = (run["x"], 1.0) if isinstance(run, ps.Values) else (run.value("lr"), 0.1)
    assert value == rule.apply(expected, base, base)


@given(NAMES, METRICS)
def test_the_highest_values_are_the_best_as_the_lowest_of_the_negated_metric(name, metrics):
    lowest = RULES[name](mode="min")
    highest = RULES[name](mode="max")

    for count in range(len(metrics) + 1):
        states = after(lowest, metrics[:count]), after(highest, [-metric for metric in metrics[:count]])
        assert lowest.apply(states[0], 0.5, 0.4) == highest.apply(states[1], 0.5, 0.4)


@given(st.sampled_from(sorted(EVERY)), METRICS, METRICS)
def test_a_state_continues_after_json(name, before, later):
    rule = EVERY[name]()
    state = after(rule, before)

    restored = rule.restore(json.loads(json.dumps(asdict(state))))

    assert restored == state
    for metric in later:
        state = rule.observe(state, metric)
        restored = rule.observe(restored, metric)
        assert restored == state


@table("name", EVERY)
def test_a_state_with_a_wrong_entry_is_refused_and_the_entry_named(name):
    rule = EVERY[name]()
    state = asdict(after(rule, [3.0, 2.0, 5.0, 6.0]))
    for entry, value in state.items():
        wrong = ["1", True, math.nan, math.inf, 10**400, {}, [[]]]
        if isinstance(value, (int, float)) and entry not in ("reference", "total", "best", "multiple"):
            wrong.append(-1)
        if isinstance(value, int):
            wrong.append(0.5)
        for refused in wrong:
            with pytest.raises(StateError, match=f"invalid value of {entry}: "):
                rule.restore({**state, entry: refused})
        with pytest.raises(StateError, match="does not have the keys"):
            rule.restore({key: value for key, value in state.items() if key != entry})
    for entry in ("reference", "total", "best"):
        if entry in state:
            for limit in (int(sys.float_info.max), -sys.float_info.max):
                assert getattr(rule.restore({**state, entry: limit}), entry) == limit
    for data in ({**state, "more": 1}, [], None, "x"):
        with pytest.raises(StateError, match="does not have the keys"):
            rule.restore(data)
