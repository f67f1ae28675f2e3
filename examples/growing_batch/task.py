"""What the loops of this folder share: a plan, a task of a second, and what a run keeps of itself."""

import io
import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Sampler, TensorDataset

import paramsched as ps
from paramsched.run_files.disk import replace_bytes

SAMPLES = 6_000  # in the whole run
SAVE_EVERY = 10  # updates

State = dict[str, Any]


def plan(write: Callable[[float], None] | None = None) -> ps.Plan:
    """Return the plan; `write` is told each new batch size."""
    batch_size = ps.Target("batch_size", 1, write)
    return ps.Plan(
        ps.Binding(batch_size, "rounded(linear(16, 64, over='50%'), 16)"),
        lr="warmup('5%') >> cosine(to=0.1)",
        clock="samples",
        horizon=f"{SAMPLES} samples",
    )


def samples() -> TensorDataset:
    """Return 1,024 places, and a made function of them."""
    places = torch.rand(1024, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return TensorDataset(places, torch.sin(3 * places.sum(dim=1, keepdim=True)))


def network() -> nn.Module:
    """Return the same network in every process, which does the same sums in the same order."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 1))


class SamplesFrom(Sampler[int]):
    """Which samples come next, without end: a function of how many were seen. Each pass has another order."""

    def __init__(self, data: TensorDataset, seen: int) -> None:
        self.length, self.seen = len(data), seen

    def __iter__(self) -> Iterator[int]:
        for this_pass in count(self.seen // self.length):
            order = torch.randperm(self.length, generator=torch.Generator().manual_seed(this_pass)).tolist()
            yield from order[max(self.seen - this_pass * self.length, 0) :]


def saved(file: Path) -> State | None:
    """Return the last checkpoint; None where a run begins."""
    state: State | None = torch.load(file, weights_only=True) if file.exists() else None
    return state


def save(file: Path, state: State) -> None:
    """Write a checkpoint: a kill leaves the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    replace_bytes(file, buffer.getvalue())


def finish(folder: Path, used: list[list[float]]) -> None:
    """Write down what every update used, an lr and a batch size, and compare it with the plan."""
    folder.joinpath("values.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in used))
    planned = ps.trace(plan(), {"lr": 0.01})
    rows = zip(planned["lr"], planned["batch_size"], strict=True)
    equal = sum(row == [lr, size] for row, (lr, size) in zip(used, rows, strict=True))
    print(f"planned = used at {equal} of {planned.total} updates; the last batch had {used[-1][1]:.0f} samples")
