"""`should_stop` is True if the next update is not before the end of the plan."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from support.several import probes
from support.updates import probe

LR = "linear(1, 0)"


def on_tokens(**facts):
    return ps.Scheduler(probe(), ps.Plan(lr=LR, clock="tokens", horizon="1000 tokens"), **facts)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@pytest.mark.parametrize("facts", [{}, {"total": 3}, {"total": "3 epochs", "steps_per_epoch": 1}])
def test_a_loop_that_it_ends_takes_the_planned_updates(drive, facts):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=LR, horizon=None if facts else 3), drive=drive, **facts)
    while not scheduler.should_stop:
        optimizer.step()
        scheduler.step()

    assert (len(optimizer.used), scheduler.t) == (3, 3)


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


@pytest.mark.parametrize(("horizon", "stops_at"), [("3 steps", 3), ("1000 tokens", 2)])
def test_if_only_some_fields_count_an_amount_the_horizon_as_written_decides(horizon, stops_at):
    plan = ps.Plan(
        lr="constant()", weight_decay='linear(1, 0, over="2 steps")', clock={"lr": "tokens"}, horizon=horizon
    )
    scheduler = ps.Scheduler(probe(), plan)
    while not scheduler.should_stop:
        scheduler.consumed(tokens=500)
        scheduler.optimizer.step()

    assert scheduler.t == stops_at


def test_without_a_horizon_it_is_always_false():
    by_updates = ps.Scheduler(probe(), ps.Plan(lr="warmup(10) >> constant()"))
    by_tokens = ps.Scheduler(probe(), ps.Plan(lr="constant()", clock="tokens"), tokens_per_step=10**12)
    for scheduler in (by_updates, by_tokens):
        scheduler.seek(10**6)
        assert scheduler.should_stop is False


@pytest.mark.parametrize("drive", ["optimizer", "muon", "manual"])
def test_several_optimizers_end_together(drive):
    optimizers = probes(["adamw", "muon"])
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr=LR, horizon=3), drive=drive)
    while not scheduler.should_stop:
        for optimizer in optimizers.values():
            optimizer.step()
        scheduler.step()

    assert [len(optimizer.used) for optimizer in optimizers.values()] == [3, 3]


def test_several_optimizers_end_at_an_amount_although_one_of_them_is_frozen():
    optimizers = probes(["adamw", "muon"])
    scheduler = ps.Scheduler(optimizers, ps.Plan(lr=LR, clock="tokens", horizon="1000 tokens"))
    while not scheduler.should_stop:
        scheduler.consumed(tokens=400)
        optimizers["muon"].step()

    assert (scheduler.t, scheduler.amount) == (3, 1200)


def test_it_follows_a_restored_position_and_a_changed_plan():
    ended = ps.Scheduler(probe(), ps.Plan(lr=LR, horizon=3))
    ended.seek(3)
    assert ended.should_stop

    resumed = ps.Scheduler(probe(), ps.Plan(lr=LR, horizon=3))
    resumed.load_state_dict(ended.state_dict())
    assert resumed.should_stop
    resumed.seek(2)
    assert not resumed.should_stop
    longer = ps.Scheduler(ended.optimizer, ps.Plan(lr=LR, horizon=5))
    assert not longer.should_stop
    optimizer = probe()
    ps.Scheduler(optimizer, ps.Plan(lr=LR, horizon=3))
    optimizer.load_state_dict(ended.optimizer.state_dict())
    assert ps.Scheduler(optimizer, ps.Plan(lr=LR, horizon=3)).should_stop


def test_a_step_after_the_end_uses_the_values_after_the_end():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear(1, 0.5)", horizon=2))
    for _ in range(3):
        optimizer.step()

    assert scheduler.should_stop
    assert optimizer.used[2][0]["lr"] == 0.05
