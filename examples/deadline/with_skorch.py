"""Train with skorch until a deadline: for ten seconds, or in a SLURM job until 5 minutes before its end.

Start it again, and it continues from its files. skorch trains in one process: in a job, replace torchrun by python.
"""

import os
from pathlib import Path

import torch
from skorch import NeuralNetRegressor

import paramsched as ps
from paramsched.engines.skorch import PlanCallback

x = torch.randn(512, 8).numpy()
y = x.sum(axis=1, keepdims=True)
plan = ps.Plan(
    lr='warmup("1 s") >> constant() >> linear(previous, 0, over="1 s")',
    clock="seconds",
)
until = {"deadline": "in 10 s"}
if "SLURM_JOB_END_TIME" in os.environ:
    until = {"deadline": "slurm", "reserve": "5 min"}
net = NeuralNetRegressor(
    torch.nn.Linear,
    module__in_features=8,
    module__out_features=1,
    optimizer=torch.optim.AdamW,
    max_epochs=1000,
    verbose=0,
    callbacks=[PlanCallback(plan, **until)],
)
net.initialize()
files = {"f_params": "model.pt", "f_optimizer": "opt.pt", "f_history": "run.json"}
if Path("opt.pt").exists():
    net.load_params(**files)
net.partial_fit(x, y)
net.save_params(**files)
