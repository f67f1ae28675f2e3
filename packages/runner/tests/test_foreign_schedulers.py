"""Our Runner with other schedulers: MMEngine's own, and user classes that do not construct their base."""

# ruff: noqa: C408  # the configs are written as MMEngine's users write them

import warnings
from typing import Any

import pytest
import torch

import paramsched as ps
from paramsched.mmengine import schedulers as drop_ins
from paramsched.mmengine.runner import Runner
from support.runner_jobs import QUIET, Recorder, loader, network


def used(scheduler_of: Any, tmp_path: Any) -> list[float]:
    """Return the lr of every update of three epochs of two batches."""
    model = network()
    wrapper = drop_ins.OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    recorder = Recorder(lambda optimizer: optimizer.param_groups[0]["lr"])
    recorder.watch(wrapper.optimizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Runner(
            model=model,
            loss=torch.nn.CrossEntropyLoss(),
            work_dir=str(tmp_path),
            train_dataloader=loader(2),
            optim_wrapper=wrapper,
            param_scheduler=scheduler_of(wrapper),
            train_cfg=dict(by_epoch=True, max_epochs=3),
            default_hooks=QUIET,
        ).train()
    return recorder.rows


class Own(drop_ins._ParamScheduler):
    """A class that never constructs its base."""

    by_epoch = True

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.count = 0

    def step(self) -> None:
        self.count += 1
        self.optimizer.param_groups[0]["lr"] = 0.1 / 2**self.count


class Patient(drop_ins.ReduceOnPlateauLR):
    """A plateau that never constructs its base."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.by_epoch = True

    def step(self, metrics: Any = None) -> None:
        self.optimizer.param_groups[0]["lr"] /= 2


@pytest.mark.parametrize("cls", [Own, Patient])
def test_a_users_class_without_its_base_trains(cls: Any, tmp_path: Any) -> None:
    assert used(cls, tmp_path) == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])


def test_mmengines_own_schedulers_train(tmp_path: Any) -> None:
    original = pytest.importorskip("mmengine.optim.scheduler")

    def built(optimizer: Any) -> list[Any]:
        inner = optimizer.optimizer
        return [original.StepLR(inner, 1, 0.5), original.ReduceOnPlateauLR(inner)]

    assert used(built, tmp_path) == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])


def test_a_class_of_mmengines_registry_is_built_by_its_name(tmp_path: Any) -> None:
    registry = pytest.importorskip("mmengine.registry").PARAM_SCHEDULERS

    @registry.register_module(name="HalvedEachEpoch", force=True)
    class HalvedEachEpoch(Own):
        def __init__(self, optimizer: Any, end: int) -> None:
            super().__init__(optimizer)

    assert used(lambda _: {"type": "HalvedEachEpoch"}, tmp_path) == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])


def test_a_scheduler_beside_the_plan_of_an_optimizer_is_reported_before_the_first_update(tmp_path):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plan = ps.Scheduler(optimizer, "linear()", total=6, strict=True)

    with pytest.raises(ps.PlanWarning) as refusal:
        Runner(
            model=model,
            loss=torch.nn.CrossEntropyLoss(),
            work_dir=str(tmp_path),
            train_dataloader=loader(2),
            optim_wrapper=optimizer,
            param_scheduler=dict(type="LinearLR"),
            train_cfg=dict(by_epoch=True, max_epochs=3),
            default_hooks=QUIET,
        ).train()

    assert "LinearLR" in refusal.value.problem.found
    assert plan.t == 0
