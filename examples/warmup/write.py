"""Add a warmup by writing a new scheduler class. It needs only the method `get_lr`.

python examples/warmup/write.py
"""

import math

import torch

from paramsched.compat.torch import _LRScheduler

EPOCHS, WARMUP_EPOCHS, STEPS_PER_EPOCH = 100, 10, 2


class WarmupCosineLR(_LRScheduler):
    """A linear warmup from `base / multiplier` to base in `warmup` steps, then a cosine decay to `eta_min`."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, multiplier: float, warmup: int, total: int, eta_min: float = 0.0
    ) -> None:
        self.multiplier, self.warmup, self.total, self.eta_min = multiplier, warmup, total, eta_min
        super().__init__(optimizer)

    def get_lr(self) -> list[float | torch.Tensor]:
        """Return the lr of each group at step `last_epoch`."""
        if self.last_epoch <= self.warmup:
            rise = (self.multiplier - 1) * self.last_epoch / self.warmup + 1
            return [base / self.multiplier * rise for base in self.base_lrs]
        u = min((self.last_epoch - self.warmup) / (self.total - self.warmup), 1)
        return [self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * u)) / 2 for base in self.base_lrs]


def build(optimizer: torch.optim.Optimizer) -> WarmupCosineLR:
    """Return a scheduler with the same curve as the one in `wrap.py`."""
    steps, warmup = EPOCHS * STEPS_PER_EPOCH, WARMUP_EPOCHS * STEPS_PER_EPOCH
    return WarmupCosineLR(optimizer, multiplier=8, warmup=warmup, total=steps, eta_min=0.000001)


def main() -> None:
    """Fit a line with the scheduler, and print the lr of some updates."""
    torch.manual_seed(0)
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = build(optimizer)
    x = torch.randn(64, 1)
    for update in range(EPOCHS * STEPS_PER_EPOCH):
        loss = torch.nn.functional.mse_loss(model(x), 2 * x + 1)
        if update % 20 == 0:
            print(f"update {update:3}  lr {scheduler.get_last_lr()[0]:.6f}  loss {loss.item():.6f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()


if __name__ == "__main__":
    main()
