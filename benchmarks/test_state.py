"""The size of a state, and the cost of saving and loading it."""

import pickle

import pytest
import torch

import paramsched as ps

PLAN = ps.Plan(lr=ps.warmup("2%") >> ps.cosine(to=0.1), total="20 epochs")


def scheduler(bases):
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": base} for base in bases])
    return ps.Scheduler(optimizer, PLAN, steps_per_epoch=1000)


def size(bases):
    return float(len(pickle.dumps(scheduler(bases).state_dict())))


def test_equal_bases(report):
    report("state of 1000 groups, equal bases", size([0.1] * 1000), 2048.0, target=1.0, unit="B ")


def test_distinct_bases(report):
    more = size([0.1 + i for i in range(1000)]) - size([0.1] * 1000)

    report("state, bytes more for each of 1000 distinct bases", more / 1000, 9.0, target=1.0, unit="B ")


def test_saving_the_optimizer(report, least):
    bare = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 0.1} for _ in range(100)])
    planned = scheduler([0.1] * 100).optimizer
    best = least({"bare": bare.state_dict, "measured": planned.state_dict}, calls=1, rounds=50)

    report("optimizer.state_dict(), 100 groups", best["measured"], best["bare"], target=1.5)


@pytest.mark.parametrize(("count", "target"), [(1, 7.0), (100, 2.0)])
def test_loading_a_state(report, least, count, target):
    state, other = scheduler([0.1 * (i + 1) for i in range(count)]).state_dict(), scheduler([0.2] * count)
    bare = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 0.1} for _ in range(count)])
    bare_state = bare.state_dict()
    loops = {"bare": lambda: bare.load_state_dict(bare_state), "measured": lambda: other.load_state_dict(state)}
    best = least(loops, calls=1, rounds=50)

    name = f"scheduler.load_state_dict(), {count} groups, vs a bare optimizer"
    report(name, best["measured"], best["bare"], target=target)
