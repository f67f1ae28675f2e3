"""Invalid groups are rejected with the library's exceptions before the optimizer steps."""

import pytest
import torch

import paramsched as ps
from paramsched.errors import ParamschedError, PlanError, StateError
from support.records import record_in
from support.tables import table
from support.updates import group, probe, run

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 0.9), horizon=20)
NAMED = ps.Plan(ps.Binding("momentum", ps.linear(1.0, 0.9), groups="head"), lr=ps.linear(1.0, 0.0), horizon=20)
SPOILED = [None, 0.9, (), (0.9,), "ab", (None, 0.9), ("x", 0.9), (True, 0.9), (1j, 0.9), (0.9, 0.99, 0.999)]


def without_momentum(optimizer):
    for one in optimizer.param_groups:
        del one["momentum"]
    return optimizer


def pair(plan=PLAN):
    optimizer = without_momentum(probe({}, {"name": "head"}))
    return optimizer, ps.Scheduler(optimizer, plan)


@pytest.mark.parametrize(("plan", "index"), [(PLAN, 0), (PLAN, 1), (NAMED, 1)], ids=["first", "second", "named"])
@table("betas", SPOILED)
@pytest.mark.parametrize("updates", [0, 3, 33])
def test_invalid_betas_are_rejected_before_the_step_and_repaired_ones_continue(plan, index, betas, updates):
    optimizer, scheduler = pair(plan)
    run(optimizer, updates)
    before = optimizer.param_groups[index]["betas"]

    optimizer.param_groups[index]["betas"] = betas
    for _ in range(2):
        with pytest.raises(ParamschedError, match="betas"):
            optimizer.step()
    assert len(optimizer.used) == updates

    optimizer.param_groups[index]["betas"] = before
    run(optimizer, 2)
    assert scheduler.last_epoch == updates + 2


@pytest.mark.parametrize("betas", [*SPOILED, (0.9, None)], ids=repr)
def test_invalid_betas_in_a_checkpoint_are_rejected_and_nothing_is_loaded(betas):
    saved = pair()[0].state_dict()
    saved["param_groups"][1]["betas"] = betas
    optimizer, _ = pair()
    run(optimizer, 2)
    before = [dict(one) for one in optimizer.param_groups]

    with pytest.raises(ParamschedError, match="betas"):
        optimizer.load_state_dict(saved)

    assert optimizer.param_groups == before


@table("lr", [None, "0.1", float("nan"), float("inf"), 10**400, 1j, True, [0.1]])
@pytest.mark.parametrize("how", ["attached", "late"])
def test_an_lr_that_cannot_be_a_base_is_rejected_with_its_group_before_any_write(lr, how):
    optimizer = without_momentum(probe({}))
    if how == "late":
        ps.Scheduler(optimizer, PLAN)
        run(optimizer, 1)
    late = {**optimizer.defaults, **group(lr=lr, name="head")}
    del late["momentum"]
    optimizer.param_groups.append(late)
    before = [dict(one) for one in optimizer.param_groups]

    with pytest.raises(PlanError, match=r"lr.* (in|of) group 'head'"):
        ps.Scheduler(optimizer, PLAN) if how == "attached" else optimizer.step()

    assert [dict(one) for one in optimizer.param_groups] == before
    assert len(optimizer.used) == (how == "late")


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
def test_removing_all_groups_is_detected_before_the_step(drive):
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, ONLY_LR, drive=drive)

    optimizer.param_groups.clear()
    for call in (optimizer.step if drive == "optimizer" else scheduler.step, scheduler._values, scheduler.state_dict):
        with pytest.raises(StateError, match="param_groups is empty"):
            call()
    assert optimizer.used == []
    scheduler.detach()


ONLY_LR = ps.Plan(lr=ps.linear(1.0, 0.0), horizon=20)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@pytest.mark.parametrize("index", [0, 1])
def test_a_removed_field_is_refused_until_it_is_written_again(drive, index):
    optimizer = probe({}, {})
    scheduler = ps.Scheduler(optimizer, ONLY_LR, drive=drive)
    step = optimizer.step if drive == "optimizer" else scheduler.step
    step()

    del optimizer.param_groups[index]["lr"]
    with pytest.raises(PlanError, match=f'"lr" in group {index}'):
        step()
    optimizer.param_groups[index]["lr"] = 0.1
    step()

    assert [one["lr"] for one in optimizer.param_groups] == [0.1 * (1 - scheduler.t / 20)] * 2


def test_a_removed_field_is_restored_by_a_checkpoint():
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    saved = run(optimizer, 2).state_dict()
    saved["param_groups"] = [dict(one) for one in saved["param_groups"]]
    run(optimizer, 2)
    del optimizer.param_groups[0]["lr"]

    optimizer.load_state_dict(saved)

    assert (scheduler.t, optimizer.param_groups[0]["lr"]) == (2, pytest.approx(0.1 * 18 / 20))


def test_groups_removed_by_the_closure_are_detected_after_the_step():
    optimizer = probe()
    ps.Scheduler(optimizer, ONLY_LR)

    with pytest.raises(StateError, match="param_groups is empty"):
        optimizer.step(optimizer.param_groups.clear)


def test_group_keys_that_are_not_text_are_ignored():
    optimizer = probe()
    optimizer.param_groups[0].update({5: "five", None: 1.0, ("a",): 2})

    scheduler = ps.Scheduler(optimizer, ONLY_LR)
    run(optimizer, 3)
    optimizer.load_state_dict(optimizer.state_dict())
    with pytest.raises(PlanError, match="did you mean"):
        ps.Scheduler(optimizer, ps.Plan(weight_deca=ps.cosine(), horizon=10))
    scheduler.detach()

    assert {5, None, ("a",)} < optimizer.param_groups[0].keys()


@pytest.mark.parametrize("key", ["paramsched_t", "paramsched"])
@table("value", ["x", float("nan"), [1], True, torch.tensor(1.5)])
@pytest.mark.parametrize("index", [0, 1])
def test_an_invalid_entry_in_a_checkpoint_is_rejected_with_its_name(key, value, index):
    saved = pair()[0].state_dict()
    saved["param_groups"][index][key] = value
    optimizer, scheduler = pair()

    with pytest.raises(StateError, match=rf"param_groups\[{index}\]\['{key}'\] is"):
        optimizer.load_state_dict(saved)

    assert scheduler.last_epoch == 0


@pytest.mark.parametrize("metric", [10**400, -(10**400), 1j, "1", None, [1.0], True], ids=repr)
def test_a_metric_that_is_not_a_number_is_rejected_and_changes_nothing(metric):
    plan = ps.Plan(lr=ps.linear(1.0, 0.0) * ps.plateau("loss"), horizon=20)
    scheduler = ps.Scheduler(probe(), plan)
    before = scheduler.states

    with pytest.raises(ps.errors.InvalidArgument, match=r"observe\(loss=…\)"):
        scheduler.observe(loss=metric)

    assert scheduler.states == before


@pytest.mark.parametrize("t", [10**400, 2**62, -1, 1.5, True, "3", None, float("inf")], ids=repr)
def test_an_invalid_update_count_is_rejected(t):
    scheduler = ps.Scheduler(probe(), ONLY_LR)

    with pytest.raises(ps.errors.InvalidTime):
        scheduler.seek(t)

    assert scheduler.last_epoch == 0


RISING = ps.Plan(lr=ps.linear(1.0, 0.0), momentum=ps.linear(1.0, 1.05), horizon=20)


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@table("late", [{"momentum": 0.99}, {"lr": float("nan")}, {"lr": None}, {"betas": (0.9,)}])
def test_a_late_group_that_the_step_refuses_does_not_prevent_a_checkpoint(drive, late):
    optimizer = probe({})
    scheduler = ps.Scheduler(optimizer, RISING, drive=drive)
    step = optimizer.step if drive == "optimizer" else scheduler.step
    step()
    bases = record_in(scheduler.state_dict())["bases"]
    added = {**group(), **late}
    optimizer.param_groups.append(added)
    before = dict(added)

    own, of_scheduler = optimizer.state_dict(), scheduler.state_dict()

    with pytest.raises(ParamschedError):
        step()
    assert {name: added[name] for name in before} == before or late["lr"] != late["lr"]
    assert record_in(of_scheduler)["bases"].keys() == bases.keys()
    own["param_groups"].pop()  # as of a run that has removed the group again
    resumed = probe({})
    ps.Scheduler(resumed, RISING)
    resumed.load_state_dict(own)
    optimizer.param_groups.pop()
    step()
    run(resumed, 1)
    assert resumed.param_groups[0]["momentum"] == optimizer.param_groups[0]["momentum"]
