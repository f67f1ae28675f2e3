"""Small optimizers for tests, and what their updates really used."""

from collections.abc import Mapping
from typing import Any

import torch

from paramsched import Calendar, Plan, trace
from paramsched.fields import Field


class Probe(torch.optim.Optimizer):
    """Takes no step, but keeps what each step would have used: the entries of every group at that moment.

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
    """A param group of one parameter, with a gradient."""
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
    """What each update used for a field of a group."""
    return [Field.of(field).read(groups[index]) for groups in optimizer.used]


def planned(plan: Plan, bases: Any, field: str = "lr", index: int = 0, **facts: Any) -> list[float]:
    """The whole run of a field of a group, as the trace shows it."""
    return trace(plan, bases, Calendar(**facts))[field, index].tolist()
