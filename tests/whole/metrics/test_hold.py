"""Hold: equal to the published controllers, update by update.

These tests need packages above the core.
"""

import pytest
import torch

import paramsched as ps
from paramsched.core.metrics.metric_rules import hold


def test_a_simulated_run_has_the_values_of_the_rule_and_a_trace_those_without_it():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    rule = hold("kl", at=1.0, factor=2.0)
    plan = ps.Plan(lr=1.0 * rule, total=6)
    values = [3.0, 3.0, 1.0, 0.1, 0.1, 0.1]

    run = ps.show.simulate(ps.Scheduler(optimizer, plan), 6, metrics=values)

    assert run["lr", 0].tolist() == pytest.approx([0.1, 0.2, 0.4, 0.4, 0.2, 0.1])
    assert ps.trace(plan, {"lr": 0.1})["lr", 0].tolist() == [0.1] * 6
