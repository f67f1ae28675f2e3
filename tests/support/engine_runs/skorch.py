"""skorch: `initialize` and `partial_fit`, `fit` with a callback, and Accelerate.

A net accumulates by the train_step of skorch's documentation.
"""

from typing import Any

import torch
from accelerate import Accelerator
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback
from skorch.hf import AccelerateMixin

import paramsched as ps
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
    tokens_in,
    updates,
    world_size,
)


class Net(NeuralNetRegressor):
    """A net that steps after `accumulation` batches and records the used values. `ramp`: its batches grow."""

    def __init__(self, *args: Any, accumulation: int = 1, ramp: bool = False, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self.accumulation = accumulation
        self.ramp = ramp

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


class Counting(Callback):
    """Reports the tokens of each batch to the Scheduler of a net."""

    def __init__(self, scheduler: ps.Scheduler) -> None:
        self.scheduler = scheduler

    def on_batch_begin(self, net: Any, batch: Any = None, training: bool = False, **keywords: Any) -> None:
        self.scheduler.consumed(tokens=tokens_in(batch[0]))


class Planned(Callback):
    """Attaches a plan when a training begins."""

    def __init__(self, plan: ps.Plan, total: int) -> None:
        self.plan = plan
        self.total = total

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **keywords: Any) -> None:  # noqa: N803  # skorch's name
        ps.Scheduler(net.optimizer_, self.plan, total=self.total)


def train(case: Case) -> Run:
    # With AccelerateMixin only the last batch of a window reaches the update: skorch zeroes gradients before it.
    data = Numbers(case.overflow, samples=80, overflow_index=28)
    total = updates(len(data) // BATCH // world_size(), case)
    if case.variant == "accelerate":
        accelerator = Accelerator(cpu=True, gradient_accumulation_steps=case.accumulation)
        if case.overflow:
            accelerator.scaler = scaler()
        options = {"batch_size": BATCH, "max_epochs": epochs_of(case), "train_split": None, "verbose": 0}
        net: Any = AcceleratedNet(Tiny, criterion=Loss, accelerator=accelerator, **options)
    elif case.variant == "fit":
        net = net_of(case, Planned(plan_of(case), total)).fit(data.x.numpy(), data.y.numpy())
        return result(net.used_, case, total)
    else:
        net = net_of(case)
    net.initialize()
    scheduler = ps.Scheduler(net.optimizer_, plan_of(case), total=total if case.clock == "updates" else None)
    if case.clock == "tokens":
        net.callbacks_.append(("counting", Counting(scheduler)))

    net.partial_fit(data.x.numpy(), data.y.numpy())

    return result(net.used_, case, total)
