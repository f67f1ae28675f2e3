"""A plain training loop: GradScaler, averaged weights, and each kind of parallelism of torch."""

from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.pipelining import PipelineStage, Schedule1F1B
from torch.distributed.tensor.parallel import RowwiseParallel, parallelize_module
from torch.distributed.tensor.placement_types import Replicate
from torch.utils.data.distributed import DistributedSampler

import paramsched as ps
from support.engine_runs.harness import (
    BATCH,
    SAMPLES,
    Case,
    Numbers,
    Run,
    Tiny,
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

SHARED_BATCHES = {"tensor", "pipeline"}
"""Variants in which all processes get the same batches."""
SPLIT = {"fsdp", "fsdp1"} | SHARED_BATCHES


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


def split(variant: str, model: torch.nn.Module) -> Any:
    """Return a model of which each process has a part."""
    mesh = init_device_mesh("cpu", (world_size(),))
    if variant == "fsdp":
        return fully_shard(model, mesh=mesh)
    if variant == "fsdp1":
        return FullyShardedDataParallel(model, use_orig_params=True, device_id=torch.device("cpu"))
    if variant == "tensor":
        return parallelize_module(model, mesh, {"layer": RowwiseParallel(input_layouts=Replicate())})
    return Stage()


class Stage(torch.nn.Module):
    """One of two stages of a pipeline."""

    def __init__(self) -> None:
        super().__init__()
        self.index = torch.distributed.get_rank()
        self.layer = torch.nn.Linear(2, 2 - self.index)
        stage = PipelineStage(self, self.index, 2, torch.device("cpu"))
        self.schedule = Schedule1F1B(stage, 2, loss_fn=torch.nn.functional.mse_loss, scale_grads=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)

    def add_gradients(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.schedule.step(*[x][self.index :], target=y)


def train(case: Case) -> Run:
    model: Any = Tiny()
    optimizer = optimizer_of(model, fused=True if case.variant == "fused" else None)
    data = Numbers(case.overflow)
    sampler = None
    if world_size() > 1:
        if not torch.distributed.is_initialized():
            torch.distributed.init_process_group("gloo")
        if case.variant not in SHARED_BATCHES:
            sampler = DistributedSampler(data, shuffle=False)
        if case.variant in SPLIT:
            model = split(case.variant, model)
            optimizer = optimizer_of(model)  # because the parameters were replaced
        else:
            model = torch.nn.parallel.DistributedDataParallel(model)
        if case.variant == "zero":
            optimizer = sharded(model)
    loader = loader_of(case, data, sampler=sampler)
    optimizers = optimizers_of(model) if case.variant == "two" else {"": optimizer}
    total = updates(len(loader), case)
    shards = 1 if case.variant in SHARED_BATCHES else world_size()
    assert case.clock == "ramp" or len(loader) == SAMPLES // BATCH // shards
    driven = optimizers if case.variant == "two" else optimizer
    scheduler = ps.Scheduler(driven, plan_of(case), total=total if case.clock == "updates" else None)
    used = recorded(*(optimizer.optim if case.variant == "zero" else optimizer for optimizer in optimizers.values()))
    scale = scaler() if case.overflow else torch.amp.GradScaler("cpu", enabled=False)
    averaged = torch.optim.swa_utils.AveragedModel(model) if case.variant == "swa" else None

    for _ in range(epochs_of(case)):
        for index, (x, y) in enumerate(loader):
            if case.clock == "tokens":
                scheduler.consumed(tokens=summed(tokens_in(x)))
            if case.variant == "pipeline":
                model.add_gradients(x, y)
            else:
                scale.scale(torch.nn.functional.mse_loss(model(x), y)).backward()
            if (index + 1) % case.accumulation == 0 or index + 1 == len(loader):
                for optimizer in optimizers.values():
                    scale.step(optimizer)
                scale.update()
                model.zero_grad()
                if averaged is not None:
                    averaged.update_parameters(model)
        if averaged is not None:
            torch.optim.swa_utils.update_bn(loader, averaged)
    return result(used, case, total)
