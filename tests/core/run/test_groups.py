"""Groups that are added, removed or reordered."""

import pytest

import paramsched as ps
from support.updates import planned, probe

PLAN = ps.Plan(lr=ps.linear(1.0, 0.0), weight_decay=ps.linear(1.0, 0.5), horizon=20)


def lr(base):
    return planned(PLAN, {"lr": base, "weight_decay": 0.01})


def copy_all(optimizer):
    optimizer.param_groups = [dict(group) for group in optimizer.param_groups]


def copy_the_last(optimizer):
    optimizer.param_groups[-1] = dict(optimizer.param_groups[-1])


def turn_round(optimizer):
    optimizer.param_groups.reverse()


@pytest.mark.parametrize("drive", ["optimizer", "manual"])
@pytest.mark.parametrize("exchange", [copy_all, copy_the_last, turn_round])
def test_a_target_receives_each_value_once_even_if_the_groups_change(drive, exchange):
    told, line = [], ps.linear(1.0, 0.0)
    plan = ps.Plan(ps.Binding(ps.Target("rate", 2.0, told.append), line), lr=line, horizon=50)
    optimizer = probe({"lr": 0.1}, {"lr": 0.2})
    scheduler = ps.Scheduler(optimizer, plan, drive=drive)

    for t in range(40):
        if t % 3 == 1:
            exchange(optimizer)
        optimizer.step()
        scheduler.step()

    assert told == [2.0 * plan.resolve(ps.Calendar()).bindings[1].schedule(t) for t in range(41)]
