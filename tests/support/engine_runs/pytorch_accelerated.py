"""pytorch-accelerated: the adapter fills in what its Trainer knows, or a function makes the Scheduler."""

import torch
from pytorch_accelerated import Trainer
from pytorch_accelerated.callbacks import MoveModulesToDeviceCallback

import paramsched as ps
from paramsched.engines import pytorch_accelerated as engine
from support.engine_runs.harness import (
    BATCH,
    EPOCHS,
    PLAN,
    Case,
    Numbers,
    Run,
    Tiny,
    batches_of_a_process,
    optimizer_of,
    recorded,
    result,
    scaler,
    updates,
)


class Scaled(Trainer):
    """fp16 gives the Accelerator a scaler, but only where there is a GPU."""

    overflow = False

    def _create_accelerator(self):  # type: ignore[no-untyped-def]  # the library's own is
        accelerator = super()._create_accelerator()
        if self.overflow:
            accelerator.scaler = scaler()
        return accelerator


def train(case: Case) -> Run:
    total = updates(batches_of_a_process(), case)
    model = Tiny()
    optimizer = optimizer_of(model)
    used = recorded(optimizer)
    trainer = Scaled(model, torch.nn.MSELoss(), optimizer, callbacks=(MoveModulesToDeviceCallback,))
    trainer.overflow = case.overflow

    trainer.train(
        Numbers(case.overflow),
        num_epochs=EPOCHS,
        per_device_batch_size=BATCH,
        gradient_accumulation_steps=case.accumulation,
        train_dataloader_kwargs={"num_workers": 0},
        create_scheduler_fn=engine.scheduler(PLAN)
        if case.variant == ""
        else lambda inner: ps.Scheduler(inner, PLAN, total=total),
    )
    return result(used, case, total)
