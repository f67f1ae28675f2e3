"""A run that reports its tokens is killed at random moments and ends with the uninterrupted values and weights."""

import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import paramsched as ps
from core.run import jobs
from support.example_runs import KILLS

# ---------------------------------------------------------------------- in each process

BATCHES = 600
PLAN = ps.Plan(
    lr=ps.warmup("20_000 tokens") >> ps.cosine(to=0.1),
    weight_decay=ps.linear(1.0, 0.5),
    clock="tokens",
    total="80_000 tokens",
)


def train(folder: Path) -> dict[str, Any]:
    """Train on batches of varying length, some of which overflow. Return the content of the last checkpoint.

    The checkpoint contains only the states of model and optimizer; the groups contain the position of the plan.
    """
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    scheduler = ps.Scheduler(optimizer, PLAN)
    file = folder / "checkpoint.pt"
    kept = {"batch": 0, "used": []}
    if file.exists():
        kept = torch.load(file, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
    for batch in range(kept["batch"], BATCHES):
        rows = 1 + 7 * batch % 13
        inputs = torch.randn(rows, 4, generator=torch.Generator().manual_seed(batch))
        model(inputs).pow(2).mean().backward()
        scheduler.consumed(tokens=16 * rows)
        if batch % 17 != 5:  # the others are skipped as by a scaler; the next update counts their tokens
            kept["used"].append([scheduler.amount, optimizer.param_groups[0]["lr"]])
            optimizer.step()
        optimizer.zero_grad()
        kept |= {"batch": batch + 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(kept, folder / "new.pt")
        (folder / "new.pt").replace(file)
    return kept


# ---------------------------------------------------------------------- the test

# Kills of a run that counts tokens, or samples, are in the tests of the Runner and of growing batches too.
pytestmark = [pytest.mark.heavy, pytest.mark.long]


def start(folder):
    return jobs.start("test_consumption_after_kill", folder)


def saved(folder):
    file = folder / "checkpoint.pt"
    return file.stat().st_mtime_ns if file.exists() else 0


def kill_soon(process, folder, chance):
    """Kill a process at a random moment after its next checkpoint."""
    before = saved(folder)
    while process.poll() is None and saved(folder) == before:
        time.sleep(0.005)
    time.sleep(chance.uniform(0.0, 0.15))
    process.kill()
    process.wait()


def test_a_killed_run_ends_like_an_uninterrupted_one(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    threads = torch.get_num_threads()
    chance = random.Random(KILLS)
    torch.set_num_threads(1)
    whole = train(tmp_path / "whole")
    torch.set_num_threads(threads)

    for _ in range(KILLS):
        kill_soon(start(tmp_path / "killed"), tmp_path / "killed", chance)
    assert start(tmp_path / "killed").wait() == 0

    killed = torch.load(tmp_path / "killed" / "checkpoint.pt", weights_only=True)
    assert killed["batch"] == BATCHES
    assert killed["used"] == whole["used"]
    assert all(torch.equal(killed["model"][name], value) for name, value in whole["model"].items())
    assert killed["optimizer"]["param_groups"] == whole["optimizer"]["param_groups"]


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]))
