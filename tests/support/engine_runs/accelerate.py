"""Accelerate: the scheduler is unprepared, prepared like those of torch, or created by the adapter."""

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.engines import accelerate as engine
from support.engine_runs.harness import (
    BATCH,
    EPOCHS,
    PLAN,
    Case,
    Numbers,
    Run,
    Tiny,
    batches_of_a_process,
    epochs_of,
    loader_of,
    optimizers_of,
    plan_of,
    recorded,
    result,
    scaler,
    tokens_of_batch,
    updates,
)


def train(case: Case) -> Run:
    accelerator = Accelerator(
        cpu=True,
        gradient_accumulation_steps=case.accumulation,
        dataloader_config=DataLoaderConfiguration(split_batches=case.variant == "split_batches"),
    )
    if case.overflow:
        accelerator.scaler = scaler()  # because mixed_precision="fp16" creates one only on a GPU
    model = Tiny()
    optimizers = optimizers_of(model, two=case.variant == "two")
    size = BATCH * accelerator.num_processes if case.variant == "split_batches" else BATCH
    loader = loader_of(case, Numbers(case.overflow)) if size == BATCH else DataLoader(Numbers(case.overflow), size)
    total = updates(batches_of_a_process(), case)
    scheduler = count = None
    if case.variant == "prepared":
        scheduler = ps.Scheduler(optimizers[""], PLAN, total=total)
        model, optimizers[""], loader, scheduler = accelerator.prepare(model, optimizers[""], loader, scheduler)
    else:
        model, loader, *prepared = accelerator.prepare(model, loader, *optimizers.values())
        optimizers = dict(zip(optimizers, prepared, strict=True))
        driven = optimizers.get("", optimizers)
        attached = engine.scheduler(accelerator, driven, plan_of(case), loader, epochs=EPOCHS)
        count = engine.batch_counter(
            accelerator, attached, amount_of=tokens_of_batch if case.clock == "tokens" else None
        )
    used = recorded(*(optimizer.optimizer for optimizer in optimizers.values()))

    for _ in range(epochs_of(case)):
        for x, y in loader:
            with accelerator.accumulate(model):
                if count is not None:
                    count((x, y))
                accelerator.backward(torch.nn.functional.mse_loss(model(x), y))
                for optimizer in optimizers.values():
                    optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                for optimizer in optimizers.values():
                    optimizer.zero_grad()
    accelerator.free_memory()
    return result(used, case, total)
