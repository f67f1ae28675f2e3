"""Train with DistributedDataParallel until 5 minutes before the allocation of SLURM ends; slurm.sh is its job."""

import os
from pathlib import Path

import torch
import torch.distributed as dist

import paramsched as ps

dist.init_process_group()
rank, processes = dist.get_rank(), dist.get_world_size()
if torch.cuda.is_available():
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.set_default_device("cuda")
torch.manual_seed(0)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
lr = 'warmup("5%") >> constant() >> linear(previous, 0, over="50%")'
plan = ps.Plan(lr=lr, clock="seconds")
scheduler = ps.Scheduler(optimizer, plan, deadline="slurm - 5 min")
parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}

checkpoint = Path("checkpoint.pt")
if checkpoint.exists():
    saved = torch.load(checkpoint, map_location="cpu")
    for name, part in parts.items():
        part.load_state_dict(saved[name])


def save():
    """Replace the checkpoint."""
    if rank == 0:
        states = {name: part.state_dict() for name, part in parts.items()}
        torch.save(states, "new.pt")
        Path("new.pt").replace(checkpoint)


while not scheduler.should_stop:  # becomes True at the same update in all processes
    x = torch.randn(8, 4)  # your loader
    y = x.sum(dim=1, keepdim=True)
    torch.nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
    optimizer.zero_grad()
    if scheduler.t % 1000 == 0:
        save()
save()
if rank == 0:
    print(f"lr {optimizer.param_groups[0]['lr']:.3f} after {scheduler.amount:.0f} s")
dist.destroy_process_group()
