"""Train with pytorch-accelerated until a deadline: for ten seconds, or in a SLURM job until 5 minutes before its end.

Start it again, and it continues from its files.
"""

import os
from pathlib import Path

import torch
from pytorch_accelerated import Trainer
from pytorch_accelerated.callbacks import MoveModulesToDeviceCallback

import paramsched as ps
from paramsched.engines import pytorch_accelerated as engine

model = torch.nn.Linear(8, 1)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
data = [(x, x.sum(dim=0, keepdim=True)) for x in torch.randn(512, 8)]
plan = ps.Plan(
    lr='warmup("1 s") >> constant() >> linear(previous, 0, over="1 s")',
    clock="seconds",
)
until = {"deadline": "in 10 s"}
if "SLURM_JOB_END_TIME" in os.environ:
    until = {"deadline": "slurm", "reserve": "5 min"}
callbacks = (MoveModulesToDeviceCallback, engine.StopCallback())
trainer = Trainer(model, torch.nn.MSELoss(), optimizer, callbacks=callbacks)
trainer.train(
    data,
    num_epochs=1000,
    per_device_batch_size=16,
    train_dataloader_kwargs={"num_workers": 0},
    create_scheduler_fn=engine.scheduler(plan, **until),
    resume_from="saved" if Path("saved").is_dir() else None,
)
trainer.save_training_state("saved")
