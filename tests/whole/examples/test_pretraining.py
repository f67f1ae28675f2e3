"""The pretraining example as a user runs it: its batch grows, and it resumes exactly after a kill."""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch

from support import example_runs
from support.example_runs import KILLS, ROOT, kill_at_random, wait_for_checkpoint
from support.spread import spread

TRAIN = ROOT / "examples" / "pretraining" / "train.py"
PLAN = """
clock: tokens
total: 60k tokens
lr: warmup("10%") >> constant()
weight_decay: linear(0.5, 1)
targets:
  batch_size: {initial: 1, schedule: 'rounded(linear(2, 16, over="30k tokens"), 2)'}
"""

# `make test` kills, resumes and rejects the digits example in the same manner.
pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("plan") / "plan.yaml"
    file.write_text(PLAN)
    return file


@pytest.fixture(scope="module")
def whole(plan, tmp_path_factory):
    """Return the folder, the output and the duration of an uninterrupted run."""
    output = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    finished = run(output, "--plan", str(plan))
    return output, finished, time.monotonic() - began


def run(output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return example_runs.run(TRAIN, output, *arguments)


def lines_of(output: Path) -> list[dict]:
    return [json.loads(line) for line in (output / "values.jsonl").read_text().splitlines()]


def weights(output: Path) -> dict[str, torch.Tensor]:
    return torch.load(output / "checkpoint.pt", weights_only=True)["model"]


def files(output: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in output.iterdir()}


@pytest.mark.long
def test_a_run_prints_its_progress_and_the_audit(whole):
    output, finished, _ = whole

    losses = re.findall(r"^ +[\d,]+ +[\d,]+ +\d+ +\S+ +([\d.]+)$", finished.stdout, re.MULTILINE)
    updates = len(lines_of(output))
    assert finished.returncode == 0, finished.stderr
    assert float(losses[-1]) < float(losses[0])
    assert f"planned = used at {updates} of {updates} updates" in finished.stdout


@pytest.mark.long
def test_the_logged_batch_size_grows_and_the_tokens_are_the_sum_of_earlier_batches(whole):
    lines = lines_of(whole[0])

    sizes = [line["batch_size"] for line in lines]
    assert sizes[0] == 2
    assert sizes[-1] > sizes[0]
    assert all(size % 2 == 0 for size in sizes)
    assert sizes == sorted(sizes)
    assert [line["tokens"] for line in lines] == [64 * sum(sizes[:t]) for t in range(len(sizes))]


@pytest.mark.long
def test_the_plot_command_in_the_last_line_works(whole):
    command = re.search(r"^To draw the final plan: +(.*)$", whole[1].stdout, re.MULTILINE)[1]

    subprocess.run(command.split(), env=example_runs.environment(), check=True)

    assert "batch_size" in (whole[0] / "plan.svg").read_text()


@pytest.mark.long
@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_killed_at_a_random_moment_resumes_to_the_same_values_and_weights(whole, plan, tmp_path, number):
    uninterrupted, _, seconds = whole
    kill_at_random(example_runs.start(TRAIN, tmp_path, "--plan", str(plan)), tmp_path, number, seconds)

    has_begun = (tmp_path / "values.jsonl").exists()
    resumed = run(tmp_path, "--plan", str(plan), *["--resume"] * has_begun)

    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "values.jsonl").read_bytes() == (uninterrupted / "values.jsonl").read_bytes()
    for name, expected in weights(uninterrupted).items():
        assert torch.equal(weights(tmp_path)[name], expected), name


@pytest.mark.long
def test_an_interrupted_run_prints_the_resume_command_and_so_does_a_new_start(plan, tmp_path):
    process = example_runs.start(TRAIN, tmp_path, "--plan", str(plan))
    wait_for_checkpoint(process, tmp_path)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    left = files(tmp_path)

    next_one = run(tmp_path, "--plan", str(plan))

    go_on = f"--plan {plan} --output {tmp_path} --resume"
    assert process.returncode == 130
    assert go_on in said
    assert next_one.returncode == 2
    assert go_on in next_one.stderr
    assert files(tmp_path) == left


@pytest.mark.long
def test_an_invalid_plan_is_one_message_and_does_not_change_the_previous_run(whole, tmp_path):
    bad = tmp_path / "plan.yaml"
    bad.write_text("total: 10 steps\nlearning: cosine()\n")
    output = tmp_path / "run"
    shutil.copytree(whole[0], output)
    before = files(output)

    refused = run(output, "--plan", str(bad), "--restart")

    assert refused.returncode == 1
    assert "learning" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert files(output) == before


@pytest.mark.long
@pytest.mark.parametrize("name", spread(["checkpoint.pt", "values.jsonl"], "checkpoint.pt"))
def test_a_damaged_file_is_named_and_the_run_does_not_restart(whole, plan, tmp_path, name):
    output = tmp_path / "run"
    shutil.copytree(whole[0], output)
    spoiled = (output / name).read_bytes()
    (output / name).write_bytes(spoiled[:1000] + b"?" + spoiled[1001:])
    before = files(output)

    refused = run(output, "--plan", str(plan), "--resume")

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"{output / name} is damaged")
    assert files(output) == before


@pytest.mark.long
def test_a_run_on_the_text_of_another_python_is_not_resumed(whole, plan, tmp_path):
    output = shutil.copytree(whole[0], tmp_path / "run")
    state = torch.load(output / "checkpoint.pt", weights_only=True)
    torch.save(state | {"text": "another"}, output / "checkpoint.pt")
    before = files(output)

    refused = run(output, "--plan", str(plan), "--resume")

    assert refused.returncode == 1
    assert "another text" in refused.stderr
    assert files(output) == before
