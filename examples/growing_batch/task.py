"""The shared parts of these training loops: the plan, a quick task, checkpoints and the final check."""

import io
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Sampler, TensorDataset

import paramsched as ps

SAMPLES = 6_000  # in the entire run
SAVE_EVERY = 10  # updates

State = dict[str, Any]


def plan() -> ps.Plan:
    """Return the plan: samples are its clock, and the batch grows from 16 to 64."""
    size = ps.Target("batch_size", 1)
    return ps.Plan(
        ps.Binding(size, "rounded(linear(16, 64, over='50%'), 16)"),
        lr="warmup('5%') >> cosine(to=0.1)",
        clock="samples",
        total=f"{SAMPLES} samples",
    )


def samples() -> TensorDataset:
    """Return 1,024 points and a synthetic function of them."""
    points = torch.rand(1024, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return TensorDataset(points, torch.sin(3 * points.sum(dim=1, keepdim=True)))


def network() -> nn.Module:
    """Return a network with the same initial weights in every process."""
    torch.set_num_threads(1)  # sums in the same order, so that a resumed run ends with the same bits
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 1))


class SamplesFrom(Sampler[int]):
    """Sample forever, in an order that depends only on the number of samples seen. Each epoch is shuffled anew."""

    def __init__(self, length: int, seen: int) -> None:
        self.length, self.seen = length, seen

    def __iter__(self) -> Iterator[int]:
        for epoch in count(self.seen // self.length):
            order = torch.randperm(self.length, generator=torch.Generator().manual_seed(epoch)).tolist()
            yield from order[max(self.seen - epoch * self.length, 0) :]


def saved(file: Path) -> State | None:
    """Return the last checkpoint, or None at the start of a run."""
    state: State | None = torch.load(file, weights_only=True) if file.exists() else None
    return state


def save(file: Path, state: State) -> None:
    """Write a checkpoint atomically: after a kill the file is either the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(buffer.getvalue())
    part.replace(file)


def finish(folder: Path, used: list[list[float]]) -> None:
    """Write the lr and the batch size that every update used, and compare them with the plan."""
    folder.joinpath("values.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in used), encoding="utf-8")
    planned = ps.trace(plan(), bases={"lr": 0.01})
    rows = zip(planned["lr"], planned["batch_size"], strict=True)
    equal = sum(row == [lr, size] for row, (lr, size) in zip(used, rows, strict=True))
    print(f"planned = used at {equal} of {planned.total} updates; the last batch had {used[-1][1]:.0f} samples")
