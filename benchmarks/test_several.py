"""What one plan for several optimizers costs: an update is a step of each of them.

The floor has empty pre- and post-hooks on each optimizer. One Scheduler for each is the way without this feature.
"""

import pytest
import torch

import paramsched as ps

PLAN = ps.Plan(lr=ps.warmup(100) >> ps.cosine(to=0.1), total=10**7)


class Bare(torch.optim.Optimizer):
    """A step with hooks and no arithmetic."""

    def __init__(self):
        super().__init__([torch.zeros(1)], {"lr": 0.1, "weight_decay": 0.01})

    def step(self, closure=None):
        pass


def optimizers(count):
    return {f"layers.{index}.weight": Bare() for index in range(count)}


def nothing(optimizer, args, kwargs):
    pass


def updates(made, rounds):
    together = list(made.values())

    def loop():
        for _ in range(rounds):
            for one in together:
                one.step()

    return loop


@pytest.mark.parametrize(
    ("count", "drive", "target"),
    [(2, "shared", 1.3), (30, "shared", 1.4), (300, "shared", 1.8), (2, "driven", 1.4), (300, "driven", 1.8)],
)
@pytest.mark.parametrize("floor", ["empty hooks", "one Scheduler each"])
def test_an_update_of_several_optimizers(report, least, count, drive, target, floor):
    rounds = max(20, 4096 // count)
    beside, planned = optimizers(count), optimizers(count)
    for one in beside.values():
        if floor == "empty hooks":
            one.register_step_pre_hook(nothing)
            one.register_step_post_hook(nothing)
        else:
            ps.Scheduler(one, PLAN)
    ps.Scheduler(planned, PLAN, drive="optimizer" if drive == "shared" else list(planned)[-1])
    best = least({"floor": updates(beside, rounds), "measured": updates(planned, rounds)}, calls=rounds)

    what = f"update of {count} optimizers, {drive}, vs {floor}"
    report(what, best["measured"], best["floor"], target=target if floor == "empty hooks" else 1.1)


def test_600_optimizers_cost_twice_as_much_as_300(report, least):
    made = {count: optimizers(count) for count in (300, 600)}
    for found in made.values():
        ps.Scheduler(found, PLAN)
    best = least({str(count): updates(found, 30) for count, found in made.items()}, calls=30)

    report("update of 600 optimizers, vs 300", best["600"], best["300"], target=2.2)


def test_constructing_300(report, least):
    def construct(count):
        made = optimizers(count)
        return lambda: ps.Scheduler(made if count > 1 else next(iter(made.values())), PLAN, t=0).detach()

    best = least({"300": construct(300), "1": construct(1)}, calls=1, rounds=9)

    report("constructing for 300 optimizers, vs 1", best["300"], best["1"], target=150)
