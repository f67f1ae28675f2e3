"""A run started with torch's schedulers continues with a plan, with its initial lr at its current update."""

import pytest
import torch

import paramsched as ps
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), total=100)
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


def test_a_new_run_whose_groups_have_an_initial_lr_starts_silently(caplog, recwarn):
    optimizer = adamw()
    optimizer.param_groups[0]["initial_lr"] = 0.1

    ps.Scheduler(optimizer, PLAN)

    assert not caplog.records
    assert not recwarn.list


CONTINUED = [  # a scheduler of torch, the line of the plan, its update, and the jump that is logged
    ("CosineAnnealingLR", "cosine()", 40, ()),
    ("CosineAnnealingLR", 'cosine(index="t/(n-1)")', 40, ()),
    ("CosineAnnealingLR", "cosine()", 4, ("update 4", "lr 0.0996", "0.0654508")),
    ("OneCycleLR", 'one_cycle(index="t/(n-1)")', 40, ("update 40", "lr 0.00376", "base 0.004", "0.0940")),
]


@pytest.mark.parametrize(("maker", "line", "t", "jump"), CONTINUED)
def test_a_plan_that_continues_at_another_value_than_torch_is_logged(maker, line, t, jump, caplog, monkeypatch):
    monkeypatch.setitem(MAKERS, "OneCycleLR", lambda optimizer: SCHEDULERS.OneCycleLR(optimizer, 0.1, total_steps=100))
    saved, _ = torch_run(40, maker)
    optimizer = probe()
    optimizer.load_state_dict(saved)

    ps.Scheduler(optimizer, line, total=100, t=t)

    assert len(caplog.messages) == bool(jump)
    assert all(text in caplog.text for text in jump)


def test_a_plan_continues_a_one_cycle_of_torch_if_the_base_is_written_as_advised(caplog):
    before = probe()
    scheduler = SCHEDULERS.OneCycleLR(before, 0.1, total_steps=100)
    for _ in range(40):
        before.step()
        scheduler.step()
    optimizer = probe()
    optimizer.load_state_dict(before.state_dict())
    optimizer.param_groups[0]["initial_lr"] = 0.1

    ps.Scheduler(optimizer, 'one_cycle(index="t/(n-1)")', total=100, t=40)

    assert optimizer.param_groups[0]["lr"] == pytest.approx(before.param_groups[0]["lr"], rel=1e-12)
    assert caplog.messages == []


@pytest.mark.parametrize("updates", [0, 6])
def test_the_reductions_that_a_state_of_torchs_plateau_has_are_logged(updates, caplog):
    before = probe()
    plateau = SCHEDULERS.ReduceLROnPlateau(before, factor=0.5, patience=1)
    for _ in range(updates):
        before.step()
        plateau.step(1.0)
    scheduler = ps.Scheduler(probe(), 'constant() * plateau("loss", factor=0.5, patience=1)')

    scheduler.load_state_dict(plateau.state_dict())

    jumps = [message for message in caplog.messages if "the plan continues" in message]
    assert len(jumps) == bool(updates)
    assert all("update 6 with lr 0.1 (base 0.1) in place of 0.025" in message for message in jumps)
