"""The digits example as a user runs it: its output, and exact resumption after a stop at any moment."""

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

TRAIN = ROOT / "examples" / "digits" / "train.py"
EPOCHS = {20: TRAIN.with_name("plan.yaml").read_text(encoding="utf-8")}
# The same plan with a quarter of the epochs, because its 900 updates take ten times as long as the start of the run.
EPOCHS[5] = re.sub(r"\b(\d+) epochs", lambda match: f"{int(match[1]) / 4:g} epochs", EPOCHS[20])

pytestmark = pytest.mark.heavy


def start(output: Path, *arguments: str) -> subprocess.Popen[str]:
    return example_runs.start(TRAIN, output, *arguments)


def run(output: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return example_runs.run(TRAIN, output, *arguments)


def weights(output: Path) -> dict[str, torch.Tensor]:
    saved = torch.load(output / "checkpoint.pt", weights_only=True)
    return saved["model"]


@pytest.fixture(scope="module", params=spread([5, 20], 5))
def epochs(request):
    return request.param


@pytest.fixture(scope="module")
def plan(epochs, tmp_path_factory):
    """Return the arguments for a plan of this many epochs."""
    if epochs == 20:
        return ()
    file = tmp_path_factory.mktemp("plan") / "plan.yaml"
    file.write_text(EPOCHS[epochs], encoding="utf-8")
    return "--plan", str(file)


@pytest.fixture(scope="module")
def whole(plan, tmp_path_factory):
    """Return the folder, the output and the duration of an uninterrupted run."""
    output = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    finished = run(output, *plan)
    return output, finished, time.monotonic() - began


@pytest.fixture
def one_epoch(tmp_path):
    """A plan as short as the tests that need no more."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("total: 1 epoch\nlr: linear(1, 0.1)\n")
    return plan


def test_a_run_shows_the_plan_then_its_accuracy_then_the_audit(whole, epochs):
    output, finished, _ = whole

    picture, accuracy, agreement, *files = re.split(
        r"^(?=accuracy|planned)|^(?=/)", finished.stdout, flags=re.MULTILINE
    )
    assert finished.returncode == 0, finished.stderr
    assert all(field in picture for field in ("lr", "weight_decay", "betas[0]"))
    assert float(re.match(r"accuracy ([\d.]+)%", accuracy)[1]) >= 97
    assert agreement.strip() == f"planned = used at {45 * epochs} of {45 * epochs} updates"
    assert [Path(file.strip()) for file in files] == [output / n for n in ("report.html", "plan.svg", "values.jsonl")]
    assert all(Path(file.strip()).stat().st_size for file in files)


def test_the_log_has_a_line_for_each_update_with_the_values_of_both_groups(whole, epochs):
    lines = [json.loads(line) for line in (whole[0] / "values.jsonl").read_text().splitlines()]

    assert [line["t"] for line in lines] == list(range(45 * epochs))
    assert all(group.keys() == {"lr", "weight_decay", "betas[0]"} for line in lines for group in line["groups"])
    assert all(line["groups"][1]["weight_decay"] == 0 for line in lines)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_killed_at_a_random_moment_resumes_to_the_same_values_and_weights(whole, plan, tmp_path, number):
    uninterrupted, _, seconds = whole
    kill_at_random(start(tmp_path, *plan), tmp_path, number, seconds)

    resume = ["--resume"] if any(tmp_path.iterdir()) else []  # else killed before it started
    resumed = run(tmp_path, *resume, *plan)

    assert resumed.returncode == 0, resumed.stderr
    assert (tmp_path / "values.jsonl").read_bytes() == (uninterrupted / "values.jsonl").read_bytes()
    for name, expected in weights(uninterrupted).items():
        assert torch.equal(weights(tmp_path)[name], expected), name


@pytest.mark.long
def test_an_interrupted_run_prints_the_resume_command_and_so_does_a_new_start(tmp_path):
    process = start(tmp_path)
    wait_for_checkpoint(process, tmp_path)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    left = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    next_one = run(tmp_path)

    resume = f'make run ARGS="--resume --output {tmp_path}"'
    assert process.returncode == 130
    assert resume in said
    assert next_one.returncode == 2
    assert resume in next_one.stderr
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == left


@pytest.mark.long
def test_a_run_after_a_finished_one_starts_from_the_beginning(tmp_path, one_epoch):
    output = tmp_path / "run"
    first = run(output, "--plan", str(one_epoch))
    values = (output / "values.jsonl").read_bytes()

    second = run(output, "--plan", str(one_epoch))

    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert second.stdout == first.stdout
    assert (output / "values.jsonl").read_bytes() == values


@pytest.mark.long
def test_resuming_a_finished_run_prints_its_result_again(whole, plan, tmp_path):
    shutil.copytree(whole[0], tmp_path, dirs_exist_ok=True)

    again = run(tmp_path, "--resume", *plan)

    assert again.returncode == 0, again.stderr
    assert again.stdout.replace(str(tmp_path), str(whole[0])) == whole[1].stdout


def test_resuming_without_a_run_is_reported_and_creates_no_files(tmp_path):
    refused = run(tmp_path / "run", "--resume")

    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Nothing to resume in {tmp_path / 'run'}. To start a run:  make run")
    assert not (tmp_path / "run").exists()


def test_an_invalid_plan_is_one_message_and_does_not_change_the_previous_run(whole, tmp_path):
    invalid = tmp_path / "plan.yaml"
    invalid.write_text("total: 1 epoch\nlr: cosin(to=0.1)\n")
    output = tmp_path / "run"
    shutil.copytree(whole[0], output)
    before = {file.name: file.read_bytes() for file in output.iterdir()}

    refused = run(output, "--plan", str(invalid))

    assert refused.returncode == 1
    assert "cosine" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert {file.name: file.read_bytes() for file in output.iterdir()} == before
