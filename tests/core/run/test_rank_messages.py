"""Messages of the first rank: in order, matched with the starts of the other ranks, and what a lost store raises."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramsched.core.run import ranks as rank_messages
from paramsched.core.run.ranks import RankMessages
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
