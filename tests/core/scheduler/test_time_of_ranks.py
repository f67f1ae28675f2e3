"""Ranks whose seconds are measured, one after another in this process: all use the time of rank 0."""

import copy
import itertools
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import paramsched as ps
from paramsched.core.runs import rank_messages
from paramsched.core.runs.deadline import horizon_in_seconds
from paramsched.core.runs.seconds import Rank0Clock, SharedTime, TimeMessage, first_message
from paramsched.errors import InvalidArgument, StateError
from support.fake_time import FakeTime
from support.ranks import RanksInTurn
from support.updates import probe, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0, over="100 seconds"), clock="seconds")
OPEN = ps.Plan(lr=ps.linear(1.0, 0.0), clock="seconds")


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


@pytest.mark.parametrize("untimed", [None, 3])
def test_all_ranks_end_at_the_same_update_before_the_deadline(monkeypatch, untimed):
    ranks = Ranks(monkeypatch, 3, OPEN, deadline="in 20 s", untimed_updates=untimed)
    updates, start = 0, ranks.time.monotonic
    while not ranks.all[0][1].should_stop:
        ranks.train([0.5])
        updates += 1
        assert len({scheduler.should_stop for _, scheduler in ranks.all}) == 1
        assert len(set(ranks.amounts)) == 1
        assert updates < 100

    assert 20 - 3 * 0.5 * 1.5 < ranks.time.monotonic - start <= 20
    assert used(ranks.all[0][0]) == used(ranks.all[2][0])
    assert ranks.all[0][1].value("lr") < 0.01


SLOW_AND_FAST = st.lists(st.tuples(st.integers(1, 12), st.sampled_from([0.0, 0.125, 2.0])), min_size=1, max_size=4)


@given(st.lists(st.tuples(SLOW_AND_FAST, st.sampled_from([0.0, 0.5])), min_size=2, max_size=4))
def test_no_falling_schedule_rises_if_ranks_resume_before_the_same_deadline(runs):
    """Announced amounts are ahead of the time after slow updates, so a checkpoint may leave more than its horizon."""
    with pytest.MonkeyPatch.context() as patch:
        ranks = Ranks(patch, 2, OPEN, deadline="in 900 s")
        ranks.facts = {"deadline": str(ranks.all[0][1].calendar.deadline)}
        values, amounts = [], []
        for durations, gap in runs:
            for duration in [one for count, one in durations for _ in range(count)]:
                amounts.append(ranks.amounts[0])
                ranks.train([duration])
            values += used(ranks.all[0][0])
            assert used(ranks.all[0][0]) == used(ranks.all[1][0])
            ranks.time.pass_(gap)
            ranks.resume()

    assert all(before <= after for before, after in itertools.pairwise(amounts))
    assert all(before >= after for before, after in itertools.pairwise(values))


def test_a_dry_run_on_rank_0_alone_does_not_determine_the_deadline(monkeypatch):
    ranks = Ranks(monkeypatch, 2, OPEN, deadline="in 20 s", untimed_updates=1)  # that of rank 0 is the dry run
    ranks.facts |= {"deadline": "in 40 s", "untimed_updates": 3}
    ranks.all[0] = ranks.built(0)

    ranks.train([0.5] * 30)

    assert len(set(ranks.amounts)) == 1
    assert used(ranks.all[0][0]) == used(ranks.all[1][0])
    assert [scheduler.value("lr") for _, scheduler in ranks.all] == pytest.approx([0.1 * (1 - 13.5 / 40)] * 2, rel=0.1)
    assert not any(scheduler.should_stop for _, scheduler in ranks.all)


def test_ranks_without_a_deadline_end_at_the_horizon_although_the_last_updates_are_slower(monkeypatch):
    plan = ps.Plan(lr=ps.linear(1.0, 0.0), clock="seconds", horizon="20 seconds")
    ranks = Ranks(monkeypatch, 2, plan)
    start = ranks.time.monotonic
    while not ranks.all[0][1].should_stop:
        elapsed = ranks.time.monotonic - start
        assert elapsed < 30
        ranks.train([0.25 if elapsed < 15 else 0.5])
        assert len(set(ranks.amounts)) == 1

    assert ranks.time.monotonic - start == pytest.approx(20, abs=1.5)


@pytest.mark.parametrize(
    ("facts", "there"),
    [({}, None), ({"deadline": "in 40 s"}, "40 seconds after 1"), ({"untimed_updates": 2}, "20 seconds after 2")],
    ids=["same", "deadline", "untimed"],
)
def test_a_rank_that_trained_with_a_dry_run_of_rank_0_goes_on_only_if_the_run_has_the_same_time(
    monkeypatch, facts, there
):
    ranks = Ranks(monkeypatch, 2, OPEN, deadline="in 20 s", untimed_updates=1)  # that of rank 0 is the dry run
    optimizer = ranks.all[1][0]
    optimizer.step()
    ranks.facts |= facts
    ranks.all[0] = ranks.built(0)
    ranks.turns.run_as(1)

    if there is None:
        optimizer.step()
        ranks.turns.run_as(0)
        for _ in range(2):
            ranks.all[0][0].step()
        ranks.train([0.5] * 20)
        assert len(set(ranks.amounts)) == 1
    else:
        found = f"on rank 0 has a horizon of {there} untimed updates, instead of 20 seconds after 1 untimed updates"
        with pytest.raises(StateError, match=f"before update 2, the last Scheduler with this plan {found}: either"):
            optimizer.step()


def test_ranks_that_refused_a_deadline_start_again_together(monkeypatch):
    plan = ps.Plan(lr='warmup("40 s") >> linear()', clock="seconds")
    ranks = Ranks(monkeypatch, 0, plan, deadline="in 20 s")
    for rank in (0, 1):
        with pytest.raises(InvalidArgument, match="leaves a horizon of 20 seconds"):
            ranks.built(rank)
    ranks.facts["deadline"] = "in 100 s"

    def start_rank_0(seconds):
        ranks.all = [ranks.built(0)]
        ranks.turns.run_as(1)

    monkeypatch.setattr(rank_messages.time, "sleep", start_rank_0)
    second = ranks.built(1)
    ranks.all.append(second)

    assert [horizon_in_seconds(one._run.in_force) for _, one in ranks.all] == [100, 100]


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
