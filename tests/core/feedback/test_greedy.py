"""Greedy: GreedyLR of transformers as a pure state machine, and its extensions."""

import json
from dataclasses import asdict
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.feedback import greedy
from paramsched.core.schedules import absolute
from paramsched.errors import StateError
from support.tables import table

LR = 0.1
METRICS = st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.99, 1.0, 1.1]) | st.floats(-1.0, 3.0), max_size=60)
OPTIONS = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["min", "max"]),
        "factor": st.sampled_from([0.5, 0.9]),
        "patience": st.integers(0, 2),
        "threshold": st.sampled_from([0.0, 1e-6, 0.1]),
        "cooldown": st.integers(0, 2),
        "warmup": st.integers(0, 2),
    }
)
BOUNDS = st.tuples(st.sampled_from([0.0, 0.02, 0.1]), st.sampled_from([0.1, 0.3, 1.0]))


def peer_values(metrics, **options):
    peers = pytest.importorskip("transformers.optimization")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=LR)
    peer = peers.GreedyLR(optimizer, **options)
    for metric in metrics:
        peer.step(metric)
        yield optimizer.param_groups[0]["lr"]


def own_values(metrics, **options):
    rule = greedy(**options)
    state = rule.init()
    for metric in metrics:
        state = rule.observe(state, metric)
        yield rule.apply(state, LR, LR)


@pytest.mark.heavy
@given(METRICS, OPTIONS, BOUNDS, st.sampled_from([1, 5]), st.sampled_from([1, 2, 500]))
def test_values_equal_transformers_for_all_options(metrics, options, bounds, window, reset):
    low, high = bounds
    expected = peer_values(
        metrics, min_lr=low, max_lr=high, eps=0.0, smooth=window > 1, window_size=window, reset_start=reset, **options
    )
    found = own_values(metrics, min=low / LR, max=high / LR, window=window, reset=reset, **options)

    assert list(found) == pytest.approx(list(expected), rel=1e-12)


RISES_AND_FALLS = [abs(t % 24 - 12) / 10 for t in range(60)]


@pytest.mark.heavy
def test_the_value_of_a_metric_that_rises_and_falls_equals_that_of_transformers_for_all_counts():
    for patience, cooldown, warmup, window, reset in product((0, 2), (0, 2), (0, 2), (1, 5), (1, 500)):
        options = {"factor": 0.5, "patience": patience, "cooldown": cooldown, "warmup": warmup}
        theirs = {"min_lr": 0.02, "max_lr": 0.3, "smooth": window > 1, "window_size": window, "reset_start": reset}
        expected = peer_values(RISES_AND_FALLS, eps=0.0, **theirs, **options)
        found = own_values(RISES_AND_FALLS, min=0.2, max=3.0, window=window, reset=reset, **options)

        assert list(found) == pytest.approx(list(expected), rel=1e-12), options


@pytest.mark.heavy
@given(METRICS, OPTIONS, BOUNDS)
def test_bounds_may_be_absolute_values(metrics, options, bounds):
    low, high = bounds
    expected = peer_values(metrics, min_lr=low, max_lr=high, eps=0.0, reset_start=10**9, **options)

    assert list(own_values(metrics, min=absolute(low), max=absolute(high), **options)) == pytest.approx(
        list(expected), rel=1e-12
    )


@pytest.mark.parametrize("start", [2.0, 0.001])
def test_a_start_outside_the_bounds_does_not_move_further_away(start):
    rule = greedy(patience=0, factor=0.5, min=absolute(0.01), max=absolute(1.0))
    worse, better = rule.observe(rule.observe(rule.init(), 1.0), 2.0), rule.observe(rule.init(), 1.0)

    values = [rule.apply(state, start) for state in (better, worse)]
    assert all(value <= 2.0 if start > 1 else value >= 0.001 for value in values)


@pytest.mark.parametrize("worst", [np.inf, np.nan])
def test_an_infinite_metric_is_worse_and_does_not_enter_the_mean(worst):
    found = own_values([1.0, 0.8, worst, 0.4, 0.1], factor=0.5, patience=0, window=3, min=0.0, max=100.0)

    assert list(found) == pytest.approx([0.2, 0.4, 0.2, 0.4, 0.8], rel=1e-12)


def test_an_array_of_values_changes_like_single_values():
    rule = greedy(patience=0, factor=0.5, min=0.2, max=4.0)
    state = rule.observe(rule.observe(rule.init(), 1.0), 2.0)
    values = np.array([0.1, 0.5, 3.0])

    for one in (state, rule.observe(state, 3.0), rule.observe(rule.init(), 1.0)):
        assert rule.apply(one, values, 1.0).tolist() == [rule.apply(one, value, 1.0) for value in values.tolist()]


@given(METRICS, METRICS, OPTIONS)
def test_a_restored_state_continues_unchanged(before, after, options):
    rule = greedy(window=3, **options)
    state = rule.init()
    for metric in before:
        state = rule.observe(state, metric)
    restored = rule.restore(json.loads(json.dumps(asdict(state))))

    assert restored == state
    for metric in after:
        state, restored = rule.observe(state, metric), rule.observe(restored, metric)
    assert restored == state


@table(
    "spoiled",
    [
        {"good": -1},
        {"factor": "1"},
        {"recent": [1.0, None]},
        {"recent": 3.0},
        {"recent": [1.0] * 9},
        {"bad": 0.5},
        {"x": 1},
    ],
)
def test_an_invalid_state_is_rejected(spoiled):
    rule = greedy(window=3)

    with pytest.raises(StateError, match="state of greedy"):
        rule.restore({**asdict(rule.init()), **spoiled})


@table(("eps", "raised", "reduced"), [(1.0, 1.0, 1.0), (0.99, 2.0, 1.0), (0.5, 2.0, 1.0), (0.49, 2.0, 0.5)])
def test_a_change_by_at_most_eps_is_skipped(eps, raised, reduced):
    rule = greedy(patience=0, factor=0.5, eps=eps)
    first = rule.observe(rule.init(), 1.0)
    last = rule.observe(rule.observe(first, 2.0), 2.0)

    assert (rule.apply(first, 1.0), rule.apply(last, 1.0)) == (raised, reduced)


def test_a_rule_starts_again_after_reductions_at_its_minimum():
    rule = greedy(min=0.25, factor=0.5, patience=0, reset=2)
    state, factors = rule.init(), []
    for metric in (1.0, 2.0, 3.0, 4.0, 5.0):
        state = rule.observe(state, metric)
        factors.append(state.factor)

    assert factors == [2.0, 1.0, 0.5, 0.25, 1.0]
