"""A loop written by hand, with and without a GradScaler, DistributedDataParallel, and averaged weights."""

from typing import Any

import torch
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

import paramsched as ps
from engine_runs.harness import (
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
    world_size,
)


def train(case: Case) -> Run:
    model: Any = Tiny()
    optimizer = optimizer_of(model, fused=True if case.variant == "fused" else None)
    data = Numbers(case.overflow)
    sampler = None
    if world_size() > 1:
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
        model = torch.nn.parallel.DistributedDataParallel(model)
        sampler = DistributedSampler(data, shuffle=False)
    loader = DataLoader(data, BATCH, sampler=sampler)
    total = updates(len(loader), case)
    assert len(loader) == batches_of_a_process()
    ps.Scheduler(optimizer, PLAN, total=total)
    used = recorded(optimizer)
    scale = scaler() if case.overflow else torch.amp.GradScaler("cpu", enabled=False)
    averaged = torch.optim.swa_utils.AveragedModel(model) if case.variant == "swa" else None

    for _ in range(EPOCHS):
        for index, (x, y) in enumerate(loader):
            scale.scale(torch.nn.functional.mse_loss(model(x), y)).backward()
            if (index + 1) % case.accumulation == 0 or index + 1 == len(loader):
                scale.step(optimizer)
                scale.update()
                optimizer.zero_grad()
                if averaged is not None:
                    averaged.update_parameters(model)
        if averaged is not None:
            torch.optim.swa_utils.update_bn(loader, averaged)
    return result(used, case, total)
