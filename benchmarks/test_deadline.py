"""The cost of an update before a deadline: in one process, and in several, of which rank 0 measures the time."""

import itertools

import pytest
import torch
import torch.distributed as dist

import paramsched as ps
from paramsched.runs import consumption, deadline, rank_messages
from paramsched.runs.rank_messages import RankMessages

UPDATES = 4096
LR = ps.warmup("2 min") >> ps.constant() >> ps.linear(ps.previous, 0, over="10 min")
MEASURED = ps.Plan(lr=LR, clock="seconds", horizon="10 h")
UNTIL_DEADLINE = ps.Plan(lr=LR, clock="seconds")
BY_UPDATES = ps.Plan(lr=ps.warmup(1000) >> ps.cosine(to=0.1), horizon=10**7)

MESSAGE = {"begin": 4, "count": 32, "amount": 0.2, "rate": 0.2, "horizon": 36_000, "stop": None}


class Bare(torch.optim.Optimizer):
    """A step with hooks and no arithmetic."""

    def __init__(self):
        super().__init__([torch.zeros(1)], {"lr": 0.1, "weight_decay": 0.01})

    def step(self, closure=None):
        pass


def steps(plan, calls, **facts):
    """Return a loop of updates, after enough of them for the longest messages."""
    optimizer = Bare()
    ps.Scheduler(optimizer, plan, **facts)
    for _ in itertools.repeat(None, UPDATES):
        optimizer.step()

    def loop():
        for _ in itertools.repeat(None, calls):
            optimizer.step()

    return loop


def test_a_deadline_of_one_process(report, least):
    calls = UPDATES // 4
    loops = {"measured": steps(MEASURED, calls), "deadline": steps(UNTIL_DEADLINE, calls, deadline="in 10 h")}
    best = least(loops, calls=calls)

    report("step() before a deadline, one process", best["deadline"], best["measured"], target=1.1)


@pytest.mark.parametrize(("rank", "count"), [(0, 1024), (1, 1024), (1, 32)])
def test_a_deadline_of_several_processes(report, least, monkeypatch, rank, count):
    """Each update of rank 0 sends its part of a message; the messages that rank 1 reads are sent before."""
    plain = steps(BY_UPDATES, UPDATES)
    store = dist.HashStore()
    monkeypatch.setattr(rank_messages, "default_store", lambda: store)
    for module in (deadline, consumption):
        monkeypatch.setattr(module, "several_processes", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    if rank:
        sender = RankMessages("the time of the run")
        sender.send([0, 0.0, 36_000.0, 1, "2099-01-01 00:00:00+00:00"])
        for begin in range(4, 20 * UPDATES, count):
            sender.send(MESSAGE | {"begin": begin, "count": count, "amount": 0.2 * begin})
        monkeypatch.setattr(dist, "get_rank", lambda: 1)
    best = least({"plain": plain, "shared": steps(UNTIL_DEADLINE, UPDATES, deadline="in 10 h")}, calls=UPDATES)

    what = f"step() of rank {rank}, with messages of {count} updates"
    report(what, best["shared"], best["plain"], target=1.5 if count > 32 else 2.0)


def test_a_message(report, least, monkeypatch):
    store = dist.HashStore()
    monkeypatch.setattr(rank_messages, "default_store", lambda: store)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    sender = RankMessages("a message")
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    reader = RankMessages("a message")

    def send_and_receive():
        for _ in itertools.repeat(None, UPDATES):
            sender.send(MESSAGE)
            reader.receive()

    def set_and_get():
        for _ in itertools.repeat(None, UPDATES):
            store.set("key", "value")
            store.get("key")

    best = least({"message": send_and_receive, "store": set_and_get}, calls=UPDATES)
    report("sending and reading a message, vs set and get", best["message"], best["store"], target=20.0)
