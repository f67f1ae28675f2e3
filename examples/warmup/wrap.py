"""Add a warmup to a scheduler by wrapping it. Any scheduler can be wrapped, including those of torch.

python examples/warmup/wrap.py
"""

import torch

from paramsched.compat.gradual_warmup import GradualWarmupScheduler
from paramsched.compat.torch import CosineAnnealingLR

EPOCHS, WARMUP_EPOCHS, STEPS_PER_EPOCH = 100, 10, 2


def build(optimizer: torch.optim.Optimizer) -> GradualWarmupScheduler:
    """Return a warmup from an eighth of the optimizer's lr over ten epochs, then a cosine decay."""
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
