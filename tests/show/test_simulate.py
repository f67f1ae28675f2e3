"""Any built scheduler is simulated on a copy: the values are equal, and the original does not change."""

import copy
import importlib
import importlib.util
import sys
import types

import numpy as np
import pytest
import torch
import torch.optim.lr_scheduler as originals

import paramsched as ps
from paramsched import show
from paramsched.compat import pytorch_accelerated as accelerated_drop_ins
from paramsched.mmengine import schedulers as mmengine_drop_ins

BUILT = {
    "step": lambda o: originals.StepLR(o, 7),
    "cosine": lambda o: originals.CosineAnnealingLR(o, 20),
    "one cycle": lambda o: originals.OneCycleLR(o, 0.5, total_steps=60),
    "cyclic": lambda o: originals.CyclicLR(o, 0.01, 0.1, 5),
    "warm restarts": lambda o: originals.CosineAnnealingWarmRestarts(o, 10, 2),
    "lambda": lambda o: originals.LambdaLR(o, lambda t: 1 / (1 + t)),
    "sequence": lambda o: originals.SequentialLR(o, [originals.LinearLR(o), originals.ExponentialLR(o, 0.9)], [5]),
    "chain": lambda o: originals.ChainedScheduler([originals.ConstantLR(o), originals.ExponentialLR(o, 0.9)]),
    "a plan": lambda o: ps.Scheduler(o, ps.Plan(lr=ps.warmup(10) >> ps.cosine(to=0.1), total=60)),
}


def optimizer() -> torch.optim.SGD:
    groups = [{"params": [torch.nn.Parameter(torch.ones(2))], "lr": lr} for lr in (0.1, 0.02)]
    return torch.optim.SGD(groups, momentum=0.9)


def numbers(optimizer: torch.optim.Optimizer) -> list[dict[str, object]]:
    return [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]


@pytest.mark.parametrize("build", BUILT.values(), ids=BUILT.keys())
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning")
def test_simulated_values_equal_stepped_values(build):
    stepped = optimizer()
    scheduler = build(stepped)

    read = show.simulate(scheduler, 60)

    for t in range(60):
        for index, group in enumerate(stepped.param_groups):
            assert read["lr", index][t] == group["lr"]
            if ("momentum", index) in read.keys():
                assert read["momentum", index][t] == group["momentum"]
        stepped.step()
        scheduler.step()


@pytest.mark.parametrize("build", BUILT.values(), ids=BUILT.keys())
def test_a_simulation_changes_neither_the_scheduler_nor_its_optimizer(build):
    simulated = optimizer()
    scheduler = build(simulated)
    groups = copy.deepcopy(numbers(simulated))
    state = copy.deepcopy(scheduler.state_dict())

    show.simulate(scheduler, 60)

    assert numbers(simulated) == groups
    assert repr(scheduler.state_dict()) == repr(state)


def test_the_copy_that_is_stepped_shares_the_parameters():
    simulated = optimizer()
    seen = []

    show.simulate(originals.ReduceLROnPlateau(simulated), 2, metrics=lambda t, groups: seen.append(groups) or 1.0)

    (groups,) = seen
    assert groups is not simulated.param_groups
    assert all(
        parameter is copied
        for group, copied_group in zip(simulated.param_groups, groups, strict=True)
        for parameter, copied in zip(group["params"], copied_group["params"], strict=True)
    )


@pytest.mark.filterwarnings("ignore:weight_decay of the optimizer is 0")
def test_the_learning_rates_come_first_and_then_the_other_fields_by_name():
    simulated = optimizer()
    plan = ps.Plan(weight_decay=ps.linear(0.1, 0.2), momentum=ps.linear(), lr=ps.cosine(), total=9)

    read = show.simulate(ps.Scheduler(simulated, plan), 9)

    assert read.keys() == tuple((field, group) for field in ("lr", "momentum") for group in (0, 1))


@pytest.mark.parametrize("updates", [0, -1, True, 1.0])
def test_at_least_one_update_is_simulated(updates):
    assert show.simulate(originals.StepLR(optimizer(), 7), 1)["lr", 0].tolist() == [0.1]
    with pytest.raises(ps.errors.InvalidArgument, match="expected a positive number of updates"):
        show.simulate(originals.StepLR(optimizer(), 7), updates)


def test_an_object_without_an_optimizer_is_rejected():
    for nothing in (object(), optimizer()):
        with pytest.raises(ps.errors.InvalidArgument, match="it has no optimizer"):
            show.simulate(nothing, 3)


def test_metrics_may_come_from_a_function_or_a_sequence():
    feed = show.simulate(originals.ReduceLROnPlateau(optimizer()), 30, metrics=lambda t, groups: groups[0]["lr"])
    constant = show.simulate(originals.ReduceLROnPlateau(optimizer()), 30, metrics=[1.0] * 30)

    np.testing.assert_allclose(feed["lr", 0][[0, 11, 12, 24]], [0.1, 0.1, 0.01, 0.001])
    np.testing.assert_allclose(constant["lr", 0][[0, 11, 12, 23]], [0.1, 0.1, 0.01, 0.001])


def test_schedulers_of_other_libraries_are_simulated():
    mmengine = pytest.importorskip("mmengine.optim")
    accelerated = pytest.importorskip("pytorch_accelerated.schedulers")

    line = show.simulate(mmengine.LinearLR(optimizer(), start_factor=0.5, end=5), 8)
    cosine = show.simulate(accelerated.CosineLrScheduler(optimizer(), 2, 10), 20)

    np.testing.assert_allclose(line["lr", 0], [0.05, 0.0625, 0.075, 0.0875, 0.1, 0.1, 0.1, 0.1])
    assert cosine["lr", 0][0] == 0.1
    assert cosine["lr", 0][-1] < 0.01


def test_a_stateless_scheduler_of_pytorch_accelerated_gets_the_number_of_the_update():
    class Falls(accelerated_drop_ins.SchedulerBase):
        def get_updated_values(self, num_updates):
            return [group["initial_lr"] / (1 + num_updates) for group in self.optimizer.param_groups]

    read = show.simulate(Falls(optimizer(), param_group_field="lr"), 4)

    assert read["lr", 0].tolist() == [0.1 / (1 + t) for t in range(4)]


def test_a_scheduler_of_mmengine_gets_the_metric_that_it_monitors():
    scheduler = mmengine_drop_ins.ReduceOnPlateauLR(optimizer(), monitor="loss", patience=1, factor=0.5)

    assert show.simulate(scheduler, 6, metrics=[1.0] * 5)["lr", 0].tolist() == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]


@pytest.fixture
def timm_scheduler(monkeypatch):
    """timm's schedulers without the rest of timm, which needs torchvision to be imported."""
    actual = importlib.util.find_spec("timm")
    if actual is None:
        pytest.skip("timm is not installed")
    bare = types.ModuleType("timm")
    bare.__path__ = list(actual.submodule_search_locations)
    for name in [name for name in sys.modules if name.split(".")[0] == "timm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "timm", bare)
    yield importlib.import_module("timm.scheduler")
    for name in [name for name in sys.modules if name.startswith("timm.")]:
        del sys.modules[name]


@pytest.mark.parametrize("per_epoch", [True, False])
def test_a_timm_scheduler_is_simulated_by_epoch_or_by_update(timm_scheduler, per_epoch):
    stepped = optimizer()
    scheduler = timm_scheduler.CosineLRScheduler(stepped, t_initial=50, warmup_t=10, t_in_epochs=per_epoch)

    read = show.simulate(scheduler, 60)

    for t in range(60):
        assert read["lr", 0][t] == stepped.param_groups[0]["lr"]
        (scheduler.step if per_epoch else scheduler.step_update)(t + 1)
