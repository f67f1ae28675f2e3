"""A worker under torchrun: runs that are saved and killed, then resumed by another number of processes.

Arguments: `first` or `again`, folder. Each rank writes the amount, lr and weight decay of each update to a file.
"""

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer

import paramsched as ps
from paramsched.core.run.processes import COMPARED_EVERY
from support.updates import probe

BATCH, SAVED_AT = 4, 320
"""Samples of a process in each update, and the amount at which the first run is saved."""

PLANS = {
    unit: ps.Plan(
        lr=f'warmup("64 {unit}") >> cosine(to=0.1)', weight_decay="linear(1, 0.5)", clock=unit, horizon=f"640 {unit}"
    )
    for unit in ("samples", "tokens")
}
CASES = [(kind, unit) for kind in ("ddp", "fsdp2", "zero") for unit in PLANS]


def distributed(kind: str) -> tuple[Any, Any]:
    """Return a model and its optimizer."""
    torch.manual_seed(0)
    model: Any = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Linear(8, 8))
    if kind == "fsdp2":
        fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    else:
        model = torch.nn.parallel.DistributedDataParallel(model)
    if kind == "zero":
        return model, ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=0.1, weight_decay=0.01)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.01)


def save(kind: str, model: Any, optimizer: Any, path: Path) -> None:
    if kind == "fsdp2":
        dcp.save({"optimizer": get_optimizer_state_dict(model, optimizer)}, checkpoint_id=path)
        return
    if kind == "zero":
        optimizer.consolidate_state_dict(to=0)
    if dist.get_rank() == 0:
        torch.save(optimizer.state_dict(), path)


def load(kind: str, model: Any, optimizer: Any, path: Path) -> None:
    if kind == "fsdp2":
        state = {"optimizer": get_optimizer_state_dict(model, optimizer)}
        dcp.load(state, checkpoint_id=path)
        set_optimizer_state_dict(model, optimizer, state["optimizer"])
    else:
        optimizer.load_state_dict(torch.load(path))


def train(kind: str, unit: str, folder: Path, resumes: bool) -> list[list[float]]:
    """Train to the checkpoint, or from it to the end; return the amount before each update and its values."""
    model, optimizer = distributed(kind)
    facts = {"batch_size": BATCH * dist.get_world_size()} if unit == "samples" else {}
    scheduler = ps.Scheduler(optimizer, PLANS[unit], **facts)
    path, seen = folder / f"{kind} {unit}", []
    if resumes:
        load(kind, model, optimizer, path)
    inner = optimizer.optim if kind == "zero" else optimizer
    while scheduler.amount < (640 if resumes else SAVED_AT):
        if unit == "tokens":
            tokens = torch.tensor(BATCH + (scheduler.t + dist.get_rank()) % 3)  # of this process
            dist.all_reduce(tokens)
            scheduler.consumed(tokens=tokens)
        model(torch.ones(BATCH, 2)).sum().backward()
        before = scheduler.amount
        hook = inner.register_step_pre_hook(
            lambda one, *_, before=before: seen.append([before, *map(one.param_groups[0].get, ("lr", "weight_decay"))])
        )
        optimizer.step()
        hook.remove()
        optimizer.zero_grad()
    if not resumes:
        save(kind, model, optimizer, path)
    return seen


def metrics(*, reduced: bool) -> int:
    """Observe a loss of each rank, or its mean over all ranks; return the number of logged warnings."""
    messages: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = messages.append  # type: ignore[method-assign]
    logging.getLogger("paramsched").addHandler(handler)
    scheduler = ps.Scheduler(probe(), ps.Plan(lr='constant() * plateau("loss", patience=1)', horizon=100))
    for t in range(2 * COMPARED_EVERY):  # a rank that is ahead of the first one has compared its states by then
        loss = torch.tensor(float(dist.get_rank() + t % 3))
        if reduced:
            dist.all_reduce(loss)
        scheduler.optimizer.step()
        scheduler.observe(loss=float(loss))
        dist.barrier()
    logging.getLogger("paramsched").removeHandler(handler)
    return len([one for one in messages if "Pass the same metric" in one.getMessage()])


def main() -> None:
    run, folder = sys.argv[1], Path(sys.argv[2])
    dist.init_process_group("gloo")
    messages: list[logging.LogRecord] = []
    logging.getLogger("paramsched").addHandler(handler := logging.Handler())
    handler.emit = messages.append  # type: ignore[method-assign]
    found: dict[str, Any] = {f"{kind} {unit}": train(kind, unit, folder, run == "again") for kind, unit in CASES}
    found["messages"] = [one.getMessage() for one in messages]
    logging.getLogger("paramsched").removeHandler(handler)
    found |= {"reduced": metrics(reduced=True), "unreduced": metrics(reduced=False)}
    (folder / f"{run} {dist.get_rank()}.json").write_text(json.dumps(found))
    dist.barrier()
    if run == "first":
        os.kill(os.getpid(), signal.SIGKILL)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
