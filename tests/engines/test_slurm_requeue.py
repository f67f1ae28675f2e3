"""Lightning's own requeue under SLURM saves inside of an update; the resumed run has the weights of one run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning.pytorch")

SCRIPT = """
import os, signal
from pathlib import Path
import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.environments import SLURMEnvironment
from torch.optim.optimizer import register_optimizer_step_post_hook
import paramsched as ps
from paramsched.engines.lightning import PlanCallback

at, steps = int(os.environ["AT"]), []

def notify(optimizer, *_):
    steps.append(1)
    if len(steps) == at:
        os.kill(os.getpid(), signal.SIGUSR1)

register_optimizer_step_post_hook(notify)
torch.manual_seed(0)
data = torch.randn(512, 8)

class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Linear(32, 1))

    def training_step(self, x, index):
        return (self.net(x) - x.sum(dim=1, keepdim=True)).square().mean()

    def on_train_batch_end(self, *_):
        if at and len(steps) >= at + 20:
            self.trainer.should_stop = True  # the time of the job is over

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-2)

size = ps.Binding(ps.Target("batch_size", 16), "constant()")
plan = ps.Plan(size, lr='warmup("5%") >> cosine(to=0.1)', total=160)
loader = torch.utils.data.DataLoader(data, batch_sampler=ps.BatchSampler(plan, len(data)))
trainer = pl.Trainer(
    max_epochs=1000, accelerator="cpu", devices=1, callbacks=[PlanCallback(plan)], logger=False,
    plugins=[SLURMEnvironment(auto_requeue=True, requeue_signal=signal.SIGUSR1)], enable_checkpointing=False,
    enable_progress_bar=False, use_distributed_sampler=False,
)
trainer.fit(Module(), loader, ckpt_path="run.ckpt" if Path("run.ckpt").exists() else None)
if not at:
    trainer.save_checkpoint("run.ckpt")
"""


def run_job(folder: Path, signal_at: int) -> None:
    """Run the job; it receives the signal of SLURM inside of an update, or runs to its end if `signal_at` is 0."""
    folder.mkdir(exist_ok=True)
    (folder / "job.py").write_text(SCRIPT)
    scontrol = folder / "bin" / "scontrol"
    scontrol.parent.mkdir(exist_ok=True)
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {folder}/requeued.txt\n')
    scontrol.chmod(0o755)
    slurm = {"JOB_ID": "17", "JOB_NAME": "train", "NTASKS": "1", "PROCID": "0", "LOCALID": "0", "NODELIST": "localhost"}
    env = {**os.environ, **{f"SLURM_{name}": value for name, value in slurm.items()}}
    env |= {"AT": str(signal_at), "PATH": f"{scontrol.parent}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "job.py"], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.heavy
@pytest.mark.long
def test_a_job_that_lightning_requeues_ends_with_the_weights_of_one_run(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run_job(whole, 0)
    run_job(parts, 70)
    assert (parts / "requeued.txt").read_text().split() == ["requeue", "17"]
    assert [*parts.glob("hpc_ckpt*")]

    run_job(parts, 0)

    ends = [torch.load(folder / "run.ckpt", weights_only=False)["state_dict"] for folder in (whole, parts)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
