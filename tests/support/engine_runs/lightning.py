"""Lightning: with the callback, with a scheduler from the module, with neither, and with manual optimization."""

import logging
import warnings
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.fsdp import fully_shard
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.engines.lightning import PlanCallback
from support.engine_runs.harness import (
    BATCH,
    PLAN,
    Case,
    Numbers,
    Run,
    Tiny,
    batches_of_a_process,
    epochs_of,
    loader_of,
    optimizer_of,
    optimizers_of,
    plan_of,
    recorded,
    result,
    scaler,
    tokens_of_batch,
    updates,
    world_size,
)

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Module(pl.LightningModule):
    """A module for each variant.

    "", "two" and "sharded" use the callback; "step" and "epoch" return the scheduler; "unsaid" creates but hides it.
    "manual" and "two" step by themselves.
    """

    def __init__(self, case: Case, total: int) -> None:
        super().__init__()
        self.net = Tiny()
        self.case = case
        self.total = total
        self.automatic_optimization = case.variant not in ("manual", "two")

    def configure_model(self) -> None:
        if self.case.variant == "sharded":
            assert self.device_mesh is not None
            fully_shard(self.net, mesh=self.device_mesh["data_parallel"])

    def configure_optimizers(self) -> Any:
        if self.case.variant == "two":
            return list(optimizers_of(self.net).values())
        optimizer = optimizer_of(self.net)
        if self.case.variant in ("", "manual", "sharded"):
            return optimizer
        scheduler = ps.Scheduler(optimizer, PLAN, total=int(self.trainer.estimated_stepping_batches))
        if self.case.variant == "unsaid":
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": self.case.variant}}

    def on_fit_start(self) -> None:
        self.used = recorded(*self.trainer.optimizers)

    def training_step(self, batch: Any, index: int) -> Any:
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.net(x), y)
        if not self.automatic_optimization:
            self.manual_backward(loss)
            if (index + 1) % self.case.accumulation == 0 or index + 1 == self.trainer.num_training_batches:
                for optimizer in self.optimizers() if self.case.variant == "two" else [self.optimizers()]:
                    optimizer.step()
                    optimizer.zero_grad()
        return loss


class Simple(pl.LightningModule):
    """A module with one optimizer; tests override what they observe."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Tiny()

    def configure_optimizers(self) -> Any:
        return optimizer_of(self.net)

    def training_step(self, batch: Any, index: int) -> Any:
        return torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])


def fit(module: pl.LightningModule, *callbacks: Any, path: Any = None, **keywords: Any) -> pl.Trainer:
    """Train on `Numbers` for three epochs; return the Trainer."""
    run_trainer = trainer(Case("lightning"), callbacks=list(callbacks), **keywords)
    run_trainer.fit(module, DataLoader(Numbers(), BATCH), DataLoader(Numbers(), BATCH), ckpt_path=path)
    return run_trainer


def trainer(case: Case, **keywords: Any) -> pl.Trainer:
    """Return a Trainer without output."""
    automatic = case.variant not in ("manual", "two")
    # precision="16-mixed" would create this plugin, but only on a GPU.
    strategy: Any = "ddp"
    if case.variant == "sharded":
        strategy = ModelParallelStrategy(world_size(), tensor_parallel_size=1, process_group_backend="gloo")
    plugins = [MixedPrecision("16-mixed", "cpu", scaler())] if case.overflow else []
    return pl.Trainer(
        accelerator="cpu",
        devices=world_size(),
        strategy=strategy if world_size() > 1 else "auto",
        plugins=plugins,
        enable_progress_bar=False,
        enable_model_summary=False,
        **(
            {
                "max_epochs": epochs_of(case),
                "logger": False,
                "enable_checkpointing": False,
                "accumulate_grad_batches": case.accumulation if automatic else 1,
            }
            | keywords
        ),
    )


def train(case: Case) -> Run:
    warnings.filterwarnings("ignore", category=UserWarning, module="lightning")
    total = updates(batches_of_a_process(), case)
    module = Module(case, total)
    callback = PlanCallback(plan_of(case), amount_of=tokens_of_batch if case.clock == "tokens" else None)
    callbacks = {
        "": [callback],
        "sharded": [callback],
        "manual": [PlanCallback(PLAN, facts=ps.RunFacts(total=total))],
        "two": [PlanCallback(PLAN, optimizers=("weights", "biases"), facts=ps.RunFacts(total=total))],
    }.get(case.variant, [])

    trainer(case, callbacks=callbacks).fit(module, loader_of(case, Numbers(case.overflow)))

    return result(module.used, case, total)
