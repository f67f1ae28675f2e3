"""Runs under torchrun that are killed, and resumed by another number of processes on clocks of samples and tokens."""

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer

import paramsched as ps
from core.run import jobs
from paramsched.core.plan import counted_plan
from support.ports import free_port

# ---------------------------------------------------------------------- in each process

BATCH = 4
SAVED_AT = 320
"""Samples of a process in each update, and the amount at which the first run is saved."""

PLANS = {
    unit: ps.Plan(
        lr=f'warmup("64 {unit}") >> cosine(to=0.1)', weight_decay="linear(1, 0.5)", clock=unit, total=f"640 {unit}"
    )
    for unit in ("samples", "tokens")
}
CASES = [(strategy, unit) for strategy in ("ddp", "fsdp2", "zero") for unit in PLANS]


def distributed(strategy: str) -> tuple[Any, Any]:
    """Return a model and its optimizer."""
    torch.manual_seed(0)
    model: Any = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Linear(8, 8))
    if strategy == "fsdp2":
        fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    else:
        model = torch.nn.parallel.DistributedDataParallel(model)
    if strategy == "zero":
        return model, ZeroRedundancyOptimizer(model.parameters(), torch.optim.AdamW, lr=0.1, weight_decay=0.01)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.01)


def save(strategy: str, model: Any, optimizer: Any, path: Path) -> None:
    if strategy == "fsdp2":
        dcp.save({"optimizer": get_optimizer_state_dict(model, optimizer)}, checkpoint_id=path)
        return
    if strategy == "zero":
        optimizer.consolidate_state_dict(to=0)
    if dist.get_rank() == 0:
        torch.save(optimizer.state_dict(), path)


def load(strategy: str, model: Any, optimizer: Any, path: Path) -> None:
    if strategy == "fsdp2":
        state = {"optimizer": get_optimizer_state_dict(model, optimizer)}
        dcp.load(state, checkpoint_id=path)
        set_optimizer_state_dict(model, optimizer, state["optimizer"])
    else:
        optimizer.load_state_dict(torch.load(path))


def train(strategy: str, unit: str, folder: Path, resumes: bool) -> list[list[float]]:
    """Train to the checkpoint, or from it to the end; return the amount before each update and its values."""
    model, optimizer = distributed(strategy)
    facts = {"batch_size": BATCH * dist.get_world_size()} if unit == "samples" else {}
    scheduler = ps.Scheduler(optimizer, PLANS[unit], **facts)
    path = folder / f"{strategy} {unit}"
    seen = []
    if resumes:
        load(strategy, model, optimizer, path)
    inner = optimizer.optim if strategy == "zero" else optimizer
    while scheduler.amount < (640 if resumes else SAVED_AT):
        if unit == "tokens":
            tokens = torch.tensor(BATCH + (scheduler.t + dist.get_rank()) % 3)  # of this process
            dist.all_reduce(tokens)
            scheduler.consumed(tokens=tokens)
        model(torch.ones(BATCH, 2)).sum().backward()
        before = scheduler.amount
        hook = inner.register_step_pre_hook(
            lambda value, *_, before=before: seen.append(
                [before, *map(value.param_groups[0].get, ("lr", "weight_decay"))]
            )
        )
        optimizer.step()
        hook.remove()
        optimizer.zero_grad()
    if not resumes:
        save(strategy, model, optimizer, path)
    return seen


def main() -> None:
    run = sys.argv[1]
    folder = Path(sys.argv[2])
    dist.init_process_group("gloo")
    messages: list[logging.LogRecord] = []
    logging.getLogger("paramsched").addHandler(handler := logging.Handler())
    handler.emit = messages.append  # type: ignore[method-assign]
    actual: dict[str, Any] = {
        f"{strategy} {unit}": train(strategy, unit, folder, run == "again") for strategy, unit in CASES
    }
    actual["messages"] = [message.getMessage() for message in messages]
    logging.getLogger("paramsched").removeHandler(handler)
    (folder / f"{run} {dist.get_rank()}.json").write_text(json.dumps(actual))
    dist.barrier()
    if run == "first":
        os.kill(os.getpid(), signal.SIGKILL)
    dist.destroy_process_group()


# ---------------------------------------------------------------------- the test

pytestmark = [pytest.mark.heavy, pytest.mark.long]


def torchrun(run, count, folder):
    paths = os.pathsep.join([str(jobs.TESTS.parent / "src"), str(jobs.TESTS)])
    command = ["-m", "torch.distributed.run", f"--nproc-per-node={count}", "--master-addr=127.0.0.1"]
    command += [f"--master-port={free_port()}", "-m", "core.run.test_elastic", run, str(folder)]
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert "SIGKILL" in done.stderr if run == "first" else done.returncode == 0, done.stderr[-5000:]
    return [json.loads((folder / f"{run} {rank}.json").read_text()) for rank in range(count)]


@pytest.fixture(scope="module", params=[(4, 2), (2, 4)], ids=["4 to 2", "2 to 4"])
def ranks(request, tmp_path_factory):
    """Return the results of each rank before and after the kill, and the numbers of processes."""
    folder = tmp_path_factory.mktemp("elastic")
    before, after = request.param
    return torchrun("first", before, folder), torchrun("again", after, folder), (before, after)


@pytest.mark.parametrize(("strategy", "unit"), CASES)
def test_every_update_uses_the_value_of_its_amount(strategy, unit, ranks):
    first, again, worlds = ranks
    name = f"{strategy} {unit}"
    seen = np.array(first[0][name] + again[0][name])
    amounts = seen[:, 0]
    schedules = {binding.name: binding.schedule for binding in counted_plan(PLANS[unit].resolve()).bindings}
    lr = schedules["lr"](amounts, 0.1)
    decay = schedules["weight_decay"](amounts, 0.01)

    assert all(answers[name] == first[0][name] for answers in first)
    assert all(answers[name] == again[0][name] for answers in again)
    assert (seen[:, 1].tolist(), seen[:, 2].tolist()) == (lr.tolist(), decay.tolist())
    if unit == "samples":
        steps = [range(0, SAVED_AT, BATCH * worlds[0]), range(SAVED_AT, 640, BATCH * worlds[1])]
        assert amounts.tolist() == [amount for step in steps for amount in step]


def test_equal_ranks_log_nothing(ranks):
    first, again, _ = ranks
    assert [answers["messages"] for answers in (*first, *again)] == [[]] * 6


if __name__ == "__main__":
    main()
