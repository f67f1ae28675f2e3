"""Train with MMEngine until a deadline: for ten seconds, or in a SLURM job until 5 minutes before its end.

Start it again, and it continues from its files.
"""

import os
from pathlib import Path

import torch
from mmengine.model import BaseModel

import paramsched as ps
from mmengine.runner import Runner
from paramsched.mmengine.engine import PlanScheduler, StopHook, register


class Line(BaseModel):
    """A layer that returns its loss."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(8, 1)

    def forward(self, inputs, mode):
        return {"loss": self.layer(inputs).square().mean()}


register()  # torch 2.6 and later then load MMEngine's checkpoints
data = torch.utils.data.TensorDataset(torch.randn(512, 8))
plan = ps.Plan(
    lr='warmup("1 s") >> constant() >> linear(previous, 0, over="1 s")',
    clock="seconds",
)
until = {"deadline": "in 10 s"}
if "SLURM_JOB_END_TIME" in os.environ:
    until = {"deadline": "slurm", "reserve": "5 min"}
runner = Runner(
    model=Line(),
    work_dir="out",
    train_dataloader=torch.utils.data.DataLoader(data, batch_size=16),
    train_cfg={"by_epoch": False, "max_iters": 10_000_000},
    optim_wrapper={"optimizer": {"type": "AdamW", "lr": 1e-3}},
    param_scheduler=dict(type=PlanScheduler, plan=plan, **until),
    custom_hooks=[StopHook()],
    default_hooks={"checkpoint": {"type": "CheckpointHook", "interval": 1000, "by_epoch": False}},
    resume=True,
    launcher="pytorch" if "RANK" in os.environ else "none",
)
runner.train()
runner.save_checkpoint("out", "end.pth")  # MMEngine saves only at its own end
if runner.rank == 0:
    Path("out/last_checkpoint").write_text("out/end.pth", encoding="utf-8")
