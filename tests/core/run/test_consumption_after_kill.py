"""A run that reports its tokens is killed at random moments and ends with the uninterrupted values and weights."""

import os
import random
import time
from pathlib import Path

import pytest
import torch

from core.run.consumption_job import BATCHES, train
from support.example_runs import KILLS
from support.programs import Program

# Kills of a run that counts tokens, or samples, are in the tests of the Runner and of growing batches too.
pytestmark = [pytest.mark.heavy, pytest.mark.long]

TESTS = Path(__file__).parents[2]


def start(folder):
    paths = [str(TESTS), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    return Program(["-m", "core.run.consumption_job", str(folder)], env=environment)


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
    threads, chance = torch.get_num_threads(), random.Random(KILLS)
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
