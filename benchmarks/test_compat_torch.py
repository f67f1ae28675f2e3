"""The cost of a step of the drop-ins with 100 groups, as a fraction of the cost in torch in the same process.

The rounds are interleaved, and the minimum over the rounds counts. The time inside user functions is subtracted on both
sides. A round of ours is longer than a block of precomputed values, so that it includes the computation of blocks.
Processor time is measured, because it does not include other processes.
"""

import timeit
import warnings
from time import process_time

import pytest
import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

import paramsched.compat.torch as ours

GROUPS = 100
STEPS = (40, 700)  # per round: torch's, ours
ROUNDS = 40
FAR = 1_000_000


class Peer:
    """The schedulers of torch, including SWALR."""

    SWALR = SWALR

    def __getattr__(self, name):
        return getattr(lr_scheduler, name)


def factor(t):
    return 0.999 + 0 * t


def one_each():
    return [lambda t: 0.999 + 0 * t for _ in range(GROUPS)]


CLASSES = {
    "StepLR": lambda m, o: m.StepLR(o, 1, 0.9999),
    "MultiStepLR": lambda m, o: m.MultiStepLR(o, range(0, 20_000, 500), 0.9),
    "LinearLR": lambda m, o: m.LinearLR(o, 0.1, 1.0, FAR),
    "ExponentialLR": lambda m, o: m.ExponentialLR(o, 0.9999),
    "PolynomialLR": lambda m, o: m.PolynomialLR(o, FAR, 0.9),
    "CosineAnnealingLR": lambda m, o: m.CosineAnnealingLR(o, FAR, 1e-3),
    "CosineAnnealingWarmRestarts": lambda m, o: m.CosineAnnealingWarmRestarts(o, 500, 2),
    "CyclicLR": lambda m, o: m.CyclicLR(o, 0.1, 0.5, 500),
    "OneCycleLR": lambda m, o: m.OneCycleLR(o, 0.5, total_steps=FAR),
    "SWALR": lambda m, o: m.SWALR(o, 0.05, FAR),
    "LambdaLR": lambda m, o: m.LambdaLR(o, factor),
    "LambdaLR, one each": lambda m, o: m.LambdaLR(o, one_each()),
    "MultiplicativeLR": lambda m, o: m.MultiplicativeLR(o, factor),
    "MultiplicativeLR, one each": lambda m, o: m.MultiplicativeLR(o, one_each()),
    "ReduceLROnPlateau": lambda m, o: m.ReduceLROnPlateau(o, factor=0.9999, patience=0, eps=0.0),
    "SequentialLR": lambda m, o: m.SequentialLR(o, [m.LinearLR(o, 0.1, 1.0, 10), m.CosineAnnealingLR(o, FAR)], [10]),
    "ChainedScheduler": lambda m, o: m.ChainedScheduler([m.LinearLR(o, 0.1, 1.0, FAR), m.ExponentialLR(o, 0.9999)]),
}


def optimizer():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1 + 0.001 * i} for i in range(GROUPS)]
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9)


def seconds(call, number):
    return timeit.timeit(call, number=number, timer=process_time) / number


def seconds_of_user_functions(name):
    """Return the seconds that a step spends in user functions, in torch and in ours.

    torch calls a function once for each group; ours calls a function shared by all groups once.
    """
    if "Lambda" not in name and "Multiplicative" not in name:
        return 0.0, 0.0
    functions = one_each() if "one each" in name else [factor] * GROUPS
    spent = min(seconds(lambda: [function(1) for function in functions], 100) for _ in range(ROUNDS))
    return spent, spent if "one each" in name else spent / GROUPS


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.filterwarnings("ignore")
def test_a_step_costs_at_most_a_quarter_of_the_step_in_torch(name, report):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer, mine = CLASSES[name](Peer(), optimizer()), CLASSES[name](ours, optimizer())
        steps = [(lambda s=s: s.step(1.0)) if name == "ReduceLROnPlateau" else s.step for s in (peer, mine)]
        for step in steps:
            timeit.timeit(step, number=50)
        rounds = [[seconds(step, number) for step, number in zip(steps, STEPS, strict=True)] for _ in range(ROUNDS)]
        least = [min(times) for times in zip(*rounds, strict=True)]
        theirs, own = (spent - users for spent, users in zip(least, seconds_of_user_functions(name), strict=True))

    report(f"step of {name}, {GROUPS} groups, vs torch", own * 1e6, theirs * 1e6, target=0.25)
