"""The two loops with a growing batch: each uses the planned values and resumes exactly after a kill."""

import json
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import torch

from support.example_runs import KILLS, ROOT, environment
from support.programs import Program
from support.spread import spread

EXAMPLES = ROOT / "examples" / "growing_batch"
LOOPS = ["value_in_the_loop", "batch_sampler"]

pytestmark = pytest.mark.heavy


def start(loop: str, folder: Path) -> Program:
    return Program([str(EXAMPLES / f"{loop}.py"), str(folder)], env=environment())


def finished(process: Program) -> str:
    said, errors = process.communicate()
    assert process.returncode == 0, errors
    return said


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "checkpoint.pt", weights_only=True)["model"]
    return state


def has_saved(folder: Path) -> bool:
    return (folder / "checkpoint.pt").exists()


@pytest.fixture(scope="module")
def whole(request, tmp_path_factory):
    """Return the name, the folder, the output and the duration of an uninterrupted loop."""
    folder = tmp_path_factory.mktemp("whole")
    process = start(request.param, folder)
    while process.poll() is None and not has_saved(folder):
        time.sleep(0.005)
    began = time.monotonic()
    return request.param, folder, finished(process), time.monotonic() - began


@pytest.mark.parametrize("whole", spread(LOOPS, "batch_sampler"), indirect=True)
def test_the_batch_grows_as_planned(whole):
    _, folder, said, _ = whole
    sizes = [json.loads(line)[1] for line in (folder / "values.jsonl").read_text().splitlines()]

    assert said == f"planned = used at {len(sizes)} of {len(sizes)} updates; the last batch had 64 samples\n"
    assert sorted(set(sizes)) == [16, 32, 48, 64]
    assert sizes == sorted(sizes)
    assert sum(sizes[:-1]) < 6_000 <= sum(sizes)


@pytest.mark.parametrize("whole", spread(LOOPS), indirect=True)
def test_starting_a_finished_run_again_prints_its_result(whole, tmp_path):
    loop, uninterrupted, said, _ = whole
    folder = shutil.copytree(uninterrupted, tmp_path / "run")

    again = finished(start(loop, folder))

    assert again == said
    assert (folder / "values.jsonl").read_bytes() == (uninterrupted / "values.jsonl").read_bytes()


@pytest.mark.parametrize("number", range((KILLS + 1) // 2))
@pytest.mark.parametrize("whole", spread(LOOPS, "batch_sampler"), indirect=True)
def test_a_killed_loop_resumes_to_the_same_values_and_weights(whole, tmp_path, number):
    loop, uninterrupted, _, seconds = whole
    process = start(loop, tmp_path)
    while process.poll() is None and not has_saved(tmp_path):
        time.sleep(0.005)
    try:
        process.communicate(timeout=random.Random(number).uniform(0, seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()

    finished(start(loop, tmp_path))

    assert (tmp_path / "values.jsonl").read_bytes() == (uninterrupted / "values.jsonl").read_bytes()
    for name, expected in weights(uninterrupted).items():
        assert torch.equal(weights(tmp_path)[name], expected), name
