"""A worker of a run in an engine; one worker of a first run is killed. Arguments: engine, folder, `first` or `again`.

Each update appends its values and its tokens in this process to `<first or again>_<rank>.jsonl`.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from support.engine_runs.harness import BATCH, BY_TOKENS, Case, Numbers, Tiny, optimizer_of, recorded, tokens_of_batch

EPOCHS = 3
SAVED_AT = 9
KILLED_AT = 13
"""Epochs of the run, the updates before its checkpoint, and the updates before rank 1 is killed."""


class Record:
    """Writes each update to a file, and kills rank 1 of the first run."""

    def __init__(self, folder: Path, run: str) -> None:
        self.kills = run == "first" and os.environ["RANK"] == "1"
        self.file = (folder / f"{run}_{os.environ['RANK']}.jsonl").open("w")

    def follow(self, optimizer: torch.optim.Optimizer, used: Any) -> None:
        optimizer.register_step_post_hook(lambda *_: self._write(used))

    def _write(self, used: Any) -> None:
        self.file.write(json.dumps([used[-1], used.amounts[-1][0]]) + "\n")
        self.file.flush()
        if self.kills and len(used) == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)


def with_accelerate(folder: Path, resumes: bool, record: Record) -> None:
    from accelerate import Accelerator

    from paramsched.engines import accelerate as engine

    accelerator = Accelerator(cpu=True)
    model, optimizer, loader = accelerator.prepare(*_model_and_optimizer(), DataLoader(Numbers(), BATCH))
    scheduler = engine.scheduler(accelerator, optimizer, BY_TOKENS, loader, epochs=EPOCHS)
    count = engine.batch_counter(accelerator, scheduler, amount_of=tokens_of_batch)
    record.follow(optimizer.optimizer, recorded(optimizer.optimizer))
    if resumes:
        accelerator.load_state(str(folder / "state"))
    for epoch in range(int(resumes), EPOCHS):
        for x, y in loader:
            count((x, y))
            accelerator.backward(torch.nn.functional.mse_loss(model(x), y))
            optimizer.step()
            optimizer.zero_grad()
        if epoch == 0:
            accelerator.save_state(str(folder / "state"))


def _model_and_optimizer() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = Tiny()
    return model, optimizer_of(model)


def with_transformers(folder: Path, resumes: bool, record: Record) -> None:
    from support.engine_runs import transformers as runs

    case = Case("transformers", clock="tokens")
    trainer, used = runs.trainer_of(case, runs.arguments(str(folder), case, save_strategy="epoch"), 27)
    record.follow(trainer.optimizer, used)
    trainer.train(resume_from_checkpoint=resumes)


def with_lightning(folder: Path, resumes: bool, record: Record) -> None:
    import lightning.pytorch as pl

    from paramsched.engines.lightning import PlanCallback
    from support.engine_runs import lightning as runs

    class Module(runs.Module):
        def on_fit_start(self) -> None:
            super().on_fit_start()
            record.follow(self.trainer.optimizers[0], self.used)

    case = Case("lightning", clock="tokens")
    saving = pl.callbacks.ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)
    callbacks = [saving, PlanCallback(BY_TOKENS, amount_of=tokens_of_batch)]
    trainer = runs.trainer(case, callbacks=callbacks, enable_checkpointing=True)
    path = folder / "epoch=0.ckpt" if resumes else None
    trainer.fit(Module(case, 27), DataLoader(Numbers(), BATCH), ckpt_path=path)


def main() -> None:
    folder = Path(sys.argv[2])
    run = sys.argv[3]
    train = {"accelerate": with_accelerate, "transformers": with_transformers, "lightning": with_lightning}
    train[sys.argv[1]](folder, run == "again", Record(folder, run))
    os._exit(0)  # because process groups and threads of the engines would wait for each other


if __name__ == "__main__":
    main()
