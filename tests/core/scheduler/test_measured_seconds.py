"""Unreported seconds are measured by the Scheduler's watch, from update to update."""

import copy

import pytest
import torch

import paramsched as ps
from paramsched.core.runs import consumption
from support.several import probes
from support.updates import probe, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0, over="100 seconds"), clock="seconds")


class Watch:
    """A clock that the test advances."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def watch(monkeypatch):
    made = Watch()
    monkeypatch.setattr(consumption, "seconds_now", made)
    return made


def step_for(optimizer, watch, seconds):
    watch.now += seconds
    optimizer.step()


def built():
    optimizer = probe()
    return optimizer, ps.Scheduler(optimizer, PLAN)


def test_each_update_consumes_the_time_since_the_previous_one_or_construction(watch):
    optimizer, scheduler = built()
    amounts = []
    for seconds in (0.5, 2.0, 0.25):
        step_for(optimizer, watch, seconds)
        amounts.append(scheduler.amount)

    assert amounts == [0.5, 2.5, 2.75]
    assert optimizer.param_groups[0]["lr"] == 0.1 * (1 - 2.75 / 100)
    assert scheduler.state_dict()["amount"] == 2.75


def test_the_time_of_a_skipped_step_belongs_to_the_next_update(watch):
    optimizer, scheduler = built()
    step_for(optimizer, watch, 1.0)
    optimizer.found_inf = torch.ones(1)
    step_for(optimizer, watch, 3.0)
    del optimizer.found_inf
    step_for(optimizer, watch, 0.5)

    assert (scheduler.t, scheduler.amount) == (2, 4.5)


@pytest.mark.parametrize(
    ("drive", "amounts", "second"),
    [
        ("optimizer", [0.5, 0.5, 3.5, 3.5], [0.0, 0.5]),  # the first step of an update ends it
        ("second", [0.0, 2.5, 2.5, 4.5], [0.0, 2.5]),
    ],
)
def test_several_optimizers_share_the_time_of_an_update(watch, drive, amounts, second):
    optimizers = probes(["first", "second"])
    scheduler = ps.Scheduler(optimizers, PLAN, drive=drive)
    found = []
    for name, seconds in (("first", 0.5), ("second", 2.0), ("first", 1.0), ("second", 1.0)):
        step_for(optimizers[name], watch, seconds)
        found.append(scheduler.amount)

    assert found == amounts
    assert used(optimizers["second"]) == [0.2 * (1 - amount / 100) for amount in second]


@pytest.mark.parametrize("what", ["optimizer", "scheduler"])
def test_the_time_between_two_runs_does_not_count(watch, what):
    optimizer, scheduler = built()
    step_for(optimizer, watch, 2.0)
    saved = copy.deepcopy({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()})
    watch.now += 50
    again, other = built()
    watch.now += 60
    {"optimizer": again, "scheduler": other}[what].load_state_dict(saved[what])
    step_for(again, watch, 0.5)

    assert (other.t, other.amount) == (2, 2.5)


def test_reported_seconds_replace_the_measured_ones_for_one_update(watch):
    optimizer, scheduler = built()
    scheduler.consumed(seconds=7)
    step_for(optimizer, watch, 1.0)
    step_for(optimizer, watch, 0.5)

    assert scheduler.amount == 7.5


def test_a_constant_in_the_calendar_replaces_the_measured_seconds(watch):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, seconds_per_step=0.5)
    step_for(optimizer, watch, 9.0)
    step_for(optimizer, watch, 9.0)

    assert scheduler.amount == 1.0


def test_seek_restarts_the_measurement(watch):
    optimizer, scheduler = built()
    watch.now += 30
    scheduler.seek(10, seconds=5.25)
    step_for(optimizer, watch, 0.5)

    assert (scheduler.t, scheduler.amount) == (11, 5.75)


def test_seconds_are_measured_with_the_machine_clock_by_default():
    optimizer, scheduler = built()
    for _ in range(3):
        optimizer.step()

    assert isinstance(scheduler.amount, float)
    assert 0 <= scheduler.amount < 60


def test_a_manual_step_is_measured(watch):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, drive="manual")
    watch.now += 0.5
    scheduler.step()
    watch.now += 1.5
    scheduler.step()

    assert (scheduler.t, scheduler.amount) == (2, 2.0)
