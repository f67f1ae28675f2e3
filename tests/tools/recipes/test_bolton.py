"""Bolt-on private SGD: the minimum of a constant and an inverse decay, counted from 1."""

import paramsched as ps
from support.recipe_runs import assert_values, recipe

BETA, GAMMA = 1.5, 0.02


def test_lr_equals_the_paper():
    trace = ps.trace(recipe("bolton"), {"lr": 123.0}, ps.Calendar(total=10_000))

    assert_values(trace["lr"], lambda t: min(1 / BETA, 1 / (GAMMA * (t + 1))), range(10_000))


def test_keras_evaluates_the_first_update_at_step_0():
    """TensorFlow Privacy divides by the completed updates: the first value is infinite, so 1 / beta is smaller."""
    plan = ps.loads(f"lr: constant(absolute(1.0)) * minimum(1 / {BETA}, shift(inverse_time(1.0), 1) / {GAMMA})")

    trace = ps.trace(plan, {"lr": 123.0}, ps.Calendar(total=10_000))

    assert_values(trace["lr"], lambda t: min(1 / BETA, 1 / (GAMMA * t)) if t else 1 / BETA, range(10_000))


def test_a_clock_that_counts_from_1_equals_a_run_that_started_one_update_earlier():
    plan = ps.loads("lr: skip(linear(1.0, 0.0, over=100), 1)\nweight_decay: skip(exponential(0.9), 1)")

    trace = ps.trace(plan, {"lr": 1.0, "weight_decay": 1.0}, ps.Calendar(total=200))

    assert_values(trace["lr"], lambda t: max(0.0, 1 - (t + 1) / 100), range(200))
    assert_values(trace["weight_decay"], lambda t: 0.9 ** (t + 1), range(200))
