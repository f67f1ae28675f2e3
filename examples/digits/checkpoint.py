"""Everything a run needs to go on exactly, in one file that is whole at any moment."""

from pathlib import Path

import torch
from torch import nn

import paramsched as ps


def save(file: Path, updates: int, model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: ps.Scheduler) -> None:
    """Write the state after `updates` updates.

    The order of the data is not in it: that is a function of the update number (digits.py).
    """
    state = {
        "updates": updates,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "random": torch.get_rng_state(),
    }
    beside = file.with_name(file.name + ".part")
    torch.save(state, beside)
    beside.replace(file)  # atomic: a kill leaves the old file or the new one


def load(file: Path, model: nn.Module, optimizer: torch.optim.Optimizer, scheduler: ps.Scheduler) -> int:
    """Put everything back and return how many updates have happened."""
    state = torch.load(file, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    scheduler.load_state_dict(state["scheduler"])
    torch.set_rng_state(state["random"])
    return state["updates"]
