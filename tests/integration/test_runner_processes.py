"""Two processes on one machine, as `accelerate launch` starts them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def launch(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Accelerate starts several processes only by its launcher for several devices; the variable puts them on the CPU.
    options = "--multi_gpu --num_processes=2 --num_machines=1 --num_cpu_threads_per_process=1 --mixed_precision=no"
    script = [str(TESTS / "runner_two_processes.py"), str(folder), *arguments]
    command = ["-m", "accelerate.commands.launch", *options.split(), "--dynamo_backend=no"]
    command += [f"--main_process_port={port}", *script]
    paths = [str(TESTS.parent / "src"), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "ACCELERATE_USE_CPU": "true"}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, timeout=240)


def facts(folder: Path) -> tuple[dict, dict]:
    first, second = (json.loads((folder / f"facts_{rank}.json").read_text()) for rank in (0, 1))
    return first, second


@pytest.mark.parametrize(("kind", "ticks", "updates"), [("dicts", 22, 22), ("plan", 12, 12)])
def test_two_processes_share_weights_count_once_and_resume_exactly(tmp_path, kind, ticks, updates):
    whole, again = tmp_path / "whole", tmp_path / "again"
    finished = launch(whole, kind)
    killed = launch(again, kind, "kill")
    resumed = launch(again, kind, "resume")

    first, second = facts(whole)
    log = (whole / "values.jsonl").read_text()
    assert finished.returncode == 0, finished.stderr
    assert killed.returncode != 0
    assert resumed.returncode == 0, resumed.stderr
    assert first["iters"] == 22
    assert first == second == facts(again)[0] == facts(again)[1]
    assert first["ticks"] == ticks
    assert len(log.splitlines()) == updates
    assert (again / "values.jsonl").read_text() == log
    validations = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [line["samples"] for line in validations] == [7, 7]


def test_a_train_step_past_the_wrapper_that_shares_gradients_is_refused(tmp_path):
    finished = launch(tmp_path, "never")

    assert finished.returncode != 0
    assert "it did not call self(…)" in finished.stderr
