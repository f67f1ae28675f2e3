"""Train with DistributedDataParallel for a budget of training time, in as many jobs as it takes; slurm.sh is one.

torchrun --standalone --nproc-per-node 2 budget.py 60
"""

import os
import sys
import time
from pathlib import Path

import torch
import torch.distributed as dist

import paramsched as ps

BUDGET = float(sys.argv[1])  # seconds of training, in all jobs together

dist.init_process_group()
rank = dist.get_rank()
if torch.cuda.is_available():
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.set_default_device("cuda")
torch.manual_seed(0)
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
lr = 'warmup("5%") >> constant() >> linear(over="50%")'
plan = ps.Plan(lr=lr, clock="progress")
scheduler = ps.Scheduler(optimizer, plan)
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


def of_rank_0(numbers):
    """Return the numbers of rank 0 on all ranks, whose clocks differ."""
    shared = torch.tensor(numbers, dtype=torch.float64)
    dist.broadcast(shared, src=0)
    return shared.tolist()


job_end = float(os.environ.get("SLURM_JOB_END_TIME", "inf")) - 300  # 5 minutes before, to save
begin = time.monotonic() - scheduler.amount * BUDGET  # as if all training was in this job
while True:
    times = [time.monotonic() - begin, job_end - time.time()]
    elapsed, left = of_rank_0(times)
    scheduler.report(progress=min(1.0, elapsed / BUDGET))
    if scheduler.should_stop or left < 0:  # at the same update in all processes
        break
    x = torch.randn(8, 4)  # your loader
    y = x.sum(dim=1, keepdim=True)
    torch.nn.functional.mse_loss(model(x), y).backward()
    optimizer.step()
    optimizer.zero_grad()
    if scheduler.t % 100 == 0:
        save()
save()
if rank == 0:
    if scheduler.should_stop:  # the budget is used up
        Path("done").touch()
    used = optimizer.param_groups[0]["lr"]
    print(f"lr {used:.3f} after {scheduler.amount * BUDGET:.1f} s")
dist.destroy_process_group()
