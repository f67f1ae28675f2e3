"""A run whose rule is told a made-up loss: what the reference draws for `plateau` and its like."""

import shape_lines
import torch

import paramsched as ps
from paramsched import show

_LOSS = shape_lines.made_up_loss()
LOSS_PANEL = show.LoggedRun(measured={"made-up loss": (range(len(_LOSS)), _LOSS)})
"""The loss that the run is told, as a panel below its curve."""


def listens(line: str) -> bool:
    """Whether a line reacts to a metric."""
    return bool(ps.parse(line).metric_rules)


def told_run(line: str) -> show.Curves:
    """The rate of each update, where the scheduler hears of the made-up loss after each."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler = ps.Scheduler(optimizer, ps.Plan(lr=line, horizon=len(_LOSS)))
    rate = show.simulate(scheduler, len(_LOSS), metrics=_LOSS)["lr", 0]
    return show.curves_from_values({("lr", 0): rate}, lines={("lr", 0): line})
