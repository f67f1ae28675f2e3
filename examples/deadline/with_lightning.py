"""Train with Lightning until a deadline: for ten seconds, or in a SLURM job until 5 minutes before its end.

Start it again, and it continues from its files.
"""

import os
from pathlib import Path

import lightning.pytorch as pl
import torch

import paramsched as ps
from paramsched.engines.lightning import PlanCallback


class Module(pl.LightningModule):
    """A small network, with its optimizer."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(8, 1)

    def training_step(self, x, index):
        return (self.net(x) - x.sum(dim=1, keepdim=True)).square().mean()

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


loader = torch.utils.data.DataLoader(torch.randn(512, 8), batch_size=16)
plan = ps.Plan(
    lr='warmup("1 s") >> constant() >> linear(previous, 0, over="1 s")',
    clock="seconds",
)
until = {"deadline": "in 10 s"}
if "SLURM_JOB_END_TIME" in os.environ:
    until = {"deadline": "slurm", "reserve": "5 min"}
in_time = PlanCallback(plan, **until)
saving = pl.callbacks.ModelCheckpoint("out", save_last=True)
trainer = pl.Trainer(max_epochs=1000, callbacks=[in_time, saving], logger=False)
last = "out/last.ckpt" if Path("out/last.ckpt").exists() else None
trainer.fit(Module(), loader, ckpt_path=last)
trainer.save_checkpoint("out/last.ckpt")
