"""A Scheduler on a clock that counts an amount uses the traced values bit for bit."""

import contextlib

import pytest
import torch

import paramsched as ps
from paramsched.errors import PlanError

LR = 'warmup("1000 samples") >> cosine(to=0.1, over="2 epochs") >> constant(0.1)'
FACTS = ps.Calendar(batch_size=8, steps_per_epoch=100, seconds_per_step=0.3)


def optimizer_of(groups, *, tensors=False):
    made = [0.1 * (index + 1) for index in range(groups)]
    rates = [torch.tensor(lr, dtype=torch.float64) for lr in made] if tensors else made
    return torch.optim.SGD([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr} for lr in rates], lr=0.1)


def plan_on(clock):
    target = ps.Binding(ps.Target("temperature", 2.0), "linear(1, 0.25) * cosine(to=0.5)")
    return ps.Plan(target, lr=LR, clock=clock, horizon="500 steps")


def require_as_traced(optimizer, scheduler, shown, t):
    for index, group in enumerate(optimizer.param_groups):
        assert float(group["lr"]) == shown["lr", index][t]
    for key, value in scheduler._values().items():
        assert value == shown[key][t]


def test_a_batch_size_below_1_is_rejected_before_any_write():
    optimizer = optimizer_of(1)
    before = dict(optimizer.param_groups[0])
    batch = ps.Binding(ps.Target("batch_size", 8.0), "linear(1, 0)")
    with pytest.raises(PlanError, match="a size must be an integer of at least 1"):
        ps.Scheduler(optimizer, ps.Plan(batch, lr="cosine()", clock="samples", horizon="1000 samples"))
    assert optimizer.param_groups[0] == before


@pytest.mark.parametrize("kept", ["optimizer", "scheduler"])
def test_a_run_resumes_from_either_checkpoint(kept):
    optimizer, again = optimizer_of(2), optimizer_of(2)
    shown = ps.trace(plan_on("samples"), optimizer, FACTS)
    scheduler = ps.Scheduler(optimizer, plan_on("samples"), calendar=FACTS)
    for _ in range(300):
        optimizer.step()
    second = ps.Scheduler(again, plan_on("samples"), calendar=FACTS)
    if kept == "optimizer":
        again.load_state_dict(optimizer.state_dict())
    else:
        second.load_state_dict(scheduler.state_dict())
    for t in range(300, 320):
        require_as_traced(again, second, shown, t)
        again.step()


def test_a_changed_clock_is_logged(caplog):
    optimizer = optimizer_of(1)
    ps.Scheduler(optimizer, ps.Plan(lr="linear(1, 0)", horizon=2500))
    optimizer.step()
    ps.Scheduler(optimizer, plan_on("samples"), calendar=FACTS)
    assert "clock: updates -> samples" in caplog.text


def test_a_mix_of_two_plans_keeps_the_clock_of_each_field():
    def plan(clock):
        return ps.Plan(
            lr='linear(1, 0, over="8000 samples")', weight_decay="linear(1, 0)", clock=clock, horizon="8000 samples"
        )

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, weight_decay=0.1)
    calendar = ps.Calendar(batch_size=8)
    ps.Scheduler(optimizer, plan("samples"), calendar=calendar)
    scheduler = ps.Scheduler(optimizer, plan("updates"), calendar=calendar, on_change={"lr": "checkpoint"})
    assert scheduler.plan.clock == {"lr": "samples"}
    optimizer.step()
    assert scheduler.value("lr") == 0.1 * (1 - 8 / 8000)


@pytest.mark.parametrize(("share", "is_refused"), [("89.9%", True), ("90%", True), ("90.1%", False), ("90.5%", False)])
def test_a_plan_by_amounts_that_is_outside_for_a_tenth_of_the_run_is_rejected(share, is_refused):
    plan = ps.Plan(lr=f'constant(1, "{share}") >> constant(-0.5)', clock="tokens", horizon="1000 tokens")
    refused = (
        pytest.raises(ps.errors.ParamschedError, match="falls below 0") if is_refused else contextlib.nullcontext()
    )

    with refused:
        ps.Scheduler(optimizer_of(1), plan)
