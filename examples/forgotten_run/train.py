"""Train with the schedulers of torch, resume without the state of the scheduler, and log the learning rate.

python examples/forgotten_run/train.py

`paramsched audit examples/forgotten_run/resumed.csv` finds the schedule and the resume.
"""

from pathlib import Path

import torch
from torch.optim import lr_scheduler

LOG = Path(__file__).with_name("resumed.csv")
UPDATES, RESUMED, EVERY = 2000, 800, 5


def schedule(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    """Return a warmup of 100 updates and a cosine decay to a tenth."""
    warmup = lr_scheduler.LinearLR(optimizer, 0.01, 1.0, total_iters=100)
    decay = lr_scheduler.CosineAnnealingLR(optimizer, UPDATES - 100, eta_min=3e-4)
    return lr_scheduler.SequentialLR(optimizer, [warmup, decay], milestones=[100])


def main() -> None:
    """Fit a small network to a synthetic function in two parts."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    rows = ["step,lr,loss"]
    for begin, end in ((0, RESUMED), (RESUMED, UPDATES)):
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        scheduler = schedule(optimizer)  # the fault: a checkpoint with the model alone was loaded
        for step in range(begin, end):
            x = torch.rand(64, 2) * 2 - 1
            loss = torch.nn.functional.mse_loss(model(x), torch.sin(3 * x.sum(dim=1, keepdim=True)))
            if step % EVERY == 0:
                rows.append(f"{step},{optimizer.param_groups[0]['lr']:.6g},{loss.item():.4f}")
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
    LOG.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
