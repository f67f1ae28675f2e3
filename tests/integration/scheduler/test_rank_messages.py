"""Messages of rank 0 through a store: in order, exact, and a clear error if rank 0 sends none."""

from datetime import timedelta

import pytest
import torch.distributed as dist

from paramsched.errors import StateError
from paramsched.scheduler import _messages
from paramsched.scheduler._messages import RankMessages


@pytest.fixture
def opened(monkeypatch):
    """Return a function that opens messages as a rank, in a store that all ranks share."""
    store = dist.HashStore()
    store.set_timeout(timedelta(milliseconds=50))
    monkeypatch.setattr(_messages, "default_store", lambda: store)

    def open_as(rank, topic="seconds"):
        monkeypatch.setattr(dist, "get_rank", lambda: rank)
        return RankMessages(topic)

    return open_as


def test_each_rank_reads_the_messages_in_order_and_bit_for_bit(opened):
    sender, *readers = [opened(rank) for rank in range(3)]
    sent = [[0.1 + 0.2, None], {"amount": 1e-310, "text": 'a "b"\n'}, 2**60]
    for message in sent:
        sender.send(message)

    assert [one.is_sender for one in (sender, *readers)] == [True, False, False]
    assert [[one.receive() for _ in sent] for one in readers] == [sent, sent]


def test_the_second_object_of_a_rank_reads_the_messages_of_the_second_object_of_rank_0(opened):
    first, second, other = opened(0), opened(0), opened(0, "another topic")
    for number, sender in enumerate((first, second, other)):
        sender.send(number)

    assert [opened(1).receive(), opened(1).receive(), opened(1, "another topic").receive()] == [0, 1, 2]


def test_a_message_that_rank_0_never_sends_is_an_error_that_names_it(opened):
    sender, reader = opened(0), opened(1)
    sender.send("first")
    reader.receive()

    with pytest.raises(StateError, match="rank 1 waits for message 1 of rank 0 about seconds"):
        reader.receive()
