# ruff: noqa: C408  # configs are spelled as MMEngine spells them
"""pytorch-accelerated's schedulers in our Runner: built by their factory, stepped after each update, resumed."""

import pytest
import torch
from torch import nn

from paramsched.compat.pytorch_accelerated import CosineLrScheduler, TrainerPlaceholderValues, WSDLrScheduler
from paramsched.errors import InvalidArgument
from paramsched.runner import Hook, Runner, UpdateSchedulerHook
from support.runner_jobs import QUIET, loader, network

FACTORIES = {
    "cosine": CosineLrScheduler.create_scheduler_fn(num_warmup_epochs=1),
    "wsd": WSDLrScheduler.create_scheduler_fn(num_warmup_epochs=1),
    "torch": lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5),
}


class Used(Hook):
    """Record the lr of every update from the optimizer, just before the update."""

    def __init__(self) -> None:
        self.lrs: list[float] = []

    def before_train(self, runner):
        runner.steppers[""].optimizer.register_step_pre_hook(
            lambda optimizer, *_: self.lrs.append(optimizer.param_groups[0]["lr"])
        )


def train(factory, folder, *, epochs=3, batches=8, counts=1, **settings):
    used, hook = Used(), UpdateSchedulerHook(factory)
    Runner(
        model=network(),
        train_dataloader=loader(batches),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=counts),
        custom_hooks=[hook, used],
        work_dir=str(folder),
        loss=nn.functional.cross_entropy,
        **{"default_hooks": QUIET, **settings},
    ).train()
    return used.lrs


def by_hand(factory, *, epochs, updates):
    """Return the values of the same factory with its placeholders replaced manually."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    if hasattr(factory, "keywords"):
        known = {
            TrainerPlaceholderValues.NUM_EPOCHS: epochs,
            TrainerPlaceholderValues.NUM_UPDATE_STEPS_PER_EPOCH: updates,
            TrainerPlaceholderValues.PER_PROCESS_NUM_UPDATE_STEPS_PER_EPOCH: updates,
        }
        given = {
            k: known.get(v, v) if isinstance(v, TrainerPlaceholderValues) else v for k, v in factory.keywords.items()
        }
        scheduler = factory.func(optimizer, **given)
    else:
        scheduler = factory(optimizer)
    values = []
    for _ in range(epochs * updates):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


@pytest.mark.parametrize("name", ["cosine", "torch"])
@pytest.mark.parametrize("counts", [1, 4])
def test_each_update_uses_the_values_of_a_manually_built_scheduler(name, counts, tmp_path):
    used = train(FACTORIES[name], tmp_path, counts=counts)

    assert used == by_hand(FACTORIES[name], epochs=3, updates=8 // counts)


def test_placeholders_are_replaced_by_run_facts(tmp_path):
    seen = {}

    class CallSite(CosineLrScheduler):
        def __init__(self, optimizer, total_num_epochs, num_update_steps_per_epoch, **more):
            seen.update(epochs=total_num_epochs, updates=num_update_steps_per_epoch)
            super().__init__(optimizer, total_num_epochs, num_update_steps_per_epoch, **more)

    train(CallSite.create_scheduler_fn(), tmp_path, epochs=2, batches=8, counts=4)

    assert seen == {"epochs": 2, "updates": 2}


@pytest.mark.parametrize("name", ["cosine", "wsd"])
def test_a_resumed_run_uses_the_same_values_as_an_uninterrupted_one(name, tmp_path):
    saving = {"default_hooks": {**QUIET, "checkpoint": dict(type="CheckpointHook", interval=1)}}
    steps = {"total_num_epochs": 3}
    factory = FACTORIES[name].func.create_scheduler_fn(num_warmup_epochs=1, **steps)

    whole = train(factory, tmp_path / "whole", epochs=3)
    first = train(factory, tmp_path / "parts", epochs=2, **saving)
    rest = train(factory, tmp_path / "parts", epochs=3, resume=True, **saving)

    assert first + rest == whole


def test_an_object_that_is_not_a_factory_is_rejected_with_the_line_to_write():
    with pytest.raises(InvalidArgument, match="create_scheduler_fn"):
        UpdateSchedulerHook("cosine")
