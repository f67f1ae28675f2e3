"""Records of several processes in a store: which difference is reported, and when."""

import itertools
import random
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.distributed import DistNetworkError, HashStore

from paramsched.core.run import agreement as rank_agreement
from paramsched.core.run.agreement import RankRecords
from paramsched.core.run.ranks import note_end_of_store
from support.examples import examples

GROUPS = [{"params": [None]}]


@pytest.mark.parametrize("seconds", [1.0, 4.0, 7.0, 11.0, 19.0])
def test_the_first_difference_is_reported_however_long_a_comparison_takes(seconds, monkeypatch):
    store, readings = HashStore(), itertools.count(0.0, seconds)
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: next(readings))
    ranks = [SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in (0, 1)]
    first, second = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks)
    for place in range(4):
        assert first.differing(ranks[0], place, str(64 * (place + 1))) is None

    found = (second.differing(ranks[1], min(t, 3), str(65 * (min(t, 3) + 1))) for t in range(100))
    reported = next(one for one in found if one is not None)

    assert (reported.place, reported.mine, reported.theirs) == (0, "65", "64")


@examples(400)
@given(st.data())
def test_dry_runs_of_any_rank_in_any_order_hide_no_difference_of_the_runs(data):
    """Each rank makes dry runs before its own run. Later, one of the ranks may report other amounts."""
    size = data.draw(st.integers(2, 3), label="ranks")
    dry_runs = [data.draw(st.lists(st.integers(2, 9), max_size=2), label="their updates") for _ in range(size)]
    lost = data.draw(st.sampled_from([None, *range(size)]), label="the rank that differs")
    choices = random.Random(data.draw(st.integers(0, 2**32)))
    store, now, runs = HashStore(), [0.0], {}
    ranks = [
        SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in range(size)
    ]

    def updates(rank, tokens, first, count):
        records, amount = RankRecords("amounts/1", GROUPS, stops_run=True), 0
        for t in range(count):
            amount += tokens if t or first is None else first
            yield records.differing(ranks[rank], t, str(amount))
        if first is None:
            runs[rank] = records, amount

    def play(rank):
        for number, count in enumerate(dry_runs[rank]):
            yield from updates(rank, 3 + number, choices.choice([3 + number, 10]), count)
        yield from updates(rank, 10, None, 10)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank_agreement.time, "monotonic", lambda: now[0])
        plays = {rank: play(rank) for rank in range(size)}
        while plays:
            rank = choices.choice(sorted(plays))
            for _ in range(choices.choice([1, 2, 12])):
                assert next(plays[rank], None) is None
            if rank in runs:
                del plays[rank]
        found = []
        for t in range(10, 60):
            now[0] += 1
            for rank, (records, amount) in runs.items():
                if lost is None or t < 40:
                    runs[rank] = records, amount + 10 + (rank == lost)
                    found.append(records.differing(ranks[rank], t, str(runs[rank][1])))

    assert any(found) == (lost is not None)


@examples(400)
@given(st.data())
def test_runs_after_each_other_in_one_process_group_hide_no_difference(data):
    """In some runs a rank reports other amounts; a run may end before this is reported, and by the report."""
    size = data.draw(st.integers(2, 3), label="ranks")
    lost = data.draw(st.lists(st.sampled_from([None, *range(size)]), min_size=2, max_size=4), label="ranks that differ")
    choices = random.Random(data.draw(st.integers(0, 2**32)))
    store, now = HashStore(), [0.0]
    ranks = [
        SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in range(size)
    ]

    def reported(number, end):
        """Play a run, whose ranks are at most 3 updates apart; return whether a rank reports a difference."""
        records = [RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks]
        made = [0] * size
        while min(made) < end:
            rank = choices.choice([one for one in range(size) if made[one] <= min(made) + 3])
            tokens = 10 + (rank == lost[number])
            now[0] += 1 / size
            made[rank] += 1
            if records[rank].differing(ranks[rank], made[rank], str(tokens * made[rank])):
                return True
        return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank_agreement.time, "monotonic", lambda: now[0])
        for number, one in enumerate(lost):
            ends_early = choices.random() < 0.3
            found = reported(number, 10 if ends_early else 60)
            assert found == (one is not None and not ends_early), number


def test_a_run_after_one_that_differed_and_ended_early_is_compared_with_the_new_run_of_the_other_rank(monkeypatch):
    store, now = HashStore(), [0.0]
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: now[0])
    ranks = [SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in (0, 1)]

    def start():
        return [RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks]

    first, second = start(), start()
    for t in range(5):
        for rank, tokens in ((1, 10), (0, 11)):
            assert first[rank].differing(ranks[rank], t, str(tokens * (t + 1))) is None
    found = []
    for t in range(60):
        for rank, tokens in ((0, 10), (1, 14)):
            found.append(second[rank].differing(ranks[rank], t, str(tokens * (t + 1))))
        now[0] += 1

    assert any(found)


def test_a_store_that_has_ended_is_asked_once(caplog):
    class Ended:
        calls = 0

        def add(self, *_):
            self.calls += 1
            raise DistNetworkError("broken pipe")

    note_end_of_store.cache_clear()
    ranks = SimpleNamespace(store=Ended(), own=1, prefix="run", first=0, has_store=lambda: False)
    records = RankRecords("amounts/1", GROUPS, stops_run=True)

    assert [records.differing(ranks, t, "64") for t in range(3)] == [None] * 3
    assert not records.is_waiting
    assert (ranks.store.calls, len(caplog.messages)) == (1, 1)


def test_a_difference_from_a_dry_run_lasts_until_its_process_starts_another_scheduler(monkeypatch, caplog):
    store, now = HashStore(), [0.0]
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: now[0])
    ranks = [SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in (0, 1)]
    dry_run, run, same = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in range(3))

    assert dry_run.differing(ranks[0], 0, "3") is None
    for _ in range(2):
        assert run.differing(ranks[1], 0, "10") is None
        assert run.is_waiting
    now[0] = 19.0
    assert run.differing(ranks[1], 0, "10") is None
    assert same.differing(ranks[0], 0, "10") is None
    now[0] = 21.0
    assert same.differing(ranks[0], 1, "20") is None
    assert run.differing(ranks[1], 1, "20") is None
    assert (run.is_waiting, same.is_waiting) == (False, False)
    texts = [one.partition(". ")[0] for one in caplog.messages]
    since = "comparison 0: another Scheduler of rank 0 agrees with rank 1: the run goes on"
    assert texts[0] == "comparison 0: rank 1 has 10, but rank 0 has 3"
    assert texts[1:] == [since]
    assert "The run stops in 20 s, unless one of them is a dry run" in caplog.messages[0]


@pytest.mark.parametrize(("looks", "is_told"), [(1, True), (2, False)])
def test_a_difference_that_the_end_of_the_process_leaves_undecided_is_told_once(looks, is_told, caplog):
    store = HashStore()
    ranks = [SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in (0, 1)]
    first, second = (RankRecords("amounts/2", GROUPS, stops_run=True) for _ in range(2))
    rank_agreement._tell_at_the_end()  # what earlier tests left
    first.differing(ranks[0], 0, "3")
    for _ in range(looks):
        second.differing(ranks[1], 0, "10")
    caplog.clear()

    rank_agreement._tell_at_the_end()
    rank_agreement._tell_at_the_end()

    assert len(caplog.messages) == is_told


def test_a_place_that_the_first_process_has_not_reached_is_looked_at_again_a_few_times():
    store = HashStore()
    ranks = [SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in (0, 1)]
    first, second = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks)

    waits = []
    for _ in range(6):
        assert second.differing(ranks[1], 0, "10") is None
        waits.append(second.is_waiting)
    assert waits == [True] * 3 + [False] * 3
    first.differing(ranks[0], 0, "10")
    first.differing(ranks[0], 64, "70")
    assert second.differing(ranks[1], 64, "70") is None
    assert not second.is_waiting


class Counting:
    """A store that counts its operations."""

    def __init__(self):
        self.store, self.operations = HashStore(), 0

    def __getattr__(self, name):
        self.operations += 1
        return getattr(self.store, name)


def two_ranks(store):
    return [SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in (0, 1)]


def test_a_new_start_is_not_compared_with_the_one_of_the_first_process_that_agreed_before(monkeypatch):
    monkeypatch.setattr(rank_agreement, "_TIMEOUT", timedelta(0))
    ranks, (first, second) = two_ranks(HashStore()), [RankRecords("runs", GROUPS) for _ in range(2)]
    for place in range(3):
        first.differing(ranks[0], place, f"before {place}")
        assert second.differing(ranks[1], place, f"before {place}") is None

    first, second = (RankRecords("runs", GROUPS) for _ in range(2))
    assert second.differing(ranks[1], 0, "after 0") is None  # rank 0 is late
    first.differing(ranks[0], 0, "other 0")
    first.differing(ranks[0], 1, "after 1")
    found = second.differing(ranks[1], 1, "after 1")

    assert (found.place, found.mine, found.theirs) == (0, "after 0", "other 0")


def test_a_comparison_takes_one_operation_and_a_start_a_few():
    store, taken = Counting(), []
    ranks = two_ranks(store)
    for _ in range(30):
        first, second = (RankRecords("runs", GROUPS) for _ in range(2))
        for place in range(3):
            for rank, records in ((1, second), (0, first), (1, second)):
                before = store.operations
                assert records.differing(ranks[rank], place, str(place)) is None
                taken.append((rank, place, store.operations - before))

    assert [max(n for at, _, n in taken if at == rank) for rank in (0, 1)] == [3, 4]
    assert [n for *at, n in taken if at == [1, 2]].count(1) == 30  # after rank 0 has written


def test_a_record_that_agrees_does_not_prolong_the_wait_for_one_that_differs(monkeypatch):
    store, now = HashStore(), itertools.count(0.0, 1.0)
    monkeypatch.setattr(rank_agreement.time, "monotonic", lambda: next(now))
    ranks = [SimpleNamespace(store=store, own=own, prefix="run", first=0, has_store=lambda: True) for own in (0, 1)]
    first, second = (RankRecords("amounts/1", GROUPS, stops_run=True) for _ in ranks)
    for place in range(40):
        first.differing(ranks[0], place, "64")

    reported = [place for place in range(40) if second.differing(ranks[1], place, "65" if place == 3 else "64")]

    assert reported
    assert reported[0] == 3 + 20
