"""A run whose metric rule observes a made-up loss: the picture of `plateau` and other metric rules in the reference."""

import numpy as np
import torch

import paramsched as ps
from paramsched import show

# It falls from 1 to 0.4 in 30 updates, stays constant for 30, falls to 0.2 in 15, and stays, except for one high value.
_LOSS = np.interp(range(100), [0, 30, 60, 75, 99], [1.0, 0.4, 0.4, 0.2, 0.2]).tolist()
_LOSS[80] = 0.6
LOSS_PANEL = show.LoggedRun(measured={"made-up loss": (range(len(_LOSS)), _LOSS)})
"""The observed loss, as a panel below its curve."""


def follows_metric(line: str) -> bool:
    """Return whether a line reacts to a metric."""
    return bool(ps.parse(line).metric_rules)


def run_with_loss(line: str) -> show.Curves:
    """Return the rate of each update of a run in which the scheduler observes the made-up loss after each update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=line, total=len(_LOSS)))
    rate = show.simulate(scheduler, len(_LOSS), metrics=_LOSS)["lr", 0]
    return show.curves_from_values({("lr", 0): rate}, lines={("lr", 0): line})
