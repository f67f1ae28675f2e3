"""Train one small language model with six schedules and five seeds, and write the losses to `small_runs.csv`.

Runs of one seed share their initial weights and the order of their data. The model predicts the bytes of the standard
library's Python files, in less than one epoch. A loss is the mean of 20 updates.
"""

import csv
import sys
import sysconfig
from pathlib import Path

import numpy as np
import torch
from torch import nn

import paramsched as ps

UPDATES, LOGGED, SEEDS, PEAK = 3000, 20, range(5), 2e-3
WARMUP = "warmup(100)"
PLANS = {
    name: ps.Plan(lr=f"{WARMUP} >> {shape}", horizon=UPDATES)
    for name, shape in {
        "constant": "constant()",
        "cosine": "cosine(to=0.1)",
        "drop": 'constant(over="1400 steps") >> constant(0.3)',
        "linear": "linear(to=0.1)",
        "wsd": 'constant() >> linear(to=0.1, over="20%")',
        "sqrt": 'constant() >> polynomial(to=0.1, power=0.5, over="40%")',
    }.items()
}


def new_model() -> nn.Module:
    """Return a perceptron that predicts a byte from the 12 bytes in front of it."""
    hidden = [nn.Linear(12 * 24, 192), nn.GELU(), nn.Linear(192, 192), nn.GELU(), nn.Linear(192, 256)]
    return nn.Sequential(nn.Embedding(256, 24), nn.Flatten(), *hidden)


def train(plan: ps.Plan, seed: int, text: torch.Tensor) -> list[float]:
    """Return the mean loss of each 20 updates."""
    torch.manual_seed(seed)
    model = new_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, betas=(0.9, 0.95), weight_decay=0.1)
    ps.Scheduler(optimizer, plan)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(text) // 13))
    found = []
    for t in range(UPDATES):
        rows = text[: len(order) * 13].view(-1, 13)[order[128 * t : 128 * t + 128]].long()
        loss = nn.functional.cross_entropy(model(rows[:, :12]), rows[:, 12])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        found.append(loss.item())
    return np.reshape(found, (-1, LOGGED)).mean(axis=1).tolist()


if __name__ == "__main__":
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(file for file in folder.rglob("*.py") if "site-packages" not in file.parts)
    joined = b"\n".join(file.read_bytes() for file in files)
    text = torch.frombuffer(bytearray(joined), dtype=torch.uint8)
    print(f"{len(joined):,} bytes", file=sys.stderr)
    curves = {}
    for seed in SEEDS:
        for name, plan in PLANS.items():
            curves[f"{name}_{seed}"] = train(plan, seed, text)
            print(name, seed, curves[f"{name}_{seed}"][-1], file=sys.stderr, flush=True)
    with Path(sys.argv[1] if len(sys.argv) > 1 else "small_runs.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["step", *curves])
        for at, losses in enumerate(zip(*curves.values(), strict=True)):
            writer.writerow([at * LOGGED + LOGGED // 2, *(f"{loss:.4f}" for loss in losses)])
