"""Train with Accelerate until a deadline: for ten seconds, or in a SLURM job until 5 minutes before its end.

Start it again, and it continues from its files.
"""

import os
from pathlib import Path

import torch
from accelerate import Accelerator

import paramsched as ps
from paramsched.engines import accelerate as engine

accelerator = Accelerator()
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
loader = torch.utils.data.DataLoader(torch.randn(512, 8), batch_size=16)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
plan = ps.Plan(
    lr='warmup("1 s") >> constant() >> linear(previous, 0, over="1 s")',
    clock="seconds",
)
until = {"deadline": "in 10 s"}
if "SLURM_JOB_END_TIME" in os.environ:
    until = {"deadline": "slurm", "reserve": "5 min"}
scheduler = engine.scheduler(accelerator, optimizer, plan, loader, **until)
if Path("state").is_dir():
    accelerator.load_state("state")
while not scheduler.should_stop:
    for x in loader:
        loss = (model(x) - x.sum(dim=1, keepdim=True)).square().mean()
        accelerator.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        if scheduler.should_stop:
            break
accelerator.save_state("state")
