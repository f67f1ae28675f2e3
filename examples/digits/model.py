"""The network, and the optimizer with the base values that the plan multiplies."""

import torch
from torch import nn


def network() -> nn.Sequential:
    """A small convolutional network for 8x8 images. The dropout makes the random state part of a resume."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.GroupNorm(8, 32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.GroupNorm(8, 64),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(64 * 4 * 4, 10),
    )


def adamw(model: nn.Module) -> torch.optim.AdamW:
    """AdamW over two groups: matrices and kernels decay, biases and norms do not."""
    parameters = list(model.parameters())
    return torch.optim.AdamW(
        [
            {"name": "decay", "params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.05},
            {"name": "no_decay", "params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=3e-3,
        betas=(0.9, 0.999),
    )
