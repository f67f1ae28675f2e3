"""Train with the Trainer in jobs that may be cut short; exit with 75 if the plan is not over."""

import os
import sys
from pathlib import Path

import torch
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

import paramsched as ps
from paramsched.engines.transformers import planned


class Model(torch.nn.Module):
    """A small network that returns its loss."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Linear(32, 1))

    def forward(self, x, labels):
        return {"loss": torch.nn.functional.mse_loss(self.net(x), labels)}


torch.manual_seed(0)
data = [{"x": x, "labels": x.sum(dim=0, keepdim=True)} for x in torch.randn(512, 8)]
plan = ps.Plan(lr='warmup("5%") >> cosine(to=0.1)')
args = TrainingArguments("out", num_train_epochs=2, learning_rate=1e-2, report_to="none", use_cpu=True)
job = {"stop_before": "in 8 h", "stop_on": "SIGTERM"}
if "SLURM_JOB_END_TIME" in os.environ:
    job |= {"stop_before": "slurm", "reserve": "5 min"}
trainer = planned(Trainer, plan, **job)(Model(), args, train_dataset=data)
last = get_last_checkpoint("out") if Path("out").is_dir() else None
trainer.train(resume_from_checkpoint=last)
sys.exit(0 if trainer.lr_scheduler.stop_reason == "plan" else 75)
