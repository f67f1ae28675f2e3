"""Curves of one class in one picture: how an argument changes it. Recorded as a loop would: note, then step."""

import warnings
from typing import Any

import torch

from paramsched import show
from paramsched.compat import torch as lr_scheduler

STEPS = 100


def adam(**resumed: float) -> torch.optim.Adam:
    """A fresh optimizer of base 1; with `initial_lr` it is one that was trained before."""
    return torch.optim.Adam([{"params": [torch.nn.Parameter(torch.zeros(1))], **resumed}], lr=1.0)


def lrs(optimizer: torch.optim.Optimizer, scheduler: Any) -> list[float]:
    """The lr of every step, stepping the scheduler itself."""
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # nothing is trained here
        for _ in range(STEPS):
            found.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
    return found


def cosine() -> show.RecordedCurves:
    """last_epoch is the epoch that is done; a second scheduler on one optimizer goes on from where the lr is."""
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
    """Any function of the step."""
    saw, line = adam(), adam()
    return show.curves_from_values(
        {
            ("lr", "t % 40 / 100"): lrs(saw, lr_scheduler.LambdaLR(saw, lambda t: t % 40 / 100.0)),
            ("lr", "max(0, 1 - t / 100)"): lrs(line, lr_scheduler.LambdaLR(line, lambda t: max(0, 1 - t / 100))),
        }
    )


TOGETHER = {"CosineAnnealingLR, resumed": cosine, "LambdaLR, two functions": functions}
