"""Small optimizers for tests that record the values their updates used."""

from collections.abc import Mapping
from typing import Any

import torch

from paramsched import Plan, RunFacts, trace
from paramsched.core.groups.fields import Field


class Probe(torch.optim.Optimizer):
    """An optimizer that takes no step, but records the entries of every group at each step.

    A group that names no field has lr 0.1, weight_decay 0.01, momentum 0.9 and betas (0.9, 0.999).
    """

    def __init__(self, groups: Any, **defaults: Any) -> None:
        usual = {"lr": 0.1, "weight_decay": 0.01, "momentum": 0.9, "eps": 1e-8, "betas": (0.9, 0.999)}
        self.used: list[list[dict[str, Any]]] = []
        super().__init__(groups, usual | defaults)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "used": []}

    def step(self, closure: Any = None) -> None:
        if closure is not None:
            closure()
        self.used.append(
            [{key: plain(value) for key, value in group.items() if key != "params"} for group in self.param_groups]
        )


def plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item()
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


def group(**entries: Any) -> dict[str, Any]:
    """Return a param group of one parameter with a gradient."""
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.full((2,), 0.5)
    return {"params": [parameter], **entries}


def probe(*groups: Mapping[str, Any], **defaults: Any) -> Probe:
    return Probe([group(**entries) for entries in groups] or [group()], **defaults)


def run(optimizer: Any, updates: int) -> Any:
    for _ in range(updates):
        optimizer.step()
    return optimizer


def used(optimizer: Probe, field: str = "lr", index: int = 0) -> list[float]:
    """Return the value that each update used for a field of a group."""
    return [Field.of(field).read(groups[index]) for groups in optimizer.used]


def planned(plan: Plan, bases: Any, field: str = "lr", index: int = 0, **facts: Any) -> list[float]:
    """Return the planned values of a field of a group for the entire run, from the trace."""
    return trace(plan, bases, facts=RunFacts(**facts))[field, index].tolist()
