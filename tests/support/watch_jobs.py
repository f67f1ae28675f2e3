"""A run of two processes with a watched plan file. Arguments: address of the group, rank, folder."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

import paramsched as ps
from support.updates import probe, used

FIRST = "horizon: 100\nlr: linear()\n"
SECOND = "horizon: 50\nlr: linear()\nnote: {who: ann}\n"
UPDATES = 40


def main(address: str, rank: int, folder: Path) -> None:
    """Train in step with the other process; rank 0 changes its plan file during the run, rank 1 has none."""
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    path = folder / str(rank) / "plan.yaml"
    if rank == 0:
        path.parent.mkdir()
        path.write_text(FIRST)
    optimizer = probe(lr=1.0)
    scheduler = ps.Scheduler(optimizer, path, watch="0.01 s")
    for t in range(UPDATES):
        if rank == 0 and t == 5:
            path.write_text(SECOND)
        dist.all_reduce(torch.ones(1))
        optimizer.step()
    result = {"used": used(optimizer), "history": scheduler.history}
    (folder / f"{rank}.json").write_text(json.dumps(result))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
