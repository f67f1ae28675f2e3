"""Grow the batch in the loader: the batch sampler takes each size from the plan.

python examples/growing_batch/batch_sampler.py runs/growing     train, or resume a killed run
"""

import sys
from pathlib import Path

import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader

import paramsched as ps
from task import SAVE_EVERY, finish, network, plan, samples, save, saved


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
    sampler = ps.BatchSampler(scheduler, len(data))
    # Workers may fetch ahead, because the sampler reads the plan, not the present value.
    for x, y in DataLoader(data, batch_sampler=sampler, num_workers=1):
        used.append([optimizer.param_groups[0]["lr"], len(x)])
        mse_loss(model(x), y).backward()
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
