"""Four processes in two groups that train different plans. Arguments: address of the world, rank, result file."""

import json
import logging
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed as dist

import paramsched as ps
from support.updates import probe, used

PAIRS = ([0, 2], [1, 3])
PLANS = ("linear(1, 0)", "warmup(6) >> cosine(to=0.1)")


def trained(group: Any, plan: Any, updates: int, **options: Any) -> dict[str, Any]:
    """Train with a Scheduler of a group; the processes of the group update together."""
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan, process_group=group, **options)
    for _ in range(updates):
        if scheduler.should_stop:
            break
        dist.barrier(group)
        if scheduler.plan.clock == "tokens":
            scheduler.consumed(tokens=10 * (1 + PAIRS.index(dist.get_process_group_ranks(group))))
        if scheduler.plan.clock == "progress":
            scheduler.report(progress=scheduler.t / updates)
        time.sleep(0.004)
        optimizer.step()
    return {"t": scheduler.t, "amount": scheduler.amount, "used": used(optimizer)}


def jobs(group: Any, other_group: Any, place: int, rank: int, folder: Path) -> dict[str, Any]:
    """Train on each clock that the processes agree about; the two groups have different plans, or only one has it."""
    seen: dict[str, Any] = {}
    seen["updates"] = trained(group, ps.Plan(lr=PLANS[place], horizon=60), 60)
    for clock in ("tokens", "progress"):
        horizon = "1000 tokens" if clock == "tokens" else None
        seen[clock] = trained(group, ps.Plan(lr="linear(1, 0)", clock=clock, horizon=horizon), 40)
    if place == 1:  # the other group has no Scheduler on this clock
        seen["alone"] = trained(group, ps.Plan(lr="linear(1, 0)", horizon=40), 20, stop_before="in 1 h")
    errors = []
    for wrong in (other_group, "group", dist.group.WORLD):
        try:
            ps.Scheduler(probe(), ps.Plan(lr="constant(0.1)"), process_group=wrong)
        except ps.errors.InvalidArgument as error:
            errors.append(str(error))
    seen["errors"] = errors
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear(1, 0)", horizon=10), process_group=group)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 7.0
    optimizer.step()
    scheduler.detach()
    return seen


def main() -> None:
    address, rank, result = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=4, timeout=timedelta(seconds=60))
    groups = [dist.new_group(pair) for pair in PAIRS]
    place = rank % 2
    messages: list[tuple[str, str]] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append((record.levelname, record.getMessage()))  # type: ignore[method-assign]
    logging.getLogger("paramsched").addHandler(handler)
    logging.getLogger("paramsched").setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    logging.getLogger("py.warnings").addHandler(handler)
    seen = jobs(groups[place], groups[1 - place], place, rank, result.parent)
    result.write_text(json.dumps(seen | {"messages": messages}))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
