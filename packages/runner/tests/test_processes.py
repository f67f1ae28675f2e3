"""Two processes on one machine: once with `accelerate launch`, then started in the same manner without its imports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import paramsched as ps
from support.ports import free_port
from support.programs import Program

pytestmark = pytest.mark.package("compat", "engines")

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).with_name("two_processes.py")


def environment(**more: str) -> dict[str, str]:
    folders = [str(ROOT / folder) for folder in ("src", "packages/runner/src", "tests")]
    paths = [*folders, *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "ACCELERATE_USE_CPU": "true", **more}


def launch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Accelerate starts several processes only with its multi-device launcher; the variable selects the CPU.
    options = "--multi_gpu --num_processes=2 --num_machines=1 --num_cpu_threads_per_process=1 --mixed_precision=no"
    script = [str(SCRIPT), str(folder), *arguments]
    command = ["-m", "accelerate.commands.launch", *options.split(), "--dynamo_backend=no"]
    command += [f"--main_process_port={free_port()}", *script]
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment(), timeout=240)


def both(folder: Path, *arguments: str) -> tuple[list[int], str]:
    """Return the exit statuses and the error output of two processes."""
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    shared |= {"OMP_NUM_THREADS": "1"}
    started = [
        Program(
            [str(SCRIPT), str(folder), *arguments],
            environment(**shared, RANK=rank, LOCAL_RANK=rank),
        )
        for rank in ("0", "1")
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    return [process.wait() for process in started], "\n".join(errors)


def facts(folder: Path) -> tuple[dict, dict]:
    first, second = (json.loads((folder / f"facts_{rank}.json").read_text()) for rank in (0, 1))
    return first, second


@pytest.mark.package("mmengine")
def test_two_processes_count_once_and_resume_exactly_after_a_kill(tmp_path):
    whole = tmp_path / "whole"
    again = tmp_path / "again"
    finished, errors = both(whole, "dicts")
    killed, _ = both(again, "dicts", "kill")
    resumed, errors_of_resumed = both(again, "dicts", "resume")

    assert finished == [0, 0], errors
    assert killed == [-signal.SIGKILL, -signal.SIGKILL]
    assert resumed == [0, 0], errors_of_resumed
    first, second = facts(whole)
    assert first == second == facts(again)[0] == facts(again)[1]
    assert (first["iters"], first["ticks"]) == (22, 22)
    assert (again / "values.jsonl").read_text() == (whole / "values.jsonl").read_text()
    validations = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["samples"] for line in validations] == [7, 7]


@pytest.mark.long
def test_a_plan_counts_the_updates_of_one_process(tmp_path):
    finished = launch(tmp_path, "plan")

    assert finished.returncode == 0, finished.stderr
    first, second = facts(tmp_path)
    used = [json.loads(line)["groups"][0]["lr"] for line in (tmp_path / "values.jsonl").read_text().splitlines()]
    plan = ps.Plan(lr=ps.warmup("3 steps") >> ps.cosine(to=0.1))
    assert first == second
    assert used == ps.trace(plan, {"lr": 0.1}, total=12)["lr", 0].tolist()


@pytest.mark.long
def test_a_train_step_that_bypasses_the_distributed_wrapper_is_rejected(tmp_path):
    finished, errors = both(tmp_path, "never")

    assert 0 not in finished
    assert "it did not call self(…)" in errors


@pytest.mark.long
def test_the_samples_of_both_processes_are_summed_also_after_a_kill(tmp_path):
    whole = tmp_path / "whole"
    again = tmp_path / "again"
    finished, errors = both(whole, "samples")
    killed, _ = both(again, "samples", "kill")
    resumed, errors_of_resumed = both(again, "samples", "resume")

    assert finished == [0, 0], errors
    assert killed == [-signal.SIGKILL, -signal.SIGKILL]
    assert resumed == [0, 0], errors_of_resumed
    lines = [json.loads(line) for line in (whole / "values.jsonl").read_text().splitlines()]
    # Eleven batches of two samples for each process: cycles of three, three, three and two batches in each epoch.
    assert [line["samples"] for line in lines] == [0, 12, 24, 36, 44, 56, 68, 80]
    plan = ps.Plan(lr=ps.warmup("20 samples") >> ps.cosine(to=0.1), clock="samples")
    planned = ps.trace(plan, {"lr": 0.1}, total=96, batch_size=1)["lr", 0]
    assert [line["groups"][0]["lr"] for line in lines] == [planned[line["samples"]] for line in lines]
    first, second = facts(whole)
    assert first == second == facts(again)[0] == facts(again)[1]
    assert first["amount"] == 88
    assert (again / "values.jsonl").read_bytes() == (whole / "values.jsonl").read_bytes()
