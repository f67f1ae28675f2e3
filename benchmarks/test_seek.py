"""The cost of `scheduler.seek`, including the write to the groups."""

import pytest
import torch

import paramsched as ps

PLAN = ps.Plan(lr=ps.warmup(1000) >> ps.cosine(to=0.1), horizon=10**7)
LIMIT = 25.0  # µs


@pytest.mark.parametrize("count", [1, 10, 100])
@pytest.mark.parametrize("distinct", [False, True])
def test_seek(report, least, count, distinct):
    optimizer = torch.optim.SGD(
        [{"params": [torch.zeros(1)], "lr": 0.1 * (1 + i * distinct)} for i in range(count)], lr=0.1
    )
    scheduler = ps.Scheduler(optimizer, PLAN)
    times = [(i * 7919) % 10**7 for i in range(200)]

    def loop():
        for t in times:
            scheduler.seek(t)

    best = least({"ours": loop}, calls=len(times))

    name = f"seek, {count} groups, {'distinct' if distinct else 'equal'} vs {LIMIT:g} µs"
    report(name, best["ours"], LIMIT, target=1.0)
