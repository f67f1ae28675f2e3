"""`should_stop` is True if the next update is not before the end of the plan."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.updates import probe

LR = "linear(1, 0)"


def on_tokens(**facts):
    return ps.Scheduler(probe(), ps.Plan(lr=LR, clock="tokens", horizon="1000 tokens"), **facts)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=12))
def test_a_loop_on_a_clock_of_tokens_ends_with_the_last_update_that_starts_before_the_horizon(amounts):
    scheduler = on_tokens()
    before = 0
    for tokens in amounts:
        scheduler.consumed(tokens=tokens)
        assert scheduler.should_stop is (before >= 1000)  # a report is not counted before its update ends
        scheduler.optimizer.step()
        before += tokens
    assert scheduler.should_stop is (before >= 1000)


@pytest.mark.parametrize(("rate", "horizon"), [(0.1, "1 s"), (0.3, "1 s"), (0.25, "1.5 s")])
def test_planned_seconds_end_at_the_exact_horizon(rate, horizon):
    plan = ps.Plan(lr=LR, clock="seconds", horizon=horizon)
    scheduler = ps.Scheduler(probe(), plan, seconds_per_step=rate)
    while not scheduler.should_stop:
        scheduler.optimizer.step()

    assert scheduler.t == math.ceil(Fraction(horizon.removesuffix(" s")) / Fraction(str(rate)))
