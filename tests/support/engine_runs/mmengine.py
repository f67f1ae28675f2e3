"""MMEngine's Runner, with a Scheduler on its OptimWrapper and no `param_scheduler`."""

import logging
import tempfile
from typing import Any

import torch
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner

import paramsched as ps
from paramsched.mmengine.engine import AmountHook
from support.engine_runs.harness import (
    BATCH,
    EPOCHS,
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
    world_size,
)


class Model(BaseModel):
    """A model for the Runner: its forward returns the losses."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Tiny()

    def forward(self, x: torch.Tensor, y: torch.Tensor, mode: str = "loss") -> dict[str, torch.Tensor]:
        return {"loss": torch.nn.functional.mse_loss(self.net(x), y)}


class Scaled(OptimWrapper):
    """An OptimWrapper with the scaler of AmpOptimWrapper, whose own constructor requires a GPU."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.loss_scaler = scaler()
        self._scale_update_param = None

    backward = AmpOptimWrapper.backward
    step = AmpOptimWrapper.step


def runner(case: Case, wrapper: OptimWrapper, model: Model, folder: str, **keywords: Any) -> Runner:
    data = Numbers(case.overflow)
    options: dict[str, Any] = {
        "train_cfg": {"by_epoch": True, "max_epochs": epochs_of(case)},
        "default_hooks": {"logger": None, "checkpoint": None},
        "log_level": logging.ERROR,
    }
    return Runner(
        model=MMDistributedDataParallel(module=model) if world_size() > 1 else model,  # the Runner's own requires a GPU
        work_dir=folder,
        train_dataloader=loader_of(case, data)
        if case.clock == "ramp"
        else {
            "dataset": data,
            "batch_size": BATCH,
            "num_workers": 0,
            "sampler": {"type": "DefaultSampler", "shuffle": False},  # distributes the batches
            "collate_fn": {"type": "default_collate"},
        },
        optim_wrapper=wrapper,
        launcher="pytorch" if world_size() > 1 else "none",
        experiment_name=f"run_{id(wrapper)}",
        **(options | keywords),
    )


def train(case: Case) -> Run:
    # An accumulation window continues in the next epoch; the last window of the run may be short.
    if world_size() > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")  # because MMEngine's own function requires a GPU
    total = -(-EPOCHS * batches_of_a_process() // case.accumulation)
    model = Model()
    optimizer = optimizer_of(model)
    wrapper_class = Scaled if case.overflow else OptimWrapper
    wrapper = wrapper_class(optimizer=optimizer, accumulative_counts=case.accumulation)
    scheduler = ps.Scheduler(wrapper, plan_of(case), total=total if case.clock == "updates" else None)
    hook = AmountHook(scheduler, amount_of=tokens_of_batch if case.clock == "tokens" else None)
    used = recorded(optimizer)

    with tempfile.TemporaryDirectory() as folder:
        runner(case, wrapper, model, folder, custom_hooks=[hook]).train()

    windows = {(epoch * batches_of_a_process() + _overflowing()) // case.accumulation for epoch in range(EPOCHS)}
    return result(used, case, total, len(windows))


def _overflowing() -> int:
    """Return the index of the batch with the infinite target, among the batches of this process in an epoch."""
    return 0 if world_size() > 1 else 1
