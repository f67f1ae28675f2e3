"""The cost of a step of MMEngine's schedulers, as a fraction of the cost in MMEngine in the same process.

The rounds are interleaved, and the minimum over the rounds counts. Processor time is measured, because it does not
include other processes.
"""

import timeit
from time import process_time

import pytest
import torch

import paramsched.mmengine.schedulers as drop_ins

originals = pytest.importorskip("mmengine.optim.scheduler")

STEPS, ROUNDS, FAR = 400, 20, 1_000_000
CLASSES = {
    "StepLR": {"step_size": 500, "gamma": 0.9},
    "MultiStepLR": {"milestones": [*range(0, 20_000, 500)], "gamma": 0.9},
    "ConstantLR": {"end": FAR},
    "LinearLR": {"start_factor": 0.1, "end": FAR},
    "ExponentialLR": {"gamma": 0.9999},
    "PolyLR": {"power": 0.9, "end": FAR},
    "CosineAnnealingLR": {"T_max": FAR, "eta_min": 1e-3},
    "CosineRestartLR": {"periods": [500] * 100, "restart_weights": [1] * 100, "eta_min": 1e-3},
    "OneCycleLR": {"eta_max": 0.5, "total_steps": FAR},
    "LinearMomentum": {"start_factor": 0.1, "end": FAR},
}


def built(library, name, groups):
    rates = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1 + 0.001 * index} for index in range(groups)]
    optimizer = torch.optim.SGD(rates, lr=0.1, momentum=0.9)
    scheduler = getattr(library, name)(optimizer, **CLASSES[name])
    optimizer.step()  # a scheduler warns if it is stepped before its optimizer
    return scheduler


@pytest.mark.parametrize("groups", [1, 8, 64])
@pytest.mark.parametrize("name", CLASSES)
def test_a_step_costs_no_more_than_in_mmengine(name, groups, report):
    steps = [built(library, name, groups).step for library in (originals, drop_ins)]
    rounds = [[timeit.timeit(step, number=STEPS, timer=process_time) for step in steps] for _ in range(ROUNDS)]
    original, mine = (min(times) / STEPS * 1e6 for times in zip(*rounds, strict=True))

    report(f"step of {name}, {groups} groups, vs MMEngine", mine, original, target=1.1 if groups == 1 else 1.0)
