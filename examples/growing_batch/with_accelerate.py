"""Grow the batch with Accelerate: accumulate more small batches in each update, with any number of processes.

python examples/growing_batch/with_accelerate.py runs/growing     train, or resume a killed run
"""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.run_files.disk import flush_tree, remove_folder, rename_on_disk
from task import SAMPLES, SAVE_EVERY, SamplesFrom, finish, network, plan, samples

SMALL = 8  # samples in a small batch of one process


class Used:
    """The values that every update used, with the methods that Accelerate needs to save them in its checkpoints."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = state["rows"]


def main() -> None:
    """Train; the folder is the first argument."""
    folder = Path(sys.argv[1])
    accelerator = Accelerator(cpu=True)
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    scheduler = ps.Scheduler(optimizer, plan())
    used = Used()
    model, optimizer = accelerator.prepare(model, optimizer)
    accelerator.register_for_checkpointing(used)
    if newest := newest_checkpoint(folder):
        accelerator.load_state(str(newest))  # continues the plan too

    data = samples()
    sampler = SamplesFrom(data, int(scheduler.amount))
    loader = accelerator.prepare(DataLoader(data, SMALL, sampler=sampler))
    batches = iter(loader)  # divided among the processes, and fetched one ahead
    together = SMALL * accelerator.num_processes
    while scheduler.amount < SAMPLES:
        count = round(scheduler.value("batch_size")) // together
        used.rows.append([optimizer.param_groups[0]["lr"], count * together])
        for left in reversed(range(count)):
            x, y = next(batches)
            # Only the last backward pass synchronizes the processes.
            with accelerator.no_sync(model) if left else nullcontext():
                accelerator.backward(mse_loss(model(x), y) / count)
        optimizer.step()
        optimizer.zero_grad()
        if scheduler.t % SAVE_EVERY == 0:
            save(accelerator, folder, scheduler.t)
    if accelerator.is_main_process:
        finish(folder, used.rows)
    accelerator.end_training()


def newest_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint, or None. An incomplete one has another name."""
    return max(folder.glob("update_*"), default=None)


def save(accelerator: Accelerator, folder: Path, t: int) -> None:
    """Write a checkpoint next to the previous one, and rename it to its final name when it is on the disk."""
    older, incomplete = list(folder.glob("update_*")), folder / "incomplete"
    accelerator.save_state(str(incomplete))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        flush_tree(incomplete)
        rename_on_disk(incomplete, folder / f"update_{t:08}")
        for checkpoint in older:
            remove_folder(checkpoint)
    accelerator.wait_for_everyone()


if __name__ == "__main__":
    main()
