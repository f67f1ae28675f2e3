"""The cost of a step of CosineLrScheduler, as a fraction of the cost in pytorch-accelerated in the same process."""

import timeit
from time import process_time

import pytest
import torch

from paramsched.compat.pytorch_accelerated import CosineLrScheduler

library = pytest.importorskip("pytorch_accelerated.schedulers")


@pytest.mark.parametrize("groups", [1, 8, 64])
def test_a_step_costs_no_more_than_in_pytorch_accelerated(groups, report):
    parts = [{"params": [torch.zeros(1)], "lr": 0.1 + 0.001 * i} for i in range(groups)]
    kinds = library.CosineLrScheduler, CosineLrScheduler
    schedulers = [kind(torch.optim.SGD(parts, lr=0.1), 1000, 1000) for kind in kinds]
    best = [float("inf")] * 2
    for _ in range(40):
        for index, scheduler in enumerate(schedulers):
            number = max(20, 800 // groups)
            best[index] = min(best[index], timeit.timeit(scheduler.step, number=number, timer=process_time) / number)

    original, own = best
    target = 1.0 if groups == 1 else 0.91
    report(f"CosineLrScheduler, {groups} groups, vs pytorch-accelerated", own * 1e6, original * 1e6, target=target)
