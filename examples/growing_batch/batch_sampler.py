"""Grow the batch in the loader: a batch sampler takes each size from the plan.

python examples/growing_batch/batch_sampler.py runs/growing     train, or resume a killed run
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, Sampler

import paramsched as ps
from task import SAVE_EVERY, SamplesFrom, finish, network, plan, samples, save, saved


class PlannedBatches(Sampler[list[int]]):
    """Batches of the planned sizes, from the update of a Scheduler on. Each pass over the data is shuffled anew."""

    def __init__(self, scheduler: ps.Scheduler, length: int) -> None:
        self.scheduler, self.length = scheduler, length

    def __iter__(self) -> Iterator[list[int]]:
        trace = ps.trace(self.scheduler.plan, self.scheduler.optimizer, facts=self.scheduler.facts)
        sizes = trace["batch_size"].round().astype(int).tolist()
        t = self.scheduler.t  # read once, because workers fetch batches of later updates
        stream = iter(SamplesFrom(self.length, sum(sizes[:t])))
        for size in sizes[t:]:
            yield list(islice(stream, size))


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
    batches = PlannedBatches(scheduler, len(data))
    for x, y in DataLoader(data, batch_sampler=batches, num_workers=2):
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
    assert sum(size for _, size in used) == scheduler.amount  # samples trained = samples counted
    finish(folder, used)


if __name__ == "__main__":
    main()
