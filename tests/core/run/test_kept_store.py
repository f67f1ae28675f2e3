"""A store that outlives an attempt, and a Scheduler that only one rank has: all ranks use equal values."""

import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist

import paramsched as ps
from core.run import jobs
from paramsched.core.run import ranks as rank_messages
from paramsched.core.run.ranks import Ranks
from support.ports import free_port
from support.ranks import run_as_one_of_several
from support.spread import spread
from support.updates import probe, used

# ---------------------------------------------------------------------- in each process

UPDATES = 24
PLANS = {
    "updates": ps.Plan(lr="linear()", horizon=100),
    "tokens": ps.Plan(lr="linear()", clock="tokens", horizon="1000 tokens"),
    "progress": ps.Plan(lr="linear()", clock="progress"),
}
DRY_RUNS = [(None, 0), (0, 0), (0, 1), (0, 12), (1, 0)]
"""The rank of a dry run, and its updates."""


def update(scheduler: ps.Scheduler, clock: str, size: int) -> None:
    if clock == "tokens":
        scheduler.consumed(tokens=10 * size)
    elif clock == "progress":
        scheduler.report(progress=scheduler.t / 100)
    time.sleep(0.002)
    scheduler.optimizer.step()


def train(clock: str, dry: tuple[int | None, int], rank: int, size: int) -> dict[str, Any]:
    if rank == dry[0]:
        look = ps.Scheduler(probe(), PLANS[clock])
        for _ in range(dry[1]):
            update(look, clock, 1)
    scheduler = ps.Scheduler(probe(), PLANS[clock])
    for _ in range(UPDATES):
        dist.all_reduce(torch.ones(1))
        update(scheduler, clock, size)
    return {"used": used(scheduler.optimizer), "history": scheduler.history}


def main(port: int, rank: int, size: int, attempt: int, folder: Path) -> None:
    store = dist.TCPStore("127.0.0.1", port, None, is_master=False, timeout=timedelta(seconds=60))
    rank_messages.PATIENCE = timedelta(seconds=5)  # type: ignore[misc]
    if attempt == 0:
        ranks = Ranks(rank, dist.PrefixStore("default_pg", store), f"paramsched/{size}/")
        run_as_one_of_several(SimpleNamespace(setattr=setattr), ranks, size)
        for clock in PLANS:
            before = ps.Scheduler(probe(), PLANS[clock])
            for _ in range(20):
                update(before, clock, 1)
        os._exit(1)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=size)
    found: dict[str, Any] = {}
    for clock in PLANS:
        for dry in DRY_RUNS:
            found[f"{clock} {dry[0]} {dry[1]}"] = train(clock, dry, rank, size)
            dist.barrier()
    (folder / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    os._exit(0)  # gloo may print an error if another rank closed its connection first


# ---------------------------------------------------------------------- the test

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module", params=spread([2, 4], 2))
def seen(request, tmp_path_factory):
    """Return the results of each rank in the attempt after one in which only rank 0 had Schedulers."""
    folder, port, size = tmp_path_factory.mktemp("kept"), free_port(), request.param
    store = dist.TCPStore("127.0.0.1", port, None, is_master=True)

    killed = jobs.start("test_kept_store", port, 0, size, 0, folder)
    said = killed.communicate(timeout=100)[1]
    assert (killed.returncode, said) == (1, "")
    jobs.run("test_kept_store", [(port, rank, size, 1, folder) for rank in range(size)])
    del store
    return jobs.results(folder, size)


@pytest.mark.parametrize("clock", PLANS)
@pytest.mark.parametrize(("rank", "updates"), DRY_RUNS)
def test_all_ranks_use_equal_values(seen, clock, rank, updates):
    first, *other = [one[f"{clock} {rank} {updates}"] for one in seen]

    assert len(first["used"]) == UPDATES
    assert len(set(first["used"])) > 1
    assert all(one == first for one in other)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]), Path(sys.argv[5]))
