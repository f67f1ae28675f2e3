"""The measured time of a run: of one process, and of rank 0 for all, with drawn durations and stalls."""

import itertools
import math
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.runs.seconds import (
    LEAST_LEFT,
    OwnTime,
    Rank0Clock,
    RunStart,
    SharedTime,
    TimeMessage,
    ends_before,
    first_message,
    next_message,
)

DURATIONS = st.one_of(
    st.floats(0.01, 10.0),
    st.sampled_from([0.0, 1 / 3, 0.1, 300.0]),  # 300 is a stall
)


class Store:
    """Messages in a list, as each rank reads them from the store of the process group."""

    def __init__(self):
        self.sent = []

    def of(self, rank):
        return Reader(self, rank)


class Reader:
    def __init__(self, store, rank):
        self.store, self.is_sender, self.read = store, rank == 0, 0

    def send(self, message):
        self.store.sent.append(message)

    def receive(self):
        self.read += 1
        return self.store.sent[self.read - 1]  # an IndexError if the rank would wait for rank 0


class Ranks:
    """Several ranks that update together, and the clock of rank 0."""

    def __init__(self, count, *, amount=0.0, left=None, untimed=0, until=None, t=0, stages=0):
        self.now, self.t, store = 7.0, t, Store()
        self.start = None if left is None else RunStart(t, amount, left, untimed, self.now)
        first = first_message(t, amount, untimed, None if self.start is None else self.start.horizon)
        self.times = []
        for rank in range(count):
            messages = store.of(rank)
            clock = Rank0Clock(messages, first, self.start, until, lambda: self.now, lambda one: max(one, stages))
            self.times.append(SharedTime(messages, first, clock if rank == 0 else None, list))
        self.amounts = [[amount] for _ in self.times]
        self.ahead = [deque() for _ in self.times]  # the amounts that a rank computed in advance
        self.store, self.horizons = store, [first.horizon]

    def update(self, duration, most=4096):
        """Take one update; all ranks end it at the same time, rank 0 first."""
        self.now += duration
        self.t += 1
        for time, amounts, ahead in zip(self.times, self.amounts, self.ahead, strict=True):
            if not ahead:
                ahead.extend(time.amounts_from(self.t, amounts[-1], most).tolist())
            amounts.append(ahead.popleft())
        self.horizons.append(self.times[0].horizon)

    def report(self, duration, seconds):
        """Take one update whose seconds every rank reports; it replaces the amounts computed in advance."""
        self.now += duration
        self.t += 1
        for time, amounts, ahead in zip(self.times, self.amounts, self.ahead, strict=True):
            amounts.append(amounts[-1] + seconds)
            time.accept(self.t, amounts[-1])
            ahead.clear()

    @property
    def is_over(self):
        stops = {time.stop is not None and self.t >= time.stop for time in self.times}
        assert len(stops) == 1  # the same update on all ranks
        horizon = self.times[0].horizon
        return stops.pop() or (horizon is not None and self.amounts[0][-1] >= horizon)


@given(st.lists(DURATIONS, min_size=1, max_size=200), st.integers(0, 5), st.sampled_from([None, 50.0, 1000.0]))
def test_all_ranks_have_equal_amounts_that_never_go_back(durations, untimed, left):
    ranks = Ranks(3, amount=1.1, left=left, untimed=untimed)
    for index, duration in enumerate(durations):
        ranks.update(duration, most=1 + index % 7)

    assert ranks.amounts[0] == ranks.amounts[1] == ranks.amounts[2]
    assert all(before <= after for before, after in itertools.pairwise(ranks.amounts[0]))
    assert {time.horizon for time in ranks.times} == {ranks.horizons[-1]}
    horizons = [one for one in ranks.horizons if one is not None]
    assert all(before >= after for before, after in itertools.pairwise(horizons))


@given(st.lists(st.tuples(DURATIONS, st.none() | st.floats(0, 100)), min_size=1, max_size=100))
def test_reported_seconds_are_added_on_all_ranks_and_the_measurement_continues_from_them(updates):
    ranks, measured = Ranks(3), Ranks(3)
    for index, (duration, seconds) in enumerate(updates):
        measured.update(duration, most=1 + index % 7)
        if seconds is None:
            ranks.update(duration, most=1 + index % 7)
        else:
            ranks.report(duration, seconds)

    assert ranks.amounts[0] == ranks.amounts[1] == ranks.amounts[2]
    assert all(before <= after for before, after in itertools.pairwise(ranks.amounts[0]))
    for t, (_, seconds) in enumerate(updates):
        before, after = ranks.amounts[0][t : t + 2]
        lap = measured.amounts[0][t + 1] - measured.amounts[0][t]
        assert after - before == pytest.approx(lap if seconds is None else seconds, rel=1e-9, abs=1e-9)


@given(st.floats(0.01, 10.0), st.lists(st.floats(0.67, 1.0), min_size=1, max_size=20), st.integers(0, 3))
def test_without_slow_updates_the_last_one_ends_before_the_deadline_and_begins_near_it(longest, shares, untimed):
    # The longest update is at most 1.5 times the shortest one, hence at most 1.5 times every median.
    left = 150 * longest
    ranks = Ranks(2, left=left, untimed=untimed)
    end, durations, began = ranks.now + left, itertools.cycle(shares), ranks.now
    while not ranks.is_over:
        began = ranks.now
        ranks.update(longest * next(durations))

    assert ranks.now <= end
    assert end - began <= 10 * longest


@given(st.integers(1, 4), st.floats(0.05, 0.95), st.integers(5, 40), st.integers(5, 400))
def test_stages_that_do_not_fit_after_a_slow_start_end_at_the_deadline(untimed, share, amount, updates):
    left, stages = 100.0, amount + 90
    ranks = Ranks(2, amount=float(amount), left=left, untimed=untimed, stages=stages)
    end = ranks.now + left
    for _ in range(untimed):
        ranks.update(left * share / untimed)
    rest = end - ranks.now
    pace = max(1.0, 90 / rest)
    while not ranks.is_over:
        ranks.update(rest / updates)
        assert ranks.amounts[0] == ranks.amounts[1]

    assert ranks.horizons[-1] == max(stages, math.floor(amount + rest))
    assert end - 11 * rest / updates <= ranks.now <= end * (1 + 1e-12)
    assert ranks.amounts[0][-1] <= amount + pace * (ranks.now - 7.0 - left * share) + 3 * pace * rest / updates


@given(st.lists(DURATIONS, min_size=30, max_size=300))
def test_the_amount_is_the_real_time_when_the_durations_are_equal_again(durations):
    ranks = Ranks(2)
    for duration in [*durations, *[0.5] * 3000]:
        ranks.update(duration)

    assert ranks.amounts[0][-1] == pytest.approx(ranks.now - 7.0, rel=1e-9)


@given(st.floats(1.0, 300.0), st.floats(0.01, 1.0), st.integers(0, 3), st.integers(0, 2))
def test_one_slow_update_after_a_start_puts_the_amount_ahead_by_four_of_it_at_most(slow, usual, untimed, at):
    ranks = Ranks(2, left=1e5, untimed=untimed)
    for k in range(60):
        ranks.update(slow if k == untimed + at else usual)

        assert ranks.amounts[0][-1] <= ranks.now - 7.0 + 4 * slow


@given(st.lists(DURATIONS, min_size=5, max_size=100), st.integers(1, 1000))
def test_a_message_lasts_for_a_share_of_the_time_left(durations, left):
    ranks = Ranks(1, left=float(left))
    for duration in durations:
        ranks.update(duration)
    for before, after in itertools.pairwise([{"count": 4}, *ranks.store.sent]):
        assert 1 <= after["count"] <= min(1024, 2 * before["count"])


@given(st.floats(0.001, 5.0), st.lists(st.floats(0.67, 1.0), min_size=1, max_size=20), st.floats(20, 3000))
def test_a_message_lasts_at_least_eight_updates_or_a_second_also_near_the_end(longest, shares, left):
    ranks, durations = Ranks(2, left=left * longest), itertools.cycle(shares)
    while not ranks.is_over:
        ranks.update(longest * next(durations))

    for message in ranks.store.sent[3:]:
        assert message["count"] >= 8 or message["count"] * longest >= 1
    assert len(ranks.store.sent) <= 4 + ranks.t / min(8, math.ceil(1 / longest))


@pytest.mark.heavy
def test_without_stalls_no_rank_sends_more_than_a_thousand_messages_for_a_long_run():
    ranks = Ranks(2, left=86_400.0)
    while not ranks.is_over:
        ranks.update(0.25)

    assert ranks.t > 345_000
    assert len(ranks.store.sent) < 1500
    assert ranks.amounts[0][-1] == pytest.approx(ranks.now - 7.0 - 0.25, abs=1)


@given(st.floats(0.01, 10), st.floats(-100, 100), st.integers(1, 64), st.floats(0.001, 100))
def test_an_amount_ahead_of_the_real_time_meets_it_at_the_end_of_the_message(pace, ahead, count, rate):
    last = TimeMessage(10, count, 500.0, rate)
    now = last.amount_at(last.end) - ahead

    message = next_message(last, now, [pace], None, has_deadline=False)

    begin, real = last.amount_at(last.end), now + 2 * pace  # sent two updates before its first one
    assert message.amount == max(begin, real)
    assert message.amount_at(message.end) == pytest.approx(max(message.amount, real + message.count * pace))


def test_a_stall_jumps_forward_and_a_wrong_estimate_waits():
    ranks = Ranks(1)
    for _ in range(50):
        ranks.update(1.0)
    ranks.update(1000.0)
    for _ in range(200):
        ranks.update(1.0)
    behind = ranks.now - 7.0 - ranks.amounts[0][-1]
    for _ in range(60):
        ranks.update(0.1)  # ten times as fast as announced
    ahead = ranks.amounts[0][-1] - (ranks.now - 7.0)
    for _ in range(400):
        ranks.update(0.1)

    assert behind == pytest.approx(0, abs=1e-6)
    assert ahead > 0
    assert ranks.amounts[0][-1] == pytest.approx(ranks.now - 7.0, abs=1e-6)


@given(st.floats(0.01, 10.0), st.lists(st.floats(0.67, 1.0), min_size=1, max_size=20), st.integers(0, 3))
def test_one_process_ends_before_the_deadline_and_begins_no_update_after_it(longest, shares, untimed):
    now = 3.0
    start = RunStart(0, 0.0, 50 * longest, untimed, now)
    time = OwnTime(0, start, lambda: now, lambda horizon: True)
    amounts, began, durations, t = [0.0], now, itertools.cycle(shares), 0
    while time.stop is None:
        began, t = now, t + 1
        now += longest * next(durations)
        amounts.append(time.amounts_from(t, amounts[-1], 1).item())

    assert now <= 3.0 + 50 * longest
    assert 3.0 + 50 * longest - began <= 3 * longest
    assert amounts[: untimed + 1] == [0.0] * (untimed + 1)
    assert all(before <= after for before, after in itertools.pairwise(amounts))


def test_a_message_is_read_again_bit_for_bit():
    last = first_message(10, 0.1 + 0.2, 1, 3300)
    message = next_message(last, 0.7, [1 / 3], 100.0, has_deadline=True)

    assert (message.begin, message.horizon, message.stop) == (14, 3300, None)
    assert message.amounts_from(20, 3).tolist() == [message.amount_at(t) for t in (20, 21, 22)]


@given(st.integers(0, 3000), st.integers(0, 50), st.integers(1, 1024))
def test_ranks_look_ten_times_a_second_and_at_slow_updates(n, begin, count):
    pace = (n + 0.37) / 10_000 if n else 0.0
    message, looks = TimeMessage(begin, count, 0.0, pace=pace), [begin]
    every = max([1, *(k for k in range(1, 101) if pace and k * pace <= 0.1)])
    while looks[-1] < message.end:
        looks.append(message.next_look(looks[-1]))

    assert looks == [*range(begin, message.end, every), message.end]
    assert [message.next_look(t) for t in range(begin, message.end) if t not in looks] == [None] * (
        count - len(looks) + 1
    )


def test_at_a_limit_there_is_still_time():
    assert not RunStart(0, 0.0, LEAST_LEFT, 1).is_over
    assert RunStart(0, 0.0, LEAST_LEFT, 1).fixed_at(0.0, lambda _: 2.0) == (2.0, 2.0 / LEAST_LEFT)
    assert not ends_before(1, LEAST_LEFT, [])
    assert not ends_before(2, 3.0, [0.5, 1.0, 7.0])  # two updates that last 1.5 times their median
    assert ends_before(2, 2.99, [0.5, 1.0, 7.0])


def test_stages_that_are_shortened_are_logged_with_their_share(caplog):
    found = RunStart(0, 10.0, 100.0, 1).fixed_at(60.0, lambda one: max(one, 90.0))

    assert found == (90.0, 2.0)
    (message,) = [one.getMessage() for one in caplog.records]
    assert message == ("start-up took 60 s; the stages need 80 s and 40 s are left, so they are shortened to 50 %")


@pytest.mark.parametrize(("longest", "pace"), [(math.inf, 1.0), (60.0, 0.5), (200.0, 1.0)])
def test_more_time_than_the_horizon_of_the_checkpoint_is_shared(longest, pace):
    start = RunStart(0, 10.0, 101.0, 1, longest=longest)

    assert start.fixed_at(1.0, lambda one: one) == (110.0 if pace == 1.0 else 60.0, pace)
