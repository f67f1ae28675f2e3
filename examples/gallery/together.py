"""Pictures with several curves of one scheduler class, which show the effect of an argument.

As in a training loop, lr is read before each step of the scheduler.
"""

import warnings
from typing import Any

import torch

from paramsched import show
from paramsched.compat import torch as lr_scheduler

STEPS = 100


def adam(**resumed: float) -> torch.optim.Adam:
    """Return a new optimizer with lr 1. With `initial_lr` it is like the optimizer of a resumed run."""
    return torch.optim.Adam([{"params": [torch.nn.Parameter(torch.zeros(1))], **resumed}], lr=1.0)


def lrs(optimizer: torch.optim.Optimizer, scheduler: Any) -> list[float]:
    """Return the lr of every step; steps the scheduler without training."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # because optimizer.step() is not called
        for _ in range(STEPS):
            found.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return found


def cosine() -> show.RecordedCurves:
    """`last_epoch` is the last completed epoch. A second scheduler on the same optimizer continues from its lr."""
    first, second = adam(initial_lr=1.0), adam(initial_lr=1.0)
    make = lr_scheduler.CosineAnnealingLR
    return show.curves_from_values(
        {
            ("lr", "eta_min=0.2"): lrs(first, make(first, T_max=40, eta_min=0.2)),
            ("lr", "eta_min=0.2, last_epoch=10"): lrs(second, make(second, T_max=40, eta_min=0.2, last_epoch=10)),
            ("lr", "eta_min=0.5, then"): lrs(second, make(second, T_max=40, eta_min=0.5, last_epoch=10)),
        }
    )


def functions() -> show.RecordedCurves:
    """The factor is any function of the step."""
    sawtooth, line = adam(), adam()
    return show.curves_from_values(
        {
            ("lr", "t % 40 / 100"): lrs(sawtooth, lr_scheduler.LambdaLR(sawtooth, lambda t: t % 40 / 100.0)),
            ("lr", "max(0, 1 - t / 100)"): lrs(line, lr_scheduler.LambdaLR(line, lambda t: max(0, 1 - t / 100))),
        }
    )


TOGETHER = {"CosineAnnealingLR, resumed": cosine, "LambdaLR, two functions": functions}
