"""A process of a Lightning run whose ranks share their batches. Arguments: rank, port, result file."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

import paramsched as ps
from paramsched.engines.lightning import PlanCallback

SAMPLES = 50
BATCH = 8
ACCUMULATION = 2
EPOCHS = 2  # the last batch has 2


class Tensor(LightningModule):
    """A model whose layers are split over the ranks of tensor parallelism."""

    def configure_model(self) -> None:
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 1))
        assert self.device_mesh is not None
        split = {"0": ColwiseParallel(), "1": RowwiseParallel()}
        parallelize_module(self.net, self.device_mesh["tensor_parallel"], split)

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.net.parameters(), lr=0.1)

    def training_step(self, batch: Any, index: int) -> Any:
        return self.net(batch[0]).pow(2).mean()


def main() -> None:
    rank, port, file = sys.argv[1:]
    os.environ |= {"LOCAL_RANK": rank, "RANK": rank, "NODE_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "1", "GROUP_RANK": "0"}
    seen: list[Any] = []
    for facts in ({}, {"total": f"{SAMPLES * EPOCHS} samples"}):
        plan = ps.Plan(lr=ps.linear(1.0, 0.0), clock="samples", **facts)
        callback = PlanCallback(plan, amount_of=(lambda batch: len(batch[0])) if facts else None)
        trainer = Trainer(
            max_epochs=EPOCHS, accelerator="cpu", devices=2, callbacks=[callback], logger=False,
            strategy=ModelParallelStrategy(data_parallel_size=1, tensor_parallel_size=2, process_group_backend="gloo"),
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            accumulate_grad_batches=ACCUMULATION,
        )  # fmt: skip
        data = torch.utils.data.TensorDataset(torch.ones(SAMPLES, 4))
        trainer.fit(Tensor(), torch.utils.data.DataLoader(data, batch_size=BATCH))
        scheduler = callback.schedulers[0]
        seen.append([scheduler.t, scheduler.amount, scheduler.facts.batch_size])
    Path(file).write_text(json.dumps(seen), encoding="utf-8")


if __name__ == "__main__":
    main()
