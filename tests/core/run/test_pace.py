"""The pace of a job that must end in time: of one process, and of rank 0 for all, with drawn durations and stalls."""

import itertools
import math
from contextlib import contextmanager
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.run import pace
from paramsched.core.run.pace import LEAST_LEFT, OwnPace, PaceMessage, Rank0Pace, SharedPace, ends_before
from paramsched.errors import StateError

DURATIONS = st.one_of(st.floats(0.01, 10.0), st.sampled_from([0.0, 1 / 3, 0.1, 300.0]))  # 300 is a stall
SHARES = st.lists(st.floats(0.67, 1.0), min_size=1, max_size=20)


class Reader:
    """The messages of rank 0 in a list, as one rank reads them."""

    def __init__(self, sent):
        self.sent, self.read, self.ranks = sent, 0, SimpleNamespace(first=0)

    def send(self, message):
        self.sent.append(message)

    def receive(self):
        self.read += 1
        return self.sent[self.read - 1]  # an IndexError if the rank would wait for rank 0

    def settle(self):
        return False


class Ranks:
    """Some ranks that update together, and the clock of rank 0; the moment is `left` seconds after the start."""

    def __init__(self, count, left=None):
        self.now, self.n, self.sent = 7.0, 0, []
        ends_at = None if left is None else self.now + left
        self.paces = [None] * count
        for rank in range(count):
            messages = Reader(self.sent)
            with self.clock():
                self.paces[rank] = SharedPace(messages, Rank0Pace(messages, ends_at) if rank == 0 else None)

    @contextmanager
    def clock(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pace, "now", lambda: self.now)
            yield

    def update(self, duration):
        """Take one update; all ranks end it at the same time, rank 0 first."""
        self.now += duration
        self.n += 1
        with self.clock():
            for one in self.paces:
                one.count(self.n)

    @property
    def is_over(self):
        (stop,) = {one.stop for one in self.paces}  # the same update on all ranks
        return stop is not None and self.n >= stop


def test_messages_of_fast_updates_become_twice_as_long_each_time():
    ranks = Ranks(2)
    for _ in range(70):
        ranks.update(0.001)

    assert [message["count"] for message in ranks.sent] == [2, 4, 8, 16, 32, 64]


@given(st.lists(DURATIONS, min_size=1, max_size=200), st.sampled_from([None, 50.0, 1000.0]))
def test_all_ranks_have_the_same_messages(durations, left):
    ranks = Ranks(3, left)
    for duration in durations:
        ranks.update(duration)
        assert len({(one.message, one.stop) for one in ranks.paces}) == 1
    for before, after in itertools.pairwise([asdict(pace.FIRST), *ranks.sent]):
        assert after["begin"] == before["begin"] + before["count"]
        assert 1 <= after["count"] <= min(1024, 2 * before["count"])


@given(st.floats(0.01, 10.0), SHARES)
def test_without_slow_updates_the_last_one_ends_before_the_moment_and_begins_near_it(longest, shares):
    # The longest update is at most 1.5 times the shortest one, hence at most 1.5 times every median.
    ranks = Ranks(2, 150 * longest)
    end, durations, began = ranks.now + 150 * longest, itertools.cycle(shares), ranks.now
    while not ranks.is_over:
        began = ranks.now
        ranks.update(longest * next(durations))

    assert ranks.now <= end
    assert end - began <= 10 * longest


@given(st.floats(0.001, 5.0), SHARES, st.floats(20, 3000))
def test_a_message_lasts_at_least_eight_updates_or_a_second_also_near_the_end(longest, shares, left):
    ranks, durations = Ranks(2, left * longest), itertools.cycle(shares)
    while not ranks.is_over:
        ranks.update(longest * next(durations))

    for message in ranks.sent[3:]:
        assert message["count"] >= 8 or message["count"] * longest >= 1
    assert len(ranks.sent) <= 4 + ranks.n / min(8, math.ceil(1 / longest))


@given(st.floats(0.01, 10.0), SHARES)
def test_one_process_ends_before_the_moment_and_begins_no_update_after_it(longest, shares):
    now, durations, n = 3.0, itertools.cycle(shares), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "now", lambda: now)
        own, began = OwnPace(3.0 + 50 * longest), now
        while own.stop is None:
            began, n = now, n + 1
            now += longest * next(durations)
            own.count(n)

    assert own.stop == n
    assert now <= 3.0 + 50 * longest
    assert 3.0 + 50 * longest - began <= 3 * longest


@given(st.integers(0, 3000), st.integers(0, 50), st.integers(1, 1024))
def test_ranks_look_ten_times_a_second_and_at_slow_updates(n, begin, count):
    seconds = (n + 0.37) / 10_000 if n else 0.0
    message, looks = PaceMessage(begin, count, seconds), [begin]
    every = max([1, *(k for k in range(1, 101) if seconds and k * seconds <= 0.1)])
    while looks[-1] < message.end:
        looks.append(message.next_look(looks[-1]))

    assert looks == [*range(begin, message.end, every), message.end]
    assert [message.next_look(t) for t in range(begin, message.end) if t not in looks] == [None] * (
        count - len(looks) + 1
    )


def test_at_a_limit_there_is_still_time():
    assert not ends_before(LEAST_LEFT, [])
    assert ends_before(LEAST_LEFT / 2, [])


def test_a_message_about_other_updates_than_the_next_ones_is_an_error():
    shared = SharedPace(Reader([asdict(PaceMessage(5, 2))]), None)
    shared.count(3)
    with pytest.raises(StateError, match="rank 0 announces the pace from update 5 on, expected 4"):
        shared.count(4)
