"""What each of two processes runs that say amounts: address of the group, rank, file for what it saw."""

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

import paramsched as ps
from support.updates import probe, used

PLAN = ps.Plan(lr=ps.warmup("1000 tokens") >> ps.linear(1.0, 0.0), clock="tokens", horizon="90000 tokens")
UPDATES = 150


def local_tokens(rank: int, t: int) -> int:
    """Batches of uneven lengths."""
    return 100 + 37 * ((3 * t + 5 * rank) % 11)


def summed(tokens: int) -> int:
    number = torch.tensor(tokens)
    dist.all_reduce(number)
    return int(number)


def agreeing(rank: int) -> dict[str, Any]:
    """Every update in two parts, some skipped by both, with a checkpoint loaded on the way."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    for t in range(UPDATES):
        scheduler.consumed(tokens=summed(local_tokens(rank, t)))
        scheduler.consumed(tokens=1)
        if t % 50 == 13:  # as a scaler tells a fused optimizer
            optimizer.found_inf = torch.ones(1)
            optimizer.step()
            del optimizer.found_inf
            scheduler.consumed(tokens=3)
        optimizer.step()
        if t == 69:
            saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
            for _ in range(10):  # lost: the run goes on from the checkpoint
                scheduler.consumed(tokens=5)
                optimizer.step()
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
            del optimizer.used[-10:]
    return {"t": scheduler.t, "amount": scheduler.amount, "used": used(optimizer)}


def refused_at(optimizer: Any, scheduler: ps.Scheduler, tokens: Callable[[int], int], updates: int) -> dict[str, Any]:
    """The update before which a process is refused, and why; what the optimizer holds is as it was."""
    for t in range(updates):
        scheduler.consumed(tokens=tokens(t))
        before = copy.deepcopy(scheduler.state_dict()), optimizer.param_groups[0]["lr"], len(optimizer.used)
        try:
            optimizer.step()
        except ps.InvalidArgument as error:
            after = scheduler.state_dict(), optimizer.param_groups[0]["lr"], len(optimizer.used)
            return {"t": t, "error": str(error), "unchanged": before == after}
    return {"t": updates, "error": None, "unchanged": True}


def saying_their_own(rank: int) -> dict[str, Any]:
    optimizer = probe()
    return refused_at(optimizer, ps.Scheduler(optimizer, PLAN), lambda t: local_tokens(rank, t), 10)


def saying_another_number_once(rank: int) -> dict[str, Any]:
    optimizer = probe()
    return refused_at(optimizer, ps.Scheduler(optimizer, PLAN), lambda t: 64 + (rank if t == 70 else 0), UPDATES)


def seconds(rank: int) -> dict[str, Any]:
    del rank
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.linear(1.0, 0.0, over="100 seconds"), clock="seconds"))
    try:
        optimizer.step()
    except ps.InvalidArgument as error:
        scheduler.consumed(seconds=2.5)
        optimizer.step()
        return {"error": str(error), "amount": scheduler.amount}
    return {"error": None, "amount": scheduler.amount}


def alone(rank: int) -> dict[str, Any]:
    """One process has a Scheduler, the other has none."""
    if rank:
        return {}
    optimizer = probe()
    return refused_at(optimizer, ps.Scheduler(optimizer, PLAN), lambda t: 64, UPDATES)


def dry_run(updates: int, parameters: int = 1) -> None:
    """A look at what a plan does, in the middle of a program of several processes."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1)) for _ in range(parameters)], lr=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    for _ in range(updates):
        scheduler.consumed(tokens=5)
        optimizer.step()


def one_more_before(rank: int, own: int = 0) -> dict[str, Any]:
    """Rank 0 has tried the plan; `own` is what each rank says of its own at an update."""
    if rank == 0:
        dry_run(100)
    dist.barrier()
    optimizer = probe()
    return refused_at(optimizer, ps.Scheduler(optimizer, PLAN), lambda t: 64 + own * rank, UPDATES)


def one_more_before_and_their_own(rank: int) -> dict[str, Any]:
    return one_more_before(rank, own=1)


def one_more_of_another_model(rank: int) -> dict[str, Any]:
    """Rank 1 tries the plan with a smaller model, whenever the other comes."""
    if rank == 1:
        dry_run(100, parameters=2)
    optimizer = probe()
    return refused_at(optimizer, ps.Scheduler(optimizer, PLAN), lambda t: 64, UPDATES)


def one_more_on_the_way(rank: int) -> dict[str, Any]:
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    first = refused_at(optimizer, scheduler, lambda t: 64, 10)
    dist.barrier()
    if rank == 0:
        dry_run(100)
    dist.barrier()
    return first if first["error"] else refused_at(optimizer, scheduler, lambda t: 64, UPDATES - 10)


JOBS = (
    agreeing,
    saying_their_own,
    saying_another_number_once,
    one_more_before,
    one_more_before_and_their_own,
    one_more_of_another_model,
    one_more_on_the_way,
    seconds,
    alone,
)


def main() -> None:
    address, rank, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    seen = {}
    for job in JOBS:
        seen[job.__name__] = job(rank)
        dist.barrier()
    file.write_text(json.dumps(seen))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
