"""The cost of `scheduler.seek`, including the write to the groups, compared with one step of torch's scheduler."""

import pytest
import torch

import paramsched as ps

PLAN = ps.Plan(lr=ps.warmup(1000) >> ps.cosine(to=0.1), total=10**7)


@pytest.mark.parametrize("count", [1, 10, 100])
@pytest.mark.parametrize("distinct", [False, True])
def test_seek(report, least, count, distinct):
    optimizer = torch.optim.SGD(
        [{"params": [torch.zeros(1)], "lr": 0.1 * (1 + i * distinct)} for i in range(count)], lr=0.1
    )
    other = torch.optim.SGD([dict(group) for group in optimizer.param_groups])
    original = torch.optim.lr_scheduler.CosineAnnealingLR(other, 10**7)
    other.step()
    scheduler = ps.Scheduler(optimizer, PLAN)
    times = [(i * 7919) % 10**7 for i in range(200)]

    def loop():
        for t in times:
            scheduler.seek(t)

    def originals():
        for _ in times:
            original.step()

    best = least({"measured": loop, "original": originals}, calls=len(times))

    name = f"seek, {count} groups, {'distinct' if distinct else 'equal'}, vs a step of CosineAnnealingLR"
    report(name, best["measured"], best["original"], target={1: 12.0, 10: 4.0, 100: 1.0}[count])
