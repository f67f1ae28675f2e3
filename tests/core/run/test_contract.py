"""The interface for engines that support only torch's LRScheduler."""

import io
import json

import pytest
import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

import paramsched as ps
from support.updates import planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), total=20)
LR = planned(PLAN, {"lr": 0.1})


def test_a_scheduler_is_an_instance_of_lr_scheduler_but_not_of_plateau():
    scheduler = ps.Scheduler(probe(), PLAN)

    assert isinstance(scheduler, LRScheduler)
    assert not isinstance(scheduler, ReduceLROnPlateau)


def test_attaching_does_not_replace_the_step_or_the_groups():
    optimizer = probe()
    before = set(optimizer.param_groups[0])

    ps.Scheduler(optimizer, PLAN)

    assert "step" not in vars(optimizer)
    assert set(optimizer.param_groups[0]) - before == {"paramsched", "paramsched_t", "initial_lr"}


def test_group_entries_are_plain_values():
    plan = ps.Plan(ps.Binding("betas[1]", ps.linear(1.0, 0.5)), lr=ps.cosine(), total=20)
    optimizer = probe({"lr": 0.5})
    ps.Scheduler(optimizer, plan)

    run(optimizer, 3)

    (saved,) = optimizer.state_dict()["param_groups"]
    entries = {key: value for key, value in saved.items() if key.startswith("paramsched")}
    record = {"version": 5, "plan": plan.text, "facts": {}, "t": 3, "bases": {"lr": 0.5, "betas_1": 0.999}}
    assert entries == {"paramsched_t": 3, "paramsched": json.dumps(record)}


def test_only_the_first_group_has_the_record_and_each_its_own_bases():
    optimizer = probe({"lr": 0.5}, {"lr": 0.25}, {"lr": 0.5})
    ps.Scheduler(optimizer, PLAN)
    live = [dict(group) for group in run(optimizer, 3).param_groups]

    first, *rest = optimizer.state_dict()["param_groups"]

    assert [group["paramsched"] for group in rest] == [json.dumps({"bases": {"lr": base}}) for base in (0.25, 0.5)]
    assert "t" not in json.loads(live[0]["paramsched"])  # a text that changes would compile a step again
    assert json.loads(first["paramsched"]).items() > json.loads(live[0]["paramsched"]).items()
    assert optimizer.param_groups == live


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_repeated_calls_of_step_change_nothing(calls):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)

    for _ in range(20):
        optimizer.step()
        for _ in range(calls):
            scheduler.step()

    assert used(optimizer) == LR


def test_last_lr_of_tensors_is_a_copy():
    optimizer = probe(lr=torch.tensor(0.5))
    scheduler = ps.Scheduler(optimizer, PLAN)

    kept = scheduler.get_last_lr()
    run(optimizer, 3)

    assert [float(value) for value in kept] == [0.5]


def test_other_base_lrs_are_refused_with_lines_that_set_them():
    optimizer = probe({"lr": 0.1})
    scheduler = ps.Scheduler(optimizer, PLAN)
    (group,) = optimizer.param_groups
    run(optimizer, 2)

    scheduler.base_lrs = [0.1]  # as before
    with pytest.raises(ps.errors.InvalidArgument, match=r"the bases are \[0\.1\]") as refusal:
        scheduler.base_lrs = [0.3]
    names = {"ps": ps, "scheduler": scheduler, "group": group, "optimizer": optimizer, "plan": PLAN}
    exec(f"{str(refusal.value).partition('For example: ')[2].replace('ps.S', 'made = ps.S')}", names)

    assert (names["made"].base_lrs, names["made"].t) == ([0.3], 2)


def test_the_state_loads_with_weights_only():
    plan = ps.Plan(lr=ps.linear(1.0, 0.0) * ps.plateau("loss"), total="2 epochs")
    scheduler = ps.Scheduler(probe({}, {"lr": 0.5}), plan, batches_per_epoch=10, accumulation=2)
    scheduler.observe(loss=1.0)
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)

    assert torch.load(file, weights_only=True) == scheduler.state_dict()


def test_values_uses_the_field_and_group_names_of_a_trace():
    plan = ps.Plan(ps.Binding(ps.Target("temperature", 2.0), "linear(1.0, 0.5)"), lr=ps.linear(1.0, 0.0), total=20)
    optimizer = probe({"name": "body"}, {"name": "head", "lr": 0.5})
    scheduler = ps.Scheduler(optimizer, plan)
    run(optimizer, 5)

    shown = ps.trace(plan, optimizer)

    assert scheduler._values() == {key: shown[key][5] for key in shown.keys()}
    assert scheduler.value("lr", "head") == scheduler.value("lr", 1) == shown["lr", "head"][5]
    assert scheduler.value("temperature") == 1.75
    with pytest.raises(ps.errors.InvalidArgument, match="the plan does not schedule it \\(only lr of group 'body'"):
        scheduler.value("weight_decay")


class Container(torch.optim.Optimizer):
    """A container like TorchTitan's: one group of all parameters without its own values."""

    def __init__(self, *optimizers):
        self.parts = list(optimizers)
        super().__init__(
            [p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]], {}
        )


class Titan(torch.optim.Optimizer):
    """As torchtitan's `OptimizersContainer`: it has groups with an lr, which no step reads."""

    def __init__(self, *optimizers):
        self.optimizers = list(optimizers)
        super().__init__(
            [p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]], {"lr": 0.1}
        )

    def step(self, closure=None):
        for optimizer in self.optimizers:
            optimizer.step()


@pytest.mark.parametrize(
    "container", [lambda *parts: list(parts), tuple, Container, Titan], ids=["list", "tuple", "optimizer", "torchtitan"]
)
def test_a_container_of_optimizers_is_refused_with_the_line_that_works(container):
    parts = probe(), probe()
    optimizers = optimizer = container(parts) if container is tuple else container(*parts)

    with pytest.raises(ps.errors.InvalidArgument, match="of optimizers; give the optimizers names") as refusal:
        ps.Scheduler(optimizer, PLAN)

    line = str(refusal.value).partition("Write ")[2].rstrip(".")
    scheduler = eval(line, {"ps": ps, "plan": PLAN, "optimizer": optimizer, "optimizers": optimizers})
    assert list(scheduler.optimizers.values()) == list(parts)


def test_a_wrapper_of_an_optimizer_with_hooks_is_rejected_with_a_line_that_works():
    from torch.distributed.algorithms.model_averaging.averagers import PeriodicModelAverager
    from torch.distributed.optim import PostLocalSGDOptimizer

    optimizer = PostLocalSGDOptimizer(probe(), PeriodicModelAverager.__new__(PeriodicModelAverager))

    with pytest.raises(ps.errors.InvalidArgument, match="does not call hooks") as refusal:
        ps.Scheduler(optimizer, PLAN)

    assert "Write ps.Scheduler(optimizer.optim, plan)" in str(refusal.value)
    assert ps.Scheduler(optimizer.optim, PLAN).t == 0
