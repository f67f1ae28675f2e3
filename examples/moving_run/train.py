"""A run that may move: a plan in tokens with a growing batch, on any number of processes that changes at each start.

torchrun --standalone --nproc-per-node 4 examples/moving_run/train.py runs/moving    train, or continue a killed run
torchrun --standalone --nproc-per-node 3 examples/moving_run/train.py runs/moving    continue on three processes

Each batch is a multiple of 12 sequences, so 1, 2, 3, 4, 6 and 12 processes can share it. The batches continue where the
checkpoint was saved, so each sequence is used once, however often the run moves.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.functional import cross_entropy

import paramsched as ps

PLAN = """
clock: tokens
total: 48000 tokens
lr: warmup("10%") >> cosine(to=0.1)
weight_decay: linear(1, 0.5)
targets:
  batch_size: {initial: 12, schedule: 'stairs(1, 4, 3, over="75%")'}
"""
WORDS, LENGTH = 24, 16  # the words of the language, and the tokens of a sequence
SAVE_EVERY = 5  # updates


def main(folder: Path) -> None:
    """Train to the end of the plan."""
    dist.init_process_group("gloo")
    rank, processes = dist.get_rank(), dist.get_world_size()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = (torch.randint(WORDS, (4000, 1)) + torch.arange(LENGTH + 1)) % WORDS  # the words follow in one order
    model = torch.nn.Sequential(torch.nn.Embedding(WORDS, 24), torch.nn.Tanh(), torch.nn.Linear(24, WORDS))
    fully_shard(model, mesh=init_device_mesh("cpu", (processes,)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.02)
    scheduler = ps.Scheduler(optimizer, PLAN, sequence_length=LENGTH)  # before `load`, which needs its entries
    load(folder, model, optimizer)
    if rank == 0:
        print(f"{processes} processes, from token {scheduler.amount} on", flush=True)

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"updates-{rank}.jsonl").open("a", buffering=1, encoding="utf-8") as log:  # a kill loses no line
        for batch in batches(scheduler, len(data)):
            mine = batch[rank * len(batch) // processes : (rank + 1) * len(batch) // processes]
            words, following = data[mine, :-1].flatten(), data[mine, 1:].flatten()
            loss = cross_entropy(model(words), following)
            loss.backward()
            group = optimizer.param_groups[0]
            line = {"processes": processes, "token": scheduler.amount, "sequences": mine, "loss": loss.item()}
            log.write(json.dumps(line | {"lr": group["lr"], "weight_decay": group["weight_decay"]}) + "\n")
            optimizer.step()
            optimizer.zero_grad()
            if scheduler.t % SAVE_EVERY == 0 or scheduler.should_stop:
                dcp.save(state_of(model, optimizer), checkpoint_id=folder / f"tokens-{scheduler.amount:06}")
    if rank == 0:
        print(f"{processes} processes: the plan is over at token {scheduler.amount}")
    dist.destroy_process_group()


def batches(scheduler: ps.Scheduler, length: int) -> Iterator[list[int]]:
    """Yield the sequences of each update that the plan has left, in an order that no number of processes changes."""
    trace = ps.trace(scheduler.plan, scheduler.optimizer, facts=scheduler.facts)
    sizes = trace["batch_size"].round().astype(int).tolist()
    begin = sum(sizes[: scheduler.t])
    for size in sizes[scheduler.t :]:
        yield [index % length for index in range(begin, begin + size)]
        begin += size


def state_of(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict]:
    """Return the state to save, also the template of a load. The optimizer's part contains the position in the plan."""
    return dict(zip(("model", "optimizer"), get_state_dict(model, optimizer), strict=True))


def load(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Load the newest checkpoint, if there is one. The file `.metadata` is written last, so it marks a complete one."""
    newest = max(folder.glob("tokens-*/.metadata"), default=None)
    if newest is not None:
        state = state_of(model, optimizer)
        dcp.load(state, checkpoint_id=newest.parent)
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
