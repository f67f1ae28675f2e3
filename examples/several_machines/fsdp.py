"""Train with FSDP2 and `torch.distributed.checkpoint`, and continue on any number of processes.

torchrun --standalone --nproc-per-node 2 fsdp.py
"""

import os
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.fsdp import fully_shard

import paramsched as ps

BATCH = 8  # samples per process and update
SAMPLES = 8_000  # in the entire run

dist.init_process_group()
rank, processes = dist.get_rank(), dist.get_world_size()
if torch.cuda.is_available():
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.set_default_device("cuda")
torch.manual_seed(0)
inputs = torch.randn(1000, 4)
outputs = inputs.sum(dim=1, keepdim=True)

model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
fully_shard(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
lr, total = 'warmup("10%") >> cosine(to=0.1)', f"{SAMPLES} samples"
plan = ps.Plan(lr=lr, clock="samples", total=total)
scheduler = ps.Scheduler(optimizer, plan, batch_size=BATCH * processes)


def state():
    """Return the state of a checkpoint."""
    model_state, optimizer_state = get_state_dict(model, optimizer)
    return {"model": model_state, "optimizer": optimizer_state}


# `.metadata` is written last, so only a complete checkpoint has it
newest = max(Path("checkpoints").glob("*/.metadata"), default=None)
if newest:
    saved = state()  # the template, which needs the entries of the Scheduler
    dcp.load(saved, checkpoint_id=newest.parent)
    set_state_dict(
        model,
        optimizer,
        model_state_dict=saved["model"],
        optim_state_dict=saved["optimizer"],  # continues the plan too
    )
if rank == 0:
    print(f"{processes} processes, from sample {scheduler.amount} on", flush=True)

while scheduler.amount < SAMPLES:
    end = scheduler.amount + BATCH * processes
    mine = torch.arange(scheduler.amount + rank, end, processes) % len(inputs)
    torch.nn.functional.mse_loss(model(inputs[mine]), outputs[mine]).backward()
    optimizer.step()
    optimizer.zero_grad()
    if scheduler.t % 50 == 0:
        dcp.save(state(), checkpoint_id=f"checkpoints/{scheduler.amount:08}")

if rank == 0:
    print(f"lr {optimizer.param_groups[0]['lr']:.3f} at sample {scheduler.amount}")
dist.destroy_process_group()
