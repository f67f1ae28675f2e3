"""Warm up, the first way: wrap a scheduler that is there. Any scheduler will do, torch's own too.

python examples/warmup/wrap.py
"""

import torch

from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from paramsched.compat.torch import CosineAnnealingLR

EPOCHS, WARMUP_EPOCHS, STEPS_PER_EPOCH = 100, 10, 2


def build(optimizer: torch.optim.Optimizer) -> GradualWarmupScheduler:
    """From an eighth of the optimizer's lr up to it in ten epochs, then half a cosine wave down."""
    scheduler = CosineAnnealingLR(
        optimizer=optimizer,
        eta_min=0.000001,
        T_max=(EPOCHS - WARMUP_EPOCHS) * STEPS_PER_EPOCH,
    )
    return GradualWarmupScheduler(
        optimizer,
        multiplier=8,
        after_scheduler=scheduler,
        warmup_epoch=WARMUP_EPOCHS * STEPS_PER_EPOCH,
    )


def main() -> None:
    """Fit a line with it, and print the lr of some updates."""
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
