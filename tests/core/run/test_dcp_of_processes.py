"""Sharded runs that resume with another number of processes from torch's distributed checkpoint."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import paramsched as ps
from core.run import jobs
from core.run.dcp import in_two, model_and_optimizer, parts_of, through_a_file, train
from support.ports import free_port

# ---------------------------------------------------------------------- in each process

LR = ps.Plan(lr=ps.cosine(), total=20)
BOTH = ps.Plan(lr=ps.cosine(), weight_decay=ps.linear(1.0, 0.5), total=20)
TOKENS = ps.Plan(lr=ps.linear(), clock="tokens", total="4000 tokens")
CASES: dict[str, tuple[list[ps.Plan], ps.Plan, list[str]]] = {
    "a field more": ([LR], BOTH, []),
    "a field less, flattened": ([BOTH], LR, ["flat"]),
    "another clock": ([LR], TOKENS, ["async"]),
    "reported tokens": ([TOKENS], TOKENS, ["flat"]),
    "back to updates": ([TOKENS], BOTH, ["full"]),
    "a history": ([LR, BOTH], BOTH, ["scheduler"]),
    "a history of tokens": ([LR, TOKENS], TOKENS, ["scheduler", "flat"]),
    "two optimizers": ([LR, BOTH], BOTH, ["two", "scheduler"]),
    "two optimizers, tokens": ([TOKENS], TOKENS, ["two", "flat"]),
}
"""The active plans before the checkpoint, the plan of the resumed run, and the options of the checkpoint."""


def attached(optimizer: Any, plan: ps.Plan) -> ps.Scheduler:
    return ps.Scheduler(optimizer, plan, tokens_per_step=100)


def run(model: Any, optimizer: Any, scheduler: ps.Scheduler, updates: int) -> list[Any]:
    def report() -> None:
        if scheduler.plan == TOKENS:
            scheduler.consumed(tokens=60 + 9 * scheduler.t)

    return train(model, optimizer, updates, before=report)


def begin(name: str, model: Any, optimizer: Any) -> ps.Scheduler:
    """Run the part before the checkpoint. The tokens of the next micro-batch are already reported then."""
    for plan in CASES[name][0]:
        scheduler = attached(optimizer, plan)
        run(model, optimizer, scheduler, 4)
    if plan == TOKENS:
        scheduler.consumed(tokens=37)
    return scheduler


def resume(model: Any, optimizer: Any, scheduler: ps.Scheduler) -> Any:
    """Run the part after the checkpoint. Return its result with the types of JSON."""
    used = run(model, optimizer, scheduler, 6)
    return json.loads(json.dumps([used, scheduler.t, scheduler.amount, scheduler.history]))


def sharded(world: int, how: list[str]) -> tuple[Any, Any]:
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.Linear(8, 8))
    fully_shard(model, mesh=init_device_mesh("cpu", (world,)))
    groups = [{"params": list(layer.parameters()), "lr": 0.1 / (1 + index)} for index, layer in enumerate(model)]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    return model, in_two(optimizer) if "two" in how else optimizer


def state_of(model: Any, optimizer: Any, scheduler: ps.Scheduler, how: list[str]) -> tuple[dict[str, Any], Any]:
    options = StateDictOptions(
        flatten_optimizer_state_dict="flat" in how, full_state_dict="full" in how, broadcast_from_rank0="full" in how
    )
    state: dict[str, Any] = {"optimizer": get_optimizer_state_dict(model, parts_of(optimizer), options=options)}
    if "scheduler" in how:
        state["scheduler"] = scheduler.state_dict()
    return state, options


def save(name: str, world: int, folder: Path) -> None:
    how = CASES[name][2]
    model, optimizer = sharded(world, how)
    scheduler = begin(name, model, optimizer)
    state, _ = state_of(model, optimizer, scheduler, how)
    if "full" in how:  # because rank 0 has the full state
        if dist.get_rank() == 0:
            torch.save(state, folder / f"{name}.pt")
    elif "async" in how:
        dcp.async_save(state, checkpoint_id=folder / name, process_group=dist.new_group()).result()
    else:
        dcp.save(state, checkpoint_id=folder / name)


def load(name: str, world: int, folder: Path) -> Any:
    _, plan, how = CASES[name]
    model, optimizer = sharded(world, how)
    scheduler = attached(optimizer, plan)
    state, options = state_of(model, optimizer, scheduler, how)
    if "full" in how:
        state = torch.load(folder / f"{name}.pt") if dist.get_rank() == 0 else {"optimizer": {}}
    else:
        dcp.load(state, checkpoint_id=folder / name)
    set_optimizer_state_dict(model, parts_of(optimizer), state["optimizer"], options=options)
    if "scheduler" in how:
        scheduler.load_state_dict(state["scheduler"])
    return resume(model, optimizer, scheduler)


def main() -> None:
    what = sys.argv[1]
    address = sys.argv[2]
    rank = int(sys.argv[3])
    world = int(sys.argv[4])
    folder = Path(sys.argv[5])
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=world)
    if what == "save":
        for name in CASES:
            save(name, world, folder)
    else:
        actual = {name: load(name, world, folder) for name in CASES}
        (folder / f"{rank}.json").write_text(json.dumps(actual))
    dist.destroy_process_group()


# ---------------------------------------------------------------------- the test

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]


def run_processes(what, count, folder):
    address = f"tcp://127.0.0.1:{free_port()}"
    jobs.run("test_dcp_of_processes", [(what, address, rank, count, folder) for rank in range(count)])


@pytest.fixture(
    scope="module",
    params=[(2, 1), *(pytest.param(worlds, marks=pytest.mark.long) for worlds in [(4, 2), (2, 4)])],
    ids=["2 to 1", "4 to 2", "2 to 4"],
)
def results(request, tmp_path_factory):
    """Return the values that each process used after the load."""
    before, after = request.param
    folder = tmp_path_factory.mktemp("checkpoints")
    run_processes("save", before, folder)
    run_processes("load", after, folder)
    return jobs.results(folder, after)


@pytest.mark.parametrize("name", CASES)
def test_a_sharded_run_resumes_as_from_torch_save(name, results):
    _, plan, how = CASES[name]

    def new():
        model, optimizer = model_and_optimizer(2)
        return model, in_two(optimizer) if "two" in how else optimizer

    model, optimizer = new()
    scheduler = begin(name, model, optimizer)
    saved = through_a_file([[single.state_dict() for single in parts_of(optimizer)], scheduler.state_dict()])
    model, optimizer = new()
    scheduler = attached(optimizer, plan)
    for single, state in zip(parts_of(optimizer), saved[0], strict=True):
        single.load_state_dict(state)
    if "scheduler" in how:
        scheduler.load_state_dict(saved[1])

    expected = resume(model, optimizer, scheduler)

    assert [answers[name] for answers in results] == [expected] * len(results)


if __name__ == "__main__":
    main()
