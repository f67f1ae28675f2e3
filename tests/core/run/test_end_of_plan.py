"""The end of a plan, short runs, and whether a loop should stop."""

import copy
import math
import warnings
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.updates import probe

TOTAL = 10


def sgd():
    parameter = torch.nn.Parameter(torch.ones(1))
    parameter.grad = torch.ones(1)
    return torch.optim.SGD([parameter], lr=0.1)


def by_hooks(plan="cosine()", **facts):
    optimizer = sgd()
    ps.Scheduler(optimizer, plan, **(facts or {"total": TOTAL}))
    return optimizer.step


def by_hand():
    return ps.Scheduler(sgd(), "cosine()", total=TOTAL, drive="manual").step


def by_several():
    both = {"a": sgd(), "b": sgd()}
    ps.Scheduler(both, "cosine()", total=TOTAL)
    return lambda: [one.step() for one in both.values()]


def by_reports():
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="cosine()", clock="tokens", horizon="1000 tokens"))
    return lambda: (scheduler.consumed(tokens=100), optimizer.step())


def by_amounts():
    return by_hooks(ps.Plan(lr="cosine()", clock="tokens", horizon="1000 tokens"), tokens_per_step=100)


def told_at(step, updates):
    """Return the updates after which there was a warning of the end of the plan."""
    found = []
    for update in range(1, updates + 1):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            step()
        found += [update] * sum("[PS406]" in str(one.message) for one in caught)
    return found


@pytest.mark.parametrize("begin", [by_hooks, by_hand, by_several, by_reports, by_amounts])
@pytest.mark.parametrize("updates", [TOTAL, TOTAL + 30])
def test_the_first_update_after_the_end_warns(begin, updates):
    assert told_at(begin(), updates) == [TOTAL + 1] * (updates > TOTAL)


@pytest.mark.parametrize(("saved", "later"), [(TOTAL - 3, 4), (TOTAL, 1)])
def test_a_resumed_run_is_told_at_the_same_update(saved, later):
    step, optimizer = by_hooks(), sgd()
    told_at(step, saved)
    ps.Scheduler(optimizer, "cosine()", total=TOTAL)
    optimizer.load_state_dict(step.__self__.state_dict())

    assert told_at(optimizer.step, 10) == [later]


def test_a_resume_after_the_end_is_told_once():
    step, optimizer = by_hooks(), sgd()
    told_at(step, TOTAL + 2)
    ps.Scheduler(optimizer, "cosine()", total=TOTAL)

    assert told_at(lambda: optimizer.load_state_dict(step.__self__.state_dict()), 1) == [1]
    assert told_at(optimizer.step, 5) == []


def test_a_copy_is_not_told_again_and_a_seek_to_the_begin_is():
    optimizer = sgd()
    scheduler = ps.Scheduler(optimizer, "cosine()", total=TOTAL)
    told_at(optimizer.step, TOTAL + 2)

    assert told_at(copy.deepcopy(scheduler).optimizer.step, 5) == []
    scheduler.seek(0)
    assert told_at(optimizer.step, TOTAL + 2) == [TOTAL + 1]


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
