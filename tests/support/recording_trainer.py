"""A Trainer of pytorch-accelerated that keeps the lr of each update."""

from collections.abc import Callable
from typing import Any

import pytorch_accelerated
import torch
from pytorch_accelerated import callbacks
from torch.utils.data import TensorDataset

BASE = 0.1


class RecordingTrainer(pytorch_accelerated.Trainer):
    """Keeps the lr that each update used."""

    def __init__(self, *hooks: Any) -> None:
        torch.manual_seed(0)
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=BASE, momentum=0.5)
        quiet = (callbacks.MoveModulesToDeviceCallback, callbacks.TerminateOnNaNCallback)
        super().__init__(model, torch.nn.MSELoss(), optimizer, callbacks=(*quiet, *hooks))
        self.used: list[float] = []

    def optimizer_step(self) -> None:
        self.used.append(self.optimizer.param_groups[0]["lr"])
        super().optimizer_step()

    def fit(self, create: Callable[..., Any], epochs: int, **keywords: Any) -> list[float]:
        x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
        self.train(
            TensorDataset(x, x.sum(1, keepdim=True)),
            num_epochs=epochs,
            eval_dataset=TensorDataset(x[:4], x[:4].sum(1, keepdim=True)),
            per_device_batch_size=4,  # five batches
            create_scheduler_fn=create,
            train_dataloader_kwargs={"num_workers": 0},
            eval_dataloader_kwargs={"num_workers": 0},
            **keywords,
        )
        return self.used
