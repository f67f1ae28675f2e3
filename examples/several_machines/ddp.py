"""Train with DistributedDataParallel, and continue on any number of processes.

torchrun --standalone --nproc-per-node 2 ddp.py
"""

import os
from pathlib import Path

import torch
import torch.distributed as dist

import paramsched as ps

BATCH = 8  # samples per process and update
SAMPLES = 16_000  # in the entire run

dist.init_process_group()
rank, processes = dist.get_rank(), dist.get_world_size()
if torch.cuda.is_available():
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.set_default_device("cuda")
torch.manual_seed(0)
inputs = torch.randn(1000, 4)
outputs = inputs.sum(dim=1, keepdim=True)

model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
lr, total = 'warmup("10%") >> cosine(to=0.1)', f"{SAMPLES} samples"
plan = ps.Plan(lr=lr, clock="samples", total=total)
scheduler = ps.Scheduler(optimizer, plan, batch_size=BATCH * processes)

checkpoint = Path("checkpoint.pt")
if checkpoint.exists():
    saved = torch.load(checkpoint, map_location="cpu")
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])  # continues the plan too

while scheduler.amount < SAMPLES:
    end = scheduler.amount + BATCH * processes
    mine = torch.arange(scheduler.amount + rank, end, processes) % len(inputs)
    torch.nn.functional.mse_loss(model(inputs[mine]), outputs[mine]).backward()
    optimizer.step()
    optimizer.zero_grad()
    if rank == 0 and scheduler.t % 100 == 0:
        states = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(states, "new.pt")
        Path("new.pt").replace(checkpoint)

if rank == 0:
    values = f"lr {optimizer.param_groups[0]['lr']:.3f} at sample {scheduler.amount}"
    print(f"{processes} processes: {values}")
dist.destroy_process_group()
