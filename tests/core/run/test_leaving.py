"""A run that leaves the library: torch's schedulers find the base of lr in `initial_lr`."""

import copy

import pytest
import torch

import paramsched as ps
from support.updates import group, probe, run

SCHEDULERS = torch.optim.lr_scheduler
PLAN = ps.Plan(ps.Binding("weight_decay", ps.linear(1.0, 0.0)), lr=ps.warmup(5) >> ps.cosine(to=0.1), horizon=40)
MAKERS = {
    "LambdaLR": lambda optimizer, at: SCHEDULERS.LambdaLR(optimizer, lambda t: 0.9**t, last_epoch=at),
    "CosineAnnealingLR": lambda optimizer, at: SCHEDULERS.CosineAnnealingLR(optimizer, 100, last_epoch=at),
    "StepLR": lambda optimizer, at: SCHEDULERS.StepLR(optimizer, 3, last_epoch=at),
}


def initial(optimizer):
    return [one.get("initial_lr") for one in optimizer.param_groups]


def rates(optimizer, scheduler, updates=8):
    found = []
    for _ in range(updates):
        optimizer.step()
        scheduler.step()
        found.append([float(one["lr"]) for one in optimizer.param_groups])
    return found


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("leaves", ["detached", "with its checkpoint"])
def test_torchs_scheduler_continues_from_the_true_base(maker, leaves):
    optimizer = probe({}, {"lr": 0.5})
    scheduler = ps.Scheduler(optimizer, PLAN)
    run(optimizer, 17)
    if leaves == "detached":
        scheduler.detach()
    else:
        fresh = probe({}, {"lr": 0.5})
        fresh.load_state_dict(optimizer.state_dict())
        optimizer = fresh
    same = probe({}, {"lr": 0.5})
    for one, ours, base in zip(same.param_groups, optimizer.param_groups, [0.1, 0.5], strict=True):
        one.update(initial_lr=base, lr=ours["lr"])

    found = MAKERS[maker](optimizer, 16)

    assert found.base_lrs == [0.1, 0.5]
    assert rates(optimizer, found) == rates(same, MAKERS[maker](same, 16))


def test_initial_lr_is_the_base_in_force_in_groups_whose_lr_is_planned():
    optimizer = probe({"name": "body"}, {"name": "head", "lr": torch.tensor(0.5, dtype=torch.float64)})
    ps.Scheduler(optimizer, ps.Plan(ps.Binding("lr", ps.cosine(), groups="head"), momentum=ps.linear(), horizon=9))
    run(optimizer, 3)

    assert initial(optimizer) == [None, 0.5]
    assert type(optimizer.param_groups[1]["initial_lr"]) is float
    assert not [key for one in optimizer.param_groups for key in one if key in ("initial_momentum", "initial_betas")]


@pytest.mark.parametrize(("late_groups", "base"), [("base", 0.05), ("present", 0.1)])
def test_a_late_group_gets_its_base(late_groups, base):
    optimizer = probe()
    ps.Scheduler(optimizer, ps.Plan(lr=ps.linear(1.0, 0.0), horizon=8), late_groups=late_groups)
    run(optimizer, 4)
    optimizer.add_param_group(group(lr=0.05))

    run(optimizer, 1)

    assert initial(optimizer) == [0.1, base]


def test_a_loaded_base_replaces_that_of_the_code():
    saved = run(attached := probe(lr=0.2), 0)
    ps.Scheduler(attached, PLAN)
    run(saved, 3)
    optimizer = probe()
    scheduler = ps.Scheduler(optimizer, PLAN)
    assert initial(optimizer) == [0.1]

    optimizer.load_state_dict(saved.state_dict())

    assert initial(optimizer) == scheduler.base_lrs == [0.2]


def test_an_own_initial_lr_never_hides_the_bases_of_torchs_state():
    theirs = probe(lr=0.3)
    state = MAKERS["StepLR"](theirs, -1).state_dict()
    optimizer = probe()
    ps.Scheduler(optimizer, PLAN)
    scheduler = ps.Scheduler(optimizer, PLAN)

    scheduler.load_state_dict(state)

    assert initial(optimizer) == scheduler.base_lrs == [0.3]


def test_an_initial_lr_of_the_code_precedes_the_bases_of_torchs_state_however_often_it_is_loaded():
    optimizer = probe({"initial_lr": 0.2})
    scheduler = ps.Scheduler(optimizer, PLAN)
    for _ in range(2):
        scheduler.load_state_dict(MAKERS["StepLR"](probe(lr=0.3), -1).state_dict())

    assert initial(optimizer) == scheduler.base_lrs == [0.2]


def test_a_start_after_n_updates_still_warns_of_present_bases():
    with pytest.warns(UserWarning, match="starts at update 7 with the present values as bases"):
        ps.Scheduler(probe(), PLAN, t=7)


def test_a_second_plan_takes_initial_lr_and_the_warning_has_the_line_to_avoid_it(caplog):
    optimizer = probe()
    ps.Scheduler(optimizer, PLAN).detach()
    optimizer.param_groups[0]["lr"] = 0.7
    other = copy.deepcopy(optimizer)

    assert ps.Scheduler(optimizer, PLAN).base_lrs == [0.1]
    assert 'del group["initial_lr"]' in caplog.text
    for one in other.param_groups:
        del one["initial_lr"]
    assert ps.Scheduler(other, PLAN).base_lrs == [0.7]


def test_failed_constructions_leave_no_key():
    optimizer = probe()
    with pytest.raises(ps.errors.ParamschedError):
        ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), horizon="3 epochs"))
    with pytest.raises(ps.errors.UnknownField):
        ps.Scheduler(optimizer, ps.Plan(lr=ps.cosine(), nu=ps.linear(), horizon=9))

    assert initial(optimizer) == [None]
