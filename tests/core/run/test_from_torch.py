"""A run started with torch's schedulers continues with a plan, with its initial lr at its current update."""

import logging

import pytest
import torch

import paramsched as ps
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), horizon=100)
LR = planned(PLAN, {"lr": 0.1})
SCHEDULERS = torch.optim.lr_scheduler
MAKERS = {
    "StepLR": lambda optimizer: SCHEDULERS.StepLR(optimizer, 3),
    "LambdaLR": lambda optimizer: SCHEDULERS.LambdaLR(optimizer, lambda t: 0.9**t),
    "CosineAnnealingLR": lambda optimizer: SCHEDULERS.CosineAnnealingLR(optimizer, 100),
    "SequentialLR": lambda optimizer: SCHEDULERS.SequentialLR(
        optimizer, [SCHEDULERS.LinearLR(optimizer, 0.5, total_iters=2), SCHEDULERS.StepLR(optimizer, 3)], [2]
    ),
    "ChainedScheduler": lambda optimizer: SCHEDULERS.ChainedScheduler(
        [SCHEDULERS.LinearLR(optimizer, 0.5, total_iters=2), SCHEDULERS.StepLR(optimizer, 3)]
    ),
}


def torch_run(updates=7, maker="StepLR", make=probe):
    """Return the states saved by a run with one of torch's schedulers."""
    optimizer = make()
    scheduler = MAKERS[maker](optimizer)
    for _ in range(updates):
        optimizer.step()
        scheduler.step()
    return optimizer.state_dict(), scheduler.state_dict()


def adamw():
    return torch.optim.AdamW([group()["params"][0]], lr=0.1)


@pytest.mark.parametrize("order", ["load, then build", "build, then load"])
def test_initial_lr_is_the_base_and_t_sets_the_position(order, caplog):
    saved, _ = torch_run()
    optimizer = probe()

    if order == "load, then build":
        optimizer.load_state_dict(saved)
    scheduler = ps.Scheduler(optimizer, PLAN, t=7)
    if order == "build, then load":
        optimizer.load_state_dict(saved)

    assert (scheduler.last_epoch, scheduler.base_lrs) == (7, [0.1])
    assert "base of lr in group 0: 0.1 in initial_lr, 0.001" in caplog.text
    run(optimizer, 3)
    assert used(optimizer) == LR[7:10]


def test_a_state_of_torch_that_is_loaded_again_goes_back_to_t():
    saved, _ = torch_run()
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, t=7)
    run(optimizer, 3)

    optimizer.load_state_dict(saved)

    assert (scheduler.last_epoch, scheduler.get_lr()) == (7, [LR[7]])


@pytest.mark.parametrize("make", [probe, adamw])
def test_without_t_the_error_has_a_line_that_works_in_both_load_orders(make, caplog):
    saved, _ = torch_run(make=make)
    first, second = make(), make()

    first.load_state_dict(saved)
    with caplog.at_level(logging.WARNING, "paramsched"):
        built = ps.Scheduler(first, PLAN)
    loaded = ps.Scheduler(second, PLAN)
    with pytest.warns(UserWarning, match=r"call scheduler\.seek\(n\)") as told:
        second.load_state_dict(saved)

    assert "write ps.Scheduler(optimizer, plan, t=n)" in caplog.text
    assert ("its own state counts 7" in caplog.text) == (make is adamw)
    assert ("its own state counts 7" in str(told[0].message)) == (make is adamw)
    for scheduler in (built, loaded):
        assert (scheduler.last_epoch, scheduler.base_lrs) == (0, [0.1])
        scheduler.seek(7)
        assert scheduler.get_lr() == [LR[7]]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("first", ["optimizer", "scheduler"])
def test_a_state_of_torchs_scheduler_sets_the_position(maker, first, caplog):
    saved, state = torch_run(maker=maker)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN, t=0)

    if first == "optimizer":
        optimizer.load_state_dict(saved)
    scheduler.load_state_dict(state)
    caplog.clear()
    if first == "scheduler":
        scheduler = ps.Scheduler(optimizer, PLAN)

    assert (scheduler.last_epoch, scheduler.base_lrs) == (7, [0.1])
    run(optimizer, 2)
    assert used(optimizer) == LR[7:9]


def test_the_count_in_the_optimizer_state_beats_that_of_torchs_scheduler(caplog):
    saved, state = torch_run(make=adamw)
    state["last_epoch"] = 14  # stepped by each of two processes
    optimizer = adamw()
    scheduler = ps.Scheduler(optimizer, PLAN, t=0)

    optimizer.load_state_dict(saved)
    scheduler.load_state_dict(state)

    assert scheduler.last_epoch == 7
    assert "7 updates, the count in the optimizer's own state" in caplog.text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.1", 1j])
def test_an_initial_lr_that_is_not_a_number_is_rejected(value):
    optimizer = probe()
    optimizer.param_groups[0]["initial_lr"] = value

    with pytest.raises(ps.errors.PlanError, match="initial_lr of group 0"):
        ps.Scheduler(optimizer, PLAN)


def test_initial_values_of_other_fields_are_bases():
    optimizer = probe({"initial_weight_decay": 0.3, "weight_decay": 0.1})

    scheduler = ps.Scheduler(optimizer, ps.Plan(weight_decay=ps.linear(1.0, 0.0), horizon=10))

    assert scheduler.value("weight_decay") == 0.3


def test_a_new_run_whose_groups_have_an_initial_lr_starts_silently(caplog, recwarn):
    optimizer = adamw()
    optimizer.param_groups[0]["initial_lr"] = 0.1

    ps.Scheduler(optimizer, PLAN)

    assert not caplog.records
    assert not recwarn.list
