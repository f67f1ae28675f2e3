"""Small runs on scikit-learn's digits, for the tests of the Runner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)  # because these networks are too small for several threads

QUIET = {"logger": None, "checkpoint": None, "progress": None}
"""No files and no output."""


def digits(samples: int = 80) -> TensorDataset:
    pixels, labels = load_digits(return_X_y=True)
    return TensorDataset(torch.tensor(pixels[:samples] / 16, dtype=torch.float32), torch.tensor(labels[:samples]))


def loader(batches: int, size: int = 4, *, shuffle: bool = False) -> DataLoader:
    """Return a loader of digits with this number of batches."""
    return DataLoader(digits(batches * size), batch_size=size, shuffle=shuffle)


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


class Recorder:
    """The values each update used, read in a hook on the optimizer's step."""

    def __init__(self, read: Callable[[torch.optim.Optimizer], Any]) -> None:
        self.rows: list[Any] = []
        self.read = read

    def watch(self, optimizer: torch.optim.Optimizer) -> None:
        optimizer.register_step_pre_hook(lambda stepped, _a, _k: self.rows.append(self.read(stepped)))


class WithTrainStep(nn.Module):
    """A model with MMEngine's methods, without MMEngine."""

    def __init__(self) -> None:
        super().__init__()
        self.body = network()

    def forward(self, inputs: torch.Tensor, target: torch.Tensor | None = None) -> torch.Tensor:
        output = self.body(inputs)
        return output if target is None else nn.functional.cross_entropy(output, target)

    def train_step(self, data, optim_wrapper):
        with optim_wrapper.optim_context(self):
            loss = self(*data)
        optim_wrapper.update_params(loss)
        return {"loss": loss.detach()}

    def val_step(self, data):
        return self(data[0])

    test_step = val_step


class WithMode(nn.Module):
    """A model whose forward has the argument `mode`."""

    def __init__(self) -> None:
        super().__init__()
        self.body = network()

    def forward(self, inputs, target, mode="tensor"):
        output = self.body(inputs)
        if mode == "loss":
            return {
                "loss_cls": nn.functional.cross_entropy(output, target),
                "accuracy": (output.argmax(1) == target).float(),
            }
        return output


def accuracy(output: torch.Tensor, target: torch.Tensor) -> float:
    return (output.argmax(1) == target).double().mean().item()
