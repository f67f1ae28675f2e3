"""Grow the batch by accumulating more small batches in each update. The loader is not involved.

python examples/growing_batch/value_in_the_loop.py runs/growing     train, or resume a killed run
"""

import sys
from pathlib import Path

import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader

import paramsched as ps
from task import SAMPLES, SAVE_EVERY, SamplesFrom, finish, network, plan, samples, save, saved

SMALL = 8  # samples in a small batch


def main() -> None:
    """Train; the folder is the first argument."""
    folder = Path(sys.argv[1])
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = ps.Scheduler(optimizer, plan())
    state = saved(folder / "checkpoint.pt")
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])  # the plan continues from here
    used = [] if state is None else state["used"]

    data = samples()
    # Workers may fetch ahead, because all small batches have the same size.
    sampler = SamplesFrom(len(data), int(scheduler.amount))
    loader = iter(DataLoader(data, SMALL, sampler=sampler, num_workers=1))
    while scheduler.amount < SAMPLES:
        count = round(scheduler.value("batch_size")) // SMALL
        used.append([optimizer.param_groups[0]["lr"], count * SMALL])
        for _ in range(count):
            x, y = next(loader)
            (mse_loss(model(x), y) / count).backward()
        optimizer.step()
        optimizer.zero_grad()
        if scheduler.t % SAVE_EVERY == 0:
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "used": used,
            }
            save(folder / "checkpoint.pt", state)
    finish(folder, used)


if __name__ == "__main__":
    main()
