"""Grow the batch in the loader: the plan writes each new size into the batch sampler.

python examples/growing_batch/written_to_the_loader.py runs/growing     train, or resume a killed run
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, Sampler

import paramsched as ps
from task import SAMPLES, SAVE_EVERY, SamplesFrom, finish, network, plan, samples, save, saved


class GrowingBatches(Sampler[list[int]]):
    """Batches of the size that is set when they are fetched."""

    size = 0
    numbers: Iterator[int]

    def resize(self, size: float) -> None:
        """Set the size of the following batches."""
        self.size = round(size)

    def __iter__(self) -> Iterator[list[int]]:
        while batch := list(islice(self.numbers, self.size)):
            yield batch


def main() -> None:
    """Train; the folder is the first argument."""
    folder = Path(sys.argv[1])
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    batches = GrowingBatches()
    scheduler = ps.Scheduler(optimizer, plan(write=batches.resize))
    state = saved(folder / "checkpoint.pt")
    if state is not None:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])  # the plan also sets the size
    used = [] if state is None else state["used"]

    data = samples()
    batches.numbers = iter(SamplesFrom(data, int(scheduler.amount)))
    # No workers, because they would fetch batches ahead, with the present size.
    loader = iter(DataLoader(data, batch_sampler=batches))
    while scheduler.amount < SAMPLES:
        x, y = next(loader)
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
