"""Checkpoints with torch's distributed checkpoint, in one process or several, and with `torch.save`."""

import io
from collections.abc import Callable, Mapping
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


def model_and_optimizer(groups: int = 1) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(groups)))
    bases = [{"params": list(layer.parameters()), "lr": 0.1 / (1 + index)} for index, layer in enumerate(model)]
    return model, torch.optim.AdamW(bases, weight_decay=0.01)


def in_two(optimizer: torch.optim.Optimizer) -> dict[str, torch.optim.Optimizer]:
    """Return an optimizer for each of the two groups of an optimizer."""
    groups = [{key: group[key] for key in ("params", "lr", "weight_decay")} for group in optimizer.param_groups]
    return {name: torch.optim.AdamW([group]) for name, group in zip(("first", "second"), groups, strict=True)}


def parts_of(optimizer: Any) -> tuple[torch.optim.Optimizer, ...]:
    """Return one optimizer, or those of a mapping."""
    return tuple(optimizer.values()) if isinstance(optimizer, Mapping) else (optimizer,)


def train(
    model: torch.nn.Module, optimizers: Any, updates: int, before: Callable[[], object] = lambda: None
) -> list[list[Any]]:
    """Run updates of one optimizer, or of several in a mapping. Return the values of every group in each update."""
    used = []
    for _ in range(updates):
        model(torch.ones(1, 2)).sum().backward()
        before()
        groups = [group for optimizer in parts_of(optimizers) for group in optimizer.param_groups]
        used.append([(group["lr"], group["weight_decay"], *group["betas"]) for group in groups])
        for optimizer in parts_of(optimizers):
            optimizer.step()
        model.zero_grad()
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
