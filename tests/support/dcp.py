"""Checkpoints with torch's distributed checkpoint, in one process or several, and with `torch.save`."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)

import paramsched as ps


def made(groups: int = 1) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(groups)))
    bases = [{"params": list(part.parameters()), "lr": 0.1 / (1 + index)} for index, part in enumerate(model)]
    return model, torch.optim.AdamW(bases, weight_decay=0.01)


def train(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, updates: int, before: Callable[[], object] = lambda: None
) -> list[list[Any]]:
    """Run updates. Return the values of every group that each update used."""
    used = []
    for _ in range(updates):
        model(torch.ones(1, 2)).sum().backward()
        before()
        used.append([(group["lr"], group["weight_decay"], *group["betas"]) for group in optimizer.param_groups])
        optimizer.step()
        optimizer.zero_grad()
    return used


def save(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, *, flat: bool = False, **more: Any
) -> None:
    options = StateDictOptions(flatten_optimizer_state_dict=flat)
    state = {"optimizer": get_optimizer_state_dict(model, optimizer, options=options)}
    dcp.save(state | more, checkpoint_id=folder)


def load(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    flat: bool = False,
    scheduler: ps.Scheduler | None = None,
    planner: Any = None,
) -> None:
    """Load into a new optimizer with an attached plan; load the scheduler as in torch's tutorial."""
    options = StateDictOptions(flatten_optimizer_state_dict=flat)
    state: dict[str, Any] = {"optimizer": get_optimizer_state_dict(model, optimizer, options=options)}
    if scheduler is not None:
        state["scheduler"] = scheduler.state_dict()
    dcp.load(state, checkpoint_id=folder, planner=planner)
    set_optimizer_state_dict(model, optimizer, state["optimizer"], options=options)
    if scheduler is not None:
        scheduler.load_state_dict(state["scheduler"])


def through_a_file(state: Any) -> Any:
    """Return the state after `torch.save` and `torch.load`."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)
