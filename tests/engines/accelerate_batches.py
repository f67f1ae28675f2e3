"""A loop with Accelerate that records the samples of each forward pass, in one process or in each of several."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

import paramsched as ps
from engines.planned_batches import BY_SAMPLES, LENGTH, X
from paramsched.engines import accelerate as engine
from paramsched.errors import InvalidArgument


class Line(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(3.0))

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        return (self.w * X[index] - 1).square().mean()


def train(
    folder: Path, plan: ps.Plan, kill: int | None = None, *, workers: int = 0, accumulation: int = 1, **options: Any
) -> dict[str, Any]:
    """Train until the end, or to the update `kill`; save every third update, and resume from the last one."""
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
    model = Line()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    sampler = ps.BatchSampler(plan, LENGTH, seed=7)
    loader = DataLoader(torch.arange(LENGTH), batch_sampler=sampler, num_workers=workers)
    model, optimizer = accelerator.prepare(model, optimizer)
    scheduler = engine.scheduler(accelerator, optimizer, plan, loader, **options)
    if (folder / "state").exists():
        accelerator.load_state(str(folder / "state"))
    seen: list[list[int]] = []
    for batch in loader:
        if scheduler.t == kill:
            break
        seen.append(batch.tolist())
        with accelerator.accumulate(model):
            accelerator.backward(model(batch))
            optimizer.step()
            optimizer.zero_grad()
        if accelerator.sync_gradients and scheduler.t % 3 == 0:
            accelerator.save_state(str(folder / "state"))
    weight = accelerator.unwrap_model(model).w.item()
    return {"seen": seen, "w": weight, "t": scheduler.t, "total": scheduler.total, "rank": accelerator.process_index}


def refused(loader: Any) -> str:
    """Return the error for a loader that was prepared although it has a BatchSampler."""
    accelerator = Accelerator(cpu=True, dataloader_config=None)
    accelerator.even_batches = False
    optimizer = torch.optim.SGD(Line().parameters(), lr=0.1)
    try:
        engine.scheduler(accelerator, optimizer, BY_SAMPLES, accelerator.prepare(loader))
    except InvalidArgument as refusal:
        return str(refusal)
    return ""


if __name__ == "__main__":  # in each process of torchrun
    folder, kill = Path(sys.argv[1]), int(sys.argv[2])
    found = train(folder, BY_SAMPLES, kill or None)
    sampler = ps.BatchSampler(BY_SAMPLES, LENGTH)
    found["refused"] = refused(DataLoader(torch.arange(LENGTH), batch_sampler=sampler))
    (folder / f"{'killed' if kill else 'whole'}-{found['rank']}.json").write_text(json.dumps(found))
