"""Valid bases of a schedule, and the values for a base of zero."""

import numpy as np
import torch

import paramsched as ps


def test_a_scheduler_writes_zero_to_groups_with_a_base_of_zero():
    groups = [{"params": [torch.zeros(1)], "lr": lr} for lr in (0.0, 1e-300)]
    scheduler = ps.Scheduler(torch.optim.SGD(groups), ps.Plan(lr=ps.exponential(1e200), horizon=10))

    for _ in range(5):
        scheduler.optimizer.step()

    assert scheduler.optimizer.param_groups[0]["lr"] == 0.0
    assert scheduler.optimizer.param_groups[1]["lr"] == np.inf
