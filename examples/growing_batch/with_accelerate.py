"""Grow the batch with Accelerate: the batch sampler takes each size from the plan, in any number of processes.

python examples/growing_batch/with_accelerate.py runs/growing     train, or resume a killed run
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader

import paramsched as ps
from paramsched.engines import accelerate as engine
from task import SAVE_EVERY, finish, network, plan, samples


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
    used, data = Used(), samples()
    sampler = ps.BatchSampler(plan(), len(data))
    # The loader is not prepared, because the sampler divides each batch itself.
    loader = DataLoader(data, batch_sampler=sampler)
    model, optimizer = accelerator.prepare(model, optimizer)
    scheduler = engine.scheduler(accelerator, optimizer, plan(), loader)
    accelerator.register_for_checkpointing(used)
    if newest := newest_checkpoint(folder):
        accelerator.load_state(str(newest))  # continues the plan too

    for x, y in loader:
        sizes = torch.as_tensor(accelerator.gather(torch.tensor([len(x)])))
        used.rows.append([optimizer.param_groups[0]["lr"], int(sizes.sum())])
        accelerator.backward(mse_loss(model(x), y))
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
    """Write a checkpoint next to the previous one, and rename it to its final name when it is complete."""
    older, incomplete = list(folder.glob("update_*")), folder / "incomplete"
    accelerator.save_state(str(incomplete))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        incomplete.rename(folder / f"update_{t:08}")
        for checkpoint in older:
            shutil.rmtree(checkpoint)
    accelerator.wait_for_everyone()


if __name__ == "__main__":
    main()
