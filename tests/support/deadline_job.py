"""Processes that train together until a deadline. Arguments: folder; then rank, number of ranks, address of the store.

Under torchrun the last three come from the environment. Each rank writes what it used to `<rank>.json`.
"""

import copy
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

import paramsched as ps
from paramsched.core.runs import rank_messages
from support.updates import probe, used

PLAN = ps.Plan(
    lr='linear(0.5, 1, over="1 s") >> linear(previous, 0)',  # lengths are whole seconds
    weight_decay="linear(1, 0)",
    clock="seconds",
)


def synchronize() -> None:
    """Wait for all ranks, as the sum of gradients does."""
    dist.all_reduce(torch.ones(1))


class Training:
    """A run that records the amount before each update, and the duration of each update."""

    def __init__(self, optimizers: Any, plan: ps.Plan = PLAN, **facts: Any) -> None:
        self.optimizers, begin = optimizers, time.monotonic()
        self.scheduler = ps.Scheduler(optimizers, plan, **facts)
        self.amounts: list[float] = []
        self.durations: list[float] = []
        self.since, self.ended = time.monotonic(), 0.0
        self.constructing = self.since - begin

    def update(self, pause: float) -> None:
        self.amounts.append(self.scheduler.amount)
        time.sleep(pause)
        synchronize()
        for optimizer in self.optimizers.values() if isinstance(self.optimizers, Mapping) else [self.optimizers]:
            optimizer.step()
        since, self.since, self.ended = self.since, time.monotonic(), time.time()
        self.durations.append(self.since - since)

    def until_the_end(self, pause: Callable[[int], float]) -> None:
        while not self.scheduler.should_stop:
            self.update(pause(self.scheduler.t))

    def result(self, **more: Any) -> dict[str, Any]:
        first = next(iter(self.optimizers.values())) if isinstance(self.optimizers, Mapping) else self.optimizers
        return {
            "t": self.scheduler.t,
            "amounts": self.amounts,
            "durations": self.durations,
            "constructing": self.constructing,
            "history": self.scheduler.history,
            "deadline": str(self.scheduler.calendar.deadline),
            "lr": used(first, "lr"),
            "weight_decay": used(first, "weight_decay"),
            "ended": self.ended,
        } | more


def one_slow(rank: int) -> dict[str, Any]:
    """One rank is slower than the other ranks, and another deadline in it has no effect."""
    training = Training(probe(), deadline="in 1.6 s" if rank == 0 else "in 900 s")
    training.until_the_end(lambda t: 0.003 + 0.004 * (rank == 1))
    return training.result()


def one_stalled(rank: int) -> dict[str, Any]:
    """One rank stalls twice."""
    training = Training(probe(), deadline="in 1.6 s", untimed_updates=3)
    training.until_the_end(lambda t: 0.4 if rank == dist.get_world_size() - 1 and t in (20, 70) else 0.002)
    return training.result()


def restarted(rank: int) -> dict[str, Any]:
    """A checkpoint is loaded before the same deadline, and later only that of the optimizer."""
    del rank
    ends = [str(datetime.now().astimezone() + timedelta(seconds=2))]
    dist.broadcast_object_list(ends)
    training = Training(probe(), deadline=ends[0])
    amounts, lr, decay = [], [], []
    for place in range(2):
        for _ in range(25):
            training.update(0.003)
        saved = copy.deepcopy((training.optimizers.state_dict(), training.scheduler.state_dict()))
        amounts += training.amounts
        lr += used(training.optimizers, "lr")
        decay += used(training.optimizers, "weight_decay")
        time.sleep(0.2)
        training = Training(probe(), deadline=ends[0])
        training.optimizers.load_state_dict(saved[0])
        if place == 0:
            training.scheduler.load_state_dict(saved[1])
    training.until_the_end(lambda t: 0.003)
    last = training.result()
    return last | {
        "amounts": amounts + last["amounts"],
        "lr": lr + last["lr"],
        "weight_decay": decay + last["weight_decay"],
    }


def without_deadline(rank: int) -> dict[str, Any]:
    """A plan on the clock of seconds, with a horizon of its own."""
    plan = ps.Plan(lr="linear(1, 0)", weight_decay="linear(1, 0)", clock="seconds", horizon="1 s")
    training = Training(probe(), plan)
    training.until_the_end(lambda t: 0.002 + 0.002 * rank)
    return training.result()


def several_optimizers(rank: int) -> dict[str, Any]:
    training = Training({"muon": probe(lr=0.3), "adamw": probe({}, {"lr": 0.02})}, deadline="in 1.5 s")
    training.until_the_end(lambda t: 0.002 + 0.002 * rank)
    return training.result(other=used(training.optimizers["adamw"], "lr", 1))


def refused(rank: int) -> dict[str, Any]:
    """Rank 0 refuses its deadlines, so every rank does."""
    errors = []
    for deadline in ("2020-01-01 08:00", "in 0.0005 s"):
        try:
            Training(probe(), deadline=deadline if rank == 0 else "in 1 h")
        except ps.InvalidArgument as error:
            errors.append(str(error))
        dist.barrier()
    return {"errors": errors}


def other_position(rank: int) -> dict[str, Any]:
    """Rank 1 loads a checkpoint of another update."""
    training = Training(probe(), deadline="in 1 h")
    for _ in range(6):
        training.update(0.0)
    states = [copy.deepcopy(training.optimizers.state_dict())]
    training.update(0.0)
    states.append(training.optimizers.state_dict())
    other, patience = Training(probe(), deadline="in 1 h"), rank_messages.PATIENCE
    rank_messages.PATIENCE = timedelta(seconds=0.4)  # type: ignore[misc]
    try:
        other.optimizers.load_state_dict(states[rank % 2])
    except ps.errors.StateError as error:
        return {"error": str(error)}
    finally:
        rank_messages.PATIENCE = patience  # type: ignore[misc]
    return {"error": None}


JOBS = (one_slow, one_stalled, restarted, without_deadline, several_optimizers, refused, other_position)


def main() -> None:
    folder = Path(sys.argv[1])
    if len(sys.argv) == 2:
        before = Training(probe(), ps.Plan(lr="linear(1, 0)", clock="seconds", horizon="1 h"))
        dist.init_process_group("gloo")
        rank = dist.get_rank()
    else:
        rank, size = int(sys.argv[2]), int(sys.argv[3])
        before = Training(probe(), ps.Plan(lr="linear(1, 0)", clock="seconds", horizon="1 h"))
        store = dist.TCPStore("127.0.0.1", int(sys.argv[4]), size, rank == 0, timeout=timedelta(seconds=60))
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    seen: dict[str, Any] = {}
    messages: list[logging.LogRecord] = []
    logging.getLogger("paramsched").addHandler(handler := logging.Handler(logging.WARNING))
    handler.emit = messages.append
    try:
        before.update(0.0)
    except ps.InvalidArgument as error:
        seen["group_appears_later"] = {"error": str(error), "t": before.scheduler.t}
    for job in JOBS:
        seen[job.__name__] = job(rank)
        dist.barrier()
    seen["warnings"] = [one.getMessage() for one in messages]
    training = Training(probe(), deadline="in 1 h", untimed_updates=0)
    dist.barrier()  # the updates below do not wait for the other ranks
    rank_messages.PATIENCE = timedelta(seconds=0.4)  # type: ignore[misc]
    try:
        for _ in range(10):
            if rank > 0 or training.scheduler.t < 3:
                training.scheduler.optimizer.step()  # rank 0 has ended, and the other ranks go on
    except ps.errors.StateError as error:
        seen["rank_0_ended"] = {"error": str(error)}
    (folder / f"{rank}.json").write_text(json.dumps(seen))
    dist.barrier()
    dist.destroy_process_group()
    os._exit(0)  # gloo may print an error if another rank closed its connection first


if __name__ == "__main__":
    main()
