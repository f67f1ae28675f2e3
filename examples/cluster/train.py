"""Train on handwritten digits on several processes. After a kill, continue on any number of processes.

torchrun --standalone --nproc-per-node 4 examples/cluster/train.py runs/cluster    train, or continue a killed run
torchrun --standalone --nproc-per-node 2 examples/cluster/train.py runs/cluster    continue on two processes

The plan counts samples, and the order of the data is a function of the samples seen. Neither depends on the number of
processes. Each process logs the values that its optimizer uses. At the end, the logs of all processes, also of the
killed ones, are compared with the plan.
"""

import json
import sys
from functools import cache
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.functional import cross_entropy

import paramsched as ps

sys.path.append(str(Path(__file__).parents[1] / "digits"))  # the data and the network of the other example
import digits
from model import adamw, network

BATCH = 32  # samples per process and update
SAMPLES = 3_000  # in the entire run
SAVE_EVERY = 10  # updates
PLAN = ps.Plan(
    lr='warmup("10%") >> cosine(to=0.01)',
    weight_decay='constant(over="50%") >> linear(1.0, 0.2)',
    clock="samples",
    total=f"{SAMPLES} samples",
)
FIELDS = ("lr", "weight_decay")


def main(folder: Path) -> None:
    """Train, and compare the used values with the planned ones."""
    dist.init_process_group("gloo")
    rank, processes = dist.get_rank(), dist.get_world_size()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data, test_images, test_labels = digits.load()
    model = network()
    fully_shard(model, mesh=init_device_mesh("cpu", (processes,)))
    optimizer = adamw(model)
    scheduler = ps.Scheduler(optimizer, PLAN, batch_size=BATCH * processes)  # before `load`, which needs its entries
    load(folder, model, optimizer)
    if rank == 0:
        print(f"{processes} processes, from sample {scheduler.amount} on", flush=True)

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"values-{rank}.jsonl").open("a", buffering=1, encoding="utf-8") as log:  # a kill loses no line
        while scheduler.amount < SAMPLES:
            mine = order(int(scheduler.amount), BATCH * processes, len(data.images))[rank::processes]
            cross_entropy(model(data.images[mine]), data.labels[mine]).backward()
            used = {group["name"]: [group[field] for field in FIELDS] for group in optimizer.param_groups}
            line = {"processes": processes, "sample": scheduler.amount, "used": used}
            log.write(json.dumps(line) + "\n")
            optimizer.step()  # the plan advances with the step: no scheduler.step()
            optimizer.zero_grad()
            if scheduler.t % SAVE_EVERY == 0:
                dcp.save(state_of(model, optimizer), checkpoint_id=folder / f"samples-{scheduler.amount:06}")

    model.eval()
    with torch.no_grad():
        correct = (model(test_images).argmax(dim=1) == test_labels).double().mean().item()
    dist.barrier()  # because the comparison reads the logs of all processes
    if rank == 0:
        print(f"accuracy {correct:.1%} on {len(test_labels)} held-out digits")
        compare(folder, optimizer)
    dist.destroy_process_group()


def order(seen: int, count: int, length: int) -> list[int]:
    """Return the indices of the next `count` samples of an endless order that shuffles each epoch anew."""
    places = [divmod(sample, length) for sample in range(seen, seen + count)]
    return [shuffled(epoch, length)[place] for epoch, place in places]


@cache
def shuffled(epoch: int, length: int) -> list[int]:
    """Return the order of the samples in an epoch."""
    return torch.randperm(length, generator=torch.Generator().manual_seed(epoch)).tolist()


def state_of(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict]:
    """Return the state to save, also the template of a load. The optimizer's part contains the position in the plan."""
    return dict(zip(("model", "optimizer"), get_state_dict(model, optimizer), strict=True))


def load(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Load the newest checkpoint, if there is one. The file `.metadata` is written last, so it marks a complete one."""
    newest = max(folder.glob("samples-*/.metadata"), default=None)
    if newest is not None:
        state = state_of(model, optimizer)
        dcp.load(state, checkpoint_id=newest.parent)
        set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])


def compare(folder: Path, optimizer: torch.optim.Optimizer) -> None:
    """Print for each rank at how many updates it used exactly the planned values."""
    planned = ps.trace(PLAN, optimizer, batch_size=1)  # one value per sample
    for file in sorted(folder.glob("values-*.jsonl")):
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        equal = sum(
            line["used"] == {name: [planned[field, name][line["sample"]] for field in FIELDS] for name in line["used"]}
            for line in lines
        )
        print(f"{file.stem.replace('values-', 'rank ')}: planned = used at {equal} of {len(lines)} updates")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
