"""pytorch-accelerated: the adapter adds the run facts of its Trainer, or a function creates the Scheduler."""

import torch
from pytorch_accelerated import Trainer
from pytorch_accelerated.callbacks import MoveModulesToDeviceCallback

import paramsched as ps
from paramsched.engines import pytorch_accelerated as engine
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
    plan_of,
    recorded,
    result,
    scaler,
    tokens_of_batch,
    updates,
)


class Scaled(Trainer):
    """A Trainer with a scaler, which fp16 creates only on a GPU."""

    overflow = False
    case = Case("pytorch_accelerated")

    def create_train_dataloader(self, *args, **keywords):  # type: ignore[no-untyped-def]  # the library's own is
        if self.case.clock == "ramp":
            return loader_of(self.case, self.train_dataset)
        return super().create_train_dataloader(*args, **keywords)

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
    counting = engine.AmountCallback(amount_of=tokens_of_batch if case.clock == "tokens" else None)
    trainer = Scaled(model, torch.nn.MSELoss(), optimizer, callbacks=(MoveModulesToDeviceCallback, counting))
    trainer.case = case
    trainer.overflow = case.overflow

    trainer.train(
        Numbers(case.overflow),
        num_epochs=epochs_of(case),
        per_device_batch_size=BATCH,
        gradient_accumulation_steps=case.accumulation,
        train_dataloader_kwargs={"num_workers": 0},
        create_scheduler_fn=engine.scheduler(plan_of(case))
        if case.variant == ""
        else lambda inner: ps.Scheduler(inner, PLAN, total=total),
    )
    return result(used, case, total)
