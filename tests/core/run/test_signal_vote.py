"""The vote of all ranks about the update after which a signal ends their job: any order, in one process."""

import random

import pytest
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.run.end import SignalVote
from paramsched.core.run.ranks import RankMessages, note_end_of_store
from support.ranks import RanksInTurn

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
