"""PaLM 540B: an inverse square root lr, its square as weight decay, and a batch that doubles twice."""

from math import sqrt

import numpy as np

import paramsched as ps
from support.recipe_runs import assert_values, known_bounds

TOTAL, LENGTH = 255_000, 2048
GROUP = {"lr": 1e-2, "weight_decay": 1e-4, "betas": (0.9, 0.99)}


def batch_size(t):
    return 512 if t < 50_000 else 1024 if t < 115_000 else 2048


def rate(t):
    return 1e-2 if t < 10_000 else 1 / sqrt(t)


def test_every_field_equals_the_paper():
    trace = ps.trace(ps.recipes["palm-540b"].plan, GROUP)

    assert len(trace) == TOTAL
    assert trace["batch_size"].tolist() == [batch_size(t) for t in range(TOTAL)]
    seen = known_bounds(TOTAL, 10_000, 50_000, 115_000)
    assert_values(trace["lr"], rate, seen)
    assert_values(trace["weight_decay"], lambda t: rate(t) ** 2, seen)
    np.testing.assert_allclose(trace["betas[1]"][seen], [1 - (t + 1) ** -0.8 for t in seen], rtol=1e-12, atol=1e-15)


def test_a_schedule_in_tokens_follows_a_batch_size_planned_in_updates():
    plan = ps.loads("""
        clock: {share_of_code: tokens}
        horizon: 255k steps
        lr: constant(over="10k steps") >> inverse_sqrt("10k steps")
        targets:
          batch_size: {initial: 1, schedule: 'piecewise([(0, 512), (50000, 1024), (115000, 2048)])'}
          share_of_code: {initial: 1, schedule: 'linear(0.05, 0.24, over="700B tokens")'}
    """)

    trace = ps.trace(plan, GROUP, ps.Calendar(sequence_length=LENGTH))

    amounts = np.concatenate([[0], np.cumsum([batch_size(t) * LENGTH for t in range(TOTAL - 1)])]).tolist()
    assert trace.amounts.tolist() == amounts
    seen = known_bounds(TOTAL, 10_000, 50_000, 115_000)
    assert_values(trace["lr"], rate, seen)
    assert_values(trace["share_of_code"], lambda t: 0.05 + 0.19 * min(1, amounts[t] / (700 * 10**9)), seen)


def test_lengths_in_updates_are_the_same_on_a_token_clock():
    plan = ps.loads("""
        clock: {lr: tokens}
        horizon: 255k steps
        lr: constant(0.5, over="10k steps") >> constant(over="until 60k steps") >> constant(0.1)
        targets:
          batch_size: {initial: 1, schedule: 'piecewise([(0, 512), (50000, 1024), (115000, 2048)])'}
    """)

    trace = ps.trace(plan, {"lr": 1.0}, ps.Calendar(sequence_length=LENGTH))

    assert len(trace) == TOTAL
    assert_values(
        trace["lr"], lambda t: 0.5 if t < 10_000 else 1.0 if t < 60_000 else 0.1, known_bounds(TOTAL, 10_000, 60_000)
    )
