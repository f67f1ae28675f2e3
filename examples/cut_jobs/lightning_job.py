"""Train with Lightning in jobs that may be cut short; exit with 75 if the plan is not over."""

import os
import sys
from pathlib import Path

import lightning.pytorch as pl
import torch

import paramsched as ps
from paramsched.engines.lightning import PlanCallback

torch.manual_seed(0)
data = torch.randn(512, 8)


class Module(pl.LightningModule):
    """A small network, with its optimizer."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Linear(32, 1))

    def training_step(self, x, index):
        return (self.net(x) - x.sum(dim=1, keepdim=True)).square().mean()

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)


size = ps.Binding(ps.Target("batch_size", 16), "constant()")
plan = ps.Plan(size, lr='warmup("5%") >> cosine(to=0.1)', horizon=400)
job = {"stop_before": "in 8 h", "stop_on": "SIGTERM"}
if "SLURM_JOB_END_TIME" in os.environ:
    job |= {"stop_before": "slurm", "reserve": "5 min"}
callback = PlanCallback(plan, **job)
loader = torch.utils.data.DataLoader(data, batch_sampler=ps.BatchSampler(plan, len(data)))
trainer = pl.Trainer(
    max_epochs=1000,
    accelerator="cpu",
    callbacks=[callback],
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    use_distributed_sampler=False,
)
last = "run.ckpt" if Path("run.ckpt").exists() else None
trainer.fit(Module(), loader, ckpt_path=last)
trainer.save_checkpoint("new.ckpt")
Path("new.ckpt").replace("run.ckpt")
sys.exit(0 if callback.stop_reason == "plan" else 75)
