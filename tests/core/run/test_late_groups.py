"""The base of a group that is added during the run: its lr, or derived from its present value."""

import copy

import pytest
import torch

import paramsched as ps
from support.updates import group, planned, probe, run, used

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), horizon=100)
LR = planned(PLAN, {"lr": 0.1})


def joined(plan=PLAN, at=40, lr=0.05, **keywords):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, plan, **keywords)
    run(optimizer, at)
    optimizer.add_param_group(group(lr=lr))
    return optimizer, scheduler


@pytest.mark.parametrize("tensor", [False, True])
def test_a_present_value_is_scaled_by_the_same_factors(tensor, caplog):
    optimizer, _ = joined(late_groups="present", lr=torch.tensor(0.05, dtype=torch.float64) if tensor else 0.05)

    run(optimizer, 30)

    late = [groups[1]["lr"] for groups in optimizer.used[40:]]
    assert late == pytest.approx([0.05 * LR[t] / LR[40] for t in range(40, 70)], rel=1e-14)
    assert used(optimizer) == LR[:70]
    assert "group 1 was added at update 40: its lr 0.05 is used, and the plan continues from it" in caplog.text
    assert 'late_groups="present"' in caplog.text


def test_the_default_rule_is_logged_with_the_other_option(caplog):
    optimizer, _ = joined()

    run(optimizer, 1)

    assert optimizer.used[-1][1]["lr"] == planned(PLAN, {"lr": 0.05})[40]
    assert "is used as its base" in caplog.text
    assert 'write ps.Scheduler(…, late_groups="present")' in caplog.text


@pytest.mark.parametrize("late_groups", ["base", "present"])
@pytest.mark.parametrize(("at", "initial"), [(0, {}), (40, {"initial_lr": 0.02})], ids=["factor 1", "initial_lr"])
def test_a_late_group_with_a_certain_base_is_not_logged(late_groups, at, initial, caplog):
    optimizer, scheduler = joined(at=at, late_groups=late_groups)
    optimizer.param_groups[1].update(initial)

    run(optimizer, 1)

    base = initial.get("initial_lr", 0.05)
    assert scheduler.base_lrs[1] == base
    assert optimizer.used[-1][1]["lr"] == planned(PLAN, {"lr": base})[at]
    assert "was added at update" not in caplog.text


@pytest.mark.parametrize(
    ("schedule", "at"),
    [
        (ps.warmup(10), 0),
        (ps.linear(1.0, 0.0, over=20), 30),
        (ps.constant(ps.absolute(0.3)), 5),
    ],
    ids=["at 0 of a warmup", "after the end at 0", "absolute"],
)
def test_without_a_nonzero_factor_the_lr_is_the_base(schedule, at):
    optimizer, scheduler = joined(ps.Plan(lr=schedule, horizon=100), at=at, late_groups="present")

    run(optimizer, 1)

    assert scheduler.base_lrs[1] == 0.05


SCHEDULES = {
    "sum with an absolute": ps.linear(1.0, 0.1) + ps.constant(ps.absolute(0.01)),
    "clamped": ps.clamp(ps.linear(1.0, 0.0), low=0.2),
    "minimum": ps.minimum(ps.linear(1.0, 0.0), ps.constant(0.7)),
    "with a metric rule": ps.linear(1.0, 0.1) * ps.plateau("loss", patience=0, factor=0.5),
    "to an absolute": ps.linear(1.0, ps.absolute(0.01)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_any_schedule_keeps_the_present_value_when_a_group_is_added(name):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=SCHEDULES[name], horizon=100), late_groups="present")
    if "metric" in name:
        scheduler.observe(loss=1.0), scheduler.observe(loss=1.0)
    run(optimizer, 40)
    optimizer.add_param_group(group(lr=0.05))

    run(optimizer, 1)

    assert optimizer.used[-1][1]["lr"] == pytest.approx(0.05, rel=1e-9)  # solved for the base


def test_a_scheduler_that_takes_over_uses_the_base_that_the_earlier_one_derives_for_a_group_before_its_first_step():
    optimizer, _ = joined(late_groups="present")

    second = ps.Scheduler(optimizer, PLAN)

    assert second.base_lrs == [0.1, pytest.approx(0.05 / 0.6)]


@pytest.mark.parametrize("late_groups", ["base", "present"])
def test_a_checkpoint_saved_before_the_first_step_of_a_late_group_has_its_base(late_groups):
    optimizer, scheduler = joined(late_groups=late_groups)
    other = probe({}, {"lr": 0.9})
    again = ps.Scheduler(other, PLAN)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    alone, undisturbed = joined(late_groups=late_groups)

    for one in (optimizer, other, alone):
        run(one, 3)

    assert scheduler.base_lrs == again.base_lrs == undisturbed.base_lrs
    late = [[groups[1]["lr"] for groups in one.used[-3:]] for one in (optimizer, other, alone)]
    assert late[0] == late[1] == late[2]


@pytest.mark.parametrize("how", ["optimizer", "scheduler", "both", "copy"])
def test_late_groups_survive_saving_loading_and_copying(how):
    optimizer, scheduler = joined(late_groups="present")
    run(optimizer, 5)
    if how == "copy":
        other, again = copy.deepcopy((optimizer, scheduler))
    else:
        other = probe()
        again = ps.Scheduler(other, PLAN, late_groups="present")
        other.add_param_group(group(lr=0.9))
        if how in ("optimizer", "both"):
            other.load_state_dict(optimizer.state_dict())
        if how in ("scheduler", "both"):
            again.load_state_dict(scheduler.state_dict())

    run(optimizer, 5)
    run(other, 5)

    assert [[one["lr"] for one in groups] for groups in other.used[-5:]] == [
        [one["lr"] for one in groups] for groups in optimizer.used[-5:]
    ]
    other.add_param_group(group(lr=0.01))
    run(other, 1)
    assert other.used[-1][2]["lr"] == pytest.approx(0.01, rel=1e-14)
    assert again.last_epoch == 51


@pytest.mark.parametrize("choice", ["now", None, 1, ["base"]])
def test_an_unknown_choice_is_rejected(choice):
    with pytest.raises(ps.errors.InvalidArgument, match='For example: late_groups="present"'):
        ps.Scheduler(probe(), PLAN, late_groups=choice)


def test_the_bases_are_those_of_the_groups_before_the_next_step_too():
    optimizer = probe({"lr": 0.1}, {"lr": 0.2}, lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), horizon=90), late_groups="present")
    run(optimizer, 30)

    del optimizer.param_groups[0]
    assert scheduler.base_lrs == [0.2]
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.3})
    assert scheduler.base_lrs == [0.2, pytest.approx(0.3 / 0.75)]


def test_the_base_of_a_group_is_known_before_its_first_update():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr="linear()", horizon=10), late_groups="present")
    for _ in range(5):
        optimizer.step()

    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.2})

    assert scheduler.base_lrs == [1.0, 0.4]
