"""Train with the Trainer until a deadline: for ten seconds, or in a SLURM job until 5 minutes before its end.

Start it again, and it continues from its files.
"""

import os
from pathlib import Path

import torch
from transformers import Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

import paramsched as ps
from paramsched.engines.transformers import planned


class Model(torch.nn.Module):
    """A layer that returns its loss."""

    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(8, 1)

    def forward(self, x, labels):
        return {"loss": torch.nn.functional.mse_loss(self.net(x), labels)}


data = [{"x": x, "labels": x.sum(dim=0, keepdim=True)} for x in torch.randn(512, 8)]
plan = ps.Plan(
    lr='warmup("1 s") >> constant() >> linear(previous, 0, over="1 s")',
    clock="seconds",
)
until = {"deadline": "in 10 s"}
if "SLURM_JOB_END_TIME" in os.environ:
    until = {"deadline": "slurm", "reserve": "5 min"}
args = TrainingArguments("out", save_strategy="steps", num_train_epochs=1000, report_to="none")
trainer = planned(Trainer, plan, **until)(Model(), args, train_dataset=data)
last = get_last_checkpoint("out") if Path("out").is_dir() else None
trainer.train(resume_from_checkpoint=last)
