"""skorch, with the accumulating train_step of its documentation, and with Accelerate."""

from typing import Any

import torch
from accelerate import Accelerator
from skorch import NeuralNetRegressor
from skorch.hf import AccelerateMixin

from paramsched.engines.skorch import PlanCallback
from support.engine_runs.harness import (
    BATCH,
    Case,
    Numbers,
    Run,
    Tiny,
    epochs_of,
    loader_of,
    optimizer_of,
    plan_of,
    recorded,
    result,
    scaler,
    tokens_of_batch,
    updates,
    world_size,
)


class Net(NeuralNetRegressor):
    """A net that steps after `accumulation` batches and records the used values. `ramp`: its batches grow."""

    def __init__(self, *args: Any, accumulation: int = 1, ramp: bool = False, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.accumulation, self.ramp = accumulation, ramp

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        if training and self.ramp:
            return loader_of(Case("skorch", clock="ramp"), dataset)
        return super().get_iterator(dataset, training)

    def initialize_optimizer(self, *args: Any, **keywords: Any) -> Any:
        self.optimizer_ = optimizer_of(self.module_)
        self.used_ = recorded(self.optimizer_)
        return self

    def train_step(self, batch: Any, **fit_params: Any) -> Any:
        seen = len(self.history[-1, "batches"])  # this one among them
        step = self.train_step_single(batch, **fit_params)
        if seen % self.accumulation == 0:
            self.optimizer_.step()
            self.optimizer_.zero_grad()
        return step


class AcceleratedNet(AccelerateMixin, NeuralNetRegressor):
    """A net of skorch.hf: Accelerate accumulates, scales and distributes the batches."""

    def initialize_optimizer(self, *args: Any, **keywords: Any) -> Any:
        self.optimizer_ = optimizer_of(self.module_)
        self.used_ = recorded(self.optimizer_)
        return self


class Loss(torch.nn.MSELoss):
    """A loss with a parameter, because skorch wraps it in DistributedDataParallel, which requires one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.weight * super().forward(input, target)


def net_of(case: Case, *callbacks: Any, **keywords: Any) -> Net:
    options = {"batch_size": BATCH, "max_epochs": epochs_of(case), "train_split": None, "verbose": 0} | keywords
    return Net(Tiny, accumulation=case.accumulation, ramp=case.clock == "ramp", callbacks=list(callbacks), **options)


def train(case: Case) -> Run:
    # With AccelerateMixin only the last batch of a window reaches the update: skorch zeroes gradients before it.
    data = Numbers(case.overflow, samples=80, at=28)
    if case.variant == "accelerate":
        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=case.accumulation)
        if case.overflow:
            accelerator.scaler = scaler()
        callback = PlanCallback(plan_of(case), amount_of=tokens_of_batch if case.clock == "tokens" else None)
        options = {"batch_size": BATCH, "max_epochs": epochs_of(case), "train_split": None, "verbose": 0}
        net: Any = AcceleratedNet(Tiny, criterion=Loss, accelerator=accelerator, callbacks=[callback], **options)
    else:
        net = net_of(
            case,
            PlanCallback(
                plan_of(case),
                accumulation=case.accumulation,
                amount_of=tokens_of_batch if case.clock == "tokens" else None,
            ),
        )
    batches = len(data) // BATCH // world_size()
    total = updates(batches, case)

    net.fit(data.x.numpy(), data.y.numpy())

    return result(net.used_, case, total)
