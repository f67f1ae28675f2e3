"""The jobs of two processes that report amounts. Arguments: address of the group, rank, result file."""

import copy
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

import paramsched as ps
from support.updates import probe, used


def plan(tokens: int) -> ps.Plan:
    return ps.Plan(lr=ps.warmup("1000 tokens") >> ps.linear(1.0, 0.0), clock="tokens", horizon=f"{tokens} tokens")


PLAN = plan(90000)
UPDATES = 150
PATIENCE = 0.2  # seconds that a difference lasts before it stops a run; 20 in a real one
PATIENCE_OF_DIFFERENT = 0.05
LONG = {"updates": 300, "pause": 0.001}  # for longer than a difference lasts where it stays


def local_tokens(rank: int, t: int) -> int:
    """Return a number of tokens that varies by rank and update."""
    return 100 + 37 * ((3 * t + 5 * rank) % 11)


def summed(tokens: int) -> int:
    number = torch.tensor(tokens)
    dist.all_reduce(number)
    return int(number)


def same_sums(rank: int) -> dict[str, Any]:
    """Report each update in two parts; both processes skip some updates and load a checkpoint during the run."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    for t in range(UPDATES):
        scheduler.consumed(tokens=summed(local_tokens(rank, t)))
        scheduler.consumed(tokens=1)
        if t % 50 == 13:  # as a scaler marks a step that a fused optimizer must skip
            optimizer.found_inf = torch.ones(1)
            optimizer.step()
            del optimizer.found_inf
            scheduler.consumed(tokens=3)
        optimizer.step()
        if t == 69:
            saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
            for _ in range(10):  # lost: the run continues from the checkpoint
                scheduler.consumed(tokens=5)
                optimizer.step()
            optimizer.load_state_dict(saved[0])
            scheduler.load_state_dict(saved[1])
            del optimizer.used[-10:]
    return {"t": scheduler.t, "amount": scheduler.amount, "used": used(optimizer)}


def first_error(
    optimizer: Any, scheduler: ps.Scheduler, tokens: Callable[[int], int], updates: int, pause: float = 0.0
) -> dict[str, Any]:
    """Return the update that raises an error, its message, and whether the optimizer is unchanged."""
    for t in range(updates):
        time.sleep(pause)
        scheduler.consumed(tokens=tokens(t))
        before = copy.deepcopy(scheduler.state_dict()), optimizer.param_groups[0]["lr"], len(optimizer.used)
        try:
            optimizer.step()
        except ps.errors.InvalidArgument as error:
            after = scheduler.state_dict(), optimizer.param_groups[0]["lr"], len(optimizer.used)
            return {"t": t, "error": str(error), "unchanged": before == after}
    return {"t": updates, "error": None, "unchanged": True}


PROGRESS = ps.Plan(lr=ps.linear(1.0, 0.0), clock="progress")


def first_error_of_progress(
    rank: int, places: Callable[[int, int], float | None], updates: int = UPDATES, pause: float = 0.0
) -> dict[str, Any]:
    """Return the update that raises an error, and its message; `places` gives the report of a rank at an update."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PROGRESS)
    for t in range(updates):
        time.sleep(pause)
        place = places(rank, t)
        if place is not None:
            scheduler.report(progress=place)
        try:
            optimizer.step()
        except ps.errors.InvalidArgument as error:
            return {"t": scheduler.t, "error": str(error), "updates": len(optimizer.used)}
    return {"t": scheduler.t, "error": None, "used": used(optimizer)}


HOLD = ps.Plan(lr='constant() * hold("kl", at=6.0, gain=0.1)', horizon=UPDATES)


def held(kl: Callable[[int], float]) -> dict[str, Any]:
    """Observe a metric at each update; return what the run used, and the warnings."""
    optimizer, warnings = probe(), []
    handler = logging.Handler(logging.WARNING)
    handler.emit = warnings.append  # type: ignore[method-assign]
    logging.getLogger("paramsched").addHandler(handler)
    scheduler = ps.Scheduler(optimizer, HOLD)
    for t in range(UPDATES):
        scheduler.observe(kl=kl(t))
        optimizer.step()
    logging.getLogger("paramsched").removeHandler(handler)
    differences = [one.getMessage() for one in warnings if "the values of rank" in one.getMessage()]
    return {"used": used(optimizer), "warnings": differences}


def local_kl(rank: int, t: int) -> float:
    return 6.0 + (rank + 0.5) * ((7 * t) % 5 - 1.5)


def mean_of_ranks(value: float) -> float:
    number = torch.tensor(value, dtype=torch.float64)
    dist.all_reduce(number)
    return float(number) / 2


def dry_run(updates: int, parameters: int = 1) -> None:
    """Try a plan in one of several processes."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1)) for _ in range(parameters)], lr=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    for _ in range(updates):
        scheduler.consumed(tokens=5)
        optimizer.step()


def dry_run_before(rank: int, own: int = 0) -> dict[str, Any]:
    """Rank 0 tries the plan first. At each update the reported amounts of the ranks differ by `own`."""
    if rank == 0:
        dry_run(100)
    dist.barrier()
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    dist.barrier()  # the ranks do not wait for each other below, and a difference must not last while one constructs
    more = LONG if own else {"updates": UPDATES}
    return first_error(optimizer, scheduler, lambda t: 64 + own * rank, **more)


def dry_run_while_the_other_rank_trains(rank: int, own: int = 0) -> dict[str, Any]:
    """Rank 0 tries the plan after rank 1 has made its first updates; later, the amounts differ by `own`."""
    optimizer = probe()
    if rank == 1:
        scheduler = ps.Scheduler(optimizer, PLAN)
        first = first_error(optimizer, scheduler, lambda t: 64, 2)
        dist.barrier()
    else:
        dist.barrier()
        dry_run(20)
        scheduler = ps.Scheduler(optimizer, PLAN)
        first = first_error(optimizer, scheduler, lambda t: 64, 2)
    dist.barrier()
    more = LONG if own else {"updates": UPDATES}
    return first if first["error"] else first_error(optimizer, scheduler, lambda t: 64 + own * rank, **more)


def dry_run_during_the_run(rank: int) -> dict[str, Any]:
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    first = first_error(optimizer, scheduler, lambda t: 64, 10)
    dist.barrier()
    if rank == 0:
        dry_run(100)
    dist.barrier()
    return first if first["error"] else first_error(optimizer, scheduler, lambda t: 64, UPDATES - 10)


def reported(tokens: Callable[[int], int], *, only: int | None = None, rank: int = 0, **more: Any) -> dict[str, Any]:
    """Train and report tokens; with `only`, in one of the processes."""
    if only is not None and rank != only:
        return {}
    optimizer = probe()
    return first_error(optimizer, ps.Scheduler(optimizer, PLAN), tokens, **(more or {"updates": UPDATES}))


def dry_run_of_another_model(rank: int) -> dict[str, Any]:
    """Rank 1 tries the plan with a smaller model first, without a barrier."""
    if rank == 1:
        dry_run(100, parameters=2)
    return reported(lambda t: 64)


EQUAL: dict[str, Callable[[int], dict[str, Any]]] = {
    "same_sums": same_sums,
    "dry_run_before": dry_run_before,
    "dry_run_of_another_model": dry_run_of_another_model,
    "dry_run_while_the_other_rank_trains": dry_run_while_the_other_rank_trains,
    "dry_run_during_the_run": dry_run_during_the_run,
    "same_progress": lambda rank: first_error_of_progress(rank, lambda _, t: t // 10 / 20 if t % 10 == 0 else None),
    "hold_of_the_mean": lambda rank: held(lambda t: mean_of_ranks(local_kl(rank, t))),
    "hold_of_local_metrics": lambda rank: held(lambda t: local_kl(rank, t)),
    "alone": lambda rank: reported(lambda t: 64, only=0, rank=rank),
}
DIFFERENT: dict[str, Callable[[int], dict[str, Any]]] = {
    "local_amounts": lambda rank: reported(lambda t: local_tokens(rank, t), **LONG),
    "one_different_amount": lambda rank: reported(lambda t: 64 + (rank if t == 70 else 0), **LONG),
    "dry_run_before_local_amounts": lambda rank: dry_run_before(rank, own=1),
    "dry_run_while_the_other_rank_trains_then_local_amounts": (
        lambda rank: dry_run_while_the_other_rank_trains(rank, own=1)
    ),
    "other_progress": lambda rank: first_error_of_progress(rank, lambda rank, t: (1 + rank) / 10, **LONG),
    # Rank 1 reports a different progress once, long before the next comparison, and nothing after it.
    "other_progress_in_between": lambda rank: first_error_of_progress(
        rank, lambda rank, t: 0.1 if t == 0 else 0.2 if t == 5 and rank else None, **LONG
    ),
}
"""The jobs in which a difference stays."""


def main() -> None:
    global PLAN
    address, rank, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    # How long a process waits before it logs a difference: 1 s in a real run.
    seen = {}
    for k, (name, job) in enumerate(EQUAL.items()):
        PLAN = plan(90000 + k)  # Schedulers of one job are not compared with those of another
        seen[name] = job(rank)
        dist.barrier()
    file.write_text(json.dumps(seen), encoding="utf-8")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
