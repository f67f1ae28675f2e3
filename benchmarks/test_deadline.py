"""The cost of an update before a deadline: in one process, and in several, of which rank 0 measures the time."""

import itertools

import pytest
import torch
import torch.distributed as dist

import paramsched as ps
from paramsched.core.runs import rank_messages
from paramsched.core.runs.rank_messages import RankMessages
from support.ranks import RanksInTurn

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
    return steps_of(attached(plan, **facts), calls)


def attached(plan, **facts):
    return ps.Scheduler(Bare(), plan, **facts)


def steps_of(scheduler, calls):
    optimizer = scheduler.optimizer
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
    ranks = RanksInTurn(monkeypatch)
    scheduler = attached(UNTIL_DEADLINE, deadline="in 10 h")
    if rank:
        monkeypatch.setattr(rank_messages, "_KEPT", 20 * UPDATES)
        sender = scheduler._run.in_force.horizon.start.messages
        for begin in range(4, 20 * UPDATES, count):
            sender.send(MESSAGE | {"begin": begin, "count": count, "amount": 0.2 * begin})
        ranks.run_as(1)
        scheduler = attached(UNTIL_DEADLINE, deadline="in 10 h")
    best = least({"plain": plain, "shared": steps_of(scheduler, UPDATES)}, calls=UPDATES)

    what = f"step() of rank {rank}, with messages of {count} updates"
    report(what, best["shared"], best["plain"], target=1.5 if count > 32 else 2.0)


def test_a_message(report, least, monkeypatch):
    store = dist.HashStore()
    ranks = RanksInTurn(monkeypatch, store)
    sender = RankMessages(ranks.run_as(0), "a message")
    reader = RankMessages(ranks.run_as(1), "a message")

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
