"""Train with Accelerate in jobs that may be cut short; exit with 75 if the plan is not over."""

import os
import sys
from pathlib import Path

import torch
from accelerate import Accelerator

import paramsched as ps
from paramsched.engines import accelerate as engine

torch.manual_seed(0)
data = torch.randn(512, 8)
accelerator = Accelerator(cpu=True)
model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Linear(32, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
model, optimizer = accelerator.prepare(model, optimizer)
size = ps.Binding(ps.Target("batch_size", 16), "constant()")
plan = ps.Plan(size, lr='warmup("5%") >> cosine(to=0.1)', horizon=600)
loader = torch.utils.data.DataLoader(data, batch_sampler=ps.BatchSampler(plan, len(data)))
job = {"stop_before": "in 8 h", "stop_on": "SIGTERM"}
if "SLURM_JOB_END_TIME" in os.environ:
    job |= {"stop_before": "slurm", "reserve": "5 min"}
scheduler = engine.scheduler(accelerator, optimizer, plan, loader, **job)
if Path("run").is_dir():
    accelerator.load_state("run")

for x in loader:
    loss = (model(x) - x.sum(dim=1, keepdim=True)).square().mean()
    accelerator.backward(loss)
    optimizer.step()
    optimizer.zero_grad()
    if scheduler.should_stop:
        break

accelerator.save_state("run")
sys.exit(0 if scheduler.stop_reason == "plan" else 75)
