"""A scheduler that Lightning or Accelerate steps besides a plan is named before the first update."""

import re
import warnings
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.engines.other_schedulers import warn_of_other_schedulers
from support.engine_runs import harness
from support.tables import table

LR = ps.Plan(lr="cosine()", horizon=54)
DECAY = ps.Plan(weight_decay="cosine()", horizon=54)


def step_of(optimizer: Any) -> Any:
    return lr_scheduler.StepLR(optimizer, 9)


def chain_of(optimizer: Any) -> Any:
    return lr_scheduler.SequentialLR(optimizer, [lr_scheduler.LinearLR(optimizer), step_of(optimizer)], [5])


def plateau_of(optimizer: Any) -> Any:
    return lr_scheduler.ReduceLROnPlateau(optimizer)


def plan_of(optimizer: Any) -> Any:
    return ps.Scheduler(optimizer, LR)


CASES = [(LR, step_of, "StepLR"), (LR, chain_of, "SequentialLR"), (LR, plan_of, None), (DECAY, step_of, None)]


def named(told: list[Any], site: str) -> list[str]:
    """Return the classes of the schedulers that were warned of at a place."""
    found = (re.match(rf"{site}: (\w+) also writes", str(one.message)) for one in told)
    return [one[1] for one in found if one is not None]


@table(("plan", "make", "name"), [*CASES, (LR, plateau_of, "ReduceLROnPlateau")])
def test_a_scheduler_of_accelerate_is_named_when_the_plan_is_attached(plan, make, name):
    accelerate, engine = pytest.importorskip("accelerate"), pytest.importorskip("paramsched.engines.accelerate")
    accelerator, optimizer = accelerate.Accelerator(cpu=True), harness.optimizer_of(harness.Tiny())
    other = harness.optimizer_of(harness.Tiny())  # the other phase of a GAN, without a plan
    loader = DataLoader(harness.Numbers(), harness.BATCH)
    optimizer, other, loader, *_ = accelerator.prepare(optimizer, other, loader, make(optimizer), step_of(other))

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        engine.scheduler(accelerator, optimizer, plan, loader)

    assert named(told, "accelerator.prepare") == [name] * (name is not None)


@table(("plan", "make", "name"), CASES)
def test_a_scheduler_of_lightning_is_named_before_the_first_update(plan, make, name):
    pl = pytest.importorskip("lightning.pytorch")
    lightning = pytest.importorskip("paramsched.engines.lightning")

    class Module(pl.LightningModule):  # type: ignore[misc,name-defined]  # imported only if it is installed
        def __init__(self) -> None:
            super().__init__()
            self.net = harness.Tiny()

        def configure_optimizers(self) -> Any:
            optimizer = harness.optimizer_of(self.net)
            return [optimizer], [make(optimizer)]

        def training_step(self, batch: Any, index: int) -> Any:
            return torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])

        def on_train_batch_start(self, batch: Any, index: int) -> None:
            at_start.extend(told)

    at_start = list[Any]()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        trainer = pl.Trainer(
            accelerator="cpu", max_steps=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, callbacks=[lightning.PlanCallback(plan)],
        )  # fmt: skip
        trainer.fit(Module(), DataLoader(harness.Numbers(), harness.BATCH))

    assert named(at_start, "configure_optimizers") == [name] * (name is not None)


def test_only_the_optimizers_whose_lr_is_planned_count():
    critic, generator = harness.optimizer_of(harness.Tiny()), harness.optimizer_of(harness.Tiny())
    plan = ps.Plan(ps.Binding("lr", "cosine()", groups="critic"), horizon=9)
    made = ps.Scheduler({"critic": critic, "generator": generator}, plan)

    with pytest.warns(UserWarning, match="StepLR") as told:
        warn_of_other_schedulers(made, [chain_of(generator), step_of(critic)], "here")
    assert named(list(told), "here") == ["StepLR"]
