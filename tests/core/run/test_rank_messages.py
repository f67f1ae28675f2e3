"""Messages of the first rank, and the vote of all ranks about the update after which a signal ends their job."""

import random
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.run import ranks as rank_messages
from paramsched.core.run.end import SignalVote
from paramsched.core.run.ranks import RankMessages, note_end_of_store
from paramsched.errors import StateError
from support.ranks import RanksInTurn


@pytest.fixture
def opened(monkeypatch):
    """Return a function that opens messages as a rank, in a store that all ranks share."""
    monkeypatch.setattr(rank_messages, "PATIENCE", timedelta(milliseconds=50))
    ranks = RanksInTurn(monkeypatch)
    return lambda rank, topic="seconds", key="": RankMessages(ranks.run_as(rank), topic, key)


def test_each_rank_reads_the_messages_in_order_and_bit_for_bit(opened):
    sender, *readers = [opened(rank) for rank in range(3)]
    sent = [[0.1 + 0.2, None], {"amount": 1e-310, "text": 'a "b"\n'}, 2**60]
    for message in sent:
        sender.send(message)

    assert [one.is_sender for one in (sender, *readers)] == [True, False, False]
    assert [[one.receive() for _ in sent] for one in readers] == [sent, sent]


@given(
    st.lists(st.sampled_from(["rank 0", "rank 1", "both"]), max_size=6),
    st.integers(1, 3),
    st.booleans(),
)
def test_starts_are_matched_from_the_end_whatever_one_rank_alone_started_before(before, count, rank_0_first):
    with pytest.MonkeyPatch.context() as patch:
        ranks = RanksInTurn(patch)
        for who in before:  # dry runs, and attempts that were killed
            for rank in (0, 1):
                if who in ("both", f"rank {rank}"):
                    RankMessages(ranks.run_as(rank), "seconds").send("an earlier start")
        order = [0] * count + [1] * count if rank_0_first else [0, 1] * count
        starts = {0: [], 1: []}
        for rank in order:
            starts[rank].append(RankMessages(ranks.run_as(rank), "seconds"))
        for number, sender in enumerate(starts[0]):
            sender.send(number)

        assert [one.receive() for one in starts[1]] == list(range(count))


def test_a_start_is_matched_again_until_it_is_settled(opened):
    dry_run, reader = opened(0), opened(1)
    dry_run.send("start of the dry run")
    assert reader.first() == "start of the dry run"
    sender = opened(0)
    sender.send("start")

    assert reader.settle()
    assert reader.first() == "start"
    assert not reader.settle()


def test_a_start_that_was_read_is_never_read_by_a_later_start_of_the_same_rank(opened):
    sender, reader = opened(0), opened(1)
    sender.send("first run")
    reader.receive()
    later = opened(1)
    with pytest.raises(StateError, match="rank 1 waits for message 0 of rank 0 about seconds, and it has not const"):
        later.receive()
    opened(0).send("second run")

    assert later.receive() == "second run"


def test_starts_with_another_topic_or_key_are_not_matched(opened):
    for place in (("seconds", "1"), ("seconds", "2"), ("another topic", "1")):
        opened(0, *place).send(place)

    assert opened(1, "seconds", "1").receive() == ["seconds", "1"]
    assert opened(1, "another topic", "1").receive() == ["another topic", "1"]


def test_a_rank_waits_until_rank_0_has_started(opened, monkeypatch):
    reader = opened(1)
    monkeypatch.setattr(rank_messages.time, "sleep", lambda seconds: opened(0).send("late"))

    assert reader.receive() == "late"


def test_a_message_that_rank_0_never_sends_is_an_error_that_names_it(opened):
    sender, reader = opened(0), opened(1)
    sender.send("first")
    reader.receive()

    with pytest.raises(StateError, match="rank 1 waits for message 1 of rank 0 about seconds"):
        reader.receive()


def test_a_store_that_has_ended_is_an_error_about_its_process(opened):
    sender = opened(0)

    def end(*_):
        raise RuntimeError("broken pipe")

    sender.ranks = replace(sender.ranks, store=SimpleNamespace(set=end))

    with pytest.raises(StateError, match="about seconds, and the process of the store of the process group has ended"):
        sender.send("first")


class FailingStore:
    """A store whose `wait` fails for another reason than a timeout."""

    def __init__(self, store):
        self.check = store.check

    def wait(self, keys, timeout):
        raise RuntimeError("broken")


def test_a_store_that_fails_although_it_has_the_message_raises_its_own_error(opened):
    sender, reader = opened(0), opened(1)
    sender.send("first")
    reader.settle()
    reader.ranks = replace(reader.ranks, store=FailingStore(reader.ranks.store))

    with pytest.raises(RuntimeError, match="broken"):
        reader.receive()


def test_the_store_keeps_a_limited_number_of_messages(opened, monkeypatch):
    monkeypatch.setattr(rank_messages, "_KEPT", 4)
    sender, reader = opened(0), opened(1)
    counts = set()
    for number in range(20):
        sender.send(number)
        assert reader.receive() == number
        counts.add(sender.ranks.store.num_keys())

    assert max(counts) <= 4 + 1 + 3  # and the first message, both counts, and what was read


LAST = 60  # updates without an end


class Job:
    """Ranks that train in any order. It is their store: a rank that waits lets the other ranks go on.

    Args:
        patch: pytest's monkeypatch.
        size: the number of ranks.
        every: the number of updates between two looks.
        signals: the number of the update of a rank during which it gets a signal.
        together: True if each update waits for all ranks, as in a collective operation.
        stopped: a rank that is stopped, and the number of its updates until then.
        seed: the seed of the order.
    """

    def __init__(self, patch, size, every, signals, *, together=False, stopped=(None, 0), seed=0):
        self.store, self.random = dist.HashStore(), random.Random(seed)
        self.every, self.signals, self.together, self.stopped = every, signals, together, stopped
        self.updates, self.found, self.waiting, self.timeouts = [0] * size, {}, set(), 0
        turns = RanksInTurn(patch, self)
        messages = [RankMessages(turns.run_as(rank), "the end of the job") for rank in range(size)]
        for one in messages:
            one.settle()
        self.votes = [SignalVote(one, size) for one in messages]

    def __getattr__(self, name):
        return getattr(self.store, name)

    def get(self, key):
        assert self.check([key])  # because the store waits for a key that is missing
        return self.store.get(key)

    def wait(self, keys, _timeout):
        while not self.check(keys):
            if not self.moves():
                self.timeouts += 1
                raise RuntimeError("timeout")

    def goes_on(self, rank):
        """Return whether a rank starts another update; it does not wait in the store, and has not ended."""
        t = self.updates[rank]
        return rank not in self.waiting and t < self.found.get(rank, (LAST, ""))[0] and self.stopped != (rank, t)

    def moves(self):
        """Let any rank complete an update; return False if none can."""
        ready = [
            rank
            for rank, t in enumerate(self.updates)
            if self.goes_on(rank)
            and (not self.together or all(n > t or (n == t and self.goes_on(k)) for k, n in enumerate(self.updates)))
        ]
        if ready:
            self.complete(self.random.choice(ready))
        return bool(ready)

    def complete(self, rank):
        self.updates[rank] = t = self.updates[rank] + 1
        own = f"signal of rank {rank}" if t >= self.signals.get(rank, LAST + 1) else None
        self.waiting.add(rank)
        found = self.votes[rank].result(t, None if t % self.every else t + self.every, own)
        self.waiting.remove(rank)
        if found is not None:
            assert rank not in self.found
            assert found[0] >= t  # an update that is made cannot be taken back
            self.found[rank] = found

    def run(self):
        while self.moves():
            continue
        return self


@given(st.data())
def test_all_ranks_end_after_the_same_update_and_none_waits_for_one_that_waits_for_it(data):
    size, every = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6))
    signals = data.draw(st.dictionaries(st.integers(0, size - 1), st.integers(1, 30)))
    together, seed = data.draw(st.booleans()), data.draw(st.integers(0, 2**32))
    with pytest.MonkeyPatch.context() as patch:
        job = Job(patch, size, every, signals, together=together, seed=seed).run()

    assert job.timeouts == 0
    if not signals:
        assert (job.found, job.updates) == ({}, [LAST] * size)
        return
    (end, name), *other = job.found.values()
    assert other == [(end, name)] * (size - 1)
    assert job.updates == [end] * size
    assert name in [f"signal of rank {rank}" for rank in signals]
    assert end % every == 0
    assert not together or end <= min(signals.values()) + 2 * every


@given(st.integers(0, 2), st.integers(0, 30), st.integers(1, 6), st.integers(0, 2**32))
def test_a_rank_that_is_stopped_does_not_keep_the_other_ranks_from_the_same_end(rank, updates, every, seed):
    with pytest.MonkeyPatch.context() as patch:
        job = Job(patch, 3, every, {(rank + 1) % 3: 20}, stopped=(rank, updates), seed=seed).run()
        end, same = (job.updates[other] for other in range(3) if other != rank)
        job.stopped = (None, 0)
        job.run()  # that rank goes on

    next_look = (updates // every + 1) * every
    assert end == same
    assert job.updates[rank] == (end if end > updates else next_look)
    assert job.timeouts <= 1


class Failing:
    """A store whose functions fail, except some."""

    def __init__(self, **functions):
        vars(self).update(functions)

    def __getattr__(self, name):
        def fail(*_):
            raise dist.DistNetworkError("broken pipe")

        return fail


def test_without_a_store_a_rank_ends_at_its_own_signal(monkeypatch, caplog):
    note_end_of_store.cache_clear()
    job = Job(monkeypatch, 2, 1, {0: 5})
    job.moves()
    job.store = Failing()
    job.run()

    assert job.found == {0: (5, "signal of rank 0")}
    assert job.updates == [5, LAST]
    assert [one.getMessage()[:37] for one in caplog.records] == ["the process of torch's store has ende"]


def test_a_store_that_fails_but_has_not_ended_raises_its_own_error(monkeypatch):
    job = Job(monkeypatch, 2, 1, {0: 1, 1: 1})
    job.store = Failing(check=job.store.check)
    with pytest.raises(dist.DistNetworkError):
        job.moves()
