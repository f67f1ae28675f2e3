"""Ranks whose seconds are measured, one after another in this process: all use the time of rank 0."""

import copy
from dataclasses import asdict
from types import SimpleNamespace

import pytest

import paramsched as ps
from paramsched.core.runs.seconds import Rank0Clock, SharedTime, TimeMessage, first_message
from paramsched.errors import InvalidArgument, StateError
from support.fake_time import FakeTime
from support.ranks import RanksInTurn
from support.updates import probe, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0, over="100 seconds"), clock="seconds")


class Ranks:
    """Schedulers of some ranks, and a clock that all of them read."""

    def __init__(self, patch, number, plan, **facts):
        self.number, self.plan, self.facts = number, plan, facts
        self.turns, self.time = RanksInTurn(patch), FakeTime(patch)
        self.all = [self.built(rank) for rank in range(number)]

    def built(self, rank):
        self.turns.run_as(rank)
        optimizer = probe()
        return optimizer, ps.Scheduler(optimizer, self.plan, **self.facts)

    def train(self, durations, reports=()):
        for t, duration in enumerate(durations):
            self.time.pass_(duration)
            for rank, (optimizer, scheduler) in enumerate(self.all):
                self.turns.run_as(rank)
                if t in reports:
                    scheduler.consumed(seconds=reports[t])
                optimizer.step()

    def resume(self):
        """Resume every rank from its own checkpoint, on a new store, as after a restart."""
        saved = [copy.deepcopy((one.state_dict(), scheduler.state_dict())) for one, scheduler in self.all]
        self.turns = RanksInTurn(self.turns.patch)
        self.all = [self.built(rank) for rank in range(self.number)]
        for rank, ((optimizer, scheduler), (groups, state)) in enumerate(zip(self.all, saved, strict=True)):
            self.turns.run_as(rank)
            optimizer.load_state_dict(groups)
            scheduler.load_state_dict(state)

    @property
    def amounts(self):
        return [scheduler.amount for _, scheduler in self.all]


@pytest.mark.parametrize("number", [2, 3])
def test_all_ranks_use_the_same_measured_and_reported_seconds(monkeypatch, number):
    ranks, amounts = Ranks(monkeypatch, number, PLAN), []
    for part in range(4):
        ranks.train([0.25, 0.5, 0.25, 0.5, 0.25], {3: 2.5} if part == 2 else {})
        assert len(set(ranks.amounts)) == 1
        amounts.append(ranks.amounts[0])
    ranks.resume()
    assert set(ranks.amounts) == {amounts[-1]}
    ranks.train([0.5] * 20)

    assert len(set(ranks.amounts)) == 1
    assert ranks.amounts[0] == pytest.approx(amounts[-1] + 20 * 0.5, abs=1.5)
    assert amounts[3] == pytest.approx(20 * 0.35 + 2.0, abs=1.5)
    values = [used(optimizer) for optimizer, _ in ranks.all]
    assert all(one == values[0] for one in values)
    assert values[0] == sorted(values[0], reverse=True)


def test_ranks_end_at_the_horizon_although_the_last_updates_are_slower(monkeypatch):
    plan = ps.Plan(lr=ps.linear(1.0, 0.0), clock="seconds", horizon="20 seconds")
    ranks = Ranks(monkeypatch, 2, plan)
    start = ranks.time.monotonic
    while not ranks.all[0][1].should_stop:
        elapsed = ranks.time.monotonic - start
        assert elapsed < 30
        ranks.train([0.25 if elapsed < 15 else 0.5])
        assert len(set(ranks.amounts)) == 1

    assert ranks.time.monotonic - start == pytest.approx(20, abs=1.5)


def test_seconds_that_are_measured_before_the_process_group_exists_are_refused(monkeypatch):
    optimizer = probe()
    ps.Scheduler(optimizer, PLAN)
    Ranks(monkeypatch, 0, PLAN)

    with pytest.raises(InvalidArgument, match="update 0: the Scheduler was constructed before the process group"):
        optimizer.step()


def test_a_message_about_other_updates_than_the_next_ones_is_an_error():
    first = TimeMessage(0, 4, 0.0)
    messages = SimpleNamespace(
        receive=lambda: asdict(TimeMessage(5, 2, 1.0)), ranks=SimpleNamespace(first=0), settle=lambda: None
    )
    time = SharedTime(messages, first, None, messages.settle)

    assert time.amounts_from(3, 0.0, 10).tolist() == [0.0]
    with pytest.raises(StateError, match="rank 0 announces the time from update 5 on, expected 4"):
        time.amounts_from(4, 0.0, 10)


@pytest.mark.parametrize(("until", "shortest", "longest"), [(100.0, 4, 10), (None, 500, 1024)])
def test_the_messages_of_rank_0_become_short_near_the_horizon(until, shortest, longest):
    """A message lasts for 1/128 of the seconds that are left, or for 10 seconds without a horizon."""
    now, sent = [0.0], []
    first = first_message(0, 92.0, 0, None)
    clock = Rank0Clock(SimpleNamespace(send=sent.append), first, None, until, lambda: now[0], float)

    for t in range(1, 3000 if until is None else 300):
        now[0] += 0.01
        if t >= clock.due:
            clock.read(t)

    assert shortest <= sent[-1]["count"] <= longest
