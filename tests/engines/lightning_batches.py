"""A Lightning module that records the samples of each training step, in one process or in each of several."""

import json
import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

import paramsched as ps
from engines.planned_batches import BY_SAMPLES, LENGTH, Killed, X
from paramsched.engines.lightning import PlanCallback
from paramsched.errors import InvalidArgument


class Model(pl.LightningModule):
    """A line whose loader follows a plan."""

    def __init__(self, plan: ps.Plan, workers: int = 0, kill: int = 0) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(3.0))
        self.plan, self.workers, self.kill = plan, workers, kill
        self.seen: list[list[int]] = []
        self.validated = 0

    def train_dataloader(self) -> Any:
        sampler = ps.BatchSampler(self.plan, LENGTH, seed=7)
        return DataLoader(torch.arange(LENGTH), batch_sampler=sampler, num_workers=self.workers)

    def val_dataloader(self) -> Any:
        return DataLoader(torch.arange(2))

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        if self.kill and len(self.seen) == self.kill:
            raise Killed
        self.seen.append(batch.tolist())
        return (self.w * X[batch] - 1).square().mean()

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.validated += 1

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, model: Model, **options: Any) -> pl.Trainer:
    warnings.simplefilter("ignore")
    arguments = {
        "max_epochs": 1, "accelerator": "cpu", "logger": False, "enable_progress_bar": False,
        "enable_model_summary": False, "num_sanity_val_steps": 0, "use_distributed_sampler": False, **options,
    }  # fmt: skip
    saved = ModelCheckpoint(folder, every_n_train_steps=3, save_top_k=-1, filename="{step:03d}")
    callbacks = [PlanCallback(model.plan), saved]
    trainer = pl.Trainer(callbacks=callbacks, **arguments)  # type: ignore[arg-type]
    last = max(folder.glob("step=*.ckpt"), default=None)
    with suppress(Killed):
        trainer.fit(model, ckpt_path=None if last is None else str(last))
    return trainer


if __name__ == "__main__":  # in each process of torchrun
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    model = Model(BY_SAMPLES, kill=8 if kind == "killed" else 0)
    try:
        trainer = fit(folder / "run", model, devices=2, strategy="ddp", use_distributed_sampler=kind == "refused")
    except InvalidArgument as refusal:
        found: Any = str(refusal)
        rank = int(os.environ["RANK"])
    else:
        found, rank = {"seen": model.seen, "w": model.w.item()}, trainer.global_rank
    (folder / f"{kind}-{rank}.json").write_text(json.dumps(found))
