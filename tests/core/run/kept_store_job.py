"""A process of a run whose store is kept over a restart. Arguments: port of the store, rank, size, attempt, folder.

In attempt 0 only rank 0 trains: the others have been killed before they had a Scheduler. In attempt 1 all ranks train,
also after a dry run of the same plan on one rank. Each rank writes what it used, or its error, to `<rank>.json`.
"""

import json
import logging
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist

import paramsched as ps
from paramsched.core.run import ranks as rank_messages
from paramsched.core.run.ranks import Ranks
from support.ranks import run_as_one_of_several
from support.updates import probe, used

UPDATES = 24
PLANS = {
    "updates": ps.Plan(lr="linear()", horizon=100),
    "tokens": ps.Plan(lr="linear()", clock="tokens", horizon="1000 tokens"),
    "progress": ps.Plan(lr="linear()", clock="progress"),
}
CLOCKS = tuple(PLANS)
DRY_RUNS = [(None, 0), (0, 0), (0, 1), (0, 12), (1, 0)]
"""The rank of a dry run, and its updates."""


def scheduler_of(clock: str, folder: Path) -> ps.Scheduler:
    return ps.Scheduler(probe(), PLANS[clock])


def update(scheduler: ps.Scheduler, clock: str, size: int) -> None:
    if clock == "tokens":
        scheduler.consumed(tokens=10 * size)
    elif clock == "progress":
        scheduler.report(progress=scheduler.t / 100)
    time.sleep(0.002)
    scheduler.optimizer.step()


def train(clock: str, folder: Path, dry: tuple[int | None, int], rank: int, size: int) -> dict[str, Any]:
    if rank == dry[0]:
        look = scheduler_of(clock, folder)
        for _ in range(dry[1]):
            update(look, clock, 1)
    scheduler = scheduler_of(clock, folder)
    for t in range(UPDATES):
        if clock == "watch" and rank == 0 and t == 10:
            (folder / "plan.yaml").write_text(f"lr: constant(0.{DRY_RUNS.index(dry) + 1})\n")
        dist.all_reduce(torch.ones(1))
        update(scheduler, clock, size)
    return {"used": used(scheduler.optimizer), "history": scheduler.history}


def main(port: int, rank: int, size: int, attempt: int, folder: Path) -> None:
    store = dist.TCPStore("127.0.0.1", port, None, is_master=False, timeout=timedelta(seconds=60))
    rank_messages.PATIENCE = timedelta(seconds=5)  # type: ignore[misc]
    if attempt == 0:
        ranks = Ranks(rank, dist.PrefixStore("default_pg", store), f"paramsched/{size}/")
        run_as_one_of_several(SimpleNamespace(setattr=setattr), ranks, size)
        for clock in CLOCKS:
            before = scheduler_of(clock, folder)
            for _ in range(20):
                update(before, clock, 1)
        os._exit(1)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    warnings: list[logging.LogRecord] = []
    logging.getLogger("paramsched").addHandler(handler := logging.Handler(logging.WARNING))
    handler.emit = warnings.append  # type: ignore[method-assign]
    found: dict[str, Any] = {}
    for clock in CLOCKS:
        for dry in DRY_RUNS:
            found[f"{clock} {dry[0]} {dry[1]}"] = train(clock, folder, dry, rank, size)
            dist.barrier()
    found["warnings"] = [one.getMessage() for one in warnings]
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    os._exit(0)  # gloo may print an error if another rank closed its connection first


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), Path(sys.argv[5]))
