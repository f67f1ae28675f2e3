# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""The job of two processes of `accelerate launch`. Arguments: folder, kind of job, `resume` or `kill`."""

import json
import os
import signal
import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.mmengine.runner import CheckpointHook, Hook, Metric, Runner
from support.runner_jobs import WithTrainStep, digits, network


class Seen(Metric):
    def process(self, data_batch, data_samples):
        self.results += data_batch[1].tolist()

    def compute_metrics(self, results):
        return {"samples": len(results), "sum": sum(results), "loss": 1.0}


class Killer(Hook):
    priority = "LOWEST"

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter == 9:
            runner.accelerator.wait_for_everyone()
            os.kill(os.getpid(), signal.SIGKILL)


class NeverCalled(WithTrainStep):
    """A model that bypasses the wrapper that reduces gradients."""

    def train_step(self, data, optim_wrapper):
        loss = self.forward(*data)
        optim_wrapper.update_params(loss)
        return {"loss": loss.detach()}


def main() -> None:
    folder = Path(sys.argv[1])
    case = sys.argv[2]
    schedules = {
        "dicts": [dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=8), dict(type="StepLR", step_size=1)],
        "plan": ps.Plan(lr=ps.warmup("3 steps") >> ps.cosine(to=0.1)),
        "samples": ps.Plan(lr=ps.warmup("20 samples") >> ps.cosine(to=0.1), clock="samples"),
    }
    model_classes = {"dicts": WithTrainStep, "never": NeverCalled}
    model = model_classes[case]() if case in model_classes else network()
    runner = Runner(
        model=model,
        work_dir=folder,
        train_dataloader=DataLoader(digits(44), batch_size=2, shuffle=True),  # 22 batches, 11 for each process
        train_cfg=dict(max_epochs=2),
        val_dataloader=DataLoader(digits(7), batch_size=2),
        val_evaluator=Seen(),
        optim_wrapper=dict(
            optimizer=dict(type="SGD", lr=0.1, momentum=0.9), accumulative_counts={"plan": 2, "samples": 3}.get(case, 1)
        ),
        param_scheduler=schedules.get(case),
        loss=None if case in model_classes else nn.functional.cross_entropy,
        randomness=dict(seed=1),
        default_hooks=dict(checkpoint=CheckpointHook(interval=3, by_epoch=False), progress=None),
        custom_hooks=[Killer()] if "kill" in sys.argv else [],
        resume="resume" in sys.argv,
    )
    runner.train()
    rank = runner.accelerator.process_index
    scheduler = runner.schedulers[""][0] if runner.schedulers[""] else None
    facts = {
        "amount": getattr(scheduler, "amount", None),
        "lr": runner.values()["lr", 0],
        "iters": runner.max_iters,
        "ticks": getattr(scheduler, "_global_step", getattr(scheduler, "last_epoch", None)),
        "weights": float(sum(p.detach().double().abs().sum() for p in model.parameters())),
    }
    (folder / f"facts_{rank}.json").write_text(json.dumps(facts))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
