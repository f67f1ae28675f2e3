"""A plain training loop with a GradScaler, averaged weights, DistributedDataParallel, ZeRO and FSDP2."""

from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.utils.data.distributed import DistributedSampler

import paramsched as ps
from support.engine_runs.harness import (
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
    tokens_in,
    updates,
    world_size,
)


def sharded(model: torch.nn.Module) -> ZeroRedundancyOptimizer:
    """Return an optimizer with the same two groups whose states are distributed over the processes."""
    groups = [
        {key: value for key, value in group.items() if key in ("params", "name", "lr", "weight_decay")}
        for group in optimizer_of(model).param_groups
    ]
    return ZeroRedundancyOptimizer(groups, torch.optim.AdamW, lr=0.1)


def summed(tokens: int) -> int:
    """Return the sum of the tokens over all processes."""
    if world_size() == 1:
        return tokens
    of_all = torch.tensor(tokens)
    torch.distributed.all_reduce(of_all)
    return int(of_all)


def train(case: Case) -> Run:
    model: Any = Tiny()
    optimizer = optimizer_of(model, fused=True if case.variant == "fused" else None)
    data = Numbers(case.overflow)
    sampler = None
    if world_size() > 1:
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
        sampler = DistributedSampler(data, shuffle=False)
        if case.variant == "fsdp":
            fully_shard(model, mesh=init_device_mesh("cpu", (world_size(),)))
            optimizer = optimizer_of(model)  # because fully_shard replaces the parameters
        else:
            model = torch.nn.parallel.DistributedDataParallel(model)
        if case.variant == "zero":
            optimizer = sharded(model)
    loader = loader_of(case, data, sampler=sampler)
    optimizers = optimizers_of(model) if case.variant == "two" else {"": optimizer}
    total = updates(len(loader), case)
    assert case.clock == "ramp" or len(loader) == batches_of_a_process()
    driven = optimizers if case.variant == "two" else optimizer
    scheduler = ps.Scheduler(driven, plan_of(case), total=total if case.clock == "updates" else None)
    used = recorded(*(one.optim if case.variant == "zero" else one for one in optimizers.values()))
    scale = scaler() if case.overflow else torch.amp.GradScaler("cpu", enabled=False)
    averaged = torch.optim.swa_utils.AveragedModel(model) if case.variant == "swa" else None

    for _ in range(epochs_of(case)):
        for index, (x, y) in enumerate(loader):
            if case.clock == "tokens":
                scheduler.consumed(tokens=summed(tokens_in(x)))
            scale.scale(torch.nn.functional.mse_loss(model(x), y)).backward()
            if (index + 1) % case.accumulation == 0 or index + 1 == len(loader):
                for one in optimizers.values():
                    scale.step(one)
                scale.update()
                model.zero_grad()
                if averaged is not None:
                    averaged.update_parameters(model)
        if averaged is not None:
            torch.optim.swa_utils.update_bn(loader, averaged)
    return result(used, case, total)
