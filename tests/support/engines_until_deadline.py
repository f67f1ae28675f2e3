"""A process of two that train in an engine until a deadline. Arguments: engine, file to write.

The environment has the rank and the address. Writes the number of updates, the beginning of the last one and the
deadline to the file.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

import paramsched as ps
from support.engine_runs.harness import BATCH, Numbers, Tiny, optimizer_of

PLAN = ps.Plan(lr='constant() >> linear(previous, 0, over="1 s")', clock="seconds")
OPTIONS: dict[str, Any] = {"deadline": "in 22 s", "reserve": "10 s", "untimed_updates": 2}
LENGTH = 100_000  # samples, more than the time allows


class Slow(Tiny):
    """A model whose updates last longer on the second process; it records when each one began."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[float] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.begun.append(time.time())
        time.sleep(0.02 + 0.02 * int(os.environ["RANK"]))
        return super().forward(x)


def transformers(model: Slow) -> ps.Scheduler:
    from paramsched.engines.transformers import planned
    from support.engine_runs import transformers as runs

    planned_trainer = planned(runs.Trainer, PLAN, **OPTIONS)

    class Rows(runs.Rows):
        def __init__(self) -> None:
            super().__init__(samples=LENGTH)

    wrapped = runs.Model()
    wrapped.net = model
    args = runs.arguments(tempfile.mkdtemp(), runs.Case("transformers"))
    trainer = planned_trainer(model=wrapped, args=args, train_dataset=Rows())
    trainer.train()
    scheduler: ps.Scheduler = trainer.lr_scheduler
    return scheduler


def lightning(model: Slow) -> ps.Scheduler:
    import lightning.pytorch as pl

    from paramsched.engines.lightning import PlanCallback

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = model

        def training_step(self, batch: Any, index: int) -> Any:
            return torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return optimizer_of(self)

    callback = PlanCallback(PLAN, **OPTIONS)
    trainer = pl.Trainer(
        accelerator="cpu", devices=2, strategy="ddp", max_epochs=1, callbacks=[callback], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Module(), DataLoader(Numbers(samples=LENGTH), BATCH))
    return callback.schedulers[0]


if __name__ == "__main__":
    train = {"transformers": transformers, "lightning": lightning}[sys.argv[1]]
    slow = Slow()
    used = train(slow)
    end = used.calendar.end
    assert end is not None
    Path(sys.argv[2]).write_text(json.dumps([used.t, len(slow.begun), slow.begun[-1], end.timestamp()]))
