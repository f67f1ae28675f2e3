"""Attributes that a user changes between two steps of a drop-in act as in torch."""

from collections import Counter

import pytest
import torch

from support.tables import table
from support.torch_cases import OURS, PEER, decaying, harmonic

STEPS, CHANGED_AT = 14, 4
METRICS = (3.0, 2.9, 2.95, 3.1)
# The arguments of each class, and the attributes to set.
CLASSES = {
    "StepLR": ({"step_size": 3}, [{"step_size": 2}, {"gamma": 0.7}]),
    "MultiStepLR": ({"milestones": [2, 6]}, [{"milestones": Counter([5, 7, 7])}, {"gamma": 0.7}]),
    "ConstantLR": ({"factor": 0.5, "total_iters": 8}, [{"factor": 0.25}, {"total_iters": 6}]),
    "LinearLR": (
        {"start_factor": 0.2, "total_iters": 9},
        [{"start_factor": 0.4}, {"end_factor": 0.7}, {"total_iters": 12}],
    ),
    "ExponentialLR": ({"gamma": 0.9}, [{"gamma": 0.8}]),
    "PolynomialLR": ({"total_iters": 20, "power": 2.0}, [{"total_iters": 16}, {"power": 1.5}]),
    "CosineAnnealingLR": ({"T_max": 20, "eta_min": 0.01}, [{"T_max": 30}, {"eta_min": 0.02}]),
    "CosineAnnealingWarmRestarts": (
        {"T_0": 5},
        [{"T_cur": 1}, {"T_cur": 2.5}, {"T_i": 9}, {"T_mult": 2}, {"eta_min": 0.02}],
    ),
    "LambdaLR": ({"lr_lambda": [decaying, harmonic]}, [{"lr_lambdas": [harmonic, decaying]}]),
    "MultiplicativeLR": ({"lr_lambda": [decaying, harmonic]}, [{"lr_lambdas": [harmonic, decaying]}]),
    "CyclicLR": (
        {"base_lr": 0.01, "max_lr": 0.2, "step_size_up": 4},
        [
            {"max_lrs": [0.3, 0.4]},
            {"total_size": 10},
            {"step_ratio": 0.25},
            {"cycle_momentum": False},
            {"base_momentums": [0.5, 0.6]},
            {"max_momentums": [0.97, 0.98]},
        ],
    ),
    "OneCycleLR": ({"max_lr": 0.2, "total_steps": 20}, [{"cycle_momentum": False}, {"_anneal_func_type": "linear"}]),
    "SWALR": ({"swa_lr": 0.05}, [{"anneal_epochs": 14}]),
    "ReduceLROnPlateau": (
        {"factor": 0.5, "patience": 1},
        [
            {"factor": 0.1},
            {"patience": 3},
            {"cooldown": 3},
            {"cooldown_counter": 2},
            {"threshold": 0.5},
            {"threshold": 0.5, "threshold_mode": "abs"},
            {"min_lrs": [0.2, 0.09]},
            {"eps": 0.2},
            {"num_bad_epochs": 1},
            {"best": -1.0},
            {"mode": "max", "mode_worse": -float("inf"), "best": -float("inf")},
        ],
    ),
}
EVERY = [{"base_lrs": [0.2, 0.3]}, {"last_epoch": 6}]


def sgd():
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr, "momentum": 0.9} for lr in (0.5, 0.1)]
    return torch.optim.SGD(groups, lr=0.1)


def run(library, name, attributes):
    """Return the lr and momentum of both groups after each step, where attributes are set between two steps."""
    optimizer = sgd()
    scheduler = getattr(library, name)(optimizer, **CLASSES[name][0])
    rows = []
    for step in range(STEPS):
        if step == CHANGED_AT:
            assert all(hasattr(scheduler, key) for key in attributes)
            vars(scheduler).update(attributes)
        optimizer.step()
        scheduler.step(*[METRICS[step % 4]] if name == "ReduceLROnPlateau" else [])
        rows.append([group[field] for group in optimizer.param_groups for field in ("lr", "momentum")])
        rows.append(scheduler.get_last_lr())
    return rows


@pytest.mark.filterwarnings("ignore")
@table(
    ("name", "attributes"),
    [
        (name, one)
        for name, (_, own) in CLASSES.items()
        for one in (*own, *(() if name in ("SWALR", "ReduceLROnPlateau") else EVERY))
    ],
)
def test_an_attribute_that_is_set_acts_from_the_next_step_on(name, attributes):
    expected = run(PEER, name, attributes)

    found = run(OURS, name, attributes)

    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
