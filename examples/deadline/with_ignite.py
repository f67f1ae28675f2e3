"""Train with Ignite until a deadline: for ten seconds, or in a SLURM job until 5 minutes before its end.

Start it again, and it continues from its files.
"""

import os
from pathlib import Path

import ignite.distributed as idist
import torch
from ignite.engine import Engine, supervised_training_step
from ignite.handlers import Checkpoint

import paramsched as ps
from paramsched.engines.ignite import PlanHandler

model = torch.nn.Linear(8, 1)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
data = [(x, x.sum(dim=0, keepdim=True)) for x in torch.randn(512, 8)]
loader = torch.utils.data.DataLoader(data, batch_size=16)
step = supervised_training_step(model, optimizer, torch.nn.functional.mse_loss)
trainer = Engine(step)
plan = ps.Plan(
    lr='warmup("1 s") >> constant() >> linear(previous, 0, over="1 s")',
    clock="seconds",
)
until = {"deadline": "in 10 s"}
if "SLURM_JOB_END_TIME" in os.environ:
    until = {"deadline": "slurm", "reserve": "5 min"}
handler = PlanHandler(optimizer, plan, **until)
handler.attach(trainer)
parts = {"model": model, "optimizer": optimizer, "trainer": trainer, "plan": handler}
if Path("run.pt").exists():
    Checkpoint.load_objects(parts, torch.load("run.pt", map_location="cpu"))
trainer.run(loader, max_epochs=1000)
if idist.get_rank() == 0:
    torch.save({name: part.state_dict() for name, part in parts.items()}, "run.pt")
